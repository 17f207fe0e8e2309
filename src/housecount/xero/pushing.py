"""Writing to Xero so that each thing exists there exactly once, whatever breaks off where."""

import time
from collections import Counter
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
from housecount.xero.client import Said, Xero, opened, renewing
from housecount.xero.contacts import Contacts
from housecount.xero.errors import Busy, NotConnected
from housecount.xero.models import Connection, Stage
from housecount.xero.planning import open_intents, plan
from housecount.xero.trying import Now
from housecount.xero.urgency import Urgency, next_ones, urgency, waiting
from housecount.xero.writing import Writer

#: After so many, what is most urgent is asked again: something may have been issued, or asked for, in between.
_AT_ONCE = 10
#: So many calls of Xero's day are kept for what cannot wait: what a person asked for, and what takes back.
KEPT_CALLS = 100
#: The worker goes on with the next push after so long, so that nobody's books keep others waiting.
LONGEST_RUN = 45.0


@dataclass(slots=True)
class Outcome:
    """What a push did: `left` counts what is still to do, `stopped` says why it ended early, if it did."""

    done: int = 0
    left: int = 0
    requests: int = 0
    stopped: str = ""
    resumes_at: datetime | None = None
    reasons: list[dict[str, str]] = field(default_factory=list)


def parked(row: Connection, now: datetime) -> datetime | None:
    """Until when Xero's limits let us do nothing. No limit is longer than a day: a later end was set by a clock that
    was wrong, and does not count."""
    until = row.parked_until
    return until if until is not None and now < until <= now + timedelta(days=1, minutes=15) else None


async def push(
    organisation_id: UUID,
    *,
    now: Now = lambda: datetime.now(UTC),
    limits: Limits | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    automatic: bool = False,
) -> Outcome:
    """Write everything that is left, the most urgent first. One push at a time writes to an organisation; another
    raises `Busy`.

    An `automatic` one leaves alone what is to be tried again only later, leaves some calls of Xero's day for what
    cannot wait, and ends after a while for the next to go on. Raises `NotConnected` without a connection that works;
    what stops it on the way is in the outcome.
    """
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        row = await database.run(connecting.connected, organisation_id)
        try:
            async with account_lock(row.pk, wait=0.0):
                return await _push(database, row, now, limits, on_progress, automatic=automatic)
        except AlreadyBeingRead:
            raise Busy("Another push to this organisation is under way. Try again when it is done.") from None


async def _push(
    database: DatabaseThread,
    row: Connection,
    now: Now,
    limits: Limits | None,
    on_progress: Callable[[int, int], None] | None,
    *,
    automatic: bool,
) -> Outcome:
    outcome = Outcome()
    await database.run(plan, row)
    if (until := parked(row, now())) is not None:
        outcome.stopped = "Xero's limits are used up."
        outcome.resumes_at = until
        return await _count(database, row, outcome)
    calls: list[Said] = []
    try:
        row = await connecting.read_again(row.organisation_id, now())
        async with opened(
            row.organisation_id,
            renewing(database, row.organisation_id),
            tenant_id=None if row.custom else row.tenant_id,
            credential=row.tenant_id,
            limits=limits,
            told=calls.append,
        ) as xero:
            try:
                await _write(database, row, xero, now, calls, outcome, on_progress, automatic=automatic)
            finally:
                outcome.requests = xero.requests
                await database.run(ledger.day, row, xero.day_left, now())
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


async def _write(
    database: DatabaseThread,
    row: Connection,
    xero: Xero,
    now: Now,
    calls: list[Said],
    outcome: Outcome,
    on_progress: Callable[[int, int], None] | None,
    *,
    automatic: bool,
) -> None:
    """Write what is most urgent, and look again what that is, until nothing is left that could be written now."""
    contacts = Contacts(xero, database, row.organisation_id, row.tenant_id)
    writer = Writer(xero, database, row, connecting.books(row), contacts, now)
    tried: Counter[UUID] = Counter()
    unsure: set[UUID] = set()
    ends = time.monotonic() + LONGEST_RUN
    while True:
        left = await database.run(waiting, row, now() if automatic else None)
        some = next_ones(left, tried, unsure, _AT_ONCE)
        if not some:
            return
        total = outcome.done + len(left)
        for intent in some:
            low = xero.day_left is not None and xero.day_left < KEPT_CALLS
            if automatic and low and urgency(intent, now().date()) > Urgency.TAKES_BACK:
                outcome.stopped = (
                    f"Xero takes {xero.day_left} more calls within its day. They are kept for what cannot wait; the "
                    "rest goes on when the day begins anew, or by a push."
                )
                return
            if automatic and time.monotonic() > ends:
                return
            calls.clear()
            tried[intent.pk] += 1
            unsure.discard(intent.pk)
            try:
                if not await writer.write(intent):
                    unsure.add(intent.pk)
            finally:
                await database.run(ledger.remember, row.organisation_id, intent.pk, list(calls))
            outcome.done += intent.stage == Stage.DONE
            if on_progress is not None:
                on_progress(outcome.done, total)
        await database.run(plan, row)


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
