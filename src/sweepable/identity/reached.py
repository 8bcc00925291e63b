"""The code objects among what a version was made of: those whose running is nothing new."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType

from sweepable.errors import UndigestibleError
from sweepable.identity import ignoring, origin
from sweepable.identity.code import CodeIdentity, is_plain, walk_through
from sweepable.identity.guard import Watch
from sweepable.identity.ignoring import Ignored
from sweepable.identity.values import Encoder
from sweepable.identity.walk import Options

_HOLDERS = (
    *(FunctionType, types.MethodType, staticmethod, classmethod, functools.cached_property),
    *(functools.partial, functools.partialmethod, type(functools.lru_cache(len))),
)


def codes_in(objects: Iterable[object]) -> dict[int, CodeType]:
    """The code of all functions among some objects, with the code nested in it, by id: equal code may be of two."""
    found: dict[int, CodeType] = {}
    queue = [code for part in objects for code in _codes(part)]
    while queue:
        code = queue.pop()
        if id(code) not in found:
            found[id(code)] = code
            queue += [part for part in code.co_consts if isinstance(part, CodeType)]
    return found


def _codes(part: object) -> Iterator[CodeType]:
    if isinstance(part, CodeType):
        yield part
    elif isinstance(part, property):
        for function in (part.fget, part.fset, part.fdel):
            yield from _codes(function)
    elif isinstance(part, functools.cached_property):
        yield from _codes(part.func)
    elif isinstance(part, _HOLDERS):
        plain = origin.underlying(part)
        if plain is not None:
            yield plain.__code__


def _ignored(ignored: Ignored, met: Iterable[object]) -> Iterator[object]:
    """What names that do not count stand for, among functions and classes and what they refer to."""
    found, names = list(met), ignored.names()
    functions = [part for part in found if isinstance(part, FunctionType)]
    spaces = {id(function.__globals__): function.__globals__ for function in functions}
    if dotted := ignored.dotted():
        modules = [module for module in list(sys.modules.values()) if isinstance(module, types.ModuleType)]
        spaces |= {id(vars(module)): vars(module) for module in modules}
        for function in functions:
            yield from _written(function, dotted)
    for space in spaces.values():
        yield from (space[name] for name in names & space.keys() if _is(ignored, ignoring.module_global(space, name)))
    for part in found:
        if isinstance(part, FunctionType | type):
            yield from _ignored_within(ignored, part, names)


def _ignored_within(ignored: Ignored, part: FunctionType | type, names: set[str]) -> Iterator[object]:
    """The entries of a class, or the variables and attributes of a function, that do not count."""
    place = ignoring.entry if isinstance(part, type) else ignoring.attribute
    yield from (vars(part)[name] for name in names & vars(part).keys() if _is(ignored, place(part, name)))  # type: ignore[arg-type]
    if isinstance(part, FunctionType):
        for name, value in _variables(part):
            if _is(ignored, ignoring.variable(part, name)):
                yield value


def _is(ignored: Ignored, place: ignoring.Place) -> bool:
    return ignored.by_place(place) is not None


def _written(function: FunctionType, names: Iterable[str]) -> Iterator[object]:
    """What dotted names, as written in a function, stand for there."""
    variables = dict(_variables(function))
    for name in names:
        first, *steps = name.split(".")
        for known in (variables, function.__globals__):
            value = known.get(first)
            for step in steps:
                value = getattr(value, step, None)
            if value is not None:
                yield value


def _variables(function: FunctionType) -> Iterator[tuple[str, object]]:
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield variable, cell.cell_contents
        except ValueError:  # bound to nothing yet
            continue


def codes_of(identity: CodeIdentity) -> dict[int, CodeType]:
    """The code objects of all functions of a version, and those nested in them."""
    return codes_in([identity.function, *identity.values()])


def ignored_codes_of(identity: CodeIdentity) -> dict[int, CodeType]:
    """The code objects of what was said not to count."""
    found: dict[int, CodeType] = {}
    if not (ignored := identity.options.ignored):
        return found
    for value in _ignored(ignored, [origin.underlying(identity.function), *identity.values()]):
        found |= codes_within(value)
    return found


def codes_within(value: object) -> dict[int, CodeType]:
    """The code objects of all functions that are met within a value, and of what they reach."""
    found: dict[int, CodeType] = {}

    def meet(value: object, path: str) -> bytes:
        watch = Watch(None, is_plain)
        walk_through(value, Options(), watch, bound=False)
        found.update(codes_in([value, *watch.checks.names.values()]))
        return b""

    try:
        Encoder(meet).encode(value, "value")
    except UndigestibleError:  # of what cannot be digested, at least what its class does
        meet(type(value), "value")
    return found
