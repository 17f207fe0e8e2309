"""Whether a house may be sold twice over: the seats that are free beside what the platforms may still sell."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

#: From so few free seats on (or a tenth of the house, where that is more), selling the same ones twice is near.
NEAR: Final = 10


class Danger(StrEnum):
    """How near a house is to being oversold."""

    NONE = "none"
    POSSIBLE = "possible"
    NEAR = "near"
    OVERSOLD = "oversold"


class Outlet(NamedTuple):
    """One listing that still sells: admissions it took, and how many it may sell in all (None: it does not tell)."""

    taken: int
    allotted: int | None

    @property
    def left(self) -> int | None:
        """What it may still sell."""
        return None if self.allotted is None else max(0, self.allotted - self.taken)


class Exposure(NamedTuple):
    """`free` seats, and what the outlets that tell `may_sell` yet; `beyond`: how many of these have no seat.
    `taken_beyond`: admissions that have none already."""

    danger: Danger
    free: int
    may_sell: int
    beyond: int
    taken_beyond: int


def exposure(seats: int | None, taken: int, outlets: Iterable[Outlet]) -> Exposure | None:
    """How far `outlets` together may sell more than `seats`, of which `taken` are; None where the seats are unknown.

    What an outlet does not tell is left out: the danger may be greater, never smaller.
    """
    if seats is None:
        return None
    free, over = max(0, seats - taken), max(0, taken - seats)
    may_sell = sum(each.left or 0 for each in outlets)
    beyond = max(0, may_sell - free)
    if over:
        danger = Danger.OVERSOLD
    elif not beyond:
        danger = Danger.NONE
    else:
        danger = Danger.NEAR if free <= max(NEAR, seats // 10) else Danger.POSSIBLE
    return Exposure(danger, free, may_sell, beyond, over)
