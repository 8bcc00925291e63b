"""What tables of many calls cost, against the same rows by SQL written by hand: ``python benchmarks/tables.py``.

Calls of a pipeline reference -> simulate -> evaluate are made, the many by copying rows of the first few inside the
index, and read by ``to_df`` and by ``pandas.read_sql_query`` in processes of their own, in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

import sweepable
from sweepable.store.index import check_digest

SHARING = 10  # evaluate calls per simulate call, and those per reference
BY_HAND = """
SELECT e.a, e.b, e.n, e.flag, e.mode, s.gain AS sim__gain, s.damping AS sim__damping,
r.amplitude AS sim__ref__amplitude, r.peak AS sim__ref__peak, s.last AS sim__last, e.rms, e.steps, e.settled
FROM evaluate AS e JOIN _calls AS c ON c.id = e.id LEFT JOIN simulate AS s ON s.id = e.sim_id
LEFT JOIN reference AS r ON r.id = s.ref_id WHERE c.status = 'done' ORDER BY e.id
"""


@sweepable.cache(peak=float)
def reference(amplitude: float = 1.0) -> float:
    return amplitude


@sweepable.cache(last=float)
def simulate(ref: Any = reference, gain: float = 2.0, damping: float = 0.1) -> float:
    return float(ref.peak * gain)


@sweepable.cache(rms=float, steps=int, settled=bool)
def evaluate(
    sim: Any = simulate, a: float = 1.0, b: float = 0.5, n: int = 3, flag: bool = True, mode: str = "fast"
) -> tuple[float, int, bool]:
    return float(sim.last * a), n * 1000, a > b


def fill(path: str, size: int) -> None:
    """One call of each function by the library, then as many as are wanted by copying their rows."""
    sweepable.use(path)
    evaluate.get_or_run(a=1.5, b=0.25, n=7)
    connection = sqlite3.connect(os.path.join(path, "index.db"))
    connection.create_function("digest", -1, check_digest, deterministic=True)
    ids = {n: (f, t) for f, n, t in connection.execute("SELECT id, identifier, table_name FROM _functions")}
    counts = {"reference": size // SHARING**2, "simulate": size // SHARING, "evaluate": size}
    above: tuple[int, int] | None = None
    with connection:
        for name, count in counts.items():
            above = _copies(connection, ids[name], max(count, 1), above)
    connection.execute("ANALYZE")
    connection.close()


def _copies(connection: Any, function: tuple[int, str], count: int, above: tuple[int, int] | None) -> tuple[int, int]:
    """More calls of a function, with values of their own; returns the first id and how many."""
    number, table = function
    (start,) = connection.execute("SELECT max(id) + 1 FROM _calls").fetchone()
    names = [row[1] for row in connection.execute("PRAGMA table_info(_calls)")]
    key = f"printf('%064x', row + {number * 10**9})"
    digest = f"digest({key}, function, version, ancestry, status, layout, arguments, result, error)"
    other = {"id": f"{start} + row", "key": key, "check_digest": digest}
    copied = ", ".join(other.get(name, name) for name in names)
    numbers = f"WITH RECURSIVE ns(row) AS (SELECT 0 UNION ALL SELECT row + 1 FROM ns WHERE row + 1 < {count})"
    one = f"(SELECT * FROM _calls WHERE function = {number} AND status = 'done' LIMIT 1)"
    connection.execute(f"{numbers} INSERT INTO _calls SELECT {copied} FROM ns, {one}")
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    up = f"{above[0]} + row / {SHARING}" if above else "NULL"
    values = {"id": f"{start} + row", "sim_id": up, "ref_id": up, "n": "row", "steps": "row * 1000"}
    values["mode"] = "'mode ' || row % 7"
    made = ", ".join(values.get(x, x if x in ("flag", "settled") else f"{x} + row * 0.25") for x in columns)
    connection.execute(f"{numbers} INSERT INTO {table} SELECT {made} FROM ns, (SELECT * FROM {table} LIMIT 1)")
    if above:
        role = "sim" if "sim_id" in columns else "ref"
        line = f"{numbers} INSERT INTO _lineage SELECT {start} + row, {up}, 'argument', '{role}' FROM ns"
        connection.execute(line)
    return start, count


# -- one reading, in a process of its own


def read(path: str, way: str) -> None:
    """Print what one table costs: seconds by the clock and of the processor, and memory beyond that before."""
    sweepable.use(path)
    query = evaluate.select()
    connection = sqlite3.connect(os.path.join(path, "index.db"))
    ways: dict[str, Callable[[], Any]] = {
        "to_df": query.to_df,
        "by hand": lambda: pd.read_sql_query(BY_HAND, connection),
        "own": lambda: [rec.rms for rec in query],
        "upstream": lambda: [rec.sim.gain for rec in query],
    }
    query.limit(10).to_df(), pd.read_sql_query(f"{BY_HAND} LIMIT 10", connection)
    before = _peak()
    start = time.perf_counter(), time.process_time()
    found = ways[way]()
    took = time.perf_counter() - start[0], time.process_time() - start[1]
    size = found.memory_usage(deep=True).sum() if hasattr(found, "memory_usage") else 0
    facts = {"clock": took[0], "processor": took[1], "memory": _peak() - before, "frame": int(size), "rows": len(found)}
    print(json.dumps(facts))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measured(path: str, way: str) -> dict[str, float]:
    """What `read` prints."""
    made = subprocess.run([sys.executable, __file__, "--read", way, path], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(made.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=100_000, help="how many calls")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    parser.add_argument("path", nargs="?", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        read(given.path, given.read)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "store")
        fill(path, given.size)
        runs = [(measured(path, "to_df"), measured(path, "by hand")) for _ in range(given.repeat)]
        print(f"{runs[0][0]['rows']:,.0f} rows (by hand: {runs[0][1]['rows']:,.0f})")
        for what in ("clock", "processor"):
            ours, theirs = (statistics.median(run[at][what] for run in runs) for at in (0, 1))
            ratio = statistics.median(run[0][what] / run[1][what] for run in runs)
            print(f"{what:<10} to_df {ours:6.2f} s   read_sql_query {theirs:6.2f} s   ratio {ratio:.2f} (at most 1.5)")
        for at, name in enumerate(("to_df", "read_sql_query")):
            frame = statistics.median(run[at]["frame"] for run in runs) / 1e6
            memory = statistics.median(run[at]["memory"] for run in runs) / 1e6
            limit = " (at most 2)" if at == 0 else ""
            print(f"memory     {name}: frame {frame:.0f} MB, peak {memory:.0f} MB, ratio {memory / frame:.2f}{limit}")
        if given.size <= 100_000:
            for way, text in (("own", "rec.rms"), ("upstream", "rec.sim.gain")):
                took = measured(path, way)
                print(f"record     {text}: {took['processor'] / took['rows'] * 1e6:.1f} µs of the processor each")


if __name__ == "__main__":
    main()
