"""Issuing: numbers, the gates as they are met, both parties as they were, one transaction or nothing."""

import hashlib
from datetime import UTC, date, datetime
from typing import Any

import pytest

from housecount.core.errors import HousecountError
from housecount.invoices import files, services
from housecount.invoices.errors import Refused
from housecount.invoices.models import (
    Deduction,
    Document,
    Event,
    Party,
)
from housecount.tenancy.identity import acting_as
from tests.invoices.office import ACT_ABN, OUR_ABN, Json, Office

UNTAXED = [{"description": "Support set", "unit_price": 50000, "tax": "out_of_scope"}]
UNREGISTERED: Json = {"gst_registered_from": None}


@pytest.fixture
def office(database: str) -> Office:
    found = Office()
    found.ourselves()
    return found


def refusal(office: Office, document: Document) -> Refused:
    with pytest.raises(Refused) as refused:
        office.issue(document)
    found = office.json(document)
    assert (found["status"], found["number"], found["sha256"]) == ("draft", None, None)
    return refused.value


# --- What an issued document is -----------------------------------------------------------------------
def test_an_issued_invoice_reads_as_agreed(office: Office) -> None:
    document = office.issued(office.party())
    found = office.json(document)
    assert (found["number"], found["status"], found["payment_status"]) == ("INV-00001", "issued", "unpaid")
    assert (found["net_total"], found["tax_total"], found["total"]) == (50000, 5000, 55000)
    assert (found["paid"], found["credited"], found["balance"], found["overdue"]) == (0, 0, 55000, False)
    with acting_as(office.identity):
        kept = files.stored(document)
        assert kept is not None
        content = bytes(kept.content)
        assert Event.objects.get(organisation_id=office.organisation_id, document=document).what == "issued"
    assert content.startswith(b"%PDF")
    assert hashlib.sha256(content).hexdigest() == found["sha256"] == kept.sha256


def test_both_parties_stay_as_they_were(office: Office) -> None:
    act = office.party()
    document = office.issued(act)
    with acting_as(office.identity):
        services.edit_party(act.pk, {"name": "Renamed", "abn": None, "address": []})
        found = Document.objects.get(organisation_id=office.organisation_id, pk=document.pk)
    assert (found.sender or {})["abn"] == OUR_ABN
    assert (found.recipient or {}) == {
        "party": str(act.pk), "name": "Mirth Machine", "legal_name": "Mirth Machine Pty Ltd", "kind": "company",
        "email": "accounts@mirth.example", "country": "AU", "address": ["1 Laugh Lane", "Fitzroy VIC 3065"],
        "abn": ACT_ABN, "nzbn": "", "vat_number": "", "gst_registered_from": "2020-07-01", "gst_registered_to": None,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["rcti", "payment_statement", "invoice"])
def test_of_what_we_owe_the_act_is_the_sender_in_law(office: Office, plain_paper: None, kind: str) -> None:
    act = office.party(**({} if kind != "payment_statement" else UNREGISTERED))
    agreement = office.agreement(act) if kind == "rcti" else None
    lines = UNTAXED if kind == "payment_statement" else UNTAXED[:1]
    document = office.issued(act, kind=kind, direction="payable", agreement=agreement, lines=lines)
    assert ((document.sender or {})["name"], (document.recipient or {})["name"]) == (
        "Mirth Machine",
        "Laughing Stock",
    )


def test_each_series_counts_for_itself_and_each_organisation_too(office: Office, plain_paper: None) -> None:
    act = office.party()
    agreement = office.agreement(act)
    numbers = [
        office.issued(act).number,
        office.issued(act, kind="rcti", direction="payable", agreement=agreement).number,
        office.issued(act, kind="deposit_invoice", deposit_kind="part_payment").number,
        office.issued(act, direction="payable").number,
        office.issued(act).number,
        office.credit(office.issued(act)).number,
        office.issued(act, kind="adjustment_note").number,
    ]
    assert numbers == [
        "INV-00001", "RCTI-00001", "DEP-00001", "BILL-00001", "INV-00002", "CN-00001", "ADJ-00001",
    ]  # fmt: skip
    other = Office()
    other.ourselves()
    assert other.issued(other.party()).number == "INV-00001"


# --- Gates --------------------------------------------------------------------------------------------
def test_without_an_identity_of_our_own_nothing_is_issued(database: str) -> None:
    office = Office()
    found = refusal(office, office.draft(office.party()))
    assert found.code == "no_identity"
    assert '"self": true' in found.message


def test_an_unregistered_sender_issues_no_tax_invoice(database: str, plain_paper: None) -> None:
    office = Office()
    office.ourselves(**UNREGISTERED)
    act = office.party()
    assert refusal(office, office.draft(act)).code == "supplier_not_registered"
    assert office.issued(act, lines=UNTAXED).tax_total == 0


def test_the_show_has_its_day_where_it_takes_place(database: str, plain_paper: None) -> None:
    """Half past midnight on the 27th in Melbourne is still the 26th in UTC."""
    night = datetime(2026, 11, 26, 13, 30, tzinfo=UTC)
    in_time, late = Office(), Office()
    in_time.ourselves(gst_registered_from="2026-11-27")
    late.ourselves(gst_registered_from="2026-11-28")
    in_time.issued(in_time.party(), show=in_time.show(night), issue_date="2026-11-28")
    draft = late.draft(late.party(), show=late.show(night), issue_date="2026-11-28")
    assert refusal(late, draft).code == "supplier_not_registered_at_show"


@pytest.mark.parametrize(("price", "refused"), [(90908, False), (90909, True)])
def test_the_buyer_is_named_from_a_thousand_dollars(
    office: Office, plain_paper: None, price: int, refused: bool
) -> None:
    """999.99 and 1,000.00 with tax."""
    nameless = office.party(abn=None, address=None)
    draft = office.draft(nameless, lines=[{"description": "Hire", "unit_price": price}])
    assert draft.total == (100000 if refused else 99999)
    if refused:
        assert refusal(office, draft).code == "buyer_not_named"
    else:
        office.issue(draft)


def test_an_rcti_passes_only_with_everything_in_order(office: Office, plain_paper: None) -> None:
    """Door share at 2,000.00 with GST: one line of 1,818.18."""
    act = office.party()
    data: Json = {
        "kind": "rcti",
        "direction": "payable",
        "lines": [{"description": "Door share", "unit_price": 181818}],
    }
    draft = office.draft(act, **data)
    assert (draft.tax_total, draft.total) == (18182, 200000)
    assert refusal(office, draft).code == "agreement_missing"
    expired = office.agreement(act, **{"from": "2025-01-01", "to": "2025-12-31"})
    assert refusal(office, office.draft(act, **data, agreement=expired)).code == "agreement_not_current"
    of_another = office.agreement(office.party(name="Other"))
    assert refusal(office, office.draft(act, **data, agreement=of_another)).code == "agreement_of_another"
    issued = office.issued(act, **data, agreement=office.agreement(act))
    assert issued.number == "RCTI-00001"
    assert services.rcti_copy_by(issued) == date(2026, 12, 25)


def test_an_unregistered_act_gets_a_payment_statement(office: Office, plain_paper: None) -> None:
    act = office.party(**UNREGISTERED)
    agreement = office.agreement(act)
    rcti = office.draft(act, kind="rcti", direction="payable", agreement=agreement)
    assert refusal(office, rcti).code == "supplier_not_registered"
    assert "payment statement" in refusal(office, rcti).message
    statement = office.draft(act, kind="payment_statement", direction="payable")
    assert refusal(office, statement).code == "tax_on_payment_statement"
    assert office.issued(act, kind="payment_statement", direction="payable", lines=UNTAXED).total == 50000
    registered = office.party(name="Registered")
    draft = office.draft(registered, kind="payment_statement", direction="payable", lines=UNTAXED)
    assert refusal(office, draft).code == "supplier_registered"


def test_no_rcti_beside_the_acts_own_invoice_for_the_show(office: Office, plain_paper: None) -> None:
    act, show = office.party(), office.show()
    rcti: Json = {"kind": "rcti", "direction": "payable", "agreement": office.agreement(act), "show": show}
    bill = office.issued(act, direction="payable", show=show, reference="A-17")
    found = refusal(office, office.draft(act, **rcti))
    assert found.code == "supplier_invoice_on_file"
    assert "A-17" in found.message
    with acting_as(office.identity):
        services.void(bill.pk, "Sent by mistake")
    office.issued(act, **rcti)
    office.issued(act, **{**rcti, "show": None})


def test_a_deposit_says_what_it_is(office: Office, plain_paper: None) -> None:
    act = office.party()
    assert refusal(office, office.draft(act, kind="deposit_invoice")).code == "deposit_kind_missing"
    taxed = office.draft(act, kind="deposit_invoice", deposit_kind="security")
    assert refusal(office, taxed).code == "tax_on_security"
    office.issued(act, kind="deposit_invoice", deposit_kind="security", lines=UNTAXED)
    office.issued(act, kind="deposit_invoice", deposit_kind="part_payment")


def test_a_rate_that_changed_since_the_draft_is_not_used(database: str, plain_paper: None) -> None:
    office = Office()
    draft = office.draft(office.party(), lines=[{"description": "Hire", "unit_price": 100}])
    office.ourselves(country="NZ", nzbn="9429033591476")
    assert refusal(office, draft).code == "tax_rate_changed"
    with acting_as(office.identity):
        services.edit(draft.pk, {"reference": "saved again"})
    assert office.issue(draft).tax_total == 15


# --- Withholding --------------------------------------------------------------------------------------
def owed(office: Office, party: Party, price: int, **more: Any) -> int:
    lines = [{"description": "Spot", "unit_price": price, "tax": "out_of_scope"}]
    data = {"kind": "payment_statement", "direction": "payable", "lines": lines, **more}
    return office.issued(party, **data).withheld


def test_tax_is_withheld_from_an_act_without_an_abn(office: Office, plain_paper: None) -> None:
    act = office.party(abn=None, **UNREGISTERED)
    assert owed(office, act, 50000) == 23500
    assert owed(office, act, 7500) == 0
    assert owed(office, act, 7501) == 3525
    assert owed(office, office.party(name="With ABN", **UNREGISTERED), 50000) == 0


def test_splitting_a_payment_gains_nothing(office: Office, plain_paper: None) -> None:
    act, show, other = office.party(abn=None, **UNREGISTERED), office.show(), office.show()
    assert owed(office, act, 5000, show=show) == 0
    assert owed(office, act, 5000, show=other) == 0
    assert owed(office, act, 5000, show=show) == 2350
    assert owed(office, act, 5000, reference="Run 7") == 0
    assert owed(office, act, 5000, reference="Run 7") == 2350


def test_an_exception_counts_with_its_evidence(office: Office, plain_paper: None) -> None:
    hobby = office.party(abn=None, abn_exception="hobby", **UNREGISTERED)
    assert owed(office, hobby, 50000) == 23500
    with acting_as(office.identity):
        services.edit_party(hobby.pk, {"abn_exception_on": "2026-11-01"})
    assert owed(office, hobby, 50000) == 0
    minor = office.party(
        name="Young", abn=None, abn_exception="under_18", abn_exception_on="2026-11-01", **UNREGISTERED
    )
    assert owed(office, minor, 30000) == 0
    assert owed(office, minor, 10000) == 4700, "together more than 350.00 in that week"
    assert owed(office, minor, 30000, issue_date="2026-12-07", due_date=None) == 0


def test_a_kiwi_without_an_abn_is_not_withheld_from(office: Office, plain_paper: None) -> None:
    kiwi = office.party(abn=None, country="NZ", **UNREGISTERED)
    assert owed(office, kiwi, 50000) == 0


# --- Deposits -----------------------------------------------------------------------------------------
def deposit(office: Office, party: Party, **more: Any) -> Document:
    data = {"kind": "deposit_invoice", "deposit_kind": "part_payment", "price_mode": "inclusive",
            "lines": [{"description": "Deposit", "unit_price": 55000}], **more}  # fmt: skip
    return office.issued(party, **data)


def final(office: Office, party: Party, *deposits: Document) -> Document:
    lines = [{"description": "Hire of the room", "unit_price": 220000}]
    return office.draft(
        party, price_mode="inclusive", lines=lines, deposits=[str(each.pk) for each in deposits]
    )


def test_the_final_invoice_shows_the_full_value_less_the_deposit_received(office: Office) -> None:
    act = office.party()
    down = deposit(office, act)
    assert (down.tax_total, down.total) == (5000, 55000)
    office.pay(down, 55000)
    document = office.issue(final(office, act, down))
    found = office.json(document)
    assert (found["total"], found["tax_total"], found["prepaid"], found["balance"]) == (
        220000,
        20000,
        55000,
        165000,
    )
    assert (found["paid"], found["payment_status"]) == (55000, "part_paid")
    assert found["deposits"] == [{"document": str(down.pk), "number": "DEP-00001", "amount": 55000}]
    with acting_as(office.identity):
        [row] = Deduction.objects.filter(organisation_id=office.organisation_id)
    assert down.tax_total + document.tax_total - row.tax_amount == 20000, "GST once"
    office.pay(document, 165000)
    assert office.json(document)["payment_status"] == "paid"


def test_a_security_deposit_leaves_the_whole_tax_to_the_final_invoice(
    office: Office, plain_paper: None
) -> None:
    act = office.party()
    down = deposit(
        office, act, deposit_kind="security", lines=[{"description": "Security", "unit_price": 55000}]
    )
    assert (down.tax_total, down.total) == (0, 55000)
    office.pay(down, 55000)
    document = office.issue(final(office, act, down))
    with acting_as(office.identity):
        [row] = Deduction.objects.filter(organisation_id=office.organisation_id, document=document)
    assert (row.amount, row.tax_amount, document.tax_total) == (55000, 0, 20000)


def test_only_what_was_received_is_deducted_and_only_once(office: Office, plain_paper: None) -> None:
    act = office.party()
    unpaid, partly = deposit(office, act), deposit(office, act)
    office.pay(partly, 20000)
    document = office.issue(final(office, act, unpaid, partly))
    found = office.json(document)
    assert [(each["number"], each["amount"]) for each in found["deposits"]] == [("DEP-00002", 20000)]
    assert found["balance"] == 200000
    again = office.issue(final(office, act, partly))
    assert office.json(again)["prepaid"] == 0
    office.pay(partly, 35000)
    third = office.issue(final(office, act, partly))
    assert office.json(third)["prepaid"] == 35000
    with acting_as(office.identity):
        services.void(third.pk)
    assert office.json(office.issue(final(office, act, partly)))["prepaid"] == 35000, "a void one frees it"


def test_a_deposit_larger_than_the_rest_leaves_nothing_to_pay(office: Office, plain_paper: None) -> None:
    act = office.party()
    down = deposit(office, act)
    office.pay(down, 55000)
    small = office.draft(act, lines=[{"description": "Hire", "unit_price": 10000}], deposits=[str(down.pk)])
    found = office.json(office.issue(small))
    assert (found["prepaid"], found["balance"], found["payment_status"]) == (11000, 0, "paid")


def test_a_deposit_is_of_the_same_party_and_of_its_kind(office: Office, plain_paper: None) -> None:
    act = office.party()
    down, other = deposit(office, act), office.party(name="Other")
    with pytest.raises(HousecountError, match="another party"):
        final(office, other, down)
    with pytest.raises(HousecountError, match="not a deposit invoice"):
        final(office, act, office.issued(act))


def test_what_a_deposit_was_deducted_from_holds_it(office: Office, plain_paper: None) -> None:
    act = office.party()
    down = deposit(office, act)
    office.pay(down, 55000)
    office.issue(final(office, act, down))
    for act_on in (
        lambda: office.credit(down),
        lambda: office.pay(down, -1),
    ):
        with pytest.raises(HousecountError) as refused:
            act_on()
        assert refused.value.code == "deposit_deducted"


def test_an_rcti_takes_the_agreement_that_is_on_file(office: Office, plain_paper: None) -> None:
    act = office.party()
    office.agreement(act, **{"from": "2025-01-01", "to": "2025-12-31"})
    data: Json = {"kind": "rcti", "direction": "payable"}
    assert refusal(office, office.draft(act, **data)).code == "agreement_missing", "it held last year only"
    current = office.agreement(act)
    office.agreement(office.party(name="Other"))
    assert str(office.issued(act, **data).agreement_id) == current
