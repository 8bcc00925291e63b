"""What processes have read of the sources of functions, kept in the index for those that come after."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from blake3 import blake3

from sweepable.errors import SweepableError
from sweepable.notices import logger
from sweepable.store.connections import Connections

_CHECKED = 16
#: So many wait to be written.
_MOST = 10_000


class Readings:
    """A shelf for `identity.shelf`: read at once, written along with the next call.

    Parameters
    ----------
    connections : Connections
        To the index. It is never made for the sake of a reading.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._waiting: list[Callable[[], tuple[bytes, bytes]]] = []

    def is_filled(self) -> bool:
        """Whether there is an index to look into."""
        return self._connections.place.exists()

    def get(self, key: bytes) -> bytes | None:
        """What was kept under a key; None for nothing, and for what is not as it was written."""
        try:
            row = self._connections.one("SELECT data FROM _readings WHERE key = ?", (key,))
        except (sqlite3.Error, OSError, SweepableError):  # whoever needs the store itself will say so
            logger().debug("what was read of sources cannot be had from %s", self._connections.folder, exc_info=True)
            return None
        data: bytes = row[0] if row is not None else b""
        return data[_CHECKED:] if data[:_CHECKED] == _check(key, data[_CHECKED:]) else None

    def put(self, made: Callable[[], tuple[bytes, bytes]]) -> None:
        """Keep something, once there is a call to be written."""
        if len(self._waiting) < _MOST:
            self._waiting.append(made)

    def taken(self) -> list[tuple[bytes, bytes]]:
        """What waits, as rows to be written."""
        if not self._waiting:
            return []
        waiting, self._waiting = self._waiting, []
        try:
            return [(key, _check(key, data) + data) for key, data in (made() for made in waiting)]
        except Exception:  # a result, which is about to be stored along with them, is worth more
            logger().warning("what was read of sources could not be kept", exc_info=True)
            return []


def write(c: sqlite3.Connection, rows: list[tuple[bytes, bytes]]) -> None:
    """Write what waited, within a transaction."""
    if rows:
        c.executemany("INSERT OR REPLACE INTO _readings VALUES (?, ?)", rows)


def _check(key: bytes, data: bytes) -> bytes:
    return blake3(key + data).digest(_CHECKED)
