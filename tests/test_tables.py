"""Tables: values as they were computed, one row per call, columns that can be looked up by their own names."""

from __future__ import annotations

import datetime as dt
import enum
import itertools
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sweepable
from sweepable import frames, parquet
from sweepable.record import store_of


@sweepable.cache
def reference(amplitude: float = 1.0) -> dict[str, Any]:
    return {"ref_y": np.full(3, amplitude), "peak": amplitude}


@sweepable.cache(out_traj=np.ndarray, last=float)
def simulate(ref: Any = reference, gain: float = 2.0) -> tuple[Any, float]:
    return ref.ref_y * gain, float(ref.peak * gain)


@sweepable.cache(rms=float)
def evaluate(sim: Any = simulate, weight: float = 1.0) -> float:
    return float(sim.last * weight)


_NUMBERS = itertools.count()


def echoed(*values: Any) -> pd.DataFrame:
    """The table of a function that returned these values, one by one."""

    def echo(n: int, value: Any) -> Any:
        return {"y": value}

    echo = sweepable.cache(echo, y=None, ignore=["value"], name=f"echo_{next(_NUMBERS)}", version="1")
    for n, value in enumerate(values):
        echo(n, value)
    frame = echo.select().to_df()
    assert frame["n"].tolist() == list(range(len(values)))
    return frame


def test_own_names_are_bare_and_upstream_ones_are_paths() -> None:
    """Parameters, what is upstream of them, then outputs; arrays and upstream calls take no column."""
    runs = evaluate.sweep(gain=[1.0, 3.0], amplitude=[2.0, 4.0], progress=False)
    frame = runs.to_df()
    assert list(frame) == ["weight", "sim__gain", "sim__ref__amplitude", "sim__ref__peak", "sim__last", "rms"]
    assert frame["rms"].tolist() == [2.0, 4.0, 6.0, 12.0]
    assert frame["sim__ref__amplitude"].tolist() == [2.0, 4.0, 2.0, 4.0]
    means = frame.groupby("sim__gain")["rms"].agg(["mean", "max"])
    assert means["mean"].tolist() == [3.0, 9.0] and means["max"].tolist() == [4.0, 12.0]


def test_a_columns_name_is_a_look_up_for_its_values() -> None:
    """Whatever stands in a column finds its rows by the column's own name, orders them, and is read by it."""
    evaluate.sweep(gain=[1.0, 3.0], amplitude=[2.0, 4.0], weight=[1.0, 5.0], progress=False)
    frame = evaluate.select().to_df()
    for name in frame:
        for value in frame[name].unique():
            assert evaluate.filter(**{str(name): value}).count() == (frame[name] == value).sum()
        ordered = evaluate.select().order_by(str(name)).to_df()[name].tolist()
        assert ordered == sorted(frame[name].tolist())
        assert [rec[str(name)] for rec in evaluate.select()] == frame[name].tolist()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, 3], "int64"),
        ([1.5, 2.0], "float64"),
        ([True, False], "bool"),
        ([2**62 + 1, -(2**62) - 1], "int64"),
        ([1, None, 2**60 + 1], "Int64"),
        ([2**70, 1, -(2**70)], "object"),
        ([2**60 + 1, 0.5], "object"),
        ([1, 0.5], "float64"),
        ([True, None], "boolean"),
        ([True, 1, 1.0, "1", None], "object"),
        ([None, None], "object"),
        ([1 + 2j, 3.0], "complex128"),
    ],
)
def test_values_come_back_as_they_were_computed(values: list[Any], dtype: str) -> None:
    """Ints stay ints however large, also beside a None; bools stay bools; nothing is rounded."""
    column = echoed(*values)["y"]
    assert column.dtype == dtype
    assert [None if found is pd.NA else found for found in column] == values
    if dtype == "object":
        assert [type(found) for found in column] == [type(value) for value in values]


def test_missing_floats_are_nan() -> None:
    """NaN stays NaN, and a None among floats is one."""
    column = echoed(1.0, math.nan, None)["y"]
    assert column.dtype == float and column.isna().tolist() == [False, True, True]


def test_texts_dates_and_paths_come_back() -> None:
    """Strings, also odd ones; datetimes as a datetime column; the rest as Python objects."""
    text = echoed("a", "", "größe", "\udc80", None)["y"].tolist()
    assert text[:4] == ["a", "", "größe", "\udc80"]
    dates = echoed(dt.datetime(2026, 1, 2, 3), pd.Timestamp("2026-01-03"), None)["y"]
    assert dates.dtype.kind == "M" and dates.iloc[1] == pd.Timestamp("2026-01-03") and pd.isna(dates.iloc[2])
    mixed = echoed(dt.datetime(2026, 1, 2), dt.datetime(2026, 1, 2, tzinfo=dt.UTC), Path("a"), dt.date(1, 1, 1))["y"]
    assert mixed.tolist()[2:] == [Path("a"), dt.date(1, 1, 1)]
    assert mixed[0].tzinfo is None and mixed[1].tzinfo is not None
    assert echoed(dt.timedelta(seconds=3), dt.timedelta(0))["y"].tolist() == [dt.timedelta(seconds=3), dt.timedelta(0)]
    assert echoed(b"raw", 5)["y"].tolist() == [b"raw", 5]


def test_an_argument_that_is_no_scalar_shows_as_a_summary() -> None:
    """Arrays among the parameters are told apart by look-ups and groupby; the table says what they are."""

    @sweepable.cache(y=float)
    def total(data: Any, scale: float = 1.0) -> float:
        return float(np.sum(data) * scale)

    total(np.ones(3)), total(np.ones((2, 2))), total(np.ones(3), 2.0), total(np.zeros(3))
    shown = total.select().to_df()["data"].tolist()
    assert [text.partition(" #")[0] for text in shown[:2]] == ["ndarray float64 (3,)", "ndarray float64 (2, 2)"]
    assert shown[2] == shown[0] != shown[3]


def test_an_output_that_is_a_scalar_only_sometimes() -> None:
    """The column shows the scalar where there is one, and what the others are."""
    assert echoed(np.ones(2), 5.0)["y"].tolist() == ["no scalar", 5.0]
    assert echoed(5.0, np.ones(2))["y"].tolist() == [5.0, "ndarray float64 (2,)"]


def test_rows_follow_the_query_and_are_never_doubled() -> None:
    """A point written twice is one call; several nested upstream calls leave one row and no made-up value."""

    @sweepable.cache(y=float)
    def total(n: int = 1) -> float:
        return sum(reference(float(k))["peak"] for k in range(n))

    runs = total.sweep(n=[3, 1, 3, 2], progress=False)
    assert runs.to_df()["n"].tolist() == [3, 1, 2] == [rec.n for rec in runs] and len(runs) == 3
    frame = total.select().order_by("n").to_df()
    assert frame["n"].tolist() == [1, 2, 3]
    amplitudes = frame["reference__amplitude"]
    assert amplitudes[0] == 0.0 and amplitudes[1:].isna().all()
    assert list(total.filter(n__gt=1).to_df()) == ["n", "y"]
    assert total.select().order_by("-n").limit(2).to_df()["n"].tolist() == [3, 2]


def test_two_functions_under_one_role_share_their_columns() -> None:
    """A row has the values of the function that it came from."""

    @sweepable.cache
    def ridge(alpha: float = 1.0) -> dict[str, float]:
        return {"score": alpha}

    @sweepable.cache
    def forest(alpha: float = 2.0, depth: int = 3) -> dict[str, float]:
        return {"score": alpha * depth}

    @sweepable.cache(r2=float)
    def score(model: Any = ridge, fold: int = 0) -> float:
        return float(model.score + fold)

    frame = score.sweep(model=[ridge, forest], fold=[0, 1], progress=False).to_df()
    assert list(frame) == ["fold", "model__alpha", "model__depth", "model__score", "r2"]
    assert frame["model__alpha"].tolist() == [1.0, 1.0, 2.0, 2.0]
    assert frame["model__depth"].isna().tolist() == [True, True, False, False]
    assert frame["model__depth"].dropna().tolist() == [3, 3]
    assert frame["r2"].tolist() == [1.0, 2.0, 6.0, 7.0]


def test_one_function_under_two_roles_has_two_sets_of_columns() -> None:
    """The columns are paths, so they do not mix; names that differ in case alone stay apart as well."""

    @sweepable.cache
    def compare(left: Any = reference, right: Any = reference, K: int = 1, k: int = 2) -> dict[str, float]:
        return {"d": right.peak - left.peak}

    compare.get_or_run(left__amplitude=1.0, right__amplitude=5.0)
    row = compare.select().to_df().iloc[0].to_dict()
    assert row == {
        "left__amplitude": 1.0, "left__peak": 1.0, "right__amplitude": 5.0, "right__peak": 5.0, "K": 1, "k": 2, "d": 4.0
    }  # fmt: skip


def test_a_parameter_and_an_output_of_one_name_are_two_columns() -> None:
    """They are spelled as look-ups spell them, also from below."""

    @sweepable.cache
    def negate(x: float = 1.0) -> dict[str, float]:
        return {"x": -x}

    @sweepable.cache(y=float)
    def below(up: Any = negate) -> float:
        return float(up.outputs__x)

    below.get_or_run()
    assert negate.select().to_df().to_dict("records") == [{"params__x": 1.0, "outputs__x": -1.0}]
    expected = [{"up__params__x": 1.0, "up__outputs__x": -1.0, "y": -1.0}]
    assert below.select().to_df().to_dict("records") == expected


def test_a_parameter_that_takes_calls_and_plain_values() -> None:
    """Plain values stand in the parameter's own column, which is not there while there are none."""

    @sweepable.cache(y=float)
    def start(state: Any = None, step: float = 1.0) -> float:
        return float(step + (state.y if isinstance(state, sweepable.Record) else state or 0))

    first = start.get_or_run()
    start.get_or_run(first)
    assert list(start.select().to_df()) == ["step", "y"]
    start.get_or_run(7.0)
    assert start.select().to_df()["state"].dropna().tolist() == [7.0]


def test_failed_calls_show_what_they_were_called_with() -> None:
    """Their parameters and what is upstream of them, in order; they can be looked up, and mixed with what is done."""

    @sweepable.cache(y=float)
    def picky(ref: Any = reference, x: float = 1.0, mode: str = "a") -> float:
        if x < 0:
            raise ValueError("negative")
        return float(x * ref.peak)

    failing = picky.sweep(x=[-1.0, -2.0], amplitude=[3.0], progress=False)
    assert failing.to_df().empty
    runs = picky.sweep(x=[-2.0, 1.0, -1.0], amplitude=[3.0, 4.0], mode=["a"], progress=False)
    frame = runs.failed.to_df()
    assert frame["x"].tolist() == [-2.0, -2.0, -1.0, -1.0] and frame["mode"].tolist() == ["a"] * 4
    assert frame["ref__amplitude"].tolist() == [3.0, 4.0, 3.0, 4.0]
    assert [rec.info.status for rec in runs.failed.filter(x__lt=-1, amplitude=4)] == ["failed"]
    assert runs.failed.order_by("x", "-ref__amplitude").to_df()["ref__amplitude"].tolist() == [4.0, 3.0, 4.0, 3.0]
    every = runs.all().to_df()
    assert every["x"].tolist() == [-2.0, -2.0, 1.0, 1.0, -1.0, -1.0]
    assert every["y"].dropna().tolist() == [3.0, 4.0] and runs.all().filter(x__gt=0).count() == 2
    assert picky.filter(info__status="failed", x=-1.0).count() == 2
    assert runs.to_df()["x"].tolist() == [1.0, 1.0]


def test_a_function_that_only_ever_failed_has_a_table_of_failures() -> None:
    """Nothing was ever written to its own table."""

    @sweepable.cache(y=float)
    def fails(x: int, tag: str = "t") -> float:
        raise ValueError(x)

    runs = fails.sweep(x=[2, 1], progress=False)
    assert runs.failed.to_df()[["x", "tag"]].to_dict("records") == [{"x": 2, "tag": "t"}, {"x": 1, "tag": "t"}]
    assert runs.failed.filter(x=1).count() == 1 and list(runs.to_df()) == ["x", "tag", "y"]


def test_an_empty_result_still_has_its_columns() -> None:
    """Never run, or nothing found: the names that a table would have."""
    expected = ["weight", "sim__gain", "sim__ref__amplitude", "sim__last", "rms"]
    assert list(evaluate.select().to_df()) == expected and evaluate.select().to_df().empty
    evaluate.get_or_run()
    with_outputs = ["weight", "sim__gain", "sim__ref__amplitude", "sim__ref__peak", "sim__last", "rms"]
    nothing = evaluate.filter(weight=99.0).to_df()
    assert list(nothing) == with_outputs and nothing.empty
    assert nothing.groupby("sim__gain")["rms"].mean().empty


def test_more_upstream_functions_than_sqlite_joins() -> None:
    """A pipeline of 60 functions, one upstream of the other, has all of its columns."""

    def make(n: int, above: Any) -> Any:
        def stage(up: Any = above, p: int = n) -> dict[str, int]:
            return {"out": p}

        return sweepable.cache(stage, name=f"stage{n}")

    below: Any = None
    for n in range(60):
        below = make(n, below)
    below.get_or_run()
    frame = below.select().to_df()
    assert len(frame) == 1 and frame["__".join(["up"] * 59 + ["p"])].tolist() == [0]
    assert below.filter(stage1__p=1).count() == 1


def test_all_queries_agree_on_how_many_rows_there_are() -> None:
    """``len``, ``count``, iteration and the table."""
    evaluate.sweep(gain=[1.0, 2.0, 3.0], progress=False)
    for query in (evaluate.select(), evaluate.filter(gain__gt=1), evaluate.select().limit(2), evaluate.filter(gain=[])):
        assert len(query) == query.count() == len(list(query)) == len(query.to_df())


# -- columns that are asked for


def test_columns_are_named_as_look_ups_are() -> None:
    """In the order asked for, called as written: own, by path, by a name that one upstream call has, and info."""
    evaluate.sweep(gain=[1.0, 3.0], amplitude=[2.0, 4.0], progress=False)
    names = ["rms", "gain", "sim__ref__amplitude", "simulate__gain", "outputs__rms", "info__status", "info__seconds"]
    frame = evaluate.select().to_df(columns=names)
    assert list(frame) == names
    assert frame["gain"].tolist() == frame["simulate__gain"].tolist() == [1.0, 1.0, 3.0, 3.0]
    assert frame["outputs__rms"].tolist() == frame["rms"].tolist() == [rec.rms for rec in evaluate.select()]
    assert set(frame["info__status"]) == {"done"} and (frame["info__seconds"] > 0).all()
    for name in names[:-2]:
        assert frame[name].tolist() == [rec[name] for rec in evaluate.select()]


def test_what_is_known_about_calls_stands_in_columns() -> None:
    """Moments as moments, in UTC; of upstream calls as well."""
    rec = evaluate.get_or_run()
    names = ["info__started", "info__key", "info__python", "sim__info__version", "info__host"]
    names.append("sim__ref__info__packages__numpy")
    row = evaluate.select().to_df(columns=names).iloc[0]
    assert row["info__started"] == rec.info.started and row["info__key"] == rec.info.key
    assert row["info__python"] == rec.info.python and row["info__host"] == rec.info.host
    assert row["sim__info__version"] == rec.sim.info.version
    assert row["sim__ref__info__packages__numpy"] == rec.sim.ref.info.packages["numpy"]
    with pytest.raises(sweepable.SweepableError, match="several repositories"):
        evaluate.select().to_df(columns=["info__git__commit"])


def test_a_wrong_name_for_a_column_is_an_error_that_helps() -> None:
    """Unknown, ambiguous, an upstream call, an array, one name instead of a list, a name twice."""
    evaluate.get_or_run()
    query = evaluate.select()
    with pytest.raises(sweepable.UnknownName, match="did you mean 'sim__gain'"):
        query.to_df(columns=["gian"])
    with pytest.raises(sweepable.UnknownName, match="info"):
        query.to_df(columns=["info__secnds"])
    with pytest.raises(sweepable.SweepableError, match="upstream call; ask for its columns: sim__gain"):
        query.to_df(columns=["sim"])
    with pytest.raises(sweepable.SweepableError, match="out_traj is no scalar"):
        query.to_df(columns=["out_traj"])
    with pytest.raises(sweepable.SweepableError, match="a list of names"):
        query.to_df(columns="rms")
    with pytest.raises(sweepable.SweepableError, match="rms came twice"):
        query.to_df(columns=["rms", "rms"])

    @sweepable.cache
    def compare(left: Any = reference, right: Any = reference) -> dict[str, float]:
        return {"d": right.peak - left.peak}

    compare.get_or_run(left__amplitude=1.0, right__amplitude=5.0)
    with pytest.raises(sweepable.AmbiguousName, match="left__amplitude, right__amplitude"):
        compare.select().to_df(columns=["amplitude"])


def test_without_upstream_there_are_own_columns_only() -> None:
    """... and an upstream one that is asked for all the same is an error."""
    evaluate.sweep(gain=[1.0, 3.0], progress=False)
    assert list(evaluate.select().to_df(upstream=False)) == ["weight", "rms"]
    with pytest.raises(sweepable.SweepableError, match="upstream=False leaves out gain"):
        evaluate.select().to_df(columns=["rms", "gain"], upstream=False)


def test_a_column_that_is_asked_for_is_there_whatever_stands_in_it() -> None:
    """Also of a function that never ran, and where nothing is found."""
    assert list(evaluate.select().to_df(columns=["gain", "rms"])) == ["gain", "rms"]
    evaluate.get_or_run()
    frame = evaluate.filter(weight=7.0).to_df(columns=["sim__ref__amplitude", "info__started"])
    assert list(frame) == ["sim__ref__amplitude", "info__started"] and frame.empty
    assert evaluate.select().to_df(columns=[]).shape == (1, 0)


def test_records_stand_beside_their_rows() -> None:
    """A column of Records, in order; a user's own ``record`` is not overwritten."""
    runs = evaluate.sweep(gain=[1.0, 3.0], weight=[1.0, 2.0], progress=False)
    frame = runs.to_df(records=True)
    assert list(frame)[-1] == "record" and [rec.rms for rec in frame["record"]] == frame["rms"].tolist()
    best = frame.loc[frame["rms"].idxmax(), "record"]
    assert best == runs.order_by("-rms").first() and best.sim.gain == 3.0
    assert list(runs.to_df(columns=["rms"], records=True)) == ["rms", "record"]

    @sweepable.cache(record=float)
    def fastest(n: int = 1) -> float:
        return n / 2

    fastest(3)
    assert fastest.select().to_df()["record"].tolist() == [1.5]
    with pytest.raises(sweepable.SweepableError, match="one of this name already"):
        fastest.select().to_df(records=True)
    assert fastest.select().to_df(columns=["n"], records=True)["record"][0].record == 1.5


def test_records_come_in_batches() -> None:
    """In the query's order, the last one shorter; none for an empty query."""
    runs = evaluate.sweep(gain=[1.0, 2.0, 3.0, 4.0, 5.0], progress=False)
    batches = list(runs.batches(2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert [rec for batch in batches for rec in batch] == list(runs)
    assert list(evaluate.filter(weight=9.0).batches()) == []
    with pytest.raises(ValueError, match="number of calls"):
        runs.batches(0)


# -- values across the pieces in which a table is read


@pytest.mark.parametrize(
    ("first", "last", "dtype"),
    [
        (1, 2, "int64"),
        (1, None, "Int64"),
        (1, 0.5, "float64"),
        (2**60 + 1, 0.5, "object"),
        (True, None, "boolean"),
        (True, 1, "object"),
        ("a", 1, "object"),
        (0.5, None, "float64"),
        (None, 2**60 + 1, "Int64"),
        (dt.datetime(2026, 1, 2), "b", "object"),
    ],
)
def test_large_tables_have_the_types_of_small_ones(
    first: Any, last: Any, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table is read in pieces; what comes late changes nothing in the values that came before."""
    monkeypatch.setattr(frames, "BATCH", 3)
    values = [first] * 7 + [last]
    column = echoed(*values)["y"]
    assert column.dtype == dtype
    found = [None if value is pd.NA or value != value else value for value in column]
    assert found == values
    if dtype == "object":
        assert [type(value) for value in found] == [type(value) for value in values]


def test_moments_and_durations_stay_exact_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Microseconds, time zones, and what is missing."""
    monkeypatch.setattr(frames, "BATCH", 2)
    start = dt.datetime(2026, 1, 2, 3, 4, 5, 678901)
    moments = [start + dt.timedelta(microseconds=n) for n in range(5)]
    column = echoed(*moments, None)["y"]
    assert column.dtype == pd.Series(moments).dtype and column[:5].tolist() == moments and pd.isna(column[5])
    aware = [moment.replace(tzinfo=dt.UTC) for moment in moments]
    column = echoed(*aware, None)["y"]
    assert str(column.dt.tz) == "UTC" and column[:5].tolist() == aware and pd.isna(column[5])
    spans = [dt.timedelta(microseconds=n) for n in (1, 2, -3)]
    column = echoed(*spans, None)["y"]
    assert column.dtype == pd.Series(spans).dtype and column[:3].tolist() == spans and pd.isna(column[3])


class Solver(enum.Enum):
    EULER = 1
    HEUN = 2


def test_enums_and_paths_are_shown() -> None:
    """A Path as a Path; an Enum by its name, which tells its values apart."""
    frame = echoed(Path("a/b"), Path("c"))
    assert frame["y"].tolist() == [Path("a/b"), Path("c")]
    texts = echoed(Solver.EULER, Solver.HEUN, Solver.EULER)["y"].tolist()
    assert texts[0] == texts[2] != texts[1] and "Solver.EULER" in texts[0]


def test_many_functions_in_one_place() -> None:
    """More than SQLite joins: each row has what its own function has, and what is upstream of that."""

    def make(n: int) -> Any:
        def model(alpha: float = float(n), base: Any = reference) -> dict[str, float]:
            return {"score": alpha * 2}

        return sweepable.cache(model, name=f"model_{n}")

    models = [make(n) for n in range(70)]

    @sweepable.cache(r2=float)
    def judge(model: Any = models[0]) -> float:
        return float(model.score)

    frame = judge.sweep(model=models, progress=False).to_df()
    assert frame["model__alpha"].tolist() == [float(n) for n in range(70)]
    assert frame["model__base__peak"].tolist() == [1.0] * 70
    assert frame["r2"].tolist() == frame["model__score"].tolist()


def test_upstream_of_a_call_that_was_given_in_a_container() -> None:
    """A place is found by lineage where the call was not the argument itself; of several calls it is empty."""

    @sweepable.cache(y=float)
    def total(parts: Any = None) -> float:
        return float(sum(part.peak for part in parts))

    one, two = reference.get_or_run(amplitude=2.0), reference.get_or_run(amplitude=3.0)
    total([one])
    total([one, two])
    frame = total.select().to_df(columns=["parts__amplitude", "y"])
    assert frame["y"].tolist() == [2.0, 5.0] and frame["parts__amplitude"].isna().tolist() == [False, True]
    assert frame["parts__amplitude"][0] == 2.0


def test_a_large_table_is_read_in_a_few_statements() -> None:
    """However many calls there are upstream, none of them is asked for by itself."""
    runs = evaluate.sweep(gain=[float(n) for n in range(40)], progress=False)
    statements: list[str] = []
    connection = store_of(runs[0]).connection()
    connection.set_trace_callback(statements.append)
    try:
        assert len(runs.to_df(records=True)) == 40
    finally:
        connection.set_trace_callback(None)
    assert len(statements) < 80


# -- as a file


def test_a_parquet_file_is_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns, order, types and values, however it is cut into pieces."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(parquet, "_ROWS", 3)
    monkeypatch.setattr(frames, "BATCH", 2)

    @sweepable.cache
    def mixed(ref: Any = reference, n: int = 0) -> dict[str, Any]:
        late = n > 4
        return {
            "f": n / 4, "i": n if late else None, "b": n == 1, "c": None if n == 2 else late, "s": f"s{n}",
            "t": dt.datetime(2026, 1, 1 + n), "u": dt.datetime(2026, 1, 1 + n, tzinfo=dt.UTC), "d": dt.timedelta(n),
            "o": "text" if late else None, "x": n if late else n + 0.5, "none": None,
        }  # fmt: skip

    runs = mixed.sweep(n=range(8), amplitude=[1.0, 2.0], progress=False)
    path = tmp_path / "runs.parquet"
    runs.to_parquet(path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), runs.to_df())
    runs.to_parquet(path, ["s", "amplitude"], compression="zstd")
    pd.testing.assert_frame_equal(pd.read_parquet(path), runs.to_df(["s", "amplitude"]))
    mixed.filter(n=99).to_parquet(path)
    assert pd.read_parquet(path).empty and list(pd.read_parquet(path)) == list(mixed.filter(n=99).to_df())
    assert [name for name in os.listdir(tmp_path) if name.startswith("runs")] == ["runs.parquet"]


def test_a_column_of_several_types_is_no_column_of_a_file(tmp_path: Path) -> None:
    """The error names it, and the file that was there is as it was."""
    pytest.importorskip("pyarrow")

    @sweepable.cache
    def either(n: int = 0) -> dict[str, Any]:
        return {"y": n if n else "zero"}

    runs = either.sweep(n=[0, 1], progress=False)
    path = tmp_path / "runs.parquet"
    runs.to_parquet(path, ["n"])
    with pytest.raises(sweepable.SweepableError, match="the column y cannot stand in a Parquet file"):
        runs.to_parquet(path)
    with pytest.raises(TypeError):
        runs.to_parquet(path, ["n"], no_such_option=1)
    assert pd.read_parquet(path)["n"].tolist() == [0, 1]
    assert [name for name in os.listdir(tmp_path) if name.startswith("runs")] == ["runs.parquet"]


def test_without_pyarrow_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is an ImportError, too."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'sweepable\[parquet\]'"):
        evaluate.select().to_parquet(tmp_path / "runs.parquet")


def test_upstream_of_a_call_whose_row_is_gone() -> None:
    """What stands further up is still told, as look-ups still find it."""
    rec = evaluate.get_or_run(gain=3.0, amplitude=4.0)
    connection = store_of(rec).connection()
    connection.execute("DELETE FROM simulate")
    frame = evaluate.select().to_df(columns=["sim__gain", "sim__ref__amplitude", "sim__ref__peak"])
    assert frame["sim__gain"].isna().all()
    assert frame["sim__ref__amplitude"].tolist() == [4.0] and frame["sim__ref__peak"].tolist() == [4.0]


def test_upstream_of_nested_calls_in_a_long_chain() -> None:
    """Calls that were made inside, of calls that were made inside, at every depth."""

    def make(n: int, above: Any) -> Any:
        def inner(p: int = n) -> dict[str, int]:
            return {"out": p + (above()["out"] if above is not None else 0)}

        return sweepable.cache(inner, name=f"inner{n}")

    below: Any = None
    for n in range(9):
        below = make(n, below)
    below()
    frame = below.select().to_df()
    path = "__".join(f"inner{n}" for n in range(7, -1, -1))
    assert frame[f"{path}__p"].tolist() == [0] and frame["inner7__out"].tolist() == [28]


def test_config_objects_are_read_in_pieces_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Their fields have columns, and they have one of their own only where these do not tell all of them."""
    monkeypatch.setattr(frames, "BATCH", 2)

    @sweepable.cache
    def run(config: Any = None, n: int = 0) -> dict[str, int]:
        return {"y": n}

    for n in range(5):
        run({"a": n % 2, "b": None if n % 2 else "text"}, n)
    frame = run.select().to_df()
    assert list(frame) == ["config__a", "config__b", "n", "y"]
    assert frame["config__a"].tolist() == [0, 1, 0, 1, 0] and frame["config__a"].dtype == "int64"
    assert frame["config__b"].isna().tolist() == [False, True] * 2 + [False]
    assert list(run.select().to_df(["config__b", "config"])) == ["config__b", "config"]
    run({"a": 7, "b": None}, 8), run(3, 9)
    frame = run.select().to_df()
    assert list(frame) == ["config", "config__a", "config__b", "n", "y"] and frame["config__a"].dtype == "Int64"


def test_a_name_that_is_a_parameter_here_and_an_output_there() -> None:
    """Of two functions in one place: each row has what its own function calls so."""

    @sweepable.cache
    def given(score: float = 3.0) -> dict[str, float]:
        return {"other": 0.0}

    @sweepable.cache
    def made(alpha: float = 1.0) -> dict[str, float]:
        return {"score": alpha * 5}

    @sweepable.cache(r2=float)
    def judge(model: Any = given) -> float:
        return 1.0

    frame = judge.sweep(model=[given, made], progress=False).to_df()
    assert frame["model__score"].tolist() == [3.0, 5.0] and frame.columns.is_unique


def test_a_column_that_only_a_run_can_show_is_empty_before() -> None:
    """As a look-up of it: nothing is found, with a warning; a bool field that may be None stays a bool."""

    @sweepable.cache
    def late(config: Any = None) -> dict[str, float]:
        return {"y": 1.0}

    with pytest.warns(sweepable.UnknownOutput, match="not known, unless"):
        assert list(late.select().to_df(["y"])) == ["y"]
    late({"a": True}), late({"a": None})
    frame = late.select().to_df(["config__a", "y"])
    assert frame["config__a"].dtype == "boolean" and frame["y"].tolist() == [1.0, 1.0]
