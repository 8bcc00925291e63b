"""Edits inside one running IPython: run, edit, run. Values are the truth, and only what has to run again does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from running import RunScript, script_environment

SESSION = Path(__file__).with_name("live_session.py")
#: Files of cases. A case is ``## name: what its calls of run() come to`` and cells, with ``# %%`` between them.
CASES = Path(__file__).with_name("live_edits")


class Case(NamedTuple):
    """Cells, and what the calls in them come to."""

    expected: str
    cells: str


def cases(file: Path) -> dict[str, Case]:
    """The cases of a file by name."""
    found: dict[str, Case] = {}
    for part in f"\n{file.read_text(encoding='utf-8')}".split("\n## ")[1:]:
        heading, _, cells = part.partition("\n")
        name, _, expected = heading.rpartition(": ")
        assert name not in found, name
        found[name] = Case(expected, f"{cells.strip()}\n")
    return found


GROUPS = {file.stem: cases(file) for file in sorted(CASES.glob("*.txt"))}
NAMES = [(group, name) for group, found in GROUPS.items() for name in found]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    """What came of all cases, each file of them in one IPython."""
    running = {}
    for group, found in GROUPS.items():
        folder = tmp_path_factory.mktemp(group)
        (folder / "cases.json").write_text(json.dumps({name: case.cells for name, case in found.items()}))
        running[group] = (
            folder,
            subprocess.Popen(
                [sys.executable, str(SESSION), "cases.json", "came.json"],
                cwd=folder,
                env=script_environment(folder / "store"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ),
        )
    told = {}
    for group, (folder, process) in running.items():
        output, _ = process.communicate(timeout=200)
        assert process.returncode == 0, output
        told[group] = json.loads((folder / "came.json").read_text())
    return told


def test_threads_while_a_constant_changes(run_script: RunScript) -> None:
    """Whatever threads do to a constant while others call, no result is stored under code that did not give it."""
    done = run_script(
        """
        import threading
        import warnings

        import sweepable

        warnings.simplefilter("ignore")
        K = 1

        @sweepable.cache
        def f(x):
            return (x, K)

        def call(numbers):
            for x in numbers:
                f(x)

        def change(numbers):
            global K
            for x in numbers:
                K = 3 - K
                f(x)

        threads = [threading.Thread(target=call, args=(range(n, n + 60),)) for n in (0, 1000)]
        threads.append(threading.Thread(target=change, args=(range(2000, 2060),)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wrong = 0
        for K in (1, 2):
            wrong += sum(rec.value[1] != K for rec in f.select())
            assert f.select().count()
        print(wrong)
        """
    )
    assert done.stdout.split() == ["0"]


def test_numba_compiles_globals_in(run_script: RunScript) -> None:
    """A constant that numba has compiled into a helper is compiled in anew when it has changed."""
    pytest.importorskip("numba")
    done = run_script(
        """
        import warnings

        import numba

        import sweepable

        warnings.simplefilter("ignore")
        K = 1

        @numba.njit
        def inner(x):
            return x + K

        @numba.njit
        def helper(x):
            return 10 * inner(x)

        @sweepable.cache
        def f(x):
            return helper(x)

        for K in (1, 2, 1):
            print(f.peek(1) is not None, f(1))
        """
    )
    assert done.stdout.splitlines() == ["False 20", "False 30", "True 20"]


@pytest.mark.parametrize(("group", "name"), NAMES, ids=[name for _, name in NAMES])
def test_live_edit(played: dict[str, dict[str, list[str]]], group: str, name: str) -> None:
    """Whatever is edited in a running session, a value is never stale, and what has not changed is not run again."""
    assert " ".join(played[group][name]) == GROUPS[group][name].expected


def test_threads_that_make_the_first_calls_of_a_process(run_script: RunScript) -> None:
    """What one thread's first call imports is no error in another one's, which comes while it is being imported."""
    done = run_script(
        """
        import importlib.abc
        import importlib.machinery
        import sys
        import threading
        import time

        import sweepable

        class Slow(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name != "sweepable.auditing":
                    return None
                spec = importlib.machinery.PathFinder.find_spec(name, path)
                execute = spec.loader.exec_module

                def slowly(module):
                    time.sleep(0.5)
                    execute(module)

                spec.loader.exec_module = slowly
                return spec

        sys.meta_path.insert(0, Slow())

        @sweepable.cache
        def f(x):
            return x

        threads = [threading.Thread(target=f, args=(x,)) for x in range(4)]
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        for thread in threads:
            thread.join()
        print(f.select().count())
        """
    )
    assert done.stdout.split() == ["4"] and "Error" not in done.stderr
