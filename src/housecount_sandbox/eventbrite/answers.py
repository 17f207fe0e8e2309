"""Eventbrite's refusals, its pages and its arguments."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from housecount_sandbox.exchange import Question, Refusal, json_answer

Row = TypeVar("Row")
PAGE_SIZE, LARGEST_PAGE = 50, 100
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_OPAQUE = re.compile(r"eyJ([0-9a-f]+)x([0-9a-f]{8})", re.ASCII)


def refuse(
    status: int, error: str, description: str, detail: Mapping[str, Sequence[str]] | None = None
) -> Refusal:
    """An error in Eventbrite's form, to be raised."""
    body: dict[str, Any] = {"status_code": status, "error": error, "error_description": description}
    if detail is not None:
        body["error_detail"] = {error: detail}
    return Refusal(json_answer(body, status))


def bad_argument(name: str, value: str | None) -> Refusal:
    """ARGUMENTS_ERROR for a missing (`value` None) or unacceptable argument."""
    if value is None:
        text, code = f"{name} - MISSING", "MISSING"
    else:
        text, code = f'{name} - "{value}" is not a valid choice.', "INVALID"
    return refuse(400, "ARGUMENTS_ERROR", f"There are errors with your arguments: {text}", {name: [code]})


def not_found(what: str) -> Refusal:
    return refuse(404, "NOT_FOUND", f"The {what} you requested does not exist.")


def not_authorized() -> Refusal:
    return refuse(403, "NOT_AUTHORIZED", "You do not have permission to access the resource you requested.")


def choice(question: Question, name: str, allowed: Sequence[str], default: str | None = None) -> str | None:
    """The argument's value if it is one of `allowed`; refuses others."""
    value = question.query.get(name)
    if value is None or value == "":
        return default
    if value not in allowed:
        raise bad_argument(name, value)
    return value


def moment(question: Question, name: str) -> datetime | None:
    """A `YYYY-MM-DDTHH:MM:SSZ` argument; refuses other forms."""
    value = question.query.get(name)
    if value is None:
        return None
    if not _MOMENT.fullmatch(value):
        raise bad_argument(name, value)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        raise bad_argument(name, value) from None


def names(question: Question, name: str) -> list[str]:
    """A comma list."""
    return [each.strip() for each in question.query.get(name, "").split(",") if each.strip()]


def page_token(number: int, *, opaque: bool) -> str:
    """A continuation token for page `number`: base64 of `{"page": 2}`, or something unreadable."""
    if opaque:
        return f"eyJ{number ^ 0x5A5A:x}x{zlib.crc32(b'%d' % number):08x}"
    return base64.b64encode(msgspec.json.encode({"page": number})).decode()


def read_token(token: str) -> int:
    """The page a token stands for; refuses what was never issued."""
    refusal = refuse(400, "BAD_CONTINUATION_TOKEN", "The continuation token passed was invalid or expired.")
    if match := _OPAQUE.fullmatch(token):
        number = int(match[1], 16) ^ 0x5A5A
        if f"{zlib.crc32(b'%d' % number):08x}" == match[2]:
            return number
        raise refusal
    try:
        found = msgspec.json.decode(base64.b64decode(token, validate=True), type=dict[str, int])
        number = found["page"]
    except (binascii.Error, msgspec.MsgspecError, KeyError, UnicodeDecodeError, ValueError):
        raise refusal from None
    if number < 1:
        raise refusal
    return number


def page(
    question: Question,
    key: str,
    rows: Sequence[Row],
    draw: Callable[[Row], Any],
    *,
    sized: bool = False,
    opaque: bool = False,
) -> dict[str, Any]:
    """One page of `rows` under `key`. `sized`: the caller may choose `page_size`, up to 100.

    The last page's token is present, null or missing, always the same way for one path.
    """
    size = PAGE_SIZE
    if sized and "page_size" in question.query:
        asked = question.query["page_size"]
        if not asked.isdecimal() or int(asked) < 1:
            raise bad_argument("page_size", asked)
        size = min(int(asked), LARGEST_PAGE)
    count = -(-len(rows) // size)
    number = 1
    token, place = question.query.get("continuation"), question.query.get("page")
    if token:
        number = read_token(token)
    elif place:
        if not place.isdecimal() or not 1 <= int(place) <= max(count, 1):
            raise refuse(400, "BAD_PAGE", "Bad page number requested.")
        number = int(place)
    begin = (number - 1) * size
    if number > 1:
        begin = max(begin + question.conditions.row_shift, 0)
    found = rows[begin : begin + size]
    more = number < count
    pagination: dict[str, Any] = {
        "object_count": len(rows),
        "page_number": number,
        "page_size": size,
        "page_count": count if rows else zlib.crc32(question.path.encode()) % 2,
        "has_more_items": more,
    }
    if more:
        pagination["continuation"] = page_token(number + 1, opaque=opaque)
    else:
        habit = zlib.crc32(question.path.encode()) % 3
        if habit == 0:
            pagination["continuation"] = page_token(number + 1, opaque=opaque)
        elif habit == 1:
            pagination["continuation"] = None
    return {"pagination": pagination, key: [draw(row) for row in found]}
