"""Values of all kinds and a few calls, whose digests and keys are the same on every Python, pandas and numpy.

What differs between versions of pandas by itself (the dtype of texts, the unit of times) is given explicitly.
"""

from __future__ import annotations

import datetime as dt
import enum
import functools
import math
import operator
import random
import re
import types
import uuid
import zoneinfo
from array import array
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

import sweepable
from sweepable.call import Call
from sweepable.identity.code import describe
from sweepable.identity.values import digest

GAIN = 2.5
MISSING = object()
Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = 1
    GREEN = "green"


class Mode(enum.Flag):
    A = 1
    B = 2


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Solver:
    step: float = 0.1
    order: int = 4

    def steps(self, duration: float) -> int:
        return round(duration / self.step)


@dataclass(frozen=True, slots=True)
class Config:
    name: str = "a"
    solver: Solver = field(default_factory=Solver)


class Motor:
    def __init__(self, **parameters: Any) -> None:
        self.__dict__.update(parameters)

    def torque(self, current: float) -> float:
        return GAIN * current


class Table(dict[str, Any]):
    pass


class Spoken:
    def __sweepable_digest__(self) -> Any:
        return "spoken", 1


class Registered:
    pass


class MatrixOf(np.ndarray[Any, Any]):
    pass


def helper(x: float, n: int = 2, *, scale: float = 1.5) -> float:
    return x**n * scale * GAIN


def counted(registered: Any) -> Any:
    return type(registered).__name__, GAIN


def _ring() -> list[Any]:
    ring: list[Any] = [1]
    ring.append([2, ring])
    return ring


def _closure() -> Callable[[float], float]:
    shift = 3
    return lambda x: helper(x) + shift


def _frame() -> pd.DataFrame:
    columns = {"a": np.arange(3), "b": np.array([1.5, np.nan, -0.0]), "c": np.array(["x", None, 1], object)}
    frame = pd.DataFrame(columns, index=pd.Index([3, 1, 2], name="i", dtype="int64"))
    frame.columns = pd.Index(["a", "b", "c"], dtype=object)
    frame.attrs["unit"] = "m"
    return frame


def _days(unit: str = "ns") -> Any:
    return pd.DatetimeIndex(np.array(["2020-01-01", "2020-01-02", "2020-01-03"], f"M8[{unit}]"))


def _categories(values: list[Any]) -> pd.Index:
    return pd.Index(np.array(values, object), dtype=object)


def _monthly() -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.array(["2020-01-31", "2020-02-29"], "M8[ns]"), freq=pd.offsets.MonthEnd())


_RECORDS = np.dtype([("a", "<i4"), ("b", "<f8", (2,)), (("title", "c"), "S3")])

VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "int": lambda: -(2**70),
    "huge int": lambda: 10**3000,
    "float": lambda: 0.1,
    "minus zero": lambda: -0.0,
    "nan": lambda: math.nan,
    "complex": lambda: complex(1, math.nan),
    "str": lambda: "ä\0\ud800",
    "long str": lambda: "ab" * 5000,
    "bytes": lambda: b"\0\xff",
    "long bytes": lambda: b"ab" * 5000,
    "bytearray": lambda: bytearray(b"ab"),
    "memoryview": lambda: memoryview(b"abcd").cast("B", (2, 2)),
    "list": lambda: [1, [2.0, "a"], None],
    "tuple": lambda: (1, (), ("a",)),
    "dict": lambda: {"b": 1, "a": {1: 2.0, (1, 2): None}},
    "set": lambda: {"a", "b", 1, 2.5, None, ("a", 1)},
    "frozenset": lambda: frozenset({frozenset({"a", "b"}), frozenset({"b"})}),
    "ring": _ring,
    "range": lambda: range(1, 10, 3),
    "slice": lambda: slice(None, 3),
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "OrderedDict": lambda: OrderedDict(b=1, a=2),
    "defaultdict": lambda: defaultdict(list, a=[1]),
    "Counter": lambda: Counter("hello"),
    "deque": lambda: deque([1, 2], maxlen=3),
    "ChainMap": lambda: ChainMap({"a": 1}, {"b": 2}),
    "UserDict": lambda: UserDict(a=1),
    "mappingproxy": lambda: types.MappingProxyType({"a": 1}),
    "namespace": lambda: types.SimpleNamespace(b=1, a=2),
    "array.array": lambda: array("d", [1.0, 2.0]),
    "named tuple": lambda: Point(1, 2.0),
    "Enum": lambda: Colour.GREEN,
    "Flag": lambda: Mode.A | Mode.B,
    "IntEnum": lambda: Level.LOW,
    "Decimal": lambda: Decimal("1.50E+3"),
    "Fraction": lambda: Fraction(-1, 3),
    "UUID": lambda: uuid.UUID(int=5),
    "Pattern": lambda: re.compile("a+", re.IGNORECASE),
    "date": lambda: dt.date(2020, 2, 29),
    "datetime": lambda: dt.datetime(2020, 1, 2, 3, 4, 5, 6, dt.timezone(dt.timedelta(hours=1), "X"), fold=1),
    "datetime with zone": lambda: dt.datetime(2020, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    "time": lambda: dt.time(1, 2, 3, tzinfo=dt.UTC),
    "timedelta": lambda: dt.timedelta(-1, 2, 3),
    "PurePath": lambda: PurePosixPath("a/b"),
    "Path without file": lambda: Path("no/such/file"),
    "Path": lambda: Path(__file__).with_name("golden_file.csv"),
    "exception": lambda: ValueError("a", 1),
    "sentinel": lambda: MISSING,
    "random.Random": lambda: random.Random(1).getstate()[1][:5],
    # Instances and code.
    "dataclass": lambda: Solver(0.2),
    "frozen dataclass": lambda: Config("b"),
    "instance": lambda: Motor(b=1, a=[Solver()]),
    "subclass of dict": lambda: Table(a=1),
    "own digest": Spoken,
    "registered digest": Registered,
    "function": lambda: helper,
    "lambda": lambda: lambda x: helper(x) + 1,
    "closure": _closure,
    "method": lambda: Motor(a=1).torque,
    "partial": lambda: functools.partial(helper, n=3),
    "class": lambda: Config,
    "builtin": lambda: math.sin,
    "operator": lambda: operator.itemgetter(1, 2),
    "type": lambda: float,
    "alias": lambda: dict[str, list[int]],
    # numpy.
    "np.float64": lambda: np.float64(0.1),
    "np.float16": lambda: np.float16("nan"),
    "np.int8": lambda: np.int8(-1),
    "np.bool": lambda: np.bool_(True),
    "np.complex64": lambda: np.complex64(1 + 2j),
    "np.str_": lambda: np.str_("a\0"),
    "np.bytes_": lambda: np.bytes_(b"a"),
    "np.datetime64": lambda: np.datetime64("2020-01-01", "D"),
    "np.timedelta64": lambda: np.timedelta64("NaT", "s"),
    "np.void": lambda: np.zeros(1, _RECORDS)[0],
    "array f8": lambda: np.array([[1.0, np.nan], [-0.0, np.inf]]),
    "array big-endian": lambda: np.array([1, 2], ">i2"),
    "array strided": lambda: np.arange(24.0).reshape(4, 6)[::-1, ::2].T,
    "array 0-d": lambda: np.array(1.5),
    "array empty": lambda: np.zeros((0, 3), "f4"),
    "array large": lambda: np.arange(300_000.0),
    "array U": lambda: np.array(["a", "bc"]),
    "array M8": lambda: np.array(["2020-01-01", "NaT"], "M8[D]"),
    "array structured": lambda: np.zeros(2, _RECORDS),
    "array object": lambda: np.array([[1, "a"], [None, [2.0]]], object),
    "array masked": lambda: np.ma.MaskedArray([1.0, 2.0, 3.0], mask=[0, 1, 0], fill_value=9.0),
    "array subclass": lambda: np.arange(3.0).view(MatrixOf),
    "recarray": lambda: np.zeros(2, [("a", "<i4")]).view(np.recarray),
    "np.matrix": lambda: np.asmatrix(np.eye(2)),
    "dtype": lambda: _RECORDS,
    "ufunc": lambda: np.sin,
    "np function": lambda: np.linalg.norm,
    "Generator": lambda: np.random.default_rng(1),
    "RandomState": lambda: np.random.RandomState(1),
    "SeedSequence": lambda: np.random.SeedSequence(1, spawn_key=(2,)),
    "Philox": lambda: np.random.Philox(1),
    "poly1d": lambda: np.poly1d([1.0, 2.0]),
    # pandas.
    "frame": _frame,
    "frame empty": lambda: pd.DataFrame(index=pd.RangeIndex(3), columns=pd.RangeIndex(0)),
    "series": lambda: pd.Series([1.0, 2.0], index=pd.RangeIndex(2), name="x"),
    "series of objects": lambda: pd.Series(["a", None, pd.NA], dtype=object),
    "series of times": lambda: pd.Series([1, 2, 3], index=_days()),
    "times in seconds": lambda: _days("s"),
    "times with zone": lambda: _days().tz_localize(zoneinfo.ZoneInfo("Europe/Berlin")),
    "times with freq": _monthly,
    "range index": lambda: pd.RangeIndex(1, 10, 2, name="r"),
    "multi index": lambda: pd.MultiIndex.from_arrays(
        [_categories(["a", "a", "b"]), pd.Index([1, 2, 1], dtype="int64")], names=["k", "n"]
    ),
    "categorical": lambda: pd.Categorical.from_codes([0, 1, -1], categories=_categories(["x", "y"]), ordered=True),
    "nullable": lambda: pd.array([1, None, 3], dtype="Int64"),
    "nullable bool": lambda: pd.array([True, None], dtype="boolean"),
    "string": lambda: pd.array(["a", None], dtype="string[python]"),
    "intervals": lambda: pd.IntervalIndex.from_breaks(np.array([0.0, 1.0, 2.0]), closed="left"),
    "periods": lambda: (
        pd.PeriodIndex.from_ordinals([1, 2], freq=pd.offsets.Day())
        if hasattr(pd.PeriodIndex, "from_ordinals")
        else pd.PeriodIndex(ordinal=[1, 2], freq="D")
    ),
    "sparse": lambda: pd.arrays.SparseArray(np.array([0.0, 0.0, 1.0]), fill_value=0.0),
    "Timestamp": lambda: pd.Timestamp("2020-01-01").as_unit("ns"),
    "Timedelta": lambda: pd.Timedelta(1, "h").as_unit("ns"),
    "Period": lambda: pd.Period("2020-01-01 01:00", freq=pd.offsets.Hour()),
    "NaT": lambda: pd.NaT,
    "NA": lambda: pd.NA,
    "offset": lambda: pd.offsets.Week(weekday=2),
    "DateOffset": lambda: pd.DateOffset(months=1),
}


@sweepable.cache
def reference(amplitude: float = 1.0) -> float:
    return amplitude * GAIN


@sweepable.cache(rms=float)
def simulate(reference: Any = reference, *, motor: Any = None, gains: Any = (1.0, 2.0), **more: Any) -> float:
    return helper(reference.value) + sum(gains)


KEYS: dict[str, Callable[[], Call]] = {
    "defaults": lambda: _call(reference),
    "a number": lambda: _call(reference, 2.0),
    "an int": lambda: _call(reference, 2),
    "upstream": lambda: _call(simulate),
    "upstream with parameters": lambda: _call(simulate, reference.partial(amplitude=2.0)),
    "everything": lambda: _call(
        simulate, motor=Motor(a=Solver()), gains=np.array([1.0, 3.0]), frame=_frame(), f=helper, colour=Colour.RED
    ),
}


def _call(function: Any, *args: Any, **kwargs: Any) -> Call:
    callee = function.callee
    return Call(callee, callee.binder.bind(*args, **kwargs))


def found() -> dict[str, dict[str, str]]:
    """All digests and keys, as this interpreter makes them."""
    sweepable.register_digest(Registered, counted)
    return {
        "values": {name: digest(make(), describe=describe) for name, make in VALUES.items()},
        "keys": {name: make().key for name, make in KEYS.items()},
    }
