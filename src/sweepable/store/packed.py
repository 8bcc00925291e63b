"""Blobs that stand in the index itself, in parts: how one file holds calls with all that belongs to them."""

from __future__ import annotations

import sqlite3
from typing import Any

from sweepable.errors import DamagedError, StoreFormatError
from sweepable.store import files, schema
from sweepable.store.blobs import BlobReader, Opened, digest_of
from sweepable.store.connections import WAY_OUT, Connections
from sweepable.store.files import Stamp

#: SQLite takes 1 GB in one value; blobs may be larger.
PART = 64 * 1024 * 1024
TABLE = (
    "CREATE TABLE _data (digest TEXT NOT NULL, extension TEXT NOT NULL, part INTEGER NOT NULL, data BLOB NOT NULL, "
    "UNIQUE (digest, extension, part)) STRICT"
)
_PARTS = "SELECT rowid, part, length(data), typeof(data) FROM _data WHERE digest = ? AND extension = ? ORDER BY part"


class PackedBlobs:
    """The blobs of a store that is one file.

    Parameters
    ----------
    connections : Connections
        To the file.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def present(self, digest: str, extension: str, size: int) -> bool:
        """Whether the blob is there, as far as its size tells."""
        return self._parts(digest, extension, size) is not None

    def _parts(self, digest: str, extension: str, size: int) -> list[tuple[int, int]] | None:
        """Rows and sizes of a blob's parts, if these are all of it: looked at before memory is taken."""
        with self._connections.reading() as c:
            rows = c.execute(_PARTS, (digest, extension)).fetchall()
        whole = bool(rows) and [part for _, part, _, _ in rows] == list(range(len(rows)))
        if not whole or any(kind != "blob" for *_, kind in rows) or sum(length for _, _, length, _ in rows) != size:
            return None
        return [(row, length) for row, _, length, _ in rows]

    def open(self, digest: str, extension: str, size: int, known: Stamp | None) -> Opened:
        """The bytes of a blob, in memory, checked each time: nothing but its content tells that of such a file.

        Raises
        ------
        DamagedError
            When it is missing, or not what was written.
        """
        where = f"the blob {digest[:16]}.{extension} of {self._connections.folder}"
        parts = self._parts(digest, extension, size)
        if parts is None:
            raise DamagedError(f"{where} is missing, or not all there")
        buffer, at = bytearray(size), 0
        for row, length in parts:
            (data,) = self._connections.one("SELECT data FROM _data WHERE rowid = ?", (row,))
            buffer[at : at + length] = data
            at += length
        if len(buffer) != size or digest_of([buffer]) != digest:
            raise DamagedError(f"{where} is not what was written")
        return Opened(buffer, Stamp(size, 0, 0, 0))

    def are_ours(self) -> bool:
        """Whether no other user can write blobs here: they are in the file, whose owner is looked at anyway."""
        return True


def write(c: sqlite3.Connection, digest: str, extension: str, buffer: Any) -> None:
    """Write a blob in parts, within a transaction."""
    view = memoryview(buffer)
    for part, start in enumerate(range(0, max(len(view), 1), PART)):
        c.execute("INSERT INTO _data VALUES (?, ?, ?, ?)", (digest, extension, part, view[start : start + PART]))


def prepare(c: sqlite3.Connection, connections: Connections, folder: BlobReader) -> BlobReader:
    """Make the tables of an index that has just been opened, or see that they are right; where its blobs are read.

    Parameters
    ----------
    c : sqlite3.Connection
    connections : Connections
        To the index.
    folder : BlobReader
        The blobs of a store that is a folder.

    Raises
    ------
    StoreFormatError
        When it is of another format, or not of sweepable at all.
    """
    if not connections.place.is_file:
        schema.prepare(c, connections.folder)
        return folder
    path = connections.folder
    (application,) = c.execute("PRAGMA application_id").fetchone()
    (number,) = c.execute("PRAGMA user_version").fetchone()
    if application != schema.APPLICATION:
        raise StoreFormatError(f"{path} is a file of another program, not of sweepable.export. {WAY_OUT}")
    if number != schema.FORMAT:
        raise StoreFormatError(
            f"{path} is of format {number}; this version of sweepable reads and writes {schema.FORMAT}. {WAY_OUT}"
        )
    (pages,), (size,) = c.execute("PRAGMA page_count").fetchone(), c.execute("PRAGMA page_size").fetchone()
    found = files.stamp_of(path)
    if found is None or found.size != pages * size:  # of the last page SQLite does not miss a part
        raise StoreFormatError(f"{path} is not all there, it was cut short on its way: copy it again. {WAY_OUT}")
    if c.execute("SELECT 1 FROM sqlite_schema WHERE name = '_data'").fetchone() is None:
        raise StoreFormatError(f"{path} is the index of a store, and not one that was exported: use its folder")
    return PackedBlobs(connections)
