"""A write that is sent twice is done once, also at the same moment; and nothing of a refusal is kept."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.http import HttpRequest
from django.utils import timezone

from housecount.api import idempotency
from housecount.invoices.models import Party
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import ApiAnswer
from tests.api.caller import Caller, token_of
from tests.invoices.office import OUR_ABN, document_data, party_data
from tests.world import House, make_house


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


@pytest.fixture(scope="module")
def caller(house: House) -> Caller:
    return Caller(token_of(house.admin))


def named(house: House, name: str) -> int:
    with acting_as(house.system):
        return Party.objects.filter(organisation_id=house.organisation.pk, name=name).count()


def new() -> str:
    return uuid4().hex


def test_the_same_again_is_answered_the_same(house: House, caller: Caller) -> None:
    name, key = new(), new()
    first = caller.ask("POST", "/parties", party_data(name=name), Idempotency_Key=key)
    again = caller.ask("POST", "/parties", party_data(name=name), Idempotency_Key=key)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert named(house, name) == 1
    for method, path, data in (
        ("POST", "/parties", party_data(name=name + "x")),
        ("POST", "/parties?a=1", party_data(name=name)),
        ("PATCH", f"/parties/{first.json()['id']}", party_data(name=name)),
    ):
        assert caller.send(method, path, data, 422, Idempotency_Key=key)["code"] == "idempotency_key_reused"
    caller.post("/parties", party_data(name=name), 201, Idempotency_Key=new())
    caller.post("/parties", party_data(name=name), 201)
    assert named(house, name) == 3


def test_an_empty_answer_is_kept_too(caller: Caller) -> None:
    caller.post("/parties", party_data(name="Own", abn=OUR_ABN) | {"self": True}, 201)
    party = caller.post("/parties", party_data(), 201)
    draft = caller.post("/documents", document_data(party["id"]), 201)
    key = new()
    for _ in range(2):
        assert caller.send("DELETE", f"/documents/{draft['id']}", status=204, Idempotency_Key=key) is None
    caller.send("DELETE", f"/documents/{draft['id']}", status=404)
    draft = caller.post("/documents", document_data(party["id"]), 201)
    told = [caller.post(f"/documents/{draft['id']}/issue", None, Idempotency_Key=key + "2") for _ in range(2)]
    assert told[0] == told[1]
    assert told[0]["number"] == "INV-00001"
    paying = {"amount": 500, "date": "2026-12-01"}
    for _ in range(2):
        paid = caller.post(f"/documents/{draft['id']}/pay", paying, Idempotency_Key=key + "3")
    assert paid["paid"] == 500


def test_keys_belong_to_whoever_sends_them(house: House, caller: Caller) -> None:
    name, key = new(), new()
    for each in (caller, Caller(token_of(house.admin)), Caller(token_of(house.bookkeeper))):
        each.post("/parties", party_data(name=name), 201, Idempotency_Key=key)
    session = house.admin.signed_in()
    for _ in range(2):
        answer = session.post(
            "/api/v1/parties", party_data(name=name), content_type="application/json",
            headers={"Idempotency-Key": key},
        )  # fmt: skip
        assert answer.status_code == 201
    other = make_house()
    Caller(token_of(other.admin)).post("/parties", party_data(name=name), 201, Idempotency_Key=key)
    assert (named(house, name), named(other, name)) == (4, 1)


def test_a_refusal_keeps_nothing(house: House, caller: Caller) -> None:
    name, key = new(), new()
    wrong = [party_data(name=name), party_data(name=name, abn="1")]
    assert caller.post("/parties", wrong, 422, Idempotency_Key=key)["code"] == "not_an_identifier"
    assert named(house, name) == 0
    caller.post("/parties", party_data(name=name), 201, Idempotency_Key=key)
    assert named(house, name) == 1


def test_a_day_later_the_key_is_new(house: House, caller: Caller) -> None:
    name, key = new(), new()
    caller.post("/parties", party_data(name=name), 201, Idempotency_Key=key)
    with acting_as(house.system):
        old = timezone.now() - timedelta(hours=24, seconds=1)
        assert ApiAnswer.objects.filter(key=key).update(created_at=old) == 1
    caller.post("/parties", party_data(name=name + "x"), 201, Idempotency_Key=key)
    assert named(house, name + "x") == 1


@pytest.mark.parametrize("key", ["x" * 101, "schlüssel", "a\tb"])
def test_keys_that_cannot_be(caller: Caller, key: str) -> None:
    assert caller.post("/parties", party_data(), 422, Idempotency_Key=key)["code"] == "invalid"


def in_threads(count: int, work: Any) -> list[Any]:
    """What `count` calls at the same moment hand back."""
    barrier = Barrier(count)

    def one(_: int) -> Any:
        try:
            barrier.wait(20)
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_at_the_same_moment_one_does_it_and_all_are_told(house: House) -> None:
    token = token_of(house.admin)
    for _ in range(3):
        name, key = new(), new()
        answers = in_threads(
            6,
            lambda name=name, key=key: Caller(token).ask(
                "POST", "/parties", party_data(name=name), Idempotency_Key=key
            ),
        )
        assert {each.status_code for each in answers} == {201}
        assert len({each.content for each in answers}) == 1
        assert sum("Idempotency-Replayed" not in each for each in answers) == 1
        assert named(house, name) == 1


def test_when_the_first_fails_the_second_does_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first, which is undone; and one that waits too long is told so."""
    token, name, key = token_of(house.admin), new(), new()
    claimed, go_on = Event(), Event()
    real = idempotency.claim

    def slow(request: HttpRequest) -> None:
        real(request)  # type: ignore[arg-type]
        if "X-First" in request.headers:
            claimed.set()
            assert go_on.wait(20)
            raise RuntimeError("the first breaks")

    monkeypatch.setattr(idempotency, "claim", slow)

    def ask(**headers: str) -> Any:
        try:
            return Caller(token).ask(
                "POST", "/parties", party_data(name=name), Idempotency_Key=key, **headers
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, X_First="1")
        assert claimed.wait(20)
        monkeypatch.setattr(idempotency, "PATIENCE", "50ms")
        busy = pool.submit(ask).result(20)
        assert (busy.status_code, busy.json()["code"]) == (409, "idempotency_key_busy")
        monkeypatch.setattr(idempotency, "PATIENCE", "20s")
        second = pool.submit(ask)
        go_on.set()
        assert first.result(20).status_code == 500
        assert second.result(20).status_code == 201
    assert named(house, name) == 1
