"""What Eventbrite's errors and headers mean (reference: its documented errors and recorded answers)."""

import re
from collections.abc import Mapping

import msgspec

from housecount.platforms.base.errors import (
    ConfigError,
    ContractChanged,
    Gone,
    NotAllowed,
    PlatformError,
    RateLimited,
)
from housecount.platforms.eventbrite import wire
from housecount.platforms.http.answers import DEFAULT_WAIT, retry_after
from housecount.platforms.http.budget import BudgetReading
from housecount.platforms.http.errors import ExpansionFailed, PagingReset

LABEL = "Eventbrite"

#: "token:<TOKEN> 22/2000 reset=3530s, key:<KEY> 22/2000 reset=3530s". The names hold secrets and are skipped.
_READING = re.compile(r"(\d{1,9})/(\d{1,9}) reset=(\d{1,6})s", re.ASCII)

_KEY_REFUSED = frozenset({"INVALID_AUTH", "NO_AUTH", "ACCESS_DENIED", "INVALID_AUTH_HEADER"})


def read_budget(headers: Mapping[str, str]) -> BudgetReading | None:
    """The tightest of the buckets in `x-rate-limit`: the token's, and the key's that all users of an app share."""
    found = [
        BudgetReading(used=int(used), limit=int(limit), reset=float(reset))
        for used, limit, reset in _READING.findall(headers.get("x-rate-limit", "")[:2000])
        if int(limit) > 0
    ]
    return max(
        found, key=lambda reading: (reading.used * 1_000_000 // reading.limit, reading.reset), default=None
    )


def classify(status: int, headers: Mapping[str, str], body: bytes) -> PlatformError | None:
    """The error that an unsuccessful JSON answer means; None where its status says enough."""
    try:
        error = wire.failure.decode(body).error
    except msgspec.DecodeError:
        return None
    if error in _KEY_REFUSED:
        return ConfigError("Eventbrite does not accept the private token (any more). Reconnect the account.")
    if error == "NOT_AUTHORIZED" or status == 403:
        return NotAllowed(
            "Eventbrite does not let this token read what it was asked for. Ask the owner of the organisation for "
            "the right to see orders and attendees, or connect with another token."
        )
    if status == 429 or error == "HIT_RATE_LIMIT":
        reading = read_budget(headers)
        asked = retry_after(headers)
        if asked is None:
            asked = reading.reset if reading and reading.used >= reading.limit else DEFAULT_WAIT
        return RateLimited(
            "Eventbrite's hourly limit of calls is used up; reading goes on when it starts anew.", asked
        )
    if error in {"BAD_CONTINUATION_TOKEN", "BAD_PAGE"}:
        return PagingReset("Eventbrite no longer knows the place in a list.")
    if error == "EXPANSION_FAILED":
        return ExpansionFailed("Eventbrite could not put related objects into its answer.")
    if error == "ORDER_EXPIRED":
        return Gone("Eventbrite says that this order has expired.")
    if status == 400:
        return ContractChanged(
            "Eventbrite refused our question as badly put. The makers of Housecount should know."
        )
    return None
