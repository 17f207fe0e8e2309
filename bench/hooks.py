"""Hooks a second and their p99, beside pgbench doing the same single-row insert and beside a plain Django view.

The three take turns on the same table; every answer of 200 is looked for in it.
"""

import hashlib
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from bench import ground
from bench.report import Line

_CLIENTS = 32
_TOKEN = "an-invented-secret-of-an-address-0123456789"
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class _Run:
    """What one turn came to: hooks a second, and their p99 in milliseconds."""

    rate: float
    p99: float


def run(*, quick: bool) -> list[Line]:
    """The median of several turns each."""
    turns, seconds = (1, 2.5) if quick else (3, 8.0)
    organisation_id, _ = ground.make_organisation()
    account_id = _make_door(organisation_id)
    pgbench = _pgbench()
    found: dict[str, list[_Run]] = {"ceiling": [], "simple": [], "edge": [], "plain": []}
    with _served("housecount.cli.serve", "edge", "127.0.0.1") as edge, _served("bench.plain") as plain:
        _hammer(edge, 0.5)
        _hammer(plain, 0.5)
        for _ in range(turns):
            if pgbench:
                found["ceiling"].append(_insert(pgbench, "prepared", organisation_id, account_id, seconds))
            found["edge"].append(_counted(edge, seconds))
            if pgbench:
                found["simple"].append(_insert(pgbench, "simple", organisation_id, account_id, seconds / 2))
            found["plain"].append(_counted(plain, seconds / 2))
    return _lines({name: _median(runs) for name, runs in found.items() if runs})


def _lines(found: dict[str, _Run]) -> list[Line]:
    edge, plain = found["edge"], found["plain"]
    clients = f"{_CLIENTS} clients"
    if "ceiling" not in found:
        lines = [
            Line("hooks", f"edge, {clients} (there is no pgbench here, so no ceiling)", edge.rate, "hooks/s"),
            Line("hooks", "edge, p99", edge.p99, "ms"),
        ]
    else:
        ceiling, simple = found["ceiling"], found["simple"]
        lines = [
            Line(
                "hooks", f"ceiling: pgbench -M prepared, a commit per row, {clients}", ceiling.rate, "rows/s"
            ),
            Line("hooks", "ceiling, p99", ceiling.p99, "ms"),
            Line("hooks", f"pgbench -M simple, the same, {clients}", simple.rate, "rows/s"),
            Line(
                "hooks",
                f"edge, {clients}",
                edge.rate,
                "hooks/s",
                edge.rate / ceiling.rate,
                "of the ceiling",
                0.8,
            ),
            Line(
                "hooks",
                f"edge, {clients}",
                edge.rate,
                "hooks/s",
                edge.rate / simple.rate,
                "of pgbench -M simple",
            ),
            Line("hooks", "edge, p99", edge.p99, "ms", edge.p99 / ceiling.p99, "times the ceiling's"),
        ]
    return [
        *lines,
        Line("hooks", f"plain Django view, {clients}", plain.rate, "hooks/s", edge.rate / plain.rate, "edge to it"),
        Line("hooks", "plain Django view, p99", plain.p99, "ms", edge.p99 / plain.p99, "the edge's to its"),
    ]  # fmt: skip


def _median(runs: list[_Run]) -> _Run:
    return _Run(statistics.median(run.rate for run in runs), statistics.median(run.p99 for run in runs))


# --- The ceiling ----------------------------------------------------------------------------------------
def _pgbench() -> str | None:
    from housecount.installation import database

    server = database.server()
    assert server is not None
    places = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *Path(sys.prefix).glob("lib/python*/site-packages/*/*/bin"),
    ]
    return shutil.which("pgbench", path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, places)]))


def _insert(pgbench: str, protocol: str, organisation_id: UUID, account_id: UUID, seconds: float) -> _Run:
    """The same row, by the same role, who it acts for set once for each session: nothing but the insert is left."""
    from housecount.installation import database
    from housecount.intake.edge.rows import make_row
    from housecount.platforms.registry import source

    name, body = source("eventbrite"), _body()
    row = make_row(name, "eventbrite", _TOKEN.encode(), {b"content-type": b"application/json"}, body)
    values = ", ".join(
        [f"'{organisation_id}', '{account_id}', 'eventbrite', '{row.headers.decode()}', '{row.body.decode()}'",
         f"'{row.webhook_id.decode()}', '{row.action.decode()}', '{row.verdict.decode()}', '{row.touches.decode()}'",
         "'waiting', 0, statement_timestamp(), '', ''"]
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory, "insert.sql")
        script.write_text(
            "INSERT INTO webhook_log (organisation_id, account_id, platform, headers, body, webhook_id, action,"
            f" verdict, touches, status, attempts, next_try_at, outcome, explanation) VALUES ({values});\n"
        )
        started = time.perf_counter()
        subprocess.run(
            [pgbench, "--no-vacuum", f"--protocol={protocol}", f"--client={_CLIENTS}", f"--jobs={os.cpu_count()}",
             f"--time={max(1, round(seconds))}", f"--file={script}", "--log", f"--log-prefix={directory}/log",
             database.application_url()],
            env={**os.environ, "PGOPTIONS": "-c role=housecount_app -c app.role=intake"},
            check=True, capture_output=True,
        )  # fmt: skip
        took = time.perf_counter() - started
        latencies = array("I")
        ends: list[float] = []
        for log in Path(directory).glob("log.*"):
            for line in log.open(encoding="ascii"):
                fields = line.split()
                latencies.append(int(fields[2]))
                ends.append(int(fields[4]) + int(fields[5]) / 1e6)
    between = max(ends) - min(ends) if len(ends) > 1 else took  # without connecting
    return _Run(len(latencies) / between, _p99(latencies))


# --- The edge and the view ------------------------------------------------------------------------------
def _counted(port: int, seconds: float) -> _Run:
    """A turn, after which there are as many rows more as were acknowledged."""
    before = _rows()
    found = _hammer(port, seconds)
    stored = _rows() - before
    if found["bad"] or stored != len(found["latencies"]):
        raise SystemExit(f"{len(found['latencies'])} hooks were acknowledged and {stored} are stored")
    latencies = array("I", found["latencies"])
    return _Run(len(latencies) / found["seconds"], _p99(latencies))


def _hammer(port: int, seconds: float) -> dict[str, Any]:
    body = _body()
    request = (
        f"POST /hooks/eventbrite/{_TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/plain\r\n"
        "Accept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\n"
        "User-Agent: Eventbrite Webhooks (Dilithium)\r\nX-Eventbrite-Event: order.placed\r\n"
        f"X-Eventbrite-Delivery: 5000001\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    # One process can send far more than is answered; on a machine with room, two make sure of it.
    processes = 2 if (os.cpu_count() or 1) >= 4 else 1
    command = [sys.executable, "-m", "bench.hammer", str(port), str(_CLIENTS // processes), str(seconds)]
    running = [
        subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(request)
        process.stdin.close()
    told = []
    for process in running:
        assert process.stdout is not None
        told.append(json.load(process.stdout))
        process.wait()
    return {
        "seconds": max(each["seconds"] for each in told),
        "bad": sum(each["bad"] for each in told),
        "latencies": [latency for each in told for latency in each["latencies"]],
    }


def _body() -> bytes:
    config = {
        "action": "order.placed",
        "user_id": "300000000001",
        "endpoint_url": f"https://hooks.example.com/hooks/eventbrite/{_TOKEN}",
        "webhook_id": "5000001",
    }
    address = "https://www.eventbriteapi.com/v3/orders/1000000001/"
    return json.dumps({"config": config, "api_url": address}).encode()


def _p99(latencies: "array[int]") -> float:
    return sorted(latencies)[int(len(latencies) * 0.99)] / 1000 if latencies else 0.0


def _rows() -> int:
    import psycopg

    with psycopg.connect(ground.superuser_url(), autocommit=True) as connection:
        found = connection.execute("SELECT count(*) FROM webhook_log").fetchone()
    return int(found[0]) if found else 0


def _make_door(organisation_id: UUID) -> UUID:
    from housecount.sync.models import HookDoor
    from housecount.tenancy.identity import Identity, acting_as

    account_id = ground.make_account(organisation_id)
    with acting_as(Identity.system(organisation_id)):
        HookDoor.objects.create(
            organisation_id=organisation_id,
            account_id=account_id,
            platform="eventbrite",
            token_hash=hashlib.sha256(_TOKEN.encode()).digest(),
        )
    return account_id


@contextmanager
def _served(module: str, *arguments: str) -> Iterator[int]:
    """Runs a server as our child; its port, once it answers."""
    from housecount.installation import leash

    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = int(trial.getsockname()[1])
    process = subprocess.Popen(leash.command(module, *arguments, str(port)), cwd=_ROOT)
    try:
        deadline = time.monotonic() + 30
        while not _answers(port):
            if time.monotonic() > deadline or process.poll() is not None:
                raise SystemExit(f"{module} did not start")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        with suppress(OSError):
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return True
    finally:
        connection.close()
    return False
