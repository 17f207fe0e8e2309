"""Reading one account: the catalogue, then its slices, a page at a time.

A bookmark moves only after what it covers is committed, and never past what was seen. A slice that fails
leaves its bookmark, its figures and their age; the others go on. What a complete full walk of an event did
not show is asked for once more by its id, and only what the platform then denies is marked gone.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import OperationalError

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.core.errors import HousecountError, NextStep
from housecount.platforms.base.errors import (
    CircuitOpen,
    ConfigError,
    Gone,
    PlatformError,
    RateLimited,
    RecordRejected,
)
from housecount.platforms.base.records import Page
from housecount.platforms.base.source import KnownEvent, Scope, Slice, TicketSource
from housecount.platforms.http.client import Client
from housecount.sync import gaps, planning, store
from housecount.sync.agenda import WHOLE_ACCOUNT, Due
from housecount.sync.database import DatabaseThread
from housecount.sync.lock import AccountLock, LockLost
from housecount.sync.models import ReadRun
from housecount.sync.pages import Pages
from housecount.sync.planning import Pace
from housecount.sync.progress import Now, Progress, Silent, Stop, Stopped, utc_now

__all__ = ["Now", "Progress", "Reader", "Silent", "utc_now"]

logger = logging.getLogger(__name__)

#: Slices of one account that are read at the same time; their requests share the account's budget.
CONCURRENCY = 4
#: How far behind our clock the bookmark of something that never sold is set.
QUIET_MARGIN = timedelta(days=1)
#: After one of these there is no sense in going on with other slices of the account.
_ENDS_THE_READ = (ConfigError, RateLimited, CircuitOpen, LockLost, Stopped)
#: After these nothing is wrong with the figures, and the account is as due as it was.
_TO_BE_REPEATED = (LockLost, Stopped)


class ReadBroke(HousecountError):
    """A mistake of ours in the middle of a read."""

    code = "internal_error"


class DatabaseBrokeOff(HousecountError):
    """The database went away in the middle of a read."""

    code = "database_unavailable"
    http_status = 503
    next_step = NextStep.RETRY


class Reader:
    """One read of one account. Make it, `run` it once, and keep what it returns."""

    def __init__(
        self,
        account: Account,
        source: TicketSource,
        client: Client,
        database: DatabaseThread,
        lock: AccountLock,
        pace: Pace,
        progress: Progress,
        now: Now,
        stop: Stop,
    ) -> None:
        self.key = AccountKey(account.organisation_id, account.id)
        self.name = account.name
        self.stopped = account.state == AccountState.STOPPED
        self.scope = Scope(
            organisation_ids=tuple(account.organisation_ids), regions=tuple(account.regions) or ("",)
        )
        self.source = source
        self.client = client
        self.database = database
        self.pace = pace
        self.progress = progress
        self.now = now
        self.stop = stop
        self.pages = Pages(self.key, account.name, source, client, database, lock, progress, now, stop)
        self.errors: list[HousecountError] = []

    async def run(self, *, full: bool, due: Due | None = None) -> ReadRun:
        """Reads the account, or what of it is `due`, and returns the run, recorded; the agenda says then what comes
        next. Errors of the platform are in the run, not raised."""
        started_at, clock = self.now(), time.monotonic()
        try:
            await self._read(started_at, full=full, due=due)
        except Exception as caught:  # noqa: BLE001 - whatever happens, the figures keep their age and the run is told
            await self._give_up(_readable(caught), full=full)
        else:
            if self.stopped:
                await self.database.run(store.resume_account, self.key)
        error_code, error_text = (self.errors[0].code, self.errors[0].message) if self.errors else ("", "")
        stored = self.pages.stored
        run = ReadRun(
            organisation_id=self.key.organisation_id,
            account_id=self.key.account_id,
            full=full,
            started_at=started_at,
            finished_at=self.now(),
            complete=not self.errors,
            requests=self.client.requests,
            orders_read=stored.orders_read,
            orders_changed=stored.orders_changed,
            tickets_changed=stored.tickets_changed,
            error_code=error_code,
            error=error_text,
        )
        await self._keep(store.record_run, run)
        logger.info(
            "read account %s: %d orders in %d requests, %.1f s%s",
            self.key.account_id, run.orders_read, run.requests, time.monotonic() - clock,
            f", stopped by {error_code}" if error_code else "",
        )  # fmt: skip
        return run

    async def _give_up(self, error: HousecountError, *, full: bool) -> None:
        self.errors.insert(0, error)
        if not isinstance(error, Stopped):
            await self._keep(store.mark_failing, self.key, [WHOLE_ACCOUNT], error, self.now())
        if isinstance(error, ConfigError):
            await self._keep(store.stop_account, self.key, error.message)
        elif not isinstance(error, _TO_BE_REPEATED):
            now = self.now()
            await self._keep(planning.plan_after_failure, self.key, self.pace, error, now, full=full)

    async def _read(self, started_at: datetime, *, full: bool, due: Due | None) -> None:
        whole = full or due is None or due.account
        if whole:
            await self._read_catalogue()
        await self.pages.write(store.drop_bookmarks_after, self.key, started_at)
        events = await self.database.run(store.known_events, self.key)
        marks = await self.database.run(store.bookmarks, self.key)
        usual = self.source.slices(self.scope, events, marks.get, started_at, full=False)
        slices = usual
        walked: dict[str, datetime] = {}
        if full:
            slices = self.source.slices(self.scope, events, marks.get, started_at, full=True)
            if due is not None:
                walked = await self.database.run(store.swept_already, self.key, started_at)
                slices = [
                    part for part in slices if not walked.keys() >= set(part.event_ids or (WHOLE_ACCOUNT,))
                ]
            if await self.database.run(store.ever_swept, self.key):
                self.pages.claimed = gaps.claims(events, usual, marks, self.source.caps.lookback)
        else:
            slices = [part for part in usual if self._wanted(part, events, started_at, due)]
        self.progress.planned(self.name, len(slices))
        failed = await self._walk_all(slices)
        if full:
            unread = {each for part in slices if part.key in failed for each in part.event_ids or ()}
            # Of what an earlier attempt walked, no more is known than what was true then.
            as_of = min([started_at, *walked.values()])
            await self._bookmark_after_sweep(events, marks, as_of, unread)
            await self.pages.write(store.mark_fresh, self.key, [WHOLE_ACCOUNT], as_of, swept=True)
        elif whole:
            changes = [part.key for part in slices if part.event_ids is None]
            # Only all of them together cover the account: one that failed has said so.
            if failed.isdisjoint(changes):
                await self.pages.write(store.account_answers, self.key)
                if changes:
                    await self.pages.write(
                        store.mark_fresh, self.key, [WHOLE_ACCOUNT], started_at, swept=False
                    )
        told = {each for part in slices for each in part.event_ids or (WHOLE_ACCOUNT,)}
        unread = {
            each for part in slices if part.key in failed for each in part.event_ids or (WHOLE_ACCOUNT,)
        }
        await self.pages.write(
            planning.plan,
            self.key,
            self.pace,
            covers=any(part.event_ids is None for part in usual),
            read=None if due is None or full else told | due.events | ({WHOLE_ACCOUNT} if whole else set()),
            failed=unread,
            started_at=started_at,
            now=self.now(),
            swept=full,
        )

    def _wanted(
        self, part: Slice, events: Sequence[KnownEvent], started_at: datetime, due: Due | None
    ) -> bool:
        """Whether a slice belongs to this read: it is due, new, or everything is wanted that may still change."""
        if part.event_ids is None:
            return due is None or due.account
        if due is not None and not due.rows.isdisjoint(part.event_ids):
            return not due.events.isdisjoint(part.event_ids)
        if part.full:
            return due is None or due.account
        over = started_at - self.pace.refunds
        return due is None and any(
            event.ends_at >= over for event in events if event.event_id in part.event_ids
        )

    async def _read_catalogue(self) -> None:
        seen: set[str] = set()
        known = await self.database.run(store.known_events, self.key)
        types_of = await self.pages.types_of([event.event_id for event in known])
        async for page in self.stop.each(self.source.catalogue(self.client, self.scope, types_of)):
            seen.update(event.external_id for event in page.events)
            seen.update(rejected.external_id for rejected in page.rejected)
            await self.pages.write(store.store_catalogue, self.key, page, self.now())
        for event in await self.database.run(store.known_events, self.key):
            if event.event_id in seen:
                continue
            asked = self.source.event(self.client, event.event_id, event.region)
            try:
                again = await self.stop.unless_asked(asked)
            except Gone:
                gone = await self.pages.write(store.mark_event_gone, self.key, event.event_id, self.now())
                self.pages.stored = self.pages.stored.plus(gone)
            except RecordRejected as error:
                self.errors.append(error)
            else:
                await self.pages.write(store.store_catalogue, self.key, Page(events=(again,)), self.now())

    async def _walk_all(self, slices: Sequence[Slice]) -> set[str]:
        """Walks every slice, some at a time. Returns the keys of those that failed."""
        waiting = list(reversed(slices))
        failed: set[str] = set()

        async def work() -> None:
            while waiting:
                part = waiting.pop()
                try:
                    await self._walk(part)
                except _ENDS_THE_READ:
                    raise
                except PlatformError as error:
                    failed.add(part.key)
                    self.errors.append(error)
                    events = part.event_ids or (WHOLE_ACCOUNT,)
                    await self.pages.write(store.mark_failing, self.key, events, error, self.now())
                self.progress.finished_slice(self.name)

        workers = [asyncio.create_task(work()) for _ in range(min(CONCURRENCY, len(slices)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return failed

    async def _walk(self, part: Slice) -> None:
        started_at = self.now()
        newest = await self.pages.walk(part)
        # Nothing seen yet says nothing of the platform's clock: it may be far from ours.
        covered = min(started_at, newest) if newest else started_at - QUIET_MARGIN
        if newest or part.since is None:
            await self.pages.write(store.move_bookmarks, self.key, {part.key: covered})
        if part.event_ids is not None:
            await self.pages.write(store.mark_fresh, self.key, part.event_ids, started_at, swept=part.full)

    async def _bookmark_after_sweep(
        self,
        events: Sequence[KnownEvent],
        marks: dict[str, datetime],
        started_at: datetime,
        unread: set[str],
    ) -> None:
        """A sweep covers what incremental reads would have read: their bookmarks move to its start, which is that of
        its first attempt when it was broken off. Where an event that was read before is `unread`, they stay, so
        that the next read goes over it again."""
        moved = {}
        failed_events = {event.event_id for event in events if not event.new} & unread
        for part in self.source.slices(self.scope, events, marks.get, started_at, full=False):
            covered = part.event_ids if part.event_ids is not None else [event.event_id for event in events]
            newest = [self.pages.newest[event_id] for event_id in covered if event_id in self.pages.newest]
            if not failed_events.intersection(covered):
                moved[part.key] = min(started_at, max(newest)) if newest else started_at - QUIET_MARGIN
        await self.pages.write(store.move_bookmarks, self.key, moved)

    async def _keep(self, work: Callable[..., object], *args: object, **kwargs: object) -> None:
        """Runs `work` even when the read failed, unless the database itself is gone."""
        try:
            await self.database.run(work, *args, **kwargs)
        except Exception:  # noqa: BLE001 - the read's own error is the one to tell
            logger.warning("could not note how a read of account %s ended", self.key.account_id)


def _readable(error: Exception) -> HousecountError:
    if isinstance(error, HousecountError):
        return error
    logger.error("a read broke", exc_info=error)
    if isinstance(error, OperationalError):
        return DatabaseBrokeOff(
            "The database broke off while the account was being read. What was stored is complete; "
            "the rest is read next time."
        )
    return ReadBroke(
        "Housecount made a mistake while it read this account, and stopped. The figures stay as they were. "
        "The log says more: please report it."
    )
