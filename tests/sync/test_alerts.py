"""Alerts: one for each cause, opened when it lasts, closed when it is over, in words a promoter can act on."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.testing import InMemoryConnector

from housecount.box_office.models import Account, AccountState, Listing, Show
from housecount.installation import environment
from housecount.intake.models import Hook
from housecount.platforms.base.errors import CircuitOpen, ConfigError, ContractChanged, Transient
from housecount.sync import alert_tasks, alerts, store
from housecount.sync.models import Agenda, Alert
from housecount.sync.troubles import Cause, Trouble
from housecount.tenancy.identity import acting_as
from tests.factories import make_account
from tests.web.stage import Stage


@pytest.fixture
def house(database: str) -> Stage:
    return Stage()


def look(house: Stage, minutes: float = 0) -> alerts.Changes:
    return alerts.look(house.house.organisation, house.now + timedelta(minutes=minutes))


def found(house: Stage, *, closed: bool = False) -> list[Alert]:
    with acting_as(house.house.system):
        rows = Alert.objects.filter(organisation_id=house.organisation_id, closed_at__isnull=not closed)
        return list(rows.order_by("cause", "subject"))


def causes(house: Stage) -> list[str]:
    return [alert.cause for alert in found(house)]


def read_again(house: Stage, *listings: Listing, minutes: float) -> None:
    """The listings, and their accounts, were read then."""
    for listing in listings:
        key = next(key for key in house.accounts.values() if key.account_id == listing.account_id)
        with acting_as(house.house.system):
            store.mark_fresh(
                key,
                [listing.event_id, store.WHOLE_ACCOUNT],
                house.now + timedelta(minutes=minutes),
                swept=False,
            )


def test_nothing_is_wrong(house: Stage) -> None:
    house.put_on(sold=3)
    house.put_on(platform="humanitix", sold=2)
    assert look(house) == (0, 0)
    assert found(house) == []


# --- account_stopped ----------------------------------------------------------------------------------
def test_a_stopped_account_is_one_alert_however_many_shows_it_has(house: Stage) -> None:
    key = house.accounts["eventbrite"]
    listings = [house.put_on(f"Night {number}", days=2 + number) for number in range(30)]
    refused = ConfigError("Eventbrite refuses the key.")
    with acting_as(house.house.system):
        store.mark_failing(
            key, [store.WHOLE_ACCOUNT, *(each.event_id for each in listings)], refused, house.now
        )
        store.stop_account(key, "Eventbrite refuses the key.")
    assert look(house) == (1, 0)
    assert look(house, 600) == (0, 0)
    [alert] = found(house)
    assert (alert.cause, alert.subject) == ("account_stopped", str(key.account_id))
    assert alert.text == "“eventbrite account” (Eventbrite) is not read any more. Eventbrite refuses the key."
    assert f"housecount account reconnect {key.account_id}" in alert.advice
    assert alert.opened_at == house.now


def test_an_account_that_is_read_again_closes_its_alert(house: Stage) -> None:
    key = house.accounts["humanitix"]
    with acting_as(house.house.system):
        store.stop_account(key, "Humanitix refuses the key.")
    look(house)
    with acting_as(house.house.system):
        store.resume_account(key)
    assert look(house, 5) == (0, 1)
    [over] = found(house, closed=True)
    assert over.closed_at == house.now + timedelta(minutes=5)
    with acting_as(house.house.system):
        store.stop_account(key, "Humanitix refuses the key.")
    assert look(house, 9) == (1, 0), "the next time is another alert"


def test_an_account_that_somebody_disconnected_is_no_trouble(house: Stage) -> None:
    listing = house.put_on()
    with acting_as(house.house.system):
        Account.objects.filter(organisation_id=house.organisation_id, pk=listing.account_id).update(
            state=AccountState.DISCONNECTED, state_reason="Disconnected by a person."
        )
    look(house, 600)
    assert found(house) == []


# --- listing_stale ------------------------------------------------------------------------------------
def test_figures_that_cannot_be_read_are_told_of_when_it_lasts(house: Stage) -> None:
    gala, late = house.put_on("Harbour Gala", days=5), house.put_on("Late Show", days=3)
    fine = house.put_on("Attic Improv", platform="humanitix")
    for listing in (gala, late):
        house.fail(listing, Transient("Eventbrite does not answer."))
    read_again(house, fine, minutes=29)
    assert look(house, 29) == (0, 0)
    read_again(house, fine, minutes=31)
    assert look(house, 31) == (1, 0)
    [alert] = found(house)
    assert (alert.cause, alert.subject) == ("listing_stale", str(gala.account_id))
    assert alert.text.startswith(
        "2 listings at “eventbrite account” (Eventbrite) are not up to date: Late Show, "
    )
    assert "; Harbour Gala, " in alert.text
    assert "Eventbrite does not answer. The oldest figures are from " in alert.text
    assert "Attic" not in alert.text
    assert f"housecount sync --account {gala.account_id}" in alert.advice

    read_again(house, late, fine, minutes=40)
    assert look(house, 40) == (0, 0)
    [same] = found(house)
    assert (same.pk, same.opened_at) == (alert.pk, alert.opened_at)
    assert same.text.startswith(
        "1 listing at “eventbrite account” (Eventbrite) is not up to date: Harbour Gala, "
    )
    read_again(house, gala, late, fine, minutes=41)
    assert look(house, 41) == (0, 1)


def test_a_whole_account_that_fails_is_one_alert(house: Stage) -> None:
    key = house.accounts["eventbrite"]
    for number in range(12):
        house.put_on(f"Night {number}", days=2 + number)
    with acting_as(house.house.system):
        store.mark_failing(key, [store.WHOLE_ACCOUNT], Transient("Eventbrite does not answer."), house.now)
    look(house, 31)
    [alert] = found(house)
    assert alert.text.startswith(
        "12 listings at “eventbrite account” (Eventbrite) are not up to date: Night 0, "
    )
    assert "and 9 more. Eventbrite does not answer." in alert.text


def test_figures_that_nobody_reads_are_told_of(house: Stage) -> None:
    listing = house.put_on("Friday Night Laughs")
    look(house, 10)
    assert causes(house) == []
    with acting_as(house.house.system):
        Agenda.objects.create(
            organisation_id=house.organisation_id,
            account_id=listing.account_id,
            event_id=listing.event_id,
            next_at=house.now,
            every=120,
        )
    look(house, 24 * 60)
    [alert] = found(house)
    assert alert.cause == "listing_stale"
    assert "nobody read them" in alert.text
    assert "housecount doctor" in alert.advice
    # The text does not grow older with every minute: it would be written anew each time.
    look(house, 24 * 60 + 7)
    assert [each.text for each in found(house)] == [alert.text]


def test_what_was_never_read_gets_time_to_be_read(house: Stage) -> None:
    house.put_on(fresh=False)
    look(house, 20)
    assert causes(house) == []
    look(house, 45)
    assert causes(house) == ["listing_stale"]
    assert "Some were never read." in found(house)[0].text


def test_only_shows_that_still_matter_are_watched(house: Stage) -> None:
    over = house.put_on("Long over", days=-3)
    cancelled, gone = house.put_on("Cancelled"), house.put_on("Gone")
    called_off = house.put_on("Called off")
    just_over = house.put_on("Yesterday", platform="humanitix", days=-1)
    with acting_as(house.house.system):
        here = Listing.objects.filter(organisation_id=house.organisation_id)
        here.filter(pk=cancelled.pk).update(cancelled=True)
        here.filter(pk=gone.pk).update(gone_at=house.now)
        Show.objects.filter(organisation_id=house.organisation_id, pk=called_off.show_id).update(
            cancelled=True
        )
    for listing in (over, cancelled, gone, called_off, just_over):
        house.fail(listing, Transient("It does not answer."))
    look(house, 60)
    [alert] = found(house)
    assert alert.text.startswith("1 listing at “humanitix account”")
    assert "Yesterday" in alert.text


# --- contract_changed ---------------------------------------------------------------------------------
def test_an_answer_that_is_not_understood_is_told_of_at_once_and_once(house: Stage) -> None:
    listings = [house.put_on(f"Night {number}", days=2 + number) for number in range(4)]
    for listing in listings:
        house.fail(listing, ContractChanged("An order has no costs."))
    assert look(house, 1) == (1, 0)
    [alert] = found(house)
    assert (alert.cause, alert.subject) == ("contract_changed", str(listings[0].account_id))
    assert alert.text.endswith("An order has no costs.")
    assert "Update Housecount" in alert.advice
    read_again(house, *listings, minutes=2)
    assert look(house, 2) == (0, 1)


def test_an_alert_does_not_flap_while_another_failure_stands_in_its_place(house: Stage) -> None:
    listing = house.put_on()
    house.fail(listing, ContractChanged("An order has no costs."))
    look(house, 1)
    house.fail(listing, CircuitOpen("Eventbrite is left alone for 30 seconds.", 30))
    assert look(house, 2) == (0, 0)
    house.fail(listing, ContractChanged("An order has no costs."))
    assert look(house, 3) == (0, 0)
    assert causes(house) == ["contract_changed"]


def test_a_mere_failure_is_no_changed_contract(house: Stage) -> None:
    house.fail(house.put_on(), CircuitOpen("Eventbrite is left alone for 30 seconds.", 30))
    look(house, 1)
    assert causes(house) == []


# --- dead_hooks ---------------------------------------------------------------------------------------
def hook(house: Stage, status: str, platform: str = "eventbrite") -> Hook:
    with acting_as(house.house.system):
        return Hook.objects.create(
            organisation_id=house.organisation_id,
            account_id=house.accounts[platform].account_id,
            platform=platform,
            body=b"{}",
            verdict="understood",
            status=status,
        )


def test_webhooks_that_died_are_told_of_per_account(house: Stage) -> None:
    dead = [hook(house, "dead") for _ in range(3)]
    for status in ("waiting", "done", "ignored"):
        hook(house, status, "humanitix")
    assert look(house) == (1, 0)
    [alert] = found(house)
    account = house.accounts["eventbrite"].account_id
    assert (alert.cause, alert.subject) == ("dead_hooks", str(account))
    assert alert.text.startswith("3 webhooks of “eventbrite account” (Eventbrite) could not be handled")
    assert f"housecount webhooks replay --account {account} --status dead" in alert.advice
    with acting_as(house.house.system):
        Hook.objects.filter(organisation_id=house.organisation_id, pk__in=[each.pk for each in dead]).update(
            status="waiting"
        )
    assert look(house, 1) == (0, 1)


# --- oversell -----------------------------------------------------------------------------------------
def shared_show(house: Stage, capacities: tuple[int | None, int | None], sold: tuple[int, int]) -> Show:
    """One show on both platforms."""
    one = house.put_on("Big Night", sold=sold[0], capacity=capacities[0])
    other = house.put_on("Big Night", platform="humanitix", sold=sold[1], capacity=capacities[1])
    assert one.show_id == other.show_id
    return house.show(one.show_id)


def seats(house: Stage, show: Show, number: int | None) -> None:
    with acting_as(house.house.system):
        Show.objects.filter(organisation_id=house.organisation_id, pk=show.pk).update(capacity=number)


def test_more_taken_than_the_house_holds(house: Stage) -> None:
    show = shared_show(house, (10, 4), (3, 4))
    assert look(house) == (0, 0)
    seats(house, show, 6)
    assert look(house) == (1, 0)
    [alert] = found(house)
    assert (alert.cause, alert.subject) == ("oversell", str(show.pk))
    assert alert.text.startswith("“Big Night” on ")
    assert (
        " has 7 admissions for 6 seats, 1 too many (eventbrite account 3, humanitix account 4)." in alert.text
    )
    assert "Stop selling" in alert.advice
    seats(house, show, 7)
    assert look(house) == (0, 1), "a full house is no trouble"


def test_platforms_that_were_each_told_the_whole_house(house: Stage) -> None:
    show = shared_show(house, (5, 5), (3, 4))
    look(house)
    [alert] = found(house)
    assert "may be oversold: it has 7 admissions for 5 seats" in alert.text
    assert "how many seats there are" in alert.advice
    seats(house, show, 10)
    assert look(house) == (0, 1)


def test_a_house_that_was_shared_out_is_not_suspected(house: Stage) -> None:
    shared_show(house, (5, 4), (3, 4))
    assert look(house) == (0, 0)


def test_more_than_all_platforms_may_sell_together(house: Stage) -> None:
    shared_show(house, (3, 2), (2, 4))
    look(house)
    assert "has 6 admissions for 5 seats" in found(house)[0].text


def test_a_show_without_a_known_capacity_and_one_that_is_over(house: Stage) -> None:
    shared_show(house, (None, 2), (3, 2))
    long_ago = house.put_on("Over", days=-2, sold=3, capacity=1)
    assert long_ago.capacity == 1
    look(house)
    assert causes(house) == []


# --- Together -----------------------------------------------------------------------------------------
def test_two_processes_that_look_at_once_open_one_alert(
    house: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting_as(house.house.system):
        store.stop_account(house.accounts["eventbrite"], "It refuses the key.")
    real = alerts.troubles
    counts: list[alerts.Changes] = []

    def beside() -> None:
        try:
            counts.append(look(house))
        finally:
            connections.close_all()

    def interrupted(*arguments: object) -> list[Trouble]:
        monkeypatch.setattr(alerts, "troubles", real)
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join(30)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(alerts, "troubles", interrupted)
    look(house)
    assert counts == [(1, 0)]
    assert causes(house) == ["account_stopped"]


def test_one_house_is_not_told_of_anothers_trouble(house: Stage) -> None:
    other = Stage()
    listing = other.put_on("Theirs")
    other.fail(listing, ContractChanged("An order has no costs."))
    hook(other, "dead")
    assert look(house, 60) == (0, 0)
    assert look(other, 1) == (2, 0)
    assert found(house) == []
    with acting_as(house.house.promoter.identity):
        assert not Alert.objects.filter(organisation_id=other.organisation_id).exists()
    with acting_as(house.house.act.identity):
        assert not Alert.objects.exists()


@pytest.fixture
def however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests leave houses in trouble behind."""
    monkeypatch.setattr(alerts, "MOST_AT_ONCE", 100_000)


@pytest.mark.usefixtures("however_many")
def test_where_there_is_a_sign_of_trouble_it_is_looked_at_every_minute(house: Stage) -> None:
    quiet = Stage()
    house.fail(house.put_on(), Transient("It does not answer."))
    for each in (house, quiet):
        seen = [
            each.house.organisation in alerts.to_look_at(house.now + timedelta(minutes=minute))
            for minute in range(alerts.ROUND)
        ]
        assert seen.count(True) == (alerts.ROUND if each is house else 1)


@pytest.mark.usefixtures("however_many")
@pytest.mark.parametrize("sign", ["hook", "agenda", "alert"])
def test_signs_of_trouble(house: Stage, sign: str) -> None:
    if sign == "hook":
        hook(house, "dead")
    else:
        with acting_as(house.house.system):
            if sign == "agenda":
                Agenda.objects.create(
                    organisation_id=house.organisation_id,
                    account_id=house.accounts["humanitix"].account_id,
                    event_id="",
                    next_at=house.now - timedelta(hours=1),
                    every=120,
                )
            else:
                Alert.objects.create(
                    organisation_id=house.organisation_id, cause="oversell", subject="x", opened_at=house.now
                )
    for minute in range(alerts.ROUND):
        assert house.house.organisation in alerts.to_look_at(house.now + timedelta(minutes=minute))


def test_a_number_of_queries_that_does_not_grow(house: Stage) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            look(house, 31)
        return len(captured.captured_queries)

    def more(title: str, days: float) -> None:
        make_account(house.organisation_id)
        house.put_on(f"Nobody reads {title}", days=days)
        house.fail(house.put_on(f"Nobody answers {title}", days=days), Transient("It does not answer."))
        hook(house, "dead")

    more("one", 3)
    queries()
    few = queries()
    for number in range(4):
        more(str(number), 4 + number)
    queries()  # writes what is new
    assert queries() == few <= 20


# --- The jobs -----------------------------------------------------------------------------------------
async def _call(task: Callable[..., Awaitable[None]], **arguments: object) -> None:
    await task(**arguments)


def test_the_job_opens_alerts_and_asks_for_what_is_to_be_sent(
    house: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting_as(house.house.system):
        store.mark_failing(
            house.accounts["eventbrite"],
            [store.WHOLE_ACCOUNT],
            ConfigError("It refuses the key."),
            timezone.now(),
        )
        store.stop_account(house.accounts["eventbrite"], "It refuses the key.")
    # Other tests leave houses with signs of trouble behind.
    monkeypatch.setattr("housecount.sync.alerts.MOST_AT_ONCE", 100_000)
    monkeypatch.setenv("HOUSECOUNT_EMAIL_URL", "smtp://127.0.0.1:1")
    environment.load.cache_clear()
    queue = InMemoryConnector()
    try:
        with app.replace_connector(queue):
            for _ in range(2):
                asyncio.run(_call(alert_tasks.watch_for_trouble, timestamp=0))
    finally:
        monkeypatch.undo()
        environment.load.cache_clear()
    assert causes(house) == ["account_stopped"]
    assert [job["task_name"].rpartition(".")[2] for job in queue.jobs.values()] == ["mail_alerts"]


def test_one_organisation_that_cannot_be_judged_hides_no_other(
    house: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = Stage()
    for each in (house, other):
        with acting_as(each.house.system):
            store.stop_account(each.accounts["eventbrite"], "It refuses the key.")
    real = alerts.troubles

    def troubles(organisation: object, *arguments: object) -> list[Trouble]:
        if organisation == house.house.organisation:
            raise KeyError("a mistake")
        return real(organisation, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(alerts, "troubles", troubles)
    monkeypatch.setattr(
        alerts, "to_look_at", lambda now: [house.house.organisation, other.house.organisation]
    )
    with app.replace_connector(InMemoryConnector()):
        asyncio.run(_call(alert_tasks.watch_for_trouble, timestamp=0))
    assert causes(house) == []
    assert causes(other) == ["account_stopped"]
    assert "could not be watched" in caplog.text


def test_the_jobs_are_known_to_the_worker() -> None:
    from housecount.sync import tasks

    assert tasks is not None
    periodic = {task.task.name for task in app.periodic_registry.periodic_tasks.values()}
    assert "housecount.sync.alert_tasks.watch_for_trouble" in periodic


def test_every_cause_has_a_headline() -> None:
    from housecount.sync import letters

    assert len({letters.headline(cause) for cause in Cause}) == len(Cause)
    assert letters.headline("something new") == "something needs a look"
