"""Queries: stored calls of one function, found by anything that made them; lazy, chainable, read again each time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sweepable.callee import Callee
from sweepable.errors import AmbiguousName, NoCallFound, SeveralCallsFound, SweepableWarning, UnknownName
from sweepable.lineage import calls_of, function_identifier
from sweepable.lookups import is_about_status, is_known
from sweepable.model import GivenCalls, StoredCall
from sweepable.names import did_you_mean
from sweepable.notices import warn
from sweepable.record import Record, call_of, note_read, store_of
from sweepable.registry import known
from sweepable.scope import is_stored_as
from sweepable.selection import Plan, Selection, Source
from sweepable.store.location import current_store
from sweepable.store.store import Store, StoredFunction, open_store
from sweepable.tables import differing
from sweepable.tabular import Tabular

__all__ = ["Query", "Selection", "Source", "query_at", "query_of", "query_of_keys"]

_BATCH = 500


class Query(Tabular):
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
        self._selection = selection or Selection()

    # -- narrowing

    def filter(self, /, **lookups: object) -> Query:
        """The calls to which all look-ups apply.

        Parameters
        ----------
        **lookups
            ``name=value`` or ``name__lookup=value``; the look-ups are ``exact ne lt lte gt gte in range isnull contains
            startswith endswith``. A name is a parameter or scalar output of the function, or of what is upstream of it
            (``sim_result__gain``, ``get_reference__amplitude``), or what is known about the call or one upstream of it:
            ``info__started``, ``info__seconds``, ``info__status``, ``info__host``, ``info__python``,
            ``info__packages__numpy``, ``info__git__commit`` (of any repository), ``sim_result__info__seconds``.
            Versions compare as versions: 1.9 is before 1.26. A list, range or 1-D array means any of its values.
            ``version="any"`` sees the calls of older code as well; ``version="v3"``, a label or the first digits of a
            digest those of one version, whatever the code upstream was; see ``f.versions()``.

        Raises
        ------
        UnknownName, AmbiguousName
            For a name that nothing, or more than one upstream call, has.
        """
        return self._with_lookups(False, lookups)

    def exclude(self, /, **lookups: object) -> Query:
        """The calls to which not all of the look-ups apply; otherwise as `filter`."""
        return self._with_lookups(True, lookups)

    def _with_lookups(self, excluded: bool, lookups: Mapping[str, object]) -> Query:
        # Read twice, an iterator would be empty the second time.
        given = {name: list(value) if isinstance(value, Iterator) else value for name, value in lookups.items()}
        changes: dict[str, Any] = {}
        if "version" in given and not is_known(self._plan().root, "version"):
            changes["scope"] = self._wanted(excluded, given.pop("version"))
        if any(map(is_about_status, given)):
            changes["statuses"] = ("done", "tainted", "failed", "killed", "unkept")
        if given:
            changes["lookups"] = (*self._unlimited().lookups, (excluded, given))
        return self._narrowed(**changes)

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
        return self._narrowed(order=names)

    def limit(self, number: int) -> Query:
        """The first `number` calls."""
        if number < 0:
            raise ValueError(f"limit needs a number of calls, got {number}")
        limit = self._selection.limit
        return self._but(limit=number if limit is None else min(number, limit))

    def _unlimited(self) -> Selection:
        """What further narrowing starts from: all of this selection, or what its limit leaves of it."""
        found = self._selection
        return found if found.limit is None else found._replace(limit=None, lookups=(), within=found)

    def _narrowed(self, **changes: Any) -> Query:
        narrowed = Query(self._source, self._unlimited()._replace(**changes))
        narrowed._plan()  # a wrong name is an error here, not where the query is read
        return narrowed

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

    def exists(self) -> bool:
        """Whether there is any."""
        return bool(self.limit(1)._plan().ids())

    def first(self) -> Record | None:
        """The first Record, None if there is none."""
        return next(iter(self.limit(1)), None)

    def last(self) -> Record | None:
        """The last Record, None if there is none."""
        return next(iter(self._records(self._plan().ids()[-1:])), None)

    def __getitem__(self, index: int | slice) -> Any:
        ids = self._plan().ids()
        if isinstance(index, slice):
            return self._records(ids[index])
        try:
            number = ids[index]
        except IndexError:
            raise IndexError(f"{self!r} has {len(ids)} calls, there is no number {index}") from None
        return self._records([number])[0]

    def get(self, /, **lookups: object) -> Record:
        """The one Record.

        Raises
        ------
        NoCallFound, SeveralCallsFound
            With the parameters in which the calls found differ.
        """
        found = self.filter(**lookups)
        plan = found._plan()
        ids = plan.ids()
        name, which = self._source.name, _written(found._selection)
        if not ids:
            raise NoCallFound(f"no stored call of {name} {which}{_about_lists(lookups)}")
        if len(ids) > 1:
            names = ", ".join(differing(plan.root, ids[:1000])) or "none of their parameters"
            raise SeveralCallsFound(f"{len(ids)} calls of {name} {which}; they differ in {names}")
        return found._records(ids)[0]

    def get_or_none(self, /, **lookups: object) -> Record | None:
        """The one Record, None if there is none; several are still an error."""
        try:
            return self.get(**lookups)
        except NoCallFound:
            return None

    def __sweepable_calls__(self) -> list[Record]:
        return list(self)

    def __repr__(self) -> str:
        return f"<Query of {self._source.name} {_written(self._selection)}>"

    def __reduce__(self) -> tuple[object, ...]:
        # What was found goes along, not how: another process may hold other code.
        store, plan = self._source.store, self._plan()
        keys = tuple(call.key for call in calls_of(store, plan.ids()))
        number = plan.function.id if plan.function else None
        return _restored, (str(store.path), self._source.name, number, keys, self._selection.statuses)


def query_at(source: Source, version: str | None) -> Query:
    """All calls of a function under the code that `version` says; None for the current."""
    if version is None:
        return Query(source)
    return Query(source)._narrowed(scope=_checked_version(source.name, version))


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
    name = next((name for name, value in lookups.items() if isinstance(value, list)), None)
    return f" (a list means any of its values; for the list itself write {name}__exact)" if name is not None else ""


def callee_of(query: Query) -> Callee | None:
    """The function whose calls a query finds; None in a process that has not its code."""
    return query._source.callee


def fixed_at(query: Query, keys: Sequence[str]) -> Query:
    """The calls that a query has found, whatever is stored since; of a sweep they are all that is left.

    Its space, its counts and what it has not got are no part of what it counts by.
    """
    return Query(query._source, Selection(keys=tuple(keys), scope="any", statuses=query._selection.statuses))


def given_calls(query: Query, keys: Sequence[str]) -> GivenCalls:
    """A query as the store keeps it where it was an argument."""
    return GivenCalls(query._source.name, query._selection.statuses, tuple(keys))


def _written(selection: Selection) -> str:
    shown = [
        f"{'not ' if excluded else ''}{name}={_short(value)}"
        for excluded, lookups in selection.lookups
        for name, value in lookups.items()
    ]
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
    store = open_store(path) if os.path.exists(os.path.join(path, "index.db")) else current_store()
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
    return Query(Source(store, found[0].name, _here(store, found[0]), found[0].id))


def query_like(record: Record) -> Query:
    """All current calls of the function that a Record is a call of, in the Record's own store."""
    note_read("info", record)
    store, number = store_of(record), call_of(record).function
    found = next((function for function in store.functions() if function.id == number), None)
    if found is None:
        raise NoCallFound(f"{record!r} is a call that could not be stored, and no other call of its function is")
    return Query(Source(store, found.name, _here(store, found), found.id))


def _here(store: Store, function: StoredFunction) -> Callee | None:
    """The cached function of this process that a stored function is, if there is just one."""
    callees = [callee for callee in known(function.name) if is_stored_as(store, function.id, callee)]
    return callees[0] if len(callees) == 1 else None


def _home(function: StoredFunction) -> str:
    return function.homes[0] if function.homes else ""


def query_downstream(upstream: Record, function: object, lookups: Mapping[str, object]) -> Query:
    """The current calls of `function` that came from `upstream`, at any distance."""
    return query_of(store_of(upstream), function)._but(upstream=call_of(upstream).id).filter(**lookups)
