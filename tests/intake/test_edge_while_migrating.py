"""Hooks are taken while a migration holds the tables, and none is lost when it holds the log itself."""

import asyncio

import psycopg
import pytest

from tests.intake.edge_stage import Door, an_edge, ask, delivery, make_door

#: All that taking a hook touches.
NEEDED = ("webhook_log", "sync_hook_door")


@pytest.fixture
def migration(
    owner_connection: psycopg.Connection[tuple[object, ...]],
) -> psycopg.Connection[tuple[object, ...]]:
    """The owner's connection, which a migration uses."""
    return owner_connection


def tables(migration: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    found = migration.execute(
        "SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relowner = current_user::regrole"
    )
    return [str(row[0]) for row in found]


def test_every_other_table_may_be_in_the_hands_of_a_migration(
    database_url: str, migration: psycopg.Connection[tuple[object, ...]]
) -> None:
    door = make_door()
    others = [name for name in tables(migration) if name not in NEEDED]
    assert len(others) > 30

    async def run() -> int:
        async with an_edge(database_url, patience=2.0) as edge:
            with migration.transaction():
                migration.execute(f"LOCK TABLE {', '.join(others)} IN ACCESS EXCLUSIVE MODE")  # type: ignore[arg-type]
                return (await ask(edge, door.path, delivery())).status

    assert asyncio.run(run()) == 200
    assert len(door.rows()) == 1


@pytest.mark.parametrize("table", NEEDED)
def test_while_a_migration_holds_the_log_senders_are_told_to_come_again(
    database_url: str, migration: psycopg.Connection[tuple[object, ...]], table: str
) -> None:
    door = make_door()

    async def run(door: Door) -> list[int]:
        async with an_edge(database_url, patience=0.3) as edge:
            with migration.transaction():
                migration.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")  # type: ignore[arg-type]
                refused = (await ask(edge, door.path, delivery(1))).status
            # Free again: whoever sends once more is heard, as soon as a connection is there.
            for _ in range(50):
                taken = (await ask(edge, door.path, delivery(2))).status
                if taken == 200:
                    break
            return [refused, taken]

    assert asyncio.run(run(door)) == [503, 200]
    bodies = [bytes(row.body) for row in door.rows()]
    assert bodies.count(delivery(2)) == 1
