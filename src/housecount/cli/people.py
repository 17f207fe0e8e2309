"""`housecount organisation` and `housecount user`."""

import sys

import click

from housecount.cli.output import emit, json_option, table
from housecount.cli.ready import with_database


@click.group()
def organisation() -> None:
    """Make and list organisations: the promoters whose sales are counted here."""


@organisation.command("create")
@click.argument("name")
@click.option("--slug", help="Its short name in commands and addresses; made from NAME when left out.")
@click.option("--timezone", default="Australia/Sydney", show_default=True, help="An IANA time zone.")
@click.option("--currency", default="AUD", show_default=True, help="Three letters.")
@click.option("--country", default="AU", show_default=True, help="Two letters.")
@json_option
@with_database
def create_organisation(name: str, slug: str | None, timezone: str, currency: str, country: str) -> None:
    """Make an organisation called NAME and print its slug."""
    from housecount.tenancy import services

    made = services.create_organisation(
        name, slug=slug, timezone=timezone, currency=currency, country=country
    )
    emit(
        {
            "id": made.pk,
            "organisation": made.slug,
            "slug": made.slug,
            "name": made.name,
            "timezone": made.timezone,
            "currency": made.currency,
            "country": made.country,
        },
        made.slug,
    )


@organisation.command("list")
@json_option
@with_database
def list_organisations() -> None:
    """The organisations of this installation."""
    from housecount.tenancy import queries

    found = queries.all_organisations()
    emit(
        {
            "organisations": [
                {
                    "id": each.pk,
                    "slug": each.slug,
                    "name": each.name,
                    "timezone": each.timezone,
                    "currency": each.currency,
                    "country": each.country,
                }
                for each in found
            ]
        },
        lambda: (
            table(
                ["slug", "name", "time zone", "currency"],
                [[each.slug, each.name, each.timezone, each.currency] for each in found],
            )
            if found
            else "There is no organisation yet: housecount organisation create NAME makes one."
        ),
    )


@click.group()
def user() -> None:
    """Make users: the people who sign in."""


@user.command("create")
@click.argument("email")
@click.option("--organisation", "slug", required=True, help="The slug of the organisation they belong to.")
@click.option(
    "--role",
    required=True,
    type=click.Choice(["admin", "promoter", "bookkeeper", "act"]),
    help="What they may do there.",
)
@click.option("--name", default="", help="What to call them.")
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input. Otherwise one is made up and printed.",
)
@json_option
@with_database
def create_user(email: str, slug: str, role: str, name: str, password_stdin: bool) -> None:
    """Make the user EMAIL, or let an existing user join another organisation."""
    from housecount.tenancy import queries, services
    from housecount.tenancy.errors import Invalid

    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise Invalid("There was no password on standard input.")
    else:
        password = services.generated_password()
    found = queries.organisation_by_slug(slug)
    made = services.create_user(email, found, role, password=password, name=name)
    told = password if made.is_new_user and not password_stdin else None
    emit(
        {
            "id": made.user.pk,
            "email": made.user.email,
            "organisation": found.slug,
            "role": made.membership.role,
            "new_user": made.is_new_user,
            "password": told,
        },
        _sentence(made.user.email, role, found.slug, told, made.is_new_user),
    )


@user.command("operator")
@click.argument("email")
@click.option("--revoke", is_flag=True, help="They operate the installation no more.")
@json_option
@with_database
def operator(email: str, revoke: bool) -> None:
    """Let the user EMAIL operate this installation: they see /operate/, and nothing more of any organisation."""
    from housecount.tenancy import services

    found = services.set_operator(email, operator=not revoke)
    emit(
        {"id": found.pk, "email": found.email, "operator": found.is_staff},
        f"{found.email} operates this installation: see /operate/."
        if found.is_staff
        else f"{found.email} does not operate this installation.",
    )


@user.command("forget-two-factor")
@click.argument("email")
@json_option
@with_database
def forget_two_factor(email: str) -> None:
    """Let the user EMAIL, who lost their phone and their recovery codes, sign in by password alone.

    They are signed out everywhere. Be sure first who asks.
    """
    from housecount.tenancy import services

    found = services.forget_second_factor(email)
    emit(
        {"id": found.pk, "email": found.email, "two_factor": False},
        f"{found.email} signs in by password alone, until they switch two-factor sign-in on again.",
    )


def _sentence(email: str, role: str, slug: str, password: str | None, is_new: bool) -> str:
    if not is_new:
        return f"{email} has an account already, keeps its password, and is now {role} of {slug}."
    if password is None:
        return f"{email} is now {role} of {slug}."
    return f"{email} is now {role} of {slug}. Their password, shown this once: {password}"
