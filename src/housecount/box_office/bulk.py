"""Many rows in one statement: columns in, one guarded upsert out.

A column whose values are all the same is sent once; the others go as array literals made here, which takes a
small part of the time that the driver's own conversion of lists does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper
from msgspec import Struct
from psycopg import Cursor


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


def write(statement: Statement, rows: Sequence[Sequence[Any]]) -> int:
    """Runs `statement` for `rows`, whose values stand in the order of the columns; returns how many were written."""
    if not rows:
        return 0
    table = statement.table
    chosen, arrays = [], []
    constants: list[Any] = []
    literals: list[str] = []
    for (name, kind), values in zip(table.columns.items(), zip(*rows, strict=True), strict=True):
        # The last column of a key varies from row to row; as an array it says how many rows there are.
        if name != table.key[-1] and values[-1] == values[0] and values.count(values[0]) == len(values):
            chosen.append(f"%s::{kind}")
            constants.append(values[0])
            continue
        # As text, because bytes would need their backslashes escaped twice.
        sent = "text" if kind == "bytea" else kind
        chosen.append(f"decode(new.{name}, 'hex')" if kind == "bytea" else f"new.{name}")
        arrays.append((name, sent))
        literals.append(_LITERALS[kind](values))
    sources = ", ".join(f"%s::{sent}[]" for _, sent in arrays)
    names = ", ".join(name for name, _ in arrays)
    sql = (
        f"INSERT INTO {table.name} ({', '.join(table.columns)}) SELECT {', '.join(chosen)}"  # noqa: S608
        f" FROM unnest({sources}) AS new({names}){statement.conflict}"
    )
    with _bound_cursor() as cursor:
        cursor.execute(sql, [*constants, *literals])
        written: int = cursor.rowcount
        return written


def _bound_cursor() -> CursorWrapper:
    """A cursor that sends parameters beside the statement. Django's own puts them into its text, which for long
    ones costs more than all else: escaping here, and parsing there. Its guards and its errors stay."""
    connection.ensure_connection()
    return connection.make_cursor(Cursor(connection.connection))


def fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def texts(values: Sequence[str | None]) -> str:
    """The literal of a text[]."""
    try:
        joined = '","'.join(values)  # type: ignore[arg-type]
    except TypeError:
        return _array("NULL" if value is None else _quoted(value) for value in values)
    if "\\" in joined or joined.count('"') != 2 * max(len(values) - 1, 0):
        return _array(_quoted(value) for value in values if value is not None)
    return _array([f'"{joined}"'] if values else [])


def _array(items: Iterable[str]) -> str:
    return "{" + ",".join(items) + "}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _integers(values: Sequence[int | None]) -> str:
    return "{" + str(list(values))[1:-1].replace("None", "NULL") + "}"


def _booleans(values: Sequence[bool]) -> str:
    return _array(["t" if value else "f" for value in values])


def _moments(values: Sequence[datetime | None]) -> str:
    return _array(["NULL" if value is None else f'"{value.isoformat()}"' for value in values])


def _uuids(values: Sequence[UUID]) -> str:
    return _array(map(str, values))


def _hexadecimal(values: Sequence[bytes]) -> str:
    # Quoted: an empty one is a value too.
    return _array([f'"{value.hex()}"' for value in values])


_LITERALS: Final[Mapping[str, Callable[[Sequence[Any]], str]]] = {
    "text": texts,
    "bigint": _integers,
    "boolean": _booleans,
    "uuid": _uuids,
    "timestamptz": _moments,
    "bytea": _hexadecimal,
}
