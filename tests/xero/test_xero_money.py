"""Money in other currencies, beyond what was due, and that went back and did not: each once, on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from housecount.core.money import to_major
from housecount.invoices import services
from housecount.invoices.errors import NotPossible
from housecount.invoices.models import Document, Payment
from housecount.invoices.queries import situation
from housecount.tenancy.identity import acting_as
from housecount.xero import advances, wire
from housecount.xero.models import XeroPayment
from tests.xero.desk import Desk, open_desk

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(database: str, plain_paper: None) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


def line(price: int, tax: str = "taxable", quantity: str = "1") -> dict[str, Any]:
    return {"description": f"{tax} {price}", "quantity": quantity, "unit_price": price, "tax": tax}


def there(desk: Desk, document: Document) -> dict[str, Any]:
    [found] = [
        each
        for each in desk.documents()
        if (each.get("InvoiceNumber") or each.get("CreditNoteNumber")) == document.number
    ]
    return found


def money(desk: Desk, document: Document) -> list[tuple[int, str]]:
    with acting_as(desk.office.identity):
        rows = Payment.objects.filter(
            organisation_id=desk.office.organisation_id, allocations__document=document
        ).order_by("created_at")
        return [(each.amount, each.reference) for each in rows]


def owed(desk: Desk, document: Document) -> Decimal:
    with acting_as(desk.office.identity):
        return to_major(situation(document).balance, document.currency)


def test_other_currencies_there_and_back_to_the_cent(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    lines = [line(12_345, quantity="1.3333"), line(7, "gst_free"), line(9_999, quantity="3")]
    pounds = office.issued(party, currency="GBP", lines=lines)
    kiwis = office.issued(party, currency="NZD", lines=lines, price_mode="inclusive")
    dollars = office.issued(party, direction="payable", agreement=None, currency="USD", lines=lines)
    yen = office.issued(party, currency="JPY", lines=[line(1_005), line(15, quantity="3")])
    for code in ("GBP", "NZD", "USD", "JPY"):
        desk.person("currency", code=code)
    desk.person("bank", code="092", name="Pounds", currency="GBP")
    desk.connect()
    for each in (pounds, kiwis, dollars):
        office.pay(each, 10_000)
    note = office.credit(kiwis, [{"line": 1, "quantity": "0.5"}])
    outcome = desk.push()
    assert (outcome.left, outcome.reasons) == (0, [])
    for each in (pounds, kiwis, dollars, yen):
        found = there(desk, each)
        figures = [to_major(one, each.currency) for one in (each.net_total, each.tax_total, each.total)]
        assert [found["SubTotal"], found["TotalTax"], found["Total"]] == figures, each.currency
        assert (found["CurrencyCode"], found["AmountDue"]) == (each.currency, owed(desk, each))
        assert found["CurrencyRate"] != 1
    assert (there(desk, note)["CurrencyCode"], there(desk, note)["RemainingCredit"]) == ("NZD", 0)
    # Money of a currency moves through a bank account in it where there is one, else through the mapped one.
    paid = {each["Invoice"]["CurrencyCode"]: each for each in desk.books()["Payments"]}
    assert {code: each["Account"]["Code"] for code, each in paid.items()} == {
        "GBP": "092", "NZD": "090", "USD": "090",
    }  # fmt: skip
    assert (paid["GBP"]["BankAmount"], paid["NZD"]["BankAmount"]) == (Decimal(100), Decimal("91.47"))
    assert desk.pull().drift == 0
    with pytest.raises(ValueError, match="another currency"):
        desk.person("pay", document=dollars.number, account="092", amount=1)
    # And back: in the document's own currency, never in the bank's.
    mine = desk.person("pay", document=kiwis.number, amount=12.34)
    desk.person("pay", document=pounds.number, account="092")
    desk.person("pay", document=yen.number)
    back = desk.pull()
    assert (back.payments, back.waiting, back.drift) == (3, 0, 0)
    assert [amount for amount, _ in money(desk, kiwis)] == [10_000, 1_234]
    assert [amount for amount, _ in money(desk, yen)] == [yen.total]
    assert (owed(desk, pounds), owed(desk, yen)) == (0, 0)
    desk.person("unpay", payment=mine["payment"])
    assert (desk.pull().taken_back, desk.push().done, desk.pull(full=True).drift) == (1, 0, 0)
    assert there(desk, kiwis)["AmountDue"] == owed(desk, kiwis)
    # What is owed to us abroad and will not come is written off in its own currency too.
    from housecount.xero import services as xero_services

    with acting_as(office.identity):
        xero_services.set_mapping(office.organisation_id, {"bad_debts": "260"})
        services.write_off(kiwis.pk)
    assert desk.push().left == 0
    assert (there(desk, kiwis)["Status"], there(desk, kiwis)["AmountDue"]) == ("PAID", 0)


def test_an_advance_that_is_set_against_ours_is_money_once_and_is_undone_with_it(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    first, second = office.issued(party), office.issued(party)
    bill = office.issued(party, direction="payable", agreement=None)
    desk.connect()
    assert desk.push().left == 0
    desk.pull()
    # 700 came for 550: the rest is the customer's, and settles a part of the next one.
    desk.person("pay", document=first.number)
    over = desk.person("advance", document=first.number, amount=150, date="2026-12-03")["advance"]
    assert (desk.pull().payments, owed(desk, second)) == (1, Decimal(550))
    part = desk.person("apply", advance=over, document=second.number, amount=100)["allocation"]
    before = desk.person("advance", document=bill.number, amount=550, kind="Prepayment")["advance"]
    desk.person("apply", advance=before, document=bill.number, amount=550)
    came = desk.pull()
    assert (came.payments, came.taken_back, came.waiting, came.drift) == (2, 0, 0, 0)
    assert money(desk, second) == [(10_000, "Overpayment in Xero")]
    assert money(desk, bill) == [(55_000, "Prepayment in Xero")]
    with acting_as(office.identity):
        [kept] = XeroPayment.objects.filter(organisation_id=office.organisation_id, document=second)
        assert (str(kept.paid_on), kept.state, len(kept.payment_id) <= 60) == ("2026-12-03", "taken", True)
    # Read again, and pushed: nothing comes twice, nothing goes back there, and nothing is asked that Xero has not.
    calls = desk.sandbox.requests("xero").total()
    again = desk.pull(full=True)
    assert (again.payments, again.taken_back, again.drift) == (0, 0, 0)
    assert desk.sandbox.requests("xero").total() - calls == again.requests == 3
    assert desk.push().done == 0
    # More of the same: what counts is the sum. Then all of it is taken off, and a part set against it anew.
    more = desk.person("apply", advance=over, document=second.number, amount=50)["allocation"]
    assert (desk.pull().drift, owed(desk, second)) == (0, Decimal(400))
    for allocation in (part, more):
        desk.person("take_off", allocation=allocation)
    assert (desk.pull().taken_back, owed(desk, second)) == (1, Decimal(550))
    assert money(desk, second)[-1] == (-15_000, "No longer set against it in Xero")
    desk.person("apply", advance=over, document=second.number, amount=70)
    assert (desk.pull().payments, owed(desk, second)) == (1, Decimal(480))
    assert (desk.pull(full=True).payments, desk.push().done, desk.drift()) == (0, 0, [])
    # Used elsewhere or given back here, it is a person's to do there: nothing is made or deleted behind their back.
    payments = len(desk.books()["Payments"])
    third = office.issued(party)
    office.pay(second, -7_000)
    assert desk.push().left == 1
    [left] = [each for each in desk.intents() if each.stage == "blocked"]
    assert "Issue a credit note for what was given back" in left.reason
    assert (len(desk.books()["Payments"]), there(desk, third)["AmountDue"]) == (payments, Decimal(550))


def test_what_was_paid_too_much_here_and_is_used_there_is_one_thing(desk: Desk) -> None:
    """Recorded here as 600 of 550 and used here for the next; entered and used there in the same way."""
    office, party = desk.office, desk.office.party()
    first, second = office.issued(party), office.issued(party)
    desk.connect()
    assert desk.push().left == 0
    office.pay(first, 60_000)
    assert desk.push().left == 1
    with acting_as(office.identity):
        services.apply_credit(first.pk, second.pk)
    over = desk.person("advance", document=first.number, amount=50)["advance"]
    desk.person("apply", advance=over, document=second.number, amount=50)
    assert (desk.pull().payments, owed(desk, second)) == (0, Decimal(500))
    assert desk.push().left == 0
    assert [there(desk, each)["AmountDue"] for each in (first, second)] == [0, Decimal(500)]
    assert (desk.pull(full=True).drift, owed(desk, second)) == (0, Decimal(500))


def test_a_list_that_does_not_come_to_what_was_settled_takes_nothing_back(desk: Desk) -> None:
    """Whatever Xero calls the sums, and however much it tells of each."""
    document = desk.office.issued(desk.office.party())
    desk.connect()
    assert desk.push().left == 0
    over = desk.person("advance", document=document.number, amount=100)["advance"]
    desk.person("apply", advance=over, document=document.number, amount=100)
    assert desk.pull().payments == 1
    row, key = desk.row(), over

    def seen(due: str, *applied: str, **more: Any) -> list[tuple[str, Decimal]]:
        found = wire.Document(
            invoice_id="x", status="AUTHORISED", currency_code="AUD", total=Decimal(550), amount_due=Decimal(due),
            overpayments=[wire.Settled(overpayment_id=key, applied_amount=Decimal(each)) for each in applied],
            date="2026-11-27", **more,
        )  # fmt: skip
        with acting_as(desk.office.identity):
            return [(each.status, each.amount) for each in advances.seen(row, {document.pk: found})]

    assert seen("450", "100") == seen("450", "60", "40") == seen("450", "0") == []
    assert seen("450") == seen("450", "60") == []
    assert seen("550") == [("DELETED", Decimal(100))]
    assert seen("400", "150") == seen("400", "0") == [("DELETED", Decimal(100)), ("AUTHORISED", Decimal(150))]
    paid = [wire.Paid(payment_id=str(uuid4()), amount=Decimal(50))]
    assert seen("400", "100", payments=paid) == []
    credit = [wire.Settled(applied_amount=Decimal(50))]
    assert seen("350", "100", payments=paid, credit_notes=credit) == []


def test_a_refund_that_is_deleted_there_is_taken_back_here(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    refunded = office.issued(party)
    desk.connect()
    office.pay(refunded, 55_000)
    assert desk.push().left == 0
    # A refund is recorded on the document, and paid out of its note there.
    note = office.credit(refunded, [{"line": 1, "quantity": "0.2"}])
    office.pay(refunded, -11_000)
    assert desk.push().left == 0
    assert there(desk, note)["RemainingCredit"] == 0
    desk.pull()
    [out] = [each for each in desk.books()["Payments"] if "CreditNote" in each]
    before = owed(desk, refunded)
    desk.person("unpay", payment=out["PaymentID"])
    assert desk.pull().taken_back == 1
    assert owed(desk, refunded) == before - Decimal(110)
    assert money(desk, refunded)[-1] == (11_000, "Refund deleted in Xero")
    assert (desk.pull(full=True).taken_back, desk.push().done, owed(desk, refunded)) == (0, 0, before - 110)


def test_a_repayment_on_a_note_itself_is_taken_back_and_may_come_again(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    invoice = office.issued(party)
    office.pay(invoice, 55_000)
    with acting_as(office.identity):
        [drafted] = services.create_documents(
            office.organisation_id,
            {
                "kind": "credit_note", "direction": "receivable", "currency": "AUD", "issue_date": "2026-11-28",
                "price_mode": "exclusive", "party": str(party.pk), "lines": [line(10_000)],
            },
        )  # fmt: skip
    note = office.issue(drafted)
    desk.connect()
    assert desk.push().left == 0
    assert owed(desk, note) == Decimal(110)
    one = desk.person("pay", document=note.number, amount=40)["payment"]
    assert (desk.pull().payments, owed(desk, note)) == (1, Decimal(70))
    office.pay(note, 3_000)
    assert desk.push().left == 0
    desk.pull()
    [two] = [each["PaymentID"] for each in desk.books()["Payments"] if each["Amount"] == 30]
    for place, payment in enumerate((one, two), 1):
        desk.person("unpay", payment=payment)
        taken = desk.pull()
        assert (taken.taken_back, taken.waiting, taken.drift) == (1, 0, 0), place
    assert owed(desk, note) == Decimal(110) == there(desk, note)["RemainingCredit"]
    assert [amount for amount, _ in money(desk, note)] == [-4_000, -3_000, 4_000, 3_000]
    desk.person("pay", document=note.number)
    assert (desk.pull().payments, owed(desk, note), desk.push().done, desk.drift()) == (1, 0, 0, [])
    # Nobody but Xero takes a repayment back, and never more than there was.
    with acting_as(office.identity):
        for told, amount in ((False, -1), (True, -11_001)):
            with pytest.raises(NotPossible):
                services.pay(note.pk, amount, date(2026, 12, 1), told=told)
