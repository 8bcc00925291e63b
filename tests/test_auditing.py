"""The audit of the first run of a version: what no walk through the code can see is noted, kept, and said once."""

from __future__ import annotations

import asyncio
import builtins
import io
import os
import random
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript
from sweepable.audited import audit_of

needs_monitoring = pytest.mark.skipif(not hasattr(sys, "monitoring"), reason="Python 3.12 and later can tell")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A file with a number."""
    path = tmp_path / "data.txt"
    path.write_text("3")
    return path


def said(run: Callable[[], object]) -> list[str]:
    """What sweepable warns of during a run."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    return [str(found.message) for found in caught if issubclass(found.category, sweepable.UntrackedCode)]


def found_of(function: Any) -> tuple[str, ...]:
    """What the store knows of the audit of a function."""
    return audit_of(function.callee)


# -- files


def test_a_file_read_by_a_name_that_is_no_path_is_said(data: Path) -> None:
    """A file that is opened by its name as a str does not count: the warning names it, and the way out."""
    name = str(data)

    @sweepable.cache
    def f(x: float) -> float:
        with open(name) as stream:
            return x * float(stream.read())

    (message,) = said(lambda: f(2.0))
    assert "f reads data.txt" in message and "pathlib.Path" in message
    assert found_of(f) == (message,)


def by_numpy(path: str) -> float:
    return float(np.loadtxt(path))


def by_pathlib(path: str) -> float:
    return float(Path(path).read_text())


def by_io(path: str) -> float:
    with io.open(path, "rb") as stream:  # noqa: UP020
        return float(stream.read())


def by_bz2(path: str) -> float:
    import bz2

    try:
        return float(bz2.open(path, "rt").read())
    except OSError:  # it is none; but it was opened
        return 0.0


def in_a_thread(path: str) -> float:
    found: list[float] = []
    thread = threading.Thread(target=lambda: found.append(by_numpy(path)))
    thread.start()
    thread.join()
    return found[0]


def by_pandas(path: str) -> float:
    import pandas as pd

    return float(pd.read_csv(path, header=None).iloc[0, 0])


@pytest.mark.parametrize("read", [by_numpy, by_pathlib, by_io, by_bz2, in_a_thread, by_pandas])
def test_files_are_seen_whoever_opens_them(data: Path, read: Callable[[str], float]) -> None:
    """NumPy, pandas, pathlib and threads open files for the function: they are its files all the same."""

    @sweepable.cache(name=read.__name__)
    def f(name: str) -> float:
        return read(name)

    (message,) = said(lambda: f(str(data)))
    assert "data.txt" in message


def test_a_database_that_is_read_is_said(tmp_path: Path) -> None:
    """SQLite opens its files itself; they are seen nevertheless."""
    import sqlite3

    path = str(tmp_path / "data.db")
    sqlite3.connect(path).close()

    @sweepable.cache
    def f() -> int:
        connection = sqlite3.connect(path)
        found = connection.execute("SELECT 1").fetchone()[0]
        connection.close()
        return int(found)

    (message,) = said(f)
    assert "data.db" in message


GIVEN: Path | None = None


def test_files_that_count_are_not_spoken_of(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is given as a Path, in a list too, or that a global Path names, counts by its content."""

    @sweepable.cache
    def alone(path: Path) -> str:
        return path.read_text()

    @sweepable.cache
    def several(paths: list[Path]) -> list[str]:
        return [path.read_text() for path in paths]

    monkeypatch.setitem(globals(), "GIVEN", data)

    @sweepable.cache
    def found() -> str:
        assert GIVEN is not None
        return GIVEN.read_text()

    assert said(lambda: (alone(data), several([data]), found())) == []
    assert found_of(alone) == ()


def test_what_is_no_data_is_not_spoken_of(tmp_path: Path, run_script: RunScript) -> None:
    """Modules imported in a body, lines shown in warnings, files of packages and of the system are no data."""
    source = """
        import warnings
        import sweepable

        @sweepable.cache
        def f():
            import lazy
            import colorsys
            with open("/dev/null") as stream, open(sweepable.__file__) as own:
                stream.read()
            warnings.warn("look at this line")
            return lazy.VALUE

        f()
    """
    lazy = """
        with open("lazy.py") as stream:
            VALUE = len(stream.read()) and 3
    """
    found = run_script(source, files={"lazy.py": lazy})
    assert "look at this line" in found.stderr
    assert "UntrackedCode" not in found.stderr


def test_a_file_of_the_runs_own_making_is_no_input(tmp_path: Path) -> None:
    """What a run writes for the time being, and reads again, is neither an input nor an output."""
    path = tmp_path / "scratch.txt"

    @sweepable.cache
    def f() -> str:
        with open(path, "w") as stream:
            stream.write("x")
        return path.read_text()

    subprocess_made = tmp_path / "made.txt"

    @sweepable.cache
    def g() -> str:
        subprocess.run([sys.executable, "-c", f"open({str(subprocess_made)!r}, 'w').write('x')"], check=True)
        return subprocess_made.read_text()

    assert said(f) == []
    assert [message for message in said(g) if "made.txt" in message and "reads" in message] == []


def test_a_file_written_is_said_unless_it_is_returned(tmp_path: Path, run_script: RunScript) -> None:
    """A hit does not write a file again: the function that writes one is told so. One that returns it is not."""
    source = """
        from pathlib import Path
        import sweepable

        @sweepable.cache
        def writes(x=1):
            with open("figure.txt", "w") as stream:
                stream.write("x")
            return x

        @sweepable.cache
        def returns(x=1):
            path = Path("result.txt").absolute()
            path.write_text("x")
            return {"path": path}

        @sweepable.cache
        def scratch(x=1):
            import tempfile
            with tempfile.NamedTemporaryFile("w+") as stream:
                stream.write("x")
            return x

        writes(), returns(), scratch()
    """
    (tmp_path / "temporary").mkdir()
    found = run_script(source, env={"TMPDIR": str(tmp_path / "temporary")})
    assert "writes writes figure.txt, which a hit does not write again" in found.stderr
    assert "returns writes" not in found.stderr and "scratch writes" not in found.stderr


# -- programs and connections


def test_programs_started_are_said() -> None:
    """What another program does is not part of any identity."""

    @sweepable.cache
    def f() -> int:
        os.system("true")
        return subprocess.run([sys.executable, "-c", "raise SystemExit(3)"]).returncode

    (message,) = said(f)
    assert "starts other programs (true, " in message


def test_connections_are_said() -> None:
    """What comes over the net may be another thing tomorrow."""
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    @sweepable.cache
    def f(port: int) -> int:
        with socket.create_connection(("127.0.0.1", port)):
            return 1

    with server:
        (message,) = said(lambda: f(port))
    assert f"connects to 127.0.0.1:{port}" in message


# -- randomness


@pytest.mark.parametrize("draw", [lambda: random.random(), lambda: float(np.random.rand())], ids=["random", "numpy"])
def test_global_random_state_that_nothing_seeds_is_said(draw: Callable[[], float]) -> None:
    """Two runs of such a function differ; the way out is a generator made from an argument."""

    @sweepable.cache
    def f() -> float:
        return draw()

    (message,) = said(f)
    assert "global random state" in message and "np.random.default_rng(seed)" in message


def test_generators_of_ones_own_are_not_spoken_of() -> None:
    """Randomness made from an argument is part of the call."""

    @sweepable.cache
    def f(seed: int) -> float:
        return float(np.random.default_rng(seed).normal()) + random.Random(seed).random()

    assert said(lambda: f(1)) == []


def test_a_function_that_seeds_the_global_state_is_not_warned_of() -> None:
    """Its runs are equal; that it changes the state for all others is only told where one asks."""

    @sweepable.cache
    def f(seed: int) -> float:
        np.random.seed(seed)
        return float(np.random.rand())

    assert said(lambda: f(1)) == []
    (sentence,) = found_of(f)
    assert "seeds and draws from the global random state of numpy.random" in sentence


def test_numpy_random_first_used_in_the_body_is_seen(run_script: RunScript) -> None:
    """NumPy loads its generators when they are first asked for, which may be within the run."""
    source = """
        import numpy as np
        import sweepable

        @sweepable.cache
        def f():
            return float(np.random.rand())

        f()
    """
    assert "global random state of numpy.random" in run_script(source).stderr


def test_explain_tells_what_was_noticed(data: Path) -> None:
    """What was said once can be asked for again."""
    name = str(data)

    @sweepable.cache(name="noticing")
    def f() -> str:
        with open(name) as stream:
            return stream.read()

    said(f)
    assert "noticed: noticing reads data.txt" in str(f.explain())


# -- when, and at what price


def test_it_is_said_once_per_version_and_store(tmp_path: Path, run_script: RunScript) -> None:
    """A further point, or process, says nothing again; another version does."""
    source = """
        import sys
        import sweepable

        @sweepable.cache
        def f(x):
            with open("data.txt") as stream:
                return x * float(stream.read())

        print(f(float(sys.argv[1])), f(float(sys.argv[1]) + 1))
    """
    files = {"data.txt": "3"}
    told = run_script(source, files=files, arguments=("1",)).stderr
    assert told.count("reads data.txt") == 1
    assert "UntrackedCode" not in run_script(source, arguments=("5",)).stderr
    other = source.replace("x * float", "2 * x * float")
    assert "reads data.txt" in run_script(other, arguments=("1",)).stderr


def test_it_can_be_switched_off(data: Path) -> None:
    """``audit=False``: nothing is watched, said or kept."""
    name = str(data)

    @sweepable.cache(audit=False)
    def f() -> str:
        with open(name) as stream:
            return stream.read()

    assert said(f) == []
    assert found_of(f) == ()
    with pytest.raises(sweepable.DeclarationError, match="audit"):
        sweepable.cache(audit=3)  # type: ignore[call-overload]


def test_a_run_that_fails_is_not_the_first_run(data: Path) -> None:
    """Where the function raises, not all of it was seen: the next run is looked at."""
    name = str(data)

    @sweepable.cache
    def f(x: float) -> float:
        if x < 0:
            raise ValueError("too small")
        with open(name) as stream:
            return x * float(stream.read())

    def fails() -> None:
        with pytest.raises(ValueError, match="too small"):
            f(-1.0)

    assert said(fails) == []
    assert len(said(lambda: f(1.0))) == 1


def test_nothing_is_left_behind() -> None:
    """After the run, the standard library is as it was; whatever the run itself has put there stays."""
    before = builtins.open, io.open, os.system, subprocess.Popen._execute_child, "connect" in vars(socket.socket)  # type: ignore[attr-defined]

    @sweepable.cache
    def f() -> bool:
        return builtins.open is io.open

    assert f()
    assert before == (
        *(builtins.open, io.open, os.system, subprocess.Popen._execute_child),  # type: ignore[attr-defined]
        "connect" in vars(socket.socket),
    )


def test_what_a_run_puts_in_the_place_of_open_stays(run_script: RunScript) -> None:
    """A body that replaces a function of the standard library for good finds it replaced afterwards."""
    source = """
        import builtins
        import sweepable

        def mine(*args):
            return None

        @sweepable.cache(ignore_globals=["mine", "builtins.open"])
        def f():
            builtins.open = mine
            return 1

        f()
        print(builtins.open is mine)
    """
    assert run_script(source).stdout.split() == ["True"]


def test_what_the_function_raises_and_returns_is_its_own(tmp_path: Path) -> None:
    """The audit is not seen from within: errors are those of ``open``, and files are read as always."""

    @sweepable.cache
    def f(name: str) -> int:
        try:
            with open(name):
                return 0
        except FileNotFoundError as error:
            return int(error.errno or 0)

    assert f(str(tmp_path / "none")) == 2

    @sweepable.cache
    def g() -> Any:
        return open("a", "b", "c", "d", "e", "f", "g", "h", "i")  # type: ignore[call-overload]

    with pytest.raises(TypeError):
        g()


def test_only_what_the_run_itself_does_counts(data: Path, tmp_path: Path) -> None:
    """Threads that were there before, and other tasks of the loop, are not the function's doing."""
    go, done = threading.Event(), threading.Event()

    def foreign() -> None:
        go.wait(10)
        data.read_text()
        done.set()

    thread = threading.Thread(target=foreign)
    thread.start()

    def start_and_wait() -> bool:
        go.set()
        return done.wait(10)

    @sweepable.cache(ignore_globals=["start_and_wait"])
    def f() -> bool:
        return start_and_wait()

    assert said(f) == []
    thread.join()

    name = str(data)

    @sweepable.cache
    async def g() -> str:
        await asyncio.sleep(0.01)
        return await asyncio.to_thread(Path(name).read_text)

    async def other() -> None:
        with open(tmp_path / "other.txt", "w") as stream:
            stream.write("x")
        Path(tmp_path / "other.txt").read_text()

    async def both() -> None:
        await asyncio.gather(g(), other())

    (message,) = said(lambda: asyncio.run(both()))
    assert "data.txt" in message and "other.txt" not in message


def test_files_of_an_inner_call_are_the_inner_calls(data: Path) -> None:
    """A cached call inside of another is a call of its own: what it reads is said of it."""
    name = str(data)

    @sweepable.cache
    def inner() -> str:
        with open(name) as stream:
            return stream.read()

    @sweepable.cache
    def outer() -> str:
        return inner() + "!"

    (message,) = said(outer)
    assert "inner reads" in message
    assert found_of(outer) == ()


def test_the_audits_of_workers_are_said_here(tmp_path: Path, run_script: RunScript) -> None:
    """What a worker notices is said where the sweep was asked for, once, and kept."""
    source = """
        import lab, sweepable
        from sweepable.audited import audit_of

        if __name__ == "__main__":
            lab.f.sweep(x=[1.0, 2.0, 3.0, 4.0], n_jobs=2, progress=False)
            print(audit_of(lab.f.callee))
    """
    lab = """
        import sweepable

        @sweepable.cache
        def f(x):
            with open("data.txt") as stream:
                return x * float(stream.read())
    """
    found = run_script(source, files={"lab.py": lab, "data.txt": "3"})
    assert found.stderr.count("f reads data.txt") == 1
    assert "reads data.txt" in found.stdout


# -- functions that are in no version

LAB = """
    import importlib
    import sweepable

    @sweepable.cache
    def f(x):
        return importlib.import_module("gulp"[::-1]).pick(x)

    @sweepable.cache
    def g(r=f.partial(x=1)):
        return r.value + 1
"""
PLUG = """
    FACTOR = 10

    class Gain:
        def __init__(self):
            self.by = FACTOR

        def apply(self, x):
            return self.by * x

    table = {}

    def pick(x):
        return Gain().apply(x)
"""
RUN = """
    import sys, warnings
    warnings.simplefilter("always")
    import lab
    print(*(eval(text, vars(lab)) for text in sys.argv[1:]))
"""


@pytest.fixture
def run_lab(run_script: RunScript) -> Iterator[Callable[..., tuple[str, str]]]:
    """Runs expressions in the module ``lab`` in a fresh process; the answer is what they give, and what is said."""

    def run(plug: str | None, *texts: str, lab: str = LAB) -> tuple[str, str]:
        files = {"lab.py": lab} | ({"plug.py": plug} if plug is not None else {})
        found = run_script(RUN, files=files, arguments=texts)
        said = [line for line in found.stderr.splitlines() if " ran " in line or "ran for stored" in line]
        return found.stdout.strip(), "\n".join(said)

    yield run


RunLab = Callable[..., tuple[str, str]]


@needs_monitoring
def test_a_function_out_of_sight_is_named_and_looked_at_on_hits(run_lab: RunLab) -> None:
    """A function that no walk can reach is named; when it changes, what it ran for runs again. It comes back, too."""
    value, message = run_lab(PLUG, "f(2)", "f(3)")
    assert value == "20 30"
    assert "f ran pick (plug.py:13), Gain (plug.py:5)" in message
    assert run_lab(PLUG, "f(2)", "f(3)") == ("20 30", "")
    value, message = run_lab(PLUG.replace("10", "100"), "f(2)", "f(3)")
    assert value == "200 300"
    assert "pick of plug has changed" in message and "Gain of plug has changed" in message
    assert run_lab(PLUG.replace("10", "100"), "f(2)", "f(3)") == ("200 300", "")
    assert run_lab(PLUG, "f(2)")[0] == "20"


@needs_monitoring
def test_what_came_of_a_function_out_of_sight_is_looked_at_too(run_lab: RunLab) -> None:
    """A call below one that such a function ran for is not served either, before and after the upper one ran again."""
    assert run_lab(PLUG, "g()")[0] == "11"
    changed = PLUG.replace("10", "100")
    assert run_lab(changed, "g()")[0] == "101"
    assert run_lab(changed, "g()") == ("101", "")
    again = PLUG.replace("10", "1000")
    assert run_lab(again, "f(1)", "g()")[0] == "1000 1001"


@needs_monitoring
def test_sweeps_and_records_look_at_functions_out_of_sight(run_lab: RunLab) -> None:
    """A sweep runs such points again, in workers too; so does ``get_or_run``, and ``peek`` finds nothing."""
    sweep = "sorted(r.value for r in f.sweep(x=[1, 2, 3], progress=False, n_jobs={}))"
    assert run_lab(PLUG, sweep.format(1))[0] == "[10, 20, 30]"
    changed = PLUG.replace("10", "100")
    assert run_lab(changed, "f.peek(1)", sweep.format(2))[0] == "None [100, 200, 300]"
    assert run_lab(PLUG, "f.get_or_run(3).value")[0] == "30"


@needs_monitoring
def test_one_that_is_gone_is_a_miss(run_lab: RunLab, tmp_path: Path) -> None:
    """A function that cannot be imported any more cannot vouch for a result."""
    run_lab(PLUG, "f(2)")
    (tmp_path / "project" / "plug.py").unlink()
    stub = "__import__('sys').modules.__setitem__('plug', __import__('types').SimpleNamespace(pick=lambda x: -x))"
    value, message = run_lab(None, stub, "f(2)")
    assert value == "None -2"
    assert "cannot be found any more" in message


@needs_monitoring
def test_a_reload_in_the_same_process_is_seen(run_lab: RunLab) -> None:
    """Hits look at the function as it is now, not as it was when the process first looked."""
    lab = f"""{LAB}
    def edit():
        import pathlib, sys
        path = pathlib.Path("plug.py")
        path.write_text(path.read_text().replace("10", "1000"))
        importlib.reload(sys.modules["plug"])
    """
    assert run_lab(PLUG, "f(2)", "edit()", "f(2)", lab=lab)[0] == "20 None 2000"


@needs_monitoring
def test_what_is_part_of_the_call_otherwise_is_not_out_of_sight(run_lab: RunLab) -> None:
    """Callbacks, instances given, methods, nested functions, what is ignored, and inner calls are all accounted for."""
    lab = """
        import sweepable, functools

        class Model:
            def __init__(self, k):
                self.k = k
            @property
            def twice(self):
                return [2 * self.k for _ in range(1)][0]
            @functools.cached_property
            def thrice(self):
                return 3 * self.k
            @classmethod
            def one(cls):
                return cls(1)

        def square(x):
            return power(x)

        def power(x):
            return x ** 2

        def log(x):
            return shown(x)

        def shown(x):
            return None

        def helper(x):
            return max(map(lambda y: y + 1, [x]))

        @sweepable.cache
        def inner(x):
            return deep(x)

        def deep(x):
            return x

        @sweepable.cache(ignore_globals=["log"])
        def f(x, callback, model):
            log(x)
            def local(y):
                return callback(y)
            return local(x) + model.twice + model.thrice + Model.one().twice + helper(x) + inner(x)

        def run():
            return f(2, square, Model(5))
    """
    assert run_lab(None, "run()", lab=lab) == ("36", "")


@needs_monitoring
def test_nothing_is_taken_over_from_a_call_that_is_not_served(run_lab: RunLab) -> None:
    """A function under another name takes over results of the same content, but none of code that has changed since."""
    assert run_lab(PLUG, "f(2)", "f(3)")[0] == "20 30"
    renamed = LAB.replace("def f(x)", "def fresh(x)").replace("f.partial", "fresh.partial")
    assert run_lab(PLUG, "fresh(3)", "fresh.peek(3).info.seconds == fresh.peek(3).info.seconds", lab=renamed)[0] == (
        "30 True"
    )
    changed = PLUG.replace("10", "100")
    assert run_lab(changed, "fresh(2)", "fresh(3)", lab=renamed)[0] == "200 300"
    # What was taken over is looked at as what it was taken from.
    assert run_lab(changed, "f(3)")[0] == "300"


@needs_monitoring
def test_explain_tells_of_functions_out_of_sight(run_lab: RunLab) -> None:
    """Of a hit, that one ran; of a miss, that it has changed. Asking runs nothing, and warns of nothing."""
    run_lab(PLUG, "f(2)")
    found, message = run_lab(PLUG, "f.explain(2)")
    assert found.startswith("hit: f(x=2)") and "noticed: f ran pick (plug.py:13), Gain (plug.py:5)" in found
    found, message = run_lab(PLUG.replace("10", "100"), "f.explain(2)")
    assert found.startswith("miss: f(x=2)") and "pick of plug has changed" in found
    assert message == ""


@needs_monitoring
def test_functions_of_a_pinned_version_do_not_count(run_lab: RunLab) -> None:
    """Where the author vouches for the code, what runs is his business."""
    pinned = LAB.replace("@sweepable.cache\n    def f", '@sweepable.cache(version="1")\n    def f')
    assert run_lab(PLUG, "f(2)", lab=pinned) == ("20", "")
    assert run_lab(PLUG.replace("10", "100"), "f(2)", lab=pinned) == ("20", "")


@needs_monitoring
def test_two_functions_of_equal_text_are_two(run_lab: RunLab) -> None:
    """A function out of sight whose text and line are those of one in sight is still looked at."""
    lab = """
        def pick(x):
            return 10 * x
        import importlib
        import sweepable

        @sweepable.cache
        def f(x):
            return pick(x) + importlib.import_module("gulp"[::-1]).pick(x)
    """
    plug = """
        def pick(x):
            return 10 * x
    """
    assert run_lab(plug, "f(1)", lab=lab)[0] == "20"
    assert run_lab(plug.replace("10", "30"), "f(1)", lab=lab)[0] == "40"


@needs_monitoring
def test_a_function_without_a_name_of_its_own_cannot_be_looked_at(run_lab: RunLab) -> None:
    """A lambda in a list out of sight cannot be found again: such calls run each time, and it is said why."""
    plug = """
        MADE = [lambda x: 10 * x]
        def pick(x):
            return MADE[0](x)
    """
    hidden = LAB.replace(".pick(x)", ".__dict__[''.join(['MA', 'DE'])][0](x)")
    value, message = run_lab(plug, "f(2)", lab=hidden)
    assert value == "20"
    value, message = run_lab(plug.replace("10", "30"), "f(2)", lab=hidden)
    assert value == "60"
    assert "cannot be looked at again" in message


@needs_monitoring
def test_code_that_came_as_data_is_said_and_costs_no_run(run_lab: RunLab) -> None:
    """What was executed, and is in no module where it could be looked at, is said; hits are hits."""
    lab = """
        import json, sweepable

        def model():
            namespace = {"__name__": "nowhere"}
            text = json.loads('["def predict(x): return 2 * x"]')[0]
            exec(compile(text, "model.py", "exec"), namespace)
            return namespace["predict"]

        RUNS = []

        @sweepable.cache(ignore_globals=["RUNS"])
        def f(x):
            RUNS.append(x)
            return model()(x)
    """
    value, message = run_lab(None, "f(2)", "f(2)", "len(RUNS)", lab=lab)
    assert value == "4 4 1"
    assert "model.py:1), which is in no module" in message


@needs_monitoring
def test_the_places_of_other_tools_are_left_alone() -> None:
    """Where others watch with `sys.monitoring` too, both see what they would see."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    free = [tool for tool in (3, 4) if monitoring.get_tool(tool) is None]
    for tool in free:
        monitoring.use_tool_id(tool, "another")
    try:

        @sweepable.cache
        def f() -> int:
            return 1

        assert f() == 1
        assert all(monitoring.get_tool(tool) == "another" for tool in free)
    finally:
        for tool in free:
            monitoring.free_tool_id(tool)

    @sweepable.cache
    def g() -> int:
        return 1

    assert g() == 1
    assert [monitoring.get_tool(tool) for tool in free] == [None] * len(free)


def test_hits_of_ordinary_versions_ask_nothing() -> None:
    """A version without such functions is known as sound after its first hit: further hits run no statement for it."""

    @sweepable.cache
    def f(x: int) -> int:
        return x

    f(1), f(1)
    store = f.get_or_run(1)._store
    statements: list[str] = []
    store.connection().set_trace_callback(statements.append)
    assert f(1) == 1
    store.connection().set_trace_callback(None)
    assert len(statements) == 1
