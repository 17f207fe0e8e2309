"""Many documents issued by a job: each for itself, none twice, and taken up again where a worker left off."""

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from housecount.invoices import batches, pdf, services, tasks
from housecount.invoices.errors import Invalid, NotFound
from housecount.invoices.models import Batch, Document, DocumentFile, Event
from housecount.invoices.printed import Printed
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Office

pytestmark = pytest.mark.usefixtures("plain_paper")


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves()
    return office


def begin(office: Office, documents: list[Document], even_so: set[object] | None = None) -> Batch:
    chosen = even_so or set()
    with acting_as(office.identity):
        keys = [each.pk for each in documents]
        return batches.create_batch(office.organisation_id, keys, None, {k for k in keys if k in chosen})


def progress(office: Office, batch: Batch) -> batches.Progress:
    with acting_as(office.identity):
        return batches.progress(batch)


def test_each_is_issued_for_itself(office: Office) -> None:
    venue = office.party()
    drafts = [office.draft(venue, reference=f"night {n}") for n in range(3)]
    refused = office.draft(venue, kind="deposit_invoice")
    like = office.draft(venue, reference="night 0")
    meant = office.draft(venue, reference="night 1")
    batch = begin(office, [drafts[0], refused, *drafts[1:], like, meant], {meant.pk})
    assert progress(office, batch) == (6, 0, 0)
    done = batches.work(office.organisation_id, batch.pk)
    assert done == (6, 4, 2)
    assert (done.done, done.finished) == (6, True)
    with acting_as(office.identity):
        items = batches.items(batch)
        assert batches.find_batch(batch.pk).finished_at is not None
    assert [each.trouble.split(".")[0] for each in items[:2]] == [
        "Say what the deposit is: part_payment, or security that is forfeited if the buyer does not perform",
        "It looks like INV-00001 of 2026-11-27",
    ]
    assert office.json(refused)["status"] == office.json(like)["status"] == "draft"
    assert [office.json(each)["number"] for each in (*drafts, meant)] == [f"INV-{n:05d}" for n in range(1, 5)]
    assert batches.work(office.organisation_id, batch.pk) == done, "once is enough"


def test_a_batch_that_was_left_is_taken_up(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = office.party()
    drafts = [office.draft(venue, reference=str(n)) for n in range(4)]
    batch = begin(office, drafts)
    issue, calls = batches.issue_locked, list[int]()

    def dies(*of: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise OSError("the worker is gone")
        return issue(*of)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(batches, "AT_ONCE", 2)
        patch.setattr(batches, "issue_locked", dies)
        with pytest.raises(OSError, match="gone"):
            batches.work(office.organisation_id, batch.pk)
    assert progress(office, batch) == (4, 2, 0)
    now = datetime.now(UTC)
    assert batches.left_undone(office.organisation_id, now) == [], "it may still be worked on"
    later = now + timedelta(minutes=5)
    assert batches.left_undone(office.organisation_id, later) == [batch.pk]
    tasks.take_up_all(later)
    assert progress(office, batch) == (4, 4, 0)
    assert batches.left_undone(office.organisation_id, later) == []


def test_what_is_no_batch(office: Office) -> None:
    issued = office.issued(office.party())
    with pytest.raises(NotFound, match="issued already"):
        begin(office, [issued])
    with pytest.raises(Invalid, match="1 to 5,000"):
        begin(office, [])
    with acting_as(office.identity), pytest.raises(NotFound):
        batches.find_batch(uuid4())


def test_a_draft_of_a_batch_can_be_thrown_away(office: Office) -> None:
    venue = office.party()
    first, second = office.draft(venue, reference="a"), office.draft(venue, reference="b")
    batch = begin(office, [first, second])
    with acting_as(office.identity):
        services.delete(first.pk)
    assert batches.work(office.organisation_id, batch.pk) == (1, 1, 0)


def test_a_few_share_a_transaction(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is refused among them gives its number to the next one; what takes another document along goes alone."""
    venue = office.party()
    deposit = office.issued(venue, kind="deposit_invoice", deposit_kind="part_payment")
    office.pay(deposit, 20000)
    drafts = [office.draft(venue, reference=f"night {n}") for n in range(5)]
    final = office.draft(venue, reference="whole run", deposits=[str(deposit.pk)])
    batch = begin(office, [*drafts[:2], final, *drafts[2:]])
    desks = list[list[object]]()

    class Noted(batches.Desk):
        def __init__(self, documents: Collection[Document]) -> None:
            super().__init__(documents)
            desks.append([])

        def put(self, file: DocumentFile, event: Event) -> None:
            desks[-1].append(event.document_id)
            super().put(file, event)

    def render(printed: Printed, **_: object) -> bytes:
        if printed.reference == "night 3":
            raise pdf.NotPrintable("There is no font for it.")
        return printed.reference.encode()

    monkeypatch.setattr(batches, "Desk", Noted)
    monkeypatch.setattr(pdf, "render", render)
    assert batches.work(office.organisation_id, batch.pk) == (6, 5, 1)
    one, two, three, four, five = (each.pk for each in drafts)
    assert desks == [[one, two], [final.pk], [three, five]]
    assert office.json(four)["status"] == "draft"
    issued = [office.json(each) for each in (one, two, final.pk, three, five)]
    assert [each["number"] for each in issued] == [f"INV-{n:05d}" for n in range(1, 6)]
    papers = [
        hashlib.sha256(of.encode()).hexdigest()
        for of in ("night 0", "night 1", "whole run", "night 2", "night 4")
    ]
    assert [each["sha256"] for each in issued] == papers
    assert (issued[2]["total"], issued[2]["balance"]) == (55000, 35000), "the deposit is taken off"
