"""The store in one hand: blobs, index and locks; the only thing that writes."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from sweepable.model import NewCall, Outputs, StoredCall
from sweepable.notices import logger
from sweepable.store import audits, contents, edges, files, index, labels, preparing, readings, results
from sweepable.store.catalogue import Route, StoredFunction, StoredVersion
from sweepable.store.codecs import EXTENSIONS, CannotEncode, OutputFacts, Summary
from sweepable.store.connections import Place
from sweepable.store.locks import KeyLocks
from sweepable.store.reading import Reading

if TYPE_CHECKING:
    from sweepable.store.taking import Migrated, Rekeyed

__all__ = [
    "CannotEncode",
    "OutputFacts",
    "Route",
    "Store",
    "StoredFunction",
    "StoredVersion",
    "Summary",
    "is_store",
    "open_store",
]

#: Seconds after which a call that another runs is computed anyway.
LONGEST_WAIT = 3600.0
_living: weakref.WeakSet[Store] = weakref.WeakSet()


class Store(Reading):
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
        logger()  # imported before anything fails: where no further file can be opened, nothing can be imported
        super().__init__(path, trust)
        self._keys = KeyLocks(self._open_key_locks)
        _living.add(self)

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
        pending: list[preparing.Pending] = []
        prepared = preparing.prepare(new, pending)

        def replaces(stored: StoredCall) -> bool:
            return new.status == "done" and not self._is_usable(stored)

        read = self.readings.taken()
        published = self._published(pending, prepared) if pending or prepared.blobs else nullcontext()
        with published, self._connections.writing() as c:
            call = index.put(c, new, prepared, self._connections.interned, replaces=replaces)
            readings.write(c, read)
        self._unusable.discard(new.key)
        return call

    @contextlib.contextmanager
    def _published(self, pending: list[preparing.Pending], prepared: index.Prepared) -> Iterator[None]:
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
            self.blobs.present(found.digest, EXTENSIONS[found.codec], found.nbytes)
            for found in results.blobs_of(call.result)
        )

    def _written(self, pending: list[preparing.Pending]) -> list[index.Blob]:
        return [
            index.Blob(blob.digest, blob.extension, blob.size, self._blobs.write(*blob))
            for blob in {(blob.digest, blob.extension): blob for blob in pending}.values()
        ]

    def supersede(self, key: str) -> None:
        """Let the next call of this key that is done replace the one that is stored."""
        self._unusable.add(key)

    def take_over(self, new: NewCall, origin: StoredCall) -> StoredCall | None:
        """Store a call with the result of another one of the same content; None where that is not to be had.

        Parameters
        ----------
        new : NewCall
            Without outputs. When it ran, how long and where are those of `origin`.
        origin : StoredCall
            The call whose result it is.
        """
        from sweepable.store import taking

        if not self._is_usable(origin):
            return None
        pending: list[preparing.Pending] = []
        prepared = self._with_result(preparing.prepare(new, pending), origin)
        with self._published(pending, prepared), self._connections.writing() as c:
            return taking.take_over(c, new, prepared, origin, self._connections.interned)

    def migrate(self, into: Migrated, calls: Sequence[Rekeyed]) -> int:
        """Write calls again under other keys, in one transaction; the answer is the migration's id.

        Parameters
        ----------
        into : Migrated
            What is entered of the migration.
        calls : sequence of Rekeyed
            Upstream calls first.
        """
        from sweepable.store import taking

        made = [(call, *self._rekeyed(call)) for call in calls]
        pending = [blob for _, _, blobs in made for blob in blobs]
        prepared = [found for _, found, _ in made]
        with self._connections.publishing():
            written = {(blob.digest, blob.extension): blob for blob in self._written(pending)}
            with self._connections.writing() as c:
                interned = self._connections.interned
                number, lost = taking.begin(c, into, interned), set[str]()
                for call, found in zip(calls, prepared, strict=True):
                    if lost.intersection(edges.keys_of_origin(call.new.upstream)):
                        lost.add(call.new.key)  # what it came from has another result by now
                        continue
                    own = [written.get((blob.digest, blob.extension), blob) for blob in found.blobs]
                    content = call.by_content(contents.of_keys(c, call.needs))
                    kept = tuple(upstream for upstream in call.new.upstream if upstream.key not in lost)
                    new = call.new._replace(migration=number, arguments_content=content, upstream=kept)
                    if index.put(c, new, found._replace(blobs=own), interned).result != found.result:
                        lost.add(call.new.key)
        return number

    def _rekeyed(self, call: Rekeyed) -> tuple[index.Prepared, list[preparing.Pending]]:
        """A call under its other key, encoded, and the blobs that are still to be written."""
        pending: list[preparing.Pending] = []
        prepared = preparing.prepare(call.new, pending)
        blobs = [index.Blob(blob.digest, blob.extension, blob.size, None) for blob in pending]
        if call.new.outputs is not None:
            return prepared._replace(blobs=blobs), pending
        return self._with_result(prepared, call.origin, blobs), pending

    def _with_result(
        self, prepared: index.Prepared, origin: StoredCall, blobs: Sequence[index.Blob] = ()
    ) -> index.Prepared:
        """What is written of a call whose result is that of another one."""
        cells, others = preparing.stored_cells(self.output_facts(origin), lambda name: self.output(origin, name))
        return prepared._replace(
            result=origin.result,
            layout=self.layout(origin.layout),
            blobs=[*blobs, *(preparing.blob_row(found) for found in results.blobs_of(origin.result))],
            cells=prepared.cells | cells,
            others=others,
        )

    def revoke(self, migration: int) -> None:
        """Take a migration back: forget the calls that it made, and all that came from those. Blobs stay."""
        from sweepable.store import migrations

        with self._connections.writing() as c:
            migrations.revoke(c, migration)

    def relayout(self, call: StoredCall, outputs: Outputs) -> StoredCall:
        """The same call and value under other output names: its declaration has changed."""
        from sweepable.store import relayouts

        pending: list[preparing.Pending] = []
        result = results.encode_outputs(outputs, preparing.externals(pending))
        blobs = [preparing.blob_row(found) for found in results.blobs_of(call.arguments)]
        prepared = index.Prepared(call.arguments, result, None, *preparing.output_cells(outputs), blobs)
        with self._published(pending, prepared), self._connections.writing() as c:
            return relayouts.relayout(c, call, outputs.layout, prepared) or call

    def write_audit(self, version: int, text: str) -> None:
        """Add what an audit found to what is known of a version."""
        with self._connections.writing() as c:
            audits.add(c, version, text)
        self.soundness.forget()

    def set_label(self, version: int, label: str | None) -> int | None:
        """Call a version of a function something (None: nothing any more), unless another one is called so.

        Returns
        -------
        int or None
            The other version of the function that has this label: nothing was changed then.
        """
        with self._connections.writing() as c:
            other = labels.labelled(c, version, label) if label is not None else None
            if other is None:
                labels.set_label(c, version, label)
            return other

    # -- single flight

    def hold(
        self, key: str, *, who: str | Callable[[], str], wait: float | None = LONGEST_WAIT
    ) -> AbstractContextManager[bool]:
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
            logger().warning("calls are not locked between processes: %s", error)
            return None

    # -- ends

    def close(self) -> None:
        """Close what is open; it opens again when needed."""
        self._connections.close()
        self._keys.close()
        self._forget()

    def _before_fork(self) -> list[Callable[[], None]]:
        return [self._keys.before_fork(), self._connections.before_fork()]

    def _forked(self) -> None:
        self._connections.forked()
        self._keys.forked()


# -- the stores of this process

_stores: dict[str, Store] = {}
_opening = threading.RLock()
_waiting: list[Callable[[], object]] = []


def open_store(path: str | os.PathLike[str], *, trust: bool = False) -> Store:
    """The store in a folder: one for each folder and process.

    Parameters
    ----------
    path : str or path
        The folder, made, and the index opened, at first use; or a file written by an export, which is only read.
    trust : bool, default False
        Load pickles even from a store that others can write; it then holds for this store in the whole process.

    Returns
    -------
    Store
    """
    resolved = os.path.realpath(path)
    with _opening:
        store = _stores.get(resolved)
        if store is None or _was_overwritten(store):
            store = _stores[resolved] = Store(resolved)
        store.trust = store.trust or trust
        return store


def _was_overwritten(store: Store) -> bool:
    """Whether it is a file that another one has replaced since it was opened: what was read of it stays with it."""
    return store.place.is_file and store._connections.was_replaced()


def is_store(path: str) -> bool:
    """Whether there is a store at this path."""
    return Place(path).exists()


def _before_fork() -> None:
    """SQLite's state in memory is copied by a fork: no thread may be amid changing it."""
    _opening.acquire()
    _waiting.append(_opening.release)
    for store in list(_living):
        _waiting.extend(store._before_fork())


def _after_fork_in_parent() -> None:
    releases = _waiting[::-1]
    _waiting.clear()  # before anything is released: another thread may be about to fork
    for release in releases:
        release()


def _after_fork_in_child() -> None:
    _after_fork_in_parent()
    for store in list(_living):
        store._forked()


def _at_exit() -> None:
    for store in list(_living):
        store.close()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
