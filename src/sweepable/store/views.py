"""The views that people read: one per function, a row per result, with the columns of all that is upstream of it.

Columns are spelled as look-ups and ``to_df`` spell them. Each view is one SELECT from tables, joined by their row ids:
SQLite reads a view anew whenever an index is opened, and would compute one made of other views as a whole. So the text
is as short as can be, and only columns in which there are BLOBs are taken apart. DuckDB reads the text as its own SQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cached_property
from itertools import count
from typing import NamedTuple

from sweepable.model import ROLES
from sweepable.names import SEPARATOR, Own, owner, stand_together
from sweepable.notices import logger
from sweepable.store import function_tables, schema

#: SQLite joins no more than 64 tables; three of them are those of the call itself.
MOST_TABLES = 61
#: SQLite allows 2,000; each costs whoever opens the index about half a microsecond.
MOST_COLUMNS = 500

_INFO = {
    "id": "t0.id",
    "info__key": "c.key",
    "info__status": "c.status",
    "info__version": "v.digest",
    "info__started": "c.started",
    "info__seconds": "c.seconds",
}
_WORDS = {"True": "1", "False": "0", "nan": "NULL", "NaT": "NULL"}
_BELOW = (
    "WITH RECURSIVE below(id) AS (VALUES (?) UNION "
    "SELECT r.downstream_function FROM below JOIN _routes AS r ON r.upstream_function = below.id) "
    "SELECT f.id, f.view_name FROM below JOIN _functions AS f ON f.id = below.id ORDER BY f.id"
)
_ROUTES = "SELECT role, name, upstream_function FROM _routes WHERE downstream_function = ? ORDER BY role, name, 3"
#: Whether a call of the function has an output of this name, be it in a column or not.
_HAS_OUTPUT = (
    "SELECT EXISTS (SELECT 1 FROM _calls WHERE function = ? AND status IN ('done', 'tainted') AND layout IN "
    "(SELECT l.id FROM _layouts AS l, json_each(l.text, '$[1]') AS n WHERE n.value = ?))"
)
_HAS_LAYOUT = "SELECT 1 FROM _layouts AS l, json_each(l.text, '$[1]') AS n WHERE n.value = ? LIMIT 1"


def remake(c: sqlite3.Connection, function: int) -> None:
    """The views of a function and of all that is downstream of it, as its table and ways upstream are now.

    Parameters
    ----------
    c : sqlite3.Connection
        Within a transaction.
    function : int
        The function that has changed.
    """
    stored = _Stored(c)
    for found, view in c.execute(_BELOW, (function,)).fetchall():
        _replace(c, view, f"CREATE VIEW {schema.quoted(view)} AS {_select(stored, found)}")


def _replace(c: sqlite3.Connection, view: str, text: str) -> None:
    row = c.execute("SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?", (view,)).fetchone()
    if row is not None and row[0] == text:
        return
    if row is not None:
        c.execute(f"DROP VIEW {schema.quoted(view)}")
    try:
        c.execute(text)
    except sqlite3.Error as error:
        if not c.in_transaction:
            raise
        # SQLite limits the length of SQL, and names may be long. The result is worth more than the view.
        logger().debug("the view %s cannot be made: %s", view, error)


# -- what is stored of functions


class _Facts(NamedTuple):
    """What a view says of one function."""

    table: str
    #: (``parameter``, ``field``, ``output`` or ``upstream``; name) -> column.
    columns: dict[function_tables.Column, str]
    encoded: set[str]
    #: How its parameters and outputs are written.
    own: Own
    #: Role, name and upstream function, in the order in which names are looked for.
    routes: list[tuple[str, str, int]]

    def expression(self, alias: str, kind: str, name: str) -> str:
        """The SQL of a cell as it is shown."""
        column = f"{alias}.{schema.quoted(self.columns[kind, name])}"
        return _decoded(column) if self.columns[kind, name] in self.encoded else column


class _Stored:
    """The functions of an index, each read once.

    Parameters
    ----------
    c : sqlite3.Connection
        To the index.
    """

    def __init__(self, c: sqlite3.Connection) -> None:
        self._c = c
        self._found: dict[int, _Facts] = {}

    def __getitem__(self, function: int) -> _Facts:
        if function not in self._found:
            self._found[function] = self._read(function)
        return self._found[function]

    def _read(self, function: int) -> _Facts:
        (table,) = self._c.execute("SELECT table_name FROM _functions WHERE id = ?", (function,)).fetchone()
        columns = function_tables.columns(self._c, function)
        parameters = tuple(dict.fromkeys(name for kind, name in columns if kind in ("parameter", "upstream")))
        outputs = [name for kind, name in columns if kind == "output"]
        # An array that bears a parameter's name stands in no column, and makes a difference for how that is written.
        outputs += [name for name in parameters if name not in outputs and self._is_output(function, name)]
        routes = sorted(self._c.execute(_ROUTES, (function,)).fetchall(), key=lambda route: ROLES.index(route[0]))
        fields = (name for kind, name in columns if kind == "field" and owner(name, parameters) is not None)
        own = Own(parameters, tuple(outputs), tuple(fields))
        return _Facts(table, columns, function_tables.encoded(self._c, function), own, routes)

    def _is_output(self, function: int, name: str) -> bool:
        if self._c.execute(_HAS_LAYOUT, (name,)).fetchone() is None:
            return False
        return bool(self._c.execute(_HAS_OUTPUT, (function, name)).fetchone()[0])


# -- the places of a pipeline


class _Place:
    """One place of a pipeline: the functions that stand in it, and how the call in it is joined.

    Parameters
    ----------
    stored : _Stored
        The functions.
    path : tuple of str
        From the view's function to here.
    chains : dict
        The functions, with those on the way to each: one of these is not gone into again.
    numbers : iterator of int
        For the tables that are joined for it.
    call : str, default ""
        The SQL of the id of the one call here; "" at the beginning.
    is_passed : bool, default False
        What leads here is a value that was passed.
    """

    def __init__(
        self,
        stored: _Stored,
        path: tuple[str, ...],
        chains: dict[int, frozenset[int]],
        numbers: Iterator[int],
        call: str = "",
        is_passed: bool = False,
    ) -> None:
        self._stored = stored
        self.path = path
        self.chains = chains
        self.aliases = {function: f"t{next(numbers)}" for function in chains}
        self._call = call
        #: Whether all that leads here is a value that was passed.
        self.is_passed = is_passed
        self.upstream: list[_Place] = []

    def joins(self) -> Iterator[str]:
        """What joins its tables to those of the place downstream."""
        for function, alias in self.aliases.items():
            yield f" LEFT JOIN {schema.quoted(self._stored[function].table)} AS {alias} ON {alias}.id={self._call}"

    @cached_property
    def own(self) -> dict[tuple[str, str], str]:
        """The SQL of its own columns: kind and spelling -> expression; of several functions, that of the row's own."""
        found: dict[tuple[str, str], list[str]] = {}
        for function, alias in self.aliases.items():
            facts = self._stored[function]
            for spelling, (kind, name) in facts.own.spelled().items():
                if (kind, name) in facts.columns:
                    found.setdefault((kind, spelling), []).append(facts.expression(alias, kind, name))
        return {at: _first_of(several) for at, several in found.items()}

    def steps(self, numbers: Iterator[int]) -> Iterator[_Place]:
        """The places directly upstream."""
        roles: dict[str, list[str]] = {}
        groups: dict[str, dict[int, frozenset[int]]] = {}
        for function, chain in self.chains.items():
            for role, name, above in self._stored[function].routes:
                known = roles.setdefault(name, [role]) if above not in chain else ()
                if known and stand_together(known[0], role):
                    known += [role] * (role not in known)
                    group = groups.setdefault(name, {})
                    group[above] = group.get(above, chain | {above}) & (chain | {above})
        for name, group in groups.items():
            call = _first_of([way for role in roles[name] for way in self._calls_above(role, name)])
            is_passed = self.is_passed or roles[name] == ["passed"]
            yield _Place(self._stored, (*self.path, name), group, numbers, call, is_passed)

    def _calls_above(self, role: str, name: str) -> list[str]:
        """The SQL of the id of the one call under a role and name: its column, and else its edge."""
        ways = []
        needs_edge = role != "argument"
        for function, alias in self.aliases.items():
            facts = self._stored[function]
            if role == "argument" and ("upstream", name) in facts.columns:
                ways.append(f"{alias}.{schema.quoted(facts.columns['upstream', name])}")
            elif any(route[:2] == (role, name) for route in facts.routes):
                needs_edge = True
            # A value may hold an upstream call, as a list of records does.
            needs_edge |= ("parameter", name) in facts.columns
        if needs_edge:
            here = _first_of([f"{alias}.id" for alias in self.aliases.values()])
            ways.append(
                # Of a column: DuckDB hands count(*) on to SQLite under a name of its own.
                "(SELECT CASE count(l.upstream) WHEN 1 THEN max(l.upstream) END FROM _lineage AS l "
                f"WHERE l.downstream={here} AND l.role={_literal(role)} AND l.name={_literal(name)})"
            )
        return ways


def _select(stored: _Stored, function: int) -> str:
    places = _places(stored, function)
    columns = [f"{expression} AS {schema.quoted(name)}" for name, expression in _named(places[0]).items()]
    joins = "".join(join for place in places[1:] for join in place.joins())
    return (
        f"SELECT {','.join(columns)} FROM {schema.quoted(stored[function].table)} AS t0 JOIN _calls AS c ON c.id=t0.id "
        f"JOIN _versions AS v ON v.id=c.version{joins} WHERE c.function={function} AND c.status='done'"
    )


def _places(stored: _Stored, function: int) -> list[_Place]:
    """The places of a function's pipeline, nearest first, as many as there is room for."""
    numbers = count()
    found = [_Place(stored, (), {function: frozenset({function})}, numbers)]
    tables, columns = 0, len(found[0].own)
    for place in found:
        for step in place.steps(numbers):
            if tables + len(step.aliases) <= MOST_TABLES and columns + len(step.own) <= MOST_COLUMNS:
                tables, columns = tables + len(step.aliases), columns + len(step.own)
                place.upstream.append(step)
                found.append(step)
    return found


def _named(root: _Place) -> dict[str, str]:
    """The columns of a view, name -> SQL, in the order of ``to_df``."""
    columns = dict(_INFO)
    for name, expression, is_passed in _spelled(root):
        # A config object that was passed may have a field of the name of a parameter of the call that made it.
        if not is_passed or name not in columns:
            columns[schema.free(name, columns)] = expression
    return columns


def _spelled(place: _Place) -> Iterator[tuple[str, str, bool]]:
    """Parameters, what is upstream of them, outputs; and whether each is there by a value that was passed."""
    shown = [(kind, SEPARATOR.join((*place.path, name)), sql) for (kind, name), sql in place.own.items()]
    yield from ((name, sql, place.is_passed) for kind, name, sql in shown if kind != "output")
    for step in place.upstream:
        yield from _spelled(step)
    yield from ((name, sql, place.is_passed) for kind, name, sql in shown if kind == "output")


# -- SQL


def _decoded(cell: str) -> str:
    """The SQL of a cell that may be a BLOB: bools are 1 and 0, NaN and NaT NULL, all else is text, without its kind."""
    words = "".join(f" WHEN '{word}' THEN {shown}" for word, shown in _WORDS.items())
    text = f"CASE {cell}||''{words} ELSE substr({cell},instr({cell},':')+1)||'' END"
    return f"CASE typeof({cell}) WHEN 'blob' THEN {text} ELSE {cell} END"


def _first_of(expressions: list[str]) -> str:
    return expressions[0] if len(expressions) == 1 else f"coalesce({','.join(expressions)})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
