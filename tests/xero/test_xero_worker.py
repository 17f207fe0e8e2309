"""The worker writes by itself: soon, once, the most urgent first, and within what Xero allows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connections
from procrastinate.contrib.django.models import ProcrastinateJob

from housecount.invoices import services as invoices
from housecount.invoices.models import Document
from housecount.tenancy.identity import acting_as
from housecount.xero import due, pushing, services, tasks
from housecount.xero.errors import Busy
from housecount.xero.models import Connection, Intent, Stage, What
from housecount.xero.urgency import in_order
from tests.xero.desk import QUICK, Desk, open_desk

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(database: str, plain_paper: None) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


def is_due(desk: Desk, later: timedelta = timedelta(0), *, thorough: bool = False) -> bool:
    with acting_as(desk.office.identity):
        return due.is_due(desk.office.organisation_id, datetime.now(UTC) + later, thorough=thorough)


def jobs(desk: Desk) -> int:
    """How many pushes wait for the organisation."""
    with acting_as(desk.office.identity):
        return ProcrastinateJob.objects.filter(
            task_name=due.PUSH, status="todo", args__organisation_id=str(desk.office.organisation_id)
        ).count()


def work(desk: Desk) -> None:
    asyncio.run(tasks.push(organisation_id=str(desk.office.organisation_id)))


def automatic(desk: Desk) -> services.Outcome:
    return asyncio.run(services.push(desk.office.organisation_id, limits=QUICK, automatic=True))


def ask_for(desk: Desk, document: Document) -> None:
    """Somebody else asks, with a connection of their own."""
    with acting_as(desk.office.identity):
        services.ask(desk.office.organisation_id, document.pk, datetime.now(UTC))
    connections.close_all()


def test_what_is_issued_is_written_soon_and_what_is_stuck_ever_later(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    assert not is_due(desk)
    desk.connect()
    assert not is_due(desk)
    invoice = office.issued(party)
    asyncio.run(tasks.find_what_to_push(timestamp=1))
    asyncio.run(tasks.find_what_to_push(timestamp=21))
    assert jobs(desk) == 1
    work(desk)
    assert desk.numbers() == {invoice.number: 1}
    assert not is_due(desk)
    office.pay(invoice, 1_000)
    assert is_due(desk)
    # What cannot go on does not ask Xero again and again.
    desk.person("lock", period="2026-12-31")
    work(desk)
    assert [each.stage for each in desk.intents() if each.what == What.PAYMENT] == [Stage.BLOCKED]
    assert not is_due(desk)
    assert is_due(desk, timedelta(minutes=1, seconds=5))
    before = desk.sandbox.requests("xero").total()
    second = office.issued(party, issue_date="2027-01-02", due_date="2027-01-16")
    work(desk)
    assert desk.numbers()[second.number] == 1
    [stuck] = [each for each in desk.intents() if each.stage == Stage.BLOCKED]
    assert stuck.tries == 1
    assert desk.sandbox.requests("xero").total() > before
    # A person may ask for it, and the worker is told.
    desk.person("lock")
    with acting_as(office.identity):
        assert services.ask(office.organisation_id, invoice.pk, datetime.now(UTC)) == 1
    assert is_due(desk)
    work(desk)
    assert {each.stage for each in desk.intents()} == {Stage.DONE}
    # Who does not want it by itself has it when they say so.
    with acting_as(office.identity):
        services.set_automatic(office.organisation_id, on=False)
    third = office.issued(party)
    assert not is_due(desk, thorough=True)
    assert desk.push().done == 1
    assert desk.numbers()[third.number] == 1


def test_the_end_of_a_day_is_kept_for_what_cannot_wait(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    first = office.issued(party)
    desk.connect()
    desk.limits.xero_per_day = pushing.KEPT_CALLS + 10
    assert automatic(desk).left == 0
    row = desk.row()
    assert row.day_left is not None
    assert row.day_left < pushing.KEPT_CALLS
    waits, asked = office.issued(party), office.issued(party)
    assert not is_due(desk)
    note = office.credit(first, [{"line": 1, "quantity": "0.5"}])
    assert is_due(desk)
    with acting_as(office.identity):
        services.ask(office.organisation_id, asked.pk, datetime.now(UTC))
    outcome = automatic(desk)
    assert {each["number"] for each in outcome.reasons} == {waits.number}
    assert "kept for what cannot wait" in outcome.stopped
    assert set(desk.numbers()) == {first.number, note.number, asked.number}
    assert not is_due(desk)
    # After a while it is looked whether the day has begun anew; a person need not wait for it.
    assert is_due(desk, timedelta(hours=2))
    assert desk.push().left == 0


def test_a_wrong_clock_parks_nothing_for_ever(desk: Desk) -> None:
    desk.office.issued(desk.office.party())
    desk.connect()
    with acting_as(desk.office.identity):
        Connection.objects.filter(organisation_id=desk.office.organisation_id).update(
            parked_until=datetime.now(UTC) + timedelta(days=400)
        )
    assert is_due(desk)
    assert desk.push().left == 0


def test_what_is_asked_for_in_the_middle_goes_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    office, party = desk.office, desk.office.party()
    documents = [office.issued(party) for _ in range(5)]
    desk.connect()
    monkeypatch.setattr(pushing, "_AT_ONCE", 2)
    asked: list[int] = []

    def on_progress(done: int, total: int) -> None:
        if done == 1 and not asked:
            asked.append(total)
            person = threading.Thread(target=ask_for, args=(desk, documents[4]))
            person.start()
            person.join()

    outcome = asyncio.run(services.push(office.organisation_id, limits=QUICK, on_progress=on_progress))
    assert (outcome.left, asked) == (0, [5])
    numbers = [each.number for each in documents]
    assert list(desk.numbers()) == [*numbers[:2], numbers[4], *numbers[2:4]]


def test_eight_at_once_write_everything_once_and_ask_for_one_token(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    bills = [office.issued(party, direction="payable", agreement=None) for _ in range(3)]
    invoice = office.issued(party)
    office.pay(invoice, 5_000)
    desk.connect()
    with acting_as(office.identity):
        Connection.objects.filter(organisation_id=office.organisation_id).update(
            access_expires_at=datetime.now(UTC)
        )
    before = desk.sandbox.requests("xero")["/connect/token"]
    together, busy, failed = threading.Barrier(8), [], []

    def one() -> None:
        together.wait()
        for _ in range(200):
            try:
                outcome = asyncio.run(services.push(office.organisation_id, automatic=True))
            except Busy:
                busy.append(1)
                threading.Event().wait(0.3)
                continue
            if outcome.stopped or outcome.left:
                failed.append(outcome)
            break
        connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert busy
    assert desk.row().state == "connected"
    assert desk.sandbox.requests("xero")["/connect/token"] == before + 1
    assert desk.numbers() == dict.fromkeys([each.number for each in (*bills, invoice)], 1)
    assert len(desk.books()["Payments"]) == 1
    assert len(desk.books()["Contacts"]) == 1


TODAY = date(2026, 11, 27)


def document(number: str, due_in: int, **more: object) -> Document:
    return Document(
        kind=more.pop("kind", "invoice"),
        number=number,
        issue_date=TODAY,
        due_date=TODAY + timedelta(days=due_in),
        **more,
    )


def intent(of: Document, what: What, rank: int, *, asked: bool = False, target: UUID | None = None) -> Intent:
    moment = datetime(2026, 11, 27, tzinfo=UTC)
    return Intent(
        what=what,
        document=of,
        rank=rank,
        target=target or of.pk,
        created_at=moment,
        asked_at=moment if asked else None,
    )


def test_the_most_urgent_comes_first_and_what_belongs_together_stays_in_order() -> None:
    rest, soon, asked, void = (
        document(name, due) for name, due in (("R", 30), ("S", 7), ("A", 60), ("V", 50))
    )
    noted = document("N", 40)
    note = document("CN", 0, kind="credit_note", credits_id=noted.pk)
    earlier, later = uuid4(), uuid4()
    wanted = [
        intent(asked, What.DOCUMENT, 1),
        intent(asked, What.PAYMENT, 3, asked=True),
        intent(noted, What.DOCUMENT, 1),
        intent(note, What.DOCUMENT, 2),
        intent(noted, What.PAYMENT, 3, target=earlier),
        intent(noted, What.ALLOCATION, 3, target=later),
        intent(void, What.VOID, 5),
        intent(soon, What.DOCUMENT, 1),
        intent(rest, What.DOCUMENT, 1),
    ]
    moment = datetime(2026, 11, 27, tzinfo=UTC)
    times = {earlier: moment, later: moment + timedelta(hours=1)}
    assert in_order(reversed(wanted), times, TODAY) == wanted


def test_a_void_that_nobody_pushed_is_not_due_twice(desk: Desk) -> None:
    office = desk.office
    written = office.issued(office.party())
    desk.connect()
    assert desk.push().left == 0
    with acting_as(office.identity):
        invoices.void(written.pk)
    assert is_due(desk)
    work(desk)
    assert [each["Status"] for each in desk.books()["Documents"]] == ["VOIDED"]
    assert not is_due(desk, thorough=True)
