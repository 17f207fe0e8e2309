"""The sources against the sandbox over real HTTP: what they read must count what the sandbox says happened.

The sandbox was written from the platforms' documentation alone and shares no code with the sources.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from housecount.core.counting import Figures, count_order, count_ticket
from housecount.platforms.base.errors import ConfigError, Gone, Transient
from housecount.platforms.base.records import Event, Listing, Order, Page, Ticket, TicketType
from housecount.platforms.base.source import KnownEvent, Scope, TicketSource
from housecount.platforms.http.client import Limits
from housecount.platforms.registry import source
from housecount_sandbox.clock import HandClock
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from tests.platforms.stand_in import client_for, run

TODAY = datetime(2026, 11, 22, 9, tzinfo=UTC)
Key = tuple[str, str]


@dataclass
class Ledger:
    """The least that keeps what was read: the newest version of everything, and each ticket's peak."""

    events: dict[str, Event] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    rejected: int = 0

    def types_of(self, event_id: str) -> Mapping[str, TicketType]:
        event = self.events.get(event_id)
        return {made.external_id: made for made in event.ticket_types} if event else {}

    def keep(self, page: Page) -> None:
        self.rejected += len(page.rejected)
        for event in page.events:
            self.events[event.external_id] = event
        for order in page.orders:
            self.orders[order.external_id] = order
            for ticket in order.tickets or ():
                self._ticket(ticket)
        for ticket in page.tickets:
            self._ticket(ticket)

    def _ticket(self, ticket: Ticket) -> None:
        self.tickets[ticket.external_id] = ticket
        peak = max(self.peaks.get(ticket.external_id, 0), ticket.facts.peak_gross)
        self.peaks[ticket.external_id] = peak

    def figures(self) -> dict[Key, Figures]:
        """By (event, session), every listing that is known."""
        counted = {(each.event_id, each.session_id): Figures() for each in self.listings()}
        by_order: dict[str, list[Ticket]] = {}
        for ticket in self.tickets.values():
            by_order.setdefault(ticket.order_id, []).append(ticket)
        for order in self.orders.values():
            facts = [
                ticket.facts._replace(peak_gross=self.peaks[ticket.external_id])
                for ticket in by_order.get(order.external_id, [])
            ]
            key = (order.event_id, order.session_id)
            counted[key] = counted[key].plus(count_order(order.facts, facts))
            for fact in facts:
                counted[key] = counted[key].plus(count_ticket(fact, order.facts))
        return counted

    def raw(self) -> dict[str, bytes]:
        """The raw record of everything that is known."""
        known: list[Event | Order | Ticket] = [
            *self.events.values(),
            *self.orders.values(),
            *self.tickets.values(),
        ]
        return {f"{type(one).__name__} {one.external_id}": one.raw for one in known}

    def listings(self) -> list[Listing]:
        return [listing for event in self.events.values() for listing in event.listings]


@dataclass
class Reader:
    """One account, read as the engine reads it, without storing anything."""

    platform: TicketSource
    url: str
    secret: str
    regions: tuple[str, ...] = ()
    ledger: Ledger = field(default_factory=Ledger)
    marks: dict[str, datetime] = field(default_factory=dict)
    requests: int = 0

    def read(self, now: datetime, *, full: bool = False) -> None:
        run(self._read(now, full=full))

    async def _read(self, now: datetime, *, full: bool) -> None:
        profile = self.platform.profile(self.url, self.secret)
        async with client_for(profile, limits=Limits(patience=4000)) as client:
            scope = (await self.platform.check(client, self.regions)).scope
            async for page in self.platform.catalogue(client, scope, self.ledger.types_of):
                self.ledger.keep(page)
            for part in self._slices(scope, now, full=full):
                try:
                    async for page in self.platform.walk(client, part, self.ledger.types_of):
                        self.ledger.keep(page)
                except Gone:
                    continue
                self.marks[part.key] = now
            self.requests = client.requests

    def _slices(self, scope: Scope, now: datetime, *, full: bool) -> Any:
        known = [
            KnownEvent(
                event_id=event.external_id,
                region=event.region,
                starts_at=min(listing.starts_at for listing in event.listings),
                ends_at=max(listing.ends_at or listing.starts_at for listing in event.listings),
                new=not self.marks or (event.external_id not in " ".join(self.marks) and not full),
            )
            for event in self.ledger.events.values()
        ]
        return self.platform.slices(scope, known, self.marks.get, now, full=full)


def truth_of(world: World, platform: str, account: str, **how: Any) -> dict[Key, Figures]:
    return {
        (listing.external_event_id, listing.external_session_id or ""): Figures(
            **{name: getattr(listing.figures, name) for name in Figures._fields}
        )
        for listing in world.truth(**how)
        if (listing.platform, listing.account) == (platform, account)
    }


@contextmanager
def readers(world: World) -> Iterator[tuple[Sandbox, list[tuple[str, str, Reader]]]]:
    with Sandbox(world) as sandbox:
        credentials = world.credentials()
        made = [
            ("eventbrite", each["name"], Reader(source("eventbrite"), sandbox.eventbrite_url, each["token"]))
            for each in credentials["eventbrite"]
        ]
        made += [
            (
                "humanitix",
                each["name"],
                Reader(source("humanitix"), sandbox.humanitix_url, each["key"], tuple(each["regions"])),
            )
            for each in credentials["humanitix"]
        ]
        yield sandbox, made


def differences(ours: dict[Key, Figures], theirs: dict[Key, Figures]) -> dict[Key, Any]:
    return {
        key: {
            name: (getattr(ours.get(key), name, None), getattr(theirs.get(key), name, None))
            for name in Figures._fields
            if getattr(ours.get(key), name, None) != getattr(theirs.get(key), name, None)
        }
        for key in ours.keys() | theirs.keys()
        if ours.get(key) != theirs.get(key)
    }


def test_a_first_read_of_every_special_case_counts_what_happened() -> None:
    world = World.small(seed=3, today=TODAY)
    with readers(world) as (_, accounts):
        for platform, account, reader in accounts:
            reader.read(TODAY)
            assert reader.ledger.rejected == 0
            assert differences(reader.ledger.figures(), truth_of(world, platform, account)) == {}


def unlimited(world: World) -> World:
    """The clock of the clients here is a test's, so the world's own limits would strike at the wrong moments."""
    world.limits.eventbrite_per_hour = world.limits.humanitix_per_minute = 0
    return world


def small(seed: int = 3) -> tuple[World, HandClock]:
    clock = HandClock(TODAY)
    return unlimited(World.small(seed=seed, today=TODAY, now=clock)), clock


@pytest.mark.parametrize("seed", [1, 2])
def test_reads_while_the_world_moves_count_what_happened_each_time(seed: int) -> None:
    world, clock = small(seed)
    with readers(world) as (_, accounts):
        reads: dict[str, list[int]] = {account + platform: [] for platform, account, _ in accounts}
        for turn in range(6):
            for platform, account, reader in accounts:
                reader.read(clock())
                seen = reads[account + platform]
                truth = truth_of(world, platform, account, reads=[*seen])
                assert differences(reader.ledger.figures(), truth) == {}, turn
                seen.append(world.revision)
                assert reader.ledger.rejected == 0
            clock.advance(minutes=7)
            world.advance(25)
            clock.advance(minutes=3)


def test_an_idle_read_costs_a_handful_of_questions_and_finds_nothing() -> None:
    world, clock = small()
    with readers(world) as (_, accounts):
        for _platform, _account, reader in accounts:
            reader.read(clock())
        clock.advance(days=1)
        for platform, _account, reader in accounts:
            before = reader.ledger.figures()
            reader.read(clock())
            # Check and catalogue are three (Humanitix: two for each region); the rest is the read itself.
            read = reader.requests - (3 if platform == "eventbrite" else 4)
            assert read == (2 if platform == "eventbrite" else len(reader.ledger.events))
            assert reader.ledger.figures() == before


def test_a_sweep_twice_gives_the_same_records_to_the_byte() -> None:
    world, clock = small()
    with readers(world) as (_, accounts):
        for _platform, _account, reader in accounts:
            reader.read(clock(), full=True)
            reader.read(clock(), full=True)
            first = reader.ledger.raw()
            reader.read(clock(), full=True)
            assert reader.ledger.raw() == first


def test_every_record_read_is_restored_from_its_raw_record() -> None:
    world, clock = small()
    with readers(world) as (_, accounts):
        for _platform, _account, reader in accounts:
            reader.read(clock())
            ledger, restore = reader.ledger, reader.platform.restore
            assert all(restore("event", event.raw) == event for event in ledger.events.values())
            for order in ledger.orders.values():
                assert restore("order", order.raw) == msgspec.structs.replace(order, buyer_key="")
            for ticket in ledger.tickets.values():
                assert not ticket.raw or restore("ticket", ticket.raw) == ticket


def test_toggling_who_bears_the_fees_reaches_old_orders_with_the_next_sweep() -> None:
    world, clock = small()
    with readers(world) as (_, accounts):
        platform, account, reader = accounts[0]
        reader.read(clock())
        event = next(event for event in world.eventbrite.accounts[0].events if event.orders)
        clock.advance(minutes=30)
        for ticket_class in event.ticket_classes:
            world.toggle_include_fee(ticket_class)
        reader.read(clock(), full=True)
        fresh = Reader(reader.platform, reader.url, reader.secret)
        fresh.read(clock())
        assert differences(fresh.ledger.figures(), truth_of(world, platform, account)) == {}
        assert fresh.ledger.raw() == reader.ledger.raw()


FAULTS: list[list[dict[str, Any]]] = [
    [{"kind": "server_error", "probability": 0.15, "html": True}],
    [{"kind": "server_error", "status": 503, "probability": 0.15, "html": False}],
    [
        {"kind": "rate_limit", "probability": 0.1},
        {"kind": "rate_limit", "probability": 0.05, "retry_after": 7},
    ],
    [{"kind": "rate_limit", "probability": 0.1, "retry_after": "date", "html": False}],
    [{"kind": "reset", "probability": 0.15}],
    [{"kind": "truncate", "probability": 0.1}, {"kind": "truncate", "mode": "length", "probability": 0.1}],
    [{"kind": "empty", "probability": 0.1}, {"kind": "html", "probability": 0.1}],
    [{"kind": "duplicates", "rows": 3}, {"kind": "shift", "probability": 0.3}],
    [{"kind": "outage", "count": 2}],
]


@pytest.mark.parametrize("faults", FAULTS, ids=lambda faults: "+".join(fault["kind"] for fault in faults))
def test_faults_that_pass_change_no_figure(faults: list[dict[str, Any]]) -> None:
    world, clock = small()
    with readers(world) as (sandbox, accounts):
        sandbox.faults.set(faults)
        for _platform, _account, reader in accounts:
            for _ in range(10):
                try:
                    reader.read(clock())
                except Transient:
                    continue
                break
        sandbox.faults.clear()
        assert sum(sandbox.servers["humanitix"].statuses.values()) > 20
        for platform, account, reader in accounts:
            clock.advance(minutes=1)
            reader.read(clock(), full=True)
            assert differences(reader.ledger.figures(), truth_of(world, platform, account)) == {}


@pytest.mark.parametrize("kind", ["missing_field", "unknown_value", "absurd_amount", "wrong_currency"])
def test_damaged_records_are_set_aside_or_right_and_never_stop_a_read(kind: str) -> None:
    world, clock = small()
    with readers(world) as (sandbox, accounts):
        struck = sandbox.faults.add(kind, probability=0.2, path=r"/(orders|tickets)/?$")
        for _platform, _account, reader in accounts:
            reader.read(clock())
        assert struck.struck > 0
        sandbox.faults.clear()
        for platform, account, reader in accounts:
            reader.read(clock(), full=True)
            truth = truth_of(world, platform, account)
            ours = reader.ledger.figures()
            money = {key: (found.gross, found.sold) for key, found in ours.items()}
            assert money == {key: (found.gross, found.sold) for key, found in truth.items()}


def test_a_key_that_is_revoked_while_we_read_asks_for_a_person() -> None:
    world, clock = small()
    with readers(world) as (sandbox, accounts):
        for platform in ("eventbrite", "humanitix"):
            sandbox.faults.add("revoke", platform=platform, after=6)
        for _platform, _account, reader in accounts[:1] + accounts[2:]:
            with pytest.raises(ConfigError):
                reader.read(clock())


def test_a_wrong_key_and_a_malformed_one_ask_for_a_person() -> None:
    world, clock = small()
    with readers(world) as (sandbox, _):
        for platform, url, key in (
            ("eventbrite", sandbox.eventbrite_url, "WRONGWRONGWRONGWRONG"),
            ("humanitix", sandbox.humanitix_url, "ab" * 32),
            ("humanitix", sandbox.humanitix_url, "nonsense"),
        ):
            with pytest.raises(ConfigError):
                Reader(source(platform), url, key).read(clock())


def test_a_platform_that_cannot_be_reached_is_a_passing_fault() -> None:
    world, clock = small()
    with readers(world) as (sandbox, accounts):
        for _platform, _account, reader in accounts:
            reader.read(clock())
        before = [reader.ledger.figures() for *_, reader in accounts]
        sandbox.faults.set([{"kind": "outage", "mode": "refuse"}])
        for _platform, _account, reader in accounts:
            with pytest.raises(Transient, match="cannot be reached"):
                reader.read(clock())
        sandbox.faults.clear()
        assert [reader.ledger.figures() for *_, reader in accounts] == before


def test_a_deleted_event_is_gone_from_the_catalogue_and_a_deleted_order_alone() -> None:
    world, clock = small()
    with readers(world) as (_, accounts):
        platform, account, reader = accounts[0]
        reader.read(clock())
        event = next(event for event in world.eventbrite.accounts[0].events if event.orders)
        order = event.orders[0]
        clock.advance(minutes=1)
        world.delete_order(order)

        async def ask() -> None:
            async with client_for(reader.platform.profile(reader.url, reader.secret)) as client:
                await reader.platform.order(client, event.id, order.id, "", reader.ledger.types_of)

        with pytest.raises(Gone):
            run(ask())
        world.delete_event(event)
        fresh = Reader(reader.platform, reader.url, reader.secret)
        fresh.read(clock())
        assert event.id not in fresh.ledger.events
        assert differences(fresh.ledger.figures(), truth_of(world, platform, account)) == {}
