"""The tables of the index: their form, its number, and the names of function tables and columns."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable

from sweepable.errors import StoreFormatError
from sweepable.store.connections import WAY_OUT

#: The format of the store: goes up whenever what stands in it changes meaning.
FORMAT = 5
#: "SWEP": what ``file`` and SQLite tools see.
APPLICATION = 0x53574550
#: SQLite allows 2,000 columns; beyond this many, values stand in the result only.
MOST_COLUMNS = 1500
#: Fewer of these are for fields of config objects: dicts with ever new keys leave room for outputs.
MOST_FIELDS = 1000

_TABLES = """
CREATE TABLE _functions (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, identifier TEXT NOT NULL, table_name TEXT NOT NULL UNIQUE,
    view_name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE _homes (function INTEGER NOT NULL, home TEXT NOT NULL, PRIMARY KEY (function, home)) STRICT, WITHOUT ROWID;
CREATE TABLE _versions (
    id INTEGER PRIMARY KEY, function INTEGER NOT NULL, digest TEXT NOT NULL, fingerprint TEXT NOT NULL,
    created REAL NOT NULL, source TEXT NOT NULL, manifest TEXT NOT NULL, packages TEXT NOT NULL,
    untracked TEXT NOT NULL, label TEXT, audit TEXT, UNIQUE (function, digest)
) STRICT;
CREATE TABLE _ancestries (id INTEGER PRIMARY KEY, versions TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE _readings (key BLOB PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE _layouts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, check_digest TEXT) STRICT;
CREATE TABLE _environments (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE _calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, function INTEGER NOT NULL,
    version INTEGER NOT NULL, ancestry INTEGER NOT NULL, status TEXT NOT NULL, started REAL NOT NULL,
    seconds REAL NOT NULL, layout INTEGER NOT NULL, arguments BLOB NOT NULL, result BLOB, error BLOB,
    environment INTEGER NOT NULL, check_digest TEXT NOT NULL, content_key TEXT, content TEXT, content_named TEXT,
    taken_from INTEGER, migration INTEGER
) STRICT;
CREATE INDEX _calls_by_content_key ON _calls (content_key) WHERE content_key IS NOT NULL;
CREATE INDEX _calls_by_origin ON _calls (taken_from) WHERE taken_from IS NOT NULL;
CREATE INDEX _calls_by_migration ON _calls (migration) WHERE migration IS NOT NULL;
CREATE INDEX _calls_by_version ON _calls (function, version, layout, status, ancestry);
CREATE TABLE _migrations (
    id INTEGER PRIMARY KEY, function INTEGER NOT NULL, from_version INTEGER NOT NULL, to_version INTEGER NOT NULL,
    reason TEXT NOT NULL, changes TEXT NOT NULL, created REAL NOT NULL, revoked REAL
) STRICT;
CREATE TABLE _lineage (
    downstream INTEGER NOT NULL, upstream INTEGER NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (downstream, upstream, role, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX _lineage_by_upstream ON _lineage (upstream);
CREATE TABLE _routes (
    downstream_function INTEGER NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL, upstream_function INTEGER NOT NULL,
    PRIMARY KEY (downstream_function, role, name, upstream_function)
) STRICT, WITHOUT ROWID;
CREATE TABLE _blobs (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL, extension TEXT NOT NULL, size INTEGER NOT NULL,
    inode INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, UNIQUE (digest, extension)
) STRICT;
CREATE TABLE _uses (call INTEGER NOT NULL, blob INTEGER NOT NULL, PRIMARY KEY (call, blob)) STRICT, WITHOUT ROWID;
CREATE INDEX _uses_by_blob ON _uses (blob);
CREATE TABLE _columns (
    function INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, column_name TEXT NOT NULL,
    encoded INTEGER NOT NULL DEFAULT 0, UNIQUE (function, kind, name)
) STRICT;
CREATE TABLE _tags (
    call INTEGER NOT NULL, tag TEXT NOT NULL, note TEXT, created REAL NOT NULL, PRIMARY KEY (call, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX _tags_by_tag ON _tags (tag);
CREATE TABLE _damaged (
    call INTEGER PRIMARY KEY, key TEXT NOT NULL, found REAL NOT NULL, reason TEXT NOT NULL, function ANY, version ANY,
    status ANY, arguments ANY, result ANY, error ANY
) STRICT;
CREATE INDEX _damaged_by_key ON _damaged (key);
"""

# As of SQLite 3.51; a table of such a name would have to be quoted by whoever writes SQL by hand.
_WORDS = """
    abort action add after all alter always analyze and as asc attach autoincrement before begin between by cascade
    case cast check collate column commit conflict constraint create cross current current_date current_time
    current_timestamp database default deferrable deferred delete desc detach distinct do drop each else end escape
    except exclude exclusive exists explain fail filter first following for foreign from full generated glob group
    groups having if ignore immediate in index indexed initially inner insert instead intersect into is isnull join key
    last left like limit match materialized natural no not nothing notnull null nulls of offset on or order others
    outer over partition plan pragma preceding primary query raise range recursive references regexp reindex release
    rename replace restrict returning right rollback row rows savepoint select set table temp temporary then ties to
    transaction trigger unbounded union unique update using vacuum values view virtual when where window with without
"""
_KEYWORDS = frozenset(_WORDS.split())


def prepare(connection: sqlite3.Connection, folder: str) -> None:
    """Make the tables in an empty index, or see that they are of this format.

    Raises
    ------
    StoreFormatError
        When the index is of another format, or not of sweepable at all.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, number) == (APPLICATION, FORMAT):
        return
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == number == tables == 0:
        _create(connection)
    elif application != APPLICATION:
        raise StoreFormatError(f"{folder}/index.db is a database of another program, not of sweepable. {WAY_OUT}")
    else:
        raise StoreFormatError(
            f"the store {folder} is of format {number}; this version of sweepable reads and writes format {FORMAT}. "
            f"{WAY_OUT}"
        )


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        make_tables(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables that are there in every index, and mark it as one, within a transaction."""
    for statement in _TABLES.split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def identifier_of(name: str) -> str:
    """The last component of a qualified name: ``control.make.<locals>.sim`` is ``sim``."""
    return name.rpartition(".")[2]


def table_name(identifier: str, taken: Iterable[str]) -> str:
    """A name for the table of a function that needs no quoting and no explanation."""
    name = _sanitised(identifier).lstrip("_") or "function"
    if name[0].isdigit() or name.lower() in _KEYWORDS or name.lower().startswith("sqlite_"):
        name = f"function_{name}"
    return free(name, taken)


def view_name(table: str, taken: Iterable[str]) -> str:
    """A name for the view in which a function's table stands with all that is upstream of it."""
    return free(f"{table}__flat", taken)


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def column_name(name: str, taken: Iterable[str]) -> str:
    """A name for a column, as close to `name` as SQLite allows, which does not tell K from k."""
    return free(_sanitised(name) or "column", taken)


def _sanitised(name: str) -> str:
    if name.isidentifier() and name.isprintable() and len(name) <= 60:
        return name
    return re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_")[:60]


def free(name: str, taken: Iterable[str]) -> str:
    """`name`, or with a number where SQLite would take it for one that is taken."""
    used, found, number = {other.casefold() for other in taken}, name, 1
    while found.casefold() in used:
        number += 1
        found = f"{name}_{number}"
    return found
