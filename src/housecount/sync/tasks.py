"""Background jobs: reads that are due, and the upkeep of the queue itself."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, Q
from procrastinate import exceptions
from procrastinate.contrib.django import app
from procrastinate.jobs import Status

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.installation import environment
from housecount.sync import services
from housecount.sync.database import DatabaseThread
from housecount.sync.errors import Disconnected, UnknownAccount
from housecount.sync.lock import AlreadyBeingRead
from housecount.sync.models import CircuitBreaker, Freshness, ReadRun
from housecount.sync.schedule import AccountReads, Due, due
from housecount.sync.store import WHOLE_ACCOUNT
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.queries import all_organisations

logger = logging.getLogger(__name__)

#: A worker that was silent for longer is dead; its jobs are given up, and what was due is due again.
SILENT = timedelta(seconds=45)
KEPT_FINISHED_JOBS = timedelta(days=2)


@app.periodic(cron="*/5 * * * * *")
@app.task(queueing_lock="read-what-is-due")
async def read_what_is_due(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Enqueues a read of every account that is due."""
    async with DatabaseThread(Identity.system()) as database:
        found = await database.outside(find_due, datetime.now(UTC))
    for read in found:
        key = f"read-{read.account_id}"
        job = read_account.configure(lock=key, queueing_lock=key)
        try:
            await job.defer_async(organisation_id=str(read.organisation_id), account_id=str(read.account_id))
        except exceptions.AlreadyEnqueued:
            logger.debug("a read of account %s waits already", read.account_id)


@app.task
async def read_account(organisation_id: str, account_id: str) -> None:
    """Reads one account, if it is still due: the job may have waited for another read of it. A failure is kept with
    the read; the account is due again in time."""
    key = AccountKey(UUID(organisation_id), UUID(account_id))
    async with DatabaseThread(Identity.system()) as database:
        read = await database.outside(due_now, key, datetime.now(UTC))
    if read is None:
        return
    try:
        await services.read_account(*key, full=read.full)
    except (AlreadyBeingRead, UnknownAccount, Disconnected) as error:
        logger.info("account %s was not read: %s", account_id, error.code)


@app.periodic(cron="*/15 * * * * *")
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


def find_due(now: datetime) -> list[AccountKey]:
    """Every account of every organisation that is due at `now`."""
    return [
        AccountKey(organisation.pk, account_id)
        for organisation in all_organisations()
        for account_id in _due_in(organisation.pk, now)
    ]


def due_now(account: AccountKey, now: datetime) -> Due | None:
    """The read of one account that is due at `now`, if one is."""
    return _due_in(account.organisation_id, now).get(account.account_id)


def _due_in(organisation_id: UUID, now: datetime) -> dict[UUID, Due]:
    every = timedelta(seconds=environment.load().read_every)
    with acting_as(Identity.system(organisation_id)):
        here = {"organisation_id": organisation_id}
        accounts = list(Account.objects.filter(**here).values_list("id", "state"))
        runs: dict[UUID, dict[str, Any]] = {
            row["account_id"]: {**row}
            for row in ReadRun.objects.filter(**here, started_at__gt=now - timedelta(days=2))
            .values("account_id")
            .annotate(last=Max("started_at"), last_full=Max("started_at", filter=Q(full=True)))
        }
        swept = dict(
            Freshness.objects.filter(**here, event_id=WHOLE_ACCOUNT).values_list("account_id", "swept_at")
        )
        retry_at = dict(CircuitBreaker.objects.filter(**here).values_list("account_id", "retry_at"))
    found = {}
    for account_id, state in accounts:
        run = runs.get(account_id, {})
        reads = AccountReads(
            active=state == AccountState.ACTIVE,
            last_started_at=run.get("last"),
            last_full_started_at=run.get("last_full"),
            swept_at=swept.get(account_id),
            retry_at=retry_at.get(account_id),
        )
        read = due(reads, now, every)
        if read is not None:
            found[account_id] = read
    return found
