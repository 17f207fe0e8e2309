"""Signing in and out, forgotten passwords, invitations, in the pages a person uses."""

import re
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse

from housecount.tenancy import queries
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.middleware import SESSION_KEY
from housecount.tenancy.models import Membership, User
from tests.world import PASSWORD, House, Person, make_house, make_person

LOGIN, RESET, PEOPLE = "/account/login/", "/account/password/reset/", "/people/"


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


@pytest.fixture
def client() -> Client:
    """From an address of its own, so that limits by address do not add up between tests."""
    host = uuid4().int
    return Client(REMOTE_ADDR=f"10.{host % 250}.{host // 250 % 250}.{host // 62500 % 250}")


def sign_in(client: Client, email: str, password: str = PASSWORD) -> int:
    return client.post(LOGIN, {"login": email, "password": password}).status_code


def is_in(client: Client) -> bool:
    return client.get("/account/password/change/").status_code == 200


def test_signing_in_and_out(client: Client, house: House) -> None:
    assert not is_in(client)
    assert sign_in(client, house.admin.user.email.upper()) == 302
    assert is_in(client)
    assert house.marker in client.get(PEOPLE).content.decode()
    assert client.get("/account/logout/").status_code == 200
    assert is_in(client)
    assert client.post("/account/logout/").status_code == 302
    assert not is_in(client)


def test_the_session_is_a_new_one_after_signing_in(client: Client, house: House) -> None:
    client.get(LOGIN)
    session = client.session
    session["before"] = "x"
    session.save()
    client.cookies["housecount"] = session.session_key or ""
    before = client.cookies["housecount"].value
    assert sign_in(client, house.admin.user.email) == 302
    after = client.cookies["housecount"].value
    assert before
    assert after != before
    stranger = Client()
    stranger.cookies["housecount"] = before
    assert not is_in(stranger)


def test_the_cookie_is_out_of_reach_of_scripts(client: Client, house: House) -> None:
    sign_in(client, house.admin.user.email)
    cookie = client.cookies["housecount"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def words(client: Client, path: str, **typed: str) -> tuple[int, str]:
    """The answer, without what was typed and what differs by chance."""
    response = client.post(path, typed, follow=True)
    text = re.sub(r'value="[^"]*"', "", response.content.decode())
    return response.status_code, text


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(client: Client, house: House) -> None:
    known = words(client, LOGIN, login=house.act.user.email, password="wrong")
    unknown = words(client, LOGIN, login=f"{uuid4().hex}@example.com", password="wrong")
    assert known == unknown
    assert "Sign in" in known[1]


def test_a_forgotten_password_is_answered_alike_and_mailed_only_to_people_here(
    client: Client, house: House
) -> None:
    known = words(client, RESET, email=house.act.user.email)
    assert [message.to for message in mail.outbox] == [[house.act.user.email]]
    unknown = words(client, RESET, email=f"{uuid4().hex}@example.com")
    assert known == unknown
    assert len(mail.outbox) == 1


def test_a_mailed_link_sets_a_new_password_once_and_ends_other_sessions(client: Client) -> None:
    person = make_person(make_house().organisation, Role.PROMOTER)
    elsewhere = person.signed_in()
    assert is_in(elsewhere)
    client.post(RESET, {"email": person.user.email})
    text = str(mail.outbox[0].body)
    found = re.search(r"http://testserver(/account/password/reset/key/\S+)", text)
    assert found, text
    page = client.get(found[1], follow=True)
    assert page.status_code == 200
    assert page.redirect_chain
    form = page.redirect_chain[-1][0]
    weak = client.post(form, {"password1": "short", "password2": "short"})
    assert weak.status_code == 200
    done = client.post(form, {"password1": "a wholly new password", "password2": "a wholly new password"})
    assert done.status_code == 302
    assert sign_in(Client(), person.user.email) == 200
    assert sign_in(client, person.user.email, "a wholly new password") == 302
    assert not is_in(elsewhere)
    again = Client().get(found[1], follow=True)
    assert "cannot be used" in again.content.decode()


def test_the_link_leads_to_the_configured_address(
    client: Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from housecount.installation import environment

    monkeypatch.setenv("HOUSECOUNT_PUBLIC_URL", "https://tickets.example.org")
    environment.load.cache_clear()
    try:
        client.post(RESET, {"email": house.act.user.email}, headers={"host": "localhost"})
    finally:
        monkeypatch.undo()
        environment.load.cache_clear()
    assert "https://tickets.example.org/account/password/reset/key/" in str(mail.outbox[0].body)


def test_a_password_is_changed_by_who_knows_the_old_one(client: Client) -> None:
    person = make_person(make_house().organisation, Role.ACT)
    client = person.signed_in()
    change = "/account/password/change/"
    new = {"password1": "a wholly new password", "password2": "a wholly new password"}
    assert client.post(change, {"oldpassword": "wrong", **new}).status_code == 200
    assert client.post(change, {"oldpassword": PASSWORD, **new}).status_code == 302
    assert sign_in(Client(), person.user.email, "a wholly new password") == 302


def test_nobody_signs_up_without_an_invitation(client: Client) -> None:
    email = f"{uuid4().hex}@example.com"
    for response in (
        client.get("/account/signup/"),
        client.post("/account/signup/", {"email": email, "password1": PASSWORD, "password2": PASSWORD}),
    ):
        assert "by invitation" in response.content.decode()
    with acting_as(Identity.nobody()):
        assert not User.objects.filter(email=email).exists()


def test_a_person_who_was_switched_off_is_out_at_once(client: Client) -> None:
    house = make_house()
    client = house.admin.signed_in()
    assert client.get(PEOPLE).status_code == 200
    with acting_as(house.system):
        User.objects.filter(pk=house.admin.user.pk).update(is_active=False)
    assert client.get(PEOPLE).status_code == 302
    assert (
        "not active"
        in Client()
        .post(LOGIN, {"login": house.admin.user.email, "password": PASSWORD}, follow=True)
        .content.decode()
    )


class TestLimits:
    def test_guessing_one_persons_password_is_stopped(self, house: House) -> None:
        person = make_person(house.organisation, Role.ACT)
        for attempt in range(5):
            Client(REMOTE_ADDR=f"10.255.0.{attempt}").post(
                LOGIN, {"login": person.user.email, "password": "wrong"}
            )
        late = Client(REMOTE_ADDR="10.255.0.99")
        assert sign_in(late, person.user.email) == 200
        assert not is_in(late)

    def test_guessing_from_one_address_is_stopped(self, client: Client) -> None:
        for _ in range(10):
            sign_in(client, f"{uuid4().hex}@example.com", "wrong")
        person = make_person(make_house().organisation, Role.ACT)
        assert sign_in(client, person.user.email) == 200
        assert not is_in(client)

    def test_asking_for_links_is_stopped_for_people_and_strangers_alike(
        self, client: Client, house: House
    ) -> None:
        for email in (house.promoter.user.email, f"{uuid4().hex}@example.com"):
            answers = [client.post(RESET, {"email": email}).status_code for _ in range(4)]
            assert answers == [302, 302, 302, 429]
        assert len(mail.outbox) == 3

    def test_trying_invitations_is_stopped(self, client: Client) -> None:
        answers = [client.post("/invitation/nonsense/").status_code for _ in range(21)]
        assert answers == [404] * 20 + [429]

    def test_inviting_is_stopped(self) -> None:
        admin = make_house().admin.signed_in()
        answers = [admin.post("/people/invite/", {"email": "nobody"}).status_code for _ in range(31)]
        assert answers == [422] * 30 + [429]

    def test_attempts_are_counted_where_every_process_sees_them(
        self, client: Client, house: House, database_owner_url: str
    ) -> None:
        import psycopg

        def counted() -> int:
            with psycopg.connect(database_owner_url) as connection:
                row = connection.execute(
                    "SELECT count(*) FROM housecount_cache WHERE cache_key LIKE '%%allauth:rl:%%'"
                ).fetchone()
            assert row is not None
            return int(row[0])

        before = counted()
        sign_in(client, f"{uuid4().hex}@example.com", "wrong")
        assert counted() > before


class TestInvitationPage:
    def invite(self, house: House, email: str) -> str:
        admin = house.admin.signed_in()
        response = admin.post("/people/invite/", {"email": email, "role": "bookkeeper"}, follow=True)
        assert "on its way" in response.content.decode()
        found = re.search(r"http://testserver(/invitation/\S+)", str(mail.outbox[-1].body))
        assert found
        assert mail.outbox[-1].to == [email]
        assert house.organisation.name in mail.outbox[-1].subject
        return found[1]

    def test_a_stranger_joins_and_is_signed_in(self, client: Client, house: House) -> None:
        email = f"{uuid4().hex}@example.com"
        link = self.invite(house, email)
        page = client.get(link)
        assert house.organisation.name in page.content.decode()
        assert page["Referrer-Policy"] == "same-origin"
        assert client.post(link, {"name": "Bea", "password": "short"}).status_code == 200
        assert client.post(link, {"name": "Bea", "password": PASSWORD}).status_code == 302
        assert is_in(client)
        assert "not for your role" in client.get(PEOPLE).content.decode()
        assert client.get(link).status_code == 404

    def test_a_known_person_joins_and_signs_in_as_ever(self, client: Client, house: House) -> None:
        other = make_house()
        link = self.invite(house, other.promoter.user.email)
        assert client.post(link).status_code == 302
        assert not is_in(client)
        assert sign_in(client, other.promoter.user.email) == 302
        with acting_as(Identity.nobody(other.promoter.user.pk)):
            assert len(queries.memberships_of(other.promoter.user)) == 2

    def test_a_mail_that_cannot_be_sent_leaves_no_invitation(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise ConnectionRefusedError

        monkeypatch.setattr("housecount.tenancy.mails.send_invitation", refuse)
        email = f"{uuid4().hex}@example.com"
        response = house.admin.signed_in().post(
            "/people/invite/", {"email": email, "role": "act"}, follow=True
        )
        assert "did not take the invitation" in response.content.decode()
        with acting_as(house.admin.identity):
            assert email not in {found.email for found in queries.open_invitations(house.organisation.pk)}


class TestPeoplePage:
    def test_an_admin_changes_roles_and_removes_people(self) -> None:
        house = make_house()
        admin = house.admin.signed_in()
        admin.post(reverse("people_role", args=[house.act.membership.pk]), {"role": "promoter"})
        admin.post(reverse("people_remove", args=[house.bookkeeper.membership.pk]))
        with acting_as(house.system):
            roles = dict(Membership.objects.values_list("user_id", "role"))
        assert roles[house.act.user.pk] == "promoter"
        assert house.bookkeeper.user.pk not in roles

    def test_the_last_admin_is_told_why_not(self) -> None:
        house = make_house()
        response = house.admin.signed_in().post(
            reverse("people_remove", args=[house.admin.membership.pk]), follow=True
        )
        assert "only admin" in response.content.decode()

    def test_another_organisations_member_is_not_found(self, house: House) -> None:
        theirs = make_house().act
        for name in ("people_role", "people_remove"):
            response = house.admin.signed_in().post(
                reverse(name, args=[theirs.membership.pk]), {"role": "admin"}
            )
            assert response.status_code == 404
        with acting_as(Identity.nobody(theirs.user.pk)):
            assert Membership.objects.get(pk=theirs.membership.pk).role == "act"

    def test_a_lesser_role_changes_nothing(self, house: House) -> None:
        for role in (Role.PROMOTER, Role.BOOKKEEPER, Role.ACT):
            client = getattr(house, role.value).signed_in()
            response = client.post(reverse("people_role", args=[house.act.membership.pk]), {"role": "admin"})
            assert response.status_code == 403
            assert role.value in response.content.decode()


class TestChoosing:
    @pytest.fixture
    def both(self, house: House) -> tuple[Person, House, House]:
        first, second = make_house(), make_house()
        with acting_as(second.system):
            Membership.objects.create(organisation=second.organisation, user=first.admin.user, role="admin")
        return first.admin, first, second

    def test_a_person_of_two_organisations_acts_in_one_at_a_time(
        self, both: tuple[Person, House, House]
    ) -> None:
        person, first, second = both
        client = person.signed_in()
        for chosen, other in ((first, second), (second, first)):
            assert client.post(f"/organisation/{chosen.organisation.slug}/").status_code == 302
            page = client.get(PEOPLE).content.decode()
            assert chosen.act.user.email in page
            assert other.act.user.email not in page

    def test_no_other_organisation_can_be_chosen(self, house: House) -> None:
        client = house.act.signed_in()
        theirs = make_house().organisation
        assert client.post(f"/organisation/{theirs.slug}/").status_code == 404
        assert client.get(f"/organisation/{house.organisation.slug}/").status_code == 405

    def test_a_forged_or_stale_choice_falls_back_to_ones_own(self, house: House) -> None:
        client = house.admin.signed_in()
        for value in (str(make_house().organisation.pk), "nonsense", 7):
            session = client.session
            session[SESSION_KEY] = value
            session.save()
            assert house.act.user.email in client.get(PEOPLE).content.decode()

    def test_who_belongs_nowhere_is_told_so(self) -> None:
        house = make_house()
        with acting_as(house.system):
            Membership.objects.filter(user=house.act.user).delete()
        response = house.act.signed_in().get(PEOPLE)
        assert response.status_code == 403
        assert "do not belong" in response.content.decode()


def test_a_password_hashed_in_an_older_way_is_hashed_anew_at_sign_in(client: Client, house: House) -> None:
    person = make_person(house.organisation, Role.ACT)
    before = person.user.password
    with override_settings(PASSWORD_HASHERS=["tests.tenancy.hashing.LessQuickHasher"]):
        assert sign_in(client, person.user.email) == 302
    with acting_as(Identity.nobody()):
        after = User.objects.get(pk=person.user.pk).password
    assert ("$1$" in before, "$2$" in after) == (True, True)


def test_htmx_is_sent_to_the_sign_in_page_as_a_whole(client: Client) -> None:
    response = client.get(
        PEOPLE, headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/people/?x=1"}
    )
    assert response.status_code == 204
    assert response["HX-Redirect"] == "/account/login/?next=/people/"


def test_a_signed_in_person_meets_the_pages_of_signing_in_without_an_error(house: House) -> None:
    for path in (LOGIN, RESET, "/account/signup/", "/account/inactive/", "/account/password/reset/done/"):
        assert house.act.signed_in().get(path).status_code in {200, 302}
