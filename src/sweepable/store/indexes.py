"""Indexes of the function tables, by the columns that queries ask for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from sweepable.errors import StoreError
from sweepable.notices import logger
from sweepable.store.connections import Connections

#: A smaller table is read from end to end in less time than an index takes to be looked after.
SMALLEST = 2_000
#: Of one table: each makes storing a call slower by some microseconds.
MOST = 16
#: Rows that are looked at for how many a value has, which decides between two indexes.
_ANALYSED = 1_000


class Indexes:
    """What this process knows of the indexes of a store.

    Parameters
    ----------
    connections : Connections
        To the index.

    Attributes
    ----------
    known : set of (table, column)
        As quoted in SQL: those that have an index, or can have none here.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.known: set[tuple[str, str]] = set()

    def ensure(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Make the indexes that are missing, where tables are large; a store that cannot be written has none made."""
        if self.known.issuperset(wanted):
            return
        connections = self._connections
        for table, column in wanted:
            if (table, column) in self.known:
                continue
            with connections.reading() as c:
                is_there = name_of(table, column) in _names(c, table)
                is_small = c.execute(f"SELECT 1 FROM {table} LIMIT 1 OFFSET {SMALLEST - 1}").fetchone() is None
            if is_small and not is_there:
                continue  # it may grow
            self.known.add((table, column))
            if not (is_there or connections.read_only):
                _make(table, column, connections)


def name_of(table: str, column: str) -> str:
    """What the index is called."""
    return f"{table[1:-1]}__by__{column[1:-1]}"


def _names(c: sqlite3.Connection, table: str) -> list[str]:
    query = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?"
    return [name for (name,) in c.execute(query, (table[1:-1].replace('""', '"'),))]


def _make(table: str, column: str, connections: Connections) -> None:
    try:
        with connections.writing() as c:
            if len(_names(c, table)) >= MOST:
                return
            name = '"' + name_of(table, column) + '"'
            c.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {table} ({column})")
            c.execute(f"PRAGMA analysis_limit = {_ANALYSED}")
            c.execute(f"ANALYZE {name}")
    except (StoreError, sqlite3.Error) as error:  # it is found without, if slowly
        logger().warning("no index of %s by %s was made: %s", table, column, error)
