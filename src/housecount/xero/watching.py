"""What a person watches of Xero: a push or a pull under way, and how much of Xero's limits is left."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from procrastinate.contrib.django.models import ProcrastinateJob

from housecount.box_office import bulk
from housecount.installation import environment
from housecount.sync.models import CredentialBudget
from housecount.xero.models import Connection
from housecount.xero.speaking import profile

# Who writes is known by the lock that is held while it lasts: see `sync/lock.py`.
_HELD = """
SELECT EXISTS (SELECT FROM pg_locks held
    WHERE ((held.classid::bigint << 32) | held.objid::bigint) = hashtextextended(%s, 2)
    AND held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


class Budget(NamedTuple):
    """Xero's limits for one organisation of theirs. `used` of `allowed` calls since the minute began; `day_left` is
    what Xero said at `day_at` that it would still take within its day, None before it said anything."""

    used: int
    allowed: int
    day_left: int | None
    day_at: datetime | None
    parked_until: datetime | None


def budget(row: Connection, now: datetime) -> Budget:
    """What is used up and what is left of the minute and the day."""
    spoken = profile(environment.load().xero_api_url, row.tenant_id)
    kept = CredentialBudget.objects.filter(credential=spoken.credential).first()
    fresh = kept is not None and kept.ends_at > now
    parked = row.parked_until if row.parked_until is not None and row.parked_until > now else None
    return Budget(
        kept.used if kept is not None and fresh else 0,
        kept.allowed if kept is not None and fresh else spoken.rate.allowed,
        row.day_left,
        row.day_left_at,
        parked,
    )


def under_way(row: Connection) -> bool:
    """Whether somebody is writing to it at this moment, in whatever process."""
    [[held]] = bulk.fetch(_HELD, [str(row.pk)])
    return bool(held)


def waiting(organisation_id: UUID) -> set[str]:
    """Which jobs wait or run for the organisation: the last words of their names, such as `push` and `pull`."""
    names = ProcrastinateJob.objects.filter(
        task_name__startswith="housecount.xero.tasks.",
        status__in=("todo", "doing"),
        args__organisation_id=str(organisation_id),
    ).values_list("task_name", flat=True)
    return {name.rsplit(".", 1)[-1] for name in names}
