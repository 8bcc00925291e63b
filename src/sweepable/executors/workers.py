"""Where chunks run: what is sent to a worker, and how its pool is started, renewed and stopped."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

from sweepable.executors.order import Outcome

#: How long an idle worker waits for another sweep, in seconds.
_IDLE_SECONDS = 300.0
#: The mark of an executor that has served a drive.
_SERVED = "_served_by_sweepable"
#: How long an interrupted sweep waits for its workers to be gone, in seconds.
_KILL_SECONDS = 1.5
#: What numerical libraries take their number of threads from.
_THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
)


@lru_cache(maxsize=1)
def _pickler() -> Callable[..., Any]:
    """How what is sent to a worker is pickled: numpy's global random state is, there, the one of the worker.

    Every distribution of SciPy holds it; a copy of it would be another argument than was given.
    """
    import cloudpickle
    import numpy as np

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle is not typed
        def reducer_override(self, part: Any) -> Any:
            if part is getattr(np.random.mtrand, "_rand", None):
                return _global_random_state, ()
            return super().reducer_override(part)

    return Pickler


def _dumps(value: object) -> bytes:
    stream = io.BytesIO()
    _pickler()(stream).dump(value)
    return stream.getvalue()


def _global_random_state() -> object:
    import numpy as np

    return np.random.mtrand._rand


class Runner(Protocol):
    """What is run on each chunk of payloads; picklable.

    It returns one outcome for each payload, in their order, and itself catches what a payload raises: what it
    raises counts as raised by the machinery, and costs another run of each payload of the chunk.
    """

    def __call__(self, chunk: list[Any], /) -> list[Outcome]: ...


class Answer(NamedTuple):
    """What came of a chunk."""

    #: One for each payload, or what was raised instead.
    outcomes: list[Outcome] | BaseException
    #: Seconds that it took.
    seconds: float


Work: TypeAlias = Callable[[], "Answer | bytes"]


# ---- What runs in the worker


def answer(runner: Runner, payloads: list[object]) -> Answer:
    """Run one chunk, and catch what the runner itself raises."""
    started = time.perf_counter()
    try:
        outcomes = list(runner(payloads))
        if len(outcomes) != len(payloads):
            raise ValueError(f"a runner gave {len(outcomes)} outcomes for {len(payloads)} payloads")
    except (Exception, SystemExit) as error:
        return Answer(error, time.perf_counter() - started)
    return Answer(outcomes, time.perf_counter() - started)


def answer_pickled(token: str, runner: bytes, payloads: bytes) -> bytes:
    """Run one pickled chunk in a worker; what cannot be unpickled or sent back is an answer, too."""
    import cloudpickle

    try:
        found = answer(_runner(token, runner), cloudpickle.loads(payloads))
    except Exception as error:
        found = Answer(error, 0.0)
    try:
        return cast(bytes, cloudpickle.dumps(found))
    except Exception as error:
        # The error may hold what could not be pickled: send what it says.
        said = RuntimeError(f"what came of a call cannot be sent back: {type(error).__name__}: {error}")
        return cast(bytes, cloudpickle.dumps(Answer(said, found.seconds)))


@lru_cache(maxsize=2)
def _runner(token: str, pickled: bytes) -> Runner:
    # Once per worker and drive: unpickling a function of a notebook makes all it refers to anew.
    import cloudpickle

    return cast(Runner, cloudpickle.loads(pickled))


def ready() -> None:
    """Do nothing, to see whether a worker can do anything."""


def _begin_worker(folder: str = "") -> None:
    if folder:  # one that starts late would begin where the parent is by then
        os.chdir(folder)
    # Ctrl-C reaches every process of the terminal. The parent alone decides, and kills the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


# ---- What is sent


class Plain:
    """Chunks go to threads of this process as they are."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def pack(self, payloads: list[object]) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Return a function and its arguments."""
        return answer, (self._runner, payloads)

    def unpack(self, found: Any) -> Answer:
        """Return what the function returned."""
        return cast(Answer, found)


class Pickled:
    """Chunks go to other processes as bytes, so that nothing but bytes can upset the pool's own queues."""

    def __init__(self, runner: Runner) -> None:
        import cloudpickle

        self._dumps: Callable[[object], bytes] = _dumps
        self._loads: Callable[[bytes], Answer] = cloudpickle.loads
        self._token = uuid.uuid4().hex
        self._runner = self._dumps(runner)

    def pack(self, payloads: list[object]) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Return a function and its arguments; raise what pickling raises."""
        return answer_pickled, (self._token, self._runner, self._dumps(payloads))

    def unpack(self, found: Any) -> Answer:
        """Return the answer that the bytes hold, one that says so where they cannot be read."""
        try:
            return self._loads(found)
        except Exception as error:
            return Answer(error, 0.0)


# ---- Pools


class Pool(Protocol):
    """Where chunks run."""

    #: How many chunks run at a time.
    workers: int
    #: What a future raises when its worker, or the whole pool, is gone.
    deaths: tuple[type[BaseException], ...]
    #: Whether `renew`, `replace` and `submit_apart` work.
    renewable: bool
    #: Whether workers may have loaded the code before this drive began, and can be replaced.
    is_old: bool
    cargo: Plain | Pickled

    def submit(self, function: Callable[..., Any], *args: object) -> Future[Any]:
        """Have a worker call `function`."""

    def submit_apart(self, function: Callable[..., Any], *args: object) -> Future[Any]:
        """Have a worker call `function` whose death is felt by no other call."""

    def renew(self) -> None:
        """Start again after a worker died."""

    def replace(self) -> None:
        """Stop workers that do nothing now, and have new ones."""

    def close(self, *, kill: bool) -> None:
        """Give back what this drive alone used; with `kill` stop workers in what they do."""


class GivenPool:
    """An executor of the user's: used as it is, never stopped or replaced."""

    deaths: tuple[type[BaseException], ...] = (BrokenExecutor,)
    renewable = False
    is_old = False

    def __init__(self, executor: Executor, runner: Runner, workers: int | None) -> None:
        # Interpreters look like threads to the standard library, yet share no objects.
        threads = isinstance(executor, ThreadPoolExecutor) and "Interpreter" not in type(executor).__name__
        self.cargo: Plain | Pickled = Plain(runner) if threads else Pickled(runner)
        self.workers = max(1, workers or getattr(executor, "_max_workers", None) or os.cpu_count() or 1)
        self._executor = executor

    def submit(self, function: Callable[..., Any], *args: object) -> Future[Any]:
        return self._executor.submit(function, *args)

    def submit_apart(self, function: Callable[..., Any], *args: object) -> Future[Any]:
        raise NotImplementedError

    def renew(self) -> None:
        raise NotImplementedError

    def replace(self) -> None:
        raise NotImplementedError

    def close(self, *, kill: bool) -> None:
        pass


class LokyPool:
    """joblib's loky workers, which outlive the drive and serve the next one."""

    renewable = True

    def __init__(self, runner: Runner, workers: int) -> None:
        from joblib.externals.loky.process_executor import ShutdownExecutorError

        self.workers = workers
        self.cargo: Plain | Pickled = Pickled(runner)
        self.deaths: tuple[type[BaseException], ...] = (BrokenExecutor, ShutdownExecutorError)
        threads = str(max(1, (os.cpu_count() or 1) // workers))
        # Workers that began in another folder, or with other variables, differ in these, and are not taken again.
        env = {**os.environ, **{name: os.environ.get(name, threads) for name in _THREAD_VARIABLES}}
        begin = {"initializer": _begin_worker, "initargs": (_working_folder(),), "env": env}
        self._options: dict[str, Any] = {"timeout": _IDLE_SECONDS, **begin}
        self._apart: dict[Executor, Future[Any]] = {}
        self._executor: Any = None
        self.is_old = False
        self.renew()

    def renew(self) -> None:
        self._start(reuse="auto")

    def replace(self) -> None:
        self._start(reuse=False)

    def _start(self, *, reuse: Any) -> None:
        from multiprocessing import resource_tracker

        from joblib.externals.loky import get_reusable_executor

        # Starting this helper lets Ctrl-C through again (before Python 3.12), so it is started first.
        resource_tracker.ensure_running()
        with _interrupts_later():
            self._executor = get_reusable_executor(max_workers=self.workers, reuse=reuse, **self._options)
        self.is_old = bool(getattr(self._executor, _SERVED, False))
        setattr(self._executor, _SERVED, True)

    def submit(self, function: Callable[..., Any], *args: object) -> Future[Any]:
        # Workers start in here: one that meets Ctrl-C while it starts would fill the terminal with its traceback.
        with _interrupts_later():
            return cast("Future[Any]", self._executor.submit(function, *args))

    def submit_apart(self, function: Callable[..., Any], *args: object) -> Future[Any]:
        while (executor := self._free_executor()) is not None:
            try:
                return self._submit_to(executor, function, *args)
            except self.deaths:  # its worker died while it had nothing to do
                del self._apart[executor]
        return self._submit_to(self._new_executor(), function, *args)

    def _submit_to(self, executor: Executor, function: Callable[..., Any], *args: object) -> Future[Any]:
        with _interrupts_later():
            future = executor.submit(function, *args)
        self._apart[executor] = future
        return future

    def _free_executor(self) -> Executor | None:
        """Return an executor whose one worker has done what it had to do, and forget those that are broken."""
        ended = {executor: future for executor, future in self._apart.items() if future.done()}
        for executor, future in ended.items():
            if not future.cancelled() and future.exception() is None:
                return executor
            del self._apart[executor]
        return None

    def _new_executor(self) -> Executor:
        from joblib.externals.loky import ProcessPoolExecutor

        with _interrupts_later():
            return cast(Executor, ProcessPoolExecutor(max_workers=1, **self._options))

    def close(self, *, kill: bool) -> None:
        doomed: list[Any] = [*self._apart, *([self._executor] if kill else [])]
        with _no_interrupts():
            threads = [threading.Thread(target=_shut_down, args=(executor, kill), daemon=True) for executor in doomed]
            for thread in threads:
                thread.start()
            end = time.monotonic() + _KILL_SECONDS
            for thread in threads if kill else ():
                thread.join(max(0.0, end - time.monotonic()))


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _shut_down(executor: Any, kill: bool) -> None:
    executor.shutdown(wait=kill, kill_workers=kill)


def make_pool(runner: Runner, n_jobs: int | None, executor: Executor | None) -> Pool | None:
    """Return where chunks run; None for here.

    Anything that is driven by submitting to it, and gives futures, finds its place here: an adapter of its own
    beside `GivenPool` is all that, say, a Dask client needs.
    """
    if executor is not None:
        return GivenPool(executor, runner, None if n_jobs is None or n_jobs < 1 else n_jobs)
    workers = _resolved(n_jobs)
    return LokyPool(runner, workers) if workers > 1 else None


def _resolved(n_jobs: int | None) -> int:
    # Where joblib has not been imported, its parallel_config has not been used.
    if n_jobs == 1 or (n_jobs is None and "joblib" not in sys.modules):
        return 1
    from joblib import effective_n_jobs

    return int(effective_n_jobs(n_jobs))


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Hold Ctrl-C back, here and in the processes and threads that are started meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C for a moment: one that is impatient must not keep workers from being stopped."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
