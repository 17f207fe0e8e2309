"""Asking the workers to read what is due now, for those who drive Housecount from cron."""

import asyncio
import time
from collections.abc import Callable

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from housecount.core.errors import HousecountError, NextStep

# The names are a contract with housecount.sync.tasks, which cannot be imported here: it needs Django.
TASK = "housecount.sync.tasks.read_what_is_due"
QUEUEING_LOCK = "read-what-is-due"


class QueueAway(HousecountError):
    """The queue cannot be reached."""

    code = "unavailable"
    http_status = 503
    next_step = NextStep.RETRY_AFTER


class Schedule:
    """Puts jobs into the queue. `url` tells where the database is; `patience` is in seconds."""

    def __init__(self, url: Callable[[], str], *, patience: float = 5.0) -> None:
        self._url = url
        self._patience = patience
        self._app = App(connector=PsycopgConnector())

    async def read_what_is_due(self) -> None:
        """Enqueues the job, unless one waits already. Raises QueueAway."""
        try:
            async with (
                asyncio.timeout(self._patience),
                await psycopg.AsyncConnection.connect(
                    self._url(), autocommit=True, prepare_threshold=None, connect_timeout=5
                ) as connection,
            ):
                job = self._app.configure_task(TASK, queueing_lock=QUEUEING_LOCK, connection=connection)
                await job.defer_async(timestamp=int(time.time()))
        except AlreadyEnqueued:
            return
        except (psycopg.Error, ConnectorException, HousecountError, TimeoutError, OSError):
            raise QueueAway("The queue cannot be reached just now. Please ask again later.") from None
