"""What tables of many calls cost, against the same rows by SQL written by hand: ``python benchmarks/tables.py``.

The calls are those of ``filled.py``, read by ``to_df`` and by ``pandas.read_sql_query`` in processes of their own,
in turn.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
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
from filled import evaluate, fill

import sweepable

BY_HAND = """
SELECT e.weight, e.tolerance, e.horizon, e.metric, e.seed, s.gain AS simulated__gain, s.damping AS simulated__damping,
s.mass AS simulated__mass, s.solver AS simulated__solver, s.seed AS simulated__seed,
r.amplitude AS simulated__reference__amplitude, r.frequency AS simulated__reference__frequency,
r.phase AS simulated__reference__phase, r.offset AS simulated__reference__offset,
r.samples AS simulated__reference__samples, r.shape AS simulated__reference__shape,
r.peak AS simulated__reference__peak,
r.mean AS simulated__reference__mean, r.length AS simulated__reference__length, s.last AS simulated__last,
s.top AS simulated__top, s.steps AS simulated__steps, e.rms, e.overshoot, e.settled
FROM evaluate AS e JOIN _calls AS c ON c.id = e.id LEFT JOIN simulate AS s ON s.id = e.simulated_id
LEFT JOIN reference AS r ON r.id = s.reference_id WHERE c.status = 'done' ORDER BY e.id
"""


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
        "upstream": lambda: [rec.simulated.gain for rec in query],
    }
    query.limit(10).to_df(), pd.read_sql_query(f"{BY_HAND} LIMIT 10", connection)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = _memory("VmRSS")
    start = time.perf_counter(), time.process_time()
    found = ways[way]()
    took = time.perf_counter() - start[0], time.process_time() - start[1]
    size = found.memory_usage(deep=True).sum() if hasattr(found, "memory_usage") else 0
    facts = {
        "clock": took[0],
        "processor": took[1],
        "memory": _memory("VmHWM") - before,
        "frame": int(size),
        "rows": len(found),
    }
    print(json.dumps(facts))


def _memory(name: str) -> int:
    """Bytes, of Linux's own account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


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
        sweepable.use(path)
        fill(given.size)
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
            for way, text in (("own", "rec.rms"), ("upstream", "rec.simulated.gain")):
                took = measured(path, way)
                print(f"record     {text}: {took['processor'] / took['rows'] * 1e6:.1f} µs of the processor each")


if __name__ == "__main__":
    main()
