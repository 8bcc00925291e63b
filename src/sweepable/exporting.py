"""Exporting calls with all that they came from as one file, which is a store that can be read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sweepable.errors import NoCallFound, SweepableError
from sweepable.query import Query, calls_found
from sweepable.record import Record, call_of, store_of
from sweepable.rendering import size_text
from sweepable.store.store import Store


class Exported(NamedTuple):
    """What was exported.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    calls : int
        How many calls it holds, those that the others came from included.
    blobs : int
        How many arrays, frames and other large values, equal ones counted once.
    nbytes : int
        The size of the file.
    """

    path: Path
    calls: int
    blobs: int
    nbytes: int

    def __repr__(self) -> str:
        return f"<{self.path.name}: {self.calls} calls, {self.blobs} blobs, {size_text(self.nbytes)}>"


def export(
    runs: Query | Record | Iterable[Query | Record], path: str | os.PathLike[str], *, overwrite: bool = False
) -> Exported:
    """Write calls with everything that they came from as one file, which ``sweepable.use(path)`` reads.

    The file is a store that can only be read: calls hit, queries find what it holds whatever the code is by now, and
    what is computed beside it is not kept. It is a SQLite database like the index of a store, with all outputs inside,
    and reads well in any SQLite tool. It tells all that is known about the calls: the source of their code, the machine
    that they ran on and, where there were uncommitted changes, these too; see ``rec.info``.

    Parameters
    ----------
    runs : Query, Sweep or Record, or several of them
        The calls; of several functions too. Of a sweep it is what is done, of ``runs.all()`` also what failed.
    path : path-like
        The file; it appears at once and whole.
    overwrite : bool, default False
        Replace a file that is there.

    Returns
    -------
    Exported
        Path, number of calls, number of blobs and size.

    Raises
    ------
    DamagedError
        If part of what is to be exported cannot be read. Nothing is written or replaced.
    NoCallFound
        If there are no calls.
    StoreError
        If there is such a file, or it cannot be written.

    Examples
    --------
    >>> import os, sweepable, tempfile
    >>> @sweepable.cache(area=float)
    ... def ellipse(a=1.0, b=1.0):
    ...     return 3.14 * a * b
    >>> runs = ellipse.sweep(a=[1.0, 2.0], progress=False)
    >>> path = os.path.join(tempfile.mkdtemp(), "paper.db")
    >>> sweepable.export(runs, path).calls
    2
    >>> with sweepable.use(path):
    ...     [rec.area for rec in sweepable.find("ellipse", a__gt=1.0)]
    [6.28]
    """
    from sweepable.store.archive import write

    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise SweepableError(f"sweepable.export needs the path of a file, got {path!r:.60}")
    store, ids = _calls(runs)
    target = os.path.abspath(os.path.expanduser(os.fspath(path)))
    return Exported(Path(target), *write(store, ids, target, overwrite=overwrite))


def _calls(runs: object) -> tuple[Store, list[int]]:
    """The store that the calls are in, and their ids."""
    ids: dict[int, None] = {}
    stores: dict[int, Store] = {}
    for part in _parts(runs):
        store, found = _found(part)
        stores[id(store)] = store
        ids |= dict.fromkeys(found)
    if len(stores) > 1:
        paths = ", ".join(str(store.path) for store in stores.values())
        raise SweepableError(f"sweepable.export writes calls of one store, these are in several: {paths}")
    if not ids:
        raise NoCallFound("sweepable.export was given no calls: nothing was found, and nothing was written")
    return next(iter(stores.values())), list(ids)


def _parts(runs: object) -> Iterator[Query | Record]:
    several = not isinstance(runs, (Query, Record, str)) and isinstance(runs, Iterable)
    for part in runs if several else [runs]:  # type: ignore[attr-defined]
        if not isinstance(part, (Query, Record)):
            raise SweepableError(
                f"sweepable.export needs a query, a sweep or a Record, or a list of these, got {part!r:.60}; "
                "of a function f: f.select()"
            )
        yield part


def _found(part: Query | Record) -> tuple[Store, list[int]]:
    if isinstance(part, Query):
        return calls_found(part)
    call, store = call_of(part), store_of(part)
    if not call.id:
        raise NoCallFound(f"the call {call.key[:12]} could not be stored, so it cannot be exported")
    return store, [call.id]
