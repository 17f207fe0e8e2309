"""A round against a failing Xero; `python -m tests.faults --xero` and HOUSECOUNT_EXAMPLES make more of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from housecount.invoices.models import Document
from housecount.tenancy.identity import acting_as
from housecount.xero import services
from tests.faults.xero import Rounds, table
from tests.xero.desk import Desk, open_desk

ROUNDS = max(1, round(float(os.environ.get("HOUSECOUNT_EXAMPLES") or 1)))
#: Another for another number of rounds, unless it is said.
SEED = int(os.environ.get("HOUSECOUNT_FAULTS_SEED") or 20_261_122 + ROUNDS)


@pytest.fixture
def desk(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr("housecount.invoices.pdf.render", lambda printed, **_: repr(printed.number).encode())
    with open_desk() as found:
        # A long run makes more calls than Xero's day has; what becomes of them then is another test's.
        found.limits.xero_per_day = 0
        yield found


def test_each_thing_is_there_once_whatever_fails_where(desk: Desk) -> None:
    desk.connect()
    with acting_as(desk.office.identity):
        services.set_mapping(desk.office.organisation_id, {"bad_debts": "260"})
    # Processes take long to start: they belong to a long run.
    rounds = Rounds(desk, SEED, processes=ROUNDS > 2)
    for _ in range(ROUNDS):
        rounds.round()
    if rounds.processes:
        rounds.eight_at_once()
    print(table(rounds.report))
    assert rounds.report.problems == []
    assert rounds.report.struck.total() > 0
    assert rounds.report.documents >= 3 * ROUNDS
    # And the look at the end would see what it looks for.
    alive = [each for each in rounds.documents if _counts(desk, each)]
    with desk.world.stage.lock:
        books = desk.tenant.documents
        for document in alive:
            [mine] = [key for key, each in books.items() if each.number == document.number]
            del books[mine]
    rounds._check("nobody")
    assert len(rounds.report.problems) == len(alive) > 0


def _counts(desk: Desk, document: Document) -> bool:
    with acting_as(desk.office.identity):
        return not Document.objects.filter(pk=document.pk, ending__kind="void").exists()
