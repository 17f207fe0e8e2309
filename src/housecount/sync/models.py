"""What the engine remembers between reads, in rows, so that any process can take over."""

import uuid

from django.db import models

from housecount.box_office.models import Account
from housecount.tenancy.models import Membership, Organisation


class ReadRun(models.Model):
    """One read of an account: what it did and how it ended. `complete` False with an `error` says why."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    full = models.BooleanField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    complete = models.BooleanField()
    requests = models.PositiveIntegerField()
    orders_read = models.PositiveIntegerField()
    orders_changed = models.PositiveIntegerField()
    tickets_changed = models.PositiveIntegerField()
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "sync_read_run"
        indexes = [
            models.Index(fields=["organisation", "account", "-started_at"], name="run_by_account"),
            models.Index(fields=["organisation", "-started_at", "-id"], name="run_by_time"),
        ]


class Bookmark(models.Model):
    """Up to when a slice of an account is known to be read."""

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "key")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    key = models.CharField(max_length=200)
    covered_until = models.DateTimeField()

    class Meta:
        db_table = "sync_bookmark"


class Freshness(models.Model):
    """As of when an event's figures are true, or (with `event_id` "") those of the whole account.

    `as_of` and `swept_at` are when the last successful read and sweep *began*. `reason` is set while reading
    fails, `failing_since` then says since when.
    """

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "event_id")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    event_id = models.CharField(max_length=100)
    as_of = models.DateTimeField(null=True)
    swept_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    reason_code = models.CharField(max_length=60, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        db_table = "sync_freshness"
        indexes = [
            models.Index(
                fields=["organisation", "account"],
                name="freshness_failing",
                condition=~models.Q(reason_code=""),
            ),
            models.Index(fields=["account"], name="freshness_of_accounts", condition=models.Q(event_id="")),
        ]


class CircuitBreaker(models.Model):
    """An account that is left alone for a while, because its platform keeps failing."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    failures = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sync_circuit_breaker"


class HookDoor(models.Model):
    """The address at which an account's webhooks arrive. `token_hash` is the SHA-256 of the secret in its path.

    `webhook_ids` are the ids under which the platform knows our webhook, as far as we know them; `checked_at`
    says when we last asked it, `trouble` why it is not as it should be ("" when it is).
    """

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    platform = models.CharField(max_length=40)
    token_hash = models.BinaryField(unique=True)
    webhook_ids = models.JSONField(default=list)
    checked_at = models.DateTimeField(null=True)
    trouble = models.TextField(blank=True)

    class Meta:
        db_table = "sync_hook_door"


class Agenda(models.Model):
    """When an event is read next, or (with `event_id` "") what concerns its whole account.

    `every` is the interval in seconds that was chosen and `why` the rule that chose it; `sweep_at`, on the row
    of the whole account, is when the next full sweep begins.
    """

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "event_id")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    event_id = models.CharField(max_length=100)
    next_at = models.DateTimeField()
    every = models.PositiveIntegerField()
    why = models.CharField(max_length=40, blank=True)
    sweep_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sync_agenda"
        indexes = [
            models.Index(fields=["next_at"], name="agenda_by_time"),
            models.Index(fields=["sweep_at"], name="agenda_by_sweep", condition=models.Q(event_id="")),
        ]


class Gap(models.Model):
    """A change that the reads of its time should have shown and did not, found and closed by a sweep.

    `changed_at` is the platform's time of the change; `covered_until` is up to when the account's reads had
    claimed to know everything; `found_at` is when the sweep closed the gap.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    event_id = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    external_id = models.CharField(max_length=100)
    changed_at = models.DateTimeField()
    covered_until = models.DateTimeField()
    found_at = models.DateTimeField()

    class Meta:
        db_table = "sync_gap"
        indexes = [
            models.Index(fields=["organisation", "account", "-found_at"], name="gap_by_account"),
            models.Index(fields=["organisation", "-found_at", "-id"], name="gap_by_time"),
        ]


class Tally(models.Model):
    """How often something happened to an account since it was connected: what monitoring counts by.

    `platform` is filled in by the database: the account may be disconnected later, its counts stay.
    """

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "name")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    name = models.CharField(max_length=60)
    value = models.BigIntegerField()
    platform = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        db_table = "sync_tally"


class Alert(models.Model):
    """Something a person should know, from when it began until it was over.

    There is one open alert per cause and subject (an account, a show, or "" for the organisation). `mailed_at`
    and `posted_at` say when its beginning was sent, `closing_mailed_at` and `closing_posted_at` when its end was.
    `attempts`, `next_try_at` and `trouble` are of posting it, `mail_attempts` and `mail_next_try_at` of mailing it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    cause = models.CharField(max_length=40)
    subject = models.CharField(max_length=100, blank=True)
    text = models.TextField()
    advice = models.TextField(blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)
    posted_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    trouble = models.TextField(blank=True)
    closing_mailed_at = models.DateTimeField(null=True)
    closing_posted_at = models.DateTimeField(null=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mail_next_try_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sync_alert"
        indexes = [
            models.Index(fields=["organisation", "-opened_at"], name="alert_by_time"),
            models.Index(fields=["closed_at"], name="alert_by_end"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "cause", "subject"],
                condition=models.Q(closed_at=None),
                name="one_open_alert_per_cause",
            ),
        ]


class Notice(models.Model):
    """That a member wants mail about a cause of alerts, or does not, where this is not what their role is given."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE)
    cause = models.CharField(max_length=40)
    mail = models.BooleanField()

    class Meta:
        db_table = "sync_notice"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "membership", "cause"], name="one_notice_per_cause"
            ),
        ]


class CredentialBudget(models.Model):
    """The calls one credential has made in its current window, whoever uses it: shared by all processes.

    It belongs to no organisation (two may hold the same key) and says nothing about one. `credential` is a hash.
    `platform` is its platform's name for people. `users` holds, by a hash of who uses it, the calls made in the
    window, when the last one was asked for (seconds since 1970) and whether it was refused: `sync.limits` shares by it.
    """

    credential = models.CharField(max_length=64, primary_key=True)
    platform = models.CharField(max_length=40, blank=True, db_default="")
    used = models.PositiveIntegerField()
    allowed = models.PositiveIntegerField()
    ends_at = models.DateTimeField()
    held_until = models.DateTimeField(null=True)
    users = models.JSONField(default=dict)

    class Meta:
        db_table = "sync_credential_budget"
