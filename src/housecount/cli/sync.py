"""`housecount sync`."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from housecount.cli.output import Progress, Task, emit, json_option, progress, table
from housecount.cli.ready import with_database
from housecount.core.errors import HousecountError

if TYPE_CHECKING:
    from housecount.box_office.models import Account


@click.command()
@click.option("--organisation", "slug", help="Only the accounts of this organisation.")
@click.option("--account", "account_id", help="Only this account; a stopped one is tried again.")
@click.option("--full", is_flag=True, help="Read everything again and prove what is there.")
@json_option
@with_database
def sync(slug: str | None, account_id: str | None, full: bool) -> None:
    """Read the platforms now. Exit status 1 when anything could not be read."""
    rows = read(chosen(slug, account_id), full=full)
    emit({"accounts": rows}, lambda: _text(rows))
    if any(not row["complete"] for row in rows):
        raise click.exceptions.Exit(1)


def chosen(slug: str | None, account_id: str | None) -> "list[Account]":
    """The accounts that a command means. One that is named is read even when it was stopped."""
    from housecount.box_office.models import AccountState
    from housecount.sync import accounts
    from housecount.sync.errors import UnknownAccount
    from housecount.tenancy import queries

    organisations = [queries.organisation_by_slug(slug)] if slug else queries.all_organisations()
    if account_id is not None:
        found = accounts.find(account_id)
        if found.organisation_id not in {organisation.pk for organisation in organisations}:
            raise UnknownAccount(f"The organisation {slug} has no account {account_id}.")
        return [found]
    every = [account for organisation in organisations for account in accounts.accounts_of(organisation.pk)]
    return [account for account in every if account.state != AccountState.DISCONNECTED]


def read(accounts: "Sequence[Account]", *, full: bool) -> list[dict[str, Any]]:
    """Reads accounts with progress shown; what each brought, as a document."""
    from housecount.sync import services

    with progress() as shown:
        watched = _Watched(shown)
        results = asyncio.run(
            services.read_accounts(accounts, full=full, wait=services.PATIENCE, progress=watched)
        )
        watched.finish()
    return [_row(account, result) for account, result in zip(accounts, results, strict=True)]


class _Watched:
    """Shows the progress of reads; one line per account."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._tasks: dict[str, Task] = {}
        self._records: dict[str, int] = {}

    def planned(self, account: str, slices: int) -> None:
        known = self._tasks.get(account)
        if known is None:
            self._tasks[account] = self._shown.task(account, slices)
        else:  # another account of that name: they are shown as one
            known.update(total=(known.total or 0) + slices)

    def stored(self, account: str, records: int) -> None:
        self._records[account] = self._records.get(account, 0) + records
        self._tasks[account].update(note=f"{self._records[account]:,} records read")

    def finished_slice(self, account: str) -> None:
        self._tasks[account].update(advance=1)

    def finish(self) -> None:
        for task in self._tasks.values():
            task.finish()


def _row(account: "Account", result: object) -> dict[str, Any]:
    from housecount.sync.models import ReadRun

    row: dict[str, Any] = {"account": account.pk, "platform": account.platform, "name": account.name}
    if isinstance(result, ReadRun):
        error = {"code": result.error_code, "message": result.error} if result.error_code else None
        return row | {
            "orders_read": result.orders_read,
            "orders_changed": result.orders_changed,
            "tickets_changed": result.tickets_changed,
            "requests": result.requests,
            "seconds": round((result.finished_at - result.started_at).total_seconds(), 3),
            "complete": result.complete,
            "error": error,
        }
    if not isinstance(result, HousecountError):
        assert isinstance(result, BaseException)
        raise result
    nothing = dict.fromkeys(("orders_read", "orders_changed", "tickets_changed", "requests", "seconds"), 0)
    return row | nothing | {"complete": False, "error": {"code": result.code, "message": result.message}}


def _text(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "There is no account to read: housecount account connect PLATFORM --organisation SLUG"
    lines = table(
        ["Account", "Platform", "Orders read", "Orders changed", "Tickets changed", "Requests", "Seconds", ""],
        [
            [row["name"], row["platform"], f"{row['orders_read']:,}", f"{row['orders_changed']:,}",
             f"{row['tickets_changed']:,}", row["requests"], f"{row['seconds']:.1f}",
             "complete" if row["complete"] else "NOT COMPLETE"]
            for row in rows
        ],
        right=(2, 3, 4, 5, 6),
    )  # fmt: skip
    return lines + "".join(f"\n{row['name']}: {row['error']['message']}" for row in rows if row["error"])
