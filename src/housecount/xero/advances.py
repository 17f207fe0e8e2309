"""Overpayments and prepayments in Xero that were set against our documents: money on them, each once, and undone again.

They are read from the documents themselves, which every read brings: whether our consent covers their own places in
Xero is not known. What one of them gives to one document counts as a payment; when that becomes more, less or nothing,
the payment is taken back and, as far as it still stands, taken over anew. Nothing is taken back on the word of a list
that does not come to what was settled.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from housecount.core.money import NotMoney, to_major, to_minor
from housecount.xero import wire
from housecount.xero.models import Came, Connection, XeroPayment
from housecount.xero.receipts import DELETED, LIVE, SEAM, Seen

_ENDED = ("VOIDED", "DELETED")


class _Given(NamedTuple):
    """What one advance gives to one document."""

    amount: Decimal
    day: date | None
    words: str


def is_one(payment_id: str) -> bool:
    """Whether an id of a payment that came is one of these: it is made of the advance, the document, and how often it
    was set against it, and Xero has no payment of that id."""
    return SEAM in payment_id


def seen(row: Connection, found: Mapping[UUID, wire.Document]) -> list[Seen]:
    """What is new of them on documents that were read, in the order in which it is to be received: what was taken off
    before what was set against. Wrap in `acting_as` the organisation's system."""
    known: dict[UUID, list[XeroPayment]] = {}
    rows = XeroPayment.objects.select_related("document").filter(
        organisation_id=row.organisation_id,
        tenant_id=row.tenant_id,
        document_id__in=list(found),
        payment_id__contains=SEAM,
    )
    for each in rows:
        known.setdefault(each.document_id, []).append(each)
    return [
        one
        for document_id, each in found.items()
        for one in _of(document_id, each, known.get(document_id, []))
    ]


def counting(row: Connection, payment_id: str) -> wire.Payment | None:
    """One of them as if it were a payment in Xero; None when it does not count (any more)."""
    found = (
        XeroPayment.objects.select_related("document")
        .filter(organisation_id=row.organisation_id, tenant_id=row.tenant_id, payment_id=payment_id)
        .exclude(status=DELETED)
        .exclude(state=Came.WAITING)
        .first()
    )
    if found is None:
        return None
    return wire.Payment(
        payment_id=payment_id, amount=to_major(found.amount, found.document.currency), status=LIVE
    )


def _of(document_id: UUID, found: wire.Document, known: list[XeroPayment]) -> list[Seen]:
    if found.credit_note_id or not (known or found.overpayments or found.prepayments):
        return []
    given, whole = _given(found), _is_whole(found)
    live = {each.payment_id.partition(SEAM)[0]: each for each in known if each.status != DELETED}
    gone: list[Seen] = []
    for key, entry in live.items():
        if whole and not _is_same(entry, given.get(key), found.currency_code):
            amount = to_major(entry.amount, entry.document.currency)
            gone.append(
                Seen(entry.payment_id, document_id, amount, entry.currency, entry.paid_on, "", DELETED)
            )
    ended = {each.payment_id for each in gone}
    made = []
    for key, each in given.items():
        before = live.get(key)
        if before is not None and before.payment_id not in ended:
            continue
        times = sum(one.payment_id.startswith(key + SEAM) for one in known)
        own = SEAM.join((key[:36], document_id.hex[:12], str(times + 1)))
        made.append(Seen(own, document_id, each.amount, found.currency_code, each.day, each.words, LIVE))
    return gone + made


def _given(found: wire.Document) -> dict[str, _Given]:
    rows = [(each.overpayment_id, each, "Overpayment in Xero") for each in found.overpayments]
    rows += [(each.prepayment_id, each, "Prepayment in Xero") for each in found.prepayments]
    result: dict[str, _Given] = {}
    for key, each, words in rows:
        amount = each.applied_amount
        if not amount and len(rows) == 1:
            # It is not told how much: then it is what nothing else settled.
            amount = found.total - found.amount_due - _others(found)
        if key and amount > 0:
            before = result.get(key)
            day = wire.day(each.date) or wire.day(found.date)
            result[key] = _Given(amount + (before.amount if before else 0), day, words)
    return result


def _others(found: wire.Document) -> Decimal:
    """What payments and credit notes settled."""
    paid = sum((each.amount for each in found.payments), wire.ZERO)
    return paid + sum((each.applied_amount for each in found.credit_notes), wire.ZERO)


def _is_whole(found: wire.Document) -> bool:
    """Whether the lists come to what was settled, whichever of its sums Xero counts these in."""
    if found.status in _ENDED:
        return True
    return found.total - found.amount_due == _others(found) + sum(
        (each.amount for each in _given(found).values()), wire.ZERO
    )


def _is_same(entry: XeroPayment, given: _Given | None, currency: str) -> bool:
    if given is None:
        return False
    if entry.currency != entry.document.currency:
        # It waits, because it is in a currency that is not the document's here; its amount is not known.
        return entry.currency == currency
    try:
        return entry.amount == to_minor(given.amount, entry.document.currency)
    except NotMoney:
        return entry.amount == 0
