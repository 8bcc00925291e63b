"""The codec of everything else: pickle protocol 5, its large buffers beside it, so that a mapped file is not copied.

A container is: magic, alignment, sizes of the pickle and its buffers, the pickle, the buffers. Buffers are aligned
to pages in files. Classes and functions of ``__main__`` are written by name with a copy by value: whoever loads them
gets the class of the running script where there is one, so that ``isinstance`` holds in its next run.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import types
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np

from sweepable.errors import SweepableError
from sweepable.identity.origin import is_user_code
from sweepable.store.files import Buffer
from sweepable.store.plain import Malformed

_MAGIC = b"SWPKL\x01\r\n"
_HEAD = struct.Struct("<8sIIQ")  # magic, alignment, number of buffers, bytes of pickle
_PART = struct.Struct("<QB")  # bytes of a buffer, whether it is read-only
_PAGE = 4096
#: Smaller buffers stay in the pickle: a page for each would be mostly air.
_BESIDE = 32 * 1024
#: Integers that NumPy pickles as their twins of the same size.
_TWINS = {np.longlong, np.ulonglong} - {np.int64, np.uint64}
_COPY_LIMIT = 256 * 1024
_MAIN = ("__main__", "__mp_main__")


class CannotEncode(SweepableError, ValueError):
    """A value cannot be stored.

    Attributes
    ----------
    reason : str
        Why, in words for people.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class _TooLarge(Exception):
    pass


class _Bounded(io.BytesIO):
    """A file in memory that refuses to grow beyond a limit."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._room = limit

    def write(self, data: Any) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise _TooLarge
        return super().write(data)


# -- writing


class Container(NamedTuple):
    """A value as it is written."""

    chunks: list[Buffer]
    #: Whether the value is more than its bytes: it brings code of the user's along (instances of their classes,
    #: functions), or names a file.
    code: bool


def encode(value: object, *, limit: int | None = None, parts: Sequence[object] = ()) -> Container | None:
    """A container in chunks, whose buffers are not copied.

    Parameters
    ----------
    value : object
        Anything that pickle, or else cloudpickle, takes.
    limit : int or None, default None
        The most bytes; beyond it the answer is None, without having pickled all of it.
    parts : sequence of object
        Objects within `value` that are stored elsewhere: the container refers to them by position.

    Raises
    ------
    CannotEncode
        When neither can pickle it.
    """
    try:
        data, buffers, kinds = _pickled(value, limit, parts)
    except _TooLarge:
        return None
    small = len(data) + sum(len(part) for part in buffers) <= _PAGE
    chunks = _container(data, buffers, 1 if small else _PAGE)
    if limit is not None and sum(len(chunk) for chunk in chunks) > limit:
        return None
    return Container(chunks, any(map(_is_more, kinds)))


def _is_more(kind: object) -> bool:
    """Whether objects of a kind are more than their bytes: code of the user's, modules, paths, Records."""
    import pathlib

    if not isinstance(kind, type):
        return is_user_code(kind)
    more = issubclass(kind, pathlib.PurePath | types.ModuleType) or hasattr(kind, "__sweepable_key__")
    return more or is_user_code(kind)


_Pickled: TypeAlias = tuple[bytes, list[memoryview], list[object]]


def _pickled(value: object, limit: int | None, parts: Sequence[object]) -> _Pickled:
    try:
        return _dump(_PlainPickler, value, limit, parts)
    except _TooLarge:
        raise
    except Exception as first:
        try:
            return _dump(_cloud_pickler(), value, limit, parts)
        except _TooLarge:
            raise
        except Exception:
            raise CannotEncode(f"a {type(value).__qualname__} that cannot be pickled: {first}") from first


def _dump(pickler: Any, value: object, limit: int | None, parts: Sequence[object]) -> _Pickled:
    buffers: list[memoryview] = []
    room = 1 << 62 if limit is None else limit

    def keep_inside(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes > room:
            raise _TooLarge
        if raw.nbytes < _BESIDE:
            return True
        buffers.append(raw)
        return False

    file = io.BytesIO() if limit is None else _Bounded(limit)
    if parts:
        pickler = _referring(pickler, parts)
    writing = pickler(file, protocol=5, buffer_callback=keep_inside)
    writing.kinds = {}
    writing.dump(value)
    return file.getvalue(), buffers, list(writing.kinds.values())


def _referring(pickler: Any, parts: Sequence[object]) -> type[pickle.Pickler]:
    places = {id(part): index for index, part in enumerate(parts)}

    class Referring(pickler):  # type: ignore[misc]
        def persistent_id(self, found: object) -> int | None:
            return places.get(id(found))

    return Referring


def _container(data: bytes, buffers: list[memoryview], align: int) -> list[Buffer]:
    head = _HEAD.pack(_MAGIC, align, len(buffers), len(data))
    table = b"".join(_PART.pack(part.nbytes, part.readonly) for part in buffers)
    chunks: list[Buffer] = [head + table + data]
    size = len(chunks[0])
    for part in buffers:
        gap = -size % align
        chunks += [bytes(gap), part] if gap else [part]
        size += gap + part.nbytes
    return chunks


def _reduce_main(found: Any) -> tuple[Any, ...] | None:
    """How classes and functions of ``__main__``, or made inside functions, are written: None for all else."""
    if not isinstance(found, (type, types.FunctionType)):
        return (type(found), (int(found),)) if any(type(found) is twin for twin in _TWINS) else None
    name = found.__qualname__
    if found.__module__ not in _MAIN and "<locals>" not in name:
        return None
    by_name = named_in_main(name) if found.__module__ in _MAIN else found
    # A name that now means something else, as that of a decorated function does, would load the wrong thing.
    if (by_name is not None and by_name is not found) or "<" in name:
        name = ""
    copy = _copy_by_value(found, needed=not name)
    return restore_main, (name, isinstance(found, type), copy)


def _copy_by_value(found: object, *, needed: bool) -> bytes:
    """A copy that needs no name; left out when it would drag large globals along and the name will do."""
    import cloudpickle

    file = io.BytesIO() if needed else _Bounded(_COPY_LIMIT)
    try:
        cloudpickle.Pickler(file, protocol=5).dump(found)
    except Exception:
        if needed:
            raise
        return b""
    return file.getvalue()


def _reduce(found: Any) -> tuple[Any, ...] | None:
    """How the few kinds of objects are written that pickle would write otherwise: None for all others."""
    if type(found) is np.ndarray and found.dtype.kind in "mM" and found.nbytes >= _BESIDE:
        # NumPy lends no buffer of dates: pickle would copy them into its stream, and out of it at each load.
        return restore_dates, (found.view(np.int64), found.dtype)
    if type(found) is np.ndarray and not (found.dtype.isnative or found.flags.forc or found.dtype.hasobject):
        # NumPy would bring values with gaps between them back in the byte order of this machine.
        return cast("tuple[Any, ...]", np.ascontiguousarray(found).__reduce_ex__(5))
    if isinstance(found, np.ndarray) and _loses_attributes(type(found)) and getattr(found, "__dict__", None):
        return restore_array, (type(found), found.view(np.ndarray)), vars(found), None, None, restore_attributes
    return _reduce_main(found)


def _loses_attributes(kind: type) -> bool:
    """Whether a class of arrays leaves to NumPy how it is pickled, which knows of no attributes."""
    if kind.__module__.partition(".")[0] == "numpy" or issubclass(kind, np.memmap):  # whose attributes are its file
        return False
    ways = ("__reduce__", "__reduce_ex__", "__setstate__")
    return all(getattr(kind, way) is getattr(np.ndarray, way) for way in ways)


class _PlainPickler(pickle.Pickler):
    #: The classes of what was written, and the classes and functions among it, by id: some cannot be hashed.
    kinds: dict[int, object]

    def reducer_override(self, found: Any) -> Any:
        _note_kind(self.kinds, found)
        reduced = _reduce(found)
        return NotImplemented if reduced is None else reduced


def _note_kind(kinds: dict[int, object], found: object) -> None:
    kind = found if isinstance(found, type | types.FunctionType) else type(found)
    kinds[id(kind)] = kind


def _cloud_pickler() -> type[pickle.Pickler]:
    import cloudpickle

    class CloudPickler(cloudpickle.Pickler):  # type: ignore[misc]
        kinds: dict[int, object]

        def reducer_override(self, found: Any) -> Any:
            _note_kind(self.kinds, found)
            if isinstance(found, (io.TextIOWrapper, memoryview)):
                # cloudpickle would make text in memory of the one, and bytes of the other
                raise pickle.PicklingError(f"a {type(found).__name__} would not come back as one")
            reduced = _reduce(found)
            return super().reducer_override(found) if reduced is None else reduced

    return CloudPickler


# -- reading


def restore_array(kind: type[Any], plain: Any) -> object:
    """The array of a class of the user's."""
    return plain.view(kind)


def restore_attributes(found: Any, attributes: dict[str, Any]) -> None:
    """Give an array the attributes that it had, and none that its class sets on every view."""
    vars(found).clear()
    vars(found).update(attributes)


def decode(buffer: Any, parts: Sequence[object] = ()) -> object:
    """The value of a container; large buffers stay where they are in `buffer`.

    Whatever a pickle raises while it loads comes out as it is: see the caller.
    """
    data, buffers = _taken_apart(memoryview(buffer))
    if not parts:
        return pickle.loads(data, buffers=buffers)
    return _Unpickler(data, buffers, parts).load()


def _taken_apart(view: memoryview) -> tuple[memoryview, list[memoryview]]:
    try:
        magic, align, count, size = _HEAD.unpack_from(view)
        table = [_PART.unpack_from(view, _HEAD.size + index * _PART.size) for index in range(count)]
    except struct.error as error:
        raise Malformed("a pickle container that is cut short") from error
    start = _HEAD.size + count * _PART.size
    if magic != _MAGIC or not 1 <= align <= 1 << 20 or start + size > len(view):
        raise Malformed("not a pickle container")
    end, buffers = start + size, []
    for length, readonly in table:
        first = end + -end % align
        end = first + length
        buffers.append(view[first:end].toreadonly() if readonly else view[first:end])
    if end != len(view):
        raise Malformed("a pickle container that is cut short")
    return view[start : start + size], buffers


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: memoryview, buffers: list[memoryview], parts: Sequence[object]) -> None:
        super().__init__(io.BytesIO(data), buffers=buffers)
        self._parts = parts

    def persistent_load(self, position: Any) -> object:
        return self._parts[position]


def named_in_main(name: str) -> object | None:
    """What a dotted name means in the script that is running; None for nothing."""
    found: object = sys.modules.get("__main__")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def restore_dates(ticks: Any, dtype: Any) -> Any:
    """An array of datetime64 or timedelta64 over the memory of its ticks."""
    return ticks.view(dtype)


_copies: dict[bytes, object] = {}


def restore_main(name: str, is_class: bool, copy: bytes) -> object:
    """The class or function of the running script by its name, else the copy that was stored."""
    found = named_in_main(name) if name else None
    if found is not None and isinstance(found, type if is_class else types.FunctionType):
        return found
    if not copy:
        raise AttributeError(f"{name} is not defined in __main__")
    if copy not in _copies:  # one copy per process: what one result calls a Point, the next does too
        _copies[copy] = pickle.loads(copy)
    return _copies[copy]
