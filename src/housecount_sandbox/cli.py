"""`housecount-sandbox serve`: the platforms and Xero on loopback until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from housecount_sandbox.xero.keeping import Keeper


@click.group()
def main() -> None:
    """Stand-ins for Eventbrite, Humanitix and Xero: a promoter's season, and faults on demand."""


@main.command()
@click.option("--season", type=click.Choice(["full", "small", "blank"]), default="full", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed and day: same season.")
@click.option(
    "--orders", type=click.IntRange(100), default=25_000, show_default=True, help="Size of --season full."
)
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Build the season around this day: sold until it begins (UTC). Default: now.",
)
@click.option("--eventbrite-port", type=click.IntRange(0, 65_535), default=0, help="0 takes a free one.")
@click.option("--humanitix-port", type=click.IntRange(0, 65_535), default=0, help="0 takes a free one.")
@click.option("--xero-port", type=click.IntRange(0, 65_535), default=0, help="0 takes a free one.")
@click.option(
    "--trickle", type=click.FloatRange(0), default=0.0, metavar="PER_MINUTE", help="Sales while it runs."
)
@click.option(
    "--eventbrite-limit", type=click.IntRange(0), default=2_000, show_default=True, help="Calls an hour."
)
@click.option(
    "--humanitix-limit", type=click.IntRange(0), default=200, show_default=True, help="Calls a minute."
)
@click.option("--xero-limit", type=click.IntRange(0), default=60, show_default=True, help="Calls a minute.")
@click.option(
    "--cold-start", type=click.FloatRange(0), default=0.0, help="Seconds Humanitix's first call takes."
)
@click.option(
    "--read-lag", type=click.FloatRange(0), default=0.0, help="Seconds a change at Eventbrite takes to show."
)
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep what the trickle does in this file and take it up again; needs --today.",
)
@click.option(
    "--xero-books",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep Xero's books in this file and take them up again; needs --today.",
)
@click.option(
    "--xero-site",
    metavar="URL",
    help="Where the application with those books is: Xero sends browsers and webhooks there.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line when ready.")
def serve(
    season: str,
    seed: int,
    orders: int,
    today: datetime | None,
    eventbrite_port: int,
    humanitix_port: int,
    xero_port: int,
    trickle: float,
    eventbrite_limit: int,
    humanitix_limit: int,
    xero_limit: int,
    cold_start: float,
    read_lag: float,
    journal: Path | None,
    xero_books: Path | None,
    xero_site: str | None,
    as_json: bool,
) -> None:
    """Serve the platforms and Xero on 127.0.0.1 until SIGTERM or Ctrl-C."""
    # Midnight, so that nothing is sold in the future on the day itself, whenever the command starts.
    day = today.replace(tzinfo=UTC) if today is not None else None
    if season == "full":
        world = World.full(seed=seed, today=day, orders=orders)
    elif season == "small":
        world = World.small(seed=seed, today=day)
    else:
        world = World.blank(seed=seed)
    world.limits.eventbrite_per_hour = eventbrite_limit
    world.limits.humanitix_per_minute = humanitix_limit
    world.limits.xero_per_minute = xero_limit
    world.limits.humanitix_cold_seconds = cold_start
    world.limits.eventbrite_read_lag_seconds = read_lag
    if journal is not None:
        if day is None:
            raise click.UsageError(
                "--journal needs --today: a season around another moment is another season"
            )
        try:
            world.trickle.keep(journal, f"{season} {seed} {orders} {day.date()}")
        except (OSError, ValueError) as error:
            raise click.ClickException(f"cannot take up the journal: {error}") from None
    keeper = None
    if xero_books is not None:
        if day is None:
            raise click.UsageError("--xero-books needs --today: another season has other books")
        keeper = Keeper(world.xero, xero_books, f"{season} {seed} {orders} {day.date()}")
        try:
            keeper.load()
        except ValueError as error:
            raise click.ClickException(f"cannot take up Xero's books: {error}") from None
    if xero_site is not None:
        world.xero.serve_site(xero_site)
    sandbox = Sandbox(
        world,
        trickle=trickle,
        eventbrite_port=eventbrite_port,
        humanitix_port=humanitix_port,
        xero_port=xero_port,
    )
    try:
        asyncio.run(_serve(sandbox, keeper, as_json or not sys.stdout.isatty()))
    except OSError as error:
        raise click.ClickException(f"cannot listen: {error.strerror or error}") from None
    except KeyboardInterrupt:
        pass
    finally:
        world.trickle.close()


async def _serve(sandbox: Sandbox, keeper: Keeper | None, as_json: bool) -> None:
    stopped = asyncio.Event()
    keeping = asyncio.create_task(keeper.run()) if keeper is not None else None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    try:
        await sandbox.start()
        document = sandbox.document()
        click.echo(json.dumps(document, ensure_ascii=False) if as_json else _readable(document))
        sys.stdout.flush()
        await stopped.wait()
    finally:
        await sandbox.stop()
        if keeping is not None:
            keeping.cancel()
            await keeping


def _readable(document: dict[str, Any]) -> str:
    lines = ["The sandbox is open. Its credentials are invented and work nowhere else.", ""]
    for platform, entry in document.items():
        lines.append(f"{platform:<11}{entry['url']}")
        for account in entry["accounts"]:
            secret = account.get("token") or account["key"]
            lines.append(f"    {account['name']}: {secret}")
            if "regions" in account:
                lines.append(f"    regions: {', '.join(account['regions'])}")
        for app in entry.get("apps", ()):
            lines.append(
                f"    {app['name']} ({app['kind']}): {app['client_id']} {app['client_secret'] or ''}"
            )
    lines += [
        "",
        "Truth and faults: /_sandbox/truth and /_sandbox/faults on any of the ports. Ctrl-C stops it.",
    ]
    return "\n".join(lines)
