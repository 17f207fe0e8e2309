"""Eventbrite as a ticket source: which requests are made, and in which order."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import datetime, timedelta

from housecount.platforms.base.errors import ConfigError, Gone, RecordRejected
from housecount.platforms.base.hooks import HookReading, Webhooks
from housecount.platforms.base.records import Event, Order, Page, Ticket
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
from housecount.platforms.eventbrite import hooks, mapping, wire
from housecount.platforms.eventbrite.answers import LABEL, classify, read_budget
from housecount.platforms.eventbrite.events import known_id, read_catalogue, read_event
from housecount.platforms.eventbrite.orders import OrderReader
from housecount.platforms.eventbrite.paging import pages
from housecount.platforms.http.budget import Rate
from housecount.platforms.http.client import Client
from housecount.platforms.http.profile import Profile, clean_base_url, clean_secret, fingerprint
from housecount.platforms.reading import identifier, read_one, text


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

    connect_steps: tuple[str, ...] = (
        "Sign in to Eventbrite as a person who may see the orders and attendees of your organisation.",
        "Open Account settings, then Developer links, then API keys. Create a key if there is none: any name will do.",
        (
            "Choose “Show API key, client secret and tokens” and copy the private token. The API key and the public "
            "token beside it look alike and do not work."
        ),
    )
    regions: tuple[Region, ...] = ()
    hook_headers: tuple[str, ...] = ("x-eventbrite-delivery", "x-eventbrite-event")

    webhooks: Webhooks | None = hooks.EventbriteWebhooks()

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
        try:
            me = (await client.get("/users/me/", wire.user)).value
        except Gone:
            raise ConfigError("The address set for Eventbrite leads to something else. Check it.") from None
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
            async for page in read_catalogue(client, organisation_id, types_of):
                yield page

    async def event(self, client: Client, event_id: str, region: str) -> Event:  # noqa: ARG002
        """One event with all its ticket types, add-ons and donations included. Raises `Gone`."""
        return await read_event(client, event_id)

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
        reader = OrderReader(client, types_of)
        if part.event_ids is None:
            async for page in reader.changes(part):
                yield page
        for event_id in part.event_ids or ():
            async for page in reader.event_orders(event_id, part.since):
                yield page

    async def order(
        self,
        client: Client,
        event_id: str,  # noqa: ARG002 - an order's own id is enough here
        order_id: str,
        region: str,  # noqa: ARG002
        types_of: TypesOf,
    ) -> Page:
        """One order with all of its tickets. Raises `Gone` for one that is deleted, expired, or not there yet."""
        pages_made = [page async for page in OrderReader(client, types_of).single(order_id)]
        return Page(
            events=tuple(event for page in pages_made for event in page.events),
            orders=tuple(order for page in pages_made for order in page.orders),
            rejected=tuple(rejected for page in pages_made for rejected in page.rejected),
        )

    async def ticket(
        self, client: Client, event_id: str, ticket_id: str, region: str, types_of: TypesOf
    ) -> Page:
        """The order of one attendee, with all of its tickets: they are only counted together. Raises `Gone`."""
        path = f"/events/{known_id(event_id)}/attendees/{known_id(ticket_id)}/"
        raw = (await client.get(path, wire.raw_record)).value
        order_id = identifier(read_one(raw, wire.attendee_hint.decode).order_id, "order id")
        return await self.order(client, event_id, order_id, region, types_of)

    def restore(self, kind: str, raw: bytes) -> Event | Order | Ticket:
        """The record that `raw` was made from; nothing else is needed. Raises `RecordRejected`."""
        if kind == "order":
            return read_one(raw, lambda data: mapping.order_record(wire.order.decode(data)))
        if kind != "event":
            raise ValueError(f"Eventbrite keeps no raw {kind}.")
        made = read_one(raw, lambda data: mapping.event_record(wire.event.decode(data)))
        if made is None:
            raise RecordRejected("It is the parent of a series.")
        return made

    def read_hook(self, body: bytes) -> HookReading:
        """What a delivery points at. Nothing signs it: it is a hint."""
        return hooks.read_hook(body)
