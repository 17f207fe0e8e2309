"""What stands in front of several servers: one address, connections handed on in turn to whichever answers."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

_CHUNK = 65_536
#: A backend as (host, port), or the path of a Unix socket.
Backend = tuple[str, int] | str


async def connect(backend: Backend) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a backend. Raises OSError."""
    if isinstance(backend, str):
        return await asyncio.open_unix_connection(backend)
    return await asyncio.open_connection(*backend)


async def hand_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, backends: Sequence[Backend]
) -> None:
    """Joins a connection with the first backend that takes one, until either side ends; refuses it if none does.

    Nothing is repeated: a request that was on its way to a backend that died is lost, as with any proxy.
    """
    try:
        for backend in backends:
            try:
                inner_reader, inner_writer = await connect(backend)
            except OSError:
                continue
            try:
                await asyncio.gather(_pour(reader, inner_writer), _pour(inner_reader, writer))
            finally:
                inner_writer.close()
            return
    finally:
        writer.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one side to the other; an end is an end on both, and so is a break."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()


class FrontDoor:
    """`with FrontDoor(backends) as door:` listens on `door.port` of loopback, or on the Unix socket `path`."""

    def __init__(self, backends: Sequence[Backend], *, port: int = 0, path: str = "") -> None:
        self.backends = list(backends)
        self.port = port
        self._path = path
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="front-door", daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    async def _listen(self) -> None:
        if self._path:
            self._server = await asyncio.start_unix_server(self._taken, self._path)
        else:
            self._server = await asyncio.start_server(self._taken, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = self._turn % max(len(self.backends), 1)
        self._turn += 1
        # Cancelled when the door closes, which is not worth a word in anybody's log.
        with contextlib.suppress(asyncio.CancelledError):
            await hand_on(reader, writer, [*self.backends[first:], *self.backends[:first]])
