"""What is to be written to Xero: an intent for each issued document, credit, payment and end."""

from datetime import date, datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from housecount.core.documents import Kind
from housecount.invoices.models import Allocation, Document, Ending, EndingKind, Step
from housecount.xero.models import Connection, Intent, Stage, What

_NOTES = (Kind.CREDIT_NOTE, Kind.ADJUSTMENT_NOTE)
#: Documents before what credits them, then credit and money in the order in which they came, then ends.
_RANK = {What.DOCUMENT: 1, What.ALLOCATION: 3, What.PAYMENT: 3, What.WRITE_OFF: 4, What.VOID: 5}
_ENDS = ((What.VOID, EndingKind.VOID), (What.WRITE_OFF, EndingKind.WRITTEN_OFF))
_NOTE_RANK = 2


def plan(row: Connection, since: datetime | None = None) -> int:
    """Make the intents that are missing; how many. The same again makes none: each is unique in its organisation.

    With `since`, only of what came about from then on: for a look that is taken often. A document that was void before
    it was ever written is not. Wrap in `acting_as` the organisation's system.
    """
    organisation_id, tenant = row.organisation_id, row.tenant_id
    made: list[Intent] = []
    voids = Ending.objects.filter(
        organisation_id=organisation_id, document_id=OuterRef("pk"), kind=EndingKind.VOID
    )
    documents = _since(
        Document.objects.filter(organisation_id=organisation_id, step=Step.ISSUED), "issue_date", row.since
    )
    if since is not None:
        documents = documents.filter(issued_at__gte=since)
    for document in documents.filter(~Exists(voids), ~_planned(row, What.DOCUMENT)):
        rank = _NOTE_RANK if document.kind in _NOTES else _RANK[What.DOCUMENT]
        made.append(_intent(row, What.DOCUMENT, document.pk, document.pk, rank))
    written = Intent.objects.filter(
        organisation_id=organisation_id, tenant_id=tenant, what=What.DOCUMENT
    ).values("target")
    fresh = {each.target for each in made}
    rows = Allocation.objects.filter(
        Q(document_id__in=written) | Q(document_id__in=fresh), organisation_id=organisation_id
    )
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    for what, chosen in (
        (What.ALLOCATION, rows.filter(credit_note__isnull=False)),
        (What.PAYMENT, rows.filter(payment__isnull=False)),
    ):
        for each in chosen.filter(~_planned(row, what)).order_by("created_at"):
            made.append(_intent(row, what, each.pk, each.document_id, _RANK[what]))
    for what, kind in _ENDS:
        ended = Ending.objects.filter(organisation_id=organisation_id, kind=kind, document_id__in=written)
        if since is not None:
            ended = ended.filter(at__gte=since)
        made += [
            _intent(row, what, each.document_id, each.document_id, _RANK[what])
            for each in ended.filter(~_planned(row, what))
        ]
    Intent.objects.bulk_create(made, ignore_conflicts=True)
    return len(made)


def open_intents(row: Connection) -> QuerySet[Intent]:
    """What is left to do, in the order in which it can be done."""
    return (
        Intent.objects.filter(organisation_id=row.organisation_id, tenant_id=row.tenant_id)
        .exclude(stage=Stage.DONE)
        .order_by("rank", "created_at", "document__issue_date", "document__number", "id")
    )


def intent_of(row: Connection, document_id: UUID) -> Intent | None:
    """The intent of a document in the connected organisation."""
    return Intent.objects.filter(
        organisation_id=row.organisation_id, tenant_id=row.tenant_id, what=What.DOCUMENT, target=document_id
    ).first()


def _planned(row: Connection, what: What) -> Exists:
    return Exists(
        Intent.objects.filter(
            organisation_id=row.organisation_id, tenant_id=row.tenant_id, what=what, target=OuterRef("pk")
        )
    )


def _since(rows: QuerySet[Document], field: str, since: date | None) -> QuerySet[Document]:
    rows = rows.order_by("issue_date", "created_at")
    return rows if since is None else rows.filter(**{f"{field}__gte": since})


def _intent(row: Connection, what: What, target: UUID, document_id: UUID, rank: int) -> Intent:
    return Intent(
        organisation_id=row.organisation_id,
        tenant_id=row.tenant_id,
        what=what,
        target=target,
        document_id=document_id,
        rank=rank,
    )
