"""Ids that writing a call needs each time, looked up once per connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any


class Interned:
    """Ids of one connection's store that are looked up once: of functions, versions, layouts, environments.

    What another connection writes may change them, so they are forgotten when SQLite says that one has written.
    """

    def __init__(self) -> None:
        self._found: dict[Any, Any] = {}
        self._state: int | None = None

    def refresh(self, c: sqlite3.Connection) -> None:
        """Within a transaction: forget what may have changed since the last one."""
        (state,) = c.execute("PRAGMA data_version").fetchone()
        if state != self._state:
            self._found.clear()
            self._state = state

    def forget(self) -> None:
        """After a transaction that came to nothing: the ids that it made do not exist."""
        self._found.clear()

    def drop(self, key: Any) -> None:
        """Forget one of them, which has changed."""
        self._found.pop(key, None)

    def once(self, key: Any, find: Callable[..., Any], *parameters: Any) -> Any:
        """What `find` returns for these parameters, asked once."""
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = find(*parameters)
        return found
