"""Taking back what was just done: a message carries the one request that undoes it, and its page shows a button.

The request is an ordinary one: whoever may not do it is refused, whatever a message says.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

_MARK: Final = "undo="
#: The routes that a message may lead back to.
_ROUTES: Final = (
    "listing_link", "listing_unlink", "suggestion_restore", "show_revive", "show_bill_add", "show_bill_remove",
)  # fmt: skip


class Undo(NamedTuple):
    """Where to post what."""

    address: str
    fields: tuple[tuple[str, str], ...]


def done(request: HttpRequest, text: str, route: str, key: UUID, fields: Mapping[str, Sequence[str]]) -> None:
    """Tells that something was done, with a button that takes it back by posting `fields` to `route` of `key`."""
    parts = [route, str(key), *(f"{name}:{value}" for name, values in fields.items() for value in values)]
    messages.success(request, text, extra_tags=_MARK + ";".join(parts))


def undoing(tags: str) -> Undo | None:
    """The request that a message's extra tags name; None where they name none."""
    if not tags.startswith(_MARK):
        return None
    route, _, rest = tags.removeprefix(_MARK).partition(";")
    key, *fields = rest.split(";")
    if route not in _ROUTES:
        return None
    try:
        address = reverse(route, args=[UUID(key)])
    except (ValueError, NoReverseMatch):
        return None
    named = tuple((name, value) for name, _, value in (field.partition(":") for field in fields))
    return Undo(address, named)
