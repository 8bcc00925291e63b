"""How one value becomes bytes: the choice of codec, and what a row says of a value that stands elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from sweepable.errors import DamagedError
from sweepable.identity.origin import is_user_code
from sweepable.store import frames, npy, pickles, plain
from sweepable.store.files import Buffer
from sweepable.store.pickles import CannotEncode

__all__ = ["CannotEncode", "External", "Externals", "OutputFacts", "Summary", "encode_value", "type_name"]

#: Larger values stand in files of their own.
INLINE = 4096
#: The most that stands in one row; what comes after goes to files, however small.
ROW = 64 * 1024
EXTENSIONS = {"npy": "npy", "frame": "frame", "pickle": "pkl"}
#: Their values lie in the memory that they are read into, and are free to change.
IN_PLACE = frozenset({"npy", "frame"})


class Summary(NamedTuple):
    """What is left of a value that was not kept: a few words and the digest by which it entered the key."""

    text: str
    digest: str

    def __repr__(self) -> str:
        return f"<{self.text}>" if not self.digest else f"<{self.text} #{self.digest[:8]}>"


class OutputFacts(NamedTuple):
    """What is known of an output without loading it.

    Attributes
    ----------
    codec : str
        ``data``, ``npy``, ``frame`` or ``pickle``.
    nbytes : int
        Bytes that it takes in the store.
    type_name : str
        Its type, with the module unless built in.
    shape : tuple of int or None
        Of arrays and frames.
    dtype : str
        Of arrays.
    """

    codec: str
    nbytes: int
    type_name: str
    shape: tuple[int, ...] | None = None
    dtype: str = ""


class External(NamedTuple):
    """A value that is not plain: its facts, and its bytes or the name of the blob that holds them."""

    codec: str
    nbytes: int
    type_name: str
    shape: tuple[int, ...] | None
    dtype: str
    inline: bytes | None
    digest: str
    #: Whether it is more than its bytes: it brings code of the user's along, or names a file.
    code: bool = False

    @property
    def facts(self) -> OutputFacts:
        """What is known without loading it."""
        return OutputFacts(*self[:5])


#: Stores the chunks of a value and returns the digest of their bytes.
Keep = Callable[[str, list[Buffer], int], str]


class Externals:
    """Decides, for one row, what stands in it and what in blobs.

    Parameters
    ----------
    keep : callable
        Called as ``keep(extension, chunks, size)`` for each value that goes to a blob; returns its digest.
    """

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._room = ROW

    def encoded(
        self, value: object, *, limit: int | None = None, parts: Sequence[object] = (), codec: str | None = None
    ) -> External | None:
        """`value` as an `External`; None where it takes more than `limit` bytes."""
        codec, chunks, code = encode_value(value, limit=limit, parts=parts, codec=codec)
        size = sum(len(chunk) for chunk in chunks)
        if limit is not None and (size > limit or not chunks):
            return None
        shape, dtype = shape_of(value)
        inline, digest = None, ""
        if size <= min(INLINE, self._room):
            inline = b"".join(chunks)
            self._room -= size
        else:
            digest = self._keep(EXTENSIONS[codec], chunks, size)
        return External(codec, size, type_name(value), shape, dtype, inline, digest, code)


def encode_value(
    value: object, *, limit: int | None = None, parts: Sequence[object] = (), codec: str | None = None
) -> tuple[str, list[Buffer], bool]:
    """The codec for a value that is not plain, its bytes in chunks (none at all when beyond `limit`), and whether
    it brings code along.
    """
    if codec != "pickle" and not parts:
        if npy.accepts(value):
            assert isinstance(value, np.ndarray)
            return "npy", [] if limit is not None and value.nbytes > limit else npy.encode(value), False
        chunks = frames.encode(value, limit)
        if chunks is not None:
            return "frame", chunks, False
    found = pickles.encode(value, limit=limit, parts=parts)
    return ("pickle", *found) if found is not None else ("pickle", [], False)


def decode_value(codec: str, buffer: Any, parts: Sequence[object] = ()) -> object:
    """The value that `encode_value` was given, over `buffer`.

    Raises
    ------
    DamagedError
        When the bytes do not make a value: with other code, or without the packages, that they were written with.
    """
    try:
        if codec == "npy":
            return npy.decode(buffer)
        if codec == "frame":
            return frames.decode(buffer)
        if codec == "pickle":
            return pickles.decode(buffer, parts)
    except plain.Malformed as error:
        raise DamagedError(f"a stored value is damaged: {error}") from error
    except Exception as error:
        raise DamagedError(f"a stored value cannot be loaded any more: {type(error).__name__}: {error}") from error
    raise DamagedError(f"a stored value is of an unknown codec, {codec!r}")


def to_external(content: Any) -> External:
    """The `External` of what was read from a row, checked."""
    try:
        found = External(*content)
    except TypeError as error:
        raise plain.Malformed("not a reference to a value") from error
    whole = type(found.inline) is bytes and len(found.inline) == found.nbytes
    if found.codec not in EXTENSIONS or type(found.nbytes) is not int or not (whole or found.inline is None):
        raise plain.Malformed("not a reference to a value")
    return found


def plain_facts(value: object, nbytes: int) -> OutputFacts:
    """The facts of a value that stands in its row."""
    shape, dtype = shape_of(value) if isinstance(value, np.generic) else (None, "")
    return OutputFacts("data", nbytes, type_name(value), shape, dtype)


def type_name(value: object) -> str:
    """The type of a value as people write it."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def shape_of(value: object) -> tuple[tuple[int, ...] | None, str]:
    """Shape and dtype of an array, the shape of a frame; None and an empty text for what has none."""
    if is_user_code(type(value)):  # asked for nothing: its properties may do anything
        return None, ""
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple) or not all(isinstance(size, (int, np.integer)) for size in shape):
        return None, ""
    dtype = getattr(value, "dtype", None)
    return tuple(int(size) for size in shape), "" if dtype is None else str(dtype)[:200]
