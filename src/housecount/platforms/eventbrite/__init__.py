"""Eventbrite, API v3: read only. See README.md for its quirks."""
