"""The time zones there are."""

import zoneinfo
from functools import cache


@cache
def zone_names() -> frozenset[str]:
    """The names of all IANA time zones that this machine knows: a walk through its files, made once."""
    return frozenset(zoneinfo.available_timezones())
