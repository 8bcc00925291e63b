"""Look-ups of a config object beside some of its fields, as in a sweep: ``config=base, config__dt=[0.1, 0.2]``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sweepable.comparisons import LOOKUPS, Condition, axis_values, is_axis, joined, one_value
from sweepable.configs import fields_of
from sweepable.lookups import condition
from sweepable.names import SEPARATOR, resolve
from sweepable.spaces.reading import fixed
from sweepable.tree import FunctionNode


def conditions(root: FunctionNode, lookups: Mapping[str, object]) -> list[Condition]:
    """The SQL of look-ups that all have to apply.

    A config object beside look-ups of its fields stands for its other fields: the calls of a sweep were given objects
    that were made of it.
    """
    return [found for written, value in lookups.items() for found in _conditions(root, written, value, lookups)]


def _conditions(root: FunctionNode, written: str, value: object, lookups: Mapping[str, object]) -> Iterator[Condition]:
    name, _, lookup = written.rpartition(SEPARATOR)
    name = name if lookup in ("exact", "in") and not resolve(root, written) else written
    below = [other for other in lookups if other.startswith(name + SEPARATOR) and other != written]
    bases = _bases(value, lookup if name != written else "") if below else []
    changed = [other for other in below if any(_is_within(other, name, base) for base in bases)]
    if changed:
        yield joined(" OR ", [joined(" AND ", list(_like(root, name, base, changed))) for base in bases])
    else:
        yield condition(root, written, value)


def _bases(value: object, lookup: str) -> list[object]:
    many = lookup == "in" or (lookup == "" and is_axis(value))
    return [one_value(part) for part in axis_values(value, "in")] if many else [one_value(value)]


def _is_within(other: str, name: str, base: object) -> bool:
    """Whether a look-up is of a field of `base`, and not another one of it as a whole."""
    rest = other[len(name + SEPARATOR) :]
    return any(rest == field or rest.startswith(field + SEPARATOR) for field in fields_of(base) or ())


def _like(root: FunctionNode, name: str, value: object, changed: list[str]) -> Iterator[Condition]:
    """That a config object is as `value`, but for what other look-ups say."""
    within = [other for other in changed if _is_within(other, name, value)]
    if not within:
        if not any(other == name or _is_look_up(other, name) for other in changed):
            yield condition(root, name, fixed(value))
        return
    fields = fields_of(value) or {}
    for field, part in fields.items():
        yield from _like(root, f"{name}{SEPARATOR}{field}", part, changed)
    for other in _others(root, name, list(fields)):
        if not resolve(root, f"{other}{SEPARATOR}isnull"):
            yield condition(root, f"{other}{SEPARATOR}isnull", True)


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
