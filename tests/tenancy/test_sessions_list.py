"""Where somebody is signed in, and ending it; when a session ends by itself."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from housecount.tenancy.devices import device
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import Membership, Session
from housecount.tenancy.sessions import SEEN_EVERY
from tests.world import PASSWORD, House, Person, make_house, make_person

SESSIONS, CHANGE, LOGIN = "/account/sessions/", "/account/password/change/", "/account/login/"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Version/17.5 Mobile Safari/604"
)
LAPTOP = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126 Safari/537"
)


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


def signed_in(person: Person, user_agent: str = LAPTOP) -> Client:
    """By the form, with a browser of that name, from an address of its own."""
    number = uuid4().int
    client = Client(REMOTE_ADDR=f"10.{number % 250}.{number // 250 % 250}.9", HTTP_USER_AGENT=user_agent)
    assert client.post(LOGIN, {"login": person.user.email, "password": PASSWORD}).status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get(CHANGE).status_code == 200


def page(client: Client) -> str:
    return re.sub(r"\s+", " ", client.get(SESSIONS).content.decode())


def test_a_person_sees_their_own_places_and_ends_one_or_all_others(house: House) -> None:
    person = make_person(house.organisation, Role.PROMOTER)
    laptop, phone, library = signed_in(person), signed_in(person, PHONE), signed_in(person, "Lynx/2.9")
    another = signed_in(house.act)
    seen = page(laptop)
    assert [seen.count(words) for words in ("Chrome on Windows", "Safari on an iPhone", "A browser")] == [
        1,
        2,
        2,
    ]
    assert seen.index("Chrome on Windows") < seen.index("this one") < seen.index("Safari on an iPhone")
    keys = [client.cookies["housecount"].value for client in (laptop, phone, library)]
    assert not any(key in seen for key in keys)

    ends = re.findall(r'action="(/account/sessions/\w+/end/)"', seen)
    assert len(ends) == 2
    assert another.post(ends[0]).status_code == 404
    assert laptop.post(ends[0]).status_code == 302
    assert [is_in(laptop), is_in(phone) + is_in(library)] == [True, 1]
    assert laptop.post(ends[0]).status_code == 404

    assert laptop.post("/account/sessions/end-others/").status_code == 302
    assert [is_in(client) for client in (laptop, phone, library, another)] == [True, False, False, True]
    assert "Sign out everywhere else" not in page(laptop)


def test_strangers_have_no_places(house: House) -> None:
    for response in (
        Client().get(SESSIONS),
        Client().post("/account/sessions/end-others/"),
        Client().post("/account/sessions/0/end/"),
    ):
        assert response.status_code == 302
        assert response["Location"].startswith(LOGIN)


def test_a_new_password_ends_every_other_session_and_removes_it_from_the_list(house: House) -> None:
    person = make_person(house.organisation, Role.ACT)
    here, elsewhere = signed_in(person), signed_in(person, PHONE)
    new = {"password1": "a wholly new password", "password2": "a wholly new password"}
    assert here.post(CHANGE, {"oldpassword": PASSWORD, **new}).status_code == 302
    assert [is_in(here), is_in(elsewhere)] == [True, False]
    assert "Safari" not in page(here)
    assert here.cookies["housecount"].value
    with acting_as(Identity.nobody(person.user.pk)):
        assert Session.objects.filter(user_id=person.user.pk).count() == 1


def test_another_role_and_the_end_of_a_membership_end_the_sessions(house: House) -> None:
    other, admin = make_house(), house.admin.signed_in()
    promoted, removed = make_person(house.organisation, Role.ACT), make_person(house.organisation, Role.ACT)
    with acting_as(other.system):
        Membership.objects.create(organisation=other.organisation, user=removed.user, role="act")
    sessions = {person.user.pk: signed_in(person) for person in (promoted, removed)}
    admin.post(reverse("people_role", args=[promoted.membership.pk]), {"role": "act"})
    assert is_in(sessions[promoted.user.pk])  # it was that already
    admin.post(reverse("people_role", args=[promoted.membership.pk]), {"role": "admin"})
    admin.post(reverse("people_remove", args=[removed.membership.pk]))
    assert [is_in(client) for client in sessions.values()] == [False, False]
    assert is_in(admin)


def test_going_to_another_organisation_changes_the_session(house: House) -> None:
    other = make_house()
    with acting_as(other.system):
        Membership.objects.create(organisation=other.organisation, user=house.bookkeeper.user, role="admin")
    client = signed_in(house.bookkeeper)
    before = client.cookies["housecount"].value
    client.post(f"/organisation/{other.organisation.slug}/")
    stale = Client()
    stale.cookies["housecount"] = before
    assert (is_in(client), is_in(stale)) == (True, False)


def test_when_a_session_was_last_seen_is_written_now_and_then_and_not_each_time(house: House) -> None:
    person = make_person(house.organisation, Role.ACT)
    client = signed_in(person)

    def seen_at() -> object:
        with acting_as(Identity.nobody(person.user.pk)):
            return Session.objects.get(user_id=person.user.pk).seen_at

    first = seen_at()
    assert is_in(client)
    assert seen_at() == first
    old = timezone.now() - SEEN_EVERY - timedelta(seconds=1)
    with acting_as(Identity.nobody(person.user.pk)):
        Session.objects.filter(user_id=person.user.pk).update(seen_at=old)
    assert is_in(client)
    assert seen_at() > old  # type: ignore[operator]


def test_the_walls_keep_sessions_apart(house: House) -> None:
    client = signed_in(house.promoter)
    assert is_in(client)
    with acting_as(house.admin.identity):
        assert not Session.objects.filter(user_id=house.promoter.user.pk).exists()
    with acting_as(house.promoter.identity):
        assert Session.objects.filter(user_id=house.promoter.user.pk).exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (LAPTOP, "Chrome on Windows"),
        (PHONE, "Safari on an iPhone"),
        (LAPTOP + " Edg/126", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Linux; Android 14; K) Chrome/126 Mobile Safari/537", "Chrome on Android"),
        ("curl/8", "A browser"),
        ("", "A browser"),
    ],
)
def test_a_browser_is_named_in_words(name: str, words: str) -> None:
    assert device(name) == words
