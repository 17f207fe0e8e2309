"""Idempotency keys: for six minutes the first answer is given again, errors too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from housecount_sandbox.exchange import Answer
from housecount_sandbox.xero.answers import bad_request

if TYPE_CHECKING:
    from housecount_sandbox.exchange import Question
    from housecount_sandbox.limits import Limits
    from housecount_sandbox.xero.model import App

LIFE = timedelta(minutes=6)
LONGEST = 128


@dataclass(slots=True)
class _Kept:
    at: datetime
    request: str
    answer: Answer


class Repeats:
    """Kept for an application as a whole: the organisation is no part of the key or of what it is compared with."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._kept: dict[tuple[str, str], _Kept] = {}

    def known(self, app: App, question: Question, now: datetime) -> Answer | None:
        """The first answer to this key; None when it is new or too old. Refuses another request under it."""
        key = question.headers.get("idempotency-key")
        if not key or question.method not in ("PUT", "POST", "PATCH"):
            return None
        if len(key) > LONGEST:
            raise bad_request("The Idempotency-Key is too long")
        kept = self._kept.get((app.client_id, key))
        if kept is None or now - kept.at >= LIFE:
            return None
        if kept.request != _print(question):
            refusal = bad_request("The Idempotency-Key was used for another request")
            refusal.answer.status = self.limits.xero_key_mismatch_status
            raise refusal
        return Answer(kept.answer.status, kept.answer.body, content_type=kept.answer.content_type)

    def keep(self, app: App, question: Question, answer: Answer, now: datetime) -> None:
        """Remember the answer; the time is that of the first call with the key."""
        key = question.headers.get("idempotency-key")
        if not key or question.method not in ("PUT", "POST", "PATCH"):
            return
        place = (app.client_id, key)
        before = self._kept.get(place)
        fresh = before is not None and now - before.at < LIFE
        at = before.at if before is not None and fresh else now
        copy = Answer(answer.status, answer.body, content_type=answer.content_type)
        self._kept[place] = _Kept(at, _print(question), copy)


def _print(question: Question) -> str:
    parts = (question.method, question.path, repr(sorted(question.query.items())))
    return sha256("\n".join(parts).encode() + question.body).hexdigest()
