"""Eventbrite as a ticket source: which requests are made, and in which order."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from housecount.platforms.base.errors import ConfigError, Gone, RecordRejected, Transient
from housecount.platforms.base.records import Event, Order, Page, Ticket, TicketType
from housecount.platforms.base.source import (
    Capabilities,
    CheckResult,
    KnownEvent,
    Scope,
    Setting,
    Slice,
    TypesOf,
    no_types,
)
from housecount.platforms.eventbrite import mapping, wire
from housecount.platforms.eventbrite.answers import LABEL, classify, read_budget
from housecount.platforms.eventbrite.paging import pages
from housecount.platforms.http.budget import Rate
from housecount.platforms.http.client import Client
from housecount.platforms.http.errors import ExpansionFailed
from housecount.platforms.http.profile import Profile, clean_base_url, clean_secret, fingerprint
from housecount.platforms.reading import identifier, raw_id, read_each, read_one, text, unique

T = TypeVar("T")

_EVENT = {"expand": "venue,ticket_classes"}
_ATTENDEES = {"expand": "attendees"}
#: From so many changed orders of one event on, its own list is cheaper than asking one by one.
_LIST_FROM = 2
#: So many single orders of one event cost more than its whole list.
_SINGLES = 40


class Eventbrite:
    """Eventbrite, counted from the attendees of placed orders. Orders come with their tickets."""

    key = "eventbrite"
    label = LABEL
    caps = Capabilities(
        grain="order",
        incremental="updated",
        refunds="in-order",
        webhook="url-secret",
        lookback=timedelta(minutes=15),
        tickets_apart=False,
    )
    settings: tuple[Setting, ...] = (
        Setting(
            name="api_key",
            label="Private token",
            secret=True,
            help="Eventbrite: Account settings > Developer links > API keys > Show API key > Private token.",
        ),
    )

    def profile(self, base_url: str, secret: str) -> Profile:
        """2,000 calls an hour per token, of which 80 % are used. Raises `ConfigError` for what cannot be a token."""
        secret = clean_secret(secret, LABEL)
        return Profile(
            platform=self.key,
            label=LABEL,
            base_url=clean_base_url(base_url, LABEL),
            header_name="Authorization",
            header_value=f"Bearer {secret}",
            credential=fingerprint(self.key, secret),
            rate=Rate(limit=2000, seconds=3600.0),
            classify=classify,
            read_budget=read_budget,
        )

    async def check(self, client: Client, regions: Sequence[str]) -> CheckResult:  # noqa: ARG002
        """The account's name and its organisation ids. Regions mean nothing here."""
        me = (await client.get("/users/me/", wire.user)).value
        found: dict[str, str] = {}
        async for page in pages(client, "/users/me/organizations/", wire.organization_page, {}):
            for raw in page.organizations:
                organisation = read_one(raw, wire.organization.decode)
                found[identifier(organisation.id)] = text(organisation.name)
        # Documented: who has no organisation of their own uses their user id as one.
        ids = tuple(found) or (identifier(me.id),)
        name = ", ".join(filter(None, found.values())) or text(me.name) or LABEL
        return CheckResult(name=name[:200], scope=Scope(organisation_ids=ids))

    async def catalogue(
        self, client: Client, scope: Scope, types_of: TypesOf = no_types
    ) -> AsyncIterator[Page]:
        """Every event of every organisation. What `types_of` knows of an event's ticket types is kept in it."""
        for organisation_id in scope.organisation_ids:
            path = f"/organizations/{identifier(organisation_id)}/events/"
            params = {
                "status": "all",
                "show_series_parent": "false",
                "order_by": "created_asc",
                "page_size": "100",
            }
            async for page in _of_organisation(self._event_pages(client, path, params)):
                wires, bad = read_each(page.events, wire.event.decode, "event")
                for event in wires:
                    if event.ticket_classes is msgspec.UNSET and not event.is_series_parent:
                        event.ticket_classes = await self._classes(client, event, types_of)
                events, worse = read_each(
                    wires,
                    lambda event: mapping.event_record(event, types_of(str(event.id))),
                    "event",
                    id_of=lambda event: str(event.id),
                )
                yield Page(events=events, rejected=bad + worse)

    async def _event_pages(
        self, client: Client, path: str, params: Mapping[str, str]
    ) -> AsyncIterator[wire.EventPage]:
        try:
            async for page in pages(client, path, wire.event_page, {**params, **_EVENT}):
                yield page
        except ExpansionFailed:
            # Venues are named in the events' own reads; classes are asked for event by event.
            async for page in pages(client, path, wire.event_page, {**params, "expand": "venue"}):
                yield page

    async def _classes(self, client: Client, event: wire.Event, types_of: TypesOf) -> list[msgspec.Raw]:
        """The ticket classes of an event that came without them."""
        over = (event.status or "").casefold() in {"ended", "completed", "canceled", "deleted"}
        if over and types_of(str(event.id)):
            return []  # what is known stays, and nothing is sold any more
        return await self._list_classes(client, identifier(event.id))

    async def _list_classes(self, client: Client, event_id: str) -> list[msgspec.Raw]:
        found: list[msgspec.Raw] = []
        async for page in pages(
            client, f"/events/{event_id}/ticket_classes/", wire.class_page, {"category": "all"}
        ):
            found.extend(page.ticket_classes)
        return found

    async def event(self, client: Client, event_id: str, region: str) -> Event:  # noqa: ARG002
        """One event with all its ticket types, add-ons and donations included. Raises `Gone`."""
        event_id = _known_id(event_id)
        raw = (await client.get(f"/events/{event_id}/", wire.raw_record, {"expand": "venue"})).value
        event = read_one(raw, wire.event.decode)
        event.ticket_classes = await self._list_classes(client, event_id)
        made = read_one(event, mapping.event_record)
        if made is None:
            raise Gone("This is the parent of a series: it sells nothing itself.")
        return made

    def slices(
        self,
        scope: Scope,
        events: Collection[KnownEvent],
        bookmark: Callable[[str], datetime | None],
        now: datetime,
        *,
        full: bool,
    ) -> Sequence[Slice]:
        """Full: every event. Otherwise one slice of changes per organisation, and new events whole.

        Where changes were never read, every event is read whole and the changes start from `now`.
        """
        changes: list[Slice] = []
        seeded = True
        if not full:
            for organisation_id in scope.organisation_ids:
                key = f"changes:{organisation_id}"
                since = bookmark(key)
                seeded = seeded and since is not None
                changes.append(
                    Slice(
                        key=key,
                        event_ids=None,
                        since=(since or now) - self.caps.lookback,
                        organisation_id=organisation_id,
                    )
                )
        whole = [
            Slice(key=f"event:{event.event_id}", event_ids=(event.event_id,), full=True)
            for event in events
            if full or event.new or not seeded
        ]
        return (*changes, *whole)

    async def walk(self, client: Client, part: Slice, types_of: TypesOf) -> AsyncIterator[Page]:
        """An event's orders, or an organisation's changes. Raises `Gone` when the event of a slice is gone."""
        reader = _Reader(self, client, types_of)
        if part.event_ids is not None:
            for event_id in part.event_ids:
                async for page in reader.event_orders(_known_id(event_id), part.since):
                    yield page
            return
        orders, changed = await _changes(client, part)
        for event_id, order_ids in changed.items():
            moved = len(orders.get(event_id, ()))
            done: set[str] = set()
            try:
                if moved >= _LIST_FROM or len(order_ids) > _SINGLES:
                    since = part.since if len(order_ids) <= _SINGLES + moved else None
                    async for page in reader.event_orders(event_id, since):
                        done.update(order.external_id for order in page.orders)
                        done.update(rejected.external_id for rejected in page.rejected)
                        yield page
                for order_id in order_ids:
                    if order_id not in done:
                        async for page in reader.single_if_there(order_id):
                            yield page
            except Gone:
                continue  # the event went while we read; a sweep proves what is gone

    async def order(
        self,
        client: Client,
        event_id: str,  # noqa: ARG002 - an order's own id is enough here
        order_id: str,
        region: str,  # noqa: ARG002
        types_of: TypesOf,
    ) -> Page:
        """One order with all of its tickets. Raises `Gone` for one that is deleted, expired, or not there yet."""
        pages_made = [page async for page in _Reader(self, client, types_of).single(_known_id(order_id))]
        return Page(
            events=tuple(event for page in pages_made for event in page.events),
            orders=tuple(order for page in pages_made for order in page.orders),
            rejected=tuple(rejected for page in pages_made for rejected in page.rejected),
        )

    async def ticket(
        self,
        client: Client,  # noqa: ARG002
        event_id: str,  # noqa: ARG002
        ticket_id: str,  # noqa: ARG002
        region: str,  # noqa: ARG002
        types_of: TypesOf,  # noqa: ARG002
    ) -> Page:
        """Not used: tickets come inside their orders. Raises `Gone`."""
        raise Gone("Eventbrite's tickets are read with their orders.")

    def restore(self, kind: str, raw: bytes, types_of: TypesOf) -> Event | Order | Ticket:  # noqa: ARG002
        """The record that `raw` was made from; nothing else is needed. Raises `RecordRejected`."""
        if kind == "order":
            return read_one(raw, lambda data: mapping.order_record(wire.order.decode(data)))
        made = read_one(raw, lambda data: mapping.event_record(wire.event.decode(data)))
        if kind != "event" or made is None:
            raise ValueError(f"Eventbrite keeps no raw {kind}.")
        return made


class _Reader:
    """Reads orders for one walk. Remembers what it learned of events on the way."""

    def __init__(self, source: Eventbrite, client: Client, types_of: TypesOf) -> None:
        self._source = source
        self._client = client
        self._types_of = types_of
        self._events: dict[str, Event | None] = {}
        self._asked: set[str] = set()

    async def event_orders(self, event_id: str, since: datetime | None) -> AsyncIterator[Page]:
        params = {"changed_since": _stamp(since)} if since else {}
        path = f"/events/{event_id}/orders/"
        try:
            async for answer in pages(self._client, path, wire.order_page, {**params, **_ATTENDEES}):
                for page in await self._pages_of(answer.orders):
                    yield page
        except ExpansionFailed:
            async for answer in pages(self._client, path, wire.order_page, params):
                for raw in answer.orders:
                    async for page in self.single_if_there(raw_id(raw)):
                        yield page

    async def single_if_there(self, order_id: str) -> AsyncIterator[Page]:
        """As `single`, and nothing for an order that is not there: single reads lag behind lists. The overlap of
        the next read brings it again, and a sweep proves it."""
        try:
            async for page in self.single(order_id):
                yield page
        except Gone:
            return

    async def single(self, order_id: str) -> AsyncIterator[Page]:
        path = f"/orders/{_known_id(order_id)}/"
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
            mapping.enrich(order, self._types(str(order.event_id)))
            return mapping.order_record(order)

        orders, worse = read_each(wires, record, "order", id_of=lambda order: str(order.id))
        made.append(Page(orders=orders, rejected=bad + worse))
        return made

    def _types(self, event_id: str) -> Mapping[str, TicketType]:
        event = self._events.get(event_id)
        return {made.external_id: made for made in event.ticket_types} if event else self._types_of(event_id)

    async def _learn(self, event_id: str, orders: Iterable[wire.Order]) -> list[Page]:
        """Asks for an event's ticket classes, each once, when one of its orders names a class we do not know."""
        known = self._types(event_id)
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
                self._events[event_id] = await self._source.event(self._client, event_id, "")
            except Gone:
                self._events[event_id] = None
        event = self._events[event_id]
        if event is None or not (first or missing):
            return []
        more = {**known, **{made.external_id: made for made in event.ticket_types}}
        for class_id in sorted(missing - more.keys()):
            self._asked.add(class_id)
            found = await self._single_class(event_id, class_id, event.listings[0].currency)
            if found is not None:
                more[class_id] = found
        event = mapping.event_record(wire.event.decode(event.raw), more) or event
        self._events[event_id] = event
        return [Page(events=(event,))]

    async def _single_class(self, event_id: str, class_id: str, currency: str) -> TicketType | None:
        try:
            path = f"/events/{event_id}/ticket_classes/{_known_id(class_id)}/"
            raw = (await self._client.get(path, wire.raw_record)).value
            return mapping.type_record(read_one(raw, wire.ticket_class.decode), event_id, currency)
        except (Gone, RecordRejected):
            return None


async def _changes(client: Client, part: Slice) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The ids of an organisation's changed orders by event: of those that moved themselves, and of all, with those
    whose attendees alone moved. Only ids are held."""
    root = f"/organizations/{identifier(part.organisation_id)}"
    params = {"changed_since": _stamp(part.since)} if part.since else {}
    moved: dict[str, dict[str, None]] = {}
    changed: dict[str, dict[str, None]] = {}
    async for page in _of_organisation(pages(client, f"{root}/orders/", wire.order_page, params)):
        for raw in page.orders:
            order = read_one(raw, wire.order_hint.decode)
            for target in (moved, changed):
                target.setdefault(identifier(order.event_id), {})[identifier(order.id)] = None
    async for answer in _of_organisation(pages(client, f"{root}/attendees/", wire.attendee_page, params)):
        for raw in answer.attendees:
            attendee = read_one(raw, wire.attendee_hint.decode)
            changed.setdefault(identifier(attendee.event_id), {})[identifier(attendee.order_id)] = None
    return {key: list(ids) for key, ids in moved.items()}, {key: list(ids) for key, ids in changed.items()}


async def _of_organisation(walk: AsyncIterator[T]) -> AsyncIterator[T]:
    """The pages of `walk`. An organisation that is not there is no missing object but a wrong scope."""
    try:
        async for page in walk:
            yield page
    except Gone:
        raise ConfigError(
            "Eventbrite no longer shows an organisation of this account. Reconnect the account to choose anew."
        ) from None


def _stamp(moment: datetime) -> str:
    """Whole seconds in UTC: the only form that `changed_since` takes."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _known_id(value: str) -> str:
    """`value` as a part of a path. What cannot be an id does not exist."""
    try:
        return identifier(value)
    except RecordRejected:
        raise Gone("This is no id of Eventbrite's.") from None
