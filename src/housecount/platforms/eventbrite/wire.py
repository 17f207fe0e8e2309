"""What Eventbrite sends, as far as we read it.

The fields are an allow-list: what is not named here is never kept. Names, answers, barcodes and addresses are
not named. Fields stand in alphabetical order and defaults are left out, so that encoding one of these again gives
the raw record with sorted keys. Fields that start with "_" are ours, put in when the raw record is made.
"""

from datetime import datetime

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

Id = str | int


class Pagination(Struct):
    continuation: str | None = None
    has_more_items: bool | None = None
    object_count: int | None = None
    page_count: int | None = None
    page_number: int | None = None


class OrderPage(Struct):
    orders: list[Raw]
    pagination: Pagination


class AttendeePage(Struct):
    attendees: list[Raw]
    pagination: Pagination


class EventPage(Struct):
    events: list[Raw]
    pagination: Pagination


class ClassPage(Struct):
    ticket_classes: list[Raw]
    pagination: Pagination = field(default_factory=Pagination)


class OrganizationPage(Struct):
    organizations: list[Raw]
    pagination: Pagination = field(default_factory=Pagination)


class WebhookPage(Struct):
    webhooks: list[Raw]
    pagination: Pagination = field(default_factory=Pagination)


class Failure(Struct):
    error: str = ""
    error_description: str = ""


class User(Struct):
    id: Id
    name: str | None = None


class Organization(Struct):
    id: Id
    name: str | None = None


class Money(Struct):
    """`value` in minor units."""

    currency: str
    value: int


class Costs(Struct, omit_defaults=True, kw_only=True):
    """The discount fields stand on orders only; elsewhere they are absent."""

    base_price: Money | None = None
    discount_amount: Money | None = None
    display_price: Money | None = None
    eventbrite_fee: Money | None = None
    gross: Money | None = None
    payment_fee: Money | None = None
    price_before_discount: Money | None = None
    tax: Money | None = None


class Attendee(Struct, omit_defaults=True, kw_only=True):
    """One ticket. `_absorbs_fees`, `_category`: of its ticket class when it was read."""

    absorbs_fees: bool = field(name="_absorbs_fees", default=False)
    category: str = field(name="_category", default="")
    cancelled: bool | None = None
    changed: datetime | None = None
    costs: Costs | None = None
    created: datetime | None = None
    id: Id
    quantity: int | None = None
    refunded: bool | None = None
    status: str | None = None
    ticket_class_id: Id | None = None
    ticket_class_name: str | None = None


class Order(Struct, omit_defaults=True, kw_only=True):
    """An order with its attendees. `email` is emptied before the raw record is made. `_currency`: of its event."""

    currency: str = field(name="_currency", default="")
    attendees: list[Attendee] | UnsetType | None = UNSET
    changed: datetime | None = None
    costs: Costs | None = None
    created: datetime | None = None
    email: str | None = None
    event_id: Id
    id: Id
    promo_code: str | None = None
    status: str | None = None


class OrderHint(Struct):
    """As much of an order as tells that it changed."""

    id: Id
    event_id: Id


class AttendeeHint(Struct):
    order_id: Id
    event_id: Id


class TicketClass(Struct, omit_defaults=True, kw_only=True):
    category: str | None = None
    cost: Money | None = None
    donation: bool | None = None
    event_id: Id | None = None
    free: bool | None = None
    id: Id
    include_fee: bool | None = None
    name: str | None = None
    quantity_total: int | None = None


class MultipartText(Struct, omit_defaults=True):
    text: str | None = None


class Moment(Struct, omit_defaults=True):
    timezone: str | None = None
    utc: datetime | None = None


class Address(Struct, omit_defaults=True):
    city: str | None = None
    country: str | None = None


class Venue(Struct, omit_defaults=True):
    address: Address | None = None
    name: str | None = None


class Event(Struct, omit_defaults=True, kw_only=True):
    capacity: int | None = None
    changed: datetime | None = None
    created: datetime | None = None
    currency: str
    end: Moment | None = None
    id: Id
    is_series_parent: bool | None = None
    name: MultipartText | None = None
    organization_id: Id | None = None
    series_id: Id | None = None
    start: Moment
    status: str | None = None
    ticket_classes: list[Raw] | UnsetType | None = UNSET
    url: str | None = None
    venue: Venue | None = None


class Webhook(Struct, kw_only=True):
    actions: list[str] | None = None
    endpoint_url: str
    event_id: Id | None = None
    id: Id


order_page = msgspec.json.Decoder(OrderPage)
attendee_page = msgspec.json.Decoder(AttendeePage)
event_page = msgspec.json.Decoder(EventPage)
class_page = msgspec.json.Decoder(ClassPage)
organization_page = msgspec.json.Decoder(OrganizationPage)
webhook_page = msgspec.json.Decoder(WebhookPage)
webhook = msgspec.json.Decoder(Webhook)
raw_record = msgspec.json.Decoder(Raw)
failure = msgspec.json.Decoder(Failure)
user = msgspec.json.Decoder(User)
organization = msgspec.json.Decoder(Organization)
order = msgspec.json.Decoder(Order)
order_hint = msgspec.json.Decoder(OrderHint)
attendee_hint = msgspec.json.Decoder(AttendeeHint)
ticket_class = msgspec.json.Decoder(TicketClass)
event = msgspec.json.Decoder(Event)
encode = msgspec.json.Encoder().encode
