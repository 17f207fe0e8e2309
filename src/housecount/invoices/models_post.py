"""How documents reach people: links, mails, reminders; and documents that come again by themselves."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from housecount.tenancy.models import Organisation, User


class Link(models.Model):
    """An address at which a document is seen without signing in. Only a hash of its token is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    document = models.ForeignKey("invoices.Document", on_delete=models.PROTECT, related_name="links")
    token_hash = models.BinaryField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "invoices_link"
        constraints = [
            models.UniqueConstraint(fields=["organisation", "token_hash"], name="link_by_token"),
        ]


class Purpose(models.TextChoices):
    """Why something was sent."""

    DOCUMENT = "document"
    REMINDER = "reminder"
    REMITTANCE = "remittance"


class Delivery(models.Model):
    """A document on its way to people: by mail, or by a link that somebody hands over (`link`).

    `recipients` is a list of `{"email", "copy"}`. A mail waits while `next_try_at` is set; one with neither that
    nor `sent_at` was given up. `trouble` says in words why the last try failed. `bounced_at` is entered by hand.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    document = models.ForeignKey("invoices.Document", on_delete=models.PROTECT, related_name="deliveries")
    kind = models.CharField(max_length=10, choices=[("mail", "Mail"), ("link", "Link")])
    purpose = models.CharField(max_length=10, choices=Purpose, default=Purpose.DOCUMENT)
    recipients = models.JSONField(default=list)
    subject = models.CharField(max_length=300, blank=True)
    words = models.TextField(blank=True)
    link = models.ForeignKey(Link, on_delete=models.PROTECT, null=True, related_name="deliveries")
    message_id = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    trouble = models.TextField(blank=True)
    bounced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "invoices_delivery"
        indexes = [
            models.Index(fields=["document", "-created_at"], name="delivery_by_document"),
            models.Index(
                fields=["organisation", "next_try_at"],
                name="delivery_that_waits",
                condition=Q(next_try_at__isnull=False),
            ),
        ]


class Reminder(models.Model):
    """A reminder that went out: each `rule` once for a document. See `reminders.RULES`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    document = models.ForeignKey("invoices.Document", on_delete=models.PROTECT, related_name="reminders")
    rule = models.CharField(max_length=20)
    sent_at = models.DateTimeField()
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "invoices_reminder"
        constraints = [models.UniqueConstraint(fields=["document", "rule"], name="reminded_once")]


class Asked(models.Model):
    """The recipient of a document of ours asked for its tax invoice, which is then due within 28 days. `at` is the
    moment, or the beginning of the day that somebody of the office entered (`by`; nobody where the recipient did)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    document = models.ForeignKey("invoices.Document", on_delete=models.CASCADE, related_name="asked")
    at = models.DateTimeField()
    words = models.TextField(blank=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "invoices_asked"
        indexes = [models.Index(fields=["organisation", "-at"], name="asked_by_time")]


class Rhythm(models.TextChoices):
    """How often a document comes again."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Recurring(models.Model):
    """A document that is made again and again, as a draft. `template` is a document as it is given to
    `services.create_documents`, without its dates; `due_days` after its issue it is due. `first_on` keeps the
    day of the month through short months. `ends_on` is included. `made_from` is the document that the template was
    taken from, as long as there is that one. One that `collects` has no template: it gathers what was approved for the
    party and not issued yet into one document."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    party = models.ForeignKey("invoices.Party", on_delete=models.PROTECT, related_name="recurring")
    name = models.CharField(max_length=200)
    collects = models.BooleanField(default=False)
    template = models.JSONField(default=dict)
    made_from = models.ForeignKey(
        "invoices.Document", on_delete=models.SET_NULL, null=True, blank=True, related_name="repeated_by"
    )
    due_days = models.PositiveIntegerField(default=14)
    rhythm = models.CharField(max_length=10, choices=Rhythm)
    first_on = models.DateField()
    next_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    active = models.BooleanField(default=True)
    trouble = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "invoices_recurring"
        indexes = [models.Index(fields=["organisation", "active", "next_on"], name="recurring_by_day")]
