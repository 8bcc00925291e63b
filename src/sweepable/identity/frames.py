"""Owns the encoding of pandas' values: index, columns, names, dtypes, attrs and elements; never blocks and caches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from sweepable.identity import arrays
from sweepable.identity.instances import fields, instance
from sweepable.identity.parts import ATTRIBUTE, KEY, PART, Handler, Walk, named, size, text

if TYPE_CHECKING:
    import pandas as pd


def handler(kind: type) -> Handler | None:
    """The handler of a pandas type, or of a class that extends one; None where the general way serves."""
    import pandas as pd

    table: tuple[tuple[type, Handler], ...] = (
        (pd.DataFrame, _frame),
        (pd.Series, _series),
        (pd.Index, _index),
        (pd.api.extensions.ExtensionArray, _array),
        (pd.api.extensions.ExtensionDtype, _dtype),
        (pd.Timestamp, _timestamp),
        (pd.Timedelta, _timedelta),
        (pd.Period, _period),
        (pd.tseries.offsets.BaseOffset, _offset),
        (type(pd.NaT), lambda walk, value: named("NaT", b"")),
        (type(pd.NA), lambda walk, value: named("NA", b"")),
    )
    return next((found for base, found in table if issubclass(kind, base)), None)


def _class(walk: Walk, value: object) -> bytes:
    """A class of pandas by its name, which outlives a move to another module; any other by its code."""
    kind = type(value)
    if kind.__module__.partition(".")[0] == "pandas":
        return named("pandas", text(kind.__name__))
    return walk.described(kind)


# Frames, series and indices.


def _frame(walk: Walk, value: pd.DataFrame) -> bytes:
    import pandas as pd

    found = zip(value.columns, _columns(value), strict=True)
    columns = [walk.child(_bare(column), KEY, name) for name, column in found]
    labels = walk.child(value.index, ATTRIBUTE, "index") + walk.child(value.columns, ATTRIBUTE, "columns")
    parts = labels + _kept(walk, value, pd.DataFrame) + size(len(columns)) + b"".join(columns)
    return named("DataFrame", _class(walk, value) + parts)


def _series(walk: Walk, value: pd.Series[Any]) -> bytes:
    import pandas as pd

    labels = walk.child(value.index, ATTRIBUTE, "index") + walk.child(value.name, ATTRIBUTE, "name")
    parts = labels + _kept(walk, value, pd.Series) + walk.child(_values(value), PART)
    return named("Series", _class(walk, value) + parts)


def _kept(walk: Walk, value: Any, base: Any) -> bytes:
    """What goes along with a frame or series: attrs, flags, and what was set on it."""
    own = {name: getattr(value, name, None) for name in value._metadata if name not in base._metadata}
    own |= {name: part for name, part in vars(value).items() if name not in _OF_PANDAS}
    flags = walk.piece(value.flags.allows_duplicate_labels)
    return walk.child(value.attrs, ATTRIBUTE, "attrs") + flags + fields(walk, own.items())


#: Attributes that frames and series have by themselves; any other was set by somebody, and functions may read it.
_OF_PANDAS = frozenset(
    {"_mgr", "_data", "_item_cache", "_attrs", "_flags", "_name", "_index", "_is_copy", "_cacher", "_typ", "_cache"}
)


def _index(walk: Walk, value: pd.Index) -> bytes:
    freq = walk.child(getattr(value, "freq", None), ATTRIBUTE, "freq")
    names = walk.child(tuple(value.names), ATTRIBUTE, "names")
    own = fields(walk, [(name, part) for name, part in vars(value).items() if not name.startswith("_")])
    return named("Index", _class(walk, value) + names + freq + own + _labels(walk, value))


def _labels(walk: Walk, value: Any) -> bytes:
    import pandas as pd

    if isinstance(value, pd.RangeIndex):
        return walk.piece((value.start, value.stop, value.step))
    if isinstance(value, pd.MultiIndex):
        levels = [walk.child(level, ATTRIBUTE, "levels") for level in value.levels]
        codes = [arrays.array(walk, np.asarray(code)) for code in value.codes]
        return size(len(levels)) + b"".join(levels) + b"".join(codes)
    return walk.child(_values(value), PART)


def _columns(value: Any) -> Iterable[Any]:
    """The columns of a frame as arrays: a series for each would have its own copy of all attrs, made anew."""
    arrays_of = getattr(value, "_iter_column_arrays", None)
    return arrays_of() if arrays_of is not None else (series.array for _, series in type(value).items(value))


def _bare(array: Any) -> Any:
    """What pandas keeps in a numpy array, as that."""
    return np.asarray(array) if isinstance(array.dtype, np.dtype) else array


def _values(value: Any) -> Any:
    """The elements of a series or index, without their labels and without a copy."""
    return np.asarray(value) if isinstance(value.dtype, np.dtype) else value.array


# Extension arrays and their dtypes.


def _array(walk: Walk, value: Any) -> bytes:
    import pandas as pd

    for home, name, elements in _ELEMENTS:
        kind = getattr(home(pd), name, None)
        if kind is not None and isinstance(value, kind):
            parts = walk.piece(value.dtype) + size(len(value)) + elements(walk, value)
            return named("pandas array", _class(walk, value) + parts)
    return instance(walk, value)


def _masked(walk: Walk, value: Any) -> bytes:
    # What lies under the mask is left over from whatever was computed before.
    mask = np.asarray(value._mask)
    data = np.where(mask, np.zeros((), value._data.dtype), value._data)
    return arrays.array(walk, data) + arrays.array(walk, mask)


def _one_by_one(walk: Walk, value: Any) -> bytes:
    return arrays.array(walk, np.asarray(value, dtype=object))


def _datetimes(walk: Walk, value: Any) -> bytes:
    freq = walk.child(getattr(value, "freq", None), ATTRIBUTE, "freq")
    return freq + arrays.array(walk, np.asarray(value.asi8))


def _categorical(walk: Walk, value: Any) -> bytes:
    return arrays.array(walk, np.asarray(value.codes))


def _intervals(walk: Walk, value: Any) -> bytes:
    return walk.child(value.left, ATTRIBUTE, "left") + walk.child(value.right, ATTRIBUTE, "right")


def _sparse(walk: Walk, value: Any) -> bytes:
    positions = value.sp_index.to_int_index().indices
    return text(value.kind) + arrays.array(walk, value.sp_values) + arrays.array(walk, positions)


def _wrapped(walk: Walk, value: Any) -> bytes:
    return arrays.array(walk, value.to_numpy())


def _in_arrays(pandas: Any) -> Any:
    return pandas.arrays


#: Where pandas shows a kind of array, its name, and how its elements are encoded. The first that fits counts.
_ELEMENTS: tuple[tuple[Callable[[Any], Any], str, Handler], ...] = (
    (_in_arrays, "IntegerArray", _masked),
    (_in_arrays, "FloatingArray", _masked),
    (_in_arrays, "BooleanArray", _masked),
    (_in_arrays, "StringArray", _one_by_one),
    (_in_arrays, "ArrowStringArray", _one_by_one),
    (_in_arrays, "ArrowExtensionArray", _one_by_one),
    (_in_arrays, "DatetimeArray", _datetimes),
    (_in_arrays, "TimedeltaArray", _datetimes),
    (_in_arrays, "PeriodArray", _datetimes),
    (_in_arrays, "IntervalArray", _intervals),
    (_in_arrays, "SparseArray", _sparse),
    (_in_arrays, "NumpyExtensionArray", _wrapped),
    (_in_arrays, "PandasArray", _wrapped),
    (lambda pandas: pandas, "Categorical", _categorical),
)


def _dtype(walk: Walk, value: Any) -> bytes:
    kind = type(value)
    if kind.__module__.partition(".")[0] != "pandas":
        return instance(walk, value)
    more = [(name, getattr(value, name)) for name in _DTYPE_PARTS.get(kind.__name__, ()) if hasattr(value, name)]
    shown = "" if kind.__name__ == "PeriodDtype" else str(value)
    return named("pandas dtype", text(kind.__name__) + text(shown) + fields(walk, more))


#: What the string of a dtype does not tell.
_DTYPE_PARTS = {
    "CategoricalDtype": ("categories", "ordered"),
    "DatetimeTZDtype": ("tz",),
    "StringDtype": ("storage", "na_value"),
    "SparseDtype": ("subtype", "fill_value"),
    "IntervalDtype": ("subtype", "closed"),
    "PeriodDtype": ("freq",),
}


# Scalars.


def _timestamp(walk: Walk, value: Any) -> bytes:
    moment = walk.piece(value.to_datetime64()) + walk.child(value.tzinfo, ATTRIBUTE, "tzinfo")
    return named("Timestamp", _class(walk, value) + moment + walk.piece(value.fold))


def _timedelta(walk: Walk, value: Any) -> bytes:
    return named("Timedelta", _class(walk, value) + walk.piece(value.to_timedelta64()))


def _period(walk: Walk, value: Any) -> bytes:
    freq = walk.child(value.freq, ATTRIBUTE, "freq")
    return named("Period", _class(walk, value) + walk.piece(value.ordinal) + freq)


def _offset(walk: Walk, value: Any) -> bytes:
    # Not by its alias: "M" and "H" became "ME" and "h".
    parts = walk.piece((value.n, value.normalize)) + fields(walk, value.kwds.items())
    return named("offset", _class(walk, value) + parts)
