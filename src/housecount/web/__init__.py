"""Pages, live updates, static files."""
