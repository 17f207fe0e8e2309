"""The truth against a reader that counts from the JSON, and against sums done by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from housecount_sandbox import HandClock, World
from housecount_sandbox.eventbrite.routes import EventbriteApi
from housecount_sandbox.exchange import Question
from housecount_sandbox.humanitix.routes import HumanitixApi
from tests.sandbox import recount
from tests.sandbox.client import Client, Reply
from tests.sandbox.conftest import TODAY, Running


class Direct(Client):
    """Asks a platform's logic without the network."""

    def __init__(self, api: Any, base: str, headers: dict[str, str]) -> None:
        self._api, self._path, self._sent = api, base, headers

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Reply:
        asked = {name: str(value) for name, value in (query or {}).items()}
        answer = self._api.respond(Question("GET", self._path + path, asked, self._sent))
        return Reply(answer.status, answer.headers, answer.body)


def count_everything(world: World) -> dict[recount.Key, recount.Figures]:
    world.limits.eventbrite_per_hour = world.limits.humanitix_per_minute = 0
    found: dict[recount.Key, recount.Figures] = {}
    for account in world.eventbrite.accounts:
        client = Direct(EventbriteApi(world), "/v3", {"authorization": f"Bearer {account.token}"})
        found |= recount.eventbrite_account(client.walk_eventbrite, account.organization_id)
    for host in world.humanitix.accounts:
        client = Direct(HumanitixApi(world), "/v1", {"x-api-key": host.key})
        found |= recount.humanitix_account(client.walk_humanitix, host.regions)
    return found


def told(world: World, **reads: Any) -> dict[recount.Key, recount.Figures]:
    return {
        (each["platform"], each["external_event_id"], each["external_session_id"]): {
            name: each[name] for name in recount.NAMES
        }
        for each in world.truth_document(**reads)["listings"]
    }


def test_a_reader_of_the_small_season_over_http_counts_the_truth(small: Running) -> None:
    found = recount.eventbrite_account(small.eventbrite.walk_eventbrite, small.account.organization_id)
    found |= recount.eventbrite_account(
        small.other_eventbrite.walk_eventbrite, small.other_account.organization_id
    )
    found |= recount.humanitix_account(small.humanitix.walk_humanitix, small.host.regions)
    assert found == told(small.world)
    assert sum(figures["sold"] for figures in found.values()) > 200


def test_a_reader_of_a_full_season_counts_the_truth() -> None:
    world = World.full(seed=2, today=TODAY, orders=2_000, now=HandClock(TODAY))
    assert count_everything(world) == told(world)


def test_a_reader_counts_the_truth_after_every_kind_of_happening(clock: HandClock) -> None:
    world = World.small(seed=5, now=clock)
    for _ in range(5):
        clock.advance(minutes=7)
        done = world.advance(40)
        assert len(done) == 40
        assert count_everything(world) == told(world)


def test_eventbrite_by_hand(blank: World) -> None:
    event = blank.add_eventbrite_event(
        "By hand", TODAY + timedelta(days=9), tickets=[("A", 3000)], tax_rate=1000
    )
    first = blank.buy(event, 2)
    blank.buy(event, 1, comp=True)
    blank.buy(event, 1, percent_off=50)
    gone = blank.buy(event, 2)
    blank.refund(gone, gone.attendees[:1])
    blank.cancel(first, first.attendees[:1])
    fee, payment = 30_00 * 480 // 10_000 + 69, (3000 + 213) * 240 // 10_000
    assert (fee, payment) == (213, 77)
    half_fee = 72 + 69
    half_payment = (1500 + half_fee) * 240 // 10_000
    (listing,) = blank.truth()
    figures = listing.figures
    assert (figures.orders, figures.sold, figures.comps, figures.cancelled) == (4, 3, 1, 2)
    assert figures.gross == 2 * 3300 + 1650 + 3300
    assert figures.refunds == 3300
    assert figures.discounts == 1500
    assert figures.tax == 3 * 300 + 150
    assert figures.passed_on_fees == 4 * (fee + payment) + half_fee + half_payment
    assert (figures.absorbed_fees, figures.extras, figures.net) == (0, 0, figures.gross)


def test_eventbrite_with_fees_in_the_price_by_hand(blank: World) -> None:
    event = blank.add_eventbrite_event("Inside", TODAY, tickets=[("A", 3500)], include_fee=True)
    blank.buy(event, 2)
    (listing,) = blank.truth()
    assert listing.figures.gross == 7000
    assert listing.figures.absorbed_fees == 2 * (168 + 69 + 84)
    assert listing.figures.net == 7000 - listing.figures.absorbed_fees
    assert listing.figures.passed_on_fees == 0


def test_humanitix_by_hand(blank: World) -> None:
    event = blank.add_humanitix_event(
        "By hand", TODAY, tickets=[("A", 3300)], fee_mode="split", tax_rate=1000, rebate=50
    )
    blank.buy(event, 3)
    blank.buy(event, 2, comp=True)
    kept = blank.buy(event, 1)
    blank.refund(kept, void=False)
    part = blank.buy(event, 2)
    blank.refund(part, amount=1100)
    void = blank.buy(event, 2)
    blank.cancel(void, void.tickets[:1])
    (listing,) = blank.truth()
    figures = listing.figures
    assert (figures.orders, figures.sold, figures.comps, figures.cancelled) == (5, 6, 3, 1)
    assert figures.gross == 7 * 3300 - 1100
    assert figures.refunds == 3300 + 1100
    assert figures.tax == 7 * 300 - 100
    fee = 132 + 99
    assert figures.absorbed_fees == 8 * (fee // 2)
    assert figures.passed_on_fees == 8 * (fee - fee // 2)
    assert figures.rebates == 8 * 50
    assert figures.net == figures.gross - figures.absorbed_fees + figures.rebates


def test_a_partial_refund_counts_only_for_who_saw_the_order_before(blank: World) -> None:
    event = blank.add_eventbrite_event("Part", TODAY)
    before = blank.revision
    order = blank.buy(event, 1)
    between = blank.revision
    blank.refund(order, amount=1000)
    after = blank.revision

    def refunds(**reads: Any) -> int:
        return blank.truth(**reads)[0].figures.refunds

    assert refunds() == 0
    assert refunds(first_read=before) == 1000
    assert refunds(first_read=after) == 0
    assert refunds(reads=[before, after]) == 0
    assert refunds(reads=[between, after]) == 1000
    assert blank.truth()[0].figures.gross == 1500


def test_toggling_the_fee_counts_by_the_class_as_it_is_now(blank: World) -> None:
    event = blank.add_eventbrite_event("Toggle", TODAY, tickets=[("A", 3000)])
    blank.buy(event, 1)
    before = blank.truth()[0].figures
    blank.toggle_include_fee(event.ticket_classes[0])
    after = blank.truth()[0].figures
    assert after.absorbed_fees == before.passed_on_fees > 0
    assert after.gross == before.gross + before.passed_on_fees
    assert after.net == before.net
    assert count_everything(blank) == told(blank)


def test_what_is_deleted_leaves_the_truth_and_a_deleted_date_stays(blank: World) -> None:
    listing = blank.add_humanitix_event("Dates", [TODAY, TODAY + timedelta(days=7)])
    blank.buy(listing, 2, date=listing.dates[1])
    event = blank.add_eventbrite_event("Gone", TODAY)
    order = blank.buy(event, 2)
    blank.delete_order(order)
    assert told(blank)["eventbrite", event.id, None]["orders"] == 0
    blank.delete_event(event)
    blank.delete_event(listing, listing.dates[1])
    assert set(told(blank)) == {("humanitix", listing.id, date.id) for date in listing.dates}
    assert told(blank)["humanitix", listing.id, listing.dates[1].id]["sold"] == 2


def test_listings_of_one_show_are_told_together(small: Running) -> None:
    shows = {each["show"]: each["listings"] for each in small.world.truth_document()["shows"]}
    both = [members for members in shows.values() if {each["platform"] for each in members} > {"eventbrite"}]
    assert len(both) == 3
    assert all(len(members) == 2 for members in both)
