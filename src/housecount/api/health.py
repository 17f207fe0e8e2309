"""Whether this process lives, and whether it can do its work. For supervisors and load balancers."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from housecount.core.errors import HousecountError
from housecount.installation import database, migrations
from housecount.tenancy.access import outside_tenancy


@outside_tenancy
@never_cache
@require_safe
def healthz(_: HttpRequest) -> JsonResponse:
    """This process answers. Asks the database nothing."""
    return JsonResponse({"status": "ok"})


@outside_tenancy
@never_cache
@require_safe
def readyz(_: HttpRequest) -> JsonResponse:
    """200 when the database answers and has this version's tables; otherwise 503 with the reasons."""
    reasons = []
    try:
        if migrations.behind(database.application_url()):
            reasons.append(
                {
                    "code": "not_migrated",
                    "message": "The database lacks tables of this version. Run housecount migrate.",
                }
            )
    except HousecountError as error:
        reasons.append({"code": error.code, "message": error.message})
    return JsonResponse({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)
