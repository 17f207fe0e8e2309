"""Several processes that stand and fall together, each started again when it ends unasked."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_LOOK_EVERY_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
_GRACE_SECONDS = 15.0


@dataclass
class Child:
    """A process to keep running. `command` comes from `leash.command`, so that it cannot outlive us.

    What it says on stdout goes to the file `output`, written anew at each start, when one is named; what it
    says on stderr to the file `log`. `leaves`: a file that one who was killed leaves behind.
    """

    name: str
    command: Sequence[str]
    output: Path | None = None
    log: Path | None = None
    leaves: Path | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    failures: int = 0
    due: float = 0.0


class Supervisor:
    """Runs children until it is told to stop, by `stop()`, Ctrl-C, SIGTERM or SIGHUP.

    To be used in the main thread: the kernel ties a child's life to the thread that started it.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: list[Child] = []
        self._stopping = False

    def add(self, child: Child) -> Child:
        """Start a child now."""
        self._children.append(child)
        self._start(child)
        return child

    def stop(self) -> None:
        """Let `run` come back."""
        self._stopping = True

    def run(self) -> None:
        """Watch over the children; comes back when all have ended after being told to."""
        kept = {
            number: signal.signal(number, self._told)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            while not self._stopping:
                self._look()
                time.sleep(_LOOK_EVERY_SECONDS)
        finally:
            try:
                self.end()
            finally:
                for number, handler in kept.items():
                    signal.signal(number, handler)

    def end(self) -> None:
        """Stop all children and wait until they and what they started are gone."""
        for child in self._children:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        for child in self._children:
            if child.process is None:
                continue
            try:
                child.process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"The {child.name} did not stop in time and was killed.")
            # What it left behind in its group, or itself when it would not listen.
            _signal(child, signal.SIGKILL)
            child.process.wait()
            child.process = None
        for child in self._children:
            if child.leaves is not None:
                child.leaves.unlink(missing_ok=True)

    def _told(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _start(self, child: Child) -> None:
        child.started = time.monotonic()
        with contextlib.ExitStack() as opened:
            output = opened.enter_context(child.output.open("wb")) if child.output else None
            log = opened.enter_context(child.log.open("ab")) if child.log else None
            child.process = subprocess.Popen(  # noqa: S603
                child.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                # A group of its own: Ctrl-C reaches us alone, and one signal reaches all that it started.
                start_new_session=True,
            )

    def _look(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.due:
                    self._start(child)
                continue
            status = child.process.poll()
            if status is None:
                continue
            _signal(child, signal.SIGKILL)
            child.process = None
            child.failures = 1 if now - child.started > _STEADY_SECONDS else child.failures + 1
            pause = min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** (child.failures - 1))
            child.due = now + pause
            how = f"signal {-status}" if status < 0 else f"status {status}"
            self._say(f"The {child.name} ended unexpectedly ({how}); starting it again in {pause:.1f} s.")


def _signal(child: Child, number: signal.Signals) -> None:
    if child.process is None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)
