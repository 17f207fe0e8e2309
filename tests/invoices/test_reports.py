"""Reports: what is open and how late, tax on both bases, and that each ties out to the documents."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from housecount.core.documents import Direction
from housecount.core.tax import Treatment
from housecount.invoices import services
from housecount.invoices.models import Document, Party
from housecount.invoices.reports import Aged, AgedRow, aged
from housecount.invoices.tax_report import Basis, TaxReport, tax_report
from housecount.tenancy.identity import acting_as
from tests.invoices.office import NOW, Office

ZONE = "Australia/Sydney"
FIRST, LAST = date(2026, 1, 1), date(2027, 12, 31)


class House(Office):
    """An office that pays on any day and reads its reports."""

    def open_on(self, on: date, direction: Direction = Direction.RECEIVABLE) -> Aged:
        with acting_as(self.identity):
            return aged(self.organisation_id, direction=direction, on=on, zone=ZONE)

    def tax(self, since: date = FIRST, until: date = LAST, basis: Basis = Basis.ACCRUAL) -> TaxReport:
        with acting_as(self.identity):
            return tax_report(self.organisation_id, since=since, until=until, basis=basis, zone=ZONE)

    def tax_by_month(self, basis: Basis) -> dict[str, int]:
        """Tax on sales in July and August 2026, and in all."""
        months = {
            "july": self.tax(date(2026, 7, 1), date(2026, 7, 31), basis),
            "august": self.tax(date(2026, 8, 1), date(2026, 8, 31), basis),
            "all": self.tax(basis=basis),
        }
        return {name: sum(each.tax_on_sales for each in made.figures) for name, made in months.items()}

    def paid_on(self, document: Document, amount: int, day: date) -> None:
        with acting_as(self.identity):
            services.pay(document.pk, amount, day, now=datetime.combine(day, time(12), UTC))

    def fee(self, party: Party, price: int = 50_000, tax: str = "taxable", **changes: Any) -> Document:
        line = {"description": "Set", "quantity": "1", "unit_price": price, "tax": tax}
        return self.issued(party, lines=[line], **changes)


@pytest.fixture
def house() -> House:
    made = House()
    made.ourselves()
    return made


def figures(row: AgedRow) -> tuple[int, ...]:
    return (
        row.current, row.days_1_30, row.days_31_60, row.days_61_90, row.over_90, row.credit, row.total,
    )  # fmt: skip


# --- Aged ---------------------------------------------------------------------------------------------
def test_what_is_open_is_sorted_by_how_late_it_is(house: House) -> None:
    act = house.party()
    on = date(2026, 12, 31)
    for late, price in ((0, 1_000), (1, 2_000), (31, 3_000), (61, 4_000), (91, 5_000)):
        day = on - timedelta(days=late)
        house.fee(act, price, issue_date="2026-09-01", due_date=day.isoformat())
    house.draft(act)
    [row] = house.open_on(on).rows
    assert (row.name, row.currency) == ("Mirth Machine", "AUD")
    assert figures(row) == (1_100, 2_200, 3_300, 4_400, 5_500, 0, 16_500)
    assert [item.balance for item in row.items] == [5_500, 4_400, 3_300, 2_200, 1_100]


def test_it_is_as_things_stood_on_that_day(house: House) -> None:
    act = house.party()
    first = house.fee(act, issue_date="2026-10-01", due_date="2026-10-15")
    house.paid_on(first, 20_000, date(2026, 11, 1))
    house.credit(first, [{"line": 1, "quantity": "0.1"}])  # 55.00 on the day of NOW, 27 November
    house.paid_on(first, 29_500, date(2026, 12, 5))
    assert house.open_on(date(2026, 9, 30)).rows == ()
    totals = [
        [row.total for row in house.open_on(on).rows]
        for on in (date(2026, 10, 1), date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 26))
    ]
    assert totals == [[55_000], [55_000], [35_000], [35_000]]
    assert [row.total for row in house.open_on(date(2026, 11, 27)).rows] == [29_500]
    assert [row.total for row in house.open_on(date(2026, 12, 4)).rows] == [29_500]
    assert house.open_on(date(2026, 12, 5)).rows == ()


def test_what_is_owed_the_other_way_stands_apart(house: House) -> None:
    act = house.party()
    overpaid = house.fee(act, 10_000)
    house.paid_on(overpaid, 12_000, date(2026, 11, 28))
    paid = house.fee(act, 20_000)
    house.paid_on(paid, 22_000, date(2026, 11, 28))
    house.credit(paid)
    house.fee(act, 30_000)
    [row] = house.open_on(date(2026, 11, 30)).rows
    assert figures(row) == (33_000, 0, 0, 0, 0, -23_000, 10_000)


def test_what_ended_is_open_until_then(house: House) -> None:
    act = house.party()
    void, lost = house.fee(act, 10_000), house.fee(act, 20_000)
    # Half past eight in the evening in Sydney, and the morning after.
    for document, do, at in (
        (void, services.void, datetime(2026, 11, 28, 9, 30, tzinfo=UTC)),
        (lost, services.write_off, datetime(2026, 11, 28, 20, 30, tzinfo=UTC)),
    ):
        with acting_as(house.identity):
            do(document.pk, now=at)
    assert [row.total for row in house.open_on(date(2026, 11, 27)).rows] == [33_000]
    assert [row.total for row in house.open_on(date(2026, 11, 28)).rows] == [22_000]
    assert house.open_on(date(2026, 11, 29)).rows == ()


def test_parties_currencies_and_directions_are_kept_apart(house: House) -> None:
    act, other = house.party(), house.party(name="Another Act", abn="47555222000")
    house.fee(act, 10_000)
    house.fee(act, 10_000, currency="NZD")
    house.fee(other, 20_000)
    house.fee(other, 40_000, direction="payable")
    made = house.open_on(date(2026, 11, 30))
    assert [(row.name, row.currency, row.total) for row in made.rows] == [
        ("Another Act", "AUD", 22_000), ("Mirth Machine", "AUD", 11_000), ("Mirth Machine", "NZD", 11_000),
    ]  # fmt: skip
    assert [(row.currency, row.total) for row in made.totals] == [("AUD", 33_000), ("NZD", 11_000)]
    [owed] = house.open_on(date(2026, 11, 30), Direction.PAYABLE).rows
    assert (owed.name, owed.total) == ("Another Act", 44_000)


def test_another_house_sees_nothing_of_it(house: House) -> None:
    house.fee(house.party())
    other = House()
    assert other.open_on(LAST).rows == ()
    assert other.tax().entries == ()


# --- Tax ----------------------------------------------------------------------------------------------
def test_sales_and_purchases_come_to_the_figures_of_a_return(house: House) -> None:
    act = house.party()
    house.fee(act, 100_000)
    house.fee(act, 30_000, tax="gst_free")
    house.fee(act, 7_000, tax="out_of_scope")
    house.fee(act, 40_000, direction="payable")
    house.credit(house.fee(act, 20_000))
    made = house.tax()
    [all_of_it] = made.figures
    assert (all_of_it.sales, all_of_it.tax_on_sales) == (140_000, 10_000)
    assert (all_of_it.purchases, all_of_it.tax_on_purchases) == (44_000, 4_000)
    assert all_of_it.to_pay == 6_000
    assert {(row.direction.value, row.treatment.value): row.gross for row in made.rows} == {
        ("receivable", "taxable"): 110_000,
        ("receivable", "gst_free"): 30_000,
        ("receivable", "out_of_scope"): 7_000,
        ("payable", "taxable"): 44_000,
    }


def test_a_period_holds_its_first_and_its_last_day(house: House) -> None:
    act = house.party()
    for day in ("2026-06-30", "2026-07-01", "2026-07-31", "2026-08-01"):
        house.fee(act, 10_000, issue_date=day, due_date="2026-08-31")
    made = house.tax(date(2026, 7, 1), date(2026, 7, 31))
    assert [each.on.isoformat() for each in made.entries] == ["2026-07-01", "2026-07-31"]
    assert made.figures[0].tax_on_sales == 2_000


def test_a_void_document_never_was_and_a_lost_debt_is_taken_back(house: House) -> None:
    act = house.party()
    void, lost = house.fee(act, 10_000), house.fee(act, 20_000)
    house.paid_on(lost, 11_000, date(2026, 11, 28))
    with acting_as(house.identity):
        services.void(void.pk, now=NOW)
        services.write_off(lost.pk, now=datetime(2026, 12, 31, 20, 30, tzinfo=UTC))
    assert house.tax(until=date(2026, 12, 31)).figures[0].tax_on_sales == 2_000
    january = house.tax(date(2027, 1, 1), date(2027, 1, 31))
    [entry] = january.entries
    assert (entry.why, entry.on, entry.gross, entry.tax) == ("written_off", date(2027, 1, 1), -11_000, -1_000)
    assert house.tax(basis=Basis.CASH).figures[0].tax_on_sales == 1_000


def test_on_cash_a_payment_counts_for_its_share(house: House) -> None:
    act = house.party()
    lines = [
        {"description": "Set", "quantity": "1", "unit_price": 100_000, "tax": "taxable"},
        {"description": "Flight", "quantity": "1", "unit_price": 30_000, "tax": "gst_free"},
    ]
    document = house.issued(act, lines=lines, issue_date="2026-07-10", due_date="2026-07-31")
    house.paid_on(document, 35_000, date(2026, 7, 20))  # a quarter of 1,400.00
    house.paid_on(document, 105_000, date(2026, 8, 20))
    assert house.tax_by_month(Basis.CASH) == {"july": 2_500, "august": 7_500, "all": 10_000}
    assert house.tax_by_month(Basis.ACCRUAL) == {"july": 10_000, "august": 0, "all": 10_000}
    july = house.tax(date(2026, 7, 1), date(2026, 7, 31), Basis.CASH)
    assert {each.treatment: each.gross for each in july.entries} == {
        Treatment.TAXABLE: 27_500,
        Treatment.GST_FREE: 7_500,
    }


def _deposit(house: House, kind: str) -> tuple[Document, Document]:
    """The sheet's case: a fee of 2,200.00 in August, 550.00 of it paid in July."""
    act = house.party()
    tax = "taxable" if kind == "part_payment" else "out_of_scope"
    deposit = house.issued(
        act,
        kind="deposit_invoice",
        deposit_kind=kind,
        price_mode="inclusive",
        issue_date="2026-07-10",
        due_date="2026-07-20",
        lines=[{"description": "Deposit", "quantity": "1", "unit_price": 55_000, "tax": tax}],
    )
    house.paid_on(deposit, 55_000, date(2026, 7, 20))
    final = house.issued(
        act,
        price_mode="inclusive",
        issue_date="2026-08-10",
        due_date="2026-08-20",
        lines=[{"description": "Fee", "quantity": "1", "unit_price": 220_000, "tax": "taxable"}],
        deposits=[str(deposit.pk)],
    )
    house.paid_on(final, 165_000, date(2026, 8, 20))
    return deposit, final


@pytest.mark.parametrize("basis", Basis)
def test_a_part_payment_counts_by_its_own_document(house: House, basis: Basis) -> None:
    _deposit(house, "part_payment")
    assert house.tax_by_month(basis) == {"july": 5_000, "august": 15_000, "all": 20_000}
    assert house.tax(basis=basis).figures[0].sales == 220_000


@pytest.mark.parametrize("basis", Basis)
def test_a_deposit_held_as_security_counts_when_it_is_applied(house: House, basis: Basis) -> None:
    _deposit(house, "security")
    assert house.tax_by_month(basis) == {"july": 0, "august": 20_000, "all": 20_000}
    assert house.tax(basis=basis).figures[0].sales == 220_000


def test_a_deposit_is_not_asked_for_twice(house: House) -> None:
    _deposit(house, "part_payment")
    totals = [
        [row.total for row in house.open_on(on).rows]
        for on in (date(2026, 7, 10), date(2026, 7, 20), date(2026, 8, 10), date(2026, 8, 20))
    ]
    assert totals == [[55_000], [], [165_000], []]


def test_a_refund_takes_its_share_back_on_its_day(house: House) -> None:
    act = house.party()
    document = house.fee(act, 20_000, issue_date="2026-07-10", due_date="2026-07-31")
    house.paid_on(document, 22_000, date(2026, 7, 20))
    house.paid_on(document, -11_000, date(2026, 8, 20))
    assert house.tax_by_month(Basis.CASH) == {"july": 2_000, "august": -1_000, "all": 1_000}


def test_a_note_that_is_paid_back_takes_its_share_back(house: House) -> None:
    act = house.party()
    document = house.fee(act, 20_000)
    house.paid_on(document, 22_000, date(2026, 11, 27))
    house.credit(document)
    cash = house.tax(basis=Basis.CASH)
    # The note is settled against its document, which is then paid too much: both count.
    assert cash.figures[0].tax_on_sales == 0
    assert sum(each.tax for each in house.tax().entries) == 0


def test_a_credit_used_elsewhere_pays_for_that(house: House) -> None:
    act = house.party()
    first = house.fee(act, 20_000)
    house.paid_on(first, 44_000, date(2026, 11, 27))
    second = house.fee(act, 20_000)
    with acting_as(house.identity):
        services.apply_credit(first.pk, second.pk)
    assert house.tax(basis=Basis.CASH).figures[0].tax_on_sales == 4_000
