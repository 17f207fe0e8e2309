"""What Humanitix sends, as far as we read it.

The fields are an allow-list: what is not named here is never kept. Names, answers, access codes, QR codes and
addresses are not named. Fields stand in alphabetical order and defaults are left out, so that encoding one of
these again gives the raw record with sorted keys. Amounts are decimals in major units, read without a float.
"""

from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec import Raw, Struct, field


class Place(Struct):
    page: int
    page_size: int = field(name="pageSize")
    total: int


class EventPage(Place):
    events: list[Raw]


class OrderPage(Place):
    orders: list[Raw]


class TicketPage(Place):
    tickets: list[Raw]


class Failure(Struct):
    error: str = ""
    message: str = ""


class Totals(Struct, omit_defaults=True, kw_only=True, rename="camel"):
    absorbed_fee: Decimal | None = None
    amex_fee: Decimal | None = None
    booking_fee: Decimal | None = None
    client_donation: Decimal | None = None
    discounts: Decimal | None = None
    gross_sales: Decimal | None = None
    humanitix_fee: Decimal | None = None
    net_client_donation: Decimal | None = None
    net_sales: Decimal | None = None
    passed_on_fee: Decimal | None = None
    rebates: Decimal | None = None
    refunds: Decimal | None = None
    subtotal: Decimal | None = None
    taxes: Decimal | None = None
    total: Decimal | None = None


class PurchaseTotals(Struct, omit_defaults=True, kw_only=True):
    """What was paid at the purchase: kept as evidence, never added to `Totals`."""

    discounts: Decimal | None = None
    subtotal: Decimal | None = None
    total: Decimal | None = None


class Order(Struct, omit_defaults=True, kw_only=True, rename="camel"):
    """`email` is emptied before the raw record is made. `_currency`: of its event, where that is known."""

    event_currency: str = field(name="_currency", default="")
    id: str = field(name="_id")
    completed_at: datetime | None = None
    created_at: datetime | None = None
    currency: str
    email: str | None = None
    event_date_id: str | None = None
    event_id: str | None = None
    financial_status: str | None = None
    location: str | None = None
    manual_order: bool | None = None
    payment_gateway: str | None = None
    payment_type: str | None = None
    purchase_totals: PurchaseTotals | None = None
    sales_channel: str | None = None
    status: str | None = None
    totals: Totals
    updated_at: datetime | None = None


class SubTotal(Struct, omit_defaults=True, rename="camel"):
    after_tax: Decimal | None = None


class TotalsV2(Struct, omit_defaults=True, kw_only=True, rename="camel"):
    discount: Decimal | None = None
    refunds: Decimal | None = None
    sub_total: SubTotal | None = None


class Swap(Struct, omit_defaults=True):
    id: str | None = None


class Ticket(Struct, omit_defaults=True, kw_only=True, rename="camel"):
    event_currency: str = field(name="_currency", default="")
    id: str = field(name="_id")
    absorbed_fee: Decimal | None = None
    cancelled_at: datetime | None = None
    created_at: datetime | None = None
    currency: str
    discount: Decimal | None = None
    event_date_id: str | None = None
    event_id: str | None = None
    is_donation: bool | None = None
    net_price: Decimal | None = None
    order_id: str
    package_group_id: str | None = None
    package_id: str | None = None
    passed_on_fee: Decimal | None = None
    price: Decimal | None = None
    sales_channel: str | None = None
    status: str | None = None
    swapped_from: Swap | None = None
    swapped_to: Swap | None = None
    taxes: Decimal | None = None
    ticket_type_id: str | None = None
    ticket_type_name: str | None = None
    total: Decimal | None = None
    totals_v2: TotalsV2 | None = field(name="totalsV2", default=None)
    updated_at: datetime | None = None


class EventDate(Struct, omit_defaults=True, kw_only=True, rename="camel"):
    id: str | None = field(name="_id", default=None)
    deleted: bool | None = None
    disabled: bool | None = None
    end_date: datetime | None = None
    start_date: datetime


class TicketType(Struct, omit_defaults=True, kw_only=True, rename="camel"):
    id: str = field(name="_id")
    deleted: bool | None = None
    is_donation: bool | None = None
    name: str | None = None
    price: Decimal | None = None
    quantity: int | None = None


class EventLocation(Struct, omit_defaults=True, kw_only=True, rename="camel"):
    city: str | None = None
    country: str | None = None
    type: str | None = None
    venue_name: str | None = None


class Event(Struct, omit_defaults=True, kw_only=True, rename="camel"):
    id: str = field(name="_id")
    region: str = field(name="_region", default="")
    created_at: datetime | None = None
    currency: str
    dates: list[Raw] | None = None
    end_date: datetime | None = None
    event_location: EventLocation | None = None
    location: str | None = None
    marked_as_sold_out: bool | None = None
    name: str | None = None
    published: bool | None = None
    slug: str | None = None
    start_date: datetime | None = None
    suspend_sales: bool | None = None
    ticket_types: list[Raw] | None = None
    timezone: str | None = None
    total_capacity: Decimal | None = None
    updated_at: datetime | None = None
    url: str | None = None


event_page = msgspec.json.Decoder(EventPage)
order_page = msgspec.json.Decoder(OrderPage)
ticket_page = msgspec.json.Decoder(TicketPage)
raw_record = msgspec.json.Decoder(Raw)
failure = msgspec.json.Decoder(Failure)
event = msgspec.json.Decoder(Event)
event_date = msgspec.json.Decoder(EventDate)
ticket_type = msgspec.json.Decoder(TicketType)
order = msgspec.json.Decoder(Order)
ticket = msgspec.json.Decoder(Ticket)
#: Amounts are kept as strings, so that nobody who opens a raw record makes floats of them.
encode = msgspec.json.Encoder().encode
