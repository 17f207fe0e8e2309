"""What somebody changes in Xero is shown with both sides, never taken over, and goes away when both agree again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from housecount.invoices import services
from housecount.tenancy.identity import acting_as
from housecount.xero import copies, wire
from housecount.xero.models import Copy, PartyContact
from tests.xero.desk import Desk, open_desk

pytestmark = pytest.mark.slow
LINE = {
    "Description": "Headline set",
    "Quantity": 1,
    "UnitAmount": 500,
    "AccountCode": "200",
    "TaxType": "OUTPUT",
}


@pytest.fixture
def desk(database: str, plain_paper: None) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


def fields(desk: Desk, number: str | None) -> dict[str, tuple[str, str]]:
    """What differs of a document, after what changed was read."""
    desk.pull()
    return {field: (ours, theirs) for found, field, ours, theirs in desk.drift() if found == number}


def test_each_edit_is_shown_with_both_sides_and_goes_away(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    invoice = office.issued(party)
    row = desk.connect()
    assert desk.push().left == 0
    assert fields(desk, invoice.number) == {}
    with acting_as(office.identity):
        contact = PartyContact.objects.get(organisation_id=office.organisation_id)
    other = desk.person("contact", fields={"Name": "Somebody Else"})["contact"]
    edits: list[tuple[dict[str, Any], dict[str, Any], dict[str, tuple[str, str]]]] = [
        ({"Date": "2026-11-28"}, {"Date": "2026-11-27"}, {"date": ("2026-11-27", "2026-11-28")}),
        ({"DueDate": "2027-01-01"}, {"DueDate": "2026-12-11"}, {"due_date": ("2026-12-11", "2027-01-01")}),
        (
            {"Contact": {"ContactID": other}},
            {"Contact": {"ContactID": contact.contact_id}},
            {
                "contact": (
                    f"Mirth Machine ({contact.contact_id})",
                    f"Somebody Else ({other})",
                )
            },
        ),
        (
            {"LineItems": [{**LINE, "Description": "Two sets"}]},
            {"LineItems": [LINE]},
            {"line 1 description": ("Headline set", "Two sets")},
        ),
        (
            {"LineItems": [{**LINE, "AccountCode": "260"}]},
            {"LineItems": [LINE]},
            {"line 1 account": ("200", "260")},
        ),
        (
            {"LineItems": [{**LINE, "Quantity": 2, "UnitAmount": 250}]},
            {"LineItems": [LINE]},
            {"line 1 quantity": ("1", "2"), "line 1 unit price": ("500", "250")},
        ),
        (
            {"LineItems": [LINE, {**LINE, "UnitAmount": 10}]},
            {"LineItems": [LINE]},
            {
                "subtotal": ("500.00", "510.00"),
                "tax": ("50.00", "51.00"),
                "total": ("550.00", "561.00"),
                "balance": ("550.00", "561.00"),
                "lines": ("1", "2"),
            },
        ),
    ]
    undone: dict[str, Any] = {}
    for edit, undo, expected in edits:
        # Each takes the one before back, and what it had changed is no difference any more.
        desk.person("edit", document=invoice.number, fields={**undone, **edit})
        assert fields(desk, invoice.number) == expected
        undone = undo
    assert fields(desk, invoice.number) == expected
    desk.person("edit", document=invoice.number, fields=undone)
    assert fields(desk, invoice.number) == {}
    before = office.json(invoice)
    assert (before["total"], before["issue_date"], before["status"]) == (55000, "2026-11-27", "issued")
    there = desk.documents()[0]["InvoiceID"]
    desk.person("edit", document=there, fields={"InvoiceNumber": "OTHER-1"})
    assert fields(desk, invoice.number) == {"number": (invoice.number or "", "OTHER-1")}
    desk.person("edit", document=there, fields={"InvoiceNumber": invoice.number})
    desk.person("void", document=there)
    assert fields(desk, invoice.number) == {"status": ("issued", "voided")}
    assert office.json(invoice)["status"] == "issued"
    # Both agree again: it is void here as well.
    with acting_as(office.identity):
        services.void(invoice.pk)
    assert fields(desk, invoice.number) == {}
    assert row.tenant_id


def test_a_merged_contact_is_the_same_and_our_own_doings_are_no_drift(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    invoice, credited = office.issued(party), office.issued(party)
    desk.connect()
    assert desk.push().left == 0
    assert fields(desk, invoice.number) == {}
    old = desk.documents()[0]["Contact"]["ContactID"]
    new = desk.person("contact", fields={"Name": "Mirth, one of two"})["contact"]
    desk.person("merge", contact=old, into=new)
    assert desk.pull(full=True).drift == 0
    with acting_as(office.identity):
        assert PartyContact.objects.get(organisation_id=office.organisation_id).contact_id == new
    # What is recorded here and still to be written is no difference; written, both sides are equal.
    office.pay(invoice, 10000)
    note = office.credit(credited, [{"line": 1, "quantity": "0.5"}])
    desk.person("edit", document=invoice.number, fields={"DueDate": "2027-01-01"})
    assert set(fields(desk, invoice.number)) == {"due_date"}
    desk.person("edit", document=invoice.number, fields={"DueDate": "2026-12-11"})
    assert desk.push().left == 0
    outcome = desk.pull()
    assert (outcome.drift, outcome.payments, desk.drift()) == (0, 0, [])
    with acting_as(office.identity):
        copies = {
            each.document_id: each for each in Copy.objects.filter(organisation_id=office.organisation_id)
        }
    assert {key: each.fields["balance"] for key, each in copies.items()} == {
        invoice.pk: "450.00",
        credited.pk: "275.00",
        note.pk: "0.00",
    }
    assert not any(each.pending for each in copies.values())
    # Credit that a person set against it there is not taken over, and shows in what is left to pay.
    line = {
        "Description": "Goodwill",
        "Quantity": 1,
        "UnitAmount": 10,
        "AccountCode": "200",
        "TaxType": "OUTPUT",
    }
    theirs = desk.person(
        "write",
        fields={
            "Type": "ACCRECCREDIT",
            "Status": "AUTHORISED",
            "Contact": {"ContactID": new},
            "Date": "2026-11-28",
            "LineItems": [line],
        },
    )
    from housecount_sandbox.xero import payments as money

    with desk.world.stage.lock:
        there = next(each for each in desk.tenant.documents.values() if each.number == invoice.number)
        goodwill = desk.tenant.documents[theirs["document"]]
        sent = {"Amount": Decimal(11), "Date": "2026-11-28", "Invoice": {"InvoiceID": there.id}}
        money.allocate(desk.world.xero, desk.tenant, goodwill, sent)
    assert fields(desk, invoice.number) == {"balance": ("450.00", "439.00")}
    # What says the same again is not written again.
    with acting_as(office.identity):
        read_at = {
            each.document_id: each.read_at
            for each in Copy.objects.filter(organisation_id=office.organisation_id)
        }
    desk.pull(full=True)
    with acting_as(office.identity):
        assert read_at == {
            each.document_id: each.read_at
            for each in Copy.objects.filter(organisation_id=office.organisation_id)
        }


@pytest.mark.parametrize("written", ["60", "60.0", "60.00", "6e1"])
def test_an_amount_is_the_same_however_many_zeros_xero_writes(written: str) -> None:
    names = ("SubTotal", "TotalTax", "Total", "AmountDue")
    body = "{" + ",".join(f'"{name}":{written}' for name in names) + "}"
    found = copies.fields_of(msgspec.json.decode(body, type=wire.Document))
    assert {found[name] for name in ("subtotal", "tax", "total", "balance")} == {"60.00"}
    finer = copies.fields_of(msgspec.json.decode('{"Total":60.005}', type=wire.Document))
    assert finer["total"] == "60.005"
