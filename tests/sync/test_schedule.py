"""When an account is read next."""

from datetime import UTC, datetime, timedelta

import pytest

from housecount.sync.schedule import SWEEP_AGAIN, SWEEP_EVERY, AccountReads, Due, due

NOW = datetime(2026, 4, 5, 12, tzinfo=UTC)
EVERY = timedelta(minutes=2)


def ago(**spans: float) -> datetime:
    return NOW - timedelta(**spans)


def test_an_account_that_was_never_read_is_read_whole() -> None:
    assert due(AccountReads(active=True), NOW, EVERY) == Due(full=True)


@pytest.mark.parametrize(("minutes", "expected"), [(1.9, None), (2, Due(full=False)), (600, Due(full=False))])
def test_an_account_is_read_as_often_as_it_is_wished(minutes: float, expected: Due | None) -> None:
    reads = AccountReads(
        active=True,
        last_started_at=ago(minutes=minutes),
        last_full_started_at=ago(hours=3),
        swept_at=ago(hours=3),
    )
    assert due(reads, NOW, EVERY) == expected


def test_a_sweep_is_due_once_a_day() -> None:
    def reads(age: timedelta) -> AccountReads:
        return AccountReads(
            active=True, last_started_at=NOW, last_full_started_at=NOW - age, swept_at=NOW - age
        )

    assert due(reads(SWEEP_EVERY - timedelta(seconds=1)), NOW, EVERY) is None
    assert due(reads(SWEEP_EVERY), NOW, EVERY) == Due(full=True)


def test_a_sweep_that_failed_is_not_begun_again_at_once_but_changes_are_read() -> None:
    def reads(since: timedelta) -> AccountReads:
        return AccountReads(
            active=True,
            last_started_at=ago(minutes=5),
            last_full_started_at=NOW - since,
            swept_at=ago(hours=30),
        )

    assert due(reads(timedelta(minutes=5)), NOW, EVERY) == Due(full=False)
    assert due(reads(SWEEP_AGAIN), NOW, EVERY) == Due(full=True)


def test_a_first_read_that_failed_waits_before_it_is_tried_again() -> None:
    """Without a sweep there is nothing to build changes on."""
    failed = AccountReads(active=True, last_started_at=ago(minutes=30), last_full_started_at=ago(minutes=30))
    assert due(failed, NOW, EVERY) is None
    assert due(failed, NOW + timedelta(minutes=30), EVERY) == Due(full=True)


def test_an_account_that_is_left_alone_is_left_alone_until_its_time() -> None:
    reads = AccountReads(active=True, retry_at=NOW + timedelta(seconds=1))
    assert due(reads, NOW, EVERY) is None
    assert due(reads, NOW + timedelta(seconds=1), EVERY) == Due(full=True)


def test_an_account_that_waits_for_a_person_is_never_due() -> None:
    assert due(AccountReads(active=False), NOW, EVERY) is None
