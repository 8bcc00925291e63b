"""Spaces: which points a sweep has."""

from __future__ import annotations

import datetime
import itertools
import math
import typing
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NamedTuple, NewType

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import RunScript, shown
from sweepable.errors import SpaceError
from sweepable.spaces import (
    Parameter,
    Space,
    axis,
    fixed,
    grid,
    is_float,
    points,
    refuse_option_names,
    space_of,
    takes_sequence,
    zipped,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
axes = st.dictionaries(st.sampled_from("abcd"), st.lists(scalars, max_size=4), max_size=3)


class Calls:
    """Stands for a Query: its records are an axis."""

    def __sweepable_calls__(self) -> list[str]:
        return ["first", "second"]


def same(first: Any, second: Any) -> bool:
    """Equal by type and value: NaN is one, -0.0 and 0.0 are two."""
    return type(first) is type(second) and repr(first) == repr(second)


# ---- What is an axis


@pytest.mark.parametrize(
    "value",
    [[1, 2], range(1, 3), np.array([1, 2]), pd.Index([1, 2]), pd.Series([1, 2], index=[5, 5]), axis((1, 2))],
    ids=lambda v: type(v).__name__,
)
def test_lists_ranges_and_one_dimensional_arrays_are_axes(value: object) -> None:
    """Whatever holds the values of an axis, the points hold Python's own scalars."""
    found = grid(a=value).points()
    assert found == [{"a": 1}, {"a": 2}]
    assert {type(point["a"]) for point in found} == {int}


@pytest.mark.parametrize(
    "value", [(1, 2), "ab", b"ab", {1, 2}, {"x": 1}, 5.0, None, fixed([1, 2]), pd.DataFrame({"a": [1, 2]})], ids=shown
)
def test_anything_else_is_a_constant(value: object) -> None:
    """A tuple, a string, a set, a dict or a frame is one value, in every point the same."""
    space = grid(a=value, b=[1, 2])
    assert len(space) == 2
    assert space.varying == ("b",)
    assert space.constants.keys() == {"a"}


def test_a_matrix_is_a_constant() -> None:
    """An array of two dimensions, or of none, is one value; axis() takes its rows."""
    matrix = np.eye(2)
    assert grid(a=matrix).points()[0]["a"] is matrix
    assert len(grid(a=np.array(3.0))) == 1
    rows = grid(a=axis(matrix))
    matrix[:] = 7
    assert [point["a"].tolist() for point in rows] == [[1.0, 0.0], [0.0, 1.0]]  # type: ignore[attr-defined]


def test_stored_calls_are_an_axis() -> None:
    """A Query given by keyword is an axis of its records, unless it is fixed."""
    calls = Calls()
    assert grid(run=calls).points() == [{"run": "first"}, {"run": "second"}]
    assert grid(run=axis(calls)).points() == grid(run=calls).points()  # type: ignore[arg-type]
    assert grid(run=fixed(calls)).points() == [{"run": calls}]


@pytest.mark.parametrize("value", [(n for n in range(3)), map(abs, [1]), iter([1])], ids=lambda v: type(v).__name__)
def test_what_can_be_read_once_is_refused(value: object) -> None:
    """A generator is neither an axis nor a value; the message says what to pass."""
    for make in (lambda: grid(a=value), lambda: zipped(a=value), lambda: points([{"a": value}])):
        with pytest.raises(SpaceError, match=r"a is an? .* which can be read only once; pass a list"):
            make()


@pytest.mark.parametrize(
    "value", ["abc", b"a", {1, 2}, {"a": 1}, pd.DataFrame({"a": [1]}), 5, np.array(3.0)], ids=shown
)
def test_axis_refuses_what_has_no_order_or_no_values(value: Any) -> None:
    """axis("abc") is not three letters, and a set has no order that lasts."""
    with pytest.raises(SpaceError, match=r"Pass a list"):
        axis(value)


def test_axis_reads_a_generator_once() -> None:
    """A generator marked as an axis is read at once, so the space can be gone through twice."""
    space = grid(a=axis(n * n for n in range(3)))
    assert space.points() == space.points() == [{"a": 0}, {"a": 1}, {"a": 4}]


def test_an_error_inside_a_generator_is_the_users() -> None:
    """What a user's generator raises comes out unchanged."""

    def values() -> Iterable[int]:
        yield 1
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        axis(values())


def test_an_empty_axis_makes_an_empty_space() -> None:
    """Nothing to go through is no error: the sweep has no points."""
    assert len(grid(a=[], b=[1, 2])) == 0
    assert grid(a=np.array([]), b=[1, 2]).points() == []
    assert grid().points() == [{}]


# ---- Values


@pytest.mark.parametrize(
    "value, kind",
    [
        (np.float32(0.5), float),
        (np.int8(3), int),
        (np.bool_(True), bool),
        (np.str_("x"), str),
        (np.complex64(1j), complex),
        (np.datetime64("2020-01-02"), datetime.date),
        (np.datetime64("2020-01-02T03:04:05.123456"), datetime.datetime),
        (np.timedelta64(3, "s"), datetime.timedelta),
    ],
    ids=shown,
)
def test_numpy_scalars_become_python_ones(value: Any, kind: type) -> None:
    """As an axis, a constant, or in a row, a NumPy scalar is found again as the Python value it equals."""
    for space in (
        grid(a=[value]),
        grid(a=value),
        points([{"a": value}]),
        grid(a=np.array([value])),
        grid(a=fixed(value)),
    ):
        found = space[0]["a"]
        assert type(found) is kind
        assert found == value


@pytest.mark.parametrize(
    "value", [np.datetime64("2020-01-02", "ns"), np.datetime64("NaT", "s"), np.timedelta64("NaT", "s")], ids=shown
)
def test_dates_that_python_cannot_hold_stay(value: Any) -> None:
    """Nanoseconds do not become a count, and "not a time" does not become None."""
    for space in (grid(a=[value]), grid(a=np.array([value]))):
        assert same(space[0]["a"], value)


def test_pandas_values_keep_their_type() -> None:
    """The dates of an index are Timestamps, its categories what they are."""
    dates = pd.date_range("2020-01-01", periods=2, tz="Europe/Berlin")
    assert [point["a"] for point in grid(a=dates)] == list(dates)
    assert grid(a=pd.Series(["x", "y", "x"], dtype="category")).points() == [{"a": "x"}, {"a": "y"}]


@given(st.lists(scalars, max_size=8))
def test_an_axis_holds_each_value_once_by_value_and_type(values: list[object]) -> None:
    """1, 1.0 and True are three values of an axis, NaN is one, and the first stands where it stood."""
    kept: list[object] = []
    for value in values:
        if not any(same(value, other) for other in kept):
            kept.append(value)
    found = [point["a"] for point in grid(a=values)]
    assert list(map(repr, found)) == list(map(repr, kept))
    assert list(map(type, found)) == list(map(type, kept))


def test_equal_lists_are_one_value_and_unknown_objects_are_two() -> None:
    """In doubt a space keeps both of two points: none is lost."""
    one, two = object(), object()
    assert len(grid(a=axis([[1, 2], [1, 2], (1, 2), [1, 2.0], [True, 2]]))) == 4
    assert len(grid(a=[one, two, one])) == 2
    assert len(grid(a=axis([np.eye(2), np.eye(2)]))) == 2


# ---- Parameters


MESH = Parameter("mesh", takes_sequence=True, is_float=False)
GAIN = Parameter("gain", takes_sequence=False, is_float=True)
KNOWN = {"mesh": MESH, "gain": GAIN}


@pytest.mark.parametrize(
    "value", [[1, 2, 3], np.array([1, 2, 3]), range(3), pd.Index([1]), Calls()], ids=lambda v: type(v).__name__
)
def test_a_bare_list_for_a_parameter_that_takes_lists_is_refused(value: object) -> None:
    """Where a list may be one value or an axis, the message shows both spellings."""
    for space, axes in ((None, {"mesh": value}), (grid(mesh=value), {}), (zipped(mesh=value), {"gain": 1})):
        with pytest.raises(SpaceError, match=r"mesh takes a sequence.*mesh=axis\(.*mesh=fixed\("):
            space_of(space, axes, KNOWN)


def test_axis_and_fixed_say_what_a_list_is() -> None:
    """Marked, or given point by point, a list is never ambiguous."""
    assert space_of(None, {"mesh": fixed([1, 2])}, KNOWN).points() == [{"mesh": [1, 2]}]
    assert space_of(None, {"mesh": axis([[1], [2]])}, KNOWN).points() == [{"mesh": [1]}, {"mesh": [2]}]
    assert space_of(points([{"mesh": [1]}]), {}, KNOWN).points() == [{"mesh": [1]}]
    assert space_of(None, {"mesh": (1, 2)}, KNOWN).points() == [{"mesh": (1, 2)}]


@pytest.mark.parametrize(
    "space",
    [
        grid(gain=[1, 1.0, 2, True], x=[1]),
        grid(gain=fixed(1), x=[1]) + grid(x=[1], gain=[2, 1.0, True]),
        points([{"gain": 1, "x": 1}, {"gain": 1.0, "x": 1}, {"gain": np.int64(2), "x": 1}, {"gain": True, "x": 1}]),
        zipped(gain=[1, 2, True, 2.0], x=[1, 1, 1, 1]),
        grid(x=[1], g=[1, 2, True]).derive(gain=lambda p: p["g"]).where(lambda p: p["gain"] != 7),
    ],
    ids=["grid", "union", "points", "zipped", "derived"],
)
def test_ints_become_floats_where_the_parameter_is_a_float(space: Space) -> None:
    """1 and 1.0 are one point of a float parameter, however the space was made; True stays True."""
    found = [point["gain"] for point in space_of(space, {}, KNOWN)]
    assert sorted(map(repr, found)) == ["1.0", "2.0", "True"]
    assert all(type(point["x"]) is int for point in space_of(space, {}, KNOWN))


def test_ints_that_no_float_can_hold_stay() -> None:
    """Making floats of ints never changes a value."""
    large = [2**53, 2**53 + 1, 10**400]
    assert [point["gain"] for point in space_of(None, {"gain": large}, KNOWN)] == large


def test_given_space_times_keywords() -> None:
    """Keywords beside a space are combined with each of its points; rows and frames are taken for a space."""
    expected = [{"a": 1, "b": 3, "c": 5}, {"a": 1, "b": 3, "c": 6}, {"a": 2, "b": 4, "c": 5}, {"a": 2, "b": 4, "c": 6}]
    for space in (
        zipped(a=[1, 2], b=[3, 4]),
        [{"a": 1, "b": 3}, {"a": 2, "b": 4}],
        pd.DataFrame({"a": [1, 2], "b": [3, 4]}),
    ):
        assert space_of(space, {"c": [5, 6]}, {}).points() == expected
    with pytest.raises(SpaceError, match="a came twice"):
        space_of(grid(a=[1]), {"a": [2]}, {})


def test_names_of_options_are_refused_as_axes() -> None:
    """Where an option can only be meant as an axis, the message shows the way to write it."""
    options = frozenset({"n_jobs", "executor"})
    refuse_option_names({"n_jobs": 4, "executor": None, "gain": [1, 2]}, options)
    for value in ([1, 2], np.arange(2), axis([1]), fixed(2)):
        with pytest.raises(SpaceError, match=r"n_jobs is an option .*grid\(n_jobs="):
            refuse_option_names({"n_jobs": value}, options)


class Config(NamedTuple):
    a: int = 1


Grams = NewType("Grams", float)
Weights = NewType("Weights", list[float])


@pytest.mark.parametrize(
    "default", [[1], (1, 2), np.zeros(2), np.array(1.0), range(3), deque(), pd.Series([1]), pd.RangeIndex(2)], ids=shown
)
def test_defaults_that_are_sequences(default: object) -> None:
    """A parameter whose default is a sequence takes sequences."""
    assert takes_sequence(default, None)


@pytest.mark.parametrize(
    "annotation",
    [
        list, list[int], "list[float]", "List[float] | None", Sequence[float], Iterable[int],
        np.ndarray, npt.NDArray[np.float64], "npt.NDArray[np.float64]", npt.ArrayLike, "npt.ArrayLike", np.array,
        "np.array", tuple[int, int], float | list[float], "Union[float, 'np.ndarray']",
        Annotated[list[int], "sorted"], "Annotated[list[int], 'sorted']", pd.Series, pd.DatetimeIndex, "pd.Series",
        Weights, typing.ForwardRef("list[int]"),
    ],
    ids=shown,
)  # fmt: skip
def test_annotations_of_sequences(annotation: object) -> None:
    """A parameter annotated as a sequence or an array takes sequences, whether or not annotations are strings."""
    assert takes_sequence(None, annotation)


@pytest.mark.parametrize(
    "default, annotation",
    [
        (1.0, float), ("abc", "str"), (b"", bytes), (None, None), ({}, dict), (None, "dict[str, list[int]]"),
        (None, pd.DataFrame), (Config(), Config), (None, Any), (None, "not an ( annotation"), (None, "Literal['list']"),
        (None, [1, 2]), (None, Grams), (None, "Optional[float]"), (len, typing.Callable[[list], int]), (None, 5),
    ],
    ids=shown,
)  # fmt: skip
def test_other_parameters_take_no_sequence(default: object, annotation: object) -> None:
    """A string, a mapping, a frame or a named tuple is no sequence of values."""
    assert not takes_sequence(default, annotation)


@pytest.mark.parametrize(
    "default, annotation, expected",
    [
        (1.0, None, True), (math.inf, int, True), (np.float64(1), None, True), (1, float, True), (1, "float", True),
        (None, "float | None", True), (None, "Optional[float]", True), (2, Grams, True),
        (None, Annotated[float, "m"], True), (1, None, False), (True, "bool", False), (1, "int | float", False),
        (1, None | int, False), (None, "list[float]", False), (None, None, False), (None, "None", False),
    ],
    ids=shown,
)  # fmt: skip
def test_parameters_that_are_floats(default: object, annotation: object, expected: bool) -> None:
    """A float default or annotation means floats; where ints are allowed too, they stay ints."""
    assert is_float(default, annotation) is expected


# ---- Spaces


@given(axes)
def test_a_grid_is_the_product_of_its_axes_last_fastest(given_axes: dict[str, list[object]]) -> None:
    """A grid has all combinations, in the order of nested loops, and every way to read it gives the same points."""
    space = grid(**given_axes)
    expected = [dict(zip(space.axes, row, strict=True)) for row in itertools.product(*space.axes.values())]
    assert repr(space.points()) == repr(expected)
    assert len(space) == len(expected)
    assert repr([space[n] for n in range(len(space))]) == repr(expected)
    assert repr([space[n - len(space)] for n in range(len(space))]) == repr(expected)


@given(axes, axes)
def test_a_union_holds_each_point_once(first: dict[str, list[object]], second: dict[str, list[object]]) -> None:
    """A union holds the first space as it was, and of the second what is new."""
    first = {**{name: [0] for name in second}, **first}
    second = {**{name: [0] for name in first}, **second}
    left, right = grid(**first), grid(**second)
    union = left + right
    tokens = [repr([point[name] for name in left.names]) for point in [*left, *right]]
    assert [repr([point[name] for name in left.names]) for point in union] == list(dict.fromkeys(tokens))
    assert repr([union[n] for n in range(len(union))]) == repr(union.points())


def test_union_of_spaces_that_differ_in_a_constant() -> None:
    """A name that is constant in each of two spaces, but not the same, varies in their union."""
    union = grid(a=[1, 2], b=1, c="x") + grid(c="x", b=2, a=[1])
    assert union.varying == ("a", "b")
    assert union.constants == {"c": "x"}
    assert union.axes == {}
    assert union[-1] == {"a": 1, "b": 2, "c": "x"}
    assert (grid(b=1) + grid(b=True)).varying == ("b",)
    with pytest.raises(SpaceError, match="same names, and these have a and b"):
        grid(a=1) + grid(b=1)


def test_products_keep_what_is_known_of_their_parts() -> None:
    """Only independent axes are axes: names that were zipped vary, but make no grid."""
    space = grid(a=[1, 2], k="x") * zipped(b=[1, 2, 3], c=[4, 5, 6]) * grid(d=range(2))
    assert space.names == ("a", "k", "b", "c", "d")
    assert space.varying == ("a", "b", "c", "d")
    assert space.axes == {"a": (1, 2), "d": (0, 1)}
    assert len(space) == 12
    assert [space[n] for n in range(12)] == space.points()
    assert space[7] == {"a": 2, "k": "x", "b": 1, "c": 4, "d": 1}
    with pytest.raises(IndexError):
        space[12]
    with pytest.raises(SpaceError, match="a came twice"):
        grid(a=[1]) * grid(a=[2])


def test_zipped_axes_are_of_one_length() -> None:
    """Axes that do not fit together are an error that shows their lengths; constants fit all."""
    assert zipped(a=[1, 2], b=np.array([3, 4]), c=(5, 6)).points() == [
        {"a": 1, "b": 3, "c": (5, 6)},
        {"a": 2, "b": 4, "c": (5, 6)},
    ]
    assert zipped(a=[1, 1, 2, 1], b=[1, 2, 1, 1]).points() == [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 1}]
    assert zipped(c=5).points() == [{"c": 5}]
    assert len(zipped(a=[], b=[])) == 0
    with pytest.raises(SpaceError, match="a has 2, b has 3"):
        zipped(a=[1, 2], b=[1, 2, 3], c=1)


def test_points_from_rows_and_frames() -> None:
    """Rows, in any order of names, and frames, whatever their index, are points; a point is there once."""
    rows = [{"a": np.float64(1), "b": [1, 2]}, {"b": [1, 2], "a": 1.0}, {"b": fixed(3), "a": 2.0}]
    assert points(iter(rows)).points() == [{"a": 1.0, "b": [1, 2]}, {"a": 2.0, "b": 3}]
    frame = pd.DataFrame({"a": [1, 2, 1], "b": ["x", "y", "x"]}, index=[7, 7, 7])
    found = points(frame).points()
    assert found == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert type(found[0]["a"]) is int
    assert points([]).points() == []
    assert points([{}]).points() == [{}]
    assert points([{"a": 1}, {"a": 2}]).axes == {"a": (1, 2)}


@pytest.mark.parametrize(
    "rows, message",
    [
        ([{"a": 1}, {"b": 1}], "point 1 has b, the first has a"),
        ([{"a": 1}, 5], "point 1 is an int"),
        ([{1: 2}], "point 0 is a dict, not a mapping of names"),
        ({"a": [1, 2]}, "points are mappings"),
        (5, "points are mappings"),
        ([{"a": axis([1])}], "an axis cannot be one value"),
        (pd.DataFrame({0: [1]}), "must be strings"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "a came twice"),
    ],
    ids=str,
)
def test_rows_that_make_no_space(rows: Any, message: str) -> None:
    """Rows without the same names are an error that says which."""
    with pytest.raises(SpaceError, match=message):
        points(rows)


def test_where_asks_once_per_point() -> None:
    """A filtered space is one value, even if its predicate would answer otherwise the next time."""
    asked: list[object] = []

    def fresh(point: dict[str, object]) -> bool:
        asked.append(point["a"])
        return len(asked) <= 2

    space = grid(a=[1, 2, 3]).where(fresh)
    assert not asked
    assert space.points() == space.points() == [{"a": 1}, {"a": 2}]
    assert (len(space), space[1], asked) == (2, {"a": 2}, [1, 2, 3])
    assert space.axes == {"a": (1, 2, 3)}


def test_derived_values_follow_from_the_point_and_are_computed_once() -> None:
    """Derived names see those before them, are Python scalars, and do not change from one reading to the next."""
    count = itertools.count()
    space = grid(a=[1, 2], k="x").derive(
        b=lambda p: np.int64(p["a"]) * 10, c=lambda p: p["b"] + 1, n=lambda p: next(count)
    )
    assert space.points() == space.points()
    assert [space[n] for n in range(2)] == space.points()
    assert space[1] == {"a": 2, "k": "x", "b": 20, "c": 21, "n": 1}
    assert type(space[0]["b"]) is int
    assert space.varying == ("a", "b", "c", "n")
    assert space.where(lambda p: p["b"] > 10).points() == [space[1]]
    assert (space * grid(z=[0, 1]))[3] == {**space[1], "z": 1}
    with pytest.raises(SpaceError, match="a came twice"):
        grid(a=[1]).derive(a=lambda p: 2)


def test_points_are_the_readers_to_change() -> None:
    """What is done to a point that was read never changes the space."""
    space = grid(a=[1, 2]).derive(b=lambda p: p["a"])
    for point in space:
        point.clear()
    assert space.points() == [{"a": 1, "b": 1}, {"a": 2, "b": 2}]


def test_a_space_of_a_million_points_is_not_held() -> None:
    """A large grid costs its axes, not its points, and any point is found at once."""
    space = grid(a=np.linspace(0, 1, 10**3), b=range(10**3), c=range(10**6), d=0)
    assert len(space) == 10**12
    assert space[-1] == {"a": 1.0, "b": 999, "c": 999_999, "d": 0}
    assert list(itertools.islice(space, 2)) == [{"a": 0.0, "b": 0, "c": n, "d": 0} for n in range(2)]


def test_what_is_no_space_cannot_be_combined() -> None:
    """A space times a number is a TypeError, as for any two things that do not go together."""
    for combine in (lambda: grid(a=[1]) * 2, lambda: grid(a=[1]) + [{"a": 2}]):  # type: ignore[operator]
        with pytest.raises(TypeError):
            combine()


def test_spaces_say_what_they_are() -> None:
    """The repr tells the size and the names."""
    assert repr(grid(a=[1, 2], b=3)) == "<Space of 2 points: a, b>"
    assert repr(grid()) == "<Space of 1 point: no names>"
    assert repr(axis(range(3))) == "axis([0, 1, 2])"
    assert repr(fixed([1])) == "fixed([1])"


def test_spaces_import_nothing_heavy(run_script: RunScript) -> None:
    """Making a grid of lists and arrays loads neither pandas nor numpy.typing."""
    run_script("""
        import sys
        import numpy
        import sweepable.spaces as spaces
        spaces.grid(a=[1], b=numpy.arange(3)).points()
        assert not {"pandas", "numpy.typing", "joblib"} & set(sys.modules)
    """)
