"""Documents at a desk that are in Xero, and the money on them."""

from __future__ import annotations

from typing import Any

from housecount.invoices.models import Document, Payment
from housecount.tenancy.identity import acting_as
from tests.xero.desk import Desk


def written(desk: Desk, count: int = 1, **changes: Any) -> list[Document]:
    """Documents of 550.00 that are in Xero, and were read there."""
    party = desk.office.party()
    made = [desk.office.issued(party, **changes) for _ in range(count)]
    desk.connect()
    assert desk.push().left == 0
    assert desk.pull().stopped == ""
    return made


def payments(desk: Desk, document: Document) -> list[tuple[int, str, str, str]]:
    with acting_as(desk.office.identity):
        rows = Payment.objects.filter(
            organisation_id=desk.office.organisation_id, allocations__document=document
        ).order_by("created_at")
        return [(each.amount, str(each.paid_on), each.method, each.reference) for each in rows]
