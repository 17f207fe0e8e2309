"""A process on a machine of its own, as far as the network goes.

`unshare -rn python -m tests.faults.namespace SPEC MODULE ARGUMENT...` runs a module where no address is shared with
anybody: only Unix sockets lead out and in. SPEC is JSON: `{"parent": process number, "out": {port: path}, "in": {path:
port}}`, ports of this machine's loopback and paths of sockets.
"""

import array
import fcntl
import json
import os
import runpy
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack

from housecount.installation import leash
from tests.faults.front_door import FrontDoor

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


def possible() -> bool:
    """Whether this machine lets us make network namespaces."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    return subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode == 0


def command(module: str, *arguments: str, out: Mapping[int, str], into: Mapping[str, int]) -> list[str]:
    """The command line that runs a module of this Python in a namespace of its own, on the leash."""
    spec = json.dumps({"parent": os.getpid(), "out": out, "in": into})
    return ["unshare", "-rn", sys.executable, "-m", "tests.faults.namespace", spec, module, *arguments]


def _switch_loopback_on() -> None:
    with socket.socket() as any_socket:
        request = array.array("B", struct.pack("16sh14x", b"lo", 0))
        fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
        (flags,) = struct.unpack_from("h", request, 16)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _main() -> None:
    spec = json.loads(sys.argv[1])
    leash.die_with_parent(spec["parent"])
    _switch_loopback_on()
    with ExitStack() as stack:
        for port, path in spec["out"].items():
            stack.enter_context(FrontDoor([path], port=int(port)))
        for path, port in spec["in"].items():
            stack.enter_context(FrontDoor([("127.0.0.1", port)], path=path))
        sys.argv = sys.argv[2:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
