"""Humanitix's refusals, its strict queries and its pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from housecount_sandbox.clock import parse_moment
from housecount_sandbox.exchange import Question, Refusal, json_answer

Row = TypeVar("Row")
REGIONS = ("AU", "NZ", "US", "FJ", "CA", "GB", "SG", "DE", "MY", "MX")
LARGEST_PAGE = 100
_NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


def refuse(status: int, message: str) -> Refusal:
    """An error in Humanitix's form, to be raised."""
    return Refusal(json_answer({"statusCode": status, "error": _NAMES[status], "message": message}, status))


def _whole(text: str) -> bool:
    return re.fullmatch(r"-?\d{1,9}", text, re.ASCII) is not None


def _is_moment(text: str) -> bool:
    try:
        parse_moment(text)
    except ValueError:
        return False
    return True


_CHECKS: dict[str, tuple[Callable[[str], bool], str]] = {
    "page": (lambda text: _whole(text) and int(text) >= 1, "be >= 1"),
    "pageSize": (lambda text: _whole(text) and int(text) >= 1, "be >= 1"),
    "since": (_is_moment, 'match format "date-time"'),
    "inFutureOnly": (lambda text: text in ("true", "false"), "be boolean"),
    "eventDateId": (
        lambda text: re.fullmatch(r"[0-9a-f]{24}", text) is not None,
        'match pattern "^[0-9a-f]{24}$"',
    ),
    "status": (
        lambda text: text in ("complete", "cancelled"),
        "be equal to one of the allowed values",
    ),
    "overrideLocation": (lambda text: text in REGIONS, "be equal to one of the allowed values"),
    "type": (bool, "be a non-empty string"),
    "category": (bool, "be a non-empty string"),
    "subcategory": (bool, "be a non-empty string"),
    "withArtistsOnly": (lambda text: text in ("true", "false"), "be boolean"),
}


def check_query(question: Question, allowed: Sequence[str], required: Sequence[str] = ()) -> None:
    """Refuse a missing required key, any key not `allowed`, and values of the wrong form."""
    for name in required:
        if name not in question.query:
            raise refuse(400, f"query should have required property '{name}'")
    for name, value in question.query.items():
        if name not in allowed:
            raise refuse(400, f"query should NOT have additional properties '{name}'")
        accepts, wish = _CHECKS[name]
        if not accepts(value):
            raise refuse(400, f"query.{name} should {wish}")


def since(query: Mapping[str, str]) -> datetime | None:
    """The `since` argument, checked before."""
    return parse_moment(query["since"]) if "since" in query else None


def page(
    question: Question,
    key: str,
    rows: Sequence[Row],
    draw: Callable[[Row], Any],
    *,
    refuses_large: bool,
) -> dict[str, Any]:
    """One page of `rows` in Humanitix's envelope; beyond the last it is empty."""
    size = int(question.query.get("pageSize", "100"))
    if size > LARGEST_PAGE:
        if refuses_large:
            raise refuse(400, "query.pageSize should be <= 100")
        size = LARGEST_PAGE
    number = int(question.query["page"])
    begin = (number - 1) * size
    if number > 1:
        begin = max(begin + question.conditions.row_shift, 0)
    return {
        "total": len(rows),
        "pageSize": size,
        "page": number,
        key: [draw(row) for row in rows[begin : begin + size]],
    }
