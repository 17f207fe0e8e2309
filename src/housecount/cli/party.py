"""`housecount party`."""

from pathlib import Path

import click

from housecount.cli.output import emit, json_option, table
from housecount.cli.reading import NotJson, file_option, organisation_option, read_json
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


@party.command("register")
@organisation_option
@click.argument("party_id", metavar="ID")
@file_option
@json_option
@with_database
def register(slug: str, party_id: str, file: str) -> None:
    """Keep what the business register says of the party ID, as you read it there: JSON with checked_on, name, active,
    registered_from, registered_to, answer."""
    from housecount.invoices import policy, services
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    data = read_json(file)
    with acting_as(Identity.system(found.pk)):
        document = policy.answer_json(services.record_answer(party_id, data))
    emit(document, document["id"])


@party.command("logo")
@organisation_option
@click.option("--file", metavar="F", help="A PNG or JPEG of at most 256 KiB.")
@click.option("--remove", is_flag=True, help="Print none from now on.")
@json_option
@with_database
def logo(slug: str, file: str | None, remove: bool) -> None:
    """Set the logo on the documents that the organisation writes. What is issued keeps the one it has."""
    from housecount.invoices import logos
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    if (file is None) == (not remove):
        raise click.UsageError("Give --file or --remove.")
    found = organisation_by_slug(slug)
    try:
        content = Path(file).read_bytes() if file else b""
    except OSError as error:
        raise NotJson(f"{file} cannot be read: {error.strerror}.") from None
    with acting_as(Identity.system(found.pk)):
        if remove:
            logos.remove_logo(found.pk)
            emit({"logo": None}, "No logo is printed from now on.")
        else:
            kept = logos.set_logo(found.pk, content)
            emit({"logo": {"kind": kept.kind, "sha256": kept.sha256}}, "It is printed from now on.")


def _registered(each: dict[str, object]) -> str:
    since, until = each["gst_registered_from"], each["gst_registered_to"]
    return "no" if since is None else f"since {since}" + (f" to {until}" if until else "")
