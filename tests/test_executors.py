"""The loop of futures: orders, chunks, workers that die, and Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import script_environment
from sweepable.executors import Outcome, Task, drive

# Workers get what this file defines with each chunk: they need not be able to import it.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

pytestmark = pytest.mark.filterwarnings("ignore:A worker stopped while some jobs:UserWarning")


# ---- Runners


def call_each(chunk: list[tuple[str, Callable[[], object]]]) -> list[Outcome]:
    """Call what each payload holds: the runner of most tests."""
    return [call_one(key, function) for key, function in chunk]


def call_one(key: str, function: Callable[[], object]) -> Outcome:
    try:
        found = function()
    except Exception as error:
        return Outcome(key, "failed", str(error))
    return found if isinstance(found, Outcome) else Outcome(key, "done", found)


def pid() -> int:
    return os.getpid()


def fail() -> None:
    raise ValueError("no")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def tasks(*keys: str, needs: dict[str, str] | None = None, **functions: Callable[[], object]) -> dict[str, Task]:
    """One task per key, of a function that returns its process, or of the one given for it."""
    functions = dict.fromkeys(keys, pid) | functions
    wanted = needs or {}
    return {key: Task(key, (key, function), tuple(wanted.get(key, ""))) for key, function in functions.items()}


def outcomes(wanted: dict[str, Task], runner: Any = call_each, **options: Any) -> dict[str, Outcome]:
    """Drive tasks and return their outcomes in the order in which they came, each once."""
    found: list[Outcome] = []
    drive(wanted, runner, on_outcome=found.append, **options)
    assert max(Counter(outcome.key for outcome in found).values(), default=1) == 1
    return {outcome.key: outcome for outcome in found}


@pytest.fixture(params=["inline", "loky", "threads", "processes"])
def how(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Every way to run tasks."""
    if request.param == "inline":
        yield {}
    elif request.param == "loky":
        yield {"n_jobs": 2}
    else:
        context = multiprocessing.get_context("spawn")
        with ThreadPoolExecutor(2) if request.param == "threads" else ProcessPoolExecutor(2, context) as executor:
            yield {"executor": executor}


class Counting(Executor):
    """Hands on to threads, and counts what is submitted and what is in flight."""

    def __init__(self) -> None:
        self.inner = ThreadPoolExecutor(2)
        self._max_workers = 2
        self.flying = 0
        self.most = 0
        self.sizes: list[int] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.sizes.append(len(cloudpickle.loads(args[-1])))
        self.flying += 1
        self.most = max(self.most, self.flying)
        future = self.inner.submit(fn, *args, **kwargs)
        future.add_done_callback(self._landed)
        return future

    def _landed(self, _: object) -> None:
        self.flying -= 1


# ---- Order


def test_every_task_runs_once_and_says_what_came_of_it(how: dict[str, Any]) -> None:
    """Every way to run tasks gives one outcome for each; a failure is an outcome and stops nothing."""
    hit = Outcome("", "hit", 1)
    found = outcomes(tasks("a", "b", c=fail, d=lambda: 6 * 7, e=lambda: hit), **how)
    assert {key: outcome.status for key, outcome in found.items()} == dict(
        a="done", b="done", c="failed", d="done", e="hit"
    )
    assert (found["c"].detail, found["d"].detail) == ("no", 42)
    assert (found["a"].detail == os.getpid()) == (how == {} or isinstance(how.get("executor"), ThreadPoolExecutor))


def test_no_tasks_start_no_workers() -> None:
    """With nothing to do, nothing is started and nothing is reported."""
    assert outcomes({}, n_jobs=2) == {}


def test_needs_are_done_before(how: dict[str, Any]) -> None:
    """A task starts after all it needs, in whatever order tasks are given; hits count as done."""
    needs = {"d": "bc", "b": "a", "c": "a", "e": "dx"}
    functions = {"a": lambda: Outcome("a", "hit", None)}
    found = list(outcomes(tasks("e", "d", "c", "b", needs=needs, **functions), **how))
    assert len(found) == 5
    assert all(found.index(need) < found.index(key) for key in needs for need in needs[key] if need != "x")


def test_what_needs_a_failed_task_is_blocked(how: dict[str, Any]) -> None:
    """Below a failure nothing runs, and each blocked task names the one that failed; all others run."""
    needs = {"b": "a", "c": "b", "d": "cx", "y": "x"}
    found = outcomes(tasks("x", "y", "b", "c", "d", needs=needs, a=fail), **how)
    blocked = {key: outcome.detail for key, outcome in found.items() if outcome.status == "blocked"}
    assert blocked == {"b": "a", "c": "a", "d": "a"}
    assert found["x"].status == found["y"].status == "done"


@pytest.mark.parametrize("status", ["refused", "killed", "blocked"])
def test_only_done_and_hit_let_others_go_on(status: Any) -> None:
    """Whatever else came of a task, what needs it is blocked."""
    found = outcomes(tasks("b", needs={"b": "a"}, a=lambda: Outcome("a", status, None)))
    assert found["b"] == Outcome("b", "blocked", "a")


def test_tasks_that_need_each_other_are_an_error() -> None:
    """A circle is refused before anything runs, and shown."""
    for needs, shown in (({"a": "a"}, "a → a"), ({"a": "b", "b": "c", "c": "b"}, "(b → c → b|c → b → c)")):
        with pytest.raises(ValueError, match=shown):
            outcomes(tasks("z", "a", "b", "c", needs=needs), executor=Counting())


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20), st.sets(st.integers(0, 9)))
def test_any_order_of_needs_is_kept(pairs: list[tuple[int, int]], failing: set[int]) -> None:
    """Whatever needs what: each task has one outcome, after those of its needs, and in the order given otherwise."""
    needs: dict[str, str] = {}
    for low, high in (sorted(pair) for pair in pairs if pair[0] != pair[1]):
        needs[str(high)] = needs.get(str(high), "") + str(low)
    found = outcomes(tasks(**{str(n): fail if n in failing else pid for n in range(10)}, needs=needs))
    for key, outcome in found.items():
        ended = [found[need].status for need in needs.get(key, "")]
        assert (outcome.status == "blocked") == any(status != "done" for status in ended)
    ran = [key for key, outcome in found.items() if outcome.status != "blocked"]
    assert ran == sorted(ran)
    assert len(found) == 10


# ---- Where


def test_n_jobs_is_resolved_as_joblib_does() -> None:
    """None is this process, unless joblib.parallel_config says otherwise; 0 is joblib's error."""
    assert outcomes(tasks("a"), n_jobs=None)["a"].detail == os.getpid()
    assert outcomes(tasks("a"), n_jobs=1)["a"].detail == os.getpid()
    with joblib.parallel_config(n_jobs=2):
        assert outcomes(tasks("a"))["a"].detail != os.getpid()
    with pytest.raises(ValueError, match="n_jobs"):
        outcomes(tasks("a"), n_jobs=0)


def test_workers_serve_the_next_sweep() -> None:
    """A second drive finds the workers of the first: they are not started again."""
    first = {outcome.detail for outcome in outcomes(tasks(*"abcdefgh"), n_jobs=2).values()}
    second = {outcome.detail for outcome in outcomes(tasks(*"abcdefgh"), n_jobs=2).values()}
    assert first & second


def test_the_users_executor_is_left_open() -> None:
    """An executor that was given can be used again."""
    with ThreadPoolExecutor(1) as executor:
        assert len(outcomes(tasks("a", "b"), executor=executor)) == 2
        assert executor.submit(pid).result() == os.getpid()


def test_outcomes_are_passed_on_in_the_callers_thread(how: dict[str, Any]) -> None:
    """on_outcome may use what belongs to its thread, as a database connection does."""
    seen: set[int] = set()
    drive(tasks("a", "b"), call_each, on_outcome=lambda _: seen.add(threading.get_ident()), **how)
    assert seen == {threading.get_ident()}


def test_an_error_of_on_outcome_ends_the_drive(how: dict[str, Any]) -> None:
    """What on_outcome raises comes out unchanged, and the workers can be used again."""

    def stop(outcome: Outcome) -> None:
        raise LookupError(outcome.key)

    with pytest.raises(LookupError, match="a"):
        drive(tasks("a", "b", needs={"b": "a"}), call_each, on_outcome=stop, **how)
    assert outcomes(tasks("a"), **how)["a"].status == "done"


def test_a_runner_is_loaded_once_per_worker_and_drive() -> None:
    """What a runner keeps lives for one drive: the next one starts with what was sent."""
    state: list[int] = []

    def keep(chunk: list[str]) -> list[Outcome]:
        state.extend(1 for _ in chunk)
        return [Outcome(key, "done", len(state)) for key in chunk]

    wanted = {key: Task(key, key, ()) for key in "abcdefgh"}
    for _ in range(2):
        found = outcomes(wanted, keep, n_jobs=2)
        assert sorted(outcome.detail for outcome in found.values())[0] == 1
    assert not state


# ---- Chunks


def test_fast_tasks_travel_in_chunks() -> None:
    """Two thousand fast tasks take few submissions, of which few are in flight at a time, and each runs once."""
    executor = Counting()
    assert len(outcomes(tasks(*map(str, range(2000))), executor=executor)) == 2000
    assert executor.sizes[:4] == [1, 1, 1, 1]
    assert sum(executor.sizes) == 2000
    assert len(executor.sizes) < 200
    assert executor.most <= 4


def test_slow_tasks_travel_alone() -> None:
    """Tasks that take longer than a chunk should are sent one by one, so all workers have something to do."""
    executor = Counting()
    slow = dict.fromkeys(map(str, range(12)), lambda: time.sleep(0.02))
    outcomes(tasks(**slow), executor=executor, chunk_seconds=0.01)
    assert set(executor.sizes) == {1}


def test_few_tasks_are_shared_fairly() -> None:
    """A chunk is never more than a fair share of what is left, however fast tasks are."""
    executor = Counting()
    outcomes(tasks(*map(str, range(40))), executor=executor, chunk_seconds=1e6)
    assert max(executor.sizes) <= 40 // 4


# ---- What cannot be sent


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("not this one")


class Unreadable:
    """Is pickled, and cannot be unpickled."""

    def __reduce__(self) -> Any:
        return fail, ()


class UnreadableHere:
    """Comes out of the worker, and cannot be unpickled in this process."""

    def __reduce__(self) -> Any:
        return fail_in, (os.getppid(),)


def fail_in(process: int) -> None:
    if os.getpid() == process:
        raise ValueError("not here")


@pytest.mark.parametrize("culprit", [Unpicklable(), Unreadable()], ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("how", ["loky", "processes"], indirect=True)
def test_a_payload_that_cannot_be_sent_fails_alone(culprit: object, how: dict[str, Any]) -> None:
    """Of a chunk with one payload that cannot be pickled, or read again, only this one fails."""
    wanted = tasks(*map(str, range(60)))
    wanted["37"] = Task("37", ("37", culprit), ())
    found = outcomes(wanted, chunk_seconds=10, **how)
    assert {key for key, outcome in found.items() if outcome.status != "done"} == {"37"}
    assert found["37"].status == "failed"
    assert str(found["37"].detail) in ("not this one", "no")


@pytest.mark.parametrize("result", [Unpicklable, UnreadableHere], ids=lambda c: c.__name__)
@pytest.mark.parametrize("how", ["loky", "processes"], indirect=True)
def test_a_result_that_cannot_come_back_fails_alone(result: Any, how: dict[str, Any]) -> None:
    """A result that cannot be sent back breaks no pool and costs only its task."""
    wanted = tasks(*map(str, range(20)), **{"7": result})
    found = outcomes(wanted, chunk_seconds=10, **how)
    assert Counter(outcome.status for outcome in found.values()) == {"done": 19, "failed": 1}
    assert found["7"].status == "failed"


def test_a_runner_that_raises_fails_what_it_raises_for(how: dict[str, Any]) -> None:
    """A runner's own error is tried task by task, and kept for the one it belongs to."""

    def raise_for(chunk: list[int]) -> list[Outcome]:
        if 13 in chunk:
            raise OverflowError("thirteen")
        return [Outcome(str(n), "done", None) for n in chunk]

    found = outcomes({str(n): Task(str(n), n, ()) for n in range(40)}, raise_for, chunk_seconds=10, **how)
    assert {key for key, outcome in found.items() if outcome.status == "failed"} == {"13"}
    assert isinstance(found["13"].detail, OverflowError)
    assert len(found) == 40


def test_a_runner_that_loses_payloads_is_found_out(how: dict[str, Any]) -> None:
    """Fewer outcomes than payloads are failures, never tasks that were forgotten."""
    found = outcomes(tasks("a", "b"), lambda chunk: [], **how)
    assert {outcome.status for outcome in found.values()} == {"failed"}
    assert "0 outcomes for 1 payloads" in str(found["a"].detail)


def test_sys_exit_in_a_worker_fails_its_task() -> None:
    """A function that calls sys.exit ends its own task in a worker, and the program where it runs in it."""
    assert outcomes(tasks("b", a=sys.exit), n_jobs=2)["a"].status == "failed"
    with pytest.raises(SystemExit):
        outcomes(tasks("b", a=sys.exit))


# ---- Workers that die


def test_a_killed_worker_costs_its_task() -> None:
    """One task that kills its process is killed; every other one is done, and what needs it is blocked."""
    needs = {"z": "x", "y": "3"}
    found = outcomes(tasks(*map(str, range(30)), "y", "z", needs=needs, x=die), n_jobs=2)
    assert found["x"].status == "killed"
    assert "SIGKILL" in found["x"].detail
    assert found["z"] == Outcome("z", "blocked", "x")
    assert {outcome.status for key, outcome in found.items() if key not in "xz"} == {"done"}
    assert len(found) == 33


def test_several_killers_among_fast_tasks_are_told_apart(tmp_path: Path) -> None:
    """Killers that share chunks and pools with others are found, tried three times at most, and cost no one else."""

    def note_and_die(name: str) -> Callable[[], None]:
        def run() -> None:
            with (tmp_path / name).open("a") as file:
                file.write("x")
            die()

        return run

    killers = {name: note_and_die(name) for name in ("4", "5", "70")}
    found = outcomes(tasks(*map(str, range(100)), **killers), n_jobs=2)
    assert {key for key, outcome in found.items() if outcome.status == "killed"} == set(killers)
    assert Counter(outcome.status for outcome in found.values()) == {"killed": 3, "done": 97}
    assert all(2 <= len((tmp_path / name).read_text()) <= 3 for name in killers)


def test_a_worker_that_exits_by_itself_is_killed_too() -> None:
    """os._exit is a death like any other, and its exit code is told."""
    found = outcomes(tasks("a", "b", x=lambda: os._exit(7)), n_jobs=2)
    assert found["x"].status == "killed"
    assert "7" in found["x"].detail
    assert found["a"].status == found["b"].status == "done"


def test_a_worker_killed_from_outside_costs_nothing(tmp_path: Path) -> None:
    """Where a worker is killed for no fault of its task, the task runs again and is done."""

    def wait_once() -> int:
        marker = tmp_path / "pid"
        if marker.exists():
            return os.getpid()
        (tmp_path / "part").write_text(str(os.getpid()))
        (tmp_path / "part").rename(marker)
        time.sleep(600)
        return 0

    def kill_it() -> None:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill_it)
    killer.start()
    found = outcomes(tasks(x=wait_once, **dict.fromkeys("abcdef", pid)), n_jobs=2)
    killer.join()
    assert {outcome.status for outcome in found.values()} == {"done"}
    assert found["x"].detail not in (0, int((tmp_path / "pid").read_text()))


def test_a_broken_executor_of_the_users_is_an_error_after_the_outcomes() -> None:
    """It is not replaced: what was in flight is killed, and the error says how to go on."""
    found: list[Outcome] = []
    wanted = tasks(*map(str, range(50)), x=die)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        with pytest.raises(BrokenExecutor, match=r"lost its workers.*n_jobs="):
            drive({"x": wanted["x"], **wanted}, call_each, executor=executor, on_outcome=found.append)
        assert Outcome("x", "killed", next(o.detail for o in found if o.key == "x")) in found
        with pytest.raises(BrokenExecutor, match="lost its workers"):
            outcomes(tasks("a"), executor=executor)


def test_a_closed_executor_is_an_error() -> None:
    """An executor that takes nothing any more says so itself."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        outcomes(tasks("a"), executor=executor)


def test_workers_that_cannot_start_are_an_error_not_killed_tasks() -> None:
    """Where no worker comes to life, no task is blamed: the drive ends with an error."""
    script = """
        import os
        from concurrent.futures import BrokenExecutor
        from sweepable.executors import Outcome, Task, drive, workers

        workers._begin_worker = lambda: os._exit(3)
        found = []
        try:
            drive({"a": Task("a", "a", ())}, list, n_jobs=2, on_outcome=found.append)
        except BrokenExecutor as error:
            assert "as soon as they start" in str(error), error
            assert not found
            print("refused")
    """
    done = run(script)
    assert done.communicate(timeout=100)[0].strip() == "refused"


# ---- Ctrl-C


def run(source: str, **options: Any) -> subprocess.Popen[str]:
    """Start a script in a process group of its own, as a terminal does."""
    from textwrap import dedent

    command = [sys.executable, "-c", dedent(source)]
    environment = script_environment("unused", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes, **options)


INTERRUPTED = """
    import os, sys, time
    from sweepable.executors import Outcome, Task, drive

    def sleep(chunk):
        if chunk[0].startswith("fast"):
            return [Outcome(key, "done", os.getpid()) for key in chunk]
        os.write(1, b"sleeping %d\\n" % os.getpid())  # at once: two workers share the pipe
        time.sleep(600)

    def take(outcome):
        found.append(outcome)
        os.write(1, b"got %s\\n" % outcome.key.encode())

    found = []
    try:
        keys = ["fast1", "fast2", "slow1", "slow2", "slow3", "slow4", "slow5", "slow6"]
        drive({{key: Task(key, key, ()) for key in keys}}, sleep, on_outcome=take, {options})
    except KeyboardInterrupt:
        print("kept", sorted(outcome.key for outcome in found), flush=True)
        {after}
        raise
"""


def interrupt(options: str, sleepers: int, times: int, after: str = "") -> tuple[list[int], list[str], list[str]]:
    """Run a drive over sleeping tasks, press Ctrl-C, and return who slept and what was written."""
    process = run(INTERRUPTED.format(options=options, after=after))
    assert process.stdout is not None
    # All there is to come before the tasks end: two outcomes, and as many sleepers as there are workers.
    lines = [process.stdout.readline().split() for _ in range(2 + sleepers)]
    slept = [int(rest) for word, rest in lines if word == "sleeping"]
    assert len(slept) == sleepers
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.01)
    # The tasks sleep for ten minutes: the process ends in time only if they were stopped.
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0
    return slept, out.splitlines(), err.splitlines()


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ctrl_c_stops_workers_and_keeps_what_came() -> None:
    """Ctrl-C kills workers that are busy; what was done has been passed on; one traceback is shown."""
    slept, out, err = interrupt("n_jobs=2", sleepers=2, times=1)
    assert out == ["kept ['fast1', 'fast2']"]
    assert err[-1].startswith("KeyboardInterrupt")
    assert sum(line.startswith("Traceback") for line in err) == 1
    assert not any(map(is_alive, slept))


def test_a_second_ctrl_c_leaves_no_worker_behind() -> None:
    """However impatient Ctrl-C is, busy workers are killed and the program ends."""
    slept, _, _ = interrupt("n_jobs=2", sleepers=2, times=2)
    assert not any(map(is_alive, slept))


@pytest.mark.parametrize("delay", [0.05, 0.12, 0.25])
def test_ctrl_c_while_workers_start_shows_one_traceback(delay: float) -> None:
    """Whenever Ctrl-C comes, workers that are still starting write nothing to the terminal."""
    process = run("""
        import time
        import joblib.externals.loky
        from sweepable.executors import Task, drive
        print("ready", flush=True)
        drive({key: Task(key, key, ()) for key in "abcd"}, lambda chunk: time.sleep(600), n_jobs=2, on_outcome=print)
    """)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    err = process.communicate(timeout=60)[1]
    assert err.count("Traceback") == 1, err
    assert err.splitlines()[-1].startswith("KeyboardInterrupt")


def test_ctrl_c_while_running_here_is_immediate() -> None:
    """Without workers a KeyboardInterrupt comes out of the task itself."""
    _, out, err = interrupt("n_jobs=1", sleepers=1, times=1)
    assert out == ["kept ['fast1', 'fast2']"]
    assert err[-1].startswith("KeyboardInterrupt")


def test_a_sweep_after_ctrl_c_works() -> None:
    """An interrupted session goes on: new workers are started for the next sweep."""
    after = """drive({"fast": Task("fast", "fast", ())}, sleep, n_jobs=2, on_outcome=lambda o: print(o[:2]))"""
    _, out, _ = interrupt("n_jobs=2", sleepers=2, times=1, after=after)
    assert out == ["kept ['fast1', 'fast2']", "('fast', 'done')"]


# ---- What a notebook has


def test_functions_of_main_reach_every_kind_of_worker() -> None:
    """Functions and exceptions defined in a script or notebook work in workers that cannot import them."""
    script = """
        from concurrent.futures import ProcessPoolExecutor
        import multiprocessing
        from sweepable.executors import Outcome, Task, drive

        class Mine(Exception):
            pass

        def double(n):
            return 2 * n

        def runner(chunk):
            return [Outcome(str(n), "done", (function(n), Mine(n))) for function, n in chunk]

        def total(**options):
            found = []
            drive({str(n): Task(str(n), (double, n), ()) for n in range(9)}, runner, on_outcome=found.append, **options)
            return sum(o.detail[0] for o in found), {type(o.detail[1]).__name__ for o in found}

        if __name__ == "__main__":
            print(total(n_jobs=2))
            with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
                print(total(executor=executor))
    """
    out, err = run(script).communicate(timeout=100)
    assert out.splitlines() == ["(72, {'Mine'})"] * 2, err


def test_importing_and_running_here_imports_no_joblib() -> None:
    """A sweep in this process costs no import of joblib or cloudpickle."""
    script = """
        import sys
        from sweepable.executors import Outcome, Task, drive
        drive({"a": Task("a", 1, ())}, lambda chunk: [Outcome("a", "done", None)], on_outcome=print)
        assert not {"joblib", "cloudpickle", "pandas"} & set(sys.modules)
    """
    out, err = run(script).communicate(timeout=100)
    assert "done" in out, err
