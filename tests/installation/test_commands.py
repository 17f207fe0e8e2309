"""The long-running commands as real processes, with an installation of their own."""

import json
import os
import shutil
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from housecount.installation import files, postmaster, roles
from housecount.installation.postgres import EmbeddedServer
from tests.installation.support import (
    housecount,
    processes_of,
    read_line,
    run,
    started,
    surroundings,
    wait_until,
)
from tests.migrated import furnish, told


@pytest.fixture
def migrated(home: Path) -> Iterator[dict[str, str]]:
    """The variables of a migrated installation whose server runs already, so that commands start quickly."""
    furnish(home)
    with EmbeddedServer(home, fsync=False):
        yield surroundings(home)


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def site_answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/account/login/", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def workers_known(server: EmbeddedServer) -> int:
    with psycopg.connect(server.url(roles.OWNER)) as connection:
        row = connection.execute("SELECT count(*) FROM procrastinate_workers").fetchone()
    assert row is not None
    return int(str(row[0]))


def test_a_command_alone_starts_the_database_and_leaves_no_process(home: Path) -> None:
    environment = surroundings(home)
    refused = run(housecount("organisation", "list"), environment)
    assert refused.returncode == 1
    assert "run housecount migrate" in refused.stderr
    assert run(housecount("migrate", "--check"), environment).returncode == 1
    assert processes_of(home) == []
    shutil.rmtree(EmbeddedServer(home).directory)
    (home / "database.json").unlink()
    furnish(home)
    assert "box_office.0001_initial" in told()["applied"]
    done = run(housecount("migrate", "--json"), environment)
    assert (done.returncode, done.stdout and json.loads(done.stdout)) == (0, {"applied": []}), done.stderr
    assert json.loads(run(housecount("migrate", "--check", "--json"), environment).stdout) == {"pending": []}
    examined = json.loads(run(housecount("doctor", "--json"), environment).stdout)
    assert examined["ok"]
    assert {check["name"]: check["state"] for check in examined["checks"]}["login role"] == "ok"
    assert processes_of(home) == []
    assert not EmbeddedServer(home).running()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_interrupted_leaves_no_process(home: Path, number: int, status: int) -> None:
    code = (
        "import time\nfrom housecount.cli import main, output\nimport click\n"
        "from housecount.installation import database\n"
        "@main.cli.command('wait')\ndef wait():\n    database.ready()\n    print('ready', flush=True)\n"
        "    time.sleep(600)\n"
        "main.LazyGroup.get_command = lambda self, ctx, name: wait\n"
        "import sys\nsys.argv = ['housecount', 'wait']\nmain.main()\n"
    )
    with started(["python3", "-c", code], {**surroundings(home), "PATH": VIRTUAL_PATH}) as process:
        read_line(process, "ready")
        assert EmbeddedServer(home).running()
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == status
        assert "Traceback" not in out
    assert processes_of(home) == []
    assert not EmbeddedServer(home).running()


VIRTUAL_PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def test_the_site_is_served_with_a_worker_and_stops_without_a_trace(
    migrated: dict[str, str], home: Path
) -> None:
    server, port = EmbeddedServer(home), free_port()
    with started(housecount("serve", "--port", str(port), "--with-worker"), migrated) as site:
        read_line(site, f"http://127.0.0.1:{port}")
        wait_until(lambda: site_answers(port), what="for the site")
        wait_until(lambda: workers_known(server) == 2, what="for the worker")
        second = run(housecount("serve", "--port", str(port)), migrated)
        assert second.returncode == 1
        assert f"Port {port} on 127.0.0.1 is in use" in second.stderr
        site.terminate()
        assert site.wait(timeout=60) == 0
    assert [line for line in processes_of(home) if "postgres" not in line] == []
    assert server.running(), "somebody else still uses it"


def test_the_site_alone_comes_back_after_its_database_and_dies_whole(
    migrated: dict[str, str], home: Path
) -> None:
    server, port = EmbeddedServer(home), free_port()
    with started(housecount("serve", "--port", str(port)), migrated) as site:
        wait_until(lambda: site_answers(port), what="for the site")
        before = postmaster.pid_of(server.directory / "data")
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: server.running() and postmaster.pid_of(server.directory / "data") != before)
        wait_until(lambda: site_answers(port), what="for the site to come back")
        site.kill()
        site.wait()
        wait_until(lambda: [line for line in processes_of(home) if "postgres" not in line] == [])


def test_the_worker_comes_back_after_its_database(migrated: dict[str, str], home: Path) -> None:
    server = EmbeddedServer(home)
    with started(housecount("worker"), migrated) as worker:
        wait_until(lambda: workers_known(server) == 2, what="for the worker")
        with psycopg.connect(server.url(roles.OWNER), autocommit=True) as connection:
            connection.execute("DELETE FROM procrastinate_workers")
        before = postmaster.pid_of(server.directory / "data")
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: not files.process_alive(before))
        assert "Traceback" not in read_line(worker, "it starts again in")
        wait_until(server.running, what="for the database")
        wait_until(lambda: workers_known(server) == 2, what="for the worker to come back")
        worker.terminate()
        assert worker.wait(timeout=60) == 0


def hook_answers(port: int) -> int:
    """What a hook to an address that nobody has is answered with: 404 needs the database. 0 without an answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/hooks/eventbrite/{'x' * 40}", data=b"{}", method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def test_hooks_are_taken_while_the_pages_are_away_and_the_pages_come_back(
    migrated: dict[str, str], home: Path
) -> None:
    port = free_port()
    with started(housecount("serve", "--port", str(port)), migrated) as site:
        wait_until(lambda: site_answers(port), what="for the site")
        (pages,) = [
            int(line.split()[0]) for line in processes_of(home)
            if f"leash\\x00{site.pid}" in line and "\\x00pages" in line and parent_of(int(line.split()[0])) == site.pid
        ]  # fmt: skip
        os.kill(pages, signal.SIGSTOP)
        assert hook_answers(port) == 404
        os.kill(pages, signal.SIGKILL)
        assert hook_answers(port) == 404
        wait_until(lambda: site_answers(port), what="for the pages to come back")
        site.terminate()
        assert site.wait(timeout=60) == 0
    assert [line for line in processes_of(home) if "postgres" not in line] == []
    assert list((home / "run").iterdir()) == []


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_the_edge_alone_comes_back_after_its_database_and_needs_no_pages(
    migrated: dict[str, str], home: Path
) -> None:
    server, port = EmbeddedServer(home), free_port()
    with started(housecount("serve", "--only", "edge", "--port", str(port)), migrated) as edge:
        wait_until(lambda: hook_answers(port) == 404, what="for the edge")
        before = postmaster.pid_of(server.directory / "data")
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: server.running() and postmaster.pid_of(server.directory / "data") != before)
        wait_until(lambda: hook_answers(port) == 404, what="for the edge to find the database again")
        assert not site_answers(port)
        edge.terminate()
        assert edge.wait(timeout=60) == 0
    assert [line for line in processes_of(home) if "postgres" not in line] == []


def test_an_edge_without_tables_says_so_and_loses_nothing(home: Path) -> None:
    port = free_port()
    with started(housecount("serve", "--only", "edge", "--port", str(port)), surroundings(home)) as edge:
        wait_until(lambda: hook_answers(port) == 503, what="for the edge", seconds=60)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20)
        refused.value.close()
        assert refused.value.code == 503
        edge.terminate()
        out, _ = edge.communicate(timeout=60)
    assert "Traceback" not in out
