"""Server-sent events: what changed, to every page that is open, as it is committed.

`GET /events` and `GET /api/v1/events`, from `cursor` (or `Last-Event-ID`) on, or from now. The pages say whose
stream it is, when it is opened and again and again while it is open. Events:

- `ready`: the stream has begun (again); after it comes what changed after the cursor.
- `changes`: `{"cursor": n, "changes": [{"kind", "id", "removed"}]}`; a change without an id means any of its kind.
- `reset`: what changed cannot be told; read everything anew.
- `away`: the database cannot be asked; `ready` follows when it can.
- `beat`: nothing happened for a while. It and the three before tell the time, `now`.

An act is told of kinds only, and no cursor: what is sold elsewhere could be counted from it.
"""

import asyncio
import json
import logging
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from types import FrameType
from typing import Final, NamedTuple
from urllib.parse import parse_qs
from uuid import UUID

from housecount.intake.edge.feed import Channel, Feed, FeedAway, View, event
from housecount.intake.edge.proxy import Away, Pages
from housecount.intake.edge.web import SAFE_TO_OPEN, Receive, Scope, Send

PATHS: Final = frozenset({"/events", "/api/v1/events"})
WHO: Final = "/live/who"
"""Where the pages say whose a request is."""

BEAT_SECONDS: Final = 15.0
ASK_SECONDS: Final = 45.0
#: How long a stream goes on while the pages cannot say whose it is.
UNKNOWN_SECONDS: Final = 300.0
#: How long a client may take for what was sent to it.
SLOW_SECONDS: Final = 20.0
MOST_PER_PERSON: Final = 20
#: In one process; what is left of its connections is for the hooks and the pages.
MOST: Final = 600
_RETRY_MS = 2000
_LOGGER = logging.getLogger(__name__)

_HEADERS: Final = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # A proxy that gathers what it passes on would keep events back.
    (b"x-accel-buffering", b"no"),
    *SAFE_TO_OPEN,
)


class Who(NamedTuple):
    """Whose a stream is, and what it is told."""

    organisation_id: UUID
    person: str
    view: View


class _Refused(Exception):
    def __init__(self, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers


class Events:
    """The streams of this process. `ends_on`: signals at which they all end at once, before anything else does: a
    server that is told to stop waits for what is under way, and streams are for ever."""

    def __init__(
        self,
        feed: Feed,
        pages: Pages,
        *,
        ends_on: Sequence[signal.Signals] = (),
        beat: float = BEAT_SECONDS,
        ask_every: float = ASK_SECONDS,
        unknown: float = UNKNOWN_SECONDS,
        slow: float = SLOW_SECONDS,
        most: int = MOST,
        most_per_person: int = MOST_PER_PERSON,
    ) -> None:
        self._feed = feed
        self._pages = pages
        self._ends_on = ends_on
        self.beat, self.ask_every, self.unknown, self.slow = beat, ask_every, unknown, slow
        self._most, self._most_per_person = most, most_per_person
        self._streams: set[_Stream] = set()
        self._opening = 0
        self._by_person: Counter[str] = Counter()
        self._ending = False

    def start(self) -> None:
        """Minds the signals; in the main thread, after the server has begun to mind them."""
        loop = asyncio.get_running_loop()
        for number in self._ends_on:
            before = signal.getsignal(number)

            def told(signum: int, frame: FrameType | None, before: object = before) -> None:
                loop.call_soon_threadsafe(self.end)
                if callable(before):
                    before(signum, frame)

            signal.signal(number, told)

    def end(self) -> None:
        """Ends every stream and opens no other."""
        self._ending = True
        for stream in self._streams:
            stream.end()

    async def stop(self) -> None:
        """Ends everything and closes the connections."""
        self.end()
        await self._feed.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One stream, from its request to its end."""
        try:
            await self._stream(scope, receive, send)
        except _Refused as error:
            headers = [
                (b"content-type", b"application/problem+json"),
                (b"content-length", str(len(error.body)).encode()),
                (b"cache-control", b"no-store"),
                *SAFE_TO_OPEN,
                *error.headers,
            ]
            await send({"type": "http.response.start", "status": error.status, "headers": headers})
            body = b"" if scope["method"] == "HEAD" else error.body
            await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            raise _refused(405, "method_not_allowed", "Follow the events with GET.", (b"allow", b"GET"))
        if self._ending or len(self._streams) + self._opening >= self._most:
            raise _refused(503, "busy", "No more streams can be followed here just now.", _LATER)
        self._opening += 1
        try:
            who = await self.who(scope)
            if self._by_person[who.person] >= self._most_per_person:
                raise _refused(
                    429, "too_many_streams",
                    f"At most {self._most_per_person} streams are open for one person at a time.", _LATER,
                )  # fmt: skip
            stream = _Stream(self, scope, who)
            try:
                channel = await self._feed.join(who.organisation_id, stream)
            except FeedAway:
                raise _refused(503, "unavailable", "The database cannot be asked just now.", _LATER) from None
            self._streams.add(stream)
            self._by_person[who.person] += 1
        finally:
            self._opening -= 1
        try:
            await stream.run(self._feed, channel, receive, send)
        finally:
            self._streams.discard(stream)
            self._by_person[who.person] -= 1
            if not self._by_person[who.person]:
                del self._by_person[who.person]
            self._feed.leave(channel, stream)

    async def who(self, scope: Scope) -> Who:
        """Whose the request is. Raises `_Refused` with what the pages answer otherwise, or 503 when they are away."""
        try:
            status, body = await self._pages.ask(scope, WHO)
        except Away:
            status, body = HTTPStatus.SERVICE_UNAVAILABLE, b""
        if status >= 500:
            raise _refused(503, "starting", "The site is starting or being updated.", _LATER)
        if status != HTTPStatus.OK:
            # As it was answered, with the one header that says how to do better.
            challenge = ((b"www-authenticate", b'Bearer realm="housecount"'),) if status == 401 else ()
            raise _Refused(status, body, *challenge)
        try:
            told = json.loads(body)
            view = View(frozenset(told["kinds"]), bool(told["ids"]))
            return Who(UUID(told["organisation"]), str(told["person"]), view)
        except (ValueError, TypeError, KeyError):
            raise _refused(503, "starting", "The site is starting or being updated.", _LATER) from None


class _Stream:
    """One client that follows."""

    def __init__(self, events: Events, scope: Scope, who: Who) -> None:
        self._events, self._scope, self._who = events, scope, who
        self._awake = asyncio.Event()
        self._over = False

    def wake(self) -> None:
        """There may be something new."""
        self._awake.set()

    def end(self) -> None:
        """Nothing more is sent."""
        self._over = True
        self._awake.set()

    async def run(self, feed: Feed, channel: Channel, receive: Receive, send: Send) -> None:
        """Sends until it is over or the client has left or takes nothing more."""
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        helpers = [asyncio.create_task(self._left(receive)), asyncio.create_task(self._ask_again())]
        try:
            await self._tell(feed, channel, send)
            async with asyncio.timeout(self._events.slow):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            _LOGGER.info("A stream was dropped: its client took nothing for %.0f s.", self._events.slow)
        except OSError:
            pass  # the client has left in the middle of something
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _tell(self, feed: Feed, channel: Channel, send: Send) -> None:
        loop = asyncio.get_running_loop()
        asked = _cursor(self._scope)
        cursor = channel.cursor if asked is None or not self._who.view.ids else asked
        # Told at once: a client knows that it is heard before there is anything to hear.
        saying = f"retry: {_RETRY_MS}\n\n".encode() + self._event("ready", cursor)
        away = False
        while not self._over:
            self._awake.clear()
            if feed.away is not away:
                away = feed.away
                saying += self._event("away" if away else "ready", cursor)
            if not away:
                cursor, news = await self._news(feed, channel, cursor)
                saying += news
            if saying:
                async with asyncio.timeout(self._events.slow):
                    await send({"type": "http.response.body", "body": saying, "more_body": True})
                beat_at = loop.time() + self._events.beat
                saying = b""
            try:
                async with asyncio.timeout_at(beat_at):
                    await self._awake.wait()
            except TimeoutError:
                # Words for whoever looks at the stream, an event for scripts: comments never reach them.
                saying = b": still here\n" + event("beat", None, now=_now())

    async def _news(self, feed: Feed, channel: Channel, cursor: int) -> tuple[int, bytes]:
        """The cursor after what changed, and the events that tell of it."""
        try:
            batches = await feed.after(channel, cursor)
        except FeedAway:
            asyncio.get_running_loop().call_later(1.0, self.wake)
            return cursor, b""
        if batches is None:
            return channel.cursor, self._event("reset", channel.cursor)
        if not batches:
            return cursor, b""
        return batches[-1].last, b"".join([each.told(self._who.view) for each in batches])

    def _event(self, name: str, cursor: int) -> bytes:
        return event(name, cursor if self._who.view.ids else None, now=_now())

    async def _left(self, receive: Receive) -> None:
        """Ends the stream when its client has left."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.end()

    async def _ask_again(self) -> None:
        """Ends the stream when it is not that person's any more: they signed out, left, or went to another
        organisation. Another role is told other things from then on."""
        loop = asyncio.get_running_loop()
        known_at = loop.time()
        while not self._over:
            await asyncio.sleep(self._events.ask_every)
            try:
                who = await self._events.who(self._scope)
            except _Refused as error:
                unknown = error.status >= 500 or error.status == HTTPStatus.TOO_MANY_REQUESTS
                if not unknown or loop.time() - known_at > self._events.unknown:
                    self.end()
                continue
            known_at = loop.time()
            if who[:2] != self._who[:2]:
                self.end()
            self._who = who


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _cursor(scope: Scope) -> int | None:
    """From where on a client follows: where its last stream was cut off, else where its page began."""
    told = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
    if not told:
        told = parse_qs(scope["query_string"].decode("latin-1")).get("cursor", [""])[0]
    return int(told) if told.isascii() and told.isdigit() and len(told) < 19 else None


_LATER: Final = (b"retry-after", b"3")


def _refused(status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> _Refused:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": message,
        "next_step": "never" if status == HTTPStatus.METHOD_NOT_ALLOWED else "retry_after",
    }
    return _Refused(status, json.dumps(document).encode(), *headers)
