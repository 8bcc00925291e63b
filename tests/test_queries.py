"""Queries: lazy, chainable, read anew each time; and whose code counts in them."""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import sqlite3
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript
from sweepable import AmbiguousName, NoCallFound, Query, SeveralCallsFound, StaleResults, UnknownName


@sweepable.cache
def reference(amplitude: float = 1.0) -> dict[str, Any]:
    return {"peak": amplitude}


@sweepable.cache(last=float)
def simulate(ref: Any = reference, gain: float = 2.0, damping: float = 0.1) -> float:
    return float(ref.peak * gain - damping)


def made(source: str, name: str, **given: Any) -> Any:
    """The function of a source text, as a module or a notebook cell would hold it."""
    namespace: dict[str, Any] = {"sweepable": sweepable, "__name__": "lab", **given}
    exec(source, namespace)
    return namespace[name]


# -- lazy and chainable


def test_a_query_is_read_when_it_is_used_and_anew_each_time() -> None:
    """A query made before the calls sees them; it can be iterated again."""
    query = simulate.filter(gain__gte=2.0).order_by("-gain")
    assert not query and len(query) == 0
    simulate.sweep(gain=[1.0, 2.0, 3.0], progress=False)
    assert [rec.gain for rec in query] == [rec.gain for rec in query] == [3.0, 2.0]
    simulate.get_or_run(gain=7.0)
    assert query.first().gain == 7.0 and query.last().gain == 2.0 and query[1].gain == 3.0
    assert [rec.gain for rec in query[1:]] == [3.0, 2.0] and query[-1].gain == 2.0
    with pytest.raises(IndexError, match="has 3 calls, there is no number 5"):
        query[5]


def test_narrowing_combines() -> None:
    """``filter`` narrows, ``exclude`` takes away what matches all of it; the query itself does not change."""
    simulate.sweep(gain=[1.0, 2.0, 3.0], damping=[0.1, 0.2], progress=False)
    everything = simulate.select()
    assert everything.filter(gain__gt=1).filter(damping=0.1).count() == 2
    assert everything.exclude(gain=1.0, damping=0.1).count() == 5
    assert everything.exclude(gain=1.0).exclude(damping=0.1).count() == 2
    assert everything.filter(gain=1.0).exclude(damping=0.1).get().damping == 0.2
    assert everything.filter().count() == everything.count() == 6


def test_what_follows_a_limit_applies_to_what_it_left() -> None:
    """The first three are taken, and then those narrowed or ordered."""
    simulate.sweep(gain=[1.0, 2.0, 3.0, 4.0], progress=False)
    three = simulate.select().order_by("-gain").limit(3)
    assert [rec.gain for rec in three.filter(gain__lt=4)] == [3.0, 2.0]
    assert [rec.gain for rec in three.order_by("gain")] == [2.0, 3.0, 4.0]
    assert [rec.gain for rec in three.limit(5).limit(2)] == [4.0, 3.0] and three.limit(0).count() == 0
    assert three.order_by("gain").limit(1).get().gain == 2.0
    runs = simulate.sweep(gain=[3.0, 1.0, 2.0], progress=False)
    assert [rec.gain for rec in runs.limit(2).filter(gain__gt=0)] == [3.0, 1.0]
    with pytest.raises(ValueError, match="limit needs a number"):
        three.limit(-1)


def test_missing_values_sort_last_whichever_the_direction() -> None:
    """None and NaN come after everything else, ascending and descending."""

    @sweepable.cache(y=None)
    def echo(x: int, value: Any) -> Any:
        return value

    for number, value in enumerate([2.0, None, 1, float("nan"), 3]):
        echo(number, value)
    assert [rec.x for rec in echo.select().order_by("y")] == [2, 0, 4, 1, 3]
    assert [rec.x for rec in echo.select().order_by("-y")] == [4, 0, 2, 1, 3]


def test_a_sweep_is_a_query_in_the_order_of_its_space() -> None:
    """Narrowing keeps that order; ``filter(**axes)`` finds the same records."""
    axes: dict[str, Any] = {"gain": np.array([3.0, 1.0]), "damping": [0.2, 0.1], "ref__amplitude": range(1, 3)}
    runs = simulate.sweep(**axes, progress=False)
    simulate.get_or_run(gain=99.0)
    assert [rec.gain for rec in runs.filter(damping=0.1, amplitude=2.0)] == [3.0, 1.0]
    assert {rec.info.key for rec in simulate.filter(**axes)} == {rec.info.key for rec in runs} and len(runs) == 8


def test_get_finds_one_or_says_why_not() -> None:
    """None and several are errors; the parameters in which those differ are named, own and upstream."""
    simulate.sweep(gain=[1.0, 2.0], amplitude=[1.0, 2.0], progress=False)
    assert simulate.get(gain=1.0, amplitude=2.0).last == 1.9
    with pytest.raises(SeveralCallsFound, match=r"2 calls of simulate with gain=1.0; they differ in ref__amplitude$"):
        simulate.get(gain=1.0)
    with pytest.raises(SeveralCallsFound, match="4 calls of simulate at all; they differ in gain, ref__amplitude"):
        simulate.get()
    with pytest.raises(NoCallFound, match=r"no stored call of simulate with gain=9.0"):
        simulate.get(gain=9.0)
    assert simulate.get_or_none(gain=9.0) is None
    with pytest.raises(SeveralCallsFound):
        simulate.get_or_none(gain=1.0)


def test_calls_that_differ_in_an_array_are_told_apart() -> None:
    """The error names the parameter, though a table shows both arrays alike."""

    @sweepable.cache(y=float)
    def total(data: Any, scale: float = 1.0) -> float:
        return float(data.sum())

    total(np.arange(3)), total(np.arange(3) + 1)
    with pytest.raises(SeveralCallsFound, match=r"they differ in data$"):
        total.get()


def test_get_by_id_takes_the_first_digits() -> None:
    """As many as make it one; whatever the code."""
    rec = simulate.get_or_run()
    assert simulate.get_by_id(rec.info.key) == rec == simulate.get_by_id(rec.info.key[:12])
    with pytest.raises(NoCallFound):
        simulate.get_by_id("0" * 64)


def test_a_query_travels_as_what_it_found() -> None:
    """Pickled, it is the same calls in the same order; an empty one stays empty."""
    simulate.sweep(gain=[1.0, 2.0, 3.0], progress=False)
    query = simulate.filter(gain__gt=1).order_by("-gain")
    copy = pickle.loads(pickle.dumps(query))
    assert isinstance(copy, Query) and [rec.gain for rec in copy] == [3.0, 2.0]
    assert copy.to_df().equals(query.to_df()) and copy.filter(gain=3.0).count() == 1
    assert list(pickle.loads(pickle.dumps(simulate.filter(gain=77.0)))) == []
    assert list(pickle.loads(pickle.dumps(reference.filter(amplitude=77.0)))) == []


def write_calls(path: str, ready: Any, stop: Any) -> None:
    with sweepable.use(path):
        number = 0
        while not stop.is_set() and number < 2000:
            reference(amplitude=1000.0 + number)
            number += 1
            ready.set()


def test_reading_goes_on_while_another_process_writes(store_path: Path) -> None:
    """Each reading is whole and in order, and never shows a call twice."""
    reference.sweep(amplitude=[float(n) for n in range(200)], progress=False)
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    process = context.Process(target=write_calls, args=(str(store_path), ready, stop))
    process.start()
    try:
        assert ready.wait(60)
        for _ in range(5):
            found = [rec.amplitude for rec in reference.select()]
            assert found[:200] == [float(n) for n in range(200)]
            assert found[200:] == [1000.0 + n for n in range(len(found) - 200)]
            frame = reference.select().to_df()
            assert frame["amplitude"].tolist() == frame["peak"].tolist()
    finally:
        stop.set()
        process.join(60)
    assert process.exitcode == 0


def test_many_records_are_read_a_batch_at_a_time(store_path: Path) -> None:
    """Iterating reads a batch per statement and holds no more; counting reads none."""
    runs = reference.sweep(amplitude=[float(n) for n in range(1200)], progress=False)
    statements: list[str] = []
    connection = runs._source.store.connection()
    connection.set_trace_callback(statements.append)
    try:
        assert sum(1 for _ in reference.select()) == 1200
        read = [text for text in statements if "check_digest" in text and "json_each" in text]
        assert len(read) == 3
        statements.clear()
        assert reference.select().count() == 1200 and len(runs) == 1200
        assert not any("check_digest" in text for text in statements)
    finally:
        connection.set_trace_callback(None)


def test_upstream_look_ups_walk_by_index(store_path: Path) -> None:
    """No table is scanned once per call: the function's own is at most once, each step upstream is a search by key."""
    simulate.sweep(gain=[1.0, 2.0], amplitude=[1.0, 2.0], progress=False)
    plan = simulate.filter(ref__amplitude=2.0).order_by("ref__peak")._plan()
    text = plan._statement.sql()
    rows = plan.store.connection().execute(f"EXPLAIN QUERY PLAN {text}", plan._statement.values).fetchall()
    below = {id: parent for id, parent, _, _ in rows}
    steps = {id: step for id, _, _, step in rows}
    scanned = [id for id, step in steps.items() if step.startswith("SCAN")]
    assert any("t.ref" in step for step in steps.values()), steps
    # Within a search of another table: that would be once per row of it.
    assert not [id for id in scanned if steps.get(below[id], "").startswith(("SEARCH", "CORRELATED"))], steps


# -- whose code counts


V1 = "@sweepable.cache\ndef up(x=1.0):\n    return {'peak': x}"
V2 = "@sweepable.cache\ndef up(x=1.0):\n    return {'peak': x * 10}"
DOWN = "@sweepable.cache\ndef down(u=up, gain=1.0):\n    return {'y': u.peak * gain}"
NESTED = "@sweepable.cache\ndef down(x=1.0, gain=1.0):\n    return {'y': up(x)['peak'] * gain}"


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    """exec'd sources count by their byte code, which is said at each first run; it is not what is tested here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sweepable.UntrackedCode)
        yield


def values(query: Query) -> list[float]:
    return [rec.y for rec in query]


def test_a_query_sees_the_code_as_it_is_now_and_says_once_what_it_leaves_out() -> None:
    """A → B → A: each state sees its own; ``version="any"`` sees all, in ``select`` and in ``filter``."""
    a = made("@sweepable.cache\ndef f(x=1.0):\n    return {'y': x}", "f")
    a.sweep(x=[1.0, 2.0], progress=False)
    b = made("@sweepable.cache\ndef f(x=1.0):\n    return {'y': -x}", "f")
    with pytest.warns(StaleResults, match=r"f: 2 stored results of older code.*left out; f.select\(version=\"any\"\)"):
        assert values(b.select()) == []
    assert values(b.filter(x=1.0)) == []  # said once
    with pytest.warns(StaleResults):
        b.get_or_run(x=1.0)
    assert values(b.select()) == [-1.0]
    again = made("@sweepable.cache\ndef f(x=1.0):\n    return {'y': x}", "f")
    with pytest.warns(StaleResults, match="1 stored result of older code"):
        assert values(again.select()) == [1.0, 2.0]
    assert again.filter(x=1.0).count() == 1
    assert values(again.select(version="any")) == values(again.filter(version="any")) == [1.0, 2.0, -1.0]
    assert values(again.filter(version="any", x=1.0)) == [1.0, -1.0]
    assert again.get(version="any", y=-1.0).x == 1.0


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
@pytest.mark.parametrize("below", [DOWN, NESTED], ids=["as a default", "nested"])
def test_an_edit_upstream_alone_hides_what_came_from_the_old_code(below: str) -> None:
    """The function itself is unchanged; its calls count when everything upstream is as it is now."""
    up = made(V1, "up")
    down = made(below, "down", up=up)
    down.sweep(x=[1.0, 2.0], progress=False)
    up = made(V2, "up")
    down = made(below, "down", up=up)
    assert values(down.select()) == []
    down.get_or_run(x=2.0)
    assert values(down.select()) == [20.0] and sorted(values(down.filter(version="any"))) == [1.0, 2.0, 20.0]
    up = made(V1, "up")
    down = made(below, "down", up=up)
    assert sorted(values(down.select())) == [1.0, 2.0]


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
def test_a_default_counts_as_the_object_that_it_is() -> None:
    """A notebook cell was run again with an edit; what holds the old object as its default still means that one."""
    up = made(V1, "up")
    down = made(DOWN, "down", up=up)
    down.get_or_run(u__x=3.0)
    redefined = made(V2, "up")
    redefined(7.0)
    assert values(down.select()) == [3.0]
    assert [rec.peak for rec in redefined.select()] == [70.0] and [rec.peak for rec in up.select()] == [3.0]
    assert values(made(DOWN, "down", up=redefined).select()) == []


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
def test_names_are_those_of_the_code_that_counts() -> None:
    """A parameter that only older code had neither shadows one upstream nor makes a name ambiguous, nor a column."""
    up = made(V1, "up")
    old = "@sweepable.cache\ndef down(gain=1.0, x=5.0, old=1):\n    return {'y': x, 'gone': 1.0}"
    made(old, "down")(old=2)
    down = made(DOWN, "down", up=up)
    down.get_or_run(u__x=3.0)
    assert values(down.filter(x=3.0)) == [3.0] and list(down.select().to_df()) == ["gain", "u__x", "u__peak", "y"]
    for name in ("old", "gone"):
        with pytest.raises(UnknownName):
            down.filter(**{name: 1})
    assert down.filter(version="any", old=2).count() == 1 and down.filter(version="any").count() == 2
    again = made("@sweepable.cache\ndef down(v=up, gain=1.0):\n    return {'y': v.peak}", "down", up=up)
    again.get_or_run(v__x=4.0)
    assert values(again.filter(x=4.0)) == [4.0]  # by one path, though older code had another
    assert list(again.select().to_df()) == ["gain", "v__x", "v__peak", "y"]


def test_only_what_is_upstream_is_looked_at() -> None:
    """The code of functions that have nothing to do with a query is not even hashed."""

    @sweepable.cache
    def unrelated(x: float = 1.0) -> float:
        return x

    unrelated()
    simulate.get_or_run()
    asked: list[str] = []
    original = type(unrelated.callee).version

    class Watched(type(unrelated.callee)):  # type: ignore[misc]
        def version(self) -> Any:
            asked.append(self.name)
            return original(self)

    unrelated.callee.__class__ = Watched
    assert simulate.filter(ref__amplitude=1.0).count() == 1 and asked == []
    assert unrelated.select().count() == 1 and asked


def test_a_process_without_the_code_sees_the_newest(run_script: RunScript) -> None:
    """By name, in another process: the newest version, with what it came from as it was then."""
    for factor in (1, 10):
        run_script(
            f"""
            import sweepable
            @sweepable.cache
            def up(x=1.0): return {{"peak": x * {factor}}}
            @sweepable.cache(y=float)
            def down(u=up, gain=1.0): return u.peak * gain
            down.sweep(gain=[1.0, 2.0], on_stale="ignore", progress=False)
            """
        )
    done = run_script(
        """
        import warnings, sweepable
        warnings.simplefilter("ignore")
        print(sorted(rec.y for rec in sweepable.find("down")))
        print(sorted(rec.y for rec in sweepable.find("down", version="any")))
        print(sweepable.find("down", u__x=1.0, gain__gt=1).to_df().to_dict("records"))
        try:
            sweepable.find("dwon")
        except sweepable.UnknownName as error:
            print(error)
        """,
        name="reader.py",
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["[10.0, 20.0]", "[1.0, 2.0, 10.0, 20.0]"]
    assert lines[2] == "[{'gain': 2.0, 'u__x': 1.0, 'u__peak': 10.0, 'y': 20.0}]"
    assert "has no calls of 'dwon'; did you mean 'down'" in lines[3]


def test_two_functions_of_one_name_stay_apart(run_script: RunScript) -> None:
    """Found by name they are ambiguous, with the names that tell them apart; a function's own query sees its own."""
    module = "import sweepable\n@sweepable.cache\ndef sim(x=1.0): return {'y': x * FACTOR}\nFACTOR = %d\n"
    done = run_script(
        """
        import sweepable, first, second
        first.sim(2.0), second.sim(3.0)
        print([r.y for r in first.sim.select()], [r.y for r in second.sim.select()])
        try:
            sweepable.find("sim")
        except sweepable.AmbiguousName as error:
            print(error)
        print([r.y for r in sweepable.find("second.sim")])
        """,
        files={"first.py": module % 1, "second.py": module % 100},
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "[2.0] [300.0]" and "first.sim, second.sim" in lines[1] and lines[2] == "[300.0]"


def test_find_by_name_does_not_take_another_function_of_that_name() -> None:
    """A function of this process that merely has the name of a stored one does not decide which code counts."""
    made("@sweepable.cache\ndef same(x=1.0):\n    return {'y': x}", "same", __name__="first")(2.0)
    other = made("@sweepable.cache\ndef same(x=1.0):\n    return {'y': x * 5}", "same", __name__="second")
    gc.collect()  # the first is gone, as in a process that never had it
    assert [rec.y for rec in sweepable.find("same")] == [2.0]
    assert other.select().count() == 0


def test_calls_of_two_functions_of_one_name_upstream_are_not_mixed() -> None:
    """Reaching for both by that name is an error instead of a table of one with rows of the other."""
    first = made("@sweepable.cache\ndef load(n=1):\n    return {'v': n}", "load", __name__="first")
    second = made("@sweepable.cache\ndef load(m=1):\n    return {'v': -m}", "load", __name__="second")

    @sweepable.cache(y=int)
    def both() -> int:
        return int(first(5)["v"] + second(7)["v"])

    rec = both.get_or_run()
    with pytest.raises(AmbiguousName):
        rec.load
    assert (rec.n, rec.m) == (5, 7) and both.filter(load__n=5, load__m=7).count() == 1


def test_a_store_that_is_removed_is_begun_anew(store_path: Path) -> None:
    """Nothing of what was known of it before is mistaken for what is stored now."""
    simulate.get_or_run()
    rec = reference.get_or_run(amplitude=4.0)
    with sqlite3.connect(store_path / "index.db") as connection:
        connection.execute("DELETE FROM _calls")
    connection.close()
    assert simulate.select().count() == 0 and rec.peak == 4.0
    simulate.get_or_run(amplitude=3.0)
    assert simulate.get().amplitude == 3.0


def test_a_list_that_is_meant_as_such_is_pointed_to_exact() -> None:
    """A bare list means any of its values; where that finds nothing, the error says how to mean the list."""

    @sweepable.cache
    def total(values: Any = ()) -> float:
        return float(sum(values))

    total([1, 2])
    with pytest.raises(NoCallFound, match="values__exact"):
        total.get(values=[1, 2])
    assert total.get(values__exact=[1, 2]).value == 3.0
