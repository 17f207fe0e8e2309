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


@asynccontextmanager
async def account_lock(account_id: UUID, wait: float) -> AsyncIterator[AccountLock]:
    """Holds the account's lock; waits up to `wait` seconds for another reader. Raises `AlreadyBeingRead`."""
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    holder = await psycopg.AsyncConnection.connect(**parameters, prepare_threshold=None)
    try:
        # The first statement opens the transaction. A machine that vanished is noticed by keep-alives.
        await holder.execute(
            "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL tcp_keepalives_idle = 20"
        )
        deadline = time.monotonic() + wait
        while not await _try_lock(holder, account_id):
            if time.monotonic() >= deadline:
                raise AlreadyBeingRead(
                    "The account is being read by another process. Try again when it is done."
                )
            await asyncio.sleep(0.25)
        yield AccountLock(holder)
    finally:
        await holder.close()


async def _try_lock(holder: psycopg.AsyncConnection[Any], account_id: UUID) -> bool:
    cursor = await holder.execute(
        "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 2))", [str(account_id)]
    )
    row = await cursor.fetchone()
    return bool(row and row[0])
