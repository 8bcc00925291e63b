"""Edits inside one running IPython: run, edit, run. Values are the truth, and only what has to run again does."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from running import script_environment

SESSION = Path(__file__).with_name("live_session.py")


class Case(NamedTuple):
    """Cells, with ``# %%`` between them, and what the calls in them by ``run`` come to."""

    name: str
    expected: str
    cells: str


def cases(text: str) -> dict[str, Case]:
    """Cases from a text: each begins with ``## name: what its calls come to``."""
    found: dict[str, Case] = {}
    for part in textwrap.dedent(text).split("\n## ")[1:]:
        heading, _, cells = part.partition("\n")
        name, _, expected = heading.rpartition(": ")
        assert name not in found, name
        found[name] = Case(name, expected, cells.strip() + "\n")
    return found


CELLS = cases('''
## a cell run again unchanged: miss hit
@sweepable.cache
def f(x):
    return 2 * x
run(f, 1)
# %%
@sweepable.cache
def f(x):
    return 2 * x
run(f, 1)

## a cell run again with another body, and back: miss miss hit
@sweepable.cache
def f(x):
    return 2 * x
run(f, 1)
# %%
@sweepable.cache
def f(x):
    return 3 * x
run(f, 1)
# %%
@sweepable.cache
def f(x):
    return 2 * x
run(f, 1)

## a comment, a docstring and an annotation added: miss hit
@sweepable.cache
def f(x):
    return 2 * x
run(f, 1)
# %%
@sweepable.cache
def f(x: float) -> float:
    """Doubles."""
    # twice
    return 2 * x
run(f, 1)

## a helper in another cell: miss hit miss hit
def helper(x):
    return x + 1
# %%
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
# %%
def helper(x):  # the same
    return x + 1
# %%
run(f, 1)
# %%
def helper(x):
    return x + 2
# %%
run(f, 1)
# %%
def helper(x):
    return x + 1
# %%
run(f, 1)

## a constant cell: miss miss hit miss
K = 3
# %%
@sweepable.cache
def f(x):
    return x * K
run(f, 2)
# %%
K = 4
# %%
run(f, 2)
# %%
K = 3
# %%
run(f, 2)
# %%
K = 3.0
# %%
run(f, 2)

## a helper defined after the function, then again: miss miss
@sweepable.cache
def f(x):
    return later(x)
# %%
def later(x):
    return x
# %%
run(f, 1)
# %%
def later(x):
    return -x
# %%
run(f, 1)

## a function defined twice under one name: miss miss hit hit
@sweepable.cache
def f(x):
    return x + 1
first = f
@sweepable.cache
def f(x):
    return x + 2
run(first, 1)
run(f, 1)
run(first, 1)
run(f, 1)

## a helper defined twice in one cell: miss miss
def helper(x):
    return x + 1
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
def helper(x):
    return x + 2
run(f, 1)

## two lambdas on one line, exchanged: miss miss
a, b = lambda x: x + 1, lambda x: x + 2
@sweepable.cache
def f(x):
    return a(x)
run(f, 1)
# %%
a, b = b, a
run(f, 1)

## a class redefined whose instance is alive: miss hit miss
class Motor:
    gain = 2
    def run(self, x):
        return x * self.gain
M = Motor()
@sweepable.cache
def f(x):
    return M.run(x)
run(f, 3)
# %%
class Motor:
    gain = 5
    def run(self, x):
        return x * self.gain
# %%
run(f, 3)
# %%
M = Motor()
run(f, 3)

## a class redefined that the function makes instances of: miss miss hit
class Motor:
    def run(self, x):
        return x * 2
@sweepable.cache
def f(x):
    return Motor().run(x)
run(f, 3)
# %%
class Motor:
    def run(self, x):
        return x * 3
run(f, 3)
# %%
class Motor:
    def run(self, x):
        return x * 2
run(f, 3)

## a base class redefined: miss hit miss
class Base:
    def run(self, x):
        return x * 2
class Motor(Base):
    pass
@sweepable.cache
def f(x):
    return Motor().run(x)
run(f, 3)
# %%
class Base:
    def run(self, x):
        return x * 3
run(f, 3)
# %%
class Motor(Base):
    pass
run(f, 3)

## an instance as argument, its class redefined: miss miss
class Motor:
    def run(self, x):
        return x * 2
@sweepable.cache
def f(motor, x):
    return motor.run(x)
run(f, Motor(), 3)
# %%
class Motor:
    def run(self, x):
        return x * 3
run(f, Motor(), 3)

## a decorator redefined, which the helper bears by name: miss miss miss
import functools
def twice(function):
    @functools.wraps(function)
    def inner(x):
        return 2 * function(x)
    return inner
@twice
def helper(x):
    return x + 1
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
# %%
def twice(function):
    @functools.wraps(function)
    def inner(x):
        return 3 * function(x)
    return inner
run(f, 1, truth=4)
# %%
@twice
def helper(x):
    return x + 1
run(f, 1, truth=6)

## the function's own decorator redefined: miss miss
import functools
def twice(function):
    @functools.wraps(function)
    def inner(x):
        return 2 * function(x)
    return inner
@sweepable.cache
@twice
def f(x):
    return x + 1
run(f, 1)
# %%
def twice(function):
    @functools.wraps(function)
    def inner(x):
        return 3 * function(x)
    return inner
@sweepable.cache
@twice
def f(x):
    return x + 1
run(f, 1, truth=6)

## a helper deleted and defined again: miss miss hit
def helper(x):
    return x + 1
@sweepable.cache
def f(x):
    try:
        return helper(x)
    except NameError:
        return None
run(f, 1)
# %%
del helper
run(f, 1)
# %%
def helper(x):
    return x + 1
run(f, 1)

## a star import in a cell: miss miss hit
write("lab.py", "K = 1\\ndef helper(x):\\n    return x * K\\n")
from lab import *
@sweepable.cache
def f(x):
    return helper(x)
run(f, 2)
# %%
import lab
lab.K = 5
run(f, 2)
# %%
write("lab.py", "K = 1\\ndef helper(x):\\n    return x * K\\n")
import importlib
importlib.reload(lab)
from lab import *
run(f, 2)

## a factory made again with another value: miss miss hit
def make(n):
    @sweepable.cache
    def f(x):
        return x + n
    return f
run(make(1), 1)
run(make(2), 1)
run(make(1), 1)

## a recursive function and its partner: miss miss
def even(n):
    return n == 0 or odd(n - 1)
def odd(n):
    return n != 0 and even(n - 1)
@sweepable.cache
def f(n):
    return even(n)
run(f, 4)
# %%
def odd(n):
    return True
run(f, 4)

## a callback redefined: miss hit miss hit
@sweepable.cache
def f(x, how):
    return how(x)
def how(x):
    return x + 1
run(f, 1, how)
# %%
def how(x):
    return x + 1
run(f, 1, how)
# %%
def how(x):
    return x + 2
run(f, 1, how)
run(f, 1, how)

## a callback's constant changed: miss miss hit
K = 1
def how(x):
    return x + K
@sweepable.cache
def f(x, how):
    return how(x)
run(f, 1, how)
K = 2
run(f, 1, how)
K = 1
run(f, 1, how)

## a cached function cached again: miss hit miss
@sweepable.cache
def f(x):
    return x + 1
run(f, 1)
f = sweepable.cache(f)
run(f, 1)
# %%
@sweepable.cache
def f(x):
    return x + 2
f = sweepable.cache(f)
run(f, 1)

## a cached helper redefined: miss miss
@sweepable.cache
def helper(x):
    return x + 1
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
# %%
@sweepable.cache
def helper(x):
    return x + 2
run(f, 1)

## an upstream as default, redefined in a later cell: miss hit miss
@sweepable.cache
def up(a=1):
    return a + 1
@sweepable.cache
def f(up=up):
    return up.value * 10
run(f, truth=20)
# %%
@sweepable.cache
def up(a=1):
    return a + 2
run(f, truth=20)
assert any("defined anew" in line for line in said), said
# %%
@sweepable.cache
def f(up=up):
    return up.value * 10
run(f, truth=30)

## the constant of an upstream changed: miss miss hit
K = 1
@sweepable.cache
def up(a=1):
    return a + K
@sweepable.cache
def f(up=up):
    return up.value * 10
run(f, truth=20)
K = 2
run(f, truth=30)
K = 1
run(f, truth=20)

## a pickled cached function, loaded after an edit: miss hit miss
import cloudpickle, pickle
def helper(x):
    return x + 1
@sweepable.cache
def f(x):
    return helper(x)
sent = cloudpickle.dumps(f)
run(f, 1)
# %%
def helper(x):
    return x + 2
g = pickle.loads(sent)
run(g, 1, truth=2)
run(f, 1)

## a copied cached function, after an edit: miss miss hit
import copy
def helper(x):
    return x + 1
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
g = copy.deepcopy(f)
# %%
def helper(x):
    return x + 2
run(g, 1)
run(f, 1)

## an async function with a helper that is redefined: miss hit miss
def helper(x):
    return x + 1
@sweepable.cache
async def f(x):
    return helper(x)
run(f, 1, truth=2)
run(f, 1, truth=2)
# %%
def helper(x):
    return x + 2
run(f, 1, truth=3)

## a signature that gets a default: miss hit miss
@sweepable.cache
def f(x):
    return x
run(f, 1)
# %%
@sweepable.cache
def f(x=5):
    return x
run(f, 1)
run(f)

## a call that changes a global it depends on: miss miss miss
COUNT = 0
@sweepable.cache
def f(x):
    global COUNT
    COUNT += 1
    return x + COUNT
run(f, 1, truth=2)
run(f, 1, truth=3)
run(f, 1, truth=4)
assert any("COUNT" in line for line in said), said

## a helper that changes a global which the outer depends on: miss miss
STATE = {"n": 0}
@sweepable.cache
def helper(x):
    STATE["n"] += 1
    return x
@sweepable.cache
def f(x):
    return helper(x) + STATE["n"]
run(f, 1, truth=2)
run(f, 1, truth=3)

## several threads while a global changes: hit miss
import threading, concurrent.futures, time
K = 1
gate, go = threading.Event(), threading.Event()
@sweepable.cache(ignore_globals=["gate", "go"])
def f(x):
    if not gate.is_set():
        gate.set()
        go.wait(10)
    return x * K
pool = concurrent.futures.ThreadPoolExecutor(2)
slow = pool.submit(f, 3)
gate.wait(10)
K = 2
assert f(4) == 8
go.set()
slow.result()
run(f, 4)
K = 1
run(f, 3)

## several threads while a global changes and changes back: hit miss
import threading, concurrent.futures
K = 1
gate, go, read, end = (threading.Event() for _ in range(4))
@sweepable.cache(ignore_globals=["gate", "go", "read", "end"])
def f(x):
    if gate.is_set():
        return x * K
    gate.set()
    go.wait(10)
    found = x * K
    read.set()
    end.wait(10)
    return found
pool = concurrent.futures.ThreadPoolExecutor(2)
slow = pool.submit(f, 3)
gate.wait(10)
K = 2
f(4)
go.set()
read.wait(10)
K = 1
f(4)
end.set()
slow.result()
run(f, 4)
run(f, 3)
''')

MODULES = cases('''
## importlib.reload of a module, edited and not: miss hit miss hit
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import importlib, lab
@sweepable.cache
def f(x):
    return lab.helper(x)
run(f, 1)
# %%
importlib.reload(lab)
run(f, 1)
# %%
write("lab.py", "def helper(x):\\n    return x + 2\\n")
importlib.reload(lab)
run(f, 1)
# %%
write("lab.py", "def helper(x):\\n    return x + 1\\n")
importlib.reload(lab)
run(f, 1)

## a helper imported from a module that is reloaded stays the old one: miss hit miss
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import importlib, lab
from lab import helper
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
# %%
write("lab.py", "def helper(x):\\n    return x + 2\\n")
importlib.reload(lab)
run(f, 1)
# %%
from lab import helper
run(f, 1)

## a helper imported from a module sees the reloaded module's constants: miss miss
write("lab.py", "K = 1\\ndef helper(x):\\n    return x + K\\n")
import importlib, lab
from lab import helper
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
# %%
write("lab.py", "K = 2\\ndef helper(x):\\n    return x + K\\n")
importlib.reload(lab)
run(f, 1)

## a cached function imported from a module that is reloaded: miss hit miss hit
write("lab.py", "import sweepable\\n@sweepable.cache\\ndef f(x):\\n    return x + 1\\n")
import importlib, lab
from lab import f
run(f, 1)
# %%
write("lab.py", "import sweepable\\n@sweepable.cache\\ndef f(x):\\n    return x + 2\\n")
importlib.reload(lab)
run(f, 1)
run(lab.f, 1)
run(f, 1)

## only a submodule of a package is reloaded: miss miss
write("pkg/__init__.py", "")
write("pkg/tools.py", "K = 1\\ndef helper(x):\\n    return x + K\\n")
import importlib, pkg.tools
@sweepable.cache
def f(x):
    return pkg.tools.helper(x)
run(f, 1)
# %%
write("pkg/tools.py", replace=("K = 1", "K = 2"))
importlib.reload(pkg.tools)
run(f, 1)

## a submodule is reloaded whose names the package has taken: miss hit miss
write("pkg/__init__.py", "from .tools import helper\\n")
write("pkg/tools.py", "def helper(x):\\n    return x + 1\\n")
import importlib, pkg, pkg.tools
@sweepable.cache
def f(x):
    return pkg.helper(x)
run(f, 1)
# %%
write("pkg/tools.py", replace=("+ 1", "+ 2"))
importlib.reload(pkg.tools)
run(f, 1)
# %%
importlib.reload(pkg)
run(f, 1)

## a module imported in the body, reloaded: miss miss
write("lab.py", "K = 1\\n")
@sweepable.cache
def f(x):
    from lab import K
    return x + K
run(f, 1)
# %%
import importlib, sys
write("lab.py", "K = 2\\n")
importlib.reload(sys.modules["lab"])
run(f, 1)

## an entry of sys.modules replaced: miss miss hit
write("lab.py", "K = 1\\n")
import sys, types
@sweepable.cache
def f(x):
    import lab
    return x + lab.K
run(f, 1)
# %%
old = sys.modules["lab"]
new = types.ModuleType("lab")
new.K = 7
sys.modules["lab"] = new
run(f, 1)
# %%
sys.modules["lab"] = old
run(f, 1)

## a module removed from sys.modules and imported anew: miss miss
write("lab.py", "K = 1\\n")
import sys
import lab
@sweepable.cache
def f(x):
    return x + lab.K
run(f, 1)
# %%
write("lab.py", "K = 2\\n")
del sys.modules["lab"]
import lab
run(f, 1)

## a file saved between import and first call: miss miss hit
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import importlib, lab
write("lab.py", "def helper(x):\\n    return x + 2\\n")
@sweepable.cache
def f(x):
    return lab.helper(x)
run(f, 1)
# %%
importlib.reload(lab)
run(f, 1)
run(f, 1)

## a file edited twice without a reload: miss hit hit miss
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import importlib, lab
@sweepable.cache
def f(x):
    return lab.helper(x)
run(f, 1)
write("lab.py", "def helper(x):\\n    return x + 2\\n")
run(f, 1)
write("lab.py", "def helper(x):\\n    return x + 3\\n")
run(f, 1)
importlib.reload(lab)
run(f, 1)

## the file of the cached function itself saved before its first call: miss miss
write("lab.py", "import sweepable\\n@sweepable.cache\\ndef f(x):\\n    return x + 1\\n")
import importlib, lab
write("lab.py", replace=("+ 1", "+ 2"))
run(lab.f, 1)
importlib.reload(lab)
run(lab.f, 1)

## a file reverted: miss miss hit
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import importlib, lab
@sweepable.cache
def f(x):
    return lab.helper(x)
run(f, 1)
write("lab.py", replace=("+ 1", "+ 2"))
importlib.reload(lab)
run(f, 1)
write("lab.py", replace=("+ 2", "+ 1"))
importlib.reload(lab)
run(f, 1)

## a file edited while the function runs: miss hit miss
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import importlib, lab
def edit():
    write("lab.py", "def helper(x):\\n    return x + 2\\n")
@sweepable.cache(ignore_globals=["edit"])
def f(x):
    edit()
    return lab.helper(x)
run(f, 1)
run(f, 1)
importlib.reload(lab)
run(f, 1)

## a module reloaded while the function runs: miss miss hit
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import importlib, lab
def edit():
    write("lab.py", "def helper(x):\\n    return x + 2\\n")
    importlib.reload(lab)
@sweepable.cache(ignore_globals=["edit"])
def f(x):
    before = lab.helper(x)
    edit()
    return before + lab.helper(x)
run(f, 1, truth=5)
run(f, 1, truth=6)
run(f, 1, truth=6)

## a file truncated, deleted, written again: miss hit hit hit
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import importlib, lab, os
@sweepable.cache
def f(x):
    return lab.helper(x)
run(f, 1)
text = open("lab.py").read()
write("lab.py", "")
run(f, 1)
os.remove("lab.py")
run(f, 1)
write("lab.py", text)
importlib.reload(lab)
run(f, 1)

## a file deleted before the first call: miss hit
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import lab, os
@sweepable.cache
def f(x):
    return lab.helper(x)
os.remove("lab.py")
run(f, 1)
run(f, 1)

## a file touched: miss hit hit
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import importlib, lab
@sweepable.cache
def f(x):
    return lab.helper(x)
run(f, 1)
write("lab.py", "def helper(x):\\n    return x + 1\\n")
run(f, 1)
importlib.reload(lab)
run(f, 1)

## a file replaced by one of the same size and time: miss miss byte-code-free
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import importlib, lab, os
@sweepable.cache
def f(x):
    return lab.helper(x)
run(f, 1)
stamp = os.stat("lab.py").st_mtime_ns
write("lab.py", "def helper(x):\\n    return x + 2\\n")
os.utime("lab.py", ns=(stamp, stamp))
importlib.reload(lab)
run(f, 1)
run.__self__.came_to.append(f.version().notes[0] if f.version().notes else "byte-code-free")

## a name that the module has later: miss miss
write("lab.py", "")
import lab
@sweepable.cache
def f(x):
    return getattr(lab, "K", 0) + x
run(f, 1)
lab.K = 1
run(f, 1)

## a module that gets a __getattr__: miss miss
write("lab.py", "")
import lab
@sweepable.cache
def f(x):
    return getattr(lab, "K", 0) + x
run(f, 1)
lab.__getattr__ = lambda name: 5
run(f, 1)

## a submodule imported later: miss miss
write("pkg/__init__.py", "")
write("pkg/sub.py", "K = 3\\n")
import pkg
@sweepable.cache
def f(x):
    return x + (pkg.sub.K if hasattr(pkg, "sub") else 0)
run(f, 1)
import pkg.sub
run(f, 1)

## a module whose class gets a property: miss miss miss
write("lab.py", "def helper(x):\\n    return K_of(x)\\nK_of = lambda x: x\\n")
import lab, types
K = 3
class Module(types.ModuleType):
    @property
    def K(self):
        return K
@sweepable.cache
def f(x):
    return getattr(lab, "K", 0) + x
run(f, 1)
lab.__class__ = Module
run(f, 1)
K = 4
run(f, 1)
''')

AUTORELOAD = cases('''
## autoreload of a helper, a constant, and back: miss miss miss hit
%load_ext autoreload
%autoreload 2
write("lab.py", "K = 1\\ndef helper(x):\\n    return x + K\\n")
import lab
@sweepable.cache
def f(x):
    return lab.helper(x)
# %%
run(f, 1)
write("lab.py", replace=("x + K", "x - K"))
# %%
run(f, 1)
write("lab.py", replace=("K = 1", "K = 2"))
# %%
run(f, 1)
write("lab.py", "K = 1\\ndef helper(x):\\n    return x + K\\n")
# %%
run(f, 1)

## autoreload of a helper imported by name: miss hit miss
%autoreload 2
write("lab.py", "def helper(x):\\n    return x + 1\\n")
from lab import helper
@sweepable.cache
def f(x):
    return helper(x)
# %%
run(f, 1)
write("lab.py", "# a comment\\ndef helper(x):\\n    return x + 1\\n")
# %%
run(f, 1)
write("lab.py", replace=("x + 1", "x + 2"))
# %%
run(f, 1)
assert helper(1) == 3

## autoreload of a class whose instance is alive: miss miss hit
%autoreload 2
write("lab.py", "class Motor:\\n    gain = 2\\n    def run(self, x):\\n        return x * self.gain\\n")
from lab import Motor
M = Motor()
@sweepable.cache
def f(x):
    return M.run(x)
# %%
run(f, 3)
write("lab.py", replace=("x * self.gain", "x + self.gain"))
# %%
run(f, 3)
run(f, 3)

## autoreload of a class attribute: miss miss
%autoreload 2
write("lab.py", "class Motor:\\n    gain = 2\\n    def run(self, x):\\n        return x * self.gain\\n")
import lab
@sweepable.cache
def f(x):
    return lab.Motor().run(x)
# %%
run(f, 3)
write("lab.py", replace=("gain = 2", "gain = 3"))
# %%
run(f, 3)

## autoreload of the cached function in its module: miss miss hit
%autoreload 2
write("lab.py", "import sweepable\\n@sweepable.cache\\ndef f(x):\\n    return x + 1\\n")
import lab
# %%
run(lab.f, 1)
write("lab.py", replace=("x + 1", "x + 2"))
# %%
run(lab.f, 1, truth=3)
write("lab.py", replace=("x + 2", "x + 1"))
# %%
run(lab.f, 1, truth=2)

## autoreload of the cached function imported by name: miss miss
%autoreload 2
write("lab.py", "import sweepable\\n@sweepable.cache\\ndef f(x):\\n    return x + 1\\n")
from lab import f
# %%
run(f, 1)
write("lab.py", replace=("x + 1", "x + 2"))
# %%
run(f, 1)

## autoreload of a helper of a cached function imported by name: miss miss
%autoreload 2
write("lab.py", "import sweepable\\ndef helper(x):\\n    return x + 1\\n@sweepable.cache\\ndef f(x):\\n    return helper(x)\\n")
from lab import f
# %%
run(f, 1)
write("lab.py", replace=("x + 1", "x + 2"))
# %%
run(f, 1, truth=3)

## autoreload of a constant of a cached function imported by name: miss miss
%autoreload 2
write("lab.py", "import sweepable\\nK = 1\\n@sweepable.cache\\ndef f(x):\\n    return x + K\\n")
from lab import f
# %%
run(f, 1)
write("lab.py", replace=("K = 1", "K = 2"))
# %%
run(f, 1, truth=3)

## autoreload adds a function: miss miss
%autoreload 2
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import lab
@sweepable.cache
def f(x):
    return lab.helper(x)
# %%
run(f, 1)
write("lab.py", "def more(x):\\n    return 10 * x\\ndef helper(x):\\n    return more(x) + 1\\n")
# %%
run(f, 1)

## autoreload of a helper's default: miss miss
%autoreload 2
write("lab.py", "def helper(x, n=1):\\n    return x + n\\n")
from lab import helper
@sweepable.cache
def f(x):
    return helper(x)
# %%
run(f, 1)
write("lab.py", replace=("n=1", "n=2"))
# %%
run(f, 1)

## autoreload of a closure's factory: miss miss
%autoreload 2
write("lab.py", "def make(n):\\n    def inner(x):\\n        return x + n\\n    return inner\\nhelper = make(1)\\n")
import lab
@sweepable.cache
def f(x):
    return lab.helper(x)
# %%
run(f, 1)
write("lab.py", replace=("make(1)", "make(2)"))
# %%
run(f, 1)

## %aimport of one module: miss miss hit
%autoreload 1
write("lab.py", "def helper(x):\\n    return x + 1\\n")
write("pkg.py", "def other(x):\\n    return x\\n")
%aimport lab
import lab, pkg
@sweepable.cache
def f(x):
    return lab.helper(x) + pkg.other(x)
# %%
run(f, 1)
write("lab.py", replace=("x + 1", "x + 2"))
# %%
run(f, 1)
write("pkg.py", replace=("return x", "return -x"))
# %%
run(f, 1)

## autoreload of a module that fails to load: miss hit miss
%autoreload 2
write("lab.py", "def helper(x):\\n    return x + 1\\n")
import lab
@sweepable.cache
def f(x):
    return lab.helper(x)
# %%
run(f, 1)
write("lab.py", "def helper(x:\\n")
# %%
run(f, 1)
write("lab.py", "def helper(x):\\n    return x + 2\\n")
# %%
run(f, 1)
# %%
%autoreload 0
''')

PATCHES = cases('''
## a module's attribute: miss miss hit
write("lab.py", "K = 1\\ndef helper(x):\\n    return x * K\\n")
import lab
@sweepable.cache
def f(x):
    return lab.helper(x)
run(f, 2)
old, lab.helper = lab.helper, lambda x: -x
run(f, 2)
lab.helper = old
run(f, 2)

## unittest.mock.patch, during and after: miss miss hit
from unittest import mock
write("lab.py", "K = 1\\ndef helper(x):\\n    return x * K\\n")
import lab
@sweepable.cache
def f(x):
    return lab.helper(x)
run(f, 2)
with mock.patch("lab.K", 7):
    run(f, 2)
run(f, 2)

## unittest.mock.patch.dict and patch.object: miss miss hit miss hit
from unittest import mock
CONFIG = {"a": 1}
class Motor:
    def run(self, x):
        return x
@sweepable.cache
def f(x):
    return CONFIG["a"] * Motor().run(x)
run(f, 2)
with mock.patch.dict(CONFIG, a=3):
    run(f, 2)
run(f, 2)
with mock.patch.object(Motor, "run", lambda self, x: x + 1):
    run(f, 2)
run(f, 2)

## a class's method, an instance's attribute: miss miss hit miss
class Motor:
    def run(self, x):
        return x * 2
M = Motor()
@sweepable.cache
def f(x):
    return M.run(x)
run(f, 2)
old, Motor.run = Motor.run, lambda self, x: x * 3
run(f, 2)
Motor.run = old
run(f, 2)
M.run = lambda x: x * 4
run(f, 2)

## an instance's attribute that shadows the class's: miss miss hit
class Motor:
    gain = 2
M = Motor()
@sweepable.cache
def f(x):
    return M.gain * x
run(f, 2)
M.gain = 3
run(f, 2)
del M.gain
run(f, 2)

## defaults, keyword defaults and code in place: miss miss miss miss miss
def helper(x, n=1, *, m=0):
    return x + n + m
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
helper.__defaults__ = (2,)
run(f, 1)
helper.__kwdefaults__ = {"m": 10}
run(f, 1)
helper.__kwdefaults__["m"] = 20
run(f, 1)
helper.__code__ = (lambda x, n=1, *, m=0: x * 100).__code__
run(f, 1)

## defaults of the cached function itself in place: miss miss
@sweepable.cache
def f(x, n=1):
    return x + n
run(f, 1)
f.__wrapped__.__defaults__ = (2,)
run(f, 1)

## keyword defaults of the cached function itself in place: miss miss miss
@sweepable.cache
def f(x, *, n=1):
    return x + n
run(f, 1)
f.__wrapped__.__kwdefaults__["n"] = 2
run(f, 1)
f.__wrapped__.__kwdefaults__ = {"n": 3}
run(f, 1)

## code of the cached function itself in place: miss miss hit
@sweepable.cache
def f(x):
    return x + 1
run(f, 1)
old = f.__wrapped__.__code__
f.__wrapped__.__code__ = (lambda x: x + 2).__code__
run(f, 1)
f.__wrapped__.__code__ = old
run(f, 1)

## code of the cached function itself with another parameter: miss miss hit
@sweepable.cache
def f(x):
    return x + 1
run(f, 1)
def g(x, y=5):
    return x + y
f.__wrapped__.__code__, f.__wrapped__.__defaults__ = g.__code__, g.__defaults__
run(f, 1)
run(f, 1, 5)

## a closure cell: miss miss hit
def make():
    n = 1
    def helper(x):
        return x + n
    return helper
helper = make()
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
helper.__closure__[0].cell_contents = 2
run(f, 1)
helper.__closure__[0].cell_contents = 1
run(f, 1)

## the globals of a helper: miss miss
write("lab.py", "K = 1\\ndef helper(x):\\n    return x * K\\n")
from lab import helper
@sweepable.cache
def f(x):
    return helper(x)
run(f, 2)
helper.__globals__["K"] = 9
run(f, 2)

## a builtin shadowed, and no more: miss miss hit
@sweepable.cache
def f(x):
    return abs(x)
run(f, -2)
def abs(x):
    return x
run(f, -2)
del abs
run(f, -2)

## a builtin replaced, and put back: miss miss hit
import builtins
@sweepable.cache
def f(x):
    return round(x)
run(f, 2.7)
old, builtins.round = builtins.round, lambda x: -1
try:
    run(f, 2.7)
finally:
    builtins.round = old
run(f, 2.7)

## a builtin replaced by a value: miss miss
import builtins
builtins.special = 1
@sweepable.cache
def f(x):
    return special
run(f, 1)
builtins.special = 2
run(f, 1)

## a function of a package, and put back: miss miss hit
@sweepable.cache
def f(x):
    return float(np.linalg.norm([x, x]))
run(f, 1.0)
old = np.linalg.norm
np.linalg.norm = lambda x: 42.0
try:
    run(f, 1.0)
finally:
    np.linalg.norm = old
run(f, 1.0)

## a method of a package's class, and put back: miss miss hit
import fractions
@sweepable.cache
def f(x):
    return fractions.Fraction(x).limit_denominator(10)
run(f, 0.123)
old = fractions.Fraction.limit_denominator
fractions.Fraction.limit_denominator = lambda self, n: 42
try:
    run(f, 0.123)
finally:
    fractions.Fraction.limit_denominator = old
run(f, 0.123)

## a method of a package's class that a class extends: miss miss hit
import fractions
class Mine(fractions.Fraction):
    pass
@sweepable.cache
def f(x):
    return Mine(x).limit_denominator(10)
run(f, 0.123)
old = fractions.Fraction.limit_denominator
fractions.Fraction.limit_denominator = lambda self, n: 42
try:
    run(f, 0.123)
finally:
    fractions.Fraction.limit_denominator = old
run(f, 0.123)

## bases of a class: miss miss hit
class A:
    def run(self, x):
        return x
class B:
    def run(self, x):
        return -x
class Motor(A):
    pass
M = Motor()
@sweepable.cache
def f(x):
    return M.run(x)
run(f, 2)
Motor.__bases__ = (B,)
run(f, 2)
Motor.__bases__ = (A,)
run(f, 2)

## an attribute added to a base: miss miss
class A:
    pass
class Motor(A):
    def run(self, x):
        return x * getattr(self, "gain", 1)
M = Motor()
@sweepable.cache
def f(x):
    return M.run(x)
run(f, 2)
A.gain = 5
run(f, 2)

## a metaclass's attribute, and another metaclass: miss miss miss
class Meta(type):
    gain = 2
class Other(type):
    gain = 4
class Plain:
    pass
class Motor(metaclass=Meta):
    pass
@sweepable.cache
def f(x):
    return Motor.gain * x
run(f, 2)
Meta.gain = 3
run(f, 2)
Motor.__class__ = Other
run(f, 2)

## a property replaced: miss miss
class Motor:
    @property
    def gain(self):
        return 2
M = Motor()
@sweepable.cache
def f(x):
    return M.gain * x
run(f, 2)
Motor.gain = property(lambda self: 3)
run(f, 2)

## the class of an instance: miss miss
class A:
    gain = 2
class B:
    gain = 3
M = A()
@sweepable.cache
def f(x):
    return M.gain * x
run(f, 2)
M.__class__ = B
run(f, 2)

## what a property reads from a global: miss miss
STATE = {"gain": 2}
class Motor:
    @property
    def gain(self):
        return STATE["gain"]
M = Motor()
@sweepable.cache
def f(x):
    return M.gain * x
run(f, 2)
STATE["gain"] = 3
run(f, 2)

## a descriptor's own state: miss miss
class Gain:
    def __init__(self):
        self.value = 2
    def __get__(self, instance, owner):
        return self.value
class Motor:
    gain = Gain()
@sweepable.cache
def f(x):
    return Motor().gain * x
run(f, 2)
vars(Motor)["gain"].value = 3
run(f, 2)

## a slot and a slot of a base: miss miss miss
class Base:
    __slots__ = ("a",)
class Motor(Base):
    __slots__ = ("b",)
M = Motor()
M.a, M.b = 1, 2
@sweepable.cache
def f(x):
    return (M.a + M.b) * x
run(f, 2)
M.b = 5
run(f, 2)
M.a = 5
run(f, 2)

## an attribute of a function, and its __dict__ replaced: miss miss miss
def helper(x):
    return x * helper.gain
helper.gain = 2
@sweepable.cache
def f(x):
    return helper(x)
run(f, 2)
helper.gain = 3
run(f, 2)
helper.__dict__ = {"gain": 4}
run(f, 2)

## a partial's keywords: miss miss
import functools
def helper(x, n):
    return x + n
half = functools.partial(helper, n=1)
@sweepable.cache
def f(x):
    return half(x)
run(f, 1)
half.keywords["n"] = 2
run(f, 1)

## what is registered with singledispatch: miss miss
import functools
@functools.singledispatch
def helper(x):
    return 0
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
@helper.register
def _(x: int):
    return x
run(f, 1)

## the content of an lru_cache does not matter: miss hit
import functools
@functools.lru_cache
def helper(x):
    return x + 1
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
helper(5)
run(f, 1)

## an lru_cache that holds values of before the edit: miss miss hit
import functools
K = 1
@functools.lru_cache
def helper(x):
    return x + K
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1, truth=2)
K = 2
run(f, 1, truth=3)
K = 1
run(f, 1, truth=2)

## what vectorize is made of: miss miss
helper = np.vectorize(lambda x: x + 1)
@sweepable.cache
def f(x):
    return helper(x).tolist()
run(f, [1, 2])
helper.pyfunc = lambda x: x + 2
run(f, [1, 2])

## a type option that vectorize did not have: miss miss
helper = np.vectorize(lambda x: x / 2)
@sweepable.cache
def f(x):
    return helper(x).tolist()
run(f, [1, 2])
helper.otypes = "i"
run(f, [1, 2])

## __wrapped__ of a helper: miss miss
import functools
def inner(x):
    return x + 1
@functools.wraps(inner)
def helper(x):
    return helper.__wrapped__(x)
@sweepable.cache
def f(x):
    return helper(x)
run(f, 1)
helper.__wrapped__ = lambda x: x + 2
run(f, 1)

## a constant read through vars and globals: miss miss
K = 1
@sweepable.cache
def f(x):
    return globals()["K"] * x
run(f, 2)
K = 2
run(f, 2)
''')

VALUES = cases('''
## a nested dict: miss miss hit
CONFIG = {"a": {"b": [1, {"c": 2}]}}
@sweepable.cache
def f(x):
    return CONFIG["a"]["b"][1]["c"] * x
run(f, 2)
CONFIG["a"]["b"][1]["c"] = 3
run(f, 2)
CONFIG["a"]["b"][1]["c"] = 2
run(f, 2)

## a list, a set, a deque, a defaultdict, a bytearray: miss miss miss miss miss miss
from collections import defaultdict, deque
LIST, SET, QUEUE, DICT, BYTES = [1, 2], {1, 2}, deque([1]), defaultdict(int, a=1), bytearray(b"ab")
@sweepable.cache
def f(x):
    return sum(LIST) + sum(SET) + sum(QUEUE) + DICT["a"] + BYTES[0]
run(f, 2)
LIST.append(1)
run(f, 2)
SET.add(10)
run(f, 2)
QUEUE.append(3)
run(f, 2)
DICT["a"] = 7
run(f, 2)
BYTES[0] = 0
run(f, 2)

## small and large arrays: miss miss miss hit
SMALL, LARGE = np.zeros(3), np.zeros(100_000)
@sweepable.cache
def f(x):
    return float(SMALL.sum() + LARGE.sum()) * x
run(f, 2)
SMALL[1] = 1
run(f, 2)
LARGE[77_777] = 1
run(f, 2)
SMALL[1] = 0
LARGE[77_777] = 0
run(f, 2)

## a read-only view of a base that is written: miss miss
BASE = np.zeros(100_000)
VIEW = BASE[::2]
VIEW.setflags(write=False)
@sweepable.cache
def f(x):
    return float(VIEW.sum()) * x
run(f, 2)
BASE[2] = 1
run(f, 2)

## a read-only array made writable: miss miss hit
A = np.zeros(100_000)
A.setflags(write=False)
@sweepable.cache
def f(x):
    return float(A.sum()) * x
run(f, 2)
A.setflags(write=True)
A[3] = 1
run(f, 2)
run(f, 2)

## a small read-only array made writable for a moment: miss miss
A = np.zeros(100)
A.setflags(write=False)
@sweepable.cache
def f(x):
    return float(A.sum()) * x
run(f, 2)
A.setflags(write=True)
A[3] = 1
A.setflags(write=False)
run(f, 2)

## a read-only array in a tuple, made writable: miss miss
A = np.zeros(100)
A.setflags(write=False)
PAIR = (1, A)
@sweepable.cache
def f(x):
    return float(PAIR[1].sum()) * x
run(f, 2)
A.setflags(write=True)
A[3] = 1
run(f, 2)

## a read-only array reshaped, and read as another type: miss miss miss
A = np.zeros(100_000)
A.setflags(write=False)
@sweepable.cache
def f(x):
    return (A.shape, str(A.dtype), x)
run(f, 2)
A.shape = (2, 50_000)
run(f, 2)
A.dtype = np.int64
run(f, 2)

## the field names of a structured array: miss miss
A = np.zeros(3, dtype=[("a", float), ("b", float)])
@sweepable.cache
def f(x):
    return A.dtype.names[0]
run(f, 2)
A.dtype.names = ("c", "d")
run(f, 2)

## the field names of a read-only structured array: miss miss
A = np.zeros(3, dtype=[("a", float), ("b", float)])
A.setflags(write=False)
@sweepable.cache
def f(x):
    return A.dtype.names[0]
run(f, 2)
A.dtype.names = ("c", "d")
run(f, 2)

## an array of objects, and a list within it: miss miss miss
A = np.array([1, [2], "a"], dtype=object)
@sweepable.cache
def f(x):
    return (A[0], A[1][0], x)
run(f, 2)
A[0] = 5
run(f, 2)
A[1][0] = 7
run(f, 2)

## a mapped file: miss miss
open("data.bin", "wb").write(bytes(800))
A = np.memmap("data.bin", dtype=float, mode="r")
@sweepable.cache
def f(x):
    return float(A.sum()) * x
run(f, 2)
B = np.memmap("data.bin", dtype=float, mode="r+")
B[0] = 1
B.flush()
run(f, 2)

## an array over a mapped file, read-only: miss miss
open("data.bin", "wb").write(bytes(800))
A = np.asarray(np.memmap("data.bin", dtype=float, mode="r")).view(np.ndarray)
@sweepable.cache
def f(x):
    return float(A.sum()) * x
run(f, 2)
B = np.memmap("data.bin", dtype=float, mode="r+")
B[0] = 1
B.flush()
run(f, 2)

## a memoryview, and an array over a bytearray: miss miss
STORE = bytearray(8)
VIEW = memoryview(STORE)
A = np.frombuffer(STORE, dtype=np.uint8)
A.setflags(write=False)
@sweepable.cache
def f(x):
    return (VIEW[0], int(A[0]), x)
run(f, 2)
STORE[0] = 3
run(f, 2)

## an array over a ctypes buffer: miss miss
import ctypes
STORE = (ctypes.c_double * 3)()
A = np.ctypeslib.as_array(STORE)
A.setflags(write=False)
@sweepable.cache
def f(x):
    return float(A.sum()) * x
run(f, 2)
STORE[0] = 3
run(f, 2)

## a ctypes buffer: miss miss
import ctypes
STORE = (ctypes.c_double * 3)()
@sweepable.cache
def f(x):
    return STORE[0] * x
run(f, 2)
STORE[0] = 3
run(f, 2)

## an array.array and a masked array: miss miss miss
import array
A = array.array("d", [1, 2])
M = np.ma.masked_array([1.0, 2.0], mask=[False, False])
@sweepable.cache
def f(x):
    return float(A[0] + M.sum()) * x
run(f, 2)
A[0] = 3
run(f, 2)
M[0] = np.ma.masked
run(f, 2)

## a DataFrame: a cell, a column's name, its attrs: miss miss miss miss
import pandas as pd
DF = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
@sweepable.cache
def f(x):
    return (float(DF.iloc[0, 0]), list(DF.columns), DF.attrs.get("unit"), x)
run(f, 2)
DF.iloc[0, 0] = 9.0
run(f, 2)
DF.columns = ["a", "c"]
run(f, 2)
DF.attrs["unit"] = "m"
run(f, 2)

## a Series in a dict, and its index's name: miss miss miss
import pandas as pd
DATA = {"s": pd.Series([1.0, 2.0])}
@sweepable.cache
def f(x):
    return (float(DATA["s"].sum()), DATA["s"].index.name, x)
run(f, 2)
DATA["s"][0] = 5.0
run(f, 2)
DATA["s"].index.name = "t"
run(f, 2)

## a dataclass instance, nested: miss miss hit
from dataclasses import dataclass, field
@dataclass
class Solver:
    dt: float = 0.1
@dataclass
class Config:
    solver: Solver = field(default_factory=Solver)
C = Config()
@sweepable.cache
def f(x):
    return C.solver.dt * x
run(f, 2)
C.solver.dt = 0.2
run(f, 2)
C.solver.dt = 0.1
run(f, 2)

## a frozen dataclass with slots, set by force: miss miss
from dataclasses import dataclass
@dataclass(frozen=True, slots=True)
class Solver:
    dt: float = 0.1
C = Solver()
@sweepable.cache
def f(x):
    return C.dt * x
run(f, 2)
object.__setattr__(C, "dt", 0.2)
run(f, 2)

## an attribute of an Enum's member: miss miss miss
import enum
class Mode(enum.Enum):
    FAST = 1
    SLOW = 2
Mode.FAST.gain = 2
@sweepable.cache
def f(x):
    return Mode.FAST.gain * x
run(f, 2)
Mode.FAST.gain = 3
run(f, 2)
Mode.FAST._value_ = 7
run(f, 2)

## an Enum's member as a constant, and an attribute set later: miss miss
import enum
class Mode(enum.Enum):
    FAST = 1
MODE = Mode.FAST
@sweepable.cache
def f(x):
    return getattr(MODE, "gain", 1) * x
run(f, 2)
MODE.gain = 3
run(f, 2)

## a dict in a closure: miss miss
def make():
    table = {"a": 1}
    def helper(x):
        return table["a"] * x
    return helper, table
helper, table = make()
@sweepable.cache
def f(x):
    return helper(x)
run(f, 2)
table["a"] = 2
run(f, 2)

## a mutable default of a helper: miss miss
def helper(x, memo={"n": 1}):
    return x * memo["n"]
@sweepable.cache
def f(x):
    return helper(x)
run(f, 2)
helper.__defaults__[0]["n"] = 2
run(f, 2)

## a mutable default of the function itself: miss miss
DEFAULT = {"n": 1}
@sweepable.cache
def f(x, memo=DEFAULT):
    return x * memo["n"]
run(f, 2)
DEFAULT["n"] = 2
run(f, 2)

## a list of a class: miss miss
class Motor:
    gains = [1, 2]
@sweepable.cache
def f(x):
    return sum(Motor.gains) * x
run(f, 2)
Motor.gains.append(3)
run(f, 2)

## an array reached through an instance's attribute: miss miss
class Motor:
    def __init__(self):
        self.table = np.zeros(5)
M = Motor()
@sweepable.cache
def f(x):
    return float(M.table.sum()) * x
run(f, 2)
M.table[1] = 3
run(f, 2)

## a SimpleNamespace: miss miss miss
from types import SimpleNamespace
S = SimpleNamespace(a=1, b=SimpleNamespace(c=[1]))
@sweepable.cache
def f(x):
    return S.a + S.b.c[0] * x
run(f, 2)
S.a = 2
run(f, 2)
S.b.c[0] = 5
run(f, 2)

## the __dict__ of an instance replaced: miss miss
class Motor:
    pass
M = Motor()
M.gain = 1
@sweepable.cache
def f(x):
    return M.gain * x
run(f, 2)
M.__dict__ = {"gain": 5}
run(f, 2)

## an instance that keeps its state in __getstate__, a property or a C type: miss miss
class Motor(dict):
    def __init__(self):
        self._gain = 1
    @property
    def gain(self):
        return self._gain
M = Motor()
@sweepable.cache
def f(x):
    return M.gain * x
run(f, 2)
M._gain = 5
run(f, 2)

## a subclass of int, str, tuple with an attribute: miss miss
class Number(int):
    pass
class Pair(tuple):
    pass
N, P = Number(3), Pair([1, 2])
N.unit, P.unit = "m", "m"
@sweepable.cache
def f(x):
    return (N.unit, P.unit, x)
run(f, 2)
P.unit = "cm"
run(f, 2)

## a slotted instance that holds a lock beside a number: miss miss
import threading
class Motor:
    __slots__ = ("lock", "gain")
    def __init__(self):
        self.lock, self.gain = threading.Lock(), 1
M = Motor()
@sweepable.cache
def f(x):
    with M.lock:
        return M.gain * x
run(f, 2)
M.gain = 5
run(f, 2)

## an instance that holds a lock beside a list: miss miss
import threading
class Motor:
    def __init__(self):
        self.lock, self.gains = threading.Lock(), [1]
M = Motor()
@sweepable.cache
def f(x):
    with M.lock:
        return M.gains[0] * x
run(f, 2)
M.gains[0] = 5
run(f, 2)

## a weak reference, which does not count, is said: miss
import weakref
class Motor:
    gain = 1
M = Motor()
R = weakref.ref(M)
@sweepable.cache
def f(x):
    return R().gain * x
run(f, 2)
assert any("R (ReferenceType) does not count" in line for line in said), said

## a weak dictionary, which does not count, is said: miss
import weakref
class Motor:
    gain = 1
M = Motor()
R = weakref.WeakValueDictionary(a=M)
@sweepable.cache
def f(x):
    return R["a"].gain * x
run(f, 2)
assert any("R (WeakValueDictionary) does not count" in line for line in said), said

## a mapping proxy over a dict: miss miss
from types import MappingProxyType
D = {"a": 1}
R = MappingProxyType(D)
@sweepable.cache
def f(x):
    return R["a"] * x
run(f, 2)
D["a"] = 5
run(f, 2)

## a dict's view, a ChainMap and a Counter: miss miss miss
from collections import ChainMap, Counter
D = {"a": 1}
R, C = ChainMap({}, D), Counter("aab")
@sweepable.cache
def f(x):
    return R["a"] * x + C["a"]
run(f, 2)
D["a"] = 5
run(f, 2)
C["a"] = 7
run(f, 2)

## a random generator that moves: miss miss
RNG = np.random.default_rng(0)
@sweepable.cache
def f(x):
    return RNG.bit_generator.state["state"]["state"] * x
run(f, 2)
RNG.random()
run(f, 2)

## a cached property that is filled: miss hit
import functools
class Motor:
    def __init__(self):
        self.n = 3
    @functools.cached_property
    def table(self):
        return list(range(self.n))
M = Motor()
@sweepable.cache
def f(x):
    return sum(M.table) * x
run(f, 2)
run(f, 2)

## a context variable, which does not count, is said: miss
import contextvars
V = contextvars.ContextVar("V", default=1)
@sweepable.cache
def f(x):
    return V.get() * x
run(f, 2)
assert any("V (ContextVar) does not count" in line for line in said), said

## sorted as it was, other objects: miss hit
CONFIG = {"a": [1.5, "x"], "b": np.arange(3)}
@sweepable.cache
def f(x):
    return (CONFIG["a"][0], x)
run(f, 2)
CONFIG["a"] = [float("1.5"), "".join(["x"])]
CONFIG["b"] = np.arange(3)
run(f, 2)
''')

GROUPS = {"cells": CELLS, "modules": MODULES, "autoreload": AUTORELOAD, "patches": PATCHES, "values": VALUES}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    """What came of all cases, each group in one IPython."""
    running = {}
    for group, found in GROUPS.items():
        folder = tmp_path_factory.mktemp(group)
        (folder / "cases.json").write_text(json.dumps({case.name: case.cells for case in found.values()}))
        running[group] = folder, subprocess.Popen(
            [sys.executable, str(SESSION), "cases.json", "came.json"],
            cwd=folder,
            env=script_environment(folder / "store"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    told = {}
    for group, (folder, process) in running.items():
        output, _ = process.communicate(timeout=200)
        assert process.returncode == 0, output; print(output)
        told[group] = json.loads((folder / "came.json").read_text())
    return told


@pytest.mark.parametrize(
    ("group", "name"), [pytest.param(group, name, id=name) for group, found in GROUPS.items() for name in found]
)
def test_live_edit(played: dict[str, dict[str, list[str]]], group: str, name: str) -> None:
    """Whatever is edited in a running session, a value is never stale, and what has not changed is not run again."""
    assert " ".join(played[group][name]) == GROUPS[group][name].expected
