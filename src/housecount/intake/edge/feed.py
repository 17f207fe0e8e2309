"""What changed, from the database to the open streams of this process.

One connection listens for all organisations, another reads. Each organisation that has a stream open here has a
channel: its latest changes in batches, which streams take from where they have come to. A notification only says that
there is something to read; the numbers of the feed say whether anything was missed, so that one which is lost costs
time and nothing else.
"""

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

import psycopg
from psycopg.pq.abc import PGresult

from housecount.core.errors import HousecountError, NextStep
from housecount.installation import roles
from housecount.intake.edge.wire import Statement, Wire

CHANNEL: Final = "housecount_changes"
"""What the database notifies on; the payload is an organisation's id, or nothing when we ask ourselves."""

#: Rows of the feed that are read at a time, of at most 500 ids each.
_ROWS = 20
#: Of a kind of which more things changed in one batch, only the kind is told.
_MOST_IDS = 500
#: Batches kept for those who come back after a moment.
_KEPT = 64
#: Pages that whoever has been away for longer is told; after that, to read everything anew.
_PAGES = 5
_CONNECT_SECONDS = 5.0
_PATIENCE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 5.0
_LOGGER = logging.getLogger(__name__)

Connection = psycopg.AsyncConnection[tuple[object, ...]]


class FeedAway(HousecountError):
    """The database cannot be asked just now."""

    code = "unavailable"
    http_status = 503
    next_step = NextStep.RETRY_AFTER


class View(NamedTuple):
    """What a stream is told: these kinds, with the ids and numbers of what changed or without."""

    kinds: frozenset[str]
    ids: bool


class Batch:
    """The changes numbered after `after` up to `last`, each thing once, as it is in the end."""

    __slots__ = ("_told", "after", "last", "things")

    def __init__(self, after: int, rows: Sequence[tuple[int, str, list[str], bool]]) -> None:
        self.after, self.last = after, rows[-1][0]
        self.things: dict[str, dict[str, bool]] = {}
        for _, kind, ids, removed in rows:
            self.things.setdefault(kind, {}).update(dict.fromkeys(ids, removed))
        self._told: dict[View, bytes] = {}

    def told(self, view: View) -> bytes:
        """The event of a stream; nothing where it is about none of its kinds. Made once for all alike."""
        if view not in self._told:
            self._told[view] = self._event(view)
        return self._told[view]

    def _event(self, view: View) -> bytes:
        changes: list[dict[str, object]] = []
        for kind, things in self.things.items():
            if kind not in view.kinds:
                continue
            if not view.ids or len(things) > _MOST_IDS:
                changes.append({"kind": kind})
            else:
                changes += [{"kind": kind, "id": id_, "removed": gone} for id_, gone in things.items()]
        if not changes:
            return b""
        return event("changes", self.last if view.ids else None, changes=changes)


def event(name: str, cursor: int | None, **data: object) -> bytes:
    """A server-sent event, with the cursor after it unless it is nobody's to know."""
    told = data if cursor is None else {"cursor": cursor, **data}
    id_ = "" if cursor is None else f"id: {cursor}\n"
    return f"event: {name}\n{id_}data: {json.dumps(told, separators=(',', ':'))}\n\n".encode()


class Listener(Protocol):
    """Whoever is told that there may be something new."""

    def wake(self) -> None:
        """Called in the loop."""


class Channel:
    """One organisation's latest changes, for the streams that are open here. `cursor` is how far it was read."""

    def __init__(self, organisation_id: UUID) -> None:
        self.organisation_id = organisation_id
        self.cursor = 0
        self.batches: deque[Batch] = deque(maxlen=_KEPT)
        self.listeners: set[Listener] = set()

    def wake(self) -> None:
        """Tells everybody."""
        for each in self.listeners:
            each.wake()


class _Page(NamedTuple):
    last: int
    forgotten: int
    rows: list[tuple[int, str, list[str], bool]]


class Feed:
    """Reads the change feed for this process. To be used in one loop; begins with the first channel.

    `url` tells where the database is. `breath`: seconds between two reads of the same organisation, in which what
    comes is gathered. `look_every`: seconds between looks without a notification.
    """

    def __init__(self, url: Callable[[], str], *, breath: float = 0.2, look_every: float = 15.0) -> None:
        self._url = url
        self._breath = breath
        self._look_every = look_every
        self._channels: dict[UUID, Channel] = {}
        self._unread: set[UUID] = set()
        self._something = asyncio.Event()
        self._asking = asyncio.Lock()
        self._wire: tuple[Wire, Connection] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = False
        self.away = False

    async def stop(self) -> None:
        """Ends its work and closes its connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._hang_up()

    async def join(self, organisation_id: UUID, listener: Listener) -> Channel:
        """The channel of an organisation, of which `listener` is told from now on. Raises FeedAway."""
        if not self._tasks:
            work = (self._listen(), self._read(), self._look())
            self._tasks = [asyncio.create_task(each) for each in work]
        channel = self._channels.get(organisation_id)
        if channel is None:
            fresh = Channel(organisation_id)
            fresh.cursor = (await self._ask(organisation_id, None)).last
            # Somebody else may have opened it meanwhile; and what was notified meanwhile was not heard.
            channel = self._channels.setdefault(organisation_id, fresh)
            self._stir(organisation_id)
        channel.listeners.add(listener)
        return channel

    def leave(self, channel: Channel, listener: Listener) -> None:
        """`listener` is told no more."""
        channel.listeners.discard(listener)
        if not channel.listeners and self._channels.get(channel.organisation_id) is channel:
            del self._channels[channel.organisation_id]

    async def after(self, channel: Channel, cursor: int) -> list[Batch] | None:
        """What changed after `cursor`, as far as the channel was read; None where that is not kept any more, is too
        much to tell, or where the cursor is none of ours. Raises FeedAway."""
        if cursor > channel.cursor:
            # A page knows what was committed a moment ago.
            await self._advance(channel)
            return [] if cursor <= channel.cursor else None
        if cursor == channel.cursor:
            return []
        if channel.batches and channel.batches[0].after <= cursor:
            return [batch for batch in channel.batches if batch.last > cursor]
        batches = []
        for _ in range(_PAGES):
            page = await self._ask(channel.organisation_id, cursor)
            if cursor < page.forgotten:
                return None
            if page.rows:
                batches.append(Batch(cursor, page.rows))
                cursor = batches[-1].last
            if len(page.rows) < _ROWS:
                return batches
        return None

    # --- Reading --------------------------------------------------------------------------------------
    def _stir(self, *organisations: UUID) -> None:
        self._unread.update(organisations)
        self._something.set()

    async def _read(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            unread, self._unread = self._unread, set()
            for organisation_id in unread:
                channel = self._channels.get(organisation_id)
                if channel is None:
                    continue
                try:
                    await self._advance(channel)
                except FeedAway:
                    self._stir(organisation_id)
                    await asyncio.sleep(_LONGEST_PAUSE_SECONDS / 5)
            await asyncio.sleep(self._breath)

    async def _advance(self, channel: Channel) -> None:
        """Reads what is new into the channel."""
        while True:
            before = channel.cursor
            page = await self._ask(channel.organisation_id, before)
            if channel.cursor != before:
                return  # somebody else has read on
            if page.last < before:
                # The database was put back to an earlier state: nothing that was told holds any more.
                channel.batches.clear()
                channel.cursor = page.last
            elif page.rows:
                batch = Batch(before, page.rows)
                channel.batches.append(batch)
                channel.cursor = batch.last
            else:
                return
            channel.wake()
            if len(page.rows) < _ROWS:
                return

    async def _ask(self, organisation_id: UUID, cursor: int | None) -> _Page:
        """Where the feed stands, and its first rows after `cursor`. Raises FeedAway."""
        statements = (
            Statement(_ACT, [str(organisation_id).encode()], [_TEXT]),
            Statement(
                _SELECT, [organisation_id.bytes, _INT8(-1 if cursor is None else cursor)], [_UUID, _INT8_TYPE]
            ),
        )
        async with self._asking:
            kept = self._wire is not None
            try:
                results = await self._transact(statements)
            except (psycopg.Error, HousecountError, TimeoutError, OSError) as error:
                if not kept:
                    raise FeedAway("The changes cannot be read just now.") from error
                # A connection that was kept may have been closed long ago.
                try:
                    results = await self._transact(statements)
                except (psycopg.Error, HousecountError, TimeoutError, OSError) as again:
                    raise FeedAway("The changes cannot be read just now.") from again
        found: dict[str, Any] = json.loads(results[1].get_value(0, 0) or b"{}")
        rows = [(int(number), kind, ids, gone) for number, kind, ids, gone in found["rows"]]
        return _Page(found["last"], found["forgotten"], rows)

    async def _transact(self, statements: Sequence[Statement]) -> list[PGresult]:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                if self._wire is None:
                    connection = await self._connect()
                    self._wire = Wire(connection), connection
                return await self._wire[0].transact(statements)
        except BaseException:
            await self._hang_up()
            raise

    async def _hang_up(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            await _close(wire[1])

    async def _connect(self) -> Connection:
        return await psycopg.AsyncConnection.connect(
            self._url(),
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=int(_CONNECT_SECONDS),
            application_name="housecount-edge-events",
        )

    # --- Listening ------------------------------------------------------------------------------------
    async def _listen(self) -> None:
        failures = 0
        while True:
            connection: Connection | None = None
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    connection = await self._connect()
                    await connection.execute(f"LISTEN {CHANNEL}")
                failures = 0
                self._reached(yes=True)
                await self._hear(connection)
            except (psycopg.Error, HousecountError, TimeoutError, OSError) as error:
                _LOGGER.info("The edge's listener was cut off: %s", type(error).__name__)
            finally:
                if connection is not None:
                    await _close(connection)
            self._reached(yes=False)
            failures += 1
            await asyncio.sleep(min(_LONGEST_PAUSE_SECONDS, 0.05 * 2 ** min(failures, 10)))

    async def _hear(self, connection: Connection) -> None:
        """Raises when the connection is of no more use."""
        self._heard = False
        while True:
            # To ourselves: whether it comes back says whether the connection lives, and whether what stands between
            # us and the database lets notifications through. A proxy that pools transactions does not.
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.execute(f"NOTIFY {CHANNEL}")
            async for heard in connection.notifies(timeout=self._look_every):
                self._heard = True
                if heard.payload:
                    with contextlib.suppress(ValueError):
                        organisation_id = UUID(heard.payload)
                        if organisation_id in self._channels:
                            self._stir(organisation_id)

    def _reached(self, *, yes: bool) -> None:
        if self.away is yes:
            self.away = not yes
            for channel in self._channels.values():
                channel.wake()
        if yes:
            self._stir(*self._channels)
        else:
            self._heard = False

    async def _look(self) -> None:
        """Looks without being told, often where nobody tells us."""
        while True:
            await asyncio.sleep(self._look_every if self._heard else min(1.0, self._look_every))
            if not self.away:
                self._stir(*self._channels)


async def _close(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error, OSError):
        await connection.close()


_TEXT, _UUID, _INT8_TYPE = 25, 2950, 20
_INT8 = Struct("!q").pack
# The walls let the engine see an organisation's feed, and that one's only. Whose it is, the pages have said.
_ACT = (
    f"SELECT set_config('role', '{roles.APP}', true), set_config('app.role', 'system', true),"
    " set_config('app.organisation_id', $1, true), set_config('app.user_id', '', true)"
).encode()
_SELECT = f"""
SELECT json_build_object(
    'last', coalesce((SELECT last FROM live_counter WHERE organisation_id = $1), 0),
    'forgotten', coalesce((SELECT forgotten FROM live_counter WHERE organisation_id = $1), 0),
    'rows', coalesce((
        SELECT json_agg(json_build_array(sequence, kind, ids, removed) ORDER BY sequence)
          FROM (SELECT * FROM live_change WHERE organisation_id = $1 AND sequence > $2 AND $2 >= 0
                 ORDER BY sequence LIMIT {_ROWS}) AS page
    ), '[]'))""".encode()  # noqa: S608 - constants
