"""A stored call run once more under the code as it is now, without storing it: to compare, or to make outputs anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from sweepable import record as records
from sweepable.call import Call
from sweepable.callee import Callee
from sweepable.errors import MigrationError
from sweepable.identity.code import describe
from sweepable.identity.values import Encoder
from sweepable.inside import Within
from sweepable.model import Argument, GivenCalls, Outputs
from sweepable.outputs import summary
from sweepable.record import Record
from sweepable.runs import Run
from sweepable.serving import with_upstream
from sweepable.store.codecs import Summary
from sweepable.store.store import Store
from sweepable.store.taking import Rekeyed


class Difference(NamedTuple):
    """What a call returned otherwise than what is stored."""

    call: str
    output: str
    stored: str
    returned: str

    def __str__(self) -> str:
        return f"{self.call}: {self.output} is {self.returned}, stored {self.stored}"


def tried(
    callee: Callee, store: Store, step: Rekeyed, renamed: Mapping[str, str], again: Sequence[str]
) -> Iterator[Difference]:
    """Run a call that is about to be migrated, and tell in which outputs it differs from what is stored."""
    call = call_of(callee, store, step)
    whole = run(call, store)
    found, _ = callee.declaration.take_apart(whole)
    now = dict(zip(found.layout.names, found.values, strict=True))
    before = {renamed.get(name, name): name for name in store.layout(step.origin.layout).names}
    told = False
    for name in dict.fromkeys([*before, *now]):
        if name in again:
            continue
        stored = store.output(step.origin, before[name]) if name in before else None
        if name not in before or name not in now or not _same(stored, now[name]):
            missing, told = "not there", True
            yield Difference(
                call.title(),
                name,
                summary(stored) if name in before else missing,
                _shown(stored, now[name]) if name in now else missing,
            )

    if told or again:
        return
    # By name all is the same; but what is served is the whole, with its order and form.
    layout, served = store.layout(step.origin.layout), store.value(step.origin)
    if layout.kind != "value":
        served = _whole(served, {renamed.get(name, name): store.output(step.origin, name) for name in layout.names})
    if not _same(served, whole):
        yield Difference(call.title(), "the whole", summary(served), summary(whole))


def merged(callee: Callee, store: Store, step: Rekeyed, renamed: Mapping[str, str], again: Sequence[str]) -> Outputs:
    """The outputs of a call as they are stored under their new names, and those of a new run where asked for."""
    names = store.layout(step.origin.layout).names
    values = {renamed.get(name, name): store.output(step.origin, name) for name in names}
    if not again:
        return callee.declaration.take_apart(_whole(store.value(step.origin), values))[0]
    whole = run(call_of(callee, store, step), store)
    found, _ = callee.declaration.take_apart(whole)
    fresh = dict(zip(found.layout.names, found.values, strict=True))
    kept = {name: fresh[name] if name in again or name not in values else values[name] for name in fresh}
    return callee.declaration.take_apart(_whole(whole, kept))[0]


def call_of(callee: Callee, store: Store, step: Rekeyed) -> Call:
    """The call that a migration would make of a stored one."""
    values: dict[str, object] = {}
    for argument in step.new.arguments:
        if isinstance(argument.value, Summary):
            raise MigrationError(
                f"{callee.name}: a call cannot be run again, because its argument {argument.name} was too large to be "
                "kept with it; migrate without check= and recompute_outputs="
            )
        values[argument.name] = _given(store, argument)
    call = Call(callee, callee.binder.bind_named(values))
    if call.key != step.new.key:
        raise MigrationError(f"{callee.name}: {call.title()} is not the call that was stored, and was not run again")
    return call


def _given(store: Store, argument: Argument) -> object:
    if argument.kind != "value":
        return _upstream(store, str(argument.value))
    if isinstance(argument.value, GivenCalls):
        return records.query_of_given(store, argument.value, argument.name)
    return deepcopy(argument.value)  # what the body does to it is not to be stored


def _upstream(store: Store, key: str) -> Record:
    call = store.fetch(key)
    if call is None:
        raise MigrationError(f"an upstream call is no longer in the store {store.path}: {key[:12]}")
    return Record(store, call)


def run(call: Call, store: Store) -> Any:
    """What the function returns for a call; the call itself is not stored, though cached calls inside it are."""
    doing = Run(call, store)
    bound = with_upstream(doing)
    with Within(doing.frame):
        value = call.callee.binder.invoke(call.callee.function, bound)
        if call.callee.is_async:
            value = _awaited(value)
    changed = doing.changed()
    if changed:
        raise MigrationError(f"{call.title()} was run again, and its result cannot count: {changed}")
    return value


def _awaited(coroutine: Any) -> Any:
    """The result of a coroutine, in a thread of its own: an event loop may be running in this one."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def _whole(like: Any, values: Mapping[str, object]) -> Any:
    """A value of the form of another one, with these outputs."""
    if type(like) is dict:
        return dict(values)
    if type(like) in (tuple, list):
        return type(like)(values.values())
    try:
        if isinstance(like, tuple) and hasattr(like, "_replace"):
            return like._replace(**values)
        if hasattr(type(like), "__dataclass_fields__") and len(values) > 1:
            import dataclasses

            return dataclasses.replace(like, **values)
    except (TypeError, ValueError) as error:
        raise MigrationError(
            f"a {type(like).__name__} cannot be given the outputs {', '.join(values)}: {error}"
        ) from error
    (value,) = values.values()
    return value


def _same(stored: object, now: object) -> bool:
    return Encoder(describe).encode(stored) == Encoder(describe).encode(now)


def _shown(stored: Any, now: Any) -> str:
    """A value in a few words, with how far it is from the stored one, where both are numbers."""
    try:
        distance = float(np.max(np.abs(np.asarray(now, dtype=float) - np.asarray(stored, dtype=float))))
    except (TypeError, ValueError):
        return summary(now)
    return f"{summary(now)} (differs by up to {distance:.3g})"
