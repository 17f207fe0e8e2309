"""What comes back from Xero: payments once, deletions, and nothing that is our own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from housecount.invoices import services
from housecount.platforms.base.errors import Transient
from housecount.tenancy.identity import acting_as
from housecount.xero.client import Xero
from housecount.xero.models import Cursor, XeroPayment
from housecount.xero.receipts import Seen, receive
from tests.xero.desk import Desk, open_desk
from tests.xero.papers import payments, written

pytestmark = pytest.mark.slow
#: More by hand: HOUSECOUNT_EXAMPLES=20.
SEEDS = range(1, 1 + max(1, round(float(os.environ.get("HOUSECOUNT_EXAMPLES") or 1))))


@pytest.fixture
def desk(database: str, plain_paper: None) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


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
        free = [
            amount
            for amount in there
            if amount > 0 and amount % 100 == 0 and there.count(-amount) < there.count(amount)
        ]
        if free:
            with acting_as(office.identity):
                services.pay(document.pk, -random.choice(free), date(2026, 12, 2))

    def pay_there() -> None:
        desk.person("pay", document=random.choice(documents).number, amount=random.randrange(1, 9))

    def unpay_there() -> None:
        alive = [each for each in desk.tenant.payments.values() if each.status == "AUTHORISED"]
        if alive:
            desk.person("unpay", payment=random.choice(alive).id)

    def set_against_there() -> None:
        document = random.choice(documents)
        advance = desk.person("advance", document=document.number, amount=20)["advance"]
        # Of another amount than any payment: what came this way is a person's to take off, and not taken back here.
        desk.person("apply", advance=advance, document=document.number, amount=random.randrange(1, 9) + 0.5)

    def take_off_there() -> None:
        found = [each.id for document in desk.tenant.documents.values() for each in document.allocations]
        if found:
            desk.person("take_off", allocation=random.choice(found))

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

    ours = [pay_here, take_back_here]
    theirs = [pay_there, pay_there, unpay_there, set_against_there, take_off_there]
    between = [push, push, pull, hint]
    for _ in range(20):
        random.choice(ours + theirs + between)()
    for _ in range(3):
        desk.push()
        left = desk.pull()
    assert (desk.push().left, left.waiting) == (0, 0)
    assert desk.drift() == []
    there = {each["InvoiceNumber"]: each["AmountPaid"] + each["AmountCredited"] for each in desk.documents()}
    here = {each.number: Decimal(sum(row[0] for row in payments(desk, each))) / 100 for each in documents}
    assert here == there
