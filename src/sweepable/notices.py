"""What is said to users: warnings at their own line, no more often than there is something new to say; and the log."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

_PACKAGE = os.path.dirname(__file__)
#: Files whose frames are not the user's, though they may stand between two of ours.
_BETWEEN = (_PACKAGE, "<sweepable", contextlib.__file__)

_said: set[tuple[object, ...]] = set()
_saying = threading.Lock()


def logger() -> logging.Logger:
    """The library's logger. `logging` is slow to import, and most programs never have anything logged."""
    import logging

    return logging.getLogger("sweepable")


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line of the user's code that led here."""
    warnings.warn(message, category, stacklevel=_level())


def warn_once(mark: tuple[object, ...], message: str, category: type[Warning]) -> None:
    """Warn, unless a warning with this mark was given in this process."""
    if first(mark):
        warn(message, category)


def first(mark: tuple[object, ...]) -> bool:
    """Whether this mark has not been met in this process."""
    if mark in _said:
        return False
    with _saying:
        fresh = mark not in _said
        _said.add(mark)
    return fresh


def _level() -> int:
    """How many frames above `warn`'s own call the nearest one is that is not of this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_BETWEEN):
        level, frame = level + 1, frame.f_back
    return level
