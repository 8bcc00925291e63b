"""Queries beyond one ``filter``: Q, near, regex, values, slices, unions, indexes, and what is kept between two."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
import re
import sqlite3
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from sweepable import AmbiguousName, NoCallFound, Q, Query, SweepableError, UnknownName, near
from sweepable.store import indexes


@sweepable.cache(peak=float)
def reference(amplitude: float = 1.0, shape: str = "sine") -> float:
    return amplitude


@sweepable.cache(last=float)
def simulate(ref: Any = reference, gain: float = 2.0, damping: float = 0.1) -> float:
    return float(ref.peak * gain - damping)


@sweepable.cache(rms=float, label=str)
def evaluate(sim: Any = simulate, weight: float = 1.0) -> tuple[float, str]:
    return float(sim.last * weight), f"run {sim.last * weight:.1f}"


def fill() -> None:
    evaluate.sweep(amplitude=[1.0, 2.0], gain=[1.0, 2.0, 3.0], weight=[1.0, 10.0], progress=False)


# -- Q


def test_q_joins_look_ups_as_sets_are_joined() -> None:
    """``|`` is either, ``&`` both, ``~`` the others; through upstreams and on outputs, nested at will."""
    fill()
    everything = set(evaluate.select())
    a, b, c = Q(gain=1.0), Q(reference__amplitude=2.0, weight=10.0), Q(rms__lt=5.0)
    sets = {q: set(evaluate.filter(q)) for q in (a, b, c)}
    assert sets[a] and sets[b] and sets[c] and len(everything) == 12
    assert set(evaluate.filter(a | b)) == sets[a] | sets[b]
    assert set(evaluate.filter(a & b)) == sets[a] & sets[b] == set(evaluate.filter(a, b))
    assert set(evaluate.filter(~a)) == everything - sets[a] == set(evaluate.select().exclude(a))
    assert set(evaluate.filter(~(a | b) & c)) == (everything - sets[a] - sets[b]) & sets[c]
    assert set(evaluate.filter(~(a & ~b) | c)) == (everything - (sets[a] - sets[b])) | sets[c]
    assert set(evaluate.filter(a | b, weight=1.0)) == {rec for rec in sets[a] | sets[b] if rec.weight == 1.0}
    assert set(evaluate.select().exclude(a | b, weight=1.0)) == everything - set(evaluate.filter(a | b, weight=1.0))
    assert set(evaluate.filter(~~a)) == sets[a]


def test_a_q_that_says_nothing_narrows_nothing() -> None:
    """An empty Q is where one begins to join them."""
    fill()
    wanted = Q()
    for gain in (1.0, 3.0):
        wanted |= Q(gain=gain)
    assert evaluate.filter(wanted).count() == 8 and evaluate.filter(Q()).count() == 12
    assert evaluate.filter(Q() & Q(gain=1.0)).count() == 4


def test_a_q_pickles_and_reads_as_it_is_written() -> None:
    """It is shown in a query and in its errors."""
    fill()
    q = (Q(gain=1.0) | Q(weight__gt=5.0)) & ~Q(amplitude=2.0)
    assert repr(q) == "((Q(gain=1.0) | Q(weight__gt=5.0)) & ~(Q(amplitude=2.0)))"
    back = pickle.loads(pickle.dumps(q))
    assert set(evaluate.filter(back)) == set(evaluate.filter(q))
    assert "with ((gain=1.0 or weight__gt=5.0) and not amplitude=2.0)" in repr(evaluate.filter(q))
    with pytest.raises(NoCallFound, match=r"with \(gain=7.0 or gain=8.0\)"):
        evaluate.get(Q(gain=7.0) | Q(gain=8.0))


def test_what_is_wrong_in_a_q_is_an_error_where_it_is_given() -> None:
    """Names as in ``filter``, and nothing but Qs and names."""
    fill()
    with pytest.raises(UnknownName, match="did you mean 'sim__gain'"):
        evaluate.filter(Q(weight=1.0) | ~Q(gian=1.0))
    with pytest.raises(TypeError, match="Q takes look-ups by name"):
        Q({"gain": 1.0})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Q takes look-ups by name"):
        evaluate.filter({"gain": 1.0})  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Q(gain=1.0) | True  # type: ignore[operator]


def test_status_in_a_q_looks_at_failed_calls_too() -> None:
    """As in ``filter``: what is asked for is found."""

    @sweepable.cache
    def inverse(x: float) -> float:
        return 1.0 / x

    inverse.sweep(x=[0.0, 1.0, 2.0], progress=False)
    assert inverse.filter(Q(info__status="failed") | Q(x=2.0)).count() == 2


# -- near and regex


def test_near_finds_floats_within_a_tolerance() -> None:
    """Relative by default, absolute where asked for; one or any of a list; numbers only."""

    @sweepable.cache
    def echo(x: Any) -> Any:
        return x

    for value in (0.1 + 0.2, 0.3, 0.31, 3, 0.0, 1e-12, 2e-12, -0.3, True, "0.3", None, float("nan")):
        echo(value)

    def found(**lookups: Any) -> list[Any]:
        return [rec.x for rec in echo.filter(**lookups).order_by("x")]

    assert found(x__near=0.3) == [0.3, 0.1 + 0.2] == found(x=near(0.3))
    assert found(x__near=[0.31, 3.0]) == [0.31, 3] == found(x__near=np.array([0.31, 3.0]))
    assert found(x=near(0.3, atol=0.02)) == [0.3, 0.1 + 0.2, 0.31] and found(x=near(-0.3, rtol=0.1)) == [-0.3]
    assert (
        found(x__near=1e-12) == [1e-12]
        and found(x__near=0) == [0.0]
        and found(x=near(0, atol=1e-9)) == [0.0, 1e-12, 2e-12]
    )
    assert len(found(x__ne=near(0.3))) == 10 and found(x__near=[]) == []
    for wrong in ("0.3", True, None, [0.3, "x"]):
        with pytest.raises(SweepableError, match="near takes numbers"):
            echo.filter(x__near=wrong)
    with pytest.raises(SweepableError, match="rtol is a number from 0 on"):
        near(0.3, rtol=-1.0)


def test_regex_searches_texts() -> None:
    """As ``re.search`` does, patterns with flags included; a bad pattern is an error at once."""
    fill()
    assert {rec.label for rec in evaluate.filter(label__regex=r"^run \d\.9$")} == {
        "run 0.9",
        "run 1.9",
        "run 2.9",
        "run 3.9",
        "run 5.9",
    }
    assert (
        evaluate.filter(label__regex=re.compile("RUN 0", re.I)).count()
        == evaluate.filter(label__regex="run 0").count()
        > 0
    )
    assert evaluate.filter(reference__shape__regex="s.ne").count() == 12
    assert evaluate.filter(weight__regex="1").count() == 0
    with pytest.raises(SweepableError, match=r"'\(' is no regular expression"):
        evaluate.filter(label__regex="(")
    with pytest.raises(SweepableError, match="regex needs a pattern, got int"):
        evaluate.filter(label__regex=3)


# -- choosing


def test_the_best_are_found_by_value() -> None:
    """``nsmallest`` and ``nlargest``, also by what is upstream; calls without a value are none of them."""
    fill()

    @sweepable.cache(y=None)
    def echo(x: int, value: Any) -> Any:
        return value

    for number, value in enumerate([2.0, None, 1, float("nan"), 3]):
        echo(number, value)
    assert [rec.y for rec in echo.select().nsmallest(2, "y")] == [1, 2.0]
    assert [rec.y for rec in echo.select().nlargest(9, "y")] == [3, 2.0, 1]
    assert evaluate.select().nlargest(1, "rms").get().rms == max(rec.rms for rec in evaluate.select())
    assert [rec.gain for rec in evaluate.filter(weight=1.0).nlargest(2, "gain", "reference__amplitude")] == [3.0, 3.0]
    with pytest.raises(TypeError, match="by which value"):
        evaluate.select().nsmallest(3)


def test_values_are_those_of_the_calls_in_order() -> None:
    """One name gives values, several give tuples; own and upstream, and of the call's ``info``; types as they were."""
    fill()
    runs = evaluate.filter(weight=1.0, amplitude=1.0).order_by("-gain")
    assert runs.values("gain") == [3.0, 2.0, 1.0] == [rec.gain for rec in runs]
    assert runs.values("rms", "sim__ref__amplitude") == [(rec.rms, rec.amplitude) for rec in runs]
    assert runs.limit(2).values("info__key") == [rec.info.key for rec in runs][:2]
    assert evaluate.select().distinct("gain") == [1.0, 2.0, 3.0]
    assert evaluate.select().distinct("reference__amplitude", "weight") == [
        (1.0, 1.0),
        (1.0, 10.0),
        (2.0, 1.0),
        (2.0, 10.0),
    ]
    with pytest.raises(UnknownName, match="did you mean 'sim__gain'"):
        runs.values("gian")
    with pytest.raises(TypeError, match="which values"):
        runs.values()


def test_values_that_no_table_holds_are_those_of_the_calls() -> None:
    """An array as a parameter comes as the array; of equal ones, ``distinct`` gives one."""

    @sweepable.cache(total=float)
    def add(data: Any, flag: Any = True) -> float:
        return float(np.sum(data))

    for data, flag in (([1.0, 2.0], True), ([1.0, 2.0], 1), ([5.0, 5.0], 1.0)):
        add(np.array(data), flag)
    first, second, third = add.select().values("data")
    assert first.tolist() == second.tolist() == [1.0, 2.0] and third.tolist() == [5.0, 5.0]
    assert [data.tolist() for data in add.select().order_by("total").distinct("data")] in (
        [[1.0, 2.0], [5.0, 5.0]],
        [[5.0, 5.0], [1.0, 2.0]],
    )
    assert sorted(map(repr, add.select().distinct("flag"))) == ["1", "True"]


# -- parts and unions


def test_a_slice_is_a_query() -> None:
    """Lazy and chainable, whichever way it is cut; a negative index counts from the end."""
    fill()
    runs = evaluate.select().order_by("rms")
    ids = [rec.info.key for rec in runs]
    for part in (
        slice(2, 5),
        slice(None, 3),
        slice(4, None),
        slice(0, 0),
        slice(5, 2),
        slice(-3, None),
        slice(None, None, 2),
        slice(None, None, -1),
    ):
        found = runs[part]
        assert isinstance(found, Query) and [rec.info.key for rec in found] == ids[part], part
    assert [rec.info.key for rec in runs[2:9][1:4]] == ids[2:9][1:4] and [
        rec.info.key for rec in runs[2:].limit(2)
    ] == ids[2:4]
    assert runs[2:8].filter(weight=1.0).count() == sum(rec.weight == 1.0 for rec in list(runs)[2:8])
    assert runs[2:4].count() == 2 and len(runs[2:4].to_df()) == 2 and runs[10:].exists() and not runs[12:].exists()


def test_a_union_has_each_call_once() -> None:
    """Of one function; each side keeps its own limit, order by id; what follows applies to the whole."""
    fill()
    low, high = evaluate.select().nsmallest(3, "rms"), evaluate.filter(gain=1.0)
    both = low | high
    assert set(both) == set(low) | set(high) and both.count() == len(set(low) | set(high)) < 3 + high.count()
    assert set(both.filter(weight=1.0)) == {rec for rec in both if rec.weight == 1.0}
    assert (both | evaluate.select()).count() == 12 and (low | low).count() == 3
    old = evaluate.select(version="any")
    assert set(low | old) == set(old)
    runs = evaluate.sweep(gain=[2.0], amplitude=[2.0], progress=False)
    assert set(runs | low) == set(runs) | set(low)
    with pytest.raises(SweepableError, match="only calls of one function"):
        evaluate.select() | simulate.select()
    with pytest.raises(TypeError):
        evaluate.select() | [1]  # type: ignore[operator]


# -- indexes


def test_indexes_come_where_queries_ask_for_them(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large table gets one for a column that is looked up, and for the way upstream; answers stay what they were."""
    fill()
    wanted = {"gain": 2.0, "reference__amplitude__lt": 1.5, "weight": 1.0}
    before = list(evaluate.filter(**wanted))
    monkeypatch.setattr(indexes, "SMALLEST", 2)
    assert list(evaluate.filter(**wanted)) == before and len(before) == 1
    with sqlite3.connect(store_path / "index.db") as c:
        names = {
            name
            for (name,) in c.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%\\_\\_by\\_\\_%' ESCAPE '\\'")
        }
    own, further = {"evaluate__by__weight"}, {"simulate__by__gain", "reference__by__amplitude"}
    assert names == own | further | {"evaluate__by__sim_id", "simulate__by__ref_id"}
    evaluate.get_or_run(gain=2.0, amplitude=1.25)
    assert evaluate.filter(**wanted).count() == 2


def test_a_store_that_cannot_be_written_is_asked_without(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No index is made and nothing fails."""
    fill()
    monkeypatch.setattr(indexes, "SMALLEST", 2)
    script = (
        "import sweepable, sys\n"
        f"with sweepable.use({str(store_path)!r}):\n"
        "    print(sweepable.find('evaluate', weight=1.0).count())\n"
    )
    index = store_path / "index.db"
    store_path.chmod(0o500), index.chmod(0o400)
    try:
        out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    finally:
        store_path.chmod(0o700), index.chmod(0o600)
    assert out.stdout.strip() == "6"


# -- what is kept of the tables between queries


def test_a_query_sees_what_other_processes_write(store_path: Path) -> None:
    """What has been read of functions and their names is read again once anything is written."""
    assert reference.filter(amplitude=4.0).count() == 0
    reference(1.0)
    assert reference.filter(amplitude=4.0).count() == 0
    with sqlite3.connect(store_path / "index.db") as c:
        c.execute("UPDATE reference SET amplitude = 4.0")
    assert reference.filter(amplitude=4.0).count() == 1


def test_a_query_sees_code_that_is_redefined() -> None:
    """Between two queries of one process, without a call in between."""

    def define(factor: int) -> Any:
        namespace: dict[str, Any] = {"sweepable": sweepable, "__name__": "lab"}
        exec(f"@sweepable.cache\ndef scaled(x=1.0):\n    return {factor} * x", namespace)
        return namespace["scaled"]

    first = define(2)
    first(1.0)
    assert first.select().count() == 1
    second = define(3)
    with pytest.warns(sweepable.StaleResults):
        assert second.select().count() == 0
    assert define(2).select().count() == 1


FACTOR = 2.0


@sweepable.cache
def by_global(x: float = 1.0) -> float:
    return FACTOR * x


@sweepable.cache
def below(up: Any = by_global) -> float:
    return float(up.value)


def test_a_query_sees_a_constant_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own, and that of what is upstream."""
    below()
    assert by_global.select().count() == below.select().count() == 1
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 3.0)
    with pytest.warns(sweepable.StaleResults):
        assert by_global.select().count() == below.select().count() == 0
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 2.0)
    assert by_global.select().count() == below.select().count() == 1


def test_one_statement_serves_values_of_other_kinds() -> None:
    """After a look-up by one value comes one by a value of another type, size or form: each finds its own."""

    @sweepable.cache
    def echo(x: Any) -> Any:
        return x

    values = [1, 2.0, 2.5, "a", "größe", True, None, 2**70, -(2**63), float("inf"), "a" * 2000, (1, 2), b"a"]
    for value in values:
        echo(value)
    for _ in range(2):
        for value in values:
            assert echo.filter(x__exact=value).values("x") == [value], value
        assert echo.filter(x__lt=2).values("x") == [1, -(2**63)]
        assert echo.filter(x__lt=float("inf")).values("x") == [1, 2.0, 2.5, 2**70, -(2**63)]
        assert echo.filter(x__lt="b").values("x") == ["a", "a" * 2000][: echo.filter(x__lt="b").count()]
        assert echo.filter(x__gte=2**64).values("x") == [2**70, float("inf")]
        assert echo.filter(x__in=[1, 2**70, float("inf"), 2.5]).order_by("-x").values("x") == [
            float("inf"),
            2**70,
            2.5,
            1,
        ]
        assert echo.filter(x=[1, "a"]).values("x") == [1, "a"]
    with pytest.raises(AmbiguousName):
        compare().filter(amplitude=1.0)


def compare() -> Any:
    @sweepable.cache
    def compared(sim: Any = simulate, target: Any = reference) -> float:
        return float(sim.last - target.peak)

    compared.get_or_run()
    return compared


# -- the form of arrays


@sweepable.cache
def ramp(length: int = 3, kind: str = "float64") -> Any:
    return {"ramp_t": np.arange(length), "ramp_y": np.zeros((length, 2), kind), "top": length - 1}


@sweepable.cache(mean=float)
def averaged(source: Any = ramp) -> float:
    return float(source.ramp_y.mean())


def test_arrays_are_found_by_shape_and_dtype() -> None:
    """Of the function's own outputs and of those upstream; a list means any; nothing is loaded for it."""
    averaged.sweep(source__length=[3, 5], source__kind=["float64", "int8"], progress=False)
    assert ramp.filter(ramp_y__shape=(3, 2)).values("kind") == ["float64", "int8"]
    assert ramp.filter(ramp_t__shape=5).count() == 2 == ramp.filter(ramp_t__shape=(np.int64(5),)).count()
    assert (
        ramp.filter(ramp_y__dtype=np.int8).values("length")
        == [3, 5]
        == ramp.filter(ramp_y__dtype="i1").values("length")
    )
    assert ramp.filter(ramp_y__dtype=[float, "int8"], ramp_y__shape__in=[(3, 2), (9, 9)]).count() == 2
    assert ramp.filter(ramp_y__dtype__ne="int8").count() == 2 and ramp.filter(ramp_y__shape__isnull=False).count() == 4
    assert ramp.filter(top__shape__isnull=True).count() == 4 and ramp.filter(top__shape=()).count() == 0
    assert averaged.filter(source__ramp_y__shape=(5, 2), source__ramp_y__dtype=float).count() == 1
    assert averaged.filter(~Q(ramp_y__dtype=float)).count() == 2
    assert sorted(averaged.select().to_df().columns) == ["mean", "source__kind", "source__length", "source__top"]
    with pytest.raises(SweepableError, match=r"ramp_y__shape is a tuple of ints, such as \(1001, 3\); got 'x'"):
        ramp.filter(ramp_y__shape="x")
    with pytest.raises(SweepableError, match="ramp_y__shape has no look-up 'lt'"):
        ramp.filter(ramp_y__shape__lt=3)
    with pytest.raises(UnknownName, match="'length' has no look-up 'shape'"):
        ramp.filter(length__shape=3)


def test_the_form_of_an_output_that_nobody_has_seen() -> None:
    """Of a function that never ran nothing is found, with a warning, as for its other outputs."""

    @sweepable.cache
    def never(x: float = 1.0) -> Any:
        return np.zeros(3)

    with pytest.warns(sweepable.UnknownOutput):
        assert never.filter(y__shape=(3,)).count() == 0


# -- what reading the change showed


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
def test_a_version_is_not_taken_for_a_value_that_was_asked_for_before() -> None:
    """``version=`` says which code, also where the same look-up was answered under the current one."""

    def define(factor: int) -> Any:
        namespace: dict[str, Any] = {"sweepable": sweepable, "__name__": "lab"}
        exec(f"@sweepable.cache\ndef grown(x=1.0):\n    return {factor} + x", namespace)
        return namespace["grown"]

    define(0)(1.0)
    now = define(100)
    now(1.0), now(2.0)
    for _ in range(2):
        assert now.get(x=1.0, version="current").value == 101.0 == now.get(x=1.0).value
        assert now.get(version="current", x=2.0).value == 102.0
        assert now.get(x=1.0, version="v1").value == 1.0 == now.get(version="v1", x=1.0).value
        with pytest.raises(sweepable.SeveralCallsFound):
            now.get(x=1.0, version="any")
        with pytest.raises(UnknownName):
            now.get(x=1.0, version="nonsense")


@pytest.mark.filterwarnings("ignore::sweepable.StaleResults")
def test_what_a_limit_left_stays_what_it_was() -> None:
    """Narrowed by a version or a tag, the limited query is of the code that it saw."""

    def define(factor: int) -> Any:
        namespace: dict[str, Any] = {"sweepable": sweepable, "__name__": "lab"}
        exec(f"@sweepable.cache\ndef grown(x=1.0):\n    return {{'out': {factor} + x}}", namespace)
        return namespace["grown"]

    before = define(0)
    before.sweep(x=[1.0, 2.0], progress=False)
    before.select().tag("old")
    now = define(100)
    now.sweep(x=[1.0, 2.0, 3.0], progress=False)
    two = now.select().order_by("out").limit(2)
    assert two.filter(version="any").values("out") == [101.0, 102.0]
    assert two.filter(info__tag="old").count() == 0


def test_functions_of_one_name_are_not_joined() -> None:
    """A union is of one function, and not of two that only share their name."""

    def define(home: str, factor: int) -> Any:
        namespace: dict[str, Any] = {"sweepable": sweepable, "__name__": home}
        exec(f"@sweepable.cache\ndef shared(x=0.0):\n    return {factor} * x", namespace)
        return namespace["shared"]

    one, other = define("lab_a", 2), define("lab_b", 3)
    one(1.0), other(1.0)
    with pytest.raises(SweepableError, match="only calls of one function"):
        one.select() | other.select()


def test_thousands_of_conditions_are_one_query() -> None:
    """As many values for ``near`` and as many Qs as somebody makes in a loop."""
    fill()
    assert evaluate.filter(weight__near=[1.0 + 1e-3 * n for n in range(3000)]).count() == 6
    either, every = Q(), Q()
    for n in range(1500):
        either |= Q(weight=1.0 + n)
        every &= ~Q(weight=10.0 + n)
    assert evaluate.filter(either).count() == 12 and evaluate.filter(every).count() == 6


def test_one_output_is_told_from_another_in_what_is_upstream_of_a_parameter() -> None:
    """A look-up by ``f["output"]``, below the root as well."""

    @sweepable.cache
    def pair(n: int = 1) -> Any:
        return {"a": n, "b": -n}

    @sweepable.cache
    def takes(v: Any = pair["a"]) -> int:
        return int(v)

    @sweepable.cache
    def above(t: Any = takes) -> int:
        return int(t.value)

    above.get_or_run(), above.get_or_run(t__v=pair["b"])
    assert above.filter(t__v=pair["b"]).values("value") == [-1] == above.filter(~Q(t__v=pair["a"])).values("value")


def test_texts_that_sqlite_cannot_hold_are_looked_for() -> None:
    """And are not found: no error of another library."""
    fill()
    for lookup in ("exact", "contains", "startswith", "endswith", "regex"):
        assert evaluate.filter(**{f"label__{lookup}": "\ud800"}).count() == 0
    assert evaluate.filter(weight=near(float("inf"))).count() == 0


# -- what a sceptical reader found


def test_values_are_ordered_by_what_they_are() -> None:
    """Durations, decimals and fractions by value and not by their text; what is missing comes last, NaT too."""

    @sweepable.cache
    def held(k: Any) -> Any:
        return k

    def ordered(*values: Any) -> list[Any]:
        for value in values:
            held(value)
        found = held.filter(k__in=list(values)).order_by("k").values("k")
        assert len(found) == len(values)
        return found

    days = [dt.timedelta(seconds=seconds) for seconds in (9, 864_000, 100, -5)]
    assert ordered(*days) == sorted(days)
    decimals = [Decimal(text) for text in ("9", "10", "-5", "-50", "0.5")]
    assert ordered(*decimals) == sorted(decimals)
    assert ordered(Fraction(1, 2), Fraction(1, 3), Fraction(10, 3)) == [Fraction(1, 3), Fraction(1, 2), Fraction(10, 3)]
    large = [2**70 + 1, 2**70, -(2**63) - 1, -(2**63), 2**70 + 2, 10**400, 2**63]
    assert ordered(*large) == sorted(large)
    times = [np.datetime64("2020-01-02T00", "s"), np.datetime64("NaT", "s"), np.datetime64("2020-01-01T00", "s")]
    assert np.isnat(ordered(*times)[-1])
    assert held.filter(k__isnull=True).count() == 1
    assert held.filter(k__in=days).order_by("-k").values("k") == sorted(days, reverse=True)
    assert held.select().nsmallest(1, "k").values("k") == [-(2**63) - 1]


def test_long_texts_are_searched() -> None:
    """As far as arguments are kept at all."""

    @sweepable.cache
    def log(n: int) -> Any:
        return {"msg": "error: " + "x" * n}

    for n in (10, 2000, 50_000):
        log(n)
    assert log.filter(msg__startswith="error").values("n") == [10, 2000, 50_000]
    assert log.select().exclude(msg__contains="error").count() == 0


def test_a_regular_expression_meets_values_of_all_kinds() -> None:
    """Excluded or not: what is no text does not match."""

    @sweepable.cache
    def held(k: Any) -> Any:
        return k

    for value in ("euler", "rk4", None, 1, True, float("nan"), (1, 2)):
        held(value)
    assert held.filter(k__regex="^e").values("k") == ["euler"]
    assert held.filter(~Q(k__regex="^e")).count() == 6 == held.select().exclude(k__regex="^e").count()


def test_what_is_no_value_is_refused() -> None:
    """Errors of ours, at once, that say what to write."""
    fill()
    with pytest.raises(SweepableError, match=r"near takes the list itself"):
        evaluate.filter(weight=[near(3.0)])
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(Q(weight=1.0) and Q(weight=2.0))
    for wrong in (2.5, "3", None, 10**30, True):
        with pytest.raises(ValueError, match="limit needs a number of calls"):
            evaluate.select().limit(wrong)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="did you mean 'reference__amplitude'"):
        evaluate.filter(reference__amplitud=2)
    with pytest.raises(SweepableError, match="a call may have several tags"):
        evaluate.select().to_df(["info__tag"])


def test_hundreds_of_queries_are_joined() -> None:
    """In a loop; a copy of a query is the query."""
    fill()
    found = evaluate.filter(weight=99.0)
    for n in range(300):
        found = found | evaluate.filter(weight=float(n))
    assert found.count() == 12
    query = evaluate.filter(weight=1.0)
    assert copy.copy(query) is query and copy.deepcopy([query])[0] is query


def test_days_are_found_as_they_were_given() -> None:
    """By NumPy's day, one or in a list, as a call was given it and as a sweep made a date of it."""

    @sweepable.cache
    def on(day: Any) -> str:
        return str(day)

    first, second = np.datetime64("2020-01-01"), np.datetime64("2020-01-02")
    on(first)
    on.sweep(day=[second], progress=False)
    assert on.filter(day=first).count() == on.filter(day__in=[first]).count() == 1
    assert on.filter(day=[first, second]).count() == 2 == on.filter(day=np.array([first, second])).count()
    assert on.filter(day=dt.date(2020, 1, 2)).count() == 1 == on.filter(day=second).count()
