"""Tables for spreadsheets: documents, their lines, the reports, as CSV and XLSX; and PDFs as a ZIP.

Text in a cell is text: what a spreadsheet would take for a formula is marked as text in CSV, and stored as text in
XLSX. Amounts are in major units, exact.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
import xlsxwriter  # type: ignore[import-untyped]

from housecount.core.money import exponent, to_major
from housecount.invoices import here
from housecount.invoices.kept_back import Earnings, Withheld
from housecount.invoices.models import Document, DocumentFile
from housecount.invoices.queries import documents_json
from housecount.invoices.reports import Aged
from housecount.invoices.tax_report import TaxReport
from housecount.tenancy.identity import Identity, acting_as

Cell = str | int | Decimal | date | None
#: Documents are read this many at a time.
_BATCH: Final = 500
#: A spreadsheet takes a cell that begins with one of these for a formula or a command; some, the full-width forms too.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: A cell of XLSX holds no more.
_LONGEST_CELL: Final = 32_767


class ColumnKind(StrEnum):
    """What the cells of a column hold."""

    TEXT = "text"
    DATE = "date"
    MONEY = "money"
    NUMBER = "number"


class Column(msgspec.Struct, frozen=True):
    """A column: its head and what it holds."""

    title: str
    kind: ColumnKind = ColumnKind.TEXT


class Table(msgspec.Struct, frozen=True):
    """A table with a title; rows may be made while they are read, once."""

    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Cell]]


_DATE, _MONEY, _NUMBER = ColumnKind.DATE, ColumnKind.MONEY, ColumnKind.NUMBER


# --- Tables -------------------------------------------------------------------------------------------
def documents_table(documents: Iterable[Document]) -> Table:
    """One row for each document, as things stand now."""
    columns = (
        *map(Column, ("Number", "Kind", "Direction", "Status", "Payment", "Party", "Reference")),
        Column("Issued", _DATE),
        Column("Due", _DATE),
        Column("Currency"),
        *(
            Column(title, _MONEY)
            for title in ("Net", "Tax", "Total", "Withheld", "Prepaid", "Paid", "Credited", "Balance")
        ),
        *map(Column, ("SHA-256 of the PDF", "Id", "Xero", "In Xero at")),
    )
    return Table("Documents", columns, map(_document_row, _told(documents)))


def lines_table(documents: Iterable[Document]) -> Table:
    """One row for each line of each document."""
    columns = (
        *map(Column, ("Number", "Kind", "Direction", "Status", "Party")),
        Column("Issued", _DATE),
        Column("Line", _NUMBER),
        Column("Description"),
        Column("Quantity", _NUMBER),
        Column("Currency"),
        Column("Price", _MONEY),
        Column("Discount", _MONEY),
        Column("Tax treatment"),
        Column("Account"),
        *(Column(title, _MONEY) for title in ("Net", "Tax", "Total")),
    )
    return Table("Lines", columns, (row for told in _told(documents) for row in _line_rows(told)))


def aged_table(report: Aged) -> Table:
    """One row for each party and currency, then the totals."""
    titles = ("Current", "1–30 days", "31–60 days", "61–90 days", "Over 90 days", "Credit", "Total")
    columns = (Column("Party"), Column("Currency"), *(Column(title, _MONEY) for title in titles))
    rows = (
        (
            row.name,
            row.currency,
            *_majors(row.currency, row.current, row.days_1_30, row.days_31_60, row.days_61_90, row.over_90),
            *_majors(row.currency, row.credit, row.total),
        )
        for row in (*report.rows, *report.totals)
    )
    return Table(f"Aged {report.direction} {report.on}", columns, rows)


def tax_table(report: TaxReport) -> Table:
    """One row for each entry: what the sums of the report are made of."""
    columns = (
        Column("Date", _DATE),
        *map(Column, ("Why", "Number", "Kind", "Party", "Direction", "Tax treatment", "Currency")),
        *(Column(title, _MONEY) for title in ("Net", "Tax", "Total")),
    )
    rows = (
        (
            *(each.on, each.why, each.number, each.kind, each.party, each.direction, each.treatment),
            each.currency,
            *_majors(each.currency, each.net, each.tax, each.gross),
        )
        for each in report.entries
    )
    return Table(f"Tax {report.since} to {report.until}", columns, rows)


def tax_sums_table(report: TaxReport) -> Table:
    """One row for each direction, currency and treatment."""
    columns = (
        *map(Column, ("Direction", "Currency", "Tax treatment")),
        *(Column(title, _MONEY) for title in ("Net", "Tax", "Total")),
    )
    rows = (
        (row.direction, row.currency, row.treatment, *_majors(row.currency, row.net, row.tax, row.gross))
        for row in report.rows
    )
    return Table("Sums", columns, rows)


def withheld_table(found: Iterable[Withheld]) -> Table:
    """One row for each payee and currency."""
    columns = (
        *map(Column, ("Payee", "ABN", "Currency")),
        Column("Documents", ColumnKind.NUMBER),
        Column("Total", _MONEY),
        Column("Withheld", _MONEY),
    )
    rows = (
        (
            each.name,
            each.abn,
            each.currency,
            each.documents,
            *_majors(each.currency, each.total, each.withheld),
        )
        for each in found
    )
    return Table("Tax withheld", columns, rows)


def earnings_table(found: Iterable[Earnings]) -> Table:
    """One row for each payee and currency."""
    columns = (
        *map(Column, ("Payee", "Currency")),
        Column("Lines", ColumnKind.NUMBER),
        Column("Earnings", _MONEY),
    )
    rows = ((each.name, each.currency, each.lines, *_majors(each.currency, each.earnings)) for each in found)
    return Table("Earnings for super", columns, rows)


def _told(documents: Iterable[Document]) -> Iterator[dict[str, Any]]:
    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if len(batch) == _BATCH:
            yield from documents_json(batch)
            batch = []
    yield from documents_json(batch)


def _document_row(told: dict[str, Any]) -> list[Cell]:
    currency, mark = told["currency"], told["xero"] or {}
    amounts = ("net_total", "tax_total", "total", "withheld", "prepaid", "paid", "credited", "balance")
    return [
        told["number"],
        told["kind"],
        told["direction"],
        told["status"],
        str(told["payment_status"]),
        told["party_name"],
        told["reference"],
        _day(told["issue_date"]),
        _day(told["due_date"]),
        currency,
        *(to_major(told[name], currency) for name in amounts),
        told["sha256"],
        told["id"],
        mark.get("stage"),
        mark.get("url"),
    ]


def _line_rows(told: dict[str, Any]) -> Iterator[list[Cell]]:
    currency = told["currency"]
    for place, line in enumerate(told["lines"], start=1):
        yield [
            told["number"],
            told["kind"],
            told["direction"],
            told["status"],
            told["party_name"],
            _day(told["issue_date"]),
            place,
            line["description"],
            Decimal(line["quantity"]),
            currency,
            to_major(line["unit_price"], currency),
            to_major(line["discount"], currency),
            line["tax"],
            line["account_code"],
            *(to_major(line[name], currency) for name in ("net_amount", "tax_amount", "gross_amount")),
        ]


def _majors(currency: str, *amounts: int) -> list[Cell]:
    return [to_major(amount, currency) for amount in amounts]


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


# --- Files --------------------------------------------------------------------------------------------
def to_csv(table: Table) -> Iterator[bytes]:
    """The table in UTF-8, with the mark at its beginning that spreadsheets know it by; a row at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)

    def taken() -> bytes:
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text.encode()

    buffer.write("\ufeff")
    writer.writerow([column.title for column in table.columns])
    yield taken()
    for row in table.rows:
        writer.writerow([_plain(cell) for cell in row])
        yield taken()


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    return (
        cell.isoformat()
        if isinstance(cell, date)
        else f"{cell:f}"
        if isinstance(cell, Decimal)
        else str(cell)
    )


def to_xlsx(tables: Sequence[Table]) -> bytes:
    """A workbook with a sheet for each table, heads kept in view; the same bytes for the same tables."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file,
        {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
         "strings_to_numbers": False},
    )  # fmt: skip
    book.set_properties({"created": datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)})
    head = book.add_format({"bold": True, "bottom": 1})
    formats = {ColumnKind.DATE: book.add_format({"num_format": "yyyy-mm-dd"})}
    money: dict[int, Any] = {
        decimals: book.add_format({"num_format": "#,##0" + ("." + "0" * decimals if decimals else "")})
        for decimals in (0, 2, 3)
    }
    for table in tables:
        sheet = book.add_worksheet(re.sub(r"[\[\]:*?/\\']", " ", table.title)[:31])
        sheet.freeze_panes(1, 0)
        currency_at = next((at for at, each in enumerate(table.columns) if each.title == "Currency"), None)
        for at, column in enumerate(table.columns):
            sheet.set_column(at, at, 32 if column.title in {"Description", "Party"} else 14)
            sheet.write_string(0, at, column.title, head)
        for line, row in enumerate(table.rows, start=1):
            decimals = 2 if currency_at is None else exponent(str(row[currency_at]))
            for at, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
                style = money[decimals] if column.kind is ColumnKind.MONEY else formats.get(column.kind)
                _write(sheet, line, at, cell, style)
    book.close()
    return file.getvalue()


def _write(sheet: Any, line: int, at: int, cell: Cell, style: Any) -> None:
    if cell is None:
        return
    if isinstance(cell, str):
        # A string is a string here: nothing in it is ever calculated.
        sheet.write_string(line, at, cell[:_LONGEST_CELL])
    elif isinstance(cell, date):
        sheet.write_datetime(line, at, datetime(cell.year, cell.month, cell.day), style)  # noqa: DTZ001 - a day
    else:
        sheet.write_number(line, at, cell, style)


def zip_of_pdfs(identity: Identity, document_ids: Iterable[UUID]) -> Iterator[bytes]:
    """The stored PDFs of documents as one ZIP, piece by piece: one PDF is in memory at a time. Those without one are
    left out. Each is read in its own transaction as `identity`, so that it may be sent while it is made."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for key in document_ids:
            with acting_as(identity):
                kept = (
                    DocumentFile.objects.filter(
                        organisation_id=here.organisation_id(), document_id=key, kind="pdf"
                    )
                    .select_related("document")
                    .first()
                )
            if kept is None:
                continue
            day = kept.document.issue_date
            name = re.sub(r"[^\w.-]", "_", kept.document.number or str(key))
            entry = zipfile.ZipInfo(f"{name}.pdf", (max(day.year, 1980), day.month, day.day, 0, 0, 0))
            archive.writestr(entry, bytes(kept.content))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that can only be written on, and gives away what was written."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
