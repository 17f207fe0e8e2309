"""Exports: what is in a cell is what was meant, and every row is there once."""

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core.documents import Direction
from housecount.invoices import exports, reports, tax_report
from housecount.invoices.exports import Cell, Column, ColumnKind, Table, to_csv, to_xlsx
from housecount.invoices.models import Document
from housecount.tenancy.identity import Identity, Role, acting_as
from tests.examples import LETTERS
from tests.factories import make_organisation
from tests.invoices.office import Office

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def of_text(*texts: str) -> Table:
    return Table("Texts", (Column("Text"),), [[text] for text in texts])


def read_csv(table: Table) -> list[list[str]]:
    content = b"".join(to_csv(table))
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def read_xlsx(content: bytes, sheet: int = 1) -> list[dict[str, tuple[str, str]]]:
    """Each row by column letter: the type of the cell, and what is in it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        tree = ET.fromstring(archive.read(f"xl/worksheets/sheet{sheet}.xml"))
        assert tree.find(f".//{_SHEET}f") is None, "nothing is calculated"
    rows = []
    for row in tree.iter(f"{_SHEET}row"):
        cells = {}
        for cell in row:
            text = "".join(
                part.text or "" for part in cell.iter() if part.tag in {f"{_SHEET}t", f"{_SHEET}v"}
            )
            cells[re.sub(r"\d", "", cell.get("r") or "")] = (cell.get("t") or "n", text)
        rows.append(cells)
    return rows


# --- Cells --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["=1+1", "+61 400", "-5", "@SUM(A1)", "\t=1", "\r=1", "＝1", "\n=1"])
def test_what_looks_like_a_formula_is_marked_as_text(text: str) -> None:
    [_, [cell]] = read_csv(of_text(text))
    assert cell == f"'{text}"


@pytest.mark.parametrize("text", ["Mirth & Co", "1+1=2", "a=b", "", "'quoted'", 'She said "no",\nand left'])
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert read_csv(of_text(text))[1:] == ([[text]] if text else [[""]])


@given(st.text(LETTERS.replace("\r", "").replace("\0", ""), max_size=30))
def test_no_cell_of_text_begins_a_formula(text: str) -> None:
    [_, [cell]] = read_csv(of_text(text))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\n"))
    assert cell in {text, f"'{text}"}


def test_amounts_and_days_are_not_marked() -> None:
    table = Table(
        "All",
        (Column("Day", ColumnKind.DATE), Column("Net", ColumnKind.MONEY), Column("Line", ColumnKind.NUMBER)),
        [[date(2026, 11, 27), Decimal("-1234.50"), 3], [None, Decimal("0.00"), Decimal("2.5")]],
    )
    assert read_csv(table)[1:] == [["2026-11-27", "-1234.50", "3"], ["", "0.00", "2.5"]]


def test_a_workbook_holds_text_as_text_and_amounts_as_numbers() -> None:
    rows: list[Sequence[Cell]] = [
        ["=HYPERLINK(1)", "AUD", Decimal("-1234567890.55"), date(2026, 11, 27)],
        ["https://fun.example", "JPY", Decimal(1200), None],
        ["{=1}", "AUD", Decimal("0.10"), None],
    ]
    columns = (
        Column("Text"), Column("Currency"), Column("Net", ColumnKind.MONEY), Column("Day", ColumnKind.DATE),
    )  # fmt: skip
    content = to_xlsx([Table("One/[x]", columns, rows), of_text("+2")])
    head, first, second, third = read_xlsx(content)
    assert [cell for _, cell in head.values()] == ["Text", "Currency", "Net", "Day"]
    assert first["A"] == ("inlineStr", "=HYPERLINK(1)")
    assert first["C"] == ("n", "-1234567890.55")
    assert first["D"] == ("n", "46353")  # days since 1899-12-30
    assert second["A"] == ("inlineStr", "https://fun.example")
    assert third["A"] == ("inlineStr", "{=1}")
    assert read_xlsx(content, 2)[1]["A"] == ("inlineStr", "+2")


def test_the_same_table_is_the_same_workbook() -> None:
    made = [hashlib.sha256(to_xlsx([of_text("a", "b")])).hexdigest() for _ in range(2)]
    assert made[0] == made[1]


# --- Documents ----------------------------------------------------------------------------------------
def _season(office: Office) -> list[Document]:
    office.ourselves()
    act = office.party(name="=Mirth")
    first = office.issued(
        act,
        lines=[
            {
                "description": "Set",
                "quantity": "2.5",
                "unit_price": 10_000,
                "discount": 500,
                "tax": "taxable",
            },
            {"description": "Flight", "quantity": "1", "unit_price": 20_000, "tax": "gst_free"},
        ],
    )
    office.pay(first, 10_000)
    return [first, office.issued(act), office.draft(act)]


def _rows(table: Table) -> list[dict[str, str]]:
    head, *rows = read_csv(table)
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_documents_are_told_as_they_stand() -> None:
    office = Office()
    first, second, draft = _season(office)
    with acting_as(office.identity):
        rows = _rows(exports.documents_table([first, second, draft]))
    assert [row["Number"] for row in rows] == [first.number, second.number, ""]
    paid = rows[0]
    assert paid["Party"] == "'=Mirth"
    assert (paid["Net"], paid["Tax"], paid["Total"]) == ("445.00", "24.50", "469.50")
    assert (paid["Paid"], paid["Balance"], paid["Payment"], paid["Status"]) == (
        "100.00", "369.50", "part_paid", "issued",
    )  # fmt: skip
    assert (paid["Issued"], paid["Due"], paid["Currency"]) == ("2026-11-27", "2026-12-11", "AUD")
    assert len(paid["SHA-256 of the PDF"]) == 64
    assert rows[2]["Status"] == "draft"
    # Without books in Xero there is nothing to say of them.
    assert {(row["Xero"], row["In Xero at"]) for row in rows} == {("", "")}


def test_lines_add_up_to_their_documents() -> None:
    office = Office()
    documents = _season(office)
    with acting_as(office.identity):
        lines = _rows(exports.lines_table(documents))
        whole = _rows(exports.documents_table(documents))
    assert [(each["Number"], each["Line"]) for each in lines[:2]] == [
        (documents[0].number, "1"), (documents[0].number, "2"),
    ]  # fmt: skip
    assert (lines[0]["Quantity"], lines[0]["Price"], lines[0]["Discount"]) == ("2.5", "100.00", "5.00")
    for title in ("Net", "Tax", "Total"):
        for number in {each["Number"] for each in whole}:
            [document] = [each for each in whole if each["Number"] == number]
            parts = [Decimal(each[title]) for each in lines if each["Number"] == number]
            assert sum(parts) == Decimal(document[title])


def test_reports_become_tables() -> None:
    office = Office()
    _season(office)
    with acting_as(office.identity):
        aged = reports.aged(
            office.organisation_id, direction=Direction.RECEIVABLE, on=date(2026, 12, 12), zone="UTC"
        )
        tax = tax_report.tax_report(
            office.organisation_id,
            since=date(2026, 1, 1),
            until=date(2026, 12, 31),
            basis=tax_report.Basis.ACCRUAL,
            zone="UTC",
        )
    row, total = _rows(exports.aged_table(aged))
    assert (row["Party"], row["1–30 days"], row["Total"]) == ("'=Mirth", "919.50", "919.50")
    assert (total["Party"], total["Total"]) == ("Total", "919.50")
    entries, sums = _rows(exports.tax_table(tax)), _rows(exports.tax_sums_table(tax))
    assert (
        sum(Decimal(each["Tax"]) for each in entries)
        == sum(Decimal(each["Tax"]) for each in sums)
        == Decimal("74.50")
    )


# --- PDFs ---------------------------------------------------------------------------------------------
def _zip(identity: Identity, documents: Iterable[Document]) -> zipfile.ZipFile:
    parts = list(exports.zip_of_pdfs(identity, [each.pk for each in documents]))
    return zipfile.ZipFile(io.BytesIO(b"".join(parts)))


def test_pdfs_are_zipped_under_their_numbers() -> None:
    office = Office()
    first, second, draft = _season(office)
    with _zip(office.identity, [first, second, draft]) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"{first.number}.pdf", f"{second.number}.pdf"]
        digest = hashlib.sha256(archive.read(f"{first.number}.pdf")).hexdigest()
        assert archive.getinfo(f"{first.number}.pdf").date_time[:3] == (2026, 11, 27)
    assert digest == office.json(first)["sha256"]


def test_a_zip_comes_piece_by_piece() -> None:
    office = Office()
    first, second, _ = _season(office)
    parts = exports.zip_of_pdfs(office.identity, iter([first.pk, second.pk]))
    assert len(next(parts)) > 10_000
    assert len(list(parts)) == 2  # the second, and the directory at the end


def test_nobody_zips_what_they_may_not_see() -> None:
    office = Office()
    documents = _season(office)
    for identity in (Identity.system(make_organisation()), Identity(Role.ACT, office.organisation_id)):
        with _zip(identity, documents) as archive:
            assert archive.namelist() == []
