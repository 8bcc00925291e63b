"""Versions of functions: equal everywhere, taken over by workers, honest about what cannot be followed."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import test_code_edits as edits
from interpreters import other_pythons
from running import RunScript, script_environment
from sweepable.identity.code import CodeIdentity, describe, home_of, is_user_code
from sweepable.identity.values import Encoder

GOLDEN = Path(__file__).with_name("golden_code.json")
PROJECTS = {
    "helper": edits.HELPER,
    "classes": edits.CLASSES,
    "kinds": edits.KINDS,
    "closures": edits.CLOSURES,
    "decorated": edits.DECORATED,
    "syntax": edits.SYNTAX,
    "noise": edits.NOISE_BEFORE,
    "cycle": "def f(n):\n    return g(n - 1) if n else 1\ndef g(n):\n    return f(n - 1) if n else 2",
    "chain": edits.CHAIN,
}


@pytest.mark.parametrize("python", [sys.executable, *other_pythons()])
def test_golden_versions(python: str, tmp_path: Path) -> None:
    """A version is the same on every Python and machine, today and after an upgrade of sweepable.

    Where a change of the rules is meant: raise ``FORMAT`` in identity/graph.py and write the file anew.
    """
    projects = {
        name: ({"lab.py": files} if isinstance(files, str) else files, "lab:f") for name, files in PROJECTS.items()
    }
    found = edits.versions(tmp_path, projects, "random", python)
    assert {name: digest for name, (digest, _, _) in found.items()} == json.loads(GOLDEN.read_text())


SCRIPT = '''
import enum, functools, sys
from dataclasses import dataclass, field

import cloudpickle
import numpy as np

from sweepable.identity.code import CodeIdentity

K = 3
TABLE = np.arange(5.0)

class Mode(enum.Enum):
    FAST = 1

@dataclass
class Config:
    rate: float = 0.5
    names: list = field(default_factory=list)

class Base:
    def shift(self, x):
        return x + 1

class Motor(Base):
    gain = 2
    def shift(self, x):
        return super().shift(x) * self.gain

def helper(x, n=2, *, scale=1.5):
    return x * K * scale + n

def make(n):
    def inner(x):
        return x + n
    return inner

closed = make(4)
half = functools.partial(helper, n=5)
HOOKS = {"a": helper, "b": {closed, helper}, "c": lambda x: x - 1}

def f(x, y=1):
    """Doc."""
    from os.path import join
    total = sum(helper(v) for v in (x, K))
    return total + Motor().shift(x) + closed(x) + half(x) + HOOKS["c"](x) + Config().rate + Mode.FAST.value + TABLE[1]

if __name__ == "__main__":
    with open("sent", "wb") as file:
        cloudpickle.dump((f, CodeIdentity(f).complete()), file)
'''
WORKER = """
import pickle, sys
from sweepable.identity.code import CodeIdentity

f, version = pickle.load(open("sent", "rb"))
exec(sys.argv[1])
identity = CodeIdentity(f)
refusal = identity.adopt(version)
print(refusal)
if refusal is None:
    f(2.0)
    assert identity.unchanged() is None
    assert identity.version() is version
    f.__globals__["K"] = 7
    assert identity.version() is not version
    f.__globals__["K"] = 3
    assert identity.version() is version
"""


def sent_and_asked(run_script: RunScript, change: str) -> str:
    """What a worker says that was sent a function of a script, after something was changed there."""
    run_script(SCRIPT, name="experiment.py")
    return run_script(WORKER, name="worker.py", arguments=(change,)).stdout.strip()


def test_a_worker_adopts_the_version(run_script: RunScript) -> None:
    """A function of a script or notebook, sent to a process that has no source of it, keeps its version there."""
    assert sent_and_asked(run_script, "pass") == "None"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("f.__globals__['K'] = 5", "K (experiment.py:10): 3 there, 5 here"),
        ("f.__globals__['helper'].__defaults__ = (4,)", "helper(n=): 2 there, 4 here"),
        ("f.__globals__['Motor'].gain = 5", "Motor.gain: 2 there, 5 here"),
        ("f.__globals__['Motor'].shift = lambda self, x: 1", "Motor.shift"),
        ("f.__globals__['TABLE'][2] = 9", "TABLE"),
        ("f.__globals__['closed'].__closure__[0].cell_contents = 9", "n: 4 there, 9 here"),
        ("f.__globals__['HOOKS']['c'] = lambda x: x - 2", "HOOKS"),
        ("f.__globals__['half'] = f.__globals__['helper']", "half"),
        ("f.__globals__['sum'] = len", "sum"),
    ],
)
def test_a_worker_refuses_other_code(run_script: RunScript, change: str, said: str) -> None:
    """A worker that would run other code, or with other constants, refuses and names what differs."""
    assert said in sent_and_asked(run_script, change)


def test_a_worker_reads_the_file_that_is_there_now(run_script: RunScript, tmp_path: Path) -> None:
    """A module edited between the start of a sweep and the start of a worker is not run under the old version."""
    run_script(
        "import cloudpickle, lab\nfrom sweepable.identity.code import CodeIdentity\n"
        "cloudpickle.dump((lab.f, CodeIdentity(lab.f).complete()), open('sent', 'wb'))",
        files={"lab.py": "K = 5\ndef f(x):\n    return x + K\n"},
    )
    said = run_script(
        WORKER, name="worker.py", arguments=("pass",), files={"lab.py": "K = 3\ndef f(x):\n    return x + K\n"}
    )
    assert said.stdout.strip() == "K (lab.py:1): 5 there, 3 here"


def test_numba(run_script: RunScript) -> None:
    """Compiled functions count by the Python function they were made of, its globals and their options."""
    pytest.importorskip("numba")
    source = """
        import sys
        import numba
        from sweepable.identity.code import CodeIdentity, describe
        K = int(sys.argv[1])
        @numba.njit(fastmath=bool(int(sys.argv[2])))
        def inner(x):
            return x * K
        @numba.vectorize
        def each(x):
            return x + 1
        @numba.njit
        def f(x):
            return inner(x)
        def g(x):
            return each(x)
        assert CodeIdentity(g).version().untracked == ()
        assert describe(each, "value") != describe(numba.vectorize(lambda x: x + 2), "value")
        assert any("x + 1" in node.summary for node in CodeIdentity(g).version().nodes)
        identity = CodeIdentity(f)
        before = identity.version()
        assert f(2.0) == 2.0 * K
        assert identity.unchanged() is None
        print(before.digest, before.packages)
    """
    digests = [
        run_script(source, arguments=arguments).stdout for arguments in [("3", "0"), ("3", "0"), ("4", "0"), ("3", "1")]
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    assert "numba" in digests[0]


def test_attrs(run_script: RunScript) -> None:
    """Classes made by attrs count by their fields."""
    pytest.importorskip("attrs")
    source = """
        import sys
        import attrs
        from sweepable.identity.code import CodeIdentity
        @attrs.define
        class Config:
            rate: float = attrs.field(default=float(sys.argv[1]), validator=attrs.validators.gt(0))
            other: int = attrs.field(factory=list, converter=lambda x: x)
        def f(x):
            return Config().rate
        version = CodeIdentity(f).version()
        print(version.digest, version.untracked + version.notes)
    """
    digests = [run_script(source, arguments=(rate,)).stdout for rate in ("0.5", "0.5", "0.6")]
    assert digests[0] == digests[1] != digests[2]
    assert digests[0].endswith("()\n")


NOTEBOOK = """
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()

    def run(cell):
        result = shell.run_cell(cell)
        result.raise_error()

    run("from sweepable.identity.code import CodeIdentity, home_of\\nK = 3")
    run("def h(x):\\n    return x * K\\ndef f(x):\\n    return h(x) + len('a')")
    run("first = CodeIdentity(f); a = first.version()")
    run("# again\\n\\ndef f(x):\\n    'Documented.'\\n    return h(x) + len('a')")
    run("b = CodeIdentity(f).version()")
    run("%time c = 1\\nimport asyncio\\nawait asyncio.sleep(0)\\ndef f(x): return h(x) + len('a')")
    run("c = CodeIdentity(f).version()")
    run("def h(x):\\n    return x * K + 1")
    run("d = CodeIdentity(f).version(); e = first.version()")
    run("assert a.digest == b.digest == c.digest != d.digest == e.digest")
    run("assert not any(version.untracked + version.notes for version in (a, b, c, d))")
    run("assert home_of(f) == 'notebook'")
    run("def shown():\\n    return sorted(globals())\\nidentity = CodeIdentity(shown); identity.version()")
    run("shown()")
    run("print(a.digest)")
    open("lab.py", "w").write("K = 3\\ndef h(x):\\n    return x * K\\ndef f(x):\\n    return h(x) + len('a')\\n")
    run("import lab\\nassert CodeIdentity(lab.f).version().digest == a.digest")
    run("%load_ext autoreload\\n%autoreload 2")
    run("old = CodeIdentity(lab.f); was = old.version().digest")
    import os, time
    open("lab.py", "w").write("K = 3\\ndef h(x):\\n    return x * K * 2\\ndef f(x):\\n    return h(x) + len('a')\\n")
    os.utime("lab.py", (time.time() + 5, time.time() + 5))
    run("now = old.version().digest")
    run("assert lab.h(1) == 6 and now != was == a.digest")
    print("done")
"""


def test_notebook(run_script: RunScript) -> None:
    """Cells run again, magics, %autoreload, and functions moved from a notebook to a module: seen for what they are."""
    pytest.importorskip("IPython")
    assert run_script(NOTEBOOK).stdout.strip().endswith("done")


def test_no_source() -> None:
    """Code without a source counts by its byte code, and that is said."""
    space: dict[str, Any] = {"__name__": "made_up"}
    exec("K = 1\ndef g(x, n=2):\n    return x + K + n\ndef f(x):\n    return g(x)", space)
    identity = CodeIdentity(space["f"])
    first = identity.version()
    assert [line for line in first.notes if "g counts by its byte code" in line]
    space["K"] = 2
    second = identity.version()
    exec("def g(x, n=2):\n    return x - K + n", space)
    assert len({first.digest, second.digest, identity.version().digest}) == 3


def test_python_c() -> None:
    """A function given on the command line works like any other."""
    code = "from sweepable.identity.code import CodeIdentity as C\ndef f(x): return x\nprint(C(f).version().digest)"
    command, places = [sys.executable, "-c", code], [script_environment("nowhere", seed) for seed in (1, 2)]
    runs = [subprocess.run(command, env=place, capture_output=True, text=True) for place in places]
    assert runs[0].stdout == runs[1].stdout != ""


def uses_lock(x: Any) -> Any:
    return x, STREAM, MIXED, ITERATOR


STREAM = sys.stdout
MIXED = SimpleNamespace(a=1, lock=__import__("threading").Lock(), rows=(row for row in ()))
ITERATOR = iter([1, 2])


def test_what_cannot_be_digested_is_said() -> None:
    """A global without content is never an error: it is named, with its type, and what is beside it still counts."""
    identity = CodeIdentity(uses_lock)
    first = identity.version()
    text = "\n".join(first.untracked)
    assert "ITERATOR" in text and "list_iterator" in text and "MIXED.rows" in text
    assert "STREAM" not in text and "MIXED.lock" not in text
    MIXED.a = 2
    assert identity.version().digest != first.digest
    MIXED.a = 1
    assert identity.version().digest == first.digest


def uses_packages(x: Any) -> Any:
    import pandas as pd

    return np.sin(x) + json.loads("1") + pd.NA


def test_packages() -> None:
    """The packages that code reaches are told, the standard library aside; their versions count on request."""
    version = CodeIdentity(uses_packages).version()
    assert version.packages == ("numpy", "pandas")
    pinned = CodeIdentity(uses_packages, packages=["numpy"]).version()
    assert pinned.digest != version.digest
    assert pinned.digest == CodeIdentity(uses_packages, packages=["numpy"]).version().digest


def test_tracked_packages(run_script: RunScript) -> None:
    """An installed package is followed like the user's own code where it is named in track."""
    source = """
        import sys
        sys.path.insert(0, "site-packages")
        import installed
        from sweepable.identity.code import CodeIdentity, is_user_code
        def f(x):
            return installed.g(x)
        assert not is_user_code(installed.g)
        print(CodeIdentity(f).version().digest)
        print(CodeIdentity(f, track=["installed"]).version().digest)
        print(CodeIdentity(f, track=[installed]).version().digest)
    """
    before = run_script(source, files={"site-packages/installed.py": "def g(x):\n    return x + 1"}).stdout.split()
    after = run_script(source, files={"site-packages/installed.py": "def g(x):\n    return x + 2"}).stdout.split()
    assert before[0] == after[0]
    assert before[1] == before[2] != after[1] == after[2]


def test_local_installs_count_as_own(run_script: RunScript) -> None:
    """A package installed from a local folder, without -e, is the user's code."""
    files = {
        "site-packages/mine/__init__.py": "def g(x):\n    return x",
        "site-packages/mine-1.0.dist-info/direct_url.json": '{"url": "file:///home/me/mine", "dir_info": {}}',
        "site-packages/mine-1.0.dist-info/RECORD": "mine/__init__.py,,\nmine-1.0.dist-info/RECORD,,\n",
        "site-packages/theirs/__init__.py": "def g(x):\n    return x",
        "site-packages/theirs-1.0.dist-info/RECORD": "theirs/__init__.py,,\n",
    }
    source = """
        import sys
        sys.path.insert(0, "site-packages")
        import mine, theirs
        from sweepable.identity.code import is_user_code
        print(is_user_code(mine.g), is_user_code(mine), is_user_code(theirs.g), is_user_code(theirs))
    """
    assert run_script(source, files=files).stdout.split() == ["True", "True", "False", "False"]


class Mine:
    def method(self) -> int:
        return 1


def test_user_code() -> None:
    """The user's own is what lies neither in the standard library nor in an installed package."""
    assert is_user_code(test_user_code) and is_user_code(Mine) and is_user_code(Mine().method)
    assert is_user_code(sys.modules[__name__]) and is_user_code(partial(test_user_code))
    assert not any(map(is_user_code, (json.dumps, json, np, np.vectorize, pytest.fixture, len, int, CodeIdentity)))


def test_homes(run_script: RunScript) -> None:
    """A function's home is its module, or its script."""
    assert home_of(uses_lock) == __name__
    said = run_script("from sweepable.identity.code import home_of\ndef f(): pass\nprint(home_of(f))").stdout.strip()
    assert os.path.isabs(said) and said.endswith("script.py")


@pytest.mark.filterwarnings("ignore::sweepable.UntrackedCode")
def test_descriptions_in_arguments() -> None:
    """Functions and classes within arguments are told apart by what they do, packages' by name."""
    found = {describe(value, "value") for value in (int, float, len, np.sin, np.cos, np.ndarray, Mine, uses_lock, json)}
    assert len(found) == 9
    encode = Encoder(describe).encode
    assert encode([partial(uses_lock, 1)]) == encode([partial(uses_lock, 1)]) != encode([partial(uses_lock, 2)])
    assert encode(Mine()) == encode(pickle.loads(pickle.dumps(Mine())))


class Circle:
    """An instance that holds a method of its own."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.on_change = self.grow

    def grow(self) -> int:
        return self.size + 1


def test_instances_that_hold_their_own_methods() -> None:
    """An instance with a callback to itself can be an argument, and counts by its content."""
    encode = Encoder(describe).encode
    assert encode(Circle(1)) == Encoder(describe).encode(Circle(1)) != Encoder(describe).encode(Circle(2))


def test_the_manifest() -> None:
    """A version lists what it reaches: names as written, where it is, and what refers to what."""
    version = CodeIdentity(describe_nothing).version()
    names = [node.names[0] for node in version.nodes]
    assert names[0] == "describe_nothing"
    node = version.nodes[names.index("LIMIT")]
    assert (node.kind, node.summary) == ("value", "17")
    assert node.where == f"{__file__}:{line_of('LIMIT = 17')}"
    assert names.index("LIMIT") in version.nodes[0].edges
    assert version.nodes[0].summary.startswith("def describe_nothing")
    assert pickle.loads(pickle.dumps(version)) == version


def line_of(text: str) -> int:
    return 1 + Path(__file__).read_text().splitlines().index(text)


LIMIT = 17


def describe_nothing(x: Any) -> Any:
    return min(x, LIMIT)


def test_a_slow_global_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """A global whose content takes long to recheck at every call is named, with the way out; a read-only one is not."""
    big = np.zeros(20_000_000)

    def f() -> Any:
        return big

    for _ in range(2):
        CodeIdentity(f).version()
        big.setflags(write=False)
    assert [record.args[1] for record in caplog.records if isinstance(record.args, tuple)] == ["big"]


def test_large_globals_count() -> None:
    """A change anywhere in a large array is seen."""
    space = SimpleNamespace(array=np.zeros(1_000_000))

    def f() -> Any:
        return space.array

    identity = CodeIdentity(f)
    before = identity.version()
    space.array[500_000] = 1.0
    assert identity.version().digest != before.digest
    space.array[500_000] = 0.0
    assert identity.version().digest == before.digest


def test_a_package_imported_in_a_body_counts_alike_whether_or_not_it_is_loaded() -> None:
    """Another process, which has imported other things before, finds the same results."""

    def convert(h: float) -> Any:
        import colorsys as cs
        from xml.dom import pulldom

        return cs.hsv_to_rgb(h, 1.0, 1.0), pulldom

    for name in ("colorsys", "xml.dom.pulldom", "xml.dom", "xml"):
        sys.modules.pop(name, None)
    before = CodeIdentity(convert).complete()
    import colorsys
    import xml.dom.pulldom

    assert colorsys and xml.dom.pulldom
    after = CodeIdentity(convert).complete()
    assert (before.digest, before.fingerprint) == (after.digest, after.fingerprint)


ROUTES = {
    "the module's dict": 'return tools.__dict__["h"](x)',
    "vars of the module": 'return vars(tools)["h"](x)',
    "sys.modules, another": 'return sys.modules["tools_of_routes"].h(x)',
    "sys.modules, its own": "return sys.modules[__name__].K",
    "the globals of a function": 'return h.__globals__["K"]',
    "the frame": 'return sys._getframe().f_globals["K"]',
    "eval of builtins": 'return builtins.eval("K")',
    "eval by another name": 'e = eval; return e("K")',
    "eval handed on": 'return list(map(eval, ["K"]))',
    "eval of pandas": 'return pd.eval("K + 1")',
    "subclasses": "return object.__subclasses__()",
}


@pytest.mark.parametrize("body", ROUTES.values(), ids=ROUTES)
def test_every_route_to_a_name_is_followed_or_said(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a function comes by a constant: a change of it is another version, or the way is named."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    head = "import sys, builtins\nimport pandas as pd\nimport tools_of_routes as tools\n"
    versions = []
    for value in (1, 2):
        (tmp_path / "tools_of_routes.py").write_text(f"def h(x): return x * {value}\n")
        lab = tmp_path / f"routes_{value}.py"
        lab.write_text(f"{head}K = {value}\ndef h(x): return x + K\ndef f(x):\n    {body}\n")
        for name in ("tools_of_routes", lab.stem):
            sys.modules.pop(name, None)
        versions.append(CodeIdentity(__import__(lab.stem).f).version())
    before, after = versions
    assert before.digest != after.digest or after.untracked
    assert (before.digest != after.digest) == ("subclasses" not in body)


def test_what_a_callback_holds_is_never_dropped() -> None:
    """A connection in a closure or a partial's arguments is an error with the path; in a module, a warning."""
    from sqlite3 import connect

    from sweepable.errors import UndigestibleError, UntrackedCode

    def use(connection: Any, x: float) -> float:
        return x

    def make(connection: Any) -> Any:
        return lambda x: connection

    first = connect(":memory:")
    for callback in (partial(use, first), make(first), [first].append):
        with pytest.raises(UndigestibleError, match=r"params\['f'\].*Connection"):
            Encoder(describe).encode({"f": callback}, "params")
    space: dict[str, Any] = {"__name__": "made_up", "connection": first}
    exec("def f(x):\n    return connection", space)
    with pytest.warns(UntrackedCode, match="connection"):
        Encoder(describe).encode(space["f"], "value")
    first.close()


def test_streams_in_memory_are_spoken_of() -> None:
    """What a StringIO holds is data that nobody follows: it is named, where a log file is not."""
    import io

    space: dict[str, Any] = {"__name__": "made_up", "TEXT": io.StringIO("a"), "LOG": sys.stderr}
    exec("def f(x):\n    print(x, file=LOG)\n    return TEXT.getvalue()", space)
    (said,) = CodeIdentity(space["f"]).version().untracked
    assert "TEXT" in said and "StringIO" in said
