"""A transaction-pooling proxy, as small as it can be: many clients, few server connections.

A client is given a server connection for one transaction and never two in a row when another is free, so
that whatever a transaction leaves behind meets somebody else.
"""

import asyncio
import contextlib
import itertools
import os
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg

SSL, GSS, CANCEL = 80877103, 80877104, 80877102
PARAMETERS = (
    "server_version",
    "server_encoding",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
)


@dataclass
class Server:
    """One connection to PostgreSQL, signed in and idle, and the clients it has served."""

    name: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    clients: list[int] = field(default_factory=list)


@dataclass
class Proxy:
    """Where to connect, and which server connection served whom."""

    port: int = 0
    servers: list[Server] = field(default_factory=list)
    greeting: bytes = b""
    idle: "asyncio.Queue[Server]" = field(default_factory=asyncio.Queue)
    numbers: Iterator[int] = field(default_factory=itertools.count)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The kind of the next message and all of its bytes."""
    head = await reader.readexactly(5)
    (length,) = struct.unpack("!I", head[1:])
    return head[:1], head + await reader.readexactly(length - 4)


@contextlib.contextmanager
def pooling_proxy(url: str, servers: int) -> Iterator[Proxy]:
    """Run the proxy in a thread, in front of `url`, with that many connections to it."""
    proxy, started, loop = Proxy(), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        for name in range(servers):
            proxy.servers.append(await connect(url, name, proxy))
            proxy.idle.put_nowait(proxy.servers[-1])
        listener = await asyncio.start_server(lambda r, w: serve(proxy, r, w), "127.0.0.1", 0)
        proxy.port = listener.sockets[0].getsockname()[1]
        started.set()
        async with listener:
            await stop.wait()
        # Clients that went away just now are seen off before the loop ends.
        if serving := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(serving, timeout=10)
        for server in proxy.servers:
            server.writer.close()
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        assert started.wait(20)
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


async def connect(url: str, name: int, proxy: Proxy) -> Server:
    """Let psycopg sign in, then take the bare connection over."""
    with psycopg.connect(url, autocommit=True) as signed_in:
        info = {key: signed_in.info.parameter_status(key) or "" for key in PARAMETERS}
        raw = socket.socket(fileno=os.dup(signed_in.fileno()))
        # psycopg would say goodbye on the shared connection when it closes: its copy is closed under it.
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, signed_in.fileno())
        os.close(null)
    raw.setblocking(False)
    proxy.greeting = (
        message(b"R", struct.pack("!I", 0))
        + b"".join(message(b"S", f"{key}\0{value}\0".encode()) for key, value in info.items())
        + message(b"K", struct.pack("!II", 1, 1))
        + message(b"Z", b"I")
    )
    reader, writer = await asyncio.open_connection(sock=raw)
    return Server(name, reader, writer)


@dataclass
class Turn:
    """A client's time with a server connection: until every Sync is answered and no transaction is open."""

    server: Server | None = None
    writer: asyncio.StreamWriter | None = None
    unanswered: int = 0
    unsynced: bool = False
    relaying: "asyncio.Task[None] | None" = None


async def serve(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client, from its greeting to its end."""
    client, turn = next(proxy.numbers), Turn(writer=writer)
    try:
        if not await greet(proxy, reader, writer):
            return
        while True:
            kind, data = await read_message(reader)
            if kind == b"X":
                return
            if turn.server is None:
                turn.server = await proxy.idle.get()
                turn.server.clients.append(client)
                turn.unanswered, turn.unsynced = 0, False
                turn.relaying = asyncio.create_task(relay(proxy, turn))
            say(turn, kind, data)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        turn.writer = None
        if turn.server is not None:  # the client went away within a transaction
            say(turn, b"S", message(b"S", b""))
            say(turn, b"Q", message(b"Q", b"ROLLBACK\0"))
        if turn.relaying is not None:
            await turn.relaying
        writer.close()


def say(turn: Turn, kind: bytes, data: bytes) -> None:
    """Pass a client's message on."""
    assert turn.server is not None
    turn.unsynced = kind not in {b"Q", b"S"}
    turn.unanswered += not turn.unsynced
    turn.server.writer.write(data)


async def greet(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    while True:
        (length, code) = struct.unpack("!II", await reader.readexactly(8))
        await reader.readexactly(length - 8)
        if code == CANCEL:
            return False
        writer.write(b"N" if code in {SSL, GSS} else proxy.greeting)
        if code not in {SSL, GSS}:
            return True


async def relay(proxy: Proxy, turn: Turn) -> None:
    """Pass on what the server says while the client has its turn: it may answer before it is asked to sync."""
    server = turn.server
    assert server is not None
    while True:
        kind, data = await read_message(server.reader)
        if turn.writer is not None:
            turn.writer.write(data)
        if kind == b"Z":
            turn.unanswered -= 1
            if data[5:6] == b"I" and not turn.unanswered and not turn.unsynced:
                turn.server = None
                proxy.idle.put_nowait(server)
                return
