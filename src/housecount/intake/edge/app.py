"""The edge as an ASGI application: takes webhooks, and hands everything else to the pages.

A hook is answered with 200 only after its row is committed. What it says is trusted for nothing: it tells us
where to look.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from housecount.core import signatures
from housecount.core.errors import HousecountError
from housecount.intake.edge.events import PATHS as FOLLOWED
from housecount.intake.edge.events import Events
from housecount.intake.edge.proxy import Pages
from housecount.intake.edge.rows import Row, make_row
from housecount.intake.edge.schedule import Schedule
from housecount.intake.edge.store import Outcome, Store, Unavailable
from housecount.intake.edge.web import (
    Answer,
    Deadlines,
    Gone,
    Receive,
    Refused,
    Scope,
    Send,
    TooLarge,
    content_length,
    preflight,
    read_body,
    refusal,
)
from housecount.intake.edge.xero import PLATFORM as XERO
from housecount.intake.edge.xero import rows_of
from housecount.platforms.base.source import TicketSource

MOST_BYTES: Final = 256 * 1024
"""The longest body a hook may have."""

BODY_SECONDS: Final = 15.0
"""How long a body may take to arrive."""

HOOKS: Final = "/hooks/"
XERO_HOOK: Final = "/hooks/xero"
RELAY: Final = "/functions/v1/ticket-sync-webhooks"
SCHEDULED: Final = "/functions/v1/ticket-sync-scheduled"
_LONGEST_TOKEN = 200
_LOGGER = logging.getLogger(__name__)

_STORED = Answer(200, {"status": "stored"})
_TAKEN_FROM_XERO, _NOT_FROM_XERO = Answer(200, None), Answer(401, None)
_ALIVE = Answer(200, {"status": "ok"})
_READY = Answer(200, {"ready": True, "reasons": []})
_NOT_READY = Answer(
    503,
    {
        "ready": False,
        "reasons": [
            {
                "code": "database_unavailable",
                "message": "The database cannot be reached, or lacks the webhook log. Hooks are answered with 503.",
            }
        ],
    },
)
_READING = Answer(202, {"status": "accepted", "message": "What is due will be read in a moment."})
_RETRY_LATER = (b"retry-after", b"5")
_NO_DOOR = Refused(404, "not_found", "Nothing is at this address. Check the address that was entered there.")
_NO_PAGE = Answer(404, {"code": "not_found", "message": "Only webhooks are taken here."})
_UNAVAILABLE = Answer(
    503,
    {"code": "unavailable", "message": "The hook could not be stored just now. Please send it again later."},
    _RETRY_LATER,
)
_BAD_SIGNATURE = Refused(
    401,
    "bad_signature",
    "The signature does not fit. Sign the raw body with the platform's webhook secret, at the present time.",
)
_WRONG_METHOD = Answer(
    405, {"code": "method_not_allowed", "message": "Send it with POST."}, (b"allow", b"POST, OPTIONS")
)
_MISTAKE = Answer(
    503,
    {"code": "our_mistake", "message": "Something went wrong on our side. Please send it again later."},
    _RETRY_LATER,
)


class Edge:
    """The application.

    `sources` are the platforms whose hooks are understood; `secrets` holds their webhook secrets and Xero's key, as
    far as there are any; without `operator_token` nobody may ask for a read. Without `pages`, it is alone, and there
    are no `events`: nobody says whose they are.
    """

    def __init__(
        self,
        store: Store,
        schedule: Schedule,
        sources: Mapping[str, TicketSource],
        *,
        secrets: Mapping[str, str],
        operator_token: str | None,
        pages: Pages | None = None,
        events: Events | None = None,
        body_seconds: float = BODY_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._schedule = schedule
        self._sources = sources
        self._secrets = secrets
        self._operator_token = operator_token
        self._pages = pages
        self._events = events
        self._deadlines = Deadlines(body_seconds)
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's worth of ASGI."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith((HOOKS, RELAY, SCHEDULED)):
                await self._machine(scope, path, receive, send)
            elif path == "/healthz" and scope["method"] in {"GET", "HEAD"}:
                await _ALIVE(send)
            elif self._events is not None and path in FOLLOWED:
                await self._events(scope, receive, send)
            elif self._pages is not None:
                await self._pages(scope, receive, send)
            elif path == "/readyz" and scope["method"] in {"GET", "HEAD"}:
                await (_READY if await self._store.ping() else _NOT_READY)(send)
            else:
                await _NO_PAGE(send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(self._deadlines.watch())
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._store.start()
                if self._events is not None:
                    self._events.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                watching.cancel()
                if self._events is not None:
                    await self._events.stop()
                await self._store.stop()
                if self._pages is not None:
                    await self._pages.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _machine(self, scope: Scope, path: str, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, path, receive)
        except Refused as error:
            answer = refusal(error)
        except Unavailable:
            answer = _UNAVAILABLE
        except Gone:
            return
        except TimeoutError:
            answer = refusal(Refused(408, "too_slow", "The body took too long to arrive."))
        except TooLarge:
            answer = refusal(Refused(413, "too_large", "A body may have at most 256 KiB."))
        except Exception as error:  # noqa: BLE001 - a sender must never be left without an answer
            # Its words may hold what was sent to us.
            _LOGGER.error("The edge made a mistake: %s", type(error).__name__)  # noqa: TRY400
            answer = _MISTAKE
        await answer(send)

    async def _answer(self, scope: Scope, path: str, receive: Receive) -> Answer:
        method: str = scope["method"]
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if method == "OPTIONS":
            return preflight(headers)
        if method != "POST":
            return _WRONG_METHOD
        if path == SCHEDULED:
            return await self._read_what_is_due(headers)
        if path == XERO_HOOK:
            return await self._from_xero(headers, receive)
        if path == RELAY:
            row = await self._relayed(headers, receive)
        elif path.startswith(HOOKS):
            row = await self._delivered(path, headers, receive)
        else:
            raise _NO_DOOR
        outcome = await self._store.offer(row)
        if outcome is Outcome.STORED:
            return _STORED
        raise _BAD_SIGNATURE if outcome is Outcome.NOT_GENUINE else _NO_DOOR

    async def _from_xero(self, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        """Xero has one address for everybody, and wants an empty answer within five seconds. Whether we check its
        signature it asks by signing wrongly."""
        body = await self._body(headers, receive)
        key = self._secrets.get(XERO)
        if key is None or not signatures.is_xeros(headers, body, key):
            return _NOT_FROM_XERO
        await asyncio.gather(*[self._store.offer(row) for row in rows_of(headers, body)])
        return _TAKEN_FROM_XERO

    async def _delivered(self, path: str, headers: Mapping[bytes, bytes], receive: Receive) -> Row:
        """The row of a hook that came to an account's own address."""
        platform, _, token = path[len(HOOKS) :].partition("/")
        token = token.removesuffix("/")
        source = self._sources.get(platform)
        if source is None or not token or len(token) > _LONGEST_TOKEN or "/" in token:
            raise _NO_DOOR
        body = await self._body(headers, receive)
        secret = self._secrets.get(platform)
        genuine = (
            secret is None
            or not signatures.is_signed(headers)
            or signatures.is_genuine(headers, body, secret, self._now())
        )
        return make_row(source, platform, token.encode(), headers, body, genuine=genuine)

    async def _relayed(self, headers: Mapping[bytes, bytes], receive: Receive) -> Row:
        """The row of a hook that a relay sent. Its signature is all that speaks for it."""
        platform = headers.get(b"x-platform", b"").decode("latin-1").strip().lower()
        if not platform:
            raise Refused(400, "no_platform", "Say in the header x-platform whose webhook it is.")
        source = self._sources.get(platform)
        if source is None:
            raise Refused(404, "unknown_platform", "The platform in x-platform is not one that is read here.")
        body = await self._body(headers, receive)
        secret = self._secrets.get(platform)
        if secret is None:
            raise Refused(
                401,
                "no_secret",
                f"Nothing is taken from relays for {platform} until {platform.upper()}_WEBHOOK_SECRET is set here.",
            )
        if not signatures.is_genuine(headers, body, secret, self._now()):
            raise _BAD_SIGNATURE
        return make_row(source, platform, b"", headers, body)

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        length = content_length(headers)
        if length is not None and length > MOST_BYTES:
            raise TooLarge
        if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"identity", b""}:
            raise Refused(415, "compressed", "Send the body as it is, without Content-Encoding.")
        with self._deadlines.limit():
            return await read_body(receive, length, MOST_BYTES)

    async def _read_what_is_due(self, headers: Mapping[bytes, bytes]) -> Answer:
        if self._operator_token is None:
            raise Refused(
                401,
                "no_operator_token",
                "Nobody may ask for a read until HOUSECOUNT_OPERATOR_TOKEN is set here.",
                (b"www-authenticate", b"Bearer"),
            )
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        right = hmac.compare_digest(given.strip(), self._operator_token.encode())
        if not right or scheme.lower() != b"bearer":
            raise Refused(
                401,
                "bad_operator_token",
                "Send the operator token: Authorization: Bearer <HOUSECOUNT_OPERATOR_TOKEN>.",
                (b"www-authenticate", b"Bearer"),
            )
        try:
            await self._schedule.read_what_is_due()
        except HousecountError as error:
            raise Refused(503, error.code, error.message, _RETRY_LATER) from None
        return _READING
