"""What `housecount doctor` asks of the webhook log: (name, state, sentence), where state is ok, warn or fail."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from django.db.models import Count, Min

from housecount.intake.models import Hook, Status
from housecount.intake.queries import database_time
from housecount.tenancy.identity import Identity, acting_as

Finding = tuple[str, str, str]
#: Hooks are handled within seconds; who waits for longer than this waits for a worker.
LATE = timedelta(minutes=2)


def webhook_log() -> Iterable[Finding]:
    """Whether the webhooks that came are being handled, and whether some wait for a person."""
    with acting_as(Identity.system()):
        now = database_time()
        due = Hook.objects.filter(status=Status.WAITING, next_try_at__lt=now - LATE)
        late = due.aggregate(number=Count("pk"), oldest=Min("next_try_at"))
        waiting = Hook.objects.filter(status=Status.WAITING).count()
        dead = Hook.objects.filter(status=Status.DEAD).count()
    if late["number"]:
        minutes = int((now - late["oldest"]).total_seconds() // 60)
        yield (
            "webhook log",
            "warn",
            (
                f"{late['number']} webhooks should have been handled, the oldest {minutes} minutes ago. "
                "Start a worker: housecount worker."
            ),
        )
    else:
        yield "webhook log", "ok", f"{waiting} waiting, and none is late." if waiting else "nothing waits."
    if dead:
        yield (
            "dead webhooks",
            "warn",
            (
                f"{dead} could not be handled after many attempts. See why with housecount webhooks list --status "
                "dead, then housecount webhooks replay --status dead."
            ),
        )


CHECKS: list[Callable[[], Iterable[Finding]]] = [webhook_log]
