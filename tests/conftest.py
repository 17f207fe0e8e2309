"""What every test stands on: a real database, and a machine without the outside world.

One embedded server serves the whole session, however many workers there are. It is a copy of a home that was migrated
once (`tests.migrated`); each worker has a copy of the database in it. Nothing is rolled back or emptied between tests:
each test makes an organisation of its own, and the walls keep them apart.
"""

import contextlib
import gc
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from housecount.installation import files, keys, roles
from housecount.installation.postgres import DATABASE, SUPERUSER, EmbeddedServer
from tests import migrated

_PREFIX = "housecount-tests-"
_TEMPLATE = "housecount_template"
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
_DATABASE = f"housecount_{_WORKER}"
# Tests in these folders use no database.
_PURE = {"core", "platforms", "sandbox", "installation", "bench"}

# Tests in these folders start whole programs or read whole seasons; `make test-fast` leaves them out.
_SLOW = {"bench", "cli", "faults", "installation", "intake", "invoices", "sandbox", "walls", "xero"}
# And these, which ask every operation there is.
_SLOW_MODULES = {"test_access", "test_contract"}
#: By folder, the fixtures whose tests speak to invented platforms over HTTP.
_SERVED = {"sync": {"stage", "read_stage", "desk", "public", "ground", "house", "database"}}

_OWNS_HOME = "HOUSECOUNT_TEST_HOME" not in os.environ
if _OWNS_HOME:
    _made = Path(tempfile.mkdtemp(prefix=_PREFIX))
    _made.chmod(0o711)  # the server's user passes through
    # Held for as long as this session lives, so that others can tell it from one that was killed.
    _ALIVE = files.open_lock(_made / "session.lock")
    files.try_lock(_ALIVE.fileno(), exclusive=False)
    os.environ["HOUSECOUNT_TEST_HOME"] = str(_made)
    os.environ["HOUSECOUNT_TEST_KEY"] = keys.new_encryption_key()
_HOME = Path(os.environ["HOUSECOUNT_TEST_HOME"])
_SERVER = EmbeddedServer(_HOME / "server", fsync=False)
files.ensure_home(_SERVER.home)


def _forget_surroundings() -> None:
    """No variable of whoever runs the tests may change what they do."""
    kept = {"HOUSECOUNT_TEST_HOME", "HOUSECOUNT_TEST_KEY", "HOUSECOUNT_EXAMPLES"}
    prefixes = ("HOUSECOUNT_", "HUMANITIX_", "EVENTBRITE_", "XERO_", "DATABASE_", "PG")
    for name in [name for name in os.environ if name.startswith(prefixes) and name not in kept]:
        del os.environ[name]


_forget_surroundings()
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "housecount.settings",
    "HOUSECOUNT_HOME": str(_HOME / "files"),
    "DATABASE_URL": _SERVER.url(roles.LOGIN, _DATABASE),
    "DATABASE_OWNER_URL": _SERVER.url(roles.OWNER, _DATABASE),
    "HOUSECOUNT_SECRET_KEY": "an invented key for tests, long enough to be accepted",
    "HOUSECOUNT_ENCRYPTION_KEYS": os.environ["HOUSECOUNT_TEST_KEY"],
}

# --- Examples -----------------------------------------------------------------------------------------
_FACTOR = float(os.environ.get("HOUSECOUNT_EXAMPLES") or 1)
settings.register_profile(
    "housecount",
    max_examples=max(1, round(100 * _FACTOR)),
    deadline=None,
    # The same examples in every run, unless somebody asked for more of them.
    derandomize="HOUSECOUNT_EXAMPLES" not in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("housecount")


_making: "subprocess.Popen[bytes] | None" = None


def pytest_configure(config: pytest.Config) -> None:
    global _making  # noqa: PLW0603 - one for the session
    import django

    if (
        _OWNS_HOME
        and config.args_source is pytest.Config.ArgsSource.TESTPATHS
        and not config.option.collectonly
    ):
        # Where everything is run, a database is needed: it is made while the tests are collected.
        _making = migrated.begin()

    django.setup()
    # A worker inherits the environment; told of the settings, it would load them before this file names its database.
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_collection_finish() -> None:
    # What is there now stays until the end: looking through it again and again frees nothing.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def _folder(path: Path) -> str:
    """The folder of `tests` that a path is in or is."""
    here = Path(__file__).parent
    return path.relative_to(here).parts[0] if path.is_relative_to(here) and path != here else ""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What `make test-fast` leaves out whole is not even compiled."""
    left_out = config.option.markexpr == "not browser and not slow"
    return True if left_out and _folder(collection_path) in _SLOW | {"browser"} else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = _folder(item.path)
        served = not _SERVED.get(folder, set()).isdisjoint(_fixtures(item))
        if folder in _SLOW or item.path.stem in _SLOW_MODULES or served:
            item.add_marker("slow")
    # Those that need no database while it is being made.
    items.sort(key=lambda item: _folder(item.path) not in _PURE)


#: Tests that one worker must run, by the beginning of their ids: they share what is slow to set up, or disturb others.
_TOGETHER = (
    "tests/browser/",
    "tests/sync/test_workers.py",
    "tests/walls/test_routes.py",
    "tests/cli/test_commands.py",
    "tests/api/test_access.py",
    "tests/api/test_contract.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What `xdist_group` would do, which this pytest and xdist do not do together: the mark is not heeded."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((start for start in _TOGETHER if nodeid.startswith(start)), nodeid)

    return Together(config, log)


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def pytest_sessionstart() -> None:
    if _OWNS_HOME:
        _remove_abandoned()


def pytest_unconfigure() -> None:
    if _OWNS_HOME:
        if _making is not None:
            _making.wait()
        with contextlib.suppress(Exception):
            _stop_for_good(_HOME)
        _ALIVE.close()


def _remove_abandoned() -> None:
    """Servers and directories of sessions that were killed."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        session = directory / "session.lock"
        try:
            if directory == _HOME or directory.stat().st_uid != os.geteuid() or not session.exists():
                continue
            with files.open_lock(session) as file:
                abandoned = files.try_lock(file.fileno(), exclusive=True)
        except FileNotFoundError:  # another session ended at this moment
            continue
        if abandoned:
            with contextlib.suppress(Exception):
                _stop_for_good(directory)


def _stop_for_good(directory: Path) -> None:
    server = EmbeddedServer(directory / "server", fsync=False)
    if server.running():
        server.start()
        server.stop()
    shutil.rmtree(directory, ignore_errors=True)


# --- Database -----------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def database(django_db_blocker: object) -> Iterator[str]:
    """The database of this worker, migrated; its name."""
    from django.db import connections

    django_db_blocker.unblock()  # type: ignore[attr-defined]
    with files.exclusive(_HOME / "template.lock", seconds=300, busy="The template takes too long."):
        if not (_SERVER.directory / "data").exists():
            migrated.furnish(_SERVER.home)
        _SERVER.start()
    try:
        with (
            files.exclusive(_HOME / "template.lock", seconds=120, busy="The copies take too long."),
            psycopg.connect(_SERVER.url(SUPERUSER, "postgres"), autocommit=True) as connection,
        ):
            for name, source in ((_TEMPLATE, DATABASE), (_DATABASE, _TEMPLATE)):
                if not _database_exists(connection, name):
                    _create_database(connection, name, source)
        yield _DATABASE
        connections.close_all()
        with psycopg.connect(_SERVER.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{_DATABASE}" WITH (FORCE)')
    finally:
        _SERVER.stop()


def _database_exists(connection: psycopg.Connection[tuple[object, ...]], name: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _create_database(connection: psycopg.Connection[tuple[object, ...]], name: str, template: str) -> None:
    connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {roles.OWNER}')
    connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO {roles.LOGIN}')


@pytest.fixture(scope="session")
def django_db_setup(database: str) -> None:
    """Replaces pytest-django's own: the database is there, and it is not Django's to create."""


@pytest.fixture(scope="session")
def database_server(database: str) -> EmbeddedServer:
    """The server itself, for tests that need its superuser or databases of their own."""
    return _SERVER


@pytest.fixture(scope="session")
def database_url(database: str) -> str:
    """Where the application connects."""
    return _SERVER.url(roles.LOGIN, database)


@pytest.fixture(scope="session")
def database_owner_url(database: str) -> str:
    """Where the owner of all tables connects."""
    return _SERVER.url(roles.OWNER, database)


@pytest.fixture
def owner_connection(database_owner_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The owner's connection, in autocommit: for looking into the catalogue."""
    with psycopg.connect(database_owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _database_where_needed(request: pytest.FixtureRequest) -> None:
    if _folder(request.path) not in _PURE:
        request.getfixturevalue("database")


# --- No outside world ---------------------------------------------------------------------------------
def _is_number(host: object) -> bool:
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


def _is_near(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = str(address[0]).partition("%")[0]
    if host in {"", "localhost", "testserver"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def _no_outside_world() -> Iterator[None]:
    patch = pytest.MonkeyPatch()

    def guarded(name: str) -> None:
        original = getattr(socket.socket, name)

        def connect(self: socket.socket, address: object) -> object:
            if not _is_near(address):
                self.close()
                raise AssertionError(f"A test tried to reach the outside world: {address!r}")
            return original(self, address)

        patch.setattr(socket.socket, name, connect)

    guarded("connect")
    guarded("connect_ex")
    look_up = socket.getaddrinfo

    def getaddrinfo(host: object, *arguments: object, **options: object) -> object:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not _is_number(name) and not _is_near((name,)):
            raise AssertionError(f"A test tried to look up a name of the outside world: {host!r}")
        return look_up(host, *arguments, **options)  # type: ignore[arg-type]

    patch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    patch.undo()
