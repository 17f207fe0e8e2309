"""Invented Eventbrite orders as the platform sends them: pages of JSON, about 2.2 tickets to an order."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from housecount.core.counting import Category
from housecount.platforms.base.records import Order, TicketType
from housecount.platforms.eventbrite import mapping, wire
from housecount.platforms.reading import read_each

_FIRST_SALE = datetime(2026, 9, 1, tzinfo=UTC)
#: How many tickets an order has, a hundred times drawn: 2.2 on average.
_SIZES = (1,) * 24 + (2,) * 53 + (3,) * 9 + (4,) * 9 + (5,) * 2 + (6,) * 2 + (8,)
_PRICES = (2000, 2500, 3000, 3500, 0)


def event_ids(count: int) -> list[str]:
    """The ids of `count` events."""
    return [str(800_000_000_000 + number) for number in range(count)]


def pages(events: Sequence[str], orders: int, page_size: int) -> Iterator[bytes]:
    """`orders` orders in pages of one event each, as answers of the platform. The same every time."""
    random = Random(20)
    made = page = 0
    while made < orders:
        size = min(page_size, orders - made)
        event_id = events[page % len(events)]
        rows = [_order(random, made + number, event_id) for number in range(size)]
        yield msgspec.json.encode({"pagination": {"has_more_items": True}, "orders": rows})
        made += size
        page += 1


def neutral(page: bytes) -> tuple[Order, ...]:
    """The neutral records of a page, made as the reader makes them."""
    raws = wire.order_page.decode(page).orders
    wires, _ = read_each(raws, wire.order.decode, "order")
    for order in wires:
        mapping.enrich(order, _types(str(order.event_id)))
    made, bad = read_each(wires, mapping.order_record, "order")
    assert not bad
    return made


def _types(event_id: str) -> dict[str, TicketType]:
    kind = TicketType(
        external_id=f"{event_id}1",
        event_id=event_id,
        name="General admission",
        category=Category.ADMISSION,
        currency="AUD",
    )
    return {kind.external_id: kind}


def _order(random: Random, number: int, event_id: str) -> dict[str, object]:
    quantity, price = random.choice(_SIZES), random.choice(_PRICES)
    created = _FIRST_SALE + timedelta(seconds=37 * number)
    changed = created + timedelta(seconds=3)
    order_id = str(11_000_000_000 + number)
    refunded = random.random() < 0.02
    fee, payment, tax = price * 5 // 100, price * 3 // 100, price // 11
    amounts = {
        "base_price": price - tax,
        "display_price": price,
        "eventbrite_fee": fee,
        "gross": price + fee + payment,
        "payment_fee": payment,
        "tax": tax,
    }
    costs = {name: _money(value) for name, value in amounts.items()}
    attendees = [
        {
            "resource_uri": f"https://www.eventbriteapi.com/v3/events/{event_id}/attendees/{order_id}{place}/",
            "id": f"{order_id}{place}",
            "created": _stamp(created),
            "changed": _stamp(changed),
            "ticket_class_id": f"{event_id}1",
            "variant_id": None,
            "ticket_class_name": "General admission",
            "quantity": 1,
            "costs": costs,
            "profile": {
                "first_name": "Robin",
                "last_name": f"Invented {number}",
                "email": f"robin{number}@buyers.example",
                "name": f"Robin Invented {number}",
                "addresses": {},
            },
            "addresses": {},
            "questions": [],
            "answers": [],
            "barcodes": [
                {
                    "status": "unused",
                    "barcode": f"{order_id}{place}001",
                    "checkin_type": 0,
                    "is_printed": False,
                }
            ],
            "team": None,
            "affiliate": None,
            "checked_in": False,
            "cancelled": False,
            "refunded": refunded,
            "status": "Attending",
            "event_id": event_id,
            "order_id": order_id,
            "guestlist_id": None,
            "invited_by": None,
            "delivery_method": "electronic",
        }
        for place in range(quantity)
    ]
    return {
        "costs": {name: _money(value * quantity) for name, value in amounts.items()},
        "resource_uri": f"https://www.eventbriteapi.com/v3/orders/{order_id}/",
        "id": order_id,
        "changed": _stamp(changed),
        "created": _stamp(created),
        "name": f"Robin Invented {number}",
        "first_name": "Robin",
        "last_name": f"Invented {number}",
        "email": f"robin{number}@buyers.example",
        "status": "placed",
        "time_remaining": None,
        "event_id": event_id,
        "attendees": attendees,
    }


def _money(value: int) -> dict[str, str | int]:
    return {
        "display": f"A${value / 100:.2f}",
        "currency": "AUD",
        "value": value,
        "major_value": f"{value / 100:.2f}",
    }


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
