"""An order as the ledger keeps it, and how a version that was read changes it. Pure: no database, no clock.

The state of an order depends on *which* versions were read, not on the order in which they arrived:
the newest version wins, and of every ticket the highest price any version told is kept. That is what makes
reads repeatable, and a rebuild from the raw records identical.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from housecount.core.counting import (
    NOTHING,
    EntryKind,
    Figures,
    OrderFacts,
    TicketFacts,
    as_bought,
    as_sold,
    count_order,
    count_ticket,
    entry_kind,
    in_terms_of,
)
from housecount.platforms.base.records import Order, Ticket

#: The hash of what has to be looked at again whatever it says (it was gone), or has no record of its own.
UNREAD = b""


class TicketState(NamedTuple):
    """One ticket as it stands; `facts.peak_gross` is the highest price of all versions read."""

    external_id: str
    order_id: str
    event_id: str
    session_id: str
    type_id: str
    type_name: str
    currency: str
    facts: TicketFacts
    created_at: datetime
    changed_at: datetime
    read_at: datetime
    record_hash: bytes


class OrderState(NamedTuple):
    """One order as it stands. `listing_id` is what it counts for."""

    external_id: str
    listing_id: UUID
    event_id: str
    session_id: str
    status: str
    channel: str
    currency: str
    facts: OrderFacts
    placed_at: datetime
    changed_at: datetime
    read_at: datetime
    record_hash: bytes
    buyer_hash: bytes


class Entry(NamedTuple):
    """One line of the sales ledger: `change` of a ticket (or of the order itself where `ticket_id` is "")."""

    listing_id: UUID
    order_id: str
    ticket_id: str
    kind: EntryKind
    change: Figures
    currency: str
    happened_at: datetime


class OrderWithTickets(NamedTuple):
    """An order and all tickets that are known of it; the order is None while only tickets were read."""

    order: OrderState | None
    tickets: Mapping[str, TicketState]

    def figures(self) -> dict[str, Figures]:
        """What each part counts: tickets by their id, the order's own money under ""."""
        if self.order is None:
            return {}
        facts = self.order.facts
        parts = {key: count_ticket(ticket.facts, facts) for key, ticket in self.tickets.items()}
        parts[""] = count_order(facts, [ticket.facts for ticket in self.tickets.values()])
        return parts


NOT_KNOWN = OrderWithTickets(None, {})


def fold_ticket(
    known: TicketState | None, record: Ticket, read_at: datetime, record_hash: bytes
) -> TicketState:
    """The ticket after `record` was read at `read_at`: an older version changes nothing but its peak."""
    if known is not None and (record.changed_at, read_at) < (known.changed_at, known.read_at):
        return _with_peak(known, record.facts)
    return _ticket_state(record, read_at, record_hash, known)


def _ticket_state(
    record: Ticket, read_at: datetime, record_hash: bytes, known: TicketState | None
) -> TicketState:
    facts = record.facts
    peak = max(facts.gross, facts.peak_gross)
    if known is not None:
        peak = max(peak, in_terms_of(facts, known.facts, known.facts.peak_gross))
    return TicketState(
        record.external_id,
        record.order_id,
        record.event_id,
        record.session_id,
        record.type_id,
        record.type_name,
        record.currency,
        facts if facts.peak_gross == peak else facts._replace(peak_gross=peak),
        record.created_at,
        record.changed_at,
        read_at,
        record_hash,
    )


def _with_peak(known: TicketState, older: TicketFacts) -> TicketState:
    price = in_terms_of(known.facts, older, max(older.gross, older.peak_gross))
    if price <= known.facts.peak_gross:
        return known
    return known._replace(facts=known.facts._replace(peak_gross=price))


def fold_order(
    known: OrderWithTickets,
    record: Order,
    listing_id: UUID,
    read_at: datetime,
    record_hash: bytes,
    buyer_hash: bytes,
) -> OrderWithTickets:
    """The order after `record` was read at `read_at`. Where a record brings its tickets, it brings all of them:
    one that the newest version leaves out is gone."""
    old = known.order
    tickets = dict(known.tickets)
    if old is not None and (record.changed_at, read_at) < (old.changed_at, old.read_at):
        for ticket in record.tickets or ():
            seen = tickets.get(ticket.external_id)
            if seen is None or (seen.facts.gone and ticket.changed_at > seen.changed_at):
                seen = _gone(_ticket_state(ticket, read_at, UNREAD, seen))
            tickets[ticket.external_id] = _with_peak(seen, ticket.facts)
        return OrderWithTickets(old, tickets)
    if record.tickets is not None:
        for ticket in record.tickets:
            key = ticket.external_id
            tickets[key] = _ticket_state(ticket, read_at, UNREAD, tickets.get(key))
        for key in tickets.keys() - {ticket.external_id for ticket in record.tickets}:
            tickets[key] = _gone(tickets[key])
    order = OrderState(
        record.external_id,
        listing_id,
        record.event_id,
        record.session_id,
        record.status,
        record.channel,
        record.currency,
        record.facts,
        record.placed_at,
        record.changed_at,
        read_at,
        record_hash,
        buyer_hash or (old.buyer_hash if old else b""),
    )
    return OrderWithTickets(order, tickets)


def order_gone(known: OrderWithTickets) -> OrderWithTickets:
    """The order after the platform was seen not to have it any more."""
    if known.order is None:
        return known
    order = known.order._replace(facts=known.order.facts._replace(gone=True), record_hash=UNREAD)
    return OrderWithTickets(order, known.tickets)


def ticket_gone(known: OrderWithTickets, ticket_id: str) -> OrderWithTickets:
    """The order after the platform was seen not to have one of its tickets any more."""
    return OrderWithTickets(known.order, {**known.tickets, ticket_id: _gone(known.tickets[ticket_id])})


def _gone(ticket: TicketState) -> TicketState:
    return ticket._replace(facts=ticket.facts._replace(gone=True), record_hash=UNREAD)


def entries(
    before: OrderWithTickets, after: OrderWithTickets, figures: Mapping[str, Figures], seen_at: datetime
) -> Iterator[Entry]:
    """The ledger lines that lead from `before` to `after`, which counts `figures`; none when nothing counted changed.

    What is seen for the first time when it was cancelled or refunded already gets two lines: the sale, dated
    when it was bought, and what became of it, dated when it last changed.
    """
    order = after.order
    if order is None:
        return
    old = before.figures()
    if before.order is not None and before.order.listing_id != order.listing_id:
        yield from _taken_off(before, old, seen_at)
        old = {}
    opened = before.order is not None and not before.order.facts.completed
    bought = as_bought(order.facts)
    for key, now in figures.items():
        was = old.get(key)
        first = opened and was == NOTHING
        if was is None:
            if now == NOTHING:
                continue
            was = _when_bought(after, key, now, bought)
            first = was == NOTHING
            if not first:
                kind, when = _kind(key, was, figures, first=True), _bought_at(after, key)
                yield Entry(order.listing_id, order.external_id, key, kind, was, order.currency, when)
        if now != was:
            change = now.minus(was)
            kind = _kind(key, change, figures, first=first)
            when = _bought_at(after, key) if first else _changed_at(after, key, seen_at)
            yield Entry(order.listing_id, order.external_id, key, kind, change, order.currency, when)


def _kind(key: str, change: Figures, figures: Mapping[str, Figures], *, first: bool) -> EntryKind:
    """The kind of a line. That there is one more order says nothing of money, and may be seen with its tickets only:
    whether they were paid tells what it is."""
    if not key and change == _ONE_ORDER:
        paid = any(part.sold or part.gross for part in figures.values())
        return EntryKind.SALE if paid else EntryKind.COMP
    return entry_kind(change, first=first)


_ONE_ORDER = Figures(orders=1)


def _taken_off(before: OrderWithTickets, old: Mapping[str, Figures], seen_at: datetime) -> Iterator[Entry]:
    """The order leaves the listing that it counted for."""
    order = before.order
    assert order is not None
    for key, figures in old.items():
        if figures != NOTHING:
            change = NOTHING.minus(figures)
            yield Entry(
                order.listing_id,
                order.external_id,
                key,
                EntryKind.CORRECTION,
                change,
                order.currency,
                seen_at,
            )


def _when_bought(after: OrderWithTickets, key: str, now: Figures, bought: OrderFacts) -> Figures:
    """What the part counted when it was bought and its order stood as `bought`, as far as can be told; most parts
    count the same `now`."""
    assert after.order is not None
    same = bought == after.order.facts
    if key:
        ticket = after.tickets[key].facts
        sold = as_sold(ticket)
        return now if same and sold == ticket else count_ticket(sold, bought)
    tickets = [ticket.facts for ticket in after.tickets.values()]
    if same and not any(ticket.gone for ticket in tickets):
        return now
    return count_order(bought, [as_sold(ticket) for ticket in tickets])


def _bought_at(after: OrderWithTickets, key: str) -> datetime:
    """When the part was bought."""
    order = after.order
    assert order is not None
    return after.tickets[key].created_at if key and not order.facts.gone else order.placed_at


def _changed_at(after: OrderWithTickets, key: str, seen_at: datetime) -> datetime:
    """When the part last changed; as far as we know, which is when it was seen, for what is gone."""
    order = after.order
    assert order is not None
    if order.facts.gone:
        return seen_at
    if not key:
        return order.changed_at
    ticket = after.tickets[key]
    return seen_at if ticket.facts.gone else max(ticket.changed_at, ticket.created_at)


def sum_by_listing(lines: Iterable[Entry]) -> dict[tuple[UUID, str], Figures]:
    """The change of each listing's totals, by listing and currency."""
    sums: dict[tuple[UUID, str], list[int]] = {}
    for line in lines:
        running = sums.setdefault((line.listing_id, line.currency), [0] * len(Figures._fields))
        for position, value in enumerate(line.change):
            if value:
                running[position] += value
    return {key: Figures(*running) for key, running in sums.items()}
