"""The names that can be set on the calls of a function: its upstream calls' parameters, and the fields of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sweepable.errors import AmbiguousName, ArgumentError, UntiedDiamond
from sweepable.names import SEPARATOR, Own, Place, Step, ambiguous, owner, resolve, unknown, walk
from sweepable.notices import warn_once
from sweepable.upstream import Upstream, as_upstream

if TYPE_CHECKING:
    from sweepable.callee import Callee


def configured(callee: Callee, name: str, given: Mapping[str, object]) -> str | None:
    """The parameter of the function's own of which `name` is a field; None where it has to be looked for upstream."""
    parameter = callee.configs.owner(name, given)
    if parameter is None or not callee.upstreams or callee.configs.has(parameter, name, given):
        return parameter
    return None if any(place.path for place in resolve(callee.place(), name)) else parameter


def ways(callee: Callee, name: str, given: Mapping[str, object]) -> list[tuple[str, str]]:
    """Where `name` belongs: parameters that stand for upstream calls, and what each calls it.

    Parameters
    ----------
    callee : Callee
        The function.
    name : str
        No parameter of its own.
    given : mapping
        What a call of it is given.

    Raises
    ------
    UnknownName
        Nothing upstream has such a parameter.
    AmbiguousName
        Several have, and the name does not say that all are meant.
    """
    title = f"{callee.name}()"
    places = [place for place in resolve(callee.place(), name) if place.name is not None and place.path]
    if len(places) > 1 and not all(place.tied for place in places):
        raise _several(name, title, places)
    if places:
        return [(place.path[0], SEPARATOR.join((*place.path[1:], str(place.name)))) for place in places]
    holder = owner(name, given)
    if holder is not None and holder not in callee.parameters:  # a config object that is given by a shorter name
        field = name[len(holder) :]
        return [(parameter, f"{rest}{field}") for parameter, rest in ways(callee, holder, given)]
    return [_as_given(callee, name, given)]


def targets(callee: Callee, name: str, given: Mapping[str, object]) -> set[tuple[str, str]]:
    """What a name sets: a parameter, and the name further up; the same for all spellings."""
    is_own = name in callee.parameters or configured(callee, name, given) is not None
    if is_own or (callee.binder.variadic is not None and not resolve(callee.place(), name)):
        return {(name, "")}
    return set(ways(callee, name, given))


def _as_given(callee: Callee, name: str, given: Mapping[str, object]) -> tuple[str, str]:
    """The upstream call that is given, and the rest of a name of which its declaration knows nothing."""
    title, parameter = f"{callee.name}()", owner(name, callee.parameters)
    if parameter is None:
        raise unknown(callee.place(), name, title)
    rest = name[len(parameter + SEPARATOR) :]
    if parameter not in callee.upstreams:
        callee.configs.replaced(parameter, given, {rest: None})  # raises: it has no fields
    upstream = as_upstream(given.get(parameter))
    if upstream is None or (upstream.callee is callee.upstreams[parameter].callee and not upstream.fixed):
        raise unknown(callee.place(), name, title)
    return parameter, rest  # another function, or a partial with a config object of more fields than the declared one


class Routed:
    """Values for upstream calls by the parameter that stands for them, and by their name there.

    Parameters
    ----------
    owner : str
        Whose parameters, in messages.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self.values: dict[str, dict[str, object]] = {}
        self._spelled: dict[tuple[str, str], tuple[str, bool]] = {}

    def add(self, name: str, found: list[tuple[str, str]], value: object) -> None:
        """Note a value for all places that a name stands for; what one path says comes before what several have.

        Raises
        ------
        ArgumentError
            Another spelling has given a value for the same place.
        """
        is_tied = len(found) > 1
        for parameter, rest in found:
            before, was_tied = self._spelled.get((parameter, rest), ("", True))
            if before and is_tied == was_tied:
                raise ArgumentError(
                    f"{self._owner}(): {before} and {name} are two names of one parameter, which takes one value; "
                    "leave one of them out"
                )
            if not before or was_tied:
                self._spelled[parameter, rest] = name, is_tied
                self.values.setdefault(parameter, {})[rest] = value


def routed_to(callee: Callee, parameter: str, given: object, further: dict[str, object]) -> Upstream:
    """The upstream call given for a parameter, or its default, with further parameters of it fixed."""
    upstream = as_upstream(given)
    if upstream is None:
        names = ", ".join(f"{parameter}__{name}" for name in further)
        raise ArgumentError(
            f"{callee.name}(): {names} sets parameters of the upstream call {parameter}, but {parameter} was given "
            f"as a {type(given).__name__}, which has none; give one or the other"
        )
    return upstream.partial(**further)


def tell_untied(callee: Callee, given: Mapping[str, object]) -> None:
    """Warn where one function stands upstream on two branches, and a parameter of it is set on one of them only."""
    names = frozenset(given)
    if names in callee.tied:
        return
    callee.tied.add(names)  # the points of a sweep have one set of names
    root = callee.place()
    places = [place for name in names if name not in callee.parameters for place in resolve(root, name)]
    places = [place for place in places if place.name is not None and place.path]
    taken = {(place.path, place.name) for place in places}
    standing: dict[Callee, list[tuple[str, ...]]] = {}
    for node, path in walk(root):
        if path and isinstance(node, Declared) and path[0] not in given:
            standing.setdefault(node.callee, []).append(path)
    left: dict[tuple[Callee, str], list[tuple[str, ...]]] = {}
    for place in places:
        assert isinstance(place.node, Declared)
        at = function, name = place.node.callee, str(place.name)
        if at not in left:  # once for all places of a name: there may be thousands
            left[at] = [path for path in standing.get(function, ()) if (path, name) not in taken]
        if left[at] and place.path[0] not in given:
            _tell_one(callee, function, name, place.path, left[at])


def _tell_one(callee: Callee, function: Callee, name: str, path: tuple[str, ...], left: list[tuple[str, ...]]) -> None:
    others = ", ".join(SEPARATOR.join((*other, name)) for other in left)
    own = SEPARATOR.join((*path, name))
    message = (
        f"{callee.name}(): {own} sets {name} of one upstream call of {function.identifier}, and leaves {others} as it "
        f"is. To set both write {function.identifier}{SEPARATOR}{name}; where they are to differ, name each."
    )
    warn_once((tell_untied, callee.name, own, others), message, UntiedDiamond)


def _several(name: str, owner: str, places: list[Place]) -> AmbiguousName:
    error = ambiguous(name, owner, places)
    functions = {place.node.callee.identifier for place in places if isinstance(place.node, Declared)}
    if len(functions) == 1:
        error.args = (f"{error}, or {functions.pop()}__{places[0].name} for all of them",)
    return error


class Declared:
    """A function at one place of a pipeline, as its declarations tell: a node of the names that can be set."""

    __slots__ = ("_chain", "callee", "fixed", "path")

    def __init__(
        self, callee: Callee, path: tuple[str, ...], chain: tuple[Callee, ...], fixed: Mapping[str, object]
    ) -> None:
        self.callee = callee
        self.path = path
        #: What a partial that stands here fixes.
        self.fixed = fixed
        self._chain = chain

    def own(self) -> Own:
        """The function's parameters: outputs cannot be set."""
        return Own(self.callee.parameters, fields=self.callee.configs.names(self.fixed))

    def steps(self) -> list[Step]:
        """The functions that its parameters stand for."""
        return [
            Step(
                name,
                upstream.callee.identifier,
                Declared(upstream.callee, (*self.path, name), (*self._chain, upstream.callee), upstream.fixed),
            )
            for name, upstream in self.callee.upstreams.items()
            if upstream.callee not in self._chain
        ]

    def identity(self) -> object:
        """The path: one function may stand at several places."""
        return self.path
