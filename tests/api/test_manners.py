"""What every address does alike: kinds, sizes, methods, ETags, limits."""

import re

import pytest
from django.test import Client

from housecount.tenancy import tokens
from tests.api.caller import Caller, token_of
from tests.world import House, make_house


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


@pytest.fixture(scope="module")
def caller(house: House) -> Caller:
    return Caller(token_of(house.admin))


def code(response: object) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json"  # type: ignore[index]
    return response.status_code, response.json()["code"]  # type: ignore[attr-defined]


def test_methods_that_are_not_there(caller: Caller) -> None:
    for method, path, allowed in (
        ("DELETE", "/shows", "GET"), ("PUT", "/documents", "GET, POST"), ("TRACE", "/me", "GET"),
        ("POST", "/openapi.json", None),
    ):  # fmt: skip
        answer = caller.ask(method, path)
        if allowed is not None:
            assert code(answer) == (405, "method_not_allowed")
            assert answer["Allow"] == allowed
    assert code(caller.ask("GET", "/nothing")) == (404, "not_found")
    assert code(caller.ask("POST", "/shows/x/merge")) == (404, "not_found")


def test_kinds_and_sizes(caller: Caller) -> None:
    assert code(caller.ask("GET", "/me", Accept="text/html")) == (406, "not_acceptable")
    for accepted in ("*/*", "application/*", "text/html, application/json;q=0.5"):
        assert caller.ask("GET", "/me", Accept=accepted).status_code == 200
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        assert code(caller.ask("POST", "/parties", "a=b", content_type=kind)) == (415, "not_json")
    assert code(caller.ask("POST", "/parties", {}, content_type="application/json; charset=utf-8"))[0] == 422
    assert code(caller.ask("POST", "/parties", b" " * 2_700_000)) == (413, "too_large")
    assert code(caller.ask("POST", "/parties", b"\xff\xfe")) == (422, "invalid")


def test_what_has_not_changed_is_not_sent_again(caller: Caller) -> None:
    first = caller.ask("GET", "/organisation")
    etag = first["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = caller.ask("GET", "/organisation", If_None_Match=known)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    assert caller.ask("GET", "/organisation", If_None_Match='"x"').content == first.content
    assert caller.ask("GET", "/organisation", If_None_Match="nonsense").status_code == 200


def test_head_is_get_without_its_body(caller: Caller) -> None:
    got, head = caller.ask("GET", "/organisation"), caller.ask("HEAD", "/organisation")
    assert (head.status_code, head.content) == (200, b"")
    assert (head["ETag"], head["Content-Length"]) == (got["ETag"], str(len(got.content)))


def test_a_token_is_told_what_is_left(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "LIMIT", 2)
    caller = Caller(token_of(house.admin))
    first = caller.ask("GET", "/me")
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("2", "1")
    assert 0 < int(first["RateLimit-Reset"]) <= 60
    assert caller.ask("GET", "/me")["RateLimit-Remaining"] == "0"
    refused = caller.ask("GET", "/me")
    assert code(refused) == (429, "too_many_requests")
    assert refused["RateLimit-Remaining"] == "0"
    assert 0 < int(refused["Retry-After"]) <= 60
    assert "RateLimit-Limit" not in house.admin.signed_in().get("/api/v1/me")


def test_cursors_that_are_none(caller: Caller) -> None:
    for path in ("/shows", "/venues", "/runs", "/gaps", "/hooks", "/parties", "/agreements", "/documents",
                 "/payments", "/audit"):  # fmt: skip
        assert caller.get(path)["next"] is None, path
        for cursor in ("x", "WyIxIl0", "WyJ4IiwieCJd", "WyJcdTAwMDAiLCJcdTAwMDAiXQ"):
            if (path, cursor) != ("/audit", "WyIxIl0"):  # that one is its own
                assert caller.get(f"{path}?cursor={cursor}", 422)["code"] == "bad_cursor", (path, cursor)
        for limit in ("0", "201", "x"):
            assert caller.get(f"{path}?limit={limit}", 422)["code"] == "invalid", (path, limit)


def test_it_is_described_for_everybody(database: str) -> None:
    answer = Client().get("/api/v1/openapi.json")
    assert answer.json()["openapi"] == "3.1.0"
    assert Client().get("/api/v1/openapi.json", headers={"If-None-Match": answer["ETag"]}).status_code == 304
