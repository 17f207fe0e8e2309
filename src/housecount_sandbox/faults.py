"""Faults on demand: what, where, how often. The same seed and the same questions give the same faults."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

# Instead of an answer.
BLUNT = frozenset({"outage", "reset", "rate_limit", "server_error", "revoke", "empty", "html"})
# How the answer is made.
BENDING = frozenset({"latency", "stale", "duplicates", "skips", "shift", "cents_out"})
# What becomes of one record of a good answer.
DAMAGE = frozenset({"missing_field", "unknown_value", "absurd_amount", "wrong_currency"})
# What becomes of a good answer's bytes.
CUTTING = frozenset({"truncate"})
# What becomes of an answer after everything was done.
LOSING = frozenset({"lost_reply"})
KINDS = BLUNT | BENDING | DAMAGE | CUTTING | LOSING
PLATFORMS = ("eventbrite", "humanitix", "xero")
# These make sense on the second page of a walk or a later one.
PAGING = frozenset({"duplicates", "skips", "shift"})


_MODES = {
    "outage": ("unavailable", "refuse"),
    "truncate": ("cut", "length"),
    "lost_reply": ("reset", "error", "late"),
}


class BadFault(ValueError):
    """A fault that cannot be: the message says why."""


@dataclass(slots=True)
class Fault:
    """One fault. It strikes questions to `platform` (None: all) whose path matches `path` (a search), and
    whose path or record holds `id`, with `probability`, at most `count` times (None: until cleared), after
    it has let `after` of them pass. The other fields belong to the kinds named beside them."""

    kind: str
    platform: str | None = None
    path: str = ""
    id: str | None = None
    probability: float = 1.0
    count: int | None = None
    after: int = 0
    # latency, lost_reply (late): how long; stale: how far back in time.
    seconds: float | None = None
    # server_error: the status.
    status: int = 500
    # rate_limit: seconds for Retry-After, or "date", or None for no such header.
    retry_after: int | str | None = None
    # rate_limit and server_error: an HTML page rather than the platform's JSON.
    html: bool = True
    # duplicates, skips, shift: how many rows; cents_out: how many cents.
    rows: int = 1
    # outage: "unavailable" (503 for all) or "refuse" (no connection); truncate: "cut" or "length";
    # lost_reply: "reset" (the connection breaks), "error" (`status` instead) or "late" (after `seconds`).
    mode: str = ""
    # damage: a dotted field and what to put there.
    field: str | None = None
    value: Any = None
    # stale: the revision to show, or how many revisions behind.
    revision: int | None = None
    behind: int | None = None
    struck: int = 0
    _passed: int = 0
    _pattern: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadFault(f"no such kind of fault: {self.kind!r}; there are {', '.join(sorted(KINDS))}")
        if self.platform not in (None, *PLATFORMS):
            raise BadFault(f"no such platform: {self.platform!r}")
        if not 0 <= self.probability <= 1:
            raise BadFault("a probability lies between 0 and 1")
        modes = _MODES.get(self.kind, ("",))
        self.mode = self.mode or modes[0]
        if self.mode not in modes:
            raise BadFault(f"no such mode of {self.kind}: {self.mode!r}")
        try:
            self._pattern = re.compile(self.path)
        except re.error as error:
            raise BadFault(f"the path is no regular expression: {error}") from None

    @property
    def spent(self) -> bool:
        """It has struck as often as it may."""
        return self.count is not None and self.struck >= self.count

    def matches(self, platform: str, path: str) -> bool:
        """Whether it is about this question, apart from chance and count."""
        assert self._pattern is not None
        if self.platform not in (None, platform) or not self._pattern.search(path):
            return False
        return self.kind in DAMAGE or self.id is None or self.id in path

    def as_dict(self) -> dict[str, Any]:
        """The fault as the control API shows it."""
        names = [name for name in self.__dataclass_fields__ if not name.startswith("_")]
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class Faults:
    """The faults in force. Safe to change from any thread while servers run."""

    seed: int = 0
    active: list[Fault] = field(default_factory=list)
    watchers: list[Any] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _random: Random = field(default_factory=Random)

    def __post_init__(self) -> None:
        self._random.seed(self.seed)

    def set(self, faults: Iterable[Fault | dict[str, Any]]) -> None:
        """Replace all faults; an empty list clears them and sets the dice back to the seed.

        Raises BadFault, changing nothing, when one of them cannot be.
        """
        made = [fault if isinstance(fault, Fault) else _from_dict(fault) for fault in faults]
        with self._lock:
            self.active = made
            if not made:
                self._random.seed(self.seed)
        self._tell()

    def add(self, kind: str, **fields: Any) -> Fault:
        """Put one more fault in force and return it: its `struck` says how often it struck."""
        fault = _from_dict({"kind": kind, **fields})
        with self._lock:
            self.active.append(fault)
        self._tell()
        return fault

    def clear(self) -> None:
        """No faults from now on."""
        self.set([])

    def refusing(self, platform: str) -> bool:
        """Whether `platform` should take no connections at all now."""
        return any(
            fault.kind == "outage" and fault.mode == "refuse" and fault.platform in (None, platform)
            for fault in self.active
        )

    def strike(
        self, platform: str, path: str, kinds: frozenset[str], *, first_page: bool = True
    ) -> list[Fault]:
        """The faults of `kinds` that strike this question, each counted as having struck."""
        if not self.active:
            return []
        found = []
        with self._lock:
            for fault in self.active:
                if fault.kind not in kinds or fault.spent or not fault.matches(platform, path):
                    continue
                if first_page and fault.kind in PAGING:
                    continue
                if fault._passed < fault.after:
                    fault._passed += 1
                    continue
                if fault.probability < 1 and self._random.random() >= fault.probability:
                    continue
                fault.struck += 1
                found.append(fault)
        return found

    def _tell(self) -> None:
        for watcher in list(self.watchers):
            watcher()


def _from_dict(given: dict[str, Any]) -> Fault:
    allowed = {name for name in Fault.__dataclass_fields__ if not name.startswith("_")} - {"struck"}
    if not isinstance(given, dict) or "kind" not in given:
        raise BadFault("a fault is an object with a kind")
    if unknown := set(given) - allowed:
        raise BadFault(f"a fault has no {', '.join(sorted(unknown))}")
    try:
        return msgspec.convert(given, _Wire).make()
    except msgspec.ValidationError as error:
        raise BadFault(str(error)) from None


class _Wire(msgspec.Struct, omit_defaults=True):
    """A fault as JSON brings it, for its types."""

    kind: str
    platform: str | None = None
    path: str = ""
    id: str | None = None
    probability: float = 1.0
    count: int | None = None
    after: int = 0
    seconds: float | None = None
    status: int = 500
    retry_after: int | str | None = None
    html: bool = True
    rows: int = 1
    mode: str = ""
    field: str | None = None
    value: Any = None
    revision: int | None = None
    behind: int | None = None

    def make(self) -> Fault:
        return Fault(**{name: getattr(self, name) for name in self.__struct_fields__})
