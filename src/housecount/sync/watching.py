"""What a person watches of the engine: reads under way, workers that are alive, and asking for a read.

`alive` is about the installation; everything else is about one organisation.
"""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Max, QuerySet
from procrastinate.contrib.django.models import ProcrastinateWorker

from housecount.box_office import bulk
from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.sync import agenda
from housecount.sync.agenda import ASKED, WHOLE_ACCOUNT
from housecount.sync.models import Agenda, Gap, ReadRun
from housecount.tenancy.identity import Identity, Role, acting_as

#: A worker that was not heard of for longer is not counted on.
HEARD_OF = timedelta(minutes=1)

# Who is being read is known by the lock that its reader holds: see `lock.py`.
_READING = """
SELECT account.id FROM box_office_account account JOIN pg_locks held
    ON ((held.classid::bigint << 32) | held.objid::bigint) = hashtextextended(account.id::text, 2)
WHERE account.organisation_id = %s AND held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class UnderWay(NamedTuple):
    """The accounts that are being read now, and those for which a read was asked and has not begun."""

    reading: frozenset[UUID]
    asked: frozenset[UUID]


def under_way(organisation_id: UUID) -> UnderWay:
    """What is being read now in the organisation, and what was asked for. The caller sets the identity."""
    reading = frozenset(account_id for (account_id,) in bulk.fetch(_READING, [organisation_id]))
    asked = Agenda.objects.filter(organisation_id=organisation_id, event_id=WHOLE_ACCOUNT, why=ASKED)
    return UnderWay(reading, frozenset(asked.values_list("account_id", flat=True)) - reading)


def ask_now(
    organisation_id: UUID, now: datetime, *, account_id: UUID | None = None, by: UUID | None = None
) -> list[Account]:
    """Has the organisation's accounts, or one of them, read at once; those that will be. One that is stopped or
    disconnected is not: it needs a key. `by` is the user who asks. Acts as the system."""
    with acting_as(Identity(Role.SYSTEM, organisation_id, by)):
        accounts = Account.objects.filter(organisation_id=organisation_id, state=AccountState.ACTIVE)
        if account_id is not None:
            accounts = accounts.filter(pk=account_id)
        found = list(accounts.order_by("connected_at", "id"))
        for account in found:
            agenda.ask(AccountKey(organisation_id, account.pk), now)
    return found


def alive(now: datetime) -> int:
    """How many workers of the installation were heard of in the last minute."""
    return ProcrastinateWorker.objects.filter(last_heartbeat__gt=now - HEARD_OF).count()


def last_heard_of() -> datetime | None:
    """When a worker was last heard of; None where none ever was."""
    latest: datetime | None = ProcrastinateWorker.objects.aggregate(at=Max("last_heartbeat"))["at"]
    return latest


def runs_of(
    organisation_id: UUID,
    *,
    account_id: UUID | None = None,
    full: bool | None = None,
    complete: bool | None = None,
) -> QuerySet[ReadRun]:
    """The organisation's reads, the latest first; `full` True: sweeps only, `complete` False: failures only."""
    found = ReadRun.objects.filter(organisation_id=organisation_id).order_by("-started_at", "-id")
    if account_id is not None:
        found = found.filter(account_id=account_id)
    if full is not None:
        found = found.filter(full=full)
    if complete is not None:
        found = found.filter(complete=complete)
    return found


def gaps_of(organisation_id: UUID, *, account_id: UUID | None = None) -> QuerySet[Gap]:
    """Changes that reads had missed and sweeps found and closed, the latest first."""
    found = Gap.objects.filter(organisation_id=organisation_id).order_by("-found_at", "-id")
    return found if account_id is None else found.filter(account_id=account_id)
