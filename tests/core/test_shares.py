"""Sharing out: parts add up to the whole, whatever they are."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core.shares import bucket, share
from housecount.core.tax import NO_AMOUNT, Amounts, Treatment

_CLASSES = st.dictionaries(
    st.sampled_from(Treatment),
    st.builds(lambda net, tax: Amounts(net, tax, net + tax), st.integers(1, 10**7), st.integers(0, 10**6)),
    min_size=1,
)


def added(parts: list[Amounts]) -> Amounts:
    result = NO_AMOUNT
    for part in parts:
        result = result.plus(part)
    return result


@given(_CLASSES, st.lists(st.integers(-(10**6), 3 * 10**7), max_size=8), st.booleans())
def test_stretches_add_up_to_the_whole_of_each_treatment(
    classes: dict[Treatment, Amounts], stops: list[int], negative: bool
) -> None:
    if negative:
        classes = {treatment: amounts.negated() for treatment, amounts in classes.items()}
        stops = [-stop for stop in stops]
    whole = added(list(classes.values())).gross
    # Payments and refunds in any order, ending with all of it.
    parts = [share(classes, whole, before, after) for before, after in pairwise([0, *stops, whole])]
    for treatment, amounts in classes.items():
        assert added([part[treatment] for part in parts]) == amounts


@given(_CLASSES, st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_stretch_comes_to_what_was_paid(classes: dict[Treatment, Amounts], one: int, other: int) -> None:
    whole = added(list(classes.values())).gross
    before, after = (min(each, whole) for each in (one, other))
    part = share(classes, whole, before, after)
    assert added(list(part.values())).gross == after - before
    assert all(each.net + each.tax == each.gross for each in part.values())
    back = share(classes, whole, after, before)
    assert {key: each.negated() for key, each in back.items()} == part


def test_the_sheet_s_deposit_in_two_halves() -> None:
    fee = {Treatment.TAXABLE: Amounts(200_000, 20_000, 220_000)}
    assert share(fee, 220_000, 0, 55_000)[Treatment.TAXABLE].tax == 5_000
    assert share(fee, 220_000, 55_000, 220_000)[Treatment.TAXABLE].tax == 15_000


def test_what_is_paid_beyond_the_total_belongs_to_no_supply() -> None:
    fee = {Treatment.TAXABLE: Amounts(100, 10, 110)}
    assert share(fee, 110, 0, 500)[Treatment.TAXABLE] == Amounts(100, 10, 110)
    assert share(fee, 110, 110, 500)[Treatment.TAXABLE] == NO_AMOUNT
    assert share({}, 0, 0, 500) == {}


@pytest.mark.parametrize(
    ("late", "name"),
    [
        (-30, "current"), (0, "current"), (1, "days_1_30"), (30, "days_1_30"), (31, "days_31_60"),
        (60, "days_31_60"), (61, "days_61_90"), (90, "days_61_90"), (91, "over_90"), (4_000, "over_90"),
    ],
)  # fmt: skip
def test_buckets_begin_the_day_after_it_was_due(late: int, name: str) -> None:
    due = date(2026, 3, 1)
    assert bucket(due, due + timedelta(days=late)) == name
