"""What Prometheus is told: sums over all organisations, nobody's name, and only to those it is meant for."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from housecount.api import gauges
from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.installation import environment
from housecount.intake.models import Hook
from housecount.platforms.base.errors import ConfigError, Transient
from housecount.sync import alerts, store, tally
from housecount.sync.models import Agenda, CircuitBreaker, CredentialBudget, HookDoor
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import Organisation
from tests.factories import make_account, make_organisation

TOKEN = "an-operators-token-of-enough-characters"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(client: Client | None = None, **headers: str) -> Samples:
    response = (client or Client()).get("/metrics", headers=headers)
    assert response.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


class Change:
    """What a metric rose by since a scrape before."""

    def __init__(self) -> None:
        self.before = scrape()

    def __call__(self, name: str, **labels: str) -> float:
        key = (f"housecount_{name}", frozenset(labels.items()))
        return scrape().get(key, 0.0) - self.before.get(key, 0.0)


def connected(organisation_id: UUID | None = None, platform: str = "eventbrite") -> AccountKey:
    """An account with its door, as `accounts.connect` leaves it."""
    organisation_id = organisation_id or make_organisation()
    account_id = make_account(organisation_id, platform)
    with acting_as(Identity.system(organisation_id)):
        HookDoor.objects.create(
            organisation_id=organisation_id,
            account_id=account_id,
            platform=platform,
            token_hash=account_id.bytes,
        )
    return AccountKey(organisation_id, account_id)


def inside(account: AccountKey) -> Identity:
    return Identity.system(account.organisation_id)


@pytest.fixture
def token() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOUSECOUNT_OPERATOR_TOKEN", TOKEN)
        environment.load.cache_clear()
        yield TOKEN
    environment.load.cache_clear()


# --- Who may ask --------------------------------------------------------------------------------------
def test_without_a_token_only_this_machine_is_told(database: str) -> None:
    def status(address: str, **headers: str) -> int:
        return Client().get("/metrics", REMOTE_ADDR=address, headers=headers).status_code

    assert [status(near) for near in ("127.0.0.1", "::1", "127.8.9.1", "::ffff:127.0.0.1")] == [200] * 4
    assert [status(far) for far in ("192.0.2.7", "2001:db8::1", "10.0.0.1", "", "unix:")] == [403] * 5
    # Behind our own edge, which writes its caller's address; over its socket there is no other.
    assert [status(way, **{"X-Forwarded-For": "127.0.0.1"}) for way in ("", "127.0.0.1")] == [200, 200]
    assert status("", **{"X-Forwarded-For": "::1"}) == 200
    assert status("", **{"X-Forwarded-For": "192.0.2.7"}) == 403
    assert status("127.0.0.1", **{"X-Forwarded-For": "192.0.2.7"}) == 403
    # A proxy on this machine: the edge's caller is near, whom it asks for is not known to be.
    assert status("", **{"X-Forwarded-For": "192.0.2.7, 127.0.0.1"}) == 403
    assert status("", **{"X-Forwarded-For": "127.0.0.1, 127.0.0.1"}) == 403
    assert status("127.0.0.1", Forwarded="for=192.0.2.7") == 403
    assert status("127.0.0.1", **{"X-Real-IP": "192.0.2.7"}) == 403
    # Nobody far away becomes near by what they say.
    assert status("192.0.2.7", **{"X-Forwarded-For": "127.0.0.1"}) == 403
    assert status("", **{"X-Forwarded-For": "localhost"}) == 403


def test_a_refusal_says_what_to_do_and_tells_nothing(database: str) -> None:
    response = Client().get("/metrics", REMOTE_ADDR="192.0.2.7")
    assert b"HOUSECOUNT_OPERATOR_TOKEN" in response.content
    assert b"housecount_" not in response.content


def test_with_a_token_who_shows_it_is_told_wherever_they_are(database: str, token: str) -> None:
    def ask(shown: str | None, address: str = "192.0.2.7") -> int:
        headers = {} if shown is None else {"Authorization": shown}
        return Client().get("/metrics", REMOTE_ADDR=address, headers=headers).status_code

    assert ask(f"Bearer {token}") == ask(f"bearer {token}") == 200
    for wrong in (None, "", token, f"Basic {token}", f"Bearer {token}x", f"Bearer {token[:-1]}", "Bearer é"):
        assert ask(wrong) == 401, wrong
        assert ask(wrong, "127.0.0.1") == 401, wrong
    refused = Client().get("/metrics")
    assert refused["WWW-Authenticate"].startswith("Bearer")
    assert token not in refused.content.decode()


def test_it_is_read_only_and_kept_by_nobody(database: str) -> None:
    assert Client().post("/metrics").status_code in {403, 405}
    response = Client().get("/metrics")
    assert "no-store" in response["Cache-Control"]
    assert response["Content-Type"].startswith("text/plain; version=")


# --- What is told -------------------------------------------------------------------------------------
def test_every_counter_is_there_from_the_start(database: str) -> None:
    found = {name for name, _ in scrape()}
    assert {f"housecount_{name}_total" for name in (
        "reads", "requests", "rate_limited", "orders_changed", "gaps", "hooks", "touch_reads")} <= found  # fmt: skip
    assert {"housecount_build_info", "housecount_database_up", "housecount_workers"} <= found


def test_what_was_counted_is_told_per_platform(database: str) -> None:
    change = Change()
    one, other = connected(), connected()
    third = connected(platform="humanitix")
    for account, reads in ((one, 3), (other, 4), (third, 5)):
        with acting_as(inside(account)):
            tally.count(account, reads_complete=reads, reads_failed=1, requests=10 * reads, rate_limited=2)
            tally.count(account, reads_complete=1, hooks_done=2, hooks_ignored=1, gaps=1, orders_changed=6)
    assert change("reads_total", platform="eventbrite", outcome="complete") == 9
    assert change("reads_total", platform="eventbrite", outcome="failed") == 2
    assert change("reads_total", platform="humanitix", outcome="complete") == 6
    assert change("requests_total", platform="eventbrite") == 70
    assert change("rate_limited_total", platform="humanitix") == 2
    assert change("hooks_total", platform="eventbrite", outcome="done") == 4
    assert change("hooks_total", platform="humanitix", outcome="ignored") == 1
    assert change("gaps_total", platform="eventbrite") == 2
    assert change("orders_changed_total", platform="humanitix") == 6


def test_a_counter_does_not_fall_when_an_account_is_disconnected(database: str) -> None:
    account = connected()
    with acting_as(inside(account)):
        tally.count(account, requests=100)
    change = Change()
    with acting_as(inside(account)):
        here = {"organisation_id": account.organisation_id}
        HookDoor.objects.filter(**here, account_id=account.account_id).delete()
        Account.objects.filter(**here, pk=account.account_id).update(state=AccountState.DISCONNECTED)
    assert change("requests_total", platform="eventbrite") == 0
    assert change("accounts", platform="eventbrite", state="active") == -1


def test_accounts_by_state(database: str) -> None:
    change = Change()
    now = timezone.now()
    active, failing, stopped = (connected(platform="humanitix") for _ in range(3))
    with acting_as(inside(active)):
        store.mark_fresh(active, [store.WHOLE_ACCOUNT], now, swept=True)
    with acting_as(inside(failing)):
        store.mark_failing(failing, [store.WHOLE_ACCOUNT], Transient("It does not answer."), now)
    with acting_as(inside(stopped)):
        store.mark_failing(stopped, [store.WHOLE_ACCOUNT], ConfigError("It refuses the key."), now)
        store.stop_account(stopped, "It refuses the key.")
    for state in ("active", "failing", "stopped"):
        assert change("accounts", platform="humanitix", state=state) == 1, state
        assert change("accounts", platform="eventbrite", state=state) == 0, state


def test_stale_events_are_counted_once(database: str) -> None:
    change = Change()
    now = timezone.now()
    whole, parts = connected(), connected()
    with acting_as(inside(whole)):
        store.mark_fresh(whole, ["a", "b", "c", store.WHOLE_ACCOUNT], now - timedelta(days=30), swept=True)
        store.mark_failing(whole, ["a", store.WHOLE_ACCOUNT], Transient("It does not answer."), now)
    with acting_as(inside(parts)):
        store.mark_fresh(parts, ["a", "b", store.WHOLE_ACCOUNT], now, swept=True)
        store.mark_failing(parts, ["b"], Transient("It does not answer."), now)
    assert change("events_stale", platform="eventbrite", why="account") == 3
    assert change("events_stale", platform="eventbrite", why="event") == 1
    age = scrape()["housecount_figures_age_seconds", frozenset({("platform", "eventbrite")})]
    assert age > timedelta(days=30).total_seconds() - 5


def test_open_breakers_due_reads_and_budgets(database: str) -> None:
    change = Change()
    now = timezone.now()
    account = connected(platform="humanitix")
    with acting_as(inside(account)):
        CircuitBreaker.objects.create(
            organisation_id=account.organisation_id, account_id=account.account_id, failures=6,
            opened_at=now, retry_at=now + timedelta(minutes=5),
        )  # fmt: skip
        for event_id, due, every in (
            ("soon", 60, 120),
            ("now", -60, 120),
            ("late", -3600, 120),
            ("slow", -3600, 7200),
        ):
            Agenda.objects.create(
                organisation_id=account.organisation_id, account_id=account.account_id, event_id=event_id,
                next_at=now + timedelta(seconds=due), every=every,
            )  # fmt: skip
        CredentialBudget.objects.create(
            credential=account.account_id.hex, platform="Humanitix", used=150, allowed=150,
            ends_at=now + timedelta(minutes=1),
        )  # fmt: skip
        CredentialBudget.objects.create(
            credential=f"{account.account_id.hex}-old",
            platform="humanitix",
            used=900,
            allowed=150,
            ends_at=now,
        )
    assert change("breakers_open", platform="humanitix") == 1
    assert change("reads_due", platform="humanitix") == 3
    assert change("reads_late", platform="humanitix") == 1
    found = scrape()
    assert found["housecount_read_lateness_seconds", frozenset({("platform", "humanitix")})] >= 3600
    assert found["housecount_budget_used_share", frozenset({("platform", "humanitix")})] == 1.0


def hook(
    account: AccountKey, status: str, *, took: float | None = None, attempts: int = 1, age: float = 0
) -> None:
    """A hook in the log, received `age` seconds ago and handled `took` seconds later."""
    received = timezone.now() - timedelta(seconds=age + (took or 0))
    with acting_as(inside(account)):
        Hook.objects.create(
            organisation_id=account.organisation_id,
            account_id=account.account_id,
            platform="eventbrite",
            received_at=received,
            body=b"{}",
            verdict="understood",
            status=status,
            attempts=attempts,
            next_try_at=received if status == "waiting" else None,
            handled_at=None if took is None else received + timedelta(seconds=took),
        )


def test_hooks_that_wait_and_hooks_that_died(database: str) -> None:
    change = Change()
    account = connected()
    hook(account, "waiting", age=500_000)
    hook(account, "waiting")
    hook(account, "dead", age=600_000)
    hook(account, "ignored")
    assert change("hooks_open", status="waiting") == 2
    assert change("hooks_open", status="dead") == 1
    found = scrape()
    assert found["housecount_hooks_open_age_seconds", frozenset({("status", "waiting")})] >= 500_000
    assert found["housecount_hooks_open_age_seconds", frozenset({("status", "dead")})] >= 600_000
    assert ("housecount_hooks_open", frozenset({("status", "ignored")})) not in found


def test_hook_latency_is_of_those_that_were_read_at_once(database: str) -> None:
    account = connected()
    change = Change()
    for _ in range(400):
        hook(account, "done", took=0.4)
    for _ in range(20):
        hook(account, "done", took=8.0)
    hook(account, "done", took=300.0, attempts=5)
    hook(account, "done", took=2.0, age=3600)
    assert change("hook_latency_sample") == 420
    found = scrape()

    def latency(quantile: str) -> float:
        return found["housecount_hook_latency_seconds", frozenset({("quantile", quantile)})]

    assert latency("0.5") == pytest.approx(0.4)
    assert latency("0.99") == pytest.approx(8.0)


def test_open_alerts_by_cause(database: str) -> None:
    change = Change()
    account = connected()
    with acting_as(inside(account)):
        store.stop_account(account, "It refuses the key.")
        organisation = Organisation.objects.get(pk=account.organisation_id)
    alerts.look(organisation, timezone.now())
    assert change("alerts_open", cause="account_stopped") == 1
    assert change("alerts_open", cause="oversell") == 0
    with acting_as(inside(account)):
        store.resume_account(account)
    alerts.look(organisation, timezone.now())
    assert change("alerts_open", cause="account_stopped") == 0


def test_the_queue_and_its_age(database: str) -> None:
    queue = f"queue-{make_organisation().hex[:8]}"
    with acting_as(Identity.system()), connection.cursor() as cursor:
        for minutes in (0, 10):
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES (%s, 'x') RETURNING id",
                [queue],
            )
            (job,) = cursor.fetchone()
            cursor.execute(
                "UPDATE procrastinate_events SET at = now() - %s * interval '1 minute' WHERE job_id = %s",
                [20 - minutes, job],
            )
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at)"
            " VALUES (%s, 'x', now() + interval '1 day')",
            [queue],
        )
    found = scrape()
    assert found["housecount_queue_jobs", frozenset({("queue", queue), ("status", "todo")})] == 3
    assert found["housecount_queue_age_seconds", frozenset({("queue", queue)})] == pytest.approx(1200, abs=5)
    with acting_as(Identity.system()), connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE queue_name = %s", [queue])


def test_no_organisation_and_no_account_is_named(database: str) -> None:
    organisation_id = make_organisation("Unmistakable")
    account = connected(organisation_id)
    with acting_as(inside(account)):
        tally.count(account, requests=1)
        store.mark_failing(account, ["secret-event", ""], Transient("Unmistakable reason."), timezone.now())
    hook(account, "dead")
    text = Client().get("/metrics").content.decode()
    for word in ("Unmistakable", str(organisation_id), str(account.account_id), "secret-event", "org-"):
        assert word not in text


def test_a_database_that_does_not_answer_is_told_as_such(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise DatabaseError("connection to server at db.example failed")

    monkeypatch.setattr("housecount.api.metrics.measure", gone)
    found = scrape()
    assert found["housecount_database_up", frozenset()] == 0
    assert {name for name, _ in found} == {"housecount_database_up", "housecount_build_info"}
    monkeypatch.undo()
    assert scrape()["housecount_database_up", frozenset()] == 1


def test_the_number_of_queries_does_not_depend_on_how_many_there_are(database: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            gauges.measure()
        return len(captured.captured_queries)

    few = queries()
    for _ in range(5):
        connected()
    assert queries() == few <= 16
