"""`housecount report`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from housecount.cli.output import emit, json_option, note, table, wants_json
from housecount.cli.reading import identity_of_document
from housecount.cli.ready import with_database

if TYPE_CHECKING:
    from housecount.invoices.exports import Table
    from housecount.invoices.models import Document
    from housecount.tenancy.models import Organisation

_DAY = click.DateTime(formats=["%Y-%m-%d"])
#: Documents of an export are read a page at a time.
_PAGE = 500


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every report has."""
    for option in (
        with_database,
        json_option,
        click.option(
            "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file to write; else here."
        ),
        click.option(
            "--format",
            "kind",
            type=click.Choice(["csv", "xlsx", "json"]),
            help="What to write; by the ending of --output when left out.",
        ),
        click.option("--organisation", "slug", required=True, help="The slug of the organisation."),
    ):
        function = option(function)
    return function


@click.group()
def report() -> None:
    """Who owes what, tax of a period, exports, payments for the bank."""


@report.command("aged")
@click.option("--direction", type=click.Choice(["receivable", "payable"]), default="receivable")
@click.option("--on", "day", type=_DAY, help="As things stood on this day; today when left out.")
@_options
def aged(slug: str, direction: str, day: datetime | None, kind: str | None, output: Path | None) -> None:
    """Who owes what, by how late it is."""
    from housecount.core.documents import Direction
    from housecount.invoices import exports, here, reports
    from housecount.tenancy.identity import Identity, acting_as

    found = _organisation(slug)
    with acting_as(Identity.system(found.pk)):
        made = reports.aged(
            found.pk,
            direction=Direction(direction),
            on=day.date() if day else here.today(found),
            zone=found.timezone,
        )
    _answer(_Answer(made, lambda: [exports.aged_table(made)], "Nothing is open."), kind, output)


@report.command("gst")
@click.option("--from", "since", type=_DAY, required=True, help="The first day of the period.")
@click.option("--to", "until", type=_DAY, required=True, help="The last day of the period.")
@click.option("--basis", type=click.Choice(["accrual", "cash"]), default="accrual", show_default=True)
@_options
def gst(
    slug: str, since: datetime, until: datetime, basis: str, kind: str | None, output: Path | None
) -> None:
    """Tax of a period: charged, paid, and the documents behind both."""
    from housecount.core.money import format_money
    from housecount.invoices import exports, tax_report
    from housecount.tenancy.identity import Identity, acting_as

    found = _organisation(slug)
    with acting_as(Identity.system(found.pk)):
        made = tax_report.tax_report(
            found.pk,
            since=since.date(),
            until=until.date(),
            basis=tax_report.Basis(basis),
            zone=found.timezone,
        )

    def tables() -> "list[Table]":
        # One sheet of CSV holds the entries; a workbook the sums before them.
        return [exports.tax_table(made), exports.tax_sums_table(made)]

    def summary() -> str:
        return "\n".join(
            f"{each.currency}: tax on sales {format_money(each.tax_on_sales, each.currency)}"
            f" - on purchases {format_money(each.tax_on_purchases, each.currency)}"
            f" = {format_money(each.to_pay, each.currency)}; sales {format_money(each.sales, each.currency)},"
            f" purchases {format_money(each.purchases, each.currency)}, tax included."
            for each in made.figures
        )

    _answer(_Answer(made, tables, "Nothing happened in this period.", shown=1, summary=summary), kind, output)


@report.command("withheld")
@click.option("--from", "since", type=_DAY, required=True, help="The first day of the period.")
@click.option("--to", "until", type=_DAY, required=True, help="The last day of the period.")
@_options
def withheld(slug: str, since: datetime, until: datetime, kind: str | None, output: Path | None) -> None:
    """Tax that was withheld, by payee."""
    from housecount.invoices import exports, kept_back
    from housecount.tenancy.identity import Identity, acting_as

    found = _organisation(slug)
    with acting_as(Identity.system(found.pk)):
        made = kept_back.withheld_by_payee(found.pk, since.date(), until.date())
    _answer(_Answer(made, lambda: [exports.withheld_table(made)], "Nothing was withheld."), kind, output)


@report.command("super")
@click.option("--from", "since", type=_DAY, required=True, help="The first day of the period.")
@click.option("--to", "until", type=_DAY, required=True, help="The last day of the period.")
@_options
def earnings(slug: str, since: datetime, until: datetime, kind: str | None, output: Path | None) -> None:
    """Earnings that super is reckoned on, by payee."""
    from housecount.invoices import exports, kept_back
    from housecount.tenancy.identity import Identity, acting_as

    found = _organisation(slug)
    with acting_as(Identity.system(found.pk)):
        made = kept_back.earnings_by_payee(found.pk, since.date(), until.date())
    _answer(_Answer(made, lambda: [exports.earnings_table(made)], "No line is marked."), kind, output)


@report.command("documents")
@click.option("--from", "since", type=_DAY, help="Issued from this day.")
@click.option("--to", "until", type=_DAY, help="Issued up to this day.")
@click.option("--direction", type=click.Choice(["receivable", "payable"]))
@click.option("--lines", is_flag=True, help="A row for each line instead of each document.")
@_options
def documents(
    slug: str,
    since: datetime | None,
    until: datetime | None,
    direction: str | None,
    lines: bool,
    kind: str | None,
    output: Path | None,
) -> None:
    """All documents, or all their lines."""
    from housecount.invoices import exports
    from housecount.invoices.queries import documents_json
    from housecount.tenancy.identity import Identity, acting_as

    found = _organisation(slug)
    wanted = {"direction": direction, **_days(since, until)}
    with acting_as(Identity.system(found.pk)):
        make = exports.lines_table if lines else exports.documents_table
        answer = _Answer(
            lambda: {"organisation": slug, "documents": documents_json([*_documents(found, wanted)])},
            lambda: [make(_documents(found, wanted))],
            "There is no document.",
        )
        _answer(answer, kind, output)


@report.command("pdfs")
@click.option("--organisation", "slug", required=True, help="The slug of the organisation.")
@click.option("--from", "since", type=_DAY, help="Issued from this day.")
@click.option("--to", "until", type=_DAY, help="Issued up to this day.")
@click.option("--direction", type=click.Choice(["receivable", "payable"]))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@json_option
@with_database
def pdfs(
    slug: str, since: datetime | None, until: datetime | None, direction: str | None, output: Path
) -> None:
    """The PDFs of all issued documents as a ZIP."""
    from housecount.invoices import exports
    from housecount.tenancy.identity import Identity, acting_as

    found = _organisation(slug)
    identity = Identity.system(found.pk)
    with acting_as(identity):
        wanted = {"direction": direction, **_days(since, until)}
        keys = [each.pk for each in _documents(found, wanted) if each.number]
    with output.open("wb") as file:
        for part in exports.zip_of_pdfs(identity, keys):
            file.write(part)
    emit({"file": str(output), "documents": len(keys)}, f"{len(keys)} documents are in {output}.")


@report.command("e-invoice")
@click.argument("document_id", metavar="ID")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@json_option
@with_database
def e_invoice(document_id: str, output: Path) -> None:
    """The issued document ID as a Peppol e-invoice; what it lacks for that is said. The file is kept with it."""
    from housecount.invoices import files, here
    from housecount.tenancy.identity import acting_as

    with acting_as(identity_of_document(document_id)):
        kept = files.store_ubl(here.document(document_id))
    output.write_bytes(bytes(kept.content))
    emit({"file": str(output), "sha256": kept.sha256}, f"It is in {output}.")


@report.command("aba")
@click.option("--organisation", "slug", required=True, help="The slug of the organisation.")
@click.option("--on", "day", type=_DAY, required=True, help="The day on which the bank is to pay.")
@click.option("--to", "until", type=_DAY, help="Pay what is due up to this day; --on when left out.")
@click.option("--document", "named", multiple=True, type=click.UUID, help="Pay this one; may be repeated.")
@click.option("--bank", "institution", required=True, help="Your bank's three letters, such as WBC.")
@click.option("--user-id", type=int, default=0, help="The direct-entry user id that the bank gave you.")
@click.option("--description", default="PAYMENTS", show_default=True)
@click.option("--balanced", is_flag=True, help="With a last record that takes the sum from your account.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@json_option
@with_database
def aba(
    slug: str,
    day: datetime,
    until: datetime | None,
    named: tuple[UUID, ...],
    institution: str,
    user_id: int,
    description: str,
    balanced: bool,
    output: Path,
) -> None:
    """A file for an Australian bank that pays what is owed. No payment is recorded by it."""
    from housecount.core.money import format_money
    from housecount.invoices import payouts
    from housecount.tenancy.identity import Identity, acting_as

    found = _organisation(slug)
    with acting_as(Identity.system(found.pk)):
        wanted = payouts.payouts(
            found.pk,
            due_by=None if named else (until or day).date(),
            documents=named or None,
        )
        content = payouts.bank_file(
            found.pk,
            wanted,
            day.date(),
            institution=institution,
            user_id=user_id,
            description=description,
            balanced=balanced,
        )
    output.write_bytes(content)
    paid = [each for each in wanted if not each.trouble]
    left = [each for each in wanted if each.trouble]
    for each in left:
        note(f"Left out: {each.number}, {each.party}. {each.trouble}")
    total = sum(each.amount for each in paid)
    emit(
        {
            "file": str(output),
            "total": total,
            "payments": [_payment(each) for each in paid],
            "left_out": [{**_payment(each), "reason": each.trouble} for each in left],
        },
        f"{len(paid)} payments of {format_money(total, 'AUD')} are in {output}. "
        "Record each with housecount invoice pay when the bank has made it.",
    )


def _payment(payout: Any) -> dict[str, object]:
    return {
        "document": payout.document,
        "number": payout.number,
        "party": payout.party,
        "amount": payout.amount,
    }


# --- What they share ----------------------------------------------------------------------------------
@dataclass
class _Answer:
    """A report in its forms: data (or what makes it), tables, and a sentence for when there is nothing. A person at the
    terminal sees the table numbered `shown`, and the `summary`."""

    data: Any
    tables: "Callable[[], list[Table]]"
    nothing: str
    shown: int = 0
    summary: Callable[[], str] | None = None


def _answer(answer: _Answer, kind: str | None, output: Path | None) -> None:
    kind = kind or (output.suffix.lstrip(".").lower() if output else None)
    if output is not None:
        _save(answer, kind, output)
        emit({"file": str(output)}, f"It is in {output}.")
    elif kind == "xlsx":
        raise click.UsageError("A workbook needs a file: give --output.")
    elif kind == "csv":
        from housecount.invoices.exports import to_csv

        for part in to_csv(answer.tables()[0]):
            click.echo(part, nl=False)
    elif kind == "json" and not wants_json():
        click.echo(_json(answer))
    else:
        emit(_plain(answer) if wants_json() else None, lambda: _text(answer))


def _save(answer: _Answer, kind: str | None, output: Path) -> None:
    from housecount.invoices.exports import to_csv, to_xlsx

    if kind == "xlsx":
        output.write_bytes(to_xlsx(answer.tables()))
    elif kind == "csv":
        with output.open("wb") as file:
            file.writelines(to_csv(answer.tables()[0]))
    elif kind == "json":
        output.write_text(_json(answer) + "\n", encoding="utf-8")
    else:
        raise click.UsageError("Say what to write: --format csv, xlsx or json.")


def _plain(answer: _Answer) -> Any:
    import msgspec

    data = answer.data() if callable(answer.data) else answer.data
    return msgspec.to_builtins(data, enc_hook=str)


def _json(answer: _Answer) -> str:
    import json

    return json.dumps(_plain(answer), ensure_ascii=False)


def _text(answer: _Answer) -> str:
    from housecount.invoices.exports import ColumnKind

    shown = answer.tables()[answer.shown]
    rows = [["" if cell is None else cell for cell in row] for row in shown.rows]
    if not rows:
        return answer.nothing
    figures = [
        at for at, each in enumerate(shown.columns) if each.kind in {ColumnKind.MONEY, ColumnKind.NUMBER}
    ]
    text = table([each.title for each in shown.columns], rows, right=figures)
    return f"{text}\n\n{answer.summary()}" if answer.summary else text


def _documents(organisation: "Organisation", wanted: dict[str, Any]) -> "Iterator[Document]":
    from housecount.invoices import here
    from housecount.invoices.queries import list_documents

    after: str | None = None
    while True:
        page = list_documents(
            organisation.pk, today=here.today(organisation), after=after, limit=_PAGE, **wanted
        )
        yield from page.documents
        after = page.after
        if after is None:
            return


def _days(since: datetime | None, until: datetime | None) -> dict[str, date | None]:
    return {"issued_from": since and since.date(), "issued_to": until and until.date()}


def _organisation(slug: str) -> "Organisation":
    from housecount.tenancy.queries import organisation_by_slug

    return organisation_by_slug(slug)
