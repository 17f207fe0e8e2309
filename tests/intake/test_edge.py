"""The edge: what it answers, and what is in the log afterwards."""

import asyncio
import contextlib
import json
from uuid import uuid4

import psycopg
import pytest
from django.db import ProgrammingError, connection
from hypothesis import given, settings
from hypothesis import strategies as st

from housecount.core import signatures
from housecount.installation.postgres import SUPERUSER, EmbeddedServer
from housecount.intake.edge.app import MOST_BYTES, RELAY, SCHEDULED
from housecount.intake.edge.store import CHANNEL
from housecount.intake.models import Hook
from housecount.sync.models import HookDoor
from housecount.tenancy.identity import Identity, Role, acting_as
from tests.intake.edge_stage import (
    NOW,
    OPERATOR,
    SECRET,
    Answer,
    Door,
    an_edge,
    ask,
    asked,
    delivery,
    listening,
    make_door,
)

BODY = delivery()


def signed(body: bytes, secret: str = SECRET, *, timestamp: int = int(NOW)) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures.sign("msg_1", timestamp, body, secret),
    }


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


# --- Hooks at an account's address ----------------------------------------------------------------------
def test_a_hook_is_in_the_log_when_it_is_answered(url: str) -> None:
    door = make_door()
    body = delivery(77, token=door.token)
    headers = {
        "Content-Type": "application/json", "X-Eventbrite-Event": "order.placed", "Cookie": "opensesame",
        "Authorization": "opensesame",
    }  # fmt: skip
    (answer,) = asked(url, (door.path, body, {"headers": headers}))
    assert (answer.status, answer.document) == (200, {"status": "stored"})
    row = door.row()
    assert (row.status, row.attempts, row.verdict, row.action) == ("waiting", 0, "understood", "order.placed")
    assert row.webhook_id == "5000001"
    assert row.touches == [{"kind": "order", "object_id": "77", "event_id": ""}]
    assert row.headers == {"content-type": "application/json", "x-eventbrite-event": "order.placed"}
    assert bytes(row.body) == body.replace(door.token.encode(), b"[token]")
    assert row.next_try_at == row.received_at
    assert row.platform == "eventbrite"


def test_an_address_that_is_not_right_is_not_found_and_leaves_nothing(url: str) -> None:
    door = make_door()
    before = count()
    wrong = [
        door.path[:-1], door.path + "x", door.path.upper(), f"/hooks/humanitix/{door.token}", "/hooks/eventbrite/",
        f"/hooks/nobody/{door.token}", f"{door.path}/more", "/hooks/", f"/hooks/eventbrite/{'t' * 300}",
        "/hooks/eventbrite/%00", "/hooks/eventbrite/é", "/hooks/xero/", f"{RELAY}/more", f"{SCHEDULED}x",
    ]  # fmt: skip
    answers = asked(url, *((path, BODY) for path in wrong))
    assert [answer.status for answer in answers] == [404] * len(wrong)
    assert all(set(answer.document) == {"code", "message"} for answer in answers)
    assert count() == before


def test_an_address_typed_with_a_slash_at_its_end_is_right(url: str) -> None:
    door = make_door()
    assert [answer.status for answer in asked(url, (f"{door.path}/", BODY))] == [200]
    door.row()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not json", b"null", b"[]", b"\0\xff\xfe", b"[" * 100_000, b'{"config":{"action":"\\u0000"}}',
        b'{"config":{"action":"a\\u0000b","webhook_id":"\\ud800"},"api_url":"x"}', b"x" * MOST_BYTES,
    ],
)  # fmt: skip
def test_a_body_that_is_not_understood_is_stored_all_the_same(url: str, body: bytes) -> None:
    door = make_door()
    assert [answer.status for answer in asked(url, (door.path, body))] == [200]
    row = door.row()
    assert (row.verdict, bytes(row.body)) == ("not_understood", body)


@settings(max_examples=20)
@given(bodies=st.lists(st.binary(max_size=200) | st.from_regex(rb'\A\{"config":\{.{0,40}\}\}\Z'), max_size=8))
def test_any_bytes_are_taken(database_url: str, bodies: list[bytes]) -> None:
    door = make_door()
    answers = asked(database_url, *((door.path, body) for body in bodies))
    assert [answer.status for answer in answers] == [200] * len(bodies)
    assert len(door.rows()) == len(bodies)


def test_too_much_is_refused_at_once_or_as_soon_as_it_shows(url: str) -> None:
    door = make_door()
    read = 0

    def endless() -> "list[bytes]":
        nonlocal read
        parts = []
        for _ in range(40):
            read += 1
            parts.append(b"x" * 65_536)
        return parts

    answers = asked(
        url,
        (door.path, b"x" * (MOST_BYTES + 1)),
        (door.path, endless(), {"stalls": True}),
        (door.path, [b"x" * MOST_BYTES]),
    )
    assert [answer.status for answer in answers] == [413, 413, 200]
    assert answers[0].document["code"] == "too_large"
    assert len(door.rows()) == 1


@pytest.mark.parametrize(
    ("encoding", "status"), [("gzip", 415), ("br", 415), ("identity", 200), ("Identity", 200), ("", 200)]
)
def test_a_compressed_body_is_refused(url: str, encoding: str, status: int) -> None:
    door = make_door()
    (answer,) = asked(url, (door.path, BODY, {"headers": {"content-encoding": encoding}}))
    assert answer.status == status


def test_a_body_that_does_not_come_to_its_end_is_given_up(url: str) -> None:
    door = make_door()
    slow, quick = asked(url, (door.path, [b"{"], {"stalls": True}), (door.path, BODY), body_seconds=0.2)
    assert (slow.status, slow.document["code"]) == (408, "too_slow")
    assert quick.status == 200
    assert len(door.rows()) == 1


def test_a_sender_that_leaves_is_not_answered_and_leaves_nothing(url: str) -> None:
    door = make_door()
    (answer,) = asked(url, (door.path, [b"{"], {"leaves": True}))
    assert answer == Answer()
    assert door.rows() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(url: str, method: str) -> None:
    door = make_door()
    for answer in asked(url, *((path, {"method": method}) for path in (door.path, RELAY, SCHEDULED))):
        assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert door.rows() == []


def test_a_signature_is_looked_at_where_there_is_a_secret_for_it(url: str) -> None:
    door = make_door()
    good, bad = signed(BODY), signed(BODY, "whsec_b3RoZXI=")
    secrets = {"eventbrite": SECRET}
    answers = asked(
        url,
        (door.path, BODY, {"headers": good}),
        (door.path, BODY, {"headers": bad}),
        (door.path, BODY, {"headers": {"x-signature": "sha256=00"}}),
        (door.path, BODY),
        (door.path, BODY, {"headers": {"x-eventbrite-signature": "guesswork"}}),
        (f"{door.path}x", BODY, {"headers": bad}),
        secrets=secrets,
    )
    assert [answer.status for answer in answers] == [200, 401, 401, 200, 200, 404]
    assert answers[1].document["code"] == "bad_signature"
    assert len(door.rows()) == 3
    assert [answer.status for answer in asked(url, (door.path, BODY, {"headers": bad}))] == [200]


def test_the_same_message_again_is_taken_again(url: str) -> None:
    door = make_door()
    request = (door.path, BODY, {"headers": signed(BODY)})
    assert [each.status for each in asked(url, request, request, secrets={"eventbrite": SECRET})] == [
        200,
        200,
    ]
    assert len(door.rows()) == 2


def test_a_door_is_open_and_shut_from_one_moment_to_the_next(url: str) -> None:
    door = make_door()

    async def run() -> list[int]:
        async with an_edge(url) as edge:
            first = await ask(edge, door.path, BODY)
            await asyncio.to_thread(remove)
            second = await ask(edge, door.path, BODY)
            other = await asyncio.to_thread(another)
            return [first.status, second.status, (await ask(edge, other.path, BODY)).status]

    def another() -> Door:
        try:
            return make_door()
        finally:
            connection.close()  # this thread's own

    def remove() -> None:
        with acting_as(Identity.system(door.organisation_id)):
            HookDoor.objects.filter(organisation_id=door.organisation_id).delete()
        connection.close()

    assert asyncio.run(run()) == [200, 404, 200]


# --- Relays ---------------------------------------------------------------------------------------------
def test_a_relays_hook_is_taken_for_its_signature_alone(url: str) -> None:
    body = json.dumps({"relayed": uuid4().hex}).encode()
    standard = {"x-platform": "humanitix", **signed(body)}
    secrets = {"humanitix": SECRET}
    answers = asked(
        url,
        (RELAY, body, {"headers": standard}),
        (RELAY, body, {"headers": {"x-platform": " Humanitix", **signed(body)}}),
        (RELAY, body, {"headers": {"x-platform": "humanitix"}}),
        (RELAY, body, {"headers": {**standard, **signed(body, "whsec_b3RoZXI=")}}),
        (RELAY, body, {"headers": {**standard, **signed(body, timestamp=int(NOW) - 301)}}),
        (RELAY, body + b" ", {"headers": standard}),
        (RELAY, body, {"headers": {**standard, "x-platform": "eventbrite"}}),
        (RELAY, body, {"headers": signed(body)}),
        (RELAY, body, {"headers": {**standard, "x-platform": "nobody"}}),
        secrets=secrets,
    )
    assert [answer.status for answer in answers] == [200, 200, 401, 401, 401, 401, 401, 400, 404]
    assert answers[6].document["code"] == "no_secret"
    assert "EVENTBRITE_WEBHOOK_SECRET" in answers[6].document["message"]
    with acting_as(Identity.system()):
        rows = list(Hook.objects.filter(body=body))
    assert [row.platform for row in rows] == ["humanitix"] * 2


def test_a_relays_hook_belongs_to_the_only_account_or_to_nobody_yet(
    url: str, database_server: EmbeddedServer, database: str
) -> None:
    platform, body = "humanitix", uuid4().hex.encode()
    request = (RELAY, body, {"headers": {"x-platform": platform, **signed(body)}})
    with psycopg.connect(database_server.url(SUPERUSER, database), autocommit=True) as super_connection:
        super_connection.execute("DELETE FROM sync_hook_door WHERE platform = %s", [platform])
        for doors in (0, 1, 2):
            if doors:
                door = make_door(platform)
            assert [each.status for each in asked(url, request, secrets={platform: SECRET})] == [200]
            found = super_connection.execute(
                "SELECT organisation_id, account_id FROM webhook_log WHERE body = %s ORDER BY id DESC LIMIT 1",
                [body],
            ).fetchone()
            assert found == ((door.organisation_id, door.account_id) if doors == 1 else (None, None))


def test_relays_and_accounts_in_one_group_are_told_apart(url: str) -> None:
    door = make_door()
    body = uuid4().hex.encode()
    relayed = (RELAY, body, {"headers": {"x-platform": "eventbrite", **signed(body)}})
    answers = asked(
        url,
        relayed, (door.path, BODY), (f"{door.path}x", BODY), relayed, (door.path, BODY),
        secrets={"eventbrite": SECRET}, writers=1,
    )  # fmt: skip
    assert [answer.status for answer in answers] == [200, 200, 404, 200, 200]
    assert len([row for row in door.rows() if bytes(row.body) == BODY]) == 2


# --- Browsers -------------------------------------------------------------------------------------------
def test_a_browser_of_any_origin_may_send(url: str) -> None:
    door = make_door()
    headers = {
        "origin": "https://elsewhere.example", "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, x-platform",
    }  # fmt: skip
    for path in (door.path, RELAY, SCHEDULED):
        (answer,) = asked(url, (path, {"method": "OPTIONS", "headers": headers}))
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-allow-methods"] == "POST, OPTIONS"
        assert answer.headers["access-control-allow-headers"] == "content-type, x-platform"
        assert int(answer.headers["access-control-max-age"]) > 0
        assert "access-control-allow-credentials" not in answer.headers
    odd = {**headers, "access-control-request-headers": "x\r\nset-cookie: a=b"}
    (answer,) = asked(url, (door.path, {"method": "OPTIONS", "headers": odd}))
    assert "access-control-allow-headers" not in answer.headers
    answers = asked(
        url, (door.path, BODY), (f"{door.path}x", BODY), (RELAY, BODY), (door.path, {"method": "GET"})
    )
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {"*"}


# --- Asking for a read ----------------------------------------------------------------------------------
def waiting_jobs() -> int:
    with acting_as(Identity.nobody()), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"
            " AND task_name = 'housecount.sync.tasks.read_what_is_due'"
        )
        return int(cursor.fetchone()[0])


def test_who_has_the_operators_token_asks_for_a_read(url: str) -> None:
    with acting_as(Identity.nobody()), connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
    right = {"headers": {"authorization": f"Bearer {OPERATOR}"}}
    refused = [
        {}, {"headers": {"authorization": f"Bearer {OPERATOR}x"}}, {"headers": {"authorization": OPERATOR}},
        {"headers": {"authorization": f"Basic {OPERATOR}"}}, {"headers": {"authorization": "Bearer "}},
        {"headers": {"authorization": "Bearer é"}},
    ]  # fmt: skip
    for answer in asked(url, *((SCHEDULED, options) for options in refused)):
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "HOUSECOUNT_OPERATOR_TOKEN" in answer.document["message"]
    assert waiting_jobs() == 0
    for answer in asked(url, (SCHEDULED, right), (SCHEDULED, right)):
        assert (answer.status, answer.document["status"]) == (202, "accepted")
    assert waiting_jobs() == 1
    (answer,) = asked(url, (SCHEDULED, right), operator_token=None)
    assert answer.status == 401


def test_the_job_is_the_workers_own() -> None:
    from housecount.intake.edge.schedule import QUEUEING_LOCK, TASK
    from housecount.sync.tasks import read_what_is_due

    assert (read_what_is_due.name, read_what_is_due.queueing_lock) == (TASK, QUEUEING_LOCK)


# --- Many at once ---------------------------------------------------------------------------------------
def test_two_hundred_hooks_at_once_are_two_hundred_rows_in_few_transactions(
    url: str, database_server: EmbeddedServer, database: str
) -> None:
    door = make_door()
    requests = [(door.path, delivery(number)) for number in range(200)]
    assert [answer.status for answer in asked(url, *requests)] == [200] * 200
    rows = door.rows()
    assert {row.touches[0]["object_id"] for row in rows} == {str(number) for number in range(200)}
    with psycopg.connect(database_server.url(SUPERUSER, database)) as super_connection:
        (transactions,) = super_connection.execute(
            "SELECT count(DISTINCT xmin::text) FROM webhook_log WHERE account_id = %s", [door.account_id]
        ).fetchone() or (0,)
    assert 1 <= int(str(transactions)) <= 20


def test_a_row_that_the_database_refuses_costs_the_others_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from housecount.intake.edge import app

    door = make_door()
    make = app.make_row

    def spoilt(*arguments: object, **options: object) -> object:
        row = make(*arguments, **options)  # type: ignore[arg-type]
        if b'"spoilt"' in row.body:
            import msgspec

            return msgspec.structs.replace(row, headers=b'{"a": "\\u0000"}', action=b"x" * 101)
        return row

    monkeypatch.setattr(app, "make_row", spoilt)
    bodies = [delivery(1), b'{"n":"spoilt"}', delivery(2), b'{"n":"spoilt"}', delivery(3)]
    answers = asked(url, *((door.path, body) for body in bodies), (f"{door.path}x", BODY), writers=1)
    assert [answer.status for answer in answers] == [200] * 5 + [404]
    rows = door.rows()
    assert sorted(bytes(row.body) for row in rows) == sorted(bodies)
    assert [row.verdict for row in rows if b"spoilt" in bytes(row.body)] == ["not_understood"] * 2
    assert sum(row.verdict == "understood" for row in rows) == 3


def test_the_desk_is_told(url: str) -> None:
    door = make_door()

    async def run(heard: psycopg.Connection[tuple[object, ...]]) -> list[str]:
        async with an_edge(url) as edge:
            assert (await ask(edge, door.path, BODY)).status == 200
            return await asyncio.to_thread(
                lambda: [each.channel for each in heard.notifies(timeout=20, stop_after=1)]
            )

    with listening(url) as heard:
        assert asyncio.run(run(heard)) == [CHANNEL]


# --- Walls ----------------------------------------------------------------------------------------------
def test_the_edges_role_sees_neither_the_log_nor_what_is_a_tenants(url: str) -> None:
    door = make_door()
    asked(url, (door.path, BODY))
    intake = Identity(Role.INTAKE)
    with acting_as(intake), connection.cursor() as cursor:
        for table in (
            "webhook_log",
            "box_office_account",
            "box_office_order",
            "tenancy_organisation",
            "sync_alert",
        ):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), table
        cursor.execute("SELECT count(*) FROM sync_hook_door WHERE account_id = %s", [door.account_id])
        assert cursor.fetchone() == (1,)
        cursor.execute("UPDATE webhook_log SET status = 'done'")
        assert cursor.rowcount == 0
        cursor.execute("DELETE FROM webhook_log")
        assert cursor.rowcount == 0
        cursor.execute("UPDATE sync_hook_door SET trouble = 'x'")
        assert cursor.rowcount == 0
    assert door.row().status == "waiting"


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.INTAKE, Role.SYSTEM}])
def test_nobody_else_takes_hooks(role: Role, url: str) -> None:
    door = make_door()
    identity = Identity(role, door.organisation_id if role is not Role.NOBODY else None)
    # Who sees the door is refused the row; who does not, finds no door.
    with contextlib.suppress(ProgrammingError), acting_as(identity), connection.cursor() as cursor:
        cursor.execute(
            "SELECT app.take_hooks(array[token_hash]::bytea[], array[true], array['eventbrite'], array['{}'],"
            " array[''::bytea], array[''], array[''], array['test'], array['[]'])"
            " FROM sync_hook_door WHERE account_id = %s",
            [door.account_id],
        )
    assert door.rows() == []


# --- Alone ----------------------------------------------------------------------------------------------
def test_alone_it_says_that_it_lives_and_whether_it_can_work(url: str) -> None:
    answers = asked(
        url, *((path, {"method": "GET"}) for path in ("/healthz", "/readyz", "/", "/account/login/"))
    )
    assert [answer.status for answer in answers] == [200, 200, 404, 404]
    assert answers[0].document == {"status": "ok"}
    assert answers[1].document == {"ready": True, "reasons": []}
    nowhere = "postgresql://nobody@127.0.0.1:1/nowhere"
    answers = asked(nowhere, *((path, {"method": "GET"}) for path in ("/healthz", "/readyz")), patience=0.5)
    assert [answer.status for answer in answers] == [200, 503]
    assert answers[1].document["reasons"][0]["code"] == "database_unavailable"


def count() -> int:
    with acting_as(Identity.system()):
        return Hook.objects.count()
