"""The old address of the accounts, which are a part of Sync now."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from housecount.tenancy.access import MemberRequest, require_role
from housecount.web.context import OFFICE


@require_safe
@require_role(*OFFICE)
def accounts(request: MemberRequest) -> HttpResponse:  # noqa: ARG001 - Django calls it with the request
    """On to Sync."""
    return redirect("sync")
