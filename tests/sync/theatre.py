"""A promoter with a few shows on sale, read over real HTTP: the stage of the engine's tests."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from housecount.box_office.models import Account, SalesEntry, SetAside
from housecount.core.counting import Figures
from housecount.sync import services, watching
from housecount.sync.models import Agenda, Bookmark, Gap, ReadRun, Tally
from housecount.sync.progress import Stop
from housecount.sync.queries import ListingCount
from housecount.tenancy.identity import acting_as
from housecount_sandbox.eventbrite.model import Event as EventbriteEvent
from housecount_sandbox.humanitix.model import Event as HumanitixEvent
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from tests.promoters import Clock, Promoter, impatient_client, new_seed, served

#: The accounts of a `Promoter`, by their place in it.
MELBOURNE, SYDNEY, HUMANITIX = 0, 1, 2
TICKETS = [("General Admission", 3000), ("Guest", 0)]


@dataclass
class Theatre:
    """What is on, where it is served, and who reads it."""

    clock: Clock
    world: World
    sandbox: Sandbox
    promoter: Promoter
    friday: EventbriteEvent
    late: EventbriteEvent
    sydney: EventbriteEvent
    cellar: HumanitixEvent
    attic: HumanitixEvent

    @property
    def events(self) -> list[EventbriteEvent | HumanitixEvent]:
        return [self.friday, self.late, self.sydney, self.cellar, self.attic]

    def sell(self, each: int = 1) -> None:
        """One order more of every event."""
        for event in self.events:
            self.world.buy(event, each)

    def read(self, *, full: bool = False, minutes: float = 25) -> list[ReadRun]:
        """A read some minutes later; every account's run."""
        self.clock.pass_by(minutes=minutes)
        return self.promoter.read(full=full)

    def read_due(self, number: int, *, sweep: bool = False, stop: Stop | None = None) -> ReadRun | None:
        """Does for one account what a job of the worker does now; its run, None when nothing was due."""
        account = self.promoter.accounts[number]
        reading = services.read_due(
            account.organisation_id,
            account.pk,
            sweep=sweep,
            client_of=impatient_client,
            now=self.clock,
            stop=stop,
        )
        return asyncio.run(reading)

    def agenda(self, number: int) -> dict[str, Agenda]:
        """An account's agenda, by event id ("" for itself)."""
        with acting_as(self.promoter.identity):
            rows = Agenda.objects.filter(account_id=self.promoter.accounts[number].pk)
            return {row.event_id: row for row in rows}

    def until_due(self, number: int, event_id: str = "") -> None:
        """Lets the time pass until a row of the agenda is due."""
        self.clock.time = max(self.clock.time, self.agenda(number)[event_id].next_at)

    def asked(self, platform: str) -> int:
        """How many requests a platform has answered."""
        return sum(self.sandbox.requests(platform).values())

    def gaps(self) -> list[Gap]:
        """What sweeps found that reads had missed, the oldest first."""
        with acting_as(self.promoter.identity):
            return list(watching.gaps_of(self.promoter.organisation_id))[::-1]

    def tallies(self, number: int) -> dict[str, int]:
        """An account's counters."""
        with acting_as(self.promoter.identity):
            rows = Tally.objects.filter(account_id=self.promoter.accounts[number].pk)
            return dict(rows.values_list("name", "value"))

    def healed(self) -> bool:
        """After one more sweep nothing is wrong and the count is true."""
        self.sandbox.faults.clear()
        runs = self.read(full=True)
        assert [run.error for run in runs] == ["" for _ in runs]
        assert self.promoter.count() == self.promoter.truth()
        assert self.promoter.differences() == []
        return not any(listing.freshness.stale for listing in self.listings().values())

    def listings(self) -> dict[str, ListingCount]:
        """Every listing with its count, by event id."""
        return {each.listing.event_id: each for show in self.promoter.shows() for each in show.listings}

    def figures(self) -> dict[str, Figures]:
        return {event_id: count.figures for event_id, count in self.listings().items()}

    def ages(self) -> dict[str, datetime | None]:
        return {event_id: count.freshness.as_of for event_id, count in self.listings().items()}

    def reason(self, event: EventbriteEvent | HumanitixEvent) -> str | None:
        """Why an event's figures are stale."""
        return self.listings()[event.id].freshness.stale_reason

    def account(self, number: int) -> Account:
        """The account as it stands now."""
        with acting_as(self.promoter.identity):
            return Account.objects.get(pk=self.promoter.accounts[number].pk)

    def entries(self) -> list[SalesEntry]:
        """The ledger's lines of all accounts, the oldest first."""
        mine = [account.pk for account in self.promoter.accounts]
        with acting_as(self.promoter.identity):
            return list(SalesEntry.objects.filter(account_id__in=mine).order_by("sequence"))

    def set_aside(self) -> dict[str, str]:
        """The reasons for which records were set aside, by the records' ids; notices are left out."""
        with acting_as(self.promoter.identity):
            rows = SetAside.objects.filter(account_id__in=[each.pk for each in self.promoter.accounts])
            return dict(rows.filter(notice=False).values_list("external_id", "reason"))

    def bookmarks(self, number: int) -> dict[str, datetime]:
        with acting_as(self.promoter.identity):
            rows = Bookmark.objects.filter(account_id=self.promoter.accounts[number].pk)
            return dict(rows.values_list("key", "covered_until"))


@contextmanager
def theatre(*, seed: int | None = None) -> Iterator[Theatre]:
    """Three Eventbrite events at two accounts and two of Humanitix, each with one order, not read yet."""
    clock = Clock()
    world = World.blank(seed=new_seed() if seed is None else seed, now=clock)
    start = clock() + timedelta(days=20)

    def on(days: int) -> datetime:
        return start + timedelta(days=days)

    friday = world.add_eventbrite_event("Friday Night Laughs", start, tickets=TICKETS)
    late = world.add_eventbrite_event("Late Show", on(3), tickets=TICKETS, include_fee=True)
    sydney = world.add_eventbrite_event("Harbour Gala", on(6), tickets=TICKETS, account=1)
    cellar = world.add_humanitix_event("Comedy Cellar", on(9), tickets=TICKETS)
    attic = world.add_humanitix_event("Attic Improv", on(12), tickets=TICKETS)
    with served(world) as sandbox:
        stage = Theatre(clock, world, sandbox, Promoter(sandbox, clock), friday, late, sydney, cellar, attic)
        stage.sell(2)
        yield stage
