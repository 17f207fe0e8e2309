"""`housecount token`."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import click

from housecount.cli.output import emit, json_option, table
from housecount.cli.ready import with_database


@click.group()
def token() -> None:
    """API tokens: what programs sign in with."""


@token.command("create")
@click.argument("name")
@click.option("--organisation", "slug", required=True, help="The slug of the organisation.")
@click.option("--user", "email", required=True, help="The e-mail address of the member it acts for.")
@click.option("--role", default="", help="At most the member's own role, which is the default.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help="What it may do; may be given several times."
)
@click.option("--days", type=click.IntRange(1, 3650), help="It expires after so many days. Without: never.")
@json_option
@with_database
def create(name: str, slug: str, email: str, role: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make an API token called NAME and print it. It is shown this once.

    Scopes: sales:read, sales:write, invoices:read, invoices:write, sync:read, sync:write, settings:read.
    """
    from housecount.tenancy import tokens
    from housecount.tenancy.errors import Invalid
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.models import Membership
    from housecount.tenancy.queries import organisation_by_slug

    organisation = organisation_by_slug(slug)
    with acting_as(Identity.system(organisation.pk)):
        membership = (
            Membership.objects.filter(organisation_id=organisation.pk, user__email=email.strip().lower())
            .select_related("user")
            .first()
        )
        if membership is None:
            raise Invalid(f"{organisation.name} has no member with this e-mail address.")
        made, secret = tokens.create(
            organisation.pk,
            membership,
            name=name,
            role=role or membership.role,
            scopes=scopes,
            expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
        )
        document = tokens.document(made)
    emit(document | {"token": secret.reveal()}, secret.reveal())


@token.command("list")
@click.option("--organisation", "slug", required=True, help="The slug of the organisation.")
@json_option
@with_database
def list_tokens(slug: str) -> None:
    """The organisation's API tokens. The tokens themselves are kept nowhere."""
    from housecount.tenancy import tokens
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    organisation = organisation_by_slug(slug)
    with acting_as(Identity.system(organisation.pk)):
        found = [tokens.document(each) for each in tokens.tokens(organisation.pk)]
    emit(
        {"tokens": found},
        lambda: (
            table(
                ["ID", "Token", "Name", "Role", "State", "Last used"],
                [
                    [row["id"], f"{row['prefix']}…", row["name"], row["role"], row["state"],
                     str(row["last_used_at"] or "never")[:19]]
                    for row in found
                ],
            )
            if found
            else "There is no API token: housecount token create NAME makes one."
        ),
    )  # fmt: skip


@token.command("revoke")
@click.argument("token_id", metavar="ID", type=click.UUID)
@click.option("--organisation", "slug", required=True, help="The slug of the organisation.")
@json_option
@with_database
def revoke(token_id: UUID, slug: str) -> None:
    """End an API token for good: what uses it is refused from now on."""
    from housecount.tenancy import tokens
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    organisation = organisation_by_slug(slug)
    with acting_as(Identity.system(organisation.pk)):
        document = tokens.document(tokens.revoke(organisation.pk, token_id))
    emit(document, f"{document['prefix']}… is revoked.")
