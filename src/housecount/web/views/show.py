"""One show: its figures, and what stands behind them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from housecount.box_office import queries
from housecount.box_office.errors import NotFound
from housecount.box_office.matching import find_show
from housecount.box_office.models import SalesEntry, Show
from housecount.core.counting import EntryKind, Figures, total
from housecount.sync.queries import ShowCount, count_shows
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role
from housecount.web import charts, words
from housecount.web.acts import as_of_for_act
from housecount.web.context import OFFICE
from housecount.web.rows import listing_rows, show_row
from housecount.web.views.shows import page_number

LINES_PER_PAGE = 100
_NEWEST_LINES = 8
FIGURE_WORDS = {
    "orders": "orders", "sold": "sold", "comps": "comps", "cancelled": "cancelled", "gross": "gross",
    "discounts": "discounts", "refunds": "refunds", "absorbed_fees": "absorbed fees",
    "passed_on_fees": "passed-on fees", "tax": "tax", "rebates": "rebates", "extras": "extras", "net": "net",
}  # fmt: skip
_COUNTED = ("orders", "sold", "comps", "cancelled")


class Line(NamedTuple):
    """One line of the ledger: `changes` in words, apart from the figure that has its own column."""

    entry: SalesEntry
    kind: str
    platform: str
    when: str
    seen: str
    changes: str
    figure: int


class Step(NamedTuple):
    """One row of the way from gross to net, or of what stands beside it: a value per platform, and their sum."""

    figure: str
    name: str
    sign: str
    note: str
    values: tuple[tuple[str, int], ...]
    total: int


def find(request: MemberRequest, show_id: UUID) -> Show:
    """The show, or the one it was merged into. Raises Http404 for one that is not there or not to be seen."""
    try:
        return find_show(request.organisation.pk, show_id)
    except NotFound as error:
        raise Http404(error.message) from None


def _count(request: MemberRequest, show_id: UUID, now: datetime) -> ShowCount:
    counts = count_shows(request.organisation.pk, now, [show_id])
    if not counts:
        raise Http404("There is no such show.")
    return counts[0]


@require_safe
@require_role()
def show(request: MemberRequest, show_id: UUID) -> HttpResponse:
    """A show's page; for an act, what it may know of it."""
    found = find(request, show_id)
    if found.id != show_id:
        return redirect("show", found.id)
    now = timezone.now()
    count = _count(request, show_id, now)
    row = show_row(count, now)
    if request.identity.role is Role.ACT:
        age = as_of_for_act(request.organisation.pk, [show_id], now).get(show_id)
        return render(request, "web/act_show.html", {"row": row, "age": age})
    organisation_id = request.organisation.pk
    there = [each for each in count.listings if each.listing.gone_at is None]
    listing_ids = [each.listing.id for each in there]
    daily = queries.daily_counts(organisation_id, listing_ids, count.show.venue.timezone)
    newest = queries.ledger_lines(organisation_id, listing_ids)[:_NEWEST_LINES]
    until = min(now.astimezone(count.starts_at.tzinfo), count.starts_at).date()
    types = queries.type_counts(organisation_id, [each.listing for each in count.listings])
    waiting = queries.waiting_listings(organisation_id, show_id)
    return render(
        request,
        "web/show.html",
        {
            "row": row,
            "curve": charts.curve(
                daily,
                {each.listing.id: each.platform for each in there},
                until=until,
                capacity=row.bar.capacity,
            ),
            "platforms": _platforms(count),
            "waterfall": _waterfall(count),
            "beside": _beside(count),
            "listings": [(each, types[each.count.listing.id]) for each in listing_rows(count, now)],
            "lines": _lines(newest, count, ""),
            "waiting": waiting,
            "near": queries.shows_near(count.show),
        },
    )


@require_safe
@require_role(*OFFICE)
def lines(request: MemberRequest, show_id: UUID) -> HttpResponse:
    """The ledger's lines behind a figure of a show, with their sum."""
    found = find(request, show_id)
    if found.id != show_id:
        return redirect("show_lines", found.id)
    now = timezone.now()
    count = _count(request, show_id, now)
    figure = request.GET.get("figure", "")
    figure = figure if figure in FIGURE_WORDS else ""
    order_id = request.GET.get("order", "").replace("\x00", "")[:100]
    listing, platform = request.GET.get("listing", ""), request.GET.get("platform", "")
    chosen = [
        each
        for each in count.listings
        if (str(each.listing.id) == listing if listing else each.listing.gone_at is None)
        and (not platform or each.platform == platform)
    ]
    entries = queries.ledger_lines(
        request.organisation.pk, [each.listing.id for each in chosen], figure=figure, order_id=order_id
    )
    number, sums = queries.sum_of_lines(entries)
    page = page_number(request.GET.get("page", ""))
    pages = max(1, -(-number // LINES_PER_PAGE))
    start = (page - 1) * LINES_PER_PAGE
    kept = {"figure": figure, "order": order_id, "listing": listing, "platform": platform}
    return render(
        request,
        "web/lines.html",
        {
            "row": show_row(count, now),
            "chosen": chosen if listing or platform else [],
            "figure": figure,
            "figure_name": FIGURE_WORDS.get(figure, ""),
            "figure_is_money": figure not in _COUNTED,
            "figure_sum": _value(sums, figure) if figure else 0,
            "figures": FIGURE_WORDS.items(),
            "order_id": order_id,
            "listing": listing,
            "platform": platform,
            "lines": _lines(entries[start : start + LINES_PER_PAGE], count, figure),
            "number": number,
            "sums": sums,
            "page": page,
            "pages": pages,
            "newer": _address(show_id, kept, page - 1) if page > 1 else "",
            "older": _address(show_id, kept, page + 1) if page < pages else "",
        },
    )


def _address(show_id: UUID, kept: dict[str, str], page: int) -> str:
    query = {key: value for key, value in kept.items() if value} | {"page": str(page)}
    return f"{reverse('show_lines', args=[show_id])}?{urlencode(query)}"


def _value(figures: Figures, name: str) -> int:
    value: int = getattr(figures, name)
    return value


def _by_platform(count: ShowCount) -> dict[str, Figures]:
    figures: dict[str, list[Figures]] = defaultdict(list)
    for each in count.listings:
        if each.listing.gone_at is None:
            figures[each.platform].append(each.figures)
    return {key: total(figures[key]) for key in sorted(figures, key=words.platform_slot)}


def _platforms(count: ShowCount) -> list[str]:
    platforms = list(_by_platform(count))
    return platforms if len(platforms) > 1 else []


def _step(count: ShowCount, figure: str, name: str, sign: str, note: str) -> Step:
    platforms = _platforms(count)
    by_platform = _by_platform(count)
    return Step(
        figure=figure,
        name=name,
        sign=sign,
        note=note,
        values=tuple((key, _value(by_platform[key], figure)) for key in platforms),
        total=_value(count.figures, figure),
    )


def _waterfall(count: ShowCount) -> list[Step]:
    steps = [
        _step(count, "gross", "Gross", "", "what buyers paid for admission and did not get back"),
        _step(count, "absorbed_fees", "Absorbed fees", "\N{MINUS SIGN}", "taken out of your share"),
        _step(count, "rebates", "Rebates", "+", "given back by the platform"),
        _step(count, "net", "Net", "=", "what the platforms owe you, before tax is remitted"),
    ]
    return [step for step in steps if step.figure != "rebates" or step.total]


def _beside(count: ShowCount) -> list[Step]:
    steps = [
        _step(count, "passed_on_fees", "Passed-on fees", "", "paid by buyers on top; never in gross"),
        _step(count, "discounts", "Discounts", "", "already taken off gross"),
        _step(count, "refunds", "Refunds", "", "already taken off gross"),
        _step(count, "tax", "Tax inside gross", "", "as the platforms report it"),
        _step(count, "extras", "Extras", "", "add-ons and donations: not admission, kept apart"),
    ]
    return [step for step in steps if step.figure != "extras" or step.total]


def _lines(entries: Iterable[SalesEntry], count: ShowCount, figure: str) -> list[Line]:
    platforms = {each.listing.id: each.platform for each in count.listings}
    zone = ZoneInfo(count.show.venue.timezone)
    now = timezone.now()
    return [
        Line(
            entry=entry,
            kind=_kind(entry),
            platform=platforms.get(entry.listing_id, ""),
            when=_moment(entry.happened_at.astimezone(zone), now),
            seen=_moment(entry.seen_at.astimezone(zone), now),
            changes=_changes(entry, figure),
            figure=getattr(entry, figure) if figure else 0,
        )
        for entry in entries
    ]


def _moment(moment: datetime, now: datetime) -> str:
    return f"{words.day(moment, now)}, {moment:%H:%M}"


def _kind(entry: SalesEntry) -> str:
    # That an order came to be is told apart from its tickets, and is no comp by itself.
    return "Order" if entry.kind == EntryKind.COMP and not entry.comps else entry.kind.capitalize()


def _changes(entry: SalesEntry, but: str) -> str:
    parts = []
    for name, word in FIGURE_WORDS.items():
        value: int = getattr(entry, name)
        if not value or name == but:
            continue
        if name in _COUNTED:
            parts.append(f"{words.signed(value)} {'order' if word == 'orders' and abs(value) == 1 else word}")
        else:
            amount = words.money(value, entry.currency)
            parts.append(f"{'+' if value > 0 else ''}{amount} {word}")
    return ", ".join(parts) or "\N{EN DASH}"
