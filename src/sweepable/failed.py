"""Calls without a result: they have no row in their function's table, so theirs are made from what is stored."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence

from sweepable.lineage import calls_of
from sweepable.model import StoredCall
from sweepable.store.cells import Cell, to_cell
from sweepable.store.field_cells import field_cells
from sweepable.store.schema import quoted
from sweepable.store.store import Store
from sweepable.tree import FunctionNode

#: How calls end that leave no row in their function's table.
NO_ROW = ("failed", "killed")
#: How many such tables a connection has at once, before the first is made anew.
_AT_ONCE = 64
_numbers = itertools.count()


def with_rows(root: FunctionNode, function: int, keys: Sequence[str] | None) -> None:
    """Let `root` read a table that has these calls as well: by parameters, as the function's own table would.

    The table is a temporary one of this connection, in memory.
    """
    connection = root.schema.store.connection()
    rows = {call.id: dict(_cells(root.schema.store, call)) for call in _calls(root.schema.store, function, keys)}
    columns = dict(root.columns)
    for row in rows.values():
        for column in row:
            columns.setdefault(column, f"{column[0]} {len(columns)}")
    names = "".join(f", {quoted(name)}" for name in columns.values())
    own = "".join(f", {'' if column in root.columns else 'NULL AS '}{quoted(name)}" for column, name in columns.items())
    # One per query: a query may be a value in another one, and both are read in one statement.
    temporary = quoted(f"failed {function} {next(_numbers) % _AT_ONCE}")
    connection.execute(f"DROP TABLE IF EXISTS temp.{temporary}")
    connection.execute(f"CREATE TEMP TABLE {temporary} (id INTEGER PRIMARY KEY{names})")
    connection.executemany(
        f"INSERT INTO temp.{temporary} VALUES (?{', ?' * len(columns)})",
        [(number, *(row.get(column) for column in columns)) for number, row in rows.items()],
    )
    # A call that has a row is not among these: an earlier failure is replaced.
    root.table = f"(SELECT id{own} FROM {root.table} UNION ALL SELECT id{names} FROM temp.{temporary})"
    root.columns = columns


def _calls(store: Store, function: int, keys: Sequence[str] | None) -> list[StoredCall]:
    marks = ", ".join("?" * len(NO_ROW))
    query = f"SELECT c.id FROM _calls AS c WHERE c.function = ? AND c.status IN ({marks})"
    values: list[object] = [function, *NO_ROW]
    if keys is not None:
        query += " AND c.key IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(keys))
    return calls_of(store, [number for (number,) in store.connection().execute(query, values).fetchall()])


def _cells(store: Store, call: StoredCall) -> Iterator[tuple[tuple[str, str], Cell]]:
    arguments = store.arguments(call)
    names = [argument.name for argument in arguments]
    for argument in arguments:
        if argument.kind == "value":
            yield ("parameter", argument.name), to_cell(argument.value, argument.digest)
            yield from field_cells(argument.name, argument.value, names).items()
        else:
            query = "SELECT id FROM _calls WHERE key = ?"
            row = store.connection().execute(query, (argument.value,)).fetchone()
            yield ("upstream", argument.name), row[0] if row else None
