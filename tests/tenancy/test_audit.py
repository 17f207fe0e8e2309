"""Who, when, before, after; and nobody takes it back."""

from datetime import UTC, datetime

import psycopg
import pytest

from housecount.tenancy import queries, services
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import AuditEntry, Invitation, Organisation
from tests.world import House, make_house, make_person


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


def latest(house: House, table: str, row_id: object) -> AuditEntry:
    with acting_as(house.admin.identity):
        entry = queries.audit_trail(house.organisation.pk, table, row_id).first()
    assert entry is not None
    return entry


def test_a_change_says_who_when_before_and_after(house: House) -> None:
    person = make_person(house.organisation, Role.PROMOTER)
    earliest = datetime.now(UTC)
    with acting_as(house.admin.identity):
        services.change_role(person.membership, "bookkeeper")
    entry = latest(house, "tenancy_membership", person.membership.pk)
    assert (entry.action, entry.actor_user_id, entry.actor_role) == (
        "UPDATE",
        house.admin.user.pk,
        "admin",
    )
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["role"], entry.after["role"]) == ("promoter", "bookkeeper")
    assert (entry.at - earliest).total_seconds() < 60


def test_additions_and_removals_are_entries_too(house: House) -> None:
    person = make_person(house.organisation, Role.ACT)
    added = latest(house, "tenancy_membership", person.membership.pk)
    assert (added.action, added.before, added.actor_role) == ("INSERT", None, "system")
    row_id = person.membership.pk
    with acting_as(house.admin.identity):
        services.remove_member(person.membership)
    removed = latest(house, "tenancy_membership", row_id)
    assert (removed.action, removed.after) == ("DELETE", None)


def test_a_change_of_nothing_is_no_entry(house: House) -> None:
    with acting_as(house.admin.identity):
        before = queries.audit_trail(house.organisation.pk).count()
        organisation = Organisation.objects.get(pk=house.organisation.pk)
        organisation.save()
        assert queries.audit_trail(house.organisation.pk).count() == before


def test_a_secret_is_said_to_have_changed_and_is_not_shown(
    house: House, owner_connection: psycopg.Connection
) -> None:
    with acting_as(house.admin.identity):
        invitation, _ = services.invite(house.organisation.pk, "new@example.com", "act", None)
        Invitation.objects.filter(pk=invitation.pk).update(token_hash=b"another")
    entry = latest(house, "tenancy_invitation", invitation.pk)
    assert entry.before is not None
    assert entry.after is not None
    assert "token_hash" not in entry.before
    assert entry.after["token_hash"] == "changed"
    with acting_as(house.admin.identity):
        first = queries.audit_trail(house.organisation.pk, "tenancy_invitation", invitation.pk).last()
    assert first is not None
    assert "token_hash" not in (first.after or {})


def test_a_sign_in_is_no_change_and_a_new_password_shows_no_hash(
    house: House, owner_url_entries: object
) -> None:
    count = owner_url_entries
    person = make_person(house.organisation, Role.ACT)
    before = count(person.user.pk)  # type: ignore[operator]
    person.signed_in()
    assert count(person.user.pk) == before  # type: ignore[operator]
    with acting_as(Identity.nobody(person.user.pk)):
        person.user.set_password("another long password")
        person.user.save()
    assert count(person.user.pk) == before + 1  # type: ignore[operator]


@pytest.fixture
def owner_url_entries(database_owner_url: str) -> object:
    """How many audit entries a user has; fails when one holds a hash. No organisation sees these."""

    def count(user_id: object) -> int:
        with psycopg.connect(database_owner_url) as connection:
            connection.execute("ALTER TABLE tenancy_auditentry NO FORCE ROW LEVEL SECURITY")
            rows = connection.execute(
                "SELECT before::text || after::text FROM tenancy_auditentry WHERE row_id = %s", [str(user_id)]
            ).fetchall()
            connection.rollback()
        assert not any("pbkdf2" in str(text) for (text,) in rows)
        return len(rows)

    return count


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenancy_auditentry SET action = action",
        "DELETE FROM tenancy_auditentry",
        "TRUNCATE tenancy_auditentry",
    ],
)
def test_not_even_the_owner_changes_the_audit_log(
    owner_connection: psycopg.Connection[tuple[object, ...]], statement: str
) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation, match="refused"):
        owner_connection.execute(statement.encode())


def test_the_application_adds_no_entry_of_its_own(house: House) -> None:
    from django.db.utils import ProgrammingError

    for role in Role:
        with pytest.raises(ProgrammingError), acting_as(house.identity(role)):
            AuditEntry.objects.create(
                organisation_id=house.organisation.pk,
                table="t",
                row_id="1",
                action="UPDATE",
                actor_role="admin",
                at=datetime.now(UTC),
            )
