"""What goes wrong: arguments without content, results that cannot be kept, functions that raise, unusable stores."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript
from sweepable import NotKept, StoreError, StoreFormatError, UndigestibleError


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweepable.notices._said", set())


# -- arguments


UNDIGESTIBLE: dict[str, Any] = {
    "open file": lambda: open(os.devnull),  # noqa: SIM115
    "generator": lambda: (i for i in range(3)),
    "lock": threading.Lock,
    "iterator": lambda: iter([1, 2]),
}


@pytest.mark.parametrize("make", UNDIGESTIBLE.values(), ids=list(UNDIGESTIBLE))
def test_an_argument_without_content_is_refused_before_the_run(make: Any) -> None:
    """The error names the function, where the value sits, its type, and the way out."""
    ran: list[int] = []

    @sweepable.cache(ignore_globals=["ran"])
    def mesh_of(params: Any) -> int:
        ran.append(1)
        return 1

    value = make()
    with pytest.raises(UndigestibleError) as caught:
        mesh_of({"mesh": [0, 1, 2, value]})
    error = caught.value
    assert (error.path, error.function) == ("params['mesh'][3]", mesh_of.callee.name)
    text = str(error)
    assert f"mesh_of(): params['mesh'][3] is a {error.type_name}" in text and type(value).__name__ in error.type_name
    assert "ignore=" in text and not ran
    with pytest.raises(UndigestibleError, match=r"mesh_of\(\): params is"):
        mesh_of.get_or_run(value)
    if hasattr(value, "close"):
        value.close()


def test_what_is_ignored_may_be_anything() -> None:
    """The way out that the error names is one."""

    @sweepable.cache(ignore=["log"])
    def f(x: float, log: Any = None) -> float:
        return x

    assert f(1.0, threading.Lock()) == f(1.0, iter(range(3))) == 1.0


# -- results


def numbers() -> Iterator[int]:
    yield 1


def closure_over(lock: Any) -> Any:
    return lambda: lock


RESULTS: dict[str, Any] = {
    "open file": lambda: open(os.devnull),  # noqa: SIM115
    "closure over a lock": lambda: closure_over(threading.Lock()),
    "generator": numbers,
    "inside": lambda: {"y": 1.0, "bad": threading.Lock()},
}


@pytest.mark.parametrize("make", RESULTS.values(), ids=list(RESULTS))
def test_a_result_that_cannot_be_stored_is_returned_with_one_warning(make: Any) -> None:
    """The value is handed on, one warning says why it is not kept, and nothing is served later."""
    made: list[Any] = []

    @sweepable.cache(ignore_globals=["made", "make"])
    def produce(x: float) -> Any:
        made.append(make())
        return made[-1]

    for count in (1, 2):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            value = produce(1.0)
        assert [warning.category for warning in said] == [NotKept]
        assert "produce(x=1.0) is returned but not kept: its result cannot be stored: " in str(said[0].message)
        assert said[0].filename == __file__ and value is made[-1] and len(made) == count
        if hasattr(value, "read"):
            value.close()
    assert produce.peek(1.0) is None and produce.select().count() == 0


def test_a_record_of_a_result_that_cannot_be_stored_has_it_all_the_same() -> None:
    """What was returned is there to be read, in this process."""

    @sweepable.cache
    def produce() -> dict[str, Any]:
        return {"y": 1.5, "each": (i for i in range(3))}

    with pytest.warns(NotKept, match="each"):
        rec = produce.get_or_run()
    assert (rec.y, list(rec.each), rec.info.status) == (1.5, [0, 1, 2], "unkept")


# -- functions that raise


class Diverged(RuntimeError):
    def __init__(self, step: int, residual: float) -> None:
        super().__init__(step, residual)
        self.residual = residual


def test_an_exception_reaches_the_caller_unchanged() -> None:
    """Its type, arguments, attributes, cause and the last frames of its traceback are the function's own."""
    cause = KeyError("k")

    def helper() -> None:
        raise Diverged(3, 0.5) from cause

    @sweepable.cache
    def solve(x: float) -> float:
        helper()
        return x

    with pytest.raises(Diverged) as caught:
        solve(1.0)
    assert caught.value.args == (3, 0.5) and caught.value.residual == 0.5 and caught.value.__cause__ is cause
    assert [entry.name for entry in caught.traceback][-2:] == ["solve", "helper"]


def test_a_failure_is_kept_but_never_served() -> None:
    """The failed call is found with its traceback; a direct call runs again, and a success replaces it."""
    broken = [True]
    ran: list[float] = []

    @sweepable.cache(ignore_globals=["broken", "ran"])
    def solve(x: float) -> float:
        ran.append(x)
        if broken:
            raise Diverged(3, 0.5)
        return x

    for _ in range(2):
        with pytest.raises(Diverged):
            solve(1.0)
    assert len(ran) == 2 and solve.peek(1.0) is None and solve.select().count() == 0
    rec = solve.get_by_id(solve.key_of(1.0))
    assert rec.info.status == "failed" and rec.info.error == "Diverged: (3, 0.5)"
    assert "in solve\n" in str(rec.info.traceback) and "sweepable/" not in str(rec.info.traceback)
    broken.clear()
    assert solve(1.0) == 1.0
    assert solve.get_by_id(solve.key_of(1.0)).info.status == "done"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupt_is_no_failure(kind: type[BaseException]) -> None:
    """Ctrl-C, exit and the like pass through; nothing is stored of the call."""

    @sweepable.cache
    def solve(x: float) -> float:
        raise kind("stop")

    with pytest.raises(kind, match="stop"):
        solve(1.0)
    assert solve.callee.name and not list(sweepable.find(solve).filter())
    with pytest.raises(sweepable.NoCallFound):
        solve.get_by_id(solve.key_of(1.0))


@pytest.mark.parametrize("kind", [StopIteration, RecursionError, MemoryError, StopAsyncIteration])
def test_exceptions_with_a_meaning_of_their_own_pass_too(kind: type[Exception]) -> None:
    """None is turned into another on its way."""

    @sweepable.cache
    def solve(x: float) -> float:
        raise kind("mine")

    with pytest.raises(kind, match="mine"):
        solve(1.0)


def test_an_exception_that_cannot_be_shown_is_kept_all_the_same() -> None:
    """A broken ``__str__`` of the user's exception breaks nothing else."""

    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    @sweepable.cache
    def solve() -> None:
        raise Odd

    with pytest.raises(Odd):
        solve()
    assert str(solve.get_by_id(solve.key_of()).info.error).endswith("Odd: its message cannot be read")


def test_reprs_of_the_users_are_never_needed() -> None:
    """An argument whose repr raises, or is endless, is one like any other."""

    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("do not look")

    @sweepable.cache
    def f(x: Any, y: Any) -> Any:
        return numbers() if y else 1

    assert f(Shy(), 0) == f(Shy(), 0) == 1
    assert f(10**5000, 0) == 1
    with pytest.warns(NotKept, match=r"f\(x=<Shy instance at 0x"):
        f(Shy(), list(range(10**6)))


# -- stores


def test_a_store_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    """The error names the path; nothing runs."""
    path = tmp_path / "results"
    path.write_text("not a folder")

    @sweepable.cache(store=path)
    def f(x: float) -> float:
        raise AssertionError("it ran")

    with pytest.raises(StoreError, match="results"):
        f(1.0)


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    """What sweepable did not write is not touched."""
    path = tmp_path / "results"
    path.mkdir()
    (path / "index.db").write_bytes(b"something else entirely, and long enough to be looked at" * 20)

    @sweepable.cache(store=path)
    def f(x: float) -> float:
        raise AssertionError("it ran")

    with pytest.raises(StoreFormatError):
        f(1.0)
    assert (path / "index.db").read_bytes().startswith(b"something else")


def test_a_store_that_cannot_be_written_serves_hits(run_script: RunScript, store_path: Path) -> None:
    """Hits work; misses are computed and say once that they are not kept."""
    source = """
        import ctypes, os, sys, warnings
        import sweepable

        if "reading" in sys.argv and os.geteuid() == 0:  # root's right to override permissions
            assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
        warnings.simplefilter("always")

        @sweepable.cache(ignore_globals=["sys"])
        def f(x):
            print("ran", x)
            return 2 * x

        print(f(1.0), *([f(2.0), f(3.0)] if "reading" in sys.argv else []))
    """
    run_script(source)
    for path in (store_path, *store_path.rglob("*")):
        path.chmod(0o500 if path.is_dir() else 0o400)
    done = run_script(source, arguments=("reading",))
    for path in (store_path, *store_path.rglob("*")):
        path.chmod(0o700)
    assert done.stdout.splitlines() == ["ran 2.0", "ran 3.0", "2.0 4.0 6.0"]
    assert done.stderr.count("NotKept") == 1 and "script.py:14: NotKept: f: results are returned but not" in done.stderr


def test_a_full_disk_loses_no_result(run_script: RunScript, tmp_path: Path) -> None:
    """The value is returned with a warning, hits go on, and when there is room again results are kept."""
    source = """
        import os, subprocess, sys, warnings
        import numpy as np
        import sweepable

        folder = sys.argv[1]
        if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).returncode:
            print("cannot mount")
            sys.exit()
        try:
            sweepable.use(folder + "/store")
            warnings.simplefilter("always")

            @sweepable.cache
            def f(n):
                return np.zeros(n)

            f(1000)
            ballast = os.open(folder + "/ballast", os.O_CREAT | os.O_WRONLY)
            try:
                while True:
                    os.write(ballast, b"x" * 4096)
            except OSError:
                os.close(ballast)
            print(f(200_000).shape, f(200_000).shape, f(1000).shape, f.peek(1000) is not None, f.peek(200_000))
            os.remove(folder + "/ballast")
            print(f(20_000).shape, f.peek(20_000) is not None)
            from sweepable.store.location import current_store
            current_store().close()
        finally:
            subprocess.run(["umount", "-l", folder])
    """
    folder = tmp_path / "small"
    folder.mkdir()
    done = run_script(source, arguments=(str(folder),))
    if "cannot mount" in done.stdout:
        pytest.skip("no small file system can be mounted here")
    assert done.stdout.splitlines() == ["(200000,) (200000,) (1000,) True None", "(20000,) True"]
    assert done.stderr.count("NotKept") == 2 and "No space left" in done.stderr


def test_arguments_that_cannot_be_pickled_stop_nothing() -> None:
    """An argument that has a digest but no pickle is kept by what it was, in words; the result is kept."""

    class Local:
        def __init__(self) -> None:
            self.values = np.arange(3.0)

        def __reduce__(self) -> Any:
            return Local, (), {"values": self.values}

    @sweepable.cache
    def f(x: Any) -> float:
        return float(x.values.sum())

    assert (f(Local()), f(Local())) == (3.0, 3.0)
    assert f.select().count() == 1


def test_what_a_factory_gave_a_function_is_never_dropped() -> None:
    """Two functions that hold different connections are not one: an error names the variable and the way out."""
    from sqlite3 import connect

    def make(connection: Any, **options: Any) -> Any:
        def first() -> Any:
            return connection.execute("SELECT 1").fetchone()[0]

        return sweepable.cache(first, **options)

    connection = connect(":memory:")
    with pytest.raises(sweepable.UndigestibleError, match=r"the variable connection.*ignore_globals=\['connection'\]"):
        make(connection)()
    assert make(connection, ignore_globals=["connection"])() == 1
    connection.close()
