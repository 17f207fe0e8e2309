"""What was asked of Xero and what it said, as it may be kept: figures, states and ids, and nothing about anybody.

A field is kept when it is named here; of every other only that it was there. So what Xero adds one day is not kept
either. Free text is nobody's to keep, but for Xero's own words about what it refused, without addresses and numbers
of accounts in them.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

#: In place of a value that is not kept.
LEFT_OUT: Final = "…"
#: So long is what is kept of one request or one answer, in characters.
LONGEST: Final = 8_000
#: More of a list than this says nothing new.
_MOST = 20
#: What is larger is not looked through.
_LARGEST = 4 * 1024 * 1024
_DEEPEST = 8


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INSIDE: Final = _names(
    "Invoices CreditNotes Payments Contacts Allocations Attachments Overpayments Prepayments Elements LineItems "
    "Invoice CreditNote Contact Account ValidationErrors Warnings pagination"
)
_PLAIN: Final = _names(
    "Id Status Type DateTimeUTC ErrorNumber page pageSize pageCount itemCount "
    "InvoiceID InvoiceNumber CreditNoteID CreditNoteNumber PaymentID PaymentType AllocationID AttachmentID LineItemID "
    "OverpaymentID PrepaymentID ContactID ContactNumber ContactStatus MergedToContactID AccountID AccountCode Code "
    "Date DueDate UpdatedDateUTC FullyPaidOnDate LineAmountTypes CurrencyCode CurrencyRate "
    "SubTotal TotalTax Total RoundingAmount AmountDue AmountPaid AmountCredited RemainingCredit AppliedAmount "
    "Quantity UnitAmount LineAmount TaxAmount TaxType DiscountRate Amount BankAmount "
    "HasErrors HasValidationErrors StatusAttributeString HasAttachments IsReconciled IsDeleted SentToContact "
    "FileName MimeType ContentLength"
)
#: Xero's own words.
_SAID: Final = frozenset({"Message", "Detail", "Title"})
_OUR_REFERENCE = re.compile(r"HC-[0-9a-f]{16}")
_QUERY: Final = _names("IDs InvoiceNumbers ContactIDs page pageSize unitdp includeArchived summarizeErrors")
_MAIL = re.compile(r"[^\s<>()\"',;:]+@[^\s<>()\"',;:]+")
#: Of accounts, cards, telephones and tax files; a year, an amount, or one of our numbers is shorter.
_DIGITS = re.compile(r"(?<![\w-])\+?\d(?:[ -]?\d){5,}(?![\w-]|\.\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LONG_WORD = re.compile(r"[A-Za-z0-9_.+/=-]{41,}")

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def words(text: str) -> str:
    """Xero's words without mail addresses, numbers of accounts, and what is long enough to be a token."""
    plain = _DIGITS.sub(
        lambda found: found[0] if _DAY.fullmatch(found[0]) else LEFT_OUT, _MAIL.sub(LEFT_OUT, text)
    )
    return _LONG_WORD.sub(LEFT_OUT, plain)


def body(content: bytes | None, kind: str = "application/json") -> str:
    """A request's or an answer's body as it may be kept, as JSON text of at most about `LONGEST` characters; "" for
    none. Of what is no JSON only how much it was. Amounts stay as they were written: no float touches them."""
    if not content:
        return ""
    if not kind.startswith("application/json"):
        return f"[{kind}, {len(content):,} bytes]"
    if len(content) > _LARGEST:
        return f"[{len(content):,} bytes]"
    try:
        text = _ENCODER.encode(_of(_DECODER.decode(content), "", 0)).decode()
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return f"[no JSON, {len(content):,} bytes]"
    return text if len(text) <= LONGEST else text[:LONGEST] + LEFT_OUT


def query(parameters: Mapping[str, str] | None) -> str:
    """The parameters of a request as they may be kept: `?InvoiceNumbers=INV-00001&unitdp=4`; "" for none."""
    pairs = [
        f"{name}={value[:200] if name in _QUERY else LEFT_OUT}" for name, value in (parameters or {}).items()
    ]
    return ("?" + "&".join(pairs))[:500] if pairs else ""


def readable(text: str) -> str:
    """What `body` kept, on lines of its own for people; what was cut off stays as it is."""
    begin = text.find("{")
    if begin < 0:
        return text
    try:
        laid_out = msgspec.json.format(text[begin:].encode()).decode()
    except msgspec.MsgspecError:
        return text
    return "\n".join(part for part in (text[:begin], laid_out) if part)


def _of(value: Any, name: str, depth: int) -> Any:
    if depth > _DEEPEST:
        return LEFT_OUT
    if isinstance(value, dict):
        if depth and name not in _INSIDE:
            return LEFT_OUT
        return {key[:60]: _of(each, key, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        if depth and name not in _INSIDE:
            return LEFT_OUT if value else []
        kept = [_of(each, name or "Invoices", depth + 1) for each in value[:_MOST]]
        return [*kept, f"{LEFT_OUT} {len(value) - _MOST:,} more"] if len(value) > _MOST else kept
    if value is None or isinstance(value, bool):
        return value
    if name in _PLAIN:
        return value[:255] if isinstance(value, str) else value
    if name in _SAID and isinstance(value, str):
        return words(value[:1_000])
    ours = name == "Reference" and isinstance(value, str) and _OUR_REFERENCE.fullmatch(value)
    return value if ours else LEFT_OUT
