"""Row-level security of the feed, its numbering, and the tables that it follows."""

from django.db import migrations

from housecount.live.triggers import NUMBERING, UNDO_NUMBERING, Telling, follow
from housecount.tenancy.identity import Role
from housecount.tenancy.walls import (
    DECLARATIONS,
    IN_ORGANISATION,
    Declaration,
    grant,
    role_is,
    row_level_security,
)

# An act sees nothing of it: how much is sold at shows that are not theirs could be counted from it.
READERS = frozenset({Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER, Role.SYSTEM})
POLICIES = {
    "seen": f"FOR SELECT USING ({IN_ORGANISATION} AND {role_is(READERS)})",
    # The functions of the numbering alone write, and they run as the owner, who runs this.
    "numbered": "FOR ALL TO CURRENT_USER USING (true) WITH CHECK (true)",
}
for table in ("live_change", "live_counter"):
    DECLARATIONS[table] = Declaration(
        table, READERS, frozenset(), append_only=False, delete=False, audit=False, special=True
    )

_SHOW_OF_LISTING = (
    "JOIN box_office_show AS show ON show.id = {0}.show_id AND show.organisation_id = {0}.organisation_id"
)
_MERGED = "show.merged_into_id IS NOT NULL"
_LISTING = (
    "JOIN box_office_listing AS listing ON listing.organisation_id = changed.organisation_id"
    " AND listing.id = changed.listing_id"
)
_LISTINGS_OF_EVENT = (
    "JOIN box_office_listing AS listing ON listing.organisation_id = changed.organisation_id"
    " AND listing.account_id = changed.account_id AND listing.event_id = changed.event_id"
)
_GONE = "listing.gone_at IS NOT NULL"
_OF_DOCUMENT = Telling("document", "changed.document_id", old=True)
_OF_PARTY = Telling("party", "changed.party_id", old=True)
# A part of a document goes: the document is there, or is told of as removed by its own going, which comes after.
_PART_GONE = [Telling("document", "changed.document_id")]

FOLLOWED = [
    follow(
        "box_office_show",
        Telling("show", "changed.id", removed="changed.merged_into_id IS NOT NULL"),
    ),
    follow(
        "box_office_listing",
        Telling("listing", "changed.id", removed="changed.gone_at IS NOT NULL"),
        Telling("show", "show.id", join=_SHOW_OF_LISTING.format("changed"), removed=_MERGED, old=True),
    ),
    follow(
        "box_office_listing_total",
        Telling("listing", "listing.id", join=_LISTING, removed=_GONE),
        Telling(
            "show",
            "show.id",
            join=f"{_LISTING} {_SHOW_OF_LISTING.format('listing')}",
            removed=_MERGED,
        ),
    ),
    follow(
        "box_office_ticket_type", Telling("listing", "listing.id", join=_LISTINGS_OF_EVENT, removed=_GONE)
    ),
    follow(
        "box_office_suggestion",
        Telling("listing", "listing.id", join=_LISTING, removed=_GONE),
        deleted=[Telling("listing", "listing.id", join=_LISTING, removed=_GONE)],
    ),
    follow(
        "box_office_appearance",
        Telling("show", "changed.show_id", old=True),
        deleted=[Telling("show", "changed.show_id")],
    ),
    follow(
        "box_office_order",
        Telling(
            "order",
            "changed.account_id || '/' || changed.external_id",
            removed="changed.gone",
            unique=True,
        ),
    ),
    follow("box_office_account", Telling("account", "changed.id")),
    follow(
        "invoices_document",
        Telling("document", "changed.id"),
        deleted=[Telling("document", "changed.id", removed="true")],
    ),
    follow("invoices_line", _OF_DOCUMENT, deleted=_PART_GONE),
    follow("invoices_deduction", _OF_DOCUMENT, deleted=_PART_GONE),
    follow("invoices_allocation", _OF_DOCUMENT, Telling("document", "changed.credit_note_id")),
    follow("invoices_ending", _OF_DOCUMENT),
    follow("invoices_event", _OF_DOCUMENT),
    follow("invoices_delivery", _OF_DOCUMENT),
    follow("invoices_payment", _OF_PARTY),
    follow("invoices_party", Telling("party", "changed.id")),
    follow("invoices_contact", _OF_PARTY, deleted=[Telling("party", "changed.party_id")]),
    follow("invoices_agreement", _OF_PARTY),
    follow("invoices_recurring", _OF_PARTY, deleted=[Telling("party", "changed.party_id")]),
]


class Migration(migrations.Migration):
    dependencies = [
        ("live", "0001_initial"),
        ("box_office", "0003_remove_account_hook_token_hash"),
        ("invoices", "0005_member_leaves"),
        ("tenancy", "0002_walls"),
    ]

    operations = [
        *row_level_security("live_change", POLICIES),
        *row_level_security("live_counter", POLICIES),
        grant("live_change", "SELECT"),
        grant("live_counter", "SELECT"),
        migrations.RunSQL(NUMBERING, UNDO_NUMBERING),
        *FOLLOWED,
    ]
