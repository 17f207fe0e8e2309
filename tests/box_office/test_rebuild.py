"""Whatever somebody did to the ledger behind its back: it is named, and put right by corrections."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import cast

import psycopg
import pytest
from psycopg import sql

from housecount.box_office import rebuild
from housecount.box_office.rebuild import Difference
from housecount.core.counting import EntryKind, Validity
from housecount.platforms.base.source import TicketSource
from housecount.tenancy.identity import acting_as
from tests.box_office.book import Book, Restoring
from tests.factories import make_order, make_ticket

LATER = datetime(2026, 6, 1, tzinfo=UTC)
Owner = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def book(database: str) -> Book:
    """Two orders: one of two tickets of which one was cancelled, one of a single ticket that comes apart."""
    made = Book()
    tickets = [make_ticket("t1", "o1"), make_ticket("t2", "o1")]
    made.read(make_order("o1", tickets))
    made.read(make_order("o1", [tickets[0], make_ticket("t2", "o1", validity=Validity.CANCELLED)], changed=9))
    made.read(make_order("o2"), tickets=[make_ticket("t3", "o2", apart=True)])
    assert made.differences() == []
    return made


@contextmanager
def behind_its_back(owner: Owner, book: Book) -> Iterator[Owner]:
    """The owner's connection, past the ledger's own guards and its walls."""
    tables = ("order", "ticket", "sales_entry", "listing_total")
    with owner.transaction():
        for table in tables:
            name = sql.Identifier(f"box_office_{table}")
            owner.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
            owner.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(name))
        yield owner
        for table in tables:
            name = sql.Identifier(f"box_office_{table}")
            owner.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))
            owner.execute(sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(name))


def repair(book: Book) -> list[Difference]:
    with acting_as(book.identity):
        return list(rebuild.repair(book.key, cast("TicketSource", Restoring()), LATER))


def names(differences: list[Difference]) -> list[str]:
    return [f"{each.kind} {each.external_id} {each.field}" for each in differences]


ONE_ORDER = "WHERE {own} AND external_id"
TAMPERINGS = {
    "order-money": (
        f"UPDATE box_office_order SET own_gross = own_gross + 700 {ONE_ORDER} = 'o1'",
        "order o1 facts",
    ),
    "order-figure": (f"UPDATE box_office_order SET gross = gross + 700 {ONE_ORDER} = 'o2'", "order o2 gross"),
    "order-status": (
        f"UPDATE box_office_order SET status = 'refunded' {ONE_ORDER} = 'o1'",
        "order o1 status",
    ),
    "order-newer": (
        f"UPDATE box_office_order SET changed_at = changed_at + '1 year', status = 'x' {ONE_ORDER} = 'o1'",
        "order o1 changed_at",
    ),
    "order-gone": (f"UPDATE box_office_order SET gone = true {ONE_ORDER} = 'o2'", "order o2 facts"),
    "order-deleted": (f"DELETE FROM box_office_order {ONE_ORDER} = 'o2'", "order o2 presence"),
    "order-forged": (
        (
            f'INSERT INTO box_office_order SELECT (jsonb_populate_record(o, \'{{{{"external_id": "forged"}}}}\')).*'
            f" FROM box_office_order o {ONE_ORDER} = 'o2'"
        ),
        "order forged facts",
    ),
    "ticket-money": (f"UPDATE box_office_ticket SET gross = 1 {ONE_ORDER} = 't1'", "ticket t1 facts"),
    "ticket-validity": (
        f"UPDATE box_office_ticket SET validity = 'valid' {ONE_ORDER} = 't2'",
        "ticket t2 facts",
    ),
    "ticket-deleted": (f"DELETE FROM box_office_ticket {ONE_ORDER} = 't3'", "ticket t3 presence"),
    "ticket-forged": (
        (
            f'INSERT INTO box_office_ticket SELECT (jsonb_populate_record(t, \'{{{{"external_id": "forged"}}}}\')).*'
            f" FROM box_office_ticket t {ONE_ORDER} = 't1'"
        ),
        "ticket forged presence",
    ),
    "entry-money": (
        "UPDATE box_office_sales_entry SET gross = gross + 5 WHERE {own} AND ticket_id = 't3'",
        "entries o2 t3 sum",
    ),
    "entry-deleted": (
        "DELETE FROM box_office_sales_entry WHERE {own} AND ticket_id = 't3'",
        "entries o2 t3 sum",
    ),
    "entry-forged": (
        (
            "INSERT INTO box_office_sales_entry SELECT (jsonb_populate_record(e,"
            " jsonb_build_object('sequence', 900 + e.sequence, 'order_id', 'forged'))).*"
            " FROM box_office_sales_entry e WHERE {own} AND ticket_id = 't3'"
        ),
        "entries forged t3 sum",
    ),
    "total": (
        "UPDATE box_office_listing_total SET sold = sold + 1 WHERE {of_listing}",
        "listing {listing} total",
    ),
    "total-deleted": ("DELETE FROM box_office_listing_total WHERE {of_listing}", "listing {listing} total"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_tampering_is_named_and_put_right(book: Book, owner_connection: Owner, tampering: str) -> None:
    statement, expected = TAMPERINGS[tampering]
    listing_id = book.listing_of("e1", "")
    right, lines = book.total(), len(book.entries())
    organisation_id, account_id = book.key
    own = f"organisation_id = '{organisation_id}' AND account_id = '{account_id}'"
    of_listing = f"listing_id = '{listing_id}'"
    with behind_its_back(owner_connection, book) as owner:
        done = owner.execute(statement.format(own=own, of_listing=of_listing).encode())
        assert done.rowcount > 0

    expected = expected.format(listing=listing_id)
    assert expected in names(book.differences())
    assert all(each.ledger != each.rebuilt for each in book.differences())
    assert len(book.entries()) in range(lines - 1, lines + 2), "looking changed something"

    assert expected in names(repair(book))
    assert book.differences() == []
    assert book.sums_hold()
    assert book.total() == right
    corrections = [entry for entry in book.entries() if entry.seen_at == LATER]
    assert all(entry.kind == EntryKind.CORRECTION for entry in corrections)
    assert bool(corrections) == tampering.startswith("entry")
    assert repair(book) == []


def test_a_sound_ledger_is_left_alone(book: Book) -> None:
    lines = [entry.sequence for entry in book.entries()]
    assert repair(book) == []
    assert [entry.sequence for entry in book.entries()] == lines
    assert book.differences() == []


def test_a_listing_that_never_sold_has_no_total_to_be_wrong(database: str, owner_connection: Owner) -> None:
    book = Book("a", "b")
    book.read(make_order("o1", [make_ticket("t1", "o1", session_id="a")], session_id="a"))
    listing_id = book.listing_of("e1", "b")
    repair(book)
    with behind_its_back(owner_connection, book) as owner:
        owner.execute("UPDATE box_office_listing_total SET gross = 4 WHERE listing_id = %s", [listing_id])
    assert [each.external_id for each in book.differences()] == [str(listing_id)]
    assert [each.external_id for each in repair(book)] == [str(listing_id)]
    assert book.differences() == []
