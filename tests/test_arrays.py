"""What arrays, frames and random states count as: dtype, shape, labels and elements, never the memory they lie in."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import pickle
import threading
import tracemalloc
import warnings
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sweepable.errors import UndigestibleError
from sweepable.identity.values import digest, encode, is_frozen

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")

BASE = np.arange(24.0).reshape(4, 6)
ALIGNED = np.dtype([("a", "i1"), ("b", "f8")], align=True)
PACKED = np.dtype([("a", "i1"), ("b", "f8")])


class Marked(np.ndarray[Any, Any]):
    unit: Any = None


def _sent(value: Any) -> Any:
    """The value as another process gets it; older protocols change an array's byte order."""
    return pickle.loads(pickle.dumps(value, protocol=5))


def _marked(unit: str) -> Marked:
    marked = np.arange(3.0).view(Marked)
    marked.unit = unit
    return marked


def _structured(dtype: np.dtype[Any], padding: int) -> np.ndarray[Any, Any]:
    memory = np.full(dtype.itemsize * 3, padding, dtype=np.uint8)
    made = memory.view(dtype)
    made["a"], made["b"] = [1, 2, 3], [1.5, np.nan, 2.5]
    return made


def _masked(under: float, fill: float | None = None) -> Any:
    return np.ma.MaskedArray([1.0, under, 3.0], mask=[False, True, False], fill_value=fill)


def _drawn(count: int) -> np.random.Generator:
    generator = np.random.default_rng(1)
    generator.random(count)
    return generator


def _spawned() -> np.random.Generator:
    generator = np.random.default_rng(1)
    generator.spawn(1)
    return generator


#: Each makes a value; no two of them may count as one.
DIFFERENT: dict[str, Callable[[], Any]] = {
    "f8": lambda: np.array([1.0, 0.0]),
    "f8 -0.0": lambda: np.array([1.0, -0.0]),
    "f8 nan": lambda: np.array([1.0, np.nan]),
    "f8 inf": lambda: np.array([1.0, np.inf]),
    "f8 big-endian": lambda: np.array([1.0, 0.0], ">f8"),
    "f4": lambda: np.array([1.0, 0.0], "f4"),
    "f2": lambda: np.array([1.0, 0.0], "f2"),
    "longdouble": lambda: np.array([1.0, 0.0], "g"),
    "c16": lambda: np.array([1.0, 0.0], "c16"),
    "clongdouble": lambda: np.array([1.0, 0.0], "G"),
    "i8": lambda: np.array([1, 0]),
    "i4": lambda: np.array([1, 0], "i4"),
    "u1": lambda: np.array([1, 0], "u1"),
    "bool": lambda: np.array([True, False]),
    "S1": lambda: np.array(["1", "0"], "S1"),
    "S2": lambda: np.array(["1", "0"], "S2"),
    "U1": lambda: np.array(["1", "0"]),
    "U2": lambda: np.array(["1", "0"], "U2"),
    "StringDType": lambda: np.array(["1", "0"], np.dtypes.StringDType()),
    "StringDType NA": lambda: np.array(["1", "0"], np.dtypes.StringDType(na_object=None)),
    "StringDType other": lambda: np.array(["1", "2"], np.dtypes.StringDType()),
    "V1": lambda: np.array([b"1", b"0"], "V1"),
    "M8[s]": lambda: np.array([1, 0], "M8[s]"),
    "M8[ns]": lambda: np.array([1, 0], "M8[ns]"),
    "M8[2s]": lambda: np.array([1, 0], "M8[2s]"),
    "m8[s]": lambda: np.array([1, 0], "m8[s]"),
    "NaT": lambda: np.array([1, "NaT"], "M8[s]"),
    "object": lambda: np.array([1.0, 0.0], object),
    "object ints": lambda: np.array([1, 0], object),
    "object nested": lambda: np.array([[1], {"a": BASE}], object),
    "structured": lambda: np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
    "structured names": lambda: np.array([(1, 2.0)], [("a", "i4"), ("c", "f8")]),
    "structured titles": lambda: np.array([(1, 2.0)], [(("t", "a"), "i4"), ("b", "f8")]),
    "structured order": lambda: np.array([(2.0, 1)], [("b", "f8"), ("a", "i4")]),
    "structured value": lambda: np.array([(1, 3.0)], [("a", "i4"), ("b", "f8")]),
    "structured objects": lambda: np.array([(1, "x")], [("a", "i4"), ("b", "O")]),
    "structured nested": lambda: np.array([(1, (2.0,))], [("a", "i4"), ("b", [("c", "f8")])]),
    "structured subarray": lambda: np.array([(1, [2.0, 3.0])], [("a", "i4"), ("b", "f8", (2,))]),
    "structured subarray 2-d": lambda: np.array([(1, [[2.0, 3.0]])], [("a", "i4"), ("b", "f8", (1, 2))]),
    "record dtype": lambda: np.array([(1, 2.0)], np.dtype((np.record, [("a", "i4"), ("b", "f8")]))),
    "recarray": lambda: np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]).view(np.recarray),
    "void scalar": lambda: np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")])[0],
    "0-d": lambda: np.array(1.0),
    "0-d object": lambda: np.array(None, object),
    "1-element": lambda: np.array([1.0]),
    "empty": lambda: np.zeros(0),
    "empty (0, 3)": lambda: np.zeros((0, 3)),
    "empty (3, 0)": lambda: np.zeros((3, 0)),
    "empty i8": lambda: np.zeros(0, "i8"),
    "empty object": lambda: np.zeros(0, object),
    "S0": lambda: np.zeros(2, "S0"),
    "(2, 3)": lambda: np.zeros((2, 3)),
    "(3, 2)": lambda: np.zeros((3, 2)),
    "(6,)": lambda: np.zeros(6),
    "row 0": lambda: BASE[0],
    "row 1": lambda: BASE[1],
    "base": lambda: BASE,
    "transposed": lambda: BASE.T,
    "reversed": lambda: BASE[::-1],
    "step": lambda: BASE[:, ::2],
    "matrix": lambda: np.matrix([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
    "Marked": lambda: _marked("m"),
    "Marked other": lambda: _marked("s"),
    "arange 3": lambda: np.arange(3.0),
    "masked": lambda: _masked(2.0),
    "masked other": lambda: _masked(np.nan),
    "masked fill": lambda: _masked(2.0, fill=7.0),
    "masked less": lambda: np.ma.MaskedArray([1.0, 2.0, 3.0], mask=False),
    "masked hard": lambda: np.ma.MaskedArray([1.0, 2.0, 3.0], mask=False, hard_mask=True),
    "masked structured": lambda: np.ma.MaskedArray(_structured(PACKED, 0), mask=[(0, 1), (1, 0), (0, 0)]),
    "np.ma.masked": lambda: np.ma.masked,
    "poly1d": lambda: np.poly1d([1, 2]),
    "poly1d other": lambda: np.poly1d([1, 3]),
    "dtype": lambda: np.dtype("f8"),
    "dtype other": lambda: np.dtype(">f8"),
    "dtype structured": lambda: PACKED,
    "ufunc": lambda: np.sin,
    "ufunc other": lambda: np.cos,
    "Generator": lambda: np.random.default_rng(1),
    "Generator other": lambda: np.random.default_rng(2),
    "Generator drawn": lambda: _drawn(1),
    "Generator spawned": _spawned,
    "Generator MT": lambda: np.random.Generator(np.random.MT19937(1)),
    "BitGenerator": lambda: np.random.PCG64(1),
    "BitGenerator DXSM": lambda: np.random.PCG64DXSM(1),
    "RandomState": lambda: np.random.RandomState(1),
    "RandomState other": lambda: np.random.RandomState(2),
    "SeedSequence": lambda: np.random.SeedSequence(1),
    "SeedSequence other": lambda: np.random.SeedSequence(1, spawn_key=(1,)),
}


def test_different_arrays_never_share_bytes() -> None:
    """No two different arrays count as one."""
    seen: dict[bytes, str] = {}
    for name, make in DIFFERENT.items():
        assert seen.setdefault(encode(make()), name) == name


@pytest.mark.parametrize("name", DIFFERENT)
def test_an_array_made_again_or_pickled_counts_as_the_same(name: str) -> None:
    """An array made again, copied, or from another process has the same digest."""
    value = DIFFERENT[name]()
    assert digest(value) == digest(DIFFERENT[name]())
    assert digest([value, value]) == digest([value, DIFFERENT[name]()])
    if name not in ("Marked", "Marked other", "masked hard"):  # numpy's copies and pickles lose part of these
        assert digest(_sent(value)) == digest(copy.deepcopy(value)) == digest(value)


#: Each pair is one value in two forms.
SAME: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "Fortran order": (lambda: np.asfortranarray(BASE), lambda: BASE),
    "a row is itself": (lambda: BASE[2], lambda: BASE[2].copy()),
    "a column": (lambda: BASE[:, 2], lambda: BASE[:, 2].copy()),
    "transposed twice": (lambda: BASE.T, lambda: np.ascontiguousarray(BASE.T)),
    "reversed": (lambda: BASE[::-1, ::-2], lambda: BASE[::-1, ::-2].copy()),
    "broadcast": (lambda: np.broadcast_to(1.5, (3, 4)), lambda: np.full((3, 4), 1.5)),
    "read-only": (lambda: _sent(BASE), lambda: np.frombuffer(BASE.tobytes()).reshape(4, 6)),
    "unaligned": (lambda: np.frombuffer(b"x" + BASE.tobytes(), "u1")[1:].view("f8").reshape(4, 6), lambda: BASE),
    "strided objects": (
        lambda: np.array([[1, "a"], [None, 2]], object).T,
        lambda: np.array([[1, None], ["a", 2]], object),
    ),
    "padding": (lambda: _structured(ALIGNED, 0), lambda: _structured(ALIGNED, 255)),
    "aligned": (lambda: _structured(ALIGNED, 0), lambda: _structured(PACKED, 0)),
    "void padding": (lambda: _structured(ALIGNED, 0)[0], lambda: _structured(ALIGNED, 255)[0]),
    "metadata": (lambda: np.zeros(2, np.dtype("f8", metadata={"a": 1})), lambda: np.zeros(2)),
    "native byte order": (lambda: np.zeros(2, "=f8"), lambda: np.zeros(2, np.float64)),
    "long and long long": (lambda: np.zeros(2, np.longlong), lambda: np.zeros(2, np.int64)),
    "no mask": (lambda: np.ma.MaskedArray([1, 2]), lambda: np.ma.MaskedArray([1, 2], mask=[False, False])),
}


@pytest.mark.parametrize("name", SAME)
def test_how_an_array_lies_in_memory_does_not_count(name: str) -> None:
    """Order, strides, alignment, padding, flags and base of an array do not count."""
    one, other = SAME[name]
    assert digest(one()) == digest(other())


@pytest.mark.parametrize("code", ["f2", "f4", "f8", "g", ">f2", ">f4", ">f8", ">g", "c8", "c16", "G", ">c16", ">G"])
def test_all_nans_are_one(code: str) -> None:
    """NaN counts as NaN whatever its sign and payload, in every float type, at every place."""
    dtype = np.dtype(code)
    for at in (0, 500, 999):
        one, other = np.ones(1000, dtype), np.ones(1000, dtype)
        one[at], other[at] = np.nan, -np.nan
        if dtype.char in "efdFD":
            bits = other.view(f"{dtype.byteorder}u{dtype.itemsize // (2 if dtype.kind == 'c' else 1)}")
            bits[at * bits.size // 1000] |= 1
        assert digest(one) == digest(other) != digest(np.ones(1000, dtype))
        assert digest(one[::-1]) == digest(other[::-1].copy())
        assert digest(one[at]) == digest(other[at])


def test_every_place_of_a_long_array_counts() -> None:
    """One changed element anywhere in an array of several chunks makes a difference."""
    values = np.zeros(1_500_000)
    seen = {digest(values)}
    for at in (0, 1, 524_287, 524_288, 750_000, 1_048_576, 1_499_999):
        values[at] = 5.0
        seen.add(digest(values))
        values[at] = 0.0
    assert len(seen) == 8


def test_large_arrays_in_any_order_are_read_in_pieces() -> None:
    """A large array that is not contiguous is digested like its copy, without making one."""
    values = np.arange(3_000_000.0).reshape(1000, 3000)
    expected = digest(np.ascontiguousarray(values.T))
    tracemalloc.start()
    assert digest(values.T) == expected
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < values.nbytes / 2
    assert digest(values[::-1, ::3]) == digest(values[::-1, ::3].copy())


def test_long_doubles_count_without_their_padding() -> None:
    """The unused bytes of a long double may hold anything."""
    one = np.array([1.5, -2.5], np.longdouble)
    other = one.copy()
    if np.finfo(np.longdouble).nmant == 63:
        other.view(np.uint8).reshape(2, -1)[:, 10:] = 77
    assert digest(one) == digest(other) != digest(one * 2)
    assert digest(one[0]) == digest(other[0])
    assert digest(one.astype(np.clongdouble)) == digest(other.astype(np.clongdouble))


def test_a_memmap_counts_by_content_and_type(tmp_path: Path) -> None:
    """A memmap counts by what it shows, not by where its file lies."""
    maps = []
    for name in ("a", "b"):
        mapped = np.memmap(tmp_path / name, dtype="f8", mode="w+", shape=(3,))
        mapped[:] = [1, 2, 3]
        maps.append(mapped)
    assert digest(maps[0]) == digest(maps[1]) != digest(np.array([1.0, 2.0, 3.0]))
    before = digest(maps[0])
    maps[0][1] = 5
    assert digest(maps[0]) != before


def test_user_warnings_settings_are_left_alone() -> None:
    """Digesting NaN, infinity and signalling NaN warns of nothing and raises nothing."""
    signalling = np.array([0x7FF0000000000001, 0x7FF0000000000000], "u8").view("f8")
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert digest(signalling) == digest(np.array([np.nan, np.inf]))
        digest(np.array([np.nan, np.inf], "f2"))


def test_an_array_may_hold_itself() -> None:
    """Cycles through object arrays have a digest, and sharing in them does not count."""
    rings = []
    for _ in range(2):
        ring = np.array([1, None], object)
        ring[1] = ring
        rings.append(ring)
    assert digest(rings[0]) == digest(rings[1])
    row = np.array([1.5, 2.5])
    assert digest(np.array([[row], [row]], object)) == digest(np.array([[row], [row.copy()]], object))


_DTYPES = st.sampled_from(["f8", "f4", ">f8", "i4", ">i2", "?", "S2", "U2", "c8", "M8[s]", "u1"])


def _shown(array: Any) -> Any:
    return array.dtype.str, array.shape, repr(array.tolist())


@st.composite
def _arrays(draw: Any) -> Any:
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    dtype = np.dtype(draw(_DTYPES))
    elements = None if dtype.kind in "SUM" else st.sampled_from([0, 1])
    return draw(hnp.arrays(dtype, shape, elements=elements))


@given(_arrays(), _arrays())
@settings(max_examples=300, deadline=None)
def test_equal_bytes_mean_equal_arrays(one: Any, other: Any) -> None:
    """Of any two arrays, the encodings are equal exactly when dtype, shape and elements are."""
    assert (encode(one) == encode(other)) == (_shown(one) == _shown(other))


@given(
    hnp.arrays(st.sampled_from(["f8", "f2", "c16", ">f4", "i8"]), hnp.array_shapes(max_dims=4, max_side=5)), st.data()
)
@settings(max_examples=200, deadline=None)
def test_a_view_counts_as_its_copy(array: Any, data: Any) -> None:
    """Any slice and transposition of an array counts as a fresh array of the same elements."""
    view = array[data.draw(hnp.basic_indices(array.shape))]
    if isinstance(view, np.ndarray):
        view = view.transpose(data.draw(st.permutations(range(view.ndim))))
        assert encode(view) == encode(view.copy(order="C")) == encode(view.copy(order="F"))


# Frozen arrays.


def _read_only() -> Any:
    array = np.arange(3.0)
    array.flags.writeable = False
    return array


def _read_only_view(array: Any) -> Any:
    view = array[:]
    view.flags.writeable = False
    return view


def test_only_arrays_without_a_writable_base_are_frozen() -> None:
    """A read-only view of an array that can be written is not taken for frozen."""
    assert is_frozen(_read_only())
    assert is_frozen(_read_only()[1:])
    assert is_frozen(np.frombuffer(b"12345678"))
    assert is_frozen(np.frombuffer(memoryview(b"12345678")))
    assert not is_frozen(np.arange(3.0))
    assert not is_frozen(_read_only_view(np.arange(3.0)))
    assert not is_frozen(_read_only_view(_read_only_view(np.arange(3.0))))
    assert not is_frozen(_read_only_view(np.frombuffer(bytearray(8))))
    assert not is_frozen(np.frombuffer(memoryview(bytearray(8)).toreadonly()))
    assert not is_frozen(_read_only_view(np.array([[]], object)))
    assert not is_frozen(np.broadcast_to(np.arange(3.0), (2, 3)))
    assert not is_frozen(_marked("m"))
    assert not is_frozen(pd.DataFrame())


# What is refused.


def test_elements_are_refused_by_their_place() -> None:
    """An element that cannot be digested is named by its place in the array or frame."""
    lock = threading.Lock()
    frame = pd.DataFrame({"a": [1, 2], "b c": np.array([1, lock], object)})
    attributed = pd.Series([1.0])
    attributed.attrs["lock"] = lock
    for path, value in {
        "x[1, 0]": np.array([[1, 2], [lock, 3]], object),
        "x[2]": np.array([1, 2, lock], object),
        "x['b c'][1]": frame,
        "x.attrs['lock']": attributed,
        "x.index[0]": pd.Series([1], index=pd.Index([lock], dtype=object)),
    }.items():
        with pytest.raises(UndigestibleError) as caught:
            digest(value, "x")
        assert caught.value.path == path


def test_ufuncs_made_at_run_time_are_refused() -> None:
    """A ufunc made of a Python function hides its code."""
    with pytest.raises(UndigestibleError, match="pass the Python function"):
        digest(np.frompyfunc(lambda x: x + 1, 1, 1))


# pandas.


def _attributed() -> pd.DataFrame:
    frame = pd.DataFrame({"a": [1, 2]})
    frame.attrs["unit"] = "m"
    return frame


_DAYS = pd.date_range("2020-01-01", periods=3, freq="D")
_STRINGS = ["a", None, "b"]

FRAMES: dict[str, Callable[[], Any]] = {
    "frame": lambda: pd.DataFrame({"a": [1, 2]}),
    "frame attrs": _attributed,
    "frame flags": lambda: pd.DataFrame({"a": [1, 2]}).set_flags(allows_duplicate_labels=False),
    "frame values": lambda: pd.DataFrame({"a": [1, 3]}),
    "frame floats": lambda: pd.DataFrame({"a": [1.0, 2.0]}),
    "frame i4": lambda: pd.DataFrame({"a": [1, 2]}, dtype="i4"),
    "frame name": lambda: pd.DataFrame({"b": [1, 2]}),
    "frame columns name": lambda: pd.DataFrame({"a": [1, 2]}).rename_axis("c", axis=1),
    "frame index name": lambda: pd.DataFrame({"a": [1, 2]}).rename_axis("c"),
    "frame index": lambda: pd.DataFrame({"a": [1, 2]}, index=[0, 2]),
    "frame index ints": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.Index([0, 1])),
    "frame index floats": lambda: pd.DataFrame({"a": [1, 2]}, index=[0.0, 1.0]),
    "frame column order ab": lambda: pd.DataFrame({"a": [1], "b": [2.0]}),
    "frame column order ba": lambda: pd.DataFrame({"b": [2.0], "a": [1]}),
    "frame twice a": lambda: pd.DataFrame(np.eye(2), columns=["a", "a"]),
    "frame a b": lambda: pd.DataFrame(np.eye(2), columns=["a", "b"]),
    "frame no rows": lambda: pd.DataFrame({"a": []}),
    "frame empty": lambda: pd.DataFrame(),
    "frame index only": lambda: pd.DataFrame(index=[0, 1]),
    "series": lambda: pd.Series([1, 2], name="a"),
    "series nameless": lambda: pd.Series([1, 2]),
    "index": lambda: pd.Index([1, 2]),
    "index named": lambda: pd.Index([1, 2], name="a"),
    "range index": lambda: pd.RangeIndex(1, 3),
    "days": lambda: _DAYS,
    "days without freq": lambda: pd.DatetimeIndex(list(_DAYS)),
    "days UTC": lambda: _DAYS.tz_localize("UTC"),
    "days Berlin": lambda: _DAYS.tz_localize(zoneinfo.ZoneInfo("Europe/Berlin")),
    "days in seconds": lambda: _DAYS.as_unit("s"),
    "timedeltas": lambda: pd.to_timedelta([1, 2], unit="s"),
    "periods": lambda: pd.period_range("2020-01", periods=3, freq="M"),
    "periods D": lambda: pd.period_range("2020-01-01", periods=3, freq="D"),
    "intervals": lambda: pd.interval_range(0, 3),
    "intervals left": lambda: pd.interval_range(0, 3, closed="left"),
    "multi": lambda: pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
    "multi names": lambda: pd.MultiIndex.from_product([[1, 2], ["a", "b"]], names=["x", "y"]),
    "multi other": lambda: pd.MultiIndex.from_product([["a", "b"], [1, 2]]),
    "categories": lambda: pd.Series(["a", "b"], dtype="category"),
    "categories ordered": lambda: pd.Series(pd.Categorical(["a", "b"], ordered=True)),
    "categories other order": lambda: pd.Series(pd.Categorical(["a", "b"], categories=["b", "a"])),
    "categories unused": lambda: pd.Series(pd.Categorical(["a", "b"], categories=["a", "b", "c"])),
    "objects": lambda: pd.Series(_STRINGS, dtype=object),
    "objects nan": lambda: pd.Series(["a", np.nan, "b"], dtype=object),
    "objects NA": lambda: pd.Series(["a", pd.NA, "b"], dtype=object),
    "string python": lambda: pd.Series(_STRINGS, dtype="string[python]"),
    "Int64": lambda: pd.Series([1, None], dtype="Int64"),
    "Int32": lambda: pd.Series([1, None], dtype="Int32"),
    "Float64": lambda: pd.Series([1, None], dtype="Float64"),
    "Int64 zero": lambda: pd.Series([1, 0], dtype="Int64"),
    "boolean": lambda: pd.Series([True, None], dtype="boolean"),
    "bool": lambda: pd.Series([True, False]),
    "sparse": lambda: pd.Series(pd.arrays.SparseArray([0, 0, 1])),
    "sparse fill": lambda: pd.Series(pd.arrays.SparseArray([0, 0, 1], fill_value=1)),
    "array": lambda: pd.array([1, 2], dtype="Int64"),
    "numpy array": lambda: pd.arrays.NumpyExtensionArray(np.array([1, 2])),
    "dtype category": lambda: pd.CategoricalDtype(["a"]),
    "dtype tz": lambda: pd.DatetimeTZDtype(tz="UTC"),
    "Timestamp": lambda: pd.Timestamp("2020-01-01"),
    "Timestamp s": lambda: pd.Timestamp("2020-01-01").as_unit("s"),
    "Timestamp UTC": lambda: pd.Timestamp("2020-01-01", tz="UTC"),
    "Timestamp ZoneInfo": lambda: pd.Timestamp("2020-01-01", tz=zoneinfo.ZoneInfo("UTC")),
    "datetime": lambda: dt.datetime(2020, 1, 1),
    "Timedelta": lambda: pd.Timedelta("1h"),
    "Timedelta other": lambda: pd.Timedelta("2h"),
    "Period": lambda: pd.Period("2020-01", "M"),
    "Period D": lambda: pd.Period("2020-01-01", "D"),
    "Interval": lambda: pd.Interval(1, 2),
    "Interval left": lambda: pd.Interval(1, 2, closed="left"),
    "NaT": lambda: pd.NaT,
    "NA": lambda: pd.NA,
    "MonthEnd": lambda: pd.offsets.MonthEnd(),
    "MonthEnd 2": lambda: pd.offsets.MonthEnd(2),
    "CustomBusinessDay": lambda: pd.offsets.CustomBusinessDay(holidays=["2020-01-01"]),
    "CustomBusinessDay other": lambda: pd.offsets.CustomBusinessDay(holidays=["2020-01-02"]),
    "DateOffset": lambda: pd.DateOffset(days=1),
    "DateOffset other": lambda: pd.DateOffset(days=2),
}


def test_different_frames_never_share_bytes() -> None:
    """Values, dtypes, labels, names, attrs and freq of pandas objects all make a difference."""
    seen: dict[bytes, str] = {}
    for name, make in FRAMES.items():
        assert seen.setdefault(encode(make()), name) == name


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_made_again_or_pickled_counts_as_the_same(name: str) -> None:
    """A frame made again or from another process has the same digest, whatever was asked of it meanwhile."""
    value = FRAMES[name]()
    before = digest(value)
    if isinstance(value, pd.DataFrame | pd.Series):
        str(value), value.index.is_unique, value.memory_usage(), value.isna().sum()
    assert digest(value) == digest(FRAMES[name]()) == before
    assert digest(_sent(value)) == before


def test_block_layout_does_not_count() -> None:
    """How pandas keeps the columns in memory is not content."""
    apart = pd.DataFrame({name: np.arange(3.0) + at for at, name in enumerate("abc")})
    grown = pd.DataFrame({"a": apart["a"]})
    grown["b"], grown["c"] = apart["b"], apart["c"]
    matrix = pd.DataFrame(apart.to_numpy(), columns=list("abc"))
    fortran = pd.DataFrame(np.asfortranarray(apart.to_numpy()), columns=list("abc"))
    sliced = pd.DataFrame(np.repeat(apart.to_numpy(), 2, axis=0), columns=list("abc"))[::2].reset_index(drop=True)
    assert len({digest(frame) for frame in (apart, grown, matrix, fortran, sliced, apart.copy())}) == 1


def test_what_lies_under_missing_values_does_not_count() -> None:
    """Equal nullable columns are one value, whatever was computed to get them."""
    one = pd.array([1, None, 3], dtype="Int64")
    other = pd.array([1, 2, 3], dtype="Int64")
    other[1] = pd.NA
    assert digest(one) == digest(other) == digest(one + 0)


def test_arrow_columns_count_by_their_elements() -> None:
    """Chunks and offsets of Arrow memory are not content; storage and type are."""
    pytest.importorskip("pyarrow")
    whole = pd.Series(["a", "b", None], dtype="string[pyarrow]")
    parts = pd.concat([whole[:1], whole[1:]], ignore_index=True)
    sliced = pd.Series(["x", "a", "b", None], dtype="string[pyarrow]")[1:].reset_index(drop=True)
    assert digest(whole) == digest(parts) == digest(sliced)
    assert digest(whole) != digest(whole.astype("string[python]"))
    ints = pd.Series([1, None], dtype="int64[pyarrow]")
    assert digest(ints) == digest(_sent(ints)) != digest(pd.Series([1, None], dtype="int32[pyarrow]"))


class Described(pd.DataFrame):
    _metadata = ["unit"]  # noqa: RUF012

    @property
    def _constructor(self) -> Any:
        return Described


def test_classes_that_extend_frames_count_with_what_they_declare() -> None:
    """A subclass of DataFrame is told from a DataFrame, and by its declared attributes."""
    one, other = Described({"a": [1]}), Described({"a": [1]})
    one.unit, other.unit = "m", "s"
    assert len({digest(one), digest(other), digest(pd.DataFrame({"a": [1]}))}) == 3
    assert digest(one) == digest(_sent(one))


def test_attributes_set_on_frames_count() -> None:
    """An attribute that somebody set on a frame, series, index or array can be read, so it counts."""
    for make in (
        lambda: pd.DataFrame({"a": [1]}),
        lambda: pd.Series([1]),
        lambda: pd.Index([1]),
        lambda: np.ma.MaskedArray([1], mask=[True]),
    ):
        one, other = make(), make()
        one.unit, other.unit = "m", "s"
        assert len({digest(one), digest(other), digest(make())}) == 3


# scipy.sparse and xarray.

_FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]


class Labelled(xr.DataArray):
    __slots__ = ("unit",)


def test_classes_that_extend_labelled_arrays_count_with_their_slots() -> None:
    """What a subclass of DataArray adds is not lost."""
    one, other = Labelled([1.0]), Labelled([1.0])
    one.unit, other.unit = "m", "s"
    assert len({digest(one), digest(other), digest(xr.DataArray([1.0]))}) == 3


def test_sparse_matrices_count_by_format_and_content() -> None:
    """Format, class, shape, dtype and elements count; what a matrix has found out about itself does not."""
    dense = np.array([[0, 1.5, 0], [2.5, 0, 0]])
    digests = set()
    for kind, form in itertools.product((scipy.sparse.coo_matrix, scipy.sparse.coo_array), _FORMATS):
        matrix = kind(dense).asformat(form)
        before = digest(matrix)
        matrix.sum()
        if form in ("csr", "csc"):
            assert matrix.has_sorted_indices
        assert digest(matrix) == digest(_sent(matrix)) == digest(matrix.copy()) == before
        digests |= {before, digest((kind(dense) * 2).asformat(form)), digest(kind(dense[:, :2]).asformat(form))}
        digests.add(digest(kind(dense.astype("f4")).asformat(form)))
    assert len(digests) == 4 * 2 * len(_FORMATS)


def _labelled(**changes: Any) -> xr.DataArray:
    given: dict[str, Any] = {
        "data": np.eye(2),
        "dims": ("x", "y"),
        "coords": {"x": [1, 2], "label": ("y", ["a", "b"])},
        "attrs": {"unit": "m"},
        "name": "q",
    }
    return xr.DataArray(**{**given, **changes})


def test_labelled_arrays_count_by_all_they_show() -> None:
    """Dims, coordinates, names, attrs and values of xarray objects make a difference; pickling does not."""
    array = _labelled()
    others = [
        _labelled(data=np.ones((2, 2))),
        _labelled(data=np.eye(2, dtype="f4")),
        _labelled(dims=("x", "z"), coords={"x": [1, 2]}),
        _labelled(coords={"x": [1, 3], "label": ("y", ["a", "b"])}),
        _labelled(coords={"x": [1, 2], "label": ("y", ["a", "c"])}),
        _labelled(coords={"x": [1, 2]}),
        _labelled(coords=None),
        _labelled(attrs={}),
        _labelled(name="p"),
        array.drop_indexes("x"),
        array.variable,
        array.to_dataset(),
        array.to_dataset().assign_attrs(a=1),
        _labelled(name="p").to_dataset(),
        _labelled(data=np.asarray(_DAYS[:2]), dims="t", coords={"t": _DAYS[:2]}),
        _labelled(data=[1, 2], dims="m", coords={"m": pd.MultiIndex.from_tuples([(1, 2), (3, 4)])}),
    ]
    digests = {digest(value) for value in [array, *others]}
    assert len(digests) == len(others) + 1
    for value in [array, *others]:
        assert digest(value) == digest(_sent(value)) == digest(value.copy(deep=True))
