"""Pace: what a show sold so far beside what comparable shows had sold when they had as long to go."""

from collections.abc import Sequence
from typing import NamedTuple

#: Fewer comparable shows say nothing.
LEAST = 3


class Sold(NamedTuple):
    """What a comparable show had sold before the day on which it had as many days to go, and on that day."""

    before: int
    on_the_day: int


class Expectation(NamedTuple):
    """`sold` is the median of what `shows` comparable shows had sold; None where they are fewer than `LEAST`."""

    sold: int | None
    shows: int


def expect(comparable: Sequence[Sold], passed: int, whole: int) -> Expectation:
    """What comparable shows had sold when `passed` of the day's `whole` minutes were over.

    Of what each sold on that day, the same part is taken: a day that is not over is not held against whole ones.
    """
    if len(comparable) < LEAST:
        return Expectation(None, len(comparable))
    part = min(max(passed, 0), whole)
    by_now = [each.before + _round_half_up(each.on_the_day * part, whole) for each in comparable]
    return Expectation(max(0, median(by_now)), len(comparable))


def median(values: Sequence[int]) -> int:
    """The middle one; of two in the middle their mean, a half rounded up. Raises IndexError for none."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return _round_half_up(ordered[middle - 1] + ordered[middle], 2)


def percent(part: int, whole: int) -> int | None:
    """`part` of `whole` in percent, a half rounded up; None of nothing."""
    return _round_half_up(part * 100, whole) if whole > 0 else None


def _round_half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
