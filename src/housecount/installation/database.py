"""Which database this process uses, and making it ready.

A command calls `ready()` before Django is set up: with the embedded server it is started (and stopped when
the process ends, if nobody else uses it) and the missing keys are made. Settings then take `settings()`.
Importing settings without `ready()`, as a linter does, starts nothing and connects to nothing.
"""

import atexit
import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from housecount.core.errors import HousecountError
from housecount.installation import environment, keys, roles
from housecount.installation.environment import Environment
from housecount.installation.errors import DatabaseUnavailable
from housecount.installation.files import ensure_home
from housecount.installation.postgres import EmbeddedServer

_CONNECT_SECONDS = 10
_HEAL_EVERY_SECONDS = 1.0
_LOGGER = logging.getLogger(__name__)
_server: EmbeddedServer | None = None


def ready() -> Environment:
    """Have keys and a database that answers; the environment as it then is.

    Raises an InstallationError with what to do. Safe to call more than once.
    """
    global _server  # noqa: PLW0603 - one server per process, stopped at its end
    found = environment.load()
    if not found.embedded:
        return found
    if _server is None:
        ensure_home(found.home)
        keys.ensure_keys(found.home)
        environment.load.cache_clear()
        server = EmbeddedServer(found.home)
        server.start()
        atexit.register(server.stop)
        _server = server
    return environment.load()


def server() -> EmbeddedServer | None:
    """The embedded server this process uses, if it uses one."""
    return _server


def application_url() -> str:
    """Where the application connects, its password included."""
    found = environment.load()
    return found.database_url or (_server or EmbeddedServer(found.home)).url(roles.LOGIN)


def owner_url() -> str:
    """Where `migrate` connects, its password included: the same as the application's when only that is told."""
    found = environment.load()
    if found.database_owner_url:
        return found.database_owner_url
    return found.database_url or (_server or EmbeddedServer(found.home)).url(roles.OWNER)


def settings() -> dict[str, object]:
    """Django's entry for the application's connection. Connects to nothing and writes nothing."""
    found = environment.load()
    if found.embedded and _server is None and not (found.home / "database.json").exists():
        return django_entry("postgresql:///housecount?host=/nonexistent")
    return django_entry(application_url())


def django_entry(url: str) -> dict[str, object]:
    """Django's entry for a connection address.

    Fit for a transaction-pooling proxy: no server-side cursors, no prepared statements, nothing that lasts
    longer than a transaction.
    """
    parts = _parse(url)
    entry: dict[str, object] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": str(parts.pop("port", "") or ""),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
    entry["OPTIONS"] = {"connect_timeout": _CONNECT_SECONDS, "prepare_threshold": None, **parts}
    return entry


def connect(url: str) -> roles.Connection:
    """A connection in autocommit. Raises DatabaseUnavailable in words a person can act on."""
    told = _parse(url)
    try:
        return psycopg.connect(
            make_conninfo(**{"connect_timeout": _CONNECT_SECONDS, **told}),
            autocommit=True,
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(explain(error)) from None


def _parse(url: str) -> dict[str, Any]:
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        # libpq's own message would repeat the address, with its password.
        raise DatabaseUnavailable("The database address cannot be understood; check DATABASE_URL.") from None


def explain(error: BaseException) -> str:
    """One sentence on why the database cannot be reached, without its address or password."""
    said = str(error).lower()
    if "password authentication failed" in said:
        return "The database refuses the user name or password. Check DATABASE_URL."
    if "does not exist" in said and "database" in said:
        return "The database server answers, but there is no such database. Create it, or check DATABASE_URL."
    if "could not translate host name" in said or "name or service not known" in said:
        return "The database host's name is unknown. Check DATABASE_URL."
    if "timeout" in said or "timed out" in said:
        return (
            "The database does not answer in time. Check that it runs and that the network lets us through."
        )
    if "too many clients" in said or "remaining connection slots" in said:
        return "The database has no free connections. Close some, or raise its max_connections."
    return "The database cannot be reached. Check that it runs and that DATABASE_URL is right."


@contextlib.contextmanager
def as_owner(url: str | None = None) -> Iterator[None]:
    """Let Django's default connection of this thread act as the owner (at `url`, or as the environment says)."""
    from django.db import connections

    wrapper = connections["default"]
    kept: Mapping[str, object] = dict(wrapper.settings_dict)
    wrapper.close()
    wrapper.settings_dict.update(django_entry(url or owner_url()))
    try:
        yield
    finally:
        wrapper.close()
        wrapper.settings_dict.update(kept)


def login_name() -> str:
    """Whom the database knows the application as; a proxy may know it by another name than the address tells."""
    with connect(application_url()) as connection:
        row = connection.execute("SELECT session_user::text").fetchone()
    return str(row[0]) if row else ""


def keep_alive() -> None:
    """Start the embedded server again whenever it dies while this process lives; for long-running commands."""
    if _server is not None:
        threading.Thread(target=_heal_for_ever, args=(_server,), name="database-healer", daemon=True).start()


def _heal_for_ever(server: EmbeddedServer) -> None:
    while True:
        time.sleep(_HEAL_EVERY_SECONDS)
        try:
            if server.heal():
                _LOGGER.warning("The embedded database had died and was started again.")
        except HousecountError as error:
            _LOGGER.warning("The embedded database is down: %s", error.message)
