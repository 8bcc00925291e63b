"""The tables that people read: one per function, a row per call, parameters and scalar outputs as columns."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from functools import lru_cache

from sweepable.store import schema
from sweepable.store.cells import Cell
from sweepable.store.interned import Interned

#: Kind (``parameter``, ``field``, ``upstream``, ``output``) and name.
Column = tuple[str, str]

#: What stands in a new column for earlier calls whose output of that name was no scalar.
_NO_SCALAR = b"no scalar #?"


def columns(c: sqlite3.Connection, function: int) -> dict[Column, str]:
    """The columns of a function's table, in the order in which they were made."""
    rows = c.execute("SELECT kind, name, column_name FROM _columns WHERE function = ? ORDER BY rowid", (function,))
    return {(kind, name): column for kind, name, column in rows}


def encoded(c: sqlite3.Connection, function: int) -> set[str]:
    """Those of its columns in which a cell is, or was, a BLOB: not a number, text or None."""
    rows = c.execute("SELECT column_name FROM _columns WHERE function = ? AND encoded", (function,))
    return {column for (column,) in rows}


def tables(c: sqlite3.Connection) -> list[str]:
    """The names of all function tables."""
    return [name for (name,) in c.execute("SELECT table_name FROM _functions")]


def ensure_columns(c: sqlite3.Connection, function: int, table: str, wanted: Iterable[Column]) -> dict[Column, str]:
    """The columns of a table with those of `wanted` that it had not; SQLite's limit leaves some without."""
    known = columns(c, function)
    fields = sum(kind == "field" for kind, _ in known)
    fresh: dict[Column, str] = {}
    for kind, name in wanted:
        if (kind, name) not in known and len(known) < schema.MOST_COLUMNS and _can_name(name):
            fields += kind == "field"
            if kind == "field" and fields > schema.MOST_FIELDS:
                continue
            if kind in ("shape", "dtype") and len(known) > schema.MOST_FIELDS:
                continue  # scalars come first
            shown = f"{name}{_ENDINGS.get(kind, '')}"
            known[kind, name] = fresh[kind, name] = schema.column_name(shown, ["id", *known.values()])
    if fresh:
        _add_columns(c, function, table, fresh, is_new=len(fresh) == len(known))
    return known


#: How the column of a kind is called after the name that it is of.
_ENDINGS = {"upstream": "_id", "shape": "__shape", "dtype": "__dtype"}
#: What tells of outputs.
_OF_OUTPUTS = ("output", "shape", "dtype")


def _can_name(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in name


def _add_columns(c: sqlite3.Connection, function: int, table: str, fresh: Mapping[Column, str], is_new: bool) -> None:
    definitions = defined(fresh)
    if not (is_new and _recreate(c, table, definitions)):
        for definition in definitions:
            c.execute(f'ALTER TABLE "{table}" ADD COLUMN {definition}')
    for (kind, name), column in fresh.items():
        row = (function, kind, name, column)
        c.execute("INSERT INTO _columns (function, kind, name, column_name) VALUES (?, ?, ?, ?)", row)
        if kind == "output":
            _mark_earlier(c, function, table, name, column)


def _recreate(c: sqlite3.Connection, table: str, definitions: Iterable[str]) -> bool:
    """Give an empty table its columns at once: after each ALTER TABLE, SQLite reads all definitions anew.

    False where there are rows, or where somebody is reading on this connection: then no table can be dropped.
    """
    if c.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone() is not None:
        return False
    try:
        c.execute(f'DROP TABLE "{table}"')
    except sqlite3.OperationalError:
        if not c.in_transaction:
            raise
        return False
    create(c, table, definitions)
    return True


def create(c: sqlite3.Connection, table: str, definitions: Iterable[str] = ()) -> None:
    """Make a function's table, with these columns."""
    c.execute(f'CREATE TABLE "{table}" ({", ".join(["id INTEGER PRIMARY KEY", *definitions])}) STRICT')


def defined(columns: Mapping[Column, str]) -> list[str]:
    """Columns as SQL defines them; ids have their type, so that an index answers what joins them."""
    return [f'"{column}" {"INTEGER" if kind == "upstream" else "ANY"}' for (kind, _), column in columns.items()]


def _mark_earlier(c: sqlite3.Connection, function: int, table: str, name: str, column: str) -> None:
    """Earlier calls had an output of this name that was no scalar: their cells must not read as None."""
    if c.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone() is None:
        return
    for layout, text in c.execute("SELECT id, text FROM _layouts").fetchall():
        if name in json.loads(text)[1]:
            marked = c.execute(
                f'UPDATE "{table}" SET "{column}" = ? WHERE id IN '
                "(SELECT id FROM _calls WHERE function = ? AND layout = ?)",
                (_NO_SCALAR, function, layout),
            )
            if marked.rowcount:
                _note_encoded(c, function, [column])


def _note_encoded(c: sqlite3.Connection, function: int, names: Iterable[str]) -> None:
    for column in names:
        c.execute("UPDATE _columns SET encoded = 1 WHERE function = ? AND column_name = ?", (function, column))


def write_row(
    c: sqlite3.Connection,
    call_id: int,
    place: tuple[int, str],
    cells: Mapping[Column, Cell],
    wanted: Iterable[Column],
    interned: Interned,
) -> bool:
    """Write a call's row, of those cells that have a column, and make the columns that are wanted.

    Parameters
    ----------
    c : sqlite3.Connection
        Within a transaction.
    call_id : int
        The call.
    place : tuple of int and str
        The function and its table.
    cells : mapping
        The cells.
    wanted : iterable
        Those of them that are to have a column.
    interned : Interned
        Of this connection.

    Returns
    -------
    bool
        Whether the table is another one now for whoever reads it: it has a new column, or BLOBs in one that had none.
    """
    function, table = place
    known, is_grown = _grow(c, place, wanted, interned)
    found = {known[column]: cell for column, cell in cells.items() if column in known}
    c.execute(_insertion(table, tuple(found)), (call_id, *found.values()))
    return _see_encoded(c, function, found, interned) or is_grown


@lru_cache(maxsize=1024)
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    names = "".join(f', "{name}"' for name in columns)
    return f'INSERT OR REPLACE INTO "{table}" (id{names}) VALUES (?{", ?" * len(columns)})'


def replace_outputs(
    c: sqlite3.Connection, call_id: int, place: tuple[int, str], cells: Mapping[Column, Cell], wanted: Iterable[Column]
) -> bool:
    """Write a call's outputs anew, and empty the columns of those that it no longer has; answers as `write_row`."""
    function, table = place
    before = columns(c, function)
    known = ensure_columns(c, function, table, wanted)
    found = {column: cells.get(key) for key, column in known.items() if key[0] in _OF_OUTPUTS}
    if found:
        names = ", ".join(f'"{name}" = ?' for name in found)
        c.execute(f'UPDATE "{table}" SET {names} WHERE id = ?', (*found.values(), call_id))
    return _see_encoded(c, function, found, Interned()) or len(known) > len(before)


def _grow(
    c: sqlite3.Connection, place: tuple[int, str], wanted: Iterable[Column], interned: Interned
) -> tuple[dict[Column, str], bool]:
    """The columns of a table with those that are wanted, and whether there are new ones."""
    function, table = place
    known: dict[Column, str] = interned.once(("columns", function), columns, c, function)
    before = len(known)
    if not all(map(known.__contains__, wanted)):
        known |= ensure_columns(c, function, table, wanted)
        interned.drop(("encoded", function))
    return known, len(known) > before


def _see_encoded(c: sqlite3.Connection, function: int, cells: Mapping[str, Cell], interned: Interned) -> bool:
    """Note which columns hold BLOBs from now on: views show those in another way."""
    noted = interned.once(("encoded", function), encoded, c, function)
    fresh = [column for column, cell in cells.items() if type(cell) is bytes and column not in noted]
    if fresh:
        _note_encoded(c, function, fresh)
        noted.update(fresh)
    return bool(fresh)


def drop_row(c: sqlite3.Connection, call_id: int) -> None:
    """Remove a call's row, whichever table it is in."""
    for table in tables(c):
        c.execute(f'DELETE FROM "{table}" WHERE id = ?', (call_id,))
