"""Many accounts in one worker, each with a show tonight and so read every two minutes: the worker's memory, how much
later than due reads begin, and what it costs to look who is due."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any
from uuid import UUID, uuid4

from bench import ground
from bench.report import Line

#: What a quick read is repeated after; a catalogue comes five times as seldom.
_EVERY = timedelta(seconds=120)
_SMALL = 10
_MOST_TIMES = 1.25
#: A tick has to be over long before the next one, five seconds later.
_TICK_MS = 50.0
_LOOKS = 20
#: How long a worker takes to come up, at most: reads are due after that.
_COMES_UP = timedelta(seconds=12)


def run(*, quick: bool) -> list[Line]:
    """Ratios: the memory to that of a worker with a few accounts, the lateness to the interval."""
    accounts, seconds = (200, 8) if quick else (1_000, 45)
    with _platform():
        small = _work(_SMALL, 3)
        large = _work(accounts, seconds)
    what = f"{accounts:,} accounts in one worker"
    middle = median(large.late)
    worst = quantiles(large.late, n=20)[-1]
    every = _EVERY.total_seconds()
    told = "of the interval"
    lines = [
        Line("many", f"{what}, most memory", large.peak, "MiB", large.peak / small.peak,
             f"times that of {_SMALL}", _MOST_TIMES, at_most=True),
        Line("many", f"{what}, reads", len(large.late) / large.seconds, "reads/s"),
        Line("many", f"{what}, later than due, p50", middle, "seconds", middle / every, told),
        Line("many", f"{what}, later than due, p95", worst, "seconds", worst / every, told, 0.1, at_most=True),
    ]  # fmt: skip
    for name, tick in large.ticks.items():
        told = f"of {_TICK_MS:.0f} ms"
        lines.append(Line("many", f"{what}, {name}", tick, "ms", tick / _TICK_MS, told, 1.0, at_most=True))
    return lines


class _Worked:
    """What was seen of a worker: its peak in MiB, how many seconds later than due each read began, what a look at
    everybody's agenda took when nothing was due, and how long it was watched."""

    def __init__(self, peak: float, late: list[float], ticks: dict[str, float], seconds: float) -> None:
        self.peak = peak
        self.late = late
        self.ticks = ticks
        self.seconds = seconds


@contextmanager
def _platform() -> Iterator[None]:
    from housecount.installation import environment

    with subprocess.Popen(
        [sys.executable, "-m", "bench.platform"], stdout=subprocess.PIPE, text=True
    ) as platform:
        try:
            assert platform.stdout is not None
            url = platform.stdout.readline().strip()
            if not url:
                raise RuntimeError("The platform did not start.")
            os.environ |= {
                "HUMANITIX_API_URL": url,
                "HOUSECOUNT_READ_EVERY": str(int(_EVERY.total_seconds())),
            }
            environment.load.cache_clear()
            yield
        finally:
            platform.terminate()


def _work(accounts: int, seconds: int) -> _Worked:
    """A worker that has so many accounts, from its first due read on for so many seconds."""
    made = datetime.now(UTC)
    due = [_connect(made, number / accounts) for number in range(accounts)]
    organisations = {organisation_id for organisation_id, _, _ in due}
    begins = datetime.now(UTC) + _COMES_UP
    _superuser(
        "UPDATE sync_agenda SET next_at = next_at + %s WHERE organisation_id = ANY(%s) RETURNING 1",
        [begins - made, list(organisations)],
    )
    ticks = {"look at what is due": _tick(thorough=False), "thorough look": _tick(thorough=True)}
    command = [sys.executable, "-m", "bench.child", "worker"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        try:
            ends = begins + timedelta(seconds=seconds)
            time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()))
            # What was due towards the end may be under way.
            counted = ends - timedelta(seconds=2)
            late = _lateness(
                {key: moved for _, key, at in due if (moved := at + (begins - made)) < counted}, ends
            )
        finally:
            worker.send_signal(signal.SIGTERM)
        said, _ = worker.communicate(timeout=60)
    _forget(organisations)
    return _Worked(float(said.rstrip().rpartition("\n")[2]), late, ticks, seconds)


def _lateness(due: dict[UUID, datetime], ends: datetime) -> list[float]:
    """By how much the first read of each account came later than it was due; of one that did not come, so far."""
    rows = _superuser("SELECT account_id, min(started_at) FROM sync_read_run GROUP BY account_id")
    began = dict(rows)
    return [max(0.0, (began.get(account_id, ends) - at).total_seconds()) for account_id, at in due.items()]


def _tick(*, thorough: bool) -> float:
    """Milliseconds of a look at the agenda of all, before anything is due."""
    from housecount.sync import agenda
    from housecount.tenancy.identity import Identity, acting_as

    took = []
    now = datetime.now(UTC)
    for _ in range(_LOOKS):
        started = time.perf_counter()
        with acting_as(Identity.system()):
            found = agenda.find_due(now, thorough=thorough)
        took.append((time.perf_counter() - started) * 1000)
        if found:
            raise RuntimeError("Something was due before it should be: the figure would be another.")
    return median(took)


def _connect(begins: datetime, place: float) -> tuple[UUID, UUID, datetime]:
    """An organisation with one account, read and swept before, whose event is due at its `place` in the interval:
    the organisation, the account, and when it is due."""
    from bench.platform import event_id, show_time
    from housecount.box_office import catalogue
    from housecount.box_office.ledger import AccountKey
    from housecount.box_office.models import Account
    from housecount.platforms.base.records import Event, Listing
    from housecount.sync import agenda, store
    from housecount.sync.agenda import Planned
    from housecount.tenancy import crypto
    from housecount.tenancy.identity import Identity, acting_as

    organisation_id, _ = ground.make_organisation()
    secret = uuid4().hex
    name = event_id(secret)
    with acting_as(Identity.system(organisation_id)):
        account = Account.objects.create(
            organisation_id=organisation_id,
            platform="humanitix",
            name="Humanitix",
            credential=crypto.encrypt(secret),
            fingerprint=crypto.fingerprint(secret),
            regions=[""],
        )
        key = AccountKey(organisation_id, account.pk)
        listing = Listing(
            event_id=name,
            title="Friday Night Laughs",
            starts_at=show_time(),
            timezone="Australia/Melbourne",
            currency="AUD",
            venue_name="The Velvet Room",
            venue_city="Melbourne",
        )
        now = datetime.now(UTC)
        catalogue.store_events(
            key, [Event(external_id=name, listings=(listing,), ticket_types=(), raw=name.encode())], now
        )
        store.mark_fresh(key, [name, agenda.WHOLE_ACCOUNT], now, swept=True)
        store.move_bookmarks(key, {f"event::{name}": now})
        at = begins + _EVERY * place
        every = int(_EVERY.total_seconds())
        plans = {
            name: Planned(at, every, "show day"),
            agenda.WHOLE_ACCOUNT: Planned(begins + 5 * _EVERY * place, 5 * every, "show day"),
        }
        agenda.put(key, plans, since=now, now=now, sweep_at=now + timedelta(days=1))
    return organisation_id, account.pk, at


def _forget(organisations: set[UUID]) -> None:
    """Takes the accounts of these organisations off the agenda, so that the next worker has only its own."""
    _superuser(
        "WITH gone AS (DELETE FROM sync_agenda WHERE organisation_id = ANY(%s) RETURNING 1) SELECT count(*) FROM gone",
        [list(organisations)],
    )
    _superuser(
        "UPDATE box_office_account SET state = 'disconnected' WHERE organisation_id = ANY(%s) RETURNING id",
        [list(organisations)],
    )


def _superuser(query: Any, parameters: Any = None) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(ground.superuser_url(), autocommit=True) as connection:
        return connection.execute(query, parameters).fetchall()
