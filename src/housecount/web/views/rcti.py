"""Recipient-created tax invoices: copies that suppliers wait for, agreements, and the organisation's own rules."""

from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from housecount.core.errors import HousecountError
from housecount.invoices import agreements, here, policy, services
from housecount.invoices.copies import copies_due
from housecount.invoices.errors import NotFound
from housecount.invoices.models import Agreement
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web.context import OFFICE


@require_safe
@require_role(*OFFICE)
def rcti(request: MemberRequest) -> HttpResponse:
    """Everything about RCTIs that somebody has to look after."""
    organisation_id, today = request.organisation.pk, here.today(request.organisation)
    found = Agreement.objects.filter(organisation_id=organisation_id).select_related("party")
    rows = [
        {
            "agreement": each,
            "current": each.starts_on <= today and (each.ends_on is None or today <= each.ends_on),
            "soon": each.ends_on is not None and today <= each.ends_on <= today + agreements.ENDS_SOON,
        }
        for each in found.filter(embedded=False).order_by("party__name", "-starts_on")
    ]
    return render(
        request,
        "web/invoices/rcti.html",
        {
            "copies": copies_due(organisation_id, today),
            "objected": found.filter(objected_on__isnull=False).order_by("-objected_on")[:20],
            "agreements": rows,
            "rules": policy.policy(organisation_id),
            "today": today.isoformat(),
        },
    )


@require_POST
@require_role(*OFFICE)
def rules(request: MemberRequest) -> HttpResponse:
    """Change the organisation's own rules."""
    post = request.POST
    days = post.get("register_days", "").strip()
    data: dict[str, Any] = {
        "rcti_confirmed_on": post.get("rcti_confirmed_on") or None,
        "rcti_confirmed_by": post.get("rcti_confirmed_by", "").replace("\x00", ""),
        "rcti_waits": post.get("rcti_waits") == "yes",
        "register_days": int(days) if days.isascii() and days.isdigit() and len(days) < 6 else None,
        "drop_cents": post.get("drop_cents") == "yes",
    }
    try:
        with transaction.atomic():
            services.set_policy(request.organisation.pk, data)
    except HousecountError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The rules are saved.")
    return redirect("rcti")


@require_POST
@require_role(*OFFICE)
def end(request: MemberRequest, agreement_id: UUID) -> HttpResponse:
    """An agreement ends."""
    try:
        here.agreement(agreement_id)
    except NotFound as error:
        raise Http404(error.message) from None
    try:
        day = date.fromisoformat(request.POST.get("on", ""))
        with transaction.atomic():
            ended = services.end_agreement(agreement_id, day)
    except ValueError:
        messages.error(request, "Enter the last day on which it holds.")
    except HousecountError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"The agreement with {ended.party.name} holds until {day.isoformat()}.")
    return redirect("rcti")
