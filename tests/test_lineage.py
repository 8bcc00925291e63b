"""What calls came from: upstream calls by role, read as they are walked."""

from __future__ import annotations

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
