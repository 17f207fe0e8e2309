"""The database beside an event loop: one thread with one connection, on which blocking work runs in order."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, Self, TypeVar

from django.db import connections

from housecount.tenancy.identity import Identity, acting_as

P = ParamSpec("P")
R = TypeVar("R")


#: Threads with their connections that wait for the next `DatabaseThread`; None where none are kept.
_kept: list[ThreadPoolExecutor] | None = None
_MOST_KEPT = 32


@contextmanager
def kept_threads() -> Iterator[None]:
    """Within it, threads and their connections are handed on rather than closed: for a worker, whose reads are many
    and short. For one event loop of a process."""
    global _kept  # noqa: PLW0603 - one worker per process
    _kept = []
    try:
        yield
    finally:
        threads, _kept = _kept, None
        for thread in threads:
            thread.submit(connections.close_all)
            thread.shutdown()


class DatabaseThread:
    """Runs functions in a thread of its own, each in a transaction that acts for `identity`."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self._executor = (
            _kept.pop() if _kept else ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")
        )

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of `work`, committed."""
        return await self.outside(self._in_transaction, partial(work, *args, **kwargs))

    async def outside(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of `work`, run in the thread without a transaction."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(work, *args, **kwargs))

    def _in_transaction(self, work: Callable[[], R]) -> R:
        # A connection that the server dropped between two pieces of work is replaced by a new one.
        connections["default"].close_if_unusable_or_obsolete()
        with acting_as(self.identity):
            return work()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if _kept is not None and len(_kept) < _MOST_KEPT:
            _kept.append(self._executor)
            return
        await self.outside(connections.close_all)
        self._executor.shutdown()
