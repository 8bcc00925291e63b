"""Sweep a regression over seeds, degrees and penalties; where it does not converge, the others go on.

Run it twice: ``python examples/regression/sweep.py``. Results go to ``$SWEEPABLE_STORE``, else to ``.sweepable``
beside this file; delete that folder to start afresh.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import models

import sweepable

STORE = Path(os.environ.get("SWEEPABLE_STORE", Path(__file__).resolve().parent / ".sweepable"))

# From here on the functions of the module, calling each other, call their cached forms.
sweepable.wrap(models, "split", "fit", score=dict(r2=float, error=float, terms=int))


def main():
    sweepable.use(STORE)
    started = time.perf_counter()
    runs = models.score.sweep(seed=range(8), degree=[1, 2, 3], alpha=[0.03, 0.1, 0.3, 1.0, 3.0, 10.0], n_jobs=2)
    table = runs.to_df()
    seconds = time.perf_counter() - started

    counts = ", ".join(f"{runs.counts[name]} {name}" for name in ("run", "hit", "failed"))
    print(f"{len(table) + len(runs.failed)} points in {seconds:.2f} s: {counts}")

    print("\nvariance explained, over the seeds that converged:\n")
    summary = table.groupby(["degree", "alpha"])["r2"].agg(["mean", "std", "count"])
    print(summary.sort_values("mean", ascending=False).round(3).to_string())

    print("\nfailed:")
    failures = Counter((record.degree, record.alpha, record.info.error) for record in runs.failed)
    for (_, _, error), times in sorted(failures.items(), key=lambda pair: pair[0][:2]):
        print(f"  {times} × {error}")
    print(f"\nthe results: {STORE}")


if __name__ == "__main__":
    main()
