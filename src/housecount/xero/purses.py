"""What was paid on a document, payment by payment, and what of that is in Xero. Amounts in minor units."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from housecount.invoices.models import Allocation, Document
from housecount.xero.models import Connection, Intent, Stage, What


@dataclass(frozen=True, slots=True)
class Pair:
    """A payment on a document: what of it counts there by now, and the intent that writes it."""

    payment_id: UUID
    amount: int
    lead: Intent | None

    @property
    def settled(self) -> bool:
        """Whether as much of it as Xero takes is there."""
        return self.lead is not None and (self.lead.stage == Stage.DONE or bool(self.lead.xero_id))


@dataclass(frozen=True, slots=True)
class Purse:
    """`refunds` are the intents of money that went back, with how much; `notes` the ids in Xero of the notes that
    correct the document."""

    pairs: tuple[Pair, ...]
    refunds: tuple[tuple[Intent, int], ...]
    notes: tuple[str, ...]

    def pair(self, payment_id: UUID | None) -> Pair:
        return next(each for each in self.pairs if each.payment_id == payment_id)

    @property
    def paid(self) -> int:
        """What was paid, before anything went back."""
        return sum(each.amount for each in self.pairs)

    @property
    def absorbed(self) -> int:
        """What went back without a payment of its own in Xero: it had never come there, or was taken back."""
        ids = {each.lead.xero_id for each in self.pairs if each.lead is not None}
        return sum(
            amount
            for each, amount in self.refunds
            if each.stage == Stage.DONE and (not each.xero_id or each.xero_id in ids)
        )

    @property
    def never_came(self) -> int:
        """What went back and had never come to Xero."""
        return sum(amount for each, amount in self.refunds if each.stage == Stage.DONE and not each.xero_id)

    def taken_back(self, payment_id: str) -> bool:
        """Whether the payment of that id in Xero was taken back by a refund."""
        return bool(payment_id) and any(each.xero_id == payment_id for each, _ in self.refunds)


def of(document: Document, row: Connection) -> Purse:
    """The purse of a document that is no note itself."""
    rows = list(
        Allocation.objects.select_related("payment")
        .filter(organisation_id=document.organisation_id, document=document, payment__isnull=False)
        .order_by("created_at", "id")
    )
    intents = {
        each.target: each
        for each in Intent.objects.filter(
            organisation_id=row.organisation_id,
            tenant_id=row.tenant_id,
            what=What.PAYMENT,
            target__in=[each.pk for each in rows],
        )
    }
    pairs: dict[UUID, Pair] = {}
    refunds: list[tuple[Intent, int]] = []
    for each in rows:
        assert each.payment is not None
        assert each.payment_id is not None
        if each.payment.amount < 0:
            if each.pk in intents:
                refunds.append((intents[each.pk], -each.amount))
            continue
        before = pairs.get(each.payment_id)
        lead = before.lead if before is not None else intents.get(each.pk)
        pairs[each.payment_id] = Pair(each.payment_id, each.amount + (before.amount if before else 0), lead)
    notes = (
        Intent.objects.filter(
            organisation_id=row.organisation_id,
            tenant_id=row.tenant_id,
            what=What.DOCUMENT,
            stage=Stage.DONE,
            document__credits_id=document.pk,
        )
        .exclude(xero_id="")
        .order_by("document__issue_date", "document__number")
    )
    return Purse(tuple(pairs.values()), tuple(refunds), tuple(notes.values_list("xero_id", flat=True)))


def reopen_credit(row: Connection, document: Document) -> None:
    """More may be due on a document than was: credit that did not fit is set against it again."""
    _intents(row, document).filter(what=What.ALLOCATION, stage=Stage.DONE).exclude(reason="").update(
        stage=Stage.PLANNED, retry_at=None
    )


def look_again(row: Connection, document: Document) -> None:
    """Money went back: what of the payments did not fit may be settled by it."""
    _intents(row, document).filter(what=What.PAYMENT, stage=Stage.BLOCKED).update(retry_at=None)


def _intents(row: Connection, document: Document) -> QuerySet[Intent]:
    return Intent.objects.filter(
        organisation_id=row.organisation_id, tenant_id=row.tenant_id, document_id=document.pk
    )
