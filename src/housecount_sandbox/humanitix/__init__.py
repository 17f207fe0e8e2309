"""The stand-in for Humanitix's public API v1."""
