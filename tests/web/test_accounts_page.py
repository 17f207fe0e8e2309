"""The page of accounts: state, age, last reads, what to do, what was set aside."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from housecount.box_office.models import Account, AccountState, Show
from housecount.intake.models import Hook
from housecount.platforms.base.errors import Transient
from housecount.platforms.base.records import Rejected
from housecount.platforms.registry import SOURCES
from housecount.sync import alerts, doors, store
from housecount.sync.models import Agenda, CircuitBreaker, CredentialBudget, Gap, HookDoor, ReadRun
from housecount.tenancy import crypto
from housecount.tenancy.identity import acting_as
from tests.factories import make_account
from tests.web.stage import Stage, look
from tests.world import make_house


def record_run(stage: Stage, platform: str = "eventbrite", *, minutes: int = 1, error: str = "") -> None:
    key = stage.accounts[platform]
    with acting_as(stage.house.system):
        store.record_run(
            ReadRun(
                organisation_id=key.organisation_id,
                account_id=key.account_id,
                full=False,
                started_at=stage.now - timedelta(minutes=minutes),
                finished_at=stage.now - timedelta(minutes=minutes) + timedelta(seconds=2.5),
                complete=not error,
                requests=7,
                orders_read=40,
                orders_changed=3,
                tickets_changed=5,
                error=error,
            )
        )


@pytest.mark.parametrize("role", ["admin", "promoter", "bookkeeper"])
def test_a_healthy_account(stage: Stage, role: str) -> None:
    stage.put_on()
    stage.put_on(platform="humanitix")
    record_run(stage)
    text = look(getattr(stage.house, role), "/accounts/").text
    assert "eventbrite account Eventbrite" in text
    assert "1 min ago Read 2.5 s 7 3 of 40 Complete" in text
    assert "last full sweep just now" in text
    assert "Stale" not in text


def test_an_act_has_no_business_here(stage: Stage) -> None:
    assert "eventbrite account" not in look(stage.house.act, "/accounts/", 403).text


def test_only_the_last_runs_of_each_account_are_shown(stage: Stage) -> None:
    for number in range(9):
        record_run(stage, minutes=10 + number)
        record_run(stage, "humanitix", minutes=30 + number)
    text = look(stage.house.admin, "/accounts/").text
    assert [f"{minutes} min ago Read" in text for minutes in (10, 14, 15, 30, 34, 35)] == [
        True,
        True,
        False,
    ] * 2


def test_a_failed_read_says_what_happened_and_what_to_do(stage: Stage) -> None:
    listing = stage.put_on()
    stage.fail(listing, Transient("Eventbrite does not answer."))
    record_run(stage, error="Eventbrite does not answer.")
    text = look(stage.house.admin, "/accounts/").text
    assert "Stale: 1 of its events could not be read." in text
    assert "Eventbrite does not answer. First just now." in text
    assert f"housecount sync --account {listing.account_id}" in text


def test_a_stopped_account_asks_for_a_key(stage: Stage) -> None:
    key = stage.accounts["humanitix"]
    with acting_as(stage.house.system):
        store.stop_account(key, "Humanitix refuses the key.")
    text = look(stage.house.admin, "/accounts/").text
    assert "Stopped" in text
    assert "Stale: Humanitix refuses the key." in text
    assert f"housecount account reconnect {key.account_id}" in text
    with acting_as(stage.house.system):
        Account.objects.filter(organisation_id=stage.organisation_id, pk=key.account_id).update(
            state=AccountState.DISCONNECTED
        )
    assert "Somebody disconnected it" in look(stage.house.admin, "/accounts/").text


def test_an_open_breaker_is_explained(stage: Stage) -> None:
    key = stage.accounts["humanitix"]
    with acting_as(stage.house.system):
        CircuitBreaker.objects.create(
            organisation_id=key.organisation_id,
            account_id=key.account_id,
            failures=6,
            opened_at=stage.now,
            retry_at=stage.now + timedelta(minutes=10),
        )
    text = look(stage.house.admin, "/accounts/").text
    assert "failed 6 times in a row" in text
    assert "Left alone since just now: the platform failed" in text
    assert "The next try is in 10 min." in text


def test_what_was_set_aside_is_listed_with_its_reason(stage: Stage) -> None:
    with acting_as(stage.house.system):
        store.set_aside(
            stage.accounts["eventbrite"],
            [Rejected(kind="order", external_id="123456", event_id="e9", reason="It has no costs.")],
            stage.now,
        )
    text = look(stage.house.bookkeeper, "/accounts/").text
    assert "1 record set aside." in text
    assert "Order 123456 eventbrite account e9 just now No It has no costs." in text


# --- When, how much -----------------------------------------------------------------------------------
def plan(stage: Stage, event_id: str, minutes: float, why: str, sweep_minutes: float | None = None) -> None:
    key = stage.accounts["eventbrite"]
    with acting_as(stage.house.system):
        Agenda.objects.create(
            organisation_id=key.organisation_id,
            account_id=key.account_id,
            event_id=event_id,
            next_at=stage.now + timedelta(minutes=minutes),
            every=600,
            why=why,
            sweep_at=None if sweep_minutes is None else stage.now + timedelta(minutes=sweep_minutes),
        )


def test_when_it_is_read_next_and_why(stage: Stage) -> None:
    stage.put_on()
    plan(stage, "", 12.5, "show day", sweep_minutes=300)
    text = look(stage.house.bookkeeper, "/accounts/").text
    assert "Next read in 12 min (show day) · full sweep in 5 h" in text


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("asked", "asked for"),
        ("circuit_open", "after a pause"),
        ("platform_unavailable", "after a failure"),
        ("rate_limited", "when its limit allows it"),
    ],
)
def test_a_read_that_was_put_off_says_why(stage: Stage, why: str, said: str) -> None:
    plan(stage, "", 8.5, why)
    assert f"Next read in 8 min ({said})" in look(stage.house.admin, "/accounts/").text


def test_how_much_of_the_limit_is_used(stage: Stage) -> None:
    secret = f"AKEY{stage.organisation_id.hex}"
    make_account(stage.organisation_id, "humanitix", secret=secret)
    credential = SOURCES["humanitix"].profile("https://api.humanitix.com/v1", secret).credential
    with acting_as(stage.house.system):
        CredentialBudget.objects.create(
            credential=credential, used=120, allowed=150, ends_at=stage.now + timedelta(minutes=1)
        )
    text = look(stage.house.promoter, "/accounts/").text
    assert "Limit 120 of 150 calls this minute" in text
    assert "Limit 0 of 1,600 calls this hour" in text
    with acting_as(stage.house.system):
        CredentialBudget.objects.filter(credential=credential).update(
            ends_at=stage.now, held_until=stage.now + timedelta(minutes=3.5)
        )
    text = look(stage.house.promoter, "/accounts/").text
    assert "Limit 0 of 150 calls this minute; the platform asked us to wait, in 3 min it goes on" in text


# --- Webhooks -----------------------------------------------------------------------------------------
def open_door(stage: Stage, platform: str, **facts: Any) -> str:
    """The account gets a webhook address; its secret."""
    key = stage.accounts[platform]
    token = f"secret-{key.account_id.hex}"
    with acting_as(stage.house.system):
        here = Account.objects.filter(organisation_id=key.organisation_id, pk=key.account_id)
        here.update(hook_token=crypto.encrypt(token))
        doors.open_door(here.get(), token)
        HookDoor.objects.filter(organisation_id=key.organisation_id, account_id=key.account_id).update(
            **facts
        )
    return token


def hook(stage: Stage, status: str, number: int = 1, *, hours: float = 1) -> None:
    key = stage.accounts["eventbrite"]
    with acting_as(stage.house.system):
        for _ in range(number):
            Hook.objects.create(
                organisation_id=key.organisation_id,
                account_id=key.account_id,
                platform="eventbrite",
                body=b"{}",
                verdict="understood",
                status=status,
                received_at=stage.now - timedelta(hours=hours),
            )


def test_a_registered_webhook_and_what_came_by_it(stage: Stage) -> None:
    token = open_door(stage, "eventbrite", webhook_ids=["77"])
    hook(stage, "done", 3)
    hook(stage, "ignored")
    hook(stage, "waiting", 2)
    hook(stage, "done", 5, hours=30)
    for person in (stage.house.admin, stage.house.promoter):
        text = look(person, "/accounts/").text
        assert "Registered at Eventbrite · 6 in the last 24 h: 3 handled, 2 waiting, 1 ignored" in text
        assert token not in text
    text = look(stage.house.bookkeeper, "/accounts/").text
    assert "Registered at Eventbrite" in text
    assert "in the last 24 h" not in text, "the log is not for bookkeepers"


def test_an_address_to_be_entered_by_hand_is_for_admins(stage: Stage) -> None:
    tokens = [open_door(stage, "eventbrite"), open_door(stage, "humanitix")]
    client = stage.house.admin.signed_in()
    page = client.get("/accounts/")
    text = page.content.decode()
    assert "Not registered at Eventbrite" in text
    assert "Humanitix has none; a relay can send them" in text
    for platform, token in zip(("eventbrite", "humanitix"), tokens, strict=True):
        assert f"/hooks/{platform}/{token}" in text
    assert "no-store" in page["Cache-Control"]
    for person in (stage.house.promoter, stage.house.bookkeeper):
        text = person.signed_in().get("/accounts/").content.decode()
        assert "Not registered at Eventbrite" in text
        assert not any(token in text for token in tokens)
    assert b"/hooks/" not in stage.house.act.signed_in().get("/accounts/").content
    assert b"/hooks/" not in make_house().admin.signed_in().get("/accounts/").content


def test_a_webhook_that_is_not_in_order(stage: Stage) -> None:
    open_door(stage, "eventbrite", webhook_ids=["77"], trouble="Eventbrite does not answer.")
    assert "Not in order: Eventbrite does not answer." in look(stage.house.promoter, "/accounts/").text


def test_webhooks_that_died_come_with_what_to_do(stage: Stage) -> None:
    open_door(stage, "eventbrite", webhook_ids=["77"])
    hook(stage, "dead", 2, hours=200)
    account = stage.accounts["eventbrite"].account_id
    text = look(stage.house.promoter, "/accounts/").text
    assert "2 webhooks could not be handled." in text
    assert f"housecount webhooks list --account {account} --status dead" in text
    assert f"housecount webhooks replay --account {account} --status dead" in text
    assert "could not be handled" not in look(stage.house.bookkeeper, "/accounts/").text


# --- Gaps and alerts ----------------------------------------------------------------------------------
def test_no_gap_is_good_news(stage: Stage) -> None:
    text = look(stage.house.bookkeeper, "/accounts/").text
    assert "Gaps none" in text
    assert "None: every full sweep so far found what the reads between had counted already." in text


def test_gaps_are_listed_with_their_times(stage: Stage) -> None:
    key = stage.accounts["humanitix"]
    with acting_as(stage.house.system):
        for number in range(23):
            Gap.objects.create(
                organisation_id=key.organisation_id,
                account_id=key.account_id,
                event_id="e7",
                kind="order",
                external_id=f"missed-{number}-",
                changed_at=stage.now - timedelta(hours=10),
                covered_until=stage.now - timedelta(hours=9),
                found_at=stage.now - timedelta(hours=number),
            )
    text = look(stage.house.bookkeeper, "/accounts/").text
    assert "Gaps 23 found and closed" in text
    assert "Order missed-3- humanitix account e7 10 h ago 3 h ago" in text
    assert "missed-19-" in text
    assert "missed-20-" not in text
    assert "missed-" not in look(make_house().admin, "/accounts/").text


def test_open_alerts_stand_at_the_top(stage: Stage) -> None:
    key = stage.accounts["eventbrite"]
    show = stage.put_on("Big Night", platform="humanitix", sold=3).show
    with acting_as(stage.house.system):
        store.stop_account(key, "Eventbrite refuses the key.")
        Show.objects.filter(organisation_id=stage.organisation_id, pk=show.pk).update(capacity=2)
    alerts.look(stage.house.organisation, stage.now)
    for role in ("admin", "promoter", "bookkeeper"):
        page = look(getattr(stage.house, role), "/accounts/")
        assert "2 things need a look" in page.text
        assert page.text.index("is not read any more") < page.text.index("eventbrite account Eventbrite")
        assert f"#account-{key.account_id}" in page.links
        assert f"/shows/{show.pk}/" in page.links
    assert "need a look" not in look(make_house().admin, "/accounts/").text
    with acting_as(stage.house.system):
        store.resume_account(key)
    alerts.look(stage.house.organisation, stage.now)
    assert "1 thing needs a look" in look(stage.house.admin, "/accounts/").text


def test_without_accounts(database: str) -> None:
    text = look(make_house().admin, "/accounts/").text
    assert "No account is connected" in text
    assert "Private token" in text


def test_no_secret_is_on_the_page(stage: Stage) -> None:
    make_account(stage.organisation_id, "eventbrite", secret="AVERYSECRETTOKEN1234")
    response = stage.house.admin.signed_in().get("/accounts/")
    assert b"AVERYSECRETTOKEN1234" not in response.content


def test_more_accounts_need_no_more_queries(stage: Stage) -> None:
    def queries() -> int:
        client = stage.house.admin.signed_in()
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/accounts/").status_code == 200
        return sum(" FROM " in query["sql"] for query in captured.captured_queries)

    few = queries()
    for _ in range(6):
        make_account(stage.organisation_id)
    record_run(stage)
    assert queries() == few <= 22
