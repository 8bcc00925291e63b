"""The parameters and defaults of a cached function, which are bound once: whether somebody changed them in place."""

from __future__ import annotations

from operator import is_
from types import FunctionType
from typing import NamedTuple

from sweepable.identity import origin
from sweepable.identity.guard import Watch

#: Flags of a code object that takes ``*args`` or ``**kwargs``.
_STARS = 0x0C


class Signature(NamedTuple):
    """Parameters by name and kind, and the very objects that are their defaults."""

    parameters: tuple[object, ...]
    defaults: tuple[object, ...]

    def is_same(self, other: Signature) -> bool:
        """Whether nothing has changed; the defaults may be of any kind, so only their identity is asked for."""
        return (
            self.parameters == other.parameters
            and len(self.defaults) == len(other.defaults)
            and all(map(is_, self.defaults, other.defaults))
        )


def signature_of(function: object) -> Signature:
    """The signature as it is now; empty where there is no plain function."""
    plain = origin.underlying(function)
    if plain is None:
        return Signature((), ())
    code, named = plain.__code__, plain.__kwdefaults__ or {}
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _STARS)
    total = code.co_argcount + code.co_kwonlyargcount + bool(counts[3] & 0x04) + bool(counts[3] & 0x08)
    positional = plain.__defaults__ or ()
    return Signature((*counts, *code.co_varnames[:total], len(positional), *named), (*positional, *named.values()))


def watch_signature(watch: Watch, function: FunctionType) -> None:
    """Have a guard see when the defaults change. Their content does not count: it is among the bound arguments."""
    named = function.__kwdefaults__
    watch.attribute(function, "__defaults__", function.__defaults__, "its defaults")
    watch.attribute(function, "__kwdefaults__", named, "its defaults")
    if named:
        watch.size(named, "its defaults")
        for name, value in named.items():
            watch.binding(named, name, value, f"the default of {name}")
