"""The budget of a credential and the breaker of an account, on a clock that only tests move."""

import pytest

from housecount.platforms.base.errors import (
    CircuitOpen,
    ConfigError,
    ContractChanged,
    Gone,
    RateLimited,
    Transient,
)
from housecount.platforms.http.budget import BudgetReading, LocalBreaker, LocalBudget, Rate
from tests.platforms.stand_in import Time, run

BROKEN = Transient("It failed.")


def budget(time: Time, limit: int = 10, seconds: float = 60.0, patience: float = 90.0) -> LocalBudget:
    return LocalBudget(
        Rate(limit=limit, seconds=seconds), label="Box", patience=patience, clock=time, sleep=time.sleep
    )


async def spend(some: LocalBudget, calls: int) -> None:
    for _ in range(calls):
        await some.acquire()


def test_four_fifths_of_a_window_are_spent_without_waiting_and_then_the_window_is_waited_for() -> None:
    time = Time()
    some = budget(time)
    run(spend(some, 8))
    assert time.slept == []
    run(spend(some, 1))
    assert time.slept == [60.0]


def test_a_wait_beyond_the_patience_is_refused_with_its_length() -> None:
    time = Time()
    some = budget(time, seconds=3600)
    run(spend(some, 8))
    time.now += 600
    with pytest.raises(RateLimited, match="Box allows no more calls") as caught:
        run(some.acquire())
    assert caught.value.after == 3000
    assert time.slept == []


def test_what_other_programs_spent_counts_too() -> None:
    time = Time()
    some = budget(time)
    run(some.report(BudgetReading(used=7, limit=10, reset=30)))
    run(spend(some, 1))
    assert time.slept == []
    run(spend(some, 1))
    assert time.slept == [30]


def test_calls_of_ours_that_the_platform_has_not_counted_yet_count_too() -> None:
    time = Time()
    some = budget(time)
    run(spend(some, 8))
    run(some.report(BudgetReading(used=3, limit=10, reset=30)))
    run(spend(some, 1))
    assert time.slept == [30]


def test_a_platform_that_allows_more_than_we_thought_is_believed() -> None:
    time = Time()
    some = budget(time)
    run(some.report(BudgetReading(used=3, limit=100, reset=30)))
    run(spend(some, 77))
    assert time.slept == []


def test_a_hold_stops_every_call_and_is_never_shortened() -> None:
    time = Time()
    some = budget(time)
    run(some.hold(50))
    run(some.hold(5))
    run(some.acquire())
    assert time.slept == [50]


async def fail(breaker: LocalBreaker, times: int) -> None:
    for _ in range(times):
        await breaker.before()
        await breaker.failed(BROKEN)


def test_the_breaker_opens_after_five_failures_in_a_row_for_thirty_seconds() -> None:
    time = Time()
    breaker = LocalBreaker(label="Box", clock=time)
    run(fail(breaker, 5))
    with pytest.raises(CircuitOpen, match="left alone for 30 seconds") as caught:
        run(breaker.before())
    assert caught.value.after == 30
    time.now += 29.9
    with pytest.raises(CircuitOpen):
        run(breaker.before())
    time.now += 0.2
    run(breaker.before())


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = LocalBreaker(clock=Time())
    run(fail(breaker, 4))
    run(breaker.succeeded())
    run(fail(breaker, 4))
    run(breaker.before())


def test_half_open_lets_one_try_and_a_failed_try_doubles_the_pause_up_to_a_quarter_of_an_hour() -> None:
    time = Time()
    breaker = LocalBreaker(clock=time)
    run(fail(breaker, 5))
    pauses = []
    for _ in range(7):
        with pytest.raises(CircuitOpen) as caught:
            run(breaker.before())
        pauses.append(caught.value.after)
        time.now += caught.value.after
        run(breaker.before())  # the one that tries
        with pytest.raises(CircuitOpen):
            run(breaker.before())  # all others
        run(breaker.failed(BROKEN))
    assert pauses == [30, 60, 120, 240, 480, 900, 900]


def test_calls_under_way_when_it_opens_do_not_lengthen_the_pause() -> None:
    time = Time()
    breaker = LocalBreaker(clock=time)
    run(fail(breaker, 5))
    for _ in range(3):
        run(breaker.failed(BROKEN))
    time.now += 31
    run(breaker.before())


def test_a_successful_try_closes_it_for_everyone() -> None:
    time = Time()
    breaker = LocalBreaker(clock=time)
    run(fail(breaker, 5))
    time.now += 30
    run(breaker.before())
    run(breaker.succeeded())
    run(fail(breaker, 4))
    run(breaker.before())


@pytest.mark.parametrize("error", [ConfigError("No."), ContractChanged("No."), Gone("No.")])
def test_an_unwelcome_answer_is_no_failure(error: ConfigError | ContractChanged | Gone) -> None:
    breaker = LocalBreaker(clock=Time())
    for _ in range(10):
        run(breaker.failed(error))
    run(breaker.before())
