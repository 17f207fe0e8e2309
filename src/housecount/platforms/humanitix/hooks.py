"""What a relay's hook says of Humanitix, which has no webhooks of its own (reference, trap 1).

Relays are made by hand or by automation services, each with a shape of its own: so ids are looked for under the
names that the API itself uses, and where none is found the account is read in the ordinary way.
"""

import re
from typing import Literal

import msgspec

from housecount.platforms.base.hooks import HookReading, Touch
from housecount.platforms.reading import text

_ID = re.compile(r"[0-9a-f]{24}", re.ASCII | re.IGNORECASE)
#: How deep is looked, and how many objects are taken from one hook.
LEVELS = 4
MOST_TOUCHES = 20
_MOST_ROWS = 100

Kind = Literal["order", "ticket", "event"]
_ID_NAMES: dict[str, Kind] = {
    "orderId": "order", "order_id": "order", "ticketId": "ticket", "ticket_id": "ticket",
    "eventId": "event", "event_id": "event",
}  # fmt: skip
_OBJECT_NAMES: dict[str, Kind] = {
    "order": "order", "orders": "order", "ticket": "ticket", "tickets": "ticket", "event": "event",
    "events": "event",
}  # fmt: skip
_WRAPPERS = frozenset({"data", "payload"})
_ACTION_NAMES = ("action", "type", "event_type", "eventType", "event")
_TESTS = frozenset({"test", "ping", "webhook.test"})


def read_hook(body: bytes) -> HookReading:
    """The objects that a relay's JSON names. Never raises, whatever the bytes."""
    try:
        said = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return HookReading(verdict="not_understood")
    if not isinstance(said, dict):
        return HookReading(verdict="not_understood")
    action = next((text(said[n], 100) for n in _ACTION_NAMES if isinstance(said.get(n), str)), "")
    found: dict[Touch, None] = {}
    _look(said, None, "", 1, found)
    if found:
        return HookReading(verdict="understood", action=action, touches=_distinct(found))
    if action.casefold() in _TESTS:
        return HookReading(verdict="test", action=action)
    return HookReading(verdict="not_understood", action=action, touches=(Touch(kind="account"),))


def _look(value: object, kind: Kind | None, event_id: str, level: int, found: dict[Touch, None]) -> None:
    """Collects what `value`, an object of `kind` (None: a wrapper) within an event, names."""
    if isinstance(value, list):
        for row in value[:_MOST_ROWS]:
            if isinstance(row, dict):
                _look(row, kind, event_id, level, found)
        return
    if not isinstance(value, dict) or level > LEVELS:
        return
    named = {of: _id(value.get(name)) for name, of in _ID_NAMES.items() if _id(value.get(name))}
    if kind is not None and (own := _id(value.get("_id")) or _id(value.get("id"))):
        named[kind] = own
    inner = value.get("event")
    if "event" not in named and isinstance(inner, dict):
        named["event"] = _id(inner.get("_id")) or _id(inner.get("id"))
    event_id = named.get("event") or event_id
    for of in ("order", "ticket", "event"):
        if (object_id := named.get(of)) and len(found) < _MOST_ROWS:
            found.setdefault(Touch(kind=of, object_id=object_id, event_id=event_id))
    for name, inner in value.items():
        if name in _WRAPPERS:
            _look(inner, kind, event_id, level + 1, found)
        elif name in _OBJECT_NAMES:
            _look(inner, _OBJECT_NAMES[name], event_id, level + 1, found)


def _distinct(found: dict[Touch, None]) -> tuple[Touch, ...]:
    """The touches, without events of which an order or a ticket is named anyway: to read those reads the event."""
    busy = {touch.event_id for touch in found if touch.kind != "event"}
    return tuple(touch for touch in found if touch.kind != "event" or touch.object_id not in busy)[
        :MOST_TOUCHES
    ]


def _id(value: object) -> str:
    return value.lower() if isinstance(value, str) and _ID.fullmatch(value) else ""
