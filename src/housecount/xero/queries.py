"""How the connection is, what is mapped to what, and what is left to write."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count

from housecount.xero import mapping
from housecount.xero.agenda import drifted
from housecount.xero.connecting import books
from housecount.xero.marks import mark, marks
from housecount.xero.models import Agenda, Connection, History, Intent
from housecount.xero.planning import open_intents
from housecount.xero.receipts import waiting

__all__ = ["history", "mark", "marks", "preview", "status"]

_LONGEST_LIST = 200


def status(organisation_id: UUID, now: datetime) -> dict[str, Any]:
    """Everything about the connection but its secrets, JSON-ready; `{"connected": false}` without one.

    `open` holds at most 200 of what is left; `counts` all of it by stage. `pulled_at` is when everything was last read
    from Xero, `pull_trouble` why not since; `payments_waiting` counts payments there that could not be taken over,
    `drifted` documents that differ. Times are ISO, in UTC.
    """
    row = Connection.objects.filter(organisation_id=organisation_id).first()
    if row is None:
        return {"connected": False, "state": "none", "trouble": "Xero is not connected."}
    parked = row.parked_until if row.parked_until is not None and row.parked_until > now else None
    counts = (
        Intent.objects.filter(organisation_id=organisation_id, tenant_id=row.tenant_id)
        .values_list("stage")
        .annotate(Count("id"))
        .order_by("stage")
    )
    agenda = Agenda.objects.filter(organisation_id=organisation_id).first()
    return {
        "connected": row.state == "connected",
        "state": row.state,
        "trouble": row.trouble or None,
        "organisation": row.tenant_name,
        "tenant": row.tenant_id,
        "custom": row.custom,
        "country": row.country,
        "currency": row.currency,
        "pays_tax": row.pays_tax,
        "locked_until": row.locked_until,
        "read_at": row.read_at,
        "since": row.since,
        "scopes": row.scopes.split(),
        "parked_until": parked,
        "automatic": row.automatic,
        "day_left": row.day_left,
        "day_left_at": row.day_left_at,
        "pulled_at": agenda.pulled_at if agenda else None,
        "next_pull_at": agenda.pull_at if agenda else None,
        "pull_trouble": agenda.trouble or None if agenda else None,
        "payments_waiting": waiting(row).count(),
        "drifted": drifted(row),
        "mapping": preview(row),
        "counts": dict(counts),
        "open": [
            {
                "what": each.what,
                "document": str(each.document_id),
                "number": each.document.number,
                "stage": each.stage,
                "reason": each.reason or None,
            }
            for each in open_intents(row).select_related("document")[:_LONGEST_LIST]
        ],
    }


def preview(row: Connection) -> list[dict[str, Any]]:
    """What each purpose is mapped to: `{"purpose", "code", "name", "rate"}`, code None where nothing is."""
    had = books(row)
    names = {each.code: each.name for each in had.accounts}
    rates = {each.tax_type: each for each in had.tax_rates}
    rows: list[dict[str, Any]] = []
    for purpose in mapping.purposes():
        code = row.mapping.get(purpose)
        rate = rates.get(code or "") if purpose not in mapping.ACCOUNTS else None
        name = rate.name if rate else names.get(code or "")
        rows.append(
            {
                "purpose": purpose,
                "code": code,
                "name": name,
                "rate": f"{rate.effective_rate:f}" if rate else None,
            }
        )
    return rows


def history(organisation_id: UUID, document_id: UUID) -> list[dict[str, Any]]:
    """Every call that was made for a document, oldest first: `{"at", "what", "step", "outcome", "sent", "received"}`,
    the last two redacted and None where there is nothing (any more)."""
    rows = History.objects.select_related("intent").filter(
        organisation_id=organisation_id, intent__document_id=document_id
    )
    return [
        {
            "at": each.at,
            "what": each.intent.what,
            "step": each.step,
            "outcome": each.outcome,
            "sent": each.sent or None,
            "received": each.received or None,
        }
        for each in rows.order_by("id")
    ]
