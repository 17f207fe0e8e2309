"""Settings: the API tokens with which programs read and write in a member's name."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from housecount.tenancy import tokens as api_tokens
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.errors import Invalid
from housecount.tenancy.models import ApiToken, Membership, User
from housecount.web.context import OFFICE

LIFETIMES = (("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("", "Until it is revoked"))
"""How long a token may live, in days, in words."""
_DEFAULT_LIFETIME = "365"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*OFFICE)
def tokens(request: MemberRequest) -> HttpResponse:
    """The tokens, one's own or an admin's view of all, and a form for a new one, which is shown in this answer only."""
    if request.method != "POST":
        return _page(request)
    mine = _membership(request)
    lifetime = request.POST.get("lifetime", "")
    if lifetime not in dict(LIFETIMES):
        return _page(request, problem="Choose how long the token is to live.")
    try:
        made, secret = api_tokens.create(
            request.organisation.pk,
            mine,
            name=request.POST.get("name", ""),
            role=request.POST.get("role", ""),
            scopes=set(request.POST.getlist("scope")),
            expires_at=datetime.now(UTC) + timedelta(days=int(lifetime)) if lifetime else None,
        )
    except Invalid as error:
        return _page(request, problem=error.message)
    return _page(request, made=made, secret=secret.reveal())


def _membership(request: MemberRequest) -> Membership:
    return next(each for each in request.memberships if each.organisation_id == request.organisation.pk)


def _page(
    request: MemberRequest, *, problem: str = "", made: ApiToken | None = None, secret: str = ""
) -> HttpResponse:
    now = timezone.now()
    found = list(api_tokens.tokens(request.organisation.pk))
    # Not joined: whoever has left is not to be seen, and their tokens are.
    people = User.objects.in_bulk({each.created_by_id for each in found})
    kept = request.POST if problem else None
    return render(
        request,
        "web/settings/tokens.html",
        {
            "rows": [(each, api_tokens.state(each, now), people.get(each.created_by_id)) for each in found],
            "scopes": [
                (scope, words, kept is not None and scope in kept.getlist("scope"))
                for scope, words in api_tokens.SCOPES.items()
            ],
            "roles": [role.value for role in api_tokens.GRANTS[request.identity.role]],
            "lifetimes": LIFETIMES,
            "lifetime": kept.get("lifetime") if kept else _DEFAULT_LIFETIME,
            "chosen_role": kept.get("role") if kept else "",
            "name": kept.get("name", "") if kept else "",
            "problem": problem,
            "made": made,
            "secret": secret,
        },
        status=422 if problem else 200,
    )


@require_POST
@require_role(*OFFICE)
def revoke(request: MemberRequest, token_id: UUID) -> HttpResponse:
    """The token is refused from now on."""
    try:
        found = api_tokens.revoke(request.organisation.pk, token_id)
    except api_tokens.UnknownToken as error:
        raise Http404(error.message) from None
    messages.success(request, f"“{found.name}” is revoked: whatever uses it is refused from now on.")
    return redirect("tokens")
