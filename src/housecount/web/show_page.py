"""What a show's page tells beyond its figures: how near it is to being oversold, what was sold today, what was given
back, and when its prices changed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from housecount.box_office import queries
from housecount.box_office.models import Order
from housecount.box_office.prices import PriceChange, price_changes
from housecount.box_office.queries import DayCount, TypeCount
from housecount.core.counting import Category, EntryKind
from housecount.core.oversell import Danger, Exposure, Outlet, exposure
from housecount.platforms.registry import SOURCES
from housecount.sync.queries import ListingCount, ShowCount
from housecount.tenancy.identity import Identity, acting_as
from housecount.web import words
from housecount.web.charts import Mark
from housecount.web.show_lines import Line, told

_ORDERS_SHOWN = 12
_GIVEN_BACK_SHOWN = 8
_GIVEN_BACK = (EntryKind.REFUND, EntryKind.CANCELLATION, EntryKind.REINSTATEMENT)
#: Of days with refunds, those with the most are marked.
_MOST_REFUND_MARKS = 12


class Warned(NamedTuple):
    """How near a show is to being oversold, with the sentence for it."""

    danger: Danger
    sentence: str
    advice: str


class OrderRow(NamedTuple):
    """An order as it trickles in: when, where, what; nothing of its buyer."""

    order: Order
    clock: str
    platform: str
    slot: int
    what: str
    off: str


class Today(NamedTuple):
    """The orders of a show's day so far, the newest first, and what all of them come to."""

    rows: list[OrderRow]
    number: int
    sold: int
    gross: int


def _outlets(
    count: ShowCount, types: dict[UUID, list[TypeCount]], now: datetime
) -> list[tuple[ListingCount, Outlet]]:
    found = []
    for each in count.listings:
        listing = each.listing
        if listing.gone_at is not None or listing.cancelled or count.starts_at <= now:
            continue
        admissions = [
            kind for kind in types[listing.id] if kind.category == Category.ADMISSION and not kind.deleted
        ]
        told_by_types = [kind.quantity for kind in admissions if kind.quantity is not None]
        allotted = listing.capacity
        if allotted is None and admissions and len(told_by_types) == len(admissions):
            allotted = sum(told_by_types)
        found.append((each, Outlet(each.figures.sold + each.figures.comps, allotted)))
    return found


def warned(count: ShowCount, types: dict[UUID, list[TypeCount]], now: datetime) -> Warned | None:
    """The oversell warning of a show; None where there is nothing to say or it cannot be known."""
    if count.show.cancelled:
        return None
    outlets = _outlets(count, types, now)
    taken = count.figures.sold + count.figures.comps
    found = exposure(count.seats, taken, [outlet for _, outlet in outlets])
    if found is None or found.danger is Danger.NONE:
        return None
    return Warned(found.danger, _sentence(count, found, taken, outlets), _advice(count, found))


def _sentence(
    count: ShowCount, found: Exposure, taken: int, outlets: Sequence[tuple[ListingCount, Outlet]]
) -> str:
    selling = ", ".join(
        f"{words.platform_label(each.platform)} {outlet.left:,}" for each, outlet in outlets if outlet.left
    )
    if found.danger is Danger.OVERSOLD:
        said = f"Oversold by {found.taken_beyond:,}: {taken:,} admissions for {count.seats:,} seats."
        return f"{said} And more may be sold: {selling}." if selling else said
    free = "1 seat is free" if found.free == 1 else f"{found.free:,} seats are free"
    return f"{free}, and the platforms may still sell {found.may_sell:,}: {selling}."


def _advice(count: ShowCount, found: Exposure) -> str:
    if found.danger is Danger.OVERSOLD:
        return "Stop the sale at the platforms now; then refund, or find seats."
    if found.danger is Danger.NEAR:
        return f"Lower what they may sell to {found.free:,} together before they sell the same seats twice."
    if count.show.capacity is None:
        return "Nothing stops them from selling the same seats twice. Is the house larger? Say so below, at Capacity."
    return "Nothing stops them from selling the same seats twice when it gets full."


def today(count: ShowCount, listing_ids: Sequence[UUID], now: datetime) -> Today:
    """What was ordered since midnight, by the venue's clock."""
    zone = ZoneInfo(count.show.venue.timezone)
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since = queries.orders_since(count.show.organisation_id, listing_ids, midnight, _ORDERS_SHOWN)
    platforms = {each.listing.id: each.platform for each in count.listings}
    rows = [_order_row(order, platforms.get(order.listing_id, ""), zone) for order in since.newest]
    return Today(rows, since.number, since.sold, since.gross)


def _order_row(order: Order, platform: str, zone: ZoneInfo) -> OrderRow:
    placed = order.placed_at.astimezone(zone)
    parts = []
    if order.sold:
        parts.append(f"{order.sold:,} ticket{'' if order.sold == 1 else 's'}")
    if order.comps:
        parts.append(f"{order.comps:,} comp{'' if order.comps == 1 else 's'}")
    off = ""
    if order.refunds:
        off = f"{words.money(order.refunds, order.currency)} refunded"
    elif order.cancelled:
        off = f"{order.cancelled:,} cancelled"
    return OrderRow(
        order=order,
        clock=f"{placed.hour % 12 or 12}:{placed:%M} {'am' if placed.hour < 12 else 'pm'}",
        platform=platform,
        slot=words.platform_slot(platform),
        what=", ".join(parts) or "No admission",
        off=off,
    )


def given_back(count: ShowCount, listing_ids: Sequence[UUID]) -> list[Line]:
    """The latest refunds, cancellations and what was taken back of them."""
    entries = queries.ledger_lines(
        count.show.organisation_id, listing_ids, kinds=[kind.value for kind in _GIVEN_BACK]
    )
    return told(entries[:_GIVEN_BACK_SHOWN], count)


def prices_changed(count: ShowCount) -> list[PriceChange]:
    """When the prices of a show that the office looks at changed.

    The raw records are behind the wall; that a price changed is not. So it is looked up for the organisation.
    """
    organisation_id = count.show.organisation_id
    events = {
        (each.listing.account_id, each.listing.event_id): SOURCES[each.platform]
        for each in count.listings
        if each.platform in SOURCES
    }
    with acting_as(Identity.system(organisation_id)):
        return price_changes(organisation_id, events)


def marks(
    count: ShowCount, daily: Sequence[DayCount], changes: Iterable[PriceChange], now: datetime
) -> list[Mark]:
    """What happened on the way, by day of the venue: the first sale, price changes, days with refunds, the show."""
    zone = ZoneInfo(count.show.venue.timezone)
    currency = count.show.currency
    platforms = {each.listing.event_id: each.platform for each in count.listings}
    found = []
    first = min((each.day for each in daily if each.sold > 0 or each.comps > 0), default=None)
    if first is not None:
        found.append(Mark(first, "sale", "First sale"))
    for change in changes:
        label = words.platform_label(platforms.get(change.event_id, ""))
        found.append(
            Mark(
                change.seen_at.astimezone(zone).date(),
                "price",
                f"{change.type_name or 'Tickets'} at {label}: {words.money(change.was, change.currency)} to "
                f"{words.money(change.now, change.currency)}",
            )
        )
    refunds: dict[object, int] = defaultdict(int)
    cancelled: dict[object, int] = defaultdict(int)
    days = {}
    for each in daily:
        refunds[each.day] += each.refunds
        cancelled[each.day] += each.cancelled
        days[each.day] = each.day
    most = sorted(days, key=lambda day: (refunds[day], cancelled[day]), reverse=True)[:_MOST_REFUND_MARKS]
    for day in most:
        if refunds[day] > 0:
            found.append(Mark(day, "refund", f"{words.money(refunds[day], currency)} refunded"))
        elif cancelled[day] > 0:
            found.append(Mark(day, "refund", f"{cancelled[day]:,} cancelled"))
    if count.starts_at <= now + timedelta(days=1):
        found.append(Mark(count.starts_at.date(), "show", "The show"))
    return sorted(found)
