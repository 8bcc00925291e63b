"""Which calls a query is about, as plain values, and the SQL that finds them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sweepable.callee import Callee
from sweepable.comparisons import Condition, joined, negated
from sweepable.errors import SweepableError, UnknownName
from sweepable.failed import NO_ROW, with_rows
from sweepable.lookups import condition, ordering
from sweepable.model import Status
from sweepable.names import did_you_mean
from sweepable.record import ASKED, note_read
from sweepable.redeclaring import name_outputs
from sweepable.scope import Scope, scope_at, scope_of, tell_left_out
from sweepable.store.store import Store, StoredFunction
from sweepable.tree import FunctionNode, Schema

#: SQLite takes 32,766 values in one statement.
_MOST_VALUES = 32_000
_BELOW = (
    "c.id IN (WITH RECURSIVE below(id) AS (SELECT downstream FROM _lineage WHERE upstream = ? "
    "UNION SELECT l.downstream FROM below JOIN _lineage AS l ON l.upstream = below.id) SELECT id FROM below)"
)


#: The layouts of results that are not what is declared; of a call without a result it is 0.
_MISMATCHED = "SELECT id FROM _layouts WHERE json_extract(text, '$[2]') LIKE '!%'"
_WITHOUT = f"(c.layout = 0 OR c.layout IN ({_MISMATCHED}))"


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


class Selection(NamedTuple):
    """Which of the calls, in which order."""

    lookups: tuple[tuple[bool, Mapping[str, object]], ...] = ()  # (excluded, look-ups)
    keys: tuple[str, ...] | None = None
    #: Which code counts: ``current``, ``any``, or what a version is called.
    scope: str = "current"
    statuses: tuple[Status, ...] = ("done",)
    order: tuple[str, ...] = ()
    limit: int | None = None
    #: Only calls that came from the call with this id, at any distance.
    upstream: int | None = None
    #: Only calls of this selection, which has a limit: what narrows it further comes after that.
    within: Selection | None = None
    #: Only calls whose result is what is declared; False: only those that have no result, or another one.
    conforming: bool | None = None


class Plan:
    """The SQL of a selection: made anew whenever it is read.

    Parameters
    ----------
    source : Source
        Whose calls.
    selection : Selection
        Which of them.

    Raises
    ------
    UnknownName, AmbiguousName
        For what is wrong with a look-up's name, or with the function's.
    """

    def __init__(self, source: Source, selection: Selection) -> None:
        self.store = source.store
        self.function = source.function()
        self._scope = self._scope_of(source, selection)
        self.root = self._root(source, selection)
        self._selection = selection
        self._statement = self._written(selection, "{}")

    def _scope_of(self, source: Source, selection: Selection) -> Scope | None:
        """The code that counts; for calls given by their keys it says which names there are."""
        if self.function is None:
            if selection.scope not in ("current", "any"):
                raise UnknownName(f"{source.name} has no version {selection.scope!r}: no call of it is stored")
            return None
        if selection.scope not in ("current", "any"):
            return scope_at(source.store, self.function, selection.scope)
        by_key = selection.keys is not None and source.callee is not None
        if selection.scope == "any" and not by_key:
            return None
        if source.callee is not None:
            name_outputs(source.callee)
        return scope_of(source.store, self.function, source.callee)

    def _root(self, source: Source, selection: Selection) -> FunctionNode:
        is_current = self._scope is not None and self._scope.ancestries is not None
        callee = source.callee if self.function is None or is_current else None
        if callee is None and self.function is None:
            names = [found.name for found in self.store.functions()]
            hint = did_you_mean(source.name, names)
            raise UnknownName(f"the store {self.store.path} has no calls of {source.name!r}{hint}")
        root = FunctionNode(Schema(self.store, self._scope), self.function, callee)
        if self.function is not None and any(status in NO_ROW for status in selection.statuses):
            with_rows(root, self.function.id, selection.keys)
        return root

    # -- as SQL

    def _written(self, selection: Selection, columns: str) -> Condition:
        """The statement that finds the calls; ``columns`` of each."""
        order = [ordering(self.root, name) for name in selection.order]
        where = joined(" AND ", self._conditions(selection))
        tables = "_calls AS c" + (f" LEFT JOIN {self.root.table} AS t ON t.id = c.id" if self.root.table else "")
        first: tuple[object, ...] = ()
        if selection.keys is not None:
            tables = f"json_each(?) AS k CROSS JOIN {tables}"
            first = (json.dumps(list(dict.fromkeys(selection.keys))),)
            where = Condition(f"c.key = k.value AND {where.sql}", where.values)
        by = joined(", ", [*order, Condition("c.id" if selection.keys is None else "k.key")])
        limit = "" if selection.limit is None else f" LIMIT {selection.limit}"
        sql = f"SELECT {columns} FROM {tables} WHERE {where.sql} ORDER BY {by.sql}{limit}"
        return Condition(sql, (*first, *where.values, *by.values))

    def _conditions(self, selection: Selection) -> list[Condition]:
        marks = ", ".join("?" * len(selection.statuses))
        found = [Condition(f"c.status IN ({marks})", selection.statuses)]
        if self.function is not None:
            found.append(Condition("c.function = ?", (self.function.id,)))
        is_named = self._scope is not None and self._scope.ancestries is None
        if self._scope is not None and self.function is not None and (selection.keys is None or is_named):
            found.append(Condition(self._scope.sql(self.function.id)))
        if selection.conforming is not None:
            found.append(Condition(f"c.layout NOT IN ({_MISMATCHED})" if selection.conforming else _WITHOUT))
        if selection.upstream is not None:
            found.append(Condition(_BELOW, (selection.upstream,)))
        found += [self._looked_up(excluded, lookups) for excluded, lookups in selection.lookups]
        if selection.within is not None:
            inner = self._written(selection.within, "c.id")
            found.append(Condition(f"c.id IN ({inner.sql})", inner.values))
        return found

    def _looked_up(self, excluded: bool, lookups: Mapping[str, object]) -> Condition:
        found = joined(" AND ", [condition(self.root, written, value) for written, value in lookups.items()])
        return negated(found) if excluded else found

    # -- reading

    def ids(self) -> list[int]:
        """The ids of the calls, in the selection's order."""
        return [row[0] for row in self._read("{}".format, "c.id")]

    def count(self) -> int:
        """How many calls there are."""
        return int(next(iter(self._read("SELECT count(*) FROM ({})".format, "1")), (0,))[0])

    def _read(self, around: Callable[[str], str], columns: str) -> list[tuple[Any, ...]]:
        # What a body looks up in the calls it was given may be anything about them.
        note_read("info" if self._selection.lookups or self._selection.order else "names")
        asked = ASKED.get()
        if asked is not None and self._selection.keys is None:
            asked.append(self.root.title)
        if self.function is None:
            return []
        if self._scope is not None and self._scope.ancestries is not None and self._selection.keys is None:
            tell_left_out(self.store, self.function, self._scope)
        found = self._statement
        if len(found.values) > _MOST_VALUES:
            raise SweepableError(
                f"a query takes {_MOST_VALUES} values at most, got {len(found.values)}. A list or 1-D array means any "
                "of its values; for the array itself write <name>__exact=array"
            )
        sql = around(found.sql.replace("{}", columns, 1))
        return self.store.connection().execute(sql, found.values).fetchall()
