"""Which of several equal things is meant where: what a digest of contents alone cannot tell."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator, Set
from typing import Any, TypeAlias

from sweepable.identity.graph import Node, hashed

#: Kinds of nodes that code may tell apart with ``is``, however equal they are.
_CODE = frozenset({"function", "class", "wrapper"})
#: The same of nodes that a name stands for.
_HELD = frozenset({"value", "parts", "undigestible", "stream", "context variable", "unknown code"})
NodeOf: TypeAlias = Callable[[Node, object], "Node | None"]


def with_sharing(root: Node, nodes: list[Node], named: Set[Node], node_of: NodeOf) -> bytes:
    """The digest of a root; where several nodes that it reaches are equal, with which of them is met at each place.

    A node's digest is made of contents, so it says that ``METHOD`` is a function like ``adam``, not whether it is
    ``adam`` or its twin; or that two names stand for an empty list, not whether for one. Nearly always no two values
    are equal; then the root's own digest is returned as it is.

    Parameters
    ----------
    root : Node
    nodes : list of Node
        All that it reaches, settled.
    named : set of Node
        Those that names stand for.
    node_of : callable
        The node of code that is met within a value, given the node of that value.
    """
    twins = _twins(nodes, named)
    return hashed(b"shared", root.digest, *_Telling(twins, node_of).along(root)) if twins else root.digest


def _twins(nodes: list[Node], named: Set[Node]) -> dict[Node, int]:
    """The nodes of which another value is equal, and that code can tell from it; each with the id of its value."""
    groups: dict[bytes, list[Node]] = {}
    for node in nodes:
        if node.kind in _CODE or node.kind in _HELD:
            groups.setdefault(node.digest, []).append(node)
    found: dict[Node, int] = {}
    for group in groups.values():
        telling = group[0].kind in _CODE or not named.isdisjoint(group)
        if telling and len({id(node.value) for node in group}) > 1 and _is_one(group[0].value):
            found |= {node: id(node.value) for node in group}
    return found


class _Telling:
    """A walk along the edges, which tells at each place which of several equal nodes is there."""

    def __init__(self, twins: dict[Node, int], node_of: NodeOf) -> None:
        self._twins = twins
        self._node_of = node_of
        #: By the id of a value, as it may be a node under each of several options.
        self._numbers: dict[int, int] = {}

    def along(self, root: Node) -> Iterator[bytes]:
        """What is met, node by node; each is entered once."""
        entered: set[Node] = set()
        stack = [iter([root])]
        while stack:
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
                continue
            if node in self._twins:
                yield self._number(node)
            if node not in entered:
                entered.add(node)
                met: list[Node] = []
                if node.content and node.within:
                    yield hashed(node.content(functools.partial(self._describe, node, met)))
                stack.append(iter([*(target for _, target in node.edges), *met]))

    def _number(self, node: Node) -> bytes:
        return b"%d" % self._numbers.setdefault(self._twins[node], len(self._numbers))

    def _describe(self, node: Node, met: list[Node], value: object, path: str) -> bytes:
        """What stands for code in a container; among the members of a set there is no order."""
        target = self._node_of(node, value)
        if target is None:
            return b"-"
        if "{...}" in path:  # as the encoder writes the way to a member of a set
            known = self._numbers.get(self._twins.get(target, -1))
            return b"-" if known is None else b"%d" % known
        met.append(target)
        return self._number(target) if target in self._twins else b"-"


def _is_one(value: object) -> bool:
    """Whether it can matter which of two equal objects it is: what is hashed by content is as good as any other."""
    kind = type(value)
    if issubclass(kind, types.FunctionType | type):
        return True
    if issubclass(kind, types.MethodType):
        return False
    own: Any = kind.__hash__
    if own is None or own is object.__hash__:
        return True
    try:
        return hash(value) in (id(value), object.__hash__(value))
    except Exception:  # it holds what cannot be hashed
        return True
