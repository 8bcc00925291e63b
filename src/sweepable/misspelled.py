"""What is said of names in look-ups that mean nothing, or more than one thing."""

from __future__ import annotations

from sweepable import about
from sweepable.comparisons import LOOKUPS
from sweepable.errors import UnknownName, UnknownOutput
from sweepable.names import SEPARATOR, Place, ambiguous, choices, did_you_mean, is_ambiguous, resolve, unknown, walk
from sweepable.notices import warn
from sweepable.tree import FunctionNode, function_of


def readings(written: str) -> list[tuple[str, str]]:
    """A user's name comes first; only then is the last part read as a look-up."""
    found = [(written, "")]
    name, separator, last = written.rpartition(SEPARATOR)
    if separator and last in LOOKUPS:
        found.append((name, last))
    return found


def checked(places: list[Place], name: str, owner: str) -> list[Place]:
    """The places for which a name of a look-up stands, unless it does not say which."""
    if not is_ambiguous(places):
        return places
    error = ambiguous(name, owner, places)
    titles = {function_of(place.node).title for place in places}
    if len(titles) == 1 and len({place.path for place in places}) > 1:
        own = SEPARATOR.join((titles.pop(), *([places[0].name] if places[0].name else [])))
        error.args = (f"{error}, or {own} for all of them",)
    raise error


def expect_unknown(root: FunctionNode, written: str) -> None:
    """Raise for a name that nothing can have; warn of one that code which has never run may turn out to have."""
    about.refuse(root, written, LOOKUPS)
    for name, _ in readings(written):
        if root.may_have_field(name) or may_be_output(root, name):
            what = "a field of a config object" if root.may_have_field(name) else "an output"
            warn(
                f"{root.title}: {written!r} is not known, unless it is {what} of a function that has not run yet; "
                f"nothing is found{did_you_mean(written, choices(root))}",
                UnknownOutput,
            )
            return
    name, _, last = written.rpartition(SEPARATOR)
    upstream = any(path and SEPARATOR.join(path) == name for _, path in walk(root))
    if upstream:
        known = [*choices(root), *(f"{name}{SEPARATOR}{lookup}" for lookup in LOOKUPS)]
        raise UnknownName(f"{root.title} has no {written!r}{did_you_mean(written, known)}")
    places = resolve(root, name) if name else []
    written_out = [str(place) for place in places if place.name is not None]
    beginnings = [f"{way}{SEPARATOR}" for way in dict.fromkeys([name, *written_out])]
    fields = [
        choice.removeprefix(found) for choice in choices(root) for found in beginnings if choice.startswith(found)
    ]
    if fields and places:
        known = [*fields, *LOOKUPS]
        raise UnknownName(f"{root.title}: {name!r} has no field or look-up {last!r}{did_you_mean(last, known)}")
    if places and all(place.name is None for place in places):  # an upstream call by the name of its function
        below = {choice: None for place in places for choice in choices(place.node)}
        known = [f"{name}{SEPARATOR}{choice}" for choice in below]
        raise UnknownName(f"{root.title} has no {written!r}{did_you_mean(written, known)}")
    if places:
        raise UnknownName(f"{root.title}: {name!r} has no look-up {last!r}{did_you_mean(last, LOOKUPS)}")
    raise unknown(root, written, root.title)


def may_be_output(root: FunctionNode, name: str) -> bool:
    """Whether a name may turn out to be an output of a function that has never run."""
    way, _, _ = name.rpartition(SEPARATOR)
    at = [node for node, path in walk(root) if not way or way in (SEPARATOR.join(path), function_of(node).title)]
    return any(function_of(above).may_have_more() for node in at for above, _ in walk(node))
