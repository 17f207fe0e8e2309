"""Eventbrite's records as neutral ones. Pure: the same answer and ticket classes give the same record."""

from collections.abc import Mapping
from typing import Final

import msgspec

from housecount.core.counting import Category, OrderFacts, TicketFacts, Validity
from housecount.core.money import check_currency, check_minor
from housecount.platforms.base.errors import RecordRejected
from housecount.platforms.base.records import Event, Listing, Order, Ticket, TicketType
from housecount.platforms.eventbrite import wire
from housecount.platforms.reading import identifier, text, utc, utc_or_none, zone

#: Statuses that code and prose name beside `placed`; none was ever recorded. An order in one of them was
#: completed once, and none of its tickets admits any more.
_ENDED: Final = {
    "refunded": Validity.REFUNDED,
    "cancelled": Validity.CANCELLED,
    "canceled": Validity.CANCELLED,
    "deleted": Validity.CANCELLED,
}
#: Statuses that are documented and mean that nothing was bought (yet).
_NOT_BOUGHT: Final = frozenset({"started", "pending", "abandoned"})
#: Statuses of an attendee who is on the door list.
_ADMITTED: Final = frozenset({"attending", "checked in"})
_CATEGORIES: Final = {category.value: category for category in Category}
_NO_COSTS: Final = wire.Costs()
#: Seats and quantities above this are no numbers of seats.
_MOST: Final = 10_000_000


def enrich(order: wire.Order, types: Mapping[str, TicketType]) -> None:
    """Puts into `order` what its event knows and it does not: the currency, and of each ticket's class the category
    and whether it absorbs fees. They are kept in the raw record, so that it alone makes the same record again."""
    order.currency = ""
    for known in types.values():
        order.currency = known.currency
        break
    for attendee in order.attendees or ():
        known_type = types.get(str(attendee.ticket_class_id))
        attendee.category = known_type.category.value if known_type else ""
        attendee.absorbs_fees = known_type is not None and known_type.absorbs_fees


def order_record(order: wire.Order) -> Order:
    """The neutral order of an enriched one, with its tickets. Raises `RecordRejected` or `NotMoney`.

    Money is on the tickets; the order itself carries only its discounts.
    """
    attendees = order.attendees
    if attendees is msgspec.UNSET or attendees is None:
        raise RecordRejected("It came without its attendees.")
    external_id, event_id = identifier(order.id), identifier(order.event_id, "event id")
    costs = order.costs or _NO_COSTS
    currency = _currency(order, costs, attendees)
    status = text(order.status, 40)
    state = status.casefold()
    ended = _ENDED.get(state)
    notices: list[str] = []
    if ended is not None:
        notices.append(f'Its status is "{status}": its tickets are taken as {ended.value}.')
    elif state != "placed" and state not in _NOT_BOUGHT:
        notices.append(f'Its status "{status}" is unknown to us: it is not counted.')

    changed = order.changed or order.created
    # A line that was sent twice counts once; the later one stands.
    tickets: dict[str, Ticket] = {}
    for attendee in attendees:
        ticket = _ticket(attendee, external_id, event_id, currency, ended=ended, notices=notices)
        tickets[ticket.external_id] = ticket
    changed_at = max([ticket.changed_at for ticket in tickets.values()], default=None)
    own = utc(changed) if changed is not None or changed_at is None else changed_at
    buyer = order.email
    order.email = None
    return Order(
        external_id=external_id,
        event_id=event_id,
        status=status,
        currency=currency,
        facts=OrderFacts(
            completed=state == "placed" or ended is not None, discounts=_discount(costs, currency)
        ),
        placed_at=utc(order.created) if order.created else own,
        changed_at=own if changed_at is None or own > changed_at else changed_at,
        tickets=tuple(tickets.values()),
        notices=tuple(dict.fromkeys(notices)),
        buyer_key=text(buyer).casefold() if buyer and "@" in buyer else "",
        raw=wire.encode(order),
    )


def _ticket(
    attendee: wire.Attendee,
    order_id: str,
    event_id: str,
    currency: str,
    *,
    ended: Validity | None,
    notices: list[str],
) -> Ticket:
    costs = attendee.costs or _NO_COSTS
    tax = _amount(costs.tax, currency)
    fees = _amount(costs.eventbrite_fee, currency) + _amount(costs.payment_fee, currency)
    paid = _amount(costs.gross, currency)
    base = paid - fees - tax if costs.base_price is None else _amount(costs.base_price, currency)
    if base < 0 or paid != base + fees + tax:
        notices.append("What a ticket cost is not the sum of its parts.")
        base = max(base, 0)
    if attendee.quantity not in (None, 1):
        notices.append("One attendee stands for several tickets: it is counted as one.")
    if not attendee.category:
        notices.append("A ticket's class is unknown to us: it is counted as an admission.")

    status = (attendee.status or "").casefold()
    # Given back but neither cancelled nor taken off the door list: it still admits, and nothing was paid for it.
    still_admits = attendee.refunded and not attendee.cancelled and status in _ADMITTED and ended is None
    if still_admits:
        validity = Validity.VALID
    elif attendee.refunded or ended is Validity.REFUNDED:
        validity = Validity.REFUNDED
    elif attendee.cancelled or ended is not None or status == "deleted":
        validity = Validity.CANCELLED
    else:
        validity = Validity.VALID
    absorbed = fees if attendee.absorbs_fees else 0
    gross = base + tax + absorbed
    changed = attendee.changed or attendee.created
    changed_at = utc(changed, "time of a ticket")
    return Ticket(
        external_id=identifier(attendee.id, "id of a ticket"),
        order_id=order_id,
        event_id=event_id,
        type_id=str(attendee.ticket_class_id or "")[:100],
        type_name=text(attendee.ticket_class_name),
        currency=currency,
        facts=TicketFacts(
            category=_CATEGORIES.get(attendee.category, Category.ADMISSION),
            validity=validity,
            paid=paid > 0 and not still_admits,
            gross=0 if still_admits else gross,
            peak_gross=gross,
            absorbed_fees=absorbed,
            passed_on_fees=fees - absorbed,
            tax=0 if still_admits else tax,
        ),
        created_at=utc(attendee.created, "time of a ticket") if attendee.created else changed_at,
        changed_at=changed_at,
    )


def _currency(order: wire.Order, costs: wire.Costs, attendees: list[wire.Attendee]) -> str:
    if order.currency:
        return order.currency
    for some in (costs, *(attendee.costs or _NO_COSTS for attendee in attendees)):
        money = some.gross or some.base_price
        if money is not None:
            return check_currency(money.currency)
    raise RecordRejected("Its currency is unknown.")


def _amount(money: wire.Money | None, currency: str) -> int:
    if money is None:
        return 0
    if money.currency != currency:
        raise RecordRejected(f"It holds amounts in another currency than its event's {currency}.")
    if money.value < 0:
        raise RecordRejected("It holds an amount below zero.")
    return check_minor(money.value)


def _discount(costs: wire.Costs, currency: str) -> int:
    if costs.discount_amount is not None:
        return _amount(costs.discount_amount, currency)
    if costs.price_before_discount is not None and costs.display_price is not None:
        return max(0, _amount(costs.price_before_discount, currency) - _amount(costs.display_price, currency))
    return 0


def event_record(event: wire.Event, more: Mapping[str, TicketType] | None = None) -> Event | None:
    """The neutral event, with one listing and its ticket types; None for the parent of a series, which sells nothing.

    `more` are ticket types known from elsewhere: they are kept where the event does not name them, because the
    classes that come inside an event may leave out add-ons and donations. Raises `RecordRejected` or `NotMoney`.
    """
    if event.is_series_parent:
        return None
    external_id = identifier(event.id)
    currency = check_currency(event.currency)
    types = {made.external_id: made for made in _types(event, external_id, currency)}
    for known_id, known in (more or {}).items():
        types.setdefault(known_id, known)
    kept = tuple(types[key] for key in sorted(types))
    event.ticket_classes = [msgspec.Raw(wire.encode(_class_of(ticket_type))) for ticket_type in kept]
    starts_at = utc(event.start.utc, "start")
    venue = event.venue or wire.Venue()
    address = venue.address or wire.Address()
    state = text(event.status, 40)
    listing = Listing(
        event_id=external_id,
        title=text(event.name.text if event.name else None) or "Untitled event",
        starts_at=starts_at,
        ends_at=utc_or_none(event.end.utc) if event.end else None,
        timezone=zone(event.start.timezone),
        currency=currency,
        capacity=_seats(event.capacity),
        venue_name=text(venue.name),
        venue_city=text(address.city),
        venue_country=text(address.country, 60),
        url=text(event.url, 2000),
        state=state,
        cancelled=state.casefold() in {"canceled", "cancelled"},
        deleted=state.casefold() == "deleted",
        created_at=utc_or_none(event.created),
    )
    return Event(
        external_id=external_id,
        listings=(listing,),
        ticket_types=kept,
        changed_at=utc_or_none(event.changed),
        raw=wire.encode(event),
    )


def _types(event: wire.Event, event_id: str, currency: str) -> list[TicketType]:
    found: list[TicketType] = []
    for raw in event.ticket_classes or ():
        # A class that cannot be read is left out: its tickets will name it, and it is asked for again then.
        try:
            found.append(type_record(wire.ticket_class.decode(raw), event_id, currency))
        except (ValueError, RecordRejected):
            continue
    return found


def type_record(made: wire.TicketClass, event_id: str, currency: str) -> TicketType:
    """The neutral ticket type. A category we do not know is taken as an admission. Raises `RecordRejected`."""
    category = (
        Category.DONATION if made.donation else _CATEGORIES.get(made.category or "", Category.ADMISSION)
    )
    price = 0 if made.free else None
    if made.cost is not None and made.cost.currency == currency and 0 <= made.cost.value <= 10**13:
        price = made.cost.value
    return TicketType(
        external_id=identifier(made.id),
        event_id=event_id,
        name=text(made.name),
        category=category,
        price=price,
        quantity=_seats(made.quantity_total),
        absorbs_fees=bool(made.include_fee),
        currency=currency,
    )


def _class_of(made: TicketType) -> wire.TicketClass:
    return wire.TicketClass(
        category=made.category.value,
        cost=None if made.price is None else wire.Money(currency=made.currency, value=made.price),
        id=made.external_id,
        include_fee=made.absorbs_fees,
        name=made.name,
        quantity_total=made.quantity,
    )


def _seats(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= _MOST else None
