"""Variants: one function in several pipelines, and functions that take a copy of another's signature."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

import sweepable
from running import RunScript
from sweepable.errors import DeclarationError, UnknownName
from sweepable.store.location import current_store

RAN: list[str] = []


@sweepable.cache
def sine(amplitude: float = 1.0) -> dict[str, float]:
    return {"peak": amplitude}


@sweepable.cache
def step(height: float = 3.0) -> dict[str, float]:
    return {"peak": height}


@sweepable.cache(last=float, ignore_globals=["RAN"])
def simulate(reference: Any = sine, gain: float = 2.0) -> float:
    RAN.append("simulate")
    return float(gain * reference.peak)


@sweepable.cache
def double(x: Any, y: float = 1.0) -> float:
    return float(2 * x + y)


simulate_step = simulate.variant("simulate_step", reference=step, gain=5.0)


@sweepable.cache
def evaluate(sim: Any = simulate_step, weight: float = 1.0) -> float:
    return float(weight * sim.last)


def ran() -> int:
    """How often the body has run since it was asked last."""
    count = len(RAN)
    RAN.clear()
    return count


def test_a_variant_has_its_own_defaults_name_and_table() -> None:
    """Its calls are its own: in queries of either, in tables, and by the function that is upstream of it."""
    assert (simulate(), simulate_step(), simulate_step(gain=1.0)) == (2.0, 15.0, 3.0)
    assert simulate.select().to_df()["last"].tolist() == [2.0]
    frame = simulate_step.select().to_df()
    assert list(frame) == ["gain", "reference__height", "reference__peak", "last"] and frame["last"].tolist() == [
        15.0,
        3.0,
    ]
    assert simulate_step.get(reference__height=3.0, gain=5.0).reference.height == 3.0
    assert [rec.gain for rec in sweepable.find("simulate_step", gain__lt=2)] == [1.0]
    names = {row[0] for row in current_store().connection().execute("SELECT table_name FROM _functions")}
    assert {"simulate", "simulate_step", "sine", "step"} == names
    assert simulate_step.__name__ == "simulate_step" and repr(simulate_step) == "<cached function simulate_step>"
    assert str(inspect.signature(simulate_step)).endswith("gain: 'float' = 5.0) -> 'float'")


def test_a_variant_may_stand_upstream() -> None:
    """As another's default: it is routed to, swept and found as any function is."""
    runs = evaluate.sweep(height=[1.0, 2.0], sim__gain=[1.0, 10.0], progress=False)
    assert runs.to_df()["value"].tolist() == [1.0, 10.0, 2.0, 20.0]
    assert evaluate.filter(simulate_step__gain=10.0, sim__reference__height=2.0).count() == 1
    assert [rec.value for rec in simulate_step.get(gain=10.0, height=1.0).downstream(evaluate)] == [10.0]


def test_a_default_may_be_any_upstream() -> None:
    """A cached function, a partial of it, another variant: what an upstream default may be anywhere."""
    louder = sine.variant("louder", amplitude=10.0)
    for given, expected in ((step, 6.0), (step.partial(height=4.0), 8.0), (louder, 20.0)):
        assert simulate.variant("simulate_other", reference=given)() == expected


def test_a_parameter_gets_a_default_or_loses_it() -> None:
    """One without default gets one, an output too; one with a default may lose it, and then is asked for."""
    with_output = double.variant("double_peak", x=sine["peak"])
    assert with_output() == 3.0
    assert with_output.get_or_run(x__amplitude=2.0).value == 5.0
    asking = double.variant("double_asking", x=1.0, y=inspect.Parameter.empty)
    assert asking(y=3.0) == 5.0
    with pytest.raises(TypeError, match="'y'"):
        asking()
    assert asking.callee.binder.required == ("y",)
    back = asking.variant("double_back", y=0.5, x=inspect.Parameter.empty)
    assert back(1.0) == 2.5


def test_upstream_parameters_go_by_name() -> None:
    """As in `partial`: by path, or by the bare name where one upstream function has it."""
    assert simulate.variant("loud", amplitude=7.0)() == 14.0
    assert simulate_step.variant("high", reference__height=1.0)() == 5.0
    solve = sweepable.cache(lambda config={"dt": 0.1, "n": 2}: config["dt"] * config["n"], name="solve", version="1")
    assert solve.variant("finer", config__dt=0.5)() == 1.0


def test_calls_of_the_two_are_never_one() -> None:
    """The same arguments have another key under another name; the result is taken over, with a lineage of its own."""
    ran()
    same = simulate.variant("simulate_same")
    assert same.key_of(gain=2.0) != simulate.key_of(gain=2.0)
    assert simulate() == same() == 2.0 and ran() == 1
    rec = same.get()
    assert rec.reference.info.key == simulate.get().reference.info.key
    assert rec.info.function == "simulate_same" and simulate.select().count() == 1
    assert simulate_step() == 15.0 and ran() == 1
    assert simulate(reference=step, gain=5.0) == 15.0 and ran() == 0
    assert [found.last for found in step.get().downstream(simulate)] == [15.0]


def test_what_does_not_fit_is_refused() -> None:
    """A misspelled parameter, no name of its own, no name at all, a default of what is upstream that is taken away."""
    with pytest.raises(UnknownName, match=r"gian.*did you mean 'gain'"):
        simulate.variant("v", gian=1.0)
    with pytest.raises(DeclarationError, match="a name of its own"):
        simulate.variant("simulate", gain=1.0)
    with pytest.raises(DeclarationError, match="needs a name"):
        simulate.variant(3.0)  # type: ignore[arg-type]
    with pytest.raises(DeclarationError, match="keeps its default"):
        simulate.variant("v", amplitude=inspect.Parameter.empty)

    def positional(a: int, b: int, /) -> int:
        return a + b

    cached = sweepable.cache(positional)
    assert cached.variant("last", b=2)(1) == 3
    with pytest.raises(DeclarationError, match="positional-only"):
        cached.variant("first", a=2)
    with pytest.raises(UnknownName):
        sweepable.cache(lambda **more: more, name="stars").variant("v", a=2)


def test_outputs_and_options_stay(tmp_path: Path) -> None:
    """Declared outputs, what is ignored, the store, the pin, and what it depends on."""
    inner = sweepable.cache(sine.__wrapped__, store=tmp_path / "other")

    def body(amplitude: float = 1.0, verbose: bool = False) -> tuple[float, float]:
        return inner(amplitude)["peak"], 2.0

    options: dict[str, Any] = dict(a=float, b=float, ignore=["verbose"], store=tmp_path / "other", version="7")
    base = sweepable.cache(body, depends_on=[inner], name="base", **options)
    found = base.variant("loud", amplitude=4.0)
    rec = found.get_or_run(verbose=True)
    assert (rec.a, rec.b, rec.sine.amplitude) == (4.0, 2.0, 4.0)
    assert found.peek(verbose=False) is not None and found.version().digest == base.version().digest
    assert (tmp_path / "other" / "index.db").exists()
    with pytest.raises(DeclarationError, match="ignore="):
        base.variant("odd", verbose=inner)


def test_a_variant_of_a_variant_keeps_what_it_does_not_change() -> None:
    """Defaults add up; `upstream=` of the decorator counts as a default."""
    third = simulate_step.variant("third", gain=1.0)
    assert third() == 3.0 and simulate_step() == 15.0
    given = sweepable.cache(double.__wrapped__, upstream={"x": sine["peak"]}, name="given")
    assert given.variant("more", y=0.0)() == 2.0 and given.variant("plain", x=5.0)() == 11.0


class Motor:
    def __init__(self, k: float) -> None:
        self.k = k

    @sweepable.cache
    def run(self, gain: float = 1.0) -> float:
        return self.k * gain

    fast = run.variant("Motor.fast", gain=10.0)


def test_methods_have_variants() -> None:
    """In the class body, and of one instance."""
    motor = Motor(2.0)
    assert (motor.run(), motor.fast(), motor.run.variant("faster", gain=20.0)()) == (2.0, 20.0, 40.0)
    assert Motor.fast.get(gain=10.0).value == 20.0 and motor.fast.filter(gain=10.0).count() == 1


def test_async_functions_have_variants() -> None:
    """They are awaited as the function is."""

    async def fetch(x: float = 1.0) -> float:
        return 2 * x

    found = sweepable.cache(fetch).variant("fetch_far", x=4.0)
    assert asyncio.run(found()) == 8.0
    assert found.get().x == 4.0


def test_what_calls_a_variant_depends_on_its_defaults() -> None:
    """A body that calls it without arguments gets another result where a default is another: another version."""

    def calls(variant: Any) -> Any:
        def body(n: int = 1) -> float:
            return float(variant() * n)

        return sweepable.cache(body, name="caller")

    digests = [
        calls(double.variant("inner", **given)).version().digest
        for given in (dict(x=1.0), dict(x=2.0), dict(x=1.0), dict(x=sine["peak"]), dict(x=step["peak"]))
    ]
    assert digests[0] == digests[2] and len(set(digests)) == 4
    no_y = double.variant("inner", x=1.0, y=inspect.Parameter.empty)
    assert calls(no_y).version().digest not in digests


def test_variants_pickle() -> None:
    """By name where a module holds one under its name, else with its function; and they are the same calls."""
    made = simulate.variant("made_here", gain=7.0)
    for variant in (simulate_step, made):
        for dumps in (pickle.dumps, cloudpickle.dumps) if variant is simulate_step else (cloudpickle.dumps,):
            found = pickle.loads(dumps(variant))
            assert found.key_of() == variant.key_of() and found.version().digest == variant.version().digest
    for named in (simulate_step, Motor.fast):
        assert pickle.loads(pickle.dumps(named)) is named


LAB = """
import os
import sweepable

@sweepable.cache
def sine(amplitude=1.0):
    return {"peak": amplitude}

@sweepable.cache(last=float, pid=int)
def simulate(reference=sine, gain=2.0):
    return gain * reference.peak, os.getpid()

louder = simulate.variant("louder", reference__amplitude=10.0)

@sweepable.cache
def evaluate(sim=louder, weight=1.0):
    return weight * sim.last
"""
PIPELINE = """
import os
import lab
import sweepable

elsewhere = lab.simulate.variant("elsewhere", gain=3.0)

@sweepable.cache
def judge(sim=elsewhere, weight=1.0):
    return weight * sim.last

def made():
    return lab.simulate.variant("inside", gain=lab.sine["peak"])

if __name__ == "__main__":
    sweeps = [(lab.louder, "gain"), (elsewhere, "amplitude"), (made(), "reference__amplitude"), (judge, "sim__gain")]
    sweeps += [(lab.evaluate, "gain"), (judge.variant("judged", weight=2.0), "sim__gain")]
    for function, axis in sweeps:
        runs = function.sweep(**{axis: [1.0, 2.0, 3.0]}, n_jobs=2, progress=False)
        assert len(runs.failed) == len(runs.missing) == 0, (function, runs.failed)
        frame = runs.to_df()
        values = frame["value" if "value" in frame else "last"].tolist()
        here = os.getpid() in frame.get("pid", frame.get("sim__pid")).tolist()
        print(function.callee.name, values, here, runs.counts["run"])
"""


def test_variants_run_in_workers(run_script: RunScript) -> None:
    """Held by a module under their name, by a script, by nobody; and a second process finds all of it."""
    first = run_script(PIPELINE, name="pipeline.py", files={"lab.py": LAB})
    lines = first.stdout.splitlines()
    assert lines == [
        "louder [10.0, 20.0, 30.0] False 3",
        "elsewhere [3.0, 6.0, 9.0] False 3",
        "inside [1.0, 2.0, 3.0] False 3",
        "judge [1.0, 2.0, 3.0] False 3",
        "evaluate [10.0, 20.0, 30.0] False 3",
        "judged [2.0, 4.0, 6.0] False 3",
    ]
    second = run_script(None, name="pipeline.py")
    assert [line.rpartition(" ")[2] for line in second.stdout.splitlines()] == ["0"] * 6


# -- signature_of


@sweepable.cache
@sweepable.signature_of(simulate, drop=["gain"], add={"kp": 2.0})
def tuned(**params: Any) -> float:
    return float(simulate(gain=params.pop("kp") * 2, **params))


def test_a_copied_signature_is_what_keys_sweeps_and_lookups_know() -> None:
    """Defaults are bound, an upstream default is an upstream call, and each parameter is a column."""
    assert tuned() == 4.0 and tuned(kp=3.0) == 6.0
    assert tuned.callee.parameters == ("reference", "kp") and tuned.key_of() == tuned.key_of(kp=2.0)
    assert tuned.get(kp=3.0).value == 6.0 and tuned.get_or_run(amplitude=2.0).reference.amplitude == 2.0
    frame = tuned.sweep(kp=[1.0, 2.0], reference__amplitude=[1.0, 5.0], progress=False).to_df()
    assert frame["value"].tolist() == [2.0, 10.0, 4.0, 20.0]
    assert {"kp", "reference__amplitude", "simulate__gain", "value"} <= set(frame)
    with pytest.raises(TypeError, match="gain"):
        tuned(gain=1.0)
    with pytest.raises(TypeError):
        tuned(3.0)


def test_a_copied_signature_keeps_annotations_and_what_the_function_names() -> None:
    """Parameters that the function names itself stay first; a default that it has not comes from the copy."""

    def plain(a: int, b: float = 2.0, *, c: str = "c") -> None: ...

    @sweepable.signature_of(plain, drop="c", add={"d": inspect.Parameter.empty})
    def wrapper(b, extra=1, **rest):  # type: ignore[no-untyped-def]
        return b, extra, rest

    signature = inspect.signature(wrapper)
    assert str(signature) == "(b: 'float' = 2.0, extra=1, *, a: 'int', d)"
    cached = sweepable.cache(wrapper, outputs={"b": None, "extra": None, "rest": None})
    assert cached(a=1, d=2) == (2.0, 1, {"a": 1, "d": 2}) and cached(5.0, a=1, d=2)[0] == 5.0
    with pytest.raises(TypeError, match="'a'"):
        cached(d=1)


def test_other_defaults_are_other_calls() -> None:
    """Two copies that differ in a default bind other arguments; whoever calls such a function without any sees it."""

    def copies(kp: float) -> Any:
        def body(**params: Any) -> float:
            return float(params["kp"] + params["y"])

        return sweepable.cache(sweepable.signature_of(double, drop="x", add={"kp": kp})(body), name="copy")

    def caller(copy: Any) -> Any:
        return sweepable.cache(lambda n=1: copy() * n, name="caller")

    one, two = copies(1.0), copies(2.0)
    assert one() == 2.0 and two() == 3.0 and one.key_of() != two.key_of() and one.key_of(kp=2.0) == two.key_of()
    assert caller(one).version().digest != caller(two).version().digest
    assert caller(one).version().digest == caller(copies(1.0)).version().digest
    assert one.version().untracked == () and caller(one).version().untracked == ()


def test_a_variant_of_a_copy_and_a_copy_of_a_variant() -> None:
    """Each takes the signature as it is by then."""
    assert tuned.variant("tuned_high", kp=10.0)() == 20.0

    @sweepable.cache
    @sweepable.signature_of(simulate_step)
    def again(**params: Any) -> float:
        return float(simulate_step(**params))

    assert again() == 15.0 and again.get_or_run(height=1.0).value == 5.0


def test_a_signature_that_cannot_be_copied_is_refused() -> None:
    """A misspelled name, one that is there twice, no way to hand it on, and the decorators in the wrong order."""
    with pytest.raises(UnknownName, match=r"gian.*did you mean 'gain'"):
        sweepable.signature_of(simulate, drop=["gian"])
    with pytest.raises(DeclarationError, match=r"'gain'.*there already"):
        sweepable.signature_of(simulate, add={"gain": 1.0})
    with pytest.raises(DeclarationError, match="needs a function"):
        sweepable.signature_of(3)  # type: ignore[arg-type]
    with pytest.raises(DeclarationError, match=r"drop=\['values'\]"):
        sweepable.signature_of(lambda *values: values)
    with pytest.raises(DeclarationError, match=r"\*\*kwargs"):
        sweepable.signature_of(simulate)(lambda gain: gain)
    with pytest.raises(DeclarationError, match=r"below @sweepable.cache"):
        sweepable.signature_of(simulate)(sweepable.cache(lambda **rest: rest))


def test_copied_signatures_go_to_workers(run_script: RunScript) -> None:
    """In a script, by two processes; the second time all is found."""
    script = """
    import numpy as np
    import sweepable

    @sweepable.cache
    def simulate(gain=2.0, damping=0.1):
        return gain - damping

    @sweepable.cache
    @sweepable.signature_of(simulate, drop=["gain"], add={"kp": 2.0})
    def tuned(**params):
        return simulate(gain=2 * params.pop("kp"), **params)

    if __name__ == "__main__":
        runs = tuned.sweep(kp=[1.0, 2.0], damping=[0.0, 1.0], n_jobs=2, progress=False)
        print(runs.to_df()["value"].tolist(), runs.counts["run"])
    """
    assert run_script(script).stdout == "[2.0, 1.0, 4.0, 3.0] 4\n"
    assert run_script(None).stdout == "[2.0, 1.0, 4.0, 3.0] 0\n"


def test_arrays_as_defaults_of_variants() -> None:
    """A default counts by its value, as it does where it is given."""
    total = sweepable.cache(lambda values=(1.0,): float(np.sum(values)), name="total", version="1")
    found = total.variant("total_of_three", values=np.ones(3))
    assert found() == 3.0 and found.peek(np.ones(3)) is not None


def test_a_parameter_amid_others_is_required() -> None:
    """What stands behind it is given by name, and never comes in its place."""

    @sweepable.cache
    def three(a: int = 1, b: int = 2, c: int = 3) -> tuple[int, int, int]:
        return a, b, c

    needs = three.variant("needs_b", b=inspect.Parameter.empty)
    assert needs(b=5) == (1, 5, 3) == needs(1, b=5, c=3)
    assert [rec.value for rec in needs.sweep(b=[7, 8], progress=False)] == [(1, 7, 3), (1, 8, 3)]


def test_a_name_that_another_function_has_is_refused() -> None:
    """The calls of both would share a table."""

    @sweepable.cache(name="taken_name")
    def first(x: int = 1) -> int:
        return x

    @sweepable.cache
    def second(x: int = 1) -> int:
        return 2 * x

    with pytest.raises(sweepable.DeclarationError, match="another cached function is called 'taken_name'"):
        second.variant("taken_name")
    assert first(3) == 3
