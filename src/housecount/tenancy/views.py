"""Joining by invitation, choosing an organisation, and an admin's list of people."""

import logging
import smtplib
from collections.abc import Callable
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from housecount.tenancy import browsers, mails, queries, services
from housecount.tenancy.access import MemberRequest, TenantRequest, require_role
from housecount.tenancy.adapter import public_link
from housecount.tenancy.errors import Invalid, InvitationUnusable, TenancyError
from housecount.tenancy.forms import AcceptForm, InviteForm, RoleForm
from housecount.tenancy.identity import Role
from housecount.tenancy.middleware import SESSION_KEY
from housecount.tenancy.models import Invitation, Membership

logger = logging.getLogger(__name__)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Shows what one is invited to; a POST joins. Signs in whoever gets an account by it."""
    if not ratelimit.consume(request, action="invitation"):
        return ratelimit.respond_429(request)  # type: ignore[no-any-return] # allauth is not typed
    try:
        offer = services.offer(token)
    except InvitationUnusable as error:
        return render(request, "tenancy/invitation_unusable.html", {"error": error}, status=404)
    form = AcceptForm(request.POST or None)
    if request.method == "POST" and (offer.has_account or form.is_valid()):
        typed = {} if offer.has_account else form.cleaned_data
        try:
            joined = services.accept(token, name=typed.get("name", ""), password=typed.get("password", ""))
        except InvitationUnusable as error:
            return render(request, "tenancy/invitation_unusable.html", {"error": error}, status=404)
        except Invalid as error:
            form.add_error("password", error.message)
        else:
            if joined.is_new_user:
                browsers.never_before(request)
                joined.user.backend = "allauth.account.auth_backends.AuthenticationBackend"
                get_adapter(request).login(request, joined.user)
            request.session[SESSION_KEY] = str(joined.membership.organisation_id)
            return redirect("/" if joined.is_new_user else reverse("account_login"))
    response = render(request, "tenancy/invitation.html", {"offer": offer, "form": form})
    # The token in the address is as good as a password: no other site may learn it. Not `no-referrer`: browsers then
    # send a form with `Origin: null`, which the check against forged requests refuses.
    response["Referrer-Policy"] = "same-origin"
    return response


@require_POST
def choose_organisation(request: TenantRequest, slug: str) -> HttpResponse:
    """Go on in another of one's organisations."""
    for membership in request.memberships:
        if membership.organisation.slug == slug:
            request.session.cycle_key()  # another role may begin here
            request.session[SESSION_KEY] = str(membership.organisation_id)
            return redirect("/")
    return render(request, "tenancy/no_organisation.html", status=404)


@require_GET
@require_role(Role.ADMIN)
def people(request: MemberRequest) -> HttpResponse:
    """Who belongs to the organisation, and who is invited."""
    return _people(request, InviteForm())


def _people(request: MemberRequest, form: InviteForm, status: int = 200) -> HttpResponse:
    organisation_id = request.organisation.pk
    return render(
        request,
        "tenancy/people.html",
        {
            "members": queries.members(organisation_id),
            "invitations": queries.open_invitations(organisation_id),
            "form": form,
            "now": timezone.now(),
            "role_choices": form.fields["role"].choices,  # type: ignore[attr-defined]
        },
        status=status,
    )


@require_POST
@require_role(Role.ADMIN)
def invite(request: MemberRequest) -> HttpResponse:
    """Mail an invitation."""
    if not ratelimit.consume(request, action="invite", user=request.user):
        return ratelimit.respond_429(request)  # type: ignore[no-any-return] # allauth is not typed
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _people(request, form, status=422)
    with transaction.atomic():  # the one before ends only when the new one is on its way
        made, token = services.invite(
            request.organisation.pk, form.cleaned_data["email"], form.cleaned_data["role"], request.user
        )
        if not _mail(request, made, token):
            transaction.set_rollback(True)
    return redirect("people")


def _mail(request: MemberRequest, made: Invitation, token: str) -> bool:
    """Mails an invitation and says how that went; whether it went."""
    link = public_link(request, reverse("account_invitation", args=[token]))
    try:
        mails.send_invitation(made, link, request.user.get_short_name())
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("An invitation could not be mailed: %s", type(error).__name__)
        messages.error(
            request,
            "The mail server did not take the invitation. Nothing was sent; try again in a few minutes, or "
            "ask whoever runs this installation to look at its mail settings.",
        )
        return False
    messages.success(request, f"An invitation is on its way to {made.email}.")
    return True


@require_POST
@require_role(Role.ADMIN)
def resend_invitation(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """Mail an invitation anew, with a new link; the one before opens nothing any more."""
    found = _invitation(request, invitation_id)
    if not ratelimit.consume(request, action="invite", user=request.user):
        return ratelimit.respond_429(request)  # type: ignore[no-any-return] # allauth is not typed
    with transaction.atomic():
        made, token = services.renew_invitation(found, request.user)
        if not _mail(request, made, token):
            transaction.set_rollback(True)
    return redirect("people")


@require_POST
@require_role(Role.ADMIN)
def revoke_invitation(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """End an invitation that nobody has accepted."""
    found = _invitation(request, invitation_id)
    services.revoke_invitation(found)
    messages.success(
        request, f"The invitation of {found.email} is withdrawn: its link opens nothing any more."
    )
    return redirect("people")


def _invitation(request: MemberRequest, invitation_id: UUID) -> Invitation:
    return get_object_or_404(
        Invitation, organisation_id=request.organisation.pk, pk=invitation_id, accepted_at=None
    )


@require_POST
@require_role(Role.ADMIN)
def change_role(request: MemberRequest, membership_id: UUID) -> HttpResponse:
    """Give a member another role."""
    membership = _member(request, membership_id)
    form = RoleForm(request.POST)
    if form.is_valid():
        _try(
            request,
            lambda: services.change_role(membership, form.cleaned_data["role"]),
            "The role is changed.",
        )
    else:
        messages.error(request, "Choose one of the roles.")
    return redirect("people")


@require_POST
@require_role(Role.ADMIN)
def remove_member(request: MemberRequest, membership_id: UUID) -> HttpResponse:
    """End a membership."""
    membership = _member(request, membership_id)
    _try(request, lambda: services.remove_member(membership), "They no longer belong to this organisation.")
    return redirect("people")


def _member(request: MemberRequest, membership_id: UUID) -> Membership:
    return get_object_or_404(Membership, organisation_id=request.organisation.pk, pk=membership_id)


def _try(request: HttpRequest, change: Callable[[], object], done: str) -> None:
    try:
        change()
    except TenancyError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, done)
