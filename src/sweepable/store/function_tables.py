"""The tables that people read: one per function, a row per call, parameters and scalar outputs as columns."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping

from sweepable.store import schema
from sweepable.store.cells import Cell

#: Kind (``parameter``, ``upstream``, ``output``) and name.
Column = tuple[str, str]

#: What stands in a new column for earlier calls whose output of that name was no scalar.
_NO_SCALAR = b"no scalar #?"


def columns(c: sqlite3.Connection, function: int) -> dict[Column, str]:
    """The columns of a function's table, in the order in which they were made."""
    rows = c.execute("SELECT kind, name, column_name FROM _columns WHERE function = ? ORDER BY rowid", (function,))
    return {(kind, name): column for kind, name, column in rows}


def tables(c: sqlite3.Connection) -> list[str]:
    """The names of all function tables."""
    return [name for (name,) in c.execute("SELECT table_name FROM _functions")]


def ensure_columns(c: sqlite3.Connection, function: int, table: str, wanted: Iterable[Column]) -> dict[Column, str]:
    """The columns of a table with those of `wanted` that it had not; SQLite's limit leaves some without."""
    known = columns(c, function)
    for kind, name in wanted:
        if (kind, name) not in known and len(known) < schema.MOST_COLUMNS and _can_name(name):
            shown = f"{name}_id" if kind == "upstream" else name
            known[kind, name] = _add_column(c, function, table, (kind, name), shown, known.values())
    return known


def _can_name(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in name


def _add_column(c: sqlite3.Connection, function: int, table: str, key: Column, shown: str, taken: Iterable[str]) -> str:
    column = schema.column_name(shown, ["id", *taken])
    c.execute(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {type_of(key[0])}')
    c.execute("INSERT INTO _columns VALUES (?, ?, ?, ?)", (function, *key, column))
    if key[0] == "output":
        _mark_earlier(c, function, table, key[1], column)
    return column


def type_of(kind: str) -> str:
    """The type of a column: that which ids have for upstream calls, so that an index answers what joins them."""
    return "INTEGER" if kind == "upstream" else "ANY"


def _mark_earlier(c: sqlite3.Connection, function: int, table: str, name: str, column: str) -> None:
    """Earlier calls had an output of this name that was no scalar: their cells must not read as None."""
    if c.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone() is None:
        return
    for layout, text in c.execute("SELECT id, text FROM _layouts").fetchall():
        if name in json.loads(text)[1]:
            c.execute(
                f'UPDATE "{table}" SET "{column}" = ? WHERE id IN '
                "(SELECT id FROM _calls WHERE function = ? AND layout = ?)",
                (_NO_SCALAR, function, layout),
            )


def write_row(
    c: sqlite3.Connection, table: str, call_id: int, known: Mapping[Column, str], cells: Mapping[Column, Cell]
) -> None:
    """Write a call's row, of those cells that have a column."""
    found = {known[column]: cell for column, cell in cells.items() if column in known}
    names = "".join(f', "{name}"' for name in found)
    marks = ", ?" * len(found)
    c.execute(f'INSERT OR REPLACE INTO "{table}" (id{names}) VALUES (?{marks})', (call_id, *found.values()))


def replace_outputs(
    c: sqlite3.Connection, table: str, call_id: int, known: Mapping[Column, str], cells: Mapping[Column, Cell]
) -> None:
    """Write a call's outputs anew, and empty the columns of those that it no longer has."""
    found = {column: cells.get(key) for key, column in known.items() if key[0] == "output"}
    if found:
        names = ", ".join(f'"{name}" = ?' for name in found)
        c.execute(f'UPDATE "{table}" SET {names} WHERE id = ?', (*found.values(), call_id))


def drop_row(c: sqlite3.Connection, call_id: int) -> None:
    """Remove a call's row, whichever table it is in."""
    for table in tables(c):
        c.execute(f'DELETE FROM "{table}" WHERE id = ?', (call_id,))
