"""`housecount migrate`."""

import click

from housecount.cli.output import emit, json_option, note
from housecount.installation import database, migrations, setup


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when something is missing.")
@json_option
def migrate(check: bool) -> None:
    """Bring the database to this version: roles, tables and rights.

    Connects as DATABASE_OWNER_URL. Safe to run at any time and as often as you like.
    """
    setup.set_up_django()
    if check:
        missing = migrations.pending(database.owner_url())
        emit(
            {"pending": sorted(missing)},
            f"{len(missing)} database changes are missing: run housecount migrate."
            if missing
            else "The database is at this version.",
        )
        click.get_current_context().exit(1 if missing else 0)
    applied = run(note)
    emit(
        {"applied": applied},
        f"Applied {len(applied)} database changes." if applied else "The database is at this version.",
    )


def run(say: migrations.Say) -> list[str]:
    """Migrate the database of this process; Django is set up. Answers what was applied."""
    from housecount.tenancy.identity import unscoped

    with unscoped():
        return migrations.migrate(database.owner_url(), database.login_name(), say)
