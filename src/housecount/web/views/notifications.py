"""Settings: about what a member gets mail."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from housecount.sync import dispatch, notices
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web.context import OFFICE


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*OFFICE)
def notifications(request: MemberRequest) -> HttpResponse:
    """Which alerts this person is mailed about in this organisation; everybody chooses for themselves."""
    mine = next(each for each in request.memberships if each.organisation_id == request.organisation.pk)
    if request.method == "POST":
        notices.choose(mine, request.POST.getlist("cause"))
        messages.success(request, "Saved. Mails that are on their way already still arrive.")
        return redirect("notifications")
    return render(
        request,
        "web/settings/notifications.html",
        {"choices": notices.choices(mine), "mail_configured": dispatch.mail_configured()},
    )
