"""Two states of a small project, each in a fresh process: what changes a function's version, and what does not."""

# ruff: noqa: E501
# A project on one line, with its edit beside it, is easier to compare than one on many.
from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from running import script_environment, write_files

RUNNER = """
import importlib, json, sys, warnings
from sweepable.identity.code import CodeIdentity

found = {}
for name, place in json.load(open("cases.json")).items():
    module, _, path = place.rpartition(":")
    try:
        function = importlib.import_module(module)
        for step in path.split("."):
            function = getattr(function, step)
        function = getattr(function, "__wrapped__", function) if "cached" in name else function
        version = CodeIdentity(function).complete()
        found[name] = [version.digest, version.fingerprint, list(version.untracked + version.notes)]
    except Exception as error:
        import traceback
        found[name] = ["error", "error", [traceback.format_exc()]]
print(json.dumps(found))
"""


class Case(NamedTuple):
    """An edit. A text is the module ``lab``; PKG is the name of the package it lies in."""

    name: str
    same: bool
    before: str | dict[str, str]
    after: str | dict[str, str]
    #: Where the function is, before and after.
    places: tuple[str, str] = ("lab:f", "lab:f")


def same(name: str, before: str | dict[str, str], after: str | dict[str, str], *places: str) -> Case:
    return Case(name, True, before, after, (places or ("lab:f", "lab:f")))  # type: ignore[arg-type]


def different(name: str, before: str | dict[str, str], after: str | dict[str, str], *places: str) -> Case:
    return Case(name, False, before, after, (places or ("lab:f", "lab:f")))  # type: ignore[arg-type]


def edited(name: str, text: str | dict[str, str], old: str, new: str, *, alike: bool = False) -> Case:
    """An edit that replaces one piece of text, wherever it is."""
    files = {"lab.py": text} if isinstance(text, str) else text
    assert any(old in content for content in files.values()), name
    after = {path: content.replace(old, new) for path, content in files.items()}
    return same(name, files, after) if alike else different(name, files, after)


HELPER = """
K = 3

def damp(x, n=2, *, scale=1.0):
    return x * K ** n * scale

def f(x):
    return damp(x) + 1
"""

CLASSES = """
import dataclasses, enum
from typing import NamedTuple, Optional

class Base:
    offset = 1
    def shift(self, x):
        return x + self.offset

class H(Base):
    gain = 2
    def __init__(self, start=0):
        self.start = start
    def go(self, x):
        return self.shift(x) * self.gain + self.twice
    @property
    def twice(self):
        return self.start * 2
    @staticmethod
    def fixed(x):
        return x + 10
    @classmethod
    def make(cls):
        return cls(5)

@dataclasses.dataclass
class Config:
    rate: float = 0.5
    names: list = dataclasses.field(default_factory=list)

class Mode(enum.Enum):
    FAST = 1
    SLOW = 2

class Point(NamedTuple):
    x: int = 0
    y: int = 1

class Meta(type):
    def __call__(cls, *args):
        made = super().__call__(*args)
        made.extra = 7
        return made

class WithMeta(metaclass=Meta):
    pass

def f(x):
    return H().go(x) + Config().rate + Mode.FAST.value + Point().y + WithMeta().extra
"""

CLOSURES = """
def make(n):
    table = {"step": [n, 2]}
    def inner(x):
        return x + n + table["step"][1]
    return inner

f = make(1)
"""

KINDS = """
import abc, collections, dataclasses, enum, functools, typing

T = typing.TypeVar("T")
Pair = collections.namedtuple("Pair", "a b", defaults=(4,))
Number = int | float
Maybe = typing.Optional[int]

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...

class Square(Shape):
    side: "Side"
    def area(self):
        return 2

class Side:
    width = 5

class Box(typing.Generic[T]):
    content: T
    def get(self) -> T:
        return 6

class Has(typing.Protocol):
    def get(self): ...

class Row(typing.TypedDict):
    x: int

@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Frozen:
    a: int = 7
    b: typing.Optional[Side] = None
    c: dict[str, list[Side]] = dataclasses.field(default_factory=dict, metadata={"unit": "m"}, compare=False)
    def __post_init__(self):
        object.__setattr__(self, "a", 8)

class Planet(enum.Enum):
    EARTH = (9, 1)
    MARS = (10, 2)
    def __init__(self, mass, radius):
        self.weight = mass * radius
    def __str__(self):
        return "planet 11"

class Colour(enum.Flag):
    RED = enum.auto()
    BLUE = enum.auto()

class Level(enum.IntEnum):
    @staticmethod
    def _generate_next_value_(name, start, count, last_values):
        return count + 12
    LOW = enum.auto()

class Wrong(ValueError):
    code = 13

class Plugin:
    known = []
    def __init_subclass__(cls, size=1, **kwargs):
        cls.size = size

class Mine(Plugin, size=14):
    pass

class Field:
    def __init__(self, n):
        self.n = n
    def __get__(self, owner, cls):
        return self.n + 15
    def __set_name__(self, owner, name):
        self.name = name

class Owner:
    field = Field(16)
    @property
    def both(self):
        return self._both
    @both.setter
    def both(self, value):
        self._both = value + 17
    @functools.singledispatchmethod
    def kind(self, x):
        return 18
    @kind.register
    def _(self, x: str):
        return 19
    class Inner:
        deep = 20

@functools.total_ordering
class Ordered:
    def __lt__(self, other):
        return 21
    def __eq__(self, other):
        return 22

def f(x):
    return (Square, Box, Has, Row, Frozen, Planet.EARTH, Colour.RED, Level, Wrong, Mine, Owner, Ordered, Pair, Number, Maybe)
"""

DECORATED = """
import functools

def scaled(factor):
    def around(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args) * factor
        return wrapper
    return around

FACTOR = 3

@scaled(FACTOR)
def helper(x):
    return x + 1

def f(x):
    return helper(x)
"""

CHAIN = {
    "lab.py": """
        from . import control
        import PKG.control as ctl
        from .control import *
        from .control.plant import motor as drive

        def f(x):
            def inner(y):
                from .control.plant import late
                return late(y)
            return control.plant.motor(x) + ctl.GAIN + starred(x) + drive(x) + inner(x)
    """,
    "__init__.py": "",
    "control/__init__.py": """
        from . import plant
        GAIN = 5
        UNUSED = 1
        def starred(x):
            return x - 1
        def unused(x):
            return x
    """,
    "control/plant.py": """
        R = 1.0
        def motor(x):
            return x * R
        def late(x):
            return x + 100
        def unused_too(x):
            return x
    """,
}

WRAPPERS = """
import functools
import numpy as np

def base(x, n):
    return x * n + 1

halved = functools.partial(base, n=2)

@functools.lru_cache(maxsize=None)
def remembered(x):
    return x + 20

@functools.singledispatch
def kind(x):
    return "any"

@kind.register
def _(x: int):
    return "int 30"

def plain(x):
    return x + 40

vector = np.vectorize(plain)

class Called:
    def __init__(self, n):
        self.n = n
    def __call__(self, x):
        return x + self.n + 50

called = Called(1)
bound = Called(2).__call__
TABLE = {"a": plain, "b": lambda x: x + 60}

class Owner:
    lazy = functools.partialmethod(lambda self, n: n + 70, 1)
    @functools.cached_property
    def slow(self):
        return 80

def f(x):
    return (halved(x), remembered(x), kind(x), vector(x), called(x), bound(x), TABLE["b"](x), Owner().slow)
"""

SYNTAX = """
import re
LIMITS = [1, 2, 3]
NAMES = {"b", "a", "c"}
ORDER = {"one": 1, "two": 2}
WORDS = frozenset({"x", "y"})
POINT = (1.5, "p", None)
ALIAS = LIMITS

def f(x, *args, **kwargs):
    if (n := len(args)) > 10:
        x += n
    match x:
        case {"kind": "a", **rest}:
            return rest
        case [first, *_] if first in NAMES:
            return first
        case str() | None:
            return f"{x!r:>{n}} of {n:.2f}"
    total = [y * y for y in LIMITS if y not in (1, 2)]
    lazily = (z for z in total)
    keyed = sorted(total, key=lambda v, w=3: v + w)
    def nested(a, b=(1, 2)):
        return a + b[0]
    async def later():
        return await other()
    try:
        nested(1)
    except (ValueError, KeyError) as error:
        raise RuntimeError("no") from error
    finally:
        keyed.clear()
    return max(total), list(lazily), ORDER["one"], WORDS, POINT, ALIAS, f"{x}{n}" "tail"

async def other():
    return 1
"""

NOISE_BEFORE = '''
import math

def helper(x):
    return math.sqrt(x)

def f(x, y=2):
    """Adds."""
    total = helper(x) + y
    return total
'''

NOISE_AFTER = '''
"""A module about something."""
import math
from typing import Any


UNUSED = 17


def unrelated(x):
    return x


def f(
    x: float,
    y: "Any" = 2,
) -> float:
    """Adds, as one would expect.

    At length.
    """
    # add them
    total: float = (
        helper(x)
        + y
    )
    "a statement that does nothing"
    pass
    return total  # and done


def helper(x: float, ) -> float:
    # the root
    "Roots."
    return math.sqrt(x)
'''

CASES = [
    # Bodies
    same("comments, docstrings, annotations, layout and order of definitions", NOISE_BEFORE, NOISE_AFTER),
    edited("a constant in the body", HELPER, "+ 1", "+ 2"),
    edited("an operator in the body", HELPER, "+ 1", "- 1"),
    edited("an int becomes a float", HELPER, "+ 1", "+ 1.0"),
    edited("an int becomes a bool", HELPER, "+ 1", "+ True"),
    edited("the name of a local", "def f(x):\n    a = x\n    return a", "a", "b"),
    edited("the name of a parameter", "def f(x):\n    return 1", "x", "y"),
    edited("the default of the function itself", "def f(x=1):\n    return x", "x=1", "x=2", alike=True),
    edited("a statement that stays constant", "def f(x):\n    'a'\n    return x", "'a'", "...", alike=True),
    edited("a docstring that the body returns", "def f():\n    'a'\n    return 'a'", "'a'", "'b'"),
    edited("a docstring that the body reads", "def f():\n    'a'\n    return f.__doc__", "'a'", "'b'"),
    edited("an annotation that the body reads", "def f(x: int):\n    return f.__annotations__", ": int", ": str"),
    edited("an annotation under a decorator", DECORATED, "def helper(x)", "def helper(x: int)"),
    edited("an annotation under a property", CLASSES, "def twice(self)", "def twice(self) -> int", alike=True),
    edited("tuple in a constant", SYNTAX, "(1, 2)", "(1, 3)"),
    edited("a literal of an f-string", SYNTAX, " of ", " for "),
    edited("the format of an f-string", SYNTAX, ":.2f", ":.3f"),
    edited("the conversion of an f-string", SYNTAX, "!r", "!s"),
    edited("a text beside an f-string", SYNTAX, '"tail"', '"end"'),
    edited("a pattern of match", SYNTAX, '"kind": "a"', '"kind": "b"'),
    edited("a guard of match", SYNTAX, "if first in NAMES", "if first not in NAMES"),
    edited("the rest of a mapping pattern", SYNTAX, "**rest}:\n            return rest", "**x}:\n            return x"),
    edited("a walrus", SYNTAX, "(n := len(args))", "(m := len(args))"),
    edited("the condition of a comprehension", SYNTAX, "if y not in", "if y in"),
    edited("a generator expression", SYNTAX, "(z for z in total)", "(-z for z in total)"),
    edited("the default of a lambda in the body", SYNTAX, "w=3", "w=4"),
    edited("the body of a lambda in the body", SYNTAX, "v + w", "v - w"),
    edited("the default of a nested function", SYNTAX, "b=(1, 2)", "b=(1, 4)"),
    edited("the body of a nested function", SYNTAX, "a + b[0]", "a + b[1]"),
    edited("async becomes plain", "async def f(x):\n    return x", "async ", ""),
    edited("an exception that is caught", SYNTAX, "KeyError", "IndexError"),
    edited("what finally does", SYNTAX, "keyed.clear()", "keyed.sort()"),
    edited("another way to write a number", "def f():\n    return 1000, 255", "1000, 255", "1_000, 0xff", alike=True),
    edited("another way to quote", "def f():\n    return 'a' 'b'", "'a' 'b'", '"ab"', alike=True),
    edited("superfluous parentheses", "def f(x):\n    return x + 1", "x + 1", "(x + (1))", alike=True),
    different("a bare name of a local class gets a value",
        "def f():\n    class A:\n        x: int\n    return A", "def f():\n    class A:\n        x: int = 1\n    return A"),
    different("a field of a local class", "def f():\n    class A:\n        x: int\n    return A",
        "def f():\n    class A:\n        x: int\n        y: int\n    return A"),
    # Helpers and globals
    edited("the body of a helper", HELPER, "x * K", "x / K"),
    edited("a helper's helper", "def h(x):\n    return x + 1\ndef g(x):\n    return h(x)\ndef f(x):\n    return g(x)",
        "x + 1", "x + 2"),
    edited("a default of a helper", HELPER, "n=2", "n=3"),
    edited("a keyword default of a helper", HELPER, "scale=1.0", "scale=2.0"),
    edited("a constant", HELPER, "K = 3", "K = 4"),
    edited("a constant's type", HELPER, "K = 3", "K = 3.0"),
    edited("a constant written otherwise", HELPER, "K = 3", "K = 1 + 2", alike=True),
    edited("a comment in a helper", HELPER, "def damp", "# damps\ndef damp", alike=True),
    different("a default that is a global", "N = 1\ndef h(x=N):\n    return x\ndef f():\n    return h()",
        "N = 2\ndef h(x=N):\n    return x\ndef f():\n    return h()"),
    edited("the order of a constant list", SYNTAX, "[1, 2, 3]", "[1, 3, 2]"),
    edited("the order of a constant set", SYNTAX, '{"b", "a", "c"}', '{"a", "c", "b"}', alike=True),
    edited("a member of a constant set", SYNTAX, '{"b", "a", "c"}', '{"b", "a", "d"}'),
    edited("the order of a constant dict", SYNTAX, '{"one": 1, "two": 2}', '{"two": 2, "one": 1}'),
    edited("a member of a constant frozenset", SYNTAX, '{"x", "y"}', '{"x", "z"}'),
    edited("part of a constant tuple", SYNTAX, '(1.5, "p", None)', '(1.5, "p", 0)'),
    edited("what an alias stands for", SYNTAX, "ALIAS = LIMITS", "ALIAS = [9]"),
    edited("a coroutine that is awaited", SYNTAX, "return 1\n", "return 2\n"),
    different("a helper is added later", "def f(x):\n    return later(x)", "def f(x):\n    return later(x)\ndef later(x):\n    return x"),
    different("a builtin is shadowed", "def f(x):\n    return abs(x)", "def abs(x):\n    return -x\ndef f(x):\n    return abs(x)"),
    edited("recursion", "def f(n):\n    return n * f(n - 1) if n else 1", "else 1", "else 2"),
    edited("mutual recursion", "def f(n):\n    return g(n - 1) if n else 1\ndef g(n):\n    return f(n - 1) if n else 2",
        "else 2", "else 3"),
    edited("a function three steps around a cycle",
        "def f(n):\n    return a(n)\ndef a(n):\n    return b(n)\ndef b(n):\n    return c(n)\ndef c(n):\n    return f(n) or 1",
        "or 1", "or 2"),
    edited("something that nothing reaches", HELPER + "\ndef other(x):\n    return x + 7\n", "x + 7", "x + 8", alike=True),
    edited("a helper named in a call to getattr",
        {"lab.py": "from . import tools\ndef f(x):\n    return getattr(tools, 'g')(x)", "tools.py": "def g(x):\n    return x + 7"},
        "x + 7", "x + 8"),
    edited("a helper in a text that is evaluated", "def g(x):\n    return x + 7\ndef f(x):\n    return eval('g(2)')", "+ 7", "+ 8"),
    edited("what globals() may reach", "def g(x):\n    return x + 7\ndef f(x):\n    return globals()['g'](x)", "+ 7", "+ 8"),
    edited("what a computed evaluation may reach", "def g(x):\n    return x + 7\ndef f(x):\n    return eval('g' + x)", "+ 7", "+ 8"),
    edited("a global in the text of a query", "LOW = 1\ndef f(df):\n    return df.query('x > @LOW')", "LOW = 1", "LOW = 2"),
    edited("a global that is counted up", "N = 1\ndef f():\n    global N\n    N += 1\n    return 0", "N = 1", "N = 2"),
    edited("a private global within a class",
        "__k = 1\n_H__k = 2\nclass H:\n    def go(self):\n        return __k\ndef f():\n    return H().go()", "_H__k = 2", "_H__k = 3"),
    edited("a module-level flag under a condition", "import sys\nif sys:\n    K = 1\ndef f():\n    return K", "K = 1", "K = 2"),
    # Modules
    edited("a chain of modules", CHAIN, "x * R", "x / R"),
    edited("a constant behind a chain of modules", CHAIN, "R = 1.0", "R = 2.0"),
    edited("a constant of an aliased module", CHAIN, "GAIN = 5", "GAIN = 6"),
    edited("a name from a star import", CHAIN, "x - 1", "x - 2"),
    edited("a relative import inside a nested body", CHAIN, "x + 100", "x + 200"),
    edited("what a module has besides", CHAIN, "UNUSED = 1", "UNUSED = 2", alike=True),
    edited("an import inside a body",
        {"lab.py": "def f(x):\n    import PKG.tools as t\n    return t.g(x)", "tools.py": "def g(x):\n    return x + 7\nU = 1"},
        "x + 7", "x + 8"),
    edited("what an import inside a body does not use",
        {"lab.py": "def f(x):\n    import PKG.tools as t\n    return t.g(x)", "tools.py": "def g(x):\n    return x + 7\nU = 1"},
        "U = 1", "U = 2", alike=True),
    edited("a dotted import inside a body",
        {"lab.py": "def f(x):\n    import PKG.tools\n    return PKG.tools.g(x)", "tools.py": "def g(x):\n    return x + 7"},
        "x + 7", "x + 8"),
    edited("a module that is given away",
        {"lab.py": "from . import tools\ndef f(x):\n    return dict(vars(tools))", "tools.py": "def g(x):\n    return x + 7"},
        "x + 7", "x + 8"),
    same("a helper moves to another module",
        {"lab.py": "def g(x):\n    return x + K\nK = 3\ndef f(x):\n    return g(x)"},
        {"lab.py": "from .tools import g\ndef f(x):\n    return g(x)", "tools.py": "K = 3\ndef g(x):\n    return x + K"}),
    same("the function moves to another module", {"lab.py": HELPER}, {"other/deep.py": HELPER, "other/__init__.py": ""},
        "lab:f", "other.deep:f"),
    same("the module is renamed", {"lab.py": CLASSES}, {"renamed.py": CLASSES}, "lab:f", "renamed:f"),
    same("the function is renamed", "def f(x):\n    return x", "def g(x):\n    return x", "lab:f", "lab:g"),
    different("a package's function is another one", "from math import sin as g\ndef f(x):\n    return g(x)",
        "from math import cos as g\ndef f(x):\n    return g(x)"),
    different("a package is another one", "import numpy as m\ndef f(x):\n    return m.sin(x)", "import math as m\ndef f(x):\n    return m.sin(x)"),
    edited("a module's own __getattr__",
        {"lab.py": "from . import tools\ndef f(x):\n    return tools.lazy", "tools.py": "def __getattr__(name):\n    return 7"},
        "return 7", "return 8"),
    # Closures and factories
    edited("the argument of a factory", CLOSURES, "make(1)", "make(2)"),
    edited("a container in a closure", CLOSURES, "[n, 2]", "[n, 3]"),
    edited("the body of what a factory makes", CLOSURES, "x + n", "x - n"),
    edited("two lambdas on one line", "a, b = lambda x: x + 1, lambda x: x + 2\ndef f(x):\n    return b(x)", "x + 2", "x + 3"),
    edited("the other of two lambdas on one line", "a, b = lambda x: x + 1, lambda x: x + 2\ndef f(x):\n    return b(x)",
        "x + 1", "x + 3", alike=True),
    different("which of two lambdas on one line", "a, b = lambda x: x + 1, lambda x: x + 2\ndef f(x):\n    return a(x)",
        "b, a = lambda x: x + 1, lambda x: x + 2\ndef f(x):\n    return a(x)"),
    edited("a lambda within a lambda on one line", "f = (lambda n: lambda x: x + n)(1)", "x + n", "x - n"),
    edited("a helper in a closure",
        "def make():\n    def h(x):\n        return x + 7\n    def g(x):\n        return h(x)\n    return g\nf = make()", "+ 7", "+ 8"),
    # Decorators and wrappers
    edited("the body of a decorator", DECORATED, "* factor", "/ factor"),
    edited("the argument of a decorator", DECORATED, "FACTOR = 3", "FACTOR = 4"),
    edited("a decorated helper", DECORATED, "x + 1", "x + 2"),
    edited("a decorator is taken away", DECORATED, "@scaled(FACTOR)\n", ""),
    edited("what a partial wraps", WRAPPERS, "x * n + 1", "x * n + 2"),
    edited("what a partial fixes", WRAPPERS, "n=2", "n=3"),
    edited("what lru_cache wraps", WRAPPERS, "x + 20", "x + 21"),
    edited("what singledispatch chooses", WRAPPERS, "int 30", "int 31"),
    edited("the type that singledispatch chooses by", WRAPPERS, "def _(x: int)", "def _(x: float)"),
    edited("what np.vectorize wraps", WRAPPERS, "x + 40", "x + 41"),
    edited("the class of a callable instance", WRAPPERS, "self.n + 50", "self.n + 51"),
    edited("an attribute of a callable instance", WRAPPERS, "Called(1)", "Called(3)"),
    edited("the instance of a bound method", WRAPPERS, "Called(2)", "Called(3)"),
    edited("a lambda in a dict", WRAPPERS, "x + 60", "x + 61"),
    edited("a partial method", WRAPPERS, "n + 70", "n + 71"),
    edited("a cached property", WRAPPERS, "return 80", "return 81"),
    edited("a function in a set", "def a(x):\n    return x + 1\ndef b(x):\n    return x + 2\nS = {a, b}\ndef f(x):\n    return S",
        "x + 2", "x + 3"),
    same("the order of functions in a set", "def a(x):\n    return x + 1\ndef b(x):\n    return x + 2\nS = {a, b}\ndef f(x):\n    return S",
        "def b(x):\n    return x + 2\ndef a(x):\n    return x + 1\nS = {b, a}\ndef f(x):\n    return S"),
    edited("a function set on a function", "def g(x):\n    return g.k * x\ng.k = 7\ndef f(x):\n    return g(x)", "= 7", "= 8"),
    edited("a contextmanager", "import contextlib\n@contextlib.contextmanager\ndef h():\n    yield 7\ndef f():\n    with h() as x:\n        return x",
        "yield 7", "yield 8"),
    # Classes
    edited("a method", CLASSES, "* self.gain", "/ self.gain"),
    edited("a class attribute", CLASSES, "gain = 2", "gain = 3"),
    edited("a method of a base", CLASSES, "x + self.offset", "x - self.offset"),
    edited("an attribute of a base", CLASSES, "offset = 1", "offset = 2"),
    edited("a base is taken away", CLASSES, "class H(Base)", "class H"),
    edited("a default of __init__", CLASSES, "start=0", "start=1"),
    edited("a property", CLASSES, "self.start * 2", "self.start * 3"),
    edited("a static method", CLASSES, "x + 10", "x + 11"),
    edited("a class method", CLASSES, "cls(5)", "cls(6)"),
    edited("the default of a dataclass's field", CLASSES, "rate: float = 0.5", "rate: float = 0.6"),
    edited("the type of a dataclass's field", CLASSES, "rate: float = 0.5", "rate: int = 0.5"),
    edited("the order of a dataclass's fields", CLASSES,
        "rate: float = 0.5\n    names: list = dataclasses.field(default_factory=list)",
        "names: list = dataclasses.field(default_factory=list)\n    rate: float = 0.5"),
    edited("the options of a dataclass", CLASSES, "@dataclasses.dataclass\n", "@dataclasses.dataclass(frozen=True)\n"),
    edited("the factory of a field", CLASSES, "default_factory=list", "default_factory=tuple"),
    edited("an Enum member", CLASSES, "FAST = 1", "FAST = 3"),
    edited("the order of Enum members", CLASSES, "FAST = 1\n    SLOW = 2", "SLOW = 2\n    FAST = 1"),
    edited("a default of a NamedTuple", CLASSES, "y: int = 1", "y: int = 2"),
    edited("a metaclass", CLASSES, "made.extra = 7", "made.extra = 8"),
    edited("a docstring of a class", CLASSES, "class Base:\n", "class Base:\n    'A base.'\n", alike=True),
    edited("the order of methods", CLASSES,
        "    @staticmethod\n    def fixed(x):\n        return x + 10\n    @classmethod\n    def make(cls):\n        return cls(5)\n",
        "    @classmethod\n    def make(cls):\n        return cls(5)\n    @staticmethod\n    def fixed(x):\n        return x + 10\n",
        alike=True),
    edited("a concrete method of an abstract class", KINDS, "return 2\n", "return 3\n"),
    edited("a class in an annotation that is a text", KINDS, "width = 5", "width = 6"),
    edited("a method of a generic class", KINDS, "return 6", "return 7"),
    edited("a field of a TypedDict", KINDS, "x: int\n\n@", "x: float\n\n@"),
    edited("the default of a frozen field", KINDS, "a: int = 7", "a: int = 8"),
    edited("the type within a field's type", KINDS, "dict[str, list[Side]]", "dict[int, list[Side]]"),
    edited("the metadata of a field", KINDS, '"unit": "m"', '"unit": "s"'),
    edited("how a field compares", KINDS, "compare=False", "compare=True"),
    edited("__post_init__", KINDS, '"a", 8', '"a", 9'),
    edited("whether fields are keywords", KINDS, "kw_only=True", "kw_only=False"),
    edited("a value of an Enum of tuples", KINDS, "(9, 1)", "(9, 3)"),
    edited("__init__ of an Enum", KINDS, "mass * radius", "mass / radius"),
    edited("__str__ of an Enum", KINDS, "planet 11", "planet 12"),
    edited("how an Enum makes its values", KINDS, "count + 12", "count + 13"),
    edited("the flags of a Flag", KINDS, "    RED = enum.auto()\n    BLUE = enum.auto()", "    BLUE = enum.auto()\n    RED = enum.auto()"),
    edited("an attribute of an exception", KINDS, "code = 13", "code = 14"),
    edited("an argument of a class statement", KINDS, "size=14", "size=15"),
    edited("a descriptor's class", KINDS, "self.n + 15", "self.n + 16"),
    edited("a descriptor's state", KINDS, "Field(16)", "Field(17)"),
    edited("a setter", KINDS, "value + 17", "value + 18"),
    edited("a single-dispatch method", KINDS, "return 18", "return 19"),
    edited("an implementation of a single-dispatch method", KINDS, "return 19", "return 23"),
    edited("an inner class", KINDS, "deep = 20", "deep = 21"),
    edited("an ordering", KINDS, "return 21", "return 24"),
    edited("the names of a namedtuple", KINDS, '"a b"', '"a c"'),
    edited("the defaults of a namedtuple", KINDS, "defaults=(4,)", "defaults=(5,)"),
    edited("a union of types", KINDS, "int | float", "int | str"),
    edited("an optional type", KINDS, "Optional[int]", "Optional[float]"),
    edited("an instance's class", "class C:\n    def go(self):\n        return 7\nc = C()\ndef f():\n    return c.go()", "7", "8"),
    edited("an instance's attribute", "class C:\n    pass\nc = C()\nc.k = 7\ndef f():\n    return c.k", "= 7", "= 8"),
    edited("slots", "class C:\n    __slots__ = ('k',)\nc = C()\nc.k = 7\ndef f():\n    return c.k", "= 7", "= 8"),
    edited("an instance that is reached from its own class",
        "class C:\n    k = 7\n    def go(self):\n        return ONE.k\nONE = C()\ndef f():\n    return ONE.go()", "k = 7", "k = 8"),
    edited("a class that fills itself", "class C:\n    pass\nC.one = C()\nC.one.k = 7\ndef f():\n    return C.one.k", "k = 7", "k = 8"),
    edited("a config namespace", "from types import SimpleNamespace as N\nc = N(a=N(k=7))\ndef f():\n    return c.a.k", "k=7", "k=8"),
    # What cannot be digested
    edited("a lock beside a value", "import threading\nS = {'lock': threading.Lock(), 'k': 7}\ndef f():\n    return S['k']", "7", "8"),
    edited("a logger is renamed", "import logging\nlog = logging.getLogger('a')\ndef f():\n    log.info('x')", "('a')", "('b')", alike=True),
    # Caching
    edited("caching a helper", "import sweepable\ndef g(x):\n    return x + 7\ndef f(x):\n    return g(x)",
        "def g", "@sweepable.cache\ndef g", alike=True),
    edited("a cached helper", "import sweepable\n@sweepable.cache\ndef g(x):\n    return x + 7\ndef f(x):\n    return g(x)", "+ 7", "+ 8"),
    edited("options of our decorator, cached", "from sweepable import cache as memo\n@memo\ndef f(x):\n    return x + 7",
        "@memo", "@memo(out=float)", alike=True),
    edited("our decorator by another name, cached", "import sweepable as sw\n@sw.cache\ndef f(x):\n    return x + 7",
        "@sw.cache", "@sw(out=None)", alike=True),
    edited("a cached function as a default of the function itself",
        "import sweepable\n@sweepable.cache\ndef g(x=1):\n    return x + 7\n@sweepable.cache\ndef f(g=g):\n    return g", "+ 7", "+ 8", alike=True),
]  # fmt: skip


Found = dict[str, tuple[str, str, list[str]]]


def versions(folder: Path, projects: dict[str, tuple[dict[str, str], str]], seed: str, python: str) -> Found:
    """Import projects, each a package, in one fresh process.

    Each is given with the place of its function; found are digest, fingerprint and what is untracked.
    """
    places = {}
    for number, (name, (files, place)) in enumerate(projects.items()):
        package = f"case{number:03}"
        dressed = {path: textwrap.dedent(text).replace("PKG", package) for path, text in files.items()}
        write_files(folder / package, {"__init__.py": "", **dressed})
        places[name] = f"{package}.{place}"
    write_files(folder, {"cases.json": json.dumps(places), "runner.py": RUNNER})
    done = subprocess.run(
        [python, "runner.py"],
        cwd=folder,
        env=script_environment(folder / "store", seed),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    found: Found = json.loads(done.stdout)
    return found


def states_of(folder: Path, state: int, seed: str) -> Found:
    """One state of all cases."""
    contents = {case.name: (case.before, case.after)[state] for case in CASES}
    files = {name: {"lab.py": text} if isinstance(text, str) else text for name, text in contents.items()}
    projects = {case.name: (files[case.name], case.places[state]) for case in CASES}
    return versions(folder, projects, seed, sys.executable)


States = tuple[Found, Found]


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    return states_of(tmp_path_factory.mktemp("a"), 0, "1"), states_of(tmp_path_factory.mktemp("b"), 1, "2")


def test_no_two_cases_share_a_name() -> None:
    """Each edit below is looked at."""
    assert len({case.name for case in CASES}) == len(CASES) > 70


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_edit(states: States, case: Case) -> None:
    """An edit that can change a result changes the version, in any process; one that cannot, does not."""
    before, after = states[0][case.name], states[1][case.name]
    assert "error" not in (before[0], after[0]), (before, after)
    assert (before[0] == after[0]) is case.same, (before, after)


@pytest.mark.parametrize("case", [case for case in CASES if not case.same], ids=lambda case: case.name)
def test_edit_is_seen_by_byte_code(states: States, case: Case) -> None:
    """Two processes that would run other code, or other constants, know it without any source."""
    if "annotation" not in case.name:
        assert states[0][case.name][1] != states[1][case.name][1]


def test_source_is_always_found(states: States) -> None:
    """Functions in files count by their source, so on every Python alike: nothing here falls back on byte code."""
    for name, (_, _, untracked) in states[0].items():
        assert not [line for line in untracked if "byte code" in line], name
