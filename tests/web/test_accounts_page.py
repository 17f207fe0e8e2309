"""The page of accounts: state, age, last reads, what to do, what was set aside."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from housecount.box_office.models import Account, AccountState
from housecount.platforms.base.errors import Transient
from housecount.platforms.base.records import Rejected
from housecount.sync import store
from housecount.sync.models import CircuitBreaker, ReadRun
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
    assert "next try is in about 10 min" in text


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
    assert queries() == few <= 16
