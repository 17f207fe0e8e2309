"""Reading accounts: one, or several beside each other."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.platforms import registry
from housecount.platforms.http.budget import Breaker, Budget
from housecount.platforms.http.client import Client
from housecount.platforms.http.profile import Profile
from housecount.sync import store
from housecount.sync.accounts import profile_of
from housecount.sync.database import DatabaseThread
from housecount.sync.errors import Disconnected, UnknownAccount
from housecount.sync.limits import SharedBreaker, SharedBudget
from housecount.sync.lock import account_lock
from housecount.sync.models import ReadRun
from housecount.sync.reader import Now, Progress, Reader, Silent, utc_now
from housecount.tenancy import crypto
from housecount.tenancy.identity import Identity

#: Makes the client of a read.
ClientOf = Callable[[Profile, Budget, Breaker], Client]
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
) -> ReadRun:
    """Reads an account now and returns the run. An account that was never read is read whole.

    Raises `AlreadyBeingRead` when another process still reads it after `wait` seconds, `UnknownAccount`,
    `Disconnected`; what the platform refuses is in the run.
    """
    identity = Identity.system(organisation_id)
    # Two threads: a request must not wait for a page that is being stored.
    async with (
        account_lock(account_id, wait) as lock,
        DatabaseThread(identity) as database,
        DatabaseThread(identity) as limits,
    ):
        account = await database.run(store.load_account, account_id)
        if account is None:
            raise UnknownAccount("There is no such account.")
        if account.state == AccountState.DISCONNECTED:
            raise Disconnected(f"“{account.name}” was disconnected. Connect it again to read it.")
        source = registry.source(account.platform)
        profile = profile_of(source, crypto.decrypt(account.credential))
        budget = SharedBudget(limits, profile.credential, profile.rate, source.label)
        breaker = SharedBreaker(limits, AccountKey(organisation_id, account_id), source.label)
        async with client_of(profile, budget, breaker) as client:
            reader = Reader(account, source, client, database, lock, progress or Silent(), now)
            return await reader.run(full=full or not await database.run(store.ever_swept, reader.key))


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
