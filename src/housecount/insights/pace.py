"""Whether a show sells quicker or slower than comparable ones did. Reads only; the caller sets the identity.

Comparable are earlier shows at the same venue that were not cancelled: those of the same run (the same title) where
there are enough; else those on the same weekday; else all of them. The latest few count, by the ledger's sums by day.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from housecount.box_office import bulk
from housecount.box_office.rollups import without_loops
from housecount.core.pace import LEAST, Sold, expect, percent

#: So many of the comparable shows are looked at, the latest first.
_MOST = 7
#: Among so many of the venue's shows before it are they looked for.
_LOOKED_AMONG = 150

# One row per comparable show of each wanted one, and at least one row each. A show that began is compared with what
# the others sold in the end. A day of the show itself is over when it begins.
_QUESTION = """
WITH wanted AS MATERIALIZED (
    SELECT s.id, s.venue_id, s.starts_at, lower(btrim(s.title)) AS title, app.known_zone(v.timezone) AS zone,
           s.starts_at <= %(now)s AS begun,
           coalesce((SELECT k.sold FROM box_office_show_total k
                      WHERE k.organisation_id = %(organisation)s AND k.show_id = s.id), 0) AS sold
      FROM box_office_show s JOIN box_office_venue v ON v.id = s.venue_id
     WHERE s.organisation_id = %(organisation)s AND s.id = ANY(%(shows)s)),
timed AS MATERIALIZED (
    SELECT w.*, w.starts_at AT TIME ZONE w.zone AS local_start, %(now)s AT TIME ZONE w.zone AS local_now,
           least(w.starts_at, %(now)s) AS cut
      FROM wanted w),
-- Of most wanted shows of a venue, the same shows came before.
earlier AS MATERIALIZED (
    SELECT v.venue_id, v.cut, o.id, o.starts_at, lower(btrim(o.title)) AS title,
           (o.starts_at AT TIME ZONE v.zone)::date AS day
      FROM (SELECT DISTINCT venue_id, cut, zone FROM timed) v CROSS JOIN LATERAL (
        SELECT o.id, o.starts_at, o.title FROM box_office_show o
         WHERE o.organisation_id = %(organisation)s AND o.venue_id = v.venue_id
           AND o.starts_at < v.cut AND o.merged_into_id IS NULL AND NOT o.cancelled
         ORDER BY o.starts_at DESC LIMIT %(among)s) o),
beside AS MATERIALIZED (
    SELECT w.id AS wanted_id, w.begun, w.local_start::date - w.local_now::date AS to_go, e.id, e.starts_at,
           e.day AS its_day, e.title = w.title AS same_run,
           extract(isodow FROM e.day) = extract(isodow FROM w.local_start) AS same_weekday
      FROM timed w JOIN earlier e ON e.venue_id = w.venue_id AND e.cut = w.cut),
bases AS MATERIALIZED (
    SELECT wanted_id, CASE WHEN count(*) FILTER (WHERE same_run) >= %(least)s THEN 1
                           WHEN count(*) FILTER (WHERE same_weekday) >= %(least)s THEN 2
                           ELSE 3 END AS basis
      FROM beside GROUP BY wanted_id),
alike AS MATERIALIZED (
    SELECT * FROM (
        SELECT b.wanted_id, c.basis, b.id, CASE WHEN b.begun THEN 'infinity'::date ELSE b.its_day - b.to_go END AS day,
               row_number() OVER (PARTITION BY b.wanted_id ORDER BY b.starts_at DESC) AS place
          FROM beside b JOIN bases c ON c.wanted_id = b.wanted_id
         WHERE CASE c.basis WHEN 1 THEN b.same_run WHEN 2 THEN b.same_weekday ELSE true END) r
     WHERE r.place <= %(most)s)
SELECT w.id, w.sold, w.begun, (w.local_start::date - w.local_now::date),
       extract(hour FROM w.local_now)::int * 60 + extract(minute FROM w.local_now)::int,
       extract(hour FROM w.local_start)::int * 60 + extract(minute FROM w.local_start)::int, a.basis, a.id, a.day::text
  FROM timed w LEFT JOIN alike a ON a.wanted_id = w.id
"""
# What shows had sold before a day each, and on it: all that they sold, less what they sold since. The days since are
# fewer than those before, where sales have begun long ago. A question of its own: these few are looked up, those above
# are not.
_SOLD = """
SELECT a.id, a.day::text,
       coalesce((SELECT k.sold FROM box_office_show_total k
                  WHERE k.organisation_id = %(organisation)s AND k.show_id = a.id), 0) - coalesce(s.since, 0),
       coalesce(s.on_the_day, 0)
  FROM unnest(%(shows)s::uuid[], %(days)s::date[]) a(id, day)
  CROSS JOIN LATERAL (
    SELECT sum(d.sold)::bigint AS since, sum(d.sold) FILTER (WHERE d.day = a.day)::bigint AS on_the_day
      FROM box_office_listing l JOIN box_office_daily_total d
        ON d.organisation_id = %(organisation)s AND d.listing_id = l.id AND d.day >= a.day
     WHERE l.organisation_id = %(organisation)s AND l.show_id = a.id AND l.gone_at IS NULL) s
"""
_BASES = {1: "of this run", 2: "here on the same weekday", 3: "at this venue"}


class Pace(Struct, frozen=True):
    """What a show should have sold by now. `ratio_percent`: what it did sell, of that; None where there is nothing
    to compare with. `compared_with`: so many shows. `sentence` says it all."""

    expected_sold: int
    ratio_percent: int | None
    compared_with: int
    sentence: str


def pace(organisation_id: UUID, show_ids: Collection[UUID], now: datetime) -> dict[UUID, Pace]:
    """The pace of each of these shows, by id; one that is not there is left out. Two queries for all of them."""
    if not show_ids:
        return {}
    with without_loops():
        found = bulk.fetch(
            _QUESTION,
            {
                "organisation": organisation_id,
                "shows": list(show_ids),
                "now": now,
                "least": LEAST,
                "most": _MOST,
                "among": _LOOKED_AMONG,
            },
        )
    rows: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for row in found:
        rows[row[0]].append(row)
    sold = _sold(organisation_id, {(other, day) for *_, other, day in found if other is not None})
    return {show_id: _pace(each, sold) for show_id, each in rows.items()}


def _sold(organisation_id: UUID, wanted: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], Sold]:
    """What each show had sold by a day, which may be "infinity"."""
    if not wanted:
        return {}
    values = {
        "organisation": organisation_id,
        "shows": [show_id for show_id, _ in wanted],
        "days": [day for _, day in wanted],
    }
    return {(show_id, day): Sold(*sums) for show_id, day, *sums in bulk.fetch(_SOLD, values)}


def _pace(rows: Iterable[tuple[Any, ...]], sold_by: Mapping[tuple[UUID, str], Sold]) -> Pace:
    """The pace of one show, from its rows of the question."""
    comparable = []
    for row in rows:
        _, sold, begun, days, minute, start, basis, other, day = row
        if basis is not None:
            comparable.append(sold_by[other, day])
    whole = max(start, 1) if days == 0 else 24 * 60
    expected, shows = expect(comparable, minute, whole)
    if expected is None:
        said = {0: "no earlier show", 1: "one earlier show"}.get(shows, f"{shows} earlier shows")
        return Pace(0, None, shows, f"No comparison: {said} at this venue, and it takes {LEAST}.")
    ratio = percent(sold, expected)
    then = "in the end" if begun else f"with {_days(days)} to go"
    others = f"{shows} earlier shows {_BASES[basis]}"
    if ratio is None:
        return Pace(0, None, shows, f"{sold:,} sold; {others} had sold none {then}.")
    return Pace(expected, ratio, shows, f"{_lead(ratio)}: {others} had sold {expected:,} {then} (median).")


def _days(days: int) -> str:
    if days == 0:
        return "hours"
    return "1 day" if days == 1 else f"{days} days"


def _lead(ratio: int) -> str:
    if ratio == 100:
        return "On pace"
    return f"{ratio - 100}% ahead" if ratio > 100 else f"{100 - ratio}% behind"
