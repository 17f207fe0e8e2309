"""Reminders of what we are owed: before, on and after the day it is due.

They are polite: only for documents that were sent from here, never twice for one rule, never two within two days,
on weekdays between nine and six on the recipient's own clock, and not once there is a dispute, a promise of a day
that is still to come, a payment of the whole, or an end. The rules of when are pure functions of what they are
given.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from housecount.core.errors import HousecountError
from housecount.invoices import links, mail, queries
from housecount.invoices.models import Delivery, Direction, Document, Event, Kind, Purpose, Reminder, Step
from housecount.tenancy.identity import Identity, acting_as

FIRST_HOUR, LAST_HOUR = 9, 18
#: Between two mails about one document.
APART = timedelta(days=2)
KINDS = (Kind.INVOICE, Kind.DEPOSIT_INVOICE)


class Rule(NamedTuple):
    """`days` after the due date (before it: below zero) the reminder may go, until `days_until`."""

    name: str
    days: int
    days_until: int


#: One that could not go in its days is left out: nobody gets three at once after a week without a worker.
RULES = (
    Rule("before_3", -3, -1),
    Rule("on_due", 0, 6),
    Rule("after_7", 7, 13),
    Rule("after_14", 14, 20),
)


def quiet(local: datetime) -> bool:
    """Whether a recipient on whose clock it is `local` is left alone."""
    return local.weekday() >= 5 or not FIRST_HOUR <= local.hour < LAST_HOUR


def rule_for(due: date, today: date, sent: Collection[str]) -> Rule | None:
    """The rule whose days these are, unless it was used; both days are the recipient's."""
    late = (today - due).days
    for rule in RULES:
        if rule.days <= late <= rule.days_until and rule.name not in sent:
            return rule
    return None


def zone_of(document: Document) -> ZoneInfo:
    """The recipient's time zone: the party's, else the organisation's."""
    return ZoneInfo(document.party.timezone or document.organisation.timezone)


def stopped_by(document: Document, events: list[Event], today: date) -> str:
    """Why nobody is reminded of a document, in words; "" when nothing speaks against it."""
    if document.step != Step.ISSUED:
        return "it is not issued"
    if document.direction != Direction.RECEIVABLE or document.kind not in KINDS:
        return "it is nothing that somebody owes us"
    if document.due_date is None:
        return "it has no day on which it is due"
    facts = queries.document_json(document)
    if facts["status"] != "issued":
        return f"it is {facts['status'].replace('_', ' ')}"
    if facts["balance"] <= 0:
        return "it is paid"
    if links.disputed(events):
        return "it is disputed"
    promised = links.promised_on(events)
    if promised is not None and promised >= today:
        return f"payment is promised for {mail.long_day(promised)}"
    switched = [event.what for event in events if event.what in {"reminders_off", "reminders_on"}]
    return "reminders are switched off for it" if switched[-1:] == ["reminders_off"] else ""


def may_go(document: Document, now: datetime) -> bool:
    """Whether a reminder that was written down may still go at `now`."""
    local = now.astimezone(zone_of(document))
    return not quiet(local) and not stopped_by(document, _events(document), local.date())


def switch(document: Document, *, on: bool, by: object) -> None:
    """Switch the reminders of one document on or off."""
    Event.objects.create(
        organisation_id=document.organisation_id,
        document=document,
        what="reminders_on" if on else "reminders_off",
        by=by,  # type: ignore[misc]
    )


def _events(document: Document) -> list[Event]:
    return list(
        Event.objects.filter(organisation_id=document.organisation_id, document_id=document.pk).order_by("id")
    )


def due_now(organisation_id: UUID, now: datetime) -> list[UUID]:
    """The documents of an organisation somebody may have to be reminded of; in a transaction of its own."""
    # A day more on both sides: the recipient's day is not ours.
    first = now.date() - timedelta(days=RULES[-1].days_until + 1)
    last = now.date() + timedelta(days=1 - RULES[0].days)
    with acting_as(Identity.system(organisation_id)):
        return list(
            Document.objects.filter(
                organisation_id=organisation_id,
                step=Step.ISSUED,
                direction=Direction.RECEIVABLE,
                kind__in=KINDS,
                due_date__range=(first, last),
                ending=None,
            )
            .filter(
                deliveries__kind="mail",
                deliveries__purpose=Purpose.DOCUMENT,
                deliveries__sent_at__isnull=False,
            )
            .order_by("due_date", "id")
            .values_list("pk", flat=True)
            .distinct()
        )


def remind(organisation_id: UUID, document_id: UUID, now: datetime) -> Reminder | None:
    """Remind of one document if this is the hour for it; in a transaction of its own."""
    with acting_as(Identity.system(organisation_id)):
        # Locked, so that two workers do not both remind; its row itself is not touched.
        document = (
            Document.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
            .select_related("party", "organisation")
            .filter(organisation_id=organisation_id, pk=document_id)
            .first()
        )
        if document is None or document.due_date is None:
            return None
        local = now.astimezone(zone_of(document))
        sent = set(
            Reminder.objects.filter(organisation_id=organisation_id, document=document).values_list(
                "rule", flat=True
            )
        )
        rule = rule_for(document.due_date, local.date(), sent)
        if rule is None or quiet(local) or stopped_by(document, _events(document), local.date()):
            return None
        mails = Delivery.objects.filter(organisation_id=organisation_id, document=document, kind="mail")
        if mails.filter(Q(next_try_at__isnull=False) | Q(sent_at__gt=now - APART)).exists():
            return None
        try:
            delivery = mail.send(document, now, purpose=Purpose.REMINDER)
        except HousecountError:
            return None  # there is no address any more: the document's page says so
        return Reminder.objects.create(
            organisation_id=organisation_id, document=document, rule=rule.name, sent_at=now, delivery=delivery
        )
