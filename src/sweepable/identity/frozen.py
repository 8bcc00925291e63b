"""Owns the question which values no code can change, so that they need not be digested again after a run."""

from __future__ import annotations

import datetime as dt
import re
import types
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np

from sweepable.identity.standard import DESCRIBED, holds_state, is_reserved
from sweepable.imported import imported

_ALWAYS = frozenset(
    {
        *(float, int, bool, str, bytes, complex, range, type(None), type(...), type(NotImplemented)),
        *(dt.date, dt.timedelta, dt.timezone, re.Pattern),
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
    kind = type(value)
    if kind in _ALWAYS:
        return True
    try:
        return _frozen(kind, value)
    except RecursionError:
        return False


def _frozen(kind: type, value: Any) -> bool:
    check = _CHECKS.get(kind)
    if check is not None:
        return check(value)
    if kind in (types.BuiltinFunctionType, types.MethodWrapperType):
        return not holds_state(value)
    if isinstance(value, _CODE) or _declares(kind, "__sweepable_key__") or _declares(kind, "__sweepable_cached__"):
        return True
    if issubclass(kind, Enum):
        return is_frozen(value._value_) and all(map(is_reserved, vars(value)))
    if issubclass(kind, np.generic):
        return _is_plain_number(kind, value)
    if issubclass(kind, tuple):
        return _adds_nothing(kind) and all(map(is_frozen, tuple.__iter__(value)))
    name = kind.__qualname__
    return name in _HOMES and imported(_HOMES[name], name) is kind


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


def _all_frozen(value: Any) -> bool:
    return all(map(is_frozen, value))


def _frozen_time(value: Any) -> bool:
    return is_frozen(value.tzinfo)


def _frozen_slice(value: slice) -> bool:
    return is_frozen(value.start) and is_frozen(value.stop) and is_frozen(value.step)


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


_CHECKS: dict[type, Callable[[Any], bool]] = {
    tuple: _all_frozen,
    frozenset: _all_frozen,
    slice: _frozen_slice,
    dt.datetime: _frozen_time,
    dt.time: _frozen_time,
    np.ndarray: _frozen_array,
}
