"""Fixtures of the page tests."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.web.books import Books
    from tests.web.stage import Stage


@pytest.fixture
def stage(database: str) -> "Stage":
    """A house of its own with two accounts."""
    from tests.web.stage import Stage  # models cannot be imported before Django is set up

    return Stage()


@pytest.fixture
def books(database: str) -> "Books":
    """A house that keeps books, to write in by hand; no mail has been sent."""
    from django.core import mail as outbox

    from tests.web.books import Books

    outbox.outbox = []
    return Books()
