"""Look-ups: values compared by value, names by the one rule, and nothing that silently finds too much or too little."""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sweepable
from sweepable import AmbiguousName, SweepableError, UnknownName
from sweepable.errors import UnknownOutput


class Solver(enum.Enum):
    RK45 = "rk45"
    BDF = "bdf"


@dataclass(frozen=True)
class Config:
    dt: float
    order: int


@sweepable.cache(y=None)
def echo(x: Any) -> Any:
    """Any value, as parameter ``x`` and as output ``y``."""
    return {"y": x}


def stored(*values: Any) -> None:
    for value in values:
        echo(value)


def found(**lookups: Any) -> list[Any]:
    """What ``x`` was in the calls found, in the order in which they were stored."""
    return [rec.x for rec in echo.filter(**lookups)]


def test_numbers_are_equal_by_value_whatever_their_type() -> None:
    """2 finds 2.0 and ``np.float64(2)``; True is not 1; "1" is not 1; each finds itself."""
    stored(2, 2.0, np.float64(2), np.int8(2), 1, True, "1", 1.0, np.True_)
    assert found(x=2) == found(x=2.0) == found(x=np.float32(2)) == [2, 2.0, 2.0, 2]
    assert [type(x) for x in found(x=1)] == [int, float]
    assert found(x=True) == [True, True] and found(x=np.True_) == [True, True]
    assert found(x="1") == ["1"] and found(x=b"1") == []
    assert found(y=2) == found(x=2) and found(x__exact=2) == found(x=2)


def test_order_is_numeric_for_numbers_and_textual_for_text() -> None:
    """10 > 9, "10" < "9", and neither is compared with the other, nor with True."""
    stored(9, 10, 10.5, "9", "10", True, None, math.nan)
    assert found(x__gt=9) == [10, 10.5] and found(x__gte=9) == [9, 10, 10.5]
    assert found(x__lt=10) == [9] and found(x__lte=10.0) == [9, 10]
    assert found(x__lt="9") == ["10"] and found(x__range=("1", "9")) == ["9", "10"]
    assert found(x__range=(9, 10)) == [9, 10]
    assert found(x__gte=False) == [True]


def test_missing_values_are_found_as_missing() -> None:
    """None and NaN are two values, both ``isnull``; ``ne`` finds everything else."""
    stored(None, math.nan, np.float64("nan"), 1.0, "a", np.datetime64("NaT"))
    assert found(x=None) == [None]
    assert all(math.isnan(x) for x in found(x=math.nan)) and len(found(x=math.nan)) == 2
    assert len(found(x__isnull=True)) == 4 and len(found(x__isnull=False)) == 2
    assert len(found(x__ne=1.0)) == 5 and len(found(x__ne=None)) == 5
    assert found(x__in=[None, 1.0]) == [None, 1.0]
    with pytest.raises(SweepableError, match="isnull needs True or False"):
        found(x__isnull="no")
    with pytest.raises(SweepableError, match="no order"):
        found(x__gt=math.nan)


def test_large_ints_are_found_by_equality_and_never_lost_from_an_order() -> None:
    """Ints beyond 64 bits equal the float of the same value, and are above (or below) all that fits."""
    stored(2**63, -(2**63), 2**63 - 1, 2**70, -(2**70), float(2**63), 2**53 + 1, 5)
    assert found(x=2**63) == found(x=float(2**63)) == [2**63, float(2**63)]
    assert found(x=2**63 - 1) == [2**63 - 1] and found(x=2**53 + 1) == [2**53 + 1] and found(x=float(2**53)) == []
    assert found(x__in=[2**70, 5]) == [2**70, 5]
    assert found(x__gt=5) == [2**63, 2**63 - 1, 2**70, float(2**63), 2**53 + 1]
    assert found(x__lt=5) == [-(2**63), -(2**70)]
    assert len(found(x__lt=math.inf)) == 8 and found(x__gt=math.inf) == [] and len(found(x__gte=-math.inf)) == 8


def test_dates_have_an_order() -> None:
    """datetime, Timestamp and datetime64 are one; moments in two zones are compared as moments; dates are dates."""
    utc = dt.UTC
    first, second = dt.datetime(2026, 3, 1, 12), dt.datetime(2026, 3, 1, 12, 0, 0, 500)
    east = dt.datetime(2026, 3, 1, 14, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    stored(first, second, pd.Timestamp("2026-04-01"), dt.date(2026, 3, 2), dt.date(2025, 1, 1), east)
    assert found(x=pd.Timestamp(first)) == found(x=np.datetime64(first)) == [first]
    assert found(x__gt=first) == [second, pd.Timestamp("2026-04-01")]
    assert found(x__gt=dt.datetime(2026, 1, 1, tzinfo=utc)) == [east]  # with and without a zone there is no order
    assert found(x__lte=np.datetime64(second)) == [first, second]
    assert found(x=dt.datetime(2026, 3, 1, 12, tzinfo=utc)) == [east]
    assert found(x__lt=dt.date(2026, 1, 1)) == [dt.date(2025, 1, 1)]


def test_other_values_are_found_by_equality() -> None:
    """Enums, paths, complex, bytes, decimals; arrays, tuples, frames and instances by their content."""
    frame = pd.DataFrame({"a": [1, 2]})
    values = [
        Solver.RK45, Solver.BDF, Path("a/b"), 1 + 2j, b"raw", Decimal("0.1"),
        np.arange(3), np.arange(4), (1, 2), frame, Config(0.1, 4), Config(0.2, 4), {"a": 1}, {"b": 1}, len,
    ]  # fmt: skip
    stored(*values)
    for number, value in enumerate(values):
        ids = [rec.info.key for rec in echo.filter(x__exact=value)]
        assert ids == [echo.key_of(values[number])], value
    assert found(x__in=[Solver.RK45, Path("a/b")]) == [Solver.RK45, Path("a/b")]
    assert found(x=Config(0.3, 4)) == [] and found(x=np.arange(5)) == []
    with pytest.raises(SweepableError, match="a Solver has no order to look up by"):
        found(x__lt=Solver.RK45)
    with pytest.raises(SweepableError, match="has no order"):
        found(x__gte=np.arange(3))


@pytest.mark.parametrize(
    "axis",
    [[1, 3], range(1, 4, 2), np.array([1, 3]), pd.Series([1.0, 3.0]), pd.Index([1, 3]), sweepable.axis((1, 3))],
    ids=lambda axis: type(axis).__name__,
)
def test_what_is_an_axis_in_a_sweep_means_any_of_its_values(axis: Any) -> None:
    """``f.filter(**axes)`` are the records of ``f.sweep(**axes)``."""
    stored(1, 2, 3, 4)
    assert found(x=axis) == [1, 3] == found(x__in=axis)
    assert sorted(rec.x for rec in echo.sweep(x=axis, progress=False)) == [1, 3]


def test_a_list_as_a_value_is_said_to_be_one() -> None:
    """``exact`` and ``fixed`` mean the list itself; an empty list finds nothing; a tuple is a value."""
    stored([1, 2], [], (1, 2), 1, 2)
    assert found(x__exact=[1, 2]) == found(x=sweepable.fixed([1, 2])) == [[1, 2]]
    assert found(x__exact=[]) == [[]] and found(x=[]) == [] and found(x__in=[]) == []
    assert found(x=(1, 2)) == [(1, 2)] and found(x__in=(1, 2)) == [1, 2] and found(x__in={1}) == [1]
    assert found(x__in=[[1, 2], 2]) == [[1, 2], 2]
    assert found(x__in=(number for number in (1, 2))) == [1, 2]
    assert len(found(x__ne=[1, 2])) == 4
    with pytest.raises(SweepableError, match="in needs a list of values, got str"):
        found(x__in="12")
    with pytest.raises(SweepableError, match="range needs a pair"):
        found(x__range=3)


def test_text_is_searched_as_it_stands() -> None:
    """No wildcard, no case folding; only text is searched."""
    stored("abc", "ABC", "a%c", "xabc", "", "größe", 5)
    assert found(x__contains="b") == ["abc", "xabc"] and found(x__contains="%") == ["a%c"]
    assert found(x__startswith="a") == ["abc", "a%c"] and found(x__endswith="bc") == ["abc", "xabc"]
    assert found(x__endswith="xxabc") == [] and len(found(x__contains="")) == 6 and found(x__contains="öß") == ["größe"]
    with pytest.raises(SweepableError, match="text look-ups need a str"):
        found(x__contains=5)


scalars = st.one_of(
    st.integers(), st.floats(allow_nan=True), st.text(max_size=5), st.booleans(), st.none(), st.binary(max_size=3)
)


def equal_by_value(a: Any, b: Any) -> bool:
    numbers = [type(value) in (int, float) for value in (a, b)]
    if a != a and b != b:
        return True
    return bool(a == b) if all(numbers) or type(a) is type(b) else False


@given(values=st.lists(scalars, min_size=1, max_size=6), wanted=st.lists(scalars, max_size=3))
def test_equality_is_pythons_but_for_types_that_only_look_alike(values: list[Any], wanted: list[Any]) -> None:
    """For any scalars: what is found is what is equal, and ``ne`` and ``exclude`` find exactly the others."""
    stored(*values, *wanted)
    everything = [rec.x for rec in echo.select()]
    for value in (*values, *wanted):
        expected = [x for x in everything if equal_by_value(x, value)]
        assert list(map(repr, found(x__exact=value))) == list(map(repr, expected))
        others = len(everything) - len(expected)
        assert len(found(x__ne=value)) == others == echo.select().exclude(x__exact=value).count()
    expected = [x for x in everything if any(equal_by_value(x, value) for value in wanted)]
    assert list(map(repr, found(x__in=wanted))) == list(map(repr, expected))


numbers = st.one_of(st.integers(), st.floats(allow_nan=False))


@given(values=st.lists(numbers, min_size=1, max_size=6), limit=numbers)
def test_order_is_pythons(values: list[Any], limit: Any) -> None:
    """For any numbers, large ints and floats mixed."""
    stored(*values)
    everything = [rec.x for rec in echo.select()]
    assert found(x__lt=limit) == [x for x in everything if x < limit]
    assert found(x__lte=limit) == [x for x in everything if x <= limit]
    assert found(x__gt=limit) == [x for x in everything if x > limit]
    assert found(x__gte=limit) == [x for x in everything if x >= limit]


# -- through upstream calls


@sweepable.cache
def reference(amplitude: float = 1.0) -> dict[str, Any]:
    return {"peak": amplitude, "ref_y": np.full(3, amplitude)}


@sweepable.cache(last=float)
def simulate(ref: Any = reference, gain: float = 2.0) -> float:
    return float(ref.peak * gain)


@sweepable.cache(rms=float)
def evaluate(sim: Any = simulate, weight: float = 1.0) -> float:
    return float(sim.last * weight)


def sweep_it() -> None:
    evaluate.sweep(gain=[1.0, 2.0], amplitude=[1.0, 5.0], weight=[1.0, 10.0], progress=False)


@pytest.mark.parametrize(
    "lookups",
    [
        {"sim__gain": 2.0, "sim__ref__amplitude": 5.0},
        {"gain": 2.0, "amplitude": 5.0},
        {"simulate__gain": 2, "reference__amplitude": 5},
        {"sim__reference__peak__gt": 4, "sim__last__in": [10.0]},
        {"gain__ne": 1.0, "reference__peak__range": (4, 6)},
    ],
)
def test_names_reach_upstream(lookups: dict[str, Any]) -> None:
    """By path, by function, bare, on parameters and outputs, at any depth."""
    sweep_it()
    assert [rec.rms for rec in evaluate.filter(**lookups).order_by("weight")] == [10.0, 100.0]


def test_upstream_calls_are_compared_by_what_they_are() -> None:
    """With a Record, a partial, a cached function, a Query, or a list of any."""
    sweep_it()
    sim = simulate.get(gain=2.0, amplitude=5.0)
    assert {rec.sim for rec in evaluate.filter(sim=sim)} == {sim} == {rec.sim for rec in evaluate.filter(simulate=sim)}
    assert evaluate.filter(sim=sim).count() == 2 and evaluate.filter(sim__ne=sim).count() == 6
    part = simulate.partial(gain=2.0, ref__amplitude=5.0)
    assert list(evaluate.filter(sim=part)) == list(evaluate.filter(sim=sim))
    assert evaluate.filter(sim=[part, simulate]).count() == 4  # the plain call has gain 2, amplitude 1
    assert evaluate.filter(sim__in=(sim,)).count() == 2
    assert evaluate.filter(sim=simulate.filter(gain=1.0)).count() == 4
    assert evaluate.filter(sim=simulate.filter(gain=7.0)).count() == 0
    assert evaluate.filter(sim__ref=reference.get(amplitude=5.0)).count() == 4
    assert evaluate.filter(reference=reference.get(amplitude=5.0)).count() == 4
    assert evaluate.filter(sim__isnull=False).count() == 8 and evaluate.filter(sim__isnull=True).count() == 0
    with pytest.raises(SweepableError, match="sim is an upstream call; compare it with a Record"):
        evaluate.filter(sim=3)
    with pytest.raises(SweepableError, match="sim is an upstream call"):
        evaluate.filter(sim__gt=3)


def test_an_output_as_an_argument_is_told_from_another_output() -> None:
    """``f["a"]`` and ``f["b"]`` of one call are two arguments."""

    @sweepable.cache
    def pair(n: int = 1) -> dict[str, int]:
        return {"a": n, "b": n}

    @sweepable.cache
    def takes(v: Any = pair["a"]) -> int:
        return int(v + 1)

    takes.get_or_run()
    other = takes.get_or_run(v=pair["b"])
    assert takes.filter(v=pair["b"]).get() == other and takes.filter(v=pair["a"]).count() == 1
    assert takes.filter(v=pair).count() == 2 and takes.filter(v__n=1).count() == 2


def test_a_parameter_may_be_given_a_call_or_a_plain_value() -> None:
    """None finds the calls without, and not those whose cell is empty because an upstream call was given."""

    @sweepable.cache
    def start(state: Any = None, step: float = 1.0) -> float:
        return float(step + (state.value if state is not None else 0))

    first = start.get_or_run()
    second = start.get_or_run(first)
    third = start.get_or_run(second, step=5.0)
    assert list(start.filter(state=None)) == [first] and list(start.filter(state__isnull=False)) == [second, third]
    assert list(start.filter(state__isnull=True)) == [first] and list(start.filter(state__ne=None)) == [second, third]
    assert list(start.filter(state=[None, first])) == [first, second]
    assert list(start.filter(state__ne=first)) == [first, third]
    assert list(start.filter(state__state=first)) == [third]  # a function upstream of itself, by its path
    assert list(start.filter(state__step=1.0)) == [second, third]
    assert third.state.state == first and third.state__state__step == 1.0


def test_two_functions_under_one_role() -> None:
    """``model__alpha`` is that of whichever estimator was given; a name only one of them has finds its calls."""

    @sweepable.cache
    def ridge(alpha: float = 1.0) -> dict[str, float]:
        return {"score": alpha}

    @sweepable.cache
    def forest(alpha: float = 1.0, depth: int = 3) -> dict[str, float]:
        return {"score": alpha * depth}

    @sweepable.cache(r2=float)
    def score(model: Any = ridge) -> float:
        return float(model.score)

    score.sweep(model=[ridge, ridge.partial(alpha=2.0), forest, forest.partial(alpha=2.0, depth=5)], progress=False)
    assert [rec.r2 for rec in score.filter(model__alpha=2.0)] == [2.0, 10.0]
    assert [rec.r2 for rec in score.filter(alpha=2)] == [2.0, 10.0]
    assert [rec.r2 for rec in score.filter(model__depth=3)] == [3.0] == [rec.r2 for rec in score.filter(depth=3)]
    assert [rec.r2 for rec in score.filter(forest__alpha=1)] == [3.0]
    assert [rec.r2 for rec in score.filter(model=[ridge, forest])] == [1.0, 3.0]
    assert [rec.r2 for rec in score.select().order_by("-model__alpha", "r2")] == [2.0, 10.0, 1.0, 3.0]


def diamond() -> Any:
    @sweepable.cache
    def compare(sim: Any = simulate, target: Any = reference) -> float:
        return float(sim.last - target.peak)

    compare.get_or_run()
    compare.get_or_run(target__amplitude=5.0, sim__ref__amplitude=1.0)
    compare.get_or_run(reference__amplitude=5.0)
    return compare


def test_the_same_function_under_two_roles() -> None:
    """A bare name is ambiguous, with the paths and the way to mean both; a path means one, the function's name all."""
    compare = diamond()
    with pytest.raises(
        AmbiguousName,
        match="may be any of sim__ref__amplitude, target__amplitude; write the path, or reference__amplitude for all",
    ):
        compare.filter(amplitude=5.0)
    with pytest.raises(AmbiguousName, match="sim__ref__peak, target__peak"):
        compare.select().order_by("peak")
    assert compare.filter(target__amplitude=5.0).count() == 2
    assert compare.filter(sim__ref__amplitude=5.0).count() == 1
    assert compare.filter(reference__amplitude=5.0).get().sim.amplitude == 5.0
    assert compare.filter(reference__amplitude=1.0).count() == 1


def test_nested_calls_are_found_by_function_name() -> None:
    """Functions that know nothing of each other: their lineage is recorded as they run; any call of many counts."""

    @sweepable.cache
    def total(n: int = 2) -> float:
        return sum(reference(float(k))["peak"] for k in range(n))

    for n in (1, 2, 3):
        total(n)
    assert [rec.n for rec in total.filter(reference__amplitude=2.0)] == [3]
    assert [rec.n for rec in total.filter(reference__amplitude__gte=1)] == [2, 3]
    assert [rec.n for rec in total.filter(reference=reference.get(amplitude=1.0))] == [2, 3]
    assert total.filter(amplitude=0).count() == 3
    assert total.filter(reference__isnull=True).count() == 0


def test_dependencies_are_looked_through_before_and_after_the_first_run() -> None:
    """``depends_on`` makes the upstream's names known, also those bound from parameters of another name."""

    @sweepable.cache(depends_on={reference: {"amplitude": "ref_amp"}}, last=float)
    def tied(ref_amp: float = 1.0, gain: float = 2.0) -> float:
        return float(gain * reference(ref_amp)["peak"])

    for name in ("amplitude", "reference__amplitude", "ref_amp", "last"):
        assert tied.filter(**{name: 3.0}).count() == 0
    with pytest.warns(UnknownOutput, match="did you mean 'reference__amplitude'"):
        tied.filter(reference__amplitud=3.0)
    tied(3.0), tied(4.0)
    assert [rec.ref_amp for rec in tied.filter(reference__amplitude=3.0)] == [3.0]
    assert [rec.last for rec in tied.filter(amplitude__gt=3, peak__gt=3)] == [8.0]


# -- what is wrong


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("sim__gian", "evaluate has no 'sim__gian'; did you mean 'sim__gain'"),
        ("wieght", "did you mean 'weight'"),
        ("sim__ref__amplitudo", "did you mean 'sim__ref__amplitude'"),
        ("gain__gtt", "'gain' has no look-up 'gtt'; did you mean 'gt'"),
        ("rms__gt__lt", "rms__gt"),
        ("sim__nothing__at_all", "known: "),
        ("info__secnds", "info has no look-up 'secnds'; did you mean 'seconds'"),
        ("info__seconds__lte_", "has no look-up 'lte_'; did you mean 'lte'"),
        ("rms__regexp", "has no look-up 'regexp'; did you mean 'regex'"),
        ("version", "evaluate has no 'version'"),
    ],
)
@pytest.mark.parametrize("has_run", [True, False], ids=["run", "never run"])
def test_a_misspelled_look_up_is_an_error_and_never_all_rows(written: str, message: str, has_run: bool) -> None:
    """Before and after the first run, in ``filter``, ``exclude`` and ``get``, where it is written."""
    if has_run:
        sweep_it()
    ways: list[Callable[..., Any]] = [evaluate.filter, evaluate.select().exclude, evaluate.get, evaluate.get_or_none]
    for way in ways:
        with pytest.raises(UnknownName, match=message.replace("(", "\\(")):
            if has_run:
                way(**{written: 1})
            else:
                declared_pipeline().filter(**{written: 1})


def declared_pipeline() -> Any:
    """The same names, all declared, none of the functions ever run."""

    @sweepable.cache(peak=float)
    def reference(amplitude: float = 1.0) -> float:
        return amplitude

    @sweepable.cache(last=float)
    def simulate(ref: Any = reference, gain: float = 2.0) -> float:
        return gain

    @sweepable.cache(rms=float)
    def evaluate(sim: Any = simulate, weight: float = 1.0) -> float:
        return weight

    return evaluate


def test_a_function_that_never_ran_knows_what_it_declares() -> None:
    """Declared names find nothing, at any depth; orders too."""
    never = declared_pipeline()
    lookups = {"rms__gt": 1, "weight": 2, "sim__gain__in": [1], "amplitude": 3, "reference__peak__lt": 4}
    for name, value in lookups.items():
        query = never.filter(**{name: value})
        assert (list(query), query.count(), query.exists(), query.first()) == ([], 0, False, None)
    assert never.filter(**lookups).order_by("-rms", "sim__gain").to_df().empty
    with pytest.raises(UnknownName, match="did you mean 'rms'"):
        never.select().order_by("-rmss")


def test_an_output_that_nobody_declared_is_not_yet_known() -> None:
    """It may turn out to be there: nothing is found, with a warning of its own category that lists what is known."""

    @sweepable.cache
    def undeclared(gain: float = 1.0) -> dict[str, float]:
        return {"found_by_running": gain}

    @sweepable.cache(total=float)
    def below(up: Any = undeclared) -> float:
        return float(up.found_by_running)

    for query in (undeclared.filter, below.filter):
        with pytest.warns(UnknownOutput, match="'found_by_running__gt' is not known, unless it is an output"):
            assert query(found_by_running__gt=0).count() == 0
    with pytest.warns(UnknownOutput, match="did you mean 'gain'"):
        undeclared.filter(gian=2)
    with pytest.raises(UnknownName, match="has no look-up 'gtt'"):
        below.filter(up__gain__gtt=2)
    below.get_or_run()
    assert below.filter(found_by_running__gt=0).count() == 1
    with pytest.raises(UnknownName):
        undeclared.filter(found_by_runing=1)


@sweepable.cache
def sometimes(x: int = 0) -> dict[str, Any]:
    """Outputs that are no scalars in some calls only, so that they have columns."""
    return {"roots": (1.0, 2.0) if x > 0 else None, "path": np.zeros(3) if x > 0 else x}


@pytest.mark.parametrize(
    "asked",
    [
        {"roots__exact": (1.0, 2.0)},
        {"roots__ne": (1.0, 2.0)},
        {"roots__in": [None, (1.0,)]},
        {"path__exact": np.zeros(3)},
    ],
)
def test_outputs_are_compared_with_scalars_only(asked: dict[str, Any]) -> None:
    """Of what is no scalar the table has no value: asked for one it says so, and finds neither too few nor too many."""
    for x in (-1, 1, 2):
        sometimes(x)
    with pytest.raises(
        SweepableError, match=r"sometimes: the output \w+ is compared with a (tuple|ndarray), .*__shape"
    ):
        sometimes.filter(**asked)
    assert sometimes.filter(roots=None).values("x") == [-1] and sometimes.filter(path=-1).values("x") == [-1]
    assert sometimes.filter(roots__isnull=False, path__shape=(3,)).values("x") == [1, 2]


def test_an_array_that_is_not_found_is_told_from_a_sequence_of_values() -> None:
    """Given to `get` it means any of its values, as in a sweep; the error tells how to ask for the array."""
    echo(np.arange(3.0))
    with pytest.raises(sweepable.NoCallFound, match=r"a sequence means any of its values; .+ write x__exact"):
        echo.get(x=np.arange(3.0))
    assert echo.get(x__exact=np.arange(3.0)).x.tolist() == [0.0, 1.0, 2.0]


def test_arrays_are_no_scalars_to_look_up_by() -> None:
    """An array output has a name but no column: that is said, instead of looking elsewhere or finding nothing."""
    sweep_it()
    with pytest.raises(SweepableError, match="reference: the output ref_y is no scalar"):
        evaluate.filter(ref_y=1.0)
    with pytest.raises(SweepableError, match="ref_y is no scalar"):
        evaluate.select().order_by("ref_y")
    with pytest.raises(SweepableError, match="sim is an upstream call"):
        evaluate.select().order_by("sim")


def test_users_names_win_over_ours() -> None:
    """Outputs and functions called ``range``, ``in``, ``exact`` or ``info``, and names that end like a look-up."""

    @sweepable.cache
    def sensor(info: int = 1, exact: int = 2) -> dict[str, Any]:
        return {"range": info * 10, "in": exact, "version": "any", "params": 3}

    @sweepable.cache
    def reads(sensor: Any = sensor, x: int = 0) -> dict[str, Any]:
        return {"range": sensor.range + x}

    reads.sweep(sensor__info=[1, 2], x=[0, 1], progress=False)
    assert reads.filter(sensor__range=10).count() == 2 and reads.filter(sensor__range__range=(15, 30)).count() == 2
    assert reads.filter(sensor__in=2).count() == 4 and reads.filter(sensor__in__in=[2]).count() == 4
    assert reads.filter(range=11).count() == 1 and reads.filter(range__in=[11, 20]).count() == 2
    assert reads.filter(sensor__exact=2).count() == 4 and reads.filter(sensor__info=2).count() == 2
    assert sensor.filter(info=2).count() == 1 and sensor.filter(info__status="done").count() == 2
    assert sensor.filter(version="any").count() == 2 and sensor.filter(version="some").count() == 0
    assert sensor.filter(params=3).count() == 2 and sensor.filter(outputs__params=3).count() == 2
    assert sensor.filter(params__info=1).count() == 1


def test_a_parameter_and_an_output_of_one_name() -> None:
    """``x`` alone is an error, own or upstream, in look-ups and orders; both spellings work everywhere."""

    @sweepable.cache
    def negate(x: float) -> dict[str, float]:
        return {"x": -x}

    @sweepable.cache
    def below(up: Any) -> float:
        return float(up["outputs__x"])

    below.sweep(up=[negate.get_or_run(1.0), negate.get_or_run(2.0)], progress=False)
    assert [rec["outputs__x"] for rec in negate.filter(params__x=2.0)] == [-2.0]
    assert below.filter(up__outputs__x__lt=-1).count() == 1 == below.filter(up__params__x=2.0).count()
    for broken in (negate.filter, below.filter):
        with pytest.raises(AmbiguousName, match=r"outputs__x.*params__x"):
            broken(x=1.0)
    with pytest.raises(AmbiguousName, match="outputs__x, params__x"):
        negate.select().order_by("x")
    assert [rec.params.x for rec in negate.select().order_by("outputs__x")] == [2.0, 1.0]


def test_info_can_be_looked_up() -> None:
    """When, how long, by key, by how it ended, and by version of the code."""

    @sweepable.cache(y=float)
    def may_fail(x: float) -> float:
        if x < 0:
            raise ValueError("negative")
        return x

    may_fail.sweep(x=[-1.0, 1.0, 2.0], progress=False)
    now = dt.datetime.now().astimezone()
    assert may_fail.filter(info__started__lt=now).count() == 2
    assert may_fail.filter(info__started__range=(now - dt.timedelta(hours=1), now), info__seconds__lt=1e6).count() == 2
    assert may_fail.filter(info__key=may_fail.key_of(1.0)).get().x == 1.0
    assert may_fail.filter(info__version=may_fail.version().digest).count() == 2
    assert may_fail.filter(info__status="failed").get().x == -1.0
    assert may_fail.filter(info__status__in=["failed", "done"]).count() == 3
    assert [rec.x for rec in may_fail.select().order_by("-info__started")] == [2.0, 1.0]


def test_too_many_values_are_refused_in_our_words() -> None:
    """SQLite takes some 32,000 values in one statement."""
    stored(1)
    assert found(x=range(20_000)) == [1]
    with pytest.raises(SweepableError, match="a query takes 32000 values at most"):
        list(echo.filter(x=range(40_000)))
