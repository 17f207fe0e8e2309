"""The installation that the browser tests visit: real platforms' stand-ins, a real edge, real pages, a real worker."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from housecount.installation import leash, roles
from housecount.installation.postgres import SUPERUSER, EmbeddedServer
from housecount_sandbox.sandbox import Sandbox
from tests.browser.furnish import PASSWORD
from tests.browser.season import Season, make_season

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_PLENTY = "1000000"


@dataclass
class House:
    """Where everything is: `url` without a trailing slash; `ids` as `furnish` tells them."""

    url: str
    home: Path
    season: Season
    sandbox: Sandbox
    database_url: str
    surroundings: dict[str, str]
    ids: dict[str, Any]
    password: str = PASSWORD

    @property
    def show_path(self) -> str:
        """The page of tonight's show."""
        return f"/shows/{self.ids['show']}/"

    def email(self, role: str) -> str:
        """Who holds that role; "stranger": an admin of another house."""
        return str(self.ids["people"][role])

    def rows(self, query: Any, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """What the database answers to its superuser, past every wall."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def command(self, *arguments: str) -> str:
        """What a command of ours says."""
        return self.program("housecount.cli.main", *arguments)

    def program(self, module: str, *arguments: str) -> str:
        """What a module says that is run as a program beside the installation."""
        return _run(module, *arguments, surroundings=self.surroundings)

    def said(self) -> str:
        """The end of what its processes said."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-3000:]}"
            for path in sorted(self.home.glob("*.log"))
        )


def wait_until(what: str, found: Callable[[], T], seconds: float = 30.0, pause: float = 0.02) -> T:
    """What `found` gives as soon as it is true; AssertionError when it stays false."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain until {what}")
        time.sleep(pause)
    return value


@contextlib.contextmanager
def open_house(server: EmbeddedServer, template: str) -> Iterator[House]:
    """Puts up the whole installation in a database of its own, a copy of `template`; nothing of it is left."""
    name = f"housecount_visited_{uuid.uuid4().hex[:8]}"
    home = Path(os.environ["HOUSECOUNT_TEST_HOME"]) / name[-8:]
    home.mkdir(mode=0o700)
    season = make_season(seed=uuid.uuid4().int % 10**9)
    with (
        _database(server, name, template) as superuser_url,
        Sandbox(season.world) as sandbox,
    ):
        port = _free_port()
        surroundings = _surroundings(server, name, home, sandbox, port)
        given = season.world.credentials()
        sellers = {platform: given[platform] for platform in ("eventbrite", "humanitix")}
        told = _run("tests.browser.furnish", surroundings=surroundings, stdin=json.dumps(sellers))
        url = surroundings["HOUSECOUNT_PUBLIC_URL"]
        house = House(url, home, season, sandbox, superuser_url, surroundings, json.loads(told))
        with _serving(house, port):
            try:
                _first_webhook(house)
                yield house
            except BaseException as error:
                error.add_note(house.said())
                raise
    shutil.rmtree(home, ignore_errors=True)


def _first_webhook(house: House) -> None:
    """An order, and the webhook that tells of it, so that the log of webhooks holds something."""
    house.season.world.buy(house.season.tonight, 1)
    handled = "SELECT 1 FROM webhook_log WHERE handled_at IS NOT NULL AND status <> 'waiting'"
    wait_until("the first webhook is handled", lambda: house.rows(handled))


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextlib.contextmanager
def _database(server: EmbeddedServer, name: str, template: str) -> Iterator[str]:
    with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {roles.OWNER}')
        connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO {roles.LOGIN}')
        try:
            yield server.url(SUPERUSER, name)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _surroundings(
    server: EmbeddedServer, database: str, home: Path, sandbox: Sandbox, port: int
) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    # The application that asks for consent; its browsers come back to us, and so do its webhooks.
    sandbox.world.xero.serve_site(f"http://127.0.0.1:{port}")
    sandbox.world.limits.xero_per_minute = 0
    web = sandbox.world.xero.apps[0]
    for app in sandbox.world.xero.apps:
        app.webhook_on = app is web
    return {
        **kept,
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "HOUSECOUNT_HOME": str(home),
        "DATABASE_URL": server.url(roles.LOGIN, database),
        "DATABASE_OWNER_URL": server.url(roles.OWNER, database),
        "HOUSECOUNT_SECRET_KEY": os.environ["HOUSECOUNT_SECRET_KEY"],
        "HOUSECOUNT_ENCRYPTION_KEYS": os.environ["HOUSECOUNT_ENCRYPTION_KEYS"],
        "HOUSECOUNT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "EVENTBRITE_API_URL": sandbox.eventbrite_url,
        "HUMANITIX_API_URL": sandbox.humanitix_url,
        "XERO_API_URL": sandbox.xero_api_url,
        "XERO_IDENTITY_URL": sandbox.xero_url,
        "XERO_LOGIN_URL": sandbox.xero_url,
        "XERO_CLIENT_ID": web.client_id,
        "XERO_CLIENT_SECRET": web.secret or "",
        "XERO_WEBHOOK_KEY": web.webhook_key,
        "XERO_CALLS_PER_MINUTE": "6000",
        "EVENTBRITE_CALL_LIMIT": _PLENTY,
        "HUMANITIX_CALL_LIMIT": _PLENTY,
    }


@contextlib.contextmanager
def _serving(house: House, port: int) -> Iterator[None]:
    command = leash.command("housecount.cli.main", "serve", "--port", str(port), "--with-worker")
    with (house.home / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=house.surroundings,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(
            "the site answers",
            lambda: process.poll() is not None or _answers(f"{house.url}/account/login/"),
            _START_SECONDS,
        )
        assert process.poll() is None, house.said()
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def _run(module: str, *arguments: str, surroundings: dict[str, str], stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=surroundings,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, f"{module} {arguments}:\n{done.stdout}{done.stderr[-6000:]}"
    return done.stdout
