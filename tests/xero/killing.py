"""A push that dies in the middle."""

from typing import Any

import pytest

from housecount.xero.client import Xero

#: What every push reads first, and changes nothing.
_SETTINGS = ("/Organisation", "/Accounts", "/TaxRates")


class Killed(BaseException):
    """The process ends here."""


def kill_at(patch: pytest.MonkeyPatch, count: int, *, after: bool, writes_only: bool = False) -> list[str]:
    """Let the `count`-th call behind the settings kill the process, before it is sent or after it was answered; the
    calls that were counted."""
    send = Xero._send
    made: list[str] = []

    async def counted(self: Xero, method: Any, path: str, *args: Any, **more: Any) -> Any:
        if path in _SETTINGS or (writes_only and method == "GET"):
            return await send(self, method, path, *args, **more)
        made.append(f"{method} {path}")
        mine = len(made)
        if mine == count and not after:
            raise Killed
        answer = await send(self, method, path, *args, **more)
        if mine == count:
            raise Killed
        return answer

    patch.setattr(Xero, "_send", counted)
    return made
