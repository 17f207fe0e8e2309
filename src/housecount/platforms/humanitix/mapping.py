"""Humanitix's records as neutral ones. Pure: the same answer gives the same record."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Final

import msgspec

from housecount.core.counting import Category, OrderFacts, TicketFacts, Validity
from housecount.core.money import NotMoney, check_currency, exponent, to_minor
from housecount.platforms.base.errors import RecordRejected
from housecount.platforms.base.records import Event, Listing, Order, Ticket, TicketType
from housecount.platforms.humanitix import wire
from housecount.platforms.reading import identifier, text, utc, utc_or_none, zone

_FINANCIAL: Final = frozenset({"free", "paid", "partiallyRefunded", "refunded"})
_MOST_SEATS: Final = 10_000_000
#: An amount this close to a whole minor unit is that unit: sums of binary fractions look like 59.99999999999999.
_NOISE: Final = Decimal("0.000001")


def minor(amount: Decimal | None, currency: str) -> int:
    """Minor units of `amount`; 0 for None.

    The only place where an amount of Humanitix's is rounded: the noise that binary fractions leave is taken off,
    half to even; it is less than a ten-thousandth of a cent. Any other fraction of a minor unit is refused with
    `NotMoney`.
    """
    if not amount:
        return 0
    if not amount.is_finite():
        raise NotMoney(f"{amount} is not an amount of money.")
    return _minor(amount, currency)


@lru_cache(8192)  # a season has few prices
def _minor(amount: Decimal, currency: str) -> int:
    try:
        return to_minor(amount, currency)
    except NotMoney:
        if amount.adjusted() > 12:
            raise
        whole = amount.quantize(Decimal(1).scaleb(-exponent(currency)), ROUND_HALF_EVEN)
        if abs(amount - whole) > _NOISE:
            raise
        return to_minor(whole, currency)


def _positive(amount: Decimal | None, currency: str) -> int:
    value = minor(amount, currency)
    if value < 0:
        raise RecordRejected("It holds an amount below zero where there is none.")
    return value


def order_record(order: wire.Order, event_id: str) -> Order:
    """The neutral order; its tickets come apart. Raises `RecordRejected` or `NotMoney`.

    All money is on the order: what its tickets say follows it and is rewritten when they are cancelled.
    """
    external_id = identifier(order.id)
    order.event_id = order.event_id or event_id
    currency = _currency(order.currency, order.event_currency)
    notices: list[str] = []
    facts = _facts(order, currency, notices)
    created, completed, updated = (
        utc_or_none(moment) for moment in (order.created_at, order.completed_at, order.updated_at)
    )
    buyer = order.email
    order.email = None
    return Order(
        external_id=external_id,
        event_id=identifier(order.event_id, "event id"),
        session_id=identifier(order.event_date_id, "date id") if order.event_date_id else "",
        status=text(order.status, 40),
        channel=text(order.sales_channel, 40),
        currency=currency,
        facts=facts,
        placed_at=utc(completed or created or updated),
        changed_at=utc(updated or completed or created),
        tickets=None,
        notices=tuple(notices),
        buyer_key=text(buyer).casefold() if buyer and "@" in buyer else "",
        raw=wire.encode(order),
    )


def _facts(order: wire.Order, currency: str, notices: list[str]) -> OrderFacts:
    totals = order.totals
    if totals.subtotal is None or totals.discounts is None or totals.refunds is None:
        raise RecordRejected("Its totals lack the subtotal, the discounts or the refunds.")
    subtotal = _positive(totals.subtotal, currency)
    discounts = _positive(totals.discounts, currency)
    refunds = _positive(totals.refunds, currency)
    amex = _positive(totals.amex_fee, currency)
    passed_on, absorbed, both = _fees(totals, currency)
    # `bookingFee` holds what the buyer pays on top of the fee itself: Amex, and perhaps other surcharges.
    surcharges = max(amex, _positive(totals.booking_fee, currency) - both)
    donated = totals.client_donation if totals.net_client_donation is None else totals.net_client_donation
    gross = subtotal - discounts - refunds

    status, financial = text(order.status, 40), text(order.financial_status, 40)
    if status != "complete":
        notices.append(f'Its status "{status}" is unknown to us: it is not counted.')
    if financial not in _FINANCIAL:
        notices.append(f'Its financial status "{financial}" is unknown to us.')
    if financial == "refunded" and gross > 0:
        notices.append("It is called refunded and money of it is left.")
    if order.payment_type == "complimentary" and gross > 0:
        notices.append("It is called complimentary and has a price.")
    if totals.net_sales is not None and minor(totals.net_sales, currency) != gross - absorbed:
        notices.append("Its net sales are not subtotal less discounts, refunds and absorbed fees.")
    extra = minor(totals.client_donation, currency)
    # With a donation it is not known whether the total holds it, so nothing is compared.
    if totals.total is not None and not extra and minor(totals.total, currency) != gross + passed_on + amex:
        notices.append("Its total is not what its parts add up to.")
    for amount in (totals.gross_sales, totals.total, *_purchase(order.purchase_totals)):
        minor(amount, currency)  # kept in the raw record only, and never when it is absurd

    return OrderFacts(
        completed=status == "complete",
        nothing_paid=financial in {"free", "refunded"} or gross <= 0,
        gross=gross,
        discounts=discounts,
        refunds=refunds,
        absorbed_fees=absorbed,
        passed_on_fees=passed_on + surcharges,
        tax=_positive(totals.taxes, currency),
        rebates=_positive(totals.rebates, currency),
        extras=_positive(donated, currency),
    )


def _fees(totals: wire.Totals, currency: str) -> tuple[int, int, int]:
    """Passed on, absorbed, and both together. Old rows do not tell what was absorbed: it is the rest."""
    passed_on = _positive(totals.passed_on_fee, currency)
    absorbed = _positive(totals.absorbed_fee, currency)
    both = _positive(totals.humanitix_fee, currency)
    if totals.humanitix_fee is None:
        both = passed_on + absorbed
    if totals.absorbed_fee is None:
        absorbed = max(0, both - passed_on) if totals.passed_on_fee is not None else 0
    if totals.passed_on_fee is None:
        passed_on = max(0, both - absorbed)
    return passed_on, absorbed, both


def _second(totals: wire.TotalsV2 | None) -> tuple[Decimal | None, ...]:
    if totals is None:
        return ()
    after_tax = totals.sub_total.after_tax if totals.sub_total else None
    return totals.discount, totals.refunds, after_tax


def _purchase(totals: wire.PurchaseTotals | None) -> tuple[Decimal | None, ...]:
    return () if totals is None else (totals.discounts, totals.subtotal, totals.total)


def ticket_record(ticket: wire.Ticket, event_id: str) -> Ticket:
    """The neutral ticket: what it is and whether it admits. Its money is on its order. Raises as `order_record`."""
    ticket.event_id = ticket.event_id or event_id
    currency = _currency(ticket.currency, ticket.event_currency)
    value = _value(ticket, currency)
    gone = (
        ticket.status == "cancelled"
        or ticket.cancelled_at is not None
        # What becomes of the swapped ticket is not documented; only the new one can admit.
        or (ticket.swapped_to is not None and ticket.swapped_to.id is not None)
    )
    created, updated = utc_or_none(ticket.created_at), utc_or_none(ticket.updated_at)
    for amount in (
        ticket.price,
        ticket.total,
        ticket.taxes,
        ticket.passed_on_fee,
        *_second(ticket.totals_v2),
    ):
        minor(amount, currency)  # kept in the raw record only, and never when it is absurd
    return Ticket(
        external_id=identifier(ticket.id),
        order_id=identifier(ticket.order_id, "order id"),
        event_id=identifier(ticket.event_id, "event id"),
        session_id=identifier(ticket.event_date_id, "date id") if ticket.event_date_id else "",
        type_id=(ticket.ticket_type_id or "")[:100],
        type_name=text(ticket.ticket_type_name),
        currency=currency,
        facts=TicketFacts(
            category=Category.DONATION if ticket.is_donation else Category.ADMISSION,
            validity=Validity.CANCELLED if gone else Validity.VALID,
            paid=value > 0,
            in_order=_in_order(ticket, value, currency, cancelled=gone),
        ),
        created_at=utc(created or updated),
        changed_at=utc(updated or created),
        raw=wire.encode(ticket),
    )


def _value(ticket: wire.Ticket, currency: str) -> int:
    """What was paid for the ticket, without fees on top. `netPrice` leaves absorbed fees out as well."""
    if ticket.net_price is None:
        return minor(ticket.price, currency) - minor(ticket.discount, currency)
    return minor(ticket.net_price, currency) + minor(ticket.absorbed_fee, currency)


def _in_order(ticket: wire.Ticket, value: int, currency: str, *, cancelled: bool) -> int:
    """A donation's money that is still in its order's gross.

    Cancelling rewrites a ticket's price to 0; what it was then stands only in `totalsV2`, with what was given
    back. Where that is missing too, a cancelled donation of price 0 is taken as given back.
    """
    if not ticket.is_donation:
        return 0
    v2 = ticket.totals_v2
    if v2 is None:
        return max(0, value)
    if cancelled and value == 0 and v2.sub_total is not None:
        value = minor(v2.sub_total.after_tax, currency) - minor(v2.discount, currency)
    return max(0, value - minor(v2.refunds, currency))


def _currency(own: str, event: str) -> str:
    check_currency(own)
    if event and own != event:
        raise RecordRejected(f"It is in {own}, its event in {event}.")
    return own


def event_record(event: wire.Event, region: str) -> Event:
    """The neutral event, one listing for each of its dates (one in all when it names none). Packages are no ticket
    types of their own: their tickets name the types inside. Raises `RecordRejected` or `NotMoney`."""
    external_id = identifier(event.id)
    currency = check_currency(event.currency)
    event.region = region
    if event.total_capacity is not None and not 0 < event.total_capacity <= _MOST_SEATS:
        event.total_capacity = None
    dates = [wire.event_date.decode(raw) for raw in event.dates or ()]
    event.dates = [msgspec.Raw(wire.encode(date)) for date in dates]
    kept: list[tuple[wire.TicketType, TicketType]] = []
    for raw in event.ticket_types or ():
        # A type that cannot be read is left out: tickets say themselves what they are.
        try:
            sent = wire.ticket_type.decode(raw)
            kept.append((sent, _type_record(sent, external_id, currency)))
        except (ValueError, RecordRejected):
            continue
    event.ticket_types = [msgspec.Raw(wire.encode(sent)) for sent, _ in kept]
    return Event(
        external_id=external_id,
        listings=_listings(event, dates, external_id, currency),
        ticket_types=tuple(made for _, made in kept),
        region=region,
        changed_at=utc_or_none(event.updated_at),
        raw=wire.encode(event),
    )


def _listings(
    event: wire.Event, dates: list[wire.EventDate], external_id: str, currency: str
) -> tuple[Listing, ...]:
    if not dates:
        dates = [wire.EventDate(start_date=utc(event.start_date, "start"), end_date=event.end_date)]
    place = event.event_location or wire.EventLocation()
    # The capacity is the whole event's: of one date among several it says nothing.
    standing = sum(not date.deleted for date in dates)
    capacity = event.total_capacity if standing <= 1 else None
    listings: dict[str, Listing] = {}
    for date in dates:
        session_id = identifier(date.id, "date id") if date.id else ""
        listings[session_id] = Listing(
            event_id=external_id,
            session_id=session_id,
            title=text(event.name) or "Untitled event",
            starts_at=utc(date.start_date, "start"),
            ends_at=utc_or_none(date.end_date),
            timezone=zone(event.timezone),
            currency=currency,
            capacity=None if capacity is None else int(capacity),
            venue_name=text(place.venue_name),
            venue_city=text(place.city),
            venue_country=text(place.country, 60),
            url=text(event.url, 2000) or _url(event.slug),
            state=_state(event, date),
            deleted=bool(date.deleted),
            region=event.region,
            created_at=utc_or_none(event.created_at),
        )
    return tuple(listings.values())


def _url(slug: str | None) -> str:
    return f"https://events.humanitix.com/{text(slug, 200)}" if slug else ""


def _state(event: wire.Event, date: wire.EventDate) -> str:
    if date.deleted:
        return "deleted"
    if date.disabled:
        return "disabled"
    if not event.published:
        return "draft"
    if event.suspend_sales:
        return "suspended"
    return "sold out" if event.marked_as_sold_out else "published"


def _type_record(made: wire.TicketType, event_id: str, currency: str) -> TicketType:
    try:
        price = None if made.price is None else _positive(made.price, currency)
    except (NotMoney, RecordRejected):
        price, made.price = None, None
    quantity = made.quantity
    return TicketType(
        external_id=identifier(made.id),
        event_id=event_id,
        name=text(made.name),
        category=Category.DONATION if made.is_donation else Category.ADMISSION,
        price=price,
        quantity=quantity if quantity is not None and 0 <= quantity <= _MOST_SEATS else None,
        currency=currency,
        deleted=bool(made.deleted),
    )


def event_currency(types: Mapping[str, TicketType]) -> str:
    """The currency of the event these types belong to; "" when none is known."""
    for known in types.values():
        return known.currency
    return ""
