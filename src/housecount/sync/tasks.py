"""Background jobs: reads that are due, and the upkeep of the queue itself.

Who reads an account is decided by its lock (`lock.py`), which dies with its process, and never by a job: a job says
only that somebody should look. What is cut off is due again, and is found by the next look at the agenda.
"""

import logging
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from procrastinate import exceptions
from procrastinate.contrib.django import app
from procrastinate.jobs import Status
from procrastinate.tasks import Task

from housecount.sync import agenda, services
from housecount.sync.agenda import DueAccount
from housecount.sync.database import DatabaseThread
from housecount.sync.errors import Disconnected, UnknownAccount
from housecount.sync.lock import AlreadyBeingRead
from housecount.sync.progress import Stop
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.queries import all_organisations

logger = logging.getLogger(__name__)

#: A worker that was silent for longer is dead; its jobs are given up, and what was due is due again.
SILENT = timedelta(seconds=45)
KEPT_FINISHED_JOBS = timedelta(days=2)

#: The queues. A worker keeps a part of its strength for reads alone; the other part prefers sweeps, and reads when
#: there are none: neither can starve the other.
UPKEEP, READS, SWEEPS = "default", "reads", "sweeps"
_FIRST, _PREFERRED = 100, 10

#: Whether the jobs of this process were told to stop: set by the worker.
stop = Stop()


# Of six fields the seconds are the last.
@app.periodic(cron="* * * * * */5", priority=_FIRST)
@app.task(queue=UPKEEP, queueing_lock="read-what-is-due", priority=_FIRST)
async def read_what_is_due(timestamp: int) -> None:
    """Enqueues a read, a sweep or both for every account that has something due and is not being read."""
    # Rows that a wrong clock has put far ahead are rare, and finding them takes a look at every row.
    thorough = timestamp % 60 < 5
    async with DatabaseThread(Identity.system()) as database:
        found = await database.run(agenda.find_due, datetime.now(UTC), thorough=thorough)
    await _enqueue(read_account, [each for each in found if each.read])
    await _enqueue(sweep_account, [each for each in found if each.sweep])


async def _enqueue(
    task: "Task[[str, str], Coroutine[Any, Any, None], [str, str]]", accounts: list[DueAccount]
) -> None:
    for account in accounts:
        job = task.configure(queueing_lock=f"{task.queue}-{account.account_id}")
        try:
            await job.defer_async(
                organisation_id=str(account.organisation_id), account_id=str(account.account_id)
            )
        except exceptions.AlreadyEnqueued:
            logger.debug("account %s waits in the queue %s already", account.account_id, task.queue)


@app.task(queue=READS)
async def read_account(organisation_id: str, account_id: str) -> None:
    """Reads what of an account is due by now: the job may have waited. A failure is kept with the read; the account
    is due again in time."""
    await _read(organisation_id, account_id, sweep=False)


@app.task(queue=SWEEPS, priority=_PREFERRED)
async def sweep_account(organisation_id: str, account_id: str) -> None:
    """Sweeps an account, if that is still due."""
    await _read(organisation_id, account_id, sweep=True)


async def _read(organisation_id: str, account_id: str, *, sweep: bool) -> None:
    try:
        await services.read_due(UUID(organisation_id), UUID(account_id), sweep=sweep, stop=stop)
    except (AlreadyBeingRead, UnknownAccount, Disconnected) as error:
        logger.info("account %s was not read: %s", account_id, error.code)


@app.periodic(cron="*/10 * * * * 23")
@app.task(queue=UPKEEP, queueing_lock="put-missing-on-the-agenda")
async def put_missing_on_the_agenda(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Finds accounts that should be read and stand on no agenda, organisation by organisation."""
    async with DatabaseThread(Identity.system()) as database:
        await database.outside(begin_missing, datetime.now(UTC))


def begin_missing(now: datetime) -> None:
    """Puts accounts on the agenda that were connected before there was one, or whose rows were lost."""
    for organisation in all_organisations():
        with acting_as(Identity.system(organisation.pk)):
            agenda.begin_missing(organisation.pk, now)


@app.periodic(cron="* * * * * */15")
@app.task(queueing_lock="give-up-stalled-jobs")
async def give_up_stalled_jobs(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Ends jobs whose worker died. A read that was cut off is not repeated as a job: it is simply due again."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENT.total_seconds()):
        await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
        logger.warning("gave up job %s (%s): its worker died", job.id, job.task_name)


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="remove-finished-jobs")
async def remove_finished_jobs(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Forgets jobs that ended some days ago."""
    await app.job_manager.delete_old_jobs(
        nb_hours=int(KEPT_FINISHED_JOBS.total_seconds() // 3600),
        include_failed=True,
        include_cancelled=True,
        include_aborted=True,
    )


# What this module does not need it has the worker know.
from housecount.sync import alert_tasks  # noqa: E402, F401 - they need nothing of this module
