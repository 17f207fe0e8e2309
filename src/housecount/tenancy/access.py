"""What a view may ask of whoever makes a request."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render, resolve_url

from housecount.core.errors import HousecountError
from housecount.tenancy.identity import Identity, Role
from housecount.tenancy.models import Membership, Organisation, User
from housecount.tenancy.tokens import Bearer

P = ParamSpec("P")
V = TypeVar("V", bound=Callable[..., HttpResponseBase])


class TenantRequest(HttpRequest):
    """A request after TenancyMiddleware; for annotations only."""

    user: User | AnonymousUser
    identity: Identity
    organisation: Organisation | None
    held_back_from: Organisation | None
    """The organisation that was chosen and needs a second factor, which this person does not have."""
    memberships: list[Membership]
    bearer: Bearer | None
    """The API token that came with the request, where tokens are taken."""
    bearer_trouble: HousecountError | None
    """Why the token that came with the request is not taken; the request then acts for nobody."""


class MemberRequest(TenantRequest):
    """A request that passed `require_role`: somebody is signed in, in an organisation."""

    user: User
    organisation: Organisation


def outside_tenancy(view: V) -> V:
    """Mark a view that is not to run in a transaction of its own: health checks, streams.

    It acts for nobody and must open `acting_as` itself for anything it asks of the database.
    """
    view.outside_tenancy = True  # type: ignore[attr-defined]
    return view


def require_role(
    *roles: Role,
) -> Callable[
    [Callable[Concatenate[MemberRequest, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Let in members of the chosen organisation who hold one of `roles` (any role when none is named).

    Others get the sign-in page, or a page that says what is missing (403). An object of another
    organisation needs nothing here: it is not to be seen, so that `get_object_or_404` answers 404.
    """

    def decorate(
        view: Callable[Concatenate[MemberRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            refused = refusal(request, roles)
            return refused if refused is not None else view(cast("MemberRequest", request), *args, **kwargs)

        return cast("Callable[Concatenate[HttpRequest, P], HttpResponseBase]", guarded)

    return decorate


def refusal(request: HttpRequest, roles: tuple[Role, ...]) -> HttpResponse | None:
    """Why this request may not go on, as a page; None when it may."""
    identity: Identity = request.identity  # type: ignore[attr-defined]
    if not request.user.is_authenticated:
        return to_sign_in(request)
    if getattr(request, "held_back_from", None) is not None:
        return render(request, "tenancy/second_factor_needed.html", status=403)
    if identity.organisation_id is None:
        return render(request, "tenancy/no_organisation.html", status=403)
    if roles and identity.role not in roles:
        return render(request, "tenancy/forbidden.html", {"roles": roles}, status=403)
    return None


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Off to the sign-in page, and back afterwards; for htmx, the whole page and not the fragment."""
    if request.headers.get("HX-Request") == "true":
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        redirect = redirect_to_login(page.path or "/", resolve_url("account_login"))
        return HttpResponse(status=204, headers={"HX-Redirect": redirect.url})
    return redirect_to_login(request.get_full_path(), resolve_url("account_login"))
