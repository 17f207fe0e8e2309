"""`housecount rcti`."""

import click

from housecount.cli.output import emit, json_option, table
from housecount.cli.reading import organisation_option, parse_json
from housecount.cli.ready import with_database


@click.group()
def rcti() -> None:
    """Recipient-created tax invoices: copies that suppliers wait for, and the organisation's own rules."""


@rcti.command("copies")
@organisation_option
@json_option
@with_database
def copies(slug: str) -> None:
    """The RCTIs whose suppliers have no copy yet, the most urgent first. Exit status 1 when one is late."""
    from housecount.invoices import here
    from housecount.invoices.copies import copies_due
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    with acting_as(Identity.system(found.pk)):
        due = copies_due(found.pk, here.today(found))
    rows = [
        {
            "document": str(each.document.pk),
            "number": each.document.number,
            "party_name": each.document.party.name,
            "copy_by": each.by.isoformat(),
            "late": each.late,
        }
        for each in due
    ]
    shown = [
        [row["number"], row["party_name"], row["copy_by"], "late" if row["late"] else "", row["document"]]
        for row in rows
    ]
    emit(
        {"organisation": slug, "copies": rows},
        table(["Number", "Supplier", "Copy by", "", "Id"], shown)
        if rows
        else "Every supplier has their copy.",
    )
    if any(each.late for each in due):
        click.get_current_context().exit(1)


@rcti.command("rules")
@organisation_option
@click.option("--set", "change", metavar="JSON", help="The rules to change, as one object.")
@json_option
@with_database
def rules(slug: str, change: str | None) -> None:
    """The organisation's rules: rcti_confirmed_on and _by (an adviser's word), rcti_waits (issue none before it),
    register_days (how old the business register's answer may be), drop_cents (of tax withheld)."""
    from housecount.invoices import policy
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    data = None if change is None else parse_json(change, "--set")
    with acting_as(Identity.system(found.pk)):
        kept = policy.policy(found.pk) if data is None else policy.set_policy(found.pk, data)
        told = policy.policy_json(kept)
    emit(told, "\n".join(f"{name}: {'-' if value is None else value}" for name, value in told.items()))
