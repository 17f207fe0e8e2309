"""Shows and ledger lines as tables for a spreadsheet. Amounts are in major units, exact; times are those of the
venue, with their zone's offset."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from housecount.box_office.models import SalesEntry
from housecount.core.counting import Figures
from housecount.core.money import to_major
from housecount.invoices.exports import Cell, Column, ColumnKind, Table
from housecount.sync.queries import ShowCount
from housecount.web import words

_COUNTED = ("orders", "sold", "comps", "cancelled")
_MONEY = (
    "gross", "discounts", "refunds", "absorbed_fees", "passed_on_fees", "tax", "rebates", "extras", "net",
)  # fmt: skip
_FIGURES = (
    *(Column(name.capitalize(), ColumnKind.NUMBER) for name in _COUNTED),
    *(Column(name.replace("_", " ").capitalize(), ColumnKind.MONEY) for name in _MONEY),
)


def shows_table(counts: Iterable[ShowCount], now: datetime) -> Table:
    """One row for each show, with its figures and how fresh they are."""
    columns = (
        Column("Day", ColumnKind.DATE),
        *map(Column, ("Starts", "Show", "Venue", "City", "State", "Sold on", "Freshness")),
        Column("Capacity", ColumnKind.NUMBER),
        Column("Currency"),
        *_FIGURES,
        Column("Id"),
    )
    return Table("Shows", columns, (_show_row(count, now) for count in counts))


def _show_row(count: ShowCount, now: datetime) -> list[Cell]:
    show = count.show
    there = dict.fromkeys(each.platform for each in count.listings if each.listing.gone_at is None)
    return [
        count.starts_at.date(),
        count.starts_at.isoformat(timespec="minutes"),
        show.title,
        show.venue.name,
        show.venue.city,
        "cancelled" if show.cancelled else "on",
        ", ".join(words.platform_label(key) for key in there),
        words.show_age(count, now).words,
        count.seats,
        show.currency,
        *_figures(count.figures, show.currency),
        str(show.id),
    ]


def _figures(figures: Figures | SalesEntry, currency: str) -> list[Cell]:
    return [
        *(getattr(figures, name) for name in _COUNTED),
        *(to_major(getattr(figures, name), currency) for name in _MONEY),
    ]


def lines_table(entries: Iterable[SalesEntry], count: ShowCount) -> Table:
    """One row for each ledger line of a show: changes, which add up to its figures. Nothing of the buyers."""
    columns = (
        Column("Line", ColumnKind.NUMBER),
        *map(Column, ("Happened", "Seen", "What", "Platform", "Account", "Order", "Ticket", "Currency")),
        *_FIGURES,
    )
    sold_by = {each.listing.id: each for each in count.listings}
    zone = ZoneInfo(count.show.venue.timezone)

    def row(entry: SalesEntry) -> Sequence[Cell]:
        listing = sold_by[entry.listing_id]
        return [
            entry.sequence,
            entry.happened_at.astimezone(zone).isoformat(timespec="seconds"),
            entry.seen_at.astimezone(zone).isoformat(timespec="seconds"),
            entry.kind,
            words.platform_label(listing.platform),
            listing.account_name,
            entry.order_id,
            entry.ticket_id,
            entry.currency,
            *_figures(entry, entry.currency),
        ]

    return Table("Ledger lines", columns, map(row, entries))
