"""As of when the figures of all accounts together are true, and whose may be behind. Reads only; the caller sets the
identity."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from housecount.box_office import bulk
from housecount.box_office.models import AccountState
from housecount.sync.agenda import WHOLE_ACCOUNT
from housecount.sync.freshness import LATE, LATE_TIMES, EventFreshness, overdue, told

# One row per account. Of an account's events only those are asked that are read on a plan or fail: however many
# seasons there were, these are few.
_QUESTION = """
SELECT a.platform, a.name, a.state, a.state_reason, w.as_of, w.reason, w.failing_since, p.next_at, p.every,
       (SELECT max(f.as_of) FROM sync_agenda g JOIN sync_freshness f ON f.organisation_id = g.organisation_id
               AND f.account_id = g.account_id AND f.event_id = g.event_id
         WHERE g.organisation_id = a.organisation_id AND g.account_id = a.id) AS newest,
       (SELECT count(*) FROM sync_freshness f WHERE f.organisation_id = a.organisation_id AND f.account_id = a.id
           AND f.reason_code <> '' AND f.event_id <> %(whole)s) AS failing,
       (SELECT count(*) FROM sync_agenda g WHERE g.organisation_id = a.organisation_id AND g.account_id = a.id
           AND g.event_id <> %(whole)s
           AND g.next_at + greatest(%(late)s, %(times)s * g.every * interval '1 second') < %(now)s) AS late
  FROM box_office_account a
  LEFT JOIN sync_freshness w ON w.organisation_id = a.organisation_id AND w.account_id = a.id AND w.event_id = %(whole)s
  LEFT JOIN sync_agenda p ON p.organisation_id = a.organisation_id AND p.account_id = a.id AND p.event_id = %(whole)s
 WHERE a.organisation_id = %(organisation)s ORDER BY a.connected_at, a.id
"""


class Behind(Struct, frozen=True):
    """An account whose figures may not be what its platform says now, and why, in words."""

    platform: str
    name: str
    reason: str


class AsOf(Struct, frozen=True):
    """`moment`: as of when the account that was read longest ago is true; None when none was read, or there is none."""

    moment: datetime | None
    behind: tuple[Behind, ...]


def as_of(organisation_id: UUID, now: datetime) -> AsOf:
    """How fresh sums over all accounts are. What a person disconnected is not read any more and not waited for."""
    moments, behind = [], []
    values = {
        "organisation": organisation_id, "whole": WHOLE_ACCOUNT, "late": LATE, "times": LATE_TIMES, "now": now,
    }  # fmt: skip
    for (
        platform,
        name,
        state,
        trouble,
        whole,
        reason,
        since,
        next_at,
        every,
        newest,
        failing,
        late,
    ) in bulk.fetch(_QUESTION, values):
        read = max(filter(None, (whole, newest)), default=None)
        if state == AccountState.DISCONNECTED:
            continue
        if read is not None:
            moments.append(read)
        row = EventFreshness(whole, None, since, reason or "", next_at, every or 0)
        if state != AccountState.ACTIVE:
            said: str | None = trouble
        elif reason:
            said = told(row, next_at, now)
        elif read is None:
            said = "It was not read yet."
        elif failing:
            said = f"{failing} of its events could not be read."
        elif late:
            said = f"{late} of its events should have been read by now. Is the worker running?"
        else:
            said = overdue(row, read, now)
        if said:
            behind.append(Behind(platform, name, said))
    return AsOf(min(moments, default=None), tuple(behind))
