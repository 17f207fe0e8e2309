"""What an account sells: events become listings, each with its ticket types, each belonging to a show.

The caller owns the transaction and the identity.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
from django.db.models import Q

from housecount.box_office import bulk
from housecount.box_office.bulk import Table
from housecount.box_office.ledger import AccountKey, content_hash
from housecount.box_office.matching import follow_listing, place_listing
from housecount.box_office.models import Account, Listing, Order, TicketType
from housecount.box_office.tables import RAW_RECORDS
from housecount.core.counting import Category
from housecount.platforms.base import records
from housecount.platforms.base.source import KnownEvent

TICKET_TYPES = Table(
    "box_office_ticket_type",
    {
        "organisation_id": "uuid",
        "account_id": "uuid",
        "event_id": "text",
        "external_id": "text",
        "name": "text",
        "category": "text",
        "price": "bigint",
        "quantity": "bigint",
        "absorbs_fees": "boolean",
        "currency": "text",
        "deleted": "boolean",
    },
    ("organisation_id", "account_id", "event_id", "external_id"),
)
_UPSERT_TYPES = TICKET_TYPES.upsert(
    where="(excluded.name, excluded.category, excluded.price, excluded.quantity, excluded.absorbs_fees,"
    " excluded.currency, excluded.deleted) IS DISTINCT FROM (box_office_ticket_type.name,"
    " box_office_ticket_type.category, box_office_ticket_type.price, box_office_ticket_type.quantity,"
    " box_office_ticket_type.absorbs_fees, box_office_ticket_type.currency, box_office_ticket_type.deleted)"
)
_INSERT_RAW = RAW_RECORDS.upsert("last_seen = excluded.last_seen")
#: How long an event whose end is not told is taken to last.
_USUAL_LENGTH = timedelta(hours=3)
_COPIED = (
    "region", "title", "venue_name", "venue_city", "venue_country", "timezone", "starts_at", "currency",
    "capacity", "url", "state", "cancelled",
)  # fmt: skip


def store_events(account: AccountKey, events: Sequence[records.Event], seen_at: datetime) -> None:
    """Takes over events as they were read at `seen_at`; what did not change writes nothing."""
    ids = [event.external_id for event in events]
    known = {
        (listing.event_id, listing.session_id): listing
        for listing in Listing.objects.select_related("show").filter(_of(account), event_id__in=ids)
    }
    types_before = ticket_types(account, ids)
    types: list[tuple[object, ...]] = []
    raw = []
    for event in events:
        digest = content_hash(event.raw)
        before = types_before.get(event.external_id, {})
        for kind in event.ticket_types:
            if before.get(kind.external_id) != kind:
                types.append((*account, *_type_row(kind)))
        changed = bool(types) and types[-1][2] == event.external_id
        for record in event.listings:
            listing = known.get((record.event_id, record.session_id))
            if listing is not None and bytes(listing.record_hash) == _listing_hash(record):
                continue
            changed = True
            _lock_shows(account)
            _store_listing(account, listing, record, seen_at)
        if changed:
            raw.append(
                (
                    *account,
                    "event",
                    event.external_id,
                    digest,
                    event.external_id,
                    "",
                    event.raw,
                    seen_at,
                    seen_at,
                )
            )
    bulk.write(_UPSERT_TYPES, types)
    bulk.write(_INSERT_RAW, raw)


def _lock_shows(account: AccountKey) -> None:
    """Until the transaction ends, nobody else places listings in this organisation: two accounts that are read at
    the same time would each make a show of the same evening, not seeing the other's."""
    bulk.fetch("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", [str(account.organisation_id)])


def ticket_types(account: AccountKey, event_ids: Collection[str]) -> dict[str, dict[str, records.TicketType]]:
    """The ticket types of events, by event id and then by their own."""
    types: dict[str, dict[str, records.TicketType]] = {}
    for row in TicketType.objects.filter(_of(account), event_id__in=list(event_ids)):
        types.setdefault(row.event_id, {})[row.external_id] = records.TicketType(
            external_id=row.external_id,
            event_id=row.event_id,
            name=row.name,
            category=Category(row.category),
            price=row.price,
            quantity=row.quantity,
            absorbs_fees=row.absorbs_fees,
            currency=row.currency,
            deleted=row.deleted,
        )
    return types


def known_events(account: AccountKey) -> list[KnownEvent]:
    """Every event of the account that is not gone, with the span of its dates."""
    spans: dict[str, KnownEvent] = {}
    listings = Listing.objects.filter(_of(account), gone_at=None).order_by("event_id")
    for event_id, region, starts_at, ends_at in listings.values_list(
        "event_id", "region", "starts_at", "ends_at"
    ):
        span = spans.get(event_id)
        spans[event_id] = KnownEvent(
            event_id=event_id,
            region=region,
            starts_at=min(starts_at, span.starts_at) if span else starts_at,
            ends_at=max(ends_at, span.ends_at) if span else ends_at,
        )
    return list(spans.values())


def listing_index(account: AccountKey, event_ids: Iterable[str]) -> dict[tuple[str, str], tuple[UUID, str]]:
    """(listing id, currency) by (event id, session id), for the listings of `event_ids`."""
    rows = Listing.objects.filter(_of(account), event_id__in=list(event_ids))
    return {
        (event_id, session_id): (listing_id, currency)
        for event_id, session_id, listing_id, currency in rows.values_list(
            "event_id", "session_id", "id", "currency"
        )
    }


def stand_in_listing(account: AccountKey, event_id: str, session_id: str, seen_at: datetime) -> None:
    """A listing for a date that the platform no longer names but has orders of: it looks like its event's first,
    and stays marked as deleted."""
    _lock_shows(account)
    sibling = Listing.objects.filter(_of(account), event_id=event_id).order_by("starts_at").first()
    if sibling is None:
        return
    record = records.Listing(
        event_id=event_id,
        session_id=session_id,
        title=f"{sibling.title} (deleted date)",
        starts_at=sibling.starts_at,
        ends_at=sibling.ends_at,
        timezone=sibling.timezone,
        currency=sibling.currency,
        venue_name=sibling.venue_name,
        venue_city=sibling.venue_city,
        venue_country=sibling.venue_country,
        state="deleted",
        region=sibling.region,
    )
    _store_listing(account, None, record, seen_at)


def mark_events_gone(account: AccountKey, event_ids: Collection[str], seen_at: datetime) -> None:
    """Marks the listings of events that the platform was proved not to have any more."""
    Listing.objects.filter(_of(account), event_id__in=list(event_ids), gone_at=None).update(
        gone_at=seen_at, record_hash=b""
    )


def _store_listing(
    account: AccountKey, listing: Listing | None, record: records.Listing, seen_at: datetime
) -> None:
    values = {name: getattr(record, name) for name in _COPIED}
    ends_at = record.ends_at or record.starts_at + _USUAL_LENGTH
    values |= {"ends_at": max(ends_at, record.starts_at), "record_hash": _listing_hash(record)}
    if record.deleted and not _has_orders(account, record):
        values["gone_at"] = (listing.gone_at if listing else None) or seen_at
    else:
        values["gone_at"] = None
    if listing is None:
        place_listing(
            Listing(
                id=uuid4(),
                organisation_id=account.organisation_id,
                account_id=account.account_id,
                event_id=record.event_id,
                session_id=record.session_id,
                **values,
            )
        )
        return
    for name, value in values.items():
        setattr(listing, name, value)
    listing.save(update_fields=list(values))
    follow_listing(listing)


def _has_orders(account: AccountKey, record: records.Listing) -> bool:
    return Order.objects.filter(
        _of(account), event_id=record.event_id, session_id=record.session_id, gone=False
    ).exists()


def _of(account: AccountKey) -> Q:
    return Q(organisation_id=account.organisation_id, account_id=account.account_id)


def _listing_hash(record: records.Listing) -> bytes:
    return content_hash(msgspec.json.encode(record))


def _type_row(kind: records.TicketType) -> tuple[object, ...]:
    return (
        kind.event_id, kind.external_id, kind.name[:300], kind.category, kind.price, kind.quantity,
        kind.absorbs_fees, kind.currency, kind.deleted,
    )  # fmt: skip


def account_key(account: Account) -> AccountKey:
    """The key of an account's rows."""
    return AccountKey(account.organisation_id, account.id)
