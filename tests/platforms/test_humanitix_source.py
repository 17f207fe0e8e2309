"""What is asked of Humanitix, in which order, and what is made of lists that shift, loop and fail."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import httpx2
import pytest

from housecount.platforms.base.errors import (
    ConfigError,
    ContractChanged,
    Gone,
    RecordRejected,
    Transient,
)
from housecount.platforms.base.records import Page
from housecount.platforms.base.source import KnownEvent, Scope, Slice
from housecount.platforms.http.client import Client
from housecount.platforms.humanitix.source import Humanitix
from tests.platforms import humanitix_examples as hx
from tests.platforms.stand_in import Time, answer, client_for, collect, run, types_of

T = TypeVar("T")
SOURCE = Humanitix()
KEY = "a" * 64
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
KNOWN = types_of(*hx.TYPES.values())
ALLOWED = {"page", "pageSize", "since", "status", "overrideLocation"}

ROOT = f"/events/{hx.EVENT_ID}"
WHOLE = Slice(key=f"event::{hx.EVENT_ID}", event_ids=(hx.EVENT_ID,), full=True)
SINCE = Slice(key=f"event::{hx.EVENT_ID}", event_ids=(hx.EVENT_ID,), since=NOW)


class Box:
    """A stand-in that answers by path, keeps what it was asked, and refuses what Humanitix refuses."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[dict[str, str]], Any]] = {}
        self.asked: list[str] = []

    def at(self, path: str, say: Any) -> None:
        self.answers[path] = say if callable(say) else lambda _: say

    def lists(self, path: str, kind: str, rows: list[Any]) -> None:
        """A list of `rows` in pages of a hundred."""

        def say(params: dict[str, str]) -> Any:
            number = int(params["page"])
            return hx.page(kind, rows[100 * number - 100 : 100 * number], number, len(rows))

        self.at(path, say)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix("/v1")
        params = dict(request.url.params)
        self.asked.append(f"{path}?{'&'.join(f'{key}={value}' for key, value in sorted(params.items()))}")
        assert request.headers["x-api-key"] == KEY
        assert params.keys() <= ALLOWED
        if path not in self.answers:
            return refusal(404, "Not Found", f"Event with id: {hx.EVENT_ID} not found.")
        said = self.answers[path](params)
        return said if isinstance(said, httpx2.Response) else answer(said)


def refusal(status: int, error: str, message: str) -> httpx2.Response:
    return answer({"message": message, "statusCode": status, "error": error}, status)


def using(box: Box, work: Callable[[Client], Awaitable[T]]) -> T:
    async def inner() -> T:
        profile = SOURCE.profile("https://humanitix.test/v1", KEY)
        async with client_for(profile, box, time=Time()) as client:
            return await work(client)

    return run(inner())


def walk(box: Box, part: Slice) -> list[Page]:
    return using(box, lambda client: collect(SOURCE.walk(client, part, KNOWN)))


def event_box(orders: list[Any], complete: list[Any], cancelled: list[Any]) -> Box:
    box = Box()
    box.lists(f"{ROOT}/orders", "orders", orders)

    def tickets(params: dict[str, str]) -> Any:
        rows = {"complete": complete, "cancelled": cancelled}[params["status"]]
        number = int(params["page"])
        return hx.page("tickets", rows[100 * number - 100 : 100 * number], number, len(rows))

    box.at(f"{ROOT}/tickets", tickets)
    return box


# --- Profile, check ---------------------------------------------------------------------------------------
def test_the_key_is_in_no_repr_and_the_pace_is_150_a_minute() -> None:
    profile = SOURCE.profile("https://humanitix.test/v1/", KEY)
    assert KEY not in repr(profile)
    assert (profile.rate.allowed, profile.rate.seconds) == (150, 60)
    assert profile.first_timeout >= 30


def test_a_check_is_one_event_for_each_region() -> None:
    box = Box()
    box.at("/events", hx.page("events", [], size=1))
    found = using(box, lambda client: SOURCE.check(client, ("au", "NZ", "AU")))
    assert found.scope == Scope(regions=("AU", "NZ"))
    assert box.asked == [
        "/events?overrideLocation=AU&page=1&pageSize=1",
        "/events?overrideLocation=NZ&page=1&pageSize=1",
    ]
    assert using(box, lambda client: SOURCE.check(client, ())).scope.regions == ("",)
    assert box.asked[-1] == "/events?page=1&pageSize=1"


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (400, "Bad Request", "Invalid api key format provided."),
        (401, "Unauthorized", "Invalid API Key."),
        (403, "Forbidden", "User: x does not have permission to read."),
    ],
)
def test_every_form_of_a_bad_key_asks_for_a_person_at_once(status: int, error: str, message: str) -> None:
    box = Box()
    box.at("/events", refusal(status, error, message))
    with pytest.raises(ConfigError):
        using(box, lambda client: SOURCE.check(client, ()))
    assert len(box.asked) == 1


def test_a_question_that_is_refused_is_our_fault_and_not_the_keys() -> None:
    box = Box()
    box.at("/events", refusal(400, "Bad Request", "query should NOT have additional properties 'expand'"))
    with pytest.raises(ContractChanged):
        using(box, lambda client: SOURCE.check(client, ()))
    with pytest.raises(ConfigError, match="does not know the region ZZ"):
        using(box, lambda client: SOURCE.check(client, ("ZZ",)))
    with pytest.raises(ConfigError, match="is no region"):
        using(box, lambda client: SOURCE.check(client, ("Australia",)))


def test_an_address_that_is_gone_is_no_missing_object() -> None:
    box = Box()
    box.at("/events", refusal(404, "Not Found", "Route GET:/v1/events not found"))
    with pytest.raises(ContractChanged):
        using(box, lambda client: SOURCE.check(client, ()))


# --- Catalogue --------------------------------------------------------------------------------------------
def number(index: int) -> str:
    return f"{index:024x}"


def catalogue(box: Box, *regions: str) -> list[Page]:
    return using(box, lambda client: collect(SOURCE.catalogue(client, Scope(regions=regions or ("",)))))


def test_every_page_of_the_catalogue_is_read_and_handed_on_in_order() -> None:
    box = Box()
    box.lists("/events", "events", [hx.event(number(index)) for index in range(730)])
    pages = catalogue(box)
    found = [event.external_id for page in pages for event in page.events]
    assert found == [number(index) for index in range(730)]
    assert len(box.asked) == 8
    assert max(len(page.events) for page in pages) == 100


def test_each_region_is_walked_and_an_event_of_two_stays_with_the_first() -> None:
    box = Box()
    rows = {None: [hx.event(number(1))], "NZ": [hx.event(number(1)), hx.event(number(2))]}
    box.at("/events", lambda params: hx.page("events", rows[params.get("overrideLocation")]))
    pages = catalogue(box, "", "NZ")
    assert [(event.external_id, event.region) for page in pages for event in page.events] == [
        (number(1), ""),
        (number(2), "NZ"),
    ]


def test_one_event_that_cannot_be_read_is_set_aside() -> None:
    box = Box()
    box.lists("/events", "events", [hx.event(number(1)), hx.event(number(2), currency=7)])
    (page,) = catalogue(box)
    assert [event.external_id for event in page.events] == [number(1)]
    assert [rejected.external_id for rejected in page.rejected] == [number(2)]


# --- Paging -----------------------------------------------------------------------------------------------
def test_a_smaller_page_than_asked_for_is_believed() -> None:
    box = Box()
    rows = [hx.event(number(index)) for index in range(120)]

    def say(params: dict[str, str]) -> Any:
        asked = int(params["page"])
        return hx.page("events", rows[50 * asked - 50 : 50 * asked], asked, 120, size=50)

    box.at("/events", say)
    assert sum(len(page.events) for page in catalogue(box)) == 120


def test_a_short_page_in_the_middle_does_not_end_the_list() -> None:
    box = Box()
    rows = [hx.event(number(index)) for index in range(250)]

    def say(params: dict[str, str]) -> Any:
        asked = int(params["page"])
        part = rows[100 * asked - 100 : 100 * asked]
        return hx.page("events", part[:-1] if asked == 1 else part, asked, 250)

    box.at("/events", say)
    assert sum(len(page.events) for page in catalogue(box)) == 249


def test_a_total_that_is_too_large_ends_with_the_empty_page() -> None:
    box = Box()
    box.at(
        "/events",
        lambda p: hx.page("events", [hx.event()] if p["page"] == "1" else [], int(p["page"]), 10**9),
    )
    with pytest.raises(ContractChanged, match="does not end"):
        catalogue(box)
    box.at(
        "/events", lambda p: hx.page("events", [hx.event()] if p["page"] == "1" else [], int(p["page"]), 350)
    )
    assert sum(len(page.events) for page in catalogue(box)) == 1


def test_a_list_that_grows_while_it_is_read_is_read_to_its_end() -> None:
    box = Box()
    rows = [hx.event(number(index)) for index in range(300)]

    def say(params: dict[str, str]) -> Any:
        asked = int(params["page"])
        total = 100 + 100 * asked if asked < 3 else 300
        return hx.page("events", rows[100 * asked - 100 : 100 * asked], asked, total)

    box.at("/events", say)
    assert sum(len(page.events) for page in catalogue(box)) == 300


def test_a_server_that_ignores_the_page_number_ends_the_read() -> None:
    box = Box()
    box.at("/events", lambda _: hx.page("events", [hx.event()], 1, 500))
    with pytest.raises(ContractChanged, match="another page"):
        catalogue(box)
    box.at("/events", lambda params: hx.page("events", [hx.event()], int(params["page"]), 500))
    with pytest.raises(ContractChanged, match="circles"):
        catalogue(box)


def test_never_more_than_a_few_pages_are_held() -> None:
    box = Box()
    box.lists("/events", "events", [hx.event(number(index)) for index in range(2000)])

    async def ahead(client: Client) -> list[int]:
        counts: list[int] = []
        async for _ in SOURCE.catalogue(client, Scope()):
            counts.append(len(box.asked) - len(counts) - 1)
        return counts

    assert max(using(box, ahead)) <= 4


def test_a_page_that_fails_fails_the_walk_and_leaves_nothing_under_way() -> None:
    box = Box()

    def say(params: dict[str, str]) -> Any:
        asked = int(params["page"])
        if asked == 3:
            return refusal(500, "Internal Server Error", "Something went wrong.")
        return hx.page("events", [hx.event(number(asked))], asked, 900)

    box.at("/events", say)
    with pytest.raises(Transient):
        catalogue(box)


def test_a_row_passed_over_because_another_was_cancelled_is_met_in_a_second_walk() -> None:
    """The first complete ticket is cancelled after the first page: the hundredth-and-first moves to it."""
    box = event_box([hx.order()], [], [])
    rows = [hx.ticket(1, _id=number(index)) for index in range(150)]
    asked = 0

    def tickets(params: dict[str, str]) -> Any:
        nonlocal asked, rows
        page = int(params["page"])
        if params["status"] == "cancelled":
            return hx.page("tickets", [hx.cancelled(1, _id=number(0))])
        asked += 1
        here = hx.page("tickets", rows[100 * page - 100 : 100 * page], page, len(rows))
        if asked == 1:
            rows = rows[1:]
        return here

    box.at(f"{ROOT}/tickets", tickets)
    pages = walk(box, WHOLE)
    latest = {ticket.external_id: ticket for page in pages for ticket in page.tickets}
    assert latest.keys() == {number(index) for index in range(150)}
    assert latest[number(0)].facts.validity == "cancelled"


# --- Slices -----------------------------------------------------------------------------------------------
def known(name: str, ended_days_ago: int = 0, *, new: bool = False, region: str = "") -> KnownEvent:
    ends = NOW - timedelta(days=ended_days_ago)
    return KnownEvent(event_id=name, region=region, starts_at=ends, ends_at=ends, new=new)


def test_a_read_takes_every_event_since_its_bookmark_and_new_ones_whole() -> None:
    events = [known("open", 59), known("past", 400), known("new", 400, new=True), known("nz", region="NZ")]
    marks = {"event::open": NOW, "event::past": NOW, "event::new": NOW}
    parts = SOURCE.slices(Scope(), events, marks.get, NOW, full=False)
    since = NOW - timedelta(minutes=15)
    assert [(part.key, part.since, part.full, part.region) for part in parts] == [
        ("event::open", since, False, ""),
        ("event::past", since, False, ""),
        ("event::new", None, True, ""),
        ("event:NZ:nz", None, True, "NZ"),
    ]


def test_a_sweep_takes_every_event_whole() -> None:
    parts = SOURCE.slices(Scope(), [known("a"), known("b", 900)], lambda _: NOW, NOW, full=True)
    assert [(part.event_ids, part.since, part.full) for part in parts] == [
        (("a",), None, True),
        (("b",), None, True),
    ]


# --- Walks ------------------------------------------------------------------------------------------------
def test_a_whole_walk_is_orders_then_complete_then_cancelled_tickets() -> None:
    box = event_box([hx.order()], [hx.ticket(1)], [hx.cancelled(2)])
    orders, complete, cancelled = walk(box, WHOLE)
    assert [len(orders.orders), len(complete.tickets), len(cancelled.tickets)] == [1, 1, 1]
    assert box.asked == [
        f"{ROOT}/orders?page=1&pageSize=100",
        f"{ROOT}/tickets?page=1&pageSize=100&status=complete",
        f"{ROOT}/tickets?page=1&pageSize=100&status=cancelled",
    ]


def test_an_idle_read_of_an_event_is_one_question() -> None:
    box = event_box([], [hx.ticket(1)], [])
    (page,) = walk(box, SINCE)
    assert page == Page()
    assert box.asked == [f"{ROOT}/orders?page=1&pageSize=100&since=2026-03-10T12:00:00.000Z"]


def test_a_changed_order_brings_the_changed_tickets() -> None:
    box = event_box([hx.order()], [hx.ticket(1)], [hx.cancelled(2)])
    assert len(walk(box, SINCE)) == 3
    assert all("since=2026-03-10T12:00:00.000Z" in asked for asked in box.asked)
    assert len(box.asked) == 3


def test_a_region_is_named_in_every_question_of_its_events() -> None:
    box = event_box([hx.order()], [hx.ticket(1)], [])
    walk(box, Slice(key="x", event_ids=(hx.EVENT_ID,), full=True, region="NZ"))
    assert all("overrideLocation=NZ" in asked for asked in box.asked)


def test_an_event_without_orders_is_walked_whole_all_the_same() -> None:
    box = event_box([], [], [])
    walk(box, WHOLE)
    assert len(box.asked) == 3


def test_one_order_and_one_ticket_that_cannot_be_read_are_set_aside() -> None:
    bad_order, bad_ticket = hx.order(_id="bad1", totals={}), hx.ticket(2, _id="bad2", currency="NZD")
    pages = walk(event_box([hx.order(), bad_order], [hx.ticket(1), bad_ticket], []), WHOLE)
    assert [(one.kind, one.external_id, one.event_id) for page in pages for one in page.rejected] == [
        ("order", "bad1", hx.EVENT_ID),
        ("ticket", "bad2", hx.EVENT_ID),
    ]


def test_an_event_that_is_gone_says_so() -> None:
    with pytest.raises(Gone):
        walk(Box(), WHOLE)


def test_a_list_that_always_fails_costs_its_slice_only() -> None:
    box = event_box([hx.order()], [], [])
    box.at(f"{ROOT}/tickets", refusal(500, "Internal Server Error", "Something went wrong."))
    with pytest.raises(Transient):
        walk(box, WHOLE)


async def single(order_id: str, client: Client) -> Page:
    return await SOURCE.order(client, hx.EVENT_ID, order_id, "", KNOWN)


# --- Single objects ---------------------------------------------------------------------------------------
def test_a_single_order_and_a_single_ticket() -> None:
    box = Box()
    box.at(f"{ROOT}/orders/{hx.ORDER_ID}", hx.order())
    box.at(f"{ROOT}/tickets/t1", hx.ticket(1))
    page = using(box, lambda client: SOURCE.order(client, hx.EVENT_ID, hx.ORDER_ID, "", KNOWN))
    assert page.orders[0].external_id == hx.ORDER_ID
    page = using(box, lambda client: SOURCE.ticket(client, hx.EVENT_ID, "t1", "", KNOWN))
    assert page.tickets[0].order_id == hx.ORDER_ID


def test_what_one_region_does_not_have_the_accounts_own_may() -> None:
    box = Box()
    path = f"{ROOT}/orders/{hx.ORDER_ID}"
    box.at(path, lambda params: hx.order() if not params else refusal(404, "Not Found", "Order not found."))
    page = using(box, lambda client: SOURCE.order(client, hx.EVENT_ID, hx.ORDER_ID, "NZ", KNOWN))
    assert len(page.orders) == 1
    assert box.asked == [f"{path}?overrideLocation=NZ", f"{path}?"]


def test_an_order_nowhere_is_gone_and_one_that_always_fails_is_rejected() -> None:
    box = Box()
    with pytest.raises(Gone):
        using(box, lambda client: SOURCE.order(client, hx.EVENT_ID, hx.ORDER_ID, "NZ", KNOWN))
    assert len(box.asked) == 2
    box.at(f"{ROOT}/orders/{hx.ORDER_ID}", refusal(500, "Internal Server Error", "Something went wrong."))
    with pytest.raises(RecordRejected, match="failed at every try"):
        using(box, lambda client: SOURCE.order(client, hx.EVENT_ID, hx.ORDER_ID, "", KNOWN))
    box.at(f"{ROOT}/orders/{hx.ORDER_ID}", httpx2.Response(503, content=b"<html>"))
    with pytest.raises(Transient):
        using(box, lambda client: SOURCE.order(client, hx.EVENT_ID, hx.ORDER_ID, "", KNOWN))


def test_an_event_of_another_region_remembers_where_it_was_found() -> None:
    box = Box()
    box.at(ROOT, lambda params: hx.event() if not params else refusal(404, "Not Found", "Event not found."))
    assert using(box, lambda client: SOURCE.event(client, hx.EVENT_ID, "NZ")).region == ""


def test_an_id_that_is_none_is_asked_of_nobody() -> None:
    box = Box()
    for strange in ("", "../tags", "1?page=2", "1/2", "😀"):
        with pytest.raises(Gone):
            using(box, partial(single, strange))
    assert box.asked == []
