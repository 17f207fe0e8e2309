"""One show: its figures, and what stands behind them."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from housecount.box_office import queries, show_lists
from housecount.box_office.errors import NotFound
from housecount.box_office.matching import find_show
from housecount.box_office.models import Show
from housecount.box_office.show_lists import NOT_LATELY
from housecount.insights.pace import pace
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role
from housecount.web import act_show, charts, show_office, show_page, waterfall
from housecount.web.context import OFFICE
from housecount.web.rows import listing_rows, show_row
from housecount.web.show_filter import page_number
from housecount.web.show_lines import ASKED_WORDS, COUNTED, chosen_lines, count_of, told, value_of

LINES_PER_PAGE = 100
_NEWEST_LINES = 8


def find(request: MemberRequest, show_id: UUID) -> Show:
    """The show, or the one it was merged into. Raises Http404 for one that is not there or not to be seen."""
    try:
        return find_show(request.organisation.pk, show_id)
    except NotFound as error:
        raise Http404(error.message) from None


@require_safe
@require_role()
def show(request: MemberRequest, show_id: UUID) -> HttpResponse:
    """A show's page; for an act, what it may know of it."""
    found = find(request, show_id)
    if found.id != show_id:
        return redirect("show", found.id)
    if request.identity.role is Role.ACT:
        return render(request, "web/act_show.html", act_show.context(request, show_id))
    return render(request, "web/show.html", _context(request, show_id))


def _context(request: MemberRequest, show_id: UUID) -> dict[str, object]:
    now = timezone.now()
    organisation_id = request.organisation.pk
    count = count_of(organisation_id, show_id, now)
    there = [each for each in count.listings if each.listing.gone_at is None]
    listing_ids = [each.listing.id for each in there]
    recent = show_lists.recent_sales(organisation_id, dict.fromkeys(listing_ids, show_id), now)
    row = show_row(
        count,
        now,
        recent.get(show_id, NOT_LATELY),
        pace(organisation_id, [show_id], now).get(show_id),
    )
    daily = queries.daily_counts(organisation_id, listing_ids, count.show.venue.timezone)
    until = min(now.astimezone(count.starts_at.tzinfo), count.starts_at).date()
    curve = charts.curve(
        daily,
        {each.listing.id: each.platform for each in there},
        until=until,
        capacity=row.bar.capacity,
    )
    marks = show_page.marks(count, daily, show_page.prices_changed(count), now)
    types = queries.type_counts(organisation_id, [each.listing for each in count.listings])
    newest = queries.ledger_lines(organisation_id, listing_ids)[:_NEWEST_LINES]
    return {
        "row": row,
        "over": count.starts_at <= now,
        "warned": show_page.warned(count, types, now),
        "curve": curve,
        "plot": charts.plot(curve, marks, row.bar.capacity) if curve else None,
        "marks": marks,
        "today": show_page.today(count, listing_ids, now),
        "platforms": waterfall.platforms(count),
        "waterfall": waterfall.waterfall(count),
        "beside": waterfall.beside(count),
        "given_back": show_page.given_back(count, listing_ids),
        "listings": [(each, types[each.count.listing.id]) for each in listing_rows(count, now)],
        "lines": told(newest, count),
        "waiting": queries.waiting_listings(organisation_id, show_id),
        "near": queries.shows_near(count.show),
        **show_office.context(request, count.show),
    }


@require_safe
@require_role(*OFFICE)
def lines(request: MemberRequest, show_id: UUID) -> HttpResponse:
    """The ledger's lines behind a figure of a show, with their sum."""
    found = find(request, show_id)
    if found.id != show_id:
        return redirect("show_lines", found.id)
    now = timezone.now()
    chosen = chosen_lines(request, show_id, now)
    figure = chosen.figure
    number, sums = queries.sum_of_lines(chosen.entries)
    page = page_number(request.GET.get("page", ""))
    pages = max(1, -(-number // LINES_PER_PAGE))
    start = (page - 1) * LINES_PER_PAGE
    here = f"{reverse('show_lines', args=[show_id])}?{chosen.kept}{'&' if chosen.kept else ''}page="
    return render(
        request,
        "web/lines.html",
        {
            "row": show_row(chosen.count, now),
            "chosen": chosen,
            "told_of": chosen.listings if chosen.listing or chosen.platform else [],
            "figure": figure,
            "figure_name": ASKED_WORDS.get(figure, ""),
            "figure_is_money": figure not in COUNTED,
            "figure_sum": value_of(sums, figure) if figure else 0,
            "figures": ASKED_WORDS.items(),
            "order_id": chosen.order_id,
            "listing": chosen.listing,
            "platform": chosen.platform,
            "lines": told(chosen.entries[start : start + LINES_PER_PAGE], chosen.count, figure),
            "number": number,
            "sums": sums,
            "page": page,
            "pages": pages,
            "newer": f"{here}{page - 1}" if page > 1 else "",
            "older": f"{here}{page + 1}" if page < pages else "",
        },
    )
