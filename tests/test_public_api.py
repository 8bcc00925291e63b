"""The public names: what is there, that nothing else shows, and what importing costs."""

from __future__ import annotations

import inspect
import types

import pytest

import sweepable
from running import RunScript
from sweepable import errors


def test_what_is_visible_is_what_is_public() -> None:
    """``from sweepable import *`` gives everything that a user needs, and ``dir`` shows modules beside it at most."""
    visible = {name for name in dir(sweepable) if not name.startswith("_")}
    modules = {name for name in visible if isinstance(getattr(sweepable, name), types.ModuleType)}
    helpers = {"Any", "ModuleType", "TYPE_CHECKING", "annotations", "import_module", "sys"}
    assert visible - modules - helpers == set(sweepable.__all__)
    assert list(sweepable.__all__) == sorted(sweepable.__all__)


def test_every_error_and_warning_is_public() -> None:
    """Whatever sweepable raises or warns of can be caught by a public name."""
    classes = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert classes <= set(sweepable.__all__)


@pytest.mark.parametrize("name", sweepable.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    """Each has a docstring, and so has each public method of each public class."""
    found = getattr(sweepable, name)
    assert inspect.getdoc(found)
    if inspect.isclass(found) and found.__module__ != errors.__name__:
        own = {n: v for n, v in vars(found).items() if not n.startswith("_") and callable(v)}
        assert [n for n, v in own.items() if not inspect.getdoc(v)] == []


def test_the_module_is_callable_and_stays_a_module() -> None:
    """``@sweepable(...)`` is ``@sweepable.cache(...)``; tools see an ordinary module."""
    assert isinstance(sweepable, types.ModuleType) and inspect.ismodule(sweepable)
    assert callable(sweepable)
    assert repr(sweepable).startswith("<module 'sweepable' from")


def test_importing_opens_nothing_and_imports_little(run_script: RunScript) -> None:
    """No store, no pandas, joblib, tqdm or SQLite tools before they are needed; no thread, no handler, no warning."""
    source = """
        import logging, os, sys, threading, warnings
        warnings.simplefilter("error")
        before = set(os.listdir("."))
        import numpy
        import sweepable

        @sweepable.cache(y=float)
        def f(x=1.0):
            return x

        heavy = {"pandas", "joblib", "tqdm", "sqlite_utils", "cloudpickle", "scipy", "asyncio", "xarray", "torch"}
        print(sorted(heavy & set(sys.modules)), set(os.listdir(".")) - before, threading.active_count())
        print(logging.getLogger("sweepable").handlers, os.path.exists(os.environ["SWEEPABLE_STORE"]))
        print(f(2.0), sorted(heavy & set(sys.modules)))
    """
    first, second, third = run_script(source, name="lab.py").stdout.splitlines()
    assert (first, second) == ("[] set() 1", "[] False")
    assert third == "2.0 []"


def test_importing_and_decorating_cost_little_beyond_numpy(run_script: RunScript) -> None:
    """What costs milliseconds to import, of the standard library too, is imported when a value or a fault needs it."""
    source = """
        import sys
        import numpy
        before = set(sys.modules)
        import lab
        print(*sorted(set(sys.modules) - before))
    """
    lab = """
        import sweepable

        @sweepable.cache(y=float)
        def f(x=1.0):
            return x
    """
    found = set(run_script(source, files={"lab.py": lab}).stdout.split())
    assert "sweepable.function" in found
    paths_and_numbers = {"pathlib", "decimal", "fractions", "uuid", "array", "unicodedata"}
    faults = {"logging", "traceback", "difflib"}
    workers = {"concurrent", "concurrent.futures", "multiprocessing", "queue", "signal", "subprocess", "heapq"}
    assert not found & (paths_and_numbers | faults | workers)
    assert not found & {"sweepable.executors", "sweepable.explain", "sweepable.identity.paths"}


def test_what_tells_of_faults_is_there_once_a_store_is_open(run_script: RunScript) -> None:
    """A program that can open no further file still gets its values: to say what is wrong, nothing is imported."""
    source = """
        import sys
        import sweepable

        @sweepable.cache
        def f(x=1.0):
            return x

        f()
        print({"logging", "traceback"} <= set(sys.modules))
    """
    assert run_script(source, name="lab.py").stdout.split() == ["True"]
