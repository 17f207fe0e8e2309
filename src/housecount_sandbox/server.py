"""The network side of one platform: takes a request, lets faults have their way, sends the answer."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from typing import TYPE_CHECKING

from aiohttp import web

from housecount_sandbox import control
from housecount_sandbox.clock import http_date
from housecount_sandbox.damage import hurt
from housecount_sandbox.eventbrite.routes import EventbriteApi
from housecount_sandbox.exchange import Answer, Conditions, Question
from housecount_sandbox.faults import BENDING, BLUNT, CUTTING, DAMAGE, LOSING, Fault, Faults
from housecount_sandbox.humanitix.routes import HumanitixApi
from housecount_sandbox.xero.routes import XeroApi

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from housecount_sandbox.eventbrite.hooks import Hooks
    from housecount_sandbox.world import World
    from housecount_sandbox.xero.hooks import XeroHooks

    Settle = Callable[[], Awaitable[None]]

_HTML = (
    b"<!DOCTYPE html><html><head><title>%d</title></head><body><h1>%d</h1>"
    b"<p>The page cannot be shown right now.</p></body></html>"
)


_APIS: dict[str, type[EventbriteApi] | type[HumanitixApi] | type[XeroApi]] = {
    "eventbrite": EventbriteApi,
    "humanitix": HumanitixApi,
    "xero": XeroApi,
}


class PlatformServer:
    """One platform's requests. `name` is eventbrite, humanitix or xero."""

    def __init__(
        self, name: str, world: World, faults: Faults, hooks: Hooks | XeroHooks, settle: Settle
    ) -> None:
        self.name = name
        self.world = world
        self.faults = faults
        self.hooks = hooks
        # Waits until a change of the faults has taken hold.
        self._settle = settle
        # How often each path was asked for, credentials and arguments left out; control is not counted.
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.api = _APIS[name](world)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path = request.path
        body = await request.read()
        if path.startswith("/_sandbox/"):
            answer = control.respond(self, request.method, path, dict(request.query), body)
            await self._settle()
            return _plain(answer)
        self.requests[path] += 1
        query: dict[str, str] = {}
        for name, value in request.query.items():
            query.setdefault(name, value)
        headers = {name.lower(): value for name, value in request.headers.items()}
        question = Question(request.method, path, query, headers, body)
        try:
            answer = await self._present(question)
        except ConnectionResetError:
            self.statuses[0] += 1
            _abort(request)
            return web.Response(status=500)
        self.statuses[answer.status] += 1
        answer.headers.setdefault("Date", http_date(self.world.stage.clock()))
        if answer.status == 200 and (cuts := self.faults.strike(self.name, path, CUTTING)):
            return await _truncated(request, answer, cuts[0])
        return _plain(answer)

    async def _present(self, question: Question) -> Answer:
        if not isinstance(self.api, XeroApi):
            return await self._answer(question)
        # Xero counts how many are being answered, and counts a call before it looks at it.
        with self.api.presence(question) as refusal:
            return refusal if refusal is not None else await self._answer(question)

    async def _answer(self, question: Question) -> Answer:
        first = "continuation" not in question.query and question.query.get("page", "1") == "1"
        struck = self.faults.strike(self.name, question.path, BLUNT | BENDING, first_page=first)
        for fault in struck:
            if fault.kind == "latency":
                await asyncio.sleep(fault.seconds or 0)
            elif (blunt := self._blunt(fault, question)) is not None:
                self._remember(question, blunt)
                return blunt
            else:
                self._bend(fault, question)
        if question.conditions.revision is None:
            question.conditions.revision = self._lagging()
        answer = self.api.respond(question)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.status == 200 and (question.method == "GET" or self.name == "xero"):
            self._damage(question.path, answer)
        for fault in self.faults.strike(self.name, question.path, LOSING):
            answer = await self._lose(fault, question, answer)
        return answer

    async def _lose(self, fault: Fault, question: Question, answer: Answer) -> Answer:
        """Everything was done, but who asked does not hear of it."""
        if fault.mode == "reset":
            raise ConnectionResetError
        if fault.mode == "late":
            await asyncio.sleep(fault.seconds or 0)
            return answer
        error = _page(fault.status) if fault.html else self._error(fault.status)
        self._remember(question, error)
        return error

    def _remember(self, question: Question, error: Answer) -> None:
        """Xero replays its errors too, to who comes back with the same key."""
        if isinstance(self.api, XeroApi) and error.status >= 500:
            self.api.remember(question, error)

    def _blunt(self, fault: Fault, question: Question) -> Answer | None:
        """The answer in place of the platform's own; None for faults that only bend it."""
        if fault.kind == "reset" or (fault.kind == "outage" and fault.mode == "refuse"):
            raise ConnectionResetError
        if fault.kind == "outage":
            return _page(503)
        if fault.kind == "html":
            return _page(200)
        if fault.kind == "empty":
            return Answer(200, b"")
        if fault.kind == "server_error":
            return _page(fault.status) if fault.html else self._error(fault.status)
        if fault.kind == "rate_limit":
            answer = _page(429) if fault.html else self._error(429)
            if fault.retry_after is not None:
                answer.headers["Retry-After"] = (
                    http_date(self.world.stage.clock())
                    if fault.retry_after == "date"
                    else str(fault.retry_after)
                )
            return answer
        if fault.kind == "revoke":
            question.headers = {
                **question.headers,
                "authorization": "Bearer REVOKEDREVOKEDREVOKE",
                "x-api-key": "0" * 96,
            }
        return None

    def _bend(self, fault: Fault, question: Question) -> None:
        conditions: Conditions = question.conditions
        if fault.kind == "duplicates":
            conditions.row_shift -= fault.rows
        elif fault.kind == "skips":
            conditions.row_shift += fault.rows
        elif fault.kind == "cents_out":
            conditions.cents_out += fault.rows
        elif fault.kind == "shift":
            self.world.trickle.arrive(self.name, question.path, fault.rows)
        elif fault.kind == "stale":
            if fault.seconds is not None:
                conditions.revision = self.world.stage.revision_before(fault.seconds)
            elif fault.behind is not None:
                conditions.revision = max(self.world.revision - fault.behind, 0)
            else:
                # Frozen at the moment it first strikes, unless a revision was named.
                if fault.revision is None:
                    fault.revision = self.world.revision
                conditions.revision = fault.revision

    def _lagging(self) -> int | None:
        seconds = self.world.limits.eventbrite_read_lag_seconds if self.name == "eventbrite" else 0.0
        return self.world.stage.revision_before(seconds) if seconds else None

    def _error(self, status: int) -> Answer:
        if self.name == "eventbrite":
            error = "HIT_RATE_LIMIT" if status == 429 else "INTERNAL_ERROR"
            text = f'{{"status_code":{status},"error":"{error}","error_description":"Something went wrong."}}'
        elif self.name == "xero":
            text = f'{{"Type":null,"Title":"Something went wrong","Status":{status},"Detail":"An error occurred"}}'
        else:
            error = "Too Many Requests" if status == 429 else "Internal Server Error"
            text = f'{{"statusCode":{status},"error":"{error}","message":"Something went wrong."}}'
        return Answer(status, text.encode())

    def _damage(self, path: str, answer: Answer) -> None:
        for fault in self.faults.strike(self.name, path, DAMAGE):
            hurt_body = hurt(answer.body, fault)
            if hurt_body is None:
                # No such record here: it has not struck after all.
                fault.struck -= 1
            else:
                answer.body = hurt_body


async def _truncated(request: web.BaseRequest, answer: Answer, fault: Fault) -> web.StreamResponse:
    """Half the body: with its own length ("cut"), or with the whole one's, and the connection closed."""
    half = answer.body[: max(len(answer.body) // 2, 1)]
    if fault.mode == "cut":
        answer.body = half
        return _plain(answer)
    response = web.StreamResponse(headers=answer.headers)
    response.content_type = answer.content_type
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(half)
    if request.transport is not None:
        request.transport.close()
    return response


def _page(status: int) -> Answer:
    return Answer(status, _HTML % (status, status), content_type="text/html")


def _plain(answer: Answer) -> web.Response:
    return web.Response(
        body=answer.body, status=answer.status, headers=answer.headers, content_type=answer.content_type
    )


def _abort(request: web.BaseRequest) -> None:
    """Close the connection with a TCP reset rather than a polite end."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
