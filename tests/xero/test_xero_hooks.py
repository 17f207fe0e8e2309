"""Xero's webhook: signed, stored before it is answered, and followed as a hint only."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from procrastinate.contrib.django import app
from procrastinate.testing import InMemoryConnector

from housecount.intake.edge.xero import rows_of
from housecount.intake.models import Hook
from housecount.intake.queries import due as due_at_the_desk
from housecount.tenancy.identity import Identity, acting_as
from housecount.xero import agenda, hints, tasks
from housecount.xero.models import Agenda
from tests.intake.edge_stage import Answer, asked
from tests.xero.desk import QUICK, Desk, open_desk

pytestmark = pytest.mark.slow
KEY = "hc-example-webhook-key-0001"
INTENT = b'{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"QWERTYUIOPASDFGHJKLZ"}'
URL = "/hooks/xero"


@pytest.fixture
def desk(database: str, plain_paper: None) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


def signed(body: bytes, key: str = KEY) -> dict[str, Any]:
    sign = base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()
    return {"headers": {"x-xero-signature": sign, "content-type": "application/json"}}


def post(url: str, *bodies: bytes, **options: Any) -> list[Answer]:
    options = {"secrets": {"xero": KEY}, **options}
    return asked(url, *[(URL, body, signed(body)) for body in bodies], **options)


def event(tenant: str, resource: str, category: str = "INVOICE", **more: str) -> dict[str, str]:
    return {
        "resourceUrl": f"https://evil.example/{resource}", "resourceId": resource, "tenantId": tenant,
        "tenantType": "ORGANISATION", "eventCategory": category, "eventType": "UPDATE",
        "eventDateUtc": "2026-11-28T03:05:07.123", **more,
    }  # fmt: skip


def body_of(*events: dict[str, str]) -> bytes:
    return json.dumps({"events": events, "firstEventSequence": 1, "lastEventSequence": len(events)}).encode()


def hooks(needle: str) -> list[Hook]:
    """What is in the log and names it, the oldest first."""
    with acting_as(Identity.system()):
        rows = Hook.objects.filter(platform="xero").order_by("pk")
        return [each for each in rows if needle.encode() in bytes(each.body)]


def test_signed_is_taken_and_anything_else_is_not(database_url: str) -> None:
    # The reference's own vector.
    known = "pl4dQVT1N1juGrTw65gQc68+neEoSpXm77tuip7lorI="
    assert signed(INTENT)["headers"]["x-xero-signature"] == known
    mark = uuid4().hex
    body = INTENT.replace(b"QWERTY", mark.encode())
    right, wrong, none, large, other, get = asked(
        database_url,
        (URL, body, signed(body)),
        (URL, body + b" ", signed(body)),
        (URL, body, {}),
        (URL, b" " * (256 * 1024 + 1), {}),
        (URL, body, signed(body, "another key")),
        (URL, b"", {"method": "GET"}),
        secrets={"xero": KEY},
    )
    assert [each.status for each in (right, wrong, none, large, other, get)] == [200, 401, 401, 413, 401, 405]
    for each in (right, wrong, none, other):
        assert each.body == b""
        assert "set-cookie" not in each.headers
        assert each.headers["content-length"] == "0"
    (stored,) = hooks(mark)
    assert (stored.verdict, stored.organisation_id, stored.status) == ("test", None, "waiting")
    # Without a key of ours nothing is believed; without a database nothing is said to be stored.
    assert asked(database_url, (URL, body, signed(body)))[0].status == 401
    assert post("postgresql://127.0.0.1:1/nothing", body, patience=0.3)[0].status == 503
    assert len(hooks(mark)) == 1


def test_each_organisation_gets_what_is_its_own(database_url: str) -> None:
    one, two = uuid4().hex, uuid4().hex
    mixed = body_of(event(one, "a1"), event(two, "b1"), event(one, "a2", "CONTACT"), event(one, "a1"))
    rows = rows_of({}, mixed)
    assert [json.loads(row.touches) for row in rows] == [
        [
            {"kind": "invoice", "object_id": "a1", "event_id": one},
            {"kind": "contact", "object_id": "a2", "event_id": one},
        ],
        [{"kind": "invoice", "object_id": "b1", "event_id": two}],
    ]
    assert [two.encode() in row.body for row in rows] == [False, True]
    for odd in (
        b"\xff",
        b"[]",
        b"{}",
        b'{"events": 5}',
        b'{"events": [5, {"tenantId": {}}]}',
        b"[" * 100_000,
    ):
        (row,) = rows_of({}, odd)
        assert (row.verdict, row.touches) == (b"not_understood", b"[]")
    strange = body_of(event(one, "../../x"), event(one, "s1", "SUBSCRIPTION"))
    assert rows_of({}, strange)[0].verdict == b"not_understood"
    assert [each.status for each in post(database_url, mixed, b"\xff", strange)] == [200, 200, 200]
    assert len(hooks(one)) == 2
    assert len(hooks(two)) == 1
    # A relay cannot bring them, and no platform is called so.
    path = "/functions/v1/ticket-sync-webhooks"
    relayed = asked(
        database_url, (path, INTENT, {"headers": {"x-platform": "xero"}}), (f"{URL}/token", INTENT, signed(INTENT)),
        secrets={"xero": KEY},
    )  # fmt: skip
    assert [each.status for each in relayed] == [404, 404]


def follow(desk: Desk, at: datetime) -> list[UUID]:
    """What the worker does at that moment."""

    async def work() -> list[UUID]:
        found = await hints.due(at)
        if desk.office.organisation_id in found:
            await hints.follow(desk.office.organisation_id, now=lambda: at, limits=QUICK)
        return found

    return asyncio.run(work())


def test_a_hint_brings_what_it_names_and_nothing_it_says(desk: Desk, database_url: str) -> None:
    office, party = desk.office, desk.office.party()
    paid, other = [office.issued(party) for _ in "ab"]
    desk.connect()
    assert desk.push().left == 0
    desk.pull()
    tenant = desk.row().tenant_id
    for each in (paid, other):
        desk.person("pay", document=each.number)
    there = {each["InvoiceNumber"]: each["InvoiceID"] for each in desk.documents()}
    hint = body_of(event(tenant, there[paid.number], amount="999.99"))
    stranger = body_of(event(uuid4().hex, there[paid.number]))
    unknown = body_of(event(tenant, str(uuid4())))
    # Twice, out of order, with others among them.
    assert {each.status for each in post(database_url, unknown, hint, stranger, hint)} == {200}
    with acting_as(Identity.system()):
        assert [each for each in due_at_the_desk(datetime.now(UTC)) if each.platform == "xero"] == []
    now = datetime.now(UTC) + timedelta(seconds=1)
    before = desk.sandbox.requests("xero").total()
    assert office.organisation_id in follow(desk, now)
    # One read of the one document; the other's payment waits for its own hint or the regular pull.
    assert desk.sandbox.requests("xero").total() - before == 1
    assert [office.json(each)["payment_status"] for each in (paid, other)] == ["paid", "unpaid"]
    mine = hooks(tenant)
    assert {each.organisation_id for each in mine} == {office.organisation_id}
    assert [(each.status, each.outcome) for each in mine] == [("done", "read")] * 3
    (ignored,) = [each for each in hooks(there[paid.number]) if each.organisation_id is None]
    assert (ignored.status, ignored.outcome) == ("ignored", "no_connection")
    # Hints are collected for a while, and a deletion comes the same way.
    desk.person("unpay", payment=next(iter(payments_of(desk, there[paid.number]))))
    post(database_url, hint)
    assert office.organisation_id not in follow(desk, now + timedelta(seconds=5))
    follow(desk, now + agenda.HINTS_EVERY + timedelta(seconds=1))
    assert office.json(paid)["balance"] == 55000
    # A failure leaves it waiting; a replay is followed again.
    desk.faults.add("server_error", platform="xero", path="Invoices", status=503)
    post(database_url, hint)
    later = now + timedelta(minutes=1)
    follow(desk, later)
    last = hooks(tenant)[-1]
    assert (last.status, last.outcome, last.attempts) == ("waiting", "not_read", 1)
    desk.faults.clear()
    assert last.next_try_at is not None
    follow(desk, last.next_try_at + timedelta(seconds=1))
    assert hooks(tenant)[-1].status == "done"


def payments_of(desk: Desk, invoice: str) -> list[str]:
    return [each.id for each in desk.tenant.payments.values() if each.document.id == invoice]


def test_without_hints_it_is_read_every_quarter_of_an_hour_while_connected(desk: Desk) -> None:
    office = desk.office
    invoice = office.issued(office.party())
    desk.connect()
    assert desk.push().left == 0

    def here() -> Agenda:
        with acting_as(office.identity):
            return Agenda.objects.get(organisation_id=office.organisation_id)

    def work(at: datetime) -> bool:
        from housecount.xero import pulling

        async def run() -> bool:
            found = await hints.due(at)
            await pulling.pull_due(office.organisation_id, now=lambda: at, limits=QUICK)
            return office.organisation_id in found

        return asyncio.run(run())

    now = datetime.now(UTC) + timedelta(seconds=1)
    assert work(now)
    assert (here().pulled_at, here().pull_at) == (now, now + timedelta(minutes=15))
    desk.person("pay", document=invoice.number)
    assert not work(now + timedelta(minutes=14))
    assert office.json(invoice)["payment_status"] == "unpaid"
    # After a failure it comes again sooner, and ever later while it fails.
    desk.faults.add("html", platform="xero", path="Payments")
    later = now + timedelta(minutes=15)
    assert work(later)
    assert (here().failures, here().pull_at, bool(here().trouble)) == (1, later + timedelta(minutes=1), True)
    assert work(later + timedelta(minutes=1))
    assert here().pull_at == later + timedelta(minutes=3)
    assert here().pulled_at == now
    desk.faults.clear()
    assert work(later + timedelta(minutes=3))
    assert (office.json(invoice)["payment_status"], here().trouble, here().failures) == ("paid", "", 0)
    # Somebody asks; then nothing is connected any more.
    with acting_as(office.identity):
        agenda.ask(office.organisation_id, later + timedelta(minutes=4))
    assert work(later + timedelta(minutes=4))
    from housecount.xero import services

    asyncio.run(services.disconnect(office.organisation_id))
    assert here().pull_at is None
    assert not work(later + timedelta(days=1))


def test_the_worker_looks_every_five_seconds_and_enqueues_each_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = desk.office.issued(desk.office.party())
    desk.connect()
    assert desk.push().left == 0
    here = desk.office.organisation_id

    async def only_here(at: datetime) -> list[UUID]:
        return [each for each in await all_due(at) if each == here]

    all_due = hints.due
    monkeypatch.setattr(hints, "due", only_here)
    queue = InMemoryConnector()
    with app.replace_connector(queue):
        for _ in range(2):
            asyncio.run(_call(tasks.find_what_to_pull, timestamp=0))
    (job,) = queue.jobs.values()
    assert (job["task_name"], job["args"]) == ("housecount.xero.tasks.pull", {"organisation_id": str(here)})
    desk.person("pay", document=invoice.number)
    asyncio.run(_call(tasks.pull, **job["args"]))
    assert desk.office.json(invoice)["payment_status"] == "paid"
    with app.replace_connector(InMemoryConnector()):
        assert asyncio.run(only_here(datetime.now(UTC))) == []
    # Nobody is connected any more: the job ends without a word.
    from housecount.xero import services

    asyncio.run(services.disconnect(here))
    asyncio.run(_call(tasks.pull, **job["args"]))
    (periodic,) = [
        each for each in app.periodic_registry.periodic_tasks.values()
        if each.task.name == "housecount.xero.tasks.find_what_to_pull"
    ]  # fmt: skip
    assert periodic.cron == "* * * * * */5"


async def _call(task: Callable[..., Awaitable[None]], **arguments: object) -> None:
    await task(**arguments)
