"""Eventbrite's answers, made by hand after its published examples. All people are invented."""

from typing import Any

from housecount.core.counting import Category
from housecount.platforms.base.records import TicketType

Json = dict[str, Any]

EVENT_ID = "900000000001"
ADMISSION = "5001"
ABSORBING = "5002"
DONATION = "5003"
ADD_ON = "5004"

TYPES = {
    made.external_id: made
    for made in (
        TicketType(external_id=ADMISSION, event_id=EVENT_ID, name="General", currency="AUD", price=2500),
        TicketType(
            external_id=ABSORBING, event_id=EVENT_ID, name="All in", currency="AUD", absorbs_fees=True
        ),
        TicketType(
            external_id=DONATION, event_id=EVENT_ID, name="Gift", currency="AUD", category=Category.DONATION
        ),
        TicketType(
            external_id=ADD_ON, event_id=EVENT_ID, name="Shirt", currency="AUD", category=Category.ADD_ON
        ),
    )
}


def money(value: int, currency: str = "AUD") -> Json:
    return {
        "currency": currency,
        "value": value,
        "major_value": f"{value // 100}.{value % 100:02}",
        "display": f"A${value // 100}.{value % 100:02}",
    }


def costs(base: int, fee: int = 0, processing: int = 0, tax: int = 0, **more: Any) -> Json:
    return {
        "base_price": money(base),
        "eventbrite_fee": money(fee),
        "payment_fee": money(processing),
        "tax": money(tax),
        "gross": money(base + fee + processing + tax),
        **more,
    }


def attendee(
    number: int = 1, cost: Json | None = None, ticket_class: str = ADMISSION, **changes: Any
) -> Json:
    made = {
        "id": f"110000000{number}",
        "resource_uri": f"https://www.eventbriteapi.com/v3/events/{EVENT_ID}/attendees/110000000{number}/",
        "order_id": "1000000001",
        "event_id": EVENT_ID,
        "ticket_class_id": ticket_class,
        "ticket_class_name": "General",
        "variant_id": None,
        "quantity": 1,
        "created": "2026-03-01T08:05:10Z",
        "changed": "2026-03-01T08:05:11Z",
        "status": "Attending",
        "cancelled": False,
        "refunded": False,
        "checked_in": False,
        "costs": cost or costs(2500, 254, 127),
        "profile": {
            "name": "Alex Example",
            "email": "alex@example.com",
            "cell_phone": "0400000000",
            "addresses": {"home": {"address_1": "1 Invented Street"}},
        },
        "barcodes": [{"barcode": "10000000011100000001001", "status": "unused"}],
        "answers": [
            {"question_id": "1", "question": "Allergies?", "type": "text", "answer": "Secretly peanuts"}
        ],
        "questions": [],
        "guestlist_id": None,
    }
    return made | changes


def order(*attendees: Json, number: int = 1, cost: Json | None = None, **changes: Any) -> Json:
    made = {
        "id": f"100000000{number}",
        "event_id": EVENT_ID,
        "resource_uri": f"https://www.eventbriteapi.com/v3/orders/100000000{number}/",
        "status": "placed",
        "time_remaining": None,
        "name": "Alex Example",
        "first_name": "Alex",
        "last_name": "Example",
        "email": " Alex@Example.com ",
        "created": "2026-03-01T08:05:10Z",
        "changed": "2026-03-01T08:05:11Z",
        "costs": cost or costs(2500 * len(attendees), 254 * len(attendees), 127 * len(attendees)),
        "attendees": list(attendees),
    }
    return made | changes


def reduced(full: Json) -> Json:
    """An order as the organisation's list has it: five cost fields, no attendees."""
    kept = ("base_price", "eventbrite_fee", "payment_fee", "tax", "gross")
    return {
        **{key: value for key, value in full.items() if key != "attendees"},
        "costs": {key: full["costs"][key] for key in kept},
    }


def ticket_class(number: str = ADMISSION, **changes: Any) -> Json:
    made = {
        "id": number,
        "event_id": EVENT_ID,
        "name": "General",
        "category": "admission",
        "free": False,
        "donation": False,
        "cost": money(2500),
        "fee": money(254),
        "tax": money(0),
        "include_fee": False,
        "quantity_total": 120,
        "quantity_sold": 17,
        "description": None,
    }
    return made | changes


CLASSES = [
    ticket_class(),
    ticket_class(ABSORBING, name="All in", include_fee=True),
    ticket_class(DONATION, name="Gift", category="donation", donation=True, cost=None, quantity_total=None),
    ticket_class(ADD_ON, name="Shirt", category="add_on", cost=money(3000)),
]


def event(number: str = EVENT_ID, **changes: Any) -> Json:
    made = {
        "id": number,
        "name": {"text": "Friday Night Laughs", "html": "Friday Night Laughs"},
        "description": {"text": "Long", "html": "<p>Long</p>"},
        "url": "https://www.eventbrite.com.au/e/900000000001",
        "start": {
            "timezone": "Australia/Melbourne",
            "local": "2026-11-27T19:30:00",
            "utc": "2026-11-27T08:30:00Z",
        },
        "end": {
            "timezone": "Australia/Melbourne",
            "local": "2026-11-27T21:30:00",
            "utc": "2026-11-27T10:30:00Z",
        },
        "organization_id": "300000000001",
        "created": "2026-01-05T00:00:00Z",
        "changed": "2026-02-05T00:00:00Z",
        "capacity": 120,
        "capacity_is_custom": False,
        "status": "live",
        "currency": "AUD",
        "is_series": False,
        "is_series_parent": False,
        "venue_id": "7001",
        "venue": {
            "id": "7001",
            "name": "The Velvet Room",
            "address": {
                "address_1": "1 Invented Lane",
                "city": "Melbourne",
                "region": "VIC",
                "country": "AU",
            },
            "capacity": None,
        },
        "ticket_classes": CLASSES[:2],
    }
    return made | changes


def page(kind: str, rows: list[Any], **place: Any) -> Json:
    return {
        kind: rows,
        "pagination": {"page_number": 1, "page_size": 50, "page_count": 1}
        | {"has_more_items": False}
        | place,
    }
