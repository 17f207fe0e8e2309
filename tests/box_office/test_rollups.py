"""Sums by day and by hour are the ledger's, whatever is read, goes, comes back or moves to another zone."""

import functools
import importlib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.db import OperationalError, connection
from hypothesis import given, settings
from hypothesis import strategies as st

from housecount.box_office import bulk, rebuild, rollups
from housecount.box_office.models import (
    AccountDailyTotal,
    DailyTotal,
    Listing,
    Show,
    ShowTotal,
    Venue,
    VenueDailyTotal,
)
from housecount.box_office.models_rollups import HOURS
from housecount.core.counting import Validity
from housecount.installation import database as installed
from housecount.platforms.base.source import TicketSource
from housecount.tenancy.identity import acting_as, unscoped
from tests.box_office.book import NOW, Book, Restoring
from tests.examples import examples
from tests.factories import make_order, make_organisation, make_ticket

ZONES = ("Australia/Melbourne", "America/Los_Angeles", "Asia/Kathmandu", "Mars/Olympus Mons")
#: (what happens, to which order, to which session, at which minute)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "buy", "buy", "buy", "refund", "goes", "comes back", "moves", "order goes", "joins", "seats",
                "changes room",
            ]
        ),
        st.integers(0, 3),
        st.integers(0, 1),
        st.integers(0, 20_000),
    ),
    min_size=1,
    max_size=10,
)  # fmt: skip
SESSIONS = ("a", "b")


@functools.cache
def shared_organisation() -> UUID:
    return make_organisation()


def unequal(book: Book) -> list[rollups.Unequal]:
    with acting_as(book.identity):
        return list(rollups.unequal(*book.key))


def show_of(book: Book, session: str) -> UUID:
    with acting_as(book.identity):
        return Listing.objects.get(pk=book.listing_of("e1", session)).show_id


def change_room(book: Book, session: str, name: str) -> None:
    mine = {"organisation_id": book.key.organisation_id}
    venue, _ = Venue.objects.get_or_create(
        **mine, name=name, defaults={"city": "Hobart", "country": "AU", "timezone": "Australia/Hobart"}
    )
    Show.objects.filter(**mine, pk=show_of(book, session)).update(venue=venue)


def happen(book: Book, what: str, order: int, session: int, minute: int) -> None:
    listing_id = book.listing_of("e1", SESSIONS[session])
    order_id = f"o{order}{session}"
    if what in {"buy", "refund"}:
        validity = Validity.REFUNDED if what == "refund" else Validity.VALID
        tickets = [
            make_ticket(
                f"{order_id}-{n}", order_id, session_id=SESSIONS[session], validity=validity, changed=minute
            )
            for n in range(2)
        ]
        book.read(make_order(order_id, tickets, session_id=SESSIONS[session], changed=minute))
    elif what == "order goes":
        book.gone([order_id], {})
    elif what == "changes room":
        with acting_as(book.identity):
            change_room(book, SESSIONS[session], f"Room {minute % 3}")
    else:
        changed: dict[str, object] = {
            "goes": {"gone_at": NOW},
            "comes back": {"gone_at": None},
            "moves": {"timezone": ZONES[minute % len(ZONES)]},
            "joins": {"show_id": show_of(book, SESSIONS[minute % 2])},
            "seats": {"capacity": minute or None},
        }[what]
        with acting_as(book.identity):
            Listing.objects.filter(organisation_id=book.key.organisation_id, pk=listing_id).update(**changed)


@settings(max_examples=examples(25))
@given(steps=STEPS)
def test_sums_are_those_of_the_entries(steps: Sequence[tuple[str, int, int, int]]) -> None:
    book = Book(*SESSIONS, organisation_id=shared_organisation())
    for what, order, session, minute in steps:
        happen(book, what, order, session, minute)
        assert unequal(book) == [], what
    with acting_as(book.identity):
        rollups.write_again(*book.key)
    assert unequal(book) == []


@pytest.fixture
def book(database: str) -> Book:
    """Two orders, a refund, and a listing that is gone."""
    made = Book(*SESSIONS)
    for what, order, session, minute in (
        ("buy", 1, 0, 30), ("buy", 2, 0, 3_000), ("refund", 2, 0, 4_000), ("buy", 3, 1, 60), ("goes", 0, 1, 0),
    ):  # fmt: skip
        happen(made, what, order, session, minute)
    assert unequal(made) == []
    return made


def test_what_is_gone_stands_by_day_and_is_left_out_of_the_accounts_sums(book: Book) -> None:
    with acting_as(book.identity):
        mine = {"organisation_id": book.key.organisation_id}
        by_listing = DailyTotal.objects.filter(**mine, listing_id=book.listing_of("e1", "b"))
        assert sum(by_listing.values_list("sold", flat=True)) == 2
        assert sum(AccountDailyTotal.objects.filter(**mine).values_list("sold", flat=True)) == 2
        by_hour = AccountDailyTotal.objects.filter(**mine).values_list(*HOURS)
        assert sum(placed or 0 for day in by_hour for placed in day) == 2
        assert sum(VenueDailyTotal.objects.filter(**mine).values_list("sold", flat=True)) == 2


def test_what_a_show_sold_goes_with_it_to_another_room(book: Book) -> None:
    with acting_as(book.identity):
        rooms = VenueDailyTotal.objects.filter(organisation_id=book.key.organisation_id, sold__gt=0)
        before = set(rooms.values_list("venue__name", "day", "currency", "sold", "gross", *HOURS))
        change_room(book, "a", "The Cellar")
        after = set(rooms.values_list("venue__name", "day", "currency", "sold", "gross", *HOURS))
    assert before
    assert after == {("The Cellar", *row[1:]) for row in before}
    assert unequal(book) == []
    with acting_as(book.identity):
        change_room(book, "b", "The Loft")
        listing = Listing.objects.filter(
            organisation_id=book.key.organisation_id, pk=book.listing_of("e1", "a")
        )
        listing.update(show_id=show_of(book, "b"))
        joined = set(rooms.values_list("venue__name", "day", "currency", "sold", "gross", *HOURS))
    assert joined == {("The Loft", *row[1:]) for row in before}
    assert unequal(book) == []


#: A minute of a day on which nothing was sold yet: no row of sums stands in the way.
OTHER_DAY = 15_000


def buy_without_waiting(book: Book) -> None:
    with acting_as(book.identity):
        bulk.run("SELECT set_config('lock_timeout', '50ms', true)", [])
        happen(book, "buy", 5, 0, OTHER_DAY)


def test_who_adds_entries_waits_for_who_moves_their_show(book: Book, database_owner_url: str) -> None:
    """Else what is added meanwhile would stay in the room that the show has left."""
    who = "SELECT set_config('app.role', 'system', false), set_config('app.organisation_id', %s, false)"
    with psycopg.connect(database_owner_url) as mover:
        mover.execute(who, [str(book.key.organisation_id)])
        mover.execute(
            "WITH made AS (INSERT INTO box_office_venue (id, organisation_id, name, city, country, timezone)"
            " VALUES (gen_random_uuid(), %(o)s, 'The Cellar', '', 'AU', 'Australia/Hobart') RETURNING id)"
            " UPDATE box_office_show SET venue_id = made.id FROM made WHERE organisation_id = %(o)s",
            {"o": book.key.organisation_id},
        )
        with pytest.raises(OperationalError, match="lock timeout"):
            buy_without_waiting(book)
    happen(book, "buy", 5, 0, OTHER_DAY)
    assert unequal(book) == []
    with acting_as(book.identity):
        rooms = VenueDailyTotal.objects.filter(organisation_id=book.key.organisation_id, sold__gt=0)
        assert set(rooms.values_list("venue__name", flat=True)) == {"The Cellar"}


TAMPERINGS = {
    "day": lambda mine: DailyTotal.objects.filter(**mine, sold__gt=0).update(gross=1),
    "day-lost": lambda mine: DailyTotal.objects.filter(**mine).delete(),
    "show": lambda mine: ShowTotal.objects.filter(**mine, sold__gt=0).update(comps=4),
    "show-seats": lambda mine: ShowTotal.objects.filter(**mine).update(told_capacity=7),
    "account's day": lambda mine: AccountDailyTotal.objects.filter(**mine).update(tax=7),
    "venue's day": lambda mine: VenueDailyTotal.objects.filter(**mine, sold__gt=0).update(refunds=3),
    "venue's day-hour": lambda mine: VenueDailyTotal.objects.filter(**mine).update(placed_03=900),
    "day-hour": lambda mine: DailyTotal.objects.filter(**mine, placed_19=1).update(placed_20=1),
    "account's day-hour": lambda mine: AccountDailyTotal.objects.filter(**mine).update(placed_03=900),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_wrong_sum_is_named_and_put_right(book: Book, what: str) -> None:
    with acting_as(book.identity):
        TAMPERINGS[what]({"organisation_id": book.key.organisation_id})
        found = list(rebuild.compare(book.key, cast("TicketSource", Restoring())))
        assert {each.kind for each in found} == {what.partition("-")[0]}
        assert all(each.ledger != each.rebuilt and each.field == "sum of entries" for each in found)
        assert list(rebuild.repair(book.key, cast("TicketSource", Restoring()), NOW)) == found
    assert book.differences() == []


def test_an_upgrade_counts_what_is_in_the_ledger_already(book: Book, database_owner_url: str) -> None:
    with acting_as(book.identity):
        DailyTotal.objects.filter(organisation_id=book.key.organisation_id).delete()
        AccountDailyTotal.objects.filter(organisation_id=book.key.organisation_id).update(placed_19=None)
    assert {each.kind for each in unequal(book)} == {"day", "account's day"}
    migration = importlib.import_module("housecount.box_office.migrations.0007_fill_hours")
    for _ in range(2):  # broken off and begun again
        with unscoped(), installed.as_owner(database_owner_url):
            migration.fill(apps, SimpleNamespace(connection=connection))
        assert unequal(book) == []


def test_an_upgrade_counts_by_venue_what_is_there_already(book: Book, database_owner_url: str) -> None:
    with acting_as(book.identity):
        VenueDailyTotal.objects.filter(organisation_id=book.key.organisation_id).update(sold=9, placed_03=5)
    assert {each.kind for each in unequal(book)} == {"venue's day"}
    migration = importlib.import_module("housecount.box_office.migrations.0011_fill_venue_days")
    for _ in range(2):  # broken off and begun again
        with unscoped(), installed.as_owner(database_owner_url):
            migration.fill(apps, SimpleNamespace(connection=connection))
        assert unequal(book) == []


def test_a_zone_nobody_knows_stops_no_sale(database: str) -> None:
    book = Book(*SESSIONS)
    happen(book, "moves", 0, 0, 3)
    happen(book, "buy", 1, 0, 90)
    with acting_as(book.identity):
        [day] = AccountDailyTotal.objects.filter(organisation_id=book.key.organisation_id)
    hours = {hour for hour, name in enumerate(HOURS) if getattr(day, name)}
    assert (day.day.isoformat(), hours) == ("2026-03-01", {8}), "counted by UTC"
