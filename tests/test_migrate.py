"""Results of earlier code that a person says hold: taken over by plan, listed, and taken back."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript
from sweepable import MigrationError

RUNS: list[str] = []
INSIDE = "of nested: they call it inside, and which calls they make now is known when they run"
SOURCE = """
@sweepable.cache(ignore_globals=["RUNS"])
def reference(amplitude=1.0):
    RUNS.append("reference")
    return dict(ref_y=amplitude * np.arange(4.0))

@sweepable.cache(y=np.ndarray, ignore_globals=["RUNS"])
def simulate(reference=reference, gain=2.0{new}):
    RUNS.append("simulate")
    return reference.ref_y * gain{change}

@sweepable.cache(rms=float, ignore_globals=["RUNS"])
def evaluate(sim=simulate, scale=1.0):
    RUNS.append("evaluate")
    return float(np.sqrt(np.mean(sim.y ** 2)) * scale)

@sweepable.cache(ignore_globals=["RUNS"])
def best(sims):
    RUNS.append("best")
    return max(float(sim.y.max()) for sim in sims)

@sweepable.cache(ignore_globals=["RUNS"])
def nested(gain=2.0):
    RUNS.append("nested")
    return float(simulate(gain=gain).sum())
"""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    RUNS.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sweepable.StaleResults)
        yield


def define(new: str = "", change: str = "", source: str = SOURCE) -> dict[str, Any]:
    namespace: dict[str, Any] = {"sweepable": sweepable, "np": np, "RUNS": RUNS}
    exec(source.format(new=new, change=change), namespace)
    return namespace


def filled() -> dict[str, Any]:
    before = define()
    before["evaluate"].sweep(sim__gain=[1.0, 2.0], scale=[1.0, 3.0], progress=False)
    before["nested"](1.0)
    RUNS.clear()
    return before


def test_one_call_covers_a_new_parameter_and_another_body() -> None:
    """Results are there under the code as it is now, and so is all that came from them; nothing runs."""
    before = filled()
    rows = before["evaluate"].select().to_df()
    after = define(", friction=0.0", " * (1 - friction)")
    plan = after["simulate"].migrate("friction was none", add={"friction": 0.0})
    assert (plan.rekeyed, plan.there, plan.downstream) == (2, 0, {"evaluate": 4})
    assert "2 calls would hold" in repr(plan) and ".apply()" in repr(plan) and plan.left == {INSIDE: 1}
    assert after["simulate"].peek(gain=1.0) is None
    done = plan.apply()
    assert done.calls == 6 and done.reason == "friction was none" and "friction" in done.changes
    runs = after["evaluate"].sweep(sim__gain=[1.0, 2.0], scale=[1.0, 3.0], progress=False)
    assert runs.counts["hit"] == 4 and RUNS == []
    assert after["nested"](1.0) == 6.0 and RUNS == ["nested"]  # what it calls inside is there
    RUNS.clear()
    table = after["evaluate"].select().to_df()
    assert table["rms"].tolist() == rows["rms"].tolist() and set(table["sim__friction"]) == {0.0}
    rec = after["evaluate"].get(sim__gain=2.0, scale=3.0)
    assert rec.sim.friction == 0.0 and rec.sim.reference.amplitude == 1.0
    assert rec.sim == after["simulate"].peek(gain=2.0)
    assert after["simulate"](gain=2.0, friction=0.5).tolist() == [0.0, 1.0, 2.0, 3.0] and RUNS == ["simulate"]


def test_a_promoted_constant_keeps_every_result(run_script: RunScript) -> None:
    """A constant in the body that becomes a parameter with that default: one call, in any process."""
    before = """
import numpy as np, sweepable
@sweepable.cache
def sim(x=1.0, data=np.arange(20_000.0)):
    return x * 9.81 + data[1]
if __name__ == "__main__":
    print(sim.sweep(x=[1.0, 2.0, 3.0], progress=False).to_df()["value"].tolist())
"""
    after = """
import warnings, numpy as np, sweepable
warnings.simplefilter("ignore")
@sweepable.cache
def sim(x=1.0, data=np.arange(20_000.0), g=9.81):
    return x * g + data[1]
if __name__ == "__main__":
    plan = sim.migrate("g is a parameter now", add={"g": 9.81})
    print(plan.rekeyed, plan.left, plan.apply().calls)
"""
    again = after.split("if __name__")[0] + "print(sim.sweep(x=[1.0, 2.0, 3.0], progress=False).counts)\n"
    run_script(before)
    assert run_script(after).stdout.strip() == "3 {} 3"  # the array is too large to be kept with each call
    assert "'hit': 3" in run_script(again).stdout


def test_parameters_are_renamed_and_removed() -> None:
    """Only calls with the value that is named migrate where a parameter is gone; others are counted."""
    source = "@sweepable.cache(ignore_globals=['RUNS'])\ndef f({signature}):\n    RUNS.append('f')\n    return {body}"

    def f(signature: str, body: str) -> Any:
        namespace: dict[str, Any] = {"sweepable": sweepable, "RUNS": RUNS}
        exec(source.format(signature=signature, body=body), namespace)
        return namespace["f"]

    old = f("k, verbose=False, n=1", "k + n")
    old(1.0), old(2.0), old(3.0, True)
    RUNS.clear()
    new = f("stiffness, n=1", "stiffness + n")
    plan = new.migrate("names", rename={"k": "stiffness"}, remove={"verbose": False})
    assert plan.rekeyed == 2 and list(plan.left.values()) == [1] and "verbose was another value" in repr(plan)
    plan.apply()
    assert (new(1.0), new(2.0)) == (2.0, 3.0) and RUNS == []
    any_value = new.migrate("names", rename={"k": "stiffness"}, remove=["verbose"])
    assert (any_value.rekeyed, any_value.there) == (1, 2)
    with pytest.raises(sweepable.UnknownName, match="stiffness"):
        new.migrate("names", rename={"k": "stifness"})
    assert "is new; say add=" in repr(f("k, verbose=False, n=1, m=5", "k").migrate("one more", from_version="v1"))
    assert "is gone; say rename= or remove=" in repr(f("k, n=1", "k + 0").migrate("one less", from_version="v1"))


def test_outputs_are_renamed_and_recomputed() -> None:
    """An output under another name, and one that is new, made by a new run; what is stored of the others stays."""
    source = "@sweepable.cache(ignore_globals=['RUNS'])\ndef f(x=1):\n    RUNS.append(x)\n    return {body}"

    def f(body: str) -> Any:
        namespace: dict[str, Any] = {"sweepable": sweepable, "RUNS": RUNS}
        exec(source.format(body=body), namespace)
        return namespace["f"]

    f("{'a': x, 'runs': len(RUNS)}")(1), f("{'a': x, 'runs': len(RUNS)}")(2)
    RUNS.clear()
    renamed = f("{'area': x, 'runs': len(RUNS)}")
    renamed.migrate("a better name", rename_outputs={"a": "area"}).apply()
    assert renamed(2) == {"area": 2, "runs": 2} and RUNS == []
    assert renamed.select().to_df()["area"].tolist() == [1, 2]
    more = f("{'area': x, 'runs': len(RUNS), 'twice': 2 * x}")
    more.migrate("twice is new", recompute_outputs=["twice"]).apply()
    assert sorted(RUNS) == [1, 2]
    assert more(1) == {"area": 1, "runs": 1, "twice": 2} and more(2) == {"area": 2, "runs": 2, "twice": 4}
    assert sorted(RUNS) == [1, 2]


def test_a_check_runs_calls_again_and_compares() -> None:
    """What differs is shown, and then nothing is done."""
    filled()
    wrong = define("", " * 1.5")
    plan = wrong["simulate"].migrate("faster", check=3)
    assert len(plan.checked) == len(plan.differences) == 2 and "differs by up to 1.5" in repr(plan)
    with pytest.raises(MigrationError, match="do not hold"):
        plan.apply()
    assert wrong["simulate"].peek(gain=1.0) is None and wrong["simulate"].migrations() == []
    right = define("", " * 1.0")
    assert right["simulate"].migrate("faster", check=1).apply().calls == 6
    assert RUNS.count("simulate") == 3  # the checks alone


def test_a_migration_is_revoked_with_all_that_came_from_it() -> None:
    """What it made is forgotten, and what was computed from that since; what it was made of is untouched."""
    before = filled()
    after = define("", " * 1.5")
    after["simulate"].migrate("a mistake").apply()
    assert after["evaluate"](scale=7.0) == pytest.approx(7.0 * before["evaluate"]())
    assert RUNS == ["evaluate"]
    (migration,) = after["simulate"].migrations()
    plan = migration.revoke()
    assert (plan.migrated, plan.downstream) == (6, 1) and "forgets 6 calls" in repr(plan)
    assert after["simulate"].peek(gain=1.0) is not None
    plan.apply()
    RUNS.clear()
    assert after["simulate"].peek(gain=1.0) is None
    (migration,) = after["simulate"].migrations()
    assert migration.revoked is not None and migration.calls == 0
    assert after["evaluate"](scale=7.0) == pytest.approx(1.5 * 7.0 * before["evaluate"]())
    assert RUNS == ["simulate", "evaluate"]
    RUNS.clear()
    assert define()["simulate"](gain=1.0).tolist() == [0.0, 1.0, 2.0, 3.0] and RUNS == []


def test_what_is_downstream_moves_only_if_nothing_else_has_changed() -> None:
    """A function that calls the migrated one and was edited itself stays as it is, and is counted."""
    filled()
    edited = SOURCE.replace("simulate(gain=gain).sum()", "simulate(gain=gain).sum() + 1")
    after = define("", " * 1.0", edited)
    plan = after["simulate"].migrate("refactored")
    assert plan.downstream == {"evaluate": 4} and plan.left == {INSIDE: 1}
    plan.apply()
    assert after["nested"](1.0) == 7.0 and RUNS == ["nested"]


def test_a_constant_that_others_use_too_is_not_taken_over_for_them() -> None:
    """Where what changed is also used by a function downstream by itself, that one is not re-keyed."""
    source = """
K = {k}

@sweepable.cache(ignore_globals=["RUNS"])
def inner(x):
    return x + 0 * K

@sweepable.cache(ignore_globals=["RUNS"])
def outer(x):
    RUNS.append("outer")
    return inner(x) + K

@sweepable.cache(ignore_globals=["RUNS"])
def pure(x):
    RUNS.append("pure")
    return inner(x)
"""

    def make(k: int) -> dict[str, Any]:
        namespace: dict[str, Any] = {"sweepable": sweepable, "RUNS": RUNS}
        exec(source.format(k=k), namespace)
        return namespace

    old = make(1)
    assert old["outer"](1) == 2 and old["pure"](1) == 1
    RUNS.clear()
    new = make(5)
    plan = new["inner"].migrate("K does not matter to it")
    assert plan.downstream == {} and sum(plan.left.values()) == 2
    plan.apply()
    assert new["outer"](1) == 6 and new["pure"](1) == 1 and RUNS == ["outer", "pure"]


def test_calls_that_hold_others_in_a_list_stay() -> None:
    """They run again when asked for, from the calls that were migrated."""
    before = filled()
    records = [before["simulate"].get_or_run(gain=gain) for gain in (1.0, 2.0)]
    assert before["best"](records) == 6.0
    RUNS.clear()
    after = define(", friction=0.0", " * (1 - friction)")
    plan = after["simulate"].migrate("friction was none", add={"friction": 0.0})
    assert plan.left == {INSIDE: 1, "of best: an argument holds the upstream calls in a list, a dict or a query": 1}
    plan.apply()
    assert after["best"]([after["simulate"].get_or_run(gain=gain) for gain in (1.0, 2.0)]) == 6.0
    assert RUNS == ["best"]


def test_what_was_moved_and_edited_at_once_is_migrated_where_it_was(run_script: RunScript) -> None:
    """A function that has another place and other code is not known to be the earlier one: the error says how it is."""
    function = "import sweepable\n@sweepable.cache\ndef depth(x):\n    print('runs')\n    return x * 2.0\n"
    before = function + "if __name__ == '__main__':\n"
    after = before.replace("depth(x)", "depth(x, offset=0.0)").replace("x * 2.0", "x * 2.0 + offset")
    migrate = "    depth.migrate('an offset', add={'offset': 0.0}).apply()\n"
    call = "    print(depth(3.0))\n"
    assert run_script(before + call, name="here.py").stdout.split() == ["runs", "6.0"]
    refused = run_script(after + migrate, name="there.py", check=False)
    assert "MigrationError: depth: no call is stored from " in refused.stderr
    assert "only of a function of that name in " in refused.stderr
    assert "here.py" in refused.stderr
    run_script(after + migrate, name="here.py")
    assert run_script(after + call, name="there.py").stdout.split() == ["6.0"]


def test_what_was_moved_keeps_its_history_once_it_was_called_there(run_script: RunScript) -> None:
    """A function that was moved, and found its results at the new place, may be edited there and migrated."""
    function = "import sweepable\n@sweepable.cache\ndef depth(x):\n    print('runs')\n    return x * 2.0\n"
    before = function + "if __name__ == '__main__':\n"
    after = before.replace("depth(x)", "depth(x, offset=0.0)").replace("x * 2.0", "x * 2.0 + offset")
    call = "    print(depth(3.0))\n"
    assert run_script(before + call, name="here.py").stdout.split() == ["runs", "6.0"]
    assert run_script(before + call, name="there.py").stdout.split() == ["6.0"]
    explained = run_script(after + "    print(depth.explain(3.0))\n", name="there.py").stdout
    assert "under other code, v1" in explained and "+    return x * 2.0 + offset" in explained
    run_script(after + "    depth.migrate('an offset', add={'offset': 0.0}).apply()\n", name="there.py")
    assert run_script(after + call, name="there.py").stdout.split() == ["6.0"]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Without a reason, without anything to migrate, with a version that is not there."""
    functions = define()
    with pytest.raises(MigrationError, match="no call is stored"):
        functions["simulate"].migrate("why not")
    functions["simulate"]()
    with pytest.raises(MigrationError, match="nothing to migrate"):
        functions["simulate"].migrate("why not")
    with pytest.raises(MigrationError, match="needs a reason"):
        functions["simulate"].migrate(" ")
    other = define("", " * 1.0")["simulate"]
    with pytest.raises(sweepable.UnknownName, match="v7"):
        other.migrate("why not", from_version="v7")
    assert other.migrate("why not", from_version="v1").rekeyed == 1
    with pytest.raises(MigrationError, match="needs a dict"):
        other.migrate("why not", add=["x"])


def pair(source: str, **said: object) -> dict[str, Any]:
    namespace: dict[str, Any] = {"sweepable": sweepable, "np": np, "RUNS": RUNS}
    exec(source.format(**said), namespace)
    return namespace


BELOW = """
@sweepable.cache
def sim({signature}):
    return {body}

@sweepable.cache
def ev(sim=sim):
    return sim.{read}

@sweepable.cache
def nested(x=1.0):
    return sim(x)
"""


def test_a_changed_default_is_seen_by_those_who_call_inside() -> None:
    """What a body calls now may be another call than it was, whatever a migration says of the function it calls."""
    old = pair(BELOW, signature="x=1.0, g=2.0", body="x * g", read="value")
    assert (old["nested"](), old["ev"]()) == (2.0, 2.0)
    new = pair(BELOW, signature="x=1.0, g=3.0", body="g * x", read="value")
    new["sim"].migrate("only the order").apply()
    assert (new["nested"](), new["sim"](g=2.0), new["ev"]()) == (3.0, 2.0, 3.0)


def test_outputs_computed_anew_reach_what_is_below() -> None:
    """What came from the outputs as they were runs again, from those as they are."""
    source = "dict(y=1.0, e={factor} * x)"
    old = pair(BELOW, signature="x=1.0", body=source.format(factor=1), read="e")
    assert old["ev"]() == 1.0 and old["nested"]() == {"y": 1.0, "e": 1.0}
    new = pair(BELOW, signature="x=1.0", body=source.format(factor=5), read="e")
    new["sim"].migrate("e was wrong", recompute_outputs=["e"]).apply()
    assert (new["sim"](), new["ev"](), new["nested"]()) == ({"y": 1.0, "e": 5.0}, 5.0, {"y": 1.0, "e": 5.0})


def test_a_result_that_is_there_is_not_overruled() -> None:
    """Where a call has run under the new code, and differs, what came from the earlier one does not hold below it."""
    old = pair(BELOW, signature="x=1.0", body="x", read="value")
    old["ev"](), old["ev"](old["sim"].partial(x=2.0))
    new = pair(BELOW, signature="x=1.0", body="x * 100", read="value")
    plan = new["sim"].migrate("holds for x = 2 and others")
    assert new["sim"]() == 100.0  # between plan and apply
    plan.apply()
    assert new["ev"]() == 100.0 and new["ev"](new["sim"].partial(x=2.0)) == 2.0
    again = new["sim"].migrate("once more", from_version="v1")
    assert again.there == 2 and again.apply().calls == 0 and new["ev"]() == 100.0


def test_names_that_no_call_has_are_refused() -> None:
    """A misspelled name would otherwise change nothing, silently; two parameters never become one."""
    old = pair("@sweepable.cache\ndef f(k=1, n=5):\n    return dict(a=k + n)")
    old["f"]()
    new = pair("@sweepable.cache\ndef f(n=5):\n    return dict(b=n)")
    with pytest.raises(sweepable.UnknownName, match=r"'aa'; did you mean 'a'\?"):
        new["f"].migrate("names", remove=["k"], rename_outputs={"aa": "b"})
    assert list(new["f"].migrate("k is n", rename={"k": "n"}).left) == [
        "of f: two of their parameters would have one name"
    ]


def test_a_revoked_migration_leaves_nothing_behind() -> None:
    """Neither what was computed from it after the plan was made, nor what is computed from a Record held since."""
    old = pair(BELOW, signature="x=1.0", body="x", read="value")
    old["sim"]()
    new = pair(BELOW, signature="x=1.0", body="x * 100", read="value")
    new["sim"].migrate("a mistake").apply()
    held, plan = new["sim"].get_or_run(), new["sim"].migrations()[-1].revoke()
    assert new["ev"]() == 1.0
    plan.apply()
    with pytest.warns(sweepable.TaintedCall, match="forgotten"):
        assert new["ev"](held) == 1.0  # the Record says so, but nobody else is served it
    assert new["ev"]() == 100.0


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The namespace of a module: what is stored of its classes is found there again."""
    module = ModuleType("lab_of_migrations")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    vars(module).update(sweepable=sweepable, RUNS=RUNS)
    return vars(module)


def test_a_method_is_migrated_with_its_class(lab: dict[str, Any]) -> None:
    """The instance brings the code of its class, the method's own included; as it is now."""
    source = """
class Motor:
    def __init__(self, k):
        self.k = k

    @sweepable.cache(ignore_globals=["RUNS"])
    def run(self, x=1):
        RUNS.append(x)
        return {body}
"""
    exec(source.format(body="self.k * x"), lab)
    assert lab["Motor"](2).run() == 2
    RUNS.clear()
    exec(source.format(body="x * self.k"), lab)
    new = lab["Motor"]
    assert new.run.migrate("refactored", check=1).apply().calls == 1
    assert new(2).run() == 2 and RUNS == [1]  # the check alone


BOUNDS = "@sweepable.cache({declared})\ndef bounds(x=1.0):\n    return {body}"


def test_outputs_in_another_order_are_not_migrated_as_they_are() -> None:
    """Results of a tuple whose outputs are declared in another order now are left, with the way out."""
    pair(BOUNDS, declared="low=float, high=float", body="x, 10 * x")["bounds"](2.0)
    bounds = pair(BOUNDS, declared="high=float, low=float", body="10 * x, x")["bounds"]
    plan = bounds.migrate("order")
    assert plan.rekeyed == 0 and "recompute_outputs=['high', 'low']" in str(plan)
    bounds.migrate("order", recompute_outputs=["high", "low"]).apply()
    assert bounds.peek(2.0) is not None and bounds(2.0) == (20.0, 2.0) and bounds.get(x=2.0).high == 20.0


def test_a_declared_output_that_is_not_stored_is_asked_for() -> None:
    """Where an output was added, the plan says how it is computed for the calls that are stored."""
    pair(BOUNDS, declared="low=float", body="x")["bounds"](2.0)
    bounds = pair(BOUNDS, declared="low=float, high=float", body="x, 10 * x")["bounds"]
    assert bounds.migrate("high", recompute_outputs=["high"]).rekeyed == 1


def test_a_check_compares_what_is_served(lab: dict[str, Any]) -> None:
    """A result of another form is a difference, though by name all outputs are the same."""
    pair(BOUNDS, declared="y=float", body="2 * x")["bounds"](2.0)
    bounds = pair(BOUNDS, declared="", body="{'y': 2 * x}")["bounds"]
    assert "the whole" in str(bounds.migrate("a dict", check=1))
    source = BOUNDS.replace("bounds", "fields").format(declared="", body="R(y=2 * x, e=x ** 3)")
    fields = "from typing import NamedTuple\nclass R(NamedTuple):\n    {}: float\n    {}: float\n"
    exec(fields.format("y", "e") + source, lab)
    lab["fields"](3.0)
    exec(fields.format("e", "y") + source, lab)
    assert "their fields were y, e" in str(lab["fields"].migrate("order"))


def test_queries_show_outputs_under_the_names_that_are_declared_now() -> None:
    """Where only the names in the declaration change, a query gives all stored results those names, and back."""
    before = pair(BOUNDS, declared="low=float, high=float", body="x, 10 * x")["bounds"]
    before.sweep(x=[1.0, 2.0], progress=False)
    other = pair(BOUNDS, declared="high=float, low=float", body="x, 10 * x")["bounds"]
    assert sorted(other.select().to_df()["high"]) == [1.0, 2.0]
    assert other.get(x=2.0).high == other.peek(2.0).high == 2.0
    again = pair(BOUNDS, declared="low=float, high=float", body="x, 10 * x")["bounds"]
    assert again.get(x=1.0).high == 10.0 and again.filter(high__gt=5.0).count() == 2


def test_outputs_that_could_be_computed_anew_are_kept_where_others_could_not() -> None:
    """A call that raises when it is run again stays as it is, and is named; the others are migrated."""
    before = pair(BOUNDS, declared="low=float", body="x")["bounds"]
    before.sweep(x=[0.0, 1.0, 2.0], progress=False)
    bounds = pair(BOUNDS, declared="low=float, high=float", body="x, 1 / x")["bounds"]
    plan = bounds.migrate("high", recompute_outputs=["high"])
    with pytest.raises(MigrationError, match=r"1 of 3 calls could not be run again .* ZeroDivisionError"):
        plan.apply()
    assert bounds.peek(0.0) is None and bounds.get(x=2.0).high == 0.5 and bounds.select().count() == 2


@pytest.mark.parametrize("body", ["(x, 10 * x)", "[x]", "{1: x}", "np.array([x])"])
def test_a_check_of_a_single_output_of_any_form_finds_what_is_stored(body: str) -> None:
    """A tuple, list, dict or array that is one output is compared as it is."""
    pair(BOUNDS, declared="", body=body)["bounds"](2.0)
    bounds = pair(BOUNDS, declared="", body=f"[{body}][0]")["bounds"]
    plan = bounds.migrate("the same", check=1)
    assert len(plan.checked) == 1 and plan.apply().calls == 1
