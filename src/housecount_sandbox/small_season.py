"""A season small enough to reason about: the special shows and a few ordinary sales."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from housecount_sandbox.specials import build_specials

if TYPE_CHECKING:
    from housecount_sandbox.world import World


def build_small_season(world: World, today: datetime) -> None:
    """Every special case within about 180 orders."""
    today = today.astimezone(UTC).replace(microsecond=0)
    build_specials(world, today)
    event = world.eventbrite.accounts[0].events[0]
    listing = world.humanitix.accounts[0].events[0]
    for number in range(12):
        at = today - timedelta(hours=30 - number)
        world.eventbrite.buy(event, [(event.ticket_classes[0], 1 + number % 3)], at=at)
        date = listing.dates[0]
        world.humanitix.buy(listing, date, [(listing.ticket_types[0], 1 + number % 3)], at=at)
