"""The words on a document's paper: what the law wants said, names of tax treatments, dates, amounts."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from housecount.core import documents, identifiers
from housecount.core.documents import DepositKind, Direction, Kind
from housecount.core.money import exponent, format_money, to_major
from housecount.core.tax import PriceMode, RoundingRule, Treatment
from housecount.invoices.printed import Printed, PrintedParty

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ORIGINALS: Final[Mapping[Kind | None, str]] = {
    Kind.PAYMENT_STATEMENT: "payment statement",
    Kind.DEPOSIT_INVOICE: "deposit invoice",
}


def heading(printed: Printed) -> str:
    """The words on top."""
    return documents.heading(printed.nature)


def shows_tax(printed: Printed) -> bool:
    """Whether the paper has a column for tax: never for a supplier who is not registered, nor on a deposit that is held
    as security."""
    charged = printed.supplier.registered and printed.deposit_kind is not DepositKind.SECURITY
    return charged or printed.tax_total != 0


def treatment_name(treatment: Treatment, printed: Printed) -> str:
    """A tax treatment, with its rate where there is one."""
    name = printed.tax_name
    match treatment:
        case Treatment.TAXABLE:
            return f"{name} {rate(printed.tax_rate)}"
        case Treatment.GST_FREE:
            return "Zero-rated" if printed.supplier.country in {"NZ", "GB"} else f"{name}-free"
        case Treatment.INPUT_TAXED:
            return "Exempt" if printed.supplier.country in {"NZ", "GB"} else "Input taxed"
    return f"No {name}"


def rate(hundredths: int) -> str:
    """A rate of tax: 1000 is “10%”, 1250 “12.5%”."""
    whole, part = divmod(hundredths, 100)
    return f"{whole}{f'.{part:02d}'.rstrip('0') if part else ''}%"


def day(value: date) -> str:
    """27 November 2026, the same in every locale of the machine."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def amount(minor: int, currency: str) -> str:
    """An amount in a column, without its currency: 1,234.50, with a true minus sign."""
    text = f"{abs(to_major(minor, currency)):,.{exponent(currency)}f}"
    return f"−{text}" if minor < 0 else text


def money(minor: int, currency: str) -> str:
    """An amount with its currency: A$1,234.50, with a true minus sign."""
    return format_money(minor, currency).replace("-", "−")


def party_lines(party: PrintedParty, tax_name: str) -> list[str]:
    """What stands below a party's name: its legal name, numbers, address."""
    lines = [party.legal_name] if party.legal_name and party.legal_name != party.name else []
    if party.abn:
        lines.append(f"ABN {identifiers.show_abn(party.abn)}")
    if party.nzbn:
        lines.append(f"NZBN {party.nzbn}")
    if party.vat_number:
        label = "VAT number" if party.country == "GB" else f"{tax_name} number"
        lines.append(f"{label} {party.vat_number}")
    return lines + [line for line in party.address if line]


def statements(printed: Printed) -> list[str]:
    """What must be said in words, most important first."""
    said = documents.statements(printed.nature)
    if printed.credits_number:
        verb = "Reduces" if printed.is_credit else "Adjusts"
        of = f" of {day(printed.credits_date)}" if printed.credits_date else ""
        said.append(f"{verb} {_original(printed)} {printed.credits_number}{of}.")
    if printed.withheld:
        said.append(_withheld(printed))
    if printed.embedded_until is not None:
        said.append(_agreement(printed, printed.embedded_until))
    return said


def _original(printed: Printed) -> str:
    """What a note corrects, as that was headed."""
    if printed.credits_kind is not Kind.RCTI:
        return _ORIGINALS.get(printed.credits_kind, "invoice")
    words = documents.heading(printed.nature._replace(kind=Kind.RCTI))
    return words[0].lower() + words[1:]


def branch(printed: Printed, code: str) -> tuple[str, str]:
    """The label and the text of the code before an account's number: a BSB, or a British sort code."""
    parts = (code[:2], code[2:4], code[4:]) if printed.supplier.country == "GB" else (code[:3], code[3:])
    return "Sort code" if printed.supplier.country == "GB" else "BSB", "-".join(parts) if len(
        code
    ) == 6 else code


def account(printed: Printed, number: str) -> str:
    """An account's number; one of New Zealand in its four parts."""
    if printed.supplier.country != "NZ" or not (number.isdecimal() and len(number) in {15, 16}):
        return number
    return "-".join((number[:2], number[2:6], number[6:13], number[13:]))


def withheld_label(printed: Printed) -> str:
    """What stands before the amount that is withheld."""
    if printed.is_credit:
        return "Less tax no longer withheld"
    return f"Less tax withheld ({'schedular payment' if printed.supplier.country == 'NZ' else 'no ABN'})"


def _withheld(printed: Printed) -> str:
    kept = money(printed.withheld, printed.currency)
    zealand = printed.supplier.country == "NZ"
    office = "Inland Revenue" if zealand else "the Australian Taxation Office"
    if printed.is_credit:
        return f"{kept} less is withheld from the payment and paid to {office}."
    why = "This is a schedular payment" if zealand else "No ABN was quoted"
    return f"{why}: {kept} is withheld from the payment and paid to {office}."


def _agreement(printed: Printed, until: date) -> str:
    """The agreement that stands in an RCTI itself (R-4, R-5)."""
    supplier, buyer, tax = printed.supplier.name, printed.buyer.name, printed.tax_name
    return (
        f"Agreement: {buyer} issues this document for the supplies named on it, and {supplier} issues no tax"
        f" invoice for them. Both are registered for {tax} now, and each tells the other when that ends."
        f" {supplier} may object until {day(until)}; this document is then cancelled."
    )


def remarks(printed: Printed) -> list[str]:
    """What helps whoever checks the figures."""
    if not printed.tax_total:
        return []
    if printed.rounding_rule is RoundingRule.TOTAL:
        return [f"{printed.tax_name} is rounded once, on the total."]
    return [f"{printed.tax_name} is rounded on each line."]


def price_heading(printed: Printed) -> str:
    """The head of the column of prices: whether they hold the tax."""
    if not shows_tax(printed):
        return "Price"
    mode = "incl." if printed.price_mode is PriceMode.INCLUSIVE else "ex"
    return f"Price {mode} {printed.tax_name}"


def buyer_heading(printed: Printed) -> str:
    """What stands above the buyer."""
    if printed.by_buyer or printed.kind is Kind.PAYMENT_STATEMENT or printed.direction is Direction.PAYABLE:
        return "Recipient"
    return "To" if printed.kind in documents.NOTES else "Bill to"
