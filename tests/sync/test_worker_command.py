"""What keeps a worker going, and what its reads hand on to each other."""

import asyncio
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from housecount.cli import worker
from housecount.sync import database
from housecount.sync.database import DatabaseThread, kept_threads
from housecount.sync.lock import AlreadyBeingRead, account_lock, kept_connections
from housecount.tenancy.identity import Identity


@pytest.mark.parametrize("concurrency", range(2, 65))
def test_reads_keep_a_part_of_the_strength_that_sweeps_cannot_take(concurrency: int) -> None:
    (queues, reads), (sweeps, others) = worker._parts(concurrency)
    assert (queues, sweeps) == (["default", "reads"], ["sweeps", "reads"])
    assert reads - 1 + others == concurrency, "one more than asked for is for upkeep"
    assert reads - 1 >= others - 1 >= 0


def test_a_clock_that_is_set_back_ends_what_is_timed_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_CLOCK_EVERY_SECONDS", 0)
    steady = iter(range(0, 10_000, 5))
    # It goes a little wrong both ways, is set forward by an hour, and at last back by as much.
    apart = iter([0, 2, -2, 20, 3600, 3590, 0])

    def now() -> float:
        return next(moments)

    moments = iter([1_000_000 + 5 * number + off for number, off in enumerate(apart)])
    with pytest.raises(worker.ClockStepped, match="set back by 3590 s"):
        asyncio.run(worker._clock_set_back(now, lambda: float(next(steady))))


def test_what_fails_beside_the_jobs_begins_anew_until_the_worker_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "_pause", lambda failures: 0.001)
    begun: list[int] = []

    async def run() -> None:
        told = asyncio.Event()

        async def work() -> None:
            begun.append(1)
            if len(begun) == 3:
                told.set()
            elif len(begun) == 2:
                raise RuntimeError

        await worker._for_ever(told, work)

    asyncio.run(run())
    assert len(begun) == 3


# --- Connections that are handed on -------------------------------------------------------------------
def backend() -> int:
    """Which of the server's processes answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [number] = cursor.fetchone()
    return int(number)


async def answered() -> int:
    async with DatabaseThread(Identity.system()) as thread:
        return await thread.run(backend)


def test_reads_of_a_worker_hand_their_connections_on() -> None:
    async def twice() -> tuple[int, int]:
        return await answered(), await answered()

    first, second = asyncio.run(twice())
    assert first != second, "this test shows nothing"
    with kept_threads():
        first, second = asyncio.run(twice())
    assert first == second
    assert database._kept is None


def test_a_connection_that_the_server_dropped_is_not_handed_on(database_url: str) -> None:
    async def dropped() -> tuple[int, int]:
        first = await answered()
        await asyncio.to_thread(_terminate, database_url, first)
        return first, await answered()

    with kept_threads():
        first, second = asyncio.run(dropped())
    assert first != second


def test_a_lock_lets_go_although_its_connection_is_kept() -> None:
    one, other = uuid4(), uuid4()

    async def run() -> set[int]:
        pids = set()
        async with kept_connections():
            for account_id in (one, other, one):
                async with account_lock(account_id, 0) as lock:
                    await lock.check()
                    pids.add(lock._held_by.info.backend_pid)
                    with pytest.raises(AlreadyBeingRead):
                        async with account_lock(account_id, 0):
                            pass
                    async with account_lock(uuid4(), 0):
                        pass
            async with account_lock(one, 0), account_lock(other, 0):
                pass
        return pids

    assert len(asyncio.run(run())) <= 2, "every lock opens a connection"


def test_a_kept_lock_connection_that_broke_is_replaced(database_url: str) -> None:
    async def run() -> None:
        async with kept_connections():
            async with account_lock(uuid4(), 0) as lock:
                pid = lock._held_by.info.backend_pid
            await asyncio.to_thread(_terminate, database_url, pid)
            async with account_lock(uuid4(), 0) as lock:
                await lock.check()
                assert lock._held_by.info.backend_pid != pid

    asyncio.run(run())


def _terminate(url: str, pid: int) -> None:
    """The application's own role may end its own connections."""
    with psycopg.connect(url, autocommit=True) as connected:
        connected.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
