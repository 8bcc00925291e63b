"""The data-only form of plain Python values: what stands in a row, and what loading it can never run code.

Each value is a tag byte and its content; lengths come first. Only exact types are written: a subclass, a
container met twice or one that holds itself is not plain, because it could not come back as what it was.
The reader believes nothing: every length is checked against what is there.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

#: The most bytes that one plain value may take, unless the caller says otherwise.
LIMIT = 4096
_DEPTH = 48
# Not long doubles: of their sixteen bytes, six are whatever was in memory.
_SCALAR_TYPE = r"[<>|](?:[biufmM][1248]|c8|c16)(\[[0-9A-Za-z/]{1,12}\])?"


class NotPlain(Exception):
    """The value has no data-only form."""


class Malformed(ValueError):
    """The bytes are not what `encode` writes."""


class Extension(NamedTuple):
    """A tagged part whose meaning the caller of `decode` knows: see `extension`."""

    tag: str
    content: object


# -- writing


class _Writer:
    __slots__ = ("depth", "met", "parts", "room")

    def __init__(self, limit: int | None) -> None:
        self.parts: list[bytes] = []
        self.room = 1 << 62 if limit is None else limit
        self.met: set[int] = set()
        self.depth = 0

    def add(self, data: bytes) -> None:
        self.room -= len(data)
        if self.room < 0:
            raise NotPlain("too large")
        self.parts.append(data)

    def value(self, value: object) -> None:
        kind = type(value)
        if kind in _SCALARS:
            self.add(_SCALARS[kind](value))
        elif kind in _WRITERS:
            _WRITERS[kind](self, value)
        elif isinstance(value, np.generic):
            _write_scalar(self, value)
        else:
            raise NotPlain(type(value).__qualname__)

    def many(self, tag: bytes, values: Any, count: int) -> None:
        if count > self.room or self.depth >= _DEPTH:
            raise NotPlain("too large or too deep")
        self.add(tag + _U32.pack(count))
        self.depth += 1
        for value in values:
            self.value(value)
        self.depth -= 1

    def once(self, container: object) -> None:
        """A container that others could share is written once only: a copy is not the same object."""
        if id(container) in self.met:
            raise NotPlain("shared or recursive container")
        self.met.add(id(container))


_U32, _I64, _F64, _C128 = struct.Struct("<I"), struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<dd")


def _int(value: int) -> bytes:
    if -(2**63) <= value < 2**63:
        return b"i" + _I64.pack(value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"I" + _U32.pack(len(data)) + data


def _write_sized(out: _Writer, tag: bytes, data: bytes) -> None:
    if len(data) > out.room:
        raise NotPlain("too large")
    out.add(tag + _U32.pack(len(data)) + data)


def _write_str(out: _Writer, value: str) -> None:
    if len(value) > out.room:
        raise NotPlain("too large")
    _write_sized(out, b"s", value.encode("utf-8", "surrogatepass"))


def _write_list(out: _Writer, value: list[Any]) -> None:
    out.once(value)
    out.many(b"l", value, len(value))


def _write_dict(out: _Writer, value: dict[Any, Any]) -> None:
    out.once(value)
    out.many(b"D", (part for pair in value.items() for part in pair), len(value))


def _write_set(out: _Writer, value: set[Any]) -> None:
    out.once(value)
    _write_unordered(out, b"S", value)


def _write_unordered(out: _Writer, tag: bytes, values: Any) -> None:
    """Sorted by what is written, so that equal sets are equal bytes."""
    if len(values) > out.room or out.depth >= _DEPTH:
        raise NotPlain("too large or too deep")
    out.add(tag + _U32.pack(len(values)))
    for data in sorted(_encoded_part(out, value) for value in values):
        out.add(data)


def _encoded_part(out: _Writer, value: object) -> bytes:
    part = _Writer(out.room)
    part.met, part.depth = out.met, out.depth + 1
    part.value(value)
    return b"".join(part.parts)


@lru_cache(maxsize=256)
def _is_scalar_type(text: str) -> bool:
    return re.fullmatch(_SCALAR_TYPE, text) is not None


def _write_scalar(out: _Writer, value: np.generic) -> None:
    text = value.dtype.str
    # Some types share a description (longlong and int64): the one that would come back must be the one given.
    if not _is_scalar_type(text) or np.dtype(text).type is not type(value) or value.dtype.metadata:
        raise NotPlain(type(value).__qualname__)
    out.add(b"n" + bytes([len(text)]) + text.encode() + value.tobytes())


#: Of what holds nothing else and is short, or was made in memory already: most of what is written.
_SCALARS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"N",
    bool: lambda value: b"T" if value else b"F",
    int: _int,
    float: lambda value: b"d" + _F64.pack(value),
    complex: lambda value: b"c" + _C128.pack(value.real, value.imag),
    np.float64: lambda value: b"f" + _F64.pack(value),
    np.bool_: lambda value: b"?" + (b"\1" if value else b"\0"),
}
_WRITERS: dict[type, Callable[[_Writer, Any], None]] = {
    str: _write_str,
    bytes: lambda out, value: _write_sized(out, b"b", value),
    tuple: lambda out, value: out.many(b"t", value, len(value)),
    list: _write_list,
    dict: _write_dict,
    set: _write_set,
    frozenset: lambda out, value: _write_unordered(out, b"Z", value),
}


def encode(value: object, limit: int | None = LIMIT) -> bytes:
    """The bytes of a plain value.

    Parameters
    ----------
    value : object
        None, bool, int, float, complex, str, bytes, a NumPy scalar, or a tuple, list, dict, set or frozenset of such.
    limit : int or None, default 4096
        The most bytes; None for any number.

    Raises
    ------
    NotPlain
        When the value is of another type, too large, too deep, or holds one container twice.
    """
    scalar = _SCALARS.get(type(value))
    if scalar is not None:
        data = scalar(value)
        if limit is not None and len(data) > limit:
            raise NotPlain("too large")
        return data
    writer = _Writer(limit)
    writer.value(value)
    return b"".join(writer.parts)


def text(value: str) -> bytes:
    """The same bytes as `encode` makes of a string of any length."""
    data = value.encode("utf-8", "surrogatepass")
    return b"s" + _U32.pack(len(data)) + data


def octets(value: bytes) -> bytes:
    """The same bytes as `encode` makes of bytes of any length."""
    return b"b" + _U32.pack(len(value)) + value


def opening(tag: str, count: int) -> bytes:
    """How a tuple ("t") or list ("l") of so many parts begins."""
    return tag.encode() + _U32.pack(count)


def sequence(tag: str, parts: list[bytes]) -> bytes:
    """A tuple ("t") or list ("l") of parts that are encoded already."""
    return opening(tag, len(parts)) + b"".join(parts)


def mapping(keys: list[bytes], values: list[bytes]) -> bytes:
    """A dict of parts that are encoded already."""
    return b"D" + _U32.pack(len(keys)) + b"".join(part for pair in zip(keys, values, strict=True) for part in pair)


def extension(tag: str, content: bytes) -> bytes:
    """A part that `decode` hands to its `load`, or returns as an `Extension`; tags are ``X`` and ``O``."""
    return tag.encode() + content


# -- reading

Load = Callable[[str, Any], object]
_Reader = Callable[[bytes, int, "Load | None"], "tuple[Any, int]"]


def _read_many(data: bytes, pos: int, load: Load | None, each: int = 1) -> tuple[list[Any], int]:
    (count,) = _U32.unpack_from(data, pos)
    pos += 4
    if count * each > len(data) - pos:
        raise Malformed("a length beyond the end")
    values, readers = [], _READERS
    for _ in range(count * each):
        value, pos = readers[data[pos]](data, pos + 1, load)
        values.append(value)
    return values, pos


def _read_bytes(data: bytes, pos: int, load: Load | None) -> tuple[bytes, int]:
    (size,) = _U32.unpack_from(data, pos)
    start = pos + 4
    end = start + int(size)
    if end > len(data):
        raise Malformed("a length beyond the end")
    return data[start:end], end


def _read_str(data: bytes, pos: int, load: Load | None) -> tuple[str, int]:
    start = pos + 4
    end: int = start + _U32.unpack_from(data, pos)[0]
    if end > len(data):
        raise Malformed("a length beyond the end")
    try:
        return data[start:end].decode(), end
    except UnicodeDecodeError:  # lone surrogates
        return data[start:end].decode("utf-8", "surrogatepass"), end


def _read_float(data: bytes, pos: int, load: Load | None) -> tuple[float, int]:
    return _F64.unpack_from(data, pos)[0], pos + 8


def _read_int(data: bytes, pos: int, load: Load | None) -> tuple[int, int]:
    return _I64.unpack_from(data, pos)[0], pos + 8


def _read_long(data: bytes, pos: int, load: Load | None) -> tuple[int, int]:
    raw, pos = _read_bytes(data, pos, load)
    return int.from_bytes(raw, "little", signed=True), pos


def _read_complex(data: bytes, pos: int, load: Load | None) -> tuple[complex, int]:
    return complex(*_C128.unpack_from(data, pos)), pos + 16


def _read_tuple(data: bytes, pos: int, load: Load | None) -> tuple[Any, int]:
    values, pos = _read_many(data, pos, load)
    return tuple(values), pos


def _read_dict(data: bytes, pos: int, load: Load | None) -> tuple[Any, int]:
    values, pos = _read_many(data, pos, load, 2)
    return dict(zip(values[::2], values[1::2], strict=True)), pos


def _read_set(data: bytes, pos: int, load: Load | None) -> tuple[Any, int]:
    values, pos = _read_many(data, pos, load)
    return set(values), pos


def _read_frozenset(data: bytes, pos: int, load: Load | None) -> tuple[Any, int]:
    values, pos = _read_many(data, pos, load)
    return frozenset(values), pos


def _read_float64(data: bytes, pos: int, load: Load | None) -> tuple[Any, int]:
    return np.float64(_F64.unpack_from(data, pos)[0]), pos + 8


def _read_bool(data: bytes, pos: int, load: Load | None) -> tuple[Any, int]:
    return np.bool_(data[pos] != 0), pos + 1


def _read_scalar(data: bytes, pos: int, load: Load | None) -> tuple[Any, int]:
    start = pos + 1
    end = start + data[pos]
    text = data[start:end].decode("ascii")
    if not _is_scalar_type(text):
        raise Malformed(f"unknown scalar type {text!r}")
    dtype = np.dtype(text)
    return np.frombuffer(data, dtype, 1, end)[0], end + dtype.itemsize


def _read_extension(tag: str) -> _Reader:
    def read(data: bytes, pos: int, load: Load | None) -> tuple[Any, int]:
        content, pos = _READERS[data[pos]](data, pos + 1, load)
        return (Extension(tag, content) if load is None else load(tag, content)), pos

    return read


def _read_unknown(data: bytes, pos: int, load: Load | None) -> tuple[Any, int]:
    raise Malformed(f"unknown tag {data[pos - 1]}")


_READERS: list[_Reader] = [_read_unknown] * 256
for _tag, _reader in {
    "N": lambda data, pos, load: (None, pos),
    "T": lambda data, pos, load: (True, pos),
    "F": lambda data, pos, load: (False, pos),
    "i": _read_int,
    "I": _read_long,
    "d": _read_float,
    "c": _read_complex,
    "s": _read_str,
    "b": _read_bytes,
    "t": _read_tuple,
    "l": _read_many,
    "D": _read_dict,
    "S": _read_set,
    "Z": _read_frozenset,
    "f": _read_float64,
    "?": _read_bool,
    "n": _read_scalar,
    "X": _read_extension("X"),
    "O": _read_extension("O"),
}.items():
    _READERS[ord(_tag)] = _reader


def decode(data: bytes, load: Load | None = None) -> Any:
    """The value that `encode` was given.

    Parameters
    ----------
    data : bytes
        What was encoded.
    load : callable, optional
        Called as ``load(tag, content)`` for each extension; without it they come as `Extension`.

    Raises
    ------
    Malformed
        When the bytes are anything else.
    """
    try:
        value, end = _READERS[data[0]](data, 1, load)
    except Malformed:
        raise
    except (struct.error, IndexError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Malformed(str(error)) from error
    if end != len(data):
        raise Malformed("bytes are left over")
    return value
