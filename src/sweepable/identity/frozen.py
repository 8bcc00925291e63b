"""Owns the question which values no code can change, so that they need not be digested again after a run."""

from __future__ import annotations

import datetime as dt
import re
import types
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

import numpy as np

from sweepable.identity.registered import is_registered
from sweepable.identity.standard import DESCRIBED, holds_state, is_reserved
from sweepable.imported import imported

_ALWAYS = frozenset(
    {
        *(float, int, bool, str, bytes, complex, range, type(None), type(...), type(NotImplemented)),
        *(dt.date, dt.timedelta, dt.timezone, re.Pattern, object),
    }
)
#: Frozen types whose modules need not be imported here: name -> module.
_HOMES = {
    "Decimal": "decimal",
    "Fraction": "fractions",
    "UUID": "uuid",
    "ZoneInfo": "zoneinfo",
    "PurePosixPath": "pathlib",
    "PureWindowsPath": "pathlib",
}
#: What holds more than so many others is not worth the look.
_MANY = 1000
#: Described by their code, which is watched elsewhere; not partials and methods, which hold arguments.
_CODE = tuple(kind for kind in DESCRIBED if kind.__name__ not in ("partial", "partialmethod", "method", "module"))


def is_frozen(value: object) -> bool:
    """Whether no code can change what a value encodes to.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    bool
        False also when unsure: for paths to files, whose content may change, and for instances of any class.
    """
    if type(value) in _ALWAYS:
        return True
    # Not by recursion: `map` within `map` takes the stack of C, which no limit of Python's guards.
    pending, looked_at = [value], 0
    while pending:
        part = pending.pop()
        if type(part) in _ALWAYS:
            continue
        looked_at += 1
        within = _within(type(part), part)
        if within is None or looked_at > _MANY:
            return False
        pending += within
    return True


def _within(kind: type, value: Any) -> Iterable[object] | None:
    """What else has to be frozen for a value to be so; None where it can change, whatever it holds."""
    if is_registered(kind):
        return None
    find = _HOLDERS.get(kind)
    if find is not None:
        return find(value)
    if kind is np.ndarray:
        return () if _frozen_array(value) else None
    if kind in (types.BuiltinFunctionType, types.MethodWrapperType):
        return None if holds_state(value) else ()
    if isinstance(value, _CODE) or _declares(kind, "__sweepable_key__") or _declares(kind, "__sweepable_cached__"):
        return ()
    if issubclass(kind, Enum):
        return (value._value_,) if all(map(is_reserved, vars(value))) else None
    if issubclass(kind, np.generic):
        return () if _is_plain_number(kind, value) else None
    if issubclass(kind, tuple):
        return tuple.__iter__(value) if _adds_nothing(kind) else None
    name = kind.__qualname__
    return () if name in _HOMES and imported(_HOMES[name], name) is kind else None


def _declares(kind: type, name: str) -> bool:
    return any(name in vars(base) for base in kind.__mro__)


def _is_plain_number(kind: type, value: np.generic) -> bool:
    """Whether a scalar is numpy's own, and no structure, whose fields can be set."""
    return kind.__module__ == "numpy" and not issubclass(kind, np.void) and not value.dtype.hasobject


def _adds_nothing(kind: type) -> bool:
    """Whether a tuple's class has neither attributes nor a say in what it encodes to, as named tuples do."""
    says = ("__dict__", "__sweepable_digest__", "__reduce__", "__reduce_ex__", "__getstate__", "__sweepable_calls__")
    own = kind.__mro__[: kind.__mro__.index(tuple)]
    return kind.__basicsize__ == tuple.__basicsize__ and not any(name in vars(base) for base in own for name in says)


def _frozen_array(value: Any) -> bool:
    """Whether an array is read-only down to the memory it looks at: a view may be, and its base not."""
    if value.dtype.hasobject:
        return False
    while type(value) is np.ndarray:
        if value.flags.writeable:
            return False
        if value.base is None:
            return bool(value.flags.owndata)
        value = value.base
    while type(value) is memoryview:
        value = value.obj
    return type(value) is bytes


def _zone(value: Any) -> Iterable[object]:
    return (value.tzinfo,)


_HOLDERS: dict[type, Callable[[Any], Iterable[object]]] = {
    tuple: iter,
    frozenset: iter,
    slice: lambda value: (value.start, value.stop, value.step),
    dt.datetime: _zone,
    dt.time: _zone,
}
