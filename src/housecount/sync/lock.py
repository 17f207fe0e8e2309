"""One reader per account at a time, by a lock that a dead process cannot keep.

An advisory lock is held by an open transaction on a connection of its own: when the process dies, its
connection closes and PostgreSQL lets go at once. Because the lock belongs to the transaction, not to the
session, it also holds behind a transaction-pooling proxy. It takes no snapshot, so it keeps nothing from
being vacuumed.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from housecount.core.errors import HousecountError, NextStep


class AlreadyBeingRead(HousecountError):
    """Another process is reading the account, and did not finish in the time we waited."""

    code = "already_being_read"
    http_status = 409
    next_step = NextStep.RETRY_AFTER


class LockLost(HousecountError):
    """The database let go of the lock while we were reading; the read stops before it writes anything more."""

    code = "lock_lost"
    http_status = 503
    next_step = NextStep.RETRY


class AccountLock:
    """A held lock; `check` before each write."""

    def __init__(self, held_by: psycopg.AsyncConnection[Any]) -> None:
        self._held_by = held_by
        self._asked = asyncio.Lock()

    async def check(self) -> None:
        """Raises `LockLost` when the lock is not ours any more."""
        try:
            async with self._asked:
                await self._held_by.execute("SELECT 1")
        except psycopg.Error:
            raise LockLost(
                "The database broke off while the account was being read. What was stored is complete; "
                "the rest is read next time."
            ) from None


#: Connections that wait for the next lock; None where none are kept.
_kept: list[psycopg.AsyncConnection[Any]] | None = None
_MOST_KEPT = 16


@asynccontextmanager
async def kept_connections() -> AsyncIterator[None]:
    """Within it, the connections that hold locks are handed on rather than closed: see `database.kept_threads`."""
    global _kept  # noqa: PLW0603 - one worker per process
    _kept = []
    try:
        yield
    finally:
        holders, _kept = _kept, None
        for holder in holders:
            await holder.close()


@asynccontextmanager
async def account_lock(account_id: UUID, wait: float) -> AsyncIterator[AccountLock]:
    """Holds the account's lock; waits up to `wait` seconds for another reader. Raises `AlreadyBeingRead`."""
    holder = await _opened()
    ended_well = False
    try:
        deadline = time.monotonic() + wait
        while not await _try_lock(holder, account_id):
            if time.monotonic() >= deadline:
                ended_well = True
                raise AlreadyBeingRead(
                    "The account is being read by another process. Try again when it is done."
                )
            await asyncio.sleep(0.25)
        yield AccountLock(holder)
        ended_well = True
    finally:
        await _done(holder, ended_well=ended_well)


async def _opened() -> psycopg.AsyncConnection[Any]:
    """A connection in a transaction that may stay open for as long as a read takes."""
    while _kept:
        holder = _kept.pop()
        try:
            await holder.execute(_BEGIN)
        except psycopg.Error:
            await holder.close()
        else:
            return holder
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    holder = await psycopg.AsyncConnection.connect(**parameters, prepare_threshold=None)
    try:
        await holder.execute(_BEGIN)
    except BaseException:
        await holder.close()
        raise
    return holder


async def _done(holder: psycopg.AsyncConnection[Any], *, ended_well: bool) -> None:
    """Lets go of the lock: with the transaction, so that it is free at once, or else with the connection."""
    if ended_well:
        try:
            await holder.rollback()
        except psycopg.Error:
            pass
        else:
            if _kept is not None and len(_kept) < _MOST_KEPT:
                _kept.append(holder)
                return
    await holder.close()


# The first statement opens the transaction. A machine that vanished is noticed by keep-alives, after 40 seconds.
_BEGIN = (
    "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL tcp_keepalives_idle = 20;"
    " SET LOCAL tcp_keepalives_interval = 5; SET LOCAL tcp_keepalives_count = 4"
)


async def _try_lock(holder: psycopg.AsyncConnection[Any], account_id: UUID) -> bool:
    cursor = await holder.execute(
        "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 2))", [str(account_id)]
    )
    row = await cursor.fetchone()
    return bool(row and row[0])
