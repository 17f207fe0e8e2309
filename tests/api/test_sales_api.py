"""The API's count is the count of the commands, for those who may see it."""

import json
from uuid import uuid4

import pytest
from django.test import Client

from tests.web.stage import Stage


@pytest.fixture
def stage(database: str) -> Stage:
    stage = Stage()
    stage.put_on(sold=2)
    stage.put_on(platform="humanitix", sold=1)
    stage.put_on("Another", days=20, sold=4, venue="Attic", fresh=False)
    return stage


def problem(client: Client, address: str, status: int, code: str) -> dict[str, object]:
    response = client.get(address)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    document: dict[str, object] = response.json()
    assert (document["status"], document["code"]) == (status, code)
    assert document["detail"]
    assert document["next_step"] in {"retry", "retry_after", "ask_a_person", "never"}
    return document


@pytest.mark.parametrize("role", ["admin", "promoter", "bookkeeper"])
def test_the_same_document_as_the_commands(stage: Stage, role: str) -> None:
    response = getattr(stage.house, role).signed_in().get("/api/v1/sales")
    assert response.status_code == 200
    expected = json.loads(json.dumps(stage.document()))
    got = response.json()
    for document in (expected, got):
        for show in document["shows"]:
            for listing in show["listings"]:
                listing.pop("stale_reason", None)  # may name an age, which goes on while the test runs
    assert got == expected
    assert [show["totals"]["sold"] for show in got["shows"]] == [3, 4]


def test_one_show(stage: Stage) -> None:
    show = stage.document()["shows"][1]
    response = stage.house.admin.signed_in().get(f"/api/v1/sales?show={show['id']}")
    assert [each["id"] for each in response.json()["shows"]] == [show["id"]]


def test_what_is_not_there_or_not_ours(stage: Stage) -> None:
    theirs = Stage()
    show_id = theirs.put_on("Theirs").show_id
    client = stage.house.admin.signed_in()
    problem(client, f"/api/v1/sales?show={uuid4()}", 404, "not_found")
    problem(client, f"/api/v1/sales?show={show_id}", 404, "not_found")
    assert b"Theirs" not in client.get("/api/v1/sales").content


def test_a_wrong_id_is_named(stage: Stage) -> None:
    document = problem(stage.house.admin.signed_in(), "/api/v1/sales?show=nonsense", 422, "invalid")
    assert "show" in str(document["errors"])


def test_strangers_and_acts_are_refused(stage: Stage) -> None:
    problem(Client(), "/api/v1/sales", 401, "sign_in_needed")
    problem(stage.house.act.signed_in(), "/api/v1/sales", 403, "not_for_role")


def test_an_address_that_is_not_there(database: str) -> None:
    for address in ("/api/v1/", "/api/v1/nothing", "/api/v1/sales/x"):
        problem(Client(), address, 404, "not_found")


def test_a_mistake_of_ours_is_a_problem_document_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise KeyError("a detail")

    monkeypatch.setattr("housecount.api.shows.sales_document", breaks)
    document = problem(stage.house.admin.signed_in(), "/api/v1/sales", 500, "our_mistake")
    assert "a detail" not in str(document)


def test_it_describes_itself(stage: Stage) -> None:
    document = Client().get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.")
    assert "/api/v1/sales" in document["paths"]
    figures = set(stage.document()["shows"][0]["totals"])
    assert set(document["components"]["schemas"]["FiguresOut"]["properties"]) == figures
    listing = set(stage.document()["shows"][0]["listings"][0])
    assert set(document["components"]["schemas"]["ListingOut"]["properties"]) == listing
