"""`housecount sales`."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click

from housecount.cli.output import emit, json_option, table
from housecount.cli.ready import with_database


@click.command()
@click.option("--organisation", "slug", required=True, help="The slug of the organisation.")
@click.option("--show", "show_id", help="Only this show, with its listings.")
@json_option
@with_database
def sales(slug: str, show_id: str | None) -> None:
    """The count: every show with what it sold, on which platform, as of when."""
    from housecount.tenancy.queries import organisation_by_slug

    found = organisation_by_slug(slug)
    document = count(found.pk, slug, show_id)
    emit(document, lambda: text(document, with_listings=show_id is not None))


def count(organisation_id: UUID, slug: str, show_id: str | None = None) -> dict[str, Any]:
    """The sales document. Raises `NotFound` for a show that is not there."""
    from housecount.box_office.errors import NotFound
    from housecount.box_office.matching import find_show
    from housecount.sync.queries import sales_document
    from housecount.tenancy.identity import Identity, acting_as

    with acting_as(Identity.system(organisation_id)):
        show = None
        if show_id is not None:
            try:
                show = find_show(organisation_id, UUID(show_id)).id
            except ValueError:
                raise NotFound(f"“{show_id}” is not the id of a show.") from None
        return sales_document(organisation_id, slug, datetime.now(UTC), show)


def _house(show: dict[str, Any]) -> str:
    """Admissions of seats; "?" where several platforms were given parts of the house and nobody said its size."""
    taken = show["totals"]["sold"] + show["totals"]["comps"]
    parts = len(show["listings"]) > 1 and taken > (show["capacity"] or 0)
    return f"{taken}/{'?' if parts or not show['capacity'] else show['capacity']}"


def text(document: dict[str, Any], *, with_listings: bool) -> str:
    """The sales document for people."""
    from housecount.core.money import format_money

    if not document["shows"]:
        return "No show is known yet. Connect an account and read it: housecount sync"
    rows = []
    for show in document["shows"]:
        totals, currency = show["totals"], show["currency"]
        stale = [
            listing["stale_reason"]
            for listing in show["listings"]
            if listing["stale"] and not listing["gone_at"]
        ]
        rows.append(
            [
                datetime.fromisoformat(show["starts_at"]).strftime("%a %d %b %Y %H:%M"),
                show["title"][:44],
                _house(show),
                totals["sold"],
                totals["comps"],
                format_money(totals["gross"], currency),
                format_money(totals["net"], currency),
                " + ".join(sorted({listing["platform"] for listing in show["listings"]})),
                "STALE" if stale else "",
            ]
        )
    headers = ["Starts", "Show", "House", "Sold", "Comps", "Gross", "Net", "Platforms", ""]
    lines = table(headers, rows, right=(2, 3, 4, 5, 6))
    if not with_listings:
        return lines
    for show in document["shows"]:
        for listing in show["listings"]:
            gone = ", gone at the platform" if listing["gone_at"] else ""
            reason = f" STALE: {listing['stale_reason']}" if listing["stale"] else ""
            again = f", read again {listing['next_read_at']}" if listing["next_read_at"] else ""
            lines += (
                f"\n  {listing['platform']} {listing['external_event_id']}"
                f"{' ' + listing['external_session_id'] if listing['external_session_id'] else ''}{gone}:"
                f" {listing['sold']} sold, {listing['comps']} comps, {listing['cancelled']} cancelled,"
                f" gross {format_money(listing['gross'], show['currency'])},"
                f" as of {listing['as_of'] or 'never'}{again}.{reason}"
            )
    return lines
