"""The webhook log."""

from django.db import models
from django.db.models.functions import Now

from housecount.tenancy.models import Organisation


class Status(models.TextChoices):
    """What became of a hook. `waiting` is tried again at `next_try_at`; `dead` waits for a person."""

    WAITING = "waiting"
    DONE = "done"
    IGNORED = "ignored"
    DEAD = "dead"


class Verdict(models.TextChoices):
    """What the edge made of a body."""

    UNDERSTOOD = "understood"
    TEST = "test"
    NOT_UNDERSTOOD = "not_understood"


class Hook(models.Model):
    """One webhook as it arrived, with what became of it.

    `organisation` and `account_id` are NULL for one that a relay sent and whose account is not known yet.
    `body` is as received, but for the secret of its own address and e-mail addresses, which are taken out;
    `headers` are those that say something, without secrets. `touches` are the objects it points at, each
    `{"kind", "object_id", "event_id"}`: all that is ever used of it.
    """

    id = models.BigAutoField(primary_key=True)
    # No constraint in the database: one look-up per hook less, and rows only come from the edge.
    organisation = models.ForeignKey(
        Organisation, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    account_id = models.UUIDField(null=True)
    platform = models.CharField(max_length=40)
    received_at = models.DateTimeField(db_default=Now())
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    webhook_id = models.CharField(max_length=100, blank=True)
    action = models.CharField(max_length=100, blank=True)
    verdict = models.CharField(max_length=20, choices=Verdict)
    touches = models.JSONField(default=list)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    handled_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=60, blank=True)
    explanation = models.TextField(blank=True)

    class Meta:
        db_table = "webhook_log"
        indexes = [
            models.Index(fields=["organisation", "-received_at"], name="hook_by_organisation"),
            models.Index(
                fields=["next_try_at"], name="hook_waiting", condition=models.Q(status=Status.WAITING)
            ),
            models.Index(fields=["received_at"], name="hook_by_age"),
            models.Index(
                fields=["organisation", "account_id"],
                name="hook_dead",
                condition=models.Q(status=Status.DEAD),
            ),
        ]
