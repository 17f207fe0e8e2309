"""The stage that most tests of the engine stand on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sync.theatre import Theatre


@pytest.fixture
def stage(database: str) -> "Iterator[Theatre]":
    """A promoter whose accounts were never read."""
    from tests.sync.theatre import theatre  # needs Django, which is not set up when this file is read

    with theatre() as made:
        yield made


@pytest.fixture
def read_stage(stage: "Theatre") -> "Theatre":
    """A promoter whose accounts were read once, whole."""
    runs = stage.read()
    assert [run.error for run in runs] == ["", "", ""]
    assert stage.promoter.count() == stage.promoter.truth()
    return stage
