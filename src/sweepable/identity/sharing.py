"""Which of several equal things is meant where: what a digest of contents alone cannot tell."""

from __future__ import annotations

import types
from collections.abc import Iterator, Set
from typing import Any

from sweepable.identity.graph import Node, hashed
from sweepable.identity.holding import attributes_of

#: Kinds of nodes that code may tell apart with ``is``, however equal they are.
_CODE = frozenset({"function", "class", "wrapper"})


def with_sharing(root: Node, nodes: list[Node], named: Set[Node]) -> bytes:
    """The digest of a root; where several nodes that it reaches are equal, with the order in which each is met.

    A node's digest is made of contents, so it says that ``METHOD`` is a function like ``adam``, not whether it is
    ``adam`` or its twin; or that two names stand for an empty list, not whether for one. Nearly always all nodes
    differ; then the digests tell the graph completely, and the root's own is returned as it is.

    Parameters
    ----------
    root : Node
    nodes : list of Node
        All that it reaches, settled.
    named : set of Node
        Those that names stand for.
    """
    twins = _twins(nodes, named)
    if not twins:
        return root.digest
    numbers: dict[Node, int] = {}
    order = [numbers.setdefault(node, len(numbers)) for node in _met(root) if node in twins]
    return hashed(b"shared", root.digest, repr(order).encode())


def _twins(nodes: list[Node], named: Set[Node]) -> set[Node]:
    """The nodes that another one is equal to, and that code can tell from it."""
    known: dict[bytes, Node] = {}
    twins: set[Node] = set()
    for node in nodes:
        if node.kind in _CODE or (node.kind == "value" and node in named):
            other = known.setdefault(node.digest, node)
            if other is not node and _is_one(node.value) and not _is_same(node, other):
                twins |= {node, other}
    return twins


def _is_same(node: Node, other: Node) -> bool:
    """Whether two nodes are of one value, which is a node under each of several options."""
    return node.value is other.value


def _is_one(value: object) -> bool:
    """Whether it can matter which of two equal objects it is: what is hashed by content is as good as any other."""
    if isinstance(value, types.FunctionType | type):
        return True
    own: Any = type(value).__hash__
    if isinstance(value, types.MethodType) or own is None or own is object.__hash__:
        return not isinstance(value, types.MethodType)
    try:
        return hash(value) == id(value)
    except Exception:  # it holds what cannot be hashed
        return True


def _met(root: Node) -> Iterator[Node]:
    """The nodes as a walk along the edges meets them: each as often as it is met, entered once."""
    entered: set[Node] = set()
    stack = [iter([root])]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
            continue
        yield node
        if node not in entered:
            entered.add(node)
            stack.append(iter(_in_order(node)))


def _in_order(node: Node) -> list[Node]:
    """What a node refers to, as far as there is an order in it that is the same in every process."""
    return node.targets() if not node.within or _is_ordered(node.value, 20) else [target for _, target in node.edges]


def _is_ordered(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind in (set, frozenset) or depth == 0:
        return False
    parts = value if kind in (list, tuple) else (*value, *value.values()) if kind is dict else ()
    return all(_is_ordered(part, depth - 1) for part in (*parts, *attributes_of(value).values()))
