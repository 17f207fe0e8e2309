"""Budget and breaker as rows: two processes with the same credential or account act as one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


# --- Sharing ------------------------------------------------------------------------------------------
class Sharers:
    """Several who use one credential, on a clock that only they move: one call at a time, in any order."""

    def __init__(self, database: DatabaseThread, clock: Clock, reserves: dict[str, float]) -> None:
        credential = uuid4().hex
        self.clock = clock
        self.made = dict.fromkeys(reserves, 0)
        self._budgets = {
            name: SharedBudget(
                database, credential, RATE, "Ticketbarn", user=name, reserve=reserve, now=clock, sleep=_refuse
            )
            for name, reserve in reserves.items()
        }

    async def ask(self, name: str) -> bool:
        """Whether `name` may make a call now."""
        try:
            await self._budgets[name].acquire()
        except Waits:
            return False
        self.made[name] += 1
        return True


class Waits(Exception):
    """There is no room now."""


async def _refuse(_: float) -> None:
    raise Waits


def with_sharers(test: Callable[..., Awaitable[None]], **reserves: float) -> None:
    """Runs `test` with those who share a credential: a name and the reserve each has to leave."""

    async def run() -> None:
        async with DatabaseThread(Identity.system(organisation_id)) as database:
            await test(Sharers(database, Clock(), reserves))

    organisation_id = make_organisation()
    asyncio.run(run())


def test_a_sweep_leaves_a_part_of_each_window_to_reads() -> None:
    async def test(sharers: Sharers) -> None:
        for _ in range(3):
            assert [await sharers.ask("sweep") for _ in range(8)] == [True] * 6 + [False] * 2
            assert [await sharers.ask("hook") for _ in range(2)] == [True, True]
            sharers.clock.pass_by(seconds=11)

    with_sharers(test, sweep=0.25, hook=0.0)


def test_one_alone_has_the_whole_window() -> None:
    async def test(sharers: Sharers) -> None:
        assert [await sharers.ask("one") for _ in range(9)] == [True] * 8 + [False]

    with_sharers(test, one=0.0, other=0.0)


def test_who_came_too_late_has_a_share_of_the_next_window_kept_for_it() -> None:
    """Without it, whoever is first in every window would have all of them."""

    async def test(sharers: Sharers) -> None:
        for _ in range(8):
            assert await sharers.ask("quick")
        assert not await sharers.ask("late")
        for _ in range(5):
            sharers.clock.pass_by(seconds=10)
            taken = [await sharers.ask("quick") for _ in range(20)]
            assert sum(taken) == 4
            assert [await sharers.ask("late") for _ in range(5)] == [True] * 4 + [False]

    with_sharers(test, quick=0.0, late=0.0)


def test_a_share_is_not_kept_for_ever() -> None:
    async def test(sharers: Sharers) -> None:
        for _ in range(8):
            assert await sharers.ask("one")
        assert not await sharers.ask("gone")
        for _ in range(3):
            sharers.clock.pass_by(seconds=10.5)
            taken = sum([await sharers.ask("one") for _ in range(20)])
        assert taken == 8

    with_sharers(test, one=0.0, gone=0.0)


@given(
    names=st.lists(st.sampled_from("abc"), min_size=20, max_size=40),
    eager=st.sampled_from("abc"),
)
@settings(max_examples=8)
def test_nobody_who_keeps_asking_starves(names: list[str], eager: str) -> None:
    """However often one asks, and whoever comes first: who was refused gets calls in the next window."""

    async def test(sharers: Sharers) -> None:
        for _ in range(3):
            for name in names:
                await sharers.ask(eager)
                await sharers.ask(name)
            refused = [name for name in "abc" if not await sharers.ask(name)]
            before = dict(sharers.made)
            sharers.clock.pass_by(seconds=10)
            for _ in range(RATE.allowed):
                await sharers.ask(eager)
            for name in "abc":
                await sharers.ask(name)
            assert all(sharers.made[name] > before[name] for name in refused)
            had.extend(refused)

    had: list[str] = []
    with_sharers(test, a=0.0, b=0.0, c=0.0)
    assert had, "nobody was ever refused: this shows nothing"


def test_a_window_and_a_hold_that_a_wrong_clock_set_are_given_up() -> None:
    async def test(sharers: Sharers) -> None:
        for _ in range(8):
            await sharers.ask("one")
        sharers.clock.pass_by(days=-1)
        assert await sharers.ask("one")

    with_sharers(test, one=0.0)


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


def test_a_breaker_that_a_wrong_clock_set_is_tried() -> None:
    async def test(one: SharedBreaker, other: SharedBreaker, clock: Clock) -> None:
        await fail(one, FAILURES)
        clock.pass_by(hours=-9)
        assert await is_open(other) == 0

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
