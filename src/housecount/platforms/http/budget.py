"""What keeps us welcome at a platform: the budget of a credential and the breaker of an account.

The client only knows the two faces `Budget` and `Breaker`. The implementations here live in one process and
serve a single check, a command or a test; where several processes share a credential, the faces are backed by
rows.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from housecount.platforms.base.errors import CircuitOpen, PlatformError, RateLimited, Transient

#: Seconds of a monotonic clock.
Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


class Rate(Struct, frozen=True, kw_only=True):
    """`limit` calls in `seconds`, of which we take the share `percent`: other programs may use the same key."""

    limit: int
    seconds: float
    percent: int = 80

    @property
    def allowed(self) -> int:
        """How many calls of a window are ours; at least one."""
        return share(self.limit, self.percent)


def share(limit: int, percent: int) -> int:
    """`percent` of `limit`, rounded down, at least one."""
    return max(1, limit * percent // 100)


class BudgetReading(Struct, frozen=True, kw_only=True):
    """What a platform said of a credential: `used` of `limit` calls, and the seconds until it starts anew."""

    used: int
    limit: int
    reset: float


class Budget(Protocol):
    """The calls that one credential may still make, shared by all who use it."""

    async def acquire(self) -> None:
        """Waits for one call's room. Raises `RateLimited` when the wait would exceed the patience."""
        ...

    async def report(self, reading: BudgetReading) -> None:
        """Takes over what the platform itself counted."""
        ...

    async def hold(self, seconds: float) -> None:
        """Lets nobody call for `seconds`."""
        ...


class Breaker(Protocol):
    """Leaves an account alone for a while after failures in a row."""

    async def before(self) -> None:
        """Raises `CircuitOpen` while the account is to be left alone; when half open, lets one caller try."""
        ...

    async def succeeded(self) -> None: ...

    async def failed(self, error: PlatformError) -> None:
        """Counts a `Transient` failure; every other error shows that the platform answers, and closes."""
        ...


class LocalBudget:
    """A budget within one process: a fixed window, corrected by what the platform says."""

    def __init__(
        self,
        rate: Rate,
        *,
        label: str = "The platform",
        patience: float = 90.0,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._label = label
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._used = 0
        self._allowed = rate.allowed
        self._ends = clock() + rate.seconds
        self._held_until = clock()

    async def acquire(self) -> None:
        while True:
            wait = self._wait()
            if wait <= 0:
                self._used += 1
                return
            if wait > self._patience:
                raise RateLimited(
                    f"{self._label} allows no more calls for now; the next read is in {wait:.0f} seconds.",
                    wait,
                )
            await self._sleep(wait)

    def _wait(self) -> float:
        now = self._clock()
        if now < self._held_until:
            return self._held_until - now
        if now >= self._ends:
            self._used, self._allowed, self._ends = 0, self._rate.allowed, now + self._rate.seconds
        return self._ends - now if self._used >= self._allowed else 0.0

    async def report(self, reading: BudgetReading) -> None:
        # The larger count is the true one: ours knows of calls in flight, theirs of other programs.
        self._used = max(self._used, reading.used)
        self._allowed = share(reading.limit, self._rate.percent)
        self._ends = self._clock() + max(0.0, min(reading.reset, self._rate.seconds))

    async def hold(self, seconds: float) -> None:
        self._held_until = max(self._held_until, self._clock() + seconds)


class LocalBreaker:
    """A breaker within one process: opens after five failures in a row, for 30 s, doubling to 15 minutes."""

    def __init__(
        self,
        *,
        label: str = "The platform",
        threshold: int = 5,
        first: float = 30.0,
        longest: float = 900.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self._label = label
        self._threshold = threshold
        self._first = first
        self._longest = longest
        self._clock = clock
        self._failures = 0
        self._pause = 0.0
        self._open_until: float | None = None
        self._trying = False

    async def before(self) -> None:
        if self._open_until is None:
            return
        left = self._open_until - self._clock()
        if left > 0:
            raise CircuitOpen(
                f"{self._label} failed {self._threshold} times in a row and is left alone for {left:.0f} seconds.",
                left,
            )
        # Half open: this caller tries; the others wait as long again, should it never report back.
        self._open_until = self._clock() + self._pause
        self._trying = True

    async def succeeded(self) -> None:
        self._failures, self._pause, self._open_until, self._trying = 0, 0.0, None, False

    async def failed(self, error: PlatformError) -> None:
        if not counts_as_failure(error):
            await self.succeeded()
            return
        if self._open_until is not None and not self._trying:
            return  # a call that was under way when it opened
        self._failures += 1
        if self._failures >= self._threshold:
            self._trying = False
            self._pause = min(self._longest, self._pause * 2 or self._first)
            self._open_until = self._clock() + self._pause


def counts_as_failure(error: PlatformError) -> bool:
    """Whether `error` says that the platform is ill, rather than that it answered something unwelcome."""
    return isinstance(error, Transient) and not isinstance(error, CircuitOpen)
