"""The order of tasks: which are ready, which have to wait, and which can never run."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

#: How a task ended. What needs it goes on after ``done`` and ``hit`` only.
OutcomeStatus: TypeAlias = Literal["done", "failed", "refused", "killed", "blocked", "hit"]


class Task(NamedTuple):
    """One thing to do."""

    key: str
    #: What the runner is given for it.
    payload: object
    #: Keys of the tasks that must be done before.
    needs: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """How a task ended."""

    key: str
    status: OutcomeStatus
    #: Small and picklable. For ``blocked``: the key of the task that failed; for ``killed``: how its worker died.
    detail: object = None


class Order:
    """Tasks in the order given, each handed out once all it needs is done.

    Raises
    ------
    ValueError
        Where tasks need each other.
    """

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self._tasks = list(tasks.values())
        self._places = {key: place for place, key in enumerate(tasks)}
        self._dependants: dict[str, list[str]] = {}
        self._waiting: dict[str, int] = {}
        self._blocked: set[str] = set()
        for key, task in tasks.items():
            self._wait(key, {need for need in task.needs if need in tasks})
        # Places in rising order are a heap already.
        self._ready = [place for key, place in self._places.items() if key not in self._waiting]
        self._refuse_cycles()

    def _wait(self, key: str, needs: set[str]) -> None:
        if needs:
            self._waiting[key] = len(needs)
        for need in needs:
            self._dependants.setdefault(need, []).append(key)

    def _refuse_cycles(self) -> None:
        left = dict(self._waiting)
        free = [key for key in self._dependants if key not in left]
        while free:
            for key in self._dependants.get(free.pop(), ()):
                left[key] -= 1
                if not left[key]:
                    del left[key]
                    free.append(key)
        if left:
            raise ValueError(f"these tasks need each other: {' → '.join(self._cycle(left))}")

    def _cycle(self, left: Mapping[str, int]) -> list[str]:
        # Every task that is left needs another that is left: going on for ever closes a circle.
        path = [next(iter(left))]
        while path[-1] not in path[:-1]:
            path.append(next(need for need in self._tasks[self._places[path[-1]]].needs if need in left))
        return path[path.index(path[-1]) :]

    @property
    def ready(self) -> int:
        """How many tasks could be taken now."""
        return len(self._ready)

    def take(self, count: int) -> list[Task]:
        """Hand out up to `count` tasks that are ready."""
        return [self._tasks[heapq.heappop(self._ready)] for _ in range(min(count, len(self._ready)))]

    def give_back(self, tasks: list[Task]) -> None:
        """Take back tasks that were handed out and are still to be done."""
        for task in tasks:
            heapq.heappush(self._ready, self._places[task.key])

    def settle(self, outcome: Outcome) -> list[Outcome]:
        """Note how a task ended; return this and what follows of it: the tasks that can no longer run."""
        if outcome.status not in ("done", "hit"):
            return [outcome, *self._block(outcome.key)]
        for key in self._dependants.get(outcome.key, ()):
            self._waiting[key] -= 1
            if not self._waiting[key] and key not in self._blocked:
                heapq.heappush(self._ready, self._places[key])
        return [outcome]

    def _block(self, failed: str) -> list[Outcome]:
        found: list[str] = []
        below = [failed]
        while below:
            for key in self._dependants.get(below.pop(), ()):
                if key not in self._blocked:
                    self._blocked.add(key)
                    found.append(key)
                    below.append(key)
        return [Outcome(key, "blocked", failed) for key in sorted(found, key=self._places.__getitem__)]
