"""Sales told apart: every figure is that of the ledger's own lines, counted here one by one."""

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from housecount.box_office import catalogue, ledger
from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Listing, SalesEntry
from housecount.core.counting import NOTHING, Figures, Validity, total
from housecount.insights import freshness, queries
from housecount.insights.filters import Dimension, Filters, Per
from housecount.sync import store
from housecount.tenancy.identity import Identity, acting_as
from tests.factories import START, make_account, make_event, make_order, make_organisation, make_ticket

FIRST = datetime(2026, 3, 20, 8, 30, tzinfo=UTC)
#: event, platform, title, venue, city, zone, days after FIRST, currency
EVENTS = (
    (
        "e1",
        "eventbrite",
        "Friday Night Laughs",
        "The Velvet Room",
        "Melbourne",
        "Australia/Melbourne",
        0,
        "AUD",
    ),
    (
        "e2",
        "humanitix",
        "Friday Night Laughs",
        "The Velvet Room",
        "Melbourne",
        "Australia/Melbourne",
        0,
        "AUD",
    ),
    (
        "e3",
        "humanitix",
        "friday night laughs ",
        "The Velvet Room",
        "Melbourne",
        "Australia/Melbourne",
        7,
        "AUD",
    ),
    ("e4", "eventbrite", "Late Gala", "Harbour Hall", "Perth", "Australia/Perth", 8, "AUD"),
    ("e5", "humanitix", "Kia Ora Hui", "The Loft", "Auckland", "Pacific/Auckland", 9, "NZD"),
    ("e6", "humanitix", "Withdrawn", "The Loft", "Perth", "Australia/Perth", 3, "AUD"),
)
SPAN = Filters(since=date(2026, 2, 1), until=date(2026, 5, 1), currency="AUD")


class Season:
    """Two platforms, four rooms, two currencies, an event that is gone, refunds, comps; sold over three weeks."""

    def __init__(self) -> None:
        self.organisation_id = make_organisation()
        self.identity = Identity.system(self.organisation_id)
        self.accounts = {
            platform: AccountKey(self.organisation_id, make_account(self.organisation_id, platform))
            for platform in ("eventbrite", "humanitix")
        }
        with acting_as(self.identity):
            for event in EVENTS:
                self._sell(*event)
            catalogue.mark_events_gone(self.accounts["humanitix"], ["e6"], START)
            self.listings = {
                listing.id: listing
                for listing in Listing.objects.filter(organisation_id=self.organisation_id).select_related(
                    "show__venue", "account"
                )
            }
            self.lines = list(SalesEntry.objects.filter(organisation_id=self.organisation_id))

    def _sell(
        self,
        event: str,
        platform: str,
        title: str,
        venue: str,
        city: str,
        zone: str,
        days: int,
        currency: str,
    ) -> None:
        account = self.accounts[platform]
        starts_at = FIRST + timedelta(days=days)
        record = make_event(
            event, title=title, venue=venue, city=city, timezone=zone, starts_at=starts_at, currency=currency,
            capacity=None if event == "e4" else 40,
        )  # fmt: skip
        catalogue.store_events(account, [record], START)
        store.mark_fresh(account, [event, store.WHOLE_ACCOUNT], START, swept=True)
        index = catalogue.listing_index(account, [event])
        orders = []
        for n in range(9):
            order_id = f"{event}-{n}"
            at = START + timedelta(minutes=n * n * 311)
            validity = Validity.REFUNDED if n == 4 else Validity.VALID
            tickets = [
                structs.replace(
                    make_ticket(
                        f"{order_id}-{t}", order_id, event_id=event, gross=0 if n == 7 else 2500 + 100 * n,
                        absorbed_fees=90, tax=12, validity=validity, changed=n * n * 311 + 700,
                    ),
                    created_at=at,
                    currency=currency,
                )
                for t in range(1 + n % 3)
            ]  # fmt: skip
            order = make_order(
                order_id, tickets, event_id=event, currency=currency, changed=n * n * 311 + 700
            )
            orders.append(structs.replace(order, placed_at=at))
        ledger.store_records(
            account, orders, (), listing_of=lambda e, s: index[e, s][0], buyer_hash=str.encode, read_at=START
        )

    def entries(self, currency: str = "AUD") -> Iterable[tuple[SalesEntry, Listing]]:
        for line in self.lines:
            listing = self.listings[line.listing_id]
            if line.currency == currency and listing.gone_at is None:
                yield line, listing


@functools.cache
def season() -> Season:
    return Season()


@pytest.fixture(name="season")
def _season(database: str) -> Season:
    return season()


def figures(line: SalesEntry) -> Figures:
    return Figures(*(getattr(line, name) for name in Figures._fields))


def counted(found: Iterable[tuple[str, Figures]]) -> dict[str, Figures]:
    sums: dict[str, Figures] = defaultdict(Figures)
    for key, each in found:
        sums[key] = sums[key].plus(each)
    return {key: each for key, each in sums.items() if each != NOTHING}


def day_of(line: SalesEntry, listing: Listing) -> date:
    return line.happened_at.astimezone(ZoneInfo(listing.timezone)).date()


def asked(season: Season, dimension: Dimension, filters: Filters = SPAN) -> list[queries.Slice]:
    with acting_as(season.identity):
        return queries.sales_by(season.organisation_id, dimension, filters)


def by_key(slices: Iterable[queries.Slice]) -> dict[str, Figures]:
    return {each.key: each.figures for each in slices if each.figures != NOTHING}


NARROWED = ("everything", "platform", "room", "run", "days", "other currency")


def narrowed(season: Season, how: str) -> tuple[Filters, list[tuple[SalesEntry, Listing]]]:
    """Filters, and the lines that they let through."""
    velvet = next(each for each in season.listings.values() if each.event_id == "e1").show
    if how == "other currency":
        return structs.replace(SPAN, currency="NZD"), list(season.entries("NZD"))
    pairs = list(season.entries())
    if how == "platform":
        return structs.replace(SPAN, platform="humanitix"), [
            pair for pair in pairs if pair[1].account.platform == "humanitix"
        ]
    if how == "room":
        mine = [pair for pair in pairs if pair[1].show.venue_id == velvet.venue_id]
        return structs.replace(SPAN, venue_id=velvet.venue_id), mine
    if how == "run":
        mine = [pair for pair in pairs if pair[1].show.title.strip().lower() == "friday night laughs"]
        return structs.replace(SPAN, run="friday night laughs"), mine
    if how == "days":
        since, until = date(2026, 3, 2), date(2026, 3, 6)
        mine = [pair for pair in pairs if since <= day_of(*pair) <= until]
        return structs.replace(SPAN, since=since, until=until), mine
    return SPAN, pairs


@pytest.mark.parametrize("how", NARROWED)
def test_days_platforms_and_hours_are_those_of_the_ledger(season: Season, how: str) -> None:
    filters, pairs = narrowed(season, how)
    assert pairs
    days = by_key(asked(season, Dimension.DAY, filters))
    assert days == counted((day_of(*pair).isoformat(), figures(pair[0])) for pair in pairs)
    assert list(days) == sorted(days)
    platforms = asked(season, Dimension.PLATFORM, filters)
    assert by_key(platforms) == counted((pair[1].account.platform, figures(pair[0])) for pair in pairs)
    assert [each.figures.gross for each in platforms] == sorted(
        (each.figures.gross for each in platforms), reverse=True
    )
    with acting_as(season.identity):
        hours = queries.hours(season.organisation_id, filters)
        months = queries.sales_over_time(season.organisation_id, filters, Per.MONTH)
    clock: Counter[tuple[int, int]] = Counter()
    for line, listing in pairs:
        local = line.happened_at.astimezone(ZoneInfo(listing.timezone))
        clock[local.weekday(), local.hour] += line.orders
    grid = {(day, hour): n for day, row in enumerate(hours.orders) for hour, n in enumerate(row) if n}
    assert grid == {key: n for key, n in clock.items() if n}
    assert total(step.figures for step in months) == total(figures(line) for line, _ in pairs)
    assert {step.day.day for step in months} == {1}


def test_rooms_weekdays_and_runs_have_all_that_their_shows_sold(season: Season) -> None:
    pairs = list(season.entries())
    rooms = asked(season, Dimension.ROOM)
    assert by_key(rooms) == counted((str(listing.show.venue_id), figures(line)) for line, listing in pairs)
    velvet, gala = rooms
    assert (velvet.label, velvet.shows, velvet.seats) == ("The Velvet Room, Melbourne", 2, 80)
    assert velvet.taken == velvet.figures.sold + velvet.figures.comps > 0
    assert velvet.sell_through == queries.thousandths(velvet.taken, 80)
    assert (gala.label, gala.shows, gala.seats, gala.sell_through) == ("Harbour Hall, Perth", 1, 0, None)
    weekdays = asked(season, Dimension.WEEKDAY)
    assert [(each.key, each.label, each.shows) for each in weekdays] == [
        ("5", "Friday", 2),
        ("6", "Saturday", 1),
    ]
    runs = asked(season, Dimension.RUN)
    assert [each.shows for each in runs] == [2, 1], "a run has the same title at the same venue, in any case"
    assert (
        queries.all_of(runs).figures
        == queries.all_of(rooms).figures
        == total(figures(line) for line, _ in pairs)
    )
    assert queries.all_of(rooms).shows == 3

    years = structs.replace(SPAN, since=date(2024, 1, 1), until=date(2028, 1, 1))
    for dimension, slices in ((Dimension.ROOM, rooms), (Dimension.WEEKDAY, weekdays), (Dimension.RUN, runs)):
        assert asked(season, dimension, years) == slices, "a long span is counted in another way"
        for platform in ("eventbrite", "humanitix"):
            narrow, wide = (
                asked(season, dimension, structs.replace(span, platform=platform)) for span in (SPAN, years)
            )
            mine = total(figures(line) for line, listing in pairs if listing.account.platform == platform)
            assert queries.all_of(narrow).figures == queries.all_of(wide).figures == mine
            assert narrow == wide

    one_evening = structs.replace(SPAN, since=date(2026, 3, 20), until=date(2026, 3, 20))
    [alone] = asked(season, Dimension.ROOM, one_evening)
    evening = [figures(line) for line, listing in pairs if listing.event_id in {"e1", "e2"}]
    assert (alone.shows, alone.figures) == (1, total(evening))
    [there] = asked(season, Dimension.ROOM, structs.replace(one_evening, platform="eventbrite"))
    assert there.figures == total(figures(line) for line, listing in pairs if listing.event_id == "e1")
    assert asked(season, Dimension.ROOM, structs.replace(SPAN, platform="nowhere")) == []


def test_shares_and_currencies(season: Season) -> None:
    with acting_as(season.identity):
        assert queries.currencies(season.organisation_id) == ["AUD", "NZD"]
        assert queries.first_day(season.organisation_id) == date(2026, 3, 1)
    sold = Figures(gross=1000, absorbed_fees=50, passed_on_fees=25, refunds=250)
    assert (queries.fees_share(sold), queries.refunds_rate(sold)) == (75, 200)
    assert (queries.fees_share(NOTHING), queries.refunds_rate(NOTHING)) == (None, None)


def test_another_organisation_sees_nothing_of_it(season: Season) -> None:
    other = make_organisation()
    with acting_as(Identity.system(other)):
        for organisation_id in (other, season.organisation_id):
            for dimension in Dimension:
                assert queries.sales_by(organisation_id, dimension, SPAN) == []
            assert queries.hours(organisation_id, SPAN).most == 0
            assert queries.currencies(organisation_id) == []


def test_as_of_says_which_account_may_be_behind(season: Season) -> None:
    def known(now: datetime) -> freshness.AsOf:
        with acting_as(season.identity):
            return freshness.as_of(season.organisation_id, now)

    assert known(START + timedelta(minutes=3)) == freshness.AsOf(START, ())
    late = known(START + timedelta(days=4))
    assert late.moment == START
    assert [each.platform for each in late.behind] == ["eventbrite", "humanitix"]
    assert all("last read 4 days ago" in each.reason for each in late.behind)
    with acting_as(Identity.system(other := make_organisation())):
        assert freshness.as_of(other, START) == freshness.AsOf(None, ())
