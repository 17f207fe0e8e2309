"""Sales of a whole season, told apart by what people ask. Reads only; the caller sets the identity.

Money is in minor units of the currency that the filters name. What listings sold that are gone at their platform is
left out, as everywhere. Sums come from the ledger's sums by day, by hour and by listing, so that a question costs as
much as its days and its shows, however many tickets they sold.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from housecount.box_office import bulk
from housecount.box_office.models import Account
from housecount.box_office.models_rollups import HOURS
from housecount.box_office.rollups import without_loops, without_sorts
from housecount.box_office.show_runs import run_sql
from housecount.core.counting import NOTHING, Figures, total
from housecount.insights.filters import Dimension, Filters, Per

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NAMES: Final = Figures._fields
#: No more rooms or runs are told apart: those that took most.
MOST_SLICES: Final = 200
_RUN: Final = run_sql("s")
#: What the shows of a run that nobody named have in common.
_RUN_VENUE: Final = "CASE WHEN coalesce(s.run, '') = '' THEN s.venue_id END"
#: Of the shows of more days, the listings are not looked up one by one.
_MANY_DAYS: Final = 400


class Slice(Struct, frozen=True, kw_only=True):
    """One part of the sales. `key` names it (a day in ISO form, a platform, a venue's id, 1 for Monday to 7, a
    run as `show_runs.Run` has it), `label` is for people. `shows`, `seats` and `taken` are told for shows alone: how
    many took place, and, of those that were not cancelled and whose capacity is known, the seats and how many of them
    were taken."""

    key: str
    label: str
    figures: Figures
    shows: int | None = None
    seats: int | None = None
    taken: int | None = None

    @property
    def sell_through(self) -> int | None:
        """Seats taken, in thousandths; None where no capacity is known."""
        return thousandths(self.taken, self.seats) if self.taken is not None and self.seats else None


class Step(Struct, frozen=True):
    """What one platform sold in one step of a time series, which begins on `day`."""

    day: date
    platform: str
    figures: Figures


class Hours(Struct, frozen=True):
    """Orders placed by weekday (Monday first) and by hour of the day (0 to 23)."""

    orders: tuple[tuple[int, ...], ...]

    @property
    def most(self) -> int:
        """In the busiest hour."""
        return max(max(row) for row in self.orders)


def thousandths(part: int, whole: int) -> int | None:
    """`part` of `whole` in thousandths, a half rounded up; None of nothing."""
    return (2000 * part + whole) // (2 * whole) if whole > 0 else None


def fees_share(figures: Figures) -> int | None:
    """What the platforms took, from buyers and from the organiser, in thousandths of gross."""
    return thousandths(figures.absorbed_fees + figures.passed_on_fees, figures.gross)


def refunds_rate(figures: Figures) -> int | None:
    """What was given back, in thousandths of what had been paid for admission."""
    return thousandths(figures.refunds, figures.gross + figures.refunds)


def currencies(organisation_id: UUID) -> list[str]:
    """The currencies that the organisation's shows are sold in, that of most shows first."""
    rows = bulk.fetch(
        "SELECT currency FROM box_office_show WHERE organisation_id = %s AND merged_into_id IS NULL"
        " GROUP BY currency ORDER BY count(*) DESC, currency",
        [organisation_id],
    )
    return [currency for (currency,) in rows]


def first_day(organisation_id: UUID) -> date | None:
    """The day of the first sale; None when nothing was ever sold."""
    [(day,)] = bulk.fetch(
        "SELECT min(day) FROM box_office_daily_total WHERE organisation_id = %s", [organisation_id]
    )
    found: date | None = day
    return found


def sales_by(organisation_id: UUID, dimension: Dimension, filters: Filters) -> list[Slice]:
    """Sales by `dimension`: days and weekdays in their order, without those that have nothing; platforms, rooms and
    runs by gross, the greatest first."""
    if dimension is Dimension.PLATFORM:
        return slices_by_platform(sales_over_time(organisation_id, filters))
    if dimension is Dimension.DAY:
        days: dict[date, list[Figures]] = {}
        for step in sales_over_time(organisation_id, filters, Per.DAY):
            days.setdefault(step.day, []).append(step.figures)
        return [Slice(key=str(day), label=str(day), figures=total(found)) for day, found in days.items()]
    return _sales_of_shows(organisation_id, dimension, filters)


def sales_over_time(organisation_id: UUID, filters: Filters, per: Per | None = None) -> list[Step]:
    """What each platform sold in each step of the span (all of it, where `per` is None, beginning with its first day),
    by the day on which it happened; the earliest first. Steps and platforms without anything are left out."""
    accounts = _accounts(organisation_id, filters)
    step = "%(since)s::date" if per is None else f"date_trunc('{per.value}', d.day::timestamp)::date"
    account = "l.account_id" if filters.run else "d.account_id"
    with without_sorts():
        rows = bulk.fetch(
            f"SELECT {step} AS step, {account}, {_SUMS} {_days_of(filters)} GROUP BY 1, 2",
            _values(organisation_id, filters, accounts),
        )
    found: dict[tuple[date, str], Figures] = {}
    for day, account_id, *sums in rows:
        key = (day, accounts[account_id])
        found[key] = found.get(key, NOTHING).plus(Figures(*sums))
    return [Step(day, platform, figures) for (day, platform), figures in sorted(found.items())]


def slices_by_platform(steps: Iterable[Step]) -> list[Slice]:
    """What each platform sold in all `steps`, by gross, the greatest first."""
    platforms: dict[str, list[Figures]] = {}
    for step in steps:
        platforms.setdefault(step.platform, []).append(step.figures)
    slices = [Slice(key=key, label=key, figures=total(found)) for key, found in platforms.items()]
    return sorted(slices, key=lambda each: (-each.figures.gross, each.key))


def hours(organisation_id: UUID, filters: Filters) -> Hours:
    """When orders were placed, by weekday and hour of the listing's clock."""
    accounts = _accounts(organisation_id, filters)
    with without_sorts():
        rows = bulk.fetch(
            f"SELECT extract(isodow FROM d.day)::int, {_PLACED} {_days_of(filters)} GROUP BY 1",  # noqa: S608
            _values(organisation_id, filters, accounts),
        )
    found = {weekday: tuple(placed) for weekday, *placed in rows}
    return Hours(tuple(found.get(weekday, (0,) * 24) for weekday in range(1, 8)))


#: What shows are told apart by: their venue or none, and something else or nothing. The key and the label of both.
_PARTS: Final[Mapping[Dimension, tuple[str, str, str, str]]] = {
    Dimension.ROOM: (
        "s.venue_id",
        "''",
        "g.venue_id::text",
        "concat_ws(', ', nullif(v.name, ''), nullif(v.city, ''))",
    ),
    Dimension.WEEKDAY: (
        "NULL::uuid",
        "extract(isodow FROM s.starts_at AT TIME ZONE v.zone)",
        "g.part::text",
        "''",
    ),
    Dimension.RUN: (
        _RUN_VENUE,
        _RUN,
        "coalesce(g.venue_id::text, '') || ':' || g.part",
        "concat_ws(', ', g.title, nullif(v.name, ''))",
    ),
}


# What the listings of each show at some platforms come to; at all of them, the show's own sums say it.
_AT_PLATFORMS: Final = f"""
    SELECT l.show_id, max(l.capacity) AS told_capacity,
           {", ".join(f"app.exact_sum(t.{name}) AS {name}" for name in _NAMES)}
      FROM box_office_listing l
      LEFT JOIN box_office_listing_total t ON t.organisation_id = %(organisation)s AND t.listing_id = l.id
     WHERE l.organisation_id = %(organisation)s AND l.gone_at IS NULL AND l.account_id = ANY(%(accounts)s)"""  # noqa: S608
_ANYWHERE: Final = f"""
    SELECT show_id, told_capacity, {", ".join(_NAMES)}
      FROM box_office_show_total WHERE organisation_id = %(organisation)s AND listings > 0"""  # noqa: S608


def _sales_of_shows(organisation_id: UUID, dimension: Dimension, filters: Filters) -> list[Slice]:
    """By room, weekday or run: the shows of the span with all that they sold."""
    venue, part, key, label = _PARTS[dimension]
    wide = filters.days > _MANY_DAYS
    each_show = _ANYWHERE
    if filters.platform:
        each_show = f"{_AT_PLATFORMS} {'' if wide else 'AND l.show_id = s.id'} GROUP BY l.show_id"
    question = f"""
        SELECT {key}, {label}, g.shows, coalesce(g.seats, 0)::bigint, coalesce(g.taken, 0)::bigint,
               {", ".join(f"coalesce(g.{name}, 0)::bigint" for name in _NAMES)}
          FROM (
            SELECT venue_id, part, min(title) AS title, count(*) AS shows,
                   sum(seats) FILTER (WHERE full_house) AS seats,
                   sum(sold + comps) FILTER (WHERE full_house) AS taken,
                   {", ".join(f"sum({name}) AS {name}" for name in _NAMES)}
              FROM (
                SELECT {venue} AS venue_id, {part} AS part, coalesce(nullif(s.run, ''), s.title) AS title, c.*,
                       coalesce(s.capacity, c.told_capacity, 0) AS seats,
                       NOT s.cancelled AND coalesce(s.capacity, c.told_capacity, 0) > 0 AS full_house
                  FROM box_office_show s
                  JOIN (SELECT id, app.known_zone(timezone) AS zone FROM box_office_venue
                         WHERE organisation_id = %(organisation)s OFFSET 0) v ON v.id = s.venue_id
                  JOIN LATERAL ({each_show}) c ON c.show_id = s.id
                 WHERE s.organisation_id = %(organisation)s AND s.currency = %(currency)s AND s.merged_into_id IS NULL
                   AND s.starts_at >= %(after)s AND s.starts_at < %(before)s
                   AND (s.starts_at >= %(surely_after)s AND s.starts_at < %(surely_before)s
                        OR (s.starts_at AT TIME ZONE v.zone)::date BETWEEN %(since)s AND %(until)s)
                   AND {_of_show(filters)}) shown
             GROUP BY 1, 2) g
          LEFT JOIN box_office_venue v ON v.organisation_id = %(organisation)s AND v.id = g.venue_id
         ORDER BY g.gross DESC NULLS LAST, 1 LIMIT %(most)s"""  # noqa: S608
    values = {**_values(organisation_id, filters, _accounts(organisation_id, filters)), "most": MOST_SLICES}
    with without_loops() if wide else nullcontext(), without_sorts() if wide else nullcontext():
        rows = bulk.fetch(question, values)
    slices = [
        Slice(
            key=row[0],
            label=WEEKDAYS[int(row[0]) - 1] if dimension is Dimension.WEEKDAY else row[1] or "No venue",
            figures=Figures(*row[5:]),
            shows=row[2],
            seats=row[3],
            taken=row[4],
        )
        for row in rows
    ]
    return sorted(slices, key=lambda each: each.key) if dimension is Dimension.WEEKDAY else slices


def all_of(slices: Sequence[Slice]) -> Slice:
    """The sum of slices."""
    of_shows = bool(slices) and slices[0].shows is not None
    return Slice(
        key="",
        label="Together",
        figures=total(each.figures for each in slices) if slices else NOTHING,
        shows=sum(each.shows or 0 for each in slices) if of_shows else None,
        seats=sum(each.seats or 0 for each in slices) if of_shows else None,
        taken=sum(each.taken or 0 for each in slices) if of_shows else None,
    )


_SUMS: Final = ", ".join(f"sum(d.{name})::bigint" for name in _NAMES)
_PLACED: Final = ", ".join(f"coalesce(sum(d.{name}), 0)::bigint" for name in HOURS)


def _accounts(organisation_id: UUID, filters: Filters) -> dict[UUID, str]:
    """The platforms of the accounts that the filters let through, by account."""
    rows = Account.objects.filter(organisation_id=organisation_id)
    if filters.platform:
        rows = rows.filter(platform=filters.platform)
    return dict(rows.values_list("id", "platform"))


def _days_of(filters: Filters) -> str:
    """FROM and WHERE of the days `d` that `filters` let through: those of accounts, or of a venue; where a run is
    asked for, those of its listings `l`."""
    if filters.run:
        days = f"""
          FROM box_office_show s
          JOIN box_office_listing l ON l.organisation_id = %(organisation)s AND l.show_id = s.id
          JOIN box_office_daily_total d ON d.organisation_id = %(organisation)s AND d.listing_id = l.id
         WHERE s.organisation_id = %(organisation)s AND {_of_show(filters)}
           AND l.gone_at IS NULL AND l.account_id = ANY(%(accounts)s)"""
    elif filters.venue_id is not None:
        days = """
          FROM box_office_venue_daily_total d
         WHERE d.organisation_id = %(organisation)s AND d.venue_id = %(venue)s AND d.account_id = ANY(%(accounts)s)"""
    else:
        days = """
          FROM box_office_account_daily_total d
         WHERE d.organisation_id = %(organisation)s AND d.account_id = ANY(%(accounts)s)"""
    return f"{days} AND d.currency = %(currency)s AND d.day BETWEEN %(since)s AND %(until)s"


def _of_show(filters: Filters) -> str:
    """An SQL condition on a show `s`."""
    conditions = ["s.venue_id = %(venue)s"] if filters.venue_id is not None else []
    if filters.run:
        conditions.append(f"{_RUN} = %(run)s")
    return " AND ".join(conditions) or "true"


def _values(organisation_id: UUID, filters: Filters, accounts: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "organisation": organisation_id,
        "accounts": list(accounts),
        "currency": filters.currency,
        "since": filters.since,
        "until": filters.until,
        # What can be on these days anywhere, as moments: an index is used past row-level security only by comparisons
        # of like with like.
        "after": datetime.combine(filters.since - timedelta(days=1), time(), UTC),
        "before": datetime.combine(filters.until + timedelta(days=2), time(), UTC),
        # What is on these days everywhere.
        "surely_after": datetime.combine(filters.since + timedelta(days=1), time(), UTC),
        "surely_before": datetime.combine(filters.until - timedelta(days=1), time(), UTC),
        "venue": filters.venue_id,
        "run": filters.run,
    }


def steps_between(since: date, until: date, per: Per) -> list[date]:
    """The first days of all steps that hold a day of the span."""
    found = []
    day = per.start(since)
    while day <= until:
        found.append(day)
        day = per.next(day)
    return found
