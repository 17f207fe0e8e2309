"""Money that moves: payments and refunds, credit that is used elsewhere, documents that come to nothing."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Sum

from housecount.core import documents as core
from housecount.core.money import format_money
from housecount.core.withholding import grossed_up
from housecount.invoices import here, inputs
from housecount.invoices.deposits import deducted
from housecount.invoices.drafts import state
from housecount.invoices.errors import Invalid, NotPossible
from housecount.invoices.issuing import remember, settle_by_note
from housecount.invoices.models import Allocation, Document, Ending, EndingKind, Kind, Payment, Step
from housecount.invoices.queries import Situation, situation, situations
from housecount.tenancy.models import User

#: A bank is told this far ahead to pay. A payment that is dated later has its date wrong, or is a plan.
PAID_AHEAD: Final = timedelta(days=31)


def pay(
    document_id: UUID | str,
    amount: int,
    paid_on: date,
    reference: str = "",
    method: str = "",
    idempotency_key: str | None = None,
    by: User | None = None,
    now: datetime | None = None,
    *,
    told: bool = False,
) -> Payment:
    """Record that `amount` (minor units of the document's currency) moved towards a document on `paid_on`.

    A refund is negative. What is more than the balance makes the document overpaid: the party's credit, to be
    refunded or used by `apply_credit`. On a note, it is what was paid back; a negative one takes that back, and only
    `told` may. The same `idempotency_key` again answers
    with the payment of the first time. One that is dated further ahead than `PAID_AHEAD` of today, where the
    organisation is, is refused; not so with `told`, of what another set of books has. Raises `NotPossible`,
    `Invalid`, `NotFound`.
    """
    inputs.money(amount, "amount")
    if amount == 0:
        raise Invalid("amount: a payment of nothing is none.")
    try:
        with transaction.atomic():
            document = here.document(document_id, lock=True)
            before = _paid_already(document, amount, idempotency_key)
            if before is None and not told:
                _not_ahead(document, paid_on, now)
            return before or _pay(
                document, amount, paid_on, reference, method, idempotency_key, by, told=told
            )
    except IntegrityError:
        # The key was taken at this moment, for another document.
        raise _key_reused(idempotency_key or "") from None


def _pay(
    document: Document,
    amount: int,
    paid_on: date,
    reference: str,
    method: str,
    key: str | None,
    by: User | None,
    *,
    told: bool,
) -> Payment:
    known = _counting(document, "paid")
    note = document.gives_credit
    least = -known.standing.paid if told else 1
    if note and not least <= amount <= known.balance:
        left = format_money(known.balance, document.currency)
        raise NotPossible("more_than_credit", f"Of this note {left} is left to pay back.")
    if amount < 0 and not note:
        _may_refund(document, known, -amount)
    moved = -amount if note else amount
    payment = Payment.objects.create(
        organisation_id=document.organisation_id,
        party_id=document.party_id,
        direction=document.direction,
        paid_on=paid_on,
        amount=moved,
        currency=document.currency,
        method=inputs.text(method, "method", 40),
        reference=inputs.text(reference, "reference", 200),
        idempotency_key=key,
        created_by=by,
    )
    Allocation.objects.create(
        organisation_id=document.organisation_id, document=document, payment=payment, amount=moved
    )
    remember(document, "refunded" if moved < 0 else "paid", by, payment=str(payment.pk), amount=abs(moved))
    return payment


def _not_ahead(document: Document, paid_on: date, now: datetime | None) -> None:
    if paid_on > here.today(document.organisation, now) + PAID_AHEAD:
        raise NotPossible(
            "paid_ahead",
            f"{paid_on.isoformat()} is still far ahead: a payment is recorded when it was made, or when the bank was "
            f"told to make it within {PAID_AHEAD.days} days. Check the year. Who only intends to pay that day says so "
            "at the document's link (“I intend to pay on …”), and is not reminded until then.",
        )


def still_to_come(document: Document, paid_on: date, now: datetime | None = None) -> bool:
    """Whether a payment of that day has not left the bank yet. It counts as paid from when it is recorded."""
    return paid_on > here.today(document.organisation, now)


def _may_refund(document: Document, known: Situation, amount: int) -> None:
    if amount > known.standing.settled:
        paid = format_money(known.standing.settled, document.currency)
        raise NotPossible("more_than_paid", f"Only {paid} was paid: no more can be refunded.")
    left = grossed_up(known.standing.paid - amount, document.total, document.withheld)
    if left < deducted(document):
        raise NotPossible(
            "deposit_deducted",
            "This deposit was deducted on a final document. Credit or void that, or refund on it.",
        )


def _paid_already(document: Document, amount: int, key: str | None) -> Payment | None:
    if key is None:
        return None
    if not 0 < len(key) <= 100:
        raise Invalid("idempotency_key has 1 to 100 characters.")
    found = Payment.objects.filter(organisation_id=document.organisation_id, idempotency_key=key).first()
    if found is None:
        return None
    first = Allocation.objects.filter(
        organisation_id=document.organisation_id, payment=found, document=document
    ).exists()
    if not first or abs(found.amount) != abs(amount):
        raise _key_reused(key)
    return found


def _key_reused(key: str) -> NotPossible:
    return NotPossible("key_reused", f"The idempotency key {key[:40]} belongs to another payment.")


def apply_credit(
    from_id: UUID | str, to_id: UUID | str, amount: int | None = None, by: User | None = None
) -> int:
    """Use a party's credit: what is too much on one document, or left of a note, towards another. As much as fits
    when `amount` is None; what was used, in minor units. Raises `NotPossible`, `Invalid`, `NotFound`."""
    with transaction.atomic():
        first, second = sorted([here.as_id(from_id, "a document"), here.as_id(to_id, "a document")])
        locked = {each: here.document(each, lock=True) for each in (first, second)}
        source, target = locked[here.as_id(from_id, "a document")], locked[here.as_id(to_id, "a document")]
        if source.pk == target.pk or (source.party_id, source.direction, source.currency) != (
            target.party_id, target.direction, target.currency,
        ):  # fmt: skip
            raise NotPossible(
                "not_the_same_party", "Credit is used for the same party, direction and currency."
            )
        given, needed = _counting(source, "used as credit"), _counting(target, "paid")
        if target.gives_credit:
            raise NotPossible("not_owed", "Nothing is owed on a note.")
        note = source.gives_credit
        there = given.balance if note else -given.balance
        wanted = min(there, needed.balance) if amount is None else amount
        if wanted <= 0 or wanted > there or wanted > needed.balance:
            raise NotPossible(
                "no_such_credit",
                f"There is {format_money(max(there, 0), source.currency)} of credit, and "
                f"{format_money(max(needed.balance, 0), source.currency)} to be paid.",
            )
        if note:
            settle_by_note(target, source, wanted)
        else:
            _move(source, target, wanted)
        remember(target, "credit_used", by, source=str(source.pk), amount=wanted)
    return wanted


def credit_of(document: Document) -> list[tuple[Document, int]]:
    """What the party of a document has in credit, which could be used for it: the documents that were overpaid and
    the notes that are not used up, each with how much."""
    others = Document.objects.filter(
        organisation_id=document.organisation_id,
        party_id=document.party_id,
        direction=document.direction,
        currency=document.currency,
        step=Step.ISSUED,
        ending=None,
    ).exclude(pk=document.pk)
    found = []
    known = situations(others)
    for each in sorted(others, key=lambda one: (one.issue_date, one.number or "")):
        balance = known[each.pk].balance
        left = balance if each.gives_credit else -balance
        if left > 0:
            found.append((each, left))
    return found


def _move(source: Document, target: Document, amount: int) -> None:
    """Let payments of one document count for another, the latest first."""
    rows = (
        Allocation.objects.filter(organisation_id=source.organisation_id, document=source, credit_note=None)
        .values_list("payment_id", "payment__paid_on")
        .annotate(there=Sum("amount"))
        .filter(there__gt=0)
        .order_by("-payment__paid_on", "payment_id")
    )
    left = amount
    for payment_id, _, there in rows:
        part = min(there, left)
        for document, signed in ((source, -part), (target, part)):
            Allocation.objects.create(
                organisation_id=source.organisation_id,
                document=document,
                payment_id=payment_id,
                amount=signed,
            )
        left -= part
        if left == 0:
            return
    raise NotPossible("paid_by_deposit", "This credit came from a deposit: refund it instead.")


# --- Ends ---------------------------------------------------------------------------------------------
def void(
    document_id: UUID | str, reason: str = "", by: User | None = None, now: datetime | None = None
) -> Document:
    """The issued document, void: it counts no more and keeps its number. Only one on which nothing was paid or
    credited. Raises `NotPossible`, `NotFound`."""
    with transaction.atomic():
        document = here.document(document_id, lock=True)
        known = _counting(document, "made void")
        if document.kind in core.NOTES:
            raise NotPossible(
                "note_stays", "A note is not made void. Issue a new invoice for what it took off."
            )
        if _was_paid(document):
            raise NotPossible("paid", f"Money moved on {document.number}: refund and credit it instead.")
        if known.standing.credited or known.credit_notes:
            raise NotPossible(
                "credited", f"A note corrects {document.number}: credit the rest of it instead."
            )
        return _end(document, EndingKind.VOID, by, now, reason)


def _was_paid(document: Document) -> bool:
    """Also when it was all refunded: the payments then still name the document."""
    return Allocation.objects.filter(
        organisation_id=document.organisation_id, document=document, credit_note=None
    ).exists()


def write_off(
    document_id: UUID | str, reason: str = "", by: User | None = None, now: datetime | None = None
) -> Document:
    """The issued document, written off: what is still owed will not come. Raises `NotPossible`, `NotFound`."""
    with transaction.atomic():
        document = here.document(document_id, lock=True)
        known = _counting(document, "written off")
        if document.gives_credit or known.balance <= 0:
            raise NotPossible("nothing_owed", f"Nothing is owed on {document.number}.")
        return _end(document, EndingKind.WRITTEN_OFF, by, now, reason)


def _end(
    document: Document, kind: EndingKind, by: User | None, now: datetime | None, reason: str
) -> Document:
    why = inputs.text(reason, "reason", 2_000)
    if document.kind == Kind.DEPOSIT_INVOICE and deducted(document):
        raise NotPossible("deposit_deducted", "This deposit was deducted on a final document.")
    Ending.objects.create(
        document=document,
        organisation_id=document.organisation_id,
        kind=kind,
        reason=why,
        at=now or datetime.now(UTC),
        by=by,
    )
    remember(document, kind, by, reason=why)
    return document


def _counting(document: Document, what: str) -> Situation:
    """The situation of a document that is issued and counts. Raises `NotPossible`."""
    if document.step != Step.ISSUED:
        raise NotPossible("not_issued", f"Only what is issued can be {what}: {state(document)}.")
    known = situation(document)
    if known.ending == EndingKind.VOID:
        raise NotPossible("void", f"{document.number} is void: it cannot be {what}.")
    if known.ending is not None:
        raise NotPossible("written_off", f"{document.number} is written off: it cannot be {what}.")
    return known
