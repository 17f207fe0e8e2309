"""A read that is told to stop: it ends between two pages, nothing of it is half, and its account is due again."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from housecount.sync import services, store
from housecount.sync.progress import Stop, Stopped
from tests.installation.support import wait_until
from tests.promoters import impatient_client
from tests.sync.theatre import HUMANITIX, MELBOURNE, Theatre

BOTH = pytest.mark.parametrize("number", [MELBOURNE, HUMANITIX], ids=["eventbrite", "humanitix"])


def told_after(told: asyncio.Event, pages: int, patch: pytest.MonkeyPatch) -> list[int]:
    """Has `told` be set while the page of that number is being stored; how many pages were stored in the end."""
    usual = store.store_page
    stored: list[int] = []

    def counting(account: Any, page: Any, *rest: Any) -> Any:
        result = usual(account, page, *rest)
        stored.append(len(page.orders) + len(page.tickets))
        if len(stored) == pages:
            told.set()
        return result

    patch.setattr(store, "store_page", counting)
    return stored


@BOTH
@pytest.mark.parametrize("sweep", [False, True], ids=["read", "sweep"])
def test_a_read_that_is_stopped_ends_at_a_page_and_is_due_at_once(
    read_stage: Theatre, number: int, sweep: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = read_stage
    stage.clock.pass_by(hours=40)
    stage.sell(3)
    marks, ages = stage.bookmarks(number), stage.ages()
    told = asyncio.Event()
    with monkeypatch.context() as patch:
        stored = told_after(told, 1, patch)
        run = stage.read_due(number, sweep=sweep, stop=Stop(told))
    assert run is not None
    assert (run.complete, run.error_code) == (False, Stopped.code)
    assert 1 <= len(stored) <= 4, "only what was under way beside it was stored too"
    assert stage.bookmarks(number) == marks
    mine = [stage.friday, stage.late] if number == MELBOURNE else [stage.cellar, stage.attic]
    assert not any(stage.reason(event) for event in mine if stage.ages()[event.id] != ages[event.id])
    assert all("stop" not in (stage.reason(event) or "") for event in mine), "it looks like a failure"
    assert stage.tallies(number).get("reads_failed", 0) == 0
    again = stage.read_due(number, sweep=sweep)
    assert again is not None, "it is not due at once"
    assert again.complete
    stage.read()
    assert stage.promoter.count() == stage.promoter.truth()
    assert stage.promoter.differences() == []


def test_what_waits_for_a_platform_stops_waiting(read_stage: Theatre) -> None:
    stage = read_stage
    stage.clock.pass_by(hours=1)
    stage.sandbox.faults.set([{"kind": "latency", "platform": "humanitix", "seconds": 60}])
    account = stage.promoter.accounts[HUMANITIX]

    async def read() -> Any:
        told = asyncio.Event()
        reading = asyncio.ensure_future(
            services.read_due(
                account.organisation_id,
                account.pk,
                sweep=False,
                client_of=impatient_client,
                now=stage.clock,
                stop=Stop(told),
            )
        )
        await asyncio.to_thread(wait_until, lambda: stage.asked("humanitix") > before)
        told.set()
        return await asyncio.wait_for(reading, 20)

    before = stage.asked("humanitix")
    run = asyncio.run(read())
    stage.sandbox.faults.clear()
    assert run.error_code == Stopped.code
    again = stage.read_due(HUMANITIX)
    assert again is not None
    assert again.complete


def test_a_read_that_was_told_before_it_began_asks_nobody(read_stage: Theatre) -> None:
    stage = read_stage
    stage.clock.pass_by(hours=1)
    told = asyncio.Event()
    told.set()
    before = stage.asked("humanitix")
    run = stage.read_due(HUMANITIX, stop=Stop(told))
    assert run is not None
    assert run.error_code == Stopped.code
    assert stage.asked("humanitix") == before


# --- Clocks -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("hours", [5, -5, 50, -50])
def test_a_clock_that_steps_and_steps_back_loses_nothing_and_stops_nothing(
    read_stage: Theatre, hours: int
) -> None:
    """Ours steps while the platforms' go on: what happens meanwhile is there after the reads that follow."""
    stage = read_stage
    step = timedelta()
    stage.promoter.now = lambda: stage.clock() + step
    theirs = stage.clock

    def due(number: int) -> bool:
        from housecount.box_office.ledger import AccountKey
        from housecount.sync import agenda
        from housecount.tenancy.identity import acting_as

        account = stage.promoter.accounts[number]
        with acting_as(stage.promoter.identity):
            key = AccountKey(account.organisation_id, account.pk)
            return bool(agenda.due(key, stage.promoter.now() + timedelta(minutes=30)).account)

    for step in (timedelta(hours=hours), timedelta(), timedelta(hours=hours), timedelta()):
        for _ in range(2):
            theirs.pass_by(minutes=20)
            stage.sell()
            runs = stage.promoter.read()
            assert [run.error for run in runs] == ["", "", ""]
            assert stage.promoter.count() == stage.promoter.truth(), f"with the clock {step} off"
            assert due(MELBOURNE)
            assert due(HUMANITIX)
        assert not any(stage.reason(event) for event in stage.events)
    assert stage.healed()
    assert stage.gaps() == []
