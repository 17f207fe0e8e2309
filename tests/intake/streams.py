"""Streams of events from an edge in this process, on top of the real database; and somebody who changes things."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg

from housecount.installation import roles
from housecount.intake.edge.events import Events
from housecount.intake.edge.feed import Feed
from housecount.intake.edge.proxy import Away, Pages
from tests.factories import make_account, make_organisation

ALL = ("show", "listing", "order", "account", "document", "party")


class StandIn:
    """The pages, as far as the edge asks them who somebody is. `told` is what they answer next."""

    def __init__(self, organisation_id: UUID, *, kinds: tuple[str, ...] = ALL, ids: bool = True) -> None:
        self.status = 200
        self.document: object = {
            "organisation": str(organisation_id), "person": "somebody", "role": "admin", "kinds": kinds, "ids": ids
        }  # fmt: skip
        self.away = False
        self._asked = asyncio.Event()

    async def ask(self, scope: Mapping[str, Any], path: str) -> tuple[int, bytes]:
        """Stands in for `Pages.ask`."""
        assert path == "/live/who"
        self._asked.set()
        if self.away:
            raise Away
        return self.status, json.dumps(self.document).encode()

    async def asked_again(self) -> None:
        """Comes back when what is true now was told."""
        for _ in range(2):  # the first may have been under way
            self._asked.clear()
            await self._asked.wait()

    def change(self, **more: object) -> None:
        """From now on something else of it is true."""
        self.document = {**cast("dict[str, object]", self.document), **more}


@dataclass
class Stream:
    """What a client gets. `stalled` is set: it takes nothing."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    text: str = ""
    events: "asyncio.Queue[tuple[str, dict[str, Any], str]]" = field(default_factory=asyncio.Queue)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    async def receive(self) -> dict[str, Any]:
        await self.leaving.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        await self.flowing.wait()
        self.body += message["body"]
        self.text += message["body"].decode()
        *whole, self.text = self.text.split("\n\n")
        for each in whole:
            fields = dict(line.split(": ", 1) for line in each.splitlines() if not line.startswith(":"))
            if "event" in fields:
                self.events.put_nowait((fields["event"], json.loads(fields["data"]), fields.get("id", "")))
        self.ended = not message["more_body"]

    async def next(self, name: str) -> dict[str, Any]:
        """The data of the next event of that name; others before it are passed over, but for changes."""
        async with asyncio.timeout(10):
            while True:
                found, data, id_ = await self.events.get()
                if found == name:
                    assert id_ == str(data.get("cursor", ""))
                    return data
                assert found != "changes", f"waiting for {name}: {data}"

    async def over(self) -> None:
        """Comes back when it has ended."""
        assert self.task is not None
        async with asyncio.timeout(10):
            await self.task


@contextlib.asynccontextmanager
async def streams(url: str, pages: StandIn, **options: Any) -> AsyncIterator[Events]:
    """The edge's events, with a feed of their own."""
    feed = {name: options.pop(name) for name in ("look_every", "breath") if name in options}
    events = Events(Feed(lambda: url, **{"breath": 0.01, **feed}), cast("Pages", pages), **options)
    try:
        yield events
    finally:
        await events.stop()


@contextlib.asynccontextmanager
async def following(
    events: Events, cursor: int | None = None, *, stalled: bool = False, method: str = "GET", **headers: str
) -> AsyncIterator[Stream]:
    """A client that follows until the block ends."""
    stream = Stream()
    if not stalled:
        stream.flowing.set()
    scope = {
        "type": "http", "method": method, "path": "/events", "raw_path": b"/events",
        "query_string": b"" if cursor is None else b"cursor=%d" % cursor,
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    stream.task = asyncio.create_task(_run(events, scope, stream))
    try:
        yield stream
    finally:
        stream.leaving.set()
        stream.flowing.set()
        await stream.over()


async def _run(events: Events, scope: dict[str, Any], stream: Stream) -> None:
    await events(scope, stream.receive, stream.send)


@dataclass
class Promoter:
    """An organisation with an account, whose name changes."""

    url: str
    organisation_id: UUID
    account_id: UUID
    cursor: int = 0

    async def change(self, times: int = 1) -> int:
        """Changes the account `times` times, a commit each; the cursor after it."""
        async with await self._connect() as connection:
            for _ in range(times):
                async with connection.transaction():
                    await self._act(connection)
                    await connection.execute(
                        "UPDATE box_office_account SET name = %s WHERE id = %s",
                        [uuid4().hex, self.account_id],
                    )
                self.cursor += 1
        return self.cursor

    async def open_accounts(self, count: int) -> None:
        """Adds accounts, all in one commit."""
        async with await self._connect() as connection, connection.transaction():
            await self._act(connection)
            await connection.execute(
                "INSERT INTO box_office_account (id, organisation_id, platform, name, credential, fingerprint,"
                " hook_token, organisation_ids, regions, state, state_reason) SELECT gen_random_uuid(), %s,"
                " 'humanitix', 'x', '', '', '', '[]', '[]', 'active', '' FROM generate_series(1, %s)",
                [self.organisation_id, count],
            )
        self.cursor += count

    async def _connect(self) -> "psycopg.AsyncConnection[tuple[object, ...]]":
        return await psycopg.AsyncConnection.connect(self.url, autocommit=True)

    async def _act(self, connection: "psycopg.AsyncConnection[tuple[object, ...]]") -> None:
        await connection.execute(
            "SELECT set_config('role', %s, true), set_config('app.role', 'system', true),"
            " set_config('app.organisation_id', %s, true)",
            [roles.APP, str(self.organisation_id)],
        )


def make_promoter(url: str) -> Promoter:
    organisation_id = make_organisation()
    # The account is the first change of the organisation.
    return Promoter(url, organisation_id, make_account(organisation_id), cursor=1)
