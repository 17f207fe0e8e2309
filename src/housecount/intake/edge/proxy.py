"""Handing requests on to the pages, which run as a process of their own behind the edge."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    UnixConnector,
)
from multidict import CIMultiDict
from yarl import URL

from housecount.intake.edge.web import (
    SAFE_TO_OPEN,
    Message,
    RawHeaders,
    Receive,
    Scope,
    Send,
    content_length,
)

_UNIX: Final = "unix:"
#: What concerns one connection only (RFC 9110, 7.6.1), and what each side says for itself.
_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_OWN: Final = frozenset({b"date", b"server"})
_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
#: A short body is read whole first, so that a slow sender keeps no thread of the pages busy.
_READ_WHOLE: Final = 64 * 1024
_NOT_MADE_UP: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_TIMEOUT: Final = ClientTimeout(total=None, sock_connect=5.0, sock_read=300.0)
_ASKING: Final = ClientTimeout(total=10.0)
_OF_A_BODY: Final = ("content-length", "content-type", "content-encoding")
#: What asks for something else than a plain answer in plain words.
_CONDITIONAL: Final = ("accept", "accept-encoding", "if-none-match", "if-modified-since", "range")

#: The colours are the site's: see web/static/web/site.css.
_AWAY_STYLE: Final = b"""
:root { color-scheme: light dark }
body { font: 100%/1.5 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto 0; padding: 0 1.25rem;
  background: #f7f4ee; color: #1f1c28 }
b { display: block; margin-bottom: 1.5rem }
b::before { content: ""; display: inline-block; width: .6em; height: .6em; margin-right: .5em; border-radius: 50%;
  background: #8a1c3b }
h1 { margin: 0 0 .5rem; font-size: 1.953rem; line-height: 1.2; letter-spacing: -.015em }
p { margin: 0; color: #625d6e }
@media (prefers-color-scheme: dark) {
  body { background: #15131b; color: #f1ede4 }
  b::before { background: #ec93ab }
  p { color: #aca5b8 }
}
"""
_AWAY_PAGE: Final = (
    b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5"><title>One moment</title><style>"""
    + _AWAY_STYLE
    + b"""</style></head>
<body><main><b>Housecount</b><h1>One moment, please</h1>
<p>The pages are starting or being updated. Sales are still being taken note of.
This page tries again by itself in a few seconds.</p></main></body></html>
"""
)
#: A sandbox would keep the page from trying again.
_AWAY_POLICY: Final = (
    b"default-src 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_AWAY_STYLE).digest())
    + b"'"
)
_AWAY_DOCUMENT: Final = (
    b'{"code": "starting", "message":'
    b' "The site is starting or being updated. Please try again in a few seconds."}'
)


class Away(Exception):
    """The pages do not answer."""


class Pages:
    """The pages, at `unix:/path/of/a/socket` or at an address such as `http://127.0.0.1:8001`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._session: ClientSession | None = None
        self._origin = "http://pages" if address.startswith(_UNIX) else address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands one request on and its answer back. Whoever leaves meanwhile is not waited for."""
        arrived = asyncio.Event()
        asking = asyncio.ensure_future(self._hand_on(scope, receive, send, arrived))
        watching = asyncio.ensure_future(_left(receive, arrived))
        try:
            await asyncio.wait({asking, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                asking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asking
            else:
                await asking
        finally:
            for task in (asking, watching):
                task.cancel()

    async def ask(self, scope: Scope, path: str) -> tuple[int, bytes]:
        """What the pages answer to `GET path` with the headers of a request of somebody's: status and body. Raises
        Away."""
        headers = _request_headers(scope, dict(scope["headers"]))
        for name in (*_OF_A_BODY, *_CONDITIONAL):
            headers.popall(name, None)
        try:
            async with self._opened().get(
                self._origin + path,
                headers=headers,
                allow_redirects=False,
                skip_auto_headers=_NOT_MADE_UP,
                timeout=_ASKING,
            ) as response:
                return response.status, await response.read()
        except (ClientError, OSError, TimeoutError):
            raise Away from None

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send, arrived: asyncio.Event) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        length = content_length(headers)
        data: bytes | AsyncIterator[bytes] | None = None
        if length or b"transfer-encoding" in headers:
            data = _body(receive, arrived)
            if length is not None and length <= _READ_WHOLE:
                data = b"".join([part async for part in data])
        else:
            arrived.set()
        target = scope["raw_path"]
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        try:
            response = await self._opened().request(
                scope["method"],
                URL(self._origin + target.decode("latin-1"), encoded=True),
                headers=_request_headers(scope, headers),
                data=data,
                allow_redirects=False,
                skip_auto_headers=_NOT_MADE_UP,
            )
        except (ClientError, OSError, TimeoutError):
            await _say_away(scope, send)
            return
        async with response:
            await _hand_back(scope, response, send)

    def _opened(self) -> ClientSession:
        if self._session is None:
            # A new connection each time: it costs little on one machine, and one that was kept may have just been
            # closed by pages that were restarted, when a form's POST cannot be sent again.
            connector = (
                UnixConnector(self._address.removeprefix(_UNIX), force_close=True, limit=0)
                if self._address.startswith(_UNIX)
                else TCPConnector(force_close=True, limit=0)
            )
            self._session = ClientSession(
                connector=connector,
                timeout=_TIMEOUT,
                auto_decompress=False,
                cookie_jar=DummyCookieJar(),
                max_line_size=64 * 1024,
                max_field_size=64 * 1024,
            )
        return self._session


async def _body(receive: Receive, arrived: asyncio.Event) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientError("the sender left")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body", False):
            arrived.set()
            return


async def _left(receive: Receive, arrived: asyncio.Event) -> None:
    """Comes back when whoever asked has left."""
    await arrived.wait()
    while (await receive())["type"] != "http.disconnect":
        pass


def _request_headers(scope: Scope, headers: Mapping[bytes, bytes]) -> CIMultiDict[str]:
    dropped = _HOP_BY_HOP | _named(headers.get(b"connection", b""))
    if b"transfer-encoding" in headers:
        dropped |= {b"content-length"}
    told: CIMultiDict[str] = CIMultiDict()
    forwarded: list[str] = []
    for name, value in scope["headers"]:
        # To a WSGI application x_forwarded_for is x-forwarded-for: nobody honest sends the former.
        if name in dropped or b"_" in name:
            continue
        if name == b"x-forwarded-for":
            forwarded.append(value.decode("latin-1"))
        else:
            told.add(name.decode("latin-1"), value.decode("latin-1"))
    client = scope.get("client")
    told["X-Forwarded-For"] = ", ".join([*forwarded, client[0] if client else "127.0.0.1"])
    told.setdefault("X-Forwarded-Proto", scope["scheme"])
    return told


def _named(connection: bytes) -> frozenset[bytes]:
    return frozenset(name.strip().lower() for name in connection.split(b",")) if connection else frozenset()


async def _hand_back(scope: Scope, response: ClientResponse, send: Send) -> None:
    dropped = _HOP_BY_HOP | _OWN | _named(response.headers.get("Connection", "").encode("latin-1"))
    told: RawHeaders = [
        (name.lower(), value) for name, value in response.raw_headers if name.lower() not in dropped
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": told})
    if scope["method"] != "HEAD" and response.status not in _BODILESS:
        async for part in response.content.iter_any():
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _say_away(scope: Scope, send: Send) -> None:
    document = scope["path"].startswith("/api/")
    body = _AWAY_DOCUMENT if document else _AWAY_PAGE
    start: Message = {
        "type": "http.response.start",
        "status": HTTPStatus.SERVICE_UNAVAILABLE,
        "headers": [
            (b"content-type", b"application/json" if document else b"text/html; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"retry-after", b"5"),
            *(SAFE_TO_OPEN if document else ((b"content-security-policy", _AWAY_POLICY), SAFE_TO_OPEN[1])),
        ],
    }
    await send(start)
    await send(
        {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body, "more_body": False}
    )
