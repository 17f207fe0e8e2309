"""Settings: what the organisation is."""

import zoneinfo

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from housecount.invoices.models import Document
from housecount.tenancy import services
from housecount.tenancy.access import MemberRequest, require_role
from housecount.tenancy.errors import Invalid
from housecount.tenancy.identity import Role
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
    return sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith(skipped)
    )


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
        },
        status=status,
    )
