"""The organisation over HTTP: who it is, who belongs to it, what was changed by whom; and who is asking."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from housecount.api import bodies, openapi, paging
from housecount.api.access import ADMINS, EVERYBODY, member
from housecount.api.paging import Next, PageAsked
from housecount.api.schema_office import ChoicesOut
from housecount.core.errors import HousecountError, NextStep
from housecount.invoices.models import Document
from housecount.sync import notices
from housecount.sync.troubles import Cause
from housecount.tenancy import queries, services, tokens
from housecount.tenancy.access import MemberRequest
from housecount.tenancy.identity import Role
from housecount.tenancy.models import Membership, Organisation

router = Router(tags=["organisation"])
_READ, _WRITE = "settings:read", "settings:write"
_EDITABLE = ("name", "timezone", "currency", "country")


class Fixed(HousecountError):
    """A fact of the organisation that its documents stand on."""

    code = "fixed"
    http_status = 409
    next_step = NextStep.NEVER


class OrganisationOut(Schema):
    """The promoter's business."""

    id: UUID
    slug: str
    name: str
    timezone: str
    currency: str
    country: str


class MeOut(Schema):
    """Whoever asks. `token` and `scopes` are null for a session."""

    organisation: OrganisationOut
    user: UUID
    role: Role
    token: UUID | None
    scopes: list[str] | None


class MemberOut(Schema):
    """A person of the organisation."""

    id: UUID
    user: UUID
    email: str
    name: str
    role: Role
    since: datetime


class MembersOut(Schema):
    """Everybody, by e-mail address."""

    members: list[MemberOut]


class TokenOut(Schema):
    """An API token, without the secret, which nobody has."""

    id: UUID
    name: str
    prefix: str
    role: Role
    scopes: list[str]
    state: str = Field(description="active, expired or revoked.")
    created_by: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class TokensOut(Schema):
    """The organisation's tokens, the newest first."""

    tokens: list[TokenOut]


class AuditEntryOut(Schema):
    """One change of one row. `token`: the API token that spoke for `user`, if one did. Secrets are left out."""

    id: int
    table: str
    row: str
    action: str = Field(description="INSERT, UPDATE or DELETE.")
    at: datetime
    user: UUID | None
    role: str
    token: UUID | None
    before: dict[str, object] | None
    after: dict[str, object] | None


class AuditOut(Schema):
    """A page of changes, the latest first."""

    changes: list[AuditEntryOut]
    next: Next


class AuditAsked(PageAsked):
    """Which changes."""

    table: str = Field("", max_length=63)
    row: str = Field("", description="The id of a row.", max_length=100)


@router.get("/me", **openapi.reads(MeOut, scope=None, roles=EVERYBODY, name="me", summary="Who is asking"))
def me(request: HttpRequest) -> dict[str, Any]:
    """The organisation, the role and the scopes that the request has."""
    caller = member(request)
    return {
        "organisation": _organisation(caller.organisation),
        "user": caller.user.pk,
        "role": caller.identity.role,
        "token": None if caller.bearer is None else caller.bearer.token_id,
        "scopes": None
        if caller.bearer is None
        else [each for each in tokens.SCOPES if each in caller.bearer.scopes],
    }


@router.get(
    "/organisation",
    **openapi.reads(OrganisationOut, scope=_READ, name="organisation", summary="The organisation"),
)
def organisation(request: HttpRequest) -> dict[str, Any]:
    """Its name, time zone, currency and country."""
    return _organisation(member(request).organisation)


def _organisation(found: Organisation) -> dict[str, Any]:
    return {
        "id": found.pk,
        "slug": found.slug,
        "name": found.name,
        "timezone": found.timezone,
        "currency": found.currency,
        "country": found.country,
    }


@router.patch(
    "/organisation",
    **openapi.writes(
        OrganisationOut,
        scope=_WRITE,
        roles=ADMINS,
        name="edit_organisation",
        summary="Change the organisation",
        body=openapi.fields(
            name={"type": "string", "minLength": 1, "maxLength": 200},
            timezone={"type": "string", "maxLength": 64, "description": "Such as Australia/Sydney."},
            currency={"type": "string", "pattern": "^[A-Za-z]{3}$"},
            country={"type": "string", "pattern": "^[A-Za-z]{2}$"},
        ),
        body_needed=False,
    ),
)
def edit_organisation(request: HttpRequest) -> dict[str, Any]:
    """The organisation with the given fields changed. Currency and country are fixed once a document was written."""
    here = member(request).organisation
    data = bodies.read_object(request, *_EDITABLE)
    values = {name: bodies.text(data, name) if name in data else getattr(here, name) for name in _EDITABLE}
    fixed = [name for name in ("currency", "country") if values[name].strip().upper() != getattr(here, name)]
    if fixed and Document.objects.filter(organisation_id=here.pk).exists():
        raise Fixed(f"{' and '.join(fixed)}: fixed since the first document was written.")
    return _organisation(services.change_organisation(here, **values))


@router.get(
    "/notifications",
    **openapi.reads(ChoicesOut, scope=_READ, name="notifications", summary="What one is mailed about"),
)
def notifications(request: HttpRequest) -> dict[str, Any]:
    """The causes of alerts, and whether whoever asks is mailed about each."""
    return _choices(member(request))


@router.patch(
    "/notifications",
    **openapi.writes(
        ChoicesOut,
        scope=_WRITE,
        name="edit_notifications",
        summary="Choose what one is mailed about",
        body=openapi.fields(
            mail={
                "type": "object",
                "propertyNames": {"enum": sorted(Cause)},
                "additionalProperties": {"type": "boolean"},
                "needed": True,
                "description": "By cause; those that are left out stay as they are.",
            }
        ),
    ),
)
def edit_notifications(request: HttpRequest) -> dict[str, Any]:
    """One's own choices; nobody else's are touched."""
    caller = member(request)
    given = bodies.read_object(request, "mail").get("mail")
    causes = {each.value for each in Cause}
    if not isinstance(given, dict) or not all(
        name in causes and isinstance(wanted, bool) for name, wanted in given.items()
    ):
        raise bodies.BadBody(f"mail: causes with true or false are expected: {', '.join(sorted(causes))}.")
    mine = _membership(caller)
    chosen = {each.cause: each.mail for each in notices.choices(mine)} | given
    notices.choose(mine, [cause for cause, wanted in chosen.items() if wanted])
    return _choices(caller)


def _membership(caller: MemberRequest) -> Membership:
    return next(each for each in caller.memberships if each.organisation_id == caller.organisation.pk)


def _choices(caller: MemberRequest) -> dict[str, Any]:
    return {"choices": [each._asdict() for each in notices.choices(_membership(caller))]}


@router.post(
    "/tokens/{uuid:token_id}/revoke",
    **openapi.writes(
        TokenOut,
        scope=_WRITE,
        name="revoke_token",
        summary="Revoke an API token",
        body=openapi.fields(),
        body_needed=False,
    ),
)
def revoke_token(request: HttpRequest, token_id: UUID) -> dict[str, Any]:
    """One of one's own, or, for an admin, any: it is refused from now on."""
    bodies.nothing(request)
    return tokens.document(tokens.revoke(member(request).organisation.pk, token_id))


@router.get(
    "/members",
    **openapi.reads(MembersOut, scope=_READ, roles=ADMINS, name="members", summary="Members"),
)
def members(request: HttpRequest) -> dict[str, Any]:
    """Everybody who belongs to the organisation, with their roles."""
    return {
        "members": [
            {
                "id": each.pk,
                "user": each.user_id,
                "email": each.user.email,
                "name": each.user.name,
                "role": each.role,
                "since": each.created_at,
            }
            for each in queries.members(member(request).organisation.pk)
        ]
    }


@router.get(
    "/tokens",
    **openapi.reads(TokensOut, scope=_READ, roles=ADMINS, name="tokens", summary="API tokens"),
)
def list_tokens(request: HttpRequest) -> dict[str, Any]:
    """Every API token, by whom it was made, what it may do, and when it was used. They are made by people only."""
    return {"tokens": [tokens.document(each) for each in tokens.tokens(member(request).organisation.pk)]}


@router.get(
    "/audit",
    **openapi.reads(AuditOut, scope=_READ, roles=ADMINS, name="audit", summary="The audit log"),
)
def audit(request: HttpRequest, asked: Query[AuditAsked]) -> dict[str, Any]:
    """Who changed what, when, from what to what, the latest first."""
    table, row = asked.table.replace("\x00", ""), asked.row.replace("\x00", "")
    rows = queries.audit_trail(member(request).organisation.pk, table or None, row or None)
    if asked.cursor:
        rows = rows.filter(pk__lt=paging.number(*paging.decode(asked.cursor, 1)))
    found = list(rows[: asked.limit + 1])
    page = found[: asked.limit]
    return {
        "changes": [
            {
                "id": each.pk,
                "table": each.table,
                "row": each.row_id,
                "action": each.action,
                "at": each.at,
                "user": each.actor_user_id,
                "role": each.actor_role,
                "token": each.actor_token_id,
                "before": each.before,
                "after": each.after,
            }
            for each in page
        ],
        "next": paging.encode(page[-1].pk) if len(found) > asked.limit else None,
    }
