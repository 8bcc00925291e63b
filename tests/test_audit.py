"""Stored calls run again and compared: `f.audit` for one, `sweepable.audit` for a sample."""

from __future__ import annotations

import random
import sys
import threading
import warnings
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sweepable
from running import RunScript
from sweepable.differences import Tolerance

pytestmark = pytest.mark.filterwarnings("ignore::sweepable.UntrackedCode", "ignore::sweepable.TaintedCall")


class Source:
    """Gives one value after the other: a function that asks it differs from run to run."""

    def __init__(self, *values: Any) -> None:
        self.values = list(values)

    def next(self) -> Any:
        return self.values.pop(0) if len(self.values) > 1 else self.values[0]


def stored(*values: Any) -> Any:
    """A cached function, called once: it returns the first value then, and the others when it runs again."""
    source = Source(*values)

    @sweepable.cache(ignore_globals=["source"], name="measure")
    def measure(x: int = 1) -> Any:
        return source.next()

    measure()
    return measure


# -- one call


def test_a_call_that_returns_what_is_stored_holds() -> None:
    """The report is true, prints as one line, and nothing was stored of the two runs."""
    runs: list[int] = []

    @sweepable.cache(y=float, z=np.ndarray, ignore_globals=["runs"])
    def f(x: float) -> tuple[float, Any]:
        runs.append(1)
        return 2 * x, np.arange(3.0)

    f(1.0)
    store = f.get_or_run(1.0)._store
    before = store.connection().execute("SELECT id, started, seconds, status FROM _calls").fetchall()
    report = f.audit(1.0)
    assert report and report.ok
    assert repr(report).endswith("f(x=1.0): as stored")
    assert len(runs) == 3
    assert store.connection().execute("SELECT id, started, seconds, status FROM _calls").fetchall() == before


Point = namedtuple("Point", "x y")

CASES: dict[str, tuple[Any, Any, str]] = {
    "float": (1.0, 1.5, "value: 1.0 -> 1.5, by at most 0.5 (relative 0.5)"),
    "type": (1, 1.0, "value: int 1 -> float 1.0"),
    "NumPy type": (1.0, np.float64(1.0), "value: float 1.0 -> float64"),
    "sign of zero": (0.0, -0.0, "value: 0.0 -> -0.0"),
    "NaN": (1.0, float("nan"), "value: 1.0 -> nan"),
    "str": ("a", "b", "value: 'a' -> 'b'"),
    "bool": (True, False, "value: True -> False"),
    "array": (np.zeros(4), np.array([0.0, 0.0, 1.0, 2.0]), "value[2]: "),
    "count": (np.zeros(4), np.array([0.0, 0.0, 1.0, 2.0]), "2 of 4 differ, by at most 2"),
    "two dimensions": (np.zeros((2, 2)), np.array([[0.0, 0.0], [3.0, 0.0]]), "value[1, 0]: "),
    "dtype": (np.zeros(2), np.zeros(2, "f4"), "value: "),
    "shape": (np.zeros(2), np.zeros(3), "value: "),
    "unsigned": (np.array([1], "u1"), np.array([2], "u1"), "by at most 1"),
    "bools": (np.array([True, False]), np.array([True, True]), "value[1]: "),
    "texts": (np.array(["a", "b"]), np.array(["a", "c"]), "value[1]: "),
    "objects": (np.array(["a", 1], object), np.array(["a", 2], object), "value[1]: "),
    "list": ([1, 2.0], [1, 2.5], "value[1]: 2.0 -> 2.5"),
    "length": ([1, 2], [1], "value: "),
    "dict": ({"a": {"b": 1.0}}, {"a": {"b": 2.0}}, "a['b']: 1.0 -> 2.0"),
    "order": ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], "value[0]: "),
    "named tuple": ([Point(1, 2)], [Point(1, 3)], "value[0].y: 2 -> 3"),
    "complex": (1 + 1j, 1 + 2j, "by at most 1"),
    "set": ({1, 2}, {1, 3}, "value: {1, 2} -> {1, 3}"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_differs_is_told_with_its_place(case: str) -> None:
    """Type, dtype, shape, sign and every bit count; the report says in which output, where, and by how much."""
    before, after, text = CASES[case]
    report = stored(before, after).audit()
    assert not report
    assert not report.unsteady
    assert text in repr(report)
    assert "differs from what is stored" in repr(report)


def test_frames_are_compared_column_by_column() -> None:
    """The first row that differs is named with its column; other columns, dtypes or labels are a difference too."""
    before = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1, 2, 3]})
    after = before.copy()
    after.loc[1, "x"] = 2.5
    assert "value['x'][1]: " in repr(stored(before, after).audit())
    assert not stored(before, before.rename(columns={"x": "z"})).audit()
    assert not stored(before, before.astype({"y": "int32"})).audit()
    assert not stored(before, before.set_axis(["a", "b", "c"])).audit()
    assert "value[2]: " in repr(stored(pd.Series([1.0, 2.0, 3.0]), pd.Series([1.0, 2.0, 4.0])).audit())


def test_within_a_tolerance() -> None:
    """``rtol`` and ``atol`` are those of `numpy.isclose`; they never make up for another type, shape or NaN."""
    near = stored({"y": np.array([1.0, 2.0])}, {"y": np.array([1.0, 2.0 + 1e-9])})
    assert not near.audit()
    assert near.audit(rtol=1e-6) and near.audit(atol=1e-6)
    assert not near.audit(rtol=1e-12)
    tolerance = Tolerance(rtol=1.0, atol=1.0)
    assert list(tolerance.differences(1.0, 1, "x"))
    assert list(tolerance.differences(np.zeros(2), np.zeros(2, "f4"), "x"))
    assert list(tolerance.differences(1.0, float("nan"), "x"))
    assert list(tolerance.differences(float("inf"), 1.0, "x"))
    assert list(tolerance.differences("a", "b", "x"))
    assert not list(tolerance.differences(float("nan"), float("nan"), "x"))
    frame = pd.DataFrame({"x": [1.0]})
    assert not list(tolerance.differences(frame, frame + 0.5, "x"))
    with pytest.raises(ValueError, match="rtol"):
        near.audit(rtol=-1)


def test_two_runs_that_differ_are_told_apart_from_a_change() -> None:
    """Where one run and the next differ, the stored value is no worse than another: that is what is said."""
    report = stored(1.0, 2.0, 3.0).audit()
    assert not report
    assert "two runs differ from each other" in repr(report)
    assert report.unsteady[0].before == "2.0"


def test_global_random_state_is_said_and_put_back() -> None:
    """Draws from the global state make the report fail; the state is afterwards what it was."""

    @sweepable.cache
    def f() -> float:
        return random.random() + float(np.random.rand())

    f()
    before = random.getstate(), np.random.get_state()[1].tobytes()  # type: ignore[union-attr, index]
    report = f.audit()
    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before  # type: ignore[union-attr, index]
    assert not report
    assert report.unsteady
    assert "global random state of random and numpy.random" in repr(report)


def test_a_function_that_raises_now_is_told(tmp_path: Path) -> None:
    """What it raises is in the report, not raised."""
    path = tmp_path / "there"
    name = str(path)
    path.write_text("x")

    @sweepable.cache
    def f() -> str:
        with open(name) as stream:
            return stream.read()

    f()
    assert "f reads there" in repr(f.audit())
    path.unlink()
    report = f.audit()
    assert not report
    assert report.error is not None and report.error.startswith("FileNotFoundError")


def test_arguments_that_are_changed_are_said_and_those_of_the_caller_are_not() -> None:
    """Each run gets arguments of its own."""

    @sweepable.cache
    def f(values: list[float]) -> int:
        values.append(1.0)
        return len(values)

    given = [1.0, 2.0]
    f([1.0, 2.0])
    report = f.audit(given)
    assert given == [1.0, 2.0]
    assert not report
    assert report.changed is not None and "changed its argument values" in report.changed
    assert not report.differences and not report.unsteady


def test_a_call_that_is_not_stored_is_an_error_with_the_way_out() -> None:
    """There is nothing to compare with; the error says how to store it, and how to compare results of older code."""

    @sweepable.cache
    def f(x: int) -> int:
        if x < 0:
            raise ValueError
        return x

    with pytest.raises(sweepable.NoCallFound, match=r"f.get_or_run\(...\) stores it.*version=\"any\""):
        f.audit(1)
    with pytest.raises(ValueError):
        f(-1)
    with pytest.raises(sweepable.NoCallFound, match="kept as failed"):
        f.audit(-1)


def test_upstream_calls_are_given_as_they_are_stored() -> None:
    """A parameter that stands for an upstream call is its Record, or its output, as always."""

    @sweepable.cache
    def reference(amplitude: float = 1.0) -> dict[str, Any]:
        return {"y": amplitude * np.ones(3)}

    @sweepable.cache
    def by_record(ref: Any = reference) -> float:
        return float(ref.y.sum())

    @sweepable.cache
    def by_output(y: Any = reference["y"]) -> float:
        return float(y.sum())

    @sweepable.cache
    def nested(amplitude: float) -> float:
        return float(reference(amplitude)["y"].sum())

    by_record(), by_output(), nested(2.0), by_record(reference.partial(amplitude=3.0))
    assert by_record.audit() and by_output.audit() and nested.audit(2.0)
    assert by_record.audit(ref__amplitude=3.0)
    assert sweepable.audit(by_record.select(), fraction=1.0)
    assert sweepable.audit(by_output.select(), fraction=1.0)


def test_methods_and_coroutines_are_audited_too() -> None:
    """Whatever can be cached."""
    import asyncio

    class Model:
        def __init__(self, k: float) -> None:
            self.k = k

        @sweepable.cache
        def gain(self, x: float) -> float:
            return self.k * x

    assert Model(2.0).gain(3.0) == 6.0
    assert Model(2.0).gain.audit(3.0)

    @sweepable.cache
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return x

    async def within() -> Any:
        await later(1)
        return later.audit(1)

    assert asyncio.run(within())
    assert later.audit(1)


def test_a_parameter_that_has_the_name_of_an_option() -> None:
    """Where it is not clear which is meant, it is an error that says so."""

    @sweepable.cache
    def solve(rtol: float = 1e-3) -> float:
        return rtol

    solve()
    assert solve.audit()
    with pytest.raises(sweepable.ArgumentError, match="an option of audit"):
        solve.audit(rtol=1e-6)


def test_functions_out_of_sight_are_named_on_any_python(run_script: RunScript) -> None:
    """On request they are traced where the interpreter cannot tell at no cost; from then on hits look at them."""
    lab = """
        import importlib
        import sweepable

        @sweepable.cache(audit=False)
        def f(x):
            return importlib.import_module("gulp"[::-1]).pick(x)
    """
    script = """
        import sys
        import lab
        print(lab.f(2))
        print(lab.f.audit(2) if sys.argv[1:] else "")
    """
    plug = "def pick(x):\n    return 10 * x\n"
    first = run_script(script, files={"lab.py": lab, "plug.py": plug}, arguments=("audit",)).stdout
    assert "f(x=2): as stored" in first and "f ran pick (plug.py:1)" in first
    assert run_script(script).stdout.split() == ["20"]
    found = run_script(script, files={"plug.py": plug.replace("10", "30")})
    assert found.stdout.split() == ["60"]
    assert "pick of plug has changed" in found.stderr


def test_profilers_of_others_go_on(tmp_path: Path) -> None:
    """Tracing functions for an audit gives the place back to whoever had it."""
    seen: list[str] = []

    def profiler(frame: Any, event: str, argument: Any) -> None:
        seen.append(event)

    function = stored(1.0)
    sys.setprofile(profiler)
    try:
        function.audit()
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert threading.getprofile() is None


# -- a sample


def squares() -> Any:
    @sweepable.cache(area=float)
    def square(side: float, name: str = "a") -> float:
        return side * side

    square.sweep(side=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], progress=False)
    return square


def test_a_sample_of_a_query_or_sweep_is_run_again() -> None:
    """At least one call; the same seed takes the same; the report says how many of how many."""
    square = squares()
    report = sweepable.audit(square.select())
    assert report and len(report) == 1
    assert repr(report) == "1 of 1 calls as stored, a sample of 10"
    half = [sweepable.audit(square.filter(side__lte=8), fraction=0.5, seed=seed) for seed in (1, 1, 2)]
    chosen = [[found.key for found in report.comparisons] for report in half]
    assert len(chosen[0]) == 4 and chosen[0] == chosen[1] != chosen[2]
    assert len(sweepable.audit(square.sweep(side=[1.0, 2.0], progress=False), fraction=1.0)) == 2


def test_calls_that_do_not_hold_are_listed(run_script: RunScript) -> None:
    """Results of older code are compared with what the code returns now."""
    lab = """
        import sweepable

        @sweepable.cache(y=float)
        def f(x):
            return {"y": 2.0 * x}
    """
    script = """
        import sys
        import lab, sweepable
        if sys.argv[1:]:
            lab.f.sweep(x=[1.0, 2.0, 3.0], progress=False)
        report = sweepable.audit(lab.f.select(version="any"), fraction=1.0)
        print(bool(report), [found.differences[0].after for found in report.failing])
        print(report)
    """
    assert run_script(script, files={"lab.py": lab}, arguments=("run",)).stdout.startswith("True []")
    refactored = lab.replace("2.0 * x", "x + x")
    assert run_script(script, files={"lab.py": refactored}).stdout.startswith("True []")
    found = run_script(script, files={"lab.py": lab.replace("2.0 * x", "2.0 * x if x < 2.5 else 7.0")}).stdout
    assert found.startswith("False ['7.0']")
    assert "2 of 3 calls as stored, a sample of 3" in found
    assert "y: 6.0 -> 7.0, by at most 1 (relative 0.167)" in found


def test_calls_whose_arguments_are_not_kept_are_skipped_and_counted() -> None:
    """Large arguments are known by their digest alone; a sample of such calls holds nothing up, and proves nothing."""

    @sweepable.cache
    def total(values: Any) -> float:
        return float(values.sum())

    total(np.arange(100_000.0))
    report = sweepable.audit(total.select(), fraction=1.0)
    assert not report
    assert "skipped 1: the argument values was too large to be kept with the call" in repr(report)
    total(np.arange(3.0))
    report = sweepable.audit(total.select(), fraction=1.0)
    assert report and len(report) == 1 and len(report.skipped) == 1


def test_every_kind_of_parameter_is_given_again() -> None:
    """Positional, keyword-only, starred, ignored: the call is made as it was."""

    @sweepable.cache(ignore=["verbose"])
    def f(a: int, /, b: int = 2, *more: int, c: int = 3, verbose: bool = False, **others: int) -> int:
        return a + b + sum(more) + c + sum(others.values())

    f(1), f(1, 2, 3, 4, c=5, d=6), f(1, verbose=True)
    assert sweepable.audit(f.select(), fraction=1.0)


def test_a_process_without_the_code_says_so(run_script: RunScript) -> None:
    """Calls of a function that is not there cannot run again: the error says what to import."""
    run_script(
        """
        import sweepable

        @sweepable.cache
        def f(x=1):
            return x

        f()
        """
    )
    query = sweepable.find("f")
    with pytest.raises(sweepable.SweepableError, match="the code of its function is not in this process"):
        sweepable.audit(query)


def test_what_cannot_be_sampled_is_an_error() -> None:
    """No calls, no query, or a fraction that is none."""
    square = squares()
    with pytest.raises(sweepable.NoCallFound, match="nothing to run again"):
        sweepable.audit(square.filter(side=100.0))
    with pytest.raises(TypeError, match=r"f\.select\(\)"):
        sweepable.audit(square)
    for fraction in (0.0, 1.5, -1.0, float("nan")):
        with pytest.raises(ValueError, match="fraction"):
            sweepable.audit(square.select(), fraction=fraction)


def test_the_global_random_state_plays_no_part_in_the_sample() -> None:
    """Whatever was drawn before, the seed alone chooses; and nothing is drawn from the global state."""
    square = squares()
    random.seed(1)
    state = random.getstate()
    first = sweepable.audit(square.select(), fraction=0.3)
    assert random.getstate() == state
    random.seed(2)
    second = sweepable.audit(square.select(), fraction=0.3)
    assert [found.key for found in first.comparisons] == [found.key for found in second.comparisons]


def test_nothing_is_said_twice(tmp_path: Path) -> None:
    """What an audit on request finds is in its report, not warned of as well."""
    path = tmp_path / "data"
    path.write_text("3")
    name = str(path)

    @sweepable.cache(audit=False)
    def f() -> str:
        with open(name) as stream:
            return stream.read()

    f()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "f reads data" in repr(f.audit())
