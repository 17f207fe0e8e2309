"""Putting shows into a run by hand, and taking them out."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from housecount.box_office import show_runs
from housecount.box_office.errors import NotPossible
from housecount.box_office.models import Show
from housecount.box_office.show_lists import ShowFilter, matching_shows
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web.context import SELLERS
from housecount.web.show_office import run_here
from housecount.web.views.show import find

#: So many shows that are not in the run are offered.
_MOST_OFFERED = 30


class Choice(NamedTuple):
    """A show that may be in the run; `chosen` says whether it is."""

    show: Show
    chosen: bool


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*SELLERS)
def edit(request: MemberRequest, show_id: UUID) -> HttpResponse:
    """The run of a show: its name, and which shows are in it."""
    show = find(request, show_id)
    if show.id != show_id:
        return redirect("show_run", show.id)
    if request.method == "POST":
        return _save(request, show)
    text = request.GET.get("q", "")[:100].replace("\x00", "").strip()
    members = show_runs.shows_of(show)
    return render(
        request,
        "web/run.html",
        {
            "show": show,
            "run": run_here(show),
            "name": show.run or show.title,
            "choices": [Choice(each, True) for each in members]
            + [Choice(each, False) for each in _offered(show, members, text)],
            "text": text,
            "names": [run.title for run in show_runs.runs(request.organisation.pk, timezone.now())],
        },
    )


def _offered(show: Show, members: Iterable[Show], text: str) -> list[Show]:
    """Shows that could be in the run too, by their start: those that fit all words of `text`, nearest to this one in
    time; without any, those at the same venue first."""
    others = (
        matching_shows(show.organisation_id, ShowFilter(text=text))
        .filter(starts_at__range=(show.starts_at - show_runs.SEASON, show.starts_at + show_runs.SEASON))
        .exclude(pk__in=[each.pk for each in members])
        .select_related("venue")
    )
    after = others.filter(starts_at__gte=show.starts_at).order_by("starts_at", "id")[:_MOST_OFFERED]
    before = others.filter(starts_at__lt=show.starts_at).order_by("-starts_at", "id")[:_MOST_OFFERED]

    def far(other: Show) -> tuple[bool, float]:
        return not text and other.venue_id != show.venue_id, abs(_seconds(other.starts_at, show.starts_at))

    nearest = sorted([*before, *after], key=far)[:_MOST_OFFERED]
    return sorted(nearest, key=lambda other: (other.starts_at, other.title))


def _seconds(one: datetime, other: datetime) -> float:
    return (one - other).total_seconds()


def _save(request: MemberRequest, show: Show) -> HttpResponse:
    organisation_id = request.organisation.pk
    if request.POST.get("do") == "title":
        show_runs.put_into(show, None)
        messages.success(request, f"“{show.title}” is in the run of its title and venue again.")
        return redirect("show", show.pk)
    chosen = set(request.POST.getlist("show"))
    listed = chosen | set(request.POST.getlist("listed"))
    members = {str(each.pk): each for each in show_runs.shows_of(show)}
    found = {
        str(each.pk): each
        for each in Show.objects.filter(
            organisation_id=organisation_id, merged_into=None, pk__in=[key for key in map(_id, listed) if key]
        )
    }
    wanted = [each for key, each in found.items() if key in chosen]
    out = [each for key, each in members.items() if key in listed and key not in chosen]
    try:
        called = (
            show_runs.put_together(organisation_id, wanted, request.POST.get("name", "")) if wanted else ""
        )
    except NotPossible as error:
        messages.error(request, error.message)
        return redirect("show_run", show.pk)
    show_runs.take_out(organisation_id, out)
    told = []
    if wanted:
        told.append(f"{len(wanted):,} show{'' if len(wanted) == 1 else 's'} in the run “{called}”")
    if out:
        told.append(f"{len(out):,} taken out")
    messages.success(request, f"{', '.join(told)}." if told else "Nothing was changed.")
    return redirect("show", show.pk)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
