"""``version=``, ``track=`` and ``packages=``: what an author decides about a function's code, held to and no more."""

from __future__ import annotations

import functools
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript, shown
from sweepable.identity import installed

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*byte code:sweepable.UntrackedCode"),
    pytest.mark.filterwarnings("ignore::sweepable.StaleResults"),
]


def made(source: str, name: str, **namespace: Any) -> Any:
    """Something from a source that is a module of its own."""
    module = types.ModuleType("__main__")
    module.__dict__.update(namespace, sweepable=sweepable, functools=functools)
    exec(source, module.__dict__)
    return getattr(module, name)


# -- a pin holds


DECORATED = """
K = {k}
def timed(f):
    @functools.wraps(f)
    def w(*args, **kwargs):
        return f(*args, **kwargs)
    return w
@sweepable.cache(version="1")
{decorators}
def g(x=1.0):
    return x * K + {body}
@sweepable.cache
def caller(x=1.0):
    return g(x)
"""


@pytest.mark.parametrize(
    "decorators", ["", "@timed", "@timed\n@timed", "@functools.lru_cache", "@functools.lru_cache\n@timed"]
)
@pytest.mark.parametrize("name", ["g", "caller"])
def test_a_pinned_function_is_pinned_under_its_other_decorators(decorators: str, name: str) -> None:
    """Neither its code nor that of what is above it counts, for itself and for callers; the pin does."""
    texts = [DECORATED.format(k=k, body=body, decorators=decorators) for k, body in ((1, 1), (1, 2), (5, 1))]
    found = {made(text, name).version().digest for text in texts}
    assert len(found) == 1
    assert made(texts[0].replace('"1"', '"2"'), name).version().digest not in found


# -- what it holds is data, and counts as it is now


def test_a_closure_variable_bound_anew_is_seen() -> None:
    """A pinned function that a factory made is not served what came from the value before."""

    def make(n: float) -> Any:
        @sweepable.cache(version="1")
        def scaled(x: float) -> float:
            return n * x

        def rebind(value: float) -> None:
            nonlocal n
            n = value

        return scaled, rebind

    scaled, rebind = make(2.0)
    assert scaled(1.0) == 2.0
    rebind(3.0)
    assert scaled(1.0) == 3.0
    rebind(2.0)
    assert scaled.explain(1.0).hit and scaled(1.0) == 2.0


def test_a_closure_variable_changed_in_place_is_seen() -> None:
    """A config dict, an array, at any depth."""

    def make(config: Any) -> Any:
        @sweepable.cache(version="1")
        def scaled(x: float) -> float:
            return float(config["n"][0] * x)

        return scaled

    config = {"n": np.array([2.0])}
    scaled = make(config)
    assert scaled(1.0) == 2.0
    config["n"][0] = 3.0
    assert scaled(1.0) == 3.0 == make({"n": np.array([3.0])})(1.0)


@pytest.mark.filterwarnings("error::sweepable.TaintedCall")
def test_a_counter_in_a_closure_is_told_and_can_be_left_out() -> None:
    """A run that changes what its function holds is tainted, as without a pin; ``ignore_globals=`` is the way out."""

    def make(**options: Any) -> Any:
        count = 0

        @sweepable.cache(version="1", **options)
        def counts(x: float) -> float:
            nonlocal count
            count += 1
            return x

        return counts

    with pytest.raises(sweepable.TaintedCall, match="ignore_globals"):
        make()(1.0)
    counts = make(ignore_globals=["count"])
    assert counts(1.0) == 1.0 and counts.explain(1.0).hit


class Model:
    """Holds a number, and has it in all that it does."""

    def __init__(self, n: float) -> None:
        self.n = n

    def method(self, x: float) -> float:
        return self.n * x

    def __call__(self, x: float) -> float:
        return self.n * x


def base(n: float, x: float) -> float:
    return n * x


HOLDERS = {
    "a partial": lambda n: functools.partial(base, n),
    "a partial by name": lambda n: functools.partial(base, n=n),
    "a partial of a partial": lambda n: functools.partial(functools.partial(base), n),
    "a method": lambda n: Model(n).method,
    "an instance": Model,
    "a partial of a method": lambda n: functools.partial(Model(n).method),
    "a lambda": lambda n: lambda x: n * x,
    "a wrapped lambda": lambda n: functools.lru_cache(lambda x: n * x),
}


@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
def test_what_a_callable_holds_counts_though_it_is_pinned(holder: Any) -> None:
    """Two partials, methods or instances of one name and pin are not one function, nor for who calls them."""
    one, two = (sweepable.cache(holder(n), version="1", name="pinned") for n in (2.0, 3.0))
    assert (one(x=5.0), two(x=5.0)) == (10.0, 15.0)
    callers = [
        made("@sweepable.cache\ndef caller(x):\n    return inner(x=x)", "caller", inner=inner) for inner in (one, two)
    ]
    assert [caller(5.0) for caller in callers] == [10.0, 15.0]


@pytest.mark.parametrize("held", [{"a": 1}, [1, 2], np.zeros(3), 1.0, None, (1, "x")], ids=shown)
def test_an_equal_value_is_the_same_version(held: Any) -> None:
    """What a pinned function holds counts by content: a hit in the next process."""
    import copy

    def make(value: Any) -> Any:
        @sweepable.cache(version="1")
        def uses(x: float = 1.0) -> str:
            return f"{value}"

        return uses

    one = make(held)
    one()
    assert make(copy.deepcopy(held)).explain().hit and one.version() is one.version()


# -- packages


def test_packages_count_though_the_code_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The author asked for both."""

    def digests() -> tuple[str, str]:
        pinned = made("@sweepable.cache(version='1', packages=['numpy'])\ndef g(x=1):\n    return x", "g")
        caller = made("@sweepable.cache\ndef caller(x=1):\n    return g(x)", "caller", g=pinned)
        return pinned.version().digest, caller.version().digest

    before = digests()
    assert before == digests()
    monkeypatch.setattr(installed, "installed", lambda package: "99.0")
    after = digests()
    assert before[0] != after[0] and before[1] != after[1]


def test_a_package_may_be_named_as_it_is_imported(run_script: RunScript) -> None:
    """And counts by the same version whether or not it has been imported already."""
    source = """
        import sys
        import sweepable

        @sweepable.cache(packages=["sklearn"])
        def f(x=1.0):
            import sklearn
            return sklearn.__version__

        before = f.version().digest
        loaded = "sklearn" in sys.modules
        value = f()
        again = sweepable.cache(packages=["sklearn"])(f.__wrapped__)
        found = f.version().nodes[-1].summary
        print(loaded, before == again.version().digest, found.endswith(value), f.version().untracked)
    """
    assert run_script(source, name="lab.py").stdout.split(" ", 3)[1:] == ["True", "True", "()\n"]


def test_the_order_of_packages_does_not_count() -> None:
    """A set of names, however it is written."""
    options = [["numpy", "pandas"], ["pandas", "numpy"], ("pandas", "numpy", "numpy"), {"numpy", "pandas"}]
    assert len({sweepable.cache(base, packages=names).version().digest for names in options}) == 1


def test_a_package_that_is_not_there_is_named() -> None:
    """A misspelled name would count for nothing, silently."""
    f = made("@sweepable.cache(packages=['nunpy'])\ndef f(x=1):\n    return x", "f")
    with pytest.warns(sweepable.UntrackedCode, match="packages= names 'nunpy', which is not installed here"):
        f()
    assert "'nunpy'" in str(f.explain())


# -- track


def test_a_module_to_be_followed_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelled name would follow nothing, silently; one that is there, imported or not, is followed."""
    f = made("@sweepable.cache(track=['scypi.linalg'])\ndef f(x=1):\n    return x", "f")
    with pytest.warns(sweepable.UntrackedCode, match="track= names 'scypi.linalg', which is no module here"):
        f()
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "followed_lab.py").write_text("def g(x):\n    return x\n")
    assert sweepable.cache(base, track=["followed_lab", "numpy.linalg"]).version().untracked == ()
