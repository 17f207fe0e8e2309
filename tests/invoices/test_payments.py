"""Payments, refunds, credit that is used elsewhere, and what comes to nothing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from housecount.core.errors import HousecountError
from housecount.invoices import queries, services
from housecount.invoices.models import Allocation, Document, Payment
from housecount.tenancy.identity import acting_as
from tests.invoices.office import NOW, Office
from tests.invoices.test_issue_many import in_threads

PAID_ON = date(2026, 12, 1)


@pytest.fixture
def office(database: str, plain_paper: None) -> Office:
    found = Office()
    found.ourselves()
    return found


def money(office: Office, document: Document) -> tuple[int, int, int, str]:
    found = office.json(document)
    assert found["paid"] + found["credited"] + found["balance"] == abs(found["total"])
    return found["paid"], found["credited"], found["balance"], found["payment_status"]


def refused(act: Callable[[], object]) -> HousecountError:
    with pytest.raises(HousecountError) as caught:
        act()
    return caught.value


def test_payments_add_up_to_paid(office: Office) -> None:
    document = office.issued(office.party())
    assert money(office, document) == (0, 0, 55000, "unpaid")
    office.pay(document, 20000, reference="bank 1", method="bank transfer")
    assert money(office, document) == (20000, 0, 35000, "part_paid")
    office.pay(document, 35000)
    assert money(office, document) == (55000, 0, 0, "paid")
    with acting_as(office.identity):
        first = Payment.objects.filter(organisation_id=office.organisation_id).order_by("created_at")[0]
    assert (first.amount, first.paid_on, first.reference, first.method, first.direction, first.currency) == (
        20000, PAID_ON, "bank 1", "bank transfer", "receivable", "AUD",
    )  # fmt: skip


def test_what_is_too_much_is_the_partys_credit_and_can_be_refunded(office: Office) -> None:
    document = office.issued(office.party())
    office.pay(document, 60000)
    assert money(office, document) == (60000, 0, -5000, "overpaid")
    office.pay(document, -5000)
    assert money(office, document) == (55000, 0, 0, "paid")
    office.pay(document, -55000)
    assert money(office, document) == (0, 0, 55000, "unpaid")
    assert refused(lambda: office.pay(document, -1)).code == "more_than_paid"


def test_credit_is_used_on_another_document_of_the_party(office: Office) -> None:
    act = office.party()
    first, second = office.issued(act), office.issued(act)
    office.pay(first, 20000)
    office.pay(first, 45000)
    assert money(office, first)[2] == -10000
    with acting_as(office.identity):
        assert services.apply_credit(first.pk, second.pk, 4000) == 4000
    assert (money(office, first)[2], money(office, second)[2]) == (-6000, 51000)
    with acting_as(office.identity):
        assert services.apply_credit(first.pk, second.pk) == 6000
    assert (money(office, first), money(office, second)) == (
        (55000, 0, 0, "paid"),
        (10000, 0, 45000, "part_paid"),
    )
    with acting_as(office.identity):
        held = {
            each.amount: sum(Allocation.objects.filter(payment=each).values_list("amount", flat=True))
            for each in Payment.objects.filter(organisation_id=office.organisation_id)
        }
    assert held == {20000: 20000, 45000: 45000}, "no payment grew or shrank by it"


def test_credit_that_is_not_there_is_not_used(office: Office) -> None:
    act = office.party()
    first, second, other = office.issued(act), office.issued(act), office.issued(office.party(name="Other"))
    office.pay(first, 56000)

    def use(source: Document, target: Document, amount: int | None = None) -> HousecountError:
        with acting_as(office.identity):
            return refused(lambda: services.apply_credit(source.pk, target.pk, amount))

    assert use(first, other).code == "not_the_same_party"
    assert use(first, first).code == "not_the_same_party"
    assert use(first, second, 1001).code == "no_such_credit"
    assert use(first, second, -1).code == "no_such_credit"
    assert use(second, first).code == "no_such_credit"
    assert money(office, second) == (0, 0, 55000, "unpaid")


def test_a_payment_with_its_key_is_recorded_once(office: Office) -> None:
    act = office.party()
    document, other = office.issued(act), office.issued(act)
    for _ in range(3):
        office.pay(document, 20000, idempotency_key="bank-17")
    assert money(office, document)[0] == 20000
    assert refused(lambda: office.pay(document, 20001, idempotency_key="bank-17")).code == "key_reused"
    assert refused(lambda: office.pay(other, 20000, idempotency_key="bank-17")).code == "key_reused"
    assert money(office, other)[0] == 0


def test_the_same_payment_from_many_at_once_is_recorded_once(office: Office) -> None:
    act = office.party()
    document, other = office.issued(act), office.issued(act)
    here = [lambda: office.pay(document, 20000, idempotency_key="k")] * 8
    there = [lambda: office.pay(other, 20000, idempotency_key="k")] * 4
    failures = in_threads([*here, *there])
    assert {getattr(each, "code", repr(each)) for each in failures} == {"key_reused"}
    assert sorted([money(office, document)[0], money(office, other)[0]]) == [0, 20000]


def test_refunds_at_once_give_back_no_more_than_was_paid(office: Office) -> None:
    document = office.issued(office.party())
    office.pay(document, 50000)
    failures = in_threads([lambda: office.pay(document, -20000)] * 6)
    assert len(failures) == 4
    assert money(office, document)[0] == 10000


@pytest.mark.parametrize(
    ("amount", "words"), [(0, "nothing is none"), (10**20, "too large"), (-1, "no more can be refunded")]
)
def test_an_amount_that_cannot_be_is_refused(office: Office, amount: int, words: str) -> None:
    document = office.issued(office.party())
    assert words in refused(lambda: office.pay(document, amount)).message


def test_a_payment_far_ahead_is_refused_unless_other_books_have_it(office: Office) -> None:
    document = office.issued(office.party())
    # Half past one in the night of the 28th in Sydney, where the house is.
    now = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
    late, last = date(2026, 12, 30), date(2026, 12, 29)

    def pay(on: date, key: str | None = None, *, told: bool = False) -> None:
        with acting_as(office.identity):
            services.pay(document.pk, 100, on, idempotency_key=key, now=now, told=told)

    error = refused(lambda: pay(late))
    assert error.code == "paid_ahead"
    assert "I intend to pay" in error.message
    assert "2026-12-30" in error.message
    assert money(office, document)[0] == 0
    pay(last, "scheduled")
    pay(late, "from other books", told=True)
    pay(late, "from other books")
    assert money(office, document)[0] == 200
    assert not services.still_to_come(document, date(2026, 11, 28), now)
    assert services.still_to_come(document, date(2026, 11, 29), now)


def test_only_what_is_issued_is_paid(office: Office) -> None:
    draft = office.draft(office.party())
    assert refused(lambda: office.pay(draft, 1)).code == "not_issued"


def test_overdue_is_derived_from_the_day(office: Office) -> None:
    document = office.issued(office.party())
    due = date(2026, 12, 11)

    def overdue(today: date) -> bool:
        with acting_as(office.identity):
            listed = queries.list_documents(office.organisation_id, overdue=True, today=today).documents
            told = bool(queries.document_json(Document.objects.get(pk=document.pk), today=today)["overdue"])
        assert [each.pk for each in listed] == ([document.pk] if told else [])
        return told

    assert not overdue(due)
    assert overdue(due + timedelta(1))
    office.pay(document, 54999)
    assert overdue(due + timedelta(1))
    office.pay(document, 1)
    assert not overdue(due + timedelta(1))


# --- Ends ---------------------------------------------------------------------------------------------
def test_void_counts_no_more_and_keeps_its_number(office: Office) -> None:
    act = office.party()
    document = office.issued(act)
    with acting_as(office.identity):
        services.void(document.pk, "Twice the same", None, NOW)
    found = office.json(document)
    assert (found["status"], found["number"], found["balance"], found["overdue"]) == (
        "void",
        "INV-00001",
        0,
        False,
    )
    assert office.issued(act).number == "INV-00002"
    for act_on in (
        lambda: office.pay(document, 1),
        lambda: office.credit(document),
        lambda: services.void(document.pk),
        lambda: services.write_off(document.pk),
    ):
        with acting_as(office.identity):
            assert refused(act_on).code in {"void", "ended"}


def test_what_was_paid_or_credited_is_not_made_void(office: Office) -> None:
    act = office.party()
    paid, refunded, credited, draft = (
        office.issued(act),
        office.issued(act),
        office.issued(act),
        office.draft(act),
    )
    office.pay(paid, 1)
    office.pay(refunded, 1)
    office.pay(refunded, -1)
    note = office.credit(credited, [{"line": 1, "quantity": "0.5"}])
    for document, code in ((paid, "paid"), (refunded, "paid"), (credited, "credited"), (note, "note_stays"),
                           (draft, "not_issued")):  # fmt: skip
        with acting_as(office.identity):
            error = refused(lambda document=document: services.void(document.pk))
        assert error.code == code


def test_written_off_is_expected_no_more(office: Office) -> None:
    document = office.issued(office.party())
    office.pay(document, 5000)
    with acting_as(office.identity):
        services.write_off(document.pk, "Gone abroad")
    found = office.json(document)
    assert (found["status"], found["paid"], found["balance"]) == ("written_off", 5000, 0)
    assert refused(lambda: office.pay(document, 1)).code == "written_off"
    settled = office.issued(office.party(name="Other"))
    office.pay(settled, 55000)
    with acting_as(office.identity):
        assert refused(lambda: services.write_off(settled.pk)).code == "nothing_owed"


# --- Lists --------------------------------------------------------------------------------------------
def test_lists_follow_the_filter_and_their_sums_too(office: Office) -> None:
    act, other = office.party(), office.party(name="Zany Venue")
    draft = office.draft(act, reference="Run 7")
    unpaid, paid, over = office.issued(act), office.issued(act), office.issued(other)
    office.pay(paid, 55000)
    office.pay(over, 60000)
    bill = office.issued(act, direction="payable")
    gone = office.issued(act)
    with acting_as(office.identity):
        services.void(gone.pk)
    credited = office.issued(act)
    note = office.credit(credited)
    today = date(2026, 12, 1)

    def found(**fields: object) -> set[object]:
        with acting_as(office.identity):
            page = queries.list_documents(office.organisation_id, today=today, **fields)
        return {each.pk for each in page.documents}

    issued = {unpaid.pk, paid.pk, over.pk, bill.pk, note.pk}
    assert found() == {draft.pk, gone.pk, credited.pk, *issued}
    assert found(status="draft") == {draft.pk}
    assert found(status="issued") == issued
    assert found(status="void") == {gone.pk}
    assert found(status="credited") == {credited.pk}
    assert found(party=other.pk) == {over.pk}
    assert found(direction="payable") == {bill.pk}
    assert found(kind="credit_note") == {note.pk}
    assert found(text="run 7") == {draft.pk}
    assert found(text="zany") == {over.pk}
    assert found(text=str(bill.number)) == {bill.pk}
    assert found(payment_status="overpaid") == {over.pk}
    assert found(payment_status="paid", status="issued") == {paid.pk, note.pk}
    assert found(issued_from=date(2026, 11, 28)) == {note.pk} - {
        note.pk if note.issue_date < date(2026, 11, 28) else None
    }
    with acting_as(office.identity):
        sums = queries.list_sums(office.organisation_id, today=today)
        told = [(each.direction, each.currency, each.count, each.total, each.balance) for each in sums]
    # Total: the draft, six invoices (the void one is in it) less the note. Open: unpaid less what is too much.
    assert told == [
        ("payable", "AUD", 1, 55000, 55000),
        ("receivable", "AUD", 7, 6 * 55000 - 55000, 55000 - 5000),
    ]
    assert refused(lambda: found(status="lost")).code == "invalid"
    assert refused(lambda: found(direction="up")).code == "invalid"


def test_the_sum_of_a_list_is_that_of_its_documents(office: Office) -> None:
    act = office.party()
    deposit = office.issued(act, kind="deposit_invoice", deposit_kind="part_payment")
    office.pay(deposit, 55000)
    final = office.issued(
        act, lines=[{"description": "Hire", "unit_price": 90000}], deposits=[str(deposit.pk)]
    )
    free = office.issued(act, kind="credit_note", lines=[{"description": "Rebate", "unit_price": 20000}])
    with acting_as(office.identity):
        services.apply_credit(free.pk, final.pk, 3000)
    office.pay(free, 1000)
    office.pay(final, 500)
    lost = office.issued(act)
    office.pay(lost, 100)
    with acting_as(office.identity):
        services.write_off(lost.pk)
    office.draft(act)
    balances = [office.json(each)["balance"] for each in (deposit, final, free, lost)]
    assert balances == [0, 99000 - 55000 - 3000 - 500, 22000 - 4000, 0]
    with acting_as(office.identity):
        [found] = queries.list_sums(office.organisation_id, today=PAID_ON)
        [unpaid] = queries.list_sums(
            office.organisation_id, today=PAID_ON, payment_status="part_paid", kind="invoice"
        )
    assert (found.count, found.total) == (5, 55000 + 99000 - 22000 + 55000 + 55000)
    assert found.balance == balances[1] - balances[2]
    assert unpaid.balance == balances[1]


def test_a_list_comes_a_page_at_a_time_without_a_gap_or_a_double(office: Office) -> None:
    act = office.party()
    made = [
        office.draft(act, issue_date=day, due_date=None).pk
        for day in ("2026-11-01", "2026-11-03", "2026-11-02", "2026-11-03", "2026-11-03")
    ]
    pages, after = [], None
    while True:
        with acting_as(office.identity):
            page = queries.list_documents(office.organisation_id, today=PAID_ON, after=after, limit=2)
        pages.append([each.pk for each in page.documents])
        if page.after is None:
            break
        after = page.after
    assert pages == [[made[4], made[3]], [made[1], made[2]], [made[0]]]
    with acting_as(office.identity):
        error = refused(
            lambda: queries.list_documents(office.organisation_id, today=PAID_ON, after="bm90IGEgcGFnZQ")
        )
    assert error.code == "invalid"


def test_a_list_says_of_each_document_what_the_document_says(office: Office) -> None:
    act = office.party()
    documents = [office.issued(act), office.draft(act), office.issued(act)]
    office.pay(documents[0], 100)
    office.credit(documents[2], [{"line": 1, "quantity": "0.25"}])
    with acting_as(office.identity):
        page = queries.list_documents(office.organisation_id, today=PAID_ON)
        listed = queries.documents_json(page.documents, today=PAID_ON)
        alone = [queries.document_json(each, today=PAID_ON) for each in page.documents]
    assert listed == alone
    assert len(listed) == 4
