"""Matching on the sandbox's whole season, which knows which of its listings are one show."""

from datetime import UTC, datetime
from itertools import combinations

from housecount.core.matching import Subject, Verdict, score
from housecount_sandbox.world import World


def _listings(world: World) -> list[tuple[str, Subject]]:
    """Every listing on sale with the name of its show."""
    found = []
    for at_eventbrite in (event for account in world.eventbrite.accounts for event in account.events):
        if not at_eventbrite.children:
            room = at_eventbrite.venue.room if at_eventbrite.venue else None
            place = (room.name, room.city) if room else ("", "")
            subject = Subject(at_eventbrite.name, at_eventbrite.start, at_eventbrite.timezone, *place)
            found.append((at_eventbrite.show, subject))
    for event in (event for account in world.humanitix.accounts for event in account.events):
        place = (event.room.name, event.room.city) if event.room else ("", "")
        found.extend((d.show, Subject(event.name, d.start, event.timezone, *place)) for d in event.dates)
    return found


def test_every_show_of_the_season_is_found_and_none_mixed() -> None:
    listings = _listings(World.full(seed=1, today=datetime(2026, 11, 22, 11, 0, tzinfo=UTC), orders=500))
    pairs = [(a, b, score(a[1], b[1]).verdict) for a, b in combinations(listings, 2)]
    assert sum(a[0] == b[0] for a, b, _ in pairs) >= 12
    assert [(a, b) for a, b, verdict in pairs if a[0] == b[0] and verdict is not Verdict.SURE] == []
    assert [(a, b) for a, b, verdict in pairs if a[0] != b[0] and verdict is Verdict.SURE] == []
