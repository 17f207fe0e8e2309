"""The list of shows: tonight's, those that come, and those that were."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from housecount.box_office import show_lists, show_runs
from housecount.box_office.show_lists import NOT_LATELY, SectionTotal, ShowFilter, section_totals, show_ids
from housecount.insights.pace import pace
from housecount.invoices import here
from housecount.invoices.lists import list_sums
from housecount.sync.queries import ShowCount, count_shows
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role
from housecount.web import show_filter
from housecount.web.accounts import has_accounts
from housecount.web.acts import as_of_for_act, papers_of
from housecount.web.rows import ShowRow, show_row
from housecount.web.show_filter import Chosen, day_of, page_number
from housecount.web.words import STILL_ON

UPCOMING_PER_PAGE = 30
PAST_PER_PAGE = 10
#: More shows than this on one day are a festival: they are listed like all others.
MOST_TONIGHT = 12


class Section(NamedTuple):
    """Tonight's, upcoming or past shows: one page of them, and the sums over all of them."""

    key: str
    name: str
    rows: list[ShowRow]
    totals: list[SectionTotal]
    shows: int
    page: int = 1
    pages: int = 1
    newer: str = ""
    older: str = ""


class _Stretch(NamedTuple):
    """Which shows stand in a section's page."""

    ids: list[UUID]
    page: int


def _address(query: QueryDict, key: str, page: int) -> str:
    changed = query.copy()
    changed[key] = str(page)
    return f"?{changed.urlencode()}"


@require_safe
@require_role()
def shows(request: MemberRequest) -> HttpResponse:
    """Tonight's shows on top, larger; upcoming ones, the soonest first; past ones; with sums that follow the filter."""
    now = timezone.now()
    organisation = request.organisation
    act = request.identity.role is Role.ACT
    chosen = show_filter.chosen(request.GET, now, organisation.timezone)
    tonight, coming, past = _stretches(request, chosen, now)
    ids = [*tonight, *coming.ids, *past.ids]
    counts = count_shows(organisation.pk, now, ids)
    rows = _rows(organisation.pk, counts, {*tonight, *coming.ids}, now, act=act)
    totals = section_totals(organisation.pk, chosen.wanted, now - STILL_ON)
    sections = _sections(request, rows, tonight, coming, past, totals)
    context: dict[str, object] = {
        "sections": sections,
        "chosen": chosen,
        "tonight_sold": sum(rows[show_id].count.figures.sold for show_id in tonight if show_id in rows),
        "any_account": bool(counts) or act or has_accounts(organisation.pk),
    }
    if act:
        context |= {
            "ages": as_of_for_act(organisation.pk, list(rows), now),
            "papers": papers_of(request, list(rows)),
            "sums": list_sums(organisation.pk, today=here.today(organisation)),
        }
    else:
        context |= {
            "periods": show_filter.PERIODS,
            "sorts": show_filter.SORTS,
            "rooms": show_lists.rooms(organisation.pk),
            "platforms": show_lists.platforms(organisation.pk),
            "runs": show_runs.runs(organisation.pk, now),
        }
    return render(request, "web/act_shows.html" if act else "web/shows.html", context)


def _stretches(
    request: MemberRequest, chosen: Chosen, now: datetime
) -> tuple[list[UUID], _Stretch, _Stretch]:
    """The ids of tonight's shows, of a page of those after them, and of a page of those before."""
    organisation_id, wanted = request.organisation.pk, chosen.wanted
    cut = now - STILL_ON
    morrow = day_of(now, request.organisation.timezone) + timedelta(days=1)

    def within(since: datetime | None, until: datetime | None) -> ShowFilter:
        later = max(filter(None, (wanted.since, since)), default=None)
        sooner = min(filter(None, (wanted.until, until)), default=None)
        return wanted._replace(since=later, until=sooner)

    tonight = show_ids(
        organisation_id, within(cut, morrow), newest_first=False, limit=MOST_TONIGHT + 1, now=now
    )
    if len(tonight) > MOST_TONIGHT:
        tonight = []
    page, past_page = (page_number(request.GET.get(key, "")) for key in ("page", "past"))
    coming = show_ids(
        organisation_id,
        within(morrow if tonight else cut, None),
        newest_first=False,
        limit=UPCOMING_PER_PAGE,
        offset=(page - 1) * UPCOMING_PER_PAGE,
        sort=chosen.sort,
        now=now,
    )
    past = show_ids(
        organisation_id,
        within(None, cut),
        newest_first=True,
        limit=PAST_PER_PAGE,
        offset=(past_page - 1) * PAST_PER_PAGE,
        # What was over is not sold any more: it stands by its start then.
        sort="" if chosen.sort == "recent" else chosen.sort,
        now=now,
    )
    return tonight, _Stretch(coming, page), _Stretch(past, past_page)


def _rows(
    organisation_id: UUID, counts: Sequence[ShowCount], coming: set[UUID], now: datetime, *, act: bool
) -> dict[UUID, ShowRow]:
    if act:
        return {count.show.id: show_row(count, now) for count in counts}
    show_of = {
        each.listing.id: count.show.id
        for count in counts
        if count.show.id in coming
        for each in count.listings
        if each.listing.gone_at is None
    }
    recent = show_lists.recent_sales(organisation_id, show_of, now)
    paces = pace(organisation_id, [count.show.id for count in counts if count.show.id in coming], now)
    return {
        count.show.id: show_row(count, now, recent.get(count.show.id, NOT_LATELY), paces.get(count.show.id))
        for count in counts
    }


def _sections(
    request: HttpRequest,
    rows: dict[UUID, ShowRow],
    tonight: list[UUID],
    coming: _Stretch,
    past: _Stretch,
    totals: Sequence[SectionTotal],
) -> list[Section]:
    now_on = _sums([rows[show_id].count for show_id in tonight if show_id in rows])
    later = [
        each
        for total in totals
        if total.upcoming and (each := _less(total, now_on.get(total.currency))).shows
    ]
    before = [total for total in totals if not total.upcoming]
    sections = [
        Section(
            "tonight",
            _tonight_name(rows, tonight),
            [rows[key] for key in tonight if key in rows],
            [*now_on.values()],
            len(tonight),
        ),
        _paged(request, "page", "Upcoming", rows, coming, later, UPCOMING_PER_PAGE),
        _paged(request, "past", "Past", rows, past, before, PAST_PER_PAGE),
    ]
    return [section for section in sections if section.shows]


def _tonight_name(rows: dict[UUID, ShowRow], tonight: Sequence[UUID]) -> str:
    by_day = all(rows[key].near == "Today" for key in tonight if key in rows)
    return "Today" if by_day else "Tonight"


def _paged(
    request: HttpRequest,
    key: str,
    name: str,
    rows: dict[UUID, ShowRow],
    stretch: _Stretch,
    totals: list[SectionTotal],
    size: int,
) -> Section:
    shows = sum(total.shows for total in totals)
    pages, page = -(-shows // size), stretch.page
    return Section(
        key=key,
        name=name,
        rows=[rows[show_id] for show_id in stretch.ids if show_id in rows],
        totals=totals,
        shows=shows,
        page=page,
        pages=pages,
        newer=_address(request.GET, key, page - 1) if page > 1 else "",
        older=_address(request.GET, key, page + 1) if page < pages else "",
    )


def _sums(counts: Sequence[ShowCount]) -> dict[str, SectionTotal]:
    """What shows come to, by currency."""
    sums: dict[str, SectionTotal] = {}
    for count in counts:
        before = sums.get(count.show.currency) or SectionTotal(True, count.show.currency, 0, 0, 0, 0, 0)
        figures = count.figures
        sums[count.show.currency] = before._replace(
            shows=before.shows + 1,
            sold=before.sold + figures.sold,
            comps=before.comps + figures.comps,
            gross=before.gross + figures.gross,
            net=before.net + figures.net,
        )
    return sums


def _less(total: SectionTotal, part: SectionTotal | None) -> SectionTotal:
    if part is None:
        return total
    return total._replace(
        shows=total.shows - part.shows,
        sold=total.sold - part.sold,
        comps=total.comps - part.comps,
        gross=total.gross - part.gross,
        net=total.net - part.net,
    )
