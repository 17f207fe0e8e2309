"""`housecount invoice check`, `send`, `asked` and `requests`: before a document goes out, and its way to people."""

from datetime import UTC, datetime

import click

from housecount.cli.output import emit, json_option, table
from housecount.cli.reading import identity_of_document, organisation_option
from housecount.cli.ready import with_database


@click.command("check")
@click.argument("document_id", metavar="ID")
@json_option
@with_database
def check(document_id: str) -> None:
    """What stands against issuing the draft ID, and what it looks like. Exit status 1 when something is in the way."""
    from housecount.core.money import format_money
    from housecount.invoices import here
    from housecount.invoices.duplicates import check_json
    from housecount.tenancy.identity import acting_as

    with acting_as(identity_of_document(document_id)):
        told = check_json(here.document(document_id))
    lines = [each["message"] for each in told["refusals"]]
    lines += [
        f"It looks like {each['number'] or 'an approved document'} of {each['issue_date']}, "
        f"{format_money(each['total'], each['currency'])} ({each['id']})."
        for each in told["duplicates"]
    ]
    emit(told, "\n".join(lines) or "Nothing stands against issuing it.")
    if told["refusals"]:
        click.get_current_context().exit(1)


@click.command("send")
@click.argument("document_id", metavar="ID")
@click.option("--words", default="", help="What stands above the standard text.")
@json_option
@with_database
def send(document_id: str, words: str) -> None:
    """Mail the issued document ID to its party's contacts; a worker hands it over."""
    from housecount.invoices import here, mail
    from housecount.tenancy.identity import acting_as

    with acting_as(identity_of_document(document_id)):
        delivery = mail.send(here.document(document_id), datetime.now(UTC), words=words)
        to = [each["email"] for each in delivery.recipients]
    emit({"id": document_id, "delivery": str(delivery.pk), "recipients": to}, f"It goes to {', '.join(to)}.")


@click.command("asked")
@click.argument("document_id", metavar="ID")
@click.option(
    "--on", "asked_on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day they asked."
)
@click.option("--words", default="", help="What they said.")
@json_option
@with_database
def asked(document_id: str, asked_on: datetime, words: str) -> None:
    """Note that the recipient of ID asked for the tax invoice: it is due within 28 days."""
    from housecount.core import gates
    from housecount.invoices import here, queries
    from housecount.invoices.asked import ask
    from housecount.tenancy.identity import acting_as

    day = asked_on.date()
    with acting_as(identity_of_document(document_id)):
        document = here.document(document_id)
        ask(document, day, datetime.now(UTC), None, words)
        told = queries.document_json(document)
    emit(told, f"Noted. {document.party.name} is to have it by {gates.tax_invoice_by(day)}.")


@click.command("requests")
@organisation_option
@json_option
@with_database
def requests(slug: str) -> None:
    """The tax invoices that were asked for and not given yet, the most urgent first. Exit status 1 when one is late."""
    from housecount.invoices import here
    from housecount.invoices.asked import open_requests, request_json
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    with acting_as(Identity.system(found.pk)):
        rows = [request_json(each) for each in open_requests(found, here.today(found))]
    shown = [
        [row["number"] or "draft", row["party_name"], row["asked_on"], row["by"], "late" if row["late"] else "",
         row["document"]]
        for row in rows
    ]  # fmt: skip
    emit(
        {"organisation": slug, "requests": rows},
        table(["Number", "Party", "Asked on", "Due by", "", "Id"], shown)
        if rows
        else "Nobody waits for one.",
    )
    if any(row["late"] for row in rows):
        click.get_current_context().exit(1)
