"""Edits across modules: imports of every kind, packages, extension modules, and what counts as the user's code."""

# ruff: noqa: E501
# A project on one line, with its edit beside it, is easier to compare than one on many.
from __future__ import annotations

from editing import Case, rests, runs

G1, G2 = "def g(x):\n    return x + 1\n", "def g(x):\n    return x + 2\n"


def _two(lab: str, other: str, path: str = "tools.py", **more: str) -> dict[str, str]:
    return {"lab.py": lab, path: other, **more}


IMPORTS = [
    runs("a helper by its module", _two("from . import tools\ndef f(x):\n    return tools.g(x)", G1), "x + 1", "x + 2"),
    rests(
        "what a module has besides",
        _two("from . import tools\ndef f(x):\n    return tools.g(x)", G1 + "U = 1"),
        "U = 1",
        "U = 2",
    ),
    runs(
        "a name re-exported through __init__",
        {
            "lab.py": "from .sub import z\ndef f(x):\n    return z(x)",
            "sub/__init__.py": "from .deep import g as z",
            "sub/deep.py": G1,
        },
        "x + 1",
        "x + 2",
    ),
    runs(
        "what is re-exported",
        {
            "lab.py": "from .sub import z\ndef f(x):\n    return z(x)",
            "sub/__init__.py": "from .deep import g as z",
            "sub/deep.py": G1 + "def h(x):\n    return x + 9",
        },
        "import g as z",
        "import h as z",
    ),
    runs("a star import", _two("from .tools import *\ndef f(x):\n    return g(x)", G1), "x + 1", "x + 2"),
    runs(
        "__all__ decides",
        _two(
            "from .tools import *\ntry:\n    g\nexcept NameError:\n    def g(x):\n        return 9\ndef f(x):\n    return g(x)",
            "__all__ = ['g']\n" + G1,
        ),
        "['g']",
        "[]",
    ),
    runs(
        "a conditional import",
        _two(
            "FAST = True\nif FAST:\n    from .tools import g\nelse:\n    from .slow import g\ndef f(x):\n    return g(x)",
            G1,
            **{"slow.py": G2},
        ),
        "FAST = True",
        "FAST = False",
    ),
    runs(
        "the first of two imports in branches",
        _two(
            "def f(x):\n    if x:\n        from .tools import g\n    else:\n        from .slow import g\n    return g(x)",
            G1,
            **{"slow.py": "def g(x):\n    return x + 7"},
        ),
        "x + 1",
        "x + 3",
    ),
    runs(
        "the second of two imports in branches",
        _two(
            "def f(x):\n    if not x:\n        from .tools import g\n    else:\n        from .slow import g\n    return g(x)",
            G1,
            **{"slow.py": "def g(x):\n    return x + 7"},
        ),
        "x + 7",
        "x + 8",
    ),
    runs(
        "two modules under one name",
        _two(
            "def f(x):\n    if x:\n        from . import tools as t\n    else:\n        from . import slow as t\n    return t.g(x)",
            G1,
            **{"slow.py": "def g(x):\n    return x + 7"},
        ),
        "x + 1",
        "x + 3",
    ),
    runs(
        "an import in an inner function",
        _two("def f(x):\n    def inner():\n        from .tools import g\n        return g(x)\n    return inner()", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "an import in a method",
        _two(
            "class C:\n    def go(self, x):\n        from .tools import g\n        return g(x)\ndef f(x):\n    return C().go(x)",
            G1,
        ),
        "x + 1",
        "x + 2",
    ),
    runs(
        "a fallback import in a body",
        _two(
            "def f(x):\n    try:\n        import no_such_module_at_all as g\n    except ImportError:\n        from .tools import g\n    return g(x)",
            G1,
        ),
        "x + 1",
        "x + 2",
    ),
    runs(
        "a dotted import in a body",
        _two("def f(x):\n    import PKG.tools\n    return PKG.tools.g(x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "two dotted imports in a body",
        _two(
            "def f(x):\n    import PKG.slow\n    import PKG.tools\n    return PKG.tools.g(x) + PKG.slow.g(x)",
            G1,
            **{"slow.py": "def g(x):\n    return x + 7"},
        ),
        "x + 7",
        "x + 8",
    ),
    runs(
        "import_module of a constant",
        _two("import importlib\ndef f(x):\n    return importlib.import_module('PKG.tools').g(x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "import_module of a constant, bound to a name",
        _two("import importlib\ndef f(x):\n    t = importlib.import_module('PKG.tools')\n    return t.g(x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "import_module, relative",
        _two("import importlib\ndef f(x):\n    return importlib.import_module('.tools', __package__).g(x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "import_module, relative to a text",
        _two("import importlib\ndef f(x):\n    return importlib.import_module('.tools', package='PKG').g(x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "import_module by another name",
        _two("from importlib import import_module as load\ndef f(x):\n    return load('PKG.tools').g(x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "import_module of a constant elsewhere",
        _two("import importlib\nNAME = 'PKG.tools'\ndef f(x):\n    return importlib.import_module(NAME).g(x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "import_module of a name in a table",
        _two(
            "import importlib\nNAMES = {'t': 'PKG.tools'}\ndef f(x):\n    return importlib.import_module(NAMES['t']).g(x)",
            G1,
        ),
        "x + 1",
        "x + 2",
    ),
    runs(
        "__import__", _two("def f(x):\n    return __import__('PKG.tools', fromlist=['g']).g(x)", G1), "x + 1", "x + 2"
    ),
    runs(
        "sys.modules of a constant",
        _two("import sys\nfrom . import tools as _\ndef f(x):\n    return sys.modules['PKG.tools'].g(x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "sys.modules of the own module",
        "import sys\ndef g(x):\n    return x + 1\ndef f(x):\n    return getattr(sys.modules[__name__], 'g')(x)",
        "x + 1",
        "x + 2",
    ),
    runs("globals()", "def g(x):\n    return x + 1\ndef f(x):\n    return globals()['g'](x)", "x + 1", "x + 2"),
    runs(
        "eval under another name",
        "run = eval\ndef g(x):\n    return x + 1\ndef f(x):\n    return run('g(2)')",
        "x + 1",
        "x + 2",
    ),
    runs(
        "globals under another name",
        "names = globals\ndef g(x):\n    return x + 1\ndef f(x):\n    return names()['g'](x)",
        "x + 1",
        "x + 2",
    ),
    runs(
        "vars of a module", _two("from . import tools\ndef f(x):\n    return vars(tools)['g'](x)", G1), "x + 1", "x + 2"
    ),
    runs(
        "__dict__ of a module",
        _two("from . import tools\ndef f(x):\n    return tools.__dict__['g'](x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "a module handed on",
        _two("from . import tools\ndef use(m, x):\n    return m.g(x)\ndef f(x):\n    return use(tools, x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "a module as an argument",
        _two("from . import tools\ndef f(m):\n    return m.g(1)", G1),
        "x + 1",
        "x + 2",
        "tools",
    ),
    runs(
        "a module in a list",
        _two("from . import tools\nALL = [tools]\ndef f(x):\n    return ALL[0].g(x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "a module as an attribute of an instance",
        _two("from . import tools\nclass C:\n    pass\nc = C()\nc.m = tools\ndef f(x):\n    return c.m.g(x)", G1),
        "x + 1",
        "x + 2",
    ),
    runs(
        "a lazy module",
        _two(
            "from . import tools\ndef f(x):\n    return tools.anything", "def __getattr__(name):\n    return len(name)"
        ),
        "len(name)",
        "len(name) + 1",
    ),
    runs(
        "behind a lazy module",
        _two(
            "from . import tools\ndef f(x):\n    return tools.slow.g(x)",
            "def __getattr__(name):\n    import importlib\n    return importlib.import_module('PKG.' + name)",
            **{"slow.py": G1},
        ),
        "x + 1",
        "x + 2",
    ),
    runs(
        "a module that replaced itself",
        _two(
            "from . import tools\ndef f(x):\n    return tools.g(x)",
            "import sys\nclass M:\n    def g(self, x):\n        return x + 1\nsys.modules[__name__] = M()",
        ),
        "x + 1",
        "x + 2",
    ),
    runs(
        "circular imports",
        _two(
            "from . import tools\ndef h(x):\n    return x + 1\ndef f(x):\n    return tools.g(x)",
            "from . import lab\ndef g(x):\n    return lab.h(x)",
        ),
        "x + 1",
        "x + 2",
    ),
    runs(
        "a namespace package",
        {"lab.py": "from .space.part import g\ndef f(x):\n    return g(x)", "space/part.py": G1},
        "x + 1",
        "x + 2",
    ),
    runs(
        "a chain through a namespace package",
        {"lab.py": "import PKG.space.part\ndef f(x):\n    return PKG.space.part.g(x)", "space/part.py": G1},
        "x + 1",
        "x + 2",
    ),
    runs(
        "a registry that another module fills",
        _two(
            "from . import tools, reg\ndef f(x):\n    return reg.ALL['g'](x)",
            "from .reg import add\n@add\n" + G1,
            **{"reg.py": "ALL = {}\ndef add(fn):\n    ALL[fn.__name__] = fn\n    return fn"},
        ),
        "x + 1",
        "x + 2",
    ),
    runs(
        "a plugin that is registered by its import",
        _two(
            "from . import reg, tools\ndef f(x):\n    return [p().go() for p in reg.ALL]",
            "from .reg import ALL\nclass P:\n    def go(self):\n        return 1\nALL.append(P)",
            **{"reg.py": "ALL = []"},
        ),
        "return 1",
        "return 2",
    ),
    runs(
        "another plugin",
        _two(
            "from . import reg, tools\ndef f(x):\n    return [p() for p in reg.ALL]",
            "from .reg import ALL\nALL.append(lambda: 1)",
            **{"reg.py": "ALL = []"},
        ),
        "ALL.append(lambda: 1)",
        "ALL.append(lambda: 1)\nALL.append(lambda: 1)",
    ),
    runs(
        "a module patched by another",
        _two(
            "from . import tools, patch\ndef f(x):\n    return tools.g(x)",
            G1,
            **{"patch.py": "from . import tools\ntools.g = lambda x: x + 7"},
        ),
        "x + 7",
        "x + 8",
    ),
    runs(
        "a patch is taken away",
        _two(
            "from . import tools, patch\ndef f(x):\n    return tools.g(x)",
            G1,
            **{"patch.py": "from . import tools\ntools.g = lambda x: x + 7"},
        ),
        "tools.g = lambda x: x + 7",
        "",
    ),
    runs(
        "a class patched by another module",
        _two(
            "from . import tools, patch\ndef f(x):\n    return tools.C().go()",
            "class C:\n    def go(self):\n        return 1",
            **{"patch.py": "from . import tools\ntools.C.go = lambda self: 7"},
        ),
        "self: 7",
        "self: 8",
    ),
    runs(
        "a package's function is replaced",
        "import math\ndef own(x):\n    return 7\nmath.fsum_PKG = own\ndef f(x):\n    return math.fsum_PKG(x)",
        "return 7",
        "return 8",
    ),
    runs(
        "an accessor of pandas",
        "import pandas as pd\n@pd.api.extensions.register_dataframe_accessor('PKGgeo')\nclass Geo:\n    def __init__(self, df):\n        self.df = df\n    def go(self):\n        return 1\ndef f(x):\n    return pd.DataFrame({'a': [1]}).PKGgeo.go()",
        "return 1",
        "return 2",
    ),
    runs(
        "a method given to a package's class",
        "import pandas as pd\ndef doubled(self):\n    return 2\npd.DataFrame.PKGdoubled = doubled\ndef f(x):\n    return pd.DataFrame({'a': [1]}).PKGdoubled()",
        "return 2",
        "return 3",
    ),
    runs(
        "an accessor of xarray",
        "import xarray as xr\n@xr.register_dataset_accessor('PKGgeo')\nclass Geo:\n    def __init__(self, ds):\n        self.ds = ds\n    def go(self):\n        return 1\ndef f(x):\n    return xr.Dataset().PKGgeo.go()",
        "return 1",
        "return 2",
    ),
    runs(
        "a name defined later in the module",
        "def f(x):\n    return later(x)\ndef later(x):\n    return x + 1",
        "x + 1",
        "x + 2",
    ),
    runs("a builtin is shadowed", "def f(x):\n    return abs(-x)", "def f", "def abs(x):\n    return 9\ndef f"),
    runs("a package's function becomes another", "from math import sin as g\ndef f(x):\n    return g(x)", "sin", "cos"),
    runs(
        "a package becomes another",
        "import numpy as m\ndef f(x):\n    return type(m.sin(x)).__name__",
        "import numpy as m",
        "import math as m",
    ),
    rests(
        "an import of a package is spelled otherwise",
        "import numpy\ndef f(x):\n    return float(numpy.sin(x))",
        "import numpy\n",
        "import os, numpy\n",
    ),
    rests(
        "a helper moves to another module",
        {"lab.py": G1 + "def f(x):\n    return g(x)", "tools.py": ""},
        "def g(x):\n    return x + 1\ndef f",
        "from math import sin\ndef g(x):\n    return x + 1\ndef f",
    ),
    Case(
        "a helper moves and is imported",
        True,
        {"lab.py": "K = 3\ndef g(x):\n    return x + K\ndef f(x):\n    return g(x)"},
        {
            "lab.py": "from .tools import g\ndef f(x):\n    return g(x)",
            "tools.py": "K = 3\ndef g(x):\n    return x + K",
        },
        differs=False,
    ),
    Case(
        "the function moves to another module",
        True,
        {"lab.py": "K = 3\nclass C:\n    def go(self):\n        return K\ndef f(x):\n    return C().go()"},
        {"sub/deep.py": "K = 3\nclass C:\n    def go(self):\n        return K\ndef f(x):\n    return C().go()"},
        places=("lab:f", "sub.deep:f"),
        differs=False,
    ),
    Case(
        "a module is renamed",
        True,
        {
            "lab.py": "import dataclasses, enum, typing\nN = typing.NewType('N', int)\n@dataclasses.dataclass\nclass C:\n    k: int = 1\nclass E(enum.Enum):\n    A = 1\nclass P(typing.NamedTuple):\n    x: C\nc = [C(), E.A, P(C()), C, N, typing.Optional[C], list[C]]\ndef f(x, c=c):\n    return len(c)"
        },
        {
            "renamed.py": "import dataclasses, enum, typing\nN = typing.NewType('N', int)\n@dataclasses.dataclass\nclass C:\n    k: int = 1\nclass E(enum.Enum):\n    A = 1\nclass P(typing.NamedTuple):\n    x: C\nc = [C(), E.A, P(C()), C, N, typing.Optional[C], list[C]]\ndef f(x, c=c):\n    return len(c)"
        },
        places=("lab:f", "renamed:f"),
        differs=False,
    ),
    runs(
        "the same name in another module",
        _two("from . import slow, tools\ndef f(x):\n    return tools.g(x)", G1, **{"slow.py": G2}),
        "return tools.g",
        "return slow.g",
    ),
    runs("the same name twice in one module", G1 + "one = g\n" + G2 + "def f(x):\n    return one(x)", "x + 1", "x + 5"),
    runs(
        "a config file read at import",
        {
            "lab.py": "import json, pathlib\nCONFIG = json.loads((pathlib.Path(__file__).parent / 'c.json').read_text())\ndef f(x):\n    return CONFIG['a'][0]",
            "c.json": '{"a": [1]}',
        },
        "[1]",
        "[2]",
    ),
    rests(
        "a part of a config file that says the same",
        {
            "lab.py": "import json, pathlib\nCONFIG = json.loads((pathlib.Path(__file__).parent / 'c.json').read_text())\ndef f(x):\n    return CONFIG['a'][0]",
            "c.json": '{"a": [1]}',
        },
        "[1]",
        "[ 1 ]",
    ),
    runs(
        "a file behind a constant path",
        {
            "lab.py": "import pathlib\nDATA = pathlib.Path(__file__).parent / 'd.txt'\ndef f(x):\n    return DATA.read_text().strip()",
            "d.txt": "one",
        },
        "one",
        "two",
    ),
    runs(
        "a constant that a helper computed",
        "def make(n):\n    return [n * 2]\nK = make(3)\ndef f(x):\n    return K",
        "n * 2",
        "n * 3",
    ),
    rests(
        "a helper that computed the same constant",
        "def make(n):\n    return [n * 2]\nK = make(3)\ndef f(x):\n    return K",
        "n * 2",
        "n + n",
    ),
]

LOCAL = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'site-packages'))\nimport PKGlib\n"
META = {
    "site-packages/PKGlib-1.dist-info/RECORD": "PKGlib/__init__.py,,\nPKGlib-1.dist-info/RECORD,,\n",
    "site-packages/PKGlib-1.dist-info/direct_url.json": '{"url": "file:///home/me/lib", "dir_info": {}}',
}
BUILD = '''
import os, subprocess, sys, sysconfig
HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = """
#include <Python.h>
typedef struct { PyObject_HEAD } Thing;
static PyObject *go(PyObject *self, PyObject *arg) { return PyLong_FromLong(1); }
static PyMethodDef methods[] = {{"go", go, METH_O, 0}, {0}};
static PyType_Slot slots[] = {{Py_tp_methods, methods}, {0}};
static PyType_Spec spec = {"PKG.fast.Thing", sizeof(Thing), 0, Py_TPFLAGS_DEFAULT, slots};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "fast", 0, -1, methods};
PyMODINIT_FUNC PyInit_fast(void) {
    PyObject *made = PyModule_Create(&module);
    PyModule_AddObject(made, "Thing", PyType_FromSpec(&spec));
    return made;
}
"""
def build():
    out = os.path.join(HERE, "fast" + sysconfig.get_config_var("EXT_SUFFIX"))
    with open(os.path.join(HERE, "fast.c"), "w") as file:
        file.write(SOURCE)
    include = "-I" + sysconfig.get_path("include")
    subprocess.run(["gcc", "-shared", "-fPIC", include, "fast.c", "-o", out], cwd=HERE, check=True)
build()
'''
LIBRARY = """
import ctypes, os, subprocess
HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "c.c"), "w") as file:
    file.write("int go(int x) { return x + 1; }")
subprocess.run(["gcc", "-shared", "-fPIC", "c.c", "-o", "c.so"], cwd=HERE, check=True)
LIB = ctypes.CDLL(os.path.join(HERE, "c.so"))
go = LIB.go
"""

USERS = [
    runs(
        "a local non-editable install",
        {"lab.py": LOCAL + "def f(x):\n    return PKGlib.g(x)", "site-packages/PKGlib/__init__.py": G1, **META},
        "x + 1",
        "x + 2",
    ),
    rests(
        "an installed package",
        {"lab.py": LOCAL + "def f(x):\n    return PKGlib.g(x)", "site-packages/PKGlib/__init__.py": G1},
        "x + 1",
        "x + 2",
        differs=True,
        declared=True,
    ),
    runs(
        "an installed package that is tracked",
        {
            "lab.py": LOCAL
            + "import sweepable\n@sweepable.cache(name='PKG', track=['PKGlib'])\ndef f(x):\n    return PKGlib.g(x)",
            "site-packages/PKGlib/__init__.py": G1,
        },
        "x + 1",
        "x + 2",
    ),
    runs(
        "what a package's decorator was given",
        {
            "lab.py": LOCAL + "@PKGlib.deco(3)\ndef g(x):\n    return x + 1\ndef f(x):\n    return g(x)",
            "site-packages/PKGlib/__init__.py": "def deco(n):\n    def around(fn):\n        def w(x):\n            return fn(x) * n\n        return w\n    return around",
        },
        "deco(3)",
        "deco(4)",
    ),
    runs(
        "under a package's decorator without wraps",
        {
            "lab.py": LOCAL + "@PKGlib.deco(3)\ndef g(x):\n    return x + 1\ndef f(x):\n    return g(x)",
            "site-packages/PKGlib/__init__.py": "def deco(n):\n    def around(fn):\n        def w(x):\n            return fn(x) * n\n        return w\n    return around",
        },
        "x + 1",
        "x + 2",
    ),
    runs(
        "under a package's decorator that is a class",
        {
            "lab.py": LOCAL + "@PKGlib.Deco\ndef g(x):\n    return x + 1\ndef f(x):\n    return g(x)",
            "site-packages/PKGlib/__init__.py": "class Deco:\n    def __init__(self, fn):\n        self.fn = fn\n    def __call__(self, x):\n        return self.fn(x)",
        },
        "x + 1",
        "x + 2",
    ),
    runs(
        "a function in a dict of a package's wrapper",
        {
            "lab.py": LOCAL + "@PKGlib.deco\ndef g(x):\n    return x + 1\ndef f(x):\n    return g(x)",
            "site-packages/PKGlib/__init__.py": "def deco(fn):\n    held = {'fn': fn, 'n': [3]}\n    def w(x):\n        return held['fn'](x)\n    return w",
        },
        "x + 1",
        "x + 2",
    ),
    runs(
        "a callback registered with a package",
        {
            "lab.py": LOCAL + "@PKGlib.add\ndef g(x):\n    return x + 1\ndef f(x):\n    return PKGlib.ALL[0](x)",
            "site-packages/PKGlib/__init__.py": "ALL = []\ndef add(fn):\n    ALL.append(fn)\n    return fn",
        },
        "x + 1",
        "x + 2",
    ),
    runs(
        "a subclass of a package's class",
        {
            "lab.py": LOCAL
            + "class C(PKGlib.Base):\n    def hook(self):\n        return 1\ndef f(x):\n    return C().run()",
            "site-packages/PKGlib/__init__.py": "class Base:\n    def run(self):\n        return self.hook()",
        },
        "return 1",
        "return 2",
    ),
    runs(
        "a function of an extension module",
        {"lab.py": "from .fast import go\ndef f(x):\n    return go(x)", "__init__.py": BUILD},
        "PyLong_FromLong(1)",
        "PyLong_FromLong(2)",
    ),
    runs(
        "an extension module",
        {"lab.py": "from . import fast\ndef f(x):\n    return fast.go(x)", "__init__.py": BUILD},
        "PyLong_FromLong(1)",
        "PyLong_FromLong(2)",
    ),
    runs(
        "a class of an extension module",
        {"lab.py": "from .fast import Thing\ndef f(x):\n    return Thing().go(x)", "__init__.py": BUILD},
        "PyLong_FromLong(1)",
        "PyLong_FromLong(2)",
    ),
    runs(
        "a shared library",
        {"lab.py": "from . import LIB\ndef f(x):\n    return LIB.go(x)", "__init__.py": LIBRARY},
        "x + 1",
        "x + 2",
    ),
    runs(
        "a function of a shared library",
        {"lab.py": "from . import go\ndef f(x):\n    return go(x)", "__init__.py": LIBRARY},
        "x + 1",
        "x + 2",
    ),
]

CASES: list[Case] = [*IMPORTS, *USERS]
