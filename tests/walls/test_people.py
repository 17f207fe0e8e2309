"""Who sees and changes organisations, users and memberships, which have policies of their own."""

from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection
from django.db.utils import ProgrammingError

from housecount.tenancy.identity import PEOPLE, Identity, Role, acting_as
from housecount.tenancy.models import AuditEntry, Membership, Organisation, User
from tests.world import House, make_house, make_person


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


@pytest.fixture(scope="module")
def other(database: str) -> House:
    return make_house()


def users_of(house: House) -> set[UUID]:
    return {getattr(house, role.value).user.pk for role in PEOPLE}


@pytest.mark.parametrize("role", PEOPLE)
def test_only_an_admin_sees_more_people_than_themselves(house: House, other: House, role: Role) -> None:
    me = getattr(house, role.value)
    expected = users_of(house) if role is Role.ADMIN else {me.user.pk}
    with acting_as(me.identity):
        assert set(User.objects.values_list("pk", flat=True)) == expected
        assert set(Membership.objects.values_list("user_id", flat=True)) == expected
        assert list(Organisation.objects.values_list("pk", flat=True)) == [house.organisation.pk]


def test_a_person_sees_their_own_other_memberships(house: House, other: House) -> None:
    person = make_person(house.organisation, Role.PROMOTER)
    with acting_as(other.system):
        Membership.objects.create(organisation=other.organisation, user=person.user, role="act")
    with acting_as(person.identity):
        assert Membership.objects.count() == 2
        assert Organisation.objects.count() == 2
        assert Organisation.objects.filter(pk=other.organisation.pk).update(name="Mine") == 0


@pytest.mark.parametrize("role", PEOPLE)
def test_nobody_changes_another_person(house: House, role: Role) -> None:
    me = getattr(house, role.value)
    for victim in [*users_of(house), make_house().admin.user.pk]:
        if victim == me.user.pk:
            continue
        with acting_as(me.identity):
            assert User.objects.filter(pk=victim).update(name="Changed") == 0


def test_signing_in_changes_only_whom_it_proved(house: House) -> None:
    with acting_as(Identity.nobody()):
        assert User.objects.filter(pk=house.admin.user.pk).exists()
        assert User.objects.update(password="open") == 0
    with acting_as(Identity.nobody(house.act.user.pk)):
        assert User.objects.filter(pk=house.admin.user.pk).update(password="open") == 0
        assert User.objects.filter(pk=house.act.user.pk).update(name="Dave") == 1
        assert Membership.objects.count() == 1


@pytest.mark.parametrize("role", [*PEOPLE, Role.NOBODY])
def test_nobody_makes_users_or_operators(house: House, role: Role) -> None:
    with pytest.raises(ProgrammingError), acting_as(house.identity(role)):
        User.objects.create_user(f"{uuid4().hex}@example.com", "x")
    me = getattr(house, role.value, house.act)
    with pytest.raises(ProgrammingError, match="operator"), acting_as(me.identity):
        User.objects.filter(pk=me.user.pk).update(is_staff=True)


def test_nobody_gives_themselves_a_role(house: House, other: House) -> None:
    for role in (Role.PROMOTER, Role.BOOKKEEPER, Role.ACT):
        me = getattr(house, role.value)
        with acting_as(me.identity):
            assert Membership.objects.filter(pk=me.membership.pk).update(role="admin") == 0
    with pytest.raises(ProgrammingError), acting_as(house.admin.identity):
        Membership.objects.create(organisation=other.organisation, user=house.admin.user, role="admin")


@pytest.mark.parametrize("role", PEOPLE)
def test_only_an_admin_changes_the_organisation(house: House, other: House, role: Role) -> None:
    with acting_as(house.identity(role)):
        mine = Organisation.objects.filter(pk=house.organisation.pk).update(country="NZ")
        theirs = Organisation.objects.filter(pk=other.organisation.pk).update(country="NZ")
    assert (mine, theirs) == (int(role is Role.ADMIN), 0)


@pytest.mark.parametrize("role", [*PEOPLE, Role.SYSTEM])
@pytest.mark.parametrize("table", ["tenancy_user", "tenancy_organisation"])
def test_users_and_organisations_are_never_deleted(house: House, role: Role, table: str) -> None:
    with (
        pytest.raises(ProgrammingError) as caught,
        acting_as(house.identity(role)),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"DELETE FROM {table}")
    assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)


def test_the_audit_log_is_the_admins_and_only_of_their_organisation(house: House, other: House) -> None:
    for role in PEOPLE:
        with acting_as(house.identity(role)):
            found = set(AuditEntry.objects.values_list("organisation_id", flat=True))
        assert found == ({house.organisation.pk} if role is Role.ADMIN else set())


@pytest.mark.parametrize("role", PEOPLE)
def test_addresses_that_allauth_keeps_are_ones_own(house: House, role: Role) -> None:
    from allauth.account.models import EmailAddress

    with acting_as(Identity.nobody(house.act.user.pk)):
        EmailAddress.objects.get_or_create(user=house.act.user, email=house.act.user.email)
    with acting_as(house.identity(role)):
        assert EmailAddress.objects.count() == int(role is Role.ACT)


def test_the_owner_is_bound_by_the_policies_and_works_through_one_organisation_at_a_time(
    house: House, other: House, owner_connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    count = "SELECT count(*) FROM tenancy_membership"
    assert owner_connection.execute(count).fetchone() == (0,)
    with owner_connection.transaction():
        owner_connection.execute(
            "SELECT set_config('app.role', 'system', true), set_config('app.organisation_id', %s, true)",
            [str(make_house().organisation.pk)],
        )
        assert owner_connection.execute(count).fetchone() == (4,)
