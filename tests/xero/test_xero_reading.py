"""How Xero is read: to the end, in order, within its limits, whatever its clock says, and what stops it is said."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from housecount.cli.main import cli
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import Organisation
from housecount.xero.client import opened
from housecount.xero.models import Copy, Cursor
from tests.xero.desk import QUICK, Desk, open_desk
from tests.xero.papers import payments, written

pytestmark = pytest.mark.slow
#: HOUSECOUNT_EXAMPLES=10 makes it more than 20,000 invoices.
MANY = round(2_100 * float(os.environ.get("HOUSECOUNT_EXAMPLES") or 1))


@pytest.fixture
def desk(database: str, plain_paper: None) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


def cursors(desk: Desk) -> dict[str, datetime]:
    with acting_as(desk.office.identity):
        rows = Cursor.objects.filter(organisation_id=desk.office.organisation_id)
        return dict(rows.values_list("resource", "since"))


def test_a_cursor_moves_only_when_everything_before_it_is_kept(desk: Desk) -> None:
    documents = written(desk, 3)
    before = cursors(desk)
    assert set(before) == {"Contacts", "Payments", "Invoices"}
    now = datetime.now(UTC)
    assert all(now - timedelta(minutes=6) < each < now - timedelta(minutes=4) for each in before.values())
    for each in documents:
        desk.person("pay", document=each.number, amount=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("housecount.xero.client._PAGE", 1)
        for fault in (
            {"kind": "html"},
            {"kind": "truncate", "mode": "length"},
        ):
            desk.faults.add(**fault, platform="xero", path="Payments$", after=2)
            stopped = desk.pull()
            assert stopped.stopped, fault
            assert cursors(desk) == before, fault
            desk.faults.clear()
        # The two pages before were kept, and are not taken again.
        assert sum(len(payments(desk, each)) for each in documents) == 2
        # A list that changes while it is read loses a row, and is read again until it is whole.
        shifted = desk.faults.add("skips", platform="xero", path="Payments$", count=1)
        done = desk.pull()
        assert (done.stopped, shifted.struck, done.payments) == ("", 1, 1)
    assert [len(payments(desk, each)) for each in documents] == [1] * 3
    assert all(cursors(desk)[place] > before[place] for place in ("Payments", "Invoices"))
    desk.faults.add("skips", platform="xero", path="Payments$")
    for each in documents:
        desk.person("pay", document=each.number, amount=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("housecount.xero.client._PAGE", 1)
        kept = cursors(desk)
        assert "changed each time" in desk.pull().stopped
    assert cursors(desk)["Payments"] == kept["Payments"]
    desk.faults.clear()
    assert desk.pull().stopped == ""
    assert [len(payments(desk, each)) for each in documents] == [2] * 3


def test_clocks_that_differ_lose_nothing(desk: Desk) -> None:
    """Xero's clock is behind, then set right, then ahead, then set back: nothing is missed at any time."""
    stage = desk.world.stage

    def set_clock(minutes: int) -> None:
        desk.world.xero._last = datetime.now(UTC) - timedelta(hours=1)
        stage.clock = lambda: datetime.now(UTC) + timedelta(minutes=minutes)

    set_clock(-10)
    (invoice,) = written(desk)
    for place, minutes in enumerate((-10, 0, 10, 0), 1):
        set_clock(minutes)
        desk.person("pay", document=invoice.number, amount=10 * place)
        assert (desk.pull().payments, len(payments(desk, invoice))) == (1, place), minutes


def test_what_stops_a_pull_is_said_and_nothing_is_lost(desk: Desk) -> None:
    (invoice,) = written(desk)
    desk.person("pay", document=invoice.number)
    desk.person("app", app=desk.app.client_id, revoked=True)
    assert "onnect" in desk.pull().stopped
    status = desk.status()
    assert (status["state"], status["next_pull_at"]) == ("needs_reconnect", None)
    desk.person("app", app=desk.app.client_id, revoked=False)
    desk.connect()
    assert desk.status()["next_pull_at"] is not None
    assert desk.pull().payments == 1
    assert desk.status()["pulled_at"] is not None
    assert desk.office.json(invoice)["payment_status"] == "paid"
    desk.limits.xero_per_day = 1
    stopped = desk.pull()
    assert stopped.resumes_at is not None
    status = desk.status()
    assert status["parked_until"] == stopped.resumes_at == status["next_pull_at"]
    before = desk.sandbox.requests("xero").total()
    assert "limits" in desk.pull().stopped
    assert desk.sandbox.requests("xero").total() == before


def test_a_long_list_costs_a_call_a_thousand_and_an_idle_one_next_to_nothing(desk: Desk) -> None:
    (invoice,) = written(desk)
    desk.person("write_many", count=MANY)
    desk.person("pay", document=invoice.number)
    first = desk.pull()
    pages = MANY // 1_000 + 1
    assert (first.rows > MANY, first.payments, first.requests) == (True, 1, pages + 1)
    with acting_as(desk.office.identity):
        assert Copy.objects.filter(organisation_id=desk.office.organisation_id).count() == 1
    later = datetime.now(UTC) + timedelta(minutes=20)
    desk.world.stage.clock = lambda: later
    desk.connect()
    assert desk.pull(now=lambda: later).requests == pages + 1
    idle = desk.pull(now=lambda: later + timedelta(minutes=1))
    assert (idle.rows, idle.requests, idle.stopped) == (0, 2, "")


def test_the_command_says_what_came_and_what_stands_in_the_way(desk: Desk) -> None:
    (invoice,) = written(desk)
    with acting_as(desk.office.identity):
        slug = Organisation.objects.get(pk=desk.office.organisation_id).slug

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["xero", *arguments, "--organisation", slug])

    desk.person("pay", document=invoice.number, amount=100)
    done = run("pull", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "rows": 2, "payments": 1, "taken_back": 0, "waiting": 0, "drift": 0, "requests": 2, "stopped": None,
        "resumes_at": None,
    }  # fmt: skip
    desk.person("edit", document=invoice.number, fields={"DueDate": "2027-01-01"})
    assert "1 documents are no longer what was issued" in run("pull", "--full").stdout
    assert "1 documents differ" in run("status").stdout
    # Without Xero, what was known is told, and that it may be old.
    desk.faults.add("outage", platform="xero", mode="refuse")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("housecount.xero.pulling.opened", _quick)
        told = run("drift")
        assert told.exit_code == 1
        assert "was not read just now" in told.stderr
        assert "2027-01-01" in told.stdout
        assert run("pull").exit_code == 1
    assert "Not since: " in run("status").stdout


def _quick(*arguments: Any, **options: Any) -> Any:
    return opened(*arguments, **{**options, "limits": QUICK})
