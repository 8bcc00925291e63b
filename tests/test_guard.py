"""What a running process does to code and values after a version was worked out: seen at the next call."""

from __future__ import annotations

import gc
import importlib
import sys
import textwrap
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sweepable.identity.code import CodeIdentity, describe

LAB = """
import functools
from collections import OrderedDict, defaultdict, deque
from types import SimpleNamespace

import numpy as np

from . import tools
from .tools import moved

K = 3
CONFIG = {"rate": 1, "deep": {"list": [1, [2, 3]]}}
ITEMS = [1, 2.5, "x"]
NAMES = {"a", "b"}
PAIR = (1, [2])
SMALL = np.arange(10.0)
LARGE = np.zeros(100_000)
OBJECTS = np.array([1, "a", None], dtype=object)
SPACE = SimpleNamespace(a=1, inner=SimpleNamespace(b=2))
ORDERED = OrderedDict(a=1, b=2)
LISTS = defaultdict(list, a=[1])
QUEUE = deque([1, 2])
BYTES = bytearray(b"abc")
UNREACHED = 1
CALLS = []

class Base:
    step = 1

class Motor(Base):
    gain = 2
    table = {"a": 1}

    def __init__(self):
        self.load = 1
        self.parts = [1]

    def run(self, x):
        return x * self.gain + self.step

class Slotted:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a = 1

class Listed(list):
    pass

MOTOR = Motor()
SLOTTED = Slotted()
LISTED = Listed([1, 2])

def helper(x, n=2, *, mode=None, memo=[]):
    return x * n

def call_back(x):
    return x

HOOKS = {"a": call_back, "m": MOTOR.run}
HALF = functools.partial(helper, n=5)

def make(n):
    def inner(x):
        return x + n
    return inner

closed = make(1)

def f(x):
    return (
        helper(x), K, CONFIG, ITEMS, NAMES, PAIR, SMALL, LARGE, OBJECTS, SPACE, ORDERED, LISTS, QUEUE, BYTES,
        MOTOR, SLOTTED, LISTED, HOOKS, HALF, closed(x), tools.scale(x), tools.sub.h, moved(x), abs(x), tools.lazy,
    )

def logs(x):
    CALLS.append(x)
    return x

def early(x):
    return later(x)
"""
TOOLS = """
from . import sub
FACTOR = 2
def scale(x):
    return x * FACTOR
def moved(x):
    return x
def __getattr__(name):
    return 5
"""
NUMBERS = iter(range(10_000))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A small project, imported afresh."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    package = f"project{next(NUMBERS)}"
    (tmp_path / package).mkdir()
    for name, text in {"__init__": "", "lab": LAB, "tools": TOOLS, "sub": "def h(x):\n    return x\n"}.items():
        (tmp_path / package / f"{name}.py").write_text(textwrap.dedent(text))
    yield importlib.import_module(f"{package}.lab")
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


def set_cell(function: Any, value: object) -> None:
    function.__closure__[0].cell_contents = value


def replace_code(function: Any, other: Any) -> None:
    function.__code__ = other.__code__


def other_helper(x: Any, n: Any = 2, *, mode: Any = None, memo: Any = []) -> Any:  # noqa: B006
    return x / n


EDITS: dict[str, Callable[[Any], object]] = {
    "rebind a constant": lambda lab: setattr(lab, "K", 4),
    "rebind a constant to another type": lambda lab: setattr(lab, "K", 3.0),
    "delete a constant": lambda lab: delattr(lab, "K"),
    "set a key of a dict": lambda lab: lab.CONFIG.update(rate=2),
    "add a key to a dict": lambda lab: lab.CONFIG.update(new=2),
    "reorder a dict": lambda lab: lab.CONFIG.update(rate=lab.CONFIG.pop("rate")),
    "replace a key of a dict": lambda lab: lab.ORDERED.update(c=lab.ORDERED.pop("b")),
    "append deep within a dict": lambda lab: lab.CONFIG["deep"]["list"][1].append(4),
    "set an item of a list": lambda lab: lab.ITEMS.__setitem__(0, 9),
    "append to a list": lambda lab: lab.ITEMS.append(9),
    "reverse a list": lambda lab: lab.ITEMS.reverse(),
    "add to a set": lambda lab: lab.NAMES.add("c"),
    "swap members of a set": lambda lab: (lab.NAMES.remove("a"), lab.NAMES.add("c")),
    "append within a tuple": lambda lab: lab.PAIR[1].append(3),
    "write into a small array": lambda lab: lab.SMALL.__setitem__(3, -1.0),
    "reshape a small array": lambda lab: setattr(lab.SMALL, "shape", (2, 5)),
    "write into a large array": lambda lab: lab.LARGE.__setitem__(77_777, 1.0),
    "write into an array of objects": lambda lab: lab.OBJECTS.__setitem__(2, 1),
    "set an attribute of a namespace": lambda lab: setattr(lab.SPACE.inner, "b", 3),
    "move a key of an ordered dict": lambda lab: lab.ORDERED.move_to_end("a"),
    "append within a defaultdict": lambda lab: lab.LISTS["a"].append(1),
    "change the factory of a defaultdict": lambda lab: setattr(lab.LISTS, "default_factory", int),
    "rotate a deque": lambda lab: lab.QUEUE.rotate(1),
    "write into a bytearray": lambda lab: lab.BYTES.__setitem__(0, 0),
    "set an attribute of an instance": lambda lab: setattr(lab.MOTOR, "load", 2),
    "add an attribute to an instance": lambda lab: setattr(lab.MOTOR, "more", 2),
    "append within an instance": lambda lab: lab.MOTOR.parts.append(2),
    "change the class of an instance": lambda lab: setattr(lab.MOTOR, "__class__", lab.Base),
    "replace the attributes of an instance": lambda lab: setattr(lab.MOTOR, "__dict__", {"load": 5, "parts": [1]}),
    "set a slot": lambda lab: setattr(lab.SLOTTED, "a", 2),
    "fill a slot": lambda lab: setattr(lab.SLOTTED, "b", 2),
    "append to an instance of a list's subclass": lambda lab: lab.LISTED.append(3),
    "set an attribute of a list's subclass": lambda lab: setattr(lab.LISTED, "a", 3),
    "replace a method": lambda lab: setattr(lab.Motor, "run", lambda self, x: 0),
    "set a class attribute": lambda lab: setattr(lab.Motor, "gain", 3),
    "override what a base gives": lambda lab: setattr(lab.Motor, "step", 7),
    "change a base's attribute": lambda lab: setattr(lab.Base, "step", 7),
    "delete a class attribute": lambda lab: delattr(lab.Motor, "gain"),
    "change a dict of a class": lambda lab: lab.Motor.table.update(a=2),
    "replace a helper": lambda lab: setattr(lab, "helper", other_helper),
    "replace a helper's code in place": lambda lab: replace_code(lab.helper, other_helper),
    "replace a method's code in place": lambda lab: replace_code(lab.Motor.run, lambda self, x: 1),
    "replace a helper's defaults": lambda lab: setattr(lab.helper, "__defaults__", (3,)),
    "replace a helper's keyword defaults": lambda lab: lab.helper.__kwdefaults__.update(mode="fast"),
    "append to a mutable default": lambda lab: lab.helper.__kwdefaults__["memo"].append(1),
    "change a closure": lambda lab: set_cell(lab.closed, 2),
    "replace a function in a dict": lambda lab: lab.HOOKS.update(a=other_helper),
    "replace the code of a function in a dict": lambda lab: replace_code(lab.call_back, lambda x: -x),
    "replace a module's function": lambda lab: setattr(lab.tools, "scale", other_helper),
    "set a module's constant": lambda lab: setattr(lab.tools, "FACTOR", 3),
    "replace a submodule": lambda lab: setattr(lab.tools, "sub", lab.tools),
    "replace a function at the end of a chain": lambda lab: setattr(lab.tools.sub, "h", other_helper),
    "bind what __getattr__ gave": lambda lab: setattr(lab.tools, "lazy", 6),
    "shadow a builtin": lambda lab: setattr(lab, "abs", other_helper),
    "set the state of a partial": lambda lab: lab.HALF.__setstate__((lab.helper, (), {"n": 6}, {})),
    "change a keyword of a partial": lambda lab: lab.HALF.keywords.update(n=6),
    "replace the function's own code": lambda lab: replace_code(lab.f, lambda x: x),
}


@pytest.mark.filterwarnings("ignore:Setting the (shape|dtype) on a NumPy array:DeprecationWarning")
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_change_is_seen(lab: ModuleType, edit: Callable[[Any], object]) -> None:
    """Whatever a session does to code or constants counts from the next call on."""
    identity = CodeIdentity(lab.f)
    before = identity.version()
    assert identity.version() is before
    assert identity.unchanged() is None
    edit(lab)
    assert identity.unchanged() is not None
    assert identity.version().digest != before.digest


@pytest.mark.parametrize(
    "edit",
    [
        lambda lab: setattr(lab, "UNREACHED", 2),
        lambda lab: setattr(lab, "K", int("3")),
        lambda lab: setattr(lab, "CONFIG", {"rate": 1, "deep": {"list": [1, [2, 3]]}}),
        lambda lab: setattr(lab, "SMALL", np.arange(10.0)),
        lambda lab: lab.MOTOR.run(1),
        lambda lab: lab.Motor.__annotations__,
    ],
    ids=["unreached", "an equal number", "an equal dict", "an equal array", "a use", "annotations"],
)
def test_what_does_not_matter_changes_nothing(lab: ModuleType, edit: Callable[[Any], object]) -> None:
    """A rebinding to an equal value, or a change elsewhere, runs nothing again."""
    identity = CodeIdentity(lab.f)
    before = identity.version()
    edit(lab)
    assert identity.unchanged() is None
    assert identity.version() is before


def test_back_again(lab: ModuleType) -> None:
    """A constant set back to what it was gives the version that it had: A, B, A hits."""
    identity = CodeIdentity(lab.f)
    first = identity.version().digest
    lab.K = 4
    second = identity.version().digest
    lab.K = 3
    assert identity.version().digest == first != second


def test_the_sentence_names_the_global(lab: ModuleType) -> None:
    """The warning about a call that changed what it depends on says which global it was, and of which function."""
    identity = CodeIdentity(lab.logs)
    identity.version()
    lab.logs(1)
    sentence = identity.unchanged()
    assert sentence is not None
    assert "CALLS" in sentence and "logs" in sentence


def test_ignored_globals(lab: ModuleType) -> None:
    """A name given to ignore_globals neither counts nor taints."""
    identity = CodeIdentity(lab.logs, ignore_globals=["CALLS"])
    before = identity.version()
    lab.logs(1)
    assert identity.unchanged() is None
    assert identity.version() is before


def test_ignored_chain(lab: ModuleType) -> None:
    """A name may be given as it is written, with its module."""
    identity = CodeIdentity(lab.f, ignore_globals=["tools.scale"])
    before = identity.version()
    lab.tools.scale = other_helper
    assert identity.version() is before


def test_helper_defined_later(lab: ModuleType) -> None:
    """A helper may be defined after the function; what it is when the function is called counts."""
    identity = CodeIdentity(lab.early)
    without = identity.version().digest
    lab.later = other_helper
    with_it = identity.version().digest
    lab.later = lab.helper
    assert len({without, with_it, identity.version().digest}) == 3


def test_reload(lab: ModuleType, tmp_path: Path) -> None:
    """A module edited and reloaded counts as it is now; reloaded unedited, it is the same version."""
    file = Path(str(lab.__file__))
    identity = CodeIdentity(lab.f)
    before = identity.version().digest
    importlib.reload(lab)
    assert CodeIdentity(lab.f).version().digest == before
    file.write_text(file.read_text().replace("return x * n", "return x * n + 1"))
    importlib.reload(lab)
    assert CodeIdentity(lab.f).version().digest != before
    assert identity.version().digest != before


def test_edited_file_is_not_the_running_code(lab: ModuleType) -> None:
    """A file saved between import and first call changes nothing: what counts is the code that runs."""
    reference = CodeIdentity(lab.f).version()
    identity = CodeIdentity(lab.f)
    file = Path(str(lab.__file__))
    file.write_text(file.read_text().replace("return x * n", "return x * n + 1"))
    assert identity.version().digest == reference.digest
    assert identity.version().untracked + identity.version().notes == reference.untracked + reference.notes


def test_edited_helper_file_is_not_the_running_code(lab: ModuleType) -> None:
    """A helper's file edited since import is never taken for its running code; it counts by byte code instead."""
    file = Path(str(lab.tools.__file__))
    file.write_text(file.read_text().replace("x * FACTOR", "x / FACTOR"))
    edited = CodeIdentity(lab.f).version()
    assert [line for line in edited.notes if "scale" in line and "byte code" in line]
    importlib.reload(lab.tools)
    assert CodeIdentity(lab.f).version().digest != edited.digest


def test_lines_moved_since_import(lab: ModuleType) -> None:
    """Comments and blank lines added to a helper's file since import matter to nobody."""
    before = CodeIdentity(lab.f).version()
    file = Path(str(lab.tools.__file__))
    file.write_text("# a comment\n\n\n" + file.read_text())
    after = CodeIdentity(lab.f).version()
    assert (after.digest, after.untracked + after.notes) == (before.digest, before.untracked + before.notes)


def test_dicts_with_slow_keys(lab: ModuleType) -> None:
    """Arguments' classes are followed too: a changed method of a class changes what its instances count as."""
    before = describe(lab.Motor, "value")
    assert describe(lab.Motor, "value") == before
    lab.Motor.gain = 5
    changed = describe(lab.Motor, "value")
    assert changed != before
    lab.Motor.gain = 2
    assert describe(lab.Motor, "value") == before


def test_callbacks_are_followed(lab: ModuleType) -> None:
    """A callback counts by its code and what it was made with."""
    assert describe(lab.make(1), "value") == describe(lab.make(1), "value") != describe(lab.make(2), "value")
    set_cell(lab.closed, 2)
    assert describe(lab.closed, "value") == describe(lab.make(2), "value")


def test_bound_methods_count_with_their_instance(lab: ModuleType) -> None:
    """A method counts with the content of its instance."""
    one, other = lab.Motor(), lab.Motor()
    assert describe(one.run, "value") == describe(other.run, "value")
    before = describe(one.run, "value")
    one.load = 5
    assert describe(one.run, "value") != before == describe(other.run, "value")


def test_callbacks_are_not_kept_alive(lab: ModuleType) -> None:
    """A callback with a large closure is not held in memory after the call it was given to."""
    function = lab.make(np.zeros(10))
    held = weakref.ref(function)
    describe(function, "value")
    describe(function, "value")
    del function
    gc.collect()
    assert held() is None


def test_a_new_object_at_an_old_address(lab: ModuleType) -> None:
    """Identity is never mistaken: functions made and dropped in turn each count as what they are."""
    fresh = [describe(lab.make(n), "value") for n in range(300)]
    assert len(set(fresh)) == 300


def made(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "made_up"}
    exec(textwrap.dedent(text), space)
    return space


LATER = {
    "a subclass": (
        "class A:\n    pass\ndef f():\n    return len(A.__subclasses__())",
        "class B(A):\n    pass",
    ),
    "a registered class": (
        "import abc\nclass A(abc.ABC):\n    pass\nclass B:\n    pass\ndef f():\n    return isinstance(B(), A)",
        "A.register(B)",
    ),
    "the name of a function": (
        "def g():\n    pass\ndef f():\n    return g.__name__",
        "g.__name__ = 'other'",
    ),
    "a further attribute of a function": (
        "def g():\n    pass\ng.a = 1\ndef f():\n    return len(vars(g))",
        "g.b = 2",
    ),
}


@pytest.mark.parametrize("name", LATER)
def test_what_is_added_later_is_seen_at_the_next_call(name: str) -> None:
    """Subclasses, registrations, names and attributes that come while a process runs count from the next call on."""
    text, later = LATER[name]
    space = made(text)
    identity = CodeIdentity(space["f"])
    before, value = identity.version().digest, space["f"]()
    assert identity.version().digest == before
    exec(later, space)
    assert identity.version().digest != before and space["f"]() != value
