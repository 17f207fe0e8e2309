"""Analytics over HTTP: the sales of a span told apart, how fresh they are, and two shows beside each other.

Amounts of two currencies are never added up: a question is about one. Shares are whole numbers, in thousandths.
"""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from housecount.api import bodies, openapi
from housecount.api.access import member
from housecount.api.paging import Day
from housecount.api.schema import FiguresOut
from housecount.box_office import matching
from housecount.box_office.show_runs import asked_run
from housecount.insights import queries
from housecount.insights.compare import Curve, align, curve
from housecount.insights.filters import Dimension, Filters, Per
from housecount.insights.freshness import as_of
from housecount.insights.pace import pace
from housecount.invoices import here
from housecount.sync.queries import figures_document
from housecount.tenancy.models import Organisation

router = Router(tags=["analytics"])
_READ = "sales:read"
_FIRST, _LAST = date(1990, 1, 1), date(2200, 12, 31)
#: The longest span that is told day by day.
_MOST_DAYS = 3_700


class SpanAsked(Schema):
    """Which sales: of days by the clock of the listing, both included; the last 30 days when left out."""

    since: Day | None = None
    until: Day | None = None
    currency: str = Field(
        "", pattern="^([A-Z]{3})?$", description="That of most shows, when left out.", max_length=3
    )
    platform: str = Field("", max_length=40)
    venue: UUID | None = None
    run: str = Field(
        "", max_length=300, description="Shows of this title, or of the run that `=` and a name mean."
    )


class ByAsked(SpanAsked):
    """What they are told apart by."""

    by: Dimension = Field(
        Dimension.PLATFORM,
        description="day and platform are of sales as they happened; room, weekday and run are of the shows of the "
        "span, with all that each sold until now.",
    )


class SeriesAsked(SpanAsked):
    """How long each step is."""

    per: Per = Per.DAY


class SpanOut(Schema):
    """What was asked for, with what was left out filled in."""

    since: date
    until: date
    currency: str


class BehindOut(Schema):
    """An account whose figures may not be what its platform says now."""

    platform: str
    name: str
    reason: str


class FreshOut(Schema):
    """`as_of`: as of when the account that was read longest ago is true."""

    as_of: str | None
    behind: list[BehindOut]


class SliceOut(FiguresOut):
    """One part of the sales. What only shows have is null elsewhere. Shares are in thousandths."""

    key: str
    label: str
    shows: int | None
    seats: int | None
    taken: int | None
    sell_through: int | None
    fees_share: int | None
    refunds_rate: int | None


class ByOut(SpanOut, FreshOut):
    """Every part, and the sum of all."""

    by: Dimension
    slices: list[SliceOut]
    together: SliceOut


class StepOut(FiguresOut):
    """What one platform sold in one step, which begins on `day`."""

    day: date
    platform: str


class SeriesOut(SpanOut, FreshOut):
    """Steps in which nothing was sold are left out."""

    per: Per
    steps: list[StepOut]


class HoursOut(SpanOut, FreshOut):
    """Orders placed by weekday, Monday first, and by hour of the day."""

    orders: list[list[int]]


class CompareAsked(Schema):
    """Which two shows."""

    first: UUID
    second: UUID


class CurveOut(Schema):
    """A show with what it sold so far."""

    show: UUID
    title: str
    day: date
    currency: str
    seats: int | None
    figures: FiguresOut


class PointOut(Schema):
    """Sold until the end of the day with so many days to go; null for a day that has not come."""

    days_to_go: int
    first: int | None
    second: int | None


class CompareOut(Schema):
    """Two shows, aligned by days to go."""

    first: CurveOut
    second: CurveOut
    points: list[PointOut]


class PaceOut(Schema):
    """What a show should have sold by now, by what comparable ones had."""

    show: UUID
    expected_sold: int
    ratio_percent: int | None = Field(description="What it sold, of that; null where nothing is comparable.")
    compared_with: int
    sentence: str


def _filters(organisation: Organisation, asked: SpanAsked) -> Filters:
    until = asked.until or here.today(organisation)
    since = asked.since or max(_FIRST, until - timedelta(days=29))
    if not _FIRST <= since <= until <= _LAST or (until - since).days >= _MOST_DAYS:
        raise bodies.BadBody("A span begins before it ends, and is no longer than ten years.")
    currency = asked.currency
    if not currency:
        currency = next(iter(queries.currencies(organisation.pk)), organisation.currency)
    return Filters(
        since=since,
        until=until,
        currency=currency,
        platform=asked.platform.replace("\x00", ""),
        venue_id=asked.venue,
        run=asked_run(asked.run),
    )


def _frame(organisation_id: UUID, filters: Filters) -> dict[str, Any]:
    fresh = as_of(organisation_id, timezone.now())
    return {
        "since": filters.since,
        "until": filters.until,
        "currency": filters.currency,
        "as_of": fresh.moment.isoformat() if fresh.moment else None,
        "behind": [
            {"platform": each.platform, "name": each.name, "reason": each.reason} for each in fresh.behind
        ],
    }


@router.get("/analytics", **openapi.reads(ByOut, scope=_READ, name="analytics", summary="Sales told apart"))
def sales_by(request: HttpRequest, asked: Query[ByAsked]) -> dict[str, Any]:
    """The sales of a span by day, platform, room, weekday or run, with their sum."""
    organisation = member(request).organisation
    filters = _filters(organisation, asked)
    found = queries.sales_by(organisation.pk, asked.by, filters)
    return _frame(organisation.pk, filters) | {
        "by": asked.by,
        "slices": [_slice(each) for each in found],
        "together": _slice(queries.all_of(found)),
    }


def _slice(found: queries.Slice) -> dict[str, Any]:
    return figures_document(found.figures) | {
        "key": found.key,
        "label": found.label,
        "shows": found.shows,
        "seats": found.seats,
        "taken": found.taken,
        "sell_through": found.sell_through,
        "fees_share": queries.fees_share(found.figures),
        "refunds_rate": queries.refunds_rate(found.figures),
    }


@router.get(
    "/analytics/series",
    **openapi.reads(SeriesOut, scope=_READ, name="analytics_series", summary="Sales over time"),
)
def series(request: HttpRequest, asked: Query[SeriesAsked]) -> dict[str, Any]:
    """What each platform sold in each day, week or month, by the day on which it happened."""
    organisation = member(request).organisation
    filters = _filters(organisation, asked)
    steps = queries.sales_over_time(organisation.pk, filters, asked.per)
    return _frame(organisation.pk, filters) | {
        "per": asked.per,
        "steps": [
            figures_document(each.figures) | {"day": each.day, "platform": each.platform} for each in steps
        ],
    }


@router.get(
    "/analytics/hours",
    **openapi.reads(HoursOut, scope=_READ, name="analytics_hours", summary="When people buy"),
)
def hours(request: HttpRequest, asked: Query[SpanAsked]) -> dict[str, Any]:
    """Orders by weekday and hour, by the clock of the listing."""
    organisation = member(request).organisation
    filters = _filters(organisation, asked)
    return _frame(organisation.pk, filters) | {"orders": queries.hours(organisation.pk, filters).orders}


@router.get(
    "/analytics/compare",
    **openapi.reads(CompareOut, scope=_READ, name="analytics_compare", summary="Two shows"),
)
def compare(request: HttpRequest, asked: Query[CompareAsked]) -> dict[str, Any]:
    """Two shows, aligned by how many days each had to go."""
    organisation_id, now = member(request).organisation.pk, timezone.now()
    first, second = (
        curve(matching.find_show(organisation_id, key), now) for key in (asked.first, asked.second)
    )
    return {
        "first": _curve(first),
        "second": _curve(second),
        "points": [
            {"days_to_go": each.days_to_go, "first": each.first, "second": each.second}
            for each in align(first, second)
        ],
    }


def _curve(found: Curve) -> dict[str, Any]:
    return {
        "show": found.show.pk,
        "title": found.show.title,
        "day": found.day,
        "currency": found.show.currency,
        "seats": found.seats,
        "figures": figures_document(found.figures),
    }


@router.get(
    "/shows/{uuid:show_id}/pace",
    **openapi.reads(PaceOut, scope=_READ, name="show_pace", summary="A show's pace"),
)
def show_pace(request: HttpRequest, show_id: UUID) -> dict[str, Any]:
    """Whether it sells quicker or slower than comparable shows did, in figures and in a sentence."""
    organisation_id = member(request).organisation.pk
    show = matching.find_show(organisation_id, show_id)
    found = pace(organisation_id, [show.pk], timezone.now())[show.pk]
    return {
        "show": show.pk,
        "expected_sold": found.expected_sold,
        "ratio_percent": found.ratio_percent,
        "compared_with": found.compared_with,
        "sentence": found.sentence,
    }
