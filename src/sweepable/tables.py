"""Queries as tables: one statement that joins what is upstream, columns spelled as look-ups spell them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from sweepable.lookups import FunctionNode, quoted
from sweepable.names import SEPARATOR
from sweepable.store.cells import from_cell
from sweepable.store.codecs import Summary

if TYPE_CHECKING:
    import pandas as pd

# SQLite joins 64 tables at most; each upstream function takes two.
_MOST_JOINS = 30


class Column(NamedTuple):
    """A column of the table and the SQL that gives it; several where several functions stand in one place."""

    name: str
    sql: str


class _Joins:
    """Collects the columns and joins of a function and of what stands upstream of it."""

    def __init__(self) -> None:
        self.columns: list[Column] = []
        self.joins: list[str] = []

    def add(self, node: FunctionNode, alias: str) -> None:
        """The columns of `node` and of its upstream: parameters, then what is upstream of them, then outputs."""
        self._own(node, alias, "parameter")
        for step in node.steps():
            assert isinstance(step.node, FunctionNode)
            if len(self.joins) < _MOST_JOINS:
                self.add(step.node, self._join(step.node, alias))
        self._own(node, alias, "output")

    def _own(self, node: FunctionNode, alias: str, kind: str) -> None:
        references = set(node.names("upstream"))
        for spelling, (found, name) in node.spellings().items():
            column = node.column(found, name)
            if found != kind or column is None or name in references and kind == "parameter" and not self._has_plain(node, name):
                continue
            self.columns.append(Column(SEPARATOR.join((*node.path, spelling)), f"{alias}.{column}"))

    @staticmethod
    def _has_plain(node: FunctionNode, name: str) -> bool:
        """Whether a parameter that takes upstream calls was ever given a plain value."""
        sql = f"SELECT 1 FROM {quoted(node.function.table)} WHERE {node.column('parameter', name)} IS NOT NULL LIMIT 1"
        return node.schema.store.connection().execute(sql).fetchone() is not None

    def _join(self, node: FunctionNode, below: str) -> str:
        """Joins the one upstream call of this role; where there are several, none, so that no row is doubled."""
        number = len(self.joins) + 1
        line, table = f"l{number}", f"u{number}"
        role, name = (text.replace("'", "''") for text in (node.role, node.path[-1]))
        same = f"downstream = {line}.downstream AND role = {line}.role AND name = {line}.name"
        self.joins.append(
            f"LEFT JOIN _lineage {line} ON {line}.downstream = {below}.id AND {line}.role = '{role}' AND {line}.name = '{name}' "
            f"AND NOT EXISTS (SELECT 1 FROM _lineage o WHERE o.{same.replace(' AND ', ' AND o.')} AND o.upstream <> {line}.upstream) "
            f"LEFT JOIN {quoted(node.function.table)} {table} ON {table}.id = {line}.upstream"
        )
        return table


def frame(root: FunctionNode, read: Callable[[str, str], list[tuple[Any, ...]]]) -> pd.DataFrame:
    """Calls of one function as a table, with what is upstream of them.

    Parameters
    ----------
    root : FunctionNode
        The function; its table is ``t`` in the SQL.
    read : callable
        Given the columns and joins of a statement, returns its rows.

    Returns
    -------
    pandas.DataFrame
        Integers stay integers, bools bools; a value that no table cell holds (an array) shows as a summary.
    """
    import pandas as pd

    joins = _Joins()
    joins.add(root, "t")
    columns = _merged(joins.columns)
    rows = read(", ".join(column.sql for column in columns) or "c.id", " ".join(joins.joins))
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    values = {column.name: _series(found) for column, found in zip(columns, cells, strict=False)}
    return pd.DataFrame(values, columns=[column.name for column in columns])


def _merged(columns: list[Column]) -> list[Column]:
    """Where several functions stand in one place, a row has the values of the one that it came from."""
    counts = Counter(column.name for column in columns)
    merged: dict[str, list[str]] = {}
    for column in columns:
        merged.setdefault(column.name, []).append(column.sql)
    return [Column(name, sqls[0] if counts[name] == 1 else f"COALESCE({', '.join(sqls)})") for name, sqls in merged.items()]


def _series(cells: tuple[Any, ...]) -> list[object]:
    if not any(type(cell) is bytes for cell in cells):
        return list(cells)
    return [_shown(from_cell(cell)) if type(cell) is bytes else cell for cell in cells]


def _shown(value: object) -> object:
    return value.text if isinstance(value, Summary) else value
