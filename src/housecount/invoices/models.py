"""Parties, documents, payments. A document that was issued never changes: what happens to it afterwards
(payments, credits, its end, its place in other systems) are rows of other tables that name it."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from housecount.box_office.models import Show
from housecount.core.documents import Direction, Kind, gives_credit
from housecount.core.tax import PriceMode, RoundingRule, Treatment
from housecount.core.withholding import Schedular
from housecount.invoices.models_money import Allocation, Ending, EndingKind, Payment
from housecount.invoices.models_office import (
    Answered,
    Batch,
    BatchItem,
    Listed,
    Logo,
    Policy,
    RegisterAnswer,
    Sums,
)
from housecount.invoices.models_post import Asked, Delivery, Link, Purpose, Recurring, Reminder, Rhythm
from housecount.invoices.words import choices
from housecount.tenancy.models import Membership, Organisation, User

__all__ = [
    "Agreement",
    "Allocation",
    "Answered",
    "Asked",
    "Batch",
    "BatchItem",
    "Contact",
    "Deduction",
    "Delivery",
    "Direction",
    "Document",
    "DocumentFile",
    "Ending",
    "EndingKind",
    "Event",
    "Kind",
    "Line",
    "Link",
    "Listed",
    "Logo",
    "Party",
    "PartyKind",
    "Payment",
    "Policy",
    "Purpose",
    "Recurring",
    "RegisterAnswer",
    "Reminder",
    "Rhythm",
    "Series",
    "Step",
    "Sums",
]


class PartyKind(models.TextChoices):
    """What a party is in law."""

    INDIVIDUAL = "individual"
    COMPANY = "company"
    PARTNERSHIP = "partnership"
    TRUST = "trust"


class Party(models.Model):
    """A person or company that is invoiced or pays. `is_self` is the organisation's own identity.

    `bank_details` is encrypted JSON `{"bsb", "account", "name"}`. `abn_exception` says why no tax is withheld
    although there is no ABN; it counts only with `abn_exception_on`, the day the evidence was put on file.
    `schedular_rate` (hundredths of a per cent) is kept back from a New Zealand entertainer, unless there is a
    `schedular_exemption`; `schedular_on` is the day the evidence of either was put on file.
    `membership` is who may sign in as the party.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    is_self = models.BooleanField(default=False)
    name = models.CharField(max_length=200)
    legal_name = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=20, choices=PartyKind)
    email = models.EmailField(max_length=254, blank=True)
    country = models.CharField(max_length=2)
    address = models.JSONField(default=list)
    timezone = models.CharField(max_length=64, blank=True)
    abn = models.CharField(max_length=11, blank=True)
    nzbn = models.CharField(max_length=13, blank=True)
    vat_number = models.CharField(max_length=20, blank=True)
    gst_registered_from = models.DateField(null=True, blank=True)
    gst_registered_to = models.DateField(null=True, blank=True)
    abn_exception = models.CharField(max_length=40, blank=True)
    abn_exception_on = models.DateField(null=True, blank=True)
    bank_details = models.BinaryField(blank=True, default=b"")
    super_fund = models.BooleanField(default=False)
    schedular_rate = models.PositiveIntegerField(null=True, blank=True)
    schedular_exemption = models.CharField(
        max_length=20, blank=True, db_default="", default="", choices=choices(Schedular)
    )
    schedular_on = models.DateField(null=True, blank=True)
    membership = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "invoices_party"
        indexes = [models.Index(fields=["organisation", "name"], name="party_by_name")]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation"], condition=Q(is_self=True), name="one_identity_of_our_own"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    """A person at a party who gets its documents: `copy` is to, cc or bcc."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    party = models.ForeignKey(Party, on_delete=models.CASCADE, related_name="contacts")
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(max_length=254)
    copy = models.CharField(max_length=3, choices=[("to", "To"), ("cc", "Cc"), ("bcc", "Bcc")], default="to")

    class Meta:
        db_table = "invoices_contact"


class Agreement(models.Model):
    """A written agreement with a supplier: that we issue their tax invoices (`rcti`). `ends_on` is included.

    `vat_number` is the supplier's on the day it was entered: with another one it ends (UK-4).
    One that is `embedded` stands in the RCTI that names it, and holds for that one alone; the supplier may object.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="agreements")
    kind = models.CharField(max_length=20, choices=[("rcti", "Recipient-created tax invoices")])
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    supplies = models.TextField()
    reference = models.CharField(max_length=200, blank=True)
    embedded = models.BooleanField(default=False, db_default=False)
    objected_on = models.DateField(null=True, blank=True)
    objection = models.TextField(blank=True, default="", db_default="")
    vat_number = models.CharField(max_length=20, blank=True, default="", db_default="", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "invoices_agreement"


class Step(models.TextChoices):
    """How far a document has come. What ends an issued one is an `Ending`."""

    DRAFT = "draft"
    APPROVED = "approved"
    ISSUED = "issued"


class Document(models.Model):
    """An invoice, an RCTI, a credit... Money in minor units of `currency`.

    `number` is given when it is issued, `sender` and `recipient` are the two parties as they were then. `terms`
    is how the due date came about, `{"kind": "days" | "end_of_month" | "before_show" | "after_show", "days": n}`.
    `tax_rate` is in hundredths of a per cent. `withheld` is what is kept back from the payment for the tax office.
    `deposit_terms` say which deposit is asked for in advance: `{"kind": "part_payment" | "security", "amount": minor or
    "percentage": hundredths of a per cent, "terms": {...}}`. `value_set_on` is when the value of an RCTI was set, where
    that is later than its show; with `embedded_agreement`, the agreement on it stands in the RCTI itself.
    `recurring` is what made it, when it was not a person.
    The deposits that were received for it are its `Deduction`s; its total is the full value all the same.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    kind = models.CharField(max_length=20, choices=choices(Kind))
    direction = models.CharField(max_length=10, choices=choices(Direction))
    step = models.CharField(max_length=10, choices=Step, default=Step.DRAFT)
    series = models.CharField(max_length=40)
    number = models.CharField(max_length=60, null=True, blank=True)  # noqa: DJ001 - none is not the empty number
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="documents")
    show = models.ForeignKey(Show, on_delete=models.PROTECT, null=True, blank=True)
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, null=True, blank=True)
    credits = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="credit_notes"
    )
    sender = models.JSONField(null=True, blank=True)
    recipient = models.JSONField(null=True, blank=True)
    issue_date = models.DateField()
    due_date = models.DateField(null=True, blank=True)
    terms = models.JSONField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    price_mode = models.CharField(max_length=10, choices=[(mode.value, mode.value) for mode in PriceMode])
    rounding_rule = models.CharField(
        max_length=10,
        choices=[(rule.value, rule.value) for rule in RoundingRule],
        default=RoundingRule.PER_LINE,
    )
    tax_rate = models.PositiveIntegerField()
    deposit_kind = models.CharField(
        max_length=20, blank=True, choices=[("part_payment", "Part payment"), ("security", "Security")]
    )
    deposit_terms = models.JSONField(null=True, blank=True)
    value_set_on = models.DateField(null=True, blank=True)
    embedded_agreement = models.BooleanField(default=False, db_default=False)
    recurring = models.ForeignKey(
        Recurring, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="documents"
    )
    reference = models.CharField(max_length=200, blank=True)
    notes = models.TextField(blank=True)
    net_total = models.BigIntegerField()
    tax_total = models.BigIntegerField()
    total = models.BigIntegerField()
    withheld = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    issued_at = models.DateTimeField(null=True)
    issued_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "invoices_document"
        indexes = [
            models.Index(fields=["organisation", "-issue_date", "-created_at"], name="document_by_date"),
            models.Index(fields=["organisation", "party", "-issue_date"], name="document_by_party"),
            models.Index(fields=["credits"], name="document_by_credited"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "number"], name="document_number_once"),
            models.CheckConstraint(
                condition=Q(step=Step.ISSUED, number__isnull=False, issued_at__isnull=False)
                | Q(~Q(step=Step.ISSUED), number=None, issued_at=None),
                name="number_given_at_issue",
            ),
            models.CheckConstraint(
                condition=Q(total=models.F("net_total") + models.F("tax_total")), name="document_adds_up"
            ),
        ]

    def __str__(self) -> str:
        return self.number or f"{self.kind} (draft)"

    @property
    def gives_credit(self) -> bool:
        """Whether it lowers what is owed."""
        return gives_credit(Kind(self.kind), self.total)

    @property
    def claim(self) -> int:
        """What the other side is to be paid, or what a note takes off that: without what the tax office gets."""
        return abs(self.total) - self.withheld if self.gives_credit else self.total - self.withheld


class Line(models.Model):
    """A line of a document. Amounts in minor units; `discount` is taken off the line. `credits_line` is the line
    that a credit note's line takes back, in whole or in part. `ote` marks ordinary time earnings, which super is
    reckoned on."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    description = models.TextField()
    quantity = models.DecimalField(max_digits=14, decimal_places=4)
    unit_price = models.BigIntegerField()
    discount = models.BigIntegerField(default=0)
    tax = models.CharField(max_length=20, choices=[(each.value, each.value) for each in Treatment])
    account_code = models.CharField(max_length=40, blank=True)
    ote = models.BooleanField(default=False, db_default=False)
    net_amount = models.BigIntegerField()
    tax_amount = models.BigIntegerField()
    gross_amount = models.BigIntegerField()
    credits_line = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="credited_by"
    )

    class Meta:
        db_table = "invoices_line"
        constraints = [
            models.UniqueConstraint(fields=["document", "position"], name="line_position_once"),
            models.CheckConstraint(
                condition=Q(gross_amount=models.F("net_amount") + models.F("tax_amount")), name="line_adds_up"
            ),
        ]


class Deduction(models.Model):
    """A deposit that a final document is reduced by. `amount` is what of it had been received when the document was
    issued (0 until then), `tax_amount` the tax in it that the deposit's own document has accounted for: the tax of
    the whole is that of both documents less this. In minor units."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="deductions")
    deposit = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="deducted_by")
    amount = models.BigIntegerField(default=0)
    tax_amount = models.BigIntegerField(default=0)

    class Meta:
        db_table = "invoices_deduction"
        constraints = [
            models.UniqueConstraint(fields=["document", "deposit"], name="deposit_deducted_once"),
        ]


class Series(models.Model):
    """The last number given in a series. Its row is locked while a document is issued: no gap, no double."""

    pk = models.CompositePrimaryKey("organisation_id", "series")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    series = models.CharField(max_length=40)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "invoices_series"


class DocumentFile(models.Model):
    """A file as it was made when its document was issued: `kind` is pdf or ubl."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="files")
    kind = models.CharField(max_length=10)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "invoices_file"
        constraints = [models.UniqueConstraint(fields=["document", "kind"], name="one_file_of_a_kind")]


class Event(models.Model):
    """Something that happened to an issued document: sent, seen, disputed, promised, reminded..."""

    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="events")
    what = models.CharField(max_length=40)
    details = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "invoices_event"
        indexes = [models.Index(fields=["document", "id"], name="event_by_document")]
