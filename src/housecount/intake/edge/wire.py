"""Several statements in one journey to PostgreSQL and back, in libpq's pipeline mode.

psycopg's own pipeline does the same for any statement; this does it for a few with finished bytes as parameters,
at a fraction of its cost, and can be given up at any moment: the connection is then closed.
"""

import asyncio
from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

BOOL_ARRAY, BYTEA_ARRAY, TEXT_ARRAY = 1000, 1001, 1009
_OF = {BOOL_ARRAY: 16, BYTEA_ARRAY: 17, TEXT_ARRAY: 25}
_HEADER = Struct("!IIIII").pack
_LENGTH = Struct("!I").pack
_FAILED = frozenset({ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE})
_BINARY = 1


class Statement(NamedTuple):
    """SQL, with parameters in PostgreSQL's binary form and the object ids of their types."""

    sql: bytes
    parameters: Sequence[bytes] = ()
    types: Sequence[int] = ()


def packed(array_type: int, values: Sequence[bytes]) -> bytes:
    """An array in PostgreSQL's binary form; each of `values` is an element in its own."""
    return _HEADER(1, 0, _OF[array_type], len(values), 1) + b"".join(
        [_LENGTH(len(value)) + value for value in values]
    )


class Wire:
    """One connection. It is of no more use after anything but an error of a statement: look at `usable`."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        self._connection = connection  # keeps it open
        self._pgconn: PGconn = connection.pgconn
        self._pgconn.enter_pipeline_mode()

    @property
    def usable(self) -> bool:
        """Whether another transaction may begin on it."""
        return (
            self._pgconn.status == ConnStatus.OK and self._pgconn.transaction_status == TransactionStatus.IDLE
        )

    async def transact(self, statements: Sequence[Statement]) -> list[PGresult]:
        """Runs the statements as one transaction; their results, after the commit.

        Raises the first statement's error, with everything undone.
        """
        try:
            *results, ended = (await self._exchange([_BEGIN, *statements, _COMMIT]))[1:]
        except psycopg.Error:
            # What comes after a failure in a pipeline is skipped, the COMMIT too.
            if self._pgconn.status == ConnStatus.OK:
                await self._exchange([_ROLLBACK])
            raise
        if (
            ended.command_status != b"COMMIT"
        ):  # a failed transaction is undone by its COMMIT, without an error
            raise psycopg.OperationalError("the transaction was not committed")
        return results

    async def _exchange(self, statements: Sequence[Statement]) -> list[PGresult]:
        pgconn = self._pgconn
        try:
            for sql, parameters, types in statements:
                pgconn.send_query_params(sql, parameters, types, [_BINARY] * len(parameters))
            pgconn.pipeline_sync()
            while pgconn.flush():
                await self._ready(write=True)
                pgconn.consume_input()
            results: list[PGresult] = []
            while True:
                while pgconn.is_busy():
                    await self._ready()
                    pgconn.consume_input()
                result = pgconn.get_result()
                if result is None:
                    if pgconn.status != ConnStatus.OK:  # then it would be None for ever
                        raise psycopg.OperationalError("the connection was lost")
                    continue
                if result.status == ExecStatus.PIPELINE_SYNC:
                    break
                results.append(result)
        except BaseException:
            # In the middle of an exchange, nobody could tell what the next answer belongs to.
            pgconn.finish()
            raise
        for result in results:
            if result.status in _FAILED:
                raise error_from_result(result)
        return results

    async def _ready(self, *, write: bool = False) -> None:
        """Comes back when there is something to read, or (with `write`) room to write."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        socket = self._pgconn.socket
        loop.add_reader(socket, _wake, ready)
        if write:
            loop.add_writer(socket, _wake, ready)
        try:
            await ready
        finally:
            loop.remove_reader(socket)
            if write:
                loop.remove_writer(socket)


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


_BEGIN, _COMMIT, _ROLLBACK = Statement(b"BEGIN"), Statement(b"COMMIT"), Statement(b"ROLLBACK")
