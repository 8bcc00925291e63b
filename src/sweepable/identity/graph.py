"""The graph of code and values that a function reaches, and its digests, which do not depend on where one enters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from blake3 import blake3

#: Part of every digest: a change of what is digested, or how, raises it.
FORMAT = b"sweepable code 3"


_HEAD = b"%d:%b" % (len(FORMAT), FORMAT)


class Describe(Protocol):
    """How code within a value is encoded: by the node that stands for it."""

    def __call__(self, value: object, path: str) -> bytes: ...


class Node:
    """A function, class or value that is reached.

    Attributes
    ----------
    kind : str
        ``function``, ``class``, ``value``, ``package``, ...
    value : object
        What it stands for; kept, so that its id stays its own.
    names : list of str
        The names it is reached by, as written.
    own : bytes
        What is its own, without what it refers to.
    edges : list of (name, Node)
        What it refers to, in order.
    content : callable, optional
        For values: encodes the value, given how code within it is described.
    within : list of Node
        The code met within a value.
    digest : bytes
        With all that it reaches; set by `settle`.
    """

    __slots__ = (
        *("kind", "value", "names", "own", "edges", "content"),
        *("within", "summary", "where", "digest", "options"),
    )

    def __init__(
        self, kind: str, value: object, *, names: Iterable[str] = (), own: bytes = b"", options: object = None
    ) -> None:
        self.kind = kind
        self.value = value
        self.names = list(names)
        self.own = own
        self.edges: list[tuple[str, Node]] = []
        self.content: Callable[[Describe], bytes] | None = None
        self.within: list[Node] = []
        self.summary = ""
        self.where = ""
        self.digest = b""
        #: The options that hold in it: what one value is a node of under each of several, is as many nodes.
        self.options = options

    def targets(self) -> list[Node]:
        """The nodes that this one refers to."""
        return [*(node for _, node in self.edges), *self.within]

    def alone(self) -> bytes:
        """The digest of this node alone."""
        return hashed(self.kind.encode(), self.own)


def hashed(*parts: bytes) -> bytes:
    """The BLAKE3 of parts, each behind its length."""
    return blake3(b"".join([_HEAD, *[b"%d:%b" % (len(part), part) for part in parts]])).digest()


def settle(nodes: list[Node], node_of: Callable[[Node, object], Node | None]) -> None:
    """Give every node its digest.

    A node's digest is made of its own content and the digests of what it refers to. Nodes that refer to each
    other are told apart step by step (as in minimising an automaton) until no further step can tell more.
    So a digest depends neither on the node one starts from nor on the order of a set.
    """
    for group in _groups(nodes):
        if len(group) == 1 and group[0] not in group[0].targets():
            group[0].digest = _digest(group[0], {}, node_of)
        else:
            _settle_cycle(group, node_of)


def _settle_cycle(group: list[Node], node_of: Callable[[Node, object], Node | None]) -> None:
    colours = dict.fromkeys(group, b"")
    count = 1
    while True:
        colours = {node: _digest(node, colours, node_of) for node in group}
        before, count = count, len(set(colours.values()))
        if count == before:
            break
    # At this depth a colour sees only so far; together, the colours of the whole group tell it completely.
    everything = hashed(*sorted(set(colours.values())))
    for node, colour in colours.items():
        node.digest = hashed(b"cycle", colour, everything)


def _digest(node: Node, colours: dict[Node, bytes], node_of: Callable[[Node, object], Node | None]) -> bytes:
    def colour(target: Node) -> bytes:
        return colours.get(target, target.digest)

    def describe(value: object, path: str) -> bytes:
        target = node_of(node, value)
        return colour(target) if target else b"-"

    if node.content:
        return hashed(b"value", node.content(describe) if node.within else node.own)
    edges = [part for name, target in node.edges for part in (name.encode("utf-8", "surrogatepass"), colour(target))]
    return hashed(node.kind.encode(), node.own, *edges)


def _groups(nodes: list[Node]) -> Iterator[list[Node]]:
    """Nodes that refer to each other, group by group, those referred to first (Tarjan, without recursion)."""
    number: dict[Node, int] = {}
    low: dict[Node, int] = {}
    open_nodes: list[Node] = []
    is_open: set[Node] = set()
    for start in nodes:
        stack = [] if start in number else [(start, iter(start.targets()))]
        while stack:
            node, targets = stack[-1]
            if node not in number:
                number[node] = low[node] = len(number)
                open_nodes.append(node)
                is_open.add(node)
            following = next(targets, None)
            if following is None:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[node])
                if low[node] == number[node]:
                    yield _closed(node, open_nodes, is_open)
            elif following not in number:
                stack.append((following, iter(following.targets())))
            elif following in is_open:
                low[node] = min(low[node], number[following])


def _closed(node: Node, open_nodes: list[Node], is_open: set[Node]) -> list[Node]:
    group: list[Node] = []
    while not group or group[-1] is not node:
        group.append(open_nodes.pop())
    group.reverse()
    is_open.difference_update(group)
    return group
