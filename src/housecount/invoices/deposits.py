"""Deposits: asked for as an agreed part of a document, and taken off it as far as they were received."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from housecount.core.documents import DepositKind, Kind
from housecount.core.money import format_money
from housecount.core.shares import share
from housecount.core.tax import Amounts, PriceMode, Treatment, half_up
from housecount.core.withholding import grossed_up
from housecount.invoices import here
from housecount.invoices.drafts import create_documents
from housecount.invoices.errors import NotPossible
from housecount.invoices.models import Deduction, Document, Line, Step
from housecount.invoices.queries import situations
from housecount.tenancy.models import User


def deposit_amount(terms: Mapping[str, Any], total: int) -> int:
    """What the deposit of `Document.deposit_terms` comes to for a document of `total`, tax included; never more."""
    if terms.get("amount") is not None:
        return min(int(terms["amount"]), total)
    return half_up(total * int(terms["percentage"]), 10_000)


def ask_for_deposit(document_id: UUID | str, by: User | None = None) -> Document:
    """A draft of the deposit invoice that a draft's terms ask for; the draft will take it off. Its due date follows
    the terms, and the show with them. Raises `NotPossible`, `Invalid`, `NotTerms`."""
    with transaction.atomic():
        document = here.document(document_id, lock=True)
        terms = document.deposit_terms
        if terms is None:
            raise NotPossible("no_deposit_terms", "It has no terms on a deposit: change the draft first.")
        if document.step != Step.DRAFT:
            raise NotPossible("not_a_draft", "A deposit is asked for while its final document is a draft.")
        rows = Deduction.objects.filter(organisation_id=document.organisation_id, document=document)
        if rows.exists():
            raise NotPossible("deposit_there", "There is a deposit for it already.")
        amount = deposit_amount(terms, document.total)
        if amount <= 0:
            raise NotPossible("nothing_to_ask_for", "There is nothing to ask a deposit of.")
        [deposit] = create_documents(document.organisation_id, _given(document, terms, amount), by)
        Deduction.objects.create(organisation_id=document.organisation_id, document=document, deposit=deposit)
    return deposit


def _given(document: Document, terms: Mapping[str, Any], amount: int) -> dict[str, object]:
    """The deposit's own JSON: of a part payment, each tax treatment has its part; security bears no tax."""
    what = document.show.title if document.show else document.reference or "what was agreed"
    of = f" of {format_money(document.total, document.currency)}"
    if terms["kind"] == DepositKind.SECURITY:
        parts = {Treatment.OUT_OF_SCOPE: Amounts(amount, 0, amount)}
        words = f"Deposit held as security for {what}"
    else:
        parts = share(_classes(document), document.total, 0, amount)
        words = f"Deposit for {what},{of}"
    return {
        "kind": Kind.DEPOSIT_INVOICE.value,
        "direction": document.direction,
        "party": str(document.party_id),
        "currency": document.currency,
        "show": str(document.show_id) if document.show_id else None,
        "reference": document.reference,
        "deposit_kind": terms["kind"],
        "terms": terms.get("terms"),
        "price_mode": PriceMode.INCLUSIVE.value,
        "rounding_rule": document.rounding_rule,
        "lines": [
            {"description": words, "unit_price": each.gross, "tax": treatment.value}
            for treatment, each in parts.items()
            if each.gross
        ],
    }


def _classes(document: Document) -> dict[Treatment, Amounts]:
    rows = (
        Line.objects.filter(organisation_id=document.organisation_id, document=document)
        .order_by("tax")
        .values_list("tax")
        .annotate(Sum("net_amount"), Sum("tax_amount"), Sum("gross_amount"))
    )
    return {Treatment(treatment): Amounts(net, tax, gross) for treatment, net, tax, gross in rows}


class Deducted(NamedTuple):
    """What deposits take off a document, with tax, and the tax in it that they accounted for."""

    amount: int = 0
    tax: int = 0


def deduct_deposits(document: Document) -> Deducted:
    """Write down what was received of the deposits that the draft names; those of which nothing was, are left out.

    The tax in the part that is deducted was accounted for on the deposit's own document, and so was what was withheld
    from it.
    """
    rows = {
        each.deposit_id: each
        for each in Deduction.objects.filter(organisation_id=document.organisation_id, document=document)
    }
    amount = tax = 0
    # In one order for everybody, so that two final documents cannot wait for each other.
    deposits = [here.document(key, lock=True) for key in sorted(rows)]
    known = situations(deposits)
    for deposit in sorted(deposits, key=lambda each: (each.issue_date, each.number or "")):
        row = rows[deposit.pk]
        paid = grossed_up(known[deposit.pk].standing.paid, deposit.total, deposit.withheld)
        is_open = deposit.step == Step.ISSUED and known[deposit.pk].ending is None
        received = min(paid, deposit.total) - deducted(deposit) if is_open else 0
        row.amount = max(0, min(received, document.total - amount))
        if row.amount == 0:
            row.delete()
            continue
        row.tax_amount = half_up(deposit.tax_total * row.amount, deposit.total)
        row.save(update_fields=["amount", "tax_amount"])
        amount += row.amount
        tax += row.tax_amount
    return Deducted(amount, tax)


def deducted(deposit: Document) -> int:
    """What of a deposit was deducted on issued documents that still count."""
    rows = Deduction.objects.filter(
        organisation_id=deposit.organisation_id,
        deposit=deposit,
        document__ending=None,
        document__step=Step.ISSUED,
    )
    found: int | None = rows.aggregate(found=Sum("amount"))["found"]
    return found or 0
