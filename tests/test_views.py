"""Views: what a person reads in plain SQL is what `to_df` gives, under the same names, at all times."""

from __future__ import annotations

import datetime as dt
import math
import sqlite3
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sweepable
from running import RunScript
from sweepable.errors import StaleResults
from sweepable.store import views
from sweepable.store.location import current_store

INFO = ["id", "info__key", "info__status", "info__version", "info__started", "info__seconds"]


def store_file() -> Path:
    return Path(current_store().path) / "index.db"


def opened() -> sqlite3.Connection:
    """The index as somebody else opens it."""
    c = sqlite3.connect(f"file:{store_file()}?mode=ro", uri=True)
    c.execute("PRAGMA trusted_schema = OFF")
    return c


def view(name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns of a view that are not about the call, and its rows, in the order of the calls."""
    c = opened()
    found = c.execute(f'SELECT * FROM "{name}" ORDER BY id')
    names = [column[0] for column in found.description]
    assert names[: len(INFO)] == INFO
    rows = [row[len(INFO) :] for row in found]
    c.close()
    return names[len(INFO) :], rows


def shown(value: object) -> object:
    """A value of a table as the schema page says that a view shows it."""
    if pd.isna(value):  # type: ignore[call-overload]
        return None
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return value


def assert_same(function: Any, name: str | None = None) -> None:
    """A function's view and its table have the same columns and, in them, the same values."""
    frame = function.select(version="any").to_df()
    names, rows = view(name or f"{function.__name__}__flat")
    assert sorted(names) == sorted(frame.columns)
    assert len(rows) == len(frame)
    for column, cells in zip(names, zip(*rows, strict=True), strict=True):
        values = [shown(value) for value in frame[column].tolist()]
        assert list(cells) == values, column


@sweepable.cache
def reference(amplitude: float = 1.0, start: Any = dt.datetime(2026, 1, 2)) -> dict[str, Any]:
    return {"ref_y": np.full(3, amplitude), "peak": amplitude, "is_large": amplitude > 1}


@sweepable.cache
def step(height: float = 3.0) -> dict[str, Any]:
    return {"ref_y": np.full(2, height), "peak": height}


@sweepable.cache(out=np.ndarray, last=float)
def simulate(ref: Any = reference, gain: float = 2.0) -> tuple[Any, float]:
    return ref.ref_y * gain, float(ref.peak * gain) if gain < 3 else math.nan


@sweepable.cache(rms=float)
def evaluate(sim: Any = simulate, weight: float = 1.0) -> float:
    return float(sim.last * weight)


def test_a_view_is_the_table_that_to_df_gives() -> None:
    """Own names bare, upstream ones by path, in the same order; True is 1, NaN is NULL, a time is text."""
    runs = evaluate.sweep(gain=[1.0, 3.0], amplitude=[1.0, 2.0], progress=False)
    for function in (reference, simulate, evaluate):
        assert_same(function)
    names, rows = view("evaluate__flat")
    assert names == list(runs.to_df())
    assert names[2:6] == ["sim__ref__amplitude", "sim__ref__start", "sim__ref__peak", "sim__ref__is_large"]
    assert rows[-1] == (1.0, 3.0, 2.0, "2026-01-02T00:00:00", 2.0, 1, None, None)


def test_what_is_known_of_a_call_stands_beside() -> None:
    """Its id, key, status, the digest of its version, when it began in seconds since the epoch, and how long it ran."""
    rec = reference.get_or_run()
    (row,) = opened().execute(f"SELECT {', '.join(INFO)} FROM reference__flat").fetchall()
    info = rec.info
    assert row[1:4] == (info.key, "done", info.version) and row[5] == info.seconds
    assert row[4] == pytest.approx(info.started.timestamp(), abs=1e-6)
    assert opened().execute("SELECT id FROM _calls").fetchall() == [(row[0],)]


@sweepable.cache
def inner(k: int = 1) -> int:
    return 10 * k


@sweepable.cache
def sums(n: int = 2) -> int:
    return sum(inner(k) for k in range(n))


@sweepable.cache(depends_on=[inner])
def declared(k: int = 1, more: int = 1) -> int:
    return inner(k) + more


@sweepable.cache
def countdown(n: int = 3) -> int:
    return 0 if n == 0 else 1 + countdown(n - 1)


@sweepable.cache
def peak_only(peak: Any = reference["peak"], offset: float = 0.5) -> float:
    return float(peak + offset)


softer = simulate.partial(gain=1.0)


@sweepable.cache
def compare(left: Any = simulate, right: Any = softer) -> float:
    return float(left.last - right.last)


@sweepable.cache
def reduce_runs(runs: Any = (), scale: float = 1.0) -> float:
    return scale * sum(rec.peak for rec in runs)


def nested() -> Any:
    sums(1)
    assert_same(sums)
    return sums


def in_a_loop() -> Any:
    for n in (0, 1, 3):
        sums(n)
    names, rows = view("sums__flat")
    assert rows[1][names.index("inner__k")] == 0 and rows[2][names.index("inner__k")] is None
    return sums


def depends_on() -> Any:
    declared(), declared(2, more=3)
    return declared


def recursive() -> Any:
    countdown(3)
    return countdown


def a_single_output() -> Any:
    peak_only(), peak_only(offset=1.0)
    return peak_only


def diamond() -> Any:
    compare(), compare(left=simulate.get_or_run(gain=1.5))
    return compare


def two_functions_in_one_place() -> Any:
    simulate(), simulate(step), simulate(gain=1.0), simulate(step.get_or_run(height=4.0))
    evaluate(), evaluate(simulate.get_or_run(ref=step))
    assert_same(simulate)
    return evaluate


def a_call_or_a_value() -> Any:
    peak_only(), peak_only(2.0), peak_only(reference.get_or_run(amplitude=4.0).peak)
    return peak_only


def a_query_of_one() -> Any:
    reference(), reference(2.0)
    reduce_runs(reference.filter(amplitude=1.0)), reduce_runs(reference.select())
    return reduce_runs


PIPELINES: list[Callable[[], Any]] = [
    nested,
    in_a_loop,
    depends_on,
    recursive,
    a_single_output,
    diamond,
    two_functions_in_one_place,
    a_call_or_a_value,
    a_query_of_one,
]


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.__name__)
def test_every_shape_of_pipeline_reads_alike(pipeline: Callable[[], Any]) -> None:
    """Nested calls, declared ones, one function twice, several in one place: names and values are those of `to_df`."""
    function = pipeline()
    if function is reduce_runs:
        frame = function.select(version="any").to_df()
        names, rows = view("reduce_runs__flat")
        at = names.index("runs__amplitude")
        assert sorted(names) == sorted(frame) and [row[at] for row in rows] == [1.0, None]
    else:
        assert_same(function)


class Solver(Enum):
    RK45 = 1


def test_each_kind_of_value_is_readable() -> None:
    """Text is text, whatever it looks like; other values are text without the word that says of what kind they are."""

    def keep(n: int, x: Any) -> int:
        return n

    keep = sweepable.cache(keep, name="keep", version="1")
    values = [1, 2.5, "True", "a:b", True, False, None, math.nan, math.inf, Solver.RK45, Path("/a:b/c"), b"xy", 2**70]
    values += [dt.datetime(2026, 1, 2, 3), dt.date(2026, 1, 2), dt.timedelta(seconds=1.5), np.datetime64("NaT"), 1j]
    for n, value in enumerate(values):
        keep(n, value)
    expected = [1, 2.5, "True", "a:b", 1, 0, None, None, math.inf, "Solver.RK45", "/a:b/c", "b'xy'", str(2**70)]
    expected += ["2026-01-02T03:00:00", "2026-01-02", "1.5s", None, "1j"]
    names, rows = view("keep__flat")
    assert [row[names.index("x")] for row in rows] == expected
    keep(99, np.arange(3))
    assert view("keep__flat")[1][-1][names.index("x")].startswith("ndarray int64 (3,) #")


def test_odd_names_are_quoted_and_told_apart() -> None:
    """Names that SQLite would take for one, its own words, names that need quotes, outputs that bear a parameter's."""

    def group(K: int = 1, k: int = 2, id: int = 3) -> dict[str, Any]:
        return {"a b": 1, 'q"uote': 2, "semi;colon'": 3, "K": 4, "é": 5, "id": np.zeros(2)}

    group = sweepable.cache(group, name="order", version="1")
    group()
    names, rows = view("function_order__flat")
    assert sorted(names) == sorted(
        ["params__K", "k", "params__id", "a b", 'q"uote', "semi;colon'", "outputs__K", "é"]
    ) and set(names) == set(group.select(version="any").to_df())
    assert dict(zip(names, rows[0], strict=True))["semi;colon'"] == 3

    def lower(K: int = 1, k: int = 2, id: int = 3) -> int:
        return K + k

    lower = sweepable.cache(lower, name="lower", version="1")
    lower()
    assert view("lower__flat") == (["K", "k_2", "id_2", "value"], [(1, 2, 3, 3)])


def test_a_view_is_kept_up_to_date() -> None:
    """A new parameter, a new output, a new upstream function, a value of another kind: also of what is upstream."""
    source = {"version": "1", "name": "source"}

    def first(a: Any = 1) -> dict[str, Any]:
        return {"x": 1}

    def second(a: Any = 1, b: float = 0.5) -> dict[str, Any]:
        return {"x": 1, "y": 2}

    def user(up: Any) -> float:
        return float(up.x)

    user = sweepable.cache(user, name="user", version="1")
    one = sweepable.cache(first, **source)
    user(one.get_or_run())
    assert view("user__flat")[0] == ["up__a", "up__x", "value"]
    two = sweepable.cache(second, **(source | {"version": "2"}))
    with pytest.warns(StaleResults):
        user(two.get_or_run())
    names = ["up__a", "up__b", "up__x", "up__y", "value"]
    assert view("user__flat") == (names, [(1, None, 1, None, 1.0), (1, 0.5, 1, 2, 1.0)])
    user(two.get_or_run(a=True))
    assert view("user__flat")[1][-1] == (1, 0.5, 1, 2, 1.0)
    user(sweepable.cache(lambda z=7: {"x": z}, name="other", version="1").get_or_run())
    names, rows = view("user__flat")
    assert set(names) == {"up__a", "up__b", "up__z", "up__x", "up__y", "value"}
    assert rows[-1][names.index("up__z")] == 7 and rows[-1][names.index("up__x")] == 7


def test_only_results_are_rows() -> None:
    """A failed call is no row, and no table of numbers has a hole where it stood."""

    def fragile(x: int) -> int:
        return 1 // x

    fragile = sweepable.cache(fragile, name="fragile", version="1")
    with pytest.raises(ZeroDivisionError):
        fragile(0)
    assert view("fragile__flat") == ([], [])
    fragile(1)
    assert view("fragile__flat") == (["x", "value"], [(1, 1)])


def test_an_ordinary_call_changes_no_view() -> None:
    """Once a kind of call has been stored, the schema stays as it is, whatever the values."""
    evaluate.sweep(gain=[1.0, 3.0], amplitude=[1.0, 2.0], progress=False)
    c = opened()
    before = c.execute("PRAGMA schema_version").fetchone()
    evaluate.sweep(gain=[1.5, 4.0], amplitude=[0.5, 5.0], weight=[2.0, 3.0], progress=False)
    assert c.execute("PRAGMA schema_version").fetchone() == before
    assert c.execute("SELECT count(*) FROM evaluate__flat").fetchone() == (12,)


def test_a_view_never_takes_a_functions_name() -> None:
    """A function that is called as a view would be, before or after it, has a table of its own, and both have views."""

    def one() -> int:
        return 1

    def two() -> int:
        return 2

    for name, function in (("calm", one), ("calm__flat", two), ("wild__flat", two), ("wild", one)):
        sweepable.cache(function, name=name, version="1")()
    c = opened()
    found = c.execute("SELECT name, table_name, view_name FROM _functions ORDER BY id").fetchall()
    assert [row[:2] for row in found] == [
        ("calm", "calm"),
        ("calm__flat", "calm__flat_2"),
        ("wild__flat", "wild__flat"),
        ("wild", "wild"),
    ]
    values = [c.execute(f'SELECT value FROM "{row[2]}"').fetchall() for row in found]
    assert values == [[(1,)], [(2,)], [(2,)], [(1,)]]


def test_who_has_the_store_open_sees_new_views(run_script: RunScript) -> None:
    """A connection that was there before a function had ever run, of this process or another, reads its view."""
    reference()
    c = opened()
    assert len(c.execute("SELECT * FROM reference__flat").fetchall()) == 1
    script = "import sweepable\n@sweepable.cache\ndef fresh(x=1): return 2 * x\nfresh()\nfresh(True)"
    run_script(script, store=store_file().parent)
    assert c.execute("SELECT x, value FROM fresh__flat ORDER BY id").fetchall() == [(1, 2), (1, 2)]


def test_a_filter_on_a_deep_view_goes_by_row_ids() -> None:
    """Nothing is scanned but the function's calls, and nothing put aside; a call is looked up by its key."""
    evaluate(), sums(1), simulate(step)
    c = opened()
    for name, column in (("evaluate__flat", "sim__ref__amplitude"), ("sums__flat", "inner__k")):
        plan = [row[3] for row in c.execute(f"EXPLAIN QUERY PLAN SELECT * FROM {name} WHERE {column} > 1")]
        assert sum("_calls_by_version (function=?" in line for line in plan) == 1
        assert all(line.startswith(("SEARCH", "CORRELATED")) for line in plan), plan
        plan = [row[3] for row in c.execute(f"EXPLAIN QUERY PLAN SELECT * FROM {name} WHERE info__key = 'x'")]
        assert plan[0].endswith("(key=?)") and all(line.startswith(("SEARCH", "CORRELATED")) for line in plan), plan


def test_what_does_not_fit_is_left_out_deepest_first() -> None:
    """SQLite joins 64 tables: of a longer pipeline the nearest functions are shown, and the view can be read."""
    previous: Any = None
    for number in range(views.MOST_TABLES + 5):
        function = sweepable.cache(lambda up=0, x=1: x, name=f"link_{number}", version=str(number))
        previous = function.get_or_run() if previous is None else function.get_or_run(up=previous)
    names, rows = view(f"link_{views.MOST_TABLES + 4}__flat")
    deepest = max(name.count("up__") for name in names)
    assert deepest == views.MOST_TABLES and len(rows) == 1
    assert set(names) == {"up__" * depth + own for depth in range(deepest + 1) for own in ("x", "value")}


def test_a_wide_pipeline_leaves_room() -> None:
    """All own columns are shown, and of what is upstream as much as fits."""
    wide = sweepable.cache(lambda: {f"y{n}": n for n in range(views.MOST_COLUMNS)}, name="wide", version="1")
    narrow = sweepable.cache(lambda up, near, z=1: z, name="narrow", version="1")
    narrow(wide.get_or_run(), reference.get_or_run())
    assert len(view("wide__flat")[0]) == views.MOST_COLUMNS
    names, rows = view("narrow__flat")
    assert names == ["z", "near__amplitude", "near__start", "near__peak", "near__is_large", "value"] and len(rows) == 1


def test_a_view_that_cannot_be_made_costs_no_result() -> None:
    """Where the SQL of a view would be too long for SQLite, the result is stored all the same, and found."""
    many = sweepable.cache(lambda a=1: {f"y{n}": n for n in range(80)}, name="many", version="1")
    connection = current_store().connection()
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 1500)
    assert many(a=2)["y79"] == 79 and many.filter(a=2).count() == 1
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        view("many__flat")
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 1_000_000)
    many(a=True)  # a value of another kind: the view is made anew
    assert len(view("many__flat")[1]) == 2


def test_who_is_reading_meanwhile_costs_no_result() -> None:
    """On the connection that a user was given, rows may be half read, of a view too, while calls change its columns."""
    many = sweepable.cache(lambda a=1, b=2: a, name="many", version="1")
    for a in range(5):
        many(a)
    reading = current_store().connection().execute("SELECT a FROM many__flat ORDER BY id")
    assert reading.fetchone() == (0,)
    assert many.select().count() == 5
    many(7, True)  # of another kind: the view is made anew
    later = sweepable.cache(lambda up, c=3: {"y": c}, name="later", version="1")
    assert later.get_or_run(many.get(a=7)).y == 3
    assert [a for (a,) in reading][:4] == [1, 2, 3, 4]
    assert view("later__flat") == (["c", "up__a", "up__b", "up__value", "y"], [(3, 7, 1, 7, 3)])
    assert later.select().count() == 1 and view("many__flat")[1][-1] == (7, 1, 7)


def test_fields_of_config_objects_are_columns() -> None:
    """As in `to_df`; the objects themselves stay beside them, described: a row may not be told by its fields."""

    def solve(config: Any, n: int = 1) -> float:
        return float(config["dt"] * n)

    solve = sweepable.cache(solve, name="solve", version="1")
    user = sweepable.cache(lambda up: 2 * up.value, name="user_of_solve", version="1")
    for dt_ in (0.1, 0.2):
        user(solve.get_or_run({"dt": dt_, "solver": {"name": "euler"}}))
    for function, path in ((solve, ""), (user, "up__")):
        frame = function.select(version="any").to_df()
        names, rows = view(f"{function.callee.name}__flat")
        assert set(names) - set(frame) == {f"{path}config", f"{path}config__solver"} and set(frame) < set(names)
        assert (
            [row[names.index(f"{path}config__dt")] for row in rows] == frame[f"{path}config__dt"].tolist() == [0.1, 0.2]
        )
        assert {row[names.index(f"{path}config__solver__name")] for row in rows} == {"euler"}
