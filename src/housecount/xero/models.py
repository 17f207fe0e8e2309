"""The connection to Xero and what became of each thing that is written there."""

import uuid

from django.db import models
from django.db.models.functions import Now

from housecount.invoices.models import Party
from housecount.tenancy.models import Organisation


class State(models.TextChoices):
    """How a connection is."""

    CONNECTED = "connected"
    NEEDS_RECONNECT = "needs_reconnect"
    DISCONNECTED = "disconnected"


class Connection(models.Model):
    """An organisation in Xero that an organisation of ours writes to: one at a time.

    Secrets and tokens are encrypted; `refresh_token` is empty for a custom connection, which asks anew. `accounts`
    and `tax_rates` are what Xero had when it was last read (`read_at`); `mapping` is which of them is used for what.
    `parked_until` is set while Xero's limits let us do nothing; documents issued before `since` are not written.
    `automatic`: the worker writes what is issued by itself. `day_left` is how many calls Xero said at `day_left_at`
    that it would still take within its day.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.OneToOneField(Organisation, on_delete=models.PROTECT, related_name="xero")
    custom = models.BooleanField()
    client_id = models.CharField(max_length=200)
    client_secret = models.BinaryField(blank=True, default=b"")
    tenant_id = models.CharField(max_length=60)
    tenant_name = models.CharField(max_length=200)
    connection_id = models.CharField(max_length=60, blank=True)
    scopes = models.TextField(blank=True)
    access_token = models.BinaryField(blank=True, default=b"")
    access_expires_at = models.DateTimeField(null=True, blank=True)
    refresh_token = models.BinaryField(blank=True, default=b"")
    refreshed_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.CONNECTED)
    trouble = models.TextField(blank=True)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    pays_tax = models.BooleanField(default=True)
    locked_until = models.DateField(null=True, blank=True)
    accounts = models.JSONField(default=list)
    tax_rates = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    read_at = models.DateTimeField()
    since = models.DateField(null=True, blank=True)
    parked_until = models.DateTimeField(null=True, blank=True)
    automatic = models.BooleanField(default=True, db_default=True)
    day_left = models.PositiveIntegerField(null=True, blank=True)
    day_left_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "xero_connection"

    def __str__(self) -> str:
        return self.tenant_name


class Consent(models.Model):
    """A consent on its way: made when the address to open is given out, used up when the browser comes back.

    `by` is the id of the user who may come back with it; None: any admin of the organisation, because a command gave
    it out. While somebody chooses among several `tenants`, the `tokens` that the consent gave wait here, encrypted,
    and `verifier` is empty.
    """

    state = models.CharField(max_length=64, primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    by = models.UUIDField(null=True)
    verifier = models.BinaryField()
    tokens = models.BinaryField(default=b"")
    tenants = models.JSONField(default=list)
    redirect_uri = models.CharField(max_length=400)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "xero_consent"


class What(models.TextChoices):
    """What an intent is about: a document, its end (void, or written off), a credit set against it, money that
    moved."""

    DOCUMENT = "document"
    ALLOCATION = "allocation"
    PAYMENT = "payment"
    VOID = "void"
    WRITE_OFF = "write_off"


class Stage(models.TextChoices):
    """How far it has come. From `blocked` on, why not further stands in `reason`."""

    PLANNED = "planned"
    DRAFTED = "drafted"
    APPROVED = "approved"
    DONE = "done"
    BLOCKED = "blocked"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    DIFFERS = "differs"
    UNKNOWN = "unknown"


class Intent(models.Model):
    """One thing that is to exist in one organisation in Xero exactly once, however often it is tried.

    `target` is our row (a document, or an allocation of a credit or a payment). `attempt` numbers the creations that
    were tried; `attempted_at` is set before the newest was sent and `heard` once it was answered: until then
    the same attempt may be repeated under the same key. `rank` orders them: what others need comes first; `asked_at`
    is when a person asked for it. After `tries` that got no further in a row, nobody but a person tries before
    `retry_at`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    tenant_id = models.CharField(max_length=60)
    what = models.CharField(max_length=12, choices=What)
    target = models.UUIDField()
    document = models.ForeignKey("invoices.Document", on_delete=models.PROTECT, related_name="xero_intents")
    rank = models.PositiveSmallIntegerField()
    stage = models.CharField(max_length=12, choices=Stage, default=Stage.PLANNED)
    reason = models.TextField(blank=True)
    xero_id = models.CharField(max_length=60, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    attempted_at = models.DateTimeField(null=True)
    heard = models.BooleanField(default=True)
    tries = models.PositiveIntegerField(default=0, db_default=0)
    retry_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "xero_intent"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "tenant_id", "what", "target"], name="xero_intent_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["organisation", "rank", "created_at"],
                name="xero_intent_open",
                condition=~models.Q(stage="done"),
            ),
            models.Index(
                fields=["organisation", "tenant_id", "xero_id"],
                name="xero_intent_there",
                condition=~models.Q(xero_id=""),
            ),
        ]


class PartyContact(models.Model):
    """Which contact in Xero a party of ours is; settled once, by number, by ABN, by mail or by a person."""

    pk = models.CompositePrimaryKey("organisation_id", "tenant_id", "party_id")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    tenant_id = models.CharField(max_length=60)
    party = models.ForeignKey(Party, on_delete=models.CASCADE, related_name="xero_contacts")
    contact_id = models.CharField(max_length=60)
    found_by = models.CharField(max_length=12)

    class Meta:
        db_table = "xero_contact"


class Agenda(models.Model):
    """When a connection is next to be read: kept by a trigger as connections come and go, and read across
    organisations. `pull_at` is None while there is nothing to read; `hints_at` keeps hints from being read one by one.

    `pulled_at` is when everything was last read to its end; `trouble` why that failed since, `failures` how often.
    """

    organisation = models.OneToOneField(
        Organisation, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    tenant_id = models.CharField(max_length=60)
    pull_at = models.DateTimeField(null=True)
    hints_at = models.DateTimeField(null=True)
    pulled_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    trouble = models.TextField(blank=True)

    class Meta:
        db_table = "xero_agenda"
        indexes = [
            models.Index(fields=["pull_at"], name="xero_agenda_due"),
            models.Index(fields=["tenant_id"], name="xero_agenda_tenant"),
        ]


class Cursor(models.Model):
    """Up to when one kind of thing (`Invoices`, `Payments`, ...) was read, by Xero's own clock, overlap taken off."""

    pk = models.CompositePrimaryKey("organisation_id", "tenant_id", "resource")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    tenant_id = models.CharField(max_length=60)
    resource = models.CharField(max_length=20)
    since = models.DateTimeField()
    read_at = models.DateTimeField()

    class Meta:
        db_table = "xero_cursor"


class Copy(models.Model):
    """What Xero last said of a document of ours, and where that differs from what was issued.

    `fields` are Xero's values by the names of the fields that are compared, `written` its lines as we had written
    them; `drift` is a list of `{"field", "ours", "xero"}`. `pending` while something of it is still to be written, so
    that its balance cannot be compared yet.
    """

    pk = models.CompositePrimaryKey("organisation_id", "tenant_id", "document_id")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    tenant_id = models.CharField(max_length=60)
    document = models.ForeignKey("invoices.Document", on_delete=models.PROTECT, related_name="xero_copies")
    fields = models.JSONField(default=dict)
    written = models.JSONField(default=list)
    updated_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField()
    pending = models.BooleanField(default=False)
    drift = models.JSONField(default=list)
    drifted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "xero_copy"
        indexes = [
            models.Index(
                fields=["organisation", "tenant_id"], name="xero_copy_drifted", condition=~models.Q(drift=[])
            ),
            models.Index(
                fields=["organisation", "tenant_id"],
                name="xero_copy_pending",
                condition=models.Q(pending=True),
            ),
        ]


class Came(models.TextChoices):
    """What became of a payment that Xero has: it is our own, was taken over, waits (`reason` says for what), or was
    deleted there and is taken back here."""

    OURS = "ours"
    TAKEN = "taken"
    WAITING = "waiting"
    TAKEN_BACK = "taken_back"


class XeroPayment(models.Model):
    """A payment that Xero has on a document of ours. `amount` is in minor units of the document's currency, without a
    sign; `currency` and `status` are Xero's own words."""

    pk = models.CompositePrimaryKey("organisation_id", "tenant_id", "payment_id")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    tenant_id = models.CharField(max_length=60)
    payment_id = models.CharField(max_length=60)
    document = models.ForeignKey("invoices.Document", on_delete=models.PROTECT, related_name="xero_payments")
    state = models.CharField(max_length=12, choices=Came)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    paid_on = models.DateField()
    reference = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=20)
    reason = models.TextField(blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "xero_payment"
        indexes = [
            models.Index(fields=["organisation", "document"], name="xero_payment_of"),
            models.Index(
                fields=["organisation", "tenant_id"],
                name="xero_payment_waiting",
                condition=models.Q(state=Came.WAITING),
            ),
        ]


class History(models.Model):
    """What was asked of Xero for an intent and what it said: method and path, status, and Xero's words.

    `sent` and `received` are the bodies as far as they may be kept (see `redacting`), as JSON text behind the
    parameters, without headers; empty where there was none, and after `history.KEPT`.
    """

    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    intent = models.ForeignKey(Intent, on_delete=models.CASCADE, related_name="history")
    at = models.DateTimeField(db_default=Now())
    step = models.CharField(max_length=160)
    outcome = models.TextField()
    sent = models.TextField(blank=True, default="", db_default="")
    received = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "xero_history"
        indexes = [
            models.Index(fields=["organisation", "intent", "id"], name="xero_history_of"),
            models.Index(
                fields=["organisation", "at"],
                name="xero_history_bodies",
                condition=~(models.Q(sent="") & models.Q(received="")),
            ),
        ]
