"""The webhook log over HTTP: for those who decide what belongs together, as its rows are."""

from typing import Any, Literal
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import ValidationError

from housecount.api import bodies, openapi, paging
from housecount.api.access import SELLERS, member
from housecount.api.errors import NoSuchAddress
from housecount.api.paging import Moment, Next
from housecount.api.schema_office import ReplayedOut
from housecount.api.sync import OfAccount
from housecount.intake import queries as hook_queries
from housecount.intake import services as hook_services
from housecount.intake.models import Hook, Verdict
from housecount.intake.models import Status as HookStatus
from housecount.tenancy.identity import Identity, Role, acting_as

router = Router(tags=["sync"])
_READ, _WRITE = "sync:read", "sync:write"
#: So many are handled again at once, the newest of those that were searched for.
MOST_REPLAYED = 1_000


class HookOut(Schema):
    """One webhook as it arrived, with what became of it."""

    id: int
    account: UUID | None
    platform: str
    received_at: str
    action: str
    verdict: Verdict
    status: HookStatus
    attempts: int
    next_try_at: str | None
    handled_at: str | None
    outcome: str
    explanation: str
    touches: list[dict[str, object]]


class HookDetailOut(HookOut):
    """The same with what it said. Secrets and e-mail addresses were taken out before it was stored."""

    webhook_id: str
    headers: dict[str, object]
    body: str


class HooksOut(Schema):
    """A page of webhooks, the latest first."""

    hooks: list[HookOut]
    next: Next


class HooksWanted(Schema):
    """Which webhooks."""

    account: UUID | None = None

    status: Literal["", "waiting", "done", "ignored", "dead"] = ""
    since: Moment | None = Field(None, description="Those received then or later; with an offset.")
    until: Moment | None = Field(None, description="Those received before.")
    object: str = Field("", description="Those that point at this object.", max_length=100)


class HooksAsked(HooksWanted, OfAccount):
    """Which webhooks, and which page of them."""


def _matching(request: HttpRequest, wanted: HooksWanted) -> QuerySet[Hook]:
    return hook_queries.hooks_of(
        member(request).organisation.pk,
        account_id=wanted.account,
        statuses=[wanted.status] if wanted.status else (),
        since=wanted.since,
        until=wanted.until,
        object_id=wanted.object.replace("\x00", ""),
    )


@router.get(
    "/hooks",
    **openapi.reads(HooksOut, scope=_READ, roles=SELLERS, name="hooks", summary="The webhook log"),
)
def hooks(request: HttpRequest, asked: Query[HooksAsked]) -> dict[str, Any]:
    """Webhooks that arrived, the latest first, with what became of them."""
    rows = _matching(request, asked)
    if asked.cursor:
        when, number = paging.decode(asked.cursor, 2)
        moment, key = paging.moment(when), paging.number(number)
        rows = rows.filter(Q(received_at__lt=moment) | Q(received_at=moment, pk__lt=key))
    found = list(rows.order_by("-received_at", "-pk")[: asked.limit + 1])
    page = found[: asked.limit]
    return {
        "hooks": [hook_queries.document(each, {}) for each in page],
        "next": paging.encode(page[-1].received_at, page[-1].pk) if len(found) > asked.limit else None,
    }


@router.get(
    "/hooks/{int:hook_id}",
    **openapi.reads(HookDetailOut, scope=_READ, roles=SELLERS, name="hook", summary="A webhook"),
)
def hook(request: HttpRequest, hook_id: int) -> dict[str, Any]:
    """What it said, and what became of it."""
    return _detail(_hook(request, hook_id))


def _hook(request: HttpRequest, hook_id: int) -> Hook:
    rows = hook_queries.hooks_of(member(request).organisation.pk)
    found = rows.filter(pk=hook_id).first() if 0 <= hook_id < 2**63 else None
    if found is None:
        raise NoSuchAddress("There is no such webhook in the log.")
    return found


def _detail(found: Hook) -> dict[str, Any]:
    return hook_queries.document(found, {}) | {
        "webhook_id": found.webhook_id,
        "headers": found.headers,
        "body": hook_queries.readable_body(found),
    }


@router.post(
    "/hooks/{int:hook_id}/replay",
    **openapi.writes(
        HookDetailOut,
        scope=_WRITE,
        roles=SELLERS,
        name="replay_hook",
        summary="Have a webhook handled again",
        body=openapi.fields(),
        body_needed=False,
    ),
)
def replay_hook(request: HttpRequest, hook_id: int) -> dict[str, Any]:
    """What it points at is read again; nothing is counted twice by that."""
    bodies.nothing(request)
    found = _hook(request, hook_id)
    organisation_id = member(request).organisation.pk
    with acting_as(Identity.system(organisation_id)):
        hook_services.replay(hook_queries.hooks_of(organisation_id).filter(pk=found.pk))
    found.refresh_from_db()
    return _detail(found)


@router.post(
    "/hooks/{int:hook_id}/dismiss",
    **openapi.writes(
        HookDetailOut,
        scope=_WRITE,
        roles=SELLERS,
        name="dismiss_hook",
        summary="Let a webhook that was given up rest",
        body=openapi.fields(),
        body_needed=False,
    ),
)
def dismiss_hook(request: HttpRequest, hook_id: int) -> dict[str, Any]:
    """Nothing waits for a person about it any more; one that was not given up stays as it is."""
    bodies.nothing(request)
    found, caller = _hook(request, hook_id), member(request)
    with acting_as(Identity(Role.SYSTEM, caller.organisation.pk, caller.user.pk)):
        hook_services.dismiss(hook_queries.hooks_of(caller.organisation.pk).filter(pk=found.pk))
    found.refresh_from_db()
    return _detail(found)


@router.post(
    "/hooks/replay",
    **openapi.writes(
        ReplayedOut,
        scope=_WRITE,
        roles=SELLERS,
        name="replay_hooks",
        summary="Have webhooks handled again",
        body=openapi.fields(
            account=openapi.UUID_FIELD,
            status={"type": "string", "enum": [each.value for each in HookStatus]},
            since={"type": "string", "format": "date-time"},
            until={"type": "string", "format": "date-time"},
            object={"type": "string", "minLength": 1, "maxLength": 100},
        )
        | {"minProperties": 1},
    ),
)
def replay_hooks(request: HttpRequest) -> dict[str, Any]:
    """The newest 1,000 of those that fit what is asked for; one thing at least must be, and not the whole log."""
    given = bodies.read_object(request, "account", "status", "since", "until", "object")
    if not given or not all(isinstance(each, str) and each for each in given.values()):
        raise bodies.BadBody("Name one thing at least that they have in common, such as status: dead.")
    try:
        wanted = HooksWanted.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise bodies.BadBody(f"{first['loc'][0]}: {first['msg']}") from None
    found = _matching(request, wanted).order_by("-received_at", "-pk")
    ids = list(found.values_list("pk", flat=True)[:MOST_REPLAYED])
    caller = member(request)
    # What became of a hook is the engine's to write; the person asked for it.
    with acting_as(Identity(Role.SYSTEM, caller.organisation.pk, caller.user.pk)):
        here = hook_queries.hooks_of(caller.organisation.pk).filter(pk__in=ids)
        return {"replayed": hook_services.replay(here)}
