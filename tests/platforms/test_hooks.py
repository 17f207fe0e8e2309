"""What is read from the body of a hook: ids by a strict pattern, whatever the bytes, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.platforms import registry
from housecount.platforms.base.hooks import HookReading, Touch
from housecount.platforms.eventbrite.hooks import ACTIONS, KNOWN_ACTIONS
from tests.examples import LETTERS

EVENTBRITE = registry.source("eventbrite")
HUMANITIX = registry.source("humanitix")
SOURCES = [EVENTBRITE, HUMANITIX]
V3 = "https://www.eventbriteapi.com/v3/"
ORDER, EVENT, TICKET = "6a" * 12, "6b" * 12, "6c" * 12


def delivery(api_url: object, action: object = "order.placed", webhook_id: object = "5000001") -> HookReading:
    config = {
        "action": action,
        "user_id": "300000000001",
        "endpoint_url": "https://hooks.example.com/hooks/eventbrite/SECRET",
        "webhook_id": webhook_id,
    }
    return EVENTBRITE.read_hook(json.dumps({"config": config, "api_url": api_url}).encode())


def relayed(document: Any) -> HookReading:
    return HUMANITIX.read_hook(json.dumps(document).encode())


# --- Eventbrite ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "touch"),
    [
        ("orders/1000000001/", Touch(kind="order", object_id="1000000001")),
        ("events/77/", Touch(kind="event", object_id="77", event_id="77")),
        ("events/77/attendees/88/", Touch(kind="ticket", object_id="88", event_id="77")),
        ("events/77/attendees/88-1/", Touch(kind="ticket", object_id="88-1", event_id="77")),
        ("events/77/ticket_classes/99/", Touch(kind="event", object_id="77", event_id="77")),
        ("venues/55/", Touch(kind="account")),
        ("organizers/44/", Touch(kind="account")),
    ],
)
def test_a_delivery_points_at_its_object(path: str, touch: Touch) -> None:
    reading = delivery(V3 + path)
    assert reading == HookReading(
        verdict="understood", action="order.placed", webhook_id="5000001", touches=(touch,)
    )


@pytest.mark.parametrize(
    "api_url",
    [
        V3 + "orders/1",
        V3 + "orders/1/\n",
        V3 + "orders/1/attendees/",
        V3 + "orders/x/",
        V3 + "orders/١/",
        V3 + "orders/1-1/",
        V3 + "events/1/attendees/2-/",
        V3 + "events/1/attendees/2/../../",
        V3 + "orders/" + "1" * 300 + "/",
        "http://www.eventbriteapi.com/v3/orders/1/",
        "https://www.eventbriteapi.com.evil.example/v3/orders/1/",
        "https://www.eventbriteapi.com@evil.example/v3/orders/1/",
        "https://evil.example/https://www.eventbriteapi.com/v3/orders/1/",
        " " + V3 + "orders/1/",
        "https://wwwXeventbriteapi.com/v3/orders/1/",
        "https://www.eventbriteapi.com/{api-endpoint-to-fetch-object-details}/",
        None,
        17,
        [V3 + "orders/1/"],
    ],
)
def test_an_address_of_another_form_asks_for_an_ordinary_read(api_url: object) -> None:
    reading = delivery(api_url)
    assert reading.verdict == "not_understood"
    assert reading.touches == (Touch(kind="account"),)
    assert delivery(api_url, action="something.else").touches == ()


@pytest.mark.parametrize("action", sorted(KNOWN_ACTIONS))
def test_every_action_of_the_sheet_is_known(action: str) -> None:
    assert delivery("nothing", action=action).touches == (Touch(kind="account"),)


def test_check_ins_are_known_under_the_names_they_really_have() -> None:
    assert {"barcode.checked_in", "barcode.un_checked_in"} <= KNOWN_ACTIONS
    assert not {"barcode.checked_in", "test"} & set(ACTIONS), "Eventbrite knows no such action to ask for"
    assert len(ACTIONS) == 15


def test_an_unknown_action_with_an_address_of_the_form_is_followed() -> None:
    reading = delivery(V3 + "orders/1/", action="order.exploded")
    assert (reading.verdict, reading.touches) == ("understood", (Touch(kind="order", object_id="1"),))


def test_the_ping_is_a_test() -> None:
    reading = delivery("https://www.eventbriteapi.com/{api-endpoint-to-fetch-object-details}/", action="test")
    assert (reading.verdict, reading.touches, reading.webhook_id) == ("test", (), "5000001")


def test_a_webhooks_id_may_be_a_number() -> None:
    assert delivery(V3 + "orders/1/", webhook_id=5000001).webhook_id == "5000001"
    assert delivery(V3 + "orders/1/", webhook_id=True).webhook_id == ""
    assert delivery(V3 + "orders/1/", webhook_id=None).webhook_id == ""


# --- Relays of Humanitix ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("document", "touches"),
    [
        ({"orderId": ORDER}, [Touch(kind="order", object_id=ORDER)]),
        (
            {"order_id": ORDER, "event_id": EVENT},
            [Touch(kind="order", object_id=ORDER, event_id=EVENT)],
        ),
        ({"eventId": EVENT}, [Touch(kind="event", object_id=EVENT, event_id=EVENT)]),
        (
            {"type": "order.created", "data": {"order": {"_id": ORDER, "eventId": EVENT}}},
            [Touch(kind="order", object_id=ORDER, event_id=EVENT)],
        ),
        (
            {
                "event": "ticket.updated",
                "payload": {"ticket": {"id": TICKET, "order_id": ORDER}, "event": {"_id": EVENT}},
            },
            [
                Touch(kind="order", object_id=ORDER, event_id=EVENT),
                Touch(kind="ticket", object_id=TICKET, event_id=EVENT),
            ],
        ),
        (
            {"data": {"tickets": [{"_id": TICKET, "eventId": EVENT}, {"_id": "6d" * 12, "eventId": EVENT}]}},
            [
                Touch(kind="ticket", object_id=TICKET, event_id=EVENT),
                Touch(kind="ticket", object_id="6d" * 12, event_id=EVENT),
            ],
        ),
    ],
)  # fmt: skip
def test_ids_are_found_under_the_names_of_the_api(document: Any, touches: list[Touch]) -> None:
    reading = relayed(document)
    assert reading.verdict == "understood"
    assert set(reading.touches) == set(touches)
    assert len(reading.touches) == len(touches)


@pytest.mark.parametrize(
    "document",
    [
        {"orderId": ORDER + "0"},
        {"orderId": ORDER[:-1] + "g"},
        {"orderId": ORDER + "\n"},
        {"orderId": {"$oid": ORDER}},
        {"id": ORDER, "other": ORDER},
        {"buyer": {"orderId": ORDER}},
        {"data": {"data": {"data": {"data": {"orderId": ORDER}}}}},
        {},
    ],
)
def test_what_is_no_id_under_a_known_name_asks_for_an_ordinary_read(document: Any) -> None:
    reading = relayed(document)
    assert (reading.verdict, reading.touches) == ("not_understood", (Touch(kind="account"),))


def test_of_many_ids_some_are_taken() -> None:
    rows = [{"_id": f"{number:024x}", "eventId": EVENT} for number in range(1000)]
    assert len(relayed({"orders": rows}).touches) == 20


def test_a_relays_ping_is_a_test() -> None:
    assert relayed({"type": "ping"}).verdict == "test"
    assert relayed({"type": "ping", "orderId": ORDER}).verdict == "understood"


# --- Both, whatever the bytes ------------------------------------------------------------------------------
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(LETTERS, max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "config",
                    "api_url",
                    "action",
                    "webhook_id",
                    "order",
                    "orderId",
                    "data",
                    "_id",
                    "event",
                    "tickets",
                ]
            )
            | st.text(LETTERS, max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(body=st.binary(max_size=300) | _json.map(lambda document: json.dumps(document).encode()))
def test_no_body_raises(body: bytes) -> None:
    for source in SOURCES:
        reading = source.read_hook(body)
        assert reading.verdict in {"understood", "test", "not_understood"}
        assert len(reading.touches) <= 20
        assert max(len(reading.action), len(reading.webhook_id)) <= 100
        assert all(character.isprintable() or character > "\x9f" for character in reading.action)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.key)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"data":' * 20_000,
        b'{"orderId":' + b"9" * 100_000 + b"}",
        b'{"config":{"webhook_id":1e999}}',
        b'{"config":{"action":"\\ud800\\u0000x"}}',
        b'{"config":null,"api_url":null}',
        b"\xff\xfe\x00",
        b"",
        b"null",
        b"order=1&event=2",
    ],
    ids=["list", "object", "number", "float", "half a pair", "nulls", "binary", "empty", "null", "form"],
)
def test_bodies_made_to_break_it_do_not(source: Any, body: bytes) -> None:
    reading = source.read_hook(body)
    assert reading.verdict == "not_understood"
    assert all(touch == Touch(kind="account") for touch in reading.touches)
    assert "\0" not in reading.action


@given(text=st.text(alphabet="https:/w.eventbriapcomv3ordsn1-{}\n ", max_size=60))
def test_only_digits_are_ever_taken_from_an_address(text: str) -> None:
    for touch in delivery(V3 + text).touches:
        assert all(character in "0123456789-" for character in touch.object_id + touch.event_id)
