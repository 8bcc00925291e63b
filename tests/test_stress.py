"""What must survive rough treatment for minutes: kills at random, many processes, many points."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from running import RunScript, script_environment, write_files

pytestmark = pytest.mark.stress

EXPERIMENT = """
    import sys, time
    import numpy as np
    import sweepable

    @sweepable.cache
    def reference(amplitude=1.0):
        time.sleep(0.01)
        return {"y": amplitude * np.arange(1000.0)}

    @sweepable.cache(total=float, last=np.ndarray)
    def simulate(ref=reference, gain=1.0):
        time.sleep(0.002)
        return float(gain * ref.y.sum()), gain * ref.y

    def sweep(n_jobs):
        return simulate.sweep(
            gain=[float(i) for i in range(100)], amplitude=[1.0, 2.0, 3.0], n_jobs=n_jobs, progress=False
        )

    def check(runs):
        assert len(runs) == 300 and not runs.missing and not len(runs.failed), runs
        for rec in runs:
            assert rec.total == rec.gain * rec.amplitude * 499500.0
            assert np.array_equal(rec.last, rec.gain * rec.amplitude * np.arange(1000.0))
"""


def test_a_sweep_that_is_killed_again_and_again_comes_to_its_end(
    run_script: RunScript, tmp_path: Path, store_path: Path
) -> None:
    """SIGKILL at random moments, of the whole group of processes: nothing wrong is stored, and nothing done is lost."""
    write_files(tmp_path, {"experiment.py": EXPERIMENT})
    write_files(tmp_path, {"run.py": "from experiment import *\nif __name__ == '__main__':\n    check(sweep(2))\n"})
    chance = random.Random(1)
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "run.py"],
            cwd=tmp_path,
            env=script_environment(store_path),
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.5, 2.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = run_script(None, name="run.py", cwd=tmp_path)
    assert done.returncode == 0


def test_many_processes_sweep_the_same_points(tmp_path: Path, store_path: Path) -> None:
    """Six processes over the same 300 points all get all results, and each call is stored once."""
    body = "check(sweep(1)); print(simulate.select().count())"
    source = f"from experiment import *\nif __name__ == '__main__':\n    {body}\n"
    write_files(tmp_path, {"experiment.py": EXPERIMENT, "run.py": source})
    processes = [
        subprocess.Popen(
            [sys.executable, "run.py"],
            cwd=tmp_path,
            env=script_environment(store_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in processes:
        printed, complaints = process.communicate(timeout=200)
        assert (process.returncode, printed.strip()) == (0, "300"), complaints


def test_ten_thousand_points_are_swept_and_found(run_script: RunScript) -> None:
    """A large sweep of fast calls, over workers and then in this process: all there, all right, in order."""
    done = run_script(
        """
        import sweepable

        @sweepable.cache(total=float)
        def simulate(gain=1.0, damping=0.0):
            return 2 * gain - damping

        if __name__ == "__main__":
            axes = dict(gain=[float(i) for i in range(100)], damping=[float(i) for i in range(100)], progress=False)
            runs = simulate.sweep(**axes, n_jobs=2)
            frame = runs.to_df()
            again = simulate.sweep(**axes)
            print(runs.counts["run"], again.counts["hit"], (2 * frame.gain - frame.damping == frame.total).all())
            print(frame.equals(again.to_df()), simulate.filter(gain__gte=50.0, total__lt=100.0).count())
        """
    )
    expected = sum(2 * g - d < 100 for g in range(50, 100) for d in range(100))
    assert done.stdout.split() == ["10000", "10000", "True", "True", str(expected)]
