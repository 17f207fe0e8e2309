"""Settings: what the organisation is."""

import zoneinfo

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from housecount.invoices.models import Document
from housecount.tenancy import second_factor, services
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.errors import Invalid
from housecount.tenancy.identity import Role
from housecount.tenancy.zones import zone_names
from housecount.web.context import OFFICE

_COUNTRIES = (("AU", "Australia"), ("NZ", "New Zealand"), ("GB", "United Kingdom"))
_CURRENCIES = ("AUD", "NZD", "GBP", "USD", "EUR")


class OrganisationForm(forms.Form):
    """What an admin may say of the organisation."""

    name = forms.CharField(max_length=200)
    timezone = forms.CharField(max_length=64)
    currency = forms.CharField(max_length=3)
    country = forms.CharField(max_length=2)


def _zones() -> list[str]:
    """The names of time zones that are named for a place."""
    skipped = ("Etc/", "SystemV/", "US/", "posix/", "right/")
    return sorted(name for name in zone_names() if "/" in name and not name.startswith(skipped))


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*OFFICE)
def settings(request: MemberRequest) -> HttpResponse:
    """What the organisation is called, its clock, its money; an admin changes it.

    Its currency and country are fixed with its first document: documents before and after would not add up.
    """
    here = request.organisation
    admin = request.identity.role is Role.ADMIN
    written = Document.objects.filter(organisation_id=here.pk).exists()
    values = {
        "name": here.name, "timezone": here.timezone, "currency": here.currency, "country": here.country,
    }  # fmt: skip
    status, problem = 200, ""
    form = OrganisationForm(initial=values)
    if request.method == "POST":
        if not admin:
            return render(request, "tenancy/forbidden.html", {"roles": (Role.ADMIN,)}, status=403)
        given = {name: request.POST.get(name, values[name]) for name in values}
        if written:
            given |= {"currency": here.currency, "country": here.country}
        form = OrganisationForm(given)
        if form.is_valid():
            try:
                services.change_organisation(here, **form.cleaned_data)
            except Invalid as error:
                problem = error.message
            else:
                messages.success(request, "Saved.")
                return redirect("settings")
        values, status = given, 422
    return render(
        request,
        "web/settings/organisation.html",
        {
            "form": form,
            "values": values,
            "problem": problem,
            "written": written,
            "zones": _zones(),
            "countries": _COUNTRIES,
            "currencies": _CURRENCIES,
            "has_factor": second_factor.has_one(request.user.pk),
            "grace": second_factor.GRACE,
            "now": timezone.now(),
        },
        status=status,
    )


@require_POST
@require_role(Role.ADMIN)
def ask_second_factor(request: MemberRequest) -> HttpResponse:
    """Ask a second factor of every member, from a week later on; or leave it to each of them."""
    needed = request.POST.get("needed") == "yes"
    try:
        changed = second_factor.ask_of_everybody(request.organisation, needed=needed, by=request.user)
    except Invalid as error:
        messages.error(request, error.message)
    else:
        since = changed.second_factor_from
        if since is None:
            said = "Everybody decides for themselves from now on."
        else:
            day = since.astimezone(zoneinfo.ZoneInfo(changed.timezone))
            said = f"From {day.day} {day:%B} on, members need a second factor to go on here."
        messages.success(request, said)
    return redirect("settings")
