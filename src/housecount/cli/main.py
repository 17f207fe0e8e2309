"""The command `housecount`. Each sub-command's module is imported only when it is run."""

import importlib
import os
import signal
import sys
import threading
from importlib.util import find_spec
from types import FrameType
from typing import NoReturn

import click

from housecount.cli.output import ReportingGroup, remember_debug

# name: (module, attribute, one line of help)
_COMMANDS = {
    "demo": ("demo", "demo", "Everything at once, with invented platforms and a season of shows."),
    "migrate": ("migrate", "migrate", "Bring the database to this version."),
    "serve": ("serve", "serve", "Serve the site."),
    "worker": ("worker", "worker", "Run background jobs."),
    "doctor": ("doctor", "doctor", "Check this installation."),
    "organisation": ("people", "organisation", "Make and list organisations."),
    "user": ("people", "user", "Make users."),
    "token": ("token", "token", "Make and revoke API tokens."),
    "account": ("account", "account", "Connect accounts at ticketing platforms."),
    "webhooks": ("webhooks", "webhooks", "The webhook log: see, search and replay."),
    "sync": ("sync", "sync", "Read the platforms now."),
    "sales": ("sales", "sales", "The count."),
    "party": ("party", "party", "Who is invoiced, and who invoices."),
    "agreement": ("agreement", "agreement", "Agreements with suppliers on their tax invoices."),
    "rcti": ("rcti", "rcti", "Copies that suppliers wait for, and rules of your own."),
    "invoice": ("invoice", "invoice", "Invoices: made, issued, paid, corrected."),
    "report": ("report", "report", "Who owes what, tax of a period, exports, payments for the bank."),
    "xero": ("xero", "xero", "The books in Xero: connect, write, see what is left."),
    "secrets": ("secrets", "secrets", "Encrypt what is kept with a new key."),
    "rebuild": ("rebuild", "rebuild", "Recompute from the raw records, or check."),
}


class LazyGroup(ReportingGroup):
    """Knows its commands by name and help, and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [name for name, (module, _, _) in _COMMANDS.items() if find_spec(f"housecount.cli.{module}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"housecount.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="housecount", prog_name="housecount")
@click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=remember_debug,
    help="Show the traceback of an unexpected error.",
)
def cli() -> None:
    """Every ticket sold, anywhere, in one honest count. Every act paid, to the cent."""


def main() -> None:
    """Entry point. SIGTERM ends like an ordinary exit, so that the database is stopped properly."""
    signal.signal(signal.SIGTERM, _exit)
    sys.unraisablehook = _signal_again
    try:
        cli(prog_name="housecount")
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _signal_again(lost: "sys.UnraisableHookArgs") -> None:
    """Python drops what is raised while an object is being cleared away. When that was Ctrl-C or SIGTERM, it is sent
    once more, a moment later."""
    number = {KeyboardInterrupt: signal.SIGINT, SystemExit: signal.SIGTERM}.get(lost.exc_type)
    if number is None:
        sys.__unraisablehook__(lost)
        return
    again = threading.Timer(0.1, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()


def _exit(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
