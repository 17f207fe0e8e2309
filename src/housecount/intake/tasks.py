"""Background upkeep of webhooks: those at the platforms, and the log."""

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

from procrastinate.contrib.django import app

from housecount.installation import environment
from housecount.intake import services
from housecount.sync import doors
from housecount.sync.database import DatabaseThread
from housecount.tenancy.identity import Identity
from housecount.tenancy.queries import all_organisations

logger = logging.getLogger(__name__)


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="check-webhooks")
async def check_webhooks(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Looks, once a day for each account, whether the platform still has its webhook, and repairs it."""
    await doors.check_due(datetime.now(UTC))


@app.periodic(cron="42 * * * *")
@app.task(queueing_lock="forget-old-webhooks")
async def forget_old_webhooks(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Removes from the log what ended longer ago than HOUSECOUNT_HOOKS_KEPT_DAYS."""
    removed = await forget_old(datetime.now(UTC))
    if removed:
        logger.info("removed %d old webhooks from the log", removed)


async def forget_old(now: datetime) -> int:
    """Removes what is to be forgotten at `now`, of every organisation and of nobody's; how many."""
    before = now - timedelta(days=environment.load().hooks_kept_days)
    async with DatabaseThread(Identity.system()) as database:
        organisations: list[UUID | None] = [
            organisation.pk for organisation in await database.outside(all_organisations)
        ]
    removed = 0
    for organisation_id in (*organisations, None):
        async with DatabaseThread(Identity.system(organisation_id)) as database:
            while number := await database.run(services.forget_some, organisation_id, before):
                removed += number
                if number < services.STEP:
                    break
    return removed
