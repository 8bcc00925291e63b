"""Sweep a position controller over gain, damping and size of the step; what is known already is not run again.

Run it twice: ``python examples/control/run.py``. Results go to ``$SWEEPABLE_STORE``, else to ``.sweepable``
beside this file; delete that folder to start afresh.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from control import evaluate_sim

import sweepable

HERE = Path(__file__).resolve().parent
STORE = Path(os.environ.get("SWEEPABLE_STORE", HERE / ".sweepable"))
PICTURE = Path(os.environ.get("SWEEPABLE_PICTURE", HERE / "control.png"))

GAINS = np.geomspace(5.0, 200.0, 12)
DAMPINGS = np.linspace(0.05, 1.6, 8)
AMPLITUDES = [0.2, 1.0, 3.0]


def sweep():
    """All the points, in two processes; upstream parameters are named by their path, written nowhere else."""
    return evaluate_sim.sweep(
        sim_result__gain=GAINS,
        sim_result__damping=DAMPINGS,
        sim_result__reference__amplitude=AMPLITUDES,
        n_jobs=2,
    )


def record_of(gain, damping, amplitude):
    """The one stored call of these parameters."""
    return evaluate_sim.get(
        sim_result__gain=gain, sim_result__damping=damping, sim_result__reference__amplitude=amplitude
    )


def tidy(runs):
    """The results as a table with short column names."""
    names = {f"sim_result__{name}": name for name in ("gain", "damping")}
    names["sim_result__reference__amplitude"] = "amplitude"
    columns = ["gain", "damping", "amplitude", "overshoot", "settling_time", "rms"]
    return runs.to_df().rename(columns=names)[columns]


def best_rows(table):
    """For each size of the step, the least rms error among those that overshoot by 5 % at most."""
    return table[table["overshoot"] <= 5.0].sort_values("rms").groupby("amplitude").head(1).sort_values("amplitude")


def save_picture(table, best):
    """Heat maps of all points, and trajectories of three controllers for each size of the step."""
    from picture import draw

    chosen, references = {}, {}
    for row in best.itertuples():
        controllers = {
            "best": (row.gain, row.damping),
            "fast, but rings": (row.gain, DAMPINGS[1]),
            "calm, but slow": (GAINS[2], row.damping),
        }
        records = {name: record_of(*controller, row.amplitude) for name, controller in controllers.items()}
        chosen[row.amplitude] = {
            name: (*controllers[name], record.sim_result.out_traj) for name, record in records.items()
        }
        reference = records["best"].sim_result.reference
        references[row.amplitude] = (reference.ref_t, reference.ref_y)
    draw(PICTURE, table, chosen, references)


def main():
    sweepable.use(STORE)
    started = time.perf_counter()
    runs = sweep()
    table = tidy(runs)
    seconds = time.perf_counter() - started

    run, upstream, hit = (runs.counts[name] for name in ("run", "upstream", "hit"))
    print(
        f"{len(table)} points in {seconds:.2f} s: {run + upstream} calls run ({upstream} of them upstream), {hit} hit"
    )
    print("\nthe best controller for each size of the step (overshoot at most 5 %):\n")
    best = best_rows(table)
    print(best.round(4).to_string(index=False))
    save_picture(table, best)
    print(f"\nthe picture: {PICTURE}")
    print(f"the results: {STORE}")


if __name__ == "__main__":
    main()
