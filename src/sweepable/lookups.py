"""Look-ups as SQL: what ``gain__gt=2`` or ``sim_result__reference__amplitude=1.0`` asks of the tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sweepable.callee import Callee, as_upstream
from sweepable.errors import SweepableError, UnknownName
from sweepable.identity.code import describe
from sweepable.identity.values import digest
from sweepable.lineage import explicit, spelled
from sweepable.names import SEPARATOR, Place, Step, ambiguous, did_you_mean, resolve, unknown
from sweepable.store.cells import is_scalar, to_cell
from sweepable.store.store import Route, Store, StoredFunction

NAN = "x'6e616e'"  # how a cell holds NaN
_MOST_VALUES = 30_000  # SQLite takes 32,766 values in one statement


class Condition(NamedTuple):
    """A piece of SQL with its values."""

    sql: str
    values: tuple[object, ...] = ()


FALSE = Condition("0")


class Schema:
    """The functions of a store with their columns and upstreams, read once per query."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.functions = {function.id: function for function in store.functions()}
        self._columns: dict[int, dict[tuple[str, str], str]] = {}
        self._routes: dict[int, list[Route]] = {}

    def columns(self, function: int) -> dict[tuple[str, str], str]:
        """(kind, name) -> column."""
        if function not in self._columns:
            self._columns[function] = self.store.columns(function)
        return self._columns[function]

    def routes(self, function: int) -> list[Route]:
        """Which functions stand upstream, under which role and name."""
        if function not in self._routes:
            order = {"argument": 0, "depends_on": 1, "nested": 2}
            self._routes[function] = sorted(self.store.routes(function), key=lambda route: order[route.role])
        return self._routes[function]


class FunctionNode:
    """A stored function at one place of a pipeline: a node in the sense of `sweepable.names`."""

    __slots__ = ("_chain", "function", "parent", "path", "role", "schema")

    def __init__(
        self,
        schema: Schema,
        function: StoredFunction,
        parent: FunctionNode | None = None,
        role: str = "",
        name: str = "",
    ) -> None:
        self.schema = schema
        self.function = function
        self.parent = parent
        self.role = role
        self.path: tuple[str, ...] = (*parent.path, name) if parent else ()
        self._chain: tuple[int, ...] = (*(parent._chain if parent else ()), function.id)

    def names(self, kind: str) -> list[str]:
        """Names of one kind: ``parameter``, ``output`` or ``upstream``."""
        return [name for found, name in self.schema.columns(self.function.id) if found == kind]

    def spellings(self) -> dict[str, tuple[str, str]]:
        """How its parameters and outputs are written."""
        parameters = list(dict.fromkeys([*self.names("parameter"), *self.names("upstream")]))
        return spelled(parameters, self.names("output"))

    def own_names(self) -> list[str]:
        """Its parameters and scalar outputs."""
        return list(self.spellings())

    def steps(self) -> list[Step]:
        """The functions upstream of it in any stored call; a function upstream of itself is not gone into again."""
        found = []
        for route in self.schema.routes(self.function.id):
            if route.function not in self._chain:
                function = self.schema.functions[route.function]
                found.append(Step(route.name, function.identifier, FunctionNode(self.schema, function, self, route.role, route.name)))
        return found

    def identity(self) -> object:
        """The path and the function: under one name there may be several functions."""
        return (self.path, self.function.id)

    def column(self, kind: str, name: str) -> str | None:
        """The quoted column of a name."""
        column = self.schema.columns(self.function.id).get((kind, name))
        return quoted(column) if column is not None else None


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


# -- one look-up


def condition(root: FunctionNode, callee: Callee | None, written: str, value: object) -> Condition:
    """The SQL of one look-up, for the alias ``t`` of the root's table and ``c`` of its row in ``_calls``.

    Raises
    ------
    UnknownName
        Nothing bears this name, in the store or in the declarations.
    AmbiguousName
        Several upstream calls have it.
    """
    owner = root.function.identifier
    for name, lookup in _readings(written):
        if name.startswith("info" + SEPARATOR):
            return _info(name, lookup, value)
        places = _places(root, name)
        if places:
            return _all_of(root, _checked(places, name, owner), lookup, value)
        if callee is not None and is_declared(callee, name):
            return FALSE  # no stored call has it yet, so none can match
    raise unknown(root, written, owner)


def _readings(written: str) -> list[tuple[str, str]]:
    """A user's name comes first; only then is the last part read as a look-up."""
    readings = [(written, "")]
    name, separator, last = written.rpartition(SEPARATOR)
    if separator and last in LOOKUPS:
        readings.append((name, last))
    return readings


def is_declared(callee: Callee, name: str) -> bool:
    """Whether the declarations know `name`, though no stored call may have it."""
    if explicit(name, callee.parameters, callee.declaration.names) or name in callee.declaration.names:
        return True
    return bool(resolve(callee.place(), name))


def _places(root: FunctionNode, name: str) -> list[Place]:
    plain = explicit(name, [*root.names("parameter"), *root.names("upstream")], root.names("output"))
    if plain is not None:
        return [Place((), root, name)]
    return resolve(root, name)


def _checked(places: list[Place], name: str, owner: str) -> list[Place]:
    if len({place.path for place in places}) > 1 and not all(place.tied for place in places):
        raise ambiguous(name, owner, places)
    return places


def _all_of(root: FunctionNode, places: list[Place], lookup: str, value: object) -> Condition:
    """Every path has to match; under one path, any of the functions that stand there."""
    by_path: dict[tuple[str, ...], list[Condition]] = {}
    for place in places:
        by_path.setdefault(place.path, []).append(_at(place, lookup, value))
    return joined(" AND ", [joined(" OR ", found) for found in by_path.values()])


def joined(word: str, conditions: Sequence[Condition]) -> Condition:
    """Conditions joined by AND or OR."""
    if len(conditions) == 1:
        return conditions[0]
    sql = "(" + word.join(found.sql for found in conditions) + ")"
    return Condition(sql, tuple(value for found in conditions for value in found.values))


def _at(place: Place, lookup: str, value: object) -> Condition:
    node = place.node
    assert isinstance(node, FunctionNode)
    if place.name is None:
        return _of_parent(node, _is_call(value, lambda depth: f"t{depth}.id", len(node.path)))
    alias = _alias(len(node.path))
    return _of_parent(node, _own(node, alias, place.name, lookup, value))


def _alias(depth: int) -> str:
    return "t" if depth == 0 else f"t{depth}"


def _of_parent(node: FunctionNode, inner: Condition) -> Condition:
    """`inner`, which speaks of the node's table, as a condition on the root's."""
    if node.parent is None:
        return inner
    depth = len(node.path)
    line, table, below = f"l{depth}", _alias(depth), _alias(depth - 1)
    sql = (
        f"EXISTS (SELECT 1 FROM _lineage {line} JOIN {quoted(node.function.table)} {table} ON {table}.id = {line}.upstream "
        f"WHERE {line}.downstream = {below}.id AND {line}.role = ? AND {line}.name = ? AND {inner.sql})"
    )
    return _of_parent(node.parent, Condition(sql, (node.role, node.path[-1], *inner.values)))


def _own(node: FunctionNode, alias: str, written: str, lookup: str, value: object) -> Condition:
    plain = explicit(written, [*node.names("parameter"), *node.names("upstream")], node.names("output"))
    kind, name = plain or node.spellings()[written]
    upstream = node.column("upstream", name) if kind == "parameter" else None
    if upstream is not None and _is_reference(value):
        return _is_call(value, lambda depth: f"{alias}.{upstream}", 0)
    column = node.column(kind, name)
    if column is None:
        if upstream is not None and not is_call_lookup(lookup):
            raise SweepableError(
                f"{node.function.identifier}: {name} is an upstream call; compare it with a Record, or its parameters "
                f"by {name}{SEPARATOR}<parameter>"
            )
        return FALSE
    return LOOKUPS[lookup](f"{alias}.{column}", value)


def is_call_lookup(lookup: str) -> bool:
    """Look-ups that make sense for an upstream call."""
    return lookup in ("", "exact", "in", "ne", "isnull")


def _is_reference(value: object) -> bool:
    if isinstance(value, (list, tuple)) and value:
        return all(_is_reference(part) for part in value)
    return hasattr(type(value), "__sweepable_key__") or as_upstream(value) is not None or _has_calls(value)


def _has_calls(value: object) -> bool:
    return hasattr(type(value), "__sweepable_calls__")


def _is_call(value: object, column: Callable[[int], str], depth: int) -> Condition:
    keys = keys_of(value)
    marks = ", ".join("?" * len(keys))
    return Condition(f"{column(depth)} IN (SELECT id FROM _calls WHERE key IN ({marks}))", tuple(keys))


def keys_of(value: Any) -> list[str]:
    """The keys of a Record, a cached function or partial, a Query, or a list of such."""
    if isinstance(value, (list, tuple)):
        return [key for part in value for key in keys_of(part)]
    if _has_calls(value):
        return [call.__sweepable_key__ for call in value.__sweepable_calls__()]
    if hasattr(type(value), "__sweepable_key__"):
        return [value.__sweepable_key__]
    upstream = as_upstream(value)
    if upstream is None:
        raise SweepableError(f"expected a Record, a cached function or a partial, got {type(value).__name__}")
    return [upstream.callee.front().key_of(**upstream.fixed)]


# -- info

_INFO: Mapping[str, str] = {"seconds": "c.seconds", "started": "c.started", "status": "c.status", "key": "c.key"}


def _info(name: str, lookup: str, value: object) -> Condition:
    part = name.removeprefix("info" + SEPARATOR)
    if part not in _INFO:
        raise UnknownName(f"info has no look-up {part!r}{did_you_mean(part, _INFO)}")
    if isinstance(value, dt.datetime):
        value = value.timestamp()
    return LOOKUPS[lookup](_INFO[part], value)


# -- comparisons, by value: 2 finds 2.0; True is not 1; "1" is not 1


def cell(value: object) -> object:
    """`value` as the tables hold it."""
    return to_cell(value) if is_scalar(value) else to_cell(value, digest(value, describe=describe))


def _given(column: str, value: object) -> Condition:
    return _in(column, value) if is_axis(value) else _exact(column, value)


def _exact(column: str, value: object) -> Condition:
    found = cell(value)
    return Condition(f"{column} IS NULL") if found is None else Condition(f"{column} = ?", (found,))


def is_axis(value: object) -> bool:
    """A list, range, 1-D array or Series means any of its values."""
    if isinstance(value, (list, range)):
        return True
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return type(value).__module__.startswith("pandas.") and hasattr(type(value), "to_numpy") and getattr(value, "ndim", 0) == 1


def _in(column: str, value: object) -> Condition:
    cells = [cell(part) for part in value]  # type: ignore[attr-defined]
    if len(cells) > _MOST_VALUES:
        raise SweepableError(f"a look-up takes {_MOST_VALUES} values at most, got {len(cells)}; split it, or use range")
    known = [found for found in cells if found is not None]
    parts = [Condition(f"{column} IN ({', '.join('?' * len(known))})", tuple(known))] if known else []
    if len(known) < len(cells):
        parts.append(Condition(f"{column} IS NULL"))
    return joined(" OR ", parts) if parts else FALSE


def _ne(column: str, value: object) -> Condition:
    found = _exact(column, value)
    return Condition(f"NOT COALESCE({found.sql}, 0)", found.values)


def _compare(operator: str) -> Callable[[str, object], Condition]:
    def compare(column: str, value: object) -> Condition:
        found = cell(value)
        if isinstance(found, (int, float)):
            return Condition(f"(typeof({column}) IN ('integer', 'real') AND {column} {operator} ?)", (found,))
        if isinstance(found, str):
            return Condition(f"(typeof({column}) = 'text' AND {column} {operator} ?)", (found,))
        return _compare_blob(column, operator, found, value)

    return compare


def _compare_blob(column: str, operator: str, found: object, value: object) -> Condition:
    """Of what stands in BLOBs, bools and dates have an order."""
    if found in (b"True", b"False"):
        return Condition(f"({column} IN (x'54727565', x'46616c7365') AND {column} {operator} ?)", (found,))
    if isinstance(found, bytes) and found.startswith(b"datetime:"):
        return Condition(f"(substr({column}, 1, 9) = x'6461746574696d653a' AND {column} {operator} ?)", (found,))
    raise SweepableError(f"a {type(value).__name__} has no order to look up by; use exact, ne or in")


def _range(column: str, value: object) -> Condition:
    try:
        low, high = value  # type: ignore[misc]
    except (TypeError, ValueError):
        raise SweepableError(f"range needs a pair (lowest, highest), got {value!r}") from None
    return joined(" AND ", [_compare(">=")(column, low), _compare("<=")(column, high)])


def _isnull(column: str, value: object) -> Condition:
    sql = f"({column} IS NULL OR {column} = {NAN})"
    return Condition(sql if value else f"NOT {sql}")


def _text(sql: str) -> Callable[[str, object], Condition]:
    def compare(column: str, value: object) -> Condition:
        if not isinstance(value, str):
            raise SweepableError(f"text look-ups need a str, got {type(value).__name__}")
        return Condition(f"(typeof({column}) = 'text' AND {sql.format(column=column)})", (value,) * sql.count("?"))

    return compare


LOOKUPS: dict[str, Callable[[str, object], Condition]] = {
    "": _given,
    "exact": _exact,
    "ne": _ne,
    "lt": _compare("<"),
    "lte": _compare("<="),
    "gt": _compare(">"),
    "gte": _compare(">="),
    "in": _in,
    "range": _range,
    "isnull": _isnull,
    "contains": _text("instr({column}, ?) > 0"),
    "startswith": _text("substr({column}, 1, length(?)) = ?"),
    "endswith": _text("substr({column}, length({column}) - length(?) + 1) = ?"),
}
