"""The pages in a real browser, before a whole installation of its own."""
