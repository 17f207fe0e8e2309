"""Xero's limits: so many at once, a minute and a day for each organisation, and a minute for the application."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING
from zlib import crc32

from housecount_sandbox.exchange import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housecount_sandbox.limits import Limits
    from housecount_sandbox.stage import Stage
    from housecount_sandbox.xero.model import App, Tenant

_MINUTE, _DAY = 60, 86_400


class Ration:
    """Counts calls in fixed windows that begin at another second for every organisation."""

    def __init__(self, stage: Stage, limits: Limits) -> None:
        self.stage = stage
        self.limits = limits
        self._calls: Counter[tuple[str, int, int]] = Counter()
        self._inside: Counter[str] = Counter()

    @contextmanager
    def call(self, app: App, tenant: Tenant) -> Iterator[Answer | None]:
        """While this call lasts: the refusal to send at once, or None when it may go on."""
        who = f"{app.client_id}/{tenant.id}"
        with self.stage.lock:
            refusal = self._arrive(app, who)
            self._inside[who] += 1
        try:
            yield refusal
        finally:
            with self.stage.lock:
                self._inside[who] -= 1

    def headers(self, app: App, tenant: Tenant) -> dict[str, str]:
        """What is left, as every reply says it."""
        who = f"{app.client_id}/{tenant.id}"
        names = (
            ("X-DayLimit-Remaining", who, _DAY, self.limits.xero_per_day),
            ("X-MinLimit-Remaining", who, _MINUTE, self.limits.xero_per_minute),
            ("X-AppMinLimit-Remaining", app.client_id, _MINUTE, self.limits.xero_per_app_minute),
        )
        return {
            name: str(max(limit - self._calls[self._window(key, length)[0]], 0) if limit else 999_999)
            for name, key, length, limit in names
        }

    def _window(self, who: str, length: int) -> tuple[tuple[str, int, int], int]:
        """The window that is open now, and the whole seconds until it ends."""
        moment = int(self.stage.clock().timestamp()) + crc32(who.encode()) % length
        return (who, length, moment // length), length - moment % length

    def _arrive(self, app: App, who: str) -> Answer | None:
        limits = self.limits
        if limits.xero_concurrent and self._inside[who] >= limits.xero_concurrent:
            return self._full("concurrent", limits.xero_concurrent_retry_after)
        windows = (
            ("day", who, _DAY, limits.xero_per_day),
            ("minute", who, _MINUTE, limits.xero_per_minute),
            ("appminute", app.client_id, _MINUTE, limits.xero_per_app_minute),
        )
        for problem, key, length, limit in windows:
            window, wait = self._window(key, length)
            if limit and self._calls[window] >= limit:
                return self._full(problem, wait)
        for _, key, length, _ in windows:
            self._calls[self._window(key, length)[0]] += 1
        return None

    def _full(self, problem: str, wait: int | None) -> Answer:
        answer = Answer(429, b"", {"X-Rate-Limit-Problem": problem})
        if not self.limits.xero_empty_429:
            answer.body = (
                b'{"Type":null,"Title":"Rate limit exceeded","Status":429,"Detail":"Too many requests"}'
            )
        if wait is not None:
            answer.headers["Retry-After"] = str(wait)
        return answer
