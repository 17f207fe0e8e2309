"""`housecount serve`."""

import multiprocessing
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from housecount.cli.output import note
from housecount.cli.ready import ready
from housecount.installation import database, leash, ports
from housecount.installation.errors import InstallationError
from housecount.installation.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIHandler

_THREADS = 4
_STOP_SECONDS = 10


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--with-worker", is_flag=True, help="Run the background jobs beside it.")
@click.option("--only", type=click.Choice(["pages", "edge"]), help="Serve one part alone.")
def serve(host: str, port: int, with_worker: bool, only: str | None) -> None:
    """Serve the site until Ctrl-C or SIGTERM."""
    if only == "edge" and not find_spec("housecount.intake"):
        raise InstallationError("This version has no webhook intake yet: there is no edge to serve alone.")
    ports.require_free(host, port)
    ready()
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    note(f"Housecount is at {address} - Ctrl-C stops it.")
    database.keep_alive()
    if with_worker:
        supervisor = Supervisor(note)
        supervisor.add(Child("site", leash.command("housecount.cli.serve", host, str(port))))
        supervisor.add(Child("worker", leash.command("housecount.cli.main", "worker")))
        supervisor.run()
    else:
        serve_pages(host, port)


def serve_pages(host: str, port: int) -> None:
    """Serve the pages in this process and one more, until told to stop."""
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    Server(
        "housecount.cli.serve:application",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=_THREADS,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=_STOP_SECONDS,
        websockets=False,
        log_level=LogLevels.warning,
    ).serve()


def application() -> "WSGIHandler":
    """The pages, in a process that ends when the server that started it is gone."""
    server = multiprocessing.parent_process()
    if server is not None and server.pid is not None:
        leash.die_with_parent(server.pid)
    from housecount.wsgi import application as pages

    return pages


if __name__ == "__main__":
    from housecount.installation.setup import use_settings

    use_settings()
    database.ready()
    serve_pages(sys.argv[1], int(sys.argv[2]))
