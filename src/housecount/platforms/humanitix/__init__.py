"""Humanitix, public API v1: read only. See README.md for its quirks."""
