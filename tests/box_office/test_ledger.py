"""What the ledger makes of records that were read."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError
from tests.factories import START, make_account, make_event, make_order, make_organisation, make_ticket

from housecount.box_office import catalogue, ledger, rebuild
from housecount.box_office.ledger import AccountKey, Stored
from housecount.box_office.models import ListingTotal, Order, RawRecord, SalesEntry
from housecount.core.counting import Figures, OrderFacts, Validity
from housecount.platforms.base.records import Order as OrderRecord
from housecount.platforms.base.records import Ticket as TicketRecord
from housecount.tenancy.identity import Identity, acting_as

NOW = datetime(2026, 4, 1, tzinfo=UTC)


class Book:
    """One account's ledger, with one event `e1`."""

    def __init__(self, *sessions: str) -> None:
        organisation_id = make_organisation()
        self.key = AccountKey(organisation_id, make_account(organisation_id))
        self.identity = Identity.system(organisation_id)
        self.clock = NOW
        with acting_as(self.identity):
            catalogue.store_events(self.key, [make_event(sessions=sessions or ("",))], NOW)
            self.listings = catalogue.listing_index(self.key, ["e1"])

    def read(self, *orders: OrderRecord, tickets: tuple[TicketRecord, ...] = ()) -> Stored:
        self.clock += timedelta(minutes=1)
        with acting_as(self.identity):
            return ledger.store_records(
                self.key,
                orders,
                tickets,
                listing_of=self.listing_of,
                buyer_hash=lambda key: key.encode(),
                read_at=self.clock,
            )

    def listing_of(self, event_id: str, session_id: str) -> UUID:
        return self.listings[event_id, session_id][0]

    def total(self, session: str = "") -> Figures:
        with acting_as(self.identity):
            row = ListingTotal.objects.filter(listing_id=self.listing_of("e1", session)).first()
            return Figures(*(getattr(row, name) for name in Figures._fields)) if row else Figures()

    def entries(self) -> list[SalesEntry]:
        with acting_as(self.identity):
            return list(SalesEntry.objects.filter(organisation_id=self.key.organisation_id).order_by("sequence"))

    def sums_hold(self) -> bool:
        with acting_as(self.identity):
            return not list(rebuild.check_sums(self.key))


@pytest.fixture
def book() -> Book:
    return Book()


def test_first_sale(book: Book) -> None:
    stored = book.read(make_order("o1", [make_ticket("t1", "o1"), make_ticket("t2", "o1", gross=0)]))
    assert stored == Stored(orders_read=1, orders_changed=1, tickets_changed=2, entries=3)
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
    assert (last.kind, last.happened_at, last.seen_at) == ("refund", START + timedelta(minutes=90), book.clock)
    assert book.sums_hold()


def test_what_was_refunded_before_the_first_read_still_shows_its_sale(book: Book) -> None:
    book.read(make_order("o1", [make_ticket("t1", "o1", validity=Validity.REFUNDED, changed=90)], changed=90))
    assert book.total() == Figures(orders=1, cancelled=1, refunds=3000, passed_on_fees=150)
    ticket = [(entry.kind, entry.sold, entry.gross, entry.refunds) for entry in book.entries() if entry.ticket_id]
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
    book.read(make_order("o1", [make_ticket("t1", "o1", session_id="d2", changed=5)], session_id="d2", changed=5))
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


@pytest.mark.parametrize("statement", ["UPDATE {} SET gross = 0", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_ledger_refuses_to_be_changed(book: Book, owner_connection, statement: str) -> None:  # type: ignore[no-untyped-def]
    book.read(make_order("o1", [make_ticket("t1", "o1")]))
    with pytest.raises(DatabaseError), acting_as(book.identity):
        from django.db import connection

        connection.cursor().execute(statement.format("box_office_sales_entry"))
    with pytest.raises(Exception, match="refused"):
        owner_connection.execute(statement.format("box_office_sales_entry"))


def test_ten_thousand_tickets_in_one_order(book: Book) -> None:
    tickets = [make_ticket(f"t{number}", "o1") for number in range(10_000)]
    book.read(make_order("o1", tickets))
    assert book.total() == Figures(orders=1, sold=10_000, gross=30_000_000, passed_on_fees=1_500_000)
