"""`housecount doctor`: one sentence per thing that has to be right, and a test alert on request."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.testing import CliRunner
from django.core import mail
from django.utils import timezone

from housecount.box_office.models import AccountState
from housecount.cli.main import cli
from housecount.installation import environment
from housecount.intake.models import Hook
from housecount.sync import alerts, checks, dispatch, store
from housecount.sync.models import Agenda, Alert, HookDoor
from housecount.tenancy.identity import acting_as
from housecount_sandbox.world import World
from tests.factories import make_account
from tests.promoters import Promoter, served
from tests.web.stage import Stage

Findings = dict[str, tuple[str, str]]


def asked(check: Any) -> Findings:
    return {name: (state, sentence) for name, state, sentence in check()}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    environment.load.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    environment.load.cache_clear()


def set_to(settings: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        settings.setenv(name, value)
    environment.load.cache_clear()


@pytest.fixture
def house(database: str) -> Stage:
    return Stage()


def door(house: Stage, platform: str = "eventbrite", **facts: Any) -> str:
    """A door for the house's account; the name under which doctor speaks of it."""
    key = house.accounts[platform]
    with acting_as(house.house.system):
        HookDoor.objects.create(
            organisation_id=key.organisation_id,
            account_id=key.account_id,
            platform=platform,
            token_hash=key.account_id.bytes,
            **facts,
        )
    return f"{house.house.organisation.slug}: {platform} account: webhook"


# --- Webhooks -----------------------------------------------------------------------------------------
def test_without_a_public_address_it_is_said_what_that_means(
    house: Stage, settings: pytest.MonkeyPatch
) -> None:
    state, sentence = asked(checks.webhooks)["webhooks"]
    assert state == "warn"
    assert "HOUSECOUNT_PUBLIC_URL is not set" in sentence
    assert "Nothing is missed" in sentence
    set_to(settings, HOUSECOUNT_PUBLIC_URL="http://localhost:8000")
    assert "only this machine reaches" in asked(checks.webhooks)["webhooks"][1]
    set_to(settings, HOUSECOUNT_PUBLIC_URL="https://tickets.example.org:8443")
    assert "8443" in asked(checks.webhooks)["webhooks"][1]
    set_to(settings, HOUSECOUNT_PUBLIC_URL="https://tickets.example.org")
    assert asked(checks.webhooks)["webhooks"] == ("ok", "platforms reach Housecount at tickets.example.org.")


def test_each_accounts_webhook(house: Stage, settings: pytest.MonkeyPatch) -> None:
    set_to(settings, HOUSECOUNT_PUBLIC_URL="https://tickets.example.org")
    registered, trouble, missing = Stage(), Stage(), Stage()
    names = [
        door(registered, webhook_ids=["123"]),
        door(trouble, trouble="Eventbrite does not answer."),
        door(missing),
        door(house, "humanitix"),
    ]
    found = asked(checks.webhooks)
    assert [found[name][0] for name in names] == ["ok", "warn", "warn", "ok"]
    assert "Eventbrite does not answer." in found[names[1]][1]
    assert "not registered at Eventbrite" in found[names[2]][1]
    assert "Humanitix has none" in found[names[3]][1]
    # An account that is not read has no webhook to speak of.
    with acting_as(missing.house.system):
        store.stop_account(missing.accounts["eventbrite"], "It refuses the key.")
    assert names[2] not in asked(checks.webhooks)
    assert AccountState.STOPPED == "stopped"


def test_webhooks_that_nobody_handles_and_webhooks_that_died(house: Stage) -> None:
    from housecount.intake.checks import webhook_log

    def hook(status: str, minutes: float) -> Hook:
        with acting_as(house.house.system):
            return Hook.objects.create(
                organisation_id=house.organisation_id, account_id=house.accounts["eventbrite"].account_id,
                platform="eventbrite", body=b"{}", verdict="understood", status=status,
                next_try_at=timezone.now() - timedelta(minutes=minutes) if status == "waiting" else None,
            )  # fmt: skip

    with acting_as(house.house.system):
        Hook.objects.filter(organisation_id=house.organisation_id).delete()
    before = asked(webhook_log)
    made = [hook("waiting", -5), hook("waiting", 500_000), hook("dead", 0)]
    found = asked(webhook_log)
    assert found["webhook log"][0] == "warn"
    assert "minutes ago. Start a worker" in found["webhook log"][1]
    assert "housecount webhooks replay --status dead" in found["dead webhooks"][1]
    with acting_as(house.house.system):
        Hook.objects.filter(organisation_id=house.organisation_id, pk__in=[each.pk for each in made]).delete()
    assert asked(webhook_log) == before


# --- The agenda ---------------------------------------------------------------------------------------
def test_late_reads(house: Stage) -> None:
    def plan(event_id: str, minutes: float, every: int) -> None:
        with acting_as(house.house.system):
            Agenda.objects.create(
                organisation_id=house.organisation_id, account_id=house.accounts["eventbrite"].account_id,
                event_id=event_id, next_at=timezone.now() - timedelta(minutes=minutes), every=every,
            )  # fmt: skip

    def late() -> int:
        state, sentence = asked(checks.agenda)["agenda"]
        return int(sentence.split()[0]) if state == "warn" else 0

    before = late()
    plan("due", 5, 120)
    plan("slow", 60, 21_600)
    assert late() == before
    plan("late", 500_000, 120)
    assert late() == before + 1
    assert "the oldest by 50" in asked(checks.agenda)["agenda"][1]
    with acting_as(house.house.system):
        Agenda.objects.filter(organisation_id=house.organisation_id).delete()


# --- Clocks -------------------------------------------------------------------------------------------
def test_the_platforms_clocks(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(World.blank(seed=5)) as sandbox:
        promoter = Promoter(sandbox)
        monkeypatch.setattr(checks, "all_organisations", lambda: [house_of(promoter)])
        found = asked(checks.platforms)
        assert found["clock of Eventbrite"] == ("ok", "it agrees with this machine's.")
        assert found["clock of Humanitix"][0] == "ok"
        assert sorted(state for name, (state, _) in found.items() if "clock" not in name) == ["ok"] * 3
        real = dispatch.utc_now
        monkeypatch.setattr(checks.dispatch, "utc_now", lambda: real() + timedelta(hours=1))
        state, sentence = asked(checks.platforms)["clock of Eventbrite"]
        assert state == "warn"
        assert "s ahead of it" in sentence
        assert "36" in sentence


def house_of(promoter: Promoter) -> Any:
    from housecount.tenancy.models import Organisation

    with acting_as(promoter.identity):
        return Organisation.objects.get(pk=promoter.organisation_id)


# --- Alerts -------------------------------------------------------------------------------------------
def test_whether_alerts_reach_anybody(house: Stage, settings: pytest.MonkeyPatch) -> None:
    found = asked(checks.alerts)
    assert found["alerts by mail"][0] == "warn"
    assert "alerts by webhook" not in found
    set_to(
        settings,
        HOUSECOUNT_EMAIL_URL="smtp://127.0.0.1:1",
        HOUSECOUNT_ALERT_URL="https://ops.example.org/?key=x",
    )
    found = asked(checks.alerts)
    assert found["alerts by mail"][0] == "ok"
    assert found["alerts by webhook"] == (
        "fail",
        "HOUSECOUNT_ALERT_SECRET is not set: unsigned, nothing is posted.",
    )
    set_to(settings, HOUSECOUNT_ALERT_SECRET="whsec_" + "QUJD" * 10)
    assert asked(checks.alerts)["alerts by webhook"] == ("ok", "they are posted to ops.example.org, signed.")


def test_open_alerts_are_told(house: Stage) -> None:
    with acting_as(house.house.system):
        store.stop_account(house.accounts["eventbrite"], "It refuses the key.")
    alerts.look(house.house.organisation, timezone.now())
    state, sentence = asked(checks.alerts)["alerts"]
    assert state == "warn"
    assert "account_stopped " in sentence
    with acting_as(house.house.system):
        Alert.objects.filter(organisation_id=house.organisation_id).delete()


def doctor(*arguments: str) -> tuple[int, Findings]:
    done = CliRunner().invoke(cli, ["doctor", "--json", *arguments])
    document = json.loads(done.stdout)
    return done.exit_code, {each["name"]: (each["state"], each["sentence"]) for each in document["checks"]}


@pytest.fixture
def no_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts that other tests made are not asked after."""
    monkeypatch.setattr(checks, "CHECKS", [checks.alerts])


@pytest.mark.usefixtures("no_platforms")
def test_a_test_alert(house: Stage, settings: pytest.MonkeyPatch) -> None:
    posted: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    slug = house.house.organisation.slug
    try:
        set_to(settings, HOUSECOUNT_EMAIL_URL="smtp://127.0.0.1:1", HOUSECOUNT_ALERT_SECRET="whsec_" + "QUJD" * 10,
               HOUSECOUNT_ALERT_URL=f"http://127.0.0.1:{server.server_port}/")  # fmt: skip
        code, found = doctor(f"--send-test-alert={slug}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert (code, found["test alert by mail"], found["test alert by webhook"]) == (
        0,
        ("ok", "it was taken."),
        ("ok", "it was taken."),
    )
    [letter] = mail.outbox
    assert sorted(letter.recipients()) == sorted(
        each.user.email for each in (house.house.admin, house.house.promoter, house.house.bookkeeper)
    )
    [document] = posted
    assert (document["type"], document["data"]["organisation"]) == ("alert.test", slug)
    assert "test alert by mail" not in doctor()[1], "only when it is asked for"


@pytest.mark.usefixtures("no_platforms")
def test_a_test_alert_that_does_not_arrive_is_a_failure(house: Stage, settings: pytest.MonkeyPatch) -> None:
    set_to(
        settings, HOUSECOUNT_ALERT_URL="http://127.0.0.1:1/", HOUSECOUNT_ALERT_SECRET="whsec_" + "QUJD" * 10
    )
    code, found = doctor("--send-test-alert")
    assert code == 1
    assert found["test alert by webhook"][0] == "fail"
    assert "cannot be reached" in found["test alert by webhook"][1]


@pytest.mark.usefixtures("no_platforms")
def test_a_test_alert_without_a_receiver(house: Stage, settings: pytest.MonkeyPatch) -> None:
    code, found = doctor("--send-test-alert")
    assert code == 1
    assert "HOUSECOUNT_EMAIL_URL" in found["test alert"][1]
    set_to(settings, HOUSECOUNT_EMAIL_URL="smtp://127.0.0.1:1")
    Stage()
    assert "name the one" in doctor("--send-test-alert")[1]["test alert"][1]
    assert doctor("--send-test-alert=nobody-here")[0] == 1
    assert mail.outbox == []


def test_an_account_whose_key_is_refused_has_no_clock(house: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(World.blank(seed=6)):
        make_account(house.organisation_id, "eventbrite", secret="AWRONGTOKEN")
        monkeypatch.setattr(checks, "all_organisations", lambda: [house.house.organisation])
        found = asked(checks.platforms)
    assert not any(name.startswith("clock") for name in found)
    assert any(state == "fail" for state, _ in found.values())
