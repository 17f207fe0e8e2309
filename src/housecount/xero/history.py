"""What was asked of Xero stays known; what was sent and received leaves the history after a while."""

from datetime import datetime, timedelta
from uuid import UUID

from housecount.xero.models import Agenda, History

#: What was sent and received is kept for so long: long enough to find out what went wrong.
KEPT = timedelta(days=30)
_AT_ONCE = 1_000


def organisations() -> list[UUID]:
    """Those that were ever connected. Wrap in `acting_as` the system without an organisation."""
    return list(Agenda.objects.order_by("organisation_id").values_list("organisation_id", flat=True))


def prune(organisation_id: UUID, now: datetime) -> int:
    """Let go of what was sent and received before `now` - `KEPT`, some of it at a time; of how many calls that was.

    Wrap in `acting_as` the organisation's system, and call it again until nothing is left.
    """
    old = History.objects.filter(organisation_id=organisation_id, at__lt=now - KEPT).exclude(
        sent="", received=""
    )
    some = list(old.order_by("at").values_list("pk", flat=True)[:_AT_ONCE])
    return History.objects.filter(organisation_id=organisation_id, pk__in=some).update(sent="", received="")
