"""Rows that are not what was written: moved out of the way, with their lineage and the ids that they had."""

from __future__ import annotations

import sqlite3
import time
from typing import cast

from sweepable.store import function_tables


def put_aside(c: sqlite3.Connection, call_id: int, key: str | int, reason: str) -> None:
    """Move a damaged row out of the way; its lineage stays, and a later call of its key takes its id."""
    known = key if isinstance(key, str) else None
    c.execute(
        "INSERT OR REPLACE INTO _damaged "
        "(call, key, found, reason, function, version, status, arguments, result, error) "
        "SELECT id, ifnull(?, key), ?, ?, function, version, status, arguments, result, error FROM _calls WHERE id = ?",
        (known, time.time(), reason, call_id),
    )
    function_tables.drop_row(c, call_id)
    c.execute("DELETE FROM _calls WHERE id = ?", (call_id,))


def former_id(c: sqlite3.Connection, key: str) -> int | None:
    """The id that a damaged call had: what came from it still refers to it."""
    row = c.execute("SELECT call FROM _damaged WHERE key = ? ORDER BY call LIMIT 1", (key,)).fetchone()
    if row is None or c.execute("SELECT 1 FROM _calls WHERE id = ?", row).fetchone():
        return None
    return cast("int", row[0])
