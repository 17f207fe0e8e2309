"""What people do with one document: each step is a form's button, and a refusal is said in its words."""

from collections.abc import Callable
from datetime import date
from functools import update_wrapper
from typing import Concatenate, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from housecount.core import gates
from housecount.core.errors import HousecountError
from housecount.core.money import NotMoney, format_money
from housecount.invoices import asked, copies, files, here, links, mail, recurring, reminders, services
from housecount.invoices.duplicates import duplicates_of
from housecount.invoices.errors import NotPossible
from housecount.invoices.models import Delivery, Direction, Document, Link
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.adapter import public_link
from housecount.web.context import OFFICE
from housecount.web.document_form import amount
from housecount.web.documents import document_title
from housecount.web.views.document import NEW_LINK, find


class Elsewhere(NamedTuple):
    """What a step says, and the page it leads to instead of the document's own."""

    said: str
    address: str


def step(
    change: Callable[Concatenate[MemberRequest, Document, ...], str | Elsewhere],
) -> Callable[..., HttpResponseBase]:
    """A button's view out of what the button does to the document, all of it or nothing.

    What `change` hands back is said on the next page; a refusal (`HousecountError`) is said in its words.
    """

    def view(request: MemberRequest, /, document_id: UUID, **more: object) -> HttpResponseBase:
        found = find(document_id)
        address = reverse("rcti") if request.POST.get("from") == "rcti" else ""
        try:
            with transaction.atomic():
                answer = change(request, found, **more)
        except HousecountError as error:
            messages.error(request, error.message)
        else:
            said, address = answer if isinstance(answer, Elsewhere) else (answer, address)
            messages.success(request, said)
        if address:
            return redirect(address)
        there = Document.objects.filter(organisation_id=request.organisation.pk, pk=document_id).exists()
        return redirect("document", document_id) if there else redirect("invoices")

    update_wrapper(view, change)
    return require_POST(require_role(*OFFICE)(view))


@step
def approve(request: MemberRequest, found: Document) -> str:
    """A draft is right."""
    services.approve(found.pk, request.user)
    return "Approved. It can be issued now."


@step
def issue(request: MemberRequest, found: Document) -> str:
    """Give it its number and freeze it."""
    alike = duplicates_of(found)
    if alike and request.POST.get("even_so") != "yes":
        raise NotPossible(
            "looks_like_a_duplicate",
            f"It looks like {document_title(alike[0])}. If it is another one, tick the box and issue it.",
        )
    issued = services.issue_one(found.pk, request.user, timezone.now())
    return f"Issued as {issued.number}. From now on it never changes."


@step
def reopen(request: MemberRequest, found: Document) -> str:
    """What was approved is to be changed after all."""
    services.reopen(found.pk, request.user)
    return "It is a draft again."


@step
def delete(request: MemberRequest, found: Document) -> str:
    """A draft is not wanted."""
    services.delete(found.pk, request.user)
    return "The draft is deleted."


@step
def void(request: MemberRequest, found: Document) -> str:
    """An issued document is to count no more."""
    services.void(found.pk, request.POST.get("reason", ""), request.user)
    return f"{found.number} is void. Its number is not used again."


@step
def write_off(request: MemberRequest, found: Document) -> str:
    """It will never be paid."""
    services.write_off(found.pk, request.POST.get("reason", ""), request.user)
    return f"{found.number} is written off."


def _typed(request: MemberRequest, found: Document) -> tuple[int, date]:
    """The amount and the day that were entered. Raises `NotPossible`."""
    try:
        minor = amount(request.POST.get("amount", ""), found.currency)
        return minor, date.fromisoformat(request.POST.get("paid_on", ""))
    except NotMoney as error:
        raise NotPossible("not_money", error.message) from None
    except ValueError:
        raise NotPossible("not_a_day", "Enter the day of the payment.") from None


def _record(request: MemberRequest, found: Document, minor: int, day: date) -> str:
    """Records it; what is to be said of its day."""
    services.pay(
        found.pk,
        minor,
        day,
        by=request.user,
        reference=request.POST.get("reference", ""),
        method=request.POST.get("method", ""),
        idempotency_key=request.POST.get("key", "")[:100] or None,
    )
    ahead = services.still_to_come(found, day)
    return f" {mail.long_day(day)} is still to come: it counts as paid from now on." if ahead else ""


@step
def pay(request: MemberRequest, found: Document) -> str:
    """Money came, or went."""
    minor, day = _typed(request, found)
    told = _record(request, found, minor, day)
    if found.direction == Direction.PAYABLE and request.POST.get("tell") == "yes":
        mail.advise(found, minor, day, timezone.now(), request.user)
        told += f" A mail to {found.party.name} says so."
    return f"The payment of {format_money(minor, found.currency)} is recorded.{told}"


@step
def refund(request: MemberRequest, found: Document) -> str:
    """Money went back: of what was paid too much, or of what a note gives."""
    minor, day = _typed(request, found)
    if minor <= 0:
        raise NotPossible("not_money", "Enter what went back, above zero.")
    told = _record(request, found, minor if found.gives_credit else -minor, day)
    return f"The refund of {format_money(minor, found.currency)} is recorded.{told}"


@step
def use_credit(request: MemberRequest, found: Document) -> str:
    """What the party has in credit pays this document, as far as it goes."""
    used = services.apply_credit(request.POST.get("source", "")[:40], found.pk, by=request.user)
    return f"{format_money(used, found.currency)} of credit is used for it."


@step
def deposit(request: MemberRequest, found: Document) -> Elsewhere:
    """Ask for the deposit that the draft's terms name."""
    asked = services.ask_for_deposit(found.pk, request.user)
    return Elsewhere(
        "Here is the draft of the deposit invoice. What is received of it is taken off the final one.",
        reverse("document", args=[asked.pk]),
    )


@step
def copy_given(request: MemberRequest, found: Document) -> str:
    """The supplier has their copy of an RCTI, in another way than by a mail from here."""
    try:
        day = date.fromisoformat(request.POST.get("on", ""))
    except ValueError:
        raise NotPossible("not_a_day", "Enter the day on which they got it.") from None
    copies.give_copy(found, day, here.today(request.organisation), request.user)
    return f"Noted: {found.party.name} has the copy."


@step
def tax_invoice_asked(request: MemberRequest, found: Document) -> str:
    """The recipient asked for the tax invoice."""
    try:
        day = date.fromisoformat(request.POST.get("on", ""))
    except ValueError:
        raise NotPossible("not_a_day", "Enter the day on which they asked.") from None
    asked.ask(found, day, timezone.now(), request.user, request.POST.get("words", ""))
    return f"Noted: {found.party.name} is to have it by {mail.long_day(gates.tax_invoice_by(day))}."


@require_POST
@require_role(*OFFICE)
def e_invoice(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """The document as a Peppol e-invoice, made once and kept."""
    found = find(document_id)
    try:
        kept = files.store_ubl(found)
    except HousecountError as error:
        messages.error(request, error.message)
        return redirect("document", found.pk)
    response = HttpResponse(bytes(kept.content), content_type="application/xml")
    response["Content-Disposition"] = f'attachment; filename="{found.number}.xml"'
    return response


@step
def credit(request: MemberRequest, found: Document) -> str:
    """Give back all of it, or the quantities that were entered."""
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


@step
def send(request: MemberRequest, found: Document) -> str:
    """Mail it to the party's contacts."""
    delivery = mail.send(found, timezone.now(), request.user, words=request.POST.get("words", ""))
    return f"On its way to {', '.join(each['email'] for each in delivery.recipients)}."


@step
def link(request: MemberRequest, found: Document) -> str:
    """A link to hand over by hand; it is shown once."""
    token = mail.make_link(found, timezone.now(), request.user)
    request.session[f"{NEW_LINK}-{found.pk}"] = public_link(request, reverse("recipient", args=[token]))
    return "Here is the link. It is shown this once: copy it now."


@step
def link_revoke(request: MemberRequest, found: Document, link_id: UUID) -> str:
    """Nobody gets in by this link any more."""
    get_object_or_404(Link, organisation_id=request.organisation.pk, document_id=found.pk, pk=link_id)
    links.revoke(found, link_id, timezone.now(), request.user)
    return "The link is withdrawn."


@step
def delivery(request: MemberRequest, found: Document, delivery_id: UUID) -> str:
    """A mail came back, or is to be tried again."""
    sent = get_object_or_404(
        Delivery.objects.select_related("document"),
        organisation_id=request.organisation.pk,
        document_id=found.pk,
        pk=delivery_id,
    )
    if request.POST.get("do") == "bounced":
        mail.bounced(sent, timezone.now(), request.user)
        return "Noted: the mail came back. Check the address and send it again."
    mail.try_again(sent, timezone.now())
    return "It is tried again within a minute."


@step
def settle(request: MemberRequest, found: Document) -> str:
    """A dispute is over."""
    links.settle_dispute(found, request.user, request.POST.get("words", ""))
    return "The dispute is settled. Reminders go on."


@step
def remind(request: MemberRequest, found: Document) -> str:
    """Switch the document's reminders on or off."""
    on = request.POST.get("on") == "yes"
    reminders.switch(found, on=on, by=request.user)
    return "Reminders are on." if on else "Nobody is reminded of it from now on."


@step
def repeat(request: MemberRequest, found: Document) -> Elsewhere:
    """Make a document like this again and again."""
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
        like=found,
    )
    return Elsewhere("From now on a draft like this is made again by itself.", reverse("recurring"))
