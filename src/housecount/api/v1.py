"""The JSON API, version 1."""

from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI

from housecount.api import errors, invoices
from housecount.api.schema import ProblemOut, SalesOut
from housecount.box_office.matching import find_show
from housecount.sync.queries import sales_document
from housecount.tenancy.access import MemberRequest, TenantRequest
from housecount.tenancy.identity import Role

_OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)


def signed_in(request: HttpRequest) -> object | None:
    """Whoever is signed in, in an organisation. Raises `NotForRole` for who belongs to none."""
    caller = cast("TenantRequest", request)
    if not caller.user.is_authenticated:
        return None
    if caller.organisation is None:
        raise errors.NotForRole(
            "You do not belong to an organisation here. Ask an admin of yours to invite you."
        )
    return caller.user


api = NinjaAPI(
    title="Housecount",
    version="1",
    description="Every ticket sold, anywhere, in one honest count.",
    urls_namespace="api-v1",
    docs_url=None,
    openapi_url="/openapi.json",
)
errors.install(api)
invoices.install(api)


@api.get(
    "/sales",
    auth=signed_in,
    response={200: SalesOut, 401: ProblemOut, 403: ProblemOut, 404: ProblemOut, 422: ProblemOut},
    summary="The count",
    operation_id="sales",
)
def sales(request: HttpRequest, show: UUID | None = None) -> dict[str, Any]:
    """Every show of the organisation, or the one asked for, with what it sold, where, and as of when."""
    caller = cast("MemberRequest", request)
    if caller.identity.role not in _OFFICE:
        raise errors.NotForRole("The count of the whole organisation is for its promoters and bookkeepers.")
    show_id = None if show is None else find_show(caller.organisation.pk, show).id
    return sales_document(caller.organisation.pk, caller.organisation.slug, timezone.now(), show_id)


def nothing_here(_: HttpRequest) -> HttpResponse:
    """The answer where the API has no address."""
    return errors.from_error(
        errors.NoSuchAddress("There is nothing at this address of the API: see /api/v1/openapi.json.")
    )
