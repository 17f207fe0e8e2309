"""`housecount webhooks`."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from housecount.cli.output import emit, json_option, table
from housecount.cli.ready import with_database

if TYPE_CHECKING:
    from housecount.intake.models import Hook

_STATUSES = ("waiting", "done", "ignored", "dead")
_ID = click.IntRange(1, 2**63 - 1)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Moment(click.ParamType[datetime]):
    """A time: as ISO 8601 (UTC where it names no zone), or how long ago, such as 90m, 2h, 3d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment in UTC."""
        if isinstance(value, datetime):
            return value
        now = datetime.now(UTC)
        try:
            if ago := re.fullmatch(r"(\d{1,6})([mhd])", str(value).strip(), re.ASCII):
                return now - int(ago[1]) * _UNITS[ago[2]]
            moment = datetime.fromisoformat(str(value).strip())
        except (ValueError, OverflowError):
            self.fail(
                f"“{value}” is no time. Write it as 2026-11-27T19:30, or how long ago, as 2h or 3d.",
                param,
                ctx,
            )
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)


@click.group()
def webhooks() -> None:
    """The webhook log: what arrived, what became of it, and doing it again."""


@webhooks.command("list")
@click.option("--organisation", "slug", default="", help="Only those of this organisation.")
@click.option("--account", "account_id", default="", metavar="ID", help="Only those of this account.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(_STATUSES))
@click.option(
    "--since", type=Moment(), help="Only those received since then: a time, or how long ago (2h, 3d)."
)
@click.option("--object", "object_id", default="", metavar="ID", help="Only those that point at this object.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
@with_database
def list_webhooks(
    slug: str, account_id: str, statuses: tuple[str, ...], since: datetime | None, object_id: str, limit: int
) -> None:
    """The newest webhooks. Those whose account is not known (a relay sent them) are shown without an organisation."""
    from housecount.intake import queries

    slugs = _slugs()
    found: list[Hook] = []
    for organisation_id, identity, account in _places(slug, account_id):
        from housecount.tenancy.identity import acting_as

        with acting_as(identity):
            rows = queries.hooks_of(
                organisation_id, account_id=account, statuses=statuses, since=since, object_id=object_id
            )
            found.extend(rows[:limit])
    found = sorted(found, key=lambda hook: (hook.received_at, hook.pk), reverse=True)[:limit]
    documents = [queries.document(hook, slugs) for hook in found]
    emit({"hooks": documents}, lambda: _listing(documents))


@webhooks.command("show")
@click.argument("hook_id", metavar="ID", type=_ID)
@json_option
@with_database
def show(hook_id: int) -> None:
    """One webhook: what it said, and what became of it. Secrets and e-mail addresses were taken out of it."""
    from housecount.intake import queries

    [hook] = _by_ids([hook_id])
    document = queries.document(hook, _slugs()) | {
        "webhook_id": hook.webhook_id,
        "headers": hook.headers,
        "body": queries.readable_body(hook),
    }
    emit(document, lambda: "\n".join(f"{name}: {value}" for name, value in document.items() if value != ""))


@webhooks.command("replay")
@click.argument("hook_ids", metavar="[ID]...", nargs=-1, type=_ID)
@click.option("--organisation", "slug", default="", help="Those of this organisation.")
@click.option("--account", "account_id", default="", metavar="ID", help="Those of this account.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(_STATUSES))
@click.option("--since", type=Moment(), help="Those received since then.")
@click.option("--until", type=Moment(), help="Those received before then.")
@click.option("--object", "object_id", default="", metavar="ID", help="Those that point at this object.")
@json_option
@with_database
def replay(
    hook_ids: tuple[int, ...],
    slug: str,
    account_id: str,
    statuses: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    object_id: str,
) -> None:
    """Have webhooks handled again: those of the given IDs, or all that the options describe.

    What they point at is read again; nothing is counted twice by that.
    """
    from housecount.intake import queries, services
    from housecount.tenancy.identity import Identity, acting_as

    ranged = any((slug, account_id, statuses, since, until, object_id))
    if bool(hook_ids) == ranged:
        raise click.UsageError(
            "Give the IDs of webhooks, or say which with --account, --status, --since, --until or --object."
        )
    replayed = 0
    if hook_ids:
        for hook in _by_ids(hook_ids):
            with acting_as(Identity.system(hook.organisation_id)):
                replayed += services.replay(queries.hooks_of(hook.organisation_id).filter(pk=hook.pk))
    else:
        for organisation_id, identity, account in _places(slug, account_id):
            with acting_as(identity):
                replayed += services.replay(
                    queries.hooks_of(
                        organisation_id,
                        account_id=account,
                        statuses=statuses,
                        since=since,
                        until=until,
                        object_id=object_id,
                    )
                )
    emit(
        {"replayed": replayed},
        f"{replayed} {'webhook is' if replayed == 1 else 'webhooks are'} handled again by the worker.",
    )


def _places(slug: str, account_id: str) -> list[tuple[UUID | None, Any, UUID | None]]:
    """Where to look: (organisation, whom to act as, account). Raises for an unknown organisation or account."""
    from housecount.sync import accounts
    from housecount.sync.errors import UnknownAccount
    from housecount.tenancy.identity import Identity
    from housecount.tenancy.queries import all_organisations, organisation_by_slug

    organisation = organisation_by_slug(slug) if slug else None
    if account_id:
        account = accounts.find(account_id)
        if organisation is not None and account.organisation_id != organisation.pk:
            raise UnknownAccount(f"{organisation.name} has no account {account_id}.")
        return [(account.organisation_id, Identity.system(account.organisation_id), account.pk)]
    if organisation is not None:
        return [(organisation.pk, Identity.system(organisation.pk), None)]
    everywhere: list[UUID | None] = [each.pk for each in all_organisations()]
    return [(each, Identity.system(each), None) for each in (*everywhere, None)]


def _by_ids(hook_ids: Sequence[int]) -> "list[Hook]":
    from housecount.intake.errors import UnknownHook
    from housecount.intake.models import Hook
    from housecount.tenancy.identity import Identity, acting_as

    with acting_as(Identity.system()):
        found = {hook.pk: hook for hook in Hook.objects.filter(pk__in=hook_ids)}
    for hook_id in hook_ids:
        if hook_id not in found:
            raise UnknownHook(f"There is no webhook {hook_id} in the log: see housecount webhooks list.")
    return [found[hook_id] for hook_id in dict.fromkeys(hook_ids)]


def _slugs() -> dict[UUID, str]:
    from housecount.tenancy.queries import all_organisations

    return {organisation.pk: organisation.slug for organisation in all_organisations()}


def _listing(documents: Sequence[dict[str, Any]]) -> str:
    if not documents:
        return "No webhook in the log is like that."
    return table(
        ["ID", "Received", "Platform", "Organisation", "Action", "Status", "Tries", "Outcome", "Object"],
        [
            [
                row["id"], row["received_at"][:19], row["platform"], row["organisation"] or "-",
                row["action"] or "-", row["status"], row["attempts"], row["outcome"] or "-",
                ", ".join(touch.get("object_id") or touch.get("kind", "") for touch in row["touches"]) or "-",
            ]
            for row in documents
        ],
        right=[0, 6],
    )  # fmt: skip
