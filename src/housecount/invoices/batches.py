"""Many documents issued by a job, one after the other, with progress. A few at once are issued in a transaction that
also ticks them off: a worker that stops in between leaves none half done, and none is issued twice. One that is refused
keeps no other back."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from procrastinate.contrib.django import app

from housecount.core.errors import HousecountError
from housecount.invoices import here
from housecount.invoices.duplicates import duplicates_of
from housecount.invoices.errors import Invalid, NotFound
from housecount.invoices.issuing import Desk, issue_locked
from housecount.invoices.models import Batch, BatchItem, Document, Step
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import User

MOST = 5_000
#: How many share a transaction, and what is asked and written once for all of them. More would keep whoever else issues
#: waiting for the numbers.
AT_ONCE = 20
#: A batch that a worker left undone is taken up again when nothing was ticked off for so long.
_LEFT = timedelta(minutes=2)


class Progress(NamedTuple):
    """How far a batch is: `issued` and `refused` of `total`."""

    total: int
    issued: int
    refused: int

    @property
    def done(self) -> int:
        return self.issued + self.refused

    @property
    def finished(self) -> bool:
        return self.done >= self.total


def create_batch(
    organisation_id: UUID,
    document_ids: Sequence[UUID],
    by: User | None = None,
    even_so: Collection[UUID] = frozenset(),
) -> Batch:
    """A batch of drafts and approved documents, which a job begins with as soon as the transaction is kept. Those of
    `even_so` are issued although they look like another one. Raises `Invalid`, `NotFound`."""
    wanted = list(dict.fromkeys(document_ids))
    if not 0 < len(wanted) <= MOST:
        raise Invalid(f"A batch has 1 to {MOST:,} documents.")
    there = Document.objects.filter(organisation_id=organisation_id, pk__in=wanted)
    if there.exclude(step=Step.ISSUED).count() != len(wanted):
        raise NotFound("One of these documents is not there any more, or is issued already. Choose again.")
    batch = Batch.objects.create(organisation_id=organisation_id, created_by=by)
    BatchItem.objects.bulk_create(
        BatchItem(
            organisation_id=organisation_id,
            batch=batch,
            document_id=key,
            position=place,
            even_so=key in even_so,
        )
        for place, key in enumerate(wanted)
    )
    app.configure_task("housecount.invoices.tasks.issue_batch", queueing_lock=f"batch-{batch.pk}").defer(
        organisation_id=str(organisation_id), batch_id=str(batch.pk)
    )
    return batch


def find_batch(batch_id: UUID | str) -> Batch:
    """A batch of the organisation. Raises `NotFound`."""
    found = Batch.objects.filter(
        organisation_id=here.organisation_id(), pk=here.as_id(batch_id, "a batch")
    ).first()
    if found is None:
        raise NotFound(f"There is no batch {batch_id}.")
    return found


def progress(batch: Batch) -> Progress:
    """How far it is."""
    found = BatchItem.objects.filter(organisation_id=batch.organisation_id, batch=batch).aggregate(
        total=Count("pk"),
        issued=Count("pk", filter=Q(done_at__isnull=False, trouble="")),
        refused=Count("pk", filter=~Q(trouble="")),
    )
    return Progress(found["total"], found["issued"], found["refused"])


def items(batch: Batch, most: int = 500) -> list[BatchItem]:
    """Its documents: those that were refused first, then in their order."""
    rows = BatchItem.objects.filter(organisation_id=batch.organisation_id, batch=batch)
    refused = rows.exclude(trouble="").select_related("document__party").order_by("position")[:most]
    others = rows.filter(trouble="").select_related("document__party").order_by("position")[:most]
    return [*refused, *others][:most]


def work(organisation_id: UUID, batch_id: UUID) -> Progress:
    """Issue what is left of a batch, a few documents in a transaction."""
    while _next(organisation_id, batch_id):
        pass
    with acting_as(Identity.system(organisation_id)):
        batch = find_batch(batch_id)
        found = progress(batch)
        if found.finished and batch.finished_at is None:
            batch.finished_at = datetime.now(UTC)
            batch.save(update_fields=["finished_at"])
        return found


def _next(organisation_id: UUID, batch_id: UUID) -> bool:
    with acting_as(Identity.system(organisation_id)):
        items = list(
            BatchItem.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(organisation_id=organisation_id, batch_id=batch_id, done_at=None)
            .select_related("batch__created_by")
            .order_by("position")[:AT_ONCE]
        )
        if not items:
            return False
        documents = here.locked(each.document_id for each in items)
        desk = Desk(documents.values())
        items = _together(items, documents, desk)
        for item in items:
            item.trouble = _issue(item, documents[item.document_id], desk)
            item.done_at = datetime.now(UTC)
        desk.clear()
        BatchItem.objects.bulk_update(items, ["trouble", "done_at"])
        return True


def _together(items: list[BatchItem], documents: Mapping[UUID, Document], desk: Desk) -> list[BatchItem]:
    """As many of the first items as may be issued in one transaction.

    A document that takes another one along (the one that it corrects, its deposits) goes alone: whoever settles that
    other one must not wait for us while we wait for them.
    """
    for place, item in enumerate(items):
        if documents[item.document_id].credits_id is not None or item.document_id in desk.deducting:
            return items[: max(place, 1)]
    return items


def _issue(item: BatchItem, document: Document, desk: Desk) -> str:
    """Issue one document; why not, in words, or ""."""
    try:
        with transaction.atomic():
            alike = [] if item.even_so else duplicates_of(document)
            if alike:
                return f"It looks like {alike[0].number or 'an approved one'} of {alike[0].issue_date.isoformat()}."
            issue_locked(document, item.batch.created_by, datetime.now(UTC), desk)
    except HousecountError as error:
        return error.message
    return ""


def left_undone(organisation_id: UUID, now: datetime) -> list[UUID]:
    """Batches that no job works on any more; in a transaction of its own."""
    with acting_as(Identity.system(organisation_id)):
        waiting = Batch.objects.filter(
            organisation_id=organisation_id, finished_at=None, created_at__lt=now - _LEFT
        )
        return list(waiting.exclude(items__done_at__gt=now - _LEFT).values_list("pk", flat=True).distinct())


def take_up(organisation_id: UUID, batch_id: UUID, _: datetime) -> bool:
    """Go on with a batch that was left undone."""
    return work(organisation_id, batch_id).finished
