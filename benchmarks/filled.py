"""A store with as many calls as wanted, written by the library itself, a few thousand to a transaction.

Three functions: a reference, a simulation of it, an evaluation of that; six parameters and three scalar outputs each.
For every ten evaluations there is a simulation, for every ten of those a reference.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import sweepable
from sweepable.call import Call
from sweepable.model import Environment, NewCall
from sweepable.record import Record
from sweepable.runs import new_call
from sweepable.store import index, preparing
from sweepable.store.location import current_store
from sweepable.store.store import Store

_AT_ONCE = 5_000
_METRICS = ("mae", "mse", "rms", "iae")


@sweepable.cache(peak=float, mean=float, length=int)
def reference(amplitude=1.0, frequency=0.5, phase=0.0, offset=0.0, samples=1001, shape="sine"):
    """What the simulation follows."""
    return amplitude + offset, offset, samples


@sweepable.cache(last=float, top=float, steps=int)
def simulate(reference=reference, gain=2.0, damping=0.1, mass=1.0, solver="RK45", seed=0):
    """A closed loop."""
    return reference.peak * gain, reference.peak * gain * (1 + damping), 1000 + seed


@sweepable.cache(rms=float, overshoot=float, settled=bool)
def evaluate(simulated=simulate, weight=1.0, tolerance=0.02, horizon=10.0, metric="rms", seed=0):
    """What is asked in the end."""
    return simulated.last * weight, simulated.top / simulated.last - 1, weight > 0.5


def fill(calls: int) -> float:
    """Store so many evaluations, and what is upstream of them, where they are not stored yet; the seconds it took."""
    started = time.perf_counter()
    store = current_store()
    if evaluate.select().count() < calls:
        references = list(_put(store, reference, _references(max(calls // 100, 1))))
        simulations = list(_put(store, simulate, _simulations(max(calls // 10, 1), references)))
        deque(_put(store, evaluate, _evaluations(calls, simulations)), maxlen=0)
    return time.perf_counter() - started


def _references(number: int) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
    for n in range(number):
        given = {"amplitude": 1.0 + n * 1e-3, "phase": n % 7 * 0.1, "samples": 1001 + n % 3}
        yield given, (given["amplitude"], 0.0, given["samples"])


def _simulations(number: int, references: list[Record]) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
    for n in range(number):
        which = n % len(references)
        given = {"reference": references[which], "gain": 1.0 + n * 1e-4, "damping": 0.1 * (n % 5), "seed": n % 11}
        peak = 1.0 + which * 1e-3
        yield given, (peak * given["gain"], peak * given["gain"] * (1 + given["damping"]), 1000 + given["seed"])


def _evaluations(number: int, simulations: list[Record]) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
    for n in range(number):
        which = n // 10 % len(simulations)
        given = {
            "simulated": simulations[which],
            "weight": n * 1e-5,
            "tolerance": 0.01 * (n % 4),
            "horizon": float(n % 97),
            "metric": _METRICS[n % 4],
            "seed": n,
        }
        yield given, ((1.0 + which * 1e-4) * given["weight"], 0.1 * (which % 5), n % 3 > 0)


def _put(store: Store, function: Any, wanted: Iterator[tuple[dict[str, Any], tuple[Any, ...]]]) -> Iterator[Record]:
    while several := list(islice(wanted, _AT_ONCE)):
        new = [_new(function, given, values) for given, values in several]
        with store._connections.writing() as c:
            interned = store._connections.interned
            put = [index.put(c, call, preparing.prepare(call, []), interned) for call in new]
        yield from (Record(store, call) for call in put)


def _new(function: Any, given: dict[str, Any], values: tuple[Any, ...]) -> NewCall:
    call = Call(function.callee, function.callee.binder.bind(**given))
    outputs, _ = function.callee.declaration.take_apart(values)
    return new_call(
        call, "done", 1.7e9, 0.25, outputs=outputs, upstream=tuple(call.lineage()), environment=Environment()
    )
