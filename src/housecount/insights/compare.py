"""Two shows beside each other, aligned by how many days each had to go. Reads only; the caller sets the identity."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.db.models import Max, Q, QuerySet, Sum
from msgspec import Struct, structs

from housecount.box_office import bulk
from housecount.box_office.models import Listing, ListingTotal, Show
from housecount.box_office.show_lists import ShowFilter, matching_shows
from housecount.box_office.show_runs import key_of, split_key
from housecount.core.counting import NOTHING, Figures

_MOST_OFFERED: Final = 12


class Curve(Struct, frozen=True, kw_only=True):
    """One show's sales so far: `sold_by` has, by days to go (0 on the day of the show, less than 0 after it), what was
    sold until the end of that day, for the days on which something changed. `today` is how many days it has to go now,
    None when it is over. `day` is that of the show at its venue; `seats` its capacity, None where it is not known."""

    show: Show
    day: date
    figures: Figures
    seats: int | None
    sold_by: Mapping[int, int]
    today: int | None

    def sold_with(self, days_to_go: int) -> int | None:
        """Sold until the end of the day with so many days to go; None for a day that has not come."""
        if self.today is not None and days_to_go < self.today:
            return None
        passed = [days for days in self.sold_by if days >= days_to_go]
        return self.sold_by[min(passed)] if passed else 0


class Point(Struct, frozen=True):
    """Both shows with `days_to_go`: sold until the end of that day; None for a day that has not come."""

    days_to_go: int
    first: int | None
    second: int | None


def curve(show: Show, now: datetime) -> Curve:
    """The sales of a show by days to go. The show's venue is read with it."""
    organisation_id = show.organisation_id
    rows = bulk.fetch(
        """
        WITH shown AS (
            SELECT (s.starts_at AT TIME ZONE z.zone)::date AS day, (%(now)s AT TIME ZONE z.zone)::date AS today
              FROM box_office_show s JOIN box_office_venue v ON v.id = s.venue_id,
                   LATERAL (SELECT app.known_zone(v.timezone) AS zone) z
             WHERE s.organisation_id = %(organisation)s AND s.id = %(show)s)
        SELECT shown.day, shown.day - shown.today, shown.day - d.day, sum(d.sold)::bigint
          FROM shown LEFT JOIN (
            box_office_listing l JOIN box_office_daily_total d
              ON d.organisation_id = l.organisation_id AND d.listing_id = l.id AND d.sold <> 0)
            ON l.organisation_id = %(organisation)s AND l.show_id = %(show)s AND l.gone_at IS NULL
         GROUP BY 1, 2, 3 ORDER BY 3 DESC NULLS LAST
        """,
        {"organisation": organisation_id, "show": show.id, "now": now},
    )
    day, today = rows[0][0], rows[0][1]
    sold, sold_by = 0, {}
    for _, _, days, change in rows:
        if days is not None:
            sold += change
            sold_by[days] = sold
    there = Q(organisation_id=organisation_id, listing__show_id=show.id, listing__gone_at=None)
    sums = ListingTotal.objects.filter(there).aggregate(
        **{f"all_{name}": Sum(name) for name in Figures._fields}
    )
    told = Listing.objects.filter(organisation_id=organisation_id, show_id=show.id, gone_at=None)
    return Curve(
        show=show,
        day=day,
        figures=Figures(*(int(sums[f"all_{name}"] or 0) for name in Figures._fields)),
        seats=show.capacity or told.aggregate(most=Max("capacity"))["most"] or None,
        sold_by=sold_by,
        today=today if today >= 0 else None,
    )


def align(first: Curve, second: Curve) -> list[Point]:
    """Both curves by days to go, from the first sale of either to the last change of either, with no day left out
    between."""
    days = [*first.sold_by, *second.sold_by]
    if not days:
        return []
    last = min(0, *days)
    return [
        Point(left, first.sold_with(left), second.sold_with(left)) for left in range(max(days), last - 1, -1)
    ]


def nothing_like(other: Curve) -> Curve:
    """A curve to align `other` with where there is no second show: it sold nothing."""
    return structs.replace(other, figures=NOTHING, sold_by={})


def ahead(first: Curve, second: Curve) -> str:
    """Which of the two had sold more when both had as long to go as the one that has longer to go now."""
    left = max(0 if each.today is None else each.today for each in (first, second))
    mine, theirs = first.sold_with(left) or 0, second.sold_with(left) or 0
    then = "by the day of the show" if left == 0 else f"with {left} day{'s' if left > 1 else ''} to go"
    if mine == theirs:
        return f"Both had sold {mine:,} {then}."
    more, less = max(mine, theirs), min(mine, theirs)
    which = "first" if mine > theirs else "second"
    return f"The {which} is ahead by {more - less:,}: {more:,} against {less:,} {then}."


def offered(organisation_id: UUID, text: str, beside: Show | None, now: datetime) -> list[Show]:
    """Shows to choose from, with their venues: those that fit all words of `text`, the nearest to now first; without
    any, those of the run of `beside`, then of its venue, the latest first; where there are none, any."""
    shows = matching_shows(organisation_id, ShowFilter(text=text)).select_related("venue")
    if beside is None or text:
        return _near(shows if beside is None else shows.exclude(pk=beside.pk), now)
    others = shows.exclude(pk=beside.pk)
    found: list[Show] = []
    if key := key_of(beside):
        venue_id, run = split_key(key)
        of_run = matching_shows(organisation_id, ShowFilter(venue_id=venue_id, run=run))
        found = list(others.filter(pk__in=of_run.values("pk")).order_by("-starts_at", "id")[:_MOST_OFFERED])
    if len(found) < _MOST_OFFERED:
        here = others.filter(venue_id=beside.venue_id).exclude(pk__in=[show.pk for show in found])
        found += here.order_by("-starts_at", "id")[: _MOST_OFFERED - len(found)]
    return found or _near(others, now)


def _near(shows: QuerySet[Show], now: datetime) -> list[Show]:
    """Those nearest to now, in either direction."""
    before = shows.filter(starts_at__lt=now).order_by("-starts_at", "id")[:_MOST_OFFERED]
    after = shows.filter(starts_at__gte=now).order_by("starts_at", "id")[:_MOST_OFFERED]
    return sorted([*before, *after], key=lambda show: abs(show.starts_at - now))[:_MOST_OFFERED]
