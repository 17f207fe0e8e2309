"""What the sales say: by day, platform, room, weekday, run and hour; and two shows beside each other."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from housecount.box_office import show_lists, show_runs
from housecount.box_office.errors import NotFound
from housecount.box_office.matching import find_show
from housecount.box_office.models import Show
from housecount.insights import compare, freshness, queries
from housecount.insights.filters import Dimension
from housecount.invoices.exports import Table, to_csv, to_xlsx
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web import analytics_charts as charts
from housecount.web import analytics_filter, analytics_tables, words
from housecount.web.accounts import has_accounts
from housecount.web.analytics_filter import Chosen
from housecount.web.context import OFFICE
from housecount.web.words import Age

TABS: Final = (
    ("day", "Sales"),
    ("platform", "Platforms"),
    ("room", "Rooms"),
    ("weekday", "Weekdays"),
    ("run", "Runs"),
    ("hour", "Hours"),
)
_OF_SHOWS: Final = {"room": "Room", "weekday": "Weekday", "run": "Run"}
_COMPARED: Final = {"before": "in the days before", "year": "a year before"}
_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_LONGEST_SEARCH: Final = 100


class Tab(NamedTuple):
    """What one part of the analytics shows, and the same as a table for a spreadsheet."""

    context: dict[str, Any]
    table: Table


def _tab_of(query: QueryDict) -> str:
    tab = query.get("by", "")
    return tab if tab in dict(TABS) else "day"


def _choice(request: MemberRequest, tab: str, now: datetime) -> tuple[Chosen, list[str]]:
    organisation = request.organisation
    currencies = queries.currencies(organisation.pk)
    first = queries.first_day(organisation.pk) if request.GET.get("period") == "all" else None
    of_shows = tab in _OF_SHOWS
    return analytics_filter.chosen(
        request.GET, now, organisation.timezone, currencies, first, of_shows=of_shows
    ), currencies


def _sales(organisation_id: UUID, chosen: Chosen) -> Tab:
    filters, earlier = chosen.filters, chosen.before
    steps = queries.sales_over_time(organisation_id, filters, filters.per)
    before = queries.sales_over_time(organisation_id, earlier, filters.per) if earlier else None
    rows = charts.rows(steps, before, filters, earlier)
    then = charts.together(before) if before else None
    context = {
        "rows": rows[::-1],
        "stats": charts.stats(charts.together(steps), then, filters.currency),
        "sold_chart": charts.sold_chart(rows, _COMPARED.get(chosen.compared, "")),
        "sold_sketch": charts.sketch([row.figures.sold for row in rows]),
        "money_chart": charts.money_chart(rows, filters.currency),
        "money_sketch": charts.sketch([row.figures.gross for row in rows]),
        "nothing_before": before == [],
        "anything": bool(steps),
    }
    return Tab(context, analytics_tables.days_table(rows, filters.currency))


def _platforms(organisation_id: UUID, chosen: Chosen) -> Tab:
    filters = chosen.filters
    steps = queries.sales_over_time(organisation_id, filters, filters.per)
    slices = queries.slices_by_platform(steps)
    most = max((each.figures.gross for each in slices), default=0)
    shares = [queries.fees_share(each.figures) or 0 for each in slices]
    context = {
        "slices": [
            {
                "slice": each,
                "slot": words.platform_slot(each.key),
                "bar": charts.bar(each.figures.gross, most),
                "fees": charts.percent(queries.fees_share(each.figures)),
                "fees_bar": charts.bar(share, max(shares)),
                "refunds": charts.percent(queries.refunds_rate(each.figures)),
            }
            for each, share in zip(slices, shares, strict=True)
        ],
        "all": queries.all_of(slices),
        "all_fees": charts.percent(queries.fees_share(queries.all_of(slices).figures)),
        "all_refunds": charts.percent(queries.refunds_rate(queries.all_of(slices).figures)),
        "platform_chart": charts.platform_chart(steps, filters),
        "anything": bool(steps),
    }
    return Tab(context, analytics_tables.platforms_table(slices, filters.currency))


def _shows(organisation_id: UUID, chosen: Chosen, tab: str) -> Tab:
    slices = queries.sales_by(organisation_id, Dimension(tab), chosen.filters)
    most = max((each.figures.gross for each in slices), default=0)
    everything = queries.all_of(slices)
    context = {
        "slices": [_show_slice(each, most) for each in slices],
        "all": _show_slice(everything, 0),
        "head": _OF_SHOWS[tab],
        "cut": len(slices) == queries.MOST_SLICES,
        "anything": bool(slices),
    }
    return Tab(context, analytics_tables.shows_table(_OF_SHOWS[tab], slices, chosen.filters.currency))


def _show_slice(each: queries.Slice, most: int) -> dict[str, Any]:
    shows = each.shows or 0
    return {
        "slice": each,
        "bar": charts.bar(each.figures.gross, most),
        "filled": min(each.sell_through or 0, 1000),
        "sell_through": charts.percent(each.sell_through),
        "a_show": (2 * each.figures.gross + shows) // (2 * shows) if shows else 0,
        "refunds": charts.percent(queries.refunds_rate(each.figures)),
    }


def _hours(organisation_id: UUID, chosen: Chosen) -> Tab:
    found = queries.hours(organisation_id, chosen.filters)
    busiest = sorted(
        (
            (orders, day, hour)
            for day, row in enumerate(found.orders)
            for hour, orders in enumerate(row)
            if orders > 0
        ),
        key=lambda each: (-each[0], each[1], each[2]),
    )[:3]
    context = {
        "weekdays": list(zip(queries.WEEKDAYS, charts.heat(found), strict=True)),
        "hours": range(24),
        "busiest": [
            f"{queries.WEEKDAYS[day]} {hour}:00 to {(hour + 1) % 24}:00 ({orders:,})"
            for orders, day, hour in busiest
        ],
        "orders": sum(map(sum, found.orders)),
        "anything": bool(busiest),
    }
    return Tab(context, analytics_tables.hours_table(found))


_MADE: Final[dict[str, Callable[[UUID, Chosen], Tab]]] = {
    "day": _sales,
    "platform": _platforms,
    "room": lambda organisation_id, chosen: _shows(organisation_id, chosen, "room"),
    "weekday": lambda organisation_id, chosen: _shows(organisation_id, chosen, "weekday"),
    "run": lambda organisation_id, chosen: _shows(organisation_id, chosen, "run"),
    "hour": _hours,
}


@require_safe
@require_role(*OFFICE)
def analytics(request: MemberRequest) -> HttpResponse:
    """One part of the analytics, by `by`: day, platform, room, weekday, run or hour."""
    now, organisation_id = timezone.now(), request.organisation.pk
    tab = _tab_of(request.GET)
    chosen, currencies = _choice(request, tab, now)
    made = _MADE[tab](organisation_id, chosen)
    template = "shows" if tab in _OF_SHOWS else tab
    return render(
        request,
        f"web/analytics/{template}.html",
        {
            **made.context,
            **_frame(organisation_id, tab, chosen.address, now),
            "chosen": chosen,
            "filters": chosen.filters,
            "before": chosen.before,
            "currencies": currencies,
            "of_shows": tab in _OF_SHOWS,
            "periods": analytics_filter.PERIODS,
            "compared": analytics_filter.COMPARED,
            "rooms": show_lists.rooms(organisation_id),
            "platforms": show_lists.platforms(organisation_id),
            "runs": show_runs.runs(organisation_id, now),
            "download": f"{urlencode({'by': tab})}&{chosen.address}".rstrip("&"),
            "any_account": bool(currencies) or has_accounts(organisation_id),
        },
    )


@require_safe
@require_role(*OFFICE)
def download(request: MemberRequest, kind: str) -> HttpResponse:
    """The same as a file: `kind` is csv or xlsx, the address says which part under which filter."""
    now, organisation_id = timezone.now(), request.organisation.pk
    if request.GET.get("by") == "compare":
        first, second = _two(request)
        if first is None:
            raise Http404("There is nothing to compare.")
        table = _comparison(first, second, now).table
        name = "compare"
    else:
        tab = name = _tab_of(request.GET)
        chosen, _ = _choice(request, tab, now)
        table = _MADE[tab](organisation_id, chosen).table
        name = f"{tab}-{chosen.filters.since.isoformat()}-{chosen.filters.until.isoformat()}"
    content = to_xlsx([table]) if kind == "xlsx" else b"".join(to_csv(table))
    return HttpResponse(
        content,
        content_type=_TYPES[kind],
        headers={
            "Content-Disposition": f'attachment; filename="analytics-{name}.{kind}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


@require_safe
@require_role(*OFFICE)
def compared(request: MemberRequest) -> HttpResponse:
    """Two shows beside each other: `first` and `second`; or a choice of shows, found by `q`."""
    now, organisation_id = timezone.now(), request.organisation.pk
    first, second = _two(request)
    text = request.GET.get("q", "")[:_LONGEST_SEARCH].replace("\x00", "").strip()
    ids = {key: str(show.pk) for key, show in (("first", first), ("second", second)) if show is not None}
    offered = [
        (
            show,
            "" if first is not None else urlencode({**ids, "first": show.pk}),
            urlencode({**ids, "second": show.pk}) if first is not None else "",
        )
        for show in compare.offered(organisation_id, text, first, now)
        if str(show.pk) not in ids.values()
    ]
    made = _comparison(first, second, now).context if first is not None else {}
    return render(
        request,
        "web/analytics/compare.html",
        {
            **made,
            **_frame(organisation_id, "compare", "", now),
            "first": first,
            "second": second,
            "text": text,
            "offered": offered,
            "without_first": urlencode({"first": second.pk}) if second is not None else "",
            "without_second": urlencode({"first": first.pk}) if first is not None else "",
            "download": urlencode({"by": "compare", **ids}),
            "any_account": bool(offered) or first is not None or has_accounts(organisation_id),
        },
    )


def _two(request: MemberRequest) -> tuple[Show | None, Show | None]:
    """The shows that an address names; one alone is the first."""
    found: list[Show] = []
    for name in ("first", "second"):
        try:
            show = find_show(request.organisation.pk, UUID(request.GET.get(name, "")))
        except (ValueError, NotFound):
            continue
        if show not in found:
            found.append(show)
    return (found[0] if found else None, found[1] if len(found) > 1 else None)


def _comparison(first: Show, second: Show | None, now: datetime) -> Tab:
    one = compare.curve(first, now)
    other = None if second is None else compare.curve(second, now)
    points = compare.align(one, other or compare.nothing_like(one))
    shown = [each for each in (one, other) if each is not None]
    context = {
        "points": points,
        "curves": [(each, "accent" if each is one else "p2") for each in shown],
        "compare_chart": charts.compare_chart(points, one, other),
        "sketch": charts.sketch([point.first or 0 for point in points]),
        "ahead": compare.ahead(one, other) if other is not None else "",
    }
    return Tab(context, analytics_tables.compare_table(points, one, other))


def _frame(organisation_id: UUID, tab: str, address: str, now: datetime) -> dict[str, Any]:
    """What stands on every page of the analytics: its parts, and how fresh the figures are."""
    known = freshness.as_of(organisation_id, now)
    if known.moment is None:
        age = None
    else:
        said = f"Read {words.ago(known.moment, now)}"
        age = Age("stale" if known.behind else "fresh", said, words.exact(known.moment))
    kept = f"&{address}" if address else ""
    return {
        "tab": tab,
        "tabs": [(key, name, f"by={key}{kept}") for key, name in TABS],
        "age": age,
        "behind": [(words.platform_label(each.platform), each.name, each.reason) for each in known.behind],
    }
