"""Edits of which of several equal things a name stands for: code can ask with ``is``."""

# ruff: noqa: E501
# A project on one line, with its edit beside it, is easier to compare than one on many.
from __future__ import annotations

from editing import Case, rests, runs

_TWINS = "def adam(p):\n    return p\ndef sgd(p):\n    return p\n"
_TWO_MODULES = "from . import one, two\nK = one.{0}\ndef f(x):\n    return K is one.{0}"


def _of_two_modules(name: str, what: str, text: str) -> Case:
    files = {"lab.py": _TWO_MODULES.format(what), "one.py": text, "two.py": text}
    return runs(name, files, "K = one", "K = two")


CASES: list[Case] = [
    runs(
        "which of two equal functions",
        f"{_TWINS}METHOD = adam\ndef f(x):\n    return METHOD is adam",
        "METHOD = adam",
        "METHOD = sgd",
    ),
    runs(
        "which of two equal functions in a table",
        f"{_TWINS}TABLE = {{'a': adam, 'b': [sgd]}}\ndef f(x):\n    return TABLE['a'] is adam",
        "{'a': adam, 'b': [sgd]}",
        "{'a': sgd, 'b': [adam]}",
    ),
    runs(
        "which of two equal functions a helper is given",
        f"{_TWINS}def g(m=adam):\n    return m is adam\ndef f(x):\n    return g()",
        "m=adam",
        "m=sgd",
    ),
    runs(
        "one partial or two",
        f"from functools import partial\n{_TWINS}A = partial(adam, 1)\nB = A\ndef f(x):\n    return A is B",
        "B = A",
        "B = partial(adam, 1)",
    ),
    runs("one list or two", "A = [1]\nB = A\ndef f(x):\n    return A is B", "B = A", "B = [1]"),
    runs(
        "one list or two in a closure",
        "def make(a, b):\n    return lambda: a is b\nS = [1]\nK = make(S, S)\ndef f(x):\n    return K()",
        "make(S, S)",
        "make(S, [1])",
    ),
    runs(
        "one array or two",
        "import numpy as np\nA = np.zeros(3)\nB = A\ndef f(x):\n    return A is B",
        "B = A",
        "B = np.zeros(3)",
    ),
    runs(
        "one generator or two",
        "import numpy as np\nA = np.random.default_rng(0)\nB = A\ndef f(x):\n    return A is B",
        "B = A",
        "B = np.random.default_rng(0)",
    ),
    runs(
        "one instance or two",
        "class C:\n    pass\nA = C()\nB = A\ndef f(x):\n    return A is B",
        "B = A",
        "B = C()",
    ),
    _of_two_modules("a class of the same name elsewhere", "Bad", "class Bad(Exception):\n    pass"),
    _of_two_modules("a sentinel of the same name elsewhere", "MISSING", "MISSING = object()"),
    rests(
        "a tuple is as good as an equal one",
        "A = (1, [2][0])\nB = A\ndef f(x):\n    return A == B",
        "B = A",
        "B = (1, [2][0])",
    ),
    rests("equal functions that stay", f"{_TWINS}def f(x):\n    return adam is sgd", "return p", "return p  # it"),
    rests(
        "equal functions in a set",
        f"{_TWINS}K = {{adam, sgd}}\ndef f(x):\n    return len(K)",
        "return p",
        "return p  # it",
    ),
    Case(
        "a class that an annotation's text names",
        False,
        "import typing\nclass A:\n    x: 'U'\nclass U:\n    k=1\ndef f(x):\n    return typing.get_type_hints(A)['x'].k",
        "import typing\nclass A:\n    x: 'U'\nclass U:\n    k=2\ndef f(x):\n    return typing.get_type_hints(A)['x'].k",
    ),
    Case(
        "what __getstate__ leaves out",
        False,
        "K={'lin':lambda x:x*1}\nclass M:\n    def __init__(self,k): self.kernel=k; self.gain=2.0\n    def __getstate__(self):\n        d=dict(self.__dict__); d.pop('kernel'); return d\n    def predict(self,x): return self.gain*self.kernel(x)\nm=M(K['lin'])\ndef f(x):\n    return m.predict(x)",
        "K={'lin':lambda x:x*2}\nclass M:\n    def __init__(self,k): self.kernel=k; self.gain=2.0\n    def __getstate__(self):\n        d=dict(self.__dict__); d.pop('kernel'); return d\n    def predict(self,x): return self.gain*self.kernel(x)\nm=M(K['lin'])\ndef f(x):\n    return m.predict(x)",
    ),
    Case(
        "a __getstate__ that tells nothing",
        False,
        "class M:\n    def __init__(self,k): self.k=k\n    def __getstate__(self): return {}\nm=M(1)\ndef f(x):\n    return m.k",
        "class M:\n    def __init__(self,k): self.k=k\n    def __getstate__(self): return {}\nm=M(2)\ndef f(x):\n    return m.k",
    ),
    Case(
        "what __reduce__ leaves out",
        False,
        "class M:\n    def __init__(self,k): self.k=k\n    def __reduce__(self): return (M,(0,))\nm=M(1)\ndef f(x):\n    return m.k",
        "class M:\n    def __init__(self,k): self.k=k\n    def __reduce__(self): return (M,(0,))\nm=M(2)\ndef f(x):\n    return m.k",
    ),
    Case(
        "an attribute beside a lock that __getstate__ leaves out",
        False,
        "import threading\nclass M:\n    def __init__(self,k): self.k=k; self.lock=threading.Lock()\n    def __getstate__(self):\n        d=dict(self.__dict__); d.pop('lock'); return d\nm=M(1)\ndef f(x):\n    return m.k",
        "import threading\nclass M:\n    def __init__(self,k): self.k=k; self.lock=threading.Lock()\n    def __getstate__(self):\n        d=dict(self.__dict__); d.pop('lock'); return d\nm=M(2)\ndef f(x):\n    return m.k",
    ),
    Case(
        "the layout of a dtype",
        False,
        "import numpy as np\nH=np.dtype([('id','u1'),('t','f4')],align=True)\nRAW=bytes(range(40))\ndef f(x):\n    return np.frombuffer(RAW,H,count=3)['id'].tolist()",
        "import numpy as np\nH=np.dtype([('id','u1'),('t','f4')],align=False)\nRAW=bytes(range(40))\ndef f(x):\n    return np.frombuffer(RAW,H,count=3)['id'].tolist()",
    ),
    Case(
        "a helper in a pool",
        False,
        "from multiprocessing import Pool\ndef h(x): return x*1\ndef f(x):\n    with Pool(1) as p: return p.map(h,[1,2])",
        "from multiprocessing import Pool\ndef h(x): return x*2\ndef f(x):\n    with Pool(1) as p: return p.map(h,[1,2])",
    ),
    Case(
        "a class that the text of an annotation names, under a decorator",
        False,
        "import functools,typing\ndef conv(fn):\n    @functools.wraps(fn)\n    def g(x):\n        return typing.get_type_hints(fn)['x'](x)\n    return g\nclass C(int):\n    v=1\n@conv\ndef h(x: 'C'): return x\ndef f(x):\n    return h(x).v",
        "import functools,typing\ndef conv(fn):\n    @functools.wraps(fn)\n    def g(x):\n        return typing.get_type_hints(fn)['x'](x)\n    return g\nclass C(int):\n    v=2\n@conv\ndef h(x: 'C'): return x\ndef f(x):\n    return h(x).v",
    ),
    Case(
        "which of two lambdas in a table",
        False,
        "one=lambda p: p\ntwo=lambda p: p\nT={'a':one,'b':one,'c':two}\ndef f(x):\n    return T['a'] is T['b']",
        "one=lambda p: p\ntwo=lambda p: p\nT={'a':one,'b':two,'c':two}\ndef f(x):\n    return T['a'] is T['b']",
    ),
    Case(
        "which of two lambdas in a table with a set",
        False,
        "one=lambda p: p\ntwo=lambda p: p\nT={'a':one,'b':two,'u':{'u','v'}}\nK=one\nJ=two\ndef f(x):\n    return T['a'] is K, J is K",
        "one=lambda p: p\ntwo=lambda p: p\nT={'a':two,'b':two,'u':{'u','v'}}\nK=one\nJ=two\ndef f(x):\n    return T['a'] is K, J is K",
    ),
    Case(
        "one list or two in a class",
        False,
        "class C:\n    A=[1]\n    B=A\ndef f(x):\n    return C.A is C.B",
        "class C:\n    A=[1]\n    B=[1]\ndef f(x):\n    return C.A is C.B",
    ),
    Case(
        "a default that is a global",
        False,
        "A=[1]\ndef g(m=A): return m is A\ndef f(x):\n    return g()",
        "A=[1]\ndef g(m=[1]): return m is A\ndef f(x):\n    return g()",
    ),
    Case(
        "an Enum that borrows its text from another base",
        False,
        "import enum\nclass M:\n    def __str__(self): return 'mixed'\nclass E(M, enum.Enum):\n    A=1\n    pass\ndef f(x):\n    return str(E.A)",
        "import enum\nclass M:\n    def __str__(self): return 'mixed'\nclass E(M, enum.Enum):\n    A=1\n    __str__=enum.Enum.__str__\ndef f(x):\n    return str(E.A)",
    ),
    Case(
        "a path in the home folder",
        False,
        "data=[]\ndef load(p): return p\ndef f(x):\n    return load('~/data/x.csv')[-3:]",
        "data=[]\ndef load(p): return p\ndef f(x):\n    return load('~/data/x.csv')[-4:]",
    ),
]
