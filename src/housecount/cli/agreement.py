"""`housecount agreement`."""

from datetime import datetime

import click

from housecount.cli.output import emit, json_option, table
from housecount.cli.reading import file_option, organisation_option, read_json
from housecount.cli.ready import with_database


@click.group()
def agreement() -> None:
    """Written agreements with suppliers, that we make their tax invoices (RCTI)."""


@agreement.command("list")
@organisation_option
@json_option
@with_database
def list_agreements(slug: str) -> None:
    """The agreements of an organisation, the newest first."""
    from housecount.invoices import queries
    from housecount.invoices.models import Agreement
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    with acting_as(Identity.system(found.pk)):
        rows = Agreement.objects.filter(organisation_id=found.pk).select_related("party")
        each_of = [(each.party.name, queries.agreement_json(each)) for each in rows.order_by("-starts_on")]
    emit(
        {"organisation": slug, "agreements": [each for _, each in each_of]},
        table(
            ["Supplier", "From", "To", "Supplies", "Id"],
            [
                [name, each["from"], each["to"] or "open", each["supplies"][:40], each["id"]]
                for name, each in each_of
            ],
        )
        if each_of
        else "There is no agreement.",
    )


@agreement.command("end")
@organisation_option
@click.argument("agreement_id", metavar="ID")
@click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The last day on which it holds."
)
@json_option
@with_database
def end(slug: str, agreement_id: str, day: datetime) -> None:
    """Let the agreement ID hold until a day, and not after."""
    from housecount.invoices import queries, services
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    with acting_as(Identity.system(found.pk)):
        document = queries.agreement_json(services.end_agreement(agreement_id, day.date()))
    emit(document, f"It holds until {document['to']}.")


@agreement.command("create")
@organisation_option
@file_option
@json_option
@with_database
def create(slug: str, file: str) -> None:
    """Put an agreement on file from JSON; prints its id."""
    from housecount.invoices import queries, services
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    data = read_json(file)
    with acting_as(Identity.system(found.pk)):
        document = queries.agreement_json(services.create_agreement(found.pk, data))
    emit(document, document["id"])
