"""What names in ``ignore_globals=`` mean: the one thing that is named, and nothing else that is called so."""

from __future__ import annotations

import importlib
import itertools
import re
import sys
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript
from sweepable.identity.code import CodeIdentity

#: Imports the modules of a small project, afresh: the text of ``lab``, and that of ``tools``.
Project = Callable[..., ModuleType]
NUMBERS = itertools.count()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A package of two modules, as if it had been edited since; returns ``lab``."""
    monkeypatch.setattr("sweepable.notices._said", set())
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def imported(lab: str, tools: str = "") -> ModuleType:
        folder = tmp_path / f"edit{next(NUMBERS)}"
        (folder / "proj").mkdir(parents=True)
        for name, text in {"__init__": "", "tools": tools, "lab": lab}.items():
            (folder / "proj" / f"{name}.py").write_text(textwrap.dedent(text))
        for name in [name for name in sys.modules if name.partition(".")[0] == "proj"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.syspath_prepend(folder)
        importlib.invalidate_caches()
        return importlib.import_module("proj.lab")

    return imported


def version(function: Any, *names: str) -> str:
    return CodeIdentity(function, ignore_globals=names).version().digest


# What is called LOG beside the global of the function's own module: the text of lab, that of tools, what else names it.
OTHERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "a method": (
        """
        class Motor:
            def LOG(self): return VALUE
        MOTOR = Motor()
        def f(x): return MOTOR.LOG() * x
        """,
        "",
        ("Motor.LOG", "lab.Motor.LOG", "proj.lab.Motor.LOG"),
    ),
    "an entry of a class": (
        """
        class Motor:
            LOG = VALUE
            def run(self): return self.LOG
        def f(x): return Motor().run() * x
        """,
        "",
        ("Motor.LOG", "lab.Motor.LOG"),
    ),
    "an entry of a base class": (
        """
        from proj.tools import Base
        class Motor(Base): pass
        def f(x): return Motor().LOG * x
        """,
        "class Base:\n    LOG = VALUE",
        ("Base.LOG", "tools.Base.LOG"),
    ),
    "a class within a function": (
        """
        def make():
            class Motor:
                LOG = VALUE
            return Motor
        Motor = make()
        def f(x): return Motor().LOG * x
        """,
        "",
        ("Motor.LOG", "make.Motor.LOG", "make.<locals>.Motor.LOG"),
    ),
    "a member of an enumeration": (
        """
        import enum
        class Level(enum.Enum):
            LOG = VALUE
        def f(x): return Level["LOG"].value * x
        """,
        "",
        ("Level.LOG",),
    ),
    "a default of a dataclass": (
        """
        import dataclasses
        @dataclasses.dataclass
        class Config:
            LOG: int = VALUE
        def f(x): return Config().LOG * x
        """,
        "",
        ("Config.LOG",),
    ),
    "a closure variable of a helper": (
        """
        def make(LOG):
            def step(x): return x * LOG
            return step
        step = make(VALUE)
        def f(x): return step(x)
        """,
        "",
        ("step.LOG", "make.step.LOG", "make.<locals>.step.LOG", "lab.make.step.LOG"),
    ),
    "a closure variable of a lambda": (
        """
        def make(LOG):
            return lambda x: x * LOG
        step = make(VALUE)
        def f(x): return step(x)
        """,
        "",
        ("<lambda>.LOG", "make.<lambda>.LOG"),
    ),
    "a closure variable of the same factory": (
        """
        def make(LOG, other=None):
            def f(x): return x * LOG if other is None else other(x)
            return f
        f = make(1, make(VALUE))
        """,
        "",
        ("f.LOG",),
    ),
    "a closure variable of a decorator": (
        """
        import functools
        def scaled(LOG):
            def decorate(function):
                @functools.wraps(function)
                def wrapper(x): return function(x) * LOG
                return wrapper
            return decorate
        def f(x): return x
        f = scaled(VALUE)(f)
        """,
        "",
        ("wrapper.LOG", "scaled.decorate.wrapper.LOG"),
    ),
    "an attribute of a function": (
        """
        def use(x): return x
        use.LOG = VALUE
        def f(x): return use(x) * use.LOG
        """,
        "",
        ("use.LOG", "lab.use.LOG"),
    ),
    "an attribute that is taken from any function": (
        """
        def use(x): return x
        use.LOG = VALUE
        def scale(function): return function.LOG
        def f(x): return scale(use)
        """,
        "",
        ("use.LOG",),
    ),
    "an attribute of a function with a memory": (
        """
        import functools
        @functools.lru_cache
        def use(x): return x
        use.LOG = VALUE
        def f(x): return use(x) * use.LOG
        """,
        "",
        ("use.LOG", "lab.use.LOG"),
    ),
    "an attribute of the function itself": (
        """
        def f(x): return x * f.LOG
        f.LOG = VALUE
        """,
        "",
        ("f.LOG",),
    ),
    "a global of another module": (
        """
        from proj.tools import use
        def f(x): return use(x)
        """,
        "LOG = VALUE\ndef use(x): return x * LOG",
        ("tools.LOG", "proj.tools.LOG"),
    ),
    "a global of a module under another name": (
        """
        import proj.tools as t
        def f(x): return x * t.LOG
        """,
        "LOG = VALUE",
        ("tools.LOG", "proj.tools.LOG", "t.LOG"),
    ),
    "a global of a module that is used as a whole": (
        """
        import proj.tools as t
        def f(x): return x * getattr(t, "LO" + "G") + len(vars(t))
        """,
        "LOG = VALUE",
        ("tools.LOG", "proj.tools.LOG"),
    ),
    "a global of a module that is imported in a helper": (
        """
        def helper(x):
            from proj.tools import LOG
            return x * LOG
        def f(x): return helper(x)
        """,
        "LOG = VALUE",
        ("tools.LOG", "proj.tools.LOG", "helper.LOG"),
    ),
    "a global by which another module knows one of a third": (
        """
        from proj.tools import use
        LOG = VALUE
        def f(x): return use(x)
        """,
        "def use(x):\n    import proj.lab as lab\n    return lab.LOG * x",
        ("lab.LOG", "proj.lab.LOG"),
    ),
}
#: Those that are the global of the function's own module, however it is come by.
OWN = {"a global by which another module knows one of a third"}


@pytest.mark.parametrize("other", OTHERS)
def test_what_bears_the_name_of_an_ignored_global_counts(project: Project, other: str) -> None:
    """A bare name leaves out the global of the function's own module, and nothing else that is called so."""
    lab, tools, _ = OTHERS[other]
    found = {
        version(project(lab.replace("VALUE", value), tools.replace("VALUE", value)).f, "LOG") for value in ("2", "3")
    }
    assert len(found) == (1 if other in OWN else 2)


@pytest.mark.parametrize(("other", "name"), [(other, name) for other in OTHERS for name in OTHERS[other][2]])
def test_what_is_named_by_its_owner_does_not_count(project: Project, other: str, name: str) -> None:
    """An entry, a variable, an attribute, or a global of another module is left out by its dotted name."""
    lab, tools, _ = OTHERS[other]
    found = {
        version(project(lab.replace("VALUE", value), tools.replace("VALUE", value)).f, name) for value in ("2", "3")
    }
    assert len(found) == 1


def test_the_name_of_another_owner_leaves_nothing_out(project: Project) -> None:
    """A dotted name means what is bound there, not what is bound under the same last name elsewhere."""
    lab, tools, _ = OTHERS["a global of another module"]
    for name in ("lab.LOG", "f.LOG", "proj.LOG", "ools.LOG", "tools"):
        found = {version(project(lab, tools.replace("VALUE", value)).f, name) for value in ("2", "3")}
        assert len(found) == 2, name


# What is decorated, called `f` in a module with a global LOG and `import functools, numpy as np`.
DECORATED = {
    "a function": "def f(x): return x * LOG",
    "a helper of the same module": "def use(x): return x * LOG\ndef f(x): return use(x)",
    "a method of the same module": (
        "class Motor:\n    def run(self, x): return x * LOG\nMOTOR = Motor()\ndef f(x): return MOTOR.run(x)"
    ),
    "a class": "class f:\n    def __init__(self, x): self.x = x * LOG",
    "an instance": "class F:\n    def __call__(self, x): return x * LOG\nf = F()",
    "an instance that holds a package's function": (
        "class F:\n    def __init__(self): self.func = np.median\n    def __call__(self, x): return x * LOG\nf = F()"
    ),
    "a bound method": "class F:\n    def run(self, x): return x * LOG\nf = F().run",
    "a partial": "def plain(y, x): return x * LOG\nf = functools.partial(plain, 1)",
    "a memory": "@functools.lru_cache\ndef f(x): return x * LOG",
    "a single dispatch": "@functools.singledispatch\ndef f(x): return x * LOG",
    "a vectorized function": "f = np.vectorize(lambda x: x * LOG)",
    "decorated in another module": "from proj.tools import twice\n@twice\ndef f(x): return x * LOG",
    "a variable of its own": "def make(LOG):\n    def f(x): return x * LOG\n    return f\nf = make(LOG)",
    "a variable under a decorator": (
        "from proj.tools import twice\n"
        "def make(LOG):\n    @twice\n    def f(x): return x * LOG\n    return f\nf = make(LOG)"
    ),
    "under the name of a package's function": "@functools.wraps(np.median)\ndef f(x): return x * LOG",
    "an import of its own": "def f(x):\n    from proj.lab import LOG\n    return x * LOG",
}
TWICE = """
import functools
def twice(function):
    @functools.wraps(function)
    def wrapper(*args): return 2 * function(*args)
    return wrapper
"""


@pytest.mark.parametrize("what", DECORATED)
def test_a_bare_name_is_of_the_module_of_what_is_decorated(project: Project, what: str) -> None:
    """The module is that of the function under all decorators, partials and the like; or that of its class."""

    def f(value: int) -> Any:
        return project(f"import functools, numpy as np\nLOG = {value}\n{DECORATED[what]}", TWICE).f

    assert version(f(2)) != version(f(3))
    assert version(f(2), "LOG") == version(f(3), "LOG")


def test_a_bare_name_holds_where_there_is_no_module() -> None:
    """Code that was run by ``exec`` in a namespace without a name has its own globals; another one has others."""

    def made(value: int, **more: Any) -> dict[str, Any]:
        space: dict[str, Any] = {"LOG": value, **more}
        exec("def use(x): return x * LOG\ndef f(x): return use(x)", space)
        return space

    assert version(made(2)["f"]) != version(made(3)["f"])
    assert version(made(2)["f"], "LOG") == version(made(3)["f"], "LOG")
    inner = [made(value)["use"] for value in (2, 3)]
    calls = [eval("lambda x: use(x) + LOG", {"LOG": 1, "use": use}) for use in inner]
    assert version(calls[0], "LOG") != version(calls[1], "LOG")
    assert version(calls[0], "<nameless>.LOG") == version(calls[1], "<nameless>.LOG")


def test_names_hold_in_what_is_reached_for_the_module_of_who_gave_them(project: Project) -> None:
    """A name that a cached helper was given is of the helper's module, also in the version of what calls it."""
    tools = """
        import sweepable
        LOG = TOOLS
        @sweepable.cache(ignore_globals=["LOG"])
        def inner(x): return x * LOG
    """
    lab = """
        from proj import tools
        LOG = LAB
        def own(x): return x * LOG
        def f(x): return tools.inner(x) + own(x)
    """

    def edited(ours: int, theirs: int, *names: str) -> str:
        return version(project(lab.replace("LAB", str(ours)), tools.replace("TOOLS", str(theirs))).f, *names)

    assert edited(1, 1) == edited(1, 2) != edited(2, 1)
    assert edited(1, 1, "LOG") == edited(2, 2, "LOG")


SCRIPT = """
import sweepable
LOG = []
def use(x):
    LOG.append(x)
    return x
def make(held):
    def f(x):
        held.append(x)
        return use(x)
    return f
class Motor:
    calls = 0
def g(x):
    Motor.calls += 1
    return use(x)
fs = [
    sweepable.cache(make([]), ignore_globals=["LOG", "held"]),
    sweepable.cache(make([]), ignore_globals=["script.LOG", "f.held"]),
    sweepable.cache(g, ignore_globals=["LOG", "Motor.calls"]),
]
"""
SENDING = """
    import joblib
    if __name__ == "__main__":
        def sent(function):
            function(2.0)
            return function.version().digest, function.callee.changed_since_version(), __name__
        runs = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(sent)(f) for f in fs)
        print(*[f.version().digest for f in fs])
        print(*[digest for digest, _, _ in runs])
        print({changed for _, changed, _ in runs})
"""
IMPORTING = "import script\nprint(*[f.version().digest for f in script.fs])\n"


def test_names_mean_the_same_in_a_script_a_module_and_a_worker(run_script: RunScript) -> None:
    """What is ignored is so wherever the code runs: a script, a module, or processes that were sent the functions."""
    script = run_script(SCRIPT + textwrap.dedent(SENDING), name="script.py").stdout.splitlines()
    module = run_script(IMPORTING, name="other.py", files={"script.py": SCRIPT}).stdout.split()
    as_main = run_script(
        "import runpy\nspace = runpy.run_path('script.py', run_name='__mp_main__')\n"
        "print(*[f.version().digest for f in space['fs']])",
        name="third.py",
        files={"script.py": SCRIPT},
    ).stdout.split()
    assert script[0].split() == script[1].split() == module == as_main
    assert script[2] == "{None}"


#: What is called `log`, and runs: the text of lab, that of tools, and its name.
RUNNING = {
    "a global": ("def log(x): pass\ndef f(x):\n    log(x)\n    return x", "", "log"),
    "a global of another module": (
        "import proj.tools as t\ndef f(x):\n    t.log(x)\n    return x",
        "def log(x): pass",
        "tools.log",
    ),
    "a method": (
        "class Motor:\n    def log(self): pass\nMOTOR = Motor()\ndef f(x):\n    MOTOR.log()\n    return x",
        "",
        "Motor.log",
    ),
    "a variable of a helper": (
        "def make(log):\n    def step(x):\n        log(x)\n        return x\n    return step\n"
        "step = make(lambda x: None)\ndef f(x): return step(x)",
        "",
        "step.log",
    ),
    "an attribute of a helper": (
        "def use(x):\n    use.log(x)\n    return x\nuse.log = lambda x: None\ndef f(x): return use(x)",
        "",
        "use.log",
    ),
}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="which functions run is seen through sys.monitoring")
@pytest.mark.parametrize("what", RUNNING)
def test_an_audit_says_nothing_of_what_is_left_out(project: Project, what: str) -> None:
    """Code that was said not to count runs for a call, and is not told as code that was not found."""
    lab, tools, name = RUNNING[what]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        cached = sweepable.cache(project(lab, tools).f, ignore_globals=[name])
        cached(1.0)
    assert cached.explain(1.0).hit
    assert [str(warning.message) for warning in said] == []


# -- messages


def way_out(message: str) -> list[str]:
    """The names that a message recommends."""
    found = re.search(r"ignore_globals=\[(.*?)\]", message)
    assert found is not None, message
    return [name.strip("'\"") for name in found[1].split(", ")]


#: What `f` changes while it runs: the text of lab, that of tools, and how it is left out.
CHANGED = {
    "a global": ("LOG = []\ndef f(x):\n    LOG.append(x)\n    return x", "", "LOG"),
    "a global of a helper": ("LOG = []\ndef use(x): LOG.append(x)\ndef f(x):\n    use(x)\n    return x", "", "LOG"),
    "a global of another module": (
        "from proj.tools import use\ndef f(x):\n    use(x)\n    return x",
        "LOG = []\ndef use(x): LOG.append(x)",
        "tools.LOG",
    ),
    "one of two of the same name": (
        "from proj.tools import use\nLOG = []\ndef f(x):\n    use(x)\n    return len(LOG)",
        "LOG = []\ndef use(x): LOG.append(x)",
        "tools.LOG",
    ),
    "the other of two of the same name": (
        "from proj.tools import use\nLOG = []\ndef f(x):\n    LOG.append(use(x))\n    return x",
        "LOG = []\ndef use(x): return len(LOG)",
        "LOG",
    ),
    "a part of a global of a module": (
        "import proj.tools as t\ndef f(x):\n    t.STATE['log'].append(x)\n    return x",
        "STATE = {'log': []}",
        "tools.STATE",
    ),
    "a variable of its own": (
        "def make():\n    log = []\n    def f(x):\n        log.append(x)\n        return x\n    return f\nf = make()",
        "",
        "log",
    ),
    "a variable of a helper": (
        "def make():\n    log = []\n    def step(x):\n        log.append(x)\n        return x\n    return step\n"
        "step = make()\ndef f(x): return step(x)",
        "",
        "step.log",
    ),
    "a variable of a decorator": (
        "import functools\ndef counted(function):\n    log = []\n    @functools.wraps(function)\n    def wrapper(x):\n"
        "        log.append(x)\n        return function(x)\n    return wrapper\n@counted\ndef f(x): return x",
        "",
        "f.log",
    ),
    "an entry of a class": (
        "class Motor:\n    log = []\n    def run(self, x):\n        self.log.append(x)\n        return x\n"
        "def f(x): return Motor().run(x)",
        "",
        "Motor.log",
    ),
    "a number in a class": (
        "class Motor:\n    log = 0\ndef f(x):\n    Motor.log += 1\n    return x",
        "",
        "Motor.log",
    ),
    "an attribute of a helper": (
        "def use(x): return x\nuse.log = 0\ndef f(x):\n    use.log += 1\n    return use(x)",
        "",
        "use.log",
    ),
    "a context variable": (
        "import contextvars\nLOG = contextvars.ContextVar('LOG', default=0)\ndef f(x):\n    LOG.set(LOG.get() + 1)\n"
        "    return x",
        "",
        "LOG",
    ),
}


def tainted(function: Any, *names: str, **options: Any) -> str:
    """What is said of a run; empty for nothing."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        cached = sweepable.cache(function, ignore_globals=names, **options)
        cached(1.0)
    found = [str(warning.message) for warning in said if warning.category is sweepable.TaintedCall]
    assert bool(found) != cached.explain(1.0).hit
    return found[0] if found else ""


@pytest.mark.parametrize("what", CHANGED)
def test_the_way_out_of_a_call_that_is_not_served_works(project: Project, what: str) -> None:
    """The warning about what a run has changed recommends a name; given that, the call is served."""
    lab, tools, name = CHANGED[what]
    message = tainted(project(lab, tools).f)
    assert way_out(message) == [name]
    assert tainted(project(lab, tools).f, name) == ""


def test_nothing_is_recommended_that_would_not_help(project: Project) -> None:
    """What cannot be left out by a name, as the default of a helper, is told without a way out."""
    lab = "def use(x, log=[]):\n    log.append(x)\n    return x\ndef f(x): return use(x)"
    message = tainted(project(lab).f)
    assert "changed while it ran" in message and "ignore_globals" not in message


def test_the_way_out_of_a_pinned_function_works(project: Project) -> None:
    """What a pinned function holds, or a decorator around it, is left out by the names that the warning tells."""
    lab, tools, name = CHANGED["a variable of a decorator"]
    assert way_out(tainted(project(lab, tools).f, version="1")) == [name]
    assert tainted(project(lab, tools).f, name, version="1") == ""
    several = (
        "def make(log, n):\n    def f(x):\n        log.append(x)\n        return n * x\n    return f\nf = make([], 2)"
    )
    assert way_out(tainted(project(several).f, version="1")) == ["log", "n"]
    assert tainted(project(several).f, "log", version="1") == ""


@pytest.mark.parametrize("where", ["lab", "tools"])
def test_the_way_out_of_a_global_that_code_binds_works(project: Project, where: str) -> None:
    """A counter that is bound anew by a function of any module is left out by the name that the warning tells."""
    counting = "COUNT = 0\ndef use(x):\n    global COUNT\n    COUNT += 1\n    return x\n"
    importing, calling = "from proj.tools import use\n", "def f(x): return use(x)"
    texts = (counting + calling, "") if where == "lab" else (importing + calling, counting)
    (said,) = CodeIdentity(project(*texts).f).version().untracked
    (name,) = way_out(said)
    assert name == ("COUNT" if where == "lab" else "tools.COUNT")
    assert CodeIdentity(project(*texts).f, ignore_globals=[name]).version().untracked == ()


def test_of_an_argument_nothing_can_be_left_out(project: Project) -> None:
    """What a function that is given as an argument binds is told without a way out, as there is none."""
    lab = project("COUNT = 0\ndef use(x):\n    global COUNT\n    COUNT += 1\n    return x\ndef f(use): return use(1)")
    with pytest.warns(sweepable.UntrackedCode, match="COUNT") as said:
        sweepable.cache(lab.f).key_of(lab.use)
    assert "ignore_globals" not in str(said[0].message)


@pytest.mark.parametrize("what", ["its own", "a helper's"])
def test_the_way_out_of_what_cannot_be_digested_works(project: Project, what: str) -> None:
    """A generator that a factory gave a function is left out by the name that the error tells."""
    makers = {
        "its own": "def make(held):\n    def f(x): return held and x\n    return f\n",
        "a helper's": "def make(held):\n    def step(x): return held and x\n    return lambda x: step(x)\n",
    }
    text = f"{makers[what]}f = make(n for n in [1])\nf.__name__ = f.__qualname__ = 'f'\n"
    with pytest.raises(sweepable.UndigestibleError) as said:
        sweepable.cache(project(text).f)(1)
    (name,) = way_out(str(said.value))
    assert name == ("held" if what == "its own" else "step.held")
    assert sweepable.cache(project(text).f, ignore_globals=[name])(1) == 1


def test_what_a_partial_holds_has_no_name(project: Project) -> None:
    """For what cannot be digested in a partial's arguments, no name is recommended."""
    text = "import functools\ndef plain(held, x): return x\nf = functools.partial(plain, (n for n in [1]))"
    with pytest.raises(sweepable.UndigestibleError) as said:
        sweepable.cache(project(text).f, name="f")(1)
    assert "ignore_globals" not in str(said.value)


def test_the_way_out_of_a_global_that_takes_long_works(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    """A large array of another module is left out by the name that the log tells."""
    lab, tools = "import proj.tools as t\ndef f(x): return t.STATE['big'].sum() * x", "STATE = {'big': None}"

    def said(*names: str) -> list[str]:
        caplog.clear()
        module = project(lab, tools)
        module.t.STATE["big"] = np.zeros(4_000_000)
        CodeIdentity(module.f, ignore_globals=names).version()
        return [record.getMessage() for record in caplog.records if "recheck" in record.getMessage()]

    (message,) = said()
    assert way_out(message) == ["tools.STATE"]
    assert said("tools.STATE") == []


# -- names that leave nothing out


def test_a_name_that_leaves_nothing_out_is_told_by_explain(project: Project) -> None:
    """A misspelled name, or one of another module, is told with how that is written which is there."""
    lab = """
        import sweepable
        from proj.tools import use
        LOG = []
        class Motor:
            CALLS = 0
        def f(x):
            LOG.append(x)
            return use(x) + Motor.CALLS
    """
    tools = "CALLS = 0\ndef use(x): return x + CALLS"
    found = CodeIdentity(project(lab, tools).f, ignore_globals=["LOG", "CALLS", "LOGS", "tools.LOGS"]).version()
    assert found.untracked == ()
    assert found.notes == (
        "ignore_globals= names 'CALLS', which is no global of the module of f that it reaches; "
        "it reaches 'Motor.CALLS', 'tools.CALLS'",
        "ignore_globals= names 'LOGS', which is no global of the module of f that it reaches; "
        "a global of another module is written 'lab.LOGS'",
        "ignore_globals= names 'tools.LOGS', which is nothing that f reaches; "
        "a global of another module is written 'lab.LOGS'",
    )
    named = CodeIdentity(project(lab, tools).f, ignore_globals=["LOG", "Motor.CALLS", "tools.CALLS"]).version()
    assert named.notes == ()
    cached = sweepable.cache(project(lab, tools).f, ignore_globals=["LOG", "CALLS"])
    assert "it reaches 'Motor.CALLS', 'tools.CALLS'" in str(cached.explain(1.0))
