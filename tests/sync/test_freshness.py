"""What a figure says of its age: a reason whenever it may not be what the platform says now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.sync.freshness import (
    LATE,
    LATE_SWEEP,
    EventFreshness,
    ListingFreshness,
    ago,
    listing_freshness,
    told,
)

NOW = datetime(2026, 4, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def before(**spans: float) -> datetime:
    return NOW - timedelta(**spans)


def of(event: EventFreshness | None, account: EventFreshness | None = None, **said: Any) -> ListingFreshness:
    options = {"account_trouble": "", "closed": False, "now": NOW, **said}
    return listing_freshness(event, account, **options)


def planned(next_at: datetime, every: timedelta, **said: Any) -> EventFreshness:
    facts = {"as_of": next_at - every, "next_at": next_at, "every": int(every.total_seconds()), **said}
    return EventFreshness(**facts)


def test_what_was_just_read_is_fresh_and_says_when_it_is_read_next() -> None:
    soon = NOW + MINUTE
    fresh = of(planned(soon, 2 * MINUTE, swept_at=before(hours=2)))
    assert (fresh.as_of, fresh.last_sweep_at) == (NOW - MINUTE, before(hours=2))
    assert (fresh.next_read_at, fresh.stale) == (soon, False)


def test_what_was_never_read_says_so() -> None:
    for event in (None, EventFreshness()):
        fresh = of(event, EventFreshness(as_of=NOW, swept_at=NOW))
        assert fresh.as_of is None
        assert fresh.stale_reason == "It was not read yet."


def test_a_read_of_the_whole_account_makes_its_events_fresh() -> None:
    soon = NOW + MINUTE
    fresh = of(EventFreshness(as_of=before(hours=5)), planned(soon, 3 * MINUTE))
    assert fresh.as_of == soon - 3 * MINUTE
    assert fresh.next_read_at == soon
    assert not fresh.stale


def test_an_event_that_fails_keeps_its_age_whatever_the_account_says() -> None:
    event = EventFreshness(as_of=before(hours=5), failing_since=before(hours=4), reason="It failed.")
    fresh = of(event, planned(NOW + MINUTE, MINUTE))
    assert fresh.as_of == before(hours=5)
    assert (fresh.stale_reason or "").startswith("It failed. It has failed for 4 hours.")
    assert of(event, planned(NOW + MINUTE, MINUTE), account_trouble="Stopped.").stale_reason == "Stopped."


def test_an_account_that_fails_makes_all_of_its_events_stale() -> None:
    event = EventFreshness(as_of=before(minutes=3))
    assert of(event, EventFreshness(reason="It is down.")).stale_reason == "It is down."
    stopped = of(event, planned(NOW + MINUTE, MINUTE, reason="It is down."), account_trouble="Stopped.")
    assert stopped.stale_reason == "Stopped."
    assert stopped.next_read_at is None, "nobody reads it before somebody has acted"


@pytest.mark.parametrize(
    ("every", "allowed"),
    [
        (timedelta(seconds=5), LATE),
        (2 * MINUTE, LATE),
        (7 * MINUTE, LATE),
        (timedelta(hours=1), timedelta(hours=2)),
        (timedelta(hours=6), timedelta(hours=12)),
    ],
)
def test_a_read_that_is_overdue_makes_stale_later_where_reads_are_seldom(
    every: timedelta, allowed: timedelta
) -> None:
    for account in (False, True):
        for late, stale in ((-every, False), (allowed, False), (allowed + MINUTE, True)):
            row = planned(NOW - late, every)
            fresh = of(EventFreshness(as_of=before(days=9)), row) if account else of(row)
            assert fresh.stale is stale
            assert ("worker" in (fresh.stale_reason or "")) is stale


def test_a_quiet_listing_is_not_stale_because_a_quarter_of_an_hour_passed() -> None:
    row = planned(NOW + timedelta(hours=1), timedelta(hours=6))
    assert row.as_of == before(hours=5)
    assert not of(row).stale


def test_what_is_over_for_good_is_read_by_sweeps_and_stale_when_these_stay_away() -> None:
    tonight = NOW + timedelta(hours=9)
    account = planned(NOW + MINUTE, MINUTE, as_of=None, sweep_at=tonight)
    for age, stale in ((LATE_SWEEP, False), (LATE_SWEEP + MINUTE, True)):
        fresh = of(EventFreshness(as_of=NOW - age, swept_at=NOW - age), account, closed=True)
        assert (fresh.stale, fresh.next_read_at) == (stale, tonight)


def test_trouble_says_since_when_and_when_it_is_tried_again() -> None:
    failing = EventFreshness(reason="It is left alone.", failing_since=before(minutes=25))
    assert told(failing, NOW + 3 * MINUTE, NOW) == (
        "It is left alone. It has failed for 25 minutes. It is tried again in 3 minutes."
    )
    assert told(failing, before(seconds=1), NOW).endswith("It is tried again any moment.")
    assert told(EventFreshness(reason="Now.", failing_since=NOW), None, NOW) == "Now."


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "0 seconds"),
        (timedelta(seconds=119), "119 seconds"),
        (timedelta(minutes=2), "2 minutes"),
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(minutes=120), "2 hours"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(hours=49), "2 days"),
    ],
)
def test_an_age_is_told_in_words(age: timedelta, words: str) -> None:
    assert ago(age) == words


moments = st.none() | st.timedeltas(timedelta(days=-1), timedelta(days=100)).map(lambda age: NOW - age)
facts = st.builds(
    EventFreshness,
    as_of=moments,
    swept_at=moments,
    failing_since=moments,
    reason=st.sampled_from(["", "Down."]),
    next_at=moments,
    every=st.integers(1, 30_000),
)


@given(
    event=st.none() | facts,
    account=st.none() | facts,
    trouble=st.sampled_from(["", "Stopped."]),
    closed=st.booleans(),
)
def test_nothing_looks_fresher_than_a_read_of_it(
    event: EventFreshness | None, account: EventFreshness | None, trouble: str, closed: bool
) -> None:
    fresh = of(event, account, account_trouble=trouble, closed=closed)
    read = [each.as_of for each in (event, account) if each and each.as_of]
    assert fresh.as_of is None or fresh.as_of in read
    if not fresh.stale:
        assert event is not None
        assert event.as_of is not None
        assert fresh.as_of is not None
        assert [event.reason, trouble, account.reason if account else ""] == ["", "", ""]
        due = event.next_at or (account.next_at if account and not closed else None)
        every = event.every if event.next_at else account.every if account else 0
        if due is None:
            assert NOW - fresh.as_of <= LATE_SWEEP
        else:
            assert NOW - due <= max(LATE, 2 * timedelta(seconds=every))
