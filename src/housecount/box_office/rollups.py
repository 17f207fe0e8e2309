"""Sums of the ledger by day and by hour (`DailyTotal`, `AccountDailyTotal`, `HourlyTotal`).

With them a question about a whole season costs as much as its days, and not as much as its tickets.

Triggers of the database keep them, in the transaction that adds an entry or moves a listing. Here is what proves them
against the entries, and what writes them anew. The caller owns the transaction and the identity.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from housecount.box_office import bulk
from housecount.core.counting import Figures

# OFFSET 0: the zone is looked up once for each listing, not for each of its entries.
_LISTINGS = """
    SELECT id, app.known_zone(timezone) AS zone, gone_at IS NULL AS there FROM box_office_listing
     WHERE organisation_id = %(organisation)s AND account_id = %(account)s OFFSET 0"""
_ENTRIES = f"box_office_sales_entry e JOIN ({_LISTINGS}) l ON l.id = e.listing_id"
_OF_ACCOUNT = "e.organisation_id = %(organisation)s AND e.account_id = %(account)s"
#: A row of sums whose entries come to nothing says as much as no row.
_APART = """
    GROUP BY 1 HAVING coalesce(max(figures) FILTER (WHERE kept), {nothing})
                   <> coalesce(max(figures) FILTER (WHERE NOT kept), {nothing})
    ORDER BY 1"""


def _question(kept: str, table: str, key: str, group: str, there: str, names: Sequence[str]) -> str:
    """SQL that finds the rows of a table of sums that are not what their entries come to."""
    sums = ", ".join(f"sum(e.{name})::bigint" for name in names)
    apart = _APART.format(nothing=f"array_fill(0::bigint, ARRAY[{len(names)}])")
    return f"""
        SELECT key, max(figures) FILTER (WHERE kept), max(figures) FILTER (WHERE NOT kept) FROM (
            SELECT concat_ws(' ', {key}) AS key, true AS kept, ARRAY[{", ".join(names)}] AS figures
              FROM {table} t WHERE t.organisation_id = %(organisation)s AND {kept}
            UNION ALL
            SELECT concat_ws(' ', {group}), false, ARRAY[{sums}]
              FROM {_ENTRIES} WHERE {_OF_ACCOUNT} {there} GROUP BY 1
        ) both_sides {apart}"""  # noqa: S608


_DAY = "(e.happened_at AT TIME ZONE l.zone)::date"
_HOUR = "extract(hour FROM e.happened_at AT TIME ZONE l.zone)"
_QUESTIONS: Final = {
    "day": _question(
        f"t.listing_id IN (SELECT id FROM ({_LISTINGS}) mine)",  # noqa: S608
        "box_office_daily_total",
        "t.listing_id, t.day, t.currency",
        f"e.listing_id, {_DAY}, e.currency",
        "",
        Figures._fields,
    ),
    "account's day": _question(
        "t.account_id = %(account)s",
        "box_office_account_daily_total",
        "t.day, t.currency",
        f"{_DAY}, e.currency",
        "AND l.there",
        Figures._fields,
    ),
    "account's hour": _question(
        "t.account_id = %(account)s",
        "box_office_hourly_total",
        "t.day, t.hour, t.currency",
        f"{_DAY}, {_HOUR}, e.currency",
        "AND l.there",
        ("orders", "sold"),
    ),
}


class Unequal(NamedTuple):
    """A row of sums that is not what its entries come to. `kind` is "day" (`key`: listing, day, currency), "account's
    day" (day, currency) or "account's hour" (day, hour, currency). Figures are in the order of `Figures`, of an hour
    orders and sold alone; None where there is no row, or no entry."""

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


def write_again(organisation_id: UUID, account_id: UUID) -> None:
    """Writes the account's sums anew from its entries; nobody else adds to its ledger until the transaction ends."""
    bulk.fetch("SELECT app.roll_up_again(%s, %s)", [organisation_id, account_id])
