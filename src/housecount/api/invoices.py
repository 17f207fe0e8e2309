"""Parties, agreements and documents over HTTP: the same JSON as the commands.

Whatever changes something asks for the page's CSRF token, because a browser sends its session with every request.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, cast
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI, Query, Router, Schema, Status
from ninja.utils import check_csrf

from housecount.api import errors
from housecount.api.schema import ProblemOut
from housecount.core.errors import HousecountError, NextStep
from housecount.invoices import files, here, inputs, lists, queries, services
from housecount.invoices.errors import Invalid, NotPossible, Refused
from housecount.invoices.models import Agreement, Document, Step
from housecount.tenancy.access import MemberRequest, TenantRequest
from housecount.tenancy.identity import Role

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)
_Json = dict[str, Any]
_ANSWERS: dict[Any, Any] = {200: _Json} | dict.fromkeys((401, 403, 404, 409, 422), ProblemOut)
_MADE: dict[Any, Any] = {201: Any} | dict.fromkeys((401, 403, 404, 409, 422), ProblemOut)

router = Router(tags=["invoices"])


class Forged(HousecountError):
    """A change without the token that proves it comes from our own page."""

    code = "csrf_token_needed"
    http_status = 403


def reader(request: HttpRequest) -> object | None:
    """Whoever is signed in, in an organisation. Raises `NotForRole` for who belongs to none."""
    caller = cast("TenantRequest", request)
    if not caller.user.is_authenticated:
        return None
    if caller.organisation is None:
        raise errors.NotForRole(
            "You do not belong to an organisation here. Ask an admin of yours to invite you."
        )
    return caller.user


def office(request: HttpRequest) -> object | None:
    """Whoever is signed in and may see the organisation's money. Raises `NotForRole`, `Forged`."""
    found = reader(request)
    if found is None:
        return None
    if cast("MemberRequest", request).identity.role not in OFFICE:
        raise errors.NotForRole("This is for the organisation's admins, promoters and bookkeepers.")
    if check_csrf(request) is not None:
        raise Forged("Send the CSRF token of the site in the header X-CSRFToken.")
    return found


def install(api: NinjaAPI) -> None:
    """Add these addresses to `api`; a refusal to issue tells every rule that stands against it."""
    api.add_router("", router)

    @api.exception_handler(Refused)
    def refused(_: HttpRequest, error: Refused) -> HttpResponse:
        if connection.in_atomic_block:
            transaction.set_rollback(True)
        told = [{"code": each.code, "message": each.message} for each in error.refusals]
        return errors.problem(error.http_status, error.code, error.message, NextStep.ASK_A_PERSON, told)


def _body(request: HttpRequest) -> Any:
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        raise Invalid("The body of the request is not JSON.") from None


def _object(request: HttpRequest) -> _Json:
    found = _body(request) if request.body.strip() else {}
    if not isinstance(found, Mapping):
        raise Invalid("The body of the request is one JSON object.")
    return dict(found)


def _only(data: Mapping[str, Any], *names: str) -> None:
    for name in data:
        if name not in names:
            raise Invalid(f"There is no field “{name[:60]}”. There are: {', '.join(names)}.")


def _caller(request: HttpRequest) -> MemberRequest:
    return cast("MemberRequest", request)


def _key(request: HttpRequest) -> str | None:
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > 100:
        raise Invalid("Idempotency-Key is longer than 100 characters.")
    return key or None


# --- Parties and agreements -----------------------------------------------------------------------------
@router.get("/parties", auth=office, response=_ANSWERS, summary="Parties", operation_id="parties")
def list_parties(request: HttpRequest, q: str = "", archived: bool = False) -> _Json:
    """Every party by name. Bank details are masked."""
    found = queries.parties(_caller(request).organisation.pk, text=q.replace("\x00", ""), archived=archived)
    return {"parties": [queries.party_json(each) for each in found]}


@router.post("/parties", auth=office, response=_MADE, summary="New parties", operation_id="create_party")
def create_party(request: HttpRequest) -> Any:
    """A party from its JSON, or several from a list: all of them, or none."""
    data = _body(request)
    made = services.create_parties(_caller(request).organisation.pk, data, _caller(request).user)
    told = [queries.party_json(each) for each in made]
    return Status(201, told if isinstance(data, list) else told[0])


@router.get(
    "/parties/{uuid:party_id}", auth=office, response=_ANSWERS, summary="A party", operation_id="party"
)
def show_party(request: HttpRequest, party_id: UUID) -> _Json:  # noqa: ARG001
    """One party."""
    return queries.party_json(here.party(party_id))


@router.patch(
    "/parties/{uuid:party_id}",
    auth=office,
    response=_ANSWERS,
    summary="Change a party",
    operation_id="edit_party",
)
def edit_party(request: HttpRequest, party_id: UUID) -> _Json:
    """The party with the given fields changed; null empties one. Documents that were issued keep it as it was."""
    return queries.party_json(services.edit_party(party_id, _object(request), _caller(request).user))


@router.get("/agreements", auth=office, response=_ANSWERS, summary="Agreements", operation_id="agreements")
def list_agreements(request: HttpRequest, party: UUID | None = None) -> _Json:
    """Written agreements with suppliers, the newest first."""
    found = Agreement.objects.filter(organisation_id=_caller(request).organisation.pk).order_by(
        "-starts_on", "pk"
    )
    if party is not None:
        found = found.filter(party_id=party)
    return {"agreements": [queries.agreement_json(each) for each in found]}


@router.post(
    "/agreements", auth=office, response=_MADE, summary="A new agreement", operation_id="create_agreement"
)
def create_agreement(request: HttpRequest) -> Any:
    """A written agreement that we make a supplier's tax invoices."""
    made = services.create_agreement(
        _caller(request).organisation.pk, _object(request), _caller(request).user
    )
    return Status(201, queries.agreement_json(made))


# --- Documents ------------------------------------------------------------------------------------------
class DocumentsAsked(Schema):
    """Which documents, and which page of them."""

    status: str | None = None
    payment_status: str | None = None
    party: UUID | None = None
    show: UUID | None = None
    direction: str | None = None
    kind: str | None = None
    overdue: bool = False
    q: str = ""
    after: str | None = None
    limit: int = 50


@router.get("/documents", auth=reader, response=_ANSWERS, summary="Documents", operation_id="documents")
def list_documents(request: HttpRequest, asked: Query[DocumentsAsked]) -> _Json:
    """A page of documents, the newest first; `after` is where the next one begins. An act gets its own."""
    organisation = _caller(request).organisation
    today = here.today(organisation)
    wanted = lists.Filter(
        status=asked.status,
        payment_status=asked.payment_status,
        party=asked.party,
        show=asked.show,
        direction=asked.direction,
        kind=asked.kind,
        overdue=asked.overdue,
        text=asked.q.replace("\x00", "").strip()[:100],
    )
    page = lists.list_documents(organisation.pk, wanted, today=today, after=asked.after, limit=asked.limit)
    return {"documents": queries.documents_json(page.documents, today=today), "after": page.after}


@router.post("/documents", auth=office, response=_MADE, summary="New drafts", operation_id="create_documents")
def create_documents(request: HttpRequest) -> Any:
    """A draft from its JSON, or several from a list: all of them, or none."""
    data = _body(request)
    made = services.create_documents(_caller(request).organisation.pk, data, _caller(request).user)
    told = _again(made)
    return Status(201, told if isinstance(data, list) else told[0])


def _again(made: Sequence[Document]) -> list[_Json]:
    # Read once more, so that what the database filled in is told too.
    return [queries.document_json(here.document(each.pk)) for each in made]


@router.post(
    "/documents/issue",
    auth=office,
    response=_ANSWERS,
    summary="Issue several",
    operation_id="issue_documents",
)
def issue_documents(request: HttpRequest) -> _Json:
    """Each document of `documents` (ids) is issued for itself: one that is refused keeps back none of the others."""
    data = _object(request)
    _only(data, "documents")
    ids = data.get("documents")
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids) or len(ids) > 500:
        raise Invalid("documents: a list of at most 500 ids.")
    caller = _caller(request)
    outcomes = services.issue_each(caller.organisation.pk, ids, caller.user, timezone.now())
    return {
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


@router.get(
    "/documents/{uuid:document_id}",
    auth=reader,
    response=_ANSWERS,
    summary="A document",
    operation_id="document",
)
def show_document(request: HttpRequest, document_id: UUID) -> _Json:  # noqa: ARG001
    """One document."""
    return queries.document_json(here.document(document_id))


@router.patch(
    "/documents/{uuid:document_id}",
    auth=office,
    response=_ANSWERS,
    summary="Change a draft",
    operation_id="edit_document",
)
def edit_document(request: HttpRequest, document_id: UUID) -> _Json:
    """The draft with the given fields changed; `lines`, when given, are all its lines."""
    return _again([services.edit(document_id, _object(request), _caller(request).user)])[0]


@router.delete(
    "/documents/{uuid:document_id}",
    auth=office,
    response={204: None} | dict.fromkeys((401, 403, 404, 409), ProblemOut),
    summary="Delete a draft",
    operation_id="delete_document",
)
def delete_document(request: HttpRequest, document_id: UUID) -> Any:
    """A draft is thrown away; anything else stays, with its number."""
    services.delete(document_id, _caller(request).user)
    return Status(204, None)


@router.get("/documents/{uuid:document_id}/pdf", auth=reader, summary="The PDF", operation_id="document_pdf")
def document_pdf(request: HttpRequest, document_id: UUID) -> HttpResponse:  # noqa: ARG001
    """The PDF as it was stored when the document was issued: always the same bytes."""
    found = here.document(document_id)
    stored = files.stored(found) if found.step == Step.ISSUED else None
    if stored is None:
        raise NotPossible("not_issued", "There is no PDF before the document is issued.")
    response = HttpResponse(bytes(stored.content), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{found.pk}.pdf"'
    response["ETag"] = f'"{stored.sha256}"'
    return response


def _step(name: str, summary: str, work: Callable[[UUID, _Json, HttpRequest], UUID], *fields: str) -> None:
    """Add `POST /documents/{id}/name`, which takes `fields` and answers with the document that `work` names."""

    def view(request: HttpRequest, document_id: UUID) -> _Json:
        data = _object(request)
        _only(data, *fields)
        return queries.document_json(here.document(work(document_id, data, request)))

    view.__doc__ = summary + "."
    router.post(
        f"/documents/{{uuid:document_id}}/{name}",
        auth=office,
        response=_ANSWERS,
        summary=summary,
        operation_id=f"{name.replace('-', '_')}_document",
    )(view)


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"{name}: text is expected.")
    return value or ""


def _pay(document_id: UUID, data: _Json, request: HttpRequest) -> UUID:
    amount = data.get("amount")
    if type(amount) is not int:
        raise Invalid("amount: a whole number of minor units is expected.")
    try:
        day = date.fromisoformat(_text(data, "date"))
    except ValueError:
        raise Invalid("date: the day of the payment is expected, such as 2026-11-27.") from None
    services.pay(
        document_id,
        amount,
        day,
        reference=_text(data, "reference"),
        method=_text(data, "method"),
        idempotency_key=_key(request),
        by=_caller(request).user,
    )
    return document_id


def _credit(document_id: UUID, data: _Json, request: HttpRequest) -> UUID:
    lines = data.get("lines")
    if lines is not None:
        inputs.read(lines, list[inputs.CreditLine])
    return services.credit(document_id, lines, _caller(request).user, timezone.now(), _key(request)).pk


_step(
    "approve",
    "Approve a draft",
    lambda document_id, _, request: services.approve(document_id, _caller(request).user).pk,
)
_step(
    "reopen",
    "Make an approved document a draft again",
    lambda document_id, _, request: services.reopen(document_id, _caller(request).user).pk,
)
_step(
    "issue",
    "Issue a document",
    lambda document_id, _, request: services.issue_one(document_id, _caller(request).user, timezone.now()).pk,
)
_step(
    "void",
    "Make an issued document void",
    lambda document_id, data, request: (
        services.void(document_id, _text(data, "reason"), _caller(request).user).pk
    ),
    "reason",
)
_step(
    "write-off",
    "Write off what will never be paid",
    lambda document_id, data, request: (
        services.write_off(document_id, _text(data, "reason"), _caller(request).user).pk
    ),
    "reason",
)
_step("pay", "Record a payment", _pay, "amount", "date", "reference", "method")
_step("credit", "Issue a credit note; answers with it", _credit, "lines")
