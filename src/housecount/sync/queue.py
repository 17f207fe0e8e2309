"""The queue of background jobs as an operator sees it: what waits, runs and failed, and who works.

It belongs to the installation: nothing here is a tenant's, but for the ids that a job was given.
"""

import json
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from housecount.box_office import bulk
from housecount.core.errors import HousecountError, NextStep
from housecount.sync.watching import HEARD_OF

_COUNTS = """
SELECT task_name, count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing'),
    count(*) FILTER (WHERE status = 'failed')
FROM procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed') GROUP BY 1 ORDER BY 1
"""
_JOBS = """
SELECT job.id, job.task_name, job.status::text, job.attempts, job.args::text, job.scheduled_at,
    (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id)
FROM procrastinate_jobs job WHERE job.status = %s ORDER BY job.id DESC LIMIT %s
"""


class TaskCount(NamedTuple):
    """How many jobs of a task wait, run, and failed in the last two days."""

    task: str
    waiting: int
    running: int
    failed: int


class Job(NamedTuple):
    """A job, by its task's short name. `ids` are the organisation and account it is for; `since` is when it came into
    the state it is in."""

    id: int
    task: str
    status: str
    attempts: int
    ids: dict[str, UUID]
    scheduled_at: datetime | None
    since: datetime | None


class Worker(NamedTuple):
    """A worker, when it was last heard of, and whether that is recent."""

    id: int
    last_heartbeat: datetime
    alive: bool


class NotPossible(HousecountError):
    """A job is not in the state that what was asked needs."""

    code = "job_state"
    http_status = 409
    next_step = NextStep.NEVER


def counts() -> list[TaskCount]:
    """Every task with jobs that are open."""
    return [TaskCount(short(row[0]), *row[1:]) for row in bulk.fetch(_COUNTS, [])]


def jobs(status: str, limit: int) -> list[Job]:
    """The newest jobs in that status: todo, doing, failed."""
    return [
        Job(id_, short(task), state, attempts, _ids(args), scheduled_at, since)
        for id_, task, state, attempts, args, scheduled_at, since in bulk.fetch(_JOBS, [status, limit])
    ]


def short(task: str) -> str:
    """A task's name without where it lives, in words."""
    return task.rsplit(".", 1)[-1].replace("_", " ")


def _ids(kept: str) -> dict[str, UUID]:
    found = {}
    args = json.loads(kept)
    for name in ("organisation_id", "account_id"):
        value = args.get(name) if isinstance(args, dict) else None
        try:
            found[name] = UUID(str(value))
        except ValueError:
            continue
    return found


def workers(now: datetime) -> list[Worker]:
    """Every worker that has not signed off, the latest heard of first."""
    rows = ProcrastinateWorker.objects.order_by("-last_heartbeat", "id").values_list("id", "last_heartbeat")
    return [Worker(id_, heard, now - heard < HEARD_OF) for id_, heard in rows]


def retry(job_id: int, now: datetime) -> None:
    """Has a failed job done again. Raises `NotPossible` when it did not fail, or when the same waits already."""
    # One that runs could be retried too, and would then run twice.
    if not ProcrastinateJob.objects.filter(pk=job_id, status="failed").exists():
        raise NotPossible(f"Job {job_id} is not there, or did not fail: nothing was done.")
    try:
        with transaction.atomic():
            app.job_manager.retry_job_by_id(job_id, now)
    except exceptions.ConnectorException:
        raise NotPossible(f"The same as job {job_id} waits in the queue already: nothing was done.") from None


def cancel(job_id: int) -> None:
    """Takes a job that waits out of the queue. Raises `NotPossible` when it does not wait (any more)."""
    if not app.job_manager.cancel_job_by_id(job_id):
        raise NotPossible(f"Job {job_id} does not wait in the queue any more: nothing was done.")
