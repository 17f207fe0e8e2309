"""Every habit of Humanitix's API that a client must live with."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from housecount_sandbox import World
from tests.sandbox.client import Client, Reply
from tests.sandbox.conftest import TODAY, Running

SOON = TODAY + timedelta(days=5)


def refusal(reply: Reply) -> tuple[int, str]:
    assert set(reply.json) == {"statusCode", "error", "message"}
    assert reply.json["statusCode"] == reply.status
    return reply.status, reply.json["message"]


def everything_night(small: Running) -> Any:
    return next(event for event in small.host.events if event.name.startswith("Everything"))


def moment(text: str) -> datetime:
    assert len(text) == 24
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


# Transport


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-api-key": "short"}, (400, "Invalid api key format provided.")),
        ({"x-api-key": "Z" * 96}, (400, "Invalid api key format provided.")),
        ({"x-api-key": "a" * 96}, (401, "Invalid API Key.")),
        ({}, (403, "Missing api key.")),
        ({"Authorization": "Bearer x"}, (403, "Missing api key.")),
    ],
)
def test_three_bad_keys(empty: Running, headers: dict[str, str], expected: tuple[int, str]) -> None:
    client = Client(empty.sandbox.humanitix_url, headers)
    assert refusal(client.get("/events", {"page": 1})) == expected
    client.close()


def test_the_key_is_well_formed_and_can_be_revoked(empty: Running) -> None:
    assert len(empty.host.key) >= 64
    int(empty.host.key, 16)
    assert empty.humanitix.get("/events", {"page": 1}).status == 200
    empty.host.revoked = True
    assert refusal(empty.humanitix.get("/events", {"page": 1})) == (401, "Invalid API Key.")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "query should have required property 'page'"),
        ({"page": 1, "expand": "x"}, "query should NOT have additional properties 'expand'"),
        ({"page": 1, "status": "complete"}, "query should NOT have additional properties 'status'"),
        ({"page": 0}, "query.page should be >= 1"),
        ({"page": "one"}, "query.page should be >= 1"),
        ({"page": 1, "pageSize": 0}, "query.pageSize should be >= 1"),
        ({"page": 1, "pageSize": 101}, "query.pageSize should be <= 100"),
        ({"page": 1, "since": "2026-01-01"}, 'query.since should match format "date-time"'),
        ({"page": 1, "since": ""}, 'query.since should match format "date-time"'),
        ({"page": 1, "inFutureOnly": "True"}, "query.inFutureOnly should be boolean"),
        (
            {"page": 1, "overrideLocation": "au"},
            "query.overrideLocation should be equal to one of the allowed values",
        ),
    ],
)
def test_queries_are_strict(empty: Running, query: dict[str, Any], message: str) -> None:
    assert refusal(empty.humanitix.get("/events", query)) == (400, message)


def test_a_large_page_may_be_lowered_instead(empty: Running) -> None:
    empty.world.limits.humanitix_refuses_large_pages = False
    assert empty.humanitix.get("/events", {"page": 1, "pageSize": 500}).json["pageSize"] == 100


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/orders", 404),
        ("/tickets", 404),
        ("/webhooks", 404),
        ("/events/65f1000000000000000000e1", 404),
        ("/events/65f1000000000000000000e1/payouts", 404),
        ("/tags/65f1000000000000000000e1", 404),
        ("/global/events?page=1", 403),
    ],
)
def test_what_does_not_exist_or_is_not_ours(empty: Running, path: str, status: int) -> None:
    assert refusal(empty.humanitix.get(path))[0] == status


def test_the_limit_of_a_minute(empty: Running) -> None:
    empty.world.limits.humanitix_per_minute = 3
    for _ in range(3):
        assert empty.humanitix.get("/events", {"page": 1}).status == 200
        empty.clock.advance(seconds=10)
    over = empty.humanitix.get("/events", {"page": 1})
    assert refusal(over)[0] == 429
    assert "Retry-After" not in over.headers
    empty.world.limits.humanitix_retry_after = 17
    assert empty.humanitix.get("/events", {"page": 1}).headers["Retry-After"] == "17"
    empty.clock.advance(seconds=30)
    assert empty.humanitix.get("/events", {"page": 1}).status == 200


def test_the_default_limit_is_two_hundred_a_minute(blank: World) -> None:
    assert blank.limits.humanitix_per_minute == 200
    assert blank.limits.eventbrite_per_hour == 2_000


# Pages and regions


def test_pages_newest_first_in_the_exact_envelope(empty: Running) -> None:
    event = empty.world.add_humanitix_event("Many", SOON)
    for _ in range(45):
        empty.clock.advance(minutes=1)
        empty.world.buy(event, 2)
    path = f"/events/{event.id}/orders"
    first = empty.humanitix.get(path, {"page": 1, "pageSize": 20}).json
    assert set(first) == {"total", "pageSize", "page", "orders"}
    assert (first["total"], first["pageSize"], first["page"], len(first["orders"])) == (45, 20, 1, 20)
    rows = empty.humanitix.walk_humanitix(path, "orders", {"pageSize": 20})
    made = [row["createdAt"] for row in rows]
    assert made == sorted(made, reverse=True)
    assert len({row["_id"] for row in rows}) == 45
    assert empty.humanitix.get(path, {"page": 9}).json["orders"] == []
    tickets = empty.humanitix.walk_humanitix(f"/events/{event.id}/tickets", "tickets")
    made = [row["createdAt"] for row in tickets]
    assert made == sorted(made, reverse=True)
    assert len(tickets) == 90


def test_a_ticket_cancelled_during_the_walk_hides_another(empty: Running) -> None:
    event = empty.world.add_humanitix_event("Skipping", SOON)
    orders = [empty.world.buy(event) for _ in range(30)]
    path = f"/events/{event.id}/tickets"
    query = {"status": "complete", "pageSize": 20}
    first = empty.humanitix.get(path, {"page": 1, **query}).json["tickets"]
    empty.world.cancel(orders[-1])
    second = empty.humanitix.get(path, {"page": 2, **query}).json["tickets"]
    assert len({row["_id"] for row in first + second}) == 29


def test_other_regions_must_be_asked_for(small: Running) -> None:
    home = {row["name"] for row in small.humanitix.walk_humanitix("/events", "events")}
    abroad = small.humanitix.walk_humanitix("/events", "events", {"overrideLocation": "NZ"})
    assert [(row["name"], row["currency"], row["location"]) for row in abroad] == [
        ("Kia Ora Comedy Hui", "NZD", "NZ")
    ]
    assert "Kia Ora Comedy Hui" not in home
    path = f"/events/{abroad[0]['_id']}"
    assert refusal(small.humanitix.get(path)) == (404, f"Event with id: {abroad[0]['_id']} not found.")
    assert small.humanitix.get(path, {"overrideLocation": "NZ"}).json["_id"] == abroad[0]["_id"]
    assert small.humanitix.get(f"{path}/orders", {"page": 1}).status == 404
    assert small.humanitix.get(f"{path}/orders", {"page": 1, "overrideLocation": "NZ"}).json["total"] == 6


# Listings


def test_an_event_in_full(small: Running) -> None:
    event = everything_night(small)
    row = small.humanitix.get(f"/events/{event.id}").json
    assert row["startDate"].endswith(".724Z")
    assert row["timezone"] == "Australia/Melbourne"
    assert row["classification"]["subcategory"] == "comedy"
    assert row["tagIds"] == [small.host.tags[0].id]
    kinds = {kind["name"]: kind for kind in row["ticketTypes"]}
    assert kinds["Early Bird"]["disabled"] is True
    assert kinds["Mistake"]["deleted"] is True
    assert kinds["Buy the band a drink"]["isDonation"] is True
    assert kinds["Pay what you want"]["priceRange"] == {"enabled": True}
    assert kinds["Choose a price"]["priceOptions"]["options"] == [{"value": "10.00"}, {"value": "20.50"}]
    assert kinds["Friends"]["hiddenOptions"]["hidden"] is True
    table = next(each for each in row["packagedTickets"] if each["name"] == "Table of Four")
    assert (table["price"], table["tickets"][0]["quantity"]) == (Decimal("124.99"), 50)
    assert kinds["General Admission"]["price"] == Decimal("35.5")
    assert "status" not in row
    assert "affiliateCode" not in row
    tag = small.humanitix.get(f"/tags/{row['tagIds'][0]}").json
    assert small.humanitix.walk_humanitix("/tags", "tags") == [tag]


def test_old_rows_lack_fields_and_prices_are_ints_or_fractions(small: Running) -> None:
    rows = small.humanitix.walk_humanitix("/events", "events")
    old = next(row for row in rows if "Park" in row["name"])
    assert "url" not in old
    assert "classification" not in old
    assert old["eventLocation"] == {"type": "toBeAnnounced"}
    body = small.humanitix.get(f"/events/{everything_night(small).id}").body
    assert b'"price":35.5,' in body
    assert b'"price":28,' in body


def test_disabled_and_deleted_dates_are_listed_and_keep_their_orders(small: Running) -> None:
    row = next(
        row
        for row in small.humanitix.walk_humanitix("/events", "events")
        if row["name"].startswith("The Tue")
    )
    plain, disabled, deleted, empty_date = row["dates"]
    assert "deleted" not in plain
    assert (disabled["disabled"], deleted["deleted"], empty_date["deleted"]) == (True, True, True)
    path = f"/events/{row['_id']}/orders"
    for date, count in ((plain, 4), (disabled, 4), (deleted, 4), (empty_date, 0)):
        assert small.humanitix.get(path, {"page": 1, "eventDateId": date["_id"]}).json["total"] == count
    assert refusal(small.humanitix.get(path, {"page": 1, "eventDateId": "x"}))[0] == 400


def test_events_by_future_and_by_update(empty: Running) -> None:
    past = empty.world.add_humanitix_event("Past", TODAY - timedelta(days=3))
    mixed = empty.world.add_humanitix_event("Mixed", [TODAY - timedelta(days=3), SOON])

    def listed(**query: str) -> set[str]:
        return {row["_id"] for row in empty.humanitix.walk_humanitix("/events", "events", query)}

    assert listed() == {past.id, mixed.id}
    assert listed(inFutureOnly="true") == {mixed.id}
    empty.clock.advance(hours=1)
    empty.world.move(past, SOON)
    assert listed(since="2026-11-22T09:30:00Z") == {past.id}
    assert listed(inFutureOnly="true") == {past.id, mixed.id}


# Orders


def test_times_of_a_sale(empty: Running) -> None:
    event = empty.world.add_humanitix_event("Times", SOON)
    order = empty.world.buy(event, 3)
    row = empty.humanitix.get(f"/events/{event.id}/orders/{order.id}").json
    tickets = empty.humanitix.walk_humanitix(f"/events/{event.id}/tickets", "tickets")
    ahead = [(moment(row["createdAt"]) - moment(each["createdAt"])) for each in tickets]
    assert all(timedelta(milliseconds=20) <= each <= timedelta(milliseconds=90) for each in ahead)
    last = max(moment(each["createdAt"]) for each in tickets)
    assert moment(row["incompleteAt"]) == last + timedelta(minutes=22)
    assert row["updatedAt"] == row["completedAt"]
    assert {moment(each["updatedAt"]) - moment(row["updatedAt"]) for each in tickets} == {
        timedelta(milliseconds=15)
    }


def test_a_refund_touches_all_siblings_and_zeroes_the_cancelled(empty: Running) -> None:
    event = empty.world.add_humanitix_event("Refund", SOON, tickets=[("A", 3000)])
    order = empty.world.humanitix.buy(event, event.dates[0], [(event.ticket_types[0], 3)], totals_v2=True)
    path = f"/events/{event.id}"
    before = empty.humanitix.get(f"{path}/orders/{order.id}").json
    empty.clock.advance(hours=1)
    empty.world.refund(order, order.tickets[:1])
    after = empty.humanitix.get(f"{path}/orders/{order.id}").json
    assert (after["status"], after["financialStatus"]) == ("complete", "partiallyRefunded")
    assert after["purchaseTotals"] == before["purchaseTotals"] == before["totals"]
    now, then = after["totals"], before["totals"]
    assert (now["refunds"], now["netSales"], now["total"]) == (30, then["netSales"] - 30, then["total"] - 30)
    assert (now["subtotal"], now["grossSales"]) == (then["subtotal"], then["grossSales"])
    tickets = empty.humanitix.walk_humanitix(f"{path}/tickets", "tickets")
    assert len({each["updatedAt"] for each in tickets}) == 1
    assert moment(after["updatedAt"]) - moment(tickets[0]["updatedAt"]) == timedelta(milliseconds=20)
    (gone,) = (each for each in tickets if each["status"] == "cancelled")
    assert "cancelledAt" in gone
    assert [gone[name] for name in ("price", "netPrice", "fee", "total", "taxes", "discount")] == [0] * 6
    assert gone["totalsV2"]["refunds"] == gone["totalsV2"]["subTotal"]["afterTax"] == 30
    assert gone["totalsV2"]["payout"] == 30
    kept = [each for each in tickets if each["status"] == "complete"]
    assert sum(each["netPrice"] for each in kept) == now["netSales"]
    complete = empty.humanitix.walk_humanitix(f"{path}/tickets", "tickets", {"status": "complete"})
    cancelled = empty.humanitix.walk_humanitix(f"{path}/tickets", "tickets", {"status": "cancelled"})
    assert (len(complete), len(cancelled)) == (2, 1)
    since = {"since": "2026-11-22T09:59:00.000Z"}
    assert len(empty.humanitix.walk_humanitix(f"{path}/tickets", "tickets", since)) == 3
    assert len(empty.humanitix.walk_humanitix(f"{path}/orders", "orders", since)) == 1


def test_since_is_about_updates(empty: Running) -> None:
    event = empty.world.add_humanitix_event("Since", SOON)
    old = empty.world.buy(event)
    empty.clock.advance(hours=1)
    new = empty.world.buy(event)

    def since(text: str) -> set[str]:
        rows = empty.humanitix.walk_humanitix(f"/events/{event.id}/orders", "orders", {"since": text})
        return {row["_id"] for row in rows}

    assert since("2026-11-22T09:00:00Z") == {old.id, new.id}
    assert since("2026-11-22T10:00:00Z") == {new.id}
    assert since("2026-11-22T10:00:00.001Z") == set()
    assert since("2026-11-22T21:00:00+11:00") == {new.id}
    empty.clock.advance(minutes=5)
    empty.world.refund(old)
    assert since("2026-11-22T10:05:00Z") == {old.id}


def test_totals_obey_the_identities(small: Running) -> None:
    checked = 0
    for event in small.host.events:
        path = f"/events/{event.id}/orders"
        for row in small.humanitix.walk_humanitix(path, "orders", {"overrideLocation": event.location}):
            for totals in (row["totals"], row["purchaseTotals"]):
                gift = (
                    totals["clientDonation"]
                    if totals is row["purchaseTotals"]
                    else totals["netClientDonation"]
                )
                on_top = totals["passedOnFee"] + totals["amexFee"]
                subtotal, discounts, refunds = (totals[name] for name in ("subtotal", "discounts", "refunds"))
                assert totals["humanitixFee"] == totals["passedOnFee"] + totals["absorbedFee"]
                assert totals["bookingFee"] == totals["humanitixFee"] + totals["amexFee"]
                assert totals["grossSales"] == subtotal + on_top
                assert totals["netSales"] == subtotal - discounts - refunds - totals["absorbedFee"]
                assert totals["total"] == subtotal - discounts + on_top - refunds + gift
                checked += 1
            assert row["purchaseTotals"]["refunds"] == 0
    assert checked > 100


def test_every_live_value_occurs(small: Running) -> None:
    rows = small.humanitix.walk_humanitix(f"/events/{everything_night(small).id}/orders", "orders")
    assert {row["status"] for row in rows} == {"complete"}
    assert {row["financialStatus"] for row in rows} == {"free", "paid", "partiallyRefunded", "refunded"}
    assert {row["salesChannel"] for row in rows} == {"online", "manual", "boxOffice"}
    assert {row.get("paymentType") for row in rows} >= {"complimentary", "cash", "cheque", "voucher", None}
    assert {row["manualOrder"] for row in rows} == {True, False}
    assert any(row["totals"]["amexFee"] > 0 for row in rows)
    assert any(row["totals"]["rebates"] > 0 for row in rows)
    assert any("autoDiscount" in row.get("discounts", {}) for row in rows)
    assert any("discountCode" in row.get("discounts", {}) for row in rows)
    assert not any("userId" in row for row in rows)
    assert any("נועה" in row["firstName"] for row in rows)
    everywhere = small.humanitix.walk_humanitix("/events", "events")
    assert "GBP" in {row["currency"] for row in everywhere}


def test_tickets_of_packages_swaps_and_donations(small: Running) -> None:
    rows = small.humanitix.walk_humanitix(f"/events/{everything_night(small).id}/tickets", "tickets")
    groups: dict[str, list[Any]] = {}
    for row in rows:
        if "packageGroupId" in row:
            groups.setdefault(row["packageGroupId"], []).append(row)
    table = next(
        group
        for group in groups.values()
        if len(group) == 4 and all(each["status"] == "complete" for each in group)
    )
    assert sum(each["price"] for each in table) == table[0]["packagePrice"] == Decimal("124.99")
    assert len({each["price"] for each in table}) == 2
    new = next(row for row in rows if "swappedFrom" in row)
    old = next(row for row in rows if row["_id"] == new["swappedFrom"]["id"])
    assert (new["salesChannel"], new["status"], old["status"]) == ("swap", "complete", "cancelled")
    assert old["swappedTo"]["id"] == new["_id"]
    made = [row["createdAt"] for row in rows]
    assert made == sorted(made, reverse=True)
    donation = next(row for row in rows if row["isDonation"])
    assert (donation["price"], donation["fee"]) == (15, 0) or donation["price"] == 20
    assert all(row["number"] >= 1 and "email" not in row for row in rows)
    shown = [row for row in rows if row["status"] == "cancelled" and row["price"] > 0]
    assert len(shown) == 1


def test_absorbed_fees_come_out_of_the_price(empty: Running) -> None:
    event = empty.world.add_humanitix_event("Absorbed", SOON, tickets=[("A", 3000)], fee_mode="absorbed")
    order = empty.world.buy(event)
    totals = empty.humanitix.get(f"/events/{event.id}/orders/{order.id}").json["totals"]
    fee = Decimal("2.19")
    assert (totals["absorbedFee"], totals["passedOnFee"]) == (fee, 0)
    assert (totals["total"], totals["netSales"]) == (30, 30 - fee)
    (ticket,) = empty.humanitix.walk_humanitix(f"/events/{event.id}/tickets", "tickets")
    assert (ticket["price"], ticket["netPrice"], ticket["fee"], ticket["total"]) == (30, 30 - fee, fee, 30)


# Single rows and the door


def test_single_rows_and_their_absence(empty: Running) -> None:
    event, other = (empty.world.add_humanitix_event(name, SOON) for name in ("A", "B"))
    order = empty.world.buy(event)
    ticket = order.tickets[0]
    base = f"/events/{event.id}"
    assert empty.humanitix.get(f"{base}/orders/{order.id}").json["_id"] == order.id
    assert empty.humanitix.get(f"{base}/tickets/{ticket.id}").json["_id"] == ticket.id
    assert empty.humanitix.get(f"/events/{other.id}/orders/{order.id}").status == 404
    assert empty.humanitix.get(f"/events/{other.id}/tickets/{ticket.id}").status == 404
    assert refusal(empty.humanitix.get(f"{base}/orders/nonsense")) == (500, "Something went wrong.")


def test_the_door(empty: Running) -> None:
    event = empty.world.add_humanitix_event("Door", SOON)
    order = empty.world.buy(event, 2)
    empty.clock.advance(hours=1)
    path = f"/events/{event.id}/tickets/{order.tickets[0].id}"
    assert "checkIn" not in empty.humanitix.get(path).json
    reply = empty.humanitix.call("POST", f"{path}/check-in")
    assert reply.json["scanningMessages"][0]["header"] == "Checked in"
    assert empty.humanitix.get(path).json["checkIn"]["checkedIn"] is True
    count = f"/events/{event.id}/check-in-count"
    assert refusal(empty.humanitix.get(count))[0] == 400
    found = empty.humanitix.get(count, {"eventDateId": event.dates[0].id}).json
    assert (found["checkedIn"], found["ticketTypes"][0]["checkedIn"]) == (1, 1)
    empty.humanitix.call("POST", f"{path}/check-out")
    assert empty.humanitix.get(count, {"eventDateId": event.dates[0].id}).json["checkedIn"] == 0
    empty.world.cancel(order)
    assert refusal(empty.humanitix.call("POST", f"{path}/check-in"))[0] == 422


def test_no_more_goes_back_than_was_paid(empty: Running) -> None:
    event = empty.world.add_humanitix_event("Too much", SOON)
    order = empty.world.buy(event)
    with pytest.raises(ValueError, match="more would be given back"):
        empty.world.refund(order, amount=2501)
    empty.world.refund(order, amount=2500)
    assert order.financial_status == "refunded"
    with pytest.raises(ValueError, match="more would be given back"):
        empty.world.refund(order, amount=1)


def test_a_swap_moves_no_money(empty: Running) -> None:
    event = empty.world.add_humanitix_event("Swap", SOON, tickets=[("A", 3000), ("B", 2000)])
    order = empty.world.buy(event, 2)
    path = f"/events/{event.id}/orders/{order.id}"
    before = empty.humanitix.get(path).json
    new = empty.world.humanitix.swap(order.tickets[0], event.ticket_types[1])
    after = empty.humanitix.get(path).json
    assert after["totals"] == before["totals"]
    assert after["updatedAt"] > before["updatedAt"]
    assert (new.ticket_type.name, event.dates[0].sold) == ("B", 2)
    figures = empty.world.truth()[0].figures
    assert (figures.sold, figures.cancelled, figures.gross) == (2, 1, 6000)


def test_a_donation_with_a_free_ticket_is_paid(empty: Running) -> None:
    event = empty.world.add_humanitix_event("Gift", SOON, tickets=[("Free", 0)])
    lines = [(event.ticket_types[0], 1)]
    order = empty.world.humanitix.buy(event, event.dates[0], lines, client_donation=700)
    path = f"/events/{event.id}/orders/{order.id}"
    assert empty.humanitix.get(path).json["financialStatus"] == "paid"
    empty.world.humanitix.refund_client_donation(order)
    row = empty.humanitix.get(path).json
    assert row["financialStatus"] == "partiallyRefunded"
    assert (row["totals"]["clientDonation"], row["totals"]["netClientDonation"]) == (7, 0)
    assert (row["purchaseTotals"]["total"], row["totals"]["total"]) == (7, 0)
    figures = empty.world.truth()[0].figures
    assert (figures.comps, figures.sold, figures.extras) == (1, 0, 0)
