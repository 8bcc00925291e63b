"""Sweeps: what runs, what does not, what is said, and in which order results come back."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sweepable
from running import RunScript
from sweepable import Record, SpaceError, StaleResults, StaleStop


@pytest.fixture
def pipeline() -> tuple[Any, Any, list[str]]:
    """A reference and a simulation that note their runs."""
    ran: list[str] = []

    @sweepable.cache(ignore_globals=["ran"])
    def reference(amplitude: float = 1.0) -> dict[str, float]:
        ran.append("reference")
        return {"y": 10.0 * amplitude}

    @sweepable.cache(total=float, ignore_globals=["ran"])
    def simulate(ref: Any = reference, gain: float = 2.0, damping: float = 0.5) -> float:
        ran.append("simulate")
        if gain < 0:
            raise ValueError(f"gain {gain} is negative")
        return float(gain * ref.y - damping)

    return reference, simulate, ran


def test_a_grid_runs_in_order_and_once(pipeline: tuple[Any, Any, list[str]]) -> None:
    """Points come in the order of the grid, the last axis fastest; a second sweep computes nothing."""
    _, simulate, ran = pipeline
    runs = simulate.sweep(gain=[3.0, 1.0], damping=[0.0, 1.0], progress=False)
    assert [(rec.gain, rec.damping) for rec in runs] == [(3.0, 0.0), (3.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    assert runs.to_df()["total"].tolist() == [30.0, 29.0, 10.0, 9.0]
    assert runs.counts == {"hit": 0, "run": 4, "failed": 0, "blocked": 0, "pending": 0, "upstream": 1}
    ran.clear()
    again = simulate.sweep(gain=[3.0, 1.0], damping=[0.0, 1.0], progress=False)
    assert ran == [] and again.counts["hit"] == 4
    assert again.to_df().equals(runs.to_df())


def test_a_grown_sweep_runs_only_what_is_new(pipeline: tuple[Any, Any, list[str]]) -> None:
    """A sweep over more points computes those that are missing."""
    _, simulate, ran = pipeline
    simulate.sweep(gain=[1.0, 2.0], progress=False)
    ran.clear()
    runs = simulate.sweep(gain=[0.5, 1.0, 2.0, 4.0], progress=False)
    assert ran == ["simulate"] * 2
    assert [rec.gain for rec in runs] == [0.5, 1.0, 2.0, 4.0]


def test_a_shared_upstream_runs_once_and_first(pipeline: tuple[Any, Any, list[str]]) -> None:
    """Two references serve six simulations, and run before them."""
    _, simulate, ran = pipeline
    simulate.sweep(ref__amplitude=[1.0, 2.0], gain=[1.0, 2.0, 3.0], progress=False)
    assert ran.count("reference") == 2 and ran.count("simulate") == 6


def test_direct_calls_and_sweeps_share_results(pipeline: tuple[Any, Any, list[str]]) -> None:
    """What a sweep has computed, a call finds, and the other way round; ints on a float axis are floats."""
    _, simulate, ran = pipeline
    simulate(gain=4.0)
    ran.clear()
    runs = simulate.sweep(gain=[4, 5], progress=False)
    assert ran == ["simulate"] and runs.counts["hit"] == 1
    assert simulate(gain=5.0) == 49.5 and len(ran) == 1
    assert simulate.sweep(gain=np.linspace(4, 5, 2), progress=False).counts["hit"] == 2


def test_upstream_parameters_are_swept_by_any_spelling(pipeline: tuple[Any, Any, list[str]]) -> None:
    """The unique name, the function's name and the path mean one parameter."""
    _, simulate, _ = pipeline
    sweeps = [
        simulate.sweep(**{name: [1.0, 2.0]}, progress=False)
        for name in ("amplitude", "reference__amplitude", "ref__amplitude")
    ]
    keys = [[rec.info.key for rec in runs] for runs in sweeps]
    assert keys[0] == keys[1] == keys[2]


def test_failing_points_do_not_stop_the_others(pipeline: tuple[Any, Any, list[str]]) -> None:
    """A failed point is a Record with error and traceback, and is not run again unless asked for."""
    _, simulate, ran = pipeline
    runs = simulate.sweep(gain=[1.0, -1.0, 2.0], progress=False)
    assert [rec.gain for rec in runs] == [1.0, 2.0] and len(runs) == 2
    (failed,) = runs.failed
    assert failed.gain == -1.0 and failed.info.error == "ValueError: gain -1.0 is negative"
    assert "raise ValueError" in failed.info.traceback and "sweepable" not in failed.info.traceback
    assert [rec.gain for rec in runs.all()] == [1.0, -1.0, 2.0]
    assert runs.missing == []
    ran.clear()
    assert simulate.sweep(gain=[1.0, -1.0, 2.0], progress=False).counts["failed"] == 1 and ran == []
    simulate.sweep(gain=[1.0, -1.0, 2.0], progress=False, retry_failed=True)
    assert ran == ["simulate"]


def test_points_below_a_failed_upstream_are_blocked(tmp_path: Path) -> None:
    """They are counted, listed as missing, and run once the upstream succeeds."""
    switch = tmp_path / "works"

    @sweepable.cache(ignore_globals=["switch"])
    def reference(amplitude: float = 1.0) -> dict[str, float]:
        if amplitude > 1 and not switch.exists():
            raise RuntimeError("no such amplitude")
        return {"y": amplitude}

    @sweepable.cache(total=float)
    def simulate(ref: Any = reference, gain: float = 1.0) -> float:
        return float(gain * ref.y)

    runs = simulate.sweep(amplitude=[1.0, 2.0], gain=[1.0, 2.0], progress=False)
    assert runs.counts["run"] == 2 and runs.counts["blocked"] == 2
    assert runs.missing == [{"amplitude": 2.0, "gain": 1.0}, {"amplitude": 2.0, "gain": 2.0}]
    assert simulate.sweep(amplitude=[2.0], progress=False).counts["blocked"] == 1
    switch.touch()
    runs = simulate.sweep(amplitude=[1.0, 2.0], gain=[1.0, 2.0], progress=False, retry_failed=True)
    assert runs.to_df()["total"].tolist() == [1.0, 2.0, 2.0, 4.0]


def test_a_sweep_is_a_query(pipeline: tuple[Any, Any, list[str]]) -> None:
    """It filters, orders, counts and slices like any other, over its own points only."""
    _, simulate, _ = pipeline
    simulate(gain=100.0)
    runs = simulate.sweep(gain=[1.0, 2.0, 3.0], progress=False)
    assert [rec.gain for rec in runs.filter(gain__gt=1.0).order_by("-gain")] == [3.0, 2.0]
    assert runs.count() == 3 and runs[1].gain == 2.0 and runs.last().gain == 3.0
    assert {rec.info.key for rec in simulate.filter(gain=[1.0, 2.0, 3.0])} == {rec.info.key for rec in runs}


def test_what_is_an_axis_and_what_a_constant(pipeline: tuple[Any, Any, list[str]]) -> None:
    """Lists, ranges, arrays and Series are axes; a scalar is a constant; a list where lists are values needs a word."""
    _, simulate, _ = pipeline
    assert len(simulate.sweep(gain=range(1, 4), damping=0.0, progress=False)) == 3
    assert len(simulate.sweep(gain=pd.Series([1.0, 2.0]), progress=False)) == 2

    @sweepable.cache
    def total(values: tuple[float, ...] = (1.0, 2.0), scale: float = 1.0) -> float:
        return scale * sum(values)

    with pytest.raises(SpaceError, match=r"axis\(.*fixed\("):
        total.sweep(values=[1.0, 2.0], progress=False)
    assert [rec.value for rec in total.sweep(values=sweepable.axis([(1.0,), (2.0, 3.0)]), progress=False)] == [1.0, 5.0]
    runs = total.sweep(values=sweepable.fixed([4.0]), scale=[1.0, 2.0], progress=False)
    assert [rec.value for rec in runs] == [4.0, 8.0]


def test_spaces_are_swept(pipeline: tuple[Any, Any, list[str]]) -> None:
    """A space made beforehand, and keyword axes on top of it."""
    _, simulate, _ = pipeline
    space = sweepable.zipped(gain=[1.0, 2.0], damping=[0.0, 1.0])
    assert simulate.sweep(space, progress=False).to_df()["total"].tolist() == [10.0, 19.0]
    assert len(simulate.sweep(space, amplitude=[1.0, 2.0], progress=False)) == 4


def test_records_and_partials_are_axes(pipeline: tuple[Any, Any, list[str]]) -> None:
    """An upstream may be swept as such: Records of a query, or the function with different parameters."""
    reference, simulate, _ = pipeline
    references = reference.sweep(amplitude=[1.0, 2.0], progress=False)
    by_record = simulate.sweep(ref=references, progress=False)
    partials = [reference.partial(amplitude=1.0), reference.partial(amplitude=2.0)]
    by_partial = simulate.sweep(ref=partials, progress=False)
    assert by_partial.counts["hit"] == 2
    assert by_record.to_df()["total"].tolist() == by_partial.to_df()["total"].tolist() == [19.5, 39.5]


def test_an_option_that_is_a_parameters_name_is_refused() -> None:
    """``n_jobs=[1, 2]`` might mean either; the error shows the space that says which."""

    @sweepable.cache
    def simulate(n_jobs: int = 1, gain: float = 1.0) -> float:
        return n_jobs * gain

    with pytest.raises(SpaceError, match=r"grid\(n_jobs=\[...\]\)"):
        simulate.sweep(n_jobs=[1, 2])
    runs = simulate.sweep(sweepable.grid(n_jobs=[1, 2]), gain=[1.0], progress=False)
    assert [rec.value for rec in runs] == [1.0, 2.0]


def test_a_misspelled_axis_is_an_error(pipeline: tuple[Any, Any, list[str]]) -> None:
    """Nothing runs; the error knows what was meant."""
    _, simulate, ran = pipeline
    with pytest.raises(sweepable.UnknownName, match="did you mean 'gain'"):
        simulate.sweep(gian=[1.0], progress=False)
    assert ran == []


def test_an_empty_axis_is_an_empty_sweep(pipeline: tuple[Any, Any, list[str]]) -> None:
    """No points, no runs, an empty table with the columns that it would have."""
    _, simulate, _ = pipeline
    runs = simulate.sweep(gain=[], progress=False)
    assert len(runs) == 0 and list(runs) == [] and runs.missing == [] and runs.to_df().empty


def test_any_executor_serves(pipeline: tuple[Any, Any, list[str]]) -> None:
    """A thread pool runs the points, each once."""
    _, simulate, ran = pipeline
    with ThreadPoolExecutor(4) as executor:
        runs = simulate.sweep(gain=[float(i) for i in range(20)], executor=executor, progress=False)
    assert ran.count("simulate") == 20 and ran.count("reference") == 1
    assert [rec.total for rec in runs] == [10.0 * i - 0.5 for i in range(20)]


def test_sweeps_inside_a_cached_function_are_its_upstream() -> None:
    """A function that sweeps another has all those calls in its lineage."""

    @sweepable.cache
    def square(x: float) -> float:
        return x * x

    @sweepable.cache
    def total(n: int) -> float:
        return sum(rec.value for rec in square.sweep(x=[float(i) for i in range(n)], progress=False))

    record: Record = total.get_or_run(4)
    assert record.value == 14.0
    assert len(record.upstream["square"]) == 4


def test_an_interrupt_keeps_what_is_done(pipeline: tuple[Any, Any, list[str]]) -> None:
    """KeyboardInterrupt reaches the caller; what was computed before it is stored, and the next sweep goes on."""

    @sweepable.cache(ignore_globals=["stop"])
    def simulate(gain: float) -> float:
        if gain == 2.0 and stop:
            raise KeyboardInterrupt
        return gain

    stop = [True]
    with pytest.raises(KeyboardInterrupt):
        simulate.sweep(gain=[0.0, 1.0, 2.0, 3.0], progress=False)
    assert [rec.value for rec in simulate.select()] == [0.0, 1.0]
    stop.clear()
    assert simulate.sweep(gain=[0.0, 1.0, 2.0, 3.0], progress=False).counts["hit"] == 2


def versions_of(source: str) -> Callable[..., Any]:
    namespace: dict[str, Any] = {"__name__": "lab"}
    exec(source, namespace)
    return namespace["simulate"]


def test_results_of_older_code_are_announced() -> None:
    """The first sweep under new code says how many results are not used, or refuses; the second says nothing."""
    old = sweepable.cache(versions_of("def simulate(gain=1.0): return gain"))
    old.sweep(gain=[1.0, 2.0], progress=False)
    new = sweepable.cache(versions_of("def simulate(gain=1.0): return 2 * gain"))
    with pytest.raises(StaleStop, match="2 stored results are of older code"):
        new.sweep(gain=[1.0, 2.0], progress=False, on_stale="raise")
    with pytest.warns(StaleResults, match="2 stored results are of older code.*explain"):
        runs = new.sweep(gain=[1.0, 2.0], progress=False)
    assert [rec.value for rec in runs] == [2.0, 4.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new.sweep(gain=[1.0, 3.0], progress=False)


PARALLEL = """
    import os, sys, signal, time
    import numpy as np
    import sweepable

    OFFSET = 3.0

    def helper(x):
        return x + OFFSET

    @sweepable.cache
    def reference(amplitude=1.0):
        return {"y": amplitude * np.arange(4.0)}

    @sweepable.cache(total=float, pid=int)
    def simulate(ref=reference, gain=2.0):
        if gain == 7.0:
            os.kill(os.getpid(), signal.SIGKILL)
        if gain == 8.0:
            raise ValueError("eight")
        return float(helper(gain * ref.y.sum())), os.getpid()

    if __name__ == "__main__":
"""


def test_workers_are_where_this_process_is_now(run_script: RunScript) -> None:
    """Those of an earlier sweep are not taken again once the working folder or the environment is another one."""
    script = """
        import os
        import sweepable

        @sweepable.cache(audit=False)
        def seen(x):
            return x, os.path.basename(os.getcwd()), os.environ.get("MODE"), os.environ.get("GONE"), os.getpid()

        def sweep(*x):
            return [rec.value for rec in seen.sweep(x=list(x), n_jobs=2, progress=False)]

        if __name__ == "__main__":
            os.environ.update(MODE="one", GONE="no")
            first = sweep(1, 2)
            same = sweep(3, 4)
            os.environ["MODE"] = "two"
            del os.environ["GONE"]
            os.mkdir("inner")
            os.chdir("inner")
            then = sweep(5, 6)
            print([found[1:4] for found in first], [found[1:4] for found in then])
            print(len({found[4] for found in (*first, *same)}) <= 2)
    """
    first, same = run_script(script).stdout.splitlines()
    assert first == f"{[('project', 'one', 'no')] * 2} {[('inner', 'two', None)] * 2}" and same == "True"


def test_workers_compute_what_this_process_would(run_script: RunScript) -> None:
    """Over worker processes, functions of a script give the same keys and values, and a second run computes nothing."""
    script = (
        PARALLEL
        + """
        runs = simulate.sweep(gain=[1.0, 2.0, 3.0], amplitude=[1.0, 2.0], n_jobs=2, progress=False)
        frame = runs.to_df()
        print(runs.counts["run"], runs.counts["hit"], frame["total"].tolist(), os.getpid() not in set(frame["pid"]))
        print(simulate(gain=1.0)[0])
    """
    )
    first = run_script(script).stdout.splitlines()
    assert first == ["6 0 [9.0, 15.0, 15.0, 27.0, 21.0, 39.0] True", "9.0"]
    second = run_script(script).stdout.splitlines()
    assert second[0].startswith("0 6 [9.0, 15.0")


def test_a_killed_worker_costs_its_point(run_script: RunScript) -> None:
    """The point whose process dies is a failed Record; all others are done; the next sweep takes it up again."""
    script = (
        PARALLEL
        + """
        runs = simulate.sweep(gain=[float(i) for i in range(12)], n_jobs=2, progress=False)
        print(len(runs), runs.counts["failed"], sorted(rec.gain for rec in runs.failed))
        print([rec.info.status for rec in runs.failed], [rec.info.error for rec in runs.failed][1])
    """
    )
    first = run_script(script).stdout.splitlines()
    assert first[0] == "10 2 [7.0, 8.0]"
    assert first[1] == "['killed', 'failed'] ValueError: eight"
    again = (
        PARALLEL.replace("if gain == 7.0", "if gain == 70.0")
        + """
        runs = simulate.sweep(gain=[7.0], n_jobs=2, progress=False, on_stale="ignore")
        print(runs.counts["run"], runs.counts["failed"])
    """
    )
    assert run_script(again).stdout.split() == ["1", "0"]


def test_a_worker_that_sees_other_constants_refuses(run_script: RunScript) -> None:
    """A constant set in the parent is not what the worker imports: the point stays pending, the node is named."""
    done = run_script(
        """
        import lab
        lab.K = 5
        if __name__ == "__main__":
            runs = lab.simulate.sweep(gain=[1.0, 2.0], n_jobs=2, progress=False)
            print(runs.counts["pending"], len(runs), len(runs.missing))
            print(lab.simulate(1.0))
        """,
        files={
            "lab.py": """
            import sweepable
            K = 3

            @sweepable.cache
            def simulate(gain=1.0):
                return K * gain
            """
        },
    )
    assert done.stdout.split() == ["2", "0", "2", "5.0"]
    assert "refused" in done.stderr and "K" in done.stderr


def test_ctrl_c_keeps_what_workers_have_done(run_script: RunScript) -> None:
    """SIGINT ends a parallel sweep with KeyboardInterrupt; what was done is found by the next run."""
    done = run_script(
        """
        import os, signal, threading, time
        import sweepable

        @sweepable.cache
        def slow(x):
            time.sleep(0.05)
            return x

        if __name__ == "__main__":
            def interrupt():
                while slow.select().count() < 6:
                    time.sleep(0.02)
                os.kill(os.getpid(), signal.SIGINT)

            threading.Thread(target=interrupt, daemon=True).start()
            begun = time.time()
            try:
                slow.sweep(x=list(range(400)), n_jobs=2, progress=False)
            except KeyboardInterrupt:
                kept = slow.select().count()
                again = slow.sweep(x=list(range(kept)), n_jobs=2, progress=False)
                print("interrupted", kept >= 6, kept < 400, again.counts["hit"] > 0)
        """
    )
    assert done.stdout.split() == ["interrupted", "True", "True", "True"]


def test_wrapped_modules_are_wrapped_in_workers_too(run_script: RunScript) -> None:
    """Functions of a module that knows nothing of sweepable call each other's cached form in workers as well."""
    done = run_script(
        """
        import motor, sweepable
        sweepable.wrap(motor, "reference", simulate=dict(total=float))

        if __name__ == "__main__":
            runs = motor.simulate.sweep(gain=[1.0, 2.0, 3.0], amplitude=[1.0, 2.0], n_jobs=2, progress=False)
            print(runs.counts["run"], motor.reference.select().count())
            print(runs[0].reference.value, runs.to_df()["total"].tolist())
        """,
        files={
            "motor.py": """
            def reference(amplitude=1.0):
                return [amplitude, 2 * amplitude]

            def simulate(amplitude=1.0, gain=2.0):
                return gain * sum(reference(amplitude))
            """
        },
    )
    assert done.stdout.splitlines() == ["6 2", "[1.0, 2.0] [3.0, 6.0, 6.0, 12.0, 9.0, 18.0]"]


def test_a_changed_declaration_is_checked_against_what_is_stored() -> None:
    """Declaring outputs afterwards runs nothing again: stored values get the new names, or fail if they do not fit."""
    ran: list[float] = []

    def simulate(gain: float = 1.0) -> tuple[float, float]:
        ran.append(gain)
        return gain, 2 * gain

    sweepable.cache(simulate, ignore_globals=["ran"]).sweep(gain=[1.0, 2.0], progress=False)
    ran.clear()
    named = sweepable.cache(simulate, low=float, high=float, ignore_globals=["ran"])
    assert named.sweep(gain=[1.0, 2.0], progress=False).to_df()["high"].tolist() == [2.0, 4.0]
    wrong = sweepable.cache(simulate, low=float, high=str, ignore_globals=["ran"])
    with pytest.warns(sweepable.SweepableWarning, match="high: declared str, returned float"):
        assert wrong.sweep(gain=[1.0, 2.0], progress=False).counts["failed"] == 2
    assert ran == []


def test_results_that_cannot_be_kept_are_failed_points(run_script: RunScript) -> None:
    """In workers too: one warning reaches the caller, the points are counted and listed as failed."""
    done = run_script(
        """
        import warnings
        import sweepable

        @sweepable.cache
        def simulate(gain=1.0):
            return (lambda: gain) if gain < 2 else open("/dev/null") if gain == 2 else gain

        if __name__ == "__main__":
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                runs = simulate.sweep(gain=[2.0, 3.0], n_jobs=2, progress=False)
            print(runs.counts["run"], runs.counts["failed"], [rec.gain for rec in runs.failed])
            print([warning.category.__name__ for warning in said if "not kept" in str(warning.message)])
        """
    )
    assert done.stdout.splitlines() == ["1 1 [2.0]", "['NotKept']"]


def test_a_store_of_a_functions_own_is_not_its_upstreams(run_script: RunScript, tmp_path: Path) -> None:
    """Over workers as in this process, each call is stored where its function says."""
    done = run_script(
        f"""
        import sweepable

        @sweepable.cache
        def reference(amplitude=1.0):
            return amplitude

        @sweepable.cache(store={str(tmp_path / "own")!r})
        def simulate(ref=reference, gain=1.0):
            return gain * ref.value

        if __name__ == "__main__":
            runs = simulate.sweep(gain=[1.0, 2.0], amplitude=[1.0, 2.0], n_jobs=2, progress=False)
            print(len(runs), reference.select().count())
        """
    )
    assert done.stdout.split() == ["4", "2"]


def test_a_failure_outside_the_function_has_its_traceback(run_script: RunScript) -> None:
    """A point that fails before its function runs, in a worker, is a failed Record that says where."""
    done = run_script(
        """
        import os
        import sweepable

        class Config:
            def __init__(self, gain):
                self.gain, self.home = gain, os.getpid()
            def __sweepable_digest__(self):
                if os.getpid() != self.home:
                    raise RuntimeError("not at home")
                return self.gain

        @sweepable.cache
        def simulate(config, scale=1.0):
            return config.gain * scale

        if __name__ == "__main__":
            runs = simulate.sweep(config=[Config(1.0), Config(2.0)], n_jobs=2, progress=False)
            print(runs.counts["failed"], len(runs.failed), "Traceback" in runs.failed[0].info.traceback)
        """
    )
    assert done.stdout.split() == ["2", "2", "True"]


def test_a_point_that_exits_ends_itself_only() -> None:
    """``sys.exit()`` in a function is a failed point, in this process as in workers."""

    @sweepable.cache
    def simulate(gain: float = 1.0) -> float:
        if gain == 2.0:
            raise SystemExit(3)
        return gain

    runs = simulate.sweep(gain=[1.0, 2.0, 3.0], progress=False)
    assert [rec.gain for rec in runs] == [1.0, 3.0]
    assert [rec.info.error for rec in runs.failed] == ["SystemExit: 3"]


@pytest.mark.parametrize("given", [[1, 2], {"gain": [1, 2]}, 3])
def test_what_is_no_space_is_refused(pipeline: tuple[Any, Any, list[str]], given: Any) -> None:
    """Values without a name say nothing of what they are for; the error shows how to write it."""
    with pytest.raises(SpaceError, match=r"sweep\(<parameter>=\[...\]\)"):
        pipeline[1].sweep(given, progress=False)


CALLBACKS = """
import sweepable

def shift(by):
    return lambda x: x + by

@sweepable.cache
def applied(function, x=1):
    return function(x)

if __name__ == "__main__":
    functions = [shift(10), shift(20), lambda x: -x]
    runs = applied.sweep(function=functions, x=[1, 2], n_jobs={jobs}, progress=False)
    print(runs.counts["run"], runs.counts["hit"], [rec.value for rec in runs])
"""


def test_callbacks_of_a_script_are_the_same_in_workers(run_script: RunScript) -> None:
    """Lambdas and what factories made go to workers by value, and count there as they do here, by their source."""
    said = [run_script(CALLBACKS.format(jobs=jobs)).stdout.split("\n")[0] for jobs in (2, 1)]
    assert said == ["6 0 [11, 12, 21, 22, -1, -2]", "0 6 [11, 12, 21, 22, -1, -2]"]


def test_points_whose_values_are_not_what_is_declared_are_failed() -> None:
    """Their values are stored, but not among the results: `failed` has them, with the error, as often as one looks."""

    @sweepable.cache(rms=float)
    def evaluate(x: int) -> Any:
        return "high" if x == 2 else x / 2

    for _ in range(2):
        with pytest.warns(sweepable.SweepableWarning, match="declared"):
            sweepable.notices._said.clear()  # what is said once, is said again in another process
            runs = evaluate.sweep(x=[1, 2, 3], progress=False)
        assert [rec.rms for rec in runs] == [0.5, 1.5] and runs.to_df()["rms"].tolist() == [0.5, 1.5]
        (failed,) = runs.failed
        assert failed.x == 2 and "OutputMismatch" in failed.info.error and "rms: float" in failed.info.traceback
        assert runs.counts["failed"] == 1 and len(runs.all()) == 3 and runs.missing == []
