"""An organisation that needs a second factor of its members; the mails about one's own sign-in; keys that rotate."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core import mail
from django.db import models
from django.test import Client, override_settings
from django.utils import timezone

from housecount.installation import environment, keys
from housecount.tenancy import crypto, second_factor, services, tokens
from housecount.tenancy.errors import Invalid
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import Organisation
from tests.tenancy.test_site_security import from_somewhere
from tests.tenancy.test_two_factor import CODE, LOGIN, OFF, RECOVERY, begin, code, is_in, switch_on
from tests.world import PASSWORD, House, Person, make_house, make_person

SWITCH = "/settings/second-factor/"


@pytest.fixture
def house(database: str) -> House:
    return make_house()


def needed_since(house: House, ago: timedelta) -> None:
    with acting_as(house.system):
        Organisation.objects.filter(pk=house.organisation.pk).update(second_factor_from=timezone.now() - ago)


def since(house: House) -> object:
    with acting_as(house.system):
        return Organisation.objects.get(pk=house.organisation.pk).second_factor_from


# --- Asking it of everybody ---------------------------------------------------------------------------
def test_an_admin_who_has_one_asks_it_of_everybody_and_takes_it_back(house: House) -> None:
    plain = house.admin.signed_in()
    page = plain.get("/settings/").content.decode()
    assert "switch on your own" in page
    assert (
        "own two-factor sign-in first" in plain.post(SWITCH, {"needed": "yes"}, follow=True).content.decode()
    )
    assert since(house) is None
    client, _, _ = switch_on(house.admin)
    assert "Ask a second factor of everybody" in client.get("/settings/").content.decode()
    said = client.post(SWITCH, {"needed": "yes"}, follow=True).content.decode()
    assert "members need a second factor" in said
    begins = since(house)
    assert begins is not None
    client.post(SWITCH, {"needed": "yes"})
    assert since(house) == begins, "asking again gives nobody less time, or more"
    for other in (house.promoter, house.act):
        page = other.signed_in().get("/").content.decode()
        assert "will need two-factor sign-in from" in page
        assert other.signed_in().post(SWITCH, {"needed": "no"}).status_code == 403
    assert "will need two-factor" not in client.get("/").content.decode()
    client.post(SWITCH, {"needed": "no"})
    assert since(house) is None
    assert "will need two-factor" not in house.promoter.signed_in().get("/").content.decode()


def test_whoever_has_none_is_led_to_it_and_then_goes_on(house: House) -> None:
    needed_since(house, timedelta(seconds=1))
    person = house.promoter
    client, _ = begin(person)
    for path in ("/", "/settings/", "/sync/", "/invoices/"):
        held = client.get(path)
        assert held.status_code == 403, path
        text = held.content.decode()
        assert 'href="/account/two-factor/on/"' in text
        assert house.organisation.name in text
    for path in ("/api/v1/sales", "/live/who"):
        refused = client.get(path)
        assert refused.status_code == 403
        assert refused.json()["code"] == "second_factor_needed"
    assert client.post("/settings/", {"name": "x"}).status_code == 403
    assert client.get("/account/password/change/").status_code == 200
    on, _, _ = switch_on(person)
    assert on.get("/").status_code == 200
    assert client.get("/").status_code == 302, "what a password alone began has ended"


def test_another_organisation_is_not_held_back_and_tokens_go_on(house: House) -> None:
    elsewhere = make_house()
    with acting_as(elsewhere.system):
        services._join(elsewhere.organisation.pk, house.promoter.user, Role.PROMOTER)
    with acting_as(house.promoter.identity):
        _, secret = tokens.create(
            house.organisation.pk,
            house.promoter.membership,
            name="till",
            role="promoter",
            scopes=["sales:read"],
        )
    needed_since(house, timedelta(seconds=1))
    client = house.promoter.signed_in()
    client.post(f"/organisation/{house.organisation.slug}/")
    held = client.get("/")
    assert held.status_code == 403
    assert elsewhere.organisation.name in held.content.decode()
    client.post(f"/organisation/{elsewhere.organisation.slug}/")
    assert client.get("/").status_code == 200
    bearer = Client(headers={"Authorization": f"Bearer {secret.reveal()}"})
    assert bearer.get("/api/v1/sales").status_code == 200


def test_nobody_asks_it_without_having_one(house: House) -> None:
    with acting_as(house.admin.identity), pytest.raises(Invalid, match="your own"):
        second_factor.ask_of_everybody(house.organisation, needed=True, by=house.admin.user)


# --- Mails about one's own sign-in --------------------------------------------------------------------
def told(person: Person) -> list[str]:
    found = [
        each.subject.removeprefix("Housecount: ") for each in mail.outbox if each.to == [person.user.email]
    ]
    mail.outbox.clear()
    return found


def test_a_person_is_told_of_every_change_to_their_own_sign_in(house: House) -> None:
    person = make_person(house.organisation, Role.PROMOTER)
    client, _, _ = switch_on(person)
    assert told(person) == ["signed in from a new browser", "two-factor sign-in is on"]
    client.post(f"{RECOVERY}new/")
    assert told(person) == ["new recovery codes"]
    fresh = client.get(f"{RECOVERY}file/").content.decode().split()
    there, _ = begin(person)
    there.post(CODE, {"code": fresh[0]})
    assert is_in(there)
    assert any("9 of them are left" in str(each.body) for each in mail.outbox)
    assert sorted(told(person)) == ["a recovery code was used", "signed in from a new browser"]
    client.post(OFF)
    assert told(person) == ["two-factor sign-in is off"]
    asked = {"oldpassword": PASSWORD, "password1": "another long word 1", "password2": "another long word 1"}
    client.post("/account/password/change/", asked)
    assert told(person) == ["your password was changed"]


def test_a_browser_that_is_known_is_not_told_of_again_and_strangers_cause_no_mail(house: House) -> None:
    person = make_person(house.organisation, Role.ACT)
    client = from_somewhere()
    client.post(LOGIN, {"login": person.user.email, "password": "wrong"})
    assert told(person) == []
    client.post(
        LOGIN, {"login": person.user.email, "password": PASSWORD}, headers={"User-Agent": "Firefox Linux"}
    )
    [message] = mail.outbox
    assert "Firefox on Linux" in str(message.body)
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", str(message.body)), "no address of the network"
    assert told(person) == ["signed in from a new browser"]
    client.post("/account/logout/")
    client.post(LOGIN, {"login": person.user.email, "password": PASSWORD})
    assert is_in(client)
    assert told(person) == []
    cookie = client.cookies["housecount-known"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert person.user.email not in cookie.value
    assert str(person.user.pk) not in cookie.value
    other = from_somewhere()
    other.cookies["housecount-known"] = cookie.value[:-2] + "xx"
    other.post(LOGIN, {"login": person.user.email, "password": PASSWORD})
    assert told(person) == ["signed in from a new browser"], "a cookie that was made up counts for nothing"


def test_without_mail_settings_nothing_is_printed(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    person = make_person(house.organisation, Role.ACT)
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend"):
        begin(person)
    assert "new browser" not in capsys.readouterr().out
    begin(person)
    assert told(person) == ["signed in from a new browser"]


def test_whoever_comes_by_invitation_is_new_everywhere_and_not_told(house: House) -> None:
    with acting_as(house.admin.identity):
        _, token = services.invite(house.organisation.pk, f"new.{house.marker}@example.com", "act", None)
    client = from_somewhere()
    client.post(f"/invitation/{token}/", {"name": "New", "password": "a long word that is new"})
    assert is_in(client)
    assert mail.outbox == []
    client.post("/account/logout/")
    client.post(LOGIN, {"login": f"new.{house.marker}@example.com", "password": "a long word that is new"})
    assert mail.outbox == [], "the browser is known since"


def test_the_person_is_told_when_the_operator_forgets_their_second_factor(house: House) -> None:
    person = make_person(house.organisation, Role.PROMOTER)
    switch_on(person)
    mail.outbox.clear()
    services.forget_second_factor(person.user.email)
    assert told(person) == ["two-factor sign-in is off"]


# --- Keys that rotate ---------------------------------------------------------------------------------
#: Binary columns that hold no secret: what they are.
NO_SECRETS = {
    "tenancy.Invitation.token_hash": "a hash of 256 random bits",
    "tenancy.ApiToken.token_hash": "a hash of 256 random bits",
    "tenancy.ApiAnswer.request_hash": "a hash",
    "tenancy.ApiAnswer.content": "an answer of the API, for a day",
    "box_office.Listing.record_hash": "a hash",
    "box_office.RawRecord.content_hash": "a hash",
    "box_office.RawRecord.payload": "what a platform said, without personal fields",
    "box_office.Order.record_hash": "a hash",
    "box_office.Order.buyer_hash": "a keyed hash; the key is not one of the ring",
    "box_office.Ticket.record_hash": "a hash",
    "sync.HookDoor.token_hash": "a hash of 256 random bits",
    "intake.Hook.body": "what a webhook said, without secrets",
    "invoices.Logo.content": "a picture",
    "invoices.Link.token_hash": "a hash of 256 random bits",
    "invoices.DocumentFile.content": "a file",
}


def test_every_binary_column_is_rotated_or_holds_no_secret() -> None:
    """A new column is one of either: whoever adds it says which."""
    binary = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.BinaryField)
    }
    rotated = crypto.secret_columns()
    assert binary - rotated - set(NO_SECRETS) == set()
    assert rotated & set(NO_SECRETS) == set()
    assert rotated - binary == {"mfa.Authenticator.data"}


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    first = environment.load().encryption_keys

    def use(*found: str) -> None:
        monkeypatch.setenv("HOUSECOUNT_ENCRYPTION_KEYS", ",".join(found))
        environment.load.cache_clear()

    yield use
    # Other tests on this database know the first ring only.
    use(*first, *dict.fromkeys(environment.load().encryption_keys))
    crypto.rotate_secrets()
    monkeypatch.undo()
    environment.load.cache_clear()


def test_second_factors_are_encrypted_anew_with_the_other_secrets(
    house: House, ring: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crypto, "_organisation_ids", lambda: [house.organisation.pk])
    _, secret, codes = switch_on(house.promoter)
    old, new = environment.load().encryption_keys, keys.new_encryption_key()
    ring(new, *old)  # type: ignore[operator]
    assert crypto.rotate_secrets()["mfa.Authenticator.data"] >= 2
    ring(new)  # type: ignore[operator]
    with acting_as(Identity.nobody()):
        assert Authenticator.objects.filter(user_id=house.promoter.user.pk).count() == 2
    client, _ = begin(house.promoter)
    client.post(CODE, {"code": code(secret)})
    assert is_in(client)
    again, _ = begin(house.promoter)
    again.post(CODE, {"code": codes[0]})
    assert is_in(again)
