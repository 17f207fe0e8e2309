"""The few words of HTTP and ASGI that the edge speaks."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

Scope = Mapping[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
RawHeaders = Iterable[tuple[bytes, bytes]]

#: Any page may send us hooks and read our answer: nothing here speaks for whoever is signed in.
ANY_ORIGIN = (b"access-control-allow-origin", b"*")
_JSON = (b"content-type", b"application/json")
#: Opened by itself in a browser, an answer is nobody's origin and can do nothing.
SAFE_TO_OPEN = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"x-content-type-options", b"nosniff"),
)


class Refused(Exception):
    """The request is answered with `status` and an explanation."""

    def __init__(self, status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


class Answer:
    """An answer that is the same each time: made once. None for a document is an empty body."""

    __slots__ = ("_body", "_start")

    def __init__(self, status: int, document: object, *headers: tuple[bytes, bytes]) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        told = [*headers, ANY_ORIGIN, *SAFE_TO_OPEN]
        if not body and status != HTTPStatus.NO_CONTENT:
            told.append((b"content-length", b"0"))
        if body:
            told += [_JSON, (b"content-length", str(len(body)).encode())]
        self._start: Message = {"type": "http.response.start", "status": status, "headers": told}
        self._body: Message = {"type": "http.response.body", "body": body, "more_body": False}

    async def __call__(self, send: Send) -> None:
        await send(self._start)
        await send(self._body)


def refusal(error: Refused) -> Answer:
    """The answer that an error asks for."""
    return Answer(error.status, {"code": error.code, "message": error.message}, *error.headers)


class TooLarge(Exception):
    """A body is longer than it may be."""


class Gone(Exception):
    """Whoever asked has gone away."""


class Deadlines:
    """Ends what takes longer than `seconds`, give or take a quarter. One look now and then costs less than a timer for
    each request, of which nearly all would be taken back."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()

    async def watch(self) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(self._seconds / 4)
            earliest = time.monotonic() - self._seconds
            for task, since in list(self._running.items()):
                if since > earliest:
                    break  # the oldest come first
                self._late.add(task)
                task.cancel()

    @contextlib.contextmanager
    def limit(self) -> Iterator[None]:
        """Within it, the task is ended by TimeoutError when it takes too long."""
        task = asyncio.current_task()
        assert task is not None
        self._running[task] = time.monotonic()
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._late or task.uncancel() > 0:
                raise
            raise TimeoutError from None
        finally:
            del self._running[task]
            self._late.discard(task)


async def read_body(receive: Receive, length: int | None, most: int) -> bytes:
    """The whole body. `length` is what its Content-Length says, None without one.

    Raises TooLarge as soon as it is longer than `most` bytes, Gone when the sender leaves before its end.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > most:
            raise TooLarge
        if size == length or not message.get("more_body", False):
            return part if not parts else b"".join([*parts, part])
        parts.append(part)


def content_length(headers: Mapping[bytes, bytes]) -> int | None:
    """What Content-Length says, None where there is none that counts: beside Transfer-Encoding it does not."""
    told = headers.get(b"content-length", b"") if b"transfer-encoding" not in headers else b""
    return int(told) if told.isdigit() and len(told) < 19 else None


_HEADER_NAMES = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}(?: *, *[!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}){0,19}"
)


def preflight(headers: Mapping[bytes, bytes]) -> Answer:
    """What a browser asks before it sends a request of another origin: any origin may, without credentials."""
    told = [
        (b"access-control-allow-methods", b"POST, OPTIONS"),
        (b"access-control-max-age", b"86400"),
        (b"vary", b"Access-Control-Request-Headers"),
        (b"allow", b"POST, OPTIONS"),
    ]
    asked = headers.get(b"access-control-request-headers", b"").strip()
    if _HEADER_NAMES.fullmatch(asked):
        told.append((b"access-control-allow-headers", asked))
    return Answer(204, None, *told)
