"""Whether a show sells quicker or slower than comparable ones did. Reads only; the caller sets the identity.

Comparable are earlier shows at the same venue that were not cancelled: those of the same run where
there are enough; else those on the same weekday; else all of them. The latest few count, by the ledger's sums by day.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import Struct

from housecount.box_office import bulk
from housecount.box_office.rollups import without_bitmaps
from housecount.box_office.show_runs import run_sql
from housecount.core.pace import LEAST, Sold, expect, percent

#: So many of the comparable shows are looked at, the latest first.
_MOST = 7
#: Among so many of the venue's shows before it are they looked for.
_LOOKED_AMONG = 150

#: Days are counted from this one, a Monday.
_FIRST: Final = date(2001, 1, 1)

# The shows that are asked for, on the clocks of their venues.
_WANTED = f"""
SELECT id, venue_id, run, starts_at, zone, sold, local_start::date - date '{_FIRST}', local_now::date - date '{_FIRST}',
       date_part('hour', local_now)::int * 60 + date_part('minute', local_now)::int,
       date_part('hour', local_start)::int * 60 + date_part('minute', local_start)::int
  FROM (SELECT w.*, w.starts_at AT TIME ZONE w.zone AS local_start, %(now)s AT TIME ZONE w.zone AS local_now
          FROM (SELECT s.id, s.venue_id, {run_sql("s")} AS run, s.starts_at, app.known_zone(v.timezone) AS zone,
                       coalesce(k.sold, 0) AS sold
                  FROM box_office_show s
                  JOIN box_office_venue v ON v.organisation_id = s.organisation_id AND v.id = s.venue_id
                  LEFT JOIN box_office_show_total k ON k.organisation_id = s.organisation_id AND k.show_id = s.id
                 WHERE s.organisation_id = %(organisation)s AND s.id = ANY(%(shows)s) OFFSET 0) w) timed
"""  # noqa: S608 - our own expressions
# The latest shows of each venue before a moment: of most wanted shows of a venue, the same ones came before.
_EARLIER = f"""
SELECT v.place, o.id::text, (o.starts_at AT TIME ZONE v.zone)::date - date '{_FIRST}', o.run
  FROM unnest(%(venues)s::uuid[], %(moments)s::timestamptz[], %(zones)s::text[])
       WITH ORDINALITY v(venue_id, moment, zone, place)
 CROSS JOIN LATERAL (
    SELECT o.id, o.starts_at, {run_sql("o")} AS run FROM box_office_show o
     WHERE o.organisation_id = %(organisation)s AND o.venue_id = v.venue_id AND o.starts_at < v.moment
       AND o.merged_into_id IS NULL AND NOT o.cancelled
     ORDER BY o.starts_at DESC LIMIT %(among)s) o
 ORDER BY v.place, o.starts_at DESC
"""  # noqa: S608 - our own expressions
# What shows had sold before a day each, and on it: all that they sold, less what they sold since. The days since are
# fewer than those before, where sales have begun long ago. Of a show that began we ask for all that others sold.
_SOLD = """
SELECT a.place,
       coalesce((SELECT k.sold FROM box_office_show_total k
                  WHERE k.organisation_id = %(organisation)s AND k.show_id = a.id), 0) - coalesce(s.since, 0),
       coalesce(s.on_the_day, 0)
  FROM unnest(%(shows)s::uuid[], %(days)s::date[]) WITH ORDINALITY a(id, day, place)
  CROSS JOIN LATERAL (
    SELECT app.exact_sum(d.sold) AS since, app.exact_sum(d.sold) FILTER (WHERE d.day = a.day) AS on_the_day
      FROM box_office_listing l JOIN box_office_daily_total d
        ON d.organisation_id = %(organisation)s AND d.listing_id = l.id AND d.day >= a.day
     WHERE l.organisation_id = %(organisation)s AND l.show_id = a.id AND l.gone_at IS NULL) s
"""


class _Wanted(NamedTuple):
    """A show that is asked for. `day`, `today`: its day and this one, since `_FIRST`, on its venue's clock; `minute`,
    `start`: of the day, now and when it begins."""

    id: UUID
    venue_id: UUID
    run: str
    starts_at: datetime
    zone: str
    sold: int
    day: int
    today: int
    minute: int
    start: int


class _Other(NamedTuple):
    """An earlier show, and its day since `_FIRST`."""

    id: str
    day: int


class _Earlier:
    """The shows that a venue had before a moment, the latest first."""

    def __init__(self) -> None:
        self.all: list[_Other] = []
        self.by_weekday: dict[int, list[_Other]] = defaultdict(list)
        self.by_run: dict[str, list[_Other]] = defaultdict(list)

    def add(self, other: _Other, run: str) -> None:
        self.all.append(other)
        self.by_weekday[other.day % 7].append(other)
        self.by_run[run].append(other)

    def like(self, show: _Wanted) -> tuple[str, list[_Other]]:
        """What they have in common with the show, and the latest of them."""
        of_run, of_weekday = self.by_run.get(show.run, []), self.by_weekday.get(show.day % 7, [])
        if len(of_run) >= LEAST:
            return "of this run", of_run[:_MOST]
        if len(of_weekday) >= LEAST:
            return "here on the same weekday", of_weekday[:_MOST]
        return "at this venue", self.all[:_MOST]


class Pace(Struct, frozen=True):
    """What a show should have sold by now. `ratio_percent`: what it did sell, of that; None where there is nothing
    to compare with. `compared_with`: so many shows. `sentence` says it all."""

    expected_sold: int
    ratio_percent: int | None
    compared_with: int
    sentence: str


def pace(organisation_id: UUID, show_ids: Collection[UUID], now: datetime) -> dict[UUID, Pace]:
    """The pace of each of these shows, by id; one that is not there is left out. Three queries for all of them."""
    if not show_ids:
        return {}
    values = {"organisation": organisation_id, "shows": list(show_ids), "now": now}
    wanted = [_Wanted(*row) for row in bulk.fetch(_WANTED, values)]
    earlier = _earlier(organisation_id, wanted, now)
    alike = {show.id: earlier[show.venue_id, min(show.starts_at, now)].like(show) for show in wanted}
    asked = {(other.id, _day(show, other, now)) for show in wanted for other in alike[show.id][1]}
    sold = _sold(organisation_id, list(asked))
    return {
        show.id: _pace(show, now, basis, [sold[other.id, _day(show, other, now)] for other in others])
        for show in wanted
        for basis, others in [alike[show.id]]
    }


def _earlier(
    organisation_id: UUID, wanted: Iterable[_Wanted], now: datetime
) -> dict[tuple[UUID, datetime], _Earlier]:
    """What came before each show, by its venue and by when it began, at the latest now."""
    zones = {(show.venue_id, min(show.starts_at, now)): show.zone for show in wanted}
    found = [_Earlier() for _ in zones]
    values = {
        "organisation": organisation_id,
        "venues": [venue_id for venue_id, _ in zones],
        "moments": [moment for _, moment in zones],
        "zones": list(zones.values()),
        "among": _LOOKED_AMONG,
    }
    with without_bitmaps():
        for place, show_id, day, run in bulk.fetch(_EARLIER, values):
            found[place - 1].add(_Other(show_id, day), run)
    return dict(zip(zones, found, strict=True))


def _day(show: _Wanted, other: _Other, now: datetime) -> str:
    """The day on which the other show had as many days to go, for the database; "infinity" when the show began."""
    return (
        "infinity"
        if show.starts_at <= now
        else str(_FIRST + timedelta(days=other.day - (show.day - show.today)))
    )


def _sold(organisation_id: UUID, asked: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Sold]:
    """What each show had sold by a day, which may be "infinity"."""
    if not asked:
        return {}
    values = {
        "organisation": organisation_id,
        "shows": [show_id for show_id, _ in asked],
        "days": [day for _, day in asked],
    }
    return {asked[place - 1]: Sold(*sums) for place, *sums in bulk.fetch(_SOLD, values)}


def _pace(show: _Wanted, now: datetime, basis: str, comparable: Sequence[Sold]) -> Pace:
    """The pace of one show beside what others had sold, which have `basis` in common with it."""
    days = show.day - show.today
    whole = max(show.start, 1) if days == 0 else 24 * 60
    expected, shows = expect(comparable, show.minute, whole)
    if expected is None:
        said = {0: "no earlier show", 1: "one earlier show"}.get(shows, f"{shows} earlier shows")
        return Pace(0, None, shows, f"No comparison: {said} at this venue, and it takes {LEAST}.")
    ratio = percent(show.sold, expected)
    then = "in the end" if show.starts_at <= now else f"with {_days(days)} to go"
    others = f"{shows} earlier shows {basis}"
    if ratio is None:
        return Pace(0, None, shows, f"{show.sold:,} sold; {others} had sold none {then}.")
    return Pace(expected, ratio, shows, f"{_lead(ratio)}: {others} had sold {expected:,} {then} (median).")


def _days(days: int) -> str:
    if days == 0:
        return "hours"
    return "1 day" if days == 1 else f"{days} days"


def _lead(ratio: int) -> str:
    if ratio == 100:
        return "On pace"
    return f"{ratio - 100}% ahead" if ratio > 100 else f"{100 - ratio}% behind"
