"""Promise: the current state can be rebuilt from the raw records that were read, and is identical.

`compare` replays an account's raw records and names every difference from the ledger; `repair` also writes
what the records say. Both go order by order, so memory does not grow with the season.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from housecount.box_office import bulk, rollups
from housecount.box_office.catalogue import listing_index
from housecount.box_office.ledger import AccountKey, load_orders, lock_account, write_entries
from housecount.box_office.state import (
    NOT_KNOWN,
    Entry,
    OrderWithTickets,
    fold_order,
    fold_ticket,
    order_gone,
    ticket_gone,
)
from housecount.box_office.tables import ORDERS, TICKETS
from housecount.core.counting import NOTHING, EntryKind, Figures, OrderFacts, TicketFacts, total
from housecount.platforms.base.records import Order, Ticket
from housecount.platforms.base.source import TicketSource

_BATCH = 200
_SUMS = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in Figures._fields)
_COLUMNS = ", ".join(Figures._fields)
_NOTHING = f"array_fill(0::bigint, ARRAY[{len(Figures._fields)}])"
_SCOPE = "organisation_id = %s AND account_id = %s"
_UPSERT_ORDERS = ORDERS.upsert()
_UPSERT_TICKETS = TICKETS.upsert()


class Difference(NamedTuple):
    """Where the ledger and what was read disagree."""

    account_id: UUID
    kind: str
    external_id: str
    field: str
    ledger: str
    rebuilt: str


class _Examined(NamedTuple):
    """One order: as the ledger has it, as the raw records give it, the figures that stand on its row, and what its
    entries sum to by (listing id, ticket id)."""

    order_id: str
    before: OrderWithTickets
    after: OrderWithTickets
    kept: Figures
    entered: Mapping[tuple[UUID, str], Figures]

    def due(self) -> dict[tuple[UUID, str], Figures]:
        """What its entries should sum to."""
        if self.after.order is None:
            return {}
        return {(self.after.order.listing_id, key): part for key, part in self.after.figures().items()}


def compare(account: AccountKey, source: TicketSource) -> Iterator[Difference]:
    """Every difference between the ledger and its raw records, and between the ledger's own sums."""
    for examined in _examine(account, source):
        yield from _differences(account, examined)
    yield from check_sums(account)


def repair(account: AccountKey, source: TicketSource, seen_at: datetime) -> Iterator[Difference]:
    """Like `compare`, and writes the state that the raw records give. Entries are never taken back: what they sum to
    is put right by corrections, dated `seen_at`."""
    lock_account(account)
    yield from _check_totals(account)
    yield from _check_rollups(account)
    for examined in _examine(account, source):
        found = list(_differences(account, examined))
        if found:
            _put_right(account, examined, seen_at)
            yield from found
    _reset_totals(account)
    rollups.write_again(*account)


def _put_right(account: AccountKey, examined: _Examined, seen_at: datetime) -> None:
    order = examined.after.order
    known = examined.before.tickets
    # What no record speaks of cannot be deleted, but it does not count.
    strays = [
        ticket_gone(examined.before, key).tickets[key] for key in known.keys() - examined.after.tickets.keys()
    ]
    if order is not None:
        figures = total(examined.after.figures().values())
        bulk.write(_UPSERT_ORDERS, [(*account, *_flat(order), *figures)])
    tickets = [*examined.after.tickets.values(), *strays]
    bulk.write(_UPSERT_TICKETS, [(*account, *_flat(ticket)) for ticket in tickets])
    due = examined.due()
    lines = []
    for listing_id, ticket_id in sorted(due.keys() | examined.entered.keys()):
        key = (listing_id, ticket_id)
        change = due.get(key, NOTHING).minus(examined.entered.get(key, NOTHING))
        if change != NOTHING:
            currency = order.currency if order else _currency(account, listing_id)
            lines.append(
                Entry(
                    listing_id, examined.order_id, ticket_id, EntryKind.CORRECTION, change, currency, seen_at
                )
            )
    write_entries(account, lines, seen_at)


def _currency(account: AccountKey, listing_id: UUID) -> str:
    [(currency,)] = bulk.fetch(
        "SELECT currency FROM box_office_listing WHERE organisation_id = %s AND id = %s",
        [account.organisation_id, listing_id],
    )
    return str(currency)


def _flat(state: tuple[Any, ...]) -> Iterator[Any]:
    """A state's values in the order of its table's columns."""
    for value in state:
        if isinstance(value, OrderFacts | TicketFacts):
            yield from value
        else:
            yield value


def check_sums(account: AccountKey) -> Iterator[Difference]:
    """Entries must sum to each order, to each listing's total, and to each day and hour."""
    rows = bulk.fetch(
        f"""
        SELECT external_id, max(figures) FILTER (WHERE source = 'order'), max(figures) FILTER (WHERE source = 'entries')
          FROM (
            SELECT 'order' AS source, external_id, ARRAY[{_COLUMNS}] AS figures
              FROM box_office_order WHERE {_SCOPE}
            UNION ALL
            SELECT 'entries', order_id, ARRAY[{_SUMS}]
              FROM box_office_sales_entry WHERE {_SCOPE} GROUP BY order_id
        ) both_sides GROUP BY external_id
        HAVING count(DISTINCT figures) > 1 OR (count(*) = 1 AND bool_or(figures <> {_NOTHING}))
        """,  # noqa: S608
        [*account, *account],
    )
    for order_id, kept, summed in rows:
        yield Difference(account.account_id, "order", order_id, "sum of entries", _text(kept), _text(summed))
    yield from _check_totals(account)
    yield from _check_rollups(account)


def _text(figures: Sequence[int] | None) -> str:
    """Figures by name, without those that are zero."""
    told = [f"{name} {value}" for name, value in zip(rollups.NAMES, figures or (), strict=False) if value]
    return ", ".join(told) or "nothing"


def _check_totals(account: AccountKey) -> Iterator[Difference]:
    totals = ", ".join(f"coalesce(t.{name}, 0)" for name in Figures._fields)
    rows = bulk.fetch(
        f"""
        SELECT l.id::text, ARRAY[{totals}], e.figures
          FROM box_office_listing l
          LEFT JOIN box_office_listing_total t ON t.organisation_id = l.organisation_id AND t.listing_id = l.id
          CROSS JOIN LATERAL (
            SELECT ARRAY[{_SUMS}] AS figures FROM box_office_sales_entry s
             WHERE s.organisation_id = l.organisation_id AND s.listing_id = l.id) e
         WHERE l.organisation_id = %s AND l.account_id = %s AND ARRAY[{totals}] <> e.figures
        """,  # noqa: S608
        list(account),
    )
    for listing_id, kept, summed in rows:
        yield Difference(account.account_id, "listing", listing_id, "total", _text(kept), _text(summed))


def _check_rollups(account: AccountKey) -> Iterator[Difference]:
    for row in rollups.unequal(*account):
        yield Difference(
            account.account_id, row.kind, row.key, "sum of entries", _text(row.kept), _text(row.summed)
        )


def _reset_totals(account: AccountKey) -> None:
    excluded = ", ".join(f"excluded.{name}" for name in Figures._fields)
    bulk.fetch(
        f"""
        INSERT INTO box_office_listing_total (organisation_id, listing_id, currency, {_COLUMNS})
        SELECT l.organisation_id, l.id, l.currency, {", ".join(f"e.{name}" for name in Figures._fields)}
          FROM box_office_listing l
          CROSS JOIN LATERAL (
            SELECT {", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in Figures._fields)}
              FROM box_office_sales_entry s
             WHERE s.organisation_id = l.organisation_id AND s.listing_id = l.id) e
         WHERE l.organisation_id = %s AND l.account_id = %s
        ON CONFLICT (organisation_id, listing_id) DO UPDATE SET ({_COLUMNS}) = ({excluded})
        RETURNING listing_id
        """,  # noqa: S608
        list(account),
    )


def _examine(account: AccountKey, source: TicketSource) -> Iterator[_Examined]:
    """Every order that was read, and after them whatever else the ledger has."""
    after = ("", "")
    while True:
        keys = bulk.fetch(
            "SELECT DISTINCT event_id, order_id FROM box_office_raw_record"  # noqa: S608
            f" WHERE {_SCOPE} AND order_id <> '' AND (event_id, order_id) > (%s, %s)"
            " ORDER BY event_id, order_id LIMIT %s",
            [*account, *after, _BATCH],
        )
        if not keys:
            break
        after = keys[-1]
        order_ids = [order_id for _, order_id in keys]
        listings = listing_index(account, sorted({event for event, _ in keys}))
        versions = _versions(account, order_ids)
        for order_id, before, kept, entered in _ledger(account, order_ids):
            replayed = _replay(source, versions[order_id], listings, before)
            yield _Examined(order_id, before, replayed, kept, entered)
    for order_id, before, kept, entered in _ledger(account, _never_read(account)):
        yield _Examined(order_id, before, order_gone(before), kept, entered)


def _never_read(account: AccountKey) -> list[str]:
    """Orders of the ledger that no raw record speaks of."""
    rows = bulk.fetch(
        f"""
        SELECT order_id FROM (
            SELECT external_id AS order_id FROM box_office_order WHERE {_SCOPE}
            UNION SELECT order_id FROM box_office_ticket WHERE {_SCOPE}
            UNION SELECT order_id FROM box_office_sales_entry WHERE {_SCOPE}
            EXCEPT SELECT order_id FROM box_office_raw_record WHERE {_SCOPE}
        ) strays ORDER BY order_id
        """,  # noqa: S608
        [*account] * 4,
    )
    return [order_id for (order_id,) in rows]


def _ledger(
    account: AccountKey, order_ids: Sequence[str]
) -> Iterator[tuple[str, OrderWithTickets, Figures, Mapping[tuple[UUID, str], Figures]]]:
    """What the ledger has of each order: its state, the figures on its row, and the sums of its entries."""
    states = load_orders(account, order_ids)
    kept = {
        order_id: Figures(*figures)
        for order_id, *figures in bulk.fetch(
            f"SELECT external_id, {_COLUMNS} FROM box_office_order"  # noqa: S608
            f" WHERE {_SCOPE} AND external_id = ANY(%s::text[])",
            [*account, list(order_ids)],
        )
    }
    entered: dict[str, dict[tuple[UUID, str], Figures]] = defaultdict(dict)
    for order_id, listing_id, ticket_id, *figures in bulk.fetch(
        f"SELECT order_id, listing_id, ticket_id, {_SUMS} FROM box_office_sales_entry"  # noqa: S608
        f" WHERE {_SCOPE} AND order_id = ANY(%s::text[]) GROUP BY order_id, listing_id, ticket_id",
        [*account, list(order_ids)],
    ):
        entered[order_id][listing_id, ticket_id] = Figures(*figures)
    for order_id in order_ids:
        yield order_id, states[order_id], kept.get(order_id, NOTHING), entered[order_id]


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
            record = source.restore(version.kind, version.payload)
            if isinstance(record, Order):
                listing_id, _ = listings[record.event_id, record.session_id]
                state = fold_order(state, record, listing_id, version.last_seen, version.content_hash, buyer)
            elif isinstance(record, Ticket):
                known = state.tickets.get(record.external_id)
                folded = fold_ticket(known, record, version.last_seen, version.content_hash)
                state = OrderWithTickets(state.order, {**state.tickets, record.external_id: folded})
    return state


def _differences(account: AccountKey, examined: _Examined) -> Iterator[Difference]:
    before, after, order_id = examined.before, examined.after, examined.order_id
    yield from _fields(account, "order", order_id, before.order, after.order)
    for key in sorted(before.tickets.keys() | after.tickets.keys()):
        yield from _fields(account, "ticket", key, before.tickets.get(key), after.tickets.get(key))
    figures = total(after.figures().values())
    for name, kept, due in zip(Figures._fields, examined.kept, figures, strict=True):
        if kept != due:
            yield Difference(account.account_id, "order", order_id, name, str(kept), str(due))
    wanted = examined.due()
    for part in sorted(wanted.keys() | examined.entered.keys()):
        entered, right = examined.entered.get(part, NOTHING), wanted.get(part, NOTHING)
        if entered != right:
            name = f"{order_id} {part[1]}".rstrip()
            yield Difference(account.account_id, "entries", name, "sum", _text(entered), _text(right))


def _fields(account: AccountKey, kind: str, key: str, before: Any, after: Any) -> Iterator[Difference]:
    if before is None or after is None:
        # What was put aside as gone because no record speaks of it counts nothing and is settled.
        if before is not after and not (after is None and before.facts.gone):
            yield Difference(
                account.account_id, kind, key, "presence",
                "missing" if before is None else "present", "missing" if after is None else "present",
            )  # fmt: skip
        return
    for name, mine, theirs in zip(before._fields, before, after, strict=True):
        if mine != theirs and name not in {"read_at", "record_hash"}:
            yield Difference(account.account_id, kind, key, name, str(mine), str(theirs))
