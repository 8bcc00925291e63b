"""What users say of types that are not theirs: seen by keys, by guards and in workers, and never the same for all."""

from __future__ import annotations

import sys
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript
from sweepable import DeclarationError, UndigestibleError, register_digest
from sweepable.identity import registered
from sweepable.identity.code import describe
from sweepable.identity.values import digest as plain_digest
from sweepable.identity.values import is_frozen


class Mesh:
    """As of a package that knows nothing of sweepable: its state cannot be digested."""

    def __init__(self, points: Any) -> None:
        self.points = points
        self.handle = threading.Lock()


class Fine(Mesh):
    pass


class Speaking(Mesh):
    def __sweepable_digest__(self) -> Any:
        return "speaks", self.points


def digest(value: object, path: str = "value") -> str:
    return plain_digest(value, path, describe=describe)


def points_of(mesh: Any) -> Any:
    return mesh.points


def test_what_was_registered_stands_for_the_instances() -> None:
    """Two instances count as one exactly when the function returns the same for both; so do those of subclasses."""
    with pytest.raises(UndigestibleError, match=r"mesh\.handle.*register_digest"):
        digest(Mesh([1]), "mesh")
    assert register_digest(Mesh, points_of) is points_of
    assert digest(Mesh([1])) == digest(Mesh([1])) != digest(Mesh([2]))
    assert digest({"a": [Mesh([1])]}) == digest({"a": [Mesh([1])]}) != digest({"a": [Mesh([2])]})
    assert digest(np.array([Mesh(1), None])) != digest(np.array([Mesh(2), None]))
    assert len({digest(Mesh([1])), digest(Fine([1])), digest([1])}) == 3


def test_the_nearest_word_counts() -> None:
    """A registration for a subclass comes before that of its base, and a class's own method before its base's."""
    register_digest(Mesh, points_of)
    before = digest(Fine([1, 2])), digest(Speaking([1, 2]))
    register_digest(Fine, lambda mesh: len(mesh.points))
    assert digest(Fine([1, 2])) == digest(Fine([3, 4])) != before[0]
    assert digest(Speaking([1, 2])) == before[1] != digest(Speaking([3, 4]))
    register_digest(Speaking, lambda mesh: 1)
    assert digest(Speaking([1, 2])) == digest(Speaking([3, 4]))


def test_as_a_decorator_and_by_a_name_that_is_not_imported_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dotted name is a type of a module that may be imported later, or never."""

    @register_digest("late_meshes.shapes.Mesh.Part")
    def count(part: Any) -> Any:
        return part.size

    module: Any = types.ModuleType("late_meshes.shapes")
    module.Mesh = type("Mesh", (), {"Part": type("Part", (), {"__module__": "late_meshes.shapes"})})
    part = module.Mesh.Part()
    part.size, part.handle = 3, threading.Lock()
    with pytest.raises(UndigestibleError):
        digest(part)
    monkeypatch.setitem(sys.modules, "late_meshes.shapes", module)
    before = digest(part)
    part.size = 4
    assert digest(part) != before
    assert callable(count)


@pytest.mark.parametrize(
    "kind",
    [int, float, str, list, dict, type, object, types.FunctionType, np.ndarray, np.float64, np.generic, Path]
    + [sweepable.Record, sweepable.CachedFunction, "builtins.int", "numpy.ndarray", "numpy.arrayy", "sys.path", "Mesh"]
    + ["not a name", 3, None, [Mesh]],
    ids=str,
)
def test_what_is_fixed_or_no_type_is_refused(kind: Any) -> None:
    """Builtins, numpy's values and sweepable's own count as they do; a misspelled name is said to be one."""
    known = dict(registered._by_type), dict(registered._by_name)
    with pytest.raises(DeclarationError, match="register_digest"):
        register_digest(kind, points_of)
    assert known == (registered._by_type, registered._by_name)
    with pytest.raises(DeclarationError, match="callable"):
        register_digest(Mesh, 3)  # type: ignore[call-overload]


def test_a_misspelled_name_comes_with_a_proposal() -> None:
    """Where the module is there and the type is not, the nearest name is shown."""
    with pytest.raises(DeclarationError, match="did you mean 'OrderedDict'"):
        register_digest("collections.OrderdDict", points_of)


def test_the_code_of_the_function_counts() -> None:
    """A function that is corrected gives new keys; one that is written again does not."""
    register_digest(Mesh, lambda mesh: mesh.points)
    before = digest(Mesh([1]))
    register_digest(Mesh, lambda mesh: mesh.points)
    assert digest(Mesh([1])) == before
    register_digest(Mesh, lambda mesh: list(mesh.points))
    assert digest(Mesh([1])) != before


def test_an_error_of_the_function_says_where_the_value_is() -> None:
    """What the function raises is the cause of an error with the path; so is what cannot be digested in its place."""
    register_digest(Mesh, lambda mesh: mesh.pionts)
    with pytest.raises(UndigestibleError, match="pionts") as caught:
        digest({"a": [0, Mesh([1])]}, "params")
    assert caught.value.path == "params['a'][1]"
    assert isinstance(caught.value.__cause__, AttributeError)
    register_digest(Mesh, lambda mesh: {"lock": mesh.handle})
    with pytest.raises(UndigestibleError) as caught:
        digest([Mesh([1])], "params")
    assert caught.value.path == "params[0].<registered digest>['lock']"


def test_what_would_make_all_values_one_is_refused() -> None:
    """A function that forgets to return, or returns the value itself, tells nothing: an error, not a constant."""
    for useless in (lambda mesh: None, lambda mesh: mesh):
        register_digest(Mesh, useless)
        with pytest.raises(UndigestibleError, match="tells it from no other"):
            digest(Mesh([1]))

    class Forgetful:
        def __sweepable_digest__(self) -> Any:
            pass

    with pytest.raises(UndigestibleError, match="tells it from no other"):
        digest(Forgetful())


def test_values_may_lead_back_to_each_other() -> None:
    """What stands for a value may hold others of its type, and these the value: the circle is encoded as one."""
    register_digest(Mesh, lambda mesh: ("points", mesh.points))

    def ring(*names: str) -> Mesh:
        meshes = [Mesh([name]) for name in names]
        for one, other in zip(meshes, meshes[1:] + meshes[:1], strict=True):
            one.points.append(other)
        return meshes[0]

    assert digest(ring("a", "b", "c")) == digest(ring("a", "b", "c")) != digest(ring("a", "b", "d"))


def test_what_was_frozen_is_not_once_it_is_spoken_for() -> None:
    """What stands for an immutable value may change."""
    point = Point(1)
    assert is_frozen(point)
    register_digest(Point, points_of)
    assert not is_frozen(point)


class Point(tuple[Any, ...]):
    __slots__ = ()

    def __new__(cls, *values: Any) -> Any:
        return super().__new__(cls, values)


# In cached functions.

GLOBAL = Mesh([1])
SPOKEN = Speaking([1])


@sweepable.cache
def of_argument(mesh: Any) -> int:
    return sum(mesh.points)


@sweepable.cache
def of_global(x: int = 1) -> int:
    return x + sum(GLOBAL.points)


@sweepable.cache
def of_spoken(x: int = 1) -> int:
    return x + sum(SPOKEN.points)


def test_an_argument_counts_by_what_was_registered() -> None:
    """A call with an equal argument is a hit, with another one a miss."""
    register_digest(Mesh, points_of)
    assert of_argument(Mesh([1, 2])) == 3
    assert of_argument.peek(Mesh([1, 2])) is not None
    assert of_argument.peek(Mesh([1, 3])) is None
    assert of_argument(Mesh([1, 3])) == 4


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
def test_a_global_that_changes_is_noticed_by_the_next_call() -> None:
    """A mutable global with a digest of its own is looked at on warm calls too: by method and by registration."""
    register_digest(Mesh, points_of)
    for function, held in ((of_global, GLOBAL), (of_spoken, SPOKEN)):
        held.points = [1]
        assert [function(), function()] == [2, 2]
        held.points.append(5)
        assert [function(), function()] == [7, 7]
        held.points = [1]
        assert function() == 2


class Plain:
    def __init__(self, points: Any) -> None:
        self.points, self.label = points, "a"


PLAIN = Plain([1])


@sweepable.cache
def of_plain(x: int = 1) -> int:
    return x + sum(PLAIN.points)


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
def test_a_registration_is_seen_by_versions_that_were_known_before() -> None:
    """What was watched attribute by attribute is digested anew once its type is spoken for."""
    assert of_plain() == 2
    before = of_plain.callee.version().digest
    register_digest(Plain, lambda plain: plain.points)
    assert of_plain.callee.version().digest != before
    assert [of_plain(), of_plain()] == [2, 2]
    after = of_plain.callee.version().digest
    PLAIN.label = "b"  # is not what counts
    assert of_plain.callee.version().digest == after
    PLAIN.points = [2]
    try:
        assert of_plain() == 3
    finally:
        PLAIN.points, PLAIN.label = [1], "a"


def test_a_call_that_changes_what_stands_for_its_argument_is_told() -> None:
    """A registered digest is made again after the run: a changed argument taints the call."""
    register_digest(Mesh, points_of)

    @sweepable.cache
    def spoil(mesh: Any) -> int:
        mesh.points.append(1)
        return len(mesh.points)

    with pytest.warns(sweepable.TaintedCall, match="changed its argument mesh"):
        spoil(Mesh([1]))


MESHES = """
    import threading

    class Mesh:
        def __init__(self, points):
            self.points = points
        def __reduce__(self):
            return Mesh, (list(self.points),)
        @property
        def state(self):
            raise OSError("no state")
        def __getstate__(self):
            raise OSError("no state")
"""
SWEEP = """
    import sweepable
    import lab, meshes

    SCALE = 2

    def scaled(mesh):
        return [SCALE * point for point in mesh.points], meshes.Mesh is type(mesh)

    class Local(meshes.Mesh):
        def __reduce__(self):
            return Local, (list(self.points),)

    if __name__ == "__main__":
        sweepable.register_digest(meshes.Mesh, scaled)
        sweepable.register_digest(Local, lambda mesh: ("local", mesh.points))
        for kind in (meshes.Mesh, Local):
            runs = lab.total.sweep(mesh=[kind([1]), kind([2]), kind([3])], n_jobs=2)
            print(*runs.counts.items(), [record.value for record in runs])
            runs = lab.total.sweep(mesh=[kind([1]), kind([2]), kind([3])])
            print(*runs.counts.items(), lab.total(kind([3])))
"""
LAB = """
    import sweepable

    @sweepable.cache
    def total(mesh):
        print("ran")
        return sum(mesh.points)
"""


def test_workers_are_told_what_was_registered(run_script: RunScript) -> None:
    """What a script registers holds in the workers of its sweeps, which never run the script."""
    files = {"meshes.py": MESHES, "lab.py": LAB}
    first = run_script(SWEEP, files=files, hashseed=1).stdout
    assert first.count("[1, 2, 3]") == 2
    again = run_script(SWEEP, files=files, hashseed=2).stdout
    assert again.count("[1, 2, 3]") == 2 and "ran" not in again


DISTRIBUTED = """
    import sweepable
    import scipy.stats
    import lab

    if __name__ == "__main__":
        spread = [scipy.stats.norm(0, 1), scipy.stats.gamma(2.0), scipy.stats.norm(0, 3)]
        runs = lab.spread_of.sweep(distribution=spread, n_jobs=2)
        print(len(runs), len(runs.missing), lab.spread_of.peek(spread[2]) is not None)
"""


def test_distributions_are_the_same_in_workers(run_script: RunScript) -> None:
    """A distribution that draws from numpy's global state, as all do by default, can be an axis of a parallel sweep."""
    lab = """
        import sweepable

        @sweepable.cache
        def spread_of(distribution):
            return float(distribution.std())
    """
    assert run_script(DISTRIBUTED, files={"lab.py": lab}).stdout.split() == ["3", "0", "True"]
