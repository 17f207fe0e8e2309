"""Eventbrite's orders: how they are asked for, and which of them changed."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from housecount.platforms.base.errors import Gone, RecordRejected, Transient
from housecount.platforms.base.records import Event, Order, Page, Rejected, TicketType
from housecount.platforms.base.source import Slice, TypesOf
from housecount.platforms.eventbrite import mapping, wire
from housecount.platforms.eventbrite.events import known_id, of_organisation, read_class, read_event
from housecount.platforms.eventbrite.paging import pages
from housecount.platforms.http.client import Client
from housecount.platforms.http.errors import ExpansionFailed
from housecount.platforms.reading import identifier, raw_id, read_each, unique

_ATTENDEES = {"expand": "attendees"}
#: From so many changed orders of one event on, its own list is cheaper than asking one by one.
_LIST_FROM = 2
#: So many single orders of one event cost more than its whole list.
_SINGLES = 40


class OrderReader:
    """Reads orders for one walk. Remembers what it learned of events on the way."""

    def __init__(self, client: Client, types_of: TypesOf) -> None:
        self._client = client
        self._types_of = types_of
        self._events: dict[str, Event | None] = {}
        self._types: dict[str, Mapping[str, TicketType]] = {}
        self._asked: set[str] = set()

    async def changes(self, part: Slice) -> AsyncIterator[Page]:
        """The orders of an organisation that changed since, whole. Where nothing did, it takes two requests."""
        moved, changed, rejected = await _changes(self._client, part)
        if rejected:
            yield Page(rejected=tuple(rejected))
        for event_id, order_ids in changed.items():
            try:
                async for page in self._changed_of(
                    event_id, order_ids, len(moved.get(event_id, ())), part.since
                ):
                    yield page
            except Gone:
                continue  # the event went while we read; a sweep proves what is gone

    async def _changed_of(
        self, event_id: str, order_ids: Iterable[str], moved: int, since: datetime | None
    ) -> AsyncIterator[Page]:
        left = dict.fromkeys(order_ids)
        if moved >= _LIST_FROM or len(left) > _SINGLES:
            # Attendees that changed alone are not in the list of changed orders.
            alone = len(left) - moved
            async for page in self.event_orders(event_id, since if alone <= _SINGLES else None):
                for record in page.orders:
                    left.pop(record.external_id, None)
                for rejected in page.rejected:
                    left.pop(rejected.external_id, None)
                yield page
        for order_id in left:
            async for page in self._single_if_there(order_id):
                yield page

    async def event_orders(self, event_id: str, since: datetime | None) -> AsyncIterator[Page]:
        """The orders of an event, all or those changed since. Raises `Gone` when the event is."""
        params = {"changed_since": _stamp(since)} if since else {}
        path = f"/events/{known_id(event_id)}/orders/"
        try:
            async for answer in pages(self._client, path, wire.order_page, {**params, **_ATTENDEES}):
                for page in await self._pages_of(answer.orders):
                    yield page
        except ExpansionFailed:
            async for answer in pages(self._client, path, wire.order_page, params):
                for raw in answer.orders:
                    async for page in self._single_if_there(raw_id(raw)):
                        yield page

    async def _single_if_there(self, order_id: str) -> AsyncIterator[Page]:
        """As `single`, and nothing for an order that is not there: single reads lag behind lists. The overlap of
        the next read brings it again, and a sweep proves it."""
        try:
            async for page in self.single(order_id):
                yield page
        except Gone:
            return

    async def single(self, order_id: str) -> AsyncIterator[Page]:
        """One order with its tickets. Raises `Gone`."""
        path = f"/orders/{known_id(order_id)}/"
        try:
            raw = (await self._client.get(path, wire.raw_record, _ATTENDEES)).value
        except ExpansionFailed:
            raise Transient(f"Eventbrite could not give the tickets of an order ({path}).") from None
        for page in await self._pages_of([raw]):
            yield page

    async def _pages_of(self, raws: Sequence[msgspec.Raw]) -> list[Page]:
        """The page of these orders; before it, one for each event whose ticket classes had to be learned."""
        wires, bad = read_each(raws, wire.order.decode, "order")
        made: list[Page] = []
        for event_id in unique(str(order.event_id) for order in wires):
            of_event = [order for order in wires if str(order.event_id) == event_id]
            made.extend(await self._learn(event_id, of_event))

        def record(order: wire.Order) -> Order:
            mapping.enrich(order, self._types[str(order.event_id)])
            return mapping.order_record(order)

        orders, worse = read_each(wires, record, "order", id_of=lambda order: str(order.id))
        made.append(Page(orders=orders, rejected=bad + worse))
        return made

    async def _learn(self, event_id: str, orders: Iterable[wire.Order]) -> list[Page]:
        """Sees to it that the ticket types of an event are known. Its classes are asked for, each once, when one
        of its orders names a class we do not know."""
        if event_id not in self._types:
            self._types[event_id] = self._types_of(event_id)
        known = self._types[event_id]
        named = {
            str(attendee.ticket_class_id)
            for order in orders
            for attendee in order.attendees or ()
            if attendee.ticket_class_id is not None
        }
        missing = named - known.keys() - self._asked
        if known and not missing:
            return []
        first = event_id not in self._events
        if first:
            try:
                self._events[event_id] = await read_event(self._client, event_id)
            except (Gone, RecordRejected):
                self._events[event_id] = None
        event = self._events[event_id]
        if event is None or not (first or missing):
            return []
        more = {**known, **{made.external_id: made for made in event.ticket_types}}
        for class_id in sorted(missing - more.keys()):
            self._asked.add(class_id)
            found = await read_class(self._client, event_id, class_id, event.listings[0].currency)
            if found is not None:
                more[class_id] = found
        event = mapping.event_record(wire.event.decode(event.raw), more) or event
        self._events[event_id] = event
        self._types[event_id] = {made.external_id: made for made in event.ticket_types}
        return [Page(events=(event,))]


Ids = dict[str, dict[str, None]]


async def _changes(client: Client, part: Slice) -> tuple[Ids, Ids, list[Rejected]]:
    """The ids of an organisation's changed orders by event: of those that moved themselves; of all, with those
    whose attendees alone moved; and the rows that do not tell. Only ids are held."""
    root = f"/organizations/{identifier(part.organisation_id)}"
    params = {"changed_since": _stamp(part.since)} if part.since else {}
    moved: Ids = {}
    changed: Ids = {}
    rejected: list[Rejected] = []

    async for page in of_organisation(pages(client, f"{root}/orders/", wire.order_page, params)):
        hints, bad = read_each(page.orders, _order_hint, "order")
        rejected.extend(bad)
        for event_id, order_id in hints:
            moved.setdefault(event_id, {})[order_id] = None
            changed.setdefault(event_id, {})[order_id] = None
    async for answer in of_organisation(pages(client, f"{root}/attendees/", wire.attendee_page, params)):
        hints, bad = read_each(answer.attendees, _attendee_hint, "ticket")
        rejected.extend(bad)
        for event_id, order_id in hints:
            changed.setdefault(event_id, {})[order_id] = None
    return moved, changed, rejected


def _order_hint(raw: msgspec.Raw) -> tuple[str, str]:
    order = wire.order_hint.decode(raw)
    return identifier(order.event_id, "event id"), identifier(order.id)


def _attendee_hint(raw: msgspec.Raw) -> tuple[str, str]:
    attendee = wire.attendee_hint.decode(raw)
    return identifier(attendee.event_id, "event id"), identifier(attendee.order_id, "order id")


def _stamp(moment: datetime) -> str:
    """Whole seconds in UTC: the only form that `changed_since` takes."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
