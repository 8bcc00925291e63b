"""Look-ups of a config object beside some of its fields, as in a sweep: ``config=base, config__dt=[0.1, 0.2]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sweepable.comparisons import LOOKUPS, wanted
from sweepable.configs import fields_of
from sweepable.logic import Leaf, Q, made
from sweepable.names import SEPARATOR, resolve
from sweepable.spaces.reading import fixed
from sweepable.tree import FunctionNode


def with_bases(q: Q, root: Callable[[], FunctionNode]) -> Q:
    """The same look-ups, in which a config object beside look-ups of its fields stands for its other fields.

    The calls of a sweep were given objects that were made of it, with other values of those fields.

    Parameters
    ----------
    q : Q
        Look-ups.
    root : callable
        The function that they are asked of; called where there are such.
    """
    names = [part[0] for part in q.parts if not isinstance(part, Q)] if q.word == "and" else []
    parts = [with_bases(part, root) if isinstance(part, Q) else _rewritten(part, names, root) for part in q.parts]
    return q if all(new is old for new, old in zip(parts, q.parts, strict=True)) else made((*parts,), q.word, q.negated)


def _rewritten(leaf: Leaf, names: list[str], root: Callable[[], FunctionNode]) -> Q | Leaf:
    """A config object as look-ups of its other fields; any other look-up as it is."""
    written, value = leaf
    name, _, lookup = written.rpartition(SEPARATOR)
    name, lookup = (name, lookup) if lookup in ("exact", "in") else (written, "")
    below = [other for other in names if other.startswith(name + SEPARATOR) and other != written]
    bases = wanted(lookup, value) if below else []
    changed = [other for other in below if any(_is_within(other, name, base) for base in bases)]
    if not changed or (lookup and resolve(root(), written)):
        return leaf
    return made(tuple(made(tuple(_like(root(), name, base, changed))) for base in bases), "or")


def _is_within(other: str, name: str, base: object) -> bool:
    """Whether a look-up is of a field of `base`, and not another one of it as a whole."""
    rest = other[len(name + SEPARATOR) :]
    return any(rest == field or rest.startswith(field + SEPARATOR) for field in fields_of(base) or ())


def _like(root: FunctionNode, name: str, value: object, changed: list[str]) -> Iterator[Leaf]:
    """That a config object is as `value`, but for what other look-ups say."""
    if not any(_is_within(other, name, value) for other in changed):
        if not any(other == name or _is_look_up(other, name) for other in changed):
            yield name, fixed(value)
        return
    fields = fields_of(value) or {}
    for field, part in fields.items():
        yield from _like(root, f"{name}{SEPARATOR}{field}", part, changed)
    for other in _others(root, name, list(fields)):
        if not resolve(root, f"{other}{SEPARATOR}isnull"):
            yield f"{other}{SEPARATOR}isnull", True


def _is_look_up(other: str, name: str) -> bool:
    return other.startswith(name + SEPARATOR) and other[len(name + SEPARATOR) :] in LOOKUPS


def _others(root: FunctionNode, name: str, fields: list[str]) -> Iterator[str]:
    """The fields that stored objects have there, and this one has not."""
    for place in resolve(root, name):
        ahead = f"{place.name}{SEPARATOR}"
        for known in place.node.own().fields if place.name is not None else ():
            rest = known[len(ahead) :]
            if known.startswith(ahead) and not any(rest == one or rest.startswith(one + SEPARATOR) for one in fields):
                yield f"{name}{SEPARATOR}{rest}"
