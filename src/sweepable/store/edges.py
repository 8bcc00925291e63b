"""The edges of lineage: written with a call, or added to it later where a value is given to it from another call."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TypeAlias

from sweepable.model import NewCall, UpstreamCall
from sweepable.store.connections import Connections

#: Id, function, key and environment of each upstream call that is in a store, by key.
Upstream: TypeAlias = dict[str, tuple[int, int, str, int]]

_ROWS = "SELECT c.id, c.function, c.key, c.environment FROM json_each(?) AS k JOIN _calls AS c ON c.key = k.value"
_KNOWN = (
    "SELECT u.key, l.name FROM _calls AS c JOIN _lineage AS l ON l.downstream = c.id "
    "JOIN _calls AS u ON u.id = l.upstream WHERE c.key = ?"
)
_GAVE = (
    "SELECT u.key, l.role, l.name FROM _lineage AS l JOIN _calls AS u ON u.id = l.upstream "
    "WHERE l.downstream = ? AND l.role = 'passed'"
)
#: The keys among these whose calls are, or came from, one call.
_FROM = (
    "WITH RECURSIVE below(id) AS (VALUES (?) "
    "UNION SELECT l.downstream FROM below JOIN _lineage AS l ON l.upstream = below.id) "
    "SELECT c.key FROM json_each(?) AS k JOIN _calls AS c ON c.key = k.value WHERE c.id IN (SELECT id FROM below)"
)
#: What a body can find by names has changed for a call, and for all that came from it.
_UNNAME = (
    "WITH RECURSIVE below(id) AS (VALUES (?) "
    "UNION SELECT l.downstream FROM below JOIN _lineage AS l ON l.upstream = below.id) "
    "UPDATE _calls SET content_named = NULL WHERE id IN (SELECT id FROM below) AND content_named IS NOT NULL"
)


def rows(c: sqlite3.Connection, upstream: Sequence[UpstreamCall]) -> Upstream:
    """The rows of upstream calls that are in this store; one in another store has no row here."""
    if not upstream:
        return {}
    keys = list(dict.fromkeys(call.key for call in upstream))
    return {row[2]: row for row in c.execute(_ROWS, (json.dumps(keys),))}


def found_for(c: sqlite3.Connection, call_id: int | None, new: NewCall) -> tuple[NewCall, Upstream]:
    """A call that is about to be written, with the upstream calls that hold for it, and the rows of these.

    Parameters
    ----------
    c : sqlite3.Connection
    call_id : int or None
        The call's id, if it has one.
    new : NewCall
        The call.
    """
    if call_id is not None:  # it was given the same values when it was stored before
        known = {(call.key, call.name) for call in new.upstream}
        before = (UpstreamCall(*row) for row in c.execute(_GAVE, (call_id,)).fetchall())
        upstream = (*new.upstream, *(call for call in before if (call.key, call.name) not in known))
        new = new._replace(upstream=without_circles(c, call_id, upstream))
    found = rows(c, new.upstream)
    if new.status == "done" and any(key not in found or found[key][0] != id for key, id in new.given):
        new = new._replace(status="tainted")  # forgotten since the run was done: it is known in this transaction only
    return new, found


def origins(upstream: Sequence[UpstreamCall], found: Upstream) -> list[tuple[int, int, str, int]]:
    """The rows of the upstream calls whose code a call depends on."""
    return [found[key] for key in keys_of_origin(upstream) if key in found]


def keys_of_origin(upstream: Sequence[UpstreamCall]) -> list[str]:
    """The keys of the upstream calls whose code a call depends on.

    Of one that was given a value, the value alone counts, however it came about.
    """
    return list(dict.fromkeys(call.key for call in upstream if call.role != "passed"))


def without_circles(
    c: sqlite3.Connection, call_id: int, upstream: tuple[UpstreamCall, ...]
) -> tuple[UpstreamCall, ...]:
    """Upstream calls but for those that gave a value to a call which they came from themselves.

    An equal value may have come to a call from what was computed of its own result.
    """
    passed = [call.key for call in upstream if call.role == "passed"]
    if not passed:
        return upstream
    below = {key for (key,) in c.execute(_FROM, (call_id, json.dumps(passed)))}
    return tuple(call for call in upstream if call.role != "passed" or call.key not in below)


def write(
    c: sqlite3.Connection, call_id: int, function: int, upstream: Sequence[UpstreamCall], found: Upstream
) -> bool:
    """Write the edges of a call; whether one of them is a way by which no call of the function went before."""
    if not found:
        return False
    steps = [(found[key], role, name) for key, role, name in upstream if key in found]
    edges = [(call_id, row[0], role, name) for row, role, name in steps]
    c.executemany("INSERT OR IGNORE INTO _lineage VALUES (?, ?, ?, ?)", edges)
    routes = dict.fromkeys((function, role, name, row[1]) for row, role, name in steps)
    return c.executemany("INSERT OR IGNORE INTO _routes VALUES (?, ?, ?, ?)", routes).rowcount > 0


def new_ones(c: sqlite3.Connection, key: str, upstream: Sequence[UpstreamCall]) -> list[UpstreamCall]:
    """Those of the upstream calls that are not known to be such for this parameter, in whatever role."""
    known = set(c.execute(_KNOWN, (key,)).fetchall())
    return [call for call in upstream if (call.key, call.name) not in known]


class Edges:
    """Adds edges to calls of one store.

    Parameters
    ----------
    connections : Connections
        To its index.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def add(self, key: str, upstream: Sequence[UpstreamCall]) -> None:
        """Note of a stored call that values which it is given come from these calls, where that is new.

        Parameters
        ----------
        key : str
            Of the call.
        upstream : sequence of UpstreamCall
            Calls that gave it a value.
        """
        with self._connections.reading() as c:
            fresh = new_ones(c, key, upstream)
        if fresh and not self._connections.read_only:
            with self._connections.writing() as c:
                _add(c, key, fresh)


def _add(c: sqlite3.Connection, key: str, upstream: Sequence[UpstreamCall]) -> None:
    row = c.execute("SELECT id, function FROM _calls WHERE key = ?", (key,)).fetchone()
    wanted = () if row is None else without_circles(c, row[0], tuple(new_ones(c, key, upstream)))
    found = rows(c, wanted)
    if not found:
        return
    is_new = write(c, row[0], row[1], wanted, found)
    c.execute(_UNNAME, (row[0],))
    if is_new:  # seldom
        from sweepable.store import views

        views.remake(c, row[1])
