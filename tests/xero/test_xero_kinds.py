"""Every kind of thing that happens to documents is in Xero as it is here, to the cent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from housecount.core.money import to_major
from housecount.invoices import services
from housecount.invoices.models import Deduction, Document
from housecount.invoices.queries import situation
from housecount.tenancy.identity import acting_as
from housecount.xero import services as xero_services
from housecount.xero.client import Xero
from tests.xero.desk import Desk, open_desk
from tests.xero.killing import Killed

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(database: str, plain_paper: None) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


def line(price: int, tax: str = "taxable", quantity: str = "1") -> dict[str, Any]:
    return {"description": f"{tax} {price}", "quantity": quantity, "unit_price": price, "tax": tax}


def there(desk: Desk, number: str | None) -> dict[str, Any]:
    """The one document of that number in Xero."""
    [found] = [
        each
        for each in desk.documents()
        if (each.get("InvoiceNumber") or each.get("CreditNoteNumber")) == number
    ]
    return found


def comes_to(desk: Desk, document: Document) -> dict[str, Any]:
    """What Xero has of a document, after comparing it with ours to the cent."""
    found = there(desk, document.number)
    with acting_as(desk.office.identity):
        rows = Deduction.objects.filter(organisation_id=document.organisation_id, document=document)
        off = sum(each.amount for each in rows)
        tax_off = sum(each.tax_amount for each in rows)
    total = to_major(document.total - off - document.withheld, document.currency)
    tax = to_major(document.tax_total - tax_off, document.currency)
    assert (found["Total"], found["TotalTax"], found["SubTotal"]) == (total, tax, total - tax)
    return found


def balance(desk: Desk, document: Document) -> Decimal:
    with acting_as(desk.office.identity):
        return to_major(situation(document).balance, document.currency)


def test_deposits_tax_kept_back_statements_and_other_currencies(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    lines = [line(33_333), line(20_005, "gst_free"), line(9_999)]
    final = office.draft(
        party, lines=lines, deposit={"kind": "part_payment", "percentage": 2_500}, price_mode="inclusive"
    )
    held = office.draft(party, deposit={"kind": "security", "amount": 20_000})
    with acting_as(office.identity):
        deposit, security = services.ask_for_deposit(final.pk), services.ask_for_deposit(held.pk)
    deposit, security = office.issue(deposit), office.issue(security)
    office.pay(deposit, deposit.total)
    office.pay(security, 12_345)
    final, held = office.issue(final), office.issue(held)
    act = office.party(
        name="No ABN", kind="individual", abn="", gst_registered_from=None, email="n@a.example"
    )
    bare = [line(50_001, "out_of_scope")]
    statement = office.issued(act, kind="payment_statement", direction="payable", lines=bare)
    bill = office.issued(act, direction="payable", lines=bare)
    abroad = office.issued(party, currency="USD", lines=[line(123_45, "gst_free"), line(7, "gst_free")])
    desk.connect()
    outcome = desk.push()
    assert [(each["number"], each["stage"]) for each in outcome.reasons] == [(abroad.number, "blocked")]
    assert f"{abroad.number} is in USD" in outcome.reasons[0]["reason"]
    assert "Add USD to the currencies in Xero" in outcome.reasons[0]["reason"]
    desk.person("currency", code="USD")
    assert desk.push().left == 0
    assert comes_to(desk, abroad)["CurrencyCode"] == "USD"
    assert comes_to(desk, deposit)["AmountDue"] == 0
    whole = comes_to(desk, final)
    # What was taken off stands on lines of its own, one for each treatment that the deposit had.
    off = [each for each in whole["LineItems"] if each["UnitAmount"] < 0]
    assert {each["TaxType"] for each in off} == {"OUTPUT", "EXEMPTOUTPUT"}
    assert sum(each["LineAmount"] for each in off) == -to_major(deposit.total, "AUD")
    # Security is nobody's income, and not taxed, neither when it is taken nor when it is used up.
    [secured] = comes_to(desk, security)["LineItems"]
    [used] = [each for each in comes_to(desk, held)["LineItems"] if each["UnitAmount"] < 0]
    assert [(each["AccountCode"], each["TaxType"]) for each in (secured, used)] == [
        ("830", "BASEXCLUDED")
    ] * 2
    assert used["UnitAmount"] == Decimal("-123.45")
    assert statement.withheld == bill.withheld == 23_500
    for document in (statement, bill):
        found = comes_to(desk, document)
        assert (found["Type"], found["AmountDue"]) == ("ACCPAY", Decimal("265.01"))
        assert found["LineItems"][-1]["AccountCode"] == "825"
    for document in (final, held, deposit, security, statement, bill, abroad):
        assert there(desk, document.number)["AmountDue"] == balance(desk, document)


def test_money_that_goes_back(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    credited, mistaken, partly, banked = (office.issued(party) for _ in range(4))
    desk.connect()
    for document in (credited, mistaken, partly, banked):
        office.pay(document, 55_000)
    assert desk.push().left == 0
    # Credited after it was paid: nothing is due that the note could be set against, and the refund is paid out of it.
    note = office.credit(credited, [{"line": 1, "quantity": "0.2"}])
    assert desk.push().left == 0
    assert there(desk, note.number)["RemainingCredit"] == Decimal("110.00")
    office.pay(credited, -11_000)
    # A payment that was none is taken back whole.
    office.pay(mistaken, -55_000)
    # A part that went back without a note is nothing that Xero knows.
    office.pay(partly, -10_000)
    # What the bank has confirmed is not deleted behind anybody's back.
    [row] = [each for each in desk.books()["Payments"] if each["Invoice"]["InvoiceNumber"] == banked.number]
    desk.person("reconcile", payment=row["PaymentID"])
    office.pay(banked, -55_000)
    outcome = desk.push()
    assert {each["number"]: each["stage"] for each in outcome.reasons} == {
        partly.number: "blocked",
        banked.number: "blocked",
    }
    said = {each["number"]: each["reason"] for each in outcome.reasons}
    assert "Issue a credit note for what was given back" in said[partly.number]
    assert "reconciled with the bank" in said[banked.number]
    assert there(desk, note.number)["RemainingCredit"] == 0
    assert there(desk, mistaken.number)["AmountDue"] == Decimal("550.00") == balance(desk, mistaken)
    assert there(desk, banked.number)["Status"] == "PAID"
    # And on it goes.
    desk.person("reconcile", payment=row["PaymentID"], reconciled=False)
    with acting_as(office.identity):
        assert xero_services.by_hand(office.organisation_id, partly.pk, datetime.now(UTC)) == 1
    office.pay(mistaken, 20_000)
    assert desk.push().left == 0
    for document in (credited, mistaken, banked):
        assert there(desk, document.number)["AmountDue"] == max(balance(desk, document), 0)
    # Nothing of it is done twice, or undone.
    assert desk.push().done == 0
    live = [each["Amount"] for each in desk.books()["Payments"] if each["Status"] == "AUTHORISED"]
    assert sorted(live) == [Decimal("110.00"), Decimal("200.00"), Decimal("550.00"), Decimal("550.00")]


def test_a_payment_that_did_not_fit_beside_one_taken_back_is_whole_in_the_end(desk: Desk) -> None:
    office = desk.office
    document = office.issued(office.party())
    desk.connect()
    office.pay(document, 20_000)
    assert desk.push().left == 0
    # Until the first is taken back, only 350.00 is due.
    office.pay(document, -20_000)
    office.pay(document, 50_000)
    for _ in range(4):
        desk.push()
        with acting_as(office.identity):
            xero_services.by_hand(office.organisation_id, document.pk, datetime.now(UTC))
    assert desk.push().left == 0
    assert there(desk, document.number)["AmountDue"] == Decimal("50.00") == balance(desk, document)
    live = [each["Amount"] for each in desk.books()["Payments"] if each["Status"] == "AUTHORISED"]
    assert live == [Decimal("500.00")]


def test_credit_that_did_not_fit_is_set_against_what_is_open_again(desk: Desk) -> None:
    """Whoever took the payment back that was in its way, and whatever died right after."""
    office, party = desk.office, desk.office.party()
    here, over_there = office.issued(party), office.issued(party)
    desk.connect()
    for document in (here, over_there):
        office.pay(document, 55_000)
    assert desk.push().left == 0
    # Taken back here, and the note written before that is: nothing is due yet that it could be set against.
    office.pay(here, -55_000)
    office.credit(here, [{"line": 1, "quantity": "0.5"}])
    desk.faults.add("server_error", platform="xero", path="Payments/", status=503)
    assert [each["what"] for each in desk.push().reasons] == ["payment"]
    desk.faults.clear()
    assert there(desk, here.number)["AmountCredited"] == 0
    delete = Xero.delete_payment

    async def dying(self: Xero, identity: str) -> Any:
        await delete(self, identity)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Xero, "delete_payment", dying)
        with pytest.raises(Killed):
            desk.push()
    assert desk.push().left == 0
    assert there(desk, here.number)["AmountDue"] == Decimal("275.00") == balance(desk, here)
    # Deleted there by a person.
    office.credit(over_there, [{"line": 1, "quantity": "0.2"}])
    assert desk.push().left == 0
    assert desk.pull().stopped == ""
    assert there(desk, over_there.number)["AmountCredited"] == 0
    paid = there(desk, over_there.number)["Payments"]
    desk.person("unpay", payment=paid[0]["PaymentID"])
    assert (desk.pull().taken_back, desk.push().left) == (1, 0)
    assert there(desk, over_there.number)["AmountDue"] == Decimal("440.00") == balance(desk, over_there)
    assert desk.pull().drift == 0


def test_what_was_paid_too_much_stays_until_it_is_used(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    first, second = office.issued(party), office.issued(party)
    desk.connect()
    office.pay(first, 60_000)
    outcome = desk.push()
    [left] = outcome.reasons
    assert (left["number"], left["stage"]) == (first.number, "blocked")
    assert left["reason"].startswith("50.00 AUD of this payment is more than was due")
    assert there(desk, first.number)["AmountPaid"] == Decimal("550.00")
    with acting_as(office.identity):
        services.apply_credit(first.pk, second.pk)
    assert desk.push().left == 0
    assert [there(desk, each.number)["AmountDue"] for each in (first, second)] == [0, Decimal("500.00")]
    # Credit of a note that is used where something is due; then the same with money that had been written already.
    office.pay(second, 50_000)
    third = office.issued(party)
    assert desk.push().left == 0
    note = office.credit(first, [{"line": 1, "quantity": "0.5"}])
    assert desk.push().left == 0
    with acting_as(office.identity):
        services.apply_credit(first.pk, third.pk)
    assert desk.push().left == 0
    for document in (first, second, third):
        assert there(desk, document.number)["AmountDue"] == balance(desk, document), document.number
    assert there(desk, note.number)["RemainingCredit"] == 0
    # Too much again, and paid back this time: it never was in Xero, and need not be.
    office.pay(third, 30_000)
    office.pay(third, -2_500)
    assert desk.push().left == 0
    assert (there(desk, third.number)["AmountDue"], balance(desk, third)) == (0, 0)


def test_what_is_written_off_is_a_note_on_the_account_a_person_chose(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    lost = office.issued(party, lines=[line(33_333), line(10_001, "gst_free")])
    office.pay(lost, 7_777)
    desk.connect()
    assert desk.push().left == 0
    with acting_as(office.identity):
        services.write_off(lost.pk, "Gone to sea", now=datetime(2026, 12, 20, tzinfo=UTC))
    [left] = desk.push().reasons
    assert (left["what"], left["stage"], "bad_debts=CODE" in left["reason"]) == ("write_off", "blocked", True)
    with acting_as(office.identity):
        xero_services.set_mapping(office.organisation_id, {"bad_debts": "260"})
    desk.faults.add("lost_reply", platform="xero", path="CreditNotes", probability=0.5)
    for _ in range(12):
        if desk.push().left == 0:
            break
    desk.faults.clear()
    assert desk.push().left == 0
    note, invoice = there(desk, f"{lost.number}-WO"), there(desk, lost.number)
    assert (invoice["Status"], invoice["AmountDue"]) == ("PAID", 0)
    owed = to_major(lost.total - 7_777, "AUD")
    assert (note["Total"], note["Status"], invoice["AmountCredited"]) == (owed, "PAID", owed)
    assert {each["AccountCode"] for each in note["LineItems"]} == {"260"}
    # Of 33.33 tax, what is in the 388.90 of 466.67 that are still owed.
    assert note["TotalTax"] == Decimal("27.78")
    assert balance(desk, lost) == 0


def test_who_and_what_changed_in_xero_is_found_out_and_said(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    first = office.issued(party)
    desk.connect()
    assert desk.push().left == 0
    ours = there(desk, first.number)["Contact"]["ContactID"]
    # Merged into another: it goes on there.
    other = desk.person("contact", fields={"Name": "Mirth and Sons"})["contact"]
    desk.person("merge", contact=ours, into=other)
    second = office.issued(party)
    [left] = desk.push().reasons
    assert "was merged into Mirth and Sons" in left["reason"]
    assert desk.push().left == 0
    assert there(desk, second.number)["Contact"]["ContactID"] == other
    # A number that somebody took while we were about to.
    third = office.issued(party)
    desk.person(
        "write",
        fields={
            "Type": "ACCREC",
            "InvoiceNumber": third.number,
            "Contact": {"ContactID": other},
            "Date": "2026-11-27",
            "DueDate": "2026-12-11",
            "LineItems": [{"Description": "x", "Quantity": 1, "UnitAmount": 1, "AccountCode": "200"}],
        },
    )
    [left] = desk.push().reasons
    assert (left["stage"], "Xero already has" in left["reason"]) == ("conflict", True)
    desk.limits.xero_deleted_numbers_free = True
    desk.person("void", document=third.number)
    # What Xero says without a code is shown in its words, with the way on.
    desk.faults.add("server_error", platform="xero", path="Invoices$", status=400, count=1, after=1)
    [left] = desk.push().reasons
    assert (left["stage"], left["number"]) == ("rejected", third.number)
    assert "tried again by itself, or at once by a push" in left["reason"]
    [intent] = [each for each in desk.intents() if each.stage == "rejected"]
    assert intent.retry_at is not None
    assert timedelta(0) < intent.retry_at - datetime.now(UTC) <= timedelta(minutes=2)
    assert desk.push().left == 0
    assert desk.numbers() == dict.fromkeys([each.number for each in (first, second, third)], 1)


def test_a_write_off_that_is_a_cent_out_is_not_approved_and_made_anew(desk: Desk) -> None:
    office = desk.office
    lost = office.issued(office.party())
    desk.connect()
    assert desk.push().left == 0
    with acting_as(office.identity):
        services.write_off(lost.pk)
        xero_services.set_mapping(office.organisation_id, {"bad_debts": "260"})
    desk.faults.add("cents_out", platform="xero", path="CreditNotes$", count=1, after=1)
    [left] = desk.push().reasons
    assert "Xero came to 550.01 for what was written off, and it is 550.00" in left["reason"]
    assert there(desk, lost.number)["AmountDue"] == Decimal("550.00")
    assert desk.push().left == 0
    assert there(desk, lost.number)["AmountDue"] == 0
    assert desk.numbers()[f"{lost.number}-WO"] == 1
