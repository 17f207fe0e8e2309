"""An edge in this process: spoken to in ASGI, on top of the real database."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import psycopg
import pytest

from housecount.intake.edge.app import Edge
from housecount.intake.edge.proxy import Pages
from housecount.intake.edge.schedule import Schedule
from housecount.intake.edge.store import Store
from housecount.intake.models import Hook
from housecount.platforms.registry import SOURCES
from housecount.sync.models import HookDoor
from housecount.tenancy.identity import Identity, acting_as
from tests.factories import make_account, make_organisation

SECRET = "whsec_aW52ZW50ZWQgc2VjcmV0IG9mIGEgcmVsYXk="
OPERATOR = "an-invented-operator-token"
NOW = 1_900_000_000.0
#: For tests with a gate. It cuts connections while they are being made; what Python then says of its sockets is not
#: about the edge, and must be said before the next test.
BEHIND_A_GATE = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("sockets_let_go"),
]


@dataclass(frozen=True)
class Door:
    """An account with an address for its webhooks."""

    organisation_id: UUID
    account_id: UUID
    platform: str
    token: str

    @property
    def path(self) -> str:
        return f"/hooks/{self.platform}/{self.token}"

    def rows(self) -> list[Hook]:
        """What is in the log for it, oldest first."""
        with acting_as(Identity.system(self.organisation_id)):
            return list(
                Hook.objects.filter(
                    organisation_id=self.organisation_id, account_id=self.account_id
                ).order_by("pk")
            )

    def row(self) -> Hook:
        (row,) = self.rows()
        return row


def make_door(platform: str = "eventbrite") -> Door:
    """A new organisation's new account, with its address."""
    organisation_id = make_organisation()
    door = Door(
        organisation_id, make_account(organisation_id, platform), platform, f"t{uuid4().hex}{uuid4().hex}"
    )
    with acting_as(Identity.system(organisation_id)):
        HookDoor.objects.create(
            organisation_id=organisation_id,
            account_id=door.account_id,
            platform=platform,
            token_hash=hashlib.sha256(door.token.encode()).digest(),
        )
    return door


def delivery(number: int = 1000000001, action: str = "order.placed", token: str = "") -> bytes:
    """What Eventbrite sends about an order."""
    config = {
        "action": action,
        "user_id": "300000000001",
        "endpoint_url": f"https://hooks.example.com/hooks/eventbrite/{token}",
        "webhook_id": "5000001",
    }
    return json.dumps(
        {"config": config, "api_url": f"https://www.eventbriteapi.com/v3/orders/{number}/"}
    ).encode()


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def document(self) -> Any:
        return json.loads(self.body)


async def ask(
    edge: Edge,
    path: str,
    body: bytes | Iterable[bytes] = b"",
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    stalls: bool = False,
    leaves: bool = False,
) -> Answer:
    """One request. A body of several parts comes without Content-Length; one that `stalls` never comes to its end;
    with `leaves`, the sender goes away instead of ending it."""
    parts = [body] if isinstance(body, bytes) else list(body)
    told = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    if isinstance(body, bytes) and method == "POST":
        told.append((b"content-length", str(len(body)).encode()))
    coming = iter(parts)
    answer = Answer()

    async def receive() -> dict[str, Any]:
        part = next(coming, None)
        if part is not None:
            return {"type": "http.request", "body": part, "more_body": True}
        if leaves:
            return {"type": "http.disconnect"}
        if stalls:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message["body"]

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": quote(path).encode(), "query_string": b"",
        "headers": told, "scheme": "http", "client": ("127.0.0.1", 40000), "http_version": "1.1",
    }  # fmt: skip
    await edge(scope, receive, send)
    return answer


@contextlib.asynccontextmanager
async def an_edge(
    url: str | Callable[[], str],
    *,
    secrets: Mapping[str, str] | None = None,
    operator_token: str | None = OPERATOR,
    pages: Pages | None = None,
    patience: float = 5.0,
    body_seconds: float = 15.0,
    writers: int = 2,
    most_waiting: int = 4_000,
) -> AsyncIterator[Edge]:
    """An edge between its lifespan's two ends."""
    where = url if callable(url) else lambda: url
    edge = Edge(
        Store(where, patience=patience, writers=writers, most_waiting=most_waiting),
        Schedule(where, patience=patience),
        SOURCES,
        secrets={} if secrets is None else secrets,
        operator_token=operator_token,
        pages=pages,
        body_seconds=body_seconds,
        now=lambda: NOW,
    )
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    living = asyncio.create_task(edge({"type": "lifespan"}, events.get, said.put))
    await events.put({"type": "lifespan.startup"})
    assert await said.get() == {"type": "lifespan.startup.complete"}
    try:
        yield edge
    finally:
        await events.put({"type": "lifespan.shutdown"})
        assert await said.get() == {"type": "lifespan.shutdown.complete"}
        await living


def asked(url: str, *requests: Sequence[Any], **options: Any) -> list[Answer]:
    """The answers to requests made at once; each is the arguments of `ask`, the last of which may be a dict."""

    async def run() -> list[Answer]:
        async with an_edge(url, **options) as edge:
            return await asyncio.gather(*(_ask(edge, request) for request in requests))

    return asyncio.run(run())


async def _ask(edge: Edge, request: Sequence[Any]) -> Answer:
    *arguments, last = request
    if isinstance(last, dict):
        return await ask(edge, *arguments, **last)
    return await ask(edge, *request)


class Gate:
    """Stands between the edge and the database, and can be shut, or let nothing through."""

    def __init__(self, url: str) -> None:
        parts = psycopg.conninfo.conninfo_to_dict(url)
        self._socket = f"{parts['host']}/.s.PGSQL.{parts.get('port') or 5432}"
        self._url = url
        self._server: asyncio.Server | None = None
        self._port = 0
        self._streams: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def url(self) -> str:
        return psycopg.conninfo.make_conninfo(self._url, host="127.0.0.1", port=self._port)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Ends every connection; new ones are refused."""
        assert self._server is not None
        self._server.close()
        for _ in range(5):
            await asyncio.sleep(0)  # what was accepted already gets its turn, to be ended like the others
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in self._streams:
            stream.transport.abort()
            with contextlib.suppress(OSError):
                await stream.wait_closed()
        self._streams.clear()

    def stop_the_flow(self) -> None:
        """Connections stay, and nothing comes through."""
        self._flowing.clear()

    def let_flow(self) -> None:
        self._flowing.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._streams.append(writer)
        self._keep(asyncio.create_task(self._connect(reader, writer)))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._socket)
        self._streams.append(back)
        for source, sink in ((reader, back), (there, writer)):
            self._keep(asyncio.create_task(self._carry(source, sink)))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


@contextlib.contextmanager
def listening(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection that hears what the edge says to the desk."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("LISTEN housecount_hooks")
        yield connection
