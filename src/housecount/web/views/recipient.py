"""What a recipient sees of a document by a link, without signing in."""

from collections.abc import Callable
from datetime import date
from typing import Any, cast
from uuid import UUID

from allauth.core.internal import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from housecount.core.errors import HousecountError
from housecount.invoices import agreements, asked, files, here, links, queries, reminders
from housecount.invoices.models import Document, Event, Link
from housecount.invoices.printed import printed_of
from housecount.tenancy.access import TenantRequest
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import User
from housecount.web.documents import document_title, status_tags

_LIMITS = {"recipient": "60/m/ip,600/h/ip"}


def _limited(request: HttpRequest) -> HttpResponse | None:
    allowed = ratelimit.consume(request, app="housecount", action="recipient", config=_LIMITS, limit_get=True)
    return None if allowed else cast("HttpResponse", ratelimit.respond_429(request))


def _closed(response: HttpResponse) -> HttpResponse:
    """The address is as good as a password: nobody keeps the page, nobody lists it, no other site learns of it.

    Not `no-referrer`: the browser would then hide where a form came from, which we ask for.
    """
    response["Cache-Control"] = "no-store, private"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Referrer-Policy"] = "same-origin"
    return response


def _answer(
    request: HttpRequest, token: str, work: Callable[[Link, User | None], HttpResponse]
) -> HttpResponse:
    limited = _limited(request)
    if limited is not None:
        return _closed(limited)
    try:
        organisation_id = links.organisation_of(token)
        with acting_as(Identity.system(organisation_id)):
            link = links.open_link(organisation_id, token)
            return _closed(work(link, _of_office(request, organisation_id)))
    except links.LinkUnusable as error:
        return _closed(render(request, "web/invoices/link_unusable.html", {"error": error}, status=404))


def _of_office(request: HttpRequest, organisation_id: UUID) -> User | None:
    """Whoever looks, when it is somebody of the organisation: that is no sign that the recipient has seen it."""
    caller = cast("TenantRequest", request)
    if not caller.user.is_authenticated:
        return None
    is_member = any(each.organisation_id == organisation_id for each in caller.memberships)
    return caller.user if is_member else None


def _note(link: Link, what: str, by: User | None) -> None:
    links.note(link.document, what, {"link": str(link.pk)}, by)


@require_safe
def document(request: HttpRequest, token: str) -> HttpResponse:
    """The document as its recipient sees it; every opening is kept."""

    def show(link: Link, by: User | None) -> HttpResponse:
        _note(link, "seen", by)
        return render(request, "web/invoices/recipient.html", _facts(link, token))

    return _answer(request, token, show)


def _facts(link: Link, token: str) -> dict[str, Any]:
    found = link.document
    facts = queries.document_json(found)
    events = list(
        Event.objects.filter(organisation_id=link.organisation_id, document_id=found.pk).order_by("id")
    )
    open_ = facts["status"] == "issued" and facts["balance"] > 0
    printed = printed_of(found)
    # Of what we owe, the supplier is the sender in law, and whoever wrote to them is the buyer.
    ours = found.sender if found.direction == "receivable" else found.recipient
    until = agreements.may_object_until(found)
    return {
        "token": token,
        "document": found,
        "title": document_title(found),
        "printed": printed,
        "bank": printed.bank if open_ and found.direction == "receivable" else None,
        "facts": facts,
        "tags": status_tags(facts),
        "sender": (ours or {}).get("name") or link.organisation.name,
        "organisation": link.organisation,
        "open": open_,
        "can_promise": open_ and found.direction == "receivable",
        "can_ask": facts["status"] == "issued" and asked.may_ask(found, _today(found)),
        "asked": asked.open_requests(link.organisation, _today(found), found),
        "disputed": links.disputed(events),
        "promised": links.promised_on(events),
        "objection_until": until if until and _today(found) <= until else None,
        "objected": bool(found.agreement and found.agreement.objected_on),
        "today": _today(found).isoformat(),
    }


def _still_open(found: Document, direction: str) -> None:
    """Raises `NotSayable` where the page offers nothing to say."""
    facts = queries.document_json(found)
    if found.direction != direction or facts["status"] != "issued" or facts["balance"] <= 0:
        raise links.NotSayable("Nothing is open on this document any more.")


def _today(found: Document) -> date:
    return timezone.now().astimezone(reminders.zone_of(found)).date()


@require_safe
def pdf(request: HttpRequest, token: str) -> HttpResponse:
    """The stored PDF."""

    def send(link: Link, by: User | None) -> HttpResponse:
        stored = files.stored(link.document)
        if stored is None:
            raise links.LinkUnusable
        _note(link, "downloaded", by)
        return pdf_response(stored.content, link.document.number or "")

    return _answer(request, token, send)


def pdf_response(content: bytes | memoryview, name: str) -> HttpResponse:
    """A PDF to look at or keep."""
    response = HttpResponse(bytes(content), content_type="application/pdf")
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name) or "document"
    response["Content-Disposition"] = f'inline; filename="{safe}.pdf"'
    return response


@require_POST
def dispute(request: HttpRequest, token: str) -> HttpResponse:
    """The recipient says what is wrong."""

    def keep(link: Link, _: User | None) -> HttpResponse:
        try:
            _still_open(link.document, link.document.direction)
            links.dispute(link.document, request.POST.get("reason", ""))
        except HousecountError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, "Thank you: it was passed on, and nobody will remind you meanwhile.")
        return redirect("recipient", token)

    return _answer(request, token, keep)


@require_POST
def object_to(request: HttpRequest, token: str) -> HttpResponse:
    """The supplier does not accept the agreement that stands in an RCTI."""

    def keep(link: Link, _: User | None) -> HttpResponse:
        try:
            agreements.object_to(link.document, request.POST.get("words", ""), _today(link.document))
        except HousecountError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, "Thank you: it was passed on. This document will be cancelled.")
        return redirect("recipient", token)

    return _answer(request, token, keep)


@require_POST
def ask(request: HttpRequest, token: str) -> HttpResponse:
    """The recipient asks for the tax invoice, by mail or as they need it."""

    def keep(link: Link, _: User | None) -> HttpResponse:
        found, now = link.document, timezone.now()
        organisation = link.organisation
        try:
            if not asked.open_requests(organisation, here.today(organisation, now), found):
                words = request.POST.get("words", "").replace("\x00", "")
                asked.ask(found, here.today(organisation, now), now, None, words, by_recipient=True)
        except HousecountError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, "Thank you: it was passed on, and is answered within 28 days.")
        return redirect("recipient", token)

    return _answer(request, token, keep)


@require_POST
def promise(request: HttpRequest, token: str) -> HttpResponse:
    """The recipient says when it will be paid."""

    def keep(link: Link, _: User | None) -> HttpResponse:
        try:
            day = date.fromisoformat(request.POST.get("on", ""))
            _still_open(link.document, "receivable")
            links.promise(link.document, day, _today(link.document))
        except ValueError:
            messages.error(request, "Choose the day on which you will pay.")
        except HousecountError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, "Thank you: nobody will remind you before that day.")
        return redirect("recipient", token)

    return _answer(request, token, keep)
