"""E-invoices: the published structure and rules of PINT A-NZ, and that every amount is the document's own."""

import re
import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core.documents import DepositKind, Direction, Kind
from housecount.core.tax import Priced, PriceMode, RoundingRule, Treatment
from housecount.invoices import ubl
from housecount.invoices.printed import BankAccount, Prepaid, Printed
from tests.invoices.sheets import ACT, US, printed, rcti

ONE = Decimal(1)
CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"

# The order of children in the UBL 2.1 schemas, as far as PINT A-NZ uses them.
ORDER = {
    "Invoice": (
        "CustomizationID ProfileID ID IssueDate DueDate InvoiceTypeCode Note DocumentCurrencyCode BuyerReference "
        "BillingReference AccountingSupplierParty AccountingCustomerParty Delivery PaymentMeans PaymentTerms "
        "AllowanceCharge TaxTotal LegalMonetaryTotal InvoiceLine"
    ),
    "CreditNote": (
        "CustomizationID ProfileID ID IssueDate CreditNoteTypeCode Note DocumentCurrencyCode BuyerReference "
        "BillingReference AccountingSupplierParty AccountingCustomerParty Delivery PaymentMeans PaymentTerms "
        "AllowanceCharge TaxTotal LegalMonetaryTotal CreditNoteLine"
    ),
    "Party": (
        "EndpointID PartyIdentification PartyName PostalAddress PartyTaxScheme PartyLegalEntity Contact"
    ),
    "PostalAddress": "StreetName AdditionalStreetName CityName PostalZone CountrySubentity AddressLine Country",
    "PartyTaxScheme": "CompanyID TaxScheme",
    "PartyLegalEntity": "RegistrationName CompanyID",
    "PaymentMeans": "PaymentMeansCode PaymentID PayeeFinancialAccount",
    "PayeeFinancialAccount": "ID Name FinancialInstitutionBranch",
    "TaxTotal": "TaxAmount TaxSubtotal",
    "TaxSubtotal": "TaxableAmount TaxAmount TaxCategory",
    "TaxCategory": "ID Percent TaxExemptionReasonCode TaxExemptionReason TaxScheme",
    "ClassifiedTaxCategory": "ID Percent TaxScheme",
    "LegalMonetaryTotal": (
        "LineExtensionAmount TaxExclusiveAmount TaxInclusiveAmount AllowanceTotalAmount ChargeTotalAmount "
        "PrepaidAmount PayableRoundingAmount PayableAmount"
    ),
    "InvoiceLine": "ID Note InvoicedQuantity LineExtensionAmount AllowanceCharge Item Price",
    "CreditNoteLine": "ID Note CreditedQuantity LineExtensionAmount AllowanceCharge Item Price",
    "AllowanceCharge": "ChargeIndicator AllowanceChargeReasonCode AllowanceChargeReason Amount",
    "Item": "Description Name ClassifiedTaxCategory",
    "Price": "PriceAmount BaseQuantity",
}


def read(paper: Printed) -> ET.Element:
    return ET.fromstring(ubl.e_invoice(paper))


def name_of(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def path(*names: str) -> str:
    """The path of a field: aggregates, then one basic component."""
    return "/".join([*(f"{CAC}{name}" for name in names[:-1]), f"{CBC}{names[-1]}"])


def said(root: ET.Element, *names: str) -> str | None:
    return root.findtext(path(*names))


def amount(root: ET.Element, *names: str) -> Decimal:
    found = said(root, *names)
    assert found is not None
    return Decimal(found)


def broken(paper: Printed) -> set[str]:
    """The rules that do not hold; and that such a document is indeed refused."""
    found = ubl.check(paper)
    if found:
        with pytest.raises(ubl.CannotBeSent) as refused:
            ubl.e_invoice(paper)
        assert all(each.reason in refused.value.message for each in found)
    return {each.rule for each in found}


# --- Structure ----------------------------------------------------------------------------------------
def test_only_aggregates_and_basic_components_have_a_prefix() -> None:
    for paper in papers():
        text, name = ubl.e_invoice(paper).decode(), "CreditNote" if paper.is_credit else "Invoice"
        [opening] = re.findall(rf"<{name} [^>]*>", text)
        assert f'xmlns="urn:oasis:names:specification:ubl:schema:xsd:{name}-2"' in opening
        assert set(re.findall(r"xmlns:(\w+)=", text)) == {"cac", "cbc"}
        assert read(paper).tag == f"{{urn:oasis:names:specification:ubl:schema:xsd:{name}-2}}{name}"
        assert text.rstrip().endswith(f"</{name}>")


def papers() -> list[Printed]:
    note: dict[str, Any] = {"credits_number": "INV-00001", "credits_date": date(2026, 11, 20)}
    return [
        printed(prepaid=(Prepaid(number="DEP-00001", amount=10_000),), notes="With thanks"),
        printed(
            ("Set", Priced(Decimal("2.5"), 10_000, discount=1_000)),
            ("Rent", Priced(ONE, 100, Treatment.INPUT_TAXED)),
            ("Flight", Priced(ONE, 100, Treatment.GST_FREE)),
        ),
        printed(kind=Kind.CREDIT_NOTE, credits_kind=Kind.INVOICE, **note),
        printed(
            ("Less a set", Priced(Decimal(-1), 10_000)),
            kind=Kind.ADJUSTMENT_NOTE,
            credits_kind=Kind.INVOICE,
            **note,
        ),
        rcti(),
        rcti(kind=Kind.CREDIT_NOTE, credits_kind=Kind.RCTI, **note),
        printed(
            ("Set", Priced(ONE, 100, Treatment.OUT_OF_SCOPE)),
            supplier=msgspec.structs.replace(US, registered=False),
        ),
    ]


@pytest.mark.parametrize("number", range(7))
def test_children_stand_in_the_order_of_the_schema(number: int) -> None:
    root = read(papers()[number])
    for element in root.iter():
        order = ORDER.get(name_of(element))
        if order is not None:
            places = [order.split().index(name_of(child)) for child in element]
            assert places == sorted(places), name_of(element)


@pytest.mark.parametrize(
    ("number", "name", "code", "process"),
    [
        (0, "Invoice", "380", "billing"),
        (2, "CreditNote", "381", "billing"),
        (3, "CreditNote", "381", "billing"),
        (4, "Invoice", "389", "selfbilling"),
        (5, "CreditNote", "261", "selfbilling"),
    ],
)
def test_each_kind_has_its_code_and_process(number: int, name: str, code: str, process: str) -> None:
    root = read(papers()[number])
    assert root.tag == f"{{urn:oasis:names:specification:ubl:schema:xsd:{name}-2}}{name}"
    assert said(root, f"{name}TypeCode") == code
    assert said(root, "CustomizationID") == f"urn:peppol:pint:{process}-1@aunz-1"
    assert said(root, "ProfileID") == f"urn:peppol:bis:{process}"


def test_in_an_rcti_the_act_is_the_supplier() -> None:
    root = read(rcti())
    names = [
        root.findtext(f"{CAC}Accounting{role}Party/{CAC}Party/{path('PartyName', 'Name')}")
        for role in ("Supplier", "Customer")
    ]
    assert names == [ACT.name, US.name]
    assert "The GST shown is payable by the supplier." in (said(root, "Note") or "")


def test_a_party_is_known_by_its_abn_everywhere() -> None:
    party = read(printed()).find(f"{CAC}AccountingSupplierParty/{CAC}Party")
    assert party is not None
    for field in (
        path("EndpointID"), path("PartyIdentification", "ID"), path("PartyLegalEntity", "CompanyID")
    ):  # fmt: skip
        found = party.find(field)
        assert found is not None
        assert (found.text, found.get("schemeID")) == (US.abn, "0151")
    assert said(party, "PartyTaxScheme", "CompanyID") == US.abn
    assert said(party, "PartyTaxScheme", "TaxScheme", "ID") == "GST"


def test_a_party_in_new_zealand_is_known_by_its_nzbn() -> None:
    supplier = msgspec.structs.replace(US, country="NZ", abn="", nzbn="9429033591476", vat_number="49091850")
    party = read(printed(rate=1500, supplier=supplier)).find(f"{CAC}AccountingSupplierParty/{CAC}Party")
    assert party is not None
    endpoint = party.find(path("EndpointID"))
    assert endpoint is not None
    assert (endpoint.text, endpoint.get("schemeID")) == ("9429033591476", "0088")
    assert said(party, "PartyTaxScheme", "CompanyID") == "49091850"


def test_the_account_to_be_paid_is_said() -> None:
    root = read(printed())
    means = ("PaymentMeans", "PayeeFinancialAccount")
    assert said(root, *means, "ID") == "12345678"
    assert said(root, *means, "FinancialInstitutionBranch", "ID") == "062000"
    assert said(root, "PaymentMeans", "PaymentMeansCode") == "30"


def test_an_unregistered_supplier_is_outside_tax_and_has_no_tax_number() -> None:
    root = read(papers()[6])
    assert [each.text for each in root.iter(f"{CBC}Percent")] == []
    assert root.find(f".//{CAC}PartyTaxScheme") is None
    assert said(root, "TaxTotal", "TaxSubtotal", "TaxCategory", "ID") == "O"


def test_text_that_xml_cannot_hold_is_left_out() -> None:
    root = read(printed(("A <b>set</b> & more\x0b\ud800", Priced(ONE, 100))))
    assert said(root, "InvoiceLine", "Item", "Name") == "A <b>set</b> & more"


def test_the_same_document_is_the_same_bytes() -> None:
    assert ubl.e_invoice(printed()) == ubl.e_invoice(printed())


# --- Amounts ------------------------------------------------------------------------------------------
def test_a_received_deposit_is_prepaid() -> None:
    paper = printed(
        ("Hire", Priced(ONE, 220_000)),
        mode=PriceMode.INCLUSIVE,
        prepaid=(Prepaid(number="DEP-00001", amount=55_000),),
    )
    root = read(paper)
    totals = {name_of(each): each.text for each in root.find(f"{CAC}LegalMonetaryTotal") or ()}
    assert totals == {
        "LineExtensionAmount": "2000.00",
        "TaxExclusiveAmount": "2000.00",
        "TaxInclusiveAmount": "2200.00",
        "PrepaidAmount": "550.00",
        "PayableAmount": "1650.00",
    }


def test_a_price_that_holds_tax_is_said_without_it_for_the_whole_quantity() -> None:
    line = read(printed(("Ticket", Priced(Decimal(3), 6_000)), mode=PriceMode.INCLUSIVE)).find(
        f"{CAC}InvoiceLine"
    )
    assert line is not None
    assert said(line, "LineExtensionAmount") == "163.64"
    assert (said(line, "Price", "PriceAmount"), said(line, "Price", "BaseQuantity")) == ("163.64", "3")


def test_what_is_taken_off_has_a_negative_quantity_and_a_positive_price() -> None:
    [_, line] = read(printed(("Set", Priced(ONE, 50_000)), ("Less the float", Priced(ONE, -2_000)))).findall(
        f"{CAC}InvoiceLine"
    )
    assert said(line, "InvoicedQuantity") == "-1"
    assert said(line, "LineExtensionAmount") == "-20.00"
    assert said(line, "Price", "PriceAmount") == "20.00"


def test_an_adjustment_down_is_a_credit_note_of_positive_amounts() -> None:
    root = read(papers()[3])
    assert said(root, "LegalMonetaryTotal", "PayableAmount") == "110.00"
    assert said(root, "CreditNoteLine", "CreditedQuantity") == "1"
    assert said(root, "CreditNoteLine", "LineExtensionAmount") == "100.00"
    assert said(root, "BillingReference", "InvoiceDocumentReference", "ID") == "INV-00001"


_LINES = st.lists(
    st.builds(
        Priced,
        st.decimals(min_value="-9", max_value="40", places=2).filter(bool),
        st.integers(1, 9_000_00),
        st.sampled_from([Treatment.TAXABLE, Treatment.GST_FREE, Treatment.INPUT_TAXED]),
        st.just(0),
    ),
    min_size=1,
    max_size=8,
)


@given(_LINES, st.sampled_from(PriceMode), st.sampled_from(RoundingRule), st.booleans())
def test_every_sum_of_the_rules_holds_exactly(
    lines: list[Priced], mode: PriceMode, rule: RoundingRule, credit: bool
) -> None:
    kind = Kind.CREDIT_NOTE if credit else Kind.INVOICE
    paper = printed(*[(f"Item {at}", line) for at, line in enumerate(lines)], mode=mode, rule=rule, kind=kind)
    assert ubl.check(paper) == []
    root = read(paper)
    sign = -1 if credit and paper.total < 0 else 1
    rows = [each for each in root if name_of(each).endswith("Line")]
    nets = [amount(row, "LineExtensionAmount") for row in rows]
    total = {
        each: amount(root, "LegalMonetaryTotal", each)
        for each in ("LineExtensionAmount", "TaxExclusiveAmount", "TaxInclusiveAmount", "PayableAmount")
    }
    parts = root.findall(f"{CAC}TaxTotal/{CAC}TaxSubtotal")
    tax = amount(root, "TaxTotal", "TaxAmount")
    assert total["LineExtensionAmount"] == total["TaxExclusiveAmount"] == sum(nets)
    assert sum(amount(each, "TaxableAmount") for each in parts) == sum(nets)
    assert sum(amount(each, "TaxAmount") for each in parts) == tax
    assert total["TaxInclusiveAmount"] == total["PayableAmount"] == sum(nets) + tax
    assert total["PayableAmount"] * 100 == sign * paper.total
    for row, net in zip(rows, nets, strict=True):
        quantity = amount(row, "CreditedQuantity" if credit else "InvoicedQuantity")
        price = amount(row, "Price", "PriceAmount")
        base = Decimal(said(row, "Price", "BaseQuantity") or 1)
        assert price >= 0
        assert abs(quantity * price / base - net) <= Decimal("0.02")


@given(st.integers(1, 100), st.integers(0, 100_000))
def test_a_discount_is_an_allowance_of_its_line(quantity: int, discount: int) -> None:
    row = read(printed(("Sets", Priced(Decimal(quantity), 100_000, discount=discount)))).find(
        f"{CAC}InvoiceLine"
    )
    assert row is not None
    allowance = Decimal(said(row, "AllowanceCharge", "Amount") or 0)
    assert amount(row, "LineExtensionAmount") == quantity * 1000 - allowance
    assert allowance * 100 == discount


# --- Rules --------------------------------------------------------------------------------------------
def test_what_can_be_sent_breaks_no_rule() -> None:
    assert [ubl.check(paper) for paper in papers()] == [[]] * 7


def test_only_an_issued_invoice_is_sent() -> None:
    assert broken(printed(number=None)) == {"PX-1"}
    assert broken(rcti(kind=Kind.PAYMENT_STATEMENT)) == {"PX-1"}
    assert broken(printed(kind=Kind.DEPOSIT_INVOICE, deposit_kind=DepositKind.SECURITY)) == {"PX-1"}
    assert broken(printed(kind=Kind.DEPOSIT_INVOICE, deposit_kind=DepositKind.PART_PAYMENT)) == set()


def test_a_supplier_sends_its_own_invoice() -> None:
    assert broken(printed(direction=Direction.PAYABLE, supplier=ACT, buyer=US)) == {"PX-1"}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"abn": "51824753557"}, "PX-2"),
        ({"abn": ""}, "PX-3"),
        ({"country": "GB"}, "PX-3"),
        ({"country": "NZ"}, "PX-3"),
        ({"country": "NZ", "nzbn": "9429033591477"}, "PX-2"),
    ],
)
@pytest.mark.parametrize("role", ["supplier", "buyer"])
def test_both_parties_need_their_number(role: str, changes: dict[str, str], rule: str) -> None:
    party = msgspec.structs.replace(US if role == "supplier" else ACT, **changes)
    assert broken(printed(**{role: party})) == {rule}


def test_a_reference_of_the_buyer_s_is_needed() -> None:
    assert broken(printed(reference="  ")) == {"PX-4"}


def test_what_is_outside_tax_stands_alone() -> None:
    outside = ("Refunded costs", Priced(ONE, 100, Treatment.OUT_OF_SCOPE))
    assert broken(printed(("Set", Priced(ONE, 100)), outside)) == {"PX-6"}
    assert broken(printed(outside)) == set()


def test_a_rate_is_needed_for_what_is_taxable_and_no_tax_for_what_is_not() -> None:
    assert broken(printed(rate=0)) == {"PX-6"}
    paper = printed(("Flight", Priced(ONE, 1000, Treatment.GST_FREE)))
    [line] = paper.lines
    taxed = msgspec.structs.replace(line, tax=1, gross=1001)
    assert broken(msgspec.structs.replace(paper, lines=(taxed,), tax_total=1, total=1001)) == {"PX-6"}


def test_no_currency_of_three_decimals() -> None:
    assert broken(printed(currency="KWD")) == {"PX-7"}


@pytest.mark.parametrize("field", ["net_total", "tax_total", "total"])
@pytest.mark.parametrize("off", [-1, 1])
def test_a_cent_off_is_refused(field: str, off: int) -> None:
    paper = printed()
    assert broken(msgspec.structs.replace(paper, **{field: getattr(paper, field) + off})) == {"PX-8"}


@pytest.mark.parametrize(("off", "rules"), [(2, set()), (3, {"PX-9"})])
def test_a_line_is_within_two_cents_of_its_price(off: int, rules: set[str]) -> None:
    paper = printed()
    [line] = paper.lines
    moved = msgspec.structs.replace(line, net=line.net + off, gross=line.gross + off)
    made = msgspec.structs.replace(paper, lines=(moved,), net_total=moved.net, total=paper.total + off)
    assert broken(made) == rules


def test_a_tax_that_is_not_its_rate_is_refused() -> None:
    paper = printed()
    [line] = paper.lines
    moved = msgspec.structs.replace(line, tax=line.tax + 101, gross=line.gross + 101)
    made = msgspec.structs.replace(paper, lines=(moved,), tax_total=moved.tax, total=paper.total + 101)
    assert broken(made) == {"PX-9"}


def test_what_is_to_be_paid_has_a_day_and_an_account_number() -> None:
    assert broken(printed(due_date=None)) == {"PX-10"}
    assert broken(printed(bank=BankAccount(bsb="062000", name="Laughing Stock"))) == {"PX-10"}
    assert broken(printed(bank=None)) == set()


def test_withheld_tax_cannot_be_said() -> None:
    assert broken(printed(withheld=100)) == {"PX-11"}
