"""Xero's answers, as far as we read them: unknown fields are left alone, unknown values are text."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

import msgspec

T = TypeVar("T")
ZERO = Decimal(0)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_MILLIS = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")


class Identified(Protocol):
    """What lists are made of."""

    @property
    def id(self) -> str: ...


Row = TypeVar("Row", bound=Identified)


class Message(msgspec.Struct, rename="pascal"):
    message: str = ""


class Flagged(msgspec.Struct, rename="pascal", kw_only=True):
    """What any element carries when something is wrong with it."""

    has_errors: bool = False
    has_validation_errors: bool = False
    status_attribute_string: str = "OK"
    validation_errors: list[Message] = []


class Line(Flagged, rename="pascal", kw_only=True):
    description: str | None = None
    quantity: Decimal = ZERO
    unit_amount: Decimal = ZERO
    tax_amount: Decimal = ZERO
    line_amount: Decimal = ZERO
    account_code: str | None = None
    tax_type: str | None = None


class ContactRef(Flagged, kw_only=True):
    contact_id: str = msgspec.field(default="", name="ContactID")
    name: str = msgspec.field(default="", name="Name")


class Applied(msgspec.Struct, rename="pascal", kw_only=True):
    """An allocation as a credit note lists it."""

    allocation_id: str = msgspec.field(default="", name="AllocationID")
    amount: Decimal = ZERO
    invoice: "InvoiceRef | None" = None


class InvoiceRef(msgspec.Struct, kw_only=True):
    invoice_id: str = msgspec.field(default="", name="InvoiceID")
    currency_code: str = msgspec.field(default="", name="CurrencyCode")


class CreditNoteRef(msgspec.Struct, kw_only=True):
    credit_note_id: str = msgspec.field(default="", name="CreditNoteID")
    currency_code: str = msgspec.field(default="", name="CurrencyCode")


class Paid(msgspec.Struct, rename="pascal", kw_only=True):
    """A payment as its document lists it: only those that count."""

    payment_id: str = msgspec.field(default="", name="PaymentID")
    date: str | None = None
    amount: Decimal = ZERO
    reference: str | None = None


class Settled(msgspec.Struct, rename="pascal", kw_only=True):
    """What a credit note, an overpayment or a prepayment settled of a document that lists it."""

    overpayment_id: str = msgspec.field(default="", name="OverpaymentID")
    prepayment_id: str = msgspec.field(default="", name="PrepaymentID")
    date: str | None = None
    applied_amount: Decimal = ZERO


class Document(Flagged, rename="pascal", kw_only=True):
    """An invoice, a bill or a credit note."""

    type: str = ""
    invoice_id: str = msgspec.field(default="", name="InvoiceID")
    credit_note_id: str = msgspec.field(default="", name="CreditNoteID")
    invoice_number: str | None = None
    credit_note_number: str | None = None
    status: str = ""
    date: str | None = None
    due_date: str | None = None
    currency_code: str = ""
    contact: ContactRef | None = None
    line_items: list[Line] = []
    sub_total: Decimal = ZERO
    total_tax: Decimal = ZERO
    total: Decimal = ZERO
    rounding_amount: Decimal = ZERO
    amount_due: Decimal = ZERO
    amount_paid: Decimal = ZERO
    remaining_credit: Decimal = ZERO
    allocations: list[Applied] = []
    payments: list[Paid] = []
    credit_notes: list[Settled] = []
    overpayments: list[Settled] = []
    prepayments: list[Settled] = []
    updated: str | None = msgspec.field(default=None, name="UpdatedDateUTC")

    @property
    def id(self) -> str:
        return self.invoice_id or self.credit_note_id

    @property
    def number(self) -> str:
        return self.invoice_number or self.credit_note_number or ""


class Payment(Flagged, rename="pascal", kw_only=True):
    payment_id: str = msgspec.field(default="", name="PaymentID")
    date: str | None = None
    amount: Decimal = ZERO
    reference: str | None = None
    status: str = ""
    is_reconciled: bool = False
    invoice: InvoiceRef | None = None
    credit_note: CreditNoteRef | None = None
    updated: str | None = msgspec.field(default=None, name="UpdatedDateUTC")

    @property
    def id(self) -> str:
        return self.payment_id


class Allocation(Flagged, rename="pascal", kw_only=True):
    allocation_id: str = msgspec.field(default="", name="AllocationID")


class Contact(Flagged, rename="pascal", kw_only=True):
    contact_id: str = msgspec.field(default="", name="ContactID")
    contact_number: str | None = None
    contact_status: str = "ACTIVE"
    name: str = ""
    email_address: str | None = None
    tax_number: str | None = None
    merged_to_contact_id: str | None = msgspec.field(default=None, name="MergedToContactID")
    updated: str | None = msgspec.field(default=None, name="UpdatedDateUTC")

    @property
    def id(self) -> str:
        return self.contact_id


class Attachment(Flagged, rename="pascal", kw_only=True):
    file_name: str = ""
    content_length: int = 0


class Organisation(msgspec.Struct, rename="pascal", kw_only=True):
    organisation_id: str = msgspec.field(default="", name="OrganisationID")
    name: str = ""
    country_code: str = ""
    base_currency: str = ""
    pays_tax: bool = True
    period_lock_date: str | None = None
    end_of_year_lock_date: str | None = None


class Account(msgspec.Struct, rename="pascal", kw_only=True):
    code: str = ""
    name: str = ""
    type: str = ""
    kind: str = msgspec.field(default="", name="Class")
    status: str = "ACTIVE"
    enable_payments_to_account: bool = False
    currency_code: str | None = None


class TaxRate(msgspec.Struct, rename="pascal", kw_only=True):
    name: str = ""
    tax_type: str = ""
    effective_rate: Decimal = ZERO
    status: str = "ACTIVE"
    can_apply_to_revenue: bool = False
    can_apply_to_expenses: bool = False
    can_apply_to_assets: bool = False
    can_apply_to_liabilities: bool = False
    can_apply_to_equity: bool = False


class Pagination(msgspec.Struct, rename="camel"):
    page_count: int | None = None
    item_count: int | None = None


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """The rows of an answer, whatever they are called there; how many pages and how many rows there are in all, None
    when that is not told; and what time it was for Xero when it answered."""

    rows: list[T]
    pages: int | None = None
    count: int | None = None
    at: datetime | None = None


class Tenant(msgspec.Struct, rename="camel"):
    """One of /connections."""

    id: str = ""
    tenant_id: str = ""
    tenant_name: str = ""
    tenant_type: str = "ORGANISATION"
    auth_event_id: str = ""


def page(body: bytes, plural: str, kind: type[T]) -> Page[T]:
    """The rows under `plural`. Raises msgspec's errors for what does not hold them."""
    whole = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    if plural not in whole:
        raise msgspec.ValidationError(f"Object missing required field `{plural}`")
    pagination = msgspec.json.decode(whole.get("pagination", b"null"), type=Pagination | None)
    said = msgspec.json.decode(whole.get("DateTimeUTC", b"null"), type=str | None)
    return Page(
        rows=_rows(whole[plural], kind),
        pages=pagination.page_count if pagination else None,
        count=pagination.item_count if pagination else None,
        at=moment(said),
    )


def _rows(raw: msgspec.Raw, kind: type[T]) -> list[T]:
    try:
        return msgspec.json.decode(raw, type=list[kind])  # type: ignore[valid-type]
    except msgspec.ValidationError:
        # A field that says null says no more than one that is left out. It is rare, and looking for it is slow.
        return msgspec.convert(_without_nulls(_DECODER.decode(raw)), type=list[kind])  # type: ignore[valid-type]


def _without_nulls(data: object) -> object:
    if isinstance(data, list):
        return [_without_nulls(each) for each in data if each is not None]
    if isinstance(data, dict):
        return {name: _without_nulls(value) for name, value in data.items() if value is not None}
    return data


def complaints(body: bytes) -> tuple[str, ...]:
    """Every message of every list of errors in an answer, wherever it stands, each once."""
    try:
        found = list(_messages(msgspec.json.decode(body)))
    except (msgspec.DecodeError, RecursionError):
        return ()
    return tuple(dict.fromkeys(text for text in found if text))


def _messages(data: object) -> list[str]:
    if isinstance(data, list):
        return [text for each in data for text in _messages(each)]
    if not isinstance(data, dict):
        return []
    found = []
    for name, value in data.items():
        if name == "ValidationErrors" and isinstance(value, list):
            found += [str(each.get("Message", "")) for each in value if isinstance(each, dict)]
        else:
            found += _messages(value)
    return found


def is_faulty(body: bytes) -> bool:
    """Whether an answer that looks good says somewhere that an element was not taken."""
    return _faulty(msgspec.json.decode(body))


def _faulty(data: object) -> bool:
    if isinstance(data, list):
        return any(_faulty(each) for each in data)
    if not isinstance(data, dict):
        return False
    flags = data.get("HasErrors") is True or data.get("HasValidationErrors") is True
    said = data.get("StatusAttributeString") not in (None, "OK", "WARNING")
    return flags or said or bool(data.get("ValidationErrors")) or any(_faulty(each) for each in data.values())


def day(text: str | None) -> date | None:
    """A calendar date as Xero writes it, never moved to another zone; None for what is none."""
    if not text:
        return None
    if found := _MILLIS.fullmatch(text):
        return datetime.fromtimestamp(int(found[1]) / 1000, UTC).date()
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None


def moment(text: str | None) -> datetime | None:
    """A time as Xero writes it, in UTC; None for what is none."""
    if not text:
        return None
    try:
        if found := _MILLIS.fullmatch(text):
            return datetime.fromtimestamp(int(found[1]) / 1000, UTC)
        said = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return (said if said.tzinfo is not None else said.replace(tzinfo=UTC)).astimezone(UTC)
