"""The functions upstream of a function, as stored and as declared: the tree in which look-ups find their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sweepable.callee import Callee
from sweepable.model import ROLES
from sweepable.names import Kind, Own, Step, owner
from sweepable.scope import Scope
from sweepable.store.schema import quoted
from sweepable.store.store import Route, Store, StoredFunction

#: (``parameter``, ``field``, ``output`` or ``upstream``; name) -> column of the function's table.
Columns = dict[tuple[str, str], str]
_NEXT_LAYOUT = (
    "SELECT min(layout) FROM _calls WHERE function = ? AND version = ? AND layout > ? AND status IN ('done', 'tainted')"
)
_ONE_CALL = "SELECT id FROM _calls WHERE function = ? AND version = ? LIMIT 1"
_ONE_LINE = (
    "SELECT 1 FROM _calls AS c JOIN _lineage AS l ON l.downstream = c.id JOIN _calls AS u ON u.id = l.upstream "
    "WHERE c.function = ? AND c.version IN ({}) AND l.role = ? AND l.name = ? AND u.function = ? LIMIT 1"
)


class Shape(NamedTuple):
    """What the calls of a function look like."""

    own: Own
    routes: tuple[Route, ...]
    #: Whether there are calls under the code that counts.
    has_calls: bool


class Schema:
    """What a store knows of its functions, read once per query.

    Parameters
    ----------
    store : Store
        The store.
    scope : Scope or None
        The code that counts: names that only other code had are not seen. None: all code counts.
    giving : Scope, optional
        The code that counts of a call that gave a value to another; None: any.
    """

    def __init__(self, store: Store, scope: Scope | None, giving: Scope | None = None) -> None:
        self.store = store
        self.giving = giving
        self.functions = {function.id: function for function in store.functions()}
        self._scope = scope
        self._columns: dict[int, Columns] = {}
        self._shapes: dict[int, Shape] = {}
        self._found: dict[Callee, StoredFunction | None] = {}

    def columns(self, function: int) -> Columns:
        """The columns of a function's table."""
        if function not in self._columns:
            self._columns[function] = self.store.columns(function)
        return self._columns[function]

    def find(self, callee: Callee) -> StoredFunction | None:
        """The stored function that a cached function is; None if it never ran."""
        if callee not in self._found:
            found = self.store.find_function(callee.name, callee.version().digest, callee.facts.home)
            self._found[callee] = found
        return self._found[callee]

    def shape(self, function: int) -> Shape:
        """Names and upstream functions of a function under the code that counts."""
        if function not in self._shapes:
            self._shapes[function] = self._read_shape(function)
        return self._shapes[function]

    def _read_shape(self, function: int) -> Shape:
        all_versions = [version.id for version in self.store.versions(function)]
        counting = all_versions if self._scope is None else list(self._scope.versions.get(function, all_versions))
        calls = [row[0] for version in counting for row in self._rows(_ONE_CALL, function, version)]
        routes = self.store.routes(function)
        if not calls or set(counting) == set(all_versions):
            parameters = [name for kind, name in self.columns(function) if kind in ("parameter", "upstream")]
            return Shape(Own(_once(parameters), self._outputs(function, all_versions)), _ordered(routes), bool(calls))
        parameters = [name for number in calls for name in self._parameters(number)]
        routes = [route for route in routes if self._is_made(function, counting, route)]
        return Shape(Own(_once(parameters), self._outputs(function, counting)), _ordered(routes), True)

    def _rows(self, query: str, *values: object) -> list[tuple[Any]]:
        return self.store.connection().execute(query, values).fetchall()

    def _parameters(self, number: int) -> list[str]:
        call = self.store.fetch_id(number)
        return [argument.name for argument in self.store.arguments(call)] if call is not None else []

    def _outputs(self, function: int, versions: list[int]) -> tuple[str, ...]:
        layouts = sorted({layout for version in versions for layout in self._layouts(function, version)})
        return _once([name for layout in layouts for name in self.store.layout(layout).names])

    def _layouts(self, function: int, version: int) -> Iterator[int]:
        """The layouts of a version's calls, from one to the next: there may be a million calls, and one layout."""
        found: int | None = 0
        while found is not None:
            ((found,),) = self._rows(_NEXT_LAYOUT, function, version, found)
            if found is not None:
                yield found

    def _is_made(self, function: int, versions: list[int], route: Route) -> bool:
        query = _ONE_LINE.format(", ".join(map(str, versions)))
        return bool(self._rows(query, function, route.role, route.name, route.function))


def _once(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _ordered(routes: list[Route]) -> tuple[Route, ...]:
    return tuple(sorted(routes, key=lambda route: ROLES.index(route.role)))


class FunctionNode:
    """A function at one place of a pipeline: a node in the sense of `sweepable.names`.

    Parameters
    ----------
    schema : Schema
        What is stored.
    function : StoredFunction or None
        The function as stored; None if it never ran.
    callee : Callee or None
        The function as this process has it; None where it has only the store, or all code counts.
    step : tuple of FunctionNode, str and str, optional
        The node downstream, and the role and name under which this one stands upstream of it.
    """

    def __init__(
        self,
        schema: Schema,
        function: StoredFunction | None,
        callee: Callee | None = None,
        step: tuple[FunctionNode, str, str] | None = None,
    ) -> None:
        self.schema = schema
        self.function = function
        self.callee = callee
        self.parent: FunctionNode | None = step[0] if step else None
        self.role, self.name = step[1:] if step else ("", "")
        self.path: tuple[str, ...] = (*self.parent.path, self.name) if self.parent else ()
        self._chain: tuple[object, ...] = (*(self.parent._chain if self.parent else ()), self._which())
        self._shape = schema.shape(function.id) if function else Shape(Own(), (), False)
        self.columns: Columns = schema.columns(function.id) if function else {}
        #: What to write after FROM.
        self.table = quoted(function.table) if function else ""

    def _which(self) -> object:
        return self.function.id if self.function else self.callee

    @property
    def title(self) -> str:
        """The name by which look-ups call the function."""
        found = self.function or self.callee
        return found.identifier if found else ""

    def own(self) -> Own:
        """Its parameters and outputs, as stored and as declared."""
        if self.callee is None:
            return self._shape.own._replace(fields=self._fields(self._shape.own.parameters, ()))
        # Parameters are what the signature says now; outputs may be found by running only.
        outputs = _once([*self.callee.declaration.names, *self._shape.own.outputs])
        return Own(self.callee.parameters, outputs, self._fields(self.callee.parameters, self.callee.configs.names()))

    def _fields(self, parameters: tuple[str, ...], declared: tuple[str, ...]) -> tuple[str, ...]:
        """The fields of config objects, as declared and as stored."""
        stored = (name for kind, name in self.columns if kind == "field")
        return _once([*declared, *(name for name in stored if owner(name, parameters) is not None)])

    def steps(self) -> list[Step]:
        """The functions upstream of it, in any stored call that counts or by declaration."""
        return self._steps

    @cached_property
    def _steps(self) -> list[Step]:
        declared = {(role, name): callee for role, name, callee in self._declared()}
        found = [self._stored_step(route, declared.get((route.role, route.name))) for route in self._shape.routes]
        stored = {(step.role, step.name, function_of(step.node)._which()) for step in found}
        for (role, name), callee in declared.items():
            function = self.schema.find(callee)
            if function is None or (role, name, function.id) not in stored:
                found.append(self._step(role, name, function, callee))
        return sorted(found, key=lambda step: ROLES.index(step.role))

    def _declared(self) -> Iterator[tuple[str, str, Callee]]:
        if self.callee is not None:
            for name, upstream in self.callee.upstreams.items():
                yield "argument", name, upstream.callee
            for dependency in self.callee.dependencies:
                yield "depends_on", dependency.callee.identifier, dependency.callee

    def _stored_step(self, route: Route, declared: Callee | None) -> Step:
        known = self.schema.find(declared) if declared is not None else None
        callee = declared if known is not None and known.id == route.function else None
        return self._step(route.role, route.name, self.schema.functions[route.function], callee)

    def _step(self, role: str, name: str, function: StoredFunction | None, callee: Callee | None) -> Step:
        node = FunctionNode(self.schema, function, callee, (self, role, name))
        return Step(name, node.title, node, role, node._which() in self._chain)

    def identity(self) -> object:
        """The way to it, and the function: under one name there may be several functions."""
        return (self.parent.identity() if self.parent else None, self.role, self.name, self._which())

    def counting(self, call: str) -> str:
        """The SQL, beginning with AND, that a call counts which stands here and gave a value; empty where all do.

        Parameters
        ----------
        call : str
            The SQL of its id.
        """
        if self.role != "passed" or self.schema.giving is None or self.function is None:
            return ""
        counts = self.schema.giving.giving("g", [self.function.id])
        return f" AND EXISTS (SELECT 1 FROM _calls AS g WHERE g.id = {call} AND {counts})"

    def column(self, kind: str, name: str) -> str | None:
        """The quoted column of a name; kind is ``parameter``, ``field``, ``output`` or ``upstream``."""
        column = self.columns.get((kind, name))
        return quoted(column) if column is not None else None

    def calls_column(self, parameter: str) -> str | None:
        """The quoted column with the one upstream call of a parameter; None where that may not be all there is."""
        is_all = ("parameter", parameter) not in self.columns
        return self.column("upstream", parameter) if is_all else None

    def takes_calls(self, parameter: str) -> bool:
        """Whether a parameter was ever given an upstream call, or stands for one by default."""
        is_declared = self.callee is not None and parameter in self.callee.upstreams
        return is_declared or ("upstream", parameter) in self.columns

    def has_run(self, kind: Kind, name: str) -> bool:
        """Whether any stored call that counts has a parameter or output of this name."""
        if kind == "field":
            return (kind, name) in self.columns
        return name in (self._shape.own.parameters if kind == "parameter" else self._shape.own.outputs)

    def may_have_field(self, name: str) -> bool:
        """Whether `name` may be a field that nobody knows yet: of an undeclared parameter of code that never ran."""
        return self.callee is not None and not self._shape.has_calls and self.callee.configs.may_have(name)

    def may_have_more(self) -> bool:
        """Whether it may have outputs that nobody knows yet: none are declared, and its code never ran."""
        return self.callee is not None and not self.callee.declaration.names and not self._shape.has_calls


def call_above(call: str, role: str, name: str, nodes: Sequence[FunctionNode]) -> str:
    """The SQL of the id of the one upstream call that a call has under a role and a name, if it counts.

    Parameters
    ----------
    call : str
        The SQL of the call's id.
    role, name : str
        Of the edge.
    nodes : sequence of FunctionNode
        The functions that stand there.
    """
    counting = {node.counting("l.upstream").removeprefix(" AND ") for node in nodes if node.role == role} - {""}
    counts = f" AND ({' OR '.join(sorted(counting))})" if counting else ""
    text = name.replace("'", "''")
    return (
        f"(SELECT CASE count(*) WHEN 1 THEN l.upstream END FROM _lineage AS l WHERE l.downstream = {call} "
        f"AND l.role = '{role}' AND l.name = '{text}'{counts})"
    )


def function_of(node: object) -> FunctionNode:
    """A node of this tree, as such."""
    assert isinstance(node, FunctionNode)
    return node
