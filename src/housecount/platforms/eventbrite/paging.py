"""Eventbrite's lists: page after page, by continuation."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from housecount.platforms.base.errors import ContractChanged, Transient
from housecount.platforms.eventbrite import wire
from housecount.platforms.http.client import Client
from housecount.platforms.http.errors import PagingReset

#: Pages in one list: far more than any list has. A list that goes on behind it never ends.
MOST_PAGES = 50_000


class ListPage(Protocol):
    @property
    def pagination(self) -> wire.Pagination: ...


P = TypeVar(
    "P",
    wire.OrderPage,
    wire.AttendeePage,
    wire.EventPage,
    wire.ClassPage,
    wire.OrganizationPage,
    wire.WebhookPage,
)


async def pages(
    client: Client, path: str, decoder: msgspec.json.Decoder[P], params: Mapping[str, str]
) -> AsyncIterator[P]:
    """Every page of a list. Rows may come twice; a list that lost a row on the way is read again from its start, at
    most twice: a row would have to be passed over three times.

    Raises `ContractChanged` for a list that goes in circles or has no end.
    """
    for last_try in (False, False, True):
        try:
            async for page in _walk(client, path, decoder, params):
                yield page
        except PagingReset:
            if last_try:
                raise Transient(f"A list of Eventbrite's kept changing while it was read ({path}).") from None
        except _Shrunk:
            pass
        else:
            return


class _Shrunk(Exception):
    """A list got shorter between two of its pages: the rows behind moved up, and one may have been passed over."""


async def _walk(
    client: Client, path: str, decoder: msgspec.json.Decoder[P], params: Mapping[str, str]
) -> AsyncIterator[P]:
    tokens: set[str] = set()
    contents: set[int] = set()
    longest = 0
    shrunk = False
    where: dict[str, str] = {}
    for number in range(1, MOST_PAGES + 1):
        page = (await client.get(path, decoder, {**params, **where})).value
        place = page.pagination
        content = hash(tuple(bytes(row) for row in rows(page)))
        if number > 1 and content in contents:
            raise ContractChanged(f"A list of Eventbrite's goes in circles ({path}).")
        contents.add(content)
        yield page
        if place.object_count is not None:
            shrunk = shrunk or place.object_count < longest
            longest = max(longest, place.object_count)
        if not _more(place, number):
            if shrunk:
                raise _Shrunk
            return
        token = place.continuation
        if token and token in tokens:
            raise ContractChanged(f"A list of Eventbrite's names the same next page twice ({path}).")
        if token:
            tokens.add(token)
            where = {"continuation": token}
        else:
            where = {"page": str((place.page_number or number) + 1)}
    raise ContractChanged(f"A list of Eventbrite's does not end ({path}).")


def _more(place: wire.Pagination, number: int) -> bool:
    if place.has_more_items is not None:
        return place.has_more_items
    # Answers of old do not say; they count pages instead.
    return (place.page_number or number) < (place.page_count or 0)


def rows(page: P) -> Sequence[msgspec.Raw]:
    if isinstance(page, wire.OrderPage):
        return page.orders
    if isinstance(page, wire.AttendeePage):
        return page.attendees
    if isinstance(page, wire.EventPage):
        return page.events
    if isinstance(page, wire.ClassPage):
        return page.ticket_classes
    if isinstance(page, wire.WebhookPage):
        return page.webhooks
    return page.organizations
