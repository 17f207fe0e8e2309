"""What the office does beside single documents: paying by the bank's file, credit and refunds, deposits, RCTIs,
batches, the register, the logo."""

import re
from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from housecount.invoices import batches, here, links, payments, services
from housecount.invoices.models import Batch, Document
from housecount.tenancy.identity import acting_as
from tests.invoices.test_logos import png
from tests.web.books import Books, checked, form

UNTAXED = {"description": "Spot", "unit_price": 50_000, "tax": "out_of_scope"}


@pytest.fixture(scope="module")
def books(database: str) -> Books:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("housecount.invoices.pdf.render", lambda printed, **_: repr(printed.number).encode())
        return Books()


@pytest.fixture(autouse=True)
def _plain(plain_paper: None) -> None:
    pass


@pytest.fixture
def plain_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("housecount.invoices.pdf.render", lambda printed, **_: repr(printed.number).encode())


def bank(name: str) -> dict[str, str]:
    return {"bsb": "633-000", "account": "157108231", "name": name}


def test_the_bank_pays_and_the_supplier_is_told(books: Books) -> None:
    with acting_as(books.house.system):
        services.edit_party(books.own.pk, {"bank": bank("Us")})
    act = books.office.party(name="Paid Act", abn="47555222000", bank=bank("Paid Act"))
    without = books.office.party(name="No Account", abn="47555222000")
    bill = {"kind": "invoice", "direction": "payable", "reference": "X"}
    due, left = books.office.issued(act, **bill), books.office.issued(without, **bill)
    page = checked(books.client.get("/invoices/pay/"))
    assert "ends in 231" in page.text
    assert "No bank account is on file." in page.text
    assert "157108231" not in page.text
    assert (
        "Enter the day" in checked(books.client.post("/invoices/pay/", {"document": str(due.pk)}), 422).text
    )
    chosen = {"document": [str(due.pk), str(left.pk)], "on": "2026-12-11", "institution": "wbc"}
    made = books.client.post("/invoices/pay/", chosen)
    assert made["Content-Disposition"] == 'attachment; filename="payments-2026-12-11.aba"'
    assert [line[:8] for line in made.content.decode().splitlines()][1:2] == ["1633-000"]
    assert books.office.json(due)["payment_status"] == "unpaid", "a file is no payment"
    for _ in range(2):
        told = books.post("/invoices/pay/paid/", document=str(due.pk), on="2026-12-11", tell="yes").text
    assert "recorded" not in told, "the second time there is nothing to record"
    assert books.office.json(due)["payment_status"] == "paid"
    books.post_mails()
    page = checked(books.client.get(f"/invoices/{due.pk}/"))
    assert "Told of the payment by mail" in page.text


def test_credit_is_used_and_refunded(books: Books) -> None:
    venue = books.office.party(name="Overpaying Bar")
    first = books.office.issued(venue, reference="one")
    second = books.office.issued(venue, reference="two")
    books.office.pay(first, 75_000)
    page = checked(books.client.get(f"/invoices/{second.pk}/"))
    assert "A$200.00 of credit is left on" in page.text
    page = books.post(f"/invoices/{second.pk}/use-credit/", source=str(first.pk))
    assert "A$200.00 of credit is used for it." in page.text
    assert books.office.json(second)["balance"] == 35_000
    page = books.post(f"/invoices/{second.pk}/refund/", amount="50", paid_on="2026-12-01")
    assert "The refund of A$50.00 is recorded." in page.text
    assert books.office.json(second)["balance"] == 40_000
    page = books.post(f"/invoices/{second.pk}/refund/", amount="-1", paid_on="2026-12-01")
    assert "above zero" in page.text
    note = books.office.credit(first)
    assert books.office.json(first)["balance"] == -55_000
    page = checked(books.client.get(f"/invoices/{first.pk}/"))
    assert "Record a refund" in page.text
    assert checked(books.client.get(f"/invoices/{note.pk}/")).text.count("Pay it back") == 0, "it is used up"


def test_a_deposit_is_asked_for_by_its_terms(books: Books) -> None:
    show = books.office.show()
    asked = {"ask_kind": "part_payment", "ask_size": "25", "ask_how": "percent", "ask_terms_kind": "before_show",
             "ask_terms_days": "3", "show": show, "issue_date": "2026-11-01"}  # fmt: skip
    books.post("/invoices/new/", **form(books.venue, **asked))
    final = books.newest()
    assert final.deposit_terms == {
        "kind": "part_payment", "percentage": 2_500, "terms": {"kind": "before_show", "days": 3},
    }  # fmt: skip
    page = checked(books.client.get(f"/invoices/{final.pk}/edit/"))
    assert any(each.get("name") == "ask_size" and each.get("value") == "25" for each in page.controls)
    page = checked(books.client.get(f"/invoices/{final.pk}/"))
    assert "Its terms ask for a deposit of A$137.50" in page.text
    page = books.post(f"/invoices/{final.pk}/deposit/")
    assert "Deposit invoice (not issued)" in page.text
    deposit = books.newest()
    assert (deposit.total, deposit.kind) == (13_750, "deposit_invoice")
    assert "There is a deposit for it already." in books.post(f"/invoices/{final.pk}/deposit/").text
    wrong = checked(
        books.client.post("/invoices/new/", form(books.venue, **asked | {"ask_size": "a lot"})), 422
    )
    assert "The deposit:" in wrong.text
    books.post(f"/invoices/{final.pk}/edit/", **form(books.venue))
    assert books.document(final).deposit_terms is None


def recipient(books: Books, document: Document) -> str:
    with acting_as(books.house.system):
        _, token = links.make(here.document(document.pk))
    return f"/d/{token}"


def test_an_rcti_that_bears_its_agreement_is_objected_to(books: Books) -> None:
    act = books.office.party(name="Objecting Act", abn="47555222000")
    fields = form(act, kind="rcti", direction="payable", embedded_agreement="yes", **{"line-0-ote": "yes"})
    books.post("/invoices/new/", **fields)
    draft = books.newest()
    page = checked(books.client.get(f"/invoices/{draft.pk}/"))
    assert "No adviser has confirmed your RCTIs yet" in page.text
    books.post(f"/invoices/{draft.pk}/approve/")
    page = books.post(f"/invoices/{draft.pk}/issue/")
    assert "must have a copy by" in page.text
    assert "Objecting Act may object by the link" in page.text
    rctis = checked(books.client.get("/invoices/rcti/"))
    assert "Objecting Act" in rctis.text
    assert "The copy of an RCTI is still to be sent" in checked(books.client.get("/invoices/")).text
    given = books.post(
        f"/invoices/{draft.pk}/copy-given/", **{"on": draft.issue_date.isoformat(), "from": "rcti"}
    )
    assert "Noted: Objecting Act has the copy." in given.text
    with acting_as(books.house.system):
        number = here.document(draft.pk).number
    assert number not in checked(books.client.get("/invoices/rcti/")).text
    address = recipient(books, draft)
    visitor = Client()
    seen = checked(visitor.get(address)).text
    assert "I do not accept the agreement in it" in seen
    assert "Tell Laughing Stock" in seen, "not themselves"
    visitor.post(f"{address}/object", {"words": "I send my own."})
    assert "You objected to the agreement" in checked(visitor.get(address)).text
    assert "I send my own." in checked(books.client.get(f"/invoices/{draft.pk}/")).text
    assert "objected on" in checked(books.client.get("/invoices/rcti/")).text
    report = checked(books.client.get("/invoices/reports/?since=2020-01-01&until=2030-12-31"))
    assert "Earnings for super" in report.text


def test_the_rules_and_an_agreements_end(books: Books) -> None:
    act = books.office.party(name="Ending Act")
    agreement = books.office.agreement(act)
    page = books.post("/invoices/rcti/rules/", register_days="90", rcti_waits="yes")
    assert "until then none is issued" in page.text
    page = books.post("/invoices/rcti/rules/", rcti_confirmed_on="2026-01-01")
    assert "rcti_confirmed_by is missing." in page.text
    page = books.post("/invoices/rcti/rules/", rcti_confirmed_on="2026-01-01", rcti_confirmed_by="A. Ledger")
    assert "No adviser has confirmed" not in page.text
    page = books.post(f"/invoices/rcti/{agreement}/end/", on="2026-12-31")
    assert "holds until 2026-12-31" in page.text
    assert "Enter the last day" in books.post(f"/invoices/rcti/{agreement}/end/", on="soon").text


def test_what_the_register_says_is_kept(books: Books) -> None:
    act = books.office.party(name="Looked Up")
    there = f"/parties/{act.pk}/register/"
    data = {"checked_on": "2026-01-02", "name": "LOOKED UP PTY LTD", "active": "no"}
    page = books.post(there, **data, answer='{"Abn": "51824753556"}')
    assert "LOOKED UP PTY LTD" in page.text
    assert "cancelled" in page.text
    assert "is not JSON" in books.post(there, **data, answer="{").text
    assert "name is missing" in books.post(there, **data | {"name": " "}).text


def test_a_logo_comes_and_goes(books: Books) -> None:
    def upload(content: bytes) -> str:
        file = SimpleUploadedFile("logo.png", content, "image/png")
        return books.post("/parties/logo/", picture=file, do="set").text

    assert books.client.get("/parties/logo/picture").status_code == 404
    assert "PNG or a JPEG" in upload(b"<svg/>")
    assert "Choose a picture first." in books.post("/parties/logo/", do="set").text
    assert "The logo is printed from now on." in upload(png())
    shown = books.client.get("/parties/logo/picture")
    assert (shown["Content-Type"], shown.content) == ("image/png", png())
    assert "No logo is printed" in books.post("/parties/logo/", do="remove").text


def test_a_whole_run_is_issued_in_the_background(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("housecount.web.views.batches.MOST_AT_ONCE", 2)
    show = books.office.show()
    for n in range(3):
        books.office.draft(books.venue, show=show, lines=[UNTAXED | {"unit_price": 100 + n}])
    books.office.draft(books.venue, show=show, kind="deposit_invoice")
    listed = books.client.get(f"/invoices/?show={show}")
    assert f'name="all" value="show={show}"' in listed.content.decode()
    look = checked(books.client.post("/invoices/batch/", {"all": f"show={show}", "do": "look"}))
    assert "Issue 4 documents?" in look.text
    page = books.post("/invoices/batch/", all=f"show={show}", do="issue")
    assert "0 are done" in page.text
    with acting_as(books.house.system):
        batch = Batch.objects.get(organisation_id=books.house.organisation.pk)
    assert "Documents are being issued." in checked(books.client.get("/invoices/")).text
    batches.work(books.house.organisation.pk, batch.pk)
    page = checked(books.client.get(f"/invoices/batch/{batch.pk}/"))
    assert "3 of 4 issued" in page.text
    assert "Say what the deposit is" in page.text
    assert "every 2s" not in books.client.get(f"/invoices/batch/{batch.pk}/").content.decode()
    assert "Documents are being issued." not in checked(books.client.get("/invoices/")).text


def test_an_e_invoice_is_handed_over_or_told_why_not(books: Books) -> None:
    fine = books.office.issued(books.venue, reference="PO 7")
    made = books.client.post(f"/invoices/{fine.pk}/e-invoice/")
    if made.status_code == 302:
        pytest.fail(re.sub(r"\s+", " ", books.client.get(made["Location"]).content.decode())[:3000])
    assert made["Content-Disposition"] == f'attachment; filename="{fine.number}.xml"'
    assert made.content.startswith(b"<?xml")
    nameless = books.office.party(name="Nobody", abn=None, gst_registered_from=None)
    bare = books.office.issued(nameless, reference="Z")
    assert "ABN" in books.post(f"/invoices/{bare.pk}/e-invoice/").text


def test_tax_withheld_is_told_where_it_matters(books: Books) -> None:
    act = books.office.party(name="No Number", kind="individual", abn=None, gst_registered_from=None)
    document = books.office.issued(act, kind="payment_statement", direction="payable", lines=[UNTAXED])
    page = checked(books.client.get(f"/invoices/{document.pk}/"))
    assert "Tax withheld A$235.00" in page.text
    assert "Open A$265.00" in page.text
    today: Any = date.fromisoformat(document.issue_date.isoformat())
    report = checked(books.client.get(f"/invoices/reports/?since={today}&until={today}"))
    assert "No Number" in report.text
    with acting_as(books.house.system):
        assert payments.credit_of(here.document(document.pk)) == []
