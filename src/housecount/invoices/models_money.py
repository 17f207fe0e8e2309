"""What happens to a document after it was issued: money that moves, and its end."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from housecount.core.documents import Direction
from housecount.invoices.words import choices
from housecount.tenancy.models import Organisation, User


class EndingKind(models.TextChoices):
    """How an issued document ended without being paid."""

    VOID = "void"
    WRITTEN_OFF = "written_off"


class Ending(models.Model):
    """An issued document that counts no more."""

    document = models.OneToOneField(
        "invoices.Document", on_delete=models.PROTECT, primary_key=True, related_name="ending"
    )
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    kind = models.CharField(max_length=20, choices=EndingKind)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "invoices_ending"


class Payment(models.Model):
    """Money that moved between us and a party; a refund has a negative amount. `method` is free text."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    party = models.ForeignKey("invoices.Party", on_delete=models.PROTECT, related_name="payments")
    direction = models.CharField(max_length=10, choices=choices(Direction))
    paid_on = models.DateField()
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=40, blank=True)
    reference = models.CharField(max_length=200, blank=True)
    idempotency_key = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - none is no key
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "invoices_payment"
        constraints = [
            models.UniqueConstraint(fields=["organisation", "idempotency_key"], name="payment_once"),
            models.CheckConstraint(condition=~Q(amount=0), name="payment_of_something"),
        ]


class Allocation(models.Model):
    """The part of a payment, or of a credit note, that settles a document. In minor units.

    Exactly one of `payment` and `credit_note` is given. A payment that is larger than its allocations leaves
    the rest as the party's credit.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    document = models.ForeignKey("invoices.Document", on_delete=models.PROTECT, related_name="allocations")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="allocations")
    credit_note = models.ForeignKey(
        "invoices.Document", on_delete=models.PROTECT, null=True, related_name="allocated"
    )
    amount = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "invoices_allocation"
        constraints = [
            models.CheckConstraint(
                condition=Q(payment=None, credit_note__isnull=False)
                | Q(payment__isnull=False, credit_note=None),
                name="allocation_of_one_thing",
            ),
        ]
