"""Bad input to the identity of code: no source, values that raise or never end, globals that cost too much."""

from __future__ import annotations

import py_compile
from pathlib import Path

import pytest

from running import RunScript, write_files

BY_BYTE_CODE = "counts by its byte code"


def test_code_without_source_counts_by_its_byte_code(run_script: RunScript, tmp_path: Path) -> None:
    """Functions from exec, of a compiled file and of C can be cached; explain says what they count by."""
    folder = tmp_path / "project"
    write_files(folder, {"gone.py": "K = 1\ndef h(x):\n    return x + K\n"})
    py_compile.compile(str(folder / "gone.py"), cfile=str(folder / "gone.pyc"))
    (folder / "gone.py").unlink()
    script = """
        import math, sweepable, gone
        exec("def made(x):\\n    return x + 1")
        functions = {"exec": made, "pyc": gone.h, "C": math.sqrt, "code": eval("lambda x: x * 2")}
        for name, function in functions.items():
            f = sweepable.cache(function, name=name)
            print(name, f.peek(4) is not None, f(4), "byte code" in str(f.explain(4)))
    """
    for hit in (False, True):
        lines = run_script(script).stdout.splitlines()
        assert lines == [f"exec {hit} 5 True", f"pyc {hit} 5 True", f"C {hit} 2.0 False", f"code {hit} 8 True"]


def test_source_that_is_not_that_of_the_code_is_not_taken(run_script: RunScript) -> None:
    """A file that changed before the first call is no source of the code that runs, which counts by its byte code."""
    files = {"lab.py": "def h(x):\n    return x + 1\n"}
    script = """
        import sweepable, lab
        {edit}
        @sweepable.cache
        def f(x):
            return lab.h(x)
        print(f.peek(1) is not None, f(1), "byte code" in str(f.explain(1)))
    """
    edit = "open('lab.py', 'w').write('def h(x):\\\\n    return x + 2\\\\n')"
    assert run_script(script.replace("{edit}", edit.replace("\\\\", "\\")), files=files).stdout.split() == [
        "False",
        "2",
        "True",
    ]
    assert run_script(script.replace("{edit}", "")).stdout.split() == ["False", "3", "False"]
    assert run_script(script.replace("{edit}", ""), files=files).stdout.split() == ["False", "2", "False"]


def test_values_that_raise_while_they_are_read(run_script: RunScript) -> None:
    """An argument that raises is an error with its path; a global is named once; properties are never asked."""
    script = """
        import warnings, sweepable
        class Bad:
            def __reduce__(self):
                raise ValueError("not this way")
        class Asked:
            def __init__(self):
                self.x = 1
            @property
            def func(self):
                print("asked")
                raise ValueError("not this way")
            py_func = __wrapped__ = __func__ = __sweepable_key = size = func
            def __getattr__(self, name):
                if name.startswith("__"):
                    raise AttributeError(name)
                print("asked", name)
                return 1
            def __len__(self):
                raise ValueError("no length")
            def __bool__(self):
                raise ValueError("no truth")
            def __eq__(self, other):
                raise ValueError("no equality")
            __hash__ = None
            def __repr__(self):
                raise ValueError("no repr")

        bad, asked = Bad(), Asked()

        @sweepable.cache
        def f(x):
            return 1

        @sweepable.cache
        def g(x):
            return 1 if bad is not None and asked is not None else 2

        try:
            f({"a": [0, bad]})
        except sweepable.UndigestibleError as error:
            print(error.path, error.reason)
        print(f(asked), f.peek(asked) is not None)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            print(g(1), g(1), [str(warning.message) for warning in said])
    """
    lines = run_script(script).stdout.splitlines()
    assert lines[0] == "x['a'][1] reading it raised ValueError('not this way')"
    assert lines[1] == "1 True"
    # Of a global all that can be told counts, part by part.
    assert lines[2:] == ["1 1 []"]


def test_large_global_is_named_once_with_the_way_out(run_script: RunScript) -> None:
    """A global that takes long to recheck is named once; read-only, it takes no time at all."""
    script = """
        import logging, numpy as np, sweepable
        logging.basicConfig(format="%(message)s")
        BIG = np.zeros(12_500_000)
        {freeze}
        @sweepable.cache
        def f(x):
            return float(BIG[x])
        print(f(1), f(1), f(2))
    """
    done = run_script(script.replace("{freeze}", ""))
    said = [line for line in done.stderr.splitlines() if "BIG" in line]
    assert done.stdout.split() == ["0.0"] * 3
    assert len(said) == 1
    assert "setflags(write=False)" in said[0] and "ignore_globals=['BIG']" in said[0]
    assert "BIG" not in run_script(script.replace("{freeze}", "BIG.setflags(write=False)")).stderr


NESTED = """
    import collections, dataclasses, sys, types
    import sweepable

    @dataclasses.dataclass
    class Data:
        next: object = None

    class Linked:
        def __init__(self, next=None):
            self.next = next

    class Slotted(Linked):
        __slots__ = ("other",)

    MAKERS = {
        "list": lambda v: [v], "tuple": lambda v: (v,), "dict": lambda v: {"a": v},
        "frozenset": lambda v: frozenset([v]),
        "dataclass": Data, "linked": Linked, "slots": Slotted, "deque": lambda v: collections.deque([v]),
        "namespace": lambda v: types.SimpleNamespace(next=v),
    }

    def nested(kind, depth=10_000):
        value = 0
        for _ in range(depth):
            value = MAKERS[kind](value)
        return value

    @sweepable.cache
    def f(value):
        return 1
"""


@pytest.mark.parametrize("limit", [None, 1_000_000])
def test_arguments_nested_ten_thousand_deep(run_script: RunScript, limit: int | None) -> None:
    """What is nested too deeply is an error that says so, whatever the recursion limit: never a crash."""
    script = f"""
    {f"sys.setrecursionlimit({limit})" if limit else ""}
    for kind in MAKERS:
        try:
            print(kind, f(nested(kind)))
        except sweepable.UndigestibleError as error:
            print(kind, error.path, error.reason.partition(",")[0])
    """
    lines = run_script(NESTED + script).stdout.splitlines()
    assert lines == [f"{line.split()[0]} value it is nested too deeply" for line in lines] and len(lines) == 9


@pytest.mark.parametrize("kind", ["list", "linked"])
def test_globals_nested_deeper_than_the_recursion_limit(run_script: RunScript, kind: str) -> None:
    """A global that is nested too deeply to be digested as a whole counts part by part, to its end."""
    script = f"""
    DEEP = nested({kind!r}, 1_200)
    END = DEEP
    while END != 0:
        BEFORE, END = END, END[0] if isinstance(END, list) else END.next
    if sys.argv[1] == "b":
        BEFORE.__init__([5] if isinstance(BEFORE, list) else 5)

    @sweepable.cache
    def g(x):
        return DEEP is not None

    print(g.peek(1) is not None, g(1))
    """
    found = [run_script(NESTED + script, arguments=(state,)).stdout.split()[0] for state in "aba"]
    assert found == ["False", "False", "True"]
