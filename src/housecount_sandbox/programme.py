"""What is on: the invented promoter's regular nights and specials, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from housecount_sandbox import venues

if TYPE_CHECKING:
    from housecount_sandbox.venues import Room

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)


@dataclass(frozen=True, slots=True)
class Night:
    """A regular night. `weight` is what it draws on each platform, in hundreds of seats.

    `eventbrite` is the number of the account that lists it there, or None; `humanitix` is its title there.
    `doors` minutes are taken off the start on Eventbrite. Rates are in basis points.
    """

    title: str
    room: Room
    weekdays: tuple[int, ...]
    hour: int
    minute: int
    price: int
    weight: float
    eventbrite: int | None = None
    humanitix: str | None = None
    currency: str = "AUD"
    location: str = "AU"
    series: bool = False
    absorbed: bool = False
    tax_rate: int = 0
    doors: int = 0
    add_on: str | None = None
    rebate: int = 0
    fee_mode: str = "passed_on"


NIGHTS = (
    Night(
        "Friday Night Laughs",
        venues.VELVET_ROOM,
        (FRIDAY,),
        19,
        30,
        3200,
        2.5,
        eventbrite=0,
        humanitix="Friday Night Laughs @ The Velvet Room",
        rebate=50,
    ),
    Night(
        "Velvet Late Show",
        venues.VELVET_ROOM,
        (FRIDAY, SATURDAY),
        21,
        30,
        3500,
        5.0,
        humanitix="Velvet Late Show",
    ),
    Night("Wednesday Try-Outs", venues.FIG_LANE, (WEDNESDAY,), 20, 0, 1200, 1.9, eventbrite=0, series=True),
    Night(
        "Sunday Roast Battle",
        venues.LARKSPUR_HALL,
        (SUNDAY,),
        18,
        0,
        2800,
        7.0,
        eventbrite=0,
        absorbed=True,
        tax_rate=1000,
        add_on="Roast dinner",
    ),
    Night(
        "Thursday Headliners",
        venues.LARKSPUR_HALL,
        (THURSDAY,),
        20,
        0,
        4200,
        4.5,
        eventbrite=0,
        humanitix="Thursday Headliners (Larkspur Hall)",
        doors=30,
        tax_rate=1000,
        fee_mode="absorbed",
    ),
    Night(
        "Copper Tap Comedy Club",
        venues.COPPER_TAP,
        (FRIDAY, SATURDAY),
        20,
        0,
        2900,
        3.4,
        eventbrite=1,
        series=True,
        tax_rate=1000,
    ),
    Night(
        "Sydney Sunday Sessions",
        venues.COPPER_TAP,
        (SUNDAY,),
        17,
        30,
        2600,
        3.4,
        humanitix="Sydney Sunday Sessions",
        fee_mode="split",
        tax_rate=1000,
    ),
    Night(
        "Tūī Street Thursdays",
        venues.TUI_STREET,
        (THURSDAY,),
        19,
        30,
        3000,
        2.9,
        humanitix="Tūī Street Thursdays",
        currency="NZD",
        location="NZ",
        tax_rate=1500,
    ),
)

# Monthly galas: one listing each on both platforms.
GALA_TITLES = (
    ("The Harbour Lantern Gala", "Harbour Lantern Gala"),
    ("Best of the Fringe (Probably)", "Best of the Fringe, Probably"),
    ("Nadia Quill: Nearly Famous", "Nadia Quill - Nearly Famous"),
    ("The Big Benefit", "The BIG Benefit!"),
    ("Six Comics, One Sofa", "6 Comics 1 Sofa"),
)
