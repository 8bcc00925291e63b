"""The cells of function tables: equal by value in SQLite, and readable by people."""

from __future__ import annotations

import datetime as dt
import enum
import math
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import shown
from sweepable.store.cells import Cell, from_cell, is_scalar, rank, rest, to_cell
from sweepable.store.codecs import Summary

A, B = "a" * 64, "b" * 64
BERLIN = dt.timezone(dt.timedelta(hours=1))


class Solver(enum.Enum):
    RK45 = 1


class Level(enum.IntEnum):
    LOW = 1


def found(stored: object, asked: object, digests: tuple[str, str] = ("", "")) -> bool:
    """Whether SQLite finds `stored` where it is asked for `asked`."""
    with sqlite3.connect(":memory:") as c:
        c.execute("CREATE TABLE t (x ANY) STRICT")
        c.execute("INSERT INTO t VALUES (?)", (to_cell(stored, digests[0]),))
        rows = c.execute("SELECT x FROM t WHERE x = ?", (to_cell(asked, digests[1]),)).fetchall()
    c.close()
    return bool(rows)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        (2, 2.0),
        (2, np.float64(2)),
        (np.float32(0.5), 0.5),
        (np.int8(3), 3),
        (0.0, -0.0),
        (float("nan"), np.float32("nan")),
        (np.True_, True),
        (2**64, 2**64),
        (np.uint64(2**63), 2**63),
        (np.str_("x"), "x"),
        (dt.datetime(2026, 1, 1, 12), pd.Timestamp("2026-01-01 12:00")),
        (np.datetime64("2026-01-01T12:00"), dt.datetime(2026, 1, 1, 12)),
        (np.datetime64("2026-01-01"), pd.Timestamp("2026-01-01")),
        (pd.Timestamp("2026-01-01 00:00:00.000000001"), np.datetime64("2026-01-01T00:00:00.000000001")),
        (dt.datetime(2026, 1, 1, 12, tzinfo=BERLIN), dt.datetime(2026, 1, 1, 11, tzinfo=dt.UTC)),
        (dt.timedelta(milliseconds=5), np.timedelta64(5, "ms")),
        (pd.Timedelta("1ns"), np.timedelta64(1, "ns")),
        (Decimal("1.00"), Decimal(1)),
        (Decimal("100"), Decimal("1E+2")),
        (1 + 2j, np.complex64(1 + 2j)),
        ("x" * 5000, "x" * 5000),
    ],
    ids=shown,
)
def test_equal_values_are_found(stored: object, asked: object) -> None:
    """Look-ups compare by value: 2 finds 2.0 and np.float64(2), and a moment is found in any time zone."""
    assert found(stored, asked) and found(asked, stored)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        (True, 1),
        (1, True),
        (False, 0),
        ("1", 1),
        ("True", True),
        ("nan", float("nan")),
        (b"x", "x"),
        (b"True", True),
        (Level.LOW, 1),
        (2**60, 2**60 + 1),
        (2**60, float(2**60 + 257)),
        (2**70, 2**70 + 1),
        (0.1 + 0.2, 0.3),
        (None, 0),
        (None, float("nan")),
        (dt.date(2026, 1, 1), dt.datetime(2026, 1, 1)),
        (Path("a"), "a"),
        ("x" * 5000, "x" * 4999 + "y"),
        (b"x" * 5000, b"x" * 4999 + b"y"),
        (np.longdouble("0.1"), 0.1),
    ],
    ids=shown,
)
def test_different_values_are_not_found(stored: object, asked: object) -> None:
    """True is not 1, "1" is not 1, and integers are compared to the last digit."""
    assert not found(stored, asked) and not found(asked, stored)


def test_what_has_no_short_form_is_equal_by_digest() -> None:
    """Arrays and other objects are found by content, and described for people."""
    array = np.zeros(1001)
    assert to_cell(array, A) == b"ndarray float64 (1001,) #" + b"a" * 32
    assert found(array, array, (A, A)) and not found(array, array, (A, B))
    assert from_cell(to_cell(array, A)) == Summary("ndarray float64 (1001,)", "a" * 32)
    for value in (array, [1, 2], {"a": 1}, len, Solver, FileNotFoundError("x")):
        assert not is_scalar(value) and isinstance(from_cell(to_cell(value, A)), Summary)


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 1, -(2**63), 2**63, -(10**400), 0.5, math.inf, "text", "ümlaut", "\ud800", b"raw \xff",
        1 + 2j, complex("nan"), dt.datetime(2026, 1, 1, 12, 30, 1, 5), dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.date(2026, 1, 1), dt.time(12, 30), dt.timedelta(days=-1, microseconds=1), dt.datetime.max, dt.datetime.min,
        Decimal("1.5"), Decimal("-0.001"), Decimal("Infinity"), Fraction(1, 3), Path("a/b c"), UUID(int=5),
        np.datetime64("2026-01-01T00:00:00.000000001"), np.timedelta64(1, "ns"),
    ],
    ids=shown,
)  # fmt: skip
def test_scalars_come_back_from_their_cells(value: Any) -> None:
    """A table shows numbers as numbers, moments as moments, paths as paths."""
    back = from_cell(to_cell(value))
    assert is_scalar(value)
    assert type(back) is type(value) and (back == value or back != back)


def test_numpy_and_pandas_scalars_come_back_as_python_ones() -> None:
    """Columns hold plain values, ready for pandas."""
    assert from_cell(to_cell(np.float32(0.5))) == 0.5
    assert from_cell(to_cell(pd.Timestamp("2026-01-01", tz="Europe/Berlin"))) == pd.Timestamp("2025-12-31T23:00Z")
    assert math.isnan(from_cell(to_cell(np.float64("nan"))))  # type: ignore[arg-type]
    for missing in (pd.NaT, np.datetime64("NaT", "ns"), np.timedelta64("NaT", "s")):
        assert to_cell(missing) == b"NaT" and np.isnat(from_cell(b"NaT"))  # type: ignore[call-overload]


def test_enums_read_as_people_write_them() -> None:
    """An enum's cell is its class and name."""
    assert to_cell(Solver.RK45) == b"enum:Solver.RK45" and to_cell(Level.LOW) == b"enum:Level.LOW"
    assert from_cell(to_cell(Solver.RK45)) == Summary("enum:Solver.RK45", "")


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=900), st.binary(max_size=300)))
def test_every_plain_scalar_has_a_cell_that_sqlite_keeps(value: Any) -> None:
    """What stands in the table is what was put there, bit for bit; NaN is not NULL."""
    cell = to_cell(value)
    with sqlite3.connect(":memory:") as c:
        c.execute("CREATE TABLE t (x ANY) STRICT")
        c.execute("INSERT INTO t VALUES (?)", (cell,))
        (kept,) = c.execute("SELECT x FROM t").fetchone()
    c.close()
    assert type(kept) is type(cell) and kept == cell
    back = from_cell(kept)
    assert type(back) is type(value) and (back == value or back != back)


@given(st.binary(max_size=50))
def test_any_bytes_in_a_table_can_be_read(cell: Cell) -> None:
    """A cell that nobody wrote is shown, not an error."""
    from_cell(cell)


@given(st.lists(st.datetimes(timezones=st.none()), min_size=2, max_size=2))
def test_moments_are_in_order_as_cells(moments: list[dt.datetime]) -> None:
    """Comparing cells of moments compares the moments."""
    first, second = sorted(moments)
    assert to_cell(first) <= to_cell(second)  # type: ignore[operator]


_SIZES = st.sampled_from([0, 2**53, 2**63, 2**64, 2**70, 2**128, 10**400])


@pytest.mark.parametrize(
    "kind", [int, Decimal, lambda number: Fraction(2 * number + 1, 2)], ids=["int", "decimal", "half"]
)
@given(size=_SIZES, more=st.integers(-3, 3), sign=st.sampled_from([1, -1]), apart=st.integers(-2, 2))
def test_numbers_of_any_size_are_in_order_by_rank_and_rest(
    kind: Callable[[int], Any], size: int, more: int, sign: int, apart: int
) -> None:
    """Numbers that one float stands for are told apart by what is left of them."""
    one, other = kind(sign * (size + more)), kind(sign * (size + more) + apart)
    first, second = ((rank(cell), rest(cell)) for cell in (to_cell(one), to_cell(other)))
    assert (first < second, first == second) == (one < other, one == other)  # type: ignore[operator]
    assert rank(to_cell(-math.inf)) < first[0] < rank(to_cell(math.inf))  # type: ignore[operator]


def test_exponents_that_no_memory_holds_have_a_rank() -> None:
    """A decimal far beyond floats is ordered as infinite, or as zero, and not written out."""
    cells = [to_cell(Decimal(text)) for text in ("-1E+999999999", "1E-999999999", "1E+999999999")]
    assert [rank(cell) for cell in cells] == [-math.inf, 0.0, math.inf] and {rest(cell) for cell in cells} == {b"\x80"}
