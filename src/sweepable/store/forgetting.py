"""Calls that are forgotten: their rows, lineage, tags and uses of blobs go; blobs stay."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sweepable.store.connections import Connections

#: So many calls go in one transaction; others write in between.
BATCH = 10_000
#: What stands before the content key of a call that is no longer taken over: a twin of it was forgotten.
RETIRED = "forgotten:"

_BELOW = (
    "WITH RECURSIVE below(id) AS (SELECT downstream FROM _lineage WHERE upstream IN (SELECT value FROM json_each(?)) "
    "UNION SELECT l.downstream FROM below JOIN _lineage AS l ON l.upstream = below.id) SELECT id FROM below"
)
_KNOWN = (
    "SELECT c.id, c.key, f.name FROM _calls AS c JOIN _functions AS f ON f.id = c.function "
    "WHERE c.id IN (SELECT value FROM json_each(?)) ORDER BY c.id DESC"
)
_FREED = (
    "WITH gone(id) AS MATERIALIZED (SELECT value FROM json_each(?)) SELECT count(*), ifnull(sum(b.size), 0) "
    "FROM _blobs AS b WHERE b.id IN (SELECT blob FROM _uses WHERE call IN (SELECT id FROM gone)) "
    "AND NOT EXISTS (SELECT 1 FROM _uses AS u WHERE u.blob = b.id AND u.call NOT IN (SELECT id FROM gone))"
)
_TAGGED = "SELECT call, tag FROM _tags WHERE call IN (SELECT value FROM json_each(?)) ORDER BY tag, call"
#: The calls that have one result by taking it over, in either direction and at any distance.
_KIN = (
    "WITH RECURSIVE kin(id) AS (SELECT value FROM json_each(?) "
    "UNION SELECT c.id FROM kin JOIN _calls AS c ON c.taken_from = kin.id "
    "UNION SELECT c.taken_from FROM kin JOIN _calls AS c ON c.id = kin.id WHERE c.taken_from IS NOT NULL) "
    "SELECT id FROM kin"
)
_ROWS = (
    "SELECT c.id, c.key, c.function, c.content_key FROM json_each(?) AS k JOIN _calls AS c ON c.id = k.value "
    "UNION ALL SELECT d.call, d.key, NULL, NULL FROM json_each(?) AS k JOIN _damaged AS d ON d.call = k.value "
    "WHERE d.call NOT IN (SELECT id FROM _calls)"
)


class Known(NamedTuple):
    """A call that is to be forgotten; under its id and key it is this one and no later one."""

    id: int
    key: str
    #: The name of its function.
    function: str


class Outlook(NamedTuple):
    """What forgetting some calls would do."""

    #: Those that were named.
    own: tuple[Known, ...]
    #: Those that came from them, at any distance.
    below: tuple[Known, ...]
    #: How many blobs nothing would refer to any more, and their bytes.
    blobs: int
    nbytes: int
    #: How many of the calls that would go have which tag.
    tags: dict[str, int]
    #: How many of them are tagged at all.
    tagged: int


class Gone(NamedTuple):
    """What was forgotten."""

    #: Calls by the name of their function.
    calls: dict[str, int]
    #: Calls that had been tagged meanwhile, and stay.
    kept: int


class Forgetting:
    """Forgets calls of one store.

    Parameters
    ----------
    connections : Connections
        To its index.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def outlook(self, ids: Sequence[int], *, downstream: bool, function: int | None = None) -> Outlook:
        """What forgetting these calls would do; with what came from them, if `downstream` says so.

        Parameters
        ----------
        ids : sequence of int
            Of the calls.
        downstream : bool
            Whether the calls that came from them go as well.
        function : int, optional
            The function whose calls are all to go: damaged ones, which no query finds, go with them.
        """
        with self._connections.reading() as c:
            own = _known(c, ids)
            if function is not None:
                own += _damaged(c, function)
            named = {call.id for call in own}
            found = (id for (id,) in c.execute(_BELOW, (json.dumps(list(named)),)).fetchall())
            below = _known(c, [id for id in found if id not in named])
            going = json.dumps([call.id for call in (*own, *(below if downstream else ()))])
            blobs, nbytes = c.execute(_FREED, (going,)).fetchone()
            tagged = c.execute(_TAGGED, (going,)).fetchall()
            tags, calls = Counter(tag for _, tag in tagged), {call for call, _ in tagged}
            return Outlook(own, below, blobs, nbytes, dict(tags), len(calls))

    def tags(self, calls: Sequence[Known]) -> dict[str, int]:
        """How many of these calls have which tag by now."""
        with self._connections.reading() as c:
            found = c.execute(_TAGGED, (json.dumps([call.id for call in calls]),))
            return dict(Counter(tag for _, tag in found))

    def forget(self, calls: Sequence[Known], *, tagged: bool) -> Gone:
        """Forget those of the calls that are still there, in transactions of `BATCH` calls.

        Parameters
        ----------
        calls : sequence of Known
            What came from others first: whenever this ends, no call is left without what it came from that was to go
            with it.
        tagged : bool
            Tagged ones as well; else they stay.
        """
        done: Counter[str] = Counter()
        kept = 0
        for start in range(0, len(calls), BATCH):
            batch = calls[start : start + BATCH]
            with self._connections.writing(amends=True) as c:
                going = batch if tagged else _untagged(c, batch)
                gone = drop(c, {call.id: call.key for call in going}, retire=True)
            done.update(call.function for call in going if call.id in gone)
            kept += len(batch) - len(going)
        return Gone(dict(done), kept)


def _known(c: sqlite3.Connection, ids: Iterable[int]) -> tuple[Known, ...]:
    return tuple(Known(*row) for row in c.execute(_KNOWN, (json.dumps(list(ids)),)).fetchall())


def _damaged(c: sqlite3.Connection, function: int) -> tuple[Known, ...]:
    """Calls of a function that were put aside and not computed again."""
    query = (
        "SELECT d.call, d.key, f.name FROM _damaged AS d JOIN _functions AS f ON f.id = d.function "
        "WHERE d.function = ? AND d.call NOT IN (SELECT id FROM _calls)"
    )
    return tuple(Known(*row) for row in c.execute(query, (function,)).fetchall())


def _untagged(c: sqlite3.Connection, calls: Sequence[Known]) -> list[Known]:
    tagged = {call for call, _ in c.execute(_TAGGED, (json.dumps([call.id for call in calls]),))}
    return [call for call in calls if call.id not in tagged]


def drop(c: sqlite3.Connection, calls: Mapping[int, str], *, retire: bool) -> set[int]:
    """Take calls out of the index: their rows, their places in function tables, their lineage, tags and uses.

    Parameters
    ----------
    c : sqlite3.Connection
        Within a transaction.
    calls : mapping of int to str
        Their ids and keys; where another call stands under an id by now, it stays.
    retire : bool
        Whether other calls of the same content, which stay, are no longer taken over in the place of these.

    Returns
    -------
    set of int
        Those that were there.
    """
    ids = json.dumps(list(calls))
    rows = [row for row in c.execute(_ROWS, (ids, ids)).fetchall() if calls[row[0]] == row[1]]
    ids = json.dumps([row[0] for row in rows])
    if retire:
        _retire(c, ids, {row[3].removeprefix(RETIRED) for row in rows if row[3] is not None})
    for table in _tables(c, {row[2] for row in rows if row[2] is not None}):
        c.execute(f'DELETE FROM "{table}" WHERE id IN (SELECT value FROM json_each(?))', (ids,))
    for table, column in (("_lineage", "downstream"), ("_lineage", "upstream"), ("_uses", "call"), ("_tags", "call")):
        c.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", (ids,))
    # A later call of such a key is another one: it must not be given the id that what is left may still name.
    keys = json.dumps([row[1] for row in rows])
    c.execute("DELETE FROM _damaged WHERE key IN (SELECT value FROM json_each(?))", (keys,))
    c.execute("DELETE FROM _calls WHERE id IN (SELECT value FROM json_each(?))", (ids,))
    return {row[0] for row in rows}


def _tables(c: sqlite3.Connection, functions: set[int]) -> list[str]:
    query = "SELECT table_name FROM _functions WHERE id IN (SELECT value FROM json_each(?))"
    return [name for (name,) in c.execute(query, (json.dumps(list(functions)),))]


def _retire(c: sqlite3.Connection, ids: str, content_keys: set[str]) -> None:
    """Let no other call that has the result of these be taken over: they were to be run again.

    Such calls keep serving their own keys: nobody has said that those are to be forgotten.
    """
    kin = json.dumps([id for (id,) in c.execute(_KIN, (ids,)).fetchall()])
    query = f"UPDATE _calls SET content_key = '{RETIRED}' || content_key WHERE {{}} AND content_key NOT LIKE ?"
    among = "IN (SELECT value FROM json_each(?))"
    c.execute(query.format(f"id {among}"), (kin, f"{RETIRED}%"))
    c.execute(query.format(f"content_key {among}"), (json.dumps(list(content_keys)), f"{RETIRED}%"))
