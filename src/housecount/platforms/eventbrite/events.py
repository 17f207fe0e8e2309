"""Eventbrite's events and ticket classes: how they are asked for."""

from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

import msgspec

from housecount.platforms.base.errors import ConfigError, Gone, RecordRejected
from housecount.platforms.base.records import Event, Page, TicketType
from housecount.platforms.base.source import TypesOf
from housecount.platforms.eventbrite import mapping, wire
from housecount.platforms.eventbrite.paging import pages
from housecount.platforms.http.client import Client
from housecount.platforms.http.errors import ExpansionFailed
from housecount.platforms.reading import identifier, read_each, read_one

T = TypeVar("T")

#: After these nothing is sold any more.
_OVER = frozenset({"ended", "completed", "canceled", "deleted"})


async def read_catalogue(client: Client, organisation_id: str, types_of: TypesOf) -> AsyncIterator[Page]:
    """Every event of an organisation, past ones and drafts too; what `types_of` knows of its types is kept."""
    path = f"/organizations/{identifier(organisation_id)}/events/"
    params = {"status": "all", "show_series_parent": "false", "order_by": "created_asc", "page_size": "100"}
    async for page in of_organisation(_event_pages(client, path, params)):
        wires, bad = read_each(page.events, wire.event.decode, "event")
        for event in wires:
            if event.ticket_classes is msgspec.UNSET and not event.is_series_parent:
                event.ticket_classes = await _classes_of(client, event, types_of)
        events, worse = read_each(
            wires,
            lambda event: mapping.event_record(event, types_of(str(event.id))),
            "event",
            id_of=lambda event: str(event.id),
        )
        yield Page(events=events, rejected=bad + worse)


async def _event_pages(client: Client, path: str, params: Mapping[str, str]) -> AsyncIterator[wire.EventPage]:
    try:
        async for page in pages(client, path, wire.event_page, {**params, "expand": "venue,ticket_classes"}):
            yield page
    except ExpansionFailed:
        async for page in pages(client, path, wire.event_page, {**params, "expand": "venue"}):
            yield page


async def _classes_of(client: Client, event: wire.Event, types_of: TypesOf) -> list[msgspec.Raw]:
    """The ticket classes of an event that came without them; none where what is known is enough."""
    if (event.status or "").casefold() in _OVER and types_of(str(event.id)):
        return []
    try:
        return await _list_classes(client, known_id(str(event.id)))
    except Gone:
        return []  # it went while we read


async def _list_classes(client: Client, event_id: str) -> list[msgspec.Raw]:
    """All classes of an event: the default leaves out add-ons and donations."""
    found: list[msgspec.Raw] = []
    async for page in pages(
        client, f"/events/{event_id}/ticket_classes/", wire.class_page, {"category": "all"}
    ):
        found.extend(page.ticket_classes)
    return found


async def read_event(client: Client, event_id: str) -> Event:
    """One event with all its ticket types. Raises `Gone`, also for the parent of a series, and `RecordRejected`."""
    event_id = known_id(event_id)
    raw = (await client.get(f"/events/{event_id}/", wire.raw_record, {"expand": "venue"})).value
    event = read_one(raw, wire.event.decode)
    event.ticket_classes = await _list_classes(client, event_id)
    made = read_one(event, mapping.event_record)
    if made is None:
        raise Gone("This is the parent of a series: it sells nothing itself.")
    return made


async def read_class(client: Client, event_id: str, class_id: str, currency: str) -> TicketType | None:
    """One ticket class; None where Eventbrite has none, or none that can be read."""
    try:
        path = f"/events/{known_id(event_id)}/ticket_classes/{known_id(class_id)}/"
        raw = (await client.get(path, wire.raw_record)).value
        return mapping.type_record(read_one(raw, wire.ticket_class.decode), event_id, currency)
    except (Gone, RecordRejected):
        return None


async def of_organisation(walk: AsyncIterator[T]) -> AsyncIterator[T]:
    """The pages of `walk`. An organisation that is not there is no missing object but a wrong scope."""
    try:
        async for page in walk:
            yield page
    except Gone:
        raise ConfigError(
            "Eventbrite no longer shows an organisation of this account. Reconnect the account to choose anew."
        ) from None


def known_id(value: str) -> str:
    """`value` as a part of a path. What cannot be an id does not exist."""
    try:
        return identifier(value)
    except RecordRejected:
        raise Gone("This is no id of Eventbrite's.") from None
