"""`python -m bench [NAME]... [--quick] [--json]`: runs the benchmarks and prints one table."""

import argparse
import importlib
import signal
import sys
import time

from bench import ground
from bench.report import document, table

NAMES = ("load", "sales", "idle", "memory", "hooks", "issue", "latency", "live", "many", "pages")


def main(arguments: list[str] | None = None) -> int:
    """Runs those named, or all; exit status 0 whether goals are met or not."""
    parser = argparse.ArgumentParser(prog="bench", description="Benchmarks, as ratios.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="smaller amounts, under a minute")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.names) - set(NAMES)):
        parser.error(f"there is no benchmark {', '.join(unknown)}: there are {', '.join(NAMES)}")
    # So that whoever ends us leaves no server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    ground.prepare()
    lines = []
    for name in given.names or NAMES:
        print(f"{name}...", file=sys.stderr, flush=True)
        lines += importlib.import_module(f"bench.{name}").run(quick=given.quick)
    seconds = time.monotonic() - started
    if given.json:
        print(document(lines, seconds))
    else:
        print(table(lines))
        print(f"\n{seconds:.0f} seconds. Trust the ratios; the figures are this machine's.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
