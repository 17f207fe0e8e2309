"""One handler of an account's hooks at a time, by locks that a dead process cannot keep.

As `sync.lock`, in a key space of its own: a sweep that takes an hour keeps no hook waiting. The connections are
kept, because hooks come often and are handled quickly.
"""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from django.db import connection

Connection = psycopg.AsyncConnection[Any]

#: Of the keys of advisory locks; 1 to 3 are taken by the ledger, reads and matching.
_SPACE = 4


class Locks:
    """Locks of one process. `hold` says whether it got one; nobody waits."""

    def __init__(self) -> None:
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[bool]:
        """Whether the lock called `key` is ours while the block runs."""
        holder = self._idle.pop() if self._idle else None
        if holder is None or holder.closed:
            holder = await connect()
        try:
            # The first statement opens the transaction that holds the lock; a machine that vanished is noticed.
            await holder.execute(
                "SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL tcp_keepalives_idle = 20;"
                " SET LOCAL tcp_keepalives_interval = 5; SET LOCAL tcp_keepalives_count = 4"
            )
            cursor = await holder.execute(
                "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, %s))", [key, _SPACE]
            )
            row = await cursor.fetchone()
            yield bool(row and row[0])
            await holder.rollback()
        except BaseException:
            await _close(holder)
            raise
        self._idle.append(holder)

    async def close(self) -> None:
        """Closes the connections."""
        while self._idle:
            await _close(self._idle.pop())


async def connect(*, autocommit: bool = False) -> Connection:
    """A connection as Django's, for statements that are no tenant's."""
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    return await psycopg.AsyncConnection.connect(**parameters, autocommit=autocommit, prepare_threshold=None)


async def _close(holder: Connection) -> None:
    with contextlib.suppress(psycopg.Error, OSError):
        await holder.close()
