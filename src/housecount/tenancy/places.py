"""The page of where one is signed in."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from housecount.tenancy import sessions as kept
from housecount.tenancy.access import to_sign_in


@require_GET
def sessions(request: HttpRequest) -> HttpResponse:
    """Where this person is signed in, and since when."""
    if not request.user.is_authenticated:
        return to_sign_in(request)
    found = kept.places(request.user, request.session.session_key)
    return render(request, "tenancy/sessions.html", {"places": found, "others": len(found) > 1})


@require_POST
def end(request: HttpRequest, handle: str) -> HttpResponse:
    """Sign this person out in one place."""
    if not request.user.is_authenticated:
        return to_sign_in(request)
    if not kept.end(request.user, handle):
        raise Http404("That place is signed out already.")
    messages.success(request, "Signed out there.")
    return redirect("sessions")


@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """Sign this person out everywhere but here."""
    if not request.user.is_authenticated:
        return to_sign_in(request)
    number = kept.end_others(request.user, request.session.session_key)
    messages.success(request, "Signed out everywhere else." if number else "You were signed in only here.")
    return redirect("sessions")
