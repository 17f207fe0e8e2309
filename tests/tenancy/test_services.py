"""Making organisations, and letting people in and out."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone as clock

from housecount.tenancy import queries, services
from housecount.tenancy.errors import (
    AlreadyThere,
    Invalid,
    InvitationUnusable,
    LastAdmin,
    UnknownOrganisation,
)
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import Invitation, Membership, User
from tests.world import PASSWORD, House, Person, make_house, make_person


@pytest.fixture
def house(database: str) -> House:
    return make_house()


def fresh_email() -> str:
    return f"{uuid4().hex[:12]}@example.com"


def test_an_organisation_gets_a_slug_from_its_name() -> None:
    name = f"Café {uuid4().hex} & Söhne"
    first, second = services.create_organisation(name), services.create_organisation(name)
    assert first.slug == "cafe-" + name.split()[1] + "-sohne"
    assert second.slug == first.slug + "-2"
    assert queries.organisation_by_slug(second.slug).pk == second.pk
    assert {first.pk, second.pk} <= {found.pk for found in queries.all_organisations()}


def test_a_name_in_another_script_gets_a_slug_too() -> None:
    assert services.create_organisation("קומדיה 🎤").slug.startswith("organisation")


def test_a_slug_that_is_taken_is_said_to_be() -> None:
    slug = f"taken-{uuid4().hex}"
    services.create_organisation("One", slug=slug)
    with pytest.raises(AlreadyThere, match=slug):
        services.create_organisation("Two", slug=slug)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timezone": "Australia/Atlantis"},
        {"timezone": ""},
        {"currency": "DOLLARS"},
        {"currency": "A1D"},
        {"country": "AUS"},
        {"slug": "not a slug"},
        {"slug": ""},
        {"name": " "},
        {"name": "x" * 201},
    ],
)
def test_values_that_cannot_be_used_are_named(wrong: dict[str, str]) -> None:
    with pytest.raises(Invalid, match=next(iter(wrong))):
        services.create_organisation(**({"name": "Anything"} | wrong))


def test_an_unknown_organisation_is_said_to_be() -> None:
    with pytest.raises(UnknownOrganisation, match="nowhere"):
        queries.organisation_by_slug("nowhere")


def test_a_new_user_can_sign_in_and_has_their_role(house: House) -> None:
    email = fresh_email()
    made = services.create_user(email.upper(), house.organisation, "promoter", password=PASSWORD)
    assert made.is_new_user
    assert (made.user.email, made.membership.role) == (email, "promoter")
    assert made.user.check_password(PASSWORD)
    assert not made.user.check_password(PASSWORD + "x")


def test_a_known_user_joins_another_organisation_and_keeps_their_password(house: House) -> None:
    other = make_house()
    made = services.create_user(house.act.user.email, other.organisation, "act", password="quite another one")
    assert not made.is_new_user
    with acting_as(Identity.nobody(house.act.user.pk)):
        assert len(queries.memberships_of(house.act.user)) == 2
        assert User.objects.get(pk=house.act.user.pk).check_password(PASSWORD)
    with pytest.raises(AlreadyThere):
        services.create_user(house.act.user.email, other.organisation, "admin", password=PASSWORD)


@pytest.mark.parametrize(
    ("email", "role", "password"),
    [
        ("nobody", "act", PASSWORD),
        ("a@example.com\nBcc: b@example.com", "act", PASSWORD),
        (f"{'x' * 250}@example.com", "act", PASSWORD),
        ("ok@example.com", "system", PASSWORD),
        ("ok@example.com", "owner", PASSWORD),
        ("ok@example.com", "act", "short"),
        ("ok@example.com", "act", "1234567890123"),
        ("ok@example.com", "act", "ok@example.com"),
    ],
)
def test_users_are_refused_with_a_reason_and_leave_nothing(
    house: House, email: str, role: str, password: str
) -> None:
    with pytest.raises(Invalid):
        services.create_user(email, house.organisation, role, password=password)
    with acting_as(house.system):
        assert not User.objects.filter(email="ok@example.com").exists()


def test_a_generated_password_is_accepted_and_new_each_time() -> None:
    first, second = services.generated_password(), services.generated_password()
    assert first != second
    services.check_password(first)


class TestInvitations:
    def invited(self, house: House, email: str | None = None, role: str = "bookkeeper") -> str:
        with acting_as(house.admin.identity):
            _, token = services.invite(house.organisation.pk, email or fresh_email(), role, house.admin.user)
        return token

    def test_a_stranger_joins_with_a_password_of_their_own(self, house: House) -> None:
        email = fresh_email()
        token = self.invited(house, email)
        offer = services.offer(token)
        assert (offer.organisation, offer.email, offer.role, offer.has_account) == (
            house.organisation,
            email,
            Role.BOOKKEEPER,
            False,
        )
        joined = services.accept(token, name="Bea", password=PASSWORD)
        assert joined.is_new_user
        assert (joined.user.email, joined.user.name, joined.membership.role) == (email, "Bea", "bookkeeper")
        assert joined.user.check_password(PASSWORD)

    def test_the_audit_log_says_who_joined(self, house: House) -> None:
        joined = services.accept(self.invited(house), name="Bea", password=PASSWORD)
        with acting_as(house.admin.identity):
            entry = queries.audit_trail(
                house.organisation.pk, "tenancy_membership", joined.membership.pk
            ).get()
        assert entry.actor_user_id == joined.user.pk

    def test_it_works_once(self, house: House) -> None:
        token = self.invited(house)
        services.accept(token, name="Bea", password=PASSWORD)
        with pytest.raises(InvitationUnusable):
            services.offer(token)
        with pytest.raises(InvitationUnusable):
            services.accept(token, name="Bea", password=PASSWORD)

    def test_a_weak_password_does_not_use_it_up(self, house: House) -> None:
        token = self.invited(house)
        with pytest.raises(Invalid):
            services.accept(token, name="Bea", password="short")
        assert services.offer(token)

    def test_it_runs_out(self, house: House) -> None:
        token = self.invited(house)
        with acting_as(house.admin.identity):
            Invitation.objects.update(expires_at=clock.now() - timedelta(seconds=1))
        with pytest.raises(InvitationUnusable):
            services.accept(token, name="Bea", password=PASSWORD)

    def test_a_second_one_withdraws_the_first(self, house: House) -> None:
        email = fresh_email()
        first, second = self.invited(house, email), self.invited(house, email.upper(), "act")
        with pytest.raises(InvitationUnusable):
            services.offer(first)
        assert services.offer(second).role is Role.ACT

    def test_a_known_user_joins_and_keeps_password_and_name(self, house: House) -> None:
        other = make_house()
        token = self.invited(house, other.act.user.email)
        assert services.offer(token).has_account
        joined = services.accept(token, name="Mallory", password="another password")
        assert not joined.is_new_user
        with acting_as(house.system):
            user = User.objects.get(pk=other.act.user.pk)
        assert user.name == ""
        assert user.check_password(PASSWORD)

    def test_a_member_who_is_invited_again_keeps_their_role(self, house: House) -> None:
        joined = services.accept(self.invited(house, house.act.user.email, "admin"))
        assert joined.membership.role == "act"

    @pytest.mark.parametrize("token", ["", "x", "…", "a" * 64, "=" * 64, "A" * 63 + "\x00", "A" * 10_000])
    def test_nonsense_is_unusable(self, house: House, token: str) -> None:
        with pytest.raises(InvitationUnusable):
            services.offer(token)

    def test_the_token_is_kept_nowhere(self, house: House) -> None:
        token = self.invited(house)
        with acting_as(house.admin.identity):
            invitation = Invitation.objects.get()
            kept = repr(invitation.__dict__) + str(list(queries.audit_trail(house.organisation.pk).values()))
        assert token not in kept
        assert token.encode() not in bytes(invitation.token_hash)

    def test_anothers_organisation_cannot_be_put_into_a_token(self, house: House) -> None:
        import base64

        other = make_house()
        raw = base64.urlsafe_b64decode(self.invited(house) + "==")
        forged = base64.urlsafe_b64encode(other.organisation.pk.bytes + raw[16:]).decode().rstrip("=")
        with pytest.raises(InvitationUnusable):
            services.accept(forged, name="Bea", password=PASSWORD)

    def test_only_an_admin_invites(self, house: House) -> None:
        from django.db.utils import ProgrammingError

        for role in (Role.PROMOTER, Role.BOOKKEEPER, Role.ACT):
            with pytest.raises(ProgrammingError), acting_as(house.identity(role)):
                services.invite(house.organisation.pk, fresh_email(), "admin", None)


class TestTheLastAdmin:
    def test_cannot_go_or_step_down(self, house: House) -> None:
        with acting_as(house.admin.identity):
            with pytest.raises(LastAdmin):
                services.remove_member(house.admin.membership)
            with pytest.raises(LastAdmin):
                services.change_role(house.admin.membership, "promoter")
            services.change_role(house.admin.membership, "admin")

    def test_can_go_once_there_is_another(self, house: House) -> None:
        with acting_as(house.admin.identity):
            services.change_role(house.promoter.membership, "admin")
            services.remove_member(house.admin.membership)
        with acting_as(house.system):
            assert not Membership.objects.filter(user=house.admin.user).exists()

    def test_an_admin_who_cannot_sign_in_does_not_count(self, house: House) -> None:
        second = make_person(house.organisation, Role.ADMIN)
        with acting_as(Identity.system(house.organisation.pk)):
            User.objects.filter(pk=second.user.pk).update(is_active=False)
        with acting_as(house.admin.identity), pytest.raises(LastAdmin):
            services.remove_member(house.admin.membership)

    def test_two_admins_cannot_remove_each_other_at_once(self, house: House) -> None:
        second = make_person(house.organisation, Role.ADMIN)
        start = threading.Barrier(2)
        refused: list[str] = []

        def remove(actor: Person, victim: Person) -> None:
            try:
                with acting_as(actor.identity):
                    start.wait(timeout=20)
                    services.remove_member(victim.membership)
            except LastAdmin as error:
                refused.append(error.code)
            finally:
                connection.close()

        threads = [
            threading.Thread(target=remove, args=pair)
            for pair in ((house.admin, second), (second, house.admin))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with acting_as(house.system):
            assert Membership.objects.filter(role="admin").count() == 1
        assert refused == ["last_admin"]


def test_a_role_is_changed_and_a_member_removed(house: House) -> None:
    with acting_as(house.admin.identity):
        services.change_role(house.act.membership, "bookkeeper")
        services.remove_member(house.promoter.membership)
        roles = {member.user_id: member.role for member in queries.members(house.organisation.pk)}
    assert roles[house.act.user.pk] == "bookkeeper"
    assert house.promoter.user.pk not in roles
    with acting_as(house.admin.identity), pytest.raises(Invalid):
        services.change_role(house.act.membership, "system")
