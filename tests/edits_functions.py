"""Edits of functions: bodies, defaults, references, closures and wrappers."""

# ruff: noqa: E501
# A project on one line, with its edit beside it, is easier to compare than one on many.
from __future__ import annotations

from editing import Case, rests, runs

PLAIN = """
K = 3

def damp(x, n=2, *, scale=1.0):
    "Damps."
    return x * K ** n * scale

def f(x, y=1):
    "Adds."
    total: int = damp(x)
    return total + y
"""

BODIES = [
    runs("an operator", PLAIN, "total + y", "total - y"),
    runs("a helper", PLAIN, "x * K", "x / K"),
    runs("a default of a helper", PLAIN, "n=2", "n=3"),
    runs("a keyword-only default of a helper", PLAIN, "scale=1.0", "scale=2.0"),
    rests("a docstring", PLAIN, '"Adds."', '"Adds, and so on."'),
    rests("a docstring of a helper", PLAIN, '"Damps."', '"Damps a little."'),
    rests("an annotation", PLAIN, "def f(x, y=1)", "def f(x: float, y: 'anything' = 1) -> float"),
    rests("an annotation of a local", PLAIN, "total: int = ", "total = "),
    rests(
        "layout, comments, pass and parentheses",
        PLAIN,
        "return total + y",
        "# here\n\n    pass\n    return (total\n            + (y))",
    ),
    rests("moved lines", PLAIN, "K = 3", "\n\n\nimport os\n\ndef unrelated():\n    pass\n\nK = 3"),
    rests("a default that the call gives", PLAIN, "y=1", "y=7", "2, 1"),
    runs("a default that the call does not give", PLAIN, "y=1", "y=7"),
    rests("parentheses of del", "def f(x):\n    a, b = 1, 2\n    del (a, b)\n    return x", "del (a, b)", "del a, b"),
    rests("text joined", "def f(x):\n    return 'a' 'b' + f'{x}' 'c'", "'a' 'b'", '"ab"'),
    runs("the format within a format", "def f(x):\n    n = 3\n    return f'{x:>{n + 2}.1f}'", "n + 2", "n + 3"),
    runs("a conversion in an f-string", "def f(x):\n    return f'{str(x)!r}'", "!r", "!s"),
    runs("space in a self-documenting f-string", "def f(x):\n    return f'{x=}'", "{x=}", "{x = }"),
    runs(
        "the name of a local that a text reads",
        "import pandas as pd\ndef f(x):\n    lo, hi = 1, 2\n    return pd.DataFrame({'x': [1, 2, 3]}).query('x > @lo').x.tolist()",
        "lo, hi",
        "hi, lo",
    ),
    runs(
        "a positional-only parameter becomes another",
        "def g(a, b, /):\n    return a - b\ndef f(x):\n    return g(x, 1)",
        "(a, b, /)",
        "(b, a, /)",
    ),
    runs("walrus", "def f(x):\n    return [y := x + 1, y * 2]", "x + 1", "x + 2"),
    runs("a starred expression", "A = (1, 2)\ndef f(x):\n    return [*A, x]", "(1, 2)", "(1, 3)"),
    runs("a starred target", "def f(x):\n    a, *b = x, 1, 2\n    return b", "a, *b", "*b, a"),
    runs(
        "a deep comprehension scope",
        "N = 3\ndef f(x):\n    return [[i * j for j in range(N)] for i in range(x)]",
        "N = 3",
        "N = 4",
    ),
    runs(
        "a class body within a function",
        "K = 1\ndef f(x):\n    class A:\n        k = K\n        def go(self):\n            return self.k\n    return A().go()",
        "K = 1",
        "K = 2",
    ),
    runs(
        "a nonlocal counter",
        "def f(x):\n    n = 0\n    def up():\n        nonlocal n\n        n += 2\n    up()\n    return n",
        "n += 2",
        "n += 3",
    ),
    runs(
        "a generator within",
        "def g(x):\n    yield x\n    yield x + 1\ndef f(x):\n    return list(g(x))",
        "x + 1",
        "x + 2",
    ),
    runs(
        "yield from",
        "def h():\n    yield 1\ndef g():\n    yield from h()\ndef f(x):\n    return list(g())",
        "yield 1",
        "yield 2",
    ),
    runs("a lambda's default in the body", "def f(x):\n    return (lambda a, b=3: a + b)(x)", "b=3", "b=4"),
    runs(
        "a class pattern",
        "class P:\n    def __init__(self, x):\n        self.x = x\nclass Q(P):\n    pass\ndef f(x):\n    match Q(0):\n        case P(x=0):\n            return 1\n    return 0",
        "class Q(P):\n    pass",
        "class Q:\n    def __init__(self, x):\n        self.x = x",
    ),
    runs(
        "__match_args__",
        "class P:\n    __match_args__ = ('x', 'y')\n    x, y = 1, 2\ndef f(x):\n    match P():\n        case P(a, b):\n            return a, b",
        "('x', 'y')",
        "('y', 'x')",
    ),
    runs(
        "a value pattern",
        "import enum\nclass C(enum.Enum):\n    A = 1\n    B = 2\ndef f(x):\n    match x:\n        case C.A.value:\n            return 'a'\n    return 'b'",
        "A = 1\n    B = 2",
        "A = 2\n    B = 1",
    ),
    runs(
        "an exception caught by class",
        "class E(KeyError):\n    pass\ndef f(x):\n    try:\n        return {}[1]\n    except E:\n        return 1\n    except KeyError:\n        return 2",
        "class E(KeyError):\n    pass",
        "E = KeyError",
    ),
    runs(
        "an exception group",
        "def f(x):\n    try:\n        raise ExceptionGroup('', [ValueError()])\n    except* ValueError:\n        n = 1\n    return n",
        "n = 1",
        "n = 2",
    ),
    runs(
        "global rebound by a helper",
        "K = 5\ndef g():\n    global K\n    K = 5\ndef f(x):\n    g()\n    return x * 2",
        "x * 2",
        "x * 3",
    ),
    runs(
        "an async helper",
        "import asyncio\nasync def g(x):\n    return x + 1\ndef f(x):\n    return asyncio.run(g(x))",
        "x + 1",
        "x + 2",
    ),
    runs(
        "an async generator",
        "import asyncio\nasync def g():\n    yield 1\nasync def h():\n    return [i async for i in g()]\ndef f(x):\n    return asyncio.run(h())",
        "yield 1",
        "yield 2",
    ),
    runs(
        "an async function itself",
        "import asyncio, sweepable\n@sweepable.cache(name='PKG')\nasync def g(x):\n    return x + 1\ndef f(x):\n    return asyncio.run(g(x))",
        "x + 1",
        "x + 2",
    ),
    runs(
        "a context manager of one's own",
        "import contextlib\n@contextlib.contextmanager\ndef h():\n    yield 7\ndef f(x):\n    with h() as k:\n        return k",
        "yield 7",
        "yield 8",
    ),
    runs(
        "an inner default from a global",
        "K = 1\ndef f(x):\n    def g(a=K):\n        return a\n    return g()",
        "K = 1",
        "K = 2",
    ),
    runs("a constant in a string that is evaluated", "A = 1\ndef f(x):\n    return eval('A + x')", "A = 1", "A = 2"),
    runs(
        "a constant in a text that is executed",
        "A = 1\ndef f(x):\n    space = {'A': A}\n    exec('y = A * 3', space)\n    return space['y']",
        "A * 3",
        "A * 4",
    ),
    runs("int becomes float", "def f(x):\n    return 1", "return 1", "return 1.0"),
    runs("minus zero", "def f(x):\n    return 0.0", "return 0.0", "return -0.0"),
    runs(
        "a big int in a body",
        "def f(x):\n    return 2 ** 2000 % 1000007 + 123456789012345678901234567890",
        "901234567890",
        "901234567891",
    ),
    runs("bytes in a body", "def f(x):\n    return b'a\\xff'", "\\xff", "\\xfe"),
    rests(
        "an overload stub",
        "import typing\n@typing.overload\ndef g(x: int) -> int: ...\n@typing.overload\ndef g(x: str) -> str: ...\ndef g(x):\n    return x\ndef f(x):\n    return g(x)",
        "(x: str) -> str",
        "(x: bytes) -> bytes",
    ),
    rests(
        "a name only for type checkers",
        "import typing\nif typing.TYPE_CHECKING:\n    from a import B\ndef f(x: 'B'):\n    return x",
        "from a import B",
        "from c import D as B",
    ),
    rests("a function that nothing reaches", PLAIN + "\ndef other():\n    return 1\n", "return 1\n", "return 2\n"),
    runs(
        "order of keyword arguments",
        "def g(**k):\n    return list(k)\ndef f(x):\n    return g(a=1, b=2)",
        "a=1, b=2",
        "b=2, a=1",
    ),
    runs(
        "which of two on one line",
        "a, b = lambda x: x + 1, lambda x: x + 2\ndef f(x):\n    return a(x)",
        "a, b =",
        "b, a =",
    ),
    runs("a docstring that is read", "def g():\n    'one'\ndef f(x):\n    return g.__doc__", "'one'", "'two'"),
    runs(
        "an annotation that is read",
        "import typing\ndef g(x: int): ...\ndef f(x):\n    return str(typing.get_type_hints(g))",
        "x: int",
        "x: float",
    ),
    runs(
        "a signature that is read",
        "import inspect\ndef g(x: int): ...\ndef f(x):\n    return str(inspect.signature(g))",
        "x: int",
        "x: float",
    ),
    runs(
        "a name that is read through an alias",
        "def g():\n    pass\nALL = [g]\ndef f(x):\n    return ALL[0].__name__",
        "def g():\n    pass\nALL = [g]",
        "def h():\n    pass\nALL = [h]",
    ),
    runs(
        "a class's name that is read through an alias",
        "class A:\n    pass\nALL = A\ndef f(x):\n    return ALL.__name__",
        "class A:\n    pass\nALL = A",
        "class B:\n    pass\nALL = B",
    ),
    runs(
        "a class's name that its repr shows",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1\nmake = A\ndef f(x):\n    return repr(make())",
        "class A:\n    x: int = 1\nmake = A",
        "class B:\n    x: int = 1\nmake = B",
    ),
]

RECURSIVE = "def f(n, k=3):\n    return k + (f(n - 1) if n else 0)"

DEFAULTS = [
    runs("a default of a recursive function that calls itself without", RECURSIVE, "k=3", "k=4", "2, 1"),
    runs(
        "the same, cached where it is defined",
        "import sweepable\n@sweepable.cache(name='PKG')\n" + RECURSIVE,
        "k=3",
        "k=4",
        "2, 1",
    ),
    runs(
        "a default that a helper relies on",
        "def f(n, k=3):\n    return k + (g(n - 1) if n else 0)\ndef g(n):\n    return f(n)",
        "k=3",
        "k=4",
        "2, 1",
    ),
    runs(
        "a default that is a function",
        "def a(x):\n    return x + 1\ndef g(x, h=a):\n    return h(x)\ndef f(x):\n    return g(x)",
        "x + 1",
        "x + 2",
    ),
    runs(
        "a default that is a function, of the function itself",
        "def a(x):\n    return x + 1\ndef f(x, h=a):\n    return h(x)",
        "x + 1",
        "x + 2",
    ),
    runs(
        "a default that is an object",
        "class C:\n    k = 1\n    def __init__(self, n):\n        self.n = n\ndef g(c=C(1)):\n    return c.n + c.k\ndef f(x):\n    return g()",
        "C(1)",
        "C(2)",
    ),
    runs("the class of a default", "class C:\n    k = 1\ndef f(x, c=C()):\n    return c.k", "k = 1", "k = 2"),
    runs(
        "a mutable default of a helper",
        "def g(x, acc=[1]):\n    return acc + [x]\ndef f(x):\n    return g(x)",
        "[1]",
        "[2]",
    ),
    runs(
        "a default that was a global then",
        "K = 1\ndef g(x, k=K):\n    return k\nK = 5\ndef f(x):\n    return g(x)",
        "K = 1",
        "K = 2",
    ),
    rests(
        "the global that a default was",
        "K = 1\ndef g(x, k=K):\n    return k\nK = 5\ndef f(x):\n    return g(x)",
        "K = 5",
        "K = 6",
    ),
    runs(
        "__defaults__ set by hand",
        "def g(x, k=1):\n    return k\ng.__defaults__ = (2,)\ndef f(x):\n    return g(x)",
        "(2,)",
        "(3,)",
    ),
    runs(
        "__kwdefaults__ set by hand",
        "def g(x, *, k=1):\n    return k\ng.__kwdefaults__ = {'k': 2}\ndef f(x):\n    return g(x)",
        "'k': 2",
        "'k': 3",
    ),
    runs(
        "__code__ set by hand",
        "def g(x):\n    return 1\ndef h(x):\n    return 2\ng.__code__ = h.__code__\ndef f(x):\n    return g(x)",
        "return 2",
        "return 3",
    ),
]

WRAP = """
import functools
W = 3
def scaled(factor, shift=0):
    def around(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args) * factor + shift
        return wrapper
    return around
@scaled(W)
@scaled(2)
def g(x):
    return x + 1
def f(x):
    return g(x)
"""

WRAPPERS = [
    runs(
        "closures of a factory",
        "def make(n):\n    def h(x):\n        return x + n\n    return h\na, b = make(1), make(2)\ndef f(x):\n    return b(x)",
        "make(2)",
        "make(3)",
    ),
    rests(
        "closures of a factory, the other one",
        "def make(n):\n    def h(x):\n        return x + n\n    return h\na, b = make(1), make(2)\ndef f(x):\n    return b(x)",
        "make(1)",
        "make(3)",
    ),
    runs(
        "a factory whose product is the function",
        "def make(n):\n    def h(x):\n        return x + n\n    return h\nf = make(1)",
        "make(1)",
        "make(2)",
    ),
    runs(
        "a lambda in a comprehension",
        "FS = [lambda x, i=i: x + i for i in (1, 2)]\ndef f(x):\n    return FS[1](x)",
        "(1, 2)",
        "(1, 3)",
    ),
    runs(
        "a closure variable that is a dict",
        "def make():\n    t = {'k': [1]}\n    return lambda x: t['k'][0] + x\nh = make()\ndef f(x):\n    return h(x)",
        "[1]",
        "[2]",
    ),
    runs("what a chain of wraps wraps", WRAP, "x + 1", "x + 2"),
    runs("the body of a decorator", WRAP, "* factor + shift", "* factor - shift - 1"),
    runs("the argument of an outer decorator", WRAP, "W = 3", "W = 4"),
    runs("the argument of an inner decorator", WRAP, "@scaled(2)", "@scaled(5)"),
    runs("the default of a decorator", WRAP, "shift=0", "shift=1"),
    runs("the order of decorators", WRAP, "@scaled(W)\n@scaled(2)", "@scaled(2, 1)\n@scaled(W)"),
    runs(
        "a decorator on the function itself",
        "import sweepable\ndef deco(fn):\n    return lambda x: fn(x) * 2\n@sweepable.cache(name='PKG')\n@deco\ndef f(x):\n    return x",
        "* 2",
        "* 3",
    ),
    runs(
        "a decorator that is a class",
        "class Deco:\n    def __init__(self, fn):\n        self.fn = fn\n    def __call__(self, x):\n        return self.fn(x) * 2\n@Deco\ndef g(x):\n    return x + 1\ndef f(x):\n    return g(x)",
        "* 2",
        "* 3",
    ),
    runs(
        "under a decorator that is a class",
        "class Deco:\n    def __init__(self, fn):\n        self.fn = fn\n    def __call__(self, x):\n        return self.fn(x) * 2\n@Deco\ndef g(x):\n    return x + 1\ndef f(x):\n    return g(x)",
        "x + 1",
        "x + 2",
    ),
    runs(
        "partials of partials",
        "from functools import partial\ndef b(x, y, z):\n    return x + 10 * y + 100 * z\nh = partial(partial(b, 1), 2)\ndef f(x):\n    return h(x)",
        "partial(b, 1)",
        "partial(b, 3)",
    ),
    runs(
        "a keyword of a partial",
        "from functools import partial\ndef b(x, y):\n    return x + y\nh = partial(b, y=1)\ndef f(x):\n    return h(x)",
        "y=1",
        "y=2",
    ),
    runs(
        "functools.reduce with helpers",
        "import functools\ndef a(x):\n    return x + 1\ndef b(x):\n    return x * 2\ndef f(x):\n    return functools.reduce(lambda v, h: h(v), [a, b], x)",
        "x * 2",
        "x * 3",
    ),
    runs(
        "functools.cache under a helper",
        "import functools\n@functools.cache\ndef g(x):\n    return x + 1\ndef f(x):\n    return g(x)",
        "x + 1",
        "x + 2",
    ),
    runs(
        "cmp_to_key",
        "import functools\ndef g(a, b):\n    return a - b\nKEY = functools.cmp_to_key(g)\ndef f(x):\n    return sorted([1, 3, 2], key=KEY)",
        "a - b",
        "b - a",
    ),
    runs(
        "operator.methodcaller by name",
        "import operator\nclass H:\n    def go(self):\n        return 1\nh = H()\nCALL = operator.methodcaller('go')\ndef f(x):\n    return CALL(h)",
        "return 1",
        "return 2",
    ),
    runs(
        "the name in a methodcaller",
        "import operator\nclass H:\n    def go(self):\n        return 1\n    def og(self):\n        return 2\nh = H()\nCALL = operator.methodcaller('go')\ndef f(x):\n    return CALL(h)",
        "caller('go')",
        "caller('og')",
    ),
    runs(
        "operator.attrgetter of a module",
        {
            "lab.py": "import operator\nfrom . import tools\ndef f(x):\n    return operator.attrgetter('K')(tools)",
            "tools.py": "K = 1",
        },
        "K = 1",
        "K = 2",
    ),
    runs(
        "getattr with a name from a constant",
        {
            "lab.py": "from . import tools\nNAME = 'g'\ndef f(x):\n    return getattr(tools, NAME)(x)",
            "tools.py": "def g(x):\n    return x + 1\ndef h(x):\n    return x + 2",
        },
        "x + 1",
        "x + 3",
    ),
    runs(
        "the constant that getattr takes its name from",
        {
            "lab.py": "from . import tools\nNAME = 'g'\ndef f(x):\n    return getattr(tools, NAME)(x)",
            "tools.py": "def g(x):\n    return x + 1\ndef h(x):\n    return x + 2",
        },
        "NAME = 'g'",
        "NAME = 'h'",
    ),
    runs(
        "a table of functions",
        "def a(x):\n    return x + 1\ndef b(x):\n    return x + 2\nT = {'a': a, 'b': [b, {'deep': (a,)}]}\ndef f(x):\n    return T['b'][1]['deep'][0](x)",
        "x + 1",
        "x + 3",
    ),
    runs(
        "a lambda in a list", "L = [lambda x: x + 1, lambda x: x + 2]\ndef f(x):\n    return L[0](x)", "x + 1", "x + 3"
    ),
    runs(
        "a bound method as a constant",
        "class H:\n    def __init__(self, n):\n        self.n = n\n    def go(self, x):\n        return x + self.n\ngo = H(1).go\ndef f(x):\n    return go(x)",
        "H(1)",
        "H(2)",
    ),
    runs("a bound method of a dict", "T = {1: 2}\nget = T.get\ndef f(x):\n    return get(1)", "1: 2", "1: 3"),
    runs(
        "a bound method of an array",
        "import numpy as np\nA = np.array([1, 2, 3])\ntotal = A.sum\ndef f(x):\n    return int(total())",
        "2, 3",
        "2, 4",
    ),
    runs(
        "a compiled pattern's method",
        "import re\nfind = re.compile('a+').findall\ndef f(x):\n    return find('aab')",
        "'a+'",
        "'a'",
    ),
    runs(
        "an instance with __call__",
        "class C:\n    def __init__(self, n):\n        self.n = n\n    def __call__(self, x):\n        return x + self.n\nc = C(1)\ndef f(x):\n    return c(x)",
        "x + self.n",
        "x - self.n",
    ),
    runs(
        "single dispatch registered in another module",
        {
            "lab.py": "import functools\n@functools.singledispatch\ndef g(x):\n    return 0\nfrom . import more\ndef f(x):\n    return g(x)",
            "more.py": "from .lab import g\n@g.register\ndef _(x: int):\n    return 1",
        },
        "return 1",
        "return 2",
    ),
    runs(
        "the type of a single dispatch",
        "import functools\n@functools.singledispatch\ndef g(x):\n    return 0\n@g.register\ndef _(x: int):\n    return 1\ndef f(x):\n    return g(x)",
        "x: int",
        "x: str",
    ),
    runs(
        "np.frompyfunc",
        "import numpy as np\ndef g(x):\n    return x + 1\nu = np.frompyfunc(g, 1, 1)\ndef f(x):\n    return u(x)",
        "x + 1",
        "x + 2",
    ),
    runs(
        "np.vectorize",
        "import numpy as np\n@np.vectorize\ndef g(x):\n    return x + 1\ndef f(x):\n    return g([x]).tolist()",
        "x + 1",
        "x + 2",
    ),
    runs(
        "np.piecewise with lambdas",
        "import numpy as np\nPARTS = [lambda x: x + 1, lambda x: -x]\ndef f(x):\n    a = np.array([1., -1.])\n    return np.piecewise(a, [a > 0, a < 0], PARTS).tolist()",
        "x + 1",
        "x + 2",
    ),
    runs(
        "np.apply_along_axis",
        "import numpy as np\ndef g(r):\n    return r.sum() + 1\ndef f(x):\n    return np.apply_along_axis(g, 0, np.ones((2, 2))).tolist()",
        "+ 1",
        "+ 2",
    ),
    runs(
        "a callback for SciPy",
        "from scipy.optimize import brentq\ndef g(x):\n    return x - 1\ndef f(x):\n    return round(brentq(g, -5, 5), 6)",
        "x - 1",
        "x - 2",
    ),
    runs(
        "numba",
        "import numba\nK = 1\n@numba.njit\ndef g(x):\n    return x + K\ndef f(x):\n    return g(x)",
        "x + K",
        "x - K",
    ),
    runs(
        "a constant of numba's",
        "import numba\nK = 1\n@numba.njit\ndef g(x):\n    return x + K\ndef f(x):\n    return g(x)",
        "K = 1",
        "K = 2",
    ),
    runs(
        "numba's vectorize",
        "import numba\n@numba.vectorize\ndef g(x):\n    return x + 1\ndef f(x):\n    return float(g(x))",
        "x + 1",
        "x + 2",
    ),
    runs(
        "a function under joblib.delayed",
        "import joblib\ndef g(x):\n    return x + 1\nCALL = joblib.delayed(g)(1)\ndef f(x):\n    return CALL[0](*CALL[1])",
        "x + 1",
        "x + 2",
    ),
    runs(
        "a cached helper",
        "import sweepable\n@sweepable.cache(name='PKGg')\ndef g(x):\n    return x + 1\ndef f(x):\n    return g(x)",
        "x + 1",
        "x + 2",
    ),
    rests(
        "a helper becomes a cached one",
        "import sweepable\ndef g(x):\n    return x + 1\ndef f(x):\n    return g(x)",
        "def g",
        "@sweepable.cache(name='PKGg')\ndef g",
    ),
    runs(
        "a cached helper with ignore",
        "import sweepable\n@sweepable.cache(name='PKGg', ignore=['loud'])\ndef g(x, loud=False):\n    return x + 1\ndef f(x):\n    return g(x)",
        "x + 1",
        "x + 2",
    ),
    rests(
        "what ignore names",
        "import sweepable\n@sweepable.cache(name='PKG', ignore=['loud'])\ndef f(x, loud=False):\n    return x",
        "loud=False",
        "loud=True",
    ),
    rests(
        "a pinned version",
        "import sweepable\n@sweepable.cache(name='PKG', version='1')\ndef f(x):\n    return x + 1",
        "x + 1",
        "x + 2",
        differs=True,
        declared=True,
    ),
    runs(
        "the pin itself",
        "import sweepable\n@sweepable.cache(name='PKG', version='1')\ndef f(x):\n    return x + 1",
        "'1')\ndef f(x):\n    return x + 1",
        "'2')\ndef f(x):\n    return x + 2",
    ),
    rests(
        "an ignored global",
        "import sweepable\nK = 1\n@sweepable.cache(name='PKG', ignore_globals=['K'])\ndef f(x):\n    return x + K",
        "K = 1",
        "K = 2",
        differs=True,
        declared=True,
    ),
    runs(
        "a function from exec",
        "space = {}\nexec('def g(x):\\n    return x + 1', space)\ng = space['g']\ndef f(x):\n    return g(x)",
        "x + 1",
        "x + 2",
    ),
    runs(
        "a global of a function from exec",
        "space = {'K': 1}\nexec('def g(x):\\n    return x + K', space)\ng = space['g']\ndef f(x):\n    return g(x)",
        "'K': 1",
        "'K': 2",
    ),
    runs("the function itself from exec", "K = 1\nexec('def f(x):\\n    return x + K')", "K = 1", "K = 2"),
    runs(
        "types.FunctionType",
        "import types\ndef h(x):\n    return x + K\ng = types.FunctionType(h.__code__, {'K': 1})\ndef f(x):\n    return g(x)",
        "'K': 1",
        "'K': 2",
    ),
    runs(
        "an attribute of a function",
        "def g(x):\n    return x\ng.k = 1\ndef f(x):\n    return g.k",
        "g.k = 1",
        "g.k = 2",
    ),
    runs(
        "an attribute of a function in a list",
        "def g(x):\n    return x\ng.weight = 1\nALL = [g]\ndef f(x):\n    return sum(h(x) * h.weight for h in ALL)",
        "weight = 1",
        "weight = 2",
    ),
    runs(
        "a weak reference to a function",
        "import weakref\ndef g(x):\n    return x + 1\nR = weakref.ref(g)\ndef f(x):\n    return R()(x)",
        "x + 1",
        "x + 2",
    ),
    runs(
        "a weak set of functions",
        "import weakref\ndef g(x):\n    return x + 1\nALL = weakref.WeakSet([g])\ndef f(x):\n    return [h(x) for h in ALL]",
        "x + 1",
        "x + 2",
    ),
    runs(
        "a weak dict of functions",
        "import weakref\ndef g(x):\n    return x + 1\nALL = weakref.WeakValueDictionary({'g': g})\ndef f(x):\n    return ALL['g'](x)",
        "x + 1",
        "x + 2",
    ),
    runs(
        "map over a helper, as a constant",
        "def g(x):\n    return x + 1\nclass Lazy:\n    made = map(g, ())\n    go = staticmethod(g)\ndef f(x):\n    return Lazy.go(x)",
        "x + 1",
        "x + 2",
    ),
    runs("a callback argument", "def g(x):\n    return x + 1\ndef f(h):\n    return h(1)", "x + 1", "x + 2", "g"),
    runs(
        "a method as an argument",
        "class C:\n    def __init__(self):\n        self.k = 1\n    def go(self, x):\n        return x + self.k\ndef f(h):\n    return h(1)",
        "self.k = 1",
        "self.k = 2",
        "C().go",
    ),
    runs(
        "the class of an argument",
        "class C:\n    def go(self):\n        return 1\ndef f(c):\n    return c.go()",
        "return 1",
        "return 2",
        "C()",
    ),
    runs(
        "a callback's closure",
        "def make(n):\n    return lambda x: x + n\ndef f(h):\n    return h(1)\nh = make(1)",
        "make(1)",
        "make(2)",
        "h",
    ),
    runs(
        "a callback in a dict argument",
        "def g(x):\n    return x + 1\ndef f(t):\n    return t['a'][0](1)",
        "x + 1",
        "x + 2",
        "{'a': [g]}",
    ),
    rests(
        "a callback is documented",
        "def g(x):\n    return x + 1\ndef f(h):\n    return h(1)",
        "return x + 1",
        "'Adds.'\n    return x + 1",
        "g",
    ),
]

UNUSED = "T = {'a': 1, 'b': 2}\nclass C:\n    def used(self):\n        return 1\n    def unused(self):\n        return 2\ndef f(x):\n    return C().used() + T['a']"

#: They run again though the result is the same: the reasons stand in the test.
NEEDLESS = [
    runs(
        "the name of a local",
        "def f(x):\n    a = x\n    return a",
        "a = x\n    return a",
        "b = x\n    return b",
        differs=False,
    ),
    runs("another way to compute the same", "def f(x):\n    return x * 2", "x * 2", "x + x", differs=False),
    runs("a method that is not used", UNUSED, "return 2", "return 3", differs=False),
    runs("a part of a constant that is not used", UNUSED, "'b': 2", "'b': 3", differs=False),
    runs("a helper is renamed", "def g(x):\n    return x\ndef f(x):\n    return g(x)", "g(x)", "h(x)", differs=False),
    runs(
        "an annotation under a decorator",
        "def deco(fn):\n    return fn\n@deco\ndef g(x: int):\n    return x\ndef f(x):\n    return g(x)",
        "x: int",
        "x: float",
        differs=False,
    ),
    runs(
        "a docstring where another one is read",
        "def g():\n    'g'\n    return 1\ndef h():\n    'h'\ndef f(x):\n    return g(), h.__doc__",
        "'g'",
        "'gg'",
        differs=False,
    ),
    runs(
        "a global that globals() was not asked for",
        "A, B = 1, 2\ndef f(x):\n    return globals()['A']",
        "A, B = 1, 2",
        "A, B = 1, 3",
        differs=False,
    ),
    runs(
        "a branch that is not taken",
        "def g(x):\n    return x\ndef f(x):\n    return x if x else g(x)",
        "return x\ndef",
        "return -x\ndef",
        differs=False,
    ),
    runs(
        "an exec'd function's local",
        "exec('def f(x):\\n    a = x\\n    return a')",
        "a = x\\n    return a",
        "b = x\\n    return b",
        differs=False,
    ),
    Case(
        "the function moves, and its body reads __name__",
        False,
        {"lab.py": "def f(x):\n    return len(__name__) > 0"},
        {"other.py": "def f(x):\n    return len(__name__) > 0"},
        places=("lab:f", "other:f"),
        differs=False,
    ),
]

CASES: list[Case] = [*BODIES, *DEFAULTS, *WRAPPERS, *NEEDLESS]
