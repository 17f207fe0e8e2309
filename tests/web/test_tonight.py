"""The list of shows as an evening needs it: tonight on top, how each sells, filters, order, and the list as a file."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest.mock import patch
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from housecount.box_office.models import Listing
from housecount.box_office.show_lists import RECENT_DAYS, recent_sales
from housecount.box_office.show_runs import run_of, runs
from housecount.core.money import format_money
from housecount.platforms.base.records import Order
from housecount.tenancy.identity import acting_as
from tests.web.stage import Stage, look

MELBOURNE = ZoneInfo("Australia/Melbourne")
#: Four in the afternoon of a Friday in Melbourne.
FRIDAY = datetime(2026, 11, 27, 16, 0, tzinfo=MELBOURNE)


@pytest.fixture
def friday(database: str) -> Stage:
    """A house on a Friday afternoon; its pages are asked with the clock standing there."""
    stage = Stage()
    stage.now = FRIDAY
    return stage


def sold_at(stage: Stage, listing: Listing, at: datetime, number: int = 1) -> None:
    """Orders of one ticket each that were placed at that moment."""
    orders = []
    for _ in range(number):
        order: Order = stage.order(listing)
        tickets = tuple(replace(each, created_at=at, changed_at=at) for each in order.tickets or ())
        orders.append(replace(order, placed_at=at, changed_at=at, tickets=tickets))
    stage.sell(listing, *orders)


@contextmanager
def on_friday() -> Iterator[None]:
    """Pages that are asked for in here take it for that Friday."""
    with patch("django.utils.timezone.now", return_value=FRIDAY):
        yield


def page(stage: Stage, query: str = "") -> str:
    with on_friday():
        return look(stage.house.promoter, f"/{query}").text


def test_tonight_stands_on_top_with_its_own_sums(friday: Stage) -> None:
    friday.put_on("Late Laughs", days=4.5 / 24, sold=3)
    friday.put_on("Still On", days=-3 / 24, sold=2, venue="Attic")
    friday.put_on("Tomorrow's", days=1, sold=5, venue="Cellar")
    friday.put_on("This Morning's", days=-7 / 24, sold=1, venue="Barn")
    text = page(friday)
    places = [
        text.index(word)
        for word in (
            "Tonight 2",
            "5 sold",
            "Still On",
            "Late Laughs",
            "Upcoming 1",
            "Tomorrow's",
            "Past 1",
            "Morning",
        )
    ]
    assert places == sorted(places)
    sums = [text.partition(name)[2].partition(" net ")[0] for name in ("Tonight 2", "Upcoming 1", "Past 1")]
    assert sums == [f" {sold} sold gross {format_money(3000 * sold, 'AUD')}" for sold in (5, 5, 1)]


def test_a_festival_is_no_pile_of_cards(friday: Stage) -> None:
    for number in range(13):
        friday.put_on(f"Slot {number}", days=(2 + number / 4) / 24, venue=f"Room {number}")
    text = page(friday)
    assert "Tonight 13" not in text
    assert "Upcoming 13" in text


def test_what_was_sold_lately_is_counted_by_windows_of_a_day(friday: Stage) -> None:
    listing = friday.put_on("Late Laughs", days=3)
    other = friday.put_on("Late Laughs", days=3, platform="humanitix")
    assert other.show_id == listing.show_id
    quiet = friday.put_on("Quiet", days=5, venue="Attic")
    sold_at(friday, listing, FRIDAY - timedelta(hours=23, minutes=59), 2)
    sold_at(friday, other, FRIDAY - timedelta(minutes=1), 3)
    sold_at(friday, listing, FRIDAY - timedelta(hours=24, minutes=1), 4)
    sold_at(friday, listing, FRIDAY - timedelta(days=13, hours=23), 1)
    sold_at(friday, listing, FRIDAY - timedelta(days=14, minutes=1), 9)
    shows = {each.pk: each.show_id for each in (listing, other, quiet)}
    with acting_as(friday.house.system):
        found = recent_sales(friday.organisation_id, shows, FRIDAY)
    assert found[listing.show_id].days == (1, *[0] * (RECENT_DAYS - 3), 4, 5)
    assert quiet.show_id not in found
    text = page(friday)
    assert "5 in 24 h" in text
    assert "0 in 24 h" in text


@pytest.fixture
def season(friday: Stage) -> Stage:
    """Four shows to choose from: two of a run, one elsewhere on another platform, one that was."""
    stage = friday
    stage.put_on("Laugh Lines", days=2, sold=2, capacity=4)
    stage.put_on("laugh lines ", days=9, sold=6, capacity=100)
    stage.put_on("Gala", days=5, sold=3, platform="humanitix", venue="The Attic", capacity=40)
    stage.put_on("Laugh Lines", days=5, sold=1, venue="Cellar", city="Sydney", capacity=None)
    latest = stage.put_on("Old Gala", days=-9, sold=4, venue="The Attic")
    sold_at(stage, latest, FRIDAY - timedelta(hours=1), 5)
    return stage


def venue(stage: Stage, title: str, place: int = 0) -> UUID:
    with acting_as(stage.house.system):
        found = Listing.objects.select_related("show").filter(
            organisation_id=stage.organisation_id, title__startswith=title
        )
        return found.order_by("starts_at")[place].show.venue_id


def test_filters_and_the_sums_that_follow_them(season: Stage) -> None:
    velvet = venue(season, "Laugh Lines")
    for query, upcoming, sold in (
        (f"?room={velvet}", 2, 8),
        ("?platform=humanitix", 1, 3),
        (f"?run={velvet}:laugh+lines", 2, 8),
        (f"?run={velvet}:laugh+lines&platform=eventbrite&q=velvet", 2, 8),
        ("?platform=eventbrite", 3, 9),
        ("?run=nonsense&room=%00", 4, 12),
    ):
        text = page(season, query)
        assert f"Upcoming {upcoming} {sold} sold gross {format_money(3000 * sold, 'AUD')}" in text, query
    for query in (
        f"?run={velvet}:gala",
        f"?run={velvet}:laugh+lines&room={venue(season, 'Gala')}",
        "?platform=x",
    ):
        assert "No show fits" in page(season, query), query
    assert "Figures are those of the whole show" in page(season, "?platform=humanitix")


def test_a_run_is_a_title_put_on_more_than_once_at_a_venue(season: Stage) -> None:
    velvet = venue(season, "Laugh Lines")
    with acting_as(season.house.system):
        [run] = runs(season.organisation_id, FRIDAY)
    assert (run.key, run.venue, run.shows) == (f"{velvet}:{run_of(' Laugh Lines')}", "The Velvet Room", 2)
    text = page(season, f"?run={run.key}")
    assert "The Velvet Room (2)" in text


def test_every_order(season: Stage) -> None:
    fresh = season.put_on("Fresh", days=20, venue="Hall", capacity=500)
    sold_at(season, fresh, FRIDAY - timedelta(hours=2), 2)
    for sort, expected in (
        ("", ["2 of 4", "3 of 40", "6 of 100", "2 of 500"]),
        ("sold", ["6 of", "3 of", "2 of 4", "2 of 500", "1 seats"]),
        ("share", ["2 of 4", "3 of 40", "6 of 100", "2 of 500", "1 seats"]),
        ("gross", ["6 of", "3 of", "2 of 4", "2 of 500", "1 seats"]),
        ("recent", ["2 of 500", "2 of 4"]),
    ):
        text = page(season, f"?sort={sort}").partition("Freshness")[2]
        places = [text.find(words) for words in expected]
        assert -1 not in places, sort
        assert places == sorted(places), (sort, text)


def test_the_list_under_its_filter_as_a_file(season: Stage) -> None:
    season.put_on("=2+5+cmd|' /C calc'!A0", days=30, venue="@Barn")
    with on_friday():
        client = season.house.bookkeeper.signed_in()
        answer = client.get("/shows/export.csv?period=30")
        rows = answer.content.decode("utf-8-sig").splitlines()
        book = client.get("/shows/export.xlsx?platform=humanitix")
        assert season.house.act.signed_in().get("/shows/export.csv").status_code == 403
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="shows-')
    assert len(rows) == 1 + 4
    assert any(",Gala,The Attic," in row and ",3,0,0,90.00," in row for row in rows)
    assert not any(",=" in row or ",@" in row or '"=' in row for row in rows)
    with zipfile.ZipFile(io.BytesIO(book.content)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "Gala" in sheet
    assert "Laugh Lines" not in sheet
    assert "<f>" not in sheet
