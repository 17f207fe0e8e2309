"""The logo on the organisation's documents."""

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from housecount.core.errors import HousecountError
from housecount.invoices import here, logos
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web.context import OFFICE


@require_POST
@require_role(*OFFICE)
def logo(request: MemberRequest) -> HttpResponse:
    """Take a picture as the logo, or print none from now on."""
    organisation_id = request.organisation.pk
    given = request.FILES.get("picture")
    try:
        with transaction.atomic():
            if request.POST.get("do") == "remove":
                logos.remove_logo(organisation_id)
                messages.success(
                    request, "No logo is printed from now on. What is issued keeps the one it has."
                )
            elif given is None:
                messages.error(request, "Choose a picture first.")
            else:
                logos.set_logo(organisation_id, given.read(logos.MOST_BYTES + 1), request.user)
                messages.success(request, "The logo is printed from now on.")
    except HousecountError as error:
        messages.error(request, error.message)
    own = here.own_identity()
    return redirect("party", own.pk) if own else redirect("parties")


@require_safe
@require_role(*OFFICE)
def picture(request: MemberRequest) -> HttpResponse:
    """The logo itself."""
    found = logos.logo_of(request.organisation.pk)
    if found is None:
        raise Http404("There is no logo.")
    response = HttpResponse(bytes(found.content), content_type=f"image/{found.kind}")
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-cache"
    return response
