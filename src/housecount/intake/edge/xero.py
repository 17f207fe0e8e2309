"""Xero's webhook: one address for every organisation in Xero that lets us in.

A body can name several of them. Each gets a row of its own, which holds nothing of the others.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from housecount.intake.edge.rows import KEPT_HEADERS, Row, redact

PLATFORM: Final = "xero"
_LONGEST_HEADER, _LONGEST_WORD = 500, 100
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,60}", re.ASCII)
_KINDS: Final = {"INVOICE": "invoice", "CREDITNOTE": "credit_note", "CONTACT": "contact"}
_encode = msgspec.json.Encoder().encode

Verdict = Literal["understood", "test", "not_understood"]


def rows_of(headers: Mapping[bytes, bytes], body: bytes) -> list[Row]:
    """The rows of a body that Xero signed: one for each organisation it names, or one alone.

    Of an event only ids are taken, and its kind. The intent to receive, which has no events, is a test.
    """
    kept = {
        name: value[:_LONGEST_HEADER].decode("latin-1")
        for raw, name in KEPT_HEADERS
        if (value := headers.get(raw)) is not None
    }
    try:
        whole = msgspec.json.decode(body)
        events = whole["events"]
        named = [each for each in events if isinstance(each, dict)]
        tenants = dict.fromkeys(_id(each, "tenantId") for each in named)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        return [_row(kept, body, "not_understood", [])]
    if not events:
        return [_row(kept, body, "test", [])]
    if len(tenants) < 2:
        return [_row(kept, body, *_read(named))]
    rows = []
    for tenant in tenants:
        theirs = [each for each in named if _id(each, "tenantId") == tenant]
        rows.append(_row(kept, _encode({**whole, "events": theirs}), *_read(theirs)))
    return rows


def _read(events: list[dict[str, Any]]) -> tuple[Verdict, list[dict[str, str]]]:
    touches = {
        (kind, key, tenant): None
        for each in events
        if (kind := _KINDS.get(str(each.get("eventCategory")))) is not None
        and (key := _id(each, "resourceId"))
        and (tenant := _id(each, "tenantId"))
    }
    found = [{"kind": kind, "object_id": key, "event_id": tenant} for kind, key, tenant in touches]
    return ("understood" if found else "not_understood"), found


def _id(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _row(kept: Mapping[str, str], body: bytes, verdict: Verdict, touches: list[dict[str, str]]) -> Row:
    actions = dict.fromkeys(each["kind"] for each in touches)
    return Row(
        b"",
        True,
        PLATFORM.encode(),
        _encode(kept),
        redact(body, b""),
        b"",
        ", ".join(actions)[:_LONGEST_WORD].encode(),
        verdict.encode(),
        _encode(touches),
    )
