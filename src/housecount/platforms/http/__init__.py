"""One HTTP client for every platform: budget, retries, breaker, limits and redaction."""
