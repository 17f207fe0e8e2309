"""How near a house is to being sold twice over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core.oversell import Danger, Exposure, Outlet, exposure

outlets = st.lists(st.builds(Outlet, st.integers(0, 400), st.none() | st.integers(0, 400)), max_size=4)


@pytest.mark.parametrize(
    ("seats", "taken", "selling", "danger", "free", "may_sell", "beyond"),
    [
        (180, 60, [(60, 180)], Danger.NONE, 120, 120, 0),
        (180, 100, [(60, 180), (40, 180)], Danger.POSSIBLE, 80, 260, 180),
        (180, 100, [(60, 90), (40, 90)], Danger.NONE, 80, 80, 0),
        (180, 162, [(92, 120), (70, 90)], Danger.NEAR, 18, 48, 30),
        (180, 161, [(92, 120), (69, 90)], Danger.POSSIBLE, 19, 49, 30),
        (40, 30, [(15, 40), (15, 40)], Danger.NEAR, 10, 50, 40),
        (40, 29, [(15, 40), (14, 40)], Danger.POSSIBLE, 11, 51, 40),
        (40, 40, [(40, 40)], Danger.NONE, 0, 0, 0),
        (40, 40, [(40, 41)], Danger.NEAR, 0, 1, 1),
        (40, 43, [(43, 40)], Danger.OVERSOLD, 0, 0, 0),
        (40, 20, [(20, None)], Danger.NONE, 20, 0, 0),
        (40, 20, [], Danger.NONE, 20, 0, 0),
    ],
)
def test_examples(
    seats: int,
    taken: int,
    selling: list[tuple[int, int | None]],
    danger: Danger,
    free: int,
    may_sell: int,
    beyond: int,
) -> None:
    found = exposure(seats, taken, [Outlet(*each) for each in selling])
    assert found == Exposure(danger, free, may_sell, beyond, max(0, taken - seats))


def test_an_unknown_house_is_not_judged() -> None:
    assert exposure(None, 500, [Outlet(500, 100)]) is None


@given(st.integers(1, 500), st.integers(0, 600), outlets)
def test_no_danger_is_told_only_where_every_seat_that_may_be_sold_is_free(
    seats: int, taken: int, selling: list[Outlet]
) -> None:
    found = exposure(seats, taken, selling)
    assert found is not None
    worst = taken + sum(each.left or 0 for each in selling)
    assert (found.danger is Danger.NONE) == (worst <= seats)
    assert found.beyond == max(0, worst - max(taken, seats))
    assert (found.danger is Danger.OVERSOLD) == (found.taken_beyond > 0) == (taken > seats)
