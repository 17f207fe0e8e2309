"""`housecount agreement`."""

import click

from housecount.cli.output import emit, json_option
from housecount.cli.reading import file_option, organisation_option, read_json
from housecount.cli.ready import with_database


@click.group()
def agreement() -> None:
    """Written agreements with suppliers, that we make their tax invoices (RCTI)."""


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
