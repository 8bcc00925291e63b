"""The codec of plain frames and series: labels as plain values, blocks as they lie in memory; data only.

A container is: magic, size of the head, the head, the arrays. Large arrays begin at a page, so that a mapped file is
not copied. What does not come back exactly as it was is not taken, and is pickled: extension types, objects, indices
of other kinds, subclasses, attributes that somebody has set.
"""

from __future__ import annotations

import math
import pickle
import struct
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from itertools import accumulate, chain
from typing import Any, TypeAlias

import numpy as np

from sweepable.imported import imported
from sweepable.store.files import Buffer
from sweepable.store.plain import Malformed, NotPlain
from sweepable.store.plain import decode as decode_plain
from sweepable.store.plain import encode as encode_plain

_MAGIC = b"SWFRM\x01\r\n"
_HEAD = struct.Struct("<8sQ")  # magic, bytes of the head
_PAGE, _LINE = 4096, 64
#: Arrays from this size on begin at a page.
_LARGE = 32 * 1024
#: Of labels that are read, or checked, one by one: where there are more, pickle is faster.
_MOST_LABELS = 10_000
#: Of NumPy's types: booleans, numbers, dates and spans.
_KINDS = frozenset("biufcmM")
#: What frames and series have by themselves.
_OWN = frozenset({"_mgr", "_attrs", "_flags", "_name", "_item_cache"})
#: How pandas itself makes its objects of what is known to be right, so far; where it does not, the long way is taken.
_DIRECT = "_simple_new"

_Array: TypeAlias = np.ndarray[Any, Any]


class _Other(Exception):
    """A value that this codec does not take."""


# -- writing


def encode(value: object, limit: int | None = None) -> list[Buffer] | None:
    """A frame or series in chunks, whose arrays are not copied unless they have gaps.

    Returns
    -------
    list of buffers or None
        Empty where it takes more than `limit` bytes; None for what this codec does not take.
    """
    kind = type(value)
    if kind is not imported("pandas", "DataFrame") and kind is not imported("pandas", "Series"):
        return None
    if imported("pandas.api.internals", "create_dataframe_from_blocks") == ():  # pandas 2 cannot put it together
        return None
    writer = _Writer()
    try:
        head = encode_plain(writer.whole(value), None)
    except (_Other, NotPlain, AttributeError):  # the latter: pandas keeps its blocks in another way than it did
        return None
    if limit is not None and sum(array.nbytes for array in writer.arrays) > limit:
        return []
    chunks: list[Buffer] = [_HEAD.pack(_MAGIC, len(head)) + head]
    size = len(chunks[0])
    for array in writer.arrays:
        if array.nbytes:
            gap = -size % _alignment(array.nbytes)
            chunks += [bytes(gap), _content(array)]
            size += gap + array.nbytes
    return chunks


def _alignment(nbytes: int) -> int:
    return _PAGE if nbytes >= _LARGE else _LINE


def _is_fortran(array: _Array) -> bool:
    return bool(array.flags.f_contiguous and not array.flags.c_contiguous)


def _content(array: _Array) -> Buffer:
    flat = np.ascontiguousarray(array.T if _is_fortran(array) else array).reshape(-1)
    return flat.view(np.uint8).data


class _Writer:
    """Says what makes up a value, in plain values; arrays go on a list."""

    def __init__(self) -> None:
        self.arrays: list[_Array] = []

    def whole(self, value: Any) -> tuple[object, ...]:
        """A frame or series."""
        if not (_OWN.issuperset(vars(value)) and value.flags.allows_duplicate_labels and type(value.attrs) is dict):
            raise _Other
        found = [(block.mgr_locs.as_array, _bare(block.values)) for block in value._mgr.blocks]
        if value.ndim == 1:
            ((_, array),) = found
            return "Series", self._index(value.index), value.name, self._array(array), value.attrs
        if value.index is value.columns:  # one object: they would come back as two
            raise _Other
        labels = self._index(value.index), self._index(value.columns)
        blocks = [(places.astype("<i8").tobytes(), self._array(array)) for places, array in found]
        return "DataFrame", *labels, blocks, value.attrs

    def _array(self, array: _Array) -> tuple[object, ...]:
        if type(array) is not np.ndarray or not _can_say(array.dtype):
            raise _Other
        self.arrays.append(array)
        return array.dtype.str, array.shape, _is_fortran(array), array.flags.writeable

    def _index(self, index: Any) -> tuple[object, ...]:
        import pandas as pd

        kind = type(index)
        if kind is pd.RangeIndex:
            return "range", index.name, index.start, index.stop, index.step
        if kind is pd.Index and index.dtype.kind in "biufc" and isinstance(index.dtype, np.dtype):
            return "array", index.name, self._array(index._data)
        if kind is pd.Index:
            return "text", index.name, *_labels(index)
        if kind is pd.DatetimeIndex or kind is pd.TimedeltaIndex:
            return index.dtype.kind, index.name, _frequency(index), self._array(_bare(index._data))
        raise _Other


def _bare(values: Any) -> _Array:
    """The array in which pandas keeps values; dates without a time zone are wrapped."""
    import pandas as pd

    wrapped = type(values) is pd.arrays.DatetimeArray or type(values) is pd.arrays.TimedeltaArray
    if wrapped and isinstance(values.dtype, np.dtype):
        return values._ndarray  # type: ignore[no-any-return]
    if type(values) is not np.ndarray or values.dtype.kind in "mM":
        raise _Other
    return values


def _can_say(dtype: np.dtype[Any]) -> bool:
    if dtype.kind not in _KINDS or dtype.metadata is not None:
        return False
    again = _dtype(dtype.str)
    return again == dtype and again.type is dtype.type


def _labels(index: Any) -> tuple[str, list[str]]:
    """How strings are kept, and the strings."""
    import pandas as pd

    dtype: Any = index.dtype
    is_text = type(dtype) is pd.StringDtype and isinstance(dtype.na_value, float)
    if not (is_text or (type(index._data) is np.ndarray and dtype.kind == "O")) or len(index) > _MOST_LABELS:
        raise _Other
    labels = list(index.array)
    if any(type(label) is not str for label in labels):
        raise _Other
    return dtype.storage if is_text else "", labels


def _frequency(index: Any) -> str | None:
    """The frequency of dates in the words that make the same one again."""
    from pandas.tseries.frequencies import to_offset

    if index.freq is None:
        return None
    try:
        same = pickle.dumps(to_offset(index.freq.freqstr)) == pickle.dumps(index.freq)
    except Exception:  # somebody's own frequency: what it says of itself need not be understood
        same = False
    if not same or len(index) > _MOST_LABELS:
        raise _Other
    return str(index.freq.freqstr)


# -- reading


def decode(buffer: Any) -> object:
    """The frame or series over `buffer`, which is not copied: as free to change as the buffer is."""
    view = memoryview(buffer)
    try:
        magic, size = _HEAD.unpack_from(view)
    except struct.error as error:
        raise Malformed("a frame that is cut short") from error
    start = _HEAD.size + size
    if magic != _MAGIC or start > len(view):
        raise Malformed("not a frame")
    what, *parts = decode_plain(bytes(view[_HEAD.size : start]))
    reader = _Reader(view, start)
    value = reader.frame(*parts) if what == "DataFrame" else reader.series(*parts)
    if reader.end != len(view):
        raise Malformed("a frame that is cut short")
    return value


class _Reader:
    """Puts a value together; takes arrays from a view, one after the other."""

    def __init__(self, view: memoryview, start: int) -> None:
        self._view = view
        self.end = start

    def frame(self, index: Any, columns: Any, blocks: Any, attrs: dict[Any, Any]) -> object:
        """A frame of such blocks."""
        from pandas.api.internals import create_dataframe_from_blocks  # type: ignore[import-not-found]

        labels = self._index(*index), self._index(*columns)
        places = [np.frombuffer(place, "<i8").astype(np.intp) for place, _ in blocks]
        arrays = [self._array(*array) for _, array in blocks]
        # Counted first: what a damaged index says of itself may be more than there is memory for.
        size, listed = len(labels[1]), [place.tolist() for place in places]
        if sum(map(len, listed)) != size or sorted(chain.from_iterable(listed)) != list(range(size)):
            raise Malformed("the blocks of a frame are not its columns")
        shapes = [(len(place), len(labels[0])) for place in places]
        if [array.shape for array in arrays] != shapes:
            raise Malformed("the blocks of a frame are not of its size")
        made: Any = create_dataframe_from_blocks(list(zip(map(_wrapped, arrays), places, strict=True)), *labels)
        if attrs:
            made.attrs = attrs
        return made

    def series(self, index: Any, name: Any, array: Any, attrs: dict[Any, Any]) -> object:
        """A series of such values."""
        import pandas as pd

        labels = self._index(*index)
        made = pd.Series(self._array(*array), index=labels, name=name, copy=False)
        if attrs:
            made.attrs = attrs
        return made

    def _array(self, text: str, shape: tuple[int, ...], fortran: bool, writeable: bool) -> _Array:
        dtype, count = _dtype(text), math.prod(shape)
        nbytes = count * dtype.itemsize
        order: Any = "F" if fortran else "C"
        if not nbytes:
            return np.empty(shape, dtype, order)
        start = self.end + -self.end % _alignment(nbytes)
        if nbytes < 0 or start + nbytes > len(self._view):
            raise Malformed("a frame that is cut short")
        self.end = start + nbytes
        part = self._view[start : self.end]
        flat = np.frombuffer(part if writeable else part.toreadonly(), dtype, count)
        return flat.reshape(shape, order=order)

    def _index(self, kind: str, name: Any, *parts: Any) -> Any:
        return _INDICES[kind](self, name, *parts)

    def _range(self, name: Any, start: int, stop: int, step: int) -> Any:
        import pandas as pd

        return pd.RangeIndex(start, stop, step, name=name)

    def _numbers(self, name: Any, array: Any) -> Any:
        return _index_of(self._array(*array), name)

    def _text(self, name: Any, storage: str, labels: list[str]) -> Any:
        import pandas as pd

        values = np.empty(len(labels), object)
        values[:] = labels
        if not storage:
            return _index_of(values, name)
        dtype: Any = pd.StringDtype(storage, na_value=np.nan)
        make = dtype.construct_array_type()
        if storage == "pyarrow":
            return _index_of(make(_arrow_texts(labels), dtype=dtype), name)
        return _index_of(make._from_sequence(values, dtype=dtype), name)

    def _dates(self, name: Any, frequency: Any, array: Any) -> Any:
        import pandas as pd

        return pd.DatetimeIndex(self._array(*array), freq=frequency, name=name, copy=False)

    def _spans(self, name: Any, frequency: Any, array: Any) -> Any:
        import pandas as pd

        return pd.TimedeltaIndex(self._array(*array), freq=frequency, name=name, copy=False)


def _arrow_texts(labels: list[str]) -> Any:
    """Texts as pyarrow keeps them, from their bytes: of a list it would import all that it has to do with pandas."""
    pa = import_module("pyarrow")

    texts = [label.encode() for label in labels]
    ends = list(accumulate(map(len, texts), initial=0))  # NumPy's first sum takes longer
    buffers = pa.py_buffer(struct.pack(f"<{len(ends)}q", *ends)), pa.py_buffer(b"".join(texts))
    return pa.Array.from_buffers(pa.large_string(), len(texts), [None, *buffers])


def _index_of(values: Any, name: Any) -> Any:
    """An index over such values, which pandas need not look at again."""
    import pandas as pd

    make = getattr(pd.Index, _DIRECT, None)
    return make(values, name) if make else pd.Index(values, dtype=values.dtype, name=name, copy=False)


def _wrapped(values: _Array) -> Any:
    """Dates as pandas keeps them; it would wrap them itself, and take longer."""
    import pandas as pd

    make = getattr(pd.arrays.DatetimeArray, _DIRECT, None) if values.dtype.kind == "M" else None
    return make(values, dtype=values.dtype) if make else values


_INDICES: dict[str, Callable[..., Any]] = {
    "range": _Reader._range,
    "array": _Reader._numbers,
    "text": _Reader._text,
    "M": _Reader._dates,
    "m": _Reader._spans,
}


@lru_cache(maxsize=64)
def _dtype(text: str) -> np.dtype[Any]:
    dtype = np.dtype(text)
    if dtype.kind not in _KINDS or dtype.str != text:
        raise Malformed(f"no type of numbers or dates: {text!r}")
    return dtype
