"""Pairs of values: those that differ in anything that code can see are two, wherever they are held; copies are one."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import functools
import math
import operator
import pickle
import random
import struct
import subprocess
import sys
import threading
import types
import zoneinfo
from array import array
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, deque
from collections.abc import Callable
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.interpolate
import scipy.sparse
import scipy.spatial
import scipy.stats
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import sweepable
from running import RunScript, script_environment
from sweepable import UndigestibleError
from sweepable.identity.code import describe
from sweepable.identity.values import digest as plain_digest

MISSING = object()
AUTO = object()


class Box:
    UNSET = object()

    def __init__(self, held: Any) -> None:
        self.held = held


@dataclasses.dataclass
class Holder:
    held: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Slots:
    held: Any


class Listed(list[Any]):
    pass


def digest(value: object, path: str = "value") -> str:
    return plain_digest(value, path, describe=describe)


def _after(make: Callable[[], Any], *steps: Callable[[Any], Any]) -> Callable[[], Any]:
    """The value after something was done with it."""

    def made() -> Any:
        value = make()
        for step in steps:
            step(value)
        return value

    return made


def _with(make: Callable[[], Any], **attributes: Any) -> Callable[[], Any]:
    def put(value: Any) -> None:
        for name, part in attributes.items():
            setattr(value, name, part)

    return _after(make, put)


def _frame(**given: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]}, **given)


_X, _Y = np.linspace(0, 1, 9), np.sin(np.linspace(0, 1, 9))
_POINTS = np.random.default_rng(0).normal(size=(40, 3))
_DAYS = pd.date_range("2020", periods=3)
_GRID = np.arange(30.0) % 6, np.arange(30.0) // 6, np.sqrt(np.arange(30.0))
_MASKED = np.dtype([("a", "i4"), ("b", "i4")])

#: Each pair makes two values that differ.
DIFFERENT: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    # What Python has.
    "sentinels": (lambda: MISSING, lambda: AUTO),
    "sentinels of classes": (lambda: Box.UNSET, lambda: MISSING),
    "array codes": (lambda: array("l", [1]), lambda: array("q", [1])),
    "empty arrays": (lambda: array("d"), lambda: array("f")),
    "memoryview formats": (lambda: memoryview(array("i", [1])), lambda: memoryview(array("f", [1]))),
    "ChainMap": (lambda: ChainMap({"a": 1}, {"a": 2}), lambda: ChainMap({"a": 1}, {"a": 3})),
    "ChainMap layers": (lambda: ChainMap({"a": 1, "b": 2}), lambda: ChainMap({"a": 1}, {"b": 2})),
    "UserDict": (lambda: UserDict(a=1), lambda: UserDict(a=2)),
    "UserList": (lambda: UserList([1]), lambda: UserList([1.0])),
    "Counter order": (lambda: Counter("ab"), lambda: Counter("ba")),
    "deque maxlen": (lambda: deque([1], 2), lambda: deque([1], 3)),
    "zones": (lambda: zoneinfo.ZoneInfo("Europe/Berlin"), lambda: zoneinfo.ZoneInfo("Europe/Paris")),
    "zone names": (lambda: dt.timezone(dt.timedelta(hours=1), "X"), lambda: dt.timezone(dt.timedelta(hours=1))),
    "Decimal places": (lambda: Decimal("1.0"), lambda: Decimal("1.00")),
    "Decimal zero": (lambda: Decimal("-0"), lambda: Decimal("0")),
    "Decimal context": (lambda: Context(prec=5), lambda: Context(prec=6)),
    "complex nan": (lambda: complex(math.nan, 1), lambda: complex(1, math.nan)),
    "exception": (lambda: ValueError("a", 1), lambda: ValueError("a", 2)),
    "exception notes": (lambda: ValueError("a"), _after(lambda: ValueError("a"), lambda error: error.add_note("b"))),
    "OSError": (lambda: OSError(2, "x", "f"), lambda: OSError(2, "x", "g")),
    "ExceptionGroup": (lambda: ExceptionGroup("a", [ValueError(1)]), lambda: ExceptionGroup("a", [ValueError(2)])),
    "Struct": (lambda: struct.Struct("<i"), lambda: struct.Struct("<q")),
    "itemgetter": (lambda: operator.itemgetter(1), lambda: operator.itemgetter(2)),
    "partial": (lambda: functools.partial(np.sum, axis=0), lambda: functools.partial(np.sum, axis=1)),
    "lambda": (lambda: lambda x: x + 1, lambda: lambda x: x + 2),
    "method of a value": (lambda: "a".join, lambda: "b".join),
    "namespace": (lambda: types.SimpleNamespace(a=1), lambda: types.SimpleNamespace(a=1.0)),
    # numpy.
    "str_ NUL": (lambda: np.str_(""), lambda: np.str_("\0")),
    "bytes_ NUL": (lambda: np.bytes_(b"a"), lambda: np.bytes_(b"a\0")),
    "void": (lambda: np.void(b"a"), lambda: np.void(b"a\0")),
    "longdouble digits": (lambda: np.longdouble("1.1"), lambda: np.longdouble(1.1)),
    "datetime64 units": (lambda: np.datetime64("2020", "Y"), lambda: np.datetime64("2020-01", "M")),
    "NaT units": (lambda: np.datetime64("NaT"), lambda: np.datetime64("NaT", "s")),
    "NaT kinds": (lambda: np.timedelta64("NaT"), lambda: np.datetime64("NaT")),
    "under a mask": (lambda: np.ma.array([1.0, 2.0], mask=[0, 1]), lambda: np.ma.array([1.0, 3.0], mask=[0, 1])),
    "hard mask": (lambda: np.ma.array([1.0], mask=[0], hard_mask=True), lambda: np.ma.array([1.0], mask=[0])),
    "masked record": (
        lambda: np.ma.array([(1, 2)], mask=[(0, 1)], dtype=_MASKED)[0],
        lambda: np.ma.array([(1, 2)], mask=[(1, 0)], dtype=_MASKED)[0],
    ),
    "0-d objects": (lambda: np.array([1], object), lambda: np.array(1, object)),
    "objects": (lambda: np.array([None, [1]], object), lambda: np.array([None, (1,)], object)),
    "generator spawned": (
        lambda: np.random.default_rng(1),
        _after(lambda: np.random.default_rng(1), lambda g: g.spawn(1)),
    ),
    "normal kept": (lambda: np.random.RandomState(1), _after(lambda: np.random.RandomState(1), lambda g: g.normal())),
    "half a word kept": (
        _after(lambda: np.random.default_rng(1), lambda g: g.integers(9, dtype="u4")),
        _after(lambda: np.random.default_rng(1), lambda g: (g.integers(9, dtype="u4"), g.integers(9, dtype="u4"))),
    ),
    "seeds spawned": (
        lambda: np.random.SeedSequence(1),
        _after(lambda: np.random.SeedSequence(1), lambda s: s.spawn(1)),
    ),
    "seed pools": (lambda: np.random.SeedSequence(1, pool_size=8), lambda: np.random.SeedSequence(1)),
    "calendar": (lambda: np.busdaycalendar(), lambda: np.busdaycalendar(holidays=["2020-01-01"])),
    "Polynomial domain": (
        lambda: np.polynomial.Polynomial([1, 2], domain=[0, 1]),
        lambda: np.polynomial.Polynomial([1, 2]),
    ),
    "poly1d variable": (lambda: np.poly1d([1, 2], variable="z"), lambda: np.poly1d([1, 2])),
    "ufunc methods": (lambda: np.add.reduce, lambda: np.add.accumulate),
    "numpy functions": (lambda: np.linalg.inv, lambda: np.linalg.det),
    # pandas.
    "index name": (lambda: _frame(), lambda: _frame().rename_axis("i")),
    "columns name": (lambda: _frame(), lambda: _frame().rename_axis(columns="i")),
    "range and ints": (lambda: _frame(index=[0, 1]), lambda: _frame()),
    "index of int32": (lambda: _frame(index=pd.Index([0, 1], dtype="i4")), lambda: _frame(index=pd.Index([0, 1]))),
    "index of objects": (lambda: _frame(index=pd.Index([0, 1], dtype=object)), lambda: _frame(index=pd.Index([0, 1]))),
    "attrs": (lambda: _frame(), _with(lambda: _frame(), attrs={"a": 1})),
    "flags": (lambda: _frame(), lambda: _frame().set_flags(allows_duplicate_labels=False)),
    "freq": (lambda: _DAYS, lambda: pd.DatetimeIndex(list(_DAYS))),
    "freq of one": (
        lambda: pd.date_range("2020-01-06", periods=1),
        lambda: pd.date_range("2020-01-06", periods=1, freq="W-MON"),
    ),
    "units": (lambda: _DAYS.as_unit("s"), lambda: _DAYS.as_unit("ns")),
    "category order": (lambda: pd.Categorical(["a", "b"], ordered=True), lambda: pd.Categorical(["a", "b"])),
    "category kinds": (lambda: pd.Categorical([1, 2]), lambda: pd.Categorical([1.0, 2.0])),
    "text dtypes": (lambda: pd.Series(["a"], dtype="string"), lambda: pd.Series(["a"], dtype=object)),
    "None and nan": (lambda: pd.Series([None], dtype=object), lambda: pd.Series([np.nan], dtype=object)),
    "NA and None": (lambda: pd.Series([pd.NA], dtype=object), lambda: pd.Series([None], dtype=object)),
    "nullable": (lambda: pd.Series([1], dtype="Int64"), lambda: pd.Series([1], dtype="int64")),
    "nan and NA": (
        lambda: pd.arrays.FloatingArray(np.array([np.nan]), np.array([False])),
        lambda: pd.arrays.FloatingArray(np.array([np.nan]), np.array([True])),
    ),
    "interval sides": (lambda: pd.interval_range(0, 3, closed="left"), lambda: pd.interval_range(0, 3)),
    "equal columns": (
        lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
        lambda: pd.DataFrame([[2, 1]], columns=["a", "a"]),
    ),
    "empty columns": (lambda: pd.DataFrame(columns=["a"]), lambda: pd.DataFrame(columns=["b"])),
    "rows alone": (lambda: pd.DataFrame(index=[1]), lambda: pd.DataFrame(index=[2])),
    "day and 24 hours": (lambda: pd.offsets.Day(1), lambda: pd.offsets.Hour(24)),
    "business hours": (lambda: pd.offsets.BusinessHour(start="09:00"), lambda: pd.offsets.BusinessHour(start="10:00")),
    "quarters": (lambda: pd.offsets.QuarterEnd(startingMonth=1), lambda: pd.offsets.QuarterEnd(startingMonth=2)),
    "normalised": (lambda: pd.offsets.Week(normalize=True), lambda: pd.offsets.Week()),
    "fold": (
        lambda: pd.Timestamp("2020-10-25 02:30").tz_localize("Europe/Berlin", ambiguous=True),
        lambda: pd.Timestamp("2020-10-25 02:30").tz_localize("Europe/Berlin", ambiguous=False),
    ),
    "Timedelta": (lambda: pd.Timedelta(1, "s"), lambda: dt.timedelta(seconds=1)),
    "lists in frames": (lambda: pd.DataFrame({"a": [[1]]}), lambda: pd.DataFrame({"a": [[1.0]]})),
    "zeros in frames": (lambda: pd.DataFrame({"a": [0.0]}), lambda: pd.DataFrame({"a": [-0.0]})),
    "series name": (lambda: pd.Series([1], name=1), lambda: pd.Series([1], name="1")),
    "grouped": (lambda: _frame().groupby("a"), lambda: (_frame() * 1.5).groupby("a")),
    # SciPy and xarray.
    "explicit zero": (
        lambda: scipy.sparse.csr_array(([0.0], ([0], [0])), shape=(1, 1)),
        lambda: scipy.sparse.csr_array((1, 1)),
    ),
    "matrix and array": (lambda: scipy.sparse.csr_matrix((1, 1)), lambda: scipy.sparse.csr_array((1, 1))),
    "diagonals": (
        lambda: scipy.sparse.dia_array(([[1.0, 2.0]], [0]), shape=(2, 2)),
        lambda: scipy.sparse.dia_array(([[1.0, 2.0]], [1]), shape=(2, 2)),
    ),
    "rotation and stack of one": (
        lambda: Rotation.from_quat([0, 0, 0, 1.0]),
        lambda: Rotation.from_quat([[0, 0, 0, 1.0]]),
    ),
    "rotations": (lambda: Rotation.from_euler("z", 1.0), lambda: Rotation.from_euler("z", 1.5)),
    "interpolation": (
        lambda: scipy.interpolate.interp1d(_X, _Y, bounds_error=False, fill_value=0),
        lambda: scipy.interpolate.interp1d(_X, _Y, bounds_error=False, fill_value=1),
    ),
    "splines": (lambda: scipy.interpolate.CubicSpline(_X, _Y), lambda: scipy.interpolate.CubicSpline(_X, _Y + 1)),
    "spline ends": (
        lambda: scipy.interpolate.CubicSpline(_X, _Y, bc_type="natural"),
        lambda: scipy.interpolate.CubicSpline(_X, _Y),
    ),
    "fitted splines": (
        lambda: scipy.interpolate.UnivariateSpline(_X, _Y),
        lambda: scipy.interpolate.UnivariateSpline(_X, _Y + 1),
    ),
    "beyond fitted splines": (
        lambda: scipy.interpolate.UnivariateSpline(_X, _Y, ext=1),
        lambda: scipy.interpolate.UnivariateSpline(_X, _Y),
    ),
    "fitted surfaces": (
        lambda: scipy.interpolate.SmoothBivariateSpline(*_GRID),
        lambda: scipy.interpolate.SmoothBivariateSpline(_GRID[0], _GRID[1], _GRID[2] * 2),
    ),
    "trees": (lambda: scipy.spatial.KDTree(_POINTS), lambda: scipy.spatial.KDTree(_POINTS + 1)),
    "leaves": (lambda: scipy.spatial.KDTree(_POINTS), lambda: scipy.spatial.KDTree(_POINTS, leafsize=3)),
    "kinds of trees": (lambda: scipy.spatial.KDTree(_POINTS), lambda: scipy.spatial.cKDTree(_POINTS)),
    "coordinates": (lambda: xr.DataArray([1], dims="x", coords={"x": [1]}), lambda: xr.DataArray([1], dims="x")),
    "order of variables": (lambda: xr.Dataset({"a": 1, "b": 2}), lambda: xr.Dataset({"b": 2, "a": 1})),
    "trees of datasets": (
        lambda: xr.DataTree.from_dict({"/c": xr.Dataset({"b": 1})}),
        lambda: xr.DataTree.from_dict({"/c": xr.Dataset({"b": 2})}),
    ),
}
#: Distributions hold numpy's global random state, which pickles and copies as a state of its own.
DISTRIBUTIONS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "scale": (lambda: scipy.stats.norm(0, 1), lambda: scipy.stats.norm(0, 2)),
    "shape": (lambda: scipy.stats.gamma(1.0), lambda: scipy.stats.gamma(2.0)),
    "family": (lambda: scipy.stats.cauchy(), lambda: scipy.stats.norm()),
    "seed": (
        _with(lambda: scipy.stats.norm(), random_state=np.random.RandomState(1)),
        _with(lambda: scipy.stats.norm(), random_state=np.random.RandomState(2)),
    ),
    "several": (
        lambda: scipy.stats.multivariate_normal([0, 0], np.eye(2)),
        lambda: scipy.stats.multivariate_normal([0, 1], np.eye(2)),
    ),
}


def _column(value: Any) -> pd.DataFrame:
    cells = np.empty(1, object)
    cells[0] = value
    return pd.DataFrame({"a": pd.Series(cells, dtype=object)})


def _cell(value: Any) -> Any:
    cells = np.empty((2, 2), object)
    cells[1, 0] = value
    return cells


HOLDERS: dict[str, Callable[[Any], Any]] = {
    "list": lambda value: [0, value],
    "dict": lambda value: {"a": {"b": value}},
    "tuple": lambda value: (1, (value,)),
    "dataclass": Holder,
    "slots": Slots,
    "instance": Box,
    "subclass": lambda value: Listed([value]),
    "attribute of a list": lambda value: _with(lambda: Listed([1]), held=value)(),
    "ordered": lambda value: OrderedDict(a=value),
    "object array": _cell,
    "frame": _column,
    "attrs": lambda value: _with(lambda: pd.DataFrame({"a": [1]}), attrs={"a": value})(),
    "labelled": lambda value: xr.DataArray([1], attrs={"a": value}),
    "partial": lambda value: functools.partial(print, value),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_pairs_that_differ_are_two_wherever_they_are_held(name: str) -> None:
    """Two values that code can tell apart have different digests: alone, and in everything that holds values."""
    one, other = DIFFERENT[name]
    assert digest(one()) != digest(other())
    for hold in HOLDERS.values():
        assert digest(hold(one())) != digest(hold(other()))
    for make in (one, other):
        assert digest(make()) == digest(make())
        assert digest([make(), make()]) == digest([make()] * 2)


#: What numpy and SciPy do not bring back from a pickle or a copy, or what cannot be pickled.
_LOST = {"sentinels", "sentinels of classes", "str_ NUL", "bytes_ NUL", "hard mask", "rotation and stack of one"}
_LOST |= {"lambda", "memoryview formats", "Struct", "calendar"}


@pytest.mark.parametrize("name", sorted(DIFFERENT.keys() - _LOST))
def test_copies_and_pickles_are_the_same(name: str) -> None:
    """What was pickled, or copied deeply, has the digest that it had."""
    for make in DIFFERENT[name]:
        before = digest(make())
        assert digest(pickle.loads(pickle.dumps(make(), protocol=5))) == before
        assert digest(copy.deepcopy(make())) == before


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions_do_not_count_what_was_drawn_elsewhere(name: str) -> None:
    """A distribution that draws from numpy's global state counts the same whatever was drawn from that."""
    one, other = DISTRIBUTIONS[name]
    before = digest(one())
    np.random.rand()
    assert digest(one()) == before != digest(other())
    assert digest([one()]) != digest([other()])


def test_reading_a_value_does_not_change_it() -> None:
    """What a value finds out about itself when it is used, and keeps, does not count."""
    spline = scipy.interpolate.UnivariateSpline(_X, _Y)
    tree = scipy.spatial.KDTree(_POINTS)
    frame, counter = _frame(index=_DAYS[:2]), Counter("ab")
    data = xr.Dataset({"a": ("x", [1, 2])}, coords={"x": [1, 2]})
    values: list[Any] = [spline, tree, frame, counter, data]
    before = [digest(value) for value in values]
    spline(0.5), tree.query([0, 0, 0]), tree.tree, frame.loc["2020-01-01"], frame.a, frame.index.is_unique, counter["c"]
    data.sel(x=1), data.a.mean(), data.indexes
    assert [digest(value) for value in values] == before


def test_graphs_count_without_the_views_that_they_keep() -> None:
    """A graph that was asked for its nodes and edges is the same graph; its subgraphs are told apart."""
    networkx = pytest.importorskip("networkx")
    graph = networkx.DiGraph([(1, 2), (2, 3)])
    before = digest(graph)
    graph.nodes, graph.edges, graph.adj, graph.degree, graph.pred
    assert digest(graph) == before != digest(networkx.Graph([(1, 2), (2, 3)]))
    assert digest(graph.subgraph([1, 2])) != digest(graph.subgraph([2, 3]))


def test_a_sentinel_counts_by_its_name() -> None:
    """A bare object() is the name that it is bound to; one without a name is refused with the way out."""
    assert digest(MISSING) == digest(MISSING) != digest(Box.UNSET)
    with pytest.raises(UndigestibleError, match="member of an Enum") as caught:
        digest([object()], "x")
    assert caught.value.path == "x[0]"


FRESH = """
import sys, pickle
sys.path.insert(0, sys.argv[1])
import warnings; warnings.simplefilter("ignore")
import test_value_pairs as pairs
made = pairs.DIFFERENT | pairs.DISTRIBUTIONS
print([(name, [pairs.digest(make()) for make in made[name]]) for name in made])
"""


def test_digests_do_not_depend_on_the_process(tmp_path: Path) -> None:
    """In processes with other hash seeds, every value above has the same digest."""
    shown = set()
    for seed in (1, 2):
        command = [sys.executable, "-c", FRESH, str(Path(__file__).parent)]
        environment = script_environment(tmp_path / "store", seed)
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        shown.add(done.stdout)
    assert len(shown) == 1


# What has no content.

REFUSED: dict[str, Callable[[], Any]] = {
    "stream": lambda: sys.__stdout__,
    "figure": lambda: pytest.importorskip("matplotlib.figure").Figure(),
    "match": lambda: __import__("re").match("a", "a"),
    "hash": lambda: __import__("hashlib").md5(b"a"),
    "csv reader": lambda: __import__("csv").reader([]),
    "factorisation": lambda: __import__("scipy.sparse.linalg").sparse.linalg.splu(scipy.sparse.csc_matrix(np.eye(3))),
    "system random": lambda: random.SystemRandom(),
    "barrier": lambda: threading.Barrier(2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_path_type_and_way_out(name: str) -> None:
    """What cannot be digested is an error with the path, the type, a reason, and what to do."""
    for hold, path in ((HOLDERS["dict"], "x['a']['b']"), (HOLDERS["dataclass"], "x.held"), (_cell, "x[1, 0]")):
        with pytest.raises(UndigestibleError) as caught:
            digest(hold(REFUSED[name]()), "x")
        assert caught.value.path.startswith(path) and caught.value.type_name in str(caught.value)
        assert "register_digest" in str(caught.value) and len(caught.value.reason) > 10


# Depth.


class Node:
    def __init__(self, below: Any = None) -> None:
        self.below = below


NESTED: dict[str, Callable[[Any], Any]] = {
    "list": lambda value: [value],
    "tuple": lambda value: (value,),
    "dict": lambda value: {"a": value},
    "dataclass": Holder,
    "slots": Slots,
    "linked": Node,
    "subclass": lambda value: Listed([value]),
    "namespace": lambda value: types.SimpleNamespace(a=value),
    "object array": lambda value: _cell(value),
    "slice": slice,
    "exception": ValueError,
}


def nested(kind: str, depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = NESTED[kind](value)
    return value


@pytest.mark.parametrize("kind", NESTED)
def test_nesting_is_digested_or_refused_by_its_depth_alone(kind: str) -> None:
    """Two hundred levels have a digest, a thousand are an error; how full the stack is makes no difference."""
    shallow, deep = nested(kind, 200), nested(kind, 1_000)

    def within(frames: int) -> str:
        return within(frames - 1) if frames else digest(shallow)

    limit = sys.getrecursionlimit()
    assert within(0) == within(limit // 3) != digest(nested(kind, 199))
    with pytest.raises(UndigestibleError, match=r"^mesh is a .*nested too deeply"):
        digest(deep, "mesh")
    assert sys.getrecursionlimit() == limit


DEEP = """
    import sys, threading
    import sweepable, test_value_pairs as pairs
    sys.setrecursionlimit(int(sys.argv[1]))

    @sweepable.cache
    def f(mesh):
        return 1

    kept = []

    def run():
        for kind in pairs.NESTED:
            try:
                kept.append(pairs.nested(kind, 10_000))  # Python itself crashes when it frees some of these
                f(kept[-1])
            except sweepable.UndigestibleError as error:
                assert str(error).startswith("f(): mesh is a "), error
                print(kind)

    GLOBAL = pairs.nested("tuple", 3_000)

    @sweepable.cache
    def g(x=1):
        return x if GLOBAL else 0

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    run()
    print(g())
    sys.stdout.flush()
    __import__("os")._exit(0)
"""


@pytest.mark.parametrize("limit", [1_000, 1_000_000])
@pytest.mark.filterwarnings("default")
def test_deep_arguments_do_not_crash_the_process(run_script: RunScript, limit: int) -> None:
    """A call with an argument nested ten thousand deep is refused by name, in threads too, whatever the limit."""
    environment = {"PYTHONPATH": f"{script_environment('')['PYTHONPATH']}:{Path(__file__).parent}"}
    done = run_script(DEEP, arguments=(str(limit),), env=environment, hashseed=1)
    assert done.stdout.split("\n") == [*NESTED, *NESTED, "1", ""]
    assert "does not count" not in done.stderr  # a global that is too deep as a whole counts part by part


# Any values.

_LEAVES = st.one_of(
    st.sampled_from([None, True, 1, 1.0, -0.0, math.nan, "1", b"1", 1j, ..., dt.date(2020, 1, 1), Decimal("1.0")]),
    st.sampled_from([np.float64(1), np.float32(1), np.int64(1), np.str_("1"), np.bool_(True), np.datetime64(1, "s")]),
    st.sampled_from([pd.NA, pd.NaT, pd.Timestamp(0), pd.Timedelta(1), range(2), MISSING, int, math.sin]),
    st.builds(lambda dtype: np.ones(2, dtype), st.sampled_from(["f8", "f4", "i8", "?", "O", ">f8"])),
    st.builds(lambda data: pd.Series(data), st.sampled_from([[1, 2], [1.0, 2.0], ["a", "b"], [None, 1]])),
    st.builds(lambda data: scipy.sparse.csr_array(np.eye(2) * data), st.integers(0, 2)),
)
_KEYS = st.one_of(st.integers(0, 2), st.text("ab", max_size=1), st.none())
_NESTED = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(_KEYS, inner, max_size=2),
        st.builds(lambda *parts: parts, inner, inner),
        *(st.builds(hold, inner) for name, hold in HOLDERS.items() if name not in ("attrs", "labelled", "partial")),
    ),
    max_leaves=6,
)


def _shown(value: Any) -> Any:
    """What is to be told apart, written otherwise than by digests."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, np.ndarray):
        return kind, value.dtype.str, value.shape, tuple(map(_shown, value.ravel().tolist()))
    if isinstance(value, pd.DataFrame | pd.Series):
        names = tuple(value.columns) if isinstance(value, pd.DataFrame) else (value.name,)
        cells = value.to_numpy(dtype=object).ravel().tolist()
        return kind, names, str(getattr(value, "dtype", "")), tuple(map(_shown, cells))
    if isinstance(value, scipy.sparse.sparray):
        return kind, _shown(value.toarray())
    if isinstance(value, list | tuple):
        return kind, tuple(map(_shown, value)), _attributes(value)
    if isinstance(value, dict):
        return kind, tuple((_shown(key), _shown(part)) for key, part in value.items())
    if isinstance(value, Box | Holder | Slots):
        return kind, _shown(value.held)
    return kind, repr(value)


def _attributes(value: Any) -> Any:
    return tuple((name, _shown(part)) for name, part in sorted(getattr(value, "__dict__", {}).items()))


@given(_NESTED, _NESTED)
@settings(max_examples=250)
def test_equal_digests_mean_equal_values(one: Any, other: Any) -> None:
    """Of any two nested values, the digests are equal exactly when types and contents are."""
    assert (digest(one) == digest(other)) == (_shown(one) == _shown(other))


@given(_NESTED)
@settings(max_examples=150)
def test_any_copy_has_the_same_digest(value: Any) -> None:
    """A deep copy of a value, and a pickled one, has its digest; a sentinel is itself in a copy that keeps it."""
    before = digest(value)
    if repr(MISSING) not in repr(_shown(value)):
        assert digest(copy.deepcopy(value)) == digest(pickle.loads(pickle.dumps(value, protocol=5))) == before
    assert digest(value) == before


@sweepable.cache
def kept(name: str, at: int) -> Any:
    return DIFFERENT[name][at]()


@pytest.mark.parametrize("name", sorted(DIFFERENT.keys() - _LOST - {"exception notes"}))
def test_what_the_store_gives_back_has_the_same_digest(name: str) -> None:
    """A value that was stored and read again counts as the one that was returned."""
    for at in (0, 1):
        kept(name, at)
        assert digest(kept(name, at)) == digest(DIFFERENT[name][at]())
