"""Edits of constants: a value counts by its content with its type, wherever it is held."""

# ruff: noqa: E501
# A project on one line, with its edit beside it, is easier to compare than one on many.
from __future__ import annotations

from editing import Case, rests, runs

_NP = "import numpy as np\n"
_PD = "import pandas as pd\n"


def _constant(name: str, before: str, after: str, use: str = "repr(K)", head: str = "", *, hit: bool = False) -> Case:
    text = f"{head}K = {before}\ndef f(x):\n    return {use}\n"
    return Case(name, hit, text, text.replace(f"K = {before}", f"K = {after}"), differs=not hit)


SCALARS = [
    _constant("int and float", "1", "1.0"),
    _constant("int and bool", "1", "True"),
    _constant("int and text", "1", "'1'"),
    _constant("int and numpy's", "1", "np.int64(1)", head=_NP),
    _constant("float and numpy's", "1.0", "np.float64(1)", head=_NP),
    _constant("zero and minus zero", "0.0", "-0.0"),
    _constant("a big int", "2 ** 200", "2 ** 200 + 1"),
    _constant("a big float", "1e308", "1e309"),
    _constant("the last bit of a float", "0.3", "0.1 + 0.2"),
    _constant("NaN and none", "float('nan')", "None"),
    _constant("a NaN and another", "float('nan')", "-float('nan')", hit=True),
    _constant("complex", "1j", "-1j"),
    _constant("complex zeros", "complex(0.0, 0.0)", "complex(-0.0, 0.0)"),
    _constant("bytes and text", "b'a'", "'a'"),
    _constant("bytes and bytearray", "b'a'", "bytearray(b'a')"),
    _constant("text that looks alike", "'\\u00e9'", "'e\\u0301'"),
    _constant("a range", "range(3)", "range(0, 3, 2)"),
    _constant("Decimal", "D('1.0')", "D('1.00')", head="from decimal import Decimal as D\n"),
    _constant("Fraction", "F(1, 3)", "F(1, 4)", head="from fractions import Fraction as F\n"),
    _constant(
        "datetime",
        "d.datetime(2020, 1, 1)",
        "d.datetime(2020, 1, 1, tzinfo=d.timezone.utc)",
        head="import datetime as d\n",
    ),
    _constant("timedelta", "d.timedelta(1)", "d.timedelta(1, 1)", head="import datetime as d\n"),
    _constant("Path", "P('/no/a')", "P('/no/b')", head="from pathlib import Path as P\n"),
    _constant("Path and text", "P('/no/a')", "'/no/a'", head="from pathlib import Path as P\n"),
    _constant("UUID", "U(int=1)", "U(int=2)", head="from uuid import UUID as U\n"),
    _constant("a pattern's flags", "re.compile('a')", "re.compile('a', re.I)", head="import re\n"),
    _constant("slice", "slice(1, 2)", "slice(1, 3)"),
    _constant("a type", "int", "float"),
    _constant("a union", "int | str", "int | float"),
    _constant("a builtin function", "max", "min", "K(1, 2)"),
    _constant("a ufunc", "np.sin", "np.cos", "K.__name__", head=_NP),
    _constant("an operator's function", "operator.add", "operator.sub", "K(1, 2)", head="import operator\n"),
    _constant("itemgetter", "operator.itemgetter(0)", "operator.itemgetter(1)", "K((1, 2))", head="import operator\n"),
    _constant(
        "a template", "string.Template('$a b')", "string.Template('$a c')", "K.substitute(a=1)", head="import string\n"
    ),
    _constant("a text that is formatted", "'{} b'", "'{} c'", "K.format(1)"),
]

CONTAINERS = [
    _constant("list and tuple", "[1, 2]", "(1, 2)"),
    _constant("order of a list", "[1, 2]", "[2, 1]"),
    _constant("nesting", "[[1], 2]", "[[1, 2]]"),
    _constant("order of a dict", "{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    _constant("a deep dict", "{'a': {'b': {'c': [1, {2: 3}]}}}", "{'a': {'b': {'c': [1, {2: 4}]}}}"),
    _constant("dict and OrderedDict", "{'a': 1}", "OrderedDict(a=1)", head="from collections import OrderedDict\n"),
    _constant(
        "a defaultdict's default",
        "defaultdict(int)",
        "defaultdict(list)",
        "K.default_factory()",
        head="from collections import defaultdict\n",
    ),
    _constant("keys 1 and True", "{1: 'a'}", "{True: 'a'}"),
    _constant("a set's members", "{'a', 'b', 'c'}", "{'a', 'b', 'd'}", "sorted(K)"),
    _constant("a set as written", "{'a', 'b', 'c'}", "{'c', 'b', 'a'}", "sorted(K)", hit=True),
    _constant(
        "a set of frozensets",
        "{frozenset('ab'), frozenset('c')}",
        "{frozenset('ab'), frozenset('d')}",
        "sorted(map(sorted, K))",
    ),
    _constant("set and frozenset", "{1}", "frozenset({1})"),
    _constant("a shared part and a copy", "[S, S]", "[S, [1]]", "K", head="S = [1]\n", hit=True),
    _constant("a deque's length", "deque([1], 2)", "deque([1], 3)", head="from collections import deque\n"),
    _constant("Counter", "Counter('aab')", "Counter('abb')", head="from collections import Counter\n"),
    _constant(
        "ChainMap",
        "ChainMap({'a': 1}, {'a': 2})",
        "ChainMap({'a': 2}, {'a': 1})",
        "K['a']",
        head="from collections import ChainMap\n",
    ),
    _constant(
        "a read-only view of a dict",
        "MappingProxyType({'a': 1})",
        "MappingProxyType({'a': 2})",
        "K['a']",
        head="from types import MappingProxyType\n",
    ),
    _constant("a namespace", "N(a=N(b=1))", "N(a=N(b=2))", "K.a.b", head="from types import SimpleNamespace as N\n"),
    _constant("array.array", "array('d', [1])", "array('f', [1])", head="from array import array\n"),
    _constant("memoryview", "memoryview(b'ab')", "memoryview(b'ac')", "bytes(K)"),
    _constant("an exception", "ValueError('a')", "ValueError('b')"),
    _constant("a generic alias", "list[int]", "list[str]"),
    _constant(
        "a context variable's default",
        "ContextVar('k', default=1)",
        "ContextVar('k', default=2)",
        "K.get()",
        head="from contextvars import ContextVar\n",
    ),
    runs(
        "a context variable that was set",
        "from contextvars import ContextVar\nK = ContextVar('k', default=[0])\nK.set([1])\ndef f(x):\n    return K.get()",
        "[1]",
        "[2]",
    ),
    rests(
        "a value of a thread",
        "import threading\nK = threading.local()\nK.v = 1\ndef f(x):\n    return K.v",
        "v = 1",
        "v = 2",
        differs=True,
        declared=True,
    ),
    runs(
        "a value beside a lock",
        "import threading\nK = {'lock': threading.Lock(), 'v': [1]}\ndef f(x):\n    return K['v']",
        "[1]",
        "[2]",
    ),
    runs(
        "a value beside a logger",
        "import logging, types\nK = types.SimpleNamespace(log=logging.getLogger('x'), v=1)\ndef f(x):\n    return K.v",
        "v=1",
        "v=2",
    ),
    rests(
        "a logger",
        "import logging\nlog = logging.getLogger('a')\ndef f(x):\n    log.debug('x')\n    return x",
        "'a'",
        "'b'",
    ),
    runs("text in memory", "import io\nK = io.StringIO('a')\ndef f(x):\n    return K.getvalue()", "'a'", "'b'"),
    runs(
        "an instance that holds itself",
        "class C:\n    pass\nK = C()\nK.me, K.v = K, 1\ndef f(x):\n    return K.me.me.v",
        "K, 1",
        "K, 2",
    ),
    runs("a list that holds itself", "K = [1]\nK.append(K)\ndef f(x):\n    return K[1][1][0]", "K = [1]", "K = [2]"),
    runs(
        "an alias changed through another name",
        "A = {'v': 1}\nK = A\nA['v'] = 5\ndef f(x):\n    return K['v']",
        "= 5",
        "= 6",
    ),
]

ARRAYS = [
    _constant(
        "the middle of a long array", "np.zeros(5000)", "np.r_[np.zeros(2500), 1, np.zeros(2499)]", "K.sum()", head=_NP
    ),
    _constant("dtype", "np.zeros(3)", "np.zeros(3, 'f4')", head=_NP),
    _constant("shape", "np.zeros((2, 3))", "np.zeros((3, 2))", head=_NP),
    _constant("byte order", "np.zeros(3, '<i4')", "np.zeros(3, '>i4')", "K.dtype.str", head=_NP),
    _constant("a row of a matrix", "M[0]", "M[1]", head=_NP + "M = np.arange(6).reshape(2, 3)\n"),
    _constant("strides", "np.arange(4)[::1]", "np.arange(8)[::2] // 2", head=_NP, hit=True),
    _constant("minus zero in an array", "np.array([0.0])", "np.array([-0.0])", head=_NP),
    _constant("0-d and number", "np.array(1.0)", "np.float64(1.0)", head=_NP),
    _constant("an object array", "np.array([1, 'a'], object)", "np.array([1, 'b'], object)", head=_NP),
    _constant(
        "a structured array's names",
        "np.zeros(1, [('a', 'i4')])",
        "np.zeros(1, [('b', 'i4')])",
        "K.dtype.names",
        head=_NP,
    ),
    _constant("a mask", "np.ma.array([1, 2], mask=[0, 0])", "np.ma.array([1, 2], mask=[0, 1])", head=_NP),
    _constant("datetime64's unit", "np.datetime64('2020', 'D')", "np.datetime64('2020', 's')", head=_NP),
    _constant(
        "a generator's state",
        "np.random.default_rng(1)",
        "np.random.default_rng(2)",
        "K.bit_generator.state['state']['state']",
        head=_NP,
    ),
    _constant("a dtype as a constant", "np.dtype('f4')", "np.dtype('f8')", head=_NP),
    _constant("a polynomial", "np.polynomial.Polynomial([1, 2])", "np.polynomial.Polynomial([1, 3])", "K(2)", head=_NP),
    _constant("a column's name", "pd.DataFrame({'a': [1]})", "pd.DataFrame({'b': [1]})", "list(K)", head=_PD),
    _constant(
        "a frame's index", "pd.DataFrame({'a': [1]}, index=[0])", "pd.DataFrame({'a': [1]}, index=[1])", head=_PD
    ),
    _constant(
        "a frame's index name",
        "pd.Series([1], index=pd.Index([1], name='a'))",
        "pd.Series([1], index=pd.Index([1], name='b'))",
        head=_PD,
    ),
    _constant(
        "a frame's dtype",
        "pd.DataFrame({'a': [1]})",
        "pd.DataFrame({'a': [1]}, dtype='int8')",
        "K.dtypes.astype(str).tolist()",
        head=_PD,
    ),
    _constant("categories", "pd.Categorical(['a'], ['a', 'b'])", "pd.Categorical(['a'], ['b', 'a'])", head=_PD),
    _constant(
        "frequency",
        "pd.date_range('2020', periods=2, freq='D')",
        "pd.DatetimeIndex(['2020-01-01', '2020-01-02'])",
        "K.freq",
        head=_PD,
    ),
    _constant(
        "attrs of a frame",
        "pd.DataFrame({'a': [1]})",
        "pd.DataFrame({'a': [1]}).assign().pipe(lambda d: d.attrs.update(u=1) or d)",
        "K.attrs",
        head=_PD,
    ),
    _constant(
        "a sparse matrix",
        "sp.csr_matrix([[1, 0]])",
        "sp.csr_matrix([[0, 1]])",
        "K.toarray().tolist()",
        head="import scipy.sparse as sp\n",
    ),
    _constant(
        "an interpolator",
        "interp1d([0, 1], [0, 1])",
        "interp1d([0, 1], [0, 2])",
        "float(K(0.5))",
        head="from scipy.interpolate import interp1d\n",
    ),
    _constant("a distribution", "norm(0, 1)", "norm(0, 2)", "float(K.std())", head="from scipy.stats import norm\n"),
    _constant(
        "an xarray",
        "xr.DataArray([1], dims='x')",
        "xr.DataArray([1], dims='y')",
        "K.dims",
        head="import xarray as xr\n",
    ),
]

FRAME = "import pandas as pd\nDF = pd.DataFrame({'x': [1, 2, 3]})\nLOW, HIGH = 1, 2\n"
TEXTS = [
    runs(
        "a global in a query",
        FRAME + "def f(x):\n    return DF.query('x > @LOW').x.tolist()",
        "LOW, HIGH = 1",
        "LOW, HIGH = 2",
    ),
    runs(
        "a global in a query that is a constant",
        FRAME + "TEXT = 'x > @LOW'\ndef f(x):\n    return DF.query(TEXT).x.tolist()",
        "LOW, HIGH = 1",
        "LOW, HIGH = 2",
    ),
    runs(
        "a global in a query in a table",
        FRAME + "T = {'a': ['x > @LOW']}\ndef f(x):\n    return DF.query(T['a'][0]).x.tolist()",
        "LOW, HIGH = 1",
        "LOW, HIGH = 2",
    ),
    runs(
        "a global in a query that is an argument",
        FRAME + "def f(text):\n    return DF.query(text).x.tolist()",
        "LOW, HIGH = 1",
        "LOW, HIGH = 2",
        "'x > @LOW'",
    ),
    runs(
        "a global in a query that a helper is given",
        FRAME + "def g(text):\n    return DF.query(text).x.tolist()\ndef f(x):\n    return g('x > @LOW')",
        "LOW, HIGH = 1",
        "LOW, HIGH = 2",
    ),
    runs(
        "a global in a query that a default holds",
        FRAME + "def g(text='x > @LOW'):\n    return DF.query(text).x.tolist()\ndef f(x):\n    return g()",
        "LOW, HIGH = 1",
        "LOW, HIGH = 2",
    ),
    runs(
        "a global in df.eval",
        FRAME + "def f(x):\n    return DF.eval('x + @LOW').tolist()",
        "LOW, HIGH = 1",
        "LOW, HIGH = 2",
    ),
    runs(
        "a global in pd.eval", FRAME + "def f(x):\n    return int(pd.eval('LOW + 3'))", "LOW, HIGH = 1", "LOW, HIGH = 2"
    ),
    runs(
        "a function in a query",
        FRAME + "def shift(s):\n    return s + 1\ndef f(x):\n    return DF.query('@shift(x) > 2').x.tolist()",
        "s + 1",
        "s + 2",
    ),
    rests(
        "a global that a query does not name",
        FRAME + "def f(x):\n    return DF.query('x > @LOW').x.tolist()",
        "LOW, HIGH = 1, 2",
        "LOW, HIGH = 1, 3",
    ),
    runs("eval of a constant elsewhere", "A = 1\nTEXT = 'A + 1'\ndef f(x):\n    return eval(TEXT)", "A = 1", "A = 2"),
    runs(
        "compiled code",
        "A = 1\nCODE = compile('A + 1', 'x', 'eval')\ndef f(x):\n    return eval(CODE)",
        "A + 1",
        "A + 2",
    ),
    runs("format_map of globals", "A = 1\ndef f(x):\n    return '{A}'.format_map(globals())", "A = 1", "A = 2"),
    runs(
        "a module in a format",
        {"lab.py": "from . import tools\ndef f(x):\n    return '{0.K}'.format(tools)", "tools.py": "K = 1"},
        "K = 1",
        "K = 2",
    ),
    rests(
        "what a folder holds",
        "import os\nos.makedirs('held-1', exist_ok=True)\ndef f(x):\n"
        "    return sorted(name for name in os.listdir() if name.startswith('held-'))",
        "'held-1'",
        "'held-2'",
        differs=True,
        declared=True,
    ),
    rests(
        "an environment variable",
        "import os\nos.environ['PKG'] = '1'\ndef f(x):\n    return os.environ['PKG']",
        "'1'",
        "'2'",
        differs=True,
        declared=True,
    ),
    runs(
        "an environment variable kept in a constant",
        "import os\nos.environ['PKG'] = '1'\nK = os.environ['PKG']\ndef f(x):\n    return K",
        "'1'",
        "'2'",
    ),
]

CASES: list[Case] = [*SCALARS, *CONTAINERS, *ARRAYS, *TEXTS]
