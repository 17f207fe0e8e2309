"""Payments, and credit notes set against invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from housecount_sandbox.xero import charts, documents
from housecount_sandbox.xero.answers import Invalid
from housecount_sandbox.xero.model import Allocation, Document, Payment, Tenant
from housecount_sandbox.xero.values import number, parse_day, rounded

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from housecount_sandbox.xero.books import Xero


def pay(xero: Xero, tenant: Tenant, sent: dict[str, Any]) -> Payment:
    """Money for an invoice or a bill, or back for a credit note. Raises Invalid, changing nothing."""
    errors: list[str] = []
    document = _document(tenant, sent)
    amount, day = _amount(sent, errors), _day(xero, sent, errors)
    if tenant.locked(day):
        errors.append("The payment date cannot be on or before the lock date.")
    given = sent.get("Account") or {}
    account = tenant.account(given.get("AccountID") or given.get("Code")) if isinstance(given, dict) else None
    if account is None or account.status != "ACTIVE" or not (account.type == "BANK" or account.payments):
        errors.append("The account cannot take payments.")
    elif document is not None and account.currency not in (None, tenant.currency, document.currency):
        errors.append("The account is kept in another currency than the document.")
    if document is None:
        errors.append("The document to pay could not be found.")
    elif document.status != "AUTHORISED":
        errors.append(f"A document that is {document.status} cannot be paid.")
    elif amount is not None and amount > document.left:
        errors.append(f"Payment amount exceeds the amount outstanding on this document ({document.left}).")
    if errors or document is None or account is None or amount is None:
        raise Invalid({**sent, "HasValidationErrors": True}, *errors)
    payment = Payment(
        xero.new_id(),
        document,
        account,
        day,
        amount,
        xero.stamp(),
        str(sent.get("Reference") or ""),
        reconciled=bool(sent.get("IsReconciled")),
        rate=number(sent.get("CurrencyRate")) or charts.day_rate(tenant.currency, document.currency),
    )
    document.payments.append(payment)
    tenant.payments[payment.id] = payment
    weigh(xero, tenant, document)
    return payment


def delete_payment(xero: Xero, tenant: Tenant, payment: Payment) -> None:
    """It no longer counts; what it paid is open again."""
    payment.status = "DELETED"
    payment.updated = xero.stamp()
    weigh(xero, tenant, payment.document)


def allocate(xero: Xero, tenant: Tenant, credit: Document, sent: dict[str, Any]) -> Allocation:
    """Set a part of `credit` against an invoice. Raises Invalid, changing nothing."""
    errors: list[str] = []
    amount, day = _amount(sent, errors), _day(xero, sent, errors)
    given = sent.get("Invoice")
    wanted = given.get("InvoiceID") or given.get("InvoiceNumber") if isinstance(given, dict) else None
    invoice = documents.find(tenant, wanted, documents.INVOICES) if wanted else None
    if credit.status != "AUTHORISED":
        errors.append(f"A credit note that is {credit.status} cannot be allocated.")
    if invoice is None or invoice.type != credit.type.removesuffix("CREDIT"):
        errors.append("The invoice to credit could not be found.")
    elif invoice.status != "AUTHORISED":
        errors.append(f"An invoice that is {invoice.status} cannot be credited.")
    elif invoice.currency != credit.currency:
        errors.append("The currencies of the credit note and the invoice differ.")
    elif amount is not None and amount > min(credit.left, invoice.left):
        errors.append("The amount exceeds what is left of the credit note, or what is due on the invoice.")
    if errors or invoice is None or amount is None:
        raise Invalid(sent, *errors)
    allocation = Allocation(xero.new_id(), credit, invoice, amount, day)
    credit.allocations.append(allocation)
    invoice.allocations.append(allocation)
    weigh(xero, tenant, invoice)
    weigh(xero, tenant, credit)
    return allocation


def take_back(xero: Xero, tenant: Tenant, allocation: Allocation) -> None:
    """Undo an allocation."""
    for document in (allocation.credit, allocation.invoice):
        document.allocations.remove(allocation)
        if isinstance(document, Document):
            weigh(xero, tenant, document)
        else:
            document.updated = xero.stamp()


def weigh(xero: Xero, tenant: Tenant, document: Document) -> None:
    """PAID when nothing is left, AUTHORISED when something is again."""
    if document.status in ("AUTHORISED", "PAID"):
        document.status = "AUTHORISED" if document.left else "PAID"
    xero.changed(tenant, document)


def _document(tenant: Tenant, sent: dict[str, Any]) -> Document | None:
    for name, types in (("Invoice", documents.INVOICES), ("CreditNote", documents.CREDITS)):
        given = sent.get(name)
        if isinstance(given, dict):
            wanted = given.get(f"{name}ID") or given.get(f"{name}Number")
            return documents.find(tenant, wanted, types) if wanted else None
    return None


def _amount(sent: dict[str, Any], errors: list[str]) -> Decimal | None:
    amount = number(sent.get("Amount"))
    if amount is None or amount <= 0 or rounded(amount) != amount:
        errors.append("The amount must be a number above zero with at most two decimals.")
        return None
    return amount


def _day(xero: Xero, sent: dict[str, Any], errors: list[str]) -> date:
    day = parse_day(sent.get("Date"))
    if day is None:
        errors.append("A date must be specified.")
        return xero.now().date()
    return day
