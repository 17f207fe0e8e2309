"""One reader per account at a time, by a lock that nobody who died or was cut off can keep."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connections

from housecount.sync import reader, services
from housecount.sync.lock import AlreadyBeingRead, LockLost, account_lock
from housecount.sync.models import ReadRun
from housecount.sync.reader import Silent
from tests.promoters import impatient_client
from tests.sync.theatre import HUMANITIX, MELBOURNE, Theatre
from tests.walls.pooling_proxy import pooling_proxy

_SOURCE = Path(__file__).parents[2] / "src"
_HOLDER = """
import asyncio, sys, uuid
import django; django.setup()
from housecount.sync.lock import account_lock
async def hold():
    async with account_lock(uuid.UUID(sys.argv[1]), 0):
        print("held", flush=True)
        await asyncio.sleep(600)
asyncio.run(hold())
"""


def read(stage: Theatre, number: int, wait: float = 60, progress: Silent | None = None) -> ReadRun:
    account = stage.promoter.accounts[number]
    return asyncio.run(
        services.read_account(
            account.organisation_id,
            account.id,
            full=True,
            wait=wait,
            progress=progress,
            client_of=impatient_client,
            now=stage.clock,
        )
    )


def held(account_id: UUID) -> bool:
    """Whether somebody holds the account's lock."""

    async def take() -> bool:
        try:
            async with account_lock(account_id, 0):
                return False
        except AlreadyBeingRead:
            return True

    return asyncio.run(take())


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """`work` in a thread of its own, with database connections of its own; what it returned or raised."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


class Watching(Silent):
    """Does something once, after the first page that brought orders."""

    def __init__(self, then: Callable[[], None]) -> None:
        self.then: Callable[[], None] | None = then

    def stored(self, account: str, orders: int) -> None:
        if orders and self.then is not None:
            then, self.then = self.then, None
            then()


def test_who_does_not_wait_is_refused_while_another_reads(stage: Theatre) -> None:
    refused: list[object] = []

    def try_too() -> None:
        thread, results = in_thread(lambda: read(stage, HUMANITIX, wait=0))
        thread.join()
        refused.extend(results)

    assert read(stage, HUMANITIX, progress=Watching(try_too)).complete
    assert [type(result) for result in refused] == [AlreadyBeingRead]
    assert not held(stage.promoter.accounts[HUMANITIX].id)


def test_two_readers_that_wait_for_each_other_count_nothing_twice(stage: Theatre) -> None:
    started: list[tuple[threading.Thread, list[object]]] = []
    first = read(
        stage,
        HUMANITIX,
        progress=Watching(lambda: started.append(in_thread(lambda: read(stage, HUMANITIX)))),
    )
    [(thread, results)] = started
    thread.join()
    [second] = results
    assert isinstance(second, ReadRun)
    assert first.orders_changed > 0
    assert (second.complete, second.orders_changed, second.tickets_changed) == (True, 0, 0)
    truth = {key: value for key, value in stage.promoter.truth().items() if key[0] == "humanitix"}
    assert stage.promoter.count() == truth


def test_the_locks_of_two_accounts_are_two(stage: Theatre) -> None:
    def read_the_other() -> None:
        thread, results = in_thread(lambda: read(stage, MELBOURNE, wait=0))
        thread.join()
        [result] = results
        assert isinstance(result, ReadRun), result

    assert read(stage, HUMANITIX, progress=Watching(read_the_other)).complete


def test_a_reader_that_is_killed_keeps_nothing(stage: Theatre) -> None:
    account_id = stage.promoter.accounts[MELBOURNE].id
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(account_id)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "housecount.settings", "PYTHONPATH": str(_SOURCE)},
    ) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            assert held(account_id)
        finally:
            holder.send_signal(signal.SIGKILL)
        holder.wait()
        run = read(stage, MELBOURNE, wait=10)
    assert run.complete


def terminate_holder(database_url: str, account_id: UUID) -> None:
    """Breaks the connection that holds the account's lock, as a restart of the server would."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_locks WHERE locktype = 'advisory'"
            " AND ((classid::bigint << 32) | objid::bigint) = hashtextextended(%s, 2)",
            [str(account_id)],
        ).fetchone()
        assert row == (1,)


def test_a_reader_that_lost_its_lock_writes_nothing_more(
    stage: Theatre, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What another task is writing at that very moment would still be written.
    monkeypatch.setattr(reader, "CONCURRENCY", 1)
    account_id = stage.promoter.accounts[HUMANITIX].id
    lines: list[int] = []

    def cut_off() -> None:
        terminate_holder(database_url, account_id)
        lines.append(len(stage.entries()))

    class Looking(Watching):
        def stored(self, account: str, orders: int) -> None:
            if orders and self.then is not None:
                then, self.then = self.then, None
                # The loop's own thread is busy with the read: look from another.
                thread, results = in_thread(then)
                thread.join()
                assert results == [None]

    run = read(stage, HUMANITIX, progress=Looking(cut_off))
    assert (run.complete, run.error_code) == (False, LockLost.code)
    assert len(stage.entries()) == lines[0]
    assert lines[0] > 0
    assert stage.promoter.count() != stage.promoter.truth()
    assert stage.reason(stage.cellar) or stage.reason(stage.attic)
    assert stage.healed()


@contextmanager
def behind_a_proxy(database_url: str, servers: int) -> Iterator[None]:
    """Connections that are made meanwhile go through a transaction-pooling proxy."""
    with pooling_proxy(database_url, servers) as proxy, pytest.MonkeyPatch.context() as patch:
        settings = connections.settings["default"]
        patch.setitem(settings, "HOST", "127.0.0.1")
        patch.setitem(settings, "PORT", str(proxy.port))
        yield
        assert any(len(set(server.clients)) > 1 for server in proxy.servers), "nothing was shared"


def test_the_lock_holds_behind_a_pooling_proxy(stage: Theatre, database_url: str) -> None:
    refused: list[object] = []

    def try_too() -> None:
        thread, results = in_thread(lambda: read(stage, HUMANITIX, wait=0))
        thread.join()
        refused.extend(results)

    with behind_a_proxy(database_url, servers=5):
        thread, results = in_thread(lambda: read(stage, HUMANITIX, progress=Watching(try_too)))
        thread.join()
    [run] = results
    assert isinstance(run, ReadRun), run
    assert run.complete
    assert [type(result) for result in refused] == [AlreadyBeingRead]
    truth = {key: value for key, value in stage.promoter.truth().items() if key[0] == "humanitix"}
    assert stage.promoter.count() == truth


def test_an_unknown_account_is_refused_and_leaves_no_lock(stage: Theatre) -> None:
    from housecount.sync.errors import UnknownAccount

    nobody = uuid4()
    with pytest.raises(UnknownAccount):
        asyncio.run(services.read_account(stage.promoter.organisation_id, nobody))
    assert not held(nobody)
