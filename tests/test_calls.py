"""A call: what it returns, when it runs, what taints it, and what is said."""

from __future__ import annotations

import collections
import dataclasses
import functools
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import sweepable
from running import RunScript
from storing import same
from sweepable import OutputMismatch, TaintedCall
from sweepable.serving import ensure


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test hears what is said once in a process."""
    monkeypatch.setattr("sweepable.notices._said", set())


@pytest.fixture
def ran() -> list[Any]:
    """Where functions under test note their runs."""
    return []


# -- what a call returns


class Point(NamedTuple):
    x: float
    trace: Any


@dataclasses.dataclass
class Response:
    rms: float
    trace: Any


def table() -> pd.DataFrame:
    index = pd.date_range("2020-01-01", periods=3, freq="D", name="day")
    frame = pd.DataFrame({"y": [1.0, 2.0, np.nan], "kind": pd.Categorical(["a", "b", "a"])}, index=index)
    frame.attrs["units"] = "rad"
    frame.columns.name = "signals"
    return frame


VALUES: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "bool": lambda: True,
    "numpy float": lambda: np.float64(1.5),
    "numpy bool": lambda: np.bool_(True),
    "tuple": lambda: (1, 2.0, "x"),
    "tuple of one": lambda: (1,),
    "list": lambda: [1, [2.0, (3,)]],
    "dict": lambda: {"b": 1, "a": np.arange(3)},
    "dict with other keys": lambda: {1: 2, "a": 3},
    "empty": lambda: ((), [], {}),
    "empty dict": dict,
    "named tuple": lambda: Point(1.0, np.arange(3)),
    "dataclass": lambda: Response(1.0, np.arange(3)),
    "nested": lambda: {"a": {"b": [np.arange(3), (table(),)]}},
    "frame": table,
    "series": lambda: table()["y"],
    "timestamp": lambda: pd.Timestamp("2020-01-01", tz="UTC"),
    "array of no dimension": lambda: np.array(3.0),
    "Fortran order": lambda: np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "structured": lambda: np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "objects": lambda: np.array([1, "a", None], dtype=object),
    "dates": lambda: np.array(["2020-01-01"], dtype="M8[D]"),
    "large": lambda: np.arange(300_000.0).reshape(3, -1),
    "no rows": lambda: np.zeros((0, 3)),
    "default dict": lambda: collections.defaultdict(list, a=[1]),
}


def agree(a: Any, b: Any) -> bool:
    """Equal in type and content, all the way down, pandas and dataclasses included."""
    if type(a) is type(b) and isinstance(a, (pd.DataFrame, pd.Series)):
        check: Any = pd.testing.assert_frame_equal if isinstance(a, pd.DataFrame) else pd.testing.assert_series_equal
        check(a, b, check_freq=True, check_exact=True)
        return bool(a.attrs == b.attrs)
    if type(a) is type(b) and isinstance(a, Response):
        return agree(vars(a), vars(b))
    if type(a) is type(b) and isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(agree, a, b))
    if type(a) is type(b) and isinstance(a, dict):
        return list(a) == list(b) and all(map(agree, a.values(), b.values()))
    if type(a) is type(b) is np.ndarray and a.dtype.hasobject:
        return a.shape == b.shape and agree(a.tolist(), b.tolist())
    return same(a, b)


@pytest.mark.parametrize("make", VALUES.values(), ids=list(VALUES))
def test_a_hit_returns_what_the_run_returned(make: Callable[[], Any], ran: list[Any]) -> None:
    """Types, dtypes, order, names and freq are those of the value that the function returned."""

    @sweepable.cache(ignore_globals=["ran"])
    def produce() -> Any:
        ran.append(1)
        return make()

    first, second = produce(), produce()
    assert agree(make(), first) and agree(make(), second) and len(ran) == 1
    assert np.isfortran(make()) == np.isfortran(second) if isinstance(second, np.ndarray) else True


def test_another_process_returns_the_same(run_script: RunScript) -> None:
    """What one process stored, the next returns exactly, without running."""
    source = """
        import numpy as np, pandas as pd, sweepable

        @sweepable.cache
        def produce(kind):
            print("ran", kind)
            index = pd.date_range("2020-01-01", periods=3, freq="D", name="day")
            values = {"tuple": (1, np.float32(2.0)), "list": [1, (2,)],
                      "frame": pd.DataFrame({"y": [1.0, 2.0, 3.0]}, index=index), "array": np.asfortranarray(np.eye(3))}
            return values[kind]

        frame, array = produce("frame"), produce("array")
        print(produce("tuple"), type(produce("tuple")[1]).__name__, produce("list"))
        print(frame.index.freqstr, frame.index.name, frame["y"].sum(), array.flags.f_contiguous, array.dtype)
    """
    first, second = run_script(source).stdout.splitlines(), run_script(source).stdout.splitlines()
    assert sum(line.startswith("ran") for line in first) == 4
    assert second == [line for line in first if not line.startswith("ran")]


def test_wrapping_changes_no_argument() -> None:
    """The body gets the very objects that the caller gave, defaults included."""
    default = object.__new__(Gain)
    default.k = 1.0
    got: list[Any] = []

    @sweepable.cache(ignore_globals=["got"])
    def look(a: Any, b: Any = default, *args: Any, c: Any = 1, **more: Any) -> int:
        got.extend([a, b, args, c, more])
        return len(args)

    given = [np.float32(1.5), np.arange(3), (1, [2]), True]
    assert look(given[0], given[1], given[2], c=given[3], z=2, y=1) == 1
    assert got[0] is given[0] and got[1] is given[1] and got[2][0] is given[2] and got[3] is True
    assert list(got[4].items()) == [("y", 1), ("z", 2)]


class Gain:
    k: float


def test_changing_a_returned_value_never_changes_the_store() -> None:
    """Small or large, the array that a call returned is the caller's own."""

    @sweepable.cache
    def produce(n: int) -> dict[str, Any]:
        return {"y": np.zeros(n), "more": [np.zeros(n)]}

    for n in (3, 300_000):
        for _ in range(3):
            value = produce(n)
            assert value["y"].sum() == 0.0 and value["more"][0].sum() == 0.0
            value["y"][:] = 7.0
            value["more"][0][:] = 7.0
            rec = produce.get_or_run(n)
            assert rec.y.sum() == 0.0
            rec.y[:] = 9.0


def test_what_the_user_does_to_a_record_reaches_no_other_call() -> None:
    """A function given a Record, alone or in a list, sees what is stored, whatever was done to its arrays."""

    @sweepable.cache
    def source(n: int) -> dict[str, Any]:
        return {"y": np.ones(n)}

    @sweepable.cache
    def total(rec: Any, scale: float = 1.0) -> float:
        value = float(rec.y.sum()) * scale
        rec.y[:] = 100.0
        return value

    @sweepable.cache
    def totals(recs: Any, scale: float = 1.0) -> float:
        return float(sum(rec.y.sum() for rec in recs)) * scale

    rec = source.get_or_run(4)
    rec.y[:] = 50.0
    assert total(rec) == 4.0
    assert total(rec, 2.0) == 8.0
    rec.y[:] = 50.0
    assert totals([rec]) == 4.0
    rec.y[:] = 50.0
    assert totals([rec], 2.0) == 8.0


def test_one_call_has_one_key_however_it_is_written() -> None:
    """f(1), f(1, 2), f(x=1, y=2) are one call; 1, 1.0, True and np.float64(1) are four."""

    @sweepable.cache
    def f(x: Any, y: Any = 2, **more: Any) -> Any:
        return x

    keys = {f.key_of(1), f.key_of(1, 2), f.key_of(x=1, y=2), f.key_of(y=2, x=1)}
    assert len(keys) == 1
    assert f.key_of(1, a=1, b=2) == f.key_of(1, b=2, a=1)
    assert len({f.key_of(x) for x in (1, 1.0, True, np.float64(1), "1", None, (1,), [1])}) == 8


def test_a_call_that_does_not_fit_is_the_functions_own_error() -> None:
    """Missing and surplus arguments raise the TypeError that the function itself would raise, and nothing runs."""

    @sweepable.cache
    def f(x: float, *, y: float = 1.0) -> float:
        return x

    wrong: Any = f
    with pytest.raises(TypeError, match=r"f\(\) missing 1 required positional argument: 'x'"):
        wrong()
    with pytest.raises(TypeError, match=r"f\(\) takes 1 positional argument but 2 were given"):
        wrong(1.0, 2.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        wrong(1.0, z=2)


# -- declared outputs


def redeclared(**declared: Any) -> Any:
    """One function under several declarations, as edits of its decorator make it."""
    return sweepable.cache(two_numbers, name="two_numbers", **declared)


def two_numbers(a: float = 1.0, kind: str = "tuple") -> Any:
    if kind == "dict":
        return {"low": a, "high": 2 * a}
    return a, 2 * a


def test_a_changed_declaration_renames_and_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names follow the declaration as it is now: declared, changed, renamed, removed; the stored call stays."""
    key = redeclared().get_or_run().info.key
    assert redeclared().get_or_run().value == (1.0, 2.0)
    started = redeclared().get_or_run().info.started
    for declared in (dict(low=None, high=None), dict(low=float, high=float), dict(first=float, second=float), {}):
        f = redeclared(**declared)
        rec = f.get_or_run()
        assert (rec.info.key, rec.info.started) == (key, started)
        assert list(rec.outputs) == (list(declared) or ["value"])
        assert f() == (1.0, 2.0) and f.select().count() == 1
        if declared:
            assert f.filter(**{next(iter(declared)): 1.0}).count() == 1


def test_a_value_other_than_declared_raises_at_each_call_until_it_is_corrected() -> None:
    """The value is stored and carried by the error; once the declaration is right, nothing has to run again."""
    wrong = redeclared(low=float, high=str)
    for _ in range(3):
        with pytest.raises(OutputMismatch, match=r"high: declared str, returned float 2.0") as caught:
            wrong()
        assert caught.value.value == (1.0, 2.0)
        with pytest.raises(OutputMismatch):
            wrong.get_or_run()
    with pytest.raises(OutputMismatch, match=r"declared 3 outputs \(a, b, c\), returned tuple of 2"):
        redeclared(a=None, b=None, c=None)()
    right = redeclared(low=float, high=float)
    assert right.peek() is not None and right() == (1.0, 2.0)
    assert list(redeclared().peek().outputs) == ["value"]


def test_a_mismatch_leaves_no_trace_once_the_declaration_is_gone() -> None:
    """Without a declaration, a dict's keys are its outputs, though it was stored as no more than a value."""
    with pytest.raises(OutputMismatch, match="returned dict with keys 'low', 'high'"):
        redeclared(a=float, b=float, c=float)(kind="dict")
    with pytest.raises(OutputMismatch, match="returned dict with keys 'low', 'high'"):
        redeclared(low=float, b=float)(kind="dict")
    assert redeclared().peek(kind="dict").high == 2.0


def test_numbers_follow_the_numeric_tower() -> None:
    """A declared float takes 0 and np.float32, and keeps them as they are; a str is no number."""
    f = sweepable.cache(lambda x: x, outputs={"y": float}, name="identity")
    for value in (0, np.float32(0.5), 1.5, np.int8(3)):
        assert type(f(value)) is type(value) and type(f(value)) is type(value)
    with pytest.raises(OutputMismatch, match="y: declared float, returned str 'no'"):
        f("no")


# -- taint


def test_a_call_that_changes_its_argument_is_never_served(ran: list[Any]) -> None:
    """Lists, arrays, dicts and instances: the result is returned and kept, and the next call runs again."""

    @sweepable.cache(ignore_globals=["ran"])
    def consume(data: Any) -> int:
        ran.append(1)
        if isinstance(data, list):
            data.append(1)
        elif isinstance(data, np.ndarray):
            data[0] += 1.0
        elif isinstance(data, dict):
            data["seen"] = True
        else:
            data.k += 1.0
        return 1

    def gain() -> Gain:
        made = Gain()
        made.k = 1.0
        return made

    with pytest.warns(TaintedCall, match="consume changed its argument data while it ran.*never served") as said:
        for make in (lambda: [0], lambda: np.zeros(3), dict, gain):
            ran.clear()
            assert consume(make()) == consume(make()) == 1
            assert len(ran) == 2 and consume.peek(make()) is None
    assert len(said) == 1 and said[0].filename == __file__
    assert {rec.info.status for rec in consume.select(version="any").filter()} <= {"tainted"}


def test_a_cached_property_of_an_argument_is_no_change() -> None:
    """An instance that keeps what it has computed from itself is what it was."""

    class Plant:
        def __init__(self, a: float) -> None:
            self.a = a

        @functools.cached_property
        def poles(self) -> float:
            return self.a**2

        @sweepable.cache
        def respond(self, gain: float) -> float:
            return self.poles * gain

    assert Plant(2.0).respond(3.0) == 12.0
    stored = Plant(2.0).respond.peek(3.0)
    assert stored is not None and stored.value == 12.0


STATE = {"k": 1.0}
LOG: list[float] = []


def test_a_call_that_changes_a_global_it_depends_on_is_never_served(ran: list[Any]) -> None:
    """The warning names the global and the way out; the global itself goes on as the user wrote it."""

    @sweepable.cache(ignore_globals=["ran"])
    def count(x: float) -> float:
        ran.append(1)
        STATE["k"] += 1.0
        return STATE["k"] * x

    before = STATE["k"]
    with pytest.warns(TaintedCall, match=r"the value of STATE .*changed while it ran .*ignore_globals") as said:
        results = [count(1.0) for _ in range(3)]
    assert results == [before + 1, before + 2, before + 3] and len(ran) == 3
    assert said[0].filename == __file__


def test_a_global_that_comes_back_equal_is_no_change(ran: list[Any]) -> None:
    """What counts is the content: set and restored, or replaced by an equal object."""

    @sweepable.cache(ignore_globals=["ran"])
    def borrow(x: float) -> float:
        ran.append(1)
        LOG.append(x)
        value = sum(LOG)
        LOG.pop()
        return value

    assert (borrow(2.0), borrow(2.0), len(ran)) == (2.0, 2.0, 1)


def test_what_came_from_a_tainted_call_is_not_served_either(ran: list[Any]) -> None:
    """A result whose key does not certainly stand for it makes none that is certain."""

    @sweepable.cache(ignore_globals=["ran"])
    def upstream(x: float) -> float:
        ran.append("upstream")
        STATE["k"] += 1.0
        return x

    @sweepable.cache(ignore_globals=["ran"])
    def below(rec: Any = upstream) -> float:
        ran.append("below")
        return float(rec.value)

    with (
        pytest.warns(TaintedCall, match="below was given the result of an upstream call that is tainted"),
        pytest.warns(TaintedCall, match="upstream depends on the value of STATE"),
    ):
        below(upstream.partial(x=1.0))
    assert below.select().count() == 0


def test_recursion_keeps_taint_apart() -> None:
    """A recursive function stores every depth; only the calls that change something are tainted."""
    seen: list[int] = []

    @sweepable.cache(ignore_globals=["seen"])
    def depth(n: int, log: list[int] | None = None) -> int:
        seen.append(n)
        if log is not None:
            log.append(n)
        return 0 if n == 0 else 1 + depth(n - 1)

    with pytest.warns(TaintedCall, match="its argument log"):
        assert depth(3, []) == 3
    assert seen == [3, 2, 1, 0]
    assert depth(2) == 2 and seen == [3, 2, 1, 0]


# -- when a call runs


def test_recursion_and_mutual_recursion(ran: list[Any]) -> None:
    """Each depth runs once, and is found as what is upstream of the next."""

    @sweepable.cache(ignore_globals=["ran"])
    def fib(n: int) -> int:
        ran.append(n)
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(20) == 6765 and len(ran) == 21
    assert {rec.n for rec in fib.get(n=5).upstream.fib} == {3, 4}

    @sweepable.cache
    def even(n: int) -> bool:
        return n == 0 or odd(n - 1)

    @sweepable.cache
    def odd(n: int) -> bool:
        return n != 0 and even(n - 1)

    assert even(10) is True and odd(10) is False


def test_a_first_call_asks_the_index_no_more_than_it_has_to() -> None:
    """A first call of plain values is one look, one more with its key held, and one transaction that adds two rows."""

    @sweepable.cache
    def three(a: float, b: float, c: int) -> tuple[float, float, float]:
        return a + b, a * b, a - c

    assert three(0.0, 2.0, 3) == (2.0, 0.0, -3.0)
    statements: list[str] = []
    connection = three.get_or_run(0.0, 2.0, 3)._store.connection()
    connection.set_trace_callback(statements.append)
    assert three(1.0, 2.0, 3) == (3.0, 2.0, -2.0)
    connection.set_trace_callback(None)
    words = [statement.split()[0] for statement in statements]
    assert words == ["SELECT", "SELECT", "BEGIN", "SELECT", "PRAGMA", "INSERT", "INSERT", "COMMIT"]


def test_threads_run_a_missing_call_once(ran: list[Any]) -> None:
    """Sixteen threads that ask for one call at once: one runs it, all get its value."""
    together = threading.Barrier(16)

    @sweepable.cache(ignore_globals=["ran"])
    def slow(x: float) -> float:
        ran.append(x)
        time.sleep(0.2)
        return 2 * x

    def ask(_: int) -> float:
        together.wait()
        return slow(3.0)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [6.0] * 16
    assert ran == [3.0]


def test_processes_run_a_missing_call_once(run_script: RunScript, tmp_path: Path) -> None:
    """Eight processes that ask for one call at once: one runs it, all get its value."""
    source = """
        import multiprocessing, os, sys, time
        import sweepable

        @sweepable.cache
        def slow(x):
            with open(sys.argv[1], "a") as log:
                log.write("ran\\n")
            time.sleep(0.5)
            return 2 * x

        def ask(x, barrier, answers):
            barrier.wait()
            answers.put(slow(x))

        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            barrier, answers = context.Barrier(8), context.Queue()
            asking = [context.Process(target=ask, args=(3.0, barrier, answers)) for _ in range(8)]
            for process in asking:
                process.start()
            print([answers.get() for _ in asking])
            for process in asking:
                process.join()
    """
    done = run_script(source, arguments=(str(tmp_path / "log"),))
    assert done.stdout.strip() == str([6.0] * 8)
    assert (tmp_path / "log").read_text().splitlines() == ["ran"]


def test_a_killed_run_leaves_the_call_free(run_script: RunScript) -> None:
    """When the process that runs a call is killed, the next one runs it without waiting."""
    source = """
        import os, signal, sys
        import sweepable

        @sweepable.cache(ignore_globals=["sys"])
        def risky(x):
            if "die" in sys.argv:
                os.kill(os.getpid(), signal.SIGKILL)
            return 2 * x

        print(risky(2.0))
    """
    assert run_script(source, arguments=("die",), check=False).returncode == -9
    assert run_script(source, timeout=30).stdout.strip() == "4.0"


def test_ensure_says_whether_it_ran(ran: list[Any]) -> None:
    """What sweeps are built on: a stored call is not loaded, let alone run."""

    @sweepable.cache(ignore_globals=["ran"])
    def f(x: float) -> float:
        ran.append(x)
        return x

    call = f._call((1.0,), {})
    assert (ensure(call), ensure(call), ran) == ((True, "done"), (False, "done"), [1.0])


def test_a_missing_blob_is_computed_again(store_path: Path, ran: list[Any]) -> None:
    """A result whose file is gone is no result: the call runs, and is whole again."""

    @sweepable.cache(ignore_globals=["ran"])
    def produce(n: int) -> Any:
        ran.append(n)
        return np.arange(n)

    produce(10_000)
    rec = produce.get_or_run(10_000)
    (blob,) = store_path.glob("blobs/*/*.npy")
    blob.unlink()
    with pytest.warns(sweepable.DamagedData):
        assert produce(10_000).sum() == 49_995_000
    assert ran == [10_000, 10_000] and rec.value[-1] == 9_999
    assert produce(10_000).sum() == 49_995_000 and len(ran) == 2


# -- what is said


def test_results_under_older_code_are_counted_once(run_script: RunScript) -> None:
    """The first miss under changed code says how many results are not used; going back says nothing."""
    source = """
        import warnings
        import sweepable

        @sweepable.cache
        def simulate(gain):
            return {factor} * gain

        warnings.simplefilter("always")
        print(simulate(1.0), simulate(2.0), simulate.peek(1.0) is not None)
    """
    first = run_script(source.replace("{factor}", "1"))
    second = run_script(source.replace("{factor}", "2"))
    third = run_script(source.replace("{factor}", "2").replace("simulate(1.0)", "simulate(5.0)"))
    back = run_script(source.replace("{factor}", "1"))
    assert "StaleResults" not in first.stderr + third.stderr + back.stderr
    assert second.stderr.count("StaleResults") == 1
    assert "script.py:10: StaleResults: simulate: 2 stored results are of older code" in second.stderr
    assert "simulate.explain()" in second.stderr
    assert (second.stdout.split()[0], back.stdout.split()[0]) == ("2.0", "1.0")


def test_siblings_of_a_factory_are_not_older_code() -> None:
    """Closures that differ in what they hold are two functions of one name, and nobody is warned of it."""

    def make(k: float) -> Any:
        @sweepable.cache
        def scale(x: float) -> float:
            return k * x

        return scale

    first, second = make(2.0), make(3.0)
    assert (first(1.0), second(1.0), first(1.0)) == (2.0, 3.0, 2.0)


def test_functions_without_source_are_cached_in_silence() -> None:
    """Made by ``exec`` or typed at a prompt, a function counts by its byte code; that is left to `explain`."""
    namespace: dict[str, Any] = {"__name__": "prompt"}
    exec("def f(x): return 2 * x", namespace)
    f = sweepable.cache(namespace["f"])
    assert (f(2.0), f(2.0)) == (4.0, 4.0) and "byte code" in repr(f.explain(2.0))


def test_a_warning_points_at_the_users_line() -> None:
    """Not at sweepable's own files, however deep the warning was found."""

    @sweepable.cache
    def consume(data: list[int]) -> int:
        data.append(1)
        return 1

    calls: list[Callable[[], Any]] = [
        lambda: consume([1]),
        lambda: consume.get_or_run([2]),
        lambda: consume.partial(data=[3])(),
    ]
    for call in calls:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            call()
        assert {warning.filename for warning in said} <= {__file__}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        sweepable.cache(two_numbers, name=f"n{random.random()}")()
    assert not said and sys.getrefcount(consume) > 0


def test_a_pin_does_not_make_two_functions_one(run_script: RunScript) -> None:
    """Functions of one name in two modules, or made by one factory, stay apart under the same pinned version."""
    module = """
    import sweepable

    @sweepable.cache(version="1")
    def scale(x):
        return {factor} * x
    """
    source = """
        import here, there, sweepable

        def make(n):
            @sweepable.cache(version="1")
            def scale(x):
                return n * x
            return scale

        print(here.scale(2), there.scale(2), make(5)(2), make(7)(2))
        if __name__ == "__main__":
            print([rec.value for rec in there.scale.sweep(x=[1, 2], n_jobs=2, progress=False)])
            print([rec.value for rec in make(5).sweep(x=[1, 2], n_jobs=2, progress=False)])
    """
    files = {"here.py": module.format(factor=2), "there.py": module.format(factor=100)}
    for _ in range(2):
        done = run_script(source, files=files)
        assert done.stdout.splitlines() == ["4 200 10 14", "[100, 200]", "[5, 10]"]


def test_a_query_in_a_body_is_no_dependency_and_that_is_said(ran: list[Any]) -> None:
    """What a function computes from a query that it makes itself depends on the store, so it is never served."""

    @sweepable.cache
    def square(x: float) -> float:
        return x * x

    @sweepable.cache(ignore_globals=["ran"])
    def total() -> float:
        ran.append(1)
        return sum(rec.value for rec in square.select())

    @sweepable.cache(ignore_globals=["ran"])
    def total_of(runs: Any) -> float:
        ran.append(2)
        return sum(rec.value for rec in runs)

    square(2.0)
    with pytest.warns(TaintedCall, match="asked the store for calls of .*square"):
        assert total() == 4.0
    assert total_of(square.select()) == 4.0
    square(3.0)
    assert total() == 13.0 and total_of(square.select()) == 13.0
    assert total_of(square.select()) == 13.0 and ran == [1, 2, 1, 2]


WAYS_TO_LOOK = {
    "peek": lambda f: None if (record := f.peek(5)) is None else record.value,
    "explain": lambda f: f.explain(5).hit,
    "get_or_none": lambda f: f.get_or_none(n=5) is None,
    "versions": lambda f: len(f.versions()),
    "migrations": lambda f: f.migrations(),
}


@pytest.mark.parametrize("look", WAYS_TO_LOOK.values(), ids=WAYS_TO_LOOK)
def test_a_body_that_looks_whether_a_call_is_stored_is_never_served(look: Callable[[Any], Any]) -> None:
    """Whichever way it looks: what it finds is another thing as soon as the call has run."""

    @sweepable.cache
    def calibrate(n: int) -> int:
        return n * n

    @sweepable.cache
    def report() -> Any:
        return look(calibrate)

    with pytest.warns(TaintedCall, match="asked the store for calls of .*calibrate"):
        report()
    calibrate(5)
    assert report() == look(calibrate)


def test_a_record_in_a_global_is_read_anew(ran: list[Any]) -> None:
    """What somebody did to an array of a Record that code reaches by itself does not reach the run."""

    @sweepable.cache
    def reference() -> dict[str, np.ndarray[Any, Any]]:
        return {"y": np.ones(3)}

    held = reference.get_or_run()

    @sweepable.cache
    def total(scale: float = 1.0) -> float:
        return float(scale * held.y.sum())

    held.y[:] = 0.0
    assert total() == 3.0
    held.y[:] = 0.0
    assert total(2.0) == 6.0
