"""Xero's JSON, except contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from housecount_sandbox.xero import contacts
from housecount_sandbox.xero.model import Advance, Document
from housecount_sandbox.xero.values import CENT, TENTH_OF_MILL, day_text, moment_text, rounded

if TYPE_CHECKING:
    from datetime import date, datetime

    from housecount_sandbox.xero.model import (
        Account,
        Allocation,
        Attachment,
        Line,
        Payment,
        TaxRate,
        Tenant,
    )


def organisation(tenant: Tenant, now: datetime) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "OrganisationID": tenant.organisation_id,
        "Name": tenant.name,
        "LegalName": tenant.legal_name,
        "Version": {"AU": "AU", "NZ": "NZ", "GB": "UK"}[tenant.country],
        "OrganisationType": "COMPANY",
        "CountryCode": tenant.country,
        "BaseCurrency": tenant.currency,
        "PaysTax": tenant.pays_tax,
        "SalesTaxBasis": "ACCRUALS",
        "Timezone": tenant.timezone,
        "IsDemoCompany": tenant.demo,
        "OrganisationStatus": "ACTIVE",
        "CreatedDateUTC": moment_text(now.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)),
    }
    for name, day in (("PeriodLockDate", tenant.period_lock), ("EndOfYearLockDate", tenant.year_lock)):
        if day is not None:
            drawn[name] = day_text(day)
    return drawn


def account(each: Account, now: datetime) -> dict[str, Any]:
    drawn = {
        "AccountID": each.id,
        "Code": each.code,
        "Name": each.name,
        "Status": each.status,
        "Type": each.type,
        "TaxType": each.tax_type,
        "Class": each.kind,
        "EnablePaymentsToAccount": each.payments and each.type != "BANK",
        "UpdatedDateUTC": moment_text(each.updated or now),
    }
    if each.currency is not None:
        drawn["CurrencyCode"] = each.currency
    if each.system is not None:
        drawn["SystemAccount"] = each.system
    return drawn


def tax_rate(each: TaxRate) -> dict[str, Any]:
    applies = {
        f"CanApplyTo{name}": name.upper()
        in {kind if kind != "EXPENSE" else "EXPENSES" for kind in each.applies}
        for name in ("Revenue", "Expenses")
    } | {
        f"CanApplyTo{name}": kind in each.applies
        for name, kind in (("Assets", "ASSET"), ("Liabilities", "LIABILITY"), ("Equity", "EQUITY"))
    }
    return {
        "Name": each.name,
        "TaxType": each.tax_type,
        "ReportTaxType": each.report,
        **applies,
        "DisplayTaxRate": each.rate,
        "EffectiveRate": each.rate,
        "Status": each.status,
        "TaxComponents": [{"Name": each.name, "Rate": each.rate, "IsCompound": False}],
    }


def document(each: Document, *, lines: bool = True, four_decimals: bool = False) -> dict[str, Any]:
    """An invoice, a bill or a credit note; without `lines` it is the summary that unpaged lists give."""
    name = "CreditNote" if each.is_credit else "Invoice"
    drawn: dict[str, Any] = {
        "Type": each.type,
        f"{name}ID": each.id,
        f"{name}Number": each.number,
        "Reference": each.reference if each.is_sale else "",
        "Payments": [
            {"PaymentID": one.id, "Date": day_text(one.day), "Amount": one.amount, "Reference": one.reference}
            for one in each.payments
            if one.status == "AUTHORISED"
        ],
        "CurrencyCode": each.currency,
        "CurrencyRate": each.rate,
        "HasErrors": False,
        "HasAttachments": bool(each.attachments),
        "IsDiscounted": any(line.discount for line in each.lines),
        "Contact": _contact(each, whole=lines),
        "DateString": f"{each.day.isoformat()}T00:00:00",
        "Date": day_text(each.day),
        "Status": each.status,
        "LineAmountTypes": each.line_types,
        "LineItems": [_line(line, four_decimals=four_decimals) for line in each.lines] if lines else [],
        "SubTotal": rounded(each.subtotal),
        "TotalTax": rounded(each.tax),
        "Total": rounded(each.total),
        "UpdatedDateUTC": moment_text(each.updated),
    }
    if each.is_credit:
        drawn["RemainingCredit"] = rounded(each.left)
        drawn["Allocations"] = [allocation(one) for one in each.allocations]
    else:
        drawn |= {
            "AmountDue": rounded(each.left),
            "AmountPaid": rounded(each.paid),
            "AmountCredited": rounded(each.allocated),
            "SentToContact": each.sent,
            "Prepayments": _advances(each, "Prepayment"),
            "Overpayments": _advances(each, "Overpayment"),
            "CreditNotes": [
                {
                    "CreditNoteID": one.credit.id,
                    "CreditNoteNumber": one.credit.number,
                    "Date": day_text(one.day),
                    "AppliedAmount": one.amount,
                }
                for one in each.allocations
                if isinstance(one.credit, Document)
            ],
        }
        if each.due is not None:
            drawn |= {"DueDateString": f"{each.due.isoformat()}T00:00:00", "DueDate": day_text(each.due)}
        if each.status == "PAID":
            drawn["FullyPaidOnDate"] = day_text(_paid_on(each))
    if each.url is not None:
        drawn["Url"] = each.url
    return drawn


def _advances(each: Document, kind: str) -> list[dict[str, Any]]:
    """What of overpayments or prepayments was set against a document."""
    return [
        {
            f"{kind}ID": one.credit.id,
            "Date": day_text(one.credit.day),
            "Total": one.credit.total,
            "AppliedAmount": one.amount,
            "CurrencyCode": one.credit.currency,
        }
        for one in each.allocations
        if isinstance(one.credit, Advance) and one.credit.kind == kind
    ]


def allocation(each: Allocation) -> dict[str, Any]:
    invoice = {"InvoiceID": each.invoice.id, "InvoiceNumber": each.invoice.number}
    return {"AllocationID": each.id, "Amount": each.amount, "Date": day_text(each.day), "Invoice": invoice}


def payment(each: Payment) -> dict[str, Any]:
    name = "CreditNote" if each.document.is_credit else "Invoice"
    return {
        "PaymentID": each.id,
        "Date": day_text(each.day),
        "BankAmount": each.bank_amount,
        "Amount": each.amount,
        "Reference": each.reference,
        "CurrencyRate": each.rate,
        "PaymentType": each.type,
        "Status": each.status,
        "UpdatedDateUTC": moment_text(each.updated),
        "HasAccount": True,
        "IsReconciled": each.reconciled,
        "Account": {"AccountID": each.account.id, "Code": each.account.code},
        name: {
            "Type": each.document.type,
            f"{name}ID": each.document.id,
            f"{name}Number": each.document.number,
            "CurrencyCode": each.document.currency,
            "Contact": _contact(each.document, whole=False),
        },
        "HasValidationErrors": False,
    }


def attachment(each: Attachment, document: Document) -> dict[str, Any]:
    place = "CreditNotes" if document.is_credit else "Invoices"
    return {
        "AttachmentID": each.id,
        "FileName": each.name,
        "Url": f"https://api.xero.com/api.xro/2.0/{place}/{document.id}/Attachments/{each.name}",
        "MimeType": each.content_type,
        "ContentLength": len(each.body),
        "IncludeOnline": each.online,
    }


def _contact(each: Document, *, whole: bool) -> dict[str, Any]:
    return (
        contacts.draw(each.contact, whole=False)
        if whole
        else {
            "ContactID": each.contact.id,
            "Name": each.contact.name,
        }
    )


def _line(line: Line, *, four_decimals: bool) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "LineItemID": line.id,
        "Description": line.description,
        "UnitAmount": rounded(line.unit, TENTH_OF_MILL if four_decimals else CENT),
        "TaxType": line.tax_type or "NONE",
        "TaxAmount": line.tax,
        "LineAmount": line.amount,
        "Tracking": line.tracking,
        "Quantity": line.quantity,
        "ValidationErrors": [],
    }
    if line.account is not None:
        drawn |= {"AccountCode": line.account.code, "AccountID": line.account.id}
    if line.discount is not None:
        drawn["DiscountRate"] = line.discount
    return drawn


def _paid_on(each: Document) -> date:
    days = [one.day for one in each.payments if one.status == "AUTHORISED"]
    return max([*days, *(one.day for one in each.allocations)], default=each.day)
