"""A lineage as text: a tree in which a call that is reached twice is shown once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sweepable.ancestry.blocks import Block, flat
from sweepable.ancestry.nodes import LineageEdge, LineageNode

#: More calls of one function in one place are one line.
_APART = 4
_LINES = 200
_ABOVE = "↑ shown above"


class _Branch(NamedTuple):
    """What stands in one line, and below it."""

    label: str
    block: Block


def as_tree(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge], downstream: bool) -> str:
    """The tree that begins at the first of the calls.

    Parameters
    ----------
    nodes : sequence of LineageNode
    edges : sequence of LineageEdge
    downstream : bool
        The tree is of what came from that call.
    """
    tree = _Tree(nodes, edges, downstream)
    lines: list[str] = []
    shown: list[int] = []
    for line in tree.lines():
        lines.append(line)
        shown.append(len(tree.shown))
        if len(lines) > _LINES:
            hidden = len(nodes) - shown[_LINES - 2]
            return "\n".join([*lines[: _LINES - 1], f"… {hidden:,} more calls are not shown; .nodes has them all"])
    return "\n".join(lines)


class _Tree:
    def __init__(self, nodes: Sequence[LineageNode], edges: Sequence[LineageEdge], downstream: bool) -> None:
        self._root = nodes[0]
        self._nodes: Mapping[str, LineageNode] = {node.key: node for node in nodes}
        self._downstream = downstream
        self._beyond: dict[str, list[LineageEdge]] = {}
        for edge in edges:
            self._beyond.setdefault(edge.upstream if downstream else edge.downstream, []).append(edge)
        #: The keys of the calls that stand in a line already.
        self.shown: set[str] = set()

    def lines(self) -> Iterator[str]:
        # No recursion: a lineage may be deeper than Python's stack.
        stack = [("", "", _Branch("", Block((self._root,))))]
        while stack:
            before, below, branch = stack.pop()
            new = [node for node in branch.block.nodes if node.key not in self.shown]
            self.shown.update(node.key for node in new)
            yield before + self._line(branch, len(new))
            branches = list(self._branches(new))
            hidden = sum(node.hidden for node in new)
            if hidden:
                calls = f"{hidden:,} more call{'' if hidden == 1 else 's'}"
                where = "that came from it" if self._downstream else "upstream"
                yield f"{below}{'├─' if branches else '└─'} … {calls} {where}, past the depth asked for"
            for place, further in reversed(list(enumerate(branches, 1))):
                is_last = place == len(branches)
                stack.append((below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  "), further))

    def _line(self, branch: _Branch, new: int) -> str:
        block, label = branch.block, f"{flat(branch.label)} " if branch.label else ""
        if not new:
            return f"{label}{block.name()} {_ABOVE}"
        some = len(block.nodes) - new
        return f"{label}{block.line()}{f' ({some} of them {_ABOVE})' if some else ''}"

    def _branches(self, nodes: Sequence[LineageNode]) -> Iterator[_Branch]:
        groups: dict[object, tuple[str, dict[str, LineageNode]]] = {}
        for edge in (edge for node in nodes for edge in self._beyond.get(node.key, ())):
            far = self._nodes[edge.downstream if self._downstream else edge.upstream]
            alike = (edge.role, edge.name, edge.output, far.function, far.status, far.stale)
            groups.setdefault(alike, (self._label(edge), {}))[1][far.key] = far
        for label, group in groups.values():
            if len(group) > _APART:
                yield _Branch(label, Block(tuple(group.values())))
            else:
                yield from (_Branch(label, Block((node,))) for node in group.values())

    def _label(self, edge: LineageEdge) -> str:
        """How the call of a line stands to the one above it."""
        if not self._downstream:
            return f"{edge.label}:" if edge.role == "argument" else edge.label
        return {
            "argument": f"as {edge.name} of",
            "nested": "called by",
            "depends_on": "announced by",
            "passed": f"gave {edge.name} to",
        }[edge.role]
