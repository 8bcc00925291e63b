"""Stored outputs under the names that are declared now: in queries as in calls, where they are named when read."""

from __future__ import annotations

import sqlite3

from sweepable.callee import Callee
from sweepable.errors import DamagedError, TrustError
from sweepable.notices import logger
from sweepable.store.codecs import CannotEncode
from sweepable.store.location import current_store
from sweepable.store.store import Store

_LAYOUTS = (
    "SELECT DISTINCT c.layout FROM _calls AS c JOIN _versions AS v ON v.id = c.version "
    "JOIN _functions AS f ON f.id = c.function WHERE f.name = ? AND v.digest = ? AND c.status = 'done'"
)
_CALLS = (
    "SELECT c.key FROM _calls AS c JOIN _versions AS v ON v.id = c.version JOIN _functions AS f ON f.id = c.function "
    "WHERE f.name = ? AND v.digest = ? AND c.status = 'done' AND c.layout = ?"
)


def name_outputs(callee: Callee) -> None:
    """Give stored results of a function, and of what is upstream of it, the names that their outputs have now.

    Looked at once in a process; most often there is nothing to do.
    """
    seen: set[int] = set()
    queue = [callee]
    for found in queue:
        if id(found) not in seen:
            seen.add(id(found))
            queue += [upstream.callee for upstream in found.upstreams.values()]
            store = current_store(found.options.store)
            if (store, found.declaration.text) not in found.declared_in:
                found.declared_in.add((store, found.declaration.text))
                _name(found, store)


def _name(callee: Callee, store: Store) -> None:
    of = callee.name, callee.version().digest
    try:
        layouts = [layout for (layout,) in store.connection().execute(_LAYOUTS, of).fetchall()]
        others = [layout for layout in layouts if store.layout(layout).declared != callee.declaration.text]
        for layout in others if not store.read_only else ():
            for (key,) in store.connection().execute(_CALLS, (*of, layout)).fetchall():
                _name_one(callee, store, key)
    except (DamagedError, OSError, sqlite3.Error):  # they keep the names that they have
        logger().warning("stored outputs of %s could not be given their new names", callee.name, exc_info=True)


def _name_one(callee: Callee, store: Store, key: str) -> None:
    row = store.fetch(key)
    if row is None or row.status != "done":
        return
    try:
        outputs, wrong = callee.declaration.take_apart(store.value(row))
    except (DamagedError, TrustError):
        return
    if not wrong:  # else the next call says so
        try:
            store.relayout(row, outputs)
        except CannotEncode:
            return
