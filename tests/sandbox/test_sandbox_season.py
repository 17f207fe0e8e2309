"""The season: big enough, believable, the same for the same seed and day."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from time import thread_time
from zoneinfo import ZoneInfo

import pytest

from housecount_sandbox import HandClock, World
from housecount_sandbox.specials import clock_change
from tests.sandbox.conftest import TODAY

MELBOURNE = ZoneInfo("Australia/Melbourne")


@pytest.fixture(scope="module")
def season() -> World:
    return World.full(seed=1, today=TODAY, now=HandClock(TODAY))


def test_it_is_a_whole_season(season: World) -> None:
    eventbrite, humanitix = len(season.eventbrite.orders), len(season.humanitix.orders)
    assert eventbrite + humanitix >= 25_000
    assert 0.8 < eventbrite / humanitix < 1.25
    document = season.truth_document()
    assert len(document["shows"]) >= 60
    both = [
        show
        for show in document["shows"]
        if {each["platform"] for each in show["listings"]} == {"eventbrite", "humanitix"}
    ]
    assert len(both) >= 12
    assert all(len(account.orders) > 1_000 for account in season.eventbrite.accounts)
    assert {event.currency for event in season.humanitix.events.values()} == {"AUD", "NZD", "GBP"}
    assert {event.location for event in season.humanitix.events.values()} == {"AU", "NZ"}


def test_shows_lie_behind_and_ahead(season: World) -> None:
    starts = [listing.starts_at for listing in season.truth()]
    assert sum(start < TODAY for start in starts) > 60
    assert sum(start > TODAY + timedelta(days=60) for start in starts) > 20
    sold_ahead = sum(
        listing.figures.sold for listing in season.truth() if listing.starts_at > TODAY + timedelta(days=1)
    )
    assert sold_ahead > 5_000


def test_nothing_is_sold_in_the_future_or_after_the_curtain(season: World) -> None:
    for order in season.eventbrite.orders.values():
        assert order.created <= TODAY
        assert order.created <= order.event.start + timedelta(minutes=30)
    for sold in season.humanitix.orders.values():
        assert sold.completed <= TODAY
        assert sold.completed <= sold.date.start


def test_people_buy_late_and_in_the_evening(season: World) -> None:
    hours: Counter[int] = Counter()
    late = whole = 0
    for order in season.eventbrite.orders.values():
        hours[order.created.astimezone(ZoneInfo(order.event.timezone)).hour] += 1
        if order.event.start < TODAY:
            whole += 1
            late += order.event.start - order.created < timedelta(days=7)
    assert sum(hours[hour] for hour in (18, 19, 20, 21)) > 3 * sum(hours[hour] for hour in (2, 3, 4, 5))
    assert late / whole > 0.25


def test_rooms_are_well_filled_and_never_overfull(season: World) -> None:
    fills = []
    for event in season.eventbrite.events.values():
        sold = sum(each.sold for each in event.ticket_classes if each.category == "admission")
        if event.children is None and event.capacity:
            assert sold <= event.capacity
            fills += [sold / event.capacity] if event.start < TODAY else []
    for listing in season.humanitix.events.values():
        for date in listing.dates:
            counted = [
                ticket
                for order in listing.orders
                if order.date is date
                for ticket in order.tickets
                if ticket.valid and not ticket.ticket_type.is_donation
            ]
            assert (
                len(counted) == date.sold <= max(listing.total_capacity, date.sold * (listing.room is None))
            )
            fills += (
                [date.sold / listing.total_capacity] if listing.total_capacity and date.start < TODAY else []
            )
    assert 0.6 < sum(fills) / len(fills) < 0.95


def test_refunds_comps_and_fees_are_of_a_believable_size(season: World) -> None:
    total = season.truth_document()["totals"]["AUD"]
    assert 0.005 < total["refunds"] / total["gross"] < 0.06
    assert 0.005 < total["comps"] / total["sold"] < 0.06
    assert 0.05 < (total["absorbed_fees"] + total["passed_on_fees"]) / total["gross"] < 0.12
    assert min(total.values()) > 0


def test_same_seed_same_day_same_season() -> None:
    def made(seed: int, day: datetime) -> object:
        world = World.full(seed=seed, today=day, orders=600, now=HandClock(day))
        return world.truth_document(), world.credentials(), list(world.humanitix.tickets)[:50]

    assert made(4, TODAY) == made(4, TODAY)
    assert made(4, TODAY) != made(5, TODAY)
    assert made(4, TODAY) != made(4, TODAY + timedelta(days=1))


@pytest.mark.parametrize("orders", [100, 1_000, 5_000])
def test_the_size_can_be_chosen(orders: int) -> None:
    world = World.full(seed=1, today=TODAY, orders=orders, now=HandClock(TODAY))
    made = len(world.eventbrite.orders) + len(world.humanitix.orders)
    assert orders <= made <= orders + 500


def test_making_it_is_quick() -> None:
    begun = thread_time()
    World.full(seed=2, today=TODAY, orders=5_000, now=HandClock(TODAY))
    # A fifth of the season in a fifth of three seconds, twice over for a slow machine.
    assert thread_time() - begun < 1.2


@pytest.mark.parametrize("month", range(1, 13))
def test_any_day_of_the_year_has_a_night_on_which_clocks_change(month: int) -> None:
    today = datetime(2026, month, 15, 9, tzinfo=UTC)
    night = clock_change(today, "Australia/Melbourne")
    begin = night.astimezone(MELBOURNE)
    assert begin.hour == 22
    assert begin.utcoffset() != (night + timedelta(hours=6)).astimezone(MELBOURNE).utcoffset()
    world = World.small(seed=1, today=today, now=HandClock(today))
    assert sum(each.figures.sold for each in world.truth() if "Hour Marathon" in each.title) > 15


def test_the_small_season_holds_every_special_case() -> None:
    world = World.small(seed=1, today=TODAY, now=HandClock(TODAY))
    shop, host = world.eventbrite, world.humanitix
    assert 120 <= len(shop.orders) + len(host.orders) <= 220
    attendees = [each for order in shop.orders.values() for each in order.attendees]
    assert {(each.cancelled, each.refunded) for each in attendees} == {
        (False, False),
        (True, True),
        (True, False),
    }
    assert any(each.deleted for each in attendees)
    assert any(each.guestlist_id for each in attendees)
    assert {each.ticket_class.category for each in attendees} == {"admission", "add_on", "donation"}
    assert {order.status for order in shop.orders.values()} == {"placed", "started", "pending", "abandoned"}
    assert any(len(order.attendees) == 60 for order in shop.orders.values())
    assert any(event.state == "canceled" for event in shop.events.values())
    assert any("\u0600" < event.name[0] < "\u06ff" for event in shop.events.values())
    assert any("🎤" in event.name for event in shop.events.values())
    sold_out = [event for event in shop.events.values() if event.series is not None]
    assert all(each.ticket_classes[0].sold == each.ticket_classes[0].capacity for each in sold_out)
    tickets = host.tickets.values()
    assert any(each.package for each in tickets)
    assert any(each.swapped_from for each in tickets)
    kinds = {(each.valid, each.refund > 0) for each in tickets}
    assert kinds == {(True, False), (True, True), (False, True), (False, False)}
    assert any(len(event.dates) > 1 for event in host.events.values())
    doors = [each for each in world.truth() if each.show == "the everything night"]
    assert doors[1].starts_at - doors[0].starts_at == timedelta(minutes=30)
