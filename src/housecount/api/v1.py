"""The JSON API, version 1: every router, and what they have in common."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from housecount.api import (
    acts,
    analytics,
    changes,
    document_post,
    documents,
    errors,
    hooks,
    matching,
    office,
    organisation,
    parties,
    reports,
    shows,
    sync,
    xero,
)
from housecount.api.openapi import HousecountAPI

api = HousecountAPI(
    inputs=(*parties.INPUTS, *documents.INPUTS, *office.INPUTS, *acts.INPUTS),
    outputs=reports.OUTPUTS,
    title="Housecount",
    version="1",
    description="Every ticket sold, anywhere, in one honest count. Money is in minor units of the currency beside it; "
    "lists come in pages (`limit`, `cursor`, `next`); answers carry an `ETag`; every error is a problem document.",
    urls_namespace="api-v1",
    docs_url=None,
    openapi_url="/openapi.json",
)
errors.install(api)
for each in (
    shows, acts, analytics, matching, sync, hooks, organisation, parties, office, reports, xero, changes,
):  # fmt: skip
    api.add_router("", each.router)
document_post.add_steps()
documents.install(api)


@csrf_exempt
def nothing_here(_: HttpRequest) -> HttpResponse:
    """The answer where the API has no address."""
    return errors.from_error(
        errors.NoSuchAddress("There is nothing at this address of the API: see /api/v1/openapi.json.")
    )
