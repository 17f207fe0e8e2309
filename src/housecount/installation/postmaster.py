"""The server's main process: which it is, whether it lives, and how to end it."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from housecount.installation import files

_STOP_SECONDS = 20
# Fast shutdown; immediate shutdown, after which the next start recovers; and what nothing can refuse.
_WAYS_TO_END = ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))


def pid_of(data: Path) -> int | None:
    """The process number that the data directory's pid file tells, alive or not."""
    try:
        first = (data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]
    except OSError:
        return None
    return int(first) if first.strip().isdecimal() else None


def is_server(pid: int | None, data: Path) -> bool:
    """Whether this process is the server of `data`, and not another that got a dead one's number."""
    if pid is None or not files.process_alive(pid):
        return False
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    return files.process_name(pid).startswith("postgres")


def running(data: Path) -> bool:
    """Whether a server runs on `data` now, whoever started it."""
    return is_server(pid_of(data), data)


def disown_stale_pid(data: Path) -> None:
    """Let a new server start where a dead one left its pid file and the number lives on as something else.

    PostgreSQL takes the number of its own parent for stale and then still makes sure that no back end of
    the old server touches the data; deleting the file would lose that protection.
    """
    path = data / "postmaster.pid"
    pid = pid_of(data)
    if pid and files.process_state(pid) and not is_server(pid, data):
        lines = path.read_text(encoding="utf-8").split("\n")
        path.write_text("\n".join([str(os.getpid()), *lines[1:]]), encoding="utf-8")


def end(data: Path, child: "subprocess.Popen[bytes] | None") -> None:
    """Stop the server of `data` (or the one we started and that has not said its number yet), and wait."""
    pid = pid_of(data)
    if not is_server(pid, data):
        pid = child.pid if child is not None and child.poll() is None else None
    for number, seconds in _WAYS_TO_END:
        if pid is None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _gone(pid, child, seconds):
            break
    if child is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=1)


def _gone(pid: int, child: "subprocess.Popen[bytes] | None", seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child is not None:
            child.poll()
        if not files.process_alive(pid):
            return True
        time.sleep(0.01)
    return False
