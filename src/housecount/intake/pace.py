"""How often what hooks point at is read, so that a rush of hooks leaves calls for everything else.

One purchase is told by five hooks within a second and a half (reference: Eventbrite, order of arrival). The first
is followed at once; what else comes of the same object is read together a little later. Where hooks have used up a
good part of an account's calls, they are collected for longer, and then read by lists.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from housecount.platforms.base.hooks import Touch
from housecount.platforms.http.client import Client

#: An object is read again at the earliest so long after its last read began: longer than a purchase's hooks take.
SPACING = timedelta(seconds=1.5)
_MINUTE = timedelta(minutes=1)
#: The share of the calls per minute from which on an account's hooks are collected, and for how long.
_STEPS = ((100, timedelta(seconds=30)), (50, timedelta(seconds=10)), (25, timedelta(seconds=2)))


class Pace:
    """What one account's hooks have used of late. Kept in memory: another process only reads a little more."""

    def __init__(self) -> None:
        self._begun: dict[str, datetime] = {}
        self._calls: deque[tuple[datetime, int]] = deque()
        self.not_before: datetime | None = None

    def too_soon(self, objects: Mapping[Touch, str], now: datetime) -> dict[Touch, datetime]:
        """Which touches are read later, and when."""
        found = {}
        for touch, name in objects.items():
            begun = self._begun.get(name)
            if touch.kind != "account" and begun is not None and begun <= now < begun + SPACING:
                found[touch] = begun + SPACING
        return found

    def begin(self, objects: Sequence[str], now: datetime) -> None:
        """These are read now."""
        self._begun = {name: then for name, then in self._begun.items() if then <= now < then + SPACING}
        self._begun.update(dict.fromkeys(objects, now))

    def end(self, client: Client | None, now: datetime) -> None:
        """A reading is over; `client` says what it used."""
        if client is None:
            return
        self._calls.append((now, client.requests))
        while self._calls and not now - _MINUTE < self._calls[0][0] <= now:
            self._calls.popleft()
        rate = client.profile.rate
        allowed = rate.allowed * 60 / rate.seconds
        share = sum(calls for _, calls in self._calls) * 100 / max(allowed, 1.0)
        self.not_before = next((now + pause for least, pause in _STEPS if share >= least), None)

    def resting(self, now: datetime) -> bool:
        """Whether hooks of the account are being collected."""
        return self.not_before is not None and now < self.not_before <= now + _STEPS[0][1]
