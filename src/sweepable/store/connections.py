"""Connections to the index: one per process and thread, closed under the write lock, never inherited."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from sweepable.errors import DamagedError, StoreError, StoreFormatError
from sweepable.store import files
from sweepable.store.handles import Handle, Transaction
from sweepable.store.interned import Interned
from sweepable.store.locks import PATIENCE, locked

#: At once: one after the other they take twice the time. A log of 16 MB instead of 4, as each checkpoint waits for the
#: disk, and most pages are written many times in between.
_PRAGMAS = """
    PRAGMA synchronous = NORMAL;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA foreign_keys = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = 4000;
"""
#: How the names of what a store holds begin.
_OWN = ("index.db", "locks", "blobs", "tmp")


class Place:
    """Where a store is: a folder that holds the index, or one file, written by an export, which is the index itself.

    Parameters
    ----------
    path : str
        Of the folder or file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._index = os.path.join(path, "index.db")
        self._is_file: bool | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is one file; asked until something is there."""
        if self._is_file is not None:
            return self._is_file
        found = files.is_file(self._path)
        if found or files.exists(self._path):
            self._is_file = found
        return found

    def forget(self) -> None:
        """Look again: what is there may be something else by now."""
        self._is_file = None

    @property
    def index(self) -> str:
        """The index."""
        return self._path if self.is_file else self._index

    def exists(self) -> bool:
        """Whether there is an index."""
        return files.exists(self.index)


class Connections:
    """The connections of one store.

    Parameters
    ----------
    folder : str
        Of the store; or the file that it is.
    prepare : callable
        Called with the first connection of this process, under the write lock: makes or checks the schema.
    """

    def __init__(self, folder: str, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self.folder = folder
        self.place = Place(folder)
        self._prepare = prepare
        self._local = threading.local()
        self._opening = threading.RLock()
        self._handles: weakref.WeakSet[Handle] = weakref.WeakSet()
        self._known: tuple[int, int] | None = None
        self._read_only: bool | None = None

    @property
    def read_only(self) -> bool:
        """Whether the store can be read only."""
        if self._read_only is None:
            self.handle()
        return bool(self._read_only)

    def get(self) -> sqlite3.Connection:
        """This thread's connection, for reading by others."""
        handle = self.handle()
        handle.given_out = True
        return handle.connection

    @property
    def interned(self) -> Interned:
        """What is known of this thread's connection."""
        return self.handle().interned

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, for reading within a block; nobody forks meanwhile."""
        handle = self.handle()
        with handle.gate:
            yield handle.connection

    def one(self, query: str, parameters: tuple[object, ...]) -> Any:
        """The first row of a query; None for none."""
        handle: Handle = getattr(self._local, "handle", None) or self.handle()
        with handle.gate:
            return handle.connection.execute(query, parameters).fetchone()

    def handle(self) -> Handle:
        """This thread's connection and lock files."""
        known: Handle | None = getattr(self._local, "handle", None)
        if known is not None:
            return known
        with self._opening:
            handle = self._open()
            self._handles.add(handle)
        self._local.handle = handle
        return handle

    # -- opening

    def _open(self) -> Handle:
        if self._read_only is None:
            self._read_only = self._make_folder()
        try:
            return self._open_to_read() if self._read_only else self._open_to_write()
        except sqlite3.DatabaseError as error:
            if self.place.is_file:
                raise StoreFormatError(
                    f"{self.folder} cannot be read as a file that sweepable.export has written: {error}. It is of "
                    f"another program, or it was cut short on its way: export or copy it again. {WAY_OUT}"
                ) from error
            if "not a database" not in str(error):
                raise
            raise StoreFormatError(f"{self.place.index} is no index of sweepable: {error}. {WAY_OUT}") from error
        except UnicodeDecodeError as error:  # SQLite quotes the damaged text in its own message
            raise DamagedError(f"the index {self.place.index} is damaged. Move its folder away. {WAY_OUT}") from error

    def _make_folder(self) -> bool:
        """Make the store's folder where it is missing; the answer is whether it can only be read."""
        if self.place.is_file:
            return True
        if not files.exists(self.folder):
            try:
                files.make_parents(self.folder)
                files.make_folder(self.folder)
            except OSError as error:
                raise StoreError(f"the store {self.folder} cannot be made: {error}. {WAY_OUT}") from error
        elif not files.is_folder(self.folder):
            raise StoreError(f"the store {self.folder} is neither a folder nor a file. {WAY_OUT}")
        there = files.exists(self.place.index)
        if files.is_writable(self.folder) and (not there or files.is_writable(self.place.index)):
            return False
        if not there:
            raise StoreError(f"the store {self.folder} cannot be made: the folder is not writable. {WAY_OUT}")
        return True

    def _open_to_write(self) -> Handle:
        write_lock, blob_lock = _open_locks(self.folder)
        with contextlib.ExitStack() as undo:
            undo.callback(files.close, blob_lock)
            undo.callback(files.close, write_lock)
            with locked(write_lock):
                connection = self._connect_to_write()
                undo.callback(connection.close)
            undo.pop_all()
        return Handle(connection, write_lock, blob_lock)

    def _connect_to_write(self) -> sqlite3.Connection:
        first = self._known is None
        if first:
            _make_files(self.folder, self.place.index)
        connection = self._connect(f"{uri(self.place.index)}?mode=rw")
        try:
            if first:
                self._prepare(connection)
                self._known = files.identity(self.place.index)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_to_read(self) -> Handle:
        connection = self._connect_to_read()
        try:
            if self._known is None:
                self._prepare(connection)
                self._known = files.identity(self.place.index)
        except BaseException:
            connection.close()
            raise
        return Handle(connection, None, None)

    def _connect_to_read(self) -> sqlite3.Connection:
        readable = f"{uri(self.place.index)}?mode=ro"
        if self.place.is_file:
            _refuse_unfinished(self.folder)
            if self.was_replaced():  # what is known of it holds for what it was
                raise StoreError(f"the file {self.folder} was replaced since it was opened; use it again")
            return self._connect(readable + "&immutable=1")  # nobody writes there: no locks, and no file beside it
        try:
            return self._connect(readable)
        except sqlite3.OperationalError as error:
            log = files.stamp_of(self.place.index + "-wal")
            if log is not None and log.size:
                # Its newest rows are in the log, which cannot be read here; without them nothing would be right.
                raise StoreError(f"the store {self.folder} cannot be read on a read-only medium: {error}") from error
            return self._connect(readable + "&immutable=1")

    def _connect(self, address: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            connection.executescript(_PRAGMAS)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            connection.create_function("sweepable_search", 3, _search, deterministic=True)
            connection.create_function("sweepable_rank", 1, _rank, deterministic=True)
            connection.create_function("sweepable_rest", 1, _rest, deterministic=True)
        except BaseException:
            connection.close()
            raise
        return connection

    # -- writing

    def writing(self, *, amends: bool = False) -> AbstractContextManager[sqlite3.Connection]:
        """One transaction, under the write lock: all of it or nothing.

        Parameters
        ----------
        amends : bool, default False
            It changes calls that were read here, so they have to be in this very index.
        """
        if amends and self.was_replaced():
            raise StoreError(
                f"the store {self.folder} was deleted or replaced since its calls were read; nothing was changed. "
                "Start a new process to see what is there now."
            )
        handle = self.handle()
        if handle.write_lock is None:
            raise StoreError(f"the store {self.folder} is read-only")
        return Transaction(handle, handle.write_lock)

    @contextlib.contextmanager
    def publishing(self) -> Iterator[None]:
        """While blobs are written and their row is not yet there: nobody may sweep them away."""
        handle = self.handle()
        if handle.blob_lock is None:
            raise StoreError(f"the store {self.folder} is read-only")
        with locked(handle.blob_lock, shared=True):
            yield

    # -- ends

    def was_replaced(self) -> bool:
        """Whether the index is no longer the file that was opened: the folder was deleted, or made anew."""
        return self._known is not None and files.identity(self.place.index) != self._known

    def close(self) -> None:
        """Close this thread's connection and let go of those of others; all open again when needed."""
        mine = getattr(self._local, "handle", None)
        for handle in list(self._handles):
            if handle is mine:
                handle.close()
            else:
                handle.abandon()
        self._forget()

    def before_fork(self) -> Callable[[], None]:
        """Wait until no thread is amid a transaction; returns what lets them go on."""
        gates = [self._opening]
        gates[0].acquire()
        for gate in [handle.gate for handle in list(self._handles)]:
            if gate.acquire(timeout=PATIENCE):
                gates.append(gate)

        def go_on() -> None:
            for gate in reversed(gates):
                gate.release()

        return go_on

    def forked(self) -> None:
        """In a forked child: nothing that was inherited is used."""
        for handle in list(self._handles):
            handle.close_in_child()
        self._opening = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._local = threading.local()
        self._handles = weakref.WeakSet()
        self._known = self._read_only = None
        self.place.forget()


def _search(pattern: str, flags: int, text: object) -> bool:
    """What the look-up ``regex`` asks of each cell; compiled patterns are kept by `re`."""
    import re

    # SQLite may ask it of cells that another condition leaves out.
    return isinstance(text, str) and re.search(pattern, text, flags) is not None


def _rank(cell: Any) -> Any:
    """By what a cell that is a BLOB is ordered."""
    from sweepable.store.cells import rank

    return rank(cell)


def _rest(cell: Any) -> bytes:
    """By what cells of one rank are ordered."""
    from sweepable.store.cells import rest

    return rest(cell)


WAY_OUT = "Use another folder: SWEEPABLE_STORE=/path, or sweepable.use(path)."


def uri(path: str) -> str:
    """The ``file:`` URI of a path, to which ``?mode=ro`` may be added."""
    return "file:" + path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _refuse_unfinished(path: str) -> None:
    """Part of what another program has written to a file may stand beside it: without that nothing would be right."""
    if os.path.basename(path) == "index.db" and files.exists(os.path.join(os.path.dirname(path), "locks")):
        raise StoreFormatError(f"{path} is the index of a store, and not one that was exported: use its folder")
    for suffix in ("-wal", "-journal"):
        found = files.stamp_of(path + suffix)
        if found is not None and found.size:
            raise StoreError(
                f"the store {path} is being written by another program: {path}{suffix} holds a part of it. Files of "
                f"sweepable.export are never written to; export it again. {WAY_OUT}"
            )


def _open_locks(store: str) -> tuple[int, int]:
    folder = os.path.join(store, "locks")
    files.make_folder(folder)
    write_lock = files.open_lock(os.path.join(folder, "write"))
    try:
        return write_lock, files.open_lock(os.path.join(folder, "blobs"))
    except BaseException:
        files.close(write_lock)
        raise


def _make_files(folder: str, index: str) -> None:
    # Made by us and not by SQLite, so that its mode is right from the beginning: SQLite copies it to its -wal.
    descriptor = files.create(index)
    if descriptor is not None:
        files.close(descriptor)
    ignore = os.path.join(folder, ".gitignore")
    # A folder that holds other files is not for us to hide from git.
    if not files.exists(ignore) and all(name.startswith(_OWN) for name in files.names(folder)):
        with contextlib.suppress(FileExistsError):
            files.write_new(ignore, [b"*\n"])
