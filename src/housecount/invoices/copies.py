"""The copy of an RCTI that its supplier must get in time (R-6): which of them still wait, and until when.

A mail that was handed over counts, so does a link that was made to be handed over, and a person's word that they gave
the copy themselves.
"""

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from housecount.invoices import asked, here
from housecount.invoices.errors import NotPossible
from housecount.invoices.issuing import rcti_copy_by, remember
from housecount.invoices.models import Delivery, Document, Event, Kind, Step
from housecount.sync.troubles import Cause, Trouble
from housecount.tenancy.models import Organisation, User

_ADVICE: Final = (
    "Open the document and mail it, make a link for the supplier, or say that you gave them the copy."
)
#: From so many days before the last one on, a copy is urgent.
URGENT = timedelta(days=7)


#: What is older is not looked for any more, so that a page does not slow down as years pile up.
LOOKED_BACK = timedelta(days=366)


class CopyDue(NamedTuple):
    """An RCTI whose supplier has no copy; `by` is the last day for it."""

    document: Document
    by: date
    late: bool
    urgent: bool


def copies_due(organisation_id: UUID, today: date) -> list[CopyDue]:
    """Every RCTI of the last year whose supplier has no copy yet, the most urgent first."""
    of_document = {"organisation_id": organisation_id, "document_id": OuterRef("pk")}
    given = Delivery.objects.filter(Q(kind="link") | Q(sent_at__isnull=False), bounced_at=None, **of_document)
    noted = Event.objects.filter(what="copy_given", **of_document)
    found = (
        Document.objects.filter(
            ~Exists(given),
            ~Exists(noted),
            organisation_id=organisation_id,
            issue_date__gt=today - LOOKED_BACK,
            kind=Kind.RCTI,
            step=Step.ISSUED,
            ending=None,
        )
        .select_related("party", "show__venue")
        .order_by("issue_date", "number")
    )
    due = []
    for document in found:
        by = rcti_copy_by(document)
        assert by is not None
        due.append(CopyDue(document, by, by < today, by - today <= URGENT))
    return sorted(due, key=lambda each: each.by)


def troubles(organisation: Organisation, now: datetime) -> list[Trouble]:
    """What people are told of copies: of each when its time runs out, and once more when that is over. The first
    trouble stays beside the second, so that its end is told only when there is a copy."""
    found = []
    for due in copies_due(organisation.pk, here.today(organisation, now)):
        if not due.urgent:
            continue
        what = f"{due.document.party.name} has no copy of {due.document.number} yet"
        day = f"{due.by:%a} {due.by.day} {due.by:%b %Y}"
        subject = str(due.document.pk)
        verb = "was" if due.late else "is"
        found.append(
            Trouble(Cause.RCTI_COPY_DUE, subject, f"{what}: the last day for it {verb} {day}.", _ADVICE)
        )
        if due.late:
            found.append(
                Trouble(
                    Cause.RCTI_COPY_LATE,
                    subject,
                    f"{what}, and should have had it by {day}, 28 days after the sale or after its value was set "
                    "(R-6).",
                    f"{_ADVICE} Ask an accountant what follows from its lateness.",
                )
            )
    return found


def has_copy(document: Document) -> bool:
    """Whether the supplier of an RCTI has their copy."""
    of_document = {"organisation_id": document.organisation_id, "document": document}
    return (
        Delivery.objects.filter(
            Q(kind="link") | Q(sent_at__isnull=False), bounced_at=None, **of_document
        ).exists()
        or Event.objects.filter(what="copy_given", **of_document).exists()
    )


def give_copy(document: Document, on: date, today: date, by: User | None) -> None:
    """A person says that they gave the supplier of an RCTI the copy on a day, or a recipient the tax invoice they asked
    for. Raises `NotPossible`."""
    wanted = document.kind == Kind.RCTI or asked.open_requests(document.organisation, today, document)
    if not wanted or document.step != Step.ISSUED:
        raise NotPossible(
            "no_copy_needed",
            "A copy is due of an issued RCTI, and of an issued tax invoice that was asked for.",
        )
    if not document.issue_date <= on <= today:
        raise NotPossible("not_that_day", "The copy was given between the day of issue and today.")
    remember(document, "copy_given", by, on=on.isoformat())
