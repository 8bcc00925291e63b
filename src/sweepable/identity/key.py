"""The key of a call: one digest of the function's name, the version of its code and its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from blake3 import blake3

from sweepable.model import DIGESTED

# Part of every key: a change of what keys are made of makes a change here, never a clash.
_FORMAT = b"sweepable call 1"
#: Short lengths as `framed` writes them: this is on the way of every hit.
_SIZES = [size.to_bytes(8, "little") for size in range(256)]


def framed(part: bytes) -> bytes:
    """`part` with its length before it, so that a sequence of parts reads in one way only."""
    size = len(part)
    return (_SIZES[size] if size < 256 else size.to_bytes(8, "little")) + part


#: Encodings up to this length stand in a key as they are; of longer ones stands the digest.
SHORT = 64


def key_part(encoded: bytes) -> bytes:
    """What of an argument's encoding stands in the key: so little that it can be kept, and the key be made again."""
    return encoded if len(encoded) <= SHORT else DIGESTED + blake3(encoded).digest()


class KeyMaker:
    """Makes the keys of one function's calls.

    Parameters
    ----------
    name : str
        The function's name.
    parameters : sequence of str
        The parameters that count, in the order in which their encodings are given.
    """

    __slots__ = ("_heads", "_name", "_prefix")

    def __init__(self, name: str, parameters: Sequence[str]) -> None:
        self._name = framed(_FORMAT) + framed(name.encode())
        labels = [framed(parameter.encode()) for parameter in parameters]
        # What comes before a part, by the part's length: parts are short, and this is on the way of every hit.
        self._heads = [[label + size for size in _SIZES[: SHORT + 1]] for label in labels]
        # Version and prefix change together, in one assignment: threads may make keys at the same time.
        self._prefix = ("", b"")

    def key(self, version: str, parts: Sequence[bytes], further: Iterable[tuple[str, str]] = ()) -> str:
        """The key, as 64 hex digits.

        Parameters
        ----------
        version : str
            Digest of the code's version.
        parts : sequence of bytes
            One per parameter, as `key_part` makes them of its encoding.
        further : iterable of (str, str)
            Names and keys of declared upstream calls that are no arguments.
        """
        known, prefix = self._prefix
        if version != known:
            prefix = self._name + framed(version.encode())
            self._prefix = (version, prefix)
        whole = [prefix]
        add = whole.append
        for heads, part in zip(self._heads, parts, strict=True):
            add(heads[len(part)])
            add(part)
        for name, key in further:
            whole += (framed(b"depends_on"), framed(name.encode()), framed(key.encode()))
        return blake3(b"".join(whole)).hexdigest()


def content_digest(kind: str, *parts: bytes) -> str:
    """The digest of what is content and no identity: the same under other names and other code.

    Parameters
    ----------
    kind : str
        What it is the digest of; digests of two kinds never meet.
    *parts : bytes
        What it consists of.
    """
    whole = [_opening(kind)]
    add = whole.append
    for part in parts:  # as `framed` does it: every call that runs has three of them
        size = len(part)
        add(_SIZES[size] if size < 256 else size.to_bytes(8, "little"))
        add(part)
    # Half of a key's length: they stand in every row.
    return blake3(b"".join(whole)).hexdigest(length=16)


@lru_cache(maxsize=64)
def _opening(kind: str) -> bytes:
    return framed(b"sweepable content 1") + framed(kind.encode())


def pinned_version(label: str, home: str, closure: bytes, packages: Sequence[str] = ()) -> str:
    """The version digest of code that its author has pinned by hand.

    Parameters
    ----------
    label : str
        What the author wrote.
    home : str
        Where the function lives: two functions of one name are not one because their labels are.
    closure : bytes
        Encoding of the values that the function holds: they are data, not code.
    packages : sequence of str
        Packages whose version counts all the same, with that.
    """
    named = (package.encode() for package in packages)
    parts = (b"sweepable pinned version", label.encode(), home.encode(), closure, *named)
    return blake3(b"".join(map(framed, parts))).hexdigest()
