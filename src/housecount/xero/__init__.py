"""Xero: the connection to an organisation's books, and what is written into them."""
