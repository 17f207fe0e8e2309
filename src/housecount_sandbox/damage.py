"""Harm done to one record of a good JSON answer."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from housecount_sandbox.faults import Fault

_LISTS = ("orders", "attendees", "tickets", "events", "ticket_classes", "organizations", "venues", "tags")
# Xero's lists, and the field that names a record of each.
_BOOKS = {
    "Invoices": "InvoiceID",
    "CreditNotes": "CreditNoteID",
    "Payments": "PaymentID",
    "Contacts": "ContactID",
    "Accounts": "AccountID",
    "TaxRates": "TaxType",
    "Organisations": "OrganisationID",
}
# Fractions stay as they were written.
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_ABSURD = 10**17


def victim(data: Any, identity: str | None) -> dict[str, Any] | None:
    """The record of the answer that is to suffer: the one with `identity`, else the first; None if none."""
    if not isinstance(data, dict):
        return None
    for key in _LISTS:
        if isinstance(data.get(key), list) and ("pagination" in data or "total" in data):
            rows = [row for row in data[key] if isinstance(row, dict)]
            if identity is None:
                return rows[0] if rows else None
            return next((row for row in rows if identity in (row.get("id"), row.get("_id"))), None)
    for key, name in _BOOKS.items():
        if isinstance(data.get(key), list):
            rows = [row for row in data[key] if isinstance(row, dict)]
            return next((row for row in rows if identity in (None, row.get(name))), None)
    named = data.get("id", data.get("_id"))
    return data if named is not None and identity in (None, named) else None


def hurt(body: bytes, fault: Fault) -> bytes | None:
    """The answer with one record changed, or None when it holds no such record."""
    data = _DECODER.decode(body)
    record = victim(data, fault.id)
    if record is None:
        return None
    if fault.kind == "missing_field":
        usual = ("created", "createdAt", "id", "_id", "Status")
        default = next(name for name in usual if name in record)
        _put(record, fault.field or default, None, remove=True)
    elif fault.kind == "unknown_value":
        name = fault.field or ("Status" if "Status" in record else "status")
        _put(record, name, "neverSeenBefore" if fault.value is None else fault.value)
    elif fault.kind == "absurd_amount":
        _amounts(record, _ABSURD if fault.value is None else fault.value, fault.field)
    elif fault.kind == "wrong_currency":
        _currency(record, "XTS" if fault.value is None else fault.value)
    return _ENCODER.encode(data)


def _put(record: dict[str, Any], field: str, value: Any, *, remove: bool = False) -> None:
    *path, last = field.split(".")
    place: Any = record
    for name in path:
        place = place.get(name)
        if not isinstance(place, dict):
            return
    if remove:
        place.pop(last, None)
    else:
        place[last] = value


def _amounts(record: dict[str, Any], value: Any, field: str | None) -> None:
    if field is not None:
        _put(record, field, value)
    elif isinstance(costs := record.get("costs"), dict):
        for money in costs.values():
            if isinstance(money, dict) and "value" in money:
                money["value"] = value
                money["major_value"] = str(value)
    elif isinstance(record.get("totals"), dict):
        for totals in (record["totals"], record.get("purchaseTotals", {})):
            for name in ("subtotal", "netSales", "grossSales", "total"):
                totals[name] = value
    else:
        for name in ("price", "netPrice", "total"):
            if name in record:
                record[name] = value


def _currency(place: Any, value: Any) -> None:
    if isinstance(place, dict):
        if "currency" in place:
            place["currency"] = value
        for inner in place.values():
            _currency(inner, value)
    elif isinstance(place, list):
        for inner in place:
            _currency(inner, value)
