"""The edge while its database is away, slow, or pooled: an answer of 200 means a row, whatever happens."""

import asyncio
import time
from typing import Any

import psycopg
import pytest

from housecount.intake.edge import store
from housecount.intake.edge.app import SCHEDULED, Edge
from housecount.intake.edge.rows import make_row
from housecount.intake.edge.store import Store, Unavailable
from housecount.platforms.registry import SOURCES
from tests.intake.edge_stage import BEHIND_A_GATE, OPERATOR, Door, Gate, an_edge, ask, delivery, make_door
from tests.walls.pooling_proxy import pooling_proxy

pytestmark = BEHIND_A_GATE
BODY = delivery()
PATIENCE = 0.6


async def sent_until_taken(edge: Edge, door: Door) -> int:
    """Sends like a patient sender, who is told to come again."""
    async with asyncio.timeout(20):
        while (answer := await ask(edge, door.path, BODY)).status != 200:
            assert answer.status == 503
            await asyncio.sleep(0.01)
    return answer.status


def test_without_a_database_hooks_are_asked_for_again_and_with_it_taken_again(database_url: str) -> None:
    door = make_door()

    async def run() -> list[int]:
        gate = Gate(database_url)
        await gate.open()
        async with an_edge(lambda: gate.url, patience=PATIENCE) as edge:
            statuses = [(await ask(edge, door.path, BODY)).status]
            await gate.shut()
            away = await ask(edge, door.path, BODY)
            assert away.headers["retry-after"].isdigit()
            assert away.document["code"] == "unavailable"
            scheduled = await ask(edge, SCHEDULED, headers={"authorization": f"Bearer {OPERATOR}"})
            statuses += [away.status, scheduled.status]
            await gate.open()
            statuses.append(await sent_until_taken(edge, door))
            await gate.shut()
            return statuses

    assert asyncio.run(run()) == [200, 503, 503, 200]
    assert len(door.rows()) == 2


def test_a_short_absence_is_waited_for(database_url: str) -> None:
    door = make_door()

    async def run() -> list[int]:
        gate = Gate(database_url)
        await gate.open()
        async with an_edge(lambda: gate.url, patience=20) as edge:
            await ask(edge, door.path, BODY)
            await gate.shut()
            asking = [asyncio.create_task(ask(edge, door.path, BODY)) for _ in range(5)]
            await asyncio.wait(asking, timeout=0.2)
            await gate.open()
            statuses = [answer.status for answer in await asyncio.gather(*asking)]
            await gate.shut()
            return statuses

    assert asyncio.run(run()) == [200] * 5
    # What was on its way when the connection was lost may have been stored already: a hint twice does no harm.
    assert len(door.rows()) >= 6


def test_a_database_that_does_not_answer_is_given_up_in_time_and_used_again(database_url: str) -> None:
    door = make_door()

    async def run() -> tuple[list[int], float]:
        gate = Gate(database_url)
        await gate.open()
        async with an_edge(lambda: gate.url, patience=PATIENCE) as edge:
            assert (await ask(edge, door.path, BODY)).status == 200
            gate.stop_the_flow()
            started = time.monotonic()
            stuck = await asyncio.gather(*(ask(edge, door.path, BODY) for _ in range(10)))
            took = time.monotonic() - started
            gate.let_flow()
            await sent_until_taken(edge, door)
            await gate.shut()
            return [answer.status for answer in stuck], took

    statuses, took = asyncio.run(run())
    assert statuses == [503] * 10
    assert took < 10  # on a busy machine; with room it is PATIENCE


def test_every_answer_of_200_is_a_row_while_connections_break(database_url: str) -> None:
    door = make_door()

    async def run() -> list[int]:
        gate = Gate(database_url)
        await gate.open()
        accepted: list[int] = []
        enough = asyncio.Event()
        async with an_edge(lambda: gate.url, patience=60) as edge:

            async def send(first: int) -> None:
                for number in range(first, first + 20):
                    if (await ask(edge, door.path, delivery(number))).status == 200:
                        accepted.append(number)
                        if len(accepted) % 20 == 0:
                            enough.set()

            sending = [asyncio.create_task(send(first)) for first in range(0, 400, 20)]
            for _ in range(4):
                enough.clear()
                await enough.wait()
                await gate.shut()
                await gate.open()
            await asyncio.gather(*sending)
            await gate.shut()
        return accepted

    accepted = asyncio.run(run())
    assert len(accepted) == 400
    stored = {int(row.touches[0]["object_id"]) for row in door.rows()}
    assert set(accepted) <= stored


def test_what_waits_when_it_is_told_to_stop_is_stored_first(database_url: str) -> None:
    door = make_door()

    async def run() -> list[int]:
        async with an_edge(database_url, writers=1) as edge:
            asking = [asyncio.create_task(ask(edge, door.path, delivery(number))) for number in range(300)]
            await asyncio.sleep(0)
        return [answer.status for answer in await asyncio.gather(*asking)]

    assert asyncio.run(run()) == [200] * 300
    assert len(door.rows()) == 300


def test_a_full_queue_is_said_so_at_once(database_url: str) -> None:
    door = make_door()
    row = make_row(SOURCES["eventbrite"], "eventbrite", door.token.encode(), {}, BODY)

    async def run() -> None:
        store = Store(lambda: database_url, most_waiting=3)
        waiting = [store.offer(row) for _ in range(3)]
        with pytest.raises(Unavailable):
            store.offer(row)
        await store.start()
        await asyncio.gather(*waiting)
        await store.stop()

    asyncio.run(run())
    assert len(door.rows()) == 3


def test_tables_that_are_not_there_yet_are_no_reason_to_lose_a_hook(database_owner_url: str) -> None:
    # The owner of the tables is no application: the database refuses the statement, not the connection.
    door = make_door()

    async def run() -> list[int]:
        async with an_edge(
            f"{database_owner_url}&options=-csearch_path%3Dnowhere", patience=PATIENCE
        ) as edge:
            return [
                answer.status
                for answer in await asyncio.gather(*(ask(edge, door.path, BODY) for _ in range(3)))
            ]

    assert asyncio.run(run()) == [503] * 3
    assert door.rows() == []


def test_behind_a_proxy_that_pools_transactions_nothing_is_left_behind(database_url: str) -> None:
    door = make_door()
    with pooling_proxy(database_url, 2) as proxy:
        url = psycopg.conninfo.make_conninfo(database_url, host="127.0.0.1", port=proxy.port)

        async def run() -> list[int]:
            async with an_edge(url, writers=3) as edge:
                return [
                    answer.status
                    for _ in range(20)
                    for answer in await asyncio.gather(*(ask(edge, door.path, BODY) for _ in range(10)))
                ]

        assert asyncio.run(run()) == [200] * 200
        assert any(len(set(server.clients)) > 1 for server in proxy.servers)
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            told = connection.execute(
                "SELECT current_setting('role'), nullif(current_setting('app.role', true), '')"
            ).fetchone()
    assert told == ("none", None)
    assert len(door.rows()) == 200


def test_an_error_that_nobody_thought_of_costs_a_connection_and_no_hook(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = make_door()
    insert, failures = store._insert, 0

    async def stumbling(*arguments: Any) -> Any:
        nonlocal failures
        if failures < 3:
            failures += 1
            raise RuntimeError("a descriptor that belongs to somebody else")
        return await insert(*arguments)

    monkeypatch.setattr(store, "_insert", stumbling)

    async def run() -> list[int]:
        async with an_edge(database_url, patience=60) as edge:
            asking = (ask(edge, door.path, delivery(number)) for number in range(10))
            return [answer.status for answer in await asyncio.gather(*asking)]

    assert asyncio.run(run()) == [200] * 10
    assert failures == 3
    assert len(door.rows()) == 10
