"""Measure queries against SQL written by hand, on the same file, at several sizes.

Usage: python queries.py [calls ...], 1000 and 100000 by default. Stores are filled first, which takes minutes for a
million calls, and kept in the folder that SWEEPABLE_BENCHMARKS names, if it does. The process ends with 1 when a target
is missed.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from filled import evaluate, fill, simulate

import sweepable

_HAND = "SELECT c.*, t.* FROM evaluate AS t JOIN _calls AS c ON c.id = t.id WHERE {} AND c.status = 'done'"
_UPSTREAM = (
    "SELECT c.*, t.* FROM reference AS r JOIN simulate AS s ON s.reference_id = r.id "
    "JOIN evaluate AS t ON t.simulated_id = s.id JOIN _calls AS c ON c.id = t.id "
    "WHERE r.amplitude < ? AND s.gain >= ? AND c.status = 'done' ORDER BY t.id"
)
#: Microseconds that an attribute of a Record may take.
ATTRIBUTE = 30.0
#: How much slower an indexed look-up may get from the smallest store to the largest.
GROWTH = 1.5


class Compared(NamedTuple):
    """What a query takes, and the same by hand, in microseconds."""

    name: str
    ours: float
    hand: float
    #: How many times the other it may take.
    at_most: float

    @property
    def ratio(self) -> float:
        """How many times as long."""
        return self.ours / self.hand


def taken(repetitions: int, *timed: Callable[[], Any]) -> list[float]:
    """The medians in microseconds, the repetitions of all interleaved."""
    found: list[list[float]] = [[] for _ in timed]
    for one in timed:
        one()
    for _ in range(repetitions):
        for one, times in zip(timed, found, strict=True):
            started = time.perf_counter()
            one()
            times.append(1e6 * (time.perf_counter() - started))
    return [median(times) for times in found]


def measured(folder: Path, calls: int) -> tuple[list[Compared], float]:
    """The figures of a store, and what an attribute of a Record takes."""
    with sweepable.use(folder):
        seconds = fill(calls)
        print(f"\n{calls} evaluations{f', stored in {seconds:.0f} s' if seconds > 1 else ''}")
        number = calls // 2
        record = evaluate.get(seed=number)
        given = {"seed": number, "weight": record.weight, "horizon": record.horizon, "metric": record.metric}
        bound = 1.0 + 1e-3 * (min(10, max(calls // 100, 1)) - 0.5)
        upstream = {"reference__amplitude__lt": bound, "simulated__gain__gte": 0.5}
        assert len(list(evaluate.filter(**upstream))) == min(calls, 1000)
        hand = sqlite3.connect(f"file:{folder}/index.db?mode=ro", uri=True)
        one, several = _HAND.format("t.seed = ?"), _HAND.format(" AND ".join(f"t.{name} = ?" for name in given))
        figures = [
            Compared(
                "get by one parameter",
                *taken(500, lambda: evaluate.get(seed=number), lambda: hand.execute(one, (number,)).fetchall()),
                3.0,
            ),
            Compared(
                "get by four parameters",
                *taken(
                    500, lambda: evaluate.get(**given), lambda: hand.execute(several, (*given.values(),)).fetchall()
                ),
                3.0,
            ),
            Compared(
                f"{min(calls, 1000)} Records through two upstreams",
                *taken(
                    20,
                    lambda: [*evaluate.filter(**upstream)],
                    lambda: hand.execute(_UPSTREAM, (bound, 0.5)).fetchall(),
                ),
                2.0,
            ),
        ]
        hand.close()
        return figures, attribute()


def attribute() -> float:
    """What the first attribute of a Record takes, in microseconds."""
    times = []
    for rec in simulate.select()[:500]:
        started = time.perf_counter()
        _ = rec.gain
        times.append(1e6 * (time.perf_counter() - started))
    return median(times)


def main(sizes: list[int]) -> int:
    """Print the table."""
    warnings.simplefilter("ignore", sweepable.SweepableWarning)
    missed, first = 0, 0.0
    with tempfile.TemporaryDirectory() as temporary:
        for calls in sizes:
            figures, per_attribute = measured(
                Path(os.environ.get("SWEEPABLE_BENCHMARKS", temporary)) / str(calls), calls
            )
            first = first or figures[0].ours
            for found in figures:
                missed += found.ratio > found.at_most
                print(
                    f"{found.name:36} {found.ours:9.1f} µs, by hand {found.hand:9.1f} µs: {found.ratio:4.1f} times, "
                    f"at most {found.at_most:.0f}"
                )
            print(f"{'an attribute of a Record':36} {per_attribute:9.1f} µs, at most {ATTRIBUTE:.0f}")
            growth = figures[0].ours / first
            print(f"{'get, against the smallest store':36} {growth:9.2f} times, at most {GROWTH}")
            missed += (per_attribute > ATTRIBUTE) + (growth > GROWTH)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main([int(size) for size in sys.argv[1:]] or [1_000, 100_000]))
