"""Invented organisations and records, for tests of everything that stands on them."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from housecount.core.counting import Category, OrderFacts, TicketFacts, Validity
from housecount.platforms.base.records import Event, Listing, Order, Ticket, TicketType

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SHOW_TIME = datetime(2026, 11, 27, 8, 30, tzinfo=UTC)
_numbers = itertools.count(1)


def make_organisation(name: str = "Laughing Stock") -> UUID:
    """A new organisation of its own; its id."""
    from housecount.tenancy import services

    return services.create_organisation(f"{name} {uuid4().hex[:8]}", slug=f"org-{uuid4().hex[:12]}").pk


def make_account(organisation_id: UUID, platform: str = "humanitix", secret: str = "") -> UUID:
    """A new account, not checked with any platform; its id."""
    from housecount.box_office.models import Account
    from housecount.tenancy import crypto
    from housecount.tenancy.identity import Identity, acting_as

    secret = secret or uuid4().hex
    with acting_as(Identity.system(organisation_id)):
        account = Account.objects.create(
            organisation_id=organisation_id,
            platform=platform,
            name=f"{platform} account",
            credential=crypto.encrypt(secret),
            fingerprint=crypto.fingerprint(secret),
            organisation_ids=["300000000001"],
            regions=[""],
        )
    return account.pk


def make_event(
    event_id: str = "e1",
    *,
    title: str = "Friday Night Laughs",
    sessions: Sequence[str] = ("",),
    starts_at: datetime = SHOW_TIME,
    currency: str = "AUD",
    venue: str = "The Velvet Room",
    city: str = "Melbourne",
    timezone: str = "Australia/Melbourne",
    capacity: int | None = 180,
    types: Sequence[TicketType] | None = None,
) -> Event:
    """An event with one listing per session, a day apart."""
    listings = tuple(
        Listing(
            event_id=event_id,
            session_id=session,
            title=title,
            starts_at=starts_at + timedelta(days=day),
            ends_at=starts_at + timedelta(days=day, hours=2),
            timezone=timezone,
            currency=currency,
            capacity=capacity,
            venue_name=venue,
            venue_city=city,
            venue_country="AU",
        )
        for day, session in enumerate(sessions)
    )
    kinds = types if types is not None else [make_type(event_id, currency=currency)]
    raw = msgspec.json.encode({"id": event_id, "title": title, "n": next(_numbers)})
    return Event(external_id=event_id, listings=listings, ticket_types=tuple(kinds), raw=raw)


def make_type(
    event_id: str = "e1",
    external_id: str = "general",
    *,
    category: Category = Category.ADMISSION,
    absorbs_fees: bool = False,
    currency: str = "AUD",
) -> TicketType:
    """A ticket type at 30.00."""
    return TicketType(
        external_id=external_id,
        event_id=event_id,
        name="General admission",
        category=category,
        price=3000,
        quantity=180,
        absorbs_fees=absorbs_fees,
        currency=currency,
    )


def make_ticket(
    external_id: str,
    order_id: str,
    *,
    event_id: str = "e1",
    session_id: str = "",
    validity: Validity = Validity.VALID,
    category: Category = Category.ADMISSION,
    gross: int = 3000,
    paid: bool | None = None,
    absorbed_fees: int = 0,
    passed_on_fees: int = 150,
    tax: int = 0,
    changed: int = 0,
    apart: bool = False,
) -> Ticket:
    """A ticket; `changed` is minutes after START. `apart`: with a raw record of its own."""
    facts = TicketFacts(
        category=category,
        validity=validity,
        paid=gross > 0 if paid is None else paid,
        gross=gross,
        peak_gross=gross,
        absorbed_fees=absorbed_fees,
        passed_on_fees=passed_on_fees,
        tax=tax,
    )
    ticket = Ticket(
        external_id=external_id,
        order_id=order_id,
        event_id=event_id,
        session_id=session_id,
        type_id="general",
        type_name="General admission",
        currency="AUD",
        facts=facts,
        created_at=START,
        changed_at=START + timedelta(minutes=changed),
    )
    return msgspec.structs.replace(ticket, raw=_raw(ticket)) if apart else ticket


def make_order(
    external_id: str = "o1",
    tickets: Sequence[Ticket] | None = None,
    *,
    event_id: str = "e1",
    session_id: str = "",
    facts: OrderFacts | None = None,
    currency: str = "AUD",
    changed: int = 0,
    notices: Sequence[str] = (),
) -> Order:
    """An order with its tickets inside (None: they come apart); `changed` is minutes after START."""
    order = Order(
        external_id=external_id,
        event_id=event_id,
        session_id=session_id,
        status="placed",
        channel="online",
        currency=currency,
        facts=facts or OrderFacts(completed=True),
        placed_at=START,
        changed_at=START + timedelta(minutes=changed),
        tickets=None if tickets is None else tuple(tickets),
        notices=tuple(notices),
        raw=b"",
    )
    return msgspec.structs.replace(order, raw=_raw(order))


def _raw(record: Order | Ticket) -> bytes:
    return msgspec.json.encode(record)
