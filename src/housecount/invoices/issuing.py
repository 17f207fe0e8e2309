"""Issuing: the gates, the number, both parties as they are today, the paper. All in one transaction, or nothing."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from uuid import UUID

from django.db import transaction

from housecount.core import gates, rates
from housecount.core.errors import HousecountError
from housecount.core.gates import Refusal
from housecount.core.tax import Treatment
from housecount.invoices import agreements, facts, files, here, logos, numbers
from housecount.invoices.deposits import Deducted, deduct_deposits
from housecount.invoices.drafts import state
from housecount.invoices.errors import NotPossible, Refused
from housecount.invoices.models import (
    Allocation,
    Deduction,
    Document,
    DocumentFile,
    Event,
    Kind,
    Line,
    Party,
    Step,
)
from housecount.invoices.once import once
from housecount.invoices.printed import Known
from housecount.invoices.queries import due_date, situation
from housecount.tenancy.models import User

#: What issuing writes into a document.
_SEALED = (
    "step", "number", "sender", "recipient", "due_date", "agreement", "withheld", "approved_by", "approved_at",
    "issued_by", "issued_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of several documents: itself as issued, or why not."""

    document_id: UUID | str
    document: Document | None = None
    error: HousecountError | None = None


def issue_one(
    document_id: UUID | str,
    by: User | None = None,
    now: datetime | None = None,
    idempotency_key: str | None = None,
) -> Document:
    """The document, issued: with its number, both parties as they are now, and its PDF. A draft is approved by it.

    The same `idempotency_key` again answers with the issued document. Raises `Refused` with every rule that stands
    against it, `NotPossible` when it is issued already, `NotFound`.
    """

    def make() -> list[Document]:
        with transaction.atomic():
            document = here.document(document_id, lock=True)
            desk = Desk([document])
            issued = issue_locked(document, by, now or datetime.now(UTC), desk)
            desk.clear()
            return [issued]

    [issued] = once(here.organisation_id(), idempotency_key, "issue", str(document_id), make)
    return issued


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


class Desk:
    """What documents that are issued in one transaction share: read once for all of them, and what is kept of each
    gathered, to be written at once by `clear`, which whoever issues them calls in the end."""

    def __init__(self, documents: Collection[Document]) -> None:
        keys, organisation_id = [each.pk for each in documents], here.organisation_id()
        self.own: Party | None = here.own_identity()
        self.lines: dict[UUID, list[Line]] = {key: [] for key in keys}
        for line in Line.objects.filter(organisation_id=organisation_id, document__in=keys).order_by(
            "position"
        ):
            self.lines[line.document_id].append(line)
        self.deducting = frozenset(
            Deduction.objects.filter(organisation_id=organisation_id, document__in=keys).values_list(
                "document_id", flat=True
            )
        )
        self._files: list[DocumentFile] = []
        self._events: list[Event] = []

    @cached_property
    def logo(self) -> bytes | None:
        """The organisation's logo, if there is one."""
        found = logos.logo_of(here.organisation_id())
        return bytes(found.content) if found else None

    def put(self, file: DocumentFile, event: Event) -> None:
        """Have the paper of a document kept, and that it was issued."""
        self._files.append(file)
        self._events.append(event)

    def clear(self) -> None:
        """Write what was put here."""
        DocumentFile.objects.bulk_create(self._files)
        Event.objects.bulk_create(self._events)
        self._files, self._events = [], []


def refusals(document: Document) -> list[Refusal]:
    """Every rule that stands against issuing the document as it is now; empty when it may be issued."""
    desk = Desk([document])
    return _against(document, desk.own, desk.lines[document.pk])


def _against(document: Document, own: Party | None, lines: Sequence[Line]) -> list[Refusal]:
    if own is None:
        return [
            Refusal(
                "no_identity",
                "We do not know who the organisation is in law. Enter its own identity under Parties first (in JSON, a "
                'party with "self": true), with its name, ABN and address.',
            )
        ]
    supplier, _ = facts.supplier_and_buyer(document, own)
    known = facts.of(document, own, lines)
    found = gates.refusals(known)
    if Treatment.TAXABLE in known.treatments and (
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
    if document.credits is None or not document.gives_credit:
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


def issue_locked(document: Document, by: User | None, now: datetime, desk: Desk) -> Document:
    """Issue a document whose row is locked; within the caller's transaction, who clears the desk. Raises as
    `issue_one`."""
    if document.step == Step.ISSUED:
        raise NotPossible("already_issued", f"It cannot be issued again: {state(document)}.")
    if document.credits_id is not None:
        document.credits = here.document(document.credits_id, lock=True)
    own = desk.own
    found = _against(document, own, desk.lines[document.pk])
    if own is None or found:
        raise Refused(found)
    supplier, buyer = facts.supplier_and_buyer(document, own)
    document.sender, document.recipient = snapshot(supplier), snapshot(buyer)
    document.due_date = due_date(document)
    document.agreement = agreements.embed(document) or agreements.in_force(document)
    deducted = deduct_deposits(document) if document.pk in desk.deducting else Deducted()
    document.withheld = facts.withheld(document, own, deducted)
    seal(document, by, now)
    if document.credits is not None and document.gives_credit:
        settle_by_note(document.credits, document, document.claim)
    finish(document, by, desk)
    return document


def seal(document: Document, by: User | None, now: datetime) -> None:
    """Give the document its number and the step after which nothing of it changes."""
    if document.step == Step.DRAFT:
        document.approved_by, document.approved_at = by, now
    document.number = numbers.next_number(document.organisation_id, document.series)
    document.step, document.issued_by, document.issued_at = Step.ISSUED, by, now
    document.save(update_fields=_SEALED)


def finish(document: Document, by: User | None, desk: Desk) -> None:
    """Put the paper of a document that was just sealed on the desk, and that it was issued."""
    known = Known(desk.own, desk.lines[document.pk], document.pk in desk.deducting)
    paper = files.pdf_of(document, known, desk.logo if logos.is_on(document) else None)
    desk.put(paper, _event(document, "issued", by, number=document.number))


def remember(document: Document, what: str, by: User | None, **details: object) -> None:
    """Add to what happened to an issued document."""
    _event(document, what, by, **details).save(force_insert=True)


def _event(document: Document, what: str, by: User | None, **details: object) -> Event:
    return Event(
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


def rcti_copy_by(document: Document) -> date | None:
    """The day by which the supplier must have their copy of an RCTI; None for other documents."""
    if document.kind != Kind.RCTI:
        return None
    since = gates.copy_counted_from(document.issue_date, here.show_day(document), document.value_set_on)
    return gates.rcti_copy_by(since)
