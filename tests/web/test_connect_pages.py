"""Connecting accounts on the pages, against platforms that answer: keys are checked, kept, and never shown."""

from collections.abc import Iterator

import pytest
from django.http import HttpResponse

from housecount.box_office.models import Account, AccountState
from housecount.platforms.registry import SOURCES
from housecount.sync import store
from housecount.sync.models import Agenda, HookDoor
from housecount.tenancy import crypto
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import AuditEntry
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from tests.promoters import new_seed, served
from tests.web.stage import Look, look
from tests.world import House, make_house


@pytest.fixture(scope="module")
def sandbox(database: str) -> Iterator[Sandbox]:
    with served(World.blank(seed=new_seed())) as sandbox:
        yield sandbox


def keys(sandbox: Sandbox) -> tuple[str, str]:
    given = sandbox.world.credentials()
    return given["eventbrite"][0]["token"], given["humanitix"][0]["key"]


def read(answer: HttpResponse) -> str:
    page = Look(answer.content.decode())
    page.check()
    return page.text


def accounts(house: House) -> list[Account]:
    with acting_as(house.system):
        return list(Account.objects.filter(organisation_id=house.organisation.pk).order_by("connected_at"))


def test_every_platform_says_where_its_key_is_found(database: str) -> None:
    house = make_house()
    choice = look(house.admin, "/settings/accounts/connect/")
    assert "/xero/connect/" in choice.links
    for source in SOURCES.values():
        path = f"/settings/accounts/connect/{source.key}/"
        assert path in choice.links
        assert source.connect_steps
        text = look(house.admin, path).text
        assert all(step in text for step in source.connect_steps)
        assert ("Regions you sell in" in text) == bool(source.regions)
        for person in (house.promoter, house.bookkeeper, house.act):
            assert "This page is not for your role" in look(person, path, 403).text
    assert house.admin.signed_in().get("/settings/accounts/connect/ticketsrus/").status_code == 404


def test_an_account_is_connected_changed_and_disconnected(sandbox: Sandbox) -> None:
    house = make_house()
    token, _ = keys(sandbox)
    client = house.admin.signed_in()
    path = "/settings/accounts/connect/eventbrite/"
    for wrong, said in (
        ("", "Paste the Private token of Eventbrite."),
        ("WRONGTOKEN1234567890", "Eventbrite"),
        ("x" * 2_000, "too long"),
    ):
        refused = client.post(path, {"api_key": wrong, "name": "Velvet Room"})
        assert refused.status_code == 422
        text = read(refused)
        assert said in text
        assert b"WRONGTOKEN" not in refused.content
        assert b'value="Velvet Room"' in refused.content, "what was typed stays, but for the key"
    assert accounts(house) == []
    answer = client.post(path, {"api_key": f" {token} ", "name": "Velvet Room"}, follow=True)
    [account] = accounts(house)
    assert answer.redirect_chain == [(f"/sync/#account-{account.pk}", 302)]
    text = read(answer)
    assert "“Velvet Room” is connected." in text
    assert "No public address is set" in text
    assert token.encode() not in answer.content
    assert crypto.decrypt(account.credential).reveal() == token
    with acting_as(house.system):
        assert Agenda.objects.filter(organisation_id=house.organisation.pk, account_id=account.pk).exists()
        added = AuditEntry.objects.get(organisation_id=house.organisation.pk, table="box_office_account")
        assert added.actor_user_id == house.admin.user.pk, "the log knows who it was"
        store.stop_account(store.AccountKey(house.organisation.pk, account.pk), "Eventbrite refuses the key.")
    twin = client.post(path, {"api_key": token})
    assert "This key is connected already" in read(twin)

    new = f"/settings/accounts/{account.pk}/key/"
    assert "Eventbrite refuses the key." in look(house.admin, new).text
    refused = client.post(new, {"api_key": "ANOTHERWRONGTOKEN123"})
    assert refused.status_code == 422
    assert "ANOTHERWRONGTOKEN" not in read(refused)
    assert accounts(house)[0].state == AccountState.STOPPED
    assert "has a new key and is read again" in read(client.post(new, {"api_key": token}, follow=True))
    assert accounts(house)[0].state == AccountState.ACTIVE

    away = f"/settings/accounts/{account.pk}/disconnect/"
    assert "Its key is forgotten" in look(house.admin, away).text
    assert accounts(house)[0].state == AccountState.ACTIVE, "asking does nothing"
    assert "is disconnected and its key is forgotten" in read(client.post(away, follow=True))
    [account] = accounts(house)
    assert (account.state, bytes(account.credential)) == (AccountState.DISCONNECTED, b"")
    with acting_as(house.system):
        assert not HookDoor.objects.filter(organisation_id=house.organisation.pk).exists()
    assert "is disconnected already" in read(client.post(away, follow=True))
    for person in (house.promoter, make_house().admin):
        other = person.signed_in()
        expected = 403 if person is house.promoter else 404
        assert {other.get(each).status_code for each in (new, away)} == {expected}
        assert {other.post(each, {"api_key": token}).status_code for each in (new, away)} == {expected}


def test_regions_are_chosen_among_those_there_are(sandbox: Sandbox) -> None:
    house = make_house()
    _, key = keys(sandbox)
    client = house.admin.signed_in()
    answer = client.post(
        "/settings/accounts/connect/humanitix/", {"api_key": key, "region": ["AU", "NZ", "<b>"]}, follow=True
    )
    assert "is connected" in read(answer)
    [account] = accounts(house)
    assert account.regions == ["AU", "NZ"]


def test_a_platform_that_does_not_answer_is_not_waited_for(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from housecount.installation import environment

    house = make_house()
    with monkeypatch.context() as patch:
        patch.setenv("EVENTBRITE_API_URL", "http://127.0.0.1:9/v3")
        environment.load.cache_clear()
        answer = house.admin.signed_in().post(
            "/settings/accounts/connect/eventbrite/", {"api_key": "SOMETOKEN1234567890"}
        )
    environment.load.cache_clear()
    assert answer.status_code == 422
    assert "Eventbrite cannot be reached" in read(answer)
    assert accounts(house) == []
