"""What people call the versions of a function."""

from __future__ import annotations

import sqlite3
from typing import cast


def set_label(c: sqlite3.Connection, version: int, label: str | None) -> None:
    """Call a version something, or nothing any more."""
    c.execute("UPDATE _versions SET label = ? WHERE id = ?", (label, version))


def labelled(c: sqlite3.Connection, version: int, label: str) -> int | None:
    """Another version of the same function that bears this label."""
    query = (
        "SELECT o.id FROM _versions AS v JOIN _versions AS o ON o.function = v.function AND o.id <> v.id "
        "WHERE v.id = ? AND o.label = ?"
    )
    row = c.execute(query, (version, label)).fetchone()
    return None if row is None else cast("int", row[0])
