"""When people buy: some at once, most late, in the evening."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

# Share of the sales period gone -> share of tickets sold: an early rush, a lull, a surge at the end.
_POINTS = (
    (0.0, 0.0),
    (0.05, 0.12),
    (0.2, 0.22),
    (0.5, 0.36),
    (0.75, 0.52),
    (0.9, 0.72),
    (0.97, 0.88),
    (1.0, 1.0),
)
_GONE = [gone for gone, _ in _POINTS]
_SOLD = [sold for _, sold in _POINTS]
# Relative sales per local hour of the day, midnight first.
_HOURS = (2, 1, 1, 0, 0, 1, 2, 4, 5, 5, 6, 6, 7, 6, 5, 5, 6, 8, 10, 13, 15, 13, 9, 5)
_CLOCK_FACE = [hour for hour, weight in enumerate(_HOURS) for _ in range(weight)]


def sold_by(gone: float) -> float:
    """Share of the tickets sold when `gone` of the sales period has passed (both 0 to 1)."""
    return _between(_GONE, _SOLD, min(max(gone, 0.0), 1.0))


def sale_moment(
    random: Random, opens: datetime, closes: datetime, until: datetime, zone: ZoneInfo
) -> datetime:
    """A moment of sale in UTC between `opens` and `until`, on the curve that ends at `closes`."""
    length = (closes - opens).total_seconds()
    reached = min((until - opens).total_seconds() / length, 1.0)
    gone = _between(_SOLD, _GONE, random.random() * sold_by(reached))
    moment = opens + timedelta(seconds=int(gone * length))
    # On the last day people buy when they can; before it, mostly in the evening.
    if (closes - moment).days >= 1:
        offset = moment.astimezone(zone).hour
        hour = _CLOCK_FACE[int(random.random() * len(_CLOCK_FACE))]
        evening = moment + timedelta(hours=hour - offset)
        if opens <= evening < until:
            return evening
    return moment


def _between(left: list[float], right: list[float], value: float) -> float:
    index = min(max(bisect_left(left, value), 1), len(left) - 1)
    low, high = left[index - 1], left[index]
    return right[index - 1] + (right[index] - right[index - 1]) * (value - low) / (high - low)
