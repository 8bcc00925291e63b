"""Writing calls, with all that they came from and all that belongs to them, as one file."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sweepable.errors import DamagedError, StoreError
from sweepable.model import StoredCall
from sweepable.store import files, function_tables, index, packed, results, schema, views
from sweepable.store.codecs import EXTENSIONS
from sweepable.store.connections import uri
from sweepable.store.reading import Reading

_AMONG = "IN (SELECT value FROM json_each(?))"
_ABOVE = (
    "WITH RECURSIVE above(id) AS (SELECT value FROM json_each(?) "
    "UNION SELECT l.upstream FROM above JOIN _lineage AS l ON l.downstream = above.id) SELECT id FROM above ORDER BY id"
)
#: Part of what is copied: its table, and the column by which it belongs to calls or functions.
_OF_CALLS = (("_calls", "id"), ("_lineage", "downstream"), ("_uses", "call"), ("_tags", "call"))
_OF_FUNCTIONS = (("_functions", "id"), ("_homes", "function"), ("_columns", "function"))


class Written(NamedTuple):
    """What a file holds."""

    calls: int
    blobs: int
    nbytes: int


class Needed(NamedTuple):
    """A blob that goes along, and a call that refers to it."""

    size: int
    call: StoredCall


def write(store: Reading, ids: Sequence[int], path: str, *, overwrite: bool) -> Written:
    """Write calls, with all that is upstream of them, as one file, which appears whole or not at all.

    Parameters
    ----------
    store : Reading
        Where they are.
    ids : sequence of int
        Of the calls.
    path : str
        Of the file.
    overwrite : bool
        Whether a file that is there is replaced.

    Raises
    ------
    DamagedError
        When part of it cannot be read; nothing was written.
    StoreError
        When there is a file already, or it cannot be written.
    """
    _check_target(path, overwrite, str(store.path))
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}-{files.temporary_name()}")
    try:
        calls, blobs = _write(store, ids, temporary)
        files.sync(temporary)
        _check_target(path, overwrite, str(store.path))  # it may have come meanwhile
        files.publish(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            files.remove(temporary)
        if isinstance(error, StoreError) or not isinstance(error, (OSError, sqlite3.Error)):
            raise
        raise StoreError(f"nothing was exported: {path} cannot be written: {error}") from error
    with contextlib.suppress(OSError):  # not every file system does that with folders
        files.sync(os.path.dirname(path))
    written = files.stamp_of(path)
    return Written(calls, blobs, written.size if written is not None else 0)


def _write(store: Reading, ids: Sequence[int], path: str) -> tuple[int, int]:
    """Write the file; how many calls and blobs it holds."""
    publishing = contextlib.nullcontext() if store.read_only else store.publishing()
    with publishing, _made(path) as target:
        calls = _copy_rows(store, ids, target)
        blobs = {place: needed for call in calls for place, needed in _needed(call)}
        for (digest, extension), needed in blobs.items():
            _copy_blob(store, target, digest, extension, needed)
    return len(calls), len(blobs)


def _check_target(path: str, overwrite: bool, store_path: str) -> None:
    folder = os.path.dirname(path)
    if files.is_folder(path):
        raise StoreError(f"{path} is a folder; export writes a file: name one")
    if not files.is_folder(folder):
        raise StoreError(f"{path} cannot be written: there is no folder {folder}")
    if os.path.realpath(path) == os.path.realpath(store_path):
        raise StoreError(f"{path} is the store that the calls are read from; export them to another file")
    if files.exists(path) and not overwrite:
        raise StoreError(f"{path} is there already; overwrite=True replaces it")
    if os.path.basename(path) == "index.db" and files.exists(os.path.join(folder, "locks")):
        raise StoreError(f"{path} is the index of a store; export writes a file beside stores: give another name")


@contextlib.contextmanager
def _made(path: str) -> Iterator[sqlite3.Connection]:
    """A new, empty index that nobody sees yet: one transaction, without a journal."""
    descriptor = files.create(path)
    if descriptor is not None:
        files.close(descriptor)
    with contextlib.closing(sqlite3.connect(f"{uri(path)}?mode=rw", uri=True, isolation_level=None)) as c:
        c.execute("PRAGMA journal_mode = OFF")
        c.execute("PRAGMA synchronous = OFF")
        c.execute("PRAGMA trusted_schema = OFF")
        c.execute("BEGIN")
        schema.make_tables(c)
        c.execute(packed.TABLE)
        yield c
        c.execute("COMMIT")


# -- rows


def _copy_rows(store: Reading, ids: Sequence[int], target: sqlite3.Connection) -> list[StoredCall]:
    """Copy what stands in the index, as it is at one moment; the answer is the calls, upstream ones included."""
    with store.reading() as source:
        source.execute("BEGIN")
        try:
            above = [id for (id,) in source.execute(_ABOVE, (json.dumps(list(ids)),))]
            calls = [_checked(source, id) for id in above]
            _copy_calls(source, target, calls)
            return calls
        finally:
            source.execute("COMMIT")


def _checked(c: sqlite3.Connection, id: int) -> StoredCall:
    found, call = index.find(c, id)
    if call is not None:
        return call
    row = c.execute("SELECT key FROM _damaged WHERE call = ?", (id,)).fetchone()
    known = f"the call {row[0][:12]}" if row is not None else f"the call number {id}"
    state = "is gone" if found is None and row is None else "is damaged"
    raise DamagedError(f"nothing was exported: {known} {state}; call the function again, which computes it")


def _check_layouts(c: sqlite3.Connection, calls: Sequence[StoredCall]) -> None:
    """The names of outputs are no part of a call's row: they have a digest of their own."""
    by_layout = {call.layout: call for call in calls}
    for layout, text, check_digest in c.execute("SELECT id, text, check_digest FROM _layouts"):
        if index.layout_check(layout, text) != check_digest:
            raise _unreadable(by_layout[layout], DamagedError(f"layout {layout} is damaged"))


def _unreadable(call: StoredCall, error: Exception) -> DamagedError:
    return DamagedError(
        f"nothing was exported: the call {call.key[:12]} cannot be read: {error}; call the function again, "
        "which computes it"
    )


def _copy_calls(source: sqlite3.Connection, target: sqlite3.Connection, calls: Sequence[StoredCall]) -> None:
    for table, column in _OF_CALLS:
        _copy(source, target, table, column, [call.id for call in calls])
    _copy(source, target, "_layouts", "id", {call.layout for call in calls})
    _check_layouts(target, calls)
    _copy(source, target, "_ancestries", "id", {call.ancestry for call in calls})
    _copy(source, target, "_blobs", "id", _column(target, "SELECT DISTINCT blob FROM _uses"))
    target.execute("UPDATE _blobs SET inode = NULL, mtime_ns = NULL, ctime_ns = NULL")
    _copy_environments(source, target, {call.environment for call in calls})
    _copy(source, target, "_migrations", "id", _column(target, "SELECT DISTINCT migration FROM _calls"))
    sets = _column(target, "SELECT versions FROM _ancestries")
    versions = {call.version for call in calls} | {id for text in sets for id in index.versions_in(str(text))}
    versions |= {id for row in target.execute("SELECT from_version, to_version FROM _migrations") for id in row}
    _copy(source, target, "_versions", "id", versions)
    _copy_functions(source, target, {call.function for call in calls})


def _copy_functions(source: sqlite3.Connection, target: sqlite3.Connection, of_calls: set[int]) -> None:
    """Functions, their tables with the rows of the calls, and how their calls lead to each other."""
    functions = of_calls | set(_column(target, "SELECT DISTINCT function FROM _versions"))
    for table, column in _OF_FUNCTIONS:
        _copy(source, target, table, column, functions)
    _copy(source, target, "_routes", "downstream_function", functions)
    target.execute("DELETE FROM _routes WHERE upstream_function NOT IN (SELECT id FROM _functions)")
    for function, table in target.execute("SELECT id, table_name FROM _functions").fetchall():
        function_tables.create(target, table, function_tables.defined(function_tables.columns(target, function)))
        _copy(source, target, table, "id", _column(target, "SELECT id FROM _calls WHERE function = ?", function))
    for function in functions:
        views.remake(target, function)


def _copy_environments(source: sqlite3.Connection, target: sqlite3.Connection, ids: Iterable[int]) -> None:
    """What calls ran in, with the uncommitted changes that stand beside."""
    _copy(source, target, "_environments", "id", ids)
    texts = map(str, _column(target, "SELECT text FROM _environments"))
    diffs = {facts.get("diff") for text in texts for facts in json.loads(text).get("git", ())}
    for digest in filter(None, diffs):
        begins = f'{{"diff": "{digest}"'
        query = "SELECT id FROM _environments WHERE text >= ? AND text < ?"
        _copy(source, target, "_environments", "id", _column(source, query, begins, f"{begins}~"))


def _column(c: sqlite3.Connection, query: str, *parameters: object) -> list[int]:
    return [value for (value,) in c.execute(query, parameters).fetchall()]


def _copy(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str, column: str, values: Iterable[object]
) -> None:
    """The rows of a table whose column is among the values."""
    names = ", ".join(schema.quoted(row[1]) for row in target.execute(f"PRAGMA table_info({schema.quoted(table)})"))
    marks = ", ".join("?" * len(names.split(", ")))
    order = " ORDER BY rowid" if table == "_columns" else ""  # which tells how they are shown
    query = f"SELECT {names} FROM {schema.quoted(table)} WHERE {column} {_AMONG}{order}"
    rows = source.execute(query, (json.dumps(list(values)),))
    target.executemany(f"INSERT INTO {schema.quoted(table)} ({names}) VALUES ({marks})", rows)


# -- blobs


def _needed(call: StoredCall) -> Iterator[tuple[tuple[str, str], Needed]]:
    for part in (call.result, call.arguments):
        for found in results.blobs_of(part or None):
            yield (found.digest, EXTENSIONS[found.codec]), Needed(found.nbytes, call)


def _copy_blob(store: Reading, target: sqlite3.Connection, digest: str, extension: str, needed: Needed) -> None:
    try:
        opened = store.blobs.open(digest, extension, needed.size, None)  # checked, whatever is known of it
    except (DamagedError, OSError) as error:
        raise _unreadable(needed.call, error) from error
    packed.write(target, digest, extension, opened.buffer)
