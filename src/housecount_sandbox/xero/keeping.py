"""Keeping Xero's books in a file, so that the next start finds what was written, and who was let in."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from housecount_sandbox.xero.books import Xero

_EVERY_SECONDS = 1.0
#: All that a start finds again; in one piece, because they point at each other.
_PARTS = ("tenants", "apps", "connections", "codes", "accesses", "refreshes", "ticked", "_random", "_last")


class Keeper:
    """Takes up what `path` holds and writes down what changes, a moment later. For one Xero of one season.

    Only a file that is this sandbox's own is read: what it holds is run.
    """

    def __init__(self, xero: Xero, path: Path, season: str) -> None:
        self._xero, self._path, self._season = xero, path, season
        self._written = b""

    def load(self) -> bool:
        """Take up what was kept; False where nothing is. Raises ValueError for another season's, or what is broken."""
        if not self._path.exists():
            return False
        self._written = self._path.read_bytes()
        try:
            season, kept = pickle.loads(self._written)  # noqa: S301 - our own file
        except Exception:  # noqa: BLE001 - whatever a broken file makes of it
            raise ValueError(f"{self._path} cannot be read") from None
        if season != self._season:
            raise ValueError(f"the books belong to another season: {season}")
        with self._xero.stage.lock:
            for name, value in kept.items():
                setattr(self._xero, name, value)
        return True

    def save(self) -> None:
        """Write it all down, if anything changed; the file is whole at every moment."""
        with self._xero.stage.lock:
            kept: dict[str, Any] = {name: getattr(self._xero, name) for name in _PARTS}
            text = pickle.dumps((self._season, kept), protocol=5)
        if text == self._written:
            return
        beside = self._path.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_bytes(text)
        beside.replace(self._path)
        self._written = text

    async def run(self) -> None:
        """Save now and then until cancelled, and once more then."""
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(_EVERY_SECONDS)
                self.save()
        self.save()
