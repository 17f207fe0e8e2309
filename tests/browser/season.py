"""What is on at the invented platforms while a browser looks: the small season, and a night of our own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from housecount_sandbox import venues
from housecount_sandbox.eventbrite.model import Event as EventbriteEvent
from housecount_sandbox.humanitix.model import Event as HumanitixEvent
from housecount_sandbox.world import World

TONIGHT = "Friday Night Laughs"
OVERSOLD = "The Snug Sessions"
SNUG = venues.Room("The Snug", "5 Nook Lane", "Melbourne", "VIC", "3000", "AU", "Australia/Melbourne", 12)
_PLENTY = 1_000_000


@dataclass(frozen=True)
class Season:
    """The world, and the listings that the stories are about."""

    world: World
    tonight: EventbriteEvent
    tonight_too: HumanitixEvent


def make_season(seed: int) -> Season:
    """The small season; tonight's show at both platforms; one that is oversold; one that was last month."""
    world = World.small(seed=seed)
    world.limits.eventbrite_per_hour = _PLENTY
    world.limits.humanitix_per_minute = 0
    zone = ZoneInfo("Australia/Melbourne")
    evening = datetime.now(zone).replace(hour=20, minute=0, second=0, microsecond=0).astimezone(UTC)
    if evening < datetime.now(UTC) + timedelta(hours=1):
        evening += timedelta(days=1)
    tickets = [("General Admission", 3000), ("Guest", 0)]
    room = venues.VELVET_ROOM
    tonight = world.add_eventbrite_event(TONIGHT, evening, tickets=tickets, room=room, show="tonight")
    too = world.add_humanitix_event(TONIGHT, evening, tickets=tickets, room=room, show="tonight")
    for number in range(8):
        at = datetime.now(UTC) - timedelta(days=6 - number * 0.7)
        world.buy(tonight, 1 + number % 3, at=at)
        world.buy(too, 1 + number % 2, at=at)
    _oversell(world, evening + timedelta(days=3))
    past = world.add_eventbrite_event("Last Month's Laughs", evening - timedelta(days=28), tickets=tickets)
    for number in range(6):
        world.buy(past, 2, at=datetime.now(UTC) - timedelta(days=30 + number))
    return Season(world, tonight, too)


def _oversell(world: World, starts_at: datetime) -> None:
    """Twelve seats, and fourteen sold: eight here, six there."""
    shop = world.eventbrite
    event = shop.add_event(shop.accounts[0], OVERSOLD, starts_at, room=SNUG, capacity=12, show="snug")
    ticket = shop.add_ticket_class(event, "General Admission", 2800, capacity=12)
    twin = world.humanitix.add_event(world.humanitix.accounts[0], OVERSOLD, room=SNUG, total_capacity=12)
    date = world.humanitix.add_date(twin, starts_at, show="snug")
    ticket_type = world.humanitix.add_ticket_type(twin, "General Admission", 2800)
    for number in range(4):
        at = datetime.now(UTC) - timedelta(hours=40 - number)
        shop.buy(event, [(ticket, 2)], at=at)
        if number:
            world.humanitix.buy(twin, date, [(ticket_type, 2)], at=at)
