"""Payments that Xero has on our documents, brought home: each once, and none that is our own.

What is taken over is recorded here with an intent that is done already, in one transaction, so that no push writes it
back. What cannot be taken over waits, with the reason, and is tried again at every pull.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet, Sum

from housecount.core import documents as core
from housecount.core.errors import HousecountError
from housecount.core.money import format_money, to_major, to_minor
from housecount.invoices import here, services
from housecount.invoices.models import Allocation, Document
from housecount.invoices.models import Payment as OurPayment
from housecount.invoices.queries import situation
from housecount.xero import purses
from housecount.xero.models import Came, Connection, Intent, Stage, What, XeroPayment
from housecount.xero.paper import place_of

METHOD = "Xero"
LIVE, DELETED = "AUTHORISED", "DELETED"
#: In an id of ours for a part of an overpayment or prepayment (see `advances`); none of Xero's own has it.
SEAM = ":"
#: Where a payment stands among what is written; it is written already.
_RANK = 4
#: What stands at Xero on a payment that we wrote (see `moving.reference_of`).
_REFERENCE = re.compile(r"HC-([0-9a-f]{16})")


class Seen(NamedTuple):
    """A payment as Xero tells of it. `currency` is "" where it does not say."""

    payment_id: str
    document: UUID
    amount: Decimal
    currency: str
    paid_on: date | None
    reference: str
    status: str


class Wait(Exception):
    """It is not taken over now; the words say why."""


def receive(row: Connection, seen: Seen, now: datetime) -> Came | None:
    """Do with one payment what is to be done; what became of it, None when nothing changed.

    The same again, in any order, changes nothing. Wrap in `acting_as` the organisation's system.
    """
    with transaction.atomic():
        document = here.document(seen.document, lock=True)
        known = XeroPayment.objects.filter(
            organisation_id=row.organisation_id, tenant_id=row.tenant_id, payment_id=seen.payment_id
        ).first()
        if known is None and seen.status == DELETED and not _ours(row, seen):
            # It came and went between two reads.
            return None
        if known is not None and _settled(known, seen):
            return None
        entry = known or XeroPayment(
            organisation_id=row.organisation_id, tenant_id=row.tenant_id, payment_id=seen.payment_id
        )
        before = (known.state, known.reason, known.status) if known is not None else None
        entry.document, entry.reason = document, ""
        try:
            with transaction.atomic():
                _measure(entry, seen, now)
                entry.state = _become(row, entry, document, seen, now)
        except Wait as reason:
            entry.state, entry.reason = Came.WAITING, str(reason)
        except HousecountError as error:
            entry.state, entry.reason = Came.WAITING, error.message
        if before == (entry.state, entry.reason, entry.status):
            return None
        entry.seen_at = now
        entry.save(force_insert=known is None)
        return Came(entry.state)


def _settled(known: XeroPayment, seen: Seen) -> bool:
    """Whether nothing is left to do. A payment that was deleted never comes alive again."""
    if known.state == Came.WAITING:
        return known.status == DELETED and seen.status != DELETED
    return known.status in (DELETED, seen.status)


def waiting(row: Connection) -> QuerySet[XeroPayment]:
    """Those that could not be taken over so far."""
    return (
        XeroPayment.objects.filter(
            organisation_id=row.organisation_id, tenant_id=row.tenant_id, state=Came.WAITING
        )
        .select_related("document")
        .order_by("seen_at", "payment_id")
    )


def in_the_way(row: Connection, document: Document) -> str:
    """Why nothing more may be paid on a document in Xero: a payment there that could not be taken over; "" if none."""
    found = waiting(row).filter(document=document, status=LIVE).first()
    return found.reason if found is not None else ""


def again(entry: XeroPayment) -> Seen:
    """A payment that waits, as it was seen."""
    return Seen(
        entry.payment_id,
        entry.document_id,
        to_major(entry.amount, entry.document.currency),
        entry.currency,
        entry.paid_on,
        entry.reference,
        entry.status,
    )


def _measure(entry: XeroPayment, seen: Seen, now: datetime) -> None:
    """Take over what Xero says of it. Raises `Wait`, `NotMoney`."""
    ours = entry.document.currency
    entry.status, entry.reference = seen.status[:20], seen.reference[:200]
    if seen.status == DELETED and entry.state:
        # Of what was deleted Xero may tell no more; what it was is known.
        return
    entry.currency, entry.paid_on, entry.amount = seen.currency[:3] or ours, seen.paid_on or now.date(), 0
    if entry.currency == ours:
        entry.amount = to_minor(seen.amount, ours)
    if seen.status not in (LIVE, DELETED):
        raise Wait(
            f"Xero calls this payment {seen.status[:20] or 'nothing'}, which Housecount does not know."
        )
    if entry.currency != ours:
        raise Wait(f"The payment in Xero is in {entry.currency}, and {entry.document.number} is in {ours}.")
    if entry.amount <= 0 or seen.paid_on is None:
        raise Wait("Xero gives this payment no amount or no date.")


def _become(row: Connection, entry: XeroPayment, document: Document, seen: Seen, now: datetime) -> Came:
    ours = _ours(row, seen)
    if entry.status == DELETED:
        if ours:
            _take_back(row, entry, document, now)
        return Came.TAKEN_BACK
    if ours:
        return Came(entry.state) if entry.state in (Came.OURS, Came.TAKEN) else Came.OURS
    if _recorded_on_both_sides(row, entry, document, now):
        return Came.OURS
    _take(row, entry, document, now)
    return Came.TAKEN


def _ours(row: Connection, seen: Seen) -> bool:
    """Whether it is recorded here: by its id (we wrote it, or took it over), or by our reference on it when the answer
    was lost."""
    mine = _intents(row).filter(what=What.PAYMENT)
    if mine.filter(xero_id=seen.payment_id).exists():
        return True
    found = _REFERENCE.fullmatch(seen.reference)
    if found is None:
        return False
    # It may have been written anew, with another amount, or paid out of another document's note.
    first, last = UUID(found[1] + "0" * 16), UUID(found[1] + "f" * 16)
    return mine.filter(target__range=(first, last)).exists()


def _recorded_on_both_sides(row: Connection, entry: XeroPayment, document: Document, now: datetime) -> bool:
    """Whether somebody recorded it here as well, and it was not written yet: then it is the same payment, and is
    written no more. Raises `Wait` while a push might be writing it at this moment."""
    amount = -entry.amount if document.gives_credit else entry.amount
    there = dict(
        _intents(row)
        .filter(what=What.PAYMENT, document_id=document.pk)
        .values_list("target", "xero_id")
    )  # fmt: skip
    unheard = _intents(row).filter(what=What.PAYMENT, document_id=document.pk, heard=False, xero_id="")
    mine = [
        each
        for each in Allocation.objects.select_related("payment")
        .filter(organisation_id=row.organisation_id, document=document, credit_note=None, amount=amount)
        .order_by("created_at", "id")
        if each.payment is not None and not there.get(each.pk)
    ]
    if not mine:
        return False
    with connection.cursor() as cursor:
        # The lock that a push holds from its beginning to its end.
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 2))", [str(row.pk)])
        free = cursor.fetchone() == (True,)
    if not free or unheard.exists():
        raise Wait("The same payment is recorded here, and may be on its way to Xero at this moment.")
    found = min(mine, key=lambda each: each.payment is not None and each.payment.paid_on != entry.paid_on)
    _mark(row, found, entry.payment_id, now)
    return True


def _take(row: Connection, entry: XeroPayment, document: Document, now: datetime) -> None:
    known = situation(document)
    balance = known.balance
    if known.ending is None and not document.gives_credit and entry.amount > balance:
        unknown = format_money(entry.amount, document.currency)
        left = format_money(max(balance, 0), document.currency)
        raise Wait(
            f"Xero has a payment of {unknown} of {entry.paid_on}, and here only {left} is open on {document.number}. "
            "Take back what is too much, here or there."
        )
    payment = services.pay(
        document.pk,
        entry.amount,
        entry.paid_on,
        entry.reference or "Recorded in Xero",
        METHOD,
        f"xero {entry.payment_id}",
        told=True,
    )
    _mark(row, _allocation_of(payment), entry.payment_id, now)


def _take_back(row: Connection, entry: XeroPayment, document: Document, now: datetime) -> None:
    """What was deleted in Xero is taken back here, unless that is what we have deleted it for."""
    refunded = (
        _intents(row).filter(what=What.PAYMENT, xero_id=entry.payment_id).exclude(document_id=document.pk)
    )
    if document.gives_credit and (refund := refunded.first()) is not None:
        _never_refunded(row, entry, here.document(refund.document_id, lock=True), now)
        return
    if _too_much_here(row, entry, document) < entry.amount:
        return
    payment = services.pay(
        document.pk,
        -entry.amount,
        entry.paid_on,
        "No longer set against it in Xero" if SEAM in entry.payment_id else "Deleted in Xero",
        METHOD,
        f"xero {entry.payment_id} deleted",
        told=True,
    )
    _mark(row, _allocation_of(payment), entry.payment_id, now)
    purses.reopen_credit(row, document)


def _never_refunded(row: Connection, entry: XeroPayment, document: Document, now: datetime) -> None:
    """A refund on a document was paid out of the note that corrects it, and that was deleted: nothing went back."""
    if _recorded_on_both_sides(row, entry, document, now):
        return
    payment = services.pay(
        document.pk,
        entry.amount,
        entry.paid_on,
        "Refund deleted in Xero",
        METHOD,
        f"xero {entry.payment_id} deleted",
        told=True,
    )
    _mark(row, _allocation_of(payment), entry.payment_id, now)


def _too_much_here(row: Connection, entry: XeroPayment, document: Document) -> int:
    """How much more is recorded here than Xero has and will be told: sums know nothing of whose deletion it was."""
    mine = Allocation.objects.filter(
        organisation_id=row.organisation_id, document=document, payment__isnull=False
    )
    recorded = abs(int(mine.aggregate(found=Sum("amount"))["found"] or 0))
    intents = {
        target: (stage, xero_id)
        for target, stage, xero_id in _intents(row)
        .filter(what=What.PAYMENT, document_id=document.pk)
        .values_list("target", "stage", "xero_id")
    }
    entries = XeroPayment.objects.filter(
        organisation_id=row.organisation_id, tenant_id=row.tenant_id, document=document
    ).exclude(payment_id=entry.payment_id)
    listed = {each.payment_id: each for each in entries}
    there = sum(
        each.amount for each in listed.values() if each.status != DELETED and each.state != Came.WAITING
    )
    sign = -1 if document.gives_credit else 1
    for target, amount in mine.values_list("pk", "amount"):
        stage, xero_id = intents.get(target, ("", ""))
        written = stage == Stage.DONE or bool(xero_id)
        # Written, and not seen in a list yet; or still to be written.
        if sign * amount > 0 and (not written or (xero_id not in listed and xero_id != entry.payment_id)):
            there += abs(amount)
    return recorded - int(there)


def _allocation_of(payment: OurPayment) -> Allocation:
    return Allocation.objects.get(organisation_id=payment.organisation_id, payment=payment)


def _mark(row: Connection, allocation: Allocation, payment_id: str, now: datetime) -> None:
    """It is in Xero, under this id: nothing is written for it any more."""
    Intent.objects.update_or_create(
        organisation_id=row.organisation_id,
        tenant_id=row.tenant_id,
        what=What.PAYMENT,
        target=allocation.pk,
        defaults={"stage": Stage.DONE, "reason": "", "xero_id": payment_id, "done_at": now},
        create_defaults={
            "document_id": allocation.document_id,
            "rank": _RANK,
            "stage": Stage.DONE,
            "xero_id": payment_id,
            "done_at": now,
        },
    )


def _intents(row: Connection) -> QuerySet[Intent]:
    return Intent.objects.filter(organisation_id=row.organisation_id, tenant_id=row.tenant_id)


def documents_by_id(row: Connection, xero_ids: Iterable[str]) -> dict[str, UUID]:
    """Which documents of ours the ids in Xero are; those we do not know are left out."""
    rows = _intents(row).filter(what=What.DOCUMENT, xero_id__in=list(xero_ids))
    return dict(rows.values_list("xero_id", "target"))


def places(row: Connection, documents: Mapping[str, UUID]) -> dict[str, str]:
    """Where in Xero each of these documents is: `Invoices` or `CreditNotes`, by its id there."""
    rows = Document.objects.filter(organisation_id=row.organisation_id, pk__in=list(documents.values()))
    found = {each.pk: place_of(each) for each in rows}
    return {xero_id: found[key] for xero_id, key in documents.items() if key in found}


def has_notes(row: Connection) -> bool:
    """Whether a note of ours is in Xero."""
    return _intents(row).filter(~Q(xero_id=""), what=What.DOCUMENT, document__kind__in=core.NOTES).exists()
