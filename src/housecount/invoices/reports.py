"""Aged receivables and payables: who owes what since when, as things stood on a day.

Every figure is in minor units of its currency and is the sum of the documents behind it, which are named.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

import msgspec
from django.db import connection

from housecount.core.documents import Direction
from housecount.core.shares import bucket

# A document stands on a day by what was issued, paid and credited until then; what is withheld for the tax office is
# owed to that. A payment counts on the day it was made,
# a credit on the day of its note; neither before the document that it settles was issued.
_OPEN = """
WITH day AS (SELECT %(on)s::date AS day),
ended AS (
    SELECT e.document_id FROM invoices_ending e, day
    WHERE e.organisation_id = %(organisation)s AND (e.at AT TIME ZONE %(zone)s)::date <= day.day
),
issued AS (
    SELECT d.*, CASE WHEN d.kind = 'credit_note' OR (d.kind = 'adjustment_note' AND d.total < 0)
        THEN d.withheld - abs(d.total) ELSE d.total - d.withheld END AS owed
    FROM invoices_document d, day
    WHERE d.organisation_id = %(organisation)s AND d.direction = %(direction)s AND d.step = 'issued'
      AND d.issue_date <= day.day
),
settled AS (
    SELECT a.document_id, a.credit_note_id, a.payment_id, a.amount FROM invoices_allocation a
    JOIN issued d ON d.id = a.document_id
    LEFT JOIN invoices_payment p ON p.organisation_id = a.organisation_id AND p.id = a.payment_id
    LEFT JOIN invoices_document n ON n.organisation_id = a.organisation_id AND n.id = a.credit_note_id, day
    WHERE a.organisation_id = %(organisation)s AND coalesce(p.paid_on, n.issue_date) <= day.day
),
on_document AS (SELECT document_id, sum(amount) AS amount FROM settled GROUP BY 1),
by_note AS (SELECT credit_note_id, sum(amount) AS amount FROM settled WHERE credit_note_id IS NOT NULL GROUP BY 1),
by_payment AS (SELECT payment_id, sum(amount) AS amount FROM settled WHERE payment_id IS NOT NULL GROUP BY 1),
prepaid AS (
    SELECT document_id, sum(amount) AS amount FROM invoices_deduction
    WHERE organisation_id = %(organisation)s GROUP BY 1
),
open AS (
    SELECT d.party_id, d.currency, d.id, d.number, coalesce(d.due_date, d.issue_date) AS due,
        d.owed - coalesce(s.amount, 0) - coalesce(c.amount, 0) + coalesce(n.amount, 0) AS balance
    FROM issued d
    LEFT JOIN on_document s ON s.document_id = d.id
    LEFT JOIN by_note n ON n.credit_note_id = d.id
    LEFT JOIN prepaid c ON c.document_id = d.id
    WHERE d.id NOT IN (SELECT document_id FROM ended)
    UNION ALL
    SELECT p.party_id, p.currency, NULL, p.reference, p.paid_on, coalesce(b.amount, 0) - p.amount
    FROM invoices_payment p LEFT JOIN by_payment b ON b.payment_id = p.id, day
    WHERE p.organisation_id = %(organisation)s AND p.direction = %(direction)s AND p.paid_on <= day.day
)
SELECT o.party_id, party.name, o.currency, o.id, o.number, o.due, o.balance FROM open o
JOIN invoices_party party ON party.organisation_id = %(organisation)s AND party.id = o.party_id
WHERE o.balance <> 0 ORDER BY party.name, o.party_id, o.currency, o.due, o.number
"""


class OpenItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is open on the day: a document, or (without one) what is left of a payment.

    `balance` is below zero for what is owed the other way: a note, an overpayment, a payment not used up.
    """

    document: UUID | None
    number: str
    due: date
    bucket: str
    balance: int


class AgedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one party owes (or is owed) in one currency, by how late it is. `credit` is what goes the other way, below
    zero; `total` is all of it."""

    party: UUID
    name: str
    currency: str
    current: int
    days_1_30: int
    days_31_60: int
    days_61_90: int
    over_90: int
    credit: int
    total: int
    items: tuple[OpenItem, ...]


class Aged(msgspec.Struct, frozen=True, kw_only=True):
    """The report: `rows` by party and currency, `totals` by currency (without a party or items)."""

    direction: Direction
    on: date
    rows: tuple[AgedRow, ...]
    totals: tuple[AgedRow, ...]


_NOBODY = UUID(int=0)


def aged(organisation_id: UUID, *, direction: Direction, on: date, zone: str) -> Aged:
    """What is open on the evening of `on`, by how many days it is late then. `zone` is the organisation's.

    The total of a currency is the sum of the balances of its documents, less what is left of payments.
    """
    values = {"organisation": organisation_id, "direction": direction.value, "on": on, "zone": zone}
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, values)
        found = cursor.fetchall()
    groups: dict[tuple[UUID, str, str], list[OpenItem]] = {}
    for party, name, currency, document, number, due, balance in found:
        item = OpenItem(
            document=document,
            number=number or "",
            due=due,
            bucket="credit" if balance < 0 else bucket(due, on),
            balance=int(balance),
        )
        groups.setdefault((party, name, currency), []).append(item)
    rows = tuple(
        _row(party, name, currency, items, keep=True) for (party, name, currency), items in groups.items()
    )
    totals = tuple(
        _row(
            _NOBODY,
            "Total",
            currency,
            [item for row in rows if row.currency == currency for item in row.items],
        )
        for currency in sorted({row.currency for row in rows})
    )
    return Aged(direction=direction, on=on, rows=rows, totals=totals)


def _row(party: UUID, name: str, currency: str, items: Sequence[OpenItem], *, keep: bool = False) -> AgedRow:
    def of(wanted: str) -> int:
        return _sum(item for item in items if item.bucket == wanted)

    return AgedRow(
        party=party,
        name=name,
        currency=currency,
        current=of("current"),
        days_1_30=of("days_1_30"),
        days_31_60=of("days_31_60"),
        days_61_90=of("days_61_90"),
        over_90=of("over_90"),
        credit=of("credit"),
        total=_sum(items),
        items=tuple(items) if keep else (),
    )


def _sum(items: Iterable[OpenItem]) -> int:
    return sum(item.balance for item in items)
