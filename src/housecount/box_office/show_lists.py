"""Reading the box office for lists of shows: which to show, in which order, what they come to, how they sell now.

The caller sets the identity; every query names its organisation too. Money is in minor units of the row's
currency; times are aware. Sums are sums of the ledger.
"""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import (
    BooleanField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, NullIf

from housecount.box_office import bulk
from housecount.box_office.models import Account, Listing, SalesEntry, Show, Venue
from housecount.box_office.rollups import without_loops
from housecount.box_office.show_runs import run_name
from housecount.core.counting import Figures

#: How many windows of 24 hours `recent_sales` looks back.
RECENT_DAYS: Final = 14
#: No more than so many rooms are offered to choose from.
_MOST_ROOMS: Final = 500


class ShowFilter(NamedTuple):
    """Which shows to list: all words of `text` in title, venue or city; `since` <= start < `until`; at the venue
    `venue_id`; with a listing on `platform`; of the run `run`, as `show_runs.asked_run` has it."""

    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    venue_id: UUID | None = None
    platform: str = ""
    run: str = ""


class SectionTotal(NamedTuple):
    """What the shows of one currency sold together, before or after the cut between past and upcoming."""

    upcoming: bool
    currency: str
    shows: int
    sold: int
    comps: int
    gross: int
    net: int


class Recent(NamedTuple):
    """What was sold, less what was given back, in each of the last `RECENT_DAYS` windows of 24 hours; the last one
    ends now."""

    days: tuple[int, ...]

    @property
    def last(self) -> int:
        """In the last 24 hours."""
        return self.days[-1]


NOT_LATELY: Final = Recent((0,) * RECENT_DAYS)


#: Orders of shows that ask for the sums of all of them.
_BY_SUMS: Final = ("sold", "gross", "share")


def matching_shows(organisation_id: UUID, wanted: ShowFilter) -> QuerySet[Show]:
    """Shows that `wanted` lets through, in no order; those merged into others are left out."""
    shows = Show.objects.filter(organisation_id=organisation_id, merged_into=None)
    for word in wanted.text.split():
        shows = shows.filter(
            Q(title__icontains=word) | Q(venue__name__icontains=word) | Q(venue__city__icontains=word)
        )
    if wanted.since is not None:
        shows = shows.filter(starts_at__gte=wanted.since)
    if wanted.until is not None:
        shows = shows.filter(starts_at__lt=wanted.until)
    if wanted.venue_id is not None:
        shows = shows.filter(venue_id=wanted.venue_id)
    if wanted.run:
        shows = shows.annotate(run_name=run_name()).filter(run_name=wanted.run)
    if wanted.platform:
        sold_there = Listing.objects.filter(
            organisation_id=organisation_id,
            show_id=OuterRef("pk"),
            account__platform=wanted.platform,
            gone_at=None,
        )
        shows = shows.filter(Exists(sold_there))
    return shows


def _summed(*names: str) -> Combinable:
    """Columns of the show's sums, added up; 0 for a show without listings."""
    columns: list[Combinable] = [Coalesce(F(f"showtotal__{name}"), 0) for name in names]
    return sum(columns[1:], columns[0])


def _ordered(
    organisation_id: UUID, shows: QuerySet[Show], sort: str, newest_first: bool, now: datetime
) -> QuerySet[Show]:
    """The shows by `sort`, the greatest first; then by their start."""
    start = "-starts_at" if newest_first else "starts_at"
    if sort == "sold":
        shows = shows.annotate(sort=_summed("sold", "comps"))
    elif sort == "gross":
        shows = shows.annotate(sort=_summed("gross"))
    elif sort == "share":
        seats = NullIf(Coalesce("capacity", "showtotal__told_capacity"), 0)
        taken = Cast(_summed("sold", "comps"), FloatField())
        # A show without a known capacity has no share: it comes last.
        shows = shows.annotate(sort=Coalesce(taken / Cast(seats, FloatField()), Value(-1.0)))
    elif sort == "recent":
        lately = (
            SalesEntry.objects.filter(
                organisation_id=organisation_id,
                listing_id__in=Listing.objects.filter(
                    organisation_id=organisation_id, show_id=OuterRef(OuterRef("pk")), gone_at=None
                ).values("pk"),
                happened_at__gt=now - timedelta(days=1),
            )
            .order_by()
            .values("organisation_id")
            .annotate(sum=Sum("sold"))
            .values("sum")
        )
        shows = shows.annotate(sort=Coalesce(Subquery(lately), 0))
    else:
        return shows.order_by(start, "title", "id")
    return shows.order_by("-sort", start, "title", "id")


def show_ids(
    organisation_id: UUID,
    wanted: ShowFilter,
    *,
    newest_first: bool,
    limit: int,
    offset: int = 0,
    sort: str = "",
    now: datetime,
) -> list[UUID]:
    """Ids of a stretch of the shows that `wanted` lets through: by their start, or by `sort` (sold, share, gross, or
    recent: what was sold in the 24 hours before `now`)."""
    shows = _ordered(organisation_id, matching_shows(organisation_id, wanted), sort, newest_first, now)
    with without_loops() if sort in _BY_SUMS else nullcontext():
        return list(shows.values_list("id", flat=True)[offset : offset + limit])


def section_totals(organisation_id: UUID, wanted: ShowFilter, cut: datetime) -> list[SectionTotal]:
    """Sums over all shows that `wanted` lets through, by side of `cut` and by currency; upcoming first."""
    names = ("sold", "comps", "gross", "absorbed_fees", "rebates")
    rows = (
        matching_shows(organisation_id, wanted)
        .annotate(upcoming=ExpressionWrapper(Q(starts_at__gte=cut), output_field=BooleanField()))
        .values("upcoming", "currency")
        .annotate(shows=Count("id"), **{f"sum_{name}": Sum(_summed(name)) for name in names})
        .order_by("-upcoming", "currency")
        .values_list("upcoming", "currency", "shows", *(f"sum_{name}" for name in names))
    )
    totals = []
    with without_loops():
        found = list(rows)
    for upcoming, currency, shows, *sums in found:
        sold, comps, gross, fees, rebates = map(int, sums)
        net = Figures(gross=gross, absorbed_fees=fees, rebates=rebates).net
        totals.append(SectionTotal(upcoming, currency, shows, sold, comps, gross, net))
    return totals


def recent_sales(organisation_id: UUID, show_of: Mapping[UUID, UUID], now: datetime) -> dict[UUID, Recent]:
    """How shows sold lately, by show; `show_of` names the show of each listing to look at. A show that sold nothing
    is left out."""
    days: dict[UUID, list[int]] = defaultdict(lambda: [0] * RECENT_DAYS)
    for listing_id, age, sold in bulk.fetch(
        "SELECT listing_id, floor(date_part('epoch', %s - happened_at) / 86400)::int AS age, sum(sold)::bigint"
        " FROM box_office_sales_entry WHERE organisation_id = %s AND listing_id = ANY(%s)"
        " AND happened_at > %s AND happened_at <= %s GROUP BY listing_id, age",
        [now, organisation_id, list(show_of), now - timedelta(days=RECENT_DAYS), now],
    ):
        days[show_of[listing_id]][RECENT_DAYS - 1 - age] += sold
    return {show_id: Recent(tuple(counts)) for show_id, counts in days.items() if any(counts)}


def rooms(organisation_id: UUID) -> list[Venue]:
    """The venues that have shows, by name."""
    used = Show.objects.filter(organisation_id=organisation_id, merged_into=None, venue_id=OuterRef("pk"))
    return list(
        Venue.objects.filter(Exists(used), organisation_id=organisation_id).order_by("name", "city")[
            :_MOST_ROOMS
        ]
    )


def platforms(organisation_id: UUID) -> list[str]:
    """The keys of the platforms that the organisation has an account at."""
    found = Account.objects.filter(organisation_id=organisation_id).order_by("platform")
    return list(found.values_list("platform", flat=True).distinct())
