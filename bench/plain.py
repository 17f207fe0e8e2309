"""What a hook costs in a plain Django view: one look-up, one insert by the ORM, no middleware, four threads.

`python -m bench.plain PORT` serves it until told to stop.
"""

import hashlib
import sys
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIHandler

_STORED = b'{"status": "stored"}'


@csrf_exempt
def take(request: HttpRequest, platform: str, token: str) -> HttpResponse:
    """Stores a hook and answers when it is committed."""
    from django.db.models.functions import Now

    from housecount.intake.models import Hook
    from housecount.platforms.registry import source
    from housecount.sync.models import HookDoor
    from housecount.tenancy.identity import Identity, acting_as, become

    body = request.body
    reading = source(platform).read_hook(body)
    with acting_as(Identity.system()):
        door = HookDoor.objects.filter(
            platform=platform, token_hash=hashlib.sha256(token.encode()).digest()
        ).first()
        if door is None:
            return HttpResponse(status=404)
        become(Identity.system(door.organisation_id))
        Hook.objects.create(
            organisation_id=door.organisation_id,
            account_id=door.account_id,
            platform=platform,
            headers={"content-type": request.headers.get("content-type", "")},
            body=body,
            webhook_id=reading.webhook_id,
            action=reading.action,
            verdict=reading.verdict,
            touches=[{"kind": touch.kind, "object_id": touch.object_id} for touch in reading.touches],
            next_try_at=Now(),
        )
    return HttpResponse(
        _STORED, content_type="application/json", headers={"Content-Length": str(len(_STORED))}
    )


urlpatterns = [path("hooks/<str:platform>/<str:token>", take)]


def application() -> "WSGIHandler":
    """The view alone."""
    from django.conf import settings

    from housecount.installation import setup

    setup.set_up_django()
    settings.ROOT_URLCONF = "bench.plain"
    settings.MIDDLEWARE = []
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


if __name__ == "__main__":
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    Server(
        "bench.plain:application",
        factory=True,
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        blocking_threads=4,
        websockets=False,
        log_level=LogLevels.error,
    ).serve()
