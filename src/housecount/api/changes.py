"""The change feed over HTTP: what changed since a cursor, and whose a stream of events is."""

from datetime import datetime
from typing import Annotated, Any, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from ninja import Field, Query, Router, Schema

from housecount.api import openapi
from housecount.api.access import EVERYBODY, OFFICE, ScopeMissing, SecondFactorNeeded, member
from housecount.api.errors import NoSuchAddress, NotForRole, SignInNeeded, from_error
from housecount.live.queries import MOST, changes_since, latest
from housecount.tenancy.access import MemberRequest, TenantRequest
from housecount.tenancy.identity import Role

router = Router(tags=["changes"])

SCOPES = {
    "show": "sales:read",
    "listing": "sales:read",
    "order": "sales:read",
    "account": "sync:read",
    "document": "invoices:read",
    "party": "invoices:read",
}
"""Every kind of thing that changes, and the scope that a token needs to be told of it."""

#: What an act is told of, without saying which: its own shows and documents are among them.
_FOR_ACTS = ("show", "document")
_LARGEST = 2**63 - 1


class ChangeOut(Schema):
    """A thing that changed: read it anew, or forget it where it is `removed`. An order's id is that of its account, a
    slash, and the platform's own."""

    kind: str = Field(description=f"{', '.join(SCOPES)}.")
    id: str
    removed: bool = Field(description="It is not there any more: deleted, gone at the platform, or merged.")
    at: datetime


class ChangesOut(Schema):
    """What changed after the cursor that was given, in the order in which it was committed."""

    changes: list[ChangeOut]
    cursor: int = Field(description="Where to go on from.")
    more: bool = Field(description="There is more already: ask again at once.")


class From(Schema):
    """From where on."""

    cursor: Annotated[
        int | None,
        Field(ge=0, le=_LARGEST, description="The last `cursor` you got; without it: from now on."),
    ] = None


class Asked(From):
    """From where on, and how much."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="How many at most.")] = 500


@router.get(
    "/changes",
    **openapi.reads(
        ChangesOut, scope=None, name="changes", summary="What changed", roles=OFFICE, more=(410,)
    ),
)
def changes(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """Every change since a cursor, none left out and none twice, whatever is being written meanwhile.

    Begin without a cursor, before reading what you keep; then ask with the cursor of each answer. A token is told of
    what its scopes let it read; what it is not told of moves the cursor on all the same. Changes are kept for 30
    days: an older cursor is answered with 410, and then everything is to be read anew.
    """
    caller = member(request)
    organisation_id = caller.organisation.pk
    kinds = _kinds(caller)
    if not kinds:
        raise ScopeMissing(f"This API token lacks every scope of {', '.join(sorted(set(SCOPES.values())))}.")
    if asked.cursor is None:
        return {"changes": [], "cursor": latest(organisation_id), "more": False}
    found, cursor = changes_since(organisation_id, asked.cursor, asked.limit)
    told = [{"kind": each.kind, "id": each.id, "removed": each.removed, "at": each.at} for each in found]
    return {
        "changes": [each for each in told if each["kind"] in kinds],
        "cursor": cursor,
        "more": len(found) == asked.limit and cursor < latest(organisation_id),
    }


@router.get(
    "/events",
    **openapi.reads(
        str,
        scope=None,
        name="events",
        summary="Changes as they are committed",
        roles=EVERYBODY,
        kind="text/event-stream",
        more=(503,),
    ),
)
def events(request: HttpRequest, asked: Query[From]) -> HttpResponse:  # noqa: ARG001 - part of the description
    """The same changes as server-sent events, from `cursor` (or the header Last-Event-ID) on, or from now.

    They are served by the edge of the site, which stands before it; where the pages are served alone, there are none.
    """
    raise _only_at_the_edge()


@require_safe
def no_events(_: HttpRequest) -> HttpResponse:
    """The answer where the pages' stream of events would be, had the request come by the edge."""
    return from_error(_only_at_the_edge())


def _only_at_the_edge() -> NoSuchAddress:
    return NoSuchAddress(
        "The stream of events is served by the edge (housecount serve, or serve --only edge), not by the pages."
    )


@never_cache
@require_safe
def who(request: HttpRequest) -> HttpResponse:
    """Whose a stream is, for the edge: the organisation, the person, and what it is told. 401 for nobody."""
    caller = cast("TenantRequest", request)
    if caller.bearer_trouble is not None:
        return from_error(caller.bearer_trouble)
    if not caller.user.is_authenticated:
        return from_error(SignInNeeded("Sign in first, or use an API token."))
    if caller.held_back_from is not None:
        return from_error(SecondFactorNeeded())
    if caller.organisation is None:
        return from_error(NotForRole("You do not belong to an organisation here."))
    caller = member(request)
    return JsonResponse(
        {
            "organisation": str(caller.organisation.pk),
            "person": str(caller.user.pk),
            "role": caller.identity.role.value,
            "kinds": sorted(_kinds(caller)),
            "ids": caller.identity.role in OFFICE,
        }
    )


def _kinds(caller: MemberRequest) -> set[str]:
    found = set(_FOR_ACTS if caller.identity.role is Role.ACT else SCOPES)
    if caller.bearer is not None:
        found = {kind for kind in found if SCOPES[kind] in caller.bearer.scopes}
    return found
