"""From a commit to every open page: 200 of them follow while 50 orders a second are committed, one by one.

Edge and pages run as in production. The clock starts when the commit is done and stops when the event has come to the
page; what a page does then costs what a page costs.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple
from uuid import UUID

import psycopg

from bench import ground, orders
from bench.report import Line
from bench.visitor import Visitor

_PAGES = 200
_PER_SECOND = 50
_PEOPLE = 10  # one person may have twenty streams
_PASSWORD = "correct horse battery staple"
_EVENT = "800000000001"
_ROOT = Path(__file__).parents[1]


class _Committed(NamedTuple):
    """An order: when its commit was done, and the cursor after it."""

    at: float
    cursor: int


def run(*, quick: bool) -> list[Line]:
    """The lag of events, what it cost the edge, and how many of its connections serve the events."""
    seconds = 10 if quick else 30
    organisation_id, slug = ground.make_organisation()
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = int(trial.getsockname()[1])
    till = _Till(organisation_id)
    emails = _make_people(slug)
    with (
        _serving(port) as server,
        psycopg.connect(ground.superuser_url(), autocommit=True) as database,
        _listening(port, [_sign_in(port, email) for email in emails]) as listeners,
    ):
        till.sell(1, database)  # everything cold
        before = _cpu(server)
        begun = time.monotonic()
        committed = till.sell(seconds * _PER_SECOND, database)
        took = time.monotonic() - begun
        time.sleep(1.0)  # the last ones are under way
        cpu = _cpu(server) - before
        connections = _connections(database)
        seen = listeners.stop()
    lags = sorted(lag for page in seen for lag in _lags(committed, page))
    if len(lags) != len(committed) * _PAGES:
        raise RuntimeError(f"{len(committed) * _PAGES - len(lags)} events never came.")
    cuts = quantiles(lags, n=20)
    what = f"{_PAGES} pages, {len(committed) / took:.0f} orders/s"
    return [
        Line("live", f"commit to event at the page, {what}, p50", cuts[9] * 1_000, "ms"),
        Line("live", f"commit to event at the page, {what}, p95", cuts[18] * 1_000, "ms"),
        Line("live", f"commit to event at the page, {what}, longest", lags[-1] * 1_000, "ms"),
        Line("live", f"the edge's share of one processor, {what}", 100 * cpu / took, "%"),
        Line("live", "the edge's connections for events: one listens, one reads", connections, ""),
    ]


def _lags(committed: list[_Committed], page: list[tuple[float, int]]) -> Iterator[float]:
    """For each commit, how long it took until the page had an event with its cursor or a later one."""
    events = iter(page)
    at, cursor = 0.0, -1
    for each in committed:
        while cursor < each.cursor:
            found = next(events, None)
            if found is None:
                return
            at, cursor = found
        yield max(0.0, at - each.at)


class _Till:
    """Stores orders as reads would, each in a transaction of its own."""

    def __init__(self, organisation_id: UUID) -> None:
        from housecount.box_office import catalogue
        from housecount.box_office.ledger import AccountKey
        from housecount.tenancy.identity import Identity, acting_as

        self._account = AccountKey(organisation_id, ground.make_account(organisation_id))
        self._identity = Identity.system(organisation_id)
        ground.make_shows(*self._account, [_EVENT])
        with acting_as(self._identity):
            index = catalogue.listing_index(self._account, [_EVENT])
        self._listing_id = index[_EVENT, ""][0]
        self._orders = orders.pages([_EVENT], 100_000, 1)

    def sell(self, count: int, database: "psycopg.Connection[tuple[object, ...]]") -> list[_Committed]:
        """`count` orders, as many a second as there should be, or as there can be."""
        committed = []
        begun = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, begun + number / _PER_SECOND - time.monotonic()))
            self._store()
            at = time.time()
            row = database.execute(
                "SELECT last FROM live_counter WHERE organisation_id = %s", [self._account.organisation_id]
            ).fetchone()
            assert row is not None
            committed.append(_Committed(at, int(str(row[0]))))
        return committed

    def _store(self) -> None:
        from housecount.box_office import ledger
        from housecount.tenancy.identity import acting_as

        page = orders.neutral(next(self._orders))
        with acting_as(self._identity):
            ledger.store_records(
                self._account,
                page,
                (),
                listing_of=lambda *_: self._listing_id,
                buyer_hash=lambda _: b"",
                read_at=datetime.now(UTC),
            )


def _make_people(slug: str) -> list[str]:
    from housecount.tenancy import queries, services

    organisation = queries.organisation_by_slug(slug)
    emails = [f"pat{number}@example.com" for number in range(_PEOPLE)]
    for email in emails:
        services.create_user(email, organisation, "promoter", password=_PASSWORD)
    return emails


def _sign_in(port: int, email: str) -> str:
    """The person's cookies."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), Visitor(port) as visitor:
            if visitor.sign_in(email, _PASSWORD):
                return visitor.cookie
        time.sleep(0.2)
    raise RuntimeError("Nobody could sign in.")


@contextlib.contextmanager
def _serving(port: int) -> Iterator[int]:
    """Edge and pages beside us, until the block ends; the process that watches over them."""
    from housecount.installation import leash

    command = leash.command("housecount.cli.main", "serve", "--port", str(port))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


class _Listeners:
    """The open pages, in a process of their own."""

    def __init__(self, port: int, cookies: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.listeners", str(port), str(_PAGES)],
            cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT / "src")},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._in.write(json.dumps(cookies) + "\n")
        self._in.flush()
        if self._out.readline() != "ready\n":
            raise RuntimeError("The streams could not be opened.")

    def stop(self) -> list[list[tuple[float, int]]]:
        """What each page has seen: moments and cursors."""
        self._in.close()
        return [[(at, cursor) for at, cursor in page] for page in json.loads(self._out.read())]

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()


@contextlib.contextmanager
def _listening(port: int, cookies: list[str]) -> Iterator[_Listeners]:
    listeners = _Listeners(port, cookies)
    try:
        yield listeners
    finally:
        listeners.end()


def _cpu(server: int) -> float:
    """Seconds that the edge's processes have used; `server` watches over them."""
    ticks = 0
    for child in _children(server):
        if b"\0edge\0" in Path(f"/proc/{child}/cmdline").read_bytes():
            for each in (child, *_children(child)):
                fields = Path(f"/proc/{each}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _children(process: int) -> list[int]:
    told = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return [int(each) for each in told.split()]


def _connections(database: "psycopg.Connection[tuple[object, ...]]") -> int:
    row = database.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'housecount-edge-events'"
    ).fetchone()
    return int(str(row[0])) if row else 0
