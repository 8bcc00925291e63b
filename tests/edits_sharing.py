"""Edits of which of several equal things a name stands for: code can ask with ``is``."""

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
]
