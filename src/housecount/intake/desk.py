"""The desk: takes hooks from the log, reads what they point at, and notes what became of them.

It runs beside the background jobs in every worker. It is woken by the edge and looks by itself every second, so
that nothing depends on being woken. A hook stays in the log as waiting until it is settled; one account's hooks are
handled by one process at a time, and when that dies another takes over at the next look.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Self

import psycopg
from django.db import DatabaseError

from housecount.box_office.models import Account, AccountState
from housecount.core.errors import HousecountError
from housecount.intake import decisions, queries, routing, services
from housecount.intake.decisions import Decision, Waiting
from housecount.intake.locks import Locks, connect
from housecount.intake.models import Status
from housecount.intake.pace import Pace
from housecount.intake.queries import Due
from housecount.platforms import registry
from housecount.platforms.base.errors import Transient
from housecount.platforms.base.hooks import Touch
from housecount.platforms.http.budget import Breaker, Budget
from housecount.platforms.http.client import Client
from housecount.platforms.http.profile import Profile
from housecount.sync import doors, versions
from housecount.sync.clients import ClientOf, hasty_client
from housecount.sync.database import DatabaseThread
from housecount.sync.models import HookDoor
from housecount.sync.reader import Now, ReadBroke, utc_now
from housecount.sync.store import load_account
from housecount.sync.touches import TouchOutcome, read_touches
from housecount.tenancy.identity import Identity

logger = logging.getLogger(__name__)

CHANNEL = "housecount_hooks"
#: Accounts whose hooks are handled at the same time.
BESIDE = 8
#: How often the desk looks without being woken.
LOOK_EVERY = 1.0
#: After being woken it waits so long for more to come: in a storm it is woken without end.
BREATH = 0.02
#: How long one account's hooks may take in one go.
LONGEST = 60.0
#: What the desk gets to end what it is doing.
GRACE = 5.0
#: An account is asked at most so often which webhooks it has.
LEARN_EVERY = timedelta(minutes=10)
#: While none is known, somebody may be entering the address by hand at this moment.
LEARN_FIRST = timedelta(seconds=15)


async def run(stop: asyncio.Event | None = None, *, listen: bool = True) -> None:
    """Handles hooks until `stop` is set or it is cancelled; then ends what is under way, or leaves it waiting.
    `listen` False: looks every second only, for databases behind a transaction-pooling proxy. Raises nothing."""
    async with Desk() as desk:
        await desk.run(stop or asyncio.Event(), listen=listen)


async def handle_waiting(now: Now, *, client_of: ClientOf = hasty_client) -> int:
    """Handles every hook that is due at `now()`, once; how many were settled or put off."""
    async with Desk(client_of=client_of, now=now) as desk:
        return await desk.handle_waiting()


class _Here(NamedTuple):
    """What is known of the account whose hooks are handled."""

    account: Account | None
    door: HookDoor | None
    hooks: list[Waiting]


class Desk:
    """One process's desk. Without `now` it goes by the database's clock, which all processes share."""

    def __init__(self, *, client_of: ClientOf = hasty_client, now: Now | None = None) -> None:
        self._client_of = client_of
        self._given_now = now
        self._skew = timedelta()
        self._database = DatabaseThread(Identity.system())
        self._locks = Locks()
        self._paces: dict[Due, Pace] = {}
        self._slots = asyncio.Semaphore(BESIDE)
        self._busy: dict[Due, asyncio.Task[int]] = {}
        self._wake = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._busy.values():
            task.cancel()
        await asyncio.gather(*self._busy.values(), return_exceptions=True)
        await self._locks.close()
        await self._database.__aexit__()

    def now(self) -> datetime:
        """The time that hooks are handled by."""
        return self._given_now() if self._given_now else utc_now() + self._skew

    # --- The loop --------------------------------------------------------------------------------------------
    async def run(self, stop: asyncio.Event, *, listen: bool) -> None:
        """See the function of this name."""
        helpers = [asyncio.create_task(self._wake_when(stop))]
        if listen:
            helpers.append(asyncio.create_task(self._listen()))
        try:
            while not stop.is_set():
                self._wake.clear()
                try:
                    pause = await self._begin_due()
                except Exception as error:  # noqa: BLE001 - the database is away; the hooks are safe in it
                    logger.warning("the desk could not look for hooks: %s", type(error).__name__)
                    pause = LOOK_EVERY
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)
                await asyncio.sleep(BREATH)
            if self._busy:
                await asyncio.wait(self._busy.values(), timeout=GRACE)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def handle_waiting(self) -> int:
        """Handles every hook that is due now, once; how many were settled or put off."""
        await self._begin_due()
        return sum(await asyncio.gather(*self._busy.values()))

    async def _begin_due(self) -> float:
        """Begins to handle what is due; how many seconds until something else may be."""
        now, found, later = await self._database.run(self._look)
        for due in found:
            if due in self._busy:
                continue  # it looks again itself, at its end
            pace = self._paces.get(due)
            if pace and pace.resting(now):
                later = min(later or pace.not_before or now, pace.not_before or now)
                continue
            task = asyncio.create_task(self._handle(due))
            self._busy[due] = task
            task.add_done_callback(partial(self._ended, due))
        if later is None:
            return LOOK_EVERY
        return min(LOOK_EVERY, max(0.01, (later - self.now()).total_seconds()))

    def _ended(self, due: Due, _: asyncio.Task[int]) -> None:
        self._busy.pop(due, None)
        self._wake.set()

    def _look(self) -> tuple[datetime, list[Due], datetime | None]:
        if self._given_now is None:
            self._skew = queries.database_time() - utc_now()
        now = self.now()
        return now, queries.due(now), queries.next_due(now)

    async def _wake_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _listen(self) -> None:
        """Is woken by the edge. Where that does not work, looking every second does."""
        while True:
            try:
                async with await connect(autocommit=True) as listening:
                    await listening.execute(f"LISTEN {CHANNEL}")
                    self._wake.set()
                    async for _ in listening.notifies():
                        self._wake.set()
            except (psycopg.Error, OSError) as error:
                logger.info("the desk is not woken by the edge for now: %s", type(error).__name__)
            await asyncio.sleep(LOOK_EVERY)

    # --- One account -----------------------------------------------------------------------------------------
    async def _handle(self, due: Due) -> int:
        """Handles the hooks of one account; how many. Raises nothing: what could not be handled stays waiting."""
        try:
            async with self._slots, self._locks.hold(_lock_name(due)) as mine:
                if mine:
                    async with asyncio.timeout(2 * LONGEST):
                        if due.account_id is None:
                            return await self._route(due)
                        return await self._handle_account(due)
        except Exception:
            # One account must not stop the others; its hooks stay where they are.
            logger.exception("hooks of account %s could not be handled", due.account_id)
        # Another process is at it, or nothing works just now: it is not looked at again at once.
        await asyncio.sleep(0 if self._given_now else LOOK_EVERY / 2)
        return 0

    async def _route(self, due: Due) -> int:
        hooks = await self._database.run(queries.waiting, due, self.now())
        return await routing.route(self._database, due, hooks, self.now())

    async def _handle_account(self, due: Due) -> int:
        async with DatabaseThread(Identity.system(due.organisation_id)) as database:
            here = await database.run(self._load, due)
            made, readable = await self._sort_out(due, database, here)
            if readable:
                late, readable = await self._put_off(due, database, readable)
                made |= late
            if made:
                # Kept before anything is read: nothing of it depends on that.
                await database.run(services.settle, due, made)
            if readable:
                made |= await self._read(due, database, readable)
            return len(made)

    def _load(self, due: Due) -> _Here:
        organisation_id, account_id = due.key
        door = HookDoor.objects.filter(organisation_id=organisation_id, account_id=account_id).first()
        return _Here(load_account(account_id), door, queries.waiting(due, self.now()))

    async def _sort_out(
        self, due: Due, database: DatabaseThread, here: _Here
    ) -> tuple[dict[int, Decision], list[Waiting]]:
        """What is clear without reading, and the hooks that are to be read."""
        made: dict[int, Decision] = {}
        left: list[Waiting] = []
        for hook in here.hooks:
            decision = decisions.at_once(hook) or _of_account(here.account, self.now())
            if decision is None:
                left.append(hook)
            else:
                made[hook.id] = decision
        if registry.source(due.platform).webhooks is None or here.door is None:
            return made, left
        ids = set(here.door.webhook_ids)
        strange = [
            hook for hook in left if hook.webhook_id and hook.webhook_id not in ids and not hook.relayed
        ]
        if not strange:
            return made, left
        asked_at = here.door.checked_at
        now = self.now()
        again_at = asked_at + (LEARN_EVERY if ids else LEARN_FIRST) if asked_at is not None else now
        if asked_at is not None and asked_at <= now < again_at:
            if here.door.trouble:
                return made, left  # as below
            told = decisions.wait(
                again_at,
                "unknown_webhook",
                "It names a webhook that is not known as this account's. The platform is asked for its list soon.",
            )
        else:
            learned = await doors.learn(due.key, client_of=self._client_of, now=self.now)
            ids = await database.run(_known_ids, due)
            if learned.trouble:
                # It came to the secret address, after all; and all that is taken from it are ids.
                return made, left
            told = decisions.ended(
                Status.IGNORED,
                "foreign_webhook",
                "It names a webhook that the platform does not have for this account's address.",
            )
        for hook in strange:
            if hook.webhook_id not in ids:
                made[hook.id] = told
        return made, [hook for hook in left if hook.id not in made]

    async def _put_off(
        self, due: Due, database: DatabaseThread, hooks: Sequence[Waiting]
    ) -> tuple[dict[int, Decision], list[Waiting]]:
        """Hooks of objects that were read just now are read together a little later."""
        apart = registry.source(due.platform).caps.tickets_apart
        touches = list({touch: None for hook in hooks for touch in hook.touches})
        objects = await database.run(versions.objects_of, due.key, touches, tickets_apart=apart)
        pace = self._paces.setdefault(due, Pace())
        now = self.now()
        soon = pace.too_soon(objects, now)
        made: dict[int, Decision] = {}
        left: list[Waiting] = []
        for hook in hooks:
            when = [soon[touch] for touch in hook.touches if touch in soon]
            if when:
                made[hook.id] = decisions.wait(
                    max(when), "collected", "Read together with others of the same object."
                )
            else:
                left.append(hook)
        pace.begin([objects[touch] for hook in left for touch in hook.touches], now)
        return made, left

    async def _read(
        self, due: Due, database: DatabaseThread, hooks: Sequence[Waiting]
    ) -> dict[int, Decision]:
        """Reads what `hooks` point at and settles them."""
        outcomes: Mapping[Touch, TouchOutcome]
        touches = list({touch: None for hook in hooks for touch in hook.touches})
        used: list[Client] = []

        def client_of(profile: Profile, budget: Budget, breaker: Breaker) -> Client:
            used.append(self._client_of(profile, budget, breaker))
            return used[-1]

        try:
            async with asyncio.timeout(LONGEST):
                outcomes = await read_touches(
                    *due.key,
                    touches,
                    client_of=client_of,
                    now=self._given_now or utc_now,
                    told_at=min(hook.received_at for hook in hooks),
                )
        except TimeoutError:
            error: HousecountError = Transient("The platform took too long. It will be asked again.")
            outcomes = {touch: TouchOutcome(result="failed", error=error) for touch in touches}
        except HousecountError as caught:
            outcomes = {touch: TouchOutcome(result="failed", error=caught) for touch in touches}
        except (DatabaseError, psycopg.Error):
            raise  # nothing can be kept now; the hooks wait
        except Exception:
            logger.exception("what hooks of account %s point at could not be read", due.account_id)
            outcomes = {touch: TouchOutcome(result="failed", error=_mistake()) for touch in touches}
        now = self.now()
        self._paces[due].end(used[0] if used else None, now)
        made = {
            hook.id: decisions.decide(hook, [outcomes[touch] for touch in hook.touches], now)
            for hook in hooks
        }
        await database.run(services.settle, due, made)
        return made


def _mistake() -> ReadBroke:
    return ReadBroke("Housecount made a mistake while it read this. The log says more: please report it.")


def _known_ids(due: Due) -> set[str]:
    organisation_id, account_id = due.key
    door = HookDoor.objects.filter(organisation_id=organisation_id, account_id=account_id).first()
    return set(door.webhook_ids) if door else set()


def _lock_name(due: Due) -> str:
    return str(due.account_id) if due.account_id else f"relayed {due.platform}"


def _of_account(account: Account | None, now: datetime) -> Decision | None:
    """What the state of the account makes of its hooks; None when they are to be read."""
    if account is None or account.state == AccountState.DISCONNECTED:
        return decisions.ended(Status.IGNORED, "disconnected", "The account was disconnected.")
    if account.state == AccountState.STOPPED:
        reason = (
            f"The account is stopped: {account.state_reason} It is read when somebody has reconnected it."
        )
        return decisions.wait(now + decisions.STOPPED_PAUSE, "account_stopped", reason)
    return None
