"""Invoices, bills and credit notes: what may be written, and Xero's own arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from housecount_sandbox.xero import charts, contacts
from housecount_sandbox.xero.answers import Invalid
from housecount_sandbox.xero.model import ZERO, Account, Contact, Document, Line, Tenant
from housecount_sandbox.xero.values import CENT, TENTH_OF_MILL, number, parse_day, rounded

if TYPE_CHECKING:
    from datetime import date

    from housecount_sandbox.limits import Limits
    from housecount_sandbox.xero.books import Xero
    from housecount_sandbox.xero.model import App

INVOICES = ("ACCREC", "ACCPAY")
CREDITS = ("ACCRECCREDIT", "ACCPAYCREDIT")
_STEPS = {
    "DRAFT": {"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"},
    "SUBMITTED": {"SUBMITTED", "DRAFT", "AUTHORISED", "DELETED"},
    "AUTHORISED": {"AUTHORISED", "VOIDED"},
    "PAID": {"PAID"},
    "VOIDED": set[str](),
    "DELETED": set[str](),
}
_MONEY = ("Quantity", "UnitAmount", "LineAmount", "TaxAmount", "DiscountRate", "DiscountAmount")


@dataclass(slots=True)
class Writing:
    """Who writes, and how: one request's circumstances."""

    xero: Xero
    limits: Limits
    tenant: Tenant
    app: App | None
    four_decimals: bool = False
    # A fault: the first line's tax comes out so many cents wrong.
    cents_out: int = 0


@dataclass(slots=True)
class _Wanted:
    """What an element asks for, after checking."""

    contact: Contact | None = None
    day: date | None = None
    due: date | None = None
    status: str = "DRAFT"
    lines: list[Line] | None = None
    errors: list[str] = field(default_factory=list)


def find(tenant: Tenant, identity: Any, types: tuple[str, ...]) -> Document | None:
    """By id, or by number where numbers are unique: sales and credit notes."""
    found = tenant.documents.get(str(identity))
    if found is not None:
        return found if found.type in types else None
    return next(
        (
            each
            for each in tenant.documents.values()
            if each.type in types and each.type != "ACCPAY" and identity and each.number == identity
        ),
        None,
    )


def write(
    writing: Writing,
    sent: dict[str, Any],
    types: tuple[str, ...],
    *,
    create: bool,
    known: Document | None = None,
) -> Document:
    """Create (PUT), or update what is matched by id or number and create otherwise (POST).

    Raises Invalid, changing nothing.
    """
    name = "CreditNote" if types is CREDITS else "Invoice"
    target = known
    if not create and target is None:
        target = find(writing.tenant, sent.get(f"{name}ID") or sent.get(f"{name}Number"), types)
        if target is None and sent.get(f"{name}ID"):
            raise Invalid(sent, f"The {name} with that id could not be found.")
    kind = str(sent.get("Type") or (target.type if target else ""))
    if kind not in types or (target is not None and kind != target.type):
        raise Invalid(sent, f"A {name} needs a valid Type.")
    sent_number = sent.get(f"{name}Number")
    wanted = _check(writing, sent, kind, sent_number, target)
    if wanted.errors:
        raise Invalid(sent, *wanted.errors)
    if target is None:
        target = _make(writing, sent, kind, wanted)
        event = "CREATE"
    else:
        event = "UPDATE"
    if sent_number is not None:
        target.number = str(sent_number)
    elif not target.number and kind != "ACCPAY":
        target.number = next_number(writing.tenant, kind)
    _fill(target, sent, wanted)
    # What a draft's number was, somebody else may have from now on.
    if target.status == "DELETED" and writing.limits.xero_deleted_numbers_free:
        target.number += " (deleted)"
    _settle_zero(writing, target)
    writing.xero.changed(writing.tenant, target, event)
    return target


def next_number(tenant: Tenant, kind: str) -> str:
    """The next free number of a sale or a credit note."""
    prefix = "INV-" if kind == "ACCREC" else "CN-"
    taken = {each.number for each in tenant.documents.values()}
    count = tenant.last_number.get(prefix, 0)
    while True:
        count += 1
        if (made := f"{prefix}{count:04d}") not in taken:
            tenant.last_number[prefix] = count
            return made


def line_of(writing: Writing, sent: dict[str, Any], kind: str, line_types: str) -> Line:
    """One line with its amounts. Raises Invalid for what is wrong with it."""
    errors = [
        f"The {name} must be a number."
        for name in _MONEY
        if sent.get(name) is not None and number(sent[name]) is None
    ]
    if errors:
        raise Invalid(sent, *errors)
    description = str(sent.get("Description") or "")
    if not description:
        errors.append("A line needs a description.")
    step = TENTH_OF_MILL if writing.four_decimals else CENT
    unit, line_amount = number(sent.get("UnitAmount")), number(sent.get("LineAmount"))
    quantity = rounded(number(sent.get("Quantity", 1)) or ZERO, TENTH_OF_MILL)
    if unit is None and line_amount is not None and quantity:
        unit = line_amount / quantity
    unit = rounded(unit or ZERO, step)
    worth = quantity * unit
    discount = number(sent.get("DiscountRate"))
    if discount is not None or sent.get("DiscountAmount") is not None:
        if kind != "ACCREC":
            errors.append("Discounts are for sales invoices only.")
        worth -= number(sent.get("DiscountAmount")) or worth * (discount or ZERO) / 100
    account = _account(writing.tenant, sent, errors)
    tax_type = str(sent.get("TaxType") or (account.tax_type if account else "") or "") or None
    rate = _rate(writing.tenant, tax_type, account, errors) if line_types != "NoTax" else ZERO
    tracking = sent.get("Tracking") or []
    if len(tracking) > 2:
        errors.append("A line takes at most two tracking options.")
    if errors:
        raise Invalid(sent, *errors)
    base = rounded(worth) if writing.limits.xero_rounds_line_first else worth
    tax = base * rate / (100 + rate) if line_types == "Inclusive" else base * rate / 100
    overridden = number(sent.get("TaxAmount"))
    return Line(
        str(sent.get("LineItemID") or writing.xero.new_id()),
        description,
        quantity,
        unit,
        rounded(worth),
        rounded(overridden if overridden is not None and line_types != "NoTax" else tax),
        account,
        tax_type,
        discount,
        tracking,
    )


def _account(tenant: Tenant, sent: dict[str, Any], errors: list[str]) -> Account | None:
    wanted = sent.get("AccountID") or sent.get("AccountCode")
    if not wanted:
        return None
    account = tenant.account(wanted)
    if account is None:
        errors.append(f"Account code '{wanted}' is not a valid code for this document.")
    elif account.status != "ACTIVE":
        errors.append(f"Account code '{wanted}' has been archived or deleted.")
    elif account.type == "BANK" or account.system in ("DEBTORS", "CREDITORS"):
        errors.append(f"Account code '{wanted}' cannot be used on a document.")
    return account


def _rate(tenant: Tenant, tax_type: str | None, account: Account | None, errors: list[str]) -> Decimal:
    if tax_type is None:
        return ZERO
    rate = tenant.tax_rate(tax_type)
    if rate is None or rate.status != "ACTIVE":
        errors.append(f"The TaxType code '{tax_type}' does not exist or cannot be used.")
        return ZERO
    if account is not None and account.kind not in rate.applies:
        errors.append(f"The TaxType code '{tax_type}' cannot be used with account code '{account.code}'.")
    return rate.rate


def _check(
    writing: Writing, sent: dict[str, Any], kind: str, sent_number: Any, target: Document | None
) -> _Wanted:
    wanted = _Wanted(status=target.status if target else "DRAFT")
    tenant, errors = writing.tenant, wanted.errors
    before = wanted.status
    wanted.contact = _contact(writing, sent, target, errors)
    wanted.status = str(sent.get("Status") or before)
    if target is None and wanted.status not in ("DRAFT", "SUBMITTED", "AUTHORISED"):
        errors.append(f"A new document cannot be {wanted.status}.")
    elif target is not None and wanted.status not in _STEPS[before]:
        errors.append(f"A document that is {before} cannot become {wanted.status}.")
    elif wanted.status == "VOIDED" and target is not None and (target.paid or target.allocated):
        errors.append("A document with payments or credits on it cannot be voided.")
    line_types = sent.get("LineAmountTypes") or (target.line_types if target else "Exclusive")
    if line_types not in ("Exclusive", "Inclusive", "NoTax"):
        errors.append("The LineAmountTypes is not valid.")
    for name in ("Date", "DueDate"):
        if sent.get(name) is not None and parse_day(sent[name]) is None:
            errors.append(f"The {name} is not a date.")
    wanted.day = parse_day(sent.get("Date")) or (target.day if target else writing.xero.now().date())
    wanted.due = parse_day(sent.get("DueDate")) or (target.due if target else None)
    if any(tenant.locked(day) for day in (wanted.day, target.day if target else wanted.day)):
        errors.append("The document date cannot be on or before the lock date.")
    _check_number(writing, kind, sent_number, target, errors)
    if kind not in ("ACCREC", "ACCRECCREDIT") and sent.get("Reference"):
        errors.append("A Reference is for documents of sale only.")
    if sent.get("CurrencyCode") not in (None, tenant.currency, *tenant.currencies):
        errors.append("The organisation does not use that currency.")
    if not errors and (target is None or "LineItems" in sent):
        wanted.lines = _lines(writing, sent, kind, line_types)
        if target is not None and target.status == "AUTHORISED" and (target.paid or target.allocated):
            errors.append("A document with payments or credits on it cannot be edited.")
    if not errors and wanted.status in ("SUBMITTED", "AUTHORISED"):
        lines = wanted.lines if wanted.lines is not None else (target.lines if target else [])
        _check_complete(kind, wanted, lines, errors)
    return wanted


def _check_number(
    writing: Writing, kind: str, sent_number: Any, target: Document | None, errors: list[str]
) -> None:
    if sent_number is None:
        return
    if not isinstance(sent_number, str) or len(sent_number) > 255:
        errors.append("The number must be a text of at most 255 characters.")
    elif kind in ("ACCREC", "ACCRECCREDIT") and any(
        each.number == sent_number and each is not target and each.type == kind
        for each in writing.tenant.documents.values()
    ):
        errors.append("Invoice # must be unique.")


def _check_complete(kind: str, wanted: _Wanted, lines: list[Line], errors: list[str]) -> None:
    """What a draft may lack and an approved document may not."""
    if not lines:
        errors.append("One or more line items must be specified.")
    if any(line.account is None and line.amount for line in lines):
        errors.append("An account code must be specified on every line.")
    if kind in INVOICES and wanted.due is None:
        errors.append("A due date must be specified.")
    total = sum((line.amount for line in lines), ZERO)
    if total < 0:
        errors.append("The total must not be below zero.")


def _contact(
    writing: Writing, sent: dict[str, Any], target: Document | None, errors: list[str]
) -> Contact | None:
    given = sent.get("Contact")
    if given is None and target is not None:
        return target.contact
    if not isinstance(given, dict) or not (given.get("ContactID") or given.get("Name")):
        errors.append("A contact must be specified.")
        return None
    if given.get("ContactID"):
        found = writing.tenant.contacts.get(str(given["ContactID"]))
        if found is None:
            errors.append("The contact could not be found.")
        elif found.status != "ACTIVE":
            errors.append("The contact has been archived and cannot be used.")
        return found
    found = contacts.named(writing.tenant, str(given["Name"]))
    return found or contacts.write(writing.xero, writing.tenant, given, create=True)


def _lines(writing: Writing, sent: dict[str, Any], kind: str, line_types: str) -> list[Line]:
    rows = sent.get("LineItems") or []
    drawn, lines, failed = [], [], False
    for row in rows:
        try:
            lines.append(line_of(writing, row, kind, line_types))
            drawn.append(row)
        except Invalid as invalid:
            failed = True
            drawn.append(invalid.element)
    if failed:
        messages = [each["Message"] for row in drawn for each in row.get("ValidationErrors", ())]
        raise Invalid({**sent, "LineItems": drawn}, *messages)
    if lines and writing.cents_out:
        lines[0].tax += CENT * writing.cents_out
    return lines


def _make(writing: Writing, sent: dict[str, Any], kind: str, wanted: _Wanted) -> Document:
    assert wanted.contact is not None
    assert wanted.day is not None
    document = Document(
        writing.xero.new_id(),
        kind,
        wanted.contact,
        wanted.day,
        str(sent.get("CurrencyCode") or writing.tenant.currency),
        "Exclusive",
        writing.xero.now(),
        made_by=writing.app.client_id if writing.app is not None else None,
    )
    document.rate = number(sent.get("CurrencyRate")) or charts.day_rate(
        writing.tenant.currency, document.currency
    )
    writing.tenant.documents[document.id] = document
    if document.is_sale:
        wanted.contact.customer = True
    else:
        wanted.contact.supplier = True
    return document


def _fill(target: Document, sent: dict[str, Any], wanted: _Wanted) -> None:
    assert wanted.contact is not None
    assert wanted.day is not None
    target.contact, target.day, target.due = wanted.contact, wanted.day, wanted.due
    target.status = wanted.status
    target.line_types = str(sent.get("LineAmountTypes") or target.line_types)
    target.reference = str(sent.get("Reference") or target.reference)
    target.url = sent.get("Url", target.url)
    target.sent = bool(sent.get("SentToContact", target.sent))
    if wanted.lines is not None:
        target.lines = wanted.lines


def _settle_zero(writing: Writing, target: Document) -> None:
    """Nothing is due on it, so there is nothing to wait for."""
    if target.status == "AUTHORISED" and not target.total and writing.limits.xero_zero_is_paid:
        target.status = "PAID"
