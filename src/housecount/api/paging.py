"""Pages of long lists: `limit` of them, and `next`, the cursor that the following page begins with.

A cursor names the last row that was given, so that what comes and goes meanwhile neither repeats nor hides a row.
"""

import base64
import binascii
import re
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from ninja import Field, Schema
from pydantic import BeforeValidator

from housecount.core.errors import HousecountError, NextStep

MOST = 200
Limit = Annotated[int, Field(ge=1, le=MOST, description="How many at most.")]
Cursor = Annotated[
    str | None, Field(description="`next` of the page before; without it, the first page.", max_length=500)
]
_NEXT = "The cursor of the next page; null: this is the last."
Next = Annotated[str | None, Field(description=_NEXT)]


def _iso_moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not re.match(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", value, re.ASCII):
        raise ValueError("A time is expected, such as 2026-11-27T19:30:00+11:00.")
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("A time needs its offset, such as 2026-11-27T19:30:00+11:00 (send + as %2B).")
    return found


def _iso_day(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise ValueError("A day is expected, such as 2026-11-27.")
    return value


#: What may be asked for: pydantic by itself would take numbers too.
Moment = Annotated[datetime, BeforeValidator(_iso_moment)]
Day = Annotated[date, BeforeValidator(_iso_day)]


class BadCursor(HousecountError):
    """A cursor that did not come from `next` of the same list."""

    code = "bad_cursor"
    http_status = 422
    next_step = NextStep.NEVER

    def __init__(self) -> None:
        super().__init__("This cursor is not one of this list: use `next` of the page before, or none.")


class PageAsked(Schema):
    """Which page."""

    cursor: Cursor = None
    limit: Limit = 50


def encode(*parts: object) -> str:
    """A cursor that holds these; times to the microsecond."""
    told = [each.isoformat() if isinstance(each, date) else str(each) for each in parts]
    return base64.urlsafe_b64encode(msgspec.json.encode(told)).decode().rstrip("=")


def decode(cursor: str, count: int) -> list[str]:
    """What `encode` was given, as text. Raises BadCursor."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = msgspec.json.decode(raw, type=list[str])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise BadCursor from None
    if len(parts) != count or any("\x00" in part for part in parts):
        raise BadCursor
    return parts


def moment_and_id(cursor: str) -> tuple[datetime, UUID]:
    """A cursor of a list by time and id. Raises BadCursor."""
    when, which = decode(cursor, 2)
    return moment(when), key(which)


def number(text: str) -> int:
    """A part of a cursor that is a number. Raises BadCursor."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadCursor
    return int(text)


def moment(text: str) -> datetime:
    """A part of a cursor that is a time. Raises BadCursor."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadCursor from None
    if found.tzinfo is None:
        raise BadCursor
    return found


def key(text: str) -> UUID:
    """A part of a cursor that is an id. Raises BadCursor."""
    try:
        return UUID(text)
    except ValueError:
        raise BadCursor from None


def day(text: str) -> date:
    """A part of a cursor that is a day. Raises BadCursor."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadCursor from None
