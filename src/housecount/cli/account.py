"""`housecount account`."""

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from housecount.cli.output import emit, json_option, note, table
from housecount.cli.ready import with_database

if TYPE_CHECKING:
    from housecount.tenancy.crypto import Secret


@click.group()
def account() -> None:
    """Connect accounts at ticketing platforms, and see how they are."""


@account.command("connect")
@click.argument("platform")
@click.option("--organisation", "slug", required=True, help="The slug of the organisation.")
@click.option(
    "--name", default="", help="What to call the account; the platform's name for it when left out."
)
@click.option(
    "--region", "regions", multiple=True, help="A region to read, two letters; may be given several times."
)
@click.option("--api-key-stdin", is_flag=True, help="Read the key from standard input.")
@json_option
@with_database
def connect(platform: str, slug: str, name: str, regions: tuple[str, ...], api_key_stdin: bool) -> None:
    """Connect an account at PLATFORM. The key is checked with the platform first.

    The key comes from standard input or from the variable PLATFORM_API_KEY (EVENTBRITE_API_KEY).
    """
    from housecount.platforms import registry
    from housecount.sync import accounts, doors
    from housecount.tenancy import queries
    from housecount.tenancy.identity import Identity, acting_as

    source = registry.source(platform)
    found = queries.organisation_by_slug(slug)
    secret = _key(source.key, source.label, from_stdin=api_key_stdin)
    made = asyncio.run(
        accounts.connect(
            found.pk, source.key, secret, name=name, regions=[region.upper() for region in regions]
        )
    )
    with acting_as(Identity.system(found.pk)):
        door = doors.state_of(made)
    address = doors.address_of(made)
    document = {
        "account": made.pk,
        "platform": made.platform,
        "name": made.name,
        "webhook_url": address,
        "webhook_registered": door.registered,
    }
    text = f"Connected {made.name} ({made.pk}). Read it with: housecount sync --organisation {slug}\n"
    if door.registered:
        text += f"Its webhook is registered at {source.label}."
    elif source.webhooks is None:
        text += f"{source.label} has no webhooks. A relay may send its own to {address}"
    else:
        text += f"Its webhook address, to enter at {source.label} by hand: {address}"
    emit(document, text)
    for remark in (
        door.trouble and f"The webhook is not registered: {door.trouble} It is tried again within the hour.",
        doors.no_public_address(),
        doors.unreachable_port(source),
    ):
        if remark:
            note(remark)


@account.command("reconnect")
@click.argument("account_id", metavar="ID")
@click.option("--api-key-stdin", is_flag=True, help="Read the key from standard input.")
@json_option
@with_database
def reconnect(account_id: str, api_key_stdin: bool) -> None:
    """Give account ID a new key, after checking it, and read it again."""
    from housecount.platforms import registry
    from housecount.sync import accounts

    found = accounts.find(account_id)
    source = registry.source(found.platform)
    secret = _key(source.key, source.label, from_stdin=api_key_stdin)
    renewed = asyncio.run(accounts.reconnect(found, secret))
    emit(
        {"account": renewed.pk, "platform": renewed.platform, "name": renewed.name, "state": renewed.state},
        f"{renewed.name} has a new key and is read again.",
    )


@account.command("disconnect")
@click.argument("account_id", metavar="ID")
@json_option
@with_database
def disconnect(account_id: str) -> None:
    """Forget the key of account ID and read it no more. What was read stays."""
    from housecount.sync import accounts

    found = accounts.find(account_id)
    accounts.disconnect(found)
    emit(
        {"account": found.pk, "platform": found.platform, "name": found.name, "state": "disconnected"},
        f"{found.name} is disconnected. Its orders stay in the count, with their age.",
    )


@account.command("list")
@click.option("--organisation", "slug", required=True, help="The slug of the organisation.")
@json_option
@with_database
def list_accounts(slug: str) -> None:
    """The accounts of an organisation, with their freshness."""
    from housecount.sync import queries
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    with acting_as(Identity.system(found.pk)):
        documents = queries.account_documents(found.pk)
    emit(
        {"organisation": slug, "accounts": documents},
        lambda: (
            table(
                ["Account", "Platform", "Name", "State", "As of", "Last sweep"],
                [
                    [row["account"], row["platform"], row["name"], row["state"], row["as_of"] or "never",
                     row["last_sweep_at"] or "never"]
                    for row in documents
                ],
            )
            + "".join(f"\n{row['name']}: {row['stale_reason']}" for row in documents if row["stale_reason"])
            if documents
            else "No account is connected yet: housecount account connect PLATFORM --organisation " + slug
        ),
    )  # fmt: skip


def _key(platform: str, label: str, *, from_stdin: bool) -> "Secret":
    from housecount.installation import environment
    from housecount.tenancy.crypto import Secret

    if from_stdin:
        return Secret(sys.stdin.readline().strip())
    value: str | None = getattr(environment.load(), f"{platform}_api_key", None)
    if value is None and sys.stdin.isatty():
        value = click.prompt(f"Key for {label}", hide_input=True)
    if not value:
        note(
            f"Give the key for {label} on standard input with --api-key-stdin, or in {platform.upper()}_API_KEY."
        )
        raise click.exceptions.Exit(2)
    return Secret(value)
