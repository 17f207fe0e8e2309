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
