"""A promoter whose accounts are at the sandbox's platforms."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from housecount.core.counting import Figures
from housecount.installation import environment
from housecount.tenancy.identity import Identity, acting_as
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from tests.factories import make_organisation

Key = tuple[str, str, str | None]


class Promoter:
    """An organisation with every account of a sandbox connected."""

    def __init__(self, sandbox: Sandbox) -> None:
        from housecount.sync import accounts
        from housecount.tenancy.crypto import Secret

        self.sandbox = sandbox
        self.organisation_id = make_organisation()
        self.identity = Identity.system(self.organisation_id)
        self.accounts = []
        credentials = sandbox.world.credentials()
        for given in credentials["eventbrite"]:
            self.accounts.append(
                asyncio.run(accounts.connect(self.organisation_id, "eventbrite", Secret(given["token"])))
            )
        for given in credentials["humanitix"]:
            self.accounts.append(
                asyncio.run(
                    accounts.connect(
                        self.organisation_id, "humanitix", Secret(given["key"]), regions=given["regions"]
                    )
                )
            )

    def read(self, *, full: bool = False) -> list[Any]:
        """Reads every account; the runs."""
        from housecount.sync import services

        runs = asyncio.run(services.read_accounts(self.accounts, full=full, wait=60))
        for run in runs:
            if isinstance(run, BaseException):
                raise run
        return runs

    def count(self) -> dict[Key, Figures]:
        """The ledger's figures by listing, without those that never counted anything."""
        from housecount.sync.queries import count_shows

        with acting_as(self.identity):
            shows = count_shows(self.organisation_id, datetime.now(UTC))
        return {
            (each.platform, each.listing.event_id, each.listing.session_id or None): each.figures
            for show in shows
            for each in show.listings
            if each.figures != Figures()
        }

    def truth(self) -> dict[Key, Figures]:
        """What the sandbox says a perfect reader counts."""
        from dataclasses import asdict

        figures = {
            (each.platform, each.external_event_id, each.external_session_id): Figures(**asdict(each.figures))
            for each in self.sandbox.world.truth()
        }
        return {key: value for key, value in figures.items() if value != Figures()}

    def differences(self) -> list[Any]:
        """What `rebuild --check` finds."""
        from housecount.box_office import rebuild
        from housecount.box_office.catalogue import account_key
        from housecount.platforms import registry

        with acting_as(self.identity):
            return [
                difference
                for account in self.accounts
                for difference in rebuild.compare(account_key(account), registry.source(account.platform))
            ]


MakePromoter = Callable[[World], Promoter]


@pytest.fixture
def promoter_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePromoter]:
    """A function that serves a world and connects a new promoter to it."""
    running: list[Sandbox] = []

    def serve(world: World) -> Promoter:
        sandbox = Sandbox(world)
        sandbox.__enter__()
        running.append(sandbox)
        monkeypatch.setenv("EVENTBRITE_API_URL", sandbox.eventbrite_url)
        monkeypatch.setenv("HUMANITIX_API_URL", sandbox.humanitix_url)
        environment.load.cache_clear()
        return Promoter(sandbox)

    yield serve
    for sandbox in running:
        sandbox.__exit__(None, None, None)
    monkeypatch.undo()
    environment.load.cache_clear()
