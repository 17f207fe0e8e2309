"""Ctrl-C and SIGTERM end a command wherever they meet it."""

import signal
import subprocess
import sys

import pytest

# The signal arrives while a weak reference's callback runs, where Python drops exceptions.
_PROGRAM = """
import signal, sys, weakref
from housecount.cli import main

class Thing: pass

def clearing(_):
    signal.raise_signal(signal.{signal})

def work(prog_name):
    thing = Thing()
    kept = weakref.ref(thing, clearing)
    del thing
    print("went on", flush=True)
    signal.pause()

main.cli = work
main.main()
"""


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 128 + signal.SIGTERM)])
def test_a_signal_that_python_drops_is_not_lost(name: str, status: int) -> None:
    program = _PROGRAM.replace("{signal}", name)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout) == (status, "went on\n"), ended.stderr
    assert "Traceback" not in ended.stderr
