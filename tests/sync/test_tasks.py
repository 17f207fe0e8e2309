"""The background jobs: what is due is read, once, and a job whose worker died is given up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import psycopg
import pytest
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.testing import InMemoryConnector

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account
from housecount.sync import accounts, agenda, services, tasks
from housecount.sync.agenda import DueAccount
from housecount.sync.database import DatabaseThread
from housecount.sync.lock import account_lock
from housecount.sync.models import ReadRun
from housecount.sync.progress import utc_now
from housecount.tenancy.identity import Identity, acting_as
from tests.factories import make_account, make_organisation
from tests.sync.theatre import HUMANITIX, Theatre


def due(*given: tuple[UUID, bool, bool]) -> list[DueAccount]:
    """Accounts of an organisation each: (account, read due, sweep due)."""
    return [DueAccount(uuid4(), account_id, read, sweep) for account_id, read, sweep in given]


def test_what_is_due_is_enqueued_once_on_the_queue_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, both = found = due((uuid4(), True, False), (uuid4(), False, True), (uuid4(), True, True))
    monkeypatch.setattr(agenda, "find_due", lambda now, thorough: found)
    queue = InMemoryConnector()
    with app.replace_connector(queue):
        for _ in range(2):
            asyncio.run(_call(tasks.read_what_is_due, timestamp=0))
    jobs = [(job["queue_name"], job["args"]["account_id"]) for job in queue.jobs.values()]
    assert jobs == [
        ("reads", str(one.account_id)),
        ("reads", str(both.account_id)),
        ("sweeps", str(other.account_id)),
        ("sweeps", str(both.account_id)),
    ]
    assert {job["lock"] for job in queue.jobs.values()} == {None}, "a dead worker's job would block the next"
    assert all(job["args"]["organisation_id"] for job in queue.jobs.values())


def test_rows_that_a_wrong_clock_set_are_looked_for_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bool] = []
    monkeypatch.setattr(agenda, "find_due", lambda now, thorough: looks.append(thorough) or [])
    with app.replace_connector(InMemoryConnector()):
        for timestamp in range(1_800_000_000, 1_800_000_000 + 120, 5):
            asyncio.run(_call(tasks.read_what_is_due, timestamp=timestamp))
    assert looks == ([True] + [False] * 11) * 2


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("read_what_is_due", 5), ("give_up_stalled_jobs", 15), ("put_missing_on_the_agenda", 600)],
)
def test_periodic_jobs_come_as_often_as_they_should(name: str, seconds: int) -> None:
    [periodic] = [
        each
        for each in app.periodic_registry.periodic_tasks.values()
        if each.task.name == f"housecount.sync.tasks.{name}"
    ]
    at = 1_800_000_000.0
    moments = []
    for _ in range(40):
        at = periodic.croniter.get_next(ret_type=float, start_time=at)
        moments.append(at)
    assert {later - earlier for earlier, later in pairwise(moments)} == {float(seconds)}


def test_an_account_that_is_being_read_is_left_out(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]

    def found() -> bool:
        with acting_as(Identity.system()):
            return account.pk in [each.account_id for each in agenda.find_due(utc_now())]

    async def while_read() -> bool:
        async with account_lock(account.id, 0):
            async with DatabaseThread(Identity.system()) as database:
                due = await database.run(agenda.find_due, utc_now())
            return account.pk in [each.account_id for each in due]

    assert found()
    assert not asyncio.run(while_read())
    assert found()


async def _call(task: Callable[..., Awaitable[None]], **arguments: object) -> None:
    await task(**arguments)


def job(task: Callable[..., Awaitable[None]], organisation_id: UUID, account_id: UUID) -> None:
    asyncio.run(_call(task, organisation_id=str(organisation_id), account_id=str(account_id)))


def sweep(account: Account) -> None:
    job(tasks.sweep_account, account.organisation_id, account.pk)


def ask(account: Account) -> None:
    with acting_as(Identity.system(account.organisation_id)):
        agenda.ask(AccountKey(account.organisation_id, account.pk), utc_now())


def test_jobs_sweep_and_read_their_account(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]
    stage.clock.time = utc_now()
    soon = stage.world.add_humanitix_event("Coming Soon", stage.clock() + timedelta(days=9))
    stage.world.buy(soon, 2)
    sweep(account)
    assert stage.figures()[soon.id].sold == 2
    stage.world.buy(soon)
    ask(account)
    job(tasks.read_account, account.organisation_id, account.pk)
    assert stage.figures()[soon.id].sold == 3
    with acting_as(stage.promoter.identity):
        runs = ReadRun.objects.filter(account_id=account.pk).order_by("started_at")
        assert [(run.full, run.complete) for run in runs] == [(True, True), (False, True)]


def test_a_job_that_meets_another_reader_ends_quietly(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]

    async def while_read() -> None:
        async with account_lock(account.id, 0):
            await tasks.sweep_account(
                organisation_id=str(account.organisation_id), account_id=str(account.id)
            )

    asyncio.run(while_read())
    assert stage.figures() == {}


def test_a_job_for_an_account_that_is_not_there_any_more_ends_quietly(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]
    job(tasks.sweep_account, account.organisation_id, uuid4())
    accounts.disconnect(account)
    before = stage.asked("humanitix")
    sweep(account)
    assert stage.asked("humanitix") == before


def test_what_a_platform_refuses_is_kept_with_the_read_and_does_not_fail_the_job(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]
    stage.sandbox.faults.set([{"kind": "revoke", "platform": "humanitix"}])
    sweep(account)
    with acting_as(stage.promoter.identity):
        [run] = ReadRun.objects.filter(account_id=account.id)
    assert run.error_code == "account_needs_a_person"


def test_a_job_that_is_not_due_any_more_reads_nothing(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]
    sweep(account)
    before = stage.asked("humanitix")
    sweep(account)
    job(tasks.read_account, account.organisation_id, account.pk)
    assert stage.asked("humanitix") == before


def test_a_mistake_of_ours_fails_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(services, "read_due", broken)
    organisation_id = make_organisation()
    account_id = make_account(organisation_id)
    with pytest.raises(RuntimeError):
        job(tasks.read_account, organisation_id, account_id)


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
