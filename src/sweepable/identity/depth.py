"""Owns how deep values may be nested, and that this depends on them alone, never on who asks."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Levels of one value within another. What is nested deeper can be neither pickled nor copied by Python itself.
DEEPEST = 500
TOO_DEEP = (
    f"it is nested too deeply, more than {DEEPEST} levels; pass it flat, as a list or an array, or say with "
    "sweepable.register_digest what stands for it"
)
#: So many more frames are enough for the deepest value, and few enough for any stack of C's.
_FRAMES = 6000


class TooDeep(RecursionError):
    """A value is nested deeper than is allowed."""


class _Room:
    """The recursion limit is the process's: the first who needs more raises it, the last puts it back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.limit = 0


_room = _Room()


@contextmanager
def room() -> Iterator[None]:
    """Raise the recursion limit for a while: encoding is Python calling Python, which takes no stack of C's."""
    with _room.lock:
        if not _room.users:
            _room.limit = sys.getrecursionlimit()
            sys.setrecursionlimit(_room.limit + _FRAMES)
        _room.users += 1
    try:
        yield
    finally:
        with _room.lock:
            _room.users -= 1
            if not _room.users:
                sys.setrecursionlimit(_room.limit)
