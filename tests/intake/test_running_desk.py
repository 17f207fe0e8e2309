"""The desk as it runs in a worker: woken by the edge, or by itself, and stopped without losing anything."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import psycopg
import pytest
from django.db import connections

from housecount.installation.postgres import SUPERUSER, EmbeddedServer
from housecount.intake import desk as desks
from housecount.intake.desk import CHANNEL, Desk
from housecount.intake.models import Hook
from housecount.platforms.http.budget import Breaker, Budget
from housecount.platforms.http.client import Client
from housecount.platforms.http.profile import Profile
from housecount.tenancy.identity import Identity, acting_as
from tests.intake.post import Post
from tests.promoters import impatient_client
from tests.sync.theatre import Theatre

PATIENCE = 30.0
T = TypeVar("T")


async def beside(work: Callable[[], T]) -> T:
    """The result of blocking work, done in another thread, which leaves no connection behind."""

    def run() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


async def until(true: Callable[[], bool]) -> float:
    """Waits until something is so; how many seconds it took."""
    begun = time.monotonic()
    while not await beside(true):
        assert time.monotonic() - begun < PATIENCE, "it did not come about"
        await asyncio.sleep(0.005)
    return time.monotonic() - begun


def status(hook_id: int) -> str:
    with acting_as(Identity.system()):
        return Hook.objects.values_list("status", flat=True).get(pk=hook_id)


def running(
    body: Callable[[asyncio.Event], Awaitable[None]],
    *,
    listen: bool = True,
    client_of: Callable[[Profile, Budget, Breaker], Client] = impatient_client,
) -> float:
    """Runs a desk by the database's clock beside `body`, and stops it after; how long the stop took."""

    async def go() -> float:
        stop = asyncio.Event()
        async with Desk(client_of=client_of) as desk:
            task = asyncio.create_task(desk.run(stop, listen=listen))
            try:
                await body(stop)
            finally:
                begun = time.monotonic()
                stop.set()
                await asyncio.wait_for(task, PATIENCE)
        return time.monotonic() - begun

    return asyncio.run(go())


@pytest.fixture
def now_stage(stage: Theatre) -> Theatre:
    """The stage at the present time, which the database's clock tells."""
    stage.clock.time = datetime.now(UTC) - timedelta(seconds=1)
    stage.world.eventbrite.move_event(stage.friday, stage.clock() + timedelta(days=20))
    stage.promoter.read()
    return stage


def test_the_edge_wakes_it(
    now_stage: Theatre, post: Post, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not look by itself in the time of this test."""
    monkeypatch.setattr(desks, "LOOK_EVERY", 100 * PATIENCE)

    async def body(_: asyncio.Event) -> None:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as edge:
            for _ in range(3):
                hook = await beside(partial(post.order, now_stage.world.buy(now_stage.friday)))
                while await beside(lambda hook=hook: status(hook)) == "waiting":  # type: ignore[misc]
                    # Until it listens, nobody hears; the edge too says it again with the next hook.
                    await edge.execute(f"NOTIFY {CHANNEL}")

    running(body)
    assert now_stage.promoter.count() == now_stage.promoter.truth()


def test_without_being_woken_it_looks_every_second(now_stage: Theatre, post: Post) -> None:
    async def body(_: asyncio.Event) -> None:
        order = now_stage.world.buy(now_stage.friday)
        hook = await beside(partial(post.order, order))
        await until(lambda: status(hook) == "done")

    running(body, listen=False)


def test_a_hook_put_off_is_handled_in_its_time(now_stage: Theatre, post: Post) -> None:
    """Both hooks of a purchase, the second while the first is being read."""

    async def body(_: asyncio.Event) -> None:
        order = now_stage.world.buy(now_stage.friday)
        first = await beside(partial(post.order, order))
        await until(lambda: status(first) == "done")
        now_stage.clock.time = datetime.now(UTC)
        second = await beside(partial(post.order, order))
        await until(lambda: status(second) == "done")
        # On a busy machine an answer may come too late to be believed, and is asked for again.
        assert post.asked_for(order) >= 2

    running(body)


def test_stopping_ends_what_is_under_way(now_stage: Theatre, post: Post) -> None:
    now_stage.sandbox.faults.set([{"kind": "latency", "path": "/orders/", "seconds": 1.0}])
    order = now_stage.world.buy(now_stage.friday)
    hook = post.order(order)

    async def body(_: asyncio.Event) -> None:
        await until(lambda: post.asked_for(order) == 1)

    running(body)
    assert status(hook) == "done"


def test_what_cannot_be_ended_in_time_is_taken_up_by_the_next(
    now_stage: Theatre, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "GRACE", 0.2)
    now_stage.sandbox.faults.set([{"kind": "latency", "path": "/orders/", "seconds": 60.0}])
    order = now_stage.world.buy(now_stage.friday)
    hook = post.order(order)

    async def under_way(_: asyncio.Event) -> None:
        await until(lambda: post.asked_for(order) == 1)

    assert running(under_way) < PATIENCE
    assert status(hook) == "waiting", "it was not handled, and is not lost"
    now_stage.sandbox.faults.clear()

    async def body(_: asyncio.Event) -> None:
        await until(lambda: status(hook) == "done")

    running(body)
    assert now_stage.promoter.count() == now_stage.promoter.truth()


def test_a_mistake_with_one_account_stops_no_other(
    now_stage: Theatre, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    def client_of(profile: Profile, budget: Budget, breaker: Breaker) -> Client:
        if profile.platform == "humanitix":
            raise ZeroDivisionError
        return impatient_client(profile, budget, breaker)

    order = now_stage.world.buy(now_stage.cellar)
    document = {"orderId": order.id, "eventId": now_stage.cellar.id}
    bad = post.put("humanitix", document, 2)
    good = post.order(now_stage.world.buy(now_stage.friday))

    async def body(_: asyncio.Event) -> None:
        await until(lambda: status(good) == "done")
        await until(lambda: post.hook(bad).attempts > 0)

    running(body, client_of=client_of)
    assert post.state(bad) == ("waiting", "internal_error")
    assert post.due_in(bad) > 20


def test_the_database_may_come_back(now_stage: Theatre, post: Post, database_server: EmbeddedServer) -> None:
    """Every connection of the desk is cut; it goes on by itself."""

    async def body(_: asyncio.Event) -> None:
        first = await beside(partial(post.order, now_stage.world.buy(now_stage.friday)))
        await until(lambda: status(first) == "done")
        await beside(partial(_cut_everybody_off, database_server))
        order = now_stage.world.buy(now_stage.friday)
        hook = await beside(partial(post.order, order))
        await until(lambda: status(hook) == "done")

    running(body)
    connections.close_all()  # this thread's was cut too


def _cut_everybody_off(server: EmbeddedServer) -> None:
    name = connections["default"].settings_dict["NAME"]
    with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
