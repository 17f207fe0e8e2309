"""Creations that happen once: each attempt is noted before it is sent, and repeated only as what it was."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from housecount.platforms.http.errors import ServerFailed
from housecount.sync.database import DatabaseThread
from housecount.xero import ledger
from housecount.xero.errors import Rejected
from housecount.xero.keys import key_of
from housecount.xero.models import Connection, Intent, Stage

T = TypeVar("T")
Now = Callable[[], datetime]


class Tries:
    """What of each intent is kept on the way, every step committed before the next begins."""

    def __init__(self, database: DatabaseThread, row: Connection, now: Now) -> None:
        self._database = database
        self._row = row
        self._now = now

    async def create(
        self,
        intent: Intent,
        fields: Mapping[str, Any],
        send: Callable[[Mapping[str, Any], str], Awaitable[T]],
    ) -> T:
        """What a creation gave. An answer, also one that says it failed, ends the attempt."""
        attempt = await self._database.run(ledger.begin_attempt, intent, self._now())
        key = key_of(self._row.tenant_id, intent.what, intent.target, attempt, fields)
        try:
            made = await send(fields, key)
        except (ServerFailed, Rejected):
            await self._database.run(ledger.heard, intent)
            raise
        await self._database.run(ledger.heard, intent)
        return made

    async def advance(
        self, intent: Intent, stage: Stage, *, xero_id: str | None = None, reason: str = ""
    ) -> None:
        """Keep how far it has come."""
        await self._database.run(ledger.advance, intent, stage, self._now(), xero_id=xero_id, reason=reason)

    async def stay(self, intent: Intent, stage: Stage, reason: str) -> None:
        """Keep why it goes no further for now. What has a document there stays where it is."""
        kept = Stage(intent.stage) if intent.stage in (Stage.DRAFTED, Stage.APPROVED) else stage
        await self._database.run(ledger.stay, intent, kept, self._now(), reason)
