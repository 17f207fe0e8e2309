"""Whole reads over real HTTP, held against what the sandbox knows to be true."""

import asyncio
import gc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from housecount.core.counting import Figures
from housecount.platforms.base.records import Order
from housecount.platforms.http.budget import Breaker, Budget
from housecount.platforms.http.client import Client
from housecount.platforms.http.profile import Profile
from housecount.sync import pages, services, store
from housecount.sync.models import CredentialBudget
from housecount.sync.reader import Silent
from housecount.tenancy.identity import Identity, acting_as
from housecount_sandbox.world import World
from tests.promoters import Clock, Promoter, impatient_client, served
from tests.sync.theatre import HUMANITIX, MELBOURNE, Theatre, theatre

pytestmark = pytest.mark.slow
BOTH = pytest.mark.parametrize("number", [0, 1], ids=["eventbrite", "humanitix"])


def chosen(stage: Theatre, number: int) -> Any:
    """An event of either platform."""
    return [stage.friday, stage.cellar][number]


def tickets_of(order: Any) -> list[Any]:
    return list(order.attendees if hasattr(order, "attendees") else order.tickets)


def no_errors(runs: list[Any]) -> None:
    assert [run.error for run in runs] == ["" for _ in runs]


def test_a_first_read_counts_what_is_true() -> None:
    with served(World.small()) as sandbox:
        promoter = Promoter(sandbox)
        runs = promoter.read()
        no_errors(runs)
        assert all(run.full and run.complete for run in runs)
        assert promoter.count() == promoter.truth()
        assert promoter.differences() == []
        again = promoter.read(full=True)
        assert [(run.orders_changed, run.tickets_changed) for run in again] == [(0, 0)] * 3


def test_a_season_is_counted_to_the_cent() -> None:
    clock = Clock()
    with served(World.full(seed=5, today=clock(), orders=600, now=clock)) as sandbox:
        promoter = Promoter(sandbox, clock)
        no_errors(promoter.read())
        count = promoter.count()
        assert len(count) > 150
        assert count == promoter.truth()
        assert promoter.differences() == []
        clock.pass_by(minutes=20)
        sandbox.world.advance(60)
        clock.pass_by(minutes=5)
        no_errors(promoter.read())
        assert without_refunds(promoter.count()) == without_refunds(promoter.truth())
        assert promoter.count() != count


def without_refunds(count: dict[Any, Figures]) -> dict[Any, Figures]:
    """What the platform's truth says to a reader that comes now leaves out refunds only we could see."""
    return {key: figures._replace(refunds=0) for key, figures in count.items()}


# --- Incremental reads --------------------------------------------------------------------------------


@BOTH
def test_an_ordinary_read_sees_what_happened(stage: Theatre, number: int) -> None:
    event, world = chosen(stage, number), stage.world
    orders = [world.buy(event, 3) for _ in range(4)]
    whole, one, kept, cancelled = orders
    stage.read()
    happenings: dict[str, Callable[[], Any]] = {
        "sale": lambda: world.buy(event, 2),
        "comp": lambda: world.buy(event, 1, comp=True),
        "refund": lambda: world.refund(whole),
        "refund of one": lambda: world.refund(one, tickets_of(one)[:1]),
        "refund that leaves the seats": lambda: world.refund(kept, void=False),
        "cancellation": lambda: world.cancel(cancelled, tickets_of(cancelled)[:2]),
    }
    for name, happen in happenings.items():
        before = stage.promoter.count()
        stage.clock.pass_by(minutes=40)
        happen()
        runs = stage.read(minutes=2)
        no_errors(runs)
        assert not any(run.full for run in runs)
        assert stage.promoter.count() != before, name
        assert stage.promoter.count() == stage.promoter.truth(), name
    assert stage.promoter.differences() == []


def snapshot(stage: Theatre) -> list[Any]:
    """Every row of the ledger with the transaction that wrote it last."""
    tables = (
        "raw_record",
        "order",
        "ticket",
        "sales_entry",
        "listing_total",
        "listing",
        "show",
        "ticket_type",
    )
    found = []
    with acting_as(stage.promoter.identity), connection.cursor() as cursor:
        for table in (*(f"box_office_{name}" for name in tables), "box_office_set_aside", "sync_bookmark"):
            cursor.execute(f"SELECT '{table}', t.xmin::text, t.ctid::text FROM {table} t ORDER BY 2, 3")
            found += cursor.fetchall()
    return found


def test_a_read_that_brings_nothing_new_writes_nothing_and_asks_little(read_stage: Theatre) -> None:
    stage = read_stage
    stage.read()  # the first after a sweep may still move a bookmark
    before = snapshot(stage)
    assert len(before) > 30
    runs = stage.read(minutes=90)
    no_errors(runs)
    assert snapshot(stage) == before
    melbourne, sydney, humanitix = (run.requests for run in runs)
    # The catalogue, the changed orders and the changed attendees; and each order within the overlap once more.
    assert (melbourne, sydney) == (3 + 2, 3 + 1)
    # The catalogue of two regions; of each of two events the changed orders, and, because the newest of them is
    # always within the overlap, the changed tickets of either status.
    assert humanitix == 2 + 2 * 3
    sweep = stage.read(full=True)
    no_errors(sweep)
    assert [row for row in snapshot(stage) if row[0] != "sync_bookmark"] == [
        row for row in before if row[0] != "sync_bookmark"
    ]


def test_an_account_that_never_sold_is_not_read_whole_again_and_again(database: str) -> None:
    clock = Clock()
    world = World.blank(seed=3, now=clock)
    for day in range(12):
        world.add_eventbrite_event(f"Open Mic {day}", clock() + timedelta(days=5 + day))
    with served(world) as sandbox:
        promoter = Promoter(sandbox, clock)
        promoter.read()
        clock.pass_by(minutes=5)
        melbourne, *_ = promoter.read()
        assert melbourne.requests == 3
        world.buy(world.eventbrite.accounts[0].events[4])
        clock.pass_by(minutes=5)
        promoter.read()
        assert promoter.count() == promoter.truth() != {}


def test_an_event_that_is_new_between_reads_is_read_whole(read_stage: Theatre) -> None:
    stage = read_stage
    start, long_ago = stage.clock() + timedelta(days=30), stage.clock() - timedelta(days=10)
    made: list[Any] = [
        stage.world.add_eventbrite_event("Extra Night", start),
        stage.world.add_humanitix_event("Second Extra Night", start + timedelta(days=9)),
    ]
    for event in made:
        for day in range(3):
            stage.world.buy(event, 2, at=long_ago + timedelta(days=day))
    no_errors(stage.read())
    for event in made:
        assert stage.figures()[event.id].sold == 6
        assert stage.reason(event) is None
    assert stage.promoter.count() == stage.promoter.truth()


# --- Bookmarks ----------------------------------------------------------------------------------------


class Broken(Exception):
    """A mistake of ours, or the end of the process."""


@BOTH
def test_a_bookmark_never_moves_past_a_page_that_was_not_stored(
    read_stage: Theatre, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = read_stage
    before, figures = stage.bookmarks([MELBOURNE, HUMANITIX][number]), stage.figures()
    for _ in range(2):
        stage.clock.pass_by(minutes=30)
        stage.world.buy(chosen(stage, number))

    def break_off(account: Any, page: Any, read_at: Any, claimed: Any) -> Any:
        raise Broken

    for full in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(store, "store_page", break_off)
            run = stage.read(full=full)[[MELBOURNE, HUMANITIX][number]]
        assert (run.complete, run.error_code) == (False, "internal_error")
        assert stage.bookmarks([MELBOURNE, HUMANITIX][number]) == before
        assert stage.figures() == figures
        assert stage.reason(chosen(stage, number))
    no_errors(stage.read())
    assert stage.promoter.count() == stage.promoter.truth()
    assert not any(stage.reason(event) for event in stage.events)


def test_a_read_that_ends_between_the_page_and_the_bookmark_counts_nothing_twice(
    read_stage: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = read_stage
    stage.clock.pass_by(minutes=60)
    stage.sell(2)

    def break_off(account: Any, moved: Any) -> None:
        raise Broken

    with monkeypatch.context() as patch:
        patch.setattr(store, "move_bookmarks", break_off)
        runs = stage.read()
    assert not any(run.complete for run in runs)
    lines = len(stage.entries())
    no_errors(stage.read())
    assert stage.promoter.count() == stage.promoter.truth()
    assert len(stage.entries()) >= lines
    lines = len(stage.entries())
    no_errors(stage.read())
    assert len(stage.entries()) == lines


@BOTH
def test_what_shows_late_is_within_the_overlap(read_stage: Theatre, number: int) -> None:
    """Lists lag: an order may show after a younger one was read."""
    stage = read_stage
    event = chosen(stage, number)
    stage.clock.pass_by(hours=2)
    stage.world.buy(event)
    no_errors(stage.read(minutes=1))
    stage.world.buy(event, 4, at=stage.clock() - timedelta(minutes=14))
    no_errors(stage.read(minutes=1))
    assert stage.promoter.count() == stage.promoter.truth()


@BOTH
def test_what_shows_later_than_the_overlap_is_brought_by_a_sweep(read_stage: Theatre, number: int) -> None:
    stage = read_stage
    event = chosen(stage, number)
    stage.clock.pass_by(hours=5)
    stage.world.buy(event)
    no_errors(stage.read(minutes=1))
    stage.world.buy(event, 4, at=stage.clock() - timedelta(hours=3))
    no_errors(stage.read(minutes=1))
    assert stage.promoter.count() != stage.promoter.truth(), "this test shows nothing any more"
    assert stage.healed()


@pytest.mark.parametrize("hours", [-1, 1], ids=["behind", "ahead"])
def test_a_clock_that_is_an_hour_off_loses_nothing(stage: Theatre, hours: int) -> None:
    """Ours against the platforms': ordinary reads see all, because bookmarks are made of the platforms' times."""
    stage.promoter.now = lambda: stage.clock() + timedelta(hours=hours)
    no_errors(stage.read())
    for step in range(3):
        stage.clock.pass_by(minutes=7)
        order = stage.world.buy(stage.friday, 2)
        other = stage.world.buy(stage.cellar, 3)
        stage.clock.pass_by(minutes=3)
        stage.world.refund(order, tickets_of(order)[:1])
        stage.world.cancel(other, tickets_of(other)[:1])
        no_errors(stage.read(minutes=1))
        assert stage.promoter.count() == stage.promoter.truth(), f"step {step}"
    assert stage.healed()


# --- What is not there any more -----------------------------------------------------------------------


@BOTH
def test_a_sweep_proves_a_deleted_order_gone_and_keeps_its_history(stage: Theatre, number: int) -> None:
    event = chosen(stage, number)
    order = stage.world.buy(event, 5)
    stage.read()
    lines = len(stage.entries())
    stage.world.delete_order(order)
    no_errors(stage.read())
    assert stage.figures()[event.id].sold == 7, "absence from a list of changes proves nothing"
    no_errors(stage.read(full=True))
    assert stage.figures()[event.id].sold == 2
    assert stage.promoter.count() == stage.promoter.truth()
    assert len(stage.entries()) > lines
    assert sum(entry.sold for entry in stage.entries() if entry.order_id == order.id) == 0
    assert stage.promoter.differences() == []


def test_a_sweep_proves_a_vanished_ticket_gone(stage: Theatre) -> None:
    order = stage.world.buy(stage.cellar, 3)
    stage.read()
    lost = order.tickets.pop()
    del stage.world.humanitix.tickets[lost.id]
    stage.world.stage.step()
    no_errors(stage.read(full=True))
    assert stage.figures()[stage.cellar.id].sold == 4
    assert stage.promoter.differences() == []


@BOTH
def test_an_event_that_vanished_is_gone_with_its_orders_and_can_come_back(
    read_stage: Theatre, number: int
) -> None:
    stage = read_stage
    event = chosen(stage, number)
    shop: Any = [stage.world.eventbrite, stage.world.humanitix][number]
    stage.clock.pass_by(hours=5)
    stage.sell()
    stage.read()
    orders, account = list(event.orders), event.account
    figures = stage.figures()[event.id]
    stage.world.delete_event(event)
    no_errors(stage.read())
    assert stage.listings()[event.id].listing.gone_at is not None
    assert stage.figures()[event.id] == Figures()
    assert stage.promoter.count() == stage.promoter.truth()
    stage.clock.pass_by(hours=3)
    stage.world.stage.step()
    shop.events[event.id] = event
    account.events.append(event)
    for order in orders:
        order.gone = False
        shop.orders[order.id] = order
        event.orders.append(order)
        if number == 0:
            account.orders.append(order)
        else:
            shop.tickets.update({ticket.id: ticket for ticket in order.tickets})
    no_errors(stage.read())
    assert stage.listings()[event.id].listing.gone_at is None
    assert stage.figures()[event.id] == figures, "its orders are older than every bookmark"
    assert stage.healed()


def test_a_deleted_date_keeps_its_orders_and_an_empty_one_goes(stage: Theatre) -> None:
    start = stage.clock() + timedelta(days=25)
    run = stage.world.add_humanitix_event("Fringe Run", [start + timedelta(days=day) for day in range(3)])
    sold, empty, left = run.dates
    stage.world.buy(run, 2, date=sold)
    stage.world.buy(run, 3, date=left)
    stage.read()
    for date in (sold, empty):
        stage.world.delete_event(run, date)
    for full in (False, True):
        no_errors(stage.read(full=full))
        by_date = {
            each.listing.session_id: each
            for show in stage.promoter.shows()
            for each in show.listings
            if each.listing.event_id == run.id
        }
        assert by_date[sold.id].figures.sold == 2
        assert by_date[sold.id].listing.gone_at is None
        assert by_date[empty.id].listing.gone_at is not None
        assert by_date[left.id].figures.sold == 3
        assert stage.promoter.count() == stage.promoter.truth()


@BOTH
def test_too_many_missing_orders_are_not_believed(
    stage: Theatre, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = chosen(stage, number)
    orders = [stage.world.buy(event) for _ in range(5)]
    stage.read()
    before, ages = stage.figures(), stage.ages()
    monkeypatch.setattr(pages, "MOST_ABSENT", 4)
    for order in orders:
        stage.world.delete_order(order)
    run = stage.read(full=True)[[MELBOURNE, HUMANITIX][number]]
    assert (run.complete, run.error_code) == (False, "contract_changed")
    assert "5 orders" in run.error
    assert stage.figures() == before
    assert stage.ages()[event.id] == ages[event.id]
    assert (stage.reason(event) or "").startswith(run.error)
    monkeypatch.setattr(pages, "MOST_ABSENT", 5)
    assert stage.healed()


@BOTH
def test_what_a_list_leaves_out_but_the_platform_has_stays(stage: Theatre, number: int) -> None:
    event = chosen(stage, number)
    stage.read()
    stage.clock.pass_by(minutes=30)
    stage.world.buy(event, 4)
    no_errors(stage.read())
    before, lines = stage.figures(), len(stage.entries())
    assert before[event.id].sold == 6
    lagging = {"kind": "stale", "behind": 1, "path": f"/events/{event.id}/(orders|tickets)/?$"}
    stage.sandbox.faults.set([lagging])
    no_errors(stage.read(full=True))
    assert stage.figures() == before
    assert len(stage.entries()) == lines


# --- Several who read, and much to read ---------------------------------------------------------------


def test_organisations_with_one_key_share_its_budget_and_nothing_else(database: str) -> None:
    credentials: set[str] = set()

    def patient_client(profile: Profile, budget: Budget, breaker: Breaker) -> Client:
        credentials.add(profile.credential)
        return Client(profile, budget, breaker)

    with theatre(seed=815) as stage:
        other = Promoter(stage.sandbox, stage.clock)
        requests = 0
        for promoter in (stage.promoter, other):
            account = promoter.accounts[HUMANITIX]
            reading = services.read_account(
                account.organisation_id, account.id, client_of=patient_client, now=stage.clock
            )
            requests += asyncio.run(reading).requests
        [credential] = credentials
        with acting_as(Identity.system()):
            assert CredentialBudget.objects.get(credential=credential).used == requests
        assert stage.promoter.count() == other.count() != {}
        ids = [
            {each.listing.id for show in promoter.shows() for each in show.listings}
            for promoter in (stage.promoter, other)
        ]
        assert ids[0].isdisjoint(ids[1])
        with acting_as(other.identity):
            from housecount.box_office.models import SalesEntry

            assert set(SalesEntry.objects.values_list("organisation_id", flat=True)) == {
                other.organisation_id
            }


class Counting(Silent):
    """How many order records are alive at most while pages are stored."""

    def __init__(self) -> None:
        self.most = 0
        self.read = 0

    def stored(self, account: str, orders: int) -> None:
        self.read += orders
        alive = sum(isinstance(each, Order) for each in gc.get_objects())
        self.most = max(self.most, alive)


@BOTH
def test_pages_are_not_kept(stage: Theatre, number: int) -> None:
    event = chosen(stage, number)
    for minute in range(900):
        stage.world.buy(event, at=stage.clock() - timedelta(days=2, minutes=minute))
    counting = Counting()
    account = stage.promoter.accounts[[MELBOURNE, HUMANITIX][number]]
    reading = services.read_account(
        account.organisation_id, account.id, client_of=impatient_client, now=stage.clock, progress=counting
    )
    assert asyncio.run(reading).complete
    assert counting.read >= 900
    assert 0 < counting.most <= 300, "a page is 100 orders at most, and each is let go when it is stored"


def test_what_cannot_be_read_when_it_is_asked_for_again_is_not_taken_for_gone(stage: Theatre) -> None:
    stage.read()
    before = stage.world.revision
    order = stage.world.buy(stage.cellar, 5)
    stage.read()
    figures = stage.figures()[stage.cellar.id]
    listed = f"/events/{stage.cellar.id}/(orders|tickets)$"
    stage.sandbox.faults.set(
        [
            {"kind": "stale", "platform": "humanitix", "path": listed, "revision": before},
            {"kind": "server_error", "platform": "humanitix", "path": f"/orders/{order.id}$"},
            {"kind": "server_error", "platform": "humanitix", "path": f"/tickets/{order.tickets[0].id}$"},
        ]
    )
    no_errors(stage.read(full=True))
    assert stage.figures()[stage.cellar.id] == figures
    assert set(stage.set_aside()) == {order.id}
    assert stage.healed()
    assert stage.set_aside() == {}
