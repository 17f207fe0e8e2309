"""How often what is read, and when next. Pure: it is told the time and what is known.

"Quick" is HOUSECOUNT_READ_EVERY, two minutes unless it is set. Of an event's dates the one that is read most often
counts; for one date the first line that fits:

| A date of an event                                                   | is read every     |
|----------------------------------------------------------------------|-------------------|
| that is not cancelled, on its day, until 2 h after its end            | quick             |
| that is to come and was put on sale or first seen in the last 48 h    | quick             |
| that sold in the last hour                                            | quick             |
| that was cancelled                                                    | 1 h, for refunds  |
| that ended in the last two days                                       | 1 h               |
| that ended longer ago, while refunds are looked for (60 days)         | 6 h               |
| that ended before that                                                | night: sweeps only|
| that is to come within 7 days                                         | 2 x quick         |
| that is to come within 30 days                                        | 5 x quick         |
| that is to come later                                                 | 15 x quick        |

The last three are read twice as often in the evening (17 to 23 o'clock at the venue) and at weekends, though never
more often than quick, and half as often in the small hours (1 to 7 o'clock).

The account itself (its list of events and, where the platform tells all changes at once, these) is as quick as its
quickest event, but a list alone no quicker than 5 x quick; at the slowest 15 x quick; without events 5 x quick.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from hashlib import blake2b
from zoneinfo import ZoneInfo

from msgspec import Struct

AFTER_THE_END = timedelta(hours=2)
NEW = timedelta(hours=48)
SELLING = timedelta(hours=1)
JUST_OVER = timedelta(days=2)
#: (to come within, times quick, why)
TO_COME = (
    (timedelta(days=7), 2, "within a week"),
    (timedelta(days=30), 5, "within a month"),
    (timedelta.max, 15, "later"),
)
CATALOGUE_TIMES = 5
SLOWEST_TIMES = 15
HOURLY = timedelta(hours=1)
SELDOM = timedelta(hours=6)

#: Local hours: [from, to).
EVENING = (17, 23)
SMALL_HOURS = (1, 7)
QUIET_HOURS = (3, 5)

#: A sweep that failed is not begun again at once: it costs as much as it did.
SWEEP_AGAIN = timedelta(hours=1)
#: Two sweeps are at least so far apart, unless somebody asks for one.
SWEEPS_APART = timedelta(hours=12)
#: Failures are tried again after the unit, then after as long as they have lasted, up to this.
LONGEST_PAUSE = timedelta(minutes=15)
#: Reads that are planned may take this share of a platform's limit; the rest is for pages, hooks, sweeps, people.
PLANNED_SHARE = 0.5
#: What one read of an event costs in calls, about.
CALLS_PER_READ = 2


class DateFacts(Struct, frozen=True, kw_only=True):
    """What is known of one date of an event. `new_since` is when it was put on sale or first seen, if that is known
    and was not when its account was first read; `sold_at` when its newest order was placed."""

    event_id: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    new_since: datetime | None = None
    sold_at: datetime | None = None
    cancelled: bool = False


class Interval(Struct, frozen=True, order=True):
    """How often, and the rule that says so."""

    every: timedelta
    why: str


def of_date(date: DateFacts, now: datetime, quick: timedelta, refunds: timedelta) -> Interval | None:
    """How often a date is read; None when sweeps are enough. `refunds`: how long after its end they are looked for."""
    zone = ZoneInfo(date.timezone)
    over = now >= date.ends_at + AFTER_THE_END
    if now >= date.ends_at + refunds:
        return None
    if not date.cancelled and _day(date.starts_at, zone) <= now and not over:
        return Interval(quick, "show day")
    if date.new_since and now < date.starts_at and not date.cancelled and now - date.new_since < NEW:
        return Interval(quick, "new on sale")
    if date.sold_at and now - date.sold_at < SELLING:
        return Interval(quick, "selling")
    if date.cancelled:
        return Interval(max(quick, HOURLY), "cancelled")
    if over:
        if now < date.ends_at + JUST_OVER:
            return Interval(max(quick, HOURLY), "after the show")
        return Interval(max(quick, SELDOM), "refunds")
    times, why = next((times, why) for within, times, why in TO_COME if date.starts_at - now <= within)
    return _by_the_hour(Interval(times * quick, why), now.astimezone(zone), quick)


def _day(moment: datetime, zone: ZoneInfo) -> datetime:
    return datetime.combine(moment.astimezone(zone).date(), time(), zone)


def _by_the_hour(usual: Interval, local: datetime, quick: timedelta) -> Interval:
    if SMALL_HOURS[0] <= local.hour < SMALL_HOURS[1]:
        return Interval(usual.every * 2, f"{usual.why}, small hours")
    if EVENING[0] <= local.hour < EVENING[1]:
        return Interval(max(quick, usual.every / 2), f"{usual.why}, evening")
    if local.isoweekday() >= 6:
        return Interval(max(quick, usual.every / 2), f"{usual.why}, weekend")
    return usual


def of_events(
    dates: Iterable[DateFacts], now: datetime, quick: timedelta, refunds: timedelta
) -> dict[str, Interval]:
    """How often each event is read, by its id; those for which sweeps are enough are left out."""
    found: dict[str, Interval] = {}
    for date in dates:
        interval = of_date(date, now, quick, refunds)
        if interval is not None and (date.event_id not in found or interval < found[date.event_id]):
            found[date.event_id] = interval
    return found


def of_account(events: Mapping[str, Interval], quick: timedelta, *, covers: bool) -> Interval:
    """How often the account itself is read; `covers`: its changes are told for all of its events at once."""
    if not events:
        return Interval(CATALOGUE_TIMES * quick, "no events")
    quickest = min(events.values())
    least = quick if covers else CATALOGUE_TIMES * quick
    return Interval(min(max(quickest.every, least), SLOWEST_TIMES * quick), quickest.why)


def within_budget(events: Mapping[str, Interval], calls_per_second: float) -> dict[str, Interval]:
    """The same, all of them slower by one factor where reading them so often would take more than the planned share
    of what the platform allows."""
    wanted = sum(CALLS_PER_READ / interval.every.total_seconds() for interval in events.values())
    factor = wanted / (calls_per_second * PLANNED_SHARE)
    if factor <= 1:
        return dict(events)
    return {
        event_id: Interval(interval.every * factor, f"{interval.why}, limit")
        for event_id, interval in events.items()
    }


def next_read(started_at: datetime, finished_at: datetime, every: timedelta, key: str) -> datetime:
    """When what was read from `started_at` to `finished_at` is due again: up to a tenth sooner than `every`, by its
    `key`, so that accounts spread; and never so that nothing but reading is done."""
    return max(started_at + every * (1 - spread(key) / 10), finished_at + every / 4)


def next_sweep(now: datetime, swept_at: datetime | None, timezone: str, key: str) -> datetime:
    """The quiet hour in which an account is swept next, by the organisation's zone; at once when it never was."""
    if swept_at is None:
        return now
    zone = ZoneInfo(timezone)
    since_midnight = (
        timedelta(hours=QUIET_HOURS[0]) + (QUIET_HOURS[1] - QUIET_HOURS[0]) * spread(key) * HOURLY
    )
    day = _day(swept_at, zone).date()
    while True:
        at = (datetime.combine(day, time()) + since_midnight).replace(tzinfo=zone)
        if at >= swept_at + SWEEPS_APART:
            return at.astimezone(now.tzinfo)
        day += timedelta(days=1)


def pause(failing_since: datetime | None, now: datetime, unit: timedelta) -> timedelta:
    """How long to wait after a failure: the unit, then as long as it has lasted, so that each wait doubles it."""
    lasted = now - failing_since if failing_since else timedelta()
    return min(max(lasted, unit), max(LONGEST_PAUSE, unit))


def spread(key: str) -> float:
    """A number from 0 to 1 (exclusive) that is always the same for `key`."""
    return int.from_bytes(blake2b(key.encode(), digest_size=6).digest()) / 2**48
