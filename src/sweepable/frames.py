"""Cells as columns of pandas: read in batches, kept as arrays, and of the dtype that the values were computed with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from sweepable.store.cells import NONE, Cell, from_cell
from sweepable.store.codecs import Summary
from sweepable.tables import Reader

if TYPE_CHECKING:
    import pandas as pd

#: A float holds every int up to this one.
_EXACT = 2**53
#: How many calls are read at once.
BATCH = 2_000
_TRUE, _FALSE, _NAN = b"True", b"False", b"nan"

_Kind = Literal["nothing", "int", "float", "bool", "text", "moment", "utc", "duration", "other"]


class Chunk(NamedTuple):
    """Some cells of a column, of one kind; from it all values can be had as they were."""

    kind: _Kind
    #: NumPy's array of them; of text, and of what is of several kinds, an array of objects.
    values: Any
    #: Where there is none; None where all are there.
    missing: Any = None

    def objects(self) -> list[Any]:
        """The values as Python has them."""
        found: list[Any] = self.values.tolist()
        if self.kind == "utc":
            found = [value.replace(tzinfo=dt.UTC) for value in found]
        if self.missing is None:
            return found
        return [None if is_missing else value for value, is_missing in zip(found, self.missing, strict=True)]


class Facts:
    """What is to be known of all of a column before a part of it is made: the kinds of its values.

    Attributes
    ----------
    kinds : set of str
        The kinds of its chunks.
    has_missing : bool
        Whether any is missing.
    is_exact : bool
        Whether its ints are as good as floats.
    """

    def __init__(self) -> None:
        self.kinds: set[_Kind] = set()
        self.has_missing = False
        self.is_exact = True

    def note(self, chunk: Chunk) -> None:
        self.has_missing = self.has_missing or chunk.kind == "nothing" or chunk.missing is not None
        if chunk.kind != "nothing":
            self.kinds.add(chunk.kind)
        if chunk.kind == "int" and self.is_exact:
            self.is_exact = chunk.values.min() >= -_EXACT and chunk.values.max() <= _EXACT

    @property
    def kind(self) -> _Kind:
        """The kind of the column."""
        if self.kinds == {"int", "float"} and self.is_exact:
            return "float"
        return next(iter(self.kinds), "nothing") if len(self.kinds) < 2 else "other"


# -- from cells


def chunk_of(cells: Sequence[Any]) -> Chunk:
    """Cells of one column, as a chunk."""
    kinds = set(map(type, cells))
    missing = None
    if bytes in kinds and NONE in cells:
        cells = [None if cell == NONE else cell for cell in cells]
        kinds = set(map(type, cells))
    if NoneType in kinds:
        kinds.discard(NoneType)
        missing = np.fromiter((cell is None for cell in cells), bool, len(cells))
    if not kinds:
        return Chunk("nothing", np.full(len(cells), None), missing)
    if kinds == {float}:
        return Chunk("float", np.array(cells, float), missing)
    if kinds == {int}:
        return Chunk("int", _filled(cells, 0, missing, np.int64), missing)
    if kinds == {str}:
        return Chunk("text", _objects(_shared(cells)), missing)
    return _decoded(cells, kinds, missing)


def _shared(cells: Sequence[Any]) -> Sequence[Any]:
    """Texts of which there are few, each once in memory."""
    distinct = {text: text for text in cells}
    return cells if 4 * len(distinct) > len(cells) else [distinct[text] for text in cells]


def _decoded(cells: Sequence[Any], kinds: set[type], missing: Any) -> Chunk:
    blobs = {cell for cell in cells if type(cell) is bytes}
    if kinds == {bytes} and blobs <= {_TRUE, _FALSE}:
        return Chunk("bool", _filled(cells, _FALSE, missing, "S5") == _TRUE, missing)
    values = {blob: value_of(blob) for blob in blobs}
    found = [values[cell] if type(cell) is bytes else cell for cell in cells]
    if kinds <= {float, bytes} and blobs <= {_NAN}:
        return Chunk("float", np.array(found, float), missing)
    kinds = set(map(type, found)) - {NoneType}
    if kinds == {dt.datetime}:
        return _moments(found, missing)
    if kinds == {dt.timedelta}:
        return _in_range("duration", _filled(found, dt.timedelta(), missing, "m8[us]"), found, missing)
    return Chunk("other", _objects(found), missing)


def _moments(values: list[Any], missing: Any) -> Chunk:
    zones = {value.tzinfo for value in values if value is not None}
    if zones == {None}:
        return _in_range("moment", _filled(values, dt.datetime(2000, 1, 1), missing, "M8[us]"), values, missing)
    if zones == {dt.UTC}:
        plain = [None if value is None else value.replace(tzinfo=None) for value in values]
        return _in_range("utc", _filled(plain, dt.datetime(2000, 1, 1), missing, "M8[us]"), values, missing)
    return Chunk("other", _objects(values), missing)


def _in_range(kind: _Kind, found: Any, values: list[Any], missing: Any) -> Chunk:
    """Moments or durations, as objects where pandas counts in nanoseconds and they are too far away for these."""
    if _unit(found.dtype.kind) == "ns" and np.abs(found.astype(np.int64)).max() >= 2**63 // 1000:
        return Chunk("other", _objects(values), missing)
    return Chunk(kind, found, missing)


def _filled(values: Sequence[Any], instead: object, missing: Any, dtype: Any) -> Any:
    """An array, with something in the place of what is missing."""
    return np.array(values if missing is None else [instead if v is None else v for v in values], dtype)


def _objects(values: Sequence[Any]) -> Any:
    found = np.empty(len(values), object)
    found[:] = values
    return found


def value_of(cell: Cell) -> object:
    """The value of a cell, as a table shows it: a description of what no cell holds."""
    value = from_cell(cell)
    if not isinstance(value, Summary):
        return value
    # With a part of its digest, so that groupby tells apart what is different.
    return f"{value.text} #{value.digest[:8]}" if value.digest.strip("?") else value.text


# -- to columns


def column_of(facts: Facts, chunks: list[Chunk]) -> Any:
    """The array of a column, as a DataFrame has it; the chunks are used up.

    Parameters
    ----------
    facts : Facts
        Of the whole column, of which the chunks may be a part.
    chunks : list of Chunk
        In order.
    """
    if facts.kind in ("other", "nothing"):
        return inferred([value for chunk in _used_up(chunks) for value in chunk.objects()])
    found = [_part(facts, chunk) for chunk in _used_up(chunks)]
    try:
        return _joined(found)
    finally:
        found.clear()


def _used_up(chunks: list[Chunk]) -> Iterator[Chunk]:
    """The chunks, each forgotten where the next one is asked for."""
    chunks.reverse()
    while chunks:
        yield chunks.pop()


def _joined(parts: list[Any]) -> Any:
    import pandas as pd

    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, np.ndarray) for part in parts):
        whole = parts[0].base
        is_whole = isinstance(whole, np.ndarray) and all(part.base is whole for part in parts)
        return whole if is_whole and sum(map(len, parts)) == len(whole) else np.concatenate(parts)
    return pd.concat([pd.Series(part, copy=False) for part in parts], ignore_index=True).array


def _part(facts: Facts, chunk: Chunk) -> Any:
    """A chunk as a part of a column of another chunk's kind, perhaps: of ints among floats, of nothing among any."""
    import pandas as pd

    kind, values, missing = facts.kind, chunk.values, chunk.missing
    if kind == "text":
        return pd.Series(values, dtype=_text_dtype()).array
    if chunk.kind == "nothing":
        values = np.zeros(len(values), _PLAIN[kind])
    if kind == "float":
        values = values.astype(float, copy=False)
        if missing is not None:
            values[missing] = np.nan
        return values
    if kind in ("int", "bool") and facts.has_missing:
        mask = missing if missing is not None else np.zeros(len(values), bool)
        return pd.arrays.IntegerArray(values, mask) if kind == "int" else pd.arrays.BooleanArray(values, mask)
    if missing is not None:
        values[missing] = "NaT"
    if kind == "utc":
        return pd.Series(values.astype(f"M8[{_unit('M')}]")).dt.tz_localize("UTC").array
    return values.astype(f"{values.dtype.kind}8[{_unit(values.dtype.kind)}]") if values.dtype.kind in "mM" else values


_PLAIN: dict[str, Any] = {
    "int": np.int64, "bool": bool, "float": float, "moment": "M8[us]", "utc": "M8[us]", "duration": "m8[us]"
}  # fmt: skip


def _text_dtype() -> Any:
    """What pandas makes of a column of text: its own type from 3 on, objects before."""
    import pandas as pd

    return pd.Series(["text"]).dtype


@cache
def _unit(kind: str) -> str:
    """The unit in which pandas keeps moments and durations: microseconds from 3 on, nanoseconds before."""
    import pandas as pd

    sample = [dt.datetime(2000, 1, 1)] if kind == "M" else [dt.timedelta(1)]
    return np.datetime_data(pd.Series(sample).to_numpy().dtype)[0]


def inferred(values: list[Any]) -> Any:
    """The array that pandas makes of values, but for ints, which stay what they are."""
    import pandas as pd

    try:
        found = pd.Series(values, dtype=_dtype(values))
    except (TypeError, ValueError, OverflowError):  # what has no common type in pandas stays what it is
        return _objects(values)
    return found.to_numpy() if isinstance(found.dtype, np.dtype) else found.array


def _dtype(values: list[Any]) -> Any:
    """The dtype where pandas, left to itself, would make other numbers of these."""
    kinds = set(map(type, values))
    if not kinds - {NoneType}:
        return object
    if kinds == {int, NoneType}:
        return "Int64"  # with floats, large ints would be other ones
    if kinds <= {int, float, NoneType} and len(kinds & {int, float}) == 2:
        is_exact = all(type(value) is not int or abs(value) <= _EXACT for value in values)
        return float if is_exact else object
    return None


def table(columns: dict[str, Any], length: int) -> pd.DataFrame:
    """A frame of columns as `column_of` makes them, which it holds without copying or looking at them."""
    import pandas as pd

    index = pd.RangeIndex(length)
    found = {
        # Objects are what has no type in common: pandas would look for one again.
        name: pd.Series(values, index, dtype=object if values.dtype == object else None, copy=False)
        for name, values in columns.items()
    }
    return pd.DataFrame(found, index, columns=list(found), copy=False)


def batches(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """The ids in pieces of this size; of none, one empty piece."""
    return (ids[start : start + size] for start in range(0, max(len(ids), 1), size))


def _within(whole: Any, chunk: Chunk, start: int, length: int) -> tuple[Chunk, Any]:
    """A chunk of numbers as a part of one array of all of them: so that they are never there twice."""
    if chunk.kind not in ("float", "int", "bool"):
        return chunk, None
    if start == 0:
        whole = np.empty(length, chunk.values.dtype)
    if whole is None or whole.dtype != chunk.values.dtype:
        return chunk, None
    part = whole[start : start + len(chunk.values)]
    part[:] = chunk.values
    return chunk._replace(values=part), whole


def frame(reader: Reader, ids: Sequence[int]) -> pd.DataFrame:
    """Calls of one function as a table.

    Parameters
    ----------
    reader : Reader
        Of its columns.
    ids : sequence of int
        The calls, in order.

    Returns
    -------
    pandas.DataFrame
        Integers stay integers, bools bools; a value that no table cell holds (an array) shows as a summary.
    """
    chunks: list[list[Chunk]] = [[] for _ in reader.wanted]
    facts = [Facts() for _ in reader.wanted]
    wholes: list[Any] = [None] * len(reader.wanted)
    for number, some in enumerate(batches(ids, BATCH)):
        for place, cells in enumerate(reader.read(some)):
            chunk, wholes[place] = _within(wholes[place], chunk_of(cells), number * BATCH, len(ids))
            chunks[place].append(chunk)
            facts[place].note(chunk)
    shown = [place for place in range(len(facts)) if reader.is_shown(place)]
    found = {}
    for place in shown:
        found[reader.wanted[place].label] = column_of(facts[place], chunks[place])
        chunks[place].clear()  # else all of it would be there twice
    return table(found, len(ids))
