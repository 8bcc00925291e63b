"""Edits between processes, by value: no edit is missed, and what runs again without need is listed with its reason."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

import edits_classes
import edits_functions
import edits_modules
import edits_sharing
import edits_values
from editing import Case, Found, run_state, run_written
from edits_layout import UGLY

CASES = [
    *(*edits_functions.CASES, *edits_classes.CASES, *edits_modules.CASES, *edits_values.CASES),
    *edits_sharing.CASES,
    Case("ugly", True, UGLY, UGLY, differs=False),
]

#: What runs again though the result is the same, and why.
NEEDLESS = {
    "the name of a local": "texts may read it (`df.query('x > @low')`)",
    "another way to compute the same": "code counts as written; a float would differ in its last bit",
    "a method that is not used": "a class counts as a whole: which of its methods run is not known beforehand",
    "a part of a constant that is not used": "a constant counts as a whole",
    "a helper is renamed": "the body that calls it reads differently",
    "an annotation under a decorator": "the decorator may read it",
    "a docstring where another one is read": "where reached code reads docstrings, all of them count",
    "a global that globals() was not asked for": "any global may be asked for",
    "a branch that is not taken": "which branches run is not known beforehand",
    "an exec'd function's local": "the same as any other local's name; it counts by its byte code",
    "the function moves, and its body reads __name__": "the name of the module is a value that the body uses",
}

#: What is warned of, and with what words.
SAID = {
    "cmp_to_key": "counts by the code that it holds alone",
    "map over a helper, as a constant": "counts by the code that it holds alone",
    "import_module of a name in a table": "imports a module whose name it computes",
    "behind a lazy module": "imports a module whose name it computes",
    "sys.modules of a constant": "looks modules up in sys.modules",
    "sys.modules of the own module": "looks modules up in sys.modules",
    "global rebound by a helper": "binds the global name",
    "a value of a thread": "threading.local",
    "a global in a query that is an argument": "queries by a text that is computed",
    "a global in a query that a helper is given": "queries by a text that is computed",
    "a global in a query that a default holds": "queries by a text that is computed",
    "eval of a constant elsewhere": "evaluates text that is computed",
    "compiled code": "evaluates text that is computed",
    "an environment variable": "reads environment variables",
    "what a folder holds": "lists the files of folders",
}


class States(NamedTuple):
    """The cases before their edit, after it, and before it once more: in another folder, with another hash seed."""

    folder: Path
    before: dict[str, Found]
    after: dict[str, Found]
    again: dict[str, Found]


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    folder = tmp_path_factory.mktemp("states")
    store = folder / "store"
    before = run_state(folder / "a", CASES, 0, seed=1, store=store)
    with ThreadPoolExecutor() as pool:
        after, again = pool.map(
            lambda run: run_state(folder / run[0], CASES, run[1], seed=run[2], store=store), [("b", 1, 2), ("c", 0, 3)]
        )
    return States(folder, before, after, again)


def test_cases_are_many_and_each_is_one() -> None:
    """Every rule of the identity of code is tried, several hundred edits in all."""
    assert len({case.name for case in CASES}) == len(CASES) > 400


def test_no_value_is_stale(states: States) -> None:
    """Whatever is edited, a call returns what the function returns now, unless the user has said otherwise."""
    stale = [
        f"{case.name}: {found.value} for {found.truth}"
        for case in CASES
        for state in states[1:]
        if (found := state[case.name]).value != found.truth and not (case.declared and state is states.after)
    ]
    assert stale == []


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_edit_between_processes(states: States, case: Case) -> None:
    """An edit that can change the result runs the function again, one that cannot does not."""
    before, after = states.before[case.name], states.after[case.name]
    assert not before.hit
    assert after.hit is case.hit
    assert (before.truth != after.truth) is case.differs


def test_old_results_are_found_again(states: States) -> None:
    """A → B → A: the results of code that is as it was are found, in another folder and process."""
    assert [case.name for case in CASES if not states.again[case.name].hit] == []


def test_what_runs_without_need_is_known() -> None:
    """What runs again though nothing changes is listed, each with its reason."""
    assert {case.name for case in CASES if not case.hit and not case.differs} == set(NEEDLESS)


def test_what_cannot_be_followed_is_said(states: States) -> None:
    """A warning says what cannot be followed, and nothing is warned of besides."""
    said = {
        case.name: [line for line in (*states.before[case.name].said, *states.after[case.name].said)
                    if "older code" not in line]
        for case in CASES
    }  # fmt: skip
    assert {name for name, lines in said.items() if lines} == set(SAID)
    assert [name for name, words in SAID.items() if not any(words in line for line in said[name])] == []


def test_black_over_a_whole_project(states: States, tmp_path: Path) -> None:
    """A formatter run over every file makes nothing run again."""
    if importlib.util.find_spec("black") is None:
        pytest.skip("black is not installed: pip install 'sweepable[test]'")
    shutil.copytree(states.folder / "c", tmp_path / "c")
    ugly = tmp_path / f"c/case{[case.name for case in CASES].index('ugly'):03}/lab.py"
    before = ugly.read_text()
    subprocess.run([sys.executable, "-m", "black", "-q", ".", "--line-length=60"], cwd=tmp_path / "c", check=True)
    assert ugly.read_text() != before
    found = run_written(tmp_path / "c", CASES, 0, seed=4, store=states.folder / "store")
    assert [name for name, known in found.items() if not known.hit or known.value != known.truth] == []
