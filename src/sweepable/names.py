"""The rule for names: what ``gain``, ``sim_result__gain`` and ``get_reference__amplitude`` mean, written once.

The same rule serves look-ups, sweeps, columns and attributes of Records. It works on a tree of `Node`: a call
or a function with the names of its own and the upstream calls below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

from sweepable.errors import AmbiguousName, UnknownName

SEPARATOR = "__"
#: A field is one of a config object that is a parameter: ``config__dt``.
Kind = Literal["parameter", "field", "output"]
_PREFIXES: dict[Kind, str] = {"parameter": "params__", "field": "params__", "output": "outputs__"}


class Own(NamedTuple):
    """The names that a node has itself."""

    parameters: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    #: Of parameters that are config objects, by their full names.
    fields: tuple[str, ...] = ()

    def _by_kind(self) -> tuple[tuple[Kind, tuple[str, ...]], ...]:
        return ("parameter", self.parameters), ("field", self.fields), ("output", self.outputs)

    def spelling(self, kind: Kind, name: str) -> str:
        """How a name is written; one that is a parameter (or a field of one) and an output says which."""
        both = name in self.outputs and (name in self.parameters or name in self.fields)
        return f"{_PREFIXES[kind]}{name}" if both else name

    def spelled(self) -> dict[str, tuple[Kind, str]]:
        """Every name as it is written, fields after their parameter: spelling -> (kind, name)."""
        found: dict[str, list[tuple[Kind, str]]] = {name: [("parameter", name)] for name in self.parameters}
        for name in self.fields:
            found.setdefault(owner(name, self.parameters) or "", []).append(("field", name))
        found.setdefault("", []).extend(("output", name) for name in self.outputs)
        return {self.spelling(*one): one for ones in found.values() for one in ones}

    def plain(self, name: str) -> list[tuple[Kind, str]]:
        """What `name` means as it stands: nothing, one, or both a parameter and an output."""
        return [(kind, found) for kind, names in self._by_kind() if (found := _among(name, names)) is not None]

    def explicit(self, name: str) -> list[tuple[Kind, str]]:
        """What ``params__x`` or ``outputs__x`` means, where the plain name might do as well."""
        kinds = [kind for kind, prefix in _PREFIXES.items() if name.startswith(prefix)]
        return [found for kind in kinds for found in self.plain(name[len(_PREFIXES[kind]) :]) if found[0] == kind]


def _among(name: str, names: Sequence[str]) -> str | None:
    """`name` as it stands among `names`: Python normalises what is written as an attribute or a keyword."""
    if name in names:
        return name
    if name.isascii() and all(map(str.isascii, names)):
        return None
    import unicodedata

    wanted = unicodedata.normalize("NFKC", name)
    return next((known for known in names if unicodedata.normalize("NFKC", known) == wanted), None)


def owner(field: str, parameters: Iterable[str]) -> str | None:
    """The parameter of which a name is a field, going by how it is written."""
    found = [name for name in parameters if field.startswith(name + SEPARATOR)]
    return max(found, key=len, default=None)


class Step(NamedTuple):
    """One way from a node to an upstream one."""

    #: The parameter it is given for, or the upstream function's name.
    name: str
    #: The upstream function's name.
    function: str
    node: Node
    role: str = "argument"
    #: The function stands on the way here already: it is reached by writing the path, not by searching.
    again: bool = False


class Node(Protocol):
    """A call, or a function, with what stands upstream of it."""

    def own(self) -> Own:
        """Names of its parameters and outputs."""

    def steps(self) -> Sequence[Step]:
        """The upstream nodes: arguments first, then what is declared by ``depends_on``, then nested calls."""

    def identity(self) -> object:
        """Equal for two nodes that are one: the same call, or the same function at the end of the same path."""


class Place(NamedTuple):
    """What a name stands for: a node, reached by a path, and a name of its own (None: the node itself)."""

    path: tuple[str, ...]
    node: Node
    name: str | None = None
    kind: Kind | None = None
    #: Written by the upstream function's name, which means every call of that function.
    tied: bool = False
    #: On the way there a value was passed: by what is known of the calls on the way alone, it is not told.
    passed: bool = False

    def __str__(self) -> str:
        own = [] if self.name is None or self.kind is None else [self.node.own().spelling(self.kind, self.name)]
        return SEPARATOR.join((*self.path, *own))


def resolve(root: Node, name: str) -> list[Place]:
    """All that `name` stands for, seen from `root`; empty if nothing.

    In order, the first that applies: a name of the root's own; an upstream by parameter, then by function
    name, going on with the rest of the path; a name of upstream calls further up.
    """
    return _at(root, (), name) or _further_up(root, name)


def _at(node: Node, path: tuple[str, ...], name: str) -> list[Place]:
    """What `name` stands for at a node, without looking further up for names that do not say where."""
    found = _plain(node, path, name)
    if found and found[0].kind == "field":
        # The parameter was given config objects in some calls; in others it may have been an upstream call.
        found += _by_steps([step for step in node.steps() if step.role == "argument"], name, path)
    return found or _by_path(node, name, path) or _explicit(node, path, name)


def _plain(node: Node, path: tuple[str, ...], name: str) -> list[Place]:
    return [Place(path, node, found, kind) for kind, found in node.own().plain(name)]


def _explicit(node: Node, path: tuple[str, ...], name: str) -> list[Place]:
    return [Place(path, node, found, kind) for kind, found in node.own().explicit(name)]


def _further_up(root: Node, name: str) -> list[Place]:
    """A name of upstream calls, wherever they stand."""
    places: list[Place] = []
    functions: set[str] = set()
    for way in _ways(root):
        if way.path:
            found = _plain(way.node, way.path, name) or _explicit(way.node, way.path, name)
            places += [place._replace(passed=way.passed) for place in found]
            functions.update([way.function] if found else ())
    places = _each_once(places)
    # Calls of one function, to which one comes once more by a value that they gave, are no others.
    is_one = len(functions) == 1 and len({place.path for place in places if not place.passed}) == 1
    return [place._replace(tied=True) for place in places] if is_one else places


def _by_path(root: Node, name: str, path: tuple[str, ...]) -> list[Place]:
    """`name` read as steps: ``reference__amplitude``, ``get_reference__amplitude``, ``get_reference``."""
    return _by_steps(root.steps(), name, path) or _by_function(root, name, path)


def _by_steps(steps: Sequence[Step], name: str, path: tuple[str, ...]) -> list[Place]:
    for group in _standing_together(steps):
        rest = _after(name, group[0].name)
        found = [] if rest is None else _each_once(place for step in group for place in _continue(step, rest, path))
        if found:
            return found
    return []


def _standing_together(steps: Sequence[Step]) -> Iterable[list[Step]]:
    """The steps of each name: several calls or functions may stand under one; an argument hides what is nested."""
    groups: dict[str, list[Step]] = {}
    for step in steps:
        group = groups.setdefault(step.name, [step])
        if step is not group[0] and stand_together(group[0].role, step.role):
            group.append(step)
    return groups.values()


def stand_together(first: str, role: str) -> bool:
    """Whether a step of a role stands beside the first one of its name, and is not hidden by it.

    A parameter may be given a call, or a value that a call has returned: both are what it came from.
    """
    return role == first or (first, role) == ("argument", "passed")


def _continue(step: Step, rest: str, path: tuple[str, ...]) -> list[Place]:
    path = (*path, step.name)
    if not rest:
        return [Place(path, step.node, passed=step.role == "passed")]
    found = _at(step.node, path, rest)
    found = found or [place._replace(path=(*path, *place.path)) for place in _further_up(step.node, rest)]
    return [place._replace(passed=True) for place in found] if step.role == "passed" else found


def _by_function(root: Node, name: str, path: tuple[str, ...]) -> list[Place]:
    """Every upstream call of one function: ``get_reference__amplitude`` means all of them."""

    found: list[Place] = []
    for way in _ways(root):
        for step in way.node.steps():
            rest = _after(name, step.function)
            if rest is not None:
                places = _continue(step, rest, (*path, *way.path))
                places = [place._replace(tied=True) for place in places] if not is_ambiguous(places) else places
                found += [place._replace(passed=place.passed or way.passed) for place in places]
    return _each_once(found)


def _after(name: str, first: str) -> str | None:
    """What follows `first` in the path `name`: "" for nothing, None if the path does not begin with it."""
    if name == first:
        return ""
    return name[len(first) + len(SEPARATOR) :] if name.startswith(first + SEPARATOR) else None


def _each_once(places: Iterable[Place]) -> list[Place]:
    found: dict[object, Place] = {}
    for place in places:
        found.setdefault((place.node.identity(), place.kind, place.name), place)
    return list(found.values())


class _Way(NamedTuple):
    """A node, and how one comes to it."""

    node: Node
    path: tuple[str, ...] = ()
    function: str = ""
    passed: bool = False


def _ways(root: Node) -> Iterator[_Way]:
    """The root and every node upstream of it, nearest first, and last those to which only passed values lead."""
    queue, later = [_Way(root)], list[_Way]()
    seen = {root.identity()}
    while queue:
        for way in queue:
            yield way
            for step in way.node.steps():
                if step.again or step.node.identity() in seen:
                    continue
                further = _Way(step.node, (*way.path, step.name), step.function, way.passed or step.role == "passed")
                if further.passed and not way.passed:
                    later.append(further)
                    continue
                seen.add(step.node.identity())
                queue.append(further)
        queue = [way for way in _first_of_each(later) if way.node.identity() not in seen]
        seen.update(way.node.identity() for way in queue)
        later = []


def _first_of_each(ways: Iterable[_Way]) -> Iterable[_Way]:
    found: dict[object, _Way] = {}
    for way in ways:
        found.setdefault(way.node.identity(), way)
    return found.values()


def walk(root: Node) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """The root and every node upstream of it with the path to it, nearest first."""
    return ((way.node, way.path) for way in _ways(root))


def nearer(places: list[Place]) -> list[Place]:
    """Of places in what one call came from, those to which one comes without a passed value, if there are any."""
    return [place for place in places if not place.passed] or places


def is_ambiguous(places: Sequence[Place]) -> bool:
    """Whether a name does not say which of several places is meant.

    Several functions at the end of one path are one place; so are all calls of a function that the name says.
    """
    nodes = [place.node.identity() for place in places]
    if len(set(nodes)) < len(nodes):
        return True
    return len({place.path for place in places}) > 1 and not all(place.tied for place in places)


def ambiguous(name: str, owner: str, places: Sequence[Place]) -> AmbiguousName:
    """The error for a name that several upstream calls have, or a config object and an upstream call."""
    field = places[0]
    if field.kind == "field" and any(len(place.path) > len(field.path) for place in places):
        way = SEPARATOR.join((*field.path, f"{_PREFIXES['field']}{field.name}"))
        return AmbiguousName(
            f"{owner}: {name!r} may be a field of a config object, which is {way}, or of an upstream call; write that, "
            "or the upstream function's name"
        )
    paths = sorted(set(map(str, places)))
    if len(paths) > 1:
        return AmbiguousName(f"{owner}: {name!r} may be any of {', '.join(paths)}; write the path")
    calls = SEPARATOR.join(places[0].path)
    return AmbiguousName(f"{owner}: {len(places)} upstream calls stand at {calls}; go through them for {name!r}")


def unknown(root: Node, name: str, owner: str) -> UnknownName:
    """The error for a name that nothing has."""
    return UnknownName(f"{owner} has no {name!r}{did_you_mean(name, choices(root))}")


def choices(root: Node) -> list[str]:
    """Every name that could have been written, by its full path."""
    found: dict[str, None] = {}
    for node, path in walk(root):
        for name in node.own().spelled():
            found.setdefault(SEPARATOR.join((*path, name)))
        for step in node.steps():
            found.setdefault(SEPARATOR.join((*path, step.name)))
    return list(found)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'gain'? Known: ...``, ready to append to a message."""
    known = list(known)
    near = max(known, key=lambda choice: _likeness(name, choice), default="")
    hint = f"; did you mean {near!r}?" if near and _likeness(name, near) >= 0.6 else ";"
    shown = ", ".join(known[:20]) + (f", ... ({len(known)} in all)" if len(known) > 20 else "")
    return f"{hint} known: {shown or 'nothing yet'}"


def _likeness(name: str, choice: str) -> float:
    """How like two names are, as a whole or in what stands at the end of their paths."""
    import difflib

    ends = name.rpartition(SEPARATOR)[2], choice.rpartition(SEPARATOR)[2]
    return max(difflib.SequenceMatcher(None, *pair).ratio() for pair in ((name, choice), ends))
