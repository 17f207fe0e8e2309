"""The geometry of bars and sales curves."""

import re
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from housecount.box_office.queries import DayCount
from housecount.web.charts import HEIGHT, WIDTH, bar, curve, spark

A, B = UUID(int=1), UUID(int=2)
PLATFORMS = {A: "eventbrite", B: "humanitix"}
DAY = date(2026, 11, 1)
changes = st.lists(
    st.builds(
        DayCount,
        st.sampled_from([A, B]),
        st.integers(0, 90).map(lambda days: DAY + timedelta(days=days)),
        st.integers(0, 40),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(st.integers(0, 3000), st.integers(0, 3000), st.none() | st.integers(0, 3000))
def test_a_bar_shows_every_platform_and_says_how_full(one: int, two: int, capacity: int | None) -> None:
    made = bar({"humanitix": two, "eventbrite": one}, capacity)
    assert made.taken == one + two
    assert made.over == (max(0, one + two - capacity) if capacity else 0)
    assert [share.label for share in made.shares] == ["Eventbrite"] * (one > 0) + ["Humanitix"] * (two > 0)
    assert all(share.width > 0 and 0 <= share.x <= 1000 for share in made.shares)
    if capacity and one + two <= capacity:
        filled = sum(share.width for share in made.shares)
        assert abs(filled - (one + two) * 1000 / capacity) <= 10


def test_a_spark_has_a_column_for_each_day_on_one_ground() -> None:
    made = spark((0, 3, -2, 6))
    assert made.before == "M0 20v-1h4v1zM5 20v-10h4v10zM10 20v-1h4v1z"
    assert made.last == "M15 20v-20h4v20z"
    assert spark((0, 0)).last == "M5 20v-1h4v1z", "a day without sales is a dot"


@given(changes, st.integers(0, 120), st.none() | st.integers(0, 2000))
def test_a_curve_ends_at_what_was_sold(counts: list[DayCount], until: int, capacity: int | None) -> None:
    made = curve(counts, PLATFORMS, until=DAY + timedelta(days=until), capacity=capacity)
    sold = sum(count.sold for count in counts)
    if not sold:
        assert made is None
        return
    assert made is not None
    assert made.days[-1].total == sold == sum(band.total for band in made.bands)
    assert sum(day.change for day in made.days) == sold
    assert made.marks[0] >= sold
    numbers = [
        float(number) for band in made.bands for number in re.findall(r"-?\d+\.\d+", band.area + band.edge)
    ]
    assert all(-0.1 <= number <= max(WIDTH, HEIGHT) for number in numbers)


def test_bands_are_stacked_and_refunds_let_the_curve_fall() -> None:
    counts = [
        DayCount(A, DAY, 6, 0),
        DayCount(B, DAY + timedelta(days=1), 4, 0),
        DayCount(A, DAY + timedelta(days=2), -2, 0),
    ]
    made = curve(counts, PLATFORMS, until=DAY, capacity=None)
    assert made is not None
    assert [day.total for day in made.days] == [6, 10, 8]
    assert made.days[-1].sums == (4, 4)
    assert made.marks == (10, 5, 0)
    # The second band ends at eight tenths of the height, on top of the first at four.
    assert made.bands[1].edge.endswith(f"800.0,{HEIGHT * 0.2:.1f}")
    assert made.bands[0].edge.endswith(f"800.0,{HEIGHT * 0.6:.1f}")


def test_a_capacity_far_above_sales_does_not_flatten_the_curve() -> None:
    counts = [DayCount(A, DAY, 10, 0)]
    far, near = (curve(counts, PLATFORMS, until=DAY, capacity=size) for size in (1000, 20))
    assert far is not None
    assert near is not None
    assert far.capacity_y is None
    assert near.capacity_y == 0.0
