"""Our documents in Xero's words, and what Xero must come to: the same to the cent, or it is not approved.

Xero rounds tax on every line to two decimals, halves away from zero, and adds up. Where that does not give a line's
tax as we issued it (a document whose tax was rounded on the total), the tax is sent with the line.
"""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from housecount.core.documents import Direction
from housecount.core.money import to_major
from housecount.core.tax import PriceMode, Treatment
from housecount.invoices.models import Deduction, Document, Line
from housecount.xero import wire
from housecount.xero.errors import Blocked
from housecount.xero.mapping import Books

_CENT = Decimal("0.01")
_LONGEST = 3900


class Figures(NamedTuple):
    """What a document must come to in Xero, in its currency."""

    subtotal: Decimal
    tax: Decimal
    total: Decimal


class Paper(NamedTuple):
    """A document for Xero: where it goes, what is sent (without contact and status), and what it must come to."""

    place: str
    type: str
    fields: dict[str, Any]
    figures: Figures
    line_taxes: tuple[Decimal, ...]


def place_of(document: Document) -> str:
    """Where Xero keeps its like."""
    return "CreditNotes" if document.gives_credit else "Invoices"


def type_of(document: Document) -> str:
    side = "ACCREC" if document.direction == Direction.RECEIVABLE else "ACCPAY"
    return f"{side}CREDIT" if document.gives_credit else side


def figures_of(document: Document, deductions: Sequence[Deduction]) -> Figures:
    """What it must come to in Xero: its own totals, less the deposits that were received for it with their tax, less
    what is withheld from its payment."""
    sign = -1 if document.gives_credit and document.total < 0 else 1
    tax = sign * document.tax_total - sum(each.tax_amount for each in deductions if each.amount)
    total = sign * document.total - sum(each.amount for each in deductions) - document.withheld
    major = _major(document)
    return Figures(major(total - tax), major(tax), major(total))


def paper_of(
    document: Document, lines: Sequence[Line], deductions: Sequence[Deduction], books: Books, url: str | None
) -> Paper:
    """The document for Xero. Raises `Blocked` for an account or a tax rate that is not there or does not fit."""
    sign = -1 if document.gives_credit and document.total < 0 else 1
    inclusive = document.price_mode == PriceMode.INCLUSIVE
    drawn, taxes = [], []
    for line in lines:
        fields = _line(document, line, sign, books, inclusive=inclusive)
        drawn.append(fields)
        taxes.append(sign * line.tax_amount)
    for each in deductions:
        if each.amount:
            drawn.append(_deduction(document, each, books, inclusive=inclusive))
            taxes.append(-each.tax_amount)
    if document.withheld:
        drawn.append(_withheld(document, books))
        taxes.append(0)
    major = _major(document)
    place, kind = place_of(document), type_of(document)
    number = "CreditNoteNumber" if place == "CreditNotes" else "InvoiceNumber"
    fields = {
        "Type": kind,
        number: document.number or "",
        "Date": document.issue_date.isoformat(),
        "CurrencyCode": document.currency,
        "LineAmountTypes": "Inclusive" if inclusive else "Exclusive",
        "LineItems": drawn,
    }
    if place == "Invoices":
        fields["DueDate"] = (document.due_date or document.issue_date).isoformat()
        if url:
            fields["Url"] = url
    if kind in ("ACCREC", "ACCRECCREDIT") and document.reference:
        fields["Reference"] = document.reference[:200]
    return Paper(place, kind, fields, figures_of(document, deductions), tuple(major(each) for each in taxes))


def differences(paper: Paper, found: wire.Document, contact_id: str | None) -> list[tuple[str, str, str]]:
    """Where Xero's document is not ours: (field, ours, Xero's)."""
    ours = paper.fields
    total = found.total - found.rounding_amount
    pairs: list[tuple[str, object, object]] = [
        ("type", paper.type, found.type),
        ("date", date.fromisoformat(ours["Date"]), wire.day(found.date)),
        ("currency", ours["CurrencyCode"], found.currency_code),
        ("subtotal", paper.figures.subtotal, found.sub_total),
        ("tax", paper.figures.tax, found.total_tax),
        ("total", paper.figures.total, total),
    ]
    if contact_id is not None:
        pairs.append(("contact", contact_id, found.contact.contact_id if found.contact else ""))
    if "DueDate" in ours and found.due_date:
        pairs.append(("due date", date.fromisoformat(ours["DueDate"]), wire.day(found.due_date)))
    if len(found.line_items) == len(paper.line_taxes):
        pairs += [
            (f"tax of line {place}", mine, line.tax_amount)
            for place, (mine, line) in enumerate(zip(paper.line_taxes, found.line_items, strict=True), 1)
        ]
    return [(name, str(mine), str(theirs)) for name, mine, theirs in pairs if mine != theirs]


def _line(document: Document, line: Line, sign: int, books: Books, *, inclusive: bool) -> dict[str, Any]:
    major = _major(document)
    direction, treatment = Direction(document.direction), Treatment(line.tax)
    purpose = "sales" if direction is Direction.RECEIVABLE else "costs"
    account = books.usable(line.account_code) if line.account_code else books.mapped(purpose)
    code = books.tax_type(direction, treatment, document.tax_rate, account)
    worth = major(sign * (line.gross_amount if inclusive else line.net_amount))
    quantity, unit = line.quantity, major(sign * line.unit_price)
    if (quantity * unit).quantize(_CENT, ROUND_HALF_UP) != worth:
        # A discount, or a price that is rounded otherwise: what counts is the line's worth.
        quantity, unit = Decimal(1), worth
    fields: dict[str, Any] = {
        "Description": line.description[:_LONGEST],
        "Quantity": quantity.normalize() + 0,
        "UnitAmount": unit,
        "AccountCode": account.code,
        "TaxType": code,
    }
    rate = Decimal(document.tax_rate) / 100 if treatment is Treatment.TAXABLE else Decimal(0)
    theirs = worth * rate / (100 + rate if inclusive else 100)
    if theirs.quantize(_CENT, ROUND_HALF_UP) != major(sign * line.tax_amount):
        fields["TaxAmount"] = major(sign * line.tax_amount)
    return fields


def _deduction(document: Document, each: Deduction, books: Books, *, inclusive: bool) -> dict[str, Any]:
    """A deposit that was received and invoiced on its own: taken off, with the tax that was accounted for there."""
    major = _major(document)
    direction = Direction(document.direction)
    account = books.mapped("sales" if direction is Direction.RECEIVABLE else "costs")
    treatment = Treatment.TAXABLE if each.tax_amount else Treatment.OUT_OF_SCOPE
    return {
        "Description": f"Less deposit received, {each.deposit.number}",
        "Quantity": Decimal(1),
        "UnitAmount": major(-(each.amount if inclusive else each.amount - each.tax_amount)),
        "AccountCode": account.code,
        "TaxType": books.tax_type(direction, treatment, document.tax_rate, account),
        "TaxAmount": major(-each.tax_amount),
    }


def _withheld(document: Document, books: Books) -> dict[str, Any]:
    """What is kept back for the tax office: owed to it, not to the party."""
    account = books.mapped("withheld")
    direction = Direction(document.direction)
    return {
        "Description": "Less tax withheld",
        "Quantity": Decimal(1),
        "UnitAmount": _major(document)(-document.withheld),
        "AccountCode": account.code,
        "TaxType": books.tax_type(direction, Treatment.OUT_OF_SCOPE, document.tax_rate, account),
    }


def _major(document: Document) -> Any:
    return lambda minor: to_major(minor, document.currency)


def gate(document: Document, currency: str, locked_until: date | None, *, pays_tax: bool) -> None:
    """Raises `Blocked` for what Xero would certainly refuse, or book wrongly."""
    if document.tax_total and not pays_tax:
        raise Blocked(
            f"{document.number} has tax in it, and the organisation in Xero is not registered for it. Correct its "
            "settings in Xero."
        )
    if document.currency != currency:
        raise Blocked(
            f"{document.number} is in {document.currency}, and the books in Xero are kept in {currency}. "
            "Enter it there by hand."
        )
    if locked_until is not None and document.issue_date <= locked_until:
        raise Blocked(
            f"The books in Xero are locked up to {locked_until}, and {document.number} is of "
            f"{document.issue_date}. Move the lock date in Xero, push again, and lock again."
        )
