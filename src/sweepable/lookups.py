"""Look-ups: what one ``sim_result__gain__gte=1.0`` asks of the tables, and what a name is ordered by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from sweepable import about
from sweepable.array_lookups import Form, forms, of_form
from sweepable.comparisons import (
    COMPARISONS,
    FALSE,
    TRUE,
    Condition,
    Given,
    Near,
    among,
    axis_values,
    compared,
    is_axis,
    joined,
    negated,
    wanted,
)
from sweepable.errors import SweepableError
from sweepable.field_lookups import field_compared, field_value
from sweepable.lineage import calls_of
from sweepable.misspelled import checked, expect_unknown, may_be_output, readings
from sweepable.names import SEPARATOR, Place, ambiguous, resolve
from sweepable.spaces.reading import is_query
from sweepable.store.cells import is_scalar
from sweepable.tree import FunctionNode, function_of
from sweepable.upstream import Upstream, as_upstream

#: SQLite joins 64 tables at most.
_DEEPEST = 62
#: And its parser takes so many statements within each other at least.
_DEEPEST_NESTED = 16


class Placed(NamedTuple):
    """A condition on a column of one table, the root's or that of an upstream function."""

    node: FunctionNode
    found: Condition
    #: Whether it most likely leaves but a few rows.
    is_equality: bool


def placed(root: FunctionNode, written: str, value: object, *, alias: Callable[[FunctionNode], str]) -> Placed | None:
    """A look-up as a condition on one table that every call has one row of; None where it is not as simple as that.

    Parameters
    ----------
    root : FunctionNode
        The function that is asked.
    written : str
        Name and look-up.
    value : object
        What it is compared with.
    alias : callable
        What a node's table is called.
    """
    for name, lookup in readings(written):
        places = resolve(root, name)
        if places:
            place, node = places[0], function_of(places[0].node)
            if len(places) > 1 or place.name is None or not is_joinable(node):
                return None
            found = _compared(node, alias(node), place, lookup, value)
            column = node.column(place.kind or "", place.name)
            uses = ((node.table, column),) if column is not None and lookup in _INDEXED else ()
            return Placed(node, found._replace(uses=uses), bool(uses) and lookup in _EQUALITIES)
    return None


#: Look-ups that an index answers.
_INDEXED = ("", "exact", "in", "lt", "lte", "gt", "gte", "range", "near")
_EQUALITIES = ("", "exact")
#: Look-ups that compare with all of a value.
_WHOLE = ("", "exact", "ne", "in")


def is_joinable(node: FunctionNode) -> bool:
    """Whether the ids of all its calls stand in columns, from the root's table on."""
    if node.function is None or node.table.startswith("(") or len(node.path) > _DEEPEST_NESTED:
        return False
    above = node.parent
    return above is None or (id_column(node) is not None and is_joinable(above))


def id_column(node: FunctionNode) -> str | None:
    """The column of the table below it that has the ids of an upstream function's calls; None where not of all."""
    return node.parent.calls_column(node.name) if node.parent is not None and node.role == "argument" else None


def condition(root: FunctionNode, written: str, value: object) -> Condition:
    """The SQL of one look-up, for the alias ``t`` of the root's table and ``c`` of its row in ``_calls``.

    Raises
    ------
    UnknownName
        Nothing bears this name, in the store or in the declarations.
    AmbiguousName
        Several upstream calls have it.
    """
    for name, lookup in readings(written):
        places = resolve(root, name)
        if places:
            return _of_places(checked(places, name, root.title), partial(_at, lookup=lookup, value=value))
    for name, lookup in readings(written):
        about_it = _about(root, name, lookup, value.value if isinstance(value, Given) else value)
        if about_it is not None:
            return about_it
    for asked in forms(written):
        places = [place for place in resolve(root, asked.name) if place.kind == "output"]
        if places:
            return _of_places(checked(places, asked.name, root.title), partial(_formed, asked=asked, value=value))
        if not resolve(root, asked.name) and may_be_output(root, asked.name):
            written = asked.name
    expect_unknown(root, written)
    return FALSE


def _formed(place: Place, asked: Form, value: object) -> Condition:
    node = function_of(place.node)
    column = node.column(asked.form, place.name or "")
    value = value.value if isinstance(value, Given) else value
    found = of_form(f"{_alias(len(node.path))}.{column}" if column is not None else "NULL", asked, value)
    return _of_parent(node, found)


def _about(root: FunctionNode, name: str, lookup: str, value: object) -> Condition | None:
    """A look-up of what is known about calls; None where the name is none of that."""
    asked = about.places(root, name)
    if asked is None:
        return None
    field, places = asked

    def match(place: Place) -> Condition:
        node = function_of(place.node)
        return _of_parent(node, about.condition(field, _row(node), lookup, value, root.schema.store))

    return _of_places(checked(places, name, root.title), match)


def _row(node: FunctionNode) -> about.Row:
    """The SQL of a column of the row that a node's call has in ``_calls``."""
    if node.parent is None:
        return "c.{}".format
    return f"(SELECT u.{{}} FROM _calls AS u WHERE u.id = {_alias(len(node.path))}.id)".format


def is_known(root: FunctionNode, name: str) -> bool:
    """Whether anything bears this name."""
    return bool(resolve(root, name))


def is_about_status(written: str) -> bool:
    """Whether a look-up asks how calls ended, so that not only the successful ones are meant."""
    return written.startswith(_STATUS) and any(name == _STATUS for name, _ in readings(written))


_STATUS = f"info{SEPARATOR}status"


# -- from a place in the tree to the root's row


def _of_places(places: list[Place], match: Callable[[Place], Condition]) -> Condition:
    """Under one path, any of the functions that stand there; of several paths every one that a call has."""
    by_path: dict[tuple[str, ...], list[Place]] = {}
    for place in places:
        by_path.setdefault(place.path, []).append(place)
    matches = [joined(" OR ", [match(place) for place in found]) for found in by_path.values()]
    if len(matches) == 1:
        return matches[0]
    there = [joined(" OR ", [_exists(place) for place in found]) for found in by_path.values()]
    every = [
        joined(" OR ", [match, Condition(f"NOT {found.sql}", found.values)])
        for match, found in zip(matches, there, strict=True)
    ]
    return joined(" AND ", [*every, joined(" OR ", matches)])


def _exists(place: Place) -> Condition:
    return _of_parent(function_of(place.node), TRUE)


def _at(place: Place, lookup: str, value: object) -> Condition:
    node = function_of(place.node)
    alias = _alias(len(node.path))
    if place.name is None:
        return _of_call(node, alias, lookup, value)
    return _of_parent(node, _compared(node, alias, place, lookup, value))


def _compared(node: FunctionNode, alias: str, place: Place, lookup: str, value: object) -> Condition:
    """A look-up of a name of the node's own."""
    name = place.name or ""
    if place.kind == "field":
        return field_compared(node.column("field", name), alias, lookup, value)
    return (_output if place.kind == "output" else _parameter)(node, alias, name, lookup, value)


def _alias(depth: int) -> str:
    return "t" if depth == 0 else f"t{depth}"


def _of_parent(node: FunctionNode, inner: Condition) -> Condition:
    """`inner`, which speaks of the node's table, as a condition on the root's row."""
    if node.parent is None:
        return inner
    if node.function is None:
        return FALSE
    way, where = _way(node)
    return Condition(f"EXISTS (SELECT 1 FROM {way} WHERE {where.sql} AND {inner.sql})", (*where.values, *inner.values))


def _way(node: FunctionNode) -> tuple[str, Condition]:
    """The tables between the root's row and a node's, and which of their rows."""
    steps: list[FunctionNode] = []
    while node.parent is not None:
        steps.insert(0, node)
        node = node.parent
    depth = len(steps)
    if depth > _DEEPEST:
        raise SweepableError(f"{SEPARATOR.join(steps[-1].path)} is {depth} calls away; a query sees {_DEEPEST}")
    by_column = _by_columns(steps)
    if by_column is not None:
        return by_column
    lines = "".join(f" CROSS JOIN _lineage AS l{n} ON l{n}.downstream = l{n - 1}.upstream" for n in range(2, depth + 1))
    way = f"_lineage AS l1{lines} CROSS JOIN {steps[-1].table} AS t{depth} ON t{depth}.id = l{depth}.upstream"
    where = "".join(
        f" AND l{n}.role = ? AND l{n}.name = ?{step.counting(f'l{n}.upstream')}" for n, step in enumerate(steps, 1)
    )
    values = tuple(part for step in steps for part in (step.role, step.name))
    return way, Condition(f"l1.downstream = c.id{where}", values)


def _by_columns(steps: list[FunctionNode]) -> tuple[str, Condition] | None:
    """The same by the columns in which the tables have the ids of upstream calls, where they have all of them."""
    columns = [id_column(step) for step in steps]
    if not all(columns) or not all(step.function for step in steps):
        return None
    # From the root on, so that each is found by its id.
    lines = "".join(
        f" CROSS JOIN {steps[n - 1].table} AS t{n} ON t{n}.id = t{n - 1}.{columns[n - 1]}"
        for n in range(2, len(steps) + 1)
    )
    return f"{steps[0].table} AS t1{lines}", Condition(f"t1.id = t.{columns[0]}")


# -- names of a function's own


def _output(node: FunctionNode, alias: str, name: str, lookup: str, value: object) -> Condition:
    column = node.column("output", name)
    if column is None and not node.has_run("output", name):
        return FALSE  # declared, and not stored yet
    forms = f"arrays are looked up by {name}__shape and {name}__dtype"
    if column is None:
        raise SweepableError(
            f"{node.title}: the output {name} is no scalar; look up by parameters and scalar outputs; {forms}"
        )
    others = [part for part in wanted(lookup, value) if not _in_cell(part)] if lookup in _WHOLE else []
    if others:
        raise SweepableError(
            f"{node.title}: the output {name} is compared with a {type(others[0]).__name__}, and of outputs that are "
            f"no scalars the table does not tell the value; compare it with scalars, or ask for {name}__isnull; {forms}"
        )
    return compared(f"{alias}.{column}", lookup, value)


def _in_cell(value: object) -> bool:
    return isinstance(value, Given | Near) or is_scalar(value)


def _parameter(node: FunctionNode, alias: str, name: str, lookup: str, value: object) -> Condition:
    plain, calls = node.column("parameter", name), node.column("upstream", name)
    if calls is None:
        return compared(f"{alias}.{plain}", lookup, value) if plain is not None else FALSE
    calls, plain = f"{alias}.{calls}", plain and f"{alias}.{plain}"
    if lookup == "isnull":
        return _is_missing(calls, plain, value)
    if lookup in COMPARISONS:
        if plain is None:
            raise _is_upstream(node, name)
        return compared(plain, lookup, value)
    found = joined(" OR ", _matches(node, name, calls, plain, wanted(lookup, value)))
    return negated(found) if lookup == "ne" else found


def _is_missing(calls: str, plain: str | None, value: object) -> Condition:
    """Neither an upstream call nor a plain value: a cell beside an upstream call's is empty as well."""
    found = FALSE if plain is None else compared(plain, "isnull", True)
    missing = Condition(f"({calls} IS NULL AND {found.sql})", found.values)
    return missing if value else negated(missing)


def _matches(node: FunctionNode, name: str, calls: str, plain: str | None, values: Sequence[object]) -> list[Condition]:
    """A parameter that takes upstream calls is compared by their keys; it may have been given plain values, too."""
    references = [value for value in values if _is_reference(value)]
    others = [value for value in values if not _is_reference(value) or (plain and not _is_upstream_of(node, name))]
    found = [_is_call(value, calls, node, name) for value in references]
    if plain is not None:
        inner = among(plain, others)
        return [*found, Condition(f"({calls} IS NULL AND {inner.sql})", inner.values)]
    if any(value is not None for value in others):
        raise _is_upstream(node, name)
    return found or [FALSE]


def _is_upstream_of(node: FunctionNode, name: str) -> bool:
    return node.callee is not None and name in node.callee.upstreams


def _is_upstream(node: FunctionNode, name: str) -> SweepableError:
    return SweepableError(
        f"{node.title}: {name} is an upstream call; compare it with a Record, a cached function or a partial, or its "
        f"parameters by {name}{SEPARATOR}<parameter>"
    )


# -- upstream calls as values


def _of_call(node: FunctionNode, alias: str, lookup: str, value: object) -> Condition:
    """Upstream calls as such: ``get_reference=rec``."""
    if lookup == "isnull":
        there = _of_parent(node, TRUE)
        return negated(there) if value else there
    if lookup not in ("", "exact", "in", "ne"):
        raise SweepableError(f"{node.title} is an upstream call, which has no {lookup}; compare its parameters")
    values = wanted(lookup, value)
    if not all(map(_is_reference, values)):
        raise SweepableError(f"{node.title} is an upstream call; compare it with a Record, a function or a partial")
    inner = joined(" OR ", [_is_call(value, f"{alias}.id", node, "") for value in values] or [FALSE])
    return negated(_of_parent(node, inner)) if lookup == "ne" else _of_parent(node, inner)


def _is_reference(value: object) -> bool:
    return hasattr(type(value), "__sweepable_key__") or as_upstream(value) is not None or is_query(value)


def _is_call(value: object, column: str, node: FunctionNode, parameter: str) -> Condition:
    keys = keys_of(value)
    marks = ", ".join("?" * len(keys))
    found = Condition(f"{column} IN (SELECT id FROM _calls WHERE key IN ({marks}))", tuple(keys))
    if isinstance(value, Upstream) and value.field is not None and parameter:
        return _with_field(found, value.field, column, node, parameter)
    return found


def _with_field(found: Condition, field: str, column: str, node: FunctionNode, parameter: str) -> Condition:
    """Of the calls that were given an output of an upstream call, those that were given this one."""
    store, alias = node.schema.store, column.rpartition(".")[0]
    query = f"SELECT {alias}.id FROM {node.table} AS {alias} WHERE {found.sql}"
    rows = store.connection().execute(query, found.values).fetchall()
    calls = calls_of(store, [number for (number,) in rows])
    given = ((call.id, argument) for call in calls for argument in store.arguments(call))
    ids = [str(number) for number, argument in given if argument.name == parameter and argument.field == field]
    return Condition(f"{alias}.id IN ({', '.join(ids)})")


def keys_of(value: Any) -> list[str]:
    """The keys of a Record, a cached function or partial, or a Query; of a list of these, all."""
    if not _is_reference(value):
        parts = axis_values(value, "in") if is_axis(value) else []
        if not parts or not all(map(_is_reference, parts)):
            raise SweepableError(f"compare calls with a Record, a cached function or a partial; got {value!r:.60}")
        return [key for part in parts for key in keys_of(part)]
    if is_query(value):
        return [call.__sweepable_key__ for call in value.__sweepable_calls__()]
    if hasattr(type(value), "__sweepable_key__"):
        return [value.__sweepable_key__]
    upstream = as_upstream(value)
    assert upstream is not None
    return [upstream.callee.front().key_of(**upstream.fixed)]


# -- order


def value_of(root: FunctionNode, name: str) -> Condition:
    """The SQL of the value that a name has for the root's row: own, upstream, or of what is known about calls.

    Raises
    ------
    UnknownName, AmbiguousName
        Nothing bears this name, or several upstream calls have it.
    """
    places = resolve(root, name)
    asked = about.places(root, name) if not places else None
    if asked is not None:
        places = asked[1]
    if not places:
        expect_unknown(root, name)
        return Condition("NULL")
    if len({place.path for place in places}) > 1:
        raise ambiguous(name, root.title, places)
    field = asked[0] if asked is not None else None
    found = [_expression(place, name, field) for place in checked(places, name, root.title)]
    sql = found[0].sql if len(found) == 1 else f"COALESCE({', '.join(one.sql for one in found)})"
    return Condition(sql, tuple(part for one in found for part in one.values))


def ordering(root: FunctionNode, written: str) -> Condition:
    """The SQL by which ``gain`` or ``-gain`` sorts: missing values and NaN last, whichever the direction."""
    value = value_of(root, written.removeprefix("-"))
    direction = "DESC" if written.startswith("-") else "ASC"
    # What SQLite has no number for, a large int or a timedelta, stands as text: it is among the numbers by its value.
    found = f"CASE typeof({value.sql}) WHEN 'blob' THEN sweepable_rank({value.sql}) ELSE {value.sql} END"
    rest = f"CASE typeof({value.sql}) WHEN 'blob' THEN sweepable_rest({value.sql}) ELSE x'80' END"
    return Condition(f"({found} IS NULL), {found} {direction}, {rest} {direction}", value.values * 8)


def _expression(place: Place, written: str, field: about.Field | None) -> Condition:
    """The value of a column, own or upstream, for the root's row."""
    node = function_of(place.node)
    value = _column(node, place, written) if field is None else about.expression(field, _row(node), node.schema.store)
    if node.parent is None or node.function is None:
        return value if node.parent is None else Condition("NULL")
    way, where = _way(node)
    return Condition(f"(SELECT {value.sql} FROM {way} WHERE {where.sql} LIMIT 1)", (*value.values, *where.values))


def _column(node: FunctionNode, place: Place, written: str) -> Condition:
    column = None if place.name is None or place.kind is None else node.column(place.kind, place.name)
    if column is None:
        if place.name is None or node.takes_calls(place.name):
            raise SweepableError(f"{written} is an upstream call; order by one of its parameters or outputs")
        if place.kind is not None and node.has_run(place.kind, place.name):
            raise SweepableError(f"{written} is no scalar, and stands in no column; read it by rec[{written!r}]")
        return Condition("NULL")
    if place.kind == "field":
        return Condition(field_value(f"{_alias(len(node.path))}.{column}"))
    return Condition(f"{_alias(len(node.path))}.{column}")
