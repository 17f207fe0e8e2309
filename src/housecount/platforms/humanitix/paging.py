"""Humanitix's lists: numbered pages, a few at a time, handed on in their order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from housecount.platforms.base.errors import ContractChanged
from housecount.platforms.http.client import Client
from housecount.platforms.humanitix import wire

PAGE_SIZE = 100
#: Pages asked for at once: what is held in memory is never more.
WINDOW = 2
#: Far more pages than any list has.
MOST_PAGES = 50_000

P = TypeVar("P", wire.EventPage, wire.OrderPage, wire.TicketPage)


async def pages(
    client: Client, path: str, decoder: msgspec.json.Decoder[P], params: Mapping[str, str]
) -> AsyncIterator[P]:
    """Every page of a list, newest rows first. Rows may come twice.

    New rows push others to later pages: that only repeats some. A list that loses rows while it is read (a ticket
    is cancelled while the complete ones are walked) pulls others to earlier pages, and one may be passed over: it
    is read again from its start, at most twice: a row would have to be passed over three times. Raises
    `ContractChanged` for a list that goes in circles or has no end.
    """
    for _ in range(3):
        longest, shrunk = 0, False
        async for page in _walk(client, path, decoder, params):
            shrunk = shrunk or page.total < longest
            longest = max(longest, page.total)
            yield page
        if not shrunk:
            return


async def _walk(
    client: Client, path: str, decoder: msgspec.json.Decoder[P], params: Mapping[str, str]
) -> AsyncIterator[P]:
    async def fetch(number: int) -> P:
        asked = {**params, "page": str(number), "pageSize": str(PAGE_SIZE)}
        page = (await client.get(path, decoder, asked)).value
        if page.page != number or page.page_size < 1:
            raise ContractChanged(f"Humanitix sent another page than the one asked for ({path}).")
        return page

    contents: set[int] = set()
    waiting: deque[asyncio.Task[P]] = deque()
    asked, last, number = 0, 1, 0
    try:
        while True:
            while asked < last and len(waiting) < WINDOW:
                asked += 1
                waiting.append(asyncio.create_task(fetch(asked)))
            if not waiting:
                return
            page = await waiting.popleft()
            number += 1
            found = rows(page)
            content = hash(tuple(bytes(row) for row in found))
            if found and content in contents:
                raise ContractChanged(f"A list of Humanitix's goes in circles ({path}).")
            contents.add(content)
            yield page
            if not found:
                return
            last = -(-page.total // page.page_size)
            if last > MOST_PAGES:
                raise ContractChanged(f"A list of Humanitix's does not end ({path}).")
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def rows(page: wire.EventPage | wire.OrderPage | wire.TicketPage) -> Sequence[msgspec.Raw]:
    if isinstance(page, wire.EventPage):
        return page.events
    return page.orders if isinstance(page, wire.OrderPage) else page.tickets
