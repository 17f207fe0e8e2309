"""What is read when, as rows: asked for, found when due, and written anew after each read.

An account has a row of its own (event "") for its catalogue and for what covers the account as a whole, and one
per event that is read by itself. A time that lies further ahead than its interval explains was set by a clock that
was wrong, and is due. The caller sets the identity: `find_due` that of the system in no organisation, all others
that of the account's organisation.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from housecount.box_office import bulk
from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.sync.models import Agenda

#: The row of the whole account.
WHOLE_ACCOUNT = ""
#: Beyond twice its interval and this, a row's time cannot be meant.
_SLACK = timedelta(minutes=1)
_FARTHEST_SWEEP = timedelta(days=2)
ASKED = "asked"
#: How long a first sweep is waited for before the account itself is looked at again.
FIRST_SWEEP = timedelta(minutes=15)

_ROWS = bulk.Table(
    "sync_agenda",
    {
        "organisation_id": "uuid",
        "account_id": "uuid",
        "event_id": "text",
        "next_at": "timestamptz",
        "every": "integer",
        "why": "text",
        "sweep_at": "timestamptz",
    },
    ("organisation_id", "account_id", "event_id"),
)
_ASK = _ROWS.upsert("next_at = excluded.next_at, why = excluded.why")
_BEGIN = _ROWS.upsert("sweep_at = least(sync_agenda.sweep_at, excluded.sweep_at)")
_SET = _ROWS.upsert(
    "next_at = excluded.next_at, every = excluded.every, why = excluded.why,"
    " sweep_at = coalesce(excluded.sweep_at, sync_agenda.sweep_at)"
)

# One look at everybody's agenda. Who is being read now is known by the lock its reader holds: see `lock.py`.
_DUE = """
SELECT organisation_id, account_id, bool_or(next_at <= %(now)s OR {too_far}),
    bool_or(event_id = '' AND sweep_at IS NOT NULL AND (sweep_at <= %(now)s OR {sweep_too_far}))
FROM sync_agenda
WHERE next_at <= %(now)s OR (event_id = '' AND sweep_at <= %(now)s) OR {too_far} OR {sweep_too_far}
GROUP BY organisation_id, account_id
HAVING hashtextextended(account_id::text, 2) NOT IN (
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
ORDER BY min(next_at)
"""
_DUE_BY_TIME = _DUE.format(too_far="false", sweep_too_far="false")
_DUE_THOROUGH = _DUE.format(
    too_far="next_at > %(now)s + make_interval(secs => 2 * every) + %(slack)s",
    sweep_too_far="(event_id = '' AND sweep_at > %(far)s)",
)


class Planned(NamedTuple):
    """When something is read next, and the interval in seconds and the rule that say so."""

    next_at: datetime
    every: int
    why: str


class Due(NamedTuple):
    """What of an account is due: the account itself, events by id, and whether a sweep is. `rows` are all events
    that have a time of their own."""

    account: bool
    events: frozenset[str]
    sweep: bool
    rows: frozenset[str]

    @property
    def anything(self) -> bool:
        return self.account or self.sweep or bool(self.events)


class DueAccount(NamedTuple):
    """An account with something due, and whether that is a read, a sweep, or both."""

    organisation_id: UUID
    account_id: UUID
    read: bool
    sweep: bool


def find_due(now: datetime, *, thorough: bool = True) -> list[DueAccount]:
    """Every account of every organisation that has something due and is not being read, the longest due first.

    `thorough` looks at every row, for those whose time was set by a wrong clock; otherwise only at those that are due.
    """
    parameters = {"now": now, "slack": _SLACK, "far": now + _FARTHEST_SWEEP}
    query = _DUE_THOROUGH if thorough else _DUE_BY_TIME
    return [DueAccount._make(row) for row in bulk.fetch(query, parameters)]


def due(account: AccountKey, now: datetime) -> Due:
    """What of one account is due."""
    events, rows = set(), set()
    whole = sweep = False
    for row in _of(account):
        late = row.next_at <= now or row.next_at > now + timedelta(seconds=2 * row.every) + _SLACK
        if row.event_id == WHOLE_ACCOUNT:
            whole = late
            sweep = row.sweep_at is not None and not now < row.sweep_at <= now + _FARTHEST_SWEEP
        else:
            rows.add(row.event_id)
            if late:
                events.add(row.event_id)
    return Due(whole, frozenset(events), sweep, frozenset(rows))


def ask(account: AccountKey, now: datetime, event_ids: Collection[str] | None = None) -> None:
    """Makes the account due at once, with all of its events or with those of `event_ids` only. The planner sees it
    within seconds; a read that is under way does not count for it."""
    here = _of(account)
    if event_ids is not None:
        here = here.filter(event_id__in=list(event_ids))
    here.update(next_at=now, why=ASKED)
    bulk.write(_ASK, [(*account, WHOLE_ACCOUNT, now, 0, ASKED, None)])


def begin(account: AccountKey, now: datetime) -> None:
    """Puts an account on the agenda that was never read, or is to be read again: a sweep is due at once."""
    bulk.write(_BEGIN, [(*account, WHOLE_ACCOUNT, now + FIRST_SWEEP, _seconds(FIRST_SWEEP), "", now)])


def await_first_sweep(account: AccountKey, now: datetime) -> None:
    """Has the account swept at once, and does not look at it again for a while: only that makes reads possible."""
    _of(account).update(next_at=now + FIRST_SWEEP, every=_seconds(FIRST_SWEEP), why="")
    _of(account).filter(event_id=WHOLE_ACCOUNT, sweep_at=None).update(sweep_at=now)


def end(account: AccountKey) -> None:
    """Takes an account off the agenda."""
    _of(account).delete()


def begin_missing(organisation_id: UUID, now: datetime) -> int:
    """Puts the organisation's accounts that are to be read and are not on the agenda there; how many those were."""
    here = Account.objects.filter(organisation_id=organisation_id, state=AccountState.ACTIVE)
    known = Agenda.objects.filter(organisation_id=organisation_id, event_id=WHOLE_ACCOUNT)
    missing = list(here.exclude(pk__in=known.values("account_id")).values_list("pk", flat=True))
    for account_id in missing:
        begin(AccountKey(organisation_id, account_id), now)
    return len(missing)


def put(
    account: AccountKey,
    planned: Mapping[str, Planned],
    *,
    since: datetime,
    now: datetime,
    sweep_at: datetime | None = None,
    only: Collection[str] | None = None,
) -> None:
    """Writes when what was read is read next, by event id; `only`: what has a row besides the account from now on.

    What was asked for after `since`, when the read began, stays due. `sweep_at` None leaves the sweep's time.
    """
    asked = _of(account).filter(why=ASKED, next_at__gt=since)
    again = set(asked.values_list("event_id", flat=True))
    rows = [
        (*account, event_id, now if event_id in again else plan.next_at, plan.every, plan.why,
         sweep_at if event_id == WHOLE_ACCOUNT else None)
        for event_id, plan in planned.items()
    ]  # fmt: skip
    bulk.write(_SET, rows)
    if only is not None:
        _of(account).exclude(Q(event_id=WHOLE_ACCOUNT) | Q(event_id__in=list(only))).delete()


def postpone(account: AccountKey, until: datetime, now: datetime, why: str) -> None:
    """Lets nothing of the account be read before `until`: it is left alone."""
    wait = max(0, _seconds(until - now))
    _of(account).filter(next_at__lt=until).update(next_at=until, every=wait, why=why)
    bulk.write(_SET, [(*account, WHOLE_ACCOUNT, until, wait, why, None)])


def set_sweep(account: AccountKey, at: datetime) -> None:
    """Sets when the account is swept next."""
    _of(account).filter(event_id=WHOLE_ACCOUNT).update(sweep_at=at)


def _of(account: AccountKey) -> QuerySet[Agenda]:
    return Agenda.objects.filter(organisation_id=account.organisation_id, account_id=account.account_id)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
