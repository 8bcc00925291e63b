"""What calls came from: upstream calls by role, read as they are walked."""

from __future__ import annotations

import gc
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import sweepable
from running import RunScript
from sweepable import NoCallFound
from sweepable.lineage import CallNode, calls_of
from sweepable.record import call_of, store_of


@sweepable.cache
def reference(amplitude: float = 1.0) -> dict[str, float]:
    return {"y": amplitude}


@sweepable.cache(total=float)
def simulate(ref: Any = reference, gain: float = 2.0) -> float:
    return float(ref.y * gain)


def remove(folder: Path, *keys: str) -> None:
    """Forget calls, as another tool might, beside the library."""
    with sqlite3.connect(folder / "index.db") as connection:
        connection.executemany("DELETE FROM _calls WHERE key = ?", [(key,) for key in keys])
    connection.close()


def node_of(record: Any) -> CallNode:
    return CallNode(store_of(record), call_of(record))


def test_arguments_come_before_nested_calls() -> None:
    """What was given is upstream first, then what the body called itself."""

    @sweepable.cache
    def mixed(sim: Any = simulate, scale: float = 1.0) -> float:
        return float(sim.total + reference(scale)["y"])

    steps = node_of(mixed.get_or_run(scale=5.0)).steps()
    assert [(step.role, step.name, step.function) for step in steps] == [
        ("argument", "sim", "simulate"),
        ("nested", "reference", "reference"),
    ]


def test_lineage_is_that_of_the_call_and_not_of_its_bytes() -> None:
    """Two upstream calls with equal results stay two."""

    @sweepable.cache
    def sign(x: float = 1.0) -> float:
        return 1.0 if x > 0 else -1.0

    @sweepable.cache
    def double(s: Any = sign) -> float:
        return float(2 * s.value)

    assert double.get_or_run(s__x=3.0).s.x == 3.0
    assert double.get_or_run(s__x=4.0).s.x == 4.0


def test_many_calls_are_read_in_order_and_once(store_path: Path) -> None:
    """A batch of ids gives their calls in that order; ids that are gone are left out."""
    runs = reference.sweep(amplitude=[1.0, 2.0, 3.0], progress=False)
    store = store_of(runs[0])
    ids = [call_of(record).id for record in runs]
    assert [call.id for call in calls_of(store, [ids[2], 10**6, ids[0], ids[2]])] == [ids[2], ids[0]]
    assert calls_of(store, []) == []
    remove(store_path, runs[1].info.key)
    assert [call.id for call in calls_of(store, ids)] == [ids[0], ids[2]]


def test_a_record_whose_upstream_is_gone_says_so(store_path: Path) -> None:
    """What the call itself has stays readable; reaching for the missing call is a clear error."""
    record = simulate.get_or_run(ref__amplitude=3.0)
    remove(store_path, record.ref.info.key)
    again = simulate.get_by_id(record.info.key)
    assert again.total == 6.0 and again.gain == 2.0
    with pytest.raises(NoCallFound, match="the upstream call given as ref is no longer in the store"):
        again.ref
    assert list(again.upstream) == []
    assert "total" in dir(again) and "ref" in dir(again)
    assert simulate.filter(gain=2.0).to_df()["total"].tolist() == [6.0]


def test_a_damaged_row_among_many_is_put_aside(store_path: Path) -> None:
    """One damaged row costs that call, with a warning, and not the iteration over the others."""
    runs = reference.sweep(amplitude=[1.0, 2.0, 3.0], progress=False)
    with sqlite3.connect(store_path / "index.db") as connection:
        connection.execute("UPDATE _calls SET result = x'00' WHERE key = ?", (runs[1].info.key,))
    connection.close()
    with pytest.warns(sweepable.DamagedData):
        assert [record.amplitude for record in reference.select()] == [1.0, 3.0]


def test_lineage_is_read_in_another_process(run_script: RunScript) -> None:
    """A Record found by name, where the code is not, still leads to all that it came from."""
    run_script(
        """
        import sweepable
        @sweepable.cache
        def a(x=1.0): return {"ax": x}
        @sweepable.cache
        def b(a_result=a, k=2): return {"bx": a_result.ax * k}
        @sweepable.cache
        def c(b_result=b): return {"cx": b_result.bx + 1}
        c.get_or_run(b_result__a_result__x=5.0)
        """
    )
    done = run_script(
        """
        import sweepable
        rec = sweepable.find("c").get(x=5.0)
        print(rec.cx, rec.b_result.bx, rec.b_result.a_result.x, rec.a.ax, rec.x, list(rec.upstream))
        """,
        name="other.py",
    )
    assert done.stdout.split() == ["11.0", "10.0", "5.0", "5.0", "5.0", "['b_result']"]


# -- many runs as one argument


@sweepable.cache
def summarise(runs: Any, scale: float = 1.0) -> dict[str, Any]:
    gains = [run.gain for run in runs]
    return {"kind": type(runs).__name__, "gains": gains, "sum": scale * sum(run.total for run in runs)}


@sweepable.cache
def count_failures(runs: Any) -> int:
    return len([run for run in runs if run.info.error])


@sweepable.cache(total=float)
def picky(ref: Any = reference, gain: float = 2.0) -> float:
    if gain > 3:
        raise ValueError("too much")
    return float(ref.y * gain)


def test_many_runs_are_reduced_to_one_call() -> None:
    """A sweep or a query is an argument by the keys of its records in order, and all of them are upstream."""
    runs = simulate.sweep(gain=[3.0, 1.0, 2.0], progress=False)
    record = summarise.get_or_run(runs)
    assert record.gains == [3.0, 1.0, 2.0] and record.sum == 6.0
    assert summarise.get_or_run(simulate.select()) == record  # they were computed in this order
    assert summarise.get_or_run(simulate.select().order_by("gain")).gains == [1.0, 2.0, 3.0]
    assert [run.gain for run in record.runs] == [3.0, 1.0, 2.0]
    assert record.runs.to_df()["total"].tolist() == [3.0, 1.0, 2.0]
    edges = {(edge.role, edge.name, edge.function) for edge in node_of(record).edges}
    assert edges == {("argument", "runs", "simulate")} and len(node_of(record).edges) == 3


def test_what_a_sweep_has_beside_its_records_is_not_seen_by_the_call_that_is_given_it() -> None:
    """Its space, its failures and its counts are in no key: the body gets the records, as a query of them."""

    @sweepable.cache
    def of_sweep(runs: Any) -> tuple[str, bool]:
        return type(runs).__name__, hasattr(runs, "failed") or hasattr(runs, "space")

    runs = picky.sweep(gain=[1.0, 2.0, 9.0], progress=False)
    assert len(runs.failed) == 1
    assert of_sweep(runs) == ("Query", False)


def test_look_ups_go_through_an_argument_of_many_runs() -> None:
    """A call is found once, however many of the runs that it was given match."""
    summarise(simulate.sweep(gain=[1.0, 2.0, 3.0, 4.0], progress=False))
    summarise(simulate.filter(gain=1.0))
    assert [len(rec.gains) for rec in summarise.filter(runs__gain__gt=2.0)] == [4]
    assert [len(rec.gains) for rec in summarise.filter(runs__gain=1.0)] == [4, 1]
    assert summarise.filter(runs__ref__amplitude=1.0).count() == 2
    assert summarise.filter(simulate__total__gt=100.0).count() == 0
    source = simulate.get(gain=2.0)
    assert [len(rec.gains) for rec in source.downstream(summarise)] == [4]
    assert [len(rec.gains) for rec in reference.get().downstream("summarise", sum__lt=5.0)] == [1]


def test_no_runs_and_failed_runs_can_be_an_argument() -> None:
    """An empty query is an argument as any other; so is one of calls that raised."""
    runs = picky.sweep(gain=[1.0, 8.0, 9.0], progress=False)
    empty = count_failures.get_or_run(picky.filter(gain=77.0))
    assert empty.value == 0 and list(empty.runs) == [] and empty.runs.to_df().empty
    failed = count_failures.get_or_run(runs.failed)
    assert failed.value == 2 and [run.info.error for run in failed.runs] == ["ValueError: too much"] * 2
    assert failed.runs.to_df()["gain"].tolist() == [8.0, 9.0]
    assert count_failures.get_or_run(picky.filter(info__status="failed")) == failed


def test_a_query_is_an_axis_unless_it_is_fixed() -> None:
    """In a sweep a query means one call for each of its records; ``fixed`` means it as a whole."""

    @sweepable.cache
    def scaled(run: Any, scale: float = 1.0) -> float:
        return float(run.total * scale) if isinstance(run, sweepable.Record) else float(len(run) * scale)

    runs = simulate.sweep(gain=[1.0, 2.0], progress=False)
    assert [rec.value for rec in scaled.sweep(run=runs, scale=[1.0, 10.0], progress=False)] == [1.0, 10.0, 2.0, 20.0]
    whole = scaled.sweep(run=sweepable.fixed(runs), scale=[1.0, 10.0], progress=False)
    assert [rec.value for rec in whole] == [2.0, 20.0]


def test_thousands_of_runs_are_kept_whole_and_in_order(run_script: RunScript) -> None:
    """However many they are, the runs come back in the order in which they were given, in any process."""
    script = """
        import sweepable
        @sweepable.cache
        def run(gain): return gain
        @sweepable.cache
        def last(runs): return [run.gain for run in runs][-1]
        if __name__ == "__main__":
            runs = run.sweep(gain=range(3000), progress=False)
            print(last(run.select().order_by("-gain")), last(runs))
    """
    assert run_script(script).stdout.split() == ["0", "2999"]
    done = run_script(
        """
        import sweepable
        for rec in sweepable.find("last"):
            gains = [run.gain for run in rec.runs]
            print(len(gains), gains[0], gains[-1], rec.runs.to_df()["gain"].is_monotonic_decreasing)
        """,
        name="other.py",
    )
    assert done.stdout.split() == ["3000", "2999", "0", "True", "3000", "0", "2999", "False"]


def test_edges_of_many_runs_are_written_by_few_statements() -> None:
    """Storing a call with many upstream calls takes as many statements as one with few."""

    def statements(runs: Any) -> int:
        found: list[str] = []
        connection = store_of(simulate.get_or_run(gain=0.0)).connection()
        # Where a function of another test is collected amid it, what is known of functions is read again.
        gc.collect()
        gc.disable()
        try:
            runs.count()
            connection.set_trace_callback(found.append)
            summarise(runs, 3.0)
        finally:
            connection.set_trace_callback(None)
            gc.enable()
        return len([text for text in found if not text.startswith("INSERT OR IGNORE INTO _lineage")])

    many = simulate.sweep(gain=[float(n) for n in range(300)], progress=False)
    statements(simulate.filter(gain=1.0))
    assert statements(many) <= statements(simulate.filter(gain__lt=3.0)) + 3


def test_runs_that_are_gone_are_told_of(store_path: Path) -> None:
    """A query that was given is read as what is left of it, with a warning that says how many are not."""
    runs = simulate.sweep(gain=[1.0, 2.0, 3.0], progress=False)
    record = summarise.get_or_run(runs)
    remove(store_path, runs[0].info.key)
    again = summarise.get_by_id(record.info.key)
    with pytest.warns(sweepable.SweepableWarning, match="summarise: runs: of 3 calls of simulate, 1 is no longer"):
        assert [run.gain for run in again.runs] == [2.0, 3.0]
    assert again.sum == 6.0 and summarise.select().to_df()["sum"].tolist() == [6.0]


# -- find


def test_find_by_a_record_means_its_function_and_its_store(tmp_path: Path) -> None:
    """Of two functions that share a name, and of several stores, those of the Record."""
    simulate.get_or_run(gain=5.0)
    with sweepable.use(tmp_path / "other"):
        records = [simulate.get_or_run(gain=gain) for gain in (1.0, 2.0)]
        namespace: dict[str, Any] = {"sweepable": sweepable, "__name__": "elsewhere"}
        exec("@sweepable.cache\ndef simulate(gain=2.0):\n    return -gain\n", namespace)
        other = namespace["simulate"].get_or_run()
    assert [rec.total for rec in sweepable.find(records[0])] == [1.0, 2.0]
    assert sweepable.find(records[0], gain=2.0).get() == records[1]
    assert [rec.value for rec in sweepable.find(other)] == [-2.0]
    with pytest.raises(TypeError, match="a cached function, its name or a Record, got 3"):
        sweepable.find(3)  # type: ignore[arg-type]


def test_everything_is_read_where_only_the_store_is(run_script: RunScript) -> None:
    """Without the code: look-ups, upstream, downstream, tables and lineage; a class that is not there is named."""
    make = """
        import numpy as np, sweepable
        class Mesh:
            def __init__(self, n): self.n = n
        @sweepable.cache
        def reference(amplitude=1.0): return {"ref_y": np.arange(3) * amplitude}
        @sweepable.cache(total=float)
        def sim(ref=reference, gain=2.0): return float(ref.ref_y.sum() * gain)
        @sweepable.cache
        def build(sim_result=sim, n=4): return {"mesh": Mesh(n), "count": n}
        @sweepable.cache
        def evaluate(built=build): return built.count + built.sim_result.total
    """
    run_script("import lab; lab.evaluate.sweep(gain=[1.0, 2.0], progress=False)", files={"lab.py": make})
    done = run_script(
        """
        import re, sweepable
        rec = sweepable.find("evaluate", gain=2.0).get()
        print(rec.value, rec.built.sim_result.reference.ref_y.tolist(), rec.built.count)
        try:
            rec.built.mesh
        except sweepable.DamagedError as error:
            print("Mesh" in str(error), "No module named 'lab'" in str(error))
        print(sweepable.find(rec, count=4).count(), sweepable.find(rec).to_df()["built__sim_result__gain"].tolist())
        first = sweepable.find("reference").get()
        print([r.value for r in first.downstream("evaluate", gain=1.0)])
        print([r.count for r in sweepable.find("build")])
        print(re.sub(r"  \\[.*", "", str(rec.lineage())))
        """,
        name="other.py",
        files={"lab.py": "raise ImportError(\"No module named 'lab'\")"},
    )
    assert done.stdout.splitlines() == [
        "10.0 [0.0, 1.0, 2.0] 4",
        "True True",
        "2 [1.0, 2.0]",
        "[7.0]",
        "[4, 4]",
        "evaluate() → value=10.0",
        "└─ built: build(n=4) → count=4, mesh: Mesh",
        "   └─ sim_result: sim(gain=2.0) → total=6.0",
        "      └─ ref: reference(amplitude=1.0) → ref_y: ndarray float64 (3,)",
    ]


def test_calls_are_found_by_the_query_that_they_were_given() -> None:
    """A query, a sweep and what holds the same records are one value; ``filter(**axes)`` finds what the sweep made."""

    @sweepable.cache(y=float)
    def level(g: float = 1.0) -> float:
        return g

    @sweepable.cache
    def total(runs: Any, w: float = 1.0) -> float:
        return float(sum(run.y for run in runs) * w)

    runs = level.sweep(g=[1.0, 2.0], progress=False)
    total(runs), total(level.filter(g=1.0), w=3.0)
    assert total.filter(runs=runs).values("value") == [3.0] == total.filter(runs__exact=level.select()).values("value")
    assert total.filter(runs=sweepable.fixed(runs)).count() == 1 == total.filter(runs__ne=runs).count()
    assert total.get(runs=level.filter(g=1.0), w=3.0).value == 3.0


def test_what_a_sweep_has_beside_its_records_is_in_no_key() -> None:
    """A body that reads it of a sweep in a container is run each time, and is told why."""

    @sweepable.cache(y=float)
    def root(g: float = 1.0) -> float:
        if g < 0:
            raise ValueError(g)
        return g**0.5

    @sweepable.cache
    def failures(given: Any) -> int:
        return len(given["runs"].failed)

    with pytest.warns(sweepable.TaintedCall):
        assert failures({"runs": root.sweep(g=[1.0, 4.0], progress=False)}) == 0
        assert failures({"runs": root.sweep(g=[1.0, 4.0, -1.0], progress=False)}) == 1


def test_queries_among_many_arguments_count_by_their_records() -> None:
    """``*args`` and ``**kwargs`` hold them as well as a parameter of their own does: nothing runs again."""
    ran: list[int] = []

    @sweepable.cache(y=float)
    def level(g: float = 1.0) -> float:
        return g

    @sweepable.cache(ignore_globals=["ran"])
    def compare(*runs: Any, **further: Any) -> float:
        ran.append(1)
        return float(sum(run.y for each in (*runs, *further.values()) for run in each))

    level.sweep(g=[1.0, 2.0, 3.0], progress=False)
    for _ in range(2):
        assert compare(level.filter(g__lt=3.0), level.filter(g=3.0), more=level.filter(g=1.0)) == 7.0
    assert len(ran) == 1
    level(0.5)
    assert compare(level.filter(g__lt=3.0), level.filter(g=3.0), more=level.filter(g=1.0)) == 7.5 and len(ran) == 2
