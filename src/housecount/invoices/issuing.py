"""Issuing: the gates, the number, both parties as they are today, the paper. All in one transaction, or nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from housecount.core import documents as core
from housecount.core import gates, rates
from housecount.core.errors import HousecountError
from housecount.core.gates import AgreementFacts, DocumentFacts, PartyFacts, Refusal
from housecount.core.tax import Treatment, half_up
from housecount.core.withholding import Payout, withheld
from housecount.invoices import files, here, numbers
from housecount.invoices.drafts import state
from housecount.invoices.errors import NotPossible, Refused
from housecount.invoices.models import (
    Agreement,
    Allocation,
    Deduction,
    Direction,
    Document,
    Event,
    Kind,
    Party,
    Step,
)
from housecount.invoices.queries import due_date, situation, situations
from housecount.tenancy.models import User


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of several documents: itself as issued, or why not."""

    document_id: UUID | str
    document: Document | None = None
    error: HousecountError | None = None


def issue_one(document_id: UUID | str, by: User | None = None, now: datetime | None = None) -> Document:
    """The document, issued: with its number, both parties as they are now, and its PDF. A draft is approved by it.

    Raises `Refused` with every rule that stands against it, `NotPossible` when it is issued already, `NotFound`.
    """
    with transaction.atomic():
        return issue_locked(here.document(document_id, lock=True), by, now or datetime.now(UTC))


def issue(
    organisation_id: UUID,
    document_ids: Iterable[UUID | str],
    by: User | None = None,
    now: datetime | None = None,
) -> list[Document]:
    """Several documents, issued: all of them, or none. Raises as `issue_one` at the first that is refused."""
    assert organisation_id == here.organisation_id()
    with transaction.atomic():
        return [issue_one(each, by, now) for each in document_ids]


def issue_each(
    organisation_id: UUID,
    document_ids: Iterable[UUID | str],
    by: User | None = None,
    now: datetime | None = None,
) -> list[Outcome]:
    """Several documents, each by itself: one that is refused keeps no other back. In the order given."""
    assert organisation_id == here.organisation_id()
    outcomes = []
    for each in document_ids:
        try:
            outcomes.append(Outcome(each, document=issue_one(each, by, now)))
        except HousecountError as error:
            outcomes.append(Outcome(each, error=error))
    return outcomes


def refusals(document: Document) -> list[Refusal]:
    """Every rule that stands against issuing the document as it is now; empty when it may be issued."""
    return _against(document, here.own_identity())


def _against(document: Document, own: Party | None) -> list[Refusal]:
    if own is None:
        return [
            Refusal(
                "no_identity",
                "We do not know who the organisation is in law. Enter its own identity first: a party with "
                '"self": true, with its name, ABN and address.',
            )
        ]
    supplier, buyer = _supplier_and_buyer(document, own)
    facts = _facts(document, supplier, buyer)
    found = gates.refusals(facts)
    if Treatment.TAXABLE in facts.treatments and (
        document.tax_rate != rates.tax_rate(supplier.country, document.issue_date)
    ):
        found.append(
            Refusal(
                "tax_rate_changed", "The rate of tax is another by now: open the draft and save it once more."
            )
        )
    return found + _correction(document)


def _correction(document: Document) -> list[Refusal]:
    """A note takes no more off a document than it comes to."""
    if document.credits is None or not core.gives_credit(core.Kind(document.kind), document.total):
        return []
    corrected = situation(document.credits)
    if corrected.ending is not None:
        return [
            Refusal("corrects_ended", f"{document.credits.number} counts no more: it cannot be corrected.")
        ]
    if corrected.credit_notes + abs(document.total) > corrected.standing.owed:
        return [
            Refusal("more_than_document", f"It takes more off {document.credits.number} than is left of it.")
        ]
    return []


def issue_locked(document: Document, by: User | None, now: datetime) -> Document:
    """Issue a document whose row is locked; within the caller's transaction. Raises as `issue_one`."""
    if document.step == Step.ISSUED:
        raise NotPossible("already_issued", f"It cannot be issued again: {state(document)}.")
    if document.credits_id is not None:
        document.credits = here.document(document.credits_id, lock=True)
    own = here.own_identity()
    found = _against(document, own)
    if own is None or found:
        raise Refused(found)
    supplier, buyer = _supplier_and_buyer(document, own)
    document.sender, document.recipient = snapshot(supplier), snapshot(buyer)
    document.due_date = due_date(document)
    document.agreement = _agreement(document)
    document.withheld = _withheld(document)
    deduct_deposits(document)
    seal(document, by, now)
    if document.credits is not None and core.gives_credit(core.Kind(document.kind), document.total):
        settle_by_note(document.credits, document, abs(document.total))
    finish(document, by)
    return document


def seal(document: Document, by: User | None, now: datetime) -> None:
    """Give the document its number and the step after which nothing of it changes."""
    if document.step == Step.DRAFT:
        document.approved_by, document.approved_at = by, now
    document.number = numbers.next_number(document.organisation_id, document.series)
    document.step, document.issued_by, document.issued_at = Step.ISSUED, by, now
    document.save()


def finish(document: Document, by: User | None) -> None:
    """Keep the paper of a document that was just sealed, and note that it was issued."""
    files.store_pdf(document)
    remember(document, "issued", by, number=document.number)


def remember(document: Document, what: str, by: User | None, **details: object) -> None:
    """Add to what happened to an issued document."""
    Event.objects.create(
        organisation_id=document.organisation_id, document=document, what=what, details=details, by=by
    )


def settle_by_note(document: Document, note: Document, amount: int) -> None:
    """Take `amount` off `document` by a note."""
    if amount:
        Allocation.objects.create(
            organisation_id=document.organisation_id, document=document, credit_note=note, amount=amount
        )


def snapshot(party: Party) -> dict[str, object]:
    """A party as it is now, for a document that will not change. Its bank details are not among it."""
    return {
        "party": str(party.pk),
        "name": party.name,
        "legal_name": party.legal_name,
        "kind": party.kind,
        "email": party.email,
        "country": party.country,
        "address": list(party.address),
        "abn": party.abn,
        "nzbn": party.nzbn,
        "vat_number": party.vat_number,
        "gst_registered_from": party.gst_registered_from and party.gst_registered_from.isoformat(),
        "gst_registered_to": party.gst_registered_to and party.gst_registered_to.isoformat(),
    }


# --- Facts --------------------------------------------------------------------------------------------
def _supplier_and_buyer(document: Document, own: Party) -> tuple[Party, Party]:
    """Roles stay as in law: of what we owe, the party is the supplier, whoever wrote the document."""
    return (own, document.party) if document.direction == Direction.RECEIVABLE else (document.party, own)


def _facts(document: Document, supplier: Party, buyer: Party) -> DocumentFacts:
    agreement = _agreement(document)
    return DocumentFacts(
        kind=core.Kind(document.kind),
        direction=core.Direction(document.direction),
        currency=document.currency,
        issue_date=document.issue_date,
        treatments=_treatments(document),
        tax=document.tax_total,
        total=document.total,
        supplier=party_facts(supplier),
        buyer=party_facts(buyer),
        supplied_on=here.show_day(document),
        deposit_kind=core.DepositKind(document.deposit_kind) if document.deposit_kind else None,
        agreement=None
        if agreement is None
        else AgreementFacts(
            agreement.starts_on,
            agreement.ends_on,
            agreement.supplies,
            agreement.party_id == document.party_id,
        ),
        supplier_invoice=_suppliers_own_invoice(document),
    )


def _agreement(document: Document) -> Agreement | None:
    """The agreement that the document names; for an RCTI that names none, the newest on file that holds that day."""
    if document.agreement is not None or document.kind != Kind.RCTI:
        return document.agreement
    day = document.issue_date
    return (
        Agreement.objects.filter(
            Q(ends_on=None) | Q(ends_on__gte=day),
            organisation_id=document.organisation_id,
            party_id=document.party_id,
            kind="rcti",
            starts_on__lte=day,
        )
        .order_by("-starts_on", "-created_at")
        .first()
    )


def _treatments(document: Document) -> Sequence[Treatment]:
    rows = document.lines.filter(organisation_id=document.organisation_id)
    return [Treatment(each) for each in rows.order_by("position").values_list("tax", flat=True)]


def party_facts(party: Party) -> PartyFacts:
    """What the gates know of a party."""
    return PartyFacts(
        name=party.name,
        country=party.country,
        abn=party.abn,
        nzbn=party.nzbn,
        vat_number=party.vat_number,
        address=tuple(party.address),
        registered_from=party.gst_registered_from,
        registered_to=party.gst_registered_to,
    )


def _owed_to(document: Document) -> QuerySet[Document]:
    """The other documents by which we owe the party, but for notes and what has ended."""
    return (
        Document.objects.filter(
            organisation_id=document.organisation_id,
            party_id=document.party_id,
            direction=Direction.PAYABLE,
            ending=None,
        )
        .exclude(pk=document.pk)
        .exclude(kind__in=core.NOTES)
    )


def _suppliers_own_invoice(document: Document) -> str | None:
    if document.kind != Kind.RCTI or document.show_id is None:
        return None
    found = _owed_to(document).filter(show_id=document.show_id, kind=Kind.INVOICE).first()
    return None if found is None else found.reference or found.number or "a draft"


def _withheld(document: Document) -> int:
    """What is kept back for the tax office. Payments for one show are tested together, so that nothing comes of
    splitting them."""
    party = document.party
    if document.direction != Direction.PAYABLE or document.kind in core.NOTES:
        return 0
    decided = _owed_to(document).exclude(step=Step.DRAFT)
    same = (
        decided.filter(show_id=document.show_id)
        if document.show_id
        else decided.filter(show=None, reference=document.reference).exclude(reference="")
    )
    monday = document.issue_date - timedelta(days=document.issue_date.weekday())
    week = decided.filter(issue_date__range=(monday, monday + timedelta(days=6)))
    return withheld(
        Payout(
            country=party.country,
            abn=party.abn,
            on=document.issue_date,
            net=document.net_total,
            total=document.total,
            net_besides=same.aggregate(found=Sum("net_total"))["found"] or 0,
            week=(week.aggregate(found=Sum("total"))["found"] or 0) + document.total,
            exception=party.abn_exception,
            evidence_on=party.abn_exception_on,
        )
    )


# --- Deposits -----------------------------------------------------------------------------------------
def deduct_deposits(document: Document) -> None:
    """Write down what was received of the deposits that the draft names; those of which nothing was, are left out.

    The tax in the part that is deducted was accounted for on the deposit's own document.
    """
    rows = {
        each.deposit_id: each
        for each in Deduction.objects.filter(organisation_id=document.organisation_id, document=document)
    }
    left = document.total - document.withheld
    # In one order for everybody, so that two final documents cannot wait for each other.
    deposits = [here.document(key, lock=True) for key in sorted(rows)]
    known = situations(deposits)
    for deposit in sorted(deposits, key=lambda each: (each.issue_date, each.number or "")):
        row = rows[deposit.pk]
        is_open = deposit.step == Step.ISSUED and known[deposit.pk].ending is None
        received = min(known[deposit.pk].standing.paid, deposit.total) - deducted(deposit) if is_open else 0
        row.amount = max(0, min(received, left))
        if row.amount == 0:
            row.delete()
            continue
        row.tax_amount = half_up(deposit.tax_total * row.amount, deposit.total)
        row.save(update_fields=["amount", "tax_amount"])
        left -= row.amount


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


def rcti_copy_by(document: Document) -> date | None:
    """The day by which the supplier must have their copy of an RCTI; None for other documents. The value of a deal
    is set at the latest when its document is issued."""
    return gates.rcti_copy_by(document.issue_date) if document.kind == Kind.RCTI else None
