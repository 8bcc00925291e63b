"""What a stored call came from: the tree of its upstream calls, read as it is walked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from sweepable.errors import NoCallFound
from sweepable.model import Argument, Role, StoredCall
from sweepable.names import Step

if TYPE_CHECKING:
    from sweepable.store.store import Store


class Edge(NamedTuple):
    """One row of the lineage: an upstream call and how it came to be one."""

    role: Role
    name: str
    upstream: int


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
        return {argument.name: argument for argument in self.store.arguments(self.call)}

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the call's outputs; none for a call without a result."""
        return self.store.layout(self.call.layout).names if self.call.layout else ()

    def own_names(self) -> list[str]:
        """Parameters and outputs; one that is both can only be written ``params__x`` and ``outputs__x``."""
        return list(spelled(self.arguments, self.outputs))

    @cached_property
    def _edges(self) -> list[Edge]:
        rows = self.store.connection().execute(
            "SELECT role, name, upstream FROM _lineage WHERE downstream = ? "
            "ORDER BY CASE role WHEN 'argument' THEN 0 WHEN 'depends_on' THEN 1 ELSE 2 END, name, upstream",
            (self.call.id,),
        )
        return [Edge(*row) for row in rows]

    @cached_property
    def _steps(self) -> list[Step]:
        found = []
        for edge in self._edges:
            call = self.store.fetch_id(edge.upstream)
            if call is not None:  # it may have been forgotten since
                identifier = function_identifier(self.store, call.function)
                found.append(Step(edge.name, identifier, CallNode(self.store, call)))
        return found

    def steps(self) -> list[Step]:
        """The upstream calls: those given as arguments first, then those made inside."""
        return self._steps

    def identity(self) -> object:
        """The call itself: reached by two paths it is still one."""
        return self.call.key


def spelled(parameters: Iterable[str], outputs: Iterable[str]) -> dict[str, tuple[str, str]]:
    """How the names of a function are written: spelling -> (``parameter`` or ``output``, name)."""
    parameters, outputs = list(parameters), list(outputs)
    both = set(parameters) & set(outputs)
    found = {f"params__{n}" if n in both else n: ("parameter", n) for n in parameters}
    found |= {f"outputs__{n}" if n in both else n: ("output", n) for n in outputs}
    return found


def explicit(name: str, parameters: Iterable[str], outputs: Iterable[str]) -> tuple[str, str] | None:
    """What ``params__x`` and ``outputs__x`` mean, where the plain name would do as well."""
    for prefix, kind, names in (("params__", "parameter", parameters), ("outputs__", "output", outputs)):
        if name.startswith(prefix) and name[len(prefix) :] in set(names):
            return kind, name[len(prefix) :]
    return None


def function_identifier(store: Store, function: int) -> str:
    """The name by which look-ups call the function with this id."""
    for known in store.functions():
        if known.id == function:
            return known.identifier
    raise NoCallFound(f"the store {store.path} has no function number {function}")
