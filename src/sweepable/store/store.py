"""The store in one hand: blobs, index and locks; the only thing that writes."""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import sqlite3
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from sweepable.errors import DamagedData, DamagedError, StoreError, TrustError
from sweepable.model import Argument, Failure, Layout, NewCall, Outputs, Status, StoredCall
from sweepable.store import codecs, files, index, results, schema
from sweepable.store.blobs import CHECKED, Blobs, digest_of
from sweepable.store.catalogue import Catalogue, Route, StoredFunction, StoredVersion
from sweepable.store.cells import Cell, is_scalar, to_cell
from sweepable.store.codecs import EXTENSIONS, CannotEncode, External, Externals, OutputFacts, Summary
from sweepable.store.connections import Connections
from sweepable.store.files import Buffer, Stamp
from sweepable.store.function_tables import Column
from sweepable.store.locks import KeyLocks

__all__ = [
    "CannotEncode",
    "OutputFacts",
    "Route",
    "Store",
    "StoredFunction",
    "StoredVersion",
    "Summary",
    "open_store",
]

_log = logging.getLogger("sweepable")
#: Seconds after which a call that another runs is computed anyway.
LONGEST_WAIT = 3600.0
_KEYS_AT_ONCE = 10_000


class _Pending(NamedTuple):
    """A blob that is encoded and not yet written."""

    digest: str
    extension: str
    chunks: list[Buffer]
    size: int


class Store(Catalogue):
    """One store: a folder with an index and blobs. Use `open_store`.

    Parameters
    ----------
    path : str
        The folder; made, and the index opened, at first use.
    trust : bool, default False
        Load pickles even where others could have written them.

    Attributes
    ----------
    path : Path
    trust : bool
    """

    def __init__(self, path: str, *, trust: bool = False) -> None:
        self.path = Path(path)
        self.trust = trust
        self._connections = Connections(path, lambda connection: schema.prepare(connection, path))
        self._blobs = Blobs(path)
        self._keys = KeyLocks(self._open_key_locks)
        self._layouts: dict[int, Layout] = {0: Layout("value", ())}
        self._stamps: dict[tuple[str, str], Stamp] = {}
        self._unusable: set[str] = set()
        self._ours: bool | None = None
        self._read = results.loader(self._load)
        super().__init__(self._connections.get)

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written here: hits work, and what is computed is not kept."""
        return self._connections.read_only

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    # -- reading calls

    def fetch(self, key: str) -> StoredCall | None:
        """The stored call of a key; a damaged row is put aside with a warning, and is not there.

        Raises
        ------
        DamagedError
            When the index itself cannot be read.
        """
        try:
            row = self._connections.get().execute(index.BY_KEY, (key,)).fetchone()
        except sqlite3.DatabaseError as error:
            row = self._after(error)
        if row is None:
            return None
        return index.verified(row, key) or self._put_aside(key)

    def fetch_id(self, id: int) -> StoredCall | None:
        """The stored call of an id."""
        try:
            row = self._connections.get().execute(index.BY_ID, (id,)).fetchone()
        except sqlite3.DatabaseError as error:
            row = self._after(error)
        if row is None:
            return None
        return index.verified(row) or self._put_aside(id)

    def _after(self, error: sqlite3.DatabaseError) -> Sequence[object]:
        """A row whose text is no text is damaged, which its check will say; all else is beyond a row."""
        if "decode" in str(error):
            return [None] * 14
        if isinstance(error, sqlite3.OperationalError):
            raise error
        raise DamagedError(
            f"the index of the store {self.path} is damaged: {error}. Move the folder away, or use another one: "
            "SWEEPABLE_STORE=/path, or sweepable.use(path)."
        ) from error

    def _put_aside(self, key: str | int) -> StoredCall | None:
        call: StoredCall | None = None
        if not self.read_only:
            with self._connections.writing() as c:
                found, call = index.find(c, key)
                if found is not None and call is None:
                    index.put_aside(c, found, key, "the check digest does not match")
        if call is None:  # else another process has replaced it meanwhile
            text = f"a damaged row of the store {self.path} was put aside: call {str(key)[:16]}"
            warnings.warn(text, DamagedData, stacklevel=4)
        return call

    def statuses(self, keys: Sequence[str]) -> dict[str, tuple[int, Status]]:
        """Id and status of those of many keys that are stored; their rows are not checked."""
        query = "SELECT c.key, c.id, c.status FROM json_each(?) AS k JOIN _calls AS c ON c.key = k.value"
        found: dict[str, tuple[int, Status]] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            text = json.dumps(list(keys[start : start + _KEYS_AT_ONCE]))
            found |= {key: (id, status) for key, id, status in self.connection().execute(query, (text,))}
        return found

    def layout(self, id: int) -> Layout:
        """How the outputs of a call make up its value."""
        return self._layouts.get(id) or self._read_layout(id)

    def _read_layout(self, id: int) -> Layout:
        row = self.connection().execute("SELECT text, check_digest FROM _layouts WHERE id = ?", (id,)).fetchone()
        if row is None or index.layout_check(id, row[0]) != row[1]:
            raise DamagedError(f"layout {id} of the store {self.path} is damaged")
        kind, names, declared = json.loads(row[0])
        self._layouts[id] = Layout(kind, tuple(names), declared)
        return self._layouts[id]

    # -- reading values

    def value(self, call: StoredCall) -> object:
        """What the call returned.

        Raises
        ------
        DamagedError
            When part of it is missing, is not what was written, or cannot be loaded any more. It was warned of, and
            the next `put` of the call replaces it.
        TrustError
            When it contains a pickle that others could have written.
        """
        try:
            return results.decode_whole(_result(call), self._read)
        except DamagedError as error:
            self._unusable.add(call.key)
            warnings.warn(str(error), DamagedData, stacklevel=3)
            raise

    def output(self, call: StoredCall, name: str) -> object:
        """One output of a call; no other is loaded. It raises what `value` does."""
        try:
            return results.decode_one(_result(call), self.layout(call.layout), name, self._load)
        except DamagedError:
            self._unusable.add(call.key)
            raise

    def output_facts(self, call: StoredCall) -> dict[str, OutputFacts]:
        """Codec, size, type, shape and dtype of each output, without loading any."""
        return results.facts(_result(call), self.layout(call.layout)) if call.result is not None else {}

    def arguments(self, call: StoredCall) -> tuple[Argument, ...]:
        """The arguments of a call, with a `Summary` for each value that was not kept or cannot be read."""
        return results.decode_arguments(call.arguments, self._load)

    def failure(self, call: StoredCall) -> Failure | None:
        """The exception that a call raised."""
        return None if call.error is None else results.decode_failure(call.error)

    def _load(self, external: External, parts: tuple[object, ...]) -> object:
        if external.codec == "pickle":
            self._check_trust()
        if external.inline is not None:
            # An array is given memory of its own, which its owner may change.
            buffer: Any = bytearray(external.inline) if external.codec == "npy" else external.inline
        else:
            buffer = self._open_blob(external)
        return codecs.decode_value(external.codec, buffer, parts)

    def _open_blob(self, external: External) -> Any:
        place = external.digest, EXTENSIONS[external.codec]
        known = None
        if external.nbytes > CHECKED:
            known = self._stamps.get(place) or index.read_stamp(self.connection(), *place)
        opened = self._blobs.open(*place, external.nbytes, known)
        if external.nbytes > CHECKED:
            self._stamps[place] = opened.stamp
            if opened.stamp != known and not self.read_only:
                with self._connections.writing() as c:
                    index.write_stamp(c, *place, opened.stamp)
        return opened.buffer

    def _check_trust(self) -> None:
        if self._ours is None:
            paths = [str(self.path), self._connections.index]
            self._ours = all(files.is_ours(path) for path in paths) and self._blobs.are_ours()
        if not (self._ours or self.trust):
            raise TrustError(
                f"the store {self.path} belongs to, or can be written by, another user: its pickles, which can run any "
                "code, are not loaded. Make it yours alone (chmod -R go-w), or open it with trust=True."
            )

    # -- writing

    def put(self, new: NewCall) -> StoredCall:
        """Store a call; the first that is done wins, and is the answer.

        Raises
        ------
        CannotEncode
            When the value cannot be stored; nothing was written.
        OSError, sqlite3.Error
            When disk or database fail; what was stored before is unharmed.
        """
        if self._connections.was_replaced():
            self.close()
        stored, replace = self.fetch(new.key), False
        if stored is not None and index.stays(stored, new.status):
            replace = new.status == "done" and not self._is_usable(stored)
            if not replace:
                return stored
        pending: list[_Pending] = []
        prepared = _prepared(new, pending)
        with self._published(pending, prepared), self._connections.writing() as c:
            call = index.put(c, new, prepared, replace=replace)
        self._unusable.discard(new.key)
        return call

    @contextlib.contextmanager
    def _published(self, pending: list[_Pending], prepared: index.Prepared) -> Iterator[None]:
        """Blobs are written before the row that names them, and nobody may sweep them away in between."""
        if not (pending or prepared.blobs):
            yield
            return
        with self._connections.publishing():
            prepared.blobs.extend(self._written(pending))
            yield

    def _is_usable(self, call: StoredCall) -> bool:
        """Whether the result is all there, as far as is known without reading it."""
        return call.key not in self._unusable and all(
            self._blobs.present(found.digest, EXTENSIONS[found.codec], found.nbytes)
            for found in results.blobs_of(call.result)
        )

    def _written(self, pending: list[_Pending]) -> list[index.Blob]:
        return [
            index.Blob(blob.digest, blob.extension, blob.size, self._blobs.write(*blob))
            for blob in {(blob.digest, blob.extension): blob for blob in pending}.values()
        ]

    def relayout(self, call: StoredCall, outputs: Outputs) -> StoredCall:
        """The same call and value under other output names: its declaration has changed."""
        pending: list[_Pending] = []
        result = results.encode_outputs(outputs, _externals(pending))
        prepared = index.Prepared(call.arguments, result, None, *_output_cells(outputs))
        prepared.blobs.extend(_blob_row(found) for found in results.blobs_of(call.arguments))
        with self._published(pending, prepared), self._connections.writing() as c:
            return index.relayout(c, call, outputs.layout, prepared) or call

    # -- single flight

    def hold(self, key: str, *, who: str, wait: float | None = LONGEST_WAIT) -> AbstractContextManager[bool]:
        """Hold a key for the length of a block, so that its call runs once.

        Parameters
        ----------
        key : str
            Of the call.
        who : str
            What is waited for, in messages: the call as people write it.
        wait : float or None, default 3600
            Seconds to wait for another holder; None for ever.

        Returns
        -------
        context manager of bool
            True when the key is held, False when the wait was given up: then compute anyway.
        """
        return self._keys.hold(key, who=who, wait=wait)

    def try_hold(self, key: str) -> bool:
        """Hold a key if nobody does; `release` it then."""
        return self._keys.try_hold(key)

    def release(self, key: str) -> None:
        """Give up a key that `try_hold` gave."""
        self._keys.release(key)

    def _open_key_locks(self) -> int | None:
        if self.read_only or not files.RANGE_LOCKS:
            return None
        try:
            return files.open_lock(os.path.join(self._connections.folder, "locks", "keys"))
        except OSError as error:
            _log.warning("calls are not locked between processes: %s", error)
            return None

    # -- ends

    def close(self) -> None:
        """Close what is open; it opens again when needed."""
        self._connections.close()
        self._keys.close()
        self._forget()

    def _forget(self) -> None:
        self._layouts = {0: Layout("value", ())}
        self._stamps.clear()
        self._ours = None

    def _forked(self) -> None:
        self._connections.forked()
        self._keys.forked()


def _result(call: StoredCall) -> bytes:
    if call.result is None:
        raise StoreError(f"the call {call.key[:16]} has no result: it is {call.status}")
    return call.result


def _externals(pending: list[_Pending]) -> Externals:
    """Puts blobs on a list: they are written when all is encoded, and whatever user code that runs is done."""

    def keep(extension: str, chunks: list[Buffer], size: int) -> str:
        digest = digest_of(chunks)
        pending.append(_Pending(digest, extension, chunks, size))
        return digest

    return Externals(keep)


def _prepared(new: NewCall, pending: list[_Pending]) -> index.Prepared:
    externals = _externals(pending)
    result = None if new.outputs is None else results.encode_outputs(new.outputs, externals)
    arguments = results.encode_arguments(new.arguments, externals)
    error = None if new.failure is None else results.encode_failure(new.failure)
    cells, others = _output_cells(new.outputs)
    return index.Prepared(arguments, result, error, _argument_cells(new.arguments) | cells, others)


def _argument_cells(arguments: tuple[Argument, ...]) -> dict[Column, Cell]:
    """Parameters by value; those that are upstream calls by its key, which the index turns into its id."""
    return {
        ("parameter", argument.name) if argument.kind == "value" else ("upstream", argument.name): (
            to_cell(argument.value, argument.digest) if argument.kind == "value" else str(argument.value)
        )
        for argument in arguments
    }


def _output_cells(outputs: Outputs | None) -> tuple[dict[Column, Cell], dict[Column, Cell]]:
    """The outputs that are scalars, and the others."""
    cells: dict[Column, Cell] = {}
    others: dict[Column, Cell] = {}
    if outputs is not None:
        for name, value in zip(outputs.layout.names, outputs.values, strict=True):
            (cells if is_scalar(value) else others)["output", name] = to_cell(value)
    return cells, others


def _blob_row(found: External) -> index.Blob:
    return index.Blob(found.digest, EXTENSIONS[found.codec], found.nbytes, None)


# -- the stores of this process

_stores: dict[str, Store] = {}
_opening = threading.Lock()


def open_store(path: str | os.PathLike[str], *, trust: bool = False) -> Store:
    """The store in a folder: one for each folder and process.

    Parameters
    ----------
    path : str or path
        The folder. It is made, and the index opened, at first use.
    trust : bool, default False
        Load pickles even from a store that others can write; it then holds for this store in the whole process.

    Returns
    -------
    Store
    """
    resolved = os.path.realpath(path)
    with _opening:
        store = _stores.get(resolved)
        if store is None:
            store = _stores[resolved] = Store(resolved)
        store.trust = store.trust or trust
        return store


def _after_fork() -> None:
    global _opening
    _opening = threading.Lock()
    for store in list(_stores.values()):
        store._forked()


def _at_exit() -> None:
    for store in list(_stores.values()):
        store.close()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
