"""Xero's contacts, documents, payments and files, as a client meets them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from housecount_sandbox.xero.hooks import signature
from tests.sandbox.conftest import Running
from tests.sandbox.xero_client import XeroDesk


@pytest.fixture
def desk(empty: Running) -> XeroDesk:
    empty.world.limits.xero_per_minute = 0
    return XeroDesk(empty.sandbox, empty.clock)


def do(desk: XeroDesk, verb: str, **what: Any) -> dict[str, Any]:
    """Something a person does in Xero, over the control API."""
    body = json.dumps({"do": f"xero_{verb}", **what}).encode()
    reply = desk.raw("POST", "/_sandbox/happenings", body)
    assert reply.status == 200, reply.body
    made: dict[str, Any] = reply.json[0]
    return made


def sums(row: dict[str, Any]) -> tuple[str, str, str]:
    return str(row["SubTotal"]), str(row["TotalTax"]), str(row["Total"])


# Settings


def test_an_organisation_tells_its_country_taxes_and_locks(desk: XeroDesk) -> None:
    do(desk, "lock", period="2026-09-30")
    (row,) = desk.call("GET", "Organisation").json["Organisations"]
    assert (row["CountryCode"], row["BaseCurrency"], row["Version"]) == ("AU", "AUD", "AU")
    assert row["PeriodLockDate"] == "/Date(1790726400000+0000)/"
    rates = {each["TaxType"]: each for each in desk.call("GET", "TaxRates").json["TaxRates"]}
    assert rates["OUTPUT"]["EffectiveRate"] == 10
    assert (rates["OUTPUT"]["CanApplyToRevenue"], rates["OUTPUT"]["CanApplyToExpenses"]) == (True, False)
    chart = {each["Code"]: each for each in desk.call("GET", "Accounts").json["Accounts"]}
    assert (chart["090"]["Type"], chart["860"]["SystemAccount"]) == ("BANK", "ROUNDING")
    assert (chart["881"]["EnablePaymentsToAccount"], chart["200"]["Class"]) == (True, "REVENUE")


# Contacts


def test_contacts_are_unique_found_merged_and_archived(desk: XeroDesk) -> None:
    first = desk.made("Contacts", {"Name": "Ada Vale", "ContactNumber": "hc-1", "TaxNumber": "51824753556"})
    assert "already assigned" in desk.errors("Contacts", {"Name": "ada vale"})
    assert "already assigned" in desk.errors("Contacts", {"Name": "Other", "ContactNumber": "hc-1"})
    assert "US" in desk.errors("Contacts", {"Name": "Other", "TaxNumberType": "ABN"})
    assert "letters only" in desk.errors(
        "Contacts", {"Name": "Other", "Addresses": [{"AddressType": "STREET", "Country": "AU1"}]}
    )
    # POST matches by number, then by name.
    same = desk.made("Contacts", {"ContactNumber": "hc-1", "EmailAddress": "ada@example.com"}, "POST")
    also = desk.made("Contacts", {"Name": "Ada Vale", "FirstName": "Ada"}, "POST")
    assert same["ContactID"] == also["ContactID"] == first["ContactID"]
    assert desk.call("GET", "Contacts/hc-1").json["Contacts"][0]["EmailAddress"] == "ada@example.com"
    assert desk.call("GET", "Contacts", query={"searchTerm": "ada@"}).json["Contacts"] != []
    assert desk.call("GET", "Contacts", query={"searchTerm": "51824753556"}).json["Contacts"] == []
    second = desk.made("Contacts", {"Name": "Ada V."})
    do(desk, "merge", contact=second["ContactID"], into=first["ContactID"])
    gone = desk.call("GET", f"Contacts/{second['ContactID']}").json["Contacts"][0]
    assert (gone["ContactStatus"], gone["MergedToContactID"]) == ("ARCHIVED", first["ContactID"])
    every = desk.call("GET", "Contacts", query={"includeArchived": "true"}).json["Contacts"]
    assert [("MergedToContactID" in row) for row in every] == [False, False]
    assert [row["Name"] for row in desk.call("GET", "Contacts").json["Contacts"]] == ["Ada Vale"]
    do(desk, "archive", contact=first["ContactID"])
    document = {"Type": "ACCREC", "Contact": {"ContactID": second["ContactID"]}, "LineItems": []}
    assert "archived" in desk.errors("Invoices", document)


# Arithmetic


def test_tax_is_rounded_on_every_line(empty: Running) -> None:
    desk = XeroDesk(empty.sandbox, empty.clock, "NZ")
    row = desk.made("Invoices", desk.invoice(("1", "25.06"), ("1", "25.61"), ("1", "25.63")))
    assert [str(line["TaxAmount"]) for line in row["LineItems"]] == ["3.76", "3.84", "3.84"]
    assert sums(row) == ("76.30", "11.44", "87.74")


def test_unit_amounts_have_two_decimals_or_four(desk: XeroDesk) -> None:
    body = {"Invoices": [desk.invoice(("7", "12.3457"))]}
    four = desk.call("PUT", "Invoices", body, {"unitdp": "4"}).json["Invoices"][0]
    two = desk.call("PUT", "Invoices", body).json["Invoices"][0]
    assert (str(four["SubTotal"]), str(two["SubTotal"])) == ("86.42", "86.45")
    seen = desk.call("GET", f"Invoices/{four['InvoiceID']}").json["Invoices"][0]["LineItems"][0]
    assert str(seen["UnitAmount"]) == "12.35"


def test_inclusive_no_tax_overrides_and_a_cent_that_is_wrong(desk: XeroDesk) -> None:
    inclusive = desk.made("Invoices", desk.invoice(("1", "60.00"), LineAmountTypes="Inclusive", Total=1))
    assert sums(inclusive) == ("54.55", "5.45", "60.00")
    free = desk.made("Invoices", desk.invoice(("1", "60.00"), LineAmountTypes="NoTax"))
    assert sums(free) == ("60.00", "0.00", "60.00")
    sent = desk.invoice(("1", "60.00"))
    sent["LineItems"][0]["TaxAmount"] = Decimal("6.01")
    assert sums(desk.made("Invoices", sent)) == ("60.00", "6.01", "66.01")
    desk.faults.add("cents_out", platform="xero", rows=-1, count=1)
    assert sums(desk.made("Invoices", desk.invoice(("1", "60.00")))) == ("60.00", "5.99", "65.99")
    assert sums(desk.made("Invoices", desk.invoice(("-1", "60.05")))) == ("-60.05", "-6.01", "-66.06")


# What is refused


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"InvoiceNumber": "x" * 256}, "at most 255"),
        ({"Type": "ACCRECCREDIT"}, "valid Type"),
        ({"Contact": {"ContactID": "nobody"}}, "could not be found"),
        ({"Date": "the other day"}, "not a date"),
        ({"Date": "2026-06-30"}, "lock date"),
        ({"Status": "PAID"}, "cannot be PAID"),
        ({"CurrencyCode": "USD"}, "currency"),
        ({"Status": "AUTHORISED", "DueDate": None}, "due date"),
        ({"Status": "AUTHORISED", "LineItems": []}, "line items"),
        ({"line": {"AccountCode": "999"}}, "Account code '999'"),
        ({"line": {"AccountCode": "090"}}, "cannot be used on a document"),
        ({"line": {"TaxType": "GST10"}}, "TaxType code 'GST10'"),
        ({"line": {"TaxType": "INPUT"}}, "cannot be used with account code '200'"),
        ({"line": {"UnitAmount": "100.00"}}, "must be a number"),
        ({"line": {"Description": ""}}, "description"),
        ({"line": {"Tracking": [{}, {}, {}]}}, "at most two"),
        (
            {"Type": "ACCPAY", "line": {"AccountCode": "310", "TaxType": "INPUT", "DiscountRate": 5}},
            "Discounts",
        ),
        (
            {"Type": "ACCPAY", "Reference": "x", "line": {"AccountCode": "310", "TaxType": "INPUT"}},
            "Reference",
        ),
    ],
)
def test_documents_that_are_refused(desk: XeroDesk, change: dict[str, Any], said: str) -> None:
    do(desk, "lock", period="2026-06-30")
    sent = desk.invoice() | {name: value for name, value in change.items() if name != "line"}
    for line in sent["LineItems"]:
        line.update(change.get("line", {}))
    assert said in desk.errors("Invoices", sent)
    whole = desk.call("PUT", "Invoices", {"Invoices": [sent]})
    assert (whole.status, whole.json["ErrorNumber"]) == (400, 10)
    (element,) = whole.json["Elements"]
    assert said in json.dumps(element["ValidationErrors"])
    if "line" in change and "Reference" not in change:
        assert said in json.dumps(element["LineItems"][0]["ValidationErrors"])
    assert desk.tenant.documents == {}


def test_a_batch_tells_good_from_bad_only_when_asked(desk: XeroDesk) -> None:
    good, bad = desk.invoice(InvoiceNumber="I-1"), desk.invoice(Status="VOIDED")
    reply = desk.call("PUT", "Invoices", [good, bad], {"summarizeErrors": "false"})
    assert [row["StatusAttributeString"] for row in reply.json["Invoices"]] == ["OK", "ERROR"]
    assert desk.call("PUT", "Invoices", b"<Invoices/>").status == 400
    assert desk.call("PUT", "Invoices", {"Invoices": []}).json["ErrorNumber"] == 14
    assert desk.call("GET", "Invoices/nothing").status == 404
    assert desk.call("GET", "Nowhere").status == 404


# Numbers and steps


def test_numbers_of_sales_are_unique_and_those_of_bills_are_not(desk: XeroDesk) -> None:
    sale = desk.made("Invoices", desk.invoice(InvoiceNumber="INV-0001"))
    assert desk.made("Invoices", desk.invoice())["InvoiceNumber"] == "INV-0002"
    assert "must be unique" in desk.errors("Invoices", desk.invoice(InvoiceNumber="INV-0001"))
    bills = [desk.made("Invoices", desk.invoice(kind="ACCPAY", InvoiceNumber="R-1")) for _ in range(2)]
    assert bills[0]["InvoiceID"] != bills[1]["InvoiceID"]
    # POST finds a sale by its number and makes another bill.
    changed = desk.made("Invoices", desk.invoice(("2", "10.00"), InvoiceNumber="INV-0001"), "POST")
    assert (changed["InvoiceID"], str(changed["Total"])) == (sale["InvoiceID"], "22.00")
    desk.made("Invoices", desk.invoice(kind="ACCPAY", InvoiceNumber="R-1"), "POST")
    found = desk.call("GET", "Invoices", query={"InvoiceNumbers": "R-1,INV-0001"}).json["Invoices"]
    assert len(found) == 4
    desk.limits.xero_numbers_find_bills = False
    assert len(desk.call("GET", "Invoices", query={"InvoiceNumbers": "R-1,INV-0001"}).json["Invoices"]) == 1
    assert desk.call("GET", "Invoices/INV-0001").json["Invoices"][0]["InvoiceID"] == sale["InvoiceID"]
    desk.made(f"Invoices/{sale['InvoiceID']}", {"Status": "DELETED"}, "POST")
    assert "must be unique" in desk.errors("Invoices", desk.invoice(InvoiceNumber="INV-0001"))


def step(desk: XeroDesk, identity: str, status: str, **fields: Any) -> str:
    """Ask for a status; "" or what Xero says against it."""
    reply = desk.call(
        "POST", f"Invoices/{identity}", {"Status": status, **fields}, {"summarizeErrors": "false"}
    )
    (row,) = reply.json["Invoices"]
    return "; ".join(each["Message"] for each in row.get("ValidationErrors", ()))


def test_a_document_goes_its_way_and_no_other(desk: XeroDesk) -> None:
    one, two = (desk.made("Invoices", desk.invoice())["InvoiceID"] for _ in range(2))
    assert step(desk, one, "SUBMITTED") == step(desk, one, "AUTHORISED") == ""
    assert "cannot become DELETED" in step(desk, one, "DELETED")
    assert step(desk, two, "DELETED") == ""
    assert "cannot become DRAFT" in step(desk, two, "DRAFT")
    pay = {"Invoice": {"InvoiceID": one}, "Account": {"Code": "090"}, "Date": "2026-11-21"}
    part = desk.made("Payments", {**pay, "Amount": Decimal("10.00"), "Reference": "P-1"})
    assert "payments" in step(desk, one, "VOIDED")
    assert "cannot be edited" in step(desk, one, "AUTHORISED", LineItems=desk.invoice()["LineItems"])
    full = desk.made("Payments", {**pay, "Amount": Decimal("100.00")})
    seen = desk.call("GET", f"Invoices/{one}").json["Invoices"][0]
    assert (seen["Status"], str(seen["AmountPaid"]), str(seen["AmountDue"])) == ("PAID", "110.00", "0.00")
    assert seen["FullyPaidOnDate"] == "/Date(1795219200000+0000)/"
    gone = desk.made(f"Payments/{full['PaymentID']}", {"Status": "DELETED"}, "POST")
    assert gone["Status"] == "DELETED"
    assert desk.call("GET", f"Invoices/{one}").json["Invoices"][0]["Status"] == "AUTHORISED"
    do(desk, "unpay", payment=part["PaymentID"])
    assert step(desk, one, "VOIDED") == ""
    nothing = desk.made("Invoices", desk.invoice(("1", "0.00"), Status="AUTHORISED"))
    assert nothing["Status"] == "PAID"


def test_payments_that_are_refused_inside_a_good_answer(desk: XeroDesk) -> None:
    made = desk.made("Invoices", desk.invoice(Status="AUTHORISED"))
    pay = {
        "Invoice": {"InvoiceID": made["InvoiceID"]},
        "Account": {"Code": "090"},
        "Date": "2026-11-21",
        "Amount": Decimal("110.01"),
    }
    reply = desk.call("PUT", "Payments", {"Payments": [pay]}, {"summarizeErrors": "false"})
    assert (reply.status, reply.json["Payments"][0]["HasValidationErrors"]) == (200, True)
    assert "exceeds" in reply.body.decode()
    for change, said in (
        ({"Account": {"Code": "200"}}, "cannot take payments"),
        ({"Invoice": {"InvoiceID": "none"}}, "could not be found"),
        ({"Amount": Decimal("1.001")}, "two decimals"),
        ({"Date": None}, "date"),
    ):
        assert said in desk.errors("Payments", {**pay, "Amount": Decimal(1), **change})
    draft = desk.made("Invoices", desk.invoice())["InvoiceID"]
    assert "DRAFT cannot be paid" in desk.errors("Payments", {**pay, "Invoice": {"InvoiceID": draft}})
    do(desk, "lock", year_end="2026-11-21")
    assert "lock date" in desk.errors("Payments", {**pay, "Amount": Decimal(1)})


def test_credit_notes_are_approved_then_set_against_invoices(desk: XeroDesk) -> None:
    made = desk.made("Invoices", desk.invoice(Status="AUTHORISED"))
    credit = desk.invoice(("1", "40.00"), kind="ACCRECCREDIT", CreditNoteNumber="CN-7")
    credit.pop("DueDate")
    row = desk.made("CreditNotes", credit)
    assert (row["CreditNoteNumber"], str(row["RemainingCredit"])) == ("CN-7", "44.00")
    place = f"CreditNotes/{row['CreditNoteID']}/Allocations"
    share = {"Amount": Decimal("44.00"), "Date": "2026-11-21", "Invoice": {"InvoiceID": made["InvoiceID"]}}
    body = {"Allocations": [share]}
    draft = desk.call("PUT", place, body)
    assert (draft.status, "DRAFT cannot be allocated" in draft.body.decode()) == (400, True)
    desk.made(f"CreditNotes/{row['CreditNoteID']}", {"Status": "AUTHORISED"}, "POST")
    bill = desk.made("Invoices", desk.invoice(kind="ACCPAY", Status="AUTHORISED"))
    other = {"Allocations": [{**share, "Invoice": {"InvoiceID": bill["InvoiceID"]}}]}
    assert desk.call("PUT", place, other).status == 400
    too_much = {"Allocations": [{**share, "Amount": Decimal("44.01")}]}
    assert "exceeds" in desk.call("PUT", place, too_much).body.decode()
    given = desk.call("PUT", place, body).json["Allocations"][0]
    after = desk.call("GET", f"Invoices/{made['InvoiceID']}").json["Invoices"][0]
    assert (str(after["AmountCredited"]), str(after["AmountDue"])) == ("44.00", "66.00")
    assert after["CreditNotes"][0]["CreditNoteNumber"] == "CN-7"
    spent = desk.call("GET", f"CreditNotes/{row['CreditNoteID']}").json["CreditNotes"][0]
    assert (spent["Status"], str(spent["RemainingCredit"])) == ("PAID", "0.00")
    assert desk.call("DELETE", f"{place}/{given['AllocationID']}").status == 200
    freed = desk.call("GET", f"CreditNotes/{row['CreditNoteID']}").json["CreditNotes"][0]
    assert (freed["Status"], freed["Allocations"]) == ("AUTHORISED", [])


# Files, notes and links


def test_files_are_kept_byte_for_byte(desk: XeroDesk) -> None:
    made = desk.made("Invoices", desk.invoice(Status="AUTHORISED"))
    place = f"Invoices/{made['InvoiceID']}/Attachments"
    pdf = bytes(range(256))
    for body in (b"%PDF first", pdf):
        reply = desk.call("PUT", f"{place}/INV-0001.pdf", body, Content_Type="application/pdf")
        assert reply.json["Attachments"][0]["ContentLength"] == len(body)
    (listed,) = desk.call("GET", place).json["Attachments"]
    assert (listed["MimeType"], listed["FileName"]) == ("application/pdf", "INV-0001.pdf")
    assert desk.call("GET", f"{place}/INV-0001.pdf").body == pdf
    for count in range(9):
        assert desk.call("PUT", f"{place}/{count}.pdf", b"x").status == 200
    assert desk.call("PUT", f"{place}/one-too-many.pdf", b"x").status == 400
    truth = desk.raw("GET", "/_sandbox/xero").json["tenants"][0]["Documents"][0]
    assert truth["Files"]["INV-0001.pdf"] == hashlib.sha256(pdf).hexdigest()
    note = {"HistoryRecords": [{"Details": "Sent by Housecount"}]}
    assert desk.call("PUT", f"Invoices/{made['InvoiceID']}/History", note).status == 200
    history = desk.call("GET", f"Invoices/{made['InvoiceID']}/History").json["HistoryRecords"]
    assert history[0]["Details"] == "Sent by Housecount"
    link = desk.call("GET", f"Invoices/{made['InvoiceID']}/OnlineInvoice").json
    assert link["OnlineInvoices"][0]["OnlineInvoiceUrl"].startswith("https://in.xero.com/")
    assert desk.call("POST", f"Invoices/{made['InvoiceID']}/Email", {}).status == 204


# Lists


def test_lists_come_in_pages_and_only_what_changed(desk: XeroDesk) -> None:
    ids = [desk.made("Invoices", desk.invoice())["InvoiceID"] for _ in range(5)]
    summary = desk.call("GET", "Invoices").json
    assert ("pagination" in summary, {len(row["LineItems"]) for row in summary["Invoices"]}) == (False, {0})
    pages = [desk.call("GET", "Invoices", query={"page": n, "pageSize": 2}).json for n in (1, 2, 3, 4)]
    assert [row["InvoiceID"] for page in pages for row in page["Invoices"]] == ids
    assert pages[0]["pagination"] == {"page": 1, "pageSize": 2, "pageCount": 3, "itemCount": 5}
    assert len(pages[0]["Invoices"][0]["LineItems"]) == 1
    desk.clock.advance(minutes=1)
    step(desk, ids[1], "AUTHORISED")
    changed = [
        [row["InvoiceID"] for row in desk.call("GET", "Invoices", If_Modified_Since=since).json["Invoices"]]
        for since in ("2026-11-22T09:00:59", "2026-11-22T09:00:59Z", "Sun, 22 Nov 2026 09:00:59 GMT")
    ]
    assert changed == [[ids[1]]] * 3
    query = {"where": 'Type=="ACCREC" AND Status=="AUTHORISED"'}
    assert [row["InvoiceID"] for row in desk.call("GET", "Invoices", query=query).json["Invoices"]] == [
        ids[1]
    ]
    assert desk.call("GET", "Invoices", query={"where": "Total > 3"}).status == 400
    assert len(desk.call("GET", "Invoices", query={"Statuses": "DRAFT"}).json["Invoices"]) == 4
    assert len(desk.call("GET", "Invoices", query={"IDs": ",".join(ids[:2])}).json["Invoices"]) == 2
    do(desk, "write", fields={**desk.invoice(), "LineItems": []})
    assert len(desk.call("GET", "Invoices", query={"createdByMyApp": "true"}).json["Invoices"]) == 5
    newest = desk.call("GET", "Invoices", query={"order": "UpdatedDateUTC DESC"}).json["Invoices"]
    assert newest[1]["InvoiceID"] == ids[1]
    payment = do(desk, "pay", document=ids[1])["payment"]
    query = {"where": f'Invoice.InvoiceID==guid("{ids[1]}")'}
    assert desk.call("GET", "Payments", query=query).json["Payments"][0]["PaymentID"] == payment
    assert desk.call("GET", f"Payments/{payment}").json["Payments"][0]["PaymentType"] == "ACCRECPAYMENT"


# What people do in Xero


def test_people_edit_void_and_change_the_books(desk: XeroDesk) -> None:
    made = desk.made("Invoices", desk.invoice(InvoiceNumber="INV-0009", Status="AUTHORISED"))
    line = {
        "Description": "Other",
        "Quantity": 1,
        "UnitAmount": 12.34,
        "AccountCode": "200",
        "TaxType": "OUTPUT",
    }
    do(desk, "edit", document="INV-0009", fields={"LineItems": [line]})
    seen = desk.call("GET", f"Invoices/{made['InvoiceID']}").json["Invoices"][0]
    assert sums(seen) == ("12.34", "1.23", "13.57")
    do(desk, "void", document="INV-0009")
    assert desk.call("GET", "Invoices/INV-0009").json["Invoices"][0]["Status"] == "VOIDED"
    do(desk, "archive", contact=desk.contact)
    assert "archived" in desk.errors("Invoices", desk.invoice())
    do(desk, "archive", contact=desk.contact, archived=False)
    do(desk, "account", account="200")
    assert "archived" in desk.errors("Invoices", desk.invoice())
    do(desk, "account", account="200", status="ACTIVE")
    do(desk, "tax_rate", tax_type="OUTPUT", rate=12.5)
    assert sums(desk.made("Invoices", desk.invoice(("1", "10.00")))) == ("10.00", "1.25", "11.25")
    bad = desk.raw("POST", "/_sandbox/happenings", b'{"do": "xero_void", "document": "INV-0009"}')
    assert (bad.status, "VOIDED" in bad.json["error"]) == (400, True)
    assert desk.raw("POST", "/_sandbox/happenings", b'{"do": "xero_pay", "document": "?"}').status == 400


def test_values_nobody_knows_errors_for_people_and_half_answers(desk: XeroDesk) -> None:
    desk.made("Invoices", desk.invoice(InvoiceNumber="INV-0001"))
    desk.faults.add("unknown_value", platform="xero", path="Invoices", count=1)
    row = desk.call("GET", "Invoices").json["Invoices"][0]
    assert (row["Status"], str(row["Total"])) == ("neverSeenBefore", "110.00")
    desk.faults.add("html", platform="xero", count=1)
    assert desk.call("GET", "Invoices").body.startswith(b"<!DOCTYPE")
    desk.faults.add("server_error", platform="xero", html=False, status=503, count=1)
    assert desk.call("GET", "Invoices").json["Status"] == 503
    desk.faults.add("truncate", platform="xero", count=1)
    with pytest.raises(json.JSONDecodeError):
        _ = desk.call("GET", "Invoices").json
    desk.faults.add("revoke", platform="xero", count=1)
    assert desk.call("GET", "Invoices").status == 401


# Hooks


class Listener:
    """Takes hooks; `status` None checks signatures as Xero wants it."""

    def __init__(self, key: str) -> None:
        self.key, self.status, self.came = key, 0, Event()
        self.bodies: list[dict[str, Any]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                digest = hmac.new(listener.key.encode(), body, hashlib.sha256).digest()
                good = self.headers["x-xero-signature"] == base64.b64encode(digest).decode()
                if good:
                    listener.bodies.append(json.loads(body))
                self.send_response(listener.status or (200 if good else 401))
                self.send_header("Content-Length", "0")
                self.end_headers()
                listener.came.set()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/xero"
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def until(self, done: Any) -> None:
        deadline = monotonic() + 10
        while not done():
            assert monotonic() < deadline, "waited in vain"
            self.came.wait(0.02)
            self.came.clear()


@pytest.fixture
def listener(desk: XeroDesk) -> Iterator[Listener]:
    listener = Listener(desk.custom.webhook_key)
    desk.custom.webhook_url = listener.url
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


def test_signatures_are_as_documented() -> None:
    body = b'{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"QWERTYUIOPASDFGHJKLZ"}'
    assert len(body) == 91
    assert signature("hc-example-webhook-key-0001", body) == "pl4dQVT1N1juGrTw65gQc68+neEoSpXm77tuip7lorI="


def test_hooks_come_only_after_the_intent_was_answered_rightly(desk: XeroDesk, listener: Listener) -> None:
    ask = json.dumps({"app": desk.custom.client_id}).encode()
    assert desk.contact
    listener.status = 200
    assert desk.raw("POST", "/_sandbox/intent", ask).status == 200
    log = desk.sandbox.xero_hooks.log
    listener.until(lambda: len(log) == 4 and all(each.status for each in log))
    assert desk.custom.webhook_on is False
    listener.status = 0
    desk.raw("POST", "/_sandbox/intent", ask)
    listener.until(lambda: desk.custom.webhook_on)
    assert [each.status for each in log[4:]] == [200, 401, 200, 401]
    assert listener.bodies[-1] | {"entropy": ""} == {
        "events": [],
        "firstEventSequence": 0,
        "lastEventSequence": 0,
        "entropy": "",
    }
    listener.bodies.clear()
    made = desk.made("Invoices", desk.invoice(kind="ACCPAY"))
    listener.until(lambda: listener.bodies)
    (event,) = listener.bodies[0]["events"]
    assert (event["resourceId"], event["eventCategory"], event["eventType"]) == (
        made["InvoiceID"],
        "INVOICE",
        "CREATE",
    )
    assert (event["tenantId"], event["eventDateUtc"]) == (desk.tenant.id, "2026-11-22T09:00:00.000")
    assert desk.raw("GET", "/_sandbox/deliveries").json[-1]["status"] in (None, 200)


def test_hooks_come_twice_or_again_until_they_are_turned_off(desk: XeroDesk, listener: Listener) -> None:
    desk.custom.webhook_on = True
    desk.limits.xero_hook_repeats = 1.0
    desk.limits.xero_hook_retry_seconds = 0.01
    desk.limits.xero_hook_retries = 2
    assert desk.contact
    listener.until(lambda: len(listener.bodies) == 2)
    assert listener.bodies[0] == listener.bodies[1]
    desk.limits.xero_hook_repeats = 0.0
    listener.status = 503
    do(desk, "archive", contact=desk.contact)
    listener.until(lambda: not desk.custom.webhook_on)
    last = desk.sandbox.xero_hooks.log[-1]
    assert (last.attempts, last.status) == (3, 503)
