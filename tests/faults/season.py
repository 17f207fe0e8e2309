"""The invented promoter's nights of a campaign, and what people do there."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from housecount_sandbox import happenings
from housecount_sandbox.happenings import BadHappening
from housecount_sandbox.world import World

TICKETS = [("General Admission", 3000), ("Guest", 0)]
ORDERS_BEFORE = 3


def make_world(seed: int) -> World:
    """Five shows of the coming days at three accounts, each with some orders, at platforms that never ration."""
    world = World.blank(seed=seed)
    world.limits.eventbrite_per_hour = 1_000_000
    world.limits.humanitix_per_minute = 0
    start = datetime.now(UTC) + timedelta(hours=5)

    def on(days: int) -> datetime:
        return start + timedelta(days=days)

    shows: list[Any] = [
        world.add_eventbrite_event("Friday Night Laughs", on(0), tickets=TICKETS),
        world.add_eventbrite_event("Late Show", on(2), tickets=TICKETS, include_fee=True),
        world.add_eventbrite_event("Harbour Gala", on(4), tickets=TICKETS, account=1, tax_rate=1000),
        world.add_humanitix_event("Comedy Cellar", [on(1), on(3)], tickets=TICKETS),
        world.add_humanitix_event("Attic Improv", on(6), tickets=TICKETS, fee_mode="absorbed"),
    ]
    for show in shows:
        for number in range(ORDERS_BEFORE):
            world.buy(show, 1 + number)
    return world


def happen(world: World, verb: str, number: int, known: Collection[str]) -> bool:
    """One happening, the details by `number`; whether it could be.

    A part of an Eventbrite order is refunded only where the order is `known` to be in the ledger: such a refund leaves
    no trace, so that nobody who sees the order for the first time afterwards can count it.
    """
    what = _details(world, verb, number, known)
    if what is None:
        return False
    try:
        happenings.do(world, what)
    except (BadHappening, ValueError, StopIteration):
        return False
    return True


def orders(world: World) -> list[Any]:
    """Every order there is, of both platforms."""
    return [*world.eventbrite.orders.values(), *world.humanitix.orders.values()]


def _details(world: World, verb: str, number: int, known: Collection[str]) -> dict[str, Any] | None:
    events: list[Any] = [*world.eventbrite.events.values(), *world.humanitix.events.values()]
    event = events[number % len(events)]
    what: dict[str, Any] = {"do": verb.removesuffix("_ticket")}
    if verb in {"buy", "comp"}:
        return what | {
            "event": event.id,
            "quantity": 1 + number % 4,
            "percent_off": 50 if number % 9 == 5 else 0,
        }
    if verb == "move":
        start = datetime.now(UTC) + timedelta(hours=6 + number % 200)
        return what | {"event": event.id, "start": start.isoformat()}
    if verb == "add_event":
        platform = ("eventbrite", "humanitix")[number % 2]
        start = datetime.now(UTC) + timedelta(hours=30 + number % 100)
        return what | {
            "platform": platform,
            "name": f"Extra Night {number % 997}",
            "start": start.isoformat(),
        }
    there = orders(world)
    if verb == "refund_part":
        there = [order for order in there if not hasattr(order, "attendees") or order.id in known]
    if not there:
        return None
    order = there[number % len(there)]
    what |= {"order": order.id, "void": number % 3 > 0, "amount": 300 + number % 500}
    some = order.attendees if hasattr(order, "attendees") else order.tickets
    if verb in {"refund_ticket", "check_in"} or (verb == "cancel" and number % 2):
        what["tickets"] = [some[number % len(some)].id]
    return what
