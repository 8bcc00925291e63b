"""What a query knows of its function and of all upstream of it: read once, and kept while nothing changes."""

from __future__ import annotations

from typing import Any, NamedTuple

from sweepable.callee import Callee
from sweepable.errors import UnknownName
from sweepable.failed import NO_ROW, with_rows
from sweepable.model import Status
from sweepable.names import did_you_mean
from sweepable.redeclaring import name_outputs
from sweepable.registry import generation
from sweepable.scope import Scope, scope_at, scope_of
from sweepable.store.store import Store, StoredFunction
from sweepable.tree import FunctionNode, Schema

#: So many are kept at once.
_MOST = 64
_STAMP = "stamp"


class Source(NamedTuple):
    """Whose calls a query is about."""

    store: Store
    name: str
    #: None in a process that has only the store and not the code.
    callee: Callee | None = None
    #: One of several stored functions of this name; None to find it.
    function_id: int | None = None

    def function(self) -> StoredFunction | None:
        """The stored function; None if it has never run."""
        if self.function_id is not None:
            return next((found for found in self.store.functions() if found.id == self.function_id), None)
        if self.callee is None:
            return self.store.find_function(self.name)
        return self.store.find_function(self.name, self.callee.version().digest, self.callee.facts.home)


class Pipeline:
    """A function with all that is upstream of it, and the code that counts.

    Parameters
    ----------
    source : Source
        Whose calls.
    scope : str
        Which code counts: ``current``, ``any``, or what a version is called.
    by_key : bool
        Whether the calls are given by their keys: then the code says which names there are, and not which calls.

    Raises
    ------
    UnknownName
        The store does not know the function, or no such version.
    """

    def __init__(self, source: Source, scope: str, *, by_key: bool) -> None:
        self.function = source.function()
        self._is_current = scope == "current"
        self.scope = self._scope_of(source, scope, by_key)
        self.root = self._root(source)
        #: What has been written of statements, by what they depend on.
        self.statements: dict[Any, Any] = {}
        #: Whether it has been said how many results are left out, being of older code.
        self.told = self.function is None or self.scope is None or self.scope.ancestries is None

    def _scope_of(self, source: Source, scope: str, by_key: bool) -> Scope | None:
        is_named = scope not in ("current", "any")
        if self.function is None:
            if is_named:
                raise UnknownName(f"{source.name} has no version {scope!r}: no call of it is stored")
            return None
        if is_named:
            return scope_at(source.store, self.function, scope)
        if scope == "any" and not (by_key and source.callee is not None):
            return None
        return scope_of(source.store, self.function, source.callee)

    def _root(self, source: Source) -> FunctionNode:
        is_current = self.scope is not None and self.scope.ancestries is not None
        callee = source.callee if self.function is None or is_current else None
        if callee is None and self.function is None:
            names = [found.name for found in source.store.functions()]
            hint = did_you_mean(source.name, names)
            raise UnknownName(f"the store {source.store.path} has no calls of {source.name!r}{hint}")
        # Calls that are given by their keys count whatever gave them values.
        giving = self.scope if self._is_current else None
        return FunctionNode(Schema(source.store, self.scope, giving), self.function, callee)

    def holds(self) -> bool:
        """Whether the code of this process is what it was."""
        if self.scope is None:
            return self.function is not None
        return all(callee.version().digest == digest for callee, digest in self.scope.made_of)


def pipeline_of(source: Source, scope: str, statuses: tuple[Status, ...], keys: tuple[str, ...] | None) -> Pipeline:
    """The pipeline of a query's function, as it is now."""
    by_key, store = keys is not None, source.store
    if statuses != _DONE and any(status in NO_ROW for status in statuses):
        _name_outputs(source, scope, by_key=by_key)
        found = Pipeline(source, scope, by_key=by_key)
        if found.function is not None:  # calls without a row of their own are given one, for this query
            with_rows(found.root, found.function.id, keys)
        return found
    kept = _fresh(store)
    at = (source.name, source.callee, source.function_id, scope, by_key)
    known: Pipeline | None = kept.get(at)
    if known is None or not known.holds():
        _name_outputs(source, scope, by_key=by_key)
        # What is written while it is made is not in the stamp, which is taken before: then it is made anew next time.
        known = _fresh(store)[at] = Pipeline(source, scope, by_key=by_key)
    return known


def _fresh(store: Store) -> dict[Any, Any]:
    """What is kept of a store's tables as they are."""
    kept, stamp = store.kept, (*store.stamp(), generation())
    if kept.get(_STAMP) != stamp or len(kept) > _MOST:
        kept.clear()
        kept[_STAMP] = stamp
    return kept


_DONE: tuple[Status, ...] = ("done",)


def _name_outputs(source: Source, scope: str, *, by_key: bool) -> None:
    if source.callee is not None and (scope == "current" or (scope == "any" and by_key)):
        name_outputs(source.callee)
