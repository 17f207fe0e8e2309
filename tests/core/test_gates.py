"""What keeps a document from being issued."""

from datetime import date, timedelta

import pytest

from housecount.core import gates
from housecount.core.documents import DepositKind, Direction, Kind
from housecount.core.gates import AgreementFacts, DocumentFacts, PartyFacts
from housecount.core.tax import Treatment

DAY = date(2026, 11, 27)
SUPPLIER = PartyFacts(
    "Mirth Machine", "AU", abn="51824753556", address=("1 Laugh Lane",), registered_from=date(2020, 7, 1)
)
BUYER = PartyFacts(
    "Laughing Stock", "AU", abn="53004085616", address=("2 Stock Street",), registered_from=date(2019, 7, 1)
)
AGREEMENT = AgreementFacts(date(2026, 1, 1), date(2026, 12, 31), "performances")
INVOICE = DocumentFacts(
    kind=Kind.INVOICE,
    direction=Direction.RECEIVABLE,
    currency="AUD",
    issue_date=DAY,
    treatments=[Treatment.TAXABLE],
    tax=5000,
    total=55000,
    supplier=SUPPLIER,
    buyer=BUYER,
)
RCTI = INVOICE._replace(kind=Kind.RCTI, direction=Direction.PAYABLE, agreement=AGREEMENT)
STATEMENT = INVOICE._replace(
    kind=Kind.PAYMENT_STATEMENT,
    direction=Direction.PAYABLE,
    treatments=[Treatment.OUT_OF_SCOPE],
    tax=0,
    total=50000,
    supplier=SUPPLIER._replace(registered_from=None),
)
DEPOSIT = INVOICE._replace(kind=Kind.DEPOSIT_INVOICE, deposit_kind=DepositKind.PART_PAYMENT)
NOT_REGISTERED = SUPPLIER._replace(registered_from=None)


def codes(facts: DocumentFacts) -> list[str]:
    return [each.code for each in gates.refusals(facts)]


# --- Gates --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("facts", [INVOICE, RCTI, STATEMENT, DEPOSIT])
def test_what_is_in_order_passes(facts: DocumentFacts) -> None:
    assert gates.refusals(facts) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (INVOICE._replace(treatments=[], tax=0), ["no_lines"]),
        (INVOICE._replace(total=-1), ["below_zero"]),
        (INVOICE._replace(kind=Kind.CREDIT_NOTE, total=-1), []),
        (INVOICE._replace(supplier=NOT_REGISTERED), ["supplier_not_registered"]),
        (INVOICE._replace(supplier=NOT_REGISTERED, treatments=[Treatment.OUT_OF_SCOPE], tax=0), []),
        (INVOICE._replace(supplier=SUPPLIER._replace(abn="")), ["supplier_abn_missing"]),
        (INVOICE._replace(supplier=SUPPLIER._replace(abn="51824753557")), ["supplier_abn_missing"]),
        # RCTI
        (RCTI._replace(buyer=BUYER._replace(registered_from=None)), ["buyer_not_registered"]),
        (RCTI._replace(supplier=NOT_REGISTERED), ["supplier_not_registered"]),
        (RCTI._replace(supplier=SUPPLIER._replace(abn="")), ["supplier_abn_missing"]),
        (RCTI._replace(buyer=BUYER._replace(abn="")), ["buyer_abn_missing"]),
        (RCTI._replace(agreement=None), ["agreement_missing"]),
        (RCTI._replace(agreement=AGREEMENT._replace(ends_on=DAY - timedelta(1))), ["agreement_not_current"]),
        (RCTI._replace(agreement=AGREEMENT._replace(ends_on=DAY)), []),
        (RCTI._replace(agreement=AGREEMENT._replace(ends_on=None)), []),
        (RCTI._replace(agreement=AGREEMENT._replace(starts_on=DAY)), []),
        (
            RCTI._replace(agreement=AGREEMENT._replace(starts_on=DAY + timedelta(1))),
            ["agreement_not_current"],
        ),
        (RCTI._replace(agreement=AGREEMENT._replace(supplies=" ")), ["agreement_without_supplies"]),
        (RCTI._replace(agreement=AGREEMENT._replace(with_supplier=False)), ["agreement_of_another"]),
        (RCTI._replace(supplier_invoice="A-17"), ["supplier_invoice_on_file"]),
        (RCTI._replace(direction=Direction.RECEIVABLE), ["rcti_not_payable"]),
        # Payment statements
        (STATEMENT._replace(supplier=SUPPLIER), ["supplier_registered"]),
        (STATEMENT._replace(treatments=[Treatment.TAXABLE], tax=5000), ["tax_on_payment_statement"]),
        (STATEMENT._replace(direction=Direction.RECEIVABLE), ["statement_not_payable"]),
        # Deposits
        (DEPOSIT._replace(deposit_kind=None), ["deposit_kind_missing"]),
        (DEPOSIT._replace(deposit_kind=DepositKind.SECURITY), ["tax_on_security"]),
        (
            DEPOSIT._replace(
                deposit_kind=DepositKind.SECURITY,
                treatments=[Treatment.OUT_OF_SCOPE],
                tax=0,
                supplier=NOT_REGISTERED,
            ),
            [],
        ),
    ],
)
def test_each_rule_refuses_by_itself(facts: DocumentFacts, expected: list[str]) -> None:
    assert codes(facts) == expected


def test_every_refusal_is_a_sentence_and_all_are_told_at_once() -> None:
    found = gates.refusals(
        RCTI._replace(agreement=None, supplier=NOT_REGISTERED._replace(abn=""), supplier_invoice="A-17")
    )
    assert [each.code for each in found] == [
        "supplier_not_registered", "supplier_abn_missing", "agreement_missing", "supplier_invoice_on_file",
    ]  # fmt: skip
    assert all(each.message[0].isupper() and each.message.endswith(".") for each in found)


@pytest.mark.parametrize(
    ("since", "until", "registered"),
    [(DAY, None, True), (DAY + timedelta(1), None, False), (date(2020, 1, 1), DAY, True),
     (date(2020, 1, 1), DAY - timedelta(1), False), (None, None, False)],
)  # fmt: skip
def test_registration_is_an_interval_with_both_its_days(
    since: date | None, until: date | None, registered: bool
) -> None:
    party = SUPPLIER._replace(registered_from=since, registered_to=until)
    assert gates.registered(party, DAY) is registered
    assert codes(INVOICE._replace(supplier=party)) == ([] if registered else ["supplier_not_registered"])


@pytest.mark.parametrize("facts", [INVOICE, RCTI])
def test_registered_between_show_and_issue_stops_for_a_person(facts: DocumentFacts) -> None:
    show = DAY - timedelta(10)
    party = SUPPLIER._replace(registered_from=DAY - timedelta(5))
    assert codes(facts._replace(supplier=party, supplied_on=show)) == ["supplier_not_registered_at_show"]
    assert codes(facts._replace(supplier=party, supplied_on=DAY)) == []


@pytest.mark.parametrize(
    ("total", "buyer", "expected"),
    [
        (99_999, BUYER._replace(abn="", address=()), []),
        (100_000, BUYER._replace(abn="", address=()), ["buyer_not_named"]),
        (100_000, BUYER._replace(abn=""), []),
        (100_000, BUYER._replace(address=()), []),
    ],
)
def test_the_buyer_is_named_from_a_thousand_dollars(
    total: int, buyer: PartyFacts, expected: list[str]
) -> None:
    assert codes(INVOICE._replace(total=total, tax=1, buyer=buyer)) == expected


def test_an_untaxed_invoice_needs_no_buyer_named() -> None:
    facts = INVOICE._replace(
        total=500_000, tax=0, treatments=[Treatment.GST_FREE], buyer=BUYER._replace(abn="", address=())
    )
    assert codes(facts) == []


def test_new_zealand_and_britain_ask_for_their_own_numbers() -> None:
    nz = PartyFacts("Kiwi Comics", "NZ", nzbn="9429033591476", registered_from=date(2020, 1, 1))
    uk = PartyFacts("Britwit", "GB", registered_from=date(2020, 1, 1))
    assert codes(INVOICE._replace(supplier=nz)) == []
    assert codes(INVOICE._replace(supplier=nz._replace(nzbn=""))) == ["supplier_gst_number_missing"]
    assert codes(INVOICE._replace(supplier=uk)) == ["supplier_vat_number_missing"]
    assert codes(RCTI._replace(supplier=nz, buyer=nz)) == [
        "supplier_gst_number_missing", "buyer_gst_number_missing",
    ]  # fmt: skip
    both = nz._replace(vat_number="49091850")
    assert codes(RCTI._replace(supplier=both, buyer=both)) == []
    full = uk._replace(vat_number="980780684")
    assert codes(RCTI._replace(supplier=full, buyer=full)) == ["supplier_address_missing"]
    assert codes(RCTI._replace(supplier=full._replace(address=("1 Wit Way",)), buyer=full)) == []


def test_in_britain_another_vat_number_needs_another_agreement() -> None:
    wit = PartyFacts("Wit", "GB", "", "", "980780684", ("1 Wit Way",), registered_from=date(2020, 1, 1))
    bill = RCTI._replace(supplier=wit, buyer=wit)
    assert codes(bill._replace(agreement=AGREEMENT._replace(vat_number="980780684"))) == []
    assert codes(bill._replace(agreement=AGREEMENT._replace(vat_number="123456782"))) == [
        "agreement_of_old_number"
    ]
    # Elsewhere it is the ABN that counts; and of what was agreed before numbers were kept, nothing is said.
    assert codes(bill) == codes(RCTI._replace(agreement=AGREEMENT._replace(vat_number="1"))) == []


def test_the_copy_of_an_rcti_is_due_within_28_days() -> None:
    assert gates.rcti_copy_by(date(2026, 8, 1)) == date(2026, 8, 29)
