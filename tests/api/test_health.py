"""Liveness needs nothing; readiness needs a database with this version's tables, and says what is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.test import Client
from django.test.utils import CaptureQueriesContext

from housecount.installation import migrations
from housecount.installation.errors import DatabaseUnavailable
from housecount.tenancy.identity import Identity, acting_as


def test_alive_without_the_database(database: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        response = Client().get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert not captured.captured_queries
    assert "no-store" in response["Cache-Control"]


@contextmanager
def workers(*seconds_ago: int) -> Iterator[None]:
    """Only workers that were last seen so long ago."""

    def clear(cursor: CursorWrapper) -> None:
        cursor.execute("DELETE FROM procrastinate_workers")

    with acting_as(Identity.system()), connection.cursor() as cursor:
        clear(cursor)
        for seconds in seconds_ago:
            cursor.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - %s * interval '1 second')",
                [seconds],
            )
    yield
    with acting_as(Identity.system()), connection.cursor() as cursor:
        clear(cursor)


def test_ready(database: str) -> None:
    with workers(5):
        response = Client().get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True, "reasons": [], "notes": []})


@pytest.mark.parametrize("seconds_ago", [(), (90, 3600)])
def test_ready_without_a_worker_which_is_noted(database: str, seconds_ago: tuple[int, ...]) -> None:
    with workers(*seconds_ago):
        response = Client().get("/readyz")
    document = response.json()
    assert (response.status_code, document["ready"], document["reasons"]) == (200, True, [])
    [note] = document["notes"]
    assert note["code"] == "no_worker"
    assert "housecount worker" in note["message"]


def test_not_ready_when_the_database_breaks_off(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> bool:
        raise OperationalError("server closed the connection unexpectedly; host=db.example password=x")

    monkeypatch.setattr("housecount.api.health._worker_seen", broken)
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (503, False)
    assert response.json()["reasons"][0]["code"] == "database_unavailable"
    assert "db.example" not in response.content.decode()


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
