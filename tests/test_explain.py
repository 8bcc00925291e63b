"""`explain`: why a call hits or misses."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
import math
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript, shown
from sweepable.changes import CodeDifference, place_of
from sweepable.contrast import ParameterDifference
from sweepable.explanation import UpstreamDifference
from sweepable.identity import installed
from sweepable.model import CodeNode
from sweepable.store.location import current_store

SOURCE = """
import sweepable

K = 3


def damp(x):
    return x * K


def simulate(gain=2.0, order=1):
    return damp(gain) + order
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of the user's own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "explained_lab.py").write_text(SOURCE)
    yield importlib.import_module("explained_lab")
    sys.modules.pop("explained_lab")


def edited(lab: Any, *pairs: tuple[str, str]) -> Any:
    """The module with its text changed."""
    file = Path(lab.__file__)
    text = file.read_text()
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    file.write_text(text)
    importlib.invalidate_caches()
    return importlib.reload(lab)


def made(source: str, name: str, **namespace: Any) -> Any:
    """A cached function from a source that is a module of its own."""
    module = types.ModuleType("__main__")
    module.__dict__.update(namespace, sweepable=sweepable)
    exec(source, module.__dict__)
    return getattr(module, name)


def lines(explanation: object) -> list[str]:
    return [line.strip() for line in str(explanation).splitlines()]


@sweepable.cache
def plain(gain=2.0, order=1, method="euler", flag=False, size=None):
    return {"y": order}


# -- hits


def test_a_hit_says_when_it_ran(lab: Any) -> None:
    """A stored call is a hit, with its time and duration; a call that never ran is a miss."""
    simulate = sweepable.cache(lab.simulate)
    assert not simulate.explain().hit and "no call of simulate is stored" in str(simulate.explain())
    simulate()
    assert simulate.explain().hit and "hit: simulate(gain=2.0, order=1) ran on" in str(simulate.explain())
    assert "no call" in str(sweepable.cache(lab.damp).explain()), "a required argument is no obstacle"
    assert "arguments" in str(simulate.explain(gain=3.0))


def test_a_hit_says_where_it_ran_and_what_its_version_covers(lab: Any) -> None:
    """Host and Python; the functions, classes, values and packages that are reached, and what is not followed."""
    lab = edited(lab, ("K = 3", "K, TICKS = 3, (n for n in ())"), ("return x * K", "return x * K * bool(TICKS)"))

    class Scale:
        factor = 2

    @sweepable.cache
    def scaled(x: float = 1.0) -> Any:
        return np.abs(lab.damp(x)) * Scale.factor

    with pytest.warns(sweepable.UntrackedCode):
        scaled()
    found = scaled.explain()
    assert found.ran is not None and found.ran.host and found.ran.python in str(found) and found.ran.host in str(found)
    assert "lab.damp" in found.covers.functions and found.covers.classes == ("Scale",)
    assert "K" in found.covers.values and found.covers.packages == ("numpy",)
    assert found.ran.packages["numpy"] == np.__version__ and f"numpy {np.__version__}" in str(found)
    assert found.covers.untracked and f"not followed: {found.covers.untracked[0]}" in str(found)


def test_it_runs_nothing_and_stores_nothing() -> None:
    """Neither the call that is asked about, nor what is upstream of it."""
    runs: list[str] = []

    @sweepable.cache(ignore_globals=["runs"], ignore=["log"])
    def up(x: float = 1.0, log: Any = runs) -> Any:
        log.append("up")
        return {"z": x}

    @sweepable.cache
    def down(u: Any = up, gain: float = 1.0) -> Any:
        return u.z * gain

    for _ in range(2):
        assert not down.explain(u__x=7.0).hit
    assert runs == [] and down.peek() is None and up.peek() is None


def test_a_function_that_moved_and_changed_is_another_one(run_script: RunScript) -> None:
    """Where calls of a function of that name are stored from elsewhere, that is said."""
    source = "import sweepable\n@sweepable.cache\ndef f(x=1.0):\n    return x + {}\n"
    run_script("import one\none.f()", files={"one.py": source.format(1)})
    done = run_script("import two\nprint(two.f.explain())", files={"two.py": source.format(2)})
    assert "no call of f is stored of two; those of one are of another function of this name" in done.stdout


# -- another parameter


@pytest.mark.parametrize(
    ("stored", "asked", "expected"),
    [
        (0.3, 0.1 + 0.2, "gain: 0.30000000000000004, stored 0.3: differs by 5.6e-17, rounding?"),
        (2.0, 3.0, "gain: 3.0, stored 2.0: differs by 1"),
        (1.0, 1, "gain: 1 (int), stored 1.0 (float): equal, but of another type"),
        (1, True, "gain: True (bool), stored 1 (int): equal, but of another type"),
        (1, "1", "gain: '1' (str), stored 1 (int): of another type"),
        (0.5, np.float64(0.5), "gain: np.float64(0.5) (numpy.float64), stored 0.5 (float): equal, but of another type"),
        (0.1, np.float32(0.1), "of another type, and differs by 1.5e-09"),
        (0.0, -0.0, "gain: -0.0, stored 0.0: equal, but for the sign of zero"),
        (math.inf, -math.inf, "gain: -inf, stored inf"),
        (1.0, math.nan, "gain: nan, stored 1.0"),
        (2**70, 2**70 + 1, f"gain: {2**70 + 1}, stored {2**70}: differs by 1"),
        (-(2**63), 2**63 - 1, "differs by 1.8e+19"),
        (None, 0, "gain: 0 (int), stored None (NoneType): of another type"),
        ("euler", "Euler", "gain: 'Euler', stored 'euler'"),
        ([1, 2, 3], [1, 2, 4], "gain[2]: 4, stored 3: differs by 1"),
        ({"dt": 0.1}, {"dt": 0.2}, "gain['dt']: 0.2, stored 0.1: differs by 0.1"),
        (
            {"a": {"b": [1]}},
            {"a": {"b": [1.0]}},
            "gain['a']['b'][0]: 1.0 (float), stored 1 (int): equal, but of another type",
        ),
        ({"a": 1}, {"a": 1, "b": 2}, "gain['b']: 2, which the stored call does not have"),
        (
            {"a": 1, "b": 2},
            {"b": 2, "a": 1},
            "gain: keys 'b', 'a', stored keys 'a', 'b': the same keys in another order",
        ),
        ([1, 2], (1, 2), "gain: (1, 2), stored [1, 2]"),
        (
            np.zeros(3),
            np.ones(3),
            "gain: ndarray float64 (3,), stored ndarray float64 (3,): 3 of 3 elements differ, by 1 at most",
        ),
        (np.zeros(3), np.zeros(4), "gain: ndarray float64 (4,), stored ndarray float64 (3,)"),
        (np.zeros(3), np.zeros(3, "f4"), "gain: ndarray float32 (3,), stored ndarray float64 (3,)"),
        (np.array([0.1 * 3]), np.array([0.3]), "1 of 1 elements differ, by 5.6e-17 at most, rounding?"),
        ({1, 2}, {1, 3}, "gain: {1, 3}, stored {1, 2}"),
        (2.0, np.zeros(3), "gain: ndarray float64 (3,), stored 2.0"),
    ],
    ids=shown,
)
def test_the_parameter_that_differs_is_named_and_by_how_much(stored: Any, asked: Any, expected: str) -> None:
    """Numbers by their difference, rounding pointed out; types; the part of a container that is another."""
    plain(gain=stored)
    found = plain.explain(gain=asked)
    assert not found.hit and len(found.differences) == 1
    assert expected in str(found.differences[0]) and str(found.differences[0]) in lines(found)


def test_what_is_too_large_to_be_kept_differs_by_digest() -> None:
    """Of a large array only its summary is stored; that it is another is still said."""
    plain(size=np.zeros(100_000))
    (found,) = plain.explain(size=np.ones(100_000)).differences
    assert isinstance(found, ParameterDifference) and "other content" in found.note
    plain(method="x" * 2000)
    assert "other content" not in str(plain.explain(size=1, method="x" * 2000))


def test_configurations_are_compared_by_field() -> None:
    """Dataclasses and instances of the user's: the attribute that differs, not the object."""

    @dataclasses.dataclass
    class Solver:
        dt: float = 0.1
        names: tuple[str, ...] = ("a",)

    class Model:
        def __init__(self, solver: Solver) -> None:
            self.solver = solver

    plain(gain=Model(Solver()))
    assert "gain.solver.dt: 0.2, stored 0.1: differs by 0.1" in str(plain.explain(gain=Model(Solver(0.2))))
    assert "gain.solver.names[0]: 'b', stored 'a'" in str(plain.explain(gain=Model(Solver(names=("b",)))))


def test_several_parameters_are_all_named() -> None:
    """Each in its order; those that are equal, or do not count, are not."""

    @sweepable.cache(ignore=["verbose"])
    def f(x: float = 1.0, y: float = 1.0, z: float = 1.0, verbose: bool = False) -> float:
        return x

    f()
    found = f.explain(x=2.0, z=5.0, verbose=True)
    assert [difference.name for difference in found.differences if isinstance(difference, ParameterDifference)] == [
        "x",
        "z",
    ]
    assert f.explain(verbose=True).hit


def test_the_nearest_differs_in_the_fewest_parameters_then_by_the_least_then_is_the_newest() -> None:
    """So that what is named is what somebody has mistyped or moved."""
    plain(gain=2.0, order=9, method="rk4")
    plain(gain=5.0)
    plain(gain=3.0)
    plain(gain=2.0, order=2, flag=True)

    def nearest(**given: Any) -> str:
        return plain.explain(**given).nearest[0].title

    assert "gain=3.0" in nearest(gain=3.1) and "gain=5.0" in nearest(gain=4.9)
    assert "order=9" in nearest(gain=2.0, order=8, method="rk4") and "flag=True" in nearest(
        gain=2.0, order=3, flag=True
    )
    plain(gain=7.0, method="a")
    plain(gain=7.0, method="b")
    assert "method='b'" in nearest(gain=7.0, method="c")
    plain(gain=True, order=50)
    plain(gain=9.0, order=50)
    assert "gain=True" in nearest(gain=1, order=50), "a value that looks like it is nearer than any other"


def test_no_stored_call_differs_in_fewer_parameters_than_the_nearest() -> None:
    """Whatever is stored: most parameters as ever, a few that vary, and rare rows that differ in what never varies."""
    import random

    draw = random.Random(7)
    names = ["gain", "order", "method", "flag", "size"]

    def point() -> dict[str, float]:
        often = {name: float(draw.randrange(4)) for name in draw.sample(names[:2], 2)}
        return often | ({draw.choice(names[2:]): float(draw.randrange(3))} if draw.random() < 0.1 else {})

    defaults = dict.fromkeys(names, 9.0)
    stored = [defaults | point() for _ in range(400)]
    plain.sweep(sweepable.points(stored), progress=False)
    for _ in range(60):
        asked = defaults | point() | ({draw.choice(names): float(draw.randrange(5))} if draw.random() < 0.5 else {})
        found = plain.explain(**asked)
        fewest = min(sum(asked[name] != other[name] for name in names) for other in stored)
        assert len(found.differences) == fewest and found.hit == (fewest == 0)


def test_parameters_that_sqlite_finds_hard() -> None:
    """Names that differ in case only, hostile ones, ``**kwargs``, hundreds of them, and numbers of any size."""
    names = ", ".join(f"p{n}=0" for n in range(300))
    wide = made(
        f"@sweepable.cache\ndef wide(K=1.0, k=2.0, order=1, select='x', {names}, **more):\n    return K", "wide"
    )
    with _silent():
        wide(big=2**100)
    assert lines(wide.explain(k=3.0, big=2**100))[2] == "k: 3.0, stored 2.0: differs by 1"
    assert "p299: 1, stored 0: differs by 1" in str(wide.explain(p299=1, big=2**100))
    assert "more['big']: 1, stored" in str(wide.explain(big=1))
    for given in (-(2**63), 2**63 - 1, 1e308, -1e308, 5e-324, "", b"", "nan", None, True, math.nan, 2**64):
        plain(gain=given)
    for given in (2**63 - 2, -(2**63) + 1, 1e307, 5e-323, "0", "inf", b"x", False, -math.inf):
        assert plain.explain(gain=given).differences


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """What is said at first runs is not what is tested here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_a_failure_is_mentioned() -> None:
    """A call that raised is a miss that says so, and what it raised."""

    @sweepable.cache
    def fails(x: float) -> float:
        return 1 / x

    with pytest.raises(ZeroDivisionError):
        fails(0.0)
    found = fails.explain(0.0)
    assert "kept as failed" in str(found) and "ZeroDivisionError: float division by zero" in str(found)
    assert not found.hit and found.ran is not None and found.ran.status == "failed"


def test_tainted_and_unkept_runs_are_mentioned() -> None:
    """A run that changed its argument, and one whose result could not be stored, are never served."""

    @sweepable.cache
    def changes(x: Any) -> int:
        x.append(1)
        return 1

    @sweepable.cache
    def unkept(x: float) -> Any:
        return (n for n in range(3))

    with pytest.warns(sweepable.TaintedCall):
        changes([1])
    with pytest.warns(sweepable.NotKept):
        unkept(1.0)
    assert "kept as tainted, which is never served" in str(changes.explain([1]))
    assert "kept as unkept, which is never served" in str(unkept.explain(1.0))


# -- other code


def test_a_changed_constant_is_named_with_both_values(lab: Any) -> None:
    """Under other code, what has changed is shown by name, place and value; going back is a hit again."""
    simulate = sweepable.cache(lab.simulate)
    simulate()
    lab.K = 4
    text = str(simulate.explain())
    assert "ran on" in text and "under other code, v1" in text and "K (explained_lab.py:4): 3 -> 4" in text
    lab.K = 3
    assert simulate.explain().hit


def test_a_changed_helper_is_shown_as_a_diff(lab: Any) -> None:
    """Of a helper whose source has changed, the changed lines are shown, and by which way it is reached."""
    sweepable.cache(lab.simulate)()
    lab = edited(lab, ("return x * K", "return x * K ** 2"), ("K = 3", "K = 4"))
    found = sweepable.cache(lab.simulate).explain()
    assert lines(found)[0].startswith("miss: simulate(gain=2.0, order=1) ran on")
    assert lines(found)[1:] == [
        "damp (explained_lab.py:7), called by simulate",
        "-    return x * K",
        "+    return x * K ** 2",
        "K (explained_lab.py:4): 3 -> 4",
    ]
    (difference,) = found.differences
    assert isinstance(difference, CodeDifference) and difference.names() == ("damp", "K")
    assert difference.nodes[1].path == ("simulate", "damp", "K") and difference.nodes[0].kind == "function"


def test_the_same_in_processes_of_their_own(run_script: RunScript) -> None:
    """The file was edited between two runs: the second explains against what the first has stored."""
    before = """
        import sweepable
        K = 3
        def damp(x):
            return x * K
        @sweepable.cache
        def sim(gain=2.0):
            return damp(gain)
    """
    after = before.replace("x * K", "x * K + 1")
    run_script("import lab\nlab.sim()", files={"lab.py": before})
    text = run_script("import lab\nprint(lab.sim.explain())", files={"lab.py": after}).stdout
    assert [line.strip() for line in text.splitlines()[1:]] == [
        "damp (lab.py:4), called by sim",
        "-    return x * K",
        "+    return x * K + 1",
    ]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("+ order\n", "+ order + 1\n"), ["simulate (explained_lab.py:11)", "-    return damp(gain) + order"]),
        (("def simulate", "def extra():\n    return 1\n\n\ndef simulate"), []),
        (
            ("+ order\n", "+ order + extra()\ndef extra():\n    return 1\n"),
            ["extra (explained_lab.py:13), called by simulate: added"],
        ),
        (("return x * K", "return x"), ["K (explained_lab.py:4), used by damp, called by simulate: no longer used"]),
        (("K = 3", "K = 3.0"), ["K (explained_lab.py:4): 3 -> 3.0"]),
        (("K = 3", "K = [1, 2]"), ["K (explained_lab.py:4): 3 -> [1, 2]"]),
        (
            ("K = 3", "import numpy\nK = numpy.arange(3.0)"),
            ["K (explained_lab.py:5): 3 -> float64 array [0.0, 1.0, 2.0]"],
        ),
        (("K = 3", "class K:\n    def __rmul__(self, x): return x\nK = K()"), ["K (explained_lab.py:6): 3 -> K"]),
    ],
    ids=["the function itself", "nothing that is reached", "added", "removed", "type", "list", "array", "instance"],
)
def test_what_has_changed_is_told_whatever_it_is(lab: Any, edit: tuple[str, str], expected: list[str]) -> None:
    """Bodies, constants, what is new and what is gone; an edit beside the code that is reached is a hit."""
    sweepable.cache(lab.simulate)()
    found = sweepable.cache(edited(lab, edit).simulate).explain()
    assert found.hit == (not expected)
    for line in expected:
        assert line in lines(found)


def test_two_constants_of_one_name_are_told_apart_by_the_way_to_them() -> None:
    """What a helper of one module calls ``K`` is not what another calls so."""
    one, two = types.ModuleType("__main__"), types.ModuleType("__main__")
    for module, value in ((one, 1), (two, 2)):
        exec(f"K = {value}\ndef helper(x):\n    return x * K\n", module.__dict__)
    one.__dict__["second"] = two.helper  # type: ignore[attr-defined]
    exec("def f(x=1.0):\n    return helper(x) + second(x)\n", one.__dict__)
    f = sweepable.cache(one.f)  # type: ignore[attr-defined]
    with _silent():
        f()
    two.K = 20  # type: ignore[attr-defined]
    (difference,) = f.explain().differences
    (node,) = difference.nodes
    assert (node.name, node.before, node.after, node.path[1]) == ("K", "2", "20", "second")


def test_classes_and_methods_are_told(lab: Any) -> None:
    """A method by its own name and lines, a base or entry that is new, a class attribute by its values."""
    klass = "class H:\n    scale = 2\n    def go(self, x):\n        return x * self.scale\n"
    lab = edited(lab, ("K = 3", klass + "K = 3"), ("return x * K", "return H().go(x) * K"))
    sweepable.cache(lab.simulate)()
    lab = edited(lab, ("x * self.scale", "x + self.scale"), ("scale = 2", "scale = 5"))
    text = str(sweepable.cache(lab.simulate).explain())
    assert "H.go (explained_lab.py" in text and "called by damp, called by simulate" in text
    assert "+        return x + self.scale" in text and "H.scale, used by damp, called by simulate: 2 -> 5" in text
    text = str(sweepable.cache(edited(lab, ("class H:", "class B: pass\nclass H(B):")).simulate).explain())
    assert "B, used by H, called by damp, called by simulate: added" in text


def test_the_signature_too_may_have_changed() -> None:
    """A parameter that is new, and one that is gone, are told beside the code."""
    with _silent():
        made("@sweepable.cache\ndef f(x=1.0, old=2):\n    return x", "f")()
        found = made("@sweepable.cache\ndef f(x=1.0, friction=0.0):\n    return x", "f").explain()
    assert "friction: 0.0, which the stored call does not have" in str(found)
    assert "old: stored 2, which is no parameter any more" in str(found)


def test_the_same_call_under_other_code_is_told_beside_the_nearest_under_this(lab: Any) -> None:
    """Both are reasons why it misses: it ran before the edit, and since then others ran."""
    simulate = sweepable.cache(lab.simulate)
    simulate(gain=2.0)
    simulate(gain=3.0)
    lab.K = 4
    with pytest.warns(sweepable.StaleResults):
        simulate(gain=2.0)
    found = simulate.explain(gain=3.0)
    assert [near.same_code for near in found.nearest] == [True, False]
    assert "gain: 3.0, stored 2.0: differs by 1" in str(found) and "the same call ran on" in str(found)
    assert "K (explained_lab.py:4): 3 -> 4" in str(found)
    assert len(simulate.explain(gain=9.0).nearest) == 1


def test_of_several_versions_the_one_with_these_arguments_explains(lab: Any) -> None:
    """v1 has the call, v2 is newer but has not: what changed since v1 is told."""
    simulate = sweepable.cache(lab.simulate)
    simulate(gain=7.0)
    lab.K = 4
    with pytest.warns(sweepable.StaleResults):
        simulate(gain=8.0)
    lab.K = 5
    found = simulate.explain(gain=7.0)
    assert found.nearest[0].ran.version == "v1" and "3 -> 5" in str(found)
    text = str(simulate.explain(gain=8.1))
    assert "4 -> 5" in text and "gain: 8.1, stored 8.0: differs by 0.1" in text


def test_packages_that_count_are_told(monkeypatch: pytest.MonkeyPatch, lab: Any) -> None:
    """``packages=[...]``: another installed version is the reason."""
    sweepable.cache(packages=["numpy"])(lab.simulate)()
    monkeypatch.setattr(installed, "installed", lambda package: "99.0")
    text = str(sweepable.cache(packages=["numpy"])(lab.simulate).explain())
    assert f"package numpy, used by simulate: {np.__version__} -> 99.0" in text


def test_pinned_code_says_so(lab: Any) -> None:
    """A pin is named; another pin is the reason, and so is none any more."""
    pinned = sweepable.cache(version="1")(lab.simulate)
    pinned()
    assert "pinned by version='1': changes of its code are not seen" in str(pinned.explain())
    assert pinned.explain().covers.pin == "1"
    lab.K = 9
    assert pinned.explain().hit
    assert "pinned '1' -> pinned '2'" in str(sweepable.cache(version="2")(lab.simulate).explain())
    assert "pinned '1' -> not pinned" in str(sweepable.cache(lab.simulate).explain())


def test_of_the_code_alone(lab: Any) -> None:
    """Without arguments, where some are needed: whether calls are stored under it, and what has changed since."""
    damp = sweepable.cache(lab.damp)
    damp(1.0)
    damp(2.0)
    assert "calls are stored under this code: 2 (v1)" in str(damp.explain())
    lab.K = 4
    found = damp.explain()
    assert "calls stored under other code: 2; since the latest, v1:" in str(found) and "3 -> 4" in str(found)
    assert found.code is not None and found.code.names() == ("K",) and not found.hit


# -- upstream


UP = "@sweepable.cache\ndef up(x=1.0, kind='sin'):\n    return {'z': x}\n"
DOWN = "@sweepable.cache\ndef down(u=up, gain=1.0):\n    return {'y': u.z * gain}\n"
BELOW = "@sweepable.cache\ndef below(d=down, limit=1.0):\n    return d.y\n"


def pipeline(up: str = UP, down: str = DOWN) -> Any:
    first = made(up, "up")
    second = made(down, "down", up=first)
    return made(BELOW, "below", down=second)


@pytest.fixture
def below() -> Iterator[Any]:
    with _silent():
        yield pipeline()


def test_an_upstream_call_that_is_another_is_explained_in_turn(below: Any) -> None:
    """However far up: the parameter of the upstream call that differs, and by how much."""
    below()
    found = below.explain(d__u__x=1.5, limit=2.0)
    assert lines(found)[2:6] == [
        "limit: 2.0, stored 1.0: differs by 1",
        "d, upstream, is another call of down:",
        "u, upstream, is another call of up:",
        "x: 1.5, stored 1.0: differs by 0.5",
    ]
    (_, upstream) = found.differences
    assert isinstance(upstream, UpstreamDifference) and isinstance(upstream.differences[0], UpstreamDifference)


@pytest.mark.usefixtures("below")
def test_other_code_upstream_is_shown_as_a_diff(below: Any) -> None:
    """The function itself is as it was; what is above it was edited."""
    below()
    edited_up = pipeline(up=UP.replace("'z': x", "'z': x + 1"))
    found = edited_up.explain()
    assert "with other calls upstream" in lines(found)[1] and "up" in str(found) and found.nearest[0].same_code
    (difference,) = found.differences
    assert isinstance(difference, UpstreamDifference)
    (further,) = difference.differences
    assert isinstance(further, UpstreamDifference) and isinstance(further.differences[0], CodeDifference)
    assert further.differences[0].nodes[0].name == "up"


def test_the_nearest_has_the_nearest_call_upstream(below: Any) -> None:
    """Among stored calls that differ in what is upstream, the one whose upstream call differs the least."""
    for x in (1.0, 2.0, 10.0):
        below(down_of(below, x))
    found = below.explain(down_of(below, 2.1))
    assert "x: 2.1, stored 2.0: differs by 0.1" in str(found)


def down_of(below: Any, x: float) -> Any:
    upstream: Callable[..., Any] = below.callee.upstreams["d"].callee.front().partial
    return upstream(u__x=x)


def test_upstream_calls_that_ran_already_are_compared_too(below: Any) -> None:
    """The upstream call asked for is stored, from a sweep of its own; it is still another one."""
    below()
    down_of(below, 3.0)()
    assert "x: 3.0, stored 1.0: differs by 2" in str(below.explain(d__u__x=3.0))


def test_records_given_are_compared_by_what_they_came_from(below: Any) -> None:
    """A Record stands for its call; so does one output of it."""
    up = below.callee.upstreams["d"].callee.upstreams["u"].callee.front()
    one, other = up.get_or_run(x=1.0), up.get_or_run(x=4.0)
    down = below.callee.upstreams["d"].callee.front()
    down(one)
    assert "x: 4.0, stored 1.0: differs by 3" in str(down.explain(other))
    with _silent():
        takes = made("@sweepable.cache(upstream={'z': up['z']})\ndef takes(z, k=1):\n    return z * k", "takes", up=up)
        takes()
        assert "z, upstream, is another call of up:" in str(takes.explain(z__x=9.0))


def test_declared_calls_are_explained(below: Any) -> None:
    """``depends_on``: the call that it announces is another; where its code has changed, that is told once."""
    up = made(UP, "up")
    source = "@sweepable.cache(depends_on=[up])\ndef nested(x=1.0, k=1):\n    return up(x)['z'] * k"
    made(source, "nested", up=up)()
    assert "up, upstream, is another call of up:" in str(made(source, "nested", up=up).explain(x=2.0))
    other = made(UP.replace("'z': x", "'z': x + 1"), "up")
    text = str(made(source, "nested", up=other).explain())
    assert "under other code" in text and "likewise" not in text


def test_what_two_ways_lead_to_is_told_once(below: Any) -> None:
    """A diamond upstream does not repeat itself."""
    up = made(UP, "up")
    two = "@sweepable.cache\ndef two(a=up, b=up):\n    return a.z + b.z"
    made(two, "two", up=up)()
    text = str(made(two, "two", up=up).explain(up__x=2.0))
    assert text.count("x: 2.0, stored 1.0") == 1 and "as above" in text


def test_a_result_that_will_be_taken_over_is_told() -> None:
    """What is upstream was only rewritten: it is a miss by key, and will not run."""
    with _silent():
        pipeline()()
        rewritten = pipeline(up=UP.replace("{'z': x}", "{'z': 1 * x}"))
        upstream = rewritten.callee.upstreams["d"].callee.front()
        upstream.callee.upstreams["u"].callee.front()()
        found = upstream.explain()
        assert not found.hit and found.same_content is not None
        assert "its result will be taken over from a call of the same content" in str(found)
        upstream()
        assert "its result was taken over from a call of the same content" in str(upstream.explain())


def test_a_migrated_result_says_why_it_holds(lab: Any) -> None:
    """The reason that somebody gave."""
    sweepable.cache(lab.simulate)()
    lab.K = 3.0
    simulate = sweepable.cache(lab.simulate)
    assert not simulate.explain().hit
    simulate.migrate(reason="3.0 is 3").apply()
    assert simulate.explain().hit and "migrated: 3.0 is 3" in str(simulate.explain())


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("/home/me/lab/control.py:12", "control.py:12"),
        ("/tmp/ipykernel_77/1234.py:3", "notebook cell, line 3"),
        ("<ipython-input-3-abc>:7", "notebook cell, line 7"),
        ("", ""),
    ],
)
def test_places_are_written_as_people_know_them(where: str, shown: str) -> None:
    """A file without its folders; a cell of a notebook as such."""
    assert place_of(CodeNode(("f",), "function", "", "", "", where)) == shown


# -- as what it is shown


def test_a_notebook_shows_it_in_colour_and_nothing_of_it_is_markup(lab: Any) -> None:
    """Removed and added lines are coloured; ``<script>`` in a source or value is text."""
    lab = edited(lab, ("+ order", ""))
    sweepable.cache(lab.simulate)(gain="<b>")
    lab = edited(lab, ("return x * K", 'return "<script>alert(1)</script>"'))
    html = sweepable.cache(lab.simulate).explain(gain="<b>")._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html and "<b>" not in html
    assert html.count("background:rgba(248") == 1 and html.count("background:rgba(63") == 1


class Model:
    def __init__(self, scale: float) -> None:
        self.scale = scale

    @sweepable.cache
    def run(self, x: float) -> float:
        return x * self.scale

    @sweepable.cache
    def free(self, x: float = 1.0) -> float:
        return x


def test_methods_are_explained() -> None:
    """On an instance: a call, and the code alone where arguments are needed."""

    model = Model(2.0)
    assert str(model.run.explain()).startswith("the code of") and not model.free.explain().hit
    model.run(1.0)
    model.free()
    assert model.run.explain(1.0).hit and model.free.explain().hit
    assert "self.scale: 3.0, stored 2.0: differs by 1" in str(Model(3.0).run.explain(1.0))


def test_coroutines_are_explained() -> None:
    """An ``async def`` function like any other."""

    @sweepable.cache
    async def later(x: float = 1.0) -> float:
        return x

    asyncio.run(later())
    assert later.explain().hit and "x: 2.0, stored 1.0" in str(later.explain(2.0))


def test_hundreds_of_nodes_cost_a_miss_nothing(lab: Any) -> None:
    """The manifest is written once per version; later misses of it write no more than any other."""
    many = "\n".join(f"def h{n}(x):\n    return x + {n}\n" for n in range(300))
    body = " + ".join(f"h{n}(x)" for n in range(300))
    lab = edited(lab, ("K = 3", f"{many}\nK = 3"), ("return x * K", f"return {body}"))
    simulate = sweepable.cache(lab.simulate)
    simulate(1.0)
    store = current_store()
    statements: list[str] = []
    store.connection().set_trace_callback(statements.append)
    simulate(2.0)
    store.connection().set_trace_callback(None)
    assert sum(map(len, statements)) < 20_000
    lab = edited(lab, ("return x + 299", "return x - 299"))
    assert "h299 (explained_lab.py" in str(sweepable.cache(lab.simulate).explain(1.0))


def test_what_is_missing_in_the_store_is_no_obstacle() -> None:
    """Upstream calls that were forgotten, in a store made by hand: said, not raised."""
    with _silent():
        below = pipeline()
        below()
        store = current_store()
        with store._connections.writing() as c:
            c.execute("DELETE FROM _calls WHERE function = (SELECT id FROM _functions WHERE name = 'down')")
        assert "not stored any more" in str(below.explain(d__gain=2.0))


def test_a_miss_tells_of_calls_that_are_never_served() -> None:
    """Who wonders why a call runs again and again learns that its result is stored, and why it is not used."""
    space: dict[str, Any] = {"sweepable": sweepable, "__name__": "made_up"}
    exec("N = [0]\n@sweepable.cache\ndef f(x):\n    N[0] += 1\n    return x\n", space)
    with pytest.warns(sweepable.TaintedCall):
        space["f"](1)
    assert "1 call is stored and never served: what a call of f depends on was changed" in str(space["f"].explain(1))


def test_a_miss_tells_of_an_upstream_call_that_failed() -> None:
    """A call that was never made because what it needs raised says which call that is, and what it raised."""
    space: dict[str, Any] = {"sweepable": sweepable, "__name__": "made_up"}
    exec(
        "@sweepable.cache\ndef up(x=0):\n    return 1 / x\n@sweepable.cache\ndef f(r=up):\n    return r.value\n", space
    )
    space["f"].sweep(r__x=[0, 1], progress=False)
    assert "the upstream call up(x=0) failed: ZeroDivisionError" in str(space["f"].explain(r__x=0))
