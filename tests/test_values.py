"""What values count as: equal ones as one, different ones as different, and the rest is refused."""

from __future__ import annotations

import contextvars
import copy
import ctypes
import datetime as dt
import enum
import functools
import io
import itertools
import logging
import math
import multiprocessing
import os
import pathlib
import pickle
import queue
import random
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import types
import typing
import uuid
import weakref
import zoneinfo
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from running import shown
from sweepable.errors import UndigestibleError
from sweepable.identity.values import Encoder, digest, encode, encode_scalar, is_frozen


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.Flag):
    A = 1
    B = 2


class Tagged(list[Any]):
    note: Any


class Wordy(str):
    pass


class Celsius(float):
    pass


class Table(dict[Any, Any]):
    pass


class Kelvin(float):
    __slots__ = ("unit",)


Point = namedtuple("Point", "x y")
Pair = namedtuple("Pair", "x y")


@dataclass
class Config:
    dt: float = 0.1
    mesh: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frozen:
    dt: float = 0.1
    name: str = "a"


@attrs.define
class Slotted:
    a: Any
    b: Any = 2


@attrs.frozen(slots=False, cache_hash=True)
class Hashed:
    name: str


class Plain:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Other(Plain):
    pass


class InSlots:
    __slots__ = ("__private", "a", "b")

    def __init__(self, a: Any) -> None:
        self.a = a
        self.__private = a


class SlotsAndMore(InSlots):
    def __init__(self, a: Any, c: Any) -> None:
        super().__init__(a)
        self.c = c


class Stateful:
    def __init__(self, kept: Any) -> None:
        self.kept = kept
        self.lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"kept": self.kept}


class OrderedState:
    """Its state is a dict whose order is content."""

    def __init__(self, **content: Any) -> None:
        self._content = content

    def __getstate__(self) -> dict[str, Any]:
        return dict(self._content)


class Reduced:
    def __init__(self, content: Any) -> None:
        self.content = content

    def __reduce__(self) -> tuple[Any, ...]:
        return Reduced, (self.content,)


class Singleton:
    def __init__(self, name: str, **attributes: Any) -> None:
        self._name = name
        self.__dict__.update(attributes)

    def __reduce__(self) -> str:
        return self._name


class Lying(list[Any]):
    """Shows other content than it has."""

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Unequal(float):
    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = float.__hash__


def _with_note(note: Any) -> Tagged:
    tagged = Tagged([1, 2])
    tagged.note = note
    return tagged


def _kelvin(value: float, unit: str) -> Kelvin:
    kelvin = Kelvin(value)
    kelvin.unit = unit
    return kelvin


def _moved() -> OrderedDict[str, int]:
    ordered = OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    return ordered


#: Each makes a value; no two of them may count as one.
DIFFERENT: dict[str, Callable[[], Any]] = {
    "1": lambda: 1,
    "1.0": lambda: 1.0,
    "True": lambda: True,
    "float64 1": lambda: np.float64(1),
    "float32 1": lambda: np.float32(1),
    "int64 1": lambda: np.int64(1),
    "int32 1": lambda: np.int32(1),
    "bool_ True": lambda: np.bool_(True),
    "str 1": lambda: "1",
    "bytes 1": lambda: b"1",
    "str_ 1": lambda: np.str_("1"),
    "bytes_ 1": lambda: np.bytes_(b"1"),
    "complex 1": lambda: 1 + 0j,
    "complex 1-0j": lambda: complex(1, -0.0),
    "complex128 1": lambda: np.complex128(1),
    "longdouble 1": lambda: np.longdouble(1),
    "datetime64 D": lambda: np.datetime64(1, "D"),
    "datetime64 s": lambda: np.datetime64(1, "s"),
    "timedelta64 D": lambda: np.timedelta64(1, "D"),
    "void": lambda: np.void(b"1"),
    "0-d": lambda: np.array(1),
    "Decimal 1": lambda: Decimal(1),
    "Decimal 1.0": lambda: Decimal("1.0"),
    "Decimal nan": lambda: Decimal("nan"),
    "Decimal snan": lambda: Decimal("snan"),
    "Decimal inf": lambda: Decimal("inf"),
    "Fraction 1": lambda: Fraction(1),
    "Fraction 1/3": lambda: Fraction(1, 3),
    "IntEnum 1": lambda: Level.LOW,
    "Celsius 1": lambda: Celsius(1),
    "Wordy 1": lambda: Wordy("1"),
    "Kelvin 1": lambda: _kelvin(1, "K"),
    "Kelvin 1 m": lambda: _kelvin(1, "mK"),
    "0.0": lambda: 0.0,
    "-0.0": lambda: -0.0,
    "0": lambda: 0,
    "False": lambda: False,
    "None": lambda: None,
    "...": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "nan": lambda: math.nan,
    "float64 nan": lambda: np.float64("nan"),
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "complex nan": lambda: complex(math.nan, 0),
    "2**63": lambda: 2**63,
    "2**64": lambda: 2**64,
    "-1": lambda: -1,
    "255": lambda: 255,
    "256": lambda: 256,
    "huge": lambda: 10**5000,
    "huge+1": lambda: 10**5000 + 1,
    "-huge": lambda: -(10**5000),
    "empty str": lambda: "",
    "empty bytes": lambda: b"",
    "NUL": lambda: "\0",
    "surrogate": lambda: "\ud800",
    "surrogate pair": lambda: "\ud83d\ude00",
    "emoji": lambda: "\U0001f600",
    "composed": lambda: "\u00e9",
    "decomposed": lambda: "e\u0301",
    "long str": lambda: "a" * 5000,
    "longer str": lambda: "a" * 5001,
    "long bytes": lambda: b"a" * 5000,
    "bytearray": lambda: bytearray(b"1"),
    "long bytearray": lambda: bytearray(b"a" * 5000),
    "memoryview": lambda: memoryview(b"1"),
    "memoryview 2-d": lambda: memoryview(b"1234").cast("B", (2, 2)),
    "memoryview 1-d": lambda: memoryview(b"1234"),
    "list": lambda: [1, 2],
    "tuple": lambda: (1, 2),
    "set": lambda: {1, 2},
    "frozenset": lambda: frozenset({1, 2}),
    "deque": lambda: deque([1, 2]),
    "deque maxlen": lambda: deque([1, 2], maxlen=2),
    "Tagged": lambda: Tagged([1, 2]),
    "Tagged a": lambda: _with_note("a"),
    "Tagged b": lambda: _with_note("b"),
    "Lying": lambda: Lying([1, 2]),
    "Lying other": lambda: Lying([1, 3]),
    "Point": lambda: Point(1, 2),
    "Pair": lambda: Pair(1, 2),
    "range": lambda: range(1, 3),
    "range step": lambda: range(1, 3, 2),
    "slice": lambda: slice(1, 3),
    "slice None": lambda: slice(None, 3),
    "nested": lambda: [1, [2]],
    "nested other": lambda: [[1], 2],
    "nested third": lambda: [[1, 2]],
    "empty list": lambda: [],
    "empty tuple": lambda: (),
    "empty set": lambda: set(),
    "empty dict": lambda: {},
    "list of empty": lambda: [[]],
    "dict": lambda: {"a": 1, "b": 2},
    "dict in other order": lambda: {"b": 2, "a": 1},
    "dict keys": lambda: {1: "a"},
    "dict keys float": lambda: {1.0: "a"},
    "dict of tuple": lambda: {("a", 1): 2},
    "OrderedDict": lambda: OrderedDict(a=1, b=2),
    "OrderedDict moved": _moved,
    "Counter": lambda: Counter(a=1, b=2),
    "Table": lambda: Table(a=1, b=2),
    "UserDict": lambda: UserDict(a=1, b=2),
    "ChainMap": lambda: ChainMap({"a": 1}, {"b": 2}),
    "mappingproxy": lambda: types.MappingProxyType({"a": 1, "b": 2}),
    "defaultdict": lambda: defaultdict(None, a=1, b=2),
    "defaultdict int": lambda: defaultdict(int, a=1, b=2),
    "defaultdict list": lambda: defaultdict(list, a=1, b=2),
    "Enum": lambda: Colour.RED,
    "Enum other": lambda: Colour.GREEN,
    "Flag": lambda: Mode.A,
    "Flags": lambda: Mode.A | Mode.B,
    "date": lambda: dt.date(2020, 1, 1),
    "datetime": lambda: dt.datetime(2020, 1, 1),
    "datetime fold": lambda: dt.datetime(2020, 1, 1, fold=1),
    "datetime us": lambda: dt.datetime(2020, 1, 1, 0, 0, 0, 1),
    "datetime UTC": lambda: dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    "datetime ZoneInfo": lambda: dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
    "time": lambda: dt.time(1),
    "time UTC": lambda: dt.time(1, tzinfo=dt.UTC),
    "timedelta": lambda: dt.timedelta(1),
    "timedelta -": lambda: dt.timedelta(-1),
    "timezone": lambda: dt.timezone(dt.timedelta(0), "Z"),
    "UTC": lambda: dt.UTC,
    "ZoneInfo": lambda: zoneinfo.ZoneInfo("Europe/Berlin"),
    "UUID": lambda: uuid.UUID(int=1),
    "Pattern": lambda: re.compile("a"),
    "Pattern bytes": lambda: re.compile(b"a"),
    "Pattern flags": lambda: re.compile("a", re.I),
    "PurePosixPath": lambda: pathlib.PurePosixPath("a"),
    "PureWindowsPath": lambda: pathlib.PureWindowsPath("a"),
    "Path missing": lambda: pathlib.Path("a/missing/file"),
    "Plain": lambda: Plain(a=1, b=2),
    "Other": lambda: Other(a=1, b=2),
    "Plain more": lambda: Plain(a=1, b=2, c=3),
    "Plain nested": lambda: Plain(a=Plain(b=2)),
    "Namespace": lambda: types.SimpleNamespace(a=1, b=2),
    "Config": lambda: Config(0.1, [1]),
    "Config other": lambda: Config(0.1, [2]),
    "Frozen": lambda: Frozen(0.1),
    "Frozen other": lambda: Frozen(0.2),
    "Slotted": lambda: Slotted(1),
    "Slotted other": lambda: Slotted(2),
    "InSlots": lambda: InSlots(1),
    "InSlots other": lambda: InSlots(2),
    "SlotsAndMore": lambda: SlotsAndMore(1, 1),
    "SlotsAndMore other": lambda: SlotsAndMore(1, 2),
    "Stateful": lambda: Stateful(1),
    "Stateful other": lambda: Stateful(2),
    "OrderedState": lambda: OrderedState(a=1, b=2),
    "OrderedState other": lambda: OrderedState(b=2, a=1),
    "Reduced": lambda: Reduced([1]),
    "Reduced other": lambda: Reduced([2]),
    "Singleton": lambda: Singleton("K", a=1),
    "Singleton other": lambda: Singleton("K", a=2),
    "Random": lambda: random.Random(1),
    "Random other": lambda: random.Random(2),
    "ValueError": lambda: ValueError("a"),
    "KeyError": lambda: KeyError("a"),
    "function": lambda: math.sin,
    "other function": lambda: math.cos,
    "class": lambda: Plain,
    "other class": lambda: Other,
    "module": lambda: math,
    "partial": lambda: functools.partial(pow, 2),
    "other partial": lambda: functools.partial(pow, 3),
    "partial keywords": lambda: functools.partial(pow, exp=2),
    "bound method": lambda: [1].append,
    "other bound method": lambda: [2].append,
    "bound generator": lambda: np.random.default_rng(1).normal,
    "other bound generator": lambda: np.random.default_rng(2).normal,
    "np.random.rand": lambda: np.random.rand,
    "random.random": lambda: random.random,
    "generic alias": lambda: list[int],
    "other generic alias": lambda: list[float],
    "typing alias": lambda: typing.Annotated[int, "m"],
    "union": lambda: int | str,
}

#: Each pair is made in two ways and counts as one.
SAME: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "attributes by name": (lambda: Plain(a=1, b=2), lambda: Plain(b=2, a=1)),
    "namespace by name": (lambda: types.SimpleNamespace(a=1, b=2), lambda: types.SimpleNamespace(b=2, a=1)),
    "set order": (lambda: {8, 16, 24, 0}, lambda: {0, 24, 16, 8}),
    "set history": (lambda: set(range(100)) - set(range(3, 100)), lambda: {0, 1, 2}),
    "mixed set": (lambda: {1, "a", None, (1, 2)}, lambda: {(1, 2), None, "a", 1}),
    "nan sign": (lambda: math.nan, lambda: -math.nan),
    "Decimal nan payload": (lambda: Decimal("nan"), lambda: Decimal("-nan123")),
    "Decimal spelling": (lambda: Decimal("1E+5"), lambda: Decimal("1e5")),
    "reduced fraction": (lambda: Fraction(2, 4), lambda: Fraction(1, 2)),
    "slices of str": (lambda: "abcdef"[:3], lambda: "abc"),
    "UUID": (lambda: uuid.UUID(int=1), lambda: uuid.UUID("00000000-0000-0000-0000-000000000001")),
    "UTC": (lambda: dt.UTC, lambda: dt.timezone(dt.timedelta(0))),
    "memoryview": (lambda: memoryview(b"12"), lambda: memoryview(b"1_2_")[::2]),
    "int types of one width": (lambda: np.longlong(1), lambda: np.int64(1)),
}


def test_different_values_never_share_bytes() -> None:
    """No two different values count as one, whatever they compare as."""
    seen: dict[bytes, str] = {}
    for name, make in DIFFERENT.items():
        part = encode(make())
        assert seen.setdefault(part, name) == name
    assert len({encode([make()]) for make in DIFFERENT.values()}) == len(DIFFERENT)


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_value_made_again_counts_as_the_same(name: str) -> None:
    """A value made again, alone or inside another, has the same digest."""
    make = DIFFERENT[name]
    assert digest(make()) == digest(make())
    assert encode([make(), make()]) == encode([make(), make()])
    value = make()
    assert encode([value, value]) == encode([make(), make()])


#: What cannot be pickled, or comes back as something else.
_NOT_PICKLED = {
    *("mappingproxy", "memoryview", "memoryview 2-d", "memoryview 1-d", "module"),
    *("Stateful", "Stateful other", "OrderedState", "OrderedState other", "Singleton", "Singleton other"),
    *("Lying", "Lying other", "random.random", "np.random.rand"),
}


@pytest.mark.parametrize("name", sorted(DIFFERENT.keys() - _NOT_PICKLED))
def test_a_pickled_value_counts_as_the_same(name: str) -> None:
    """What comes back from another process has the digest that it had there."""
    value = DIFFERENT[name]()
    assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


@pytest.mark.parametrize("name", SAME)
def test_how_a_value_was_made_does_not_count(name: str) -> None:
    """Equal content is one value, whatever the way to it."""
    one, other = SAME[name]
    assert digest(one()) == digest(other())
    assert digest([one()]) == digest([other()])


def test_decimals_do_not_depend_on_the_context() -> None:
    """A Decimal counts the same whatever arithmetic context is in force."""
    before = digest(Decimal("1e50"))
    with localcontext() as context:
        context.capitals, context.prec = 0, 2
        assert digest(Decimal("1e50")) == before


def test_an_overridden_comparison_is_not_asked() -> None:
    """A class that says nothing equals it, is not taken for NaN."""
    assert digest(Unequal(1)) != digest(Unequal(2))
    assert digest(Unequal("nan")) == digest(Unequal("-nan"))


def test_the_fast_path_gives_the_same_bytes() -> None:
    """Scalars inside containers, alone, and by the fast path are the same bytes."""
    for make in DIFFERENT.values():
        part = encode_scalar(make())
        if part is not None:
            assert part == encode(make()) == Encoder().encode(make())
            assert encode([make()]).endswith(part)


def test_encodings_stay_small() -> None:
    """However large a value is, what stands for it is short."""
    assert len(encode(list(range(100_000)))) < 64
    assert len(encode("a" * 10**6)) < 64
    assert len(encode({"a": ["b" * 2000] * 1000})) < 1100


# Sharing and cycles.


def test_sharing_does_not_count() -> None:
    """A value held twice counts as two equal values."""
    shared = [1, 2, [3] * 200]
    assert digest([shared, shared]) == digest([shared, copy.deepcopy(shared)])
    assert digest([shared, shared]) == digest(pickle.loads(pickle.dumps([shared, copy.deepcopy(shared)])))


def test_doubling_structures_are_quick() -> None:
    """Sixty levels that each hold the one below twice are encoded, not unrolled."""
    value: Any = [0.5]
    for _ in range(60):
        value = [value, value]
    deeper = Plain(a=value, b=value)
    assert digest(deeper) == digest(Plain(a=copy.deepcopy(value), b=value))


def test_cycles_count_by_where_they_lead() -> None:
    """Values that hold themselves have a digest; where the cycle leads makes a difference."""
    inner: list[Any] = [1]
    inner.append(inner)
    other: list[Any] = [1]
    other.append(other)
    outer: list[Any] = [1, []]
    outer[1].append(outer)
    assert digest(inner) == digest(other) == digest(copy.deepcopy(inner))
    assert digest(outer) == digest(copy.deepcopy(outer)) != digest(inner)
    assert digest([inner, inner]) == digest([inner, other])


def _ring(size: int, chord: int) -> Plain:
    nodes = [Plain(at=at) for at in range(size)]
    for at, node in enumerate(nodes):
        node.after = nodes[(at + 1) % size]  # type: ignore[attr-defined]
        node.chord = nodes[(at + chord) % size]  # type: ignore[attr-defined]
    return nodes[0]


def test_entangled_graphs_are_quick_and_told_apart() -> None:
    """A graph in which everything leads to everything has a digest of its own."""
    nodes = [Plain(at=at) for at in range(30)]
    for node in nodes:
        node.others = [other for other in nodes if other is not node]  # type: ignore[attr-defined]
    assert digest(nodes) == digest(pickle.loads(pickle.dumps(nodes)))
    digests = {digest(_ring(size, chord)) for size in (5, 6, 7) for chord in (1, 2, 3, 4)}
    assert len(digests) == 12


def test_trees_with_sets_and_parents_have_one_digest() -> None:
    """A tree whose nodes keep children in a set and know their parent counts by content, not by address."""

    def tree() -> Plain:
        root = Plain(name="root", children=set())
        for name in "abcdefgh":
            child = Plain(name=name, parent=root, children=set())
            root.children.add(child)  # type: ignore[attr-defined]
            child.children.update(Plain(name=name + str(n), parent=child) for n in range(3))  # type: ignore[attr-defined]
        return root

    trees = [tree() for _ in range(3)]
    assert len({digest(value) for value in trees}) == 1


def test_graphs_entangled_by_sets_are_refused() -> None:
    """Where no order can be told in reasonable time, that is said."""
    nodes = [Plain(at=at) for at in range(14)]
    for node in nodes:
        node.others = {other for other in nodes if other is not node}  # type: ignore[attr-defined]
    with pytest.raises(UndigestibleError, match="too many ways"):
        digest(nodes)


def test_deep_nesting_is_an_error_not_a_crash() -> None:
    """Ten thousand lists in one another are refused by name; a hundred are fine."""
    value: Any = 0
    for _ in range(10_000):
        value = [value]
    with pytest.raises(UndigestibleError, match="nested too deeply"):
        digest(value, "mesh")
    shallow = value
    for _ in range(9_900):
        shallow = shallow[0]
    assert digest(shallow) != digest(shallow[0])


def test_deep_nesting_does_not_crash_with_a_high_recursion_limit() -> None:
    """Who raised Python's recursion limit gets the same error, and no broken process."""
    code = (
        "import sys; sys.setrecursionlimit(10**6)\n"
        "from sweepable.identity.values import digest\n"
        "value = 0\nfor _ in range(10_000): value = [value]\n"
        "try: digest(value, 'mesh')\nexcept TypeError as error: print('mesh is a list' in str(error))"
    )
    assert _python(code) == "True"


# Across processes.

_ACROSS = """
import datetime, enum, decimal, pathlib, re, uuid, fractions
from collections import *
import numpy as np
from sweepable.identity.values import digest
class E(enum.Enum):
    A = "a"
class P:
    pass
p = P(); p.z = 1; p.a = {"x", "y", "z"}
values = [
    1, -1, 1.5, True, None, "abc", b"abc", 2**200, 1j, ..., "ä" * 2000,
    {"a", "b", "c", 1, 2.5, None, ("a", 1)}, frozenset({frozenset({"a", "b"}), frozenset({"a"}), frozenset({"b"})}),
    {"a": {"b": {"c", "d"}}, 1: [1, (2, 3)]}, Counter("hello"), OrderedDict(a=1), deque("ab", 3), range(3), slice(2),
    datetime.datetime(2020, 1, 2, 3, 4, 5, 6, datetime.timezone.utc), datetime.timedelta(1, 2, 3),
    decimal.Decimal("1.50"), fractions.Fraction(1, 3), uuid.UUID(int=5), re.compile("a+", re.I),
    pathlib.PurePosixPath("a/b"), pathlib.Path("no/such/file"), p, E.A, np.arange(5.0), np.float32(1.5),
    np.array(["a", "bc"]), np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), np.array([1, "a"], dtype=object),
    np.datetime64("2020-01-01"), np.random.default_rng(1), np.dtype("f4"), np.sin,
]
"""


def _python(code: str, **environment: str) -> str:
    root = str(pathlib.Path(sys.modules["sweepable"].__file__ or "").parent.parent)
    surroundings = {**os.environ, "PYTHONPATH": root, **environment}
    done = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_hash_seeds_do_not_count() -> None:
    """Two processes with different hash seeds digest everything alike."""
    code = f"{_ACROSS}\nprint([digest(value) for value in values])"
    assert _python(code, PYTHONHASHSEED="1") == _python(code, PYTHONHASHSEED="2")


# Properties.

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1.0, math.nan, -math.nan]),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.complex_numbers(allow_nan=False),
    st.sampled_from([np.float64(1), np.int64(1), np.float32(0), np.bool_(True), Colour.RED, Decimal(1), Fraction(1)]),
    st.text("ab", min_size=1023, max_size=1026),
)
_KEYS = st.one_of(st.integers(-2, 2), st.text("ab", max_size=2), st.booleans(), st.none(), st.floats(0, 1))
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(_KEYS, inner, max_size=3),
        st.frozensets(_KEYS, max_size=3),
        st.sets(_KEYS, max_size=3),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(lambda found: Plain(**found)),
    ),
    max_leaves=8,
)


def _shown(value: Any) -> Any:
    """What makes a value, told independently: types, reprs and order where it counts."""
    kind = type(value)
    if kind in (list, tuple):
        return kind, tuple(map(_shown, value))
    if kind in (set, frozenset):
        return kind, frozenset(map(_shown, value))
    if kind is dict:
        return kind, tuple((_shown(key), _shown(part)) for key, part in value.items())
    if kind is Plain:
        return kind, tuple((name, _shown(part)) for name, part in sorted(vars(value).items()))
    return kind, repr(value)


@given(_VALUES, _VALUES)
@settings(max_examples=400, deadline=None)
def test_equal_bytes_mean_equal_values(one: Any, other: Any) -> None:
    """Of any two values, the encodings are equal exactly when types and content are."""
    assert (encode(one) == encode(other)) == (_shown(one) == _shown(other))


@given(_VALUES)
@settings(max_examples=200, deadline=None)
def test_copies_and_pickles_have_equal_bytes(value: Any) -> None:
    """Copies, pickled copies and second looks have the same encoding."""
    part = encode(value)
    assert encode(copy.deepcopy(value)) == encode(pickle.loads(pickle.dumps(value))) == encode(value) == part


@given(st.lists(_VALUES, max_size=4), st.randoms())
@settings(max_examples=100, deadline=None)
def test_one_encoder_gives_what_fresh_ones_give(values: list[Any], order: random.Random) -> None:
    """What was encoded before does not change what follows."""
    encoder = Encoder()
    shuffled = values * 2
    order.shuffle(shuffled)
    assert [encoder.encode(value) for value in shuffled] == [encode(value) for value in shuffled]


# Paths.


def test_a_path_to_a_file_counts_by_its_content(tmp_path: pathlib.Path) -> None:
    """A changed or renamed file is another value, for its name is a label; a moved one is not; a str is text."""
    (tmp_path / "sub").mkdir()
    file, moved, renamed = tmp_path / "a.csv", tmp_path / "sub" / "a.csv", tmp_path / "b.csv"
    file.write_bytes(b"1,2")
    before, text = digest(file), digest(str(file))
    file.write_bytes(b"1,3")
    assert digest(file) != before
    assert digest(str(file)) == text != before
    file.write_bytes(b"1,2")
    file.rename(moved)
    assert digest(moved) == before
    moved.rename(renamed)
    assert digest(renamed) not in (before, text)
    assert digest(file) not in (before, text)
    assert digest(file) != digest(tmp_path / "other")


def test_large_files_count_in_full(tmp_path: pathlib.Path) -> None:
    """One byte in the middle of a file of several megabytes makes a difference."""
    file = tmp_path / "data"
    content = bytearray(3_000_000)
    file.write_bytes(content)
    before = digest(file)
    content[1_500_000] = 1
    file.write_bytes(content)
    assert digest(file) != before


def test_a_folder_is_refused_with_the_way_out(tmp_path: pathlib.Path) -> None:
    """A folder's content is not guessed at: the error says to pass the files."""
    with pytest.raises(UndigestibleError, match="list of the files") as caught:
        digest({"data": [tmp_path]}, "params")
    assert caught.value.path == "params['data'][0]"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(UndigestibleError, match="neither a file nor a folder"):
        digest(fifo)


def test_a_link_counts_as_what_it_leads_to(tmp_path: pathlib.Path) -> None:
    """A symbolic link to a file has that file's content, under its own name."""
    (tmp_path / "sub").mkdir()
    file, link = tmp_path / "a", tmp_path / "sub" / "a"
    file.write_bytes(b"x")
    link.symlink_to(file)
    assert digest(link) == digest(file)


# Refusals.


def _generator() -> Any:
    yield 1


async def _coroutine() -> None:
    pass


class Raising:
    def __reduce__(self) -> Any:
        raise ValueError("not today")


class RaisingState:
    def __getstate__(self) -> Any:
        raise OSError("no disk")


REFUSED: dict[str, Callable[[], Any]] = {
    "open file": lambda: open(os.devnull),  # noqa: SIM115
    "open binary file": lambda: open(os.devnull, "rb"),  # noqa: SIM115
    "BytesIO": lambda: io.BytesIO(b"a"),
    "StringIO": lambda: io.StringIO("a"),
    "socket": lambda: socket.socket(),
    "generator": lambda: _generator(),
    "generator expression": lambda: (x for x in ()),
    "list iterator": lambda: iter([1]),
    "dict iterator": lambda: iter({}),
    "map": lambda: map(abs, [1]),
    "zip": lambda: zip([1], [2], strict=True),
    "filter": lambda: filter(None, [1]),
    "enumerate": lambda: enumerate([1]),
    "reversed": lambda: reversed([1]),
    "itertools.count": lambda: itertools.count(),
    "itertools.chain": lambda: itertools.chain([1]),
    "np.flatiter": lambda: np.arange(3).flat,
    "np.nditer": lambda: np.nditer(np.arange(3)),
    "dict view": lambda: {"a": 1}.keys(),
    "lock": lambda: threading.Lock(),
    "rlock": lambda: threading.RLock(),
    "condition": lambda: threading.Condition(),
    "event": lambda: threading.Event(),
    "semaphore": lambda: threading.Semaphore(),
    "thread": lambda: threading.Thread(),
    "thread local": lambda: threading.local(),
    "process": lambda: multiprocessing.Process(),
    "process lock": lambda: multiprocessing.Lock(),
    "executor": lambda: ThreadPoolExecutor(1),
    "queue": lambda: queue.Queue(),
    "simple queue": lambda: queue.SimpleQueue(),
    "weakref": lambda: weakref.ref(Plain),
    "weak dict": lambda: weakref.WeakValueDictionary(),
    "weak keys": lambda: weakref.WeakKeyDictionary(),
    "weak set": lambda: weakref.WeakSet(),
    "weak proxy": lambda: weakref.proxy(Plain),
    "logger": lambda: logging.getLogger("a"),
    "handler": lambda: logging.NullHandler(),
    "sqlite": lambda: sqlite3.connect(":memory:"),
    "contextvar": lambda: contextvars.ContextVar("a"),
    "context": lambda: contextvars.copy_context(),
    "pointer": lambda: ctypes.pointer(ctypes.c_int(1)),
    "void pointer": lambda: ctypes.c_void_p(1),
    "callback": lambda: ctypes.CFUNCTYPE(None)(lambda: None),
    "frame": lambda: sys._getframe(),
    "code": lambda: _generator.__code__,
    "made ufunc": lambda: np.frompyfunc(lambda x: x, 1, 1),
    "raising": Raising,
    "raising state": RaisingState,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_content_is_refused(name: str) -> None:
    """What is alive, read once or a mere address is an error that says where it is, never a digest."""
    value = REFUSED[name]()
    for held, path in ((value, "x"), ([0, {"a": value}], "x[1]['a']"), (Plain(b=(value,)), "x.b[0]")):
        with pytest.raises(UndigestibleError) as caught:
            digest(held, "x")
        assert caught.value.path.startswith(path)
        assert caught.value.type_name and caught.value.reason
    getattr(value, "close" if hasattr(value, "close") else "shutdown", lambda: None)()


def test_a_coroutine_is_refused() -> None:
    """A coroutine can be awaited once only, so it is no argument."""
    coroutine = _coroutine()
    with pytest.raises(UndigestibleError, match="coroutine"):
        digest(coroutine)
    coroutine.close()


@pytest.mark.parametrize("kind", [Raising, RaisingState])
def test_what_raises_while_it_is_read_is_refused_with_the_cause(kind: type) -> None:
    """An error of the value's own code is kept as the cause."""
    with pytest.raises(UndigestibleError, match="raised") as caught:
        digest([kind()], "x")
    assert caught.value.path == "x[0]"
    assert isinstance(caught.value.__cause__, ValueError | OSError)


def test_paths_are_written_as_code() -> None:
    """The path in an error is what one would write to reach the value."""
    lock = threading.Lock()
    config = Config(mesh=[0, {"a b": Plain(dt=lock)}])
    values = {
        "params.mesh[1]['a b'].dt": config,
        "params[2, 'a']": {(2, "a"): lock},
        "params[b'x']": {b"x": lock},
        "params[None]": {None: lock},
        "list(params)[0].dt": {Plain(dt=lock): 1},
        "params{...}": {lock},
        "params[0, 1]": np.array([[1, lock]], dtype=object),
        "params.maker": Plain(maker=lock),
        "params.note": _with_note(lock),
    }
    for path, value in values.items():
        with pytest.raises(UndigestibleError) as caught:
            digest(value, "params")
        assert caught.value.path == path
    assert "_thread.lock" in str(caught.value)


def test_an_encoder_goes_on_after_a_refusal() -> None:
    """A refused value leaves nothing behind in its encoder."""
    encoder = Encoder()
    value = [[1], [2, threading.Lock()]]
    with pytest.raises(UndigestibleError):
        encoder.encode(value)
    value[1].pop()
    assert encoder.encode(value) == encode(value)
    with pytest.raises(UndigestibleError) as caught:
        encoder.encode([iter(())], "y")
    assert caught.value.path == "y[0]"


# Code, upstream calls, and classes that speak for themselves.


def test_functions_and_classes_are_described() -> None:
    """Functions and classes count by what describes them, and so do the classes of instances."""
    met: list[tuple[object, str]] = []

    def describe(value: object, path: str) -> bytes:
        met.append((value, path))
        return version + getattr(value, "__name__", "").encode()

    version = b"1"
    values = {"f": math.sin, "p": [Plain(a=1), Plain(a=2)], "c": Colour, "n": Point(1, 2), "e": Colour.RED}
    before = digest(values, "x", describe=describe)
    assert met[:2] == [(math.sin, "x['f']"), (Plain, "x['p'][0]")]
    assert [value for value, _ in met].count(Plain) == 1
    assert digest(values, describe=describe) == before
    for value in values.values():
        version = b"1"
        before = digest(value, describe=describe)
        version = b"2"
        assert digest(value, describe=describe) != before


def test_classes_of_the_same_body_are_two() -> None:
    """Marker classes that differ in nothing but their name are told apart, and so are their instances."""

    def describe(value: object, path: str) -> bytes:
        return b"the same body"

    assert digest(Point, describe=describe) != digest(Pair, describe=describe)
    assert digest(Point(1, 2), describe=describe) != digest(Pair(1, 2), describe=describe)
    assert digest(Plain(a=1), describe=describe) != digest(Other(a=1), describe=describe)


def test_describing_may_encode_with_the_same_encoder() -> None:
    """A description may itself be made of encoded values."""

    def describe(value: object, path: str) -> bytes:
        return encoder.encode([1, {"constant": [2.5]}], f"{path}.constant")

    encoder = Encoder(describe)
    ring = _ring(4, 2)
    assert encoder.encode([ring, ring]) == encoder.encode([_ring(4, 2), ring])


class Call:
    def __init__(self, key: str) -> None:
        self.loaded = False
        self._key = key

    @property
    def __sweepable_key__(self) -> str:
        return self._key

    def __reduce__(self) -> Any:
        raise AssertionError("its content is not looked at")


class Calls:
    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def __sweepable_calls__(self) -> list[Call]:
        return [Call(key) for key in self.keys]


class SelfMade:
    def __init__(self, shown: Any, lock: Any) -> None:
        self.shown, self.lock = shown, lock

    def __sweepable_digest__(self) -> Any:
        return self.shown


def test_upstream_calls_count_by_key_and_are_listed() -> None:
    """A Record counts as its call's key, nothing of it is read, and it is listed with its path."""
    encoder = Encoder()
    call = Call("a" * 64)
    shared = [call, 1.0] * 300
    part = encoder.encode({"r": [0, call]}, "x")
    assert [(path, key) for path, key, _ in encoder.calls] == [("x['r'][1]", "a" * 64)]
    assert part == encode({"r": [0, Call("a" * 64)]}) != encode({"r": [0, Call("b" * 64)]})
    assert part != encode({"r": [0, "a" * 64]})
    for parameter in ("y", "z"):
        encoder.encode(shared, parameter)
        assert encoder.calls[-1][0].startswith(f"{parameter}[")


def test_queries_count_by_the_keys_of_their_calls() -> None:
    """A query counts by its calls in order; all of them are upstream."""
    encoder = Encoder()
    part = encoder.encode([Calls("a" * 64, "b" * 64)])
    assert [key for _, key, _ in encoder.calls] == ["a" * 64, "b" * 64]
    assert part != encode([Calls("b" * 64, "a" * 64)])
    assert part != encode([[Call("a" * 64), Call("b" * 64)]])


def test_a_class_may_say_what_counts() -> None:
    """`__sweepable_digest__` decides by what it returns, together with the class."""
    lock = threading.Lock()
    assert digest(SelfMade([1], lock)) == digest(SelfMade([1], None)) != digest(SelfMade([2], lock))
    assert digest(SelfMade([1], lock)) != digest([1])
    with pytest.raises(UndigestibleError, match="lock"):
        digest(SelfMade(lock, None))


def test_functions_on_a_module_do_not_count_its_hidden_state() -> None:
    """`np.random.rand` given as a callback is that function, whatever was drawn before."""
    functions = np.random.rand, random.random, random.randint
    before = [digest(function) for function in functions]
    np.random.rand()
    random.random()
    assert [digest(function) for function in functions] == before
    assert len(set(before)) == 3


# What is kept across calls but is no content.


def test_cached_hashes_of_attrs_do_not_count() -> None:
    """An attrs class that remembers its hash counts the same before and after it was hashed."""
    value = Hashed("a")
    before = digest(value)
    hash(value)
    assert digest(value) == before != digest(Hashed("b"))


# Frozen values.


@pytest.mark.parametrize(
    "value",
    [1, 1.0, True, None, "a", b"a", 1j, ..., range(3), (1, ("a", 2.0)), frozenset({1, (2,)}), Colour.RED, math.sin]
    + [Plain, dt.datetime(2020, 1, 1, tzinfo=dt.UTC), Decimal(1), Fraction(1), uuid.UUID(int=1), re.compile("a")]
    + [np.float64(1), np.str_("a"), np.datetime64(1, "D"), Point(1, 2), slice(1, 2), pathlib.PurePosixPath("a")]
    + [Call("a" * 64), zoneinfo.ZoneInfo("UTC"), Mode.A | Mode.B, len, int],
    ids=shown,
)
def test_frozen_values_are_known(value: Any) -> None:
    """Values that nothing can change are known as such."""
    assert is_frozen(value)


@pytest.mark.parametrize(
    "value",
    [[], {}, set(), bytearray(), ([],), (1, {}), Plain(), Frozen(), Point(1, []), pathlib.Path("a"), deque()]
    + [frozenset({Plain()}), functools.partial(len), [].append, Tagged(), Celsius(1), slice([], 1), memoryview(b"a")]
    + [np.void(b"a"), types.MappingProxyType({}), SelfMade(1, 1), Calls(), math],
    ids=lambda value: type(value).__name__,
)
def test_what_can_change_is_not_taken_for_frozen(value: Any) -> None:
    """Whatever could be changed, or might be, is digested again."""
    assert not is_frozen(value)


def test_a_changed_value_has_another_digest() -> None:
    """What a call changes in its arguments shows in their digest."""
    config = Config(mesh=[1, {"a": np.zeros(3)}])
    before = digest(config)
    config.mesh[1]["a"][1] = 1
    assert digest(config) != before
