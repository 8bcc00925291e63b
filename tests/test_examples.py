"""The examples, as users run them: whole scripts and a notebook, each in processes of their own."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from running import RunScript

EXAMPLES = Path(__file__).parents[1] / "examples"
CONTROL = EXAMPLES / "control"
REGRESSION = EXAMPLES / "regression"

EXECUTE = """
    import sys
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(sys.argv[1], as_version=4)
    NotebookClient(notebook, timeout=180, kernel_name="python3").execute()
    print("".join(output["text"] for output in notebook.cells[-1].outputs if output.output_type == "stream"))
"""


def counts_in(text: str) -> dict[str, int]:
    """What a script said of its points: how many were hits, were run, failed."""
    line = next(line for line in text.splitlines() if re.match(r"\d+ points in ", line))
    return {what: int(number) for number, what in re.findall(r"(\d+) (?:calls |of them )?(\w+)", line.split("s: ")[1])}


def cells_of(notebook: Path, tag: str) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if tag in cell["metadata"].get("tags", ())]


def table_in(text: str, heading: str) -> str:
    """The paragraph below a heading."""
    return text.split(heading)[1].split("\n\n")[1]


def test_control_sweep_computes_nothing_twice(run_script: RunScript, tmp_path: Path) -> None:
    """The second run of a sweep, in another process, computes nothing and shows the same results."""
    picture = tmp_path / "control.png"
    env = {"SWEEPABLE_PICTURE": str(picture)}
    first, second = (run_script(None, name="run.py", cwd=CONTROL, env=env).stdout for _ in range(2))
    assert counts_in(first) == {"run": 288 + 288 + 3, "upstream": 288 + 3, "hit": 0}
    assert counts_in(second) == {"run": 0, "upstream": 0, "hit": 288}
    heading = "the best controller"
    assert table_in(first, heading) == table_in(second, heading)
    look = """
        import sys, matplotlib.image
        pixels = matplotlib.image.imread(sys.argv[1])[..., :3]
        print(min(pixels.shape[:2]) > 500, pixels.std() > 0.05)  # of some size, and with something in it
    """
    assert run_script(look, arguments=(str(picture),)).stdout.split() == ["True", "True"]


def test_control_records_hold_what_the_functions_compute(run_script: RunScript) -> None:
    """What is found again is, to the last bit, what the plain functions return."""
    source = """
        import sys
        from types import SimpleNamespace

        import pandas as pd
        from control import evaluate_sim, get_reference, sim_system

        runs = evaluate_sim.sweep(sim_result__gain=[10.0, 40.0], sim_result__reference__amplitude=[0.5, 2.0], n_jobs=2)
        assert len(runs) == 4
        for record in runs:
            reference = SimpleNamespace(**get_reference.__wrapped__(record.amplitude))
            traj = sim_system.__wrapped__(reference, record.gain, record.damping)
            plain = evaluate_sim.__wrapped__(SimpleNamespace(out_traj=traj, reference=reference))
            pd.testing.assert_frame_equal(record.out_traj, traj, check_exact=True)
            assert (record.overshoot, record.settling_time, record.rms) == plain
        print(len(get_reference.select()), len(sim_system.select()), len(evaluate_sim.select()))
    """
    done = run_script(source, env={"PYTHONPATH": python_path(CONTROL)})
    assert done.stdout.split() == ["2", "4", "4"]


def python_path(*folders: Path) -> str:
    return ":".join(map(str, (*folders, EXAMPLES.parent / "src")))


EDITS = [
    pytest.param("    step = ref_y[-1]\n", "    step = ref_y[-1]  # radian\n\n", 0, 0, id="a comment and a blank line"),
    pytest.param("band=0.05):", "band=0.02):", 0, 2, id="a default of the last function"),
    pytest.param("100.0 * max(", "1.0 * max(", 0, 2, id="the last function"),
    pytest.param("COULOMB = 0.02", "COULOMB = 0.03", 2, 2, id="a constant that a helper of the second reads"),
]


@pytest.mark.parametrize(("before", "after", "simulations", "evaluations"), EDITS)
def test_control_after_an_edit_runs_what_it_touched(
    run_script: RunScript, before: str, after: str, simulations: int, evaluations: int
) -> None:
    """An edit costs the calls whose code it changed and those below them, and no other."""
    module = (CONTROL / "control.py").read_text(encoding="utf-8")
    assert module.count(before) == 1
    source = """
        from control import evaluate_sim

        runs = evaluate_sim.sweep(sim_result__gain=[10.0, 40.0])
        print(runs.counts["upstream"], runs.counts["run"])
    """
    first = run_script(source, files={"control.py": module})
    second = run_script(source, files={"control.py": module.replace(before, after)})
    assert first.stdout.split() == ["3", "2"]
    assert second.stdout.split() == [str(simulations), str(evaluations)]


def test_notebook_computes_nothing_twice(run_script: RunScript) -> None:
    """Results stay with the functions when a kernel is restarted, and when its cells move into a module."""
    arguments = (str(CONTROL / "control.ipynb"),)
    first, second = (
        ast.literal_eval(run_script(EXECUTE, arguments=arguments, env={"MPLBACKEND": "agg"}).stdout) for _ in range(2)
    )
    assert (first["run"], first["hit"], first["upstream"]) == (11, 1, 11)  # a cell before had run one, and its upstream
    assert (second["run"], second["hit"], second["upstream"]) == (0, 12, 0)
    moved = "\n\n".join(cells_of(CONTROL / "control.ipynb", "module"))
    source = """
        import {module}
        runs = {module}.evaluate_sim.sweep(
            sim_result__gain=[10.0, 20.0, 40.0, 80.0], sim_result__damping=[0.2, 0.4, 0.8]
        )
        print(dict(runs.counts))
    """
    for module, files in {"moved": {"moved.py": moved}, "control": {}}.items():
        done = run_script(source.format(module=module), files=files, env={"PYTHONPATH": python_path(CONTROL)})
        counts = ast.literal_eval(done.stdout)
        assert (counts["run"], counts["hit"], counts["upstream"]) == (0, 12, 0)


def test_notebook_has_the_functions_of_the_module() -> None:
    """The notebook and ``control.py`` are one experiment, and the notebook is kept without outputs."""
    cells = cells_of(CONTROL / "control.ipynb", "module")
    in_cells = {ast.unparse(node) for cell in cells for node in ast.parse(cell).body}
    module = ast.parse((CONTROL / "control.py").read_text(encoding="utf-8"))
    in_module = {ast.unparse(node) for node in module.body if isinstance(node, ast.FunctionDef | ast.Assign)}
    assert in_module <= in_cells
    notebook = json.loads((CONTROL / "control.ipynb").read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook["cells"])


def test_regression_goes_on_where_some_fits_fail(run_script: RunScript) -> None:
    """Points that fail are counted and named; all the others have results, and none is computed twice."""
    first, second = (run_script(None, name="sweep.py", cwd=REGRESSION).stdout for _ in range(2))
    before, after = counts_in(first), counts_in(second)
    assert before["failed"] > 20
    assert before["run"] == 144 - before["failed"]
    assert after == {"run": 0, "hit": before["run"], "failed": before["failed"]}
    for heading in ("variance explained", "failed:"):
        assert first.split(heading)[1] == second.split(heading)[1]
    assert "no optimum after 300 iterations (degree 3, alpha 0.03)" in second


def test_regression_models_know_nothing_of_the_cache() -> None:
    """A module that is wrapped from outside stays an ordinary module."""
    text = (REGRESSION / "models.py").read_text(encoding="utf-8")
    assert "sweepable" not in text


def test_regression_results_are_those_of_the_plain_module(run_script: RunScript) -> None:
    """Wrapping a module from outside changes nothing that its functions return or raise."""
    source = """
        import importlib.util
        import models, sweepable

        spec = importlib.util.find_spec("models")
        plain = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(plain)
        sweepable.wrap(models, "split", "fit", score=dict(r2=float, error=float, terms=int))
        runs = models.score.sweep(seed=[0, 1], degree=[1, 2], alpha=[0.03, 1.0], n_jobs=2)
        for record in runs:
            known = plain.score(record.seed, record.test_size, record.degree, record.alpha)
            assert known == (record.r2, record.error, record.terms), (known, record)
        for record in runs.failed:
            try:
                plain.fit(record.seed, degree=record.degree, alpha=record.alpha)
            except plain.NotConverged as error:
                assert str(error) in str(record.info.error)
            else:
                raise AssertionError(record)
        print(len(runs), len(runs.failed), len(models.split.select()))
    """
    done = run_script(source, env={"PYTHONPATH": python_path(REGRESSION)})
    assert done.stdout.split() == ["4", "4", "2"]
