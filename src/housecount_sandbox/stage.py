"""What both platforms of one world share: the clock, the dice, the revision counter and the lock."""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from random import Random
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from housecount_sandbox.clock import MachineClock, Now

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from datetime import datetime

Row = TypeVar("Row")


class Stage:
    """`revision` rises by one with every change of the world, so a server can answer as of an earlier one."""

    def __init__(self, seed: int, now: Now | None = None) -> None:
        self.seed = seed
        self.clock: Now = now or MachineClock()
        self.random = Random(seed)
        self.revision = 0
        self.lock = RLock()
        self.walks = Walks()
        # A frozen moment for building the past; None = the clock's time.
        self.pretend: datetime | None = None
        # The present, held still while one thing happens.
        self.held: datetime | None = None
        # When each revision came, from the moment the past was made: (moment, revision).
        self._history: list[tuple[datetime, int]] = []

    def now(self) -> datetime:
        """The moment at which a change made now happens: an aware datetime in UTC."""
        return self.pretend or self.held or self.clock()

    def step(self) -> int:
        """Begin the next revision and return its number."""
        self.revision += 1
        if self.pretend is None:
            moment = self.clock()
            # In order, also when the clock was put back: what happened after cannot show before.
            if self._history and moment < self._history[-1][0]:
                moment = self._history[-1][0]
            self._history.append((moment, self.revision))
        return self.revision

    def revision_before(self, seconds: float) -> int:
        """The revision that was the newest `seconds` ago by the world's clock."""
        index = bisect_right(self._history, self.clock() - timedelta(seconds=seconds), key=lambda row: row[0])
        if index:
            return self._history[index - 1][1]
        return self._history[0][1] - 1 if self._history else self.revision


class Walks:
    """The rows of the walks under way, so that page after page of one list is not picked out again.

    Rows belong to a revision: any change of the world empties the shelf.
    """

    def __init__(self) -> None:
        self._revision = -1
        self._rows: dict[Hashable, Sequence[Any]] = {}

    def rows(self, revision: int, key: Hashable, pick: Callable[[], Sequence[Row]]) -> Sequence[Row]:
        """What `pick` gives for `key` at `revision`, remembered until the world changes."""
        if revision != self._revision or len(self._rows) > 64:
            self._revision, self._rows = revision, {}
        if key not in self._rows:
            self._rows[key] = pick()
        return self._rows[key]


class Numbers:
    """Ids that look like a platform's: increasing, with gaps, always the same for the same world."""

    def __init__(self, start: int, stride: int) -> None:
        self._last = start
        self._stride = stride

    def next(self) -> str:
        self._last += 1 + self._last % self._stride
        return str(self._last)


class ObjectIds:
    """24 hex digits: eight of seconds, ten of a constant, six of a counter, as document databases make them."""

    def __init__(self, seed: int) -> None:
        self._middle = f"{Random(seed ^ 0x5EED).getrandbits(40):010x}"
        self._count = 0x0A0000

    def next(self, moment: datetime) -> str:
        self._count += 1
        return f"{int(moment.timestamp()) & 0xFFFFFFFF:08x}{self._middle}{self._count & 0xFFFFFF:06x}"
