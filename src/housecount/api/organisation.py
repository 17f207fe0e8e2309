"""The organisation over HTTP: who it is, who belongs to it, what was changed by whom; and who is asking."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from housecount.api import openapi, paging
from housecount.api.access import ADMINS, EVERYBODY, member
from housecount.api.paging import Next, PageAsked
from housecount.tenancy import queries, tokens
from housecount.tenancy.identity import Role
from housecount.tenancy.models import Organisation

router = Router(tags=["organisation"])
_READ = "settings:read"


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
