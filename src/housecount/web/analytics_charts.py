"""What the analytics pages show, ready to be drawn and written: series for `chart.js`, figures with how they changed,
the shades of the heat map."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final, NamedTuple

from housecount.core.counting import NOTHING, Figures, total
from housecount.core.money import exponent
from housecount.insights.compare import Curve, Point
from housecount.insights.filters import Filters, Per
from housecount.insights.queries import Hours, Step, fees_share, refunds_rate, steps_between, thousandths
from housecount.web import words
from housecount.web.words import platform_label, platform_slot

_SHADES: Final = 6


class Stat(NamedTuple):
    """One figure on top of a page; `change` says how it changed, "" where nothing is compared."""

    label: str
    value: str
    change: str


class Row(NamedTuple):
    """One step of a time series: what was sold, and what in the step it is compared with (None: with nothing)."""

    day: date
    label: str
    figures: Figures
    before: Figures | None


class Heat(NamedTuple):
    """One hour of the week: orders, and how dark it is, from 0 to `_SHADES`."""

    hour: int
    orders: int
    shade: int


def percent(value: int | None) -> str:
    """Thousandths as people read them: "7.4%"; a dash for none."""
    return "–" if value is None else f"{value // 10}.{value % 10}%"


def stats(now: Figures, before: Figures | None, currency: str) -> list[Stat]:
    """The figures of a span beside those of the one before."""

    def counted(label: str, name: str) -> Stat:
        mine = getattr(now, name)
        return Stat(label, f"{mine:,}", _grown(mine, None if before is None else getattr(before, name)))

    def paid(label: str, name: str) -> Stat:
        mine = getattr(now, name)
        return Stat(
            label,
            words.money(mine, currency),
            _grown(mine, None if before is None else getattr(before, name)),
        )

    def share(label: str, mine: int | None, theirs: int | None) -> Stat:
        said = "" if before is None or mine is None or theirs is None else f"{_points(mine - theirs)} points"
        return Stat(label, percent(mine), said)

    fees_before = fees_share(before) if before else None
    refunds_before = refunds_rate(before) if before else None
    return [
        counted("Sold", "sold"),
        counted("Orders", "orders"),
        paid("Gross", "gross"),
        paid("Net", "net"),
        share("Fees, of gross", fees_share(now), fees_before),
        share("Given back", refunds_rate(now), refunds_before),
    ]


def _points(value: int) -> str:
    sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else "±"
    return f"{sign}{abs(value) // 10}.{abs(value) % 10}"


def _grown(mine: int, theirs: int | None) -> str:
    """By how much it grew, in percent; in absolute terms there is nothing to say of a growth from nothing."""
    if theirs is None:
        return ""
    if theirs <= 0:
        return "nothing before" if mine else "as before"
    grown = thousandths(abs(mine - theirs), theirs) or 0
    if grown == 0:
        return "as before"
    sign = "+" if mine > theirs else "\N{MINUS SIGN}"
    return f"{sign}{grown // 10:,}.{grown % 10}%"


def rows(
    steps: Sequence[Step], before: Sequence[Step] | None, filters: Filters, earlier: Filters | None
) -> list[Row]:
    """Every step of the span, all platforms together, each beside the step as far from the beginning of the other
    span."""
    per = filters.per
    mine = _by_day(steps)
    theirs = None if before is None else _by_day(before)
    other = [] if earlier is None else steps_between(earlier.since, earlier.until, per)
    found = []
    for place, day in enumerate(steps_between(filters.since, filters.until, per)):
        then = None
        if theirs is not None:
            then = theirs.get(other[place], NOTHING) if place < len(other) else NOTHING
        found.append(Row(day, step_label(day, per), mine.get(day, NOTHING), then))
    return found


def _by_day(steps: Sequence[Step]) -> Mapping[date, Figures]:
    found: dict[date, Figures] = {}
    for step in steps:
        found[step.day] = found.get(step.day, NOTHING).plus(step.figures)
    return found


def step_label(day: date, per: Per) -> str:
    """A step in words."""
    if per is Per.MONTH:
        return f"{day:%B %Y}"
    text = f"{day.day} {day:%b %Y}"
    return f"Week of {text}" if per is Per.WEEK else f"{day:%a} {text}"


def sold_chart(rows: Sequence[Row], compared: str) -> dict[str, Any]:
    """Tickets sold in each step, beside those of the other span."""
    series = [_series("Sold", "accent", [row.figures.sold for row in rows])]
    if any(row.before is not None for row in rows):
        then = [(row.before or NOTHING).sold for row in rows]
        series.append({**_series(f"Sold {compared}", "soft", then), "dashed": True})
    return {**_time(rows), "series": series, "area": len(series) == 1}


def money_chart(rows: Sequence[Row], currency: str) -> dict[str, Any]:
    """Gross against net in each step."""
    return {
        **_time(rows),
        **_money(currency),
        "series": [
            _series("Gross", "accent", [row.figures.gross for row in rows]),
            _series("Net", "2", [row.figures.net for row in rows]),
        ],
    }


def platform_chart(steps: Sequence[Step], filters: Filters) -> dict[str, Any]:
    """Gross of each step by platform, one on the other."""
    days = steps_between(filters.since, filters.until, filters.per)
    platforms = sorted({step.platform for step in steps}, key=platform_slot)
    found = {(step.day, step.platform): step.figures.gross for step in steps}
    return {
        "kind": "time",
        "x": [_moment(day) for day in days],
        "stacked": True,
        "bars": True,
        **_money(filters.currency),
        "series": [
            _series(platform_label(key), str(platform_slot(key)), [found.get((day, key), 0) for day in days])
            for key in platforms
        ],
    }


def compare_chart(points: Sequence[Point], first: Curve, second: Curve | None) -> dict[str, Any]:
    """Both shows by days to go, the show on the right."""
    ordered = points[::-1]
    series = [_series(_show_label(first), "accent", [point.first for point in ordered])]
    if second is not None:
        series.append(
            {**_series(_show_label(second), "2", [point.second for point in ordered]), "dashed": True}
        )
    return {
        "kind": "number",
        "x": [point.days_to_go for point in ordered],
        "reversed": True,
        "x_label": "days to go",
        "series": series,
    }


def _show_label(curve: Curve) -> str:
    return f"{curve.show.title}, {curve.day.day} {curve.day:%b %Y}"


def _series(label: str, slot: str, values: Sequence[int | None]) -> dict[str, Any]:
    return {"label": label, "slot": slot, "values": list(values)}


def _time(rows: Sequence[Row]) -> dict[str, Any]:
    return {"kind": "time", "x": [_moment(row.day) for row in rows]}


def _money(currency: str) -> dict[str, Any]:
    return {"currency": currency, "decimals": exponent(currency)}


def _moment(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def sketch(values: Sequence[int]) -> str:
    """Columns as an SVG path in a box of 1000 by 100: what stands where the chart is not drawn."""
    most = max([*values, 1])
    width = 1000 / max(len(values), 1)
    parts = []
    for place, value in enumerate(values):
        left, right = place * width + width * 0.15, (place + 1) * width - width * 0.15
        parts.append(f"M{left:.1f},100V{100 - max(value, 0) * 100 / most:.1f}H{right:.1f}V100Z")
    return "".join(parts)


def bar(value: int | None, most: int) -> int:
    """How much of a bar of 1000 is filled."""
    return 0 if not value or most <= 0 else min(1000, max(0, value) * 1000 // most)


def heat(found: Hours) -> list[list[Heat]]:
    """The rows of the heat map, Monday first."""
    most = max(found.most, 1)
    return [
        [Heat(hour, orders, -(-max(orders, 0) * _SHADES // most)) for hour, orders in enumerate(row)]
        for row in found.orders
    ]


def together(steps: Sequence[Step]) -> Figures:
    """The sum of all steps."""
    return total(step.figures for step in steps)
