"""Real workers: one that is killed in the middle has its account read by another within a minute; one that is told
to stop hands back what it was at."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from tests.faults.ground import Ground, wait_for
from tests.installation.support import housecount, started

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]

ORDERS = 260
_HELD = """
    SELECT count(*) FROM pg_locks, box_office_account AS a WHERE locktype = 'advisory' AND granted
    AND ((classid::bigint << 32) | objid::bigint) = hashtextextended(a.id::text, 2)
"""
_DOING = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
_RUNS = "SELECT r.full, complete, error_code FROM sync_read_run AS r ORDER BY started_at"
_PROCESSES = "SELECT count(*) FROM procrastinate_workers"


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """An installation that all tests here share."""
    with Ground() as made:
        made.surroundings["HOUSECOUNT_READ_EVERY"] = "5"
        yield made


@contextmanager
def theatre(ground: Ground, seed: int) -> Iterator[Sandbox]:
    """A promoter with one account that was never read; its lists take a while for every page."""
    world = World.blank(seed=seed)
    event = world.add_humanitix_event("Friday Night", datetime.now(UTC) + timedelta(days=5))
    for number in range(ORDERS):
        world.buy(event, 1 + number % 2)
    with Sandbox(world) as sandbox:
        ground.surroundings["HUMANITIX_API_URL"] = sandbox.humanitix_url
        slug = f"stock-{seed}"
        ground.housecount("organisation", "create", f"Laughing Stock {seed}", "--slug", slug)
        key = world.credentials()["humanitix"][0]["key"]
        connect = ["account", "connect", "humanitix", "--organisation", slug, "--api-key-stdin"]
        account = ground.told(*connect, stdin=key)["account"]
        try:
            sandbox.faults.set([{"kind": "latency", "path": f"/events/{event.id}/orders", "seconds": 2}])
            yield sandbox
        finally:
            sandbox.faults.clear()
            ground.housecount("account", "disconnect", account)


@contextmanager
def worker(ground: Ground) -> "Iterator[subprocess.Popen[str]]":
    with started(housecount("worker", "--grace", "20"), ground.surroundings) as process:
        yield process


def orders(ground: Ground) -> int:
    [(number,)] = ground.rows("SELECT count(*) FROM box_office_order WHERE NOT gone")
    return int(number)


def in_the_middle(ground: Ground, before: int) -> None:
    """Waits until a sweep has stored something and is not done."""
    wait_for("a sweep is under way", lambda: before < orders(ground) < before + ORDERS)
    assert ground.rows(_HELD) == [(1,)]


def sold(ground: Ground) -> tuple[int, int]:
    """What totals and entries say was sold."""
    [totals] = ground.rows("SELECT sum(sold)::int FROM box_office_listing_total")
    [entries] = ground.rows("SELECT sum(sold)::int FROM box_office_sales_entry")
    return (*totals, *entries)


def test_a_killed_worker_is_replaced_within_a_minute_and_a_stopped_one_hands_back(ground: Ground) -> None:
    truth = ORDERS + ORDERS // 2
    with theatre(ground, seed=1) as sandbox, worker(ground) as first:
        in_the_middle(ground, 0)
        with worker(ground) as second:
            wait_for("the second worker is up", lambda: ground.rows(_PROCESSES) == [(4,)])
            first.send_signal(signal.SIGKILL)
            first.wait()
            killed = time.monotonic()
            sandbox.faults.clear()
            wait_for("the account is swept", lambda: (True, True, "") in ground.rows(_RUNS), 60)
            assert time.monotonic() - killed < 60
            assert (orders(ground), sold(ground)) == (ORDERS, (truth, truth))
            wait_for("it is read too", lambda: (False, True, "") in ground.rows(_RUNS), 60)
            second.send_signal(signal.SIGTERM)
            assert second.wait(timeout=30) == 0
    # Of the killed one a job is left that is given up later: it keeps nobody from anything.
    left = ground.rows(_DOING)
    with theatre(ground, seed=2) as sandbox, worker(ground) as first:
        in_the_middle(ground, ORDERS)
        asked = time.monotonic()
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=30) == 0
        assert time.monotonic() - asked < 20, (
            "it waited for the end of the sweep, or was cut off at its grace"
        )
        assert ground.rows(_HELD) == [(0,)]
        assert ground.rows(_RUNS)[-1] == (True, False, "stopped")
        assert ground.rows(_DOING) <= left
        assert ground.rows("SELECT count(*) FROM sync_freshness WHERE reason_code = 'stopped'") == [(0,)]
        assert ground.rows("SELECT count(*) FROM sync_agenda WHERE sweep_at <= now()") == [(1,)]
        sandbox.faults.clear()
        with worker(ground) as next_one:
            wait_for("the account is swept", lambda: ground.rows(_RUNS).count((True, True, "")) == 2, 60)
            assert (orders(ground), sold(ground)) == (2 * ORDERS, (2 * truth, 2 * truth))
            next_one.send_signal(signal.SIGINT)
            assert next_one.wait(timeout=30) == 0
