"""The count: shows with their listings, figures and freshness. Reads only; the caller sets the identity."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q
from msgspec import Struct, structs

from housecount.box_office import bulk
from housecount.box_office.models import Account, AccountState, Listing, ListingTotal, Show
from housecount.core.counting import NOTHING, Figures, total
from housecount.installation import environment
from housecount.sync.agenda import WHOLE_ACCOUNT
from housecount.sync.freshness import (
    LATE,
    LATE_TIMES,
    EventFreshness,
    ListingFreshness,
    listing_freshness,
    told,
    unread,
)
from housecount.sync.models import Agenda, Freshness, Gap
from housecount.sync.progress import utc_now


class ListingCount(Struct, frozen=True, kw_only=True):
    """What one listing sold. `figures` are zero in what is `gone`."""

    listing: Listing
    platform: str
    account_name: str
    figures: Figures
    freshness: ListingFreshness


class ShowCount(Struct, frozen=True, kw_only=True):
    """What one show sold on all its listings. `starts_at` is in the venue's zone."""

    show: Show
    starts_at: datetime
    capacity: int | None
    figures: Figures
    listings: tuple[ListingCount, ...]

    @property
    def seats(self) -> int | None:
        """The capacity to measure the house against; None where it cannot be known whether there are more seats.

        A platform tells what it may sell itself. Several may have been given parts of the house, so that only
        more than all of them together is surely too much; a person who sets the show's capacity settles it.
        """
        taken = self.figures.sold + self.figures.comps
        if self.capacity is None or self.show.capacity is not None or taken <= self.capacity:
            return self.capacity
        told = [each.listing.capacity or 0 for each in self.listings if each.listing.gone_at is None]
        return sum(told) if all(told) and taken > sum(told) else None

    @property
    def stale(self) -> bool:
        return any(count.freshness.stale for count in self.listings if count.listing.gone_at is None)


def count_shows(
    organisation_id: UUID, now: datetime, show_ids: Sequence[UUID] | None = None
) -> list[ShowCount]:
    """The organisation's shows with what they sold, the earliest first; only `show_ids` where given."""
    shows = Show.objects.filter(organisation_id=organisation_id, merged_into=None).select_related("venue")
    listings = Listing.objects.filter(organisation_id=organisation_id)
    if show_ids is not None:
        shows = shows.filter(pk__in=show_ids)
        listings = listings.filter(show_id__in=show_ids)
    accounts = {account.id: account for account in Account.objects.filter(organisation_id=organisation_id)}
    found = list(listings.order_by("starts_at", "created_at", "id"))
    fresh = _freshness(organisation_id, None if show_ids is None else found)
    figures = _totals(organisation_id, None if show_ids is None else [listing.id for listing in found])
    by_show: dict[UUID, list[ListingCount]] = defaultdict(list)
    for listing in found:
        by_show[listing.show_id].append(
            _count_listing(listing, accounts.get(listing.account_id), figures, fresh, now)
        )
    return [_count_show(show, tuple(by_show[show.id])) for show in shows.order_by("starts_at", "title", "id")]


def _count_listing(
    listing: Listing,
    account: Account | None,
    figures: Mapping[UUID, Figures],
    fresh: Mapping[tuple[UUID, str], EventFreshness],
    now: datetime,
) -> ListingCount:
    trouble = account.state_reason if account and account.state != AccountState.ACTIVE else ""
    whole = fresh.get((listing.account_id, WHOLE_ACCOUNT))
    return ListingCount(
        listing=listing,
        platform=account.platform if account else "",
        account_name=account.name if account else "",
        figures=figures.get(listing.id, NOTHING),
        freshness=listing_freshness(
            fresh.get((listing.account_id, listing.event_id)),
            whole,
            account_trouble=trouble,
            closed=now >= listing.ends_at + timedelta(days=environment.load().refund_days),
            now=now,
        ),
    )


def _count_show(show: Show, listings: tuple[ListingCount, ...]) -> ShowCount:
    told = [
        count.listing.capacity
        for count in listings
        if count.listing.gone_at is None and count.listing.capacity
    ]
    return ShowCount(
        show=show,
        starts_at=show.starts_at.astimezone(ZoneInfo(show.venue.timezone)),
        # Each platform is usually given the whole room; where it was shared out, a person says so.
        capacity=show.capacity or max(told, default=None),
        figures=total(count.figures for count in listings if count.listing.gone_at is None),
        listings=listings,
    )


def _freshness(
    organisation_id: UUID, listings: Iterable[Listing] | None = None
) -> dict[tuple[UUID, str], EventFreshness]:
    """By account and event ("" for the whole account); where given, only of accounts and of these listings."""
    found = Freshness.objects.filter(organisation_id=organisation_id)
    planned = Agenda.objects.filter(organisation_id=organisation_id)
    if listings is not None:
        # Named one by one: behind row-level security the join of both reads what all events ever said.
        by_event = {(each.account_id, each.event_id) for each in listings}
        wanted = Q(event_id=WHOLE_ACCOUNT) | Q(
            account_id__in={account_id for account_id, _ in by_event},
            event_id__in={event_id for _, event_id in by_event},
        )
        found, planned = found.filter(wanted), planned.filter(wanted)
    rows = found.values_list("account_id", "event_id", "as_of", "swept_at", "failing_since", "reason")
    fresh = {
        (account_id, event_id): EventFreshness(as_of, swept_at, failing_since, reason)
        for account_id, event_id, as_of, swept_at, failing_since, reason in rows
    }
    times = planned.values_list("account_id", "event_id", "next_at", "every", "why", "sweep_at")
    for account_id, event_id, next_at, every, why, sweep_at in times:
        known = fresh.get((account_id, event_id), EventFreshness())
        fresh[account_id, event_id] = structs.replace(
            known, next_at=next_at, every=every, why=why, sweep_at=sweep_at
        )
    return fresh


def _totals(organisation_id: UUID, listing_ids: Sequence[UUID] | None) -> dict[UUID, Figures]:
    rows = ListingTotal.objects.filter(organisation_id=organisation_id)
    if listing_ids is not None:
        rows = rows.filter(listing_id__in=listing_ids)
    return {row[0]: Figures(*row[1:]) for row in rows.values_list("listing_id", *Figures._fields)}


def sales_document(
    organisation_id: UUID, slug: str, now: datetime, show_id: UUID | None = None
) -> dict[str, Any]:
    """The count as the commands and the API give it. Money in minor units; times with their offset."""
    shows = count_shows(organisation_id, now, None if show_id is None else [show_id])
    return {"organisation": slug, "shows": [show_document(count) for count in shows]}


def show_document(count: ShowCount) -> dict[str, Any]:
    """One show of the count, as the commands and the API give it."""
    show = count.show
    return {
        "id": str(show.id),
        "title": show.title,
        "starts_at": count.starts_at.isoformat(),
        "venue": show.venue.name,
        "capacity": count.capacity,
        "currency": show.currency,
        "cancelled": show.cancelled,
        "totals": figures_document(count.figures),
        "listings": [_listing_document(listing) for listing in count.listings],
    }


def _listing_document(count: ListingCount) -> dict[str, Any]:
    listing, freshness = count.listing, count.freshness
    return {
        "id": str(listing.id),
        "platform": count.platform,
        "account": str(listing.account_id),
        "external_event_id": listing.event_id,
        "external_session_id": listing.session_id or None,
        **figures_document(count.figures),
        "as_of": _moment(freshness.as_of),
        "last_sweep_at": _moment(freshness.last_sweep_at),
        "next_read_at": _moment(freshness.next_read_at),
        "stale": freshness.stale,
        "stale_reason": freshness.stale_reason,
        "gone_at": _moment(listing.gone_at),
    }


def figures_document(figures: Figures) -> dict[str, int]:
    """The figures by name, with net; money in minor units."""
    return {**figures._asdict(), "net": figures.net}


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


# What the events of each account come to: however many seasons there were, one row. `late` is as of when the oldest of
# those is true that should have been read by now (see `freshness.overdue`).
_EVENTS = """
SELECT account_id, max(newest), sum(failing)::integer, min(next_at), min(late)
  FROM (SELECT account_id, max(as_of) AS newest, count(*) FILTER (WHERE reason <> '') AS failing,
               NULL::timestamptz AS next_at, NULL::timestamptz AS late
          FROM sync_freshness WHERE organisation_id = %(organisation)s GROUP BY account_id
        UNION ALL
        SELECT g.account_id, NULL, 0, min(g.next_at), min(f.as_of) FILTER (
               WHERE g.next_at + greatest(%(late)s, %(times)s * g.every * interval '1 second') < %(now)s)
          FROM sync_agenda g
          LEFT JOIN sync_freshness f ON f.organisation_id = g.organisation_id AND f.account_id = g.account_id
               AND f.event_id = g.event_id
         WHERE g.organisation_id = %(organisation)s GROUP BY g.account_id) each_side
 GROUP BY account_id
"""


class _Events(NamedTuple):
    """An account's row of `_EVENTS`."""

    newest: datetime | None = None
    failing: int = 0
    next_at: datetime | None = None
    late: datetime | None = None


def account_documents(organisation_id: UUID, now: datetime | None = None) -> list[dict[str, Any]]:
    """The organisation's accounts with their freshness, as the commands and the API give them."""
    moment = now or utc_now()
    fresh = _freshness(organisation_id, ())
    values = {"organisation": organisation_id, "late": LATE, "times": LATE_TIMES, "now": moment}
    all_events = {account_id: _Events(*row) for account_id, *row in bulk.fetch(_EVENTS, values)}
    documents = []
    for account in Account.objects.filter(organisation_id=organisation_id).order_by("connected_at", "id"):
        whole = fresh.get((account.id, WHOLE_ACCOUNT), EventFreshness())
        events = all_events.get(account.id, _Events())
        active = account.state == AccountState.ACTIVE
        documents.append(
            {
                "account": str(account.id),
                "platform": account.platform,
                "name": account.name,
                "state": account.state,
                "regions": [region for region in account.regions if region],
                "connected_at": _moment(account.connected_at),
                "as_of": _moment(events.newest),
                "last_sweep_at": _moment(whole.swept_at),
                "next_read_at": _moment(events.next_at) if active else None,
                "next_read_why": whole.why if active else "",
                "next_sweep_at": _moment(whole.sweep_at) if active else None,
                "failing_since": _moment(whole.failing_since),
                "stale": (reason := _account_reason(account, whole, events, moment)) is not None,
                "stale_reason": reason,
            }
        )
    return documents


def _account_reason(account: Account, whole: EventFreshness, events: _Events, now: datetime) -> str | None:
    """Why an account's figures may not be what the platform says now; None when they are."""
    if account.state != AccountState.ACTIVE:
        return account.state_reason
    if whole.reason:
        return told(whole, whole.next_at, now)
    if events.failing:
        return f"{events.failing} of its events could not be read."
    if whole.as_of is None:
        return "It was not read yet."
    return unread(events.late, now) if events.late else None


def count_gaps(organisation_id: UUID) -> dict[UUID, int]:
    """How many gaps were ever found and closed, by account; accounts without any are left out."""
    found = Gap.objects.filter(organisation_id=organisation_id).values("account_id")
    return dict(found.annotate(number=Count("*")).values_list("account_id", "number"))
