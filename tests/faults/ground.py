"""An installation of its own for tests that hurt it: a database, a home, and commands, all from the outside.

Nothing here uses Django or the code under test beyond the embedded server's launcher: what is asserted about the
ledger is asked of the database as its superuser, who sees past every wall.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg

from housecount.installation import files, keys, postmaster, roles
from housecount.installation.cluster import SUPERUSER
from housecount.installation.postgres import DATABASE, EmbeddedServer
from tests.migrated import furnish

SOURCE = Path(__file__).parents[2] / "src"
ROOT = Path(__file__).parents[2]
_PREFIX = "housecount-faults-"
_COMMAND_SECONDS = 180
#: How long a test waits for what should come soon: machines are busy at times.
PATIENCE = 90.0
#: Enough calls that no platform's limit slows a test down.
_PLENTY = "1000000"

_JOBS = """
    SELECT j.id, task_name, status::text, lock, queueing_lock, worker_id, scheduled_at::time, args::text,
           (SELECT array_agg(type || ' ' || at::time) FROM procrastinate_events e WHERE e.job_id = j.id)
    FROM procrastinate_jobs j WHERE status IN ('todo', 'doing') ORDER BY id
"""
_CONNECTIONS = """
    SELECT pid, state, wait_event, now() - xact_start, left(query, 100) FROM pg_stat_activity
    WHERE datname = current_database()
"""
_HOOKS = """
    SELECT id, platform, status, attempts, outcome, explanation, next_try_at, touches::text FROM webhook_log
    WHERE status IN ('waiting', 'dead') ORDER BY id LIMIT 20
"""


class CommandFailed(AssertionError):
    """A command of ours did not do what it was told."""


class Ground:
    """A migrated database with fsync, as in production, and the surroundings of every process that uses it.

    `with Ground() as ground:`; afterwards nothing of it is left.
    """

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self.home.chmod(0o711)  # the server's user passes through
        self.logs = self.home / "logs"
        self.server = EmbeddedServer(self.home / "server")
        self.surroundings: dict[str, str] = {}
        self._asking: psycopg.Connection[tuple[Any, ...]] | None = None
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> Self:
        self.logs.mkdir()
        files.ensure_home(self.server.home)
        try:
            within_tests = "HOUSECOUNT_TEST_HOME" in os.environ
            if within_tests:
                furnish(self.server.home)
            self.server.start()
            kept = {
                name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
            }
            self.surroundings = {
                **kept,
                "PYTHONPATH": f"{SOURCE}{os.pathsep}{ROOT}",
                "HOUSECOUNT_HOME": str(self.home / "files"),
                # An address of its own: no process but this one starts or stops the server.
                "DATABASE_URL": self.server.url(roles.LOGIN, DATABASE),
                "DATABASE_OWNER_URL": self.server.url(roles.OWNER, DATABASE),
                "HOUSECOUNT_SECRET_KEY": "an invented key for tests, long enough to be accepted",
                "HOUSECOUNT_ENCRYPTION_KEYS": keys.new_encryption_key(),
                "EVENTBRITE_CALL_LIMIT": _PLENTY,
                "HUMANITIX_CALL_LIMIT": _PLENTY,
            }
            if not within_tests:
                self.housecount("migrate")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self.said())
        self._remove()

    def said(self) -> str:
        """What was going on: the end of what every process said, the jobs, the hooks, and what the database does."""
        paths = [*sorted(self.logs.iterdir()), *sorted((self.home / "files" / "logs").glob("*.log"))]
        told = [f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-3000:]}" for path in paths]
        with contextlib.suppress(psycopg.Error):
            for title, rows in (
                ("jobs", self.rows(_JOBS)),
                ("connections", self.rows(_CONNECTIONS)),
                ("hooks", self.rows(_HOOKS)),
            ):
                told += [f"--- {title}", *(str(row) for row in rows)]
        return "\n".join(told)

    def _remove(self) -> None:
        directory = self.server.directory
        if self._asking is not None:
            self._asking.close()
        self.server.stop()
        shutil.rmtree(directory, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    # --- Commands -------------------------------------------------------------------------------------
    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command from its beginning to its end, however it ends."""
        return subprocess.run(
            [sys.executable, "-m", "housecount.cli.main", *arguments],
            env=self.surroundings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )

    def housecount(self, *arguments: str, stdin: str = "") -> str:
        """What a command says; CommandFailed when its exit status is not 0."""
        done = subprocess.run(
            [sys.executable, "-m", "housecount.cli.main", *arguments],
            env=self.surroundings,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            raise CommandFailed(
                f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr[-4000:]}"
            )
        return done.stdout

    def told(self, *arguments: str, stdin: str = "") -> Any:
        """What a command tells as JSON."""
        return json.loads(self.housecount(*arguments, "--json", stdin=stdin))

    # --- The database ---------------------------------------------------------------------------------
    @contextlib.contextmanager
    def superuser(self) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
        """A connection past every wall, in autocommit."""
        with psycopg.connect(self.server.url(SUPERUSER, DATABASE), autocommit=True) as connection:
            yield connection

    def rows(
        self, query: LiteralString, parameters: "Sequence[object] | Mapping[str, object]" = ()
    ) -> list[tuple[Any, ...]]:
        """What the database answers to its superuser. Asked again and again while a test waits: by one connection, or
        by a new one when that was lost with its server."""
        with self._one_at_a_time:
            if self._asking is not None and not self._asking.closed:
                with contextlib.suppress(psycopg.OperationalError):
                    return self._asking.execute(query, parameters).fetchall()
                self._asking.close()
            self._asking = psycopg.connect(self.server.url(SUPERUSER, DATABASE), autocommit=True)
            return self._asking.execute(query, parameters).fetchall()

    def stop_database(self) -> None:
        """End the server at once, as a crash would: its clients lose what was not committed, and their connections."""
        data = self.server.directory / "data"
        pid = postmaster.pid_of(data)
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + 20
        # Its file of the process number goes a moment before the process does.
        while files.process_alive(pid):
            if time.monotonic() > deadline:
                raise AssertionError("the database would not end")
            time.sleep(0.02)

    def start_database(self) -> None:
        """Start the server again and wait until it has recovered."""
        self.server.heal()


def free_port() -> int:
    """A port of loopback that nothing listens on now."""
    import socket

    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def wait_for(what: str, condition: "Any", seconds: float = PATIENCE, pause: float = 0.05) -> Any:
    """What `condition` gives as soon as it is true; AssertionError when it stays false for `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} seconds in vain until {what}")
        time.sleep(pause)
