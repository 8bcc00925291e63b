"""From a call to its value or Record: what is stored is read, what is missing runs once among all who ask."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from sweepable.call import Call
from sweepable.callee import Callee
from sweepable.contents import content_keys
from sweepable.errors import DamagedError, SecurityWarning, TrustError
from sweepable.foreign import compare
from sweepable.imported import imported
from sweepable.inside import FRAME, Within, note
from sweepable.model import Status, StoredCall
from sweepable.notices import logger, warn_once
from sweepable.outside import is_sound, stands
from sweepable.passed import ORIGINS, SCALARS, given, meet, register
from sweepable.record import Record, fresh, given_to, unload
from sweepable.runs import Obtained, Run, mismatch
from sweepable.store.codecs import CannotEncode
from sweepable.store.store import Store

# -- what is stored


def lookup(call: Call, store: Store) -> StoredCall | None:
    """The stored call if it may be served."""
    row = store.fetch(call.key)
    if row is None or row.status != "done":
        return None
    if (row.version, row.ancestry) not in store.sound and not _first_look(call, store, row):
        return None
    if (store, row.environment) not in call.callee.met:
        compare(call, store, [row.environment])
    return row


def _first_look(call: Call, store: Store, row: StoredCall) -> bool:
    """Whether the code that ran for a stored call is what it was; what else a first hit asks for is read along."""
    store.acquaint(row, call.callee.facts.home)
    return stands(store, row)


def load(call: Call, store: Store, row: StoredCall) -> tuple[Any] | None:
    """The value of a stored call (in a tuple), or None if it has to be computed again."""
    try:
        value = store.value(row)
        declared = store.layout(row.layout).declared
    except DamagedError:
        return None  # the store has put it aside and warned
    except TrustError as error:
        warn_once((TrustError, store.path), f"{call.callee.name}: {error} Such calls run again.", SecurityWarning)
        return None
    if declared != call.callee.declaration.text:
        _redeclare(call.callee, store, row, value)
    return (value,)


def _redeclare(callee: Callee, store: Store, row: StoredCall, value: object) -> None:
    """Hold a stored value against the declaration as it is now, which is another than when it was stored."""
    outputs, wrong = callee.declaration.take_apart(value)
    if wrong:
        raise mismatch(callee, wrong, value)
    if store.read_only:
        return
    try:
        store.relayout(row, outputs)
    except (OSError, sqlite3.Error, CannotEncode) as error:  # the value itself is as good as before
        logger().warning("the outputs of a call of %s could not be given their new names: %s", callee.name, error)


def peek(call: Call, store: Store) -> StoredCall | None:
    """The stored call if it may be served, with its outputs named as they are declared now."""
    row = lookup(call, store)
    if row is None or store.layout(row.layout).declared == call.callee.declaration.text:
        return row
    return lookup(call, store) if load(call, store, row) is not None else None


def obtain_stored(call: Call, store: Store) -> Obtained | None:
    """The call's value if the store has it."""
    row = lookup(call, store)
    loaded = load(call, store, row) if row is not None else None
    return Obtained(loaded[0], row, True, None) if loaded is not None else None


# -- values


def value_of(call: Call) -> Any:
    """What the function returns for this call: from the store, or by running it."""
    store = call.store()
    row = store.fetch(call.key)
    if (
        row is not None
        and row.status == "done"
        and ((row.version, row.ancestry) in store.sound or _first_look(call, store, row))
    ):
        loaded = load(call, store, row)
        if loaded is not None:
            if (store, row.environment) not in call.callee.met:
                compare(call, store, [row.environment])
            if FRAME.get() is not None:
                note(store, call)
            if ORIGINS and not call.is_plain:
                is_given(call, row, store)
            value = loaded[0]
            if type(value) not in SCALARS:
                register(value, call.key, store)
            return value
    return handed_out(call, obtain(call, looked=True), store)


def handed_out(call: Call, found: Obtained, store: Store) -> Any:
    """The value that a call gives to its caller, who may give it to another call."""
    if found.stored is not None and type(found.value) not in SCALARS:
        register(found.value, call.key, store)
    return found.value


def is_given(call: Call, row: StoredCall | None, store: Store) -> None:
    """Note of a stored call where the values come from that it is given, if cached calls have returned them."""
    if row is not None and ORIGINS and not call.is_plain:
        meet(given(call.values()), row, store)


def note_given(call: Call) -> None:
    """The same of a call that is stored, if it is."""
    if ORIGINS and not call.is_plain and (found := given(call.values())):
        store = call.store()
        row = store.fetch(call.key)
        if row is not None:
            meet(found, row, store)


def obtain(call: Call, *, looked: bool = False) -> Obtained:
    """The call's value: from the store if it is there, else by running the function once among all who ask.

    Parameters
    ----------
    call : Call
        The call.
    looked : bool, default False
        The caller has just looked, and it was not there.
    """
    if call.callee.is_async:
        return run_async(call)
    store = call.store()
    found = (None if looked else obtain_stored(call, store)) or _run_once(call, store)
    note(store, call)
    if found.hit:
        is_given(call, found.stored, store)
    return found


#: Runs a call of an ``async def`` function to its end; `sweepable.coroutines`, which stands above, puts itself here.
run_async: Callable[[Call], Obtained] = cast("Any", None)


def _run_once(call: Call, store: Store) -> Obtained:
    run = Run(call, store)
    bound = with_upstream(run)
    with store.hold(call.key, who=call.title):
        found = obtain_held(run)
        if found is not None:
            return found
        with run.running():
            value = call.callee.binder.invoke(call.callee.function, bound)
        return run.finish(value)


def obtain_held(run: Run) -> Obtained | None:
    """The call's value if it need not run, its key being held and its upstream there.

    Somebody else may have run it meanwhile, or a call of the same content is stored.
    """
    call, store = run.call, run.store
    run.content_keys = keys = content_keys(call, store)
    candidates = [key for key in (keys.plain, keys.named) if key is not None] if keys is not None else []
    if not store.is_met(call.key, candidates):
        return None
    return obtain_stored(call, store) or _take_over(run, candidates)


def _take_over(run: Run, candidates: Sequence[str]) -> Obtained | None:
    """The call's value if a call of the same content is stored, which it takes over."""
    call, store = run.call, run.store
    for candidate in candidates:
        origin = store.find_by_content(candidate)
        # Of the very call, too, the result may have come of code that has changed since.
        row = _taken(run, candidate, origin) if origin is not None and is_sound(store, origin) else None
        row = row if row is not None and is_sound(store, row) else None
        loaded = load(call, store, row) if row is not None else None
        if loaded is not None:
            return Obtained(loaded[0], row, True, None)
    return None


def _taken(run: Run, content_key: str, origin: StoredCall) -> StoredCall | None:
    if run.store.read_only:
        return origin
    try:
        return run.store.take_over(run.taking(content_key), origin)
    except (OSError, sqlite3.Error, CannotEncode) as error:  # it can still be run
        logger().warning("%s could not be taken over from a call of the same content: %s", run.call.title(), error)
        return None


def with_upstream(run: Run) -> tuple[object, ...]:
    """The bound arguments with Records and outputs in the place of upstream calls, run if they have to be."""
    call = run.call
    for source in (*[source for _, source in call.held], *call.callee.code.calls):
        if isinstance(source, Record):
            unload(source)
            run.doubt(source, given=True)
    bound = list(call.bound)
    if imported("sweepable.query", "Query"):  # else there is none among them
        bound = [_at_key(call, place, value) for place, value in enumerate(bound)]
    if not call.inputs:
        return tuple(bound)
    with Within(None):  # they are upstream of this call, not made inside of what calls it
        for found in call.inputs:
            given = isinstance(found.source, Record)
            record = fresh(found.source) if isinstance(found.source, Record) else record_of(found.source)
            run.doubt(record, given=given)
            bound[found.place] = given_to(record, run.frame.read) if found.field is None else record[found.field]
    return tuple(bound)


def _at_key(call: Call, place: int, value: Any) -> Any:
    """An argument for the body: of a query the calls by which it entered the key, not those stored meanwhile."""
    if not isinstance(value, imported("sweepable.query", "Query")):
        return value
    from sweepable.query import fixed_at

    return fixed_at(value, call.keys_held(call.callee.parameters[place]))


# -- Records


def record_of(call: Call) -> Record:
    """The Record of a call; runs it if it has to. No output of a stored call is loaded."""
    store = call.store()
    row = peek(call, store)
    if row is not None:
        note(store, call)
        is_given(call, row, store)
        return Record(store, row, again=_again(call))
    found = obtain(call, looked=True)
    if found.stored is not None and found.stored.status in ("done", "tainted"):
        return Record(store, found.stored, again=_again(call))
    loaded = dict(zip(found.outputs.layout.names, found.outputs.values, strict=True)) if found.outputs else {}
    return Record(store, found.stored or _unstored(call), loaded)


def ensure(call: Call) -> tuple[bool, Status]:
    """Make sure that the call is stored, loading nothing: whether that took running it, and how it is stored."""
    store = call.store()
    row = peek(call, store)
    if row is not None:
        note(store, call)
        is_given(call, row, store)
        return False, "done"
    found = obtain(call, looked=True)
    return not found.hit, found.stored.status if found.stored is not None else "unkept"


def _unstored(call: Call) -> StoredCall:
    """A row for a call that the store could not take at all: it exists in this process only."""
    return StoredCall(0, call.key, 0, 0, 0, "unkept", time.time(), 0.0, 0, b"", None, None, 0)


def _again(call: Call) -> Callable[[], StoredCall | None]:
    return lambda: obtain(call).stored
