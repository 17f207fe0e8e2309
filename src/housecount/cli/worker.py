"""`housecount worker`."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

from housecount.cli.output import note
from housecount.cli.ready import ready
from housecount.core.errors import HousecountError
from housecount.installation import database

if TYPE_CHECKING:
    from procrastinate import App

_CONCURRENCY = 4
_POLL_SECONDS = 5.0
_GRACE_SECONDS = 10
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
_CLOCK_EVERY_SECONDS = 5.0
_CLOCK_STEP_SECONDS = 30.0
_LOGGER = logging.getLogger(__name__)


@click.command()
@click.option(
    "--concurrency",
    default=_CONCURRENCY,
    show_default=True,
    type=click.IntRange(2, 64),
    help="Accounts that are read at the same time; half of them may be full sweeps.",
)
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
    """Read accounts, handle webhooks and run other background jobs until Ctrl-C or SIGTERM.

    Told to stop, it ends each read at the page it is at and hands the rest back. When the database restarts, so does
    the worker, after a pause that grows with each failure.
    """
    ready()
    note("The worker is running - Ctrl-C stops it.")
    database.keep_alive()
    failures = 0
    while True:
        started = time.monotonic()
        try:
            asyncio.run(_work(concurrency, listen=not no_listen, grace=grace))
        except ClockStepped as stepped:
            note(stepped.message)
        except Exception as error:
            failures = 1 if time.monotonic() - started > _STEADY_SECONDS else failures + 1
            pause = _pause(failures)
            _LOGGER.info("The worker stopped", exc_info=error)
            note(f"The worker stopped ({type(error).__name__}); it starts again in {pause:.1f} s.")
            time.sleep(pause)
        else:
            return


def _pause(failures: int) -> float:
    return float(min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** (failures - 1)))


class QueueLost(HousecountError):
    """The queue cannot be reached any more."""

    code = "queue_lost"


class ClockStepped(HousecountError):
    """This machine's clock was set back: what is timed by it begins anew."""

    code = "clock_stepped"


async def _work(concurrency: int, *, listen: bool, grace: int) -> None:
    """Work until told to stop by a signal. Raises when it ends for another reason, such as a lost database."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    async with _prepared(told) as app:
        jobs = [asyncio.create_task(_jobs(app, *part, listen, grace)) for part in _parts(concurrency)]
        desk = asyncio.create_task(_for_ever(told, lambda: _desk(told, listen=listen)))
        clock = asyncio.create_task(_clock_set_back())
        stopped = asyncio.create_task(told.wait())
        await asyncio.wait([*jobs, clock, stopped], return_when=asyncio.FIRST_COMPLETED)
        meant = told.is_set()
        told.set()  # reads stop at the page they are at, wherever the end came from
        for task in (*jobs, clock):
            task.cancel()
        ended = await asyncio.gather(*jobs, clock, return_exceptions=True)
        # The desk ends by itself; should it not, it is no better than anything else that is stuck.
        await asyncio.wait([desk], timeout=grace)
        desk.cancel()
        await asyncio.gather(desk, stopped, return_exceptions=True)
    if meant:
        return
    raise next(
        (error for error in ended if isinstance(error, Exception)),
        QueueLost("The queue cannot be reached any more."),
    )


def _parts(concurrency: int) -> list[tuple[list[str], int]]:
    """Which queues are worked on with which strength: see `sync.tasks`. One place more than asked for is for upkeep,
    so that it never waits for reads to end."""
    from housecount.sync.tasks import READS, SWEEPS, UPKEEP

    reads = max(1, concurrency // 2)
    return [([UPKEEP, READS], reads + 1), ([SWEEPS, READS], max(1, concurrency - reads))]


@contextlib.asynccontextmanager
async def _prepared(told: asyncio.Event) -> AsyncIterator["App"]:
    """The queue, open; connections that reads hand on to each other; and reads that stop when we are `told`."""
    from procrastinate.contrib.django import app
    from procrastinate.contrib.django.django_connector import DjangoConnector

    from housecount.sync import tasks
    from housecount.sync.database import kept_threads
    from housecount.sync.lock import kept_connections
    from housecount.sync.progress import Stop

    assert isinstance(app.connector, DjangoConnector)
    tasks.stop = Stop(told)
    with app.replace_connector(app.connector.get_worker_connector()) as working:
        async with working.open_async():
            with kept_threads():
                async with kept_connections():
                    yield working


async def _jobs(app: "App", queues: list[str], concurrency: int, listen: bool, grace: int) -> None:
    await app.run_worker_async(
        queues=queues,
        concurrency=concurrency,
        listen_notify=listen,
        fetch_job_polling_interval=_POLL_SECONDS,
        shutdown_graceful_timeout=grace,
        # Its own handlers would hide from us whether it was told to stop or gave up.
        install_signal_handlers=False,
        # Cost grows with change: a read that went well is in the history of reads already.
        delete_jobs="successful",
    )


async def _desk(told: asyncio.Event, *, listen: bool) -> None:
    """Handles webhooks beside the jobs, so that a hook never waits for a place in a queue."""
    from housecount.intake import desk

    await desk.run(told, listen=listen)


async def _for_ever(told: asyncio.Event, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Begins `work` anew when it ends before we are `told` to stop, after a pause that grows with each failure."""
    failures = 0
    while not told.is_set():
        started = time.monotonic()
        try:
            await work()
        except Exception as error:
            _LOGGER.warning("The desk stopped", exc_info=error)
        failures = 1 if time.monotonic() - started > _STEADY_SECONDS else failures + 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), _pause(failures))


async def _clock_set_back(
    now: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
) -> None:
    """Ends, with `ClockStepped`, when the clock was set back: periodic jobs would not come until it has caught up."""
    apart = now() - steady()
    while True:
        await asyncio.sleep(_CLOCK_EVERY_SECONDS)
        before, apart = apart, now() - steady()
        if apart < before - _CLOCK_STEP_SECONDS:
            raise ClockStepped(
                f"This machine's clock was set back by {before - apart:.0f} s; the worker begins anew with it."
            )
