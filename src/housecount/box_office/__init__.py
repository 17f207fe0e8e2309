"""Venues, shows, accounts, listings, orders, tickets, the sales ledger and its totals."""
