"""One transaction per request, acting for whoever makes it."""

import logging
from collections.abc import Callable
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import Resolver404, ResolverMatch, resolve

from housecount.core.errors import HousecountError
from housecount.tenancy import browsers, second_factor
from housecount.tenancy.access import TenantRequest
from housecount.tenancy.identity import Identity, Role, acting_as, become
from housecount.tenancy.models import Membership
from housecount.tenancy.queries import memberships_of
from housecount.tenancy.tokens import recognise

SESSION_KEY = "organisation"
"""Where a session keeps the id of the organisation its person chose."""
BEARER_PATHS = ("/api/", "/live/")
"""Where API tokens are taken."""

logger = logging.getLogger(__name__)


class TenancyMiddleware:
    """Sets `request.identity`, `request.organisation`, `request.memberships`; runs the rest as that identity.

    The whole view is one transaction: undone when it fails or answers 5xx, kept otherwise. A streaming
    response would be read after it has ended, and is refused, unless the view is marked
    `outside_tenancy`. Signing in and the like (routes named `account_…`) run as `nobody`, even for a
    member, because they look up people by e-mail address.

    Under `BEARER_PATHS` an API token (`Authorization: Bearer …`) says who asks, and then it alone: a session that
    comes with it counts for nothing, so that a request with a token needs no CSRF token. One that cannot be used
    leaves nobody, and says why in `request.bearer_trouble`.

    Who lacks the second factor that the organisation needs is nobody there, and `request.held_back_from` names it.

    Comes after the session and authentication middleware. Sessions need `housecount.tenancy.sessions`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: TenantRequest) -> HttpResponseBase:
        """The response, after its transaction is committed or undone."""
        route = _route(request)
        request.identity, request.organisation, request.memberships = Identity.nobody(), None, []
        request.held_back_from = request.bearer = request.bearer_trouble = None
        if route is not None and getattr(route.func, "outside_tenancy", False):
            return self.get_response(request)
        token = _token(request)
        if token is not None:
            _recognise_token(request, token)
        with acting_as(request.identity):
            if token is None:
                _recognise(
                    request, signing_in=route is not None and (route.url_name or "").startswith("account_")
                )
            response = self.get_response(request)
            if response.streaming:
                raise RuntimeError(
                    "a streaming response outlives its transaction: mark the view outside_tenancy"
                )
            if response.status_code >= 500:
                transaction.set_rollback(True)
        browsers.remember(request, response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A page for an error made for people; its transaction is undone. Others are Django's to answer."""
        if not isinstance(exception, HousecountError) or request.path.startswith("/api/"):
            return None
        if connection.in_atomic_block:
            transaction.set_rollback(True)
        if exception.http_status >= 500:
            logger.error("A page failed: %s", exception.code, exc_info=exception)
        return render(
            request,
            "tenancy/error.html",
            {"error": exception},
            status=exception.http_status,
        )


def _route(request: HttpRequest) -> ResolverMatch | None:
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return None


def _token(request: HttpRequest) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not request.path.startswith(BEARER_PATHS):
        return None
    return token.strip()


def _recognise_token(request: TenantRequest, token: str) -> None:
    request.user = AnonymousUser()
    try:
        bearer = recognise(token)
    except HousecountError as error:
        request.bearer_trouble = error
        return
    request.bearer, request.user = bearer, bearer.user
    request.memberships, request.organisation = [bearer.membership], bearer.organisation
    request.identity = bearer.identity


def _recognise(request: TenantRequest, *, signing_in: bool) -> None:
    user = request.user
    if not user.is_authenticated:
        return
    request.identity = Identity.nobody(user.pk)
    become(request.identity)
    request.memberships = memberships_of(user)
    chosen = choose(request.memberships, request.session.get(SESSION_KEY))
    if chosen is None:
        return
    if second_factor.is_missing(chosen.organisation, user.pk):
        request.held_back_from = chosen.organisation
        return
    request.organisation = chosen.organisation
    if not signing_in:
        request.identity = Identity(Role(chosen.role), chosen.organisation_id, user.pk)
        become(request.identity)


def choose(memberships: list[Membership], wanted: str | None) -> Membership | None:
    """The membership in the organisation with the id `wanted`, else the first, else None."""
    try:
        organisation_id = UUID(wanted) if wanted else None
    except (ValueError, AttributeError, TypeError):
        organisation_id = None
    for membership in memberships:
        if membership.organisation_id == organisation_id:
            return membership
    return memberships[0] if memberships else None
