"""Reading accounts: one, or several beside each other; now, or what of them is due."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.installation import environment
from housecount.platforms import registry
from housecount.platforms.http.client import Client
from housecount.sync import agenda, store, tally
from housecount.sync.agenda import Due
from housecount.sync.clients import ClientOf, profile_of
from housecount.sync.database import DatabaseThread
from housecount.sync.errors import Disconnected, UnknownAccount
from housecount.sync.limits import SWEEP_RESERVE, SharedBreaker, SharedBudget
from housecount.sync.lock import AccountLock, account_lock
from housecount.sync.models import ReadRun
from housecount.sync.planning import Pace
from housecount.sync.progress import Now, Progress, Silent, Stop, Stopped, utc_now
from housecount.sync.reader import Reader
from housecount.tenancy import crypto
from housecount.tenancy.identity import Identity

#: How long a command waits for another process that is reading the same account.
PATIENCE = 900.0


async def read_account(
    organisation_id: UUID,
    account_id: UUID,
    *,
    full: bool = False,
    wait: float = 0.0,
    progress: Progress | None = None,
    client_of: ClientOf = Client,
    now: Now = utc_now,
    stop: Stop | None = None,
) -> ReadRun:
    """Reads an account now, all of it that may have changed, and returns the run. An account that was never read is
    read whole.

    Raises `AlreadyBeingRead` when another process still reads it after `wait` seconds, `UnknownAccount`,
    `Disconnected`; what the platform refuses is in the run.
    """
    key = AccountKey(organisation_id, account_id)
    async with (
        account_lock(account_id, wait) as lock,
        DatabaseThread(Identity.system(organisation_id)) as database,
    ):
        account = await _load(key, database)
        full = full or not await database.run(store.ever_swept, key)
        return await _read(
            account,
            lock,
            database,
            full=full,
            due=None,
            progress=progress,
            client_of=client_of,
            now=now,
            stop=stop,
        )


async def read_due(
    organisation_id: UUID,
    account_id: UUID,
    *,
    sweep: bool,
    client_of: ClientOf = Client,
    now: Now = utc_now,
    stop: Stop | None = None,
) -> ReadRun | None:
    """Reads what of an account is due, or sweeps it if that is due; None when nothing is (any more).

    An account that waits for a person is taken off the agenda. Raises as `read_account`.
    """
    key = AccountKey(organisation_id, account_id)
    async with (
        account_lock(account_id, 0.0) as lock,
        DatabaseThread(Identity.system(organisation_id)) as database,
    ):
        account = await _load(key, database)
        if account.state != AccountState.ACTIVE:
            await database.run(agenda.end, key)
            return None
        due = await database.run(_due, key, now, sweep)
        if due is None:
            return None
        return await _read(
            account,
            lock,
            database,
            full=sweep,
            due=due,
            progress=None,
            client_of=client_of,
            now=now,
            stop=stop,
        )


async def read_accounts(
    accounts: Sequence[Account],
    *,
    full: bool,
    wait: float,
    progress: Progress | None = None,
    client_of: ClientOf = Client,
    now: Now = utc_now,
) -> list[ReadRun | BaseException]:
    """Reads several accounts beside each other; what went wrong outside a platform stands in its account's place."""
    return await asyncio.gather(
        *(
            read_account(
                account.organisation_id,
                account.id,
                full=full,
                wait=wait,
                progress=progress,
                client_of=client_of,
                now=now,
            )
            for account in accounts
        ),
        return_exceptions=True,
    )


def _due(key: AccountKey, now: Now, sweep: bool) -> Due | None:
    """What a job of that kind has to do. Without a sweep there is nothing that a read could build on."""
    at = now()
    found = agenda.due(key, at)
    if sweep:
        return found if found.sweep else None
    if not (found.account or found.events):
        return None
    if not store.ever_swept(key):
        agenda.await_first_sweep(key, at)
        return None
    return found


async def _load(key: AccountKey, database: DatabaseThread) -> Account:
    account = await database.run(store.load_account, key.account_id)
    if account is None:
        raise UnknownAccount("There is no such account.")
    if account.state == AccountState.DISCONNECTED:
        await database.run(agenda.end, key)
        raise Disconnected(f"“{account.name}” was disconnected. Connect it again to read it.")
    return account


async def _read(
    account: Account,
    lock: AccountLock,
    database: DatabaseThread,
    *,
    full: bool,
    due: Due | None,
    progress: Progress | None,
    client_of: ClientOf,
    now: Now,
    stop: Stop | None,
) -> ReadRun:
    """One read, counted."""
    key = AccountKey(account.organisation_id, account.pk)
    source = registry.source(account.platform)
    profile = profile_of(source, crypto.decrypt(account.credential))
    rate = profile.rate
    pace = Pace(
        quick=timedelta(seconds=environment.load().read_every),
        refunds=timedelta(days=environment.load().refund_days),
        calls_per_second=rate.allowed / rate.seconds,
    )
    # A thread of its own: a request must not wait for a page that is being stored.
    async with DatabaseThread(database.identity) as limits:
        reserve = SWEEP_RESERVE if full else 0.0
        budget = SharedBudget(
            limits, profile.credential, rate, source.label, user=str(account.pk), reserve=reserve
        )
        breaker = SharedBreaker(limits, key, source.label)
        async with client_of(profile, budget, breaker) as client:
            reader = Reader(
                account, source, client, database, lock, pace, progress or Silent(), now, stop or Stop()
            )
            run = await reader.run(full=full, due=due)
    with suppress(DatabaseError):  # that it could not be counted is no reason to lose the run
        await database.run(
            tally.count,
            key,
            reads_complete=int(run.complete),
            reads_failed=int(not run.complete and run.error_code != Stopped.code),
            sweeps=int(run.complete and full),
            requests=run.requests,
            rate_limited=budget.limited,
            orders_changed=run.orders_changed,
            tickets_changed=run.tickets_changed,
        )
    return run
