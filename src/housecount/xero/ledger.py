"""What the database says and keeps while a push runs. Each function is one transaction of its caller's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Min, Q

from housecount.installation import environment
from housecount.invoices import files
from housecount.invoices.models import Allocation, Deduction, Document, Ending, EndingKind, Line
from housecount.xero.client import Said
from housecount.xero.errors import Blocked
from housecount.xero.mapping import Books
from housecount.xero.models import Connection, History, Intent, Stage, State, What
from housecount.xero.paper import Paper, Taken, gate, paper_of, place_of
from housecount.xero.planning import intent_of

#: An attempt without an answer is repeated under its key for so long; Xero forgets keys after six minutes.
KEY_LIFE = timedelta(minutes=5)
#: What got no further is tried again by itself after so long, then after twice as long each time.
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that writing one document needs. A `void` one is not written any more."""

    document: Document
    paper: Paper
    pdf: bytes | None
    void: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """All that writing one allocation needs. `theirs` is the id of the document in Xero, `credit` of the note."""

    allocation: Allocation
    document: Document
    place: str
    theirs: str
    credit: str = ""


def sheet(intent: Intent, row: Connection, books: Books) -> Sheet:
    """A document as it is to be written. Raises `Blocked`."""
    document = (
        Document.objects.select_related("organisation", "party")
        .filter(organisation_id=intent.organisation_id)
        .get(pk=intent.target)
    )
    if intent.stage not in (Stage.DRAFTED, Stage.APPROVED):
        gate(document, row.locked_until, pays_tax=row.pays_tax)
    lines = list(
        Line.objects.filter(organisation_id=intent.organisation_id, document=document).order_by("position")
    )
    deductions = list(
        Deduction.objects.select_related("deposit").filter(
            organisation_id=intent.organisation_id, document=document
        )
    )
    public = environment.load().public_url
    url = f"{public.rstrip('/')}/invoices/{document.pk}/" if public else None
    file = files.stored(document)
    void = Ending.objects.filter(
        organisation_id=intent.organisation_id, document=document, kind=EndingKind.VOID
    ).exists()
    taken_off = [Taken(each, list(each.deposit.lines.order_by("position"))) for each in deductions]
    paper = paper_of(document, lines, taken_off, books, url)
    return Sheet(document, paper, bytes(file.content) if file else None, void)


def move(intent: Intent, row: Connection) -> Move:
    """An allocation as it is to be written. Raises `Blocked` until its documents are in Xero."""
    found = (
        Allocation.objects.select_related("document", "credit_note", "payment")
        .filter(organisation_id=intent.organisation_id)
        .get(pk=intent.target)
    )
    theirs = in_xero(row, found.document)
    if found.credit_note is not None:
        return Move(found, found.document, place_of(found.document), theirs, in_xero(row, found.credit_note))
    assert found.payment is not None
    if row.locked_until is not None and found.payment.paid_on <= row.locked_until:
        raise Blocked(
            f"The books in Xero are locked up to {row.locked_until}, and the payment is of {found.payment.paid_on}. "
            "Move the lock date in Xero, push again, and lock again."
        )
    return Move(found, found.document, place_of(found.document), theirs)


def in_xero(row: Connection, document: Document) -> str:
    """The id of a document in Xero. Raises `Blocked` until it is there and approved."""
    intent = intent_of(row, document.pk)
    if intent is None or intent.stage not in (Stage.APPROVED, Stage.DONE):
        raise Blocked(f"It waits until {document.number} is in Xero.")
    return intent.xero_id


def begin_attempt(intent: Intent, now: datetime) -> int:
    """Say, before it is sent, that a creation is tried; its number. An attempt nobody answered is repeated as it
    was; one that was answered, or is too old for its key, gets a new number: it was looked for in between."""
    row = Intent.objects.select_for_update().get(organisation_id=intent.organisation_id, pk=intent.pk)
    repeatable = not row.heard and row.attempted_at is not None and now - row.attempted_at < KEY_LIFE
    if not repeatable:
        row.attempt += 1
        row.attempted_at = now
    row.heard = False
    row.save(update_fields=["attempt", "attempted_at", "heard"])
    intent.attempt, intent.attempted_at, intent.heard = row.attempt, row.attempted_at, False
    return row.attempt


def heard(intent: Intent) -> None:
    """The attempt was answered, by a yes or a no."""
    intent.heard = True
    Intent.objects.filter(organisation_id=intent.organisation_id, pk=intent.pk).update(heard=True)


def advance(
    intent: Intent, stage: Stage, now: datetime, *, xero_id: str | None = None, reason: str = ""
) -> None:
    """Keep how far it has come. What waited for a document may be tried at once when it is there."""
    intent.stage, intent.reason, intent.tries, intent.retry_at = stage, reason, 0, None
    if xero_id is not None:
        intent.xero_id = xero_id
    intent.done_at = now if stage == Stage.DONE else None
    Intent.objects.filter(organisation_id=intent.organisation_id, pk=intent.pk).update(
        stage=stage, reason=reason, xero_id=intent.xero_id, done_at=intent.done_at, tries=0, retry_at=None
    )
    if stage == Stage.DONE and intent.what in (What.DOCUMENT, What.PAYMENT):
        of_note = Allocation.objects.filter(
            organisation_id=intent.organisation_id, credit_note_id=intent.document_id
        )
        Intent.objects.filter(
            Q(document_id=intent.document_id) | Q(target__in=of_note.values("pk")),
            organisation_id=intent.organisation_id,
            tenant_id=intent.tenant_id,
            stage=Stage.BLOCKED,
        ).exclude(what=What.DOCUMENT).update(retry_at=None)


def stay(intent: Intent, stage: Stage, now: datetime, reason: str) -> None:
    """Keep why it goes no further, and when it is tried again by itself: after a minute, then ever later."""
    intent.stage, intent.reason, intent.tries = stage, reason, intent.tries + 1
    intent.retry_at = now + min(FIRST_PAUSE * (1 << min(intent.tries - 1, 10)), LONGEST_PAUSE)
    Intent.objects.filter(organisation_id=intent.organisation_id, pk=intent.pk).update(
        stage=stage, reason=reason, tries=intent.tries, retry_at=intent.retry_at
    )


def remember(organisation_id: UUID, intent_id: UUID, calls: list[Said]) -> None:
    """Keep what was asked and what was said."""
    History.objects.bulk_create(
        History(
            organisation_id=organisation_id,
            intent_id=intent_id,
            step=each.step[:160],
            outcome=each.outcome[:2000],
            sent=each.sent,
            received=each.received,
        )
        for each in calls
    )


def park(row: Connection, until: datetime | None) -> None:
    """Nothing is done before `until`: Xero's limits are used up."""
    Connection.objects.filter(organisation_id=row.organisation_id).update(parked_until=until)


def day(row: Connection, left: int | None, now: datetime) -> None:
    """Keep how many calls Xero's day still has."""
    if left is not None:
        Connection.objects.filter(organisation_id=row.organisation_id).update(day_left=left, day_left_at=now)


def needs_reconnect(row: Connection, trouble: str) -> None:
    """Our consent or secret does not work any more: stop, and ask a person."""
    Connection.objects.filter(organisation_id=row.organisation_id, state=State.CONNECTED).update(
        state=State.NEEDS_RECONNECT, trouble=trouble
    )


def oldest_payment(row: Connection) -> datetime | None:
    """When the oldest of the payments that are still to be written was recorded."""
    open_ones = Intent.objects.filter(
        organisation_id=row.organisation_id, tenant_id=row.tenant_id, what=What.PAYMENT
    ).exclude(stage=Stage.DONE)
    found: datetime | None = Allocation.objects.filter(
        organisation_id=row.organisation_id, pk__in=open_ones.values("target")
    ).aggregate(oldest=Min("created_at"))["oldest"]
    return found


def done_ids(row: Connection, what: What, document_id: UUID) -> set[str]:
    """The ids in Xero of what was written for a document."""
    return set(
        Intent.objects.filter(
            organisation_id=row.organisation_id, tenant_id=row.tenant_id, what=what, document_id=document_id
        )
        .exclude(xero_id="")
        .values_list("xero_id", flat=True)
    )
