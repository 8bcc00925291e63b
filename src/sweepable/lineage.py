"""What a stored call came from: the tree of its upstream calls, read as it is walked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from sweepable.errors import NoCallFound
from sweepable.model import ROLES, Argument, Role, StoredCall
from sweepable.names import Own, Step, owner
from sweepable.store.index import verified

if TYPE_CHECKING:
    from sweepable.store.store import Store

#: What `calls_in` reads of a row of ``_calls AS c``.
CALL_COLUMNS = ", ".join(f"c.{name}" for name in (*StoredCall._fields, "check_digest"))
_BY_IDS = f"SELECT {CALL_COLUMNS} FROM json_each(?) AS k JOIN _calls AS c ON c.id = k.value ORDER BY k.key"
_EDGES = (
    "SELECT l.role, l.name, f.identifier, c.id, c.content FROM _lineage AS l JOIN _calls AS c ON c.id = l.upstream "
    "JOIN _functions AS f ON f.id = c.function WHERE l.downstream = ? ORDER BY l.name, c.id"
)


class Edge(NamedTuple):
    """An upstream call and how it came to be one."""

    role: Role
    #: The parameter it was given for, or the upstream function's name.
    name: str
    #: The upstream function's name.
    function: str
    id: int


class CallNode:
    """A stored call with its upstream calls: a node in the sense of `sweepable.names`.

    Parameters
    ----------
    store : Store
        Where it is stored.
    call : StoredCall
        The call.
    """

    __slots__ = ("__dict__", "call", "store")

    def __init__(self, store: Store, call: StoredCall) -> None:
        self.store = store
        self.call = call

    @cached_property
    def arguments(self) -> dict[str, Argument]:
        """The call's arguments by parameter name."""
        if not self.call.arguments:  # a call that the store could not take
            return {}
        return {argument.name: argument for argument in self.store.arguments(self.call)}

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the call's outputs; none for a call without a result."""
        return self.store.layout(self.call.layout).names if self.call.layout else ()

    def own(self) -> Own:
        """Parameters, the fields of those that are config objects, and outputs."""
        return Own(tuple(self.arguments), self.outputs, tuple(self.fields))

    @cached_property
    def fields(self) -> dict[str, tuple[str, object]]:
        """The fields of config objects by their full names, with the parameter that each is of."""
        from sweepable.configs import flattened

        return {
            name: (argument.name, part)
            for argument in self.arguments.values()
            if argument.kind == "value"
            for name, part in flattened(argument.name, argument.value).items()
            if owner(name, self.arguments) == argument.name
        }

    @cached_property
    def edges(self) -> list[Edge]:
        """The upstream calls that are in the store, none of them read: arguments first, nested calls last."""
        rows = self.store.connection().execute(_EDGES, (self.call.id,)).fetchall()
        # Of calls that gave the same value and differ by their code alone, the last one.
        last = {(row[:3], row[4]): row[3] for row in rows if row[0] == "passed" and row[4] is not None}
        edges = (Edge(*row[:4]) for row in rows if last.get((row[:3], row[4]), row[3]) == row[3])
        return sorted(edges, key=lambda edge: ROLES.index(edge.role))

    @cached_property
    def _steps(self) -> list[Step]:
        nodes = {call.id: CallNode(self.store, call) for call in calls_of(self.store, [edge.id for edge in self.edges])}
        # Two ways to one call are one node, whose own upstream is then read once.
        return [Step(edge.name, edge.function, nodes[edge.id], edge.role) for edge in self.edges if edge.id in nodes]

    def steps(self) -> list[Step]:
        """The upstream calls: those given as arguments first, then those made inside."""
        return self._steps

    def identity(self) -> object:
        """The call itself: reached by two paths it is still one."""
        return self.call.key


def calls_of(store: Store, ids: Sequence[int]) -> list[StoredCall]:
    """The stored calls with these ids, in this order, by one statement; those that are gone are left out."""
    try:
        rows = store.connection().execute(_BY_IDS, (json.dumps(list(dict.fromkeys(ids))),)).fetchall()
    except sqlite3.OperationalError:  # damage that hides what row it is in
        rows = [(number,) for number in ids]
    return calls_in(store, rows)


def calls_in(store: Store, rows: Sequence[tuple[Any, ...]]) -> list[StoredCall]:
    """The calls of rows that have `CALL_COLUMNS`, or but an id; what is damaged is left out."""
    found = (verified(row) if len(row) > 1 else None for row in rows)
    # A row that is not what was written is put aside, and warned of, by the store.
    calls = (call or store.fetch_id(row[0]) for row, call in zip(rows, found, strict=True))
    return [call for call in calls if call is not None]


def function_identifier(store: Store, function: int) -> str:
    """The name by which look-ups call the function with this id."""
    row = store.connection().execute("SELECT identifier FROM _functions WHERE id = ?", (function,)).fetchone()
    if row is None:
        raise NoCallFound(f"the store {store.path} has no function number {function}")
    return str(row[0])
