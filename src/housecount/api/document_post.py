"""What goes out about a document and what comes back: mails, links, disputes, reminders, copies, deposits."""

from datetime import date
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from housecount.api import bodies, openapi
from housecount.api.access import member
from housecount.api.bodies import Json
from housecount.api.documents import router, step
from housecount.api.errors import NoSuchAddress
from housecount.api.schema_office import CheckOut, HistoryOut, RequestsOut
from housecount.invoices import asked, copies, files, here, links, mail, reminders, services
from housecount.invoices.duplicates import check_json
from housecount.invoices.models import Delivery, Event, Link

_READ, _WRITE = "invoices:read", "invoices:write"
_WORDS: Json = {"type": ["string", "null"], "maxLength": 2000}
_DAY: Json = {"type": "string", "format": "date", "needed": True}


def day(data: Json, name: str) -> date:
    """A field that is a day. Raises BadBody."""
    try:
        return date.fromisoformat(bodies.text(data, name))
    except ValueError:
        raise bodies.BadBody(f"{name}: a day is expected, such as 2026-11-27.") from None


def _send(document_id: UUID, data: Json, request: HttpRequest) -> UUID:
    found = here.document(document_id)
    mail.send(found, timezone.now(), member(request).user, words=bodies.text(data, "words"))
    return document_id


def _copy_given(document_id: UUID, data: Json, request: HttpRequest) -> UUID:
    caller, found = member(request), here.document(document_id)
    copies.give_copy(found, day(data, "on"), here.today(caller.organisation), caller.user)
    return document_id


def _tax_invoice_asked(document_id: UUID, data: Json, request: HttpRequest) -> UUID:
    words = bodies.text(data, "words")
    asked.ask(here.document(document_id), day(data, "on"), timezone.now(), member(request).user, words)
    return document_id


def _settle(document_id: UUID, data: Json, request: HttpRequest) -> UUID:
    links.settle_dispute(here.document(document_id), member(request).user, bodies.text(data, "words"))
    return document_id


def _remind(document_id: UUID, data: Json, request: HttpRequest) -> UUID:
    on = data.get("on")
    if not isinstance(on, bool):
        raise bodies.BadBody("on: true or false is expected.")
    reminders.switch(here.document(document_id), on=on, by=member(request).user)
    return document_id


def add_steps() -> None:
    """Add what is done with a document by one request to the addresses of documents."""
    step("send", "Mail an issued document to its party's contacts", _send, words=_WORDS)
    step(
        "deposit",
        "Make the draft of the deposit invoice that a draft's terms name; answers with it",
        lambda document_id, _, request: services.ask_for_deposit(document_id, member(request).user).pk,
    )
    step(
        "copy-given",
        "Note that a supplier has their copy of an RCTI, or a customer the tax invoice they asked for",
        _copy_given,
        on=_DAY,
    )
    step(
        "tax-invoice-asked",
        "Note the day on which a customer asked for the tax invoice: it is due within 28 days",
        _tax_invoice_asked,
        on=_DAY,
        words=_WORDS,
    )
    step("settle", "Say that a dispute is over", _settle, words=_WORDS)
    step("remind", "Switch a document's reminders on or off", _remind, on={"type": "boolean", "needed": True})


@router.get(
    "/tax-invoice-requests",
    **openapi.reads(
        RequestsOut, scope=_READ, name="tax_invoice_requests", summary="Tax invoices that were asked for"
    ),
)
def tax_invoice_requests(request: HttpRequest) -> Json:
    """Those that were not given since, the most urgent first: each is due within 28 days of the request."""
    organisation = member(request).organisation
    found = asked.open_requests(organisation, here.today(organisation))
    return {"requests": [asked.request_json(each) for each in found]}


@router.get(
    "/documents/{uuid:document_id}/e-invoice",
    **openapi.reads(
        bytes,
        scope=_READ,
        name="document_e_invoice",
        summary="The Peppol e-invoice",
        kind="application/xml",
        more=(409,),
    ),
)
def e_invoice(request: HttpRequest, document_id: UUID) -> HttpResponse:  # noqa: ARG001 - as whoever asks
    """The document as UBL, made at the first time and always the same bytes from then on."""
    kept = files.store_ubl(here.document(document_id))
    response = HttpResponse(bytes(kept.content), content_type="application/xml")
    response["Content-Disposition"] = f'attachment; filename="{document_id}.xml"'
    return response


@router.get(
    "/documents/{uuid:document_id}/check",
    **openapi.reads(CheckOut, scope=_READ, name="check_document", summary="What stands against issuing it"),
)
def check(request: HttpRequest, document_id: UUID) -> Json:  # noqa: ARG001 - as whoever asks
    """Every rule that would refuse to issue the draft as it is now, and the documents that it looks like: same party,
    same total, same show or reference. Those keep it from nothing; of what is issued, nothing is said."""
    return check_json(here.document(document_id))


@router.get(
    "/documents/{uuid:document_id}/history",
    **openapi.reads(HistoryOut, scope=_READ, name="document_history", summary="What became of a document"),
)
def history(request: HttpRequest, document_id: UUID) -> Json:  # noqa: ARG001 - as whoever asks
    """What was done with it, its mails and its links, the latest first."""
    found = here.document(document_id)
    of_it: Json = {"organisation_id": found.organisation_id, "document": found}
    return {
        "events": [
            {"at": each.at, "what": each.what, "details": each.details, "by": each.by_id}
            for each in Event.objects.filter(**of_it).order_by("-id")
        ],
        "deliveries": [_delivery(each) for each in Delivery.objects.filter(**of_it).order_by("-created_at")],
        "links": [
            {"id": each.pk, "created_at": each.created_at, "revoked_at": each.revoked_at}
            for each in Link.objects.filter(**of_it).order_by("-created_at")
        ],
    }


def _delivery(found: Delivery) -> Json:
    return {
        "id": found.pk,
        "kind": found.kind,
        "purpose": found.purpose,
        "recipients": [each["email"] for each in found.recipients],
        "subject": found.subject,
        "created_at": found.created_at,
        "sent_at": found.sent_at,
        "bounced_at": found.bounced_at,
        "trouble": found.trouble,
    }


@router.post(
    "/documents/{uuid:document_id}/links/{uuid:link_id}/revoke",
    **openapi.writes(
        HistoryOut,
        scope=_WRITE,
        name="revoke_link",
        summary="Withdraw a link",
        body=openapi.fields(),
        body_needed=False,
    ),
)
def revoke_link(request: HttpRequest, document_id: UUID, link_id: UUID) -> Json:
    """Nobody gets in by it any more; one that was withdrawn before stays so."""
    bodies.nothing(request)
    found = here.document(document_id)
    if not Link.objects.filter(organisation_id=found.organisation_id, document=found, pk=link_id).exists():
        raise NoSuchAddress("There is no such link to this document.")
    links.revoke(found, link_id, timezone.now(), member(request).user)
    return history(request, document_id)


@router.post(
    "/documents/{uuid:document_id}/deliveries/{uuid:delivery_id}",
    **openapi.writes(
        HistoryOut,
        scope=_WRITE,
        name="change_delivery",
        summary="Say that a mail came back, or have it tried again",
        body=openapi.fields(do={"enum": ["bounced", "try_again"], "type": "string", "needed": True}),
    ),
)
def change_delivery(request: HttpRequest, document_id: UUID, delivery_id: UUID) -> Json:
    """`bounced`: it came back. `try_again`: one that could not be sent is tried at once."""
    do = bodies.text(bodies.read_object(request, "do"), "do")
    found = here.document(document_id)
    sent = (
        Delivery.objects.select_related("document")
        .filter(organisation_id=found.organisation_id, document=found, pk=delivery_id)
        .first()
    )
    if sent is None:
        raise NoSuchAddress("There is no such mail about this document.")
    if do == "bounced":
        mail.bounced(sent, timezone.now(), member(request).user)
    elif do == "try_again":
        mail.try_again(sent, timezone.now())
    else:
        raise bodies.BadBody("do: bounced or try_again is expected.")
    return history(request, document_id)
