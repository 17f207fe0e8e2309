"""Liveness needs nothing; readiness needs a database with this version's tables, and says what is missing."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from housecount.installation import migrations
from housecount.installation.errors import DatabaseUnavailable


def test_alive_without_the_database(database: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        response = Client().get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert not captured.captured_queries
    assert "no-store" in response["Cache-Control"]


def test_ready(database: str) -> None:
    response = Client().get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True, "reasons": []})


def test_not_ready_before_the_migration(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "behind", lambda _: True)
    response = Client().get("/readyz")
    assert response.status_code == 503
    [reason] = response.json()["reasons"]
    assert reason["code"] == "not_migrated"
    assert "housecount migrate" in reason["message"]


def test_not_ready_without_a_database(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 1 of this machine refuses connections.
    monkeypatch.setattr(
        "housecount.installation.database.application_url",
        lambda: "postgresql://app:a-password@127.0.0.1:1/housecount",
    )
    response = Client().get("/readyz")
    assert response.status_code == 503
    [reason] = response.json()["reasons"]
    assert reason["code"] == DatabaseUnavailable.code
    assert "a-password" not in response.content.decode()


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_nothing_is_changed_by_asking(database: str, address: str) -> None:
    assert Client().post(address).status_code in {403, 405}
