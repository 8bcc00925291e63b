"""Migrations in the store: calls written again under other keys, the list of them, and how they are taken back."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import NamedTuple

from sweepable.store.forgetting import drop

_CLOSURE = (
    "WITH RECURSIVE below(id) AS (SELECT value FROM json_each(?) UNION "
    # A call that was given a value holds for that value, wherever it came from.
    "SELECT l.downstream FROM below JOIN _lineage AS l ON l.upstream = below.id AND l.role <> 'passed') "
    "SELECT id FROM below"
)
_TAKEN = "SELECT id FROM _calls WHERE taken_from IN (SELECT value FROM json_each(?))"
_LISTED = (
    "SELECT m.id, m.function, m.from_version, m.to_version, m.reason, m.changes, m.created, m.revoked, "
    "(SELECT count(*) FROM _calls AS c WHERE c.migration = m.id) "
    "FROM _migrations AS m WHERE m.function = ? ORDER BY m.id"
)


class StoredMigration(NamedTuple):
    """One migration as it is listed in the store."""

    id: int
    function: int
    from_version: int
    to_version: int
    reason: str
    #: What was changed, as it was asked for: JSON.
    changes: str
    #: Seconds since the epoch.
    created: float
    #: When it was taken back; None while it holds.
    revoked: float | None
    #: How many calls it made that are still there.
    calls: int


def listed(c: sqlite3.Connection, function: int) -> list[StoredMigration]:
    """The migrations of a function, in the order in which they were made."""
    return [StoredMigration(*row) for row in c.execute(_LISTED, (function,))]


def begin(
    c: sqlite3.Connection, function: int, from_version: int, to_version: int, reason: str, changes: object
) -> int:
    """Enter a migration; the answer is its id."""
    cursor = c.execute(
        "INSERT INTO _migrations (function, from_version, to_version, reason, changes, created) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (function, from_version, to_version, reason, json.dumps(changes), time.time()),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def below(c: sqlite3.Connection, ids: Sequence[int]) -> list[int]:
    """These calls, and all that came from them: downstream at any distance, or by taking their results over."""
    found: set[int] = set()
    fresh = set(ids)
    while fresh:
        found |= fresh
        known = json.dumps(sorted(fresh))
        fresh = {id for query in (_CLOSURE, _TAKEN) for (id,) in c.execute(query, (known,))} - found
    return sorted(found)


def made_by(c: sqlite3.Connection, migration: int) -> list[int]:
    """The ids of the calls that a migration made and that are still there."""
    return [id for (id,) in c.execute("SELECT id FROM _calls WHERE migration = ? ORDER BY id", (migration,))]


def revoke(c: sqlite3.Connection, migration: int) -> None:
    """Forget what a migration made and all that came from it, as it is by now, and note that it no longer holds."""
    query = "SELECT id, key FROM _calls WHERE id IN (SELECT value FROM json_each(?))"
    drop(c, dict(c.execute(query, (json.dumps(below(c, made_by(c, migration))),))), retire=False)
    c.execute("UPDATE _migrations SET revoked = ? WHERE id = ?", (time.time(), migration))
