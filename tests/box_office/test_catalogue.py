"""Events become listings with ticket types; what did not change writes nothing; what went is kept and marked."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import connection

from housecount.box_office import catalogue
from housecount.box_office.models import Listing, RawRecord
from housecount.core.counting import Category, Figures
from housecount.platforms.base.records import Event
from housecount.sync import store
from housecount.tenancy.identity import acting_as
from tests.box_office.book import NOW, Book
from tests.factories import SHOW_TIME, make_event, make_order, make_ticket, make_type

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def book(database: str) -> Book:
    return Book("a", "b")


def tell(book: Book, event: Event) -> None:
    with acting_as(book.identity):
        catalogue.store_events(book.key, [event], LATER)


def listing(book: Book, session: str) -> Listing:
    with acting_as(book.identity):
        return Listing.objects.get(account_id=book.key.account_id, event_id="e1", session_id=session)


def written(book: Book) -> list[Any]:
    """Every row with the transaction that wrote it last."""
    rows: list[Any] = []
    with acting_as(book.identity), connection.cursor() as cursor:
        for table in ("listing", "show", "venue", "ticket_type", "raw_record"):
            cursor.execute(
                f"SELECT '{table}', t.xmin::text, t.ctid::text FROM box_office_{table} t ORDER BY 2, 3"
            )
            rows += cursor.fetchall()
    return rows


def with_listing(event: Event, session: str, **changes: Any) -> Event:
    """The event with one of its dates changed."""
    listings = tuple(
        msgspec.structs.replace(each, **changes) if each.session_id == session else each
        for each in event.listings
    )
    return msgspec.structs.replace(event, listings=listings)


EVENT = make_event(sessions=("a", "b"))


def test_an_event_that_did_not_change_writes_nothing(book: Book) -> None:
    before = written(book)
    tell(book, EVENT)
    assert written(book) == before


def test_a_change_is_taken_over_and_the_version_is_kept(book: Book) -> None:
    changed = with_listing(EVENT, "a", title="Friday Night Laughs: Finale", capacity=99, cancelled=True)
    tell(book, changed)
    one, other = listing(book, "a"), listing(book, "b")
    assert (one.title, one.capacity, one.cancelled) == ("Friday Night Laughs: Finale", 99, True)
    assert (other.title, other.capacity, other.cancelled) == ("Friday Night Laughs", 180, False)
    with acting_as(book.identity):
        kept = RawRecord.objects.filter(account_id=book.key.account_id, kind="event")
        assert {bytes(record.payload) for record in kept} >= {changed.raw}


def test_an_end_that_is_not_told_or_not_possible_is_made_up(book: Book) -> None:
    tell(book, with_listing(EVENT, "a", ends_at=None))
    assert listing(book, "a").ends_at == SHOW_TIME + timedelta(hours=3)
    tell(book, with_listing(EVENT, "a", ends_at=SHOW_TIME - timedelta(days=1)))
    assert listing(book, "a").ends_at == SHOW_TIME


def test_ticket_types_are_kept_as_they_stand_now(book: Book) -> None:
    drink = make_type(external_id="drink", category=Category.ADD_ON)
    tell(book, make_event(sessions=("a", "b"), types=[make_type(absorbs_fees=True), drink]))
    with acting_as(book.identity):
        types = catalogue.ticket_types(book.key, ["e1", "unknown"])
    assert types.keys() == {"e1"}
    assert types["e1"].keys() == {"general", "drink"}
    assert types["e1"]["general"].absorbs_fees
    assert types["e1"]["drink"] == drink
    before = written(book)
    tell(book, make_event(sessions=("a", "b"), types=[make_type(absorbs_fees=True), drink]))
    assert written(book) == before


def test_a_deleted_date_without_orders_goes_and_one_with_orders_stays(book: Book) -> None:
    book.read(make_order("o1", [make_ticket("t1", "o1", session_id="a")], session_id="a"))
    deleted = with_listing(EVENT, "a", deleted=True, state="deleted")
    tell(book, with_listing(deleted, "b", deleted=True, state="deleted"))
    assert listing(book, "a").gone_at is None
    assert listing(book, "b").gone_at == LATER
    tell(book, EVENT)
    assert listing(book, "b").gone_at is None


def test_an_order_of_a_date_that_is_not_told_any_more_gets_a_listing_that_says_so(book: Book) -> None:
    with acting_as(book.identity):
        catalogue.stand_in_listing(book.key, "e1", "lost", LATER)
        index = catalogue.listing_index(book.key, ["e1"])
        catalogue.stand_in_listing(book.key, "nothing-known", "lost", LATER)
    made = listing(book, "lost")
    assert ("e1", "lost") in index
    assert (made.state, made.gone_at, made.currency) == ("deleted", None, "AUD")
    assert "deleted date" in made.title
    assert made.show_id != listing(book, "a").show_id


def test_an_event_that_went_is_marked_once_and_comes_back_whole(book: Book) -> None:
    with acting_as(book.identity):
        catalogue.mark_events_gone(book.key, ["e1"], LATER)
        catalogue.mark_events_gone(book.key, ["e1"], LATER + timedelta(days=1))
        assert catalogue.known_events(book.key) == []
    assert listing(book, "a").gone_at == LATER
    tell(book, EVENT)
    assert listing(book, "a").gone_at is None
    with acting_as(book.identity):
        [known] = catalogue.known_events(book.key)
    assert (known.event_id, known.starts_at) == ("e1", SHOW_TIME)
    assert known.ends_at == SHOW_TIME + timedelta(days=1, hours=2)


def test_an_event_that_went_takes_its_orders_out_of_the_count(book: Book) -> None:
    book.read(make_order("o1", [make_ticket("t1", "o1", session_id="a")], session_id="a"))
    with acting_as(book.identity):
        stored = store.mark_event_gone(book.key, "e1", LATER)
    assert stored.orders_changed == 1
    assert book.total("a") == Figures()
    assert [entry.sold for entry in book.entries() if entry.ticket_id] == [1, -1]
    assert book.differences() == []
