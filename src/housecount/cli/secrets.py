"""`housecount secrets`."""

import click

from housecount.cli.output import emit, json_option
from housecount.cli.ready import with_database


@click.group()
def secrets() -> None:
    """Look after what is kept encrypted."""


@secrets.command("rotate")
@json_option
@with_database
def rotate() -> None:
    """Encrypt every stored secret with the first of HOUSECOUNT_ENCRYPTION_KEYS.

    Put the new key first and keep the former ones behind it; after this, those are needed no more.
    """
    from housecount.tenancy.crypto import rotate_secrets

    done = rotate_secrets()
    emit({"rotated": done}, f"{sum(done.values())} secrets are now encrypted with the first key.")
