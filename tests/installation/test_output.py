import contextlib
import json
import os
import stat
from pathlib import Path
from uuid import UUID

import click
import pytest
from click.testing import CliRunner

from housecount.cli import output
from housecount.cli.main import cli
from housecount.cli.output import ReportingGroup, emit, json_option, progress, remember_debug, table
from housecount.core.errors import HousecountError
from housecount.installation import environment


class Refused(HousecountError):
    code = "refused_for_a_reason"


@click.group(cls=ReportingGroup)
@click.option("--debug", is_flag=True, is_eager=True, expose_value=False, callback=remember_debug)
def group() -> None:
    pass


@group.command()
@json_option
def facts() -> None:
    emit({"id": UUID(int=7), "name": "Ünïcode"}, lambda: "as text")


@group.command()
@click.argument("what")
@json_option
def fail(what: str) -> None:
    raise {
        "refused": Refused("No such show. Look at the list."),
        "unexpected": ValueError("token=opensesame inside"),
        "interrupt": KeyboardInterrupt(),
        "disk": OSError(28, "No space left on device"),
    }[what]


@pytest.fixture
def logging_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOUSECOUNT_HOME", str(tmp_path))
    environment.load.cache_clear()
    yield tmp_path  # type: ignore[misc]
    environment.load.cache_clear()


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(group, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_facts_are_text_or_one_json_document() -> None:
    assert run("facts") == (0, "as text\n", "")
    status, out, err = run("facts", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == {"id": str(UUID(int=7)), "name": "Ünïcode"}
    assert "Ünïcode" in out


def test_a_refusal_is_a_sentence_on_stderr_or_a_document_on_stdout_and_exit_1() -> None:
    assert run("fail", "refused") == (1, "", "Error: No such show. Look at the list.\n")
    status, out, err = run("fail", "refused", "--json")
    assert (status, err) == (1, "")
    assert json.loads(out) == {
        "error": {"code": "refused_for_a_reason", "message": "No such show. Look at the list."}
    }


def test_wrong_usage_is_exit_2() -> None:
    for arguments in (["fail"], ["facts", "--nonsense"], ["nonsense"]):
        assert run(*arguments)[0] == 2


def test_ctrl_c_is_quiet_and_exit_130() -> None:
    assert run("fail", "interrupt") == (130, "", "")


def test_the_unexpected_is_one_sentence_and_the_log_has_the_rest_without_the_secret(
    logging_home: Path,
) -> None:
    status, out, err = run("fail", "unexpected")
    log = logging_home / "logs" / "housecount.log"
    assert (status, out) == (1, "")
    assert "Traceback" not in err
    assert "ValueError" in err
    assert str(log) in err
    assert "opensesame" not in err
    written = log.read_text()
    assert "Traceback" in written
    assert "opensesame" not in written
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    shown = run("--debug", "fail", "unexpected")[2]
    assert "Traceback" in shown
    assert "opensesame" not in shown


def test_a_full_disk_is_named(logging_home: Path) -> None:
    assert "disk is full" in run("fail", "disk")[2]


def test_a_log_that_cannot_be_written_is_no_second_error(logging_home: Path) -> None:
    (logging_home / "logs").write_text("not a directory")
    status, _, err = run("fail", "unexpected")
    assert status == 1
    assert "could not be written" in err


def test_columns_are_as_wide_as_what_is_seen() -> None:
    lines = table(["Show", "Sold"], [["笑い", 5], ["Six", 12]], right=(1,)).splitlines()
    assert lines == ["Show  Sold", "----  ----", "笑い     5", "Six     12"]


def test_progress_without_a_terminal_is_plain_lines_and_not_one_per_step(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(output.time, "monotonic", lambda: now)
    with progress() as shown:
        task = shown.task("Reading", 100)
        for _ in range(50):
            task.update(advance=1)
        now += 10
        task.update(advance=1, note="so far so good")
        task.finish()
    assert capfd.readouterr().err.splitlines() == [
        "Reading: 0 of 100",
        "Reading: 51 of 100, so far so good",
        "Reading: 51 of 100, so far so good - done",
    ]


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, follower = os.openpty()
    with os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        with progress() as shown:
            task = shown.task("Reading 🎤")
            task.update(advance=3)
            task.finish()
        terminal.flush()
        os.set_blocking(leader, False)
        seen = b""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(leader, 100_000):
                seen += part
    os.close(leader)
    assert "Reading 🎤" in seen.decode()
    assert "3/3" in seen.decode()


def test_help_lists_the_commands_without_importing_them() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    for name in (
        "demo",
        "migrate",
        "serve",
        "worker",
        "doctor",
        "organisation",
        "user",
        "account",
        "sync",
        "sales",
    ):
        assert f"  {name} " in result.output
