"""What is written first while Xero lets us write only so much.

What belongs together (a document, the notes on it, what is set against it, its end) keeps its own order and is as
urgent as the most urgent thing in it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from housecount.invoices.models import Allocation, Kind
from housecount.xero.models import Connection, Intent, Stage, What

#: A document that is to be paid within so many days is due soon.
SOON = timedelta(days=7)
#: How often one thing is tried in one push, when no answer came or what it waited for has come.
_MOST_TRIES = 3
_NOTES = (Kind.CREDIT_NOTE, Kind.ADJUSTMENT_NOTE)


class Urgency(IntEnum):
    """What a person asked for; what takes back what Xero shows as owed; what is due soon or late; the rest."""

    ASKED = 0
    TAKES_BACK = 1
    DUE_SOON = 2
    REST = 3


class _Place(NamedTuple):
    """Where what belongs together stands: the most urgent first, then what is due first."""

    urgency: Urgency
    due: date
    number: str


def waiting(row: Connection, at: datetime | None) -> list[Intent]:
    """Everything that is left to do, the most urgent first; with `at`, without what is to be tried again only later."""
    found = (
        Intent.objects.filter(organisation_id=row.organisation_id, tenant_id=row.tenant_id)
        .exclude(stage=Stage.DONE)
        .select_related("document")
        .defer("document__sender", "document__recipient", "document__notes")
    )
    if at is not None:
        found = found.filter(Q(retry_at=None) | Q(retry_at__lte=at))
    intents = list(found)
    times = dict(
        Allocation.objects.filter(
            organisation_id=row.organisation_id,
            pk__in=[each.target for each in intents if each.what in (What.ALLOCATION, What.PAYMENT)],
        ).values_list("pk", "created_at")
    )
    return in_order(intents, times, (at or row.read_at).date())


def in_order(intents: Iterable[Intent], times: dict[UUID, datetime], today: date) -> list[Intent]:
    """The intents, the most urgent first. `times` says when money and credit came."""
    rows = list(intents)
    places: dict[UUID, _Place] = {}
    for each in rows:
        document = each.document
        mine = _Place(urgency(each, today), document.due_date or document.issue_date, document.number or "")
        key = document.credits_id or document.pk
        places[key] = min(places.get(key, mine), mine)
    return sorted(
        rows,
        key=lambda each: (
            *places[each.document.credits_id or each.document_id],
            str(each.document.credits_id or each.document_id),
            each.rank,
            times.get(each.target, each.created_at),
            each.document.number or "",
            str(each.pk),
        ),
    )


def urgency(intent: Intent, today: date) -> Urgency:
    """How urgent one intent is by itself."""
    if intent.asked_at is not None:
        return Urgency.ASKED
    if intent.what not in (What.DOCUMENT, What.PAYMENT) or intent.document.kind in _NOTES:
        return Urgency.TAKES_BACK
    due = intent.document.due_date or intent.document.issue_date
    return Urgency.DUE_SOON if intent.what == What.DOCUMENT and due <= today + SOON else Urgency.REST


def next_ones(intents: Sequence[Intent], tried: Counter[UUID], unsure: set[UUID], most: int) -> list[Intent]:
    """The next `most` to try in this push: nothing is tried twice but what ended without an answer, and what waited for
    something that has come since; they come after everything else."""
    left = [
        each
        for each in intents
        if not tried[each.pk]
        or (tried[each.pk] < _MOST_TRIES and (each.pk in unsure or (each.reason and each.retry_at is None)))
    ]
    return sorted(left, key=lambda each: tried[each.pk])[:most]
