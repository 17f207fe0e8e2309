"""The pages of Sync: accounts with state and age, reads, gaps, what was set aside, and reading now."""

import asyncio
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from housecount.box_office.models import Account, AccountState, Show
from housecount.platforms.base.errors import Transient
from housecount.platforms.base.records import Rejected
from housecount.platforms.registry import SOURCES
from housecount.sync import alerts, store
from housecount.sync.lock import account_lock
from housecount.sync.models import Agenda, CircuitBreaker, CredentialBudget, Gap, ReadRun
from housecount.sync.queries import account_documents
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
    text = look(getattr(stage.house, role), "/sync/").text
    assert "eventbrite account Eventbrite" in text
    assert "Last reads 1 min ago : 2.5 s, 3 of 40 orders changed" in text
    assert "Full sweep just now" in text
    assert "Stale" not in text
    assert ("Read now" in text) == ("Read all now" in text) == (role != "bookkeeper")
    assert ("Give it a new key" in text) == ("Disconnect" in text) == (role == "admin")
    assert ("You are bookkeeper here" in text) == (role == "bookkeeper"), "it says why buttons are missing"


def test_an_act_has_no_business_here(stage: Stage) -> None:
    for path in ("/sync/", "/sync/runs/", "/sync/gaps/", "/sync/set-aside/", "/accounts/"):
        assert "eventbrite account" not in look(stage.house.act, path, 403).text
    assert stage.house.act.signed_in().post("/sync/read/").status_code == 403


def test_the_old_address_leads_here(stage: Stage) -> None:
    assert stage.house.admin.signed_in().get("/accounts/")["Location"] == "/sync/"


def test_reads_are_listed_and_searched(stage: Stage) -> None:
    for number in range(53):
        record_run(stage, minutes=10 + number)
    record_run(stage, "humanitix", minutes=5, error="Humanitix does not answer.")
    first = look(stage.house.bookkeeper, "/sync/runs/")
    assert first.text.count("Read 2.5 s 7 3 of 40 5 Complete") == 49
    assert first.text.index("Humanitix does not answer.") < first.text.index("5 Complete")
    [older] = [link for link in first.links if "before=" in link]
    second = look(stage.house.bookkeeper, older)
    assert second.text.count("Read 2.5 s 7 3 of 40 5 Complete") == 4
    assert "/sync/runs/" in second.links
    assert not [link for link in second.links if "before=" in link]
    humanitix = stage.accounts["humanitix"].account_id
    for query, number in (
        (f"account={humanitix}", 1),
        ("result=failed", 1),
        ("kind=sweep", 0),
        (f"account={humanitix}&result=complete", 0),
        (f"account={make_house().organisation.pk}&result=failed", 1),
        ("before=nonsense&result=failed", 1),
        ("before=99999999999999999.x&result=failed", 1),
        ("before=99.x&result=failed", 1),
    ):
        text = look(stage.house.admin, f"/sync/runs/?{query}").text
        assert text.count("Humanitix does not answer.") == number, query
        assert ("No read is like that" in text) == (number == 0), query
    assert "does not answer" not in look(make_house().admin, "/sync/runs/").text


def test_a_failed_read_says_what_happened_and_what_to_do(stage: Stage) -> None:
    stage.fail(stage.put_on(), Transient("Eventbrite does not answer."))
    record_run(stage, error="Eventbrite does not answer.")
    text = look(stage.house.admin, "/sync/").text
    assert "Stale: 1 of its events could not be read." in text
    assert "Eventbrite does not answer. First just now." in text
    assert "What to do: The last good figures stay, with their age." in text


def test_one_late_event_among_fresh_ones_makes_its_account_stale(stage: Stage) -> None:
    late, fresh, old = stage.put_on(), stage.put_on(), stage.put_on()
    key = stage.accounts["eventbrite"]

    def plan(event_id: str, next_at: timedelta, every: int) -> None:
        agenda = {"organisation_id": key.organisation_id, "account_id": key.account_id, "event_id": event_id}
        Agenda.objects.create(**agenda, next_at=stage.now + next_at, every=every, why="soon")

    with acting_as(stage.house.system):
        Agenda.objects.filter(organisation_id=stage.organisation_id).delete()
        store.mark_fresh(key, [late.event_id], stage.now - timedelta(hours=5), swept=False)
        store.mark_fresh(key, [old.event_id], stage.now - timedelta(hours=9), swept=False)
        plan("", timedelta(minutes=30), 3600)
        plan(fresh.event_id, timedelta(minutes=4), 300)
        plan(old.event_id, timedelta(hours=-3), 3 * 3600)  # within twice its interval: not late yet
        plan(late.event_id, timedelta(minutes=-16), 300)
        [document] = [
            each
            for each in account_documents(stage.organisation_id, stage.now)
            if each["platform"] == "eventbrite"
        ]
    assert document["stale_reason"] == "It was last read 5 hours ago. Is the worker running?"
    assert document["as_of"] == stage.now.isoformat(), "the newest of all events"
    assert document["next_read_at"] == (stage.now - timedelta(hours=3)).isoformat(), "the first that is due"
    with acting_as(stage.house.system):
        Agenda.objects.filter(organisation_id=stage.organisation_id, event_id=late.event_id).delete()
    assert "Is the worker running?" not in look(stage.house.admin, "/sync/").text


def test_a_stopped_account_asks_for_a_key(stage: Stage) -> None:
    key = stage.accounts["humanitix"]
    with acting_as(stage.house.system):
        store.stop_account(key, "Humanitix refuses the key.")
    page = look(stage.house.admin, "/sync/")
    assert "Stopped" in page.text
    assert "Stale: Humanitix refuses the key." in page.text
    assert "make a new key at the platform, and give it here." in page.text
    assert f"/settings/accounts/{key.account_id}/key/" in page.links
    page = look(stage.house.promoter, "/sync/")
    assert "let an admin of the organisation give it here." in page.text
    assert f"/settings/accounts/{key.account_id}/key/" not in page.links
    with acting_as(stage.house.system):
        Account.objects.filter(organisation_id=stage.organisation_id, pk=key.account_id).update(
            state=AccountState.DISCONNECTED
        )
    assert "Somebody disconnected it" in look(stage.house.admin, "/sync/").text


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
    text = look(stage.house.admin, "/sync/").text
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
    assert "1 set aside." in look(stage.house.bookkeeper, "/sync/").text
    text = look(stage.house.bookkeeper, "/sync/set-aside/").text
    assert "Order 123456 eventbrite account e9" in text
    assert "No It has no costs." in text
    assert "123456" not in look(make_house().admin, "/sync/set-aside/").text


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
    text = look(stage.house.bookkeeper, "/sync/").text
    assert "· next in 5 h" in text
    assert "Next read in 12 min (show day)" in text


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
    assert f"Next read in 8 min ({said})" in look(stage.house.admin, "/sync/").text


def test_how_much_of_the_limit_is_used(stage: Stage) -> None:
    secret = f"AKEY{stage.organisation_id.hex}"
    make_account(stage.organisation_id, "humanitix", secret=secret)
    credential = SOURCES["humanitix"].profile("https://api.humanitix.com/v1", secret).credential
    with acting_as(stage.house.system):
        CredentialBudget.objects.create(
            credential=credential, used=120, allowed=150, ends_at=stage.now + timedelta(minutes=1)
        )
    text = look(stage.house.promoter, "/sync/").text
    assert "Limit 120 of 150 calls this minute" in text
    assert "Limit 0 of 1,600 calls this hour" in text
    with acting_as(stage.house.system):
        CredentialBudget.objects.filter(credential=credential).update(
            ends_at=stage.now, held_until=stage.now + timedelta(minutes=3.5)
        )
    text = look(stage.house.promoter, "/sync/").text
    assert "Limit 0 of 150 calls this minute; the platform asked us to wait, in 3 min it goes on" in text


# --- Webhooks -----------------------------------------------------------------------------------------
# --- Gaps and alerts ----------------------------------------------------------------------------------
def test_no_gap_is_good_news(stage: Stage) -> None:
    assert "Gaps none" in look(stage.house.bookkeeper, "/sync/").text
    text = look(stage.house.bookkeeper, "/sync/gaps/").text
    assert "Every full sweep so far found what the reads between had counted already." in text


def test_gaps_are_listed_with_their_times(stage: Stage) -> None:
    key = stage.accounts["humanitix"]
    with acting_as(stage.house.system):
        for number in range(53):
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
    assert "Gaps 53 found and closed" in look(stage.house.bookkeeper, "/sync/").text
    page = look(stage.house.bookkeeper, "/sync/gaps/")
    assert "Order missed-3- humanitix account e7" in page.text
    assert "missed-49-" in page.text
    assert "missed-50-" not in page.text
    [older] = [link for link in page.links if "before=" in link]
    assert look(stage.house.bookkeeper, older).text.count("missed-") == 3
    eventbrite = stage.accounts["eventbrite"].account_id
    assert "missed-" not in look(stage.house.bookkeeper, f"/sync/gaps/?account={eventbrite}").text
    assert "missed-" not in look(make_house().admin, "/sync/gaps/").text


def test_open_alerts_stand_at_the_top(stage: Stage) -> None:
    key = stage.accounts["eventbrite"]
    show = stage.put_on("Big Night", platform="humanitix", sold=3).show
    with acting_as(stage.house.system):
        store.stop_account(key, "Eventbrite refuses the key.")
        Show.objects.filter(organisation_id=stage.organisation_id, pk=show.pk).update(capacity=2)
    alerts.look(stage.house.organisation, stage.now)
    for role in ("admin", "promoter", "bookkeeper"):
        page = look(getattr(stage.house, role), "/sync/")
        assert "2 things need a look" in page.text
        assert page.text.index("is not read any more") < page.text.index("eventbrite account Eventbrite")
        assert f"#account-{key.account_id}" in page.links
        assert f"/shows/{show.pk}/" in page.links
    assert "need a look" not in look(make_house().admin, "/sync/").text
    with acting_as(stage.house.system):
        store.resume_account(key)
    alerts.look(stage.house.organisation, stage.now)
    assert "1 thing needs a look" in look(stage.house.admin, "/sync/").text


def test_without_accounts(database: str) -> None:
    house = make_house()
    page = look(house.admin, "/sync/")
    assert "No account is connected" in page.text
    assert "/settings/accounts/connect/" in page.links
    page = look(house.bookkeeper, "/sync/")
    assert "An admin of" in page.text
    assert "/settings/accounts/connect/" not in page.links
    for path in ("runs", "gaps", "set-aside", "hooks"):
        assert look(house.admin, f"/sync/{path}/").text


def test_no_secret_is_on_the_page(stage: Stage) -> None:
    make_account(stage.organisation_id, "eventbrite", secret="AVERYSECRETTOKEN1234")
    response = stage.house.admin.signed_in().get("/sync/")
    assert b"AVERYSECRETTOKEN1234" not in response.content


def test_more_accounts_need_no_more_queries(stage: Stage) -> None:
    def queries() -> int:
        client = stage.house.admin.signed_in()
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/sync/").status_code == 200
        return sum(" FROM " in query["sql"] for query in captured.captured_queries)

    few = queries()
    for _ in range(6):
        make_account(stage.organisation_id)
    record_run(stage)
    assert queries() == few <= 25


# --- Reading now --------------------------------------------------------------------------------------
def beat(stage: Stage, *, seconds: float = 5) -> None:
    """A worker was heard of."""
    with acting_as(stage.house.system), connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (%s)",
            [stage.now - timedelta(seconds=seconds)],
        )


def test_a_read_is_asked_for_and_seen_to_happen(stage: Stage) -> None:
    beat(stage)
    key = stage.accounts["eventbrite"]
    stage.put_on()
    record_run(stage)
    page = look(stage.house.promoter, "/sync/")
    assert "Being read now" not in page.text
    client = stage.house.promoter.signed_in()
    answer = client.post(f"/sync/accounts/{key.account_id}/read/", follow=True)
    html = answer.content.decode()
    assert "“eventbrite account” is read now." in html
    assert html.count("A read was asked for: it begins within seconds") == 1
    assert 'hx-trigger="every 2s"' in html
    assert "no worker is there" not in html
    with acting_as(stage.house.system):
        planned = Agenda.objects.get(
            organisation_id=stage.organisation_id, account_id=key.account_id, event_id=""
        )
    assert (planned.why, planned.next_at <= timezone.now()) == ("asked", True)

    async def while_it_is_read() -> str:
        async with account_lock(key.account_id, 0.0):
            return await asyncio.to_thread(_seen_elsewhere, stage)

    text = asyncio.run(while_it_is_read())
    assert text.count("Being read now") == 1
    assert "A read was asked for" not in text
    beat(stage, seconds=90)
    assert "no worker is there to do it" in look(stage.house.bookkeeper, "/sync/").text


def _seen_elsewhere(stage: Stage) -> str:
    try:
        return look(stage.house.bookkeeper, "/sync/").text
    finally:
        connections.close_all()


def test_all_accounts_are_read_but_those_without_a_key(stage: Stage) -> None:
    with acting_as(stage.house.system):
        store.stop_account(stage.accounts["humanitix"], "Humanitix refuses the key.")
    client = stage.house.admin.signed_in()
    assert b"One account is read now." in client.post("/sync/read/", follow=True).content
    stopped = f"/sync/accounts/{stage.accounts['humanitix'].account_id}/read/"
    assert "needs a new one first" in client.post(stopped, follow=True).content.decode()
    with acting_as(stage.house.system):
        asked = Agenda.objects.filter(organisation_id=stage.organisation_id, why="asked")
        assert list(asked.values_list("account_id", flat=True)) == [stage.accounts["eventbrite"].account_id]
    assert stage.house.bookkeeper.signed_in().post("/sync/read/").status_code == 403
    assert make_house().admin.signed_in().post(stopped).status_code == 404
