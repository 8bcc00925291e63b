"""Values passed from one cached call to another: what they came from is known, and only where it is sure."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import gc
import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import sweepable
from running import RunScript
from sweepable import passed
from sweepable.lineage import CallNode
from sweepable.record import call_of, store_of


@sweepable.cache
def get_reference(amplitude: float = 1.0, label: str = "") -> dict[str, Any]:
    t = np.linspace(0.0, 1.0, 101)
    return {"ref_t": t, "ref_y": amplitude * t}


@sweepable.cache
def ramp(slope: float = 1.0) -> Any:
    return slope * np.arange(50.0)


@sweepable.cache
def sim(y: Any, gain: float = 1.0) -> dict[str, Any]:
    return {"peak": float(gain * np.max(y)), "out": gain * np.asarray(y)}


@sweepable.cache(rms=float)
def evaluate(out: Any, limit: float = 1.0) -> float:
    return float(np.sqrt(np.mean(np.asarray(out) ** 2)))


def edges_of(record: Any) -> list[tuple[str, str, str]]:
    """Role, name and upstream function of all that is directly upstream."""
    node = CallNode(store_of(record), call_of(record))
    return [(edge.role, edge.name, edge.function) for edge in node.edges]


def lines(folder: Path) -> list[tuple[str, str]]:
    """Role and name of all edges in a store."""
    connection = sqlite3.connect(folder / "index.db")
    found = connection.execute("SELECT role, name FROM _lineage ORDER BY 1, 2").fetchall()
    connection.close()
    return found


def run_all() -> None:
    """A script of functions that know nothing of each other."""
    for amplitude in (1.0, 2.0):
        reference = get_reference(amplitude=amplitude)
        for gain in (1.0, 3.0):
            evaluate(sim(reference["ref_y"], gain=gain)["out"])


# -- what is linked


def test_an_array_given_from_one_call_to_another_links_them() -> None:
    """The call that returned an array is upstream of the call that is given it, under the parameter's name."""
    y = ramp(slope=2.0)
    sim(y, gain=3.0)
    record = sim.get(gain=3.0)
    assert edges_of(record) == [("passed", "y", "ramp")]
    assert record.ramp.slope == 2.0 and record.slope == 2.0 and record.upstream.y == ramp.get(slope=2.0)
    assert np.array_equal(record.y, y)  # the function's own parameter is the value, as ever


def test_all_that_is_found_through_lineage_is_found_through_passed_values() -> None:
    """Look-ups, columns, the tree, downstream and exports go through values as through Records."""
    run_all()
    assert sim.filter(y__amplitude=2.0).count() == sim.filter(get_reference__amplitude=2.0).count() == 2
    assert sim.filter(amplitude=2.0, gain=3.0).get().peak == 6.0
    assert [rec.out__gain for rec in evaluate.filter(out__y__amplitude=2.0).order_by("out__gain")] == [1.0, 3.0]
    assert evaluate.filter(get_reference__amplitude__gt=1.5, sim__gain=1.0).count() == 1
    assert [rec.limit for rec in get_reference.get(amplitude=1.0).downstream(evaluate, out__gain=3.0)] == [1.0]
    table = evaluate.select().order_by("out__y__amplitude", "-out__gain").to_df()
    assert table["out__y__amplitude"].tolist() == [1.0, 1.0, 2.0, 2.0]
    assert table["out__gain"].tolist() == [3.0, 1.0, 3.0, 1.0]
    assert sorted(evaluate.filter(out__gain=3.0).values("out__y__amplitude")) == [1.0, 2.0]
    text = str(evaluate.filter(amplitude=2.0, out__gain=3.0).get().lineage())
    assert "out from sim(" in text and "y from get_reference(amplitude=2.0" in text
    assert "gave y to sim(" in str(get_reference.get(amplitude=2.0).lineage(downstream=True))


def test_the_view_of_a_function_has_the_columns_of_what_was_passed(store_path: Path) -> None:
    """Plain SQL sees the parameters of the call that gave a value, as `to_df` spells them."""
    run_all()
    connection = sqlite3.connect(store_path / "index.db")
    query = 'SELECT out__y__amplitude, out__gain FROM "evaluate__flat" ORDER BY 1, 2'
    assert connection.execute(query).fetchall() == [(1.0, 1.0), (1.0, 3.0), (2.0, 1.0), (2.0, 3.0)]
    connection.close()


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass
class Motor:
    inertia: float
    curve: Any = None


class Kind(enum.Enum):
    ONE = 1


class Model:
    def __init__(self, k: float) -> None:
        self.k = k


@sweepable.cache
def several(kind: str) -> Any:
    array = np.arange(10.0)
    found: dict[str, Any] = {
        "tuple": (1.0, array),
        "named tuple": Pair(1.0, array),
        "dict of numbers": {1: array},
        "nested": {"run": (array, 2.0)},
        "frame": pd.DataFrame({"a": array}),
        "series": pd.Series(array),
        "instance": Model(2.0),
        "dataclass": Motor(2.0, array),
    }
    return found[kind]


@sweepable.cache
def takes(value: Any, k: int = 0) -> int:
    return 1


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("tuple", lambda found: found[1]),
        ("named tuple", lambda found: found.right),
        ("dict of numbers", lambda found: found[1]),
        ("nested", lambda found: found["run"][0]),
        ("frame", lambda found: found),
        ("series", lambda found: found),
        ("instance", lambda found: found),
        ("dataclass", lambda found: found),
        ("dataclass", lambda found: found.curve),
    ],
)
def test_values_of_every_kind_are_followed(kind: str, part: Any) -> None:
    """Arrays, frames and instances are followed, returned as such or in tuples, dicts and fields; on a hit as well."""
    takes(part(several(kind)))
    assert edges_of(takes.get()) == [("passed", "value", "several")]
    takes(part(several(kind)), k=1)  # what a hit returns is another object
    assert takes.filter(value__kind=kind).count() == 2


def test_values_within_an_argument_are_followed() -> None:
    """A list, tuple or dict of values is from the calls that returned those."""
    takes([ramp(slope=1.0), ramp(slope=2.0)])
    record = takes.get()
    assert sorted(rec.slope for rec in record.ramp) == [1.0, 2.0]
    takes({"y": ramp(slope=3.0)}, k=1)
    assert takes.get(k=1).slope == 3.0
    takes(Motor(1.0, ramp(slope=4.0)), k=2)
    assert takes.get(k=2).upstream.value.slope == 4.0


def test_what_a_record_gives_out_is_followed() -> None:
    """An output read of a Record is as good as one that was returned."""
    sim(get_reference.get_or_run(amplitude=5.0).ref_y)
    assert sim.get().amplitude == 5.0


def test_calls_inside_a_body_are_linked_to_each_other() -> None:
    """A body that hands on what one nested call returned to another one links these two."""

    @sweepable.cache
    def whole(amplitude: float) -> float:
        reference = get_reference(amplitude)
        return float(sim(reference["ref_y"], gain=2.0)["peak"])

    @sweepable.cache
    def of_output(y: Any = get_reference["ref_y"]) -> float:
        return float(sim(y, gain=7.0)["peak"])

    assert whole(3.0) == 6.0
    assert edges_of(sim.get(gain=2.0)) == [("passed", "y", "get_reference")]
    record = whole.get()
    assert sorted(edges_of(record)) == [("nested", "get_reference", "get_reference"), ("nested", "sim", "sim")]
    assert record.get_reference == get_reference.get(amplitude=3.0) and record.label == ""
    assert whole.filter(label="").count() == whole.filter(get_reference__label="").count() == 1
    sim(get_reference(3.0, label="other")["ref_y"], gain=2.0)  # the same call of sim, from elsewhere
    record = whole.get()
    assert record.get_reference.label == record.label == ""  # what the body called, it is sure of
    of_output.get_or_run(y__amplitude=4.0)
    assert sim.get(gain=7.0).amplitude == 4.0


def test_async_functions_and_methods_are_linked() -> None:
    """It does not matter how a function is written."""

    @sweepable.cache
    async def fetch(n: int) -> Any:
        return np.arange(float(n))

    @sweepable.cache
    async def reduce(y: Any) -> float:
        return float(y.sum())

    class Lab:
        @sweepable.cache
        def measure(self, y: Any) -> float:
            return float(y.max())

    async def main() -> None:
        for _ in range(2):
            await reduce(await fetch(5))

    asyncio.run(main())
    assert reduce.get().n == 5 and edges_of(reduce.get()) == [("passed", "y", "fetch")]
    Lab().measure(ramp(slope=6.0))
    assert sweepable.find(Lab.measure).get().slope == 6.0


def test_a_wrapped_module_is_linked_and_found_in_another_process(run_script: RunScript) -> None:
    """Functions that know nothing of sweepable, called one after the other by a script, have a pipeline."""
    motor = """
        import numpy as np
        def get_reference(amplitude=1.0):
            return amplitude * np.arange(5.0)
        def simulate(y, gain=1.0):
            return {"peak": float(gain * y.max())}
    """
    run_script(
        """
        import sweepable, motor
        sweepable.wrap(motor, "get_reference", "simulate")
        for amplitude in (1.0, 2.0):
            motor.simulate(motor.get_reference(amplitude), gain=3.0)
        """,
        files={"motor.py": motor},
    )
    done = run_script(
        """
        import sweepable
        found = sweepable.find("simulate")
        print(found.get(y__amplitude=2.0).peak, found.get(amplitude=1.0).get_reference.amplitude)
        print(sorted(found.to_df()["y__amplitude"]))
        """,
        name="other.py",
    )
    assert done.stdout.split("\n")[:2] == ["24.0 1.0", "[1.0, 2.0]"]


def test_sweeps_over_returned_arrays_are_linked_whoever_runs_them(run_script: RunScript) -> None:
    """The points of a sweep that were given what a call returned have it upstream, in this process and in workers."""
    done = run_script(
        """
        import numpy as np, sweepable
        @sweepable.cache
        def ramp(slope): return slope * np.arange(5.0)
        @sweepable.cache
        def peak(y, gain): return float(gain * y.max())
        if __name__ == "__main__":
            arrays = [ramp(slope) for slope in (1.0, 2.0)]
            peak.sweep(y=arrays, gain=[1.0, 2.0], progress=False)
            runs = peak.sweep(y=arrays, gain=[3.0, 4.0], n_jobs=2, progress=False)
            print(peak.filter(y__slope=2.0).count(), sorted(runs.filter(y__slope=2.0).to_df()["value"]))
        """
    )
    assert done.stdout.split("\n")[0] == "4 [24.0, 32.0]"


# -- what is not


def test_a_value_that_was_changed_in_place_is_from_nowhere() -> None:
    """An array that somebody has changed is no longer what the call returned; changed back it is."""
    y = ramp(slope=1.0)
    y[3] = 77.0
    sim(y, gain=1.0)
    assert edges_of(sim.get(gain=1.0)) == []
    y[3] = 3.0
    sim(y, gain=2.0)
    assert edges_of(sim.get(gain=2.0)) == [("passed", "y", "ramp")]
    y[3] = 78.0
    sim(y, gain=3.0)
    assert edges_of(sim.get(gain=3.0)) == []


def test_an_equal_value_from_elsewhere_is_from_nowhere() -> None:
    """A copy, a view or a value made otherwise is not linked, however equal it is: nobody knows where it came from."""
    y = ramp(slope=1.0)
    sim(y.copy(), gain=1.0)
    sim(np.arange(50.0), gain=2.0)
    sim(y[:10], gain=3.0)
    assert [edges_of(rec) for rec in sim.select()] == [[], [], []]


def test_numbers_texts_enums_and_functions_are_not_followed() -> None:
    """What many share, as a number or a member of an enum, tells nothing about where it came from."""
    before = len(passed.ORIGINS)
    assert takes(1) == 1 and sim.get_or_run(np.ones(3)).peak == 1.0

    @sweepable.cache
    def shared(kind: str) -> Any:
        return {"class": Motor, "member": Kind.ONE, "number": 12.5, "text": "x" * 1000, "set": {1, 2}}[kind]

    for kind in ("class", "member", "number", "text", "set"):
        shared(kind)
    assert len(passed.ORIGINS) == before


def test_an_object_that_is_gone_leaves_nothing_behind() -> None:
    """Following values keeps none of them alive, and a new object at an old address is a new object."""
    gc.collect()
    before = len(passed.ORIGINS)
    y = ramp(slope=1.0)
    assert len(passed.ORIGINS) == before + 1
    place = id(y)
    del y
    assert len(passed.ORIGINS) == before and place not in passed.ORIGINS
    for number in range(300):  # some of these get the address of an array that a call returned
        sim(ramp(slope=1.0) * 1.0, gain=float(number))
    assert all(edges_of(rec) == [] for rec in sim.select())


def test_a_call_is_never_upstream_of_itself(store_path: Path) -> None:
    """However values go round, lineage has a beginning: what came from a call is not upstream of it."""

    @sweepable.cache
    def negated(y: Any) -> Any:
        return -y

    @sweepable.cache
    def absolute(y: Any) -> Any:
        return np.abs(y)

    there = negated(np.arange(1.0, 4.0))
    back = negated(there)
    assert np.array_equal(negated(back), there)  # a hit of the first call, given what came from it
    assert lines(store_path) == [("passed", "y")]
    assert [edges_of(rec) for rec in negated.select()] == [[], [("passed", "y", "negated")]]
    again = absolute(absolute(there))
    absolute(absolute(again))
    first, second = absolute.select()  # the second is given what it has returned itself
    assert edges_of(first) == [("passed", "y", "negated")] and edges_of(second) == [("passed", "y", "absolute")]
    assert second.upstream.y == first


# -- several origins


def test_origins_of_equal_bytes_are_told_apart() -> None:
    """Lineage is that of the call and not of its bytes: the value that was given says which call it is from."""
    one, other = get_reference(1.0, label="one")["ref_y"], get_reference(1.0, label="other")["ref_y"]
    sim(one, gain=1.0)
    sim(other, gain=2.0)
    assert (sim.get(gain=1.0).label, sim.get(gain=2.0).label) == ("one", "other")
    assert sim.get(y__label="other").gain == 2.0


def test_a_hit_by_another_origin_adds_it() -> None:
    """A stored call that is given the same value by another call is found by both from then on."""
    sim(get_reference(1.0, label="one")["ref_y"])
    sim(get_reference(1.0, label="other")["ref_y"])
    assert sim.select().count() == 1
    assert sim.filter(y__label="one").count() == sim.filter(y__label="other").count() == 1
    assert sorted(rec.label for rec in sim.get().get_reference) == ["one", "other"]
    assert "y__label" in sim.select().to_df(columns=["gain", "y__label"])  # empty: there is not one call


def test_dimensions_are_what_a_function_was_given_unless_others_are_named() -> None:
    """An array that was passed is an axis as before; what it came from is one where that is asked for."""
    pytest.importorskip("xarray")
    for slope in (1.0, 2.0):
        y = ramp(slope=slope)
        sim(y, gain=1.0)
        sim(y, gain=3.0)
    assert dict(sim.select().to_xarray()["peak"].sizes) == {"y": 2, "gain": 2}
    found = sim.select().to_xarray(dims=["y__slope", "gain"])["peak"]
    assert found.sel(y__slope=2.0, gain=3.0) == 2.0 * 3.0 * 49


FAILS = [True]


def test_a_call_that_is_stored_anew_keeps_the_origins_of_its_values() -> None:
    """A success takes the place of a failure, and both were given the same value."""

    @sweepable.cache(ignore_globals=["FAILS"])
    def fragile(y: Any) -> float:
        if FAILS[0]:
            raise ValueError("not yet")
        return float(y.max())

    FAILS[0] = True
    with pytest.raises(ValueError, match="not yet"):
        fragile(get_reference(1.0, label="one")["ref_y"])
    failed = fragile.filter(info__status="failed").get()
    assert failed.label == "one"
    FAILS[0] = False
    fragile(get_reference(1.0, label="other")["ref_y"])
    assert fragile.filter(y__label="one").count() == fragile.filter(y__label="other").count() == 1


def test_what_another_store_holds_is_not_upstream(tmp_path: Path) -> None:
    """Lineage lies in one store: a value that a call of another one returned is a value."""
    y = ramp(slope=1.0)
    with sweepable.use(tmp_path / "other"):
        sim(y)
        assert edges_of(sim.get()) == []


def test_a_long_chain_of_values_is_walked_to_its_beginning() -> None:
    """Steps that hand on their result a thousand times are one lineage."""

    @sweepable.cache
    def step(y: Any, by: float = 1.0) -> Any:
        return y + by

    for _ in range(2):
        y = ramp(slope=8.0)
        for _ in range(1000):
            y = step(y)
    last = step.select().last()
    assert last is not None and last.slope == 8.0
    assert len(last.lineage().nodes) == 1001
    assert step.filter(slope=8.0).count() == 1 and len(step.select().to_df()) == 1000


def test_hits_are_looked_into_once(store_path: Path) -> None:
    """Once an origin is known, hits write nothing more."""
    y = ramp(slope=1.0)
    sim(y)
    sim(y)
    connection = store_of(sim.get()).connection()
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    for _ in range(5):
        sim(y)
        sim(ramp(slope=1.0))
    connection.set_trace_callback(None)
    assert not [text for text in statements if not text.strip().startswith("SELECT")]
    assert lines(store_path) == [("passed", "y")]


def test_a_read_only_store_serves_hits_and_notes_nothing(run_script: RunScript) -> None:
    """Where nothing can be written, a hit from another origin is a hit, without a word."""
    script = """
        import sys, warnings
        import numpy as np, sweepable
        warnings.simplefilter("error")
        @sweepable.cache
        def ramp(slope, label=""): return slope * np.arange(5.0)
        @sweepable.cache
        def peak(y, k): return float(y.max())
        if sys.argv[1:]:
            sweepable.use("file.db")
            print(peak(ramp(1.0, "b"), 1), [peak.filter(y__label=label, k=1).count() for label in "ab"])
        else:
            peak(ramp(1.0, "a"), 1)
            peak(ramp(1.0, "b"), 2)
            sweepable.export(peak.select(), "file.db")
    """
    run_script(script)
    done = run_script(script, arguments=("read",))
    assert done.stdout.split("\n")[0] == "4.0 [1, 0]" and done.stderr == ""


# -- code that changes

LAB = """
import numpy as np
import sweepable

RAN = []

@sweepable.cache(ignore_globals=["RAN"])
def get_reference(amplitude=1.0):
    RAN.append("reference")
    return amplitude * np.arange(5.0) {offset}

@sweepable.cache(ignore_globals=["RAN"])
def sim(y, gain=1.0):
    RAN.append("sim")
    return {{"peak": float(gain * y.max()), "out": gain * y}}

@sweepable.cache(ignore_globals=["RAN"])
def whole(reference=get_reference):
    RAN.append("whole")
    return sim(reference.value)["peak"]
"""
SCRIPT = """
import sys, json, warnings
warnings.simplefilter("ignore")
import lab
with_run = sys.argv[1] == "run"
if with_run:
    lab.sim(lab.get_reference(amplitude=2.0), gain=3.0)
    lab.whole(lab.get_reference.partial(amplitude=4.0))
sim = lab.sim
print(json.dumps({
    "ran": lab.RAN,
    "all": sim.filter(gain=3.0).count(),
    "current": sim.filter(y__amplitude=2.0).count(),
    "function": sim.filter(get_reference__amplitude=2.0).count(),
    "any": sim.select(version="any").filter(y__amplitude=2.0).count(),
    "not": sim.filter(gain=3.0).exclude(y__amplitude=2.0).count(),
    "column": [str(cell) for cell in sim.filter(gain=3.0).to_df().get("y__amplitude", [])],
    "record": sim.filter(gain=3.0)[0].amplitude,
    "downstream": lab.get_reference.select(version="any").filter(amplitude=2.0).last().downstream(sim).count(),
}))
"""


def lab(run_script: RunScript, offset: str, argument: str = "run") -> Any:
    files = {"lab.py": LAB.format(offset=offset)}
    return json.loads(run_script(SCRIPT, files=files, arguments=(argument,)).stdout)


def test_code_that_yields_other_values_is_not_what_the_stored_call_came_from(run_script: RunScript) -> None:
    """A call that was given an array stays current whatever made the array; a look-up through it asks current code."""
    first = lab(run_script, "")
    assert first["ran"] == ["reference", "sim", "reference", "whole", "sim"]
    assert first["all"] == first["current"] == first["function"] == first["any"] == first["downstream"] == 1
    edited = lab(run_script, "+ 1.0", "look")
    assert edited["all"] == edited["any"] == edited["not"] == 1  # its code and its arguments are what they were
    assert edited["current"] == edited["function"] == edited["downstream"] == 0
    assert edited["column"] in ([], ["nan"]) and edited["record"] == 2.0
    rerun = lab(run_script, "+ 1.0")
    assert rerun["all"] == rerun["any"] == 2 and rerun["current"] == rerun["function"] == 1
    assert sorted(rerun["column"]) == ["2.0", "nan"]
    back = lab(run_script, "", "look")
    assert back["current"] == back["function"] == 1


def test_code_that_yields_the_same_values_becomes_the_origin_by_a_hit(run_script: RunScript) -> None:
    """After a refactoring upstream nothing runs again below it, and what was found is found again."""
    assert lab(run_script, "")["current"] == 1
    edited = lab(run_script, "+ 0.0")
    assert edited["ran"] == ["reference", "reference"]  # neither sim, which has its value, nor whole, by its content
    assert edited["all"] == edited["current"] == edited["function"] == edited["any"] == edited["downstream"] == 1
    assert edited["column"] == ["2.0"] and edited["record"] == 2.0


def test_what_a_body_found_by_names_is_not_taken_over_once_names_have_changed(
    run_script: RunScript, store_path: Path
) -> None:
    """A later origin changes what a Record shows by name, so a result that read names is not handed on."""
    script = """
        import sys, json, warnings
        import numpy as np, sweepable
        warnings.simplefilter("ignore")
        RAN = []
        @sweepable.cache
        def ramp(slope, label=""): return slope * np.arange(5.0)
        @sweepable.cache
        def sim(y): return {"peak": float(y.max())}
        @sweepable.cache(ignore_globals=["RAN"])
        def reads(result=sim):
            RAN.append(1)
            return str(result.upstream.y)
        sim(ramp(1.0, "a"))
        reads(sim.get_or_run(ramp(1.0, "a")))
        if sys.argv[1:]:
            sim(ramp(1.0, "b"))
    """
    run_script(script)
    query = "SELECT f.name, c.content_named IS NULL FROM _calls c JOIN _functions f ON f.id = c.function"

    def unnamed() -> set[Any]:
        connection = sqlite3.connect(store_path / "index.db")
        found = set(connection.execute(query).fetchall())
        connection.close()
        return found

    assert unnamed() == {("ramp", 0), ("reads", 0), ("sim", 0)}
    run_script(script, arguments=("again",))
    assert unnamed() == {("ramp", 0), ("reads", 1), ("sim", 1)}


# -- names


def test_a_field_of_a_config_object_comes_before_a_parameter_of_the_call_that_made_it() -> None:
    """`motor__inertia` is what the function was given; what made it is found by the function's name."""

    @sweepable.cache
    def make_motor(inertia: float = 1.0, scale: float = 1.0) -> Motor:
        return Motor(inertia * scale, "linear")

    @sweepable.cache
    def spin(motor: Motor) -> float:
        return motor.inertia

    spin(make_motor(inertia=2.0, scale=10.0))
    assert spin.filter(motor__inertia=20.0).count() == 1 and spin.filter(motor__inertia=2.0).count() == 0
    assert spin.filter(make_motor__params__inertia=2.0).count() == spin.filter(motor__scale=10.0).count() == 1
    record = spin.get()
    assert record.motor__inertia == 20.0 and record.make_motor.params.inertia == 2.0
    table = spin.select().to_df()
    assert table["motor__inertia"].tolist() == [20.0] and table["motor__scale"].tolist() == [10.0]
    assert list(table.columns).count("motor__inertia") == 1


def test_a_parameter_that_was_given_calls_and_values_is_found_by_both() -> None:
    """Records and values may stand for one parameter in different calls: one look-up asks both."""

    @sweepable.cache
    def either(y: Any = ramp["value"], gain: float = 1.0) -> float:
        return float(gain * y.max())

    either.get_or_run(y__slope=2.0, gain=1.0)
    either(ramp(slope=2.0), gain=2.0)
    either(ramp(slope=3.0), gain=3.0)
    assert sorted(rec.gain for rec in either.filter(y__slope=2.0)) == [1.0, 2.0]
    assert sorted(rec.gain for rec in either.filter(slope__gt=1.0)) == [1.0, 2.0, 3.0]
    table = either.select().order_by("gain").to_df()
    assert table["y__slope"].tolist() == [2.0, 2.0, 3.0]


def test_forgetting_goes_along_and_values_stay_right() -> None:
    """What came from a call by a value is forgotten with it if that is asked for; else it only loses its origin."""
    run_all()
    get_reference.filter(amplitude=1.0).forget().apply()
    assert sim.filter(gain=3.0).count() == 2 and sim.filter(amplitude=1.0).count() == 0
    get_reference.filter(amplitude=2.0).forget(downstream=True).apply()
    assert sim.filter(gain=3.0).count() == 1


def test_threads_keep_their_values_apart() -> None:
    """Many threads may call and hand on at once: each call has its own origin."""
    ready = threading.Barrier(4)

    def work(number: int) -> None:
        ready.wait()
        for step in range(20):
            sim(ramp(slope=float(100 * number + step)), gain=float(number + 1))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    found = list(sim.select())
    assert len(found) == 80
    assert all(rec.slope // 100 == rec.gain - 1 and rec.peak == rec.gain * rec.slope * 49 for rec in found)


def test_a_class_that_resists_costs_nothing_but_its_lineage() -> None:
    """Whatever a class of the user's does when it is looked at, the value comes back."""

    class Resists(type):
        def __getattr__(cls, name: str) -> Any:
            raise RuntimeError("do not look")

    class Odd(metaclass=Resists):
        pass

    passed.register(Odd(), "0" * 64, store_of(sim.get_or_run(np.ones(2))))
    assert passed.given([("x", Odd(), b"")]) == []
