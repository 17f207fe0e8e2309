"""What the Eventbrite stand-in knows. Amounts are whole minor units; moments are aware, in UTC."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from housecount_sandbox.amounts import share

if TYPE_CHECKING:
    from datetime import datetime

    from housecount_sandbox.people import Buyer
    from housecount_sandbox.venues import Room

# Invented rates in basis points, of about the size that ticket buyers know.
SERVICE_RATE, SERVICE_FIXED, PAYMENT_RATE = 480, 69, 240


class Costs(NamedTuple):
    """`base + fee + payment + tax` is what the buyer paid, the identity seen on every recorded order."""

    base: int
    fee: int
    payment: int
    tax: int

    @property
    def gross(self) -> int:
        return self.base + self.fee + self.payment + self.tax


FREE = Costs(0, 0, 0, 0)


@dataclass(slots=True, eq=False)
class Account:
    """One person's access: a private token and the organization whose events it may read."""

    name: str
    token: str
    api_key: str
    public_token: str
    user_id: str
    organization_id: str
    revoked: bool = False
    # False: the list of organizations is empty and the user id stands for the organization's.
    lists_organization: bool = True
    venues: list[Venue] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    # Oldest first.
    orders: list[Order] = field(default_factory=list)
    webhooks: list[Webhook] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Venue:
    id: str
    room: Room


@dataclass(slots=True, eq=False)
class Webhook:
    id: str
    endpoint_url: str
    actions: list[str]
    event_id: str | None
    created: datetime


@dataclass(slots=True, eq=False)
class TicketClass:
    """`price` is what the buyer sees before any fee on top; `include_fee` means the fees are inside it."""

    id: str
    event: Event
    name: str
    price: int
    category: str
    include_fee: bool
    capacity: int | None
    # The organizer's tax in basis points: on top of the price, or inside it when fees are included.
    tax_rate: int = 0
    hidden: bool = False
    sold: int = 0
    known: dict[int, Costs] = field(default_factory=dict)

    def costs(self, price: int) -> Costs:
        """What one buyer pays for one of these when `price` is left after any discount."""
        found = self.known.get(price)
        if found is None:
            found = self.known[price] = self._costs(price)
        return found

    def _costs(self, price: int) -> Costs:
        if price <= 0:
            return FREE
        fee = share(price, SERVICE_RATE) + SERVICE_FIXED
        if not self.include_fee:
            return Costs(price, fee, share(price + fee, PAYMENT_RATE), share(price, self.tax_rate))
        payment = share(price, PAYMENT_RATE)
        kept = price - fee - payment
        if kept <= 0:
            return Costs(price, 0, 0, 0)
        tax = kept - (kept * 10_000 + (10_000 + self.tax_rate) // 2) // (10_000 + self.tax_rate)
        return Costs(kept - tax, fee, payment, tax)

    def toggle_include_fee(self) -> None:
        """What is sold from now on holds its fees the other way; what was sold keeps its costs."""
        self.include_fee = not self.include_fee
        self.known = {}


@dataclass(slots=True, eq=False)
class Event:
    """One listing, or the parent of a series (`children` is then a list; it sells nothing itself)."""

    id: str
    account: Account
    name: str
    summary: str
    start: datetime
    end: datetime
    timezone: str
    currency: str
    venue: Venue | None
    created: datetime
    changed: datetime
    show: str
    # draft, canceled, or live: started, ended and completed follow from the clock.
    state: str = "live"
    series: Event | None = None
    children: list[Event] | None = None
    capacity: int | None = None
    ticket_classes: list[TicketClass] = field(default_factory=list)
    # Oldest first.
    orders: list[Order] = field(default_factory=list)

    def status(self, now: datetime) -> str:
        """draft, canceled, live, started, ended or completed (paid out, five days after the end)."""
        if self.state != "live":
            return self.state
        if now < self.start:
            return "live"
        if now < self.end:
            return "started"
        return "ended" if (now - self.end).days < 5 else "completed"


@dataclass(slots=True, eq=False)
class Attendee:
    """One ticket. `costs` are as served; a refund leaves them as they were unless it says otherwise."""

    id: str
    order: Order
    ticket_class: TicketClass
    list_price: int
    costs: Costs
    created: datetime
    changed: datetime
    cancelled: bool = False
    refunded: bool = False
    deleted: bool = False
    checked_in: bool = False
    barcode_changed: datetime | None = None
    guestlist_id: str | None = None
    # Money given back that left no trace in the costs but their fall: (revision, amount without outside fees).
    unseen_refunds: tuple[tuple[int, int], ...] = ()

    @property
    def valid(self) -> bool:
        """It still lets someone in."""
        return not (self.cancelled or self.deleted)


@dataclass(slots=True, eq=False)
class Order:
    """`previous` is the same order before its last change, as whole as it then was."""

    id: str
    event: Event
    buyer: Buyer
    status: str
    created: datetime
    changed: datetime
    revision: int
    attendees: list[Attendee] = field(default_factory=list)
    promo_code: str | None = None
    discount: int = 0
    # What was given back and when.
    refund_requests: list[tuple[int, datetime]] = field(default_factory=list)
    previous: Order | None = None
    gone: bool = False

    def remember(self, revision: int) -> None:
        """Keep what the order is now as `previous`, before a change that makes `revision`."""
        old = copy.copy(self)
        old.attendees = [copy.copy(attendee) for attendee in self.attendees]
        for attendee in old.attendees:
            attendee.order = old
        old.refund_requests = list(self.refund_requests)
        self.previous = old
        self.revision = revision

    def as_of(self, revision: int | None) -> Order | None:
        """The order as it was at `revision` (None: as it is now), or None when there was none yet."""
        if revision is None:
            return self
        version: Order | None = self
        while version is not None and version.revision > revision:
            version = version.previous
        return version
