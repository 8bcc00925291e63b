"""Reading the values that users give: axis or constant, Python scalars, and which values are one."""

from __future__ import annotations

import datetime
import itertools
import reprlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from types import NoneType
from typing import Any, TypeAlias, cast

import numpy as np

from sweepable.errors import SpaceError

Row: TypeAlias = tuple[object, ...]

#: Kinds of NumPy values whose ``.item()`` is the same value as a Python scalar.
_PLAIN_KINDS = "biufcSU"
#: Types whose values, among themselves, are equal only where they are one value.
_EXACT_TYPES = frozenset({int, str, bool, bytes, NoneType})


class Axis:
    """Mark values as an axis, even where the parameter takes sequences; made by `axis`."""

    __slots__ = ("values",)

    def __init__(self, values: Row) -> None:
        self.values = values

    def __repr__(self) -> str:
        return f"axis({reprlib.repr(list(self.values))})"


class Fixed:
    """Mark a value as one constant, even if it is a list or an array; made by `fixed`."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"fixed({reprlib.repr(self.value)})"


def axis(values: Iterable[object]) -> Axis:
    """Say that each of `values` is a value of the parameter.

    Needed where the parameter itself takes lists or arrays. The rows of a 2-D array are its values.

    Examples
    --------
    >>> import sweepable.spaces as spaces
    >>> len(spaces.grid(weights=spaces.axis([[0.5, 0.5], [0.1, 0.9]])))
    2
    """
    if isinstance(values, Axis):
        return values
    no_order = isinstance(values, (str, bytes, Set, Mapping)) or is_pandas(values, "DataFrame")
    if no_order or not (is_query(values) or _can_be_read(values)):
        raise SpaceError(f"axis({reprlib.repr(values)}): {an(values)} is no axis. Pass a list of the values, in order.")
    return Axis(values_of(values))


def fixed(value: object) -> Fixed:
    """Say that `value` is one constant, whatever it is.

    Examples
    --------
    >>> import sweepable.spaces as spaces
    >>> spaces.grid(gain=[1, 2], weights=spaces.fixed([0.5, 0.5])).points()
    [{'gain': 1, 'weights': [0.5, 0.5]}, {'gain': 2, 'weights': [0.5, 0.5]}]
    """
    return value if isinstance(value, Fixed) else Fixed(value)


def read(value: object) -> Axis | None:
    """Return the axis that `value`, given by keyword, is; or None for a constant."""
    if isinstance(value, Axis):
        return value
    return Axis(values_of(value)) if is_sequence(value) or is_query(value) else None


def constant(name: str, value: object) -> object:
    """Return `value` as the one value that `name` has, or raise SpaceError."""
    if isinstance(value, Axis):
        raise SpaceError(f"{name}={value!r}: an axis cannot be one value of a point.")
    if isinstance(value, Fixed):
        return scalar(value.value)
    if isinstance(value, Iterator):
        raise SpaceError(f"{name} is {an(value)}, which can be read only once; pass a list.")
    return scalar(value)


def is_sequence(value: object) -> bool:
    """Whether `value`, given by keyword, is an axis unless the parameter takes such values itself."""
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, (list, range)) or is_pandas(value, "Index", "Series")


def is_query(value: object) -> bool:
    """Whether `value` stands for stored calls (a Query or a Sweep), which are an axis."""
    return hasattr(type(value), "__sweepable_calls__")


def is_pandas(value: object, *names: str) -> bool:
    """Whether `value` is of one of these pandas classes; imports nothing."""
    # A value of a library that was never imported cannot be there.
    pandas = sys.modules.get("pandas")
    return isinstance(value, tuple(kind for name in names if (kind := getattr(pandas, name, None)) is not None))


def values_of(given: Any) -> Row:
    """Return the values of what was found to be an axis, once each is a Python scalar where it can be."""
    if is_query(given):
        return tuple(given.__sweepable_calls__())
    if isinstance(given, np.ndarray) and given.dtype.kind in _PLAIN_KINDS and given.ndim == 1:
        return tuple(given.tolist())
    if isinstance(given, np.ndarray):
        given = given.copy()  # its elements may be views, and a space does not change
    return tuple(map(scalar, given))


def scalar(value: object) -> object:
    """Return NumPy's scalars as Python's, where these can hold them, and anything else as it is."""
    if not isinstance(value, np.generic):
        return value
    if value.dtype.kind in _PLAIN_KINDS:
        return cast(object, value.item())
    # Dates finer than microseconds would become plain ints, and NaT None: these stay as they are.
    found = value.item() if value.dtype.kind in "mM" else None
    return found if isinstance(found, (datetime.date, datetime.timedelta)) else value


def floated(value: object) -> object:
    """Return an int as the float of the same value, where there is one, and anything else as it is."""
    if type(value) is not int:
        return value
    try:
        return number if (number := float(value)) == value else value
    except OverflowError:
        return value


def without_duplicates(columns: tuple[Row, ...]) -> tuple[Row, ...]:
    """Keep the first of equal rows; the rows are given, and returned, as columns."""
    if len(columns) == 1 and _EXACT_TYPES.issuperset(types := set(map(type, columns[0]))) and len(types) < 2:
        return (tuple(dict.fromkeys(columns[0])),)
    seen: set[object] = set()
    keep = [is_new(row_token(row), seen) for row in zip(*columns, strict=True)]
    return columns if all(keep) else tuple(tuple(itertools.compress(column, keep)) for column in columns)


def row_token(row: Row) -> object:
    """Return something hashable that is equal for rows of equal values of the same types."""
    return (*map(type, row), *map(_token, row))


def is_new(token: object, seen: set[object]) -> bool:
    """Whether `token` has not been `seen`; from now on it has."""
    before = len(seen)
    seen.add(token)
    return len(seen) > before


def _token(value: object) -> object:
    # In doubt two values are two: a point too many costs nothing, its call is found by its key; one too few is lost.
    kind = type(value)
    if kind in _EXACT_TYPES:
        return value
    if kind in (float, complex):
        return repr(value)  # one NaN, and two zeros
    if kind in (tuple, list):
        return tuple((type(part), _token(part)) for part in cast("Sequence[object]", value))
    return _Same(value)


class _Same:
    """Stands for an object that is only equal to itself; keeps it alive, so that no other gets its id."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _can_be_read(values: object) -> bool:
    try:
        iter(cast("Iterable[object]", values))
    except TypeError:  # no iterable, or an array without dimensions
        return False
    return True


def shown(value: object) -> str:
    """Return `value` as one would write it, shortened."""
    if isinstance(value, (Axis, Fixed)):
        return repr(value)
    listed = is_sequence(value) and not isinstance(value, range)
    return reprlib.repr(list(values_of(value)) if listed else value)


def an(value: object) -> str:
    """Return the name of the value's type with its article, for messages."""
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
