"""Documents and payments over HTTP: the same JSON as the commands, the same rules, the same refusals."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI, Query, Router, Status

from housecount.api import bodies, errors, openapi, paging
from housecount.api.access import EVERYBODY, member
from housecount.api.bodies import Json
from housecount.api.schema_invoices import (
    DocumentOut,
    DocumentsAsked,
    DocumentsOut,
    OutcomesOut,
    PaymentsAsked,
    PaymentsOut,
)
from housecount.core.errors import NextStep
from housecount.invoices import files, here, inputs, lists, mail, queries, services
from housecount.invoices.errors import Invalid, NotPossible, Refused
from housecount.invoices.models import Allocation, Document, Payment, Step

router = Router(tags=["documents"])
_READ, _WRITE = "invoices:read", "invoices:write"
MOST_ISSUED = 500


def install(api: NinjaAPI) -> None:
    """Add these addresses to `api`; a refusal to issue tells every rule that stands against it."""
    api.add_router("", router)

    @api.exception_handler(Refused)
    def refused(_: HttpRequest, error: Refused) -> HttpResponse:
        if connection.in_atomic_block:
            transaction.set_rollback(True)
        told = [{"code": each.code, "message": each.message} for each in error.refusals]
        return errors.problem(error.http_status, error.code, error.message, NextStep.ASK_A_PERSON, told)


@router.get(
    "/documents",
    **openapi.reads(DocumentsOut, scope=_READ, roles=EVERYBODY, name="documents", summary="Documents"),
)
def list_documents(request: HttpRequest, asked: Query[DocumentsAsked]) -> HttpResponse:
    """A page of documents, the newest first. An act gets its own."""
    organisation = member(request).organisation
    today = here.today(organisation)
    wanted = lists.Filter(
        status=asked.status,
        payment_status=asked.payment_status,
        party=asked.party,
        show=asked.show,
        direction=asked.direction,
        kind=asked.kind,
        overdue=asked.overdue,
        text=asked.q.replace("\x00", "").strip(),
    )
    try:
        page = lists.list_documents(
            organisation.pk, wanted, today=today, after=asked.cursor, limit=asked.limit
        )
    except Invalid:
        raise paging.BadCursor from None
    return bodies.answer(
        {"documents": queries.documents_json(page.documents, today=today), "next": page.after}
    )


@router.post(
    "/documents",
    **openapi.writes(
        DocumentOut | list[DocumentOut],
        scope=_WRITE,
        name="create_documents",
        summary="New drafts",
        status=201,
        body=openapi.one_or_several("DocumentInput", inputs.MOST_DOCUMENTS),
    ),
)
def create_documents(request: HttpRequest) -> HttpResponse:
    """A draft from its JSON, or several from a list: all of them, or none."""
    data = bodies.read(request)
    made = services.create_documents(member(request).organisation.pk, data, member(request).user)
    told = _again(made)
    return bodies.answer(told if isinstance(data, list) else told[0], status=201)


def _again(made: Sequence[Document]) -> list[Json]:
    # Read once more, so that what the database filled in is told too.
    return [queries.document_json(here.document(each.pk)) for each in made]


@router.post(
    "/documents/issue",
    **openapi.writes(
        OutcomesOut,
        scope=_WRITE,
        name="issue_documents",
        summary="Issue several",
        body=openapi.fields(
            documents={
                "type": "array",
                "items": {"type": "string"},
                "maxItems": MOST_ISSUED,
                "needed": True,
            }
        ),
    ),
)
def issue_documents(request: HttpRequest) -> HttpResponse:
    """Each document of `documents` (ids) is issued for itself: one that is refused keeps back none of the others."""
    ids = bodies.read_object(request, "documents").get("documents")
    if not isinstance(ids, list) or len(ids) > MOST_ISSUED or not all(isinstance(each, str) for each in ids):
        raise bodies.BadBody(f"documents: a list of at most {MOST_ISSUED} ids.")
    caller = member(request)
    outcomes = services.issue_each(caller.organisation.pk, ids, caller.user, timezone.now())
    return bodies.answer(
        {
            "results": [
                {
                    "id": str(each.document_id),
                    "document": None if each.document is None else _again([each.document])[0],
                    "error": None
                    if each.error is None
                    else {"code": each.error.code, "message": each.error.message},
                }
                for each in outcomes
            ]
        }
    )


@router.get(
    "/documents/{uuid:document_id}",
    **openapi.reads(DocumentOut, scope=_READ, roles=EVERYBODY, name="document", summary="A document"),
)
def show_document(request: HttpRequest, document_id: UUID) -> HttpResponse:  # noqa: ARG001 - as whoever asks
    """One document."""
    return bodies.answer(queries.document_json(here.document(document_id)))


@router.patch(
    "/documents/{uuid:document_id}",
    **openapi.writes(
        DocumentOut,
        scope=_WRITE,
        name="edit_document",
        summary="Change a draft",
        body=openapi.one("DocumentChange"),
        body_needed=False,
    ),
)
def edit_document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """The draft with the given fields changed; `lines`, when given, are all its lines."""
    return bodies.answer(
        _again([services.edit(document_id, bodies.read_object(request), member(request).user)])[0]
    )


@router.delete(
    "/documents/{uuid:document_id}",
    **openapi.writes(None, scope=_WRITE, name="delete_document", summary="Delete a draft", status=204),
)
def delete_document(request: HttpRequest, document_id: UUID) -> Any:
    """A draft is thrown away; anything else stays, with its number."""
    services.delete(document_id, member(request).user)
    return Status(204, None)


@router.get(
    "/documents/{uuid:document_id}/pdf",
    **openapi.reads(
        bytes,
        scope=_READ,
        roles=EVERYBODY,
        name="document_pdf",
        summary="The PDF",
        kind="application/pdf",
        more=(409,),
    ),
)
def document_pdf(request: HttpRequest, document_id: UUID) -> HttpResponse:  # noqa: ARG001 - as whoever asks
    """The PDF as it was stored when the document was issued: always the same bytes."""
    found = here.document(document_id)
    stored = files.stored(found) if found.step == Step.ISSUED else None
    if stored is None:
        raise NotPossible("not_issued", "There is no PDF before the document is issued.")
    response = HttpResponse(bytes(stored.content), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{found.pk}.pdf"'
    response["ETag"] = f'"{stored.sha256}"'
    return response


# --- Steps ----------------------------------------------------------------------------------------------
def step(name: str, summary: str, work: Callable[[UUID, Json, HttpRequest], UUID], **body: Json) -> None:
    """Add `POST /documents/{id}/name`, which takes the fields of `body` and answers with the document that `work`
    names."""

    def view(request: HttpRequest, document_id: UUID) -> HttpResponse:
        data = bodies.read_object(request, *body) if body else {}
        if not body:
            bodies.nothing(request)
        return bodies.answer(queries.document_json(here.document(work(document_id, data, request))))

    view.__doc__ = f"{summary}."
    router.post(
        f"/documents/{{uuid:document_id}}/{name}",
        **openapi.writes(
            DocumentOut,
            scope=_WRITE,
            name=f"{name.replace('-', '_')}_document",
            summary=summary,
            body=openapi.fields(**body),
            body_needed=any(each.get("needed") for each in body.values()),
        ),
    )(view)


def _pay(document_id: UUID, data: Json, request: HttpRequest) -> UUID:
    amount = data.get("amount")
    if type(amount) is not int:
        raise bodies.BadBody("amount: a whole number of minor units is expected.")
    try:
        day = date.fromisoformat(bodies.text(data, "date"))
    except ValueError:
        raise bodies.BadBody("date: the day of the payment is expected, such as 2026-11-27.") from None
    services.pay(
        document_id,
        amount,
        day,
        reference=bodies.text(data, "reference"),
        method=bodies.text(data, "method"),
        by=member(request).user,
    )
    tell = data.get("tell", False)
    if not isinstance(tell, bool):
        raise bodies.BadBody("tell: true or false is expected.")
    if tell:
        mail.advise(here.document(document_id), amount, day, timezone.now(), member(request).user)
    return document_id


def _credit(document_id: UUID, data: Json, request: HttpRequest) -> UUID:
    lines = data.get("lines")
    if lines is not None:
        inputs.read(lines, list[inputs.CreditLine])
    return services.credit(document_id, lines, member(request).user, timezone.now()).pk


def _use_credit(document_id: UUID, data: Json, request: HttpRequest) -> UUID:
    amount = data.get("amount")
    if not (amount is None or type(amount) is int):
        raise bodies.BadBody("amount: a whole number of minor units is expected, or null.")
    services.apply_credit(document_id, bodies.key(data, "to"), amount, member(request).user)
    return document_id


_REASON: Json = {"type": ["string", "null"], "maxLength": 2000}
step(
    "approve",
    "Approve a draft",
    lambda document_id, _, request: services.approve(document_id, member(request).user).pk,
)
step(
    "reopen",
    "Make an approved document a draft again",
    lambda document_id, _, request: services.reopen(document_id, member(request).user).pk,
)
step(
    "issue",
    "Issue a document",
    lambda document_id, _, request: services.issue_one(document_id, member(request).user, timezone.now()).pk,
)
step(
    "void",
    "Make an issued document void",
    lambda document_id, data, request: (
        services.void(document_id, bodies.text(data, "reason"), member(request).user).pk
    ),
    reason=_REASON,
)
step(
    "write-off",
    "Write off what will never be paid",
    lambda document_id, data, request: (
        services.write_off(document_id, bodies.text(data, "reason"), member(request).user).pk
    ),
    reason=_REASON,
)
step(
    "pay",
    "Record a payment",
    _pay,
    amount={
        "type": "integer",
        "needed": True,
        "description": "Minor units of the document's currency; a refund is below zero.",
    },
    date={"type": "string", "format": "date", "needed": True},
    reference={"type": ["string", "null"], "maxLength": 200},
    method={"type": ["string", "null"], "maxLength": 40},
    tell={
        "type": "boolean",
        "description": "Of what we owe: mail the party that it is paid (remittance advice).",
    },
)
step(
    "credit",
    "Issue a credit note; answers with it",
    _credit,
    lines={
        "description": "All that is left of the document, when left out.",
        "anyOf": [{"type": "array", "items": openapi.one("CreditLine")}, {"type": "null"}],
    },
)
step(
    "use-credit",
    "Use what is too much on a document, or left of a note, towards another",
    _use_credit,
    to=openapi.NEEDED_UUID,
    amount={"type": ["integer", "null"], "description": "As much as fits, when left out."},
)


@router.get("/payments", **openapi.reads(PaymentsOut, scope=_READ, name="payments", summary="Payments"))
def payments(request: HttpRequest, asked: Query[PaymentsAsked]) -> dict[str, Any]:
    """Money that moved, the latest day first, and what it settles."""
    organisation_id = member(request).organisation.pk
    rows = Payment.objects.filter(organisation_id=organisation_id)
    if asked.party is not None:
        rows = rows.filter(party_id=asked.party)
    if asked.document is not None:
        rows = rows.filter(allocations__document_id=asked.document).distinct()
    if asked.cursor:
        when, which = paging.decode(asked.cursor, 2)
        day, key = paging.day(when), paging.key(which)
        rows = rows.filter(Q(paid_on__lt=day) | Q(paid_on=day, pk__lt=key))
    settled = Allocation.objects.filter(organisation_id=organisation_id).order_by("document_id", "pk")
    rows = rows.prefetch_related(Prefetch("allocations", queryset=settled))
    found = list(rows.order_by("-paid_on", "-pk")[: asked.limit + 1])
    page = found[: asked.limit]
    return {
        "payments": [_payment(each) for each in page],
        "next": paging.encode(page[-1].paid_on, page[-1].pk) if len(found) > asked.limit else None,
    }


def _payment(payment: Payment) -> Json:
    return {
        "id": payment.pk,
        "party": payment.party_id,
        "direction": payment.direction,
        "paid_on": payment.paid_on,
        "amount": payment.amount,
        "currency": payment.currency,
        "method": payment.method,
        "reference": payment.reference,
        "created_at": payment.created_at,
        "allocations": [
            {"document": each.document_id, "amount": each.amount} for each in payment.allocations.all()
        ],
    }


INPUTS: tuple[Any, ...] = (inputs.DocumentInput, inputs.CreditLine)
"""What the bodies above are made of, for the description."""
