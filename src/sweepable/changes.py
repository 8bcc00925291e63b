"""What has changed between two versions of a function's code: which nodes, and by which way they are reached."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sweepable.model import LONGEST_SOURCE, PIN, CodeNode, CodeVersion
from sweepable.rendering import Line, as_html, as_text

#: What the source of its caller shows anyway.
_EVIDENT = frozenset({"package", "package function", "c function", "absent", "own", "type form", "missing"})
_CODE = frozenset({"function", "class"})
_LONGEST_VALUE = 100
_MOST_LINES = 60
_MOST_NODES = 40
_REARRANGED = (
    "what is reached is the same, in another order or by other paths; or a name stands for another one of several "
    "equal things"
)


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A function, class or value that is another one in another version.

    Attributes
    ----------
    change : {"changed", "added", "removed"}
    name : str
        As the code writes it.
    kind : str
        ``function``, ``class``, ``value``, ...
    where : str
        File and line, ``control.py:12``; empty where unknown.
    path : tuple of str
        The way by which it is reached, from the cached function to its name.
    before, after : str
        Source of code, summary of a value; empty where there is none.
    """

    change: Literal["changed", "added", "removed"]
    name: str
    kind: str
    where: str
    path: tuple[str, ...]
    before: str = ""
    after: str = ""

    def diff(self) -> list[str]:
        """The changed lines, behind ``-`` and ``+``; none where there is no source to compare."""
        import difflib

        found = difflib.unified_diff(_lines(self.before), _lines(self.after), lineterm="", n=0)
        return [line for line in found if not line.startswith(("---", "+++", "@@"))]

    def title(self) -> str:
        """Name and place."""
        return f"{self.name} ({self.where})" if self.where else self.name

    def way(self) -> str:
        """How it is reached, from the nearest: ``called by step, called by simulate``; empty for the root."""
        verb = "called by" if self.kind == "function" else "used by"
        steps = [
            name for name, inner in zip(self.path, self.path[1:], strict=False) if not inner.startswith(f"{name}.")
        ]
        callers = steps[::-1] if len(steps) <= 4 else [*steps[:-4:-1], "...", steps[0]]
        return ", ".join(f"{verb if number == 0 else 'called by'} {name}" for number, name in enumerate(callers))

    def lines(self) -> Iterator[Line]:
        """For people."""
        way = f", {self.way()}" if self.way() else ""
        if self.change != "changed":
            what = "added" if self.change == "added" else "no longer used"
            yield Line(f"{self.title()}{way}: {what}")
        elif self.kind in _CODE or "\n" in self.before + self.after:
            yield from self._code_lines(way)
        else:
            yield from self._value_lines(way)

    def _code_lines(self, way: str) -> Iterator[Line]:
        found = self.diff()
        if not (self.before and self.after):
            yield Line(f"{self.title()}{way}: other code; its source is not known {'now' if self.before else 'then'}")
        elif not found:
            yield Line(f"{self.title()}{way}: {_unseen(self.kind)}")
        else:
            yield Line(f"{self.title()}{way}")
            yield from _diff_lines(found)

    def _value_lines(self, way: str) -> Iterator[Line]:
        shown = "" if self.where else way
        before, after = self.before or "?", self.after or "?"
        if before == after:
            yield Line(f"{self.title()}{shown}: {f'{self.after}, of ' if self.after else ''}other content")
        elif max(len(before), len(after)) <= _LONGEST_VALUE:
            yield Line(f"{self.title()}{shown}: {before} -> {after}")
        else:
            yield Line(f"{self.title()}{shown}")
            yield from _diff_lines(self.diff())


def _lines(text: str) -> list[str]:
    """The lines of a source; of a long value its parts."""
    return text.splitlines() if "\n" in text or len(text) <= _LONGEST_VALUE else text.replace(", ", ",\n").splitlines()


def _diff_lines(found: Sequence[str]) -> Iterator[Line]:
    for line in found[:_MOST_LINES]:
        yield Line(line, 1, "removed" if line.startswith("-") else "added")
    if len(found) > _MOST_LINES:
        yield Line(f"... and {len(found) - _MOST_LINES} more lines", 1, "aside")


def _unseen(kind: str) -> str:
    if kind == "class":
        return "other bases, entries or annotations"
    return "the same text, but other docstrings, annotations or byte code, which count here"


@dataclass(frozen=True, slots=True)
class CodeDifference:
    """What differs between two versions of a function's code; prints as a diff.

    Attributes
    ----------
    before, after : str
        The two versions, as people call them.
    nodes : tuple of NodeChange
        What has changed, from the function itself outwards.
    same : bool
        Whether they are one version.
    """

    before: str
    after: str
    nodes: tuple[NodeChange, ...]
    same: bool = False

    def names(self) -> tuple[str, ...]:
        """The names of what has changed."""
        return tuple(dict.fromkeys(node.name for node in self.nodes))

    def lines(self) -> Iterator[Line]:
        """For people, without a heading."""
        for node in self.nodes[:_MOST_NODES]:
            yield from node.lines()
        if len(self.nodes) > _MOST_NODES:
            yield Line(f"... and {len(self.nodes) - _MOST_NODES} more, in .nodes", 0, "aside")
        if not self.nodes:
            yield Line("nothing" if self.same else _REARRANGED)

    def __str__(self) -> str:
        return as_text(self._shown())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self._shown())

    def _shown(self) -> Iterator[Line]:
        yield Line(f"{self.before} -> {self.after}", 0, "head")
        yield from (line.deeper() for line in self.lines())


# -- finding out


def code_difference(before: CodeVersion, after: CodeVersion, names: tuple[str, str]) -> CodeDifference:
    """What differs between two versions, called by these names."""
    if before.digest == after.digest:
        return CodeDifference(*names, (), same=True)
    return CodeDifference(*names, tuple(_changes(before.nodes, after.nodes)))


def _changes(before: Sequence[CodeNode], after: Sequence[CodeNode]) -> list[NodeChange]:
    if not before or not after:
        return []
    if PIN in (before[0].kind, after[0].kind):
        return [_pin_change(before[0], after[0])]
    pairs = _paired(before, after)
    ways, old_ways = _ways(after), _ways(before)
    found = [
        _changed(before[pairs[place]], node, ways[place])
        for place, node in enumerate(after)
        if place in pairs and before[pairs[place]].digest != node.digest
    ]
    met = set(pairs.values())
    found += _alone("added", after, {place for place in ways if place not in pairs}, ways)
    found += _alone("removed", before, {place for place in old_ways if place not in met}, old_ways)
    evident = [change for change in found if change.change != "changed" and change.kind in _EVIDENT]
    return [change for change in found if change not in evident] or evident


def _pin_change(before: CodeNode, after: CodeNode) -> NodeChange:
    def shown(node: CodeNode) -> str:
        return f"pinned {node.summary!r}" if node.kind == PIN else "not pinned"

    if (before.kind, before.summary) == (after.kind, after.summary):
        said = f"version={after.summary!r}, with other values in its closure or another home"
        return NodeChange("changed", after.names[0], PIN, "", after.names[:1], f"{said} then", f"{said} now")
    return NodeChange("changed", after.names[0], PIN, "", after.names[:1], shown(before), shown(after))


def _changed(old: CodeNode, node: CodeNode, path: tuple[str, ...]) -> NodeChange:
    before, after = _shown(old, node)[:LONGEST_SOURCE], _shown(node, old)[:LONGEST_SOURCE]
    return NodeChange("changed", path[-1], node.kind, place_of(node), path, before, after)


def _shown(node: CodeNode, other: CodeNode) -> str:
    """A node in a few words or lines: what kind it is of, where the other is of another."""
    if node.kind == "absent":
        return "not defined"
    if node.kind == other.kind or "\n" in node.summary:
        return node.summary
    return f"{node.kind} {node.summary}".strip() if node.kind not in ("value", "class") else node.summary


def _alone(
    change: Literal["added", "removed"], nodes: Sequence[CodeNode], places: set[int], ways: dict[int, tuple[str, ...]]
) -> Iterator[NodeChange]:
    """What only one version has; what is reached through such a node is told by it."""
    within = {target for place in places for target in nodes[place].edges if target != place}
    for place in sorted(places):
        node = nodes[place]
        if place not in within or not any(place in nodes[other].edges for other in places if other < place):
            before, after = ("", node.summary) if change == "added" else (node.summary, "")
            yield NodeChange(change, ways[place][-1], node.kind, place_of(node), ways[place], before, after)


def place_of(node: CodeNode) -> str:
    """File and line of a node, without the folders."""
    file, _, line = node.where.rpartition(":")
    if not file:
        return ""
    in_cell = file.startswith("<ipython-input") or os.path.basename(os.path.dirname(file)).startswith("ipykernel_")
    return f"notebook cell, line {line}" if in_cell else f"{os.path.basename(file)}:{line}"


def _ways(nodes: Sequence[CodeNode]) -> dict[int, tuple[str, ...]]:
    """For each node the shortest way to it, as the names on it; in the order in which they are met."""
    ways = {0: nodes[0].names[:1] or ("the function",)}
    queue = [0]
    for place in queue:
        for target in nodes[place].edges:
            if target not in ways:
                ways[target] = (*ways[place], nodes[target].names[0] if nodes[target].names else "?")
                queue.append(target)
    # What nothing refers to, such as the package whose version counts, is the function's own.
    return ways | {place: (*ways[0], node.names[0]) for place, node in enumerate(nodes) if place not in ways}


def _paired(before: Sequence[CodeNode], after: Sequence[CodeNode]) -> dict[int, int]:
    """For nodes of one version those of the other that they are: reached from such a pair under one name.

    What is reached by another way than before is looked for by name alone.
    """
    by_name: dict[str, list[int]] = {}
    for place, node in enumerate(before):
        for name in node.names:
            by_name.setdefault(name, []).append(place)
    pairs, queue, left = {0: 0}, [0], list(range(1, len(after)))
    while queue or left:
        while queue:
            place = queue.pop(0)
            known = set(before[pairs[place]].edges)
            for target in after[place].edges:
                found = _same(after[target], before, [old for old in _named(after[target], by_name) if old in known])
                if target not in pairs and found is not None:
                    pairs[target] = found
                    queue.append(target)
        left = [place for place in left if place not in pairs]
        if left:
            met, node = set(pairs.values()), after[left[0]]
            found = _same(
                node, before, [o for o in _named(node, by_name) if o not in met or before[o].digest == node.digest]
            )
            if found is not None:
                pairs[left[0]] = found
                queue.append(left[0])
            left = left[1:]
    return pairs


def _named(node: CodeNode, by_name: dict[str, list[int]]) -> list[int]:
    return [place for name in node.names for place in by_name.get(name, ())]


def _same(node: CodeNode, before: Sequence[CodeNode], places: Sequence[int]) -> int | None:
    """Of nodes that bear its name, the one that a node is: rather one of its content, or of its kind."""
    return min(
        places,
        key=lambda place: (before[place].digest != node.digest, before[place].kind != node.kind),
        default=None,
    )
