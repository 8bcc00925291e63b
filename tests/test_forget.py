"""Forgetting calls: planned first, done on apply, and nothing comes back from the dead."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript, script_environment
from storing import blob_files
from sweepable import NoCallFound, SweepableError, UnknownName
from sweepable.store.store import Store

RUNS: list[str] = []
SOURCE = """
@sweepable.cache(ignore_globals=["RUNS"])
def {reference}(amplitude=1.0):
    RUNS.append("reference")
    return dict(ref_y=amplitude * np.arange(4.0){same}, big=np.full(5000, amplitude))

@sweepable.cache(y=np.ndarray, ignore_globals=["RUNS"])
def simulate(reference={reference}, gain=2.0):
    RUNS.append("simulate")
    return reference.ref_y * gain{change}

@sweepable.cache(rms=float, ignore_globals=["RUNS"])
def evaluate(sim=simulate, scale=1.0):
    RUNS.append("evaluate")
    return float(np.sqrt(np.mean(sim.y ** 2)) * scale)
"""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    RUNS.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sweepable.StaleResults)
        yield


def define(change: str = "", same: str = "", reference: str = "reference") -> Any:
    namespace: dict[str, Any] = {"sweepable": sweepable, "np": np, "RUNS": RUNS}
    exec(SOURCE.format(change=change, same=same, reference=reference), namespace)
    return type("Lab", (), namespace)


def ran() -> list[str]:
    found = list(RUNS)
    RUNS.clear()
    return found


def tables(store_path: Path) -> dict[str, int]:
    """How many rows each table of the index has."""
    with sqlite3.connect(store_path / "index.db") as c:
        names = [name for (name,) in c.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {name: c.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
    c.close()
    return found


def test_nothing_happens_before_apply(store_path: Path) -> None:
    """The plan counts calls by function, what came from them, tags and bytes; only apply changes anything."""
    lab = define()
    lab.evaluate.sweep(sim__gain=[1.0, 2.0], scale=[1.0, 3.0], progress=False)
    lab.simulate.filter(gain=2.0).tag("fig3")
    before = tables(store_path)
    plan = lab.simulate.select().forget(downstream=True)
    assert (plan.calls, plan.downstream, plan.tags) == ({"simulate": 2}, {"evaluate": 4}, {"fig3": 1})
    text = repr(plan)
    assert "forgetting 2 calls of simulate" in text and "4 calls of evaluate downstream go as well" in text
    assert "1 is tagged 'fig3'" in text and "nothing is changed before .apply()" in text
    plan = lab.reference.reset()
    assert (plan.calls, plan.downstream, plan.blobs) == ({"reference": 1}, {"simulate": 2, "evaluate": 4}, 1)
    assert 40_000 <= plan.nbytes < 41_000 and "1 blobs (40.1 kB) that nothing else refers to stay" in repr(plan)
    assert tables(store_path) == before and len(blob_files(store_path)) == 1


def test_forgotten_calls_leave_no_row_and_run_again(store_path: Path) -> None:
    """Rows, table rows, lineage and uses go, blobs stay; a sweep in hand shows its points as missing, and runs them."""
    lab = define()
    runs = lab.evaluate.sweep(sim__gain=[1.0, 2.0], progress=False)
    done = lab.reference.reset(downstream=True).apply()
    assert done.calls == {"reference": 1, "simulate": 2, "evaluate": 2} and (done.gone, done.kept) == (0, 0)
    left = tables(store_path)
    assert not any(left[name] for name in ("_calls", "_lineage", "_uses", "reference", "simulate", "evaluate"))
    assert left["_functions"] == 3 and left["_blobs"] == 1 and len(blob_files(store_path)) == 1
    assert runs.missing == [{"sim__gain": 1.0}, {"sim__gain": 2.0}] and len(runs) == 0
    ran()
    again = lab.evaluate.sweep(sim__gain=[1.0, 2.0], progress=False)
    assert again.counts["run"] == 2 and sorted(ran()) == ["evaluate"] * 2 + ["reference"] + ["simulate"] * 2
    assert again[0].sim.reference.big[0] == 1.0 and again[0].sim == lab.simulate.peek(gain=1.0)


def test_only_what_was_named_goes() -> None:
    """Calls that the query does not find stay, and are served."""
    lab = define()
    lab.simulate.sweep(gain=[1.0, 2.0, 3.0], progress=False)
    ran()
    assert lab.simulate.filter(gain__gte=2.0).forget().apply().calls == {"simulate": 2}
    lab.simulate(gain=1.0)
    assert ran() == []
    lab.simulate(gain=3.0)
    assert ran() == ["simulate"]


def test_going_back_to_earlier_code_brings_nothing_back() -> None:
    """A reset covers every version there ever was: edited, reset, and edited back, all runs again."""
    before = define()
    first = before.simulate(gain=3.0)
    after = define(change=" + 1.0")
    after.simulate(gain=3.0)
    plan = after.simulate.reset()
    assert plan.calls == {"simulate": 2}
    plan.apply()
    ran()
    back = define()
    assert back.simulate(gain=3.0).tolist() == first.tolist() and ran() == ["simulate"]
    assert define(change=" + 1.0").simulate(gain=3.0).tolist() == (first + 1.0).tolist() and ran() == ["simulate"]


def test_a_reset_of_the_current_code_leaves_earlier_results() -> None:
    """``version="current"``, or one that is named, is all that goes."""
    define().simulate(gain=3.0)
    after = define(change=" + 1.0")
    after.simulate(gain=3.0)
    assert after.simulate.reset(version="current").apply().calls == {"simulate": 1}
    after.simulate(gain=3.0)
    assert after.simulate.reset(version="v2").apply().calls == {"simulate": 1}
    ran()
    define().simulate(gain=3.0)
    assert ran() == []
    for wrong in ("v7", 3, None):
        with pytest.raises(UnknownName, match=str(wrong)):
            after.simulate.reset(version=wrong)


@pytest.mark.parametrize(
    ("edit", "runs"),
    [({"same": " + 0.0"}, ["reference"]), ({"reference": "renamed"}, [])],
    ids=["rewritten", "renamed"],
)
def test_a_twin_of_earlier_code_does_not_take_the_place_of_a_forgotten_call(
    edit: dict[str, str], runs: list[str]
) -> None:
    """What was taken over from a call of the same content runs again once it is forgotten; that call stays itself."""
    define().evaluate(scale=3.0)
    gc.collect()  # the earlier functions are gone, as they would be after an edit
    after = define(**edit)
    ran()
    after.evaluate(scale=3.0)
    assert ran() == runs  # the others were taken over
    assert after.simulate.select().forget().calls == {"simulate": 1}
    after.simulate.select().forget(downstream=True).apply()
    assert after.simulate.select().count() == after.evaluate.select().count() == 0
    after.evaluate(scale=3.0)
    assert ran() == ["simulate", "evaluate"]
    assert after.simulate.select().count() == after.evaluate.select().count() == 1
    define().evaluate(scale=3.0)
    assert ran() == []  # their own keys were not named


def test_a_take_over_that_is_under_way_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between finding a call of the same content and taking it over, another process may forget its twin."""
    define().simulate(gain=3.0)
    after = define(same=" + 0.0")
    after.simulate(gain=3.0)
    plan, find = after.simulate.select().forget(), Store.find_by_content

    def meanwhile(store: Store, content_key: str) -> Any:
        found = find(store, content_key)
        if found is not None:
            assert plan.apply().calls == {"simulate": 1}
        return found

    monkeypatch.setattr(Store, "find_by_content", meanwhile)
    ran()
    define(same=" + 1.0 - 1.0").simulate(gain=3.0)
    assert ran() == ["reference", "simulate"]


def test_a_call_that_ran_again_is_taken_over_as_ever() -> None:
    """Forgetting ends what was, and not what comes: the new result serves calls of the same content."""
    define().simulate(gain=3.0)
    after = define(same=" + 0.0")
    after.simulate(gain=3.0)
    after.simulate.select().forget().apply()
    after.simulate(gain=3.0)
    ran()
    define(same=" + 1.0 - 1.0").simulate(gain=3.0)
    assert ran() == ["reference"]


def test_what_a_migration_made_is_forgotten_by_name_only() -> None:
    """Forgetting results of earlier code leaves what was migrated from them, and the other way round."""
    define().simulate(gain=3.0)
    after = define(change=" + 0.0")
    after.simulate.migrate("the same").apply()
    ran()
    assert after.simulate.filter(version="v1").forget().apply().calls == {"simulate": 1}
    after.simulate(gain=3.0)
    assert ran() == []
    define().simulate(gain=3.0)
    assert ran() == ["simulate"]
    after.simulate.select().forget().apply()
    assert after.simulate.migrations()[0].calls == 0
    after.simulate(gain=3.0)
    assert ran() == ["simulate"]


def test_what_stays_downstream_says_that_its_upstream_is_gone() -> None:
    """Such a call is served and readable; reaching for what it came from says that it was forgotten, also later."""
    lab = define()
    lab.evaluate(scale=3.0)
    plan = lab.simulate.reset()
    assert "1 calls of evaluate downstream stay, and are served as before, without what they came fr" in repr(plan)
    assert "say downstream=True" in repr(plan)
    plan.apply()
    ran()
    rec = lab.evaluate.get_or_run(scale=3.0)
    assert ran() == [] and rec.scale == 3.0 and list(rec.upstream) == []
    for _ in range(2):
        rec = lab.evaluate.peek(scale=3.0)
        with pytest.raises(NoCallFound, match=r"call given as sim is no longer in the store\b.*: it was forgotten"):
            rec.sim
        with pytest.raises(UnknownName, match="given as sim is no longer in the store: it was forgotten"):
            rec.gain
        lab.simulate()  # another call of that key is not what it came from


def test_failed_and_damaged_calls_go_in_a_reset(store_path: Path) -> None:
    """Whatever is stored of the function, however it ended, is gone; nothing of it is found by the next call."""
    lab = define()
    runs = lab.simulate.sweep(gain=[1.0, "x"], progress=False)
    assert len(runs.failed) == 1
    rec = lab.evaluate.get_or_run(sim__gain=1.0)
    with sqlite3.connect(store_path / "index.db") as c:
        c.execute("UPDATE _calls SET result = x'00' WHERE key = ?", (rec.sim.info.key,))
    c.close()
    with pytest.warns(sweepable.DamagedData):
        assert lab.simulate.peek(gain=1.0) is None
    plan = lab.simulate.reset()
    assert (plan.calls, plan.downstream) == ({"simulate": 2}, {"evaluate": 1})
    assert plan.apply().calls == {"simulate": 2}
    assert tables(store_path)["_damaged"] == 0
    lab.simulate(gain=1.0)
    assert lab.evaluate.peek(sim__gain=1.0).rms == rec.rms
    with pytest.raises(NoCallFound, match="forgotten"):
        lab.evaluate.peek(sim__gain=1.0).sim


def test_tagged_calls_are_forgotten_only_where_it_is_said() -> None:
    """A tag means keep: apply refuses, and changes nothing, unless ``tagged=True``."""
    lab = define()
    runs = lab.simulate.sweep(gain=[1.0, 2.0, 3.0], progress=False)
    lab.simulate.filter(gain__gte=2.0).tag("fig3")
    with pytest.raises(SweepableError, match=r"2 are tagged 'fig3'.*nothing was changed.*tagged=True"):
        runs.forget().apply()
    assert len(runs) == 3
    assert lab.simulate.filter(info__tag__isnull=True).forget().apply().calls == {"simulate": 1}
    assert lab.simulate.reset(tagged=True).apply().calls == {"simulate": 2}
    lab.simulate(gain=2.0)
    assert lab.simulate.filter(info__tag="fig3").count() == 0  # the new call is another one


def test_a_plan_does_what_it_says_for_the_calls_that_are_still_there() -> None:
    """What was forgotten, run again or tagged since the plan was made is told, and not touched."""
    lab = define()
    lab.simulate.sweep(gain=[1.0, 2.0, 3.0], progress=False)
    plan = lab.simulate.reset()
    lab.simulate.filter(gain=1.0).forget().apply()
    lab.simulate(gain=1.0)
    lab.simulate(gain=4.0)
    done = plan.apply()
    assert (done.calls, done.gone) == ({"simulate": 2}, 1) and "1 were gone already" in repr(done)
    assert plan.apply().gone == 3
    assert sorted(lab.simulate.select().to_df()["gain"]) == [1.0, 4.0]
    plan = lab.simulate.reset()
    lab.simulate.filter(gain=4.0).tag("late")
    with pytest.raises(SweepableError, match="1 is tagged 'late'"):
        plan.apply()


def test_a_function_that_never_ran_has_nothing_to_forget() -> None:
    """An empty plan can be applied."""
    lab = define()
    assert lab.simulate.reset().calls == {} and lab.simulate.reset().apply().calls == {}
    lab.reference()
    assert repr(lab.simulate.select().forget().apply()) == "<forgotten: no calls>"


def test_a_call_that_is_forgotten_while_another_uses_it_is_not_served_through_it() -> None:
    """A run that was given a result which is forgotten meanwhile is stored as tainted, and runs again."""
    begun, go_on = threading.Event(), threading.Event()
    lab = define()

    @sweepable.cache(ignore_globals=["RUNS"])
    def slow(sim: Any = lab.simulate) -> float:
        RUNS.append("slow")
        begun.set()
        go_on.wait(30)
        return float(sim.y.sum())

    ignored = {"ignore_globals": ["RUNS", "begun", "go_on"]}
    slow = sweepable.cache(slow.__wrapped__, **ignored)
    lab.simulate()
    thread = threading.Thread(target=lambda: slow())
    with pytest.warns(sweepable.TaintedCall, match="forgotten or replaced while it ran"):
        thread.start()
        assert begun.wait(30)
        lab.simulate.reset().apply()
        go_on.set()
        thread.join()
    ran()
    slow()
    assert "slow" in ran()


def test_a_call_that_runs_while_it_is_forgotten_is_stored() -> None:
    """What a plan did not see it does not touch: the run ends, its result is kept, and those who wait get it."""
    begun, go_on, got = threading.Event(), threading.Event(), []

    def slow(x: float = 1.0) -> float:
        RUNS.append("slow")
        begun.set()
        go_on.wait(30)
        return 2 * x

    cached = sweepable.cache(slow, ignore_globals=["RUNS", "begun", "go_on"])
    threads = [threading.Thread(target=lambda: got.append(cached(2.0))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    assert cached.reset().apply().calls == {}
    go_on.set()
    for thread in threads:
        thread.join()
    assert got == [4.0] * 3 and ran() == ["slow"] and cached.peek(2.0).value == 4.0


LAB = """
import sweepable
from sweepable.store import forgetting

@sweepable.cache
def sim(x=1):
    return {"y": x}

@sweepable.cache
def total(s=sim):
    return s.y + 1
"""


def test_a_process_that_has_hits_in_hand_sees_what_another_forgot(run_script: RunScript) -> None:
    """Nothing that a process remembers of stored calls outlives them in the store."""
    lab = define()
    lab.simulate(gain=3.0)
    lab.simulate(gain=3.0)
    ran()
    run_script(
        'import sweepable\nprint(sweepable.find("simulate", version="any").forget().apply().calls)', name="other.py"
    )
    lab.simulate(gain=3.0)
    assert ran() == ["simulate"]


def test_a_killed_apply_has_done_all_of_a_batch_or_nothing(run_script: RunScript, store_path: Path) -> None:
    """Whenever it is killed, each call is whole or gone, and the same once more finishes it."""
    filled = 'total.sweep(s__x=list(range(1500)), progress=False, on_stale="ignore")'
    run_script(f"from lab import *\nif __name__ == '__main__': {filled}", files={"lab.py": LAB})
    body = "from lab import *\nforgetting.BATCH = 20\nplan = sim.reset(downstream=True)\nprint('.', flush=True)\n"
    partly = 0
    for number in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", body + "plan.apply()"],
            cwd=store_path.parent / "project",
            env=script_environment(store_path),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None and child.stdout.readline() == ".\n"
        time.sleep(0.01 + 0.02 * number)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        left = tables(store_path)
        assert left["_calls"] == left["sim"] + left["total"] and left["_lineage"] == left["total"]
        assert left["total"] % 20 == 0 and (left["total"] == 0 or left["sim"] == 1500)
        partly += left["_calls"] not in (0, 3000)
    assert partly
    run_script(body + "print(plan.apply())", name="again.py")
    left = tables(store_path)
    assert left["_calls"] == left["_lineage"] == left["sim"] == left["total"] == 0
    with sqlite3.connect(store_path / "index.db") as c:
        assert c.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    c.close()


def test_others_write_while_calls_are_forgotten(run_script: RunScript, store_path: Path) -> None:
    """Workers of other processes that compute the same calls meanwhile store whole calls, and lose none of theirs."""
    body = """
        import sys
        from lab import *
        for n in range(40):
            if sys.argv[1] == "forget":
                sim.reset(downstream=True).apply()
            else:
                assert [total(sim.get_or_run(x)) for x in range(10)] == [x + 1 for x in range(10)]
    """
    run_script("import lab", files={"lab.py": LAB, "body.py": body})
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "body.py", what],
            cwd=store_path.parent / "project",
            env=script_environment(store_path),
        )
        for what in ("forget", "compute", "compute")
    ]
    assert [child.wait(120) for child in children] == [0, 0, 0]
    run_script("from lab import *\nprint([total(sim.get_or_run(x)) for x in range(10)])", name="last.py")
    with sqlite3.connect(store_path / "index.db") as c:
        dangling = "SELECT count(*) FROM _lineage WHERE upstream NOT IN (SELECT id FROM _calls)"
        assert c.execute(dangling).fetchone() == (0,)
        assert c.execute(dangling.replace("upstream", "downstream")).fetchone() == (0,)
        assert c.execute("SELECT count(*) FROM sim WHERE id NOT IN (SELECT id FROM _calls)").fetchone() == (0,)
    c.close()


def test_a_store_that_was_replaced_is_not_written_to(store_path: Path) -> None:
    """Where the folder was deleted since its calls were read, forgetting and tagging say so."""
    lab = define()
    rec = lab.reference.get_or_run()
    plan = lab.reference.reset()
    store_path.rename(store_path.with_name("elsewhere"))
    with pytest.raises(sweepable.StoreError, match="deleted or replaced"):
        plan.apply()
    with pytest.raises(sweepable.StoreError, match="deleted or replaced"):
        rec.tag("fig3")
