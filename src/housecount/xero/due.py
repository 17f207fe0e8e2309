"""When the worker writes by itself, and what people say about what is left."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from procrastinate import exceptions
from procrastinate.contrib.django import app

from housecount.xero import connecting
from housecount.xero.errors import NotConnected
from housecount.xero.models import Agenda, Connection, Intent, Stage, State, What
from housecount.xero.planning import plan
from housecount.xero.pushing import KEPT_CALLS, parked
from housecount.xero.urgency import Urgency, urgency, waiting

#: A look that is taken often sees what came about since; transactions do not stay open for longer.
_RECENT = timedelta(hours=2)
#: With few calls left of Xero's day, it is asked so often whether the day has begun anew.
_PROBE = timedelta(hours=1)
_JUST_CONNECTED = timedelta(minutes=3)
PUSH = "housecount.xero.tasks.push"


def connected_ones() -> list[UUID]:
    """The organisations that may have something to write. Wrap in `acting_as` the system without an organisation."""
    return list(Agenda.objects.exclude(pull_at=None).values_list("organisation_id", flat=True))


def is_due(organisation_id: UUID, now: datetime, *, thorough: bool = False) -> bool:
    """Whether the worker has something to write now. Plans what came about lately; all of it when `thorough`.

    Wrap in `acting_as` the organisation's system.
    """
    row = Connection.objects.filter(
        organisation_id=organisation_id, state=State.CONNECTED, automatic=True
    ).first()
    if row is None or parked(row, now) is not None:
        return False
    fresh = now - row.read_at < _JUST_CONNECTED
    plan(row, None if thorough or fresh else now - _RECENT)
    left = Intent.objects.filter(
        Q(retry_at=None) | Q(retry_at__lte=now), organisation_id=organisation_id, tenant_id=row.tenant_id
    ).exclude(stage=Stage.DONE)
    if not left.exists():
        return False
    asked_lately = row.day_left_at is not None and now - row.day_left_at < _PROBE
    if asked_lately and row.day_left is not None and row.day_left < KEPT_CALLS:
        return any(urgency(each, now.date()) <= Urgency.TAKES_BACK for each in waiting(row, now))
    return True


def push_soon(organisation_id: UUID) -> bool:
    """Have the worker push; False when that is waiting already. In the caller's transaction."""
    job = app.configure_task(PUSH, queueing_lock=f"xero-push-{organisation_id}", allow_unknown=True)
    try:
        # One that waits already is refused by the database, and that must not end what we are in.
        with transaction.atomic():
            job.defer(organisation_id=str(organisation_id))
    except exceptions.AlreadyEnqueued:
        return False
    return True


def ask(organisation_id: UUID, document_id: UUID, now: datetime) -> int:
    """Somebody wants a document in Xero now: it goes before everything else; how many things that are. The worker is
    told. Raises `NotConnected`. Wrap in `acting_as` the organisation's system, as for `by_hand`."""
    row = connecting.connected(organisation_id)
    plan(row)
    found = (
        Intent.objects.filter(organisation_id=organisation_id, tenant_id=row.tenant_id)
        .filter(Q(document_id=document_id) | Q(document__credits_id=document_id))
        .exclude(stage=Stage.DONE)
        .update(retry_at=None, asked_at=now, tries=0)
    )
    push_soon(organisation_id)
    return found


def by_hand(organisation_id: UUID, document_id: UUID, now: datetime) -> int:
    """Somebody entered in Xero what is left of a document and cannot be written; how many things that are. Documents
    themselves are found there by their number, so they are left. Raises `NotConnected`."""
    row = Connection.objects.filter(organisation_id=organisation_id).first()
    if row is None:
        raise NotConnected("Xero is not connected.")
    return (
        Intent.objects.filter(
            organisation_id=organisation_id,
            tenant_id=row.tenant_id,
            document_id=document_id,
            stage__in=(Stage.BLOCKED, Stage.REJECTED, Stage.CONFLICT, Stage.DIFFERS),
        )
        .exclude(what=What.DOCUMENT)
        .update(stage=Stage.DONE, reason="Entered in Xero by hand.", done_at=now, retry_at=None)
    )


def set_automatic(organisation_id: UUID, *, on: bool) -> Connection:
    """Whether the worker writes what is issued by itself. Raises `NotConnected` without a connection."""
    row = Connection.objects.filter(organisation_id=organisation_id).first()
    if row is None:
        raise NotConnected("Xero is not connected: housecount xero connect.")
    row.automatic = on
    row.save(update_fields=["automatic"])
    return row
