"""What reads should have shown and did not: found by a sweep, closed, and written down; and never else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from housecount.tenancy.identity import acting_as
from tests.sync.theatre import HUMANITIX, MELBOURNE, SYDNEY, Theatre

pytestmark = pytest.mark.slow
BOTH = pytest.mark.parametrize("number", [0, 1], ids=["eventbrite", "humanitix"])


def chosen(stage: Theatre, number: int) -> Any:
    """An event of either platform."""
    return [stage.friday, stage.cellar][number]


def counted(stage: Theatre) -> int:
    """How many gaps the counters of the accounts say."""
    return sum(stage.tallies(each).get("gaps", 0) for each in (MELBOURNE, SYDNEY, HUMANITIX))


def found(stage: Theatre) -> set[tuple[str, str, str]]:
    """The gaps: (event, kind, id)."""
    return {(gap.event_id, gap.kind, gap.external_id) for gap in stage.gaps()}


def move_on(stage: Theatre, event: Any) -> None:
    """Lets reads claim to know what happened until now, but for the overlap: something younger was seen."""
    for _ in range(2):
        stage.clock.pass_by(hours=1)
        stage.world.buy(event)
        stage.read(minutes=1)


@BOTH
def test_sales_that_the_lists_hid_from_the_reads_are_gaps_as_many_as_there_were(
    read_stage: Theatre, number: int
) -> None:
    stage = read_stage
    event = chosen(stage, number)
    stage.clock.pass_by(hours=3)
    hidden = [stage.world.buy(event, 2 + each, at=stage.clock() - timedelta(hours=2)) for each in range(3)]
    free = stage.world.buy(event, 2, comp=True, at=stage.clock() - timedelta(hours=2))
    # The reads come to something younger, and the lists show the older ones only afterwards.
    stage.world.buy(event)
    marks = stage.bookmarks([MELBOURNE, HUMANITIX][number])
    with pytest.MonkeyPatch.context() as patch:
        hide(patch, {order.id for order in [*hidden, free]})
        move_on(stage, event)
    assert stage.bookmarks([MELBOURNE, HUMANITIX][number]) != marks
    stage.read()
    assert stage.promoter.count() != stage.promoter.truth(), "the overlap has brought them"
    assert stage.gaps() == []
    assert stage.healed()
    assert {gap.external_id for gap in stage.gaps() if gap.kind == "order"} == {
        each.id for each in hidden
    } | ({free.id} if number == 0 else set())
    assert len(stage.gaps()) == counted(stage) == 4
    assert all(gap.changed_at < gap.covered_until < gap.found_at for gap in stage.gaps())
    assert stage.healed()
    assert len(stage.gaps()) == 4, "what is closed is found again"


def hide(patch: pytest.MonkeyPatch, ids: set[str]) -> None:
    """Has pages lose the orders of these ids, with their tickets, before they are stored."""
    import msgspec

    from housecount.sync import store

    usual = store.store_page

    def blind(account: Any, page: Any, *rest: Any) -> Any:
        kept = msgspec.structs.replace(
            page,
            orders=tuple(each for each in page.orders if each.external_id not in ids),
            tickets=tuple(each for each in page.tickets if each.order_id not in ids),
        )
        return usual(account, kept, *rest)

    patch.setattr(store, "store_page", blind)


@BOTH
def test_a_stale_platform_makes_gaps_and_a_sweep_closes_them(read_stage: Theatre, number: int) -> None:
    """The lists are behind for longer than the overlap, while something else of the account moves on."""
    stage = read_stage
    event = chosen(stage, number)
    stage.clock.pass_by(hours=2)
    lost = [stage.world.buy(event, 3, at=stage.clock() - timedelta(minutes=90)) for _ in range(2)]
    stage.world.buy(event)
    with pytest.MonkeyPatch.context() as patch:
        hide(patch, {order.id for order in lost})
        stage.read(minutes=1)
    stage.clock.pass_by(hours=2)
    assert stage.healed()
    assert {gap.external_id for gap in stage.gaps()} == {order.id for order in lost}


@BOTH
@pytest.mark.parametrize("what", ["refund", "cancel"])
def test_a_change_of_a_known_order_that_was_missed_is_a_gap(
    read_stage: Theatre, number: int, what: str
) -> None:
    stage = read_stage
    event, world = chosen(stage, number), stage.world
    order = world.buy(event, 2)
    stage.read()
    stage.clock.pass_by(hours=2)
    happen: Callable[[Any], Any] = getattr(world, what)
    happen(order)
    with pytest.MonkeyPatch.context() as patch:
        hide(patch, {order.id})
        stage.read(minutes=1)
        move_on(stage, event)
    assert stage.gaps() == []
    assert stage.healed()
    # Humanitix tells a cancellation by its tickets alone.
    apart = {ticket.id for ticket in order.tickets} if (number, what) == (1, "cancel") else set()
    [(event_id, kind, external_id)] = found(stage)
    assert (event_id, kind) == (event.id, "ticket" if apart else "order")
    assert external_id in (apart or {order.id})
    assert counted(stage) == 1


@BOTH
def test_an_order_that_vanished_from_the_platform_is_a_gap(read_stage: Theatre, number: int) -> None:
    """No list of changes tells it: only sweeps can see it, and they say that they did."""
    stage = read_stage
    event = chosen(stage, number)
    order = stage.world.buy(event, 2)
    stage.read()
    move_on(stage, event)
    stage.world.delete_order(order)
    stage.read()
    assert stage.gaps() == []
    assert stage.healed()
    assert found(stage) == {(event.id, "order", order.id)}


def test_a_ticket_that_vanished_is_a_gap(read_stage: Theatre) -> None:
    stage = read_stage
    order = stage.world.buy(stage.cellar, 3)
    stage.read()
    move_on(stage, stage.cellar)
    lost = order.tickets.pop()
    del stage.world.humanitix.tickets[lost.id]
    stage.world.stage.step()
    stage.read(full=True)
    [(event_id, _, external_id)] = found(stage)
    assert event_id == stage.cellar.id
    # Its order may have changed with it, and is read first.
    assert external_id in {lost.id, order.id}


def test_ordinary_life_has_no_gaps(stage: Theatre) -> None:
    """Sales, refunds and cancellations between reads and sweeps, new events, outages, and quiet days."""
    world, clock = stage.world, stage.clock
    stage.sell()
    stage.read(full=True)
    orders = [world.buy(event, 3) for event in stage.events]
    stage.read(full=True, minutes=5)
    for day in range(4):
        stage.sell()
        stage.read(minutes=10)
        world.refund(orders[day])
        world.cancel(orders[-1], list(getattr(orders[-1], "tickets", ()))[day : day + 1] or None)
        stage.read(full=day % 2 == 0, minutes=10)
        new: list[Any] = [
            world.add_humanitix_event(f"Extra {day}", clock() + timedelta(days=9 + day)),
            world.add_eventbrite_event(f"More {day}", clock() + timedelta(days=9 + day)),
        ]
        for event in new:
            world.buy(event, 2, at=clock() - timedelta(minutes=5))
        if day != 1:
            stage.read(minutes=1)
        stage.sandbox.faults.set([{"kind": "outage"}])
        stage.sell()
        stage.read(minutes=50)
        stage.sandbox.faults.set([{"kind": "server_error", "path": f"/events/{stage.cellar.id}/orders"}])
        stage.sell()
        stage.read(minutes=50)
        stage.sandbox.faults.clear()
        clock.pass_by(hours=20)
        stage.sell()
        assert stage.healed()
        assert stage.gaps() == [], f"day {day}"
    assert counted(stage) == 0


def test_first_reads_have_no_gaps(stage: Theatre) -> None:
    stage.clock.pass_by(days=10)
    stage.sell()
    stage.read(full=True)
    assert stage.gaps() == []


def test_gaps_are_told_by_account_the_latest_first(read_stage: Theatre) -> None:
    from housecount.sync import queries, watching

    stage = read_stage
    for event in (stage.cellar, stage.friday):
        order = stage.world.buy(event, 2)
        stage.read()
        move_on(stage, event)
        stage.world.delete_order(order)
        stage.read(full=True)
    organisation_id = stage.promoter.organisation_id
    with acting_as(stage.promoter.identity):
        latest = watching.gaps_of(organisation_id)[:1]
        assert [gap.event_id for gap in latest] == [stage.friday.id]
        mine = watching.gaps_of(organisation_id, account_id=stage.promoter.accounts[HUMANITIX].pk)
        assert [gap.event_id for gap in mine] == [stage.cellar.id]
        assert queries.count_gaps(organisation_id) == {
            stage.promoter.accounts[MELBOURNE].pk: 1,
            stage.promoter.accounts[HUMANITIX].pk: 1,
        }
