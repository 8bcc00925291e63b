"""The rows of the index: reading a call by its key, and writing a call with all that belongs to it.

Every function here that writes is given a connection within a transaction.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, cast

from blake3 import blake3

from sweepable.model import (
    LONGEST_SOURCE,
    PIN,
    CodeVersion,
    Environment,
    FunctionFacts,
    Layout,
    NewCall,
    Status,
    StoredCall,
)
from sweepable.store import audits, contents, damage, edges, function_tables, schema
from sweepable.store.cells import Cell
from sweepable.store.files import Stamp
from sweepable.store.function_tables import Column
from sweepable.store.interned import Interned

#: A call in the order of `StoredCall`, and its check digest.
_ROW = (
    "id, key, function, version, ancestry, status, started, seconds, layout, arguments, result, error, environment, "
    "check_digest"
)
BY_KEY = f"SELECT {_ROW} FROM _calls WHERE key = ?"
BY_ID = f"SELECT {_ROW} FROM _calls WHERE id = ?"
STAMP = "SELECT size, inode, mtime_ns, ctime_ns FROM _blobs WHERE digest = ? AND extension = ?"


class Blob(NamedTuple):
    """A blob that a call refers to; the stamp is that of the file if it was just written."""

    digest: str
    extension: str
    size: int
    stamp: Stamp | None


class Prepared(NamedTuple):
    """What is written of one call, encoded."""

    arguments: bytes
    result: bytes | None
    error: bytes | None
    #: Parameters, upstream calls (their keys) and scalar outputs.
    cells: dict[Column, Cell]
    #: Outputs that are no scalars, described: they stand in a column only where there is one.
    others: dict[Column, Cell]
    blobs: list[Blob]
    #: How the outputs are named, of a call whose outputs are not at hand: it is taken over from another.
    layout: Layout | None = None


# -- the check digest


def check_digest(
    key: str,
    function: int,
    version: int,
    ancestry: int,
    status: str,
    layout: int,
    arguments: bytes,
    result: bytes | None,
    error: bytes | None,
) -> str:
    """The digest of what is served from a row."""
    head = (
        f"{key} {function} {version} {ancestry} {status} {layout} {len(arguments)} "
        f"{-1 if result is None else len(result)} {-1 if error is None else len(error)}\n"
    )
    return blake3(b"".join((head.encode(), arguments, result or b"", error or b""))).hexdigest()


def verified(row: Sequence[object], key: str | None = None) -> StoredCall | None:
    """The call of a row of `BY_KEY`; None where it is not what was written."""
    # Taken apart once: this is on the way of every hit.
    _, found, function, version, ancestry, status, _, _, layout, arguments, result, error, _, check = row
    try:
        served: Any = (key or found, function, version, ancestry, status, layout, arguments, result, error)
        if check_digest(*served) != check:
            return None
    except (TypeError, ValueError):  # a flipped bit can change a type as well
        return None
    return StoredCall._make(row[:13])


def find(c: sqlite3.Connection, key: str | int) -> tuple[int | None, StoredCall | None]:
    """The id of the row of a key (or of an id), and its call unless the row is damaged."""
    by_key = isinstance(key, str)
    try:
        row = c.execute(BY_KEY if by_key else BY_ID, (key,)).fetchone()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
        return c.execute(f"SELECT id FROM _calls WHERE {'key' if by_key else 'id'} = ?", (key,)).fetchone()[0], None
    return (None, None) if row is None else (row[0], verified(row, key if isinstance(key, str) else None))


def stays(stored: StoredCall, status: Status) -> bool:
    """Whether a stored call stays where one of this status comes: what is done, and what is worth more."""
    return stored.status == "done" or _RANK.get(stored.status, 1) > _RANK.get(status, 1)


_RANK = {"done": 3, "tainted": 2}


# -- writing a call

#: Whether there is anything under a key. Nearly always there is nothing: a call is written when it has just run.
_MET = "SELECT 1 FROM _calls WHERE key = ?1 UNION ALL SELECT 1 FROM _damaged WHERE key = ?1 LIMIT 1"


def put(
    c: sqlite3.Connection,
    new: NewCall,
    prepared: Prepared,
    interned: Interned,
    *,
    replaces: Callable[[StoredCall], bool] = lambda stored: False,
) -> StoredCall:
    """Write a call with its table row, lineage and blobs; where a better one is stored, that is the answer.

    Parameters
    ----------
    c : sqlite3.Connection
        Within a transaction.
    new : NewCall
        The call.
    prepared : Prepared
        The same, encoded.
    interned : Interned
        Of this connection.
    replaces : callable, optional
        Whether to replace a call that would stay: its result can no longer be read.
    """
    found, call_id = None, None
    if c.execute(_MET, (new.key,)).fetchone() is not None:
        found, stored = find(c, new.key)
        if stored is not None and stays(stored, new.status) and not replaces(stored):
            return stored
        if found is not None:
            function_tables.drop_row(c, found)
        call_id = found if found is not None else damage.former_id(c, new.key)
    interned.refresh(c)
    at = (new.function.name, new.function.home, new.version.digest)
    function, table, version = interned.once(("place", *at), _place, c, new)
    new, upstream = edges.found_for(c, call_id, new)
    origins = edges.origins(new.upstream, upstream)
    layout = new.outputs.layout if new.outputs else prepared.layout
    values = (
        new.key,
        function,
        version,
        _ancestry_id(c, [row[0] for row in origins], interned),
        new.status,
        interned.once(layout, layout_id, c, layout) if layout else 0,
        prepared.arguments,
        prepared.result,
        prepared.error,
    )
    environment = _noted(c, new, version, [row[3] for row in origins], interned)
    content = _content(c, new, layout, prepared, upstream) if _is_pure(c, new, version, interned) else _NO_CONTENT
    further = (new.started, new.seconds, environment, *content, new.taken_from, new.migration)
    call_id = _write_call(c, call_id, found, (*values, *further, check_digest(*values)))
    _write_beside(c, call_id, (function, table), new, prepared, upstream, interned)
    return StoredCall(call_id, *values[:5], new.started, new.seconds, *values[5:], environment)


def _write_beside(
    c: sqlite3.Connection,
    call_id: int,
    place: tuple[int, str],
    new: NewCall,
    prepared: Prepared,
    upstream: edges.Upstream,
    interned: Interned,
) -> None:
    """Write what belongs to a call beside its row; where that is something new, those see it who read views."""
    changed = edges.write(c, call_id, place[0], new.upstream, upstream)
    write_blobs(c, call_id, prepared.blobs)
    if new.status in ("done", "tainted", "unkept"):  # what came from an unkept call is found by its parameters
        cells = _cells(prepared, upstream)
        changed |= function_tables.write_row(c, call_id, place, cells, prepared.cells, interned)
    if changed:
        remake_views(c, place[0])


def _place(c: sqlite3.Connection, new: NewCall) -> tuple[int, str, int]:
    """The function's id and table, and the version's id."""
    function, table = function_id(c, new.function, new.version.digest)
    return function, table, version_id(c, function, new.version)


def _noted(c: sqlite3.Connection, new: NewCall, version: int, upstream: list[int], interned: Interned) -> int:
    """Write what was noted of a run beside its result, with its version and as its environment; the latter's id."""
    told = new.audit or audits.carried(new.environment)
    if told:
        audits.add(c, version, told)
        interned.drop(("pure", version))
    facts = audits.with_inherited(c, new.environment, upstream, interned)
    found: int = interned.once(("environment", facts.text), _environment_id, c, facts)
    return found


def _is_pure(c: sqlite3.Connection, new: NewCall, version: int, interned: Interned) -> bool:
    known = ("pure", version) if new.taken_from is None else ("pure from", new.taken_from)
    return bool(interned.once(known, audits.is_pure, c, version, new.taken_from))


#: The columns ``content_key``, ``content`` and ``content_named`` of a call that is nothing but its key.
_NO_CONTENT = (None, None, None)


def _cells(prepared: Prepared, upstream: edges.Upstream) -> dict[Column, Cell]:
    """The cells of a call's row, with the ids of upstream calls in the place of their keys."""
    ids = {key: row[0] for key, row in upstream.items()}
    cells = {at: ids.get(str(cell)) if at[0] == "upstream" else cell for at, cell in prepared.cells.items()}
    return cells | prepared.others


def _content(
    c: sqlite3.Connection, new: NewCall, layout: Layout | None, prepared: Prepared, upstream: edges.Upstream
) -> tuple[str | None, str | None, str | None]:
    """The columns ``content_key``, ``content`` and ``content_named``."""
    if layout is None or prepared.result is None:
        return _NO_CONTENT
    steps = [(role, name, upstream[key][0]) for key, role, name in new.upstream if key in upstream]
    content = contents.of_call(c, new, layout, prepared.result, steps)
    return _NO_CONTENT if content is None else (new.content_key, *content)


_WRITTEN = (
    *("key", "function", "version", "ancestry", "status", "layout", "arguments", "result", "error"),
    *("started", "seconds", "environment", "content_key", "content", "content_named", "taken_from", "migration"),
    "check_digest",
)
_UPDATE = f"UPDATE _calls SET {', '.join(f'{name} = ?' for name in _WRITTEN)} WHERE id = ?"
_INSERT = f"INSERT INTO _calls ({', '.join(_WRITTEN)}, id) VALUES ({', '.join('?' * len(_WRITTEN))}, ?)"


def _write_call(c: sqlite3.Connection, call_id: int | None, found: int | None, values: tuple[object, ...]) -> int:
    if call_id is not None:  # what came of it before has its lines no more
        c.execute("DELETE FROM _lineage WHERE downstream = ?", (call_id,))
        c.execute("DELETE FROM _uses WHERE call = ?", (call_id,))
    if found is not None:
        c.execute(_UPDATE, (*values, found))
        return found
    return cast("int", c.execute(_INSERT, (*values, call_id)).lastrowid)


def _environment_id(c: sqlite3.Connection, environment: Environment) -> int:
    for diff in environment.diffs:
        _intern(c, "_environments", diff)
    return _intern(c, "_environments", environment.text)


def function_id(c: sqlite3.Connection, facts: FunctionFacts, version_digest: str) -> tuple[int, str]:
    """The function's id and table, both made where they are missing."""
    found = find_function(c, facts.name, version_digest, facts.home)
    if found is None:
        identifier = schema.identifier_of(facts.name)
        taken = [name for (name,) in c.execute("SELECT name FROM sqlite_schema")]
        table = schema.table_name(identifier, taken)
        function_tables.create(c, table)
        cursor = c.execute(
            "INSERT INTO _functions (name, identifier, table_name, view_name) VALUES (?, ?, ?, ?)",
            (facts.name, identifier, table, schema.view_name(table, [table, *taken])),
        )
        found = cast("int", cursor.lastrowid), table
        remake_views(c, found[0])
    c.execute("INSERT OR IGNORE INTO _homes VALUES (?, ?)", (found[0], storable(facts.home)))
    return found


def find_function(
    c: sqlite3.Connection, name: str, version_digest: str | None, home: str | None
) -> tuple[int, str] | None:
    """The function of this name that is known at this home, else the one known to have had this version."""
    query = "SELECT f.id, f.table_name FROM _functions f JOIN {} = ? WHERE f.name = ? ORDER BY f.id LIMIT 1"
    by_home = query.format("_homes h ON h.function = f.id AND h.home")
    by_version = query.format("_versions v ON v.function = f.id AND v.digest")
    row = c.execute(by_home, (None if home is None else storable(home), name)).fetchone()
    row = row or c.execute(by_version, (version_digest, name)).fetchone()
    return cast("tuple[int, str] | None", row)


def version_id(c: sqlite3.Connection, function: int, version: CodeVersion) -> int:
    """The version's id, made where it is missing."""
    row = c.execute("SELECT id FROM _versions WHERE function = ? AND digest = ?", (function, version.digest)).fetchone()
    if row is not None:
        return cast("int", row[0])
    cursor = c.execute(
        "INSERT INTO _versions (function, digest, fingerprint, created, source, manifest, packages, untracked) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            function,
            version.digest,
            version.fingerprint,
            time.time(),
            storable(version.nodes[0].summary) if version.nodes and version.nodes[0].kind != PIN else "",
            json.dumps([node._replace(summary=node.summary[:LONGEST_SOURCE])._asdict() for node in version.nodes]),
            json.dumps(version.packages),
            json.dumps(version.untracked),
        ),
    )
    return cast("int", cursor.lastrowid)


def storable(text: str) -> str:
    """SQLite takes no lone surrogates, which a source or a path may contain."""
    return text.encode("utf-8", "backslashreplace").decode()


def _ancestry_id(c: sqlite3.Connection, upstream: Sequence[int], interned: Interned) -> int:
    """The interned set of the versions of all upstream calls, and of theirs."""
    versions: set[int] = set()
    for version, text in c.execute(_ABOVE, (json.dumps(upstream),)) if upstream else ():
        versions |= {version, *versions_in(text)}
    text = "".join(f",{version}" for version in sorted(versions)) + ","
    return cast("int", interned.once(("ancestry", text), _intern, c, "_ancestries", text, "versions"))


_ABOVE = (
    "SELECT DISTINCT c.version, a.versions FROM json_each(?) AS k JOIN _calls AS c ON c.id = k.value "
    "JOIN _ancestries AS a ON a.id = c.ancestry"
)


def versions_in(text: str) -> tuple[int, ...]:
    """The version ids in a set as it is stored: ``,3,7,``."""
    return tuple(int(part) for part in text.split(",") if part)


def layout_id(c: sqlite3.Connection, layout: Layout) -> int:
    text = json.dumps([layout.kind, list(layout.names), layout.declared])
    found = _intern(c, "_layouts", text)
    digest = layout_check(found, text)
    c.execute("UPDATE _layouts SET check_digest = ? WHERE id = ? AND check_digest IS NULL", (digest, found))
    return found


def layout_check(id: int, text: str) -> str:
    """A layout's names decide which output is which: they are checked as results are."""
    return blake3(f"{id} {text}".encode()).hexdigest()


def _intern(c: sqlite3.Connection, table: str, text: str, column: str = "text") -> int:
    row = c.execute(f"SELECT id FROM {table} WHERE {column} = ?", (text,)).fetchone()
    if row is None:
        return cast("int", c.execute(f"INSERT INTO {table} ({column}) VALUES (?)", (text,)).lastrowid)
    return cast("int", row[0])


def remake_views(c: sqlite3.Connection, function: int) -> None:
    """Make the views of a function and of what is below it anew: seldom, where it is new or has a new column."""
    from sweepable.store import views

    views.remake(c, function)


# -- blobs


def write_blobs(c: sqlite3.Connection, call_id: int, blobs: Iterable[Blob]) -> None:
    """Record which blobs a call refers to."""
    for blob in blobs:
        c.execute(
            "INSERT OR IGNORE INTO _blobs (digest, extension, size) VALUES (?, ?, ?)",
            (blob.digest, blob.extension, blob.size),
        )
        if blob.stamp is not None:
            write_stamp(c, blob.digest, blob.extension, blob.stamp)
        c.execute(
            "INSERT OR IGNORE INTO _uses SELECT ?, id FROM _blobs WHERE digest = ? AND extension = ?",
            (call_id, blob.digest, blob.extension),
        )


def write_stamp(c: sqlite3.Connection, digest: str, extension: str, stamp: Stamp) -> None:
    """Record the stamp under which a blob was right."""
    c.execute(
        "UPDATE _blobs SET size = ?, inode = ?, mtime_ns = ?, ctime_ns = ? WHERE digest = ? AND extension = ?",
        (*stamp, digest, extension),
    )


def stamp_of(row: Any) -> Stamp | None:
    """The stamp of a row of `STAMP`; None where nobody has checked the blob."""
    return None if row is None or row[1] is None else Stamp(*row)
