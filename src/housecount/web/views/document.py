"""One document: what it says, what can be done with it, and what happened to it."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from housecount.core.errors import HousecountError
from housecount.core.money import NotMoney, format_money
from housecount.invoices import files, here, links, mail, pdf, queries, recurring, reminders, services
from housecount.invoices.errors import NotFound, NotPossible
from housecount.invoices.models import (
    Allocation,
    Delivery,
    Direction,
    Document,
    Event,
    Kind,
    Link,
    Purpose,
    Recurring,
    Step,
)
from housecount.invoices.printed import printed_of
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.adapter import public_link
from housecount.tenancy.identity import Role
from housecount.web.context import OFFICE
from housecount.web.document_form import amount
from housecount.web.documents import document_title, happening, status_tags
from housecount.web.duplicates import duplicates_of
from housecount.web.views.recipient import pdf_response

_LINK = "housecount-new-link"


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
    return render(
        request,
        "web/invoices/document.html",
        shown
        | {
            "payments": _payments(found),
            "history": [happening(event) for event in reversed(events)],
            "deliveries": Delivery.objects.filter(organisation_id=found.organisation_id, document=found)
            .select_related("link")
            .order_by("-created_at"),
            "links": Link.objects.filter(
                organisation_id=found.organisation_id, document=found, revoked_at=None
            ).order_by("-created_at"),
            "new_link": request.session.pop(f"{_LINK}-{found.pk}", ""),
            "refusals": _refusals(found),
            "duplicates": duplicates_of(found) if found.step != Step.ISSUED else [],
            "disputed": links.disputed(events),
            "promised": links.promised_on(events),
            "reminders": _reminders(found, events, today),
            "reminders_off": [e.what for e in events if e.what in {"reminders_on", "reminders_off"}][-1:]
            == ["reminders_off"],
            "to": mail.recipients_of(found.party),
            "today": today.isoformat(),
            "key": uuid4().hex,
            "copy_by": services.rcti_copy_by(found) if found.step == Step.ISSUED else None,
            "is_credit": found.kind in {Kind.CREDIT_NOTE, Kind.ADJUSTMENT_NOTE},
            "credit_notes": Document.objects.filter(
                organisation_id=found.organisation_id, credits=found
            ).order_by("issue_date"),
            "lines": found.lines.order_by("position"),
            "recurring": Recurring.objects.filter(
                organisation_id=found.organisation_id, party=found.party, active=True
            ),
        },
    )


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
    return pdf_response(pdf.render(printed_of(found), draft=True), "draft")


def _change(
    request: MemberRequest, document_id: UUID, change: Callable[[Document], str], *, to: str = ""
) -> HttpResponse:
    """Do `change`, which hands back what to say; a refusal is said in its words, and nothing is kept."""
    found = find(document_id)
    try:
        with transaction.atomic():
            said = change(found)
    except HousecountError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, said)
    there = Document.objects.filter(organisation_id=request.organisation.pk, pk=found.pk).exists()
    return redirect(to or reverse("document", args=[found.pk])) if there else redirect("invoices")


@require_POST
@require_role(*OFFICE)
def approve(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """A draft is right."""

    def change(found: Document) -> str:
        services.approve(found.pk, request.user)
        return "Approved. It can be issued now."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def issue(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """Give it its number and freeze it."""

    def change(found: Document) -> str:
        alike = duplicates_of(found)
        if alike and request.POST.get("even_so") != "yes":
            raise NotPossible(
                "looks_like_a_duplicate",
                f"It looks like {document_title(alike[0])}. If it is another one, tick the box and issue it.",
            )
        issued = services.issue_one(found.pk, request.user, timezone.now())
        return f"Issued as {issued.number}. From now on it never changes."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def reopen(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """What was approved is to be changed after all."""

    def change(found: Document) -> str:
        services.reopen(found.pk, request.user)
        return "It is a draft again."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def delete(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """A draft is not wanted."""

    def change(found: Document) -> str:
        services.delete(found.pk, request.user)
        return "The draft is deleted."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def void(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """An issued document is to count no more."""

    def change(found: Document) -> str:
        services.void(found.pk, request.POST.get("reason", ""), request.user)
        return f"{found.number} is void. Its number is not used again."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def write_off(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """It will never be paid."""

    def change(found: Document) -> str:
        services.write_off(found.pk, request.POST.get("reason", ""), request.user)
        return f"{found.number} is written off."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def pay(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """Money came, or went."""

    def change(found: Document) -> str:
        post = request.POST
        try:
            minor = amount(post.get("amount", ""), found.currency)
            day = date.fromisoformat(post.get("paid_on", ""))
        except NotMoney as error:
            raise NotPossible("not_money", error.message) from None
        except ValueError:
            raise NotPossible("not_a_day", "Enter the day of the payment.") from None
        services.pay(
            found.pk,
            minor,
            day,
            by=request.user,
            reference=post.get("reference", ""),
            method=post.get("method", ""),
            idempotency_key=post.get("key", "")[:100] or None,
        )
        told = ""
        if found.direction == Direction.PAYABLE and post.get("tell") == "yes":
            words = f"{format_money(minor, found.currency)} on {mail.long_day(day)}."
            mail.send(found, timezone.now(), request.user, words=words, purpose=Purpose.REMITTANCE)
            told = f" A mail to {found.party.name} says so."
        return f"The payment of {format_money(minor, found.currency)} is recorded.{told}"

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def credit(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """Give back all of it, or the quantities that were entered."""

    def change(found: Document) -> str:
        lines = None
        if request.POST.get("what") == "some":
            lines = [
                {"line": line.position, "quantity": typed}
                for line in found.lines.order_by("position")
                if (typed := request.POST.get(f"credit-{line.position}", "").strip())
            ]
            if not lines:
                raise NotPossible("nothing_to_credit", "Enter how much of which line is credited.")
        note = services.credit(found.pk, lines, request.user, timezone.now())
        return f"Credit note {note.number} over {format_money(abs(note.total), note.currency)} is issued."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def send(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """Mail it to the party's contacts."""

    def change(found: Document) -> str:
        delivery = mail.send(found, timezone.now(), request.user, words=request.POST.get("words", ""))
        return f"On its way to {', '.join(each['email'] for each in delivery.recipients)}."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def link(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """A link to hand over by hand; it is shown once."""

    def change(found: Document) -> str:
        token = mail.make_link(found, timezone.now(), request.user)
        request.session[f"{_LINK}-{found.pk}"] = public_link(request, reverse("recipient", args=[token]))
        return "Here is the link. It is shown this once: copy it now."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def link_revoke(request: MemberRequest, document_id: UUID, link_id: UUID) -> HttpResponse:
    """Nobody gets in by this link any more."""
    get_object_or_404(Link, organisation_id=request.organisation.pk, document_id=document_id, pk=link_id)

    def change(found: Document) -> str:
        links.revoke(found, link_id, timezone.now(), request.user)
        return "The link is withdrawn."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def delivery(request: MemberRequest, document_id: UUID, delivery_id: UUID) -> HttpResponse:
    """A mail came back, or is to be tried again."""
    sent = get_object_or_404(
        Delivery.objects.select_related("document"),
        organisation_id=request.organisation.pk,
        document_id=document_id,
        pk=delivery_id,
    )

    def change(_: Document) -> str:
        if request.POST.get("do") == "bounced":
            mail.bounced(sent, timezone.now(), request.user)
            return "Noted: the mail came back. Check the address and send it again."
        mail.try_again(sent, timezone.now())
        return "It is tried again within a minute."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def settle(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """A dispute is over."""

    def change(found: Document) -> str:
        links.settle_dispute(found, request.user, request.POST.get("words", ""))
        return "The dispute is settled. Reminders go on."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def remind(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """Switch the document's reminders on or off."""

    def change(found: Document) -> str:
        on = request.POST.get("on") == "yes"
        reminders.switch(found, on=on, by=request.user)
        return "Reminders are on." if on else "Nobody is reminded of it from now on."

    return _change(request, document_id, change)


@require_POST
@require_role(*OFFICE)
def repeat(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """Make a document like this again and again."""

    def change(found: Document) -> str:
        post = request.POST
        try:
            first_on = date.fromisoformat(post.get("first_on", ""))
            ends_on = date.fromisoformat(post["ends_on"]) if post.get("ends_on") else None
        except ValueError:
            raise recurring.NotRecurring("Enter the first day.") from None
        recurring.create(
            found.party,
            request.user,
            name=post.get("name", "") or found.reference or document_title(found),
            rhythm=post.get("rhythm", ""),
            first_on=first_on,
            ends_on=ends_on,
            template=recurring.template_of(found),
        )
        return "From now on a draft like this is made again by itself."

    return _change(request, document_id, change, to=reverse("recurring"))
