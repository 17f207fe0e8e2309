"""Geometry of the pictures on pages: bars and sales curves, as numbers for inline SVG. Nothing here is money."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from housecount.box_office.queries import DayCount
from housecount.web.words import platform_label, platform_slot

WIDTH, HEIGHT = 800, 240
SPARK_STEP, SPARK_HEIGHT = 5, 20


class Share(Struct, frozen=True):
    """One platform's part of a bar of 1000 units, with the words for it."""

    label: str
    slot: int
    count: int
    x: int
    width: int


class Bar(NamedTuple):
    """How full a house is. `percent` is None where no capacity is known; `over` is what was sold beyond it."""

    shares: tuple[Share, ...]
    taken: int
    capacity: int | None
    percent: int | None
    over: int


class Spark(NamedTuple):
    """A small picture of the last days as SVG paths: a column for each, `SPARK_HEIGHT` high at most and `SPARK_STEP`
    apart. `last` is the one that goes on, `before` all others."""

    before: str
    last: str


class Band(NamedTuple):
    """One platform in a sales curve: an area and its upper edge as SVG paths, and its last sum."""

    label: str
    slot: int
    area: str
    edge: str
    total: int


class Day(NamedTuple):
    """A day on which something changed: the sums at its end by platform, in the order of the bands.

    `began`, `x`: where on the axis it begins and ends.
    """

    day: date
    sums: tuple[int, ...]
    total: int
    change: int
    began: float
    x: float


class Mark(NamedTuple):
    """Something that happened on a day of the curve; `kind` is sale, price, refund or show."""

    day: date
    kind: str
    label: str


class Curve(NamedTuple):
    """Cumulative sales, stacked by platform. `marks` are the axis labels from top to bottom."""

    bands: tuple[Band, ...]
    days: tuple[Day, ...]
    first: date
    last: date
    marks: tuple[int, int, int]
    capacity_y: float | None


def bar(taken_by_platform: Mapping[str, int], capacity: int | None) -> Bar:
    """A bar of the admissions each platform holds, out of `capacity` (or of their sum, where none is known)."""
    parts = sorted(
        ((key, count) for key, count in taken_by_platform.items() if count > 0),
        key=lambda part: platform_slot(part[0]),
    )
    taken = sum(count for _, count in parts)
    whole = max(capacity or 0, taken, 1)
    shares = []
    before = 0
    for key, count in parts:
        x, end = before * 1000 // whole, (before + count) * 1000 // whole
        shares.append(Share(platform_label(key), platform_slot(key), count, x, max(end - x, 4)))
        before += count
    return Bar(
        shares=tuple(shares),
        taken=taken,
        capacity=capacity,
        percent=taken * 100 // capacity if capacity else None,
        over=max(0, taken - capacity) if capacity else 0,
    )


def spark(days: Sequence[int]) -> Spark:
    """A column for each day, as high as what was sold; a day without sales, or with more given back, is a dot."""
    most = max(1, *days)
    heights = [max(1, -(-max(0, count) * SPARK_HEIGHT // most)) for count in days]
    columns = [
        f"M{at * SPARK_STEP} {SPARK_HEIGHT}v-{height}h{SPARK_STEP - 1}v{height}z"
        for at, height in enumerate(heights)
    ]
    return Spark("".join(columns[:-1]), columns[-1])


def curve(
    counts: Sequence[DayCount], platform_of: Mapping[UUID, str], *, until: date, capacity: int | None
) -> Curve | None:
    """The sales curve up to `until` (or the last sale); None where nothing was ever sold."""
    changes: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for count in counts:
        if count.sold:
            changes[count.day][platform_of[count.listing_id]] += count.sold
    if not changes:
        return None
    keys = sorted({key for day in changes.values() for key in day}, key=platform_slot)
    first = min(changes) - timedelta(days=1)
    last = max(until, *changes)
    span = max((last - first).days, 1)
    sums = dict.fromkeys(keys, 0)
    days = []
    for day in sorted(changes):
        for key, change in changes[day].items():
            sums[key] += change
        began, ended = ((day - first).days * WIDTH / span for first in (first + timedelta(days=1), first))
        change = sum(changes[day].values())
        days.append(Day(day, tuple(sums.values()), sum(sums.values()), change, began, ended))
    peak = max(day.total for day in days)
    show_capacity = capacity is not None and capacity <= 3 * peak
    top = _round_up(max(peak, capacity or 0) if show_capacity else peak)
    bands = []
    floor = [0] * len(days)
    for index, key in enumerate(keys):
        ceiling = [below + day.sums[index] for below, day in zip(floor, days, strict=True)]
        upper = _steps(days, ceiling, top)
        lower = _steps(days, floor, top)
        bands.append(
            Band(
                label=platform_label(key),
                slot=platform_slot(key),
                area=f"M{_path(upper)}L{_path(lower[::-1])}Z",
                edge=f"M{_path(upper)}",
                total=days[-1].sums[index],
            )
        )
        floor = ceiling
    return Curve(
        bands=tuple(bands),
        days=tuple(days),
        first=first,
        last=last,
        marks=(top, top // 2, 0),
        capacity_y=HEIGHT - capacity * HEIGHT / top if show_capacity and capacity else None,
    )


def plot(made: Curve, marks: Sequence[Mark], capacity: int | None) -> dict[str, object]:
    """The curve as `chart.js` draws it: every day from the first to the last, as midnights of UTC."""
    days = [made.first + timedelta(days=number) for number in range((made.last - made.first).days + 1)]
    sums = {day.day: day.sums for day in made.days}
    now = (0,) * len(made.bands)
    rows = []
    for day in days:
        now = sums.get(day, now)
        rows.append(now)
    return {
        "kind": "time",
        "zone": "Etc/UTC",
        "x": [_midnight(day) for day in days],
        "stacked": True,
        "series": [
            {"label": band.label, "slot": band.slot, "values": [row[at] for row in rows]}
            for at, band in enumerate(made.bands)
        ],
        "level": {"value": capacity, "label": "Capacity"} if capacity else None,
        "marks": [{"x": _midnight(mark.day), "label": mark.label, "kind": mark.kind} for mark in marks],
    }


def _midnight(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400


def _round_up(value: int) -> int:
    """The next even number that reads well on an axis."""
    scale = 1
    while True:
        for step in (2, 4, 6, 8, 10, 12, 16, 20):
            if step * scale >= value:
                return step * scale
        scale *= 10


def _steps(days: Sequence[Day], values: Sequence[int], top: int) -> list[tuple[float, float]]:
    """The corner points of a line that rises over each day on which something changed and is level between."""
    points = [(0.0, float(HEIGHT))]
    level = float(HEIGHT)
    for day, value in zip(days, values, strict=True):
        points.append((day.began, level))
        level = HEIGHT - value * HEIGHT / top
        points.append((day.x, level))
    points.append((float(WIDTH), level))
    return points


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
