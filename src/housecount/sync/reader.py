"""Reading one account: the catalogue, then its slices, a page at a time.

A bookmark moves only after what it covers is committed, and never past what was seen. A slice that fails
leaves its bookmark, its figures and their age; the others go on. What a complete full walk of an event did
not show is asked for once more by its id, and only what the platform then denies is marked gone.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from django.db import OperationalError

from housecount.box_office import ledger
from housecount.box_office.ledger import AccountKey, Stored
from housecount.box_office.models import Account, AccountState
from housecount.core.errors import HousecountError, NextStep
from housecount.platforms.base.errors import (
    CircuitOpen,
    ConfigError,
    ContractChanged,
    Gone,
    PlatformError,
    RateLimited,
    RecordRejected,
)
from housecount.platforms.base.records import Page, Rejected
from housecount.platforms.base.source import KnownEvent, Scope, Slice, TicketSource, TypesOf
from housecount.platforms.http.client import Client
from housecount.sync import store
from housecount.sync.database import DatabaseThread
from housecount.sync.lock import AccountLock, LockLost
from housecount.sync.models import ReadRun

logger = logging.getLogger(__name__)

#: Slices of one account that are read at the same time; their requests share the account's budget.
CONCURRENCY = 4
#: How far behind our clock the bookmark of something that never sold is set.
QUIET_MARGIN = timedelta(days=1)
#: More orders of one event than this missing from a full walk are not taken for deleted: something else is wrong.
MOST_ABSENT = 200
#: After one of these there is no sense in going on with other slices of the account.
_ENDS_THE_READ = (ConfigError, RateLimited, CircuitOpen, LockLost)

T = TypeVar("T")


Now = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class ReadBroke(HousecountError):
    """A mistake of ours in the middle of a read."""

    code = "internal_error"


class DatabaseBrokeOff(HousecountError):
    """The database went away in the middle of a read."""

    code = "database_unavailable"
    http_status = 503
    next_step = NextStep.RETRY


class Progress(Protocol):
    """Whoever watches a read."""

    def planned(self, account: str, slices: int) -> None: ...

    def stored(self, account: str, records: int) -> None: ...

    def finished_slice(self, account: str) -> None: ...


class Silent:
    """Nobody watches."""

    def planned(self, account: str, slices: int) -> None: ...

    def stored(self, account: str, records: int) -> None: ...

    def finished_slice(self, account: str) -> None: ...


class Reader:
    """One read of one account. Make it, `run` it once, and keep what it returns."""

    def __init__(
        self,
        account: Account,
        source: TicketSource,
        client: Client,
        database: DatabaseThread,
        lock: AccountLock,
        progress: Progress,
        now: Now,
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
        self.lock = lock
        self.progress = progress
        self.now = now
        self.stored = Stored()
        self.errors: list[HousecountError] = []
        self.newest: dict[str, datetime] = {}

    async def run(self, *, full: bool) -> ReadRun:
        """Reads the account and returns the run, recorded. Errors of the platform are in it, not raised."""
        started_at, clock = self.now(), time.monotonic()
        try:
            await self._read(started_at, full=full)
        except Exception as caught:  # noqa: BLE001 - whatever happens, the figures keep their age and the run is told
            error = _readable(caught)
            self.errors.insert(0, error)
            await self._keep(store.mark_failing, self.key, [store.WHOLE_ACCOUNT], error, self.now())
            if isinstance(error, ConfigError):
                await self._keep(store.stop_account, self.key, error.message)
        else:
            if self.stopped:
                await self.database.run(store.resume_account, self.key)
        error_code, error_text = (self.errors[0].code, self.errors[0].message) if self.errors else ("", "")
        run = ReadRun(
            organisation_id=self.key.organisation_id,
            account_id=self.key.account_id,
            full=full,
            started_at=started_at,
            finished_at=self.now(),
            complete=not self.errors,
            requests=self.client.requests,
            orders_read=self.stored.orders_read,
            orders_changed=self.stored.orders_changed,
            tickets_changed=self.stored.tickets_changed,
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

    async def _read(self, started_at: datetime, *, full: bool) -> None:
        await self._read_catalogue()
        events = await self.database.run(store.known_events, self.key)
        marks = await self.database.run(store.bookmarks, self.key)
        slices = self.source.slices(self.scope, events, marks.get, started_at, full=full)
        self.progress.planned(self.name, len(slices))
        failed = await self._walk_all(slices)
        if full:
            unread = {each for part in slices if part.key in failed for each in part.event_ids or ()}
            await self._bookmark_after_sweep(events, marks, started_at, unread)
            await self._write(store.mark_fresh, self.key, [store.WHOLE_ACCOUNT], started_at, swept=True)
            return
        whole = [part.key for part in slices if part.event_ids is None]
        # Only all of them together cover the account: one that failed has said so.
        if failed.isdisjoint(whole):
            await self._write(store.account_answers, self.key)
            if whole:
                await self._write(store.mark_fresh, self.key, [store.WHOLE_ACCOUNT], started_at, swept=False)

    async def _read_catalogue(self) -> None:
        seen: set[str] = set()
        known = await self.database.run(store.known_events, self.key)
        types_of = await self._types_of([event.event_id for event in known])
        async for page in self.source.catalogue(self.client, self.scope, types_of):
            seen.update(event.external_id for event in page.events)
            seen.update(rejected.external_id for rejected in page.rejected)
            await self._write(store.store_catalogue, self.key, page, self.now())
        for event in await self.database.run(store.known_events, self.key):
            if event.event_id in seen:
                continue
            try:
                again = await self.source.event(self.client, event.event_id, event.region)
            except Gone:
                gone = await self._write(store.mark_event_gone, self.key, event.event_id, self.now())
                self.stored = self.stored.plus(gone)
            except RecordRejected as error:
                self.errors.append(error)
            else:
                await self._write(store.store_catalogue, self.key, Page(events=(again,)), self.now())

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
                    events = part.event_ids or (store.WHOLE_ACCOUNT,)
                    await self._write(store.mark_failing, self.key, events, error, self.now())
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
        types_of = await self._types_of(part.event_ids)
        orders: set[str] = set()
        tickets: set[str] = set()
        newest: datetime | None = None
        async for page in self.source.walk(self.client, part, types_of):
            await self._store_page(page, part.region)
            orders.update(order.external_id for order in page.orders)
            tickets.update(ticket.external_id for ticket in page.tickets)
            for rejected in page.rejected:
                (tickets if rejected.kind == "ticket" else orders).add(rejected.external_id)
            changes = [(order.event_id, order.changed_at) for order in page.orders]
            changes += [(ticket.event_id, ticket.changed_at) for ticket in page.tickets]
            for event_id, changed_at in changes:
                newest = max(newest or changed_at, changed_at)
                self.newest[event_id] = max(self.newest.get(event_id, changed_at), changed_at)
        if part.full:
            for event_id in part.event_ids or ():
                await self._settle_absent(event_id, part.region, orders, tickets, types_of)
        # Nothing seen yet says nothing of the platform's clock: it may be far from ours.
        covered = min(started_at, newest) if newest else started_at - QUIET_MARGIN
        if newest or part.since is None:
            await self._write(store.move_bookmarks, self.key, {part.key: covered})
        if part.event_ids is not None:
            await self._write(store.mark_fresh, self.key, part.event_ids, started_at, swept=part.full)

    async def _store_page(self, page: Page, region: str) -> None:
        read_at = self.now()
        if page.events:
            await self._write(store.store_catalogue, self.key, page, read_at)
        result = await self._write(store.store_page, self.key, page, read_at)
        if result.unknown_events:
            page = await self._read_unknown(page, result.unknown_events, region)
            result = await self._write(store.store_page, self.key, page, read_at)
            if result.unknown_events:
                raise ContractChanged(
                    f"{self.source.label} shows orders of an event that has no date. "
                    "They were not taken over; the figures stay as they were."
                )
        self.stored = self.stored.plus(result.stored)
        self.progress.stored(self.name, len(page.orders) + len(page.tickets))

    async def _read_unknown(self, page: Page, event_ids: frozenset[str], region: str) -> Page:
        """Reads events that records name and the catalogue did not show; records of an event that is not there are
        set aside."""
        missing = set()
        for event_id in sorted(event_ids):
            try:
                event = await self.source.event(self.client, event_id, region)
            except (Gone, RecordRejected):
                missing.add(event_id)
            else:
                await self._write(store.store_catalogue, self.key, Page(events=(event,)), self.now())
        rejected = tuple(
            Rejected(
                kind="order",
                external_id=order.external_id,
                event_id=order.event_id,
                reason="The platform names an event for it that it does not have.",
            )
            for order in page.orders
            if order.event_id in missing
        )
        return Page(
            orders=tuple(order for order in page.orders if order.event_id not in missing),
            tickets=tuple(ticket for ticket in page.tickets if ticket.event_id not in missing),
            rejected=(*page.rejected, *rejected),
        )

    async def _settle_absent(
        self, event_id: str, region: str, orders: set[str], tickets: set[str], types_of: TypesOf
    ) -> None:
        """Asks once more for what the ledger has of an event and a complete walk did not show."""
        absent = await self.database.run(store.missing_orders, self.key, event_id, orders)
        if len(absent) > MOST_ABSENT:
            raise ContractChanged(
                f"{self.source.label} suddenly shows {len(absent)} orders fewer for one event. "
                "None was taken away; the figures stay as they were until a person has looked."
            )
        for order_id in sorted(absent):
            asked = self.source.order(self.client, event_id, order_id, region, types_of)
            if not await self._is_there(asked, "order", order_id, event_id, region):
                gone = await self._write(ledger.mark_gone, self.key, [order_id], {}, self.now())
                self.stored = self.stored.plus(gone)
        if not self.source.caps.tickets_apart:
            return
        known = await self.database.run(store.missing_tickets, self.key, event_id, tickets)
        missing = {key: order for key, order in known.items() if order not in absent}
        if len(missing) > MOST_ABSENT:
            raise ContractChanged(
                f"{self.source.label} suddenly shows {len(missing)} tickets fewer for one event. "
                "None was taken away; the figures stay as they were until a person has looked."
            )
        for ticket_id, order_id in sorted(missing.items()):
            asked = self.source.ticket(self.client, event_id, ticket_id, region, types_of)
            if not await self._is_there(asked, "ticket", ticket_id, event_id, region):
                gone = await self._write(ledger.mark_gone, self.key, [], {ticket_id: order_id}, self.now())
                self.stored = self.stored.plus(gone)

    async def _is_there(
        self, asked: Awaitable[Page], kind: str, external_id: str, event_id: str, region: str
    ) -> bool:
        """Takes over what the platform says of one object when asked for it; False when it denies it. What cannot be
        read is not denied: it is set aside and stays in the count."""
        try:
            page = await asked
        except Gone:
            return False
        except RecordRejected as error:
            unreadable = Rejected(kind=kind, external_id=external_id, event_id=event_id, reason=error.message)
            page = Page(rejected=(unreadable,))
        await self._store_page(page, region)
        return True

    async def _bookmark_after_sweep(
        self,
        events: Sequence[KnownEvent],
        marks: dict[str, datetime],
        started_at: datetime,
        unread: set[str],
    ) -> None:
        """A sweep covers what incremental reads would have read: their bookmarks move to its start. Where an event
        that was read before is `unread`, they stay, so that the next read goes over it again."""
        moved = {}
        failed_events = {event.event_id for event in events if not event.new} & unread
        for part in self.source.slices(self.scope, events, marks.get, started_at, full=False):
            covered = part.event_ids if part.event_ids is not None else [event.event_id for event in events]
            newest = [self.newest[event_id] for event_id in covered if event_id in self.newest]
            if not failed_events.intersection(covered):
                moved[part.key] = min(started_at, max(newest)) if newest else started_at - QUIET_MARGIN
        await self._write(store.move_bookmarks, self.key, moved)

    async def _types_of(self, event_ids: Sequence[str] | None) -> TypesOf:
        if event_ids is None:
            event_ids = [event.event_id for event in await self.database.run(store.known_events, self.key)]
        return await self.database.run(store.types_reader, self.key, event_ids)

    async def _write(self, work: Callable[..., T], *args: object, **kwargs: object) -> T:
        """Runs `work` while the lock is ours; after it is lost nothing more is written."""
        await self.lock.check()
        return await self.database.run(work, *args, **kwargs)

    async def _keep(self, work: Callable[..., object], *args: object) -> None:
        """Runs `work` even when the read failed, unless the database itself is gone."""
        try:
            await self.database.run(work, *args)
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
