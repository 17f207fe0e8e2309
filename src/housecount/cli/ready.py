"""What a command does before it may use the database."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from housecount.installation import database, migrations, setup
from housecount.installation.errors import NotMigrated

_P = ParamSpec("_P")
_R = TypeVar("_R")


def ready() -> None:
    """Start the database if it is ours, set up Django, and make sure that the tables are there.

    Import models only after this. Raises an InstallationError with what to do.
    """
    setup.set_up_django()
    if migrations.behind(database.application_url()):
        raise NotMigrated("The database has not the tables that this version needs: run housecount migrate.")


def with_database(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Decorate a command's function with `ready`; it imports models in its body."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        ready()
        return command(*args, **kwargs)

    return run
