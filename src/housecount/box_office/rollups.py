"""Sums of the ledger by day, with the orders of each of its hours (`DailyTotal`, `AccountDailyTotal`,
`VenueDailyTotal`), and by show (`ShowTotal`).

With them a question about a whole season costs as much as its days and shows, and not as much as its tickets.

Triggers of the database keep them, in the transaction that adds an entry or moves a listing. Here is what proves them
against the entries, and what writes them anew. The caller owns the transaction and the identity.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple
from uuid import UUID

from housecount.box_office import bulk
from housecount.box_office.models_rollups import HOURS
from housecount.core.counting import Figures

#: The figures of a row of sums, in their order in `Unequal`.
NAMES: Final = (*Figures._fields, *HOURS, "listings", "told_capacity")
# OFFSET 0: the zone is looked up once for each listing, not for each of its entries.
_LISTINGS = """
    SELECT l.id, app.known_zone(l.timezone) AS zone, l.gone_at IS NULL AS there, s.venue_id
      FROM box_office_listing l JOIN box_office_show s ON s.organisation_id = l.organisation_id AND s.id = l.show_id
     WHERE l.organisation_id = %(organisation)s AND l.account_id = %(account)s OFFSET 0"""
# The account's entries on the clocks of their listings; each is put on it once, hence the second.
_ENTRIES = f"""(
    SELECT e.*, l.there, l.venue_id, e.happened_at AT TIME ZONE l.zone AS local
      FROM box_office_sales_entry e JOIN ({_LISTINGS}) l ON l.id = e.listing_id
     WHERE e.organisation_id = %(organisation)s AND e.account_id = %(account)s OFFSET 0) e"""  # noqa: S608
#: A row of sums whose entries come to nothing says as much as no row.
_APART = """
    GROUP BY 1 HAVING coalesce(max(figures) FILTER (WHERE kept), {nothing})
                   <> coalesce(max(figures) FILTER (WHERE NOT kept), {nothing})
    ORDER BY 1"""


def _question(kept: str, table: str, key: str, group: str, there: str) -> str:
    """SQL that finds the rows of a table of sums that are not what their entries come to."""
    columns = [*Figures._fields, *(f"coalesce({name}, 0)" for name in HOURS)]
    sums = [f"sum(e.{name})::bigint" for name in Figures._fields]
    sums += [
        f"coalesce(sum(e.orders) FILTER (WHERE date_part('hour', e.local) = {hour}), 0)::bigint"
        for hour in range(24)
    ]
    apart = _APART.format(nothing=f"array_fill(0::bigint, ARRAY[{len(columns)}])")
    return f"""
        SELECT key, max(figures) FILTER (WHERE kept), max(figures) FILTER (WHERE NOT kept) FROM (
            SELECT concat_ws(' ', {key}) AS key, true AS kept, ARRAY[{", ".join(columns)}] AS figures
              FROM {table} t WHERE t.organisation_id = %(organisation)s AND {kept}
            UNION ALL
            SELECT concat_ws(' ', {group}), false, ARRAY[{", ".join(sums)}]
              FROM {_ENTRIES} WHERE {there} GROUP BY 1
        ) both_sides {apart}"""  # noqa: S608


_SUMMED: Final = ", ".join(f"coalesce(sum(e.{name}), 0)::bigint" for name in Figures._fields)
_QUESTIONS: Final = {
    "day": _question(
        f"t.listing_id IN (SELECT id FROM ({_LISTINGS}) mine)",  # noqa: S608
        "box_office_daily_total",
        "t.listing_id, t.day, t.currency",
        "e.listing_id, e.local::date, e.currency",
        "true",
    ),
    "account's day": _question(
        "t.account_id = %(account)s",
        "box_office_account_daily_total",
        "t.day, t.currency",
        "e.local::date, e.currency",
        "e.there",
    ),
    "venue's day": _question(
        "t.account_id = %(account)s",
        "box_office_venue_daily_total",
        "t.venue_id, t.day, t.currency",
        "e.venue_id, e.local::date, e.currency",
        "e.there",
    ),
}


_OF_SHOW: Final = "ARRAY[{}] || array_fill(0::bigint, ARRAY[24]) || ARRAY[{}, coalesce({}, 0)]::bigint[]"
_QUESTIONS["show"] = f"""
    SELECT s.show_id::text, kept.figures, summed.figures
      FROM (SELECT DISTINCT show_id FROM box_office_listing
             WHERE organisation_id = %(organisation)s AND account_id = %(account)s) s
      LEFT JOIN (SELECT k.show_id, {_OF_SHOW.format(", ".join(Figures._fields), "listings", "told_capacity")} AS figures
                   FROM box_office_show_total k WHERE k.organisation_id = %(organisation)s) kept USING (show_id)
      LEFT JOIN (SELECT l.show_id, {_OF_SHOW.format(_SUMMED, "count(DISTINCT l.id)", "max(l.capacity)")} AS figures
                   FROM box_office_listing l LEFT JOIN box_office_sales_entry e
                     ON e.organisation_id = l.organisation_id AND e.listing_id = l.id
                  WHERE l.organisation_id = %(organisation)s AND l.gone_at IS NULL
                  GROUP BY l.show_id) summed USING (show_id)
     WHERE kept.figures IS DISTINCT FROM coalesce(summed.figures, array_fill(0::bigint, ARRAY[{len(NAMES)}]))
     ORDER BY s.show_id"""  # noqa: S608


class Unequal(NamedTuple):
    """A row of sums that is not what its entries come to. `kind` is "day" (`key`: listing, day, currency), "account's
    day" (day, currency), "venue's day" (venue, day, currency) or "show" (show), which may have listings of other
    accounts too. Figures are in the order of `NAMES`; None where there is no row, or no entry."""

    kind: str
    key: str
    kept: Sequence[int] | None
    summed: Sequence[int] | None


def unequal(organisation_id: UUID, account_id: UUID) -> Iterator[Unequal]:
    """Every row of the account's sums that differs from its entries."""
    account = {"organisation": organisation_id, "account": account_id}
    for kind, question in _QUESTIONS.items():
        for key, kept, summed in bulk.fetch(question, account):
            yield Unequal(kind, key, kept, summed)


@contextmanager
def without_loops() -> Iterator[None]:
    """Row-level security hides from the planner how many rows there are: it takes thousands of shows for one, and goes
    through the sums of all for each. Told not to, it reads both once and puts them together."""
    with _without("enable_nestloop"):
        yield


@contextmanager
def without_sorts() -> Iterator[None]:
    """For the same reason it sorts thousands of days, on disk, to add them up in a few groups. Told not to, it adds
    each to its group as it comes."""
    with _without("enable_sort"):
        yield


@contextmanager
def without_bitmaps() -> Iterator[None]:
    """For the same reason it gathers all shows of a room to sort them, where the latest few are asked for. Told not to,
    it goes through an index that has them in their order, and stops."""
    with _without("enable_bitmapscan"):
        yield


@contextmanager
def _without(step: str) -> Iterator[None]:
    bulk.run("SELECT set_config(%s, 'off', true)", [step])
    yield
    bulk.run("SELECT set_config(%s, 'on', true)", [step])


def write_again(organisation_id: UUID, account_id: UUID) -> None:
    """Writes the account's sums anew from its entries; nobody else adds to its ledger until the transaction ends."""
    bulk.fetch("SELECT app.roll_up_again(%s, %s)", [organisation_id, account_id])
    bulk.fetch("SELECT app.sum_venues(%s, %s)", [organisation_id, account_id])
    bulk.fetch(
        "SELECT app.sum_shows(organisation_id, array_agg(DISTINCT show_id)) FROM box_office_listing"
        " WHERE organisation_id = %s AND account_id = %s GROUP BY organisation_id",
        [organisation_id, account_id],
    )
