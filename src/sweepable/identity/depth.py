"""Owns how deep values may be nested, and that this depends on them alone, never on who asks."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress

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
    """More room on the stack, for a while: encoding is Python calling Python, which takes no stack of C's.

    The recursion limit is the process's: the first thread that needs more raises it, the last puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limit: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._limit is None:
                self._limit = sys.getrecursionlimit()
                sys.setrecursionlimit(self._limit + _FRAMES)
            self._users += 1

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and self._limit is not None:
                with suppress(RecursionError):  # at the very end of the stack; whoever needs room next puts it back
                    sys.setrecursionlimit(self._limit)
                    self._limit = None


room = _Room()
