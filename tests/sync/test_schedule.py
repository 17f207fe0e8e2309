"""How often what is read, and when next."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.sync import schedule
from housecount.sync.schedule import DateFacts, Interval, of_account, of_date, of_events

QUICK = timedelta(minutes=2)
REFUNDS = timedelta(days=60)
MELBOURNE = ZoneInfo("Australia/Melbourne")
#: A Tuesday, 10:00 at the venue: neither evening nor weekend.
NOW = datetime(2026, 3, 3, 10, tzinfo=MELBOURNE)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def date(starts_in: timedelta, *, event_id: str = "e1", **told: object) -> DateFacts:
    """A date of two hours that begins so long after NOW."""
    starts_at = NOW + starts_in
    facts = {"starts_at": starts_at, "ends_at": starts_at + 2 * HOUR, "timezone": MELBOURNE.key, **told}
    return DateFacts(event_id=event_id, **facts)  # type: ignore[arg-type]


def every(facts: DateFacts, now: datetime = NOW) -> tuple[timedelta, str] | None:
    interval = of_date(facts, now, QUICK, REFUNDS)
    return interval and (interval.every, interval.why)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (date(9 * HOUR), (QUICK, "show day")),
        (date(-3 * HOUR), (QUICK, "show day")),
        (date(-4 * HOUR), (HOUR, "after the show")),
        (date(-4 * HOUR, sold_at=NOW - 30 * timedelta(minutes=1)), (QUICK, "selling")),
        (date(20 * DAY, sold_at=NOW - HOUR / 2), (QUICK, "selling")),
        (date(20 * DAY, sold_at=NOW - HOUR), (5 * QUICK, "within a month")),
        (date(20 * DAY, new_since=NOW - 47 * HOUR), (QUICK, "new on sale")),
        (date(20 * DAY, new_since=NOW - 48 * HOUR), (5 * QUICK, "within a month")),
        (date(-5 * DAY, new_since=NOW - HOUR), (6 * HOUR, "refunds")),
        (date(DAY), (2 * QUICK, "within a week")),
        (date(7 * DAY), (2 * QUICK, "within a week")),
        (date(8 * DAY), (5 * QUICK, "within a month")),
        (date(30 * DAY), (5 * QUICK, "within a month")),
        (date(31 * DAY), (15 * QUICK, "later")),
        (date(9 * HOUR, cancelled=True), (HOUR, "cancelled")),
        (date(31 * DAY, cancelled=True, new_since=NOW), (HOUR, "cancelled")),
        (date(-2 * DAY), (HOUR, "after the show")),
        (date(-2 * DAY - 2 * HOUR), (6 * HOUR, "refunds")),
        (date(-59 * DAY), (6 * HOUR, "refunds")),
        (date(-60 * DAY - 2 * HOUR), None),
        (date(-60 * DAY - 2 * HOUR, sold_at=NOW), None),
    ],
)
def test_the_table(facts: DateFacts, expected: tuple[timedelta, str] | None) -> None:
    assert every(facts) == expected


def test_the_day_of_the_show_is_the_venues_day() -> None:
    facts = date(14 * HOUR)  # midnight, so on the next day
    assert every(facts) == (2 * QUICK, "within a week")
    assert every(facts, NOW + 14 * HOUR) == (QUICK, "show day")
    last_of_the_evening = date(13 * HOUR)
    midnight = NOW.replace(hour=0)
    assert every(last_of_the_evening, midnight) == (QUICK, "show day")
    before = every(last_of_the_evening, midnight.astimezone(UTC) - timedelta(seconds=1))
    assert before is not None
    assert before[0] > QUICK


@pytest.mark.parametrize(
    ("now", "times", "why"),
    [
        (NOW.replace(hour=1), 10, "within a month, small hours"),
        (NOW.replace(hour=6, minute=59), 10, "within a month, small hours"),
        (NOW.replace(hour=7), 5, "within a month"),
        (NOW.replace(hour=17), 2.5, "within a month, evening"),
        (NOW.replace(hour=22, minute=59), 2.5, "within a month, evening"),
        (NOW.replace(hour=23), 5, "within a month"),
        (NOW.replace(day=7), 2.5, "within a month, weekend"),
        (NOW.replace(day=8), 2.5, "within a month, weekend"),
        (NOW.replace(day=7, hour=19), 2.5, "within a month, evening"),
        (NOW.replace(day=7, hour=3), 10, "within a month, small hours"),
    ],
)
def test_the_hour_at_the_venue_counts_whatever_zone_we_are_in(now: datetime, times: float, why: str) -> None:
    facts = date(25 * DAY)
    assert every(facts, now) == every(facts, now.astimezone(UTC)) == (times * QUICK, why)


def test_nothing_is_read_more_often_than_quick() -> None:
    evening = NOW.replace(hour=19)
    for quick in (timedelta(seconds=5), QUICK, timedelta(hours=3)):
        for facts in (date(9 * HOUR), date(2 * DAY), date(20 * DAY), date(-2 * DAY), date(-30 * DAY)):
            interval = of_date(facts, evening, quick, REFUNDS)
            assert interval is not None
            assert interval.every >= quick


def test_of_several_dates_the_one_that_is_read_most_often_counts() -> None:
    dates = [date(40 * DAY), date(9 * HOUR), date(-DAY), date(-90 * DAY, event_id="old")]
    found = of_events([*dates, date(2 * DAY, event_id="e2")], NOW, QUICK, REFUNDS)
    assert found == {"e1": Interval(QUICK, "show day"), "e2": Interval(2 * QUICK, "within a week")}


@pytest.mark.parametrize(
    ("intervals", "covers", "times"),
    [
        ([], True, 5),
        ([], False, 5),
        ([QUICK, 6 * HOUR], True, 1),
        ([QUICK, 6 * HOUR], False, 5),
        ([7 * QUICK], True, 7),
        ([7 * QUICK], False, 7),
        ([6 * HOUR], True, 15),
        ([6 * HOUR], False, 15),
    ],
)
def test_an_account_is_as_quick_as_its_quickest_event(
    intervals: list[timedelta], covers: bool, times: int
) -> None:
    events = {str(number): Interval(each, "") for number, each in enumerate(intervals)}
    assert of_account(events, QUICK, covers=covers).every == times * QUICK


@given(st.lists(st.sampled_from([QUICK, 2 * QUICK, 15 * QUICK, HOUR, 6 * HOUR]), min_size=1, max_size=900))
def test_what_is_planned_stays_within_its_share_of_the_limit(intervals: list[timedelta]) -> None:
    events = {str(number): Interval(each, "rule") for number, each in enumerate(intervals)}
    fitted = schedule.within_budget(events, 2.5)
    wanted = sum(schedule.CALLS_PER_READ / each.every.total_seconds() for each in fitted.values())
    assert wanted <= 2.5 * schedule.PLANNED_SHARE * 1.0001
    assert all(fitted[name].every >= events[name].every for name in events)
    slower = {fitted[name].every / events[name].every for name in events}
    assert max(slower) - min(slower) < 1e-6, "all of them by one factor"


def test_few_events_are_not_slowed_down() -> None:
    events = {"a": Interval(QUICK, "show day"), "b": Interval(HOUR, "refunds")}
    assert schedule.within_budget(events, 2.5) == events


def test_the_next_read_comes_up_to_a_tenth_sooner_and_always_the_same_for_one() -> None:
    moments = [schedule.next_read(NOW, NOW, QUICK, str(number)) for number in range(500)]
    assert min(moments) >= NOW + 0.9 * QUICK
    assert max(moments) <= NOW + QUICK
    assert max(moments) - min(moments) > 0.09 * QUICK, "they do not spread"
    assert moments[:3] == [schedule.next_read(NOW, NOW, QUICK, str(number)) for number in range(3)]


def test_a_read_that_takes_long_is_not_begun_again_as_soon_as_it_ends() -> None:
    ended = NOW + HOUR
    assert schedule.next_read(NOW, ended, QUICK, "a") == ended + QUICK / 4


@pytest.mark.parametrize(
    ("swept_at", "day"),
    [
        (NOW.replace(hour=2), 4),  # a few hours before the quiet ones: that was as good
        (NOW.replace(hour=4), 4),
        (NOW.replace(hour=10), 4),
        (NOW.replace(hour=14), 4),
        (NOW.replace(hour=23), 5),
    ],
)
def test_a_sweep_comes_once_a_night_in_the_organisations_quiet_hours(swept_at: datetime, day: int) -> None:
    for key in ("a", "b", "c"):
        at = schedule.next_sweep(swept_at, swept_at, MELBOURNE.key, key).astimezone(MELBOURNE)
        assert at.day == day
        assert 3 <= at.hour < 5


def test_sweeps_of_many_accounts_spread() -> None:
    moments = [schedule.next_sweep(NOW, NOW, MELBOURNE.key, str(number)) for number in range(500)]
    assert max(moments) - min(moments) > timedelta(minutes=110)


def test_what_was_never_swept_is_swept_at_once_and_what_was_long_ago_is_overdue() -> None:
    assert schedule.next_sweep(NOW, None, MELBOURNE.key, "a") == NOW
    assert schedule.next_sweep(NOW, NOW - 5 * DAY, MELBOURNE.key, "a") < NOW


@pytest.mark.parametrize("zone", ["Australia/Melbourne", "Europe/London", "Pacific/Auckland"])
def test_a_sweep_is_due_on_every_day_of_a_year_however_clocks_change(zone: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(365):
        later = schedule.next_sweep(at, at, zone, "an account")
        assert timedelta(hours=12) <= later - at <= timedelta(hours=36)
        assert 3 <= later.astimezone(ZoneInfo(zone)).hour <= 5
        at = later


def test_each_failure_doubles_the_pause_up_to_a_quarter_of_an_hour() -> None:
    at, pauses = NOW, []
    for _ in range(7):
        pause = schedule.pause(NOW, at, QUICK)
        pauses.append(pause / timedelta(minutes=1))
        at += pause
    assert pauses == [2, 2, 4, 8, 15, 15, 15]
    assert schedule.pause(None, NOW, QUICK) == QUICK
    assert schedule.pause(NOW - DAY, NOW, HOUR) == HOUR
