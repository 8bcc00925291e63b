"""Calls as xarray Datasets: dimensions from what was swept, and nothing that was not computed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript

xarray = pytest.importorskip("xarray")

_NUMBERS = itertools.count()


@sweepable.cache(peak=float)
def reference(amplitude: float = 1.0, phase: float = 0.5) -> float:
    return amplitude


@sweepable.cache(
    trace=sweepable.Output(np.ndarray, dims="time", units="rad"), last=sweepable.Output(float, units="m"), steps=int
)
def simulate(ref: Any = reference, gain: float = 2.0, size: int = 3) -> tuple[Any, float, int]:
    return np.arange(size) * gain * ref.peak, float(ref.peak * gain), 2 * size


def echo(**axes: Any) -> Any:
    """A sweep of a function that returns its parameter ``y``, by a parameter ``n``."""

    def echo(n: int = 0, y: Any = None) -> Any:
        return {"out": y}

    return sweepable.cache(echo, name=f"echo_{next(_NUMBERS)}", version="1").sweep(progress=False, **axes)


def test_the_axes_of_a_sweep_are_dimensions_in_its_order() -> None:
    """Values stand where the space has them; what does not vary is in attrs; a mask tells what there is."""
    runs = simulate.sweep(gain=[3.0, 1.0], amplitude=[4.0, 2.0, 5.0], progress=False)
    data = runs.to_xarray()
    assert dict(data.sizes) == {"gain": 2, "amplitude": 3, "time": 3}
    assert data.gain.values.tolist() == [3.0, 1.0] and data.amplitude.values.tolist() == [4.0, 2.0, 5.0]
    assert data["last"].dims == ("gain", "amplitude") and data["last"].sel(gain=1.0, amplitude=5.0) == 5.0
    assert data["last"].values.tolist() == [[12.0, 6.0, 15.0], [4.0, 2.0, 5.0]]
    assert data.computed.values.all() and data.computed.dtype == bool
    assert data.steps.dtype == np.int64 and data["last"].attrs == {"units": "m"}
    assert data.attrs == {"size": 3, "ref__phase": 0.5}


def test_arrays_of_one_shape_are_stacked() -> None:
    """On the dimensions that were declared, with units; each where its call stands."""
    data = simulate.sweep(gain=[1.0, 2.0], amplitude=[1.0, 3.0], progress=False).to_xarray("trace")
    assert data.trace.dims == ("gain", "amplitude", "time") and data.trace.attrs == {"units": "rad"}
    assert data.trace.sel(gain=2.0, amplitude=3.0).values.tolist() == [0.0, 6.0, 12.0]
    assert set(data.data_vars) == {"trace", "computed"}


def test_arrays_without_declared_dimensions_have_names_of_their_own() -> None:
    """``<output>_0`` and so on; a parameter that is an array is numbered, and its values are told in attrs."""
    runs = echo(n=[1, 2], y=sweepable.axis([np.ones((2, 3), int), np.zeros((2, 3), int)]))
    data = runs.to_xarray()
    assert data.out.dims == ("n", "y", "out_0", "out_1") and data.out.dtype == int
    assert data.y.values.tolist() == [0, 1] and len(data.y.attrs["values"]) == 2
    assert (data.out.sel(y=0) == 1).all() and (data.out.sel(y=1) == 0).all()


class Method(enum.IntEnum):
    EULER = 1
    RK4 = 0


def test_members_of_enumerations_are_no_numbers_of_each_other() -> None:
    """A member finds its own cell; where the coordinate has the members' names instead, it finds none."""

    @sweepable.cache
    def error(solver: Method = Method.EULER) -> float:
        return 100.0 if solver is Method.EULER else 0.01

    runs = error.sweep(solver=[Method.EULER, Method.RK4], progress=False)
    assert runs.to_xarray().value.sel(solver=Method.RK4) == 0.01
    data = error.select().to_xarray()
    assert data.value.sel(solver="enum:Method.RK4") == 0.01 and "values" not in data.solver.attrs
    with pytest.raises(KeyError):
        data.value.sel(solver=Method.RK4)


def test_a_value_is_never_found_by_the_number_of_another_one() -> None:
    """Where some values can be labels and others cannot, all are texts."""

    @sweepable.cache
    def picked(k: Any) -> float:
        return 100.0 if k == 2 else -1.0

    mixed = picked.sweep(k=[2, 1, (1, 2)], progress=False).to_xarray()
    assert [label[:4] for label in mixed.k.values] == ["0: 2", "1: 1", "2: ("]
    with pytest.raises(KeyError):
        mixed.value.sel(k=2)


def _sparse() -> Any:
    """A query of calls along a diagonal."""

    def diagonal(n: int = 0, m: int = 0) -> dict[str, int]:
        return {"out": n + m}

    function = sweepable.cache(diagonal, name=f"diagonal_{next(_NUMBERS)}", version="1")
    for n in range(4):
        function(n, m=10 * n)
    return function.select()


def test_arrays_of_several_shapes_are_left_out_with_a_warning() -> None:
    """... that names them; asked for by name they are an error."""
    runs = simulate.sweep(size=[2, 3], progress=False)
    with pytest.warns(sweepable.SweepableWarning, match=r"trace \(float64 \(2,\) and float64 \(3,\)\)"):
        data = runs.to_xarray()
    assert data.steps.values.tolist() == [4, 6] and "trace" not in data
    with pytest.raises(sweepable.SweepableError, match="trace"):
        runs.to_xarray("trace")


def test_the_dimensions_of_a_query_are_what_its_calls_differ_in() -> None:
    """Own and upstream parameters by their full path, sorted."""
    simulate.sweep(gain=[3.0, 1.0], amplitude=[4.0, 2.0], size=[5], progress=False)
    data = simulate.filter(size=5).to_xarray("last", "ref__peak")
    assert data["last"].dims == ("gain", "ref__amplitude")
    assert data.gain.values.tolist() == [1.0, 3.0] and data.ref__amplitude.values.tolist() == [2.0, 4.0]
    assert data["last"].values.tolist() == [[2.0, 4.0], [6.0, 12.0]]
    assert data.ref__peak.values.tolist() == [[2.0, 4.0], [2.0, 4.0]]
    assert simulate.filter(size=5).to_xarray("last", dims=["ref__amplitude", "gain"])["last"].shape == (2, 2)


def test_what_failed_is_missing_and_the_mask_says_so() -> None:
    """NaN among floats and ints, objects among bools and texts, NaT among moments; large ints stay what they are."""

    @sweepable.cache
    def picky(x: int = 0, big: bool = False) -> dict[str, Any]:
        if x == 1:
            raise ValueError(x)
        moment = dt.datetime(2026, 1, 1 + x)
        return {"f": x / 2, "i": 2**60 + 1 if big else x, "b": x == 0, "s": f"s{x}", "t": moment, "a": np.arange(2) + x}

    data = picky.sweep(x=[0, 1, 2], progress=False).to_xarray()
    assert data.computed.values.tolist() == [True, False, True]
    assert data.f.dtype == float and data.f.isnull().values.tolist() == [False, True, False]
    assert data.i.dtype == float and data.i.values[[0, 2]].tolist() == [0.0, 2.0]
    assert data.b.dtype == object and data.b.values[[0, 2]].tolist() == [True, False]
    assert data.s.values[[0, 2]].tolist() == ["s0", "s2"] and data.s.isnull().values[1]
    assert data.t.dtype.kind == "M" and data.t.isnull().values.tolist() == [False, True, False]
    assert data.a.dims == ("x", "a_0") and data.a[2].values.tolist() == [2.0, 3.0] and data.a.isnull()[1].all()
    every = picky.sweep(x=[0, 1, 2], progress=False).all().to_xarray()
    assert every.x.values.tolist() == [0, 1, 2] and every.computed.values.tolist() == [True, False, True]
    large = picky.sweep(x=[0, 1, 2], big=[True], progress=False).to_xarray()
    assert large.i.dtype == object and large.i.values[[0, 2], 0].tolist() == [2**60 + 1] * 2


def test_a_sweep_of_which_nothing_is_done_has_its_grid() -> None:
    """Every cell is missing."""

    @sweepable.cache(y=float)
    def fails(x: int = 0) -> float:
        raise ValueError(x)

    data = fails.sweep(x=[1, 2], progress=False).to_xarray()
    assert data.x.values.tolist() == [1, 2] and not data.computed.values.any() and data.y.isnull().values.all()


def test_an_empty_query_and_one_call_are_datasets_as_well() -> None:
    """No points; and no dimensions, everything in attrs."""

    @sweepable.cache(y=float, z=np.ndarray)
    def f(x: int = 0) -> tuple[float, Any]:
        return float(x), np.ones(2)

    for empty in (f.select(), f.filter(x=5)):
        data = empty.to_xarray()
        assert dict(data.sizes) == {"point": 0} and "y" in data
        f(1)
    one = f.select().to_xarray()
    assert one.attrs == {"x": 1} and one.y.shape == () and float(one.y) == 1.0 and one.z.dims == ("z_0",)


def test_a_grid_that_would_be_mostly_empty_is_a_list_of_points() -> None:
    """With the parameters along it, and a warning; ``dims=`` makes the grid all the same."""
    query = _sparse()
    with pytest.warns(sweepable.SweepableWarning, match="16 cells for 4 calls"):
        data = query.to_xarray()
    assert data.out.dims == ("point",) and data.n.dims == ("point",) and data.n.values.tolist() == [0, 1, 2, 3]
    assert data.m.values.tolist() == [0, 10, 20, 30] and data.out.values.tolist() == [0, 11, 22, 33]
    grid = query.to_xarray(dims=["n", "m"])
    assert grid.out.shape == (4, 4) and grid.computed.values.sum() == 4
    assert grid.out.sel(n=2, m=20) == 22 and grid.out.isnull().sum() == 12
    assert query.to_xarray(dims=["n"]).out.values.tolist() == [0, 11, 22, 33]


def test_parameters_that_vary_together_have_points() -> None:
    """No warning: nobody expects a grid of a zipped space. Points that are a grid make one."""
    runs = simulate.sweep(sweepable.zipped(gain=[1.0, 2.0], amplitude=[3.0, 4.0]), progress=False)
    data = runs.to_xarray()
    assert data["last"].dims == ("point",) and data["last"].values.tolist() == [3.0, 8.0]
    assert data.gain.values.tolist() == [1.0, 2.0] and data.trace.dims == ("point", "time")
    square = [{"gain": g, "amplitude": a} for g in (1.0, 2.0) for a in (3.0, 4.0)]
    assert simulate.sweep(sweepable.points(square), progress=False).to_xarray()["last"].dims == ("gain", "amplitude")
    part = sweepable.grid(gain=[1.0, 2.0, 3.0], amplitude=[1.0, 2.0, 3.0]).where(lambda p: p["gain"] >= p["amplitude"])
    data = simulate.sweep(part, progress=False).to_xarray()
    assert data["last"].shape == (3, 3) and data.computed.values.sum() == 6


def test_functions_as_values_are_labels() -> None:
    """A sweep over upstream functions has their names as the coordinate."""

    @sweepable.cache
    def ridge(alpha: float = 1.0) -> dict[str, float]:
        return {"score": alpha}

    @sweepable.cache
    def forest(depth: int = 3) -> dict[str, float]:
        return {"score": 2.0 * depth}

    @sweepable.cache(r2=float)
    def score(model: Any = ridge, fold: int = 0) -> float:
        return float(model.score + fold)

    data = score.sweep(model=[ridge, forest], fold=[0, 1], progress=False).to_xarray()
    assert data.model.values.tolist() == ["ridge", "forest"]
    assert data.r2.sel(model="forest").values.tolist() == [6.0, 7.0]


def test_two_calls_in_one_cell_are_an_error_that_names_what_tells_them_apart() -> None:
    """Nothing is chosen silently."""
    simulate.sweep(gain=[1.0, 2.0], phase=[0.0, 1.0], size=[7], progress=False)
    with pytest.raises(sweepable.SweepableError, match=r"gain=1.0.*differ in ref__phase"):
        simulate.filter(size=7).to_xarray(dims=["gain"])
    with pytest.raises(sweepable.SweepableError, match="last is none"):
        simulate.filter(size=7).to_xarray(dims=["last"])
    with pytest.raises(sweepable.UnknownName, match="did you mean"):
        simulate.filter(size=7).to_xarray("lst")


def test_the_mask_gives_way_to_the_users_name() -> None:
    """An output called ``computed`` is the user's, and so is a parameter."""

    @sweepable.cache(computed=float)
    def f(x: int = 0, is_computed: int = 1) -> float:
        return x / 4

    data = f.sweep(x=[1, 2], is_computed=[1, 2], progress=False).to_xarray()
    assert data.computed.values.tolist() == [[0.25, 0.25], [0.5, 0.5]] and data.sweepable_computed.values.all()
    assert data.is_computed.dims == ("is_computed",)


def test_a_parameter_and_an_output_of_one_name_stand_side_by_side() -> None:
    """Spelled as look-ups spell them."""

    @sweepable.cache
    def negate(x: float = 1.0) -> dict[str, float]:
        return {"x": -x}

    data = negate.sweep(x=[1.0, 2.0], progress=False).to_xarray()
    assert data.outputs__x.values.tolist() == [-1.0, -2.0]


def test_a_large_grid_is_made_of_its_own_calls() -> None:
    """Thousands of calls make a grid in which every cell is that of its own call."""
    runs = echo(n=range(60), y=[float(y) for y in range(60)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = runs.to_xarray()
    assert data.out.shape == (60, 60) and (data.out == data.y).all()


def test_without_xarray_the_error_names_the_extra(run_script: RunScript) -> None:
    """... and everything else works."""
    done = run_script("""
        import sys
        sys.modules["xarray"] = None
        import sweepable

        @sweepable.cache(y=float)
        def f(x=1.0):
            return x

        runs = f.sweep(x=[1.0, 2.0], progress=False)
        print(len(runs.to_df()))
        try:
            runs.to_xarray()
        except ImportError as error:
            print(type(error).__name__, error)
    """)
    assert done.stdout.splitlines() == [
        "2", "MissingExtra to_xarray needs xarray, which is not installed: pip install 'sweepable[xarray]'"
    ]  # fmt: skip


def test_fields_of_config_objects_are_dimensions() -> None:
    """Not the objects that they are fields of."""

    @dataclasses.dataclass(frozen=True)
    class Config:
        dt: float = 0.1
        order: int = 4

    @sweepable.cache(y=float)
    def run(config: Config = Config(), gain: float = 1.0) -> float:
        return config.dt * gain

    runs = run.sweep(config__dt=[0.2, 0.1], gain=[1.0, 3.0], progress=False)
    for data in (runs.to_xarray(), run.select().to_xarray()):
        assert data.y.dims == ("config__dt", "gain") and data.attrs == {"config__order": 4}
        assert float(data.y.sel(config__dt=0.2, gain=3.0)) == pytest.approx(0.6)
