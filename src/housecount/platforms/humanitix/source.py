"""Humanitix as a ticket source: which requests are made, and in which order."""

import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from housecount.platforms.base.errors import ConfigError, ContractChanged, Gone, RecordRejected
from housecount.platforms.base.hooks import HookReading, Webhooks
from housecount.platforms.base.records import Event, Order, Page, Rejected, Ticket
from housecount.platforms.base.source import (
    Capabilities,
    CheckResult,
    KnownEvent,
    Region,
    Scope,
    Setting,
    Slice,
    TypesOf,
    no_types,
)
from housecount.platforms.http.budget import Rate
from housecount.platforms.http.client import Client
from housecount.platforms.http.errors import ServerFailed
from housecount.platforms.http.profile import Profile, clean_base_url, clean_secret, fingerprint
from housecount.platforms.humanitix import hooks, mapping, wire
from housecount.platforms.humanitix.answers import LABEL, classify
from housecount.platforms.humanitix.paging import pages
from housecount.platforms.reading import identifier, read_each, read_one


class Humanitix:
    """Humanitix, money counted from orders and admissions from tickets, which come on lists of their own."""

    key = "humanitix"
    label = LABEL
    caps = Capabilities(
        grain="order",
        incremental="updated",
        refunds="in-order",
        webhook="none",
        lookback=timedelta(minutes=15),
        tickets_apart=True,
    )
    settings: tuple[Setting, ...] = (
        Setting(
            name="api_key",
            label="API key",
            secret=True,
            help="Humanitix console: Account > Advanced > API key. A new key ends the old one at once.",
        ),
    )

    connect_steps: tuple[str, ...] = (
        "Sign in to the Humanitix console with the account that owns your events.",
        "Open Account, then Advanced, then API key.",
        (
            "If another program reads this account already, give the key it uses: a new key ends the old one at once, "
            "for everybody. Otherwise make a key and copy it."
        ),
        (
            "A key shows only its own region unless it is asked for others, and nothing tells you that something is "
            "missing. If you sell in more than one country, choose each of them below."
        ),
    )
    regions: tuple[Region, ...] = tuple(
        Region(code=code, name=name)
        for code, name in (
            ("AU", "Australia"),
            ("NZ", "New Zealand"),
            ("US", "United States"),
            ("GB", "United Kingdom"),
            ("CA", "Canada"),
            ("DE", "Germany"),
            ("FJ", "Fiji"),
            ("MX", "Mexico"),
            ("MY", "Malaysia"),
            ("SG", "Singapore"),
        )
    )
    hook_headers: tuple[str, ...] = ()

    webhooks: Webhooks | None = None

    def profile(self, base_url: str, secret: str) -> Profile:
        """150 calls a minute: three quarters of the 200 that integrators report. Raises `ConfigError`."""
        secret = clean_secret(secret, LABEL)
        return Profile(
            platform=self.key,
            label=LABEL,
            base_url=clean_base_url(base_url, LABEL),
            header_name="x-api-key",
            header_value=secret,
            credential=fingerprint(self.key, secret),
            rate=Rate(limit=200, seconds=60.0, percent=75),
            classify=classify,
        )

    async def check(self, client: Client, regions: Sequence[str]) -> CheckResult:
        """Reads one event per region. Humanitix does not name accounts. Raises `ConfigError`."""
        wanted = tuple(dict.fromkeys(_region(region) for region in regions)) or ("",)
        for region in wanted:
            try:
                await client.get("/events", wire.event_page, {"page": "1", "pageSize": "1", **_where(region)})
            except ContractChanged:
                if not region:
                    raise
                raise ConfigError(f"Humanitix does not know the region {region}.") from None
        return CheckResult(name=LABEL, scope=Scope(regions=wanted))

    async def catalogue(
        self,
        client: Client,
        scope: Scope,
        types_of: TypesOf = no_types,  # noqa: ARG002
    ) -> AsyncIterator[Page]:
        """Every event of every region; one that several regions show stays with the first of them."""
        elsewhere: set[str] = set()
        for region in scope.regions:
            here: set[str] = set()

            async for page in pages(client, "/events", wire.event_page, _where(region)):
                events, rejected = _events(page.events, region)
                here.update(event.external_id for event in events)
                yield Page(
                    events=tuple(e for e in events if e.external_id not in elsewhere), rejected=rejected
                )
            elsewhere |= here

    async def event(self, client: Client, event_id: str, region: str) -> Event:
        """One event with its dates and ticket types. Raises `Gone`."""
        event_id = _known_id(event_id)
        raw, found = await _single(client, f"/events/{event_id}", region)
        return read_one(raw, lambda data: mapping.event_record(wire.event.decode(data), found))

    def slices(
        self,
        scope: Scope,  # noqa: ARG002 - events name their region themselves
        events: Collection[KnownEvent],
        bookmark: Callable[[str], datetime | None],
        now: datetime,  # noqa: ARG002 - how long which event is read is the engine's to decide
        *,
        full: bool,
    ) -> Sequence[Slice]:
        """One slice per event: full, all of them whole; otherwise since their bookmark. New events, and events never
        read, are read whole."""
        made: list[Slice] = []
        for event in events:
            key = f"event:{event.region}:{event.event_id}"
            since = None if full or event.new else bookmark(key)
            made.append(
                Slice(
                    key=key,
                    event_ids=(event.event_id,),
                    since=None if since is None else since - self.caps.lookback,
                    full=since is None,
                    region=event.region,
                )
            )
        return made

    async def walk(self, client: Client, part: Slice, types_of: TypesOf) -> AsyncIterator[Page]:
        """An event's orders, then its tickets: complete ones first, so that one cancelled meanwhile is met again
        among the cancelled. Where no order changed, no ticket did. Raises `Gone` when the event is gone."""
        for given in part.event_ids or ():
            event_id = _known_id(given)
            currency = mapping.event_currency(types_of(event_id))
            params = {**_where(part.region), **({"since": _stamp(part.since)} if part.since else {})}
            quiet = True
            async for page in pages(client, f"/events/{event_id}/orders", wire.order_page, params):
                quiet = quiet and not page.orders
                yield _orders(page.orders, event_id, currency)
            if quiet and part.since is not None and not part.full:
                continue
            for status in ("complete", "cancelled"):
                path = f"/events/{event_id}/tickets"
                async for answer in pages(client, path, wire.ticket_page, {**params, "status": status}):
                    yield _tickets(answer.tickets, event_id, currency)

    async def order(
        self, client: Client, event_id: str, order_id: str, region: str, types_of: TypesOf
    ) -> Page:
        """One order; its tickets are lists' business. Raises `Gone`; `RecordRejected` for one that always fails."""
        event_id, order_id = _known_id(event_id), _known_id(order_id)
        raw, _ = await _single(client, f"/events/{event_id}/orders/{order_id}", region)
        return _orders([raw], event_id, mapping.event_currency(types_of(event_id)))

    async def ticket(
        self, client: Client, event_id: str, ticket_id: str, region: str, types_of: TypesOf
    ) -> Page:
        """One ticket. Raises as `order`."""
        event_id, ticket_id = _known_id(event_id), _known_id(ticket_id)
        raw, _ = await _single(client, f"/events/{event_id}/tickets/{ticket_id}", region)
        return _tickets([raw], event_id, mapping.event_currency(types_of(event_id)))

    def restore(self, kind: str, raw: bytes) -> Event | Order | Ticket:
        """The record that `raw` was made from; nothing else is needed. Raises `RecordRejected`."""
        if kind == "order":
            return read_one(raw, lambda data: mapping.order_record(wire.order.decode(data), ""))
        if kind == "ticket":
            return read_one(raw, lambda data: mapping.ticket_record(wire.ticket.decode(data), ""))
        if kind != "event":
            raise ValueError(f"Humanitix keeps no raw {kind}.")

        def event(data: bytes) -> Event:
            kept = wire.event.decode(data)
            return mapping.event_record(kept, kept.region)

        return read_one(raw, event)

    def read_hook(self, body: bytes) -> HookReading:
        """What a relay's hook points at: Humanitix itself sends none."""
        return hooks.read_hook(body)


def _events(raws: Sequence[msgspec.Raw], region: str) -> tuple[tuple[Event, ...], tuple[Rejected, ...]]:
    return read_each(raws, lambda raw: mapping.event_record(wire.event.decode(raw), region), "event")


def _orders(raws: Sequence[msgspec.Raw], event_id: str, currency: str) -> Page:
    def record(raw: msgspec.Raw) -> Order:
        order = wire.order.decode(raw)
        order.event_currency = currency
        return mapping.order_record(order, event_id)

    orders, rejected = read_each(raws, record, "order", event_id)
    return Page(orders=orders, rejected=rejected)


def _tickets(raws: Sequence[msgspec.Raw], event_id: str, currency: str) -> Page:
    def record(raw: msgspec.Raw) -> Ticket:
        ticket = wire.ticket.decode(raw)
        ticket.event_currency = currency
        return mapping.ticket_record(ticket, event_id)

    tickets, rejected = read_each(raws, record, "ticket", event_id)
    return Page(tickets=tickets, rejected=rejected)


async def _single(client: Client, path: str, region: str) -> tuple[msgspec.Raw, str]:
    """One object, and the region that had it: the given one, else the account's own."""
    for place in dict.fromkeys((region, "")):
        try:
            return (await client.get(path, wire.raw_record, _where(place))).value, place
        except Gone:
            continue
        except ServerFailed as error:
            if error.status != 500:
                raise
            # Some objects fail at every try: they must not stop the others.
            raise RecordRejected(f"Humanitix cannot show {path}: it failed at every try.") from None
    raise Gone(f"Humanitix has no {path} (any more).")


def _where(region: str) -> Mapping[str, str]:
    return {"overrideLocation": region} if region else {}


def _region(name: str) -> str:
    name = name.strip().upper()
    if name and not re.fullmatch("[A-Z]{2}", name):
        raise ConfigError(
            f'"{name[:20]}" is no region. Regions of Humanitix are two letters, such as AU or NZ.'
        )
    return name


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _known_id(value: str) -> str:
    """`value` as a part of a path. What cannot be an id does not exist."""
    try:
        return identifier(value)
    except RecordRejected:
        raise Gone("This is no id of Humanitix's.") from None
