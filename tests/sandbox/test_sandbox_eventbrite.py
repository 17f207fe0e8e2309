"""Every habit of Eventbrite's API that a client must live with."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from housecount_sandbox import World
from tests.sandbox.client import Client, Reply
from tests.sandbox.conftest import TODAY, Running, Serve

SOON = TODAY + timedelta(days=5)


def refusal(reply: Reply) -> tuple[int, str]:
    assert reply.json["status_code"] == reply.status
    assert reply.json["error_description"]
    return reply.status, reply.json["error"]


def everything_night(small: Running) -> Any:
    return next(event for event in small.account.events if "Everything" in event.name)


# Transport


def test_a_path_without_its_slash_is_moved(empty: Running) -> None:
    reply = empty.eventbrite.get("/users/me", {"expand": "a b"})
    assert reply.status == 301
    assert reply.headers["Location"] == "/v3/users/me/?expand=a+b"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, "NO_AUTH")),
        ({"Authorization": "Bearer WRONGWRONGWRONGWRONG"}, (401, "INVALID_AUTH")),
        ({"Authorization": "Token x"}, (400, "INVALID_AUTH_HEADER")),
        ({"Authorization": "Bearer "}, (400, "INVALID_AUTH_HEADER")),
    ],
)
def test_credentials_are_refused(empty: Running, headers: dict[str, str], expected: tuple[int, str]) -> None:
    client = Client(empty.sandbox.eventbrite_url, headers)
    assert refusal(client.get("/users/me/")) == expected
    client.close()


def test_an_api_key_is_no_token_and_a_public_token_is_nobody(empty: Running) -> None:
    key = Client(empty.sandbox.eventbrite_url, {"Authorization": f"Bearer {empty.account.api_key}"})
    assert refusal(key.get("/users/me/")) == (401, "INVALID_AUTH")
    event = empty.world.add_eventbrite_event("Public", SOON)
    public = Client(empty.sandbox.eventbrite_url, {"Authorization": f"Bearer {empty.account.public_token}"})
    assert refusal(public.get("/users/me/")) == (403, "NOT_AUTHORIZED")
    assert public.get(f"/events/{event.id}/").status == 200
    key.close()
    public.close()


def test_a_token_in_the_query_works_and_a_revoked_one_does_not(empty: Running) -> None:
    client = Client(empty.sandbox.eventbrite_url, {})
    assert client.get("/users/me/", {"token": empty.account.token}).status == 200
    empty.account.revoked = True
    assert refusal(client.get("/users/me/", {"token": empty.account.token})) == (401, "INVALID_AUTH")
    empty.world.limits.eventbrite_invalid_token_status = 400
    assert refusal(empty.eventbrite.get("/users/me/")) == (400, "INVALID_AUTH")
    client.close()


def test_credentials_have_the_right_form(blank: World) -> None:
    for account in blank.eventbrite.accounts:
        assert len(account.token) == 20
        assert account.token.isalnum()
        assert account.token.upper() == account.token


def test_json_content_type_on_a_get_loses_the_query(empty: Running) -> None:
    path = f"/organizations/{empty.account.organization_id}/reports/sales/"
    good = empty.eventbrite.get(path, {"event_status": "all"})
    assert good.status == 200
    trapped = empty.eventbrite.get(path, {"event_status": "all"}, Content_Type="application/json")
    assert refusal(trapped) == (400, "ARGUMENTS_ERROR")
    assert "Please specify event_ids or event_status" in trapped.json["error_description"]


def test_the_limit_is_told_with_the_token_in_clear_and_kept(empty: Running) -> None:
    empty.world.limits.eventbrite_per_hour = 3
    first = empty.eventbrite.get("/users/me/")
    token, key = empty.account.token, empty.account.api_key
    assert first.headers["x-rate-limit"] == f"token:{token} 1/3 reset=3600s, key:{key} 1/3 reset=3600s"
    empty.clock.advance(seconds=100)
    empty.eventbrite.get("/users/me/")
    empty.eventbrite.get("/users/me/")
    over = empty.eventbrite.get("/users/me/")
    assert refusal(over) == (429, "HIT_RATE_LIMIT")
    assert "Retry-After" not in over.headers
    assert "3/3 reset=3500s" in over.headers["x-rate-limit"]
    assert empty.other_eventbrite.get("/users/me/").status == 200
    empty.clock.advance(seconds=3500)
    assert empty.eventbrite.get("/users/me/").status == 200


def test_the_date_header_is_the_worlds(empty: Running) -> None:
    assert parsedate_to_datetime(empty.eventbrite.get("/users/me/").headers["Date"]) == TODAY


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nothing/here/", (404, "NOT_FOUND")),
        ("GET", "/users/me/events/", (404, "NOT_FOUND")),
        ("GET", "/events/search/", (404, "NOT_FOUND")),
        ("GET", "/organizations/", (403, "NOT_AUTHORIZED")),
        ("GET", "/webhooks/", (403, "NOT_AUTHORIZED")),
        ("DELETE", "/users/me/", (405, "METHOD_NOT_ALLOWED")),
        ("GET", "/orders/12/", (404, "NOT_FOUND")),
        ("GET", "/events/12/", (404, "NOT_FOUND")),
        ("GET", "/webhooks/12/", (404, "NOT_FOUND")),
        ("GET", "/organizations/12/events/", (403, "NOT_AUTHORIZED")),
    ],
)
def test_what_does_not_exist_or_is_gone(
    empty: Running, method: str, path: str, expected: tuple[int, str]
) -> None:
    assert refusal(empty.eventbrite.call(method, path)) == expected


# Pages


def test_pages_by_token_and_by_number(empty: Running) -> None:
    event = empty.world.add_eventbrite_event("Many", SOON)
    bought = [empty.world.buy(event).id for _ in range(120)]
    path = f"/events/{event.id}/orders/"
    rows = empty.eventbrite.walk_eventbrite(path, "orders")
    assert [row["id"] for row in rows] == bought[::-1]
    first = empty.eventbrite.get(path, {"page_size": 100}).json
    assert first["pagination"]["page_size"] == 50
    assert first["pagination"]["object_count"] == 120
    assert first["pagination"]["page_count"] == 3
    token = first["pagination"]["continuation"]
    assert json.loads(base64.b64decode(token)) == {"page": 2}
    second = empty.eventbrite.get(path, {"page": 2}).json
    assert second["orders"] == empty.eventbrite.get(path, {"continuation": token}).json["orders"]
    for page in ("0", "4", "x"):
        assert refusal(empty.eventbrite.get(path, {"page": page})) == (400, "BAD_PAGE")
    for bad in (
        "nonsense",
        base64.b64encode(b'{"page":0}').decode(),
        base64.b64encode(b"[]").decode(),
        "eyJ1x2",
    ):
        reply = empty.eventbrite.get(path, {"continuation": bad})
        assert refusal(reply) == (400, "BAD_CONTINUATION_TOKEN")


def test_the_last_page_has_a_token_a_null_or_nothing(empty: Running) -> None:
    seen = set()
    for number in range(12):
        event = empty.world.add_eventbrite_event(f"Night {number}", SOON)
        pagination = empty.eventbrite.get(f"/events/{event.id}/orders/").json["pagination"]
        assert pagination["has_more_items"] is False
        assert pagination["page_count"] in (0, 1)
        seen.add(
            pagination.get("continuation", "missing")
            if "continuation" not in pagination
            else ("null" if pagination["continuation"] is None else "token")
        )
    assert seen == {"missing", "null", "token"}


def test_events_may_be_asked_for_by_the_hundred(empty: Running) -> None:
    for number in range(130):
        empty.world.add_eventbrite_event(f"Night {number}", SOON + timedelta(hours=number))
    path = f"/organizations/{empty.account.organization_id}/events/"
    reply = empty.eventbrite.get(path, {"page_size": 500}).json
    assert len(reply["events"]) == 100
    assert reply["pagination"]["page_size"] == 100
    token = reply["pagination"]["continuation"]
    with pytest.raises(ValueError, match=r".*"):
        json.loads(base64.b64decode(token, validate=True))
    assert len(empty.eventbrite.walk_eventbrite(path, "events", {"page_size": 60})) == 130


def test_new_sales_shift_a_walk_that_is_under_way(empty: Running) -> None:
    event = empty.world.add_eventbrite_event("Shifting", SOON)
    for _ in range(70):
        empty.world.buy(event)
    path = f"/events/{event.id}/orders/"
    first = empty.eventbrite.get(path).json
    empty.world.buy(event)
    second = empty.eventbrite.get(path, {"continuation": first["pagination"]["continuation"]}).json
    assert {row["id"] for row in first["orders"]} & {row["id"] for row in second["orders"]}


# Listings


def test_the_default_list_of_events_leaves_past_ones_out(empty: Running) -> None:
    names = {}
    for name, day in (("past", -9), ("running", 0), ("next", 9)):
        start = TODAY + timedelta(days=day) - timedelta(minutes=30)
        names[name] = empty.world.add_eventbrite_event(name, start)
    empty.world.eventbrite.add_event(empty.account, "draft", SOON, state="draft")
    path = f"/organizations/{empty.account.organization_id}/events/"

    def listed(**query: str) -> set[str]:
        return {row["name"]["text"] for row in empty.eventbrite.walk_eventbrite(path, "events", query)}

    assert listed() == {"running", "next", "draft"}
    assert listed(status="all") == {"past", "running", "next", "draft"}
    assert listed(status="completed,started") == {"past", "running"}
    assert listed(status="live") == {"next"}
    assert listed(status="all", time_filter="past") == {"past"}
    assert listed(status="all", name_filter="NEX") == {"next"}
    reply = empty.eventbrite.get(path, {"status": "cancelled"})
    assert refusal(reply) == (400, "ARGUMENTS_ERROR")
    assert reply.json["error_detail"] == {"ARGUMENTS_ERROR": {"status": ["INVALID"]}}


def test_a_series_lists_its_children_and_its_parent_sells_nothing(small: Running) -> None:
    path = f"/organizations/{small.account.organization_id}/events/"

    def listed(**query: str) -> list[Any]:
        return small.eventbrite.walk_eventbrite(path, "events", {"status": "all", **query})

    assert not any(row["is_series_parent"] for row in listed())
    (parent,) = (row for row in listed(show_series_parent="true") if row["is_series_parent"])
    assert parent["resource_uri"].endswith(f"/v3/series/{parent['id']}/")
    assert "is_externally_ticketed" not in parent
    assert "series_id" not in parent
    children = [row for row in listed() if row.get("series_id") == parent["id"]]
    assert len(children) == 3
    assert {row["id"] for row in listed(series_filter="parents")} == {parent["id"]}
    assert {row["id"] for row in listed(series_filter="children")} == {row["id"] for row in children}
    assert parent["start"]["utc"] == min(row["start"]["utc"] for row in children)
    assert small.eventbrite.get(f"/series/{parent['id']}/").json["id"] == parent["id"]
    rows = small.eventbrite.walk_eventbrite(f"/series/{parent['id']}/events/", "events")
    assert {row["id"] for row in rows} == {row["id"] for row in children}
    assert refusal(small.eventbrite.get(f"/series/{children[0]['id']}/"))[0] == 404
    assert small.eventbrite.walk_eventbrite(f"/events/{parent['id']}/orders/", "orders") == []
    orders = small.eventbrite.walk_eventbrite(f"/events/{children[0]['id']}/orders/", "orders")
    assert {row["event_id"] for row in orders} == {children[0]["id"]}


def test_an_event_in_full(small: Running) -> None:
    event = everything_night(small)
    row = small.eventbrite.get(
        f"/events/{event.id}/",
        {"expand": "venue,ticket_classes,ticket_availability,event_sales_status,nonsense"},
    ).json
    assert row["name"]["text"] == "The Everything Night 🎤"
    assert row["start"]["timezone"] == "Australia/Melbourne"
    assert row["start"]["utc"].endswith("Z")
    assert "Z" not in row["start"]["local"]
    assert row["venue"]["name"] == "The Velvet Room"
    assert row["venue"]["id"] == row["venue_id"]
    assert len(row["ticket_classes"]) == 5
    assert row["event_sales_status"]["sales_status"] == "on_sale"
    assert "nonsense" not in row
    quiet = small.eventbrite.get(
        f"/events/{event.id}/", Eb_Api_Switches_Enabled="OMIT_DESCRIPTION_FROM_EVENT_CONTAINER"
    )
    assert quiet.json["description"] is None
    venue = small.eventbrite.get(f"/venues/{row['venue_id']}/").json
    assert venue["address"]["city"] == "Melbourne"
    path = f"/organizations/{small.account.organization_id}/venues/"
    assert row["venue_id"] in {each["id"] for each in small.eventbrite.walk_eventbrite(path, "venues")}


def test_anyone_reads_a_public_event_but_only_its_owner_the_sales(small: Running) -> None:
    event = everything_night(small)
    order = event.orders[0]
    reader = small.other_eventbrite
    assert reader.get(f"/events/{event.id}/").status == 200
    batch = reader.get("/events/", {"event_ids": event.id}).json
    assert [row["id"] for row in batch["events"]] == [event.id]
    for path in (f"/events/{event.id}/orders/", f"/events/{event.id}/attendees/", f"/orders/{order.id}/"):
        assert refusal(reader.get(path)) == (403, "NOT_AUTHORIZED")
    draft = next(each for each in small.other_account.events if each.state == "draft")
    assert refusal(small.eventbrite.get(f"/events/{draft.id}/")) == (403, "NOT_AUTHORIZED")


def test_ticket_classes_are_admissions_unless_all_are_asked_for(small: Running) -> None:
    path = f"/events/{everything_night(small).id}/ticket_classes/"
    assert {row["category"] for row in small.eventbrite.walk_eventbrite(path, "ticket_classes")} == {
        "admission"
    }
    rows = small.eventbrite.walk_eventbrite(path, "ticket_classes", {"category": "all"})
    assert [row["category"] for row in rows] == ["admission"] * 3 + ["add_on", "donation"]
    paid, inside, free, _, donation = rows
    assert (paid["include_fee"], inside["include_fee"]) == (False, True)
    assert (free["free"], free["cost"]) == (True, None)
    assert (donation["donation"], donation["capacity"]) == (True, None)
    assert paid["fee"]["value"] > 0
    assert inside["fee"]["value"] == 0
    assert inside["actual_cost"]["value"] + inside["actual_fee"]["value"] < inside["cost"]["value"]
    assert small.eventbrite.get(f"{path}{paid['id']}/").json == paid
    assert refusal(small.eventbrite.get(f"{path}12/"))[0] == 404
    sale = small.other_eventbrite.walk_eventbrite(f"{path}for_sale/", "ticket_classes")
    assert free["id"] not in {row["id"] for row in sale}


# Orders


def test_the_organizations_order_list_has_reduced_costs(small: Running) -> None:
    path = f"/organizations/{small.account.organization_id}/orders/"
    rows = small.eventbrite.walk_eventbrite(path, "orders")
    five = {"base_price", "eventbrite_fee", "payment_fee", "tax", "gross"}
    assert all(set(row["costs"]) == five for row in rows)
    assert {row["id"] for row in rows} == {order.id for order in small.account.orders}
    discounted = next(order for order in small.account.orders if order.discount)
    single = small.eventbrite.get(f"/orders/{discounted.id}/").json
    assert single["costs"]["discount_amount"]["value"] == discounted.discount
    assert single["costs"]["fee_components"] == []
    assert single["promo_code"] == discounted.promo_code


def test_money_adds_up_and_is_written_two_ways(small: Running) -> None:
    orders = small.eventbrite.walk_eventbrite(
        f"/events/{everything_night(small).id}/orders/", "orders", {"expand": "attendees"}
    )
    seen: list[str] = []
    for order in orders:
        total = dict.fromkeys(("base_price", "eventbrite_fee", "payment_fee", "tax", "gross"), 0)
        for owner in (order, *order["attendees"]):
            costs = {name: money["value"] for name, money in owner["costs"].items() if name in total}
            parts = costs["base_price"] + costs["eventbrite_fee"] + costs["payment_fee"] + costs["tax"]
            assert costs["gross"] == parts
            if owner is not order:
                total = {name: total[name] + costs[name] for name in total}
        assert total == {name: order["costs"][name]["value"] for name in total}
        shown = order["costs"]["display_price"]["value"] + order["costs"]["display_fee"]["value"]
        assert shown + order["costs"]["tax"]["value"] == order["costs"]["gross"]["value"]
        names = {each["ticket_class_name"] for each in order["attendees"]}
        if names == {"Fees in the price"} and len(order["attendees"]) == 1:
            assert (shown, order["costs"]["display_fee"]["value"]) == (
                4000 - order["costs"]["tax"]["value"],
                0,
            )
            seen.append(order["id"])
        gross = order["costs"]["gross"]
        assert gross["major_value"] == f"{gross['value'] // 100}.{gross['value'] % 100:02d}"
        assert gross["display"] == f"A${gross['major_value']}"
    assert len(seen) == 1


def test_statuses_of_orders(empty: Running) -> None:
    event = empty.world.add_eventbrite_event("Statuses", SOON)
    alive, void = empty.world.buy(event), empty.world.buy(event)
    empty.world.cancel(void)
    path = f"/events/{event.id}/orders/"

    def listed(**query: str) -> set[str]:
        return {row["id"] for row in empty.eventbrite.walk_eventbrite(path, "orders", query)}

    assert listed() == listed(status="all_not_deleted") == {alive.id, void.id}
    assert listed(status="active") == {alive.id}
    assert listed(status="inactive") == {void.id}
    both = empty.eventbrite.get(path, {"status": "both"})
    assert refusal(both) == (400, "ARGUMENTS_ERROR")
    assert '"both" is not a valid choice' in both.json["error_description"]
    empty.world.delete_order(alive)
    assert listed() == {void.id}
    assert refusal(empty.eventbrite.get(f"/orders/{alive.id}/")) == (404, "NOT_FOUND")
    empty.world.eventbrite.set_status(void, "abandoned")
    assert refusal(empty.eventbrite.get(f"/orders/{void.id}/")) == (400, "ORDER_EXPIRED")


def test_changed_since_is_inclusive_and_whole(empty: Running) -> None:
    event = empty.world.add_eventbrite_event("Since", SOON)
    old = empty.world.buy(event)
    empty.clock.advance(hours=1)
    new = empty.world.buy(event)
    path = f"/events/{event.id}/orders/"
    for where in (path, f"/organizations/{empty.account.organization_id}/orders/"):

        def since(moment: Any, where: str = where) -> set[str]:
            query = {"changed_since": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
            return {row["id"] for row in empty.eventbrite.walk_eventbrite(where, "orders", query)}

        assert since(old.changed) == {old.id, new.id}
        assert since(old.changed + timedelta(seconds=1)) == {new.id}
        assert since(new.changed) == {new.id}
        assert since(new.changed + timedelta(seconds=1)) == set()
    for bad in ("2026-03-01", "2026-03-01T00:00:00.000Z", "2026-13-01T00:00:00Z", "yesterday"):
        assert refusal(empty.eventbrite.get(path, {"changed_since": bad})) == (400, "ARGUMENTS_ERROR")
    empty.clock.advance(minutes=5)
    empty.world.refund(old)
    assert since(new.changed + timedelta(seconds=1)) == {old.id}


def test_expansion_nests_and_tolerates(small: Running) -> None:
    event = everything_night(small)
    order = next(each for each in event.orders if each.promo_code)
    path = f"/orders/{order.id}/"
    assert "attendees" not in small.eventbrite.get(path).json
    row = small.eventbrite.get(path, {"expand": "attendees,attendees.promotional_code,x.y.z"}).json
    assert row["attendees"][0]["promotional_code"]["code"] == order.promo_code
    plain = small.eventbrite.get(path, {"expand": "attendees"}).json
    assert "promotional_code" not in plain["attendees"][0]


# Attendees


def test_attendees_with_and_without_a_status(small: Running) -> None:
    event = everything_night(small)
    path = f"/events/{event.id}/attendees/"
    everyone = small.eventbrite.walk_eventbrite(path, "attendees")
    attending = small.eventbrite.walk_eventbrite(path, "attendees", {"status": "attending"})
    absent = small.eventbrite.walk_eventbrite(path, "attendees", {"status": "not_attending"})
    assert len(everyone) == len(attending) + len(absent)
    assert not any(row["refunded"] for row in attending)
    assert any(row["refunded"] for row in everyone)
    assert {row["status"] for row in everyone} == {"Attending", "Checked In", "Not Attending", "Deleted"}
    assert all(row["quantity"] == 1 for row in everyone)
    single = small.eventbrite.get(f"{path}{everyone[0]['id']}/").json
    assert single == everyone[0]
    assert refusal(small.eventbrite.get(f"{path}12/")) == (404, "NOT_FOUND")
    wanted = {"attendee_ids": ",".join(row["id"] for row in everyone[:2])}
    assert small.eventbrite.walk_eventbrite(path, "attendees", wanted) == everyone[:2]
    organization = f"/organizations/{small.account.organization_id}/attendees/"
    all_rows = small.eventbrite.walk_eventbrite(organization, "attendees")
    assert {row["id"] for row in everyone} < {row["id"] for row in all_rows}


def test_ids_with_a_dash_occur_and_can_be_read(small: Running) -> None:
    event = everything_night(small)
    order = next(each for each in event.orders if len(each.attendees) == 60)
    ids = [each.id for each in order.attendees]
    assert ids[1] == f"{ids[0]}-1"
    assert small.eventbrite.get(f"/events/{event.id}/attendees/{ids[1]}/").json["id"] == ids[1]
    plain = [each.id for each in event.orders[-1].attendees]
    assert len(set(plain)) == len(plain)


def test_a_full_refund_leaves_the_costs(empty: Running) -> None:
    event = empty.world.add_eventbrite_event("Refund", SOON)
    order = empty.world.buy(event, 2)
    path = f"/orders/{order.id}/"
    before = empty.eventbrite.get(path, {"expand": "attendees"}).json
    empty.clock.advance(minutes=3)
    empty.world.refund(order, order.attendees[:1])
    after = empty.eventbrite.get(path, {"expand": "attendees,refund_requests"}).json
    gone, kept = after["attendees"]
    assert (gone["status"], gone["cancelled"], gone["refunded"]) == ("Not Attending", True, True)
    assert gone["barcodes"][0]["status"] == "refunded"
    assert gone["costs"] == before["attendees"][0]["costs"]
    assert gone["changed"] > before["attendees"][0]["changed"]
    assert kept == before["attendees"][1]
    assert after["costs"] == before["costs"]
    assert (after["status"], after["changed"] > before["changed"]) == ("placed", True)
    assert after["refund_requests"][0]["items"][0]["amount_processed"]["value"] == 2500
    empty.world.eventbrite.refund(order, order.attendees[1:], zero_costs=True)
    zeroed = empty.eventbrite.get(path, {"expand": "attendees"}).json
    assert zeroed["attendees"][1]["costs"]["gross"]["value"] == 0
    assert zeroed["costs"]["gross"] == before["attendees"][0]["costs"]["gross"]


def test_a_partial_refund_shrinks_the_costs_and_shows_no_flag(empty: Running) -> None:
    event = empty.world.add_eventbrite_event("Part", SOON)
    order = empty.world.buy(event)
    empty.world.refund(order, amount=700)
    row = empty.eventbrite.get(f"/orders/{order.id}/", {"expand": "attendees"}).json
    assert row["costs"]["base_price"]["value"] == 1800
    assert row["attendees"][0]["refunded"] is False
    for amount in (0, 1800):
        with pytest.raises(ValueError, match="partial refund"):
            empty.world.refund(order, amount=amount)


def test_a_check_in_moves_only_the_barcode(empty: Running) -> None:
    event = empty.world.add_eventbrite_event("Door", SOON)
    order = empty.world.buy(event)
    path = f"/orders/{order.id}/"
    before = empty.eventbrite.get(path, {"expand": "attendees"}).json
    empty.clock.advance(hours=2)
    empty.world.check_in(order.attendees[0])
    after = empty.eventbrite.get(path, {"expand": "attendees"}).json
    assert after["changed"] == before["changed"]
    ticket, old = after["attendees"][0], before["attendees"][0]
    assert (ticket["checked_in"], ticket["status"]) == (True, "Checked In")
    assert ticket["changed"] == old["changed"]
    assert ticket["barcodes"][0]["changed"] > old["barcodes"][0]["changed"]


# Reports, discounts, webhooks


def test_the_sales_report_is_in_major_units_and_adds_up(small: Running) -> None:
    event = everything_night(small)
    path = f"/organizations/{small.account.organization_id}/reports/sales/"
    report = small.eventbrite.get(path, {"event_ids": event.id}).json
    totals = report["totals"]
    assert isinstance(totals["gross"], str)

    def cents(text: str) -> int:
        return int(text.replace(".", ""))

    assert cents(totals["gross"]) == cents(totals["net"]) + cents(totals["fees"])
    assert cents(totals["gross"]) == sum(cents(day["totals"]["gross"]) for day in report["data"])
    counted = [
        ticket
        for order in event.orders
        if order.status == "placed"
        for ticket in order.attendees
        if not ticket.refunded
    ]
    assert totals["quantity"] == len(counted)
    assert cents(totals["net"]) == sum(ticket.costs.base + ticket.costs.tax for ticket in counted)
    assert small.eventbrite.get("/reports/sales/", {"event_ids": event.id}).json == report
    for facet in ("fifteen", "hour", "week", "month", "year", "event_day"):
        other = small.eventbrite.get(path, {"event_ids": event.id, "date_facet": facet}).json
        assert cents(totals["net"]) == sum(cents(row["totals"]["net"]) for row in other["data"])
    assert small.eventbrite.get(path, {"event_ids": event.id, "date_facet": "none"}).json["data"] == []
    people = f"/organizations/{small.account.organization_id}/reports/attendees/"
    found = small.eventbrite.get(people, {"event_ids": event.id}).json["totals"]
    assert found["num_attendees"] == len(counted)


def test_a_report_refuses_mixed_currencies(empty: Running) -> None:
    for currency in ("AUD", "NZD"):
        empty.world.add_eventbrite_event(currency, SOON, currency=currency)
    path = f"/organizations/{empty.account.organization_id}/reports/sales/"
    assert refusal(empty.eventbrite.get(path, {"event_status": "all"})) == (400, "CURRENCY_MISMATCH")


def test_discounts_need_a_scope(small: Running) -> None:
    path = f"/organizations/{small.account.organization_id}/discounts/"
    reply = small.eventbrite.get(path)
    assert refusal(reply) == (400, "ARGUMENTS_ERROR")
    assert "scope - MISSING" in reply.json["error_description"]
    event = everything_night(small)
    rows = small.eventbrite.walk_eventbrite(path, "discounts", {"scope": "event", "event_id": event.id})
    assert {row["code"] for row in rows} == {"LAUGH20", "HALFTIME", "ONTHEHOUSE"}


def test_webhooks_are_made_listed_and_deleted(empty: Running) -> None:
    path = f"/organizations/{empty.account.organization_id}/webhooks/"
    sent = {"endpoint_url": "http://127.0.0.1:1/x", "actions": "order.placed,order.updated"}
    first = empty.eventbrite.call("POST", path, body=sent, Content_Type="application/json").json
    assert first["actions"] == ["order.placed", "order.updated"]
    assert first["user_id"] == empty.account.organization_id
    second = empty.eventbrite.call("POST", path, body={**sent, "actions": ""}).json
    assert second["actions"] == ["order.placed", "event.published", "event.unpublished"]
    assert len(empty.eventbrite.walk_eventbrite(path, "webhooks")) == 2
    assert empty.eventbrite.get(f"/webhooks/{first['id']}/").json == first
    gone = empty.eventbrite.call("DELETE", f"/webhooks/{first['id']}/")
    assert gone.json == {"id": first["id"], "success": True}
    assert empty.eventbrite.call("DELETE", f"/webhooks/{first['id']}/").status == 404
    assert refusal(empty.eventbrite.call("POST", path, body={"actions": ""})) == (400, "ARGUMENTS_ERROR")
    assert empty.other_eventbrite.call("POST", path, body=sent).status == 403


# Who am I


def test_the_account_and_its_organization(empty: Running, serve: Serve) -> None:
    me = empty.eventbrite.get("/users/me/").json
    assert me["id"] == empty.account.user_id
    (organization,) = empty.eventbrite.walk_eventbrite("/users/me/organizations/", "organizations")
    assert organization["id"] == empty.account.organization_id != me["id"]
    world = World(seed=1, now=empty.clock)
    account = world.eventbrite.add_account("Old account", lists_organization=False)
    old = serve_one(serve, world)
    assert old.walk_eventbrite("/users/me/organizations/", "organizations") == []
    assert old.get(f"/organizations/{account.user_id}/events/").status == 200
    old.close()


def serve_one(serve: Serve, world: World) -> Client:
    world.eventbrite.add_account("Second")
    world.humanitix.add_account("Host")
    running = serve(world)
    return Client(running.sandbox.eventbrite_url, {"Authorization": f"Bearer {running.account.token}"})


def test_a_change_can_show_late(empty: Running) -> None:
    empty.world.limits.eventbrite_read_lag_seconds = 10
    event = empty.world.add_eventbrite_event("Late", SOON)
    empty.clock.advance(seconds=60)
    order = empty.world.buy(event)
    empty.clock.advance(seconds=9)
    assert empty.eventbrite.get(f"/orders/{order.id}/").status == 404
    assert empty.eventbrite.walk_eventbrite(f"/events/{event.id}/orders/", "orders") == []
    empty.clock.advance(seconds=2)
    assert empty.eventbrite.get(f"/orders/{order.id}/").status == 200
    empty.world.refund(order)
    stale = empty.eventbrite.get(f"/orders/{order.id}/", {"expand": "attendees"}).json
    assert stale["attendees"][0]["refunded"] is False
    empty.clock.advance(seconds=10)
    fresh = empty.eventbrite.get(f"/orders/{order.id}/", {"expand": "attendees"}).json
    assert fresh["attendees"][0]["refunded"] is True
