"""Parties, agreements and documents as they are given in JSON: read, checked for form, nothing looked up.

What is left out or null has its default. Unknown fields are refused, and so is every float: money is whole minor
units, a quantity a string.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec

from housecount.core.errors import HousecountError
from housecount.core.identifiers import abn, nz_gst_number, nzbn, uk_vat_number
from housecount.core.money import check_minor
from housecount.core.tax import QUANTITY_DECIMALS, PriceMode, RoundingRule, Treatment, parse_quantity
from housecount.core.withholding import Ground, Schedular
from housecount.invoices.errors import Invalid
from housecount.invoices.models import Direction, Kind, PartyKind

#: The most lines of a document, and documents of a list.
MOST_LINES = 1_000
MOST_DOCUMENTS = 5_000


class _Given(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    pass


class BankInput(_Given, kw_only=True, frozen=True):
    """An account to be paid to; Australian: a BSB of six digits and an account number."""

    bsb: str
    account: str
    name: str = ""

    def __repr__(self) -> str:
        return "BankInput(…)"


class ContactInput(_Given, kw_only=True, frozen=True):
    """A person who gets a party's documents."""

    email: str
    name: str = ""
    copy: Literal["to", "cc", "bcc"] = "to"


class PartyInput(_Given, kw_only=True, frozen=True):
    """A party; `self` is the organisation's own identity."""

    name: str
    legal_name: str | None = None
    kind: PartyKind | None = None
    email: str | None = None
    abn: str | None = None
    nzbn: str | None = None
    vat_number: str | None = None
    gst_registered_from: date | None = None
    gst_registered_to: date | None = None
    country: str | None = None
    address: list[str] | None = None
    is_self: bool | None = msgspec.field(default=None, name="self")
    timezone: str | None = None
    abn_exception: str | None = None
    abn_exception_on: date | None = None
    super_fund: bool | None = None
    schedular_rate: int | None = None
    schedular_exemption: str | None = None
    schedular_on: date | None = None
    contacts: list[ContactInput] | None = None
    bank: BankInput | None = None
    user: str | None = None


class AgreementInput(_Given, kw_only=True, frozen=True):
    """A written agreement with a supplier that we make their tax invoices; `to` is included."""

    kind: Literal["rcti"]
    party: str
    since: date = msgspec.field(name="from")
    until: date | None = msgspec.field(default=None, name="to")
    supplies: str
    reference: str | None = None


class LineInput(_Given, kw_only=True, frozen=True):
    """A line; prices and discount in minor units."""

    description: str
    unit_price: int
    quantity: str | int | None = None
    discount: int | None = None
    tax: Treatment | None = None
    account_code: str | None = None
    ote: bool | None = None


class TermsInput(_Given, kw_only=True, frozen=True):
    """When a document is due, relative to its issue or to its show."""

    kind: Literal["days", "end_of_month", "before_show", "after_show"]
    days: int = 0


class DepositInput(_Given, kw_only=True, frozen=True):
    """The deposit that a document asks for in advance: `amount` in minor units or `percentage` of its total in
    hundredths of a per cent, and when it is due."""

    kind: Literal["part_payment", "security"]
    amount: int | None = None
    percentage: int | None = None
    terms: TermsInput | None = None


class RegisterInput(_Given, kw_only=True, frozen=True):
    """What the business register says of a party; `answer` is its own JSON."""

    checked_on: date
    name: str
    active: bool
    registered_from: date | None = None
    registered_to: date | None = None
    answer: dict[str, Any] | None = None


class PolicyInput(_Given, kw_only=True, frozen=True):
    """An organisation's own rules; see `models_office.Policy`."""

    rcti_confirmed_on: date | None = None
    rcti_confirmed_by: str = ""
    rcti_waits: bool = False
    register_days: int | None = None
    drop_cents: bool = False


class DocumentInput(_Given, kw_only=True, frozen=True):
    """A document. `credits` names the document that a note corrects, `deposits` the deposits to be deducted."""

    kind: Kind
    party: str
    lines: list[LineInput]
    direction: Direction | None = None
    currency: str | None = None
    issue_date: date | None = None
    due_date: date | None = None
    terms: TermsInput | None = None
    price_mode: PriceMode | None = None
    rounding_rule: RoundingRule | None = None
    show: str | None = None
    reference: str | None = None
    notes: str | None = None
    agreement: str | None = None
    credits: str | None = None
    deposit_kind: Literal["part_payment", "security"] | None = None
    deposits: list[str] | None = None
    deposit: DepositInput | None = None
    value_set_on: date | None = None
    embedded_agreement: bool | None = None


class CreditLine(_Given, kw_only=True, frozen=True):
    """How much of which line is credited; `line` counts from 1. Without a quantity, all that is left of it."""

    line: int
    quantity: str | int | None = None


_T = TypeVar("_T")


def read(data: object, kind: type[_T]) -> _T:
    """`data` as a `kind`. Raises `Invalid`, naming the field."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Invalid(_in_words(str(error))) from None


def read_all(data: object, kind: type[_T]) -> list[_T]:
    """`data`, one or a list, as `kind`s. Raises `Invalid`, naming the field."""
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        if not 0 < len(data) <= MOST_DOCUMENTS:
            raise Invalid(f"A list holds 1 to {MOST_DOCUMENTS} of them.")
        return read(list(data), list[kind])  # type: ignore[valid-type]
    return [read(data, kind)]


def _in_words(message: str) -> str:
    what, _, where = message.partition(" - at ")
    place = where.strip("`").removeprefix("$").removeprefix(".")
    what = what.replace("Object contains unknown field", "There is no field").replace(
        "Object missing required field", "A field is missing:"
    )
    what = what.replace("`int`", "a whole number").replace("`str`", "text").replace("`object`", "an object")
    what = what.replace("`float`", "a number with a fraction").replace("`", "“", 1).replace("`", "”", 1)
    return f"{place}: {what}." if place else f"{what}."


# --- Values -------------------------------------------------------------------------------------------
def text(value: str | None, what: str, most: int, *, needed: bool = False) -> str:
    """`value` without spaces around it, "" for none. Raises `Invalid`."""
    found = (value or "").strip()
    if needed and not found:
        raise Invalid(f"{what} is missing.")
    if len(found) > most:
        raise Invalid(f"{what} is longer than {most} characters.")
    if any(ord(character) < 32 and character not in "\n\t" for character in found) or "\x7f" in found:
        raise Invalid(f"{what} holds characters that cannot be printed.")
    return found


def money(value: int, what: str) -> int:
    """`value` in minor units. Raises `Invalid` for what is absurdly large."""
    try:
        return check_minor(value)
    except HousecountError as error:
        raise Invalid(f"{what}: {error.message}") from None


def quantity(value: str | int | None) -> Decimal:
    """A quantity, 1 when none is given. Raises `NotALine`."""
    return parse_quantity("1" if value is None else str(value)).quantize(
        Decimal(1).scaleb(-QUANTITY_DECIMALS)
    )


def country_code(value: str) -> str:
    """Two capital letters. Raises `Invalid`."""
    code = value.strip().upper()
    if not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise Invalid("A country is two letters, such as AU.")
    return "GB" if code == "UK" else code


def numbers(given: PartyInput, country: str) -> tuple[str, str, str]:
    """ABN, NZBN and VAT number, each checked or "". Raises `NotAnIdentifier`, `Invalid`."""
    vat = (given.vat_number or "").strip()
    if vat:
        if country == "NZ":
            vat = nz_gst_number(vat)
        elif country == "GB" or vat.upper().startswith("GB"):
            vat = uk_vat_number(vat)
        else:
            vat = "".join(vat.upper().split())
            if not (vat.isascii() and vat.isalnum() and len(vat) <= 20):
                raise Invalid("A VAT number has letters and digits only.")
    return (
        abn(given.abn) if given.abn and given.abn.strip() else "",
        nzbn(given.nzbn) if given.nzbn and given.nzbn.strip() else "",
        vat,
    )


def ground(value: str | None) -> str:
    """Why no tax is withheld without an ABN, or "". Raises `Invalid`."""
    if value and value not in set(Ground):
        raise Invalid(f"abn_exception is one of {', '.join(Ground)}.")
    return value or ""


def schedular(value: str | None) -> str:
    """Why a New Zealand entertainer is paid in full, or "". Raises `Invalid`."""
    if value and value not in set(Schedular):
        raise Invalid(f"schedular_exemption is one of {', '.join(Schedular)}.")
    return value or ""


def changed(before: Mapping[str, Any], change: object) -> dict[str, Any]:
    """`before` with the fields of `change`. Raises `Invalid` when that is no object."""
    if not isinstance(change, Mapping):
        raise Invalid("Give the fields to change as one object.")
    return {**before, **change}
