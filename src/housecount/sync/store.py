"""What the reader does in the database, each function one transaction: pages, bookmarks, freshness, runs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from housecount.box_office import bulk, catalogue, ledger
from housecount.box_office.ledger import AccountKey, Stored
from housecount.box_office.models import Account, AccountState, SetAside
from housecount.core.errors import HousecountError
from housecount.platforms.base.errors import ContractChanged
from housecount.platforms.base.records import Order as OrderRecord
from housecount.platforms.base.records import Page, Rejected
from housecount.platforms.base.source import KnownEvent, TypesOf
from housecount.sync import agenda, gaps
from housecount.sync.agenda import WHOLE_ACCOUNT
from housecount.sync.gaps import Claims
from housecount.sync.models import Bookmark, Freshness, ReadRun
from housecount.tenancy.crypto import keyed_hash

#: A page of at least this many records of which more than half cannot be read is no bad luck.
_PATTERN = 10
_IDS_AT_ONCE = 2_000
#: A sweep that ended with one of these was broken off, and nothing it had walked was wrong.
BROKEN_OFF = ("rate_limited", "circuit_open", "stopped", "lock_lost", "database_unavailable")
#: How long what an unfinished sweep has walked is as good as walked again.
UNFINISHED = timedelta(hours=12)
#: Of reads that are no sweeps.
NO_CLAIMS = Claims()


class PageStored(NamedTuple):
    """What a page brought, and which events its records name that the ledger does not know."""

    stored: Stored
    unknown_events: frozenset[str]


def store_catalogue(account: AccountKey, page: Page, seen_at: datetime) -> None:
    """Takes over a page of events."""
    if not page.orders:
        set_aside(account, page.rejected, seen_at)
    catalogue.store_events(account, page.events, seen_at)
    _take_back(account, "event", [event.external_id for event in page.events])


def store_page(account: AccountKey, page: Page, read_at: datetime, claimed: Claims = NO_CLAIMS) -> PageStored:
    """Takes over a page of orders and tickets. When it names events that are not known, nothing is stored and they
    are handed back: read them first. What breaks what reads had `claimed` is written down as a gap. Raises
    `ContractChanged` when most of the page cannot be read."""
    _refuse_pattern(page)
    events = {order.event_id for order in page.orders} | {ticket.event_id for ticket in page.tickets}
    listings = catalogue.listing_index(account, events)
    unknown = events - {event_id for event_id, _ in listings}
    if unknown:
        return PageStored(Stored(), frozenset(unknown))
    for record in page.orders:
        if (record.event_id, record.session_id) not in listings:
            catalogue.stand_in_listing(account, record.event_id, record.session_id, read_at)
            listings = catalogue.listing_index(account, events)
    foreign = [
        Rejected(
            kind="order",
            external_id=order.external_id,
            event_id=order.event_id,
            reason=f"It is in {order.currency}, its show is sold in {listings[order.event_id, order.session_id][1]}.",
        )
        for order in page.orders
        if order.currency != listings[order.event_id, order.session_id][1]
    ]
    refused = {rejected.external_id for rejected in foreign}
    orders = [order for order in page.orders if order.external_id not in refused]
    stored = ledger.store_records(
        account,
        orders,
        page.tickets,
        listing_of=lambda event_id, session_id: listings[event_id, session_id][0],
        buyer_hash=lambda key: keyed_hash(key, account.organisation_id) if key else b"",
        read_at=read_at,
    )
    set_aside(account, [*page.rejected, *foreign], read_at)
    _take_back(account, "order", [order.external_id for order in orders])
    _take_back(account, "ticket", [ticket.external_id for ticket in page.tickets])
    if stored.orders_changed:
        _note_what_was_odd(account, orders, read_at)
    gaps.record(account, claimed, stored.changes, read_at)
    return PageStored(stored, frozenset())


def mark_gone(
    account: AccountKey,
    order_ids: Iterable[str],
    ticket_ids: Mapping[str, str],
    seen_at: datetime,
    claimed: Claims = NO_CLAIMS,
) -> Stored:
    """Marks what the platform was proved not to have any more (see `ledger.mark_gone`); gaps as in `store_page`."""
    stored = ledger.mark_gone(account, order_ids, ticket_ids, seen_at)
    gaps.record(account, claimed, stored.changes, seen_at)
    return stored


def _refuse_pattern(page: Page) -> None:
    good = len(page.orders) + len(page.tickets)
    bad = len(page.rejected)
    if good + bad >= _PATTERN and bad > good:
        raise ContractChanged(
            f"{bad} of {good + bad} records of one answer cannot be read ({page.rejected[0].reason}) "
            "Nothing was taken over; the figures stay as they were."
        )


def set_aside(account: AccountKey, rejected: Iterable[Rejected], seen_at: datetime) -> None:
    """Keeps note of records that could not be read."""
    rows = [
        SetAside(
            organisation_id=account.organisation_id,
            account_id=account.account_id,
            kind=record.kind,
            external_id=record.external_id[:100],
            event_id=record.event_id[:100],
            notice=False,
            reason=record.reason,
            first_seen=seen_at,
        )
        for record in rejected
    ]
    for kind in {row.kind for row in rows}:
        # What was only odd so far is now worse than that.
        ids = [row.external_id for row in rows if row.kind == kind]
        SetAside.objects.filter(_of(account), kind=kind, external_id__in=ids, notice=True).delete()
    SetAside.objects.bulk_create(rows, ignore_conflicts=True)


def _take_back(account: AccountKey, kind: str, external_ids: Sequence[str]) -> None:
    """Records that could be read are not set aside any more, whether or not they changed since they were good."""
    if external_ids:
        here = SetAside.objects.filter(_of(account), kind=kind, notice=False)
        here.filter(external_id__in=external_ids).delete()


def _note_what_was_odd(account: AccountKey, orders: Sequence[OrderRecord], seen_at: datetime) -> None:
    """What is remarkable in orders as they are now, in place of what was."""
    here = SetAside.objects.filter(_of(account), kind="order")
    here.filter(external_id__in=[order.external_id for order in orders]).delete()
    SetAside.objects.bulk_create(
        [
            SetAside(
                organisation_id=account.organisation_id,
                account_id=account.account_id,
                kind="order",
                external_id=order.external_id,
                event_id=order.event_id,
                notice=True,
                reason=" ".join(order.notices),
                first_seen=seen_at,
            )
            for order in {order.external_id: order for order in orders if order.notices}.values()
        ],
        ignore_conflicts=True,
    )


def known_events(account: AccountKey) -> list[KnownEvent]:
    """The account's events; new are those of which nothing was read to the end, ever or since a failure."""
    whole = Freshness.objects.filter(_of(account), failing_since=None).exclude(as_of=None)
    read = set(whole.values_list("event_id", flat=True))
    return [
        KnownEvent(
            event_id=event.event_id,
            region=event.region,
            starts_at=event.starts_at,
            ends_at=event.ends_at,
            new=event.event_id not in read,
        )
        for event in catalogue.known_events(account)
    ]


def types_reader(account: AccountKey, event_ids: Collection[str]) -> TypesOf:
    """The ticket types of `event_ids` as they are known now."""
    types = catalogue.ticket_types(account, event_ids)
    return lambda event_id: types.get(event_id, {})


def order_ids(account: AccountKey, event_id: str) -> set[str]:
    """The orders of an event that are not gone."""
    return missing_orders(account, event_id, ())


def missing_orders(account: AccountKey, event_id: str, shown: Collection[str]) -> set[str]:
    """The orders of an event that are not gone, except those that were `shown`."""
    known = _ids_of(account, event_id, "box_office_order", "external_id")
    return {order_id for (order_id,) in known if order_id not in shown}


def missing_tickets(account: AccountKey, event_id: str, shown: Collection[str]) -> dict[str, str]:
    """The tickets of an event that are not gone, with their order's id, except those that were `shown`."""
    known = _ids_of(account, event_id, "box_office_ticket", "external_id, order_id")
    return {ticket_id: order_id for ticket_id, order_id in known if ticket_id not in shown}


def _ids_of(account: AccountKey, event_id: str, table: str, columns: str) -> Iterator[tuple[str, ...]]:
    """Some at a time: an event may have sold more than a process should hold twice."""
    after = ""
    while rows := bulk.fetch(
        f"SELECT {columns} FROM {table} WHERE organisation_id = %s AND account_id = %s"  # noqa: S608
        " AND event_id = %s AND NOT gone AND external_id > %s ORDER BY external_id LIMIT %s",
        [*account, event_id, after, _IDS_AT_ONCE],
    ):
        yield from rows
        after = rows[-1][0]


def mark_event_gone(account: AccountKey, event_id: str, seen_at: datetime) -> Stored:
    """The platform was proved not to have the event any more: nor, then, its orders."""
    stored = ledger.mark_gone(account, order_ids(account, event_id), {}, seen_at)
    catalogue.mark_events_gone(account, [event_id], seen_at)
    # Should it come back, all of it is read anew: its orders are not newer than any bookmark.
    Freshness.objects.filter(_of(account), event_id=event_id).update(as_of=None)
    return stored


def ever_swept(account: AccountKey) -> bool:
    """Whether the account was ever read whole."""
    return Freshness.objects.filter(_of(account), event_id=WHOLE_ACCOUNT).exclude(swept_at=None).exists()


def swept_already(account: AccountKey, now: datetime) -> dict[str, datetime]:
    """The events that an unfinished sweep has walked, with when: what comes after need not walk them again.

    A sweep that broke off is gone on with for `UNFINISHED`; only the account's own reads are asked, so that a
    platform that allows few calls does not keep us at the first events for ever.
    """
    runs = ReadRun.objects.filter(_of(account), full=True, started_at__gt=now - UNFINISHED)
    done = runs.filter(Q(complete=True) | ~Q(error_code__in=BROKEN_OFF)).order_by("-started_at").first()
    if done is not None:
        runs = runs.filter(started_at__gt=done.started_at)
    first = runs.order_by("started_at").first()
    if first is None:
        return {}
    walked = Freshness.objects.filter(_of(account), swept_at__gte=first.started_at, failing_since=None)
    return {
        event_id: swept_at
        for event_id, swept_at in walked.exclude(event_id=WHOLE_ACCOUNT).values_list("event_id", "swept_at")
        if swept_at is not None
    }


def bookmarks(account: AccountKey) -> dict[str, datetime]:
    """How far each slice is known to be read."""
    return dict(Bookmark.objects.filter(_of(account)).values_list("key", "covered_until"))


def move_bookmarks(account: AccountKey, moved: Mapping[str, datetime]) -> None:
    """Moves bookmarks forward; one that is further already stays."""
    rows = [(*account, key, covered_until) for key, covered_until in moved.items()]
    bulk.write(_MOVE_BOOKMARKS, rows)


def drop_bookmarks_after(account: AccountKey, now: datetime) -> None:
    """Forgets bookmarks that lie in our future: a clock was wrong, now or when they were made, so that they say
    nothing. What they covered is read whole."""
    Bookmark.objects.filter(_of(account), covered_until__gt=now).delete()


_BOOKMARKS = bulk.Table(
    "sync_bookmark",
    {"organisation_id": "uuid", "account_id": "uuid", "key": "text", "covered_until": "timestamptz"},
    ("organisation_id", "account_id", "key"),
)
_MOVE_BOOKMARKS = _BOOKMARKS.upsert(where="excluded.covered_until > sync_bookmark.covered_until")
_FRESHNESS = bulk.Table(
    "sync_freshness",
    {
        "organisation_id": "uuid",
        "account_id": "uuid",
        "event_id": "text",
        "as_of": "timestamptz",
        "swept_at": "timestamptz",
        "failing_since": "timestamptz",
        "reason_code": "text",
        "reason": "text",
    },
    ("organisation_id", "account_id", "event_id"),
)
_FRESH = _FRESHNESS.upsert(
    "as_of = excluded.as_of, swept_at = coalesce(excluded.swept_at, sync_freshness.swept_at),"
    " failing_since = NULL, reason_code = '', reason = ''"
)
_FAILING = _FRESHNESS.upsert(
    "failing_since = coalesce(sync_freshness.failing_since, excluded.failing_since),"
    " reason_code = excluded.reason_code, reason = excluded.reason"
)


def mark_fresh(account: AccountKey, event_ids: Iterable[str], as_of: datetime, *, swept: bool) -> None:
    """The figures of these events (or of `WHOLE_ACCOUNT`) are true as of then."""
    rows = [(*account, key, as_of, as_of if swept else None, None, "", "") for key in event_ids]
    bulk.write(_FRESH, rows)


def mark_failing(
    account: AccountKey, event_ids: Iterable[str], error: HousecountError, now: datetime
) -> None:
    """The figures of these events (or of `WHOLE_ACCOUNT`) could not be read again: they keep their age."""
    rows = [(*account, key, None, None, now, error.code, error.message) for key in event_ids]
    bulk.write(_FAILING, rows)


def account_answers(account: AccountKey) -> None:
    """The account as a whole can be read again; events that still fail say so themselves."""
    Freshness.objects.filter(_of(account), event_id=WHOLE_ACCOUNT).exclude(reason="").update(
        failing_since=None, reason_code="", reason=""
    )


def stop_account(account: AccountKey, reason: str) -> None:
    """Reads no more until a person reconnects the account."""
    _account(account).update(state=AccountState.STOPPED, state_reason=reason)
    agenda.end(account)


def resume_account(account: AccountKey) -> None:
    """A stopped account that could be read again goes on."""
    _account(account).filter(state=AccountState.STOPPED).update(state=AccountState.ACTIVE, state_reason="")


def record_run(run: ReadRun) -> None:
    """Keeps the read in the history."""
    run.save(force_insert=True)


def load_account(account_id: UUID) -> Account | None:
    """The account, if the identity's organisation has it."""
    return Account.objects.filter(pk=account_id).first()


def _account(account: AccountKey) -> QuerySet[Account]:
    return Account.objects.filter(organisation_id=account.organisation_id, pk=account.account_id)


def _of(account: AccountKey) -> Q:
    return Q(organisation_id=account.organisation_id, account_id=account.account_id)
