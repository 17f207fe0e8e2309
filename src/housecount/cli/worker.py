"""`housecount worker`."""

import asyncio
import contextlib
import logging
import signal
import time

import click

from housecount.cli.output import note
from housecount.cli.ready import ready
from housecount.core.errors import HousecountError
from housecount.installation import database

_CONCURRENCY = 4
_POLL_SECONDS = 5.0
_GRACE_SECONDS = 10
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
_LOGGER = logging.getLogger(__name__)


@click.command()
@click.option("--concurrency", default=_CONCURRENCY, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--no-listen",
    is_flag=True,
    help="Only look for jobs every few seconds; for databases behind a transaction-pooling proxy.",
)
@click.option(
    "--grace",
    default=_GRACE_SECONDS,
    show_default=True,
    type=click.IntRange(0, 600),
    help="Seconds that running jobs get to end when the worker is told to stop.",
)
def worker(concurrency: int, no_listen: bool, grace: int) -> None:
    """Run background jobs until Ctrl-C or SIGTERM.

    When the database restarts, so does the worker, after a pause that grows with each failure.
    """
    ready()
    note("The worker is running - Ctrl-C stops it.")
    database.keep_alive()
    failures = 0
    while True:
        started = time.monotonic()
        try:
            asyncio.run(_work(concurrency, listen=not no_listen, grace=grace))
        except Exception as error:
            failures = 1 if time.monotonic() - started > _STEADY_SECONDS else failures + 1
            pause = min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** (failures - 1))
            _LOGGER.info("The worker stopped", exc_info=error)
            note(f"The worker stopped ({type(error).__name__}); it starts again in {pause:.1f} s.")
            time.sleep(pause)
        else:
            return


class QueueLost(HousecountError):
    """The queue cannot be reached any more."""

    code = "queue_lost"


async def _work(concurrency: int, *, listen: bool, grace: int) -> None:
    """Work until told to stop by a signal. Raises when it ends for another reason, such as a lost database."""
    from procrastinate.contrib.django import app
    from procrastinate.contrib.django.django_connector import DjangoConnector

    told = asyncio.Event()
    assert isinstance(app.connector, DjangoConnector)
    with app.replace_connector(app.connector.get_worker_connector()) as working:
        async with working.open_async():
            task = asyncio.create_task(
                working.run_worker_async(
                    concurrency=concurrency,
                    listen_notify=listen,
                    fetch_job_polling_interval=_POLL_SECONDS,
                    shutdown_graceful_timeout=grace,
                    # Its own handlers would hide from us whether it was told to stop or gave up.
                    install_signal_handlers=False,
                )
            )

            def stop() -> None:
                told.set()
                task.cancel()

            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop)
            with contextlib.suppress(asyncio.CancelledError):
                await task
    if not told.is_set():
        raise QueueLost("The queue cannot be reached any more.")
