"""Config objects: their fields are names like any others, in calls, look-ups, sweeps, tables and on Records."""

from __future__ import annotations

import dataclasses
import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import numpy as np
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import sweepable
from running import RunScript
from sweepable.configs import MOST, fields_of, flattened, replaced
from sweepable.errors import (
    AmbiguousName,
    ArgumentError,
    SeveralCallsFound,
    SpaceError,
    UnknownName,
    UnknownOutput,
)

_NUMBERS = itertools.count()


@dataclasses.dataclass(frozen=True, slots=True)
class Solver:
    dt: float = 0.1
    method: str = "rk4"
    tolerance: float | None = None


@dataclasses.dataclass
class Config:
    solver: Solver = Solver()
    steps: int = 3
    weights: Any = (1.0, 2.0)


@attrs.frozen
class AttrsSolver:
    dt: float = 0.1
    _steps: int = 2


@attrs.define
class AttrsConfig:
    solver: AttrsSolver = attrs.Factory(AttrsSolver)
    name: str = "a"


class ModelSolver(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)
    dt: float = 0.1
    steps: int = pydantic.Field(2, alias="Steps", gt=0)


class ModelConfig(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    solver: ModelSolver = ModelSolver()
    name: str = "a"


@pydantic.dataclasses.dataclass(frozen=True)
class CheckedSolver:
    dt: float = 0.1


class TupleSolver(NamedTuple):
    dt: float = 0.1
    steps: int = 2


class TupleConfig(NamedTuple):
    solver: TupleSolver = TupleSolver()
    name: str = "a"


_OPTIONS = {"a": 1}


@dataclasses.dataclass(frozen=True)
class Model:
    gain: float = 1.0

    @sweepable.cache(y=float)
    def run(self, config: Any = _OPTIONS) -> float:
        return self.gain * float(config["a"])


@dataclasses.dataclass
class Options:
    opts: dict[str, int] = dataclasses.field(default_factory=lambda: {"x": 1})


class Scaled(BaseEstimator):  # type: ignore[misc]
    def __init__(self, inner: Any = None, scale: float = 1.0) -> None:
        self.inner = inner
        self.scale = scale


def cached(default: Any, **options: Any) -> Any:
    """A cached function of one config object, which nobody else uses."""

    def run(config: Any = default, gain: float = 1.0) -> float:
        return gain

    return sweepable.cache(run, name=f"run_{next(_NUMBERS)}", version="1", y=float, **options)


# -- every kind

KINDS: list[Any] = [
    pytest.param(Config(), "solver__dt", lambda: Config(Solver(0.5)), id="dataclass"),
    pytest.param(AttrsConfig(), "solver__dt", lambda: AttrsConfig(AttrsSolver(0.5)), id="attrs"),
    pytest.param(AttrsConfig(), "solver___steps", lambda: AttrsConfig(AttrsSolver(steps=0.5)), id="attrs-private"),  # type: ignore[arg-type]
    pytest.param(ModelConfig(), "solver__dt", lambda: ModelConfig(solver=ModelSolver(dt=0.5)), id="pydantic"),
    pytest.param(ModelConfig(extra=1), "extra", lambda: ModelConfig(extra=0.5), id="pydantic-extra"),  # type: ignore[call-arg]
    pytest.param({"c": CheckedSolver()}, "c__dt", lambda: {"c": CheckedSolver(0.5)}, id="pydantic-dataclass"),
    pytest.param(TupleConfig(), "solver__dt", lambda: TupleConfig(TupleSolver(0.5)), id="named-tuple"),
    pytest.param(Ridge(), "alpha", lambda: Ridge(alpha=0.5), id="estimator"),
    pytest.param(Scaled(Ridge()), "inner__alpha", lambda: Scaled(Ridge(alpha=0.5)), id="nested-estimator"),
    pytest.param({"b": {"dt": 1}, "a": 2}, "b__dt", lambda: {"b": {"dt": 0.5}, "a": 2}, id="dict"),
    pytest.param(
        {"model": ModelConfig(), "all": (AttrsConfig(), 1), "t": TupleConfig(TupleSolver(Config()))},  # type: ignore[arg-type]
        "t__solver__dt__solver__dt",
        lambda: {
            "model": ModelConfig(),
            "all": (AttrsConfig(), 1),
            "t": TupleConfig(TupleSolver(Config(Solver(0.5)))),  # type: ignore[arg-type]
        },
        id="mixed",
    ),
]


@pytest.mark.parametrize(("base", "path", "by_hand"), KINDS)
def test_a_field_is_set_by_its_path(base: Any, path: str, by_hand: Callable[[], Any]) -> None:
    """The call is the one that an object made by hand gives, and the object that was given stays as it is."""
    run, key = cached(base), f"config__{path}"
    before = run.key_of()
    by_name = run.get_or_run(**{key: 0.5})
    assert run.key_of(by_hand()) == by_name.info.key == run.key_of(config=base, **{key: 0.5})
    assert run.peek(**{key: 0.5}) == by_name and run.explain(**{key: 0.5}).hit
    assert run.key_of() == before != by_name.info.key


@pytest.mark.parametrize(("base", "path", "by_hand"), KINDS)
def test_a_field_is_found_shown_and_read_by_its_path(base: Any, path: str, by_hand: Callable[[], Any]) -> None:
    """One name serves look-ups, order, columns and Records."""
    run, key = cached(base), f"config__{path}"
    run(by_hand())
    run()
    assert [rec[key] for rec in run.filter(**{key: 0.5})] == [0.5]
    assert run.filter(**{f"{key}__lt": 0.6, f"{key}__gt": 0.4}).count() == 1
    ordered = list(run.select().order_by(f"-{key}"))
    assert len(ordered) == 2 and getattr(ordered[0], key) == max(rec[key] for rec in ordered)
    frame = run.select().to_df()
    assert 0.5 in frame[key].tolist() and "config" not in frame
    assert len(frame.groupby(key)) == 2


@pytest.mark.parametrize(("base", "path", "by_hand"), KINDS)
def test_a_field_is_swept_by_its_path(base: Any, path: str, by_hand: Callable[[], Any]) -> None:
    """Each point is built by the constructor; the axes of a sweep find its records."""
    run, key = cached({"other": 1}), f"config__{path}"
    run(config=by_hand(), gain=9.0)
    axes: dict[str, Any] = {"config": base, key: [0.5, 2.5], "gain": [1.0, 2.0]}
    if path == "solver___steps":
        axes[key] = [0.5, 2]
    runs = run.sweep(**axes, progress=False)
    assert runs.counts["run"] == len(runs) == 4 and list(runs.space.axes) == [key, "gain"]
    assert runs[0] == run.peek(by_hand(), 1.0)
    assert {rec.info.key for rec in run.filter(**axes)} == {rec.info.key for rec in runs}
    assert runs.to_df().groupby(key)["y"].sum().tolist() == [3.0, 3.0]
    assert run.sweep(**axes, progress=False).counts["hit"] == 4


def test_another_process_finds_calls_by_fields(run_script: RunScript, tmp_path: Path) -> None:
    """Columns are in the store: a process that has not the code, or never ran it, knows their names."""
    code = """
        import dataclasses, sweepable
        @dataclasses.dataclass(frozen=True)
        class Solver:
            dt: float = 0.1
        @dataclasses.dataclass(frozen=True)
        class Config:
            solver: Solver = Solver()
            steps: int = 3
        @sweepable.cache(y=float)
        def simulate(config: Config = Config()):
            print("runs")
            return config.solver.dt * config.steps
        @sweepable.cache(z=float)
        def evaluate(sim=simulate, weight=1.0):
            return sim.y * weight
    """
    run_script(None, files={"lab.py": code, "__init__.py": ""}, name="lab.py")
    sweep = (
        "import lab\nruns = lab.evaluate.sweep(sim__config__solver__dt=[1, 2], n_jobs=2, progress=False)\nprint(runs)"
    )
    assert "2 run, 2 upstream" in run_script(sweep).stdout
    again = run_script(sweep + "\nprint(lab.evaluate.get_or_run(config__solver__dt=2.0).z)").stdout
    assert "2 hit" in again and "6.0" in again and "runs" not in again
    found = run_script(
        "import sweepable\nq = sweepable.find('evaluate', config__solver__dt__gte=1.5)\n"
        "print(q.count(), sweepable.find('simulate', config__steps=3).to_df().columns.tolist())",
        cwd=tmp_path,
    ).stdout
    assert found.split(maxsplit=1) == ["1", "['config__solver__dt', 'config__steps', 'y']\n"]


# -- upstream


_BASE = Config()


@sweepable.cache(y=float)
def simulate(config: Config = _BASE, gain: float = 1.0) -> float:
    return config.solver.dt * config.steps * gain


@sweepable.cache(z=float)
def evaluate(sim: Any = simulate, weight: float = 1.0) -> float:
    return float(sim.y) * weight


def test_fields_of_upstream_configs_are_set_by_any_spelling() -> None:
    """A whole path, the function's name, or the bare field where only one upstream call has it."""
    keys = {
        evaluate.key_of(**{name: 0.5})
        for name in ("sim__config__solver__dt", "simulate__config__solver__dt", "config__solver__dt")
    }
    assert keys == {evaluate.key_of(sim=simulate.partial(config__solver__dt=0.5))}
    assert keys == {evaluate.key_of(simulate.partial(config=Config(Solver(0.5))))}
    rec = evaluate.get_or_run(config__solver__dt=0.5, sim__config__steps=2)
    assert rec.z == 1.0 and rec.config__steps == 2 and rec.sim["config__solver__dt"] == 0.5
    assert evaluate.get(sim__config__steps=2).z == evaluate.get(config__solver__dt=0.5).z == 1.0


def test_one_field_of_two_upstream_calls_is_ambiguous() -> None:
    """The error lists the paths; by the function's name all of its calls are meant."""

    def compare(left: Any = simulate, right: Any = simulate) -> float:
        return float(left.y - right.y)

    run = sweepable.cache(compare, name="compare_two", version="1", d=float)
    run.get_or_run(left__config__steps=5, right__config__steps=3)
    for asked in (run.get_or_run, run.filter, run.sweep):
        with pytest.raises(AmbiguousName, match=r"left__config__steps, right__config__steps.*simulate__config__steps"):
            asked(config__steps=5)
    assert run.filter(left__config__steps=5, right__config__steps=3).count() == 1
    assert run.filter(simulate__config__steps=3).count() == 0
    assert run.get_or_run(simulate__config__steps=3).left__config__steps == 3


@sweepable.cache(y=float)
def scaled(config: Any = _OPTIONS) -> float:
    return float(config["a"])


def test_another_upstream_function_has_its_own_fields() -> None:
    """Where a call is given another function than the default, the names are those of that one."""
    runs = evaluate.sweep(sim=[scaled], sim__config__a=[5, 6], progress=False)
    assert [rec.z for rec in runs] == [5.0, 6.0] and evaluate.get_or_run(scaled, sim__config__a=7).z == 7.0
    assert evaluate.filter(sim__config__a=[5, 7]).count() == 2
    with pytest.raises(UnknownName, match="config has no field 'b'; known: a"):
        evaluate.get_or_run(scaled, sim__config__b=7)
    with pytest.raises(UnknownName, match="config has no field 'steps'"):
        evaluate.get_or_run(scaled, sim__config__steps=7)


def test_methods_take_fields_of_their_instance() -> None:
    """``self`` is a parameter like others."""
    runs = Model().run.sweep(self__gain=[1, 2], config__a=[5, 6], progress=False)
    assert runs.to_df()[["self__gain", "config__a", "y"]].values.tolist() == [
        [1.0, 5.0, 5.0],
        [1.0, 6.0, 6.0],
        [2.0, 5.0, 10.0],
        [2.0, 6.0, 12.0],
    ]
    assert Model.run.filter(self__gain=2, config__a=5).count() == 1


def test_upstream_configs_are_swept() -> None:
    """A sweep's axes reach fields of upstream calls, ints become floats there too, and shared calls run once."""
    runs = evaluate.sweep(sim__config__solver__dt=[1, 2], weight=[1.0, 2.0], progress=False)
    assert runs.counts["upstream"] == 2 and runs.to_df()["sim__config__solver__dt"].tolist() == [1.0, 1.0, 2.0, 2.0]
    assert [type(rec.config__solver__dt) for rec in runs] == [float] * 4
    given: dict[str, Any] = {"sim__config": Config(steps=5), "sim__config__solver__dt": [0.5], "weight": [1.0]}
    runs = evaluate.sweep(**given, progress=False)
    assert [rec.info.key for rec in evaluate.filter(**given)] == [rec.info.key for rec in runs]
    assert runs[0].config == Config(Solver(0.5), 5)


def test_a_partial_that_fixes_a_config_shows_its_fields() -> None:
    """What a partial fixes has the fields that can be set further, whatever the declaration says."""

    def plain(config: Any, n: int = 1) -> int:
        return n

    upstream = sweepable.cache(plain, name="fixed_plain", version="1", y=int)

    fixed = upstream.partial(config={"a": 1, "b": 2})

    def below(up: Any = fixed) -> int:
        return int(up.y)

    run = sweepable.cache(below, name="fixed_below", version="1", z=int)
    assert run.key_of(up__config__a=5) == run.key_of(upstream.partial(config={"a": 5, "b": 2}))
    assert run.key_of(up=upstream.partial(config={"q": 1}), up__config__q=2) == run.key_of(
        upstream.partial(config={"q": 2})
    )
    assert run.key_of(config={"q": 1}, config__q=2) == run.key_of(upstream.partial(config={"q": 2}))
    with pytest.raises(UnknownName, match="config has no field 'aa'"):
        upstream.partial(config={"a": 1}, config__aa=5)


def test_a_field_that_the_own_config_has_not_is_looked_for_upstream() -> None:
    """The rule for names holds for fields: the function's own first, else the one upstream call that has it."""

    def below(config: Any, up: Any = simulate) -> float:
        return float(up.y)

    run = sweepable.cache(below, name="both_configs", version="1", z=float)
    rec = run.get_or_run({"steps": 7, "x": 1}, config__x=2, config__solver__dt=0.5)
    assert rec.config == {"steps": 7, "x": 2} and rec.up.config == Config(Solver(0.5))
    assert run.get_or_run({"steps": 7}, config__steps=8).up.config == Config()
    assert run.filter(config__solver__dt=0.5, config__x=2).count() == 1
    assert run.filter(config__steps=8).count() == 1 and run.filter(up__config__steps=3).count() == 2
    assert run.sweep(config={"x": 1}, config__x=[1, 2], config__solver__dt=[1.0], progress=False).counts["run"] == 2


# -- names


def test_misspelled_fields_are_told_at_every_depth() -> None:
    """The error names what is there at that depth, with a did-you-mean, and a field of a scalar says what that is."""
    given: Any
    for given in (simulate.get_or_run, simulate.peek, simulate.sweep, simulate.partial, simulate.key_of):
        with pytest.raises(
            UnknownName, match=r"config__solver has no field 'metod'; did you mean 'method'\? known: dt"
        ):
            given(config__solver__metod="x")
        with pytest.raises(
            UnknownName, match=r"config has no field 'solvr'; did you mean 'solver'\? known: solver, st"
        ):
            given(config__solvr__dt=1.0)
        with pytest.raises(UnknownName, match="config__steps is of type int, which has no fields"):
            given(config__steps__x=1)
        with pytest.raises(UnknownName, match="gain is of type float, which has no fields"):
            given(gain__x=1)
        with pytest.raises(UnknownName, match="config__solver__tolerance is None, which has no fields"):
            given(config__solver__tolerance__x=1)
    for given in (evaluate.get_or_run, evaluate.sweep, evaluate.filter):
        with pytest.raises(UnknownName, match=r"'metod'|'sim__config__solver__method'"):
            given(sim__config__solver__metod="x")
    with pytest.raises(UnknownName, match="did you mean 'sim__config__solver__dt'"):
        evaluate.select().order_by("sim__config__solvr__dt")
    with pytest.raises(UnknownName, match=r"has no field or look-up 'metod'; did you mean 'method'\?"):
        simulate.filter(config__solver__metod="x")
    with pytest.raises(UnknownName, match="'config__solver' has no field or look-up 'metod'; did you mean 'method'"):
        evaluate.filter(config__solver__metod="x")
    with pytest.raises(UnknownName, match="did you mean 'config__solver__dt'"):
        simulate.filter(config__solvr__dt=1.0)


def test_names_are_known_before_anything_ran() -> None:
    """A default, or the class that an annotation names, tells the fields; of what tells nothing it is said."""

    def annotated(config: Config, other: TupleConfig | None = None) -> int:
        return 1

    def bare(config: Any) -> int:
        return 1

    run = sweepable.cache(annotated, name="annotated", version="1", y=int)
    assert run.filter(config__solver__dt=0.1, other__solver__steps__gt=1).count() == 0
    with pytest.raises(UnknownName, match="'config' has no field or look-up 'solver_dt'; did you mean 'solver__dt'"):
        run.filter(config__solver_dt=0.1)
    with pytest.warns(UnknownOutput, match="a field of a config object of a function that has not run yet"):
        assert sweepable.cache(bare, name="bare", version="1", y=int).filter(config__x=1).count() == 0


def test_a_fields_name_wins_over_a_look_up() -> None:
    """``sensor__range`` is the sensor's own range; the look-up is written behind it."""

    def measure(sensor: Any) -> int:
        return 1

    run = sweepable.cache(measure, name="measure", version="1", y=int)
    for low in (1, 2, 3):
        run({"range": low, "in": -low, "isnull": None})
    assert [rec.sensor["range"] for rec in run.filter(sensor__range=2)] == [2]
    assert run.filter(sensor__range__range=(2, 3)).count() == 2
    assert run.filter(sensor__in=[-1, -2]).count() == run.filter(sensor__in__in=[-1, -2]).count() == 2
    assert run.filter(sensor__isnull=None).count() == 3 and run.filter(sensor__isnull__isnull=True).count() == 3


def test_a_name_of_a_field_and_of_an_upstream_call_is_ambiguous() -> None:
    """Where a parameter was given config objects and upstream calls, its path may mean either; the error says how."""

    def below(source: Any) -> int:
        return 1

    run = sweepable.cache(below, name="either", version="1", y=int)
    run({"gain": 5.0})
    run(simulate.get_or_run(gain=5.0))
    with pytest.raises(AmbiguousName, match="params__source__gain"):
        run.filter(source__gain=5.0)
    assert run.filter(params__source__gain=5.0).count() == run.filter(simulate__gain=5.0).count() == 1


def test_an_output_of_a_fields_name_is_told_apart() -> None:
    """``params__`` and ``outputs__`` say which is meant."""

    def run(config: Any) -> dict[str, int]:
        return {"config__a": 7}

    run = sweepable.cache(run, name="same_name", version="1")
    rec = run.get_or_run({"a": 1})
    assert rec["params__config__a"] == 1 and rec["outputs__config__a"] == 7
    assert run.filter(params__config__a=1, outputs__config__a=7).count() == 1
    assert list(run.select().to_df())[-2:] == ["params__config__a", "outputs__config__a"]


# -- constructors


@dataclasses.dataclass
class Strict:
    low: float = 0.0
    high: float = 1.0
    width: float = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")
        self.width = self.high - self.low


@dataclasses.dataclass
class Seeded:
    n: int = 1
    seed: dataclasses.InitVar[int] = dataclasses.field(kw_only=True)  # type: ignore[misc]

    def __post_init__(self, seed: int) -> None:
        self.state = seed


def test_objects_are_rebuilt_by_their_constructors() -> None:
    """What the constructor checks is checked, what it derives is derived, and all changes are made at once."""
    run = cached(Strict())
    assert run.get_or_run(config__low=5.0, config__high=7.0).config__width == 2.0
    with pytest.raises(ArgumentError, match="config cannot be made with low: ValueError: low is above high"):
        run.get_or_run(config__low=5.0)
    with pytest.raises(ArgumentError, match="width"):
        run.get_or_run(config__width=5.0)
    with pytest.raises(ArgumentError, match="InitVar"):
        cached(Seeded(seed=1)).get_or_run(config__n=2)
    model = cached(ModelConfig())
    assert type(model.get_or_run(config__solver__dt="0.5").config__solver__dt) is float
    with pytest.raises(ArgumentError, match="config__solver cannot be made with steps: ValidationError"):
        model.get_or_run(config__solver__steps=-1)


class Angle(pydantic.BaseModel):
    angle: float = 90.0
    dt: float = 0.1

    @pydantic.field_validator("angle", mode="before")
    @classmethod
    def in_radians(cls, value: float) -> float:
        return value / 180.0


@dataclasses.dataclass
class Derived:
    dt: float = 0.5
    steps: int = 0

    def __post_init__(self) -> None:
        self.steps = int(1 / self.dt)


def test_a_constructor_that_converts_again_is_told() -> None:
    """What is there already never goes through a converter twice unseen; what follows from other fields may change."""
    run = cached(Angle(angle=90.0))
    with pytest.raises(ArgumentError, match=r"its own angle, 0\.5, would become 0\.0027.*Give the object itself"):
        run.get_or_run(config__dt=0.5)
    assert run.get_or_run(config__angle=180.0).config__angle == 1.0
    assert cached(Derived()).get_or_run(config__dt=0.25).config__steps == 4


def test_steps_of_a_pipeline_are_fields() -> None:
    """An estimator's parts bear the names that scikit-learn gives them."""

    def steps(alpha: float) -> Any:
        return Pipeline([("scaler", StandardScaler()), ("model", Ridge(alpha=alpha))])

    run = cached(steps(1.0))
    rec = run.get_or_run(config__model__alpha=0.5)
    assert rec.info.key == run.key_of(steps(0.5)) and run.filter(config__model__alpha=0.5).count() == 1
    assert run.sweep(config__model__alpha=[1, 2], config__scaler__with_mean=[True, False]).counts["run"] == 4
    with pytest.raises(UnknownName, match="config__model has no field 'alfa'; did you mean 'alpha'"):
        run.get_or_run(config__model__alfa=1.0)


def test_a_field_and_one_below_it_are_set_together() -> None:
    """The whole comes first, then what is said of it."""
    run = cached(Config())
    expected = run.key_of(Config(Solver(0.5, "euler")))
    assert run.key_of(config__solver__dt=0.5, config__solver=Solver(method="euler")) == expected


def test_a_config_is_made_where_none_is_given() -> None:
    """The annotated class is called, where it can do without what is not said; else the error says what to give."""

    @dataclasses.dataclass(frozen=True)
    class Needy:
        must: int
        solver: Solver
        can: int = 2

    def annotated(config: Needy, other: Config | None = None) -> int:
        return 1

    annotated.__annotations__["config"] = Needy
    run = sweepable.cache(annotated, name="needy", version="1", y=int)
    made = run.get_or_run(config__must=1, config__solver__dt=0.5, other__steps=7)
    assert made.config == Needy(1, Solver(0.5)) and made.other == Config(steps=7)
    assert run.sweep(config__must=[1, 2], config__solver__dt=0.5, progress=False).counts["run"] == 2
    with pytest.raises(ArgumentError, match=r"Needy needs must; give config=Needy\(...\), or config__must=... as well"):
        run.get_or_run(config__solver__dt=0.5)

    def factory(config: Options) -> int:
        return 1

    run = sweepable.cache(factory, name="made_by_factory", version="1", y=int)
    runs = run.sweep(config__opts__x=[5, 6], progress=False)
    assert [rec.config for rec in runs] == [Options({"x": 5}), Options({"x": 6})]
    with pytest.raises(UnknownName, match="config__opts has no field 'y'; known: x"):
        run.get_or_run(config__opts__y=1)

    def bare(config: Any, n: int = 1) -> int:
        return 1

    run = sweepable.cache(bare, name="bare_required", version="1", y=int)
    with pytest.raises(
        ArgumentError, match=r"config, which has no default, and none was given; give config=\.\.\. as well"
    ):
        run.get_or_run(config__x=1)
    assert run.key_of(config={"x": 2}, config__x=1) == run.key_of({"x": 2}, config__x=1) == run.key_of({"x": 1})


# -- sweeps


def test_spaces_hold_field_axes() -> None:
    """zipped, points, where and derive take paths as they take names."""
    run = cached(Config())
    zipped = run.sweep(sweepable.zipped(config__solver__dt=[1, 2], config__steps=[5, 6]), progress=False)
    assert zipped.to_df()[["config__solver__dt", "config__steps"]].values.tolist() == [[1.0, 5.0], [2.0, 6.0]]
    space = sweepable.grid(config__solver__dt=[1, 2], gain=[1, 2]).where(lambda p: p["gain"] >= p["config__solver__dt"])
    derived = space.derive(config__steps=lambda p: int(p["gain"] * 10))
    frame = run.sweep(derived, progress=False).to_df()
    assert frame["config__steps"].tolist() == [10, 20, 20] and frame["config__solver__dt"].dtype == float
    rows = [{"config": Config(), "config__steps": 8}, {"config": Config(Solver(3.0)), "config__steps": 9}]
    points = run.sweep(sweepable.points(rows), progress=False)
    assert [rec.config for rec in points] == [Config(steps=8), Config(Solver(3.0), 9)]
    both = run.sweep(config=[Config(), Config(Solver(9.0))], config__steps=[1, 2], progress=False)
    axes: dict[str, Any] = {"config": [Config(), Config(Solver(9.0))], "config__steps": [1, 2]}
    assert len(both) == run.filter(**axes).count() == 4


def test_ints_become_floats_where_a_field_is_a_float() -> None:
    """By annotation or default, in every kind; elsewhere they stay ints."""
    for base, path in ((Config(), "solver__dt"), (ModelConfig(), "solver__dt"), (TupleConfig(), "solver__dt")):
        (rec,) = cached(base).sweep(**{f"config__{path}": [2]}, progress=False)
        assert type(rec[f"config__{path}"]) is float
    (rec,) = cached({"a": 0.5, "b": 1}).sweep(config__a=[2], config__b=[2], progress=False)
    assert (type(rec.config["a"]), type(rec.config["b"])) == (float, int)
    (rec,) = cached(Ridge()).sweep(config__alpha=[2], progress=False)
    assert type(rec.config__alpha) is float


def test_a_field_that_takes_sequences_asks_which_is_meant() -> None:
    """As a parameter that takes sequences does."""
    run = cached(Config())
    with pytest.raises(SpaceError, match=r"config__weights=axis\("):
        run.sweep(config__weights=[1.0, 2.0])
    runs = run.sweep(config__weights=sweepable.axis([(1.0,), (2.0,)]), progress=False)
    assert [rec.config.weights for rec in runs] == [(1.0,), (2.0,)]
    assert run.filter(config__weights__exact=(1.0,)).count() == 1


def test_a_base_in_a_look_up_means_its_other_fields() -> None:
    """``config=base, config__dt=...``: as base in all else, nested configs by content, and without further fields."""
    run = cached({})
    run({"s": Solver(), "n": 1})
    run({"s": Solver(method="euler"), "n": 1})
    run({"s": Solver(), "n": 2})
    run({"s": Solver(), "n": 1, "more": 1})
    base = {"s": Solver(), "n": 1}
    assert run.filter(config=base).count() == 1
    assert run.filter(config=base, config__n=[1, 2]).count() == 2
    assert run.filter(config=base, config__n__gte=2).count() == 1
    assert run.filter(config=base, config__s__method="euler").count() == 1
    assert run.filter(config=base, config__s=Solver(method="euler")).count() == 1
    assert run.select().exclude(config=base, config__n=[1, 2]).count() == 2


def test_queries_choose_and_join_by_fields() -> None:
    """Fields are names in all that a query offers, and again with other values of the same kind."""
    run = cached(Config())
    run.sweep(config__solver__dt=[0.1, 0.2, 0.3], config__steps=[1, 2], progress=False)
    every = run.select()
    assert every.distinct("config__solver__dt") == [0.1, 0.2, 0.3]
    assert every.values("config__solver__tolerance", "config__steps")[:2] == [(None, 1), (None, 2)]
    assert {rec.config__solver__dt for rec in every.nlargest(2, "config__solver__dt")} == {0.3}
    for dt in (0.1, 0.2, 0.3, 0.4):
        assert run.filter(config__solver__dt=dt).count() == (0 if dt == 0.4 else 2)
        assert run.filter(config__solver__dt__near=dt + 1e-12, config__steps=2).count() == (0 if dt == 0.4 else 1)
    q = sweepable.Q(config__solver__dt=0.1) | sweepable.Q(config__steps=2)
    assert run.filter(q).count() == 4 and run.filter(~q).count() == run.select().exclude(q).count() == 2
    base = sweepable.Q(config=Config(steps=2), config__solver__dt__gt=0.1)
    assert run.filter(base).count() == 2 and run.filter(base | sweepable.Q(config__steps=1)).count() == 5
    assert run.filter(~base).count() == 4


# -- tables


def test_an_object_is_shown_where_its_fields_do_not_tell_all() -> None:
    """Two objects that differ in nothing but their class have a column that tells them apart."""
    run = cached(None)
    run(TupleSolver())
    run({"dt": 0.1, "steps": 2})
    frame = run.select().to_df()
    assert frame["config"].nunique() == 2 and frame["config__dt"].tolist() == [0.1, 0.1]
    assert "config" not in run.filter(config=TupleSolver()).to_df()
    run(5)
    assert "config" in run.select().to_df()


def test_the_error_of_get_names_fields() -> None:
    """Of several calls that are found it says in which fields they differ."""
    run = cached(Config())
    run()
    run(Config(Solver(0.5)))
    with pytest.raises(SeveralCallsFound, match=r"they differ in config__solver__dt$"):
        run.get()


def test_none_is_a_value_and_a_missing_field_is_none_of_any() -> None:
    """A field that is None is found by None, one that is not there by isnull only."""
    run = cached(None)
    run({"a": None, "b": 1})
    run({"b": 2})
    run({"a": 3, "b": 3})
    assert [rec.config["b"] for rec in run.filter(config__a=None)] == [1]
    assert [rec.config["b"] for rec in run.filter(config__a__in=[None, 3])] == [1, 3]
    assert [rec.config["b"] for rec in run.filter(config__a=[None])] == [1]
    assert [rec.config["b"] for rec in run.filter(config__a__isnull=True)] == [1, 2]
    assert [rec.config["b"] for rec in run.filter(config__a__isnull=False)] == [3]
    assert [rec.config["b"] for rec in run.filter(config__a__ne=None)] == [2, 3]
    assert run.select().order_by("config__a")[0].config["b"] == 3
    assert run.select().order_by("-config__a")[0].config["b"] == 3
    assert run.select().to_df()["config__a"].isna().tolist() == [True, True, False]


def test_arrays_and_other_objects_in_configs_are_found_by_content() -> None:
    """What has no cell of its own is described with its digest, as parameters are."""
    run = cached(None)
    run({"x": np.arange(3), "list": [1, 2], "f": Solver(), "flag": True, "text": "1"})
    assert run.filter(config__x__exact=np.arange(3), config__list__exact=[1, 2], config__f=Solver()).count() == 1
    assert run.filter(config__x__exact=np.arange(4)).count() == 0
    assert run.filter(config__flag=1).count() == run.filter(config__text=1).count() == 0
    assert run.filter(config__flag=True, config__text="1").count() == 1
    nested = {"data": {"train": {"x": np.ones(10_000)}, "test": [np.zeros(5), Solver()]}}
    run(nested)
    for path in ("data", "data__train", "data__test"):
        value: Any = nested
        for step in path.split("__"):
            value = value[step]
        assert run.filter(**{f"config__{path}__exact": value}).count() == 1
    assert run.filter(config__data__train__x__exact=np.ones(10_000)).count() == 1


def test_failed_calls_are_found_by_fields() -> None:
    """Of a call that raised there is no row in the table, and still its fields are known."""

    def fails(config: Any) -> int:
        if config["a"] > 1:
            raise ValueError("too large")
        return 1

    run = sweepable.cache(fails, name="fails_by_field", version="1", y=int)
    run.sweep(config={"a": 1, "b": None}, config__a=[1, 2, 3], progress=False)
    assert run.filter(info__status="failed", config__a=2).count() == 1
    assert run.filter(info__status="failed", config__b=None).to_df()["config__a"].tolist() == [2, 3]


def test_people_read_fields_in_the_index(store_path: Path) -> None:
    """The function's table has a column of the same name."""

    def shown(config: Any) -> int:
        return 1

    sweepable.cache(shown, name="shown_fields", version="1", y=int)({"solver": {"dt": 0.5}})
    with sqlite3.connect(store_path / "index.db") as connection:
        assert connection.execute("SELECT config__solver__dt FROM shown_fields").fetchall() == [(0.5,)]


# -- what is hostile, or large


class Evil:
    """Has what estimators have, and it raises."""

    set_params = None

    def get_params(self, deep: bool = True) -> dict[str, object]:
        raise RuntimeError("no")


class Meta(type):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no")


@dataclasses.dataclass
class Half:
    a: int = 1
    b: int = dataclasses.field(init=False)


def test_hostile_objects_have_no_fields() -> None:
    """What cannot be read is one value, and reading it costs no call."""
    assert fields_of(Evil()) is None and flattened("x", Meta("Unhashable", (), {})()) == {}
    assert fields_of({1: 2}) is None and fields_of({}) is None and fields_of({"": 1}) is None
    assert fields_of(Half()) == {"a": 1}
    loop: dict[str, Any] = {"a": 1}
    loop["loop"] = loop
    assert len(flattened("x", loop)) == 16
    ignoring = cached(None, ignore=["config"])
    for value in (Evil(), loop, {1: 2}, {"a": {1: 2}}):
        ignoring(value, gain=float(next(_NUMBERS)))
    assert ignoring.select().count() == 4


def test_hostile_names_of_fields_do_no_harm() -> None:
    """Names that SQLite, or the rule for names, cannot take: the call is stored, and no look-up is wrong."""
    run = cached(None)
    names = ['"', "'; DROP TABLE x; --", "a b", "é", "K", "k", "id", "\0", "\ud800", "x" * 500, "__", "_a_", "class"]
    run({name: number for number, name in enumerate(names)})
    run(dict.fromkeys(names, -1))
    for number, name in enumerate(names):
        if name not in ("\0", "\ud800"):
            assert [rec.config[name] for rec in run.filter(**{f"config__{name}": number})] == [number], name
            assert run.key_of({name: 1}, **{f"config__{name}": 2}) == run.key_of({name: 2})
    assert run.filter(config__K=4, config__k=5, config__id=6).count() == 1


def test_names_that_read_in_two_ways_are_none() -> None:
    """A key with ``__`` is reached by its path, unless that is the path of another one."""
    run = cached(None)
    run({"a__b": 1, "c": 2})
    assert run.filter(config__a__b=1).count() == 1
    assert run.key_of({"a__b": 1}, config__a__b=5) == run.key_of({"a__b": 5})
    assert flattened("x", {"a__b": 1, "a": {"b": 2, "c": 3}}) == {"x__a": {"b": 2, "c": 3}, "x__a__c": 3}
    with pytest.raises(AmbiguousName, match="config__a__b may be the field"):
        run.get_or_run({"a__b": 1, "a": {"b": 2}}, config__a__b=5)

    def lookalikes(a: Any = None, a_: Any = None) -> int:
        return 1

    run = sweepable.cache(lookalikes, name="lookalikes", version="1", y=int)
    run(a={"_b": 1})
    run(a_={"b": 2})
    assert [rec.a_ for rec in run.filter(a___b=2)] == [{"b": 2}] and run.filter(a___b=1).count() == 0


def test_large_objects_stay_one_value() -> None:
    """A dict of thousands of keys is data: no table gets thousands of columns, and the digest tells all."""
    run = cached(None)
    large = {f"k{number}": number for number in range(5 * MOST)}
    run({"large": large, "n": 1})
    assert run.filter(config__large=large, config__n=1).count() == 1
    assert list(run.select().to_df()) == ["config__large", "config__n", "gain", "y"]
    for start in range(0, 3000, 150):
        run({f"k{number}": 1 for number in range(start, start + 150)})
    run({"k0": 5}, gain=7.0)
    assert run.get(gain=7.0).config__k0 == run.get(config__k0=5).config__k0 == 5
    deep: Any = {"x": 1}
    for _ in range(20):
        deep = {"d": deep}
    assert list(flattened("c", deep))[-1] == "c" + "__d" * 8
    assert run.key_of(deep, **{"config" + "__d" * 20 + "__x": 2}) != run.key_of(deep)


def test_records_and_upstreams_in_configs_keep_their_lineage() -> None:
    """A config object that holds a Record still has its call upstream, when it was rebuilt too."""
    rec = simulate.get_or_run(gain=8.0)

    def below(config: Any) -> int:
        return int(config["n"])

    run = sweepable.cache(below, name="holds_record", version="1", y=int)
    found = run.get_or_run({"source": rec, "n": 1}, config__n=2)
    assert found.simulate == rec and found.config__n == 2
    assert run.filter(simulate__gain=8.0, config__n=2).count() == 1


def test_ordinary_values_have_no_fields() -> None:
    """Scalars, arrays, frames and Records are no config objects."""
    values = (1, 1.0, "a", None, b"", [1], (1,), {1}, np.arange(3), np.float64(1), simulate, Path("x"))
    assert [value for value in values if fields_of(value) is not None] == []
    assert fields_of(simulate.get_or_run()) is None and fields_of(simulate.partial(gain=2.0)) is None


# -- any object

_KEYS = st.text(st.sampled_from("ab_ é"), min_size=1, max_size=4) | st.sampled_from(["a__b", "in", "range", "isnull"])
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.integers())
_DICTS = st.dictionaries(_KEYS, _LEAVES | st.dictionaries(_KEYS, _LEAVES, max_size=4), max_size=4)
_NESTED = _LEAVES | _DICTS


@given(st.dictionaries(_KEYS, _NESTED, min_size=1, max_size=4), st.data())
def test_any_field_of_any_dict_is_set_where_it_stands(config: dict[str, Any], data: st.DataObject) -> None:
    """One leaf is another, the rest and the order are as they were, and the given dict is what it was."""
    paths = flattened("config", config)
    before = repr(config)
    if paths:
        path = data.draw(st.sampled_from(sorted(paths)))
        found = replaced(config, {path.removeprefix("config__"): "new"}, "config", "f()")
        now = flattened("config", found)
        assert now[path] == "new" and repr(config) == before
        others = [name for name in now if name in paths and not path.startswith(name)]
        assert all(repr(now[name]) == repr(paths[name]) for name in others)
        assert list(found) == list(config)


_FOUND = sweepable.cache(lambda config: 1, name="any_dict", version="1", y=int)


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b"]), _LEAVES, min_size=1), min_size=1, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_look_ups_of_fields_find_what_python_finds(configs: list[dict[str, Any]]) -> None:
    """By value, as of parameters: 2 finds 2.0, True is not 1, NaN is one value, and None finds None alone."""
    for config in configs:
        _FOUND(config)
    for config in configs:
        for name, value in config.items():
            found = _FOUND.filter(**{f"config__{name}__exact": value})
            assert {_token(rec.config.get(name, "no field")) for rec in found} == {_token(value)}


def _token(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return repr(value)
    return value


def test_a_class_that_is_defined_anew_is_the_one_that_counts() -> None:
    """In a notebook a cell runs again: objects are made of the class as it is by then."""
    space: dict[str, Any] = {}
    cell = "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass Own:\n    a: int = {}\n    b: int = 2\n"
    exec(cell.format(1), space)
    exec("def run(config: 'Own'):\n    return config.a", space)
    run = sweepable.cache(space["run"], name="defined_anew", version="1", y=int)
    assert run.get_or_run(config__b=5).y == 1
    exec(cell.format(7), space)
    assert run.get_or_run(config__b=5).y == 7
    assert run.key_of(config__b=5) == run.key_of(space["Own"](b=5))


def test_a_key_that_looks_like_a_field_hides_nothing() -> None:
    """``clf`` beside ``clf__C`` is a value of its own, and a table shows both; None and a field that is None differ."""
    run = cached(None)
    run({"clf": "svm", "clf__C": 1.0})
    run({"clf": "forest", "clf__C": 2.0})
    frame = run.select().to_df()
    assert frame["config__clf"].tolist() == ["svm", "forest"] and frame["config__clf__C"].tolist() == [1.0, 2.0]

    def optional(config: Any = None) -> int:
        return 1

    other = sweepable.cache(optional, name="optional", version="1", y=int)
    other(None), other({"C": None})
    assert len(other.select().to_df()["config"].unique()) == 2
