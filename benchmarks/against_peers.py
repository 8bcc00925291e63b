"""Measure sweepable beside joblib.Memory and diskcache in one run, and print one table.

Repetitions of the three are interleaved, so that what disturbs the machine disturbs all of them; figures are
medians. The process ends with 1 when a target is missed.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

import peers

HERE = Path(__file__).resolve().parent
Seconds = Mapping[str, float]


class Figure(NamedTuple):
    """What is measured, its medians by peer, and how many times joblib's must be ours."""

    name: str
    seconds: Seconds
    target: float


def interleaved(measures: Mapping[str, Callable[[], float]], repetitions: int) -> Seconds:
    """The median of each measure; each repetition takes all of them in turn."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(repetitions):
        for name, measure in measures.items():
            taken[name].append(measure())
    return {name: median(values) for name, values in taken.items()}


def per_call(function: Callable, arguments: Iterator[tuple], calls: int) -> Callable[[], float]:
    """A measure: the mean seconds of so many calls, each with the next arguments."""

    def measure() -> float:
        batch = list(itertools.islice(arguments, calls))
        started = time.perf_counter()
        for given in batch:
            function(*given)
        return (time.perf_counter() - started) / calls

    return measure


def warm_hit(folder: Path) -> Seconds:
    """A hit of a function of three scalars that returns three scalars."""
    measures = {}
    for peer in peers.PEERS:
        function = peers.cached(peer, peers.three, folder)
        function(1.0, 2.0, 3)
        measures[peer] = per_call(function, itertools.repeat((1.0, 2.0, 3)), 200)
    return interleaved(measures, 25)


def first_time(folder: Path) -> Seconds:
    """Computing and storing such a call for the first time."""
    measures = {}
    for peer in peers.PEERS:
        function = peers.cached(peer, peers.three, folder)
        function(-1.0, 2.0, 3)
        measures[peer] = per_call(function, ((float(i), 2.0, 3) for i in itertools.count()), 40)
    return interleaved(measures, 15)


def array_argument(folder: Path) -> Seconds:
    """A hit of a function of one array of 80 MB."""
    array = peers.array_of(0)
    measures = {}
    for peer in peers.PEERS:
        function = peers.cached(peer, peers.total, folder)
        function(array)
        measures[peer] = per_call(function, itertools.repeat((array,)), 1)
    return interleaved(measures, 7)


def first_element(kind: str) -> Callable[[Path], Seconds]:
    """A hit in a new process of a function that returned 80 MB, until the first element is there."""

    def measured(folder: Path) -> Seconds:
        for peer in peers.PEERS:
            peers.cached(peer, getattr(peers, kind), folder)(1)
        return interleaved(
            {peer: lambda peer=peer: printed("first_element.py", peer, kind, str(folder)) for peer in peers.PEERS}, 21
        )

    return measured


def import_time(folder: Path) -> Seconds:
    """Importing the library where NumPy is there already."""
    code = "import time, numpy; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    return interleaved({peer: lambda peer=peer: printed("-c", code.format(peer)) for peer in peers.PEERS}, 9)


def printed(*arguments: str) -> float:
    """The number that a new Python process printed; it imports compiled modules, as an installed library has them."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, *arguments], cwd=HERE, env=env, check=True, stdout=subprocess.PIPE)
    return float(done.stdout)


def text(seconds: float) -> str:
    """Seconds as people read them."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 1000:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def row(figure: Figure) -> tuple[list[str], bool]:
    """A line of the table, and whether the target is met."""
    ratio = figure.seconds["joblib"] / figure.seconds["sweepable"]
    good = ratio >= figure.target
    times = [text(figure.seconds[peer]) for peer in peers.PEERS]
    return [figure.name, *times, f"{ratio:.1f}", f">= {figure.target:g}", "yes" if good else "NO"], good


def import_row(seconds: Seconds) -> tuple[list[str], bool]:
    """The same for the import, whose target is a time."""
    good = seconds["sweepable"] < 0.040
    times = [text(seconds[peer]) for peer in peers.PEERS]
    return ["import, beyond numpy", *times, "", "< 40 ms", "yes" if good else "NO"], good


FIGURES = {
    "warm hit, three scalars": (warm_hit, 5),
    "first call, three scalars": (first_time, 1),
    "hit, 80 MB array argument": (array_argument, 6),
    "new process, 80 MB array": (first_element("array_of"), 10),
    "new process, 80 MB DataFrame": (first_element("frame_of"), 10),
}


def main() -> int:
    rows = []
    for name, (measure, target) in FIGURES.items():
        with tempfile.TemporaryDirectory() as folder:
            rows.append(row(Figure(name, measure(Path(folder)), target)))
    rows.append(import_row(import_time(HERE)))
    head = ["figure", *peers.PEERS, "joblib/ours", "target", "ok"]
    lines = [head, *(cells for cells, _ in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for cells in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    return 0 if all(good for _, good in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
