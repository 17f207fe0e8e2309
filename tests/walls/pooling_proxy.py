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
        for server in proxy.servers:
            server.writer.close()

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


async def serve(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client, from its greeting to its end."""
    client, server = next(proxy.numbers), None
    try:
        if not await greet(proxy, reader, writer):
            return
        while True:
            kind, data = await read_message(reader)
            if kind == b"X":
                return
            if server is None:
                server = await proxy.idle.get()
                server.clients.append(client)
            server.writer.write(data)
            if kind in {b"Q", b"S", b"c", b"f"} and await answer(server, writer) == b"I":
                proxy.idle.put_nowait(server)
                server = None
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        if server is not None:  # the client went away within a transaction
            server.writer.write(message(b"Q", b"ROLLBACK\0"))
            await answer(server, None)
            proxy.idle.put_nowait(server)
        writer.close()


async def greet(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    while True:
        (length, code) = struct.unpack("!II", await reader.readexactly(8))
        await reader.readexactly(length - 8)
        if code == CANCEL:
            return False
        writer.write(b"N" if code in {SSL, GSS} else proxy.greeting)
        if code not in {SSL, GSS}:
            return True


async def answer(server: Server, writer: asyncio.StreamWriter | None) -> bytes:
    """Pass on what the server says until it is ready; the state of the transaction (b"" within a COPY)."""
    while True:
        kind, data = await read_message(server.reader)
        if writer is not None:
            writer.write(data)
        if kind == b"G":
            return b""
        if kind == b"Z":
            return data[5:6]
