"""Small things about files, locks and processes that the launcher and the keys share."""

import contextlib
import fcntl
import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from housecount.installation.errors import DatabaseUnavailable, HomeUnusable

_LOCK_POLL_SECONDS = 0.05
_HAS_PROC = Path("/proc/self/stat").exists()


def ensure_home(home: Path) -> Path:
    """Make `home` and answer it as an absolute path.

    Only its owner may list it. As root it can be passed through by the server's user, who needs to reach
    its own directory below; every secret in it is a file that its owner alone can read.
    """
    home = home.expanduser().absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if os.access(home, os.W_OK | os.X_OK) and home.stat().st_uid == os.geteuid():
            home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise HomeUnusable(
            f"Housecount cannot use {home} for its files ({error.strerror}). "
            "Set HOUSECOUNT_HOME to a directory you can write to."
        ) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise HomeUnusable(
            f"Housecount may not write to {home}. Set HOUSECOUNT_HOME to a directory you can write to, "
            "or run it as the user who owns that one."
        )
    return home


def write_private(path: Path, text: str, *, replace: bool = True) -> bool:
    """Write `text` so that it is there whole or not at all, readable by its owner alone.

    With `replace=False` an existing file stays as it is. Answers whether the file is ours.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(name).replace(path)
            return True
        try:
            os.link(name, path)
        except FileExistsError:
            return False
        return True
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()


@contextlib.contextmanager
def exclusive(path: Path, *, seconds: float, busy: str) -> Iterator[None]:
    """Hold the lock on `path` alone. The kernel lets go of it when its holder dies, however it dies.

    Raises DatabaseUnavailable with the sentence `busy` when another process keeps it for `seconds`.
    """
    with open_lock(path) as file:
        deadline = time.monotonic() + seconds
        while not try_lock(file.fileno(), exclusive=True):
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(busy)
            time.sleep(_LOCK_POLL_SECONDS)
        yield


def open_lock(path: Path) -> BinaryIO:
    """A file to lock, which nobody else can open: whoever opens it can lock it."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")


def try_lock(descriptor: int, *, exclusive: bool) -> bool:
    """Take the lock of an open file now, or answer False."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def passable_by_others(path: Path) -> bool:
    """Whether any user of the machine can get to `path` (not: read what is in it)."""
    path = path.resolve()
    return all(
        directory.stat().st_mode & stat.S_IXOTH for directory in [path, *path.parents] if directory.is_dir()
    )


def process_state(pid: int) -> str:
    """One letter as `ps` shows it (R, S, Z, ...), or an empty string when there is no such process."""
    if _HAS_PROC:
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return text.rpartition(")")[2].split()[0]
    found = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()[:1]


def process_alive(pid: int) -> bool:
    """Whether a process runs under this number; one that is dead but not yet reaped does not."""
    return process_state(pid) not in {"", "Z", "X"}


def process_name(pid: int) -> str:
    """The program's short name, or an empty string."""
    if _HAS_PROC:
        try:
            return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            return ""
    found = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return Path(found.stdout.strip()).name if found.stdout.strip() else ""
