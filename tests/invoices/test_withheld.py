"""Tax that is withheld is owed to the tax office: everything that says what a supplier still gets leaves it out."""

from dataclasses import astuple
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as some

from housecount.core import withholding
from housecount.core.documents import Direction, PaymentStatus, Standing, payment_status
from housecount.core.withholding import Payee
from housecount.invoices import here, kept_back, lists, payments, queries, services, sums
from housecount.invoices.errors import Invalid, NotPossible
from housecount.invoices.models import Document, Listed, Party, Sums
from housecount.invoices.payouts import payouts
from housecount.invoices.reports import aged
from housecount.invoices.tax_report import Basis, tax_report
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Office

pytestmark = pytest.mark.usefixtures("plain_paper")
DAY = date(2026, 12, 31)
UNTAXED = {"kind": "payment_statement", "direction": "payable"}
ZONE = "Australia/Sydney"


def line(price: int, quantity: str = "1", **more: Any) -> dict[str, Any]:
    return {"description": "Spot", "unit_price": price, "quantity": quantity, "tax": "out_of_scope", **more}


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves()
    return office


def nameless(office: Office, **more: Any) -> Party:
    """An act that quoted no ABN."""
    return office.party(
        kind="individual", abn=None, gst_registered_from=None, bank={"bsb": "633000", "account": "1"}, **more
    )


def filed(office: Office, **wanted: Any) -> list[str | None]:
    with acting_as(office.identity):
        page = lists.list_documents(office.organisation_id, today=DAY, **wanted)
    return [each.number for each in page.documents]


def test_a_supplier_is_paid_when_they_have_all_but_the_tax(office: Office) -> None:
    act = nameless(office)
    document = office.issued(act, lines=[line(50_000)], **UNTAXED)
    told = office.json(document)
    assert (told["total"], told["withheld"], told["balance"]) == (50_000, 23_500, 26_500)
    office.pay(document, 20_000)
    told = office.json(document)
    assert (told["payment_status"], told["paid"], told["balance"]) == ("part_paid", 20_000, 6_500)
    with acting_as(office.identity):
        [owed] = payouts(office.organisation_id)
        open_ = aged(office.organisation_id, direction=Direction.PAYABLE, on=DAY, zone=ZONE)
    assert owed.amount == 6_500
    assert [row.total for row in open_.totals] == [6_500]
    assert filed(office, payment_status="part_paid") == [document.number]
    office.pay(document, 6_500)
    told = office.json(document)
    assert (told["payment_status"], told["balance"], told["overdue"]) == ("paid", 0, False)
    assert filed(office, payment_status="paid") == [document.number]
    assert filed(office, overdue=True) == filed(office, payment_status="part_paid") == []
    with acting_as(office.identity):
        assert payouts(office.organisation_id) == []
        assert aged(office.organisation_id, direction=Direction.PAYABLE, on=DAY, zone=ZONE).rows == ()
        [kept] = kept_back.withheld_by_payee(office.organisation_id, date(2026, 11, 1), DAY)
    assert (kept.total, kept.withheld, kept.documents) == (50_000, 23_500, 1)


def test_crediting_in_parts_gives_back_all_that_was_withheld(office: Office) -> None:
    act = nameless(office)
    document = office.issued(act, lines=[line(16_667, "3")], **UNTAXED)
    assert document.withheld == 23_500
    notes = [office.credit(document, [{"line": 1, "quantity": "1"}]) for _ in range(3)]
    assert sum(each.total for each in notes) == 50_001
    assert sum(each.withheld for each in notes) == 23_500
    assert [office.json(each)["balance"] for each in (document, *notes)] == [0, 0, 0, 0]
    assert office.json(document)["status"] == "credited"
    paid = office.issued(act, lines=[line(50_000)], reference="B", **UNTAXED)
    office.pay(paid, 26_500)
    note = office.credit(paid, [{"line": 1, "quantity": "0.5"}])
    assert (note.withheld, office.json(paid)["balance"]) == (11_750, -13_250)
    owed = office.issued(act, lines=[line(40_000)], reference="C", **UNTAXED)
    with acting_as(office.identity):
        assert payments.credit_of(here.document(owed.pk)) == [(paid, 13_250)]
        assert services.apply_credit(paid.pk, owed.pk) == 13_250
        [kept] = kept_back.withheld_by_payee(office.organisation_id, date(2026, 11, 1), DAY)
    assert office.json(owed)["balance"] == 40_000 - 18_800 - 13_250
    assert kept.withheld == 23_500 - 11_750 + 18_800


def test_a_deposit_is_withheld_from_once(office: Office) -> None:
    act = nameless(office)
    asked = office.issued(
        act, kind="deposit_invoice", direction="payable", deposit_kind="part_payment", lines=[line(50_000)]
    )
    assert (asked.withheld, office.json(asked)["balance"]) == (23_500, 26_500)
    office.pay(asked, 26_500)
    final = office.issued(act, lines=[line(200_000)], deposits=[str(asked.pk)], **UNTAXED)
    told = office.json(final)
    assert told["deposits"][0]["amount"] == 50_000
    assert (told["withheld"], told["balance"]) == (70_500, 79_500)
    assert 26_500 + told["balance"] == 200_000 * 53 // 100
    with pytest.raises(NotPossible, match="was deducted"):
        office.pay(asked, -1)


def test_a_new_zealand_entertainer_has_their_own_rate_withheld(database: str) -> None:
    office = Office()
    office.ourselves(country="NZ", abn=None, nzbn="9429033591476", vat_number="49091850")
    act = office.party(
        kind="individual", country="NZ", abn=None, vat_number="136410132", schedular_rate=2_000
    )
    data = {
        "kind": "rcti",
        "direction": "payable",
        "agreement": office.agreement(act),
        "lines": [{"description": "Set", "unit_price": 100_000}],
    }
    document = office.issued(act, **data)
    assert (document.total, document.withheld) == (115_000, 20_000), "of what is without GST"
    office.pay(document, 47_500)
    with acting_as(office.identity):
        half, _ = (
            tax_report(
                office.organisation_id,
                since=date(2026, 12, 1),
                until=DAY,
                basis=basis,
                zone="Pacific/Auckland",
            )
            for basis in (Basis.CASH, Basis.ACCRUAL)
        )
    assert [each.tax_on_purchases for each in half.figures] == [7_500], "half of the claim is half of the tax"
    exempt = {"schedular_rate": None, "schedular_exemption": "certificate", "schedular_on": "2026-11-01"}
    with acting_as(office.identity):
        services.edit_party(act.pk, exempt)
    assert office.issued(act, **data).withheld == 0
    with acting_as(office.identity), pytest.raises(Invalid, match="not both"):
        services.edit_party(act.pk, exempt | {"schedular_rate": 1})


@pytest.mark.parametrize(
    ("payee", "undecided", "kept"),
    [
        (Payee(company=True), False, 0),
        (Payee(company=False), True, 0),
        (Payee(company=False, rate=2_000), False, 20_001),
        (Payee(company=False, rate=0), False, 0),
        (Payee(company=False, exemption="special_rate_zero"), False, 0),
        (Payee(company=False, exemption="said so"), True, 0),
    ],
)
def test_schedular_payments(payee: Payee, undecided: bool, kept: int) -> None:
    assert withholding.undecided(payee) is undecided
    assert withholding.schedular(payee, 100_003) == kept


@given(
    whole=some.integers(1, 10**9),
    share=some.integers(0, 9_999),
    cuts=some.lists(some.integers(1, 10**6), min_size=1, max_size=6),
)
def test_what_falls_away_and_what_payments_settle_add_up(whole: int, share: int, cuts: list[int]) -> None:
    kept = whole * share // 10_000
    before = back = 0
    parts = [whole * cut // sum(cuts) for cut in cuts[:-1]]
    for part in [*parts, whole - sum(parts)]:
        back += withholding.given_back(kept, whole, before, part)
        before += part
    assert back == kept
    assert withholding.grossed_up(whole - kept, whole, kept) == whole
    assert withholding.grossed_up(0, whole, kept) == 0
    standing = Standing(whole, paid=whole - kept, withheld=kept)
    assert payment_status(standing) is PaymentStatus.PAID


# --- The sums that are kept ---------------------------------------------------------------------------
def counted(organisation_id: UUID) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT direction, currency, sum(documents), sum(total), sum(balance) FROM app.sums_of(%s)"
            " GROUP BY 1, 2 ORDER BY 1, 2",
            [organisation_id],
        )
        return [tuple(int(each) if isinstance(each, Decimal) else each for each in row) for row in cursor]


def agree(office: Office) -> None:
    """The sums that triggers kept, those of the documents, and those of the long way round are the same."""
    with acting_as(office.identity):
        kept = sums.kept_sums(office.organisation_id)
        slow = lists.list_sums(office.organisation_id, today=DAY, issued_from=date(2000, 1, 1))
        assert kept == counted(office.organisation_id)
        assert kept == [
            (each.direction, each.currency, each.count, each.total, each.balance) for each in slow
        ]
        found = Document.objects.filter(organisation_id=office.organisation_id).select_related(
            "party", "organisation", "show__venue"
        )
        listed = Listed.objects.filter(organisation_id=office.organisation_id).values_list(
            "document_id", "state", "credited", "payment", "balance", "total", "number", "reference"
        )
        assert {row[0]: row[1:] for row in listed} == {each.pk: told_of(each) for each in found}


def told_of(document: Document) -> tuple[object, ...]:
    """A document as it should be listed, from what it says of itself."""
    told, sign = queries.document_json(document), -1 if document.gives_credit else 1
    credited = told["status"] == "credited"
    return (
        "issued" if credited else told["status"], credited, told["payment_status"],
        sign * told["balance"] if document.number else 0, sign * abs(document.total),
        (told["number"] or "").upper(), told["reference"].upper(),
    )  # fmt: skip


def by_hand(office: Office, **wanted: Any) -> list[tuple[object, ...]]:
    """The sums of a list, added up from what each of its documents says."""
    found: dict[tuple[str, str], list[int]] = {}
    with acting_as(office.identity):
        page = lists.list_documents(office.organisation_id, today=DAY, limit=500, **wanted)
        for each, told in zip(page.documents, queries.documents_json(page.documents), strict=True):
            sign = -1 if each.gives_credit else 1
            counts = found.setdefault((told["direction"], told["currency"]), [0, 0, 0])
            still = told["balance"] if told["number"] else 0
            for at, value in enumerate((1, sign * abs(each.total), sign * still)):
                counts[at] += value
    return [(*key, *counts) for key, counts in sorted(found.items())]


def test_the_kept_sums_are_those_of_the_documents(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    act, venue = nameless(office), office.party(name="Venue", abn="47555222000")
    office.draft(venue)
    gone = office.draft(venue)
    with acting_as(office.identity):
        services.edit(gone.pk, {"lines": [line(700)], "currency": "NZD"})
        services.delete(gone.pk)
        services.approve(office.draft(venue).pk)
    agree(office)
    down = office.issued(venue, kind="deposit_invoice", deposit_kind="part_payment")
    office.pay(down, 55_000)
    hire = [{"description": "Hire", "unit_price": 100_000}]
    final = office.issued(venue, lines=hire, deposits=[str(down.pk)])
    office.pay(final, 60_000)
    office.pay(final, -1_000)
    office.credit(final, [{"line": 1, "quantity": "0.25"}])
    statement = office.issued(act, lines=[line(50_000)], **UNTAXED)
    office.pay(statement, 26_500)
    office.credit(statement, [{"line": 1, "quantity": "0.1"}])
    agree(office)
    other = office.issued(venue, reference="other")
    void, off = office.issued(venue, reference="v"), office.issued(venue, reference="w")
    office.pay(off, 5_000)
    with acting_as(office.identity):
        services.apply_credit(final.pk, other.pk)
        services.void(void.pk)
        services.write_off(off.pk)
    agree(office)
    adjusted = {"kind": "adjustment_note", "credits": str(other.pk), "due_date": None}
    office.issued(venue, lines=[{"description": "Less", "unit_price": -1_000}], **adjusted)
    office.credit(office.issued(venue, reference="all of it"))
    agree(office)
    mixed = [{"overdue": True, "payment_status": "part_paid"}, {"payment_status": "paid", "text": "other"}]
    words = [{"text": "venue"}, {"text": "OTHER"}, {"text": "no such words"}, {"show": uuid4()}]
    for wanted in (*({"payment_status": each} for each in PaymentStatus), {"overdue": True}, *mixed, *words):
        with acting_as(office.identity):
            told = lists.list_sums(office.organisation_id, today=DAY, **wanted)
        assert [astuple(each) for each in told] == by_hand(office, **wanted), wanted
    with acting_as(office.identity):
        before = Sums.objects.filter(organisation_id=office.organisation_id).count()
        by_party = lists.list_sums(office.organisation_id, today=DAY, party=act.pk)
        drafts = lists.list_sums(office.organisation_id, today=DAY, status="draft", kind="invoice")
    assert [(each.count, each.balance) for each in by_party] == [(2, -2_650)]
    assert [each.count for each in drafts] == [1]
    assert sums.due_now(office.organisation_id, None) == [], "not worth it yet"
    monkeypatch.setattr(sums, "_ENOUGH", 5)
    assert sums.due_now(office.organisation_id, None) == [office.organisation_id]
    assert sums.put_together(office.organisation_id, office.organisation_id, None)
    assert sums.due_now(office.organisation_id, None) == []
    agree(office)
    with acting_as(office.identity):
        assert Sums.objects.filter(organisation_id=office.organisation_id).count() < before / 2
        assert Document.objects.filter(organisation_id=office.organisation_id).count() == sum(
            each[2] for each in sums.kept_sums(office.organisation_id)
        )
