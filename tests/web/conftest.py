"""Fixtures of the page tests."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.web.stage import Stage


@pytest.fixture
def stage(database: str) -> "Stage":
    """A house of its own with two accounts."""
    from tests.web.stage import Stage  # models cannot be imported before Django is set up

    return Stage()
