"""Every fault, as a client meets it."""

from __future__ import annotations

import http.client
import json
from datetime import timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest

from housecount_sandbox import Fault, Faults
from housecount_sandbox.faults import KINDS, BadFault
from tests.sandbox.client import Client
from tests.sandbox.conftest import TODAY, Running

SOON = TODAY + timedelta(days=5)


def listing(running: Running, orders: int = 0) -> str:
    event = running.world.add_eventbrite_event("Faulty", SOON)
    for _ in range(orders):
        running.world.buy(event)
    return f"/events/{event.id}/orders/"


def host_listing(running: Running, orders: int = 0) -> str:
    event = running.world.add_humanitix_event("Faulty", SOON)
    for _ in range(orders):
        running.world.buy(event)
    return f"/events/{event.id}"


# Which, how often, on what


def test_a_fault_strikes_its_platform_and_path_and_count(empty: Running) -> None:
    path = listing(empty)
    fault = empty.faults.add(
        "server_error", platform="eventbrite", path=r"/orders/$", status=502, count=2, after=1
    )
    assert [empty.eventbrite.get(path).status for _ in range(4)] == [200, 502, 502, 200]
    assert empty.eventbrite.get("/users/me/").status == 200
    assert (fault.struck, fault.spent) == (2, True)
    empty.faults.add("server_error", platform="humanitix")
    assert empty.eventbrite.get(path).status == 200
    assert empty.humanitix.get("/events", {"page": 1}).status == 500
    empty.faults.clear()
    assert empty.humanitix.get("/events", {"page": 1}).status == 200


def test_chance_is_the_same_for_the_same_seed() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add("reset", probability=0.4)
        return [bool(faults.strike("eventbrite", "/x", KINDS)) for _ in range(60)]

    assert struck(1) == struck(1) != struck(2)
    assert 10 < sum(struck(1)) < 40
    faults = Faults(1)
    for _ in range(2):
        faults.clear()
        faults.add("reset", probability=0.4)
        assert [bool(faults.strike("eventbrite", "/x", KINDS)) for _ in range(60)] == struck(1)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"kind": "flood"}, "no such kind"),
        ({"kind": "reset", "platform": "a_bank"}, "no such platform"),
        ({"kind": "reset", "probability": 2}, "between 0 and 1"),
        ({"kind": "reset", "path": "("}, "regular expression"),
        ({"kind": "outage", "mode": "sulk"}, "no such mode"),
        ({"kind": "reset", "colour": 1}, "has no colour"),
        ({"kind": "reset", "count": "two"}, "count"),
        ({"platform": "eventbrite"}, "object with a kind"),
    ],
)
def test_impossible_faults_are_refused_and_change_nothing(given: dict[str, Any], reason: str) -> None:
    faults = Faults()
    kept = faults.add("reset")
    with pytest.raises(BadFault, match=reason):
        faults.set([given])
    assert faults.active == [kept]


# Instead of an answer


def test_a_connection_is_reset(empty: Running) -> None:
    empty.faults.set([Fault("reset", count=1)])
    with pytest.raises(ConnectionResetError) as caught:
        empty.eventbrite.get("/users/me/")
    assert not isinstance(caught.value, http.client.RemoteDisconnected)
    assert empty.eventbrite.get("/users/me/").status == 200


def test_too_many_requests_in_all_forms(empty: Running) -> None:
    empty.faults.set([Fault("rate_limit", count=1)])
    page = empty.eventbrite.get("/users/me/")
    assert (page.status, page.headers["Content-Type"]) == (429, "text/html")
    assert "Retry-After" not in page.headers
    empty.faults.set([Fault("rate_limit", html=False, retry_after=7)])
    assert empty.eventbrite.get("/users/me/").headers["Retry-After"] == "7"
    assert empty.eventbrite.get("/users/me/").json["error"] == "HIT_RATE_LIMIT"
    assert empty.humanitix.get("/events", {"page": 1}).json["statusCode"] == 429
    empty.faults.set([{"kind": "rate_limit", "retry_after": "date"}])
    assert empty.eventbrite.get("/users/me/").headers["Retry-After"] == "Sun, 22 Nov 2026 09:00:00 GMT"


def test_errors_empty_bodies_and_pages_for_people(empty: Running) -> None:
    empty.faults.set([Fault("server_error", status=503)])
    reply = empty.eventbrite.get("/users/me/")
    assert (reply.status, reply.headers["Content-Type"]) == (503, "text/html")
    assert b"<html>" in reply.body
    empty.faults.set([Fault("server_error", html=False)])
    assert empty.eventbrite.get("/users/me/").json["error"] == "INTERNAL_ERROR"
    assert empty.humanitix.get("/events", {"page": 1}).json["message"] == "Something went wrong."
    empty.faults.set([Fault("empty")])
    reply = empty.eventbrite.get("/users/me/")
    assert (reply.status, reply.body) == (200, b"")
    empty.faults.set([Fault("html")])
    reply = empty.eventbrite.get("/users/me/")
    assert (reply.status, reply.body[:9]) == (200, b"<!DOCTYPE")


def test_an_outage_answers_503_or_takes_no_connection(empty: Running) -> None:
    empty.faults.set([Fault("outage", "humanitix")])
    assert empty.humanitix.get("/events", {"page": 1}).status == 503
    assert empty.eventbrite.get("/users/me/").status == 200
    empty.faults.set([Fault("outage", "humanitix", mode="refuse")])
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        empty.humanitix.get("/events", {"page": 1})
    with pytest.raises(ConnectionRefusedError):
        empty.humanitix.get("/events", {"page": 1})
    assert empty.eventbrite.get("/users/me/").status == 200
    empty.faults.clear()
    assert empty.humanitix.get("/events", {"page": 1}).status == 200


def test_a_refusing_platform_is_opened_again_from_the_other_port(empty: Running) -> None:
    fault = {"kind": "outage", "platform": "humanitix", "mode": "refuse"}
    assert empty.eventbrite.call("POST", "/_sandbox/faults", body=[fault]).status == 200
    empty.humanitix.close()
    with pytest.raises(ConnectionRefusedError):
        empty.humanitix.get("/events", {"page": 1})
    assert empty.eventbrite.call("POST", "/_sandbox/faults", body=[]).status == 200
    assert empty.humanitix.get("/events", {"page": 1}).status == 200


def test_a_key_is_revoked_in_the_middle_of_a_read(empty: Running) -> None:
    empty.faults.set([Fault("revoke", after=2)])
    assert [empty.eventbrite.get("/users/me/").status for _ in range(4)] == [200, 200, 401, 401]
    empty.faults.set([Fault("revoke", "humanitix", after=1, count=1)])
    answers = [empty.humanitix.get("/events", {"page": 1}) for _ in range(3)]
    assert [reply.status for reply in answers] == [200, 401, 200]
    assert answers[1].json["message"] == "Invalid API Key."


def test_one_id_is_poisoned_for_good(empty: Running) -> None:
    path = host_listing(empty, 2)
    rows = empty.humanitix.walk_humanitix(f"{path}/orders", "orders")
    empty.faults.set([Fault("server_error", "humanitix", id=rows[0]["_id"], html=False)])
    for _ in range(3):
        assert empty.humanitix.get(f"{path}/orders/{rows[0]['_id']}").status == 500
    assert empty.humanitix.get(f"{path}/orders/{rows[1]['_id']}").status == 200


def test_latency_delays_the_answer(empty: Running) -> None:
    empty.faults.set([Fault("latency", seconds=0.15, count=1)])
    begun = perf_counter()
    assert empty.eventbrite.get("/users/me/").status == 200
    assert perf_counter() - begun >= 0.15


def test_a_cold_start_delays_the_first_call_only(empty: Running) -> None:
    empty.world.limits.humanitix_cold_seconds = 0.15
    begun = perf_counter()
    empty.humanitix.get("/events", {"page": 1})
    assert perf_counter() - begun >= 0.15
    api = empty.sandbox.servers["humanitix"].api
    assert api._cold_start() == 0
    empty.clock.advance(minutes=6)
    assert api._cold_start() == 0.15


# A bent answer


def test_truncated_bodies(empty: Running) -> None:
    whole = empty.eventbrite.get("/users/me/").body
    empty.faults.set([Fault("truncate", count=1)])
    cut = empty.eventbrite.get("/users/me/")
    assert (cut.status, cut.body) == (200, whole[: len(whole) // 2])
    with pytest.raises(json.JSONDecodeError):
        _ = cut.json
    empty.faults.set([Fault("truncate", mode="length", count=1)])
    with pytest.raises(http.client.IncompleteRead) as caught:
        empty.eventbrite.get("/users/me/")
    assert caught.value.partial == whole[: len(whole) // 2]


def test_rows_come_twice_or_are_left_out_between_pages(empty: Running) -> None:
    path, host = listing(empty, 70), host_listing(empty, 70)
    for rows, kind, unique in ((3, "duplicates", 70), (3, "skips", 67)):
        empty.faults.set([Fault(kind, rows=rows)])
        found = empty.eventbrite.walk_eventbrite(path, "orders")
        assert len({row["id"] for row in found}) == unique
        assert len(found) == (73 if kind == "duplicates" else 67)
        hits = empty.humanitix.walk_humanitix(f"{host}/orders", "orders", {"pageSize": 50})
        assert len({row["_id"] for row in hits}) == unique


def test_rows_arrive_during_a_walk(empty: Running) -> None:
    path, host = listing(empty, 70), host_listing(empty, 70)
    empty.faults.set([Fault("shift", rows=4, count=2)])
    found = empty.eventbrite.walk_eventbrite(path, "orders")
    assert (len(found), len({row["id"] for row in found})) == (74, 70)
    hits = empty.humanitix.walk_humanitix(f"{host}/tickets", "tickets", {"pageSize": 50})
    assert len(hits) > len({row["_id"] for row in hits})
    assert sum(each.figures.orders for each in empty.world.truth()) == 148
    organization = f"/organizations/{empty.account.organization_id}/orders/"
    empty.faults.set([Fault("shift", rows=2, count=1)])
    everything = empty.eventbrite.walk_eventbrite(organization, "orders")
    assert len(everything) - len({row["id"] for row in everything}) == 2


def test_stale_reads(empty: Running) -> None:
    path, host = listing(empty), host_listing(empty)
    event = empty.account.events[0]
    order, sold = empty.world.buy(event), empty.world.buy(empty.host.events[0])
    empty.faults.set([Fault("stale", count=6)])
    assert len(empty.eventbrite.walk_eventbrite(path, "orders")) == 1
    empty.world.refund(order)
    empty.world.refund(sold)
    new = empty.world.buy(event)
    (row,) = empty.eventbrite.walk_eventbrite(path, "orders", {"expand": "attendees"})
    assert row["attendees"][0]["refunded"] is False
    assert empty.eventbrite.get(f"/orders/{new.id}/").status == 404
    old = empty.humanitix.get(f"{host}/orders/{sold.id}").json
    assert old["financialStatus"] == "paid"
    (ticket,) = empty.humanitix.walk_humanitix(f"{host}/tickets", "tickets")
    assert ticket["status"] == "complete"
    assert empty.humanitix.get(f"{host}/tickets/{ticket['_id']}").json == ticket
    # Spent: the world as it is.
    assert len(empty.eventbrite.walk_eventbrite(path, "orders")) == 2
    assert empty.humanitix.get(f"{host}/orders/{sold.id}").json["financialStatus"] == "refunded"


def test_stale_by_revisions_and_by_seconds(empty: Running) -> None:
    path = listing(empty)
    event = empty.account.events[0]
    empty.clock.advance(seconds=60)
    for _ in range(5):
        empty.world.buy(event)
    empty.faults.set([Fault("stale", behind=2)])
    assert len(empty.eventbrite.walk_eventbrite(path, "orders")) == 3
    empty.faults.set([Fault("stale", seconds=30)])
    assert empty.eventbrite.walk_eventbrite(path, "orders") == []
    empty.clock.advance(seconds=31)
    assert len(empty.eventbrite.walk_eventbrite(path, "orders")) == 5


# A harmed record


def test_one_record_is_harmed_and_the_others_are_not(empty: Running) -> None:
    path, host = listing(empty, 3), host_listing(empty, 3)
    good = empty.eventbrite.walk_eventbrite(path, "orders", {"expand": "attendees"})
    hit = good[1]["id"]

    def harmed(kind: str, **fields: Any) -> Any:
        fault = empty.faults.add(kind, platform="eventbrite", path="/orders/", count=1, **fields)
        rows = empty.eventbrite.walk_eventbrite(path, "orders", {"expand": "attendees"})
        assert fault.struck == 1
        assert [rows[0], rows[2]] == [good[0], good[2]]
        return next(row for row in rows if row.get("id") == hit or "id" not in row)

    assert "created" not in harmed("missing_field", id=hit)
    assert "id" not in harmed("missing_field", id=hit, field="id")
    assert "value" not in harmed("missing_field", id=hit, field="costs.gross")["costs"].get("gross", {})
    assert harmed("unknown_value", id=hit)["status"] == "neverSeenBefore"
    assert harmed("unknown_value", id=hit, field="promo_code", value=7)["promo_code"] == 7
    assert harmed("absurd_amount", id=hit)["costs"]["gross"]["value"] == 10**17
    money = harmed("wrong_currency", id=hit, value="ZZZ")
    assert money["costs"]["gross"]["currency"] == money["attendees"][0]["costs"]["tax"]["currency"] == "ZZZ"
    empty.faults.set([Fault("absurd_amount", "humanitix"), Fault("wrong_currency", "humanitix")])
    rows = empty.humanitix.get(f"{host}/orders", {"page": 1}).json["orders"]
    assert (rows[0]["totals"]["subtotal"], rows[0]["currency"]) == (10**17, "XTS")
    assert (rows[1]["totals"]["subtotal"], rows[1]["currency"]) == (25, "AUD")
    assert rows[1]["totals"]["total"] == Decimal("26.99")
    ticket = empty.humanitix.get(f"{host}/tickets", {"page": 1}).json["tickets"][0]
    assert ticket["price"] == 10**17


def test_a_record_that_is_not_on_the_page_is_waited_for(empty: Running) -> None:
    path = listing(empty, 2)
    fault = empty.faults.add("missing_field", id="12345", count=1)
    empty.eventbrite.walk_eventbrite(path, "orders")
    assert (fault.struck, fault.spent) == (0, False)


def test_faults_over_http(empty: Running) -> None:
    client = Client(empty.sandbox.humanitix_url, {})
    reply = client.call(
        "POST", "/_sandbox/faults", body=[{"kind": "html", "platform": "eventbrite", "count": 1}]
    )
    assert reply.json[0]["count"] == 1
    assert empty.eventbrite.get("/users/me/").body.startswith(b"<!DOCTYPE")
    assert client.get("/_sandbox/faults").json[0]["struck"] == 1
    bad = client.call("POST", "/_sandbox/faults", body=[{"kind": "flood"}])
    assert (bad.status, "no such kind" in bad.json["error"]) == (400, True)
    assert client.call("POST", "/_sandbox/faults", body={}).status == 400
    assert client.call("POST", "/_sandbox/faults", body=[]).json == []
    client.close()
