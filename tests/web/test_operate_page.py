"""The operators' page: the installation, across organisations, and nothing of anybody's money or buyers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from housecount.intake.models import Hook
from housecount.sync import queue
from housecount.sync.models import HookDoor
from housecount.tenancy import services
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import User
from tests.web.stage import Look, Stage, look
from tests.world import PASSWORD, Person


def job(stage: Stage, task: str, status: str, lock: str | None = None) -> int:
    """A job in the queue; its id."""
    with acting_as(stage.house.system), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts, queueing_lock)"
            " VALUES ('reads', %s, jsonb_build_object('organisation_id', %s::text, 'account_id', %s::text,"
            " 'buyer', 'Grace Hopper'), %s::procrastinate_job_status, 1, %s) RETURNING id",
            [
                task,
                str(stage.organisation_id),
                str(stage.accounts["eventbrite"].account_id),
                status,
                lock,
            ],
        )
        return int(cursor.fetchone()[0])


def status_of(job_id: int) -> str:
    with acting_as(Identity.system()), connection.cursor() as cursor:
        cursor.execute("SELECT status::text FROM procrastinate_jobs WHERE id = %s", [job_id])
        return str(cursor.fetchone()[0])


@pytest.fixture
def operator(stage: Stage) -> Person:
    """The bookkeeper of the house, who operates the installation too."""
    services.set_operator(stage.house.bookkeeper.user.email, operator=True)
    return stage.house.bookkeeper


def die(stage: Stage, **facts: Any) -> int:
    key = stage.accounts["eventbrite"]
    with acting_as(stage.house.system):
        return Hook.objects.create(
            organisation_id=key.organisation_id,
            account_id=key.account_id,
            platform="eventbrite",
            body=b'{"buyer": "Grace Hopper"}',
            verdict="understood",
            status="dead",
            action="order.placed",
            outcome="platform_unavailable",
            explanation="The order of Grace Hopper could not be read.",
            touches=[{"kind": "order", "object_id": "order-of-grace", "event_id": ""}],
            received_at=datetime.now(UTC),
        ).pk


def test_an_operator_sees_the_installation_and_no_money(stage: Stage, operator: Person) -> None:
    other = Stage()
    other.put_on("Secret Gala of the Others", sold=7)
    with acting_as(other.house.system):
        HookDoor.objects.create(
            organisation_id=other.organisation_id,
            account_id=other.accounts["eventbrite"].account_id,
            platform="eventbrite",
            token_hash=other.organisation_id.bytes,
        )
    hook_id, job_id = die(other), job(other, "housecount.sync.tasks.read_account", "failed")
    page = look(operator, "/operate/")
    for words in (
        "Database: PostgreSQL",
        "Walls: row-level security is forced on every tenant table.",
        "Migrations: the database is at this version.",
        f"{other.house.organisation.name} {other.house.organisation.slug} 1",
        "Read account",
        f"{job_id} Read account {other.house.organisation.name} {other.accounts['eventbrite'].account_id} 1",
        f"{hook_id}",
        "order.placed platform_unavailable",
        operator.user.email,
    ):
        assert words in page.text, words
    for secret in (
        "Secret Gala",
        "Grace",
        "order-of-grace",
        "eventbrite account",
        "210.00",
        other.house.admin.user.email,
    ):
        assert secret not in page.text, secret
    assert "/operate/" in look(operator, "/").links


def test_nobody_else_finds_it(stage: Stage) -> None:
    job_id = job(stage, "housecount.sync.tasks.read_account", "failed")
    for person in (stage.house.admin, stage.house.promoter, stage.house.bookkeeper, stage.house.act):
        client = person.signed_in()
        assert client.get("/operate/").status_code == 404
        assert client.post(f"/operate/jobs/{job_id}/retry/").status_code == 404
        assert client.post(f"/operate/jobs/{job_id}/cancel/").status_code == 404
        assert "/operate/" not in Look(client.get("/").content.decode()).links
    assert Client().get("/operate/")["Location"].startswith("/account/login/")
    assert status_of(job_id) == "failed"


def test_an_operator_of_no_organisation(database: str) -> None:
    with acting_as(Identity.system()):
        user = User.objects.create_user("operator.alone@example.com", PASSWORD, is_staff=True)
    client = Client()
    with acting_as(Identity.nobody(user.pk)):
        client.force_login(user)
    answer = client.get("/operate/")
    assert answer.status_code == 200
    Look(answer.content.decode()).check()


def test_jobs_are_retried_and_cancelled(stage: Stage, operator: Person) -> None:
    failed, waiting = (
        job(stage, "housecount.sync.tasks.read_account", status) for status in ("failed", "todo")
    )
    lock = f"reads-{stage.organisation_id}"
    running = job(stage, "housecount.sync.tasks.sweep_account", "doing")
    blocked = job(stage, "housecount.sync.tasks.read_account", "failed", lock)
    job(stage, "housecount.sync.tasks.read_account", "todo", lock)
    client = operator.signed_in()

    def press(what: str, job_id: int) -> str:
        return client.post(f"/operate/jobs/{job_id}/{what}/", follow=True).content.decode()

    assert f"Job {failed} is done again." in press("retry", failed)
    assert status_of(failed) == "todo"
    assert "did not fail: nothing was done" in press("retry", running)
    assert "waits in the queue already: nothing was done" in press("retry", blocked)
    assert f"Job {waiting} is cancelled." in press("cancel", waiting)
    assert status_of(waiting) == "cancelled"
    assert "does not wait in the queue any more" in press("cancel", running)
    assert [status_of(each) for each in (running, blocked)] == ["doing", "failed"]
    with acting_as(Identity.system()):
        assert {each.task for each in queue.counts()} >= {"read account", "sweep account"}


def test_webhooks_that_were_given_up_are_retried_and_dismissed(stage: Stage, operator: Person) -> None:
    again, rest = die(stage), die(stage)
    with acting_as(Identity(Role.INTAKE)), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO webhook_log (platform, body, headers, webhook_id, action, verdict, touches, status, attempts,"
            " outcome, explanation) VALUES ('eventbrite', '', '{}', '', %s, 'understood', '[]', 'dead', 1, '', '')",
            [marker := f"nobodys-{again}"],
        )
    with acting_as(Identity.system()):
        nobodys = Hook.objects.get(action=marker).pk
    client = operator.signed_in()

    def press(what: str, hook_id: int) -> str:
        return client.post(f"/operate/webhooks/{hook_id}/{what}/", follow=True).content.decode()

    def state(hook_id: int) -> tuple[str, str]:
        with acting_as(Identity.system()):
            found = Hook.objects.get(pk=hook_id)
        return found.status, found.outcome

    assert f'aria-label="Dismiss webhook {rest}"' in client.get("/operate/").content.decode()
    assert f"Webhook {again} is handled again." in press("retry", again)
    assert f"Webhook {rest} is dismissed." in press("dismiss", rest)
    assert "is dismissed" in press("dismiss", nobodys)
    assert [state(each) for each in (again, rest, nobodys)] == [
        ("waiting", "replayed"), ("ignored", "dismissed"), ("ignored", "dismissed"),
    ]  # fmt: skip
    for done in (rest, 2**63):
        assert "nothing was done" in press("retry", done)
    assert state(rest) == ("ignored", "dismissed")
    outside = stage.house.admin.signed_in()
    assert outside.post(f"/operate/webhooks/{again}/dismiss/").status_code == 404


def test_workers_are_alive_or_silent(stage: Stage, operator: Person) -> None:
    with acting_as(stage.house.system), connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")
    assert "None has signed on" in look(operator, "/operate/").text
    with acting_as(stage.house.system), connection.cursor() as cursor:
        for seconds in (3, 600):
            cursor.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (%s)",
                [datetime.now(UTC) - timedelta(seconds=seconds)],
            )
    text = look(operator, "/operate/").text
    assert text.index("Alive Worker") < text.index("Silent Worker")
