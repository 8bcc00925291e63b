"""Two states of small projects, run in fresh processes over one store: what hit, what ran, and whether it was true."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from running import script_environment, write_files

Files: TypeAlias = str | Mapping[str, str]

RUNNER = """
import importlib, json, sys, traceback, warnings
import sweepable

def look(name, place, arguments):
    module = importlib.import_module(place.rpartition(":")[0])
    function = getattr(module, place.rpartition(":")[2])
    if not hasattr(function, "callee"):
        function = sweepable.cache(function, name=name)
    call = eval(f"lambda function: function({arguments})", vars(module))
    hit = call(function.peek) is not None
    value = call(function)
    return {"hit": hit, "value": repr(value), "truth": repr(call(function.__wrapped__))}

found = {}
for name, (place, arguments) in json.load(open("cases.json")).items():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found[name] = look(name, place, arguments)
        except Exception:
            found[name] = {"error": traceback.format_exc()}
    found[name]["said"] = [str(warning.message) for warning in said]
json.dump(found, open("found.json", "w"))
"""


class Case(NamedTuple):
    """An edit. A text is the module ``lab``; PKG is the name of the package that it lies in."""

    name: str
    #: Whether the second state finds the result of the first.
    hit: bool
    before: Files
    after: Files
    #: What the function is called with, as written.
    arguments: str = "2"
    #: Where the function is.
    places: tuple[str, str] = ("lab:f", "lab:f")
    #: Whether the result differs between the states. A change of code that cannot matter here still runs.
    differs: bool = True
    #: The user has declared that the change does not count: a hit, though the result would be another.
    declared: bool = False


class Found(NamedTuple):
    """What one case did in one process."""

    hit: bool
    value: str
    truth: str
    said: list[str]


def _edited(text: Files, old: str, new: str) -> Files:
    files = {"lab.py": text} if isinstance(text, str) else text
    assert any(old in content for content in files.values()), old
    return {path: content.replace(old, new) for path, content in files.items()}


def runs(name: str, text: Files, old: str, new: str, arguments: str = "2", **more: object) -> Case:
    """A piece of text is replaced, wherever it is, and the function runs again."""
    return Case(name, False, text, _edited(text, old, new), arguments, **more)  # type: ignore[arg-type]


def rests(name: str, text: Files, old: str, new: str, arguments: str = "2", **more: object) -> Case:
    """A piece of text is replaced, wherever it is, and the result is found."""
    more = {"differs": False} | more
    return Case(name, True, text, _edited(text, old, new), arguments, **more)  # type: ignore[arg-type]


def run_state(folder: Path, cases: Sequence[Case], state: int, *, seed: int, store: Path) -> dict[str, Found]:
    """Write one state of all cases and run it in one process of its own; a case that fails, fails here."""
    for number, case in enumerate(cases):
        package, text = _package(number), (case.before, case.after)[state]
        files = {"lab.py": text} if isinstance(text, str) else text
        dressed = {
            path.replace("PKG", package): textwrap.dedent(content).replace("PKG", package)
            for path, content in files.items()
        }
        write_files(folder / package, {"__init__.py": "", **dressed})
    return run_written(folder, cases, state, seed=seed, store=store)


def run_written(folder: Path, cases: Sequence[Case], state: int, *, seed: int, store: Path) -> dict[str, Found]:
    """Run a state that is written already."""
    packages = [_package(number) for number in range(len(cases))]
    places = {
        package: (f"{package}.{case.places[state]}", case.arguments)
        for package, case in zip(packages, cases, strict=True)
    }
    found = dict(zip((case.name for case in cases), _run(folder, places, seed, store).values(), strict=True))
    failed = [f"{name}\n{known['error']}" for name, known in found.items() if "error" in known]
    assert not failed, "\n".join(failed)
    return {name: Found(**known) for name, known in found.items()}


def _package(number: int) -> str:
    return f"case{number:03}"


def _run(folder: Path, places: Mapping[str, tuple[str, str]], seed: int, store: Path) -> dict[str, dict[str, Any]]:
    write_files(folder, {"cases.json": json.dumps(places), "runner.py": RUNNER})
    done = subprocess.run(
        [sys.executable, "runner.py"],
        cwd=folder,
        env=script_environment(store, seed),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, dict[str, Any]] = json.loads((folder / "found.json").read_text())
    return found
