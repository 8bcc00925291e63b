"""Edits of classes: entries, bases, metaclasses, descriptors, fields, members, and instances of them."""

# ruff: noqa: E501
# A project on one line, with its edit beside it, is easier to compare than one on many.
from __future__ import annotations

from editing import Case, rests, runs

BASES = """
class Root:
    def go(self):
        return [0]
class Left(Root):
    def go(self):
        return super().go() + [1]
class Right(Root):
    def go(self):
        return super().go() + [2]
class Both(Left, Right):
    k = 3
    def go(self):
        return super().go() + [self.k]
def f(x):
    return Both().go()
"""

PLAIN = [
    runs("a method reached by super() alone", BASES, "[2]", "[5]"),
    runs("the order of bases", BASES, "(Left, Right)", "(Right, Left)"),
    runs("a mixin is taken away", BASES, "(Left, Right)", "(Left)"),
    runs("a class attribute", BASES, "k = 3", "k = 4"),
    rests("a docstring of a class", BASES, "class Both(Left, Right):", "class Both(Left, Right):\n    'Both.'"),
    rests(
        "the order of methods",
        "class C:\n    def a(self):\n        return 1\n    def b(self):\n        return 2\ndef f(x):\n    return C().a()",
        "    def a(self):\n        return 1\n    def b(self):\n        return 2",
        "    def b(self):\n        return 2\n    def a(self):\n        return 1",
    ),
    runs(
        "a method set from outside",
        "class C:\n    pass\nC.go = lambda self: 1\ndef f(x):\n    return C().go()",
        "self: 1",
        "self: 2",
    ),
    runs(
        "an abstract method becomes concrete",
        "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def go(self):\n        return 1\nclass B(A):\n    def go(self):\n        return super().go()\ndef f(x):\n    try:\n        A()\n    except TypeError:\n        return B().go()\n    return 9",
        "    @abc.abstractmethod\n",
        "",
    ),
    runs(
        "a virtual subclass",
        "import abc\nclass A(abc.ABC):\n    pass\nclass B:\n    pass\nA.register(B)\nb = B()\ndef f(x):\n    return isinstance(b, A)",
        "A.register(B)",
        "",
    ),
    runs(
        "a subclass asked for",
        "class A:\n    pass\nclass B(A):\n    k = 1\ndef f(x):\n    return [c.k for c in A.__subclasses__()]",
        "k = 1",
        "k = 2",
    ),
    runs(
        "another subclass",
        "class A:\n    pass\nclass B(A):\n    pass\ndef f(x):\n    return len(A.__subclasses__())",
        "class B(A):\n    pass",
        "class B(A):\n    pass\nclass C(A):\n    pass",
    ),
    runs(
        "__init_subclass__",
        "class A:\n    known = {}\n    def __init_subclass__(cls, key=None, **k):\n        A.known[key] = cls\nclass B(A, key='b'):\n    def go(self):\n        return 1\ndef f(x):\n    return A.known['b']().go()",
        "return 1",
        "return 2",
    ),
    runs(
        "an argument of a class statement",
        "class A:\n    def __init_subclass__(cls, n=1, **k):\n        cls.n = n\nclass B(A, n=2):\n    pass\ndef f(x):\n    return B.n",
        "n=2",
        "n=3",
    ),
    runs(
        "a private attribute of an Enum member",
        "import enum\nclass M(enum.Enum):\n    A = 1\nM.A._w = 5\ndef f(x):\n    return M.A._w",
        "_w = 5",
        "_w = 6",
    ),
    runs(
        "a method of a logging.Formatter of one's own",
        "import logging\nclass F(logging.Formatter):\n    def format(self, r):\n        return 'a'\nM = F()\ndef f(x):\n    return M.format(None)",
        "'a'",
        "'b'",
    ),
    runs(
        "the name of a function in a table",
        "import pandas as pd\ndef p2p(s):\n    return s.max() - s.min()\nT = {'v': [p2p]}\ndef f(x):\n    return list(pd.DataFrame({'v': [1, 2]}).agg(T).index)",
        "p2p",
        "spread",
    ),
    runs(
        "__class_getitem__",
        "class A:\n    def __class_getitem__(cls, k):\n        return k + 1\ndef f(x):\n    return A[x]",
        "k + 1",
        "k + 2",
    ),
    runs(
        "__set_name__",
        "class D:\n    def __set_name__(self, owner, name):\n        self.n = len(name)\n    def __get__(self, o, c=None):\n        return self.n\nclass A:\n    abc = D()\ndef f(x):\n    return A().abc",
        "len(name)",
        "len(name) + 1",
    ),
    runs(
        "a descriptor",
        "class D:\n    def __init__(self, n):\n        self.n = n\n    def __get__(self, o, c=None):\n        return self.n\nclass A:\n    a = D(1)\ndef f(x):\n    return A().a",
        "D(1)",
        "D(2)",
    ),
    runs(
        "a data descriptor's setter",
        "class D:\n    def __get__(self, o, c=None):\n        return o._v\n    def __set__(self, o, v):\n        o._v = v + 1\nclass A:\n    a = D()\ndef f(x):\n    a = A()\n    a.a = x\n    return a.a",
        "v + 1",
        "v + 2",
    ),
    runs(
        "a metaclass's __prepare__",
        "class M(type):\n    @classmethod\n    def __prepare__(m, name, bases):\n        return {'k': 1}\nclass A(metaclass=M):\n    pass\ndef f(x):\n    return A.k",
        "'k': 1",
        "'k': 2",
    ),
    runs(
        "a metaclass's __call__",
        "class M(type):\n    def __call__(cls):\n        return 1\nclass A(metaclass=M):\n    pass\ndef f(x):\n    return A()",
        "return 1",
        "return 2",
    ),
    runs(
        "a metaclass's property",
        "class M(type):\n    @property\n    def k(cls):\n        return 1\nclass A(metaclass=M):\n    pass\ndef f(x):\n    return A.k",
        "return 1",
        "return 2",
    ),
    runs(
        "a metaclass's __getattr__ that answers everything",
        "class M(type):\n    def __getattr__(cls, name):\n        return 1\nclass A(metaclass=M):\n    pass\na = A()\ndef f(x):\n    return A.anything, a is not None",
        "return 1",
        "return 2",
    ),
    runs(
        "a metaclass's __instancecheck__",
        "class M(type):\n    def __instancecheck__(cls, x):\n        return x == 2\nclass A(metaclass=M):\n    pass\ndef f(x):\n    return isinstance(x, A)",
        "x == 2",
        "x == 3",
    ),
    runs(
        "a class decorator that adds",
        "def deco(cls):\n    cls.k = 1\n    return cls\n@deco\nclass A:\n    pass\ndef f(x):\n    return A.k",
        "cls.k = 1",
        "cls.k = 2",
    ),
    runs(
        "a class decorator that wraps a method",
        "import functools\ndef deco(cls):\n    old = cls.go\n    @functools.wraps(old)\n    def go(self):\n        return old(self) * 2\n    cls.go = go\n    return cls\n@deco\nclass A:\n    def go(self):\n        return 1\ndef f(x):\n    return A().go()",
        "* 2",
        "* 3",
    ),
    runs(
        "under a class decorator that wraps a method",
        "import functools\ndef deco(cls):\n    old = cls.go\n    @functools.wraps(old)\n    def go(self):\n        return old(self) * 2\n    cls.go = go\n    return cls\n@deco\nclass A:\n    def go(self):\n        return 1\ndef f(x):\n    return A().go()",
        "return 1",
        "return 2",
    ),
    runs(
        "a property's setter",
        "class A:\n    @property\n    def v(self):\n        return self._v\n    @v.setter\n    def v(self, v):\n        self._v = v + 1\ndef f(x):\n    a = A()\n    a.v = x\n    return a.v",
        "v + 1",
        "v + 2",
    ),
    runs(
        "the state of a property of one's own kind",
        "class unit(property):\n    def __init__(self, fget, scale):\n        super().__init__(fget)\n        self.scale = scale\n    def __get__(self, o, c=None):\n        return super().__get__(o, c) * self.scale\nclass A:\n    v = unit(lambda self: 1, 2)\ndef f(x):\n    return A().v",
        ", 2)",
        ", 3)",
    ),
    runs(
        "the class of a property of one's own kind",
        "class twice(property):\n    def __get__(self, o, c=None):\n        return super().__get__(o, c) * 2\nclass A:\n    @twice\n    def v(self):\n        return 1\ndef f(x):\n    return A().v",
        "* 2",
        "* 3",
    ),
    runs(
        "the state of a static method of one's own kind",
        "class tagged(staticmethod):\n    def __init__(self, fn, n):\n        super().__init__(fn)\n        self.n = n\n    def __get__(self, o, c=None):\n        return lambda: self.n\nclass A:\n    v = tagged(lambda: 1, 2)\ndef f(x):\n    return A.v()",
        ", 2)",
        ", 3)",
    ),
    runs(
        "a cached property",
        "import functools\nclass A:\n    @functools.cached_property\n    def v(self):\n        return 1\ndef f(x):\n    return A().v",
        "return 1",
        "return 2",
    ),
    runs(
        "a partial method",
        "import functools\nclass A:\n    def _go(self, n):\n        return n\n    go = functools.partialmethod(_go, 1)\ndef f(x):\n    return A().go()",
        "_go, 1",
        "_go, 2",
    ),
    runs(
        "a single-dispatch method",
        "import functools\nclass A:\n    @functools.singledispatchmethod\n    def go(self, x):\n        return 0\n    @go.register\n    def _(self, x: int):\n        return 1\ndef f(x):\n    return A().go(x)",
        "return 1",
        "return 2",
    ),
    runs(
        "__getattr__ of a class",
        "class A:\n    def __getattr__(self, name):\n        return len(name)\na = A()\ndef f(x):\n    return a.four",
        "len(name)",
        "len(name) + 1",
    ),
    runs(
        "__getattribute__",
        "class A:\n    def __getattribute__(self, name):\n        return 1\na = A()\ndef f(x):\n    return a.four",
        "return 1",
        "return 2",
    ),
    runs(
        "__slots__",
        "class A:\n    __slots__ = ('k', 'l')\n    def __init__(self):\n        self.k = 1\n        self.l = 2\na = A()\ndef f(x):\n    return a.k, A.__slots__",
        "self.k = 1",
        "self.k = 3",
    ),
    runs(
        "which slots there are",
        "class A:\n    __slots__ = ('k', 'l')\ndef f(x):\n    return A.__slots__",
        "('k', 'l')",
        "('l', 'k')",
    ),
    runs(
        "an operator of a class",
        "class A:\n    def __add__(self, o):\n        return o + 1\ndef f(x):\n    return A() + x",
        "o + 1",
        "o + 2",
    ),
    runs(
        "an __eq__ that answers an array",
        "import numpy as np\nclass A:\n    k = 1\n    def __eq__(self, o):\n        return np.array([1, 2])\n    __hash__ = None\na = A()\ndef f(x):\n    return a.k",
        "k = 1",
        "k = 2",
    ),
    runs(
        "an attribute called func",
        "import numpy as np\nclass A:\n    def __init__(self):\n        self.func = np.array([1, 2])\n        self.__wrapped__ = np.array([1, 2])\na = A()\ndef f(x):\n    return a.func.tolist()",
        "self.func = np.array([1, 2])",
        "self.func = np.array([1, 3])",
    ),
    runs(
        "an instance with a truth that raises",
        "class A:\n    k = 1\n    def __bool__(self):\n        raise ValueError('no truth')\n    def __len__(self):\n        raise ValueError('no length')\na = A()\ndef f(x):\n    return a.k",
        "k = 1",
        "k = 2",
    ),
    runs(
        "nested classes",
        "class A:\n    class B:\n        class C:\n            k = 1\ndef f(x):\n    return A.B.C.k",
        "k = 1",
        "k = 2",
    ),
    runs("a class made by type()", "A = type('A', (), {'k': 1})\ndef f(x):\n    return A.k", "'k': 1", "'k': 2"),
    runs(
        "a class from a factory",
        "def make(n):\n    class A:\n        def go(self):\n            return n\n    return A\nA = make(1)\ndef f(x):\n    return A().go()",
        "make(1)",
        "make(2)",
    ),
    runs(
        "an exception's class",
        "class E(Exception):\n    def __str__(self):\n        return 'one'\ndef f(x):\n    try:\n        raise E\n    except E as error:\n        return str(error)",
        "'one'",
        "'two'",
    ),
    runs(
        "a subclass of an array",
        "import numpy as np\nclass A(np.ndarray):\n    def double(self):\n        return float(self.sum() * 2)\na = np.ones(3).view(A)\ndef f(x):\n    return a.double()",
        "* 2",
        "* 3",
    ),
    runs(
        "a subclass of dict with __missing__",
        "class D(dict):\n    def __missing__(self, k):\n        return 1\nd = D()\ndef f(x):\n    return d['a']",
        "return 1",
        "return 2",
    ),
    runs(
        "an instance as the owner of a method argument",
        "class H:\n    k = 1\n    def go(self):\n        return self.k\n    def __reduce__(self):\n        raise ValueError('not this way')\nh = H()\ndef f(x):\n    return h.go()",
        "k = 1",
        "k = 2",
    ),
    runs(
        "__call__ of a class held by an instance",
        "class Strategy:\n    def run(self):\n        return 1\nclass Runner:\n    def __init__(self, how):\n        self.how = how\nr = Runner(Strategy())\ndef f(x):\n    return r.how.run()",
        "return 1",
        "return 2",
    ),
    runs(
        "a class in an annotation only, read by its own decorator",
        "import typing\nclass U:\n    k = 1\ndef build(cls):\n    cls.parts = {n: t for n, t in typing.get_type_hints(cls).items()}\n    return cls\n@build\nclass A:\n    u: U\ndef f(x):\n    return A.parts['u'].k",
        "k = 1",
        "k = 2",
    ),
    runs(
        "an instance in an Annotated",
        "import typing\nclass Unit:\n    def __init__(self, n):\n        self.n = n\nclass A:\n    x: typing.Annotated[float, Unit(1)]\ndef f(x):\n    return typing.get_type_hints(A, include_extras=True)['x'].__metadata__[0].n",
        "Unit(1)",
        "Unit(2)",
    ),
    runs(
        "an instance in an Annotated of a constant",
        "import typing\nclass Unit:\n    def __init__(self, n):\n        self.n = n\nMetres = typing.Annotated[float, Unit(1)]\ndef f(x):\n    return Metres.__metadata__[0].n",
        "Unit(1)",
        "Unit(2)",
    ),
    rests(
        "a type variable's name stays",
        "import typing\nT = typing.TypeVar('T')\nclass B(typing.Generic[T]):\n    def get(self) -> T:\n        return 1\ndef f(x):\n    return B[int]().get()",
        "def get(self) -> T",
        "def get(self) -> 'T'",
    ),
    runs(
        "a generic class",
        "import typing\nT = typing.TypeVar('T')\nclass B(typing.Generic[T]):\n    def get(self) -> T:\n        return 1\nIntB = B[int]\ndef f(x):\n    return IntB().get()",
        "return 1",
        "return 2",
    ),
    runs(
        "a Protocol's default method",
        "import typing\nclass P(typing.Protocol):\n    def get(self):\n        return 1\nclass A(P):\n    pass\ndef f(x):\n    return A().get()",
        "return 1",
        "return 2",
    ),
    runs(
        "a TypedDict's keys",
        "import typing\nclass D(typing.TypedDict):\n    a: int\ndef f(x):\n    return sorted(D.__annotations__)",
        "a: int",
        "b: int",
    ),
    runs(
        "a NewType",
        "import typing\nA = typing.NewType('A', int)\ndef f(x):\n    return A.__supertype__.__name__, A(x)",
        "int)",
        "str)",
    ),
    runs(
        "a lock of one's own, by its class",
        "import threading\nclass L:\n    def __init__(self):\n        self.lock = threading.Lock()\n        self.k = 1\n    def go(self):\n        with self.lock:\n            return self.k\na = L()\ndef f(x):\n    return a.go()",
        "self.k = 1",
        "self.k = 2",
    ),
]

DATA = [
    runs(
        "an Enum's members made global",
        "import enum\nkept = lambda cls: cls\n@kept\nclass E(enum.IntEnum):\n    A = 1\ndef f(x):\n    return repr(E.A)",
        "kept = lambda cls: cls",
        "kept = enum.global_enum",
    ),
    runs(
        "an Enum that borrows its text",
        "import enum\nclass E(enum.IntEnum):\n    A = 1\n    __str__ = enum.IntEnum.__str__\ndef f(x):\n    return str(E.A)",
        "enum.IntEnum.__str__",
        "enum.Enum.__str__",
    ),
    runs(
        "__post_init__",
        "import dataclasses as d\n@d.dataclass\nclass A:\n    x: int = 1\n    def __post_init__(self):\n        self.x += 1\ndef f(x):\n    return A().x",
        "+= 1",
        "+= 2",
    ),
    runs(
        "InitVar",
        "import dataclasses as d\n@d.dataclass\nclass A:\n    x: d.InitVar[int] = 1\n    y: int = 0\n    def __post_init__(self, x):\n        self.y = x\ndef f(x):\n    return A(5).y",
        "x: d.InitVar[int] = 1\n    y: int = 0",
        "y: int = 0\n    x: d.InitVar[int] = 1",
    ),
    runs(
        "a default_factory of one's own",
        "import dataclasses as d\ndef make():\n    return [1]\n@d.dataclass\nclass A:\n    x: list = d.field(default_factory=make)\ndef f(x):\n    return A().x",
        "[1]",
        "[2]",
    ),
    runs(
        "a default of a field",
        "import dataclasses as d\n@d.dataclass\nclass A:\n    x: int = 1\ndef f(x):\n    return A().x",
        "int = 1",
        "int = 2",
    ),
    runs(
        "frozen",
        "import dataclasses as d\n@d.dataclass(frozen=True)\nclass A:\n    x: int = 1\ndef f(x):\n    a = A()\n    try:\n        a.x = 2\n    except Exception:\n        pass\n    return a.x",
        "frozen=True",
        "frozen=False",
    ),
    runs(
        "order",
        "import dataclasses as d\n@d.dataclass(order=True)\nclass A:\n    x: int = 1\ndef f(x):\n    try:\n        return A(1) < A(2)\n    except TypeError:\n        return None",
        "order=True",
        "order=False",
    ),
    runs(
        "slots of a dataclass",
        "import dataclasses as d\n@d.dataclass(slots=True)\nclass A:\n    x: int = 1\ndef f(x):\n    return hasattr(A(), '__dict__')",
        "slots=True",
        "slots=False",
    ),
    runs(
        "kw_only",
        "import dataclasses as d\n@d.dataclass(kw_only=True)\nclass A:\n    x: int = 1\ndef f(x):\n    try:\n        return A(3).x\n    except TypeError:\n        return None",
        "kw_only=True",
        "kw_only=False",
    ),
    runs(
        "match_args",
        "import dataclasses as d\n@d.dataclass(match_args=True)\nclass A:\n    x: int = 1\ndef f(x):\n    return hasattr(A, '__match_args__')",
        "match_args=True",
        "match_args=False",
    ),
    runs(
        "repr of a field",
        "import dataclasses as d\n@d.dataclass\nclass A:\n    x: int = d.field(default=1, repr=True)\ndef f(x):\n    return repr(A())",
        "repr=True",
        "repr=False",
    ),
    runs(
        "metadata of a field",
        "import dataclasses as d\n@d.dataclass\nclass A:\n    x: int = d.field(default=1, metadata={'u': 1})\ndef f(x):\n    return d.fields(A)[0].metadata['u']",
        "'u': 1",
        "'u': 2",
    ),
    runs(
        "an inherited field",
        "import dataclasses as d\n@d.dataclass\nclass B:\n    y: int = 1\n@d.dataclass\nclass A(B):\n    x: int = 1\ndef f(x):\n    return A().y",
        "y: int = 1",
        "y: int = 2",
    ),
    runs(
        "make_dataclass",
        "import dataclasses as d\nA = d.make_dataclass('A', [('x', int, 1)])\ndef f(x):\n    return A().x",
        "int, 1",
        "int, 2",
    ),
    runs(
        "a dataclass in a function",
        "import dataclasses as d\ndef f(x):\n    @d.dataclass\n    class A:\n        x: int = 1\n    return A().x",
        "int = 1",
        "int = 2",
    ),
    runs(
        "a config object as a constant",
        "import dataclasses as d\n@d.dataclass\nclass A:\n    x: int = 1\nCONFIG = A(x=5)\ndef f(x):\n    return CONFIG.x",
        "x=5",
        "x=6",
    ),
    runs(
        "a NamedTuple's method",
        "import typing\nclass A(typing.NamedTuple):\n    x: int = 1\n    def go(self):\n        return self.x + 1\ndef f(x):\n    return A().go()",
        "self.x + 1",
        "self.x + 2",
    ),
    runs(
        "a NamedTuple's default",
        "import typing\nclass A(typing.NamedTuple):\n    x: int = 1\ndef f(x):\n    return A().x",
        "int = 1",
        "int = 2",
    ),
    runs(
        "a namedtuple's names",
        "import collections\nA = collections.namedtuple('A', 'x y')\ndef f(x):\n    return A(1, 2).x",
        "'x y'",
        "'y x'",
    ),
    runs(
        "an Enum's method",
        "import enum\nclass M(enum.Enum):\n    A = 1\n    def go(self):\n        return self.value + 1\ndef f(x):\n    return M.A.go()",
        "+ 1",
        "+ 2",
    ),
    runs(
        "an Enum's alias",
        "import enum\nclass M(enum.Enum):\n    A = 1\n    B = 2\n    C = 1\ndef f(x):\n    return M.C.name",
        "C = 1",
        "C = 2",
    ),
    runs(
        "an Enum's private constant",
        "import enum\nclass M(enum.Enum):\n    __scale = 3\n    A = 1\n    def go(self):\n        return self.value * self.__scale\ndef f(x):\n    return M.A.go()",
        "scale = 3",
        "scale = 4",
    ),
    runs(
        "an Enum's non-member",
        "import enum\nclass M(enum.Enum):\n    A = 1\n    _k = enum.nonmember(3)\ndef f(x):\n    return M._k",
        "(3)",
        "(4)",
    ),
    runs(
        "_missing_ of an Enum",
        "import enum\nclass M(enum.Enum):\n    A = 1\n    B = 2\n    @classmethod\n    def _missing_(cls, v):\n        return cls.A\ndef f(x):\n    return M(9).name",
        "cls.A",
        "cls.B",
    ),
    runs(
        "_generate_next_value_",
        "import enum\nclass M(enum.Enum):\n    @staticmethod\n    def _generate_next_value_(name, start, count, last):\n        return name.lower()\n    A = enum.auto()\ndef f(x):\n    return M.A.value",
        "name.lower()",
        "name * 2",
    ),
    runs(
        "__new__ of an Enum",
        "import enum\nclass M(enum.Enum):\n    def __new__(cls, v):\n        o = object.__new__(cls)\n        o._value_ = v * 2\n        return o\n    A = 1\ndef f(x):\n    return M.A.value",
        "v * 2",
        "v * 3",
    ),
    runs(
        "an Enum's mixed-in type",
        "import enum\nclass M(enum.IntEnum):\n    A = 1\ndef f(x):\n    return M.A + 1 if isinstance(M.A, int) else None",
        "enum.IntEnum",
        "enum.Enum",
    ),
    runs(
        "the boundary of a Flag",
        "import enum\nclass M(enum.Flag, boundary=enum.KEEP):\n    A = 1\ndef f(x):\n    return M(8).value",
        "boundary=enum.KEEP",
        "boundary=enum.CONFORM",
    ),
    runs(
        "a Flag's combination",
        "import enum\nclass M(enum.Flag):\n    A = 1\n    B = 2\nBOTH = M.A | M.B\ndef f(x):\n    return BOTH.value",
        "M.A | M.B",
        "M.A",
    ),
    runs(
        "a StrEnum",
        "import enum\nclass M(enum.StrEnum):\n    A = enum.auto()\ndef f(x):\n    return f'{M.A}'",
        "A = enum.auto()",
        "A = 'b'",
    ),
    runs(
        "an attrs default",
        "import attrs\n@attrs.define\nclass A:\n    x: int = 1\ndef f(x):\n    return A().x",
        "int = 1",
        "int = 2",
    ),
    runs(
        "an attrs factory of one's own",
        "import attrs\ndef make():\n    return [1]\n@attrs.define\nclass A:\n    x: list = attrs.field(factory=make)\ndef f(x):\n    return A().x",
        "[1]",
        "[2]",
    ),
    runs(
        "an attrs converter",
        "import attrs\n@attrs.define\nclass A:\n    x: int = attrs.field(default=1, converter=lambda v: v + 1)\ndef f(x):\n    return A().x",
        "v + 1",
        "v + 2",
    ),
    runs(
        "an attrs validator",
        "import attrs\ndef check(o, a, v):\n    if v > 5:\n        raise ValueError\n@attrs.define\nclass A:\n    x: int = attrs.field(validator=check)\ndef f(x):\n    try:\n        return A(7).x\n    except ValueError:\n        return None",
        "v > 5",
        "v > 9",
    ),
    runs(
        "attrs metadata",
        "import attrs\n@attrs.define\nclass A:\n    x: int = attrs.field(default=1, metadata={'u': 1})\ndef f(x):\n    return attrs.fields(A).x.metadata['u']",
        "'u': 1",
        "'u': 2",
    ),
    runs(
        "attrs order",
        "import attrs\n@attrs.define(order=True)\nclass A:\n    x: int = 1\ndef f(x):\n    try:\n        return A(1) < A(2)\n    except TypeError:\n        return None",
        "order=True",
        "order=False",
    ),
    runs(
        "attrs repr",
        "import attrs\n@attrs.define(repr=True)\nclass A:\n    x: int = 1\ndef f(x):\n    return repr(A()).startswith('A(')",
        "repr=True",
        "repr=False",
    ),
    runs(
        "attrs alias",
        "import attrs\n@attrs.define\nclass A:\n    x: int = attrs.field(default=1, alias='y')\ndef f(x):\n    try:\n        return A(y=2).x\n    except TypeError:\n        return None",
        "alias='y'",
        "alias='z'",
    ),
    runs(
        "an attrs frozen class",
        "import attrs\n@attrs.define(frozen=True)\nclass A:\n    x: int = 1\ndef f(x):\n    a = A()\n    try:\n        a.x = 2\n    except Exception:\n        pass\n    return a.x",
        "frozen=True",
        "frozen=False",
    ),
    runs(
        "__attrs_post_init__",
        "import attrs\n@attrs.define\nclass A:\n    x: int = 1\n    def __attrs_post_init__(self):\n        self.x += 1\ndef f(x):\n    return A().x",
        "+= 1",
        "+= 2",
    ),
]

CASES: list[Case] = [*PLAIN, *DATA]
