"""Ticketing platforms: one folder each. Nothing here knows Django or the database."""
