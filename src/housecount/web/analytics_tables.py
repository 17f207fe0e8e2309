"""The analytics pages as tables for a spreadsheet. Amounts are in major units, exact; shares are in percent, with one
decimal."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from housecount.core.counting import Figures
from housecount.core.money import to_major
from housecount.insights.compare import Curve, Point
from housecount.insights.queries import WEEKDAYS, Hours, Slice, fees_share, refunds_rate
from housecount.invoices.exports import Cell, Column, ColumnKind, Table
from housecount.web.analytics_charts import Row
from housecount.web.words import platform_label

_COUNTED = ("orders", "sold", "comps", "cancelled")
_MONEY = (
    "gross", "discounts", "refunds", "absorbed_fees", "passed_on_fees", "tax", "rebates", "extras", "net",
)  # fmt: skip
_FIGURES = (
    Column("Currency"),
    *(Column(name.capitalize(), ColumnKind.NUMBER) for name in _COUNTED),
    *(Column(name.replace("_", " ").capitalize(), ColumnKind.MONEY) for name in _MONEY),
    Column("Fees, % of gross", ColumnKind.NUMBER),
    Column("Given back, %", ColumnKind.NUMBER),
)


def days_table(rows: Iterable[Row], currency: str) -> Table:
    """One row for each step, with what was sold in the step it is compared with."""
    columns = (
        Column("From", ColumnKind.DATE), Column("When"), *_FIGURES, Column("Sold before", ColumnKind.NUMBER),
    )  # fmt: skip
    found = (
        [
            row.day,
            row.label,
            *_figures(row.figures, currency),
            None if row.before is None else row.before.sold,
        ]
        for row in rows
    )
    return Table("Sales by day", columns, found)


def platforms_table(slices: Iterable[Slice], currency: str) -> Table:
    """One row for each platform."""
    rows = ([platform_label(each.key), *_figures(each.figures, currency)] for each in slices)
    return Table("Sales by platform", (Column("Platform"), *_FIGURES), rows)


def shows_table(title: str, slices: Iterable[Slice], currency: str) -> Table:
    """One row for each room, weekday or run; `title` says which."""
    columns = (
        Column(title),
        *(Column(name, ColumnKind.NUMBER) for name in ("Shows", "Seats", "Taken", "Sell-through, %")),
        *_FIGURES,
    )
    rows = (
        [
            each.label,
            each.shows,
            each.seats,
            each.taken,
            _percent(each.sell_through),
            *_figures(each.figures, currency),
        ]
        for each in slices
    )
    return Table(f"Sales by {title.lower()}", columns, rows)


def hours_table(hours: Hours) -> Table:
    """One row for each weekday."""
    columns = (
        Column("Weekday"), *(Column(f"{hour:02}:00", ColumnKind.NUMBER) for hour in range(24)),
    )  # fmt: skip
    return Table(
        "Orders by hour", columns, ([day, *row] for day, row in zip(WEEKDAYS, hours.orders, strict=True))
    )


def compare_table(points: Sequence[Point], first: Curve, second: Curve | None) -> Table:
    """One row for each number of days to go."""
    names = [f"{each.show.title} ({each.day.isoformat()})" for each in (first, second) if each is not None]
    columns = (
        Column("Days to go", ColumnKind.NUMBER),
        *(Column(f"{name}: sold so far", ColumnKind.NUMBER) for name in names),
    )
    rows = ([point.days_to_go, point.first, point.second][: len(columns)] for point in points)
    return Table("Two shows", columns, rows)


def _figures(figures: Figures, currency: str) -> list[Cell]:
    return [
        currency,
        *(getattr(figures, name) for name in _COUNTED),
        *(to_major(getattr(figures, name), currency) for name in _MONEY),
        _percent(fees_share(figures)),
        _percent(refunds_rate(figures)),
    ]


def _percent(thousandths: int | None) -> Decimal | None:
    return None if thousandths is None else Decimal(thousandths).scaleb(-1)
