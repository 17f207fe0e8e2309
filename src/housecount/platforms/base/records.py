"""Neutral records: what a platform's answer says, in our words.

Money is integer minor units of the record's `currency`. Times are aware and in UTC. An `external_id` is
the platform's own. `raw` is the JSON of the record as read, with personal fields and secrets removed and
keys sorted: it is stored, hashed to see changes, and enough for `TicketSource.restore` to make the same
record again.
"""

from datetime import datetime

from msgspec import Struct

from housecount.core.counting import Category, OrderFacts, TicketFacts


class TicketType(Struct, frozen=True, kw_only=True):
    """A kind of ticket of one event. `price`, `quantity`: None where the platform does not say."""

    external_id: str
    event_id: str
    name: str
    category: Category = Category.ADMISSION
    price: int | None = None
    quantity: int | None = None
    absorbs_fees: bool = False
    currency: str
    deleted: bool = False


class Listing(Struct, frozen=True, kw_only=True):
    """One show's presence at an account: an event, or one date of it.

    `session_id` is the platform's date id, "" where it has none. `region` is where the platform keeps it, ""
    for the account's default. `state` is the platform's own word, for people. `deleted` says that the
    platform still names it and calls it deleted.
    """

    event_id: str
    session_id: str = ""
    title: str
    starts_at: datetime
    ends_at: datetime | None = None
    timezone: str
    currency: str
    capacity: int | None = None
    venue_name: str = ""
    venue_city: str = ""
    venue_country: str = ""
    url: str = ""
    state: str = ""
    cancelled: bool = False
    deleted: bool = False
    region: str = ""
    created_at: datetime | None = None


class Event(Struct, frozen=True, kw_only=True):
    """An event of the platform with its dates and ticket types. `changed_at` as the platform tells it."""

    external_id: str
    listings: tuple[Listing, ...]
    ticket_types: tuple[TicketType, ...]
    region: str = ""
    changed_at: datetime | None = None
    raw: bytes


class Ticket(Struct, frozen=True, kw_only=True):
    """One ticket (at Eventbrite: one attendee).

    `facts.peak_gross` is this version's own gross: the ledger keeps the highest of all versions. `raw` is b""
    where the ticket came inside its order.
    """

    external_id: str
    order_id: str
    event_id: str
    session_id: str = ""
    type_id: str = ""
    type_name: str = ""
    currency: str
    facts: TicketFacts
    created_at: datetime
    changed_at: datetime
    raw: bytes = b""


class Order(Struct, frozen=True, kw_only=True):
    """One order. `tickets` is None where the platform lists tickets apart; otherwise it is all of them.

    `status` is the platform's own word; `notices` are readable remarks on what was unexpected in it (an unknown
    status, a broken identity), without personal data. `buyer_key` is the buyer's normalised e-mail address:
    never stored, only hashed with a key.
    """

    external_id: str
    event_id: str
    session_id: str = ""
    status: str
    channel: str = ""
    currency: str
    facts: OrderFacts
    placed_at: datetime
    changed_at: datetime
    tickets: tuple[Ticket, ...] | None = None
    notices: tuple[str, ...] = ()
    buyer_key: str = ""
    raw: bytes

    def __repr__(self) -> str:
        return f"Order({self.external_id!r}, {self.status!r}, {self.changed_at.isoformat()})"


class Rejected(Struct, frozen=True, kw_only=True):
    """A record that could not be read and was set aside: `reason` is readable and holds no personal data."""

    kind: str
    external_id: str
    event_id: str = ""
    reason: str


class Page(Struct, frozen=True, kw_only=True):
    """What one answer of the platform held. Stored whole, in one transaction."""

    events: tuple[Event, ...] = ()
    orders: tuple[Order, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    rejected: tuple[Rejected, ...] = ()
