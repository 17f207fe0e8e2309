"""Child processes that never outlive their parent, however it ends.

Run as a program, it puts another module of this Python on the leash: `python -m housecount.installation.leash
MODULE ARGUMENT...`.
"""

import contextlib
import ctypes
import os
import runpy
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 15.0


def die_with_parent() -> None:
    """Get a SIGTERM when the parent is gone, and end for good when that does not help.

    On Linux the kernel sends it at once; everywhere a thread looks now and then who the parent is.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    threading.Thread(target=_watch, args=(parent,), name="leash", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_SECONDS)
    os._exit(1)


def command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of this Python on the leash."""
    return [sys.executable, "-m", "housecount.installation.leash", module, *arguments]


if __name__ == "__main__":
    die_with_parent()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
