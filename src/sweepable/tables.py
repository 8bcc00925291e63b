"""Tables of calls as cells: which columns there are, which calls upstream they tell of, and the SQL for them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from sweepable import about
from sweepable.errors import SweepableError
from sweepable.field_columns import told_by
from sweepable.misspelled import expect_unknown
from sweepable.names import SEPARATOR, Kind, Place, ambiguous, is_ambiguous, resolve, stand_together
from sweepable.store.cells import Cell
from sweepable.tree import FunctionNode, call_above, function_of

#: SQLite joins 64 tables at most, and gives 2,000 columns.
_MOST_TABLES, _MOST_COLUMNS = 40, 1900
#: How deep the SQL of an id is nested before it is read by one statement and given to the next.
_DEEPEST = 3
_FIRST = itemgetter(0)
#: What stands at the end of a path: a parameter or an output of a function, by the function's identity.
_Names = dict[object, tuple[Kind, str]]
_Path = tuple[str, ...]


class Wanted(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    label : str
        What it is called.
    kind : str
        ``parameter``, ``field`` (of a parameter that is a config object), ``output`` or ``info``.
    path : tuple of str
        To the calls that it tells of.
    names : dict
        Of each function that stands there, the parameter or output.
    field : Field or None
        What is asked of what is known about a call, instead.
    is_asked : bool
        Asked for by name: it is there whatever stands in it.
    """

    label: str
    kind: str
    path: _Path
    names: _Names
    field: about.Field | None = None
    is_asked: bool = False


# -- which columns


def all_columns(root: FunctionNode, *, upstream: bool = True, passed: bool = True) -> list[Wanted]:
    """Parameters, what is upstream, then scalar outputs; each upstream call likewise.

    Parameters
    ----------
    root : FunctionNode
        The function.
    upstream : bool
        Whether to go upstream.
    passed : bool
        Whether to go where but a value was passed.
    """
    return list(_columns_at((), [root], upstream, passed))


def _columns_at(path: _Path, nodes: list[FunctionNode], upstream: bool, passed: bool) -> Iterator[Wanted]:
    own = list(_own(path, nodes))
    yield from (column for column in own if column.kind != "output")
    labels = {column.label for column in own}
    for group in _groups(nodes) if upstream else ():
        is_passed = group[0].role == "passed"
        further = _columns_at((*path, group[0].name), group, upstream, passed) if passed or not is_passed else ()
        # A config object that was passed may have a field of the name of a parameter of the call that made it.
        yield from (column for column in further if not is_passed or column.label not in labels)
    yield from (column for column in own if column.kind == "output")


def _own(path: _Path, nodes: list[FunctionNode]) -> Iterator[Wanted]:
    """Where several functions stand in one place, each row has what its own function has."""
    found: dict[str, _Names] = {}
    for node in nodes:
        for spelling, (kind, name) in node.own().spelled().items():
            if has_column(node, kind, name):
                found.setdefault(spelling, {})[node.identity()] = kind, name
    for spelling, names in found.items():
        # What is a parameter of one function there and an output of another is one column.
        kind, _ = next(iter(names.values()))
        yield Wanted(SEPARATOR.join((*path, spelling)), kind, path, names)


def _groups(nodes: Sequence[FunctionNode]) -> list[list[FunctionNode]]:
    """The functions upstream, those together that stand in one place: an argument hides what is nested."""
    groups: dict[str, list[FunctionNode]] = {}
    for step in (step for node in nodes for step in node.steps() if not step.again):
        group = groups.setdefault(step.name, [])
        if not group or stand_together(group[0].role, step.role):
            group.append(function_of(step.node))
    return list(groups.values())


def named_columns(root: FunctionNode, names: Sequence[str]) -> list[Wanted]:
    """The columns of these names, as look-ups spell them.

    Raises
    ------
    UnknownName, AmbiguousName
        For a name that nothing, or more than one upstream call, has.
    SweepableError
        For what takes no column: an array, an upstream call.
    """
    if isinstance(names, str):
        raise SweepableError(f"{root.title}: columns= takes a list of names; write [{names!r}]")
    twice = [name for name in dict.fromkeys(names) if list(names).count(name) > 1]
    if twice:
        raise SweepableError(f"{root.title}: a table has each column once, and {', '.join(twice)} came twice")
    return [_named(root, name) for name in names]


def _named(root: FunctionNode, name: str) -> Wanted:
    places, field = resolve(root, name), None
    if not places and (asked := about.places(root, name)) is not None:
        field, places = asked
        if field.part in ("git", "tag"):
            several = "repositories; see rec.info.git" if field.part == "git" else "tags; see rec.info.tags"
            raise SweepableError(f"{root.title}: {name}: a call may have several {several}")
    if not places:
        expect_unknown(root, name)
        return Wanted(name, "output", (), {}, is_asked=True)
    if is_ambiguous(places) or len({place.path for place in places}) > 1:
        raise ambiguous(name, root.title, places)
    if field is not None:
        return Wanted(name, "info", places[0].path, {}, field, is_asked=True)
    if places[0].name is None or places[0].kind is None:
        raise _is_call(root, name)
    _check_column(root, name, places)
    names: _Names = {
        place.node.identity(): (place.kind, place.name)
        for place in places
        if place.kind is not None and place.name is not None
    }
    return Wanted(name, places[0].kind, places[0].path, names, is_asked=True)


def _check_column(root: FunctionNode, name: str, places: Sequence[Place]) -> None:
    known = [(function_of(place.node), place.kind, place.name) for place in places]
    for node, kind, own in known:
        if kind is not None and own is not None and has_column(node, kind, own):
            return
    if any(kind == "parameter" and node.takes_calls(str(own)) for node, kind, own in known):
        raise _is_call(root, name)
    raise SweepableError(
        f"{root.title}: {name} is no scalar, and takes no column; read it by rec[{name!r}], or with to_xarray"
    )


def _is_call(root: FunctionNode, name: str) -> SweepableError:
    known = [column.label for column in all_columns(root) if column.label.startswith(name + SEPARATOR)]
    which = f": {', '.join(known[:20])}" if known else ""
    return SweepableError(f"{root.title}: {name} is an upstream call; ask for its columns{which}")


def has_column(node: FunctionNode, kind: Kind, name: str) -> bool:
    """Whether a parameter or an output has a column, or is to have one when the function has run."""
    return node.column(kind, name) is not None or _is_not_stored_yet(node, kind, name)


def _is_not_stored_yet(node: FunctionNode, kind: Kind, name: str) -> bool:
    """Whether a name is declared and would have a column, had the function run."""
    if node.callee is None or node.has_run(kind, name):
        return False
    declared = node.callee.declaration.outputs.get(name) if kind == "output" else None
    kind_of = declared.type if declared is not None else None
    # Arrays and frames stand in no column.
    return not (isinstance(kind_of, type) and hasattr(kind_of, "shape") and not issubclass(kind_of, np.generic))


# -- where they stand


class _Statement:
    """One statement: it is given the ids of calls, and reads of these and of what is upstream of them.

    Parameters
    ----------
    source : tuple of int and int, optional
        The statement, and the column of it, that has the ids; None for those of the table's rows.
    """

    def __init__(self, source: tuple[int, int] | None = None) -> None:
        self.source = source
        self.width = 0
        self._joins: list[str] = []
        self._selected: dict[str, int] = {}

    def has_room(self, tables: int, columns: int) -> bool:
        return len(self._joins) + tables <= _MOST_TABLES and self.width + columns <= _MOST_COLUMNS

    def join(self, table: str, id: str) -> str:
        """Add the rows of a table by their ids; returns its alias."""
        alias = f"t{len(self._joins)}"
        if table.startswith("("):  # calls without a result have their rows elsewhere: only those wanted are looked up
            table = f"(SELECT * FROM {table} AS a WHERE a.id IN (SELECT value FROM json_each(?1)))"
        self._joins.append(f" LEFT JOIN {table} AS {alias} ON {alias}.id = {id}")
        return alias

    def select(self, expression: str) -> int:
        """Add a column; returns its number."""
        return self._selected.setdefault(expression, len(self._selected) + 1)

    def sql(self) -> str:
        return f"SELECT {', '.join(('k.key', *self._selected))} FROM json_each(?1) AS k{''.join(self._joins)}"

    def nothing(self, length: int) -> list[Sequence[Cell]]:
        return [(None,) * length] * (len(self._selected) + 1)


class _Spot(NamedTuple):
    """The calls at the end of a path."""

    nodes: list[FunctionNode]
    statement: int
    #: The SQL of their ids, in that statement.
    id: str
    #: The statement and the alias in which the table of each function stands, by the function's identity.
    tables: dict[object, tuple[int, str]]
    #: How deep that SQL is nested.
    depth: int = 0


class _Column(NamedTuple):
    """Where the cells of a column are: in the first of these columns of statements that has one."""

    parts: list[tuple[int, int]]
    #: The column with the ids of the upstream calls that it tells of.
    ids: tuple[int, int] | None
    convert: Callable[[Cell], Cell | dt.datetime] | None = None


class Reader:
    """Reads the cells of columns, for any calls.

    Parameters
    ----------
    root : FunctionNode
        The function.
    wanted : sequence of Wanted
        The columns.
    """

    def __init__(self, root: FunctionNode, wanted: Sequence[Wanted]) -> None:
        self.wanted = list(wanted)
        self._root = root
        self._statements: list[_Statement] = []
        self._spots: dict[_Path, _Spot] = {}
        self._columns = [self._column(column) for column in wanted]
        #: Of each column: whether there is any upstream call that it tells of, and whether anything stands in it.
        self._is_there = [not column.path for column in wanted]
        self._has_any = [False] * len(wanted)
        self._has_rows = False
        labels = [column.label for column in wanted]
        fields = [place for place, column in enumerate(wanted) if column.kind == "field"]
        self._told = {
            place: told
            for place, column in enumerate(wanted if fields else ())
            if column.kind in ("parameter", "field") and (told := told_by(column.label, labels, fields)) is not None
        }

    # -- making the statements

    def _spot(self, path: _Path) -> _Spot:
        if path not in self._spots:
            self._spots[path] = self._upstream_spot(path) if path else self._joined([self._root], None, "k.value")
        return self._spots[path]

    def _upstream_spot(self, path: _Path) -> _Spot:
        """Where several upstream calls stand in one place of a call, that place stays empty: no row is doubled."""
        parent, name = self._spot(path[:-1]), path[-1]
        steps = [step for node in parent.nodes for step in node.steps() if step.name == name]
        role = steps[0].role
        nodes = [function_of(step.node) for step in steps if stand_together(role, step.role)]
        given = [
            f"{parent.tables[node.identity()][1]}.{column}"
            for node in parent.nodes
            if role == "argument" and (column := node.column("upstream", name)) and self._is_beside(parent, node)
        ]
        lines = [call_above(parent.id, each, name, nodes) for each in dict.fromkeys(node.role for node in nodes)]
        way = f"COALESCE({', '.join((*given, *lines))})" if given or len(lines) > 1 else lines[0]
        return self._joined(nodes, parent, way if any(node.function is not None for node in nodes) else "NULL")

    def _is_beside(self, spot: _Spot, node: FunctionNode) -> bool:
        """Whether a function's table is read by the statement that has the ids of the place."""
        return spot.tables.get(node.identity(), (None, ""))[0] == spot.statement

    def _joined(self, nodes: list[FunctionNode], parent: _Spot | None, id: str) -> _Spot:
        stored = [node for node in nodes if node.function is not None]
        width = sum(len(node.columns) + 2 for node in stored) + 2
        if parent is not None and self._has_room(parent, len(stored) + 1, width):
            number, depth = parent.statement, parent.depth + 1
            statement = self._statements[number]
            statement.width += width
            # What is further up hangs on the id, and not on a row in the function's table, which a failed call has not.
            if stored and stored[0].role != "argument":
                id, depth = f"{statement.join('_calls', id)}.id", 0  # so that it is looked for once
            tables = {node.identity(): (number, statement.join(node.table, id)) for node in stored}
            return _Spot(nodes, number, id, tables, depth)
        source = (parent.statement, self._statements[parent.statement].select(id)) if parent is not None else None
        tables = {}
        first = len(self._statements)
        for start in range(0, max(len(stored), 1), _MOST_TABLES // 2):
            statement = _Statement(source)
            self._statements.append(statement)
            for node in stored[start : start + _MOST_TABLES // 2]:
                tables[node.identity()] = len(self._statements) - 1, statement.join(node.table, "k.value")
                statement.width += len(node.columns) + 2
        return _Spot(nodes, first, "k.value", tables)

    def _has_room(self, parent: _Spot, tables: int, columns: int) -> bool:
        return parent.depth < _DEEPEST and self._statements[parent.statement].has_room(tables, columns)

    def _column(self, wanted: Wanted) -> _Column:
        spot = self._spot(wanted.path)
        statement = self._statements[spot.statement]
        ids = (
            (spot.statement, statement.select(f"{spot.id} IS NOT NULL"))
            if wanted.path and not wanted.is_asked
            else None
        )
        if wanted.field is not None:
            expression, convert = about.cell(wanted.field, _row(spot.id), self._root.schema.store)
            return _Column([(spot.statement, statement.select(expression))], None, convert)
        by_statement: dict[int, list[str]] = {}
        for node in spot.nodes:
            kind_and_name = wanted.names.get(node.identity())
            column = node.column(*kind_and_name) if kind_and_name is not None else None
            if column is not None and node.identity() in spot.tables:
                number, alias = spot.tables[node.identity()]
                by_statement.setdefault(number, []).append(f"{alias}.{column}")
        parts = [
            (number, self._statements[number].select(found[0] if len(found) == 1 else f"COALESCE({', '.join(found)})"))
            for number, found in by_statement.items()
        ]
        return _Column(parts, ids)

    # -- reading

    def read(self, ids: Sequence[int]) -> list[Sequence[Any]]:
        """The cells of each column, one per call.

        Parameters
        ----------
        ids : sequence of int
            The calls, in order.
        """
        self._has_rows = self._has_rows or bool(ids)
        found: list[list[Sequence[Cell]]] = []
        for statement in self._statements:
            given = ids if statement.source is None else found[statement.source[0]][statement.source[1]]
            found.append(self._rows(statement, given))
        cells = []
        for place, column in enumerate(self._columns):
            cells.append(_cells(column, found, len(ids)))
            self._note(place, column, found, cells[-1])
        for place, told in self._told.items():
            told.note(cells[place], cells)
        return cells

    def _rows(self, statement: _Statement, ids: Sequence[Any]) -> list[Sequence[Cell]]:
        if not ids or not any(ids):
            return statement.nothing(len(ids))
        connection = self._root.schema.store.connection()
        rows = connection.execute(statement.sql(), (json.dumps(list(ids)),)).fetchall()
        found: list[Sequence[Cell]] = list(zip(*rows, strict=True))
        if found[0] != tuple(range(len(ids))):  # it always is, as SQLite does it now
            found = list(zip(*sorted(rows, key=_FIRST), strict=True))
        return found

    def _note(self, place: int, column: _Column, found: list[list[Sequence[Cell]]], cells: Sequence[Cell]) -> None:
        if column.ids is not None and not self._is_there[place]:
            self._is_there[place] = any(found[column.ids[0]][column.ids[1]])
        if not self._has_any[place]:
            self._has_any[place] = any(cell is not None for cell in cells)

    def is_shown(self, place: int) -> bool:
        """Whether a column belongs to a table of what was read.

        One of upstream calls that are not there does not, nor does a parameter that was only ever an upstream call,
        which is shown by the columns of that, nor a config object that is shown by those of its fields.
        """
        wanted = self.wanted[place]
        if wanted.is_asked:
            return True
        if self._has_rows and not self._is_there[place]:
            return False
        if place in self._told and self._told[place].holds(has_rows=self._has_rows):
            return False
        if wanted.kind == "output" or self._has_any[place]:
            return True
        if wanted.kind == "field":  # of another class of config objects, where there are rows at all
            return not self._has_rows
        nodes = [node for node in self._spot(wanted.path).nodes if node.identity() in wanted.names]
        return not all(node.takes_calls(wanted.names[node.identity()][1]) for node in nodes)


def _cells(column: _Column, found: list[list[Sequence[Cell]]], length: int) -> Sequence[Any]:
    if not column.parts:
        return (None,) * length
    cells, *further = (found[statement][number] for statement, number in column.parts)
    for more in further:
        cells = [one if one is not None else other for one, other in zip(cells, more, strict=True)]
    return cells if column.convert is None else list(map(column.convert, cells))


def _row(id: str) -> about.Row:
    return f"(SELECT u.{{}} FROM _calls AS u WHERE u.id = {id})".format


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def shown_parameters(
    root: FunctionNode, ids: Sequence[int], *, passed: bool = True
) -> list[tuple[Wanted, Sequence[Cell]]]:
    """The parameters, own and upstream, that a table of these calls shows, with their cells."""
    reader = Reader(root, [column for column in all_columns(root, passed=passed) if column.kind != "output"])
    cells = reader.read(ids)
    return [(column, cells[place]) for place, column in enumerate(reader.wanted) if reader.is_shown(place)]


def differing(root: FunctionNode, ids: Sequence[int]) -> list[str]:
    """The parameters, own and upstream, in which calls differ."""
    found = shown_parameters(root, ids)
    return [column.label for column, cells in found if len({(type(cell), cell) for cell in cells}) > 1]
