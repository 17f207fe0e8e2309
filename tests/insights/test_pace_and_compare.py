"""How a show does beside others: by the ledger's days, at the same number of days to go."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from msgspec import structs

from housecount.box_office import catalogue, ledger
from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Listing, Show
from housecount.insights import compare
from housecount.insights.pace import Pace, pace
from housecount.tenancy.identity import Identity, acting_as
from tests.factories import make_account, make_event, make_order, make_organisation, make_ticket

#: A Friday evening in Melbourne: 19:30.
SHOW = datetime(2026, 11, 27, 8, 30, tzinfo=UTC)
#: Noon in Melbourne, ten days before.
NOW = datetime(2026, 11, 17, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Theatre:
    """One account, and shows with sales so many days before each."""

    def __init__(self) -> None:
        self.organisation_id = make_organisation()
        self.identity = Identity.system(self.organisation_id)
        self.account = AccountKey(self.organisation_id, make_account(self.organisation_id))
        self.numbers = count(1)

    def show(
        self,
        starts_at: datetime,
        *sales: tuple[float, int],
        title: str = "Friday Laughs",
        venue: str = "Cellar",
    ) -> UUID:
        """A show that sold (days before its start, tickets); its id."""
        event = f"e{next(self.numbers)}"
        with acting_as(self.identity):
            catalogue.store_events(
                self.account, [make_event(event, title=title, venue=venue, starts_at=starts_at)], NOW
            )
            index = catalogue.listing_index(self.account, [event])
            orders = []
            for before, tickets in sales:
                at = starts_at - timedelta(days=before)
                name = f"{event}-{next(self.numbers)}"
                sold = [
                    structs.replace(
                        make_ticket(f"{name}-{n}", name, event_id=event), created_at=at, changed_at=at
                    )
                    for n in range(tickets)
                ]
                orders.append(
                    structs.replace(make_order(name, sold, event_id=event), placed_at=at, changed_at=at)
                )
            ledger.store_records(
                self.account,
                orders,
                (),
                listing_of=lambda e, s: index[e, s][0],
                buyer_hash=str.encode,
                read_at=NOW,
            )
            show: UUID = Listing.objects.get(organisation_id=self.organisation_id, event_id=event).show_id
        return show

    def pace(self, show: UUID, now: datetime = NOW) -> Pace:
        with acting_as(self.identity):
            return pace(self.organisation_id, [show], now)[show]

    def curve(self, show: UUID, now: datetime = NOW) -> compare.Curve:
        with acting_as(self.identity):
            return compare.curve(Show.objects.select_related("venue").get(pk=show), now)


@pytest.fixture
def theatre(database: str) -> Theatre:
    return Theatre()


def test_the_same_run_at_the_same_distance_half_a_day_counted_by_half(theatre: Theatre) -> None:
    # Sold 15 days before, at noon ten days before, and five days before.
    for week, early in ((2, 6), (3, 10), (4, 20)):
        theatre.show(SHOW - week * 7 * DAY, (15, early), (10.31, 4), (5, 9))
    theatre.show(SHOW - 5 * 7 * DAY, (15, 500), title="Something else")
    wanted = theatre.show(SHOW, (14, 9))
    found = theatre.pace(wanted)
    assert (found.expected_sold, found.ratio_percent, found.compared_with) == (12, 75, 3)
    assert (
        found.sentence == "25% behind: 3 earlier shows of this run had sold 12 with 10 days to go (median)."
    )
    assert theatre.pace(wanted, SHOW + DAY).expected_sold == 23, (
        "a show that is over is compared with the end"
    )
    with acting_as(theatre.identity), CaptureQueriesContext(connection) as queries:
        assert len(pace(theatre.organisation_id, [wanted] * 3, NOW)) == 1
    assert sum(" FROM " in query["sql"] for query in queries.captured_queries) == 3, "however many shows"
    with acting_as(Identity.system(make_organisation())):
        assert pace(theatre.organisation_id, [wanted], NOW) == {}


def test_else_the_same_weekday_else_the_venue_else_an_honest_word(theatre: Theatre) -> None:
    wanted = theatre.show(SHOW, (14, 5), title="New hour")
    assert theatre.pace(wanted) == Pace(
        0, None, 0, "No comparison: no earlier show at this venue, and it takes 3."
    )
    for week in (2, 3):
        theatre.show(SHOW - week * 7 * DAY, (20, 10), title=f"Friday {week}")
    assert theatre.pace(wanted).sentence == "No comparison: 2 earlier shows at this venue, and it takes 3."
    theatre.show(SHOW - 12 * DAY, (20, 40), title="Sunday")
    assert (
        theatre.pace(wanted).sentence
        == "50% behind: 3 earlier shows at this venue had sold 10 with 10 days to go (median)."
    )
    theatre.show(SHOW - 28 * DAY, (20, 4), title="Friday 3")
    assert theatre.pace(wanted).sentence.startswith(
        "50% behind: 3 earlier shows here on the same weekday had sold 10"
    )
    for week in (4, 5, 6):
        theatre.show(SHOW - week * 7 * DAY, title="Friday 4", venue="Elsewhere")
    assert theatre.pace(wanted).compared_with == 3, "another venue is not comparable"
    with acting_as(theatre.identity):
        Show.objects.filter(organisation_id=theatre.organisation_id, title="Friday 3").update(cancelled=True)
    assert "at this venue" in theatre.pace(wanted).sentence, "a cancelled show is not comparable"


def test_nothing_sold_then_and_ahead(theatre: Theatre) -> None:
    for week in (2, 3, 4):
        theatre.show(SHOW - week * 7 * DAY, (2, 8))
    wanted = theatre.show(SHOW, (12, 3))
    assert (
        theatre.pace(wanted).sentence
        == "3 sold; 3 earlier shows of this run had sold none with 10 days to go."
    )
    late = theatre.pace(wanted, SHOW - timedelta(hours=1))
    assert (late.expected_sold, late.ratio_percent) == (8, 38)
    assert late.sentence.endswith("had sold 8 with hours to go (median).")


def test_two_shows_by_days_to_go(theatre: Theatre) -> None:
    first = theatre.curve(theatre.show(SHOW - 7 * DAY, (20, 4), (3, 6), (0.1, 2)))
    second = theatre.curve(theatre.show(SHOW, (14, 5), (11, 3)))
    assert (first.today, second.today) == (3, 10)
    assert (first.sold_with(10), first.sold_with(3), first.sold_with(2)) == (4, 10, None)
    both = compare.align(theatre.curve(first.show.id, SHOW + DAY), theatre.curve(second.show.id, SHOW + DAY))
    assert [point.days_to_go for point in both] == list(range(20, -1, -1))
    told = {point.days_to_go: (point.first, point.second) for point in both}
    assert (told[20], told[14], told[12], told[3], told[0]) == ((4, 0), (4, 5), (4, 5), (10, 8), (12, 8))
    now = {point.days_to_go: (point.first, point.second) for point in compare.align(first, second)}
    assert (now[10], now[9], now[3], now[2]) == ((4, 8), (4, None), (10, None), (None, None))
    assert compare.ahead(first, second) == "The second is ahead by 4: 8 against 4 with 10 days to go."
    assert compare.align(first, compare.nothing_like(first))[0].second == 0
    empty = theatre.curve(theatre.show(SHOW + DAY))
    assert (empty.sold_by, compare.align(empty, empty)) == ({}, [])


def test_shows_to_choose_from(theatre: Theatre) -> None:
    wanted = theatre.show(SHOW)
    run = [theatre.show(SHOW - week * 7 * DAY) for week in (1, 2)]
    near = theatre.show(SHOW - DAY, title="Another night")
    far = theatre.show(SHOW, title="Far away", venue="Elsewhere")

    def offered(text: str = "", beside: UUID | None = None) -> list[str]:
        with acting_as(theatre.identity):
            show = Show.objects.get(pk=beside) if beside else None
            return [str(each.id) for each in compare.offered(theatre.organisation_id, text, show, NOW)]

    assert offered(beside=wanted) == [str(each) for each in (*run, near)]
    assert len(offered()) == 5
    assert offered("elsewhere FAR", wanted) != []
    assert offered("nobody knows") == []
    assert len(offered(beside=far)) == 4, "where nothing is like it, any"
