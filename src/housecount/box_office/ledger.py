"""The sales ledger: takes records that were read and writes what they change, in one transaction.

For each order that a page changes: what was known is loaded, the versions read are folded into it
(`state.py`), the difference in what it counts becomes entries, and entries move the listing's total. A page
that brings nothing new writes nothing. The caller owns the transaction and the identity.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from housecount.box_office import bulk
from housecount.box_office.bulk import Table
from housecount.box_office.state import (
    NOT_KNOWN,
    Entry,
    OrderState,
    OrderWithTickets,
    TicketState,
    entries,
    fold_order,
    fold_ticket,
    order_gone,
    sum_by_listing,
    ticket_gone,
)
from housecount.box_office.tables import ENTRIES, ORDERS, RAW_RECORDS, TICKETS, TOTALS
from housecount.core.counting import Category, Figures, OrderFacts, TicketFacts, Validity, total
from housecount.platforms.base.records import Order, Ticket

# The account's lock makes one writer at a time; the guard keeps an older version out whoever writes.
_NEWER = "(excluded.changed_at, excluded.read_at) >= ({0}.changed_at, {0}.read_at)"
_UPSERT_ORDERS = ORDERS.upsert(where=_NEWER.format(ORDERS.name))
_UPSERT_TICKETS = TICKETS.upsert()
_INSERT_ENTRIES = ENTRIES.insert()
_ADD_TO_TOTALS = TOTALS.upsert(
    ", ".join(f"{name} = {TOTALS.name}.{name} + excluded.{name}" for name in Figures._fields)
)
_INSERT_RAW = RAW_RECORDS.upsert(
    "last_seen = excluded.last_seen", where=f"excluded.last_seen > {RAW_RECORDS.name}.last_seen"
)
_ORDER_FIELDS = list(ORDERS.columns)[2:25]
_TICKET_FIELDS = list(TICKETS.columns)[2:]


Record = TypeVar("Record", Order, Ticket)


class AccountKey(NamedTuple):
    """Which account, of which organisation."""

    organisation_id: UUID
    account_id: UUID


class Change(NamedTuple):
    """An order or ticket whose record changed what is counted. `changed_at` is the platform's time of the version
    that did; of what is gone, that of the version we had."""

    kind: str
    event_id: str
    external_id: str
    order_id: str
    changed_at: datetime


class Stored(NamedTuple):
    """What a page brought: how much was read, and how much of it changed something. `changes` are those of one page;
    sums are without them."""

    orders_read: int = 0
    orders_changed: int = 0
    tickets_changed: int = 0
    entries: int = 0
    changes: tuple[Change, ...] = ()

    def plus(self, other: "Stored") -> "Stored":
        return Stored(
            self.orders_read + other.orders_read,
            self.orders_changed + other.orders_changed,
            self.tickets_changed + other.tickets_changed,
            self.entries + other.entries,
        )


#: The listing that an order of (event id, session id) counts for.
ListingOf = Callable[[str, str], UUID]
#: A keyed hash of a buyer's address, b"" for none.
BuyerHash = Callable[[str], bytes]


def content_hash(raw: bytes) -> bytes:
    """What tells two versions of a record apart: 16 bytes of BLAKE2b."""
    return blake2b(raw, digest_size=16).digest()


def lock_account(account: AccountKey) -> None:
    """Until the transaction ends, nobody else writes records of this account."""
    bulk.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [str(account.account_id)])


@bulk.pipeline()
def store_records(
    account: AccountKey,
    orders: Sequence[Order],
    tickets: Sequence[Ticket],
    *,
    listing_of: ListingOf,
    buyer_hash: BuyerHash,
    read_at: datetime,
) -> Stored:
    """Takes over what was read at `read_at`. Idempotent, and independent of the order of arrival."""
    # Before the first look: what is not there now cannot come from another writer until we commit.
    lock_account(account)
    fresh_orders, known_orders = _changed(account, ORDERS, orders)
    fresh_tickets, _ = _changed(account, TICKETS, tickets)
    if not fresh_orders and not fresh_tickets:
        return Stored(orders_read=len(orders))
    versions: dict[str, list[tuple[Order, bytes]]] = defaultdict(list)
    for order, digest in sorted(fresh_orders, key=lambda pair: pair[0].changed_at):
        versions[order.external_id].append((order, digest))
    ticket_versions: dict[str, list[tuple[Ticket, bytes]]] = defaultdict(list)
    for ticket, digest in sorted(fresh_tickets, key=lambda pair: pair[0].changed_at):
        ticket_versions[ticket.order_id].append((ticket, digest))
    # Of an order that brings its tickets, none is known before the order is.
    first_seen = {
        order.external_id
        for order, _ in fresh_orders
        if order.tickets is not None and order.external_id not in known_orders
    } - ticket_versions.keys()
    ids = dict.fromkeys([*versions, *ticket_versions])
    known = dict.fromkeys(ids, NOT_KNOWN)
    known |= load_orders(account, [order_id for order_id in ids if order_id not in first_seen])
    # Sent first: the database stores what was read while its consequences are worked out here.
    _write_raw(account, fresh_orders, fresh_tickets, read_at)
    changes = []
    for order_id, before in known.items():
        after = before
        for ticket, digest in ticket_versions.get(order_id, ()):
            folded = fold_ticket(after.tickets.get(ticket.external_id), ticket, read_at, digest)
            after = OrderWithTickets(after.order, {**after.tickets, ticket.external_id: folded})
        for order, digest in versions.get(order_id, ()):
            listing_id = listing_of(order.event_id, order.session_id)
            buyer = buyer_hash(order.buyer_key)
            after = fold_order(after, order, listing_id, read_at, digest, buyer)
        changes.append((before, after))
    stored, counted = save(account, changes, read_at)
    # An order whose tickets come on pages of their own is saved again with them: it is counted once, with its record.
    return stored._replace(
        orders_read=len(orders),
        orders_changed=len(versions),
        changes=tuple(_told(counted, versions, ticket_versions)),
    )


def _told(
    counted: Iterable[str],
    versions: Mapping[str, Sequence[tuple[Order, bytes]]],
    ticket_versions: Mapping[str, Sequence[tuple[Ticket, bytes]]],
) -> Iterator[Change]:
    """By which of the versions read, the latest last, the orders of `counted` came to count something else."""
    for order_id in counted:
        if order_id in versions:
            order, _ = versions[order_id][-1]
            yield Change("order", order.event_id, order_id, order_id, order.changed_at)
        else:
            latest = {ticket.external_id: ticket for ticket, _ in ticket_versions[order_id]}
            for ticket in latest.values():
                yield Change("ticket", ticket.event_id, ticket.external_id, order_id, ticket.changed_at)


def mark_gone(
    account: AccountKey, order_ids: Iterable[str], ticket_ids: Mapping[str, str], seen_at: datetime
) -> Stored:
    """Marks what the platform was proved not to have any more: orders by id, tickets by id with their order's id."""
    gone_orders = set(order_ids)
    if not gone_orders and not ticket_ids:
        return Stored()
    lock_account(account)
    known = load_orders(account, gone_orders | set(ticket_ids.values()))
    changes = []
    vanished = []
    for order_id, before in known.items():
        after = order_gone(before) if order_id in gone_orders else before
        if before.order is not None and order_id in gone_orders and not before.order.facts.gone:
            order = before.order
            vanished.append(Change("order", order.event_id, order_id, order_id, order.changed_at))
        for ticket_id, owner in ticket_ids.items():
            if owner == order_id and ticket_id in after.tickets and not after.tickets[ticket_id].facts.gone:
                ticket = after.tickets[ticket_id]
                after = ticket_gone(after, ticket_id)
                vanished.append(Change("ticket", ticket.event_id, ticket_id, order_id, ticket.changed_at))
        changes.append((before, after))
    stamp = seen_at.isoformat().encode()
    rows = [
        (*account, f"gone_{each.kind}", each.external_id, content_hash(stamp), each.event_id, each.order_id, stamp,
         seen_at, seen_at)
        for each in vanished
    ]  # fmt: skip
    bulk.write(_INSERT_RAW, rows)
    stored, counted = save(account, changes, seen_at)
    return stored._replace(changes=tuple(each for each in vanished if each.order_id in counted))


def save(
    account: AccountKey, changes: Iterable[tuple[OrderWithTickets, OrderWithTickets]], seen_at: datetime
) -> tuple[Stored, Collection[str]]:
    """Writes orders and tickets that differ, the entries between, and the totals. Returns what changed, and the ids
    of the orders that got entries."""
    order_rows, ticket_rows, lines = [], [], list[Entry]()
    for before, after in changes:
        if before == after:
            continue
        figures = after.figures()
        lines.extend(entries(before, after, figures, seen_at))
        ticket_rows += [
            (*account, *_ticket_row(ticket))
            for key, ticket in after.tickets.items()
            if not _same_ticket(before.tickets.get(key), ticket)
        ]
        if after.order is not None:
            order_rows.append((*account, *_order_row(after.order), *total(figures.values())))
    bulk.write(_UPSERT_ORDERS, order_rows)
    bulk.write(_UPSERT_TICKETS, ticket_rows)
    write_entries(account, lines, seen_at)
    stored = Stored(orders_changed=len(order_rows), tickets_changed=len(ticket_rows), entries=len(lines))
    return stored, dict.fromkeys(line.order_id for line in lines)


def load_orders(account: AccountKey, order_ids: Collection[str]) -> dict[str, OrderWithTickets]:
    """What is known of each of `order_ids`, by id; `NOT_KNOWN` where nothing is."""
    if not order_ids:
        return {}
    ids = list(order_ids)
    tickets: dict[str, dict[str, TicketState]] = defaultdict(dict)
    for row in _select(account, TICKETS, _TICKET_FIELDS, "order_id", ids):
        ticket = _ticket_state(row)
        tickets[ticket.order_id][ticket.external_id] = ticket
    orders = {
        row[0]: _order_state(row) for row in _select(account, ORDERS, _ORDER_FIELDS, "external_id", ids)
    }
    return {
        key: OrderWithTickets(orders.get(key), tickets.get(key, {}))
        if key in orders or key in tickets
        else NOT_KNOWN
        for key in ids
    }


def _select(
    account: AccountKey, table: Table, fields: Sequence[str], key: str, ids: Sequence[str]
) -> list[tuple[Any, ...]]:
    return bulk.fetch(
        f"SELECT {', '.join(fields)} FROM {table.name}"  # noqa: S608
        f" WHERE organisation_id = %s AND account_id = %s AND {key} = ANY(%s::text[])",
        [*account, bulk.array(ids)],
    )


def _changed(
    account: AccountKey, table: Table, records: Sequence[Record]
) -> tuple[list[tuple[Record, bytes]], Collection[str]]:
    """Those of `records`, with their hash, that are not, unchanged, what the ledger stands on already; and the ids of
    all that it has in some version."""
    if not records:
        return [], ()
    ids = [record.external_id for record in records]
    known = {
        key: bytes(digest)
        for key, digest in _select(account, table, ["external_id", "record_hash"], "external_id", ids)
    }
    hashed = [(record, content_hash(record.raw)) for record in records]
    return [(record, digest) for record, digest in hashed if known.get(record.external_id) != digest], known


def write_entries(account: AccountKey, lines: Sequence[Entry], seen_at: datetime) -> None:
    if not lines:
        return
    totals = [
        (account.organisation_id, listing_id, currency, *figures)
        for (listing_id, currency), figures in sorted(sum_by_listing(lines).items())
    ]
    bulk.write(_ADD_TO_TOTALS, totals)
    # Taken last: it makes the organisation's writers wait for each other until they commit, so that numbers
    # are given in the order of commits and a reader that follows them misses nothing.
    [(last,)] = bulk.fetch(
        "INSERT INTO box_office_ledger_sequence AS s (organisation_id, last) VALUES (%s, %s)"
        " ON CONFLICT (organisation_id) DO UPDATE SET last = s.last + excluded.last RETURNING last",
        [account.organisation_id, len(lines)],
    )
    first = last - len(lines) + 1
    rows = [
        (
            account.organisation_id,
            first + position,
            account.account_id,
            line.listing_id,
            line.order_id,
            line.ticket_id,
            line.kind,
            *line.change,
            line.change.net,
            line.currency,
            line.happened_at,
            seen_at,
        )
        for position, line in enumerate(lines)
    ]
    bulk.write(_INSERT_ENTRIES, rows)


def _write_raw(
    account: AccountKey,
    orders: Sequence[tuple[Order, bytes]],
    tickets: Sequence[tuple[Ticket, bytes]],
    read_at: datetime,
) -> None:
    # By version: the same one may stand twice on a page.
    rows = {}
    for order, digest in orders:
        key = ("order", order.external_id, digest)
        rows[key] = (*account, *key, order.event_id, order.external_id, order.raw, read_at, read_at)
    for ticket, digest in tickets:
        key = ("ticket", ticket.external_id, digest)
        rows[key] = (*account, *key, ticket.event_id, ticket.order_id, ticket.raw, read_at, read_at)
    bulk.write(_INSERT_RAW, list(rows.values()))


def _same_ticket(known: TicketState | None, ticket: TicketState) -> bool:
    return known is not None and (ticket is known or ticket._replace(read_at=known.read_at) == known)


def _order_row(order: OrderState) -> tuple[Any, ...]:
    facts = order.facts
    return (
        order.external_id, order.listing_id, order.event_id, order.session_id, order.status, order.channel,
        order.currency, *facts, order.placed_at, order.changed_at, order.read_at, order.record_hash, order.buyer_hash,
    )  # fmt: skip


def _order_state(row: Sequence[Any]) -> OrderState:
    return OrderState._make([*row[:7], OrderFacts(*row[7:18]), *row[18:21], bytes(row[21]), bytes(row[22])])


def _ticket_row(ticket: TicketState) -> tuple[Any, ...]:
    return (
        ticket.external_id, ticket.order_id, ticket.event_id, ticket.session_id, ticket.type_id, ticket.type_name,
        ticket.currency, *ticket.facts, ticket.created_at, ticket.changed_at, ticket.read_at, ticket.record_hash,
    )  # fmt: skip


def _ticket_state(row: Sequence[Any]) -> TicketState:
    facts = TicketFacts(Category(row[7]), Validity(row[8]), *row[9:17])
    return TicketState._make([*row[:7], facts, *row[17:20], bytes(row[20])])
