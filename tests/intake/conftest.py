"""The stage that tests of the intake stand on."""

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.intake.post import Post
    from tests.sync.theatre import Theatre


@pytest.fixture
def stage(database: str) -> "Iterator[Theatre]":
    """A promoter whose accounts were read once, whole."""
    from tests.sync.theatre import theatre  # needs Django, which is not set up when this file is read

    with theatre() as made:
        assert [run.error for run in made.read()] == ["", "", ""]
        yield made


@pytest.fixture
def post(stage: "Theatre") -> "Iterator[Post]":
    """Delivers hooks to the stage's accounts."""
    from tests.intake.post import Post

    made = Post(stage)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def sockets_let_go() -> Iterator[None]:
    """What nobody holds any more is let go of when the test ends, and not in the middle of another."""
    yield
    gc.collect()
