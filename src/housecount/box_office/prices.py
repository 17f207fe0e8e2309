"""When ticket prices changed, by the versions of events that were read.

Raw records are nobody's to see: the caller acts as the system, and hands on what this says.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from housecount.box_office.models import RawRecord
from housecount.platforms.base.errors import PlatformError
from housecount.platforms.base.records import Event, Order, Ticket

#: Of an event that changed more often, and of as many as so for each, the latest versions are looked at.
_MOST_VERSIONS: Final = 60


class PriceChange(NamedTuple):
    """A ticket type cost `was` and costs `now` (minor units of `currency`) since a read at `seen_at`: the change came
    at some moment between that read and the one before."""

    event_id: str
    type_name: str
    currency: str
    was: int
    now: int
    seen_at: datetime


class Restores(Protocol):
    """What a `TicketSource` has: makes the record again that `raw` was made from."""

    def restore(self, kind: str, raw: bytes) -> Event | Order | Ticket: ...


def price_changes(organisation_id: UUID, events: Mapping[tuple[UUID, str], Restores]) -> list[PriceChange]:
    """The changes of price in the ticket types of events, the earliest first. `events` names, by account and event
    id, what reads their records."""
    found: dict[tuple[UUID, str], list[tuple[bytes, datetime]]] = defaultdict(list)
    rows = RawRecord.objects.filter(
        organisation_id=organisation_id,
        account_id__in={account_id for account_id, _ in events},
        kind="event",
        external_id__in={event_id for _, event_id in events},
    ).order_by("-first_seen")
    for account_id, event_id, payload, seen_at in rows.values_list(
        "account_id", "external_id", "payload", "first_seen"
    )[: _MOST_VERSIONS * len(events)]:
        versions = found[account_id, event_id]
        if (account_id, event_id) in events and len(versions) < _MOST_VERSIONS:
            versions.append((bytes(payload), seen_at))
    changes = []
    for (account_id, event_id), versions in found.items():
        prices: dict[str, int] = {}
        for payload, seen_at in reversed(versions):
            event = _event(events[account_id, event_id], payload)
            for kind in event.ticket_types if event else ():
                if kind.price is None:
                    continue
                was = prices.get(kind.external_id, kind.price)
                prices[kind.external_id] = kind.price
                if was != kind.price:
                    changes.append(PriceChange(event_id, kind.name, kind.currency, was, kind.price, seen_at))
    return sorted(changes, key=lambda change: change.seen_at)


def _event(source: Restores, payload: bytes) -> Event | None:
    try:
        record = source.restore("event", payload)
    except PlatformError:
        # A version that cannot be read any more tells nothing of prices; the figures do not stand on it.
        return None
    return record if isinstance(record, Event) else None
