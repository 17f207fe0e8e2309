"""`housecount rebuild`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from housecount.cli.output import emit, json_option, progress
from housecount.cli.ready import with_database

if TYPE_CHECKING:
    from housecount.box_office.models import Account
    from housecount.box_office.rebuild import Difference

#: Differences named in full; there may be a great many.
_NAMED = 200


@click.command()
@click.option("--organisation", "slug", required=True, help="The slug of the organisation.")
@click.option("--check", is_flag=True, help="Compare only; exit status 1 on any difference.")
@json_option
@with_database
def rebuild(slug: str, check: bool) -> None:
    """Recompute state and totals from the raw records that were read, and say what differed."""
    from housecount.sync import accounts
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    differences: list[Difference] = []
    count = 0
    with progress() as shown:
        every = accounts.accounts_of(found.pk)
        task = shown.task("Accounts", len(every))
        for account in every:
            for difference in _differences(account, check=check):
                count += 1
                if len(differences) < _NAMED:
                    differences.append(difference)
            task.update(advance=1, note=f"{count} differences")
        task.finish()
    document = {
        "organisation": slug,
        "checked_only": check,
        "differences": [difference._asdict() for difference in differences],
        "count": count,
    }
    emit(document, lambda: _text(differences, count, check=check))
    if count and check:
        raise click.exceptions.Exit(1)


def _differences(account: "Account", *, check: bool) -> "list[Difference]":
    from housecount.box_office import rebuild as rebuilding
    from housecount.box_office.catalogue import account_key
    from housecount.platforms import registry
    from housecount.tenancy.identity import Identity, acting_as

    source = registry.source(account.platform)
    with acting_as(Identity.system(account.organisation_id)):
        if check:
            return list(rebuilding.compare(account_key(account), source))
        return list(rebuilding.repair(account_key(account), source, datetime.now(UTC)))


def _text(differences: "list[Difference]", count: int, *, check: bool) -> str:
    if not count:
        return "The ledger is what was read, order by order and in every sum."
    lines = [
        f"{each.kind} {each.external_id} (account {each.account_id}): {each.field} is {each.ledger} in the ledger, "
        f"{each.rebuilt} by what was read"
        for each in differences
    ]
    if count > len(differences):
        lines.append(f"and {count - len(differences)} more.")
    done = "Nothing was changed." if check else "The ledger now says what was read."
    return "\n".join([*lines, f"{count} differences. {done}"])
