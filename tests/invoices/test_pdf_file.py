"""The PDF as a file: the same bytes, archival, accessible; and how it is stored."""

import hashlib
import os
import re
import subprocess
import sys

from housecount.core.documents import Direction
from housecount.core.tax import Priced
from housecount.invoices import files, pdf, wording
from housecount.invoices.models import DocumentFile
from housecount.invoices.printed import BankAccount, printed_of
from housecount.tenancy import crypto
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Office
from tests.invoices.sheets import objects, page_texts, printed, rcti
from tests.invoices.test_pdf import ONE, ROOT, picture, text_of


# --- The file -----------------------------------------------------------------------------------------
def test_the_same_paper_is_the_same_bytes_in_another_process() -> None:
    code = (
        "import django, hashlib; django.setup()\n"
        "from housecount.invoices import pdf\n"
        "from tests.invoices.sheets import printed, rcti\n"
        "print(*(hashlib.sha256(pdf.render(each)).hexdigest() for each in (printed(), rcti())))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "housecount.settings", "PYTHONPATH": f"{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    here = [hashlib.sha256(pdf.render(each)).hexdigest() for each in (printed(), rcti())]
    assert there.stdout.split() == here


def test_it_is_archival_accessible_and_of_its_own_date() -> None:
    made = pdf.render(printed())
    assert b"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>" in made
    assert b"<pdfuaid:part>1</pdfuaid:part>" in made
    assert b"/Lang(en-AU)" in made
    assert b"/Title(Tax invoice INV-00001)" in made
    assert b"D:20261127000000Z" in made
    assert set(re.findall(rb"D:(\d{8})", made)) == {b"20261127"}
    fonts = set(re.findall(rb"/FontName/[A-Z]{6}\+([\w-]+)", made))
    assert fonts == {b"SourceSansPro-Regular", b"SourceSansPro-Semibold"}


def test_a_reader_for_the_blind_finds_a_title_and_a_table() -> None:
    kinds = [
        found[1]
        for each in objects(pdf.render(printed())).values()
        if (found := re.search(rb"/S/(\w+)", each))
    ]
    assert kinds.count(b"H1") == 1
    assert kinds.count(b"Table") == 1
    assert kinds.count(b"TH") == 6  # description, quantity, price, net, tax, amount
    assert kinds.count(b"TD") == 6


def test_a_logo_stands_on_it_with_its_owner_s_name() -> None:
    plain, red = pdf.render(printed()), pdf.render(printed(), logo=picture())
    assert b"/Subtype/Image" not in plain
    assert b"/Subtype/Image" in red
    assert b"/Alt(Laughing Stock)" in red
    assert red != pdf.render(printed(), logo=picture(100))


def test_pictures_of_it_are_one_for_each_page() -> None:
    lines = [(f"Night {night}", Priced(ONE, 12_000)) for night in range(60)]
    paper = printed(*lines)
    pictures = pdf.pictures(paper)
    assert len(pictures) == len(page_texts(pdf.render(paper))) > 1
    assert all(each.startswith(b"\x89PNG") for each in pictures)


# --- From the database --------------------------------------------------------------------------------
BANK_DETAILS = {"bsb": "062-000", "account": "12345678", "name": "Laughing Stock"}


def test_an_issued_document_keeps_the_paper_of_that_moment() -> None:
    office = Office()
    us = office.ourselves(bank=BANK_DETAILS)
    act = office.party()
    document = office.issued(act, reference="PO 1", show=office.show())
    with acting_as(office.identity):
        kept = files.stored(document)
        assert kept is not None
        content = bytes(kept.content)
        assert kept.sha256 == hashlib.sha256(content).hexdigest() == office.json(document)["sha256"]
        act.name, us.name = "Somebody Else", "Another House"
        act.save()
        us.save()
        again = printed_of(document)
    text = page_texts(content)[0]
    assert f"Tax invoice {document.number}" in text
    assert "Bill to Mirth Machine" in text
    assert "BSB 062-000 Account 12345678" in text
    assert "Supplied 27 November 2026" in text
    # The parties of an issued document are those of its issue, whatever became of them.
    assert (again.supplier.name, again.buyer.name) == ("Laughing Stock", "Mirth Machine")
    assert pdf.render(again) == content


def test_a_draft_shows_its_parties_as_they_are_now() -> None:
    office = Office()
    office.ourselves()
    act = office.party()
    draft = office.draft(act)
    with acting_as(office.identity):
        act.name = "Somebody Else"
        act.save()
        paper = printed_of(type(draft).objects.get(pk=draft.pk))
    assert paper.number is None
    assert paper.supplier.name == "Laughing Stock"
    assert paper.buyer.name == "Somebody Else"
    assert wording.heading(paper) == "Tax invoice"


def test_what_we_owe_is_paid_to_the_supplier_s_account() -> None:
    office = Office()
    office.ourselves(bank=BANK_DETAILS)
    act = office.party(bank={"bsb": "633-000", "account": "87654321", "name": "Mirth Machine"})
    made = office.issued(
        act, kind="rcti", direction="payable", agreement=office.agreement(act), show=office.show()
    )
    with acting_as(office.identity):
        paper = printed_of(made)
    assert paper.direction is Direction.PAYABLE
    assert paper.bank == BankAccount(bsb="633000", account="87654321", name="Mirth Machine")
    assert (paper.supplier.name, paper.buyer.name) == ("Mirth Machine", "Laughing Stock")


def test_a_note_is_as_registered_as_what_it_corrects() -> None:
    office = Office()
    office.ourselves(gst_registered_to="2026-11-26")
    act = office.party()
    first = office.issued(act, issue_date="2026-11-20", due_date="2026-12-04")
    note = office.credit(first)
    with acting_as(office.identity):
        paper = printed_of(note)
    assert paper.supplier.registered
    assert paper.credits_number == first.number
    assert "No GST is charged" not in text_of(paper)


def test_bank_details_lie_encrypted() -> None:
    office = Office()
    us = office.ourselves(bank=BANK_DETAILS)
    with acting_as(office.identity):
        us.refresh_from_db()
        assert b"12345678" not in bytes(us.bank_details)
        assert "12345678" in crypto.decrypt(us.bank_details).reveal()


def test_a_document_has_one_file_of_a_kind() -> None:
    office = Office()
    office.ourselves()
    document = office.issued(office.party(), reference="PO 1")
    with acting_as(office.identity):
        first = files.store_ubl(document)
        assert files.store_ubl(document).pk == first.pk
        kinds = DocumentFile.objects.filter(
            organisation_id=office.organisation_id, document=document
        ).values_list("kind", flat=True)
        assert sorted(kinds) == ["pdf", "ubl"]
