"""What we issued is in Xero, once, to the cent."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from housecount.invoices import exports, files, services
from housecount.invoices.models import Document
from housecount.tenancy.identity import acting_as
from housecount.xero import queries
from housecount.xero.errors import Busy
from housecount.xero.models import Stage
from tests.xero.desk import Desk, open_desk
from tests.xero.killing import Killed, kill_at

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(database: str, plain_paper: None) -> Iterator[Desk]:
    with open_desk() as found:
        yield found


def test_documents_credits_and_payments_are_written(desk: Desk) -> None:
    office = desk.office
    party = office.party()
    invoice = office.issued(party)
    office.agreement(party)
    bill = office.issued(party, kind="rcti", direction="payable", show=office.show())
    office.pay(invoice, 20000)
    with acting_as(office.identity):
        note = services.credit(invoice.pk, [{"line": 1, "quantity": "0.5"}])
        pdf = files.stored(bill)
    desk.connect()
    outcome = desk.push()
    assert (outcome.left, outcome.stopped, outcome.reasons) == (0, "", [])
    assert outcome.done == 5
    by_number = {each.get("InvoiceNumber") or each["CreditNoteNumber"]: each for each in desk.documents()}
    assert set(by_number) == {invoice.number, bill.number, note.number}
    ours, theirs, credit = by_number[invoice.number], by_number[bill.number], by_number[note.number]
    assert (ours["Type"], theirs["Type"], credit["Type"]) == ("ACCREC", "ACCPAY", "ACCRECCREDIT")
    assert (ours["Total"], ours["TotalTax"], ours["AmountPaid"], ours["AmountCredited"]) == (
        Decimal("550.00"),
        Decimal("50.00"),
        Decimal("200.00"),
        Decimal("275.00"),
    )
    assert (theirs["Status"], credit["Status"]) == ("AUTHORISED", "PAID")
    assert pdf is not None
    assert theirs["Files"] == {f"{bill.number}.pdf": hashlib.sha256(bytes(pdf.content)).hexdigest()}
    (contact,) = desk.books()["Contacts"]
    assert (contact["ContactNumber"], contact["TaxNumber"]) == (f"hc-{party.pk}", party.abn)
    # Again is nothing, and says so.
    again = desk.push()
    assert (again.done, again.left) == (0, 0)
    assert desk.numbers() == {invoice.number: 1, bill.number: 1, note.number: 1}
    with acting_as(office.identity):
        marked = queries.mark(office.organisation_id, invoice.pk)
        told = queries.history(office.organisation_id, invoice.pk)
        table = list(
            csv.DictReader(
                b"".join(exports.to_csv(exports.documents_table([invoice]))).decode("utf-8-sig").splitlines()
            )
        )
    assert marked is not None
    assert marked["url"].endswith(ours["InvoiceID"])
    # In a spreadsheet too.
    assert [(row["Xero"], row["In Xero at"]) for row in table] == [("done", marked["url"])]
    assert ("PUT /Invoices", "200") in [(each["step"], each["outcome"]) for each in told]


def test_killed_at_every_step_everything_is_there_once(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    desk.connect()
    made: list[Document] = []
    count, killed, longest = 0, True, 0
    while killed:
        count += 1
        invoice = office.issued(party)
        office.pay(invoice, 1000)
        made.append(invoice)
        if count % 4 == 1:
            made.append(office.credit(invoice, [{"line": 1, "quantity": "0.1"}]))
        with pytest.MonkeyPatch.context() as patch:
            # Killed after a call nobody knows that it was done: that is where doubles come from.
            calls = kill_at(patch, count, after=count % 5 != 0, writes_only=True)
            try:
                outcome = desk.push()
                killed = False
            except Killed:
                longest = max(longest, len(calls))
    # What each left was finished by the one after it.
    assert (outcome.left, outcome.stopped) == (0, ""), outcome.reasons
    assert longest >= 8
    assert desk.numbers() == dict.fromkeys([each.number for each in made], 1)
    credited = {each.credits_id for each in made}
    there = {each["InvoiceNumber"]: each for each in desk.documents() if each["Type"] == "ACCREC"}
    for ours in (each for each in made if each.credits_id is None):
        assert there[ours.number]["AmountPaid"] == Decimal("10.00")
        assert there[ours.number]["AmountCredited"] == (Decimal("55.00") if ours.pk in credited else 0)
    assert len(desk.books()["Contacts"]) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lost_reply"},
        {"kind": "lost_reply", "mode": "error", "status": 503},
        {"kind": "server_error", "status": 503},
        {"kind": "html"},
        {"kind": "truncate", "mode": "length"},
        {"kind": "unknown_value"},
    ],
)
def test_whatever_breaks_off_each_document_is_there_once(desk: Desk, fault: dict[str, Any]) -> None:
    office, party = desk.office, desk.office.party()
    bills = [office.issued(party, direction="payable", agreement=None) for _ in range(2)]
    invoice = office.issued(party)
    office.pay(invoice, 5000)
    desk.connect()
    struck = desk.faults.add(**fault, platform="xero", path="Invoices|Payments", probability=0.35)
    for _ in range(12):
        if desk.push().left == 0:
            break
    desk.faults.clear()
    last = desk.push()
    assert (last.left, last.stopped) == (0, "")
    assert struck.struck > 0
    assert desk.numbers() == dict.fromkeys([each.number for each in (*bills, invoice)], 1)
    (paid,) = [each for each in desk.documents() if each["Type"] == "ACCREC"]
    assert paid["AmountPaid"] == Decimal("50.00")
    assert {each["Status"] for each in desk.documents()} == {"AUTHORISED"}


def test_a_payment_that_was_made_and_called_a_failure_is_found_again(desk: Desk) -> None:
    """A key would not help: it replays the failure, so that another one is used."""
    office = desk.office
    invoice = office.issued(office.party())
    desk.connect()
    assert desk.push().left == 0
    office.pay(invoice, 5000)
    # The list is read first, then the payment is made.
    lost = desk.faults.add(
        "lost_reply", mode="error", status=503, platform="xero", path="Payments$", after=1, count=1
    )
    assert desk.push().left == 0
    assert lost.struck == 1
    assert [each["Amount"] for each in desk.books()["Payments"]] == [Decimal("50.00")]


def test_a_cent_that_differs_is_not_approved_and_both_figures_are_shown(desk: Desk) -> None:
    invoice = desk.office.issued(desk.office.party())
    desk.connect()
    desk.faults.add("cents_out", platform="xero", path="Invoices$", count=1, after=1)
    outcome = desk.push()
    assert outcome.left == 1
    (left,) = outcome.reasons
    assert left["stage"] == "differs"
    assert "ours 50.00, Xero's 50.01" in left["reason"]
    assert desk.documents() == []
    assert desk.push().left == 0
    (there,) = desk.documents()
    assert (there["InvoiceNumber"], there["Status"]) == (invoice.number, "AUTHORISED")


def test_what_is_there_already_is_taken_for_ours_or_left_alone(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    same, other = office.issued(party), office.issued(party)
    row = desk.connect()
    contact = desk.person("contact", fields={"Name": "Mirth", "TaxNumber": "51 824 753 556"})["contact"]
    line = {"Description": "By hand", "Quantity": 1, "AccountCode": "200", "TaxType": "OUTPUT"}
    for document, amount in ((same, 500), (other, 499)):
        fields = {
            "Type": "ACCREC",
            "InvoiceNumber": document.number,
            "Contact": {"ContactID": contact},
            "Date": "2026-11-27",
            "DueDate": "2026-12-11",
            "LineItems": [{**line, "UnitAmount": amount}],
        }
        desk.person("write", fields=fields)
    outcome = desk.push()
    (left,) = outcome.reasons
    assert (left["number"], left["stage"]) == (other.number, "conflict")
    assert "total: ours 550.00, Xero's 548.90" in left["reason"]
    assert desk.numbers() == {same.number: 1, other.number: 1}
    assert {each["InvoiceNumber"]: each["Status"] for each in desk.documents()} == {
        same.number: "AUTHORISED",
        other.number: "DRAFT",
    }
    assert row.tenant_id == desk.tenant.organisation_id


def test_a_contact_is_never_chosen_by_its_name(desk: Desk) -> None:
    office = desk.office
    by_mail = office.party(name="By Mail", abn="", email="Only@mail.example")
    by_name = office.party(name="Same Name", abn="", email="new@mail.example")
    twice = office.party(name="Twice", abn="47555222000", email="")
    desk.connect()
    mail = desk.person("contact", fields={"Name": "M", "EmailAddress": "only@MAIL.example"})["contact"]
    merged = desk.person("contact", fields={"Name": "Old"})["contact"]
    desk.person("merge", contact=merged, into=mail)
    named = desk.person("contact", fields={"Name": "same name"})["contact"]
    for name in ("One", "Two"):
        desk.person("contact", fields={"Name": name, "TaxNumber": "47555222000"})
    documents = [office.issued(party) for party in (by_mail, by_name, twice)]
    outcome = desk.push()
    assert [each["number"] for each in outcome.reasons] == [each.number for each in documents[1:]]
    assert ["only the name" in outcome.reasons[0]["reason"], "Several" in outcome.reasons[1]["reason"]] == [
        True,
        True,
    ]
    (there,) = desk.documents()
    assert there["Contact"]["ContactID"] == mail
    import asyncio

    from housecount.xero import services as xero_services

    say = xero_services.say_contact
    assert asyncio.run(say(office.organisation_id, by_name.pk, named)) == named
    fresh = asyncio.run(say(office.organisation_id, twice.pk, None))
    assert asyncio.run(say(office.organisation_id, twice.pk, None)) == fresh
    assert desk.push().left == 0
    assert {each["Contact"]["ContactID"] for each in desk.documents()} == {mail, named, fresh}


def test_what_xero_would_refuse_is_told_and_goes_on_when_it_is_mended(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    office.issued(party)
    desk.connect()
    desk.person("lock", period="2026-11-27")
    assert "locked up to 2026-11-27" in desk.push().reasons[0]["reason"]
    desk.person("lock")
    desk.person("tax_rate", tax_type="OUTPUT", rate=12.5)
    assert "is 12.5 %, and the document was issued at 10 %" in desk.push().reasons[0]["reason"]
    desk.person("tax_rate", tax_type="OUTPUT", rate=10)
    desk.person("account", account="200")
    assert "no active account 200" in desk.push().reasons[0]["reason"]
    desk.person("account", account="200", status="ACTIVE")
    # Xero's own refusal, and its error that it keeps for six minutes under the same key.
    contact = desk.person("contact", fields={"Name": "Gone", "ContactNumber": f"hc-{party.pk}"})["contact"]
    desk.person("archive", contact=contact)
    assert "archived" in desk.push().reasons[0]["reason"]
    desk.person("archive", contact=contact, archived=False)
    assert desk.push().left == 0
    second = office.issued(party)
    desk.person("archive", contact=contact)
    refused = desk.push()
    assert [(each["stage"], "archived" in each["reason"]) for each in refused.reasons] == [("blocked", True)]
    desk.person("archive", contact=contact, archived=False)
    assert desk.push().left == 0
    assert desk.numbers()[second.number or ""] == 1


def test_limits_park_it_and_say_until_when(desk: Desk) -> None:
    desk.office.issued(desk.office.party())
    desk.connect()
    desk.limits.xero_per_day = 1
    outcome = desk.push()
    assert (outcome.left, outcome.resumes_at is not None) == (1, True)
    assert "today" in outcome.stopped or "limits" in outcome.stopped
    parked = desk.status()["parked_until"]
    assert parked > datetime.now(UTC) + timedelta(seconds=1)
    before = desk.sandbox.requests("xero").total()
    assert desk.push().resumes_at == parked
    assert desk.sandbox.requests("xero").total() == before


def test_a_revoked_consent_is_said_and_loses_nothing(desk: Desk) -> None:
    invoice = desk.office.issued(desk.office.party())
    desk.connect()
    desk.person("app", app=desk.app.client_id, revoked=True)
    outcome = desk.push()
    assert (outcome.left, "Connect again" in outcome.stopped or "connect again" in outcome.stopped) == (
        1,
        True,
    )
    assert desk.status()["state"] == "needs_reconnect"
    desk.person("app", app=desk.app.client_id, revoked=False)
    desk.connect()
    assert desk.push().left == 0
    assert desk.numbers() == {invoice.number: 1}


def test_a_void_is_a_void_there_too_and_two_pushes_never_mix(desk: Desk) -> None:
    office, party = desk.office, desk.office.party()
    written, unwritten = office.issued(party), office.issued(party)
    with acting_as(office.identity):
        services.void(unwritten.pk)
    desk.connect()
    assert desk.push().done == 1
    # One that is held up, and void before it can go on, never comes into being there.
    held_up = office.issued(party)
    desk.person("lock", period="2026-11-27")
    assert desk.push().left == 1
    with acting_as(office.identity):
        services.void(written.pk)
        services.void(held_up.pk)
    desk.person("lock")
    assert desk.push().left == 0
    assert [each["Status"] for each in desk.books()["Documents"]] == ["VOIDED"]
    assert {each.stage for each in desk.intents()} == {Stage.DONE}

    import asyncio

    from housecount.sync.lock import account_lock

    key = desk.row().pk

    async def while_another_writes() -> None:
        from housecount.xero import services as xero_services

        async with account_lock(key, wait=0.0):
            await xero_services.push(office.organisation_id)

    with pytest.raises(Busy):
        asyncio.run(while_another_writes())


def test_a_failure_to_make_a_contact_is_not_repeated_for_minutes(desk: Desk) -> None:
    """Xero answers a used key with what it answered first, errors too: nobody waits for it to forget."""
    office = desk.office
    before, after = (
        office.issued(
            office.party(
                name=name,
                abn="",
                email=f"{name}@a.example",
                gst_registered_from=None,
            ),
            lines=[{"description": "x", "quantity": "1", "unit_price": 100, "tax": "out_of_scope"}],
        )
        for name in ("before", "after")
    )
    desk.connect()
    desk.faults.add("server_error", platform="xero", path="Contacts$", status=503, after=1, count=1)
    assert desk.push().left == 0
    # Made, and called a failure: found by its number, and not made again.
    third = office.party(name="third", abn="", email="third@a.example", gst_registered_from=None)
    made = office.issued(
        third, lines=[{"description": "x", "quantity": "1", "unit_price": 100, "tax": "out_of_scope"}]
    )
    desk.faults.add(
        "lost_reply", mode="error", platform="xero", path="Contacts$", status=500, after=1, count=1
    )
    assert desk.push().left == 0
    assert desk.numbers() == dict.fromkeys([each.number for each in (before, after, made)], 1)
    assert sorted(each["Name"] for each in desk.books()["Contacts"]) == ["after", "before", "third"]
