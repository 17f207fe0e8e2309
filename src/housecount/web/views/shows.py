"""The list of shows."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from housecount.box_office.queries import SectionTotal, ShowFilter, section_totals, show_ids
from housecount.sync.queries import count_shows
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role
from housecount.web.accounts import has_accounts
from housecount.web.acts import as_of_for_act
from housecount.web.rows import ShowRow, show_row
from housecount.web.words import STILL_ON

UPCOMING_PER_PAGE = 50
PAST_PER_PAGE = 20
PERIODS = (
    ("", "Any date"),
    ("today", "Today"),
    ("7", "Next 7 days"),
    ("30", "Next 30 days"),
    ("-30", "Last 30 days"),
    ("-365", "Last 12 months"),
)
_LONGEST_SEARCH = 100
_LAST_PAGE = 10_000


class Section(NamedTuple):
    """Upcoming or past shows: one page of them, and the sums over all of them."""

    name: str
    rows: list[ShowRow]
    totals: list[SectionTotal]
    shows: int
    page: int
    pages: int
    newer: str
    older: str


def page_number(text: str) -> int:
    """A page's number from an address, from 1."""
    return min(int(text), _LAST_PAGE) if text.isascii() and text.isdigit() and int(text) > 0 else 1


def period(name: str, now: datetime, zone: str) -> tuple[datetime | None, datetime | None]:
    """The span of a period by the calendar of `zone`: from, until."""
    today = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow = today + timedelta(days=1)
    if name == "today":
        return today, tomorrow
    if name not in {value for value, _ in PERIODS if value}:
        return None, None
    days = int(name)
    return (today, today + timedelta(days=days)) if days > 0 else (today + timedelta(days=days), tomorrow)


def _address(query: QueryDict, key: str, page: int) -> str:
    changed = query.copy()
    changed[key] = str(page)
    return f"?{changed.urlencode()}"


@require_safe
@require_role()
def shows(request: MemberRequest) -> HttpResponse:
    """Upcoming shows, the soonest on top; past ones below; with sums that follow the filter."""
    now = timezone.now()
    organisation = request.organisation
    text = request.GET.get("q", "")[:_LONGEST_SEARCH].replace("\x00", "").strip()
    chosen = request.GET.get("period", "")
    since, until = period(chosen, now, organisation.timezone)
    wanted = ShowFilter(text, since, until)
    cut = now - STILL_ON
    totals = section_totals(organisation.pk, wanted, cut)
    coming = wanted._replace(since=max(since, cut) if since else cut)
    past = wanted._replace(until=min(until, cut) if until else cut)
    upcoming_page = page_number(request.GET.get("page", ""))
    past_page = page_number(request.GET.get("past", ""))
    ids = {
        True: show_ids(
            organisation.pk,
            coming,
            newest_first=False,
            limit=UPCOMING_PER_PAGE,
            offset=(upcoming_page - 1) * UPCOMING_PER_PAGE,
        ),
        False: show_ids(
            organisation.pk,
            past,
            newest_first=True,
            limit=PAST_PER_PAGE,
            offset=(past_page - 1) * PAST_PER_PAGE,
        ),
    }
    counts = {
        count.show.id: show_row(count, now)
        for count in count_shows(organisation.pk, now, [*ids[True], *ids[False]])
    }
    sections = [
        _section(request, name, upcoming, ids[upcoming], counts, totals, page)
        for name, upcoming, page in (("Upcoming", True, upcoming_page), ("Past", False, past_page))
    ]
    act = request.identity.role is Role.ACT
    return render(
        request,
        "web/act_shows.html" if act else "web/shows.html",
        {
            "sections": [section for section in sections if section.shows],
            "text": text,
            "period": chosen,
            "periods": PERIODS,
            "filtered": bool(text or since or until),
            "any_account": bool(counts) or act or has_accounts(organisation.pk),
            "ages": as_of_for_act(organisation.pk, list(counts), now) if act else {},
        },
    )


def _section(
    request: HttpRequest,
    name: str,
    upcoming: bool,
    ids: list[UUID],
    counts: dict[UUID, ShowRow],
    totals: list[SectionTotal],
    page: int,
) -> Section:
    mine = [total for total in totals if total.upcoming is upcoming]
    shows = sum(total.shows for total in mine)
    size, key = (UPCOMING_PER_PAGE, "page") if upcoming else (PAST_PER_PAGE, "past")
    pages = -(-shows // size)
    return Section(
        name=name,
        rows=[counts[show_id] for show_id in ids if show_id in counts],
        totals=mine,
        shows=shows,
        page=page,
        pages=pages,
        newer=_address(request.GET, key, page - 1) if page > 1 else "",
        older=_address(request.GET, key, page + 1) if page < pages else "",
    )
