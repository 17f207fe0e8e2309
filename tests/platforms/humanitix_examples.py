"""Humanitix's answers, made by hand after its published examples. All people are invented."""

from typing import Any

from housecount.core.counting import Category
from housecount.platforms.base.records import TicketType

Json = dict[str, Any]

EVENT_ID = "65f1000000000000000000e1"
DATE_ID = "65f1000000000000000000d1"
OTHER_DATE = "65f1000000000000000000d2"
TYPE_ID = "65f1000000000000000000c1"
DONATION = "65f1000000000000000000c2"
ORDER_ID = "65f1000000000000000000a1"

TYPES = {
    made.external_id: made
    for made in (
        TicketType(external_id=TYPE_ID, event_id=EVENT_ID, name="General Admission", currency="AUD"),
        TicketType(
            external_id=DONATION, event_id=EVENT_ID, name="Gift", currency="AUD", category=Category.DONATION
        ),
    )
}


def totals(subtotal: float = 60, discounts: float = 0, refunds: float = 0, **more: Any) -> Json:
    """Totals that obey the known identities; `more` overrides them."""
    passed_on = more.get("passedOnFee", 0)
    absorbed = more.get("absorbedFee", 0)
    amex = more.get("amexFee", 0)
    made = {
        "subtotal": subtotal,
        "discounts": discounts,
        "refunds": refunds,
        "humanitixFee": round(passed_on + absorbed, 2),
        "bookingFee": round(passed_on + absorbed + amex, 2),
        "passedOnFee": 0,
        "absorbedFee": 0,
        "amexFee": 0,
        "zipFee": 0,
        "rebates": 0,
        "bookingTaxes": 0.45,
        "taxes": 0,
        "totalTaxes": 0.45,
        "clientDonation": 0,
        "netClientDonation": 0,
        "donation": 1.5,
        "feesIncluded": False,
        "netSales": round(subtotal - discounts - refunds - absorbed, 2),
        "grossSales": round(subtotal + passed_on + amex, 2),
        "total": round(subtotal - discounts + passed_on + amex - refunds, 2),
    }
    return made | more


def order(total: Json | None = None, **changes: Any) -> Json:
    made = {
        "_id": ORDER_ID,
        "orderName": "AB12CD34",
        "eventId": EVENT_ID,
        "eventDateId": DATE_ID,
        "currency": "AUD",
        "location": "AU",
        "status": "complete",
        "financialStatus": "paid",
        "manualOrder": False,
        "salesChannel": "online",
        "paymentGateway": "braintree",
        "firstName": "Alex",
        "lastName": "Example",
        "email": "Alex@Example.com",
        "mobile": "0400000000",
        "accessCode": "OPENSESAME",
        "notes": "Sits at the front",
        "organiserMailListOptIn": False,
        "tipFees": False,
        "purchaseTotals": totals(),
        "totals": total or totals(),
        "additionalFields": [{"questionId": "q1", "value": "Secretly peanuts"}],
        "incompleteAt": "2026-03-01T08:26:00.000Z",
        "completedAt": "2026-03-01T08:05:10.000Z",
        "createdAt": "2026-03-01T08:04:00.040Z",
        "updatedAt": "2026-03-04T01:00:00.142Z",
    }
    return made | changes


def ticket(number: int = 1, price: float = 30, **changes: Any) -> Json:
    made = {
        "_id": f"65f1000000000000000000b{number}",
        "orderId": ORDER_ID,
        "orderName": "AB12CD34",
        "number": number,
        "eventId": EVENT_ID,
        "eventDateId": DATE_ID,
        "ticketTypeId": TYPE_ID,
        "ticketTypeName": "General Admission",
        "currency": "AUD",
        "location": "AU",
        "firstName": "Alex",
        "lastName": "Example",
        "accessCode": "OPENSESAME",
        "price": price,
        "discount": 0,
        "netPrice": price,
        "taxes": 0,
        "fee": 0,
        "passedOnFee": 0,
        "absorbedFee": 0,
        "dgrDonation": 0,
        "total": price,
        "status": "complete",
        "isDonation": False,
        "salesChannel": "online",
        "checkInHistory": [],
        "additionalFields": [],
        "qrCodeData": {"_id": "QRSECRET", "eventId": EVENT_ID},
        "createdAt": "2026-03-01T08:04:00.000Z",
        "updatedAt": "2026-03-04T01:00:00.121Z",
    }
    return made | changes


def cancelled(number: int = 1, **changes: Any) -> Json:
    """A cancelled ticket as recorded: its money rewritten to nothing."""
    return ticket(number, 0, status="cancelled", cancelledAt="2026-03-04T01:00:00.000Z", **changes)


def date(number: str = DATE_ID, **changes: Any) -> Json:
    return {
        "_id": number,
        "startDate": "2026-11-27T08:30:00.724Z",
        "endDate": "2026-11-27T10:30:00.000Z",
    } | changes


def event(number: str = EVENT_ID, **changes: Any) -> Json:
    made = {
        "_id": number,
        "userId": "u" * 28,
        "organiserId": "65f1000000000000000000f1",
        "name": "Friday Night Laughs",
        "slug": "friday-night-laughs",
        "url": "https://events.humanitix.com/friday-night-laughs",
        "description": "<p>Long</p>",
        "currency": "AUD",
        "timezone": "Australia/Melbourne",
        "startDate": "2026-11-27T08:30:00.724Z",
        "endDate": "2026-11-27T10:30:00.000Z",
        "dates": [date()],
        "public": True,
        "published": True,
        "suspendSales": False,
        "markedAsSoldOut": False,
        "totalCapacity": 120,
        "ticketTypes": [
            {"_id": TYPE_ID, "name": "General Admission", "price": 30, "quantity": 120, "isDonation": False},
            {"_id": DONATION, "name": "Gift", "price": 0, "quantity": 10, "isDonation": True},
        ],
        "packagedTickets": [
            {
                "_id": "65f1000000000000000000c9",
                "name": "Table",
                "price": 100,
                "quantity": 5,
                "tickets": [{"ticketTypeId": TYPE_ID, "quantity": 50}],
            }
        ],
        "eventLocation": {
            "type": "address",
            "venueName": "The Velvet Room",
            "address": "1 Invented Lane",
            "latLng": [],
            "city": "Melbourne",
            "country": "AU",
        },
        "accessibility": {"contactName": "Alex Example"},
        "location": "AU",
        "createdAt": "2026-01-05T00:00:00.000Z",
        "updatedAt": "2026-02-05T00:00:00.000Z",
    }
    return made | changes


def page(kind: str, rows: list[Any], number: int = 1, total: int | None = None, size: int = 100) -> Json:
    return {"total": len(rows) if total is None else total, "pageSize": size, "page": number, kind: rows}
