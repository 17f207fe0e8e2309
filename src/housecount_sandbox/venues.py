"""Invented rooms where the invented promoter puts shows on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """A place with seats. `timezone` is an IANA name; `country` has two letters."""

    name: str
    address: str
    city: str
    region: str
    postal_code: str
    country: str
    timezone: str
    capacity: int


VELVET_ROOM = Room(
    "The Velvet Room", "12 Fable Street", "Melbourne", "VIC", "3000", "AU", "Australia/Melbourne", 620
)
FIG_LANE = Room(
    "The Basement at Fig Lane", "3 Fig Lane", "Melbourne", "VIC", "3065", "AU", "Australia/Melbourne", 240
)
LARKSPUR_HALL = Room(
    "Larkspur Hall", "88 Larkspur Parade", "Melbourne", "VIC", "3182", "AU", "Australia/Melbourne", 1100
)
COPPER_TAP = Room(
    "The Copper Tap Upstairs", "41 Kettle Street", "Sydney", "NSW", "2010", "AU", "Australia/Sydney", 420
)
HARBOUR_LANTERN = Room(
    "Harbour Lantern Theatre", "1 Lantern Quay", "Sydney", "NSW", "2000", "AU", "Australia/Sydney", 2000
)
TUI_STREET = Room(
    "Tūī Street Cellar", "9 Tūī Street", "Auckland", "Auckland", "1010", "NZ", "Pacific/Auckland", 360
)
GILDED_FERRET = Room(
    "The Gilded Ferret", "7 Ferret Yard", "London", "Greater London", "E1 0XX", "GB", "Europe/London", 120
)

ROOMS = (VELVET_ROOM, FIG_LANE, LARKSPUR_HALL, COPPER_TAP, HARBOUR_LANTERN, TUI_STREET, GILDED_FERRET)
