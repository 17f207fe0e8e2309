"""The pages of documents: made, changed, issued, paid and corrected by hand, without JavaScript."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core import mail as outbox
from django.utils import timezone

from housecount.invoices.models import Document
from housecount.tenancy.identity import acting_as
from tests.web.books import Books, checked, form
from tests.web.stage import look


def test_every_page_is_sound(books: Books) -> None:
    draft, issued = books.office.draft(books.venue), books.office.issued(books.venue)
    for address in (
        "/invoices/",
        "/invoices/?state=overdue&q=bar&direction=receivable&kind=invoice",
        "/invoices/recurring/",
        f"/invoices/{draft.pk}/",
        f"/invoices/{draft.pk}/edit/",
        f"/invoices/{issued.pk}/",
        "/parties/",
        "/parties/?q=nobody",
        "/parties/new/",
        "/parties/new/?self=1",
        f"/parties/{books.venue.pk}/",
        f"/parties/{books.own.pk}/",
        f"/parties/{books.venue.pk}/edit/",
        *(
            f"/invoices/new/?kind={kind}"
            for kind in (
                "invoice",
                "rcti",
                "deposit_invoice",
                "credit_note",
                "adjustment_note",
                "payment_statement",
            )
        ),
    ):
        checked(books.client.get(address))


def test_lines_are_added_and_removed_without_losing_what_was_typed(books: Books) -> None:
    fields = form(books.venue, [("Set", "2", "100.00"), ("Bad line", "1", "x")], reference="Ref 7")
    page = books.post("/invoices/new/", 200, **fields | {"do": "add"})
    named = {control.get("name"): control.get("value") for control in page.controls}
    assert named["line-0-unit_price"] == "100.00"
    assert named["line-2-quantity"] == "1"
    assert named["reference"] == "Ref 7"
    page = books.post("/invoices/new/", 200, **fields | {"do": "remove-1"})
    named = {control.get("name"): control.get("value") for control in page.controls}
    assert named["line-0-unit_price"] == "100.00"
    assert "line-1-unit_price" not in named
    page = books.post("/invoices/new/", 422, **fields)
    assert "Line 2, price" in page.text
    assert "'x' is not an amount of money" in page.text


def test_totals_are_worked_out_before_saving_and_nothing_is_kept(books: Books) -> None:
    page = books.post("/invoices/new/", 200, **form(books.venue, [("Set", "3", "33.33")]) | {"do": "totals"})
    assert "A$99.99" in page.text
    assert "A$10.00" in page.text
    assert "A$109.99" in page.text
    with acting_as(books.house.system):
        assert not Document.objects.filter(organisation_id=books.house.organisation.pk).exists()
    inclusive = form(books.venue, [("Door", "1", "60.00")], price_mode="inclusive")
    page = books.post("/invoices/new/", 200, **inclusive | {"do": "totals"})
    assert "A$54.55" in page.text
    assert "A$60.00" in page.text


def test_what_is_missing_is_said_in_words(books: Books) -> None:
    page = books.post("/invoices/new/", 422, **form(books.venue, [("", "1", "")], party=""))
    assert "Choose whom the document is for" in page.text
    page = books.post("/invoices/new/", 422, **form(books.venue, [("Set", "1,5", "5")]))
    assert "is not a quantity" in page.text
    page = books.post("/invoices/new/", 422, **form(books.venue, due_date="2020-01-01", terms_kind=""))
    assert "due_date is before issue_date" in page.text


def test_a_draft_is_changed_and_thrown_away(books: Books) -> None:
    books.post("/invoices/new/", **form(books.venue, reference="first"))
    draft = books.newest()
    page = look(books.house.bookkeeper, f"/invoices/{draft.pk}/edit/")
    named = {control.get("name"): control.get("value") for control in page.controls}
    assert (named["reference"], named["line-0-unit_price"], named["terms_days"]) == ("first", "500.00", "14")
    changed = form(books.venue, [("Set", "1", "1,250.50")], terms_kind="", due_date="2030-01-31")
    page = books.post(f"/invoices/{draft.pk}/edit/", **changed)
    assert "A$1,375.55" in page.text
    assert "31 Jan 2030" in page.text
    assert books.document(draft).reference == ""
    books.post(f"/invoices/{draft.pk}/delete/")
    assert books.client.get(f"/invoices/{draft.pk}/").status_code == 404


def test_an_issued_document_is_not_changed_by_any_form(books: Books) -> None:
    issued = books.office.issued(books.venue)
    page = books.post(f"/invoices/{issued.pk}/delete/")
    assert "Only a draft can be deleted" in page.text
    page = books.post(f"/invoices/{issued.pk}/edit/", **form(books.venue))
    assert "Only a draft can be changed" in page.text
    page = books.post(f"/invoices/{issued.pk}/approve/")
    assert "Only a draft can be approved" in page.text
    assert books.document(issued).total == 55000


def test_the_list_follows_its_filter_and_so_do_its_sums(books: Books) -> None:
    books.office.issued(books.venue, reference="Alpha", due_date="2026-11-27")
    books.office.issued(books.venue, reference="Beta", currency="NZD", due_date="2035-01-01")
    books.office.draft(books.act, direction="payable", reference="Gamma")
    page = look(books.house.bookkeeper, "/invoices/")
    assert all(word in page.text for word in ("Alpha", "Beta", "Gamma", "NZ$550.00"))
    page = look(books.house.bookkeeper, "/invoices/?q=beta")
    assert "Beta" in page.text
    assert "Alpha" not in page.text
    assert "NZ$550.00" in page.text
    assert "A$550.00 open" not in page.text
    page = look(books.house.bookkeeper, f"/invoices/?party={books.act.pk}&direction=payable&state=draft")
    assert "Gamma" in page.text
    assert "Alpha" not in page.text
    page = look(books.house.bookkeeper, "/invoices/?q=nothing-like-it")
    assert "No document fits" in page.text
    response = books.client.get("/invoices/?after=nonsense")
    assert response.status_code == 302


def test_pages_of_the_list_are_followed_to_the_end(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("housecount.web.views.invoices.PER_PAGE", 2)
    for n in range(5):
        books.office.draft(books.venue, reference=f"ref-{n}")
    seen: list[str] = []
    address = "/invoices/"
    for _ in range(3):
        page = look(books.house.bookkeeper, address)
        seen += re.findall(r"ref-\d", page.text)
        address = "/invoices/" + next((link for link in page.links if link.startswith("?after")), "")
    assert sorted(seen) == [f"ref-{n}" for n in range(5)]
    assert address == "/invoices/"


def test_story_of_a_deposit_a_final_invoice_and_a_reminder(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deposit invoice -> paid -> final less deposit -> part payment -> reminder -> paid."""
    deposit_form = form(
        books.venue, [("Deposit", "1", "500.00")], kind="deposit_invoice", deposit_kind="part_payment"
    )
    books.post("/invoices/new/", **deposit_form)
    deposit = books.newest()
    assert (
        "Nothing speaks against issuing it" in look(books.house.bookkeeper, f"/invoices/{deposit.pk}/").text
    )
    books.post(f"/invoices/{deposit.pk}/approve/")
    page = books.post(f"/invoices/{deposit.pk}/issue/")
    assert "Issued as DEP-00001" in page.text
    page = books.post(f"/invoices/{deposit.pk}/pay/", amount="550.00", paid_on="2026-11-20", key=uuid4().hex)
    assert "The payment of A$550.00 is recorded" in page.text
    assert books.office.json(deposit)["payment_status"] == "paid"

    final_form = form(books.venue, [("Show fee", "1", "2,000.00")], deposits=str(deposit.pk))
    books.post("/invoices/new/", **final_form)
    final = books.newest()
    page = books.post(f"/invoices/{final.pk}/issue/")
    assert "Less deposit DEP-00001" in page.text
    assert "A$1,650.00" in page.text
    page = books.post(f"/invoices/{final.pk}/send/", words="With thanks.")
    assert "On its way to bar@attic.example" in page.text
    books.post_mails()
    assert [each.subject for each in outbox.outbox] == ["Invoice INV-00001 from Laughing Stock"]

    key = uuid4().hex
    for _ in range(2):  # sent twice by a nervous finger
        page = books.post(f"/invoices/{final.pk}/pay/", amount="650", paid_on="2026-11-21", key=key)
    assert books.office.json(final)["balance"] == 100000
    assert "Part paid" in page.text

    due = books.document(final).due_date
    assert due is not None
    monkeypatch.setattr("housecount.invoices.reminders.quiet", lambda local: False)
    morning = timezone.now().replace(hour=1) + timedelta(days=21)
    assert books.remind(morning) == 1
    books.post_mails(morning)
    assert outbox.outbox[-1].subject == "Reminder: Invoice INV-00001"
    assert "A$1,000.00" in outbox.outbox[-1].body
    page = books.post(f"/invoices/{final.pk}/pay/", amount="1000", paid_on="2026-12-15", key=uuid4().hex)
    assert "Paid" in page.text
    assert books.office.json(final)["payment_status"] == "paid"
    assert books.remind(morning + timedelta(days=7)) == 0


def test_story_of_an_rcti_that_lacks_its_agreement(books: Books) -> None:
    books.post("/invoices/new/", **form(books.act, kind="rcti", direction=""))
    rcti = books.newest()
    page = look(books.house.bookkeeper, f"/invoices/{rcti.pk}/")
    assert "It cannot be issued as it stands" in page.text
    assert "agreement" in page.text
    page = books.post(f"/invoices/{rcti.pk}/issue/")
    assert "agreement" in page.text
    assert books.document(rcti).number is None
    books.post(
        f"/parties/{books.act.pk}/agreement/", **{"from": "2026-01-01", "to": "", "supplies": "performances"}
    )
    books.post(f"/invoices/{rcti.pk}/edit/", **form(books.act, kind="rcti", direction=""))
    page = books.post(f"/invoices/{rcti.pk}/issue/")
    assert "Issued as RCTI-00001" in page.text
    assert "Mirth Machine must have a copy by" in page.text
    response = books.client.get(f"/invoices/{rcti.pk}/pdf/")
    assert (response["Content-Type"], response.content[:5]) == ("application/pdf", b"%PDF-")
    page = books.post(
        f"/invoices/{rcti.pk}/pay/", amount="550", paid_on="2026-12-01", tell="yes", method="bank", key="k1"
    )
    assert "A mail to Mirth Machine says so" in page.text
    books.post_mails()
    [told] = outbox.outbox
    assert told.subject == "Payment of Recipient-created tax invoice RCTI-00001"
    assert "We have paid A$550.00 on Tuesday 1 December 2026." in told.body


def test_a_credit_note_for_some_and_for_the_rest(books: Books) -> None:
    issued = books.office.issued(
        books.venue, lines=[{"description": "Tables", "quantity": "4", "unit_price": 5000, "tax": "taxable"}]
    )
    page = books.post(f"/invoices/{issued.pk}/credit/", what="some", **{"credit-1": "1"})
    assert "Credit note CN-00001 over A$55.00 is issued" in page.text
    assert page.text.count("corrects this document") == 1
    assert page.text.count("Credit note CN-00001") == 2, "said once, and listed once"
    assert books.office.json(issued)["balance"] == 16500
    page = books.post(f"/invoices/{issued.pk}/credit/", what="some", **{"credit-1": "4"})
    assert "left" in page.text
    assert books.office.json(issued)["balance"] == 16500
    page = books.post(f"/invoices/{issued.pk}/credit/", what="all")
    assert "CN-00002 over A$165.00" in page.text
    assert "Credited" in page.text
    assert books.office.json(issued)["status"] == "credited"


def test_void_and_write_off(books: Books) -> None:
    first, second = books.office.issued(books.venue), books.office.issued(books.venue)
    page = books.post(f"/invoices/{first.pk}/void/", reason="Sent to the wrong party")
    assert "INV-00001 is void" in page.text
    page = books.post(f"/invoices/{second.pk}/write-off/", reason="They closed")
    assert "Written off" in page.text


def test_many_are_issued_at_once_and_each_tells_what_became_of_it(books: Books) -> None:
    good, twin = (
        books.office.draft(books.venue, reference="R1"),
        books.office.draft(books.venue, reference="R1"),
    )
    refused = books.office.draft(books.act, kind="rcti", direction="payable")
    ids = [str(each.pk) for each in (good, twin, refused)]
    page = books.post("/invoices/batch/", 200, document=ids, do="look")
    assert "Issue 3 documents?" in page.text
    assert "agreement" in page.text
    page = books.post("/invoices/batch/", 200, document=ids, do="issue")
    assert "1 of 3 issued" in page.text
    assert "Looks like Invoice INV-00001" in page.text
    assert [books.document(each).number for each in (good, twin, refused)] == ["INV-00001", None, None]
    page = books.post("/invoices/batch/", 200, document=[str(twin.pk)], even_so=[str(twin.pk)], do="issue")
    assert books.document(twin).number == "INV-00002"
    page = books.post("/invoices/batch/")
    assert "Choose one or more" in page.text


def test_a_duplicate_needs_a_tick(books: Books) -> None:
    show = books.office.show()
    books.office.issued(books.venue, show=show)
    other = books.office.draft(books.venue, show=show)
    books.post(f"/invoices/{other.pk}/approve/")
    page = books.post(f"/invoices/{other.pk}/issue/")
    assert "It looks like Invoice INV-00001" in page.text
    page = books.post(f"/invoices/{other.pk}/issue/", even_so="yes")
    assert "Issued as INV-00002" in page.text
    different = books.office.draft(books.venue, show=show, lines=[{"description": "x", "unit_price": 1}])
    assert "Issued as INV-00003" in books.post(f"/invoices/{different.pk}/issue/").text


def test_documents_as_files_and_reports(books: Books) -> None:
    books.office.issued(books.venue, reference="Alpha", due_date="2026-11-28")
    books.office.issued(books.venue, reference="Beta")
    response = books.client.get("/invoices/documents.csv?q=alpha")
    assert response["Content-Type"].startswith("text/csv")
    assert b"Alpha" in response.content
    assert b"Beta" not in response.content
    assert books.client.get("/invoices/documents.xlsx").content[:2] == b"PK"
    assert books.client.get("/invoices/documents.zip").content.count(b"%PDF-") == 2
    page = look(
        books.house.bookkeeper,
        "/invoices/reports/?on=2026-12-05&since=2026-10-01&until=2026-12-31&basis=accrual",
    )
    assert "The Attic Bar" in page.text
    assert "A$1,100.00" in page.text
    assert "A$100.00" in page.text
    assert b"The Attic Bar" in books.client.get("/invoices/reports/?file=receivable&on=2026-12-05").content
    assert books.house.act.signed_in().get("/invoices/documents.csv").status_code == 403
    assert books.house.act.signed_in().get("/invoices/reports/").status_code == 403
