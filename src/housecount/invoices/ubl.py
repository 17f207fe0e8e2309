"""A document as an e-invoice: Peppol PINT A-NZ, UBL 2.1, billing and (for RCTIs) self-billing.

In self-billing the roles stay as in law: the act is the supplier, whoever wrote the document the customer. Prices
in UBL hold no tax: where ours do, a line says its net amount for its whole quantity, which is exact.

Source: the published rules of PINT A-NZ 1.1.3; each check names the one it stands for as in `docs/reference`.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple

from housecount.core import identifiers
from housecount.core.documents import DepositKind, Direction, Kind
from housecount.core.errors import HousecountError, NextStep
from housecount.core.money import exponent, to_major
from housecount.core.tax import PriceMode, Treatment
from housecount.invoices import wording
from housecount.invoices.printed import Printed, PrintedLine, PrintedParty

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd"
_CAC: Final = f"{_UBL}:CommonAggregateComponents-2"
_CBC: Final = f"{_UBL}:CommonBasicComponents-2"
#: The identifier of a party by its country: scheme, and the field that holds it.
_SCHEMES: Final = {"AU": "0151", "NZ": "0088"}
_CATEGORIES: Final = {
    Treatment.TAXABLE: "S",
    Treatment.GST_FREE: "Z",
    Treatment.INPUT_TAXED: "E",
    Treatment.OUT_OF_SCOPE: "O",
}
_EXEMPT: Final = {"E": "Input taxed", "O": "Not subject to GST"}
#: Halves of characters, and two that are none: XML cannot hold them.
_NOT_XML: Final = re.compile("[\ud800-\udfff\ufffe\uffff\x00-\x08\x0b\x0c\x0e-\x1f]")
ET.register_namespace("cac", _CAC)
ET.register_namespace("cbc", _CBC)


class CannotBeSent(HousecountError):
    """A document that Peppol's rules refuse."""

    code = "cannot_be_an_e_invoice"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


class Broken(NamedTuple):
    """A rule that does not hold, and why, in words."""

    rule: str
    reason: str


def check(printed: Printed) -> list[Broken]:
    """Why a document cannot be an e-invoice; empty when it can."""
    broken: list[Broken] = []

    def need(holds: object, rule: str, reason: str) -> None:
        if not holds:
            broken.append(Broken(rule, reason))

    need(printed.number, "PX-1", "It has no number yet: issue it first.")
    need(
        printed.kind is not Kind.PAYMENT_STATEMENT and printed.deposit_kind is not DepositKind.SECURITY,
        "PX-1",
        "It is no invoice: a payment statement and a deposit held as security are none.",
    )
    need(
        printed.direction is Direction.RECEIVABLE
        or printed.by_buyer
        or printed.kind is Kind.PAYMENT_STATEMENT,
        "PX-1",
        "It is the supplier's own invoice: the supplier sends it.",
    )
    for role, party in (("supplier", printed.supplier), ("buyer", printed.buyer)):
        broken += _broken_identity(role, party)
    need(printed.reference.strip(), "PX-4", "It has no reference of the buyer's, such as an order number.")
    categories = {_category(line, printed) for line in printed.lines}
    need(printed.lines, "PX-5", "It has no lines.")
    need(
        "O" not in categories or len(categories) == 1,
        "PX-6",
        "Lines outside GST cannot stand beside others: split it into two documents.",
    )
    need("S" not in categories or printed.tax_rate > 0, "PX-6", "Its taxable lines have no rate of tax.")
    need(
        all(line.tax == 0 for line in printed.lines if _category(line, printed) != "S"),
        "PX-6",
        "There is tax on a line that is not taxable.",
    )
    need(exponent(printed.currency) <= 2, "PX-7", "Its currency has more than two decimals.")
    need(_adds_up(printed), "PX-8", "Its totals are not the sums of its lines.")
    need(
        all(_near(line) for line in printed.lines if _has_price(line, printed)),
        "PX-9",
        "The amount of a line is not its quantity times its price.",
    )
    need(
        all(abs(each.tax * 10_000 - each.net * printed.tax_rate) <= 100 * 10_000 for each in _taxed(printed)),
        "PX-9",
        "Its tax is not the rate times the amount it is on.",
    )
    need(
        printed.is_credit or printed.due <= 0 or printed.due_date, "PX-10", "It does not say when it is due."
    )
    need(printed.bank is None or printed.bank.account, "PX-10", "The account to be paid has no number.")
    need(printed.withheld == 0, "PX-11", "Tax is withheld from its payment, which an e-invoice cannot say.")
    return broken


def e_invoice(printed: Printed) -> bytes:
    """The XML: the same bytes for the same document. Raises `CannotBeSent` with every reason."""
    if broken := check(printed):
        reasons = " ".join(f"{each.reason} ({each.rule})" for each in broken)
        raise CannotBeSent(f"This document cannot be an e-invoice. {reasons}")
    root = _document(printed)
    ET.indent(root)
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return made


# --- Checks -------------------------------------------------------------------------------------------
def _broken_identity(role: str, party: PrintedParty) -> list[Broken]:
    if party.country not in _SCHEMES:
        return [Broken("PX-3", f"The {role} is neither in Australia nor in New Zealand.")]
    name = "ABN" if party.country == "AU" else "NZBN"
    number = _identifier(party)
    if not number:
        return [Broken("PX-3", f"The {role} has no {name}.")]
    try:
        identifiers.abn(number) if party.country == "AU" else identifiers.nzbn(number)
    except identifiers.NotAnIdentifier as error:
        return [Broken("PX-2", f"The {role}'s {name} is wrong: {error.message}")]
    return []


def _identifier(party: PrintedParty) -> str:
    return party.abn if party.country == "AU" else party.nzbn


def _category(line: PrintedLine, printed: Printed) -> str:
    return _CATEGORIES[line.treatment] if printed.supplier.registered or line.tax else "O"


def _taxed(printed: Printed) -> Iterable[PrintedLine]:
    return (line for line in printed.lines if _category(line, printed) == "S")


def _adds_up(printed: Printed) -> bool:
    lines = printed.lines
    return (
        sum(line.net for line in lines) == printed.net_total
        and sum(line.tax for line in lines) == printed.tax_total
        and printed.net_total + printed.tax_total == printed.total
        and all(line.net + line.tax == line.gross for line in lines)
    )


def _has_price(line: PrintedLine, printed: Printed) -> bool:
    """Whether a line's own price can be said: without tax, and any discount taken off a price above zero."""
    plain = not line.discount or (line.net >= 0 and printed.total >= 0)
    return printed.price_mode is PriceMode.EXCLUSIVE and plain


def _near(line: PrintedLine) -> bool:
    """Within two cents, as the rules allow for a quantity with decimals."""
    numerator, denominator = Decimal(line.quantity).as_integer_ratio()
    return abs(numerator * line.unit_price - denominator * (line.net + line.discount)) <= 2 * denominator


# --- XML ----------------------------------------------------------------------------------------------
def _document(printed: Printed) -> ET.Element:
    credit = printed.is_credit
    name = "CreditNote" if credit else "Invoice"
    process = "selfbilling" if printed.by_buyer else "billing"
    code = {(False, False): "380", (True, False): "381", (False, True): "389", (True, True): "261"}
    # The document's own namespace is the default one, as in the published examples: a reader may look for no prefix.
    root = ET.Element(name, {"xmlns": f"{_UBL}:{name}-2"})
    _say(root, "CustomizationID", f"urn:peppol:pint:{process}-1@aunz-1")
    _say(root, "ProfileID", f"urn:peppol:bis:{process}")
    _say(root, "ID", printed.number or "")
    _say(root, "IssueDate", printed.issue_date.isoformat())
    if printed.due_date and not credit:
        _say(root, "DueDate", printed.due_date.isoformat())
    _say(root, f"{name}TypeCode", code[credit, printed.by_buyer])
    _say(
        root, "Note", " ".join([f"{wording.heading(printed)}.", *wording.statements(printed), printed.notes])
    )
    _say(root, "DocumentCurrencyCode", printed.currency)
    _say(root, "BuyerReference", printed.reference)
    if printed.credits_number:
        reference = _put(_put(root, "BillingReference"), "InvoiceDocumentReference")
        _say(reference, "ID", printed.credits_number)
        if printed.credits_date:
            _say(reference, "IssueDate", printed.credits_date.isoformat())
    outside = any(_category(line, printed) == "O" for line in printed.lines)
    for role, party in (("Supplier", printed.supplier), ("Customer", printed.buyer)):
        _party(_put(_put(root, f"Accounting{role}Party"), "Party"), party, taxed=not outside)
    if printed.supply_date:
        _say(_put(root, "Delivery"), "ActualDeliveryDate", printed.supply_date.isoformat())
    _payment(root, printed)
    sign = -1 if credit and printed.total < 0 else 1
    _totals(root, printed, sign)
    for place, line in enumerate(printed.lines, start=1):
        _line(root, printed, place, line, sign)
    return root


def _party(parent: ET.Element, party: PrintedParty, *, taxed: bool) -> None:
    scheme, number = _SCHEMES[party.country], _identifier(party)
    _say(parent, "EndpointID", number, schemeID=scheme)
    _say(_put(parent, "PartyIdentification"), "ID", number, schemeID=scheme)
    _say(_put(parent, "PartyName"), "Name", party.name)
    address = _put(parent, "PostalAddress")
    for field, text in zip(("StreetName", "AdditionalStreetName"), party.address, strict=False):
        _say(address, field, text)
    if rest := party.address[2:]:
        _say(_put(address, "AddressLine"), "Line", ", ".join(rest))
    _say(_put(address, "Country"), "IdentificationCode", party.country)
    tax_number = party.abn if party.country == "AU" else party.vat_number
    if taxed and party.registered and tax_number:
        scheme_of_tax = _put(parent, "PartyTaxScheme")
        _say(scheme_of_tax, "CompanyID", tax_number)
        _say(_put(scheme_of_tax, "TaxScheme"), "ID", "GST")
    legal = _put(parent, "PartyLegalEntity")
    _say(legal, "RegistrationName", party.legal_name or party.name)
    _say(legal, "CompanyID", number, schemeID=scheme)
    if party.email:
        _say(_put(parent, "Contact"), "ElectronicMail", party.email)


def _payment(root: ET.Element, printed: Printed) -> None:
    if printed.bank is None or printed.is_credit:
        return
    means = _put(root, "PaymentMeans")
    _say(means, "PaymentMeansCode", "30", name="Credit transfer")
    _say(means, "PaymentID", printed.number or "")
    account = _put(means, "PayeeFinancialAccount")
    _say(account, "ID", printed.bank.account)
    if printed.bank.name:
        _say(account, "Name", printed.bank.name)
    if printed.bank.bsb:
        _say(_put(account, "FinancialInstitutionBranch"), "ID", printed.bank.bsb)


def _totals(root: ET.Element, printed: Printed, sign: int) -> None:
    def amount(parent: ET.Element, name: str, minor: int) -> None:
        _say(parent, name, _text(sign * minor, printed.currency), currencyID=printed.currency)

    tax = _put(root, "TaxTotal")
    amount(tax, "TaxAmount", printed.tax_total)
    for category in sorted({_category(line, printed) for line in printed.lines}, key="SZEO".index):
        lines = [line for line in printed.lines if _category(line, printed) == category]
        part = _put(tax, "TaxSubtotal")
        amount(part, "TaxableAmount", sum(line.net for line in lines))
        amount(part, "TaxAmount", sum(line.tax for line in lines))
        _tax_category(_put(part, "TaxCategory"), category, printed.tax_rate, with_reason=True)
    money = _put(root, "LegalMonetaryTotal")
    amount(money, "LineExtensionAmount", printed.net_total)
    amount(money, "TaxExclusiveAmount", printed.net_total)
    amount(money, "TaxInclusiveAmount", printed.total)
    if prepaid := sum(each.amount for each in printed.prepaid):
        amount(money, "PrepaidAmount", prepaid)
    amount(money, "PayableAmount", printed.due)


def _line(root: ET.Element, printed: Printed, place: int, line: PrintedLine, sign: int) -> None:
    credit = printed.is_credit
    parent = _put(root, "CreditNoteLine" if credit else "InvoiceLine")
    quantity = Decimal(line.quantity)
    # A price is never below zero: a line that takes something off has a negative quantity.
    signed = abs(quantity) if sign * line.net >= 0 else -abs(quantity)
    _say(parent, "ID", str(place))
    _say(parent, "CreditedQuantity" if credit else "InvoicedQuantity", f"{signed:f}", unitCode="C62")
    _say(parent, "LineExtensionAmount", _text(sign * line.net, printed.currency), currencyID=printed.currency)
    own_price = _has_price(line, printed)
    if own_price and line.discount:
        allowance = _put(parent, "AllowanceCharge")
        _say(allowance, "ChargeIndicator", "false")
        _say(allowance, "AllowanceChargeReason", "Discount")
        _say(allowance, "Amount", _text(line.discount, printed.currency), currencyID=printed.currency)
    item = _put(parent, "Item")
    description = " ".join(line.description.split())
    _say(item, "Description", description)
    _say(item, "Name", description[:100])
    category = _category(line, printed)
    _tax_category(_put(item, "ClassifiedTaxCategory"), category, printed.tax_rate, with_reason=False)
    price = _put(parent, "Price")
    minor = abs(line.unit_price if own_price else line.net)
    _say(price, "PriceAmount", _text(minor, printed.currency), currencyID=printed.currency)
    if not own_price and quantity not in {0, 1}:
        _say(price, "BaseQuantity", f"{abs(quantity):f}", unitCode="C62")


def _tax_category(parent: ET.Element, category: str, rate: int, *, with_reason: bool) -> None:
    _say(parent, "ID", category)
    if category != "O":
        percent = rate if category == "S" else 0
        _say(parent, "Percent", wording.rate(percent).removesuffix("%"))
    if with_reason and category in _EXEMPT:
        _say(parent, "TaxExemptionReason", _EXEMPT[category])
    _say(_put(parent, "TaxScheme"), "ID", "GST")


def _put(parent: ET.Element, name: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{_CAC}}}{name}")


def _say(parent: ET.Element, field: str, text: str, **attributes: str) -> None:
    """A field; characters that XML cannot hold are left out."""
    element = ET.SubElement(parent, f"{{{_CBC}}}{field}", attributes)
    element.text = _NOT_XML.sub("", text).strip()


def _text(minor: int, currency: str) -> str:
    return f"{to_major(minor, currency):f}"
