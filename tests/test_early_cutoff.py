"""A change upstream that changes no output, or no more than a name, runs nothing below it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript

PIPELINE = """
import json, sys
import numpy as np
import sweepable

RAN = []

class Model:
    def __init__(self, k):
        self.k = k
    def predict(self, x):
        return self.k * x

@sweepable.cache(ignore_globals=["RAN"])
def get_reference(amplitude=1.0, offset=0.0):
    RAN.append("reference")
    t = np.linspace(0.0, 1.0, 11)
    return {"ref_t": t, "ref_y": amplitude * t + offset}

@sweepable.cache(y=np.ndarray, ignore_globals=["RAN"])
def sim_system(reference=get_reference, gain=2.0):
    RAN.append("sim")
    return np.clip(gain * reference.ref_y, 0.0, 1.0)

@sweepable.cache(rms=float, ignore_globals=["RAN"])
def evaluate_sim(sim_result=sim_system):
    RAN.append("evaluate")
    return float(np.sqrt(np.mean((sim_result.reference.ref_y - sim_result.y) ** 2)))

@sweepable.cache(ignore_globals=["RAN"])
def peak(y=sim_system["y"]):
    RAN.append("peak")
    return float(y.max())

@sweepable.cache(ignore_globals=["RAN"])
def by_function_name(sim_result=sim_system):
    RAN.append("by_function_name")
    return float(sim_result.get_reference.ref_y[1])

@sweepable.cache(ignore_globals=["RAN"])
def reads_info(sim_result=sim_system):
    RAN.append("reads_info")
    return sim_result.info.version

@sweepable.cache(ignore_globals=["RAN"])
def fit(k=3.0):
    RAN.append("fit")
    return {"model": Model(k)}

@sweepable.cache(ignore_globals=["RAN"])
def predict(fitted=fit, x=2.0):
    RAN.append("predict")
    return fitted.model.predict(x)

@sweepable.cache(ignore_globals=["RAN"])
def use(model=fit["model"], x=2.0):
    RAN.append("use")
    return model.predict(x)

@sweepable.cache(ignore_globals=["RAN"])
def total(runs):
    RAN.append("total")
    return sum(rec.rms for rec in runs)

def main():
    values = [evaluate_sim(), peak(), by_function_name(), reads_info(), predict(), use()]
    records = [evaluate_sim.get_or_run(sim_result__gain=gain) for gain in (2.0, 3.0)]
    values.append(total(records))
    ran = list(RAN)
    truth = [evaluate_sim.__wrapped__(sim_system.get_or_run()), peak.__wrapped__(sim_system.get_or_run().y)]
    assert values[:2] == truth, (values, truth)
    print(json.dumps([ran, values, sorted(evaluate_sim.select().to_df()["rms"].round(6).tolist())]))

if __name__ == "__main__":
    main()
"""

EVERYTHING = [
    *("reference", "sim", "evaluate", "peak", "by_function_name", "reads_info"),
    *("fit", "predict", "use", "sim", "evaluate", "total"),
]


def run(run_script: RunScript, source: str) -> tuple[list[str], list[Any], list[float]]:
    ran, values, table = json.loads(run_script(source).stdout)
    return ran, values, table


def edited(*pairs: tuple[str, str]) -> str:
    text = PIPELINE
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


REFERENCE = 'return {"ref_t": t, "ref_y": amplitude * t + offset}'


def test_a_refactored_upstream_runs_only_itself(run_script: RunScript) -> None:
    """An upstream function that yields the same bytes under new code runs, and nothing below it that reads content."""
    ran, values, table = run(run_script, PIPELINE)
    assert ran == EVERYTHING
    same = edited((REFERENCE, 'y = t * amplitude\n    y = y + offset\n    return {"ref_t": t, "ref_y": y}'))
    ran, again, after = run(run_script, same)
    # The call that reads a version runs, as its result is another one.
    assert ran == ["reference", "reads_info"] and after == table
    assert again[:3] + again[4:] == values[:3] + values[4:]
    assert run(run_script, same)[0] == run(run_script, PIPELINE)[0] == []


def test_a_change_that_matters_runs_what_it_reaches(run_script: RunScript) -> None:
    """Where another upstream gives the same output below it, but is itself read further down, that runs again."""
    run(run_script, PIPELINE)
    saturated = edited((REFERENCE, 'return {"ref_t": t, "ref_y": amplitude * t + offset + 5.0}'))
    before, values, _ = run(run_script, saturated)
    assert "evaluate" in before and "sim" in before
    # From here on all trajectories are saturated: two references give one trajectory, and only one of them is right.
    other = edited((REFERENCE, 'return {"ref_t": t, "ref_y": amplitude * t + offset + 6.0}'))
    ran, changed, _ = run(run_script, other)
    assert ran == ["reference", "sim", "evaluate", "by_function_name", "reads_info", "sim", "evaluate", "total"]
    assert changed[0] == pytest.approx(values[0] + 1.0, abs=0.01) and changed[1] == values[1]


def test_a_renamed_function_runs_nothing(run_script: RunScript) -> None:
    """Neither itself nor what is below it, but for what finds it by its name."""
    ran, values, table = run(run_script, PIPELINE)
    named = edited(("get_reference", "make_reference"))
    ran, again, after = run(run_script, named)
    assert ran == ["by_function_name", "reads_info"] and again[:3] == values[:3] and after == table


def test_methods_of_a_result_count(run_script: RunScript) -> None:
    """An instance in a result is the same bytes whatever its class does: a changed method runs what calls it."""
    _, values, _ = run(run_script, PIPELINE)
    ran, changed, _ = run(run_script, edited(("return self.k * x", "return self.k * x + 1")))
    assert ran == ["fit", "predict", "use"]
    assert (values[4], changed[4]) == (6.0, 7.0) and (values[5], changed[5]) == (6.0, 7.0)


def test_a_call_taken_over_has_a_lineage_of_its_own() -> None:
    """It came from the upstream call that is current; when it ran, and how long, is told of the run that made it."""
    runs: list[str] = []

    def define(text: str) -> Any:
        namespace: dict[str, Any] = {"sweepable": sweepable, "runs": runs, "np": np}
        exec(text, namespace)
        return namespace

    source = """
@sweepable.cache(ignore_globals=["runs"])
def reference(n=3):
    return {body}

@sweepable.cache(mean=float, ignore_globals=["runs"])
def evaluate(reference=reference, k=1.0):
    runs.append("evaluate")
    return float(reference.value.mean() * k)
"""
    first = define(source.format(body="np.arange(n) * 1.0"))["evaluate"].get_or_run()
    new = define(source.format(body="1.0 * np.arange(n)"))
    with pytest.warns(sweepable.StaleResults, match="reference"):
        taken = new["evaluate"].get_or_run()
    assert runs == ["evaluate"] and taken.mean == first.mean == 1.0
    assert taken.info.key != first.info.key and taken.info.started == first.info.started
    assert taken.reference == new["reference"].get_or_run() != first.reference
    assert new["evaluate"].select().to_df()["mean"].tolist() == [1.0]
    assert [rec.mean for rec in new["evaluate"].filter(n=3)] == [1.0]
    assert len(new["evaluate"].select(version="any")) == 2


def test_nested_calls_of_what_was_given_keep_a_call_from_being_taken_over() -> None:
    """A call inside that was given the changed upstream call is made again, so that its lineage is true."""
    runs: list[str] = []
    source = """
@sweepable.cache(ignore_globals=["runs"])
def reference(n=3):
    return {body}

@sweepable.cache(ignore_globals=["runs"])
def inner(reference, k):
    runs.append("inner")
    return float(reference.value.sum()) * k

@sweepable.cache(ignore_globals=["runs"])
def constant(k):
    runs.append("constant")
    return k

@sweepable.cache(ignore_globals=["runs"])
def outer(reference=reference, k=1.0):
    runs.append("outer")
    return inner(reference, k) + constant(k)

@sweepable.cache(ignore_globals=["runs"])
def apart(reference=reference, k=1.0):
    runs.append("apart")
    return float(reference.value[1]) + constant(k)
"""

    def define(body: str) -> dict[str, Any]:
        namespace: dict[str, Any] = {"sweepable": sweepable, "runs": runs, "np": np}
        exec(source.format(body=body), namespace)
        return namespace

    old = define("np.arange(n) * 1.0")
    assert old["outer"]() == 4.0 and old["apart"]() == 2.0 and runs == ["outer", "inner", "constant", "apart"]
    new = define("1.0 * np.arange(n)")
    runs.clear()
    with pytest.warns(sweepable.StaleResults):
        assert new["outer"]() == 4.0 and new["apart"]() == 2.0
    assert runs == ["outer"]  # what it calls is the same call by content, and taken over
    outer, apart = new["outer"].get_or_run(), new["apart"].get_or_run()
    assert outer.inner.reference == apart.reference == new["reference"].get_or_run()
    assert apart.constant.value == 1.0


def test_functions_of_the_same_code_share_results_unless_they_are_pinned() -> None:
    """The same code under two names gives one result; what is pinned by hand says nothing of its code."""
    runs: list[str] = []

    def cached(name: str, factor: int, **options: Any) -> Any:
        source = f"def {name}(x):\n    runs.append(x)\n    return {factor} * x"
        namespace: dict[str, Any] = {"runs": runs}
        exec(source, namespace)
        return sweepable.cache(namespace[name], ignore_globals=["runs"], **options)

    assert cached("double", 2)(4) == cached("twice", 2)(4) == 8 and runs == [4]
    assert cached("triple", 3)(4) == 12 and runs == [4, 4]
    assert cached("once", 1, version="1")(4) == 4 and cached("tenfold", 10, version="1")(4) == 40


def test_a_sweep_takes_over_what_is_the_same(run_script: RunScript, tmp_path: Path) -> None:
    """After an upstream was rewritten, a sweep below it runs the upstream calls and takes over all points."""
    source = """
import sweepable, numpy as np

@sweepable.cache
def reference(n=3):
    return {body}

@sweepable.cache(mean=float)
def evaluate(reference=reference, k=1.0):
    return float(reference.value.mean() * k)

if __name__ == "__main__":
    runs = evaluate.sweep(reference__n=[3, 4], k=[1.0, 2.0, 3.0], n_jobs={jobs}, progress=False)
    print(runs.counts["run"], runs.counts["hit"], runs.counts["upstream"], runs.to_df()["mean"].tolist())
"""
    means = "[1.0, 2.0, 3.0, 1.5, 3.0, 4.5]"
    for jobs, body, counts in (
        (1, "np.arange(n) * 1.0", "6 0 2"),
        (2, "1.0 * np.arange(n)", "0 6 2"),
        (1, "np.arange(float(n))", "0 6 2"),
        (1, "np.arange(n) + 0.0", "0 6 2"),
    ):
        assert run_script(source.format(body=body, jobs=jobs)).stdout.strip() == f"{counts} {means}"


def test_a_read_only_store_serves_by_content(run_script: RunScript, store_path: Path) -> None:
    """Where nothing can be written, a call of the same content is a hit all the same."""
    calls = "\nprint(evaluate_sim(), RAN)\n"
    source = PIPELINE.split("def main()")[0]
    first = run_script(source + calls).stdout
    guard = """
import os
from sweepable.store import files
files.is_writable = lambda path: False
"""
    renamed = source.replace("def evaluate_sim", "def evaluation").replace("evaluate_sim", "evaluation")
    second = run_script(guard + renamed + calls.replace("evaluate_sim", "evaluation")).stdout
    assert first.split()[0] == second.split()[0] and second.split()[1] == "[]"


IMPURE = """
import sys
from pathlib import Path
import sweepable

RAN = []

def in_thread(function):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()

@sweepable.cache(ignore=["verbose"], ignore_globals=["RAN"])
def make(n=1, verbose=False):
    RAN.append("make")
    return {made}

@sweepable.cache(ignore_globals=["RAN"])
def use(made=make):
    RAN.append("use")
    return {used}

print(use(), RAN)
"""


@pytest.mark.parametrize(
    ("made", "used", "after"),
    [
        # What a path names is not what it is.
        ("Path(__file__).with_name('a.txt')", "made.value.write_text('x') and 1", "2"),
        ("n", "made.verbose", "2"),
        ("n", "in_thread(lambda: made.info.version)", "2"),
        ("n", "made == in_thread(lambda: made)", "2"),
        ("n", "repr(made)[:5]", "2"),
        ("n", "made == made", "2"),
        ("n", "made.value", "1"),
        ("[n, {'a': n}]", "made.value[1]['a']", "1"),
    ],
)
def test_what_is_no_content_is_not_taken_over(run_script: RunScript, made: str, used: str, after: str) -> None:
    """Paths, ignored parameters, what a Record says of itself: where a call reads these, it runs again."""
    first = run_script(IMPURE.format(made=made, used=used)).stdout
    second = run_script(IMPURE.format(made=f"(0, {made})[1]", used=used)).stdout
    assert first.count("'") == 4 and second.count("'") == 2 * int(after)


FILES = """
import sys
from pathlib import Path
import sweepable

RAN = []
HERE = Path(__file__).parent

@sweepable.cache(ignore_globals=["RAN", "HERE"]{option})
def prepare(n=1):
    RAN.append("prepare")
    {made}

@sweepable.cache(ignore_globals=["RAN", "HERE"]{option})
def use(prepared=prepare):
    RAN.append("use")
    {used}

print(use(), RAN)
"""
WRITES = "(HERE / 'data.txt').write_text(str({factor} * n))\n    return {result}"
READS = "return (HERE / 'data.txt').read_text()"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("made", "used", "option"),
    [
        (WRITES.replace("{result}", "None"), READS, ""),
        (WRITES.replace("{result}", "'data.txt'"), "return (HERE / prepared.value).read_text()", ""),
        ("(HERE / 'data.txt').write_text(str({factor} * n))\n    return n", READS, ", audit=False"),
        ("import subprocess; subprocess.run(['sh', '-c', f'echo {{n * {factor}}} > data.txt'])", READS, ""),
    ],
)
def test_what_goes_by_way_of_files_is_not_taken_over(run_script: RunScript, made: str, used: str, option: str) -> None:
    """An upstream that writes a file and returns the same as ever has changed what is below it all the same."""
    for factor in (1, 2):
        source = FILES.format(made=made.format(factor=factor), used=used, option=option)
        assert run_script(source).stdout.split()[0] == str(factor), factor


def test_a_function_that_is_not_watched_is_not_taken_over(run_script: RunScript) -> None:
    """With ``audit=False`` nobody knows what it reads and writes, so a change above it runs it again."""
    for option, runs in (("", "['make']"), (", audit=False", "['make', 'use']")):
        source = IMPURE.replace('"RAN"]', f'"RAN"]{option}').replace("def use", f"def use{len(option)}")
        first = source.replace("use()", f"use{len(option)}()").replace("{made}", "n").replace("{used}", "made.value")
        second = first.replace("return n", "return n + 0" if option else "return 0 + n")
        assert run_script(first).stdout and run_script(second).stdout.split(maxsplit=1)[1].strip() == runs


def test_another_branch_that_reads_a_file_is_not_taken_over(run_script: RunScript) -> None:
    """Every run is watched for files, not only the first of a version: other arguments may take other ways."""
    source = """
        from pathlib import Path
        import sweepable

        HERE = Path(__file__).parent

        @sweepable.cache(ignore_globals=["HERE"])
        def prepare(n=1, save=False):
            if save:
                (HERE / "data.txt").write_text(str({factor} * n))
            return n

        @sweepable.cache(ignore_globals=["HERE"])
        def use(prepared=prepare, full=False):
            return (HERE / "data.txt").read_text() if full else "nothing"

        print(use(), use(prepare.partial(save=True), full=True))
    """
    assert run_script(source.replace("{factor}", "1")).stdout.split() == ["nothing", "1"]
    assert run_script(source.replace("{factor}", "2")).stdout.split() == ["nothing", "2"]
