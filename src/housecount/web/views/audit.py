"""Settings: the audit log."""

from datetime import date
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role
from housecount.web import audit as log
from housecount.web.audit import NOBODY, THINGS, Wanted

_SIZE = 50
_LARGEST_ID = 2**63 - 1


@require_safe
@require_role(Role.ADMIN)
def audit(request: MemberRequest) -> HttpResponse:
    """Every change of what people edit: who, when, from what to what; searched by person, thing and day."""
    here = request.organisation
    people = log.people_of(here.pk)
    wanted = _wanted(request)
    found = log.find(here.pk, wanted, here.timezone)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and int(before) <= _LARGEST_ID:
        found = found.filter(pk__lt=int(before))
    entries = list(found[: _SIZE + 1])
    older = str(entries[_SIZE - 1].pk) if len(entries) > _SIZE else ""
    kept = [(name, value) for name, value in request.GET.items() if name != "before" and value]
    newest = f"{request.path}?{urlencode(kept)}" if kept else request.path
    return render(
        request,
        "web/settings/audit.html",
        {
            "rows": [log.row(entry, people, here.timezone) for entry in entries[:_SIZE]],
            "people": sorted(
                ((str(key), name) for key, name in people.items()), key=lambda each: each[1].lower()
            ),
            "things": sorted(THINGS.items(), key=lambda each: each[1].lower()),
            "wanted": wanted,
            "nobody": NOBODY,
            "filtered": wanted != Wanted(),
            "newest": newest if before else "",
            "older": f"{request.path}?{urlencode([*kept, ('before', older)])}" if older else "",
        },
    )


def _wanted(request: MemberRequest) -> Wanted:
    person, table = request.GET.get("person", ""), request.GET.get("table", "")
    if person != NOBODY:
        try:
            person = str(UUID(person))
        except ValueError:
            person = ""
    return Wanted(
        person,
        table if table in THINGS else "",
        _day(request.GET.get("since")),
        _day(request.GET.get("until")),
    )


def _day(text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    # A day at either end of the calendar has no moment in every time zone.
    return found if 1970 <= found.year <= 9000 else None
