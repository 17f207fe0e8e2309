"""From what the ledger knows to what is read next: the rules of `schedule.py` applied to an account and written to
its agenda. Each function is one transaction's work; the caller sets the identity."""

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec import Struct

from housecount.box_office import bulk
from housecount.box_office.ledger import AccountKey
from housecount.core.errors import HousecountError
from housecount.platforms.base.errors import CircuitOpen, RateLimited
from housecount.sync import agenda, schedule
from housecount.sync.agenda import WHOLE_ACCOUNT, Planned
from housecount.sync.limits import ShareUsedUp
from housecount.sync.models import Agenda, Freshness
from housecount.sync.schedule import DateFacts, Interval
from housecount.tenancy.models import Organisation

#: What came with the account's first catalogue is not new at the platform. That long it may take to be read.
_FIRST_CATALOGUE = timedelta(hours=1)

_DATES = """
SELECT event_id, starts_at, ends_at, timezone, cancelled,
    coalesce(
        (SELECT min(placed_at) FROM box_office_order AS o
         WHERE o.organisation_id = l.organisation_id AND o.listing_id = l.id),
        CASE WHEN created_at > first_at + %s THEN created_at END
    ),
    (SELECT max(placed_at) FROM box_office_order AS o
     WHERE o.organisation_id = l.organisation_id AND o.listing_id = l.id)
FROM box_office_listing AS l, (
    SELECT min(created_at) AS first_at FROM box_office_listing WHERE organisation_id = %s AND account_id = %s
) AS first
WHERE organisation_id = %s AND account_id = %s AND gone_at IS NULL AND ends_at > %s
"""


class Pace(Struct, frozen=True, kw_only=True):
    """How quickly we may and want to read: the quick interval, how long refunds are looked for after a show, and the
    calls per second that the account's key allows."""

    quick: timedelta
    refunds: timedelta
    calls_per_second: float


def date_facts(account: AccountKey, now: datetime, refunds: timedelta) -> list[DateFacts]:
    """What is known of every date of the account that is to come or may still be refunded."""
    rows = bulk.fetch(_DATES, [_FIRST_CATALOGUE, *account, *account, now - refunds])
    return [
        DateFacts(
            event_id=event_id,
            starts_at=starts_at,
            ends_at=ends_at,
            timezone=timezone,
            cancelled=cancelled,
            new_since=new_since,
            sold_at=sold_at,
        )
        for event_id, starts_at, ends_at, timezone, cancelled, new_since, sold_at in rows
    ]


def plan(
    account: AccountKey,
    pace: Pace,
    *,
    covers: bool,
    read: Collection[str] | None,
    failed: Collection[str],
    started_at: datetime,
    now: datetime,
    swept: bool,
) -> None:
    """Writes when everything is read next, after a read of `read` (event ids, "" for the account itself; None: of
    everything) of which `failed` did not succeed. `covers`: as in `schedule.of_account`; then events have no times
    of their own, except those of which a read failed."""
    events = schedule.of_events(date_facts(account, now, pace.refunds), now, pace.quick, pace.refunds)
    whole = schedule.of_account(events, pace.quick, covers=covers)
    apart = {} if covers else schedule.within_budget(events, pace.calls_per_second)
    wanted = {**apart, **schedule.within_budget({WHOLE_ACCOUNT: whole}, pace.calls_per_second)}
    rows = {
        row.event_id: row
        for row in Agenda.objects.filter(
            organisation_id=account.organisation_id, account_id=account.account_id
        )
    }
    planned = {
        event_id: _planned(account, event_id, interval, started_at, now)
        for event_id, interval in wanted.items()
        if read is None or event_id in read or event_id not in rows
    }
    failing = dict(
        Freshness.objects.filter(organisation_id=account.organisation_id, account_id=account.account_id)
        .exclude(failing_since=None)
        .values_list("event_id", "failing_since")
    )
    for event_id in failed:
        wait = schedule.pause(failing.get(event_id), now, pace.quick)
        planned[event_id] = Planned(now + wait, _seconds(wait), "failed")
    before = rows.get(WHOLE_ACCOUNT)
    sweep_at = None
    if swept or before is None or before.sweep_at is None:
        swept_at = started_at if swept else _swept_at(account)
        sweep_at = schedule.next_sweep(now, swept_at, _timezone(account), str(account.account_id))
    kept = {*apart, *failing, *failed}
    agenda.put(account, planned, since=started_at, now=now, sweep_at=sweep_at, only=kept)


def plan_after_failure(
    account: AccountKey, pace: Pace, error: HousecountError, now: datetime, *, full: bool
) -> None:
    """Leaves the account alone for as long as the platform or the breaker wants, or for longer with each failure."""
    failing_since = (
        Freshness.objects.filter(
            organisation_id=account.organisation_id, account_id=account.account_id, event_id=WHOLE_ACCOUNT
        )
        .values_list("failing_since", flat=True)
        .first()
    )
    wait = schedule.pause(failing_since, now, pace.quick)
    told = False
    if isinstance(error, RateLimited | CircuitOpen):
        told, wait = True, timedelta(seconds=error.after)
    swept = _swept_at(account) is not None
    if not (swept and isinstance(error, ShareUsedUp)):
        agenda.postpone(account, now + wait, now, error.code)
    if full:
        # Told when to come back, it goes on where it stopped; otherwise it would cost as much again.
        agenda.set_sweep(account, now + (wait if told or not swept else max(wait, schedule.SWEEP_AGAIN)))


def _planned(
    account: AccountKey, event_id: str, interval: Interval, started_at: datetime, now: datetime
) -> Planned:
    key = f"{account.account_id}{event_id}"
    next_at = schedule.next_read(started_at, now, interval.every, key)
    return Planned(next_at, _seconds(interval.every), interval.why)


def _swept_at(account: AccountKey) -> datetime | None:
    return (
        Freshness.objects.filter(
            organisation_id=account.organisation_id, account_id=account.account_id, event_id=WHOLE_ACCOUNT
        )
        .values_list("swept_at", flat=True)
        .first()
    )


def _timezone(account: AccountKey) -> str:
    return Organisation.objects.values_list("timezone", flat=True).get(pk=account.organisation_id)


def _seconds(span: timedelta) -> int:
    return max(1, int(span.total_seconds()))
