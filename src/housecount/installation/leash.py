"""Child processes that never outlive their parent, however it ends.

Run as a program, it puts another module of this Python on the leash: `python -m housecount.installation.leash
PARENT MODULE ARGUMENT...`, where PARENT is the process number of who starts it.
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


def die_with_parent(parent: int) -> None:
    """Get a SIGTERM when the process `parent` is gone, and end for good when that does not help.

    On Linux the kernel sends it at once; everywhere a thread looks now and then who the parent is. The
    number is told, not asked for: the parent may be gone before a child comes to ask.
    """
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
    """The command line that runs a module of this Python as our child on the leash."""
    return [sys.executable, "-m", "housecount.installation.leash", str(os.getpid()), module, *arguments]


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
