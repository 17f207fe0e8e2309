"""How every command speaks: facts on stdout, as text or JSON; progress and errors on stderr."""

import contextlib
import json
import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TypeVar

import click

from housecount.core.errors import HousecountError

_JSON = "housecount.json"
_DEBUG = "housecount.debug"
_PLAIN_EVERY_SECONDS = 2.0
_F = TypeVar("_F", bound=Callable[..., Any])


def json_option(function: _F) -> _F:
    """Give a command `--json`. The command itself takes no argument for it: `emit` knows."""

    def remember(context: click.Context, _: click.Parameter, value: bool) -> None:
        context.meta[_JSON] = value

    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=remember,
        help="Answer with one JSON document.",
    )(function)


def wants_json() -> bool:
    """Whether the running command was asked for JSON."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(_JSON))


def emit(document: object, text: str | Callable[[], str]) -> None:
    """Answer with `document` under --json, otherwise with `text` (or what it returns).

    `document` may hold UUIDs, dates, enums and whatever else `str` makes readable; never a float.
    """
    if wants_json():
        click.echo(json.dumps(document, ensure_ascii=False, default=str))
    else:
        click.echo(text if isinstance(text, str) else text())


def told(error: HousecountError) -> str:
    """What an error says to whoever is at the command line."""
    return f"{error.message} See {error.command}." if error.command else error.message


def note(text: str) -> None:
    """A remark for the person watching, kept apart from the facts."""
    click.echo(text, err=True)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int] = ()) -> str:
    """Rows in columns under their headers; columns numbered in `right` are set to the right."""
    from rich.cells import cell_len

    texts = [[str(header) for header in headers], *[[str(cell) for cell in row] for row in rows]]
    widths = [max(cell_len(row[column]) for row in texts) for column in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        cells = []
        for column, cell in enumerate(row):
            space = " " * (widths[column] - cell_len(cell))
            cells.append(space + cell if column in right else cell + space)
        return "  ".join(cells).rstrip()

    return "\n".join([line(texts[0]), "  ".join("-" * width for width in widths), *map(line, texts[1:])])


class ReportingGroup(click.Group):
    """A group whose commands end in a readable sentence and the agreed exit status, whatever happens."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except KeyboardInterrupt:
            ctx.exit(130)
        except BrokenPipeError:
            raise  # whoever read us has enough; click ends quietly
        except HousecountError as error:
            _debug(ctx, error)
            _fail(ctx, error.code, told(error))
        except Exception as error:  # noqa: BLE001 - nothing may reach a promoter as a traceback
            _debug(ctx, error)
            _fail(ctx, *_unexpected(error))


def remember_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Callback of the top level's --debug."""
    context.meta[_DEBUG] = value


def _fail(ctx: click.Context, code: str, message: str) -> NoReturn:
    if ctx.meta.get(_JSON):
        click.echo(json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False))
    else:
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {message}", err=True)
    ctx.exit(1)


def _debug(ctx: click.Context, error: BaseException) -> None:
    if ctx.meta.get(_DEBUG):
        from housecount.installation.logs import redact

        click.echo(redact("".join(traceback.format_exception(error))), err=True)


def _unexpected(error: Exception) -> tuple[str, str]:
    django = sys.modules.get("django.db.utils")
    if django is not None and isinstance(error, django.OperationalError | django.InterfaceError):
        from housecount.installation import database

        return "database_unavailable", database.explain(error)
    cause = error.__cause__
    if type(cause).__name__ == "UndefinedTable" or type(error).__name__ == "UndefinedTable":
        return (
            "not_migrated",
            "The database has not the tables that this version needs: run housecount migrate.",
        )
    if isinstance(error, OSError) and error.errno == 28:
        return "disk_full", "The disk is full. Free some space and try again."
    where = _log(error)
    return "unexpected", (
        f"Something went wrong that Housecount did not expect ({type(error).__name__}). {where} "
        "Please report it; --debug shows more."
    )


def _log(error: Exception) -> str:
    """Write the traceback to the log file; a sentence that says where it is."""
    from housecount.installation import environment, logs

    try:
        path = logs.log_path(environment.load().home)
    except HousecountError:
        return "There is no log, because the settings are not in order."
    handler = logs.HomeFileHandler(str(path))
    handler.setFormatter(logs.RedactingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    record = logging.LogRecord(
        "housecount.cli",
        logging.ERROR,
        __file__,
        0,
        "A command failed unexpectedly",
        None,
        (type(error), error, error.__traceback__),
    )
    handler.handle(record)
    handler.close()
    return f"What happened is in {path}." if path.exists() else f"It could not be written to {path}."


class Task:
    """One piece of long work whose progress is shown."""

    def __init__(self, name: str, show: Callable[["Task"], None]) -> None:
        self.name = name
        self.done = 0
        self.total: int | None = None
        self.note = ""
        self.finished = False
        self._show = show

    def update(
        self, done: int | None = None, total: int | None = None, note: str | None = None, *, advance: int = 0
    ) -> None:
        """Set how much is done, out of how much (None = as before), and a short remark."""
        self.done = (self.done if done is None else done) + advance
        self.total = self.total if total is None else total
        self.note = self.note if note is None else note
        self._show(self)

    def finish(self, note: str | None = None) -> None:
        """Say that it is over."""
        self.finished = True
        self.update(note=note, total=self.total if self.total is None else max(self.total, self.done))


class Progress:
    """Starts tasks; see `progress`."""

    def __init__(self, start: Callable[[Task], Callable[[Task], None]]) -> None:
        self._start = start

    def task(self, name: str, total: int | None = None) -> Task:
        """A new line of progress; `total` may be told later, or never."""
        task = Task(name, lambda _: None)
        task.total = total
        task._show = self._start(task)
        task._show(task)
        return task


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """Show progress on stderr: bars when a person is watching, otherwise a plain line now and then."""
    if not sys.stderr.isatty():
        yield Progress(_plain)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
    )

    def start(task: Task) -> Callable[[Task], None]:
        number = bars.add_task(task.name, total=task.total, note="")

        def show(task: Task) -> None:
            total = task.done if task.finished and task.total is None else task.total
            bars.update(number, completed=task.done, total=total, note=task.note)

        return show

    with bars:
        yield Progress(start)


def _plain(_: Task) -> Callable[[Task], None]:
    last = 0.0

    def show(task: Task) -> None:
        nonlocal last
        now = time.monotonic()
        if not task.finished and last and now - last < _PLAIN_EVERY_SECONDS:
            return
        last = now
        of = f" of {task.total}" if task.total is not None else ""
        remark = f", {task.note}" if task.note else ""
        click.echo(f"{task.name}: {task.done}{of}{remark}{' - done' if task.finished else ''}", err=True)

    return show
