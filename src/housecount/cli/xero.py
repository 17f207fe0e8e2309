"""`housecount xero`."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from housecount.cli.output import emit, json_option, note, progress, table
from housecount.cli.reading import organisation_option
from housecount.cli.ready import with_database

if TYPE_CHECKING:
    from housecount.xero.models import Connection


@click.group()
def xero() -> None:
    """The books in Xero: connect them, write documents and payments there, see what is left."""


@xero.command("connect")
@organisation_option
@click.option(
    "--custom", is_flag=True, help="A custom connection, with XERO_CLIENT_ID and XERO_CLIENT_SECRET."
)
@click.option("--bank-account", metavar="CODE", help="The account in Xero that payments move through.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Write no document issued before this day.")
@click.option("--code", help="What Xero's page sent back, with --state; only where no site is served.")
@click.option("--state", help="What Xero's page sent back beside the code.")
@click.option("--tenant", help="Which organisation in Xero, when several let us in.")
@json_option
@with_database
def connect(
    slug: str,
    custom: bool,
    bank_account: str | None,
    since: datetime | None,
    code: str | None,
    state: str | None,
    tenant: str | None,
) -> None:
    """Connect the organisation's books. Without --custom it prints the address to open.

    Xero sends the browser back to the site, where an admin is signed in. Where none is served, what it sends goes to
    --code and --state of this same command.
    """
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug
    from housecount.xero import services

    found = organisation_by_slug(slug)
    first = since.date() if since is not None else None
    if (code is None) != (state is None) or (custom and code is not None):
        raise click.UsageError("--code and --state belong together, and not to --custom.")
    if not custom and code is None:
        with acting_as(Identity.system(found.pk)):
            address = services.begin_consent(found.pk)
        emit({"open": address}, f"Open this in your browser, within half an hour:\n{address}")
        return
    if custom:
        row = asyncio.run(services.connect_custom(found.pk, bank=bank_account, since=first))
    else:
        row = asyncio.run(
            services.finish_consent(
                found.pk, state or "", code or "", tenant_id=tenant, bank=bank_account, since=first
            )
        )
    _show(row)


@xero.command("map")
@organisation_option
@click.option("--account", "accounts", multiple=True, metavar="PURPOSE=CODE", help="sales=200, bank=090, ...")
@click.option("--tax", "taxes", multiple=True, metavar="PURPOSE=TYPE", help="receivable.taxable=OUTPUT, ...")
@json_option
@with_database
def map_accounts(slug: str, accounts: tuple[str, ...], taxes: tuple[str, ...]) -> None:
    """Say which account or tax rate in Xero stands for what; without options, show what does."""
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug
    from housecount.xero import services

    found = organisation_by_slug(slug)
    changes = {}
    for text in (*accounts, *taxes):
        purpose, separator, code = text.partition("=")
        if not separator or not purpose or not code:
            raise click.UsageError(f"“{text}” is not PURPOSE=CODE.")
        changes[purpose] = code
    with acting_as(Identity.system(found.pk)):
        row = services.set_mapping(found.pk, changes) if changes else services.connected(found.pk)
    _show(row)


@xero.command("contact")
@organisation_option
@click.option("--party", required=True, metavar="ID", help="The party.")
@click.option("--contact", metavar="ID", help="The contact's id in Xero.")
@click.option("--new", is_flag=True, help="Make another contact for it.")
@json_option
@with_database
def contact(slug: str, party: str, contact: str | None, new: bool) -> None:
    """Say which contact in Xero a party is, where only the name would."""
    from housecount.tenancy.queries import organisation_by_slug
    from housecount.xero import services

    if (contact is None) == (not new):
        raise click.UsageError("Give --contact or --new.")
    found = organisation_by_slug(slug)
    made = asyncio.run(services.say_contact(found.pk, party, contact))
    emit({"party": party, "contact": made}, f"It is the contact {made}. Push again.")


@xero.command("disconnect")
@organisation_option
@json_option
@with_database
def disconnect(slug: str) -> None:
    """Forget the tokens and end the consent at Xero. What was written stays there."""
    from housecount.tenancy.queries import organisation_by_slug
    from housecount.xero import services

    found = organisation_by_slug(slug)
    row = asyncio.run(services.disconnect(found.pk))
    emit({"state": row.state, "trouble": row.trouble or None}, f"{row.tenant_name} is disconnected.")
    if row.trouble:
        note(row.trouble)


@xero.command("push")
@organisation_option
@json_option
@with_database
def push(slug: str) -> None:
    """Write everything that is left: documents, credits, payments. Exits 0 only when nothing is left."""
    from housecount.tenancy.queries import organisation_by_slug
    from housecount.xero import services

    found = organisation_by_slug(slug)
    with progress() as shown:
        task = shown.task("Writing to Xero")

        def on_progress(done: int, total: int) -> None:
            task.update(done, total)

        outcome = asyncio.run(services.push(found.pk, on_progress=on_progress))
        task.finish()
    document = {
        "done": outcome.done,
        "left": outcome.left,
        "requests": outcome.requests,
        "stopped": outcome.stopped or None,
        "resumes_at": outcome.resumes_at,
        "open": outcome.reasons,
    }
    text = f"{outcome.done} written, {outcome.left} left."
    if outcome.stopped:
        text += f"\n{outcome.stopped}" + (
            f" It goes on at {outcome.resumes_at:%Y-%m-%d %H:%M} UTC." if outcome.resumes_at else ""
        )
    text += "".join(
        f"\n{each['number']} {each['what']} ({each['stage']}): {each['reason']}" for each in outcome.reasons
    )
    emit(document, text)
    if outcome.left or outcome.stopped:
        raise click.exceptions.Exit(1)


@xero.command("pull")
@organisation_option
@click.option("--full", is_flag=True, help="Read everything anew, not only what changed since the last time.")
@json_option
@with_database
def pull(slug: str, full: bool) -> None:
    """Read what changed in Xero: payments come back, edits show as drift. Exits 0 only when it was read to the end."""
    from housecount.tenancy.queries import organisation_by_slug
    from housecount.xero import services

    found = organisation_by_slug(slug)
    with progress() as shown:
        task = shown.task("Reading Xero")
        outcome = asyncio.run(
            services.pull(found.pk, full=full, on_progress=lambda rows: task.update(rows, None))
        )
        task.finish()
    document = {
        "rows": outcome.rows,
        "payments": outcome.payments,
        "taken_back": outcome.taken_back,
        "waiting": outcome.waiting,
        "drift": outcome.drift,
        "requests": outcome.requests,
        "stopped": outcome.stopped or None,
        "resumes_at": outcome.resumes_at,
    }
    text = f"{outcome.payments} payments taken over, {outcome.taken_back} taken back."
    if outcome.waiting:
        text += f"\n{outcome.waiting} payments in Xero wait: housecount xero drift says for what."
    if outcome.drift:
        text += f"\n{outcome.drift} documents are no longer what was issued: housecount xero drift."
    if outcome.stopped:
        text += f"\n{outcome.stopped}" + (
            f" It goes on at {outcome.resumes_at:%Y-%m-%d %H:%M} UTC." if outcome.resumes_at else ""
        )
    emit(document, text)
    if outcome.stopped:
        raise click.exceptions.Exit(1)


@xero.command("automatic")
@click.argument("switch", type=click.Choice(["on", "off"]))
@organisation_option
@json_option
@with_database
def automatic(slug: str, switch: str) -> None:
    """Whether the worker writes what is issued by itself, soon after."""
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug
    from housecount.xero import services

    found = organisation_by_slug(slug)
    with acting_as(Identity.system(found.pk)):
        row = services.set_automatic(found.pk, on=switch == "on")
    said = "is written by itself" if row.automatic else "waits for housecount xero push"
    emit({"automatic": row.automatic}, f"What is issued {said}.")


@xero.command("by-hand")
@click.argument("document")
@organisation_option
@json_option
@with_database
def by_hand(slug: str, document: str) -> None:
    """Say that what cannot be written of DOCUMENT (its id) was entered in Xero by hand. Exits 1 when nothing waits."""
    from housecount.invoices import here
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug
    from housecount.xero import services

    found = organisation_by_slug(slug)
    with acting_as(Identity.system(found.pk)):
        row = here.document(document)
        settled = services.by_hand(found.pk, row.pk, datetime.now(UTC))
    emit(
        {"document": str(row.pk), "settled": settled},
        f"{row.number}: {settled} entered by hand."
        if settled
        else f"Nothing of {row.number} waits for that.",
    )
    if not settled:
        raise click.exceptions.Exit(1)


@xero.command("drift")
@organisation_option
@json_option
@with_database
def drift(slug: str) -> None:
    """Where documents in Xero are no longer what was issued: both sides. Exits 1 when there is any.

    What changed in Xero is read first; where that does not work, what was known before is told.
    """
    from housecount.tenancy.queries import organisation_by_slug
    from housecount.xero import services

    found = organisation_by_slug(slug)
    rows, stopped = asyncio.run(services.drift(found.pk))
    if stopped:
        note(f"Xero was not read just now: {stopped}")
    cells = [[each.number, each.field, each.ours, each.xero] for each in rows]
    emit(
        {"drift": [each._asdict() for each in rows]},
        lambda: (
            table(["Document", "Field", "Ours", "Xero's"], cells) if cells else "Xero has what was issued."
        ),
    )
    if rows or stopped:
        raise click.exceptions.Exit(1)


@xero.command("status")
@organisation_option
@json_option
@with_database
def status(slug: str) -> None:
    """How the connection is, what is mapped to what, and what is left to write."""
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug
    from housecount.xero import queries

    found = organisation_by_slug(slug)
    with acting_as(Identity.system(found.pk)):
        document = queries.status(found.pk, datetime.now(UTC))
    emit(document, lambda: _readable(document))
    if not document["connected"]:
        raise click.exceptions.Exit(1)


def _show(row: "Connection") -> None:
    from housecount.xero import queries

    rows = queries.preview(row)
    document = {"state": row.state, "organisation": row.tenant_name, "tenant": row.tenant_id, "mapping": rows}
    emit(document, lambda: f"{row.tenant_name} is connected.\n\n{_mapped(rows)}")


def _mapped(rows: list[dict[str, Any]]) -> str:
    cells = [
        [each["purpose"], each["code"] or "-", each["name"] or "", _per_cent(each["rate"])] for each in rows
    ]
    return table(["What", "In Xero", "Called", "Rate"], cells, right=[3])


def _per_cent(rate: str | None) -> str:
    return "" if rate is None else f"{rate} %"


def _readable(document: dict[str, Any]) -> str:
    if document["state"] == "none":
        return str(document["trouble"])
    lines = [f"{document['organisation']}: {document['state'].replace('_', ' ')}."]
    if document["trouble"]:
        lines.append(document["trouble"])
    if document["parked_until"]:
        lines.append(f"Xero's limits are used up until {document['parked_until']:%Y-%m-%d %H:%M} UTC.")
    if document["day_left"] is not None:
        at = f"{document['day_left_at']:%Y-%m-%d %H:%M} UTC"
        lines.append(f"Of its day Xero had {document['day_left']} calls left at {at}.")
    if not document["automatic"]:
        lines.append("Nothing is written by itself: housecount xero automatic on.")
    if document["locked_until"]:
        lines.append(f"The books are locked up to {document['locked_until']}.")
    read = document["pulled_at"]
    lines.append(f"Read from Xero: {f'{read:%Y-%m-%d %H:%M} UTC' if read else 'not yet'}.")
    if document["pull_trouble"]:
        lines.append(f"Not since: {document['pull_trouble']}")
    if document["payments_waiting"] or document["drifted"]:
        lines.append(
            f"{document['drifted']} documents differ, {document['payments_waiting']} payments wait: "
            "housecount xero drift."
        )
    counts = ", ".join(f"{count} {stage}" for stage, count in document["counts"].items())
    lines += [f"Written and to be written: {counts or 'nothing yet'}.", "", _mapped(document["mapping"])]
    lines += [
        f"{each['number']} {each['what']} ({each['stage']}): {each['reason'] or ''}"
        for each in document["open"]
    ]
    return "\n".join(lines)
