"""What a figure says of its age: a reason whenever it may not be what the platform says now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.sync.freshness import (
    LATE,
    LATE_AFTERWARDS,
    REFUND_WINDOW,
    EventFreshness,
    ListingFreshness,
    listing_freshness,
)

NOW = datetime(2026, 4, 5, 12, tzinfo=UTC)
TONIGHT = NOW + timedelta(hours=8)


def ago(**spans: float) -> datetime:
    return NOW - timedelta(**spans)


def of(event: EventFreshness | None, account: EventFreshness | None = None, **told: Any) -> ListingFreshness:
    options = {"account_trouble": "", "ends_at": TONIGHT, "now": NOW, **told}
    return listing_freshness(event, account, **options)


def test_what_was_just_read_is_fresh() -> None:
    fresh = of(EventFreshness(as_of=ago(minutes=1), swept_at=ago(hours=2)))
    assert (fresh.as_of, fresh.last_sweep_at, fresh.stale) == (ago(minutes=1), ago(hours=2), False)


def test_what_was_never_read_says_so() -> None:
    for event in (None, EventFreshness()):
        fresh = of(event, EventFreshness(as_of=NOW, swept_at=NOW))
        assert fresh.as_of is None
        assert fresh.stale_reason == "It was not read yet."


def test_a_read_of_the_whole_account_makes_its_events_fresh() -> None:
    fresh = of(EventFreshness(as_of=ago(hours=5)), EventFreshness(as_of=ago(minutes=2)))
    assert fresh.as_of == ago(minutes=2)
    assert not fresh.stale


def test_an_event_that_fails_keeps_its_age_whatever_the_account_says() -> None:
    event = EventFreshness(as_of=ago(hours=5), failing_since=ago(hours=4), reason="It failed.")
    fresh = of(event, EventFreshness(as_of=ago(minutes=2)), account_trouble="Stopped.")
    assert fresh.as_of == ago(hours=5)
    assert fresh.stale_reason == "It failed."


def test_an_account_that_fails_makes_all_of_its_events_stale() -> None:
    event = EventFreshness(as_of=ago(minutes=3))
    assert of(event, EventFreshness(reason="It is down.")).stale_reason == "It is down."
    assert of(event, account_trouble="Stopped.").stale_reason == "Stopped."
    both = of(event, EventFreshness(reason="It is down."), account_trouble="Stopped.")
    assert both.stale_reason == "Stopped."


@pytest.mark.parametrize(
    ("ended", "allowed"),
    [(timedelta(), LATE), (REFUND_WINDOW - timedelta(days=1), LATE), (REFUND_WINDOW, LATE_AFTERWARDS)],
)
def test_age_alone_makes_stale_sooner_while_a_show_still_moves(ended: timedelta, allowed: timedelta) -> None:
    on_time = of(EventFreshness(as_of=NOW - allowed), ends_at=NOW - ended)
    late = of(EventFreshness(as_of=NOW - allowed - timedelta(seconds=1)), ends_at=NOW - ended)
    assert (on_time.stale, late.stale) == (False, True)
    assert "worker" in (late.stale_reason or "")


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(minutes=120), "2 hours"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(hours=49), "2 days"),
    ],
)
def test_an_age_is_told_in_words(age: timedelta, words: str) -> None:
    assert words in (of(EventFreshness(as_of=NOW - age)).stale_reason or "")


moments = st.none() | st.timedeltas(timedelta(), timedelta(days=100)).map(lambda age: NOW - age)
facts = st.builds(
    EventFreshness,
    as_of=moments,
    swept_at=moments,
    failing_since=moments,
    reason=st.sampled_from(["", "Down."]),
)


@given(
    event=st.none() | facts,
    account=st.none() | facts,
    trouble=st.sampled_from(["", "Stopped."]),
    ended=moments,
)
def test_nothing_looks_fresher_than_a_read_of_it(
    event: EventFreshness | None, account: EventFreshness | None, trouble: str, ended: datetime | None
) -> None:
    fresh = of(event, account, account_trouble=trouble, ends_at=ended or TONIGHT)
    told = [each.as_of for each in (event, account) if each and each.as_of]
    assert fresh.as_of is None or fresh.as_of in told
    if not fresh.stale:
        assert event is not None
        assert event.as_of is not None
        assert fresh.as_of is not None
        assert NOW - fresh.as_of <= LATE_AFTERWARDS
        assert [event.reason, trouble, account.reason if account else ""] == ["", "", ""]
