"""Promise: the current state can be rebuilt from the raw records that were read, and is identical.

`compare` replays an account's raw records and names every difference from the ledger; `repair` also writes
what the records say. Both go order by order, so memory does not grow with the season.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from housecount.box_office import bulk
from housecount.box_office.catalogue import listing_index
from housecount.box_office.ledger import AccountKey, load_orders, lock_account, save
from housecount.box_office.state import (
    NOT_KNOWN,
    OrderWithTickets,
    fold_order,
    fold_ticket,
    order_gone,
    ticket_gone,
)
from housecount.core.counting import Figures
from housecount.platforms.base.records import Order, Ticket
from housecount.platforms.base.source import TicketSource, no_types

_BATCH = 200
_SUMS = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in Figures._fields)
_COLUMNS = ", ".join(Figures._fields)


class Difference(NamedTuple):
    """Where the ledger and what was read disagree."""

    account_id: UUID
    kind: str
    external_id: str
    field: str
    ledger: str
    rebuilt: str


def compare(account: AccountKey, source: TicketSource) -> Iterator[Difference]:
    """Every difference between the ledger and its raw records, and between the ledger's own sums."""
    for before, after in _replayed(account, source):
        yield from _differences(account, before, after)
    yield from check_sums(account)


def repair(account: AccountKey, source: TicketSource, seen_at: datetime) -> Iterator[Difference]:
    """Like `compare`, and writes the state that the raw records give, with an entry for each figure it moves."""
    lock_account(account)
    for before, after in _replayed(account, source):
        found = list(_differences(account, before, after))
        if found:
            save(account, [(before, after)], seen_at)
            yield from found
    _reset_totals(account)


def check_sums(account: AccountKey) -> Iterator[Difference]:
    """Entries must sum to each order, and to each listing's total."""
    scope = "organisation_id = %s AND account_id = %s"
    rows = bulk.fetch(
        f"""
        SELECT external_id, array_agg(figures ORDER BY source) FROM (
            SELECT 'order' AS source, external_id, ARRAY[{_COLUMNS}] AS figures
              FROM box_office_order WHERE {scope}
            UNION ALL
            SELECT 'entries', order_id, ARRAY[{_SUMS}]
              FROM box_office_sales_entry WHERE {scope} GROUP BY order_id
        ) both_sides GROUP BY external_id
        HAVING count(DISTINCT figures) > 1 OR (count(*) = 1 AND bool_or(figures <> array_fill(0::bigint, ARRAY[12])))
        """,  # noqa: S608
        [*account, *account],
    )
    for order_id, sides in rows:
        yield Difference(
            account.account_id, "order", order_id, "sum of entries", str(sides[-1]), str(sides[0])
        )
    rows = bulk.fetch(
        f"""
        SELECT l.id::text, ARRAY[{", ".join(f"coalesce(t.{name}, 0)" for name in Figures._fields)}] AS kept, e.figures
          FROM box_office_listing l
          LEFT JOIN box_office_listing_total t ON t.organisation_id = l.organisation_id AND t.listing_id = l.id
          CROSS JOIN LATERAL (
            SELECT ARRAY[{_SUMS}] AS figures FROM box_office_sales_entry s
             WHERE s.organisation_id = l.organisation_id AND s.listing_id = l.id) e
         WHERE l.organisation_id = %s AND l.account_id = %s
           AND ARRAY[{", ".join(f"coalesce(t.{name}, 0)" for name in Figures._fields)}] <> e.figures
        """,  # noqa: S608
        list(account),
    )
    for listing_id, kept, summed in rows:
        yield Difference(account.account_id, "listing", listing_id, "total", str(kept), str(summed))


def _reset_totals(account: AccountKey) -> None:
    bulk.fetch(
        f"""
        INSERT INTO box_office_listing_total (organisation_id, listing_id, currency, {_COLUMNS})
        SELECT organisation_id, listing_id, min(currency), {_SUMS} FROM box_office_sales_entry
         WHERE organisation_id = %s AND account_id = %s GROUP BY organisation_id, listing_id
        ON CONFLICT (organisation_id, listing_id) DO UPDATE
           SET ({_COLUMNS}) = ({", ".join(f"excluded.{name}" for name in Figures._fields)})
        RETURNING listing_id
        """,  # noqa: S608
        list(account),
    )


def _replayed(
    account: AccountKey, source: TicketSource
) -> Iterator[tuple[OrderWithTickets, OrderWithTickets]]:
    """(as the ledger has it, as the raw records give it), order by order."""
    after = ("", "")
    while True:
        keys = bulk.fetch(
            "SELECT DISTINCT event_id, order_id FROM box_office_raw_record"
            " WHERE organisation_id = %s AND account_id = %s AND order_id <> '' AND (event_id, order_id) > (%s, %s)"
            " ORDER BY event_id, order_id LIMIT %s",
            [*account, *after, _BATCH],
        )
        if not keys:
            return
        after = keys[-1]
        event_ids = sorted({event for event, _ in keys})
        listings = listing_index(account, event_ids)
        ledger = load_orders(account, [order_id for _, order_id in keys])
        versions = _versions(account, [order_id for _, order_id in keys])
        for _, order_id in keys:
            yield ledger[order_id], _replay(source, versions[order_id], listings, ledger[order_id])


class _Version(NamedTuple):
    kind: str
    external_id: str
    content_hash: bytes
    payload: bytes
    last_seen: datetime


def _versions(account: AccountKey, order_ids: Sequence[str]) -> Mapping[str, list[_Version]]:
    rows = bulk.fetch(
        "SELECT order_id, kind, external_id, content_hash, payload, last_seen FROM box_office_raw_record"
        " WHERE organisation_id = %s AND account_id = %s AND order_id = ANY(%s) ORDER BY last_seen, kind, external_id",
        [*account, order_ids],
    )
    versions: dict[str, list[_Version]] = defaultdict(list)
    for order_id, kind, external_id, digest, payload, last_seen in rows:
        versions[order_id].append(_Version(kind, external_id, bytes(digest), bytes(payload), last_seen))
    return versions


def _replay(
    source: TicketSource,
    versions: Sequence[_Version],
    listings: Mapping[tuple[str, str], tuple[UUID, str]],
    ledger: OrderWithTickets,
) -> OrderWithTickets:
    state = NOT_KNOWN
    # The buyer's hash is not in the raw records: personal fields never are.
    buyer = ledger.order.buyer_hash if ledger.order else b""
    for version in versions:
        if version.kind == "gone_order":
            state = order_gone(state)
        elif version.kind == "gone_ticket":
            state = ticket_gone(state, version.external_id)
        else:
            record = source.restore(version.kind, version.payload, no_types)
            if isinstance(record, Order):
                listing_id, _ = listings[record.event_id, record.session_id]
                state = fold_order(state, record, listing_id, version.last_seen, version.content_hash, buyer)
            elif isinstance(record, Ticket):
                known = state.tickets.get(record.external_id)
                folded = fold_ticket(known, record, version.last_seen, version.content_hash)
                state = OrderWithTickets(state.order, {**state.tickets, record.external_id: folded})
    return state


def _differences(
    account: AccountKey, before: OrderWithTickets, after: OrderWithTickets
) -> Iterator[Difference]:
    if before.order is not None or after.order is not None:
        key = (before.order or after.order).external_id  # type: ignore[union-attr]
        yield from _fields(account, "order", key, before.order, after.order)
    for key in sorted(before.tickets.keys() | after.tickets.keys()):
        yield from _fields(account, "ticket", key, before.tickets.get(key), after.tickets.get(key))


def _fields(account: AccountKey, kind: str, key: str, before: Any, after: Any) -> Iterator[Difference]:
    if before is None or after is None:
        if before is not after:
            yield Difference(
                account.account_id, kind, key, "presence",
                "missing" if before is None else "present", "missing" if after is None else "present",
            )  # fmt: skip
        return
    for name, mine, theirs in zip(before._fields, before, after, strict=True):
        if mine != theirs and name not in {"read_at", "record_hash"}:
            yield Difference(account.account_id, kind, key, name, str(mine), str(theirs))
