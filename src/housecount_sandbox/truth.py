"""What a perfect reader would count, from what happened in the world and not from the JSON it serves.

The rules are written out in `docs/how-to/test-against-the-sandbox.md`. Amounts are minor units.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from housecount_sandbox.amounts import proportion
from housecount_sandbox.clock import millis_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from housecount_sandbox.eventbrite.model import Event as EventbriteEvent
    from housecount_sandbox.eventbrite.model import Order as EventbriteOrder
    from housecount_sandbox.humanitix.model import Event as HumanitixEvent
    from housecount_sandbox.humanitix.model import EventDate
    from housecount_sandbox.humanitix.model import Order as HumanitixOrder
    from housecount_sandbox.world import World


@dataclass(slots=True)
class Figures:
    """The count of one listing."""

    orders: int = 0
    sold: int = 0
    comps: int = 0
    cancelled: int = 0
    gross: int = 0
    discounts: int = 0
    refunds: int = 0
    absorbed_fees: int = 0
    passed_on_fees: int = 0
    tax: int = 0
    rebates: int = 0
    extras: int = 0

    @property
    def net(self) -> int:
        return self.gross - self.absorbed_fees + self.rebates


@dataclass(slots=True)
class ListingTruth:
    """One listing and its figures; `starts_at` is the listing's own start, in UTC."""

    platform: str
    account: str
    external_event_id: str
    external_session_id: str | None
    title: str
    starts_at: datetime
    currency: str
    show: str
    figures: Figures = field(default_factory=Figures)

    def as_dict(self) -> dict[str, Any]:
        """Everything flat, as `GET /_sandbox/truth` lists it."""
        return {
            "platform": self.platform,
            "account": self.account,
            "external_event_id": self.external_event_id,
            "external_session_id": self.external_session_id,
            "title": self.title,
            "starts_at": millis_text(self.starts_at),
            "currency": self.currency,
            "show": self.show,
            **asdict(self.figures),
            "net": self.figures.net,
        }


def truth(
    world: World, *, first_read: int | None = None, reads: Sequence[int] | None = None
) -> list[ListingTruth]:
    """Every listing that could sell, with its figures.

    Some refunds (Eventbrite, in part) leave no trace but a fall of the price, so they are known only to a
    reader that saw the order before. `reads` are the revisions at which the reader read everything;
    `first_read` stands for a reader that misses nothing from that revision on; neither: it comes now.
    """
    if reads is None:
        reads = [] if first_read is None else range(first_read, world.stage.revision + 1)
    with world.stage.lock:
        listings = [
            _eventbrite_listing(event, reads)
            for account in world.eventbrite.accounts
            for event in account.events
            if event.children is None
        ]
        listings += [
            listing
            for account_ in world.humanitix.accounts
            for event_ in account_.events
            for listing in _humanitix_listings(event_)
        ]
        return listings


def truth_document(
    world: World, *, first_read: int | None = None, reads: Sequence[int] | None = None
) -> dict[str, Any]:
    """`{"revision", "listings": [...], "shows": [...], "totals": {currency: {...}}}`.

    `shows` groups the listings that are one real show: what matching should find.
    """
    with world.stage.lock:
        listings = truth(world, first_read=first_read, reads=reads)
        revision = world.stage.revision
    shows: dict[str, list[ListingTruth]] = {}
    totals: dict[str, dict[str, int]] = {}
    for listing in listings:
        shows.setdefault(listing.show, []).append(listing)
        total = totals.setdefault(listing.currency, {})
        for name, value in (*asdict(listing.figures).items(), ("net", listing.figures.net)):
            total[name] = total.get(name, 0) + value
    return {
        "revision": revision,
        "listings": [listing.as_dict() for listing in listings],
        "shows": [
            {
                "show": show,
                "listings": [
                    {
                        "platform": each.platform,
                        "account": each.account,
                        "external_event_id": each.external_event_id,
                        "external_session_id": each.external_session_id,
                    }
                    for each in members
                ],
            }
            for show, members in shows.items()
        ],
        "totals": totals,
    }


def _eventbrite_listing(event: EventbriteEvent, reads: Sequence[int]) -> ListingTruth:
    listing = ListingTruth(
        "eventbrite",
        event.account.name,
        event.id,
        None,
        event.name,
        event.start,
        event.currency,
        event.show,
    )
    for order in event.orders:
        if order.status == "placed":
            _count_eventbrite(listing.figures, order, reads)
    return listing


def _count_eventbrite(figures: Figures, order: EventbriteOrder, reads: Sequence[int]) -> None:
    admits = False
    for attendee in order.attendees:
        costs = attendee.costs
        fees = costs.fee + costs.payment
        absorbs = attendee.ticket_class.include_fee
        kept = costs.base + costs.tax + (fees if absorbs else 0)
        if attendee.ticket_class.category != "admission":
            figures.extras += 0 if attendee.refunded else kept
            continue
        admits = True
        if absorbs:
            figures.absorbed_fees += fees
        else:
            figures.passed_on_fees += fees
        for at, amount in attendee.unseen_refunds:
            figures.refunds += amount if _was_seen_before(order, at, reads) else 0
        if attendee.refunded:
            figures.refunds += kept
        else:
            figures.gross += kept
            figures.tax += costs.tax
        if not attendee.valid:
            figures.cancelled += 1
        elif attendee.refunded or kept == 0:
            figures.comps += 1
        else:
            figures.sold += 1
    if admits:
        figures.orders += 1
        figures.discounts += order.discount


def _was_seen_before(order: EventbriteOrder, revision: int, reads: Sequence[int]) -> bool:
    """Whether a read took place between the order's making and `revision`."""
    oldest = order
    while oldest.previous is not None:
        oldest = oldest.previous
    index = bisect_left(reads, revision)
    return index > 0 and reads[index - 1] >= oldest.revision


def _humanitix_listings(event: HumanitixEvent) -> list[ListingTruth]:
    by_date: dict[str, ListingTruth] = {}
    for date in event.dates:
        by_date[date.id] = _humanitix_listing(event, date)
    for order in event.orders:
        _count_humanitix(by_date[order.date.id].figures, order)
    return list(by_date.values())


def _humanitix_listing(event: HumanitixEvent, date: EventDate) -> ListingTruth:
    return ListingTruth(
        "humanitix",
        event.account.name,
        event.id,
        date.id,
        event.name,
        date.start,
        event.currency,
        date.show,
    )


def _count_humanitix(figures: Figures, order: HumanitixOrder) -> None:
    admissions = [ticket for ticket in order.tickets if not ticket.ticket_type.is_donation]
    full = order.refunded_in_full
    for ticket in admissions:
        if not ticket.valid:
            figures.cancelled += 1
        elif ticket.paid == 0 or full:
            figures.comps += 1
        else:
            figures.sold += 1
    bought = order.bought()
    paid = [ticket for ticket in bought if not ticket.ticket_type.is_donation]
    price = sum(ticket.paid for ticket in paid)
    given = sum(ticket.paid for ticket in bought if ticket.ticket_type.is_donation)
    figures.extras += given - order.donation_ticket_refunds
    figures.extras += order.client_donation - order.client_donation_refunds
    figures.gross += price - order.refunds
    figures.refunds += order.refunds
    figures.discounts += sum(ticket.discount for ticket in paid)
    figures.absorbed_fees += sum(ticket.fees.absorbed for ticket in bought)
    figures.passed_on_fees += sum(ticket.fees.passed_on for ticket in bought) + order.amex_fee
    figures.rebates += order.event.rebate * sum(1 for ticket in bought if ticket.fees.passed_on)
    tax = sum(ticket.tax for ticket in bought)
    figures.tax += tax - proportion(tax, order.refunds, price)
    if admissions:
        figures.orders += 1
