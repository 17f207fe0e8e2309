"""Many rows in one statement: arrays in, one guarded upsert out."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from msgspec import Struct


class Table(Struct, frozen=True):
    """A table that is written in bulk. `columns` maps names to PostgreSQL types; `key` is its primary key."""

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]

    def insert(self) -> str:
        """SQL that inserts rows given as one array per column, in the order of `columns`."""
        arrays = ", ".join(f"%s::{kind}[]" for kind in self.columns.values())
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) SELECT * FROM unnest({arrays})"  # noqa: S608

    def upsert(self, assignments: str | None = None, where: str = "") -> str:
        """SQL like `insert` that updates the row that is there, by default every column outside the key."""
        assignments = assignments or ", ".join(
            f"{name} = excluded.{name}" for name in self.columns if name not in self.key
        )
        guard = f" WHERE {where}" if where else ""
        return f"{self.insert()} ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {assignments}{guard}"


def write(sql: str, rows: Sequence[Sequence[Any]]) -> int:
    """Runs an `insert` or `upsert` for `rows`; returns how many rows were written."""
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(column) for column in zip(*rows, strict=True)])
        written: int = cursor.rowcount
        return written


def fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
