"""What is asked of Eventbrite, in which order, and what is made of lists that end, loop, shift and fail."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import httpx2
import pytest

from housecount.core.counting import Category
from housecount.platforms.base.errors import (
    ConfigError,
    ContractChanged,
    Gone,
    PlatformError,
    RateLimited,
    RecordRejected,
    Transient,
)
from housecount.platforms.base.records import Page
from housecount.platforms.base.source import KnownEvent, Scope, Slice, no_types
from housecount.platforms.eventbrite.answers import classify, read_budget
from housecount.platforms.eventbrite.source import Eventbrite
from housecount.platforms.http.budget import BudgetReading
from housecount.platforms.http.client import Client
from tests.platforms import eventbrite_examples as eb
from tests.platforms.stand_in import Time, answer, client_for, collect, run, types_of

T = TypeVar("T")
SOURCE = Eventbrite()
TOKEN = "TOKEN0TOKEN0TOKEN0XY"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
KNOWN = types_of(*eb.TYPES.values())
ORG = "300000000001"


class Box:
    """A stand-in that answers by path, keeps what it was asked, and refuses what Eventbrite refuses."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[dict[str, str]], Any]] = {}
        self.asked: list[str] = []

    def at(self, path: str, say: Any) -> None:
        self.answers[path] = say if callable(say) else lambda _: say

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix("/v3")
        params = dict(request.url.params)
        self.asked.append(f"{path}?{'&'.join(f'{key}={value}' for key, value in sorted(params.items()))}")
        assert path.endswith("/")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in str(request.url)
        if path not in self.answers:
            return answer({"status_code": 404, "error": "NOT_FOUND", "error_description": "No."}, 404)
        said = self.answers[path](params)
        return said if isinstance(said, httpx2.Response) else answer(said)


def refusal(status: int, error: str) -> httpx2.Response:
    return answer({"status_code": status, "error": error, "error_description": "Because."}, status)


def using(box: Box, work: Callable[[Client], Awaitable[T]], time: Time | None = None) -> T:
    async def inner() -> T:
        profile = SOURCE.profile("https://eventbrite.test/v3/", TOKEN)
        async with client_for(profile, box, time=time) as client:
            return await work(client)

    return run(inner())


def walk(box: Box, part: Slice, types: Any = KNOWN) -> list[Page]:
    return using(box, lambda client: collect(SOURCE.walk(client, part, types)))


def order_ids(pages: list[Page]) -> list[str]:
    return [order.external_id for page in pages for order in page.orders]


WHOLE = Slice(key=f"event:{eb.EVENT_ID}", event_ids=(eb.EVENT_ID,), full=True)
CHANGES = Slice(key=f"changes:{ORG}", event_ids=None, since=NOW, organisation_id=ORG)
ORDERS = f"/events/{eb.EVENT_ID}/orders/"


def listed(*numbers: int, **place: Any) -> eb.Json:
    return eb.page("orders", [eb.order(eb.attendee(1), number=number) for number in numbers], **place)


# --- Profile, check ---------------------------------------------------------------------------------------
def test_the_token_is_in_no_repr_and_names_its_budget_stably() -> None:
    profile = SOURCE.profile("https://eventbrite.test/v3/", f" {TOKEN} ")
    assert TOKEN not in repr(profile)
    assert profile.base_url == "https://eventbrite.test/v3"
    assert profile.credential == SOURCE.profile("https://other.test/v3", TOKEN).credential
    assert (profile.rate.allowed, profile.rate.seconds) == (1600, 3600)


def test_a_check_names_the_account_and_finds_every_organisation() -> None:
    box = Box()
    box.at("/users/me/", {"id": "1", "name": "Robin Example", "emails": []})

    def organisations(params: dict[str, str]) -> Any:
        if "continuation" not in params:
            rows = [{"id": "11", "name": "Laughing Stock"}]
            return eb.page("organizations", rows, has_more_items=True, continuation="two")
        return eb.page("organizations", [{"id": "12", "name": None}])

    box.at("/users/me/organizations/", organisations)
    found = using(box, lambda client: SOURCE.check(client, ()))
    assert found.name == "Laughing Stock"
    assert found.scope == Scope(organisation_ids=("11", "12"))


def test_without_organisations_the_users_own_id_is_one() -> None:
    box = Box()
    box.at("/users/me/", {"id": "1", "name": "Robin Example"})
    box.at("/users/me/organizations/", eb.page("organizations", []))
    found = using(box, lambda client: SOURCE.check(client, ()))
    assert (found.name, found.scope.organisation_ids) == ("Robin Example", ("1",))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "INVALID_AUTH"),
        (401, "INVALID_AUTH"),
        (401, "NO_AUTH"),
        (401, "ACCESS_DENIED"),
        (400, "INVALID_AUTH_HEADER"),
        (403, "NOT_AUTHORIZED"),
    ],
)
def test_every_form_of_a_refused_key_asks_for_a_person_at_once(status: int, error: str) -> None:
    box = Box()
    box.at("/users/me/", refusal(status, error))
    with pytest.raises(ConfigError):
        using(box, lambda client: SOURCE.check(client, ()))
    assert len(box.asked) == 1


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (301, "PERMANENTLY_MOVED", ContractChanged),
        (400, "ARGUMENTS_ERROR", ContractChanged),
        (400, "ORDER_EXPIRED", Gone),
        (404, "NOT_FOUND", Gone),
        (500, "INTERNAL_ERROR", Transient),
        (500, "EXPANSION_FAILED", Transient),
        (429, "HIT_RATE_LIMIT", RateLimited),
        (409, "REQUEST_CONFLICT", ContractChanged),
    ],
)
def test_every_other_error_of_a_single_order(status: int, error: str, kind: type[PlatformError]) -> None:
    box = Box()
    box.at("/orders/7/", refusal(status, error))
    with pytest.raises(kind) as caught:
        using(box, lambda client: SOURCE.order(client, eb.EVENT_ID, "7", "", KNOWN))
    assert "Because" not in str(caught.value)


def test_the_hourly_limit_is_waited_for_as_long_as_its_header_says() -> None:
    headers = {"x-rate-limit": f"token:{TOKEN} 2000/2000 reset=1530s, key:KEY 100/2000 reset=12s"}
    error = classify(429, headers, b'{"error":"HIT_RATE_LIMIT"}')
    assert isinstance(error, RateLimited)
    assert error.after == 1530
    assert TOKEN not in str(error)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "token:A1 22/2000 reset=3530s, key:B2 22/2000 reset=3530s",
            BudgetReading(used=22, limit=2000, reset=3530),
        ),
        (
            "token:A1 22/2000 reset=3530s, key:B2 900/1000 reset=30s",
            BudgetReading(used=900, limit=1000, reset=30),
        ),
        ("token:A1 22/2000 reset=3530s", BudgetReading(used=22, limit=2000, reset=3530)),
        ("token:A1 1/0 reset=3530s", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_the_tightest_bucket_is_read(header: str, expected: BudgetReading | None) -> None:
    assert read_budget({"x-rate-limit": header}) == expected


def test_reading_stops_at_four_fifths_of_the_hour() -> None:
    box = Box()
    box.at(
        "/orders/7/",
        answer(eb.order(eb.attendee(1)), headers={"x-rate-limit": "token:A 1600/2000 reset=1200s"}),
    )

    async def twice(client: Client) -> None:
        await SOURCE.order(client, eb.EVENT_ID, "7", "", KNOWN)
        await SOURCE.order(client, eb.EVENT_ID, "7", "", KNOWN)

    with pytest.raises(RateLimited):
        using(box, twice)
    assert len(box.asked) == 1


def test_an_address_of_something_else_asks_for_a_person() -> None:
    with pytest.raises(ConfigError, match="leads to something else"):
        using(Box(), lambda client: SOURCE.check(client, ()))


# --- Catalogue --------------------------------------------------------------------------------------------
def catalogue(box: Box, types: Any = no_types, organisations: tuple[str, ...] = (ORG,)) -> list[Page]:
    scope = Scope(organisation_ids=organisations)
    return using(box, lambda client: collect(SOURCE.catalogue(client, scope, types)))


def test_the_catalogue_asks_for_past_events_too_and_costs_one_question_a_page() -> None:
    box = Box()

    def events(params: dict[str, str]) -> Any:
        assert params["status"] == "all"
        assert params["page_size"] == "100"
        if params.get("continuation") == "two":
            return eb.page("events", [eb.event("9", is_series=True, is_series_parent=True), eb.event("3")])
        return eb.page("events", [eb.event("1"), eb.event("2")], has_more_items=True, continuation="two")

    box.at(f"/organizations/{ORG}/events/", events)
    pages = catalogue(box)
    assert [event.external_id for page in pages for event in page.events] == ["1", "2", "3"]
    assert len(box.asked) == 2


def test_one_event_that_cannot_be_read_is_set_aside() -> None:
    box = Box()
    box.at(f"/organizations/{ORG}/events/", eb.page("events", [eb.event("1"), eb.event("2", currency=None)]))
    (page,) = catalogue(box)
    assert [event.external_id for event in page.events] == ["1"]
    assert [(rejected.kind, rejected.external_id) for rejected in page.rejected] == [("event", "2")]


def test_most_of_a_page_that_cannot_be_read_is_a_new_shape() -> None:
    box = Box()
    rows = [eb.event(str(number), start="soon") for number in range(6)]
    box.at(f"/organizations/{ORG}/events/", eb.page("events", rows))
    with pytest.raises(ContractChanged, match="6 of 6 events"):
        catalogue(box)


def test_classes_that_do_not_come_with_an_event_are_asked_for() -> None:
    box = Box()
    bare = eb.event()
    del bare["ticket_classes"]
    box.at(f"/organizations/{ORG}/events/", eb.page("events", [bare]))
    box.at(f"/events/{eb.EVENT_ID}/ticket_classes/", eb.page("ticket_classes", eb.CLASSES))
    (page,) = catalogue(box)
    assert len(page.events[0].ticket_types) == 4
    assert box.asked[1:] == [f"/events/{eb.EVENT_ID}/ticket_classes/?category=all"]


def test_classes_of_a_past_event_that_are_known_are_not_asked_for_again() -> None:
    box = Box()
    bare = eb.event(status="completed")
    del bare["ticket_classes"]
    box.at(f"/organizations/{ORG}/events/", eb.page("events", [bare]))
    (page,) = catalogue(box, KNOWN)
    assert len(page.events[0].ticket_types) == 4
    assert len(box.asked) == 1


def test_known_donations_stay_in_an_event_that_names_only_admissions() -> None:
    box = Box()
    box.at(f"/organizations/{ORG}/events/", eb.page("events", [eb.event()]))
    (page,) = catalogue(box, KNOWN)
    assert {made.category for made in page.events[0].ticket_types} == set(Category)


def test_an_expansion_that_fails_is_left_out() -> None:
    box = Box()

    def events(params: dict[str, str]) -> Any:
        if "ticket_classes" in params["expand"]:
            return refusal(500, "EXPANSION_FAILED")
        bare = eb.event()
        del bare["ticket_classes"]
        return eb.page("events", [bare])

    box.at(f"/organizations/{ORG}/events/", events)
    box.at(f"/events/{eb.EVENT_ID}/ticket_classes/", eb.page("ticket_classes", eb.CLASSES))
    assert len(catalogue(box)[0].events[0].ticket_types) == 4
    assert len(box.asked) == 3


def test_an_organisation_that_is_not_there_asks_for_a_person() -> None:
    with pytest.raises(ConfigError, match="no longer shows an organisation"):
        catalogue(Box())


def test_a_single_event_comes_with_every_class() -> None:
    box = Box()
    bare = eb.event()
    del bare["ticket_classes"]
    box.at(f"/events/{eb.EVENT_ID}/", bare)
    box.at(f"/events/{eb.EVENT_ID}/ticket_classes/", eb.page("ticket_classes", eb.CLASSES))
    event = using(box, lambda client: SOURCE.event(client, eb.EVENT_ID, ""))
    assert len(event.ticket_types) == 4
    with pytest.raises(Gone):
        using(box, lambda client: SOURCE.event(client, "404", ""))
    with pytest.raises(Gone):
        using(box, lambda client: SOURCE.event(client, "../users/me", ""))


# --- Slices -----------------------------------------------------------------------------------------------
def known(number: str, *, new: bool = False) -> KnownEvent:
    return KnownEvent(event_id=number, starts_at=NOW, ends_at=NOW, new=new)


def test_a_first_read_takes_every_event_whole_and_starts_the_changes_now() -> None:
    parts = SOURCE.slices(Scope(organisation_ids=("a",)), [known("1")], lambda _: None, NOW, full=False)
    assert [(part.key, part.full, part.since) for part in parts] == [
        ("changes:a", False, NOW - timedelta(minutes=15)),
        ("event:1", True, None),
    ]


def test_an_idle_read_is_one_slice_for_each_organisation() -> None:
    events = [known(str(number)) for number in range(50)]
    parts = SOURCE.slices(Scope(organisation_ids=("a", "b")), events, lambda _: NOW, NOW, full=False)
    assert [(part.key, part.event_ids) for part in parts] == [("changes:a", None), ("changes:b", None)]
    assert {part.since for part in parts} == {NOW - timedelta(minutes=15)}


def test_new_events_are_read_whole_beside_the_changes() -> None:
    events = [known("1"), known("2", new=True)]
    parts = SOURCE.slices(Scope(organisation_ids=("a",)), events, lambda _: NOW, NOW, full=False)
    assert [part.key for part in parts] == ["changes:a", "event:2"]


def test_a_sweep_is_every_event_whole() -> None:
    parts = SOURCE.slices(
        Scope(organisation_ids=("a",)), [known("1"), known("2")], lambda _: NOW, NOW, full=True
    )
    assert [(part.key, part.event_ids, part.full, part.since) for part in parts] == [
        ("event:1", ("1",), True, None),
        ("event:2", ("2",), True, None),
    ]


# --- Paging -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("token", ["last", None, ...])
def test_a_list_ends_with_its_flag_whatever_the_token_is(token: object) -> None:
    box = Box()

    def orders(params: dict[str, str]) -> Any:
        if "continuation" not in params:
            return listed(1, 2, has_more_items=True, continuation="two")
        return listed(3, **({} if token is ... else {"continuation": token}))

    box.at(ORDERS, orders)
    assert order_ids(walk(box, WHOLE)) == ["1000000001", "1000000002", "1000000003"]
    assert box.asked == [f"{ORDERS}?expand=attendees", f"{ORDERS}?continuation=two&expand=attendees"]


def test_a_token_missing_in_the_middle_is_replaced_by_the_page_number() -> None:
    box = Box()
    box.at(ORDERS, lambda params: listed(2) if params.get("page") == "2" else listed(1, has_more_items=True))
    assert order_ids(walk(box, WHOLE)) == ["1000000001", "1000000002"]


def test_answers_of_old_that_only_count_pages() -> None:
    box = Box()

    def orders(params: dict[str, str]) -> Any:
        number = int(params.get("page", "1"))
        old = listed(number)
        old["pagination"] = {"object_count": 3, "page_number": number, "page_size": 1, "page_count": 3}
        return old

    box.at(ORDERS, orders)
    assert order_ids(walk(box, WHOLE)) == ["1000000001", "1000000002", "1000000003"]


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_list_is_one_empty_page(count: int) -> None:
    box = Box()
    box.at(ORDERS, eb.page("orders", [], page_count=count))
    assert order_ids(walk(box, WHOLE)) == []
    assert len(box.asked) == 1


def test_rows_that_come_twice_come_twice() -> None:
    box = Box()
    box.at(
        ORDERS,
        lambda params: (
            listed(2, 3) if "continuation" in params else listed(1, 2, has_more_items=True, continuation="x")
        ),
    )
    assert order_ids(walk(box, WHOLE)) == ["1000000001", "1000000002", "1000000002", "1000000003"]


def test_a_token_that_repeats_ends_the_read() -> None:
    box = Box()
    pages = iter(range(1, 100))
    box.at(ORDERS, lambda _: listed(next(pages), has_more_items=True, continuation="same"))
    with pytest.raises(ContractChanged, match="twice"):
        walk(box, WHOLE)
    assert len(box.asked) == 2


def test_a_page_that_repeats_under_new_tokens_ends_the_read() -> None:
    box = Box()
    tokens = iter(range(100))
    box.at(ORDERS, lambda _: listed(1, has_more_items=True, continuation=f"t{next(tokens)}"))
    with pytest.raises(ContractChanged, match="circles"):
        walk(box, WHOLE)


@pytest.mark.parametrize("error", ["BAD_CONTINUATION_TOKEN", "BAD_PAGE"])
def test_a_place_in_a_list_that_is_forgotten_starts_it_again(error: str) -> None:
    box = Box()
    failures = iter([refusal(400, error)])

    def orders(params: dict[str, str]) -> Any:
        if "continuation" not in params:
            return listed(1, has_more_items=True, continuation="two")
        return next(failures, None) or listed(2)

    box.at(ORDERS, orders)
    assert order_ids(walk(box, WHOLE)) == ["1000000001", "1000000001", "1000000002"]


def test_a_place_that_is_forgotten_every_time_is_given_up_for_now() -> None:
    box = Box()
    box.at(
        ORDERS,
        lambda params: (
            refusal(400, "BAD_PAGE")
            if "continuation" in params
            else listed(1, has_more_items=True, continuation="two")
        ),
    )
    with pytest.raises(Transient, match="kept changing"):
        walk(box, WHOLE)


def test_a_list_that_lost_a_row_on_the_way_is_read_again() -> None:
    box = Box()
    first = iter([3])

    def orders(params: dict[str, str]) -> Any:
        if "continuation" in params:
            return listed(3, object_count=2)
        return listed(1, 2, object_count=next(first, 2), has_more_items=True, continuation="two")

    box.at(ORDERS, orders)
    assert order_ids(walk(box, WHOLE)).count("1000000003") == 2


# --- Walks ------------------------------------------------------------------------------------------------
def test_an_event_that_is_gone_says_so() -> None:
    with pytest.raises(Gone):
        walk(Box(), WHOLE)


def test_one_order_that_cannot_be_read_is_set_aside_under_its_id() -> None:
    box = Box()
    bad = eb.order(eb.attendee(1), number=2, created=5)
    worse = eb.order(eb.attendee(1, eb.costs(10**15)), number=3)
    box.at(ORDERS, eb.page("orders", [eb.order(eb.attendee(1)), bad, worse]))
    (page,) = walk(box, WHOLE)
    assert order_ids([page]) == ["1000000001"]
    assert [rejected.external_id for rejected in page.rejected] == ["1000000002", "1000000003"]


def changes(box: Box, orders: list[eb.Json], attendees: list[eb.Json]) -> None:
    box.at(f"/organizations/{ORG}/orders/", eb.page("orders", [eb.reduced(order) for order in orders]))
    box.at(f"/organizations/{ORG}/attendees/", eb.page("attendees", attendees))
    for order in orders:
        box.at(f"/orders/{order['id']}/", order)


def test_an_idle_read_is_two_questions() -> None:
    box = Box()
    changes(box, [], [])
    assert walk(box, CHANGES) == []
    stamp = "changed_since=2026-03-10T12:00:00Z"
    assert box.asked == [f"/organizations/{ORG}/orders/?{stamp}", f"/organizations/{ORG}/attendees/?{stamp}"]


def test_one_changed_order_is_read_alone_with_all_its_costs() -> None:
    box = Box()
    changes(box, [eb.order(eb.attendee(1), cost=eb.costs(2500, 254, 127, discount_amount=eb.money(700)))], [])
    (page,) = walk(box, CHANGES)
    assert page.orders[0].facts.discounts == 700
    assert box.asked[2:] == ["/orders/1000000001/?expand=attendees"]


def test_several_changed_orders_of_an_event_are_read_from_its_list() -> None:
    box = Box()
    orders = [eb.order(eb.attendee(1), number=number) for number in (1, 2, 3)]
    changes(box, orders, [eb.attendee(1)])
    box.at(ORDERS, eb.page("orders", orders))
    assert len(order_ids(walk(box, CHANGES))) == 3
    assert box.asked[2:] == [f"{ORDERS}?changed_since=2026-03-10T12:00:00Z&expand=attendees"]


def test_an_attendee_that_changed_without_its_order_brings_the_order() -> None:
    box = Box()
    changes(box, [], [eb.attendee(1)])
    box.at("/orders/1000000001/", eb.order(eb.attendee(1, refunded=True)))
    assert order_ids(walk(box, CHANGES)) == ["1000000001"]


def test_an_attendee_beside_a_listed_order_is_read_too() -> None:
    box = Box()
    orders = [eb.order(eb.attendee(1), number=number) for number in (1, 2)]
    changes(box, orders, [eb.attendee(1, order_id="1000000003")])
    box.at(ORDERS, eb.page("orders", orders))
    box.at("/orders/1000000003/", eb.order(eb.attendee(1), number=3))
    assert order_ids(walk(box, CHANGES)) == ["1000000001", "1000000002", "1000000003"]


def test_many_attendees_that_changed_alone_are_read_from_the_whole_list() -> None:
    box = Box()
    changes(box, [], [eb.attendee(1, order_id=str(number)) for number in range(60)])
    box.at(ORDERS, eb.page("orders", [eb.order(eb.attendee(1), id=str(number)) for number in range(60)]))
    assert len(order_ids(walk(box, CHANGES))) == 60
    assert box.asked[2:] == [f"{ORDERS}?expand=attendees"]


def test_an_order_that_is_not_there_yet_is_left_to_the_overlap() -> None:
    box = Box()
    changes(box, [], [eb.attendee(1), eb.attendee(1, order_id="1000000002")])
    box.at("/orders/1000000002/", eb.order(eb.attendee(1), number=2))
    assert order_ids(walk(box, CHANGES)) == ["1000000002"]


def test_an_order_list_without_its_expansion_reads_each_order() -> None:
    box = Box()
    orders = [eb.order(eb.attendee(1), number=number) for number in (1, 2)]
    changes(box, orders, [])
    box.at(
        ORDERS,
        lambda params: (
            refusal(500, "EXPANSION_FAILED")
            if "expand" in params
            else eb.page("orders", [eb.reduced(order) for order in orders])
        ),
    )
    assert order_ids(walk(box, WHOLE)) == ["1000000001", "1000000002"]


def test_rows_of_changes_that_tell_no_id_are_set_aside_and_the_others_read() -> None:
    box = Box()
    changes(box, [eb.order(eb.attendee(1))], [{"id": "9"}, eb.attendee(1)])
    box.at(
        f"/organizations/{ORG}/orders/",
        eb.page("orders", [{"id": "8", "event_id": None}, eb.reduced(eb.order(eb.attendee(1)))]),
    )
    pages = walk(box, CHANGES)
    assert [(one.kind, one.external_id) for page in pages for one in page.rejected] == [
        ("order", "8"),
        ("ticket", "9"),
    ]
    assert order_ids(pages) == ["1000000001"]


def test_an_event_that_went_or_cannot_be_read_does_not_cost_the_catalogue_or_its_orders() -> None:
    box = Box()
    gone, strange = bare_event() | {"id": "1"}, bare_event() | {"id": "no id"}
    box.at(f"/organizations/{ORG}/events/", eb.page("events", [gone, strange, eb.event()]))
    (page,) = catalogue(box)
    assert [event.external_id for event in page.events] == ["1", eb.EVENT_ID]
    assert len(page.rejected) == 1
    box.at(ORDERS, eb.page("orders", [eb.order(eb.attendee(1))]))
    box.at(f"/events/{eb.EVENT_ID}/", bare_event() | {"currency": 5})
    assert order_ids(walk(box, WHOLE, no_types)) == ["1000000001"]


# --- Ticket classes that are not known ---------------------------------------------------------------------
def bare_event() -> eb.Json:
    return {key: value for key, value in eb.event().items() if key != "ticket_classes"}


def test_an_unknown_class_is_asked_for_once_and_its_event_comes_first() -> None:
    box = Box()
    orders = [eb.order(eb.attendee(1, eb.costs(1000), eb.DONATION), number=number) for number in (1, 2)]
    box.at(
        ORDERS,
        lambda params: (
            eb.page("orders", [orders[1]])
            if "continuation" in params
            else eb.page("orders", [orders[0]], has_more_items=True, continuation="two")
        ),
    )
    box.at(f"/events/{eb.EVENT_ID}/", bare_event())
    box.at(f"/events/{eb.EVENT_ID}/ticket_classes/", eb.page("ticket_classes", eb.CLASSES))
    pages = walk(box, WHOLE, types_of(eb.TYPES[eb.ADMISSION]))
    assert [(len(page.events), len(page.orders)) for page in pages] == [(1, 0), (0, 1), (0, 1)]
    categories = {
        ticket.facts.category for page in pages for order in page.orders for ticket in order.tickets or ()
    }
    assert categories == {Category.DONATION}
    assert sum("ticket_classes" in asked for asked in box.asked) == 1


def test_a_class_that_only_its_own_address_shows_is_found_there_and_known_ones_stay() -> None:
    box = Box()
    box.at(ORDERS, eb.page("orders", [eb.order(eb.attendee(1, eb.costs(1000), eb.ADD_ON))]))
    box.at(f"/events/{eb.EVENT_ID}/", bare_event())
    box.at(f"/events/{eb.EVENT_ID}/ticket_classes/", eb.page("ticket_classes", eb.CLASSES[:1]))
    box.at(f"/events/{eb.EVENT_ID}/ticket_classes/{eb.ADD_ON}/", eb.CLASSES[3])
    news, page = walk(box, WHOLE, types_of(eb.TYPES[eb.DONATION]))
    assert {made.external_id for made in news.events[0].ticket_types} == {
        eb.ADMISSION,
        eb.DONATION,
        eb.ADD_ON,
    }
    assert page.orders[0].tickets is not None
    assert page.orders[0].tickets[0].facts.category is Category.ADD_ON


def test_a_class_that_nothing_knows_is_asked_for_once_and_counted_as_an_admission() -> None:
    box = Box()
    box.at(
        ORDERS,
        lambda params: (
            eb.page("orders", [eb.order(eb.attendee(1, ticket_class_id="777"), number=2)])
            if "continuation" in params
            else eb.page(
                "orders",
                [eb.order(eb.attendee(1, ticket_class_id="777"))],
                has_more_items=True,
                continuation="two",
            )
        ),
    )
    box.at(f"/events/{eb.EVENT_ID}/", bare_event())
    box.at(f"/events/{eb.EVENT_ID}/ticket_classes/", eb.page("ticket_classes", eb.CLASSES))
    pages = walk(box, WHOLE)
    orders = [order for page in pages for order in page.orders]
    assert all("unknown to us" in order.notices[0] for order in orders)
    assert sum(asked.endswith("/777/?") for asked in box.asked) == 1


def test_orders_of_an_event_nobody_knows_bring_the_event() -> None:
    box = Box()
    changes(box, [eb.order(eb.attendee(1))], [])
    box.at(f"/events/{eb.EVENT_ID}/", bare_event())
    box.at(f"/events/{eb.EVENT_ID}/ticket_classes/", eb.page("ticket_classes", eb.CLASSES))
    pages = walk(box, CHANGES, no_types)
    assert [event.external_id for page in pages for event in page.events] == [eb.EVENT_ID]
    assert order_ids(pages) == ["1000000001"]


async def single(order_id: str, client: Client) -> Page:
    return await SOURCE.order(client, eb.EVENT_ID, order_id, "", KNOWN)


# --- Single orders ----------------------------------------------------------------------------------------
def test_a_single_order_comes_with_its_tickets() -> None:
    box = Box()
    box.at("/orders/1000000001/", eb.order(eb.attendee(1), eb.attendee(2)))
    page = using(box, lambda client: SOURCE.order(client, eb.EVENT_ID, "1000000001", "", KNOWN))
    assert len(page.orders[0].tickets or ()) == 2


def test_an_id_that_is_none_is_asked_of_nobody() -> None:
    box = Box()
    for strange in ("", "../users/me", "1?expand=event", "1/2", "😀"):
        with pytest.raises(Gone):
            using(box, partial(single, strange))
    assert box.asked == []


def test_tickets_are_not_read_alone() -> None:
    with pytest.raises(Gone):
        using(Box(), lambda client: SOURCE.ticket(client, "1", "2", "", KNOWN))


def test_a_raw_record_that_is_broken_is_rejected() -> None:
    with pytest.raises(RecordRejected):
        SOURCE.restore("order", b"{")
    with pytest.raises(ValueError, match="no raw ticket"):
        SOURCE.restore("ticket", b"{}")


def test_no_path_is_built_from_anything_but_ids() -> None:
    box = Box()
    changes(box, [], [])
    walk(box, CHANGES)
    assert all(re.fullmatch(r"/[a-z0-9_/]+/\?[a-zA-Z0-9_=&:%-]*", asked) for asked in box.asked)
