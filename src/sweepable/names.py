"""The rule for names: what ``gain``, ``sim_result__gain`` and ``get_reference__amplitude`` mean, written once.

The same rule serves look-ups, sweeps, columns and attributes of Records. It works on a tree of `Node`: a call
or a function with the names of its own and the upstream calls below it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from sweepable.errors import AmbiguousName, UnknownName

SEPARATOR = "__"


class Step(NamedTuple):
    """One way from a node to an upstream one."""

    #: The parameter it is given for, or the upstream function's name.
    name: str
    #: The upstream function's name.
    function: str
    node: Node


class Node(Protocol):
    """A call, or a function, with what stands upstream of it."""

    def own_names(self) -> Sequence[str]:
        """Names of its parameters and outputs."""

    def steps(self) -> Sequence[Step]:
        """The upstream nodes, declared arguments first."""

    def identity(self) -> object:
        """Equal for two nodes that are one: the same call, or the same function at the end of the same path."""


class Place(NamedTuple):
    """What a name stands for: a node, reached by a path, and a name of its own (None: the node itself)."""

    path: tuple[str, ...]
    node: Node
    name: str | None
    #: Written by the upstream function's name, which means every call of that function.
    tied: bool = False

    def __str__(self) -> str:
        return SEPARATOR.join((*self.path, self.name) if self.name is not None else self.path)


def resolve(root: Node, name: str) -> list[Place]:
    """All that `name` stands for, seen from `root`; empty if nothing.

    In order, the first that applies: a name of the root's own; an upstream by parameter, then by function
    name, going on with the rest of the path; a name of upstream calls further up.
    """
    if name in root.own_names():
        return [Place((), root, name)]
    stepped = _by_path(root, name, ())
    if stepped:
        return stepped
    return _anywhere(root, lambda node, path: _own_or_upstream(node, path, name))


def _own_or_upstream(node: Node, path: tuple[str, ...], name: str) -> list[Place]:
    if path and name in node.own_names():
        return [Place(path, node, name)]
    return []


def _by_path(root: Node, name: str, path: tuple[str, ...]) -> list[Place]:
    """`name` read as steps: ``reference__amplitude``, ``get_reference__amplitude``, ``get_reference``."""
    for step in root.steps():
        rest = _after(name, step.name)
        if rest is not None:
            found = _continue(step, rest, (*path, step.name))
            if found:
                return found
    return _by_function(root, name, path)


def _continue(step: Step, rest: str, path: tuple[str, ...]) -> list[Place]:
    if not rest:
        return [Place(path, step.node, None)]
    if rest in step.node.own_names():
        return [Place(path, step.node, rest)]
    deeper = _by_path(step.node, rest, path)
    if deeper:
        return deeper
    return [_below(path, place) for place in _anywhere(step.node, lambda node, p: _own_or_upstream(node, p, rest))]


def _below(path: tuple[str, ...], place: Place) -> Place:
    return place._replace(path=(*path, *place.path))


def _by_function(root: Node, name: str, path: tuple[str, ...]) -> list[Place]:
    """Every upstream call of one function: ``get_reference__amplitude`` means all of them."""

    def matching(node: Node, below: tuple[str, ...]) -> list[Place]:
        found = []
        for step in node.steps():
            rest = _after(name, step.function)
            if rest is not None:
                places = _continue(step, rest, (*path, *below, step.name))
                found += [place._replace(tied=True) for place in places] if len(places) == 1 else places
        return found

    return _anywhere(root, matching)


def _after(name: str, first: str) -> str | None:
    """What follows `first` in the path `name`: "" for nothing, None if the path does not begin with it."""
    if name == first:
        return ""
    return name[len(first) + 2 :] if name.startswith(first + SEPARATOR) else None


def _anywhere(root: Node, look: Callable[[Node, tuple[str, ...]], list[Place]]) -> list[Place]:
    """What `look` finds at the root and everywhere upstream, each call once."""
    found: dict[object, Place] = {}
    for node, path in walk(root):
        for place in look(node, path):
            found.setdefault((place.node.identity(), place.name), place)
    return list(found.values())


def walk(root: Node) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """The root and every node upstream of it with the path to it, nearest first."""
    queue: list[tuple[Node, tuple[str, ...]]] = [(root, ())]
    seen = {root.identity()}
    for node, path in queue:
        yield node, path
        for step in node.steps():
            if step.node.identity() not in seen:
                seen.add(step.node.identity())
                queue.append((step.node, (*path, step.name)))


def one(root: Node, name: str, owner: str) -> Place:
    """The one thing `name` stands for.

    Raises
    ------
    UnknownName
        With the choices and a did-you-mean.
    AmbiguousName
        With the paths.
    """
    places = resolve(root, name)
    if not places:
        raise unknown(root, name, owner)
    if len(places) > 1:
        raise ambiguous(name, owner, places)
    return places[0]


def ambiguous(name: str, owner: str, places: Sequence[Place]) -> AmbiguousName:
    """The error for a name that several upstream calls have."""
    paths = ", ".join(sorted(map(str, places)))
    return AmbiguousName(f"{owner}: {name!r} may be any of {paths}; write the path")


def unknown(root: Node, name: str, owner: str) -> UnknownName:
    """The error for a name that nothing has."""
    return UnknownName(f"{owner} has no {name!r}{did_you_mean(name, choices(root))}")


def choices(root: Node) -> list[str]:
    """Every name that could have been written, by its shortest spelling."""
    found: dict[str, None] = {}
    for node, path in walk(root):
        for name in node.own_names():
            found.setdefault(name if not path else SEPARATOR.join((*path, name)))
        for step in node.steps():
            found.setdefault(SEPARATOR.join((*path, step.name)))
    return list(found)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'gain'? Known: ...``, ready to append to a message."""
    known = list(known)
    last = {choice.rpartition(SEPARATOR)[2]: choice for choice in reversed(known)}
    near = difflib.get_close_matches(name, known, n=1) or [
        last[match] for match in difflib.get_close_matches(name.rpartition(SEPARATOR)[2], last, n=1)
    ]
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    shown = ", ".join(known[:20]) + (f", ... ({len(known)} in all)" if len(known) > 20 else "")
    return f"{hint} known: {shown or 'nothing yet'}"
