"""Every tenant table, as every role, in one's own and in the other organisation; from the catalogue."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db.migrations.loader import MigrationLoader
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from housecount.installation import roles
from housecount.tenancy.identity import Role
from housecount.tenancy.walls import DECLARATIONS, Declaration
from tests.walls.bare import OURS, THEIRS, Connection, tenant_tables

NOT_TENANT = {
    "tenancy_user": "a person can belong to several organisations; has policies of its own",
    "tenancy_organisation": "is the organisation; has policies of its own",
    "sync_credential_budget": "two organisations may hold the same key; names neither",
    "django_content_type": "names of models",
    "django_migrations": "names of migrations",
    "django_session": "no longer used",
    "tenancy_session": "a person's, in whichever organisation; has a policy of its own",
    "housecount_cache": "counters of attempts",
}
LIBRARIES = ("account_", "auth_", "mfa_", "procrastinate_")


@pytest.fixture(scope="session", autouse=True)
def declared() -> dict[str, Declaration]:
    for app, name in MigrationLoader(None).disk_migrations:
        if app in {"tenancy", "box_office", "sync", "web", "intake", "invoices", "live"}:
            import_module(f"housecount.{app}.migrations.{name}")
    return DECLARATIONS


@pytest.fixture(scope="session")
def bare(bare_url: str) -> Iterator[Connection]:
    with psycopg.connect(bare_url, autocommit=True) as connection:
        yield connection


@contextmanager
def acting(
    connection: Connection, role: Role | None, organisation_id: UUID | None, switched: bool = True
) -> Iterator[None]:
    """Act as told; everything is undone afterwards."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "SELECT set_config('role', %s, true), set_config('app.role', %s, true),"
            " set_config('app.organisation_id', %s, true), set_config('app.user_id', %s, true)",
            [
                roles.APP if switched else "none",
                role.value if role else "",
                str(organisation_id or ""),
                str(uuid4()),
            ],
        )
        yield


STATEMENTS = {
    "select": "SELECT FROM {} WHERE organisation_id = %s",
    "insert": "INSERT INTO {} (organisation_id) VALUES (%s)",
    "update": "UPDATE {} SET organisation_id = organisation_id WHERE organisation_id = %s",
    "delete": "DELETE FROM {} WHERE organisation_id = %s",
}


def rows_reached(connection: Connection, verb: str, table: str, organisation_id: UUID) -> int:
    """How many rows a statement saw, made, changed or removed; 0 when it was refused."""
    try:
        with connection.transaction():
            return connection.execute(
                sql.SQL(STATEMENTS[verb]).format(sql.Identifier(table)), [organisation_id]
            ).rowcount
    except InsufficientPrivilege:
        return 0


def allowed(declaration: Declaration, verb: str) -> frozenset[Role]:
    if verb == "select":
        return declaration.read
    if verb == "update" and declaration.append_only:
        return frozenset()
    if verb == "delete" and not declaration.delete:
        return frozenset()
    return declaration.write


@pytest.mark.parametrize("verb", STATEMENTS)
@pytest.mark.parametrize("role", list(Role))
def test_each_role_reaches_its_own_rows_and_no_others(
    bare: Connection, declared: dict[str, Declaration], role: Role, verb: str
) -> None:
    wrong = []
    for table in tenant_tables(bare):
        assert table in declared, f"{table} has an organisation_id and was never declared by protect()"
        expected = 1 if role in allowed(declared[table], verb) else 0
        with acting(bare, role, OURS):
            found = rows_reached(bare, verb, table, OURS)
            foreign = rows_reached(bare, verb, table, THEIRS)
        if (found, foreign) != (expected, 0):
            wrong.append(f"{verb} {table} as {role}: own {found} (expected {expected}), foreign {foreign}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("verb", STATEMENTS)
@pytest.mark.parametrize("role", [*Role, None])
def test_without_an_organisation_there_are_no_rows_but_the_engines_own(
    bare: Connection, declared: dict[str, Declaration], role: Role | None, verb: str
) -> None:
    for table in tenant_tables(bare):
        expected = 1 if verb == "select" and role in declared[table].across else 0
        if (table, verb, role) == ("webhook_log", "insert", Role.INTAKE):
            expected = 1
        with acting(bare, role, None):
            assert rows_reached(bare, verb, table, OURS) == expected, table


def test_only_the_engine_sees_across_organisations(declared: dict[str, Declaration]) -> None:
    assert {table: rule.across for table, rule in declared.items() if rule.across} == {
        "sync_hook_door": {Role.INTAKE, Role.SYSTEM},
        "sync_agenda": {Role.SYSTEM},
        "xero_agenda": {Role.SYSTEM},
        "sync_tally": {Role.SYSTEM},
        "sync_alert": {Role.SYSTEM},
        "sync_freshness": {Role.SYSTEM},
        "sync_circuit_breaker": {Role.SYSTEM},
        "webhook_log": {Role.SYSTEM},
    }


def test_an_organisation_without_a_role_is_not_enough(bare: Connection) -> None:
    for table in tenant_tables(bare):
        for verb in STATEMENTS:
            with acting(bare, None, OURS):
                assert rows_reached(bare, verb, table, OURS) == 0, (verb, table)


def test_a_forgotten_switch_of_role_meets_permission_denied(bare: Connection) -> None:
    for table in tenant_tables(bare):
        with acting(bare, Role.SYSTEM, OURS, switched=False), pytest.raises(InsufficientPrivilege):
            bare.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))


@pytest.mark.parametrize("role", list(Role))
def test_no_row_can_be_moved_to_the_other_organisation(bare: Connection, role: Role) -> None:
    for table in tenant_tables(bare):
        with acting(bare, role, OURS):
            try:
                with bare.transaction():
                    moved = bare.execute(
                        sql.SQL("UPDATE {} SET organisation_id = %s").format(sql.Identifier(table)), [THEIRS]
                    ).rowcount
            except InsufficientPrivilege:
                moved = 0
            assert moved == 0, table


def test_every_table_belongs_to_an_organisation_or_says_why_not(owner_connection: Connection) -> None:
    tables = {
        str(name)
        for (name,) in owner_connection.execute(
            "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
    }
    unexplained = {
        table
        for table in tables - set(tenant_tables(owner_connection)) - set(NOT_TENANT)
        if not table.startswith(LIBRARIES)
    }
    assert not unexplained


def test_row_level_security_is_forced_on_every_tenant_table(owner_connection: Connection) -> None:
    tables = [*tenant_tables(owner_connection), "tenancy_user", "tenancy_organisation"]
    rows = owner_connection.execute(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND relname = ANY(%s) AND NOT (relrowsecurity AND relforcerowsecurity)",
        [tables],
    ).fetchall()
    assert len(tables) > 2
    assert rows == []


def test_the_application_owns_nothing_and_cannot_pass_the_walls(owner_connection: Connection) -> None:
    names = [roles.APP, roles.LOGIN]
    attributes = owner_connection.execute(
        "SELECT rolname::text, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = ANY(%s) ORDER BY 1",
        [names],
    ).fetchall()
    assert attributes == [(name, False, False, False, False) for name in sorted(names)]
    owned = owner_connection.execute(
        "SELECT relname::text FROM pg_class WHERE pg_get_userbyid(relowner) = ANY(%(names)s)"
        " UNION ALL SELECT nspname::text FROM pg_namespace WHERE pg_get_userbyid(nspowner) = ANY(%(names)s)"
        " UNION ALL SELECT proname::text FROM pg_proc WHERE pg_get_userbyid(proowner) = ANY(%(names)s)",
        {"names": names},
    ).fetchall()
    assert owned == []
    for name in names:
        too_much = owner_connection.execute(
            "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            " AND (has_table_privilege(%(name)s, oid, 'TRUNCATE') OR has_table_privilege(%(name)s, oid, 'TRIGGER')"
            " OR has_table_privilege(%(name)s, oid, 'REFERENCES'))",
            {"name": name},
        ).fetchall()
        assert too_much == []
        creates = owner_connection.execute(
            "SELECT has_schema_privilege(%(name)s, 'public', 'CREATE')"
            " OR has_schema_privilege(%(name)s, 'app', 'CREATE')",
            {"name": name},
        ).fetchone()
        assert creates == (False,)


def test_a_reference_between_tenant_tables_stays_within_the_organisation(
    owner_connection: Connection, declared: dict[str, Declaration]
) -> None:
    """A foreign key alone is checked without row-level security; one that holds the organisation is not fooled."""
    # What only `system` writes names what it has itself read there.
    by_people = [table for table in tenant_tables(owner_connection) if declared[table].write - {Role.SYSTEM}]
    loose = owner_connection.execute(
        """
        SELECT con.conrelid::regclass::text || '.' || col.attname
        FROM pg_constraint con
        JOIN pg_attribute col ON col.attrelid = con.conrelid AND col.attnum = con.conkey[1]
        WHERE con.contype = 'f' AND con.connamespace = 'public'::regnamespace AND cardinality(con.conkey) = 1
          AND con.conrelid::regclass::text = ANY(%(by_people)s) AND con.confrelid::regclass::text = ANY(%(all)s)
          AND NOT EXISTS (
            SELECT FROM pg_constraint tie
            WHERE tie.contype = 'f' AND tie.conrelid = con.conrelid AND tie.confrelid = con.confrelid
              AND con.conkey[1] = ANY(tie.conkey)
              AND (SELECT attnum FROM pg_attribute
                   WHERE attrelid = con.conrelid AND attname = 'organisation_id') = ANY(tie.conkey))
        """,
        {"by_people": by_people, "all": tenant_tables(owner_connection)},
    ).fetchall()
    assert by_people
    assert loose == []


def test_what_is_declared_audited_or_append_only_has_its_trigger(
    owner_connection: Connection, declared: dict[str, Declaration]
) -> None:
    triggers = {
        (str(table), str(name))
        for table, name in owner_connection.execute(
            "SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'"
        )
    }
    for table in tenant_tables(owner_connection):
        assert ((table, "audit") in triggers) == declared[table].audit, table
        if declared[table].append_only:
            assert (table, "append_only") in triggers, table


def test_policies_ask_who_acts_once_per_statement_and_not_per_row(owner_connection: Connection) -> None:
    """`(SELECT app.role())` is computed once; a bare `app.role()` for each of a million rows."""
    policies = owner_connection.execute(
        "SELECT tablename::text, policyname::text, concat(qual, ' ', with_check) FROM pg_policies"
        " WHERE schemaname = 'public'"
    ).fetchall()
    assert len(policies) > 20
    for table, policy, condition in policies:
        asked = str(condition).count("app.")
        once = len(re.findall(r"SELECT app\.\w+\(\)", str(condition)))
        assert asked == once, (table, policy, condition)
