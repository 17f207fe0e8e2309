"""Every statement acts for somebody, and nothing of it is left behind."""

import threading
from uuid import uuid4

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DataError, ProgrammingError

from housecount.installation import roles
from housecount.tenancy.identity import (
    Identity,
    Role,
    UnscopedQuery,
    WorkLost,
    acting_as,
    become,
    current_identity,
    unscoped,
)
from housecount.tenancy.models import Organisation, User
from tests.world import House, make_house


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


def told() -> tuple[object, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user::text, current_setting('app.role', true), app.organisation_id(), app.user_id()"
        )
        row: tuple[object, ...] = cursor.fetchone()
        return row


def expected(identity: Identity) -> tuple[object, ...]:
    return (roles.APP, identity.role.value, identity.organisation_id, identity.user_id)


def test_a_query_outside_acting_as_is_refused() -> None:
    with pytest.raises(UnscopedQuery, match="acting_as"):
        User.objects.count()


def test_a_transaction_alone_is_not_enough() -> None:
    with transaction.atomic(), transaction.atomic(), pytest.raises(UnscopedQuery):
        User.objects.count()


def test_the_database_is_told_who_acts(house: House) -> None:
    with acting_as(house.admin.identity):
        assert told() == expected(house.admin.identity)
        assert current_identity() == house.admin.identity
    assert current_identity() is None


def test_it_takes_one_statement(house: House) -> None:
    seen: list[str] = []

    def watch(execute: object, sql: str, *rest: object) -> object:
        seen.append(sql)
        return execute(sql, *rest)  # type: ignore[operator]

    with connection.execute_wrapper(watch), acting_as(house.admin.identity):
        pass
    assert len(seen) == 1


def test_nothing_stays_on_the_connection(house: House) -> None:
    with acting_as(house.admin.identity):
        told()
    with unscoped(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user::text, current_setting('app.role', true)")
        user, role = cursor.fetchone()
    assert user == roles.LOGIN
    assert not role


def test_a_nested_identity_ends_with_its_block(house: House) -> None:
    with acting_as(house.admin.identity):
        with acting_as(house.system):
            assert told() == expected(house.system)
        assert told() == expected(house.admin.identity)


def test_a_nested_identity_ends_after_a_database_error(house: House) -> None:
    with acting_as(house.admin.identity):
        with pytest.raises(DataError), acting_as(house.system), connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")
        assert told() == expected(house.admin.identity)
        assert current_identity() == house.admin.identity


def test_a_nested_identity_ends_after_an_error_of_python(house: House) -> None:
    with acting_as(house.admin.identity):
        with pytest.raises(KeyError), acting_as(house.system):
            raise KeyError
        assert told() == expected(house.admin.identity)


def test_an_identity_within_a_bare_transaction_ends_too(house: House) -> None:
    with transaction.atomic():
        with acting_as(house.admin.identity):
            assert told() == expected(house.admin.identity)
        with pytest.raises(UnscopedQuery):
            told()
        with unscoped(), connection.cursor() as cursor:
            cursor.execute("SELECT current_user::text, current_setting('app.role', true)")
            assert cursor.fetchone() == (roles.LOGIN, "")


def test_a_block_that_fails_is_undone(house: House) -> None:
    before = house.organisation.name
    with pytest.raises(KeyError), acting_as(house.admin.identity):  # noqa: PT012
        Organisation.objects.filter(pk=house.organisation.pk).update(name="Undone")
        raise KeyError
    with acting_as(house.admin.identity):
        assert Organisation.objects.get(pk=house.organisation.pk).name == before


def test_a_swallowed_database_error_does_not_pass_for_success(house: House) -> None:
    with pytest.raises(WorkLost), acting_as(house.admin.identity):  # noqa: PT012
        Organisation.objects.filter(pk=house.organisation.pk).update(name="Lost")
        with connection.cursor() as cursor, pytest.raises(DataError):
            cursor.execute("SELECT 1/0")


def test_become_replaces_the_identity_until_the_block_ends(house: House) -> None:
    with acting_as(Identity.nobody()):
        become(house.admin.identity)
        assert told() == expected(house.admin.identity)
    assert current_identity() is None
    with pytest.raises(UnscopedQuery):
        become(house.admin.identity)


def test_another_thread_acts_for_itself(house: House) -> None:
    """Its connection knows nothing of ours, also when the context is carried over."""
    import contextvars

    outcome: list[object] = []

    def elsewhere() -> None:
        try:
            outcome.append(User.objects.count())
        except UnscopedQuery as error:
            outcome.append(error.code)
        finally:
            connection.close()

    with acting_as(house.admin.identity):
        thread = threading.Thread(target=contextvars.copy_context().run, args=[elsewhere])
        thread.start()
        thread.join()
    assert outcome == ["unscoped_query"]


def test_unscoped_meets_permission_denied_in_the_application() -> None:
    with unscoped(), pytest.raises(ProgrammingError) as caught:
        User.objects.count()
    assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)


def test_a_statement_cannot_pass_for_transaction_control() -> None:
    with transaction.atomic(), connection.cursor() as cursor, pytest.raises(UnscopedQuery):
        cursor.execute('SAVEPOINT "a"; SELECT 1')


def test_times_are_utc_in_every_transaction(house: House) -> None:
    with acting_as(house.admin.identity), connection.cursor() as cursor:
        cursor.execute("SHOW TimeZone")
        assert cursor.fetchone() == ("UTC",)


def test_system_without_an_organisation_sees_the_list_of_organisations_only(house: House) -> None:
    other = make_house()
    with acting_as(Identity.system()):
        found = set(Organisation.objects.values_list("pk", flat=True))
        assert {house.organisation.pk, other.organisation.pk} <= found
        assert house.admin.membership.__class__.objects.count() == 0
        assert Organisation.objects.filter(pk=other.organisation.pk).update(name="Mine now") == 0


def test_an_organisation_is_made_only_in_its_own_name() -> None:
    with pytest.raises(ProgrammingError), acting_as(Identity.system(uuid4())):
        Organisation.objects.create(name="Foreign", slug=f"foreign-{uuid4().hex}")
    organisation_id = uuid4()
    with pytest.raises(ProgrammingError), acting_as(Identity(Role.ADMIN, organisation_id, uuid4())):
        Organisation.objects.create(pk=organisation_id, name="Mine", slug=f"mine-{uuid4().hex}")


def test_a_slug_is_taken_across_organisations(house: House) -> None:
    organisation_id = uuid4()
    with pytest.raises(IntegrityError), acting_as(Identity.system(organisation_id)):
        Organisation.objects.create(pk=organisation_id, name="Twin", slug=house.organisation.slug)
