"""A home that `housecount migrate` made once for all tests, and copies of it for those that need one of their own.

Making the tables is the slowest thing a test can ask for: what is not about making them starts from a copy.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from housecount.installation import files
from housecount.installation.postgres import EmbeddedServer
from tests.installation.support import housecount, run, surroundings

_PATTERN, _TOLD, _MEMORY = "migrated", "migrate.json", "database.json"
_SECONDS = 240


def pattern(directory: Path | None = None, memory: Path | None = None) -> Path:
    """The home from which others are copied; made by the first who asks. Nothing runs in it.

    `directory`: the session's own. `memory`: a file of database passwords that all copies are to have.
    """
    directory = directory or Path(os.environ["HOUSECOUNT_TEST_HOME"])
    made = directory / _PATTERN
    with files.exclusive(directory / f"{_PATTERN}.lock", seconds=_SECONDS, busy="Another worker makes it."):
        if not made.exists():
            unfinished = Path(tempfile.mkdtemp(dir=directory))
            unfinished.chmod(0o711)  # the server's user passes through
            memory = memory or directory / "server" / _MEMORY
            if memory.exists():
                shutil.copy(memory, unfinished / _MEMORY)
            with EmbeddedServer(unfinished, fsync=False):
                done = run(housecount("migrate", "--json"), surroundings(unfinished), seconds=_SECONDS)
            assert done.returncode == 0, done.stderr
            (unfinished / _TOLD).write_text(done.stdout, encoding="utf-8")
            unfinished.rename(made)
    return made


def told() -> dict[str, Any]:
    """What `housecount migrate --json` said when it made the pattern from nothing."""
    found: dict[str, Any] = json.loads((pattern() / _TOLD).read_text(encoding="utf-8"))
    return found


def furnish(home: Path) -> None:
    """Makes `home`, where there is no database yet, one with all tables, as after `housecount migrate`.

    It keeps its own file of passwords when it has one already; that must then have been the pattern's."""
    source, home = pattern(), files.ensure_home(home)
    if not (home / _MEMORY).exists():
        for path in source.iterdir():
            if path.is_file() and path.name not in {_TOLD, _MEMORY}:
                shutil.copy(path, home / path.name)
        # Where a path is too long for a socket, its place is named after this: no two homes may share it.
        memory = json.loads((source / _MEMORY).read_text(encoding="utf-8")) | {"id": secrets.token_hex(6)}
        files.write_private(home / _MEMORY, json.dumps(memory))
    target = EmbeddedServer(home).directory
    target.mkdir(parents=True, exist_ok=True)
    # As root, the data must stay its server's.
    subprocess.run(["cp", "-a", f"{EmbeddedServer(source).directory}/.", str(target)], check=True)


def begin() -> "subprocess.Popen[bytes]":
    """Makes the pattern beside what goes on here; who needs it waits until it is there."""
    root = Path(__file__).parents[1]
    paths = f"{root / 'src'}{os.pathsep}{root}"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.migrated"], env=os.environ | {"PYTHONPATH": paths}, cwd=root
    )


if __name__ == "__main__":
    pattern()
