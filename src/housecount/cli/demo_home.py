"""Where the demo lives: its directory, what it remembers, and the environment that leads to it and nowhere else."""

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from housecount.cli import demo_books
from housecount.cli.output import note
from housecount.installation import environment, files
from housecount.installation.errors import DatabaseUnavailable, InstallationError

#: Nobody should wait for the invented platforms' patience; at the real limits a season takes some minutes.
CALL_LIMIT = 100_000
_STATE_FILE = "demo.json"
_READ_EVERY_SECONDS = 10


class DemoFailed(InstallationError):
    """A part of the demo did not come up."""

    code = "demo_failed"


class State(msgspec.Struct):
    """What the demo remembers, so that a second start finds the same season behind the same addresses."""

    seed: int
    today: str
    season: str
    eventbrite_port: int
    humanitix_port: int
    password: str
    xero_port: int = 0
    # Known once the invented Xero has said it; the same at every start.
    xero: dict[str, str] = {}


def choose() -> Path:
    """HOUSECOUNT_HOME itself when a person named one that holds nothing but a demo; else a part of it."""
    home = environment.load().home
    named = bool(os.environ.get("HOUSECOUNT_HOME", "").strip())
    if named and ((home / _STATE_FILE).exists() or not (home / "database.json").exists()):
        return home
    return home / "demo"


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    with files.open_lock(home / "demo.lock") as file:
        if not files.try_lock(file.fileno(), exclusive=True):
            raise InstallationError(f"A demo runs already with the data in {home}. Stop that one first.")
        yield


def forget(home: Path) -> None:
    from housecount.installation.postgres import EmbeddedServer

    if not (home / _STATE_FILE).exists():
        return
    server = EmbeddedServer(home)
    if server.running():  # left behind by a demo that was killed
        server.start()
        server.stop()
        if server.running():
            raise DatabaseUnavailable(
                "Another command uses the demo's database. Wait for it, then try again."
            )
    if (home / "database.json").exists():
        shutil.rmtree(server.directory, ignore_errors=True)
    for path in home.iterdir():
        if path.name not in {"demo.lock", "database.lock", "database.users"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def remembered(home: Path, season: str, seed: int) -> State:
    path = home / _STATE_FILE
    state = None
    if path.exists():
        with contextlib.suppress(msgspec.MsgspecError):
            state = msgspec.json.decode(path.read_bytes(), type=State)
    if state is None:
        from secrets import token_hex

        state = State(seed, datetime.now(UTC).date().isoformat(), season, 0, 0, f"laughing-{token_hex(5)}")
    elif (state.season, state.seed) != (season, seed):
        note("This demo has another season already; --fresh starts anew.")
    state.eventbrite_port = _free_port(state.eventbrite_port)
    state.humanitix_port = _free_port(state.humanitix_port)
    state.xero_port = _free_port(state.xero_port)
    _remember(home, state)
    return state


def _remember(home: Path, state: State) -> None:
    files.write_private(home / _STATE_FILE, msgspec.json.encode(state).decode())


def _free_port(wanted: int) -> int:
    """`wanted` when it can be had, else any other."""
    for port in (wanted, 0):
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(("127.0.0.1", port))
            return int(trial.getsockname()[1])
    raise DemoFailed("This machine has no free port for the invented platforms.")


def loopback_url(host: str, port: int) -> str:
    """Where this machine reaches what listens on `host`: the invented platforms call nobody else."""
    if host in {"", "0.0.0.0"}:  # noqa: S104 - asked about, not listened on
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def surround(home: Path, state: State, public_url: str) -> None:
    """Make this process and its children see the demo's own home, database and platforms, and no other."""
    variables = _variables(state, public_url)
    _write_settings(home, variables)
    if os.environ.pop("DATABASE_URL", None):
        note("The demo has a database of its own; DATABASE_URL is left alone.")
    kept = {"HOUSECOUNT_ALLOWED_HOSTS"}
    for name in list(os.environ):
        if (
            name.startswith(("HOUSECOUNT_", "EVENTBRITE_", "HUMANITIX_", "XERO_", "DATABASE_"))
            and name not in kept
        ):
            del os.environ[name]
    os.environ |= {"HOUSECOUNT_HOME": str(home)} | variables
    environment.load.cache_clear()


def _variables(state: State, public_url: str) -> dict[str, str]:
    return {
        "EVENTBRITE_API_URL": f"http://127.0.0.1:{state.eventbrite_port}/v3",
        "HUMANITIX_API_URL": f"http://127.0.0.1:{state.humanitix_port}/v1",
        "EVENTBRITECALL_LIMIT": str(CALL_LIMIT),
        "HUMANITIXCALL_LIMIT": str(CALL_LIMIT),
        "XERO_API_URL": f"http://127.0.0.1:{state.xero_port}/api.xro/2.0",
        "XERO_IDENTITY_URL": f"http://127.0.0.1:{state.xero_port}",
        "XERO_LOGIN_URL": f"http://127.0.0.1:{state.xero_port}",
        "XERO_CALLS_PER_MINUTE": str(CALL_LIMIT),
        **state.xero,
        "HOUSECOUNT_READ_EVERY": str(_READ_EVERY_SECONDS),
        # Eventbrite's webhooks come here: an order is in the count a moment later.
        "HOUSECOUNT_PUBLIC_URL": public_url,
    }


def _write_settings(home: Path, variables: dict[str, str]) -> None:
    lines = ["# Written by housecount demo: commands that use this home speak to the invented platforms."]
    files.write_private(
        home / environment.SETTINGS_FILE,
        "\n".join([*lines, *(f"{name}={value}" for name, value in variables.items()), ""]),
    )


def introduce_xero(home: Path, state: State, apps: Sequence[demo_books.App], public_url: str) -> None:
    """From now on the registration with the invented Xero is known, here and in what is started from here."""
    state.xero = demo_books.registration(apps)
    _remember(home, state)
    _write_settings(home, _variables(state, public_url))
    os.environ |= state.xero
    environment.load.cache_clear()
