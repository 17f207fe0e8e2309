"""One question and one answer of HTTP, without any network: what the platforms' logic works on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Conditions:
    """What a fault changes about how a question is answered."""

    # Answer as of this revision; None = as things are.
    revision: int | None = None
    # On pages after the first: begin this many rows earlier (repeats) or later (leaves rows out).
    row_shift: int = 0
    # By how many cents the tax of a document that is written comes out wrong (Xero).
    cents_out: int = 0


@dataclass(slots=True)
class Question:
    """A request as the platforms see it. Header names are in lower case; of a repeated key the first counts."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    conditions: Conditions = field(default_factory=Conditions)

    def walk(self) -> tuple[object, ...]:
        """What one page of a list has in common with the next: everything but its place."""
        place = ("page", "continuation", "pageSize", "page_size", "expand", "token")
        filters = sorted(item for item in self.query.items() if item[0] not in place)
        return (self.path, self.conditions.revision, *filters)


@dataclass(slots=True)
class Answer:
    """A response; `delay` is how many seconds the platform takes before it sends it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay: float = 0.0


def json_answer(data: Any, status: int = 200) -> Answer:
    """An answer with `data` encoded as JSON."""
    return Answer(status, msgspec.json.encode(data))


class Refusal(Exception):
    """The platform says no: carries the answer to send."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer
