"""Our documents in Xero's words, and what Xero must come to: the same to the cent, or it is not approved.

Xero rounds tax on every line to two decimals, halves away from zero, and adds up. Where that does not give a line's
tax as we issued it (a document whose tax was rounded on the total), the tax is sent with the line.
"""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from housecount.core.documents import DepositKind, Direction
from housecount.core.money import to_major
from housecount.core.shares import share
from housecount.core.tax import Amounts, PriceMode, Treatment
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


class Taken(NamedTuple):
    """A deposit that is taken off a document, with the lines of its own invoice."""

    deduction: Deduction
    lines: Sequence[Line]


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
    document: Document, lines: Sequence[Line], deposits: Sequence[Taken], books: Books, url: str | None
) -> Paper:
    """The document for Xero. Raises `Blocked` for an account or a tax rate that is not there or does not fit."""
    deductions = [each.deduction for each in deposits]
    sign = -1 if document.gives_credit and document.total < 0 else 1
    inclusive = document.price_mode == PriceMode.INCLUSIVE
    drawn, taxes = [], []
    for line in lines:
        fields = _line(document, line, sign, books, inclusive=inclusive)
        drawn.append(fields)
        taxes.append(sign * line.tax_amount)
    for each in deposits:
        for treatment, part in _parts(each).items():
            drawn.append(_deduction(document, each, treatment, part, books, inclusive=inclusive))
            taxes.append(-part.tax)
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
    account = _account(document, line.account_code, books)
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


def _parts(taken: Taken) -> dict[Treatment, Amounts]:
    """What is taken off by tax treatment, as the deposit's own lines are; together it is the deduction to the cent."""
    each, classes = taken.deduction, dict[Treatment, Amounts]()
    for line in taken.lines:
        before = classes.get(Treatment(line.tax), Amounts(0, 0, 0))
        classes[Treatment(line.tax)] = Amounts(
            before.net + line.net_amount, before.tax + line.tax_amount, before.gross + line.gross_amount
        )
    parts = {
        key: part for key, part in share(classes, each.deposit.total, 0, each.amount).items() if part.gross
    }
    over = each.tax_amount - sum(part.tax for part in parts.values())
    if over:
        found = parts[Treatment.TAXABLE]
        parts[Treatment.TAXABLE] = Amounts(found.net - over, found.tax + over, found.gross)
    return parts


def _deduction(
    document: Document, taken: Taken, treatment: Treatment, part: Amounts, books: Books, *, inclusive: bool
) -> dict[str, Any]:
    """A deposit that was received and invoiced on its own: taken off where it was booked, with the tax that was
    accounted for there."""
    major = _major(document)
    direction = Direction(document.direction)
    codes = {line.account_code for line in taken.lines if line.tax == treatment}
    account = _account(taken.deduction.deposit, codes.pop() if len(codes) == 1 else "", books)
    return {
        "Description": f"Less deposit received, {taken.deduction.deposit.number}",
        "Quantity": Decimal(1),
        "UnitAmount": major(-(part.gross if inclusive else part.net)),
        "AccountCode": account.code,
        "TaxType": books.tax_type(direction, treatment, document.tax_rate, account),
        "TaxAmount": major(-part.tax),
    }


def _account(document: Document, code: str, books: Books) -> wire.Account:
    """Where a line is booked. A deposit that is held as security is nobody's income."""
    if code:
        return books.usable(code)
    if document.deposit_kind == DepositKind.SECURITY:
        return books.mapped("deposits")
    return books.mapped("sales" if document.direction == Direction.RECEIVABLE else "costs")


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


def gate(document: Document, locked_until: date | None, *, pays_tax: bool) -> None:
    """Raises `Blocked` for what Xero would certainly refuse, or book wrongly."""
    if document.tax_total and not pays_tax:
        raise Blocked(
            f"{document.number} has tax in it, and the organisation in Xero is not registered for it. Correct its "
            "settings in Xero."
        )
    if locked_until is not None and document.issue_date <= locked_until:
        raise Blocked(
            f"The books in Xero are locked up to {locked_until}, and {document.number} is of "
            f"{document.issue_date}. Move the lock date in Xero, push again, and lock again."
        )
