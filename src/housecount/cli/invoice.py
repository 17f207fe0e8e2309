"""`housecount invoice`."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from housecount.cli import invoice_post
from housecount.cli.output import emit, json_option, note, table, told
from housecount.cli.reading import (
    NotJson,
    file_option,
    identity_of_document,
    organisation_option,
    parse_json,
    read_json,
    summary,
)
from housecount.cli.ready import with_database
from housecount.core.errors import HousecountError

if TYPE_CHECKING:
    from housecount.invoices.models import Document

#: Of a list, so much is shown at once.
_PAGE = 500


@click.group()
def invoice() -> None:
    """Invoices, RCTIs, deposits, credit notes: made, issued, paid, corrected."""


for command in (invoice_post.check, invoice_post.send, invoice_post.asked, invoice_post.requests):
    invoice.add_command(command)


@invoice.command("create")
@organisation_option
@file_option
@click.option("--idempotency-key", "key", help="The same key with the same data makes nothing twice.")
@json_option
@with_database
def create(slug: str, file: str, key: str | None) -> None:
    """Make drafts from JSON: one document, or a list, of which all or none are made."""
    from housecount.invoices import queries, services
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    data = read_json(file)
    with acting_as(Identity.system(found.pk)):
        made = services.create_documents(found.pk, data, idempotency_key=key)
        documents = queries.documents_json(made)
    emit(documents if isinstance(data, list) else documents[0], "\n".join(map(summary, made)))


@invoice.command("edit")
@click.argument("document_id", metavar="ID")
@file_option
@json_option
@with_database
def edit(document_id: str, file: str) -> None:
    """Change the draft ID: the fields of the file take the place of its own."""
    from housecount.invoices import services

    data = read_json(file)
    _do(document_id, lambda: services.edit(document_id, data), summary)


@invoice.command("delete")
@click.argument("document_id", metavar="ID")
@json_option
@with_database
def delete(document_id: str) -> None:
    """Throw the draft ID away."""
    from housecount.invoices import services
    from housecount.tenancy.identity import acting_as

    with acting_as(identity_of_document(document_id)):
        services.delete(document_id)
    emit({"id": document_id, "deleted": True}, f"{document_id} is deleted.")


@invoice.command("approve")
@click.argument("document_ids", metavar="ID...", nargs=-1, required=True)
@json_option
@with_database
def approve(document_ids: Sequence[str]) -> None:
    """Approve drafts. Each by itself: one that is refused keeps no other back."""
    from housecount.invoices import services

    _do_each(document_ids, services.approve)


@invoice.command("reopen")
@click.argument("document_ids", metavar="ID...", nargs=-1, required=True)
@json_option
@with_database
def reopen(document_ids: Sequence[str]) -> None:
    """Make approved documents drafts again."""
    from housecount.invoices import services

    _do_each(document_ids, services.reopen)


@invoice.command("issue")
@click.argument("document_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--idempotency-key", "key", help="Of one ID: the same key again answers with what was issued.")
@json_option
@with_database
def issue(document_ids: Sequence[str], key: str | None) -> None:
    """Issue documents: number, paper, no change ever after. Each by itself, as with approve."""
    from housecount.invoices import services

    if key is not None and len(document_ids) > 1:
        raise click.UsageError("An idempotency key is for one ID.")
    _do_each(document_ids, lambda each: services.issue_one(each, idempotency_key=key))


@invoice.command("deposit")
@click.argument("document_id", metavar="ID")
@json_option
@with_database
def deposit(document_id: str) -> None:
    """Draft the deposit invoice that the draft ID asks for by its terms; it will be taken off."""
    from housecount.invoices import services

    _do(document_id, lambda: services.ask_for_deposit(document_id), summary)


@invoice.command("void")
@click.argument("document_id", metavar="ID")
@click.option("--reason", default="", help="Why, for whoever looks it up.")
@json_option
@with_database
def void(document_id: str, reason: str) -> None:
    """Let the issued document ID count no more. Only one that nothing was paid on."""
    from housecount.invoices import services

    _do(document_id, lambda: services.void(document_id, reason), lambda done: f"{done.number} is void.")


@invoice.command("write-off")
@click.argument("document_id", metavar="ID")
@click.option("--reason", default="", help="Why, for whoever looks it up.")
@json_option
@with_database
def write_off(document_id: str, reason: str) -> None:
    """Expect no more money for the issued document ID."""
    from housecount.invoices import services

    _do(
        document_id,
        lambda: services.write_off(document_id, reason),
        lambda done: f"{done.number} is written off.",
    )


@invoice.command("show")
@click.argument("document_id", metavar="ID")
@json_option
@with_database
def show(document_id: str) -> None:
    """The document ID with its lines and where its money stands."""
    from housecount.invoices import here, queries
    from housecount.tenancy.identity import acting_as

    with acting_as(identity_of_document(document_id)):
        document = queries.document_json(here.document(document_id))
    emit(document, lambda: _text(document))


@invoice.command("pdf")
@click.argument("document_id", metavar="ID")
@click.option("--output", required=True, metavar="F", help="Where to write it.")
@json_option
@with_database
def pdf(document_id: str, output: str) -> None:
    """Write the PDF of the document ID: as it was stored at issue; of a draft, marked as one."""
    from housecount.invoices import files, here
    from housecount.invoices.pdf import render
    from housecount.invoices.printed import printed_of
    from housecount.tenancy.identity import acting_as

    with acting_as(identity_of_document(document_id)):
        document = here.document(document_id)
        kept = files.stored(document)
        content = render(printed_of(document), draft=True) if kept is None else bytes(kept.content)
        sha256 = None if kept is None else kept.sha256
    try:
        Path(output).write_bytes(content)
    except OSError as error:
        raise NotJson(f"{output} cannot be written: {error.strerror}.") from None
    emit(
        {
            "id": document_id,
            "number": document.number,
            "output": output,
            "bytes": len(content),
            "sha256": sha256,
        },
        f"{document.number or 'The draft'} is in {output}.",
    )


@invoice.command("pay")
@click.argument("document_id", metavar="ID")
@click.option(
    "--amount", type=int, required=True, metavar="MINOR", help="In minor units; below zero a refund."
)
@click.option(
    "--date", "paid_on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day it was paid."
)
@click.option("--reference", default="", help="What stands in the bank statement.")
@click.option("--method", default="", help="How: bank transfer, card, cash...")
@click.option("--idempotency-key", "key", help="The same key again records nothing twice.")
@click.option(
    "--tell", is_flag=True, help="Of what we owe: mail the party that it is paid (remittance advice)."
)
@json_option
@with_database
def pay(
    document_id: str, amount: int, paid_on: datetime, reference: str, method: str, key: str | None, tell: bool
) -> None:
    """Record a payment on the issued document ID."""
    from housecount.invoices import here, mail, services

    def done() -> "Document":
        services.pay(document_id, amount, paid_on.date(), reference, method, key)
        paid = here.document(document_id)
        if tell:
            mail.advise(paid, amount, paid_on.date(), datetime.now(UTC))
        if services.still_to_come(paid, paid_on.date()):
            note(f"{paid_on.date()} is still to come. It counts as paid from now on.")
        return paid

    _do(document_id, done, lambda paid: f"Recorded on {paid.number}.")


@invoice.command("credit")
@click.argument("document_id", metavar="ID")
@click.option(
    "--lines", metavar="JSON", help='Which lines, how much: [{"line": 1, "quantity": "1"}]. Default: all.'
)
@click.option("--idempotency-key", "key", help="The same key again makes no second note.")
@json_option
@with_database
def credit(document_id: str, lines: str | None, key: str | None) -> None:
    """Issue a credit note on the issued document ID, at once."""
    from housecount.invoices import services

    wanted = None if lines is None else parse_json(lines, "--lines")
    if lines is not None and not isinstance(wanted, list):
        raise NotJson('--lines is a list, as in [{"line": 1, "quantity": "1"}].')
    _do(document_id, lambda: services.credit(document_id, wanted, idempotency_key=key), summary)


@invoice.command("list")
@organisation_option
@click.option(
    "--status", type=click.Choice(["draft", "approved", "issued", "void", "written_off", "credited"])
)
@click.option("--party", metavar="ID", help="Only of this party.")
@click.option("--overdue", is_flag=True, help="Only what should have been paid by now.")
@json_option
@with_database
def list_documents(slug: str, status: str | None, party: str | None, overdue: bool) -> None:
    """The documents of an organisation, the newest first."""
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    with acting_as(Identity.system(found.pk)):
        documents = _all(found.pk, status, party, overdue)
    emit(
        {"organisation": slug, "documents": documents},
        lambda: _table(documents) if documents else "There is no such document.",
    )


def _all(organisation_id: UUID, status: str | None, party: str | None, overdue: bool) -> list[dict[str, Any]]:
    from housecount.invoices import here, queries
    from housecount.tenancy.models import Organisation

    today = here.today(Organisation.objects.get(pk=organisation_id))
    wanted = queries.Filter(
        status=status, party=None if party is None else here.party(party).pk, overdue=overdue
    )
    documents, after = [], None
    while True:
        page = queries.list_documents(organisation_id, wanted, today=today, after=after, limit=_PAGE)
        documents += queries.documents_json(page.documents, today=today)
        if (after := page.after) is None:
            return documents


def _do(document_id: str, act: "Callable[[], Document]", words: "Callable[[Document], str]") -> None:
    """One step with one document; answers with what it is then."""
    from housecount.invoices import queries
    from housecount.tenancy.identity import acting_as

    with acting_as(identity_of_document(document_id)):
        done = act()
        document = queries.document_json(done)
        text = words(done)
    emit(document, text)


def _do_each(document_ids: Sequence[str], act: "Callable[[str], Document]") -> None:
    """The same step with each document, each in a transaction of its own. One document answers for itself, as with
    every command; of several, those that were refused are told beside the others, and the exit status is 1."""
    from housecount.invoices import queries
    from housecount.tenancy.identity import acting_as

    if len(document_ids) == 1:
        _do(document_ids[0], lambda: act(document_ids[0]), summary)
        return
    answers: list[dict[str, Any]] = []
    texts = []
    for each in document_ids:
        try:
            with acting_as(identity_of_document(each)):
                done = act(each)
                answers.append(queries.document_json(done))
                texts.append(summary(done))
        except HousecountError as error:
            answers.append({"id": each, "error": {"code": error.code, "message": told(error)}})
            note(f"{each}: {told(error)}")
    emit(answers, "\n".join(texts))
    if any("error" in each for each in answers):
        click.get_current_context().exit(1)


def _table(documents: Sequence[dict[str, Any]]) -> str:
    from housecount.core.money import format_money

    rows = [
        [
            each["number"] or "draft",
            each["kind"],
            each["party_name"],
            each["issue_date"],
            each["due_date"] or "",
            format_money(each["total"], each["currency"]),
            format_money(each["balance"], each["currency"]),
            "overdue" if each["overdue"] else each["status"],
            each["id"],
        ]
        for each in documents
    ]
    return table(
        ["Number", "Kind", "Party", "Issued", "Due", "Total", "Open", "Status", "Id"], rows, right=(5, 6)
    )


def _text(document: dict[str, Any]) -> str:
    from housecount.core.money import format_money

    def money(name: str) -> str:
        return format_money(document[name], document["currency"])

    lines = [
        f"{document['number'] or 'Draft'} ({document['kind']}, {document['direction']}), {document['party_name']}",
        f"Status: {document['status']}, {document['payment_status']}{', overdue' if document['overdue'] else ''}",
        f"Issued {document['issue_date']}, due {document['due_date'] or '-'}",
        "",
    ]
    rows = [
        [
            line["description"].splitlines()[0][:60],
            line["quantity"],
            *(
                format_money(line[name], document["currency"])
                for name in ("unit_price", "net_amount", "tax_amount")
            ),
            line["tax"],
        ]
        for line in document["lines"]
    ]
    lines.append(table(["Line", "Quantity", "Price", "Net", "Tax", ""], rows, right=(1, 2, 3, 4)))
    lines.append(f"\nNet {money('net_total')}, tax {money('tax_total')}, total {money('total')}")
    if document["withheld"]:
        lines.append(f"Withheld for the tax office {money('withheld')}")
    lines.append(f"Paid {money('paid')}, credited {money('credited')}, open {money('balance')}")
    return "\n".join(lines)
