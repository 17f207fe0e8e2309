"""Bringing the database to the tables this version needs, and knowing whether it has them.

Callers set Django up first. Statements run as the owner; whoever guards the application's statements must
let these pass.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from housecount.installation import database, roles

Say = Callable[[str], None]
# Any number will do, as long as nobody else in this database locks the same one.
_LOCK = 7_305_871_204
# A migration that waits for a lock keeps every later statement on that table waiting behind it.
_LIMITS = (
    "SET lock_timeout = '15s'; SET statement_timeout = '30min'; SET idle_in_transaction_session_timeout = 0"
)


def pending(owner_url: str) -> list[str]:
    """The migrations that are not applied yet, as `app.name`, in no particular order."""
    from django.db.migrations.loader import MigrationLoader

    with database.connect(owner_url) as connection:
        applied = _applied(connection, become=None)
    loader = MigrationLoader(None)
    return [f"{app}.{name}" for app, name in loader.disk_migrations if (app, name) not in applied]


def behind(application_url: str) -> bool:
    """Whether the application, with its own rights, finds migrations missing. Quick: reads file names only."""
    from django.apps import apps

    with database.connect(application_url) as connection, connection.transaction():
        applied = _applied(connection, become=roles.APP)
    present = {
        (config.label, path.stem)
        for config in apps.get_app_configs()
        for path in Path(config.path, "migrations").glob("[0-9]*.py")
    }
    return not present <= applied


def _applied(connection: roles.Connection, become: str | None) -> set[tuple[str, str]]:
    if become is not None:
        try:
            connection.execute("SELECT set_config('role', %s, true)", [become])
        except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege):
            return set()  # not even the roles are there
    try:
        with connection.transaction():
            rows = connection.execute("SELECT app::text, name::text FROM public.django_migrations").fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return set()
    return {(str(app), str(name)) for app, name in rows}


def migrate(owner_url: str, login_name: str, say: Say = lambda _: None) -> list[str]:
    """Make roles, tables, the cache table and grants. Answers what was applied; nothing when all was there.

    A second run at the same time waits for the first. Raises RolesIncomplete or DatabaseUnavailable.
    """
    from django.core.management import call_command
    from django.db import connections

    with _alone(owner_url, say):
        with database.connect(owner_url) as connection:
            roles.ensure_roles(connection, login_name)
        missing = pending(owner_url)
        with database.as_owner(owner_url):
            if missing:
                say(f"Applying {len(missing)} database changes.")
                with connections["default"].cursor() as cursor:
                    cursor.execute(_LIMITS)
                call_command("migrate", verbosity=0, interactive=False)
            call_command("createcachetable", verbosity=0)
        with database.connect(owner_url) as connection:
            roles.grant_shared(connection, login_name)
    return sorted(missing)


@contextlib.contextmanager
def _alone(owner_url: str, say: Say) -> Iterator[None]:
    """Hold a lock that ends with its transaction: a proxy keeps one for us, and a dead process keeps none."""
    with database.connect(owner_url) as connection, connection.transaction():
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        try:
            with connection.transaction():
                connection.execute("SET LOCAL lock_timeout = '1s'")
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        except psycopg.errors.LockNotAvailable:
            say("Another migration is running; waiting for it.")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield
