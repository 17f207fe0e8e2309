"""What the Humanitix stand-in knows. Amounts are whole minor units; moments are aware, in UTC."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from housecount_sandbox.amounts import proportion, share, spread

if TYPE_CHECKING:
    from datetime import datetime

    from housecount_sandbox.people import Buyer
    from housecount_sandbox.venues import Room

# Invented rates in basis points, of about the size that ticket buyers know.
FEE_RATE, FEE_FIXED, AMEX_RATE = 400, 99, 195


class Fees(NamedTuple):
    passed_on: int
    absorbed: int


NO_FEES = Fees(0, 0)


@dataclass(slots=True, eq=False)
class Account:
    """One promoter's key. `home` is the region whose rows come without `overrideLocation`."""

    name: str
    key: str
    user_id: str
    organiser_id: str
    home: str
    regions: list[str]
    revoked: bool = False
    may_read_global: bool = False
    events: list[Event] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Tag:
    id: str
    name: str
    created: datetime


@dataclass(slots=True, eq=False)
class EventDate:
    """One occurrence; its id is the `eventDateId` of orders and tickets."""

    id: str
    start: datetime
    end: datetime
    show: str
    disabled: bool = False
    deleted: bool = False
    # Valid tickets that are no donation.
    sold: int = 0


@dataclass(slots=True, eq=False)
class TicketType:
    id: str
    name: str
    price: int
    quantity: int
    is_donation: bool = False
    disabled: bool = False
    deleted: bool = False
    hidden: bool = False
    price_range: tuple[int | None, int | None] | None = None
    price_options: tuple[int, ...] | None = None


@dataclass(slots=True, eq=False)
class Package:
    """`contents` says how many of each type one package holds; `shown` is what the API shows instead."""

    id: str
    name: str
    price: int
    quantity: int
    contents: list[tuple[TicketType, int]]
    shown: int | None = None
    disabled: bool = False
    deleted: bool = False


@dataclass(slots=True, eq=False)
class Event:
    id: str
    account: Account
    name: str
    slug: str
    currency: str
    timezone: str
    location: str
    room: Room | None
    created: datetime
    updated: datetime
    fee_mode: str = "passed_on"
    # The host's GST inside the price, in basis points; 0 = switched off.
    tax_rate: int = 0
    # The host's share of the booking fee per paid ticket.
    rebate: int = 0
    published: bool = True
    suspend_sales: bool = False
    sold_out: bool = False
    total_capacity: int = 0
    dates: list[EventDate] = field(default_factory=list)
    ticket_types: list[TicketType] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    # Oldest first.
    orders: list[Order] = field(default_factory=list)
    tag_ids: list[str] = field(default_factory=list)
    old_style: bool = False

    def fees(self, price: int) -> Fees:
        """The booking fee for one ticket at `price` after discounts; free tickets carry none."""
        if price <= 0:
            return NO_FEES
        fee = share(price, FEE_RATE) + FEE_FIXED
        if self.fee_mode == "absorbed":
            return Fees(0, min(fee, price))
        if self.fee_mode == "split":
            return Fees(fee - fee // 2, fee // 2)
        return Fees(fee, 0)

    def tax(self, price: int) -> int:
        """The GST inside `price`."""
        return proportion(price, self.tax_rate, 10_000 + self.tax_rate)


@dataclass(slots=True, eq=False)
class Ticket:
    """Amounts are those at purchase and stay; a cancelled ticket is only *shown* with zeroes."""

    id: str
    order: Order
    number: int
    ticket_type: TicketType
    price: int
    discount: int
    fees: Fees
    tax: int
    created: datetime
    updated: datetime
    first_name: str
    last_name: str
    cancelled_at: datetime | None = None
    zeroed: bool = True
    refund: int = 0
    checked_in: datetime | None = None
    package: Package | None = None
    package_group: str | None = None
    swapped_from: str | None = None
    swapped_to: str | None = None
    swapped_at: datetime | None = None
    sales_channel: str | None = None

    @property
    def valid(self) -> bool:
        """It still lets someone in."""
        return self.cancelled_at is None

    @property
    def paid(self) -> int:
        """The buyer's price without any fee on top."""
        return self.price - self.discount


@dataclass(slots=True, eq=False)
class Order:
    """`previous` is the same order before its last change, as whole as it then was."""

    id: str
    name: str
    event: Event
    date: EventDate
    buyer: Buyer
    created: datetime
    completed: datetime
    updated: datetime
    revision: int
    sales_channel: str = "online"
    manual: bool = False
    payment_type: str | None = None
    gateway: str | None = "braintree"
    discount_code: str | None = None
    auto_discount: bool = False
    amex_fee: int = 0
    client_donation: int = 0
    # Given back so far: for tickets, for donation tickets, of the donation to the host.
    refunds: int = 0
    donation_ticket_refunds: int = 0
    client_donation_refunds: int = 0
    has_totals_v2: bool = False
    tickets: list[Ticket] = field(default_factory=list)
    previous: Order | None = None
    # A row cannot be deleted by its owner; this is for a platform that loses one.
    gone: bool = False

    def remember(self, revision: int) -> None:
        """Keep what the order is now as `previous`, before a change that makes `revision`."""
        old = copy.copy(self)
        old.tickets = [copy.copy(ticket) for ticket in self.tickets]
        for ticket in old.tickets:
            ticket.order = old
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

    def bought(self) -> list[Ticket]:
        """The tickets that carry the purchase's money: a swap's new ticket replaces, and adds nothing."""
        return [ticket for ticket in self.tickets if ticket.swapped_from is None]

    @property
    def payable(self) -> int:
        """What the buyer paid for all tickets, without fees on top."""
        return sum(ticket.paid for ticket in self.bought())

    @property
    def refunded_in_full(self) -> bool:
        payable = self.payable
        return payable > 0 and self.refunds + self.donation_ticket_refunds >= payable

    @property
    def financial_status(self) -> str:
        """free, paid, partiallyRefunded or refunded."""
        if self.payable + self.client_donation == 0:
            return "free"
        given_back = self.refunds + self.donation_ticket_refunds
        if self.refunded_in_full:
            return "refunded"
        return "partiallyRefunded" if given_back or self.client_donation_refunds else "paid"


def pack_prices(price: int, seats: int) -> list[int]:
    """A package's price pro rata over its seats, to the cent."""
    return spread(price, seats)
