"""A promoter whose accounts are at the sandbox's platforms."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from housecount.box_office import rebuild
from housecount.box_office.catalogue import account_key
from housecount.box_office.models import Account
from housecount.core.counting import Figures
from housecount.installation import environment
from housecount.platforms import registry
from housecount.platforms.http.budget import Breaker, Budget, LocalBreaker, LocalBudget
from housecount.platforms.http.client import Client, Limits
from housecount.platforms.http.profile import Profile
from housecount.sync import accounts, services
from housecount.sync.models import ReadRun
from housecount.sync.queries import ShowCount, count_shows
from housecount.sync.reader import Now, utc_now
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import Identity, acting_as
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from tests.factories import make_organisation

#: (platform, external event id, external session id)
Key = tuple[str, str, str | None]


class Clock:
    """The time of a test: it stands still until it is moved."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self.time = start

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, **spans: float) -> None:
        self.time += timedelta(**spans)


async def _at_once(_: float) -> None:
    await asyncio.sleep(0)


def impatient_client(profile: Profile, _budget: Budget, _breaker: Breaker) -> Client:
    """A client that never waits, with a budget and a breaker of its own: each read starts in good health."""
    breaker = LocalBreaker(threshold=1_000)
    return Client(profile, LocalBudget(profile.rate), breaker, limits=Limits(attempts=3), sleep=_at_once)


class Promoter:
    """An organisation with every account of a sandbox connected."""

    def __init__(self, sandbox: Sandbox, now: Now = utc_now, organisation_id: UUID | None = None) -> None:
        self.sandbox = sandbox
        self.now = now
        self.organisation_id = organisation_id or make_organisation()
        self.identity = Identity.system(self.organisation_id)
        self.accounts: list[Account] = []
        given = sandbox.world.credentials()
        for each in given["eventbrite"]:
            self._connect("eventbrite", each["token"], [])
        for each in given["humanitix"]:
            self._connect("humanitix", each["key"], each["regions"])

    def _connect(self, platform: str, secret: str, regions: list[str]) -> None:
        connecting = accounts.connect(self.organisation_id, platform, Secret(secret), regions=regions)
        self.accounts.append(asyncio.run(connecting))

    def read(self, *, full: bool = False) -> list[ReadRun]:
        """Reads every account beside each other; the runs. What a platform refused is in its run."""
        reading = services.read_accounts(
            self.accounts, full=full, wait=60, client_of=impatient_client, now=self.now
        )
        runs = []
        for run in asyncio.run(reading):
            if isinstance(run, BaseException):
                raise run
            runs.append(run)
        return runs

    def shows(self) -> list[ShowCount]:
        with acting_as(self.identity):
            return count_shows(self.organisation_id, self.now())

    def count(self) -> dict[Key, Figures]:
        """The ledger's figures by listing, without those that never counted anything."""
        return {
            (each.platform, each.listing.event_id, each.listing.session_id or None): each.figures
            for show in self.shows()
            for each in show.listings
            if each.figures != Figures()
        }

    def truth(self) -> dict[Key, Figures]:
        """What the sandbox says a perfect reader counts."""
        figures = {
            (each.platform, each.external_event_id, each.external_session_id): Figures(**asdict(each.figures))
            for each in self.sandbox.world.truth()
        }
        return {key: value for key, value in figures.items() if value != Figures()}

    def differences(self) -> list[Any]:
        """What `rebuild --check` finds."""
        with acting_as(self.identity):
            return [
                difference
                for account in self.accounts
                for difference in rebuild.compare(account_key(account), registry.source(account.platform))
            ]


def new_seed() -> int:
    """A seed of a world whose keys no other test uses: what is left of a key's calls is kept in the database."""
    return uuid4().int % 10**9


@contextmanager
def served(world: World) -> Iterator[Sandbox]:
    """Serves a world on loopback, at the addresses that the environment gives the platforms."""
    with Sandbox(world) as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENTBRITE_API_URL", sandbox.eventbrite_url)
        patch.setenv("HUMANITIX_API_URL", sandbox.humanitix_url)
        environment.load.cache_clear()
        try:
            yield sandbox
        finally:
            patch.undo()
            environment.load.cache_clear()
