"""Budget and breaker as rows, so that every process that reads with a credential shares them."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from msgspec import Struct, convert, to_builtins

from housecount.box_office.ledger import AccountKey
from housecount.platforms.base.errors import CircuitOpen, PlatformError, RateLimited
from housecount.platforms.http.budget import BudgetReading, Rate, Sleep, counts_as_failure, share
from housecount.sync.database import DatabaseThread
from housecount.sync.models import CircuitBreaker, CredentialBudget

#: A breaker opens after this many failures in a row, for the first pause, doubled each time up to the longest.
FAILURES = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
#: What one call waits for room at most before the read stops and is taken up again later.
PATIENCE = 90.0

#: The clocks of machines that share a budget may be so far apart.
CLOCKS_APART = timedelta(minutes=15)
#: No platform is believed that it wants to be left alone for longer.
LONGEST_HOLD = timedelta(hours=2)
#: What a sweep leaves of each window to reads that are quick and to hooks.
SWEEP_RESERVE = 0.25
#: Who asked for room within this is at it, and gets a fair share of the window. Who was refused is waited for longer:
#: until the end of the next window, at most.
AT_IT = timedelta(seconds=10)
#: How soon who has had its share while others are at it looks again.
LOOK_AGAIN = 1.0

Now = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class User(Struct):
    """Somebody who uses a credential: the calls made in this window, when the last was asked for (seconds since
    1970), and whether it was refused."""

    used: int = 0
    asked: float = 0.0
    refused: bool = False


def fair_share(users: Mapping[str, User], me: str, allowed: int, now: float, window: float) -> int:
    """How many of the `allowed` calls of a window are mine while others are at it, or were refused in this window or
    the one before (of `window` seconds) and may come back. All of them when nobody else is."""
    others = sum(
        1
        for name, user in users.items()
        if name != me and now - user.asked < (2 * window if user.refused else AT_IT.total_seconds())
    )
    return max(1, allowed // (1 + others))


class ShareUsedUp(RateLimited):
    """A sweep has used up its share of the calls; what is kept back for reads and hooks is still there."""


class SharedBudget:
    """The `Budget` of a credential, kept in its row: a window of the platform's length, corrected by what the
    platform itself counts. Those who share it (`user` tells them apart) share each window fairly; a `reserve` of it
    is left to those who have none."""

    def __init__(
        self,
        database: DatabaseThread,
        credential: str,
        rate: Rate,
        label: str,
        *,
        user: str = "",
        reserve: float = 0.0,
        now: Now = _utc_now,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.limited = 0
        """How often the platform asked us to slow down."""
        self._database = database
        self._credential = credential
        self._rate = rate
        self._label = label
        self._user = sha256(user.encode()).hexdigest()[:16]
        self._reserve = reserve
        self._now = now
        self._sleep = sleep
        self._reading: BudgetReading | None = None
        # Whether the platform itself had us wait when we last asked for room.
        self._held = False

    async def acquire(self) -> None:
        waited = 0.0
        while wait := await self._database.run(self._take):
            if waited + wait > PATIENCE:
                used_up = ShareUsedUp if self._reserve and not self._held else RateLimited
                raise used_up(
                    f"{self._label} allows no more calls for now; it is read again when it does.",
                    wait,
                )
            await self._sleep(wait)
            waited += wait

    async def report(self, reading: BudgetReading) -> None:
        self._reading = reading

    async def hold(self, seconds: float) -> None:
        self.limited += 1
        await self._database.run(self._hold, seconds)

    def _row(self, now: datetime) -> CredentialBudget:
        fresh: dict[str, Any] = {
            "used": 0,
            "allowed": self._rate.allowed,
            "ends_at": now + timedelta(seconds=self._rate.seconds),
        }
        row, _ = CredentialBudget.objects.select_for_update().get_or_create(
            credential=self._credential, defaults={**fresh, "platform": self._label}
        )
        # A window that ends much later than one that began now was begun by a clock that was wrong.
        if not now < row.ends_at <= fresh["ends_at"] + CLOCKS_APART:
            for name, value in fresh.items():
                setattr(row, name, value)
            row.users = {
                name: {**user, "used": 0}
                for name, user in row.users.items()
                if now.timestamp() - user["asked"] < 2 * self._rate.seconds
            }
        if row.held_until and row.held_until > now + LONGEST_HOLD:
            row.held_until = None
        if self._reading is not None:
            # The larger count is the true one: ours knows of calls under way, theirs of other programs.
            row.used = max(row.used, self._reading.used)
            row.allowed = share(self._reading.limit, self._rate.percent)
            row.ends_at = now + timedelta(seconds=max(0.0, min(self._reading.reset, self._rate.seconds)))
            self._reading = None
        return row

    def _take(self) -> float:
        """Counts one call and returns 0, or the seconds to wait for room."""
        now = self._now()
        row = self._row(now)
        users = convert(row.users, dict[str, User])
        me = users.setdefault(self._user, User())
        me.asked = now.timestamp()
        allowed = max(1, int(row.allowed * (1 - self._reserve)))
        wait = 0.0
        self._held = row.held_until is not None and row.held_until > now
        if row.held_until and row.held_until > now:
            wait = (row.held_until - now).total_seconds()
        elif row.used >= allowed:
            wait = max(0.05, (row.ends_at - now).total_seconds())
        elif me.used >= fair_share(users, self._user, allowed, me.asked, self._rate.seconds):
            wait = min(LOOK_AGAIN, max(0.05, (row.ends_at - now).total_seconds()))
        else:
            row.used += 1
            me.used += 1
        me.refused = wait > 0
        row.users = to_builtins(users)
        row.save()
        return wait

    def _hold(self, seconds: float) -> None:
        now = self._now()
        row = self._row(now)
        row.held_until = max(row.held_until or now, now + timedelta(seconds=seconds))
        row.save()


class SharedBreaker:
    """The `Breaker` of an account, kept in its row."""

    def __init__(
        self, database: DatabaseThread, account: AccountKey, label: str, *, now: Now = _utc_now
    ) -> None:
        self._database = database
        self._account = account
        self._label = label
        self._now = now
        # Whether this one was let through to try an account that was left alone.
        self._trying = False
        # Whether the row may say that something is wrong: while nothing is, no call asks twice a second.
        self._suspect = True

    async def before(self) -> None:
        if self._suspect and (wait := await self._database.run(self._wait)):
            raise CircuitOpen(
                f"{self._label} failed {FAILURES} times in a row and is left alone for a while.",
                wait,
            )

    async def succeeded(self) -> None:
        if self._suspect:
            await self._database.run(self._close)
            self._suspect = False

    async def failed(self, error: PlatformError) -> None:
        if counts_as_failure(error):
            self._suspect = True
            await self._database.run(self._count)
        else:
            await self.succeeded()

    def _row(self) -> CircuitBreaker:
        row, _ = CircuitBreaker.objects.select_for_update().get_or_create(
            account_id=self._account.account_id, defaults={"organisation_id": self._account.organisation_id}
        )
        return row

    def _wait(self) -> float:
        now = self._now()
        row = self._row()
        if row.retry_at is None:
            return 0.0
        # Further ahead than any pause is what a clock that was wrong has set.
        if now < row.retry_at <= now + LONGEST_PAUSE + CLOCKS_APART:
            return (row.retry_at - now).total_seconds()
        # Half open: this caller tries; the others wait as long again, should it never report back.
        self._trying = True
        row.retry_at = now + _pause(row.failures)
        row.save()
        return 0.0

    def _close(self) -> None:
        self._trying = False
        CircuitBreaker.objects.filter(
            organisation_id=self._account.organisation_id, account_id=self._account.account_id, failures__gt=0
        ).update(failures=0, opened_at=None, retry_at=None)

    def _count(self) -> None:
        now = self._now()
        row = self._row()
        if row.retry_at is not None and not self._trying:
            return  # a call that was under way when it opened
        self._trying = False
        row.failures += 1
        if row.failures >= FAILURES:
            row.opened_at = row.opened_at or now
            row.retry_at = now + _pause(row.failures)
        row.save()


def _pause(failures: int) -> timedelta:
    doublings = min(max(failures - FAILURES, 0), 10)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
