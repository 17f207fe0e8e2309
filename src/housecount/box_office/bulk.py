"""Many rows in one statement: columns in, one guarded upsert out.

A column whose values are all the same is sent once; the others go as array literals made here, in a small part
of the time that the driver's own conversion of lists takes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper
from msgspec import Struct
from psycopg import Cursor, Pipeline

_pipeline: ContextVar[Pipeline | None] = ContextVar("pipeline", default=None)


class Table(Struct, frozen=True):
    """A table that is written in bulk. `columns` maps names to PostgreSQL types; `key` is its primary key."""

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]

    def insert(self) -> "Statement":
        """Inserts rows; one that is there already is an error."""
        return Statement(self, "")

    def upsert(self, assignments: str | None = None, where: str = "") -> "Statement":
        """Like `insert`, but updates the row that is there, by default every column outside the key."""
        assignments = assignments or ", ".join(
            f"{name} = excluded.{name}" for name in self.columns if name not in self.key
        )
        guard = f" WHERE {where}" if where else ""
        return Statement(self, f" ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {assignments}{guard}")


class Statement(Struct, frozen=True):
    """What to do with rows of `table`: insert them, then `conflict`."""

    table: Table
    conflict: str


def write(statement: Statement, rows: Sequence[Sequence[Any]]) -> None:
    """Runs `statement` for `rows`, whose values stand in the order of the columns."""
    if not rows:
        return
    table = statement.table
    chosen, arrays = [], []
    constants: list[Any] = []
    literals: list[str] = []
    for (name, kind), values in zip(table.columns.items(), zip(*rows, strict=True), strict=True):
        # The last column of a key varies from row to row; as an array it says how many rows there are.
        if name != table.key[-1] and values[-1] == values[0] and values.count(values[0]) == len(values):
            chosen.append(f"%s::{kind}")
            constants.append(values[0])
        else:
            chosen.append(f"decode(new.{name}, 'base64')" if kind == "bytea" else f"new.{name}")
            arrays.append((name, "text" if kind == "bytea" else kind))
            literals.append(array(values))
    sources = ", ".join(f"%s::{kind}[]" for _, kind in arrays)
    names = ", ".join(name for name, _ in arrays)
    sql = (
        f"INSERT INTO {table.name} ({', '.join(table.columns)}) SELECT {', '.join(chosen)}"  # noqa: S608
        f" FROM unnest({sources}) AS new({names}){statement.conflict}"
    )
    with _bound_cursor() as cursor:
        cursor.execute(sql, [*constants, *literals])


@contextmanager
def pipeline() -> Iterator[None]:
    """Statements in the block are sent without waiting for the answers to those before: the database works while we
    make the next one. A `fetch` waits; what went wrong is raised there or at the end of the block."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline() as opened:
        before = _pipeline.set(opened)
        try:
            yield
        finally:
            _pipeline.reset(before)


def _bound_cursor() -> CursorWrapper:
    """A cursor that sends parameters beside the statement. Django's own puts them into its text, which for long
    ones costs more than all else: escaping here, and parsing there. Its guards and its errors stay."""
    connection.ensure_connection()
    return connection.make_cursor(Cursor(connection.connection))  # type: ignore[arg-type]


def run(sql: str, parameters: Sequence[Any]) -> None:
    """A statement whose answer nobody needs; in a pipeline nobody waits for it either."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def fetch(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        if (opened := _pipeline.get()) is not None:
            # A pooling proxy passes answers on at a Sync; what the driver would send by itself is a Flush.
            opened.sync()
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def array(values: Sequence[Any]) -> str:
    """The literal of an array of texts, numbers, truth values, moments or UUIDs; bytes come as base64."""
    # Between the brackets JSON and PostgreSQL write alike, but for escapes.
    inside = _encode(values)[1:-1].decode()
    if "\\" in inside:
        inside = ",".join("null" if value is None else _quoted(value) for value in values)
    return "{" + inside + "}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_encode: Final = msgspec.json.Encoder().encode
