"""Many documents at once, crashes in between: numbers stay gap-free, and nothing is half done."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from housecount.invoices import services
from housecount.invoices.errors import Refused
from housecount.invoices.models import (
    Allocation,
    Deduction,
    Document,
    DocumentFile,
    Event,
    Series,
)
from housecount.tenancy.identity import acting_as
from tests.invoices.office import NOW, Json, Office
from tests.invoices.test_issue import deposit, final


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves()
    return office


# --- Several ------------------------------------------------------------------------------------------
def test_several_are_issued_each_by_itself(office: Office, plain_paper: None) -> None:
    act = office.party()
    good, last = office.draft(act), office.draft(act)
    bad = office.draft(act, kind="rcti", direction="payable")
    with acting_as(office.identity):
        outcomes = services.issue_each(office.organisation_id, [good.pk, bad.pk, last.pk], None, NOW)
    assert [each.document and each.document.number for each in outcomes] == ["INV-00001", None, "INV-00002"]
    assert isinstance(outcomes[1].error, Refused)
    assert office.json(bad)["status"] == "draft"


def test_or_all_of_them_or_none(office: Office, plain_paper: None) -> None:
    good, bad = office.draft(office.party()), office.draft(office.party(), kind="deposit_invoice")
    with acting_as(office.identity), pytest.raises(Refused):
        services.issue(office.organisation_id, [good.pk, bad.pk], None, NOW)
    assert office.json(good)["status"] == "draft"
    with acting_as(office.identity):
        assert [each.number for each in services.issue(office.organisation_id, [good.pk])] == ["INV-00001"]


# --- Numbers ------------------------------------------------------------------------------------------
def in_threads(work: list[Callable[[], None]]) -> list[BaseException]:
    """Runs everything at the same moment; what went wrong."""
    failures: list[BaseException] = []
    together = threading.Barrier(len(work))

    def run(each: Callable[[], None]) -> None:
        try:
            together.wait(60)
            each()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(200)
        assert not thread.is_alive()
    return failures


def test_a_hundred_at_once_get_a_hundred_numbers_without_a_gap(office: Office, plain_paper: None) -> None:
    act = office.party()
    drafts = [office.draft(act) for _ in range(100)]
    # Two people press the button for some of them; some are refused in between.
    twice = drafts[:10]
    refused = [office.draft(act, kind="deposit_invoice") for _ in range(5)]
    gate = threading.BoundedSemaphore(20)  # the server has as many connections as it has

    def issue(document: Document) -> Callable[[], None]:
        def run() -> None:
            with gate:
                office.issue(document)

        return run

    failures = in_threads([issue(each) for each in [*drafts, *twice, *refused]])
    assert len(failures) == len(twice) + len(refused)
    assert {getattr(each, "code", repr(each)) for each in failures} == {
        "already_issued",
        "deposit_kind_missing",
    }
    with acting_as(office.identity):
        numbers = list(
            Document.objects.filter(organisation_id=office.organisation_id, number__startswith="INV-")
            .order_by("number")
            .values_list("number", flat=True)
        )
        last = Series.objects.get(organisation_id=office.organisation_id, series="INV").last
        papers = DocumentFile.objects.filter(organisation_id=office.organisation_id).count()
    assert numbers == [f"INV-{n:05d}" for n in range(1, 101)]
    assert (last, papers) == (100, 100)


class Crash(Exception):
    """The process ends here."""


@contextmanager
def crashing_at(statement: int) -> Iterator[list[str]]:
    """The connection is lost instead of the `statement`-th query; the queries so far."""
    seen: list[str] = []

    def execute(run: Callable[..., Any], sql: Any, params: Any, many: bool, context: Json) -> Any:
        seen.append(str(sql)[:60])
        if len(seen) == statement:
            raise Crash
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield seen


def state(office: Office) -> tuple[object, ...]:
    """Everything that issuing, crediting and paying write."""
    with acting_as(office.identity):
        key = office.organisation_id
        return (
            sorted(
                map(str, Document.objects.filter(organisation_id=key).values_list("pk", "step", "number"))
            ),
            sorted(Series.objects.filter(organisation_id=key).values_list("series", "last")),
            DocumentFile.objects.filter(organisation_id=key).count(),
            Event.objects.filter(organisation_id=key).count(),
            sorted(Allocation.objects.filter(organisation_id=key).values_list("amount", flat=True)),
            sorted(Deduction.objects.filter(organisation_id=key).values_list("amount", flat=True)),
        )


@pytest.mark.parametrize("what", ["issue", "credit", "final"])
def test_a_crash_at_any_statement_leaves_nothing_half_done(
    office: Office, plain_paper: None, what: str
) -> None:
    act = office.party()
    if what == "credit":
        document = office.issued(act)
        run = lambda: office.credit(document)  # noqa: E731
    elif what == "final":
        down = deposit(office, act)
        office.pay(down, 55000)
        document = final(office, act, down)
        run = lambda: office.issue(document)  # noqa: E731
    else:
        document = office.draft(act)
        run = lambda: office.issue(document)  # noqa: E731
    before = state(office)
    statement, crashes = 0, 0
    while True:
        statement += 1
        try:
            with crashing_at(statement):
                done = run()
        except Crash:
            crashes += 1
            assert state(office) == before, f"after statement {statement}"
            continue
        break
    assert crashes > 10
    assert done.number is not None
    assert done.number.endswith("-00001"), "no number was lost on the way"
    assert state(office) != before


def test_a_paper_that_cannot_be_made_gives_no_number(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = office.draft(office.party())
    with monkeypatch.context() as patch:

        def no_paper(*_: object, **__: object) -> bytes:
            raise OSError("no paper")

        patch.setattr("housecount.invoices.pdf.render", no_paper)
        with pytest.raises(OSError, match="no paper"):
            office.issue(draft)
    assert office.json(draft)["status"] == "draft"
    assert office.issue(draft).number == "INV-00001"
