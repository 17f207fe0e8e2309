"""What a read does with the pages it was shown: stored as they come, what they name and nobody knows asked for, and
what a whole walk did not show asked for once more before it is called gone."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from housecount.box_office.ledger import AccountKey, Stored
from housecount.platforms.base.errors import ContractChanged, Gone, RecordRejected
from housecount.platforms.base.records import Page, Rejected
from housecount.platforms.base.source import Slice, TicketSource, TypesOf
from housecount.platforms.http.client import Client
from housecount.sync import store
from housecount.sync.database import DatabaseThread
from housecount.sync.gaps import Claims
from housecount.sync.lock import AccountLock
from housecount.sync.progress import Now, Progress, Stop

#: More orders of one event than this missing from a full walk are not taken for deleted: something else is wrong.
MOST_ABSENT = 200

T = TypeVar("T")


class Pages:
    """The pages of one read of one account. `stored` sums up what they brought; `newest` is the latest change seen,
    by event; `claimed` is what a sweep holds against what it finds."""

    def __init__(
        self,
        key: AccountKey,
        name: str,
        source: TicketSource,
        client: Client,
        database: DatabaseThread,
        lock: AccountLock,
        progress: Progress,
        now: Now,
        stop: Stop,
    ) -> None:
        self.key = key
        self.name = name
        self.source = source
        self.client = client
        self.database = database
        self.lock = lock
        self.progress = progress
        self.now = now
        self.stop = stop
        self.stored = Stored()
        self.newest: dict[str, datetime] = {}
        self.claimed: Claims = store.NO_CLAIMS

    async def write(self, work: Callable[..., T], *args: object, **kwargs: object) -> T:
        """Runs `work` while the lock is ours; after it is lost nothing more is written."""
        await self.lock.check()
        return await self.database.run(work, *args, **kwargs)

    async def walk(self, part: Slice) -> datetime | None:
        """Stores a slice whole and settles what a full one did not show. Returns the latest change seen."""
        types_of = await self.types_of(part.event_ids)
        orders: set[str] = set()
        tickets: set[str] = set()
        newest: datetime | None = None
        async for page in self.stop.each(self.source.walk(self.client, part, types_of)):
            await self.store(page, part.region)
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
        return newest

    async def store(self, page: Page, region: str) -> None:
        """Takes over one page; events it names that nobody knows are read first."""
        read_at = self.now()
        if page.events:
            await self.write(store.store_catalogue, self.key, page, read_at)
        result = await self.write(store.store_page, self.key, page, read_at, self.claimed)
        if result.unknown_events:
            page = await self._read_unknown(page, result.unknown_events, region)
            result = await self.write(store.store_page, self.key, page, read_at, self.claimed)
            if result.unknown_events:
                raise ContractChanged(
                    f"{self.source.label} shows orders of an event that has no date. "
                    "They were not taken over; the figures stay as they were."
                )
        self.stored = self.stored.plus(result.stored)
        self.progress.stored(self.name, len(page.orders) + len(page.tickets))

    async def types_of(self, event_ids: Sequence[str] | None) -> TypesOf:
        """The ticket types of these events; None: of all that are known."""
        if event_ids is None:
            event_ids = [event.event_id for event in await self.database.run(store.known_events, self.key)]
        return await self.database.run(store.types_reader, self.key, event_ids)

    async def _read_unknown(self, page: Page, event_ids: frozenset[str], region: str) -> Page:
        """Reads events that records name and the catalogue did not show; records of an event that is not there are
        set aside."""
        missing = set()
        for event_id in sorted(event_ids):
            try:
                event = await self.stop.unless_asked(self.source.event(self.client, event_id, region))
            except (Gone, RecordRejected):
                missing.add(event_id)
            else:
                await self.write(store.store_catalogue, self.key, Page(events=(event,)), self.now())
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
        self._refuse_too_many(len(absent), "orders")
        for order_id in sorted(absent):
            asked = self.source.order(self.client, event_id, order_id, region, types_of)
            if not await self._is_there(asked, "order", order_id, event_id, region):
                await self._mark_gone([order_id], {})
        if not self.source.caps.tickets_apart:
            return
        known = await self.database.run(store.missing_tickets, self.key, event_id, tickets)
        missing = {key: order for key, order in known.items() if order not in absent}
        self._refuse_too_many(len(missing), "tickets")
        for ticket_id, order_id in sorted(missing.items()):
            asked = self.source.ticket(self.client, event_id, ticket_id, region, types_of)
            if not await self._is_there(asked, "ticket", ticket_id, event_id, region):
                await self._mark_gone([], {ticket_id: order_id})

    def _refuse_too_many(self, missing: int, what: str) -> None:
        if missing > MOST_ABSENT:
            raise ContractChanged(
                f"{self.source.label} suddenly shows {missing} {what} fewer for one event. "
                "None was taken away; the figures stay as they were until a person has looked."
            )

    async def _mark_gone(self, order_ids: Sequence[str], ticket_ids: dict[str, str]) -> None:
        gone = await self.write(store.mark_gone, self.key, order_ids, ticket_ids, self.now(), self.claimed)
        self.stored = self.stored.plus(gone)

    async def _is_there(
        self, asked: Awaitable[Page], kind: str, external_id: str, event_id: str, region: str
    ) -> bool:
        """Takes over what the platform says of one object when asked for it; False when it denies it. What cannot be
        read is not denied: it is set aside and stays in the count."""
        try:
            page = await self.stop.unless_asked(asked)
        except Gone:
            return False
        except RecordRejected as error:
            unreadable = Rejected(kind=kind, external_id=external_id, event_id=event_id, reason=error.message)
            page = Page(rejected=(unreadable,))
        await self.store(page, region)
        return True
