"""Histories over real HTTP with faults on: one sweep later the ledger is the platforms' truth, and a fresh load."""

import functools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from housecount.core.counting import Figures
from housecount_sandbox import happenings
from housecount_sandbox.happenings import BadHappening
from housecount_sandbox.world import World
from tests.examples import examples
from tests.factories import make_organisation
from tests.promoters import Clock, Promoter, served

VERBS = st.sampled_from(
    ["buy", "buy", "comp", "refund", "refund_ticket", "refund_part", "cancel", "delete_order"]
)
FAULTS = st.lists(
    st.sampled_from(
        [
            {"kind": "reset"},
            {"kind": "server_error", "html": True},
            {"kind": "server_error", "status": 503},
            {"kind": "truncate"},
            {"kind": "empty"},
            {"kind": "html"},
            {"kind": "rate_limit", "retry_after": 0},
            {"kind": "outage"},
            {"kind": "stale", "behind": 2},
            {"kind": "duplicates"},
            {"kind": "skips"},
            {"kind": "shift"},
            {"kind": "missing_field"},
            {"kind": "unknown_value"},
        ]
    ),
    max_size=2,
)
#: What happens (to which listing, which order), then whether it is read, how wholly, and with which faults.
STEP = st.tuples(
    VERBS,
    st.integers(0, 2),
    st.integers(0, 7),
    st.sampled_from(["", "", "read", "full"]),
    FAULTS,
    st.integers(1, 5),
)


@functools.cache
def shared_organisation() -> UUID:
    return make_organisation()


def small_world(clock: Clock) -> tuple[World, list[str]]:
    """Two Eventbrite events (one absorbs its fees) and one of Humanitix, all on sale; the ids of their events."""
    world = World.blank(now=clock)
    start = clock() + timedelta(days=20)
    tickets = [("General Admission", 3000), ("Guest", 0)]
    return world, [
        world.add_eventbrite_event("Friday Night Laughs", start, tickets=tickets).id,
        world.add_eventbrite_event(
            "Late Show", start + timedelta(days=3), tickets=tickets, include_fee=True
        ).id,
        world.add_humanitix_event("Comedy Cellar", start + timedelta(days=5), tickets=tickets).id,
    ]


def happen(world: World, events: list[str], verb: str, event_number: int, order_number: int) -> None:
    """One happening, or nothing where it cannot be."""
    what: dict[str, Any] = {"do": verb.removesuffix("_ticket"), "event": events[event_number]}
    if verb in {"buy", "comp"}:
        what |= {"quantity": 1 + order_number % 3, "percent_off": 50 if order_number == 5 else 0}
    else:
        orders = [*world.eventbrite.orders.values(), *world.humanitix.orders.values()]
        if not orders:
            return
        order = orders[order_number % len(orders)]
        what |= {"order": order.id, "amount": 500, "void": order_number % 2 == 0}
        if verb == "refund_ticket":
            some = order.attendees if hasattr(order, "attendees") else order.tickets
            what["tickets"] = [some[0].id]
    try:
        happenings.do(world, what)
    except (BadHappening, ValueError):
        return


def without_refunds(count: dict[Any, Figures]) -> dict[Any, Figures]:
    """A fresh load cannot know what Eventbrite refunded in part before it."""
    return {key: figures._replace(refunds=0) for key, figures in count.items()}


@settings(max_examples=examples(12))
@given(steps=st.lists(STEP, min_size=1, max_size=8))
def test_after_the_dust_settles_one_sweep_tells_the_truth(steps: Sequence[Any]) -> None:
    clock = Clock()
    world, events = small_world(clock)
    with served(world) as sandbox:
        promoter = Promoter(sandbox, clock, None)
        for verb, event_number, order_number, read, faults, count in steps:
            clock.pass_by(minutes=25)
            happen(world, events, verb, event_number, order_number)
            if read:
                sandbox.faults.set([{**fault, "count": count} for fault in faults])
                before = promoter.count()
                runs = promoter.read(full=read == "full")
                sandbox.faults.clear()
                assert all(run.complete or run.error for run in runs)
                if not any(run.orders_changed or run.complete for run in runs):
                    assert promoter.count() == before, "a failed read changed a figure"
        clock.pass_by(minutes=25)
        runs = promoter.read(full=True)
        assert [run.error for run in runs] == ["" for _ in runs]
        assert without_refunds(promoter.count()) == without_refunds(promoter.truth())
        assert promoter.differences() == []
        fresh = Promoter(sandbox, clock)
        fresh.read()
        assert without_refunds(promoter.count()) == without_refunds(fresh.count())
        again = promoter.read(full=True)
        assert [(run.orders_changed, run.tickets_changed) for run in again] == [(0, 0) for _ in again]
        assert not any(each.freshness.stale for show in promoter.shows() for each in show.listings)
