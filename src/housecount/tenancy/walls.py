"""The walls: row-level security, grants and the audit trigger, as operations for a migration.

A migration that makes a tenant table calls `protect` for it, and `tie` for each of its references to
another tenant table. What was declared is kept in `DECLARATIONS`, so that the tests can try every table as
every role; a table with an `organisation_id` that was never declared fails them.

The database role of the application owns nothing. It is granted what a table needs and no more, and sees no
row for which the settings of `housecount.tenancy.identity` do not speak. The owner is bound by the policies
too: a migration that changes data sets `app.role` to `system` and `app.organisation_id`, one organisation after
the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.migrations import RunSQL
from django.db.migrations.operations.base import Operation

from housecount.installation.roles import APP
from housecount.tenancy.identity import Role


@dataclass(frozen=True, slots=True)
class Declaration:
    """Who may do what with a table's rows of their own organisation; `system` is always included."""

    table: str
    read: frozenset[Role]
    write: frozenset[Role]
    append_only: bool
    delete: bool
    audit: bool
    special: bool = False
    """The table has policies of its own, beyond its organisation's rows."""
    across: frozenset[Role] = frozenset()
    """Who sees the rows of every organisation while acting in none."""


DECLARATIONS: dict[str, Declaration] = {}
"""By table, the last declaration made; filled as migration modules are imported."""

IN_ORGANISATION = "organisation_id = (SELECT app.organisation_id())"


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    if not name.replace("_", "").isalnum() or len(name) > 63:
        raise ValueError(f"not a table or column name: {name!r}")
    return f'"{name}"'


def role_is(roles: Iterable[Role]) -> str:
    """An SQL condition: the transaction acts in one of `roles`."""
    names = ",".join(sorted(role.value for role in roles))
    return f"(SELECT app.role()) = ANY ('{{{names}}}'::text[])"


def acting_across(roles: Iterable[Role]) -> str:
    """An SQL condition: the transaction acts in one of `roles` and in no organisation."""
    return f"((SELECT app.organisation_id()) IS NULL AND {role_is(roles)})"


def _operation(forwards: str, backwards: str) -> RunSQL:
    return RunSQL(forwards, backwards)


def protect(
    table: str,
    *,
    read: Iterable[Role],
    write: Iterable[Role] = (),
    secret_columns: Sequence[str] = (),
    unaudited_columns: Sequence[str] = (),
    audit: bool,
    append_only: bool = False,
    delete: bool = True,
    read_also: str | None = None,
    across: Iterable[Role] = (),
) -> list[Operation]:
    """Put a tenant table behind the walls; it must have a column `organisation_id uuid not null`.

    `read`: who sees the rows of their organisation; `write`: who of them also changes rows. `Role.SYSTEM`
    does both, always within its organisation. `read_also`: an SQL condition on the row under which
    acts see it (write it over `app.user_id()`; wrap calls as `(SELECT app.user_id())`).
    `across`: who also sees the rows of every organisation while acting in none: for the engine's own agenda
    (what is due where), never for what a tenant would call theirs.
    `append_only`: rows are added and never changed, by any database role, the owner included;
    otherwise `delete=False` keeps the application from deleting.
    `audit`: every change leaves an AuditEntry, without the values of `secret_columns`, and none at all
    for a change in `unaudited_columns` alone.

    Hands back reversible operations. `INSERT ... ON CONFLICT DO UPDATE` is refused on an append-only table;
    `DO NOTHING` is not.
    """
    readers = frozenset(read) | {Role.SYSTEM}
    writers = frozenset(write) | {Role.SYSTEM}
    if not writers <= readers:
        raise ValueError(f"{table}: who writes must also read")
    if Role.NOBODY in readers:
        raise ValueError(f"{table}: nobody has no organisation, and no rows in it")
    DECLARATIONS[table] = Declaration(
        table,
        readers,
        writers,
        append_only,
        delete and not append_only,
        audit,
        special=read_also is not None,
        across=frozenset(across),
    )
    name = quoted(table)
    seen = role_is(readers)
    if read_also is not None:
        seen = f"({seen} OR ({role_is([Role.ACT])} AND ({read_also})))"
    mine = f"{IN_ORGANISATION} AND {role_is(writers)}"
    visible = f"({IN_ORGANISATION} AND {seen})"
    if across:
        visible = f"{visible} OR {acting_across(across)}"
    policies = {
        "seen": f"FOR SELECT USING ({visible})",
        "added": f"FOR INSERT WITH CHECK ({mine})",
    }
    privileges = ["SELECT", "INSERT"]
    if not append_only:
        policies["changed"] = f"FOR UPDATE USING ({mine}) WITH CHECK ({mine})"
        privileges.append("UPDATE")
        if delete:
            policies["removed"] = f"FOR DELETE USING ({mine})"
            privileges.append("DELETE")
    operations = [*row_level_security(table, policies), grant(table, *privileges)]
    if audit:
        operations.append(audited(table, secret_columns, unaudited_columns))
    if append_only:
        operations.append(
            _operation(
                f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name}"
                " FOR EACH STATEMENT EXECUTE FUNCTION app.refuse()",
                f"DROP TRIGGER append_only ON {name}",
            )
        )
    return operations


def row_level_security(table: str, policies: dict[str, str]) -> list[Operation]:
    """Enable and force row-level security, with `policies` by name (`FOR SELECT USING (...)`)."""
    name = quoted(table)
    return [
        _operation(
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY; ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY; ALTER TABLE {name} DISABLE ROW LEVEL SECURITY",
        ),
        *(
            _operation(
                f"CREATE POLICY {quoted(policy)} ON {name} {body}", f"DROP POLICY {quoted(policy)} ON {name}"
            )
            for policy, body in policies.items()
        ),
    ]


def grant(table: str, *privileges: str) -> Operation:
    """Grant the application's role `privileges` on a table, and the use of its own sequences."""
    name = quoted(table)
    what = ", ".join(privileges)
    sequences = f"""
        DO $$
        DECLARE found regclass;
        BEGIN
            FOR found IN
                SELECT depends.objid::regclass FROM pg_depend depends
                JOIN pg_class class ON class.oid = depends.objid AND class.relkind = 'S'
                WHERE depends.refobjid = '{name}'::regclass AND depends.classid = 'pg_class'::regclass
            LOOP
                EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO {APP}', found);
            END LOOP;
        END $$;"""  # noqa: S608 - `name` is checked
    return _operation(
        f"GRANT {what} ON {name} TO {APP};" + (sequences if "INSERT" in privileges else ""),
        f"REVOKE {what} ON {name} FROM {APP}",
    )


def audited(
    table: str, secret_columns: Sequence[str] = (), unaudited_columns: Sequence[str] = ()
) -> Operation:
    """Write every change of the table's rows to the audit log (see `protect`)."""
    name = quoted(table)
    arguments = ", ".join(
        [f"'secret:{quoted(column)[1:-1]}'" for column in secret_columns]
        + [f"'unaudited:{quoted(column)[1:-1]}'" for column in unaudited_columns]
    )
    return _operation(
        f"CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {name}"
        f" FOR EACH ROW EXECUTE FUNCTION app.audit({arguments})",
        f"DROP TRIGGER audit ON {name}",
    )


def tie(table: str, column: str, to: str) -> list[Operation]:
    """Let `table.column` name only rows of `to` in the same organisation.

    A plain foreign key does not: PostgreSQL checks it without row-level security, so that the row of
    another organisation could be named. Both tables have `organisation_id`, and `to` has an `id`.
    """
    key = quoted(f"{to}_walls"[:63])
    constraint = quoted(f"{table}_{column}_walls"[:63])
    return [
        _operation(
            f"CREATE UNIQUE INDEX IF NOT EXISTS {key} ON {quoted(to)} (organisation_id, id)", RunSQL.noop
        ),
        _operation(
            f"ALTER TABLE {quoted(table)} ADD CONSTRAINT {constraint}"
            f" FOREIGN KEY (organisation_id, {quoted(column)}) REFERENCES {quoted(to)} (organisation_id, id)"
            " DEFERRABLE INITIALLY DEFERRED",
            f"ALTER TABLE {quoted(table)} DROP CONSTRAINT {constraint}",
        ),
    ]


def functions() -> list[Operation]:
    """Schema `app`: who acts, the audit trigger, and the trigger that refuses. Used once, by tenancy."""
    return [_operation(_FUNCTIONS, "DROP SCHEMA app CASCADE")]


_FUNCTIONS = f"""
CREATE SCHEMA IF NOT EXISTS app;
GRANT USAGE ON SCHEMA app TO {APP};

CREATE OR REPLACE FUNCTION app.organisation_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.organisation_id', true), '')::uuid $$;

CREATE OR REPLACE FUNCTION app.user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;

CREATE OR REPLACE FUNCTION app.role() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.role', true), '') $$;

-- Runs as the owner, who alone may add to the audit log.
CREATE OR REPLACE FUNCTION app.audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    argument text;
    field text;
    before jsonb;
    after jsonb;
    hidden jsonb := '{{}}';
    changed jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN before := to_jsonb(OLD); END IF;
    IF TG_OP <> 'DELETE' THEN after := to_jsonb(NEW); END IF;
    changed := coalesce(after, before);
    FOREACH argument IN ARRAY coalesce(TG_ARGV, '{{}}'::text[]) LOOP
        field := substr(argument, strpos(argument, ':') + 1);
        -- That a secret changed is worth knowing; what it is must not be.
        IF argument LIKE 'secret:%' AND TG_OP = 'UPDATE' AND before -> field IS DISTINCT FROM after -> field THEN
            hidden := hidden || jsonb_build_object(field, 'changed');
        END IF;
        before := before - field;
        after := after - field;
    END LOOP;
    after := after || hidden;
    IF TG_OP = 'UPDATE' AND before = after THEN RETURN NULL; END IF;
    INSERT INTO tenancy_auditentry
        (organisation_id, "table", row_id, action, actor_user_id, actor_role, at, before, after)
    VALUES (
        CASE WHEN TG_TABLE_NAME = 'tenancy_organisation' THEN (changed ->> 'id')::uuid
             ELSE (changed ->> 'organisation_id')::uuid END,
        TG_TABLE_NAME, coalesce(changed ->> 'id', ''), TG_OP,
        app.user_id(), coalesce(app.role(), 'owner'), clock_timestamp(), before, after);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION app.refuse() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: its rows are never changed or deleted', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
"""  # noqa: S608 - no value from outside
