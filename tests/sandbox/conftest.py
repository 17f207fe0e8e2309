"""Small worlds at a fixed moment, and clients that know their credentials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Protocol

import pytest

from housecount_sandbox import HandClock, Sandbox, World
from tests.sandbox.client import Client

TODAY = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Running:
    """A served world with a clock in the hand."""

    def __init__(self, sandbox: Sandbox, clock: HandClock) -> None:
        self.sandbox = sandbox
        self.world = sandbox.world
        self.faults = sandbox.faults
        self.clock = clock
        self.account = self.world.eventbrite.accounts[0]
        self.other_account = self.world.eventbrite.accounts[1]
        self.host = self.world.humanitix.accounts[0]
        self.eventbrite = Client(sandbox.eventbrite_url, {"Authorization": f"Bearer {self.account.token}"})
        self.other_eventbrite = Client(
            sandbox.eventbrite_url, {"Authorization": f"Bearer {self.other_account.token}"}
        )
        self.humanitix = Client(sandbox.humanitix_url, {"x-api-key": self.host.key})

    def close(self) -> None:
        for client in (self.eventbrite, self.other_eventbrite, self.humanitix):
            client.close()


class Serve(Protocol):
    def __call__(self, world: World) -> Running: ...


@pytest.fixture
def clock() -> HandClock:
    return HandClock(TODAY)


@pytest.fixture
def blank(clock: HandClock) -> World:
    return World.blank(seed=7, now=clock)


@pytest.fixture
def serve(clock: HandClock) -> Iterator[Serve]:
    """Serve a world until the test ends."""
    with ExitStack() as stack:

        def start(world: World) -> Running:
            running = Running(stack.enter_context(Sandbox(world)), clock)
            stack.callback(running.close)
            return running

        yield start


@pytest.fixture
def empty(serve: Serve, blank: World) -> Running:
    """A served world without listings."""
    return serve(blank)


@pytest.fixture(scope="module")
def small() -> Iterator[Running]:
    """A served small season that no test changes."""
    clock = HandClock(TODAY)
    world = World.small(seed=3, now=clock)
    world.limits.humanitix_per_minute = 0
    world.limits.eventbrite_per_hour = 0
    with Sandbox(world) as sandbox:
        running = Running(sandbox, clock)
        yield running
        running.close()
