"""`housecount demo`: an installation of its own with invented platforms, read and served."""

import asyncio
import contextlib
import os
import shutil
import socket
import time
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from housecount.cli import demo_books
from housecount.cli.output import note, progress
from housecount.core.errors import HousecountError
from housecount.installation import database, environment, files, leash, migrations, ports, setup
from housecount.installation.errors import DatabaseUnavailable, InstallationError
from housecount.installation.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from housecount.box_office.models import Account
    from housecount.tenancy.models import Organisation

_NAME, _SLUG = "Laughing Stock Comedy", "laughing-stock"
_PEOPLE = (
    ("promoter@laughingstock.example", "admin", "Pat"),
    ("books@laughingstock.example", "bookkeeper", "Bo"),
)
_STATE_FILE = "demo.json"
# Nobody should wait for the invented platforms' patience; at the real limits a season takes some minutes.
_CALL_LIMIT = 100_000
_READ_EVERY_SECONDS = 10
_SANDBOX_SECONDS = 60
_SITE_SECONDS = 30


class DemoFailed(InstallationError):
    """A part of the demo did not come up."""

    code = "demo_failed"


class _State(msgspec.Struct):
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


class _SandboxAccount(msgspec.Struct):
    name: str
    token: str = ""
    key: str = ""
    regions: list[str] = []


class _SandboxPlatform(msgspec.Struct):
    url: str
    accounts: list[_SandboxAccount]
    apps: list[demo_books.App] = []


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--season", type=click.Choice(["full", "small"]), default="full", show_default=True)
@click.option("--seed", default=1, show_default=True, help="Another number, another season.")
@click.option("--trickle", default=20.0, show_default=True, metavar="PER_MINUTE", help="Sales while it runs.")
@click.option("--fresh", is_flag=True, help="Throw the data of an earlier demo away first.")
def demo(host: str, port: int, season: str, seed: int, trickle: float, fresh: bool) -> None:
    """Everything at once: database, invented platforms, a season of shows, worker and site.

    Nothing leaves this machine. The data is kept for the next start.
    """
    ports.require_free(host, port)
    home = files.ensure_home(_choose_home())
    with _only_one(home):
        if fresh:
            _forget(home)
        state = _remembered(home, season, seed)
        _surround(home, state, _loopback_url(host, port))
        supervisor = Supervisor(note)
        try:
            _run(supervisor, home, state, host, port, trickle)
        finally:
            supervisor.end()


def _run(supervisor: Supervisor, home: Path, state: _State, host: str, port: int, trickle: float) -> None:
    logs = home / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    address = _loopback_url(host, port)
    sandbox = supervisor.add(_sandbox(home, state, address, trickle))
    note("Starting the database and the invented platforms...")
    setup.set_up_django()
    if migrations.behind(database.application_url()):
        from housecount.cli.migrate import run as migrate

        migrate(note)
    database.keep_alive()
    from housecount.cli.serve import site_children

    if not state.xero:
        _introduce_xero(home, state, _wait_for_sandbox(sandbox)["xero"].apps, address)
    site = [supervisor.add(child) for child in site_children(host, port, logs / "site.log")]
    platforms = _wait_for_sandbox(sandbox)
    organisation = _furnish(platforms, state)
    if _never_swept(organisation):
        from housecount.cli import sync

        note("Reading a season of shows:")
        rows = sync.read(sync.chosen(_SLUG, None), full=True)
        for row in rows:
            if row["error"]:
                note(f"{row['name']}: {row['error']['message']}")
    _print_count(organisation)
    if not demo_books.connected(organisation):
        note("Connecting the books to the invented Xero...")
        if trouble := demo_books.keep(organisation, platforms["xero"].url):
            note(trouble)
    supervisor.add(
        Child(
            "worker", leash.command("housecount.cli.main", "worker", "--grace", "2"), log=logs / "worker.log"
        )
    )
    _wait_for_site(site, _loopback_url(host, port))
    with contextlib.suppress(KeyboardInterrupt):  # from here on Ctrl-C is the ordinary end
        click.echo(_welcome(home, state, host, port))
        supervisor.run()


def _welcome(home: Path, state: _State, host: str, port: int) -> str:
    lines = [
        "",
        f"Housecount is at http://{host}:{port}",
        *(f"  sign in as {email} ({role}), password {state.password}" for email, role, _ in _PEOPLE),
        "Ctrl-C stops everything. Other commands find the demo with",
        f"  HOUSECOUNT_HOME='{home}' .venv/bin/housecount sales --organisation {_SLUG}",
    ]
    return "\n".join(lines)


# --- Where it lives -----------------------------------------------------------------------------------
def _choose_home() -> Path:
    """HOUSECOUNT_HOME itself when a person named one that holds nothing but a demo; else a part of it."""
    home = environment.load().home
    named = bool(os.environ.get("HOUSECOUNT_HOME", "").strip())
    if named and ((home / _STATE_FILE).exists() or not (home / "database.json").exists()):
        return home
    return home / "demo"


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    with files.open_lock(home / "demo.lock") as file:
        if not files.try_lock(file.fileno(), exclusive=True):
            raise InstallationError(f"A demo runs already with the data in {home}. Stop that one first.")
        yield


def _forget(home: Path) -> None:
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


def _remembered(home: Path, season: str, seed: int) -> _State:
    path = home / _STATE_FILE
    state = None
    if path.exists():
        with contextlib.suppress(msgspec.MsgspecError):
            state = msgspec.json.decode(path.read_bytes(), type=_State)
    if state is None:
        from secrets import token_hex

        state = _State(seed, datetime.now(UTC).date().isoformat(), season, 0, 0, f"laughing-{token_hex(5)}")
    elif (state.season, state.seed) != (season, seed):
        note("This demo has another season already; --fresh starts anew.")
    state.eventbrite_port = _free_port(state.eventbrite_port)
    state.humanitix_port = _free_port(state.humanitix_port)
    state.xero_port = _free_port(state.xero_port)
    _remember(home, state)
    return state


def _remember(home: Path, state: _State) -> None:
    files.write_private(home / _STATE_FILE, msgspec.json.encode(state).decode())


def _free_port(wanted: int) -> int:
    """`wanted` when it can be had, else any other."""
    for port in (wanted, 0):
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(("127.0.0.1", port))
            return int(trial.getsockname()[1])
    raise DemoFailed("This machine has no free port for the invented platforms.")


def _loopback_url(host: str, port: int) -> str:
    """Where this machine reaches what listens on `host`: the invented platforms call nobody else."""
    if host in {"", "0.0.0.0"}:  # noqa: S104 - asked about, not listened on
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _surround(home: Path, state: _State, public_url: str) -> None:
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


def _variables(state: _State, public_url: str) -> dict[str, str]:
    return {
        "EVENTBRITE_API_URL": f"http://127.0.0.1:{state.eventbrite_port}/v3",
        "HUMANITIX_API_URL": f"http://127.0.0.1:{state.humanitix_port}/v1",
        "EVENTBRITE_CALL_LIMIT": str(_CALL_LIMIT),
        "HUMANITIX_CALL_LIMIT": str(_CALL_LIMIT),
        "XERO_API_URL": f"http://127.0.0.1:{state.xero_port}/api.xro/2.0",
        "XERO_IDENTITY_URL": f"http://127.0.0.1:{state.xero_port}",
        "XERO_LOGIN_URL": f"http://127.0.0.1:{state.xero_port}",
        "XERO_CALLS_PER_MINUTE": str(_CALL_LIMIT),
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


def _introduce_xero(home: Path, state: _State, apps: list[demo_books.App], public_url: str) -> None:
    """From now on the registration with the invented Xero is known, here and in what is started from here."""
    state.xero = demo_books.registration(apps)
    _remember(home, state)
    _write_settings(home, _variables(state, public_url))
    os.environ |= state.xero
    environment.load.cache_clear()


# --- Its parts ----------------------------------------------------------------------------------------
def _sandbox(home: Path, state: _State, address: str, trickle: float) -> Child:
    arguments = {
        "--season": state.season,
        "--seed": str(state.seed),
        "--today": state.today,
        "--eventbrite-port": str(state.eventbrite_port),
        "--humanitix-port": str(state.humanitix_port),
        "--trickle": str(trickle),
        "--journal": str(home / "season.journal"),
        "--xero-port": str(state.xero_port),
        "--xero-books": str(home / "xero.books"),
        "--xero-site": address,
        "--humanitix-limit": str(_CALL_LIMIT),
        "--eventbrite-limit": str(_CALL_LIMIT),
        "--xero-limit": str(_CALL_LIMIT),
    }
    flat = [part for pair in arguments.items() for part in pair]
    output = home / "sandbox.json"
    output.unlink(missing_ok=True)
    command = leash.command("housecount_sandbox", "serve", "--json", *flat)
    return Child("sandbox", command, output=output, log=home / "logs" / "sandbox.log")


def _wait_for_sandbox(child: Child) -> dict[str, _SandboxPlatform]:
    """The platforms' addresses and invented keys, as soon as the sandbox tells them."""
    assert child.output is not None
    deadline = time.monotonic() + _SANDBOX_SECONDS
    while time.monotonic() < deadline:
        text = child.output.read_bytes() if child.output.exists() else b""
        if text.endswith(b"\n"):
            return msgspec.json.decode(text, type=dict[str, _SandboxPlatform])
        if child.process is None or child.process.poll() is not None:
            break
        time.sleep(0.02)
    raise DemoFailed(f"The invented platforms did not start. What they said is in {child.log}.")


def _furnish(platforms: dict[str, _SandboxPlatform], state: _State) -> "Organisation":
    """The organisation with its people and accounts; makes what is missing."""
    from housecount.sync import accounts
    from housecount.sync.errors import AlreadyConnected
    from housecount.tenancy import queries, services
    from housecount.tenancy.crypto import Secret
    from housecount.tenancy.errors import AlreadyThere

    found = next((one for one in queries.all_organisations() if one.slug == _SLUG), None)
    organisation = found or services.create_organisation(
        _NAME, slug=_SLUG, timezone="Australia/Melbourne", currency="AUD", country="AU"
    )
    for email, role, name in _PEOPLE:
        with contextlib.suppress(AlreadyThere):
            services.create_user(email, organisation, role, password=state.password, name=name)
    wanted = [(platform, account) for platform, entry in platforms.items() for account in entry.accounts]
    connected = accounts.accounts_of(organisation.pk)
    # The invented platforms forget webhooks when they end.
    asyncio.run(_register_webhooks(connected))
    if len(connected) >= len(wanted):
        return organisation
    with progress() as shown:
        task = shown.task("Connecting accounts", len(wanted))
        for platform, account in wanted:
            with contextlib.suppress(AlreadyConnected):
                asyncio.run(
                    accounts.connect(
                        organisation.pk,
                        platform,
                        Secret(account.token or account.key),
                        name=account.name,
                        regions=account.regions,
                    )
                )
            task.update(advance=1)
        task.finish()
    return organisation


async def _register_webhooks(connected: "Sequence[Account]") -> None:
    from housecount.box_office.catalogue import account_key
    from housecount.sync import doors

    for account in connected:
        await doors.ensure_webhooks(account_key(account))


def _never_swept(organisation: "Organisation") -> bool:
    """Whether an account was never read in full: also when an earlier demo was stopped while reading."""
    from housecount.sync import queries
    from housecount.tenancy.identity import Identity, acting_as

    with acting_as(Identity.system(organisation.pk)):
        return any(row["last_sweep_at"] is None for row in queries.account_documents(organisation.pk))


def _print_count(organisation: "Organisation") -> None:
    from housecount.cli import sales

    try:
        click.echo(sales.text(sales.count(organisation.pk, organisation.slug), with_listings=False))
    except HousecountError as error:
        note(error.message)


def _wait_for_site(children: list[Child], url: str) -> None:
    """Comes back when the edge and the pages behind it answer."""
    deadline = time.monotonic() + _SITE_SECONDS
    while time.monotonic() < deadline:
        if _answers(f"{url}/account/login/"):
            return
        ended = [each for each in children if each.process is None or each.process.poll() is not None]
        if ended:
            break
        time.sleep(0.02)
    raise DemoFailed(f"The site did not start. What it said is in {children[0].log}.")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as page:  # noqa: S310 - our own address
            return bool(page.status == 200)
    except OSError:  # also what is not a good answer: the edge stands there before the pages
        return False
