"""When each connection is to be read: every quarter of an hour, later after failures, sooner after a hint."""

from datetime import datetime, timedelta
from uuid import UUID

from housecount.xero.models import Agenda, Connection, Copy

#: How often everything that changed is read. At most four calls each time, of 1,000 or 5,000 a day.
EVERY = timedelta(minutes=15)
#: After failures in a row: a pause that doubles, from and to.
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
#: Hints are collected for so long: each change raises several, our own too.
HINTS_EVERY = timedelta(seconds=15)


def due(now: datetime) -> list[UUID]:
    """Organisations whose connection is to be read by now. Wrap in `acting_as` the system without organisation."""
    rows = Agenda.objects.filter(pull_at__lte=now).order_by("pull_at")
    return list(rows.values_list("organisation_id", flat=True))


def is_due(organisation_id: UUID, now: datetime) -> bool:
    """Whether the organisation's connection is to be read by now."""
    return Agenda.objects.filter(organisation_id=organisation_id, pull_at__lte=now).exists()


def pulled(organisation_id: UUID, now: datetime, trouble: str, resumes_at: datetime | None) -> None:
    """Keep how a pull ended, and when the next is due. A connection that works no more is read no more."""
    row = Agenda.objects.select_for_update().filter(organisation_id=organisation_id).first()
    if row is None:
        return
    row.trouble = trouble
    if trouble:
        row.failures += 1
        pause = min(_FIRST_PAUSE * (1 << min(row.failures - 1, 10)), _LONGEST_PAUSE)
        next_at = resumes_at or now + pause
    else:
        row.failures, row.pulled_at, next_at = 0, now, now + EVERY
    if row.pull_at is not None:
        row.pull_at = next_at
    row.save()


def ask(organisation_id: UUID, now: datetime) -> None:
    """Have the worker read the connection as soon as it can, where there is one that works."""
    Agenda.objects.filter(organisation_id=organisation_id, pull_at__gt=now).update(pull_at=now)


def of_tenants(tenant_ids: list[str]) -> dict[str, list[UUID]]:
    """Which organisations are connected to these organisations in Xero. Wrap as `due`."""
    found: dict[str, list[UUID]] = {}
    rows = Agenda.objects.filter(tenant_id__in=tenant_ids, pull_at__isnull=False).order_by("organisation_id")
    for tenant_id, organisation_id in rows.values_list("tenant_id", "organisation_id"):
        found.setdefault(tenant_id, []).append(organisation_id)
    return found


def drifted(row: Connection) -> int:
    """How many documents are known to differ."""
    return (
        Copy.objects.filter(organisation_id=row.organisation_id, tenant_id=row.tenant_id)
        .exclude(drift=[])
        .count()
    )
