"""The ledger's own tables as they are written in bulk: columns with their PostgreSQL types, and keys."""

from housecount.box_office.bulk import Table
from housecount.core.counting import Figures

FIGURES = dict.fromkeys(Figures._fields, "bigint")

ORDERS = Table(
    "box_office_order",
    {
        "organisation_id": "uuid",
        "account_id": "uuid",
        "external_id": "text",
        "listing_id": "uuid",
        "event_id": "text",
        "session_id": "text",
        "status": "text",
        "channel": "text",
        "currency": "text",
        "completed": "boolean",
        "nothing_paid": "boolean",
        "own_gross": "bigint",
        "own_discounts": "bigint",
        "own_refunds": "bigint",
        "own_absorbed_fees": "bigint",
        "own_passed_on_fees": "bigint",
        "own_tax": "bigint",
        "own_rebates": "bigint",
        "own_extras": "bigint",
        "gone": "boolean",
        "placed_at": "timestamptz",
        "changed_at": "timestamptz",
        "read_at": "timestamptz",
        "record_hash": "bytea",
        "buyer_hash": "bytea",
        **FIGURES,
    },
    ("organisation_id", "account_id", "external_id"),
)
TICKETS = Table(
    "box_office_ticket",
    {
        "organisation_id": "uuid",
        "account_id": "uuid",
        "external_id": "text",
        "order_id": "text",
        "event_id": "text",
        "session_id": "text",
        "type_id": "text",
        "type_name": "text",
        "currency": "text",
        "category": "text",
        "validity": "text",
        "paid": "boolean",
        "gross": "bigint",
        "peak_gross": "bigint",
        "absorbed_fees": "bigint",
        "passed_on_fees": "bigint",
        "tax": "bigint",
        "in_order": "bigint",
        "gone": "boolean",
        "created_at": "timestamptz",
        "changed_at": "timestamptz",
        "read_at": "timestamptz",
        "record_hash": "bytea",
    },
    ("organisation_id", "account_id", "external_id"),
)
ENTRIES = Table(
    "box_office_sales_entry",
    {
        "organisation_id": "uuid",
        "sequence": "bigint",
        "account_id": "uuid",
        "listing_id": "uuid",
        "order_id": "text",
        "ticket_id": "text",
        "kind": "text",
        **FIGURES,
        "net": "bigint",
        "currency": "text",
        "happened_at": "timestamptz",
        "seen_at": "timestamptz",
    },
    ("organisation_id", "sequence"),
)
TOTALS = Table(
    "box_office_listing_total",
    {"organisation_id": "uuid", "listing_id": "uuid", "currency": "text", **FIGURES},
    ("organisation_id", "listing_id"),
)
RAW_RECORDS = Table(
    "box_office_raw_record",
    {
        "organisation_id": "uuid",
        "account_id": "uuid",
        "kind": "text",
        "external_id": "text",
        "content_hash": "bytea",
        "event_id": "text",
        "order_id": "text",
        "payload": "bytea",
        "first_seen": "timestamptz",
        "last_seen": "timestamptz",
    },
    ("organisation_id", "account_id", "kind", "external_id", "content_hash"),
)
