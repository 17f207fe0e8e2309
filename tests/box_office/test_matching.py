"""Which show a listing belongs to: what is sure is linked, what is doubtful waits, and nothing is ever lost."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from django.db import connections

from housecount.box_office import catalogue, ledger, matching
from housecount.box_office.errors import NotFound, NotPossible
from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Appearance, Listing, Show, Suggestion
from housecount.core.counting import Figures, total
from housecount.sync.queries import count_shows
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import AuditEntry, Membership
from tests.box_office.book import NOW
from tests.factories import SHOW_TIME, make_account, make_event, make_order, make_organisation, make_ticket
from tests.world import make_house


class House:
    """An organisation with two accounts that sell shows."""

    def __init__(self) -> None:
        self.organisation_id = make_organisation()
        self.identity = Identity.system(self.organisation_id)
        self.accounts = [
            AccountKey(self.organisation_id, make_account(self.organisation_id)) for _ in range(2)
        ]
        self.sold = 0

    def sell(self, account: int, event_id: str, **event: Any) -> Listing:
        """The event as an account shows it now."""
        with acting_as(self.identity):
            catalogue.store_events(self.accounts[account], [make_event(event_id, **event)], NOW)
        return self.listing(account, event_id)

    def buy(self, account: int, event_id: str, price: int) -> None:
        """One order of one ticket."""
        self.sold += 1
        order_id, key = f"o{self.sold}", self.accounts[account]
        ticket = make_ticket(f"t{self.sold}", order_id, event_id=event_id, gross=price)
        with acting_as(self.identity):
            listings = catalogue.listing_index(key, [event_id])
            ledger.store_records(
                key,
                [make_order(order_id, [ticket], event_id=event_id)],
                [],
                listing_of=lambda event, session: listings[event, session][0],
                buyer_hash=lambda key: b"",
                read_at=NOW,
            )

    def listing(self, account: int, event_id: str) -> Listing:
        with acting_as(self.identity):
            return Listing.objects.select_related("show__venue").get(
                account_id=self.accounts[account].account_id, event_id=event_id
            )

    def shows(self) -> list[list[str]]:
        """The shows that count, each as the events of its listings."""
        with acting_as(self.identity):
            return [
                sorted(each.listing.event_id for each in show.listings)
                for show in count_shows(self.organisation_id, NOW)
            ]

    def figures(self) -> Figures:
        """What the whole organisation sold, as its shows tell it."""
        with acting_as(self.identity):
            return total(show.figures for show in count_shows(self.organisation_id, NOW))

    def suggestions(self) -> list[Suggestion]:
        with acting_as(self.identity):
            return list(Suggestion.objects.select_related("show", "listing").order_by("-score"))

    def audited(self, table: str) -> int:
        with acting_as(Identity(Role.ADMIN, self.organisation_id)):
            return AuditEntry.objects.filter(table=f"box_office_{table}").count()


@pytest.fixture
def house(database: str) -> House:
    return House()


def test_the_same_evening_at_two_accounts_is_one_show_and_says_why(house: House) -> None:
    house.sell(0, "e1")
    listing = house.sell(1, "h1", title="FRIDAY NIGHT LAUGHS!")
    assert house.shows() == [["e1", "h1"]]
    assert listing.linked_by == "machine"
    assert sum(reason["points"] for reason in listing.reasons) >= 88
    assert all(reason["sentence"] for reason in listing.reasons)
    assert house.suggestions() == []


def test_what_is_doubtful_counts_for_itself_and_waits_with_reasons(house: House) -> None:
    first = house.sell(0, "e1")
    listing = house.sell(1, "h1", starts_at=SHOW_TIME + timedelta(hours=1))
    house.buy(1, "h1", 2500)
    assert house.shows() == [["e1"], ["h1"]]
    assert house.figures().gross == 2500
    [suggestion] = house.suggestions()
    assert (suggestion.listing_id, suggestion.show_id) == (listing.id, first.show_id)
    assert 55 <= suggestion.score < 88
    assert sum(reason["points"] for reason in suggestion.reasons) == suggestion.score


@pytest.mark.parametrize(
    "other",
    [
        {"title": "Poetry Slam Finals"},
        {"starts_at": SHOW_TIME + timedelta(days=1)},
        {"venue": "Larkspur Hall", "city": "Sydney"},
    ],
    ids=["title", "night", "place"],
)
def test_what_is_another_show_is_another_show(house: House, other: dict[str, Any]) -> None:
    house.sell(0, "e1")
    house.sell(1, "h1", **other)
    assert len(house.shows()) == 2
    assert house.suggestions() == []


def test_an_early_and_a_late_show_stay_apart_on_every_account(house: House) -> None:
    late = SHOW_TIME + timedelta(hours=2, minutes=30)
    for account in (0, 1):
        house.sell(account, f"early{account}")
        house.sell(account, f"late{account}", starts_at=late)
    assert house.shows() == [["early0", "early1"], ["late0", "late1"]]


def test_shows_in_different_currencies_are_never_one(house: House) -> None:
    first = house.sell(0, "e1")
    listing = house.sell(1, "h1", currency="NZD")
    assert len(house.shows()) == 2
    with acting_as(house.identity):
        with pytest.raises(NotPossible, match="NZD"):
            matching.link(listing, first.show)
        with pytest.raises(NotPossible):
            matching.merge(listing.show, first.show)
    assert len(house.shows()) == 2


@pytest.mark.parametrize(
    ("title", "other"),
    [
        ("😂 Comedy Night 🎤", "😂 Comedy Night 🎤"),
        ("ערב סטנדאפ", "ערב סטנדאפ"),
        ("ليلة الكوميديا", "ليلة الكوميديا"),
    ],
    ids=["emoji", "hebrew", "arabic"],
)
def test_titles_of_every_script_match_themselves(house: House, title: str, other: str) -> None:
    house.sell(0, "e1", title=title)
    listing = house.sell(1, "h1", title=other)
    assert house.shows() == [["e1", "h1"]]
    assert listing.title == other


def test_a_night_on_which_the_clocks_change_is_one_night(house: House) -> None:
    """Melbourne, 5 April 2026: 02:30 comes twice."""
    zone = ZoneInfo("Australia/Melbourne")
    first = datetime(2026, 4, 5, 2, 30, fold=0, tzinfo=zone).astimezone(UTC)
    second = datetime(2026, 4, 5, 2, 30, fold=1, tzinfo=zone).astimezone(UTC)
    assert second - first == timedelta(hours=1)
    house.sell(0, "e1", title="The Graveyard Shift", starts_at=first)
    house.sell(1, "h1", title="The Graveyard Shift", starts_at=first)
    house.sell(1, "h2", title="The Graveyard Shift", starts_at=second)
    assert house.shows() == [["e1", "h1"], ["h2"]]
    evening = datetime(2026, 10, 3, 23, 30, tzinfo=zone).astimezone(UTC)
    house.sell(0, "e3", title="Spring Forward", starts_at=evening)
    house.sell(1, "h3", title="Spring Forward", starts_at=evening + timedelta(minutes=10))
    assert house.shows()[-1] == ["e3", "h3"]


# --- What a person says -------------------------------------------------------------------------------


@pytest.fixture
def apart(house: House) -> tuple[House, Listing, Listing]:
    """Two listings with sales that a machine would not link."""
    house.sell(0, "e1")
    house.sell(1, "h1", title="Friday Laughs: Gala Edition", starts_at=SHOW_TIME + timedelta(hours=1))
    house.buy(0, "e1", 3000)
    house.buy(1, "h1", 2500)
    assert house.shows() == [["e1"], ["h1"]]
    return house, house.listing(0, "e1"), house.listing(1, "h1")


def test_linking_unlinking_and_merging_lose_nothing_and_are_on_record(
    apart: tuple[House, Listing, Listing],
) -> None:
    house, one, other = apart
    before, first_show = house.figures(), other.show_id
    with acting_as(house.identity):
        matching.link(other, one.show)
    assert house.shows() == [["e1", "h1"]]
    assert house.figures() == before._replace(orders=2, sold=2, gross=5500)
    assert house.listing(1, "h1").linked_by == "person"
    assert house.suggestions() == []
    with acting_as(house.identity):
        assert matching.find_show(house.organisation_id, first_show).id == one.show_id
        own = matching.unlink(house.listing(1, "h1"))
    assert house.shows() == [["e1"], ["h1"]]
    assert house.figures() == before
    with acting_as(house.identity):
        assert matching.unlink(house.listing(1, "h1")).id == own.id, "it is alone already"
        matching.merge(Show.objects.get(pk=one.show_id), own)
    assert house.shows() == [["e1", "h1"]]
    assert house.figures() == before
    with acting_as(house.identity):
        for old in (first_show, one.show_id, own.id):
            assert matching.find_show(house.organisation_id, old).id == own.id
    assert house.audited("listing") >= 5
    assert house.audited("show") >= 5


def test_a_listing_linked_to_a_show_that_was_merged_goes_where_that_went(
    apart: tuple[House, Listing, Listing],
) -> None:
    house, one, other = apart
    third = house.sell(0, "e2", title="Something Else", starts_at=SHOW_TIME + timedelta(days=3))
    house.buy(0, "e2", 1000)
    before = house.figures()
    with acting_as(house.identity):
        merged = Show.objects.get(pk=other.show_id)
        matching.merge(merged, one.show)
        stale = Show.objects.get(pk=merged.id)
        matching.link(third, stale)
        matching.merge(one.show, stale)  # into itself, by a roundabout way
    assert house.shows() == [["e1", "e2", "h1"]]
    assert house.figures() == before


def test_declining_a_suggestion_keeps_it_from_being_made_again(house: House) -> None:
    house.sell(0, "e1")
    house.sell(1, "h1", starts_at=SHOW_TIME + timedelta(hours=1))
    [suggestion] = house.suggestions()
    with acting_as(house.identity):
        matching.decline(suggestion)
    assert [each.declined for each in house.suggestions()] == [True]
    # The platform now gives the same start: a person has spoken, and it stays apart.
    house.sell(1, "h1")
    assert house.shows() in ([["e1"], ["h1"]], [["h1"], ["e1"]])


def test_what_is_not_there_or_not_ours_is_not_found(house: House) -> None:
    listing = House().sell(0, "e1")
    with acting_as(house.identity):
        for organisation_id in (house.organisation_id, listing.organisation_id):
            with pytest.raises(NotFound):
                matching.find_show(organisation_id, listing.show_id)
            with pytest.raises(NotFound):
                matching.find_listing(organisation_id, listing.id)


# --- What a platform changes later --------------------------------------------------------------------
MOVED = SHOW_TIME + timedelta(days=30)


def test_a_show_follows_its_only_listing(house: House) -> None:
    before = house.sell(0, "e1").show_id
    listing = house.sell(0, "e1", title="Friday Night Laughs: Finale", starts_at=MOVED, venue="Larkspur Hall")
    assert listing.show_id == before
    assert (listing.show.title, listing.show.starts_at) == ("Friday Night Laughs: Finale", MOVED)
    assert listing.show.venue.name == "Larkspur Hall"


def test_a_listing_that_moves_leaves_the_show_a_machine_put_it_in(house: House) -> None:
    house.sell(0, "e1")
    house.sell(1, "h1")
    house.buy(1, "h1", 2500)
    house.sell(1, "h1", starts_at=MOVED)
    assert house.shows() == [["e1"], ["h1"]]
    assert house.listing(0, "e1").show.starts_at == SHOW_TIME
    assert house.figures().gross == 2500


def test_a_show_that_is_postponed_on_both_platforms_is_one_show_again(house: House) -> None:
    house.sell(0, "e1")
    house.sell(1, "h1")
    house.buy(0, "e1", 3000)
    house.buy(1, "h1", 2500)
    before = house.figures()
    old = house.listing(0, "e1").show_id
    for account, event_id in enumerate(["e1", "h1"]):
        house.sell(account, event_id, starts_at=MOVED)
    assert house.shows() == [["e1", "h1"]]
    assert house.figures() == before
    with acting_as(house.identity):
        assert matching.find_show(house.organisation_id, old).id == house.listing(0, "e1").show_id


def test_what_a_person_linked_stays_whatever_the_platform_changes(
    apart: tuple[House, Listing, Listing],
) -> None:
    house, one, other = apart
    with acting_as(house.identity):
        matching.link(other, one.show)
    house.sell(1, "h1", title="Quite Another Name", starts_at=MOVED)
    assert house.shows() == [["e1", "h1"]]


def test_what_a_person_took_apart_stays_apart(house: House) -> None:
    house.sell(0, "e1")
    listing = house.sell(1, "h1")
    with acting_as(house.identity):
        matching.unlink(listing)
    house.sell(1, "h1", capacity=99)
    house.sell(1, "h1", title="Friday night laughs")
    assert len(house.shows()) == 2


# --- Two readers at the same time ---------------------------------------------------------------------


def test_two_accounts_read_at_the_same_time_make_one_show_of_one_evening(house: House) -> None:
    ready = threading.Barrier(2)
    failures: list[BaseException] = []

    def store(account: int, events: Sequence[int]) -> None:
        try:
            with acting_as(house.identity):
                ready.wait(timeout=30)
                for number in events:
                    event = make_event(f"{account}-{number}", starts_at=SHOW_TIME + timedelta(days=number))
                    catalogue.store_events(house.accounts[account], [event], NOW)
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=store, args=[account, range(6)]) for account in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert house.shows() == [[f"0-{number}", f"1-{number}"] for number in range(6)]


def test_the_dates_of_one_event_are_never_one_show(house: House) -> None:
    event = make_event("run", sessions=("a", "b"), starts_at=SHOW_TIME)
    same = tuple(msgspec.structs.replace(each, starts_at=SHOW_TIME) for each in event.listings)
    event = msgspec.structs.replace(event, listings=same)
    with acting_as(house.identity):
        catalogue.store_events(house.accounts[0], [event], NOW)
    assert house.shows() == [["run"], ["run"]]


def test_the_bill_goes_with_a_show_that_is_merged() -> None:
    office = make_house()
    organisation_id = office.organisation.pk
    with acting_as(office.system):
        for event, days in (("e1", 0), ("h1", 9)):
            key = AccountKey(organisation_id, make_account(organisation_id))
            starts_at = SHOW_TIME + timedelta(days=days)
            catalogue.store_events(key, [make_event(event, starts_at=starts_at)], NOW)
        one, other = Show.objects.filter(organisation_id=organisation_id).order_by("starts_at")
        act = Membership.objects.get(organisation_id=organisation_id, role=Role.ACT)
        Appearance.objects.create(organisation_id=organisation_id, show=other, membership=act)
        matching.merge(other, one)
    with acting_as(office.identity(Role.ACT)):
        assert [show.id for show in Show.objects.filter(organisation_id=organisation_id)] == [one.id]
