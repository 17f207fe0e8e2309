"""Whether this process lives, and whether it can do its work. For supervisors and load balancers."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from housecount.core.errors import HousecountError
from housecount.installation import database, migrations
from housecount.tenancy.access import outside_tenancy
from housecount.tenancy.identity import Identity, acting_as


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
    """200 when the database answers and has this version's tables; otherwise 503 with the reasons.

    `notes` tell what is not as it should be and keeps no page from being shown, such as that no worker runs.
    """
    reasons, notes = [], []
    try:
        if migrations.behind(database.application_url()):
            reasons.append(_NOT_MIGRATED)
        elif not _worker_seen():
            notes.append(_NO_WORKER)
    except HousecountError as error:
        reasons.append({"code": error.code, "message": error.message})
    except DatabaseError:
        reasons.append(_UNAVAILABLE)
    document = {"ready": not reasons, "reasons": reasons, "notes": notes}
    return JsonResponse(document, status=503 if reasons else 200)


_NOT_MIGRATED = {
    "code": "not_migrated",
    "message": "The database lacks tables of this version. Run housecount migrate.",
}
_NO_WORKER = {
    "code": "no_worker",
    "message": "No worker was seen in the last minute, so that nothing is being read. Start housecount worker.",
}
_UNAVAILABLE = {
    "code": "database_unavailable",
    "message": "The database broke off while it was being asked. Check that it runs.",
}


def _worker_seen() -> bool:
    with acting_as(Identity.system()), connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM procrastinate_workers WHERE last_heartbeat > now() - interval '1 minute')"
        )
        return bool(cursor.fetchone()[0])
