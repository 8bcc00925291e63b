"""Owns the bytes that values are made of: tags, lengths, and the scalars that need no walk.

Every part starts with a tag byte and tells its own length, so that parts can be joined and still be read in only one
way: no two different values can share their bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from struct import Struct
from typing import Any, Protocol

import numpy as np
from blake3 import blake3

from sweepable.errors import UndigestibleError

#: Up to this many bytes content stands in an encoding as it is; longer content enters as length and BLAKE3.
SHORT = 1024
#: From this many bytes on, BLAKE3 is worth its threads.
PARALLEL = 1 << 20

_NAN = float("nan")
_lengths = Struct("<Q").pack
_double = Struct("<cd").pack
_complex = Struct("<cdd").pack
_NAN_PART = _double(b"f", _NAN)
_INT = [b"i" + n.to_bytes(2, "little") for n in range(SHORT + 1)]
_STR = [b"s" + n.to_bytes(2, "little") for n in range(SHORT + 1)]
_BYTES = [b"b" + n.to_bytes(2, "little") for n in range(SHORT + 1)]


class Walk(Protocol):
    """What a handler is given to encode the values inside its value."""

    #: Whether what instances keep of their cached properties is left out.
    unfilled: bool

    def child(self, value: object, step: str, where: object = None) -> bytes:
        """Encode a value that is reached from the current one by a step."""

    def attempt(self, value: object, step: str, where: object = None) -> bytes | None:
        """The same; None for what has no content that could be told."""

    def member(self, value: object) -> bytes:
        """Encode a member of a set, whose encoding may not depend on the members before it."""

    def piece(self, value: object) -> bytes:
        """Encode a value made on the spot: it is neither remembered nor part of a cycle."""

    def described(self, value: object) -> bytes:
        """Encode a function or class by its code."""

    def met(self, key: str, value: object) -> str:
        """Note an upstream call, and return what it counts by."""

    def refusal(self, value: object, reason: str) -> UndigestibleError:
        """The error that says where the value sits and why it cannot be digested."""


Handler = Callable[[Walk, Any], bytes]

# How a value is reached from the one that holds it; see `written`.
INDEX, KEY, ATTRIBUTE, NAME, MEMBER, PART = "index", "key", "attribute", "name", "member", "part"


def written(path: str, trail: list[tuple[str, object]]) -> str:
    """The way from ``path`` along the steps, as one would write it."""
    for step, where in trail:
        if step == ATTRIBUTE:
            path = f"{path}.{where}"
        elif step == NAME:
            path = f"list({path})[{where}]"
        elif step == MEMBER:
            path = f"{path}{{...}}"
        elif step != PART:
            path = f"{path}[{_shown(where)}]"
    return path


def _shown(where: object) -> str:
    """A subscript for messages: never runs a user's code, never long."""
    if not isinstance(where, str | int | float | bytes | None) or type(where).__module__ != "builtins":
        if type(where) is tuple and all(type(part) in (int, str, float) for part in where):
            return ", ".join(map(repr, where)) or "()"
        return f"<{type_name(where)}>"
    shown = repr(where)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def type_name(value: object) -> str:
    """The qualified name of a value's type, without ``builtins``."""
    kind = type(value)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def size(number: int) -> bytes:
    """A length or count."""
    return _lengths(number)


def sized(data: bytes) -> bytes:
    """Data behind their length."""
    return _lengths(len(data)) + data


def named(name: str, payload: bytes) -> bytes:
    """A part whose tag is a word: for all types that have no tag byte of their own."""
    word = name.encode()
    return b"x" + bytes((len(word),)) + word + sized(payload)


def text(value: str) -> bytes:
    """The part of a str; surrogates have bytes too."""
    data = str.encode(value, "utf-8", "surrogatepass")
    if len(data) <= SHORT:
        return _STR[len(data)] + data
    return b"S" + long(data)


def octets(data: bytes | bytearray | memoryview) -> bytes:
    """The part of contiguous bytes."""
    count = data.nbytes if isinstance(data, memoryview) else len(data)
    return _BYTES[count] + bytes(data) if count <= SHORT else b"B" + long(data)


def long(data: bytes | bytearray | memoryview) -> bytes:
    """Length and BLAKE3 of content that is too long to stand in an encoding."""
    count = data.nbytes if isinstance(data, memoryview) else len(data)
    threads = blake3.AUTO if count >= PARALLEL else 1
    return _lengths(count) + blake3(data, max_threads=threads).digest()


def compact(part: bytes) -> bytes:
    """The part itself, or what stands for a long one: encodings stay small however much is shared below."""
    return part if len(part) <= SHORT else b"#" + long(part)


def integer(value: int) -> bytes:
    """The part of an int of any size."""
    count = int.bit_length(value) // 8 + 1
    data = int.to_bytes(value, count, "little", signed=True)
    return _INT[count] + data if count <= SHORT else b"J" + long(data)


def real(value: float) -> bytes:
    """The part of a float: all NaN are one, -0.0 is not 0.0."""
    return _NAN_PART if isnan(value) else _double(b"f", value)


def complex_number(value: complex) -> bytes:
    """The part of a complex, each half as a float."""
    halves = complex.__complex__(value)
    return _complex(b"c", *(_NAN if isnan(half) else half for half in (halves.real, halves.imag)))


def dtype_name(name: str) -> bytes:
    """The part of a dtype that its string tells in full."""
    return b"=" + bytes((len(name),)) + name.encode()


def _numpy_scalars() -> dict[type, tuple[bytes, bytes | None]]:
    """For each fixed-size numpy scalar type: what its part begins with, and the whole part of its NaN, if any."""
    found: dict[type, tuple[bytes, bytes | None]] = {}
    for code in "?bhilqBHILQefd":
        dtype = np.dtype(code)
        prefix = b"n" + dtype_name(dtype.str)
        found[dtype.type] = prefix, prefix + dtype.type(_NAN).tobytes() if dtype.kind == "f" else None
    return found


_NUMPY = _numpy_scalars()


def encode_scalar(value: object) -> bytes | None:
    """Encode a float, int, bool, str, None, short bytes or plain numpy number; None for any other type.

    Parameters
    ----------
    value : object
        Only exact types are taken: a subclass, numpy's aside, goes the general way.

    Returns
    -------
    bytes or None
        The same bytes that `encode` gives.
    """
    kind = type(value)
    if kind is float:
        return _double(b"f", value) if value == value else _NAN_PART
    if kind is str:
        data = value.encode("utf-8", "surrogatepass")  # type: ignore[attr-defined]
        count = len(data)
        return _STR[count] + data if count <= SHORT else b"S" + long(data)
    if kind is int:
        count = value.bit_length() // 8 + 1  # type: ignore[attr-defined]
        if count > SHORT:
            return integer(value)  # type: ignore[arg-type]
        return _INT[count] + value.to_bytes(count, "little", signed=True)  # type: ignore[attr-defined, no-any-return]
    if value is None:
        return b"N"
    if kind is bool:
        return b"T" if value else b"F"
    return _rarer_scalar(kind, value)


def _rarer_scalar(kind: type, value: Any) -> bytes | None:
    known = _NUMPY.get(kind)
    if known is not None:
        prefix, nan = known
        part: bytes = prefix + value.tobytes() if nan is None or not isnan(value) else nan
        return part
    if kind is bytes and len(value) <= SHORT:
        return _BYTES[len(value)] + bytes(value)
    return None
