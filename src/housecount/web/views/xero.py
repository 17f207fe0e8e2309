"""Xero: how the connection is, what is left, what differs, and the history of what was asked."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from housecount.core.errors import HousecountError
from housecount.sync import watching as engine
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.web import words
from housecount.web import xero as shown
from housecount.web.context import OFFICE
from housecount.web.documents import document_title
from housecount.web.views.document import find
from housecount.web.views.sync import pager
from housecount.xero import asking, due, queries, watching
from housecount.xero.history import KEPT
from housecount.xero.models import Agenda, Connection, History, Intent, State
from housecount.xero.redacting import readable

_LEFT = 50
_DIFFERENCES = 100
_HISTORY = 50
_LARGEST_ID = 2**63 - 1
#: What was not read from Xero for longer than this is told of as old.
_STALE = timedelta(minutes=45)


class Step(NamedTuple):
    """A line of the history."""

    row: History
    subject: str
    good: bool
    sent: str
    received: str


def connection_of(organisation_id: UUID) -> Connection | None:
    """The organisation's connection, or what is left of one."""
    return (
        Connection.objects.filter(organisation_id=organisation_id)
        .defer("client_secret", "access_token", "refresh_token")
        .first()
    )


def engine_of(request: MemberRequest) -> Identity:
    """The engine's rows are the engine's to write; the person is who asked for it."""
    return Identity(Role.SYSTEM, request.organisation.pk, request.user.pk)


@require_safe
@require_role(*OFFICE)
def xero(request: MemberRequest) -> HttpResponse:
    """The connection in words; what needs somebody, what is left, what differs. Without one, what connecting does."""
    here, now = request.organisation.pk, timezone.now()
    row = connection_of(here)
    if row is None:
        return render(request, "web/xero/none.html")
    part = _number(request.GET.get("page", ""))
    rows = shown.left(row, now, (part - 1) * _LEFT, _LEFT)
    counts = {
        stage: number for stage, number in queries.status(here, now)["counts"].items() if stage != "done"
    }
    open_ = sum(counts.values())
    agenda = Agenda.objects.filter(organisation_id=here, tenant_id=row.tenant_id).first()
    jobs = watching.waiting(here)
    writing = watching.under_way(row)
    busy = writing or bool(jobs & {"push", "pull"}) or asking.asked(here, now)
    return render(
        request,
        "web/xero/overview.html",
        {
            "row": row,
            "works": row.state == State.CONNECTED,
            "agenda": agenda,
            "pulled": words.ago(agenda.pulled_at, now) if agenda and agenda.pulled_at else "",
            "stale": agenda is not None and agenda.pulled_at is not None and now - agenda.pulled_at > _STALE,
            "budget": shown.budget_words(watching.budget(row, now), now),
            "parked": words.ahead(row.parked_until, now)
            if row.parked_until and row.parked_until > now
            else "",
            "left": rows[:_LEFT],
            "open": open_,
            "counts": [
                (shown.STAGES[stage], number) for stage, number in counts.items() if stage in shown.STAGES
            ],
            "page": part,
            "more": len(rows) > _LEFT,
            "differences": shown.differences(row, now, _DIFFERENCES),
            "payments": shown.waiting_payments(row, _DIFFERENCES),
            "unknown": shown.unknown_parties(row),
            "writing": writing,
            "busy": busy,
            "no_worker": busy and not writing and not engine.alive(now),
            "unmapped": shown.unmapped(queries.preview(row)),
        },
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 6 and int(text) else 1


@require_POST
@require_role(*OFFICE)
def push(request: MemberRequest) -> HttpResponse:
    """Has everything that is left written by the worker: what was refused or blocked is tried again too."""
    return _ask(request, asking.push, "What is left is written to Xero now, the most urgent first.")


@require_POST
@require_role(*OFFICE)
def push_document(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """Has what is left of one document written before anything else; goes back to where it was asked for."""
    found = find(document_id)
    _ask(
        request,
        lambda here, now: asking.push(here, now, found.pk),
        f"{document_title(found)} is written to Xero before anything else.",
    )
    return redirect("document", found.pk) if request.POST.get("back") == "document" else redirect("xero")


@require_POST
@require_role(*OFFICE)
def pull(request: MemberRequest) -> HttpResponse:
    """Has the worker read what changed in Xero."""
    return _ask(
        request, asking.pull, "What changed in Xero is read now: payments come over, differences are shown."
    )


def _ask(request: MemberRequest, ask: Callable[[UUID, datetime], object], said: str) -> HttpResponse:
    try:
        with acting_as(engine_of(request)):
            ask(request.organisation.pk, timezone.now())
    except HousecountError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, said)
    return redirect("xero")


@require_POST
@require_role(Role.ADMIN)
def automatic(request: MemberRequest) -> HttpResponse:
    """Whether the worker writes what is issued by itself."""
    on = request.POST.get("on") == "yes"
    return _ask(
        request,
        lambda here, _: due.set_automatic(here, on=on),
        "What is issued is written to Xero by itself from now on."
        if on
        else "Nothing is written to Xero by itself any more: press “Write now” when you want it.",
    )


@require_POST
@require_role(*OFFICE)
def by_hand(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """Somebody entered in Xero by hand what is left of a document: it is not tried any more."""
    found = find(document_id)
    return _ask(
        request,
        lambda here, now: due.by_hand(here, found.pk, now),
        f"What was left of {document_title(found)} counts as entered in Xero by hand.",
    )


@require_safe
@require_role(*OFFICE)
def history(request: MemberRequest) -> HttpResponse:
    """What was asked of Xero and what it said, the latest first; of one document when its number is searched for."""
    here = request.organisation.pk
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    found = History.objects.filter(organisation_id=here)
    if text:
        found = found.filter(
            intent__in=Intent.objects.filter(organisation_id=here, document__number__iexact=text)
        )
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and 0 < int(before[:19]) <= _LARGEST_ID:
        found = found.filter(pk__lt=int(before[:19]))
    rows = list(found.select_related("intent__document").order_by("-pk")[: _HISTORY + 1])
    return render(
        request,
        "web/xero/history.html",
        {
            "steps": [_step(each) for each in rows[:_HISTORY]],
            "q": text,
            "connected": connection_of(here) is not None,
            "kept_days": KEPT.days,
            **pager(request, str(rows[_HISTORY - 1].pk) if len(rows) > _HISTORY else ""),
        },
    )


def _step(row: History) -> Step:
    intent = row.intent
    subject = intent.document.number or ""
    good = row.outcome[:1] in ("2", "3") and row.outcome.isdigit()
    return Step(row, subject, good, readable(row.sent), readable(row.received))
