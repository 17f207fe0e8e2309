"""Roles and rights, as the database tells them."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from housecount.installation import database as databases
from housecount.installation import keys, migrations, roles
from housecount.installation.errors import DatabaseUnavailable, RolesIncomplete
from housecount.installation.postgres import EmbeddedServer
from tests.installation.support import housecount, run, surroundings

Connection = psycopg.Connection[tuple[object, ...]]


# A role belongs to the whole cluster, which the workers share.
SINGLE = f"single_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


@pytest.fixture
def superuser(database_server: EmbeddedServer, database: str) -> Iterator[Connection]:
    with psycopg.connect(database_server.url("postgres", database), autocommit=True) as connection:
        yield connection


@pytest.fixture
def single_urls(superuser: Connection, database_server: EmbeddedServer, database: str) -> Iterator[list[str]]:
    """Addresses of empty databases that somebody's one role owns: as at a provider with a single login."""
    names = [f"{database}_other_{number}" for number in range(3)]
    superuser.execute(f"CREATE ROLE {SINGLE} LOGIN PASSWORD 'invented' NOSUPERUSER CREATEROLE".encode())
    for name in names:
        superuser.execute(f'CREATE DATABASE "{name}" OWNER {SINGLE}'.encode())
    sockets = str(database_server.socket_directory).replace(" ", "%20")
    yield [f"postgresql://{SINGLE}:invented@/{name}?host={sockets}" for name in names]
    for name in names:
        superuser.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
    superuser.execute(f"DROP ROLE {SINGLE}".encode())


def variables(home: Path, url: str) -> dict[str, str]:
    return surroundings(
        home,
        DATABASE_URL=url,
        HOUSECOUNT_SECRET_KEY="k" * 50,
        HOUSECOUNT_ENCRYPTION_KEYS=keys.new_encryption_key(),
    )


def test_no_role_of_ours_can_bypass_the_walls(superuser: Connection) -> None:
    rows = superuser.execute(
        "SELECT rolname::text, rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication, rolcanlogin, rolinherit"
        " FROM pg_roles WHERE rolname LIKE 'housecount%' ORDER BY 1"
    ).fetchall()
    assert rows == [
        (roles.APP, False, False, True),
        (roles.LOGIN, False, True, False),
        (roles.OWNER, False, True, True),
    ]


def test_the_application_owns_nothing_and_has_nothing_before_it_switches(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        owned = connection.execute(
            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = ANY(%s)",
            [[roles.LOGIN, roles.APP]],
        ).fetchone()
        assert owned == (0,)
        for statement in (
            "SELECT 1 FROM django_session",
            "SELECT 1 FROM tenancy_user",
            "CREATE TABLE mine (a int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        with connection.transaction():
            connection.execute("SELECT set_config('role', 'housecount_app', true)")
            connection.execute("SELECT 1 FROM django_session")
        for statement in ("SELECT 1 FROM procrastinate_jobs", "SELECT 1 FROM procrastinate_events"):
            connection.execute(statement.encode())


def test_the_application_cannot_empty_or_change_any_table(superuser: Connection) -> None:
    rows = superuser.execute(
        "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND has_table_privilege(%s, c.oid, 'TRUNCATE, TRIGGER, REFERENCES')",
        [roles.APP],
    ).fetchall()
    assert rows == []


def test_roles_are_ensured_at_once_from_several_databases_of_a_cluster(
    single_urls: list[str], superuser: Connection
) -> None:
    def ensure(url: str) -> None:
        with databases.connect(url) as connection:
            for _ in range(5):
                roles.ensure_roles(connection, SINGLE)

    superuser.execute(f"GRANT {roles.APP} TO {SINGLE} WITH ADMIN TRUE, SET FALSE, INHERIT FALSE".encode())
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(ensure, url) for url in single_urls]:
            done.result()
    with databases.connect(single_urls[0]) as connection, connection.transaction():
        connection.execute("SELECT set_config('role', 'housecount_app', true)")


def test_whoever_may_not_make_the_roles_is_told_what_to_run(
    single_urls: list[str], superuser: Connection, database_server: EmbeddedServer, database: str
) -> None:
    superuser.execute(f"ALTER ROLE {SINGLE} NOCREATEROLE".encode())
    with databases.connect(single_urls[0]) as single:
        with pytest.raises(RolesIncomplete) as refused:
            roles.ensure_roles(single, SINGLE)
        assert f'GRANT {roles.APP} TO "{SINGLE}";' in refused.value.message
        for line in refused.value.message.splitlines()[1:]:
            with psycopg.connect(
                database_server.url("postgres", f"{database}_other_0"), autocommit=True
            ) as administrator:
                administrator.execute(line.encode())
        roles.ensure_roles(single, SINGLE)


def test_one_login_for_everything_works_and_two_migrations_at_once_wait_for_each_other(
    single_urls: list[str], superuser: Connection, home: Path
) -> None:
    superuser.execute(f"GRANT {roles.APP} TO {SINGLE}".encode())
    environment = variables(home, single_urls[0])
    first = run(housecount("doctor"), environment)
    assert (first.returncode, "run housecount migrate" in first.stdout) == (1, True), first
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(run, housecount("migrate", "--json"), environment) for _ in range(2)]
        results = [each.result() for each in done]
    assert [result.returncode for result in results] == [0, 0], results
    assert sorted(len(json.loads(result.stdout)["applied"]) > 0 for result in results) == [False, True]
    assert run(housecount("migrate", "--check"), environment).returncode == 0
    found = run(housecount("doctor"), environment)
    assert found.returncode == 0, found.stdout
    assert "The walls would be thicker with two" in found.stdout
    made = run(housecount("organisation", "create", "Late Show", "--json"), environment)
    assert made.returncode == 0, made.stderr + made.stdout


def test_pending_and_behind_agree_with_the_database(database_url: str, database_owner_url: str) -> None:
    assert migrations.pending(database_owner_url) == []
    assert not migrations.behind(database_url)
    with psycopg.connect(database_owner_url) as connection:
        row = connection.execute(
            "DELETE FROM django_migrations WHERE app = 'sessions' RETURNING app, name"
        ).fetchone()
        connection.commit()
        assert row is not None
        try:
            assert migrations.pending(database_owner_url) == [f"{row[0]}.{row[1]}"]
            assert migrations.behind(database_url)
        finally:
            connection.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())", [row[0], row[1]]
            )
            connection.commit()
    assert not migrations.behind(database_url)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda url: url.replace(":", ":wrong", 2).replace("postgresql:wrong", "postgresql:"),
            "user name or password",
        ),
        (lambda url: url.replace("?", "_no_such?"), "no such database"),
        (lambda url: "postgresql://someone:opensesame@127.0.0.1:1/x", "cannot be reached"),
        (lambda url: "postgresql://someone:opensesame@/x?nonsense=1", "cannot be understood"),
    ],
)
def test_an_unreachable_database_is_explained_without_its_password(
    database_url: str, change: object, told: str
) -> None:
    with pytest.raises(DatabaseUnavailable) as refused:
        databases.connect(change(database_url))  # type: ignore[operator]
    assert told in refused.value.message
    assert "opensesame" not in refused.value.message
    assert os.environ["DATABASE_URL"] not in refused.value.message
