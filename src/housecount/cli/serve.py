"""`housecount serve`: the edge on the public port, and the pages behind it.

Two processes, each started again when it ends unasked, so that hooks are taken while the pages are busy or being
restarted. The edge hands what is not its own to the pages, over a socket that only we can reach.
"""

import hashlib
import logging.config
import multiprocessing
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housecount.cli.output import note
from housecount.cli.ready import ready
from housecount.installation import database, environment, leash, logs, ports
from housecount.installation.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIHandler

    from housecount.intake.edge.app import Edge

_THREADS = 4
_STOP_SECONDS = 10
_UNIX = "unix:"
#: Between our own processes: where the edge finds the pages; and, to the pages, that the edge is before them.
_PAGES = "HOUSECOUNT_PAGES"
# A socket's path must fit into the kernel's structure, with its end.
_LONGEST_SOCKET_PATH = 100


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--with-worker", is_flag=True, help="Run the background jobs beside it.")
@click.option("--only", type=click.Choice(["pages", "edge"]), help="Serve one part alone.")
def serve(host: str, port: int, with_worker: bool, only: str | None) -> None:
    """Serve the site and take webhooks until Ctrl-C or SIGTERM.

    The edge takes the webhooks and stands before the pages. Alone, it needs no more than the database.
    """
    ports.require_free(host, port)
    if only == "edge":
        database.ready()
    else:
        ready()
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    note(f"Housecount is at {address} - Ctrl-C stops it.")
    database.keep_alive()
    if only is not None and not with_worker:
        serve_pages(host, port) if only == "pages" else serve_edge(host, port)
        return
    supervisor = Supervisor(note)
    for child in site_children(host, port, only=only):
        supervisor.add(child)
    if with_worker:
        supervisor.add(Child("worker", leash.command("housecount.cli.main", "worker")))
    supervisor.run()


def site_children(host: str, port: int, log: Path | None = None, *, only: str | None = None) -> list[Child]:
    """The processes that serve on `host` and `port`, for a supervisor: the edge first, which takes the port at once,
    then the pages. What they say on stderr goes to `log`, when it is told."""
    if only is not None:
        return [Child(only, leash.command("housecount.cli.serve", only, host, str(port)), log=log)]
    pages = _private_address(host, port)
    leaves = Path(pages.removeprefix(_UNIX)) if pages.startswith(_UNIX) else None
    return [
        Child("edge", leash.command("housecount.cli.serve", "edge", host, str(port), pages), log=log),
        Child("pages", leash.command("housecount.cli.serve", "pages", pages), log=log, leaves=leaves),
    ]


def serve_pages(host: str, port: int) -> None:
    """Serve the pages alone in this process and one more, until told to stop."""
    from granian.constants import Interfaces

    os.environ.pop(_PAGES, None)
    _serve("application", host, port, interface=Interfaces.WSGI, blocking_threads=_THREADS)


def serve_pages_behind_edge(address: str) -> None:
    """Serve the pages at `address`, which only the edge knows, in this process and one more, until told to stop."""
    from granian.constants import Interfaces

    os.environ[_PAGES] = address  # the settings ask
    options: dict[str, Any] = {"interface": Interfaces.WSGI, "blocking_threads": _THREADS}
    if address.startswith(_UNIX):
        path = Path(address.removeprefix(_UNIX))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # left behind by one that was killed
        options |= {"uds": path, "uds_permissions": 0o600}
        _serve("application", "127.0.0.1", 1, **options)
    else:
        _serve("application", "127.0.0.1", int(address.rpartition(":")[2]), **options)


def serve_edge(host: str, port: int, pages: str | None = None, workers: int = 1) -> None:
    """Serve the edge, before `pages` or alone, in this process and `workers` more, until told to stop."""
    from granian.constants import HTTPModes, Interfaces

    if pages is None:
        os.environ.pop(_PAGES, None)
    else:
        os.environ[_PAGES] = pages
    _serve("edge_application", host, port, interface=Interfaces.ASGI, workers=workers, http=HTTPModes.http1)


def _serve(factory: str, host: str, port: int, **options: Any) -> None:
    from granian.log import LogLevels
    from granian.server import Server

    Server(
        f"housecount.cli.serve:{factory}",
        factory=True,
        address=host,
        port=port,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=_STOP_SECONDS,
        websockets=False,
        log_level=LogLevels.warning,
        **options,
    ).serve()


def _die_with_server() -> None:
    """A worker ends when the server that started it is gone."""
    server = multiprocessing.parent_process()
    if server is not None and server.pid is not None:
        leash.die_with_parent(server.pid)


def application() -> "WSGIHandler":
    """The pages, in a process of their own."""
    _die_with_server()
    from housecount.wsgi import application as pages

    return pages


def edge_application() -> "Edge":
    """The edge, in a process of its own, without Django. The database need not answer yet."""
    _die_with_server()
    from housecount.intake.edge.app import Edge
    from housecount.intake.edge.events import Events
    from housecount.intake.edge.feed import Feed
    from housecount.intake.edge.proxy import Pages
    from housecount.intake.edge.schedule import Schedule
    from housecount.intake.edge.store import Store
    from housecount.intake.edge.xero import PLATFORM as XERO
    from housecount.platforms.registry import SOURCES

    found = environment.load()
    logging.config.dictConfig(logs.settings(found.home))
    secrets = {platform: getattr(found, f"{platform}_webhook_secret", None) for platform in SOURCES}
    secrets[XERO] = found.xero_webhook_key
    address = os.environ.get(_PAGES)
    pages = Pages(address) if address else None
    events = None
    if pages is not None:
        events = Events(Feed(database.application_url), pages, ends_on=(signal.SIGTERM, signal.SIGINT))
    return Edge(
        Store(database.application_url),
        Schedule(database.application_url),
        SOURCES,
        secrets={platform: secret for platform, secret in secrets.items() if secret},
        operator_token=found.operator_token,
        pages=pages,
        events=events,
    )


def _private_address(host: str, port: int) -> str:
    """Where the pages listen when the edge is before them: a socket in our home, else a port on loopback."""
    name = hashlib.sha256(f"{host} {port}".encode()).hexdigest()[:8]
    path = environment.load().home / "run" / f"pages-{name}.sock"
    if hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return f"{_UNIX}{path}"
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{trial.getsockname()[1]}"


def _main(part: str, *arguments: str) -> None:
    from housecount.installation.setup import use_settings

    if part == "edge":
        host, port, *pages = arguments
        serve_edge(host, int(port), pages[0] if pages else None)
        return
    use_settings()
    database.ready()
    if len(arguments) == 2:
        serve_pages(arguments[0], int(arguments[1]))
        return
    serve_pages_behind_edge(arguments[0])


if __name__ == "__main__":
    _main(*sys.argv[1:])
