"""Documents of the office: parties, agreements, documents, payments. Their JSON is that of the commands, as it is.

Money is in minor units of the document's currency. More fields may come with time; none of these goes away.
"""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema

from housecount.api.paging import Day, Next, PageAsked
from housecount.core.documents import Direction, Kind, PaymentStatus

Status = Literal["draft", "approved", "issued", "void", "written_off", "credited"]


class ContactOut(Schema):
    """A person who gets a party's documents."""

    name: str
    email: str
    copied: str = Field(alias="copy")


class BankOut(Schema):
    """The end of the account that a party is paid to, and nothing more of it."""

    bsb: str
    account: str
    name: str


class PartyOut(Schema):
    """A person or company that is invoiced or invoices."""

    id: UUID
    name: str
    legal_name: str
    kind: Literal["individual", "company", "partnership", "trust"]
    email: str
    abn: str
    nzbn: str
    vat_number: str
    gst_registered_from: date | None
    gst_registered_to: date | None
    country: str
    address: list[str]
    ourselves: bool = Field(alias="self", description="The organisation's own identity.")
    timezone: str
    abn_exception: str
    abn_exception_on: date | None
    schedular_rate: int | None
    schedular_exemption: str
    schedular_on: date | None
    super_fund: bool
    contacts: list[ContactOut]
    bank: BankOut | None
    user: str | None = Field(description="Who signs in as the party, as far as whoever asks may know.")
    archived: bool


class PartiesOut(Schema):
    """A page of parties by name."""

    parties: list[PartyOut]
    next: Next


class PartiesAsked(PageAsked):
    """Which parties."""

    q: str = Field("", description="Looked for in names, e-mail addresses and ABNs.", max_length=100)
    archived: bool = Field(False, description="Those that were archived too.")


class AgreementOut(Schema):
    """A written agreement that we make a supplier's tax invoices."""

    id: UUID
    kind: Literal["rcti"]
    party: UUID
    since: date = Field(alias="from")
    until: date | None = Field(alias="to")
    supplies: str
    reference: str
    embedded: bool
    objected_on: date | None
    objection: str


class AgreementsOut(Schema):
    """A page of agreements, the newest first."""

    agreements: list[AgreementOut]
    next: Next


class AgreementsAsked(PageAsked):
    """Which agreements."""

    party: UUID | None = None


class LineOut(Schema):
    """A line of a document."""

    description: str
    quantity: str = Field(description="A decimal number as text.")
    unit_price: int
    discount: int
    tax: Literal["taxable", "gst_free", "input_taxed", "out_of_scope"]
    account_code: str | None
    ote: bool = Field(description="Counts towards superannuation.")
    net_amount: int
    tax_amount: int
    gross_amount: int


class DeductedOut(Schema):
    """A deposit that was taken off."""

    document: UUID
    number: str | None
    amount: int


class XeroMarkOut(Schema):
    """How a document is in Xero. `drift`: it was written, and somebody changed it there."""

    stage: Literal[
        "planned",
        "drafted",
        "approved",
        "done",
        "blocked",
        "rejected",
        "conflict",
        "differs",
        "unknown",
        "drift",
    ]
    reason: str | None = Field(description="Why it is no further, or what differs.")
    id: str | None = Field(description="Its id in Xero.")
    url: str | None = Field(description="Where a person looks at it in Xero.")


class DocumentOut(Schema):
    """An invoice, a recipient-created one, a note, a deposit or a statement, with where it stands now."""

    id: UUID
    kind: Kind
    direction: Direction
    status: Status
    payment_status: PaymentStatus
    overdue: bool
    number: str | None
    party: UUID
    party_name: str
    show: UUID | None
    reference: str
    notes: str
    agreement: UUID | None
    embedded_agreement: bool
    value_set_on: date | None
    credits_document: UUID | None = Field(alias="credits", description="The document that a note corrects.")
    deposit_kind: Literal["part_payment", "security"] | None
    deposit: dict[str, Any] | None
    deposits: list[DeductedOut]
    currency: str
    issue_date: date
    due_date: date | None
    terms: dict[str, Any] | None
    price_mode: Literal["inclusive", "exclusive"]
    rounding_rule: str
    tax_rate: int
    lines: list[LineOut]
    net_total: int
    tax_total: int
    total: int
    withheld: int
    prepaid: int
    paid: int
    credited: int
    balance: int
    sha256: str | None = Field(description="Of the stored PDF; null before the document is issued.")
    created_at: datetime
    approved_at: datetime | None
    issued_at: datetime | None
    xero: XeroMarkOut | None = Field(description="Null: it was never to be written to Xero.")


class DocumentsOut(Schema):
    """A page of documents, the newest first by issue date."""

    documents: list[DocumentOut]
    next: Next


class DocumentsAsked(PageAsked):
    """Which documents."""

    status: Status | None = None
    payment_status: PaymentStatus | None = None
    party: UUID | None = None
    show: UUID | None = None
    direction: Direction | None = None
    kind: Kind | None = None
    overdue: bool = False
    q: str = Field("", description="Looked for in numbers, references and parties' names.", max_length=100)


class OutcomeErrorOut(Schema):
    """Why a document was not issued."""

    code: str
    message: str


class OutcomeOut(Schema):
    """What became of one of several: `document` or `error`."""

    id: str
    document: DocumentOut | None
    error: OutcomeErrorOut | None


class OutcomesOut(Schema):
    """What became of each, in the order in which they were named."""

    results: list[OutcomeOut]


class AllocationOut(Schema):
    """The part of a payment that settles a document."""

    document: UUID
    amount: int


class PaymentOut(Schema):
    """Money that moved between us and a party; a refund is below zero."""

    id: UUID
    party: UUID
    direction: Direction
    paid_on: date
    amount: int
    currency: str
    method: str
    reference: str
    created_at: datetime
    allocations: list[AllocationOut]


class PaymentsOut(Schema):
    """A page of payments, the latest first."""

    payments: list[PaymentOut]
    next: Next


class PaymentsAsked(PageAsked):
    """Which payments."""

    party: UUID | None = None
    document: UUID | None = None


class AgedAsked(Schema):
    """Of which evening."""

    direction: Direction = Direction.RECEIVABLE
    on: Day | None = Field(None, description="Today where the organisation is, when left out.")


class PeriodAsked(Schema):
    """Of which period, both days included."""

    since: Day
    until: Day


class TaxAsked(PeriodAsked):
    """The period, and when a supply counts."""

    basis: Literal["accrual", "cash"] = "accrual"
