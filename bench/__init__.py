"""Benchmarks: `python -m bench`. What they mean is in docs/reference/benchmarks.md."""
