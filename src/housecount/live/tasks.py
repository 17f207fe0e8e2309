"""Background upkeep of the change feed."""

import logging
from datetime import UTC, datetime

from procrastinate.contrib.django import app

from housecount.live import services
from housecount.sync.database import DatabaseThread
from housecount.tenancy.identity import Identity
from housecount.tenancy.queries import all_organisations

logger = logging.getLogger(__name__)


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="forget-old-changes")
async def forget_old_changes(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Removes from the change feed what is older than it is kept."""
    removed = await forget_old(datetime.now(UTC))
    if removed:
        logger.info("removed %d old rows of the change feed", removed)


async def forget_old(now: datetime) -> int:
    """Removes what is to be forgotten at `now`, of every organisation; how many rows."""
    async with DatabaseThread(Identity.system()) as database:
        organisations = await database.outside(all_organisations)
    removed = 0
    for organisation in organisations:
        async with DatabaseThread(Identity.system(organisation.pk)) as database:
            removed += await database.run(services.forget, now - services.KEPT)
    return removed
