"""What the platforms leave open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Limits:
    """How the platforms ration, delay and choose where nobody has shown what they do. 0: no limit."""

    eventbrite_per_hour: int = 2_000
    humanitix_per_minute: int = 200
    # What Humanitix says with its 429: seconds, or None for no Retry-After.
    humanitix_retry_after: int | None = None
    # The first call after `cold_after` quiet seconds takes so much longer.
    humanitix_cold_seconds: float = 0.0
    humanitix_cold_after: float = 300.0
    # Whether a page size above 100 is refused by Humanitix or quietly lowered.
    humanitix_refuses_large_pages: bool = True
    # The documented status of a wrong Eventbrite token is 400, the observed one 401.
    eventbrite_invalid_token_status: int = 401
    # How long a change takes to show in Eventbrite's answers, by the world's clock.
    eventbrite_read_lag_seconds: float = 0.0
    # Shares of hooks sent twice and never, and a factor on their recorded delays.
    eventbrite_hook_repeats: float = 0.0
    eventbrite_hook_losses: float = 0.0
    eventbrite_hook_pace: float = 1.0
    # Every hook leaves so much later, and by the dice up to so much more, so that hooks change places.
    eventbrite_hook_delay_seconds: float = 0.0
    eventbrite_hook_jitter_seconds: float = 0.0
    # Whether a hook that was not answered with 2xx is sent again is not known: how often, and how long after.
    eventbrite_hook_retries: int = 0
    eventbrite_hook_retry_seconds: float = 1.0
    # Calls for one organisation; 1,000 a day on Xero's starter tier.
    xero_per_minute: int = 60
    xero_per_day: int = 5_000
    xero_concurrent: int = 5
    xero_per_app_minute: int = 10_000
    # What Xero says with a 429 for too many at once: seconds, or None for no Retry-After.
    xero_concurrent_retry_after: int | None = None
    # Whether a 429 has no body.
    xero_empty_429: bool = False
    # Whether one bad element makes a 400 when summarizeErrors is not said.
    xero_summarizes_errors: bool = True
    # How a call without the scope it needs is answered.
    xero_scope_status: int = 401
    xero_scope_word: str = "insufficient_scope"
    # How another request under an Idempotency-Key that was used is answered.
    xero_key_mismatch_status: int = 400
    # Whether a line's total is rounded before its tax is taken.
    xero_rounds_line_first: bool = True
    # Whether InvoiceNumbers finds bills.
    xero_numbers_find_bills: bool = True
    # Whether a deleted draft's number can be used again.
    xero_deleted_numbers_free: bool = False
    # Whether a document of nothing is paid when it is approved.
    xero_zero_is_paid: bool = True
    # Shares of Xero's hooks sent twice and never; by the dice up to so much later; how often one that was not
    # taken is sent again, first so long after, then twice as long each time, until the hook is turned off.
    xero_hook_repeats: float = 0.0
    xero_hook_losses: float = 0.0
    xero_hook_jitter_seconds: float = 0.0
    xero_hook_retries: int = 5
    xero_hook_retry_seconds: float = 1.0
