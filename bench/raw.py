"""The yardstick: the same rows by psycopg alone, COPY into a temporary table and INSERT ... ON CONFLICT.

It connects as the superuser, so that no wall costs it anything, keeps its temporary tables and prepared
statements for the whole session, and gets its rows as finished Python tuples.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from housecount.box_office.bulk import Table

Rows = Sequence[tuple[Any, ...]]


class RawLoader:
    """Writes pages of rows into `tables`; each call of `load` is one transaction."""

    def __init__(self, url: str, tables: Sequence[Table]) -> None:
        self._connection = psycopg.connect(url, autocommit=True, prepare_threshold=0)
        self._tables = tables
        for table in tables:
            columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
            self._connection.execute(
                f"CREATE TEMPORARY TABLE {_staging(table)} ({columns}) ON COMMIT DELETE ROWS"
            )

    def load(self, page: Mapping[str, Rows]) -> None:
        """Writes the rows of one page, by table name."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for table in self._tables:
                rows = page[table.name]
                if not rows:
                    continue
                with cursor.copy(f"COPY {_staging(table)} FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(list(table.columns.values()))
                    for row in rows:
                        copy.write_row(row)
                cursor.execute(_upsert(table))

    def seconds(self, pages: Sequence[Mapping[str, Rows]]) -> float:
        """How long it takes to load all of `pages`."""
        started = time.perf_counter()
        for page in pages:
            self.load(page)
        return time.perf_counter() - started

    def close(self) -> None:
        self._connection.close()


def _staging(table: Table) -> str:
    return f"raw_{table.name}"


def _upsert(table: Table) -> str:
    """Rows that are there and differ are changed; those that do not differ are left alone. Entries are only added:
    the database refuses to change one."""
    columns = ", ".join(table.columns)
    insert = f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {_staging(table)}"
    if "sequence" in table.key:
        return insert
    others = [name for name in table.columns if name not in table.key]
    assignments = ", ".join(f"{name} = excluded.{name}" for name in others)
    before = ", ".join(f"{table.name}.{name}" for name in others)
    after = ", ".join(f"excluded.{name}" for name in others)
    return (
        f"{insert} ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {assignments}"
        f" WHERE ({before}) IS DISTINCT FROM ({after})"
    )
