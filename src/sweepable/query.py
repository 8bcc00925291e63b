"""Queries: stored calls of one function, found by anything that made them; lazy, chainable, read again each time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sweepable import logic
from sweepable.bases import with_bases
from sweepable.callee import Callee
from sweepable.choosing import Choosing
from sweepable.comparisons import is_axis
from sweepable.errors import (
    AmbiguousName,
    NoCallFound,
    SeveralCallsFound,
    SweepableError,
    SweepableWarning,
    UnknownName,
)
from sweepable.lineage import calls_of, function_identifier
from sweepable.logic import Q
from sweepable.lookups import is_about_status, is_known
from sweepable.marking import Marked
from sweepable.model import GivenCalls, StoredCall
from sweepable.names import did_you_mean
from sweepable.notices import warn
from sweepable.pipelines import Source
from sweepable.record import Record, call_of, note_read, store_of
from sweepable.reverse import source_of
from sweepable.selection import STATUSES, Plan, Selection
from sweepable.spaces.reading import is_query
from sweepable.store.location import current_store
from sweepable.store.store import Store, StoredFunction, is_store, open_store
from sweepable.tables import differing
from sweepable.tabular import Tabular

__all__ = ["Query", "Selection", "Source", "query_at", "query_of", "query_of_keys"]

_BATCH = 500
_ALL = Selection()
_ANY = Selection(scope="any")


class Query(Choosing, Tabular, Marked):
    """Stored calls of one function.

    Made by ``f.filter(...)``, ``f.select()`` and ``sweepable.find``; every method that narrows it returns another
    query, and nothing is read until it is iterated, counted or made a table. It sees successful calls whose
    code, and the code of everything upstream, is as it is now.

    Examples
    --------
    >>> import sweepable
    >>> @sweepable.cache(area=float)
    ... def rectangle(width=1.0, height=1.0):
    ...     return width * height
    >>> runs = rectangle.sweep(width=[1.0, 2.0, 3.0], progress=False)
    >>> [rec.area for rec in rectangle.filter(width__gte=2.0).order_by("-area")]
    [3.0, 2.0]
    """

    def __init__(self, source: Source, selection: Selection | None = None) -> None:
        self._source = source
        if selection is None:  # what was exported is looked at for what it is, not for what the code is by now
            selection = _ANY if source.store.place.is_file else _ALL
        self._selection = selection

    # -- narrowing

    def filter(self, /, *conditions: Q, **lookups: object) -> Query:
        """The calls to which all look-ups apply.

        Parameters
        ----------
        *conditions : Q
            Look-ups joined by ``|``, ``&`` and ``~``.
        **lookups
            ``name=value`` or ``name__lookup=value``; the look-ups are ``exact ne lt lte gt gte in range isnull contains
            startswith endswith regex near``. A name is a parameter or scalar output of the function, or of what is
            upstream of it (``sim_result__gain``, ``get_reference__amplitude``), a field of a config object
            (``config__dt``; beside ``config=base`` it takes the place of the base's own), or what is known about the
            call or one upstream of it: ``info__started``, ``info__seconds``, ``info__status``, ``info__host``,
            ``info__python``, ``info__git__commit`` (of any repository), ``info__packages__numpy``,
            ``sim_result__info__seconds``, ``info__tag``. A tag brings back all calls that have it, whatever their code
            and however they ended; ``sim_result__info__tag`` keeps to the code as it is now.
            Versions compare as versions: 1.9 is before 1.26. A list, range or 1-D array means any of its values.
            ``version="any"`` sees the calls of older code as well; ``version="v3"``, a label or the first digits of a
            digest those of one version, whatever the code upstream was; see ``f.versions()``.

        Raises
        ------
        UnknownName, AmbiguousName
            For a name that nothing, or more than one upstream call, has.
        """
        return self._looked_up(conditions, lookups)._checked()

    def exclude(self, /, *conditions: Q, **lookups: object) -> Query:
        """The calls to which not all of the look-ups apply; otherwise as `filter`."""
        return self._looked_up(conditions, lookups, excluded=True)._checked()

    def _looked_up(self, conditions: tuple[Q, ...], lookups: Mapping[str, object], *, excluded: bool = False) -> Query:
        scope = None
        if "version" in lookups and not is_known(self._plan().root, "version"):
            scope = self._wanted(excluded, lookups["version"])
            lookups = {name: value for name, value in lookups.items() if name != "version"}
        found = with_bases(logic.of(conditions, lookups, excluded=excluded), lambda: self._plan().root)
        selection = self._uncut()
        if scope is not None:
            selection = selection._replace(scope=scope)
        if found.parts:
            selection = selection._replace(where=(*selection.where, found))
        if any(is_about_status(name) for name, _ in found.leaves()):
            selection = selection._replace(statuses=STATUSES)
        if logic.demands_tag(found):  # what was tagged is wanted, whatever the code is by now
            anyhow = scope is None and selection.scope == "current"
            selection = selection._replace(statuses=STATUSES, scope="any" if anyhow else selection.scope)
        return Query(self._source, selection)

    def _wanted(self, excluded: bool, version: object) -> str:
        """Which code `version=` asks for."""
        checked = _checked_version(self._source.name, version)
        if excluded and checked != "any":
            raise ValueError(
                f"{self._source.name}: exclude(version={_short(version)}): version= says which code is looked at; give "
                "it to filter or select, or exclude by digest: exclude(info__version=...)"
            )
        return checked

    def order_by(self, *names: str) -> Query:
        """In the order of these parameters or outputs; ``-name`` for descending. NaN and None come last."""
        return self._narrowed(order=names)._checked()

    def limit(self, number: int) -> Query:
        """The first `number` calls."""
        if not isinstance(number, (int, np.integer)) or isinstance(number, bool) or not 0 <= number < 2**63:
            raise ValueError(f"limit needs a number of calls, got {number!r:.60}")
        return self._slice(slice(number))

    def __or__(self, other: object) -> Query:
        """The calls that either query finds, each once; of one function."""
        if not isinstance(other, Query):
            return NotImplemented
        mine, theirs = self._selection, other._selection
        if self._whose() != other._whose():
            raise SweepableError(
                f"{self!r} | {other!r}: only calls of one function can be joined; for several make a table of each"
            )
        scope = mine.scope if mine.scope == theirs.scope else "any"
        statuses = tuple(dict.fromkeys((*mine.statuses, *theirs.statuses)))
        either = (*_sides(mine), *_sides(theirs))
        return Query(self._source, Selection(either=either, scope=scope, statuses=statuses))

    def _whose(self) -> tuple[object, ...]:
        function, source = self._source.function(), self._source
        return source.store, source.name, source.callee if function is None else function.id

    def _uncut(self) -> Selection:
        """What further narrowing starts from: all of this selection, or what its limit leaves of it."""
        found = self._selection
        return found._replace(limit=None, offset=0, where=(), within=found) if found.is_cut else found

    def _narrowed(self, **changes: Any) -> Query:
        return Query(self._source, self._uncut()._replace(**changes))

    def _checked(self) -> Query:
        self._plan()  # a wrong name is an error here, not where the query is read
        return self

    def _but(self, **changes: Any) -> Query:
        return Query(self._source, self._selection._replace(**changes))

    def _plan(self) -> Plan:
        return Plan(self._source, self._selection)

    # -- reading

    def __iter__(self) -> Iterator[Record]:
        ids = self._plan().ids()
        for start in range(0, len(ids), _BATCH):
            yield from self._records(ids[start : start + _BATCH])

    def _records(self, ids: Sequence[int]) -> list[Record]:
        return [self._record(call) for call in calls_of(self._source.store, ids)]

    def _record(self, call: StoredCall) -> Record:
        return Record(self._source.store, call)

    def __len__(self) -> int:
        return self.count()

    def __bool__(self) -> bool:
        return self.exists()

    def count(self) -> int:
        """How many calls there are."""
        return self._plan().count()

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._slice(index)
        ids = self._plan().ids()
        try:
            number = ids[index]
        except IndexError:
            raise IndexError(f"{self!r} has {len(ids)} calls, there is no number {index}") from None
        return self._records([number])[0]

    def _slice(self, wanted: slice) -> Query:
        """A query of a part of the calls; one that counts from the end is of those that are there now."""
        start, stop, step = wanted.start or 0, wanted.stop, wanted.step or 1
        if start < 0 or (stop is not None and stop < 0) or step != 1:
            calls = calls_of(self._source.store, self._plan().ids()[wanted])
            return fixed_at(self, [call.key for call in calls])
        limit = self._selection.limit
        stop = limit if stop is None or (limit is not None and limit < stop) else stop
        return self._but(offset=self._selection.offset + start, limit=stop if stop is None else max(stop - start, 0))

    def get(self, /, *conditions: Q, **lookups: object) -> Record:
        """The one Record.

        Raises
        ------
        NoCallFound, SeveralCallsFound
            With the parameters in which the calls found differ.
        """
        is_plain = not conditions and self._selection is _ALL
        found = self._looked_up(conditions, lookups)
        plan = found._plan()
        calls = plan.calls(2)
        if len(calls) == 1:
            if is_plain and found._selection == _ALL._replace(where=found._selection.where):
                plan.remember(lookups)
            return found._record(calls[0])
        name, which = self._source.name, _written(found._selection)
        if not calls:
            raise NoCallFound(f"no stored call of {name} {which}{_about_lists(lookups)}")
        ids = plan.ids()
        names = ", ".join(differing(plan.root, ids[:1000])) or "none of their parameters"
        raise SeveralCallsFound(f"{len(ids)} calls of {name} {which}; they differ in {names}")

    def get_or_none(self, /, *conditions: Q, **lookups: object) -> Record | None:
        """The one Record, None if there is none; several are still an error."""
        try:
            return self.get(*conditions, **lookups)
        except NoCallFound:
            return None

    def __sweepable_calls__(self) -> list[Record]:
        return list(self)

    def __repr__(self) -> str:
        return f"<Query of {self._source.name} {_written(self._selection)}>"

    def __copy__(self) -> Query:
        return self  # it does not change

    def __deepcopy__(self, memo: dict[int, Any]) -> Query:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        # What was found goes along, not how: another process may hold other code.
        store, plan = self._source.store, self._plan()
        keys = tuple(call.key for call in calls_of(store, plan.ids()))
        number = plan.function.id if plan.function else None
        return _restored, (str(store.path), self._source.name, number, keys, self._selection.statuses)


def _sides(selection: Selection) -> tuple[Selection, ...]:
    """What a union is made of: joined to another, it is nested no deeper."""
    is_union = selection == Selection(either=selection.either, scope=selection.scope, statuses=selection.statuses)
    return selection.either if selection.either and is_union else (selection,)


def query_at(source: Source, version: str | None) -> Query:
    """All calls of a function under the code that `version` says; None for the current."""
    if version is None:
        return Query(source)
    return Query(source)._narrowed(scope=_checked_version(source.name, version))._checked()


def _checked_version(name: str, version: object) -> str:
    if isinstance(version, str):
        return version
    identifier = name.rpartition(".")[2]
    raise UnknownName(
        f"{identifier} has no 'version' to compare with {_short(version)}; version= says which code is looked at: "
        f'"any", a number ("v3"), a label, or the first digits of a digest; {identifier}.versions() lists them'
    )


def _about_lists(lookups: Mapping[str, object]) -> str:
    """A word about what a list means, where one was given and may have been meant otherwise."""
    for name, value in lookups.items():
        if is_axis(value) and not is_query(value):
            kind = "list" if isinstance(value, list) else "sequence"
            return f" (a {kind} means any of its values; for the {kind} itself write {name}__exact)"
    return ""


def callee_of(query: Query) -> Callee | None:
    """The function whose calls a query finds; None in a process that has not its code."""
    return query._source.callee


def calls_found(query: Query) -> tuple[Store, list[int]]:
    """The store, and the ids of the calls that a query finds."""
    return query._source.store, query._plan().ids()


def fixed_at(query: Query, keys: Sequence[str]) -> Query:
    """The calls that a query has found, whatever is stored since; of a sweep they are all that is left.

    Its space, its counts and what it has not got are no part of what it counts by.
    """
    return Query(query._source, Selection(keys=tuple(keys), scope="any", statuses=query._selection.statuses))


def given_calls(query: Query, keys: Sequence[str]) -> GivenCalls:
    """A query as the store keeps it where it was an argument."""
    return GivenCalls(query._source.name, query._selection.statuses, tuple(keys))


def _written(selection: Selection) -> str:
    shown = [logic.written(found) for found in selection.where]
    if selection.scope not in ("current", "any"):
        shown.insert(0, f"version={selection.scope!r}")
    if shown:
        return f"with {', '.join(shown)}"
    return "at all" if selection.keys is None else f"among {len(selection.keys)} keys"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# -- what the layer below asks for


def query_of_keys(store: Store, keys: Sequence[str]) -> Query:
    """The calls with these keys, whatever their code."""
    function = _function_of(store, keys)
    if function is None:
        raise NoCallFound(f"the call {keys[0][:12]} is not in the store {store.path}")
    name = function_identifier(store, function)
    return Query(Source(store, name, function_id=function), Selection(keys=tuple(keys), scope="any"))


def query_of_given(store: Store, given: GivenCalls, parameter: str) -> Query:
    """The calls of a query that was given for a parameter; a warning tells of those that have been removed since."""
    found = _of_keys(store, given.function, None, given.keys, given.statuses)
    gone = len(given.keys) - len(store.statuses(given.keys))
    if gone:
        warn(
            f"{parameter}: of {given.text}, {gone} {'is' if gone == 1 else 'are'} no longer in the store",
            SweepableWarning,
        )
    return found


def _restored(path: str, name: str, function: int | None, keys: tuple[str, ...], statuses: Any) -> Query:
    store = open_store(path) if is_store(path) else current_store()
    return _of_keys(store, name, function, keys, statuses)


def _of_keys(store: Store, name: str, function: int | None, keys: tuple[str, ...], statuses: Any) -> Query:
    found = _function_of(store, keys)
    if found is None:
        named = store.find_function(name)
        found = function if function is not None or named is None else named.id
    return Query(Source(store, name, function_id=found), Selection(keys=keys, scope="any", statuses=statuses))


def _function_of(store: Store, keys: Sequence[str]) -> int | None:
    """The function of which these are calls; None where none of them is in the store."""
    query = "SELECT c.function FROM json_each(?) AS k JOIN _calls AS c ON c.key = k.value LIMIT 1"
    row = store.connection().execute(query, (json.dumps(list(keys)),)).fetchone()
    return None if row is None else int(row[0])


def query_of(store: Store, function: object) -> Query:
    """All current calls of a function, given as such or by name.

    Raises
    ------
    UnknownName, AmbiguousName
        If the store has no, or more than one, function of that name.
    """
    callee = getattr(function, "callee", None) if not isinstance(function, str) else None
    if isinstance(callee, Callee):
        return Query(Source(store, callee.name, callee))
    name = str(function)
    found = [
        known for known in store.functions() if name in (known.name, known.identifier, f"{_home(known)}.{known.name}")
    ]
    if not found:
        names = [known.name for known in store.functions()]
        raise UnknownName(f"the store {store.path} has no calls of {name!r}{did_you_mean(name, names)}")
    if len(found) > 1:
        ways = ", ".join(f"{_home(known)}.{known.name}" for known in found)
        raise AmbiguousName(f"several functions are called {name!r}: {ways}; write one of these")
    return Query(source_of(store, found[0]))


def query_like(record: Record) -> Query:
    """All current calls of the function that a Record is a call of, in the Record's own store."""
    note_read("info", record)
    store, number = store_of(record), call_of(record).function
    found = next((function for function in store.functions() if function.id == number), None)
    if found is None:
        raise NoCallFound(f"{record!r} is a call that could not be stored, and no other call of its function is")
    return Query(source_of(store, found))


def _home(function: StoredFunction) -> str:
    return function.homes[0] if function.homes else ""


def query_downstream(upstream: Record, function: object, lookups: Mapping[str, object]) -> Query:
    """The current calls of `function` that came from `upstream`, at any distance."""
    return query_of(store_of(upstream), function)._but(upstream=call_of(upstream).id).filter(**lookups)
