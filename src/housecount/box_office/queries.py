"""Reading the box office for the page of a show: what stands behind a figure, and what belongs together.

The caller sets the identity; every query names its organisation too. Money is in minor units of the row's
currency; times are aware. Sums are sums of the ledger: what an order counts is decided in `core.counting` alone.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from housecount.box_office import bulk
from housecount.box_office.models import Listing, Order, SalesEntry, SetAside, Show, Suggestion, TicketType
from housecount.core.counting import Category, Figures

#: How far from a show another is offered to be merged with it.
NEAR = timedelta(days=3)
_MOST_NEAR = 40
#: What the ledger can be asked for: every figure, net, and what the tickets were listed at.
FIGURES = (*Figures._fields, "net", "list_value")


class DayCount(NamedTuple):
    """What one listing's ledger says of one day, in the zone that was asked for: changes, not sums."""

    listing_id: UUID
    day: date
    sold: int
    comps: int
    refunds: int = 0
    cancelled: int = 0


class OrdersSince(NamedTuple):
    """Completed orders that were placed since a moment: the newest of them, and what all of them come to."""

    newest: list[Order]
    number: int
    sold: int
    gross: int


class TypeCount(NamedTuple):
    """A ticket type of a listing with what it sold; `price` and `quantity` None where the platform is silent."""

    name: str
    category: str
    price: int | None
    quantity: int | None
    absorbs_fees: bool
    deleted: bool
    sold: int
    comps: int
    cancelled: int


class Candidate(NamedTuple):
    """A show that a listing may belong to (after merges), and what speaks for it."""

    suggestion: Suggestion
    show: Show


class Waiting(NamedTuple):
    """A listing in doubt with the shows it may belong to, the likeliest first."""

    listing: Listing
    candidates: list[Candidate]


def shows_near(show: Show) -> list[Show]:
    """Other shows of the same currency within `NEAR` of this one, with their venues, by their start."""
    return list(
        Show.objects.filter(
            organisation_id=show.organisation_id,
            merged_into=None,
            currency=show.currency,
            starts_at__range=(show.starts_at - NEAR, show.starts_at + NEAR),
        )
        .exclude(pk=show.pk)
        .select_related("venue")
        .order_by("starts_at", "title")[:_MOST_NEAR]
    )


def daily_counts(organisation_id: UUID, listing_ids: Collection[UUID], timezone: str) -> list[DayCount]:
    """What the listings sold day by day as it happened, the earliest day first."""
    sums = ("sold", "comps", "refunds", "cancelled")
    rows = (
        SalesEntry.objects.filter(organisation_id=organisation_id, listing_id__in=list(listing_ids))
        .annotate(day=TruncDate("happened_at", tzinfo=ZoneInfo(timezone)))
        .values("listing_id", "day")
        .annotate(**{f"{name}_sum": Sum(name) for name in sums})
        .order_by("day", "listing_id")
        .values_list("listing_id", "day", *(f"{name}_sum" for name in sums))
    )
    return [DayCount(*row) for row in rows]


def list_value(figures: Figures | SalesEntry) -> int:
    """What tickets were listed at, before discounts and refunds, as far as the platform tells them: minor units."""
    return figures.gross + figures.discounts + figures.refunds


def ledger_lines(
    organisation_id: UUID,
    listing_ids: Collection[UUID],
    *,
    figure: str = "",
    order_id: str = "",
    kinds: Collection[str] = (),
) -> QuerySet[SalesEntry]:
    """The ledger's lines of these listings, the latest first; only those that move `figure`, of one order, or of
    some `kinds`."""
    lines = SalesEntry.objects.filter(organisation_id=organisation_id, listing_id__in=list(listing_ids))
    if figure == "list_value":
        lines = lines.annotate(list_value=F("gross") + F("discounts") + F("refunds"))
    if kinds:
        lines = lines.filter(kind__in=list(kinds))
    if figure in FIGURES:
        lines = lines.exclude(**{figure: 0})
    if order_id:
        lines = lines.filter(order_id=order_id)
    return lines.order_by("-happened_at", "-sequence")


def orders_since(
    organisation_id: UUID, listing_ids: Collection[UUID], since: datetime, limit: int
) -> OrdersSince:
    """The completed orders of these listings that were placed since `since` and are still there."""
    orders = Order.objects.filter(
        organisation_id=organisation_id,
        listing_id__in=list(listing_ids),
        placed_at__gte=since,
        completed=True,
        gone=False,
    )
    sums = orders.aggregate(
        number=Count("*"), sold_sum=Coalesce(Sum("sold"), 0), gross_sum=Coalesce(Sum("gross"), 0)
    )
    newest = list(orders.order_by("-placed_at", "external_id")[:limit])
    return OrdersSince(newest, sums["number"], int(sums["sold_sum"]), int(sums["gross_sum"]))


def sum_of_lines(lines: QuerySet[SalesEntry]) -> tuple[int, Figures]:
    """How many lines, and what they come to."""
    # A sum named like its column would be taken for the column by the next one.
    sums = {f"sum_{name}": Coalesce(Sum(name), 0) for name in Figures._fields}
    row = lines.order_by().aggregate(count=Count("*"), **sums)
    return row["count"], Figures(*(int(row[f"sum_{name}"]) for name in Figures._fields))


def type_counts(organisation_id: UUID, listings: Sequence[Listing]) -> dict[UUID, list[TypeCount]]:
    """The ticket types of each listing, by its id, with what each sold by the ledger; admissions first."""
    counts: dict[UUID, dict[str, tuple[str, str, int, int, int]]] = defaultdict(dict)
    for listing_id, type_id, *rest in bulk.fetch(
        "SELECT e.listing_id, t.type_id, max(t.type_name), max(t.category),"
        " sum(e.sold)::bigint, sum(e.comps)::bigint, sum(e.cancelled)::bigint"
        " FROM box_office_sales_entry e JOIN box_office_ticket t ON t.organisation_id = e.organisation_id"
        " AND t.account_id = e.account_id AND t.external_id = e.ticket_id"
        " WHERE e.organisation_id = %s AND e.listing_id = ANY(%s) AND e.ticket_id <> ''"
        " GROUP BY e.listing_id, t.type_id",
        [organisation_id, [listing.id for listing in listings]],
    ):
        counts[listing_id][type_id] = (rest[0], rest[1], rest[2], rest[3], rest[4])
    types: dict[tuple[UUID, str], list[TicketType]] = defaultdict(list)
    for kind in TicketType.objects.filter(
        organisation_id=organisation_id,
        account_id__in={listing.account_id for listing in listings},
        event_id__in={listing.event_id for listing in listings},
    ):
        types[kind.account_id, kind.event_id].append(kind)
    return {
        listing.id: _types_of(types[listing.account_id, listing.event_id], counts[listing.id])
        for listing in listings
    }


def _types_of(
    types: Sequence[TicketType], counts: dict[str, tuple[str, str, int, int, int]]
) -> list[TypeCount]:
    found = []
    left = dict(counts)
    for kind in types:
        _, _, sold, comps, cancelled = left.pop(kind.external_id, ("", "", 0, 0, 0))
        if kind.deleted and not (sold or comps or cancelled):
            continue
        found.append(
            TypeCount(
                name=kind.name, category=kind.category, price=kind.price, quantity=kind.quantity,
                absorbs_fees=kind.absorbs_fees, deleted=kind.deleted, sold=sold, comps=comps, cancelled=cancelled,
            )
        )  # fmt: skip
    # Tickets of a type that the platform no longer names.
    for name, category, sold, comps, cancelled in left.values():
        found.append(
            TypeCount(
                name=name, category=category, price=None, quantity=None, absorbs_fees=False, deleted=True,
                sold=sold, comps=comps, cancelled=cancelled,
            )
        )  # fmt: skip
    return sorted(
        found, key=lambda kind: (kind.category != Category.ADMISSION, -(kind.price or 0), kind.name)
    )


def _open_suggestions(organisation_id: UUID) -> QuerySet[Suggestion]:
    return Suggestion.objects.filter(
        organisation_id=organisation_id, declined=False, listing__gone_at=None
    ).exclude(Q(show=F("listing__show")) | Q(show__merged_into=F("listing__show")))


def waiting_listings(organisation_id: UUID, show_id: UUID | None = None) -> list[Waiting]:
    """Listings in doubt, the earliest first; only those that count for `show_id` where given."""
    suggestions = _open_suggestions(organisation_id)
    if show_id is not None:
        # Most shows have none: to plan the question below takes longer than to find that out.
        ids = list(suggestions.filter(listing__show_id=show_id).values_list("pk", flat=True))
        if not ids:
            return []
        suggestions = suggestions.filter(pk__in=ids)
    suggestions = suggestions.select_related(
        "listing__account", "listing__show__venue", "show__venue", "show__merged_into__venue"
    )
    by_listing: dict[UUID, Waiting] = {}
    for suggestion in suggestions.order_by("listing__starts_at", "listing_id", "-score"):
        waiting = by_listing.setdefault(suggestion.listing_id, Waiting(suggestion.listing, []))
        show = suggestion.show.merged_into or suggestion.show
        if all(candidate.show.id != show.id for candidate in waiting.candidates):
            waiting.candidates.append(Candidate(suggestion, show))
    return list(by_listing.values())


def count_waiting(organisation_id: UUID) -> int:
    """How many listings wait for a person."""
    return _open_suggestions(organisation_id).values("listing_id").distinct().count()


def set_aside(organisation_id: UUID, limit: int) -> list[SetAside]:
    """What could not be read, or was odd in what could, the latest first, with its account."""
    return list(
        SetAside.objects.filter(organisation_id=organisation_id)
        .select_related("account")
        .order_by("-first_seen", "account_id", "kind", "external_id")[:limit]
    )
