"""The database roles and what each may do.

- `housecount_owner` owns the database and every table, and runs the migrations.
- `housecount_login` is who the application signs in as. It owns nothing and inherits nothing.
- `housecount_app` cannot sign in. It carries the application's rights, and each transaction switches to it;
  a forgotten switch meets "permission denied".

Roles belong to a whole cluster: they may exist already, made by another installation or at this very moment.
"""

import contextlib
import time
from collections.abc import Mapping
from typing import LiteralString

import psycopg
from psycopg import sql

from housecount.installation.errors import RolesIncomplete

OWNER = "housecount_owner"
LOGIN = "housecount_login"
APP = "housecount_app"

Connection = psycopg.Connection[tuple[object, ...]]
# Tables of the libraries we use, by the beginning of their names: not a tenant's, so without row security.
_SHARED_TABLES = (
    "account_",
    "auth_",
    "django_session",
    "django_content_type",
    "housecount_cache",
    "procrastinate_",
)
# The worker's own connections never switch roles, so the login itself needs the queue.
_QUEUE_TABLES = ("procrastinate_",)


def make_cluster(connection: Connection, database: str, passwords: Mapping[str, str]) -> None:
    """As superuser of our own cluster: make the roles, give them their passwords, make the database."""
    for name, options in ((OWNER, "LOGIN CREATEDB"), (LOGIN, "LOGIN NOINHERIT")):
        _create_role(connection, name, options)
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(passwords[name]))
        )
    _create_role(connection, APP, "NOLOGIN")
    _grant_membership(connection, LOGIN)
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
    if not found:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(OWNER))
        )
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), sql.Identifier(LOGIN))
    )


def ensure_roles(connection: Connection, login_name: str) -> None:
    """See to it that `housecount_app` exists and that `login_name` may switch to it. Changes nothing twice.

    `connection` is the owner's, in autocommit. Raises RolesIncomplete with the SQL to run when we may not.
    """
    try:
        if not _exists(connection, APP):
            _create_role(connection, APP, "NOLOGIN")
        if not _may_switch(connection, login_name):
            _grant_membership(connection, login_name)
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(APP)))
    except psycopg.errors.InsufficientPrivilege as error:
        statements = [
            *([] if _exists(connection, APP) else [f"CREATE ROLE {APP} NOLOGIN;"]),
            f'GRANT {APP} TO "{login_name}";',
            f"GRANT USAGE ON SCHEMA public TO {APP};",
        ]
        raise RolesIncomplete(
            "The database does not let us make the roles Housecount needs. Ask whoever runs it to execute, in "
            "this database:\n  " + "\n  ".join(statements)
        ) from error


def grant_shared(connection: Connection, login_name: str) -> None:
    """After migrating: let the application use the tables of sign-in, sessions, cache and queue.

    A tenant's tables carry their grants in their own migrations.
    """
    owner = _one(connection, "SELECT current_user")
    for prefix in _SHARED_TABLES:
        receivers = [APP]
        if prefix in _QUEUE_TABLES and login_name != owner:
            receivers.append(login_name)
        for kind, name in _relations(connection, prefix):
            rights = "USAGE, SELECT" if kind == "S" else "SELECT, INSERT, UPDATE, DELETE"
            connection.execute(
                sql.SQL("GRANT {} ON {} {} TO {}").format(
                    sql.SQL(rights),
                    sql.SQL("SEQUENCE" if kind == "S" else "TABLE"),
                    sql.Identifier("public", name),
                    sql.SQL(", ").join(map(sql.Identifier, receivers)),
                )
            )
    connection.execute(sql.SQL("GRANT SELECT ON django_migrations TO {}").format(sql.Identifier(APP)))
    if login_name != owner:
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(login_name)))


def _relations(connection: Connection, prefix: str) -> list[tuple[str, str]]:
    rows = connection.execute(
        "SELECT relkind::text, relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'p', 'S', 'v') AND starts_with(relname, %s) ORDER BY relname",
        [prefix],
    )
    return [(str(kind), str(name)) for kind, name in rows]


def _create_role(connection: Connection, name: str, options: LiteralString) -> None:
    if _exists(connection, name):
        return
    # It may have been made by another process since we looked.
    with contextlib.suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        connection.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(name), sql.SQL(options)))


def _grant_membership(connection: Connection, login_name: str) -> None:
    statement = sql.SQL("GRANT {} TO {}").format(sql.Identifier(APP), sql.Identifier(login_name))
    for attempt in range(10):
        try:
            connection.execute(statement)
        except psycopg.errors.InternalError_:  # "tuple concurrently updated": another process does the same
            if attempt == 9:
                raise
            time.sleep(0.05)
        else:
            return


def _exists(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is not None


def _may_switch(connection: Connection, login_name: str) -> bool:
    # PostgreSQL 16 separated the right to switch to a role from mere membership.
    modern = connection.info.server_version >= 160000
    right = "SET" if modern else "MEMBER"
    row = connection.execute("SELECT pg_has_role(%s, %s, %s)", [login_name, APP, right]).fetchone()
    return row is not None and row[0] is True


def _one(connection: Connection, query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    return str(row[0]) if row else ""
