"""One document: what it says, what can be done with it, and what happened to it."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from housecount.core.errors import HousecountError
from housecount.core.withholding import undecided
from housecount.invoices import (
    agreements,
    asked,
    copies,
    deposits,
    files,
    here,
    links,
    logos,
    mail,
    payments,
    pdf,
    policy,
    queries,
    reminders,
    services,
)
from housecount.invoices import facts as fact_sheet
from housecount.invoices.duplicates import duplicates_of
from housecount.invoices.errors import NotFound
from housecount.invoices.models import (
    Allocation,
    Delivery,
    Direction,
    Document,
    Event,
    Kind,
    Link,
    Step,
)
from housecount.invoices.printed import printed_of
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.identity import Role
from housecount.web.documents import document_title, happening, status_tags
from housecount.web.views.recipient import pdf_response
from housecount.web.xero import mark_words, xero_tags

NEW_LINK = "housecount-new-link"


def find(document_id: UUID) -> Document:
    """The document, if it is one of theirs. Raises Http404."""
    try:
        return here.document(document_id)
    except NotFound as error:
        raise Http404(error.message) from None


@require_safe
@require_role()
def document(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """A document's page; for an act, its own side of it."""
    found = find(document_id)
    facts = queries.document_json(found)
    shown: dict[str, Any] = {
        "document": found,
        "title": document_title(found),
        "facts": facts,
        "due": date.fromisoformat(facts["due_date"]) if facts["due_date"] else None,
        "tags": status_tags(facts),
        "xero_tags": xero_tags(facts),
        "xero_reason": mark_words(facts["xero"]) if facts["xero"] else None,
        "printed": printed_of(found),
    }
    if request.identity.role is Role.ACT:
        return render(request, "web/invoices/act_document.html", shown | {"payments": _payments(found)})
    events = list(
        Event.objects.filter(organisation_id=found.organisation_id, document_id=found.pk)
        .select_related("by")
        .order_by("id")
    )
    today = here.today(request.organisation)
    allocated = _payments(found)
    return render(
        request,
        "web/invoices/document.html",
        shown
        | {
            "payments": allocated,
            "history": [happening(event) for event in reversed(events)],
            "deliveries": Delivery.objects.filter(organisation_id=found.organisation_id, document=found)
            .select_related("link")
            .order_by("-created_at"),
            "links": Link.objects.filter(
                organisation_id=found.organisation_id, document=found, revoked_at=None
            ).order_by("-created_at"),
            "new_link": request.session.pop(f"{NEW_LINK}-{found.pk}", ""),
            "refusals": _refusals(found),
            "duplicates": duplicates_of(found) if found.step != Step.ISSUED else [],
            "disputed": links.disputed(events),
            "promised": links.promised_on(events),
            "reminders": _reminders(found, events, today),
            "reminders_off": [e.what for e in events if e.what in {"reminders_on", "reminders_off"}][-1:]
            == ["reminders_off"],
            "to": mail.recipients_of(found.party),
            "asked": asked.open_requests(request.organisation, today, found),
            "may_ask": facts["status"] in {"draft", "approved", "issued"} and asked.may_ask(found, today),
            "today": today.isoformat(),
            "key": uuid4().hex,
            "is_credit": found.kind in {Kind.CREDIT_NOTE, Kind.ADJUSTMENT_NOTE},
            # Those that took something off it stand among what was paid.
            "credit_notes": Document.objects.filter(organisation_id=found.organisation_id, credits=found)
            .exclude(pk__in=[each.credit_note_id for each in allocated if each.credit_note_id])
            .order_by("issue_date"),
            "lines": found.lines.order_by("position"),
        }
        | _money(found, facts)
        | _rcti(found, today),
    )


def _money(found: Document, facts: dict[str, Any]) -> dict[str, Any]:
    """What can be moved: the party's credit, and what could be paid back."""
    open_ = facts["status"] == "issued" and facts["balance"] > 0
    paid = facts["paid"] - facts["prepaid"]
    return {
        "credits": payments.credit_of(found) if open_ and not found.gives_credit else [],
        "may_refund": facts["status"] in {"issued", "credited"}
        and (open_ if found.gives_credit else paid > 0),
        "refundable": facts["balance"] if found.gives_credit else max(-facts["balance"], 0) or paid,
        "deposit_asks": deposits.deposit_amount(found.deposit_terms, found.total)
        if found.deposit_terms and found.step == Step.DRAFT
        else None,
        "deposit_there": found.deductions.filter(organisation_id=found.organisation_id).exists(),
        "undecided": found.direction == Direction.PAYABLE
        and found.step != Step.ISSUED
        and (them := fact_sheet.payee(found.party, here.own_identity())) is not None
        and undecided(them),
    }


def _rcti(found: Document, today: date) -> dict[str, Any]:
    """What an RCTI still needs: its copy, and an answer to an objection."""
    if found.kind != Kind.RCTI:
        return {}
    rules = policy.policy(found.organisation_id)
    issued = found.step == Step.ISSUED
    copy_by = services.rcti_copy_by(found) if issued and not copies.has_copy(found) else None
    return {
        "copy_by": copy_by,
        "copy_late": copy_by is not None and copy_by < today,
        "objected": found.agreement if found.agreement and found.agreement.objected_on else None,
        "objection_until": agreements.may_object_until(found),
        "adviser_missing": not issued and rules.rcti_confirmed_on is None,
    }


def _payments(found: Document) -> list[Allocation]:
    return list(
        Allocation.objects.filter(organisation_id=found.organisation_id, document=found)
        .select_related("payment", "credit_note")
        .order_by("created_at")
    )


def _refusals(found: Document) -> list[str]:
    """Why it could not be issued as it stands, in words; nothing for what is issued."""
    if found.step == Step.ISSUED:
        return []
    try:
        return [each.message for each in services.refusals(found)]
    except HousecountError as error:
        return [error.message]


def _reminders(found: Document, events: list[Event], today: date) -> str:
    """Why nobody is reminded, in words, where reminders are a question at all."""
    if (
        found.direction != Direction.RECEIVABLE
        or found.kind not in reminders.KINDS
        or found.step != Step.ISSUED
    ):
        return ""
    stopped = reminders.stopped_by(found, events, today)
    mailed = Delivery.objects.filter(
        organisation_id=found.organisation_id, document=found, kind="mail", sent_at__isnull=False
    )
    if not stopped and not mailed.exists():
        stopped = "it was not mailed from here"
    return stopped


@require_safe
@require_role()
def document_pdf(request: MemberRequest, document_id: UUID) -> HttpResponse:  # noqa: ARG001 - a view
    """The PDF as it was stored at issue; of a draft, how it would look."""
    found = find(document_id)
    if found.step == Step.ISSUED:
        stored = files.stored(found)
        if stored is None:
            raise Http404("There is no PDF.")
        return pdf_response(stored.content, found.number or "")
    return pdf_response(pdf.render(printed_of(found), draft=True, logo=logos.for_paper(found)), "draft")
