"""The same function wherever it stands shares its results; another function of the same name never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from running import RunScript

#: A function with all that a home could leak into: classes, an Enum, a NewType, a closure, a cached upstream.
STUDY = '''
import dataclasses, enum, functools, typing
import sweepable

Metres = typing.NewType("Metres", float)
GAIN = {"high": 3.0, "low": [1.0, 2.0]}

class Mode(enum.Enum):
    FAST = 1
    SLOW = 2

@dataclasses.dataclass
class Config:
    rate: float = 0.5
    mode: Mode = Mode.FAST

def scaled(factor):
    def around(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args) * factor
        return wrapper
    return around

@scaled(2)
def damp(x):
    """Damps."""
    return x * GAIN["high"] + Metres(1.0)

@sweepable.cache
def reference(amplitude=1.0):
    return damp(amplitude)

@sweepable.cache
def study(ref=reference, config=Config(), mode=Mode.SLOW, after=lambda y: y + 1):
    return after(ref.value * config.rate + mode.value)
'''

REPORT = """
print("found", study.peek() is not None, reference.peek() is not None, study())
"""

#: Runs a text in a cell of a real IPython shell.
CELLS = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
for cell in open("cells.txt").read().split("# %%"):
    done = shell.run_cell(cell, store_history=True)
    done.raise_error()
"""


def in_script(run_script: RunScript, folder: Path, name: str) -> str:
    """What the study reports as a script of its own."""
    return run_script(STUDY + REPORT, name=name, cwd=folder).stdout.strip()


def in_module(run_script: RunScript, folder: Path, name: str) -> str:
    """What the study reports when it is imported."""
    files = {f"{name.replace('.', '/')}.py": STUDY}
    return run_script(f"from {name} import *\n{REPORT}", name="main.py", cwd=folder, files=files).stdout.strip()


def in_notebook(run_script: RunScript, folder: Path) -> str:
    """What the study reports in the cells of a notebook, one for each definition."""
    text = STUDY.replace("\n\n", "\n\n# %%\n") + "# %%" + REPORT
    return run_script(CELLS, name="kernel.py", cwd=folder, files={"cells.txt": text}).stdout.strip()


@pytest.mark.parametrize("first", ["script", "module", "notebook"])
def test_same_code_in_any_place_shares_results(run_script: RunScript, tmp_path: Path, first: str) -> None:
    """A notebook cell, a script, an imported module and the same code in another folder share results."""
    truth = "7.0"
    runs = {
        "script": lambda: in_script(run_script, tmp_path / "one", "study.py"),
        "module": lambda: in_module(run_script, tmp_path / "two", "lab"),
        "notebook": lambda: in_notebook(run_script, tmp_path / "three"),
        "renamed script": lambda: in_script(run_script, tmp_path / "four/deep", "renamed.py"),
        "package": lambda: in_module(run_script, tmp_path / "five", "pack.inner.study"),
    }
    assert runs.pop(first)() == f"found False False {truth}"
    assert {name: run() for name, run in runs.items()} == dict.fromkeys(runs, f"found True True {truth}")


def test_renaming_and_moving_a_file_runs_nothing_again(run_script: RunScript, tmp_path: Path) -> None:
    """A file that is renamed or moved, with its folder or alone, keeps its results."""
    assert in_module(run_script, tmp_path / "p", "lab").startswith("found False")
    (tmp_path / "p/lab.py").rename(tmp_path / "p/other.py")
    done = run_script(f"from other import *\n{REPORT}", name="main.py", cwd=tmp_path / "p")
    assert done.stdout.startswith("found True")
    (tmp_path / "p/sub").mkdir()
    (tmp_path / "p/other.py").rename(tmp_path / "p/sub/lab.py")
    (tmp_path / "p").rename(tmp_path / "moved")
    done = run_script(f"from sub.lab import *\n{REPORT}", name="main.py", cwd=tmp_path / "moved")
    assert done.stdout.startswith("found True")


TWO_MODULES = {
    "one.py": "import sweepable\ndef h(x):\n    return x + 1\n@sweepable.cache\ndef f(x):\n    return h(x)\n",
    "two.py": "import sweepable\ndef h(x):\n    return x + 2\n@sweepable.cache\ndef f(x):\n    return h(x)\n",
}


def test_two_functions_of_one_name_never_share(run_script: RunScript) -> None:
    """Of two modules, of one module one after the other, in two classes: each has its own results, again and again."""
    source = """
        import one, two, sweepable

        @sweepable.cache
        def g(x):
            return x + 1
        first = g
        @sweepable.cache
        def g(x):
            return x + 2

        class A:
            k = 1
            @sweepable.cache
            def go(self, x):
                return x + self.k
        B, A = A, None
        class A:
            k = 2
            @sweepable.cache
            def go(self, x):
                return x + self.k

        def make(n):
            @sweepable.cache
            def inner(x):
                return x + n
            return inner
        lambdas = [sweepable.cache(lambda x: x + 1), sweepable.cache(lambda x: x + 2)]
        functions = [one.f, two.f, first, g, B().go, A().go, make(1), make(2), *lambdas]
        print([function.peek(1) is not None for function in functions])
        print([function(1) for function in functions])
    """
    for found in (False, True):
        lines = run_script(source, files=TWO_MODULES).stdout.splitlines()
        assert lines == [str([found] * 10), str([2, 3] * 5)]
