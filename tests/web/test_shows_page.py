"""The list of shows: right figures for the right people, in few queries."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from housecount.box_office.show_lists import ShowFilter, section_totals
from housecount.core.money import format_money
from housecount.platforms.base.errors import Transient
from housecount.tenancy.identity import acting_as
from tests.web.stage import Look, Stage, look
from tests.world import Person, make_house


def test_a_stranger_is_asked_to_sign_in(database: str) -> None:
    response = Client().get("/")
    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/")


@pytest.mark.parametrize("role", ["admin", "promoter", "bookkeeper"])
def test_the_office_sees_what_the_sales_document_says(stage: Stage, role: str) -> None:
    stage.put_on("Friday Night Laughs", sold=3)
    stage.put_on("Friday Night Laughs", platform="humanitix", sold=2)
    text = look(getattr(stage.house, role), "/").text
    [show] = stage.document()["shows"]
    assert show["totals"]["sold"] == 5
    assert len(show["listings"]) == 2
    assert f"{5} of {show['capacity']}" in text
    assert "Eventbrite 3" in text
    assert "Humanitix 2" in text
    assert f"Gross {format_money(show['totals']['gross'], 'AUD')}" in text
    assert f"Net {format_money(show['totals']['net'], 'AUD')}" in text
    assert "The Velvet Room" in text
    assert "Read just now" in text
    assert "Stale" not in text


def test_sums_follow_every_show_and_leave_out_what_is_gone(stage: Stage) -> None:
    stage.put_on("One", sold=3)
    stage.put_on("Two", days=20, sold=2, venue="Cellar Door")
    stage.put_on("Three", days=-20, sold=1, venue="Attic")
    gone = stage.put_on("Four", days=30, sold=9, venue="Barn")
    with acting_as(stage.house.system):
        stage.listing(gone.event_id)
        type(gone).objects.filter(pk=gone.pk, organisation_id=stage.organisation_id).update(gone_at=stage.now)
        totals = section_totals(stage.organisation_id, ShowFilter(), stage.now)
    shows = stage.document()["shows"]
    assert sum(total.gross for total in totals) == sum(show["totals"]["gross"] for show in shows) == 18_000
    assert sum(total.net for total in totals) == sum(show["totals"]["net"] for show in shows)
    assert [(total.upcoming, total.shows, total.sold) for total in totals] == [(True, 3, 5), (False, 1, 1)]
    text = look(stage.house.admin, "/").text
    assert "5 sold gross A$150.00 net A$150.00" in text
    assert "Gone at every platform" in text


def test_upcoming_come_soonest_first_and_past_ones_newest_first(stage: Stage) -> None:
    for title, days in (("Alpha", 40), ("Bravo", 5), ("Charlie", -5), ("Delta", -40)):
        stage.put_on(title, days=days, venue=f"Room {title}")
    text = look(stage.house.admin, "/").text.partition("Upcoming 2")[2]
    places = [text.index(word) for word in ("Bravo", "Alpha", "Past 2", "Charlie", "Delta")]
    assert places == sorted(places)


def test_currencies_are_never_added_up(stage: Stage) -> None:
    stage.put_on("Here", sold=1)
    abroad = stage.put_on(
        "There", days=12, currency="NZD", venue="Quay Hall", city="Auckland", timezone="Pacific/Auckland"
    )
    stage.sell(abroad, *(stage.order(abroad) for _ in range(2)))
    text = look(stage.house.admin, "/").text
    assert "1 sold gross A$30.00" in text
    assert "2 sold gross NZ$60.00" in text


def test_a_failed_read_keeps_the_figure_and_says_why(stage: Stage) -> None:
    listing = stage.put_on(sold=4)
    stage.fail(listing, Transient("Eventbrite answered with an error page. We try again."))
    text = look(stage.house.admin, "/").text
    assert "Stale. Eventbrite: Eventbrite answered with an error page. We try again." in text
    assert "4 of 180" in text
    assert "A$120.00" in text


def test_what_was_never_read_does_not_look_fresh(stage: Stage) -> None:
    stage.put_on(fresh=False)
    text = look(stage.house.admin, "/").text
    assert "It was not read yet." in text
    assert "Read just now" not in text


def test_more_sold_than_seats_is_said(stage: Stage) -> None:
    stage.put_on(sold=3, capacity=2)
    assert "Oversold by 1" in look(stage.house.admin, "/").text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=laughs", {"Friday Laughs"}),
        ("q=friday+VELVET", {"Friday Laughs"}),
        ("q=attic", {"Gala"}),
        ("q=friday+attic", set()),
        ("q=%25", set()),
        ("period=7", {"Friday Laughs"}),
        ("period=-30", {"Old Times"}),
        ("period=nonsense", {"Friday Laughs", "Gala", "Old Times"}),
        ("q=laughs&period=-30", set()),
    ],
)
def test_the_filter(stage: Stage, query: str, found: set[str]) -> None:
    stage.put_on("Friday Laughs", days=3)
    stage.put_on("Gala", days=60, venue="The Attic")
    stage.put_on("Old Times", days=-10, venue="Cellar Door")
    text = look(stage.house.admin, f"/?{query}").text
    assert {title for title in ("Friday Laughs", "Gala", "Old Times") if f"{title} " in text} == found
    assert ("No show fits" in text) == (not found)


def test_odd_addresses_are_answered(stage: Stage) -> None:
    stage.put_on()
    for query in (
        "page=0",
        "page=-1",
        "page=x",
        "page=99999999999999999999",
        "q=%00",
        "past=2",
        "period=%00",
    ):
        look(stage.house.admin, f"/?{query}")


def test_past_shows_come_in_pages_and_none_is_lost(stage: Stage) -> None:
    for number in range(23):
        stage.put_on(f"Night number {number}.", days=-10 - 3 * number, venue=f"Room {number}")
    first, *others = (look(stage.house.admin, f"/?past={page}") for page in (1, 2, 3))
    assert "Page 1 of 3" in first.text
    seen = [
        number for number in range(23) for page in (first, *others) if f"Night number {number}." in page.text
    ]
    assert sorted(seen) == list(range(23))
    assert seen.index(0) < seen.index(22)
    assert any("past=2" in link for link in first.links)


def test_without_accounts_the_page_says_how_to_connect_one(database: str) -> None:
    house = make_house()
    text = look(house.admin, "/").text
    assert "Connect your first account" in text
    assert f"housecount account connect PLATFORM --organisation {house.organisation.slug}" in text


def test_with_accounts_and_nothing_read_the_page_says_so(stage: Stage) -> None:
    assert "No shows yet" in look(stage.house.admin, "/").text


def test_another_house_sees_nothing_of_it(stage: Stage) -> None:
    stage.put_on("A very special night", sold=1)
    other = make_house()
    assert "A very special night" not in look(other.admin, "/").text


def test_names_are_words_and_never_markup(stage: Stage) -> None:
    stage.put_on("<script>alert(1)</script> & “Friends” 🎭 عرض", sold=1)
    page = look(stage.house.admin, "/")
    assert "<script>alert(1)</script> & “Friends” 🎭 عرض" in page.text


def test_an_act_sees_its_own_shows_and_no_money(stage: Stage) -> None:
    mine = stage.put_on("On the bill", sold=7)
    stage.put_on("Without me", days=20, sold=5, venue="Attic")
    stage.bill(mine.show_id, stage.house.act)
    page = look(stage.house.act, "/")
    assert "On the bill" in page.text
    assert "7 of 180" in page.text
    assert "Read just now" in page.text
    for hidden in ("Without me", "A$", "Gross", "To match", "Accounts"):
        assert hidden not in page.text


def test_an_act_is_told_that_a_figure_is_late_and_not_why(stage: Stage) -> None:
    mine = stage.put_on("On the bill", sold=7)
    stage.bill(mine.show_id, stage.house.act)
    stage.fail(mine, Transient("A private trouble."))
    text = look(stage.house.act, "/").text
    assert "May be out of date" in text
    assert "A private trouble" not in text


def _queries(person: Person, path: str) -> int:
    client = person.signed_in()
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return sum(" FROM " in query["sql"] for query in captured.captured_queries)


@pytest.mark.parametrize("role", ["admin", "act"])
def test_more_shows_need_no_more_queries(stage: Stage, role: str) -> None:
    person: Person = getattr(stage.house, role)

    def put_on(numbers: range) -> None:
        for number in numbers:
            listing = stage.put_on(f"Show {number}", days=5 + 3 * number, sold=1, venue=f"Room {number}")
            stage.bill(listing.show_id, stage.house.act)

    put_on(range(3))
    few = _queries(person, "/")
    put_on(range(3, 30))
    assert _queries(person, "/") == few
    assert few <= 26
    assert Look(person.signed_in().get("/").content.decode()).text.count("Show ") >= 30
