"""Measure `explain` of a function with many stored calls, and print what each kind of answer takes.

Usage: python explaining.py [calls, 100000 by default]. The process ends with 1 when the target is missed.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import numpy as np

import sweepable

#: Milliseconds that no answer may take.
TARGET = 100.0
K = 3.0


@sweepable.cache
def reference(amplitude=1.0):
    """What the simulation starts from."""
    return amplitude


@sweepable.cache(rms=float, peak=float)
def simulate(reference=reference, gain=1.0, damping=0.1, order=2, method="euler", seed=0):
    """A function of some parameters, an upstream call and a constant."""
    return K * gain + damping, K * gain - damping


def fill(calls: int) -> float:
    """Store so many calls, a tenth of them below another upstream call; the seconds that it took."""
    started = time.perf_counter()
    records = [reference.get_or_run(amplitude=float(n)) for n in range(10)]
    for number in range(calls):
        simulate(records[number % 10], 1.0 + number // 10 * 1e-3, 0.1 + number % 7, seed=number % 5)
    return time.perf_counter() - started


class Taken(NamedTuple):
    """Milliseconds that an answer took: by the clock, and of the processor, which other programs do not lengthen."""

    wall: float
    cpu: float


def measured(explain: Callable[[], object], repetitions: int = 7) -> Taken:
    """The median of an answer, written out."""
    taken = []
    for _ in range(repetitions):
        wall, cpu = time.perf_counter(), time.process_time()
        str(explain())
        taken.append((1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)))
    return Taken(*map(median, zip(*taken, strict=True)))


def under_other_code(explain: Callable[[], object]) -> Taken:
    """The same, with a constant changed meanwhile."""
    global K
    K = 4.0
    try:
        return measured(explain)
    finally:
        K = 3.0


def main(calls: int) -> int:
    """Print the table."""
    warnings.simplefilter("ignore", sweepable.SweepableWarning)
    with tempfile.TemporaryDirectory() as folder, sweepable.use(folder):
        print(f"{calls} calls stored in {fill(calls):.1f} s")
        given = {"reference__amplitude": 0.0, "gain": 1.0, "damping": 0.1, "seed": 0}
        kinds = {
            "a hit": measured(lambda: simulate.explain(**given)),
            "another parameter": measured(lambda: simulate.explain(**given | {"gain": 1.0000001})),
            "several parameters": measured(
                lambda: simulate.explain(reference, 7.0, 9.0, method="rk4", seed=np.ones(3))
            ),
            "another upstream call": measured(lambda: simulate.explain(**given | {"reference__amplitude": 0.5})),
            "other code": under_other_code(lambda: simulate.explain(**given)),
            "other code and parameters": under_other_code(lambda: simulate.explain(**given | {"gain": 77.5})),
            "the code alone": under_other_code(lambda: simulate.explain()),
            "versions()": under_other_code(lambda: simulate.versions()),
        }
    print(f"{'':28} {'clock':>10} {'processor':>10}")
    for kind, taken in kinds.items():
        print(f"{kind:28} {taken.wall:7.1f} ms {taken.cpu:7.1f} ms")
    slowest = max(taken.cpu for taken in kinds.values())
    print(f"target: {TARGET:.0f} ms; slowest: {slowest:.1f} ms of the processor")
    return int(slowest > TARGET)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
