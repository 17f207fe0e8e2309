"""What comes back from Xero: payments once, deletions, and nothing that is our own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from housecount.cli.main import cli
from housecount.invoices import services
from housecount.invoices.models import Document, Payment
from housecount.platforms.base.errors import Transient
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import Organisation
from housecount.xero.client import Xero, opened
from housecount.xero.models import Copy, Cursor, XeroPayment
from housecount.xero.receipts import Seen, receive
from tests.xero.desk import QUICK, Desk, open_desk

pytestmark = pytest.mark.slow
#: More by hand: HOUSECOUNT_EXAMPLES=20.
SEEDS = range(1, 1 + int(os.environ.get("HOUSECOUNT_EXAMPLES", "1")))


@pytest.fixture
def desk(database: str, plain_paper: None) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


def written(desk: Desk, count: int = 1, **changes: Any) -> list[Document]:
    """Documents of 550.00 that are in Xero, and were read there."""
    party = desk.office.party()
    made = [desk.office.issued(party, **changes) for _ in range(count)]
    desk.connect()
    assert desk.push().left == 0
    assert desk.pull().stopped == ""
    return made


def payments(desk: Desk, document: Document) -> list[tuple[int, str, str, str]]:
    with acting_as(desk.office.identity):
        rows = Payment.objects.filter(
            organisation_id=desk.office.organisation_id, allocations__document=document
        ).order_by("created_at")
        return [(each.amount, str(each.paid_on), each.method, each.reference) for each in rows]


def cursors(desk: Desk) -> dict[str, datetime]:
    with acting_as(desk.office.identity):
        rows = Cursor.objects.filter(organisation_id=desk.office.organisation_id)
        return dict(rows.values_list("resource", "since"))


def test_a_payment_there_marks_ours_paid_once_and_its_deletion_takes_it_back(desk: Desk) -> None:
    office = desk.office
    invoice, bill = written(desk)[0], None
    bill = office.issued(office.party(), direction="payable", agreement=None)
    assert desk.push().left == 0
    part = desk.person("pay", document=invoice.number, amount=200, date="2026-12-03", reference="Bank 17")
    desk.person("pay", document=bill.number, date="2026-12-04")
    outcome = desk.pull()
    assert (outcome.payments, outcome.taken_back, outcome.waiting, outcome.drift) == (2, 0, 0, 0)
    assert payments(desk, invoice) == [(20000, "2026-12-03", "Xero", "Bank 17")]
    assert payments(desk, bill) == [(55000, "2026-12-04", "Xero", "Recorded in Xero")]
    assert (office.json(invoice)["payment_status"], office.json(bill)["payment_status"]) == (
        "part_paid",
        "paid",
    )
    # Read again, from the cursor and all of it, and pushed: nothing comes twice, nothing goes back there.
    again = desk.pull(full=True)
    assert (again.payments, again.drift) == (0, 0)
    assert desk.push().done == 0
    desk.person("pay", document=invoice.number)
    assert desk.pull().payments == 1
    assert office.json(invoice)["balance"] == 0
    desk.person("unpay", payment=part["payment"])
    taken = desk.pull()
    assert (taken.taken_back, taken.drift) == (1, 0)
    assert office.json(invoice)["balance"] == 20000
    assert payments(desk, invoice)[-1] == (-20000, "2026-12-03", "Xero", "Deleted in Xero")
    assert (desk.push().done, desk.pull(full=True).taken_back, office.json(invoice)["balance"]) == (
        0,
        0,
        20000,
    )


def test_a_payment_of_ours_is_never_news(desk: Desk) -> None:
    """Whatever became of the answer to its push, and whoever deleted it."""
    office = desk.office
    first, second = written(desk, 2)
    office.pay(first, 20000)
    create, search, made = Xero.create_payment, Xero.payments, list[bool]()

    async def unheard(self: Xero, *arguments: Any) -> Any:
        await create(self, *arguments)
        made.append(True)
        raise Transient("The answer was lost.")

    async def away(self: Xero, *arguments: Any) -> Any:
        if made:
            raise Transient("Xero is away.")
        return await search(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Xero, "create_payment", unheard)
        patch.setattr(Xero, "payments", away)
        assert desk.push().left == 1
    assert [each["AmountPaid"] for each in desk.documents()] == [Decimal(200), Decimal(0)]
    lost = desk.pull(full=True)
    assert (lost.payments, lost.waiting) == (0, 0)
    assert desk.push().left == 0
    office.pay(second, 30000)
    assert desk.push().left == 0
    before = desk.pull()
    assert (before.payments, before.waiting, before.drift) == (0, 0, 0)
    assert [each["AmountPaid"] for each in desk.documents()] == [Decimal(200), Decimal(300)]
    with acting_as(office.identity):
        known = {
            each.document_id: each
            for each in XeroPayment.objects.filter(organisation_id=office.organisation_id)
        }
    assert {each.state for each in known.values()} == {"ours"}
    # Taken back here and deleted there by our push: no news. Deleted there by a person: taken back here.
    with acting_as(office.identity):
        services.pay(first.pk, -20000, date(2026, 12, 2))
    assert desk.push().left == 0
    desk.person("unpay", payment=known[second.pk].payment_id)
    after = desk.pull()
    assert (after.payments, after.taken_back, after.waiting, after.drift) == (0, 2, 0, 0)
    assert [row[0] for row in payments(desk, first)] == [20000, -20000]
    assert [row[0] for row in payments(desk, second)] == [30000, -30000]
    assert (desk.push().done, desk.pull(full=True).taken_back) == (0, 0)


def test_nothing_is_paid_beside_a_payment_that_does_not_fit(desk: Desk) -> None:
    """500 there and 200 here, of 550: a person says which; what would fit is not written meanwhile."""
    office, invoice = desk.office, written(desk)[0]
    office.pay(invoice, 20000)
    desk.person("pay", document=invoice.number, amount=500, date="2026-12-03")
    assert (desk.pull().waiting, desk.push().left) == (1, 1)
    assert [each["AmountPaid"] for each in desk.documents()] == [Decimal(500)]
    assert "only A$350.00 is open" in next(each.reason for each in desk.intents() if each.stage == "blocked")


def test_what_is_recorded_on_both_sides_is_one_payment(desk: Desk) -> None:
    office = desk.office
    same, other = written(desk, 2)
    office.pay(same, 55000)
    office.pay(other, 20000)
    desk.person("pay", document=same.number, date="2026-12-05")
    desk.person("pay", document=other.number, amount=500)
    outcome = desk.pull()
    # The one is the same. The other would be too much: it waits for a person, and says so.
    assert (outcome.payments, outcome.waiting) == (0, 1)
    (left,) = [each for each in desk.drift() if each[1] == "payment"]
    assert left[0] == other.number
    assert "here only A$350.00 is open" in left[2]
    assert left[3].startswith("500.00 paid on ")
    assert [row[0] for row in payments(desk, same)] == [55000]
    with acting_as(office.identity):
        services.pay(other.pk, -20000, date(2026, 12, 6), "It was 500")
    after = desk.pull()
    assert (after.payments, after.waiting) == (1, 0)
    assert [row[0] for row in payments(desk, other)] == [20000, -20000, 50000]
    assert desk.drift() == []
    assert {each["InvoiceNumber"]: each["AmountPaid"] for each in desk.documents()} == {
        same.number: Decimal(550),
        other.number: Decimal(500),
    }


def test_what_cannot_be_taken_over_waits_and_says_why(desk: Desk) -> None:
    office = desk.office
    odd, foreign, ended = written(desk, 3)
    for each in (odd, foreign):
        desk.person("pay", document=each.number, amount=100)
    with acting_as(office.identity):
        services.write_off(ended.pk, "bankrupt")
    desk.person("pay", document=ended.number, amount=50)
    # Of somebody else's documents nothing is kept.
    contact = desk.person("contact", fields={"Name": "Somebody"})["contact"]
    line = {
        "Description": "Theirs",
        "Quantity": 1,
        "UnitAmount": 5,
        "AccountCode": "200",
        "TaxType": "OUTPUT",
    }
    fields = {
        "Type": "ACCREC",
        "Contact": {"ContactID": contact},
        "Date": "2026-11-27",
        "DueDate": "2026-12-11",
    }
    desk.person(
        "write", fields={**fields, "Status": "AUTHORISED", "InvoiceNumber": "T-1", "LineItems": [line]}
    )
    desk.person("pay", document="T-1")
    with acting_as(office.identity):
        # A status that nobody knows, and another currency.
        seen = Seen("held", odd.pk, Decimal(100), "AUD", date(2026, 12, 1), "", "HELD")
        assert receive(desk.row(), seen, datetime.now(UTC)) == "waiting"
        dollars = seen._replace(payment_id="nz", currency="NZD", status="AUTHORISED")
        assert receive(desk.row(), dollars, datetime.now(UTC)) == "waiting"
    desk.pull()
    reasons = {number: reason for number, field, reason, _ in desk.drift() if field == "payment"}
    assert set(reasons) >= {ended.number}
    assert "written off" in reasons[ended.number or ""]
    # A status nobody knows is not taken for a payment, until it is one.
    said = " ".join(reason for number, _, reason, _ in desk.drift() if number == odd.number)
    assert "calls this payment HELD" in said
    assert "is in NZD" in said
    assert [row[0] for row in payments(desk, odd)] == [10000]
    with acting_as(office.identity):
        assert receive(desk.row(), seen._replace(status="AUTHORISED"), datetime.now(UTC)) == "taken"
    assert [row[0] for row in payments(desk, odd)] == [10000, 10000]
    with acting_as(office.identity):
        assert XeroPayment.objects.filter(organisation_id=office.organisation_id).count() == 5
    assert payments(desk, foreign)[0][0] == 10000


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


def test_a_document_found_late_brings_its_payments(desk: Desk) -> None:
    """Made in Xero under our number, and paid, before we came to write it: payments older than the cursor count."""
    office, party = desk.office, desk.office.party()
    written(desk)
    later = office.issued(party)
    contact = desk.documents()[0]["Contact"]["ContactID"]
    line = {
        "Description": "Headline set",
        "Quantity": 1,
        "UnitAmount": 500,
        "AccountCode": "200",
        "TaxType": "OUTPUT",
    }
    fields = {
        "Type": "ACCREC", "Status": "AUTHORISED", "InvoiceNumber": later.number, "Contact": {"ContactID": contact},
        "Date": "2026-11-27", "DueDate": "2026-12-11", "LineItems": [line],
    }  # fmt: skip
    desk.person("write", fields=fields)
    desk.person("pay", document=later.number, amount=70)
    assert desk.pull().payments == 0
    with acting_as(office.identity):
        Cursor.objects.filter(organisation_id=office.organisation_id).update(
            since=datetime.now(UTC) + timedelta(minutes=1)
        )
    assert desk.push().left == 0
    assert desk.pull().payments == 1
    assert payments(desk, later)[0][0] == 7000


@pytest.mark.parametrize("seed", SEEDS)
def test_in_any_order_both_sides_have_the_same_payments(desk: Desk, seed: int) -> None:
    """Payments and their ends on both sides, answers that are lost, hints twice and out of order."""
    office, random = desk.office, Random(seed)
    documents = written(desk, 3)
    ids = {each["InvoiceNumber"]: each["InvoiceID"] for each in desk.documents()}

    def pay_here() -> None:
        office.pay(random.choice(documents), random.randrange(1, 9) * 100)

    def take_back_here() -> None:
        document = random.choice(documents)
        there = [amount for amount, *_ in payments(desk, document)]
        free = [amount for amount in there if amount > 0 and there.count(-amount) < there.count(amount)]
        if free:
            with acting_as(office.identity):
                services.pay(document.pk, -random.choice(free), date(2026, 12, 2))

    def pay_there() -> None:
        desk.person("pay", document=random.choice(documents).number, amount=random.randrange(1, 9))

    def unpay_there() -> None:
        alive = [each for each in desk.tenant.payments.values() if each.status == "AUTHORISED"]
        if alive:
            desk.person("unpay", payment=random.choice(alive).id)

    def push() -> None:
        kind = random.choice(({"kind": "lost_reply"}, {"kind": "server_error", "status": 503}, None))
        if kind:
            desk.faults.add(**kind, platform="xero", path="Payments", after=random.randrange(3), count=1)
        desk.push()
        desk.faults.clear()

    def pull() -> None:
        desk.pull(full=random.random() < 0.2)

    def hint() -> None:
        desk.pull(only=random.choices(list(ids.values()), k=random.randrange(1, 4)))

    for _ in range(20):
        random.choice((pay_here, take_back_here, pay_there, pay_there, unpay_there, push, push, pull, hint))()
    for _ in range(3):
        desk.push()
        left = desk.pull()
    assert (desk.push().left, left.waiting) == (0, 0)
    assert desk.drift() == []
    there = {each["InvoiceNumber"]: each["AmountPaid"] for each in desk.documents()}
    here = {each.number: Decimal(sum(row[0] for row in payments(desk, each))) / 100 for each in documents}
    assert here == there


def test_a_long_list_costs_a_call_a_thousand_and_an_idle_one_next_to_nothing(desk: Desk) -> None:
    (invoice,) = written(desk)
    desk.person("write_many", count=2100)
    desk.person("pay", document=invoice.number)
    first = desk.pull()
    assert (first.rows > 2100, first.payments, first.requests) == (True, 1, 4)
    with acting_as(desk.office.identity):
        assert Copy.objects.filter(organisation_id=desk.office.organisation_id).count() == 1
    later = datetime.now(UTC) + timedelta(minutes=20)
    desk.world.stage.clock = lambda: later
    desk.connect()
    assert desk.pull(now=lambda: later).requests == 4
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
