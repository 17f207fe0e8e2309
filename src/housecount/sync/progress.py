"""Whoever watches a read, tells it the time, or asks it to stop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from housecount.core.errors import HousecountError, NextStep

T = TypeVar("T")

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Progress(Protocol):
    """Whoever watches a read."""

    def planned(self, account: str, slices: int) -> None: ...

    def stored(self, account: str, records: int) -> None: ...

    def finished_slice(self, account: str) -> None: ...


class Silent:
    """Nobody watches."""

    def planned(self, account: str, slices: int) -> None: ...

    def stored(self, account: str, records: int) -> None: ...

    def finished_slice(self, account: str) -> None: ...


class Stopped(HousecountError):
    """The process was told to stop: the read ends between two pages, and its account is due again at once."""

    code = "stopped"
    http_status = 503
    next_step = NextStep.RETRY


class Stop:
    """Whether a read was asked to stop, by an event; without one it never is. What waits for a platform stops waiting
    at once; what is being stored is stored to its end."""

    def __init__(self, asked: asyncio.Event | None = None) -> None:
        self._asked = asked

    async def unless_asked(self, awaitable: Awaitable[T]) -> T:
        """What `awaitable` comes to. Raises `Stopped`, having cancelled it, when we were asked to stop before."""
        if self._asked is None:
            return await awaitable
        work = asyncio.ensure_future(awaitable)
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            if not self._asked.is_set():
                await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            if work.done() and not self._asked.is_set():
                return work.result()
        finally:
            asked.cancel()
            if not work.done():
                work.cancel()
            await asyncio.gather(asked, work, return_exceptions=True)
        raise Stopped(
            "The worker was told to stop while it read this account. What was stored is complete; "
            "the rest is read by the next worker."
        )

    async def each(self, pages: AsyncIterator[T]) -> AsyncIterator[T]:
        """The pages, until we are asked to stop: then `Stopped` is raised between two of them."""
        while True:
            try:
                page = await self.unless_asked(anext(pages))
            except StopAsyncIteration:
                return
            yield page
