"""Options of a cached function: they hold for all that is reached through it, wherever it is reached from."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript
from sweepable.identity.code import CodeIdentity, describe
from sweepable.identity.values import Encoder

Load = Callable[..., ModuleType]
NUMBERS = itertools.count()

#: How ``outer`` comes by ``inner``, with the option under test in the place of OPTION.
WAYS = {
    "called": """
        @sweepable.cache(OPTION)
        def inner(x):
            return use(x)
        @sweepable.cache
        def outer(x):
            return inner(x) + 1
    """,
    "called by a helper": """
        @sweepable.cache(OPTION)
        def inner(x):
            return use(x)
        def helper(x):
            return inner(x)
        @sweepable.cache
        def outer(x):
            return helper(x) + 1
    """,
    "through another cached function": """
        @sweepable.cache(OPTION)
        def inner(x):
            return use(x)
        @sweepable.cache
        def middle(x):
            return inner(x)
        @sweepable.cache
        def outer(x):
            return middle(x) + 1
    """,
    "in a dict": """
        @sweepable.cache(OPTION)
        def inner(x):
            return use(x)
        HOOKS = {"a": [inner], "b": {inner}}
        @sweepable.cache
        def outer(x):
            return HOOKS["a"][0](x)
    """,
    "the default of a helper": """
        @sweepable.cache(OPTION)
        def inner(x):
            return use(x)
        def helper(x, call=inner, *, again=inner):
            return call(x)
        @sweepable.cache
        def outer(x):
            return helper(x)
    """,
    "a partial": """
        import functools
        @sweepable.cache(OPTION)
        def inner(x, y=1):
            return use(x)
        half = functools.partial(inner, y=2)
        @sweepable.cache
        def outer(x):
            return half(x)
    """,
    "an upstream with parameters fixed": """
        @sweepable.cache(OPTION)
        def inner(x, y=1):
            return use(x)
        PART = {"a": inner.partial(y=2), "b": inner["value"]}
        @sweepable.cache
        def outer(x):
            return PART["a"](x)
    """,
    "decorated once more": """
        import functools
        def twice(function):
            @functools.wraps(function)
            def wrapper(*args):
                return 2 * function(*args)
            return wrapper
        @twice
        @sweepable.cache(OPTION)
        def inner(x):
            return use(x)
        @sweepable.cache
        def outer(x):
            return inner(x)
    """,
    "a closure": """
        def make():
            @sweepable.cache(OPTION)
            def inner(x):
                return use(x)
            def call(x):
                return inner(x)
            return call
        call = make()
        @sweepable.cache
        def outer(x):
            return call(x)
    """,
    "upstream= of a cached function": """
        @sweepable.cache(OPTION)
        def inner(x=1.0):
            return use(x)
        def plain(y, gain=1.0):
            return y * gain
        scaled = sweepable.cache(plain, upstream={"y": inner["value"]})
        @sweepable.cache
        def outer(x):
            return scaled(gain=x)
    """,
    "depends_on": """
        @sweepable.cache(OPTION)
        def inner(x):
            return use(x)
        @sweepable.cache(depends_on=inner)
        def middle(x):
            return x
        @sweepable.cache
        def outer(x):
            return middle(x)
    """,
    "a recursion": """
        @sweepable.cache(OPTION)
        def inner(x):
            return use(x) if x < 1 else outer(x - 1)
        @sweepable.cache
        def outer(x):
            return inner(x)
    """,
    "a method of an instance": """
        class Motor:
            gain = 2
            @sweepable.cache(OPTION)
            def inner(self, x):
                return use(x)
        MOTOR = Motor()
        @sweepable.cache
        def outer(x):
            return MOTOR.inner(x)
    """,
    "a bound method": """
        class Motor:
            gain = 2
            @sweepable.cache(OPTION)
            def inner(self, x):
                return use(x)
        CALL = Motor().inner
        @sweepable.cache
        def outer(x):
            return CALL(x)
    """,
    "a static method": """
        class Motor:
            @staticmethod
            @sweepable.cache(OPTION)
            def inner(x):
                return use(x)
        @sweepable.cache
        def outer(x):
            return Motor.inner(x)
    """,
}
LOG = """
    LOG = []
    def use(x):
        LOG.append(x)
        return x
"""


def of(text: str, option: str, *, use: str = "def use(x): return x") -> str:
    """A project: a way to come by ``inner``, which has the option and calls ``use``."""
    parts = (use, text.replace("OPTION", option))
    return "import sweepable\n" + "\n".join(map(textwrap.dedent, parts))


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a source text as the module ``lab``, as if it had been edited since."""
    monkeypatch.setattr("sweepable.notices._said", set())

    def imported(text: str, name: str = "lab") -> ModuleType:
        file = tmp_path / f"{next(NUMBERS)}.py"
        file.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return imported


def both(function: Any) -> tuple[str, str]:
    """The version of a function, by syntax tree and by byte code."""
    version = function.callee.complete(function.version())
    return version.digest, version.fingerprint


def digest_of(value: object) -> bytes:
    return Encoder(describe).encode(value)


# -- ignore_globals


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_what_a_function_ignores_its_callers_ignore(load: Load, way: str) -> None:
    """A log that a cached function is told to ignore neither taints nor changes what calls it."""
    lab = load(of(way, "ignore_globals=['LOG']", use=LOG))
    before = both(lab.outer)
    lab.LOG.append(1)
    assert lab.outer.callee.changed_since_version() is None
    assert both(lab.outer) == before == both(load(of(way, "ignore_globals=['LOG']", use=LOG)).outer)
    vars(lab)["LOG"] = {}
    assert both(lab.outer) == before
    careful = load(of(way, "", use=LOG))
    logged = both(careful.outer)
    careful.LOG.append(1)
    assert both(careful.outer) != logged


def test_what_is_reached_by_another_way_counts(load: Load) -> None:
    """A global that one function ignores counts where it is reached without it."""
    text = """
        import sweepable
        SHARED = [1]
        def read():
            return SHARED[0]
        @sweepable.cache(ignore_globals=["SHARED"])
        def inner(x):
            return x + read()
        @sweepable.cache
        def outer(x):
            return inner(x) + 1
        @sweepable.cache
        def other(x):
            return inner(x) + read()
    """
    lab = load(text)
    outer, other = both(lab.outer), both(lab.other)
    lab.SHARED.append(2)
    assert (both(lab.outer) == outer, both(lab.other) == other) == (True, False)


def test_one_function_cached_twice(load: Load) -> None:
    """Two cached forms of one function each keep their own options, for whoever calls them."""
    text = """
        import sweepable
        LOG = []
        def plain(x):
            LOG.append(x)
            return x
        careless = sweepable.cache(plain, ignore_globals=["LOG"])
        careful = sweepable.cache(plain)
        pinned = sweepable.cache(plain, version="1")
        @sweepable.cache
        def uses_careless(x):
            return careless(x)
        @sweepable.cache
        def uses_careful(x):
            return careful(x)
        @sweepable.cache
        def uses_all(x):
            return careless(x), pinned(x), careful(x)
        @sweepable.cache
        def uses_two(x):
            return careless(x), pinned(x)
    """
    lab = load(text)
    functions = (lab.careless, lab.careful, lab.pinned, lab.uses_careless, lab.uses_careful, lab.uses_all, lab.uses_two)
    before = [function.version().digest for function in functions]
    described = [digest_of(function) for function in functions]
    lab.LOG.append(1)
    same = [function.version().digest == digest for function, digest in zip(functions, before, strict=True)]
    assert same == [True, False, True, True, False, False, True]
    assert same == [digest_of(function) == old for function, old in zip(functions, described, strict=True)]
    assert len(set(before)) == len(functions)


def test_a_name_that_is_ignored_is_not_spoken_of(load: Load) -> None:
    """A counter that a function binds itself is named only while it is not left out."""
    text = """
        import sweepable
        COUNT = 0
        @sweepable.cache(OPTION)
        def inner(x):
            global COUNT
            COUNT += 1
            return x
        @sweepable.cache
        def outer(x):
            return inner(x)
    """
    assert "COUNT" in load(text.replace("OPTION", "")).outer.version().untracked[0]
    assert load(text.replace("OPTION", "ignore_globals='COUNT'")).outer.version().untracked == ()


def test_a_call_that_logs_through_another_is_a_hit(load: Load, recwarn: pytest.WarningsRecorder) -> None:
    """A function whose helper is cached and ignores its log runs once, and nothing is said of it."""
    lab = load(of(WAYS["called"], "ignore_globals=['LOG']", use=LOG))
    assert (lab.outer(1.0), lab.outer(1.0), lab.LOG) == (2.0, 2.0, [1.0])
    assert lab.outer.select().count() == 1
    assert not recwarn.list


# -- version


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_pin_holds_for_callers(load: Load, way: str) -> None:
    """The code of a function that is pinned by hand does not count for what calls it; another pin does."""
    before = both(load(of(way, "version='1'")).outer)
    edited = both(load(of(way, "version='1'", use="def use(x): return x + 1")).outer)
    repinned = both(load(of(way, "version='2'")).outer)
    unpinned = both(load(of(way, "")).outer)
    assert before == edited
    assert len({before, repinned, unpinned}) == len({before[1], repinned[1], unpinned[1]}) == 3


def test_a_pinned_function_counts_by_its_name_and_defaults(load: Load) -> None:
    """Pinning says nothing of which function is called, with which defaults, and on which upstream calls."""
    text = """
        import sweepable
        @sweepable.cache
        def ref(a=1.0):
            return a
        @sweepable.cache(version="1")
        def one(x=1, ref=ref):
            return x
        @sweepable.cache(version="1")
        def two(x=1, ref=ref):
            return x
        CALL = [one]
        @sweepable.cache
        def outer(x):
            return CALL[0]()
    """
    edits = [("[one]", "[two]"), ("one(x=1", "one(x=2"), ("return a", "return 2 * a"), ("return x\nC", "return 5\nC")]
    text = textwrap.dedent(text)
    found = [both(load(text.replace(*edit)).outer) for edit in [("", ""), *edits]]
    assert all(old in text for old, _ in edits)
    assert len(set(found[:4])) == 4
    assert found[4] == found[0]


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
def test_a_pin_does_not_make_one_function_of_two(load: Load) -> None:
    """What one factory makes, and functions of one name in two modules, stay apart for who calls them."""
    text = """
        import sweepable
        def make(n):
            @sweepable.cache(version="1")
            def inner(x):
                return x * n
            return inner
        times = make(2)
        @sweepable.cache
        def outer(x):
            return times(x)
    """
    lab, other = load(text), load(text.replace("make(2)", "make(3)"))
    assert (lab.outer(1.0), other.outer(1.0)) == (2.0, 3.0)
    before = both(lab.outer)
    lab.times.__wrapped__.__closure__[0].cell_contents = 3
    assert before != both(lab.outer) == both(other.outer)
    assert both(load(text).outer) == before != both(load(text, "elsewhere").outer)


def test_a_pinned_callback(load: Load) -> None:
    """As an argument, too, a pinned function counts by its pin."""
    pins = [("1", "x"), ("1", "0"), ("2", "x")]
    texts = [of(WAYS["called"], f"version={pin!r}", use=f"def use(x): return {x}") for pin, x in pins]
    one, edited, repinned = (digest_of({"f": load(text).inner}) for text in texts)
    assert one == edited != repinned


@pytest.mark.parametrize("held", ["Motor()", "[Motor().inner]", "Motor", "Motor().inner"])
def test_an_instance_with_a_cached_method_as_an_argument(load: Load, held: str) -> None:
    """The options of a cached method hold where its class comes with an argument."""
    way = WAYS["a method of an instance"]

    def given(option: str, use: str = LOG) -> tuple[ModuleType, Any, bytes]:
        lab = load(of(way, option, use=use))
        value = eval(held, vars(lab))
        return lab, value, digest_of(value)

    lab, value, before = given("ignore_globals=['LOG']")
    lab.LOG.append(1)
    assert digest_of(value) == before
    careful, value, before = given("")
    careful.LOG.append(1)
    assert digest_of(value) != before
    pins = [("1", "x"), ("1", "0"), ("2", "x")]
    pinned, edited, repinned = (given(f"version={pin!r}", f"def use(x): return {x}")[2] for pin, x in pins)
    assert pinned == edited != repinned


# -- track and packages


@pytest.mark.parametrize("way", ["called", "in a dict", "a method of an instance", "upstream= of a cached function"])
def test_what_a_function_tracks_counts_for_callers(run_script: RunScript, way: str) -> None:
    """An installed package that a function is told to follow is followed for its callers, and only through it."""
    use = "import installed\ndef use(x): return installed.g(x)"
    source = """
        import sys
        sys.path.insert(0, "site-packages")
        import tracked, untracked
        print(*(module.outer.version().digest for module in (tracked, untracked)))
    """
    files = {"tracked.py": of(WAYS[way], "track='installed'", use=use), "untracked.py": of(WAYS[way], "", use=use)}
    bodies = ["def g(x):\n    return x + 1", "def g(x):\n    return x + 2"]
    before, after = (
        run_script(source, files=files | {"site-packages/installed.py": body}).stdout.split() for body in bodies
    )
    assert (before[0] == after[0], before[1] == after[1]) == (False, True)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_packages_that_count_for_a_function_count_for_callers(load: Load, way: str) -> None:
    """The version of a package that is part of a function's own version is part of its callers'."""
    texts = [of(way, option) for option in ("packages='numpy'", "packages='numpy'", "packages='pandas'", "")]
    one, again, other, none = (both(load(text).outer) for text in texts)
    assert one == again
    assert len({one, other, none}) == 3


# -- upstream=, depends_on= and declared outputs


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
def test_code_upstream_of_a_helper_counts(load: Load) -> None:
    """A caller of a cached function is not served what came from older code upstream of it."""
    way, use = WAYS["upstream= of a cached function"], "def use(x): return x * FACTOR"
    values = [load(of(way, "", use=use.replace("FACTOR", factor))).outer(3.0) for factor in ("2", "5")]
    assert values == [6.0, 15.0]


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
def test_declared_outputs_count_where_records_are_read(load: Load) -> None:
    """A function that reads an output by name is not served what another output of that name gave."""
    text = """
        import sweepable
        @sweepable.cache(low=float, high=float)
        def inner(x):
            return x, 10 * x
        high = inner["high"]
        @sweepable.cache
        def outer(x):
            return inner.get_or_run(x).high
        @sweepable.cache
        def taken(x):
            return high(x)
        @sweepable.cache
        def plain(x):
            return inner(x)
    """
    one, other = load(text), load(text.replace("low=float, high=float", "high=float, low=float"))
    assert (one.outer(1.0), one.taken(1.0)) == (10.0, 10.0)
    assert (other.outer(1.0), other.taken(1.0)) == (1.0, 1.0)
    assert both(one.plain) == both(other.plain)


def test_attributes_of_a_cached_function_count(load: Load) -> None:
    """A constant kept on a cached function is one like any other."""
    text = """
        import sweepable
        @sweepable.cache
        def inner(x):
            return x
        inner.scale = 2
        @sweepable.cache
        def outer(x):
            return inner(x) * inner.scale
    """
    lab, other = load(text), load(text.replace("scale = 2", "scale = 3"))
    before = both(lab.outer)
    assert len({before, both(other.outer)}) == 2
    lab.inner.scale = 3
    assert both(lab.outer) == both(other.outer)
    del lab.inner.scale
    assert both(lab.outer) not in (before, both(other.outer))


# -- in another process

SENT = """
import cloudpickle, functools
import sweepable

LOG, COUNT = [], 0

def use(x):
    LOG.append(x)
    return x

@sweepable.cache(ignore_globals=["LOG"])
def ignoring(x):
    return use(x)

@sweepable.cache(version="1")
def pinned(x=1.0, y=2):
    return use(x)

@sweepable.cache(packages=["numpy"])
def packaged(x):
    return x

scaled = sweepable.cache(lambda y, gain: y * gain, name="scaled", upstream={"y": pinned["value"]})

class Motor:
    gain = 3
    @sweepable.cache(ignore_globals=["LOG"])
    def run(self, x):
        return use(x) * self.gain

MOTOR, RUN = Motor(), Motor().run
HOOKS = {"a": pinned, "b": [ignoring], "c": functools.partial(packaged, 1)}

@sweepable.cache
def outer(x, hook=HOOKS["a"].partial(x=1)):
    return ignoring(x) + pinned(x) + scaled(gain=x) + MOTOR.run(x) + RUN(x) + HOOKS["c"]()

if __name__ == "__main__":
    with open("sent", "wb") as file:
        cloudpickle.dump((outer, outer.callee.complete(outer.version()), outer.key_of(2.0)), file)
"""
WORKER = """
import pickle, sys
outer, version, key = pickle.load(open("sent", "rb"))
space = outer.__wrapped__.__globals__
exec(sys.argv[1])
print(outer.callee.adopt(version))
print(outer.version().digest == version.digest, outer.key_of(2.0) == key)
outer(2.0)
print(outer.callee.changed_since_version())
"""


def test_a_worker_holds_to_the_same_options(run_script: RunScript) -> None:
    """A function sent to another process has the same version and keys there, whatever its helpers' logs hold."""
    run_script(SENT, name="experiment.py")
    for change in (
        "pass",
        "space['LOG'].append(1)",
        "space['pinned'].__wrapped__.__code__ = (lambda x, y: 7).__code__",
    ):
        said = run_script(WORKER, name="worker.py", arguments=(change,)).stdout.split("\n")
        assert said[:3] == ["None", "True True", "None"]


def test_a_worker_refuses_another_pin(run_script: RunScript) -> None:
    """A worker whose helper is pinned to another version does not pass for the parent."""
    run_script(SENT, name="experiment.py")
    change = "import sweepable; space['pinned'] = sweepable.cache(space['pinned'].__wrapped__, version='2')"
    said = run_script(WORKER, name="worker.py", arguments=(change,)).stdout.split("\n")
    assert said[0].startswith("outer: refers to something else")
    assert said[1] == "False False"


# -- callbacks that cannot be followed, and packages that were changed

STREAM = iter([1, 2])


def reads_stream(x: Any) -> Any:
    return x, STREAM


def test_what_cannot_be_followed_in_a_callback_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback that depends on something without content is an argument all the same; it is said once."""
    monkeypatch.setattr("sweepable.notices._said", set())

    @sweepable.cache
    def outer(callback: Any) -> int:
        return 1

    with pytest.warns(sweepable.UntrackedCode, match="callback: STREAM.*list_iterator") as said:
        outer(reads_stream)
    assert len(said) == 1
    outer(reads_stream)
    outer(functools.partial(len, "a"))


def mine(x: Any) -> Any:
    return x


def uses_numpy(x: Any) -> Any:
    return np.linalg.norm(x)


def imports_numpy(x: Any) -> Any:
    from numpy.linalg import norm

    return norm(x)


@pytest.mark.parametrize("function", [uses_numpy, imports_numpy])
def test_a_function_put_into_a_package_counts(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user binds in a package's module in the place of its own is code like any other."""
    identity = CodeIdentity(function)
    before = identity.complete()
    with monkeypatch.context() as patch:
        patch.setattr(np.linalg, "norm", mine)
        patched = identity.complete()
        patch.setattr(np.linalg, "norm", lambda x: x + 1)
        again = identity.complete()
        assert CodeIdentity(function).version().digest == again.digest
    assert len({before.digest, patched.digest, again.digest}) == 3
    assert len({before.fingerprint, patched.fingerprint, again.fingerprint}) == 3
    assert identity.version().digest == before.digest
