"""The control API, the trickle, the hooks, the threads and the command."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from housecount_sandbox import HandClock, Sandbox, World
from housecount_sandbox.cli import _readable
from tests.sandbox.client import Client
from tests.sandbox.conftest import TODAY, Running, Serve
from tests.sandbox.test_sandbox_truth import told

SOON = TODAY + timedelta(days=5)
SOURCE = Path(__file__).parents[2] / "src"


# Control


def control(running: Running, method: str, what: str, body: Any = None) -> Any:
    reply = running.eventbrite.call(method, f"/_sandbox/{what}", body=body)
    assert reply.status == 200, reply.body
    return reply.json


def test_happenings_over_http_on_both_platforms(empty: Running) -> None:
    for platform in ("eventbrite", "humanitix"):
        (made,) = control(
            empty,
            "POST",
            "happenings",
            {
                "do": "add_event",
                "platform": platform,
                "name": "By wire",
                "start": "2026-12-01T09:00:00Z",
                "price": 3000,
            },
        )
        where = {"event": made["event"]} | ({"session": made["session"]} if made["session"] else {})
        first, second, third, _comp = control(
            empty,
            "POST",
            "happenings",
            [{"do": "buy", "quantity": 2, **where}] * 3 + [{"do": "comp", **where}],
        )
        control(
            empty,
            "POST",
            "happenings",
            [
                {"do": "refund", "order": first["order"], "tickets": first["tickets"][:1]},
                {"do": "refund_part", "order": second["order"], "amount": 500},
                {"do": "cancel", "order": third["order"], "tickets": third["tickets"][:1]},
                {"do": "check_in", "order": second["order"]},
                {"do": "move", "start": "2026-12-02T09:00:00Z", **where},
            ],
        )
        document = control(empty, "GET", "truth?first_read=0")
        listing = next(each for each in document["listings"] if each["external_event_id"] == made["event"])
        assert listing["external_session_id"] == made["session"]
        assert listing["starts_at"] == "2026-12-02T09:00:00.000Z"
        assert {name: listing[name] for name in ("orders", "sold", "comps", "cancelled")} == {
            "orders": 4,
            "sold": 4,
            "comps": 1,
            "cancelled": 2,
        }
        assert (listing["gross"], listing["refunds"]) == (15_000 - 500, 3500)
        control(empty, "POST", "happenings", {"do": "delete_order", "order": third["order"]})
        control(empty, "POST", "happenings", {"do": "cancel_event", "event": made["event"]})
        figures = next(
            each
            for each in control(empty, "GET", "truth")["listings"]
            if each["external_event_id"] == made["event"]
        )
        assert (figures["orders"], figures["sold"]) == (3, 0)
        control(empty, "POST", "happenings", {"do": "delete_event", "event": made["event"]})
    assert control(empty, "GET", "truth")["listings"] == []


def test_more_happenings(empty: Running) -> None:
    event = empty.world.add_eventbrite_event("Toggle", SOON)
    order = empty.world.buy(event)
    (toggled,) = control(empty, "POST", "happenings", {"do": "toggle_include_fee", "event": event.id})
    assert toggled["include_fee"] is True
    path = f"/events/{event.id}/ticket_classes/"
    assert empty.eventbrite.walk_eventbrite(path, "ticket_classes")[0]["include_fee"] is True
    control(empty, "POST", "happenings", {"do": "refund", "order": order.id, "zero_costs": True})
    assert order.attendees[0].costs.gross == 0
    listing = empty.world.add_humanitix_event("Dates", [SOON, SOON + timedelta(days=1)])
    control(
        empty,
        "POST",
        "happenings",
        {"do": "delete_event", "event": listing.id, "session": listing.dates[1].id},
    )
    assert [date.deleted for date in listing.dates] == [False, True]
    control(empty, "POST", "happenings", {"do": "revoke", "platform": "humanitix"})
    assert empty.humanitix.get("/events", {"page": 1}).status == 401
    control(empty, "POST", "happenings", {"do": "revoke", "platform": "humanitix", "revoked": False})
    assert empty.humanitix.get("/events", {"page": 1}).status == 200


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({"do": "dance"}, "one of add_event"),
        ({"do": "buy"}, "event"),
        ({"do": "buy", "event": "12"}, "12"),
        ({"do": "refund", "order": "12"}, "12"),
        ({"do": "add_event", "platform": "xero", "name": "X", "start": "2026-12-01T09:00:00Z"}, "xero"),
        ({"do": "add_event", "platform": "eventbrite", "name": "X", "start": "tomorrow"}, "isoformat"),
        ("buy", "one of"),
    ],
)
def test_impossible_happenings_say_why(empty: Running, sent: Any, reason: str) -> None:
    reply = empty.eventbrite.call("POST", "/_sandbox/happenings", body=sent)
    assert (reply.status, reason in reply.json["error"]) == (400, True)


def test_the_rest_of_control(empty: Running) -> None:
    assert control(empty, "GET", "clock") == {"now": "2026-11-22T09:00:00Z", "revision": empty.world.revision}
    moved = control(empty, "POST", "clock", {"advance_seconds": 61.5})
    assert moved["now"] == "2026-11-22T09:01:01.500000Z"
    assert control(empty, "GET", "credentials") == empty.world.credentials()
    assert control(empty, "GET", "trickle") == {"per_minute": 0}
    assert empty.eventbrite.get("/_sandbox/nothing").status == 404
    assert empty.eventbrite.call("POST", "/_sandbox/faults").status == 400


def test_the_clock_of_the_machine_can_be_stepped_and_nothing_is_lost_to_it(serve: Serve) -> None:
    running = serve(World.blank(seed=7))
    event = running.world.add_eventbrite_event("Stepped", datetime.now(UTC) + timedelta(days=9))
    first = running.world.buy(event)
    before = datetime.fromisoformat(control(running, "GET", "clock")["now"])
    behind = datetime.fromisoformat(control(running, "POST", "clock", {"advance_seconds": -600})["now"])
    assert timedelta(seconds=-600) <= behind - before < timedelta(seconds=-500)
    second = running.world.buy(event)
    assert second.created < first.created
    # What happened later never shows earlier: the clock must come to where it was.
    control(running, "POST", "limits", {"eventbrite_read_lag_seconds": 30})
    assert listed(running, event.id) == []
    control(running, "POST", "clock", {"advance_seconds": 660})
    assert listed(running, event.id) == sorted([first.id, second.id])


def listed(running: Running, event: str) -> list[str]:
    return sorted(
        row["id"] for row in running.eventbrite.walk_eventbrite(f"/events/{event}/orders/", "orders")
    )


def test_limits_are_shown_and_changed_while_it_runs(empty: Running) -> None:
    limits = control(empty, "GET", "limits")
    assert limits["eventbrite_per_hour"] == 2_000
    assert limits["humanitix_retry_after"] is None
    changed = control(empty, "POST", "limits", {"humanitix_retry_after": 7, "eventbrite_hook_losses": 1})
    assert changed == {**limits, "humanitix_retry_after": 7, "eventbrite_hook_losses": 1.0}
    assert control(empty, "GET", "limits") == changed
    assert empty.world.limits.eventbrite_hook_losses == 1.0


@pytest.mark.parametrize(
    "sent", [[], {"eventbrite_hooks": 1}, {"eventbrite_hook_losses": "all"}, {"eventbrite_per_hour": -1}]
)
def test_limits_that_cannot_be_change_nothing(empty: Running, sent: Any) -> None:
    before = control(empty, "GET", "limits")
    assert empty.eventbrite.call("POST", "/_sandbox/limits", body=sent).status == 400
    assert control(empty, "GET", "limits") == before


def test_requests_are_counted_without_secrets(empty: Running) -> None:
    empty.eventbrite.get("/users/me/", {"token": empty.account.token})
    empty.eventbrite.get("/users/me/")
    empty.eventbrite.get("/nothing/")
    assert empty.sandbox.requests("eventbrite") == {"/v3/users/me/": 2, "/v3/nothing/": 1}
    told_requests = control(empty, "GET", "requests")
    assert told_requests["total"] == 3
    assert told_requests["statuses"] == {"200": 2, "404": 1}
    assert empty.account.token not in json.dumps(told_requests)
    assert empty.sandbox.requests("humanitix").total() == 0
    control(empty, "DELETE", "requests")
    assert empty.sandbox.requests("eventbrite").total() == 0


# Time that moves


def test_happenings_are_the_same_for_the_same_seed_and_move_the_world() -> None:
    def play() -> tuple[list[dict[str, Any]], Any]:
        clock = HandClock(TODAY)
        world = World.small(seed=9, today=TODAY, now=clock)
        clock.advance(minutes=5)
        return world.advance(300), told(world)

    first, second = play(), play()
    assert first == second
    kinds = {(each["platform"], each["do"]) for each in first[0]}
    verbs = {"buy", "comp", "refund", "refund_part", "cancel"}
    assert kinds == {(platform, verb) for platform in ("eventbrite", "humanitix") for verb in verbs}
    world = World.small(seed=9, today=TODAY, now=HandClock(TODAY))
    assert "nothing" not in {each["do"] for each in world.advance(900)}


def test_what_happens_is_found_by_an_incremental_read(empty: Running) -> None:
    empty.world.add_eventbrite_event("One", SOON)
    empty.world.add_humanitix_event("Two", SOON)
    empty.clock.advance(hours=1)
    empty.world.advance(20)
    empty.clock.advance(hours=1)
    later = empty.world.advance(10)
    orders = {each["order"] for each in later}
    found = set()
    for event in empty.account.events:
        rows = empty.eventbrite.walk_eventbrite(
            f"/events/{event.id}/orders/", "orders", {"changed_since": "2026-11-22T11:00:00Z"}
        )
        found |= {row["id"] for row in rows}
    for listing in empty.host.events:
        rows = empty.humanitix.walk_humanitix(
            f"/events/{listing.id}/orders", "orders", {"since": "2026-11-22T11:00:00Z"}
        )
        found |= {row["_id"] for row in rows}
    assert found == orders


def test_a_journal_takes_the_trickle_up_again(tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    def begin() -> tuple[World, HandClock]:
        clock = HandClock(TODAY)
        return World.small(seed=9, today=TODAY, now=clock), clock

    world, clock = begin()
    assert world.trickle.keep(journal, "small 9") == 0
    for _ in range(30):
        clock.advance(seconds=41.5)
        world.advance(3)
    world.trickle.arrive("humanitix", "/x", 0)
    world.trickle.close()
    again, later = begin()
    later.advance(days=1)
    journal.write_text(journal.read_text("utf-8") + "2026-11-2", "utf-8")
    assert again.trickle.keep(journal, "small 9") == 90
    assert told(again) == told(world)
    orders = {order.id: order.changed for order in world.eventbrite.orders.values()}
    assert {order.id: order.changed for order in again.eventbrite.orders.values()} == orders
    again.advance(1)
    again.trickle.close()
    assert len(journal.read_text("utf-8").splitlines()) == 92
    with pytest.raises(ValueError, match="another season"):
        begin()[0].trickle.keep(journal, "small 10")


def test_an_empty_world_stands_still(empty: Running) -> None:
    assert empty.world.advance(3) == [{"do": "nothing"}] * 3


def test_the_trickle_runs_by_itself_and_can_be_paused(blank: World) -> None:
    blank.add_eventbrite_event("Busy", SOON)
    happened = threading.Event()
    blank.eventbrite.listeners.append(lambda *_: happened.set())
    with Sandbox(blank, trickle=60_000):
        assert happened.wait(10)
        blank.trickle.per_minute = 0
    revision = blank.revision
    with Sandbox(blank):
        assert blank.trickle.per_minute == 0
    assert blank.revision == revision


# Hooks


class Listener:
    """An endpoint that remembers what it was sent."""

    def __init__(self) -> None:
        self.calls: queue.Queue[tuple[dict[str, str], Any]] = queue.Queue()
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.put((dict(self.headers), json.loads(body)))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks/secret"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def take(self, count: int) -> list[tuple[dict[str, str], Any]]:
        return [self.calls.get(timeout=10) for _ in range(count)]


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def subscribe(running: Running, url: str, actions: str, **more: str) -> str:
    path = f"/organizations/{running.account.organization_id}/webhooks/"
    sent = {"endpoint_url": url, "actions": actions, **more}
    return str(running.eventbrite.call("POST", path, body=sent).json["id"])


def test_hooks_of_a_purchase_come_in_the_recorded_order(empty: Running, listener: Listener) -> None:
    empty.world.limits.eventbrite_hook_pace = 0.2
    event = empty.world.add_eventbrite_event("Hooked", SOON)
    webhook = subscribe(empty, listener.url, "order.placed,order.updated,attendee.updated")
    order = empty.world.buy(event, 2)
    calls = listener.take(5)
    actions = [body["config"]["action"] for _, body in calls]
    assert actions == [
        "order.updated",
        "order.placed",
        "attendee.updated",
        "attendee.updated",
        "order.updated",
    ]
    headers, body = calls[1]
    assert headers["X-Eventbrite-Event"] == "order.placed"
    assert {each["X-Eventbrite-Delivery"] for each, _ in calls} == {webhook}
    assert not any("signature" in name.lower() for name in headers)
    assert body["api_url"] == f"https://www.eventbriteapi.com/v3/orders/{order.id}/"
    assert body["config"]["endpoint_url"] == listener.url
    ticket = order.attendees[0].id
    urls = {each["api_url"] for _, each in calls}
    assert f"https://www.eventbriteapi.com/v3/events/{event.id}/attendees/{ticket}/" in urls


def test_hooks_come_twice_or_never_and_only_to_who_asked(empty: Running, listener: Listener) -> None:
    empty.world.limits.eventbrite_hook_pace = 0
    event = empty.world.add_eventbrite_event("Hooked", SOON)
    other = empty.world.add_eventbrite_event("Unhooked", SOON)
    subscribe(empty, listener.url, "order.placed", event_id=event.id)
    empty.world.limits.eventbrite_hook_repeats = 1.0
    empty.world.buy(other)
    empty.world.buy(event)
    assert [body["config"]["action"] for _, body in listener.take(2)] == ["order.placed"] * 2
    empty.world.limits.eventbrite_hook_losses = 1.0
    empty.world.buy(event)
    assert len(empty.sandbox.hooks.log) == 2


def test_hooks_change_places_and_come_later(empty: Running, listener: Listener) -> None:
    # Without a pace of their own, so that chance alone decides.
    limits = {"eventbrite_hook_pace": 0, "eventbrite_hook_delay_seconds": 0.2}
    control(empty, "POST", "limits", {**limits, "eventbrite_hook_jitter_seconds": 0.3})
    event = empty.world.add_eventbrite_event("Hooked", SOON)
    subscribe(empty, listener.url, "order.placed")
    begun = monotonic()
    orders = [empty.world.buy(event).id for _ in range(8)]
    came = [body["api_url"].split("/")[-2] for _, body in listener.take(8)]
    assert monotonic() - begun >= 0.2
    assert sorted(came) == orders
    assert came != orders


def test_hooks_that_were_not_taken_come_again_when_the_platform_does_that(
    empty: Running, listener: Listener
) -> None:
    control(empty, "POST", "limits", {"eventbrite_hook_pace": 0, "eventbrite_hook_retry_seconds": 0})
    event = empty.world.add_eventbrite_event("Hooked", SOON)
    subscribe(empty, listener.url, "order.placed")
    listener.status = 503
    empty.world.buy(event)
    listener.take(1)
    wait_for(lambda: control(empty, "GET", "deliveries")[0]["status"] == 503)
    assert control(empty, "GET", "deliveries")[0]["attempts"] == 1
    control(empty, "POST", "limits", {"eventbrite_hook_retries": 2})
    empty.world.buy(event)
    bodies = [body for _, body in listener.take(3)]
    assert bodies[0] == bodies[1] == bodies[2]
    wait_for(lambda: control(empty, "GET", "deliveries")[1]["attempts"] == 3)
    listener.status = 200
    empty.world.buy(event)
    listener.take(1)
    wait_for(lambda: control(empty, "GET", "deliveries")[2]["status"] == 200)
    assert control(empty, "GET", "deliveries")[2]["attempts"] == 1


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 10
    while not condition():
        assert monotonic() < deadline, "waited in vain"


def test_a_ping_a_gone_endpoint_and_a_foreign_one(empty: Running, listener: Listener) -> None:
    event = empty.world.add_eventbrite_event("Hooked", SOON)
    empty.world.limits.eventbrite_hook_pace = 0
    foreign = subscribe(empty, "https://hooks.example.com/x", "order.placed")
    empty.world.buy(event)
    ours = subscribe(empty, listener.url, "attendee.checked_in")
    control(empty, "POST", "ping", {"webhook": ours})
    ((_, ping),) = listener.take(1)
    assert ping["config"]["action"] == "test"
    assert ping["api_url"].endswith("{api-endpoint-to-fetch-object-details}/")
    deliveries = control(empty, "GET", "deliveries")
    assert (deliveries[0]["webhook"], deliveries[0]["status"]) == (foreign, -1)
    listener.status = 410
    ticket = empty.world.buy(event).attendees[0]
    empty.world.check_in(ticket)
    ((_, scan),) = listener.take(1)
    assert scan["config"]["action"] == "barcode.checked_in"
    deadline = monotonic() + 10
    while empty.eventbrite.get(f"/webhooks/{ours}/").status != 404 and monotonic() < deadline:
        pass
    assert empty.eventbrite.get(f"/webhooks/{ours}/").status == 404
    assert empty.eventbrite.call("POST", "/_sandbox/ping", body={"webhook": "1"}).status == 400


# Threads and ports


def test_worlds_side_by_side_and_ports_given_back(blank: World) -> None:
    with Sandbox(blank) as first, Sandbox(World.blank(seed=8)) as second:
        urls = {first.eventbrite_url, first.humanitix_url, second.eventbrite_url, second.humanitix_url}
        assert len(urls) == 4
        assert first.document()["eventbrite"]["url"] == first.eventbrite_url
        port = int(first.eventbrite_url.split(":")[2].split("/")[0])
        with pytest.raises(OSError, match=r"in use|address"), Sandbox(World.blank(), eventbrite_port=port):
            pass
    with Sandbox(blank, eventbrite_port=port) as again:
        assert str(port) in again.eventbrite_url
    assert not any(thread.name == "housecount-sandbox" for thread in threading.enumerate())


def test_many_readers_at_once(empty: Running) -> None:
    event = empty.world.add_eventbrite_event("Crowd", SOON)
    failures: list[object] = []

    def read() -> None:
        client = Client(empty.sandbox.eventbrite_url, {"Authorization": f"Bearer {empty.account.token}"})
        for _ in range(20):
            reply = client.get(f"/events/{event.id}/orders/", {"expand": "attendees"})
            if reply.status != 200:
                failures.append(reply.status)
        client.close()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        empty.world.buy(event, 2)
    for thread in threads:
        thread.join()
    assert failures == []
    assert empty.world.truth()[0].figures.sold == 200


# The command


def serve_command(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "housecount_sandbox", "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_where_it_is_and_stops_cleanly(stop: signal.Signals) -> None:
    process = serve_command("--season", "small", "--json", "--today", "2026-11-22", "--humanitix-limit", "0")
    try:
        assert process.stdout is not None
        document = json.loads(process.stdout.readline())
        assert set(document) == {"eventbrite", "humanitix", "xero"}
        assert document["eventbrite"]["url"].startswith("http://127.0.0.1:")
        assert document["eventbrite"]["url"].endswith("/v3")
        assert document["humanitix"]["url"].endswith("/v1")
        assert len(document["eventbrite"]["accounts"]) == 2
        (host,) = document["humanitix"]["accounts"]
        assert host["regions"] == ["AU", "NZ"]
        request = urllib.request.Request(
            document["humanitix"]["url"] + "/events?page=1&pageSize=1", headers={"x-api-key": host["key"]}
        )
        with urllib.request.urlopen(request) as reply:
            assert json.load(reply)["total"] == 7
        process.send_signal(stop)
        out, problems = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out, problems) == (0, "", "")


def test_the_command_says_it_in_words_for_people(empty: Running) -> None:
    text = _readable(empty.sandbox.document())
    for part in (empty.sandbox.eventbrite_url, empty.account.token, empty.host.key, "regions: AU, NZ"):
        assert part in text


def test_the_command_keeps_a_journal(tmp_path: Path) -> None:
    options = ("--season", "small", "--json", "--today", "2026-11-22", "--journal", str(tmp_path / "kept"))

    def orders_after(*more: str) -> int:
        process = serve_command(*options, *more)
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["eventbrite"]["url"].removesuffix("/v3")
            advance = urllib.request.Request(url + "/_sandbox/advance", data=b'{"happenings": 20}')
            urllib.request.urlopen(advance).close()
            with urllib.request.urlopen(url + "/_sandbox/truth") as reply:
                found = sum(each["orders"] for each in json.load(reply)["listings"])
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
        finally:
            process.kill()
            process.communicate()
        return found

    first, second = orders_after(), orders_after()
    assert second > first + 10
    refused = serve_command(*options, "--seed", "2")
    _, problems = refused.communicate(timeout=20)
    assert (refused.returncode, "another season" in problems) == (1, True)


def test_the_command_refuses_a_taken_port_in_plain_words(empty: Running) -> None:
    port = empty.sandbox.eventbrite_url.split(":")[2].split("/")[0]
    process = serve_command("--season", "blank", "--eventbrite-port", port)
    out, problems = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "cannot listen" in problems
    assert "Traceback" not in problems + out
