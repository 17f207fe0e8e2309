"""Putting hooks into the log: those that wait go in one transaction, and each is answered after its commit.

Nothing here outlives a transaction, so that a pooling proxy may stand before the database: no prepared
statements, no session settings, no LISTEN.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum

import psycopg

from housecount.core.errors import HousecountError, NextStep
from housecount.installation import roles
from housecount.intake.edge.rows import Row
from housecount.intake.edge.wire import BOOL_ARRAY, BYTEA_ARRAY, TEXT_ARRAY, Statement, Wire, packed

CHANNEL = "housecount_hooks"
"""The channel on which the desk is told that hooks wait."""

_GROUP = 200
_NOTIFY_EVERY_SECONDS = 0.02
_CONNECT_SECONDS = 5
_LOOK_EVERY_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 1.0
_LOG_EVERY_SECONDS = 10.0
_LOGGER = logging.getLogger(__name__)

Connection = psycopg.AsyncConnection[tuple[object, ...]]


class Outcome(Enum):
    """What became of a row that was offered."""

    STORED = "stored"
    NO_SUCH_DOOR = "no_such_door"
    NOT_GENUINE = "not_genuine"


class Unavailable(HousecountError):
    """The row could not be stored now: the sender should try again."""

    code = "unavailable"
    http_status = 503
    next_step = NextStep.RETRY_AFTER


class _Waiting:
    """A row and the request that waits for it."""

    __slots__ = ("answer", "row", "since")

    def __init__(self, row: Row, answer: "asyncio.Future[Outcome]", since: float) -> None:
        self.row, self.answer, self.since = row, answer, since

    def settle(self, outcome: Outcome | Unavailable) -> None:
        """Answers the request, unless it was answered or is gone."""
        if self.answer.done():
            return
        if isinstance(outcome, Unavailable):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class Store:
    """Takes rows, puts them into the log. To be started and stopped in the loop it is used in.

    `url` tells where the database is, and is asked anew for each connection. `patience`: seconds until a request
    is told that the database is away. `most_waiting`: rows beyond which it is told so at once.
    """

    def __init__(
        self, url: Callable[[], str], *, writers: int = 2, patience: float = 5.0, most_waiting: int = 4_000
    ) -> None:
        self._url = url
        self._patience = patience
        self._most_waiting = most_waiting
        self._waiting: deque[_Waiting] = deque()
        self._come = asyncio.Event()
        self._unheard = asyncio.Event()
        self._stopping = False
        self._away_since: float | None = None
        self._log_again_at = 0.0
        self._writers = [_Writer(self) for _ in range(writers)]
        self._tasks: list[asyncio.Task[None]] = []
        self._helpers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins to connect; comes back at once."""
        self._tasks = [asyncio.create_task(writer.run()) for writer in self._writers]
        self._helpers = [asyncio.create_task(self._sweep()), asyncio.create_task(self._notify())]

    async def stop(self) -> None:
        """Stores what waits, as far as patience reaches, and closes the connections."""
        self._stopping = True
        self._come.set()
        _, late = await asyncio.wait(self._tasks, timeout=self._patience)
        for task in (*late, *self._helpers):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._helpers, return_exceptions=True)
        self.refuse(list(self._waiting))

    def offer(self, row: Row) -> "asyncio.Future[Outcome]":
        """Put a row in the queue; the future comes true after its commit. Unavailable is raised here or there."""
        now = time.monotonic()
        if len(self._waiting) >= self._most_waiting or (
            self._away_since is not None and now - self._away_since > self._patience
        ):
            raise _unavailable()
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(row, answer, now))
        self._come.set()
        return answer

    async def ping(self) -> bool:
        """Whether the database lets us in and has the log, asked on a connection of its own."""
        try:
            async with asyncio.timeout(self._patience):
                connection = await self.connect()
                try:
                    await Wire(connection).transact([_ACT, _RIGHT])
                finally:
                    await _close(connection)
        except (psycopg.Error, HousecountError, TimeoutError, OSError):
            return False
        return True

    # --- For the writers ------------------------------------------------------------------------------
    async def connect(self) -> Connection:
        """A connection in autocommit."""
        return await psycopg.AsyncConnection.connect(
            self._url(),
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=_CONNECT_SECONDS,
            application_name="housecount-edge",
        )

    async def take(self) -> list[_Waiting]:
        """Waits for rows; those there are, at most a group of them. None are left only when it is time to stop."""
        while not self._waiting:
            if self._stopping:
                return []
            self._come.clear()
            await self._come.wait()
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(_GROUP, len(waiting)))]

    def give_back(self, group: Sequence[_Waiting]) -> None:
        """To be stored by another connection."""
        self._waiting.extendleft(reversed([each for each in group if not each.answer.done()]))
        self._come.set()

    def refuse(self, group: Sequence[_Waiting], error: psycopg.Error | None = None) -> None:
        """Answers those that have no answer: try again later."""
        if error is not None:
            self.log_refusal(error)
        for each in group:
            each.settle(_unavailable())

    def log_refusal(self, error: psycopg.Error) -> None:
        """Says now and then why the database refuses; never what it refused."""
        if time.monotonic() > self._log_again_at:
            self._log_again_at = time.monotonic() + _LOG_EVERY_SECONDS
            reason = error.diag.message_primary if not isinstance(error, psycopg.DataError) else None
            _LOGGER.warning("The database refuses a hook: %s", reason or type(error).__name__)

    def stored(self) -> None:
        """Something was committed."""
        self._unheard.set()

    def reached(self, *, yes: bool) -> None:
        """Whether the database could be reached just now."""
        if yes:
            if self._away_since is not None:
                _LOGGER.warning("The edge reaches the database again.")
            self._away_since = None
        elif self._away_since is None:
            self._away_since = time.monotonic()
            _LOGGER.warning("The edge cannot reach the database; hooks are answered with 503 meanwhile.")

    @property
    def patience(self) -> float:
        return self._patience

    @property
    def stopping(self) -> bool:
        return self._stopping

    # --- Helpers --------------------------------------------------------------------------------------
    async def _sweep(self) -> None:
        """Nobody waits for longer than patience, also when no writer can take what waits."""
        while True:
            await asyncio.sleep(min(_LOOK_EVERY_SECONDS, self._patience))
            latest = time.monotonic() - self._patience
            while self._waiting and self._waiting[0].since <= latest:
                self.refuse([self._waiting.popleft()])

    async def _notify(self) -> None:
        """Tells the desk that there is something. After the commit and seldom: a NOTIFY within the groups' own
        transactions would make their commits wait for each other. One that is lost costs a second."""
        connection: Connection | None = None
        try:
            while True:
                await self._unheard.wait()
                self._unheard.clear()
                try:
                    async with asyncio.timeout(self._patience):
                        connection = connection or await self.connect()
                        await connection.execute(f"NOTIFY {CHANNEL}")
                except Exception:  # noqa: BLE001 - it is only a hint, but the next one must go out
                    if connection is not None:
                        await _close(connection)
                        self._unheard.set()  # once more, on a new connection
                    connection = None
                await asyncio.sleep(_NOTIFY_EVERY_SECONDS)
        finally:
            if connection is not None:
                await _close(connection)


class _Writer:
    """One connection, and the groups that go over it one after the other."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self) -> None:
        """Stores groups until the store stops; connects anew whenever the connection is lost."""
        failures = 0
        while True:
            connection: Connection | None = None
            try:
                async with asyncio.timeout(2 * _CONNECT_SECONDS):
                    connection = await self._store.connect()
                failures = 0
                self._store.reached(yes=True)
                await self._work(connection)
            except Exception as error:  # noqa: BLE001 - without its writers the edge takes nothing more
                _LOGGER.info("An edge's connection failed: %s", type(error).__name__)
            else:
                return
            finally:
                if connection is not None:
                    await _close(connection)
            if connection is None:
                self._store.reached(yes=False)
                failures += 1
                if self._store.stopping:
                    return
            await asyncio.sleep(min(_LONGEST_PAUSE_SECONDS, 0.02 * 2 ** min(failures, 10)))

    async def _work(self, connection: Connection) -> None:
        """Comes back when it is time to stop; raises when the connection is of no more use."""
        wire = Wire(connection)
        while True:
            group = await self._store.take()
            if not group:
                return
            # Answered in time whatever the connection does; what it does then is its own affair.
            give_up = asyncio.get_running_loop().call_later(self._store.patience, self._store.refuse, group)
            try:
                async with asyncio.timeout(self._store.patience):
                    await self._store_group(wire, group)
            except BaseException:
                # Whatever it was, the group is another connection's now; who was told to stop, refuses it in the end.
                self._store.give_back(group)
                raise
            finally:
                give_up.cancel()

    async def _store_group(self, wire: Wire, group: Sequence[_Waiting]) -> None:
        """Answers every request of the group, or raises when the connection is lost."""
        try:
            outcomes = await _insert(wire, [each.row for each in group])
        except psycopg.Error as error:
            if _lost(wire, error):
                raise
            if isinstance(error, _IN_A_ROW):
                await self._store_one_by_one(wire, group)
            else:
                self._store.refuse(group, error)
            return
        self._store.stored()
        for each, outcome in zip(group, outcomes, strict=True):
            each.settle(outcome)

    async def _store_one_by_one(self, wire: Wire, group: Sequence[_Waiting]) -> None:
        """After a failure that lies in a row: the good ones are stored as they are, and bad ones bare."""
        for each in group:
            for row in (each.row, each.row.bare()):
                try:
                    outcomes = await _insert(wire, [row])
                except psycopg.Error as error:
                    if _lost(wire, error):
                        raise
                    self._store.log_refusal(error)
                    if not isinstance(error, _IN_A_ROW):
                        break
                else:
                    self._store.stored()
                    each.settle(outcomes[0])
                    break
        self._store.refuse([each for each in group if not each.answer.done()])


#: Failures that lie in what a row holds; in a group, they cost the others nothing but time.
_IN_A_ROW = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)


def _unavailable() -> Unavailable:
    return Unavailable("The hook could not be stored just now. Nothing is lost when it is sent again.")


def _lost(wire: Wire, error: psycopg.Error) -> bool:
    """Whether the connection cannot be used any more, or another may have more luck."""
    if not wire.usable:
        return True
    return isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.ReadOnlySqlTransaction)


async def _close(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error, OSError):
        await connection.close()


# --- Statements ---------------------------------------------------------------------------------------
_ACT = Statement(
    f"SELECT set_config('role', '{roles.APP}', true), set_config('app.role', 'intake', true),"
    " set_config('app.organisation_id', '', true), set_config('app.user_id', '', true)".encode()
)
_RIGHT = Statement(b"SELECT 1 / has_table_privilege('webhook_log', 'INSERT')::integer")
_TYPES = (BYTEA_ARRAY, BOOL_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, *[TEXT_ARRAY] * 4)
# Made by a migration of the intake, which says what it does.
_TAKE = b"SELECT app.take_hooks($1, $2, $3, $4, $5, $6, $7, $8, $9)"
# A relay does not say whose a hook is; where a platform has one account only, it is that one's.
_TAKE_RELAYED = b"""
INSERT INTO webhook_log (organisation_id, account_id, platform, headers, body, webhook_id, action, verdict, touches,
    status, attempts, next_try_at, outcome, explanation)
SELECT door.organisation_id, door.account_id, hook.platform, headers::jsonb, body, webhook_id, action, verdict,
    touches::jsonb, 'waiting', 0, statement_timestamp(), '', ''
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS hook
    (token_hash, genuine, platform, headers, body, webhook_id, action, verdict, touches)
LEFT JOIN (
    SELECT platform, (array_agg(organisation_id))[1] AS organisation_id, (array_agg(account_id))[1] AS account_id
    FROM sync_hook_door GROUP BY platform HAVING count(*) = 1
) door ON door.platform = hook.platform"""


async def _insert(wire: Wire, rows: Sequence[Row]) -> list[Outcome]:
    """Stores rows in one transaction; what became of each."""
    at_doors = [place for place, row in enumerate(rows) if row.token_hash]
    relayed = [row for row in rows if not row.token_hash]
    statements = [_ACT]
    if at_doors:
        statements.append(_statement(_TAKE, rows if not relayed else [rows[place] for place in at_doors]))
    if relayed:
        statements.append(_statement(_TAKE_RELAYED, relayed))
    results = await wire.transact(statements)
    outcomes = [Outcome.STORED] * len(rows)
    if at_doors:
        told = (results[1].get_value(0, 0) or b"{}")[1:-1]
        found = {at_doors[int(place) - 1] for place in told.split(b",") if place}
        for place in at_doors:
            if place not in found:
                outcomes[place] = Outcome.NO_SUCH_DOOR
            elif not rows[place].genuine:
                outcomes[place] = Outcome.NOT_GENUINE
    return outcomes


def _statement(sql: bytes, rows: Sequence[Row]) -> Statement:
    columns = (
        [row.token_hash for row in rows],
        [b"\1" if row.genuine else b"\0" for row in rows],
        [row.platform for row in rows],
        [row.headers for row in rows],
        [row.body for row in rows],
        [row.webhook_id for row in rows],
        [row.action for row in rows],
        [row.verdict for row in rows],
        [row.touches for row in rows],
    )
    parameters = [packed(kind, column) for kind, column in zip(_TYPES, columns, strict=True)]
    return Statement(sql, parameters, _TYPES)
