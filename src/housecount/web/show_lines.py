"""The ledger's lines of a show, as a page tells them: which were asked for, and each in words."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from msgspec import Struct

from housecount.box_office import queries
from housecount.box_office.models import SalesEntry
from housecount.core.counting import EntryKind, Figures
from housecount.sync.queries import ListingCount, ShowCount, count_shows
from housecount.tenancy.access import MemberRequest
from housecount.web import words

FIGURE_WORDS: Final = {
    "orders": "orders", "sold": "sold", "comps": "comps", "cancelled": "cancelled", "gross": "gross",
    "discounts": "discounts", "refunds": "refunds", "absorbed_fees": "absorbed fees",
    "passed_on_fees": "passed-on fees", "tax": "tax", "rebates": "rebates", "extras": "extras", "net": "net",
}  # fmt: skip
#: What lines can be narrowed to beside the figures.
ASKED_WORDS: Final = {**FIGURE_WORDS, "list_value": "list value"}
COUNTED: Final = ("orders", "sold", "comps", "cancelled")


class Line(NamedTuple):
    """One line of the ledger: `changes` in words, apart from the figure that has its own column."""

    entry: SalesEntry
    kind: str
    platform: str
    when: str
    seen: str
    changes: str
    figure: int


class ChosenLines(Struct, frozen=True, kw_only=True):
    """The lines of a show that an address asks for. `kept` are the parts of that address."""

    count: ShowCount
    entries: QuerySet[SalesEntry]
    listings: Sequence[ListingCount]
    figure: str
    order_id: str
    listing: str
    platform: str

    @property
    def kept(self) -> str:
        """The query of an address that asks for the same."""
        parts = {
            "figure": self.figure, "order": self.order_id, "listing": self.listing, "platform": self.platform,
        }  # fmt: skip
        return urlencode({key: value for key, value in parts.items() if value})


def count_of(organisation_id: UUID, show_id: UUID, now: datetime) -> ShowCount:
    """The count of one show. Raises Http404."""
    counts = count_shows(organisation_id, now, [show_id])
    if not counts:
        raise Http404("There is no such show.")
    return counts[0]


def chosen_lines(request: MemberRequest, show_id: UUID, now: datetime) -> ChosenLines:
    """The lines that `request` asks for of a show that is there. Raises Http404."""
    count = count_of(request.organisation.pk, show_id, now)
    figure = request.GET.get("figure", "")
    figure = figure if figure in ASKED_WORDS else ""
    order_id = request.GET.get("order", "").replace("\x00", "")[:100]
    listing, platform = request.GET.get("listing", ""), request.GET.get("platform", "")
    listings = [
        each
        for each in count.listings
        if (str(each.listing.id) == listing if listing else each.listing.gone_at is None)
        and (not platform or each.platform == platform)
    ]
    entries = queries.ledger_lines(
        request.organisation.pk, [each.listing.id for each in listings], figure=figure, order_id=order_id
    )
    return ChosenLines(
        count=count,
        entries=entries,
        listings=listings,
        figure=figure,
        order_id=order_id,
        listing=listing,
        platform=platform,
    )


def value_of(figures: Figures | SalesEntry, name: str) -> int:
    """The figure of that name."""
    if name == "list_value":
        return queries.list_value(figures)
    value: int = getattr(figures, name)
    return value


def told(entries: Iterable[SalesEntry], count: ShowCount, figure: str = "") -> list[Line]:
    """The lines in words; times are in the venue's zone."""
    platforms = {each.listing.id: each.platform for each in count.listings}
    zone = ZoneInfo(count.show.venue.timezone)
    now = timezone.now()
    return [
        Line(
            entry=entry,
            kind=_kind(entry),
            platform=platforms.get(entry.listing_id, ""),
            when=moment(entry.happened_at.astimezone(zone), now),
            seen=moment(entry.seen_at.astimezone(zone), now),
            changes=_changes(entry, figure),
            figure=value_of(entry, figure) if figure else 0,
        )
        for entry in entries
    ]


def moment(at: datetime, now: datetime) -> str:
    """ "Fri 27 Nov, 7:30 pm", in the moment's own zone."""
    return f"{words.day(at, now)}, {words.clock(at).rpartition(' ')[0]}"


def _kind(entry: SalesEntry) -> str:
    # That an order came to be is told apart from its tickets, and is no comp by itself.
    return "Order" if entry.kind == EntryKind.COMP and not entry.comps else entry.kind.capitalize()


def _changes(entry: SalesEntry, but: str) -> str:
    parts = []
    for name, word in FIGURE_WORDS.items():
        value = value_of(entry, name)
        if not value or name == but:
            continue
        if name in COUNTED:
            parts.append(f"{words.signed(value)} {'order' if word == 'orders' and abs(value) == 1 else word}")
        else:
            amount = words.money(value, entry.currency)
            parts.append(f"{'+' if value > 0 else ''}{amount} {word}")
    return ", ".join(parts) or "\N{EN DASH}"
