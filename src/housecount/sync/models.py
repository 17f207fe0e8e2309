"""What the engine remembers between reads, in rows, so that any process can take over."""

import uuid

from django.db import models

from housecount.box_office.models import Account
from housecount.tenancy.models import Organisation


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
        indexes = [models.Index(fields=["organisation", "account", "-started_at"], name="run_by_account")]


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


class CircuitBreaker(models.Model):
    """An account that is left alone for a while, because its platform keeps failing."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    failures = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sync_circuit_breaker"


class CredentialBudget(models.Model):
    """The calls one credential has made in its current window, whoever uses it: shared by all processes.

    It belongs to no organisation (two may hold the same key) and says nothing about one. `credential` is a hash.
    """

    credential = models.CharField(max_length=64, primary_key=True)
    used = models.PositiveIntegerField()
    allowed = models.PositiveIntegerField()
    ends_at = models.DateTimeField()
    held_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "sync_credential_budget"
