"""Reading what hooks point at: each object once, by its id, with the account's own credential.

Nothing of a hook is used but ids, and of what they lead to only what belongs to an event that the account's own
catalogue has shown. An event that is not known asks for an ordinary read, which brings it if it is ours.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, ParamSpec
from uuid import UUID

from msgspec import Struct, structs

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account
from housecount.core.errors import HousecountError
from housecount.platforms import registry
from housecount.platforms.base.errors import (
    CircuitOpen,
    ConfigError,
    Gone,
    NotAllowed,
    PlatformError,
    RateLimited,
    RecordRejected,
)
from housecount.platforms.base.hooks import Touch
from housecount.platforms.base.records import Page
from housecount.platforms.base.source import KnownEvent, Scope, Slice, TicketSource, TypesOf
from housecount.platforms.http.client import Client
from housecount.sync import store, tally, versions
from housecount.sync.asking import ask_soon
from housecount.sync.clients import ClientOf, client_for, hasty_client
from housecount.sync.database import DatabaseThread
from housecount.sync.errors import Disconnected, UnknownAccount
from housecount.sync.reader import Now, utc_now
from housecount.sync.versions import Version
from housecount.tenancy.identity import Identity

#: The ticket types of events that ended longer ago are not held ready for orders whose event is not told.
_RECENT = timedelta(days=60)
#: From more orders than these on, lists are cheaper than asking one by one.
_SINGLES = 4
#: How far before the first hook a list begins: the platform's clock is not ours.
_MARGIN = timedelta(minutes=1)
#: Calls of one account that are under way at the same time.
_BESIDE = 3
#: After one of these there is no sense in asking for other objects of the account.
_ENDS_IT = (RateLimited, CircuitOpen)

Result = Literal["changed", "unchanged", "asked", "not_there", "unknown", "foreign", "set_aside", "failed"]
P = ParamSpec("P")


class TouchOutcome(Struct, frozen=True, kw_only=True):
    """What reading an object brought.

    `changed`, `unchanged`: it was read; `changed_at` is when the platform says it changed last, and `read_at` when
    the version that the ledger has was read. `asked`: an ordinary read was asked for. `not_there`: the platform does
    not have it, or not yet. `unknown`: it is of an event that the account has not shown (yet); an ordinary read was
    asked for. `foreign`: the platform does not let the account see it. `set_aside`: it cannot be read and was set
    aside. `failed`: `error` says why.
    """

    result: Result
    changed_at: datetime | None = None
    read_at: datetime | None = None
    error: HousecountError | None = None


async def read_touches(
    organisation_id: UUID,
    account_id: UUID,
    touches: Iterable[Touch],
    *,
    client_of: ClientOf = hasty_client,
    now: Now = utc_now,
    told_at: datetime | None = None,
) -> dict[Touch, TouchOutcome]:
    """Reads what `touches` point at, each object once, and stores it. What a platform refuses is in the outcomes.

    `told_at` is when the first hook about them was received; many at once are read by lists of what changed since.
    It needs no lock of the account: the ledger takes records in any order. Raises `UnknownAccount`, `Disconnected`,
    and `ConfigError` where the account has no usable key.
    """
    wanted = list(dict.fromkeys(touches))
    if not wanted:
        return {}
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        account = await database.run(store.load_account, account_id)
        if account is None:
            raise UnknownAccount("There is no such account.")
        if not account.credential:
            raise Disconnected(f"“{account.name}” was disconnected. Connect it again to read it.")
        async with client_for(account, client_of) as client:
            source = registry.source(account.platform)
            reading = _Reading(account, source, client, database, now, told_at)
            return await reading.run(wanted)


class _Reading:
    """One reading of several touches of one account."""

    def __init__(
        self,
        account: Account,
        source: TicketSource,
        client: Client,
        database: DatabaseThread,
        now: Now,
        told_at: datetime | None,
    ) -> None:
        self.told_at = told_at
        self.key = AccountKey(account.organisation_id, account.pk)
        self.scope = Scope(
            organisation_ids=tuple(account.organisation_ids), regions=tuple(account.regions) or ("",)
        )
        self.source = source
        self.client = client
        self.database = database
        self.now = now
        self.events: dict[str, KnownEvent] = {}
        self.types_of: TypesOf = lambda _: {}
        self.outcomes: dict[Touch, TouchOutcome] = {}
        self.reads = 0
        self.stop: HousecountError | None = None

    async def run(self, touches: Sequence[Touch]) -> dict[Touch, TouchOutcome]:
        known = await self.database.run(store.known_events, self.key)
        self.events = {event.event_id: event for event in known}
        if any(touch.kind == "account" for touch in touches):
            asked = await self._asked("asked")
            self.outcomes.update((touch, asked) for touch in touches if touch.kind == "account")
        left = [touch for touch in touches if touch.kind != "account"]
        if self.source.caps.tickets_apart:
            await self._read_by_event(left)
        else:
            await self._hold_types(left)
            orders = [touch for touch in left if touch.kind == "order"]
            tickets = [touch for touch in left if touch.kind == "ticket"]
            if len({touch.object_id for touch in orders}) > _SINGLES:
                await self._read_lists([*orders, *tickets])
            else:
                await self._read_orders(orders)
                await self._read_tickets(tickets)
            await self._read_events([touch for touch in left if touch.kind == "event"])
        await self.database.run(tally.count, self.key, touch_reads=self.reads, requests=self.client.requests)
        return self.outcomes

    # --- Orders that come with their tickets ---------------------------------------------------------------
    async def _hold_types(self, touches: Sequence[Touch]) -> None:
        """An order does not tell its event before it is read: the types of events still on sale are held ready."""
        since = self.now() - _RECENT
        ids = {event.event_id for event in self.events.values() if event.ends_at > since}
        ids |= {touch.event_id for touch in touches} & self.events.keys()
        orders = [touch.object_id for touch in touches if touch.kind == "order"]
        ids |= await self.database.run(versions.events_of_orders, self.key, orders)
        self.types_of = await self.database.run(store.types_reader, self.key, ids)

    async def _read_orders(self, touches: Sequence[Touch]) -> None:
        events = {touch.object_id: touch.event_id for touch in touches}
        outcomes: dict[str, TouchOutcome] = {}

        async def work() -> None:
            while events:
                order_id, event_id = events.popitem()
                outcomes[order_id] = await self._read(self._order, order_id, event_id)

        await _beside_each_other(work, len(events))
        self.outcomes.update((touch, outcomes[touch.object_id]) for touch in touches)

    async def _read_lists(self, touches: Sequence[Touch]) -> None:
        """So many objects at once are read by lists: one by one they would use up the account's calls. The lists of
        the events that are named are enough when they show every order; the account's own shows the others."""
        orders = [touch.object_id for touch in touches if touch.kind == "order"]
        tickets = [touch.object_id for touch in touches if touch.kind == "ticket"]
        owners = await self.database.run(versions.orders_of_tickets, self.key, tickets)
        before = await self.database.run(versions.versions, self.key, [*orders, *owners.values()])
        named = {touch.event_id for touch in touches} & self.events.keys()
        shown: set[str] = set()
        parts = [
            Slice(key="", event_ids=(event_id,), since=self._since(), region=self._region(event_id))
            for event_id in sorted(named)
        ]
        outcome = await self._read(self._walk, parts, shown)
        if outcome.result == "unchanged" and not shown.issuperset(orders):
            outcome = await self._read(self._walk, await self._changes(), shown)
        owners |= await self.database.run(versions.orders_of_tickets, self.key, tickets)
        after = await self.database.run(versions.versions, self.key, [*orders, *owners.values()])
        for touch in touches:
            order_id = touch.object_id if touch.kind == "order" else owners.get(touch.object_id, "")
            if outcome.result != "unchanged":
                self.outcomes[touch] = outcome
            else:
                self.outcomes[touch] = _compared(before, after, order_id)

    async def _changes(self) -> list[Slice]:
        """What an incremental read of the whole account would go over, as far as hooks ask for it."""
        marks = await self.database.run(store.bookmarks, self.key)
        parts = self.source.slices(self.scope, list(self.events.values()), marks.get, self.now(), full=False)
        wanted = self._since()
        return [
            structs.replace(part, since=max(part.since or wanted, wanted))
            for part in parts
            if part.event_ids is None
        ]

    async def _walk(self, parts: Sequence[Slice], shown: set[str]) -> TouchOutcome:
        strange = False
        for part in parts:
            self.reads += 1
            async for page in self.source.walk(self.client, part, self.types_of):
                strange = strange or any(order.event_id not in self.events for order in page.orders)
                shown.update(order.external_id for order in page.orders)
                await self._store(page)
        if strange:
            await self.database.run(ask_soon, self.key, self.now())
        return TouchOutcome(result="unchanged")

    def _since(self) -> datetime:
        return (self.told_at or self.now()) - _MARGIN

    async def _read_tickets(self, touches: Sequence[Touch]) -> None:
        """A ticket is read with its order. By now the orders that were named are read, and their tickets known."""
        orders = await self.database.run(
            versions.orders_of_tickets, self.key, [touch.object_id for touch in touches]
        )
        done = {touch.object_id: outcome for touch, outcome in self.outcomes.items() if touch.kind == "order"}
        for touch in touches:
            order_id = orders.get(touch.object_id)
            if order_id is None:
                # Of the same purchase there may be more: one order brings all of its tickets.
                orders |= await self.database.run(versions.orders_of_tickets, self.key, [touch.object_id])
                order_id = orders.get(touch.object_id)
            if order_id is None:
                outcome = await self._read(self._ticket, touch)
                self.outcomes[touch] = outcome
                found = await self.database.run(versions.orders_of_tickets, self.key, [touch.object_id])
                done.update((order_id, outcome) for order_id in found.values())
            else:
                if order_id not in done:
                    done[order_id] = await self._read(self._order, order_id, touch.event_id)
                self.outcomes[touch] = done[order_id]

    async def _order(self, order_id: str, event_id: str) -> TouchOutcome:
        self.reads += 1
        page = await self.source.order(self.client, event_id, order_id, self._region(event_id), self.types_of)
        return await self._take(page)

    async def _ticket(self, touch: Touch) -> TouchOutcome:
        if touch.event_id not in self.events:
            return await self._asked("unknown")
        self.reads += 1
        region = self._region(touch.event_id)
        page = await self.source.ticket(self.client, touch.event_id, touch.object_id, region, self.types_of)
        return await self._take(page)

    async def _take(self, page: Page) -> TouchOutcome:
        """Stores the page of one order, if its event is the account's."""
        if any(order.event_id not in self.events for order in page.orders):
            return await self._asked("unknown")
        ids = [order.external_id for order in page.orders]
        before = await self.database.run(versions.versions, self.key, ids)
        await self._store(page)
        if not ids:
            return TouchOutcome(result="set_aside" if page.rejected else "not_there")
        return _compared(before, await self.database.run(versions.versions, self.key, ids), ids[0])

    async def _store(self, page: Page) -> None:
        """Stores what of a page belongs to events of the account."""
        events = tuple(event for event in page.events if event.external_id in self.events)
        if events:
            await self.database.run(store.store_catalogue, self.key, Page(events=events), self.now())
        ours = Page(
            orders=tuple(order for order in page.orders if order.event_id in self.events),
            tickets=tuple(ticket for ticket in page.tickets if ticket.event_id in self.events),
            rejected=page.rejected,
        )
        await self.database.run(store.store_page, self.key, ours, self.now())

    # --- Events ----------------------------------------------------------------------------------------------
    async def _read_events(self, touches: Sequence[Touch]) -> None:
        for touch in touches:
            self.outcomes[touch] = await self._read(self._event, touch.object_id)

    async def _event(self, event_id: str) -> TouchOutcome:
        if event_id not in self.events:
            return await self._asked("unknown")
        self.reads += 1
        event = await self.source.event(self.client, event_id, self._region(event_id))
        before = await self.database.run(versions.event_state, self.key, event_id)
        await self.database.run(store.store_catalogue, self.key, Page(events=(event,)), self.now())
        after = await self.database.run(versions.event_state, self.key, event_id)
        return TouchOutcome(result="unchanged" if before == after else "changed", changed_at=event.changed_at)

    # --- Tickets on lists of their own -----------------------------------------------------------------------
    async def _read_by_event(self, touches: Sequence[Touch]) -> None:
        """Where an order does not bring its tickets, what changed in its event is read, once for all touches of it."""
        nameless = [touch for touch in touches if not touch.event_id]
        orders = [touch.object_id for touch in nameless if touch.kind == "order"]
        tickets = [touch.object_id for touch in nameless if touch.kind == "ticket"]
        event_of = await self.database.run(versions.event_of_each, self.key, orders, tickets)
        by_event: dict[str, list[Touch]] = {}
        for touch in touches:
            event_id = touch.event_id or event_of.get((touch.kind, touch.object_id), "")
            by_event.setdefault(event_id, []).append(touch)
        for event_id, of_event in by_event.items():
            if event_id in self.events:
                await self._read_slice(self.events[event_id], of_event)
            else:
                asked = await self._read(self._asked, "unknown")
                self.outcomes.update((touch, asked) for touch in of_event)

    async def _read_slice(self, event: KnownEvent, touches: Sequence[Touch]) -> None:
        marks = await self.database.run(store.bookmarks, self.key)
        parts = self.source.slices(self.scope, [event], marks.get, self.now(), full=False)
        if event.new or not parts or any(part.full or part.since is None for part in parts):
            # Never read to the end, or not at every turn any more: that is an ordinary read's business.
            asked = await self._read(self._asked, "asked", [event.event_id])
            self.outcomes.update((touch, asked) for touch in touches)
            return
        ids = {kind: [touch.object_id for touch in touches if touch.kind == kind] for kind in versions.KINDS}
        before = {
            kind: await self.database.run(versions.versions, self.key, ids[kind], kind)
            for kind in versions.KINDS
        }

        async def walk() -> TouchOutcome:
            self.reads += 1
            changed = False
            changed_at = None
            if any(touch.kind == "event" for touch in touches):
                told = await self._event(event.event_id)
                changed, changed_at = told.result == "changed", told.changed_at
            types_of = await self.database.run(store.types_reader, self.key, [event.event_id])
            for part in parts:
                async for page in self.source.walk(self.client, part, types_of):
                    result = await self.database.run(store.store_page, self.key, page, self.now())
                    changed = changed or result.stored.orders_changed + result.stored.tickets_changed > 0
            return TouchOutcome(result="changed" if changed else "unchanged", changed_at=changed_at)

        outcome = await self._read(walk)
        for touch in touches:
            if touch.kind == "event" or outcome.result not in {"changed", "unchanged"}:
                self.outcomes[touch] = outcome
            else:
                after = await self.database.run(versions.versions, self.key, [touch.object_id], touch.kind)
                self.outcomes[touch] = _compared(before[touch.kind], after, touch.object_id)

    # --- What they share -------------------------------------------------------------------------------------
    async def _read(
        self, reading: Callable[P, Awaitable[TouchOutcome]], *args: P.args, **kwargs: P.kwargs
    ) -> TouchOutcome:
        """The outcome of `reading`, whatever goes wrong in it; nothing is asked after a limit was met."""
        if self.stop is not None:
            return TouchOutcome(result="failed", error=self.stop)
        try:
            return await reading(*args, **kwargs)
        except Gone:
            return TouchOutcome(result="not_there")
        except NotAllowed as error:
            return TouchOutcome(result="foreign", error=error)
        except RecordRejected as error:
            return TouchOutcome(result="set_aside", error=error)
        except (*_ENDS_IT, ConfigError) as error:
            self.stop = error
            return TouchOutcome(result="failed", error=error)
        except PlatformError as error:
            return TouchOutcome(result="failed", error=error)

    async def _asked(self, result: Result, event_ids: Collection[str] | None = None) -> TouchOutcome:
        await self.database.run(ask_soon, self.key, self.now(), event_ids)
        return TouchOutcome(result=result)

    def _region(self, event_id: str) -> str:
        event = self.events.get(event_id)
        return event.region if event else ""


async def _beside_each_other(work: Callable[[], Coroutine[Any, Any, None]], jobs: int) -> None:
    workers = [asyncio.create_task(work()) for _ in range(min(_BESIDE, jobs))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def _compared(before: Mapping[str, Version], after: Mapping[str, Version], external_id: str) -> TouchOutcome:
    now = after.get(external_id)
    if now is None:
        return TouchOutcome(result="not_there")
    was = before.get(external_id)
    same = was is not None and was.record_hash == now.record_hash
    return TouchOutcome(
        result="unchanged" if same else "changed", changed_at=now.changed_at, read_at=now.read_at
    )
