"""Budget and breaker as rows: two processes with the same credential or account act as one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from housecount.box_office.ledger import AccountKey
from housecount.platforms.base.errors import CircuitOpen, ConfigError, RateLimited, Transient
from housecount.platforms.http.budget import BudgetReading, Rate
from housecount.sync.database import DatabaseThread
from housecount.sync.limits import FAILURES, SharedBreaker, SharedBudget
from housecount.tenancy.identity import Identity
from tests.factories import make_account, make_organisation
from tests.promoters import Clock

#: 8 calls in 10 seconds are ours.
RATE = Rate(limit=10, seconds=10.0, percent=80)


@asynccontextmanager
async def threads(organisation_id: UUID) -> AsyncIterator[tuple[DatabaseThread, DatabaseThread]]:
    """Two connections, as two processes have them."""
    identity = Identity.system(organisation_id)
    async with DatabaseThread(identity) as one, DatabaseThread(identity) as other:
        yield one, other


def with_budgets(test: Callable[..., Awaitable[None]]) -> None:
    """Runs `test` with two budgets of one credential, their clock, and what they slept."""

    async def run() -> None:
        clock = Clock()
        slept: list[float] = []
        credential = uuid4().hex

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            clock.pass_by(seconds=seconds)

        async with threads(organisation_id) as (one, other):
            budgets = [
                SharedBudget(each, credential, RATE, "Ticketbarn", now=clock, sleep=sleep)
                for each in (one, other)
            ]
            await test(*budgets, clock, slept)

    organisation_id = make_organisation()
    asyncio.run(run())


def test_two_processes_spend_one_budget() -> None:
    async def test(one: SharedBudget, other: SharedBudget, clock: Clock, slept: list[float]) -> None:
        for _ in range(4):
            await one.acquire()
            await other.acquire()
        assert slept == []
        clock.pass_by(seconds=4)
        await other.acquire()
        assert slept == [pytest.approx(6.0)], "the ninth call did not wait for the window to end"
        for _ in range(7):
            await one.acquire()
        assert len(slept) == 1, "the new window gives less than its share"
        await one.acquire()
        assert len(slept) == 2

    with_budgets(test)


def test_many_calls_at_once_never_exceed_the_share() -> None:
    async def test(one: SharedBudget, other: SharedBudget, clock: Clock, slept: list[float]) -> None:
        await asyncio.gather(*(budget.acquire() for budget in [one, other] * 4))
        assert slept == []
        await one.acquire()
        assert slept != []

    with_budgets(test)


def test_what_a_platform_asks_of_one_holds_both() -> None:
    async def test(one: SharedBudget, other: SharedBudget, clock: Clock, slept: list[float]) -> None:
        await one.hold(30)
        await one.hold(5)  # a shorter wish takes nothing back
        await other.acquire()
        assert slept == [pytest.approx(30)]

    with_budgets(test)


def test_more_than_the_patience_is_refused_with_its_time() -> None:
    async def test(one: SharedBudget, other: SharedBudget, clock: Clock, slept: list[float]) -> None:
        await one.hold(300)
        with pytest.raises(RateLimited) as refusal:
            await other.acquire()
        assert refusal.value.after == pytest.approx(300)
        assert "Ticketbarn" in refusal.value.message
        assert slept == []
        clock.pass_by(seconds=301)
        await other.acquire()

    with_budgets(test)


def test_the_platforms_own_count_corrects_ours() -> None:
    async def test(one: SharedBudget, other: SharedBudget, clock: Clock, slept: list[float]) -> None:
        await one.acquire()
        # Another program made seven calls with the same key.
        await one.report(BudgetReading(used=8, limit=10, reset=3.0))
        await one.acquire()
        assert slept == [pytest.approx(3.0)]
        # A smaller count than ours is behind our calls under way: it gives nothing back.
        for _ in range(7):
            await other.acquire()
        await other.report(BudgetReading(used=1, limit=10, reset=9.0))
        await other.acquire()
        assert slept[1:] == [pytest.approx(9.0)]

    with_budgets(test)


def test_a_platform_that_lowers_its_limit_is_believed() -> None:
    async def test(one: SharedBudget, other: SharedBudget, clock: Clock, slept: list[float]) -> None:
        await one.acquire()
        await one.report(BudgetReading(used=1, limit=5, reset=8.0))
        for _ in range(3):  # 80 % of five are four
            await one.acquire()
        assert slept == []
        await other.acquire()
        assert slept == [pytest.approx(8.0)]

    with_budgets(test)


def test_a_platform_cannot_stretch_its_window() -> None:
    async def test(one: SharedBudget, other: SharedBudget, clock: Clock, slept: list[float]) -> None:
        await one.acquire()
        await one.report(BudgetReading(used=10, limit=10, reset=1e9))
        await one.acquire()
        assert slept == [pytest.approx(RATE.seconds)]

    with_budgets(test)


def test_credentials_have_budgets_of_their_own() -> None:
    async def test(one: SharedBudget, other: SharedBudget, clock: Clock, slept: list[float]) -> None:
        await one.hold(300)
        stranger = SharedBudget(other._database, uuid4().hex, RATE, "Ticketbarn", now=clock)
        await stranger.acquire()

    with_budgets(test)


# --- The breaker --------------------------------------------------------------------------------------
ILL = Transient("It failed.")


def with_breakers(test: Callable[..., Awaitable[None]]) -> None:
    """Runs `test` with two breakers of one account and their clock."""
    organisation_id = make_organisation()
    account = AccountKey(organisation_id, make_account(organisation_id))

    async def run() -> None:
        clock = Clock()
        async with threads(organisation_id) as (one, other):
            breakers = [SharedBreaker(each, account, "Ticketbarn", now=clock) for each in (one, other)]
            await test(*breakers, clock)

    asyncio.run(run())


async def fail(breaker: SharedBreaker, times: int) -> None:
    for _ in range(times):
        await breaker.before()
        await breaker.failed(ILL)


async def is_open(breaker: SharedBreaker) -> float:
    """The seconds for which it is open; 0 when it lets a call through."""
    try:
        await breaker.before()
    except CircuitOpen as error:
        return error.after
    return 0.0


def test_failures_of_both_processes_open_it_for_both() -> None:
    async def test(one: SharedBreaker, other: SharedBreaker, clock: Clock) -> None:
        await fail(one, 3)
        await fail(other, FAILURES - 4)
        assert await is_open(one) == 0
        await fail(other, 1)
        assert await is_open(one) == pytest.approx(30)
        assert await is_open(other) == pytest.approx(30)

    with_breakers(test)


def test_a_success_begins_the_count_anew() -> None:
    async def test(one: SharedBreaker, other: SharedBreaker, clock: Clock) -> None:
        await fail(one, FAILURES - 1)
        await one.before()
        await one.succeeded()
        await fail(one, FAILURES - 1)
        assert await is_open(one) == 0

    with_breakers(test)


def test_half_open_lets_one_try_and_its_success_closes() -> None:
    async def test(one: SharedBreaker, other: SharedBreaker, clock: Clock) -> None:
        await fail(one, FAILURES)
        clock.pass_by(seconds=31)
        assert await is_open(other) == 0
        assert await is_open(one) > 0, "two tried at the same time"
        await other.succeeded()
        assert await is_open(one) == 0
        assert await is_open(other) == 0

    with_breakers(test)


def test_a_trial_that_fails_doubles_the_pause_up_to_a_quarter_of_an_hour() -> None:
    async def test(one: SharedBreaker, other: SharedBreaker, clock: Clock) -> None:
        await fail(one, FAILURES)
        pauses = []
        for breaker in [one, other] * 4:
            pauses.append(await is_open(one))
            clock.pass_by(seconds=pauses[-1] + 1)
            await fail(breaker, 1)
        assert pauses == [30, 60, 120, 240, 480, 900, 900, 900]

    with_breakers(test)


def test_a_trial_that_never_reports_back_does_not_block_for_ever() -> None:
    async def test(one: SharedBreaker, other: SharedBreaker, clock: Clock) -> None:
        await fail(one, FAILURES)
        clock.pass_by(seconds=31)
        assert await is_open(one) == 0  # and then its process died
        clock.pass_by(seconds=31)
        assert await is_open(other) == 0

    with_breakers(test)


def test_calls_under_way_when_it_opens_do_not_lengthen_the_pause() -> None:
    async def test(one: SharedBreaker, other: SharedBreaker, clock: Clock) -> None:
        calls = [one, other] * 5
        for breaker in calls:
            await breaker.before()
        for breaker in calls:
            await breaker.failed(ILL)
        assert await is_open(one) == pytest.approx(30)

    with_breakers(test)


def test_an_answer_that_is_unwelcome_shows_that_the_platform_is_well() -> None:
    async def test(one: SharedBreaker, other: SharedBreaker, clock: Clock) -> None:
        await fail(one, FAILURES - 1)
        await one.failed(ConfigError("The key is wrong."))
        await fail(one, FAILURES - 1)
        assert await is_open(one) == 0

    with_breakers(test)
