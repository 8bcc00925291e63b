"""The loop: ready tasks go out in chunks, outcomes come in, and a dead worker costs only its own task."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from typing import Any, Literal

from sweepable.errors import WorkerRefused
from sweepable.executors.order import Order, Outcome, OutcomeStatus, Task
from sweepable.executors.workers import Answer, Pool, Runner, answer, make_pool, ready

_log = logging.getLogger("sweepable")

#: How many times new workers may die before they did anything.
_MAX_STARTS = 3


def drive(
    tasks: Mapping[str, Task],
    runner: Runner,
    *,
    n_jobs: int | None = None,
    executor: Executor | None = None,
    chunk_seconds: float = 0.2,
    on_outcome: Callable[[Outcome], None],
) -> None:
    """Run all tasks, each after what it needs, and pass on how each of them ended.

    Parameters
    ----------
    tasks : mapping of str to Task
        By key, in the order in which they are to run. Needs that are not among them count as done.
    runner : Runner
        Called with lists of payloads, in this process or in workers.
    n_jobs : int, optional
        Number of worker processes, as in joblib: -1 for all cores, None for what ``joblib.parallel_config`` says,
        else 1, which runs everything in this process, one payload at a time.
    executor : concurrent.futures.Executor, optional
        Used instead, as it is.
    chunk_seconds : float
        How long a worker should be busy with one chunk of fast tasks.
    on_outcome : callable
        Called in this thread with each outcome, once per task. What it raises ends the drive.

    Raises
    ------
    ValueError
        Where tasks need each other.
    concurrent.futures.BrokenExecutor
        Where the executor given has lost its workers, or new workers die as soon as they start.
    """
    order = Order(tasks)
    if not tasks:
        return
    pool = make_pool(runner, n_jobs, executor)
    if pool is None:
        _drive_here(order, runner, on_outcome)
    else:
        Drive(order, pool, Pace(chunk_seconds), on_outcome).run()


def _drive_here(order: Order, runner: Runner, on_outcome: Callable[[Outcome], None]) -> None:
    while taken := order.take(1):
        for outcome in _outcomes(taken, _answer_here(runner, taken[0].payload)):
            for settled in order.settle(outcome):
                on_outcome(settled)


def _answer_here(runner: Runner, payload: object) -> Answer:
    found = answer(runner, [payload])
    if isinstance(found.outcomes, SystemExit):
        raise found.outcomes  # in this process it means this process
    return found


def _outcomes(tasks: list[Task], found: Answer) -> list[Outcome]:
    if isinstance(found.outcomes, BaseException):
        return [Outcome(task.key, "failed", found.outcomes) for task in tasks]
    return [outcome._replace(key=task.key) for task, outcome in zip(tasks, found.outcomes, strict=True)]


class Pace:
    """How many payloads make a chunk, from how long they took so far."""

    def __init__(self, chunk_seconds: float) -> None:
        self._aim = chunk_seconds
        self._each = 0.0
        self._size = 1

    def size(self, waiting: int, workers: int) -> int:
        """Return how many of the `waiting` payloads to send: never more than a fair share of them."""
        return max(1, min(self._size, waiting // (2 * workers)))

    def learn(self, count: int, seconds: float) -> None:
        """Take into account that `count` payloads took so long."""
        # Slow ones count at once, fast ones by and by: a chunk that is too long leaves other workers idle.
        each = seconds / count
        self._each = each if each > self._each else (self._each + each) / 2
        fitting = int(self._aim / max(self._each, 1e-9))
        self._size = max(1, min(fitting, 4 * max(count, self._size)))


@dataclass(slots=True)
class Chunk:
    """Tasks in flight."""

    tasks: list[Task]
    #: ``shared``: beside others in a pool that a death breaks for all. ``apart``: in a worker that is felt by no
    #: other. ``alone``: so, and with nothing else in flight.
    place: Literal["shared", "apart", "alone"]
    #: Whether anything else was in flight meanwhile.
    accompanied: bool = False


class Drive:
    """The state of a drive over a pool.

    When a worker dies, all that was in flight in its pool is suspect. Suspects run again one by one, each in a worker
    of its own; one whose worker dies again is ``killed``. Where the operating system may have chosen its victim among
    several (SIGKILL, as when memory runs out), it gets one more run with nothing else in flight.

    Workers that have outlived an earlier drive may run what was edited since. Where one of them refuses a task, or
    cannot read it, all are replaced by new ones, once; what these refuse is refused.
    """

    def __init__(self, order: Order, pool: Pool, pace: Pace, on_outcome: Callable[[Outcome], None]) -> None:
        self._order = order
        self._pool = pool
        self._pace = pace
        self._on_outcome = on_outcome
        self._flying: dict[Future[Any], Chunk] = {}
        #: To be sent one by one: of chunks for which the runner itself raised.
        self._singles: deque[Task] = deque()
        self._suspects: deque[Task] = deque()
        self._doubtful: deque[Task] = deque()
        #: What old workers have refused.
        self._refused: list[Task] = []
        #: Why the shared pool takes nothing more.
        self._broken: BaseException | None = None

    def run(self) -> None:
        """Go on until each task has an outcome."""
        kill = True
        try:
            while self._fill():
                for future in wait(self._flying, return_when=FIRST_COMPLETED).done:
                    self._receive(future)
            kill = False
        except BaseException as error:
            for future in self._flying:
                future.cancel()
            kill = isinstance(error, KeyboardInterrupt)
            raise
        finally:
            self._pool.close(kill=kill)

    # ---- Out

    def _fill(self) -> bool:
        """Have as much in flight as there should be; False once nothing is left."""
        while True:
            if self._broken is not None and not self._count("shared"):
                self._recover()
            if self._refused and not self._flying:
                self._begin_anew()
            self._submit_suspects()
            while self._broken is None and self._may_share() and (tasks := self._next_chunk()):
                self._submit(tasks, "shared")
            if self._flying or not self._work_left():
                return bool(self._flying)

    def _work_left(self) -> bool:
        return bool(self._broken or self._suspects or self._doubtful or self._singles or self._order.ready)

    def _count(self, place: str) -> int:
        return sum(chunk.place == place for chunk in self._flying.values())

    def _may_share(self) -> bool:
        to_isolate = self._suspects or self._doubtful or self._count("alone")
        return not (to_isolate or self._refused) and self._count("shared") < 2 * self._pool.workers

    def _next_chunk(self) -> list[Task]:
        if self._singles:
            return [self._singles.popleft()]
        return self._order.take(self._pace.size(self._order.ready, self._pool.workers))

    def _submit_suspects(self) -> None:
        if self._broken is not None:
            return
        while self._suspects and self._count("apart") < self._pool.workers:
            self._submit([self._suspects.popleft()], "apart")
        if self._doubtful and not self._flying:
            self._submit([self._doubtful.popleft()], "alone")

    def _submit(self, tasks: list[Task], place: Literal["shared", "apart", "alone"]) -> None:
        try:
            function, args = self._pool.cargo.pack([task.payload for task in tasks])
        except Exception as error:
            self._fail(tasks, error)
            return
        try:
            send = self._pool.submit if place == "shared" else self._pool.submit_apart
            future = send(function, *args)
        except self._pool.deaths as error:
            # It was broken before: these tasks have nothing to do with it.
            (self._singles if place == "shared" else self._suspects).extend(tasks)
            self._broken = error
            return
        for chunk in self._flying.values():
            chunk.accompanied = True
        self._flying[future] = Chunk(tasks, place, accompanied=bool(self._flying))

    # ---- In

    def _receive(self, future: Future[Any]) -> None:
        chunk = self._flying.pop(future)
        if future.cancelled():  # by somebody else
            self._singles.extend(chunk.tasks)
            self._broken = CancelledError("calls were cancelled by the executor")
        elif (error := future.exception()) is None:
            self._take_in(chunk, self._pool.cargo.unpack(future.result()))
        elif isinstance(error, self._pool.deaths):
            self._died(chunk, error)
        elif isinstance(error, KeyboardInterrupt):
            raise error
        else:
            self._fail(chunk.tasks, error)

    def _take_in(self, chunk: Chunk, found: Answer) -> None:
        is_old = chunk.place == "shared" and self._pool.is_old
        if isinstance(found.outcomes, BaseException):
            if is_old:
                self._refused.extend(chunk.tasks)
            else:
                self._fail(chunk.tasks, found.outcomes)
            return
        if chunk.place == "shared":
            self._pace.learn(len(chunk.tasks), found.seconds)
        for task, outcome in zip(chunk.tasks, _outcomes(chunk.tasks, found), strict=True):
            if is_old and outcome.status == "refused":
                self._refused.append(task)
            else:
                self._settle(outcome)

    def _begin_anew(self) -> None:
        """Have new workers do what the old ones would not."""
        _log.info(
            "workers that are older than the code refused %d calls; new ones take their place", len(self._refused)
        )
        self._order.give_back(self._refused)
        self._refused = []
        self._pool.replace()

    def _fail(self, tasks: list[Task], error: BaseException) -> None:
        """Settle a task for which the runner, or pickling, raised; of several, find out which it was."""
        if len(tasks) > 1:
            self._singles.extend(tasks)
        elif isinstance(error, WorkerRefused):
            self._settle_as("refused", tasks, str(error))
        else:
            self._settle_as("failed", tasks, error)

    def _settle_as(self, status: OutcomeStatus, tasks: list[Task], detail: object) -> None:
        for task in tasks:
            self._settle(Outcome(task.key, status, detail))

    def _settle(self, outcome: Outcome) -> None:
        for settled in self._order.settle(outcome):
            self._on_outcome(settled)

    # ---- Deaths

    def _died(self, chunk: Chunk, error: BaseException) -> None:
        if chunk.place == "shared":
            self._broken = error
        if chunk.place == "shared" and self._pool.renewable:
            self._suspects.extend(chunk.tasks)
        elif chunk.place == "apart" and chunk.accompanied and "SIGKILL" in str(error):
            self._doubtful.extend(chunk.tasks)
        else:
            self._settle_as("killed", chunk.tasks, _exit_text(error))

    def _recover(self) -> None:
        """Have workers again after a death, or raise BrokenExecutor."""
        error, self._broken = self._broken, None
        if not self._pool.renewable:
            raise BrokenExecutor(
                "the executor that was given has lost its workers: the calls these had taken count as killed, the "
                "others are still to be done. Go on with a new executor, or with n_jobs=, which replaces dead workers."
            ) from error
        _log.info("a worker died; %d calls run again, each in a worker of its own", len(self._suspects))
        for _ in range(_MAX_STARTS):
            self._pool.renew()
            try:
                self._pool.submit(ready).result()
                return
            except self._pool.deaths as again:
                error = again
        raise BrokenExecutor(f"new workers die as soon as they start: {_exit_text(error)}") from error


def _exit_text(error: BaseException | None) -> str:
    """Say how a worker died: by its exit code, where that is known."""
    codes = re.search(r"\{(.+?)\}", str(error))
    return f"its worker process died ({codes[1]})" if codes else f"its worker process died: {error}"
