"""What a person asks for: that the worker writes to Xero, or reads from it, now."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app

from housecount.xero import agenda, due
from housecount.xero.connecting import connected
from housecount.xero.models import Agenda
from housecount.xero.planning import open_intents, plan

PULL = "housecount.xero.tasks.pull"


def push(organisation_id: UUID, now: datetime, document_id: UUID | None = None) -> int:
    """Have everything that is left written as soon as a worker has time; how much that is.

    What was refused, or is left alone for a while after it failed, is tried again too. With `document_id`, what
    belongs to that is written before anything else. Raises `NotConnected`. Wrap in `acting_as` the organisation's
    system, as for `pull`.
    """
    if document_id is not None:
        return due.ask(organisation_id, document_id, now)
    row = connected(organisation_id)
    plan(row)
    number = open_intents(row).order_by().update(retry_at=None, tries=0)
    due.push_soon(organisation_id)
    return number


def pull(organisation_id: UUID, now: datetime) -> None:
    """Have everything read that changed in Xero. Raises `NotConnected`."""
    connected(organisation_id)
    agenda.ask(organisation_id, now)
    job = app.configure_task(PULL, queueing_lock=f"xero-pull-{organisation_id}", allow_unknown=True)
    try:
        # One that waits already is refused by the database, and that must not end what we are in.
        with transaction.atomic():
            job.defer(organisation_id=str(organisation_id))
    except exceptions.AlreadyEnqueued:
        return


def asked(organisation_id: UUID, now: datetime) -> bool:
    """Whether a read of Xero is due, and was not made yet."""
    return Agenda.objects.filter(organisation_id=organisation_id, pull_at__lte=now, failures=0).exists()
