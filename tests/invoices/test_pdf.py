"""The paper: what stands on it, read back from the PDF itself, and that its bytes are always the same."""

import re
import struct
import zlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housecount.core.documents import DepositKind, Kind
from housecount.core.tax import Priced, PriceMode, RoundingRule, Treatment
from housecount.invoices import pdf
from housecount.invoices.printed import BankAccount, Prepaid, Printed
from tests.invoices.sheets import ACT, US, page_texts, printed, rcti

ROOT = Path(__file__).parents[2]
ONE = Decimal(1)


def text_of(paper: Printed, **options: bool) -> str:
    return " ".join(page_texts(pdf.render(paper, **options)))


def picture(red: int = 200) -> bytes:
    """A PNG of eight by eight, of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes([red, 40, 40]) * 8) * 8
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


# --- What stands on it --------------------------------------------------------------------------------
def test_a_tax_invoice_says_what_the_law_and_the_reader_want() -> None:
    text = text_of(printed(reference="PO 4711", notes="Thank you for\na wonderful night."))
    for said in (
        "Tax invoice INV-00001",
        "Supplier Laughing Stock Laughing Stock Comedy Pty Ltd ABN 53 004 085 616 Level 2, 80 Giggle Street",
        "Bill to Zoë Ng-Māhina The Ng Dynasty Pty Ltd ABN 51 824 753 556 3/14 Punchline Parade",
        "Issued 27 November 2026 Supplied 27 November 2026 Due 11 December 2026",
        "Show Friday Night Laughs, The Velvet Room Reference PO 4711",
        "Description Quantity Price ex GST Ex GST GST 10% Amount",
        "Headline set 1 500.00 500.00 50.00 550.00",
        "Total ex GST A$500.00 GST A$50.00 Total incl. GST A$550.00 Amount due A$550.00",
        "Account name Laughing Stock Comedy Pty Ltd BSB 062-000 Account 12345678 Reference INV-00001",
        "Thank you for a wonderful night.",
        "GST is rounded on each line.",
        "Page 1 of 1",
    ):
        assert said in text


def test_lines_of_several_treatments_are_each_marked_and_summed() -> None:
    text = text_of(
        printed(
            ("Headline set", Priced(ONE, 50_000)),
            ("Flight to Hobart", Priced(ONE, 32_450, Treatment.GST_FREE)),
            ("Share of the room's rent", Priced(ONE, 1_000, Treatment.INPUT_TAXED)),
        )
    )
    assert "Headline set GST 10% 1 500.00 500.00 50.00 550.00" in text
    assert "Flight to Hobart GST-free 1 324.50 324.50 0.00 324.50" in text
    assert "Share of the room's rent Input taxed 1 10.00 10.00 0.00 10.00" in text
    assert "GST 10% 500.00 50.00 550.00 GST-free 324.50 0.00 324.50 Input taxed 10.00 0.00 10.00" in text
    assert "Total ex GST A$834.50 GST A$50.00 Total incl. GST A$884.50" in text


def test_prices_that_hold_the_tax_are_called_so() -> None:
    text = text_of(printed(("Ticket", Priced(ONE, 6_000)), mode=PriceMode.INCLUSIVE))
    assert "Price incl. GST" in text
    assert "Ticket 1 60.00 54.55 5.45 60.00" in text


def test_discounts_and_deductions_are_shown_with_a_minus() -> None:
    text = text_of(
        printed(
            ("Two sets", Priced(Decimal(2), 15_000, discount=3_000)),
            ("Less the float", Priced(Decimal(-1), 2_000)),
        )
    )
    assert "Price ex GST Discount Ex GST" in text
    assert "Two sets 2 150.00 −30.00 270.00 27.00 297.00" in text
    assert "Less the float −1 20.00 −20.00 −2.00 −22.00" in text


def test_an_rcti_says_who_made_it_and_who_pays_the_tax() -> None:
    text = text_of(rcti())
    assert "Recipient created tax invoice RCTI-00001" in text
    assert "Supplier Zoë Ng-Māhina" in text
    assert "Recipient Laughing Stock" in text
    assert "The GST shown is payable by the supplier." in text
    assert "Amount to pay A$550.00" in text


def test_an_unregistered_supplier_shows_no_tax() -> None:
    supplier = msgspec.structs.replace(ACT, registered=False)
    line = ("Support set", Priced(ONE, 50_000, Treatment.OUT_OF_SCOPE))
    text = text_of(rcti(line, kind=Kind.PAYMENT_STATEMENT, number="PS-00001", supplier=supplier))
    assert "Payment statement PS-00001" in text
    assert "tax invoice" not in text.lower()
    assert "Description Quantity Price Amount Support set 1 500.00 500.00 Total A$500.00" in text
    assert "No GST is charged: the supplier is not registered for GST." in text


def test_a_deposit_held_as_security_is_no_tax_invoice() -> None:
    line = ("Deposit", Priced(ONE, 55_000, Treatment.OUT_OF_SCOPE))
    text = text_of(printed(line, kind=Kind.DEPOSIT_INVOICE, deposit_kind=DepositKind.SECURITY))
    assert "Tax invoice" not in text
    assert text.startswith(" Security deposit")
    assert "Held as security." in text
    assert "Quantity Price Amount Deposit 1 550.00 550.00 Total A$550.00 Amount due A$550.00" in text


def test_a_final_invoice_takes_off_the_deposit_that_was_received() -> None:
    paper = printed(
        ("Hire", Priced(ONE, 220_000)),
        mode=PriceMode.INCLUSIVE,
        prepaid=(Prepaid(number="DEP-00003", amount=55_000),),
    )
    text = text_of(paper)
    assert "GST A$200.00 Total incl. GST A$2,200.00 Less deposit received, DEP-00003 −A$550.00" in text
    assert "Amount due A$1,650.00" in text


def test_withheld_tax_is_taken_off_what_is_paid() -> None:
    supplier = msgspec.structs.replace(ACT, registered=False, abn="")
    line = ("Support set", Priced(ONE, 50_000, Treatment.OUT_OF_SCOPE))
    text = text_of(rcti(line, kind=Kind.PAYMENT_STATEMENT, supplier=supplier, withheld=23_500))
    assert "Less tax withheld (no ABN) −A$235.00 Amount to pay A$265.00" in text
    assert "A$235.00 is withheld from the payment and paid to the Australian Taxation Office." in text


def test_a_credit_note_names_what_it_corrects_and_asks_for_nothing() -> None:
    text = text_of(
        printed(
            kind=Kind.CREDIT_NOTE,
            number="CN-00001",
            credits_number="INV-00001",
            credits_date=date(2026, 11, 20),
            credits_kind=Kind.INVOICE,
            bank=None,
        )
    )
    assert "Credit note CN-00001" in text
    assert "Corrects INV-00001" in text
    assert "This is an adjustment note for GST. Reduces invoice INV-00001 of 20 November 2026." in text
    assert "Amount due" not in text
    assert "Due " not in text


@pytest.mark.parametrize(
    ("country", "rate", "said"),
    [("NZ", 1500, "GST 15%"), ("GB", 2000, "VAT 20%"), ("NZ", 1250, "GST 12.5%")],
)
def test_other_countries_have_their_own_words(country: str, rate: int, said: str) -> None:
    supplier = msgspec.structs.replace(US, country=country, abn="", vat_number="111111111")
    assert said in text_of(printed(rate=rate, supplier=supplier))


@pytest.mark.parametrize(
    ("country", "said", "paid"),
    [
        ("AU", "Recipient created adjustment note CN-1", "BSB 062-000"),
        ("NZ", "Buyer-created supply correction information CN-1", "BSB 062-000"),
        ("GB", "Self-billing credit note CN-1", "Sort code 06-20-00"),
    ],
)
def test_each_country_s_self_billing_is_corrected_in_its_own_words(
    country: str, said: str, paid: str
) -> None:
    act = msgspec.structs.replace(ACT, country=country)
    original = rcti(supplier=act)
    assert paid in text_of(original)
    account = BankAccount(account="0123456789012345")
    shown = "01-2345-6789012-345" if country == "NZ" else "0123456789012345"
    assert f"Account {shown} Reference" in text_of(rcti(supplier=act, bank=account))
    note = rcti(
        supplier=act,
        kind=Kind.CREDIT_NOTE,
        number="CN-1",
        credits_number="RCTI-00001",
        credits_kind=Kind.RCTI,
    )
    text = text_of(note)
    heading = text_of(original).split(" RCTI-00001")[0].strip()
    assert text.startswith(f" {said}")
    assert f"Reduces {heading[0].lower()}{heading[1:]} RCTI-00001." in text


def test_tax_rounded_on_the_total_is_said() -> None:
    assert "GST is rounded once, on the total." in text_of(printed(rule=RoundingRule.TOTAL))


def test_a_long_document_repeats_its_head_and_numbers_its_pages() -> None:
    lines = [(f"Night {night}: a set of twenty minutes", Priced(ONE, 12_000)) for night in range(1, 101)]
    pages = page_texts(pdf.render(printed(*lines)))
    assert len(pages) > 3
    for at, page in enumerate(pages, start=1):
        assert f"Page {at} of {len(pages)}" in page
    assert all("Description Quantity" in page for page in pages if "Night" in page)
    whole = " ".join(pages)
    assert all(whole.count(f"Night {night}:") == 1 for night in range(1, 101))
    assert whole.count("Amount due") == 1


@pytest.mark.parametrize("count", [*range(24, 34), *range(55, 64)])
def test_no_page_holds_totals_alone(count: int) -> None:
    lines = [(f"Night {night}: a set", Priced(ONE, 12_000)) for night in range(count)]
    pages = page_texts(pdf.render(printed(*lines)))
    on_each = [len(re.findall(r"Night \d", page)) for page in pages]
    [end] = [at for at, page in enumerate(pages) if "Amount due" in page]
    assert sum(on_each) == count
    assert on_each[end] >= 2, on_each
    assert sum(on_each[end + 1 :]) == 0
    assert all("Description Quantity" in page for page in pages[: end + 1])


def test_totals_follow_a_last_line_longer_than_a_page() -> None:
    words = " ".join(f"word{at}" for at in range(3_000))
    pages = page_texts(pdf.render(printed(*[("Night", Priced(ONE, 1))] * 9, (words, Priced(ONE, 1)))))
    assert all(f"word{at}" in " ".join(pages) for at in range(3_000))
    assert "Amount due" in pages[-1]


def test_a_description_longer_than_a_page_is_printed_whole() -> None:
    words = " ".join(f"word{at}" for at in range(3_000))
    whole = re.sub(
        r" Laughing Stock · .*? Description .*? Amount ", " ", text_of(printed((words, Priced(ONE, 1))))
    )
    assert "word0 word1 word2" in whole
    assert all(f"word{at}" in whole for at in range(3_000))


def test_a_draft_is_marked_on_every_page() -> None:
    lines = [(f"Night {night}", Priced(ONE, 12_000)) for night in range(60)]
    pages = page_texts(pdf.render(printed(*lines, number=None), draft=True))
    assert len(pages) > 1
    assert all("DRAFT" in page for page in pages)
    assert "DRAFT" not in text_of(printed())


_AMOUNTS = st.lists(
    st.builds(
        Priced,
        st.decimals(min_value="0.5", max_value="40", places=2),
        st.integers(-2_000_00, 9_000_00),
        st.sampled_from([Treatment.TAXABLE, Treatment.GST_FREE]),
        st.just(0),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25)
@given(_AMOUNTS, st.sampled_from(PriceMode), st.sampled_from(RoundingRule))
def test_printed_lines_add_up_to_printed_totals(
    lines: list[Priced], mode: PriceMode, rule: RoundingRule
) -> None:
    paper = printed(*[(f"Item {at};", line) for at, line in enumerate(lines)], mode=mode, rule=rule)
    text = text_of(paper)
    figure = r"(−?[\d,]+\.\d\d)"

    def cents(shown: str) -> int:
        return int(re.sub(r"[^\d−]", "", shown).replace("−", "-"))

    rows = re.findall(rf"Item \d+; (?:GST 10% |GST-free )?\S+ {figure} {figure} {figure} {figure}", text)
    assert len(rows) == len(lines)
    totals = re.search(r"Total ex GST (−?A\$[\d,.]+) GST (−?A\$[\d,.]+) Total incl. GST (−?A\$[\d,.]+)", text)
    assert totals
    for column in (1, 2, 3):
        assert sum(cents(row[column]) for row in rows) == cents(totals[column])
    assert cents(totals[1]) + cents(totals[2]) == cents(totals[3])


# --- Names are data -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "#strong[x] $y$ `z` \\u{41} // *b* _i_ = H <l> @r",
        "Łukasz Øystein Ñandú Ștefan Đorđe",
        "Ελένη Παπαδοπούλου",
        "Наталія Шевченко",
        "Nguyễn Thị Ánh",
        "Whakaaro Pai Ōtautahi",
    ],
)
def test_a_name_is_printed_as_it_is(name: str) -> None:
    text = text_of(printed(buyer=msgspec.structs.replace(ACT, name=name)))
    assert f"Bill to {name} " in text


def test_a_symbol_without_a_font_keeps_no_document_back() -> None:
    made = pdf.render(printed(show="\U0001f9a5\u200d\ufe0f \U0001faa9 Comedy Night \U000f0000"))
    assert b"<pdfaid:part>2" in made
    assert "Comedy Night" in page_texts(made)[0]


def test_a_letter_without_a_font_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = pdf._compiler
    # As on a machine without fonts.
    monkeypatch.setattr(pdf, "_compiler", lambda *, own_fonts: compiler(own_fonts=True))
    with pytest.raises(pdf.NotPrintable, match="“李” cannot be printed"):
        pdf.render(printed(buyer=msgspec.structs.replace(ACT, name="Mirth 李雷")))


def test_what_cannot_be_printed_is_left_out() -> None:
    name = "Evil\u202e\x00\x07\ud800 Twin"
    assert "Bill to Evil Twin " in text_of(printed(buyer=msgspec.structs.replace(ACT, name=name)))


def test_a_word_that_no_line_holds_is_broken() -> None:
    sheet = pdf.sheet_of(printed(notes="x" * 100, reference="short"))
    [note] = sheet["notes"]  # type: ignore[misc]
    assert max(map(len, note.split("\u200b"))) <= 8  # type: ignore[has-type]
    assert ("Reference", "short") in sheet["facts"]  # type: ignore[operator]


def test_the_account_is_told_to_nobody_who_asks_for_its_repr() -> None:
    assert "12345678" not in repr(printed())
    assert "062000" not in repr(BankAccount(bsb="062000", account="12345678"))
