"""Making a data directory, and whom the server runs as."""

import errno
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from housecount.installation import binaries
from housecount.installation.errors import DatabaseUnavailable, DiskFull, HomeUnusable

SUPERUSER = "postgres"
# Since PostgreSQL 17 the server itself knows Unicode's letters, whatever the machine's locales.
_BUILTIN_LOCALE_MAJOR = 17
_LOCALE_PARTS = ("collate", "ctype", "messages", "monetary", "numeric", "time")


@dataclass(frozen=True)
class Account:
    """The user of this machine that the server runs as when that is not ourselves."""

    uid: int
    gid: int


class RunAs(TypedDict):
    """Arguments of `subprocess` for the server's programs."""

    cwd: Path
    env: dict[str, str]
    user: int | None
    group: int | None
    extra_groups: list[int] | None
    umask: int


def account_for(data: Path) -> Account | None:
    """Whom the server of `data` runs as; None = ourselves. PostgreSQL refuses to run as root.

    Raises HomeUnusable when the data belongs to another user and we are not root.
    """
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise HomeUnusable(
                f"The database in {data} belongs to another user. Run Housecount as that user or as root, "
                "or set HOUSECOUNT_HOME to another directory."
            )
        return None
    entry = pwd.getpwnam("nobody")
    if data.exists() and (uid := data.stat().st_uid) != 0:
        entry = pwd.getpwuid(uid)
    return Account(entry.pw_uid, entry.pw_gid)


def run_as(account: Account | None, directory: Path) -> RunAs:
    """How to start a program of the server: in a directory it can reach, with nothing of our environment."""
    return {
        "cwd": directory,
        "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        "user": account.uid if account else None,
        "group": account.gid if account else None,
        "extra_groups": [] if account else None,
        "umask": 0o077,
    }


def initialise(data: Path, account: Account | None, password: str, *, fsync: bool) -> None:
    """Make `data` under another name and rename it: there is never half of a data directory."""
    directory = data.parent
    found = binaries.find_binaries(None)
    for abandoned in directory.glob("making-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    try:
        scratch = Path(tempfile.mkdtemp(dir=directory, prefix="making-"))
    except OSError as error:
        raise readable(error, directory) from error
    try:
        password_file = scratch / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password, encoding="utf-8")
        if account:
            os.chown(scratch, account.uid, account.gid)
            os.chown(password_file, account.uid, account.gid)
        command = [
            str(found.directory / "initdb"),
            f"--pgdata={scratch / 'data'}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-instructions",
            *_locale(found.major),
        ]
        if not fsync:
            command.append("--no-sync")
        done = subprocess.run(  # noqa: S603
            command,
            **run_as(account, directory),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            raise failed("make", done.stdout.decode("utf-8", "replace"), directory)
        (scratch / "data").rename(data)
    except OSError as error:
        raise readable(error, directory) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def failed(verb: str, said: str, directory: Path) -> DatabaseUnavailable | DiskFull:
    """The error for what a program of the server said before it gave up."""
    if os.strerror(errno.ENOSPC) in said:
        return DiskFull(f"The disk is full: the embedded database in {directory} could not {verb} its files.")
    lines = [line for line in said.splitlines() if "FATAL" in line or "error" in line.lower()]
    reason = (lines or said.splitlines() or ["it said nothing"])[-1].strip().rstrip(".")
    return DatabaseUnavailable(
        f"Housecount could not {verb} the embedded database in {directory}: {reason}. "
        f"More is in {directory / 'server.log'}."
    )


def readable(error: OSError, directory: Path) -> HomeUnusable | DiskFull:
    """The error for a file operation that failed."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull(f"The disk is full: the embedded database in {directory} could not write its files.")
    return HomeUnusable(f"Housecount cannot use {directory}: {error.strerror}.")


def _locale(major: int) -> list[str]:
    if major < _BUILTIN_LOCALE_MAJOR:
        return ["--no-locale"]
    return [
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        *(f"--lc-{part}=C" for part in _LOCALE_PARTS),
    ]
