"""What comparable shows had sold by now."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core.pace import LEAST, Expectation, Sold, expect, median, percent

SOLD = st.builds(Sold, st.integers(0, 5_000), st.integers(-50, 500))


def test_the_median_of_what_was_sold_by_the_same_hour() -> None:
    comparable = [Sold(100, 20), Sold(40, 0), Sold(200, 60)]
    assert expect(comparable, 0, 1440) == Expectation(100, 3)
    assert expect(comparable, 720, 1440) == Expectation(110, 3)
    assert expect(comparable, 1440, 1440) == Expectation(120, 3)
    assert expect(comparable, 9_999, 1440) == Expectation(120, 3), "a day has no more than its minutes"
    assert expect(comparable[:2], 720, 1440) == Expectation(None, 2), "two shows say nothing"


@pytest.mark.parametrize(
    ("values", "middle"), [([3], 3), ([1, 2], 2), ([1, 4], 3), ([5, 1, 9], 5), ([0, 0, 8, 8], 4)]
)
def test_the_middle(values: list[int], middle: int) -> None:
    assert median(values) == middle


@pytest.mark.parametrize(
    ("part", "whole", "expected"), [(50, 100, 50), (1, 3, 33), (2, 3, 67), (1, 200, 1), (5, 0, None)]
)
def test_percent(part: int, whole: int, expected: int | None) -> None:
    assert percent(part, whole) == expected


@given(st.lists(SOLD, min_size=LEAST, max_size=12), st.integers(0, 1440))
def test_what_is_expected_lies_among_what_was_sold_and_does_not_fall_with_order(
    comparable: list[Sold], passed: int
) -> None:
    expected = expect(comparable, passed, 1440)
    assert expected == expect(comparable[::-1], passed, 1440)
    ends = [value for each in comparable for value in (each.before, each.before + each.on_the_day)]
    assert expected.sold is not None
    assert max(0, min(ends)) <= expected.sold <= max(0, *ends)
