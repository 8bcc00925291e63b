"""The code objects among what a version was made of: those whose running is nothing new."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType

from sweepable.errors import UndigestibleError
from sweepable.identity import origin
from sweepable.identity.code import CodeIdentity, is_plain, walk_through
from sweepable.identity.guard import Watch
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


def _named_by(functions: Iterable[FunctionType], names: Iterable[str]) -> Iterator[object]:
    """What dotted names, as written in functions, stand for there."""
    found = list(functions)
    for name in names:
        first, *steps = name.split(".")
        for function in found:
            for value in _bound(function, first):
                for step in steps:
                    value = getattr(value, step, None)
                if value is not None:
                    yield value


def _bound(function: FunctionType, name: str) -> Iterator[object]:
    if name in function.__globals__:
        yield function.__globals__[name]
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if variable == name:
            try:
                yield cell.cell_contents
            except ValueError:  # bound to nothing yet
                continue


def codes_of(identity: CodeIdentity) -> dict[int, CodeType]:
    """The code objects of all functions of a version, and those nested in them."""
    return codes_in([identity.function, *identity.values()])


def ignored_codes_of(identity: CodeIdentity) -> dict[int, CodeType]:
    """The code objects of what was said not to count."""
    plain = origin.underlying(identity.function)
    functions = [part for part in (plain, *identity.values()) if isinstance(part, FunctionType)]
    found: dict[int, CodeType] = {}
    for value in _named_by(functions, identity.options.ignored):
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
