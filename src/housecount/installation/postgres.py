"""The embedded database server: made, started, shared, healed and stopped by its users.

Several processes may use one server. Each holds a shared lock on a file for as long as it lives; whoever
finds at its end that nobody else holds it stops the server. The kernel drops the locks of a killed
process, so no count can go wrong: a server left behind by kill -9 is used by the next start and stopped
with it.

The server listens on a Unix socket alone, so no port can be taken and nothing is reachable from outside;
every connection needs a password. As root it runs as the user `nobody` (PostgreSQL refuses to run as
root), otherwise as oneself; a data directory that exists decides by its owner.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import quote

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from housecount.installation import binaries, cluster, files, postmaster, roles
from housecount.installation.cluster import SUPERUSER
from housecount.installation.errors import DatabaseUnavailable, DiskFull, HomeUnusable

DATABASE = "housecount"
_PASSWORDS_FILE = "database.json"
_SOCKET = ".s.PGSQL.5432"
# The kernel's limit is 108 bytes on Linux and 104 on macOS, the socket's own name included.
_LONGEST_SOCKET_DIRECTORY = 80
_SHORT_ROOT = Path("/tmp")  # noqa: S108 - the owner of what we use there is checked
_START_SECONDS = 60
_MOST_LOG_BYTES = 10_000_000
_LEAST_FREE_BYTES = 150_000_000

_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "jit": "off",
    # Containers often have a /dev/shm too small for parallel plans.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    # Rows and parameters hold personal data: the log tells what failed, not with which values.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
}


# Servers we started and that others still use: kept, so that whoever ends them leaves no dead child of ours.
_LEFT_RUNNING: "list[subprocess.Popen[bytes]]" = []


class _Memory(msgspec.Struct):
    """What must outlive the process: the installation's own name, and a password per database role."""

    id: str
    passwords: dict[str, str]


class EmbeddedServer:
    """One embedded server under `home`, which this process uses between `start` and `stop`.

    `fsync=False` trades safety for speed; only for data that may be lost, as in tests.
    """

    def __init__(self, home: Path, *, fsync: bool = True) -> None:
        self.home = home.expanduser().absolute()
        self._fsync = fsync
        self._users: BinaryIO | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None
        self._pid = os.getpid()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Use the server: make it when there is none, start it when it does not run.

        Raises HomeUnusable, DiskFull, NoBinaries or DatabaseUnavailable with what to do.
        """
        files.ensure_home(self.home)
        _LEFT_RUNNING[:] = [child for child in _LEFT_RUNNING if child.poll() is None]
        with self._alone():
            if self._users is None:
                users = files.open_lock(self.home / "database.users")
                if not files.try_lock(users.fileno(), exclusive=False):
                    users.close()
                    raise DatabaseUnavailable(
                        f"Another process keeps the database in {self.home} for itself."
                    )
                self._users = users
                self._pid = os.getpid()
            try:
                self._ensure_running()
            except BaseException:
                self._leave()
                raise

    def heal(self) -> bool:
        """Start the server again if it died while we use it; answers whether that was needed."""
        if self._users is None or self.running():
            return False
        with self._alone():
            if self._users is None or self.running():
                return False
            self._ensure_running()
        return True

    def stop(self) -> None:
        """Use it no longer; the last user stops the server and waits until it is gone. Safe to call twice."""
        if self._users is None or self._pid != os.getpid():
            return
        with _uninterrupted(), self._alone():
            self._leave()

    def running(self) -> bool:
        """Whether a server runs on this data now, whoever started it."""
        return postmaster.running(self._data)

    def url(self, role: str = roles.LOGIN, database: str = DATABASE) -> str:
        """A postgresql:// address with the password of `role` in it: a secret."""
        password = self._passwords()[role]
        return f"postgresql://{role}:{password}@/{database}?host={quote(str(self.socket_directory), safe='')}"

    @property
    def log_path(self) -> Path:
        """Where the server writes what it has to say."""
        return self.directory / "server.log"

    @property
    def directory(self) -> Path:
        """What the server's own user must reach: below `home`, or elsewhere when root's home is closed."""
        if self._directory is None:
            self._directory = self._locate()
        return self._directory

    @property
    def socket_directory(self) -> Path:
        """A directory with a path short enough for a socket, and without a comma (libpq splits at it)."""
        beside = self.directory / "run"
        if len(os.fsencode(beside)) <= _LONGEST_SOCKET_DIRECTORY and "," not in str(beside):
            return beside
        return _SHORT_ROOT / f"housecount-{self._memory().id}"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        busy = f"Another process has been starting or stopping the database in {self.home} for a minute."
        with files.exclusive(self.home / "database.lock", seconds=_START_SECONDS + 10, busy=busy):
            yield

    def _leave(self) -> None:
        users, self._users = self._users, None
        if users is None:
            return
        with users:
            if files.try_lock(users.fileno(), exclusive=True):
                self._shut_down()
        if self._child is not None:
            _LEFT_RUNNING.append(self._child)
        self._child = None

    def _locate(self) -> Path:
        beside = self.home / "postgresql"
        if os.geteuid() != 0 or (beside / "data").exists() or files.passable_by_others(self.home):
            return beside
        # Root's home is closed to the user the server runs as.
        return binaries.SHARED_ROOT / self._memory().id

    def _passwords(self) -> dict[str, str]:
        return self._memory().passwords

    def _memory(self) -> _Memory:
        path = self.home / _PASSWORDS_FILE
        if not path.exists():
            names = (SUPERUSER, roles.OWNER, roles.LOGIN)
            fresh = _Memory(secrets.token_hex(6), {name: secrets.token_urlsafe(24) for name in names})
            files.write_private(path, msgspec.json.encode(fresh).decode(), replace=False)
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Memory)
        except (OSError, msgspec.MsgspecError) as error:
            raise HomeUnusable(
                f"{path} cannot be read; it holds the passwords of the embedded database. "
                "Restore it from a backup, and run Housecount as the user who owns it."
            ) from error

    def _ensure_running(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        if self.running():
            if self._accepts(_START_SECONDS):
                self._ensure_roles()
                return
            # Alive and not to be reached: the socket was removed, or the server hangs.
            self._shut_down()
        account = cluster.account_for(self._data)
        self._make_directories(account)
        if not (self._data / "PG_VERSION").exists():
            cluster.initialise(self._data, account, self._passwords()[SUPERUSER], fsync=self._fsync)
        self._launch(account)
        self._ensure_roles()

    def _ensure_roles(self) -> None:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url()):
            return
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            roles.make_cluster(connection, DATABASE, self._passwords())

    def _make_directories(self, account: cluster.Account | None) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            # As root the folder itself stays root's: the server may not swap what is in it.
            self.directory.chmod(0o755 if account else 0o700)
            self.socket_directory.mkdir(mode=0o755, exist_ok=True)
            if account:
                os.chown(self.socket_directory, account.uid, account.gid)
        except OSError as error:
            raise cluster.readable(error, self.directory) from error
        owner = self.socket_directory.lstat().st_uid
        if owner != (account.uid if account else os.geteuid()):
            raise HomeUnusable(f"{self.socket_directory} belongs to another user; remove it.")
        free = shutil.disk_usage(self.directory).free
        if free < _LEAST_FREE_BYTES:
            raise DiskFull(
                f"There are only {free // 1_000_000} MB left where {self.directory} is; the database needs at "
                f"least {_LEAST_FREE_BYTES // 1_000_000} MB. Free some, or set HOUSECOUNT_HOME elsewhere."
            )

    def _launch(self, account: cluster.Account | None) -> None:
        major = int((self._data / "PG_VERSION").read_text(encoding="ascii").split(".")[0])
        found = binaries.find_binaries(major)
        listed = str(self.socket_directory).replace('"', '""')
        options = {**_OPTIONS, "unix_socket_directories": f'"{listed}"'}
        if not self._fsync:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [str(found.directory / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + _START_SECONDS
        while True:
            postmaster.disown_stale_pid(self._data)
            # No server runs on our data, so these are leftovers; their lock may name a living stranger as well.
            for path in self.socket_directory.glob(f"{_SOCKET}*"):
                path.unlink()
            with contextlib.suppress(FileNotFoundError):
                if self.log_path.stat().st_size > _MOST_LOG_BYTES:
                    self.log_path.replace(self.log_path.with_suffix(".log.1"))
            with self.log_path.open("ab") as log:
                begin = log.tell()
                self._child = subprocess.Popen(  # noqa: S603
                    command,
                    **cluster.run_as(account, self.directory),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Ctrl-C in a terminal goes to a whole group: the server must not be in ours.
                    start_new_session=True,
                )
            if self._accepts(deadline - time.monotonic()):
                return
            with self.log_path.open("rb") as log:
                log.seek(begin)
                said = log.read().decode("utf-8", "replace")
            # Back ends of a server that was killed need a moment to notice it.
            if "shared memory block" in said and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            self._shut_down()
            raise cluster.failed("start", said, self.directory)

    def _accepts(self, seconds: float) -> bool:
        """Wait until the server lets us in; False when it died or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            if self._child is not None and self._child.poll() is not None:
                return False
            try:
                with psycopg.connect(
                    make_conninfo(self.url(SUPERUSER, "postgres"), connect_timeout=5), autocommit=True
                ):
                    return True
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise DatabaseUnavailable(
                        f"The embedded database does not accept the password in {self.home / _PASSWORDS_FILE}. "
                        "Restore that file from a backup."
                    ) from None
            socket_missing = not (self.socket_directory / _SOCKET).exists()
            if self._child is None and (socket_missing or not self.running()):
                return False
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)

    def _shut_down(self) -> None:
        child, self._child = self._child, None
        postmaster.end(self._data, child)
        if self.socket_directory.parent == _SHORT_ROOT:
            shutil.rmtree(self.socket_directory, ignore_errors=True)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep a second Ctrl-C from leaving the server half stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
