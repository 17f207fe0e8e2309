"""Tables with rows that hold nothing but what the walls look at."""

from uuid import UUID, uuid4

import psycopg
from psycopg import sql

OURS = UUID("00000000-0000-4000-8000-00000000000a")
THEIRS = UUID("00000000-0000-4000-8000-00000000000b")
Connection = psycopg.Connection[tuple[object, ...]]


TENANT_TABLES = """
    SELECT class.relname::text FROM pg_class class JOIN pg_attribute attribute ON attrelid = class.oid
    WHERE class.relkind IN ('r', 'p') AND attname = 'organisation_id' AND NOT attisdropped
    AND relnamespace = 'public'::regnamespace ORDER BY 1
"""


def tenant_tables(connection: Connection) -> list[str]:
    """Every table with an organisation_id, from the catalogue."""
    return [str(name) for (name,) in connection.execute(TENANT_TABLES)]


def lay_bare(connection: Connection) -> None:
    """Take everything but policies and grants off each tenant table; give it one row of OURS, one of THEIRS."""
    for table in tenant_tables(connection):
        _strip(connection, table)
    for table in tenant_tables(connection):
        _fill(connection, table)


def _strip(connection: Connection, table: str) -> None:
    name = sql.Identifier(table)
    connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
    constraints = connection.execute(
        "SELECT conname::text FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c','f','p','u','x')",
        [f'"{table}"'],
    ).fetchall()
    for (constraint,) in constraints:
        connection.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {} CASCADE").format(
                name, sql.Identifier(str(constraint))
            )
        )
    indexes = connection.execute(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass AND indisunique",
        [f'"{table}"'],
    ).fetchall()
    for (index,) in indexes:
        connection.execute(f"DROP INDEX {index} CASCADE".encode())
    columns = connection.execute(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnotnull AND attnum > 0"
        " AND attidentity = '' AND NOT attisdropped",
        [f'"{table}"'],
    ).fetchall()
    for (column,) in columns:
        connection.execute(
            sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL").format(name, sql.Identifier(str(column)))
        )


def _fill(connection: Connection, table: str) -> None:
    name = sql.Identifier(table)
    connection.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(name))
    for organisation_id in (OURS, THEIRS):
        connection.execute(
            sql.SQL("INSERT INTO {} (organisation_id) VALUES (%s)").format(name), [organisation_id]
        )
        kind = connection.execute(
            "SELECT format_type(atttypid, NULL)::text FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attname = 'id'",
            [f'"{table}"'],
        ).fetchone()
        if kind == ("uuid",):
            connection.execute(
                sql.SQL("UPDATE {} SET id = %s WHERE organisation_id = %s").format(name),
                [uuid4(), organisation_id],
            )
    connection.execute(sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(name))
