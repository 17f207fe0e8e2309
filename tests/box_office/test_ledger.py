"""What the ledger makes of records that were read."""

from datetime import timedelta

import psycopg
import pytest
from django.db import DatabaseError, connection

from housecount.box_office import ledger
from housecount.box_office.ledger import Change, Stored
from housecount.box_office.models import Order, RawRecord
from housecount.core.counting import Figures, OrderFacts, Validity
from housecount.tenancy.identity import acting_as
from tests.box_office.book import NOW, Book
from tests.factories import START, make_order, make_ticket


@pytest.fixture
def book() -> Book:
    return Book()


def test_first_sale(book: Book) -> None:
    stored = book.read(make_order("o1", [make_ticket("t1", "o1"), make_ticket("t2", "o1", gross=0)]))
    change = Change("order", "e1", "o1", "o1", START)
    assert stored == Stored(orders_read=1, orders_changed=1, tickets_changed=2, entries=3, changes=(change,))
    assert book.total() == Figures(orders=1, sold=1, comps=1, gross=3000, passed_on_fees=300)
    assert {entry.kind for entry in book.entries()} == {"sale", "comp"}
    assert book.sums_hold()


def test_a_read_that_brings_nothing_new_writes_nothing(book: Book) -> None:
    order = make_order("o1", [make_ticket("t1", "o1")])
    book.read(order)
    with acting_as(book.identity):
        before = list(RawRecord.objects.values_list("last_seen")), list(Order.objects.values_list("read_at"))
    assert book.read(order) == Stored(orders_read=1)
    with acting_as(book.identity):
        assert before == (
            list(RawRecord.objects.values_list("last_seen")), list(Order.objects.values_list("read_at")),
        )  # fmt: skip


def test_a_refund_leaves_sold_and_gross_and_is_dated_when_it_happened(book: Book) -> None:
    book.read(make_order("o1", [make_ticket("t1", "o1")]))
    book.read(make_order("o1", [make_ticket("t1", "o1", validity=Validity.REFUNDED, changed=90)], changed=90))
    assert book.total() == Figures(orders=1, cancelled=1, refunds=3000, passed_on_fees=150)
    last = book.entries()[-1]
    assert (last.kind, last.happened_at, last.seen_at) == (
        "refund",
        START + timedelta(minutes=90),
        book.clock,
    )
    assert book.sums_hold()


def test_what_was_refunded_before_the_first_read_still_shows_its_sale(book: Book) -> None:
    book.read(make_order("o1", [make_ticket("t1", "o1", validity=Validity.REFUNDED, changed=90)], changed=90))
    assert book.total() == Figures(orders=1, cancelled=1, refunds=3000, passed_on_fees=150)
    ticket = [
        (entry.kind, entry.sold, entry.gross, entry.refunds) for entry in book.entries() if entry.ticket_id
    ]
    assert ticket == [("sale", 1, 3000, 0), ("refund", -1, -3000, 3000)]


def test_a_refund_whose_costs_were_zeroed_keeps_the_price_of_the_earlier_version(book: Book) -> None:
    book.read(make_order("o1", [make_ticket("t1", "o1")]))
    gone = make_ticket("t1", "o1", validity=Validity.REFUNDED, gross=0, passed_on_fees=0, changed=5)
    book.read(make_order("o1", [gone], changed=5))
    assert book.total() == Figures(orders=1, cancelled=1, refunds=3000)


def test_an_older_version_changes_nothing_but_is_remembered(book: Book) -> None:
    new = make_order("o1", [make_ticket("t1", "o1", gross=2000, changed=9)], changed=9)
    book.read(new)
    book.read(make_order("o1", [make_ticket("t1", "o1", gross=2500, changed=3)], changed=3))
    # What an older version told it cost is known now, so the fall of the price is a refund.
    assert book.total() == Figures(orders=1, sold=1, gross=2000, refunds=500, passed_on_fees=150)
    assert book.sums_hold()


def test_fees_that_are_absorbed_from_now_on_are_no_refund(book: Book) -> None:
    passed_on = make_ticket("t1", "o1", gross=3000, passed_on_fees=150)
    absorbed = make_ticket("t1", "o1", gross=3150, absorbed_fees=150, passed_on_fees=0, changed=1)
    again = make_ticket("t1", "o1", gross=3000, passed_on_fees=150, changed=2)
    book.read(make_order("o1", [passed_on]))
    book.read(make_order("o1", [absorbed], changed=1))
    assert book.total() == Figures(orders=1, sold=1, gross=3150, absorbed_fees=150)
    book.read(make_order("o1", [again], changed=2))
    assert book.total() == Figures(orders=1, sold=1, gross=3000, passed_on_fees=150)
    assert book.sums_hold()


def test_a_ticket_that_left_its_order_is_gone_and_comes_back(book: Book) -> None:
    both = [make_ticket("t1", "o1"), make_ticket("t2", "o1")]
    book.read(make_order("o1", both))
    book.read(make_order("o1", both[:1], changed=1))
    assert book.total() == Figures(orders=1, sold=1, gross=3000, passed_on_fees=150)
    book.read(make_order("o1", both, changed=2))
    assert book.total().sold == 2
    assert book.sums_hold()


def test_tickets_apart_count_when_their_order_is_known(book: Book) -> None:
    book.read(tickets=(make_ticket("t1", "o1", gross=0, paid=True, passed_on_fees=0, apart=True),))
    assert book.total() == Figures()
    book.read(make_order("o1", None, facts=OrderFacts(completed=True, gross=3000, passed_on_fees=150)))
    assert book.total() == Figures(orders=1, sold=1, gross=3000, passed_on_fees=150)
    assert book.sums_hold()


def test_an_order_refunded_in_full_leaves_comps(book: Book) -> None:
    ticket = make_ticket("t1", "o1", gross=0, paid=True, passed_on_fees=0, apart=True)
    book.read(make_order("o1", None, facts=OrderFacts(completed=True, gross=3000)), tickets=(ticket,))
    refunded = OrderFacts(completed=True, nothing_paid=True, gross=0, refunds=3000)
    book.read(make_order("o1", None, facts=refunded, changed=60))
    assert book.total() == Figures(orders=1, comps=1, refunds=3000)
    assert book.sums_hold()


def test_an_order_that_is_gone_leaves_the_totals_and_keeps_its_history(book: Book) -> None:
    order = make_order("o1", [make_ticket("t1", "o1")])
    book.read(order)
    with acting_as(book.identity):
        ledger.mark_gone(book.key, ["o1"], {}, NOW + timedelta(days=1))
    assert book.total() == Figures()
    assert len(book.entries()) == 4
    assert book.sums_hold()
    book.clock = NOW + timedelta(days=2)
    book.read(order)
    assert book.total().sold == 1


def test_an_order_that_moved_to_another_date_counts_there() -> None:
    book = Book("d1", "d2")
    book.read(make_order("o1", [make_ticket("t1", "o1", session_id="d1")], session_id="d1"))
    book.read(
        make_order("o1", [make_ticket("t1", "o1", session_id="d2", changed=5)], session_id="d2", changed=5)
    )
    assert book.total("d1") == Figures()
    assert book.total("d2") == Figures(orders=1, sold=1, gross=3000, passed_on_fees=150)
    assert book.sums_hold()


def test_an_order_that_was_not_completed_does_not_count(book: Book) -> None:
    book.read(make_order("o1", [make_ticket("t1", "o1")], facts=OrderFacts(completed=False)))
    assert book.total() == Figures()
    book.read(make_order("o1", [make_ticket("t1", "o1")], changed=1))
    assert book.total().sold == 1
    assert [entry.kind for entry in book.entries() if entry.ticket_id] == ["sale"]


def test_sequence_has_no_gap(book: Book) -> None:
    for number in range(3):
        book.read(make_order(f"o{number}", [make_ticket(f"t{number}", f"o{number}")]))
    assert [entry.sequence for entry in book.entries()] == [1, 2, 3, 4, 5, 6]


def test_what_was_read_is_kept_as_it_was_read(
    book: Book, owner_connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    book.read(make_order("o1", [make_ticket("t1", "o1")]))
    with acting_as(book.identity), connection.cursor() as cursor:
        cursor.execute("UPDATE box_office_raw_record SET last_seen = now()")
    for statement in ("UPDATE box_office_raw_record SET payload = '{}'", "DELETE FROM box_office_raw_record"):
        with pytest.raises(DatabaseError), acting_as(book.identity), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(psycopg.Error, match="refused"):
        owner_connection.execute("TRUNCATE box_office_raw_record")


@pytest.mark.parametrize("statement", ["UPDATE {} SET gross = 0", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_ledger_refuses_to_be_changed(
    book: Book, owner_connection: psycopg.Connection[tuple[object, ...]], statement: str
) -> None:
    book.read(make_order("o1", [make_ticket("t1", "o1")]))
    statement = statement.format("box_office_sales_entry")
    with pytest.raises(DatabaseError), acting_as(book.identity), connection.cursor() as cursor:
        cursor.execute(statement)
    with pytest.raises(psycopg.Error, match="refused"):
        owner_connection.execute(statement)


def test_ten_thousand_tickets_in_one_order(book: Book) -> None:
    tickets = [make_ticket(f"t{number}", "o1") for number in range(10_000)]
    book.read(make_order("o1", tickets))
    assert book.total() == Figures(orders=1, sold=10_000, gross=30_000_000, passed_on_fees=1_500_000)
