"""Sharing out what a document comes to: to the parts in which it is paid, and to its tax treatments.

Whatever the parts, what they are given adds up to the whole, to the cent: each part gets what was due up to its end
less what was due up to its beginning.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from housecount.core.tax import Amounts, Treatment, half_up

#: How late an amount is, in days, up to which it is in the bucket; None is all the rest.
BUCKETS: Final[tuple[tuple[str, int | None], ...]] = (
    ("current", 0),
    ("days_1_30", 30),
    ("days_31_60", 60),
    ("days_61_90", 90),
    ("over_90", None),
)


def bucket(due: date, on: date) -> str:
    """The bucket of something due on `due`, seen on `on`: the day it is due it is not late."""
    late = (on - due).days
    return next(name for name, most in BUCKETS if most is None or late <= most)


def share(
    classes: Mapping[Treatment, Amounts], whole: int, before: int, after: int
) -> dict[Treatment, Amounts]:
    """What of each treatment is in the stretch from `before` to `after` of a document of `whole`, gross.

    Stretches lie within the document: what is paid beyond its total belongs to no supply. The gross of the result
    comes to exactly `after - before`, and to the opposite when they are turned round. `classes` add up to `whole`.
    """
    if whole == 0:
        return {}
    before, after = _within(before, whole), _within(after, whole)
    result = {}
    below = 0
    for treatment, amounts in classes.items():
        above = below + amounts.gross
        gross = _up_to(above, after, whole) - _up_to(below, after, whole)
        gross -= _up_to(above, before, whole) - _up_to(below, before, whole)
        tax = _up_to(amounts.tax, after, whole) - _up_to(amounts.tax, before, whole)
        result[treatment] = Amounts(gross - tax, tax, gross)
        below = above
    return result


def _within(amount: int, whole: int) -> int:
    return max(0, min(amount, whole)) if whole > 0 else min(0, max(amount, whole))


def _up_to(amount: int, part: int, whole: int) -> int:
    return half_up(amount * part, whole) if whole > 0 else half_up(amount * -part, -whole)
