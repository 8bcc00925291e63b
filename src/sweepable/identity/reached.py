"""The code objects among what a version was made of: those whose running is nothing new."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType

from sweepable.identity import origin

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


def named_by(functions: Iterable[FunctionType], names: Iterable[str]) -> Iterator[object]:
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
