"""The engine: reads, bookmarks, freshness, budgets, and the accounts that they go through."""
