"""Small stand-ins for tests: time that passes only when it is slept, and servers that say what they are told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx2

from housecount.platforms.base.records import Page, TicketType
from housecount.platforms.http.budget import LocalBreaker, LocalBudget
from housecount.platforms.http.client import Client, Limits
from housecount.platforms.http.profile import Profile

T = TypeVar("T")
Handler = Callable[[httpx2.Request], httpx2.Response]


class Time:
    """A clock that moves only while somebody sleeps on it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def client_for(
    profile: Profile,
    handler: Handler | None = None,
    *,
    time: Time | None = None,
    limits: Limits | None = None,
) -> Client:
    """A client that never really waits; with `handler`, one that never really connects."""
    time = time or Time()
    return Client(
        profile,
        LocalBudget(profile.rate, label=profile.label, clock=time, sleep=time.sleep),
        LocalBreaker(label=profile.label, clock=time),
        limits=limits or Limits(),
        clock=time,
        sleep=time.sleep,
        transport=httpx2.MockTransport(handler) if handler else None,
    )


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 120))


async def collect(walk: AsyncIterator[Page]) -> list[Page]:
    return [page async for page in walk]


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> httpx2.Response:
    return httpx2.Response(
        status,
        content=json.dumps(value).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
    )


@asynccontextmanager
async def raw_server(*answers: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server on a free port that gives each connection the next of `answers` and hangs up; the last one stays.
    Yields its address and the requests it got."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answers[min(len(got), len(answers)) - 1])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", got
    finally:
        server.close()


def types_of(*types: TicketType) -> Callable[[str], Mapping[str, TicketType]]:
    def of(event_id: str) -> Mapping[str, TicketType]:
        return {made.external_id: made for made in types if made.event_id == event_id}

    return of
