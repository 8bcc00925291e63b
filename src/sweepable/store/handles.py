"""One thread's connection to the index with its lock files, and the transactions on it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from types import TracebackType
from typing import Any

from sweepable.errors import StoreError
from sweepable.store import files
from sweepable.store.interned import Interned
from sweepable.store.locks import wait_for_lock

#: Connections that belong to a parent process or to another thread.
_abandoned: list[sqlite3.Connection] = []


class Handle:
    """One thread's connection with its own lock files, so that threads exclude each other as processes do."""

    def __init__(self, connection: sqlite3.Connection, write_lock: int | None, blob_lock: int | None) -> None:
        self.connection = connection
        self.interned = Interned()
        #: What readers of this connection have made of the tables, for as long as nothing is written.
        self.kept: dict[Any, Any] = {}
        #: Held while SQLite is at work on the connection: nobody forks in between.
        self.gate = threading.RLock()
        #: Whether others were given the connection, who use it outside the gate.
        self.given_out = False
        self.thread = threading.get_ident()
        self._locks = [descriptor for descriptor in (write_lock, blob_lock) if descriptor is not None]
        self.write_lock = write_lock
        self.blob_lock = blob_lock
        self._open = True

    def close(self, patience: float = 5.0) -> None:
        """Close the connection; as it may checkpoint, under the write lock, or else not at all."""
        if not self._open:
            return
        self._open = False
        try:
            if self.write_lock is not None:
                wait_for_lock(self.write_lock, patience=patience)
            self.connection.close()
        except (StoreError, OSError, sqlite3.Error):
            _keep_for_ever(self.connection)
        self._close_locks()

    def close_in_child(self) -> None:
        """In a forked child: close what was inherited, if SQLite was not at work on it.

        SQLite takes the locks of inherited connections for its own, and would neither take real ones nor see that
        nobody holds them. Closing them here writes nothing: the parent's lock on the index is in the way.
        """
        idle = self.thread == threading.get_ident() or not self.given_out
        if self._open and idle and self.gate.acquire(blocking=False):
            self._open = False
            self.connection.close()
            self._close_locks()
        self.abandon()

    def abandon(self) -> None:
        """Let go of a connection that is not ours to close."""
        if self._open:
            self._open = False
            _keep_for_ever(self.connection)
            self._close_locks()

    def _close_locks(self) -> None:
        # closing drops a lock that is still held
        for descriptor in self._locks:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def __del__(self) -> None:
        self.close()


def _keep_for_ever(found: sqlite3.Connection) -> None:
    """Not even the interpreter's end may close the connection of a parent process: that would write."""
    _abandoned.append(found)
    try:
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(found))
    except (ImportError, AttributeError):
        pass


class Transaction:
    """One transaction of a connection, under the write lock. A class of its own: a generator costs twice as much."""

    __slots__ = ("_begun", "_handle", "_lock")

    def __init__(self, handle: Handle, lock: int) -> None:
        self._handle = handle
        self._lock = lock
        self._begun = False

    def __enter__(self) -> sqlite3.Connection:
        wait_for_lock(self._lock)
        handle = self._handle
        try:
            handle.gate.acquire()
            self._begun = True
            handle.connection.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            if self._begun and not isinstance(error, sqlite3.Error):  # an interrupt: a transaction may be open
                self._undo()
            self._leave()
            raise
        return handle.connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._handle.connection.execute("COMMIT")
        except BaseException:
            self._undo()
            raise
        else:
            if kind is not None:
                self._undo()
        finally:
            self._leave()

    def _undo(self) -> None:
        self._handle.interned.forget()
        if self._handle.connection.in_transaction:
            self._handle.connection.execute("ROLLBACK")

    def _leave(self) -> None:
        if self._begun:
            self._begun = False
            self._handle.gate.release()
        files.unlock(self._lock)

    def __del__(self) -> None:
        if self._begun:  # an interrupt came just when the block was left
            try:
                self._undo()
            finally:
                self._leave()
