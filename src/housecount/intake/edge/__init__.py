"""The edge: a small ASGI application in front of the pages. It takes webhooks, and knows nothing of Django."""
