"""The background jobs: what is due is read, once, and a job whose worker died is given up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.testing import InMemoryConnector

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.sync import accounts, services, tasks
from housecount.sync.lock import account_lock
from housecount.sync.models import CircuitBreaker, Freshness, ReadRun
from housecount.sync.tasks import find_due
from housecount.tenancy.identity import Identity, acting_as
from tests.factories import make_account, make_organisation
from tests.sync.theatre import HUMANITIX, Theatre

NOW = datetime(2026, 4, 5, 12, tzinfo=UTC)


def due_in(*organisation_ids: UUID) -> list[AccountKey]:
    return [read for read in find_due(NOW) if read.organisation_id in organisation_ids]


def was_read(organisation_id: UUID, account_id: UUID, started_at: datetime, *, full: bool) -> None:
    with acting_as(Identity.system(organisation_id)):
        ReadRun.objects.create(
            organisation_id=organisation_id,
            account_id=account_id,
            full=full,
            started_at=started_at,
            finished_at=started_at,
            complete=True,
            requests=1,
            orders_read=0,
            orders_changed=0,
            tickets_changed=0,
        )
        if full:
            Freshness.objects.create(
                organisation_id=organisation_id,
                account_id=account_id,
                event_id="",
                as_of=started_at,
                swept_at=started_at,
            )


def test_every_account_of_every_organisation_that_is_due_is_found() -> None:
    one, other = make_organisation(), make_organisation()
    new, stopped, quiet, settled, late = (make_account(one) for _ in range(5))
    theirs = make_account(other)
    with acting_as(Identity.system(one)):
        Account.objects.filter(pk=stopped).update(state=AccountState.STOPPED)
        CircuitBreaker.objects.create(
            organisation_id=one, account_id=quiet, failures=5, retry_at=NOW + timedelta(minutes=1)
        )
    was_read(one, settled, NOW, full=True)
    was_read(one, late, NOW - timedelta(hours=2), full=True)
    was_read(one, late, NOW - timedelta(hours=1), full=False)
    assert sorted(due_in(one, other)) == sorted(
        [AccountKey(one, new), AccountKey(one, late), AccountKey(other, theirs)]
    )


def test_what_is_due_is_enqueued_once(monkeypatch: pytest.MonkeyPatch) -> None:
    organisation_id = make_organisation()
    found = [AccountKey(organisation_id, uuid4()), AccountKey(organisation_id, uuid4())]
    monkeypatch.setattr(tasks, "find_due", lambda now: found)
    queue = InMemoryConnector()
    with app.replace_connector(queue):
        for _ in range(2):
            asyncio.run(_call(tasks.read_what_is_due, timestamp=0))
    assert [job["args"] for job in queue.jobs.values()] == [
        {"organisation_id": str(organisation_id), "account_id": str(each.account_id)} for each in found
    ]


async def _call(task: Callable[..., Awaitable[None]], **arguments: object) -> None:
    await task(**arguments)


def read_job(organisation_id: UUID, account_id: UUID) -> None:
    asyncio.run(_call(tasks.read_account, organisation_id=str(organisation_id), account_id=str(account_id)))


def test_a_job_reads_its_account(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]
    read_job(account.organisation_id, account.id)
    assert stage.figures()[stage.cellar.id].sold == 2


def test_a_job_that_meets_another_reader_ends_quietly(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]

    async def while_read() -> None:
        async with account_lock(account.id, 0):
            await tasks.read_account(organisation_id=str(account.organisation_id), account_id=str(account.id))

    asyncio.run(while_read())
    assert stage.figures() == {}


def test_a_job_for_an_account_that_is_not_there_any_more_ends_quietly(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]
    read_job(account.organisation_id, uuid4())
    accounts.disconnect(account)
    before = sum(stage.sandbox.requests("humanitix").values())
    read_job(account.organisation_id, account.id)
    assert sum(stage.sandbox.requests("humanitix").values()) == before


def test_what_a_platform_refuses_is_kept_with_the_read_and_does_not_fail_the_job(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]
    stage.sandbox.faults.set([{"kind": "revoke", "platform": "humanitix"}])
    read_job(account.organisation_id, account.id)
    with acting_as(stage.promoter.identity):
        [run] = ReadRun.objects.filter(account_id=account.id)
    assert run.error_code == "account_needs_a_person"


def test_a_job_that_is_not_due_any_more_reads_nothing(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]
    read_job(account.organisation_id, account.id)
    before = sum(stage.sandbox.requests("humanitix").values())
    read_job(account.organisation_id, account.id)
    assert sum(stage.sandbox.requests("humanitix").values()) == before


def test_a_mistake_of_ours_fails_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(services, "read_account", broken)
    organisation_id = make_organisation()
    account_id = make_account(organisation_id)
    with pytest.raises(RuntimeError):
        read_job(organisation_id, account_id)


# --- The upkeep of the queue --------------------------------------------------------------------------
Owner = psycopg.Connection[tuple[object, ...]]


def with_queue(task: Callable[..., Awaitable[None]]) -> None:
    """Runs a task as the worker does, on the real queue."""

    async def run() -> None:
        assert isinstance(app.connector, DjangoConnector)
        with app.replace_connector(app.connector.get_worker_connector()) as working:
            async with working.open_async():
                await task(timestamp=0)

    asyncio.run(run())


def make_job(owner: Owner, status: str, worker_id: object = None) -> object:
    """A job in the queue, in `status`."""
    row = owner.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id)"
        " VALUES ('default', 'housecount.sync.tasks.read_account', NULL, '{}', %s, %s) RETURNING id",
        [status, worker_id],
    ).fetchone()
    assert row is not None
    return row[0]


def make_worker(owner: Owner, silent: timedelta) -> object:
    row = owner.execute(
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - %s) RETURNING id", [silent]
    ).fetchone()
    assert row is not None
    return row[0]


def status(owner: Owner, job: object) -> object:
    row = owner.execute("SELECT status::text FROM procrastinate_jobs WHERE id = %s", [job]).fetchone()
    return row and row[0]


def test_a_job_whose_worker_died_is_given_up_and_others_go_on(owner_connection: Owner) -> None:
    owner = owner_connection
    dead = make_job(owner, "doing", make_worker(owner, tasks.SILENT + timedelta(seconds=5)))
    orphan = make_job(owner, "doing")  # its worker was forgotten
    alive = make_job(owner, "doing", make_worker(owner, tasks.SILENT - timedelta(seconds=20)))
    waiting = make_job(owner, "todo")
    with_queue(tasks.give_up_stalled_jobs)
    assert [status(owner, job) for job in (dead, orphan, alive, waiting)] == [
        "failed",
        "failed",
        "doing",
        "todo",
    ]
    owner.execute("DELETE FROM procrastinate_jobs WHERE id = ANY(%s)", [[dead, orphan, alive, waiting]])


def test_old_finished_jobs_are_forgotten(owner_connection: Owner) -> None:
    owner = owner_connection
    jobs = [make_job(owner, "todo") for _ in range(3)]
    old, young, waiting = jobs
    for job, age in ((old, timedelta(days=3)), (young, timedelta(days=1)), (waiting, timedelta(days=9))):
        if job != waiting:
            owner.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [job])
        owner.execute("UPDATE procrastinate_events SET at = now() - %s WHERE job_id = %s", [age, job])
    with_queue(tasks.remove_finished_jobs)
    assert [status(owner, job) for job in jobs] == [None, "failed", "todo"]
    owner.execute("DELETE FROM procrastinate_jobs WHERE id = ANY(%s)", [jobs])
