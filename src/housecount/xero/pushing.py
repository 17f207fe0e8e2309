"""Writing to Xero so that each thing exists there exactly once, whatever breaks off where."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from housecount.platforms.base.errors import ConfigError, PlatformError, RateLimited
from housecount.platforms.http.client import Limits
from housecount.sync.database import DatabaseThread
from housecount.sync.lock import AlreadyBeingRead, account_lock
from housecount.tenancy.identity import Identity
from housecount.xero import connecting, ledger
from housecount.xero.client import opened, renewing
from housecount.xero.contacts import Contacts
from housecount.xero.errors import Busy, NotConnected
from housecount.xero.models import Connection, Stage
from housecount.xero.planning import open_intents, plan
from housecount.xero.writing import Now, Writer

#: What ended without an answer is looked for and taken up again so often in one push.
_PASSES = 3


@dataclass(slots=True)
class Outcome:
    """What a push did: `left` counts what is still to do, `stopped` says why it ended early, if it did."""

    done: int = 0
    left: int = 0
    requests: int = 0
    stopped: str = ""
    resumes_at: datetime | None = None
    reasons: list[dict[str, str]] = field(default_factory=list)


async def push(
    organisation_id: UUID,
    *,
    now: Now = lambda: datetime.now(UTC),
    limits: Limits | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Write everything that is left. One push at a time writes to an organisation; another raises `Busy`.

    Raises `NotConnected` without a connection that works; what stops it on the way is in the outcome.
    """
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        row = await database.run(connecting.connected, organisation_id)
        try:
            async with account_lock(row.pk, wait=0.0):
                return await _push(database, row, now, limits, on_progress)
        except AlreadyBeingRead:
            raise Busy("Another push to this organisation is under way. Try again when it is done.") from None


async def _push(
    database: DatabaseThread,
    row: Connection,
    now: Now,
    limits: Limits | None,
    on_progress: Callable[[int, int], None] | None,
) -> Outcome:
    outcome = Outcome()
    await database.run(plan, row)
    if row.parked_until is not None and row.parked_until > now():
        outcome.stopped = "Xero's limits are used up."
        outcome.resumes_at = row.parked_until
        return await _count(database, row, outcome)
    calls: list[tuple[str, str]] = []
    try:
        row = await connecting.read_again(row.organisation_id, now())
        intents = await database.run(lambda: list(open_intents(row)))
        async with opened(
            row.organisation_id,
            renewing(database, row.organisation_id),
            tenant_id=None if row.custom else row.tenant_id,
            credential=row.tenant_id,
            limits=limits,
            told=lambda step, said: calls.append((step, said)),
        ) as xero:
            contacts = Contacts(xero, database, row.organisation_id, row.tenant_id)
            writer = Writer(xero, database, row, connecting.books(row), contacts, now)
            try:
                for _ in range(_PASSES):
                    writer.unsure = 0
                    for place, intent in enumerate(intents, 1):
                        calls.clear()
                        try:
                            await writer.write(intent)
                        finally:
                            await database.run(ledger.remember, row.organisation_id, intent.pk, list(calls))
                        outcome.done += intent.stage == Stage.DONE
                        if on_progress is not None:
                            on_progress(place, len(intents))
                    intents = [each for each in intents if each.stage != Stage.DONE]
                    if not writer.unsure:
                        break
            finally:
                outcome.requests = xero.requests
        await database.run(ledger.park, row, None)
    except RateLimited as error:
        outcome.stopped = error.message
        outcome.resumes_at = now() + timedelta(seconds=error.after)
        await database.run(ledger.park, row, outcome.resumes_at)
    except ConfigError as error:
        outcome.stopped = error.message
        await database.run(ledger.needs_reconnect, row, error.message)
    except (PlatformError, NotConnected) as error:
        outcome.stopped = error.message
    return await _count(database, row, outcome)


async def _count(database: DatabaseThread, row: Connection, outcome: Outcome) -> Outcome:
    def left() -> list[dict[str, str]]:
        return [
            {
                "what": each.what,
                "document": str(each.document_id),
                "number": each.document.number or "",
                "stage": each.stage,
                "reason": each.reason,
            }
            for each in open_intents(row).select_related("document")
        ]

    outcome.reasons = await database.run(left)
    outcome.left = len(outcome.reasons)
    return outcome
