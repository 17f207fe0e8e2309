"""The tables of the box office. The ledger's big tables begin their keys with the organisation, so that
PostgreSQL can partition or distribute them by it; they carry no foreign keys, because every row is written by
one path (`ledger.py`), in bulk, and checked by `rebuild`."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from housecount.box_office.models_rollups import (  # noqa: F401
    AccountDailyTotal,
    DailyTotal,
    FigureColumns,
    ShowTotal,
    VenueDailyTotal,
)
from housecount.core.counting import Category, EntryKind, Validity
from housecount.tenancy.models import Membership, Organisation


def _choices(values: Any) -> list[tuple[str, str]]:
    return [(str(value), str(value)) for value in values]


class Venue(models.Model):
    """Where shows happen. `timezone` decides the day of a show."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    name = models.CharField(max_length=200)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, blank=True)
    timezone = models.CharField(max_length=64)

    class Meta:
        db_table = "box_office_venue"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name", "city", "timezone"], name="one_venue_of_a_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Show(models.Model):
    """One performance at one place and time: the unit of counting and of settling.

    `merged_into` is set when it turned out to be another show: it then holds no listings. `run` is the name of the run
    that a person put it into, "" when they took it out of every run; None leaves it to its title (`show_runs`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    title = models.CharField(max_length=300)
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    room = models.CharField(max_length=100, blank=True)
    starts_at = models.DateTimeField()
    capacity = models.PositiveIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    cancelled = models.BooleanField(default=False)
    run = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - None and "" mean two things
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "box_office_show"
        indexes = [
            models.Index(fields=["organisation", "starts_at"], name="show_by_start"),
            models.Index(fields=["organisation", "venue", "starts_at"], name="show_by_venue"),
            models.Index(fields=["organisation", "run"], condition=Q(run__gt=""), name="show_by_run"),
        ]

    def __str__(self) -> str:
        return self.title


class Appearance(models.Model):
    """An act on the bill of a show: what lets an act's user see the show."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    show = models.ForeignKey(Show, on_delete=models.CASCADE)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE)

    class Meta:
        db_table = "box_office_appearance"
        constraints = [models.UniqueConstraint(fields=["show", "membership"], name="once_on_the_bill")]


class AccountState(models.TextChoices):
    """Whether an account is read. A stopped one waits for a person; a disconnected one holds no credential."""

    ACTIVE = "active"
    STOPPED = "stopped"
    DISCONNECTED = "disconnected"


class Account(models.Model):
    """Our credentials at a platform. `credential` and `hook_token` are encrypted; `fingerprint` tells two
    accounts with the same key apart from two keys, without holding it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    platform = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    credential = models.BinaryField(blank=True, default=b"")
    fingerprint = models.CharField(max_length=64, blank=True)
    hook_token = models.BinaryField(blank=True, default=b"")
    organisation_ids = models.JSONField(default=list)
    regions = models.JSONField(default=list)
    state = models.CharField(max_length=20, choices=AccountState, default=AccountState.ACTIVE)
    state_reason = models.TextField(blank=True)
    connected_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "box_office_account"
        indexes = [models.Index(fields=["organisation", "platform"], name="account_by_platform")]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "platform", "fingerprint"],
                condition=~Q(fingerprint=""),
                name="one_account_per_credential",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Listing(models.Model):
    """One show's presence at one account.

    `session_id` is "" where the platform has no dates of its own. `gone_at`: since when the platform does not
    have it any more. `reasons` says why it belongs to its show; `linked_by` who said so.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    event_id = models.CharField(max_length=100)
    session_id = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=2, blank=True)
    title = models.CharField(max_length=300)
    venue_name = models.CharField(max_length=200, blank=True)
    venue_city = models.CharField(max_length=100, blank=True)
    venue_country = models.CharField(max_length=2, blank=True)
    timezone = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    capacity = models.PositiveIntegerField(null=True, blank=True)
    url = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=60, blank=True)
    cancelled = models.BooleanField(default=False)
    gone_at = models.DateTimeField(null=True, blank=True)
    record_hash = models.BinaryField(default=b"")
    show = models.ForeignKey(Show, on_delete=models.PROTECT)
    linked_by = models.CharField(max_length=10, choices=[("machine", "machine"), ("person", "person")])
    reasons = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "box_office_listing"
        indexes = [
            models.Index(fields=["organisation", "show"], name="listing_by_show"),
            models.Index(fields=["organisation", "starts_at"], name="listing_by_start"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "account", "event_id", "session_id"], name="one_listing"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Suggestion(models.Model):
    """A show that a listing may belong to, waiting for a person. `score` is 0..100."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    listing = models.ForeignKey(Listing, on_delete=models.CASCADE)
    show = models.ForeignKey(Show, on_delete=models.CASCADE)
    score = models.PositiveSmallIntegerField()
    reasons = models.JSONField(default=list)
    declined = models.BooleanField(default=False)

    class Meta:
        db_table = "box_office_suggestion"
        constraints = [models.UniqueConstraint(fields=["listing", "show"], name="suggested_once")]


class TicketType(models.Model):
    """A kind of ticket of an event, as the platform last described it."""

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "event_id", "external_id")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    event_id = models.CharField(max_length=100)
    external_id = models.CharField(max_length=100)
    name = models.CharField(max_length=300)
    category = models.CharField(max_length=10, choices=_choices(Category))
    price = models.BigIntegerField(null=True)
    quantity = models.BigIntegerField(null=True)
    absorbs_fees = models.BooleanField(default=False)
    currency = models.CharField(max_length=3)
    deleted = models.BooleanField(default=False)

    class Meta:
        db_table = "box_office_ticket_type"


class _Owned(models.Model):
    """What every big table begins its key with."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    account = models.ForeignKey(Account, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)

    class Meta:
        abstract = True


class RawRecord(_Owned):
    """What was read, as read, without personal fields: one row per version.

    `last_seen` is when this version was last taken over; a version that is read again unchanged writes nothing.
    `order_id` groups what belongs to one order. Kinds: event, order, ticket; gone_order and gone_ticket say
    that the platform was seen not to have it any more.
    """

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "kind", "external_id", "content_hash")
    kind = models.CharField(max_length=20)
    external_id = models.CharField(max_length=100)
    content_hash = models.BinaryField()
    event_id = models.CharField(max_length=100)
    order_id = models.CharField(max_length=100, blank=True)
    payload = models.BinaryField()
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        db_table = "box_office_raw_record"
        indexes = [
            models.Index(
                fields=["organisation", "account", "event_id", "order_id"], name="raw_record_by_order"
            ),
        ]


class Order(_Owned, FigureColumns):
    """An order as it stands. The figures are what it counts with all of its tickets; the `own_` columns are the
    money that the platform keeps on the order itself."""

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "external_id")
    external_id = models.CharField(max_length=100)
    listing = models.ForeignKey(Listing, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    event_id = models.CharField(max_length=100)
    session_id = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=60)
    channel = models.CharField(max_length=60, blank=True)
    currency = models.CharField(max_length=3)
    completed = models.BooleanField()
    nothing_paid = models.BooleanField()
    gone = models.BooleanField(default=False)
    own_gross = models.BigIntegerField()
    own_discounts = models.BigIntegerField()
    own_refunds = models.BigIntegerField()
    own_absorbed_fees = models.BigIntegerField()
    own_passed_on_fees = models.BigIntegerField()
    own_tax = models.BigIntegerField()
    own_rebates = models.BigIntegerField()
    own_extras = models.BigIntegerField()
    placed_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    read_at = models.DateTimeField()
    record_hash = models.BinaryField()
    buyer_hash = models.BinaryField()

    class Meta:
        db_table = "box_office_order"
        indexes = [
            models.Index(fields=["organisation", "listing", "placed_at"], name="order_by_listing"),
            models.Index(fields=["organisation", "account", "event_id"], name="order_by_event"),
        ]


class Ticket(_Owned):
    """One admission (or add-on, or donation) as it stands."""

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "external_id")
    external_id = models.CharField(max_length=100)
    order_id = models.CharField(max_length=100)
    event_id = models.CharField(max_length=100)
    session_id = models.CharField(max_length=100, blank=True)
    type_id = models.CharField(max_length=100, blank=True)
    type_name = models.CharField(max_length=300, blank=True)
    currency = models.CharField(max_length=3)
    category = models.CharField(max_length=10, choices=_choices(Category))
    validity = models.CharField(max_length=10, choices=_choices(Validity))
    paid = models.BooleanField()
    gone = models.BooleanField(default=False)
    gross = models.BigIntegerField()
    peak_gross = models.BigIntegerField()
    absorbed_fees = models.BigIntegerField()
    passed_on_fees = models.BigIntegerField()
    tax = models.BigIntegerField()
    in_order = models.BigIntegerField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    read_at = models.DateTimeField()
    record_hash = models.BinaryField()

    class Meta:
        db_table = "box_office_ticket"
        indexes = [
            models.Index(fields=["organisation", "account", "order_id"], name="ticket_by_order"),
            models.Index(fields=["organisation", "account", "event_id"], name="ticket_by_event"),
        ]


class SalesEntry(_Owned, FigureColumns):
    """One line of the sales ledger, never changed and never deleted: what changed in a ticket, or in the order
    itself where `ticket_id` is "". `sequence` counts the organisation's entries without a gap, in the order in
    which they were committed."""

    pk = models.CompositePrimaryKey("organisation_id", "sequence")
    sequence = models.BigIntegerField()
    listing = models.ForeignKey(Listing, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    order_id = models.CharField(max_length=100)
    ticket_id = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=20, choices=_choices(EntryKind))
    net = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    happened_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "box_office_sales_entry"
        indexes = [
            models.Index(fields=["organisation", "listing", "happened_at"], name="entry_by_listing"),
            models.Index(fields=["organisation", "account", "order_id"], name="entry_by_order"),
        ]


class LedgerSequence(models.Model):
    """The last sequence number given to an entry of an organisation."""

    organisation = models.OneToOneField(Organisation, on_delete=models.PROTECT, primary_key=True)
    last = models.BigIntegerField(default=0)

    class Meta:
        db_table = "box_office_ledger_sequence"


class ListingTotal(FigureColumns):
    """The sum of a listing's entries, kept with every page that is stored."""

    pk = models.CompositePrimaryKey("organisation_id", "listing_id")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    listing = models.ForeignKey(Listing, on_delete=models.PROTECT)
    currency = models.CharField(max_length=3)

    class Meta:
        db_table = "box_office_listing_total"


class SetAside(models.Model):
    """A record that could not be read, or something unexpected in one that could. `notice` True: it was kept."""

    pk = models.CompositePrimaryKey("organisation_id", "account_id", "kind", "external_id")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    kind = models.CharField(max_length=20)
    external_id = models.CharField(max_length=100)
    event_id = models.CharField(max_length=100, blank=True)
    notice = models.BooleanField()
    reason = models.TextField()
    first_seen = models.DateTimeField()

    class Meta:
        db_table = "box_office_set_aside"
