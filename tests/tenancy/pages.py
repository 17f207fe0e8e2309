"""Addresses for the tests of the middleware: each does one thing that a page may do."""

from io import BytesIO

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import include, path

from housecount.core.errors import HousecountError
from housecount.tenancy.access import MemberRequest, outside_tenancy, require_role
from housecount.tenancy.identity import Role, current_identity
from housecount.tenancy.models import Organisation


class Refused(HousecountError):
    code = "refused_here"
    http_status = 409


def _rename(request: HttpRequest, name: str) -> None:
    Organisation.objects.filter(pk=request.organisation.pk).update(name=name)  # type: ignore[attr-defined]


def keeps(request: HttpRequest) -> HttpResponse:
    _rename(request, "kept")
    return HttpResponse(str(current_identity()))


def answers_500(request: HttpRequest) -> HttpResponse:
    _rename(request, "lost")
    return HttpResponse(status=503)


def breaks(request: HttpRequest) -> HttpResponse:
    _rename(request, "lost")
    raise KeyError


def refuses(request: HttpRequest) -> HttpResponse:
    _rename(request, "lost")
    raise Refused("The till is closed: come back tomorrow.")


def streams(_: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(["a"])


def sends_a_file(_: HttpRequest) -> HttpResponseBase:
    return FileResponse(BytesIO(b"a"))


@outside_tenancy
def streams_outside(_: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse([str(current_identity())])


@require_role(Role.ADMIN, Role.BOOKKEEPER)
def for_some(request: MemberRequest) -> HttpResponse:
    return HttpResponse(request.organisation.slug)


@require_role()
def for_members(request: MemberRequest) -> HttpResponse:
    return HttpResponse(request.identity.role)


urlpatterns = [
    path("keeps/", keeps),
    path("answers-500/", answers_500),
    path("breaks/", breaks),
    path("refuses/", refuses),
    path("streams/", streams),
    path("sends-a-file/", sends_a_file),
    path("streams-outside/", streams_outside),
    path("for-some/", for_some),
    path("for-members/", for_members),
    path("", include("housecount.tenancy.urls")),
    path("", include("housecount.web.urls")),  # the frame of every page leads there
]
