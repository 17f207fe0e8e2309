"""What the office keeps beside its documents: rules, the register's answers, what comes again, what is to be paid, the
logo. The bank's file itself holds whole account numbers, which the API never tells: it is made on the page."""

import base64
import binascii
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router, Status

from housecount.api import bodies, openapi
from housecount.api.access import member
from housecount.api.bodies import Json
from housecount.api.document_post import day
from housecount.api.errors import NoSuchAddress
from housecount.api.schema_invoices import AgreementOut
from housecount.api.schema_office import (
    LogoOut,
    PayoutsOut,
    PolicyOut,
    RecurringOut,
    RecurringsOut,
    RegisterAnswerOut,
    RegisterAnswersOut,
)
from housecount.invoices import here, inputs, logos, payouts, policy, queries, recurring, services
from housecount.invoices.models import Recurring

router = Router(tags=["office"])
_READ, _WRITE = "invoices:read", "invoices:write"
_DAY: Json = {"type": "string", "format": "date"}
_LONGEST_LOGO = (logos.MOST_BYTES + 2) // 3 * 4


@router.get("/policy", **openapi.reads(PolicyOut, scope=_READ, name="policy", summary="Our own rules"))
def show_policy(request: HttpRequest) -> Json:
    """The organisation's rules on recipient-created tax invoices and withholding."""
    return policy.policy_json(policy.policy(member(request).organisation.pk))


@router.patch(
    "/policy",
    **openapi.writes(
        PolicyOut,
        scope=_WRITE,
        name="edit_policy",
        summary="Change our own rules",
        body=openapi.one("PolicyChange"),
        body_needed=False,
    ),
)
def edit_policy(request: HttpRequest) -> Json:
    """The rules with the given fields changed."""
    return policy.policy_json(
        services.set_policy(member(request).organisation.pk, bodies.read_object(request))
    )


@router.post(
    "/agreements/{uuid:agreement_id}/end",
    **openapi.writes(
        AgreementOut,
        scope=_WRITE,
        name="end_agreement",
        summary="End an agreement",
        body=openapi.fields(on=_DAY | {"needed": True, "description": "The last day on which it holds."}),
    ),
)
def end_agreement(request: HttpRequest, agreement_id: UUID) -> HttpResponse:
    """The agreement, which holds until that day."""
    last = day(bodies.read_object(request, "on"), "on")
    return bodies.answer(queries.agreement_json(services.end_agreement(agreement_id, last)))


@router.get(
    "/parties/{uuid:party_id}/register",
    **openapi.reads(
        RegisterAnswersOut, scope=_READ, name="register_answers", summary="What the register said of a party"
    ),
)
def register_answers(request: HttpRequest, party_id: UUID) -> Json:  # noqa: ARG001 - as whoever asks
    """Every answer that somebody has kept, the latest first."""
    return {"answers": [policy.answer_json(each) for each in policy.answers(here.party(party_id))]}


@router.post(
    "/parties/{uuid:party_id}/register",
    **openapi.writes(
        RegisterAnswerOut,
        scope=_WRITE,
        name="record_register_answer",
        summary="Keep what the register says of a party",
        status=201,
        body=openapi.one("RegisterInput"),
    ),
)
def record_register_answer(request: HttpRequest, party_id: UUID) -> HttpResponse:
    """The answer as it is kept. Nothing is looked up from here."""
    caller = member(request)
    made = services.record_answer(party_id, bodies.read_object(request), caller.user)
    return bodies.answer(policy.answer_json(made), status=201)


# --- What comes again -----------------------------------------------------------------------------------
@router.get(
    "/recurring", **openapi.reads(RecurringsOut, scope=_READ, name="recurring", summary="What comes again")
)
def list_recurring(request: HttpRequest) -> Json:
    """Documents that come again by themselves, and parties whose documents are collected."""
    rows = Recurring.objects.filter(organisation_id=member(request).organisation.pk)
    return {"recurring": [_recurring(each) for each in rows.order_by("-active", "next_on", "name", "pk")]}


def _recurring(found: Recurring) -> Json:
    return {
        "party": found.party_id,
        **{
            name: getattr(found, name)
            for name in (
                "id", "name", "rhythm", "first_on", "next_on", "ends_on", "due_days", "collects", "active", "trouble",
            )
        },
    }  # fmt: skip


@router.post(
    "/recurring",
    **openapi.writes(
        RecurringOut,
        scope=_WRITE,
        name="create_recurring",
        summary="Have a document made again and again",
        status=201,
        body=openapi.fields(
            document=openapi.UUID_FIELD | {"description": "The one to make again."},
            party=openapi.UUID_FIELD
            | {"description": "Instead: whose approved documents are put into one each time."},
            name={"type": ["string", "null"], "maxLength": 200},
            rhythm={"type": "string", "enum": ["weekly", "monthly"], "needed": True},
            first_on=_DAY | {"needed": True},
            ends_on={"type": ["string", "null"], "format": "date"},
        ),
    ),
)
def create_recurring(request: HttpRequest) -> Any:
    """From its first day on, a draft is made each week or month."""
    data = bodies.read_object(request, "document", "party", "name", "rhythm", "first_on", "ends_on")
    if ("document" in data) == ("party" in data):
        raise bodies.BadBody("Name one: the document to make again, or the party to collect for.")
    document = here.document(bodies.key(data, "document")) if "document" in data else None
    party = document.party if document is not None else here.party(bodies.key(data, "party"))
    usual = (document.reference or party.name) if document is not None else f"Collected, {party.name}"
    made = recurring.create(
        party,
        member(request).user,
        name=bodies.text(data, "name").replace("\x00", "") or usual,
        rhythm=bodies.text(data, "rhythm"),
        first_on=day(data, "first_on"),
        ends_on=None if data.get("ends_on") is None else day(data, "ends_on"),
        like=document,
    )
    return Status(201, _recurring(made))


@router.patch(
    "/recurring/{uuid:recurring_id}",
    **openapi.writes(
        RecurringOut,
        scope=_WRITE,
        name="edit_recurring",
        summary="Stop what comes again, or let it go on",
        body=openapi.fields(active={"type": "boolean", "needed": True}),
    ),
)
def edit_recurring(request: HttpRequest, recurring_id: UUID) -> Json:
    """Drafts that were made stay."""
    active = bodies.read_object(request, "active").get("active")
    if not isinstance(active, bool):
        raise bodies.BadBody("active: true or false is expected.")
    here_ = member(request).organisation.pk
    found = Recurring.objects.select_for_update().filter(organisation_id=here_, pk=recurring_id).first()
    if found is None:
        raise NoSuchAddress("There is nothing of that id that comes again.")
    found.active, found.trouble = active, ""
    found.save(update_fields=["active", "trouble"])
    return _recurring(found)


# --- Paying ---------------------------------------------------------------------------------------------
@router.get(
    "/payouts", **openapi.reads(PayoutsOut, scope=_READ, name="payouts", summary="What we are to pay")
)
def list_payouts(request: HttpRequest) -> Json:
    """What is owed in Australian dollars, and what of it the bank's file cannot pay, and why."""
    return {"payouts": [_payout(each) for each in payouts.payouts(member(request).organisation.pk)]}


def _payout(found: payouts.Payout) -> Json:
    names = ("document", "number", "party", "due", "amount", "trouble")
    return {name: getattr(found, name) for name in names}


# --- The logo -------------------------------------------------------------------------------------------
@router.put(
    "/logo",
    **openapi.writes(
        LogoOut,
        scope=_WRITE,
        name="set_logo",
        summary="The picture on our documents",
        body=openapi.fields(
            picture={
                "type": ["string", "null"],
                "maxLength": _LONGEST_LOGO,
                "needed": True,
                "description": "A PNG or JPEG in base64; null: none from now on.",
            }
        ),
    ),
)
def set_logo(request: HttpRequest) -> Json:
    """What is issued keeps the one it has."""
    caller, data = member(request), bodies.read_object(request, "picture")
    if "picture" not in data:
        raise bodies.BadBody("picture: a PNG or JPEG in base64 is expected, or null.")
    if data["picture"] is None:
        logos.remove_logo(caller.organisation.pk)
        return {"kind": None, "sha256": None}
    try:
        content = base64.b64decode(bodies.text(data, "picture"), validate=True)
    except (binascii.Error, ValueError):
        raise bodies.BadBody("picture: a PNG or JPEG in base64 is expected.") from None
    made = logos.set_logo(caller.organisation.pk, content, caller.user)
    return {"kind": made.kind, "sha256": made.sha256}


INPUTS: tuple[Any, ...] = (inputs.PolicyInput, inputs.RegisterInput)
"""What the bodies above are made of, for the description."""
