"""Documents: what is withheld, their words, numbers, dates and money."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.core import documents, withholding
from housecount.core.documents import DepositKind, Direction, Kind, Nature, PaymentStatus, Standing, Terms
from housecount.core.withholding import Payout

DAY = date(2026, 11, 27)


# --- Withholding --------------------------------------------------------------------------------------
def payout(**changes: Any) -> Payout:
    return Payout(**{"country": "AU", "abn": "", "on": DAY, "net": 50000, "total": 50000, **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 23500),
        ({"net": 7500, "total": 7500}, 0),
        ({"net": 7501, "total": 7501}, 3525),
        ({"abn": "51824753556"}, 0),
        ({"abn": "51824753557"}, 23500),
        ({"country": "NZ"}, 0),
        ({"on": date(2015, 1, 1)}, 24500),
        ({"on": date(2010, 1, 1)}, 23250),
        ({"net": 5000, "total": 5000, "net_besides": 5000}, 2350),
        ({"net": 5000, "total": 5000, "net_besides": 2500}, 0),
        ({"exception": "hobby"}, 23500),
        ({"exception": "hobby", "evidence_on": DAY}, 0),
        ({"exception": "hobby", "evidence_on": DAY + timedelta(1)}, 23500),
        ({"exception": "because", "evidence_on": DAY}, 23500),
        ({"exception": "under_18", "evidence_on": DAY, "net": 35000, "total": 35000}, 0),
        ({"exception": "under_18", "evidence_on": DAY, "net": 35001, "total": 35001}, 16450),
        ({"exception": "under_18", "evidence_on": DAY, "net": 20000, "total": 20000, "week": 36000}, 9400),
        ({"total": -50000, "net": -50000}, 0),
    ],
)
def test_tax_is_withheld_where_no_abn_is_quoted(changes: dict[str, Any], expected: int) -> None:
    assert withholding.withheld(payout(**changes)) == expected


def test_cents_of_the_withheld_amount_can_be_dropped() -> None:
    small = payout(net=7501, total=7501)
    assert (withholding.withheld(small), withholding.withheld(small, drop_cents=True)) == (3525, 3500)


def test_a_day_without_a_rate_stops() -> None:
    with pytest.raises(Exception, match="No rate or limit is on file"):
        withholding.withheld(payout(on=date(2001, 1, 1)))


# --- Words --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("nature", "words"),
    [
        (Nature(Kind.INVOICE, "AU", True, True), "Tax invoice"),
        (Nature(Kind.INVOICE, "AU", False, False), "Invoice"),
        (Nature(Kind.INVOICE, "AU", True, False), "Invoice"),
        (Nature(Kind.INVOICE, "GB", True, True), "VAT invoice"),
        (Nature(Kind.INVOICE, "US", True, True), "Invoice"),
        (Nature(Kind.RCTI, "AU", True, True), "Recipient created tax invoice"),
        (Nature(Kind.RCTI, "NZ", True, True), "Buyer-created taxable supply information"),
        (Nature(Kind.RCTI, "GB", True, True), "Self-billing invoice"),
        (Nature(Kind.DEPOSIT_INVOICE, "AU", True, True, DepositKind.PART_PAYMENT), "Tax invoice"),
        (Nature(Kind.DEPOSIT_INVOICE, "AU", True, False, DepositKind.SECURITY), "Security deposit"),
        (Nature(Kind.CREDIT_NOTE, "AU", True, True), "Credit note"),
        (Nature(Kind.CREDIT_NOTE, "AU", True, True, of_rcti=True), "Recipient created adjustment note"),
        (
            Nature(Kind.CREDIT_NOTE, "NZ", True, True, of_rcti=True),
            "Buyer-created supply correction information",
        ),
        (Nature(Kind.ADJUSTMENT_NOTE, "GB", True, True, of_rcti=True), "Self-billing credit note"),
        (Nature(Kind.ADJUSTMENT_NOTE, "AU", True, True), "Adjustment note"),
        (Nature(Kind.PAYMENT_STATEMENT, "AU", False, False), "Payment statement"),
    ],
)
def test_the_heading_follows_from_the_facts(nature: Nature, words: str) -> None:
    assert documents.heading(nature) == words


@given(
    kind=st.sampled_from(Kind),
    country=st.sampled_from(["AU", "NZ", "GB", "US"]),
    taxable=st.booleans(),
    deposit=st.sampled_from([None, *DepositKind]),
)
def test_nobody_unregistered_heads_a_paper_tax_invoice(
    kind: Kind, country: str, taxable: bool, deposit: DepositKind | None
) -> None:
    nature = Nature(kind, country, False, taxable, deposit)
    if kind is not Kind.RCTI:  # which the gates refuse
        assert "tax invoice" not in documents.heading(nature).lower()
    security = documents.heading(nature._replace(registered=True, deposit_kind=DepositKind.SECURITY))
    if kind in {Kind.INVOICE, Kind.DEPOSIT_INVOICE}:
        assert "tax invoice" not in security.lower()


def test_the_words_that_must_stand_on_a_paper() -> None:
    assert documents.statements(Nature(Kind.RCTI, "AU", True, True)) == [
        "The GST shown is payable by the supplier."
    ]
    assert documents.statements(Nature(Kind.RCTI, "GB", True, True)) == [
        "The VAT shown is your output tax due to HMRC."
    ]
    assert documents.statements(Nature(Kind.INVOICE, "AU", False, False)) == [
        "No GST is charged: the supplier is not registered for GST."
    ]
    assert documents.statements(Nature(Kind.INVOICE, "AU", True, True)) == []
    assert documents.statements(Nature(Kind.CREDIT_NOTE, "AU", True, True)) == [
        "This is an adjustment note for GST."
    ]
    assert documents.statements(Nature(Kind.ADJUSTMENT_NOTE, "AU", True, True)) == []
    assert documents.statements(Nature(Kind.CREDIT_NOTE, "AU", True, False)) == []
    assert documents.statements(Nature(Kind.CREDIT_NOTE, "AU", False, False)) == [
        "No GST is charged: the supplier is not registered for GST."
    ]
    assert documents.statements(Nature(Kind.CREDIT_NOTE, "AU", True, True, of_rcti=True)) == [
        "The GST shown is payable by the supplier."
    ]
    assert documents.statements(Nature(Kind.INVOICE, "NZ", True, True)) == [
        "This is taxable supply information."
    ]
    assert documents.statements(Nature(Kind.INVOICE, "NZ", True, False)) == []
    assert documents.statements(Nature(Kind.ADJUSTMENT_NOTE, "NZ", True, True)) == [
        "This is supply correction information."
    ]
    assert documents.statements(Nature(Kind.CREDIT_NOTE, "GB", True, True)) == []
    [said] = documents.statements(Nature(Kind.DEPOSIT_INVOICE, "AU", True, False, DepositKind.SECURITY))
    assert "not a tax invoice" in said
    unregistered = documents.statements(
        Nature(Kind.DEPOSIT_INVOICE, "AU", False, False, DepositKind.SECURITY)
    )
    assert unregistered[1:] == ["Held as security."], "where there is no GST, no paper speaks of tax invoices"


@pytest.mark.parametrize(
    ("kind", "direction", "series"),
    [
        (Kind.INVOICE, Direction.RECEIVABLE, "INV"),
        (Kind.INVOICE, Direction.PAYABLE, "BILL"),
        (Kind.RCTI, Direction.PAYABLE, "RCTI"),
        (Kind.DEPOSIT_INVOICE, Direction.RECEIVABLE, "DEP"),
        (Kind.CREDIT_NOTE, Direction.RECEIVABLE, "CN"),
        (Kind.ADJUSTMENT_NOTE, Direction.RECEIVABLE, "ADJ"),
        (Kind.PAYMENT_STATEMENT, Direction.PAYABLE, "PS"),
    ],
)
def test_each_kind_has_its_series(kind: Kind, direction: Direction, series: str) -> None:
    assert documents.series_of(kind, direction) == series


def test_numbers_are_written_with_five_digits_or_as_many_as_they_need() -> None:
    assert [documents.number_text("INV", n) for n in (1, 99999, 100000)] == [
        "INV-00001", "INV-99999", "INV-100000",
    ]  # fmt: skip


# --- Dates --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("terms", "show", "due"),
    [
        (Terms("days", 14), None, date(2026, 12, 11)),
        (Terms("days", 0), None, DAY),
        (Terms("end_of_month", 0), None, date(2026, 11, 30)),
        (Terms("end_of_month", 30), None, date(2026, 12, 30)),
        (Terms("after_show", 7), date(2026, 12, 24), date(2026, 12, 31)),
        (Terms("before_show", 14), date(2026, 12, 24), date(2026, 12, 10)),
        (Terms("before_show", 60), date(2026, 12, 24), DAY),
    ],
)
def test_terms_give_a_day(terms: Terms, show: date | None, due: date) -> None:
    assert documents.due_on(terms, DAY, show) == due


def test_end_of_month_knows_february() -> None:
    assert documents.due_on(Terms("end_of_month", 0), date(2028, 2, 3), None) == date(2028, 2, 29)


@pytest.mark.parametrize(
    "terms", [Terms("days", -1), Terms("days", 731), Terms("soon", 1), Terms("after_show", 1)]
)
def test_terms_without_a_day_are_refused(terms: Terms) -> None:
    with pytest.raises(documents.NotTerms):
        documents.due_on(terms, DAY, None)


# --- Money --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("standing", "balance", "status"),
    [
        (Standing(55000), 55000, PaymentStatus.UNPAID),
        (Standing(55000, paid=1), 54999, PaymentStatus.PART_PAID),
        (Standing(55000, prepaid=55000), 0, PaymentStatus.PAID),
        (Standing(55000, paid=60000), -5000, PaymentStatus.OVERPAID),
        (Standing(55000, credited=5000), 50000, PaymentStatus.PART_PAID),
        (Standing(55000, paid=50000, credited=5000), 0, PaymentStatus.PAID),
        (Standing(55000, paid=55000, credited=55000), -55000, PaymentStatus.OVERPAID),
        (Standing(0), 0, PaymentStatus.PAID),
    ],
)
def test_balance_and_status_say_the_same(standing: Standing, balance: int, status: PaymentStatus) -> None:
    assert (standing.balance, documents.payment_status(standing)) == (balance, status)


AMOUNT = st.integers(-(10**12), 10**12)


@given(st.integers(0, 10**12), AMOUNT, AMOUNT, AMOUNT)
def test_what_is_owed_is_paid_credited_or_open(owed: int, paid: int, prepaid: int, credited: int) -> None:
    standing = Standing(owed, paid, prepaid, credited)
    assert standing.settled + standing.credited + standing.balance == owed
    status = documents.payment_status(standing)
    assert (status is PaymentStatus.OVERPAID) == (standing.balance < 0)
    assert (status is PaymentStatus.PAID) == (standing.balance == 0)


def test_status_is_told_from_what_happened() -> None:
    assert documents.status("draft", None, 100, 0) == "draft"
    assert documents.status("issued", None, 100, 99) == "issued"
    assert documents.status("issued", None, 100, 100) == "credited"
    assert documents.status("issued", None, 0, 0) == "issued"
    assert documents.status("issued", "void", 100, 0) == "void"


def test_overdue_is_after_the_day_and_only_while_something_is_owed() -> None:
    assert not documents.is_overdue(1, DAY, DAY)
    assert documents.is_overdue(1, DAY, DAY + timedelta(1))
    assert not documents.is_overdue(0, DAY, DAY + timedelta(1))
    assert not documents.is_overdue(1, None, DAY)


def test_a_note_gives_credit_and_an_upward_adjustment_does_not() -> None:
    assert documents.gives_credit(Kind.CREDIT_NOTE, 100)
    assert documents.gives_credit(Kind.CREDIT_NOTE, -100)
    assert documents.gives_credit(Kind.ADJUSTMENT_NOTE, -100)
    assert not documents.gives_credit(Kind.ADJUSTMENT_NOTE, 100)
    assert not documents.gives_credit(Kind.INVOICE, 100)
