"""The second factor: switching it on, signing in with it, being without the phone, switching it off."""

import re
from uuid import uuid4

import psycopg
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.test import Client

from housecount.installation.postgres import SUPERUSER, EmbeddedServer
from housecount.tenancy import queries, services
from housecount.tenancy.errors import Invalid
from housecount.tenancy.identity import Identity, Role, acting_as
from tests.world import PASSWORD, House, Person, make_house, make_person

LOGIN, CHANGE, CODE = "/account/login/", "/account/password/change/", "/account/two-factor/code/"
ON, OFF, RECOVERY = "/account/two-factor/on/", "/account/two-factor/off/", "/account/two-factor/recovery/"


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


@pytest.fixture
def person(house: House) -> Person:
    return make_person(house.organisation, Role.PROMOTER)


def begin(person: Person) -> tuple[Client, str]:
    """A client whose password was right, and where it was sent."""
    number = uuid4().int
    client = Client(REMOTE_ADDR=f"10.{number % 250}.{number // 250 % 250}.8")
    response = client.post(LOGIN, {"login": person.user.email, "password": PASSWORD})
    assert response.status_code == 302
    return client, response["Location"]


def is_in(client: Client) -> bool:
    return client.get(CHANGE).status_code == 200


def code(secret: str) -> str:
    """What the app shows. Whether it was typed before is forgotten, so that no test waits for the next one."""
    shown = totp.format_hotp_value(totp.hotp_value(secret, list(totp.yield_hotp_counters_from_time())[1]))
    with acting_as(Identity.nobody()):
        for user in Authenticator.objects.values_list("user_id", flat=True):
            cache.delete(f"allauth.mfa.totp.used?user={user}&code={shown}")
    return shown


def switch_on(person: Person) -> tuple[Client, str, list[str]]:
    """A client with the second factor on, its secret, and the recovery codes."""
    client, _ = begin(person)
    asked = client.get(ON)["Location"]
    assert asked.startswith("/account/reauthenticate/")
    assert client.post(asked, {"password": PASSWORD}).status_code == 302
    page = client.get(ON).content.decode()
    assert "<svg" in page
    assert "data:" not in page
    found = re.search(r"tenancy-secret\">(\w+)<", page)
    assert found
    assert "not right" in client.post(ON, {"code": "000000"}).content.decode()
    response = client.post(ON, {"code": code(found[1])}, follow=True)
    codes = re.findall(r"<code>(\d{8})</code>", response.content.decode())
    assert len(codes) == 10
    return client, found[1], codes


def test_signing_in_takes_the_code_too(person: Person) -> None:
    _, secret, _ = switch_on(person)
    client, sent_to = begin(person)
    assert sent_to == CODE
    assert not is_in(client)
    assert "not right" in client.post(CODE, {"code": "123123"}).content.decode()
    assert not is_in(client)
    shown = code(secret)
    assert client.post(CODE, {"code": shown}).status_code == 302
    assert is_in(client)
    again, _ = begin(person)
    again.post(CODE, {"code": shown})
    assert not is_in(again), "a code works once"


def test_a_recovery_code_lets_in_once(person: Person) -> None:
    _, _, codes = switch_on(person)
    for expected in (True, False):
        client, _ = begin(person)
        client.post(CODE, {"code": codes[3]})
        assert is_in(client) is expected


def test_guessing_codes_is_stopped(person: Person) -> None:
    _, _, codes = switch_on(person)
    client, _ = begin(person)
    for _ in range(5):
        client.post(CODE, {"code": "999999"})
    client.post(CODE, {"code": codes[0]})
    assert not is_in(client)


def test_switching_off_asks_who_is_there_first_and_forgets_all(person: Person) -> None:
    client, _, codes = switch_on(person)
    session = client.session
    session["account_authentication_methods"] = []
    session.save()
    asked = client.post(OFF)
    assert asked.status_code == 302
    assert asked["Location"].startswith("/account/reauthenticate/")
    assert "/account/two-factor/again/" in client.get(asked["Location"]).content.decode()
    assert client.get(OFF).status_code == 302
    again = f"/account/two-factor/again/?next={OFF}"
    assert "password instead" in client.get(again).content.decode()
    assert client.post(again, {"code": codes[1]}).status_code == 302
    with acting_as(Identity.nobody()):
        assert not Authenticator.objects.filter(user_id=person.user.pk).exists()
    afterwards, _ = begin(person)
    assert is_in(afterwards)


def test_new_recovery_codes_replace_the_old_ones_and_are_a_file(person: Person) -> None:
    client, _, codes = switch_on(person)
    assert client.post(f"{RECOVERY}new/").status_code == 302
    file = client.get(f"{RECOVERY}file/")
    assert file["Content-Disposition"].startswith("attachment")
    assert file["Cache-Control"].startswith("max-age=0")
    fresh = file.content.decode().split()
    assert len(fresh) == 10
    assert not set(fresh) & set(codes)


def test_the_secret_is_encrypted_its_changes_are_audited_and_nobody_else_sees_it(
    house: House, person: Person, database_server: EmbeddedServer, database: str
) -> None:
    client, secret, codes = switch_on(person)
    assert client.get("/account/two-factor/").status_code == 200
    with psycopg.connect(database_server.url(SUPERUSER, database)) as connection:
        kept = connection.execute(
            "SELECT string_agg(data::text, ' ') FROM mfa_authenticator WHERE user_id = %s", [person.user.pk]
        ).fetchone()
        noted = connection.execute(
            "SELECT string_agg(concat(before, after), ' ') FROM mfa_authenticator a JOIN tenancy_auditentry e"
            " ON e.\"table\" = 'mfa_authenticator' AND e.row_id = a.id::text WHERE a.user_id = %s",
            [person.user.pk],
        ).fetchone()
    assert kept is not None
    assert noted is not None
    for text in (str(kept[0]), str(noted[0])):
        assert text != "None"
        assert secret not in text
        assert not any(each in text for each in codes)
    with acting_as(house.admin.identity):
        assert not Authenticator.objects.filter(user_id=person.user.pk).exists()
        assert not queries.audit_trail(house.organisation.pk, "mfa_authenticator").exists()
    with acting_as(person.identity):
        assert Authenticator.objects.filter(user_id=person.user.pk).count() == 2


def test_whoever_runs_the_installation_lets_in_a_person_without_their_phone(person: Person) -> None:
    client, _, _ = switch_on(person)
    services.forget_second_factor(person.user.email.upper())
    assert not is_in(client)
    afterwards, _ = begin(person)
    assert is_in(afterwards)
    for email, words in ((person.user.email, "already"), (f"{uuid4().hex}@example.com", "Nobody signs in")):
        with pytest.raises(Invalid, match=words):
            services.forget_second_factor(email)


def test_strangers_are_sent_to_sign_in(house: House) -> None:
    for path in (ON, OFF, RECOVERY, f"{RECOVERY}new/", f"{RECOVERY}file/", "/account/two-factor/", CODE):
        response = Client().get(path)
        assert response.status_code == 302, path
        assert response["Location"].startswith(LOGIN), path
