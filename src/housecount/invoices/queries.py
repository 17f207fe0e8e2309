"""Reading parties and documents. Each runs as whoever acts, and sees what they may see."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from housecount.core import documents as core
from housecount.core.documents import Standing
from housecount.invoices import here
from housecount.invoices.lists import Filter, ListSum, Page, list_documents, list_sums
from housecount.invoices.marks import marks_of
from housecount.invoices.models import (
    Agreement,
    Allocation,
    Deduction,
    Document,
    DocumentFile,
    Ending,
    Kind,
    Line,
    Party,
    Step,
)
from housecount.tenancy import crypto
from housecount.tenancy.models import Membership

__all__ = [
    "Filter",
    "ListSum",
    "Page",
    "Situation",
    "agreement_json",
    "document_json",
    "documents_json",
    "due_date",
    "list_documents",
    "list_sums",
    "masked_bank",
    "parties",
    "party_json",
    "situation",
    "situations",
]


# --- Parties ------------------------------------------------------------------------------------------
def party_json(party: Party) -> dict[str, Any]:
    """A party as it is given, with its id. Bank details are masked."""
    return {
        "id": str(party.pk),
        "name": party.name,
        "legal_name": party.legal_name,
        "kind": party.kind,
        "email": party.email,
        "abn": party.abn,
        "nzbn": party.nzbn,
        "vat_number": party.vat_number,
        "gst_registered_from": _iso(party.gst_registered_from),
        "gst_registered_to": _iso(party.gst_registered_to),
        "country": party.country,
        "address": list(party.address),
        "self": party.is_self,
        "timezone": party.timezone,
        "abn_exception": party.abn_exception,
        "abn_exception_on": _iso(party.abn_exception_on),
        "super_fund": party.super_fund,
        "schedular_rate": party.schedular_rate,
        "schedular_exemption": party.schedular_exemption,
        "schedular_on": _iso(party.schedular_on),
        "contacts": [
            {"name": each.name, "email": each.email, "copy": each.copy}
            for each in party.contacts.filter(organisation_id=party.organisation_id).order_by("copy", "email")
        ],
        "bank": masked_bank(party),
        "user": _member(party),
        "archived": party.archived_at is not None,
    }


def _member(party: Party) -> str | None:
    """Who signs in as the party, as far as whoever asks may know."""
    if party.membership_id is None:
        return None
    return Membership.objects.filter(pk=party.membership_id).values_list("user__email", flat=True).first()


def masked_bank(party: Party) -> dict[str, str] | None:
    """The end of the account that the party is paid to, and nothing more of it; None without one."""
    if not party.bank_details:
        return None
    kept: dict[str, str] = msgspec.json.decode(crypto.decrypt(party.bank_details).reveal())
    return {
        "bsb": f"•••{kept['bsb'][-3:]}" if kept["bsb"] else "",
        "account": f"•••{kept['account'][-3:]}" if len(kept["account"]) > 5 else "•••",
        "name": kept["name"],
    }


def parties(organisation_id: UUID, *, text: str = "", archived: bool = False) -> QuerySet[Party]:
    """The organisation's parties by name; itself among them. `text` is looked for in names and numbers."""
    found = Party.objects.filter(organisation_id=organisation_id).select_related("membership__user")
    if not archived:
        found = found.filter(archived_at=None)
    if text:
        digits = "".join(text.split())
        found = (
            found.filter(name__icontains=text)
            | found.filter(legal_name__icontains=text)
            | found.filter(email__icontains=text)
            | found.filter(abn=digits)
        )
    return found.order_by("name", "pk")


def agreement_json(agreement: Agreement) -> dict[str, Any]:
    """An agreement as it is given, with its id."""
    return {
        "id": str(agreement.pk),
        "kind": agreement.kind,
        "party": str(agreement.party_id),
        "from": _iso(agreement.starts_on),
        "to": _iso(agreement.ends_on),
        "supplies": agreement.supplies,
        "reference": agreement.reference,
        "embedded": agreement.embedded,
        "objected_on": _iso(agreement.objected_on),
        "objection": agreement.objection,
    }


# --- Documents ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Situation:
    """What is derived of one document. `credit_notes` is the sum of the issued notes that name it."""

    standing: Standing
    credit_notes: int = 0
    ending: str | None = None
    sha256: str | None = None

    @property
    def balance(self) -> int:
        """What is still to be settled; what has ended is settled."""
        return 0 if self.ending is not None else self.standing.balance


def situations(found: Iterable[Document]) -> dict[UUID, Situation]:
    """The situation of each document by id: a handful of queries, however many there are."""
    documents = {each.pk: each for each in found}
    if not documents:
        return {}
    organisation_id = next(iter(documents.values())).organisation_id
    issued = [each.pk for each in documents.values() if each.step == Step.ISSUED]
    paid, credited, given = _allocated(organisation_id, issued)
    prepaid: dict[UUID, int] = defaultdict(int)
    for key, amount in Deduction.objects.filter(
        organisation_id=organisation_id, document_id__in=issued
    ).values_list("document_id", "amount"):
        prepaid[key] += amount
    notes: dict[UUID, int] = defaultdict(int)
    for key, kind, total in Document.objects.filter(
        organisation_id=organisation_id, credits_id__in=issued, step=Step.ISSUED, ending=None
    ).values_list("credits_id", "kind", "total"):
        if key is not None and core.gives_credit(Kind(kind), total):
            notes[key] += abs(total)
    endings = dict(
        Ending.objects.filter(organisation_id=organisation_id, document_id__in=issued).values_list(
            "document_id", "kind"
        )
    )
    hashes = dict(
        DocumentFile.objects.filter(
            organisation_id=organisation_id, document_id__in=issued, kind="pdf"
        ).values_list("document_id", "sha256")
    )
    result = {}
    for key, each in documents.items():
        if each.gives_credit:
            standing = Standing(
                abs(each.total), paid=-paid.get(key, 0), credited=given.get(key, 0), withheld=each.withheld
            )
        else:
            standing = Standing(
                each.total, paid.get(key, 0), prepaid.get(key, 0), credited.get(key, 0), each.withheld
            )
        result[key] = Situation(standing, notes.get(key, 0), endings.get(key), hashes.get(key))
    return result


def situation(document: Document) -> Situation:
    """The situation of one document."""
    return situations([document])[document.pk]


def _allocated(
    organisation_id: UUID, keys: Sequence[UUID]
) -> tuple[Mapping[UUID, int], Mapping[UUID, int], Mapping[UUID, int]]:
    """By document: what was paid on it, what notes took off it, and what it took off others as a note."""
    paid: dict[UUID, int] = defaultdict(int)
    credited: dict[UUID, int] = defaultdict(int)
    given: dict[UUID, int] = defaultdict(int)
    rows = Allocation.objects.filter(
        Q(document_id__in=keys) | Q(credit_note_id__in=keys), organisation_id=organisation_id
    )
    for each in rows:
        if each.credit_note_id is None:
            paid[each.document_id] += each.amount
        else:
            credited[each.document_id] += each.amount
            given[each.credit_note_id] += each.amount
    return paid, credited, given


def document_json(
    document: Document, known: Situation | None = None, *, today: date | None = None
) -> dict[str, Any]:
    """The document as the commands, the API and the pages tell it. Money in minor units, dates as ISO 8601."""
    lines = document.lines.filter(organisation_id=document.organisation_id).order_by("position")
    deductions = document.deductions.filter(organisation_id=document.organisation_id).select_related(
        "deposit"
    )
    return _json(
        document,
        known or situation(document),
        today or here.today(document.organisation),
        [*lines],
        sorted(deductions, key=lambda each: each.deposit.number or ""),
        marks_of([document]),
    )


def documents_json(found: Sequence[Document], *, today: date | None = None) -> list[dict[str, Any]]:
    """The same for several, in a handful of queries."""
    if not found:
        return []
    organisation_id, keys = found[0].organisation_id, [each.pk for each in found]
    known = situations(found)
    lines: Mapping[UUID, list[Line]] = defaultdict(list)
    for line in Line.objects.filter(organisation_id=organisation_id, document_id__in=keys).order_by(
        "position"
    ):
        lines[line.document_id].append(line)
    deductions: Mapping[UUID, list[Deduction]] = defaultdict(list)
    for each in (
        Deduction.objects.filter(organisation_id=organisation_id, document_id__in=keys)
        .select_related("deposit")
        .order_by("deposit__number")
    ):
        deductions[each.document_id].append(each)
    day = today or here.today(found[0].organisation)
    marks = marks_of(found)
    return [_json(each, known[each.pk], day, lines[each.pk], deductions[each.pk], marks) for each in found]


def _json(
    document: Document,
    known: Situation,
    today: date,
    lines: Sequence[Line],
    deductions: Sequence[Deduction],
    marks: Mapping[UUID, Mapping[str, Any]],
) -> dict[str, Any]:
    standing, due = known.standing, due_date(document)
    return {
        "id": str(document.pk),
        "kind": document.kind,
        "direction": document.direction,
        "status": core.status(document.step, known.ending, standing.owed, known.credit_notes),
        "payment_status": core.payment_status(standing),
        "overdue": document.step == Step.ISSUED
        and not document.gives_credit
        and core.is_overdue(known.balance, due, today),
        "number": document.number,
        "party": str(document.party_id),
        "party_name": document.party.name,
        "show": str(document.show_id) if document.show_id else None,
        "reference": document.reference,
        "notes": document.notes,
        "agreement": str(document.agreement_id) if document.agreement_id else None,
        "credits": str(document.credits_id) if document.credits_id else None,
        "embedded_agreement": document.embedded_agreement,
        "value_set_on": _iso(document.value_set_on),
        "deposit_kind": document.deposit_kind or None,
        "deposit": document.deposit_terms,
        "deposits": [
            {"document": str(each.deposit_id), "number": each.deposit.number, "amount": each.amount}
            for each in deductions
        ],
        "currency": document.currency,
        "issue_date": _iso(document.issue_date),
        "due_date": _iso(due),
        "terms": document.terms,
        "price_mode": document.price_mode,
        "rounding_rule": document.rounding_rule,
        "tax_rate": document.tax_rate,
        "lines": [
            {
                "description": line.description,
                "quantity": f"{line.quantity.normalize():f}",
                "unit_price": line.unit_price,
                "discount": line.discount,
                "tax": line.tax,
                "account_code": line.account_code or None,
                "ote": line.ote,
                "net_amount": line.net_amount,
                "tax_amount": line.tax_amount,
                "gross_amount": line.gross_amount,
            }
            for line in lines
        ],
        "net_total": document.net_total,
        "tax_total": document.tax_total,
        "total": document.total,
        "withheld": document.withheld,
        "prepaid": standing.prepaid,
        "paid": standing.settled,
        "credited": standing.credited,
        "balance": known.balance,
        "sha256": known.sha256,
        "created_at": _iso(document.created_at),
        "approved_at": _iso(document.approved_at),
        "issued_at": _iso(document.issued_at),
        "xero": marks.get(document.pk),
    }


def due_date(document: Document) -> date | None:
    """When it is due. Terms move a draft's date with its issue date and its show; issuing fixes it."""
    if document.step == Step.ISSUED or document.terms is None:
        return document.due_date
    terms = core.Terms(document.terms["kind"], document.terms["days"])
    try:
        return core.due_on(terms, document.issue_date, here.show_day(document))
    except core.NotTerms:
        return document.due_date


def _iso(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
