"""Calls whose result is that of another call: because the content is the same, or because a person says so."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sweepable.model import CodeVersion, Content, Environment, FunctionFacts, NewCall, StoredCall, UpstreamCall
from sweepable.store import migrations
from sweepable.store.index import Prepared, find, function_id, put, version_id
from sweepable.store.interned import Interned
from sweepable.store.results import arguments_bring_code


class Rekeyed(NamedTuple):
    """A call that is written again under another key; without outputs of its own it gets those of its origin."""

    origin: StoredCall
    new: NewCall
    #: The upstream calls that it has to know the content of, and what then tells that of its arguments.
    needs: Sequence[str] = ()
    by_content: Callable[[Mapping[str, Content]], Content | None] = lambda known: None


class Migrated(NamedTuple):
    """What is entered of a migration."""

    function: FunctionFacts
    from_version: int
    to: CodeVersion
    reason: str
    #: What was asked for, as JSON takes it.
    changes: object


#: Whether what was called inside a call came from any of these calls.
_NESTED_BELOW = (
    "WITH RECURSIVE above(id) AS (SELECT upstream FROM _lineage WHERE downstream = ? AND role = 'nested' "
    "UNION SELECT l.upstream FROM above JOIN _lineage AS l ON l.downstream = above.id AND l.role <> 'passed') "
    "SELECT 1 FROM above WHERE id IN (SELECT value FROM json_each(?)) LIMIT 1"
)


def take_over(
    c: sqlite3.Connection, new: NewCall, prepared: Prepared, origin: StoredCall, interned: Interned
) -> StoredCall | None:
    """Write a call with the result of another one of the same content, and with a lineage of its own.

    The calls made inside go along; None where they came from an upstream call that is another one now, or where
    `origin` is no longer as it was.
    """
    _, stored = find(c, origin.id)
    if stored != origin or origin.status != "done" or not _is_offered(c, origin.id, new.content_key):
        return None
    edges = c.execute(
        "SELECT u.id, u.key, l.role, l.name FROM _lineage AS l JOIN _calls AS u ON u.id = l.upstream "
        "WHERE l.downstream = ? ORDER BY u.id",
        (origin.id,),
    ).fetchall()
    kept = {call.key for call in new.upstream}
    # Of a call that gave a value, nothing but the value counts, and that is the same.
    replaced = [id for id, key, role, _ in edges if role not in ("nested", "passed") and key not in kept]
    if replaced and c.execute(_NESTED_BELOW, (origin.id, json.dumps(replaced))).fetchone():
        return None
    inside = [id for id, _, role, _ in edges if role == "nested"]
    given = (c.execute("SELECT arguments FROM _calls WHERE id = ?", (id,)).fetchone() for id in inside)
    if any(row is None or arguments_bring_code(row[0]) for row in given):
        return None  # what a path leads to may be another file by now, and the call inside another call
    nested = tuple(UpstreamCall(key, role, name) for _, key, role, name in edges if role == "nested")
    (text,) = c.execute("SELECT text FROM _environments WHERE id = ?", (origin.environment,)).fetchone() or ("{}",)
    (audit,) = c.execute("SELECT audit FROM _versions WHERE id = ?", (origin.version,)).fetchone() or (None,)
    new = new._replace(
        started=origin.started,
        seconds=origin.seconds,
        environment=Environment(text),
        upstream=tuple(dict.fromkeys((*new.upstream, *nested))),
        taken_from=origin.id,
        audit=audit or "",  # of the same code, under another name perhaps
    )
    return put(c, new, prepared, interned)


def _is_offered(c: sqlite3.Connection, id: int, content_key: str | None) -> bool:
    """Whether a call may still be taken over under this key: what has its result may have been forgotten meanwhile."""
    return bool(c.execute("SELECT 1 FROM _calls WHERE id = ? AND content_key = ?", (id, content_key)).fetchone())


def begin(c: sqlite3.Connection, into: Migrated, interned: Interned) -> int:
    """Enter a migration, with the version that it leads to; the answer is its id."""
    interned.refresh(c)
    function, _ = function_id(c, into.function, into.to.digest)
    to = version_id(c, function, into.to)
    return migrations.begin(c, function, into.from_version, to, into.reason, into.changes)
