"""Queries: stored calls of one function, found by anything that made them; lazy, chainable, read again each time."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from sweepable import record as records
from sweepable.callee import Callee, known
from sweepable.errors import AmbiguousName, NoCallFound, SeveralCallsFound, StaleResults, SweepableError, UnknownName
from sweepable.lineage import function_identifier
from sweepable.lookups import (
    NAN,
    Condition,
    FunctionNode,
    Schema,
    condition,
    is_declared,
    joined,
    quoted,
)
from sweepable.model import Status, StoredCall
from sweepable.names import did_you_mean, one, unknown
from sweepable.record import Record, call_of, store_of
from sweepable.store.store import Store, StoredFunction

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 500
Scope = Literal["current", "any"]


@dataclass(frozen=True, slots=True)
class Source:
    """Whose calls a query is about."""

    store: Store
    name: str
    #: None in a process that has only the store and not the code.
    callee: Callee | None = None
    #: One of several stored functions of this name; None to find it.
    function_id: int | None = None

    def function(self) -> StoredFunction | None:
        """The stored function; None if it has never run."""
        if self.function_id is not None:
            return next(found for found in self.store.functions() if found.id == self.function_id)
        if self.callee is None:
            return self.store.find_function(self.name)
        return self.store.find_function(self.name, self.callee.version().digest, self.callee.facts.home)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of the calls, in which order."""

    lookups: tuple[tuple[bool, Mapping[str, object]], ...] = ()  # (excluded, look-ups)
    keys: tuple[str, ...] | None = None
    scope: Scope = "current"
    statuses: tuple[Status, ...] = ("done",)
    order: tuple[str, ...] = ()
    start: int = 0
    stop: int | None = None


class Query:
    """Stored calls of one function.

    Made by ``f.filter(...)``, ``f.select()`` and ``sweepable.find``; every method that narrows it returns another
    query, and nothing is read until it is iterated, counted or made a table. It sees successful calls whose
    code, and the code of everything upstream, is as it is now.

    Examples
    --------
    >>> import sweepable
    >>> @sweepable.cache(area=float)
    ... def rectangle(width=1.0, height=1.0):
    ...     return width * height
    >>> runs = rectangle.sweep(width=[1.0, 2.0, 3.0], progress=False)
    >>> [rec.area for rec in rectangle.filter(width__gte=2.0).order_by("-area")]
    [3.0, 2.0]
    """

    def __init__(self, source: Source, selection: Selection | None = None) -> None:
        self._source = source
        self._selection = selection or Selection()

    # -- narrowing

    def filter(self, **lookups: object) -> Query:
        """The calls to which all look-ups apply.

        Parameters
        ----------
        **lookups
            ``name=value`` or ``name__lookup=value``; the look-ups are ``exact ne lt lte gt gte in range isnull contains
            startswith endswith``. A name is a parameter or scalar output of the function, or of what is
            upstream of it (``sim_result__gain``, ``get_reference__amplitude``). A list, range or 1-D array means any of them.

        Raises
        ------
        UnknownName, AmbiguousName
            For a name that nothing, or more than one upstream call, has.
        """
        return self._with_lookups(False, lookups)

    def exclude(self, **lookups: object) -> Query:
        """The calls to which not all of the look-ups apply; otherwise as `filter`."""
        return self._with_lookups(True, lookups)

    def _with_lookups(self, excluded: bool, lookups: Mapping[str, object]) -> Query:
        if not lookups:
            return self
        narrowed = self._but(lookups=(*self._selection.lookups, (excluded, dict(lookups))))
        narrowed._plan(check=True)
        return narrowed

    def order_by(self, *names: str) -> Query:
        """In the order of these parameters or outputs; ``-name`` for descending. NaN and None come last."""
        ordered = self._but(order=names)
        ordered._plan(check=True)
        return ordered

    def limit(self, number: int) -> Query:
        """The first `number` calls."""
        stop = self._selection.start + number
        if self._selection.stop is not None:
            stop = min(stop, self._selection.stop)
        return self._but(stop=stop)

    def _but(self, **changes: Any) -> Query:
        return Query(self._source, replace(self._selection, **changes))

    # -- reading

    def __iter__(self) -> Iterator[Record]:
        ids = [row[0] for row in self._rows("c.id")]
        for start in range(0, len(ids), _BATCH):
            yield from self._batch(ids[start : start + _BATCH])

    def _batch(self, ids: Sequence[int]) -> list[Record]:
        found = (self._source.store.fetch_id(number) for number in ids)
        return [self._record(call) for call in found if call is not None]

    def _record(self, call: StoredCall) -> Record:
        return Record(self._source.store, call)

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return self.exists()

    def count(self) -> int:
        """How many calls there are."""
        return len(self._rows("c.id"))

    def exists(self) -> bool:
        """Whether there is any."""
        return bool(self.limit(1)._rows("c.id"))

    def first(self) -> Record | None:
        """The first Record, None if there is none."""
        return next(iter(self.limit(1)), None)

    def last(self) -> Record | None:
        """The last Record, None if there is none."""
        ids = self._rows("c.id")
        return self._batch([ids[-1][0]])[0] if ids else None

    def __getitem__(self, index: int | slice) -> Any:
        ids = [row[0] for row in self._rows("c.id")]
        if isinstance(index, slice):
            return self._batch(ids[index])
        try:
            number = ids[index]
        except IndexError:
            raise IndexError(f"{self!r} has {len(ids)} calls, there is no number {index}") from None
        return self._batch([number])[0]

    def get(self, **lookups: object) -> Record:
        """The one Record.

        Raises
        ------
        NoCallFound, SeveralCallsFound
            With the parameters in which the calls found differ.
        """
        found = self.filter(**lookups)
        ids = [row[0] for row in found._rows("c.id")]
        if not ids:
            raise NoCallFound(f"no stored call of {self._source.name} {_written(found._selection)}")
        if len(ids) > 1:
            raise SeveralCallsFound(
                f"{len(ids)} calls of {self._source.name} {_written(found._selection)}; they differ in {_differing(found)}"
            )
        return found._batch(ids)[0]

    def get_or_none(self, **lookups: object) -> Record | None:
        """The one Record, None if there is none; several are still an error."""
        try:
            return self.get(**lookups)
        except NoCallFound:
            return None

    def to_df(self) -> pd.DataFrame:
        """The calls as a table: own parameters and outputs bare, those upstream by their full path.

        Returns
        -------
        pandas.DataFrame
            One row per call, in the query's order.
        """
        from sweepable.tables import frame

        plan = self._plan()
        if plan is not None:
            return frame(plan.root, self._rows)
        import pandas as pd

        callee = self._source.callee
        return pd.DataFrame(columns=[*callee.parameters, *callee.declaration.names] if callee else [])

    def __sweepable_calls__(self) -> list[Record]:
        return list(self)

    def __repr__(self) -> str:
        return f"<Query of {self._source.name} {_written(self._selection)}>"

    # -- as SQL

    def _rows(self, columns: str, joins: str = "") -> list[tuple[Any, ...]]:
        plan = self._plan()
        if plan is None:
            return []
        sql = f"SELECT {columns} FROM {plan.tables} {joins} WHERE {plan.where.sql} ORDER BY {plan.order} {plan.limit}"
        rows = self._source.store.connection().execute(sql, (*plan.first, *plan.where.values)).fetchall()
        return rows

    def _plan(self, check: bool = False) -> Plan | None:
        """The SQL of this query; None where there can be no rows. `check` is for the names only."""
        function = self._source.function()
        if function is None:
            self._check_declared()
            return None
        root = FunctionNode(Schema(self._source.store), function)
        conditions = [self._condition(root, excluded, lookups) for excluded, lookups in self._selection.lookups]
        order = self._order(root)
        if check:
            return None
        return self._assemble(root, conditions, order)

    def _assemble(self, root: FunctionNode, conditions: list[Condition], order: str) -> Plan:
        selection = self._selection
        marks = ", ".join("?" * len(selection.statuses))
        conditions = [Condition(f"c.status IN ({marks})", selection.statuses), *conditions]
        tables = f"_calls c LEFT JOIN {quoted(root.function.table)} t ON t.id = c.id"
        first: tuple[object, ...] = ()
        if selection.keys is not None:
            tables = f"json_each(?) k JOIN _calls c ON c.key = k.value LEFT JOIN {quoted(root.function.table)} t ON t.id = c.id"
            first = (json.dumps(selection.keys),)
            order = order or "k.key"
        else:
            conditions.append(Condition("c.function = ?", (root.function.id,)))
            if selection.scope == "current":
                conditions.append(self._current(root.function))
        stop = -1 if selection.stop is None else max(selection.stop - selection.start, 0)
        return Plan(root, tables, first, joined(" AND ", conditions), order or "c.id", f"LIMIT {stop} OFFSET {selection.start}")

    def _condition(self, root: FunctionNode, excluded: bool, lookups: Mapping[str, object]) -> Condition:
        parts = [condition(root, self._source.callee, written, value) for written, value in lookups.items()]
        found = joined(" AND ", parts)
        return Condition(f"NOT COALESCE({found.sql}, 0)", found.values) if excluded else found

    def _check_declared(self) -> None:
        """The names of a function that has never run, as far as its declarations tell."""
        callee = self._source.callee
        if callee is None:
            names = [found.name for found in self._source.store.functions()]
            raise UnknownName(
                f"the store {self._source.store.path} has no calls of {self._source.name!r}{did_you_mean(self._source.name, names)}"
            )
        for _, lookups in self._selection.lookups:
            for written in lookups:
                name = written.removeprefix("-")
                if is_declared(callee, name) or is_declared(callee, name.rpartition("__")[0]) or name.startswith("info__"):
                    continue
                if callee.declaration.names:
                    raise unknown(callee.place(), written, callee.identifier)
                warnings.warn(
                    f"{callee.name} has never run, so it is not known whether it has an output {written!r}; nothing is found",
                    UserWarning,
                    stacklevel=5,
                )

    def _order(self, root: FunctionNode) -> str:
        parts = []
        for written in self._selection.order:
            value = _ordering(root, written.removeprefix("-"))
            direction = "DESC" if written.startswith("-") else "ASC"
            parts.append(f"({value} IS NULL OR {value} = {NAN}), {value} {direction}")
        return ", ".join([*parts, "c.id"]) if parts else ""

    # -- which code counts

    def _current(self, function: StoredFunction) -> Condition:
        versions = current_versions(self._source, function)
        ancestries = current_ancestries(self._source)
        scope = Condition(
            f"c.version IN ({', '.join(map(str, versions))}) AND c.ancestry IN ({', '.join(map(str, ancestries))})"
        )
        self._tell_left_out(function, scope)
        return scope

    def _tell_left_out(self, function: StoredFunction, scope: Condition) -> None:
        mark = (str(self._source.store.path), scope.sql)
        if mark in _TOLD:
            return
        _TOLD.add(mark)
        sql = f"SELECT count(*) FROM _calls c WHERE c.function = ? AND c.status = 'done' AND NOT ({scope.sql})"
        left_out = self._source.store.connection().execute(sql, (function.id,)).fetchone()[0]
        if left_out:
            warnings.warn(
                f"{self._source.name}: {left_out} stored result{'s' if left_out > 1 else ''} of older code, its own or upstream, "
                f"left out; {self._source.name}.select(version=\"any\") sees all",
                StaleResults,
                stacklevel=6,
            )


_TOLD: set[tuple[str, str]] = set()


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of a query's SQL."""

    root: FunctionNode
    tables: str
    first: tuple[object, ...]
    where: Condition
    order: str
    limit: str


def _ordering(root: FunctionNode, name: str) -> str:
    if name.startswith("info__"):
        return f"c.{name.removeprefix('info__')}" if name in ("info__seconds", "info__started") else "c.id"
    place = one(root, name, root.function.identifier)
    node = place.node
    assert isinstance(node, FunctionNode)
    if place.name is None:
        raise SweepableError(f"{name} is an upstream call; order by one of its parameters or outputs")
    kind, own = node.spellings()[place.name]
    column = node.column(kind, own)
    if column is None:
        raise SweepableError(f"{name} is an upstream call; order by one of its parameters or outputs")
    return _scalar(node, f"{'t' if not node.path else f't{len(node.path)}'}.{column}")


def _scalar(node: FunctionNode, value: str) -> str:
    """The value of an upstream column for the root's row, as one expression."""
    if node.parent is None:
        return value
    depth = len(node.path)
    below = "t" if depth == 1 else f"t{depth - 1}"
    role, name = (text.replace("'", "''") for text in (node.role, node.path[-1]))
    inner = (
        f"(SELECT {value} FROM _lineage l{depth} JOIN {quoted(node.function.table)} t{depth} ON t{depth}.id = l{depth}.upstream "
        f"WHERE l{depth}.downstream = {below}.id AND l{depth}.role = '{role}' AND l{depth}.name = '{name}' LIMIT 1)"
    )
    return _scalar(node.parent, inner)


def current_versions(source: Source, function: StoredFunction) -> list[int]:
    """Ids of the versions of `function` that count as its code now."""
    stored = {version.digest: version.id for version in source.store.versions(function.id)}
    if source.callee is not None and function.name == source.callee.name:
        now = [source.callee.version().digest]
    else:
        now = [callee.version().digest for callee in known(function.name)]
    if now:
        return [stored[digest] for digest in now if digest in stored]
    newest = source.store.connection().execute(
        "SELECT version FROM _calls WHERE function = ? AND status = 'done' ORDER BY id DESC LIMIT 1", (function.id,)
    ).fetchone()
    return [newest[0]] if newest else []


def current_ancestries(source: Source) -> list[int]:
    """Ids of the sets of ancestor versions in which every one is its function's code as it is now."""
    ancestries = source.store.ancestries()
    if not any(ancestries.values()):
        return list(ancestries) or [0]
    upstream = _declared_upstream(source.callee) if source.callee else {}
    current: set[int] = set()
    for function in source.store.functions():
        callee = upstream.get(function.name)
        current.update(current_versions(replace(source, callee=callee), function))
    return [0, *(number for number, versions in ancestries.items() if current.issuperset(versions))]


def _declared_upstream(callee: Callee) -> dict[str, Callee]:
    """The functions upstream by declaration, by name: the very objects that `callee` would call."""
    found: dict[str, Callee] = {}
    queue = [callee]
    for current in queue:
        above = [upstream.callee for upstream in current.upstreams.values()] + [d.callee for d in current.dependencies]
        for upstream in above:
            if upstream.name not in found:
                found[upstream.name] = upstream
                queue.append(upstream)
    return found


def _written(selection: Selection) -> str:
    shown = [
        f"{'not ' if excluded else ''}{name}={value!r}" for excluded, lookups in selection.lookups for name, value in lookups.items()
    ]
    return f"with {', '.join(shown)}" if shown else "at all" if selection.keys is None else f"among {len(selection.keys)} keys"


def _differing(query: Query) -> str:
    frame = query.limit(1000).to_df()
    names = [name for name in frame.columns if len({repr(value) for value in frame[name]}) > 1]
    node_names = query._source.callee.parameters if query._source.callee else ()
    own = [name for name in names if name in node_names or "__" in name]
    return ", ".join(own or names) or "nothing that a table shows"


# -- what the layer below asks for


def query_of_keys(store: Store, keys: Sequence[str]) -> Query:
    """The calls with these keys, whatever their code."""
    call = store.fetch(keys[0])
    if call is None:
        raise NoCallFound(f"the call {keys[0][:12]} is not in the store {store.path}")
    name = function_identifier(store, call.function)
    return Query(Source(store, name, function_id=call.function), Selection(keys=tuple(keys)))


def query_of(store: Store, function: object) -> Query:
    """All current calls of a function, given as such or by name.

    Raises
    ------
    UnknownName, AmbiguousName
        If the store has no, or more than one, function of that name.
    """
    callee = getattr(function, "callee", None) if not isinstance(function, str) else None
    if isinstance(callee, Callee):
        return Query(Source(store, callee.name, callee))
    name = str(function)
    found = [known for known in store.functions() if name in (known.name, known.identifier, f"{_home(known)}.{known.name}")]
    if not found:
        names = [known.name for known in store.functions()]
        raise UnknownName(f"the store {store.path} has no calls of {name!r}{did_you_mean(name, names)}")
    if len(found) > 1:
        ways = ", ".join(f"{_home(known)}.{known.name}" for known in found)
        raise AmbiguousName(f"several functions are called {name!r}: {ways}; write one of these")
    here = known(found[0].name)
    return Query(Source(store, found[0].name, here[0] if len(here) == 1 else None, found[0].id))


def _home(function: StoredFunction) -> str:
    return function.homes[0] if function.homes else ""


def _below(upstream: Record, function: object, lookups: Mapping[str, object]) -> Query:
    """The current calls of `function` that came from `upstream`, at any distance."""
    query = query_of(store_of(upstream), function)
    found = query._source.function()
    if found is None:
        return query
    number = call_of(upstream).id
    rows = store_of(upstream).connection().execute(
        "WITH RECURSIVE below(id) AS (SELECT downstream FROM _lineage WHERE upstream = ? "
        "UNION SELECT l.downstream FROM _lineage l JOIN below ON l.upstream = below.id) "
        "SELECT c.key FROM below JOIN _calls c ON c.id = below.id WHERE c.function = ?",
        (number, found.id),
    ).fetchall()
    keys = {row[0] for row in rows}
    current = [row[0] for row in query._rows("c.key") if row[0] in keys]
    return Query(query._source, Selection(keys=tuple(current))).filter(**lookups)


records.query_of_keys = query_of_keys
records.query_downstream = _below
