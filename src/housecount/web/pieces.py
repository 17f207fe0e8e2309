"""Parts of pages that stand there hundreds of times: what a template would write, written by functions.

A row of the list of shows has some thirty marks, and a template takes a step or two for each. Every function escapes
the words that it is given; what comes back is HTML.
"""

from collections.abc import Iterable
from html import escape
from typing import Final
from uuid import UUID

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from housecount.box_office.show_runs import Run
from housecount.web import words
from housecount.web.charts import Bar, Spark
from housecount.web.rows import ShowRow
from housecount.web.words import Age

_NOBODY: Final = UUID(int=0)
_DOTS: Final = {
    "fresh": '<circle cx="5" cy="5" r="4"/>',
    "stale": '<path d="M5 .8 9.6 9.2H.4z"/>',
}
_OTHER_DOT: Final = '<path d="M2 2l6 6M8 2 2 8"/>'


def age(told: Age) -> SafeString:
    """How fresh something is: a dot whose shape says it too, and the words."""
    dot = _DOTS.get(told.state, _OTHER_DOT)
    said = escape(told.words)
    said = f'<time datetime="{told.exact}" data-age>{said}</time>' if told.exact else f"<span>{said}</span>"
    return _html(
        f'<span class="age {told.state}"><svg class="dot" viewBox="0 0 10 10" aria-hidden="true">{dot}</svg>'
        f"{said}</span>"
    )


def bar(house: Bar) -> SafeString:
    """How full a house is, as a bar split by platform."""
    parts = "".join(
        f'<rect class="p{each.slot}" x="{each.x}" width="{each.width}" height="10"/>' for each in house.shares
    )
    return _html(
        f'<svg class="bar{"" if house.capacity else " unknown"}" viewBox="0 0 1000 10" preserveAspectRatio="none"'
        f' aria-hidden="true"><rect class="ground" width="1000" height="10"/>{parts}</svg>'
    )


def shares(house: Bar) -> SafeString:
    """What each platform holds of a house, in words beside its colour."""
    return _html(
        "".join(
            f'<span class="share"><i class="key p{each.slot}" aria-hidden="true"></i>{escape(each.label)}'
            f" {words.number(each.count)}</span>"
            for each in house.shares
        )
    )


def spark(days: Spark) -> SafeString:
    """The sales of the last days as a small picture."""
    return _html(
        f'<svg class="spark" viewBox="0 0 69 20" aria-hidden="true"><path d="{days.before}"/>'
        f'<path class="now" d="{days.last}"/></svg>'
    )


def house(row: ShowRow) -> SafeString:
    """How full a show's house is: figures, bar and platforms."""
    full = row.bar
    seats = f"of {words.number(full.capacity)}" if full.capacity else "seats unknown"
    percent = "" if full.percent is None else f' <span class="percent">{full.percent}%</span>'
    comps = row.count.figures.comps
    beside = (
        f'<span class="share">incl. {words.number(comps)} comp{"" if comps == 1 else "s"}</span>'
        if comps
        else ""
    )
    over = f'<span class="tag bad">Oversold by {words.number(full.over)}</span>' if full.over else ""
    return _html(
        f'<span class="figures"><b>{words.number(full.taken)}</b><span class="soft">{seats}</span>{percent}</span>\n'
        f'{bar(full)}\n<span class="shares">{shares(full)}{beside}{over}</span>'
    )


def selling(row: ShowRow) -> SafeString:
    """How a show sells now, and beside others like it."""
    pace = row.pace
    said = ""
    if pace and pace.ratio_percent is not None and not row.count.show.cancelled and row.age.state != "gone":
        way = "ahead" if pace.ratio_percent >= 100 else "behind"
        sentence = escape(pace.sentence)
        said = (
            f'<span class="pace soft"><span title="{sentence}"><b class="{way}">{words.number(pace.ratio_percent)}%</b>'
            f' of usual pace</span><span class="unseen">. {sentence}</span></span>'
        )
    return _html(
        f'<span class="lately">{spark(row.spark)}<span><b>{words.number(row.recent.last)}</b>'
        f' <span class="soft">in 24 h</span></span></span>{said}'
    )


def show_rows(rows: Iterable[ShowRow], section: str) -> SafeString:
    """The rows of a section's table; only those that come, the section "page", say how they sell."""
    before, after = reverse("show", args=[_NOBODY]).split(str(_NOBODY))
    return _html("".join(_show_row(row, before, after, coming=section == "page") for row in rows))


def _show_row(row: ShowRow, before: str, after: str, *, coming: bool) -> str:
    count, show = row.count, row.count.show
    off = ' class="off"' if show.cancelled or row.age.state == "gone" else ""
    near = f' <span class="near">{row.near}</span>' if row.near else ""
    cancelled = ' <span class="tag">Cancelled</span>' if show.cancelled else ""
    city = f", <bdi>{escape(show.venue.city)}</bdi>" if show.venue.city else ""
    sells = f'<td role="cell" class="selling">{selling(row)}</td>' if coming else ""
    return f"""
      <tr role="row" id="show-{show.id}"{off}>
        <td role="cell" class="when"><span class="day">{row.day}</span> <span class="soft">{row.clock}</span>{near}</td>
        <th scope="row" role="rowheader" class="title"><a href="{before}{show.id}{after}"><bdi>{escape(show.title)}</bdi></a>{cancelled}<span class="soft"><bdi>{escape(show.venue.name or "No venue")}</bdi>{city}</span></th>
        <td role="cell" class="house">{house(row)}</td>
        {sells}
        <td role="cell" class="right money"><span class="label">Gross </span>{escape(words.money(count.figures.gross, show.currency))}</td>
        <td role="cell" class="right money"><span class="label">Net </span>{escape(words.money(count.figures.net, show.currency))}</td>
        <td role="cell" class="freshness">{age(row.age)}</td>
      </tr>"""  # noqa: E501


def run_options(runs: Iterable[Run], chosen: str) -> SafeString:
    """The options of a choice of runs."""
    return _html(
        "".join(
            f'<option value="{escape(run.key)}"{" selected" if run.key == chosen else ""}>{escape(run.label)}'
            f" ({run.shows})</option>"
            for run in runs
        )
    )


def _html(text: str) -> SafeString:
    return mark_safe(text)  # noqa: S308 - its parts are numbers, words of ours, and what was escaped
