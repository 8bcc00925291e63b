"""Stored calls, run again and compared with what is stored: nothing is stored of it, and nothing changed."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from sweepable import audited
from sweepable.auditing import random_states_kept
from sweepable.call import Call
from sweepable.callee import Callee
from sweepable.differences import Difference, Tolerance
from sweepable.errors import NoCallFound, SweepableError
from sweepable.findings import Found
from sweepable.identity.values import is_frozen
from sweepable.inside import Frame, Within
from sweepable.lineage import CallNode
from sweepable.model import StoredCall
from sweepable.notices import logger
from sweepable.query import Query, callee_of
from sweepable.record import Record, call_of, store_of
from sweepable.runs import Run, is_still
from sweepable.serving import with_upstream
from sweepable.store.codecs import Summary
from sweepable.store.store import Store

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a stored call compares with running it again. True if it holds.

    Attributes
    ----------
    call : str
        The call, as one would write it.
    key : str
        Its key.
    differences : tuple of Difference
        Between what is stored and what it returns now.
    unsteady : tuple of Difference
        Between two runs, one right after the other.
    error : str or None
        What it raises now.
    changed : str or None
        What of its arguments, or of what its code depends on, it changed while it ran.
    found : tuple of str
        What else was noticed: files read, programs, connections, global random state, functions out of sight.
    """

    call: str
    key: str
    differences: tuple[Difference, ...] = ()
    unsteady: tuple[Difference, ...] = ()
    error: str | None = None
    changed: str | None = None
    found: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it returns what is stored, each time, and changes nothing that it depends on."""
        return not (self.differences or self.unsteady or self.error or self.changed)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return "\n".join([f"{self.call}: {self._verdict()}", *(f"  {line}" for line in self._lines())])

    def _verdict(self) -> str:
        if self.error:
            return f"raises now: {self.error}"
        if self.unsteady:
            return "two runs differ from each other"
        return "differs from what is stored" if self.differences else "as stored"

    def _lines(self) -> Iterator[str]:
        yield from map(str, self.differences[:_SHOWN])
        if len(self.differences) > _SHOWN:
            yield f"... and {len(self.differences) - _SHOWN} more"
        yield from (f"one run and the next: {difference}" for difference in self.unsteady[:_SHOWN])
        if self.changed:
            yield self.changed
        yield from self.found


@dataclass(frozen=True, slots=True)
class Comparisons:
    """How a sample of stored calls compares with running them again. True if all of them hold.

    Attributes
    ----------
    stored : int
        How many calls the sample was taken from.
    comparisons : tuple of Comparison
        One for each that ran again.
    skipped : tuple of str
        Those that could not run again, each with the reason.
    """

    stored: int
    comparisons: tuple[Comparison, ...]
    skipped: tuple[str, ...] = ()

    @property
    def failing(self) -> tuple[Comparison, ...]:
        """Those that do not hold."""
        return tuple(found for found in self.comparisons if not found.ok)

    @property
    def ok(self) -> bool:
        """Whether all that ran again hold, and any did."""
        return bool(self.comparisons) and not self.failing

    def __bool__(self) -> bool:
        return self.ok

    def __len__(self) -> int:
        return len(self.comparisons)

    def __repr__(self) -> str:
        held = len(self.comparisons) - len(self.failing)
        lines = [f"{held} of {len(self.comparisons)} calls as stored, a sample of {self.stored}"]
        lines += [f"  {line}" for found in self.failing[:_SHOWN] for line in repr(found).splitlines()]
        if len(self.failing) > _SHOWN:
            lines.append(f"  ... and {len(self.failing) - _SHOWN} more that do not hold")
        for reason in dict.fromkeys(self.skipped):
            lines.append(f"  skipped {self.skipped.count(reason)}: {reason}")
        return "\n".join(lines)


def compare_call(call: Call, tolerance: Tolerance) -> Comparison:
    """Run a stored call again, twice, and compare.

    Raises
    ------
    NoCallFound
        If it is not stored under the code as it is now.
    """
    store, name = call.store(), call.callee.name
    row = store.fetch(call.key)
    if row is None or row.status not in ("done", "tainted"):
        how = f"is kept as {row.status}, without a result" if row is not None else "is not stored"
        raise NoCallFound(
            f"{call.title()} {how} under the code as it is now, so there is nothing to compare with. "
            f"{name}.get_or_run(...) stores it; results of older code are compared by "
            f'sweepable.audit({call.callee.identifier}.select(version="any"))'
        )
    return _compare(call, store, row, tolerance, twice=True)


def compare_sample(query: Query, fraction: float, seed: int, tolerance: Tolerance) -> Comparisons:
    """Run a sample of stored calls again, and compare each.

    Raises
    ------
    SweepableError
        If their code is not in this process.
    NoCallFound
        If there are none.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction={fraction!r}: it is the part of the stored calls to run again, above 0 up to 1")
    callee = callee_of(query)
    if callee is None:
        raise SweepableError(
            f"{query!r}: the code of its function is not in this process, so its calls cannot run again. Import the "
            "module that defines it, and give its own query: sweepable.audit(f.select())"
        )
    records = list(query)
    if not records:
        raise NoCallFound(f"{query!r} finds no stored call, so there is nothing to run again")
    number = max(1, math.floor(fraction * len(records) + 0.5))
    chosen = sorted(Random(seed).sample(range(len(records)), number))
    done, skipped = [], []
    for record in (records[at] for at in chosen):
        try:
            call = _again(callee, record)
        except SweepableError as error:
            skipped.append(str(error))
            continue
        done.append(_compare(call, store_of(record), call_of(record), tolerance, twice=False))
    return Comparisons(len(records), tuple(done), tuple(skipped))


def _again(callee: Callee, record: Record) -> Call:
    """The call of a Record, with its stored arguments, under the code as it is now."""
    arguments = CallNode(store_of(record), call_of(record)).arguments
    if set(arguments) != set(callee.parameters):
        raise SweepableError(f"the parameters of {callee.name} have changed since")
    given = []
    for name in callee.parameters:
        argument = arguments[name]
        if isinstance(argument.value, Summary):
            raise SweepableError(f"the argument {name} was too large to be kept with the call")
        as_record = argument.kind == "output" and name in callee.upstreams
        given.append(_upstream(record, str(argument.value)) if as_record else record.params[name])
    return Call(callee, tuple(given))


def _upstream(record: Record, key: str) -> Record:
    found = store_of(record).fetch(key)
    if found is None:
        raise NoCallFound("an upstream call is no longer in the store")
    return Record(store_of(record), found)


# -- running again


def _compare(call: Call, store: Store, row: StoredCall, tolerance: Tolerance, *, twice: bool) -> Comparison:
    callee = call.callee
    stored = store.value(row)
    with random_states_kept():
        first = _Rerun(call, store)
        if first.error is not None:
            return Comparison(call.title(), row.key, error=first.error, found=first.sentences())
        differences = tuple(_differences(callee, stored, first.value, tolerance))
        unsteady: tuple[Difference, ...] = ()
        if twice or differences:
            second = _Rerun(call, store)
            unsteady = tuple(_differences(callee, first.value, second.value, tolerance))
            error = second.error and f"{second.error}, in a second run only"
        else:
            error = None
    _keep(call, store, row, first.found)
    return Comparison(call.title(), row.key, differences, unsteady, error, first.changed, first.sentences())


class _Rerun:
    """One more run of a call, of which nothing is stored."""

    def __init__(self, call: Call, store: Store) -> None:
        self._call = call
        self.value: Any = None
        self.error: str | None = None
        self.changed: str | None = None
        self.found: Found | None = None
        bound = [_copied(call, place, value) for place, value in enumerate(with_upstream(Run(call, store)))]
        watch = audited.new_watch(call.callee, tracing=True)
        from sweepable.auditing import watching

        try:
            with Within(Frame(store)), watching(watch):
                self.value = _run(call, tuple(bound))
        except Exception as error:  # what it raises is what is asked for
            self.error = f"{type(error).__name__}: {error}"
        self.changed = self._changed(bound)
        try:
            self.found = audited.found_by(watch, call, store, self.value, self.changed or "")
        except Exception:  # what was noticed on the way is less than the comparison
            logger().warning("what the audit of %s noticed could not be told", call.callee.name, exc_info=True)

    def sentences(self) -> tuple[str, ...]:
        """What was noticed beside the value."""
        return tuple(self.found.sentences(self._call.callee.name)) if self.found is not None else ()

    def _changed(self, bound: list[Any]) -> str | None:
        call = self._call
        given = {found.place for found in call.inputs}
        for (index, name), before in zip(call.callee.counted, call.encoded, strict=True):
            if index not in given and not is_frozen(bound[index]) and not is_still(bound[index], name, before):
                return f"{call.callee.name} changed its argument {name} while it ran"
        return call.callee.changed_since_version()


def _copied(call: Call, place: int, value: Any) -> Any:
    """An argument for one run: the caller's own is not to be changed by it."""
    if is_frozen(value) or isinstance(value, Record) or place in {found.place for found in call.inputs}:
        return value
    encoded = next((e for (at, _), e in zip(call.callee.counted, call.encoded, strict=True) if at == place), None)
    try:
        copied = copy.deepcopy(value)
    except Exception:  # objects of any kind
        return value
    name = call.callee.parameters[place]
    return copied if encoded is None or is_still(copied, name, encoded) else value


def _run(call: Call, bound: tuple[Any, ...]) -> Any:
    value = call.callee.binder.invoke(call.callee.function, bound)
    return _awaited(value) if call.callee.is_async else value


def _awaited(coroutine: Any) -> Any:
    import asyncio
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, asyncio.run, coroutine).result()


def _differences(callee: Callee, before: object, after: object, tolerance: Tolerance) -> Iterator[Difference]:
    """The differences of two returned values, output by output."""
    one, other = (callee.declaration.take_apart(value)[0] for value in (before, after))
    if one.layout != other.layout:
        yield from tolerance.differences(before, after, "value")
        return
    for name, left, right in zip(one.layout.names, one.values, other.values, strict=True):
        yield from tolerance.differences(left, right, name)


def _keep(call: Call, store: Store, row: StoredCall, found: Found | None) -> None:
    """Let the version know what was found, as an audit of its first run would."""
    if found is None or store.read_only or row.key != call.key:
        return
    try:
        audited.keep(store, call, row.version, found)
    except Exception:
        logger().warning("the audit of %s could not be stored", call.callee.name, exc_info=True)
