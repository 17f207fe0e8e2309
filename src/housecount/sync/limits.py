"""Budget and breaker as rows, so that every process that reads with a credential shares them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

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

Now = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SharedBudget:
    """The `Budget` of a credential, kept in its row: a window of the platform's length, corrected by what the
    platform itself counts."""

    def __init__(
        self,
        database: DatabaseThread,
        credential: str,
        rate: Rate,
        label: str,
        *,
        now: Now = _utc_now,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._database = database
        self._credential = credential
        self._rate = rate
        self._label = label
        self._now = now
        self._sleep = sleep
        self._reading: BudgetReading | None = None

    async def acquire(self) -> None:
        while wait := await self._database.run(self._take):
            if wait > PATIENCE:
                raise RateLimited(
                    f"{self._label} allows no more calls for now; the next read is in {wait:.0f} seconds.",
                    wait,
                )
            await self._sleep(wait)

    async def report(self, reading: BudgetReading) -> None:
        self._reading = reading

    async def hold(self, seconds: float) -> None:
        await self._database.run(self._hold, seconds)

    def _row(self, now: datetime) -> CredentialBudget:
        fresh = {
            "used": 0,
            "allowed": self._rate.allowed,
            "ends_at": now + timedelta(seconds=self._rate.seconds),
        }
        row, _ = CredentialBudget.objects.select_for_update().get_or_create(
            credential=self._credential, defaults=fresh
        )
        if now >= row.ends_at:
            for name, value in fresh.items():
                setattr(row, name, value)
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
        wait = 0.0
        if row.held_until and row.held_until > now:
            wait = (row.held_until - now).total_seconds()
        elif row.used >= row.allowed:
            wait = max(0.05, (row.ends_at - now).total_seconds())
        else:
            row.used += 1
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
                f"{self._label} failed {FAILURES} times in a row and is left alone for {wait:.0f} seconds.",
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
        if row.retry_at > now:
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
