"""Reading a lineage from the store: one statement for all edges, one for all calls, and a few per function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sweepable.ancestry.nodes import InWords, LineageEdge, LineageNode
from sweepable.errors import DamagedError
from sweepable.lineage import calls_of
from sweepable.model import ROLES, Argument, GivenCalls, Role, StoredCall
from sweepable.outputs import short
from sweepable.registry import known, siblings
from sweepable.scope import is_stored_as
from sweepable.store import results
from sweepable.store.cells import is_scalar
from sweepable.store.codecs import External, Summary
from sweepable.store.store import Store, StoredFunction

#: All edges that begin at a call within reach, ``near`` being the end that is nearer to the call of the question.
_ALL = (
    "WITH RECURSIVE reached(id) AS (VALUES (?) UNION "
    "SELECT l.{far} FROM reached AS r JOIN _lineage AS l ON l.{near} = r.id) "
    "SELECT l.downstream, l.upstream, l.role, l.name FROM reached AS r JOIN _lineage AS l ON l.{near} = r.id"
)
_NEAR = (
    "WITH RECURSIVE reached(id, depth) AS (VALUES (?, 0) UNION "
    "SELECT l.{far}, r.depth + 1 FROM reached AS r JOIN _lineage AS l ON l.{near} = r.id WHERE r.depth < ?) "
    "SELECT l.downstream, l.upstream, l.role, l.name FROM (SELECT DISTINCT id FROM reached) AS r "
    "JOIN _lineage AS l ON l.{near} = r.id"
)


class Row(NamedTuple):
    """An edge as it is stored."""

    downstream: int
    upstream: int
    role: Role
    name: str


class Reading(NamedTuple):
    """What was read: the calls, that of the question first, and the edges among them."""

    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]


def read(store: Store, root: StoredCall, depth: int | None, downstream: bool) -> Reading:
    """The calls that one came from, or that came from it, as they are stored now.

    Parameters
    ----------
    store : Store
    root : StoredCall
        The call of the question.
    depth : int or None
        How many calls away the farthest is; None for all.
    downstream : bool
        Those that came from it.
    """
    rows = _rows(store, root.id, depth, downstream)
    depths = _depths(rows, root.id, downstream)
    ids = [number for number, far in depths.items() if depth is None or far <= depth]
    calls = {root.id: root} | {call.id: call for call in calls_of(store, ids)}
    teller = _Teller(store)
    arguments = {number: teller.arguments(call) for number, call in calls.items()}
    among = [row for row in rows if row.downstream in calls and (row.upstream in calls or row.upstream in ids)]
    edges = [edge for row in among if (edge := _edge(row, calls, arguments[row.downstream])) is not None]
    if not downstream:
        near = [number for number in calls if depth is None or depths[number] < depth]
        edges += _lost(store, {calls[number].key: arguments[number] for number in near}, edges)
    nodes = {calls[number].key: teller.node(calls[number], arguments[number]) for number in ids if number in calls}
    for key, count in _hidden(rows, set(ids), downstream).items():
        if key in calls:
            nodes[calls[key].key] = replace(nodes[calls[key].key], hidden=count)
    for edge in edges:
        nodes.setdefault(edge.upstream, LineageNode(edge.upstream))
    return Reading(tuple(nodes.values()), tuple(dict.fromkeys(edges)))


def _rows(store: Store, root: int, depth: int | None, downstream: bool) -> list[Row]:
    """The edges, in an order that does not depend on how they are stored."""
    near, far = ("upstream", "downstream") if downstream else ("downstream", "upstream")
    query = (_ALL if depth is None else _NEAR).format(near=near, far=far)
    values = (root,) if depth is None else (root, depth)
    rows = {Row(*row) for row in store.connection().execute(query, values)}
    return sorted(rows, key=lambda row: (ROLES.index(row.role), row.name, row.upstream, row.downstream))


def _ends(row: Row, downstream: bool) -> tuple[int, int]:
    """The end that is nearer to the call of the question, and the other one."""
    return (row.upstream, row.downstream) if downstream else (row.downstream, row.upstream)


def _depths(rows: Sequence[Row], root: int, downstream: bool) -> dict[int, int]:
    """How far away each call is, nearest first."""
    beyond: dict[int, list[int]] = {}
    for row in rows:
        near, far = _ends(row, downstream)
        beyond.setdefault(near, []).append(far)
    depths, queue = {root: 0}, [root]
    for near in queue:
        for far in beyond.get(near, ()):
            if far not in depths:
                depths[far] = depths[near] + 1
                queue.append(far)
    return depths


def _hidden(rows: Sequence[Row], ids: set[int], downstream: bool) -> Counter[int]:
    """How many calls lie right beyond those at the greatest depth that was asked for."""
    return Counter(near for near, far in {_ends(row, downstream) for row in rows} if near in ids and far not in ids)


def _edge(row: Row, calls: Mapping[int, StoredCall], arguments: Sequence[Argument]) -> LineageEdge | None:
    """An edge by keys; None where the upstream call is gone, and the arguments tell its key."""
    given = next((argument for argument in arguments if argument.name == row.name), None)
    given = given if row.role == "argument" else None
    if row.upstream in calls:
        output = given.field if given is not None and given.value == calls[row.upstream].key else ""
        return LineageEdge(calls[row.upstream].key, calls[row.downstream].key, row.role, row.name, output)
    if given is not None and (given.kind != "value" or isinstance(given.value, GivenCalls)):
        return None
    return LineageEdge(f"number {row.upstream}", calls[row.downstream].key, row.role, row.name)


def _lost(
    store: Store, arguments: Mapping[str, Sequence[Argument]], edges: Sequence[LineageEdge]
) -> Iterator[LineageEdge]:
    """The upstream calls that arguments name and that are not in the store."""
    there = {(edge.downstream, edge.name, edge.upstream) for edge in edges if edge.role == "argument"}
    for downstream, given in arguments.items():
        for argument in given:
            for key in _keys(argument):
                if (downstream, argument.name, key) not in there:
                    yield LineageEdge(key, downstream, "argument", argument.name, argument.field)


def _keys(argument: Argument) -> Sequence[str]:
    if isinstance(argument.value, GivenCalls):
        return argument.value.keys
    return () if argument.kind == "value" else (str(argument.value),)


class _Teller:
    """Tells of stored calls what is shown of them; no value that stands elsewhere is loaded."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._functions = {function.id: function for function in store.functions()}
        #: Id of a version -> its digest, and whether the code in this process is another one.
        self._versions: dict[int, tuple[str, bool]] = {}
        self._read: set[int] = set()

    def arguments(self, call: StoredCall) -> tuple[Argument, ...]:
        """The arguments, with a `Summary` in the place of what is not plain; none where they are damaged."""
        try:
            return results.decode_arguments(call.arguments, _in_short) if call.arguments else ()
        except DamagedError:
            return ()

    def node(self, call: StoredCall, arguments: Sequence[Argument]) -> LineageNode:
        """What is shown of a call."""
        outputs = self._outputs(call)
        failure = self._store.failure(call)
        digest, stale = self._version(call)
        return LineageNode(
            call.key,
            self._functions[call.function].identifier if call.function in self._functions else "",
            {a.name: _shown(a.value) for a in arguments if a.kind == "value"},
            {name: value for name, value in outputs.items() if is_scalar(value)},
            {name: str(_shown(value)) for name, value in outputs.items() if not is_scalar(value)},
            call.status,
            f"{failure.type_name}: {failure.message}".partition("\n")[0] if failure is not None else "",
            call.seconds,
            digest,
            stale,
        )

    def _outputs(self, call: StoredCall) -> dict[str, object]:
        if call.result is None or not call.layout:
            return {}
        try:
            return results.outputs_in_short(call.result, self._store.layout(call.layout))
        except DamagedError:
            return {}

    def _version(self, call: StoredCall) -> tuple[str, bool]:
        if call.function in self._functions and call.function not in self._read:
            self._read.add(call.function)
            now = self._digests_now(self._functions[call.function])
            for version in self._store.versions(call.function):
                self._versions[version.id] = version.digest, bool(now) and version.digest not in now
        return self._versions.get(call.version, ("", False))

    def _digests_now(self, function: StoredFunction) -> set[str]:
        """The versions that the code has in this process; none where it is not here."""
        here = [callee for callee in known(function.name) if is_stored_as(self._store, function.id, callee)]
        return {each.version().digest for callee in here for each in siblings(callee)}


def _in_short(external: External, parts: tuple[object, ...]) -> object:
    return Summary(results.described(external.facts), "")


def _shown(value: object) -> object:
    """A scalar as it is, anything else in a few words."""
    if isinstance(value, Summary | GivenCalls):
        return InWords(value.text)
    return value if is_scalar(value) else InWords(short(value))
