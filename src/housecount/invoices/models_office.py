"""What an office keeps beside its documents: its logo, its rules for RCTIs, answers of the business register, requests
that were answered, batches that are being issued, and what its documents are listed and summed by."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from housecount.core.documents import Direction, Kind, PaymentStatus
from housecount.invoices.words import choices
from housecount.tenancy.models import Organisation, User


class Logo(models.Model):
    """The picture on top of the documents that the organisation writes: `kind` is png or jpeg."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    kind = models.CharField(max_length=4, choices=[("png", "PNG"), ("jpeg", "JPEG")])
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "invoices_logo"
        constraints = [models.UniqueConstraint(fields=["organisation"], name="one_logo")]


class Policy(models.Model):
    """How an organisation deals with what the law leaves open; without a row, as the defaults say.

    `rcti_confirmed_on` is the day on which an adviser (`rcti_confirmed_by`) said that our RCTIs are in order, and with
    `rcti_waits` none is issued before. `register_days` is how old the business register's answer on a supplier may be
    for an RCTI; without it, none is asked for. `drop_cents`: of tax that is withheld, the cents are dropped.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    rcti_confirmed_on = models.DateField(null=True, blank=True)
    rcti_confirmed_by = models.CharField(max_length=200, blank=True)
    rcti_waits = models.BooleanField(default=False)
    register_days = models.PositiveSmallIntegerField(null=True, blank=True)
    drop_cents = models.BooleanField(default=False)

    class Meta:
        db_table = "invoices_policy"
        constraints = [models.UniqueConstraint(fields=["organisation"], name="one_policy")]


class RegisterAnswer(models.Model):
    """What the business register said of a party on a day, as a person read it there. `answer` is the register's own
    JSON where it was kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    party = models.ForeignKey("invoices.Party", on_delete=models.PROTECT, related_name="register_answers")
    checked_on = models.DateField()
    name = models.CharField(max_length=200)
    active = models.BooleanField()
    registered_from = models.DateField(null=True, blank=True)
    registered_to = models.DateField(null=True, blank=True)
    answer = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "invoices_register_answer"
        indexes = [
            models.Index(fields=["party", "-checked_on", "-created_at"], name="register_answer_by_party")
        ]


class Answered(models.Model):
    """A request that came with an idempotency key, and what was made for it: the same again is not done twice."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    key = models.CharField(max_length=100)
    what = models.CharField(max_length=20)
    digest = models.CharField(max_length=64)
    documents = models.JSONField()
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "invoices_answered"
        constraints = [models.UniqueConstraint(fields=["organisation", "key"], name="documents_made_once")]


class Batch(models.Model):
    """Documents that a job issues one after the other."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "invoices_batch"
        indexes = [models.Index(fields=["organisation", "-created_at"], name="batch_by_time")]


class BatchItem(models.Model):
    """A document of a batch. `even_so`: although it looks like another one. Once `done_at` is set it is issued, unless
    `trouble` says in words why not."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items")
    document = models.ForeignKey("invoices.Document", on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()
    even_so = models.BooleanField(default=False)
    done_at = models.DateTimeField(null=True, blank=True)
    trouble = models.TextField(blank=True)

    class Meta:
        db_table = "invoices_batch_item"
        constraints = [
            models.UniqueConstraint(fields=["batch", "position"], name="batch_item_position_once"),
            models.UniqueConstraint(fields=["batch", "document"], name="batch_item_once"),
        ]


class Sums(models.Model):
    """A part of what documents come to: all rows together are the sums of the list. Written by triggers, never by us:
    a change adds a row, and a job puts rows together, so that nobody waits for anybody.

    `state` is draft, approved, issued, void or written_off. Money in minor units; what a note gives is below zero.
    """

    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    party = models.ForeignKey("invoices.Party", on_delete=models.PROTECT, related_name="+")
    direction = models.CharField(max_length=10, choices=choices(Direction))
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=20, choices=choices(Kind))
    state = models.CharField(max_length=12)
    documents = models.BigIntegerField()
    total = models.BigIntegerField()
    balance = models.BigIntegerField()

    class Meta:
        db_table = "invoices_sums"
        indexes = [models.Index(fields=["organisation", "party"], name="sums_by_party")]


class Listed(models.Model):
    """A document as the lists find it and sum it up. Written by triggers, never by us, and never told of: what a
    document says of itself is derived from its lines, payments, notes and end each time.

    `number` and `reference` are in capitals, to be searched. `state` is draft, approved, issued, void or written_off;
    `credited`, whether issued notes take back all of it; `payment` as `core.documents.PaymentStatus`. Money in minor
    units: `total` of a note that gives is below zero, and `balance` is 0 of what is not issued or has ended.
    """

    document = models.OneToOneField(
        "invoices.Document",
        on_delete=models.DO_NOTHING,
        primary_key=True,
        related_name="listed",
        db_constraint=False,
    )
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, db_index=False)
    party = models.ForeignKey(
        "invoices.Party", on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    show = models.ForeignKey(
        "box_office.Show",
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    direction = models.CharField(max_length=10, choices=choices(Direction))
    kind = models.CharField(max_length=20, choices=choices(Kind))
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=12)
    credited = models.BooleanField()
    payment = models.CharField(max_length=10, choices=choices(PaymentStatus))
    issue_date = models.DateField()
    due_date = models.DateField(null=True)
    created_at = models.DateTimeField()
    number = models.TextField()
    reference = models.TextField()
    total = models.BigIntegerField()
    balance = models.BigIntegerField()

    class Meta:
        db_table = "invoices_listed"
        indexes = [
            models.Index(
                fields=["organisation", "-issue_date", "-created_at", "-document"], name="listed_by_date"
            ),
            models.Index(
                fields=["organisation", "state", "-issue_date", "-created_at"], name="listed_by_state"
            ),
            models.Index(
                fields=["organisation", "payment", "-issue_date", "-created_at"], name="listed_by_payment"
            ),
            models.Index(
                fields=["organisation", "party", "-issue_date", "-created_at"], name="listed_by_party"
            ),
            models.Index(
                fields=["organisation", "show"], name="listed_by_show", condition=Q(show__isnull=False)
            ),
            models.Index(
                fields=["organisation", "due_date"], name="listed_that_is_owed", condition=Q(balance__gt=0)
            ),
        ]
