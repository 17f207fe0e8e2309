"""`housecount party`."""

import click

from housecount.cli.output import emit, json_option, table
from housecount.cli.reading import file_option, organisation_option, read_json
from housecount.cli.ready import with_database


@click.group()
def party() -> None:
    """Who is invoiced and who invoices: acts, venues, the organisation itself."""


@party.command("create")
@organisation_option
@file_option
@json_option
@with_database
def create(slug: str, file: str) -> None:
    """Put a party on file from JSON, or a list of them; prints each id."""
    from housecount.invoices import queries, services
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    data = read_json(file)
    with acting_as(Identity.system(found.pk)):
        made = services.create_parties(found.pk, data)
        documents = [queries.party_json(each) for each in made]
    emit(documents if isinstance(data, list) else documents[0], "\n".join(each["id"] for each in documents))


@party.command("list")
@organisation_option
@json_option
@with_database
def list_parties(slug: str) -> None:
    """The parties of an organisation."""
    from housecount.invoices import queries
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    with acting_as(Identity.system(found.pk)):
        documents = [queries.party_json(each) for each in queries.parties(found.pk)]
    rows = [
        [each["name"], each["kind"], each["abn"] or each["nzbn"] or each["vat_number"] or "-",
         _registered(each), "ourselves" if each["self"] else "", each["id"]]
        for each in documents
    ]  # fmt: skip
    emit(
        {"organisation": slug, "parties": documents},
        table(["Name", "Kind", "Number", "Registered", "", "Id"], rows)
        if rows
        else f"No party is on file yet: housecount party create --organisation {slug} --file F",
    )


def _registered(each: dict[str, object]) -> str:
    since, until = each["gst_registered_from"], each["gst_registered_to"]
    return "no" if since is None else f"since {since}" + (f" to {until}" if until else "")
