"""Queries as tables: a row per call, columns spelled as look-ups spell them, with what is upstream of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sweepable.field_columns import Column, without_described
from sweepable.names import SEPARATOR, Kind
from sweepable.store.cells import Cell, from_cell
from sweepable.store.codecs import Summary
from sweepable.tree import FunctionNode, function_of

if TYPE_CHECKING:
    import pandas as pd

#: A float holds every int up to this one.
_EXACT = 2**53


#: The calls of one place of the pipeline, one (or None) for each row.
_Ids = Sequence[int | None]


def columns(root: FunctionNode, ids: _Ids) -> dict[str, Column]:
    """The cells of calls and of what is upstream of them, by column.

    Where several upstream calls stand in one place of a call, that place stays empty: no row is ever doubled.

    Parameters
    ----------
    root : FunctionNode
        The function.
    ids : sequence of int
        The calls, in order.
    """
    found: dict[str, Column] = {}
    _add(found, [root], ids)
    return found


def _add(found: dict[str, Column], nodes: list[FunctionNode], ids: _Ids) -> None:
    """The columns of the functions that stand in one place: parameters, then what is upstream of them, then outputs."""
    own = _own(nodes, ids)
    found.update((name, column) for name, column in own.items() if column.kind != "output")
    groups: dict[str, list[FunctionNode]] = {}
    for step in (step for node in nodes for step in node.steps() if not step.again):
        group = groups.setdefault(step.name, [])
        if not group or group[0].role == step.role:
            group.append(function_of(step.node))
    for group in groups.values():
        upstream = _upstream(group[0], ids)
        if not ids or any(number is not None for number in upstream):
            _add(found, group, upstream)
    found.update((name, column) for name, column in own.items() if column.kind == "output")


def _own(nodes: list[FunctionNode], ids: _Ids) -> dict[str, Column]:
    """Parameters and scalar outputs; where several functions stand in one place, each row has those of its own."""
    found: dict[str, Column] = {}
    for node in nodes:
        for spelling, column in _columns_of(node, ids):
            name = SEPARATOR.join((*node.path, spelling))
            if name in found:
                both = zip(found[name].cells, column.cells, strict=True)
                column = Column(column.kind, [one if one is not None else other for one, other in both])
            found[name] = column
    return without_described(found)


def _columns_of(node: FunctionNode, ids: _Ids) -> Iterator[tuple[str, Column]]:
    shown = [(spelling, kind, name, node.column(kind, name)) for spelling, (kind, name) in node.own().spelled().items()]
    stored = [column for _, _, _, column in shown if column is not None]
    rows = _rows(node, stored, ids)
    places = {column: place for place, column in enumerate(stored, 1)}
    nothing = (None,) * (len(stored) + 1)
    for spelling, kind, name, column in shown:
        if column is not None:
            place = places[column]
            cells = [rows.get(number, nothing)[place] for number in ids]
        elif _is_not_stored_yet(node, kind, name):
            cells = [None] * len(ids)
        else:
            continue
        if kind == "field" and ids and all(cell is None for cell in cells):
            continue  # of another class of config objects
        # A parameter that was only ever an upstream call is shown by the columns of that.
        if kind == "output" or not node.takes_calls(name) or any(cell is not None for cell in cells):
            yield spelling, Column(kind, cells)


def _rows(node: FunctionNode, stored: list[str], ids: _Ids) -> dict[int | None, tuple[Any, ...]]:
    if not stored or not ids:
        return {}
    names = ", ".join(f"t.{column}" for column in stored)
    query = f"SELECT t.id, {names} FROM {node.table} AS t WHERE t.id IN (SELECT value FROM json_each(?))"
    return {row[0]: row for row in _read(node, query, _json(ids))}


def _upstream(node: FunctionNode, ids: _Ids) -> list[int | None]:
    """For each call the one call upstream of it in the node's place; None for none and for several."""
    query = (
        "SELECT downstream, CASE count(*) WHEN 1 THEN upstream END FROM _lineage "
        "WHERE downstream IN (SELECT value FROM json_each(?)) AND role = ? AND name = ? GROUP BY downstream"
    )
    found = dict(_read(node, query, _json(ids), node.role, node.name)) if ids else {}
    return [found.get(number) for number in ids]


def _json(ids: _Ids) -> str:
    return json.dumps(list({number for number in ids if number is not None}))


def _read(node: FunctionNode, query: str, *values: object) -> list[tuple[Any, ...]]:
    return node.schema.store.connection().execute(query, values).fetchall()


def _is_not_stored_yet(node: FunctionNode, kind: Kind, name: str) -> bool:
    """Whether a name is declared and would have a column, had the function run."""
    if node.callee is None or node.has_run(kind, name):
        return False
    declared = node.callee.declaration.outputs.get(name) if kind == "output" else None
    kind_of = declared.type if declared is not None else None
    # Arrays and frames stand in no column.
    return not (isinstance(kind_of, type) and hasattr(kind_of, "shape") and not issubclass(kind_of, np.generic))


def differing(root: FunctionNode, ids: Sequence[int]) -> list[str]:
    """The parameters, own and upstream, in which calls differ."""
    found = columns(root, ids).items()
    return [name for name, column in found if column.kind != "output" and len({(type(c), c) for c in column.cells}) > 1]


# -- as a frame


def frame(root: FunctionNode, ids: Sequence[int]) -> pd.DataFrame:
    """Calls of one function as a table, with what is upstream of them.

    Parameters
    ----------
    root : FunctionNode
        The function.
    ids : sequence of int
        The calls, in order.

    Returns
    -------
    pandas.DataFrame
        Integers stay integers, bools bools; a value that no table cell holds (an array) shows as a summary.
    """
    import pandas as pd

    found = {name: _series(column.cells) for name, column in columns(root, ids).items()}
    return pd.DataFrame(found, columns=list(found), index=range(len(ids)))


def _series(cells: list[Cell]) -> pd.Series[Any]:
    import pandas as pd

    values: list[Any] = [_value(cell) if type(cell) is bytes else cell for cell in cells]
    try:
        found: pd.Series[Any] = pd.Series(values, dtype=_dtype(values))
        return found
    except (TypeError, ValueError, OverflowError):  # what has no common type in pandas stays what it is
        return pd.Series(values, dtype=object)


def _value(cell: Cell) -> object:
    value = from_cell(cell)
    if not isinstance(value, Summary):
        return value
    # With a part of its digest, so that groupby tells apart what is different.
    return f"{value.text} #{value.digest[:8]}" if value.digest.strip("?") else value.text


def _dtype(values: list[Any]) -> Any:
    """The dtype where pandas, left to itself, would make other numbers of these."""
    kinds = set(map(type, values))
    if not kinds - {type(None)}:
        return object
    if kinds == {int, type(None)}:
        return "Int64"  # with floats, large ints would be other ones
    if kinds <= {int, float, type(None)} and len(kinds & {int, float}) == 2:
        is_exact = all(type(value) is not int or abs(value) <= _EXACT for value in values)
        return float if is_exact else object
    return None
