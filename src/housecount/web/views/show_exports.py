"""Shows and ledger lines as files for a spreadsheet. They are made whole in memory, so that their size is bounded."""

import re
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from housecount.box_office.show_lists import show_ids
from housecount.invoices.exports import Table, to_csv, to_xlsx
from housecount.sync.queries import count_shows
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web import show_filter, show_tables
from housecount.web.context import OFFICE
from housecount.web.show_lines import chosen_lines
from housecount.web.views.show import find

#: More than this in one file is asked for in parts.
MOST_SHOWS: Final = 10_000
MOST_LINES: Final = 100_000
_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _file(table: Table, name: str, kind: str) -> HttpResponse:
    """The table as a file to keep; `kind` is csv or xlsx."""
    content = to_xlsx([table]) if kind == "xlsx" else b"".join(to_csv(table))
    safe = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-").lower()[:80] or "housecount"
    return HttpResponse(
        content,
        content_type=_TYPES[kind],
        headers={
            "Content-Disposition": f'attachment; filename="{safe}.{kind}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


@require_safe
@require_role(*OFFICE)
def shows(request: MemberRequest, kind: str) -> HttpResponse:
    """The shows that the filter lets through, the latest first."""
    now = timezone.now()
    chosen = show_filter.chosen(request.GET, now, request.organisation.timezone)
    ids = show_ids(
        request.organisation.pk,
        chosen.wanted,
        newest_first=True,
        limit=MOST_SHOWS + 1,
        sort=chosen.sort,
        now=now,
    )
    if len(ids) > MOST_SHOWS:
        messages.error(
            request, f"More than {MOST_SHOWS:,} shows do not go into one file. Choose a shorter period."
        )
        return redirect(f"{reverse('shows')}?{chosen.address}")
    places = {show_id: place for place, show_id in enumerate(ids)}
    counts = sorted(count_shows(request.organisation.pk, now, ids), key=lambda count: places[count.show.id])
    day = now.astimezone().date().isoformat()
    return _file(show_tables.shows_table(counts, now), f"shows-{day}", kind)


@require_safe
@require_role(*OFFICE)
def lines(request: MemberRequest, show_id: UUID, kind: str) -> HttpResponse:
    """The ledger lines of a show, the latest first; under the same filter as their page."""
    found = find(request, show_id)
    if found.id != show_id:
        return redirect("show_export", show_id=found.id, kind=kind)
    chosen = chosen_lines(request, show_id, timezone.now())
    entries = list(chosen.entries[: MOST_LINES + 1])
    if len(entries) > MOST_LINES:
        messages.error(
            request,
            f"More than {MOST_LINES:,} lines do not go into one file. Choose a figure or a platform first.",
        )
        return redirect("show_lines", show_id)
    show = chosen.count.show
    name = f"{show.title}-{chosen.count.starts_at.date().isoformat()}-lines"
    return _file(show_tables.lines_table(entries, chosen.count), name, kind)
