"""What the ledger has of the objects that hooks name. The caller sets the identity."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from housecount.box_office import bulk, catalogue
from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Listing
from housecount.platforms.base.hooks import Touch


class Version(NamedTuple):
    """What tells one version of an order or a ticket from another."""

    changed_at: datetime
    read_at: datetime
    record_hash: bytes


#: What is kept in a table of its own.
KINDS = ("order", "ticket")
_TABLES = {"order": "box_office_order", "ticket": "box_office_ticket"}


def versions(account: AccountKey, ids: Sequence[str], kind: str = "order") -> dict[str, Version]:
    rows = _rows(account, _TABLES[kind], "external_id, changed_at, read_at, record_hash", ids)
    return {row[0]: Version(row[1], row[2], bytes(row[3])) for row in rows}


def events_of_orders(account: AccountKey, ids: Sequence[str]) -> set[str]:
    return {row[0] for row in _rows(account, _TABLES["order"], "event_id", ids)}


def orders_of_tickets(account: AccountKey, ids: Sequence[str]) -> dict[str, str]:
    return {row[0]: row[1] for row in _rows(account, _TABLES["ticket"], "external_id, order_id", ids)}


def event_of_each(
    account: AccountKey, orders: Sequence[str], tickets: Sequence[str]
) -> dict[tuple[str, str], str]:
    found = {}
    for kind, ids in (("order", orders), ("ticket", tickets)):
        for external_id, event_id in _rows(account, _TABLES[kind], "external_id, event_id", ids):
            found[kind, external_id] = event_id
    return found


def objects_of(account: AccountKey, touches: Sequence[Touch], *, tickets_apart: bool) -> dict[Touch, str]:
    """What is really read for each of `touches`, as a word: touches of one word are served by one read."""
    here = {kind: [touch.object_id for touch in touches if touch.kind == kind] for kind in KINDS}
    if tickets_apart:
        events = event_of_each(account, here["order"], here["ticket"])
        return {
            touch: f"event {touch.event_id or events.get((touch.kind, touch.object_id), '')}"
            for touch in touches
        }
    orders = orders_of_tickets(account, here["ticket"])
    return {
        touch: f"order {orders[touch.object_id]}"
        if touch.kind == "ticket" and touch.object_id in orders
        else f"{touch.kind} {touch.object_id}"
        for touch in touches
    }


def _rows(account: AccountKey, table: str, columns: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
    if not ids:
        return []
    return bulk.fetch(
        f"SELECT {columns} FROM {table}"  # noqa: S608
        " WHERE organisation_id = %s AND account_id = %s AND external_id = ANY(%s::text[])",
        [*account, bulk.array(ids)],
    )


def event_state(account: AccountKey, event_id: str) -> tuple[object, ...]:
    """What tells whether an event changed: its dates and its ticket types."""
    here = {"organisation_id": account.organisation_id, "account_id": account.account_id}
    dates = Listing.objects.filter(**here, event_id=event_id).order_by("session_id")
    types = catalogue.ticket_types(account, [event_id])
    return (
        [(session, bytes(digest)) for session, digest in dates.values_list("session_id", "record_hash")],
        types,
    )
