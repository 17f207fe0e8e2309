"""Mails are posted at once, so that a test can read them; passwords are hashed quickly."""

from collections.abc import Iterator

import pytest
from django.test import override_settings


@pytest.fixture(autouse=True)
def posted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from housecount.tenancy import mails

    monkeypatch.setattr(mails, "post_later", mails._deliver)


@pytest.fixture(autouse=True, scope="module")
def hashed_quickly() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=["tests.world.QuickHasher"]):
        yield
