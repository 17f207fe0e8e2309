"""What Xero keeps: organisations with their books, and the applications that may write into them."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

ZERO = Decimal(0)


class Kept:
    """What may be found again in a file that was written before it had all the fields it has now."""

    __slots__ = ()

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        for each in fields(self):  # type: ignore[arg-type]  # every one that inherits is a dataclass
            if each.name in state[1]:
                value = state[1][each.name]
            elif each.default is not MISSING:
                value = each.default
            elif each.default_factory is not MISSING:
                value = each.default_factory()
            else:
                continue
            setattr(self, each.name, value)


@dataclass(slots=True, eq=False)
class Account(Kept):
    """One account of the chart. `kind` is its class: REVENUE, EXPENSE, ASSET, LIABILITY, EQUITY. `currency`: what a
    bank account is kept in; None where that is the organisation's own."""

    id: str
    code: str
    name: str
    type: str
    kind: str
    tax_type: str
    status: str = "ACTIVE"
    payments: bool = False
    system: str | None = None
    updated: datetime | None = None
    currency: str | None = None


@dataclass(slots=True, eq=False)
class TaxRate:
    """`applies` holds the classes of account it can be used on."""

    name: str
    tax_type: str
    rate: Decimal
    applies: frozenset[str]
    report: str = "NONE"
    status: str = "ACTIVE"


@dataclass(slots=True, eq=False)
class Contact:
    """`fields` are those a client sends and gets back as they were."""

    id: str
    name: str
    updated: datetime
    number: str | None = None
    status: str = "ACTIVE"
    merged_to: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    customer: bool = False
    supplier: bool = False


@dataclass(slots=True, eq=False)
class Line:
    """One line. `amount` is its total in the document's own LineAmountTypes; `tax` as computed or overridden."""

    id: str
    description: str
    quantity: Decimal
    unit: Decimal
    amount: Decimal
    tax: Decimal
    account: Account | None = None
    tax_type: str | None = None
    discount: Decimal | None = None
    tracking: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Attachment:
    id: str
    name: str
    content_type: str
    body: bytes
    online: bool = False


@dataclass(slots=True, eq=False)
class Payment(Kept):
    """Money against a document, in its currency; a DELETED one no longer counts. `rate` is what one unit of the
    organisation's own currency was worth in that of the document."""

    id: str
    document: Document
    account: Account
    day: date
    amount: Decimal
    updated: datetime
    reference: str = ""
    status: str = "AUTHORISED"
    reconciled: bool = False
    rate: Decimal = Decimal(1)

    @property
    def bank_amount(self) -> Decimal:
        """What the bank account was moved by, in its own currency."""
        if self.account.currency == self.document.currency:
            return self.amount
        return (self.amount / self.rate).quantize(Decimal("0.01"), ROUND_HALF_UP)

    @property
    def type(self) -> str:
        return f"{self.document.type}PAYMENT"


@dataclass(slots=True, eq=False)
class Advance:
    """Money that came, or went, beyond or before any document: an overpayment or a prepayment, as `kind` says."""

    id: str
    kind: str
    sale: bool
    contact: Contact
    day: date
    total: Decimal
    currency: str
    updated: datetime
    allocations: list[Allocation] = field(default_factory=list)

    @property
    def left(self) -> Decimal:
        return self.total - sum((each.amount for each in self.allocations), ZERO)


@dataclass(slots=True, eq=False)
class Allocation:
    """A part of a credit note, or of an overpayment or prepayment, set against an invoice."""

    id: str
    credit: Document | Advance
    invoice: Document
    amount: Decimal
    day: date


@dataclass(slots=True, eq=False)
class Document:
    """An invoice, a bill or a credit note: `type` says which."""

    id: str
    type: str
    contact: Contact
    day: date
    currency: str
    line_types: str
    updated: datetime
    number: str = ""
    reference: str = ""
    due: date | None = None
    rate: Decimal = Decimal(1)
    status: str = "DRAFT"
    lines: list[Line] = field(default_factory=list)
    url: str | None = None
    sent: bool = False
    # The client id of the application that made it; None: a person in Xero.
    made_by: str | None = None
    payments: list[Payment] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    @property
    def is_credit(self) -> bool:
        return self.type.endswith("CREDIT")

    @property
    def is_sale(self) -> bool:
        return self.type.startswith("ACCREC")

    @property
    def tax(self) -> Decimal:
        return sum((line.tax for line in self.lines), ZERO)

    @property
    def total(self) -> Decimal:
        lines = sum((line.amount for line in self.lines), ZERO)
        return lines + self.tax if self.line_types == "Exclusive" else lines

    @property
    def subtotal(self) -> Decimal:
        return self.total - self.tax

    @property
    def paid(self) -> Decimal:
        return sum((each.amount for each in self.payments if each.status == "AUTHORISED"), ZERO)

    @property
    def allocated(self) -> Decimal:
        return sum((each.amount for each in self.allocations), ZERO)

    @property
    def left(self) -> Decimal:
        """What is still due on an invoice, or left of a credit note."""
        if self.status in ("VOIDED", "DELETED"):
            return ZERO
        return self.total - self.paid - self.allocated


@dataclass(slots=True, eq=False)
class Tenant(Kept):
    """One organisation in Xero and its books."""

    id: str
    name: str
    country: str
    currency: str
    timezone: str
    accounts: list[Account]
    tax_rates: list[TaxRate]
    organisation_id: str = ""
    legal_name: str = ""
    pays_tax: bool = True
    demo: bool = True
    period_lock: date | None = None
    year_lock: date | None = None
    contacts: dict[str, Contact] = field(default_factory=dict)
    # Invoices, bills and credit notes by id, in the order they were made.
    documents: dict[str, Document] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    tracking: list[dict[str, Any]] = field(default_factory=list)
    # The currencies it uses beside its own.
    currencies: set[str] = field(default_factory=set)
    last_number: dict[str, int] = field(default_factory=dict)
    advances: dict[str, Advance] = field(default_factory=dict)

    def account(self, code_or_id: Any) -> Account | None:
        """By code or by id."""
        return next((each for each in self.accounts if code_or_id in (each.code, each.id)), None)

    def tax_rate(self, tax_type: Any) -> TaxRate | None:
        return next((each for each in self.tax_rates if each.tax_type == tax_type), None)

    def locked(self, day: date) -> bool:
        """Whether the books are closed for `day`."""
        return any(lock is not None and day <= lock for lock in (self.period_lock, self.year_lock))


@dataclass(slots=True, eq=False)
class App:
    """A registered application. `kind`: web (with a secret), pkce (without one) or custom (one organisation)."""

    name: str
    client_id: str
    secret: str | None
    kind: str
    scopes: frozenset[str]
    redirect_uris: list[str] = field(default_factory=list)
    tenant: Tenant | None = None
    webhook_url: str | None = None
    webhook_key: str = ""
    # The hook is sent only after the intent to receive was answered rightly.
    webhook_on: bool = False
    sequence: int = 0
    revoked: bool = False


@dataclass(slots=True, eq=False)
class Connection:
    """An organisation that let an application in."""

    id: str
    app: App
    tenant: Tenant
    event: str
    created: datetime


@dataclass(slots=True, eq=False)
class Access:
    """One access token."""

    text: str
    app: App
    scopes: frozenset[str]
    expires: datetime
    event: str


@dataclass(slots=True, eq=False)
class Refresh:
    """One refresh token: after its use it stays good for a while, unless a follower was used."""

    text: str
    app: App
    scopes: frozenset[str]
    made: datetime
    event: str
    parent: Refresh | None = None
    used: datetime | None = None
    replaced: bool = False


@dataclass(slots=True, eq=False)
class Code:
    """An authorisation code on its way through the browser."""

    text: str
    app: App
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str | None
    made: datetime
    event: str
    used: bool = False
