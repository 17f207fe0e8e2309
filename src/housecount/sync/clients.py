"""Clients that share budget and breaker with every other process that uses the same credential."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from msgspec import structs

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account
from housecount.installation import environment
from housecount.platforms import registry
from housecount.platforms.base.errors import RateLimited
from housecount.platforms.base.source import TicketSource
from housecount.platforms.http.budget import Breaker, Budget, BudgetReading
from housecount.platforms.http.client import Client, Limits
from housecount.platforms.http.profile import Profile
from housecount.sync.database import DatabaseThread
from housecount.sync.limits import SharedBreaker, SharedBudget
from housecount.tenancy import crypto
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import Identity

#: Makes the client of a read.
ClientOf = Callable[[Profile, Budget, Breaker], Client]


#: For calls that nobody should wait for: what they are for is tried again later anyway.
_HASTY_LIMITS = Limits(attempts=2, connect=5.0, total=20.0, patience=5.0)
_HASTY_PATIENCE = 5.0
_COME_BACK_AFTER = 15.0


def profile_of(source: TicketSource, secret: Secret) -> Profile:
    """How to speak to the platform, at the address and with the call limit that the environment gives it."""
    base_url: str = getattr(environment.load(), f"{source.key}_api_url")
    limit: int = getattr(environment.load(), f"{source.key}_call_limit")
    profile = source.profile(base_url, secret.reveal())
    return replace(profile, rate=structs.replace(profile.rate, limit=limit))


class _HastyBudget:
    """A budget in which nobody waits long for room."""

    def __init__(self, budget: Budget, label: str) -> None:
        self._budget = budget
        self._label = label

    async def acquire(self) -> None:
        try:
            async with asyncio.timeout(_HASTY_PATIENCE):
                await self._budget.acquire()
        except TimeoutError:
            raise RateLimited(
                f"{self._label} allows no more calls for now; it is asked again in a moment.",
                _COME_BACK_AFTER,
            ) from None

    async def report(self, reading: BudgetReading) -> None:
        await self._budget.report(reading)

    async def hold(self, seconds: float) -> None:
        await self._budget.hold(seconds)


def hasty_client(profile: Profile, budget: Budget, breaker: Breaker) -> Client:
    """A client that gives up soon: for what is tried again later anyway."""
    return Client(profile, _HastyBudget(budget, profile.label), breaker, limits=_HASTY_LIMITS)


@asynccontextmanager
async def client_for(account: Account, client_of: ClientOf, *, reserve: float = 0.0) -> AsyncIterator[Client]:
    """A client that speaks for `account`, with its credential. Raises `ConfigError` for one that cannot be a key."""
    source = registry.source(account.platform)
    profile = profile_of(source, crypto.decrypt(account.credential))
    # A thread of its own: a request must not wait for a page that is being stored.
    async with DatabaseThread(Identity.system(account.organisation_id)) as limits:
        budget = SharedBudget(
            limits, profile.credential, profile.rate, source.label, user=str(account.pk), reserve=reserve
        )
        key = AccountKey(account.organisation_id, account.pk)
        breaker = SharedBreaker(limits, key, source.label)
        async with client_of(profile, budget, breaker) as client:
            yield client
