"""`housecount demo`: an installation of its own with invented platforms, read and served."""

import asyncio
import contextlib
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from housecount.cli import demo_books, demo_home
from housecount.cli.output import note, progress
from housecount.core.errors import HousecountError
from housecount.installation import database, files, leash, migrations, ports, setup
from housecount.installation.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from housecount.box_office.models import Account
    from housecount.tenancy.models import Organisation

_NAME, _SLUG = "Laughing Stock Comedy", "laughing-stock"
_PEOPLE = (
    ("promoter@laughingstock.example", "admin", "Pat"),
    ("books@laughingstock.example", "bookkeeper", "Bo"),
)
_SANDBOX_SECONDS = 60
_SITE_SECONDS = 30


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
    home = files.ensure_home(demo_home.choose())
    with demo_home.only_one(home):
        if fresh:
            demo_home.forget(home)
        state = demo_home.remembered(home, season, seed)
        demo_home.surround(home, state, demo_home.loopback_url(host, port))
        supervisor = Supervisor(note)
        try:
            _run(supervisor, home, state, host, port, trickle)
        finally:
            supervisor.end()


def _run(
    supervisor: Supervisor, home: Path, state: demo_home.State, host: str, port: int, trickle: float
) -> None:
    logs = home / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    address = demo_home.loopback_url(host, port)
    sandbox = supervisor.add(_sandbox(home, state, address, trickle))
    note("Starting the database and the invented platforms...")
    setup.set_up_django()
    if migrations.behind(database.application_url()):
        from housecount.cli.migrate import run as migrate

        migrate(note)
    database.keep_alive()
    from housecount.cli.serve import site_children

    if not state.xero:
        demo_home.introduce_xero(home, state, _wait_for_sandbox(sandbox)["xero"].apps, address)
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
    _wait_for_site(site, demo_home.loopback_url(host, port))
    with contextlib.suppress(KeyboardInterrupt):  # from here on Ctrl-C is the ordinary end
        click.echo(_welcome(home, state, host, port))
        supervisor.run()


def _welcome(home: Path, state: demo_home.State, host: str, port: int) -> str:
    lines = [
        "",
        f"Housecount is at http://{host}:{port}",
        *(f"  sign in as {email} ({role}), password {state.password}" for email, role, _ in _PEOPLE),
        "Ctrl-C stops everything. Other commands find the demo with",
        f"  HOUSECOUNT_HOME='{home}' .venv/bin/housecount sales --organisation {_SLUG}",
    ]
    return "\n".join(lines)


# --- Its parts ----------------------------------------------------------------------------------------
def _sandbox(home: Path, state: demo_home.State, address: str, trickle: float) -> Child:
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
        "--humanitix-limit": str(demo_home.CALL_LIMIT),
        "--eventbrite-limit": str(demo_home.CALL_LIMIT),
        "--xero-limit": str(demo_home.CALL_LIMIT),
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
    raise demo_home.DemoFailed(f"The invented platforms did not start. What they said is in {child.log}.")


def _furnish(platforms: dict[str, _SandboxPlatform], state: demo_home.State) -> "Organisation":
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
    raise demo_home.DemoFailed(f"The site did not start. What it said is in {children[0].log}.")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as page:  # noqa: S310 - our own address
            return bool(page.status == 200)
    except OSError:  # also what is not a good answer: the edge stands there before the pages
        return False
