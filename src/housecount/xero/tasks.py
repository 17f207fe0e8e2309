"""Background jobs of Xero: what changed there is read soon after a hint, and every quarter of an hour without one; what
is issued here is written there."""

import logging
from datetime import UTC, datetime
from uuid import UUID

from procrastinate import exceptions
from procrastinate.contrib.django import app

from housecount.sync.database import DatabaseThread
from housecount.sync.tasks import READS, SWEEPS
from housecount.tenancy.identity import Identity
from housecount.xero import due, hints, history, pulling, pushing
from housecount.xero.errors import Busy, NotConnected

logger = logging.getLogger(__name__)
_LOOK = 20


# Of six fields the seconds are the last.
@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="xero-find-what-to-pull")
async def find_what_to_pull(timestamp: int) -> None:  # noqa: ARG001 - periodic jobs are told their time
    """Gives new hints to the organisations they are for, and enqueues a pull where one is due."""
    for organisation_id in await hints.due(datetime.now(UTC)):
        try:
            await pull.configure(queueing_lock=f"xero-pull-{organisation_id}").defer_async(
                organisation_id=str(organisation_id)
            )
        except exceptions.AlreadyEnqueued:
            logger.debug("organisation %s is waiting to be pulled already", organisation_id)


@app.task(name="housecount.xero.tasks.pull", queue=READS)
async def pull(organisation_id: str) -> None:
    """Reads what hints name, and everything that changed when that is due. A failure is kept; it is due again."""
    try:
        await hints.follow(UUID(organisation_id))
        await pulling.pull_due(UUID(organisation_id))
    except (Busy, NotConnected) as error:
        logger.info("Xero was not read for organisation %s: %s", organisation_id, error.code)


@app.periodic(cron="* * * * * */20")
@app.task(queueing_lock="xero-find-what-to-push")
async def find_what_to_push(timestamp: int) -> None:
    """Enqueues a push for every organisation that has something to write. A job only says that somebody should look:
    what a push that was cut off left is due again."""
    async with DatabaseThread(Identity.system()) as database:
        found = await database.run(due.connected_ones)
    for organisation_id in found:
        async with DatabaseThread(Identity.system(organisation_id)) as database:
            # All of it once an hour: what is seen at every look came about lately.
            if await database.run(
                due.is_due, organisation_id, datetime.now(UTC), thorough=timestamp % 3600 < _LOOK
            ):
                await database.run(due.push_soon, organisation_id)


# With the sweeps, behind them: a push may take its time, and what must be quick waits elsewhere.
@app.task(name="housecount.xero.tasks.push", queue=SWEEPS, priority=5)
async def push(organisation_id: str) -> None:
    """Writes what is left, the most urgent first. A failure is kept with what it is about; it is tried again."""
    try:
        await pushing.push(UUID(organisation_id), automatic=True)
    except (Busy, NotConnected) as error:
        logger.info("Nothing was written to Xero for organisation %s: %s", organisation_id, error.code)


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="xero-prune-history", queue=SWEEPS)
async def prune_history(timestamp: int) -> None:
    """Lets go of what was sent to Xero and received from it long ago; that it was asked stays."""
    now = datetime.fromtimestamp(timestamp, UTC)
    async with DatabaseThread(Identity.system()) as database:
        found = await database.run(history.organisations)
    for organisation_id in found:
        async with DatabaseThread(Identity.system(organisation_id)) as database:
            while await database.run(history.prune, organisation_id, now):
                pass
