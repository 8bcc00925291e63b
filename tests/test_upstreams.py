"""Upstream calls: as defaults, as arguments, declared, nested; routed by name, run once, recorded."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import sweepable
from sweepable import (
    AmbiguousName,
    ArgumentError,
    DeclarationError,
    Record,
    TaintedCall,
    UnknownName,
    UpstreamArgumentError,
    UpstreamMismatch,
)


class Lab(NamedTuple):
    """reference -> system -> score, each noting its runs."""

    reference: Any
    system: Any
    score: Any
    ran: list[str]


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweepable.notices._said", set())


@pytest.fixture
def lab() -> Lab:
    ran: list[str] = []

    @sweepable.cache(ignore_globals=["ran"])
    def reference(amplitude: float = 1.0, frequency: float = 0.5) -> dict[str, Any]:
        ran.append("reference")
        return {"t": np.arange(3.0), "y": amplitude * np.ones(3)}

    @sweepable.cache(out=None, ignore_globals=["ran"])
    def system(ref: Any = reference, gain: float = 2.0) -> Any:
        ran.append("system")
        return gain * ref.y

    @sweepable.cache(rms=float, ignore_globals=["ran"])
    def score(sim: Any = system, ref: Any = reference) -> float:
        ran.append("score")
        return float(sim.out.sum() - ref.y.sum())

    return Lab(reference, system, score, ran)


def test_a_default_stands_for_its_call(lab: Lab) -> None:
    """A cached function as default: the body gets the Record; what is missing runs, once, whoever needs it."""
    assert lab.score() == 3.0
    assert lab.ran == ["reference", "system", "score"]
    assert lab.score() == 3.0 and len(lab.ran) == 3
    rec = lab.score.get_or_run()
    assert rec.sim.ref.y.tolist() == rec.ref.y.tolist() == [1.0] * 3
    assert rec.sim.ref == rec.ref and isinstance(rec.sim, Record)


def test_parameters_are_routed_by_any_name(lab: Lab) -> None:
    """Full path, function name for every call of it, or the bare name where it is unique; all make one call."""
    key = lab.score.key_of(sim__ref__amplitude=2.0, ref__amplitude=2.0, sim__gain=3.0)
    assert lab.score.key_of(reference__amplitude=2.0, gain=3.0) == key
    assert lab.score.key_of(reference__amplitude=2.0, system__gain=3.0) == key
    assert lab.score.get_or_run(reference__amplitude=2.0, gain=3.0).rms == 12.0
    assert lab.ran.count("reference") == 1
    rec = lab.score.get(sim__gain=3.0)
    assert rec.sim.ref.amplitude == 2.0 and rec.info.key == key


def test_positions_and_routed_names_mix(lab: Lab) -> None:
    """What is given by position stays, what is routed goes into it."""
    assert lab.system.get_or_run(lab.reference.partial(amplitude=3.0), gain=1.0, ref__frequency=2.0).out.sum() == 9.0
    rec = lab.system.get(ref__frequency=2.0)
    assert (rec.amplitude, rec.frequency) == (3.0, 2.0)


def test_names_that_are_unknown_or_ambiguous_are_errors(lab: Lab) -> None:
    """The message gives the choices, a did-you-mean, and the paths among which to choose."""
    with pytest.raises(UnknownName, match=r"gian.*did you mean '(sim__)?gain'"):
        lab.score.get_or_run(gian=1.0)
    with pytest.raises(UnknownName, match="amplitud"):
        lab.score.get_or_run(sim__ref__amplitud=1.0)
    with pytest.raises(AmbiguousName, match=r"ref__amplitude, sim__ref__amplitude.*reference__amplitude for all"):
        lab.score.get_or_run(amplitude=1.0)
    with pytest.raises(UnknownName):
        lab.score.partial(gian=1.0)
    with pytest.raises(UnknownName):
        lab.score.partial(gain=1.0).partial(gian=2.0)
    with pytest.raises(UnknownName, match="has no output 'rsm'; did you mean 'rms'"):
        lab.score["rsm"]
    assert lab.ran == []


def test_a_record_and_its_parameters_cannot_both_be_given(lab: Lab) -> None:
    """A Record has its parameters already; a partial takes more."""
    rec = lab.system.get_or_run(gain=3.0)
    with pytest.raises(ArgumentError, match=r"sim__gain sets parameters of .* sim, but sim was given as a Record"):
        lab.score.get_or_run(sim=rec, sim__gain=4.0)
    assert lab.score.get_or_run(sim=lab.system.partial(gain=3.0), sim__gain=4.0).sim.gain == 4.0


def test_what_may_be_given_for_an_upstream_call(lab: Lab) -> None:
    """A Record, a cached function, a partial: one call, whichever of them; any other object is taken as it is."""
    rec = lab.system.get_or_run()
    assert lab.score(rec) == lab.score(lab.system) == lab.score(lab.system.partial()) == 3.0
    assert lab.score.key_of(rec) == lab.score.key_of(lab.system) == lab.score.key_of()
    assert lab.ran.count("score") == 1
    assert lab.score(SimpleNamespace(out=np.ones(2))) == -1.0


@pytest.mark.parametrize("given", [{"out": 1}, (1, 2), [1], np.ones(3)], ids=lambda v: type(v).__name__)
def test_data_in_the_place_of_an_upstream_call_is_refused(lab: Lab, given: Any) -> None:
    """A dict, tuple, list or array there is a mistake: the error names get_or_run and partial, and nothing runs."""
    kind = type(given).__name__
    with pytest.raises(UpstreamArgumentError, match=rf"score\(\): sim .*system.* a {kind} .*get_or_run.*partial"):
        lab.score(given)
    assert lab.ran == []


def test_one_output_stands_for_its_value(lab: Lab) -> None:
    """``f["x"]`` as a default or in ``upstream=``: the function gets the array itself, and knows nothing."""

    def total(y: Any, gain: float = 1.0) -> float:
        return float(y.sum() * gain)

    f: Any = sweepable.cache(total, upstream={"y": lab.reference["y"]})
    assert (f(), f.get_or_run(y__amplitude=3.0, gain=2.0).value) == (3.0, 18.0)
    assert f.get(y__amplitude=3.0).gain == 2.0
    assert f(np.ones(5)) == 5.0 and f(lab.reference.get_or_run(amplitude=3.0)) == 9.0
    assert [rec.value for rec in f.sweep(y__amplitude=[1.0, 2.0], progress=False)] == [3.0, 6.0]


def test_partials_are_calls_too(lab: Lab) -> None:
    """``f.partial(...)`` as a default, called, indexed, and with upstream parameters fixed."""

    loud = lab.reference.partial(amplitude=4.0)

    @sweepable.cache
    def total(ref: Any = loud) -> float:
        return float(ref.y.sum())

    assert total() == 12.0 and total.get_or_run(ref__frequency=1.0).ref.amplitude == 4.0
    assert total.get_or_run(ref__amplitude=5.0).value == 15.0
    assert lab.reference.partial(amplitude=2.0)()["y"].tolist() == [2.0] * 3
    assert lab.reference.partial(amplitude=2.0)["y"](frequency=3.0).tolist() == [2.0] * 3
    assert lab.score.partial(sim__gain=3.0)() == 6.0


def test_estimators_are_values_of_an_axis(lab: Lab) -> None:
    """Two functions, or partials, on one axis: each point gets the Record of its own."""

    @sweepable.cache
    def other(ref: Any = lab.reference) -> dict[str, Any]:
        return {"out": 10 * ref.y}

    runs = lab.score.sweep(sim=[lab.system, other, lab.system.partial(gain=5.0)], progress=False)
    assert [rec.rms for rec in runs] == [3.0, 27.0, 12.0]
    assert lab.ran.count("reference") == 1


def test_records_inside_containers_are_upstream(lab: Lab) -> None:
    """A list or dict of Records counts by their keys, and the calls are the lineage."""

    @sweepable.cache
    def mean(recs: Any) -> float:
        found = list(recs.values()) if isinstance(recs, dict) else list(recs)
        return float(np.mean([rec.out.sum() for rec in found]))

    first, second = (lab.system.get_or_run(gain=g) for g in (1.0, 3.0))
    assert mean([first, second]) == mean({"a": first, "b": second}) == 6.0
    assert mean.key_of([first, second]) != mean.key_of([second, first])
    assert {rec.info.key for rec in mean.get_or_run([first, second]).upstream["recs"]} == {
        first.info.key,
        second.info.key,
    }
    assert mean(lab.system.filter()) == mean(lab.system.sweep(gain=[1.0, 3.0], progress=False)) == 6.0


def test_a_callback_is_called_not_run_before(lab: Lab) -> None:
    """A cached function where no upstream call is expected is itself: it counts by its code."""

    @sweepable.cache
    def apply(f: Any, x: float) -> float:
        return float(f(x)["y"].sum())

    assert apply(lab.reference, 2.0) == 6.0
    assert [step.info.function.rpartition(".")[2] for step in [apply.get().upstream.reference]] == ["reference"]


def test_keyword_functions_take_any_name_that_no_upstream_has(lab: Lab) -> None:
    """With ``**kwargs``, the names of upstream parameters are routed, all others are taken."""

    @sweepable.cache
    def collect(ref: Any = lab.reference, **more: Any) -> list[Any]:
        return [float(ref.y[0]), more]

    assert collect.get_or_run(ref__amplitude=2.0, note="x").value == [2.0, {"note": "x"}]
    assert collect(note="x") == [1.0, {"note": "x"}]


# -- calls made inside


def test_nested_calls_are_recorded(lab: Lab) -> None:
    """Cached functions called in a body, run or hit, are upstream of the call."""
    reference = lab.reference

    @sweepable.cache(ignore_globals=["ran"])
    def nested(amplitude: float) -> float:
        return float(reference(amplitude)["y"].sum() + reference(amplitude=7.0)["y"].sum())

    reference(7.0)
    assert nested(2.0) == 27.0
    rec = nested.get_or_run(2.0)
    assert sorted(r.amplitude for r in rec.upstream.reference) == [2.0, 7.0]
    assert rec.reference.count() == 2


def test_what_runs_for_an_inner_call_is_upstream_of_that_call_only(lab: Lab) -> None:
    """A call inside a body is recorded; what had to run before it belongs to it, whether it ran or was there."""
    system = lab.system

    @sweepable.cache(ignore_globals=["ran"])
    def outer(gain: float) -> float:
        return float(system.get_or_run(gain=gain).out.sum())

    assert outer(4.0) == 12.0
    assert list(outer.get().upstream) == ["system"]


def test_a_nested_failure_is_the_users_to_catch(lab: Lab) -> None:
    """An exception of an inner call reaches the outer body, which may go on."""

    @sweepable.cache
    def fails(x: float) -> float:
        raise ValueError(f"no {x}")

    @sweepable.cache
    def outer(x: float) -> str:
        try:
            fails(x)
        except ValueError as error:
            return str(error)
        return ""

    assert outer(1.0) == outer(1.0) == "no 1.0"


# -- depends_on


@pytest.mark.parametrize("spelled", ["one", "several", "mapping"])
def test_depends_on_ties_by_shared_parameters(lab: Lab, spelled: str) -> None:
    """The upstream's key is part of the key before any run, from parameters of the same or of mapped names."""
    reference = lab.reference
    name = "amp" if spelled == "mapping" else "amplitude"
    forms: dict[str, Any] = {
        "one": reference,
        "several": [reference],
        "mapping": {reference: {"amplitude": "amp"}},
    }

    def simulate(amp: float = 1.0, amplitude: float = 1.0, gain: float = 2.0) -> float:
        return gain * float(reference(amp if spelled == "mapping" else amplitude)["y"].sum())

    f = sweepable.cache(simulate, depends_on=forms[spelled], ignore_globals=["ran"])
    assert f(**{name: 2.0}) == 12.0
    assert [step.amplitude for step in [f.get().upstream.reference]] == [2.0]
    assert f.key_of(**{name: 2.0}) != sweepable.cache(simulate, ignore_globals=["ran"]).key_of(**{name: 2.0})
    assert lab.ran == ["reference"]


def test_depends_on_a_partial_fixes_parameters(lab: Lab) -> None:
    """What the partial fixes is part of the call that is announced."""
    reference = lab.reference

    def simulate(amplitude: float = 1.0) -> float:
        return float(reference(amplitude, 9.0)["y"].sum())

    f = sweepable.cache(simulate, depends_on=reference.partial(frequency=9.0), ignore_globals=["ran"])
    assert f(2.0) == 6.0
    assert f.get().upstream.reference.frequency == 9.0


def test_a_dependency_that_was_not_called_is_warned_of(lab: Lab) -> None:
    """The declaration said one thing, the run did another: the result stands, and the user is told."""
    reference = lab.reference

    def simulate(amplitude: float = 1.0) -> float:
        return float(reference(amplitude + 1)["y"].sum())

    f = sweepable.cache(simulate, depends_on=reference, ignore_globals=["ran"])
    with pytest.warns(
        UpstreamMismatch, match=r"depends_on announces .*reference\(amplitude=1.0.* did not make this call"
    ):
        assert f() == 6.0
    assert f() == 6.0


def test_a_wrong_dependency_is_an_error_at_decoration(lab: Lab) -> None:
    """Parameters that neither function has, and values that nothing gives, are named."""

    @sweepable.cache
    def needy(must: float, *rest: float, **more: float) -> float:
        return must

    def simulate(amplitude: float = 1.0) -> float:
        return amplitude

    for depends_on, message in (
        (needy, "needs a value for its parameter 'must'"),
        ({needy: {"mist": "amplitude"}}, "maps 'mist', which is no parameter"),
        ({needy: {"must": "amp"}}, "maps 'amp', which is no parameter"),
        ({needy: "amplitude"}, "needs a dict"),
    ):
        with pytest.raises(DeclarationError, match=message):
            sweepable.cache(simulate, depends_on=depends_on)
    assert sweepable.cache(simulate, depends_on={needy: {"must": "amplitude"}}) is not None


# -- upstream calls out of the ordinary


def test_an_upstream_failure_reaches_the_caller(lab: Lab) -> None:
    """Its own exception, unchanged; the call below is not stored as failed, and runs once the upstream does."""
    broken = [True]

    @sweepable.cache(ignore_globals=["broken"])
    def source() -> dict[str, float]:
        if broken:
            raise ZeroDivisionError("no data")
        return {"y": 1.0}

    @sweepable.cache
    def below(rec: Any = source) -> float:
        return float(rec.y)

    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match=r"^no data$"):
            below()
    assert below.select(version="any").count() == 0
    broken.clear()
    assert below() == 1.0


def test_an_upstream_that_cannot_be_stored_still_serves(lab: Lab) -> None:
    """Its result is used as it is; what is computed from it is kept, and found again without it."""
    made: list[int] = []

    @sweepable.cache(ignore_globals=["made"])
    def source(n: int = 3) -> dict[str, Any]:
        made.append(n)
        return {"y": np.ones(n), "each": (i for i in range(n))}

    @sweepable.cache
    def total(rec: Any = source) -> float:
        return float(rec.y.sum())

    with pytest.warns(sweepable.NotKept, match="each"):
        assert total() == 3.0
    assert total() == 3.0 and made == [3]
    assert total.get().info.status == "done"


def test_what_came_from_an_unkept_record_is_never_served() -> None:
    """Its arrays live in the caller's hands only, who may have changed them."""

    @sweepable.cache
    def source(n: int) -> dict[str, Any]:
        return {"y": np.ones(n), "each": (i for i in range(n))}

    @sweepable.cache
    def total(rec: Any) -> float:
        return float(rec.y.sum())

    with pytest.warns(sweepable.NotKept):
        rec = source.get_or_run(3)
    rec.y[:] = 5.0
    with pytest.warns(TaintedCall, match="upstream call that is unkept"):
        assert total(rec) == 15.0
    with pytest.warns(sweepable.NotKept):
        again = source.get_or_run(3)
    assert total(again) == 3.0


def test_upstreams_of_another_store(tmp_path: Path) -> None:
    """A Record of another store counts by its key and is read from where it lies."""

    @sweepable.cache(store=tmp_path / "elsewhere")
    def source(n: int) -> dict[str, Any]:
        return {"y": np.ones(n)}

    four = source.partial(n=4)

    @sweepable.cache
    def total(rec: Any = four) -> float:
        return float(rec.y.sum())

    assert total() == total() == 4.0
    assert total(source.get_or_run(2)) == 2.0
    assert total.select().count() == 2


def test_a_changed_upstream_changes_what_is_below() -> None:
    """The code of an upstream call is part of the keys of all that came from it."""

    def make(factor: float) -> Any:
        upstream = sweepable.cache(lambda x=1.0: factor * x, name="upstream")
        return sweepable.cache(lambda rec=upstream: rec.value + 1, name="below")

    first, second = make(2.0), make(3.0)
    assert first.key_of() != second.key_of() and (first(), second(), first()) == (3.0, 4.0, 3.0)


def test_swapped_output_names_reach_what_is_downstream() -> None:
    """Correcting the declared names of an upstream's outputs runs it not again, but what reads it by name."""

    def inner() -> tuple[float, float]:
        return 1.0, 2.0

    def use(r: Any) -> float:
        return float(r.p)

    wrong = sweepable.cache(inner, p=float, q=float)
    assert sweepable.cache(use, upstream={"r": wrong})() == 1.0
    assert sweepable.cache(use)(wrong.get_or_run()) == 1.0
    right = sweepable.cache(inner, q=float, p=float)
    assert sweepable.cache(use, upstream={"r": right})() == 2.0
    assert sweepable.cache(use)(right.get_or_run()) == 2.0
    assert sweepable.cache(lambda p: p, upstream={"p": wrong["p"]}, name="first")() == 1.0
    assert sweepable.cache(lambda p: p, upstream={"p": right["p"]}, name="first")() == 2.0


def test_an_upstream_that_was_defined_anew_is_pointed_out() -> None:
    """A default stands for the function as it was; when that name has come to mean another one, this is said once."""

    @sweepable.cache(name="reference_anew")
    def reference(gain: float = 1.0) -> float:
        return gain

    @sweepable.cache
    def simulate(r: Any = reference) -> float:
        return 10 * float(r.value)

    assert simulate() == 10.0

    @sweepable.cache(name="reference_anew")
    def newer(gain: float = 1.0) -> float:
        return gain + 100

    with pytest.warns(sweepable.StaleResults, match="reference_anew has been defined anew"):
        assert simulate() == 10.0
    assert simulate() == 10.0
    with pytest.warns(sweepable.StaleResults, match="older code"):
        assert newer() == 101.0


# -- diamonds


@sweepable.cache
def wave(amplitude: float = 1.0, phase: float = 0.0) -> float:
    return amplitude + phase


@sweepable.cache
def plant(ref: Any = wave, gain: float = 2.0) -> float:
    return float(ref.value * gain)


@sweepable.cache
def deviation(sim: Any = plant, target: Any = wave) -> float:
    return float(sim.value - target.value)


def test_a_function_on_two_branches_is_set_on_both_by_its_name() -> None:
    """The name of the function ties them: both branches get the value, and one call serves both."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rec = deviation.get_or_run(wave__amplitude=3.0)
        runs = deviation.sweep(wave__amplitude=[4.0, 5.0], sim__gain=[1.0], progress=False)
    assert rec.value == 3.0 and rec.target == rec.sim.ref and wave.select().count() == 3
    assert [run.sim.ref == run.target for run in runs] == [True, True]


def test_a_diamond_that_is_set_on_one_branch_only_is_warned_of() -> None:
    """Once per way of writing it, with the name that ties the branches; nothing is said where both are named."""
    with pytest.warns(
        sweepable.UntiedDiamond, match="leaves sim__ref__amplitude as it is. To set both write wave__amp"
    ):
        assert deviation.get_or_run(target__amplitude=5.0).value == 2.0 - 5.0
    with pytest.warns(sweepable.UntiedDiamond, match="sim__ref__phase sets phase .* leaves target__phase"):
        deviation.get_or_run(sim__ref__phase=1.0, sim__gain=3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        deviation.get_or_run(target__amplitude=6.0)
        deviation.get_or_run(target__phase=1.0, sim__ref__phase=2.0)
        deviation.get_or_run(target=wave.partial(amplitude=2.0), sim__ref__amplitude=7.0)
        deviation.get_or_run(sim__gain=7.0)


def test_one_parameter_by_two_names_is_an_error() -> None:
    """Neither value is dropped; where the function's name means several calls, a path says what one of them has."""
    with pytest.raises(sweepable.ArgumentError, match="amplitude and ref__amplitude are two names of one parameter"):
        plant.get_or_run(amplitude=3.0, ref__amplitude=4.0)
    with pytest.raises(sweepable.ArgumentError, match="two names of one parameter"):
        plant.sweep(amplitude=[1.0, 2.0], ref__amplitude=[5.0, 6.0], progress=False)
    for given in (
        {"wave__amplitude": 3.0, "target__amplitude": 4.0},
        {"target__amplitude": 4.0, "wave__amplitude": 3.0},
    ):
        rec = deviation.get_or_run(**given)
        assert (rec.target.amplitude, rec.sim.ref.amplitude) == (4.0, 3.0)
    assert plant.partial(amplitude=3.0).partial(ref__amplitude=4.0)() == 8.0
    assert deviation.partial(target__amplitude=3.0).partial(wave__amplitude=1.0)() == 1.0
