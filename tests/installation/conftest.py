"""Homes for installations of their own, apart from the one the other tests use."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from housecount.installation.postgres import EmbeddedServer


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that any user can pass through and that holds nothing; its servers are stopped afterwards.

    Short, because a socket's path is; with a space, because people's are.
    """
    directory = Path(tempfile.mkdtemp(prefix="hc "))
    directory.chmod(0o711)
    yield directory
    for file in directory.rglob("database.json"):
        server = EmbeddedServer(file.parent, fsync=False)
        if server.running():
            server.start()
            server.stop()
    shutil.rmtree(directory, ignore_errors=True)
