"""What the tests of the installation share."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"


def wait_until(condition: Callable[[], object], seconds: float = 30, what: str = "") -> None:
    """Come back as soon as `condition` holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain {what}")
        pause.wait(0.05)  # what is waited for needs the processor, too


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """The variables of a process with its installation in `home`, and none of the tests' own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(SOURCE), "HOUSECOUNT_HOME": str(home), **more}


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A process in a group of its own, which is gone afterwards, whatever happened."""
    with subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def housecount(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "housecount.cli.main", *arguments]


def run(
    command: Sequence[str], environment: Mapping[str, str], stdin: str = "", seconds: float = 120
) -> "subprocess.CompletedProcess[str]":
    """A process from its beginning to its end."""
    return subprocess.run(
        command,
        env=dict(environment),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def read_line(process: "subprocess.Popen[str]", ending_with: str) -> str:
    """What the process says up to and with the line that holds `ending_with`."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if ending_with in line:
            return said
    raise AssertionError(f"it ended before it said {ending_with!r}:\n{said}")


def processes_of(home: Path) -> list[str]:
    """What runs with `home` in its command line or its environment, ourselves and the dead left out."""
    if not Path("/proc/self/stat").exists():
        table = subprocess.run(
            ["/bin/ps", "-Axo", "pid=,stat=,args="], capture_output=True, text=True, check=True
        )
        return [line for line in table.stdout.splitlines() if str(home) in line and " Z" not in line]
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
            dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if os.fsencode(home) in told and not dead and int(entry.name) != os.getpid():
                found.append(f"{entry.name} {told.split(bytes(1) * 2)[0]!r}")
    return found
