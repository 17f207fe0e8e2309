"""Documents that come again, as drafts for a person to look at; and the one document a week for an act.

Each is made in one transaction with the step to its next day: none is left out, none made twice.
"""

import calendar
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from housecount.core.documents import NOTES
from housecount.core.errors import HousecountError, NextStep
from housecount.core.gates import copy_counted_from
from housecount.invoices import here, services
from housecount.invoices.drafts import as_given, line_as_given
from housecount.invoices.models import Direction, Document, Kind, Line, Party, Recurring, Rhythm, Step
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import User

#: After a long pause, so many are made at once and the rest an hour later.
MOST_AT_ONCE = 12
#: What can be collected into one document; deposits and credits stand for themselves.
COLLECTED_KINDS = (Kind.INVOICE, Kind.RCTI, Kind.PAYMENT_STATEMENT)
#: What a document has from the one time that it was made for.
_OF_ONE_OCCASION = frozenset(
    {"issue_date", "due_date", "terms", "show", "credits", "deposit", "deposits", "value_set_on"}
)


class NotRecurring(HousecountError):
    """A recurring document that cannot be."""

    code = "not_recurring"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


def day_number(first_on: date, rhythm: Rhythm, number: int) -> date:
    """The day of the `number`th document, the first being number 0. A 31st falls on a short month's last day."""
    if rhythm is Rhythm.WEEKLY:
        return first_on + timedelta(weeks=number)
    month = first_on.month - 1 + number
    year, month = first_on.year + month // 12, month % 12 + 1
    return date(year, month, min(first_on.day, calendar.monthrange(year, month)[1]))


def next_after(first_on: date, rhythm: Rhythm, day: date) -> date:
    """The first of the days that lies after `day`."""
    if day < first_on:
        return first_on
    number = (
        (day - first_on).days // 7
        if rhythm is Rhythm.WEEKLY
        else (day.year - first_on.year) * 12 + day.month - first_on.month
    )
    while (found := day_number(first_on, rhythm, number)) <= day:
        number += 1
    return found


def create(
    party: Party,
    by: User | None,
    *,
    name: str,
    rhythm: str,
    first_on: date,
    ends_on: date | None = None,
    due_days: int = 14,
    like: Document | None = None,
) -> Recurring:
    """A document `like` that one, which comes again from `first_on` on; without `like` it collects what was approved
    for the party. Raises `NotRecurring`."""
    if rhythm not in Rhythm.values:
        raise NotRecurring("It comes again weekly or monthly.")
    if not name.strip():
        raise NotRecurring("Give it a name, so that it can be told from others.")
    if ends_on is not None and ends_on < first_on:
        raise NotRecurring("It would end before its first day.")
    if not 0 <= due_days <= 365:
        raise NotRecurring("It is due within 365 days.")
    if like is not None and like.kind in NOTES:
        raise NotRecurring("A note corrects one document: it does not come again.")
    return Recurring.objects.create(
        organisation_id=party.organisation_id,
        party=party,
        name=name.strip()[:200],
        collects=like is None,
        template={} if like is None else template_of(like),
        made_from=like,
        due_days=due_days,
        rhythm=rhythm,
        first_on=first_on,
        next_on=first_on,
        ends_on=ends_on,
        created_by=by,
    )


def template_of(document: Document) -> dict[str, Any]:
    """A document as a template: as it would be given to `services.create_documents`, without what belongs to the one
    occasion."""
    return {name: value for name, value in as_given(document).items() if name not in _OF_ONE_OCCASION}


def due_now(organisation_id: UUID, now: datetime) -> list[UUID]:
    """What is to be made today, on the organisation's calendar; in a transaction of its own."""
    with acting_as(Identity.system(organisation_id)):
        return [
            each.pk
            for each in Recurring.objects.select_related("organisation")
            .filter(organisation_id=organisation_id, active=True, next_on__lte=now.date() + timedelta(days=1))
            .order_by("next_on", "id")
            if each.next_on <= _today(each, now)
        ]


def make(organisation_id: UUID, recurring_id: UUID, now: datetime) -> int:
    """Make what is due of one of them; how many documents. In a transaction of its own.

    What is refused is kept in words with the recurring document, and tried again with the next job.
    """
    with acting_as(Identity.system(organisation_id)):
        each = (
            Recurring.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("party", "organisation")
            .filter(organisation_id=organisation_id, pk=recurring_id, active=True)
            .first()
        )
        if each is None:
            return 0
        made = 0
        for _ in range(MOST_AT_ONCE):
            if each.next_on > _today(each, now) or (each.ends_on is not None and each.next_on > each.ends_on):
                break
            try:
                with transaction.atomic():
                    made += len(_collect(each)) if each.collects else len(_make_one(each))
            except HousecountError as error:
                each.trouble = error.message
                break
            each.trouble = ""
            each.next_on = next_after(each.first_on, Rhythm(each.rhythm), each.next_on)
        each.active = each.ends_on is None or each.next_on <= each.ends_on
        each.save(update_fields=["next_on", "active", "trouble"])
        return made


def _today(each: Recurring, now: datetime) -> date:
    return now.astimezone(ZoneInfo(each.organisation.timezone)).date()


def _make_one(each: Recurring) -> list[Document]:
    data = dict(each.template) | {
        "party": str(each.party_id),
        "issue_date": each.next_on.isoformat(),
        "due_date": (each.next_on + timedelta(days=each.due_days)).isoformat(),
    }
    return services.create_documents(each.organisation_id, data, each.created_by, recurring=each)


def _collect(each: Recurring) -> list[Document]:
    """One approved document in the place of several; what differs in more than its lines stays apart."""
    approved = (
        Document.objects.select_for_update(of=("self",))
        .select_related("show__venue")
        .filter(
            organisation_id=each.organisation_id,
            party=each.party,
            step=Step.APPROVED,
            direction=Direction.PAYABLE,
            kind__in=COLLECTED_KINDS,
            issue_date__lte=each.next_on,
        )
        .order_by("issue_date", "created_at", "id")
    )
    alike: dict[tuple[str, ...], list[Document]] = defaultdict(list)
    for document in approved:
        alike[_sort(document)].append(document)
    return [_joined(each, documents) for documents in alike.values() if len(documents) > 1]


def _sort(document: Document) -> tuple[str, ...]:
    return (
        document.kind,
        document.currency,
        document.price_mode,
        document.rounding_rule,
        str(document.tax_rate),
        str(document.agreement_id),
        str(document.embedded_agreement),
    )


def _joined(each: Recurring, documents: Sequence[Document]) -> Document:
    lines = [
        _line_of(document, line) for document in documents for line in document.lines.order_by("position")
    ]
    data = template_of(documents[0]) | {
        "lines": lines,
        "reference": f"{each.name}, to {each.next_on.isoformat()}"[:200],
        "notes": "\n".join(dict.fromkeys(document.notes for document in documents if document.notes)),
        "issue_date": each.next_on.isoformat(),
        "due_date": (each.next_on + timedelta(days=each.due_days)).isoformat(),
        "value_set_on": _value_set_on(documents),
    }
    [joined] = services.create_documents(each.organisation_id, data, each.created_by, recurring=each)
    for document in documents:
        services.reopen(document.pk, each.created_by)
        services.delete(document.pk, each.created_by)
    services.approve(joined.pk, each.created_by)
    return Document.objects.get(organisation_id=each.organisation_id, pk=joined.pk)


def _line_of(document: Document, line: Line) -> dict[str, Any]:
    where = _where(document)
    return line_as_given(line) | ({"description": f"{line.description} ({where})"} if where else {})


def _value_set_on(documents: Sequence[Document]) -> str | None:
    """From when the copy of RCTIs in one is due: the first of them waits no longer for being put with later ones."""
    if documents[0].kind != Kind.RCTI:
        return None
    return min(
        copy_counted_from(each.issue_date, here.show_day(each), each.value_set_on) for each in documents
    ).isoformat()


def _where(document: Document) -> str:
    if document.show is None:
        return document.reference
    local = document.show.starts_at.astimezone(ZoneInfo(document.show.venue.timezone))
    return f"{document.show.title}, {local.day} {local:%b %Y}"
