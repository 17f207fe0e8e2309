"""The processes of an installation, kept running as a service manager would, and killed as fate would."""

import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

_STOP_SECONDS = 20.0


class Member:
    """One process: a command that is started again whenever it ends. `role` is what it is one of several of."""

    def __init__(
        self, role: str, name: str, command: Sequence[str], surroundings: Mapping[str, str], log: Path
    ) -> None:
        self.role = role
        self.name = name
        self._command = command
        self._surroundings = dict(surroundings)
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        #: When it may be started again, by the monotonic clock; None: never.
        self.due: float | None = 0.0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Starts it now. Only from the main thread: on Linux a child on the leash ends with the thread that made it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env=self._surroundings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1

    def signal(self, number: signal.Signals) -> None:
        """To the process itself and not to what it started, as `kill -9 PID` does."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def end(self) -> None:
        """Kills it and all that it started, and waits."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Company:
    """Some members. Call `tend` again and again: it starts those that ended, after the pause they were given."""

    def __init__(self, members: Sequence[Member] = ()) -> None:
        self.members = list(members)
        #: How many of each role ended without having been told to.
        self.fallen: Counter[str] = Counter()
        self._told: set[str] = set()

    def of(self, role: str) -> list[Member]:
        return [member for member in self.members if member.role == role]

    def tend(self) -> None:
        """Starts what is down and due."""
        now = time.monotonic()
        for member in self.members:
            if member.alive:
                continue
            if member.process is not None:
                if member.name not in self._told:
                    self.fallen[member.role] += 1
                    member.due = now + 0.5
                self._told.discard(member.name)
                member.end()  # what it left behind
                member.process = None
            if member.due is not None and now >= member.due:
                member.start()

    def strike(self, member: Member, number: signal.Signals, pause: float) -> None:
        """Sends a deadly signal; the member is started again `pause` seconds after it ended was noticed."""
        if not member.alive:
            return
        self._told.add(member.name)
        member.due = time.monotonic() + pause
        member.signal(number)

    def lose(self, member: Member) -> None:
        """Kill -9, and it never comes back."""
        self._told.add(member.name)
        member.due = None
        member.signal(signal.SIGKILL)

    def stop(self) -> list[str]:
        """SIGTERM to all; waits. The names of those that did not end in time and had to be killed."""
        for member in self.members:
            member.signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        late = []
        for member in self.members:
            if member.process is None:
                continue
            try:
                member.process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                late.append(member.name)
            member.end()
        return late
