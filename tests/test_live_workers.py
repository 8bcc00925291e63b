"""Workers that have outlived an edit: they run what was asked for, or refuse; new ones take their place."""

from __future__ import annotations

import json

import pytest

from running import RunScript

LAB = """
import sweepable

K = 1

def helper(x):
    return x + K

@sweepable.cache(y=int)
def f(x):
    return helper(x)
"""
SESSION = """
import importlib
import json
import multiprocessing
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import sweepable

import lab

told = {}

def sweep(name, f, **how):
    runs = f.sweep(x=[1, 2, 3, 4], progress=False, on_stale="ignore", **(how or {"n_jobs": 2}))
    true = [f.__wrapped__(x) for x in (1, 2, 3, 4)]
    counts = {count: number for count, number in runs.counts.items() if number}
    told[name] = counts, [rec.y for rec in runs] in (true, [])

def edit(old, new):
    file = Path("lab.py")
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    importlib.invalidate_caches()
    importlib.reload(lab)

def main():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        play()
    print(json.dumps([told, [str(warning.message) for warning in caught]]))
"""
LOKY = """
def play():
    sweep("first", lab.f)
    edit("x + K", "x - K")
    sweep("edited", lab.f)
    lab.K = 7
    sweep("a constant set here only", lab.f)
    lab.K = 1
    sweep("a constant set back", lab.f)

    @sweepable.cache(y=int)
    def g(x):
        return 2 * lab.helper(x)

    sweep("a function of the script", g)

    @sweepable.cache(y=int)
    def g(x):
        return 3 * lab.helper(x)

    sweep("a function of the script, defined anew", g)
    edit("def helper", "@sweepable.cache(y=int)\\ndef added(x):\\n    return -x\\n\\ndef helper")
    sweep("a function that old workers have not", lab.added)

if __name__ == "__main__":
    main()
"""
OTHERS = """
together = None

def wait_for_each_other(barrier):
    global together
    together = barrier

def meet(_):
    together.wait(60)

def pool_of_two(how):
    # Both have read the code before it is edited, however late one of them is on a busy machine.
    context = multiprocessing.get_context(how)
    pool = ProcessPoolExecutor(2, context, wait_for_each_other, [context.Barrier(2)])
    list(pool.map(meet, range(2)))
    return pool

def play():
    with ThreadPoolExecutor(2) as pool:
        sweep("threads", lab.f, executor=pool)
        lab.K = 6
        sweep("threads, a constant", lab.f, executor=pool)
    for how in ("fork", "spawn"):
        lab.K = 1
        edit("x + K" if how == "fork" else "x - K", "x - K" if how == "fork" else "x * 7 * K")
        with pool_of_two(how) as pool:
            sweep(how, lab.f, executor=pool)
            lab.K = 12
            sweep(f"{how}, a constant set here only", lab.f, executor=pool)
            lab.K = 1
            edit(f"def helper(x):", f"def helper(x):\\n    x = {len(how)} * x")
            added = f"@sweepable.cache(y=int)\\ndef added_{how}(x):\\n    return -x * {len(how)}\\n\\n"
            edit("def helper", f"{added}def helper")
            sweep(f"{how}, edited", lab.f, executor=pool)
            sweep(f"{how}, added", getattr(lab, f"added_{how}"), executor=pool)
        with pool_of_two(how) as pool:
            sweep(f"{how}, edited, a new pool", lab.f, executor=pool)
            sweep(f"{how}, added, a new pool", getattr(lab, f"added_{how}"), executor=pool)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("chapter", [LOKY, OTHERS], ids=["loky", "executors"])
def test_workers_that_outlived_an_edit(run_script: RunScript, chapter: str) -> None:
    """A worker never stores a value of old code under a new key; n_jobs= has new workers do what old ones would not."""
    done = run_script(SESSION + chapter, files={"lab.py": LAB})
    told, warned = json.loads(done.stdout)
    refused = ["a constant set here only", "fork, a constant set here only", "fork, edited", "fork, added"]
    refused += ["spawn, a constant set here only", "spawn, edited", "spawn, added"]
    stored = ["a constant set back"]
    for name, (counts, is_true) in told.items():
        expected = "pending" if name in refused else "hit" if name in stored else "run"
        assert (name, counts, is_true) == (name, {expected: 4}, True)
    assert any("K" in line and "refused" in line for line in warned)


def test_a_constant_that_script_and_module_share_is_no_other_one_in_a_worker(run_script: RunScript) -> None:
    """A function of a script that uses a dict or array of a module, as a helper there does, runs in workers."""
    lab = """
        import numpy as np
        CONFIG = {"k": 2}
        GRID = np.zeros(3)

        def helper(x):
            return x * CONFIG["k"] + GRID[0]
    """
    script = """
        import sweepable
        from lab import CONFIG, GRID, helper

        @sweepable.cache
        def f(x):
            return helper(x) + CONFIG["k"] + len(GRID)

        if __name__ == "__main__":
            runs = f.sweep(x=[1, 2, 3], n_jobs=2, progress=False)
            print(runs.counts["run"], runs.counts["pending"], sorted(runs.to_df()["value"]))
    """
    assert run_script(script, files={"lab.py": lab}).stdout == "3 0 [7.0, 9.0, 11.0]\n"
