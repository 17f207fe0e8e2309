"""What of a request is kept."""

import hashlib
import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.intake.edge.rows import KEPT_HEADERS, make_row, redact
from housecount.platforms.base.hooks import HookReading, Touch
from housecount.platforms.registry import SOURCES
from tests.intake.edge_stage import delivery

TOKEN = "a-secret-of-its-own-0123456789"
EVENTBRITE = SOURCES["eventbrite"]


def test_a_delivery_becomes_a_row() -> None:
    body = delivery(42, token=TOKEN)
    row = make_row(EVENTBRITE, "eventbrite", TOKEN.encode(), {b"x-eventbrite-event": b"order.placed"}, body)
    assert row.token_hash == hashlib.sha256(TOKEN.encode()).digest()
    assert (row.verdict, row.action, row.webhook_id) == (b"understood", b"order.placed", b"5000001")
    assert msgspec.json.decode(row.touches, type=list[Touch]) == [Touch(kind="order", object_id="42")]
    assert json.loads(row.headers) == {"x-eventbrite-event": "order.placed"}
    assert row.body == body.replace(TOKEN.encode(), b"[token]")
    assert TOKEN.encode() not in b"".join(
        value for value in msgspec.structs.astuple(row) if value != row.genuine
    )


def test_only_headers_that_say_something_are_kept() -> None:
    secrets = {
        b"cookie": b"sesame", b"authorization": b"Bearer sesame", b"webhook-signature": b"v1,sesame",
        b"x-signature": b"sha256=sesame", b"x-api-key": b"sesame", b"x-forwarded-for": b"192.0.2.7",
    }  # fmt: skip
    kept = {raw: b"value" for raw, _ in KEPT_HEADERS}
    row = make_row(EVENTBRITE, "eventbrite", b"t", {**secrets, **kept}, b"{}")
    assert json.loads(row.headers) == {name: "value" for _, name in KEPT_HEADERS}
    assert b"sesame" not in row.headers
    long = make_row(EVENTBRITE, "eventbrite", b"t", {b"user-agent": b"\xe9\xff" * 5000}, b"{}")
    assert json.loads(long.headers)["user-agent"] == "éÿ" * 250


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"email":"pat.o+x@mail.example.org","n":1}', b'{"email":"[e-mail]","n":1}'),
        (b'{"email":"pat\\u0040example.org"}', b'{"email":"[e-mail]"}'),
        (b"email=pat%40example.org&order=7", b"email=[e-mail]&order=7"),
        ('{"e":"zoë@exämple.org"}'.encode(), b'{"e":"[e-mail]"}'),
        (b"a@b.cc, d@e.ff <g@h.ii>", b"[e-mail], [e-mail] <[e-mail]>"),
        (b'{"at":"7 @ the Velvet Room","handle":"@laughs"}', b'{"at":"7 @ the Velvet Room","handle":"@laughs"}'),
        (b"@", b"@"),
        (b"x@", b"x@"),
        (b'{"n":"no address"}', b'{"n":"no address"}'),
    ],
)  # fmt: skip
def test_addresses_of_people_are_taken_out(body: bytes, kept: bytes) -> None:
    assert redact(body, b"t" * 32) == kept


@given(st.binary(max_size=500), st.integers(0, 5))
def test_whatever_the_bytes_no_address_and_no_secret_is_left(noise: bytes, count: int) -> None:
    body = noise + b' "dana@mail.example.org" '.join([b""] * (count + 1)) + TOKEN.encode() + noise
    kept = redact(body, TOKEN.encode())
    assert b"dana@mail" not in kept
    assert TOKEN.encode() not in kept


@pytest.mark.parametrize("body", [b"@" * 262_144, b"a@" * 131_072, b"a" * 262_143 + b"@", b"a@b " * 65_536])
def test_a_body_made_to_keep_us_busy_does_not(body: bytes) -> None:
    started = time.process_time()
    kept = redact(body, b"t" * 32)
    assert time.process_time() - started < 0.2
    assert b"a@b" not in kept


def test_a_relay_passes_on_the_secret_of_another_address() -> None:
    body = delivery(1, token=TOKEN)
    assert TOKEN.encode() not in redact(body, b"")
    assert b"/hooks/eventbrite/[token]" in redact(body, b"")


class _Mistaken:
    def read_hook(self, body: bytes) -> HookReading:
        if body == b"mistake":
            raise RuntimeError("a platform's mistake")
        return HookReading(verdict="understood", action="a\0b" * 100, webhook_id="\udcff" * 3)


def test_a_platforms_mistake_costs_no_hook() -> None:
    row = make_row(_Mistaken(), "eventbrite", TOKEN.encode(), {}, b"mistake")  # type: ignore[arg-type]
    assert (row.verdict, row.touches, row.body) == (b"not_understood", b"[]", b"mistake")


def test_words_that_the_database_would_refuse_are_made_fit() -> None:
    row = make_row(_Mistaken(), "eventbrite", b"t", {}, b"")  # type: ignore[arg-type]
    assert row.action == ("ab" * 100)[:100].encode()
    assert row.webhook_id == b"???"
