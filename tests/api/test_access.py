"""Every operation of the API asks for a token or a session, for its scope and for its role."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from housecount.tenancy.tokens import SCOPES
from tests.api.caller import Caller, token_of
from tests.world import House, make_house

#: Whoever is let in nowhere but here may be anybody.
OPEN_TO_ACTS = {"me", "documents", "document", "document_pdf", "events", "own_shows", "raise_invoice"}
ACTS_ONLY = {"own_shows", "raise_invoice"}
ADMINS_ONLY = {"members", "tokens", "audit", "edit_organisation", "map_xero", "disconnect_xero"}
SELLERS_ONLY = {
    "edit_show", "merge_show", "decline_suggestion", "link_listing", "unlink_listing", "hooks", "hook",
    "replay_hook", "replay_hooks", "dismiss_hook", "restore_suggestion", "revive_show", "read_account", "read_accounts",
    "set_bill", "acts",
}  # fmt: skip


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


@pytest.fixture(scope="module")
def operations(database: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, address with ids of nothing, what is said of it)"""
    found = []
    parts = {
        f"{name}_id": uuid4()
        for name in (
            "show",
            "listing",
            "suggestion",
            "account",
            "party",
            "document",
            "link",
            "delivery",
            "agreement",
            "recurring",
            "token",
        )
    }
    for path, methods in Client().get("/api/v1/openapi.json").json()["paths"].items():
        address = path.format(**parts, hook_id=4711).removeprefix("/api/v1")
        found += [(method.upper(), address, said) for method, said in methods.items()]
    assert len(found) > 40
    return found


def scope_of(said: dict[str, Any]) -> str | None:
    [scopes] = [each["token"] for each in said["security"] if "token" in each]
    assert len(scopes) < 2
    return scopes[0] if scopes else None


def test_nothing_is_told_to_strangers(house: House, operations: list[Any]) -> None:
    without, wrong = Client(), Caller("hc_aaaaaaaa_" + "a" * 43)
    for method, path, _ in operations:
        answer = without.generic(method, f"/api/v1{path}")
        assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_needed"), (method, path)
        assert answer["WWW-Authenticate"].startswith("Bearer")
        answer = wrong.ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_refused"), (method, path)


def test_a_token_does_what_its_scopes_say_and_no_more(house: House, operations: list[Any]) -> None:
    full = {person: Caller(token_of(person)) for person in (house.admin, house.act)}
    lacking = {
        (person, scope): Caller(token_of(person, set(SCOPES) - {scope}))
        for person in full
        for scope in SCOPES
    }
    used = set()
    for method, path, said in operations:
        scope = scope_of(said)
        used.add(scope)
        if scope is None:
            continue
        person = house.act if said["operationId"] in ACTS_ONLY else house.admin
        answer = lacking[person, scope].ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), (method, path)
        assert scope.endswith(":read") == (method == "GET"), (method, path)
        answer = full[person].ask(method, path)
        assert answer.status_code < 500, (method, path)
        assert answer.status_code not in {401, 403}, (method, path)
        assert str(answer.status_code) in said["responses"], (method, path, answer.status_code)
    assert used == {*SCOPES, None}


@pytest.mark.parametrize("role", ["promoter", "bookkeeper", "act"])
def test_roles(house: House, operations: list[Any], role: str) -> None:
    caller = Caller(token_of(getattr(house, role)))
    for method, path, said in operations:
        name = said["operationId"]
        allowed = {
            "promoter": name not in ADMINS_ONLY | ACTS_ONLY,
            "bookkeeper": name not in ADMINS_ONLY | SELLERS_ONLY | ACTS_ONLY,
            "act": name in OPEN_TO_ACTS,
        }[role]
        answer = caller.ask(method, path)
        forbidden = answer.status_code == 403 and answer.json()["code"] == "not_for_role"
        assert forbidden != allowed, (method, path, role, answer.content)


def test_a_token_counts_alone(house: House) -> None:
    """A session that comes along adds nothing, and a bad token is not forgiven for it."""
    client = house.admin.signed_in()
    headers = {"Authorization": f"Bearer {token_of(house.bookkeeper, ['sales:read'])}"}
    assert client.get("/api/v1/me", headers=headers).json()["role"] == "bookkeeper"
    assert client.get("/api/v1/members", headers=headers).status_code == 403
    assert client.get("/api/v1/me", headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.get("/api/v1/me").json()["role"] == "admin"


def test_pages_take_no_token(house: House) -> None:
    client = Client(headers={"Authorization": f"Bearer {token_of(house.admin)}"})
    assert client.get("/people/").status_code == 302
    assert client.get("/settings/tokens/").status_code == 302


def test_me(house: House) -> None:
    me = Caller(token_of(house.admin, ["sync:read", "sales:read"], role="bookkeeper")).get("/me")
    assert me["organisation"]["slug"] == house.organisation.slug
    assert (me["user"], me["role"], me["scopes"]) == (
        str(house.admin.user.pk), "bookkeeper", ["sales:read", "sync:read"],
    )  # fmt: skip
    session = house.act.signed_in().get("/api/v1/me").json()
    assert (session["role"], session["token"], session["scopes"]) == ("act", None, None)
